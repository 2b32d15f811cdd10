/* SPDX-License-Identifier: MIT */
/*
 * Connections between two sockets of this machine: the steps that the kinds put their connect(),
 * accept() and close() together from.
 *
 * A connect makes the other end at once (the child), connected to its client, and queues it at
 * the listener; accept() only takes it.  A child beyond the backlog is not established: it lines
 * up, and its client stays CONNECTING until an accept() makes room.  One whose client closes leaves
 * the line, so the children of a listener are no more than its backlog and the open clients.
 * listener->lock guards both queues; a listener that closes is out of LISTENING under that lock
 * before they are emptied, so no child is queued behind its back.
 *
 * s->peer of a client is set before the child can be seen and kept until the client closes or
 * connects anew, so users of a connected socket follow it without a lock.
 */
#include "net_internal.h"

#include <lib/string.h>
#include <mm/slab.h>

/* s is CONNECTING no more: the reference is the caller's. */
static struct socket *REQUIRES(socket_role) forget_line_locked(struct socket *s)
{
	struct socket *listener = s->listener;

	spin_assert_held(&s->lock);
	s->listener = NULL;
	return listener;
}

/* The client of a child that fits the backlog now. */
static void establish(struct socket *child)
{
	struct socket *client = socket_peer(child), *listener;

	if (!client) {
		return;
	}
	spin_lock(&client->lock);
	if (client->state == SOCKET_CONNECTING) {
		client->state = SOCKET_CONNECTED;
	}
	listener = forget_line_locked(client);
	spin_unlock(&client->lock);
	waitq_wake_all(&client->writers);
	socket_put(listener);
	socket_put(client);
}

/* The oldest child that lined up and fits now, counted, or NULL. */
static struct socket *move_up(struct socket *s)
{
	struct socket *child = NULL;

	spin_lock(&s->lock);
	if (s->naccepts <= s->backlog && !list_empty(&s->lined_up)) {
		child = list_first_entry(&s->lined_up, struct socket, accept_link);
		list_remove(&child->accept_link);
		list_push_back(&s->accepts, &child->accept_link);
		s->naccepts++;
		child->established = true;
		socket_get(child);
	}
	spin_unlock(&s->lock);
	return child;
}

/* The backlog of a listener has room: for those who wait for it, and who lined up behind it. */
static void room_grew(struct socket *s)
{
	struct socket *child;

	waitq_wake_all(&s->writers);
	while ((child = move_up(s))) {
		establish(child);
		socket_put(child);
	}
}

/* net_lock is held over the look at the other names and the change of state: of two sockets that
 * share a name, one listens. */
int stream_listen(struct socket *s, int backlog)
{
	const struct socket_family *family = s->kind->family;
	int err = !READ_ONCE(s->bound) && family->autobind ? family->autobind(s) : 0;

	if (err) {
		return err;
	}
	spin_lock(&net_lock);
	spin_lock(&s->lock);
	if ((s->state != SOCKET_IDLE && s->state != SOCKET_LISTENING) || s->connect_news ||
	    !s->bound) {
		err = -EINVAL;
	} else if (s->state == SOCKET_IDLE && family->listen_locked) {
		err = family->listen_locked(s);
	}
	if (!err) {
		s->backlog = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : (unsigned)backlog;
		s->own_creds = socket_current_creds();
		s->state = SOCKET_LISTENING;
	}
	spin_unlock(&s->lock);
	spin_unlock(&net_lock);
	if (!err) {
		room_grew(s);
	}
	return err;
}

/* --- connect --- */
int stream_begin_connect(struct socket *s, bool nonblock)
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
			err = socket_take_error_locked(s);
			err = err ? err : -ECONNABORTED;
			s->shut_read = s->shut_write = s->eof = false;
		}
	} else if (!err && s->state != SOCKET_IDLE) {
		err = -EISCONN;
	} else if (!err) {
		s->state = SOCKET_CONNECTING;
	}
	spin_unlock(&s->lock);
	return err;
}

void stream_end_connect(struct socket *s)
{
	spin_lock(&s->lock);
	s->state = SOCKET_IDLE;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->writers);
}

/* The end that the listener's accept() will return. */
static struct socket *make_child(struct socket *s, struct socket *listener)
{
	struct socket *child = socket_new(listener->kind, listener->domain, listener->type,
					  listener->protocol);

	if (child) {
		spin_lock(&listener->lock);
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
		spin_unlock(&listener->lock);
		socket_get(s);
	}
	return child;
}

/* Waits for room in the backlog where the kind does that.  Lock held. */
static int REQUIRES(socket_role)
	await_backlog_locked(struct socket *listener, bool nonblock, uint64_t timeout)
{
	uint64_t deadline = socket_deadline(timeout);
	int err = 0;

	spin_assert_held(&listener->lock);
	while (!err && listener->kind->backlog_waits && listener->state == SOCKET_LISTENING &&
	       !listener->shut_read && listener->naccepts > listener->backlog) {
		err = nonblock ? -EAGAIN
			       : socket_wait_error(waitq_wait(&listener->writers, &listener->lock,
							      WAIT_INTR, deadline),
						   timeout);
	}
	return err;
}

/* Puts child into the listener's queue, which then owns a reference. */
static int queue_child(struct socket *listener, struct socket *child, bool nonblock,
		       uint64_t timeout, bool *established)
{
	int err;

	spin_lock(&listener->lock);
	err = await_backlog_locked(listener, nonblock, timeout);
	if (!err && (listener->state != SOCKET_LISTENING || listener->shut_read)) {
		err = -ECONNREFUSED;
	}
	if (!err) {
		*established = child->established = listener->naccepts <= listener->backlog;
		listener->naccepts += *established;
		list_push_back(*established ? &listener->accepts : &listener->lined_up,
			       &child->accept_link);
	}
	spin_unlock(&listener->lock);
	return err;
}

/* s, which is CONNECTING, can leave the line until it is out of it. */
static void note_line(struct socket *s, struct socket *listener)
{
	spin_lock(&s->lock);
	if (s->state == SOCKET_CONNECTING) {
		s->listener = listener;
		socket_get(listener);
	}
	spin_unlock(&s->lock);
}

int stream_join(struct socket *s, struct socket *listener, const struct sock_addr *addr,
		bool nonblock, bool *established)
{
	struct socket *child, *old;
	int err;

	if (listener->type != s->type) {
		return -EPROTOTYPE;
	}
	child = make_child(s, listener);
	if (!child) {
		return -ENOMEM;
	}
	s->kind->family->set_remote(s, addr, listener, child);
	socket_get(child); /* for s->peer; the first reference is the queue's */
	spin_lock(&s->lock);
	old = s->peer; /* of an attempt that failed */
	s->peer = child;
	s->eof = s->peer_gone = false;
	s->peer_creds = child->own_creds;
	spin_unlock(&s->lock);
	socket_put(old);
	err = queue_child(listener, child, nonblock, s->sndtimeo, established);
	if (!err) {
		if (!*established) {
			note_line(s, listener);
		}
		waitq_wake(&listener->readers, -1, POLLIN | POLLRDNORM);
		return 0;
	}
	/* Nobody has seen the child but by s->peer. */
	spin_lock(&s->lock);
	s->peer = NULL;
	spin_unlock(&s->lock);
	socket_put(child);
	spin_lock(&child->lock);
	child->peer = NULL;
	spin_unlock(&child->lock);
	socket_put(s);
	socket_put(child);
	return err;
}

/* The child may be accepted, used and closed before this looks: the state says what became of
 * the attempt, not `established`, which was true when the child was queued. */
int stream_finish_connect(struct socket *s, bool established)
{
	uint64_t deadline = socket_deadline(s->sndtimeo);
	int err = 0;

	spin_lock(&s->lock);
	if (established && s->state == SOCKET_CONNECTING) {
		s->state = SOCKET_CONNECTED;
	}
	while (!err && s->state == SOCKET_CONNECTING) {
		err = waitq_wait(&s->writers, &s->lock, WAIT_INTR, deadline);
		if (err == -ETIMEDOUT) {
			err = -EINPROGRESS;
		}
	}
	if (err) {
		s->connect_news = true; /* it goes on without us */
	} else {
		s->connect_news = false;
		if (s->state != SOCKET_CONNECTED) {
			err = socket_take_error_locked(s);
			s->shut_read = s->shut_write = s->eof = false;
		}
	}
	spin_unlock(&s->lock);
	waitq_wake_all(&s->writers);
	return socket_wait_error(err, s->sndtimeo);
}

/* --- accept --- */
/* Takes the oldest child. */
static int take_child(struct socket *s, bool nonblock, struct socket **out)
{
	uint64_t deadline = socket_deadline(s->rcvtimeo);
	int err = 0;

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
	spin_unlock(&s->lock);
	return 0;
}

int stream_accept(struct socket *s, bool nonblock, struct socket **child)
{
	int err = take_child(s, nonblock, child);

	if (!err) {
		room_grew(s);
	}
	return err;
}

uint32_t stream_poll_accepts_locked(const struct socket *s)
{
	spin_assert_held(&s->lock);
	return list_empty(&s->accepts) ? 0 : POLLIN | POLLRDNORM;
}

/* --- ends --- */
/*
 * The other end of a connection learns that s is gone; shut: and that it is useless.
 *
 * A client may not have noticed yet that its child s is established: another thread accepted and
 * closed s before establish(), or before stream_finish_connect() looked.  It was connected.
 */
static void hang_up(const struct socket *s, struct socket *peer, bool reset, bool shut)
{
	struct socket *listener;

	spin_lock(&peer->lock);
	peer->peer_gone = peer->eof = true;
	if (peer->state == SOCKET_CONNECTING && s->established) {
		peer->state = SOCKET_CONNECTED;
	}
	if (peer->state == SOCKET_CONNECTING) {
		peer->state = SOCKET_IDLE;
		peer->error = ECONNREFUSED;
		peer->connect_news = shut = true;
	} else if (reset) {
		peer->error = ECONNRESET;
	}
	if (shut) {
		peer->shut_read = peer->shut_write = true;
	}
	listener = forget_line_locked(peer);
	spin_unlock(&peer->lock);
	waitq_wake_all(&peer->readers);
	waitq_wake_all(&peer->writers);
	socket_put(listener);
}

/* Connections that were never accepted are reset.  One by one under the lock: their clients may
 * leave the line meanwhile. */
static void reset_children(struct socket *s)
{
	struct list *link;

	do {
		spin_lock(&s->lock);
		link = list_pop_front(&s->accepts);
		s->naccepts -= link != NULL;
		link = link ? link : list_pop_front(&s->lined_up);
		spin_unlock(&s->lock);
		if (link) {
			struct socket *child = list_entry(link, struct socket, accept_link);

			child->kind->close(child, true);
		}
	} while (link);
}

/* s closes while its child may line up: nobody will accept that. */
static void leave_line(struct socket *s, struct socket *child)
{
	struct socket *listener;
	bool left;

	spin_lock(&s->lock);
	listener = forget_line_locked(s);
	spin_unlock(&s->lock);
	if (!listener) {
		return;
	}
	spin_lock(&listener->lock);
	left = !child->established && list_linked(&child->accept_link);
	if (left) {
		list_remove(&child->accept_link);
	}
	spin_unlock(&listener->lock);
	socket_put(listener);
	if (left) {
		child->kind->close(child, false);
	}
}

void stream_stop_listening(struct socket *s)
{
	bool stopped;

	spin_lock(&s->lock);
	stopped = s->state == SOCKET_LISTENING;
	if (stopped) {
		s->state = SOCKET_IDLE;
		s->shut_read = s->shut_write = false;
	}
	spin_unlock(&s->lock);
	waitq_wake_all(&s->readers);
	waitq_wake_all(&s->writers);
	if (stopped) {
		reset_children(s);
	}
}

int stream_shutdown(struct socket *s, bool rd, bool wr)
{
	struct socket *peer = socket_shut(s, rd, wr);

	if (peer) {
		spin_lock(&peer->lock);
		peer->eof |= wr;
		if (s->kind->mirrors_shutdown) {
			peer->shut_read |= wr;
			peer->shut_write |= rd;
		}
		spin_unlock(&peer->lock);
		waitq_wake_all(&peer->readers);
		waitq_wake_all(&peer->writers);
		socket_put(peer);
	}
	socket_shut_done(s);
	return 0;
}

void stream_close(struct socket *s, bool reset)
{
	struct list packets = LIST_INIT(packets);
	struct socket *peer = socket_retire(s, &packets);

	reset_children(s);
	if (peer) {
		leave_line(s, peer);
		reset |= packets_unread(&packets);
		hang_up(s, peer, reset, reset || s->kind->mirrors_shutdown);
		socket_put(peer);
	}
	packets_bury(&packets);
	socket_put(s);
}

void stream_drained(struct socket *s, struct socket *peer)
{
	if (peer) {
		waitq_wake(&peer->writers, -1, POLLOUT | POLLWRNORM);
	}
}
