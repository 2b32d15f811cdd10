/* SPDX-License-Identifier: MIT */
/*
 * Who has which internet name.  A program chooses how many sockets share a port, so:
 *
 * A port of a type that somebody has is a struct inet_port with its sockets, and with counts that
 * say at once whether all of them would share.  Otherwise those with the same address, or a
 * wildcard, are looked at; only a wildcard itself is compared with all of the port.
 *
 * Receivers (UDP, and TCP that listens) are in a hash by port and address, connected UDP by the
 * remote name as well: so the first that fits is the one.  New ones come first: among equals the one
 * that was bound last receives.
 */
#include "inet_table.h"

#include <lib/bitmap.h>
#include <lib/hash.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sync/random.h>

#define TABLE 1024
#define PORTS 65536
#define EPHEMERAL_FIRST 32768
#define EPHEMERAL_END 61000

struct inet_port {
	struct list link;
	struct list sockets; /* by socket.name_link */
	unsigned n, n_reuseport, n_reuseaddr;
	uint32_t owner;	  /* of those that share by SO_REUSEPORT ... */
	bool many_owners; /* unless they have several */
	uint16_t port;
	int type;
};

/* Lists are made at first use. */
static struct list ports[TABLE] GUARDED_BY(net_table_role);	/* struct inet_port */
static struct list bound[TABLE] GUARDED_BY(net_table_role);	/* by socket.addr_link */
static struct list receivers[TABLE] GUARDED_BY(net_table_role); /* by socket.receive_link */
static uint64_t used_ports[2][BITMAP_WORDS(PORTS)] GUARDED_BY(net_table_role);
static uint32_t seed GUARDED_BY(net_table_role); /* 0: none yet */

const uint8_t inet_any4[16] = { [10] = 0xff, [11] = 0xff };
static const uint8_t any6[16];

bool inet_is_mapped(const uint8_t ip[16])
{
	return memcmp(ip, inet_any4, 12) == 0;
}

bool inet_is_any(const uint8_t ip[16])
{
	return memcmp(ip, any6, 16) == 0 || memcmp(ip, inet_any4, 16) == 0;
}

/* A socket bound to its name receives what goes to ip. */
static bool covers(const struct socket *s, const uint8_t ip[16]) REQUIRES(net_table_role)
{
	if (memcmp(s->local.ip, ip, 16) == 0) {
		return true;
	}
	if (!inet_is_any(s->local.ip)) {
		return false;
	}
	return inet_is_mapped(ip) == inet_is_mapped(s->local.ip) ||
	       (inet_is_mapped(ip) && !s->ints[INT_V6ONLY]);
}

static struct list *in_use(struct list *bucket)
{
	if (!bucket->next) {
		list_init(bucket);
	}
	return bucket;
}

/* Sockets of one port may have any of 2^24 addresses, and the names of others are anybody's choice:
 * nobody shall know which meet in a bucket. */
static uint32_t hash_name(const uint8_t ip[16], uint16_t port, uint32_t more)
	REQUIRES(net_table_role)
{
	while (!seed) {
		random_bytes(&seed, sizeof(seed));
		seed |= 1;
	}
	return hash_u64((uint64_t)hash_bytes(ip, 16, seed + more) << 16 | port, 32);
}

static struct list *bound_at(const uint8_t ip[16], uint16_t port) REQUIRES(net_table_role)
{
	return in_use(&bound[hash_name(ip, port, 0) % TABLE]);
}

static struct list *receiving_at(const struct inet_name *local, const struct inet_name *remote)
	REQUIRES(net_table_role)
{
	uint32_t more = remote ? hash_name(remote->ip, remote->port, 0) : 0;

	return in_use(&receivers[hash_name(local->ip, local->port, more) % TABLE]);
}

static struct inet_port *find_port(uint16_t port, int type) REQUIRES(net_table_role)
{
	struct inet_port *p;

	list_for_each_entry(p, in_use(&ports[port % TABLE]), link) {
		if (p->port == port && p->type == type) {
			return p;
		}
	}
	return NULL;
}

/* --- sharing --- */
/* The socket counts as one that would share, until one of these changes. */
static void count_locked(struct socket *s) REQUIRES(net_table_role)
{
	struct inet_port *p = s->port;

	s->counts_reuseport = s->ints[INT_REUSEPORT];
	s->counts_reuseaddr = s->ints[INT_REUSEADDR] &&
			      !(s->type == SOCK_STREAM && list_linked(&s->receive_link));
	if (s->counts_reuseport && p->n_reuseport == 0) {
		p->owner = s->owner;
		p->many_owners = false;
	}
	p->many_owners |= s->counts_reuseport && p->owner != s->owner;
	p->n_reuseport += s->counts_reuseport;
	p->n_reuseaddr += s->counts_reuseaddr;
}

static void uncount_locked(struct socket *s) REQUIRES(net_table_role)
{
	s->port->n_reuseport -= s->counts_reuseport;
	s->port->n_reuseaddr -= s->counts_reuseaddr;
}

void inet_recount(struct socket *s)
{
	spin_lock(&net_lock);
	if (s->port) {
		uncount_locked(s);
		count_locked(s);
	}
	spin_unlock(&net_lock);
}

static bool all_share_locked(const struct inet_port *p, const struct socket *s, bool listening)
	REQUIRES(net_table_role)
{
	unsigned others = p->n - (s->port == p);

	if (s->ints[INT_REUSEPORT] && !p->many_owners && p->owner == s->owner &&
	    p->n_reuseport - (s->port == p && s->counts_reuseport) == others) {
		return true;
	}
	return s->ints[INT_REUSEADDR] && !(s->type == SOCK_STREAM && listening) &&
	       p->n_reuseaddr - (s->port == p && s->counts_reuseaddr) == others;
}

static bool is_listening(const struct socket *s)
{
	return READ_ONCE(s->state) == SOCKET_LISTENING;
}

static bool may_share(const struct socket *a, const struct socket *b) REQUIRES(net_table_role)
{
	if (a->ints[INT_REUSEPORT] && b->ints[INT_REUSEPORT] && a->owner == b->owner) {
		return true;
	}
	return a->ints[INT_REUSEADDR] && b->ints[INT_REUSEADDR] &&
	       !(a->type == SOCK_STREAM && (is_listening(a) || is_listening(b)));
}

static bool in_the_way(const struct socket *s, const struct socket *b, bool listening)
	REQUIRES(net_table_role)
{
	return b != s && b->local.port == s->local.port && b->type == s->type &&
	       (!listening || is_listening(b)) &&
	       (covers(b, s->local.ip) || covers(s, b->local.ip)) && !may_share(s, b);
}

static bool taken_at_locked(const struct socket *s, const uint8_t ip[16], bool listening)
	REQUIRES(net_table_role)
{
	const struct socket *b;

	list_for_each_entry(b, bound_at(ip, s->local.port), addr_link) {
		if (in_the_way(s, b, listening)) {
			return true;
		}
	}
	return false;
}

bool inet_taken_locked(const struct socket *s, bool listening)
{
	struct inet_port *p = find_port(s->local.port, s->type);
	const struct socket *b;

	spin_assert_held(&net_lock);
	if (!p || all_share_locked(p, s, listening)) {
		return false;
	}
	if (!inet_is_any(s->local.ip)) {
		return taken_at_locked(s, s->local.ip, listening) ||
		       taken_at_locked(s, inet_any4, listening) ||
		       taken_at_locked(s, any6, listening);
	}
	list_for_each_entry(b, &p->sockets, name_link) {
		if (in_the_way(s, b, listening)) {
			return true;
		}
	}
	return false;
}

/* --- in and out --- */
struct inet_port *inet_port_alloc(void)
{
	return kzalloc(sizeof(struct inet_port));
}

void inet_port_free(struct inet_port *p)
{
	kfree(p);
}

uint16_t inet_free_port_locked(int type, unsigned first)
{
	const uint64_t *map = used_ports[type == SOCK_STREAM];
	size_t port = EPHEMERAL_FIRST + first % (EPHEMERAL_END - EPHEMERAL_FIRST);

	spin_assert_held(&net_lock);
	port = bitmap_find_clear(map, EPHEMERAL_END, port);
	if (port >= EPHEMERAL_END) {
		port = bitmap_find_clear(map, EPHEMERAL_END, EPHEMERAL_FIRST);
	}
	return port < EPHEMERAL_END ? (uint16_t)port : 0;
}

static void receive_locked(struct socket *s) REQUIRES(net_table_role)
{
	list_remove(&s->receive_link);
	list_push_front(receiving_at(&s->local, s->has_remote ? &s->remote : NULL),
			&s->receive_link);
}

void inet_enter_locked(struct socket *s, struct inet_port **spare)
{
	struct inet_port *p = find_port(s->local.port, s->type);

	spin_assert_held(&net_lock);
	if (!p) {
		p = *spare;
		*spare = NULL;
		p->port = s->local.port;
		p->type = s->type;
		list_init(&p->sockets);
		list_push_front(in_use(&ports[p->port % TABLE]), &p->link);
		bitmap_set(used_ports[p->type == SOCK_STREAM], p->port);
	}
	s->port = p;
	p->n++;
	count_locked(s);
	list_push_back(&p->sockets, &s->name_link);
	list_push_front(bound_at(s->local.ip, p->port), &s->addr_link);
	if (s->type != SOCK_STREAM) {
		receive_locked(s);
	}
}

struct inet_port *inet_leave_locked(struct socket *s)
{
	struct inet_port *p = s->port;

	spin_assert_held(&net_lock);
	if (!p) {
		return NULL;
	}
	uncount_locked(s);
	s->port = NULL;
	list_remove(&s->name_link);
	list_remove(&s->addr_link);
	list_remove(&s->receive_link);
	if (--p->n) {
		return NULL;
	}
	list_remove(&p->link);
	bitmap_clear(used_ports[p->type == SOCK_STREAM], p->port);
	return p;
}

void inet_moved_locked(struct socket *s)
{
	spin_assert_held(&net_lock);
	if (!s->port) {
		return;
	}
	list_remove(&s->addr_link);
	list_push_front(bound_at(s->local.ip, s->local.port), &s->addr_link);
	if (s->type != SOCK_STREAM) {
		receive_locked(s);
	}
}

void inet_listens_locked(struct socket *s)
{
	spin_assert_held(&net_lock);
	uncount_locked(s);
	receive_locked(s);
	count_locked(s);
}

/* --- who receives --- */
static struct socket *first_at(const struct socket *s, const uint8_t ip[16],
			       const struct inet_name *to, const struct inet_name *remote)
	REQUIRES(net_table_role)
{
	struct inet_name local = { .port = to->port };
	struct socket *b, *next;

	memcpy(local.ip, ip, 16);
	list_for_each_entry_safe(b, next, receiving_at(&local, remote), receive_link) {
		if (b->type == SOCK_STREAM && !is_listening(b)) {
			list_remove(&b->receive_link); /* it has stopped */
		} else if (b->type == s->type && b->local.port == to->port &&
			   b->has_remote == (remote != NULL) && memcmp(b->local.ip, ip, 16) == 0 &&
			   covers(b, to->ip) &&
			   (!remote || (b->remote.port == remote->port &&
					memcmp(b->remote.ip, remote->ip, 16) == 0))) {
			return b;
		}
	}
	return NULL;
}

struct socket *inet_receiver_locked(const struct socket *s, const struct inet_name *to,
				    const struct inet_name *from)
{
	struct socket *found = NULL;

	spin_assert_held(&net_lock);
	if (s->type != SOCK_STREAM) {
		found = first_at(s, to->ip, to, from);
	}
	found = found ? found : first_at(s, to->ip, to, NULL);
	if (!found && inet_is_mapped(to->ip)) {
		found = first_at(s, inet_any4, to, NULL);
	}
	return found ? found : first_at(s, any6, to, NULL);
}
