/* SPDX-License-Identifier: MIT */
/* Timers: sleeping, POSIX timers, interval timers, timerfd, CPU clocks. */
#define _GNU_SOURCE
#include "guest.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t count;
static volatile int value, code, overrun_seen;
static void on_timer(int sig, siginfo_t *si, void *uc)
{
	count++;
	value = si->si_value.sival_int;
	code = si->si_code;
	overrun_seen += si->si_overrun;
}
static void on_sig(int sig)
{
	count++;
}
static void set(int sig)
{
	struct sigaction sa = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO };
	sigaction(sig, &sa, NULL);
}
static long long now(int clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}
#define MS 1000000ll

static void sleeping(void)
{
	struct timespec t = { 0, 20 * MS };
	long long t0 = now(CLOCK_MONOTONIC);

	CHECK_EQ(nanosleep(&t, NULL), 0);
	CHECK(now(CLOCK_MONOTONIC) - t0 >= 20 * MS);
	CHECK(now(CLOCK_MONOTONIC) - t0 < 300 * MS);
	t0 = now(CLOCK_MONOTONIC) + 20 * MS;
	t = (struct timespec){ t0 / 1000000000, t0 % 1000000000 };
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL), 0);
	CHECK(now(CLOCK_MONOTONIC) >= t0);
	t0 = now(CLOCK_REALTIME) + 20 * MS;
	t = (struct timespec){ t0 / 1000000000, t0 % 1000000000 };
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL), 0);
	CHECK(now(CLOCK_REALTIME) >= t0);
	t = (struct timespec){ 0, 1000000000 };
	CHECK_ERR(nanosleep(&t, NULL), EINVAL);
	t = (struct timespec){ -1, 0 };
	CHECK_ERR(nanosleep(&t, NULL), EINVAL);
	t = (struct timespec){ 0, 1 };
	CHECK_EQ(clock_nanosleep(99, 0, &t, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_nanosleep, NULL, NULL), EFAULT);
}

static void precision(void)
{
	long long worst = 0, sum = 0;

	for (int i = 0; i < 50; i++) {
		struct timespec t = { 0, 1 * MS };
		long long t0 = now(CLOCK_MONOTONIC);

		nanosleep(&t, NULL);
		long long late = now(CLOCK_MONOTONIC) - t0 - 1 * MS;
		CHECK(late >= 0);
		worst = late > worst ? late : worst;
		sum += late;
	}
	printf("# late by %lld us on average, %lld us at most\n", sum / 50000, worst / 1000);
}

static void posix_timers(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGRTMIN + 2,
			       .sigev_value.sival_int = 55 };
	struct itimerspec its = { .it_value = { 0, 20 * MS } }, cur;
	timer_t t;

	set(SIGRTMIN + 2);
	count = 0;
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &t), 0);
	long long begin = now(CLOCK_MONOTONIC);
	CHECK_EQ(timer_settime(t, 0, &its, NULL), 0);
	CHECK_EQ(timer_gettime(t, &cur), 0);
	/* a busy host may keep us from asking in time */
	CHECK(cur.it_value.tv_nsec > 0 || now(CLOCK_MONOTONIC) - begin >= 20 * MS);
	CHECK(cur.it_value.tv_nsec <= 20 * MS);
	usleep(60000);
	usleep(60000);
	CHECK_EQ(count, 1);
	CHECK_EQ(value, 55);
	CHECK_EQ(code, SI_TIMER);
	timer_gettime(t, &cur);
	CHECK_EQ(cur.it_value.tv_nsec, 0);
	its.it_interval = its.it_value = (struct timespec){ 0, 10 * MS };
	count = 0;
	timer_settime(t, 0, &its, NULL);
	while (count < 5)
		pause();
	its.it_value = (struct timespec){ 0, 0 };
	timer_settime(t, 0, &its, &cur);
	CHECK_EQ(cur.it_interval.tv_nsec, 10 * MS);
	int c = count;
	usleep(40000);
	CHECK_EQ(count, c);
	CHECK_EQ(timer_delete(t), 0);
	CHECK_EQ(syscall(SYS_timer_delete, t), -1);
	CHECK_ERR(syscall(SYS_timer_create, 77, NULL, &t), EINVAL);
	ev.sigev_signo = 99;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &t), EINVAL);
}

static void overruns(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2 };
	struct itimerspec its = { { 0, 1 * MS }, { 0, 1 * MS } };
	sigset_t s;
	timer_t t;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &s, NULL);
	overrun_seen = 0;
	timer_create(CLOCK_MONOTONIC, &ev, &t);
	timer_settime(t, 0, &its, NULL);
	usleep(50000);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	CHECK(overrun_seen >= 40);
	CHECK(timer_getoverrun(t) >= 0);
	timer_delete(t);
}

static volatile int fired_in;
static void on_thread(union sigval v)
{
	fired_in = v.sival_int;
}
static void thread_notify(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD,
			       .sigev_notify_function = on_thread,
			       .sigev_value.sival_int = 9 };
	struct itimerspec its = { .it_value = { 0, 10 * MS } };
	timer_t t;

	CHECK_EQ(timer_create(CLOCK_REALTIME, &ev, &t), 0);
	timer_settime(t, 0, &its, NULL);
	for (int i = 0; i < 200 && !fired_in; i++)
		usleep(5000);
	CHECK_EQ(fired_in, 9);
	timer_delete(t);
}

static void interval_timers(void)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } }, old;

	signal(SIGALRM, on_sig);
	count = 0;
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	while (count < 5)
		pause();
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	memset(&it, 0, sizeof(it));
	setitimer(ITIMER_REAL, &it, &old);
	CHECK(old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 10000);
	CHECK_EQ(alarm(5), 0);
	CHECK_EQ(alarm(0), 5);
	CHECK_ERR(setitimer(9, &it, NULL), EINVAL);
	it.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
}

static void burn(long long ns)
{
	long long t0 = now(CLOCK_PROCESS_CPUTIME_ID);
	while (now(CLOCK_PROCESS_CPUTIME_ID) - t0 < ns)
		;
}
/* A loaded host may take all CPUs away for longer than the timer's time, and give them back
 * before it delivers the interrupt. */
static void burn_until_fired(void)
{
	for (int i = 0; i < 50 && !count; i++)
		burn(80 * MS);
}
static void cpu_timers(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 50000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3 };
	struct itimerspec its = { .it_value = { 0, 50 * MS } };
	timer_t t;

	signal(SIGPROF, on_sig);
	count = 0;
	long long begin = now(CLOCK_PROCESS_CPUTIME_ID);
	setitimer(ITIMER_PROF, &it, NULL);
	usleep(100000);
	/* asleep it does not run; what a busy host takes of a virtual CPU counts as used */
	CHECK(count == 0 || now(CLOCK_PROCESS_CPUTIME_ID) - begin >= 50 * MS);
	burn_until_fired();
	CHECK_EQ(count, 1);
	signal(SIGVTALRM, on_sig);
	count = 0;
	setitimer(ITIMER_VIRTUAL, &it, NULL);
	for (volatile long i = 0; i < 2000000000 && !count; i++)
		;
	CHECK_EQ(count, 1);
	set(SIGRTMIN + 3);
	count = 0;
	CHECK_EQ(timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &t), 0);
	timer_settime(t, 0, &its, NULL);
	burn_until_fired();
	CHECK_EQ(count, 1);
	timer_delete(t);
	count = 0;
	CHECK_EQ(timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &t), 0);
	timer_settime(t, 0, &its, NULL);
	burn_until_fired();
	CHECK_EQ(count, 1);
	timer_delete(t);
}

static void *idle_thread(void *arg)
{
	usleep(200000);
	return NULL;
}
static void cpu_clocks(void)
{
	clockid_t c;
	pthread_t t;
	struct timespec ts;
	long long p0 = now(CLOCK_PROCESS_CPUTIME_ID), t0 = now(CLOCK_THREAD_CPUTIME_ID);

	usleep(50000);
	CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - p0 < 40 * MS);
	burn(20 * MS);
	CHECK(now(CLOCK_THREAD_CPUTIME_ID) - t0 >= 19 * MS);
	pthread_create(&t, NULL, idle_thread, NULL);
	CHECK_EQ(pthread_getcpuclockid(t, &c), 0);
	CHECK_EQ(clock_gettime(c, &ts), 0);
	CHECK(ts.tv_sec == 0 && ts.tv_nsec < 50 * MS);
	pthread_join(t, NULL);
	CHECK_EQ(clock_getcpuclockid(getpid(), &c), 0);
	CHECK_EQ(clock_gettime(c, &ts), 0);
	CHECK(clock_getcpuclockid(999999, &c) != 0);
}

static void *short_thread(void *arg)
{
	return NULL;
}
/* A timer on the CPU clock of a process whose threads come and go. */
static void cpu_clock_of_another(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec its = { .it_value = { 0, 30 * MS } }, cur;
	long long end = now(CLOCK_MONOTONIC) + 20000 * MS;
	clockid_t c;
	timer_t t;
	pid_t pid;

	count = 0;
	set(SIGUSR1);
	pid = fork();
	if (pid == 0) {
		while (now(CLOCK_MONOTONIC) < end) {
			pthread_t thread;

			if (!pthread_create(&thread, NULL, short_thread, NULL)) {
				pthread_join(thread, NULL);
			}
		}
		_exit(0);
	}
	CHECK_EQ(clock_getcpuclockid(pid, &c), 0);
	CHECK_EQ(timer_create(c, &ev, &t), 0);
	CHECK_EQ(timer_settime(t, 0, &its, NULL), 0);
	while (!count && now(CLOCK_MONOTONIC) < end) {
		CHECK(timer_gettime(t, &cur) == 0 && cur.it_value.tv_nsec <= 30 * MS);
	}
	CHECK_EQ(count, 1);
	CHECK(now(c) >= 30 * MS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_EQ(timer_delete(t), 0);
}

static void timerfds(void)
{
	struct itimerspec its = { .it_value = { 0, 300 * MS } }, cur;
	struct pollfd pf;
	uint64_t n;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	CHECK_EQ(timerfd_settime(fd, 0, &its, NULL), 0);
	pf.fd = fd;
	pf.events = POLLIN;
	CHECK_EQ(poll(&pf, 1, 0), 0);
	CHECK_EQ(poll(&pf, 1, 1000), 1);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK_EQ(n, 1);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	its.it_interval = its.it_value = (struct timespec){ 0, 5 * MS };
	timerfd_settime(fd, 0, &its, NULL);
	usleep(42000);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK(n >= 8);
	CHECK_EQ(timerfd_gettime(fd, &cur), 0);
	CHECK_EQ(cur.it_interval.tv_nsec, 5 * MS);
	CHECK(cur.it_value.tv_nsec <= 5 * MS);
	CHECK_ERR(read(fd, &n, 4), EINVAL);
	CHECK_ERR(timerfd_create(99, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERR(timerfd_settime(0, 0, &its, NULL), EINVAL);
	CHECK_ERR(timerfd_gettime(999, &its), EBADF);
	close(fd);
}

/* fork has no timers, exec drops POSIX timers: the first half. */
static void no_timers(void)
{
	struct itimerval it;

	getitimer(ITIMER_REAL, &it);
	CHECK_EQ(it.it_value.tv_sec, 0);
	CHECK_ERR(syscall(SYS_timer_gettime, 0, &it), EINVAL);
}
static void inheritance(void)
{
	alarm(100);
	CHECK_EQ(in_child(no_timers), 0);
	alarm(0);
}

static pthread_barrier_t timed;
static void *timed_thread(void *arg)
{
	pthread_barrier_wait(&timed);
	pthread_barrier_wait(&timed);
	return arg;
}
/* A timer on the clock of a thread that is gone has stopped for ever. */
static void clock_of_a_dead_thread(void)
{
	struct itimerspec it = { .it_value = { 100, 0 } }, got;
	clockid_t clock;
	pthread_t t;
	timer_t id;

	pthread_barrier_init(&timed, NULL, 2);
	pthread_create(&t, NULL, timed_thread, NULL);
	pthread_barrier_wait(&timed);
	CHECK_EQ(pthread_getcpuclockid(t, &clock), 0);
	CHECK_EQ(timer_create(clock, NULL, &id), 0);
	CHECK_EQ(timer_settime(id, 0, &it, NULL), 0);
	CHECK_EQ(timer_gettime(id, &got), 0);
	CHECK(got.it_value.tv_sec >= 90);
	pthread_barrier_wait(&timed);
	pthread_join(t, NULL);
	/* it may be about to go for a moment longer */
	for (int i = 0; i < 1000 && timer_settime(id, 0, &it, NULL) == 0; i++)
		usleep(1000);
	CHECK_ERR(timer_settime(id, 0, &it, NULL), ESRCH);
	CHECK_EQ(timer_gettime(id, &got), 0);
	CHECK(got.it_value.tv_sec == 0 && got.it_value.tv_nsec == 0);
	CHECK_EQ(timer_delete(id), 0);
}

int main(void)
{
	RUN(sleeping);
	RUN(precision);
	RUN(posix_timers);
	RUN(overruns);
	RUN(thread_notify);
	RUN(interval_timers);
	RUN(cpu_timers);
	RUN(cpu_clocks);
	RUN(cpu_clock_of_another);
	RUN(clock_of_a_dead_thread);
	RUN(timerfds);
	RUN(inheritance);
	return test_done();
}
