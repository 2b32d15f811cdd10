/* SPDX-License-Identifier: MIT */
/* Threads that open, duplicate, close and use the same descriptors: a descriptor never leads
 * to a file that was not put there. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#define FIRST 200
#define SLOTS 8
#define FILES 4

static int files[FILES];
static ino_t inodes[FILES];
static atomic_int stop, wrong;
static atomic_long looks, hits;

static unsigned next(unsigned *seed)
{
	return *seed = *seed * 1103515245 + 12345, *seed >> 8;
}
/* Puts files into slots and takes them out; makes the table grow from time to time. */
static void *change(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!stop) {
		int slot = FIRST + (int)(next(&seed) % SLOTS);

		if (next(&seed) % 3)
			dup2(files[next(&seed) % FILES], slot);
		else
			close(slot);
		if (next(&seed) % 64 == 0)
			close(open("/dev/null", O_RDONLY)); /* its memory goes round, too */
	}
	return NULL;
}
static void *use(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct stat st;

	while (!stop) {
		int slot = FIRST + (int)(next(&seed) % SLOTS), i;

		looks++;
		if (fstat(slot, &st)) {
			if (errno != EBADF)
				wrong++;
			continue;
		}
		for (i = 0; i < FILES && st.st_ino != inodes[i]; i++) {
		}
		wrong += i == FILES;
		hits++;
	}
	return NULL;
}
static void races(void)
{
	pthread_t t[6];
	struct stat st;

	for (int i = 0; i < FILES; i++) {
		char name[64];

		snprintf(name, sizeof(name), "/tmp/fd_race.%d.%d", (int)getpid(), i);
		files[i] = open(name, O_CREAT | O_RDWR, 0600);
		unlink(name);
		CHECK_EQ(fstat(files[i], &st), 0);
		inodes[i] = st.st_ino;
	}
	for (uintptr_t i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, i & 1 ? use : change, (void *)(i + 1));
	for (int i = 0; i < 20; i++) {
		usleep(50000);
		if (i % 4 == 0)
			close(dup2(files[0], 64 << (i / 4))); /* grows to 64, 128, 256 ... */
	}
	stop = 1;
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(wrong, 0);
	CHECK(looks > 100 && hits > 10);
}

int main(void)
{
	RUN(races);
	return test_done();
}
