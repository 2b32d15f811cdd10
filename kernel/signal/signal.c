/* SPDX-License-Identifier: MIT */
/*
 * Handlers, masks, queues and taking signals off them: the state behind signal/signal.h.
 *
 * Queues and masks of a process's threads are under its siglock.  A thread changes its own mask under
 * it and so reads it without.  Actions have a lock of their own, inside, as processes may share them
 * (CLONE_SIGHAND); a handler's address alone is read without it, being one word.
 *
 * A set bit without a queue entry is a signal that came when memory was short: it has lost its siginfo,
 * not its number.
 */
#include <signal/signal.h>

#include <fs/cred.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <proc/limits.h>
#include <time/posix_timers.h>
#include "signal_internal.h"

#define SYNCHRONOUS                                                                             \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | \
	 SIGBIT(SIGSYS))
#define UNBLOCKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

static struct kmem_cache *queue_cache, *sighand_cache;

void signal_subsystem_init(void)
{
	queue_cache = kmem_cache_create("sigqueue", sizeof(struct sigqueue), 0);
	sighand_cache = kmem_cache_create("sighand", sizeof(struct sighand), 0);
	ASSERT(queue_cache && sighand_cache);
}

/* --- what signals do by default --- */

bool signal_default_ignored(int sig)
{
	return sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH;
}

bool signal_default_stops(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

bool signal_default_dumps(int sig)
{
	const uint64_t dumps = SIGBIT(SIGQUIT) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) |
			       SIGBIT(SIGABRT) | SIGBIT(SIGFPE) | SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) |
			       SIGBIT(SIGSYS) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ);

	return sig <= 31 && dumps & SIGBIT(sig);
}

/* --- handlers --- */

struct sighand *sighand_alloc(void)
{
	struct sighand *h = kmem_cache_zalloc(sighand_cache);

	if (h) {
		refcount_init(&h->refs, 1);
		spin_init(&h->lock, RANK_SIGACTION, "sighand");
	}
	return h;
}

struct sighand *sighand_copy(struct sighand *from)
{
	struct sighand *h = kmem_cache_alloc(sighand_cache);
	uint64_t flags;

	if (!h) {
		return NULL;
	}
	refcount_init(&h->refs, 1);
	spin_init(&h->lock, RANK_SIGACTION, "sighand");
	flags = spin_lock_irqsave(&from->lock);
	memcpy(h->action, from->action, sizeof(h->action));
	spin_unlock_irqrestore(&from->lock, flags);
	return h;
}

void sighand_get(struct sighand *h)
{
	refcount_get(&h->refs);
}

void sighand_put(struct sighand *h)
{
	if (h && refcount_put(&h->refs)) {
		kmem_cache_free(sighand_cache, h);
	}
}

void sighand_reset(struct sighand *h, bool also_ignored)
{
	uint64_t flags = spin_lock_irqsave(&h->lock);

	for (int i = 0; i < NSIG; i++) {
		struct linux_sigaction *a = &h->action[i];
		uint64_t keep = a->handler == SIG_IGN && !also_ignored ? SIG_IGN : SIG_DFL;

		*a = (struct linux_sigaction){ .handler = keep };
	}
	spin_unlock_irqrestore(&h->lock, flags);
}

static bool action_ignores(int sig, uint64_t handler)
{
	return handler == SIG_IGN || (handler == SIG_DFL && signal_default_ignored(sig));
}

int signal_set_action(int sig, const struct linux_sigaction *act, struct linux_sigaction *old)
{
	struct process *p = process_current();
	struct sighand *h = p->sighand;
	uint64_t flags;

	if (sig < 1 || sig > NSIG || (act && signal_is_kernel_only(sig))) {
		return -EINVAL;
	}
	flags = process_lock(p);
	spin_lock(&h->lock);
	if (old) {
		*old = h->action[sig - 1];
	}
	if (act) {
		struct linux_sigaction *a = &h->action[sig - 1];

		*a = *act;
		a->flags &= SA_KNOWN;
		a->mask &= ~UNBLOCKABLE;
	}
	spin_unlock(&h->lock);
	/* POSIX 3.3.1.3: setting an action that ignores discards what is pending. */
	if (act && action_ignores(sig, act->handler)) {
		signal_flush_locked(p, SIGBIT(sig));
	}
	process_unlock(p, flags);
	return 0;
}

/* --- queues --- */

void sigpending_init(struct sigpending *p)
{
	p->set = 0;
	list_init(&p->queue);
}

struct sigqueue *sigqueue_alloc(struct user_account *u, uint64_t limit, bool force)
{
	struct sigqueue *q;
	int32_t n = atomic_fetch_add_explicit(&u->sigpending, 1, memory_order_relaxed);

	q = force || (uint64_t)n < limit ? kmem_cache_alloc(queue_cache) : NULL;
	if (!q) {
		atomic_fetch_sub_explicit(&u->sigpending, 1, memory_order_relaxed);
		return NULL;
	}
	list_init(&q->link);
	q->user = u;
	q->timer = NULL;
	user_account_ref(u);
	return q;
}

static void sigqueue_free(struct sigqueue *q)
{
	if (q->timer) {
		return; /* belongs to its timer, which sees that it is unlinked */
	}
	atomic_fetch_sub_explicit(&q->user->sigpending, 1, memory_order_relaxed);
	user_account_put(q->user);
	kmem_cache_free(queue_cache, q);
}

/* For timers, which own theirs. */
void sigqueue_free_timer(struct sigqueue *q)
{
	q->timer = NULL;
	sigqueue_free(q);
}

static void flush_set(struct sigpending *p, uint64_t set)
{
	struct sigqueue *q, *tmp;

	if (!(p->set & set)) {
		return;
	}
	p->set &= ~set;
	list_for_each_entry_safe(q, tmp, &p->queue, link) {
		if (set & SIGBIT(q->info.signo)) {
			list_remove(&q->link);
			sigqueue_free(q);
		}
	}
}

void sigpending_flush(struct sigpending *p)
{
	flush_set(p, ~0ull);
}

void signal_flush_locked(struct process *p, uint64_t set)
{
	struct task *t;

	ASSERT(spin_held(&p->siglock));
	flush_set(&p->shared, set);
	list_for_each_entry(t, &p->threads, thread_link) {
		flush_set(&t->pending, set);
	}
}

static bool queue_has(const struct sigpending *p, int sig) REQUIRES(siglock_role)
{
	struct sigqueue *q;

	list_for_each_entry(q, &p->queue, link) {
		if (q->info.signo == sig) {
			return true;
		}
	}
	return false;
}

void signal_unqueue_locked(struct process *p, struct sigqueue *q)
{
	int sig = q->info.signo;

	ASSERT(spin_held(&p->siglock));
	list_remove(&q->link);
	if (!queue_has(q->on, sig)) {
		q->on->set &= ~SIGBIT(sig);
	}
}

/* Takes `sig` off p; a set bit without a queue entry means that memory was short. */
static void collect(struct sigpending *p, int sig, struct siginfo *info) REQUIRES(siglock_role)
{
	struct sigqueue *q, *first = NULL;
	bool more = false;

	list_for_each_entry(q, &p->queue, link) {
		if (q->info.signo == sig) {
			if (first) {
				more = true;
				break;
			}
			first = q;
		}
	}
	if (!more) {
		p->set &= ~SIGBIT(sig);
	}
	if (!first) {
		siginfo_init(info, sig, SI_USER);
		return;
	}
	list_remove(&first->link);
	*info = first->info;
	if (first->timer) {
		timer_signal_taken(first, info);
	}
	sigqueue_free(first);
}

static int next_signal(uint64_t set)
{
	if (set & SYNCHRONOUS) {
		set &= SYNCHRONOUS;
	}
	return set ? __builtin_ctzll(set) + 1 : 0;
}

int signal_dequeue_locked(struct task *t, uint64_t set, struct siginfo *info)
{
	int sig = next_signal(t->pending.set & set);

	DEBUG_ASSERT(spin_held(&t->process->siglock));
	if (sig) {
		collect(&t->pending, sig, info);
		return sig;
	}
	sig = next_signal(t->process->shared.set & set);
	if (sig) {
		collect(&t->process->shared, sig, info);
	}
	if (sig == SIGALRM) {
		itimer_real_taken_locked(t->process);
	}
	return sig;
}

uint64_t signal_pending_set(struct task *t)
{
	uint64_t flags = process_lock(t->process);
	uint64_t set = (t->pending.set | t->process->shared.set) & t->blocked;

	process_unlock(t->process, flags);
	return set;
}

/* --- the interrupted flag and masks --- */

static bool has_work_locked(const struct task *t) REQUIRES(siglock_role)
{
	struct process *p = t->process;

	return (t->pending.set | p->shared.set) & ~t->blocked || atomic_load(&p->group_exit) ||
	       atomic_load(&p->stop_active) || (p->exec_task && p->exec_task != t) ||
	       atomic_load(&t->thread.killed);
}

/* Only for the current thread may the flag be cleared. */
void signal_recalc_locked(struct task *t)
{
	bool work = has_work_locked(t);

	DEBUG_ASSERT(spin_held(&t->process->siglock));
	if (t == task_current()) {
		atomic_store_explicit(&t->thread.interrupted, work, memory_order_relaxed);
		if (work) {
			atomic_fetch_or(&t->thread.arch.work, WORK_SIGNAL);
		}
	} else if (work) {
		signal_wake_task_locked(t, false);
	}
}

static void set_blocked(struct task *t, uint64_t mask)
{
	struct process *p = t->process;
	uint64_t flags, newly;

	mask &= ~UNBLOCKABLE;
	if (mask == t->blocked) {
		return;
	}
	flags = process_lock(p);
	newly = mask & ~t->blocked;
	t->blocked = mask;
	/* Signals to the process that waited for us find another thread. */
	if (newly & p->shared.set) {
		signal_retarget_locked(p, t, newly);
	}
	signal_recalc_locked(t);
	process_unlock(p, flags);
}

void signal_set_blocked(uint64_t mask)
{
	set_blocked(task_current(), mask);
}

void signal_begin_temporary_mask(uint64_t mask)
{
	struct task *t = task_current();

	t->saved_blocked = t->blocked;
	t->restore_blocked = true;
	set_blocked(t, mask);
}

void signal_end_temporary_mask(long result)
{
	struct task *t = task_current();

	/* Interrupted: signal_deliver() restores it, after it looked for handlers. */
	if (result == -ERESTARTSYS || result == -ERESTARTNOHAND || result == -EINTR ||
	    result == -ERESTART_RESTARTBLOCK || result == -ERESTARTNOINTR) {
		atomic_fetch_or(&t->thread.arch.work, WORK_SIGNAL);
		return;
	}
	if (t->restore_blocked) {
		t->restore_blocked = false;
		set_blocked(t, t->saved_blocked);
	}
}

int signal_copy_mask(user_ptr set, size_t sigsetsize, uint64_t *mask)
{
	if (sigsetsize != sizeof(*mask)) {
		return -EINVAL;
	}
	return get_user_u64(mask, set);
}

long signal_timed_wait(uint64_t set, struct siginfo *info, uint64_t deadline)
{
	struct task *t = task_current();
	struct process *p = t->process;
	uint64_t flags;
	int sig, err = 0;

	set &= ~UNBLOCKABLE;
	flags = process_lock(p);
	sig = signal_dequeue_locked(t, set, info);
	if (!sig && deadline) {
		/* Signals of the set interrupt us while we wait; real_blocked keeps fatal ones
		 * from killing at once. */
		t->real_blocked = t->blocked;
		t->blocked &= ~set;
		signal_recalc_locked(t);
		process_unlock(p, flags);
		err = sched_sleep_until(deadline, WAIT_INTR);
		flags = process_lock(p);
		t->blocked = t->real_blocked;
		t->real_blocked = 0;
		sig = signal_dequeue_locked(t, set, info);
	}
	signal_recalc_locked(t);
	process_unlock(p, flags);
	if (sig) {
		return sig;
	}
	return err ? -EINTR : -EAGAIN;
}

long signal_set_restart(long (*fn)(struct task *t), const uint64_t *args, unsigned nargs)
{
	struct restart_block *r = &task_current()->restart;

	ASSERT(nargs <= ARRAY_SIZE(r->arg));
	r->fn = fn;
	memcpy(r->arg, args, nargs * sizeof(*args));
	return -ERESTART_RESTARTBLOCK;
}

/* --- siginfo --- */

void siginfo_init(struct siginfo *info, int sig, int code)
{
	*info = (struct siginfo){ .signo = sig, .code = code };
}

void siginfo_init_user(struct siginfo *info, int sig, int code)
{
	siginfo_init(info, sig, code);
	info->kill.pid = process_pid(process_current());
	info->kill.uid = thread_current()->cred->u.real;
}

void signal_siginfo_to_user(const struct siginfo *info, uint8_t out[SIGINFO_SIZE])
{
	memcpy(out, info, sizeof(*info));
	memset(out + sizeof(*info), 0, SIGINFO_SIZE - sizeof(*info));
}

int signal_copy_info_to_user(user_ptr dst, const struct siginfo *info)
{
	uint8_t image[SIGINFO_SIZE];

	signal_siginfo_to_user(info, image);
	return copy_to_user(dst, image, sizeof(image));
}
