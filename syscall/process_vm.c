/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv(2) and process_vm_writev(2).
 *
 * Bytes go through a buffer of the kernel, piece by piece: the caller's side may fault, the
 * other's is reached by mm_access(), and nothing is locked from one to the other.  The vectors
 * are copied in once, before anything moves.
 */
#include <syscall/syscalls.h>

#include <linux/errno.h>
#include <linux/limits.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <proc/access.h>
#include <proc/task.h>
#include <sched/sched.h>

#define BUF_SIZE (4 * PAGE_SIZE)

struct vec {
	uint64_t base, len;
};
struct transfer {
	struct vec *local, *remote;
	unsigned nlocal, nremote, l, r;
	uint64_t l_off, r_off;
};

static int copy_vecs(user_ptr from, uint64_t count, struct vec **out)
{
	struct vec *v;
	uint64_t total = 0;
	int err;

	if (count > UIO_MAXIOV) {
		return -EINVAL;
	}
	v = kcalloc(count + 1, sizeof(*v));
	if (!v) {
		return -ENOMEM;
	}
	err = copy_from_user(v, from, count * sizeof(*v));
	for (uint64_t i = 0; !err && i < count; i++) {
		if (v[i].len > INT64_MAX - total) {
			err = -EINVAL;
		}
		total += v[i].len;
	}
	if (err) {
		kfree(v);
		return err;
	}
	*out = v;
	return 0;
}

/* Bytes of the next piece that lies in one local and one remote segment; 0 = all done. */
static size_t next_piece(struct transfer *t)
{
	uint64_t n;

	while (t->l < t->nlocal && t->l_off == t->local[t->l].len) {
		t->l++;
		t->l_off = 0;
	}
	while (t->r < t->nremote && t->r_off == t->remote[t->r].len) {
		t->r++;
		t->r_off = 0;
	}
	if (t->l == t->nlocal || t->r == t->nremote) {
		return 0;
	}
	n = MIN(t->local[t->l].len - t->l_off, t->remote[t->r].len - t->r_off);
	return MIN(n, BUF_SIZE);
}

static long move(struct transfer *t, struct mm *mm, void *buf, bool write)
{
	long done = 0;
	size_t n;

	while ((n = next_piece(t))) {
		user_ptr local = { t->local[t->l].base + t->l_off };
		uint64_t remote = t->remote[t->r].base + t->r_off;
		long got;

		if (write) {
			got = (long)copy_from_user_partial(buf, local, n);
			got = got ? mm_access(mm, remote, buf, (size_t)got, true, false) : -EFAULT;
		} else {
			got = mm_access(mm, remote, buf, n, false, false);
			got = got > 0 ? (long)copy_to_user_partial(local, buf, (size_t)got) : got;
		}
		if (got <= 0) {
			return done ? done : -EFAULT;
		}
		done += got;
		t->l_off += (uint64_t)got;
		t->r_off += (uint64_t)got;
		if ((size_t)got < n || sched_yield_killed()) {
			break;
		}
	}
	return done;
}

static int find_mm(int pid, struct mm **out)
{
	struct task *t = task_find(pid);
	int err = task_access_mm(t, ACCESS_REAL_IDS, out);

	task_put(t);
	return err;
}

static long transfer(int pid, user_ptr local, uint64_t nlocal, user_ptr remote, uint64_t nremote,
		     uint64_t flags, bool write)
{
	struct transfer t = { .nlocal = (unsigned)nlocal, .nremote = (unsigned)nremote };
	struct mm *mm = NULL;
	void *buf = NULL;
	long result;

	if (flags) {
		return -EINVAL;
	}
	result = copy_vecs(local, nlocal, &t.local);
	if (!result) {
		result = copy_vecs(remote, nremote, &t.remote);
	}
	if (!result && nlocal && nremote) {
		result = find_mm(pid, &mm);
		buf = result ? NULL : kmalloc(BUF_SIZE);
		if (!result) {
			result = buf ? move(&t, mm, buf, write) : -ENOMEM;
		}
	}
	mm_put(mm);
	kfree(buf);
	kfree(t.local);
	kfree(t.remote);
	return result;
}

long sys_process_vm_readv(int pid, user_ptr local, uint64_t nlocal, user_ptr remote,
			  uint64_t nremote, uint64_t flags)
{
	return transfer(pid, local, nlocal, remote, nremote, flags, false);
}

long sys_process_vm_writev(int pid, user_ptr local, uint64_t nlocal, user_ptr remote,
			   uint64_t nremote, uint64_t flags)
{
	return transfer(pid, local, nlocal, remote, nremote, flags, true);
}
