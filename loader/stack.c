/* SPDX-License-Identifier: MIT */
/*
 * The table at the start of a program's stack: planned and filled in two steps, pure.  The
 * strings are in place already; stack.h has the picture.
 */
#include <loader/stack.h>

#include <lib/assert.h>
#include <lib/string.h>
#include <linux/auxv.h>
#include <linux/errno.h>

#define PLATFORM "x86_64"
#define EXTRA_AUXV 4 /* AT_RANDOM, AT_EXECFN, AT_PLATFORM, AT_NULL */

/* The bytes of the first `count` strings; 0 with *ok = false when there are fewer. */
static size_t strings_span(const char *s, size_t len, unsigned count, bool *ok)
{
	size_t pos = 0;

	for (unsigned i = 0; i < count; i++) {
		const char *nul = pos < len ? memchr(s + pos, 0, len - pos) : NULL;

		if (!nul) {
			*ok = false;
			return 0;
		}
		pos = (size_t)(nul - s) + 1;
	}
	return pos;
}

int stack_plan(const struct stack_spec *s, struct stack_layout *out)
{
	bool ok = true;
	size_t args = strings_span(s->strings, s->strings_len, s->argc, &ok);
	size_t envs = strings_span(s->strings + args, s->strings_len - args, s->envc, &ok);
	size_t rest = args + envs;
	size_t name = strings_span(s->strings + rest, s->strings_len - rest, 1, &ok);
	uint64_t words, below, room;

	ASSERT(s->auxc <= STACK_AUXV_MAX);
	if (!ok || rest + name != s->strings_len) {
		return -EINVAL;
	}

	out->auxv_words = 2 * (s->auxc + EXTRA_AUXV);
	words = 1 + (uint64_t)s->argc + 1 + s->envc + 1 + out->auxv_words;
	below = 8 + s->strings_len; /* the zero word and the strings */
	room = words * 8 + 32 + sizeof(PLATFORM) + 16 + s->skew;
	if (s->top < below || s->top - below < room) {
		return -E2BIG;
	}

	out->strings = s->top - below;
	out->arg_start = out->strings;
	out->arg_end = out->env_start = out->arg_start + args;
	out->env_end = out->env_start + envs;
	/* The table ends with random bytes and the platform, just below the strings. */
	out->sp = ALIGN_DOWN(out->strings - s->skew - sizeof(PLATFORM) - 16 - words * 8, 16);
	out->table_len = out->strings - out->sp;
	out->auxv = out->sp + (words - out->auxv_words) * 8;
	return 0;
}

/* Writes a pointer to each of `count` strings that start at *addr; returns the next slot. */
static uint64_t *put_pointers(uint64_t *slot, const char *s, unsigned count, uint64_t addr)
{
	for (unsigned i = 0; i < count; i++) {
		size_t n = strlen(s) + 1;

		*slot++ = addr;
		addr += n;
		s += n;
	}
	*slot++ = 0;
	return slot;
}

void stack_fill(const struct stack_spec *s, const struct stack_layout *l, void *buf)
{
	uint64_t *slot = buf;
	uint8_t *bytes = buf;
	uint64_t words = (l->auxv - l->sp) / 8 + l->auxv_words;
	uint64_t random_at = words * 8, platform_at = random_at + sizeof(s->random);

	memset(buf, 0, l->table_len);
	*slot++ = s->argc;
	slot = put_pointers(slot, s->strings, s->argc, l->arg_start);
	slot = put_pointers(slot, s->strings + (l->env_start - l->strings), s->envc, l->env_start);
	memcpy(slot, s->auxv, s->auxc * sizeof(s->auxv[0]));
	slot += 2 * s->auxc;
	*slot++ = AT_RANDOM;
	*slot++ = l->sp + random_at;
	*slot++ = AT_EXECFN;
	*slot++ = l->env_end;
	*slot++ = AT_PLATFORM;
	*slot++ = l->sp + platform_at;
	*slot++ = AT_NULL;
	*slot++ = 0;
	ASSERT((uint64_t)((uint8_t *)slot - bytes) == random_at);
	memcpy(bytes + random_at, s->random, sizeof(s->random));
	memcpy(bytes + platform_at, PLATFORM, sizeof(PLATFORM));
}
