/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * FUSE messages: encoding of headers, and parsing of replies.  Pure: no locks, no memory, no
 * time; runs on the host under a fuzzer.
 *
 * The daemon is untrusted and shares the guest's memory, so a reply may also change while it
 * is looked at: each parser copies the struct out first and then checks the copy.  A reply
 * that is too short, too long or out of range is -EIO; what a parser has passed is safe to
 * use: types are one of the seven, sizes and offsets fit a signed 64-bit number,
 * nanoseconds are below 10^9, names have no '/' and no NUL.
 */
#include <lib/util.h>
#include <linux/fuse.h>

#define FUSE_NAME_MAX 255
#define FUSE_SYMLINK_MAX 4095 /* without the NUL */
#define FUSE_XATTR_MAX 65536

void fuse_encode_header(struct fuse_in_header *h, uint32_t len, enum fuse_opcode opcode,
			uint64_t unique, uint64_t nodeid);

/* The out header of a reply of which the device says that it wrote `written` bytes into
 * room for `room`, header included.  0 and the payload's length, the daemon's error, or -EIO. */
MUST_USE int fuse_parse_header(const void *buf, uint64_t written, uint64_t room, uint64_t unique,
			       uint32_t *payload);

/* buf holds len bytes of payload. */
MUST_USE int fuse_parse_entry(const void *buf, size_t len, struct fuse_entry_out *e);
MUST_USE int fuse_parse_attr(const void *buf, size_t len, struct fuse_attr_out *a);
MUST_USE int fuse_parse_open(const void *buf, size_t len, struct fuse_open_out *o);
MUST_USE int fuse_parse_create(const void *buf, size_t len, struct fuse_entry_out *e,
			       struct fuse_open_out *o);
/* At most `asked` bytes were written. */
MUST_USE int fuse_parse_write(const void *buf, size_t len, uint32_t asked, uint32_t *count);
MUST_USE int fuse_parse_statfs(const void *buf, size_t len, struct fuse_statfs_out *s);
MUST_USE int fuse_parse_lseek(const void *buf, size_t len, uint64_t *offset);
/* The size of an attribute that a probe with size 0 asked for. */
MUST_USE int fuse_parse_xattr_size(const void *buf, size_t len, uint32_t *size);
/* A list of attributes' names, each with its NUL.  The list must be a copy. */
MUST_USE int fuse_check_xattr_list(const char *list, size_t len);
/* The target of a symlink into target[FUSE_SYMLINK_MAX + 1]; its length. */
MUST_USE long fuse_parse_readlink(const void *buf, size_t len, char *target);
/* Clamps what can be clamped (max_write, max_pages); -EPROTO for a version we don't speak. */
MUST_USE int fuse_parse_init(const void *buf, size_t len, struct fuse_init_out *o);

struct fuse_dir_entry {
	struct fuse_entry_out entry; /* nodeid 0: no attributes ("." and "..") */
	uint64_t ino, off;	     /* off identifies the entry that follows */
	unsigned type;		     /* DT_* */
	size_t name_len;
	char name[FUSE_NAME_MAX + 1]; /* NUL-terminated */
};
/* The next record of a READDIRPLUS reply at *pos, which advances.  1, 0 at the end, -EIO for
 * nonsense.  With -EIO and entry.nodeid != 0 the daemon has counted a lookup all the same. */
MUST_USE int fuse_parse_dirent(const void *buf, size_t len, size_t *pos, struct fuse_dir_entry *e);
/* The same of a READDIR reply, which has no entries: entry.nodeid is 0. */
MUST_USE int fuse_parse_plain_dirent(const void *buf, size_t len, size_t *pos,
				     struct fuse_dir_entry *e);

/* now + validity, saturating at UINT64_MAX; 0 validity gives 0. */
uint64_t fuse_valid_until(uint64_t now, uint64_t sec, uint32_t nsec);
