/* SPDX-License-Identifier: MIT */
#include <syscall/dispatch.h>

#include <arch/cpu.h>
#include <arch/upcalls.h>
#include <host/hostctl.h>
#include <debug/panic.h>
#include <lib/launch_config.h>
#include <debug/log.h>
#include <linux/errno.h>
#include <proc/lifecycle.h>
#include <stdatomic.h>
#include <syscall/state.h>
#include <syscall/trace/trace.h>

/* A thunk per call: registers to arguments. */
#define FROM(k, reg) from_##k(f->reg)
#define THUNK(lv, name, ...)                                              \
	SYSCALL_UNLESS_NONE(                                              \
		lv, static long call_##name(const struct trap_frame *f) { \
			(void)f;                                          \
			return sys_##name(__VA_ARGS__);                   \
		})
#define SYS0(nr, name, lv, fam, note) THUNK(lv, name, )
#define SYS1(nr, name, lv, fam, k1, a1, note) THUNK(lv, name, FROM(k1, rdi))
#define SYS2(nr, name, lv, fam, k1, a1, k2, a2, note) THUNK(lv, name, FROM(k1, rdi), FROM(k2, rsi))
#define SYS3(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, note) \
	THUNK(lv, name, FROM(k1, rdi), FROM(k2, rsi), FROM(k3, rdx))
#define SYS4(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, note) \
	THUNK(lv, name, FROM(k1, rdi), FROM(k2, rsi), FROM(k3, rdx), FROM(k4, r10))
#define SYS5(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, k5, a5, note) \
	THUNK(lv, name, FROM(k1, rdi), FROM(k2, rsi), FROM(k3, rdx), FROM(k4, r10), FROM(k5, r8))
#define SYS6(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, k5, a5, k6, a6, note)             \
	THUNK(lv, name, FROM(k1, rdi), FROM(k2, rsi), FROM(k3, rdx), FROM(k4, r10), FROM(k5, r8), \
	      FROM(k6, r9))
#include "table.def"
#undef SYS0
#undef SYS1
#undef SYS2
#undef SYS3
#undef SYS4
#undef SYS5
#undef SYS6

typedef long syscall_fn(const struct trap_frame *f);
#define SYS0(nr, name, lv, ...) SYSCALL_UNLESS_NONE(lv, [nr] = call_##name, )
#define SYS1 SYS0
#define SYS2 SYS0
#define SYS3 SYS0
#define SYS4 SYS0
#define SYS5 SYS0
#define SYS6 SYS0
static syscall_fn *const handlers[] = {
#include "table.def"
};

/* The last calls of each CPU, for a panic. */
#define RECENT 16
static struct recent {
	uint32_t pos;
	struct {
		uint32_t nr, arg;
	} call[RECENT];
} ALIGNED(64) recent[MAX_CPUS];

static inline void remember(const struct trap_frame *f)
{
	/* A thread may move to another CPU in between: a slot is lost, no more. */
	struct recent *r = &recent[cpu_id()];
	uint32_t at = r->pos++ % RECENT;

	r->call[at].nr = (uint32_t)f->orig_rax;
	r->call[at].arg = (uint32_t)f->rdi;
}

/* --- calls that we don't have --- */
#define UNKNOWN_SLOTS 64
static struct unknown {
	_Atomic uint32_t nr; /* number + 1; 0 = free */
	_Atomic uint32_t count;
} unknown[UNKNOWN_SLOTS];

static void report_unknown(uint32_t nr)
{
	const struct syscall_desc *d = syscall_describe(nr);
	const struct thread *t = thread_current();

	if (d) {
		log_info("%s: system call %u (%s) is not implemented", t->name, nr, d->name);
	} else {
		log_info("%s: there is no system call %u", t->name, nr);
	}
}

static NOINLINE long no_such_call(uint32_t nr)
{
	for (unsigned i = 0; i < UNKNOWN_SLOTS; i++) {
		uint32_t seen = atomic_load_explicit(&unknown[i].nr, memory_order_relaxed);

		if (seen == 0 && atomic_compare_exchange_strong(&unknown[i].nr, &seen, nr + 1)) {
			report_unknown(nr);
			seen = nr + 1;
		}
		if (seen == nr + 1) {
			atomic_fetch_add_explicit(&unknown[i].count, 1, memory_order_relaxed);
			break;
		}
	}
	return -ENOSYS;
}

/* At the end of the VM: which calls the programs missed. */
static void print_summary(void)
{
	for (unsigned i = 0; i < UNKNOWN_SLOTS; i++) {
		uint32_t nr = atomic_load_explicit(&unknown[i].nr, memory_order_relaxed);
		const struct syscall_desc *d;

		if (nr == 0) {
			return;
		}
		d = syscall_describe(nr - 1);
		hostctl_warn("not implemented: %s (system call %u), used %u times",
			     d ? d->name : "unknown", nr - 1,
			     atomic_load_explicit(&unknown[i].count, memory_order_relaxed));
	}
}

static void dump_recent(void)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		const struct recent *r = &recent[cpu];

		panic_printf("cpu %u, last system calls:", cpu);
		for (uint32_t i = 0; i < MIN(r->pos, (uint32_t)RECENT); i++) {
			unsigned at = (r->pos - 1 - i) % RECENT;
			const struct syscall_desc *d = syscall_describe(r->call[at].nr);

			panic_printf(" %s(%#x)", d ? d->name : "?", r->call[at].arg);
		}
		panic_printf("\n");
	}
}

void syscall_init(const struct launch_config *config)
{
	static struct panic_dumper dumper = { .dump = dump_recent };
	static struct vm_exit_hook summary = { .fn = print_summary };

	panic_add_dumper(&dumper);
	state_init();
	if (config->h.flags & LAUNCH_STRACE) {
		trace_start(config->strace_filter);
	}
	if (config->h.flags & LAUNCH_SUMMARY) {
		proc_add_exit_hook(&summary);
	}
}

static inline syscall_fn *handler_of(uint32_t nr)
{
	return likely(nr < ARRAY_SIZE(handlers)) ? handlers[nr] : NULL;
}

static long call(const struct trap_frame *f)
{
	uint32_t nr = (uint32_t)f->orig_rax;
	syscall_fn *fn = handler_of(nr);

	return fn ? fn(f) : no_such_call(nr);
}

static NOINLINE void traced_call(struct trap_frame *f)
{
	struct trace_call *t = trace_enter(f);

	f->rax = (uint64_t)call(f);
	trace_exit(t, (long)f->rax);
}

/* Out of line: upcall_syscall() saves fewer registers without it. */
static NOINLINE void sampled_call(struct trap_frame *f, syscall_fn *fn)
{
	uint64_t began = task_current_cpu_ns();

	f->rax = (uint64_t)fn(f);
	task_sample_end(began);
}

void upcall_syscall(struct trap_frame *f)
{
	uint32_t nr = (uint32_t)f->orig_rax;
	syscall_fn *fn = handler_of(nr);

	remember(f);
	if (unlikely(!fn || trace_on)) {
		traced_call(f);
		return;
	}
	if (unlikely(task_sample_due())) {
		sampled_call(f, fn);
		return;
	}
	f->rax = (uint64_t)fn(f);
}
