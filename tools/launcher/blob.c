/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "blob.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lib/launch.h>

#include "options.h"
#include "report.h"
#include "terminal.h"

struct builder {
	char *data;
	size_t len, room;
};

static void append(struct builder *b, const void *data, size_t len)
{
	if (len > b->room - b->len) {
		size_t room = 2 * (b->len + len);

		if (b->len + len > LAUNCH_MAX_BLOB) {
			fail("arguments and environment are longer than %u bytes", LAUNCH_MAX_BLOB);
		}
		b->data = realloc(b->data, room);
		if (b->data == NULL) {
			fail("out of memory");
		}
		b->room = room;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void append_string(struct builder *b, const char *s)
{
	append(b, s, strlen(s) + 1);
}

static uint32_t flags_of(const struct run_options *o, bool fuse_ids)
{
	return (o->tty ? LAUNCH_TTY : 0u) | (o->strace ? LAUNCH_STRACE : 0u) |
	       (o->verbose_log ? LAUNCH_KERNEL_LOG : 0u) | (fuse_ids ? LAUNCH_FUSE_IDS : 0u) |
	       (o->wait_all ? LAUNCH_WAIT_ALL : 0u) | (o->summary ? LAUNCH_SUMMARY : 0u) |
	       (o->timing ? LAUNCH_TIMING : 0u);
}

int blob_create(const struct run_options *o, bool fuse_ids)
{
	struct launch_header header = {
		.magic = LAUNCH_MAGIC,
		.version = LAUNCH_VERSION,
		.flags = flags_of(o, fuse_ids),
		.argc = (uint32_t)o->nargs,
		.envc = (uint32_t)o->nenv,
		.uid = o->uid,
		.gid = o->gid,
		.umask = o->umask,
		.rlimit_nofile = o->rlimit_nofile,
		.rlimit_stack = o->rlimit_stack,
		.rlimit_core = o->rlimit_core,
	};
	struct builder b = { 0 };
	int fd, err;

	if (o->tty) {
		terminal_size(&header.tty_rows, &header.tty_cols);
	}
	append(&b, &header, sizeof(header));
	append_string(&b, o->prog);
	append_string(&b, o->workdir);
	append_string(&b, o->strace_filter);
	for (size_t i = 0; i < o->nargs; i++) {
		append_string(&b, o->args[i]);
	}
	for (size_t i = 0; i < o->nenv; i++) {
		append_string(&b, o->env[i]);
	}
	((struct launch_header *)b.data)->strings_len = (uint32_t)(b.len - sizeof(header));
	fd = memfd_create("corrida-run", MFD_CLOEXEC);
	if (fd < 0) {
		fail("memfd_create: %s", strerror(errno));
	}
	err = write_all(fd, b.data, b.len);
	if (err) {
		fail("memfd: %s", strerror(-err));
	}
	free(b.data);
	return fd;
}
