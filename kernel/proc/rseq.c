/* SPDX-License-Identifier: MIT */
/*
 * Restartable sequences, rseq(2): the program keeps a word with its CPU's number in memory of its
 * own, and names a stretch of code that starts over when the thread was switched out or got a
 * signal inside it.
 */
#include <proc/rseq.h>

#include <arch/cpu.h>
#include <arch/paging.h>
#include <arch/trap.h>
#include <linux/errno.h>
#include <mm/usercopy.h>
#include <signal/signal.h>
#include "proc_internal.h"

#define OFF(field) offsetof(struct linux_rseq, field)

static user_ptr field(const struct task *t, size_t offset)
{
	return (user_ptr){ t->rseq_addr + offset };
}

static int publish_cpu(struct task *t, uint32_t start, uint32_t id)
{
	int err = put_user_u32(field(t, OFF(cpu_id_start)), start);

	if (!err) {
		err = put_user_u32(field(t, OFF(cpu_id)), id);
	}
	if (!err) {
		err = put_user_u32(field(t, OFF(node_id)), 0);
	}
	/* mm_cid: the CPU's number is as good, only less dense. */
	if (!err && t->rseq_len >= OFF(mm_cid) + 4) {
		err = put_user_u32(field(t, OFF(mm_cid)), start);
	}
	return err;
}

/* Inside a critical section: goes to its abort handler. */
static int fix_ip(struct task *t, struct trap_frame *f)
{
	struct linux_rseq_cs cs;
	uint64_t addr;
	uint32_t sig;
	int err = get_user_u64(&addr, field(t, OFF(rseq_cs)));

	if (err || !addr) {
		return err;
	}
	err = copy_from_user(&cs, (user_ptr){ addr }, sizeof(cs));
	if (err) {
		return err;
	}
	if (cs.start_ip >= USER_END || cs.start_ip + cs.post_commit_offset >= USER_END ||
	    cs.abort_ip >= USER_END || cs.version > 0 ||
	    cs.start_ip + cs.post_commit_offset < cs.start_ip ||
	    cs.abort_ip - cs.start_ip < cs.post_commit_offset) {
		return -EINVAL;
	}
	err = put_user_u64(field(t, OFF(rseq_cs)), 0);
	if (err || f->rip - cs.start_ip >= cs.post_commit_offset) {
		return err;
	}
	err = get_user_u32(&sig, (user_ptr){ cs.abort_ip - sizeof(sig) });
	if (err) {
		return err;
	}
	if (sig != t->rseq_sig) {
		return -EINVAL;
	}
	f->rip = cs.abort_ip;
	return 0;
}

static void update(struct trap_frame *f)
{
	struct task *t = task_current();
	unsigned cpu = cpu_id();
	int err = fix_ip(t, f);

	if (!err) {
		err = publish_cpu(t, cpu, cpu);
	}
	if (err && !READ_ONCE(t->exiting)) {
		t->rseq_addr = 0;
		signal_force_fatal(SIGSEGV);
	}
}

void rseq_notify_return(struct trap_frame *f)
{
	update(f);
}

void rseq_signal_deliver(struct trap_frame *f)
{
	update(f);
}

static long unregister(struct task *t, uint64_t addr, uint32_t len, uint32_t sig)
{
	int err;

	if (!t->rseq_addr || t->rseq_addr != addr || t->rseq_len != len) {
		return -EINVAL;
	}
	if (t->rseq_sig != sig) {
		return -EPERM;
	}
	err = publish_cpu(t, 0, RSEQ_CPU_ID_UNINITIALIZED);
	if (!err) {
		t->rseq_addr = 0;
		t->thread.notify_switch = false;
	}
	return err;
}

long rseq_register(user_ptr addr, uint32_t len, int flags, uint32_t sig)
{
	struct task *t = task_current();

	if (flags & RSEQ_FLAG_UNREGISTER) {
		return flags & ~RSEQ_FLAG_UNREGISTER ? -EINVAL : unregister(t, addr.addr, len, sig);
	}
	if (flags) {
		return -EINVAL;
	}
	if (t->rseq_addr) {
		if (t->rseq_addr != addr.addr || t->rseq_len != len) {
			return -EINVAL;
		}
		return t->rseq_sig != sig ? -EPERM : -EBUSY;
	}
	if (len < sizeof(struct linux_rseq) || addr.addr % 32) {
		return -EINVAL;
	}
	if (!user_range_ok(addr, len)) {
		return -EFAULT;
	}
	t->rseq_addr = addr.addr;
	t->rseq_len = len;
	t->rseq_sig = sig;
	t->thread.notify_switch = true;
	atomic_fetch_or(&t->thread.arch.work, WORK_NOTIFY);
	return 0;
}
