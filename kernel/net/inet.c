/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses of this machine: 127/8, ::1 and the wildcards.  Names are kept as IPv6,
 * IPv4 as ::ffff:a.b.c.d.  All under net_lock.
 */
#include "inet_table.h"

#include <fs/cred.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <sync/random.h>

static const uint8_t loopback6[16] = { [15] = 1 };

static bool is_loopback(const uint8_t ip[16])
{
	return inet_is_mapped(ip) ? ip[12] == 127 : memcmp(ip, loopback6, 16) == 0;
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
		return inet_is_mapped(out->ip) && s->ints[INT_V6ONLY] ? -ENETUNREACH : 0;
	}
	if (addr->len < sizeof(struct linux_sockaddr_in)) {
		return -EINVAL;
	}
	if (addr->family != AF_INET && (addr->family != AF_UNSPEC || addr->in.addr)) {
		return -EAFNOSUPPORT;
	}
	memcpy(out->ip, inet_any4, sizeof(inet_any4));
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
		if (inet_is_mapped(n->ip)) {
			memcpy(&out->in.addr, n->ip + 12, 4);
		}
	}
}

static void any_of(const struct socket *s, struct inet_name *n)
{
	memset(n, 0, sizeof(*n));
	if (s->domain == AF_INET) {
		memcpy(n->ip, inet_any4, sizeof(inet_any4));
	}
}

static int inet_listen_locked(struct socket *s)
{
	spin_assert_held(&net_lock);
	if (inet_taken_locked(s, true)) {
		return -EADDRINUSE;
	}
	inet_listens_locked(s);
	return 0;
}

/* Port 0: one of one's own, whatever the others would share. */
static int REQUIRES(net_table_role)
	take_name_locked(struct socket *s, const struct inet_name *name, unsigned first)
{
	spin_assert_held(&net_lock);
	s->local = *name;
	if (name->port) {
		return inet_taken_locked(s, false) ? -EADDRINUSE : 0;
	}
	s->local.port = inet_free_port_locked(s->type, first);
	return s->local.port ? 0 : -EADDRINUSE;
}

static int bind_name(struct socket *s, const struct inet_name *name)
{
	struct inet_port *spare = inet_port_alloc();
	struct inet_name old;
	unsigned first;
	int err;

	if (!spare) {
		return -ENOMEM;
	}
	random_bytes(&first, sizeof(first));
	spin_lock(&net_lock);
	old = s->local;
	err = s->bound ? -EINVAL : take_name_locked(s, name, first);
	if (!err) {
		s->bound = true;
		inet_enter_locked(s, &spare);
	} else {
		s->local = old;
	}
	spin_unlock(&net_lock);
	inet_port_free(spare);
	return err;
}

static int inet_bind(struct socket *s, const struct sock_addr *addr)
{
	struct inet_name name;
	int err = parse(s, addr, &name);

	if (err) {
		return err == -ENETUNREACH ? -EINVAL : err;
	}
	if (!inet_is_any(name.ip) && !is_loopback(name.ip) && !s->ints[INT_FREEBIND]) {
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
	struct inet_port *unused;

	spin_lock(&net_lock);
	unused = inet_leave_locked(s);
	spin_unlock(&net_lock);
	inet_port_free(unused);
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
	if (inet_is_any(to->ip)) {
		if (inet_is_mapped(to->ip)) {
			to->ip[12] = 127;
			to->ip[15] = 1;
		} else {
			to->ip[15] = 1;
		}
	}
	if (s->bound && !inet_is_any(s->local.ip) &&
	    inet_is_mapped(s->local.ip) != inet_is_mapped(to->ip)) {
		return -EINVAL;
	}
	return is_loopback(to->ip) ? 0 : -ENETUNREACH;
}

/* The address that a packet from s to `to` carries as its source. */
static void REQUIRES(net_table_role)
	source_of(const struct socket *s, const struct inet_name *to, struct inet_name *out)
{
	*out = s->local;
	if (inet_is_any(out->ip)) {
		memcpy(out->ip, to->ip, 16);
		if (inet_is_mapped(to->ip)) {
			out->ip[12] = 127;
			out->ip[13] = out->ip[14] = 0;
			out->ip[15] = 1;
		}
	}
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
		*out = inet_receiver_locked(s, &to, from);
		if (*out) {
			socket_get(*out);
		}
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
		s->has_remote = false;
	} else {
		s->remote = to;
		s->has_remote = true;
		source_of(s, &to, &s->local);
		if (child) {
			child->local = to;
			child->remote = s->local;
			child->bound = true;
		}
	}
	inet_moved_locked(s);
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
	.listen_locked = inet_listen_locked,
	.sharing_changed = inet_recount,
	.unbind = inet_unbind,
	.find = inet_find,
	.set_remote = inet_set_remote,
	.local_name = inet_local_name,
	.remote_name = inet_remote_name,
	.check_level = inet_check_level,
};
