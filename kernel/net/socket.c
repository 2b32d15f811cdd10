/* SPDX-License-Identifier: MIT */
/*
 * The socket that all kinds share: its life, error, flags and queue.  Knows no kind: what
 * differs is asked of s->kind.
 *
 * References: one of the file (dropped by kind->close), one of each socket whose peer it is,
 * one of a listener's queue, and those of lookups.  The last one frees; a socket is out of the
 * tables of names before the file's reference goes, so a lookup never finds a dying one.
 */
#include "net_internal.h"

#include <fs/cred.h>
#include <fs/upcalls.h>
#include <lib/string.h>
#include <linux/ioctls.h>
#include <linux/stat.h>
#include <mm/slab.h>

SPINLOCK(net_table) net_lock = SPINLOCK_INIT(RANK_NET_TABLE, "net");

struct linux_ucred socket_current_creds(void)
{
	const struct cred *c = thread_current()->cred;

	return (struct linux_ucred){ fs_upcalls->current_pid(), c->u.eff, c->g.eff };
}

struct socket *socket_new(const struct socket_kind *kind, int domain, int type, int protocol)
{
	struct socket *s = kzalloc(sizeof(*s));

	if (!s) {
		return NULL;
	}
	refcount_init(&s->refs, 1);
	s->kind = kind;
	s->domain = domain;
	s->type = type;
	s->protocol = protocol;
	mutex_init(&s->recv_mutex, RANK_SOCKET, "socket recv");
	spin_init(&s->lock, RANK_NET_SOCKET, "socket");
	waitq_init(&s->readers);
	waitq_init(&s->writers);
	list_init(&s->queue);
	list_init(&s->accepts);
	list_init(&s->lined_up);
	list_init(&s->accept_link);
	list_init(&s->name_link);
	list_init(&s->addr_link);
	list_init(&s->receive_link);
	rb_clear(&s->name_node);
	list_init(&s->flight_link);
	list_init(&s->suspect_link);
	s->sndbuf = s->rcvbuf = SOCKET_BUF_DEFAULT;
	s->ints[INT_RCVLOWAT] = 1;
	s->ints[INT_KEEPIDLE] = 7200;
	s->ints[INT_KEEPINTVL] = 75;
	s->ints[INT_KEEPCNT] = 9;
	s->ints[INT_SYNCNT] = 6;
	s->ints[INT_LINGER2] = 60;
	s->ints[INT_MAXSEG] = 536;
	s->ints[INT_QUICKACK] = 1;
	s->ints[INT_TTL] = s->ints[INT_HOPS] = 64;
	s->ints[INT_MTU_DISCOVER] = 1;
	spin_assert_unshared(&s->lock);
	s->own_creds = socket_current_creds();
	s->owner = s->own_creds.uid;
	s->peer_creds = (struct linux_ucred){ 0, UINT32_MAX, UINT32_MAX };
	return s;
}

void socket_get(struct socket *s)
{
	refcount_get(&s->refs);
}

void socket_put(struct socket *s)
{
	if (s && refcount_put(&s->refs)) {
		packets_bury(&s->queue);
		kfree(s);
	}
}

struct socket *socket_peer(struct socket *s)
{
	struct socket *peer;

	spin_lock(&s->lock);
	peer = s->peer;
	if (peer) {
		socket_get(peer);
	}
	spin_unlock(&s->lock);
	return peer;
}

int socket_take_error_locked(struct socket *s)
{
	int err = s->error;

	spin_assert_held(&s->lock);
	s->error = 0;
	return -err;
}

int socket_take_error(struct socket *s)
{
	int err;

	spin_lock(&s->lock);
	err = socket_take_error_locked(s);
	spin_unlock(&s->lock);
	return err;
}

uint64_t socket_deadline(uint64_t timeout)
{
	return timeout ? clock_mono_ns() + timeout : DEADLINE_NONE;
}

int socket_wait_error(int err, uint64_t timeout)
{
	if (err == -ETIMEDOUT) {
		return -EAGAIN;
	}
	return err == -ERESTARTSYS && timeout ? -EINTR : err;
}

/* recv_mutex keeps the packets from a reader that has one in its hands. */
void socket_purge(struct socket *s)
{
	struct list packets = LIST_INIT(packets);

	mutex_lock(&s->recv_mutex);
	spin_lock(&s->lock);
	list_splice_back(&packets, &s->queue);
	s->queued = s->npackets = 0;
	spin_unlock(&s->lock);
	mutex_unlock(&s->recv_mutex);
	packets_bury(&packets);
}

struct socket *socket_shut(struct socket *s, bool rd, bool wr)
{
	struct socket *peer;

	spin_lock(&s->lock);
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
	return peer;
}

void socket_shut_done(struct socket *s)
{
	waitq_wake_all(&s->readers);
	waitq_wake_all(&s->writers);
}

/* No reader is left: this is the file's end, and reads hold the file.  So no recv_mutex. */
struct socket *socket_retire(struct socket *s, struct list *packets)
{
	struct socket *peer;

	s->kind->family->unbind(s);
	spin_lock(&s->lock);
	s->state = SOCKET_CLOSED;
	list_splice_back(packets, &s->queue);
	s->queued = s->npackets = 0;
	peer = s->peer;
	s->peer = NULL;
	spin_unlock(&s->lock);
	waitq_wake_all(&s->readers);
	waitq_wake_all(&s->writers); /* clients that wait for room in the backlog, too */
	return peer;
}
