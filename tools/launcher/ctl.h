/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The control channel, the launcher's end: cuts the byte stream into messages,
 * and sends ours.  The guest is not trusted: a message that lib/launch.h does not
 * allow makes ctl_receive() fail, and the VM ends.
 *
 * Sending never blocks, since a guest that reads nothing would stop the launcher:
 * what the socket does not take waits in `out`.  Signals are dropped when the
 * guest has let many of them pile up; the other messages are few.
 */
#include <lib/launch.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl {
	int fd;
	size_t in_len;
	unsigned char in[sizeof(struct ctl_msg) + CTL_MAX_PAYLOAD];
	size_t out_len;
	unsigned char out[4096];
};

/* The messages that end a run, and what to do with each of the others. */
struct ctl_handler {
	void *cookie;
	void (*started)(void *cookie, const struct ctl_started *m);
	void (*exited)(void *cookie, const struct ctl_exit *m);
	void (*noexec)(void *cookie, const struct ctl_noexec *m, const char *text, size_t len);
	/* CTL_PANIC, CTL_LOG, CTL_TRACE, CTL_WARN */
	void (*text)(void *cookie, enum ctl_type type, const char *text, size_t len);
};

/* Reads what there is and hands it on.  1: more may come; 0: the other end is
 * closed; -EPROTO: the guest broke the rules, *why says how; other -errno. */
int ctl_receive(struct ctl *c, const struct ctl_handler *h, const char **why);

/* The same with what is in `in` already: 1 or -EPROTO.  Less than a message stays there. */
int ctl_take(struct ctl *c, const struct ctl_handler *h, const char **why);

/* Queues a message of ours and sends what the socket takes. */
void ctl_send(struct ctl *c, enum ctl_type type, const void *payload, uint32_t len);

/* True while something waits for the socket to become writable. */
bool ctl_wants_write(const struct ctl *c);
void ctl_flush(struct ctl *c);
