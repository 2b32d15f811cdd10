/* SPDX-License-Identifier: MIT */
#pragma once
/* Between the files of kernel/net; the theory is in <net/socket.h>. */
#include <fs/path.h>
#include <fs/event/poll.h>
#include <net/socket.h>

#include <arch/clock.h>
#include <lib/assert.h>
#include <lib/rbtree.h>
#include <lib/refcount.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <sched/thread.h>
#include <sync/mutex.h>

#define SOCKET_BUF_DEFAULT 212992
#define SOCKET_BUF_MIN 2304
#define SOCKET_BUF_MAX (4u << 20)

struct packet {
	struct list link;
	size_t len, off;	/* bytes; how many are consumed */
	struct sock_addr *from; /* datagrams: behind the data */
	struct flight *flight;	/* the files that it carries; NULL = none */
	struct linux_ucred creds;
	uint8_t data[];
};

/* Files in flight: counted references, and whose RLIMIT_NOFILE they count against. */
struct user_account;
struct flight {
	struct file **files;
	unsigned nfiles, carriers; /* carriers: sockets that carry files themselves */
	struct user_account *payer;
};

enum socket_state {
	SOCKET_IDLE,
	SOCKET_CONNECTING,
	SOCKET_CONNECTED,
	SOCKET_LISTENING,
	SOCKET_CLOSED
};

/* An internet address and port: IPv4 as ::ffff:a.b.c.d; port in host order. */
struct inet_name {
	uint8_t ip[16];
	uint16_t port;
};
struct unix_name {
	unsigned len; /* of path; 0 = unnamed */
	char path[108];
};

/* Options that are stored and given back (options.c). */
enum socket_int {
	INT_REUSEADDR,
	INT_REUSEPORT,
	INT_BROADCAST,
	INT_KEEPALIVE,
	INT_DONTROUTE,
	INT_DEBUG,
	INT_OOBINLINE,
	INT_PRIORITY,
	INT_PASSCRED,
	INT_RCVLOWAT,
	INT_NODELAY,
	INT_MAXSEG,
	INT_CORK,
	INT_KEEPIDLE,
	INT_KEEPINTVL,
	INT_KEEPCNT,
	INT_SYNCNT,
	INT_LINGER2,
	INT_DEFER_ACCEPT,
	INT_WINDOW_CLAMP,
	INT_QUICKACK,
	INT_USER_TIMEOUT,
	INT_FASTOPEN,
	INT_TOS,
	INT_TTL,
	INT_MTU_DISCOVER,
	INT_RECVERR,
	INT_FREEBIND,
	INT_NO_PORT,
	INT_HOPS,
	INT_RECVERR6,
	INT_V6ONLY,
	INT_TCLASS,
	INT_COUNT
};

/* What names mean to the sockets of an address family. */
struct socket_family {
	/* The address is one of the family's and belongs to nobody: gives it to s. */
	int (*bind)(struct socket *s, const struct sock_addr *addr);
	int (*autobind)(struct socket *s); /* for listen() without bind(); NULL = -EINVAL */
	/* 0: s may listen on its name, and will; net_lock held; NULL = always. */
	int (*listen_locked)(struct socket *s);
	void (*sharing_changed)(struct socket *s); /* SO_REUSEADDR, SO_REUSEPORT; NULL: no matter */
	void (*unbind)(struct socket *s);
	/* Who listens (streams) or receives (datagrams) there: counted, or -ECONNREFUSED ... */
	int (*find)(struct socket *s, const struct sock_addr *addr, struct socket **out);
	/* Sets s's remote name; child: the other end made for it gets both its names. */
	void (*set_remote)(struct socket *s, const struct sock_addr *addr, struct socket *target,
			   struct socket *child);
	void (*local_name)(struct socket *s, struct sock_addr *out);
	void (*remote_name)(struct socket *s, struct sock_addr *out);
	/* 0 when the family's sockets have options of that level. */
	int (*check_level)(const struct socket *s, int level);
};
extern const struct socket_family unix_family, inet_family;

/*
 * What a socket does.  Ops are called without locks unless they say so; NULL means that the
 * kind has no such call (-EOPNOTSUPP).
 */
struct socket_kind {
	const struct socket_family *family;
	bool connection;       /* two ends, an end of the data; otherwise single messages */
	bool messages;	       /* a packet is a message and received alone */
	bool carries_extras;   /* descriptors and credentials travel with the data */
	bool mirrors_shutdown; /* what one end shuts, the other can't use either */
	bool backlog_waits;    /* connect() waits for room in the backlog, or lines up behind it */

	int (*listen)(struct socket *s, int backlog);
	int (*connect)(struct socket *s, const struct sock_addr *addr, bool nonblock);
	/* The oldest connection that waits: counted, its file is the caller's to make. */
	int (*accept)(struct socket *s, bool nonblock, struct socket **child);
	void (*pair)(struct socket *a, struct socket *b); /* two that nobody knows yet */
	int (*shutdown)(struct socket *s, bool rd, bool wr);
	/* Its user went: peers learn it (reset: as an error), a reference is dropped. */
	void (*close)(struct socket *s, bool reset);

	long (*send)(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
	long (*recv)(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
	/* What s may do now; readers and writers are in pt already. */
	uint32_t (*poll)(struct socket *s, struct poll_table *pt);

	/* For senders, under to's lock: 0 = one more packet may go from s to `to`; -EAGAIN = there
	 * is no room, wait; 1 = it is lost and counts as sent; or the errno of the send. */
	int (*room)(struct socket *s, struct socket *to);
	struct waitq *room_queue; /* where senders wait for that; NULL = their own writers */
	/* A packet left s's queue, senders may go on.  peer: s->peer, not followed by datagrams. */
	void (*drained)(struct socket *s, struct socket *peer);
};
extern const struct socket_kind unix_stream_kind, unix_seqpacket_kind, unix_dgram_kind;
extern const struct socket_kind inet_stream_kind, inet_dgram_kind;

/* Words without a guard (options, buffer sizes, timeouts) are stored and read whole, by anybody.
 * sent_to_gone is the sender's, changed under its receiver's lock; established is the child's,
 * under its listener's: the same role. */
struct socket {
	struct refcount refs;
	int domain, type, protocol;
	const struct socket_kind *kind;
	MUTEX(socket_recv) recv_mutex;
	SPINLOCK(socket) lock;
	struct waitq readers, writers;
	enum socket_state state GUARDED_BY(socket_role);
	int error GUARDED_BY(socket_role); /* SO_ERROR, positive */
	/* by shutdown(), the end of an AF_UNIX peer, or a reset */
	bool shut_read GUARDED_BY(socket_role), shut_write GUARDED_BY(socket_role);
	bool eof GUARDED_BY(socket_role);	/* the peer sends no more */
	bool peer_gone GUARDED_BY(socket_role); /* its file went */
	bool sent_to_gone
		GUARDED_BY(socket_role); /* TCP: the first send to a closed peer succeeds */
	/* a non-blocking connect ended: the next connect() says how */
	bool connect_news GUARDED_BY(socket_role);
	bool established GUARDED_BY(socket_role);    /* fits the backlog of its listener */
	struct socket *peer GUARDED_BY(socket_role); /* counted */
	struct list queue GUARDED_BY(socket_role);   /* packets */
	size_t queued GUARDED_BY(socket_role);	     /* their charge */
	unsigned npackets GUARDED_BY(socket_role);
	/* listeners: sockets to accept, counted; those for which there was no room */
	struct list accepts GUARDED_BY(socket_role), lined_up GUARDED_BY(socket_role);
	struct list accept_link GUARDED_BY(socket_role);
	unsigned naccepts GUARDED_BY(socket_role), backlog GUARDED_BY(socket_role);
	/* clients whose connection lines up: where, counted */
	struct socket *listener GUARDED_BY(socket_role);
	struct linux_ucred own_creds GUARDED_BY(socket_role), peer_creds GUARDED_BY(socket_role);
	size_t sndbuf, rcvbuf;
	uint64_t rcvtimeo, sndtimeo; /* ns; 0 = for ever */
	struct linux_linger linger;
	int ints[INT_COUNT];
	/* names: constant once connected */
	bool bound GUARDED_BY(net_table_role);
	/* inet_table.c: of its port, its name, its names as a receiver */
	struct inet_port *port GUARDED_BY(net_table_role); /* NULL = none */
	struct list name_link GUARDED_BY(net_table_role), addr_link GUARDED_BY(net_table_role);
	struct list receive_link GUARDED_BY(net_table_role);
	bool has_remote GUARDED_BY(net_table_role);
	bool counts_reuseport GUARDED_BY(net_table_role), counts_reuseaddr
		GUARDED_BY(net_table_role);
	uint32_t owner;					     /* [I] who made it: euid */
	struct rb_node name_node GUARDED_BY(net_table_role); /* unix.c: abstract names */
	struct inet_name local GUARDED_BY(net_table_role), remote GUARDED_BY(net_table_role);
	struct unix_name unix_local GUARDED_BY(net_table_role);
	struct path unix_path GUARDED_BY(net_table_role); /* in the file system: keeps the inode */
	/* as cargo: flight.c */
	unsigned in_flight GUARDED_BY(flight_role); /* references that packets have */
	unsigned inside GUARDED_BY(flight_role);    /* of these, in the queues of suspects */
	bool suspect GUARDED_BY(flight_role);
	struct file *flight_file GUARDED_BY(flight_role); /* while in_flight */
	struct list flight_link GUARDED_BY(flight_role), suspect_link GUARDED_BY(flight_role);
};
extern SPINLOCK(net_table) net_lock;

/* --- packet.c --- */
/* What a packet counts for in its queue. */
static inline size_t packet_charge(const struct packet *p)
{
	return sizeof(*p) + p->len;
}
/* A packet with up to n bytes from u: NULL with *err -ENOBUFS, or -EFAULT when none came. */
struct packet *packet_read(struct uio *u, size_t n, bool whole, const struct sock_addr *from,
			   int *err);
void packet_free(struct packet *p);
bool packets_unread(const struct list *packets); /* bytes that nobody has taken */
void packets_bury(struct list *packets);	 /* frees all, whatever files they carry */

/* --- flight.c: files in packets --- */
void flight_init(void);
/* m's files go into p: charged, and m has none.  -ETOOMANYREFS, -ENOMEM: m keeps them. */
int flight_load(struct packet *p, struct socket_msg *m);
/* They go to m, which has none; p->flight is not NULL. */
void flight_unload(struct packet *p, struct socket_msg *m);
int flight_peek(const struct packet *p, struct socket_msg *m); /* m gets references, too */
void flight_closed(void) MAY_SLEEP; /* a socket that carries files was closed */

/* --- socket.c: what all kinds share --- */
/* A socket without file, refs 1; NULL = no memory. */
struct socket *socket_new(const struct socket_kind *kind, int domain, int type, int protocol);
void socket_get(struct socket *s);
void socket_put(struct socket *s);	      /* NULL is nobody's */
struct socket *socket_peer(struct socket *s); /* counted; NULL = none */
struct linux_ucred socket_current_creds(void);
/* Takes and clears SO_ERROR as -errno or 0; lock held. */
int socket_take_error_locked(struct socket *s) REQUIRES(socket_role);
int socket_take_error(struct socket *s);
/* A deadline of a timeout; what a wait's error means to the caller. */
uint64_t socket_deadline(uint64_t timeout);
int socket_wait_error(int err, uint64_t timeout);
void socket_purge(struct socket *s); /* what it has received is gone */
/* Notes a shutdown and returns the peer, counted, or NULL; socket_shut_done() wakes s's users. */
struct socket *socket_shut(struct socket *s, bool rd, bool wr);
void socket_shut_done(struct socket *s);
/* The first half of a close: nobody finds s, connects or sends to it any more.  Its packets go to
 * the list; returns its peer: the caller's reference. */
struct socket *socket_retire(struct socket *s, struct list *packets);
/* The part of a poll that is about receiving, and errors; lock held. */
static inline uint32_t REQUIRES(socket_role) socket_poll_in_locked(const struct socket *s)
{
	bool deaf = s->eof || s->shut_read;

	spin_assert_held(&s->lock);
	return (deaf || !list_empty(&s->queue) ? POLLIN | POLLRDNORM : 0) | (deaf ? POLLRDHUP : 0) |
	       (deaf && s->shut_write ? POLLHUP : 0) | (s->error ? POLLERR : 0);
}

/* --- send.c --- */
/* A packet for `to` with up to n bytes and what m carries: its size or -errno.  m's files stay
 * m's when it fails. */
long send_packet(struct socket *s, struct socket *to, struct uio *u, size_t n,
		 const struct sock_addr *from, struct socket_msg *m, unsigned flags);
/* All bytes of u to the peer, in packets. */
long send_bytes(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
void send_room_grew(struct socket *s); /* SO_SNDBUF did: senders look again */
/* s->error was seen: it goes to this caller and no other (who comes late gets -EPIPE). */
int send_claim_error(struct socket *s);

/* --- recv.c --- */
long recv_bytes(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
long recv_message(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);

/* --- stream.c: connections between two sockets of this machine --- */
int stream_listen(struct socket *s, int backlog);
void stream_stop_listening(struct socket *s);
int stream_accept(struct socket *s, bool nonblock, struct socket **child);
/* IDLE -> CONNECTING, or what connect() says in the other states; 1 = connected already. */
int stream_begin_connect(struct socket *s, bool nonblock);
/* Makes the other end and puts it into the listener's queue.  *established: it fits there. */
int stream_join(struct socket *s, struct socket *listener, const struct sock_addr *addr,
		bool nonblock, bool *established);
/* After stream_join(): waits until s is established. */
int stream_finish_connect(struct socket *s, bool established);
void stream_end_connect(struct socket *s); /* it failed: IDLE again */
int stream_shutdown(struct socket *s, bool rd, bool wr);
void stream_close(struct socket *s, bool reset);
void stream_drained(struct socket *s, struct socket *peer);
/* POLLIN when a connection is established and waits; lock held. */
uint32_t stream_poll_accepts_locked(const struct socket *s) REQUIRES(socket_role);

/* --- unix.c --- */
void unix_pair(struct socket *a, struct socket *b);

/* --- inet.c --- */
int inet_autobind(struct socket *s); /* 0 when it is bound already */
/* The receiver of a datagram to addr (NULL: where s is connected to), counted, and the source
 * that it sees. */
int inet_route(struct socket *s, const struct sock_addr *addr, struct socket **to,
	       struct sock_addr *from);
/* addr is where s is connected to. */
bool inet_is_remote(struct socket *s, const struct sock_addr *addr);
/* What all kinds of the family answer first: 0, or the errno of a flag that they lack. */
int inet_check_recv(unsigned flags);
