/* SPDX-License-Identifier: MIT */
/* poll, ppoll, select, pselect6. */
#include <syscall/syscalls.h>

#include <arch/clock.h>
#include <fs/event/poll.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <signal/signal.h>

#define FEW_FDS 32
#define FD_SETSIZE_MAX 1048576

struct user_time { /* struct timespec, struct timeval */
	int64_t sec, frac;
};

/* An absolute deadline from now; saturates. */
static uint64_t deadline_after(int64_t sec, int64_t ns)
{
	if (sec == 0 && ns == 0) {
		return 0;
	}
	if (sec > (int64_t)(UINT64_MAX / 4 / NSEC_PER_SEC)) {
		return DEADLINE_NONE;
	}
	return clock_mono_ns() + (uint64_t)sec * NSEC_PER_SEC + (uint64_t)ns;
}
/* unit: ns per fraction (1 or 1000). */
static int get_deadline(user_ptr t, int64_t unit, uint64_t *deadline)
{
	struct user_time ut;

	*deadline = DEADLINE_NONE;
	if (user_ptr_is_null(t)) {
		return 0;
	}
	if (copy_from_user(&ut, t, sizeof(ut))) {
		return -EFAULT;
	}
	if (ut.sec < 0 || ut.frac < 0 || (unit == 1 && ut.frac >= 1000000000)) {
		return -EINVAL;
	}
	if (unit == 1000) { /* select takes more than a second of microseconds */
		ut.sec = MIN(ut.sec, INT64_MAX / 2) + ut.frac / 1000000;
		ut.frac %= 1000000;
	}
	*deadline = deadline_after(ut.sec, ut.frac * unit);
	return 0;
}
/* Linux leaves the rest of the time in the caller's struct. */
static void put_remaining(user_ptr t, int64_t unit, uint64_t deadline)
{
	uint64_t now = clock_mono_ns(), left;
	struct user_time ut;
	int err;

	if (user_ptr_is_null(t) || deadline == DEADLINE_NONE) {
		return;
	}
	left = deadline > now ? deadline - now : 0;
	ut.sec = (int64_t)(left / NSEC_PER_SEC);
	ut.frac = (int64_t)(left % NSEC_PER_SEC) / unit;
	err = copy_to_user(t, &ut, sizeof(ut));
	(void)err; /* a constant struct is fine */
}

static long do_poll(user_ptr ufds, unsigned n, uint64_t deadline)
{
	struct linux_pollfd few[FEW_FDS], *fds = few;
	long ready;

	if (n > fs_rlimit(RLIMIT_NOFILE)) {
		return -EINVAL;
	}
	if (n > FEW_FDS) {
		fds = kmalloc(n * sizeof(*fds));
		if (!fds) {
			return -ENOMEM;
		}
	}
	if (copy_from_user(fds, ufds, n * sizeof(*fds))) {
		ready = -EFAULT;
		goto out;
	}
	ready = fs_poll(fds, n, deadline);
	for (unsigned i = 0; i < n && ready >= 0; i++) {
		user_ptr at = user_ptr_add(ufds, i * sizeof(*fds) +
							 offsetof(struct linux_pollfd, revents));

		if (copy_to_user(at, &fds[i].revents, sizeof(fds[i].revents))) {
			ready = -EFAULT;
		}
	}
out:
	if (fds != few) {
		kfree(fds);
	}
	return ready;
}
long sys_poll(user_ptr fds, unsigned n, int timeout)
{
	uint64_t deadline = timeout < 0 ? DEADLINE_NONE
					: deadline_after(timeout / 1000, timeout % 1000 * 1000000l);
	long ret = do_poll(fds, n, deadline);

	return ret == -ERESTARTSYS ? (timeout < 0 ? -ERESTARTNOHAND : -EINTR) : ret;
}
long sys_ppoll(user_ptr fds, unsigned n, user_ptr timeout, user_ptr sigmask, size_t setsize)
{
	uint64_t deadline, mask = 0;
	bool masked = !user_ptr_is_null(sigmask);
	long ret = get_deadline(timeout, 1, &deadline);

	if (!ret && masked) {
		ret = signal_copy_mask(sigmask, setsize, &mask);
	}
	if (ret) {
		return ret;
	}
	if (masked) {
		signal_begin_temporary_mask(mask);
	}
	ret = do_poll(fds, n, deadline);
	if (ret == -ERESTARTSYS) {
		ret = -ERESTARTNOHAND;
	}
	put_remaining(timeout, 1, deadline);
	if (masked) {
		signal_end_temporary_mask(ret);
	}
	return ret;
}

/* --- select --- */
struct sets {
	uint64_t *all; /* in, out, except: `words` each */
	uint64_t small[3 * 16];
	size_t words, bytes;
};
static int get_sets(struct sets *s, int nfds, const user_ptr user[3])
{
	s->words = DIV_ROUND_UP((size_t)nfds, 64);
	s->bytes = s->words * 8;
	s->all = s->small;
	if (s->words > 16) {
		s->all = kmalloc(3 * s->bytes);
		if (!s->all) {
			return -ENOMEM;
		}
	}
	memset(s->all, 0, 3 * s->bytes);
	for (int i = 0; i < 3; i++) {
		if (!user_ptr_is_null(user[i]) &&
		    copy_from_user(s->all + (size_t)i * s->words, user[i], s->bytes)) {
			if (s->all != s->small) {
				kfree(s->all);
			}
			return -EFAULT;
		}
	}
	return 0;
}
static long do_select(int nfds, const user_ptr user[3], uint64_t deadline)
{
	struct sets s;
	long ready;
	int err;

	if (nfds < 0) {
		return -EINVAL;
	}
	nfds = MIN(nfds, FD_SETSIZE_MAX);
	err = get_sets(&s, nfds, user);
	if (err) {
		return err;
	}
	ready = fs_select(nfds, s.all, s.all + s.words, s.all + 2 * s.words, deadline);
	for (int i = 0; i < 3 && ready >= 0; i++) {
		if (!user_ptr_is_null(user[i]) &&
		    copy_to_user(user[i], s.all + (size_t)i * s.words, s.bytes)) {
			ready = -EFAULT;
		}
	}
	if (s.all != s.small) {
		kfree(s.all);
	}
	return ready == -ERESTARTSYS ? -ERESTARTNOHAND : ready;
}
long sys_select(int nfds, user_ptr in, user_ptr out, user_ptr except, user_ptr timeout)
{
	const user_ptr sets[3] = { in, out, except };
	uint64_t deadline;
	long ret = get_deadline(timeout, 1000, &deadline);

	if (ret) {
		return ret;
	}
	ret = do_select(nfds, sets, deadline);
	put_remaining(timeout, 1000, deadline);
	return ret;
}
long sys_pselect6(int nfds, user_ptr in, user_ptr out, user_ptr except, user_ptr timeout,
		  user_ptr sig)
{
	const user_ptr sets[3] = { in, out, except };
	uint64_t deadline, mask = 0, arg[2] = { 0, 0 };
	long ret = get_deadline(timeout, 1, &deadline);

	if (!ret && !user_ptr_is_null(sig)) {
		ret = copy_from_user(arg, sig, sizeof(arg));
	}
	if (!ret && arg[0]) {
		ret = signal_copy_mask((user_ptr){ arg[0] }, arg[1], &mask);
	}
	if (ret) {
		return ret;
	}
	if (arg[0]) {
		signal_begin_temporary_mask(mask);
	}
	ret = do_select(nfds, sets, deadline);
	put_remaining(timeout, 1, deadline);
	if (arg[0]) {
		signal_end_temporary_mask(ret);
	}
	return ret;
}
