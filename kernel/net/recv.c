/* SPDX-License-Identifier: MIT */
/*
 * Receiving: bytes of a stream or one message.
 *
 * s->recv_mutex belongs to the reader that has packets in its hands: only its holder takes
 * packets out, so the head of the queue stays while it copies without s->lock (which is a
 * spinlock: no user memory under it).  Senders only append.  Nobody waits for data with the
 * mutex: a reader with MSG_DONTWAIT would wait for it.
 */
#include "net_internal.h"

bool socket_wants_creds(const struct socket *s)
{
	return s->kind->carries_extras && READ_ONCE(s->ints[INT_PASSCRED]);
}

/* Why an empty queue ends a receive: 1 = the end of the data, 0 = wait, or -errno.  Lock held. */
static int REQUIRES(socket_role) no_data_locked(struct socket *s, bool nonblock)
{
	spin_assert_held(&s->lock);
	if (s->kind->connection && s->state == SOCKET_LISTENING) {
		return -ENOTCONN;
	}
	if (s->error) {
		return socket_take_error_locked(s);
	}
	if (s->eof || s->shut_read) {
		return nonblock && !s->kind->connection ? -EAGAIN : 1;
	}
	if (s->kind->connection && s->state == SOCKET_IDLE) {
		return -ENOTCONN;
	}
	return nonblock ? -EAGAIN : 0;
}

/* Waits for a packet; 0 with s->recv_mutex held and a packet at the head, else as no_data_locked(). */
static int TRY_ACQUIRES(0, socket_recv_role)
	wait_packet(struct socket *s, bool nonblock, uint64_t deadline)
{
	for (;;) {
		int err = 0;
		bool some;

		mutex_lock(&s->recv_mutex);
		spin_lock(&s->lock);
		some = !list_empty(&s->queue);
		if (some && s->kind->messages && s->error) {
			err = socket_take_error_locked(s);
		}
		spin_unlock(&s->lock);
		if (some && !err) {
			return 0;
		}
		mutex_unlock(&s->recv_mutex);
		if (err) {
			return err;
		}
		spin_lock(&s->lock);
		while (list_empty(&s->queue) && !err) {
			err = no_data_locked(s, nonblock);
			if (!err) {
				err = waitq_wait(&s->readers, &s->lock, WAIT_INTR, deadline);
				err = socket_wait_error(err, s->rcvtimeo);
			}
		}
		spin_unlock(&s->lock);
		if (err) {
			return err;
		}
	}
}

/*
 * Takes the head out of the queue, or its next n bytes; senders may go on.  A packet that still
 * carries files goes to `spent`, as files of any kind end only without the mutex.
 */
static void REQUIRES(socket_recv_role)
	consume(struct socket *s, struct packet *p, size_t n, struct list *spent)
{
	struct socket *peer;

	p->off += n;
	if (!s->kind->messages && p->off < p->len) {
		return;
	}
	spin_lock(&s->lock);
	list_remove(&p->link);
	s->queued -= packet_charge(p);
	s->npackets--;
	peer = s->peer;
	spin_unlock(&s->lock);
	if (s->kind->drained) {
		s->kind->drained(s, peer);
	}
	if (p->flight) {
		list_push_back(spent, &p->link);
	} else {
		packet_free(p);
	}
}

static void take_sender(const struct packet *p, struct socket_msg *m)
{
	m->creds = p->creds;
	m->has_creds = true;
	if (p->from) {
		m->addr = *p->from;
	}
}

/* The files of p for the receiver; a peek leaves the packet its own references. */
static int take_files(struct packet *p, struct socket_msg *m, bool peek)
{
	if (p->flight && peek) {
		return flight_peek(p, m);
	}
	if (p->flight) {
		flight_unload(p, m);
	}
	return 0;
}

static bool same_creds(const struct linux_ucred *a, const struct linux_ucred *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

long recv_message(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	int err = wait_packet(s, flags & MSG_DONTWAIT, socket_deadline(s->rcvtimeo));
	struct list spent = LIST_INIT(spent);
	bool peek = flags & MSG_PEEK;
	struct packet *p;
	size_t n;
	long ret;

	if (err) {
		return err > 0 ? 0 : err;
	}
	p = list_first_entry(&s->queue, struct packet, link);
	n = MIN(p->len, u->left);
	ret = uio_write_to(u, p->data, n) == n ? 0 : -EFAULT;
	if (!ret && m) {
		take_sender(p, m);
		ret = take_files(p, m, peek);
		m->flags |= n < p->len ? MSG_TRUNC : 0;
	}
	if (!ret) {
		ret = (long)(flags & MSG_TRUNC ? p->len : n);
	}
	if (!peek) {
		consume(s, p, 0, &spent);
	}
	mutex_unlock(&s->recv_mutex);
	packets_bury(&spent);
	return ret;
}

/* The packets at the head, as far as they belong together; recv_mutex held.  Bytes or -errno. */
static long REQUIRES(socket_recv_role)
	copy_bytes(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags,
		   bool *stop, struct list *spent)
{
	bool peek = flags & MSG_PEEK, creds = socket_wants_creds(s), known = m && m->has_creds;
	struct linux_ucred who = known ? m->creds : (struct linux_ucred){ 0 };
	struct list *link = list_first(&s->queue);
	long done = 0;

	while (link != &s->queue) {
		struct packet *p = list_entry(link, struct packet, link);
		size_t n = MIN(p->len - p->off, u->left), got;
		bool files = p->flight;

		/* Other senders' credentials begin a receive of their own, descriptors end one. */
		if (creds && known && !same_creds(&p->creds, &who)) {
			*stop = true;
			break;
		}
		got = uio_write_to(u, p->data + p->off, n);
		if (got == 0 && n) {
			return done ? done : -EFAULT;
		}
		if (m && take_files(p, m, peek)) {
			return done ? done : -ENOMEM;
		}
		if (m && !known) {
			take_sender(p, m);
		}
		who = p->creds;
		known = true;
		done += (long)got;
		if (!peek) {
			consume(s, p, got, spent);
		}
		if (got < n || files) {
			*stop = true;
		}
		if (*stop || !u->left) {
			break;
		}
		spin_lock(&s->lock); /* senders append */
		link = peek ? p->link.next : s->queue.next;
		spin_unlock(&s->lock);
	}
	return done;
}

long recv_bytes(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags)
{
	uint64_t deadline = socket_deadline(s->rcvtimeo), want = u->left;
	struct list spent = LIST_INIT(spent);
	size_t done = 0;
	bool stop = false;

	if (flags & MSG_PEEK) {
		flags &= ~(unsigned)MSG_WAITALL;
	}
	do {
		int err = wait_packet(s, flags & MSG_DONTWAIT, deadline);
		long n;

		if (err) {
			return done || err > 0 ? (long)done : err;
		}
		n = copy_bytes(s, u, m, flags, &stop, &spent);
		mutex_unlock(&s->recv_mutex);
		packets_bury(&spent);
		if (n < 0) {
			return done ? (long)done : n;
		}
		done += (size_t)n;
	} while (flags & MSG_WAITALL && done < want && !stop);
	return (long)done;
}
