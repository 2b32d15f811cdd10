/* SPDX-License-Identifier: MIT */
/*
 * futex(2) and futex_waitv(2): arguments and times.  The words are read only by kernel/futex, under
 * the locks that make it a futex.
 */
#include <syscall/deadline.h>
#include <syscall/syscalls.h>

#include <linux/errno.h>
#include <linux/futex.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <futex/futex.h>
#include <time/posix_timers.h>

/* val2 as a timeout, for the operations that wait. */
static int get_deadline(int op, uint64_t val2, uint64_t *deadline)
{
	int cmd = op & FUTEX_CMD_MASK;
	/* LOCK_PI counts on the wall clock, always. */
	bool wall = op & FUTEX_CLOCK_REALTIME || cmd == FUTEX_LOCK_PI;

	if (cmd == FUTEX_WAIT) {
		return deadline_after_timespec((user_ptr){ val2 }, deadline);
	}
	return deadline_at_timespec((user_ptr){ val2 }, wall ? CLOCK_REALTIME : CLOCK_MONOTONIC,
				    deadline);
}

static bool op_waits(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
	       cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

static bool op_allows_realtime(int cmd)
{
	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_WAIT_REQUEUE_PI ||
	       cmd == FUTEX_LOCK_PI2;
}

long sys_futex(user_ptr word, int op, unsigned val, uint64_t val2, user_ptr word2, unsigned val3)
{
	int cmd = op & FUTEX_CMD_MASK, err;
	bool shared = !(op & FUTEX_PRIVATE_FLAG);
	uint64_t deadline = DEADLINE_NONE;

	if (op & FUTEX_CLOCK_REALTIME && !op_allows_realtime(cmd)) {
		return -ENOSYS;
	}
	if (op_waits(cmd)) {
		err = get_deadline(op, val2, &deadline);
		if (err) {
			return err;
		}
	}
	switch (cmd) {
	case FUTEX_WAIT: return futex_wait(word, shared, val, deadline, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAIT_BITSET: return futex_wait(word, shared, val, deadline, val3);
	case FUTEX_WAKE: return futex_wake(word, shared, (int)val, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAKE_BITSET: return futex_wake(word, shared, (int)val, val3);
	case FUTEX_REQUEUE:
		return futex_requeue(word, word2, shared, (int)val, (int)val2, NULL, false);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(word, word2, shared, (int)val, (int)val2, &val3, false);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_requeue(word, word2, shared, (int)val, (int)val2, &val3, true);
	case FUTEX_WAKE_OP: return futex_wake_op(word, word2, shared, (int)val, (int)val2, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2: return futex_lock_pi(word, shared, deadline, false);
	case FUTEX_TRYLOCK_PI: return futex_lock_pi(word, shared, DEADLINE_NONE, true);
	case FUTEX_UNLOCK_PI: return futex_unlock_pi(word, shared);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(word, shared, val, deadline, FUTEX_BITSET_MATCH_ANY,
					     word2);
	default: return -ENOSYS;
	}
}

static int copy_waiters(struct futex_wait_entry *e, user_ptr from, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct linux_futex_waitv w;
		int err = copy_from_user(&w, user_ptr_add(from, i * sizeof(w)), sizeof(w));

		if (err) {
			return err;
		}
		if (w.flags & ~(unsigned)(FUTEX_32 | FUTEX_PRIVATE_FLAG) || !(w.flags & FUTEX_32) ||
		    w.reserved) {
			return -EINVAL;
		}
		e[i] = (struct futex_wait_entry){
			.word = { w.uaddr },
			.expected = (uint32_t)w.val,
			.shared = !(w.flags & FUTEX_PRIVATE_FLAG),
		};
	}
	return 0;
}

long sys_futex_waitv(user_ptr waiters, unsigned count, unsigned flags, user_ptr timeout, int clock)
{
	uint64_t deadline = DEADLINE_NONE;
	struct futex_wait_entry *e;
	long result;

	if (flags || !count || count > FUTEX_WAITV_MAX || user_ptr_is_null(waiters)) {
		return -EINVAL;
	}
	if (!user_ptr_is_null(timeout)) {
		int err;

		if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) {
			return -EINVAL;
		}
		err = deadline_at_timespec(timeout, clock, &deadline);
		if (err) {
			return err;
		}
	}
	e = kcalloc(count, sizeof(*e));
	if (!e) {
		return -ENOMEM;
	}
	result = copy_waiters(e, waiters, count);
	if (!result) {
		result = futex_wait_multiple(e, count, deadline);
	}
	kfree(e);
	return result;
}
