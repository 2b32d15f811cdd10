/* SPDX-License-Identifier: MIT */
/*
 * Threads in numbers: many alive at once, and many one after the other.
 *
 *     threads [ALIVE [CREATED]]     default 1000 alive at once, 20000 created and joined
 *
 * Runs on the host, too.  At the end free memory must be back near its start.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static pthread_barrier_t all_here;
static _Thread_local long mine;

static void die(const char *what, int err)
{
	printf("threads: %s: %s\n", what, strerror(err));
	exit(1);
}

static long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return (long)((si.freeram + si.bufferram) * si.mem_unit / 1024);
}

/* Uses some of its stack, waits for all others, and sees that its own memory is its own. */
static void *crowd(void *arg)
{
	volatile char stack[6000];

	mine = (long)arg;
	stack[0] = stack[5999] = (char)mine;
	pthread_barrier_wait(&all_here);
	return stack[0] == (char)(long)arg && mine == (long)arg ? arg : NULL;
}

static void *nothing(void *arg)
{
	return arg;
}

static void alive_at_once(long n, const pthread_attr_t *attr)
{
	pthread_t *t = calloc((size_t)n, sizeof(*t));
	void *r;

	pthread_barrier_init(&all_here, NULL, (unsigned)n + 1);
	for (long i = 0; i < n; i++) {
		int err = pthread_create(&t[i], attr, crowd, (void *)(i + 1));

		if (err) {
			printf("threads: %ld are alive\n", i);
			die("pthread_create", err);
		}
	}
	printf("threads: %ld alive, %ld KiB free\n", n, free_kib());
	pthread_barrier_wait(&all_here);
	for (long i = 0; i < n; i++) {
		int err = pthread_join(t[i], &r);

		if (err || r != (void *)(i + 1)) {
			die("pthread_join", err);
		}
	}
	pthread_barrier_destroy(&all_here);
	free(t);
}

static void in_turn(long n, const pthread_attr_t *attr)
{
	for (long i = 0; i < n; i++) {
		pthread_t t;
		void *r;
		int err = pthread_create(&t, attr, nothing, (void *)i);

		if (!err) {
			err = pthread_join(t, &r);
		}
		if (err || r != (void *)i) {
			die("create and join", err);
		}
	}
}

int main(int argc, char **argv)
{
	long alive = argc > 1 ? atol(argv[1]) : 1000, created = argc > 2 ? atol(argv[2]) : 20000;
	pthread_attr_t attr;
	long before, after;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	alive_at_once(alive < 50 ? alive : 50, &attr); /* warms up */
	before = free_kib();
	alive_at_once(alive, &attr);
	in_turn(created, &attr);
	usleep(50000);
	after = free_kib();
	printf("threads: %ld at once, %ld in turn; free %ld KiB, %ld at the start\n", alive,
	       created, after, before);
	if (getenv("CORRIDA_STRICT") && after + 1024 < before) {
		printf("threads: %ld KiB lost\n", before - after);
		return 1;
	}
	puts("threads: ok");
	return 0;
}
