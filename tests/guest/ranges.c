/* SPDX-License-Identifier: MIT */
/*
 * Address ranges that leave the program's half of the address space, for every call that takes one.
 * ranges_matrix.h has what Linux answers; `ranges print` makes it anew.  Each call runs in a child
 * of its own, which it may well rob of its stack.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "ranges_matrix.h"

#define PAGE 4096ul
#define TOP 0x7ffffffff000ul /* the end of user space */
#define HALF (1ul << 63)

static uint64_t here, place; /* four mapped pages; room for as many */

static long call_munmap(uint64_t a, uint64_t n)
{
	return syscall(SYS_munmap, a, n);
}
static long call_mprotect(uint64_t a, uint64_t n)
{
	return syscall(SYS_mprotect, a, n, PROT_READ | PROT_WRITE);
}
static long call_mlock(uint64_t a, uint64_t n)
{
	return syscall(SYS_mlock, a, n);
}
static long call_mlock2(uint64_t a, uint64_t n)
{
	return syscall(SYS_mlock2, a, n, 1);
}
static long call_munlock(uint64_t a, uint64_t n)
{
	return syscall(SYS_munlock, a, n);
}
static long call_msync(uint64_t a, uint64_t n)
{
	return syscall(SYS_msync, a, n, MS_SYNC);
}
static long call_msync_async(uint64_t a, uint64_t n)
{
	return syscall(SYS_msync, a, n, MS_ASYNC);
}
static long call_mincore(uint64_t a, uint64_t n)
{
	static unsigned char vec[1 << 16];

	return syscall(SYS_mincore, a, n, vec);
}
#define ADVISE(name, advice)                               \
	static long name(uint64_t a, uint64_t n)           \
	{                                                  \
		return syscall(SYS_madvise, a, n, advice); \
	}
ADVISE(advise_normal, MADV_NORMAL)
ADVISE(advise_dontneed, MADV_DONTNEED)
ADVISE(advise_dontfork, MADV_DONTFORK)
ADVISE(advise_free, MADV_FREE)
ADVISE(advise_willneed, MADV_WILLNEED)
ADVISE(advise_populate, 22) /* MADV_POPULATE_READ */
ADVISE(advise_remove, MADV_REMOVE)
static long call_mmap(uint64_t a, uint64_t n)
{
	return syscall(SYS_mmap, a, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		       0) == -1
		       ? -1
		       : 0;
}
static long call_mmap_noreplace(uint64_t a, uint64_t n)
{
	return syscall(SYS_mmap, a, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		       -1, 0) == -1
		       ? -1
		       : 0;
}
static long remap(uint64_t a, uint64_t old, uint64_t new, int flags, uint64_t to)
{
	return syscall(SYS_mremap, a, old, new, flags, to) == -1 ? -1 : 0;
}
static long remap_shrink(uint64_t a, uint64_t n)
{
	return remap(a, n, PAGE, 0, 0);
}
static long remap_grow(uint64_t a, uint64_t n)
{
	return remap(a, PAGE, n, 0, 0);
}
static long remap_grow_old(uint64_t a, uint64_t n)
{
	return remap(a, n, n + PAGE, MREMAP_MAYMOVE, 0);
}
static long remap_same(uint64_t a, uint64_t n)
{
	return remap(a, n, n, MREMAP_MAYMOVE, 0);
}
static long remap_fixed_shrink(uint64_t a, uint64_t n)
{
	return remap(a, n, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}
static long remap_fixed_same(uint64_t a, uint64_t n)
{
	return remap(a, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}
static long remap_fixed_grow(uint64_t a, uint64_t n)
{
	return remap(a, PAGE, n, MREMAP_MAYMOVE | MREMAP_FIXED, place);
}
static long remap_fixed_to(uint64_t a, uint64_t n)
{
	return remap(here, PAGE, n, MREMAP_MAYMOVE | MREMAP_FIXED, a);
}
static long remap_keep(uint64_t a, uint64_t n)
{
	return remap(a, n, n, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
}
static long call_brk(uint64_t a, uint64_t n)
{
	uint64_t old = (uint64_t)syscall(SYS_brk, 0);

	if (a + n < 1ul << 40)
		return 0; /* may be a good one */
	return (uint64_t)syscall(SYS_brk, a + n) == old ? 0 : -1;
}
static long call_shmat(uint64_t a, uint64_t n)
{
	int id = shmget(IPC_PRIVATE, 3 * PAGE, 0600);
	long r = syscall(SYS_shmat, id, a + n, SHM_RND);
	int e = errno;

	shmctl(id, IPC_RMID, NULL);
	errno = e;
	return r == -1 ? -1 : 0;
}

static const struct {
	const char *name;
	long (*fn)(uint64_t a, uint64_t n);
} calls[] = {
	{ "munmap", call_munmap },
	{ "mprotect", call_mprotect },
	{ "mlock", call_mlock },
	{ "mlock2", call_mlock2 },
	{ "munlock", call_munlock },
	{ "msync", call_msync },
	{ "msync async", call_msync_async },
	{ "mincore", call_mincore },
	{ "madvise normal", advise_normal },
	{ "madvise dontneed", advise_dontneed },
	{ "madvise dontfork", advise_dontfork },
	{ "madvise free", advise_free },
	{ "madvise willneed", advise_willneed },
	{ "madvise populate", advise_populate },
	{ "madvise remove", advise_remove },
	{ "mmap", call_mmap },
	{ "mmap noreplace", call_mmap_noreplace },
	{ "mremap shrink", remap_shrink },
	{ "mremap grow", remap_grow },
	{ "mremap grow, long old", remap_grow_old },
	{ "mremap same", remap_same },
	{ "mremap fixed shrink", remap_fixed_shrink },
	{ "mremap fixed same", remap_fixed_same },
	{ "mremap fixed grow", remap_fixed_grow },
	{ "mremap fixed to", remap_fixed_to },
	{ "mremap dontunmap", remap_keep },
	{ "brk", call_brk },
	{ "shmat", call_shmat },
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

#define N_STARTS 8
#define N_LENGTHS 11
/* 0: the pages that are there. */
static const uint64_t starts[N_STARTS] = {
	0,    TOP - PAGE,	  TOP, 0x800000000000, 0x900000000000, 0xffff888000001000,
	HALF, 0xfffffffffffff000,
};
static uint64_t length(uint64_t start, int i)
{
	const uint64_t lengths[N_LENGTHS] = {
		0,
		1,
		PAGE,
		TOP - start, /* up to the end */
		TOP - start + 1,
		0x800000000000 - start,
		0xffff888000200000 - start, /* into the direct map */
		HALF - start,
		HALF,
		-PAGE,
		-1ul,
	};

	return lengths[i];
}

static char *answer; /* shared with the child */

static char letter(long r)
{
	if (r == 0)
		return '.';
	switch (errno) {
	case EINVAL: return 'I';
	case ENOMEM: return 'M';
	case EFAULT: return 'F';
	case EPERM: return 'P';
	case EEXIST: return 'E';
	case EAGAIN: return 'G';
	case EACCES: return 'A';
	case EOPNOTSUPP: return 'O';
	default: return '?';
	}
}

static char ask(size_t call, uint64_t start, uint64_t n)
{
	int status;
	pid_t pid;

	*answer = '-';
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(30);
		*answer = letter(calls[call].fn(start, n));
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 'x' : *answer;
}

static int printing;

static void test_matrix(void)
{
	size_t line = 0;

	for (size_t c = 0; c < N_CALLS; c++) {
		for (int s = 0; s < N_STARTS; s++, line++) {
			uint64_t start = starts[s] ? starts[s] : here;
			char row[N_LENGTHS + 1] = { 0 };

			for (int l = 0; l < N_LENGTHS; l++)
				row[l] = ask(c, start, length(start, l));
			if (printing) {
				printf("\t\"%s\", /* %s, %lx */\n", row, calls[c].name, starts[s]);
				continue;
			}
			for (int l = 0; l < N_LENGTHS; l++) {
				if (row[l] != ranges_matrix[line][l]) {
					printf("# %s(%lx, %lx): '%c', on Linux '%c'\n",
					       calls[c].name, start, length(start, l), row[l],
					       ranges_matrix[line][l]);
					test_failed_here = 1;
				}
			}
		}
	}
}

/* What a refused call must not have done. */
static void test_nothing_lost(void)
{
	char *p = (char *)here;

	p[0] = 1;
	p[3 * PAGE] = 2;
	for (uint64_t end = HALF; end; end = end == HALF ? 0xffff888000001000 : 0) {
		CHECK_ERR(remap(here, end - here, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place),
			  EINVAL);
		CHECK_ERR(remap(here + PAGE, end - here - PAGE, PAGE, MREMAP_MAYMOVE, 0), EINVAL);
		CHECK_EQ(p[0], 1);
		CHECK_EQ(p[3 * PAGE], 2);
	}
}

int main(int argc, char **argv)
{
	/* Alone, with holes around, above the heap and below all that the kernel places. */
	here = (uint64_t)mmap((void *)0x100000000000, 4 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	place = 0x0f0000000000; /* below: a long old range does not reach it */
	answer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	printing = argc > 1 && !strcmp(argv[1], "print");
	if (printing) {
		test_matrix();
		return 0;
	}
	RUN(test_matrix);
	RUN(test_nothing_lost);
	return test_done();
}
