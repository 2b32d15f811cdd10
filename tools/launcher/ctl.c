/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "ctl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define SIGNAL_RESERVE 1024 /* of `out`, kept for what must not be lost */

static const char *take_started(const struct ctl_handler *h, const unsigned char *p, size_t len)
{
	struct ctl_started m;

	if (len != sizeof(m)) {
		return "CTL_STARTED of a wrong size";
	}
	memcpy(&m, p, sizeof(m));
	h->started(h->cookie, &m);
	return NULL;
}

static const char *take_exit(const struct ctl_handler *h, const unsigned char *p, size_t len)
{
	struct ctl_exit m;

	if (len != sizeof(m)) {
		return "CTL_EXIT of a wrong size";
	}
	memcpy(&m, p, sizeof(m));
	if (m.by_signal > 1 || m.value > (m.by_signal ? 64 : 255) || (m.by_signal && !m.value)) {
		return "CTL_EXIT with an impossible status";
	}
	h->exited(h->cookie, &m);
	return NULL;
}

static const char *take_noexec(const struct ctl_handler *h, const unsigned char *p, size_t len)
{
	struct ctl_noexec m;

	if (len < sizeof(m)) {
		return "CTL_NOEXEC of a wrong size";
	}
	memcpy(&m, p, sizeof(m));
	if (m.status < LAUNCH_STATUS_FAULT || m.status > LAUNCH_STATUS_MISSING) {
		return "CTL_NOEXEC with an impossible status";
	}
	h->noexec(h->cookie, &m, (const char *)p + sizeof(m), len - sizeof(m));
	return NULL;
}

/* NULL, or what is wrong with the message. */
static const char *dispatch(const struct ctl_handler *h, uint32_t type, const unsigned char *p,
			    size_t len)
{
	switch (type) {
	case CTL_STARTED: return take_started(h, p, len);
	case CTL_EXIT: return take_exit(h, p, len);
	case CTL_NOEXEC: return take_noexec(h, p, len);
	case CTL_PANIC:
	case CTL_LOG:
	case CTL_TRACE:
	case CTL_WARN: h->text(h->cookie, (enum ctl_type)type, (const char *)p, len); return NULL;
	default: return "a control message of an unknown type";
	}
}

int ctl_take(struct ctl *c, const struct ctl_handler *h, const char **why)
{
	size_t at = 0;

	for (;;) {
		struct ctl_msg m;

		if (c->in_len - at < sizeof(m)) {
			break;
		}
		memcpy(&m, c->in + at, sizeof(m));
		if (m.len > CTL_MAX_PAYLOAD) {
			*why = "a control message longer than 64 KiB";
			return -EPROTO;
		}
		if (c->in_len - at - sizeof(m) < m.len) {
			break;
		}
		*why = dispatch(h, m.type, c->in + at + sizeof(m), m.len);
		if (*why) {
			return -EPROTO;
		}
		at += sizeof(m) + m.len;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
	return 1;
}

int ctl_receive(struct ctl *c, const struct ctl_handler *h, const char **why)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 1 : -errno;
	}
	if (n == 0) {
		return 0;
	}
	c->in_len += (size_t)n;
	return ctl_take(c, h, why);
}

bool ctl_wants_write(const struct ctl *c)
{
	return c->out_len > 0;
}

void ctl_flush(struct ctl *c)
{
	while (c->out_len > 0) {
		ssize_t n = send(c->fd, c->out, c->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0 && errno == EAGAIN) {
			return;
		}
		if (n < 0) {
			c->out_len = 0; /* QEMU is gone, which its pidfd reports */
			return;
		}
		memmove(c->out, c->out + n, c->out_len - (size_t)n);
		c->out_len -= (size_t)n;
	}
}

void ctl_send(struct ctl *c, enum ctl_type type, const void *payload, uint32_t len)
{
	struct ctl_msg m = { .type = type, .len = len };
	size_t limit = sizeof(c->out);

	if (type == CTL_SIGNAL || type == CTL_WINSIZE) {
		limit -= SIGNAL_RESERVE;
	}
	if (c->out_len + sizeof(m) + len > limit) {
		return;
	}
	memcpy(c->out + c->out_len, &m, sizeof(m));
	memcpy(c->out + c->out_len + sizeof(m), payload, len);
	c->out_len += sizeof(m) + len;
	ctl_flush(c);
}
