/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Sockets that stay inside this machine: AF_UNIX, and AF_INET/AF_INET6 over the loopback.
 *
 * A socket has a queue of packets that its peers fill; there is no wire.  A stream packet is up
 * to 16 KiB of bytes, a datagram or SEQPACKET packet one message; descriptors and credentials
 * ride on it.  Senders wait while the receiver's queue is full (UDP drops instead).
 *
 * connect() makes the other end (a socket without a file) at once and puts it into the
 * listener's queue, so client and server are connected before accept() as with a real backlog.
 * What does not fit the backlog waits there unestablished.
 *
 * Life: a socket is counted by its file, by its peer and by whoever looked it up.  A connected
 * socket keeps `peer` until its own file goes, so the pointer is stable for its users.
 *
 * Locks: net_lock (names and ports) before socket->lock (state, queue); never two socket->locks.
 * socket->recv_mutex keeps readers in order and is not held while they wait for data.
 *
 * Addresses other than this machine's are unreachable (ENETUNREACH): there is no network.
 *
 * Kinds.  What a socket does is its kind's: a constant struct socket_kind of operations, beside
 * the struct socket_family of what its names mean (kernel/net/net_internal.h has both).  The
 * files of kernel/net call downwards only; up it goes through the operations:
 *
 *     calls.c, options.c                the calls on any socket; socket(2) chooses the kind
 *     unix_stream unix_dgram inet_stream inet_dgram    the kinds: policy
 *     stream.c                          connections between two sockets of this machine
 *     send.c recv.c unix.c inet.c       packets out and in; names of the two families
 *     socket.c                          what all sockets are
 *     packet.c flight.c                 what their queues hold; the files in it
 *
 * To add a kind: 1. kernel/net/NAME.c with the operations.  connect, listen and shutdown say
 * how its connections are made: by the steps of stream.c when both ends are sockets of this
 * machine, else by its own (a carried connect is CONNECTING until the answer, which sets state
 * or error under s->lock and wakes s->writers; connect_news makes the next connect() tell).
 * 2. What arrives goes into s->queue as packets, so recv_bytes(), recv_message() and
 * socket_poll_in_locked() serve it; `drained` hears of each packet that was taken (credit for the
 * sender).  send_packet() is only for receivers that are sockets here; a kind without s->peer
 * has a send and a poll of its own.  3. A socket_family if its addresses are new. 4. A line in
 * calls.c where socket(2) chooses; a kind that the address decides is set in s->kind by connect()
 * or bind() while the state is SOCKET_IDLE, under s->lock, before anybody else can find s.
 */
#include <linux/socket.h>
#include <mm/uio.h>

struct file;
struct socket;

struct sock_addr {
	unsigned len; /* 0 = none */
	union {
		uint16_t family;
		struct linux_sockaddr_in in;
		struct linux_sockaddr_in6 in6;
		struct linux_sockaddr_un un;
		uint8_t raw[128];
	};
};

/* What goes beside the bytes of one message. */
struct socket_msg {
	struct sock_addr addr; /* send: where to (len 0 = the peer); receive: where from */
	struct file **files;   /* SCM_RIGHTS: counted references and the kmalloc'd array */
	unsigned nfiles;
	struct linux_ucred creds;
	bool has_creds;
	unsigned flags; /* receive: MSG_TRUNC */
};
void socket_msg_drop(struct socket_msg *m); /* puts the files */

void net_init(void); /* once, before the first socket */

/* A file of its own: `type` with SOCK_NONBLOCK.  -EAFNOSUPPORT, -EINVAL ... as socket(2). */
MUST_USE int socket_open(int family, int type, int protocol, struct file **out);
MUST_USE int socket_open_pair(int family, int type, int protocol, struct file *out[2]);
/* -ENOTSOCK */
MUST_USE int socket_of(struct file *f, struct socket **out);

MUST_USE int socket_bind(struct socket *s, const struct sock_addr *addr);
MUST_USE int socket_listen(struct socket *s, int backlog);
MUST_USE int socket_connect(struct socket *s, const struct sock_addr *addr, bool nonblock);
/* type: SOCK_NONBLOCK for the new file. */
MUST_USE int socket_accept(struct socket *s, bool nonblock, int type, struct file **out);
MUST_USE int socket_shutdown(struct socket *s, int how);
void socket_local_name(struct socket *s, struct sock_addr *out);
MUST_USE int socket_peer_name(struct socket *s, struct sock_addr *out); /* -ENOTCONN */

/* Bytes or -errno; flags MSG_*.  send takes over m's files when it succeeds; m may be NULL. */
long socket_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
long socket_recv(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
bool socket_carries_extras(const struct socket *s); /* descriptors and credentials */
bool socket_wants_creds(const struct socket *s);    /* SO_PASSCRED */

/* value and *len in kernel memory; get shortens *len. */
#define SOCKET_OPTION_MAX 256
MUST_USE int socket_set_option(struct socket *s, int level, int name, const void *value,
			       unsigned len);
MUST_USE int socket_get_option(struct socket *s, int level, int name, void *value, unsigned *len);
