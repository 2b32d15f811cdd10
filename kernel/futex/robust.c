/* SPDX-License-Identifier: MIT */
/*
 * Robust futexes: the list of locks that a thread holds is in its own memory (get_robust_list(2)).
 * When it dies each word that still has its tid is marked FUTEX_OWNER_DIED and one waiter is
 * woken.  The list is the program's: it may be broken, endless or lie.
 */
#include "futex_internal.h"

#include <linux/errno.h>
#include <linux/futex.h>
#include <mm/usercopy.h>

#define PI_BIT 1ull /* of an entry's address: a PI futex */

/* `pending`: the lock was being taken or released: the word may be 0 already, with a waiter that
 * nobody else will wake. */
static int handle_death(struct task *t, user_ptr word, bool pi, bool pending)
{
	uint32_t tid = (uint32_t)task_tid(t), value, seen;
	int err;

	if (word.addr % sizeof(uint32_t)) {
		return -EINVAL;
	}
	for (;;) {
		err = get_user_u32(&value, word);
		if (err) {
			return err;
		}
		if (pending && !pi && !value) {
			futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
			return 0;
		}
		if ((value & FUTEX_TID_MASK) != tid) {
			return 0;
		}
		seen = value;
		err = cmpxchg_user_u32_nofault(word, &seen,
					       (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
		if (!err && seen == value) {
			break;
		}
		if (err) {
			err = fault_in_user(word, true);
			if (err) {
				return err;
			}
		}
	}
	/* Waiters of a PI futex get it by pi_exit(). */
	if (!pi && value & FUTEX_WAITERS) {
		futex_wake(word, true, 1, FUTEX_BITSET_MATCH_ANY);
	}
	return 0;
}

void robust_list_exit(struct task *t)
{
	struct linux_robust_list_head head;
	uint64_t entry, pending;
	int limit = ROBUST_LIST_LIMIT;

	if (copy_from_user(&head, t->robust_list, sizeof(head))) {
		return;
	}
	pending = head.pending & ~PI_BIT;
	entry = head.next;
	while ((entry & ~PI_BIT) != t->robust_list.addr && limit-- > 0) {
		uint64_t addr = entry & ~PI_BIT, next;
		int err = get_user_u64(&next, (user_ptr){ addr });

		if (addr != pending &&
		    handle_death(t, (user_ptr){ addr + (uint64_t)head.futex_offset },
				 entry & PI_BIT, false)) {
			return;
		}
		if (err) {
			return;
		}
		entry = next;
		sched_yield_point();
	}
	if (pending) {
		(void)!handle_death(t, (user_ptr){ pending + (uint64_t)head.futex_offset },
				    head.pending & PI_BIT, true);
	}
}
