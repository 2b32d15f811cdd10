/* SPDX-License-Identifier: MIT */
/* The launcher's blob, checked once: afterwards each string is known to end inside it. */
#include <lib/launch.h>
#include <lib/cmdline.h>
#include <lib/launch_config.h>
#include <lib/string.h>
#include <linux/errno.h>

#define KNOWN_FLAGS                                                                           \
	(LAUNCH_TTY | LAUNCH_STRACE | LAUNCH_KERNEL_LOG | LAUNCH_FUSE_IDS | LAUNCH_WAIT_ALL | \
	 LAUNCH_SUMMARY | LAUNCH_TIMING)

struct cursor {
	const char *at, *end;
};

/* The next NUL-terminated string, NULL when the blob ends before its NUL. */
static const char *take_string(struct cursor *c)
{
	const char *s = c->at;
	const char *nul = s == c->end ? NULL : memchr(s, 0, (size_t)(c->end - s));

	if (!nul) {
		return NULL;
	}
	c->at = nul + 1;
	return s;
}

static const char *take_strings(struct cursor *c, uint32_t count, size_t *len)
{
	const char *first = c->at;

	for (uint32_t i = 0; i < count; i++) {
		if (!take_string(c)) {
			return NULL;
		}
	}
	*len = (size_t)(c->at - first);
	return first;
}

static const char *check_header(const struct launch_header *h, size_t n)
{
	if (h->magic != LAUNCH_MAGIC) {
		return "bad magic";
	}
	if (h->version != LAUNCH_VERSION) {
		return "unknown version: kernel and launcher differ";
	}
	if (h->strings_len != n - sizeof(*h)) {
		return "wrong length";
	}
	if (h->flags & ~(uint32_t)KNOWN_FLAGS) {
		return "unknown flags: kernel and launcher differ";
	}
	for (unsigned i = 0; i < ARRAY_SIZE(h->reserved); i++) {
		if (h->reserved[i]) {
			return "reserved words in use: kernel and launcher differ";
		}
	}
	if (h->argc == 0) {
		return "no argv[0]";
	}
	/* each string takes a byte, so this bounds the loops below */
	if (h->argc > h->strings_len || h->envc > h->strings_len) {
		return "more strings than bytes";
	}
	if (h->umask & ~0777u) {
		return "bad umask";
	}
	if (h->uid == UINT32_MAX || h->gid == UINT32_MAX)
		return "bad uid or gid"; /* (uid_t)-1 means "no change" everywhere */
	return NULL;
}

static const char *parse(const void *blob, size_t n, struct launch_config *out)
{
	struct cursor c;
	const char *why;

	if (n < sizeof(out->h)) {
		return "too short";
	}
	if (n > LAUNCH_MAX_BLOB) {
		return "too long";
	}
	memcpy(&out->h, blob, sizeof(out->h));
	why = check_header(&out->h, n);
	if (why) {
		return why;
	}
	c.at = (const char *)blob + sizeof(out->h);
	c.end = (const char *)blob + n;
	out->program = take_string(&c);
	out->cwd = out->program ? take_string(&c) : NULL;
	out->strace_filter = out->cwd ? take_string(&c) : NULL;
	if (!out->strace_filter) {
		return "strings missing";
	}
	out->args = take_strings(&c, out->h.argc, &out->args_len);
	if (!out->args) {
		return "argv strings missing";
	}
	out->env = take_strings(&c, out->h.envc, &out->env_len);
	if (!out->env) {
		return "environment strings missing";
	}
	if (c.at != c.end) {
		return "bytes after the strings";
	}
	if (!out->program[0]) {
		return "no program";
	}
	if (out->cwd[0] != '/') {
		return "working directory not absolute";
	}
	return NULL;
}

int launch_parse(const void *blob, size_t n, struct launch_config *out)
{
	memset(out, 0, sizeof(*out));
	out->why = parse(blob, n, out);
	return out->why ? -EINVAL : 0;
}

void launch_vector(const char *first, unsigned count, const char **vec)
{
	for (unsigned i = 0; i < count; i++) {
		vec[i] = first;
		first = launch_next(first);
	}
}

struct builder {
	char *at, *end;
	bool full;
};

static void put_bytes(struct builder *b, const char *s, size_t n)
{
	if (b->full || (size_t)(b->end - b->at) < n) {
		b->full = true;
		return;
	}
	memcpy(b->at, s, n);
	b->at += n;
}

/* Puts the string that key has on the command line straight into the blob. */
static bool put_value(struct builder *b, const char *cmdline, const char *key, const char *fallback)
{
	size_t room = b->full ? 0 : (size_t)(b->end - b->at);

	if (room == 0 || !cmdline_get(cmdline, key, b->at, room)) {
		put_bytes(b, fallback, strlen(fallback) + 1);
		return false;
	}
	b->at += strlen(b->at) + 1;
	if (b->at == b->end) {
		b->full = true; /* perhaps cut */
	}
	return true;
}

/* The same, cut into words at blanks; returns their number. */
static uint32_t put_words(struct builder *b, const char *cmdline, const char *key)
{
	char *from = b->at, *to = b->at;
	uint32_t words = 0;

	if (!put_value(b, cmdline, key, "") || b->full) {
		goto out;
	}
	while (*from) {
		while (*from == ' ') {
			from++;
		}
		if (!*from) {
			break;
		}
		while (*from && *from != ' ') {
			*to++ = *from++;
		}
		if (*from) {
			from++;
		}
		*to++ = '\0';
		words++;
	}
out:
	b->at = to;
	return words;
}

long launch_from_cmdline(const char *cmdline, void *blob, size_t size)
{
	struct launch_header *h = blob;
	struct builder b = { .at = (char *)blob + sizeof(*h), .end = (char *)blob + size };
	char flag[2];
	const char *program;

	if (size < sizeof(*h) + 64) {
		return -E2BIG;
	}
	if (!cmdline_get(cmdline, "corrida.prog", flag, sizeof(flag))) {
		return -ENOENT;
	}
	memset(h, 0, sizeof(*h));
	h->magic = LAUNCH_MAGIC;
	h->version = LAUNCH_VERSION;
	h->umask = 022;
	program = b.at;
	put_value(&b, cmdline, "corrida.prog", "");
	put_value(&b, cmdline, "corrida.cwd", "/");
	if (put_value(&b, cmdline, "corrida.strace", "")) {
		h->flags |= LAUNCH_STRACE;
	}
	if (cmdline_get(cmdline, "corrida.log", flag, sizeof(flag))) {
		h->flags |= LAUNCH_KERNEL_LOG;
	}
	if (cmdline_get(cmdline, "corrida.tty", flag, sizeof(flag))) {
		h->flags |= LAUNCH_TTY;
	}
	if (!b.full) {
		put_bytes(&b, program, strlen(program) + 1);
	}
	h->argc = 1 + put_words(&b, cmdline, "corrida.args");
	h->envc = put_words(&b, cmdline, "corrida.env");
	if (b.full) {
		return -E2BIG;
	}
	h->strings_len = (uint32_t)(b.at - (char *)blob - (long)sizeof(*h));
	return b.at - (char *)blob;
}
