/* SPDX-License-Identifier: MIT */
/*
 * poll(2) while another thread of a shared descriptor table closes files: the files of two
 * descriptors are made up, memory runs out on demand, block() plays the other thread.
 * UNIT_SOURCES: kernel/fs/event/poll.c kernel/sync/waitq.c tests/unit/shim/base.c
 */
#include "test.h"
#include <asm/prctl.h>
#include <fs/event/poll.h>
#include <fs/fdtable.h>
#include <linux/errno.h>
#include <sched/thread.h>
#include <string.h>
#include <sync/waitq.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct thread self;
static bool shared, no_memory;
static struct fake {
	struct file file;
	struct waitq queue;
	uint32_t events;
	int refs, polls;
	bool freed;
} fakes[3];
static struct fake *at[2];	 /* what descriptors 0 and 1 stand for */
static void (*other)(void);	 /* runs in block() */
static void (*in_between)(void); /* runs once after a look-up of descriptor 1 */

void *kmalloc(size_t size)
{
	return no_memory ? NULL : malloc(size);
}
void mutex_lock(struct mutex *m)
{
}
void mutex_unlock(struct mutex *m)
{
}
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
void block_prepare(enum wait_mode mode)
{
}
void block_cancel(void)
{
}
bool block_wake(struct thread *t)
{
	return true;
}
int block(uint64_t deadline)
{
	if (other) {
		other();
	}
	return -ETIMEDOUT;
}

static struct fake *fake_of(struct file *f)
{
	return container_of(f, struct fake, file);
}
bool fdtable_shared(const struct fdtable *t)
{
	return shared;
}
int fdref_get(int fd, struct fdref *r)
{
	if (!at[fd]) {
		return -EBADF;
	}
	r->file = &at[fd]->file;
	r->counted = true;
	at[fd]->refs++;
	if (fd == 1 && in_between) {
		void (*now)(void) = in_between;

		in_between = NULL;
		now();
	}
	return 0;
}
int fd_get(int fd, struct file **out)
{
	struct fdref r;
	int err = fdref_get(fd, &r);

	*out = err ? NULL : r.file;
	return err;
}
void file_put(struct file *f)
{
	struct fake *k = fake_of(f);

	if (--k->refs == 0) {
		/* a queue that goes with its file must be empty */
		CHECK(list_empty(&k->queue.entries));
		k->freed = true;
	}
}
static uint32_t fake_poll(struct file *f, struct poll_table *pt)
{
	struct fake *k = fake_of(f);

	CHECK(!k->freed);
	k->polls++;
	poll_wait(pt, &k->queue);
	return k->events;
}
static const struct file_ops fake_ops = { .poll = fake_poll };

static void start(void)
{
	shared = true;
	no_memory = false;
	other = in_between = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(fakes); i++) {
		memset(&fakes[i], 0, sizeof(fakes[i]));
		fakes[i].file.ops = &fake_ops;
		fakes[i].refs = 1;
		waitq_init(&fakes[i].queue);
		list_init(&fakes[i].queue.entries);
	}
	at[0] = &fakes[0];
	at[1] = &fakes[1];
}
static long poll_two(uint64_t deadline)
{
	struct linux_pollfd fds[2] = { { 0, POLLIN, 0 }, { 1, POLLIN, 0 } };
	long n = fs_poll(fds, 2, deadline);

	for (unsigned i = 0; i < ARRAY_SIZE(fakes); i++) {
		CHECK(list_empty(&fakes[i].queue.entries));
	}
	return n;
}
static void close_both(void)
{
	for (int i = 0; i < 2; i++) {
		if (at[i]) {
			file_put(&at[i]->file);
			at[i] = NULL;
		}
	}
}

static void files_stay_while_another_thread_closes(void)
{
	start();
	other = close_both;
	CHECK_EQ(poll_two(1000), 2); /* POLLNVAL, as the descriptors are gone */
	CHECK(fakes[0].freed && fakes[1].freed);
}
static void without_memory_to_hold_them_it_fails(void)
{
	start();
	no_memory = true;
	other = close_both;
	CHECK_EQ(poll_two(1000), -ENOMEM);
	CHECK_EQ(fakes[0].polls, 0);
}
static void reuse_one(void)
{
	file_put(&at[1]->file);
	at[1] = &fakes[2];
}
static void close_one(void)
{
	file_put(&at[1]->file);
	at[1] = NULL;
}
static void the_held_file_is_the_one_registered_with(void)
{
	start();
	in_between = reuse_one;
	other = close_one; /* the new file, which nobody held */
	CHECK_EQ(poll_two(1000), 1);
	CHECK(fakes[1].freed && fakes[2].freed);
	CHECK_EQ(fakes[2].polls, 0);
}
static void a_look_without_waiting_needs_no_memory(void)
{
	start();
	no_memory = true;
	fakes[1].events = POLLIN | POLLOUT;
	CHECK_EQ(poll_two(0), 1);
}
static void own_tables_need_no_memory(void)
{
	start();
	shared = false;
	no_memory = true;
	CHECK_EQ(poll_two(1000), 0);
}

int main(void)
{
	static void *cpu[4];

	cpu[3] = &self; /* thread_current() reads %gs:24 */
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, cpu)) {
		return 1;
	}
	RUN(files_stay_while_another_thread_closes);
	RUN(without_memory_to_hold_them_it_fails);
	RUN(the_held_file_is_the_one_registered_with);
	RUN(a_look_without_waiting_needs_no_memory);
	RUN(own_tables_need_no_memory);
	return test_done();
}
