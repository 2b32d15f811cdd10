/* SPDX-License-Identifier: MIT */
/* poll, ppoll, select, pselect6. */
#include <syscall/deadline.h>
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

/* Linux leaves the rest of the time in the caller's struct, whose fraction counts `unit` ns. */
static void put_remaining(user_ptr t, uint64_t unit, uint64_t deadline)
{
	uint64_t left[2];

	if (user_ptr_is_null(t) || deadline == DEADLINE_NONE) {
		return;
	}
	left[0] = deadline_left(deadline);
	left[1] = left[0] % NSEC_PER_SEC / unit;
	left[0] /= NSEC_PER_SEC;
	(void)!copy_to_user(t, left, sizeof(left)); /* a constant struct is fine */
}

static long do_poll(user_ptr ufds, unsigned n, uint64_t deadline)
{
	struct linux_pollfd few[FEW_FDS], *fds = few;
	long ready;

	if (n > fs_upcalls->rlimit(RLIMIT_NOFILE)) {
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
	long ret = do_poll(fds, n, deadline_after_ms(timeout));

	if (ret == -ERESTARTSYS) {
		ret = timeout < 0 ? -ERESTARTNOHAND : -EINTR;
	}
	return ret;
}
long sys_ppoll(user_ptr fds, unsigned n, user_ptr timeout, user_ptr sigmask, size_t setsize)
{
	uint64_t deadline, mask = 0;
	bool masked = !user_ptr_is_null(sigmask);
	long ret = deadline_after_timespec(timeout, &deadline);

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
	long ret = deadline_after_timeval(timeout, &deadline);

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
	long ret = deadline_after_timespec(timeout, &deadline);

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
