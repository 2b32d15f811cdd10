/* SPDX-License-Identifier: MIT */
/*
 * Who hears of what after the one who asked has changed or gone: owners of files, notifications,
 * exit signals, timers that nobody waits for, wait queues of processes, locks of closed descriptors.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define USER 1000

static void become_user(void)
{
	if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		_exit(99);
}

static int wait_for(pid_t pid)
{
	int status;

	return waitpid(pid, &status, __WALL) > 0 ? status : -1;
}

static sigset_t block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return set;
}

static int taken(int sig, int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000l };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return sigtimedwait(&set, NULL, &ts) == sig;
}

static int pending(int sig)
{
	sigset_t set;

	sigpending(&set);
	return sigismember(&set, sig);
}

/* --- F_SETOWN, O_ASYNC --- */

/* Makes p[0] tell `owner` by `sig`, and lets it become readable. */
static void aim(int p[2], int cmd, int owner, int sig)
{
	struct f_owner_ex ex = { F_OWNER_TID, owner };

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(cmd == F_SETOWN ? fcntl(p[0], F_SETOWN, owner) : fcntl(p[0], F_SETOWN_EX, &ex), 0);
	CHECK_EQ(fcntl(p[0], F_SETSIG, sig), 0);
	CHECK_EQ(fcntl(p[0], F_SETFL, O_ASYNC), 0);
}

static pid_t victim;
static int own_pipe[2];

/* As a user: root's processes, by each kind of owner, hear nothing; oneself does. */
static void user_aims(void)
{
	int p[4][2], own[2];

	become_user();
	block(SIGUSR1);
	aim(p[0], F_SETOWN, victim, SIGKILL);
	aim(p[1], F_SETOWN, -victim, SIGKILL);
	aim(p[2], F_SETOWN_EX, victim, SIGKILL);
	aim(p[3], F_SETOWN, victim, 0);
	aim(own, F_SETOWN, getpid(), SIGUSR1);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(write(p[i][1], "x", 1), 1);
	CHECK_EQ(write(own[1], "x", 1), 1);
	CHECK(taken(SIGUSR1, 5000));
	/* The owner's rights count, not those of who sets the signal or makes the file ready. */
	CHECK_EQ(write(own_pipe[1], "x", 1), 1);
}

static pid_t start_victim(int sig)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		block(sig);
		for (;;)
			pause();
	}
	setpgid(pid, pid);
	return pid;
}

static void owners(void)
{
	block(SIGUSR2);
	victim = start_victim(SIGUSR1);
	aim(own_pipe, F_SETOWN, getpid(), SIGUSR2);
	CHECK_EQ(in_child(user_aims), 0);
	CHECK(taken(SIGUSR2, 5000));
	CHECK_EQ(waitpid(victim, NULL, WNOHANG), 0);
	CHECK_EQ(kill(victim, 0), 0);
	close(own_pipe[0]);
	close(own_pipe[1]);
	kill(victim, SIGKILL);
	CHECK_EQ(wait_for(victim), SIGKILL);
}

/* What F_SETOWN says is kept: the process, not the number; numbers that nobody has. */
static void owner_values(void)
{
	struct f_owner_ex ex = { 7, 0 };
	pid_t pid = start_victim(SIGUSR1);
	int p[2];

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
	CHECK_ERR(fcntl(p[0], F_SETOWN, 0x7ffffff0), ESRCH);
	CHECK_ERR(fcntl(p[0], F_SETOWN, -0x7ffffff0), ESRCH);
	CHECK_ERR(fcntl(p[0], F_SETOWN, INT32_MIN), EINVAL);
	CHECK_ERR(fcntl(p[0], F_SETOWN_EX, &ex), EINVAL);
	ex = (struct f_owner_ex){ F_OWNER_PID, -1 };
	CHECK_ERR(fcntl(p[0], F_SETOWN_EX, &ex), ESRCH);
	CHECK_ERR(fcntl(p[0], F_SETSIG, 65), EINVAL);
	CHECK_ERR(fcntl(p[0], F_SETSIG, -1), EINVAL);
	ex = (struct f_owner_ex){ F_OWNER_TID, getpid() };
	CHECK_EQ(fcntl(p[0], F_SETOWN_EX, &ex), 0);
	ex = (struct f_owner_ex){ 7, 7 };
	CHECK_EQ(fcntl(p[0], F_GETOWN_EX, &ex), 0);
	CHECK(ex.type == F_OWNER_TID && ex.pid == getpid());
	ex = (struct f_owner_ex){ F_OWNER_PGRP, pid };
	CHECK_EQ(fcntl(p[0], F_SETOWN_EX, &ex), 0);
	CHECK_EQ(fcntl(p[0], F_GETOWN), -pid);
	CHECK_EQ(fcntl(p[1], F_SETOWN, pid), 0);
	CHECK_EQ(fcntl(p[1], F_GETOWN), pid);
	kill(pid, SIGKILL);
	wait_for(pid);
	CHECK_EQ(fcntl(p[0], F_GETOWN), 0);
	CHECK_EQ(fcntl(p[1], F_GETOWN), 0);
	CHECK_EQ(fcntl(p[1], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(p[1], F_SETOWN, 0), 0);
	CHECK_EQ(fcntl(p[1], F_GETOWN), 0);
	close(p[0]);
	close(p[1]);
}

/* O_ASYNC of an epoll, and of one that another watches. */
static void async_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(0), outer = epoll_create1(0), fd = eventfd(0, 0);

	block(SIGUSR1);
	CHECK_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
	CHECK_EQ(fcntl(ep, F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(ep, F_SETSIG, SIGUSR1), 0);
	/* Linux' epoll has no fasync: the flag is refused or without effect. */
	fcntl(ep, F_SETFL, O_ASYNC);
	fcntl(outer, F_SETFL, O_ASYNC);
	CHECK_EQ(eventfd_write(fd, 1), 0);
	CHECK_EQ(epoll_wait(outer, &e, 1, 0), 1);
	taken(SIGUSR1, 0);
	close(fd);
	close(ep);
	close(outer);
}

/* --- signals that a program chooses --- */

static void exit_signals(void)
{
	static const int numbers[] = { 0, 64, 65, 127, 128, 255 };
	struct clone_args args = { .exit_signal = 65 };

	block(SIGRTMAX);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		pid_t pid = (pid_t)syscall(SYS_clone, numbers[i], 0, 0, 0, 0);

		if (pid == 0)
			_exit(3);
		CHECK(pid > 0);
		CHECK_ERR(waitpid(pid, NULL, WNOHANG), ECHILD); /* not without __WCLONE */
		CHECK_EQ(wait_for(pid), 3 << 8);
		CHECK_EQ(taken(SIGRTMAX, 0), numbers[i] == 64);
	}
	CHECK_ERR(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	args.exit_signal = 256;
	CHECK_ERR(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	/* exec makes an ordinary child of it */
	pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0) {
		execl("/proc/self/exe", "lifetimes", "exit", NULL);
		_exit(9);
	}
	CHECK(pid > 0);
	while (waitpid(pid, NULL, WNOHANG | __WCLONE) == 0)
		sched_yield();
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* "lifetimes heir CHILD_PIPE": a child of the program before exec ends: it sends SIGCHLD. */
static int heir(const char *text)
{
	int fd = atoi(text);

	close(fd); /* lets the child end */
	while (waitpid(-1, NULL, __WALL) < 0 && errno == EINTR) {
	}
	return pending(SIGUSR1) ? 5 : !pending(SIGCHLD);
}
static void exit_signal_exec(void)
{
	char text[16];
	int p[2];

	CHECK_EQ(pipe(p), 0);
	block(SIGUSR1);
	block(SIGCHLD);
	if (syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0) == 0) {
		close(p[1]);
		if (read(p[0], text, 1) == 0)
			_exit(0);
		_exit(1);
	}
	snprintf(text, sizeof(text), "%d", p[1]);
	execl("/proc/self/exe", "lifetimes", "heir", text, NULL);
	CHECK(0);
}
static void exit_signal_kept(void)
{
	CHECK_EQ(in_child(exit_signal_exec), 0);
}

/* A parent that may not signal its child does not do so by dying either. */
static void parent_death(void)
{
	int up[2], down[2];
	pid_t pid;
	char c;

	CHECK_EQ(pipe(up), 0);
	CHECK_EQ(pipe(down), 0);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			close(down[1]);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (write(up[1], "r", 1) == 1 && read(down[0], &c, 1) == 0)
				_exit(7);
			_exit(1);
		}
		/* this one gives up its rights; its child stays root */
		close(down[1]);
		if (read(up[0], &c, 1) != 1)
			_exit(1);
		become_user();
		_exit(0);
	}
	CHECK_EQ(wait_for(pid), 0);
	close(down[1]);
	CHECK_EQ(wait_for(-1), 7 << 8);
	close(down[0]);
	close(up[0]);
	close(up[1]);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
	CHECK_ERR(prctl(PR_SET_PDEATHSIG, -1), EINVAL);
}

static void numbers_refused(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL };
	siginfo_t info = { .si_code = SI_QUEUE };
	int bad[] = { -1, 65, 128, 255, 1 << 30, INT32_MIN };
	timer_t t;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ev.sigev_signo = bad[i];
		CHECK_ERR(timer_create(CLOCK_MONOTONIC, &ev, &t), EINVAL);
		CHECK_ERR(kill(getpid(), bad[i]), EINVAL);
		CHECK_ERR(syscall(SYS_tkill, gettid(), bad[i]), EINVAL);
		CHECK_ERR(syscall(SYS_tgkill, getpid(), gettid(), bad[i]), EINVAL);
		CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), bad[i], &info), EINVAL);
		CHECK_ERR(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), bad[i], &info),
			  EINVAL);
	}
	ev.sigev_signo = 0;
	CHECK_ERR(timer_create(CLOCK_MONOTONIC, &ev, &t), EINVAL);
}

/* The owner of a master types ^C, ^\ and ^Z; nothing else. */
static void terminal_signals(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), ok[] = { SIGINT, SIGQUIT, SIGTSTP };
	int bad[] = { 0, SIGKILL, SIGSTOP, SIGHUP, SIGCONT, SIGWINCH, 64, 65, -1 };

	if (master < 0)
		SKIP_HERE("no terminals");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_ERR(ioctl(master, TIOCSIG, bad[i]), EINVAL);
	for (unsigned i = 0; i < sizeof(ok) / sizeof(*ok); i++)
		CHECK_EQ(ioctl(master, TIOCSIG, ok[i]), 0);
	close(master);
}

/* --- mq_notify --- */

static mqd_t queue;
static char queue_name[32];

static mqd_t open_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 8 };

	return mq_open(queue_name, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
}
static void notifications(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL };
	char buf[8];

	snprintf(queue_name, sizeof(queue_name), "/lifetimes.%d", (int)getpid());
	queue = open_queue();
	if (queue == (mqd_t)-1 && errno == ENOSYS)
		SKIP_HERE("no message queues");
	CHECK(queue != (mqd_t)-1);
	block(SIGUSR1);
	/* 0 is a signal that may be asked for */
	CHECK_EQ(mq_notify(queue, &ev), 0);
	CHECK_ERR(mq_notify(queue, &ev), EBUSY);
	CHECK_EQ(mq_send(queue, "x", 1, 0), 0);
	CHECK_EQ(mq_receive(queue, buf, sizeof(buf), NULL), 1);
	ev.sigev_signo = 65;
	CHECK_ERR(mq_notify(queue, &ev), EINVAL);
	ev.sigev_signo = -1;
	CHECK_ERR(mq_notify(queue, &ev), EINVAL);
	ev.sigev_signo = SIGUSR1;
	CHECK_EQ(mq_notify(queue, &ev), 0);
	CHECK_EQ(mq_send(queue, "x", 1, 0), 0);
	CHECK(taken(SIGUSR1, 0));
	CHECK_EQ(mq_receive(queue, buf, sizeof(buf), NULL), 1);
}

/* "lifetimes notified QUEUE": the program before exec asked for SIGUSR1. */
static int notified(const char *name)
{
	mqd_t q = mq_open(name, O_RDWR);

	if (q == (mqd_t)-1 || mq_send(q, "x", 1, 0))
		return 6;
	return pending(SIGUSR1) ? 5 : 0;
}
static void notify_exec(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };

	block(SIGUSR1);
	fcntl((int)queue, F_SETFD, 0); /* stays open */
	CHECK_EQ(mq_notify(queue, &ev), 0);
	execl("/proc/self/exe", "lifetimes", "notified", queue_name, NULL);
	CHECK(0);
}
static void notify_exec_forgets(void)
{
	if (queue == (mqd_t)-1)
		SKIP_HERE("no message queues");
	CHECK_EQ(in_child(notify_exec), 0);
	mq_close(queue);
	mq_unlink(queue_name);
}

/* --- timers --- */

static void set_timer(timer_t t, long value_ns, long interval_ns)
{
	struct itimerspec s = { { 0, interval_ns },
				{ value_ns / 1000000000, value_ns % 1000000000 } };

	CHECK_EQ(timer_settime(t, 0, &s, NULL), 0);
}

/* Tiny periods of timers that tell nobody, or somebody who does not listen: the program goes on. */
static void tiny_periods(void)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME,
					    CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	struct itimerval fast = { { 0, 1 }, { 0, 1 } }, off = { 0 };
	volatile unsigned long work = 0;
	timer_t t[12];
	unsigned n = 0;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGALRM, SIG_IGN);
	block(SIGUSR2);
	for (unsigned i = 0; i < 4; i++) {
		struct sigevent none = { .sigev_notify = SIGEV_NONE };
		struct sigevent ignored = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
		struct sigevent blocked = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };

		CHECK_EQ(timer_create(clocks[i], &none, &t[n++]), 0);
		CHECK_EQ(timer_create(clocks[i], &ignored, &t[n++]), 0);
		CHECK_EQ(timer_create(clocks[i], &blocked, &t[n++]), 0);
	}
	for (unsigned i = 0; i < n; i++)
		set_timer(t[i], 1, 1);
	setitimer(ITIMER_REAL, &fast, NULL);
	while (work < 20000000)
		work++;
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(timer_delete(t[i]), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	while (taken(SIGUSR2, 0)) {
	}
	signal(SIGUSR1, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
}

static void silent_timers(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	struct itimerspec s;
	timer_t t;

	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &none, &t), 0);
	CHECK_EQ(timer_gettime(t, &s), 0);
	CHECK(!s.it_value.tv_sec && !s.it_value.tv_nsec);
	set_timer(t, 900000000000l, 0);
	CHECK_EQ(timer_gettime(t, &s), 0);
	CHECK(s.it_value.tv_sec > 800 && s.it_value.tv_sec <= 900);
	/* one that is over is no longer set */
	set_timer(t, 1, 0);
	CHECK_EQ(timer_gettime(t, &s), 0);
	CHECK(!s.it_value.tv_sec && !s.it_value.tv_nsec);
	/* periods go on, though nobody is told */
	set_timer(t, 1, 999999999);
	CHECK_EQ(timer_gettime(t, &s), 0);
	CHECK(!s.it_value.tv_sec && s.it_value.tv_nsec && s.it_interval.tv_nsec == 999999999);
	set_timer(t, 0, 0);
	CHECK_EQ(timer_gettime(t, &s), 0);
	CHECK(!s.it_interval.tv_nsec);
	CHECK_EQ(timer_getoverrun(t), 0);
	CHECK_EQ(timer_delete(t), 0);
}

/* The alarm of a period that is blocked comes once; taken, it comes again. */
static void interval_taken(void)
{
	struct itimerval fast = { { 0, 1000 }, { 0, 1 } }, off = { 0 }, now;

	block(SIGALRM);
	CHECK_EQ(setitimer(ITIMER_REAL, &fast, NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK(taken(SIGALRM, 5000));
	CHECK_EQ(getitimer(ITIMER_REAL, &now), 0);
	CHECK_EQ(now.it_interval.tv_usec, 1000);
	off.it_interval.tv_usec = 1000; /* no value: no interval */
	CHECK_EQ(setitimer(ITIMER_REAL, &off, NULL), 0);
	CHECK_EQ(getitimer(ITIMER_REAL, &now), 0);
	CHECK(!now.it_interval.tv_usec && !now.it_value.tv_usec);
	while (taken(SIGALRM, 0)) {
	}
	raise(SIGALRM);
	CHECK(taken(SIGALRM, 0));
	CHECK(!taken(SIGALRM, 50));
}

/* RLIMIT_SIGPENDING is for all timers; root alone is counted here, in a user of its own. */
static void many_timers(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	int n = 0;
	timer_t t;

	become_user();
	while (n < 300 && !timer_create(CLOCK_MONOTONIC, &none, &t))
		n++;
	CHECK(n <= 100);
	CHECK_EQ(errno, EAGAIN);
}
static void limit_and_make(void)
{
	struct rlimit {
		unsigned long cur, max;
	} l = { 100, 100 };

	CHECK_EQ(syscall(SYS_prlimit64, 0, 11, &l, NULL), 0); /* RLIMIT_SIGPENDING */
	many_timers();
}
static void timers_counted(void)
{
	CHECK_EQ(in_child(limit_and_make), 0);
}

/* --- wait queues of others --- */

static int send_fd(int s, int fd)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} u = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
		       .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS } };
	struct iovec v = { "x", 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u.space)
	};

	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	return sendmsg(s, &m, 0) == 1 ? 0 : -1;
}
static int receive_fd(int s)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} u;
	char c;
	struct iovec v = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u.space)
	};
	int fd;

	if (recvmsg(s, &m, 0) != 1 || m.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(&u.h), sizeof(fd));
	return fd;
}

/* An epoll and a file with O_ASYNC that wait on a process that has ended, in others' hands. */
static void signalfd_of_the_dead(void)
{
	int eps[32], fds[32], s[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	for (int i = 0; i < 32; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct epoll_event e = { .events = EPOLLIN | (i & 1 ? EPOLLET : 0) };
			sigset_t set = block(SIGUSR1);
			int ep = epoll_create1(0), fd = signalfd(-1, &set, 0);

			fcntl(fd, F_SETOWN, getppid());
			fcntl(fd, F_SETFL, O_ASYNC);
			_exit(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) || send_fd(s[0], ep) ||
			      send_fd(s[0], fd));
		}
		CHECK_EQ(wait_for(pid), 0);
		eps[i] = receive_fd(s[1]);
		fds[i] = receive_fd(s[1]);
		CHECK(eps[i] >= 0 && fds[i] >= 0);
	}
	/* new processes, perhaps in the same memory, that wait for signals meanwhile */
	for (int i = 0; i < 32; i++) {
		sigset_t set;
		int fd, gate[2];
		pid_t pid;

		CHECK_EQ(pipe(gate), 0);
		pid = fork();
		if (pid == 0) {
			struct pollfd p;

			set = block(SIGUSR2);
			fd = signalfd(-1, &set, 0);
			p = (struct pollfd){ .fd = fd, .events = POLLIN };
			if (write(gate[1], "x", 1) != 1)
				_exit(1);
			_exit(poll(&p, 1, 10000) != 1);
		}
		char c;

		CHECK_EQ(read(gate[0], &c, 1), 1);
		close(eps[i]);
		close(fds[i]);
		kill(pid, SIGUSR2);
		CHECK_EQ(wait_for(pid), 0);
		close(gate[0]);
		close(gate[1]);
	}
	close(s[0]);
	close(s[1]);
}

/* A packet that carries the last reference to an epoll is read without asking for it. */
static void packet_with_epoll(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

	for (int i = 0; i < 3; i++) {
		int s[2], ep = epoll_create1(0), fd = eventfd(0, 0);
		char c;

		CHECK_EQ(socketpair(AF_UNIX, types[i], 0, s), 0);
		CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
		CHECK_EQ(send_fd(s[0], ep), 0);
		CHECK_EQ(send_fd(s[0], fd), 0);
		close(ep);
		close(fd);
		CHECK_EQ(read(s[1], &c, 1), 1);
		CHECK_EQ(read(s[1], &c, 1), 1);
		close(s[0]);
		close(s[1]);
	}
}

/* --- locks --- */

static int lock_fd;
static atomic_int lock_stop;

static void *flock_loop(void *arg)
{
	for (unsigned n = (unsigned)(uintptr_t)arg; !lock_stop; n++)
		flock(lock_fd, (n & 1 ? LOCK_EX : LOCK_SH) | (n & 2 ? LOCK_NB : 0));
	return NULL;
}
/* Threads change the type of one file's lock: it has one, and none when it is closed. */
static void flock_race(void)
{
	char name[48];
	pthread_t t[4];
	int other;

	snprintf(name, sizeof(name), "/tmp/lifetimes.%d", (int)getpid());
	for (int round = 0; round < 10; round++) {
		lock_fd = open(name, O_CREAT | O_RDWR, 0600);
		other = open(name, O_RDWR);
		lock_stop = 0;
		for (uintptr_t i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, flock_loop, (void *)i);
		usleep(30000);
		lock_stop = 1;
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		close(lock_fd);
		CHECK_EQ(flock(other, LOCK_EX | LOCK_NB), 0);
		close(other);
		unlink(name);
	}
}

static void *lock_waiter(void *arg)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	errno = 0;
	if (fcntl(lock_fd, F_SETLKW, &fl) == 0)
		return NULL;
	return (void *)(uintptr_t)errno;
}
/* The descriptor is closed while a thread waits for a lock by it, and another process has the same
 * file: the lock does not stay. */
static void posix_lock_of_closed(void)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int other, up[2], down[2];
	char name[48], c;
	pid_t holder, keeper;
	pthread_t t;
	void *err;

	snprintf(name, sizeof(name), "/tmp/lifetimes.%d", (int)getpid());
	lock_fd = open(name, O_CREAT | O_RDWR, 0600);
	CHECK_EQ(pipe(up), 0);
	CHECK_EQ(pipe(down), 0);
	holder = fork();
	if (holder == 0) {
		int fd = open(name, O_RDWR);

		close(down[1]);
		if (fcntl(fd, F_SETLK, &fl) || write(up[1], "x", 1) != 1)
			_exit(1);
		_exit(read(down[0], &c, 1) != 1);
	}
	CHECK_EQ(read(up[0], &c, 1), 1);
	keeper = fork(); /* has the file open, and no lock */
	if (keeper == 0) {
		close(down[1]);
		close(up[0]);
		pause();
	}
	pthread_create(&t, NULL, lock_waiter, NULL);
	usleep(100000);
	close(lock_fd);
	CHECK_EQ(write(down[1], "x", 1), 1);
	CHECK_EQ(wait_for(holder), 0);
	pthread_join(t, &err);
	CHECK_EQ((uintptr_t)err, EBADF);
	other = open(name, O_RDWR);
	CHECK_EQ(fcntl(other, F_OFD_GETLK, &fl), 0);
	CHECK_EQ(fl.l_type, F_UNLCK);
	kill(keeper, SIGKILL);
	wait_for(keeper);
	unlink(name);
	close(other);
	for (int i = 0; i < 2; i++) {
		close(up[i]);
		close(down[i]);
	}
}

/* --- epolls that watch epolls --- */

static int watch(int ep, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

/* How often `inner` can be watched by `outer`, through descriptors of its own. */
static int watch_often(int outer, int inner, int most)
{
	for (int i = 0; i < most; i++) {
		int fd = dup(inner);

		if (fd < 0 || watch(outer, fd)) {
			int error = errno;

			close(fd);
			errno = error;
			return i;
		}
	}
	return most;
}

static void ways(int levels, const int *times, int expect)
{
	int ep[6] = { -1 }, fd = eventfd(0, EFD_NONBLOCK), got = 0;
	struct epoll_event e;

	for (int i = 0; i <= levels; i++)
		ep[i] = epoll_create1(0);
	CHECK_EQ(watch(ep[0], fd), 0);
	for (int i = 0; i < levels; i++)
		got = watch_often(ep[i + 1], ep[i], times[i]);
	CHECK_EQ(got, expect);
	if (expect < times[levels - 1])
		CHECK_EQ(errno, EINVAL);
	CHECK_EQ(eventfd_write(fd, 1), 0);
	CHECK_EQ(epoll_wait(ep[levels], &e, 1, 0), 1);
	syscall(SYS_close_range, ep[0], ~0u, 0);
	close(fd);
}

static void epoll_ways(void)
{
	ways(1, (int[]){ 510 }, 500);
	ways(2, (int[]){ 4, 30 }, 25);
	ways(2, (int[]){ 1, 110 }, 100);
	ways(3, (int[]){ 1, 1, 60 }, 50);
	ways(4, (int[]){ 1, 1, 1, 20 }, 10);
	ways(4, (int[]){ 1, 2, 2, 20 }, 2);
}

/* The same when the file comes last, and when one comes to an epoll that others watch. */
static void epoll_ways_late(void)
{
	int ep[5], fd = eventfd(0, EFD_NONBLOCK), p[2];

	for (int i = 0; i < 5; i++)
		ep[i] = epoll_create1(0);
	/* no file below: no ways */
	CHECK_EQ(watch_often(ep[1], ep[0], 30), 30);
	CHECK_EQ(watch_often(ep[2], ep[1], 30), 30);
	CHECK_EQ(watch_often(ep[3], ep[2], 30), 30);
	CHECK_ERR(watch(ep[0], fd), EINVAL);
	CHECK_ERR(watch(ep[1], fd), EINVAL);
	CHECK_EQ(watch(ep[2], fd), 0);
	CHECK_EQ(watch(ep[3], fd), 0);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(watch(ep[4], p[0]), 0);
	CHECK_ERR(watch(ep[0], ep[4]), EINVAL);
	CHECK_EQ(watch(ep[3], ep[4]), 0);
	CHECK_EQ(watch(ep[4], fd), 0);
	CHECK_ERR(watch(ep[4], ep[3]), ELOOP);
	syscall(SYS_close_range, fd, ~0u, 0);
}

static atomic_int nest_stop;
static int nest[3];
static void *nest_leaves(void *arg)
{
	while (!nest_stop) {
		int fd = eventfd(1, 0);

		watch(nest[0], fd);
		if ((uintptr_t)arg & 1)
			epoll_ctl(nest[0], EPOLL_CTL_DEL, fd, NULL);
		close(fd);
	}
	return NULL;
}
static void *nest_links(void *arg)
{
	while (!nest_stop) {
		watch(nest[2], nest[1]);
		watch(nest[1], nest[0]);
		epoll_ctl(nest[1], EPOLL_CTL_DEL, nest[0], NULL);
		epoll_ctl(nest[2], EPOLL_CTL_DEL, nest[1], NULL);
	}
	return arg;
}
/* Files come and go while the links above them do. */
static void epoll_nest_race(void)
{
	pthread_t t[4];

	for (int i = 0; i < 3; i++)
		nest[i] = epoll_create1(0);
	nest_stop = 0;
	for (uintptr_t i = 0; i < 2; i++) {
		pthread_create(&t[i], NULL, nest_leaves, (void *)i);
		pthread_create(&t[i + 2], NULL, nest_links, NULL);
	}
	usleep(300000);
	nest_stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 3; i++)
		close(nest[i]);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "exit"))
		return 0;
	if (argc > 2 && !strcmp(argv[1], "heir"))
		return heir(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "notified"))
		return notified(argv[2]);
	alarm(300);
	RUN(owners);
	RUN(owner_values);
	RUN(async_epoll);
	RUN(exit_signals);
	RUN(exit_signal_kept);
	RUN(parent_death);
	RUN(numbers_refused);
	RUN(terminal_signals);
	RUN(notifications);
	RUN(notify_exec_forgets);
	RUN(silent_timers);
	RUN(timers_counted);
	RUN(signalfd_of_the_dead);
	RUN(packet_with_epoll);
	RUN(flock_race);
	RUN(posix_lock_of_closed);
	RUN(epoll_ways);
	RUN(epoll_ways_late);
	RUN(epoll_nest_race);
	RUN(interval_taken); /* ends the alarm */
	RUN(tiny_periods);
	return test_done();
}
