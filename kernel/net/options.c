/* SPDX-License-Identifier: MIT */
/*
 * getsockopt and setsockopt.  Values are single words that are stored and read without a lock:
 * two that set the same option race on Linux, too.
 */
#include "net_internal.h"

#include <fs/cred.h>
#include <lib/string.h>
#include <linux/capability.h>

/* Numbers that are stored, checked and given back; most mean nothing without a wire. */
struct int_option {
	int level, name;
	enum socket_int index;
	int min, max; /* beyond: -EINVAL; both 0: a boolean */
};

static const struct int_option int_options[] = {
	{ SOL_SOCKET, SO_DEBUG, INT_DEBUG, 0, 0 },
	{ SOL_SOCKET, SO_REUSEADDR, INT_REUSEADDR, 0, 0 },
	{ SOL_SOCKET, SO_REUSEPORT, INT_REUSEPORT, 0, 0 },
	{ SOL_SOCKET, SO_BROADCAST, INT_BROADCAST, 0, 0 },
	{ SOL_SOCKET, SO_KEEPALIVE, INT_KEEPALIVE, 0, 0 },
	{ SOL_SOCKET, SO_DONTROUTE, INT_DONTROUTE, 0, 0 },
	{ SOL_SOCKET, SO_OOBINLINE, INT_OOBINLINE, 0, 0 },
	{ SOL_SOCKET, SO_PASSCRED, INT_PASSCRED, 0, 0 },
	{ SOL_SOCKET, SO_PRIORITY, INT_PRIORITY, 0, INT32_MAX },
	{ SOL_SOCKET, SO_RCVLOWAT, INT_RCVLOWAT, 0, INT32_MAX },
	{ IPPROTO_TCP, TCP_NODELAY, INT_NODELAY, 0, 0 },
	{ IPPROTO_TCP, TCP_MAXSEG, INT_MAXSEG, 88, 32767 },
	{ IPPROTO_TCP, TCP_CORK, INT_CORK, 0, 0 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, INT_KEEPIDLE, 1, 32767 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, INT_KEEPINTVL, 1, 32767 },
	{ IPPROTO_TCP, TCP_KEEPCNT, INT_KEEPCNT, 1, 127 },
	{ IPPROTO_TCP, TCP_SYNCNT, INT_SYNCNT, 1, 127 },
	{ IPPROTO_TCP, TCP_LINGER2, INT_LINGER2, INT32_MIN, INT32_MAX },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, INT_DEFER_ACCEPT, INT32_MIN, INT32_MAX },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, INT_WINDOW_CLAMP, 0, INT32_MAX },
	{ IPPROTO_TCP, TCP_QUICKACK, INT_QUICKACK, 0, 0 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, INT_USER_TIMEOUT, 0, INT32_MAX },
	{ IPPROTO_TCP, TCP_FASTOPEN, INT_FASTOPEN, 0, INT32_MAX },
	{ IPPROTO_IP, IP_TOS, INT_TOS, 0, 255 },
	{ IPPROTO_IP, IP_TTL, INT_TTL, -1, 255 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, INT_MTU_DISCOVER, 0, 5 },
	{ IPPROTO_IP, IP_RECVERR, INT_RECVERR, 0, 0 },
	{ IPPROTO_IP, IP_FREEBIND, INT_FREEBIND, 0, 0 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, INT_NO_PORT, 0, 0 },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, INT_HOPS, -1, 255 },
	{ IPPROTO_IPV6, IPV6_RECVERR, INT_RECVERR6, 0, 0 },
	{ IPPROTO_IPV6, IPV6_V6ONLY, INT_V6ONLY, 0, 0 },
	{ IPPROTO_IPV6, IPV6_TCLASS, INT_TCLASS, -1, 255 },
};

static const struct int_option *find_option(int level, int name)
{
	for (size_t i = 0; i < ARRAY_SIZE(int_options); i++) {
		if (int_options[i].level == level && int_options[i].name == name) {
			return &int_options[i];
		}
	}
	return NULL;
}

static int set_int(struct socket *s, const struct int_option *o, int v)
{
	if (o->min == 0 && o->max == 0) {
		v = v != 0;
	} else if (v < o->min || v > o->max) {
		return -EINVAL;
	}
	if (o->index == INT_PRIORITY && v > 6 && !cred_capable(CAP_NET_ADMIN)) {
		return -EPERM;
	}
	if (o->index == INT_V6ONLY && READ_ONCE(s->bound)) {
		return -EINVAL;
	}
	if (v < 0 && (o->index == INT_TTL || o->index == INT_HOPS)) {
		v = 64;
	} else if (o->index == INT_TTL && v == 0) {
		return -EINVAL;
	}
	if (o->index == INT_RCVLOWAT && v == 0) {
		v = 1;
	}
	WRITE_ONCE(s->ints[o->index], v);
	if ((o->index == INT_REUSEADDR || o->index == INT_REUSEPORT) &&
	    s->kind->family->sharing_changed) {
		s->kind->family->sharing_changed(s);
	}
	return 0;
}

/* Linux doubles what it is asked for. */
static void set_buffer(size_t *buf, int v, size_t min)
{
	size_t n = v < 0 ? SOCKET_BUF_MAX : MIN((size_t)(unsigned)v, SOCKET_BUF_MAX);

	WRITE_ONCE(*buf, MAX(2 * n, min));
}

static int set_timeout(uint64_t *out, const void *value, unsigned len)
{
	int64_t tv[2];

	if (len < sizeof(tv)) {
		return -EINVAL;
	}
	memcpy(tv, value, sizeof(tv));
	if (tv[1] < 0 || tv[1] >= 1000000) {
		return -EDOM;
	}
	if (tv[0] < 0) {
		tv[0] = 0, tv[1] = 1; /* as good as none at all: do not wait */
	}
	*out = tv[0] > INT64_MAX / 2000000000
		       ? 0
		       : (uint64_t)tv[0] * 1000000000u + (uint64_t)tv[1] * 1000u;
	return 0;
}

static int set_socket_option(struct socket *s, int name, const void *value, unsigned len, int v)
{
	switch (name) {
	case SO_SNDBUF:
		set_buffer(&s->sndbuf, v, 2 * SOCKET_BUF_MIN);
		send_room_grew(s);
		return 0;
	case SO_RCVBUF: set_buffer(&s->rcvbuf, v, SOCKET_BUF_MIN); return 0;
	case SO_SNDBUFFORCE:
	case SO_RCVBUFFORCE:
		if (!cred_capable(CAP_NET_ADMIN)) {
			return -EPERM;
		}
		set_buffer(name == SO_SNDBUFFORCE ? &s->sndbuf : &s->rcvbuf, v, SOCKET_BUF_MIN);
		return 0;
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW: return set_timeout(&s->rcvtimeo, value, len);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW: return set_timeout(&s->sndtimeo, value, len);
	case SO_LINGER:
		if (len < sizeof(s->linger)) {
			return -EINVAL;
		}
		memcpy(&s->linger, value, sizeof(s->linger));
		s->linger.on = s->linger.on != 0;
		return 0;
	default: return -ENOPROTOOPT;
	}
}

int socket_set_option(struct socket *s, int level, int name, const void *value, unsigned len)
{
	const struct int_option *o = find_option(level, name);
	int v = 0;
	int err = s->kind->family->check_level(s, level);

	if (err) {
		return err;
	}
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		return len >= 5 && memcmp(value, "cubic", 5) == 0 ? 0 : -ENOENT;
	}
	if (level == IPPROTO_IP && len && len < sizeof(v)) {
		v = *(const uint8_t *)value; /* one byte will do there */
	} else if (len < sizeof(v)) {
		return -EINVAL;
	} else {
		memcpy(&v, value, sizeof(v));
	}
	if (level == SOL_SOCKET && name == SO_DEBUG && v && !cred_capable(CAP_NET_ADMIN)) {
		return -EACCES;
	}
	if (o) {
		return set_int(s, o, v);
	}
	return level == SOL_SOCKET ? set_socket_option(s, name, value, len, v) : -ENOPROTOOPT;
}

static int put(void *out, unsigned *len, const void *value, unsigned n)
{
	*len = MIN(*len, n);
	memcpy(out, value, *len);
	return 0;
}

static int put_int(void *out, unsigned *len, int v)
{
	return put(out, len, &v, sizeof(v));
}

static int put_timeout(void *out, unsigned *len, uint64_t ns)
{
	int64_t tv[2] = { (int64_t)(ns / 1000000000u), (int64_t)(ns % 1000000000u / 1000u) };

	return put(out, len, tv, sizeof(tv));
}

static int get_socket_option(struct socket *s, int name, void *value, unsigned *len)
{
	switch (name) {
	case SO_TYPE: return put_int(value, len, s->type);
	case SO_DOMAIN: return put_int(value, len, s->domain);
	case SO_PROTOCOL: return put_int(value, len, s->protocol);
	case SO_ERROR: return put_int(value, len, -socket_take_error(s));
	case SO_ACCEPTCONN: return put_int(value, len, READ_ONCE(s->state) == SOCKET_LISTENING);
	case SO_SNDBUF: return put_int(value, len, (int)s->sndbuf);
	case SO_RCVBUF: return put_int(value, len, (int)s->rcvbuf);
	case SO_SNDLOWAT: return put_int(value, len, 1);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW: return put_timeout(value, len, s->rcvtimeo);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW: return put_timeout(value, len, s->sndtimeo);
	case SO_LINGER: return put(value, len, &s->linger, sizeof(s->linger));
	case SO_PEERCRED: return put(value, len, &s->peer_creds, sizeof(s->peer_creds));
	default: return -ENOPROTOOPT;
	}
}

/* struct tcp_info begins with the state; the rest counts what happens on a wire. */
static int get_tcp_info(struct socket *s, void *value, unsigned *len)
{
	uint8_t info[104] = { 0 };

	switch (READ_ONCE(s->state)) {
	case SOCKET_CONNECTED:
		info[0] = READ_ONCE(s->eof)	     ? 8
			  : READ_ONCE(s->shut_write) ? 5
						     : 1; /* CLOSE_WAIT, FIN_WAIT2, ESTABLISHED */
		break;
	case SOCKET_CONNECTING: info[0] = 2; break;
	case SOCKET_LISTENING: info[0] = 10; break;
	default: info[0] = 7; break;
	}
	return put(value, len, info, sizeof(info));
}

int socket_get_option(struct socket *s, int level, int name, void *value, unsigned *len)
{
	const struct int_option *o = find_option(level, name);
	int err = s->kind->family->check_level(s, level);

	if (err) {
		return err;
	}
	if (o) {
		return put_int(value, len, READ_ONCE(s->ints[o->index]));
	}
	if (level == SOL_SOCKET) {
		return get_socket_option(s, name, value, len);
	}
	if (level == IPPROTO_TCP && name == TCP_INFO) {
		return get_tcp_info(s, value, len);
	}
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		return put(value, len, "cubic\0\0\0\0\0\0\0\0\0\0", 16);
	}
	return -ENOPROTOOPT;
}
