/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: tools/launcher/ctl.c */
/* What the guest says to the launcher, cut at random into pieces: the same calls for the same bytes,
 * and none with a value that the launcher does not expect. */
#include "fuzz.h"
#include <ctl.h>
#include <errno.h>
#include <string.h>

static uint64_t seen;

static void see(const void *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		seen = seen * 31 + ((const uint8_t *)data)[i];
	seen = seen * 37 + len;
}
static void on_started(void *cookie, const struct ctl_started *m)
{
	see(m, sizeof(*m));
}
static void on_exit_message(void *cookie, const struct ctl_exit *m)
{
	CLAIM(m->by_signal <= 1);
	CLAIM(m->by_signal ? m->value >= 1 && m->value <= 64 : m->value <= 255);
	see(m, sizeof(*m));
}
static void on_noexec(void *cookie, const struct ctl_noexec *m, const char *text, size_t len)
{
	CLAIM(m->status >= 125 && m->status <= 127);
	CLAIM(len <= CTL_MAX_PAYLOAD - sizeof(*m));
	see(m, sizeof(*m));
	see(text, len);
}
static void on_text(void *cookie, enum ctl_type type, const char *text, size_t len)
{
	CLAIM(type >= CTL_PANIC && type <= CTL_WARN);
	CLAIM(len <= CTL_MAX_PAYLOAD);
	seen += type;
	see(text, len);
}
static const struct ctl_handler h = { NULL, on_started, on_exit_message, on_noexec, on_text };

/* Returns what ctl_take() said last. */
static int feed(struct ctl *c, const uint8_t *data, size_t size, size_t step, const char **why)
{
	int err = 1;

	c->in_len = 0;
	seen = 1;
	for (size_t at = 0; at < size && err == 1; at += step) {
		size_t n = size - at < step ? size - at : step;

		CLAIM(n <= sizeof(c->in) - c->in_len);
		memcpy(c->in + c->in_len, data + at, n);
		c->in_len += n;
		err = ctl_take(c, &h, why);
		CLAIM(err == 1 || (err == -EPROTO && *why));
		/* there is room for the rest of any message */
		CLAIM(err != 1 || c->in_len < sizeof(c->in));
	}
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ctl whole, cut;
	const char *why = NULL;
	uint64_t first;
	int err = feed(&whole, data, size, size ? size : 1, &why);

	first = seen;
	CLAIM(feed(&cut, data, size, size ? data[size - 1] % 23 + 1 : 1, &why) == err);
	CLAIM(seen == first);
	CLAIM(err != 1 || (whole.in_len == cut.in_len && !memcmp(whole.in, cut.in, cut.in_len)));
	return 0;
}
