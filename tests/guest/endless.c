/* SPDX-License-Identifier: MIT */
/*
 * One call that a program makes as long as it likes: memory that is mapped again and again, ranges
 * without pages, vectors whose lengths add up to more than there is.  While it runs others get their
 * turn, also on one CPU, and SIGKILL ends it: a kernel that does neither shows in the runner's time.
 * TEST_TIMEOUT: 90
 */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#define GIB (1ul << 30)
#define LEN 0x7ffff000ul

static int new_memfd(off_t size)
{
	int fd = memfd_create("endless", 0);

	return fd < 0 || ftruncate(fd, size) ? -1 : fd;
}

static char *reserve(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);

	if (p == MAP_FAILED)
		_exit(99);
	return p;
}

/* 2 GiB of addresses that are all the same MiB. */
static char *repeated(void)
{
	char *p = reserve(2 * GIB);
	int fd = new_memfd(1 << 20);

	for (size_t at = 0; at < 2 * GIB; at += 1 << 20)
		mmap(p + at, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	return p;
}

static void write_random(void)
{
	int fd = open("/dev/urandom", O_WRONLY);
	char *p = reserve(2 * GIB);

	while (write(fd, p, LEN) > 0)
		;
}
static void read_random(void)
{
	char *p = repeated();

	while (getrandom(p, LEN, 0) > 0)
		;
}
static void look_at_pages(void)
{
	char *p = reserve(64 * GIB);
	unsigned char *vec = (unsigned char *)reserve(64 * GIB / 4096);

	while (!mincore(p, 64 * GIB, vec))
		;
}
static void send_zeros(void)
{
	int in = open("/dev/zero", O_RDONLY), out = open("/dev/null", O_WRONLY);

	while (sendfile(out, in, NULL, LEN) > 0)
		;
}
static void send_hole_to_random(void)
{
	int in = new_memfd(1l << 50), out = open("/dev/urandom", O_WRONLY);

	while (sendfile(out, in, NULL, LEN) > 0)
		;
}
static void read_hole(void)
{
	int fd = new_memfd(1l << 50);
	char *p = repeated();

	while (pread(fd, p, LEN, 0) > 0)
		;
}
static void copy_self(void)
{
	struct iovec v[1024];
	char *p = repeated();

	for (int i = 0; i < 1024; i++)
		v[i] = (struct iovec){ p, GIB };
	while (syscall(SYS_process_vm_readv, getpid(), v, 1024ul, v, 1024ul, 0ul) > 0)
		;
}
static void read_own_memory(void)
{
	int fd = open("/proc/self/mem", O_RDONLY);
	char *p = repeated();

	while (pread(fd, p, LEN, (off_t)p) > 0)
		;
}
static void copy_on_share(void)
{
	char name[] = "endless-XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	if (fd < 0 || ftruncate(fd, 1l << 34))
		_exit(99);
	for (;;) {
		off_t from = 0, to = 1l << 33;

		if (syscall(SYS_copy_file_range, fd, &from, fd, &to, (size_t)64 << 20, 0u) <= 0)
			break;
	}
}

static void dump_core_of(char *p)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	p[0] = 1;
	if (setrlimit(RLIMIT_CORE, &all) || mkdir("endless-core", 0700) || chdir("endless-core"))
		_exit(97);
	abort();
}
static void dump_core(void)
{
	dump_core_of(repeated());
}
static void dump_untouched(void)
{
	dump_core_of(reserve(8 * GIB));
}

static void run_and_kill(void (*forever)(void))
{
	struct timespec turn = { 0, 10000000 };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		forever();
		_exit(98);
	}
	for (int i = 0; i < 25; i++)
		nanosleep(&turn, NULL);
	CHECK(pid > 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
}

#define FOREVER(fn)                 \
	static void test_##fn(void) \
	{                           \
		run_and_kill(fn);   \
	}
FOREVER(write_random)
FOREVER(read_random)
FOREVER(look_at_pages)
FOREVER(send_zeros)
FOREVER(send_hole_to_random)
FOREVER(read_hole)
FOREVER(copy_self)
FOREVER(read_own_memory)
FOREVER(copy_on_share)

/* A dump is as long as memory is large; what was never touched is a hole of it. */
static void test_dump_core(void)
{
	run_and_kill(dump_core);
	unlink("endless-core/core");
	CHECK_EQ(rmdir("endless-core"), 0);
}
static void test_dump_untouched(void)
{
	struct stat st;

	CHECK_EQ(in_child(dump_untouched) & 0x7f, SIGABRT);
	if (!stat("endless-core/core", &st)) {
		CHECK(st.st_size > (off_t)(8 * GIB));
		CHECK(st.st_blocks < 16 << 11);
	}
	unlink("endless-core/core");
	CHECK_EQ(rmdir("endless-core"), 0);
}

int main(void)
{
	RUN(test_dump_core);
	RUN(test_dump_untouched);
	RUN(test_write_random);
	RUN(test_read_random);
	RUN(test_look_at_pages);
	RUN(test_send_zeros);
	RUN(test_send_hole_to_random);
	RUN(test_read_hole);
	RUN(test_copy_self);
	RUN(test_read_own_memory);
	RUN(test_copy_on_share);
	return test_done();
}
