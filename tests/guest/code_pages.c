/* SPDX-License-Identifier: MIT */
/*
 * Programs run the code that is in their pages now, and not what was in the same memory before.
 * An emulator keeps translations of what ran; it must hear of every byte that comes later, also of
 * those that the daemon of a shared directory puts straight into the guest's memory.
 *
 * Each page here has functions that return a number of their own.  They run, their memory is given
 * back, other code comes into it on some way, and runs.
 * TEST_OPTIONS: --memory 160M
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <elf.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#define PAGE 4096ul
#define PAGES 64ul
#define STEP 1024ul /* a function at every STEP bytes */
#define ROUNDS 12

/* All code is here in turn, so that old and new have the same addresses. */
static char *const stage = (char *)0x10000000000;

static unsigned number(unsigned round, size_t page, size_t step)
{
	return round << 20 | (unsigned)page << 4 | (unsigned)step;
}
/* mov eax, number; ret */
static void put_code(char *page, unsigned round, size_t index)
{
	memset(page, 0xcc, PAGE);
	for (size_t s = 0; s < PAGE / STEP; s++) {
		unsigned n = number(round, index, s);
		char *at = page + s * STEP;

		at[0] = (char)0xb8;
		memcpy(at + 1, &n, 4);
		at[5] = (char)0xc3;
	}
}
static char *code_of(unsigned round, size_t pages)
{
	static char buf[PAGES * PAGE] __attribute__((aligned(4096)));

	for (size_t i = 0; i < pages; i++)
		put_code(buf + i * PAGE, round, i);
	return buf;
}
static int run_page(unsigned round, size_t index)
{
	int wrong = 0;

	for (size_t s = 0; s < PAGE / STEP; s++) {
		unsigned (*f)(void) = (unsigned (*)(void))(stage + index * PAGE + s * STEP);

		wrong += f() != number(round, index, s);
	}
	return wrong;
}
static int run_all(unsigned round, size_t pages)
{
	int wrong = 0;

	for (size_t i = 0; i < pages; i++)
		wrong += run_page(round, i);
	return wrong;
}

/* Past the cache, so that the pages come in when they are needed. */
static void write_whole(const char *name, const void *data, size_t size)
{
	int flags = O_RDWR | O_CREAT | O_TRUNC, fd = open(name, flags | O_DIRECT, 0700);

	if (fd < 0)
		fd = open(name, flags, 0700);
	CHECK_EQ(write(fd, data, size), size);
	CHECK_EQ(close(fd), 0);
}
static void write_code(const char *name, unsigned round)
{
	write_whole(name, code_of(round, PAGES), PAGES * PAGE);
}
static void map_stage(const char *name, int prot, int flags)
{
	int fd = open(name, flags & MAP_SHARED ? O_RDWR : O_RDONLY);

	CHECK(mmap(stage, PAGES * PAGE, prot, flags | MAP_FIXED, fd, 0) == stage);
	CHECK_EQ(close(fd), 0);
}
static void leave_stage(void)
{
	CHECK_EQ(munmap(stage, PAGES * PAGE), 0);
}

/* Gives a file's memory back: other pages come into it next. */
static void forget(const char *name)
{
	CHECK_EQ(unlink(name), 0);
}

static void test_private_mappings(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		write_code("code", r);
		map_stage("code", PROT_READ | PROT_EXEC, MAP_PRIVATE);
		wrong += run_all(r, PAGES);
		leave_stage();
		forget("code");
	}
	CHECK_EQ(wrong, 0);
}

static void test_shared_mappings(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		write_code("code", r);
		map_stage("code", PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED);
		wrong += run_all(r, PAGES);
		/* code that changes under its own mapping */
		put_code(stage, r + 1, 0);
		wrong += run_page(r + 1, 0);
		leave_stage();
		forget("code");
	}
	CHECK_EQ(wrong, 0);
}

/* read() asks for more than it needs; what came early is mapped later. */
static void test_read_ahead(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		static char buf[PAGE];
		int fd;

		write_code("code", r);
		fd = open("code", O_RDONLY);
		for (size_t i = 0; i < PAGES / 2; i++)
			wrong += read(fd, buf, PAGE) != (ssize_t)PAGE;
		CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
		close(fd);
		map_stage("code", PROT_READ | PROT_EXEC, MAP_PRIVATE);
		wrong += run_all(r, PAGES);
		leave_stage();
		forget("code");
	}
	CHECK_EQ(wrong, 0);
}

/* Mapped as data first: it becomes code without a fault. */
static void test_mprotect(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		write_code("code", r);
		map_stage("code", PROT_READ, MAP_PRIVATE);
		for (size_t i = 0; i < PAGES; i++)
			wrong += stage[i * PAGE] != (char)0xb8;
		CHECK_EQ(mprotect(stage, PAGES * PAGE, PROT_READ | PROT_EXEC), 0);
		wrong += run_all(r, PAGES);
		leave_stage();
		forget("code");
	}
	CHECK_EQ(wrong, 0);
}

/* Anonymous code, as a just-in-time compiler makes it, of one round; a file's of the next. */
static int anonymous_then_file(unsigned r, size_t size, int advice)
{
	char *p = mmap(stage, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		       -1, 0);
	int wrong = 0;

	CHECK(p == stage);
	CHECK(madvise(p, size, advice) == 0 || errno == EINVAL);
	for (size_t i = 0; i < size / PAGE; i++)
		put_code(p + i * PAGE, r, i);
	CHECK_EQ(mprotect(p, size, PROT_READ | PROT_EXEC), 0);
	wrong += run_all(r, size / PAGE);
	CHECK_EQ(munmap(p, size), 0);
	write_code("code", r + 1);
	map_stage("code", PROT_READ | PROT_EXEC, MAP_PRIVATE);
	wrong += run_all(r + 1, PAGES);
	leave_stage();
	forget("code");
	return wrong;
}
static void test_anonymous_code(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r += 2)
		wrong += anonymous_then_file(r, PAGES * PAGE, MADV_NOHUGEPAGE);
	CHECK_EQ(wrong, 0);
}
static void test_huge_anonymous_code(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < 8; r += 2)
		wrong += anonymous_then_file(r, 4ul << 20, MADV_HUGEPAGE);
	CHECK_EQ(wrong, 0);
}

/* A child has its parent's code; both end before the next round. */
static void test_fork(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		int status;
		pid_t pid;

		write_code("code", r);
		map_stage("code", PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);
		for (size_t i = 0; i < PAGES; i += 2)
			put_code(stage + i * PAGE, r, i); /* pages of its own */
		pid = fork();
		if (pid == 0)
			_exit(run_all(r, PAGES) != 0);
		wrong += waitpid(pid, &status, 0) != pid || status != 0;
		wrong += run_all(r, PAGES);
		leave_stage();
		forget("code");
	}
	CHECK_EQ(wrong, 0);
}

/* Past the cache into memory that becomes code. */
static void test_direct_reads(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		char *p = mmap(stage, PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		int fd;

		write_code("code", r);
		fd = open("code", O_RDONLY | O_DIRECT);
		if (fd < 0)
			fd = open("code", O_RDONLY); /* not every file system has it */
		CHECK(p == stage && fd >= 0);
		CHECK_EQ(read(fd, p, PAGES * PAGE), PAGES * PAGE);
		close(fd);
		CHECK_EQ(mprotect(p, PAGES * PAGE, PROT_READ | PROT_EXEC), 0);
		wrong += run_all(r, PAGES);
		leave_stage();
		forget("code");
	}
	CHECK_EQ(wrong, 0);
}

/* Through a pipe into another file: from a file's cached pages, or from memory. */
static void pipe_into(const char *name, unsigned round, int from_memory)
{
	int in = open("source", O_RDONLY), out = open(name, O_RDWR | O_CREAT | O_TRUNC, 0700);
	struct iovec v = { .iov_base = code_of(round, PAGES), .iov_len = PAGES * PAGE };
	size_t done = 0;
	int fds[2];

	CHECK(in >= 0 && out >= 0 && pipe(fds) == 0);
	while (done < PAGES * PAGE) {
		ssize_t n, m;

		n = from_memory ? vmsplice(fds[1], &v, 1, SPLICE_F_NONBLOCK)
				: splice(in, NULL, fds[1], NULL, 8 * PAGE, 0);
		if (n <= 0)
			break;
		v.iov_base = (char *)v.iov_base + n;
		v.iov_len -= (size_t)n;
		for (; n > 0; n -= m, done += (size_t)m) {
			m = splice(fds[0], NULL, out, NULL, (size_t)n, 0);
			if (m <= 0)
				break;
		}
		if (n > 0)
			break;
	}
	CHECK_EQ(done, PAGES * PAGE);
	close(in), close(out), close(fds[0]), close(fds[1]);
}
static void test_pipes_into_files(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		write_code("source", r);
		pipe_into("code", r, r % 2 != 0);
		map_stage("code", PROT_READ | PROT_EXEC, MAP_PRIVATE);
		wrong += run_all(r, PAGES);
		leave_stage();
		forget("code");
		forget("source");
	}
	CHECK_EQ(wrong, 0);
}

/* A program of PAGES pages that calls code on each; its exit status is the sum. */
static void write_program(const char *name, unsigned round)
{
	static char image[(PAGES + 1) * PAGE] __attribute__((aligned(4096)));
	Elf64_Ehdr *e = (Elf64_Ehdr *)image;
	Elf64_Phdr *ph = (Elf64_Phdr *)(image + sizeof(*e));
	char *at = image + 256;
	unsigned base = 0x400000;

	memset(image, 0, sizeof(image));
	memcpy(e->e_ident, ELFMAG "\2\1\1", 7);
	e->e_type = ET_EXEC, e->e_machine = EM_X86_64, e->e_version = 1;
	e->e_entry = base + 256, e->e_phoff = sizeof(*e), e->e_ehsize = sizeof(*e);
	e->e_phentsize = sizeof(*ph), e->e_phnum = 1;
	*ph = (Elf64_Phdr){ .p_type = PT_LOAD,
			    .p_flags = PF_R | PF_X,
			    .p_vaddr = base,
			    .p_filesz = sizeof(image),
			    .p_memsz = sizeof(image),
			    .p_align = PAGE };
	/* xor edi, edi; for each page: call it; add edi, eax; then exit(edi) */
	memcpy(at, "\x31\xff", 2), at += 2;
	for (size_t i = 0; i < PAGES; i++) {
		int to = (int)((long)(i + 1) * (long)PAGE - (at + 5 - image));
		char *page = image + (i + 1) * PAGE;
		unsigned n = round * (unsigned)(i + 1);

		*at++ = (char)0xe8;
		memcpy(at, &to, 4), at += 4;
		memcpy(at, "\x01\xc7", 2), at += 2;
		page[0] = (char)0xb8;
		memcpy(page + 1, &n, 4);
		page[5] = (char)0xc3;
	}
	memcpy(at, "\xb8\x3c\0\0\0\x0f\x05", 7);
	write_whole(name, image, sizeof(image));
}
static void test_programs(void)
{
	int wrong = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		unsigned sum = r * (unsigned)(PAGES * (PAGES + 1) / 2);
		int status;
		pid_t pid;

		write_program("program", r);
		pid = fork();
		if (pid == 0) {
			execl("program", "program", NULL);
			_exit(255);
		}
		wrong += waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
			 WEXITSTATUS(status) != (int)(sum & 0xff);
		forget("program");
	}
	CHECK_EQ(wrong, 0);
}

/* More code than memory: the kernel itself takes pages back and fills them again. */
static void test_short_memory(void)
{
	const size_t files = 40, window = 6ul << 20;
	struct sysinfo s;
	size_t taken;
	char *hog;
	int wrong = 0;

	CHECK_EQ(sysinfo(&s), 0);
	taken = s.freeram * s.mem_unit;
	taken = taken > window ? taken - window : 0;
	taken = taken > 160ul << 20 ? 0 : taken; /* a whole machine's: there is no need */
	hog = mmap(NULL, taken + PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	CHECK(hog != MAP_FAILED);
	for (unsigned f = 0; f < files; f++) {
		char name[16];

		snprintf(name, sizeof(name), "code%u", f);
		write_code(name, f);
	}
	for (unsigned r = 0; r < 3 * files; r++) {
		unsigned f = r * 7 % (unsigned)files;
		char name[16];

		snprintf(name, sizeof(name), "code%u", f);
		map_stage(name, PROT_READ | PROT_EXEC, r & 1 ? MAP_PRIVATE : MAP_SHARED);
		wrong += run_all(f, PAGES);
		leave_stage();
	}
	CHECK_EQ(wrong, 0);
	munmap(hog, taken + PAGE);
	for (unsigned f = 0; f < files; f++) {
		char name[16];

		snprintf(name, sizeof(name), "code%u", f);
		forget(name);
	}
}

static void tests(void)
{
	RUN(test_private_mappings);
	RUN(test_shared_mappings);
	RUN(test_read_ahead);
	RUN(test_mprotect);
	RUN(test_anonymous_code);
	RUN(test_huge_anonymous_code);
	RUN(test_fork);
	RUN(test_direct_reads);
	RUN(test_pipes_into_files);
	RUN(test_programs);
	RUN(test_short_memory);
}

int main(void)
{
	scratch_run(".", "share", tests);
	return test_done();
}
