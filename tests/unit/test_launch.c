/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/lib/launch.c kernel/lib/cmdline.c kernel/lib/format.c tests/unit/shim/base.c tests/unit/shim/strings.c */
#include "test.h"
#include <lib/launch_config.h>
#include <linux/errno.h>
#include <string.h>

static union {
	struct launch_header h;
	char bytes[4096];
} blob;
static size_t len;
static struct launch_config c;

#define STRINGS "/bin/sh\0/work\0\0sh\0-c\0exit 7\0A=1\0"

static void build(void)
{
	memset(&blob, 0, sizeof(blob));
	blob.h.magic = LAUNCH_MAGIC;
	blob.h.version = LAUNCH_VERSION;
	blob.h.flags = LAUNCH_TTY;
	blob.h.argc = 3;
	blob.h.envc = 1;
	blob.h.umask = 022;
	blob.h.strings_len = sizeof(STRINGS) - 1;
	memcpy(blob.bytes + sizeof(blob.h), STRINGS, sizeof(STRINGS) - 1);
	len = sizeof(blob.h) + sizeof(STRINGS) - 1;
}

/* Parses an exact copy on the heap, so that ASan sees a read past its end. */
static int parse(size_t n)
{
	static char *copy;
	int err;

	free(copy);
	copy = malloc(n ? n : 1);
	memcpy(copy, &blob, n);
	err = launch_parse(copy, n, &c);
	if ((err != 0) != (c.why != NULL))
		return 1;
	return err;
}

static void good(void)
{
	const char *v[3];

	build();
	CHECK_EQ(parse(len), 0);
	CHECK(!strcmp(c.program, "/bin/sh"));
	CHECK(!strcmp(c.cwd, "/work"));
	CHECK(!strcmp(c.strace_filter, ""));
	launch_vector(c.args, c.h.argc, v);
	CHECK(!strcmp(v[0], "sh") && !strcmp(v[1], "-c") && !strcmp(v[2], "exit 7"));
	launch_vector(c.env, c.h.envc, v);
	CHECK(!strcmp(v[0], "A=1"));
	CHECK_EQ(c.args_len, 13);
	CHECK_EQ(c.env_len, 4);
}

static void truncated(void)
{
	build();
	for (size_t n = 0; n < len; n++) {
		CHECK_EQ(parse(n), -EINVAL);
		if (n >= sizeof(blob.h)) {
			blob.h.strings_len = (uint32_t)(n - sizeof(blob.h));
			CHECK_EQ(parse(n), -EINVAL);
			build();
		}
	}
}

#define BAD(change)                            \
	do {                                   \
		build();                       \
		change;                        \
		CHECK_EQ(parse(len), -EINVAL); \
	} while (0)

static void bad_fields(void)
{
	BAD(blob.h.magic++);
	BAD(blob.h.version++);
	BAD(blob.h.flags = 1u << 31);
	BAD(blob.h.strings_len++);
	BAD(blob.h.strings_len--);
	BAD(blob.h.strings_len = UINT32_MAX);
	BAD(blob.h.argc = 0);
	BAD(blob.h.argc++);
	BAD(blob.h.argc = UINT32_MAX);
	BAD(blob.h.envc++);
	BAD(blob.h.envc--);
	BAD(blob.h.envc = UINT32_MAX);
	BAD((blob.h.argc = 0x80000000u, blob.h.envc = 0x80000004u));
	BAD(blob.h.umask = 01000);
	BAD(blob.h.uid = UINT32_MAX);
	BAD(blob.h.reserved[3] = 1);
	BAD(blob.bytes[sizeof(blob.h)] = 0);	   /* program "" and one string more */
	BAD(blob.bytes[len - 1] = 'x');		   /* no last NUL */
	BAD(blob.bytes[sizeof(blob.h) + 8] = 'w'); /* relative directory */
}

static void from_cmdline(void)
{
	const char *v[4];
	long n;

	n = launch_from_cmdline("quiet corrida.prog=/bin/x corrida.args=\"a  b c\" "
				"corrida.env=\"K=V L=W\" corrida.strace=open corrida.log",
				&blob, sizeof(blob));
	CHECK(n > 0);
	CHECK_EQ(parse((size_t)n), 0);
	CHECK_EQ(c.h.argc, 4);
	CHECK_EQ(c.h.envc, 2);
	CHECK_EQ(c.h.flags, LAUNCH_STRACE | LAUNCH_KERNEL_LOG);
	CHECK(!strcmp(c.program, "/bin/x"));
	CHECK(!strcmp(c.strace_filter, "open"));
	CHECK(!strcmp(c.cwd, "/"));
	launch_vector(c.args, 4, v);
	CHECK(!strcmp(v[0], "/bin/x") && !strcmp(v[1], "a") && !strcmp(v[3], "c"));
	n = launch_from_cmdline("corrida.prog=/bin/x", &blob, sizeof(blob));
	CHECK(n > 0);
	CHECK_EQ(parse((size_t)n), 0);
	CHECK_EQ(c.h.argc, 1);
	CHECK_EQ(c.h.envc, 0);
	CHECK_EQ(launch_from_cmdline("quiet", &blob, sizeof(blob)), -ENOENT);
	CHECK_EQ(launch_from_cmdline("corrida.prog=/bin/x", &blob, 100), -E2BIG);
	for (size_t room = 160; room < 200; room++) {
		n = launch_from_cmdline("corrida.prog=/bin/xxxxxxxxx corrida.args=\"aaaaaaaaaaaa "
					"bbbbbbbbbbbbbb cccccccccc\" corrida.env=AAAAAAA=1",
					&blob, room);
		CHECK(n == -E2BIG || (n > 0 && (size_t)n <= room && parse((size_t)n) == 0));
	}
}

int main(void)
{
	RUN(good);
	RUN(truncated);
	RUN(bad_fields);
	RUN(from_cmdline);
	return test_done();
}
