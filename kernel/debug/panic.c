/* SPDX-License-Identifier: MIT */
/*
 * Panics; panic.h has the theory.
 *
 * `owner` is taken once and never given back.  The CPU that got it runs alone: it stops the
 * others before it prints, and from then on touches what locks protect without taking them.
 */
#include <debug/panic.h>
#include <arch/clock.h>
#include <arch/paging.h>
#include <arch/smp.h>
#include <arch/upcalls.h>
#include <debug/backtrace.h>
#include <debug/log.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/string.h>

#define NOBODY 0xffffffffu
#define TRACE_DEPTH 32
#define OTHERS_DEPTH 12
#define LOG_TAIL 3000
#define STATE_LOG_TAIL 600

static _Atomic uint32_t owner = NOBODY;
static struct panic_sink *sinks;
static struct panic_dumper *dumpers;
static void (*state_dumper)(void);

void panic_add_sink(struct panic_sink *s)
{
	struct panic_sink **p = &sinks;

	while (*p) {
		p = &(*p)->next;
	}
	s->next = NULL;
	*p = s;
}

void panic_add_dumper(struct panic_dumper *d)
{
	struct panic_dumper **p = &dumpers;

	while (*p) {
		p = &(*p)->next;
	}
	d->next = NULL;
	*p = d;
}

void panic_set_state_dumper(void (*dump)(void))
{
	state_dumper = dump;
}

bool panic_active(void)
{
	return atomic_load_explicit(&owner, memory_order_relaxed) != NOBODY;
}

static void emit(const char *text, size_t n)
{
	for (struct panic_sink *s = sinks; s; s = s->next) {
		if (s->write) {
			s->write(text, n);
		}
	}
}

void panic_printf(const char *fmt, ...)
{
	static char line[512]; /* one CPU panics */
	va_list ap;

	va_start(ap, fmt);
	int n = fmt_vsnprintf(line, sizeof(line), fmt, ap);

	va_end(ap);
	emit(line, MIN((size_t)n, sizeof(line) - 1));
}

static NORETURN void end_vm(void)
{
	for (struct panic_sink *s = sinks; s; s = s->next) {
		if (s->end) {
			s->end();
		}
	}
	/* Nobody ended it: a triple fault does. */
	struct {
		uint16_t limit;
		uint64_t base;
	} PACKED none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" ::"m"(none));
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}

/* One CPU gets through; others stop here, and a panic inside a panic ends the VM. */
static void enter(void)
{
	uint32_t nobody = NOBODY, me = cpu_id();

	irq_off();
	if (atomic_compare_exchange_strong_explicit(&owner, &nobody, me, memory_order_acq_rel,
						    memory_order_relaxed)) {
		return;
	}
	if (nobody == me) {
		static const char text[] = "PANIC inside a panic\n";
		static _Atomic bool said;

		if (!atomic_exchange_explicit(&said, true, memory_order_relaxed)) {
			emit(text, sizeof(text) - 1);
		}
		end_vm();
	}
	for (;;) {
		__asm__ volatile("hlt"); /* the stop NMI finds us here */
	}
}

static void print_address(const char *what, uint64_t addr)
{
	size_t offset;
	const char *name = ksym_lookup(addr, &offset);

	if (name) {
		panic_printf("%s 0x%016lx %s+%#zx\n", what, addr, name, offset);
	} else {
		panic_printf("%s 0x%016lx\n", what, addr);
	}
}

static void print_registers(const struct trap_frame *f)
{
	uint64_t cr2, cr3;

	__asm__ volatile("movq %%cr2, %0; movq %%cr3, %1" : "=r"(cr2), "=r"(cr3));
	print_address("rip", f->rip);
	panic_printf("rsp 0x%016lx flags %#lx cs %#lx ss %#lx cr2 %#lx cr3 %#lx orig_rax %#lx\n",
		     f->rsp, f->rflags, f->cs, f->ss, cr2, cr3, f->orig_rax);
	panic_printf("rax 0x%016lx rbx 0x%016lx rcx 0x%016lx\n", f->rax, f->rbx, f->rcx);
	panic_printf("rdx 0x%016lx rsi 0x%016lx rdi 0x%016lx\n", f->rdx, f->rsi, f->rdi);
	panic_printf("rbp 0x%016lx r8  0x%016lx r9  0x%016lx\n", f->rbp, f->r8, f->r9);
	panic_printf("r10 0x%016lx r11 0x%016lx r12 0x%016lx\n", f->r10, f->r11, f->r12);
	panic_printf("r13 0x%016lx r14 0x%016lx r15 0x%016lx\n", f->r13, f->r14, f->r15);
}

/* Assembly without a frame, and a jump through a bad pointer, leave their caller on top
 * of the stack and nowhere else. */
static void print_trap_trace(const struct trap_frame *f, unsigned depth)
{
	size_t offset;

	panic_printf("backtrace:\n");
	if (trap_from_user(f)) {
		panic_printf("  (in user mode)\n");
		return;
	}
	if (paging_kernel_mapped(f->rsp) && ksym_lookup(*(const uint64_t *)f->rsp, &offset)) {
		print_address("  top of stack:", *(const uint64_t *)f->rsp);
	}
	backtrace_print(f->rbp, depth, panic_printf);
}

static void print_cpu(unsigned cpu, const struct trap_frame *f)
{
	if (!f) {
		panic_printf("cpu%u did not stop\n", cpu);
		return;
	}
	panic_printf("cpu%u ", cpu);
	print_address("rip", f->rip);
	if (!trap_from_user(f)) {
		backtrace_print(f->rbp, OTHERS_DEPTH, panic_printf);
	}
}

static void print_others(void)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		if (cpu != cpu_id()) {
			print_cpu(cpu, smp_stopped_frame(cpu));
		}
	}
}

static void print_log_tail(size_t max)
{
	static char text[LOG_TAIL];
	uint64_t cookie = UINT64_MAX;
	size_t n = log_read(&cookie, text, 0); /* cookie becomes the end */

	cookie = cookie > max ? cookie - max : 0;
	n = log_read(&cookie, text, max);
	const char *p = text;

	if (cookie > max) {
		const char *newline = memchr(text, '\n', n);

		p = newline ? newline + 1 : text;
	}
	panic_printf("log:\n");
	emit(p, n - (size_t)(p - text));
}

static void run_dumpers(void)
{
	/* Unlinked before it runs: a fault in it ends the panic, see enter(). */
	while (dumpers) {
		struct panic_dumper *d = dumpers;

		dumpers = d->next;
		d->dump();
	}
}

static NORETURN void panic_end(void)
{
	print_others();
	run_dumpers();
	print_log_tail(LOG_TAIL);
	panic_printf("end of panic\n");
	end_vm();
}

static void print_head(const char *fmt, va_list ap)
{
	static char text[400];
	uint64_t us = clock_mono_ns() / 1000;

	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	panic_printf("\nPANIC on cpu%u at %lu.%06lu s: %s\n", cpu_id(), us / 1000000, us % 1000000,
		     text);
}

void panic_trap(const struct trap_frame *f, const char *fmt, ...)
{
	va_list ap;

	enter();
	smp_stop_others();
	va_start(ap, fmt);
	print_head(fmt, ap);
	va_end(ap);
	print_registers(f);
	print_trap_trace(f, TRACE_DEPTH);
	panic_end();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	enter();
	smp_stop_others();
	va_start(ap, fmt);
	print_head(fmt, ap);
	va_end(ap);
	panic_printf("backtrace:\n");
	backtrace_print((uintptr_t)__builtin_frame_address(0), TRACE_DEPTH, panic_printf);
	panic_end();
}

void panic_state(const struct trap_frame *f)
{
	uint64_t us;

	enter();
	smp_stop_others();
	us = clock_mono_ns() / 1000;
	panic_printf("state at %lu.%06lu s\n", us / 1000000, us % 1000000);
	if (state_dumper) {
		state_dumper();
	}
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		print_cpu(cpu, cpu == cpu_id() ? f : smp_stopped_frame(cpu));
	}
	print_log_tail(STATE_LOG_TAIL);
	end_vm();
}
