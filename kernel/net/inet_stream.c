/* SPDX-License-Identifier: MIT */
/*
 * TCP between sockets of this machine.  There is no wire, but programs see one: a non-blocking
 * connect() is never done at once, clients beyond the backlog line up, each direction ends by
 * itself, room is the sender's buffer and the receiver's together.
 */
#include "net_internal.h"

/* The outcome is known and arrives after connect() has returned. */
static int connect_later(struct socket *s, bool established, bool refused)
{
	spin_lock(&s->lock);
	if (established && s->state == SOCKET_CONNECTING) {
		s->state = SOCKET_CONNECTED;
	}
	if (refused) {
		s->error = ECONNREFUSED;
		s->shut_read = s->shut_write = true;
		s->state = SOCKET_IDLE;
	}
	s->connect_news = true;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->writers);
	return -EINPROGRESS;
}

static int inet_stream_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
	struct socket *listener;
	bool established;
	int err = stream_begin_connect(s, nonblock);

	if (err) {
		return err > 0 ? 0 : socket_wait_error(err, s->sndtimeo);
	}
	err = inet_family.find(s, addr, &listener);
	if (!err) {
		err = inet_autobind(s);
		err = err ? err : stream_join(s, listener, addr, nonblock, &established);
		socket_put(listener);
	}
	if (!err) {
		return nonblock ? connect_later(s, established, false)
				: stream_finish_connect(s, established);
	}
	if (err == -ECONNREFUSED && nonblock) {
		return connect_later(s, false, true);
	}
	stream_end_connect(s);
	return err;
}

static int inet_stream_shutdown(struct socket *s, bool rd, bool wr)
{
	enum socket_state state = READ_ONCE(s->state);
	int err;

	if (state == SOCKET_LISTENING) {
		if (rd) {
			stream_stop_listening(s);
		}
		return 0;
	}
	err = stream_shutdown(s, rd, wr);
	return state == SOCKET_CONNECTED ? err : -ENOTCONN; /* and yet it is shut */
}

static void inet_stream_close(struct socket *s, bool reset)
{
	stream_close(s, reset || (s->linger.on && s->linger.seconds == 0));
}

/* s->error and s->shut_write change under s's lock and are read under to's: see send.c. */
static int inet_stream_room(struct socket *s, struct socket *to)
{
	spin_assert_held(&to->lock);
	if (READ_ONCE(s->error)) {
		return -ECONNRESET;
	}
	if (READ_ONCE(s->shut_write)) {
		return -EPIPE;
	}
	if (to->state == SOCKET_CLOSED) {
		/* The first bytes are on their way before the answer to them can be. */
		if (s->sent_to_gone) {
			return -EPIPE;
		}
		s->sent_to_gone = true;
		return 1;
	}
	return to->queued < s->sndbuf + to->rcvbuf ? 0 : -EAGAIN;
}

static long inet_stream_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	enum socket_state state = READ_ONCE(s->state);

	if (READ_ONCE(s->error)) {
		return send_claim_error(s);
	}
	if (state != SOCKET_CONNECTED) {
		return state == SOCKET_CONNECTING ? -EAGAIN : -EPIPE;
	}
	return READ_ONCE(s->shut_write) ? -EPIPE : send_bytes(s, u, m, flags);
}

static long inet_stream_recv(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	int err = inet_check_recv(flags);

	return err ? err : recv_bytes(s, u, m, flags);
}

/* The peer's queue is read without its lock: its reader wakes s->writers, so a poller that saw
 * it full looks again. */
static bool REQUIRES(socket_role) writable(const struct socket *s)
{
	return s->peer_gone || s->shut_write ||
	       READ_ONCE(s->peer->queued) * 4 <= (s->sndbuf + s->peer->rcvbuf) * 3;
}

static uint32_t REQUIRES(socket_role) poll_locked(const struct socket *s)
{
	uint32_t mask = socket_poll_in_locked(s);

	if (s->error && s->state != SOCKET_LISTENING) {
		mask |= POLLIN | POLLRDNORM | POLLOUT;
	}
	switch (s->state) {
	case SOCKET_CONNECTED: return mask | (writable(s) ? POLLOUT | POLLWRNORM : 0);
	case SOCKET_LISTENING: return (mask & POLLERR) | stream_poll_accepts_locked(s);
	case SOCKET_CONNECTING: return 0;
	default: return mask | POLLHUP | POLLOUT | POLLWRNORM;
	}
}

static uint32_t inet_stream_poll(struct socket *s, struct poll_table *pt)
{
	uint32_t mask;

	spin_lock(&s->lock);
	mask = poll_locked(s);
	spin_unlock(&s->lock);
	return mask;
}

const struct socket_kind inet_stream_kind = {
	.family = &inet_family,
	.connection = true,
	.listen = stream_listen,
	.connect = inet_stream_connect,
	.accept = stream_accept,
	.shutdown = inet_stream_shutdown,
	.close = inet_stream_close,
	.send = inet_stream_send,
	.recv = inet_stream_recv,
	.poll = inet_stream_poll,
	.room = inet_stream_room,
	.drained = stream_drained,
};
