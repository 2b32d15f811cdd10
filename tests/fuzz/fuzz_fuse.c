/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: kernel/fs/fuse/fuse_codec.c tests/unit/shim/base.c */
/* Replies of the FUSE daemon: byte 0 picks the parser, the rest is the payload. */
#include "fuzz.h"
#include <fs/fuse/fuse_codec.h>
#include <lib/util.h>
#include <linux/errno.h>
#include <linux/stat.h>
#include <string.h>

static void attr_ok(const struct fuse_attr *a)
{
	unsigned type = a->mode & S_IFMT;

	CLAIM(type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFCHR ||
	      type == S_IFBLK || type == S_IFIFO || type == S_IFSOCK);
	CLAIM(a->size <= INT64_MAX);
	CLAIM(a->atimensec < NSEC_PER_SEC && a->mtimensec < NSEC_PER_SEC &&
	      a->ctimensec < NSEC_PER_SEC);
}

static void directory(const uint8_t *p, size_t n)
{
	struct fuse_dir_entry e;
	size_t pos = 0, before = 0;
	int got;

	while ((got = fuse_parse_dirent(p, n, &pos, &e)) > 0) {
		CLAIM(pos > before && pos <= n);
		before = pos;
		CLAIM(e.name_len > 0 && e.name_len <= FUSE_NAME_MAX);
		CLAIM(strlen(e.name) == e.name_len && !strchr(e.name, '/'));
		CLAIM(e.off <= INT64_MAX);
		if (e.entry.nodeid)
			attr_ok(&e.entry.attr);
	}
	CLAIM(got == 0 || got == -EIO);
	CLAIM(got != 0 || pos == n);
}

static void header(const uint8_t *p, size_t n)
{
	uint32_t payload = 12345;
	int err = fuse_parse_header(p, n, n, 7, &payload);

	CLAIM(err <= 0 && err > -512);
	CLAIM(payload == 0 || (err == 0 && payload + 16 <= n));
}

static void parse(unsigned which, const uint8_t *p, size_t n)
{
	struct fuse_entry_out entry;
	struct fuse_attr_out attr;
	struct fuse_open_out open_out;
	struct fuse_statfs_out statfs;
	struct fuse_init_out init;
	char target[FUSE_SYMLINK_MAX + 1];
	uint32_t count;
	uint64_t offset;
	long len;

	switch (which % 11) {
	case 0: header(p, n); break;
	case 1:
		if (fuse_parse_entry(p, n, &entry) == 0 && entry.nodeid)
			attr_ok(&entry.attr);
		break;
	case 2:
		if (fuse_parse_attr(p, n, &attr) == 0)
			attr_ok(&attr.attr);
		break;
	case 3: (void)!fuse_parse_open(p, n, &open_out); break;
	case 4:
		if (fuse_parse_create(p, n, &entry, &open_out) == 0) {
			CLAIM(entry.nodeid);
			attr_ok(&entry.attr);
		}
		break;
	case 5: CLAIM(fuse_parse_write(p, n, 100, &count) != 0 || count <= 100); break;
	case 6: (void)!fuse_parse_statfs(p, n, &statfs); break;
	case 7:
		CLAIM(fuse_parse_lseek(p, n, &offset) != 0 || offset <= INT64_MAX);
		CLAIM(fuse_parse_xattr_size(p, n, &count) != 0 || count <= FUSE_XATTR_MAX);
		break;
	case 8:
		len = fuse_parse_readlink(p, n, target);
		CLAIM(len < 0 || (len > 0 && strlen(target) == (size_t)len));
		break;
	case 9:
		if (fuse_parse_init(p, n, &init) == 0)
			CLAIM(init.max_write >= 4096 && init.max_write <= 1u << 20 &&
			      init.max_pages > 0 && init.max_pages <= 256);
		break;
	case 10: directory(p, n); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return 0;
	copy = malloc(size); /* exact, for ASan */
	memcpy(copy, data + 1, size - 1);
	parse(data[0], copy, size - 1);
	if (size > 13) {
		uint64_t now, sec;
		uint32_t nsec;

		memcpy(&now, copy, 8);
		memcpy(&sec, copy + 4, 8);
		memcpy(&nsec, copy + 8, 4);
		CLAIM(fuse_valid_until(now, sec, nsec) == 0 ||
		      fuse_valid_until(now, sec, nsec) >= now);
	}
	free(copy);
	return 0;
}
