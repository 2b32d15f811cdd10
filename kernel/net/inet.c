/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses of this machine: 127/8, ::1 and the wildcards.  Names are kept as IPv6,
 * IPv4 as ::ffff:a.b.c.d.  A hash by port holds the bound sockets; all under net_lock.
 */
#include "net_internal.h"

#include <fs/cred.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <sync/random.h>

#define PORT_HASH 1024
#define EPHEMERAL_FIRST 32768
#define EPHEMERAL_LAST 60999

static struct list ports[PORT_HASH]; /* linked on first use */
static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
static const uint8_t any6[16], loopback6[16] = { [15] = 1 };

static bool is_mapped(const uint8_t ip[16])
{
	return memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static bool is_any(const uint8_t ip[16])
{
	return memcmp(ip, any6, 16) == 0 ||
	       (is_mapped(ip) && ip[12] == 0 && ip[13] == 0 && ip[14] == 0 && ip[15] == 0);
}

static bool is_loopback(const uint8_t ip[16])
{
	return is_mapped(ip) ? ip[12] == 127 : memcmp(ip, loopback6, 16) == 0;
}

static uint16_t swap16(uint16_t v)
{
	return (uint16_t)(v << 8 | v >> 8);
}

/* -EINVAL too short, -EAFNOSUPPORT another family. */
static int parse(const struct socket *s, const struct sock_addr *addr, struct inet_name *out)
{
	if (addr->len < sizeof(uint16_t)) {
		return -EINVAL;
	}
	if (s->domain == AF_INET6) {
		if (addr->family != AF_INET6) {
			return addr->len < 24 ? -EINVAL : -EAFNOSUPPORT;
		}
		if (addr->len < 24) {
			return -EINVAL;
		}
		memcpy(out->ip, addr->in6.addr, 16);
		out->port = swap16(addr->in6.port);
		return is_mapped(out->ip) && s->ints[INT_V6ONLY] ? -ENETUNREACH : 0;
	}
	if (addr->len < sizeof(struct linux_sockaddr_in)) {
		return -EINVAL;
	}
	if (addr->family != AF_INET && (addr->family != AF_UNSPEC || addr->in.addr)) {
		return -EAFNOSUPPORT;
	}
	memcpy(out->ip, mapped_prefix, sizeof(mapped_prefix));
	memcpy(out->ip + 12, &addr->in.addr, 4);
	out->port = swap16(addr->in.port);
	return 0;
}

static void to_addr(const struct socket *s, const struct inet_name *n, struct sock_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->family = (uint16_t)s->domain;
	if (s->domain == AF_INET6) {
		out->len = sizeof(out->in6);
		out->in6.port = swap16(n->port);
		memcpy(out->in6.addr, n->ip, 16);
	} else {
		out->len = sizeof(out->in);
		out->in.port = swap16(n->port);
		if (is_mapped(n->ip)) {
			memcpy(&out->in.addr, n->ip + 12, 4);
		}
	}
}

static void any_of(const struct socket *s, struct inet_name *n)
{
	memset(n, 0, sizeof(*n));
	if (s->domain == AF_INET) {
		memcpy(n->ip, mapped_prefix, sizeof(mapped_prefix));
	}
}

/* A socket bound to `name` receives what goes to ip. */
static bool REQUIRES(net_table_role) covers(const struct socket *s, const uint8_t ip[16])
{
	if (memcmp(s->local.ip, ip, 16) == 0) {
		return true;
	}
	if (!is_any(s->local.ip)) {
		return false;
	}
	return is_mapped(ip) == is_mapped(s->local.ip) || (is_mapped(ip) && !s->ints[INT_V6ONLY]);
}

static struct list *bucket(uint16_t port)
{
	struct list *b = &ports[port % PORT_HASH];

	if (!b->next) {
		list_init(b);
	}
	return b;
}

static bool may_share(const struct socket *a, const struct socket *b)
{
	bool listening = READ_ONCE(a->state) == SOCKET_LISTENING ||
			 READ_ONCE(b->state) == SOCKET_LISTENING;

	if (a->ints[INT_REUSEPORT] && b->ints[INT_REUSEPORT]) {
		return true;
	}
	return a->ints[INT_REUSEADDR] && b->ints[INT_REUSEADDR] &&
	       !(a->type == SOCK_STREAM && listening);
}

/* Somebody has the name s->local (listening: and listens there) who would not share it. */
static bool REQUIRES(net_table_role) taken_locked(const struct socket *s, bool listening)
{
	const struct socket *b;

	spin_assert_held(&net_lock);
	list_for_each_entry(b, bucket(s->local.port), name_link) {
		if (b != s && b->local.port == s->local.port && b->type == s->type &&
		    (!listening || READ_ONCE(b->state) == SOCKET_LISTENING) &&
		    (covers(b, s->local.ip) || covers(s, b->local.ip)) && !may_share(s, b)) {
			return true;
		}
	}
	return false;
}

static int inet_may_listen_locked(const struct socket *s)
{
	spin_assert_held(&net_lock);
	return taken_locked(s, true) ? -EADDRINUSE : 0;
}

/* Gives s the name; port 0 = one that is free, from the first-th on. */
static int REQUIRES(net_table_role)
	take_name_locked(struct socket *s, const struct inet_name *name, unsigned first)
{
	unsigned range = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;

	spin_assert_held(&net_lock);
	s->local = *name;
	if (name->port) {
		return taken_locked(s, false) ? -EADDRINUSE : 0;
	}
	for (unsigned i = 0; i < range; i++) {
		const struct socket *b;
		bool used = false;

		s->local.port = (uint16_t)(EPHEMERAL_FIRST + (first % range + i) % range);
		/* A port of one's own, whatever the others would share. */
		list_for_each_entry(b, bucket(s->local.port), name_link) {
			used |= b->local.port == s->local.port && b->type == s->type;
		}
		if (!used) {
			return 0;
		}
	}
	return -EADDRINUSE;
}

static int bind_name(struct socket *s, const struct inet_name *name)
{
	struct inet_name old;
	unsigned first;
	int err;

	random_bytes(&first, sizeof(first));
	spin_lock(&net_lock);
	old = s->local;
	err = s->bound ? -EINVAL : take_name_locked(s, name, first);
	if (!err) {
		s->bound = true;
		list_push_back(bucket(s->local.port), &s->name_link);
	} else {
		s->local = old;
	}
	spin_unlock(&net_lock);
	return err;
}

static int inet_bind(struct socket *s, const struct sock_addr *addr)
{
	struct inet_name name;
	int err = parse(s, addr, &name);

	if (err) {
		return err == -ENETUNREACH ? -EINVAL : err;
	}
	if (!is_any(name.ip) && !is_loopback(name.ip) && !s->ints[INT_FREEBIND]) {
		return -EADDRNOTAVAIL;
	}
	if (name.port && name.port < 1024 && !cred_capable(CAP_NET_BIND_SERVICE)) {
		return -EACCES;
	}
	return bind_name(s, &name);
}

int inet_autobind(struct socket *s)
{
	struct inet_name name;
	int err;

	if (READ_ONCE(s->bound)) {
		return 0;
	}
	any_of(s, &name);
	err = bind_name(s, &name);
	return err == -EADDRINUSE ? -EAGAIN : err == -EINVAL ? 0 : err;
}

static void inet_unbind(struct socket *s)
{
	spin_lock(&net_lock);
	list_remove(&s->name_link);
	spin_unlock(&net_lock);
}

/* The wildcard as a destination is this machine. */
static int REQUIRES(net_table_role)
	destination_locked(const struct socket *s, const struct sock_addr *addr,
			   struct inet_name *to)
{
	int err = parse(s, addr, to);

	spin_assert_held(&net_lock);
	if (err) {
		return err;
	}
	if (is_any(to->ip)) {
		if (is_mapped(to->ip)) {
			to->ip[12] = 127;
			to->ip[15] = 1;
		} else {
			to->ip[15] = 1;
		}
	}
	if (s->bound && !is_any(s->local.ip) && is_mapped(s->local.ip) != is_mapped(to->ip)) {
		return -EINVAL;
	}
	return is_loopback(to->ip) ? 0 : -ENETUNREACH;
}

/* How well b fits a message from `from`: the exact and the connected before the wildcard. */
static int REQUIRES(net_table_role)
	score(const struct socket *b, const struct inet_name *to, const struct inet_name *from)
{
	int points = 1;

	if (b->local.port != to->port || !covers(b, to->ip)) {
		return 0;
	}
	points += is_any(b->local.ip) ? 0 : 2;
	if (b->type != SOCK_STREAM && READ_ONCE(b->state) == SOCKET_CONNECTED) {
		if (b->remote.port != from->port || memcmp(b->remote.ip, from->ip, 16) != 0) {
			return 0;
		}
		points += 4;
	}
	return points;
}

/* The address that a packet from s to `to` carries as its source. */
static void REQUIRES(net_table_role)
	source_of(const struct socket *s, const struct inet_name *to, struct inet_name *out)
{
	*out = s->local;
	if (is_any(out->ip)) {
		memcpy(out->ip, to->ip, 16);
		if (is_mapped(to->ip)) {
			out->ip[12] = 127;
			out->ip[13] = out->ip[14] = 0;
			out->ip[15] = 1;
		}
	}
}

/* Who receives at `to` what s sends from `from`: counted, or NULL. */
static struct socket *REQUIRES(net_table_role)
	find_locked(const struct socket *s, const struct inet_name *to,
		    const struct inet_name *from)
{
	struct socket *b, *found = NULL;
	int best = 0;

	spin_assert_held(&net_lock);
	list_for_each_entry(b, bucket(to->port), name_link) {
		int points = b->type == s->type ? score(b, to, from) : 0;

		if (s->type == SOCK_STREAM && READ_ONCE(b->state) != SOCKET_LISTENING) {
			continue;
		}
		if (points && points >= best) { /* among equals the one that was bound last */
			best = points;
			found = b;
		}
	}
	if (found) {
		socket_get(found);
	}
	return found;
}

/* addr NULL: where s is connected to. */
static int route(struct socket *s, const struct sock_addr *addr, struct socket **out,
		 struct inet_name *from)
{
	struct inet_name to;
	int err = 0;

	*out = NULL;
	spin_lock(&net_lock);
	if (addr) {
		err = destination_locked(s, addr, &to);
	} else {
		to = s->remote;
	}
	if (!err) {
		source_of(s, &to, from);
		*out = find_locked(s, &to, from);
	}
	spin_unlock(&net_lock);
	return err ? err : *out ? 0 : -ECONNREFUSED;
}

static int inet_find(struct socket *s, const struct sock_addr *addr, struct socket **out)
{
	struct inet_name from;

	return route(s, addr, out, &from);
}

int inet_route(struct socket *s, const struct sock_addr *addr, struct socket **to,
	       struct sock_addr *from)
{
	struct inet_name source;
	int err = route(s, addr, to, &source);

	if (!err) {
		to_addr(*to, &source, from);
	}
	return err;
}

static void inet_set_remote(struct socket *s, const struct sock_addr *addr, struct socket *target,
			    struct socket *child)
{
	struct inet_name to;

	spin_lock(&net_lock);
	if (!addr || destination_locked(s, addr, &to)) {
		any_of(s, &s->remote);
	} else {
		s->remote = to;
		source_of(s, &to, &s->local);
		if (child) {
			child->local = to;
			child->remote = s->local;
			child->bound = true;
		}
	}
	spin_unlock(&net_lock);
}

static void inet_local_name(struct socket *s, struct sock_addr *out)
{
	struct inet_name name;

	spin_lock(&net_lock);
	name = s->local;
	if (!s->bound) {
		any_of(s, &name);
	}
	spin_unlock(&net_lock);
	to_addr(s, &name, out);
}

static void inet_remote_name(struct socket *s, struct sock_addr *out)
{
	spin_lock(&net_lock);
	to_addr(s, &s->remote, out);
	spin_unlock(&net_lock);
}

bool inet_is_remote(struct socket *s, const struct sock_addr *addr)
{
	struct sock_addr remote;
	size_t n = s->domain == AF_INET ? 8 : 24; /* up to the address */

	inet_remote_name(s, &remote);
	return addr->family == remote.family && memcmp(addr->raw, remote.raw, n) == 0;
}

static int inet_check_level(const struct socket *s, int level)
{
	return level == SOL_SOCKET || level == IPPROTO_IP || level == s->protocol ||
			       (level == IPPROTO_IPV6 && s->domain == AF_INET6)
		       ? 0
		       : -ENOPROTOOPT;
}

int inet_check_recv(unsigned flags)
{
	return flags & MSG_OOB ? -EINVAL : flags & MSG_ERRQUEUE ? -EAGAIN : 0;
}

const struct socket_family inet_family = {
	.bind = inet_bind,
	.autobind = inet_autobind,
	.may_listen_locked = inet_may_listen_locked,
	.unbind = inet_unbind,
	.find = inet_find,
	.set_remote = inet_set_remote,
	.local_name = inet_local_name,
	.remote_name = inet_remote_name,
	.check_level = inet_check_level,
};
