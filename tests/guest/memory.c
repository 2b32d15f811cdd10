/* SPDX-License-Identifier: MIT */
/* mmap(2) and its family: results, errors, what programs rely on. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PAGE 4096ul
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf on_fault;
static volatile int fault_signal, fault_code;
static void *volatile fault_addr;

static void handler(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	fault_signal = sig;
	fault_code = si->si_code;
	fault_addr = si->si_addr;
	siglongjmp(on_fault, 1);
}
/* The signal that touching p raises, 0 = none. */
static int touch(volatile char *p, int write)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO }, old[2];
	volatile int sig = 0;

	sigaction(SIGSEGV, &sa, &old[0]);
	sigaction(SIGBUS, &sa, &old[1]);
	if (sigsetjmp(on_fault, 1))
		sig = fault_signal;
	else if (write)
		*p = 1;
	else
		(void)*p;
	sigaction(SIGSEGV, &old[0], NULL);
	sigaction(SIGBUS, &old[1], NULL);
	return sig;
}
static char *map(size_t pages)
{
	return mmap(NULL, pages * PAGE, RW, ANON, -1, 0);
}
static int all_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return 0;
	return 1;
}

static void test_mmap_errors(void)
{
	int fd = open("/proc/self/exe", O_RDONLY), dir = open("/", O_RDONLY), p[2];

	CHECK_ERR(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERR(syscall(SYS_mmap, 0, PAGE, RW, MAP_PRIVATE, fd, 1), EINVAL);
	CHECK_ERR(syscall(SYS_mmap, 0, ~0ul - PAGE, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERR(mmap((void *)1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERR(mmap((void *)(1ul << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK_ERR(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK_EQ(pipe(p), 0);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[1], 0), EACCES);
	close(p[0]);
	close(p[1]);
	close(dir);
	close(fd);
}

static void test_fixed(void)
{
	char *p = map(4);

	memset(p, 1, 4 * PAGE);
	CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + PAGE);
	CHECK(p[0] == 1 && all_zero(p + PAGE, PAGE) && p[2 * PAGE] == 1);
	CHECK_ERR(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK_EQ(touch(p + PAGE, 0), SIGSEGV);
	CHECK(fault_addr == p + PAGE && fault_code == SEGV_MAPERR);
	CHECK(mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == p + PAGE);
	CHECK_EQ(munmap(p + PAGE, PAGE), 0);
	CHECK(mmap(p + PAGE, PAGE, RW, ANON, -1, 0) == p + PAGE);
	CHECK(p[0] == 1 && p[3 * PAGE] == 1);
	CHECK_ERR(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERR(munmap(p, 0), EINVAL);
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
	CHECK_EQ(munmap(p, 4 * PAGE), 0);
}

static void test_mprotect(void)
{
	char *p = map(3);

	memset(p, 1, 3 * PAGE);
	CHECK_EQ(mprotect(p + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(touch(p + PAGE, 0), 0);
	CHECK_EQ(touch(p + PAGE, 1), SIGSEGV);
	CHECK(fault_code == SEGV_ACCERR && fault_addr == p + PAGE);
	CHECK_EQ(touch(p + 2 * PAGE, 1), 0);
	CHECK_EQ(mprotect(p, 3 * PAGE, PROT_NONE), 0);
	CHECK_EQ(touch(p, 0), SIGSEGV);
	CHECK_EQ(mprotect(p, 3 * PAGE, RW), 0);
	CHECK(p[PAGE] == 1);
	CHECK_ERR(syscall(SYS_mprotect, p + 1, PAGE, RW), EINVAL);
	CHECK_ERR(mprotect(p, PAGE, 0x100), EINVAL);
	CHECK_EQ(mprotect(p, 0, RW), 0);
	munmap(p + PAGE, PAGE);
	CHECK_ERR(mprotect(p, 3 * PAGE, PROT_READ), ENOMEM);
	munmap(p, 3 * PAGE);
	int fd = open("/proc/self/exe", O_RDONLY);

	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, PAGE, RW), EACCES);
	munmap(p, PAGE);
	p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK_EQ(mprotect(p, PAGE, RW), 0);
	p[0] = 'x';
	munmap(p, PAGE);
	close(fd);
}

static void test_files(void)
{
	char name[] = "/tmp/memory-XXXXXX", buf[16];
	int fd = mkstemp(name);
	char *shared, *private;

	CHECK(fd >= 0);
	unlink(name);
	CHECK_EQ(ftruncate(fd, PAGE + 100), 0);
	CHECK_EQ(pwrite(fd, "hello", 5, 0), 5);
	shared = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	private = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(!memcmp(shared, "hello", 5) && !memcmp(private, "hello", 5));
	shared[0] = 'H';
	CHECK(private[0] == 'H');
	private[1] = 'E';
	CHECK(shared[1] == 'e');
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK(!memcmp(buf, "Hello", 5));
	CHECK_EQ(pwrite(fd, "J", 1, 0), 1);
	CHECK(shared[0] == 'J');
	CHECK(all_zero(shared + PAGE, PAGE));
	CHECK_EQ(touch(shared + 2 * PAGE, 0), SIGBUS);
	CHECK(fault_code == BUS_ADRERR);
	CHECK_EQ(touch(private + 2 * PAGE, 1), SIGBUS);
	CHECK_EQ(msync(shared, PAGE, MS_SYNC), 0);
	CHECK_EQ(msync(shared, PAGE, MS_ASYNC), 0);
	CHECK_ERR(msync(shared, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERR(msync(shared + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERR(msync(shared, PAGE, 0x100), EINVAL);
	/* a file that shrinks takes its pages along */
	CHECK_EQ(ftruncate(fd, 10), 0);
	CHECK_EQ(touch(shared + PAGE, 0), SIGBUS);
	CHECK(shared[20] == 0);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_EQ(touch(shared + 2 * PAGE, 1), 0);
	munmap(shared, 3 * PAGE);
	munmap(private, 3 * PAGE);
	CHECK_ERR(msync(shared, PAGE, MS_SYNC), ENOMEM);
	close(fd);
}

static char *fork_p, *fork_s;
static void fork_child(void)
{
	CHECK(fork_p[0] == 1 && fork_s[0] == 1);
	fork_p[0] = 2;
	fork_s[0] = 2;
	CHECK(all_zero(fork_p + PAGE, PAGE));		/* MADV_WIPEONFORK */
	CHECK_EQ(touch(fork_p + 2 * PAGE, 0), SIGSEGV); /* MADV_DONTFORK */
}
static void test_fork(void)
{
	fork_p = map(3);
	fork_s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	memset(fork_p, 1, 3 * PAGE);
	fork_s[0] = 1;
	CHECK_EQ(madvise(fork_p + PAGE, PAGE, MADV_WIPEONFORK), 0);
	CHECK_EQ(madvise(fork_p + 2 * PAGE, PAGE, MADV_DONTFORK), 0);
	CHECK_EQ(in_child(fork_child), 0);
	CHECK(fork_p[0] == 1 && fork_s[0] == 2 && fork_p[PAGE] == 1);
	munmap(fork_p, 3 * PAGE);
	munmap(fork_s, PAGE);
}

static void test_mremap(void)
{
	char *p = map(4), *q, *r;

	memset(p, 1, 4 * PAGE);
	CHECK(mremap(p, 4 * PAGE, 2 * PAGE, 0) == p);
	CHECK_EQ(touch(p + 2 * PAGE, 0), SIGSEGV);
	CHECK(mremap(p, 2 * PAGE, 4 * PAGE, 0) == p);
	CHECK(p[PAGE] == 1 && all_zero(p + 2 * PAGE, 2 * PAGE));
	q = mremap(p, 4 * PAGE, 1000 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q[PAGE] == 1 && q[999 * PAGE] == 0);
	r = map(8);
	CHECK(mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r) == r);
	CHECK(r[PAGE] == 1 && r[2 * PAGE] == 0);
	CHECK_EQ(touch(q, 0), SIGSEGV);
	CHECK_ERR(mremap(r + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_ERR(mremap(r, PAGE, 0, 0), EINVAL);
	CHECK_ERR(mremap(r, PAGE, PAGE, 0x100), EINVAL);
	CHECK_ERR(mremap(r, PAGE, PAGE, MREMAP_FIXED, q), EINVAL);
	CHECK_ERR(mremap(r, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r + PAGE), EINVAL);
	CHECK_ERR(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK_ERR(mremap(r, PAGE, 2 * PAGE, 0), ENOMEM);
	munmap(r, 8 * PAGE);
	munmap(q, 1000 * PAGE);
}

static void test_madvise(void)
{
	char *p = map(4);

	memset(p, 1, 4 * PAGE);
	CHECK_EQ(madvise(p + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK(p[0] == 1 && all_zero(p + PAGE, PAGE) && p[2 * PAGE] == 1);
	CHECK_EQ(madvise(p, PAGE, MADV_WILLNEED), 0);
	CHECK_EQ(madvise(p, PAGE, MADV_FREE), 0);
	CHECK(p[0] == 0 || p[0] == 1);
	CHECK_EQ(madvise(p, 0, MADV_DONTNEED), 0);
	CHECK_ERR(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERR(madvise(p, PAGE, 1234), EINVAL);
	munmap(p + PAGE, PAGE);
	CHECK_ERR(madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK(all_zero(p + 2 * PAGE, 2 * PAGE));
	munmap(p, 4 * PAGE);
}

static void test_mincore_mlock(void)
{
	unsigned char vec[4] = { 0xff, 0xff, 0xff, 0xff };
	char *p = map(4);

	p[0] = p[2 * PAGE] = 1;
	CHECK_EQ(mincore(p, 4 * PAGE, vec), 0);
	CHECK((vec[0] & 1) && !(vec[1] & 1) && (vec[2] & 1) && !(vec[3] & 1));
	CHECK_ERR(mincore(p + 1, PAGE, vec), EINVAL);
	CHECK_ERR(mincore(p, PAGE, (void *)8), EFAULT);
	CHECK_EQ(mlock(p + PAGE + 10, 100), 0);
	CHECK_EQ(mincore(p, 4 * PAGE, vec), 0);
	CHECK(vec[1] & 1);
	CHECK_EQ(munlock(p + PAGE, PAGE), 0);
	CHECK_EQ(mlock2(p, PAGE, MLOCK_ONFAULT), 0);
	CHECK_ERR(syscall(SYS_mlock2, p, PAGE, 4), EINVAL);
	CHECK_ERR(mlockall(0), EINVAL);
	CHECK_ERR(mlockall(0x100), EINVAL);
	CHECK_EQ(munlockall(), 0);
	munmap(p, 4 * PAGE);
	CHECK_ERR(mincore(p, 4 * PAGE, vec), ENOMEM);
	CHECK_ERR(mlock(p, PAGE), ENOMEM);
}

static void test_brk(void)
{
	char *old = sbrk(0), *cur = (char *)syscall(SYS_brk, 0);

	CHECK(old == cur || old == (void *)-1);
	CHECK((char *)syscall(SYS_brk, cur + 3 * PAGE) == cur + 3 * PAGE);
	CHECK(all_zero(cur, 3 * PAGE));
	memset(cur, 1, 3 * PAGE);
	CHECK((char *)syscall(SYS_brk, cur) == cur);
	CHECK((char *)syscall(SYS_brk, cur + PAGE) == cur + PAGE);
	CHECK(all_zero((char *)(((uintptr_t)cur + PAGE - 1) & -PAGE),
		       PAGE - ((uintptr_t) - (uintptr_t)cur & (PAGE - 1))));
	CHECK((char *)syscall(SYS_brk, cur) == cur);
	CHECK((char *)syscall(SYS_brk, 1) == cur);
	CHECK((char *)syscall(SYS_brk, ~0ul) == cur);
}

static int eat_stack(int depth)
{
	volatile char room[8192];

	room[0] = room[8191] = (char)depth;
	return depth ? eat_stack(depth - 1) + room[0] - (char)depth : room[8191];
}
static void overflow_child(void)
{
	struct rlimit rl = { 1 << 20, 8 << 20 };

	setrlimit(RLIMIT_STACK, &rl);
	eat_stack(1000);
}
static void test_stack(void)
{
	CHECK_EQ(eat_stack(700) & 0, 0); /* 5.6 MiB of the usual 8 */
	CHECK_EQ(in_child(overflow_child), 256 + SIGSEGV);
}

static void limit_child(void)
{
	struct rlimit rl = { 200 << 20, 200 << 20 };

	CHECK_EQ(setrlimit(RLIMIT_AS, &rl), 0);
	CHECK_ERR(mmap(NULL, 300 << 20, RW, ANON, -1, 0), ENOMEM);
	CHECK(mmap(NULL, 20 << 20, RW, ANON, -1, 0) != MAP_FAILED);
}
static void test_limits(void)
{
	CHECK_EQ(in_child(limit_child), 0);
	/* reservations without memory behind them are free */
	char *p = mmap(NULL, 1ul << 40, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(mprotect(p + (1ul << 39), PAGE, RW), 0);
	p[1ul << 39] = 1;
	munmap(p, 1ul << 40);
}

/* Limits are the caller's, even where it shares the memory with others, and so are its rights. */
static void limits_by_caller_child(void)
{
	struct rlimit small = { 1 << 20, 64 << 20 }, now;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		int ok = setrlimit(RLIMIT_AS, &small) == 0;

		ok = ok &&
		     mmap(NULL, 2 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
		_exit(!ok);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(getrlimit(RLIMIT_AS, &now) == 0 && now.rlim_cur == RLIM_INFINITY);
	CHECK(mmap(NULL, 2 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}
static void locked_child(void)
{
	struct rlimit small = { 64 << 10, 64 << 10 };
	char *p = map(256);

	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &small), 0);
	if (geteuid() == 0) {
		CHECK_EQ(mlock(p, 256 * PAGE), 0); /* CAP_IPC_LOCK */
		CHECK_EQ(munlock(p, 256 * PAGE), 0);
		CHECK_EQ(setuid(1000), 0);
	}
	CHECK_ERR(mlock(p, 256 * PAGE), ENOMEM);
	CHECK_EQ(mlock(p, 4 * PAGE), 0);
}
static void test_limits_by_caller(void)
{
	CHECK_EQ(in_child(limits_by_caller_child), 0);
	CHECK_EQ(in_child(locked_child), 0);
}

/* Without a limit of the stack the area of mappings has another place. */
static int run_unlimited(void)
{
	char *p = mmap(NULL, 3 * PAGE, RW, ANON, -1, 0), *q = mmap(NULL, PAGE, RW, ANON, -1, 0);

	if (p == MAP_FAILED || q == MAP_FAILED || (uintptr_t)p % PAGE || (uintptr_t)q % PAGE)
		return 1;
	memset(p, 1, 3 * PAGE);
	*q = 1;
	return munmap(p, 3 * PAGE) || munmap(q, PAGE);
}
static void unlimited_child(void)
{
	struct rlimit rl;

	CHECK_EQ(getrlimit(RLIMIT_STACK, &rl), 0);
	rl.rlim_cur = rl.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_STACK, &rl), 0);
	execl("/proc/self/exe", "memory", "unlimited", (char *)NULL);
	CHECK(!"exec");
}
static void test_unlimited_stack(void)
{
	CHECK_EQ(in_child(unlimited_child), 0);
}

static void test_pkeys(void)
{
	char *p = map(1);

	CHECK_EQ(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1), 0);
	CHECK_ERR(syscall(SYS_pkey_mprotect, p, PAGE, RW, 99), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_pkey_free, 99), EINVAL);
	munmap(p, PAGE);
}

static void test_zero_device(void)
{
	int fd = open("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED && all_zero(p, 2 * PAGE));
	CHECK(s != MAP_FAILED && all_zero(s, 2 * PAGE));
	p[0] = s[0] = 1;
	munmap(p, 2 * PAGE);
	munmap(s, 2 * PAGE);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return run_unlimited();
	RUN(test_mmap_errors);
	RUN(test_fixed);
	RUN(test_mprotect);
	RUN(test_files);
	RUN(test_fork);
	RUN(test_mremap);
	RUN(test_madvise);
	RUN(test_mincore_mlock);
	RUN(test_brk);
	RUN(test_stack);
	RUN(test_limits);
	RUN(test_limits_by_caller);
	RUN(test_unlimited_stack);
	RUN(test_pkeys);
	RUN(test_zero_device);
	return test_done();
}
