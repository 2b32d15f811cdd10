/* SPDX-License-Identifier: MIT */
/*
 * What every task is at, for panic_state(): state, system call, kernel stack.  All CPUs are stopped
 * and stay so, hence nothing is locked.
 */
#include <syscall/state.h>

#include <arch/smp.h>
#include <debug/backtrace.h>
#include <debug/panic.h>
#include <proc/task.h>
#include <syscall/dispatch.h>

#define STACK_DEPTH 8
#define MOST_STACKS 24 /* so that the text holds them */
#define MOST_TASKS 100

/* The CPU that runs it, -1 = none. */
static int cpu_of(const struct task *t)
{
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		if (smp_current(cpu) == &t->thread) {
			return (int)cpu;
		}
	}
	return -1;
}

static const char *state_of(const struct thread *t)
{
	static const char *const waits[] = {
		[WAIT_UNINTR] = "waits, not even for signals",
		[WAIT_INTR] = "waits",
		[WAIT_KILLABLE] = "waits, also to be killed",
	};
	uint32_t mode = atomic_load_explicit(&t->wait_mode, memory_order_relaxed);

	switch (atomic_load_explicit(&t->state, memory_order_relaxed)) {
	case THREAD_RUNNABLE: return "ready";
	case THREAD_DEAD: return "dead";
	default: return mode < ARRAY_SIZE(waits) ? waits[mode] : "waits";
	}
}

static void print_call(const struct thread *t)
{
	const struct trap_frame *f = arch_user_frame(&t->arch);
	const uint64_t arg[] = { f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9 };
	const struct syscall_desc *d = syscall_describe((uint32_t)f->orig_rax);

	if (f->orig_rax == ~0ull) {
		panic_printf(", no system call, user ip %#lx", f->rip);
		return;
	}
	panic_printf(", %s(", d ? d->name : "unknown system call");
	for (unsigned i = 0; d && i < d->nargs; i++) {
		panic_printf("%s%#lx", i ? ", " : "", arg[i]);
	}
	panic_printf(")");
}

static void print_task(const struct task *t, bool with_stack)
{
	int cpu = cpu_of(t);

	panic_printf("task %d (%s) of process %d: ", t->pid->nr, t->thread.name,
		     t->process->pid->nr);
	if (cpu >= 0) {
		panic_printf("runs on cpu%d", cpu);
		if (READ_ONCE(t->thread.arch.in_user)) {
			panic_printf(", in the program\n");
			return;
		}
	} else {
		panic_printf("%s", state_of(&t->thread));
	}
	print_call(&t->thread);
	panic_printf("\n");
	if (cpu < 0 && with_stack) {
		backtrace_print(arch_thread_frame_pointer(&t->thread.arch), STACK_DEPTH,
				panic_printf);
	}
}

static void dump(void)
{
	const struct task *t;
	unsigned n = 0;

	for (int nr = 1; (t = pid_stopped_task(nr)) != NULL; nr = t->pid->nr + 1) {
		if (n++ < MOST_TASKS) {
			print_task(t, n <= MOST_STACKS);
		}
	}
	if (n > MOST_TASKS) {
		panic_printf("... and %u more tasks\n", n - MOST_TASKS);
	}
}

void state_init(void)
{
	panic_set_state_dumper(dump);
}
