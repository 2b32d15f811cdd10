/* SPDX-License-Identifier: MIT */
/*
 * Files in flight: those that packets carry, from the send to the receive.
 *
 * They are charged to the sender's user, as descriptors that nobody has are not in any table.
 *
 * A socket may travel in its own queue, or sockets in each other's: then nothing but packets refers
 * to them, nobody can receive them, and their counts never end.  The collector finds these.  A
 * socket of which all references are packets' is a suspect; one of which some are in no suspect's
 * queue can be received by somebody, and so can all that its queue carries, and what that carries.
 * The suspects that are left are garbage: their queues are emptied, and the rest is file_put().
 *
 * flight_lock makes that picture hold still: sockets enter and leave the state of being in flight
 * under it, and a peek takes its references under it.  Nobody can come to have a suspect: that
 * takes a reference to it, or a receive.  So its queue, and those of the connections that it has
 * not accepted, only grow while the collector walks them; what a late packet carries is counted too
 * late, which at worst saves it until the next time.
 *
 * The collector's steps are paid for by the sends and closes since it ran last, so that its work is
 * in proportion to theirs, however much is in flight.
 */
#include "net_internal.h"

#include <fs/cred.h>
#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/socket.h>
#include <mm/slab.h>
#include <sched/sched.h>

#define STEPS_PAID 256	  /* by each socket that is sent or closed */
#define SEND_RESERVE 8192 /* steps that sends pay before they collect: closes come first */
#define WALK_CHUNK 128	  /* packets that are looked at before others may have the lock */

static MUTEX(flight) flight_lock;
static struct list flying GUARDED_BY(flight_role) = LIST_INIT(flying); /* by flight_link */
static _Atomic unsigned nflying;
static _Atomic uint64_t paid, last_cost; /* since the last run; steps for what it kept */
static _Atomic bool collecting;

void flight_init(void)
{
	mutex_init(&flight_lock, RANK_FLIGHT, "files in flight");
}

/* The socket that f is, if it could carry itself. */
static struct socket *carrier(struct file *f)
{
	struct socket *s;

	return socket_of(f, &s) == 0 && s->kind->carries_extras ? s : NULL;
}

/* --- the collector --- */
struct walk {
	enum { COUNT, SAVE, EMPTY } task;
	struct list found; /* SAVE: suspects that are none and not walked yet; EMPTY: packets */
	uint64_t steps;
};

/* Somebody can receive s. */
static void save(struct socket *s, struct walk *w) REQUIRES(flight_role)
{
	s->suspect = false;
	list_remove(&s->suspect_link);
	list_push_back(&w->found, &s->suspect_link);
}

static void look_into(const struct packet *p, struct walk *w) REQUIRES(flight_role)
{
	const struct flight *fl = p->flight;

	w->steps++;
	for (unsigned i = 0; fl && fl->carriers && i < fl->nfiles; i++) {
		struct socket *s = carrier(fl->files[i]);

		w->steps++;
		if (!s || !s->suspect) {
			continue;
		}
		if (w->task == COUNT) {
			s->inside++;
		} else {
			save(s, w);
		}
	}
}

/* The queue of a suspect, or of a connection that it has not accepted: packets only join. */
static void walk_queue(struct socket *s, struct walk *w) REQUIRES(flight_role)
{
	struct packet *p;
	unsigned n = 0;

	spin_lock(&s->lock);
	if (w->task == EMPTY) {
		list_splice_back(&w->found, &s->queue);
		s->queued = s->npackets = 0;
	}
	list_for_each_entry(p, &s->queue, link) {
		look_into(p, w);
		if (++n % WALK_CHUNK == 0) {
			spin_unlock(&s->lock);
			sched_yield_point();
			spin_lock(&s->lock);
		}
	}
	spin_unlock(&s->lock);
}

/* The connection after `prev` (NULL: the first) that nobody has accepted, counted; prev is put. */
static struct socket *next_child(struct socket *listener, struct socket *prev)
{
	struct socket *next = NULL;
	struct list *link;

	spin_lock(&listener->lock);
	link = prev ? prev->accept_link.next : listener->accepts.next;
	if (link != &listener->accepts) {
		next = list_entry(link, struct socket, accept_link);
		socket_get(next);
	}
	spin_unlock(&listener->lock);
	socket_put(prev);
	return next;
}

static void walk_suspect(struct socket *s, struct walk *w) REQUIRES(flight_role)
{
	struct socket *child = NULL;

	walk_queue(s, w);
	while ((child = next_child(s, child))) {
		walk_queue(child, w);
	}
	sched_yield_point();
}

static void find_suspects_locked(struct list *suspects) REQUIRES(flight_role)
{
	struct socket *s;
	unsigned n = 0;

	list_for_each_entry(s, &flying, flight_link) {
		s->inside = 0;
		s->suspect = atomic_load(&s->flight_file->refs) == (int32_t)s->in_flight;
		if (s->suspect) {
			list_push_back(suspects, &s->suspect_link);
		}
		if (++n % WALK_CHUNK == 0) {
			sched_yield_point();
		}
	}
}

/* Takes those that somebody can receive off the list of suspects. */
static void save_reachable_locked(struct list *suspects, struct walk *w) REQUIRES(flight_role)
{
	struct socket *s, *next;
	struct list *link;

	list_for_each_entry_safe(s, next, suspects, suspect_link) {
		if (s->inside < s->in_flight) {
			save(s, w);
		}
	}
	while ((link = list_pop_front(&w->found))) {
		walk_suspect(list_entry(link, struct socket, suspect_link), w);
	}
}

static void collect(void)
{
	struct walk count = { .task = COUNT, .found = LIST_INIT(count.found) };
	struct walk keep = { .task = SAVE, .found = LIST_INIT(keep.found) };
	struct walk empty = { .task = EMPTY, .found = LIST_INIT(empty.found) };
	struct list suspects = LIST_INIT(suspects), *link;
	struct socket *s;

	mutex_lock(&flight_lock);
	atomic_store(&paid, 0);
	find_suspects_locked(&suspects);
	list_for_each_entry(s, &suspects, suspect_link) {
		walk_suspect(s, &count);
	}
	save_reachable_locked(&suspects, &keep);
	atomic_store(&last_cost, 2 * keep.steps + atomic_load(&nflying));
	while ((link = list_pop_front(&suspects))) {
		s = list_entry(link, struct socket, suspect_link);
		s->suspect = false;
		atomic_fetch_sub(&last_cost, 1);
		walk_suspect(s, &empty);
	}
	mutex_unlock(&flight_lock);
	packets_bury(&empty.found);
}

/* n sockets took off or were closed: collects when they have paid for it and `reserve` more. */
static void flight_pay(unsigned n, uint64_t reserve)
{
	uint64_t sum = atomic_fetch_add(&paid, (uint64_t)n * STEPS_PAID) + n * STEPS_PAID;

	/* Also when this thread collects already, and what it buries are sockets. */
	if (sum >= atomic_load(&last_cost) + reserve && !atomic_exchange(&collecting, true)) {
		collect();
		atomic_store(&collecting, false);
	}
}

void flight_closed(void)
{
	if (unlikely(atomic_load_explicit(&nflying, memory_order_relaxed))) {
		flight_pay(1, 0);
	}
}

/* --- into a packet, and out again --- */
static void take_off_locked(struct file *f) REQUIRES(flight_role)
{
	struct socket *s = carrier(f);

	if (s && s->in_flight++ == 0) {
		s->flight_file = f;
		list_push_back(&flying, &s->flight_link);
		atomic_fetch_add(&nflying, 1);
	}
}

static void land_locked(struct file *f) REQUIRES(flight_role)
{
	struct socket *s = carrier(f);

	if (s && --s->in_flight == 0) {
		list_remove(&s->flight_link);
		atomic_fetch_sub(&nflying, 1);
	}
}

/* How many files make the next one too many; it may be of several. */
static uint64_t limit(void)
{
	return cred_capable(CAP_SYS_RESOURCE) || cred_capable(CAP_SYS_ADMIN)
		       ? UINT64_MAX
		       : MIN(fs_upcalls->rlimit(RLIMIT_NOFILE), UINT64_MAX - 1) + 1;
}

int flight_load(struct packet *p, struct socket_msg *m)
{
	struct flight *fl = kzalloc(sizeof(*fl));

	if (!fl) {
		return -ENOMEM;
	}
	fl->payer = fs_upcalls->get_user();
	if (!fs_upcalls->charge(fl->payer, USER_FILES_IN_FLIGHT, m->nfiles, limit())) {
		fs_upcalls->put_user(fl->payer);
		kfree(fl);
		return -ETOOMANYREFS;
	}
	fl->files = m->files;
	fl->nfiles = m->nfiles;
	m->files = NULL;
	m->nfiles = 0;
	for (unsigned i = 0; i < fl->nfiles; i++) {
		fl->carriers += carrier(fl->files[i]) != NULL;
	}
	if (fl->carriers) {
		mutex_lock(&flight_lock);
		for (unsigned i = 0; i < fl->nfiles; i++) {
			take_off_locked(fl->files[i]);
		}
		mutex_unlock(&flight_lock);
		flight_pay(fl->carriers, SEND_RESERVE);
	}
	p->flight = fl;
	return 0;
}

void flight_unload(struct packet *p, struct socket_msg *m)
{
	struct flight *fl = p->flight;

	p->flight = NULL;
	if (fl->carriers) {
		mutex_lock(&flight_lock);
		for (unsigned i = 0; i < fl->nfiles; i++) {
			land_locked(fl->files[i]);
		}
		mutex_unlock(&flight_lock);
	}
	fs_upcalls->uncharge(fl->payer, USER_FILES_IN_FLIGHT, fl->nfiles);
	fs_upcalls->put_user(fl->payer);
	m->files = fl->files;
	m->nfiles = fl->nfiles;
	kfree(fl);
}

int flight_peek(const struct packet *p, struct socket_msg *m)
{
	const struct flight *fl = p->flight;

	m->files = kmemdup(fl->files, fl->nfiles * sizeof(*fl->files));
	if (!m->files) {
		return -ENOMEM;
	}
	m->nfiles = fl->nfiles;
	mutex_lock(&flight_lock);
	for (unsigned i = 0; i < m->nfiles; i++) {
		file_get(m->files[i]);
	}
	mutex_unlock(&flight_lock);
	return 0;
}
