/* SPDX-License-Identifier: MIT */
/* Threads and futexes: every operation, timeouts, robust and PI locks, races. */
#define _GNU_SOURCE
#include "guest.h"
#include <dirent.h>
#include <linux/futex.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static long futex(void *w, int op, unsigned v, void *t, void *w2, unsigned v3)
{
	return syscall(SYS_futex, w, op, v, t, w2, v3);
}
static struct timespec in_ms(int clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}
static long since_ms(struct timespec *t0)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec - t0->tv_sec) * 1000 + (t.tv_nsec - t0->tv_nsec) / 1000000;
}

static void errors(void)
{
	int w = 1;
	struct timespec t = { 0, 1000000 }, bad = { 0, 1000000000 }, neg = { -1, 0 };

	CHECK_ERR(futex(&w, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(futex(&w, FUTEX_WAIT, 1, &t, NULL, 0), ETIMEDOUT);
	CHECK_ERR(futex(&w, FUTEX_WAIT, 1, &bad, NULL, 0), EINVAL);
	CHECK_ERR(futex(&w, FUTEX_WAIT, 1, &neg, NULL, 0), EINVAL);
	CHECK_ERR(futex((char *)&w + 1, FUTEX_WAIT, 1, &t, NULL, 0), EINVAL);
	CHECK_ERR(futex((void *)4096, FUTEX_WAIT, 1, &t, NULL, 0), EFAULT);
	CHECK_ERR(futex((void *)-4096, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERR(futex(&w, FUTEX_WAIT_BITSET, 1, &t, NULL, 0), EINVAL);
	CHECK_ERR(futex(&w, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(futex(&w, 99, 1, NULL, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&w, FUTEX_CMP_REQUEUE, 1, (void *)1, &w, 2), EAGAIN);
	int other = 0x3fffff;
	CHECK_ERR(futex(&other, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	CHECK_EQ(futex(&w, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_ERR(futex(&w, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), ENOSYS);
}

static void timeouts(void)
{
	int w = 0;
	struct timespec t0, t;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	t = in_ms(CLOCK_MONOTONIC, 50);
	CHECK_ERR(futex(&w, FUTEX_WAIT_BITSET, 0, &t, NULL, -1u), ETIMEDOUT);
	CHECK(since_ms(&t0) >= 50 && since_ms(&t0) < 400);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	t = in_ms(CLOCK_REALTIME, 50);
	CHECK_ERR(futex(&w, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t, NULL, -1u), ETIMEDOUT);
	CHECK(since_ms(&t0) >= 49 && since_ms(&t0) < 400);
	t = (struct timespec){ 1, 0 };
	CHECK_ERR(futex(&w, FUTEX_WAIT_BITSET, 0, &t, NULL, -1u), ETIMEDOUT);
}

/* The state of a thread as /proc shows it; 0: it is gone. */
static char state_of(const char *tid)
{
	char path[300], text[300] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%s/stat", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	end = strrchr(text, ')');
	return end ? end[2] : 0;
}
/* Waits until n other threads sleep; a busy host lets them wait for their turn before. */
static void others_asleep(int n)
{
	for (int tries = 0, asleep = -1; asleep != n && tries < 20000; tries++) {
		DIR *d = opendir("/proc/self/task");
		struct dirent *e;

		asleep = 0;
		while (d && (e = readdir(d)))
			asleep += atoi(e->d_name) != (int)syscall(SYS_gettid) &&
				  state_of(e->d_name) == 'S';
		if (d)
			closedir(d);
		if (asleep != n)
			usleep(1000);
	}
}

struct waiter {
	pthread_t t;
	_Atomic int *word;
	unsigned bitset;
	_Atomic int tid, state;
	long result;
	int err, op;
};
static void *wait_thread(void *arg)
{
	struct waiter *w = arg;

	w->tid = (int)syscall(SYS_gettid);
	w->state = 1;
	w->result = futex(w->word, FUTEX_WAIT_BITSET | w->op, 0, NULL, NULL, w->bitset);
	w->err = errno;
	w->state = 2;
	return NULL;
}
static void start(struct waiter *w, _Atomic int *word, unsigned bitset, int op)
{
	char tid[16];

	w->word = word;
	w->bitset = bitset;
	w->op = op;
	w->state = 0;
	pthread_create(&w->t, NULL, wait_thread, w);
	while (!w->state)
		sched_yield();
	snprintf(tid, sizeof(tid), "%d", w->tid);
	for (int tries = 0; state_of(tid) != 'S' && tries < 20000; tries++)
		usleep(1000);
}
/* How many have been woken, and no more than those: `want` are waited for. */
static int woken(struct waiter *w, int n, int want)
{
	int c = 0;

	for (int tries = 0; c < want && tries < 20000; tries++) {
		usleep(1000);
		c = 0;
		for (int i = 0; i < n; i++)
			c += w[i].state == 2;
	}
	usleep(30000);
	c = 0;
	for (int i = 0; i < n; i++)
		c += w[i].state == 2;
	return c;
}
static void join_all(struct waiter *w, int n)
{
	for (int i = 0; i < n; i++)
		pthread_join(w[i].t, NULL);
}

static void bitsets(void)
{
	_Atomic int word = 0;
	struct waiter w[3];

	start(&w[0], &word, 1, FUTEX_PRIVATE_FLAG);
	start(&w[1], &word, 2, FUTEX_PRIVATE_FLAG);
	start(&w[2], &word, 3, FUTEX_PRIVATE_FLAG);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 4), 0);
	CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, NULL, NULL, 2), 2);
	CHECK_EQ(woken(w, 3, 2), 2);
	CHECK_EQ(w[0].state, 1);
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
	join_all(w, 3);
}

static void requeues(void)
{
	_Atomic int a = 0, b = 0;
	struct waiter w[4];

	for (int i = 0; i < 4; i++)
		start(&w[i], &a, -1u, FUTEX_PRIVATE_FLAG);
	CHECK_EQ(futex(&a, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)2, &b, 0), 3);
	CHECK_EQ(woken(w, 4, 1), 1);
	CHECK_EQ(futex(&b, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 2);
	CHECK_EQ(woken(w, 4, 3), 3);
	CHECK_EQ(futex(&a, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)5, &b, 0), 1);
	CHECK_EQ(futex(&a, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
	CHECK_EQ(futex(&b, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
	join_all(w, 4);
}

static void wake_ops(void)
{
	_Atomic int a = 0, b = 0;
	struct waiter w[2];

	start(&w[0], &a, -1u, FUTEX_PRIVATE_FLAG);
	start(&w[1], &b, -1u, FUTEX_PRIVATE_FLAG);
	b = 5;
	CHECK_EQ(futex(&a, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &b,
		       FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 4)),
		 1);
	CHECK_EQ(b, 8);
	CHECK_EQ(futex(&a, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &b,
		       FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_GT, 7)),
		 1);
	CHECK_EQ(b, 0);
	join_all(w, 2);
	/* both the same word */
	CHECK_EQ(futex(&a, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &a,
		       FUTEX_OP(FUTEX_OP_XOR, 1, FUTEX_OP_CMP_NE, 0)),
		 0);
	CHECK_EQ(a, 1);
	CHECK_ERR(futex(&a, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &a, 0x7u << 28 | 0xfu << 24),
		  ENOSYS);
	CHECK_EQ(a, 1);
	/* what cannot be compared is known too late */
	CHECK_ERR(futex(&a, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &a,
			FUTEX_OP(FUTEX_OP_SET, 9, 0xf, 0)),
		  ENOSYS);
	CHECK_EQ(a, 9);
}

static void *interrupt_me(void *arg)
{
	pthread_t t = *(pthread_t *)arg;

	usleep(40000);
	pthread_kill(t, SIGUSR1);
	return NULL;
}
static void nothing(int sig)
{
}
static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = nothing };
	pthread_t self = pthread_self(), t;
	struct timespec ts = { 5, 0 };
	int w = 0;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, interrupt_me, &self);
	CHECK_ERR(futex(&w, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, interrupt_me, &self);
	CHECK_ERR(futex(&w, FUTEX_WAIT, 0, &ts, NULL, 0), EINTR);
	pthread_join(t, NULL);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, interrupt_me, &self);
	ts = (struct timespec){ 0, 200000000 };
	CHECK_ERR(futex(&w, FUTEX_WAIT, 0, &ts, NULL, 0), EINTR);
	pthread_join(t, NULL);
}

static void shared(void)
{
	_Atomic int *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
	int st;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(futex(w, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 0 : 1);
	for (int tries = 0;
	     (st = (int)futex(w, FUTEX_WAKE, 1, NULL, NULL, 0)) == 0 && tries < 20000; tries++)
		usleep(1000);
	CHECK_EQ(st, 1);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	munmap((void *)w, 4096);
}

/* --- PI --- */

static _Atomic unsigned pi;
static _Atomic int pi_order, pi_in;
static void *pi_thread(void *arg)
{
	CHECK_EQ(futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(pi & FUTEX_TID_MASK, syscall(SYS_gettid));
	CHECK_EQ(pi_in++, 0);
	pi_order++;
	usleep(1000);
	pi_in--;
	CHECK_EQ(futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	return NULL;
}
static void pi_locks(void)
{
	unsigned tid = (unsigned)syscall(SYS_gettid);
	pthread_t t[4];

	pi = 0;
	CHECK_EQ(futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(pi, tid);
	CHECK_ERR(futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, pi_thread, NULL);
	others_asleep(4);
	CHECK_EQ(pi, tid | FUTEX_WAITERS);
	CHECK_EQ(pi_order, 0);
	CHECK_EQ(futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(pi_order, 4);
	CHECK_EQ(pi & FUTEX_TID_MASK, 0);
	CHECK_ERR(futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM);
	pi = 999999;
	CHECK_ERR(futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
	pi = 999999;
	CHECK_ERR(futex(&pi, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
	pi = 0;
}
static void *pi_timeout_thread(void *arg)
{
	struct timespec ts = in_ms(CLOCK_REALTIME, 40), mono;

	CHECK_ERR(futex(&pi, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(futex(&pi, FUTEX_LOCK_PI_PRIVATE, 0, &ts, NULL, 0), ETIMEDOUT);
	mono = in_ms(CLOCK_MONOTONIC, 40);
	CHECK_ERR(futex(&pi, FUTEX_LOCK_PI2_PRIVATE, 0, &mono, NULL, 0), ETIMEDOUT);
	return NULL;
}
static void pi_timeouts(void)
{
	pthread_t t;

	pi = 0;
	CHECK_EQ(futex(&pi, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	pthread_create(&t, NULL, pi_timeout_thread, NULL);
	pthread_join(t, NULL);
	CHECK_EQ(futex(&pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_EQ(pi, 0);
}

static _Atomic unsigned rq_word, rq_pi;
static void *rq_thread(void *arg)
{
	long r = futex(&rq_word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &rq_pi, 0);

	CHECK_EQ(r, 0);
	CHECK_EQ(rq_pi & FUTEX_TID_MASK, syscall(SYS_gettid));
	pi_order++;
	CHECK_EQ(futex(&rq_pi, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	return NULL;
}
static void requeue_pi(void)
{
	pthread_t t[3];
	struct timespec ts;

	rq_word = rq_pi = 0;
	pi_order = 0;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, rq_thread, NULL);
	others_asleep(3);
	CHECK_EQ(futex(&rq_word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)INT_MAX, &rq_pi, 0), 3);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(pi_order, 3);
	ts = in_ms(CLOCK_MONOTONIC, 20);
	CHECK_ERR(futex(&rq_word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &ts, &rq_pi, 0), ETIMEDOUT);
	CHECK_ERR(futex(&rq_word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, NULL, &rq_pi, 0), EAGAIN);
	CHECK_ERR(futex(&rq_word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, (void *)1, &rq_pi, 0), EINVAL);
}

/* A chain: B has `second` and waits for `first`, while others want `second`: B's priority, and so
 * its place among the waiters of `first`, changes while `first` is handed over to it. */
static _Atomic unsigned chain_first, chain_second;
static _Atomic int chain_end;
static void *chain_middle(void *arg)
{
	CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19), 0);
	while (!chain_end) {
		CHECK_EQ(futex(&chain_second, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
		CHECK_EQ(futex(&chain_first, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
		CHECK_EQ(futex(&chain_first, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
		CHECK_EQ(futex(&chain_second, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	}
	return NULL;
}
static void *chain_last(void *arg)
{
	struct timespec past = { 1, 0 };

	while (!chain_end) {
		if (futex(&chain_second, FUTEX_LOCK_PI_PRIVATE, 0, &past, NULL, 0) == 0) {
			CHECK_EQ(futex(&chain_second, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0),
				 0);
			sched_yield();
		} else {
			CHECK_EQ(errno, ETIMEDOUT);
		}
	}
	return NULL;
}
static void pi_chain(void)
{
	struct timespec t0;
	pthread_t t[3];

	clock_gettime(CLOCK_MONOTONIC, &t0);
	pthread_create(&t[0], NULL, chain_middle, NULL);
	pthread_create(&t[1], NULL, chain_last, NULL);
	pthread_create(&t[2], NULL, chain_last, NULL);
	while (since_ms(&t0) < 4000 && !test_failed_here) {
		CHECK_EQ(futex(&chain_first, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
		for (int i = 0; i < 1000 && !(chain_first & FUTEX_WAITERS); i++)
			sched_yield();
		CHECK_EQ(futex(&chain_first, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	}
	chain_end = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(chain_first | chain_second, 0);
}

/* --- robust --- */

static pthread_mutex_t robust;
static void *die_with_lock(void *arg)
{
	pthread_mutex_lock(&robust);
	return NULL;
}
static void robust_mutex(void)
{
	pthread_mutexattr_t a;
	pthread_t t;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &a);
	pthread_create(&t, NULL, die_with_lock, NULL);
	pthread_join(t, NULL);
	CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&robust), 0);
	CHECK_EQ(pthread_mutex_unlock(&robust), 0);
	CHECK_EQ(pthread_mutex_lock(&robust), 0);
	pthread_mutex_unlock(&robust);
}
static void robust_process(void)
{
	pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0);
	_Atomic int *locked = (_Atomic int *)(m + 1);
	pthread_mutexattr_t a;
	int st;
	pid_t pid;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(m, &a);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_mutex_lock(m);
		*locked = 1;
		usleep(50000);
		raise(SIGKILL);
	}
	while (!*locked)
		sched_yield();
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	waitpid(pid, &st, 0);
	pthread_mutex_consistent(m);
	pthread_mutex_unlock(m);
	munmap(m, 4096);
}

/* --- futex_waitv --- */

struct waitv_entry {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};
static struct waitv_entry wv[3];
static _Atomic int wv_words[3];
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
static void *wake_second(void *arg)
{
	usleep(40000);
	wv_words[1] = 1;
	futex(&wv_words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return NULL;
}
static void waitv(void)
{
	pthread_t t;
	struct timespec ts;

	for (int i = 0; i < 3; i++)
		wv[i] = (struct waitv_entry){ .uaddr = (uintptr_t)&wv_words[i],
					      .flags = 2 | FUTEX_PRIVATE_FLAG };
	ts = in_ms(CLOCK_MONOTONIC, 20);
	CHECK_ERR(syscall(SYS_futex_waitv, wv, 3, 0, &ts, CLOCK_MONOTONIC), ETIMEDOUT);
	pthread_create(&t, NULL, wake_second, NULL);
	ts = in_ms(CLOCK_MONOTONIC, 5000);
	CHECK_EQ(syscall(SYS_futex_waitv, wv, 3, 0, &ts, CLOCK_MONOTONIC), 1);
	pthread_join(t, NULL);
	CHECK_ERR(syscall(SYS_futex_waitv, wv, 3, 0, NULL, 0), EAGAIN);
	CHECK_ERR(syscall(SYS_futex_waitv, wv, 0, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, wv, 129, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex_waitv, wv, 3, 1, NULL, 0), EINVAL);
}

/* --- pthreads --- */

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cv = PTHREAD_COND_INITIALIZER;
static int generation, arrived;
static long counter;

static void *count_thread(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&mu);
		counter++;
		pthread_mutex_unlock(&mu);
	}
	return NULL;
}
static void contended(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, count_thread, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(counter, 80000);
}
static void *barrier_thread(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mu);
		int g = generation;
		if (++arrived == 8) {
			arrived = 0;
			generation++;
			pthread_cond_broadcast(&cv);
		} else {
			while (g == generation)
				pthread_cond_wait(&cv, &mu);
		}
		pthread_mutex_unlock(&mu);
	}
	return NULL;
}
static void broadcast(void)
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, barrier_thread, NULL);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(generation, 200);
}
static void *ret(void *arg)
{
	return arg;
}
static void create_join(void)
{
	for (long i = 0; i < 2000; i++) {
		pthread_t t;
		void *r;

		if (pthread_create(&t, NULL, ret, (void *)i)) {
			CHECK(0);
			return;
		}
		pthread_join(t, &r);
		if ((long)r != i)
			CHECK_EQ((long)r, i);
	}
}
static void *once_locked(void *arg)
{
	pthread_mutex_lock(&mu);
	counter++;
	pthread_mutex_unlock(&mu);
	return NULL;
}
static void many(void)
{
	enum { N = 300 };
	static pthread_t t[N];
	pthread_attr_t a;
	int n = 0;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 32768);
	pthread_mutex_lock(&mu);
	counter = 0;
	for (; n < N; n++)
		if (pthread_create(&t[n], &a, once_locked, NULL))
			break;
	CHECK_EQ(n, N);
	pthread_mutex_unlock(&mu);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(counter, n);
}
static void *cancel_me(void *arg)
{
	for (;;)
		pause();
	return NULL;
}
static void cancel(void)
{
	pthread_t t;
	void *r;

	for (int i = 0; i < 50; i++) {
		pthread_create(&t, NULL, cancel_me, NULL);
		if (i & 1)
			usleep(500);
		CHECK_EQ(pthread_cancel(t), 0);
		pthread_join(t, &r);
		CHECK(r == PTHREAD_CANCELED);
	}
}
static sem_t s1, s2;
static void *pong(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		sem_wait(&s1);
		sem_post(&s2);
	}
	return NULL;
}
static void ping_pong(void)
{
	pthread_t t;

	sem_init(&s1, 0, 0);
	sem_init(&s2, 0, 0);
	pthread_create(&t, NULL, pong, NULL);
	for (int i = 0; i < 5000; i++) {
		sem_post(&s1);
		sem_wait(&s2);
	}
	pthread_join(t, NULL);
}
static void *timed(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < 300; i++) {
		struct timespec t = in_ms(CLOCK_REALTIME, 0);

		t.tv_nsec += rand_r(&seed) % 200000;
		t.tv_sec += t.tv_nsec / 1000000000;
		t.tv_nsec %= 1000000000;
		pthread_mutex_lock(&mu);
		pthread_cond_timedwait(&cv, &mu, &t);
		pthread_mutex_unlock(&mu);
		if (rand_r(&seed) & 1)
			pthread_cond_signal(&cv);
	}
	return NULL;
}
/* wake against timeout */
static void wake_timeout_race(void)
{
	pthread_t t[6];

	for (long i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, timed, (void *)(i + 1));
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
}
/* setgid in a threaded program goes through a signal to all threads (synccall) */
static _Atomic int idle_stop;
static void *idler(void *arg)
{
	while (!idle_stop)
		usleep(1000);
	return NULL;
}
static void synccall(void)
{
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, idler, NULL);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(setgid(getgid()), 0);
	idle_stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	RUN(errors);
	RUN(timeouts);
	RUN(bitsets);
	RUN(requeues);
	RUN(wake_ops);
	RUN(interrupted);
	RUN(shared);
	RUN(pi_locks);
	RUN(pi_timeouts);
	RUN(requeue_pi);
	RUN(pi_chain);
	RUN(robust_mutex);
	RUN(robust_process);
	RUN(waitv);
	RUN(contended);
	RUN(broadcast);
	RUN(create_join);
	RUN(many);
	RUN(cancel);
	RUN(ping_pong);
	RUN(wake_timeout_race);
	RUN(synccall);
	return test_done();
}
