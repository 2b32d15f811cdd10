/* SPDX-License-Identifier: MIT */
/* Memory, futexes, IPC, timers, signals, processes. */
#define _GNU_SOURCE
#include "objects.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- memory --- */
void op_memory(struct self *t)
{
	size_t at = (size_t)below(t, ARENA / 4096) << 12, n = (size_t)(1 + below(t, 16)) << 12;
	char *p = arena + at;
	struct iovec here = { p, 64 }, there = { arena, 64 };

	n = n > ARENA - at ? ARENA - at : n;
	switch (below(t, 9)) {
	case 0:
		mmap(p, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 1: mmap(p, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd(t), 0); break;
	case 2: mmap(p, n, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd(t), 0); break;
	case 3: mprotect(p, n, (int)below(t, 4)); break;
	case 4: madvise(p, n, MADV_DONTNEED); break;
	case 5: msync(p, n, MS_SYNC); break;
	case 6: mremap(p, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, arena + (ARENA - n)); break;
	case 7: process_vm_writev(world->pids[below(t, PROCESSES)], &here, 1, &there, 1, 0); break;
	default: (void)!write(world->counter, p, 0), (void)!pread(t->known, p, n, 0); break;
	}
}

static _Thread_local sigjmp_buf touch_failed;
static _Thread_local volatile sig_atomic_t touching;

/* The program's own accesses: page faults, which may end in SIGSEGV and SIGBUS. */
void op_touch(struct self *t)
{
	volatile char *p = arena + below(t, ARENA);

	if (!sigsetjmp(touch_failed, 1)) {
		touching = 1;
		if (below(t, 2)) {
			*p = 1;
		} else {
			(void)*p;
		}
	}
	touching = 0;
}

void touch_fault(void)
{
	if (touching) {
		siglongjmp(touch_failed, 1);
	}
}

/* --- futexes, IPC --- */
void op_futex(struct self *t)
{
	struct timespec soon = { 0, below(t, 2000000) }, at;
	_Atomic uint32_t *w = &world->futex[below(t, FUTEXES)], *pi = &world->pi[below(t, FUTEXES)];
	uint32_t zero = 0, me = (uint32_t)gettid();

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += 1000000;
	at.tv_sec += at.tv_nsec / 1000000000, at.tv_nsec %= 1000000000;
	switch (below(t, 6)) {
	case 0: syscall(SYS_futex, w, FUTEX_WAIT, *w, &soon); break;
	case 1: atomic_fetch_add(w, 1), syscall(SYS_futex, w, FUTEX_WAKE, 1 + below(t, 4)); break;
	case 2:
		syscall(SYS_futex, w, FUTEX_REQUEUE, 1, (void *)2,
			&world->futex[below(t, FUTEXES)]);
		break;
	case 3: syscall(SYS_futex, w, FUTEX_WAIT_REQUEUE_PI, *w, &at, pi); break;
	case 4: syscall(SYS_futex, w, FUTEX_CMP_REQUEUE_PI, 1, (void *)4, pi, *w); break;
	default:
		if ((atomic_compare_exchange_strong(pi, &zero, me) ||
		     !syscall(SYS_futex, pi, FUTEX_LOCK_PI, 0, &at)) &&
		    below(t, 16)) {
			zero = me;
			if (!atomic_compare_exchange_strong(pi, &zero, 0)) {
				syscall(SYS_futex, pi, FUTEX_UNLOCK_PI);
			}
		} else {
			*pi = 0; /* lies about the owner happen, too */
		}
	}
}

void op_ipc(struct self *t)
{
	struct sembuf ops[2] = { { (unsigned short)below(t, 4), (short)(below(t, 3) - 1),
				   IPC_NOWAIT | SEM_UNDO },
				 { (unsigned short)below(t, 4), 1, IPC_NOWAIT } };
	struct timespec soon = { 0, 1000000 };
	struct {
		long type;
		char text[100];
	} m = { 1 + below(t, 3), { 0 } };
	char mq[16];
	mqd_t q;
	void *p;

	switch (below(t, 6)) {
	case 0: syscall(SYS_semtimedop, world->semaphores, ops, 2, &soon); break;
	case 1: msgsnd(world->messages, &m, below(t, 100), IPC_NOWAIT); break;
	case 2:
		msgrcv(world->messages, &m, 100, (long)below(t, 4), IPC_NOWAIT | MSG_NOERROR);
		break;
	case 3:
		p = shmat(world->segment, NULL, 0);
		if (p != (void *)-1) {
			(*(_Atomic int *)p)++;
			shmdt(p);
		}
		break;
	default:
		snprintf(mq, sizeof(mq), "/objects%u", below(t, 2));
		q = mq_open(mq, O_RDWR | O_CREAT | O_NONBLOCK, 0666, NULL);
		if (q >= 0) {
			struct sigevent e = { .sigev_notify = SIGEV_SIGNAL,
					      .sigev_signo = below(t, 2) ? SIGUSR1 : 0 };
			char big[8192];

			mq_notify(q, &e);
			mq_send(q, big, below(t, 100), below(t, 3));
			mq_receive(q, big, sizeof(big), NULL);
			mq_close(q);
		}
		if (!below(t, 4)) {
			mq_unlink(mq);
		}
	}
}

/* --- processes, signals, time --- */
void op_timer(struct self *t)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME,
					    CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	struct sigevent e = { .sigev_notify = below(t, 3) ? SIGEV_SIGNAL : SIGEV_NONE,
			      .sigev_signo = SIGUSR1 };
	struct itimerspec when = { { 0, below(t, 3) * 500 }, { 0, 1 + below(t, 2000000) } };

	if (t->has_timer) {
		timer_settime(t->timer, 0, &when, NULL);
		if (!below(t, 3)) {
			timer_delete(t->timer);
			t->has_timer = 0;
		}
	} else {
		t->has_timer = !timer_create(clocks[below(t, 4)], &e, &t->timer);
	}
}

void op_signal(struct self *t)
{
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	sigset_t set;

	switch (below(t, 4)) {
	case 0: kill(world->pids[below(t, PROCESSES)], SIGUSR1); break;
	case 1: syscall(SYS_pidfd_send_signal, fd(t), SIGUSR1, NULL, 0); break;
	case 2: syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info); break;
	default:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		pthread_sigmask(below(t, 2) ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	}
}

void op_child(struct self *t)
{
	unsigned kind = below(t, 4);
	pid_t pid = kind == 3 ? (pid_t)syscall(SYS_vfork) : fork();
	int f = fd(t);

	if (pid == 0) {
		if (kind == 3) {
			_exit(0);
		}
		alarm(10);
		if (kind == 0) { /* holds what it has until it is killed */
			close(f);
			pause();
		}
		if (kind == 1 && !setresuid(1000 + below(t, 2), 1000, 1000)) {
			op_names(t);
			op_data(t);
			op_memory(t);
		}
		_exit(0);
	}
	if (pid > 0) {
		if (kind == 0) {
			usleep(below(t, 2000));
			kill(pid, SIGKILL);
		}
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
}

void op_proc(struct self *t)
{
	static const char *const files[] = { "status",	"maps",	    "stat", "fd",     "mem",
					     "environ", "fdinfo/5", "task", "cmdline" };
	char path[64], buf[512];
	int f;

	snprintf(path, sizeof(path), "/proc/%d/%s", world->pids[below(t, PROCESSES)],
		 files[below(t, 9)]);
	f = open(path, O_RDONLY | O_NONBLOCK);
	if (f >= 0) {
		(void)!read(f, buf, sizeof(buf));
		syscall(SYS_getdents64, f, buf, sizeof(buf));
		keep(t, f);
	}
}
