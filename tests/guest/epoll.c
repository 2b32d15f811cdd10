/* SPDX-License-Identifier: MIT */
/* epoll(7): level and edge, one-shot, exclusive, nested instances, errors, closing, races. */
#define _GNU_SOURCE
#include "scratch.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

static int add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}
static int mod(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e);
}
/* The one event that is there: its bits; 0 for none; -1 with an error or with several. */
static int one(int ep, uint64_t data)
{
	struct epoll_event e[4];
	int n = epoll_wait(ep, e, 4, 0);

	if (n == 0)
		return 0;
	if (n != 1 || e[0].data.u64 != data) {
		printf("# %d events, data %llx\n", n, n > 0 ? (long long)e[0].data.u64 : 0);
		return -1;
	}
	return (int)e[0].events;
}
static long ms_since(struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begin->tv_sec) * 1000 + (now.tv_nsec - begin->tv_nsec) / 1000000;
}

static void test_errors(void)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC), p[2], file;

	CHECK(ep >= 0);
	CHECK_EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_epoll_create1, 1), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_create, 0), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_create, -1), EINVAL);
	CHECK_EQ(pipe(p), 0);
	CHECK_ERR(epoll_ctl(-1, EPOLL_CTL_ADD, p[0], &e), EBADF);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, -1, &e), EBADF);
	CHECK_ERR(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &e), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL);
	CHECK_ERR(epoll_ctl(ep, 77, p[0], &e), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], bad_kernel), EFAULT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], bad_null), EFAULT);
	CHECK_ERR(epoll_ctl(-1, EPOLL_CTL_ADD, p[0], bad_kernel), EFAULT);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], bad_kernel), 0);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
	/* regular files and directories cannot be waited for */
	file = make_file("epoll-file", "x");
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &e), EPERM);
	close(file);
	file = open(".", O_RDONLY);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &e), EPERM);
	close(file);
	unlink("epoll-file");
	CHECK_ERR(epoll_wait(ep, &e, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(ep, &e, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(ep, &e, INT_MAX, 0), EINVAL);
	CHECK_ERR(epoll_wait(-1, &e, 1, 0), EBADF);
	CHECK_ERR(epoll_wait(p[0], &e, 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(ep, bad_kernel, 1, 0), EFAULT);
	/* a bad buffer matters when there is something to store */
	CHECK_EQ(epoll_wait(ep, bad_low, 1, 0), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(add(ep, p[0], EPOLLIN, 1), 0);
	CHECK_ERR(epoll_wait(ep, bad_low, 1, 0), EFAULT);
	CHECK_EQ(one(ep, 1), EPOLLIN); /* not lost */
	CHECK_ERR(syscall(SYS_epoll_pwait, ep, &e, 1, 0, &e, 4), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait, ep, &e, 1, 0, bad_kernel, 8), EFAULT);
	close(p[0]);
	close(p[1]);
	close(ep);
}

static void test_level_and_edge(void)
{
	int lt = epoll_create1(0), et = epoll_create1(0), p[2];
	char buf[4];

	pipe2(p, O_NONBLOCK);
	CHECK_EQ(add(lt, p[0], EPOLLIN, 11), 0);
	CHECK_EQ(add(et, p[0], EPOLLIN | EPOLLET, 12), 0);
	CHECK_EQ(one(lt, 11), 0);
	CHECK_EQ(one(et, 12), 0);
	CHECK_EQ(write(p[1], "ab", 2), 2);
	CHECK_EQ(one(lt, 11), EPOLLIN);
	CHECK_EQ(one(lt, 11), EPOLLIN);
	CHECK_EQ(one(et, 12), EPOLLIN);
	CHECK_EQ(one(et, 12), 0);
	/* reading a part is no edge; writing more is one */
	CHECK_EQ(read(p[0], buf, 1), 1);
	CHECK_EQ(one(lt, 11), EPOLLIN);
	CHECK_EQ(one(et, 12), 0);
	CHECK_EQ(write(p[1], "c", 1), 1);
	CHECK_EQ(one(et, 12), EPOLLIN);
	CHECK_EQ(one(et, 12), 0);
	/* MOD looks again */
	CHECK_EQ(mod(et, p[0], EPOLLIN | EPOLLET, 13), 0);
	CHECK_EQ(one(et, 13), EPOLLIN);
	CHECK_EQ(one(et, 13), 0);
	CHECK_EQ(read(p[0], buf, 4), 2);
	CHECK_EQ(one(lt, 11), 0);
	/* an end closed: HUP without asking */
	close(p[1]);
	CHECK_EQ(one(lt, 11), EPOLLHUP);
	CHECK_EQ(one(et, 13), EPOLLHUP);
	CHECK_EQ(one(et, 13), 0);
	CHECK_EQ(one(lt, 11), EPOLLHUP);
	close(p[0]);
	CHECK_EQ(one(lt, 11), 0);
	pipe2(p, O_NONBLOCK);
	CHECK_EQ(add(et, p[1], EPOLLOUT | EPOLLET, 14), 0);
	CHECK_EQ(one(et, 14), EPOLLOUT);
	CHECK_EQ(one(et, 14), 0);
	close(p[0]);
	CHECK_EQ(one(et, 14), EPOLLOUT | EPOLLERR);
	close(p[1]);
	close(lt);
	close(et);
}

static void test_one_shot(void)
{
	int ep = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
	eventfd_t v;

	CHECK_EQ(add(ep, fd, EPOLLIN | EPOLLONESHOT, 5), 0);
	CHECK_EQ(one(ep, 5), 0);
	eventfd_write(fd, 1);
	CHECK_EQ(one(ep, 5), EPOLLIN);
	CHECK_EQ(one(ep, 5), 0);
	eventfd_write(fd, 1);
	CHECK_EQ(one(ep, 5), 0);
	CHECK_EQ(mod(ep, fd, EPOLLIN | EPOLLONESHOT, 6), 0);
	CHECK_EQ(one(ep, 6), EPOLLIN);
	CHECK_EQ(one(ep, 6), 0);
	eventfd_read(fd, &v);
	CHECK_EQ(v, 2);
	CHECK_EQ(mod(ep, fd, EPOLLIN | EPOLLOUT | EPOLLONESHOT, 7), 0);
	CHECK_EQ(one(ep, 7), EPOLLOUT);
	CHECK_EQ(mod(ep, fd, 0, 8), 0);
	CHECK_EQ(one(ep, 8), 0);
	close(fd);
	close(ep);
}

static void test_exclusive(void)
{
	int ep = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK), inner = epoll_create1(0);

	CHECK_EQ(add(ep, fd, EPOLLIN | EPOLLEXCLUSIVE, 1), 0);
	CHECK_ERR(mod(ep, fd, EPOLLIN, 1), EINVAL);
	CHECK_ERR(mod(ep, fd, EPOLLIN | EPOLLEXCLUSIVE, 1), EINVAL);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), 0);
	CHECK_ERR(add(ep, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1), EINVAL);
	CHECK_ERR(add(ep, fd, EPOLLIN | EPOLLPRI | EPOLLEXCLUSIVE, 1), EINVAL);
	CHECK_ERR(add(ep, inner, EPOLLIN | EPOLLEXCLUSIVE, 1), EINVAL);
	CHECK_EQ(add(ep, fd, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET, 1), 0);
	eventfd_write(fd, 1);
	CHECK_EQ(one(ep, 1), EPOLLIN);
	close(fd);
	close(inner);
	close(ep);
}

static void test_nested(void)
{
	int ep[7], fd = eventfd(0, EFD_NONBLOCK), a, b;
	eventfd_t v;

	for (int i = 0; i < 7; i++)
		ep[i] = epoll_create1(0);
	CHECK_EQ(add(ep[0], fd, EPOLLIN, 0), 0);
	/* at most five levels */
	for (int i = 1; i < 5; i++)
		CHECK_EQ(add(ep[i], ep[i - 1], EPOLLIN, (uint64_t)i), 0);
	CHECK_ERR(add(ep[5], ep[4], EPOLLIN, 5), ELOOP);
	/* no cycles */
	CHECK_ERR(add(ep[0], ep[4], EPOLLIN, 9), ELOOP);
	CHECK_ERR(add(ep[0], ep[1], EPOLLIN, 9), ELOOP);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(one(ep[i], (uint64_t)i), 0);
	eventfd_write(fd, 1);
	for (int i = 4; i >= 0; i--)
		CHECK_EQ(one(ep[i], (uint64_t)i), EPOLLIN);
	eventfd_read(fd, &v);
	for (int i = 4; i >= 0; i--)
		CHECK_EQ(one(ep[i], (uint64_t)i), 0);
	for (int i = 0; i < 7; i++)
		close(ep[i]);
	/* an edge-triggered outer one sees each edge of the inner */
	a = epoll_create1(0);
	b = epoll_create1(0);
	CHECK_EQ(add(a, fd, EPOLLIN, 1), 0);
	CHECK_EQ(add(b, a, EPOLLIN | EPOLLET, 2), 0);
	eventfd_write(fd, 1);
	CHECK_EQ(one(b, 2), EPOLLIN);
	CHECK_EQ(one(b, 2), 0);
	eventfd_write(fd, 1);
	CHECK_EQ(one(b, 2), EPOLLIN);
	CHECK_EQ(one(b, 2), 0);
	close(a);
	close(b);
	close(fd);
}

static void test_duplicates_and_closing(void)
{
	int ep = epoll_create1(0), fd = eventfd(1, EFD_NONBLOCK), copy = dup(fd), found = 0;
	struct epoll_event e[4];

	CHECK_EQ(add(ep, fd, EPOLLIN, 1), 0);
	CHECK_EQ(add(ep, copy, EPOLLIN, 2), 0); /* another number: another entry */
	CHECK_EQ(epoll_wait(ep, e, 4, 0), 2);
	/* closing one number does not end its entry while the open file lives */
	close(fd);
	CHECK_EQ(epoll_wait(ep, e, 4, 0), 2);
	for (int i = 0; i < 2; i++)
		found |= (int)e[i].data.u64;
	CHECK_EQ(found, 3);
	close(copy);
	CHECK_EQ(epoll_wait(ep, e, 4, 0), 0);
	/* and the number is free for another file */
	fd = eventfd(1, EFD_NONBLOCK);
	CHECK_EQ(add(ep, fd, EPOLLIN, 3), 0);
	CHECK_EQ(one(ep, 3), EPOLLIN);
	close(fd);
	close(ep);
}

static void test_many(void)
{
	enum { N = 300 };
	int ep = epoll_create1(0), fd[N], wrong = 0, n;
	struct epoll_event e[N];
	static char seen[N];

	for (int i = 0; i < N; i++) {
		fd[i] = eventfd(i % 3 == 0, EFD_NONBLOCK);
		wrong += add(ep, fd[i], EPOLLIN, (uint64_t)i) != 0;
	}
	CHECK_EQ(epoll_wait(ep, e, N, 0), N / 3);
	/* a few at a time: all get their turn */
	memset(seen, 0, sizeof(seen));
	for (int round = 0; round < N / 3 / 10; round++) {
		n = epoll_wait(ep, e, 10, 0);
		wrong += n != 10;
		for (int i = 0; i < n; i++)
			seen[e[i].data.u64]++;
	}
	for (int i = 0; i < N; i++)
		wrong += seen[i] != (i % 3 == 0);
	CHECK_EQ(wrong, 0);
	for (int i = 0; i < N; i++)
		close(fd[i]);
	CHECK_EQ(epoll_wait(ep, e, N, 0), 0);
	close(ep);
}

static void *write_later(void *arg)
{
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	eventfd_write((int)(intptr_t)arg, 1);
	return NULL;
}
static void *add_later(void *arg)
{
	int *fds = arg;

	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	add(fds[0], fds[1], EPOLLIN, 4);
	return NULL;
}
static void test_waiting(void)
{
	int ep = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK), both[2] = { ep, 0 };
	struct timespec begin;
	struct epoll_event e;
	pthread_t t;

	CHECK_EQ(add(ep, fd, EPOLLIN, 3), 0);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	CHECK_EQ(epoll_wait(ep, &e, 1, 30), 0);
	CHECK(ms_since(&begin) >= 30 && ms_since(&begin) < 5000);
	pthread_create(&t, NULL, write_later, (void *)(intptr_t)fd);
	CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
	CHECK_EQ(e.data.u64, 3);
	pthread_join(t, NULL);
	epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
	/* a descriptor that is added while somebody waits, ready already */
	both[1] = fd;
	pthread_create(&t, NULL, add_later, both);
	CHECK_EQ(epoll_wait(ep, &e, 1, 10000), 1);
	CHECK_EQ(e.data.u64, 4);
	pthread_join(t, NULL);
	/* nanoseconds */
	eventfd_t v;
	eventfd_read(fd, &v);
	struct timespec tv = { 0, 2000000 }, negative = { -1, 0 };
	CHECK_EQ(syscall(SYS_epoll_pwait2, ep, &e, 1, &tv, NULL, 8), 0);
	CHECK_ERR(syscall(SYS_epoll_pwait2, ep, &e, 1, &negative, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait2, ep, &e, 1, bad_kernel, NULL, 8), EFAULT);
	close(fd);
	close(ep);
}

static volatile sig_atomic_t got_signal;
static void on_signal(int sig)
{
	got_signal = sig;
}
static void *signal_later(void *arg)
{
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}
static void test_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int ep = epoll_create1(0);
	pthread_t t, me = pthread_self();
	struct epoll_event e;
	sigset_t set, old;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, signal_later, &me);
	CHECK_ERR(epoll_wait(ep, &e, 1, -1), EINTR); /* SA_RESTART or not */
	CHECK_EQ(got_signal, SIGUSR1);
	pthread_join(t, NULL);
	/* pending and blocked: epoll_pwait lets it in */
	got_signal = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	raise(SIGUSR1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 10), 0);
	CHECK_EQ(got_signal, 0);
	CHECK_ERR(epoll_pwait(ep, &e, 1, -1, &old), EINTR);
	CHECK_EQ(got_signal, SIGUSR1);
	/* the mask is back */
	sigprocmask(SIG_BLOCK, NULL, &set);
	CHECK(sigismember(&set, SIGUSR1));
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGUSR1, SIG_DFL);
	close(ep);
}

/* Workers that share one instance, edge-triggered and one-shot: each token is taken once. */
static int pool_ep, pool_fd[8];
static atomic_int taken;
static void *worker(void *arg)
{
	struct epoll_event e;

	for (;;) {
		int n = epoll_wait(pool_ep, &e, 1, -1);
		eventfd_t v;

		if (n != 1)
			continue;
		if (e.data.u64 == 99)
			return arg;
		if (!eventfd_read(pool_fd[e.data.u64], &v))
			atomic_fetch_add(&taken, (int)v);
		mod(pool_ep, pool_fd[e.data.u64], EPOLLIN | EPOLLONESHOT, e.data.u64);
	}
}
static void test_pool(void)
{
	int stop = eventfd(0, 0), given = 0;
	pthread_t t[4];

	pool_ep = epoll_create1(0);
	taken = 0;
	for (int i = 0; i < 8; i++) {
		pool_fd[i] = eventfd(0, EFD_NONBLOCK);
		add(pool_ep, pool_fd[i], EPOLLIN | EPOLLONESHOT, (uint64_t)i);
	}
	add(pool_ep, stop, EPOLLIN, 99);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, worker, NULL);
	for (; given < 4000; given++)
		eventfd_write(pool_fd[given % 8], 1);
	for (int i = 0; i < 5000 && taken != given; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	CHECK_EQ(taken, given);
	eventfd_write(stop, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 8; i++)
		close(pool_fd[i]);
	close(stop);
	close(pool_ep);
}

/* Waiting, adding, removing and closing at once. */
static atomic_int stop_churn;
static void *churn_adder(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;

	while (!stop_churn) {
		int fd = eventfd(rand_r(&seed) & 1, EFD_NONBLOCK);

		add(pool_ep, fd, EPOLLIN | (rand_r(&seed) & 1 ? EPOLLET : 0), 1);
		if (rand_r(&seed) & 1)
			eventfd_write(fd, 1);
		if (rand_r(&seed) & 1)
			epoll_ctl(pool_ep, EPOLL_CTL_DEL, fd, NULL);
		close(fd);
	}
	return NULL;
}
static void *churn_waiter(void *arg)
{
	struct epoll_event e[8];

	while (!stop_churn)
		if (epoll_wait(pool_ep, e, 8, 1) < 0)
			break;
	return arg;
}
static void test_churn(void)
{
	struct epoll_event e[4];
	pthread_t t[5];

	pool_ep = epoll_create1(0);
	stop_churn = 0;
	for (intptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, churn_adder, (void *)(i + 1));
	for (int i = 3; i < 5; i++)
		pthread_create(&t[i], NULL, churn_waiter, NULL);
	nanosleep(&(struct timespec){ 0, 300000000 }, NULL);
	stop_churn = 1;
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(epoll_wait(pool_ep, e, 4, 0), 0);
	close(pool_ep);
}

static void test_fork(void)
{
	int ep = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK), status;
	pid_t pid;

	CHECK_EQ(add(ep, fd, EPOLLIN, 8), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		/* the same instance, the same file */
		eventfd_write(fd, 1);
		_exit(one(ep, 8) == EPOLLIN ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(one(ep, 8), EPOLLIN);
	close(fd);
	close(ep);
}

/* Watches of one user are limited (/proc/sys/fs/epoll), whatever its epolls and files. */
static long watches_to_limit(long limit)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int fd[500], x = eventfd(0, 0);
	long n = 0;

	if (setgid(1000) || setuid(1000))
		_exit(3);
	for (int i = 0; i < 500; i++)
		fd[i] = dup(x);
	for (int ep = epoll_create1(0); ep >= 0; ep = epoll_create1(0))
		for (int i = 0; i < 500; i++, n++)
			if (epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &e))
				_exit(errno == ENOSPC && n == limit ? 0 : 1);
	_exit(2);
}
static void test_limit_of_watches(void)
{
	FILE *f = fopen("/proc/sys/fs/epoll/max_user_watches", "r");
	long limit = 0;

	CHECK(f && fscanf(f, "%ld", &limit) == 1 && limit > 0);
	if (f)
		fclose(f);
	if (limit > 400000)
		SKIP_HERE("the limit is far away");
	for (int i = 0; i < 3; i++) { /* and given back */
		int status;
		pid_t pid = fork();

		if (pid == 0)
			watches_to_limit(limit);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
}

int main(void)
{
	RUN(test_limit_of_watches);
	RUN(test_errors);
	RUN(test_level_and_edge);
	RUN(test_one_shot);
	RUN(test_exclusive);
	RUN(test_nested);
	RUN(test_duplicates_and_closing);
	RUN(test_many);
	RUN(test_waiting);
	RUN(test_signals);
	RUN(test_pool);
	RUN(test_churn);
	RUN(test_fork);
	return test_done();
}
