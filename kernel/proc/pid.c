/* SPDX-License-Identifier: MIT */
/*
 * Process ids, see proc/pid.h: a bitmap of the numbers in use, and a table from number to struct pid
 * in leaves of a page.
 *
 * table.lock covers both, and each pid's `users` and `task`: a number can be found exactly as long
 * as it is in use, and what is found is counted before the lock is dropped.  So a number that was
 * given out again is never taken for the old one: whoever has the struct has the right process, or
 * finds it empty.  A number is given out again only after all others had their turn.
 */
#include <proc/pid.h>

#include <lib/assert.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <proc/task.h>

#define LEAF_ENTRIES (PAGE_SIZE / sizeof(struct pid *))
#define PID_RESERVED 300 /* a number below it is given out only in the first round */

static struct {
	SPINLOCK(pid_table) lock;
	uint64_t used[BITMAP_WORDS(PID_MAX)];
	struct pid **leaves[PID_MAX / LEAF_ENTRIES];
	int last;
	unsigned tasks, processes;
	struct waitq alone; /* one process is left */
	struct kmem_cache *cache;
} table = { .lock = SPINLOCK_INIT(RANK_PID_TABLE, "pid table") };

SPINLOCK(proctree) proctree_lock = SPINLOCK_INIT(RANK_PROCTREE, "process tree");

void pid_init(void)
{
	table.cache = kmem_cache_create("pid", sizeof(struct pid), 0);
	ASSERT(table.cache);
	waitq_init(&table.alone);
	bitmap_set(table.used, 0);
}

static struct pid **slot_locked(int nr) REQUIRES(pid_table_role)
{
	struct pid **leaf = table.leaves[nr / LEAF_ENTRIES];

	ASSERT(spin_held(&table.lock));
	return leaf ? &leaf[nr % LEAF_ENTRIES] : NULL;
}

static int pick_number_locked(int wanted) REQUIRES(pid_table_role)
{
	size_t nr = (size_t)wanted;

	ASSERT(spin_held(&table.lock));
	if (wanted && bitmap_test(table.used, nr)) {
		return -EEXIST;
	}
	if (!wanted) {
		nr = bitmap_find_clear(table.used, PID_MAX, (size_t)table.last + 1);
	}
	if (nr >= PID_MAX) {
		nr = bitmap_find_clear(table.used, PID_MAX, PID_RESERVED);
	}
	if (nr >= PID_MAX) {
		return -EAGAIN;
	}
	if (!table.leaves[nr / LEAF_ENTRIES]) {
		table.leaves[nr / LEAF_ENTRIES] = kzalloc(PAGE_SIZE);
		if (!table.leaves[nr / LEAF_ENTRIES]) {
			return -ENOMEM;
		}
	}
	return (int)nr;
}

int pid_alloc(struct pid **out, int wanted)
{
	struct pid *p = kmem_cache_zalloc(table.cache);
	uint64_t flags;
	int nr;

	if (!p) {
		return -ENOMEM;
	}
	refcount_init(&p->refs, 1);
	list_init(&p->group);
	list_init(&p->session);
	waitq_init(&p->exit_waitq);
	flags = spin_lock_irqsave(&table.lock);
	nr = pick_number_locked(wanted);
	if (nr > 0) {
		p->nr = nr;
		p->users = 1;
		table.last = wanted ? table.last : nr;
		bitmap_set(table.used, (size_t)nr);
		*slot_locked(nr) = p;
	}
	spin_unlock_irqrestore(&table.lock, flags);
	if (nr < 0) {
		kmem_cache_free(table.cache, p);
		return nr;
	}
	*out = p;
	return 0;
}

void pid_get(struct pid *p)
{
	refcount_get(&p->refs);
}

void pid_put(struct pid *p)
{
	if (p && refcount_put(&p->refs)) {
		ASSERT(!READ_ONCE(p->users) && !READ_ONCE(p->task) && !p->process);
		kmem_cache_free(table.cache, p);
	}
}

void pid_use(struct pid *p)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);

	ASSERT(p->users > 0);
	p->users++;
	spin_unlock_irqrestore(&table.lock, flags);
}

void pid_unuse(struct pid *p)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);

	ASSERT(p->users > 0);
	if (--p->users == 0) {
		ASSERT(!p->task && !p->process);
		*slot_locked(p->nr) = NULL;
		bitmap_clear(table.used, (size_t)p->nr);
	}
	spin_unlock_irqrestore(&table.lock, flags);
}

void pid_set_task(struct pid *p, struct task *task)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);

	if (p->task && !task) {
		table.tasks--;
	} else if (!p->task && task) {
		table.tasks++;
	}
	p->task = task;
	spin_unlock_irqrestore(&table.lock, flags);
}

void pid_set_process(struct pid *p, struct process *process)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);

	ASSERT(!p->process != !process);
	table.processes += process ? 1 : -1;
	p->process = process;
	if (table.processes == 1) {
		waitq_wake_all(&table.alone);
	}
	spin_unlock_irqrestore(&table.lock, flags);
}

static struct pid *find_locked(int nr) REQUIRES(pid_table_role)
{
	struct pid **slot;

	if (nr <= 0 || nr >= PID_MAX) {
		return NULL;
	}
	slot = slot_locked(nr);
	return slot ? *slot : NULL;
}

struct pid *pid_find(int nr)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);
	struct pid *p = find_locked(nr);

	if (p) {
		pid_get(p);
	}
	spin_unlock_irqrestore(&table.lock, flags);
	return p;
}

struct task *pid_get_task(struct pid *p)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);
	struct task *t = p->task;

	if (t) {
		task_get(t);
	}
	spin_unlock_irqrestore(&table.lock, flags);
	return t;
}

struct process *pid_get_process(struct pid *p)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);
	struct process *process = p->process;

	if (process) {
		process_get(process);
	}
	spin_unlock_irqrestore(&table.lock, flags);
	return process;
}

struct task *task_find(int tid)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);
	struct pid *p = find_locked(tid);
	struct task *t = p ? p->task : NULL;

	if (t) {
		task_get(t);
	}
	spin_unlock_irqrestore(&table.lock, flags);
	return t;
}

int pid_call_task(int tid, int (*fn)(struct task *t, void *arg), void *arg)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);
	struct pid *p = find_locked(tid);
	int result = p && p->task ? fn(p->task, arg) : -ESRCH;

	spin_unlock_irqrestore(&table.lock, flags);
	return result;
}

struct process *process_find(int nr)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);
	struct pid *p = find_locked(nr);
	struct process *process = p ? p->process : NULL;

	if (process) {
		process_get(process);
	}
	spin_unlock_irqrestore(&table.lock, flags);
	return process;
}

struct process *process_find_any(int nr)
{
	struct process *p = process_find(nr);
	struct task *t = p ? NULL : task_find(nr);

	if (t) {
		p = t->process;
		process_get(p);
		task_put(t);
	}
	return p;
}

struct process *process_next(int nr)
{
	struct process *found = NULL;
	uint64_t flags = spin_lock_irqsave(&table.lock);

	for (size_t n = nr < 1 ? 1 : (size_t)nr; n < PID_MAX && !found; n++) {
		struct pid *p;

		n = bitmap_find_set(table.used, PID_MAX, n);
		if (n >= PID_MAX) {
			break;
		}
		p = find_locked((int)n);
		found = p ? p->process : NULL;
	}
	if (found) {
		process_get(found);
	}
	spin_unlock_irqrestore(&table.lock, flags);
	return found;
}

LOCK_UNCHECKED("who could hold the lock has been stopped")
const struct task *pid_stopped_task(int nr)
{
	for (size_t n = (size_t)nr; n < PID_MAX; n++) {
		struct pid **leaf;

		n = bitmap_find_set(table.used, PID_MAX, n);
		leaf = n < PID_MAX ? table.leaves[n / LEAF_ENTRIES] : NULL;
		if (leaf && leaf[n % LEAF_ENTRIES] && leaf[n % LEAF_ENTRIES]->task) {
			return leaf[n % LEAF_ENTRIES]->task;
		}
	}
	return NULL;
}

unsigned task_count(void)
{
	return READ_ONCE(table.tasks);
}

void process_wait_alone(uint64_t deadline)
{
	uint64_t flags = spin_lock_irqsave(&table.lock);
	int err = 0;

	while (table.processes > 1 && !err) {
		err = waitq_wait_irq(&table.alone, &table.lock, WAIT_UNINTR, deadline);
	}
	spin_unlock_irqrestore(&table.lock, flags);
}

int pid_last(void)
{
	return READ_ONCE(table.last);
}
