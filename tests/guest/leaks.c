/* SPDX-License-Identifier: MIT */
/*
 * What a killed process leaves: nothing.  For each kind of object a child makes many and is killed
 * by SIGKILL in the middle of their use; after a few rounds as much memory is free as before.  On a
 * machine with other programs the figure swings, and caches grow once: so only growth in each of
 * many attempts is a leak.
 * TEST_OPTIONS: --memory 64M
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>

enum { WARM_UP = 3, ROUNDS = 4, ATTEMPTS = 40, SLACK_KIB = 48 };

static char block[16384];

static long free_kib(void)
{
	struct sysinfo s;

	sysinfo(&s);
	return (long)(s.freeram * s.mem_unit / 1024);
}

/* A child that could not make what it should says so. */
static void must(int ok, const char *what, int line)
{
	if (!ok) {
		printf("# line %d: %s (errno %d)\n", line, what, errno);
		fflush(stdout);
		_exit(1);
	}
}
#define MUST(cond) must((cond) != 0, #cond, __LINE__)

static void one_round(void (*make)(void))
{
	int ready[2], status;
	char c = 0;
	pid_t pid;

	fflush(stdout);
	if (pipe(ready))
		exit(3);
	pid = fork();
	if (pid == 0) {
		make();
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(ready[0]);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* the child's, if we are process 1 */
	/* AF_UNIX sockets that only packets refer to end some time after another one closes. */
	close(socket(AF_UNIX, SOCK_STREAM, 0));
}

static void no_growth(void (*make)(void))
{
	long growth = 0;

	for (int i = 0; i < WARM_UP; i++)
		one_round(make);
	for (int i = 0; i < ATTEMPTS; i++) {
		long before = free_kib();

		for (int k = 0; k < ROUNDS && !test_failed_here; k++)
			one_round(make);
		growth = before - free_kib();
		/* Natively the memory is the whole host's, and others use it too: what the kinds make is
		 * tried there, what they leave is asked in the VM. */
		if (growth <= SLACK_KIB || test_failed_here || !on_corrida())
			return;
	}
	printf("# %ld KiB are gone after %d rounds, each time\n", growth, ROUNDS);
	test_failed_here = 1;
}
/* KIND(name) { ... }: what the child makes. */
#define KIND(name)                      \
	static void make_##name(void);  \
	static void test_##name(void)   \
	{                               \
		no_growth(make_##name); \
	}                               \
	static void make_##name(void)

/* Threads that end with the process. */
static void start(void *(*fn)(void *), void *arg)
{
	pthread_attr_t a;
	pthread_t t;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	MUST(pthread_create(&t, &a, fn, arg) == 0);
}

/* --- pipes, descriptors --- */
KIND(pipes)
{
	for (int i = 0; i < 40; i++) {
		int p[2];

		MUST(pipe2(p, O_NONBLOCK) == 0);
		while (write(p[1], block, sizeof(block)) > 0)
			;
	}
}
static void *read_for_ever(void *arg)
{
	char c;

	(void)!read(*(int *)arg, &c, 1);
	return NULL;
}
KIND(readers)
{
	static int p[20][2];

	for (int i = 0; i < 20; i++) {
		MUST(pipe(p[i]) == 0);
		start(read_for_ever, &p[i][0]);
	}
	poll(NULL, 0, 1);
}
KIND(events)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 80; i++) {
		struct itimerspec t = { { 1, 0 }, { 0, 1000000 } };
		int fd = timerfd_create(CLOCK_MONOTONIC, 0);

		MUST(fd >= 0 && eventfd(7, 0) >= 0 && signalfd(-1, &set, 0) >= 0);
		MUST(timerfd_settime(fd, 0, &t, NULL) == 0);
		MUST(syscall(SYS_pidfd_open, getpid(), 0) >= 0);
	}
}
static void watch(int ep, int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET };

	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
}
static void *epoll_for_ever(void *arg)
{
	struct epoll_event e;

	epoll_wait(*(int *)arg, &e, 1, -1);
	return NULL;
}
KIND(epoll_nests)
{
	static int ep[40][4];

	for (int i = 0; i < 40; i++) {
		int s[2];

		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
		for (int k = 0; k < 4; k++) {
			MUST((ep[i][k] = epoll_create1(0)) >= 0);
			watch(ep[i][k], s[k & 1]);
			if (k)
				watch(ep[i][k], ep[i][k - 1]);
		}
		if (i < 8)
			start(epoll_for_ever, &ep[i][3]);
	}
}
KIND(inotify)
{
	char dir[] = "/dev/shm/leak-XXXXXX", name[64];
	int n[20];

	MUST(mkdtemp(dir) != NULL);
	for (int i = 0; i < 20; i++) {
		MUST((n[i] = inotify_init1(0)) >= 0);
		MUST(inotify_add_watch(n[i], dir, IN_ALL_EVENTS) >= 0);
	}
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%s/%d", dir, i);
		close(open(name, O_CREAT | O_RDWR, 0600));
		unlink(name);
	}
	rmdir(dir);
}

/* --- sockets --- */
static void fill_socket(int s)
{
	while (send(s, block, 2000, MSG_DONTWAIT) > 0)
		;
}
static void pairs(int type)
{
	for (int i = 0; i < 10; i++) {
		int s[2];

		MUST(socketpair(AF_UNIX, type, 0, s) == 0);
		fill_socket(s[0]);
		fill_socket(s[1]);
	}
}
KIND(unix_streams)
{
	pairs(SOCK_STREAM);
}
KIND(unix_packets)
{
	pairs(SOCK_SEQPACKET);
}
KIND(unix_datagrams)
{
	pairs(SOCK_DGRAM);
}
static void listen_and_connect(int domain, int type, struct sockaddr *a, socklen_t len)
{
	int l = socket(domain, type, 0), c;

	MUST(bind(l, a, domain == AF_UNIX ? sizeof(sa_family_t) : len) == 0);
	MUST(getsockname(l, a, &len) == 0);
	MUST(listen(l, 20) == 0);
	for (int i = 0; i < 40; i++) {
		c = socket(domain, type | SOCK_NONBLOCK, 0);
		if (connect(c, a, len) == 0 || errno == EINPROGRESS)
			(void)!send(c, block, 4000, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (i % 4 == 1)
			close(c);
		if (i % 4 == 2)
			accept4(l, NULL, NULL, SOCK_NONBLOCK);
	}
}
KIND(unix_backlogs)
{
	for (int i = 0; i < 5; i++) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };

		listen_and_connect(AF_UNIX, SOCK_STREAM, (void *)&a, sizeof(a));
	}
}
KIND(tcp_backlogs)
{
	for (int i = 0; i < 5; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET };

		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		listen_and_connect(AF_INET, SOCK_STREAM, (void *)&a, sizeof(a));
	}
}
KIND(udp)
{
	for (int i = 0; i < 10; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET };
		socklen_t len = sizeof(a);
		int s = socket(AF_INET, SOCK_DGRAM, 0);

		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		MUST(bind(s, (void *)&a, len) == 0 && getsockname(s, (void *)&a, &len) == 0);
		for (int k = 0; k < 60; k++)
			sendto(s, block, 2000, MSG_DONTWAIT, (void *)&a, len);
	}
}
static void send_fds(int via, const int *fds, unsigned n)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	struct iovec v = { block, 500 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c;

	m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	MUST(sendmsg(via, &m, MSG_DONTWAIT) == 500);
}
KIND(flights)
{
	for (int i = 0; i < 40; i++) {
		int s[2], p[2];

		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
		(void)!write(p[1], block, 4096);
		for (int k = 0; k < 10; k++)
			send_fds(s[k & 1], p, 2);
		close(p[0]), close(p[1]);
	}
}
/* Half of them have no descriptor any more, the others lose them when the child dies. */
KIND(flight_cycles)
{
	for (int i = 0; i < 200; i++) {
		int s[2];

		MUST(socketpair(AF_UNIX, i % 3 ? SOCK_STREAM : SOCK_DGRAM, 0, s) == 0);
		send_fds(s[0], s, 2);
		send_fds(s[1], s, 2);
		if (i & 1)
			close(s[0]), close(s[1]);
	}
}

/* --- memory --- */
KIND(tmpfs_files)
{
	for (int i = 0; i < 20; i++) {
		int fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
		char *p;

		MUST(fd >= 0);
		for (int k = 0; k < 8; k++)
			MUST(write(fd, block, sizeof(block)) == sizeof(block));
		MUST(ftruncate(fd, 1 << 20) == 0);
		p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		MUST(p != MAP_FAILED);
		p[200 << 10] = p[900 << 10] = 1;
	}
}
KIND(memfds)
{
	for (int i = 0; i < 20; i++) {
		int fd = memfd_create("leak", MFD_ALLOW_SEALING);

		MUST(fd >= 0 && write(fd, block, sizeof(block)) == sizeof(block));
		MUST(mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
		close(fd);
	}
}
KIND(maps)
{
	char *p = mmap(NULL, 3000 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	MUST(p != MAP_FAILED);
	for (int i = 0; i < 3000; i += 2)
		MUST(mprotect(p + i * 4096, 4096, PROT_READ) == 0);
	for (int i = 1; i < 3000; i += 6)
		p[i * 4096] = 1;
	p = mmap(NULL, 4ul << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(p != MAP_FAILED);
	for (int i = 0; i < 1024; i += 3)
		p[i * 4096] = 1;
}
/* Each page in page tables of its own. */
KIND(page_tables)
{
	for (uintptr_t i = 1; i <= 100; i++) {
		char *p = mmap((void *)(i << 32), 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (p != MAP_FAILED)
			*p = 1;
	}
}

/* --- IPC --- */
KIND(sysv)
{
	for (int i = 0; i < 20; i++) {
		int shm = shmget(IPC_PRIVATE, 65536, 0600), sem = semget(IPC_PRIVATE, 20, 0600);
		int msg = msgget(IPC_PRIVATE, 0600);
		struct sembuf op = { (unsigned short)i, 1, SEM_UNDO };
		struct {
			long type;
			char text[2000];
		} m = { 1, "" };
		char *p = shmat(shm, NULL, 0);
		int ok = p != (void *)-1 && semop(sem, &op, 1) == 0;

		for (int k = 0; k < 5; k++)
			ok &= msgsnd(msg, &m, sizeof(m.text), IPC_NOWAIT) == 0;
		shmctl(shm, IPC_RMID, NULL);
		semctl(sem, 0, IPC_RMID);
		msgctl(msg, IPC_RMID, NULL);
		MUST(ok);
		p[0] = p[40000] = 1;
	}
}
KIND(queues)
{
	for (int i = 0; i < 5; i++) {
		char name[64];
		mqd_t q;

		snprintf(name, sizeof(name), "/leak-%d-%d", (int)getpid(), i);
		q = mq_open(name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, NULL);
		if (q == (mqd_t)-1 && errno == ENOSYS)
			return;
		MUST(q != (mqd_t)-1 && mq_unlink(name) == 0);
		while (mq_send(q, block, 8000, 1) == 0)
			;
	}
}
KIND(ptys)
{
	for (int i = 0; i < 10; i++) {
		int m = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
		int s = m < 0 || grantpt(m) || unlockpt(m)
				? -1
				: open(ptsname(m), O_RDWR | O_NOCTTY | O_NONBLOCK);

		MUST(s >= 0);
		(void)!write(m, block, 1000);
		(void)!write(s, block, 1000);
	}
}

/* --- threads and processes --- */
static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}
KIND(threads)
{
	for (int i = 0; i < 60; i++)
		start(sleep_for_ever, NULL);
}
KIND(zombies)
{
	for (int i = 0; i < 30; i++) {
		pid_t pid = fork();

		MUST(pid >= 0);
		if (pid == 0)
			_exit(0);
		waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT);
	}
}
KIND(timers)
{
	struct itimerval every = { { 0, 5000 }, { 0, 5000 } };

	signal(SIGALRM, SIG_IGN);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 300; i++) {
		struct sigevent ev = { .sigev_notify = i & 1 ? SIGEV_SIGNAL : SIGEV_NONE,
				       .sigev_signo = SIGALRM };
		struct itimerspec at = { { 0, 0 }, { 100, 0 } };
		timer_t t;

		MUST(timer_create(i % 3 ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &ev, &t) ==
		     0);
		MUST(timer_settime(t, 0, &at, NULL) == 0);
	}
}
KIND(signals)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 300; i++)
		MUST(sigqueue(getpid(), SIGRTMIN + 4, (union sigval){ .sival_int = i }) == 0);
}
static void *lock_pi(void *arg)
{
	syscall(SYS_futex, arg, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	return sleep_for_ever(arg);
}
KIND(pi_futexes)
{
	static int words[10];

	for (int i = 0; i < 10; i++) {
		syscall(SYS_futex, &words[i], FUTEX_LOCK_PI, 0, NULL, NULL, 0);
		for (int k = 0; k < 4; k++)
			start(lock_pi, &words[i]);
	}
	poll(NULL, 0, 1);
}
KIND(file_locks)
{
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600), other;
	char name[64];

	MUST(fd >= 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	MUST((other = open(name, O_RDWR)) >= 0);
	MUST(flock(fd, LOCK_SH) == 0 && flock(other, LOCK_SH) == 0);
	for (int i = 0; i < 500; i++) {
		struct flock l = { .l_type = F_WRLCK, .l_start = i * 2, .l_len = 1 };

		MUST(fcntl(fd, i & 1 ? F_SETLK : F_OFD_SETLK, &l) == 0);
	}
}
KIND(directories)
{
	char dir[] = "/dev/shm/leak-XXXXXX";

	MUST(mkdtemp(dir) != NULL && chdir(dir) == 0 && rmdir(dir) == 0);
	for (int i = 0; i < 50; i++)
		MUST(open(".", O_RDONLY) >= 0);
}

int main(void)
{
	struct rlimit limit = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &limit);
	memset(block, 'x', sizeof(block));
	RUN(test_pipes);
	RUN(test_readers);
	RUN(test_events);
	RUN(test_epoll_nests);
	RUN(test_inotify);
	RUN(test_unix_streams);
	RUN(test_unix_packets);
	RUN(test_unix_datagrams);
	RUN(test_unix_backlogs);
	RUN(test_tcp_backlogs);
	RUN(test_udp);
	RUN(test_flights);
	RUN(test_flight_cycles);
	RUN(test_tmpfs_files);
	RUN(test_memfds);
	RUN(test_maps);
	RUN(test_page_tables);
	RUN(test_sysv);
	RUN(test_queues);
	RUN(test_ptys);
	RUN(test_threads);
	RUN(test_zombies);
	RUN(test_timers);
	RUN(test_signals);
	RUN(test_pi_futexes);
	RUN(test_file_locks);
	RUN(test_directories);
	return test_done();
}
