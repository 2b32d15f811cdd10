/* SPDX-License-Identifier: MIT */
/*
 * UNIT_SOURCES: syscall/trace/trace_filter.c syscall/trace/trace_names.c syscall/trace/describe.c loader/init_path.c kernel/lib/format.c tests/unit/shim/base.c
 */
#include "test.h"

#include "../../syscall/trace/trace_internal.h"

#include <lib/launch_config.h>
#include <linux/errno.h>
#include <loader/init.h>
#include <string.h>
#include <syscall/dispatch.h>
#include <syscall/numbers.h>
#include <syscall/trace/trace.h>

static struct trace_set set;
static const char *unknown;

#define WANTED(name) trace_wanted(&set, SYS_NR_##name)

static void test_filter(void)
{
	CHECK_EQ(trace_parse_filter("", &set, &unknown), 0);
	CHECK(WANTED(read) && WANTED(futex) && trace_wanted(&set, 100000));
	CHECK_EQ(trace_parse_filter("read,openat", &set, &unknown), 0);
	CHECK(WANTED(read) && WANTED(openat) && !WANTED(open) && !WANTED(futex));
	CHECK_EQ(trace_parse_filter("!futex,read", &set, &unknown), 0);
	CHECK(!WANTED(read) && !WANTED(futex) && WANTED(open));
	CHECK_EQ(trace_parse_filter("%file", &set, &unknown), 0);
	CHECK(WANTED(open) && WANTED(execve) && WANTED(renameat2) && !WANTED(read));
	CHECK_EQ(trace_parse_filter("%desc,,brk", &set, &unknown), 0);
	CHECK(WANTED(read) && WANTED(openat) && WANTED(mmap) && WANTED(brk) && !WANTED(open));
	CHECK_EQ(trace_parse_filter("%memory", &set, &unknown), 0);
	CHECK(WANTED(mmap) && WANTED(brk) && !WANTED(read));
	CHECK_EQ(trace_parse_filter("red,%nothing,read", &set, &unknown), 2);
	CHECK(!strncmp(unknown, "red", 3) && WANTED(read) && !WANTED(write));
}

static const char *symbol(enum trace_show s, uint64_t v)
{
	static char buf[256];
	struct trace_text t = { .buf = buf, .cap = sizeof(buf) };

	CHECK(trace_show_symbol(&t, s, v));
	return buf;
}
#define SHOWS(s, v, text)                                     \
	if (strcmp(symbol(s, v), text)) {                     \
		printf("# %s, not %s\n", symbol(s, v), text); \
		CHECK(0);                                     \
	}
static void test_symbols(void)
{
	SHOWS(SHOW_OFLAGS, 0, "O_RDONLY");
	SHOWS(SHOW_OFLAGS, 02000101, "O_WRONLY|O_CREAT|O_CLOEXEC");
	SHOWS(SHOW_OFLAGS, 0xffffffff00000002ull, "O_RDWR");
	SHOWS(SHOW_OFLAGS, 020200002, "O_RDWR|O_TMPFILE");
	SHOWS(SHOW_PROT, 0, "PROT_NONE");
	SHOWS(SHOW_PROT, 3, "PROT_READ|PROT_WRITE");
	SHOWS(SHOW_MAPFLAGS, 0x22, "MAP_PRIVATE|MAP_ANONYMOUS");
	SHOWS(SHOW_FUTEXOP, 128, "FUTEX_WAIT_PRIVATE");
	SHOWS(SHOW_FUTEXOP, 9 | 128 | 256, "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME");
	SHOWS(SHOW_SIGNO, 11, "SIGSEGV");
	SHOWS(SHOW_SIGNO, 34, "SIGRT_2");
	SHOWS(SHOW_AMODE, 0, "F_OK");
	SHOWS(SHOW_CLONE, 17, "SIGCHLD");
	SHOWS(SHOW_RESOURCE, 99, "0x63");
}

static void test_quote(void)
{
	char buf[64];
	struct trace_text t = { .buf = buf, .cap = sizeof(buf) };

	trace_quote(&t, "a\n\"\0\xff", 5, true);
	CHECK(!strcmp(buf, "\"a\\n\\\"\\x00\\xff\"..."));
	t.len = 0;
	for (int i = 0; i < 100; i++)
		trace_print(&t, "%d,", i);
	CHECK(t.len == sizeof(buf) - 1 && buf[t.len] == 0);
	CHECK(!strcmp(trace_errno_name(ENOENT), "ENOENT"));
	CHECK(!strcmp(trace_errno_name(ERESTARTSYS), "ERESTARTSYS"));
	CHECK(trace_errno_name(0) == NULL && trace_errno_name(100000) == NULL);
}

static void test_table(void)
{
	CHECK(!strcmp(syscall_describe(0)->name, "read"));
	CHECK(syscall_describe(400) == NULL && syscall_describe(~0u) == NULL);
	CHECK_EQ(syscall_describe(SYS_NR_mmap)->nargs, 6);
	CHECK_EQ(syscall_describe(SYS_NR_mmap)->kind[2], ARG_prot);
}

static void test_path(void)
{
	static const char env[] = "A=1\0PATHS=x\0PATH=/a::b/c\0";
	const char *p = init_getenv(env, 3, "PATH");
	char buf[16];

	CHECK(p && !strcmp(p, "/a::b/c"));
	CHECK(init_getenv(env, 2, "PATH") == NULL);
	CHECK(init_next_candidate(&p, "ls", buf, sizeof(buf)) && !strcmp(buf, "/a/ls"));
	CHECK(init_next_candidate(&p, "ls", buf, sizeof(buf)) && !strcmp(buf, "./ls"));
	CHECK(init_next_candidate(&p, "ls", buf, sizeof(buf)) && !strcmp(buf, "b/c/ls"));
	CHECK(!init_next_candidate(&p, "ls", buf, sizeof(buf)));
	p = "/a/very/long/directory:/b";
	CHECK(init_next_candidate(&p, "ls", buf, sizeof(buf)) && !strcmp(buf, "/b/ls"));
}

int main(void)
{
	RUN(test_filter);
	RUN(test_symbols);
	RUN(test_quote);
	RUN(test_table);
	RUN(test_path);
	return test_done();
}
