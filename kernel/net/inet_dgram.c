/* SPDX-License-Identifier: MIT */
/*
 * UDP between sockets of this machine.  The receiver is looked up for each datagram; one that
 * finds no room is lost; one that finds nobody is an error later, as by ICMP, when the sender
 * is connected there.
 */
#include "net_internal.h"

#define UDP_MAX 65507

static int inet_dgram_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
	enum socket_state state = SOCKET_IDLE;

	if (addr->family != AF_UNSPEC) {
		struct socket *target = NULL;
		int err = inet_family.find(s, addr, &target);

		socket_put(target);
		if (err && err != -ECONNREFUSED) { /* nobody there: sending will tell */
			return err;
		}
		err = inet_autobind(s);
		if (err) {
			return err;
		}
		state = SOCKET_CONNECTED;
	}
	inet_family.set_remote(s, state == SOCKET_CONNECTED ? addr : NULL, NULL, NULL);
	spin_lock(&s->lock);
	s->state = state;
	spin_unlock(&s->lock);
	return 0;
}

static int inet_dgram_shutdown(struct socket *s, bool rd, bool wr)
{
	enum socket_state state = READ_ONCE(s->state);

	socket_put(socket_shut(s, rd, wr));
	socket_shut_done(s);
	return state == SOCKET_CONNECTED ? 0 : -ENOTCONN; /* and yet it is shut */
}

static void inet_dgram_close(struct socket *s, bool reset)
{
	struct list packets = LIST_INIT(packets);

	socket_put(socket_retire(s, &packets)); /* UDP follows no peer: NULL */
	packets_bury(&packets);
	socket_put(s);
}

static int inet_dgram_room(struct socket *s, struct socket *to)
{
	spin_assert_held(&to->lock);
	if (READ_ONCE(s->shut_write)) {
		return -EPIPE;
	}
	if (to->state == SOCKET_CLOSED) {
		return -ECONNREFUSED;
	}
	return to->queued < to->rcvbuf ? 0 : 1;
}

/* Nobody there: the sender hears of it by its next call. */
static void refused(struct socket *s, const struct sock_addr *addr)
{
	if (READ_ONCE(s->state) == SOCKET_CONNECTED && (!addr || inet_is_remote(s, addr))) {
		spin_lock(&s->lock);
		s->error = ECONNREFUSED;
		spin_unlock(&s->lock);
		waitq_wake(&s->readers, -1, POLLERR);
	}
}

static long inet_dgram_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	const struct sock_addr *addr = m && m->addr.len ? &m->addr : NULL;
	size_t n = u->left;
	struct sock_addr from;
	struct socket *to;
	long ret = socket_take_error(s);

	if (!ret && n > UDP_MAX) {
		ret = -EMSGSIZE;
	}
	if (!ret) {
		ret = inet_autobind(s);
	}
	if (!ret && !addr && READ_ONCE(s->state) != SOCKET_CONNECTED) {
		ret = -EDESTADDRREQ;
	}
	if (ret) {
		return ret;
	}
	ret = inet_route(s, addr, &to, &from);
	if (ret == -ECONNREFUSED && READ_ONCE(s->shut_write)) {
		ret = -EPIPE;
	}
	if (!ret) {
		ret = send_packet(s, to, u, n, &from, m, flags);
		socket_put(to);
	}
	if (ret == -ECONNREFUSED) {
		refused(s, addr);
		ret = (long)n;
	}
	return ret;
}

static long inet_dgram_recv(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	int err = inet_check_recv(flags);

	return err ? err : recv_message(s, u, m, flags);
}

static uint32_t inet_dgram_poll(struct socket *s, struct poll_table *pt)
{
	uint32_t mask;

	spin_lock(&s->lock);
	mask = socket_poll_in_locked(s);
	spin_unlock(&s->lock);
	return mask | POLL_SOCKET_OUT; /* what has no room is lost: always */
}

const struct socket_kind inet_dgram_kind = {
	.family = &inet_family,
	.messages = true,
	.connect = inet_dgram_connect,
	.shutdown = inet_dgram_shutdown,
	.close = inet_dgram_close,
	.send = inet_dgram_send,
	.recv = inet_dgram_recv,
	.poll = inet_dgram_poll,
	.room = inet_dgram_room,
};
