/* SPDX-License-Identifier: MIT */
/*
 * Messages from the launcher, byte by byte.  Pure; the bytes are untrusted: a message is handed
 * on only when its length is the one its type has.
 */
#include <host/ctl_parser.h>
#include <lib/string.h>

#define UNKNOWN UINT32_MAX

/* Payload bytes of each type that the host may send. */
static uint32_t payload_len(uint32_t type)
{
	switch (type) {
	case CTL_SIGNAL:
	case CTL_WINSIZE:
	case CTL_OUT_CLOSED: return 4;
	case CTL_STDIN_EOF: return 8;
	default: return UNKNOWN;
	}
}

static void dispatch(struct ctl_parser *p, uint32_t type, const void *payload,
		     const struct ctl_handlers *h)
{
	uint32_t word;
	uint16_t pair[2];
	uint64_t total;

	switch (type) {
	case CTL_SIGNAL:
		memcpy(&word, payload, sizeof(word));
		if (word < 1 || word > 64) {
			p->error = "signal number out of range";
		} else if (h->on_signal) {
			h->on_signal(word);
		}
		break;
	case CTL_WINSIZE:
		memcpy(pair, payload, sizeof(pair));
		if (h->on_winsize) {
			h->on_winsize(pair[0], pair[1]);
		}
		break;
	case CTL_STDIN_EOF:
		memcpy(&total, payload, sizeof(total));
		if (h->on_stdin_eof) {
			h->on_stdin_eof(total);
		}
		break;
	case CTL_OUT_CLOSED:
		memcpy(&word, payload, sizeof(word));
		if (word != 1 && word != 2) {
			p->error = "descriptor is neither 1 nor 2";
		} else if (h->on_out_closed) {
			h->on_out_closed(word);
		}
		break;
	default: break;
	}
}

/* The header is complete: is it good, and does its payload go to buf or nowhere? */
static void check_header(struct ctl_parser *p)
{
	struct ctl_msg m;
	uint32_t want;

	memcpy(&m, p->buf, sizeof(m));
	want = payload_len(m.type);
	if (want == UNKNOWN) {
		if (m.len > CTL_MAX_PAYLOAD) {
			p->error = "payload too long";
		}
		p->skip = m.len;
		p->have = 0;
	} else if (m.len != want) {
		p->error = "wrong payload length";
	}
}

void ctl_parser_feed(struct ctl_parser *p, const void *data, size_t n, const struct ctl_handlers *h)
{
	const uint8_t *at = data, *end = at + n;

	while (at < end && !p->error) {
		struct ctl_msg m = { 0 };
		uint32_t want = sizeof(m);

		if (p->skip) {
			size_t step = MIN((size_t)(end - at), (size_t)p->skip);

			at += step;
			p->skip -= (uint32_t)step;
			continue;
		}
		if (p->have >= sizeof(m)) {
			memcpy(&m, p->buf, sizeof(m));
			want += m.len; /* check_header() has seen it */
		}
		while (at < end && p->have < want) {
			p->buf[p->have++] = *at++;
		}
		if (p->have < want) {
			return;
		}
		if (want == sizeof(m)) {
			check_header(p);
			continue;
		}
		p->have = 0;
		dispatch(p, m.type, p->buf + sizeof(m), h);
	}
}
