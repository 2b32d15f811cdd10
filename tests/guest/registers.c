/* SPDX-License-Identifier: MIT */
/*
 * Registers that a program sets through the kernel, with values on which a real processor faults: FS and
 * GS bases, what sigreturn() loads.  QEMU's TCG checks few of them; KVM and hardware check all.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include "guest.h"

#define FXSAVE_SIZE 512
#define SW_RESERVED 464
#define FP_XSTATE_MAGIC1 0x46505853u
#ifndef SI_KERNEL
#define SI_KERNEL 0x80
#endif

static const uint64_t bad_addresses[] = { 0x0000800000000000, 0x7fffffffffffffff,
					  0x8000000000000000, 0xffff7fffffffffff };

/* --- bases --- */

static void bases(void)
{
	static const uint64_t no[] = { 0x00007ffffffff000, 0x0000800000000000, 0x8000000000000000,
				       0xffff800000000000, UINT64_MAX };
	uint64_t fs, gs, now;

	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs), 0);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs), 0);
	for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		CHECK_ERR(syscall(SYS_arch_prctl, ARCH_SET_FS, no[i]), EPERM);
		CHECK_ERR(syscall(SYS_arch_prctl, ARCH_SET_GS, no[i]), EPERM);
	}
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &now), 0);
	CHECK_EQ(now, fs);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x7fffffffefff), 0);
	/* other threads' bases have been in the registers meanwhile */
	for (int i = 0; i < 50; i++)
		usleep(100);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &now), 0);
	CHECK_EQ(now, 0x7fffffffefff);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, gs), 0);
}

/* --- sigreturn --- */

static sigjmp_buf back;
static volatile int caught, caught_code;
static volatile uint64_t caught_addr, caught_ip;
static volatile uint32_t caught_mxcsr;
static void (*change)(ucontext_t *uc);

static void on_fault(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	caught = sig;
	caught_code = si->si_code;
	caught_addr = (uint64_t)si->si_addr;
	caught_ip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	__asm__ volatile("stmxcsr %0" : "=m"(caught_mxcsr));
	siglongjmp(back, 1);
}

static uint64_t frame_ip;
static void on_usr1(int sig, siginfo_t *si, void *ctx)
{
	frame_ip = (uint64_t)((ucontext_t *)ctx)->uc_mcontext.gregs[REG_RIP];
	change(ctx);
}

/* What comes of a sigreturn() from a frame that `fn` has changed: the signal, 0 for none. */
static int returned_with(void (*fn)(ucontext_t *uc))
{
	struct sigaction sa = { .sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO };

	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	change = fn;
	caught = 0;
	if (!sigsetjmp(back, 1))
		raise(SIGUSR1);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	return caught;
}

static uint64_t new_ip;
static void set_ip(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (long long)new_ip;
}

static void instruction_pointers(void)
{
	static const uint64_t nothing_there[] = { 0x00007ffffffff000, 0xffff800000000000,
						  0xffffffff81000000, 0xffffffffff700000 };

	for (unsigned i = 0; i < sizeof(bad_addresses) / sizeof(bad_addresses[0]); i++) {
		new_ip = bad_addresses[i];
		CHECK_EQ(returned_with(set_ip), SIGSEGV);
		CHECK_EQ(caught_code, SI_KERNEL);
		CHECK_EQ(caught_addr, 0);
		CHECK_EQ(caught_ip, new_ip);
	}
	for (unsigned i = 0; i < sizeof(nothing_there) / sizeof(nothing_there[0]); i++) {
		new_ip = nothing_there[i];
		CHECK_EQ(returned_with(set_ip), SIGSEGV);
		CHECK_EQ(caught_code, SEGV_MAPERR);
		CHECK_EQ(caught_addr, new_ip);
		CHECK_EQ(caught_ip, new_ip);
	}
}

static void handler_addresses(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	for (unsigned i = 0; i < sizeof(bad_addresses) / sizeof(bad_addresses[0]); i++) {
		sigaction(SIGSEGV, &sa, NULL);
		signal(SIGUSR1, (void (*)(int))(uintptr_t)bad_addresses[i]);
		caught = 0;
		if (!sigsetjmp(back, 1))
			raise(SIGUSR1);
		CHECK_EQ(caught, SIGSEGV);
		CHECK_EQ(caught_code, SI_KERNEL);
		CHECK_EQ(caught_ip, bad_addresses[i]);
	}
	signal(SIGSEGV, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}

/* IOPL, NT, VM, VIF, VIP and the reserved bits do not come through, nor does IF go. */
static uint64_t flags_now(void)
{
	uint64_t v;

	__asm__ volatile("pushfq; popq %0" : "=r"(v));
	return v;
}
static void set_flags(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_EFL] = (long long)0xfffffffffffabeff; /* not TF, AC */
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x200ll;
}
static void flags(void)
{
	CHECK_EQ(returned_with(set_flags), 0);
	__asm__ volatile("cld");
	CHECK_EQ(flags_now() & ~0x2008d5ull, 0x202); /* ID and the results of arithmetic are free */
}

/* --- the FPU's state --- */

static uint8_t *fp_area(ucontext_t *uc)
{
	return (uint8_t *)uc->uc_mcontext.fpregs;
}
/* The area has an XSAVE header. */
static int has_header(ucontext_t *uc)
{
	uint32_t magic;

	memcpy(&magic, fp_area(uc) + SW_RESERVED, 4);
	return magic == FP_XSTATE_MAGIC1;
}
static int seen_header;
static void set_header(ucontext_t *uc, unsigned at, uint64_t bits)
{
	uint64_t v;

	seen_header = has_header(uc);
	if (seen_header) {
		memcpy(&v, fp_area(uc) + FXSAVE_SIZE + at, 8);
		v |= bits;
		memcpy(fp_area(uc) + FXSAVE_SIZE + at, &v, 8);
	}
}
static void unknown_feature(ucontext_t *uc)
{
	set_header(uc, 0, 1ull << 62);
}
static void compaction_bits(ucontext_t *uc)
{
	set_header(uc, 8, 1);
}
static void reserved_bytes(ucontext_t *uc)
{
	set_header(uc, 16, 1);
}
static void unused_bytes(ucontext_t *uc)
{
	set_header(uc, 24, UINT64_MAX);
	set_header(uc, 56, UINT64_MAX);
}
/* Without the word behind it there is no header, and only what FXSAVE knows counts. */
static void no_second_magic(ucontext_t *uc)
{
	uint32_t size;

	memcpy(&size, fp_area(uc) + SW_RESERVED + 16, 4);
	memset(fp_area(uc) + size, 0, 4);
	compaction_bits(uc);
}
static void mxcsr_reserved(ucontext_t *uc)
{
	uint32_t bad = 0xffff1f80;

	memcpy(fp_area(uc) + 24, &bad, 4);
}

static void check_refused(void (*fn)(ucontext_t *uc))
{
	uint32_t odd = 0x9fc0;

	/* The state that could not be loaded leaves the initial one, not that of the handler. */
	__asm__ volatile("ldmxcsr %0" ::"m"(odd));
	CHECK_EQ(returned_with(fn), SIGSEGV);
	CHECK_EQ(caught_code, SI_KERNEL);
	CHECK_EQ(caught_mxcsr, 0x1f80);
	CHECK_EQ(caught_ip, frame_ip);
	odd = 0x1f80;
	__asm__ volatile("ldmxcsr %0" ::"m"(odd));
}

static void fpu_headers(void)
{
	(void)returned_with(unknown_feature);
	if (!seen_header)
		SKIP_HERE("a processor without XSAVE");
	check_refused(unknown_feature);
	check_refused(compaction_bits);
	check_refused(reserved_bytes);
	CHECK_EQ(returned_with(unused_bytes), 0);
	CHECK_EQ(returned_with(no_second_magic), 0);
}

static void fpu_mxcsr(void)
{
	check_refused(mxcsr_reserved);
}

static void no_area(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = NULL;
}
static void unmapped_area(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)16;
}
static void far_area(ucontext_t *uc)
{
	uc->uc_mcontext.fpregs = (void *)bad_addresses[0];
}
static void fpu_areas(void)
{
	uint32_t odd = 0x9fc0, now;

	__asm__ volatile("ldmxcsr %0" ::"m"(odd));
	CHECK_EQ(returned_with(no_area), 0);
	__asm__ volatile("stmxcsr %0" : "=m"(now));
	CHECK_EQ(now, 0x1f80);
	check_refused(unmapped_area);
	check_refused(far_area);
}

/*
 * The header lies in one page and says nonsense, what follows it in another that is not there yet: the
 * fault may wait for the address space and the thread be switched, with half of the state read.
 */
static uint8_t *two_pages;
static volatile int enough;
static int rest_fd; /* the second page: the rest of an area */

static void half_present(ucontext_t *uc)
{
	uint8_t *area = two_pages + 4096 - FXSAVE_SIZE - 64;
	uint32_t size;

	compaction_bits(uc);
	if (!seen_header)
		return;
	memcpy(area, fp_area(uc), FXSAVE_SIZE + 64);
	memcpy(&size, fp_area(uc) + SW_RESERVED + 4, 4); /* of all, with the word behind it */
	size -= FXSAVE_SIZE + 64;
	CHECK_EQ(pwrite(rest_fd, fp_area(uc) + FXSAVE_SIZE + 64, size, 0), size);
	mmap(two_pages + 4096, 4096, PROT_READ, MAP_FIXED | MAP_PRIVATE, rest_fd, 0);
	uc->uc_mcontext.fpregs = (void *)area;
}
static void *mapper(void *arg)
{
	double sum = 1;

	while (!enough) {
		void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		memset(p, 1, 64 << 10);
		munmap(p, 1 << 20);
		sum *= 1.5;
	}
	return sum > 0 ? NULL : arg;
}
static void half_an_area(void)
{
	pthread_t t[3];
	int good = 0;

	rest_fd = memfd_create("rest", 0);
	two_pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	enough = 0;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, mapper, NULL), 0);
	for (int i = 0; i < 300; i++)
		good += returned_with(half_present) == SIGSEGV;
	enough = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	if (!seen_header)
		SKIP_HERE("a processor without XSAVE");
	CHECK_EQ(good, 300);
	munmap(two_pages, 8192);
	close(rest_fd);
}

/* A frame where no signal frame can be. */
static void far_stack(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[REG_RSP] = (long long)bad_addresses[2];
	uc->uc_mcontext.gregs[REG_RIP] = (long long)bad_addresses[2];
}
static void stack_pointers(void)
{
	stack_t ss = { .ss_size = 65536 }, none = { .ss_flags = SS_DISABLE };

	ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	CHECK_EQ(returned_with(far_stack), SIGSEGV);
	CHECK_EQ(caught_ip, bad_addresses[2]);
	CHECK_EQ(sigaltstack(&none, NULL), 0);
	munmap(ss.ss_sp, ss.ss_size);

	pid_t pid = fork();
	int st;

	if (!pid) { /* without an alternate stack it is the end */
		returned_with(far_stack);
		_exit(1);
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGSEGV);
}

int main(void)
{
	RUN(bases);
	RUN(instruction_pointers);
	RUN(handler_addresses);
	RUN(flags);
	RUN(fpu_headers);
	RUN(fpu_mxcsr);
	RUN(fpu_areas);
	RUN(half_an_area);
	RUN(stack_pointers);
	return test_done();
}
