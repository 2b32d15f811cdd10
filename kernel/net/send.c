/* SPDX-License-Identifier: MIT */
/*
 * Sending: packets made from the sender's memory go into the queue of the receiver, which the
 * caller keeps alive.  Whether one may (room, errors, a peer that went) is the kind's to say,
 * under the receiver's lock.
 *
 * No wake is lost: a sender looks and links itself under the receiver's lock, and whoever makes
 * an answer of kind->room different takes that lock after the change and before the wake (the
 * receiver's close and reads hold it anyway; a shutdown of the sender takes it to tell the peer).
 */
#include "net_internal.h"

#include <fs/cred.h>
#include <fs/upcalls.h>
#include <sched/thread.h>

#define CHUNK (16384 - sizeof(struct packet)) /* a packet fills whole pages */

static struct waitq *room_queue(struct socket *s)
{
	return s->kind->room_queue ? s->kind->room_queue : &s->writers;
}

/* 0 = p is in to's queue; 1 = lost, as a datagram may be; or -errno. */
static int push(struct socket *s, struct socket *to, struct packet *p, bool nonblock)
{
	struct waitq *q = room_queue(s);
	uint64_t deadline = socket_deadline(s->sndtimeo);
	int err;

	spin_lock(&to->lock);
	for (;;) {
		err = s->kind->room(s, to);
		if (err != -EAGAIN || nonblock) {
			break;
		}
		err = socket_wait_error(waitq_wait(q, &to->lock, WAIT_INTR, deadline), s->sndtimeo);
		if (err) {
			break;
		}
	}
	if (!err) {
		list_push_back(&to->queue, &p->link);
		to->queued += packet_charge(p);
		to->npackets++;
	}
	spin_unlock(&to->lock);
	if (!err) {
		waitq_wake(&to->readers, -1, POLLIN | POLLRDNORM);
	}
	return err;
}

void send_room_grew(struct socket *s)
{
	struct socket *peer = socket_peer(s);

	if (peer) {
		/* A sender that saw the old size is linked when its turn with this lock is over. */
		spin_lock(&peer->lock);
		spin_unlock(&peer->lock);
		socket_put(peer);
	}
	waitq_wake_all(room_queue(s));
}

int send_claim_error(struct socket *s)
{
	int err = socket_take_error(s);

	return err ? err : -EPIPE;
}

/* Of the user who runs the program: not the effective ids, for a set-user-ID program's output goes
 * where its caller says. */
static struct linux_ucred sender_creds(void)
{
	const struct cred *c = thread_current()->cred;

	return (struct linux_ucred){ fs_upcalls->current_pid(), c->u.real, c->g.real };
}

long send_packet(struct socket *s, struct socket *to, struct uio *u, size_t n,
		 const struct sock_addr *from, struct socket_msg *m, unsigned flags)
{
	int err = 0;
	struct packet *p = packet_read(u, n, s->kind->messages, from, &err);

	if (!p) {
		return err;
	}
	if (s->kind->carries_extras) {
		p->creds = m && m->has_creds ? m->creds : sender_creds();
	}
	if (m && m->nfiles) {
		err = flight_load(p, m);
		if (err) {
			packet_free(p);
			return err;
		}
	}
	n = p->len;
	err = push(s, to, p, flags & MSG_DONTWAIT);
	if (!err) {
		return (long)n; /* p may be gone */
	}
	if (p->flight && err < 0) {
		flight_unload(p, m); /* the caller's again */
	}
	packet_free(p);
	if (err == -ECONNRESET) {
		err = send_claim_error(s);
	}
	return err > 0 ? (long)n : err;
}

long send_bytes(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	long done = 0;

	while (u->left) {
		long n = send_packet(s, READ_ONCE(s->peer), u, MIN(u->left, CHUNK), NULL, m, flags);

		if (n < 0) {
			return done ? done : n;
		}
		done += n;
	}
	return done;
}
