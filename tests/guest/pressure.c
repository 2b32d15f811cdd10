/* SPDX-License-Identifier: MIT */
/*
 * Files larger than memory: written, read, mapped and copied by several at once while anonymous
 * memory takes most of the rest.  In the VM everything that is cached must come and go.
 * TEST_OPTIONS: --memory 32M
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/sysinfo.h>

#define MIB (1ul << 20)
#define FILE_SIZE (48 * MIB)
#define CHUNK (64ul << 10)

/* What the file has at offset at: a word that tells. */
static uint64_t word_at(uint64_t at, uint64_t seed)
{
	uint64_t x = (at + seed) * 0x9e3779b97f4a7c15ull;

	return x ^ x >> 29;
}
static void fill(uint64_t *buf, uint64_t pos, uint64_t seed)
{
	for (uint64_t i = 0; i < CHUNK / 8; i++)
		buf[i] = word_at(pos + i * 8, seed);
}
static long wrong_words(const uint64_t *buf, uint64_t pos, size_t n, uint64_t seed)
{
	long wrong = 0;

	for (uint64_t i = 0; i < n / 8; i++)
		wrong += buf[i] != word_at(pos + i * 8, seed);
	return wrong;
}

static void write_whole(const char *name, uint64_t seed, uint64_t size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint64_t *buf = malloc(CHUNK);
	int wrong = 0;

	for (uint64_t pos = 0; pos < size; pos += CHUNK) {
		fill(buf, pos, seed);
		wrong += write(fd, buf, CHUNK) != (ssize_t)CHUNK;
	}
	CHECK_EQ(wrong, 0);
	free(buf);
	CHECK_EQ(close(fd), 0);
}
static long read_whole(const char *name, uint64_t seed, uint64_t size)
{
	int fd = open(name, O_RDONLY);
	uint64_t *buf = malloc(CHUNK);
	long wrong = 0;

	for (uint64_t pos = 0; pos < size; pos += CHUNK) {
		if (read(fd, buf, CHUNK) != (ssize_t)CHUNK)
			wrong += 1000000;
		wrong += wrong_words(buf, pos, CHUNK, seed);
	}
	free(buf);
	close(fd);
	return wrong;
}

static void test_write_and_read(void)
{
	write_whole("big", 1, FILE_SIZE);
	CHECK_EQ(size_of("big"), FILE_SIZE);
	CHECK_EQ(read_whole("big", 1, FILE_SIZE), 0);
	/* backwards, with holes between: no read-ahead helps */
	int fd = open("big", O_RDONLY);
	uint64_t *buf = malloc(CHUNK);
	long wrong = 0;

	for (uint64_t pos = FILE_SIZE; pos >= 3 * CHUNK; pos -= 3 * CHUNK) {
		if (pread(fd, buf, 5000, (off_t)(pos - CHUNK)) != 5000)
			wrong += 1000000;
		wrong += wrong_words(buf, pos - CHUNK, 5000, 1);
	}
	CHECK_EQ(wrong, 0);
	free(buf);
	close(fd);
}

static void test_private_mapping(void)
{
	int fd = open("big", O_RDONLY);
	uint64_t *p = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
			   0);
	long wrong = 0;

	CHECK(p != MAP_FAILED);
	for (uint64_t pos = 0; pos < FILE_SIZE; pos += CHUNK)
		wrong += wrong_words(p + pos / 8, pos, CHUNK, 1);
	CHECK_EQ(wrong, 0);
	/* a few own pages stay while the rest goes by */
	for (uint64_t pos = 0; pos < FILE_SIZE; pos += MIB)
		p[pos / 8] = pos;
	for (uint64_t pos = 4096; pos < FILE_SIZE; pos += 4096)
		wrong += pos % MIB ? p[pos / 8] != word_at(pos, 1) : p[pos / 8] != pos;
	CHECK_EQ(wrong, 0);
	munmap(p, FILE_SIZE);
	close(fd);
}

static void test_shared_mapping(void)
{
	int fd = open("big", O_RDWR);
	uint64_t *p = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	long wrong = 0;

	CHECK(p != MAP_FAILED);
	/* more dirty pages than memory */
	for (uint64_t pos = 0; pos < FILE_SIZE; pos += 4096)
		p[pos / 8] = ~word_at(pos, 1);
	for (uint64_t pos = 0; pos < FILE_SIZE; pos += 4096)
		wrong += p[pos / 8] != ~word_at(pos, 1) || p[pos / 8 + 1] != word_at(pos + 8, 1);
	CHECK_EQ(wrong, 0);
	munmap(p, FILE_SIZE);
	/* it is in the file */
	for (uint64_t pos = 0; pos < FILE_SIZE; pos += 16 * 4096) {
		uint64_t v[2];

		if (pread(fd, v, 16, (off_t)pos) != 16)
			wrong++;
		wrong += v[0] != ~word_at(pos, 1) || v[1] != word_at(pos + 8, 1);
	}
	CHECK_EQ(wrong, 0);
	close(fd);
	unlink("big");
}

/* Anonymous memory that is used and checked while files stream by. */
static atomic_long wrong_total;
static atomic_int stop;
static void *hold_memory(void *arg)
{
	size_t n = 3 * MIB;
	uint64_t seed = (uint64_t)(uintptr_t)arg;

	while (!stop) {
		uint64_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				   0);

		if (p == MAP_FAILED) {
			wrong_total++;
			break;
		}
		for (size_t i = 0; i < n / 8; i += 64)
			p[i] = word_at(i, seed);
		for (int round = 0; round < 3; round++)
			for (size_t i = 0; i < n / 8; i += 64)
				if (p[i] != word_at(i, seed) || p[i + 1])
					wrong_total++;
		munmap(p, n);
	}
	return NULL;
}
static void *stream(void *arg)
{
	uint64_t seed = (uint64_t)(uintptr_t)arg;
	char name[16];

	snprintf(name, sizeof(name), "s%d", (int)seed);
	for (int i = 0; i < 2; i++) {
		write_whole(name, seed, 16 * MIB);
		wrong_total += read_whole(name, seed, 16 * MIB);
	}
	unlink(name);
	return NULL;
}
static void test_together(void)
{
	pthread_t t[4];

	stop = 0;
	wrong_total = 0;
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, i < 2 ? hold_memory : stream, (void *)(i + 1));
	pthread_join(t[2], NULL);
	pthread_join(t[3], NULL);
	stop = 1;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	CHECK_EQ(wrong_total, 0);
}

/* Processes that fork and exit with copies of memory: all of it comes back. */
static void test_forks(void)
{
	size_t n = 4 * MIB;
	uint64_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status, bad = 0;

	for (size_t i = 0; i < n / 8; i++)
		p[i] = i;
	fflush(stdout);
	for (int round = 0; round < 40; round++) {
		pid_t pid = fork();

		if (pid == 0) {
			for (size_t i = 0; i < n / 8; i += 512)
				p[i] += (uint64_t)round;
			for (size_t i = 0; i < n / 8; i++)
				if (p[i] != i + (i % 512 ? 0 : (uint64_t)round))
					_exit(1);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			bad++;
	}
	CHECK_EQ(bad, 0);
	for (size_t i = 0; i < n / 8; i++)
		bad += p[i] != i;
	CHECK_EQ(bad, 0);
	munmap(p, n);
}

/* A directory with more names than the caches hold. */
static void test_many_names(void)
{
	enum { N = 1500 };
	char name[32];
	struct stat st;
	int bad = 0;

	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);

		if (fd < 0 || write(fd, name, strlen(name)) < 0)
			bad++;
		close(fd);
	}
	CHECK_EQ(bad, 0);
	for (int i = N - 1; i >= 0; i--) {
		snprintf(name, sizeof(name), "n%d", i);
		bad += stat(name, &st) || st.st_size != (off_t)strlen(name);
	}
	CHECK_EQ(bad, 0);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		bad += unlink(name) != 0;
	}
	CHECK_EQ(bad, 0);
}

static void tests(void)
{
	RUN(test_write_and_read);
	RUN(test_private_mapping);
	RUN(test_shared_mapping);
	RUN(test_together);
	RUN(test_forks);
	RUN(test_many_names);
}
int main(void)
{
	scratch_run(".", "share", tests);
	return test_done();
}
