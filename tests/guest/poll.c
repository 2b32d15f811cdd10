/* SPDX-License-Identifier: MIT */
/* poll, ppoll, select, pselect6: what is ready, errors, timeouts, masks, who is woken. */
#define _GNU_SOURCE
#include "scratch.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <time.h>

static long ms_since(struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begin->tv_sec) * 1000 + (now.tv_nsec - begin->tv_nsec) / 1000000;
}
static int ready(int fd, short events)
{
	struct pollfd p = { fd, events, 0x7777 };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void test_what(void)
{
	int p[2], file = make_file("poll-file", "x"), null = open("/dev/null", O_RDWR), dir, ev;
	char buf[4096];

	CHECK_EQ(pipe2(p, O_NONBLOCK), 0);
	CHECK_EQ(ready(p[0], POLLIN | POLLOUT), 0);
	CHECK_EQ(ready(p[1], POLLIN | POLLOUT), POLLOUT);
	CHECK_EQ(ready(p[1], 0), 0);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(ready(p[0], POLLIN), POLLIN);
	CHECK_EQ(ready(p[0], POLLRDNORM), POLLRDNORM);
	CHECK_EQ(ready(p[0], POLLIN | POLLRDNORM | POLLPRI | POLLRDBAND), POLLIN | POLLRDNORM);
	memset(buf, 0, sizeof(buf));
	while (write(p[1], buf, sizeof(buf)) > 0)
		;
	CHECK_EQ(ready(p[1], POLLOUT), 0);
	/* room for a whole page makes it writable */
	CHECK_EQ(read(p[0], buf, 4096), 4096);
	CHECK_EQ(read(p[0], buf, 4096), 4096);
	CHECK_EQ(ready(p[1], POLLOUT | POLLWRNORM), POLLOUT | POLLWRNORM);
	close(p[1]);
	CHECK_EQ(ready(p[0], POLLIN), POLLIN | POLLHUP);
	while (read(p[0], buf, sizeof(buf)) > 0)
		;
	CHECK_EQ(ready(p[0], POLLIN), POLLHUP);
	CHECK_EQ(ready(p[0], 0), POLLHUP);
	close(p[0]);
	CHECK_EQ(ready(p[0], POLLIN), POLLNVAL);
	CHECK_EQ(ready(-1, POLLIN), 0);
	CHECK_EQ(ready(-5, POLLIN), 0);
	CHECK_EQ(pipe(p), 0);
	close(p[0]);
	CHECK_EQ(ready(p[1], POLLOUT), POLLOUT | POLLERR);
	CHECK_EQ(ready(p[1], 0), POLLERR);
	close(p[1]);
	CHECK_EQ(ready(file, POLLIN | POLLOUT), POLLIN | POLLOUT);
	CHECK_EQ(ready(null, POLLIN | POLLOUT), POLLIN | POLLOUT);
	dir = open(".", O_RDONLY);
	CHECK_EQ(ready(dir, POLLIN | POLLOUT), POLLIN | POLLOUT);
	close(dir);
	dir = open(".", O_PATH);
	CHECK_EQ(ready(dir, POLLIN), POLLNVAL);
	close(dir);
	ev = eventfd(0, EFD_NONBLOCK);
	CHECK_EQ(ready(ev, POLLIN | POLLOUT), POLLOUT);
	eventfd_write(ev, UINT64_MAX - 1);
	CHECK_EQ(ready(ev, POLLIN | POLLOUT), POLLIN);
	close(ev);
	close(file);
	close(null);
	unlink("poll-file");
}

static void test_poll_errors(void)
{
	struct pollfd p[4] = { { -1, 0, 1 }, { 100, POLLIN, 1 }, { -1, 0, 1 }, { 101, 0, 1 } };
	struct rlimit old, few;
	char *e = edge(sizeof(struct pollfd));

	CHECK_EQ(poll(p, 4, 0), 2);
	CHECK(p[0].revents == 0 && p[1].revents == POLLNVAL && p[3].revents == POLLNVAL);
	CHECK_EQ(poll(NULL, 0, 0), 0);
	CHECK_ERR(poll(bad_kernel, 1, 0), EFAULT);
	CHECK_ERR(poll(bad_null, 1, 0), EFAULT);
	memcpy(e, p, sizeof(*p));
	CHECK_EQ(poll((struct pollfd *)e, 1, 0), 0);
	CHECK_ERR(poll((struct pollfd *)e, 2, 0), EFAULT);
	getrlimit(RLIMIT_NOFILE, &old);
	CHECK_ERR(poll(p, old.rlim_cur + 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_poll, p, -1, 0), EINVAL);
	few = old;
	few.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK_ERR(poll(p, 4, 0), EINVAL);
	setrlimit(RLIMIT_NOFILE, &old);
	struct timespec bad1 = { 0, 1000000000 }, bad2 = { -1, 0 }, bad3 = { 0, -1 };
	CHECK_ERR(syscall(SYS_ppoll, p, 0, &bad1, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_ppoll, p, 0, &bad2, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_ppoll, p, 0, &bad3, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_ppoll, p, 0, bad_kernel, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_ppoll, p, 4, NULL, p, 4), EINVAL);
	CHECK_ERR(syscall(SYS_ppoll, p, 4, NULL, bad_kernel, 8), EFAULT);
	/* results go to memory that can be read only: the fault shows */
	struct pollfd *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERR(poll(ro, 1, 0), EFAULT);
	munmap(ro, 4096);
}

static void *write_later(void *arg)
{
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	if (write((int)(intptr_t)arg, "12345678", 8) != 8)
		abort();
	return NULL;
}

static void test_timeouts(void)
{
	struct pollfd p = { eventfd(0, 0), POLLIN, 0 };
	struct timespec begin, ts = { 0, 20000000 };
	struct timeval tv = { 0, 20000 };
	pthread_t t;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	CHECK_EQ(poll(&p, 1, 20), 0);
	CHECK(ms_since(&begin) >= 20 && ms_since(&begin) < 5000);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	CHECK_EQ(poll(NULL, 0, 20), 0);
	CHECK(ms_since(&begin) >= 20 && ms_since(&begin) < 5000);
	/* the kernel writes back what is left of the time */
	CHECK_EQ(syscall(SYS_ppoll, &p, 1, &ts, NULL, 8), 0);
	CHECK(ts.tv_sec == 0 && ts.tv_nsec == 0);
	CHECK_EQ(syscall(SYS_select, 0, NULL, NULL, NULL, &tv), 0);
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	ts.tv_sec = 100;
	pthread_create(&t, NULL, write_later, (void *)(intptr_t)p.fd);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	CHECK_EQ(syscall(SYS_ppoll, &p, 1, &ts, NULL, 8), 1);
	CHECK(ts.tv_sec >= 90 && ts.tv_sec < 100);
	CHECK(ms_since(&begin) < 10000);
	pthread_join(t, NULL);
	close(p.fd);
	/* for ever, until the other end goes */
	int ends[2];
	pipe(ends);
	pthread_create(&t, NULL, write_later, (void *)(intptr_t)ends[1]);
	p = (struct pollfd){ ends[0], POLLIN, 0 };
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLIN);
	pthread_join(t, NULL);
	close(ends[0]);
	close(ends[1]);
}

static void test_select(void)
{
	struct timeval zero = { 0, 0 }, bad = { -1, 0 }, bad2 = { 0, -1 };
	fd_set r, w, x;
	int p[2], n;

	pipe(p);
	n = p[1] + 1;
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&x);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	FD_SET(p[0], &x);
	CHECK_EQ(select(n, &r, &w, &x, &zero), 1);
	CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &x));
	write(p[1], "x", 1);
	FD_SET(p[0], &r);
	FD_SET(p[1], &r);
	CHECK_EQ(select(n, &r, &w, NULL, &zero), 2);
	CHECK(FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[1], &r));
	/* numbers from n on do not count */
	CHECK_EQ(select(p[0] < p[1] ? p[0] : p[1], &r, &w, NULL, &zero), 0);
	/* both at once for one descriptor count twice */
	int null = open("/dev/null", O_RDWR);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(null, &r);
	FD_SET(null, &w);
	CHECK_EQ(select(null + 1, &r, &w, NULL, &zero), 2);
	close(null);
	FD_ZERO(&r);
	FD_SET(null, &r);
	CHECK_ERR(select(null + 1, &r, NULL, NULL, &zero), EBADF);
	CHECK_ERR(select(-1, NULL, NULL, NULL, &zero), EINVAL);
	CHECK_ERR(select(0, NULL, NULL, NULL, &bad), EINVAL);
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, &bad2), EINVAL);
	CHECK_ERR(syscall(SYS_select, 4, bad_kernel, NULL, NULL, &zero), EFAULT);
	CHECK_ERR(syscall(SYS_select, 4, NULL, bad_low, NULL, &zero), EFAULT);
	CHECK_ERR(syscall(SYS_select, 0, NULL, NULL, NULL, bad_kernel), EFAULT);
	CHECK_ERR(syscall(SYS_pselect6, 0, NULL, NULL, NULL, NULL, bad_kernel), EFAULT);
	/* a hung-up pipe is readable; an empty one whose reader is gone writable */
	close(p[1]);
	char c;
	read(p[0], &c, 1);
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	CHECK_EQ(select(p[0] + 1, &r, NULL, NULL, &zero), 1);
	close(p[0]);
	pipe(p);
	close(p[0]);
	FD_ZERO(&w);
	FD_SET(p[1], &w);
	CHECK_EQ(select(p[1] + 1, NULL, &w, NULL, &zero), 1);
	close(p[1]);
}

static void test_select_big(void)
{
	/* numbers above FD_SETSIZE, with sets of one's own size */
	struct rlimit old, more;
	unsigned long set[64] = { 0 };
	struct timeval zero = { 0, 0 };
	int fd;

	getrlimit(RLIMIT_NOFILE, &old);
	more = old;
	if (more.rlim_cur < 3000)
		more.rlim_cur = more.rlim_max < 3000 ? more.rlim_max : 3000;
	setrlimit(RLIMIT_NOFILE, &more);
	fd = eventfd(1, 0);
	if (more.rlim_cur >= 3000) {
		CHECK_EQ(dup2(fd, 2500), 2500);
		set[2500 / 64] |= 1ul << 2500 % 64;
		CHECK_EQ(syscall(SYS_select, 2501, set, NULL, NULL, &zero), 1);
		CHECK_EQ(set[2500 / 64], 1ul << 2500 % 64);
		close(2500);
	}
	close(fd);
	setrlimit(RLIMIT_NOFILE, &old);
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
	struct pollfd p = { eventfd(0, 0), POLLIN, 0 };
	pthread_t t, me = pthread_self();
	struct timeval tv = { 100, 0 };
	sigset_t set, old;
	fd_set r;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, signal_later, &me);
	CHECK_ERR(poll(&p, 1, -1), EINTR);
	CHECK_EQ(got_signal, SIGUSR1);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, signal_later, &me);
	FD_ZERO(&r);
	FD_SET(p.fd, &r);
	CHECK_ERR(syscall(SYS_select, p.fd + 1, &r, NULL, NULL, &tv), EINTR);
	CHECK(FD_ISSET(p.fd, &r)); /* the sets stay as they were */
	CHECK(tv.tv_sec >= 90 && tv.tv_sec < 100);
	pthread_join(t, NULL);
	/* blocked outside, let in by ppoll and pselect */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	got_signal = 0;
	raise(SIGUSR1);
	CHECK_EQ(poll(&p, 1, 5), 0);
	CHECK_EQ(got_signal, 0);
	CHECK_ERR(ppoll(&p, 1, NULL, &old), EINTR);
	CHECK_EQ(got_signal, SIGUSR1);
	got_signal = 0;
	raise(SIGUSR1);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, NULL, &old), EINTR);
	CHECK_EQ(got_signal, SIGUSR1);
	/* what is ready comes before the signal; the signal stays pending */
	eventfd_write(p.fd, 1);
	got_signal = 0;
	raise(SIGUSR1);
	int n = ppoll(&p, 1, NULL, &old);
	CHECK(n == 1 || (n == -1 && errno == EINTR));
	if (n == 1) {
		sigset_t pending;

		sigpending(&pending);
		CHECK(sigismember(&pending, SIGUSR1) || got_signal);
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK_EQ(got_signal, SIGUSR1);
	signal(SIGUSR1, SIG_DFL);
	close(p.fd);
}

/* A token goes round a ring of threads that poll: no wake-up may be lost. */
enum { RING = 6, ROUNDS = 500 };
static int ring[RING][2];
static void *ring_thread(void *arg)
{
	int k = (int)(intptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct pollfd p[2] = { { ring[k][0], POLLIN, 0 },
				       { ring[(k + 1) % RING][1], 0, 0 } };
		char c;

		if (poll(p, 2, 20000) != 1 || read(ring[k][0], &c, 1) != 1 ||
		    write(ring[(k + 1) % RING][1], &c, 1) != 1)
			return (void *)1;
	}
	return NULL;
}
static void test_ring(void)
{
	pthread_t t[RING];
	int lost = 0;

	for (int i = 0; i < RING; i++)
		pipe(ring[i]);
	for (intptr_t i = 0; i < RING; i++)
		pthread_create(&t[i], NULL, ring_thread, (void *)i);
	write(ring[0][1], "t", 1);
	for (int i = 0; i < RING; i++) {
		void *r;

		pthread_join(t[i], &r);
		lost += r != NULL;
	}
	CHECK_EQ(lost, 0);
	for (int i = 0; i < RING; i++) {
		close(ring[i][0]);
		close(ring[i][1]);
	}
}

/* Many pollers of one descriptor all wake; then one reader gets the byte. */
static int crowd_fd;
static atomic_int woken;
static void *crowd(void *arg)
{
	struct pollfd p = { crowd_fd, POLLIN, 0 };

	if (poll(&p, 1, 20000) == 1)
		woken++;
	return arg;
}
static void test_crowd(void)
{
	pthread_t t[8];

	crowd_fd = eventfd(0, EFD_NONBLOCK);
	woken = 0;
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, crowd, NULL);
	nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
	eventfd_write(crowd_fd, 1);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(woken, 8);
	close(crowd_fd);
}

static void test_many(void)
{
	enum { N = 500 };
	struct pollfd p[N];
	int wrong = 0;

	for (int i = 0; i < N; i++)
		p[i] = (struct pollfd){ eventfd(i % 7 == 0, EFD_NONBLOCK), POLLIN, -1 };
	CHECK_EQ(poll(p, N, -1), N / 7 + 1);
	for (int i = 0; i < N; i++)
		wrong += p[i].revents != (i % 7 == 0 ? POLLIN : 0);
	CHECK_EQ(wrong, 0);
	/* one that becomes ready while we sleep on all */
	for (int i = 0; i < N; i += 7) {
		eventfd_t v;

		eventfd_read(p[i].fd, &v);
	}
	pthread_t t;
	pthread_create(&t, NULL, write_later, (void *)(intptr_t)p[333].fd);
	CHECK_EQ(poll(p, N, 20000), 1);
	CHECK_EQ(p[333].revents, POLLIN);
	pthread_join(t, NULL);
	for (int i = 0; i < N; i++)
		close(p[i].fd);
}

int main(void)
{
	RUN(test_what);
	RUN(test_poll_errors);
	RUN(test_timeouts);
	RUN(test_select);
	RUN(test_select_big);
	RUN(test_signals);
	RUN(test_ring);
	RUN(test_crowd);
	RUN(test_many);
	return test_done();
}
