/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads.  Here and not in sched, as their stacks are mm's.  release_kthread() runs on
 * the stack of the thread that ran next (sched_finish_switch()), never on the one it frees.
 */
#include <mm/kthread.h>
#include <mm/slab.h>
#include <sched/sched.h>

static void release_kthread(struct thread *t)
{
	kstack_free(t->kstack);
	kfree(t);
}

struct thread *kthread_start(const char *name, void (*fn)(void *arg), void *arg)
{
	struct thread *t = kzalloc(sizeof(*t));
	void *stack = kstack_alloc();

	if (!t || !stack) {
		kfree(t);
		kstack_free(stack);
		return NULL;
	}
	thread_init(t, name, NULL);
	t->kstack = stack;
	t->release = release_kthread;
	arch_thread_init_kernel(&t->arch, (char *)stack + KSTACK_SIZE, fn, arg);
	sched_start(t);
	thread_put(t);
	return t;
}
