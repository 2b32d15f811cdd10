/* SPDX-License-Identifier: MIT */
/*
 * Threads that copy between the same open files share their positions.  Linux takes no lock
 * there, so it may copy bytes twice; here each moves once.  What both promise: nothing is made
 * up, and nobody waits for a copy whose output is full.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/sendfile.h>

#define RECORDS 65536 /* of 8 bytes: their number */
#define THREADS 3

static int in, out;
static atomic_uchar seen[RECORDS];
static atomic_int made_up;

static int open_new(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	unlink(name);
	return fd;
}
static void start(void)
{
	static uint64_t all[RECORDS];

	for (size_t i = 0; i < RECORDS; i++) {
		all[i] = i;
		seen[i] = 0;
	}
	made_up = 0;
	in = open_new("copy_race.in");
	out = open_new("copy_race.out");
	CHECK_EQ(write(in, all, sizeof(all)), sizeof(all));
	CHECK_EQ(lseek(in, 0, SEEK_SET), 0);
}
static void end(void)
{
	close(in);
	close(out);
}
static void run(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(pthread_create(&t[i], NULL, fn, (void *)(uintptr_t)i), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
	}
}
static void count(const uint64_t *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (records[i] < RECORDS) {
			seen[records[i]]++;
		} else {
			made_up++;
		}
	}
}
static void check_once(void)
{
	int missing = 0, doubled = 0;

	for (size_t i = 0; i < RECORDS; i++) {
		missing += seen[i] == 0;
		doubled += seen[i] > 1;
	}
	CHECK_EQ(made_up, 0);
	if (on_corrida()) {
		CHECK_EQ(missing, 0);
		CHECK_EQ(doubled, 0);
	} else if (missing || doubled) {
		printf("# %d records missing, %d doubled: Linux's choice\n", missing, doubled);
	}
}

static void *copy_ranges(void *arg)
{
	size_t n = 800 + 8 * (size_t)(uintptr_t)arg;

	while (copy_file_range(in, NULL, out, NULL, n, 0) > 0) {
	}
	return NULL;
}
static void *send_ranges(void *arg)
{
	size_t n = 800 + 8 * (size_t)(uintptr_t)arg;

	while (sendfile(out, in, NULL, n) > 0) {
	}
	return NULL;
}
static void read_out(void)
{
	static uint64_t got[2 * RECORDS];
	ssize_t n = pread(out, got, sizeof(got), 0);

	CHECK(n > 0 && n % 8 == 0);
	count(got, (size_t)n / 8);
	check_once();
	if (on_corrida()) { /* both positions move together, so the order is kept, too */
		int wrong = 0;

		for (size_t i = 0; i < RECORDS; i++) {
			wrong += got[i] != i;
		}
		CHECK_EQ(wrong, 0);
	}
}
static void ranges_share_both_positions(void)
{
	start();
	run(copy_ranges);
	read_out();
	end();
}
static void sendfile_shares_both_positions(void)
{
	start();
	run(send_ranges);
	read_out();
	end();
}

/* Each into a pipe of its own that takes less than is sent: the rest is not lost. */
static void *send_to_pipe(void *arg)
{
	uint64_t buf[4096];
	size_t held = 0;
	int p[2];

	(void)arg;
	if (pipe2(p, O_NONBLOCK)) {
		made_up++;
		return NULL;
	}
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	for (;;) {
		ssize_t sent = sendfile(p[1], in, NULL, 20000), n;

		if (sent == 0 || (sent < 0 && errno != EAGAIN)) {
			break;
		}
		while ((n = read(p[0], (char *)buf + held, sizeof(buf) - held)) > 0) {
			held += (size_t)n;
			count(buf, held / 8);
			memmove(buf, (char *)buf + held / 8 * 8, held % 8);
			held %= 8;
		}
	}
	close(p[0]);
	close(p[1]);
	return NULL;
}
static void short_writes_lose_nothing(void)
{
	start();
	run(send_to_pipe);
	check_once();
	end();
}

static void a_pipe_gets_what_fits(void)
{
	static uint64_t buf[8192];
	int p[2];

	start();
	CHECK_EQ(pipe(p), 0);
	alarm(20);
	CHECK_EQ(sendfile(p[1], in, NULL, RECORDS * 8), 65536);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 65536);
	CHECK_EQ(read(p[0], buf, 8192), 8192);
	CHECK_EQ(splice(in, NULL, p[1], NULL, 65536, 0), 8192);
	CHECK_EQ(splice(in, NULL, p[1], NULL, 65536, SPLICE_F_NONBLOCK), -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 65536 + 8192);
	alarm(0);
	CHECK_EQ(read(p[0], buf, 65536), 65536);
	CHECK_EQ(buf[8191], 9 * 1024 - 1);
	close(p[0]);
	close(p[1]);
	end();
}

static void *send_and_block(void *arg)
{
	int *p = arg;

	while (sendfile(p[1], in, NULL, RECORDS * 8) > 0) {
	}
	close(p[1]);
	return NULL;
}
static void a_full_pipe_keeps_nobody_from_the_position(void)
{
	static uint64_t buf[8192];
	size_t left = RECORDS * 8;
	pthread_t t;
	ssize_t n;
	int p[2];

	start();
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pthread_create(&t, NULL, send_and_block, p), 0);
	CHECK_EQ(poll(&(struct pollfd){ p[0], POLLIN, 0 }, 1, -1), 1);
	alarm(20);
	CHECK(lseek(in, 0, SEEK_CUR) >= 0);
	alarm(0);
	while ((n = read(p[0], buf, sizeof(buf))) > 0) {
		count(buf, (size_t)n / 8);
		left -= (size_t)n;
	}
	CHECK_EQ(left, 0);
	pthread_join(t, NULL);
	close(p[0]);
	check_once();
	end();
}

int main(void)
{
	RUN(ranges_share_both_positions);
	RUN(sendfile_shares_both_positions);
	RUN(short_writes_lose_nothing);
	RUN(a_pipe_gets_what_fits);
	RUN(a_full_pipe_keeps_nobody_from_the_position);
	return test_done();
}
