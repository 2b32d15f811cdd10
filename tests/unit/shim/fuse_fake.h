/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A FUSE daemon in memory behind a fuse_transport, which answers when it is polled.  It counts
 * lookups and handles as a real one does, and lies on demand.
 */
#include <fs/fuse/fuse_transport.h>
#include <linux/fuse.h>

enum fake_lie {
	LIE_NONE,
	LIE_SHORT,  /* the device writes less than the struct */
	LIE_UNIQUE, /* answer to another request */
	LIE_LEN,    /* header says more than was written */
	LIE_ERROR_POSITIVE,
	LIE_ERROR_HUGE,
	LIE_TYPE,  /* an attribute without a file type */
	LIE_SIZE,  /* a size beyond INT64_MAX */
	LIE_ROOT,  /* an entry that is the root */
	LIE_SLASH, /* a listed name with a slash */
	LIE_NUL,
	LIE_NAMELEN, /* a listed name longer than the reply */
	LIE_WRITTEN, /* more bytes written than asked */
	LIE_DEVICE,  /* the device breaks */
	LIE_COUNT
};
struct fake_daemon {
	enum fake_lie lie;
	enum fuse_opcode lie_about;
	unsigned requests[64]; /* per opcode */
	unsigned total;
	uint64_t handles; /* open ones */
	uint64_t forgotten;
	uint64_t enosys;      /* bit per opcode: not known */
	unsigned short_reads; /* the next n READs answer only half */
	unsigned short_writes;
	bool silent;			  /* answers nothing */
	uint64_t attr_valid, entry_valid; /* s */
	uint32_t open_flags;
	int fail; /* errno for the next request of opcode fail_op */
	enum fuse_opcode fail_op;
	uint32_t max_data; /* largest READ or WRITE seen */
};
extern struct fake_daemon fake;
extern struct fuse_transport fake_transport;

void fake_reset(void); /* an empty root */
/* Behind the client's back. */
uint64_t fake_add_file(uint64_t dir, const char *name, const void *data, size_t n);
void fake_write_file(uint64_t node, const void *data, size_t n); /* new contents and mtime */
const unsigned char *fake_file_data(uint64_t node, size_t *n);
uint64_t fake_lookup_count(uint64_t node);
void fake_remove(uint64_t dir, const char *name);
unsigned fake_waiting(void); /* requests not answered yet */
