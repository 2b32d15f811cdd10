/* SPDX-License-Identifier: MIT */
#pragma once
/* Between the files of kernel/net; the theory is in <net/socket.h>. */
#include <fs/path.h>
#include <fs/event/poll.h>
#include <net/socket.h>

#include <arch/clock.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <sched/thread.h>
#include <sync/mutex.h>

#define SOCKET_BUF_DEFAULT 212992
#define SOCKET_BUF_MIN 2304
#define SOCKET_BUF_MAX (4u << 20)
#define UNIX_DGRAM_QUEUE 10 /* net.unix.max_dgram_qlen */
#define UDP_MAX 65507

struct packet {
	struct list link;
	size_t len, off;	/* bytes; how many are consumed */
	struct sock_addr *from; /* datagrams: behind the data */
	struct file **files;
	unsigned nfiles;
	struct linux_ucred creds;
	bool explicit_creds, eor;
	uint8_t data[];
};
/* What a packet counts for in its queue. */
static inline size_t packet_charge(const struct packet *p)
{
	return sizeof(*p) + p->len;
}
/* A packet with up to n bytes from u: NULL with *err -ENOBUFS, or -EFAULT when none came. */
struct packet *packet_read(struct uio *u, size_t n, bool whole, const struct sock_addr *from,
			   int *err);
void packet_free(struct packet *p);

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

struct socket_family {
	/* The address is one of the family's and belongs to nobody: gives it to s. */
	int (*bind)(struct socket *s, const struct sock_addr *addr);
	int (*autobind)(struct socket *s); /* before connect, listen and UDP send; NULL = not */
	void (*unbind)(struct socket *s);
	/* Who listens (streams) or receives (datagrams) there: counted, or -ECONNREFUSED ... */
	int (*find)(struct socket *s, const struct sock_addr *addr, struct socket **out);
	/* Sets s's remote name; child: the other end made for it gets both its names. */
	void (*set_remote)(struct socket *s, const struct sock_addr *addr, struct socket *target,
			   struct socket *child);
	void (*local_name)(struct socket *s, struct sock_addr *out);
	void (*remote_name)(struct socket *s, struct sock_addr *out);
};
extern const struct socket_family unix_family, inet_family;

struct socket {
	_Atomic int32_t refs;
	int domain, type, protocol;
	const struct socket_family *family;
	struct mutex recv_mutex;
	struct spinlock lock; /* all below but names */
	struct waitq readers, writers;
	enum socket_state state;
	int error;		    /* SO_ERROR, positive */
	bool shut_read, shut_write; /* by shutdown(), the end of an AF_UNIX peer, or a reset */
	bool eof;		    /* the peer sends no more */
	bool peer_gone;		    /* its file went */
	bool sent_to_gone;	    /* TCP: the first send to a closed peer succeeds */
	bool connect_news;	    /* a non-blocking connect ended: the next connect() says how */
	bool established;	    /* fits the backlog of its listener */
	struct socket *peer;	    /* counted */
	struct list queue;	    /* packets */
	size_t queued;		    /* their charge */
	unsigned npackets;
	struct list accepts, accept_link; /* listeners: sockets to accept, counted */
	unsigned naccepts, backlog;
	size_t sndbuf, rcvbuf;
	uint64_t rcvtimeo, sndtimeo; /* ns; 0 = for ever */
	struct linux_linger linger;
	struct linux_ucred own_creds, peer_creds;
	int ints[INT_COUNT];
	/* names: net_lock, constant once connected */
	bool bound;
	struct list name_link; /* in the family's table */
	struct inet_name local, remote;
	struct unix_name unix_local;
	struct path unix_path; /* AF_UNIX in the file system: keeps the inode */
};
extern struct spinlock net_lock;

static inline bool socket_is_stream(const struct socket *s) /* connection-oriented */
{
	return s->type != SOCK_DGRAM;
}
static inline bool socket_is_unix(const struct socket *s)
{
	return s->domain == AF_UNIX;
}
/* --- socket.c --- */
/* A socket without file, refs 1; NULL = no memory. */
struct socket *socket_new(int domain, int type, int protocol);
void socket_get(struct socket *s);
void socket_put(struct socket *s);
void socket_close(struct socket *s); /* its user went: tells peers, drops a reference */
void socket_stop_listening(struct socket *s);
void socket_purge(struct socket *s); /* what it has received is gone */
MUST_USE int socket_make_file(struct socket *s, int type, struct file **out);
struct socket *socket_peer(struct socket *s); /* counted; NULL = none */
/* Takes and clears SO_ERROR as -errno or 0; lock held. */
int socket_take_error(struct socket *s);
struct linux_ucred socket_current_creds(void);
/* A deadline of a timeout; what a wait's error means to the caller. */
uint64_t socket_deadline(uint64_t timeout);
int socket_wait_error(int err, uint64_t timeout);
/* --- stream.c, dgram.c --- */
long stream_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
long dgram_send(struct socket *s, struct uio *u, struct socket_msg *m, unsigned flags);
MUST_USE int dgram_connect(struct socket *s, const struct sock_addr *addr);
void dgram_drained(struct socket *s);	/* room in s's queue */
bool dgram_peer_full(struct socket *s); /* for poll */
/* Where senders to full AF_UNIX datagram sockets wait. */
extern struct waitq dgram_room;
/* Room for a sender in its peer's queue; the peer's lock held or a hint. */
static inline size_t stream_limit(const struct socket *from, const struct socket *to)
{
	return socket_is_unix(from) ? from->sndbuf : from->sndbuf + to->rcvbuf;
}
void socket_enqueue(struct socket *to, struct packet *p); /* lock held */
/* --- inet.c --- */
/* The source of a datagram from s to dest (len 0: where it is connected to) as `to` sees it. */
void inet_source(const struct socket *s, const struct sock_addr *dest, const struct socket *to,
		 struct sock_addr *out);
