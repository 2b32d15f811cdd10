/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX datagrams.  None is lost: senders wait while the receiver has more than a few.  As one
 * sender may wait for any receiver, and a poller for the one that its socket is connected to
 * by now, all of them wait in one queue.
 *
 * s->peer is where s sends by default and whom alone it hears; it may change or go at any time,
 * so it is followed only with a reference from socket_peer().
 */
#include "net_internal.h"

#define QUEUE_MAX 10 /* net.unix.max_dgram_qlen */

static struct waitq room = { .lock = SPINLOCK_INIT(RANK_WAITQ, "unix dgram room"),
			     .entries = LIST_INIT(room.entries) };

static void drained(struct socket *s, struct socket *peer)
{
	waitq_wake(&room, -1, POLLOUT | POLLWRNORM);
}

/* A socket with a peer hears that one only. */
static bool may_send(const struct socket *s, const struct socket *to)
{
	const struct socket *listens_to = READ_ONCE(to->peer); /* compared, not followed */

	return !listens_to || listens_to == s;
}

/* A sender to its own peer counts bytes, any other messages. */
static bool full(const struct socket *s, const struct socket *to)
{
	return READ_ONCE(to->peer) == s ? READ_ONCE(to->queued) >= s->sndbuf
					: READ_ONCE(to->npackets) > QUEUE_MAX;
}

/* What `old` has sent is forgotten, and it hears of that; drops s's reference to it. */
static void forget(struct socket *s, struct socket *old)
{
	bool told = READ_ONCE(s->npackets) > 0;

	socket_purge(s);
	drained(s, NULL);
	spin_lock(&old->lock);
	told = told && old->state != SOCKET_CLOSED && old->peer == s;
	if (told) {
		old->error = ECONNRESET;
	}
	spin_unlock(&old->lock);
	if (told) {
		waitq_wake_all(&old->readers);
	}
	socket_put(old);
}

/* The default destination changes; the reference to peer is s's from now on. */
static void set_peer(struct socket *s, struct socket *peer, enum socket_state state)
{
	struct socket *old;

	spin_lock(&s->lock);
	old = s->peer;
	s->peer = peer;
	s->state = state;
	spin_unlock(&s->lock);
	if (old == peer) {
		socket_put(old);
	} else if (old) {
		forget(s, old);
	}
}

/* A send found its peer closed.  By now another thread may have connected s to somebody else,
 * who stays. */
static void disconnect_from(struct socket *s, struct socket *gone)
{
	bool same;

	spin_lock(&s->lock);
	same = s->peer == gone;
	if (same) {
		s->peer = NULL;
		s->state = SOCKET_IDLE;
	}
	spin_unlock(&s->lock);
	if (same) {
		forget(s, gone);
	}
}

static int unix_dgram_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
	struct socket *target;
	int err;

	if (addr->family == AF_UNSPEC) {
		set_peer(s, NULL, SOCKET_IDLE);
		return 0;
	}
	err = unix_family.find(s, addr, &target);
	if (err) {
		return err;
	}
	if (target->type != s->type) {
		err = -EPROTOTYPE;
	} else if (!may_send(s, target)) {
		err = -EPERM;
	}
	if (err) {
		socket_put(target);
	} else {
		set_peer(s, target, SOCKET_CONNECTED);
	}
	return err;
}

static int unix_dgram_shutdown(struct socket *s, bool rd, bool wr)
{
	socket_put(socket_shut(s, rd, wr));
	socket_shut_done(s);
	return 0;
}

static void unix_dgram_close(struct socket *s, bool reset)
{
	struct list packets = LIST_INIT(packets);
	struct socket *peer = socket_retire(s, &packets);

	waitq_wake_all(&room); /* who waited for room in s is refused */
	socket_put(peer);
	packets_bury(&packets);
	socket_put(s);
}

static int unix_dgram_room(struct socket *s, struct socket *to)
{
	spin_assert_held(&to->lock);
	if (READ_ONCE(s->shut_write)) {
		return -EPIPE;
	}
	if (to->state == SOCKET_CLOSED) {
		return -ECONNREFUSED;
	}
	if (!may_send(s, to)) {
		return -EPERM;
	}
	if (to->shut_read) {
		return -EPIPE;
	}
	return full(s, to) ? -EAGAIN : 0;
}

static int destination(struct socket *s, const struct sock_addr *addr, struct socket **to)
{
	int err;

	if (!addr) {
		*to = socket_peer(s);
		return *to ? 0 : -ENOTCONN;
	}
	err = unix_family.find(s, addr, to);
	if (!err && (*to)->type != s->type) {
		socket_put(*to);
		err = -EPROTOTYPE;
	}
	return err;
}

static long unix_dgram_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	const struct sock_addr *addr = m && m->addr.len ? &m->addr : NULL;
	struct sock_addr from;
	struct socket *to;
	long ret = socket_take_error(s);

	if (ret) {
		return ret;
	}
	if (u->left > s->sndbuf) {
		return -EMSGSIZE;
	}
	if (READ_ONCE(s->shut_write)) {
		return -EPIPE;
	}
	ret = destination(s, addr, &to);
	if (ret) {
		return ret;
	}
	unix_family.local_name(s, &from);
	/* who has no name is not named: the receiver gets an address of length 0 */
	ret = send_packet(s, to, u, u->left, from.len > sizeof(uint16_t) ? &from : NULL, m, flags);
	if (ret == -ECONNREFUSED && !addr) {
		disconnect_from(s, to);
	}
	socket_put(to);
	return ret;
}

static long unix_dgram_recv(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	return flags & MSG_OOB ? -EOPNOTSUPP : recv_message(s, u, m, flags);
}

static uint32_t unix_dgram_poll(struct socket *s, struct poll_table *pt)
{
	struct socket *peer;
	uint32_t mask;

	poll_wait(pt, &room);
	spin_lock(&s->lock);
	mask = socket_poll_in_locked(s);
	spin_unlock(&s->lock);
	peer = socket_peer(s);
	if (!peer || READ_ONCE(peer->state) == SOCKET_CLOSED || !full(s, peer)) {
		mask |= POLL_SOCKET_OUT;
	}
	socket_put(peer);
	return mask;
}

const struct socket_kind unix_dgram_kind = {
	.family = &unix_family,
	.messages = true,
	.carries_extras = true,
	.connect = unix_dgram_connect,
	.pair = unix_pair,
	.shutdown = unix_dgram_shutdown,
	.close = unix_dgram_close,
	.send = unix_dgram_send,
	.recv = unix_dgram_recv,
	.poll = unix_dgram_poll,
	.room = unix_dgram_room,
	.room_queue = &room,
	.drained = drained,
};
