/* SPDX-License-Identifier: MIT */
/*
 * Mappings of files and memory among processes and threads: MAP_SHARED coherence with read and
 * write, truncation under a mapping and SIGBUS, si_code and si_addr of faults, private copies,
 * big reservations, stack growth, system calls that fault, memfd and seals.  On the share and on
 * tmpfs where files matter.
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE 4096ul
#define KIB 1024ul
#define GIB (1ul << 30)

/* --- faults that are caught --- */
static _Thread_local sigjmp_buf jump;
static _Thread_local volatile int fault_signal, fault_code;
static _Thread_local void *volatile fault_addr;
static void on_fault(int sig, siginfo_t *info, void *context)
{
	fault_signal = sig;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(jump, 1);
}
static void catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}
/* 0, or the signal that touching this byte raises. */
static int touch(volatile char *p, int write)
{
	fault_signal = 0;
	if (!sigsetjmp(jump, 1)) {
		if (write)
			*p = *p + 1;
		else
			(void)*p;
	}
	return fault_signal;
}
#define CHECK_FAULT(p, write, signal, code)                  \
	do {                                                 \
		CHECK_EQ(touch((char *)(p), write), signal); \
		CHECK_EQ(fault_code, code);                  \
		CHECK(fault_addr == (void *)(p));            \
	} while (0)
static void *map(size_t n, int prot, int flags, int fd, off_t off)
{
	void *p = mmap(NULL, n, prot, flags, fd, off);

	if (p == MAP_FAILED) {
		printf("# mmap of %zu: %s\n", n, strerror(errno));
		test_failed_here = 1;
		return calloc(1, n);
	}
	return p;
}
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void test_fault_codes(void)
{
	char *p = map(4 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);

	catch_faults();
	CHECK_EQ(touch(p, 1), 0);
	munmap(p + PAGE, PAGE);
	CHECK_FAULT(p + PAGE + 123, 0, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(p + PAGE, 1, SIGSEGV, SEGV_MAPERR);
	mprotect(p + 2 * PAGE, PAGE, PROT_READ);
	CHECK_EQ(touch(p + 2 * PAGE, 0), 0);
	CHECK_FAULT(p + 2 * PAGE + 7, 1, SIGSEGV, SEGV_ACCERR);
	mprotect(p + 3 * PAGE, PAGE, PROT_NONE);
	CHECK_FAULT(p + 3 * PAGE + 4095, 0, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT((char *)0 + 8, 0, SIGSEGV, SEGV_MAPERR);
	/* the kernel's half: no address is told for one that is not canonical */
	CHECK_EQ(touch(bad_kernel, 0), SIGSEGV);
	CHECK_EQ(touch(bad_hole, 0), SIGSEGV);
	CHECK_EQ(fault_code, SI_KERNEL);
	CHECK(fault_addr == NULL);
	munmap(p, 4 * PAGE);
	/* code that must not run */
	p = map(PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	*p = (char)0xc3;
	fault_signal = 0;
	if (!sigsetjmp(jump, 1))
		((void (*)(void))(uintptr_t)p)();
	CHECK_EQ(fault_signal, SIGSEGV);
	CHECK_EQ(fault_code, SEGV_ACCERR);
	CHECK(fault_addr == p);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), 0);
	fault_signal = 0;
	if (!sigsetjmp(jump, 1))
		((void (*)(void))(uintptr_t)p)();
	CHECK_EQ(fault_signal, 0);
	munmap(p, PAGE);
}

/* --- files --- */
static void test_shared_is_the_file(void)
{
	int fd = open("m", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char buf[16] = "", *p, *q;

	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	p = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = map(PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
	CHECK_EQ(pwrite(fd, "written", 7, PAGE + 10), 7);
	CHECK(!memcmp(p + PAGE + 10, "written", 7));
	CHECK(!memcmp(q + 10, "written", 7));
	memcpy(p + PAGE + 20, "mapped", 6);
	CHECK_EQ(pread(fd, buf, 6, PAGE + 20), 6);
	CHECK(!memcmp(buf, "mapped", 6));
	CHECK(!memcmp(q + 20, "mapped", 6));
	CHECK_EQ(msync(p, 3 * PAGE, MS_SYNC), 0);
	close(fd); /* the mapping keeps the file */
	memcpy(p, "after close", 11);
	munmap(p, 3 * PAGE);
	fd = open("m", O_RDONLY);
	CHECK_EQ(read(fd, buf, 11), 11);
	CHECK(!memcmp(buf, "after close", 11));
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
	      errno == EACCES);
	p = map(PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_ERR(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES);
	munmap(p, PAGE);
	p = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	memcpy(p, "private", 7);
	CHECK_EQ(pread(fd, buf, 7, 0), 7);
	CHECK(!memcmp(buf, "after c", 7));
	munmap(p, PAGE);
	munmap(q, PAGE);
	close(fd);
	fd = open("m", O_WRONLY);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
	close(fd);
	/* the name may go before the mapping */
	fd = open("m", O_RDWR);
	p = map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	unlink("m");
	CHECK(!memcmp(p, "after close", 11));
	p[0] = 'A';
	munmap(p, PAGE);
}

static void test_end_of_file(void)
{
	int fd = make_file("e", "0123456789");
	char *p = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), buf[16];

	catch_faults();
	/* zeros up to the page's end, which never reach the file */
	CHECK(p[9] == '9' && p[10] == 0 && p[4095] == 0);
	p[10] = 'x';
	CHECK_EQ(msync(p, PAGE, MS_SYNC), 0);
	CHECK_EQ(size_of("e"), 10);
	CHECK_FAULT(p + PAGE, 0, SIGBUS, BUS_ADRERR);
	CHECK_FAULT(p + 2 * PAGE + 5, 1, SIGBUS, BUS_ADRERR);
	/* system calls meet the same edge */
	CHECK_ERR(pwrite(fd, p + PAGE, 1, 0), EFAULT);
	/* growing gives the pages */
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	CHECK_EQ(touch(p + PAGE, 1), 0);
	CHECK_EQ(p[PAGE], 1);
	CHECK_EQ(pread(fd, buf, 1, PAGE), 1);
	CHECK_EQ(buf[0], 1);
	/* and shrinking takes them, touched or not */
	CHECK_EQ(ftruncate(fd, 5), 0);
	CHECK_FAULT(p + PAGE, 0, SIGBUS, BUS_ADRERR);
	CHECK(p[4] == '4' && p[5] == 0 && p[9] == 0);
	CHECK_EQ(ftruncate(fd, 10), 0);
	CHECK(p[4] == '4' && p[5] == 0 && p[9] == 0 && p[10] == 0);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_FAULT(p, 0, SIGBUS, BUS_ADRERR);
	munmap(p, 3 * PAGE);
	/* private: pages of one's own behind the end go, too */
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	p = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p[PAGE] = 'o';
	p[0] = 'k';
	CHECK_EQ(ftruncate(fd, PAGE), 0);
	CHECK_EQ(p[0], 'k');
	CHECK_FAULT(p + PAGE, 0, SIGBUS, BUS_ADRERR);
	munmap(p, 2 * PAGE);
	close(fd);
	unlink("e");
}

static void test_private_copies(void)
{
	int fd = open("p", O_RDWR | O_CREAT, 0600), status;
	char *p, *q;
	pid_t pid;

	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	CHECK_EQ(pwrite(fd, "file", 4, PAGE), 4);
	p = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	q = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	memcpy(p + PAGE, "MINE", 4);
	CHECK(!memcmp(q + PAGE, "file", 4));
	memcpy(p + 2 * PAGE, "two", 3);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		int bad = memcmp(p + PAGE, "MINE", 4) || memcmp(p + 2 * PAGE, "two", 3);

		memcpy(p + PAGE, "CHLD", 4);
		_exit(bad || memcmp(p + PAGE, "CHLD", 4));
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK(!memcmp(p + PAGE, "MINE", 4));
	/* throwing the copy away brings the file back */
	CHECK_EQ(madvise(p + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK(!memcmp(p + PAGE, "file", 4));
	munmap(p, 4 * PAGE);
	munmap(q, 4 * PAGE);
	close(fd);
	unlink("p");
}

/* Two processes and a shared file: a counter with atomics, raised by both. */
static void test_shared_counter(void)
{
	int fd = open("c", O_RDWR | O_CREAT, 0600), status;
	atomic_long *c;
	pid_t pids[3];
	long v;

	CHECK_EQ(ftruncate(fd, PAGE), 0);
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			/* each maps it for itself */
			c = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			for (int k = 0; k < 20000; k++)
				(*c)++;
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++) {
		waitpid(pids[i], &status, 0);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(pread(fd, &v, sizeof(v), 0), sizeof(v));
	CHECK_EQ(v, 60000);
	close(fd);
	fd = open("c", O_RDONLY);
	CHECK_EQ(read(fd, &v, sizeof(v)), sizeof(v));
	CHECK_EQ(v, 60000);
	close(fd);
	unlink("c");
}

/* read() into a mapping of the same page, write() from it, mappings as path and vector. */
static void test_calls_on_mappings(void)
{
	int fd = open("s", O_RDWR | O_CREAT, 0600);
	char *p, want[64];

	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	p = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(p, "abcdefgh", 8);
	/* the file's bytes onto themselves, not yet touched pages included */
	CHECK_EQ(pread(fd, p, 2 * PAGE, 0), 2 * PAGE);
	CHECK(!memcmp(p, "abcdefgh", 8));
	CHECK_EQ(pwrite(fd, p, 2 * PAGE, 0), 2 * PAGE);
	madvise(p, 2 * PAGE, MADV_DONTNEED);
	CHECK_EQ(pwrite(fd, p, 8, PAGE), 8);
	CHECK(!memcmp(p + PAGE, "abcdefgh", 8));
	madvise(p, 2 * PAGE, MADV_DONTNEED);
	CHECK_EQ(pread(fd, p + PAGE + 8, 8, 0), 8);
	CHECK(!memcmp(p + PAGE, "abcdefghabcdefgh", 16));
	snprintf(p + 100, 32, "s");
	CHECK_EQ(access(p + 100, F_OK), 0);
	CHECK_EQ(readlink("/proc/self/exe", p + 200, 50) > 0, 1);
	snprintf(want, sizeof(want), "%s", p + PAGE);
	munmap(p, 2 * PAGE);
	close(fd);
	unlink("s");
}

static void file_tests(void)
{
	RUN(test_shared_is_the_file);
	RUN(test_end_of_file);
	RUN(test_private_copies);
	RUN(test_shared_counter);
	RUN(test_calls_on_mappings);
}

/* --- memory --- */
static void test_reservations(void)
{
	/* address space is not memory */
	char *p = mmap(NULL, 64 * GIB, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	catch_faults();
	CHECK_EQ(touch(p + 40 * GIB, 0), SIGSEGV);
	for (int i = 0; i < 16; i++) {
		char *at = p + (size_t)i * 4 * GIB + (size_t)i * 12345 * PAGE;

		CHECK_EQ(mprotect(at, 4 * PAGE, PROT_READ | PROT_WRITE), 0);
		CHECK_EQ(touch(at + 5000, 1), 0);
		CHECK_EQ(touch(at - 1, 0), SIGSEGV);
		CHECK_EQ(touch(at + 4 * PAGE, 0), SIGSEGV);
	}
	/* fork copies what is there, not what could be */
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(p[4 * GIB + 12345 * PAGE + 5000] == 1 ? 0 : 1);
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(munmap(p, 64 * GIB), 0);
	CHECK(mmap(NULL, 1ul << 48, PROT_NONE, ANON | MAP_NORESERVE, -1, 0) == MAP_FAILED &&
	      errno == ENOMEM);
	CHECK(mmap(NULL, ~0ul - PAGE, PROT_NONE, ANON, -1, 0) == MAP_FAILED && errno == ENOMEM);
	CHECK(mmap(NULL, 0, PROT_NONE, ANON, -1, 0) == MAP_FAILED && errno == EINVAL);
}

static unsigned deep(unsigned n)
{
	volatile char frame[2000];

	frame[0] = (char)n;
	frame[1999] = (char)n;
	return n ? deep(n - 1) + (unsigned char)frame[0] - (unsigned char)frame[1999] : 0;
}
static void overflow_stack(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	sigaction(SIGSEGV, &sa, NULL);
	deep(100000000);
}
static void overflow_caught(void)
{
	static char alt[65536];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	sigaction(SIGSEGV, &sa, NULL);
	if (!sigsetjmp(jump, 1)) {
		deep(100000000);
		_exit(1);
	}
	CHECK_EQ(fault_signal, SIGSEGV);
	CHECK_EQ(fault_code, SEGV_MAPERR);
}
static void test_stack(void)
{
	CHECK_EQ(deep(3000), 0); /* 6 MB, a page at a time */
	CHECK_EQ(in_child(overflow_stack), 256 + SIGSEGV);
	CHECK_EQ(in_child(overflow_caught), 0);
}

static void test_shared_anonymous(void)
{
	long *p = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long *q;
	int status;
	pid_t pid;

	p[0] = 1;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		pid_t pid2 = fork();

		if (pid2 == 0) {
			p[10 * PAGE / 8] = 3; /* not touched by anybody before */
			_exit(0);
		}
		waitpid(pid2, &status, 0);
		p[0] += p[10 * PAGE / 8];
		/* it moves and stays shared */
		q = mremap(p, 16 * PAGE, 20 * PAGE, MREMAP_MAYMOVE);
		if (q == MAP_FAILED)
			_exit(1);
		q[1] = 77;
		munmap(q, 8 * PAGE);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(p[0], 4);
	CHECK_EQ(p[1], 77);
	CHECK_EQ(p[10 * PAGE / 8], 3);
	munmap(p, 16 * PAGE);
}

/* --- memfd --- */
static void test_memfd(void)
{
	int fd = memfd_create("name", MFD_ALLOW_SEALING | MFD_CLOEXEC), other;
	char text[64], *p;

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_EQ(ftruncate(fd, 2 * PAGE), 0);
	p = map(2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	memcpy(p, "memfd", 5);
	CHECK_EQ(pread(fd, text, 5, 0), 5);
	CHECK(!memcmp(text, "memfd", 5));
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	other = open(text, O_RDONLY);
	CHECK(other >= 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, PAGE), EPERM);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	CHECK_ERR(ftruncate(fd, 4 * PAGE), EPERM);
	CHECK_ERR(pwrite(fd, "x", 1, 3 * PAGE), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
	CHECK_EQ(fcntl(other, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
	CHECK_ERR(fcntl(other, F_ADD_SEALS, F_SEAL_SEAL), EPERM); /* not writable */
	/* a writable mapping stands in the way of F_SEAL_WRITE */
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(p, 2 * PAGE);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	CHECK_ERR(pwrite(fd, "x", 1, 0), EPERM);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
	      errno == EPERM);
	p = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p[0] = 'M';
	munmap(p, PAGE);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(fd);
	close(other);
	fd = memfd_create("unsealed", 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, 0x8000), EINVAL);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	CHECK_ERR(fcntl(fd, F_GET_SEALS), EINVAL);
	close(fd);
	CHECK_ERR(memfd_create("x", 0x800), EINVAL);
	CHECK_ERR(memfd_create(bad_kernel, 0), EFAULT);
	char *longer = malloc(300);
	memset(longer, 'n', 299);
	longer[250] = 0;
	CHECK_ERR(memfd_create(longer, 0), EINVAL);
	longer[249] = 0;
	fd = memfd_create(longer, 0);
	CHECK(fd >= 0);
	close(fd);
	free(longer);
}

/* --- threads that map, unmap, protect and fault beside each other --- */
enum { AREA = 64 };
static char *area;
static atomic_int stop, unexpected;
static void *mapper(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;

	while (!stop) {
		size_t at = rand_r(&seed) % AREA, n = 1 + rand_r(&seed) % (AREA - at);
		char *p = area + at * PAGE;
		int r = 0;

		switch (rand_r(&seed) % 5) {
		case 0:
			r = mmap(p, n * PAGE, PROT_READ | PROT_WRITE, ANON | MAP_FIXED, -1, 0) != p;
			break;
		case 1: r = mmap(p, n * PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) != p; break;
		case 2:
			r = mprotect(p, n * PAGE,
				     rand_r(&seed) & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
			break;
		case 3: r = madvise(p, n * PAGE, MADV_DONTNEED); break;
		default:
			p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
			memset(p, 1, n * PAGE);
			p = mremap(p, n * PAGE, 2 * n * PAGE, MREMAP_MAYMOVE);
			r = p == MAP_FAILED || p[0] != 1 || p[n * PAGE - 1] != 1 ||
			    p[2 * n * PAGE - 1] != 0;
			munmap(p, 2 * n * PAGE);
		}
		if (r)
			unexpected++;
	}
	return NULL;
}
static void *toucher(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;
	int null = open("/dev/zero", O_RDONLY);

	while (!stop) {
		char *p = area + rand_r(&seed) % (AREA * PAGE);
		int s = touch(p, rand_r(&seed) & 1);

		if (s && s != SIGSEGV)
			unexpected++;
		/* the kernel touches it, too */
		if (read(null, p, 3 * PAGE) < 0 && errno != EFAULT)
			unexpected++;
	}
	close(null);
	return NULL;
}
static void test_threads(void)
{
	pthread_t t[4];

	catch_faults();
	area = map((AREA + 4) * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	stop = unexpected = 0;
	for (intptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, i & 1 ? toucher : mapper, (void *)(i + 1));
	for (int i = 0; i < 20; i++) {
		/* fork beside it all: a child sees one consistent state and can write */
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			for (int k = 0; k < AREA; k++)
				touch(area + (size_t)k * PAGE, 1);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		CHECK_EQ(status, 0);
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(unexpected, 0);
	munmap(area, (AREA + 4) * PAGE);
}

/* A store that was seen on one CPU must not vanish when another one protects or forks: each
 * thread counts in a word of its own page while the page is protected back and forth. */
static volatile long *words;
static int store(volatile long *w, long v)
{
	fault_signal = 0;
	if (!sigsetjmp(jump, 1))
		*w = v;
	return fault_signal == 0;
}
static void *count_up(void *arg)
{
	volatile long *w = words + (intptr_t)arg * (long)(PAGE / sizeof(long));
	long n = 0, lost = 0;

	while (!stop) {
		if (store(w, n + 1))
			n++;
		if (*w != n)
			lost++;
	}
	return (void *)lost;
}
static void test_no_store_is_lost(void)
{
	pthread_t t[3];
	void *lost;

	catch_faults();
	words = map(3 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
	stop = 0;
	for (intptr_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, count_up, (void *)i);
	for (int i = 0; i < 300; i++) {
		if (i % 10 == 0) {
			int status;
			pid_t pid = fork();

			if (pid == 0)
				_exit(0);
			waitpid(pid, &status, 0);
		}
		mprotect((void *)words, 3 * PAGE, PROT_READ);
		mprotect((void *)words, 3 * PAGE, PROT_READ | PROT_WRITE);
	}
	stop = 1;
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &lost);
		CHECK_EQ((intptr_t)lost, 0);
	}
	munmap((void *)words, 3 * PAGE);
}

int main(void)
{
	RUN(test_fault_codes);
	RUN_EVERYWHERE(file_tests);
	RUN(test_reservations);
	RUN(test_stack);
	RUN(test_shared_anonymous);
	RUN(test_memfd);
	RUN(test_threads);
	RUN(test_no_store_is_lost);
	return test_done();
}
