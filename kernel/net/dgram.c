/* SPDX-License-Identifier: MIT */
/* Datagrams: AF_UNIX ones wait for room at the receiver, UDP's are dropped. */
#include "net_internal.h"

#include <fs/upcalls.h>
#include <lib/string.h>
#include <mm/slab.h>

struct waitq dgram_room = { .lock = SPINLOCK_INIT(RANK_WAITQ, "dgram room"),
			    .entries = LIST_INIT(dgram_room.entries) };

/* The default destination of an AF_UNIX socket changes; its old one is forgotten. */
static void set_peer(struct socket *s, struct socket *peer, enum socket_state state)
{
	struct socket *old;

	spin_lock(&s->lock);
	old = s->peer;
	s->peer = peer;
	s->state = state;
	spin_unlock(&s->lock);
	if (!old) {
		return;
	}
	if (old != peer) {
		bool unread = READ_ONCE(s->npackets) > 0;

		socket_purge(s);
		dgram_drained(s);
		spin_lock(&old->lock);
		if (unread && old->state != SOCKET_CLOSED && old->peer == s) {
			old->error = ECONNRESET;
		}
		spin_unlock(&old->lock);
	}
	socket_put(old);
}
/* An AF_UNIX socket with a peer hears that one only. */
static bool may_send(const struct socket *s, const struct socket *to)
{
	const struct socket *listens_to = READ_ONCE(to->peer); /* compared, not followed */

	return !socket_is_unix(s) || !listens_to || listens_to == s;
}
int dgram_connect(struct socket *s, const struct sock_addr *addr)
{
	struct socket *target = NULL;
	int err;

	if (addr->family == AF_UNSPEC) {
		s->family->set_remote(s, NULL, NULL, NULL);
		set_peer(s, NULL, SOCKET_IDLE);
		return 0;
	}
	err = s->family->find(s, addr, &target);
	if (err == -ECONNREFUSED && !socket_is_unix(s)) {
		err = 0; /* nobody there: sending will tell */
	}
	if (!err && !s->bound && s->family->autobind) {
		err = s->family->autobind(s);
	}
	if (!err && target && target->type != s->type) {
		err = -EPROTOTYPE;
	}
	if (!err && socket_is_unix(s) && !may_send(s, target)) {
		err = -EPERM;
	}
	if (err) {
		if (target) {
			socket_put(target);
		}
		return err;
	}
	s->family->set_remote(s, addr, target, NULL);
	if (!socket_is_unix(s) && target) {
		socket_put(target); /* UDP looks it up each time */
		target = NULL;
	}
	set_peer(s, target, SOCKET_CONNECTED);
	return 0;
}

/* Where a message goes: counted. */
static int destination(struct socket *s, const struct socket_msg *m, struct socket **out)
{
	struct sock_addr remote;

	if (m && m->addr.len) {
		return s->family->find(s, &m->addr, out);
	}
	if (!socket_is_unix(s)) {
		if (s->state != SOCKET_CONNECTED) {
			return -EDESTADDRREQ;
		}
		s->family->remote_name(s, &remote);
		return s->family->find(s, &remote, out);
	}
	*out = socket_peer(s);
	return *out ? 0 : -ENOTCONN;
}

static bool full(const struct socket *s, const struct socket *to)
{
	if (!socket_is_unix(s)) {
		return to->queued >= to->rcvbuf;
	}
	return to->peer == s ? to->queued >= s->sndbuf : to->npackets > UNIX_DGRAM_QUEUE;
}
bool dgram_peer_full(struct socket *s)
{
	struct socket *peer;
	bool is_full;

	if (!socket_is_unix(s)) {
		return false;
	}
	peer = socket_peer(s);
	if (!peer) {
		return false;
	}
	is_full = READ_ONCE(peer->state) != SOCKET_CLOSED && full(s, peer);
	socket_put(peer);
	return is_full;
}
void dgram_drained(struct socket *s)
{
	if (socket_is_unix(s) && waitq_active(&dgram_room)) {
		waitq_wake(&dgram_room, -1, POLLOUT | POLLWRNORM);
	}
}

/* 0: p belongs to the queue; 1: dropped, as UDP may. */
static int deliver(struct socket *s, struct socket *to, struct packet *p, bool nonblock)
{
	uint64_t deadline = socket_deadline(s->sndtimeo);
	int err = 0;

	spin_lock(&to->lock);
	while (!err) {
		if (READ_ONCE(s->shut_write)) {
			err = -EPIPE;
		} else if (to->state == SOCKET_CLOSED) {
			err = -ECONNREFUSED;
		} else if (!may_send(s, to)) {
			err = -EPERM;
		} else if (to->shut_read && socket_is_unix(s)) {
			err = -EPIPE;
		} else if (!full(s, to)) {
			break;
		} else if (!socket_is_unix(s)) {
			err = 1;
		} else if (nonblock) {
			err = -EAGAIN;
		} else {
			err = waitq_wait(&dgram_room, &to->lock, WAIT_INTR, deadline);
			err = socket_wait_error(err, s->sndtimeo);
		}
	}
	if (!err) {
		socket_enqueue(to, p);
	}
	spin_unlock(&to->lock);
	if (!err) {
		waitq_wake(&to->readers, -1, POLLIN | POLLRDNORM);
	}
	return err;
}

/* UDP: the address is where s is connected to (none is, too). */
static bool to_remote(struct socket *s, const struct sock_addr *addr)
{
	struct sock_addr remote;
	size_t n = s->domain == AF_INET ? 8 : 24; /* up to the address */

	if (!addr->len) {
		return true;
	}
	s->family->remote_name(s, &remote);
	return addr->family == remote.family && memcmp(addr->raw, remote.raw, n) == 0;
}
/* Nobody there: the ICMP answer of a connected UDP socket, an error for AF_UNIX. */
static long refused(struct socket *s, struct socket_msg *m, size_t n)
{
	if (socket_is_unix(s)) {
		if (!(m && m->addr.len)) {
			set_peer(s, NULL, SOCKET_IDLE); /* it is gone for good */
		}
		return -ECONNREFUSED;
	}
	if (s->state == SOCKET_CONNECTED && (!m || to_remote(s, &m->addr))) {
		spin_lock(&s->lock);
		s->error = ECONNREFUSED;
		spin_unlock(&s->lock);
		waitq_wake(&s->readers, -1, POLLERR);
	}
	return (long)n;
}
static int pending_error(struct socket *s)
{
	int err;

	spin_lock(&s->lock);
	err = socket_take_error(s);
	spin_unlock(&s->lock);
	return err;
}

/* One message for `to`, with the sender's name on it. */
static struct packet *make_packet(struct socket *s, struct socket *to, struct uio *u,
				  struct socket_msg *m, int *err)
{
	struct sock_addr from = { 0 };
	struct packet *p;

	if (socket_is_unix(s)) {
		socket_local_name(s, &from);
	} else {
		inet_source(s, m ? &m->addr : NULL, to, &from);
	}
	p = packet_read(u, u->left, true, &from, err);
	if (p) {
		p->creds = m && m->has_creds ? m->creds : socket_current_creds();
		p->explicit_creds = m && m->has_creds;
		if (m) {
			p->files = m->files;
			p->nfiles = m->nfiles;
		}
	}
	return p;
}
static void unmake_packet(struct packet *p)
{
	p->files = NULL; /* still the caller's */
	p->nfiles = 0;
	packet_free(p);
}

long dgram_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	size_t n = u->left;
	struct socket *to;
	struct packet *p;
	int err = pending_error(s);

	if (!err && n > (socket_is_unix(s) ? s->sndbuf : UDP_MAX)) {
		err = -EMSGSIZE;
	}
	if (!err && !s->bound && !socket_is_unix(s)) {
		err = s->family->autobind(s);
	}
	if (!err && socket_is_unix(s) && READ_ONCE(s->shut_write)) {
		err = -EPIPE;
	}
	if (!err) {
		err = destination(s, m, &to);
		if ((!err || err == -ECONNREFUSED) && READ_ONCE(s->shut_write)) {
			if (!err) {
				socket_put(to);
			}
			err = -EPIPE;
		}
		if (err == -ECONNREFUSED) {
			return refused(s, m, n);
		}
	}
	if (!err && to->type != s->type) {
		socket_put(to);
		err = -EPROTOTYPE;
	}
	if (err) {
		goto out;
	}
	p = make_packet(s, to, u, m, &err);
	if (p) {
		err = deliver(s, to, p, flags & MSG_DONTWAIT);
		if (err) {
			unmake_packet(p);
			err = err > 0 ? 0 : err;
			if (err == -ECONNREFUSED) {
				err = (int)MIN(refused(s, m, 0), 0);
			}
		} else if (m) {
			m->files = NULL;
			m->nfiles = 0;
		}
	}
	socket_put(to);
out:
	if (err == -EPIPE && !(flags & MSG_NOSIGNAL)) {
		fs_send_sigpipe();
	}
	return err ? err : (long)n;
}
