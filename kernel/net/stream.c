/* SPDX-License-Identifier: MIT */
/* Connections: listen, connect, accept, shutdown, and sending on STREAM and SEQPACKET. */
#include "net_internal.h"

#include <fs/file.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <mm/slab.h>

#define CHUNK (16384 - sizeof(struct packet)) /* a packet fills whole pages */

int socket_listen(struct socket *s, int backlog)
{
	int err = 0;

	if (!socket_is_stream(s)) {
		return -EOPNOTSUPP;
	}
	spin_lock(&s->lock);
	if ((s->state != SOCKET_IDLE && s->state != SOCKET_LISTENING) || s->connect_news) {
		err = -EINVAL;
	}
	spin_unlock(&s->lock);
	if (!err && !s->bound) {
		err = socket_is_unix(s) ? -EINVAL : s->family->autobind(s);
	}
	if (err) {
		return err;
	}
	spin_lock(&s->lock);
	s->backlog = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : (unsigned)backlog;
	s->own_creds = socket_current_creds();
	s->state = SOCKET_LISTENING;
	spin_unlock(&s->lock);
	return 0;
}

/* --- connect --- */
/* IDLE -> CONNECTING, or what connect() says in the other states; 1 = connected already. */
static int begin_connect(struct socket *s, bool nonblock)
{
	uint64_t deadline = socket_deadline(s->sndtimeo);
	int err = 0;

	spin_lock(&s->lock);
	while (s->state == SOCKET_CONNECTING && !err) {
		err = nonblock ? -EALREADY : waitq_wait(&s->writers, &s->lock, WAIT_INTR, deadline);
	}
	if (!err && s->connect_news) {
		s->connect_news = false;
		if (s->state == SOCKET_CONNECTED) {
			err = 1;
		} else {
			err = socket_take_error(s);
			err = err ? err : -ECONNABORTED;
			s->shut_read = s->shut_write = s->eof = false;
		}
	} else if (!err && s->state == SOCKET_LISTENING) {
		err = socket_is_unix(s) ? -EINVAL : -EISCONN;
	} else if (!err && s->state != SOCKET_IDLE) {
		err = -EISCONN;
	} else if (!err) {
		s->state = SOCKET_CONNECTING;
	}
	spin_unlock(&s->lock);
	return err;
}
static void end_connect(struct socket *s, enum socket_state state)
{
	spin_lock(&s->lock);
	s->state = state;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->writers);
}

/* The end that the listener's accept() will return. */
static struct socket *make_child(struct socket *s, struct socket *listener)
{
	struct socket *child = socket_new(listener->domain, listener->type, listener->protocol);

	if (child) {
		memcpy(child->ints, listener->ints, sizeof(child->ints));
		child->sndbuf = listener->sndbuf;
		child->rcvbuf = listener->rcvbuf;
		child->rcvtimeo = listener->rcvtimeo;
		child->sndtimeo = listener->sndtimeo;
		child->linger = listener->linger;
		child->own_creds = listener->own_creds;
		child->peer_creds = socket_current_creds();
		child->state = SOCKET_CONNECTED;
		child->peer = s;
		socket_get(s);
	}
	return child;
}

/* Puts child into the listener's queue; AF_UNIX waits for room there, TCP lines up. */
static int queue_child(struct socket *listener, struct socket *child, bool nonblock,
		       uint64_t timeout)
{
	uint64_t deadline = socket_deadline(timeout);
	int err = 0;

	spin_lock(&listener->lock);
	while (!err && socket_is_unix(listener) && listener->state == SOCKET_LISTENING &&
	       !listener->shut_read && listener->naccepts > listener->backlog) {
		err = nonblock ? -EAGAIN
			       : socket_wait_error(waitq_wait(&listener->writers, &listener->lock,
							      WAIT_INTR, deadline),
						   timeout);
	}
	if (!err && (listener->state != SOCKET_LISTENING || listener->shut_read)) {
		err = -ECONNREFUSED;
	}
	if (!err) {
		child->established = listener->naccepts <= listener->backlog;
		list_push_back(&listener->accepts, &child->accept_link);
		listener->naccepts++;
	}
	spin_unlock(&listener->lock);
	return err;
}

/* The child is in the queue: s is connected, or (TCP beyond the backlog) waits until it is. */
static int finish_connect(struct socket *s, bool established, bool nonblock)
{
	uint64_t deadline = socket_deadline(s->sndtimeo);
	int err = 0;

	spin_lock(&s->lock);
	if (established && s->state == SOCKET_CONNECTING) {
		s->state = SOCKET_CONNECTED;
	}
	if (nonblock && !socket_is_unix(s)) {
		/* As over a wire: never at once. */
		s->connect_news = true;
		err = -EINPROGRESS;
	}
	while (!err && s->state == SOCKET_CONNECTING) {
		err = waitq_wait(&s->writers, &s->lock, WAIT_INTR, deadline);
		if (err == -ETIMEDOUT) {
			err = -EINPROGRESS;
		}
	}
	if (!err) {
		s->connect_news = false;
		if (s->state != SOCKET_CONNECTED) {
			err = socket_take_error(s);
			s->shut_read = s->shut_write = s->eof = false;
		}
	}
	spin_unlock(&s->lock);
	waitq_wake_all(&s->writers);
	return socket_wait_error(err, s->sndtimeo);
}

static int connect_to(struct socket *s, struct socket *listener, const struct sock_addr *addr,
		      bool nonblock)
{
	struct socket *child, *old;
	bool established;
	int err;

	if (listener->type != s->type) {
		return -EPROTOTYPE;
	}
	child = make_child(s, listener);
	if (!child) {
		return -ENOMEM;
	}
	s->family->set_remote(s, addr, listener, child);
	socket_get(child); /* for s->peer; the first reference is the queue's */
	spin_lock(&s->lock);
	old = s->peer; /* of an attempt that failed */
	s->peer = child;
	s->eof = s->peer_gone = false;
	s->peer_creds = listener->own_creds;
	spin_unlock(&s->lock);
	if (old) {
		socket_put(old);
	}
	err = queue_child(listener, child, nonblock, s->sndtimeo);
	if (!err) {
		established = child->established;
		waitq_wake(&listener->readers, -1, POLLIN | POLLRDNORM);
		return finish_connect(s, established, nonblock);
	}
	spin_lock(&s->lock);
	s->peer = NULL;
	spin_unlock(&s->lock);
	socket_put(child);
	child->peer = NULL;
	socket_put(s);
	socket_put(child);
	return err;
}

/* AF_UNIX looks at the listener first and only then at s itself. */
static int find_listener(struct socket *s, const struct sock_addr *addr, bool nonblock,
			 struct socket **out)
{
	struct socket *l;
	int err = s->family->find(s, addr, &l);

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

int socket_connect(struct socket *s, const struct sock_addr *addr, bool nonblock)
{
	struct socket *listener = NULL;
	int err;

	if (!socket_is_stream(s)) {
		return dgram_connect(s, addr);
	}
	err = socket_is_unix(s) ? find_listener(s, addr, nonblock, &listener) : 0;
	if (err) {
		return err;
	}
	err = begin_connect(s, nonblock);
	if (err) {
		if (socket_is_unix(s)) {
			socket_put(listener);
		}
		return err > 0 ? 0 : socket_wait_error(err, s->sndtimeo);
	}
	if (!socket_is_unix(s)) {
		err = s->family->find(s, addr, &listener);
	}
	if (!err) {
		if (!s->bound && s->family->autobind) {
			err = s->family->autobind(s);
		}
		err = err ? err : connect_to(s, listener, addr, nonblock);
		socket_put(listener);
	}
	if (err && err != -EINPROGRESS && s->peer == NULL) {
		if (err == -ECONNREFUSED && nonblock && !socket_is_unix(s)) {
			/* The refusal arrives after connect() has returned. */
			spin_lock(&s->lock);
			s->error = ECONNREFUSED;
			s->connect_news = s->shut_read = s->shut_write = true;
			spin_unlock(&s->lock);
			err = -EINPROGRESS;
		}
		end_connect(s, SOCKET_IDLE);
	}
	return err;
}

/* --- accept --- */
/* Takes the oldest child; one that was beyond the backlog moves up: *moved (counted). */
static int take_child(struct socket *s, bool nonblock, struct socket **out, struct socket **moved)
{
	uint64_t deadline = socket_deadline(s->rcvtimeo);
	struct socket *child;
	int err = 0;

	*moved = NULL;
	spin_lock(&s->lock);
	for (;;) {
		if (s->state != SOCKET_LISTENING) {
			err = -EINVAL;
		} else if (s->shut_read && list_empty(&s->accepts)) {
			err = nonblock ? -EAGAIN : -EINVAL; /* AF_UNIX: TCP would not listen */
		} else if (!list_empty(&s->accepts)) {
			break;
		} else if (nonblock) {
			err = -EAGAIN;
		}
		if (!err) {
			err = waitq_wait(&s->readers, &s->lock, WAIT_INTR, deadline);
			err = socket_wait_error(err, s->rcvtimeo);
		}
		if (err) {
			spin_unlock(&s->lock);
			return err;
		}
	}
	*out = list_first_entry(&s->accepts, struct socket, accept_link);
	list_remove(&(*out)->accept_link);
	s->naccepts--;
	list_for_each_entry(child, &s->accepts, accept_link) {
		if (!child->established) {
			child->established = true;
			*moved = child;
			socket_get(child);
			break;
		}
	}
	spin_unlock(&s->lock);
	return 0;
}
/* The client of a child that fits the backlog now. */
static void establish(struct socket *child)
{
	struct socket *client;

	spin_lock(&child->lock);
	client = child->peer;
	if (client) {
		socket_get(client);
	}
	spin_unlock(&child->lock);
	if (client) {
		spin_lock(&client->lock);
		if (client->state == SOCKET_CONNECTING) {
			client->state = SOCKET_CONNECTED;
		}
		spin_unlock(&client->lock);
		waitq_wake_all(&client->writers);
		socket_put(client);
	}
}
int socket_accept(struct socket *s, bool nonblock, int type, struct file **out)
{
	struct socket *child, *moved;
	int err;

	if (!socket_is_stream(s)) {
		return -EOPNOTSUPP;
	}
	err = take_child(s, nonblock, &child, &moved);
	if (err) {
		return err;
	}
	waitq_wake_all(&s->writers); /* room in the backlog */
	if (moved) {
		establish(moved);
		socket_put(moved);
	}
	err = socket_make_file(child, type, out);
	if (err) {
		socket_close(child);
	}
	return err;
}

/* --- shutdown --- */
int socket_shutdown(struct socket *s, int how)
{
	bool rd = how != SHUT_WR, wr = how != SHUT_RD;
	struct socket *peer;
	int err = 0;

	if (how < SHUT_RD || how > SHUT_RDWR) {
		return -EINVAL;
	}
	if (!socket_is_unix(s) && READ_ONCE(s->state) == SOCKET_LISTENING) {
		if (rd) {
			socket_stop_listening(s);
		}
		return 0;
	}
	spin_lock(&s->lock);
	if (!socket_is_unix(s) && s->state != SOCKET_CONNECTED) {
		err = -ENOTCONN; /* and yet */
	}
	s->shut_read |= rd;
	s->shut_write |= wr;
	if (s->state == SOCKET_CONNECTED) {
		s->connect_news = false;
	}
	peer = s->peer;
	if (peer) {
		socket_get(peer);
	}
	spin_unlock(&s->lock);
	if (peer && socket_is_stream(s)) {
		spin_lock(&peer->lock);
		peer->eof |= wr;
		if (socket_is_unix(s)) {
			peer->shut_read |= wr;
			peer->shut_write |= rd;
		}
		spin_unlock(&peer->lock);
		waitq_wake_all(&peer->readers);
		waitq_wake_all(&peer->writers);
	}
	if (peer) {
		socket_put(peer);
	}
	waitq_wake_all(&s->readers);
	waitq_wake_all(&s->writers);
	return err;
}

/* --- sending --- */
static int check_sender(struct socket *s, const struct socket_msg *m)
{
	enum socket_state state = READ_ONCE(s->state);
	bool addressed = m && m->addr.len;

	if (socket_is_unix(s) && s->type == SOCK_STREAM && addressed) {
		return state == SOCKET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	}
	if (state == SOCKET_CONNECTED) {
		return s->type == SOCK_STREAM && socket_is_unix(s) && READ_ONCE(s->shut_write)
			       ? -EPIPE
			       : 0;
	}
	if (socket_is_unix(s)) {
		return -ENOTCONN;
	}
	return state == SOCKET_CONNECTING ? -EAGAIN : -EPIPE;
}
/* Waits for room in the peer's queue and puts p there (NULL: p was swallowed); both under the
 * peer's lock, which shutdown and close take, too. */
static int push(struct socket *s, struct socket *peer, struct packet *p, bool nonblock)
{
	uint64_t deadline = socket_deadline(s->sndtimeo);
	int err = 0;

	spin_lock(&peer->lock);
	for (;;) {
		if (READ_ONCE(s->error)) {
			err = -ECONNRESET;
		} else if (READ_ONCE(s->shut_write) || (peer->shut_read && socket_is_unix(s))) {
			err = -EPIPE;
		} else if (peer->state == SOCKET_CLOSED) {
			err = socket_is_unix(s) || s->sent_to_gone ? -EPIPE : 1;
			s->sent_to_gone = true;
		} else if (peer->queued < stream_limit(s, peer)) {
			break;
		} else if (nonblock) {
			err = -EAGAIN;
		}
		if (!err) {
			err = waitq_wait(&s->writers, &peer->lock, WAIT_INTR, deadline);
			err = socket_wait_error(err, s->sndtimeo);
		}
		if (err) {
			break;
		}
	}
	if (!err) {
		socket_enqueue(peer, p);
	}
	spin_unlock(&peer->lock);
	if (!err && waitq_active(&peer->readers)) {
		waitq_wake(&peer->readers, -1, POLLIN | POLLRDNORM);
	}
	return err;
}
/* The error that push() saw goes to this caller and no other. */
static int claim_error(struct socket *s, int err)
{
	if (err == -ECONNRESET) {
		spin_lock(&s->lock);
		err = socket_take_error(s);
		spin_unlock(&s->lock);
		err = err ? err : -EPIPE;
	}
	return err;
}
static void load_extras(struct socket *s, struct packet *p, struct socket_msg *m)
{
	p->creds = m && m->has_creds ? m->creds : socket_current_creds();
	if (m) {
		p->explicit_creds = m->has_creds;
		p->files = m->files;
		p->nfiles = m->nfiles;
		m->files = NULL;
		m->nfiles = 0;
	}
	(void)s;
}

long stream_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	bool whole = s->type == SOCK_SEQPACKET;
	size_t done = 0;
	int err = check_sender(s, m);

	if (READ_ONCE(s->error) && (!err || !socket_is_unix(s) || whole)) {
		err = claim_error(s, -ECONNRESET);
	} else if (!err && READ_ONCE(s->shut_write)) {
		err = -EPIPE;
	}
	if (!err && whole && u->left > s->sndbuf) {
		err = -EMSGSIZE;
	}
	while (!err && (u->left || (whole && !done))) {
		size_t n = whole ? u->left : MIN(u->left, CHUNK);
		struct packet *p = packet_read(u, n, whole, NULL, &err);

		if (!p) {
			break;
		}
		load_extras(s, p, m);
		n = p->len;
		p->eor = whole && flags & MSG_EOR;
		err = push(s, s->peer, p, flags & MSG_DONTWAIT);
		if (err) {
			if (m && err < 0 && !done) {
				m->files = p->files; /* the caller's again */
				m->nfiles = p->nfiles;
				p->files = NULL;
				p->nfiles = 0;
			}
			packet_free(p);
			err = err > 0 ? 0 : claim_error(s, err);
		}
		done += err ? 0 : n;
		if (whole) {
			break;
		}
	}
	if (err == -EPIPE && !done && !(flags & MSG_NOSIGNAL)) {
		fs_send_sigpipe();
	}
	return done ? (long)done : err;
}
