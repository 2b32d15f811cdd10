/* SPDX-License-Identifier: MIT */
/*
 * The strings of one execve(2): argv, envp and the file's name, one after the other in a buffer
 * that grows.  They are copied from the program once and checked here; nobody reads them from
 * there again.
 */
#include "exec_internal.h"

#include <lib/string.h>
#include <linux/errno.h>
#include <linux/sched.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <proc/task.h>

/* Linux's limits: one string, all of them (a quarter of the stack, within bounds). */
#define ARG_STRING_MAX (128ul << 10)
#define ARG_TOTAL_MIN (128ul << 10)
#define ARG_TOTAL_MAX (6ul << 20)

void exec_args_init(struct exec_args *a)
{
	uint64_t stack = process_rlimit(process_current(), RLIMIT_STACK);

	*a = (struct exec_args){ .limit = MAX(MIN(stack / 4, ARG_TOTAL_MAX), ARG_TOTAL_MIN) };
}

void exec_args_free(struct exec_args *a)
{
	kfree(a->data);
	a->data = NULL;
}

/* Room for n more bytes. */
static int reserve(struct exec_args *a, size_t n)
{
	size_t cap = a->cap ? a->cap : 1024;
	char *p;

	if (a->cap - a->len >= n) {
		return 0;
	}
	while (cap - a->len < n) {
		cap *= 2;
	}
	p = krealloc(a->data, cap);
	if (!p) {
		return -ENOMEM;
	}
	a->data = p;
	a->cap = cap;
	return 0;
}

static bool too_big(const struct exec_args *a)
{
	return a->len + ((uint64_t)a->argc + a->envc + 1) * 8 > a->limit;
}

static int add(struct exec_args *a, const char *s, unsigned *count)
{
	size_t n = strlen(s) + 1;
	int err;

	if (n > ARG_STRING_MAX) {
		return -E2BIG;
	}
	err = reserve(a, n);
	if (err) {
		return err;
	}
	memcpy(a->data + a->len, s, n);
	a->len += n;
	if (count) {
		++*count;
	}
	return too_big(a) ? -E2BIG : 0;
}
int exec_args_add_arg(struct exec_args *a, const char *s)
{
	return add(a, s, &a->argc);
}
int exec_args_add_env(struct exec_args *a, const char *s)
{
	return add(a, s, &a->envc);
}
int exec_args_add_name(struct exec_args *a, const char *name)
{
	return add(a, name, NULL);
}

static int add_user_string(struct exec_args *a, user_ptr s)
{
	size_t want = 64;
	long n;
	int err;

	for (;;) {
		err = reserve(a, want);
		if (err) {
			return err;
		}
		n = copy_string_from_user(a->data + a->len, s,
					  MIN(a->cap - a->len, ARG_STRING_MAX));
		if (n != -ENAMETOOLONG) {
			break;
		}
		if (a->cap - a->len >= ARG_STRING_MAX) {
			return -E2BIG;
		}
		want = a->cap - a->len + 1;
	}
	if (n < 0) {
		return (int)n;
	}
	a->len += (size_t)n + 1;
	return 0;
}

static int add_user_vector(struct exec_args *a, user_ptr vec, unsigned *count)
{
	uint64_t addr;
	int err;

	if (user_ptr_is_null(vec)) {
		return 0;
	}
	for (;;) {
		err = get_user_u64(&addr, user_ptr_add(vec, *count * 8ul));
		if (err || addr == 0) {
			return err;
		}
		err = add_user_string(a, (user_ptr){ addr });
		if (err) {
			return err;
		}
		++*count;
		if (too_big(a)) {
			return -E2BIG;
		}
	}
}

int exec_args_add_user(struct exec_args *a, user_ptr argv, user_ptr envp)
{
	int err = add_user_vector(a, argv, &a->argc);

	/* No program expects argc == 0; Linux, too, gives it an empty name. */
	if (!err && a->argc == 0) {
		err = exec_args_add_arg(a, "");
	}
	if (!err) {
		err = add_user_vector(a, envp, &a->envc);
	}
	return err;
}

int exec_args_set_script(struct exec_args *a, const char *interp, const char *arg,
			 const char *script)
{
	const char *put[3] = { interp, arg ? arg : script, arg ? script : NULL };
	unsigned nput = arg ? 3 : 2;
	size_t old = a->argc ? strlen(a->data) + 1 : 0, n = 0, pos = 0;
	int err;

	for (unsigned i = 0; i < nput; i++) {
		n += strlen(put[i]) + 1;
	}
	err = reserve(a, n);
	if (err) {
		return err;
	}
	memmove(a->data + n, a->data + old, a->len - old);
	for (unsigned i = 0; i < nput; i++) {
		size_t len = strlen(put[i]) + 1;

		memcpy(a->data + pos, put[i], len);
		pos += len;
	}
	a->len += n - old;
	a->argc += nput - (a->argc ? 1 : 0);
	return too_big(a) ? -E2BIG : 0;
}
