/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Timers: a function called once at an absolute time of clock_mono_ns(), in
 * interrupt context (interrupts off, no lock held) on the CPU that armed it.
 * One red-black tree per CPU; the hardware is armed for the earliest.
 */
#include <lib/rbtree.h>
#include <stdatomic.h>

struct timer {
	struct rb_node node;
	uint64_t expires; /* ns, clock_mono_ns() */
	void (*fn)(struct timer *t);
	_Atomic int32_t cpu; /* tree it is in, -1 = idle */
};
void timer_init(struct timer *t, void (*fn)(struct timer *t));
/* Arms (or moves) it.  Any context, also while others do: the last one counts.  fn may arm its own
 * timer again. */
void timer_arm(struct timer *t, uint64_t expires);
/* True when it was pending and will not run.  Does not wait for a running fn. */
bool timer_cancel(struct timer *t);
/* As above, and waits until fn is not running anywhere: after it the memory may
 * go.  Not from fn, nor with a lock held that fn takes. */
bool timer_cancel_sync(struct timer *t);
bool timer_pending(const struct timer *t);
void timer_subsystem_init(void);
