/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX streams and SEQPACKET sockets.  The two ends share their shutdown state, a sender has
 * as much room as its own SO_SNDBUF, and connect() waits while the listener's backlog is full.
 */
#include "net_internal.h"

/* The listener is looked at before s itself. */
static int find_listener(struct socket *s, const struct sock_addr *addr, bool nonblock,
			 struct socket **out)
{
	struct socket *l;
	int err = unix_family.find(s, addr, &l);

	if (err) {
		return err;
	}
	spin_lock(&l->lock);
	if (l->type != s->type) {
		err = -EPROTOTYPE;
	} else if (l->state != SOCKET_LISTENING || l->shut_read) {
		err = -ECONNREFUSED;
	} else if (nonblock && l->naccepts > l->backlog) {
		err = -EAGAIN;
	}
	spin_unlock(&l->lock);
	if (err) {
		socket_put(l);
	} else {
		*out = l;
	}
	return err;
}

static int unix_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
	struct socket *listener;
	bool established;
	int err = find_listener(s, addr, nonblock, &listener);

	if (err) {
		return err;
	}
	err = stream_begin_connect(s, nonblock);
	if (err == -EISCONN && READ_ONCE(s->state) == SOCKET_LISTENING) {
		err = -EINVAL;
	} else if (err) {
		err = err > 0 ? 0 : socket_wait_error(err, s->sndtimeo);
	} else {
		err = stream_join(s, listener, addr, nonblock, &established);
		if (err) {
			stream_end_connect(s);
		} else {
			err = stream_finish_connect(s, established);
		}
	}
	socket_put(listener);
	return err;
}

/* s->error and s->shut_write change under s's lock and are read under to's: see send.c. */
static int unix_stream_room(struct socket *s, struct socket *to)
{
	spin_assert_held(&to->lock);
	if (READ_ONCE(s->error)) {
		return -ECONNRESET;
	}
	if (READ_ONCE(s->shut_write) || to->shut_read || to->state == SOCKET_CLOSED) {
		return -EPIPE;
	}
	return to->queued < s->sndbuf ? 0 : -EAGAIN;
}

static long unix_stream_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	bool connected = READ_ONCE(s->state) == SOCKET_CONNECTED;

	if (m && m->addr.len) {
		return connected ? -EISCONN : -EOPNOTSUPP;
	}
	if (!connected) {
		return -ENOTCONN;
	}
	if (READ_ONCE(s->shut_write)) {
		return -EPIPE;
	}
	if (READ_ONCE(s->error)) {
		return send_claim_error(s);
	}
	return send_bytes(s, u, m, flags);
}

static long unix_seqpacket_send(struct socket *s, struct uio *u, struct socket_msg *m,
				unsigned flags)
{
	if (READ_ONCE(s->error)) {
		return send_claim_error(s);
	}
	if (READ_ONCE(s->state) != SOCKET_CONNECTED) {
		return -ENOTCONN;
	}
	if (READ_ONCE(s->shut_write)) {
		return -EPIPE;
	}
	if (u->left > s->sndbuf) {
		return -EMSGSIZE;
	}
	return send_packet(s, READ_ONCE(s->peer), u, u->left, NULL, m, flags);
}

static long unix_stream_recv(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	if (flags & MSG_OOB) {
		return -EOPNOTSUPP;
	}
	return READ_ONCE(s->state) == SOCKET_CONNECTED ? recv_bytes(s, u, m, flags) : -EINVAL;
}

static long unix_seqpacket_recv(struct socket *s, struct uio *u, struct socket_msg *m,
				unsigned flags)
{
	if (flags & MSG_OOB) {
		return -EOPNOTSUPP;
	}
	return READ_ONCE(s->state) == SOCKET_CONNECTED ? recv_message(s, u, m, flags) : -ENOTCONN;
}

/* The peer's queue is read without its lock: its reader wakes s->writers, so a poller that saw
 * it full looks again. */
static bool REQUIRES(socket_role) writable(const struct socket *s)
{
	return s->peer_gone || s->shut_write || READ_ONCE(s->peer->queued) * 4 <= s->sndbuf;
}

static uint32_t REQUIRES(socket_role) poll_locked(const struct socket *s)
{
	uint32_t mask = socket_poll_in_locked(s);

	if (s->error && s->state != SOCKET_LISTENING) {
		mask |= POLLIN | POLLRDNORM;
	}
	switch (s->state) {
	case SOCKET_CONNECTED: return mask | (writable(s) ? POLL_SOCKET_OUT : 0);
	case SOCKET_LISTENING: return mask | stream_poll_accepts_locked(s);
	case SOCKET_CONNECTING: return 0;
	default: return mask | POLLHUP | POLL_SOCKET_OUT;
	}
}

static uint32_t unix_stream_poll(struct socket *s, struct poll_table *pt)
{
	uint32_t mask;

	spin_lock(&s->lock);
	mask = poll_locked(s);
	spin_unlock(&s->lock);
	return mask;
}

const struct socket_kind unix_stream_kind = {
	.family = &unix_family,
	.connection = true,
	.carries_extras = true,
	.mirrors_shutdown = true,
	.backlog_waits = true,
	.listen = stream_listen,
	.connect = unix_connect,
	.accept = stream_accept,
	.pair = unix_pair,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.send = unix_stream_send,
	.recv = unix_stream_recv,
	.poll = unix_stream_poll,
	.room = unix_stream_room,
	.drained = stream_drained,
};

const struct socket_kind unix_seqpacket_kind = {
	.family = &unix_family,
	.connection = true,
	.messages = true,
	.carries_extras = true,
	.mirrors_shutdown = true,
	.backlog_waits = true,
	.listen = stream_listen,
	.connect = unix_connect,
	.accept = stream_accept,
	.pair = unix_pair,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.send = unix_seqpacket_send,
	.recv = unix_seqpacket_recv,
	.poll = unix_stream_poll,
	.room = unix_stream_room,
	.drained = stream_drained,
};
