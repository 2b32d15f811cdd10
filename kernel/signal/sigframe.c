/* SPDX-License-Identifier: MIT */
/*
 * Signal frames: what a handler finds on its stack, as Linux lays it out, so that unwinders, Go
 * and setjmp work.  From high to low addresses:
 *
 *     128 bytes of red zone (not on an alternate stack that we switch to)
 *     XSAVE image, 64-byte aligned, then FP_XSTATE_MAGIC2
 *     struct linux_rt_sigframe, so that (sp + 8) is a multiple of 16: as after a call
 */
#include <arch/fpu.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/usercopy.h>
#include <signal/signal.h>

#define RED_ZONE 128
#define FXSAVE_SIZE 512
#define XFEATURES_LEGACY 3ull

static bool have_xsave(void)
{
	return fpu_area_size() > FXSAVE_SIZE;
}

/* The processor leaves these bytes of the image alone. */
static struct linux_fpx_sw_bytes *sw_bytes(uint8_t *area)
{
	return (struct linux_fpx_sw_bytes *)(area + FP_SW_RESERVED_OFFSET);
}

static size_t fpstate_user_size(void)
{
	return have_xsave() ? fpu_area_size() + FP_XSTATE_MAGIC2_SIZE : FXSAVE_SIZE;
}

size_t sigframe_min_stack(void)
{
	/* Red zone, alignment of both parts. */
	return ALIGN_UP(sizeof(struct linux_rt_sigframe) + fpstate_user_size() + 64 + 16 + RED_ZONE,
			16);
}

/* --- alternate stack --- */

static bool on_altstack(const struct task *t, uint64_t sp)
{
	if (t->altstack_flags & SS_AUTODISARM) {
		return false;
	}
	return sp > t->altstack_sp && sp - t->altstack_sp <= t->altstack_size;
}

static uint32_t altstack_status(const struct task *t, uint64_t sp)
{
	if (!t->altstack_size) {
		return SS_DISABLE;
	}
	return on_altstack(t, sp) ? SS_ONSTACK : 0;
}

int signal_set_altstack(const struct linux_stack *ss, struct linux_stack *old, uint64_t sp)
{
	struct task *t = task_current();

	if (old) {
		*old = (struct linux_stack){
			.sp = t->altstack_sp,
			.flags = altstack_status(t, sp) | (t->altstack_flags & SS_AUTODISARM),
			.size = t->altstack_size,
		};
	}
	if (!ss) {
		return 0;
	}
	uint32_t mode = ss->flags & ~SS_AUTODISARM;

	if (altstack_status(t, sp) == SS_ONSTACK) {
		return -EPERM;
	}
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) {
		return -EINVAL;
	}
	if (mode == SS_DISABLE) {
		t->altstack_sp = t->altstack_size = 0;
	} else {
		if (ss->size < MINSIGSTKSZ) {
			return -ENOMEM;
		}
		t->altstack_sp = ss->sp;
		t->altstack_size = ss->size;
	}
	t->altstack_flags = ss->flags;
	return 0;
}

/* --- setting up --- */

static int put_fpstate(uint64_t sp)
{
	struct thread *cur = thread_current();
	uint8_t *area = cur->arch.fpu;
	size_t size = fpu_area_size();
	bool xsave = size > FXSAVE_SIZE;
	int err;

	fpu_save_current();
	*sw_bytes(area) = (struct linux_fpx_sw_bytes){ 0 };
	if (xsave) {
		*sw_bytes(area) = (struct linux_fpx_sw_bytes){
			.magic1 = FP_XSTATE_MAGIC1,
			.extended_size = (uint32_t)size + FP_XSTATE_MAGIC2_SIZE,
			.xfeatures = fpu_features(),
			.xstate_size = (uint32_t)size,
		};
	}
	err = copy_to_user((user_ptr){ sp }, area, size);
	if (!err && xsave) {
		err = put_user_u32((user_ptr){ sp + size }, FP_XSTATE_MAGIC2);
	}
	return err;
}

static void fill_mcontext(struct linux_sigcontext *c, const struct trap_frame *f, uint64_t mask,
			  uint64_t fpstate)
{
	const struct task *t = task_current();

	c->r8 = f->r8;
	c->r9 = f->r9;
	c->r10 = f->r10;
	c->r11 = f->r11;
	c->r12 = f->r12;
	c->r13 = f->r13;
	c->r14 = f->r14;
	c->r15 = f->r15;
	c->di = f->rdi;
	c->si = f->rsi;
	c->bp = f->rbp;
	c->bx = f->rbx;
	c->dx = f->rdx;
	c->ax = f->rax;
	c->cx = f->rcx;
	c->sp = f->rsp;
	c->ip = f->rip;
	c->flags = f->rflags;
	c->cs = (uint16_t)f->cs;
	c->gs = 0;
	c->fs = 0;
	c->ss = (uint16_t)f->ss;
	c->err = t->fault_error;
	c->trapno = t->fault_trapno;
	c->oldmask = mask;
	c->cr2 = t->fault_addr;
	c->fpstate = fpstate;
	for (unsigned i = 0; i < ARRAY_SIZE(c->reserved); i++) {
		c->reserved[i] = 0;
	}
}

int sigframe_setup(struct trap_frame *f, int sig, const struct linux_sigaction *act,
		   const struct siginfo *info, uint64_t mask)
{
	struct task *t = task_current();
	struct linux_rt_sigframe frame;
	uint64_t sp = f->rsp, fpstate;
	int err;

	if (!(act->flags & SA_RESTORER)) {
		return -EFAULT; /* as Linux: x86-64 has no other way back */
	}
	bool on_alt = on_altstack(t, sp);

	if (act->flags & SA_ONSTACK && t->altstack_size && !on_alt) {
		on_alt = true;
		sp = t->altstack_sp + t->altstack_size;
	} else {
		sp -= RED_ZONE;
	}
	fpstate = ALIGN_DOWN(sp - fpstate_user_size(), 64);
	sp = ALIGN_DOWN(fpstate - sizeof(frame), 16) - 8;
	/* The frame must not run over the end of the alternate stack. */
	if (on_alt && (sp <= t->altstack_sp || sp - t->altstack_sp > t->altstack_size)) {
		return -EFAULT;
	}
	err = put_fpstate(fpstate);
	if (err) {
		return err;
	}
	frame.pretcode = act->restorer;
	frame.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
			 (have_xsave() ? UC_FP_XSTATE : 0);
	frame.uc.link = 0;
	frame.uc.stack = (struct linux_stack){
		.sp = t->altstack_sp,
		.flags = altstack_status(t, f->rsp) | (t->altstack_flags & SS_AUTODISARM),
		.size = t->altstack_size,
	};
	fill_mcontext(&frame.uc.mcontext, f, mask, fpstate);
	frame.uc.sigmask = mask;
	signal_siginfo_to_user(info, frame.info);
	err = copy_to_user((user_ptr){ sp }, &frame, sizeof(frame));
	if (err) {
		return err;
	}
	if (t->altstack_flags & SS_AUTODISARM) {
		t->altstack_sp = t->altstack_size = 0;
		t->altstack_flags = SS_DISABLE;
	}
	f->rdi = (uint64_t)sig;
	f->rax = 0;
	f->rsi = sp + offsetof(struct linux_rt_sigframe, info);
	f->rdx = sp + offsetof(struct linux_rt_sigframe, uc);
	f->rsp = sp;
	f->rip = act->handler;
	f->rflags &= ~(uint64_t)(RFLAGS_DF | RFLAGS_RF | RFLAGS_TF);
	f->orig_rax = ~0ull;
	/* rcx and r11 as after a system call: the way out may be SYSRET. */
	f->rcx = f->rip;
	f->r11 = f->rflags;
	fpu_reset_current();
	return 0;
}

/* --- coming back --- */

/* Straight into the save area: between this and fpu_load_current() nothing may switch
 * threads (which would save the live registers over it), hence no fault.  Before one the area is
 * made good again: a switch does not write all of it, and loads it on the way back. */
static int copy_fpstate(uint8_t *area, uint64_t addr, size_t n)
{
	for (int tries = 0; tries < 64; tries++) {
		int err = copy_from_user_nofault(area, (user_ptr){ addr }, n);

		if (!err) {
			return 0;
		}
		fpu_init_area(area);
		for (uint64_t p = ALIGN_DOWN(addr, PAGE_SIZE); p < addr + n; p += PAGE_SIZE) {
			err = fault_in_user((user_ptr){ MAX(p, addr) }, false);
			if (err) {
				return err;
			}
		}
	}
	return -EFAULT;
}

/* As we wrote it, and still present. */
static bool load_whole(uint8_t *area, uint64_t addr)
{
	size_t size = fpu_area_size();
	uint32_t magic2;

	return !copy_from_user_nofault(area, (user_ptr){ addr }, size) &&
	       sw_bytes(area)->magic1 == FP_XSTATE_MAGIC1 && sw_bytes(area)->xstate_size == size &&
	       !copy_from_user_nofault(&magic2, (user_ptr){ addr + size }, sizeof(magic2)) &&
	       magic2 == FP_XSTATE_MAGIC2;
}

static int load_fpstate(uint8_t *area, uint64_t addr)
{
	struct linux_fpx_sw_bytes sw;
	size_t n = FXSAVE_SIZE;
	uint32_t magic2;
	int err;

	if (have_xsave() && load_whole(area, addr)) {
		return fpu_check_area(area) ? 0 : -EFAULT;
	}
	fpu_init_area(area);
	err = copy_from_user(&sw, (user_ptr){ addr + FP_SW_RESERVED_OFFSET }, sizeof(sw));
	if (err) {
		return err;
	}
	bool full = have_xsave() && sw.magic1 == FP_XSTATE_MAGIC1 &&
		    sw.xstate_size >= FXSAVE_SIZE + 64 && sw.xstate_size <= fpu_area_size();

	if (full) {
		err = copy_from_user(&magic2, (user_ptr){ addr + sw.xstate_size }, sizeof(magic2));
		if (err) {
			return err;
		}
		full = magic2 == FP_XSTATE_MAGIC2;
	}
	if (full) {
		n = sw.xstate_size;
	}
	err = copy_fpstate(area, addr, n);
	if (!err && !full && have_xsave()) {
		uint64_t features = XFEATURES_LEGACY;

		memcpy(area + FXSAVE_SIZE, &features, sizeof(features));
	}
	return !err && !fpu_check_area(area) ? -EFAULT : err;
}

static int get_fpstate(uint64_t addr)
{
	uint8_t *area = thread_current()->arch.fpu;
	int err = 0;

	if (addr) {
		err = load_fpstate(area, addr);
	} else { /* the program wants the initial state */
		fpu_init_area(area);
	}
	if (err) {
		fpu_init_area(area); /* not what was refused, nor the handler's */
	}
	fpu_load_current();
	return err;
}

static void restore_registers(struct trap_frame *f, const struct linux_sigcontext *c)
{
	f->r8 = c->r8;
	f->r9 = c->r9;
	f->r10 = c->r10;
	f->r11 = c->r11;
	f->r12 = c->r12;
	f->r13 = c->r13;
	f->r14 = c->r14;
	f->r15 = c->r15;
	f->rdi = c->di;
	f->rsi = c->si;
	f->rbp = c->bp;
	f->rbx = c->bx;
	f->rdx = c->dx;
	f->rax = c->ax;
	f->rcx = c->cx;
	f->rsp = c->sp;
	f->rip = c->ip;
	f->rflags = (f->rflags & ~RFLAGS_USER_MASK) | (c->flags & RFLAGS_USER_MASK);
	f->cs = SEL_USER_CODE;
	f->ss = SEL_USER_DATA;
	f->orig_rax = ~0ull;
}

long sigframe_return(struct trap_frame *f)
{
	uint64_t base = f->rsp - sizeof(uint64_t); /* RET popped pretcode */
	struct linux_ucontext uc;
	struct siginfo info;
	int err;

	err = copy_from_user(&uc, (user_ptr){ base + offsetof(struct linux_rt_sigframe, uc) },
			     sizeof(uc));
	if (err) {
		goto bad;
	}
	signal_set_blocked(uc.sigmask);
	restore_registers(f, &uc.mcontext);
	err = get_fpstate(uc.mcontext.fpstate);
	if (err) {
		goto bad;
	}
	/* Errors are ignored, as on Linux: the stack may not be changed while in use. */
	err = signal_set_altstack(&uc.stack, NULL, f->rsp);
	return (long)f->rax;
bad:
	/* A handler for it sees whose frame was bad: the registers are that frame's. */
	siginfo_init(&info, SIGSEGV, SI_KERNEL);
	signal_force_current(&info);
	return 0;
}
