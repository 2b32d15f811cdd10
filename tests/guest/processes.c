/* SPDX-License-Identifier: MIT */
/* Processes: clone in all its forms, exec, exit, wait, groups, sessions, ids, limits. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <time.h>

extern char **environ;
static char *self_path;

static void wait_statuses(void)
{
	struct rusage ru;
	siginfo_t si;
	pid_t pid;
	int st;

	fflush(stdout);
	for (int code = 0; code < 256; code += 51) {
		pid = fork();
		if (!pid)
			_exit(code);
		CHECK_EQ(wait4(pid, &st, 0, &ru), pid);
		CHECK(WIFEXITED(st));
		CHECK_EQ(WEXITSTATUS(st), code);
	}
	pid = fork();
	if (!pid)
		_exit(3);
	memset(&si, 0, sizeof(si));
	CHECK_EQ(waitid(P_PID, pid, &si, WEXITED | WNOWAIT), 0);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_status, 3);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(waitid(P_ALL, 0, &si, WEXITED), 0);
	CHECK_EQ(si.si_pid, pid);
	CHECK_ERR(waitpid(pid, &st, 0), ECHILD);
	CHECK_ERR(waitpid(-1, &st, 0), ECHILD);
	CHECK_ERR(waitpid(-1, &st, 0x100), EINVAL);
	CHECK_ERR(waitid(P_ALL, 0, &si, 0), EINVAL);
	CHECK_ERR(waitid(99, 0, &si, WEXITED), EINVAL);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &st, WNOHANG), 0);
	memset(&si, 1, sizeof(si));
	CHECK_EQ(waitid(P_PID, pid, &si, WEXITED | WNOHANG), 0);
	CHECK_EQ(si.si_pid, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(0, &st, 0), pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
}

static int shared_value;
static void cow(void)
{
	static int page[4096];
	int *sh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int st;

	shared_value = 1;
	page[0] = 5;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		shared_value = 2;
		page[0] = 6;
		*sh = 7;
		_exit(shared_value == 2 && page[0] == 6 ? 0 : 1);
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	CHECK_EQ(shared_value, 1);
	CHECK_EQ(page[0], 5);
	CHECK_EQ(*sh, 7);
	munmap(sh, 4096);
}

static void vforks(void)
{
	volatile int x = 1;
	int st;
	pid_t pid = vfork();

	if (!pid) {
		x = 2;
		_exit(9);
	}
	CHECK_EQ(x, 2);
	waitpid(pid, &st, 0);
	CHECK_EQ(WEXITSTATUS(st), 9);
}

static void spawn(void)
{
	char *argv[] = { self_path, "--exit", "17", NULL };
	pid_t pid;
	int st;

	CHECK_EQ(posix_spawn(&pid, self_path, NULL, NULL, argv, environ), 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(WEXITSTATUS(st), 17);
	CHECK_EQ(posix_spawn(&pid, "/does/not/exist", NULL, NULL, argv, environ), ENOENT);
}

static int on_stack(void *arg)
{
	*(int *)arg = 42;
	return 11;
}
static void raw_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int v = 0, st, fd = -1, tid = 0;
	pid_t pid;

	pid = clone(on_stack, stack + sizeof(stack), CLONE_VM | SIGCHLD, &v);
	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(WEXITSTATUS(st), 11);
	CHECK_EQ(v, 42);
	/* no signal: only __WCLONE or __WALL sees it */
	pid = clone(on_stack, stack + sizeof(stack), CLONE_VM, &v);
	CHECK_ERR(waitpid(pid, &st, 0), ECHILD);
	CHECK_EQ(waitpid(pid, &st, __WCLONE), pid);
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0), EINVAL);
	pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
	if (!pid)
		_exit(4);
	CHECK(fd >= 0);
	struct pollfd pf = { .fd = fd, .events = POLLIN };
	CHECK_EQ(poll(&pf, 1, 5000), 1);
	siginfo_t si;
	CHECK_EQ(waitid(P_PIDFD, fd, &si, WEXITED), 0);
	CHECK_EQ(si.si_status, 4);
	close(fd);
	pid = syscall(SYS_clone, CLONE_CHILD_SETTID | CLONE_PARENT_SETTID | SIGCHLD, 0, &v, &tid,
		      0);
	if (!pid)
		_exit(tid == getpid() ? 0 : 1);
	CHECK_EQ(v, pid);
	CHECK_EQ(tid, 0);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
}

static void clone3s(void)
{
	struct clone_args a;
	int st, pidfd = -1;
	long pid;

	memset(&a, 0, sizeof(a));
	a.exit_signal = SIGCHLD;
	a.flags = CLONE_PIDFD;
	a.pidfd = (uintptr_t)&pidfd;
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (!pid)
		_exit(8);
	CHECK(pid > 0 && pidfd >= 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0), 0);
	CHECK_EQ(waitpid((pid_t)pid, &st, 0), pid);
	CHECK_EQ(WEXITSTATUS(st), 8);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0), ESRCH);
	close(pidfd);
	CHECK_ERR(syscall(SYS_clone3, &a, 8), EINVAL);
	CHECK_ERR(syscall(SYS_clone3, &a, 100000), E2BIG);
	CHECK_ERR(syscall(SYS_clone3, NULL, sizeof(a)), EFAULT);
	a.exit_signal = 99;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
	a.exit_signal = SIGCHLD;
	a.stack = 4096;
	CHECK_ERR(syscall(SYS_clone3, &a, sizeof(a)), EINVAL);
}

static void pidfds(void)
{
	int st, fd;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	struct pollfd pf = { .fd = fd, .events = POLLIN };
	CHECK_EQ(poll(&pf, 1, 0), 0);
	CHECK_EQ(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0), 0);
	CHECK_EQ(poll(&pf, 1, 5000), 1);
	waitpid(pid, &st, 0);
	CHECK_EQ(WTERMSIG(st), SIGTERM);
	close(fd);
	CHECK_ERR(syscall(SYS_pidfd_open, 999999, 0), ESRCH);
	CHECK_ERR(syscall(SYS_pidfd_open, -1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, 0, SIGTERM, NULL, 0), EBADF);
}

/* --- exec --- */

static void *spin(void *arg)
{
	for (;;)
		(*(volatile int *)arg)++;
	return NULL;
}
static void *exec_it(void *arg)
{
	char *argv[] = { self_path, "--pid-is", arg, NULL };

	execv(self_path, argv);
	_exit(99);
}
static void exec_from_thread(void)
{
	static int x;
	char buf[32];
	pthread_t t;
	int st;

	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		sprintf(buf, "%d", getpid());
		pthread_create(&t, NULL, spin, &x);
		pthread_create(&t, NULL, spin, &x);
		pthread_create(&t, NULL, exec_it, buf);
		for (;;)
			pause();
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFEXITED(st));
	CHECK_EQ(WEXITSTATUS(st), 0);
}

static void exec_state(void)
{
	char *argv[] = { self_path, "--state", NULL };
	sigset_t s;
	int st;

	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		signal(SIGUSR1, SIG_IGN);
		signal(SIGUSR2, (void (*)(int))exec_state);
		sigemptyset(&s);
		sigaddset(&s, SIGHUP);
		sigprocmask(SIG_BLOCK, &s, NULL);
		raise(SIGHUP);
		int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), fd2 = open("/dev/null", O_RDONLY);
		if (fd != 3 || fd2 != 4)
			_exit(98);
		execv(self_path, argv);
		_exit(99);
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(WEXITSTATUS(st), 0);
}
static int check_state(void)
{
	struct sigaction sa;
	char name[16];
	sigset_t s;

	sigaction(SIGUSR1, NULL, &sa);
	if (sa.sa_handler != SIG_IGN)
		return 1;
	sigaction(SIGUSR2, NULL, &sa);
	if (sa.sa_handler != SIG_DFL)
		return 2;
	sigprocmask(SIG_BLOCK, NULL, &s);
	if (!sigismember(&s, SIGHUP))
		return 3;
	sigpending(&s);
	if (!sigismember(&s, SIGHUP))
		return 4;
	if (fcntl(3, F_GETFD) != -1 || fcntl(4, F_GETFD) == -1)
		return 5;
	prctl(PR_GET_NAME, name);
	if (strncmp(name, "processes", 9))
		return 6;
	return 0;
}

/* --- exit --- */

static void *exit_thread(void *arg)
{
	usleep(20000);
	exit(23);
}
static void group_exits(void)
{
	pthread_t t;
	int st;

	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, exit_thread, NULL);
		for (;;)
			pause();
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(WEXITSTATUS(st), 23);
	/* the leader goes first: the process lives on, its status is the leader's */
	pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, exit_thread, NULL);
		pthread_exit(NULL);
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(WEXITSTATUS(st), 23);
	pid = fork();
	if (!pid) {
		pthread_create(&t, NULL, spin, &st);
		usleep(1000);
		raise(SIGTERM);
		_exit(1);
	}
	waitpid(pid, &st, 0);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
}

static void orphans(void)
{
	int p[2], st;
	pid_t pid, ppid = 0, me = getpid();

	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	if (pipe(p))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pid_t gc = fork();
		if (!gc) {
			usleep(50000);
			ppid = getppid();
			if (write(p[1], &ppid, sizeof(ppid)) < 0)
				_exit(1);
			_exit(6);
		}
		_exit(0);
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(read(p[0], &ppid, sizeof(ppid)), sizeof(ppid));
	CHECK_EQ(ppid, me);
	CHECK(wait(&st) > 0);
	CHECK_EQ(WEXITSTATUS(st), 6);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	close(p[0]);
	close(p[1]);
}

static void pdeath(void)
{
	int p[2], st;
	char c;

	if (pipe(p))
		return;
	fflush(stdout);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pid_t pid = fork();
	if (!pid) {
		pid_t gc = fork();
		if (!gc) {
			close(p[0]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (write(p[1], "x", 1) < 0)
				_exit(1);
			pause();
		}
		close(p[1]);
		if (read(p[0], &c, 1) != 1)
			_exit(1);
		_exit(0);
	}
	close(p[1]);
	waitpid(pid, &st, 0);
	CHECK_EQ(read(p[0], &c, 1), 0);
	CHECK(wait(&st) > 0);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	close(p[0]);
}

/* --- groups and sessions --- */

static void groups(void)
{
	int st;
	pid_t pid;

	CHECK_EQ(getpgid(0), getpgrp());
	CHECK_ERR(getpgid(999999), ESRCH);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		int bad = 0;

		bad |= setpgid(0, 0) != 0;
		bad |= getpgrp() != getpid();
		bad |= setsid() != -1 || errno != EPERM;
		pid_t c = fork();
		if (!c) {
			bad = setsid() != getpid();
			bad |= getsid(0) != getpid() || getpgrp() != getpid();
			bad |= setpgid(0, 0) != -1 || errno != EPERM;
			_exit(bad);
		}
		waitpid(c, &st, 0);
		_exit(bad | WEXITSTATUS(st) << 1);
	}
	waitpid(pid, &st, 0);
	CHECK_EQ(WEXITSTATUS(st), 0);
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	CHECK_EQ(setpgid(pid, pid), 0);
	CHECK_EQ(getpgid(pid), pid);
	CHECK_ERR(setpgid(pid, 999999), EPERM);
	CHECK_ERR(setpgid(999999, 0), ESRCH);
	CHECK_EQ(kill(-pid, SIGTERM), 0);
	CHECK_EQ(waitpid(-pid, &st, 0), pid);
	CHECK_EQ(WTERMSIG(st), SIGTERM);
	CHECK_ERR(kill(-pid, 0), ESRCH);
}

/* --- limits, usage, prctl --- */

static void limits(void)
{
	struct rlimit r, old;
	int fds[64], n = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	r = old;
	r.rlim_cur = 20;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &r), 0);
	while (n < 64 && (fds[n] = dup(1)) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	while (n > 0)
		close(fds[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	r.rlim_cur = 10;
	r.rlim_max = 5;
	CHECK_ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
	CHECK_ERR(syscall(SYS_prlimit64, 0, 99, NULL, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_prlimit64, 999999, 0, NULL, NULL), ESRCH);
	CHECK_EQ(prlimit(getpid(), RLIMIT_STACK, NULL, &r), 0);
}

static void burn(long ms)
{
	struct timespec t;
	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	} while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}
static void cpu_limited(void)
{
	struct rlimit r = { 1, 2 };

	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	setrlimit(RLIMIT_CPU, &r);
	burn(10000);
}
static void cpu_limit(void)
{
	CHECK_EQ(in_child(cpu_limited), 256 + SIGXCPU);
}

static void usage(void)
{
	struct rusage ru;
	struct tms t;

	burn(60);
	CHECK_EQ(getrusage(RUSAGE_SELF, &ru), 0);
	CHECK(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec +
		      1000000 * (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) >=
	      50000);
	CHECK(ru.ru_maxrss > 0);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &ru), 0);
	CHECK_EQ(getrusage(RUSAGE_THREAD, &ru), 0);
	CHECK_ERR(getrusage(5, &ru), EINVAL);
	CHECK(times(&t) != -1);
	CHECK(t.tms_utime + t.tms_stime >= 4);
}

static void prctls(void)
{
	char name[16];
	int v;

	CHECK_EQ(prctl(PR_SET_NAME, "a-name-that-is-too-long"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK(!strcmp(name, "a-name-that-is-"));
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	CHECK_EQ(prctl(PR_GET_PDEATHSIG, &v), 0);
	CHECK_EQ(v, SIGUSR1);
	prctl(PR_SET_PDEATHSIG, 0);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_ERR(prctl(12345, 0, 0, 0, 0), EINVAL);
}

static void vm_access(void)
{
	int st, p[2];
	static char text[6000] = "hello from the parent";
	char buf[6000];
	struct iovec l = { buf, sizeof(buf) }, r = { text, sizeof(text) };
	pid_t pid;

	if (pipe(p))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		strcpy(text, "hello from the child");
		if (write(p[1], "x", 1) < 0)
			_exit(1);
		pause();
	}
	if (read(p[0], buf, 1) != 1)
		return;
	CHECK_EQ(process_vm_readv(pid, &l, 1, &r, 1, 0), sizeof(text));
	CHECK(!strcmp(buf, "hello from the child"));
	r.iov_base = (void *)16;
	CHECK_ERR(process_vm_readv(pid, &l, 1, &r, 1, 0), EFAULT);
	CHECK_ERR(process_vm_readv(999999, &l, 1, &r, 1, 0), ESRCH);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	close(p[0]);
	close(p[1]);
}

/* --- races --- */

static void fork_storm(void)
{
	int st, n = 0;

	fflush(stdout);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 20; i++) {
			pid_t pid = fork();
			if (!pid)
				_exit(i);
			CHECK(pid > 0);
		}
		while (wait(&st) > 0)
			n++;
	}
	CHECK_EQ(n, 400);
}
static void *fork_thread(void *arg)
{
	for (int i = 0; i < 50; i++) {
		int st;
		pid_t pid = fork();
		if (!pid)
			_exit(i);
		if (waitpid(pid, &st, 0) != pid || WEXITSTATUS(st) != i)
			return (void *)1;
	}
	return NULL;
}
static void fork_from_threads(void)
{
	pthread_t t[4];
	void *r;

	fflush(stdout);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, fork_thread, NULL);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &r);
		CHECK(!r);
	}
}
static void kill_race(void)
{
	int st;

	fflush(stdout);
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();
		if (!pid) {
			pthread_t t;
			for (int k = 0; k < 3; k++)
				pthread_create(&t, NULL, spin, &st);
			for (;;)
				pause();
		}
		if (i % 3)
			usleep(i * 13 % 700);
		kill(pid, SIGKILL);
		CHECK_EQ(waitpid(pid, &st, 0), pid);
		CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL);
	}
}

int main(int argc, char **argv)
{
	self_path = argv[0];
	if (argc > 2 && !strcmp(argv[1], "--exit"))
		return atoi(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "--pid-is"))
		return atoi(argv[2]) != getpid() || syscall(SYS_gettid) != getpid();
	if (argc > 1 && !strcmp(argv[1], "--state"))
		return check_state();
	RUN(wait_statuses);
	RUN(cow);
	RUN(vforks);
	RUN(spawn);
	RUN(raw_clone);
	RUN(clone3s);
	RUN(pidfds);
	RUN(exec_from_thread);
	RUN(exec_state);
	RUN(group_exits);
	RUN(orphans);
	RUN(pdeath);
	RUN(groups);
	RUN(limits);
	RUN(cpu_limit);
	RUN(usage);
	RUN(prctls);
	RUN(vm_access);
	RUN(fork_storm);
	RUN(fork_from_threads);
	RUN(kill_race);
	return test_done();
}
