/* SPDX-License-Identifier: MIT */
/*
 * Concurrent programs on shared objects: processes of several threads each, that work at the same
 * time on the same descriptors, names, mappings, sockets, futexes, timers, IPC objects and
 * credentials, fork, are killed, and send each other descriptors of all kinds.
 *
 *     objects [SECONDS [SEED [DIR]]]    in /tmp/objects and DIR, which is /objects by default
 *
 * Most results depend on who came first and are not looked at.  Checked is what holds in any order:
 * memory and a file that only one thread knows keep their contents, shared counters end at the sum of
 * what was added, nobody stands still, and when all have ended no process is left, the names can be
 * removed and memory is back.  It also runs on Linux, where it must pass.
 *
 * The seed is printed; what one thread does follows from it, what happens between them does not.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = 4, THREADS = 3, SLOTS = 24, FUTEXES = 4, ARENA = 1 << 20, STALL_SECONDS = 90 };

/* What all processes share. */
struct world {
	_Atomic uint64_t ops, added;
	_Atomic int stop, failures;
	_Atomic pid_t pids[PROCESSES];
	_Atomic uint32_t futex[FUTEXES], pi[FUTEXES];
	struct {
		_Atomic(const char *) op;
		_Atomic uint64_t count;
	} doing[PROCESSES][THREADS];
	int posts[PROCESSES][2]; /* sockets by which descriptors travel */
	int counter;		 /* an eventfd: the sum of what was added */
	int semaphores, messages, segment;
};
static struct world *world;
static const char *dirs[] = { "/tmp/objects", "/objects" }; /* tmpfs and the share */

/* A thread's own. */
struct self {
	uint64_t rng;
	unsigned process, thread;
	int known;	  /* a file that nobody else has */
	uint64_t *memory; /* mapped privately, never handed to an operation */
	uint64_t value;	  /* what both contain */
	timer_t timer;
	int has_timer;
};
/* One process' descriptors, without a lock: threads close and reuse them under each other. */
static _Atomic int slots[SLOTS];
static char *arena; /* what operations map over, protect and throw away */

static uint64_t rnd(struct self *t)
{
	t->rng ^= t->rng << 13;
	t->rng ^= t->rng >> 7;
	t->rng ^= t->rng << 17;
	return t->rng * 0x2545f4914f6cdd1dull >> 16;
}

static unsigned below(struct self *t, unsigned n)
{
	return (unsigned)(rnd(t) % n);
}

static void failed(struct self *t, const char *what)
{
	printf("FAILED: process %u thread %u: %s (errno %d)\n", t->process, t->thread, what, errno);
	fflush(stdout);
	world->failures++;
}

static int fd(struct self *t)
{
	return slots[below(t, SLOTS)];
}

/* Takes a new descriptor; the one in its place is closed, whoever uses it. */
static void keep(struct self *t, int new_fd)
{
	if (new_fd >= 0) {
		int old = atomic_exchange(&slots[below(t, SLOTS)], new_fd);

		if (old >= 0) {
			close(old);
		}
	}
}

static void keep_pair(struct self *t, int err, const int p[2])
{
	if (!err) {
		keep(t, p[0]);
		keep(t, p[1]);
	}
}

static const char *name(struct self *t, char *buf)
{
	unsigned r = below(t, 1 << 10);

	snprintf(buf, 64, "%s/d%u%s/n%u", dirs[r & 1], r >> 1 & 1, r >> 2 & 1 ? "/sub" : "",
		 r >> 3 & 7);
	return buf;
}

static const char *directory(struct self *t, char *buf)
{
	unsigned r = below(t, 8);

	snprintf(buf, 64, "%s/d%u%s", dirs[r & 1], r >> 1 & 1, r >> 2 & 1 ? "/sub" : "");
	return buf;
}

/* --- files and names --- */
static void op_open(struct self *t)
{
	static const int flags[] = { O_RDONLY,		O_WRONLY,	  O_RDWR,
				     O_RDWR | O_APPEND, O_RDWR | O_TRUNC, O_PATH };
	char a[64];
	int f = flags[below(t, 6)] | (below(t, 2) ? O_CREAT : 0) | (below(t, 8) ? 0 : O_EXCL);

	keep(t, open(name(t, a), f | O_NONBLOCK | O_CLOEXEC, 0666));
}

static void op_names(struct self *t)
{
	char a[64], b[64];

	name(t, a);
	name(t, b);
	switch (below(t, 12)) {
	case 0: rename(a, b); break;
	case 1: syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */); break;
	case 2: link(a, b); break;
	case 3: unlink(a); break;
	case 4: symlink(b, a); break;
	case 5: mkdir(a, 0777); break;
	case 6: rmdir(a); break;
	case 7: rename(directory(t, a), directory(t, b)); break;
	case 8: mkdir(directory(t, a), 0777); break;
	case 9: mkfifo(a, 0666); break;
	case 10: truncate(a, below(t, 20000)); break;
	default: chmod(a, 0600 | below(t, 0200)); break;
	}
}

static void op_look(struct self *t)
{
	struct stat st;
	char a[64], buf[256];
	DIR *d;

	switch (below(t, 5)) {
	case 0: stat(name(t, a), &st); break;
	case 1: fstat(fd(t), &st); break;
	case 2: (void)!readlink(name(t, a), buf, sizeof(buf)); break;
	case 3: access(name(t, a), (int)below(t, 8)); break;
	default:
		d = opendir(directory(t, a));
		while (d && readdir(d)) {
		}
		if (d) {
			closedir(d);
		}
	}
}

static void op_data(struct self *t)
{
	static _Thread_local char buf[20000];
	size_t n = below(t, 4) ? below(t, 200) : below(t, sizeof(buf));
	off_t at = below(t, 30000);

	switch (below(t, 10)) {
	case 0: (void)!read(fd(t), buf, n); break;
	case 1: (void)!write(fd(t), buf, n); break;
	case 2: (void)!pread(fd(t), buf, n, at); break;
	case 3: (void)!pwrite(fd(t), buf, n, at); break;
	case 4: (void)!ftruncate(fd(t), at); break;
	case 5: fallocate(fd(t), (int)below(t, 4), at, (off_t)n + 1); break;
	case 6: (void)!splice(fd(t), NULL, fd(t), NULL, n, SPLICE_F_NONBLOCK); break;
	case 7: (void)!tee(fd(t), fd(t), n, SPLICE_F_NONBLOCK); break;
	case 8: (void)!sendfile(fd(t), fd(t), NULL, n); break;
	default: (void)!copy_file_range(fd(t), NULL, fd(t), NULL, n, 0); break;
	}
}

static void op_locks(struct self *t)
{
	static const int how[] = { LOCK_SH, LOCK_EX, LOCK_UN };
	struct flock l = { .l_type = (short)below(t, 3),
			   .l_start = below(t, 64),
			   .l_len = below(t, 64) };

	switch (below(t, 3)) {
	case 0: flock(fd(t), how[below(t, 3)] | LOCK_NB); break;
	case 1: fcntl(fd(t), F_SETLK, &l); break;
	default: fcntl(fd(t), F_OFD_SETLK, &l); break;
	}
}

static void op_descriptors(struct self *t)
{
	switch (below(t, 6)) {
	case 0: keep(t, dup(fd(t))); break;
	case 1: keep(t, fcntl(fd(t), F_DUPFD_CLOEXEC, (int)below(t, 60))); break;
	case 2: dup2(fd(t), fd(t)); break;
	case 3: {
		int old = atomic_exchange(&slots[below(t, SLOTS)], -1);

		if (old >= 0) {
			close(old);
		}
		break;
	}
	case 4: {
		int n = 0;

		ioctl(fd(t), FIONREAD, &n);
		break;
	}
	default: (void)!fsync(fd(t)); break;
	}
}

static void op_async(struct self *t)
{
	int f = fd(t);

	fcntl(f, F_SETOWN, below(t, 2) ? getpid() : -getpid());
	fcntl(f, F_SETSIG, below(t, 2) ? SIGUSR1 : 0);
	fcntl(f, F_SETFL, O_NONBLOCK | (below(t, 2) ? O_ASYNC : 0));
}

/* --- objects with a descriptor --- */
static void op_make(struct self *t)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int p[2] = { -1, -1 };
	sigset_t set;

	switch (below(t, 9)) {
	case 0: keep_pair(t, pipe2(p, O_NONBLOCK | O_CLOEXEC), p); break;
	case 1:
		keep_pair(t, socketpair(AF_UNIX, types[below(t, 3)] | SOCK_NONBLOCK, 0, p), p);
		break;
	case 2: keep(t, eventfd(below(t, 3), EFD_NONBLOCK)); break;
	case 3: keep(t, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)); break;
	case 4:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		keep(t, signalfd(-1, &set, SFD_NONBLOCK));
		break;
	case 5: keep(t, inotify_init1(IN_NONBLOCK)); break;
	case 6: keep(t, (int)syscall(SYS_memfd_create, "m", below(t, 4))); break;
	case 7: keep(t, open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)); break;
	default: keep(t, (int)syscall(SYS_pidfd_open, world->pids[below(t, PROCESSES)], 0)); break;
	}
}

static void op_drive(struct self *t)
{
	struct itimerspec when = { .it_value.tv_nsec = 1 + below(t, 3000000),
				   .it_interval.tv_nsec = below(t, 2) * 1000 };
	char a[64];

	switch (below(t, 4)) {
	case 0: timerfd_settime(fd(t), 0, &when, NULL); break;
	case 1: inotify_add_watch(fd(t), directory(t, a), IN_ALL_EVENTS); break;
	case 2: inotify_rm_watch(fd(t), (int)below(t, 4)); break;
	default: fcntl(fd(t), 1033 /* F_ADD_SEALS */, (int)below(t, 32) & ~1); break;
	}
}

static void op_epoll(struct self *t)
{
	struct epoll_event e = { .events = below(t, 2) ? EPOLLIN | EPOLLET : EPOLLIN | EPOLLOUT },
			   got[8];
	struct pollfd p[4];

	switch (below(t, 8)) {
	case 0: keep(t, epoll_create1(0)); break;
	case 1:
	case 2:
	case 3: epoll_ctl(fd(t), EPOLL_CTL_ADD, fd(t), &e); break;
	case 4: epoll_ctl(fd(t), EPOLL_CTL_MOD, fd(t), &e); break;
	case 5: epoll_ctl(fd(t), EPOLL_CTL_DEL, fd(t), &e); break;
	case 6: epoll_wait(fd(t), got, 8, (int)below(t, 3)); break;
	default:
		for (int i = 0; i < 4; i++) {
			p[i] = (struct pollfd){ fd(t), POLLIN | POLLOUT, 0 };
		}
		poll(p, 4, (int)below(t, 3));
	}
}

/* --- sockets --- */
static void op_socket(struct self *t)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)(5000 + below(t, 4))),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int local = (int)below(t, 2), one = 1;
	struct sockaddr *addr = local ? (void *)&un : (void *)&in;
	socklen_t len = local ? sizeof(un) : sizeof(in);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s%u", dirs[0], below(t, 4));
	switch (below(t, 10)) {
	case 0:
	case 1:
		keep(t, socket(local ? AF_UNIX : AF_INET,
			       (below(t, 3) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0));
		break;
	case 2:
		if (local && !below(t, 3)) {
			unlink(un.sun_path);
		}
		setsockopt(fd(t), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		bind(fd(t), addr, len);
		break;
	case 3: listen(fd(t), (int)below(t, 4)); break;
	case 4:
	case 5: connect(fd(t), addr, len); break;
	case 6:
	case 7: keep(t, accept4(fd(t), NULL, NULL, SOCK_NONBLOCK)); break;
	case 8: shutdown(fd(t), (int)below(t, 3)); break;
	default: {
		struct linger l = { 1, 0 };

		setsockopt(fd(t), SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	}
	}
}

/* A descriptor to another process, or into any socket, also itself; or one from there. */
static void op_pass(struct self *t)
{
	char data = 'x', control[CMSG_SPACE(4 * sizeof(int))] = { 0 };
	struct iovec v = { &data, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int post = world->posts[below(t, PROCESSES)][below(t, 2)], s = below(t, 2) ? post : fd(t);
	struct cmsghdr *c;

	if (below(t, 2)) {
		c = CMSG_FIRSTHDR(&m);
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS,
		c->cmsg_len = CMSG_LEN(sizeof(int));
		*(int *)CMSG_DATA(c) = fd(t);
		sendmsg(s, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (recvmsg(s, &m, MSG_DONTWAIT | (below(t, 8) ? 0 : MSG_PEEK)) > 0) {
		for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			for (size_t i = 0; c->cmsg_type == SCM_RIGHTS &&
					   i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			     i++) {
				keep(t, ((int *)CMSG_DATA(c))[i]);
			}
		}
	}
}

/* --- memory --- */
static void op_memory(struct self *t)
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
static void op_touch(struct self *t)
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

/* --- futexes, IPC --- */
static void op_futex(struct self *t)
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

static void op_ipc(struct self *t)
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
static void op_timer(struct self *t)
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

static void op_signal(struct self *t)
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

static void op_child(struct self *t)
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

static void op_proc(struct self *t)
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

/* --- what must hold --- */
static void op_check(struct self *t)
{
	uint64_t seen[8], one = 1;
	uint64_t *p = t->memory + below(t, 4096 / 8 * 4 - 8);
	off_t at = below(t, 4096 * 4 / 8 - 8) * 8;

	for (int i = 0; i < 8; i++) {
		if (p[i] != t->value) {
			failed(t, "private memory has changed");
		}
	}
	if (pread(t->known, seen, sizeof(seen), at) != sizeof(seen)) {
		failed(t, "a private file can't be read");
	} else if (seen[0] != t->value || seen[7] != t->value) {
		failed(t, "a private file has changed");
	}
	if (write(world->counter, &one, sizeof(one)) == sizeof(one)) {
		world->added++;
	}
}

static const struct op {
	void (*run)(struct self *t);
	const char *name;
	unsigned weight;
} ops[] = {
	{ op_open, "open", 8 },	     { op_names, "names", 8 },
	{ op_look, "look", 5 },	     { op_data, "data", 12 },
	{ op_locks, "locks", 6 },    { op_descriptors, "descriptors", 5 },
	{ op_async, "async", 3 },    { op_make, "make", 10 },
	{ op_drive, "drive", 4 },    { op_epoll, "epoll", 12 },
	{ op_socket, "socket", 12 }, { op_pass, "pass", 10 },
	{ op_memory, "memory", 10 }, { op_touch, "touch", 10 },
	{ op_futex, "futex", 8 },    { op_ipc, "ipc", 5 },
	{ op_timer, "timer", 4 },    { op_signal, "signal", 4 },
	{ op_child, "child", 2 },    { op_proc, "proc", 3 },
	{ op_check, "check", 5 },
};

/* --- the run --- */
static void on_signal(int sig)
{
	if ((sig == SIGSEGV || sig == SIGBUS) && touching) {
		siglongjmp(touch_failed, 1);
	}
	if (sig == SIGSEGV || sig == SIGBUS) {
		signal(sig, SIG_DFL); /* a fault that nobody asked for */
	}
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(sig, &sa, NULL);
}

static const struct op *pick(struct self *t)
{
	static unsigned sum;
	unsigned all = sum, r;

	for (size_t i = 0; !all && i < sizeof(ops) / sizeof(*ops); i++) {
		all += ops[i].weight;
	}
	sum = all;
	r = below(t, all);
	for (const struct op *o = ops;; r -= o++->weight) {
		if (r < o->weight) {
			return o;
		}
	}
}

static void *thread_run(void *arg)
{
	struct self *t = arg;
	char path[64];

	snprintf(path, sizeof(path), "%s/known%u.%u", dirs[t->thread & 1], t->process, t->thread);
	t->known = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	t->memory = mmap(NULL, 4096 * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	t->value = rnd(t);
	for (int i = 0; i < 4096 * 4 / 8; i++) {
		t->memory[i] = t->value;
	}
	if (write(t->known, t->memory, 4096 * 4) != 4096 * 4) {
		failed(t, "can't write a private file");
		return NULL;
	}
	fcntl(t->known, F_SETFD, FD_CLOEXEC);
	while (!world->stop) {
		const struct op *o = pick(t);

		world->doing[t->process][t->thread].op = o->name;
		o->run(t);
		world->doing[t->process][t->thread].count++;
		world->ops++;
	}
	op_check(t);
	unlink(path);
	return NULL;
}

/* One process: its threads, whom the first one wakes from whatever they sleep in. */
static void process_run(unsigned process, uint64_t seed)
{
	static struct self selves[THREADS];
	pthread_t threads[THREADS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < SLOTS; i++) {
		slots[i] = -1;
	}
	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (unsigned i = 0; i < THREADS; i++) {
		selves[i] = (struct self){ .rng = (seed + 1) * 0x9e3779b97f4a7c15ull +
						  process * THREADS + i + 1,
					   .process = process,
					   .thread = i };
		for (int k = 0; k < 8; k++) {
			rnd(&selves[i]);
		}
		if (pthread_create(&threads[i], NULL, thread_run, &selves[i])) {
			failed(&selves[i], "pthread_create");
			_exit(1);
		}
	}
	while (!world->stop) {
		usleep(50000);
		for (unsigned i = 0; i < THREADS; i++) {
			pthread_kill(threads[i], SIGURG);
		}
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	_exit(0);
}

static void show_doing(void)
{
	for (int p = 0; p < PROCESSES; p++) {
		for (int i = 0; i < THREADS; i++) {
			printf("objects: process %d thread %d: %s, %llu done\n", p, i,
			       world->doing[p][i].op, (unsigned long long)world->doing[p][i].count);
		}
	}
}

/* Until the time is up or all stand still; then until all have ended. */
static void watch(unsigned seconds)
{
	uint64_t last = 0;
	unsigned still = 0, alive = PROCESSES;
	int status;
	pid_t pid;

	for (unsigned s = 0; alive && still < STALL_SECONDS; s++) {
		sleep(1);
		world->stop |= s + 1 >= seconds;
		still = world->ops == last ? still + 1 : 0;
		last = world->ops;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			alive--;
			if (status || !world->stop) {
				printf("FAILED: process %d ended with status %#x\n", pid, status);
				world->failures++;
				world->stop = 1;
			}
		}
		if (s % 10 == 9) {
			printf("objects: %u s, %llu operations\n", s + 1, (unsigned long long)last);
			fflush(stdout);
		}
	}
	if (alive) {
		printf("FAILED: %u processes stand still\n", alive);
		show_doing();
		world->failures++;
		for (int p = 0; p < PROCESSES; p++) {
			kill(world->pids[p], SIGKILL);
		}
	}
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	if (remove(path)) {
		printf("FAILED: can't remove %s: %s\n", path, strerror(errno));
		world->failures++;
	}
	return 0;
}

static long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return (long)((si.freeram + si.bufferram) * si.mem_unit / 1024);
}

static void make_world(void)
{
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	for (int i = 0; i < PROCESSES; i++) {
		(void)!socketpair(AF_UNIX, i & 1 ? SOCK_STREAM : SOCK_DGRAM, 0, world->posts[i]);
	}
	world->counter = eventfd(0, EFD_NONBLOCK);
	world->semaphores = semget(IPC_PRIVATE, 4, 0600);
	world->messages = msgget(IPC_PRIVATE, 0600);
	world->segment = shmget(IPC_PRIVATE, 4096, 0600);
	for (int d = 0; d < 2; d++) {
		nftw(dirs[d], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
		mkdir(dirs[d], 0777);
		chmod(dirs[d], 0777);
	}
}

static void end_world(void)
{
	uint64_t sum = 0;

	if ((read(world->counter, &sum, sizeof(sum)) != sizeof(sum) && world->added) ||
	    sum != world->added) {
		printf("FAILED: %llu was added, the sum is %llu\n",
		       (unsigned long long)world->added, (unsigned long long)sum);
		world->failures++;
	}
	for (int i = 0; i < PROCESSES; i++) {
		close(world->posts[i][0]), close(world->posts[i][1]);
	}
	close(world->counter);
	semctl(world->semaphores, 0, IPC_RMID);
	msgctl(world->messages, IPC_RMID, NULL);
	shmctl(world->segment, IPC_RMID, NULL);
	mq_unlink("/objects0"), mq_unlink("/objects1");
	for (int d = 0; d < 2; d++) {
		nftw(dirs[d], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	}
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
		puts("FAILED: a child is left");
		world->failures++;
	}
}

/* The number of failures. */
static int round_of(unsigned seconds, uint64_t seed)
{
	uint64_t done;
	int failures;

	make_world();
	for (unsigned p = 0; p < PROCESSES; p++) {
		pid_t pid = fork();

		if (!pid) {
			process_run(p, seed);
		}
		world->pids[p] = pid;
	}
	watch(seconds);
	end_world();
	done = world->ops, failures = world->failures;
	munmap(world, sizeof(*world));
	printf("objects: %llu operations\n", (unsigned long long)done);
	return failures;
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 60;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0)
				 : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
	struct utsname u;
	long before;
	int failures;

	dirs[1] = argc > 3 ? argv[3] : dirs[1];
	printf("objects: seed %#llx, %u s\n", (unsigned long long)seed, seconds);
	fflush(stdout);
	for (int sig = 1; sig < 32; sig++) {
		if (sig == SIGUSR1 || sig == SIGURG || sig == SIGIO || sig == SIGSEGV ||
		    sig == SIGBUS) {
			handle(sig);
		}
	}
	signal(SIGPIPE, SIG_IGN);
	failures = round_of(2, seed + 1); /* warms up */
	before = free_kib();
	failures += round_of(seconds, seed);
	uname(&u);
	usleep(500000);
	printf("objects: %ld KiB free before, %ld KiB after\n", before, free_kib());
	if (strstr(u.version, "orrida") && free_kib() < before - 8192) {
		puts("FAILED: memory is not back");
		failures++;
	}
	puts(failures ? "objects: FAILED" : "objects: ok");
	return failures != 0;
}
