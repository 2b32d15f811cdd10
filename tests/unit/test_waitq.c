/* SPDX-License-Identifier: MIT */
/*
 * The wait protocol, one thread: block() plays what others do meanwhile.
 * UNIT_SOURCES: kernel/sync/waitq.c tests/unit/shim/base.c
 */
#include "test.h"
#include <asm/prctl.h>
#include <linux/errno.h>
#include <sched/thread.h>
#include <string.h>
#include <sync/mutex.h>
#include <sync/waitq.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct thread self;
static struct waitq a, b;
static bool preparing, ready_now;
static int blocks, looks, ready_at_look, block_result;
static struct waitq *woken_in_block[8];

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	memset(l, 0, sizeof(*l));
}
uint64_t spin_lock_irqsave(struct spinlock *l)
{
	return 0;
}
void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
}
void spin_lock(struct spinlock *l)
{
}
void spin_unlock(struct spinlock *l)
{
}
void mutex_lock(struct mutex *m)
{
}
void mutex_unlock(struct mutex *m)
{
}

void block_prepare(enum wait_mode mode)
{
	CHECK(!preparing);
	preparing = true;
}
void block_cancel(void)
{
	preparing = false;
}
bool block_wake(struct thread *t)
{
	bool was = preparing;

	CHECK(t == &self);
	preparing = false;
	return was;
}
int block(uint64_t deadline)
{
	if (blocks < 8 && woken_in_block[blocks]) {
		waitq_wake(woken_in_block[blocks], 1, 0);
	}
	blocks++;
	if (!preparing) {
		return 0; /* somebody woke it */
	}
	preparing = false;
	return block_result;
}

/* True from look number ready_at_look on, counted from 1. */
static bool ready(void *arg)
{
	CHECK(arg == &ready_now);
	CHECK(preparing || blocks);
	looks++;
	return ready_at_look && looks >= ready_at_look;
}

static void start(int at, int result)
{
	waitq_init(&a);
	waitq_init(&b);
	list_init(&a.entries);
	list_init(&b.entries);
	preparing = false;
	blocks = looks = 0;
	ready_at_look = at;
	block_result = result;
	memset(woken_in_block, 0, sizeof(woken_in_block));
}

static void end(void)
{
	CHECK(!preparing);
	CHECK(list_empty(&a.entries) && list_empty(&b.entries));
}

static int wait_two(void)
{
	struct waitq *queues[] = { &a, &b };

	return waitq_wait_until_any(queues, 2, ready, &ready_now, WAIT_INTR, 1000);
}

static void what_is_ready_does_not_sleep(void)
{
	start(1, -ETIMEDOUT);
	CHECK_EQ(wait_two(), 0);
	CHECK_EQ(blocks, 0);
	end();
}

static void sleeps_again_after_a_spurious_wake(void)
{
	start(3, -ETIMEDOUT);
	woken_in_block[0] = &a;
	woken_in_block[1] = &b;
	CHECK_EQ(wait_two(), 0);
	CHECK_EQ(blocks, 2);
	end();
}

static void says_why_it_stopped(void)
{
	start(0, -ETIMEDOUT);
	CHECK_EQ(waitq_wait_until(&a, ready, &ready_now, WAIT_INTR, 1000), -ETIMEDOUT);
	end();
	start(0, -ERESTARTSYS);
	woken_in_block[0] = &b;
	CHECK_EQ(wait_two(), -ERESTARTSYS);
	CHECK_EQ(blocks, 2);
	end();
}

static void ready_wins_over_a_signal(void)
{
	start(2, -ERESTARTSYS);
	CHECK_EQ(waitq_wait_until_exclusive(&a, ready, &ready_now, WAIT_INTR, 1000), 0);
	CHECK_EQ(blocks, 1);
	end();
}

static void one_wake_for_one_exclusive_entry(void)
{
	struct waitq_entry e[3];

	start(0, 0);
	for (int i = 0; i < 3; i++) {
		waitq_entry_init(&e[i]);
		e[i].exclusive = i > 0;
		waitq_add(&a, &e[i]);
	}
	/* Each wake needs a preparing thread: the first entry eats the only one. */
	block_prepare(WAIT_INTR);
	waitq_wake(&a, 1, 0);
	CHECK(e[0].woken && !e[1].woken && !e[2].woken);
	block_prepare(WAIT_INTR);
	waitq_wake(&a, 1, 0);
	CHECK(e[1].woken && !e[2].woken);
	for (int i = 0; i < 3; i++) {
		waitq_remove(&e[i]);
	}
	end();
}

int main(void)
{
	static void *cpu[4];

	/* thread_current() reads %gs:24 */
	cpu[3] = &self;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, cpu)) {
		return 1;
	}
	RUN(what_is_ready_does_not_sleep);
	RUN(sleeps_again_after_a_spurious_wake);
	RUN(says_why_it_stopped);
	RUN(ready_wins_over_a_signal);
	RUN(one_wake_for_one_exclusive_entry);
	return test_done();
}
