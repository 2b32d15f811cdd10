/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/fs/fuse/fuse_codec.c tests/unit/shim/base.c tests/unit/shim/strings.c */
#include "test.h"

#include <fs/fuse/fuse_codec.h>
#include <linux/errno.h>
#include <linux/stat.h>
#include <string.h>

/* The system's own header, under other names: the layouts must be the same. */
#define FUSE_SIZES(x)                                                                            \
	x(fuse_in_header) x(fuse_out_header) x(fuse_init_in) x(fuse_init_out) x(fuse_attr)       \
		x(fuse_entry_out) x(fuse_attr_out) x(fuse_setattr_in) x(fuse_open_out)           \
			x(fuse_release_in) x(fuse_read_in) x(fuse_write_in) x(fuse_statfs_out)   \
				x(fuse_fallocate_in) x(fuse_lseek_in) x(fuse_copy_file_range_in) \
					x(fuse_dirent) x(fuse_direntplus) x(fuse_create_in)      \
						x(fuse_mknod_in) x(fuse_mkdir_in)                \
							x(fuse_rename2_in) x(fuse_forget_one)    \
								x(fuse_batch_forget_in)          \
									x(fuse_getattr_in)
#define SIZE_LINE(s) "sizeof(struct " #s "),"
#define SIZE_VALUE(s) sizeof(struct s),

static void sizes_are_the_systems(void)
{
	static const size_t ours[] = { FUSE_SIZES(SIZE_VALUE) };
	static const char program[] =
		"#include <stdio.h>\n#include <stddef.h>\n#include \"/usr/include/linux/fuse.h\"\n"
		"int main(void) { size_t s[] = {" FUSE_SIZES(
			SIZE_LINE) "};"
				   "for (size_t i = 0; i < sizeof(s) / sizeof(*s); i++) printf(\"%zu\\n\", s[i]); }\n";
	char dir[] = "/tmp/fuse-abi-XXXXXX", path[64], cmd[256];
	unsigned i = 0;
	size_t size;
	FILE *f;

	CHECK(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/p.c", dir);
	f = fopen(path, "w");
	CHECK(f && fputs(program, f) >= 0 && fclose(f) == 0);
	snprintf(cmd, sizeof(cmd), "cc -o %s/p %s/p.c && %s/p; rm -r %s", dir, dir, dir, dir);
	f = popen(cmd, "r");
	while (f && fscanf(f, "%zu", &size) == 1) {
		CHECK(i < ARRAY_SIZE(ours) && ours[i] == size);
		i++;
	}
	CHECK(f && pclose(f) == 0);
	CHECK_EQ(i, ARRAY_SIZE(ours));
}

static void headers(void)
{
	struct fuse_out_header h = { .len = 20, .error = 0, .unique = 42 };
	uint32_t n;

	CHECK_EQ(fuse_parse_header(&h, 20, 20, 42, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(fuse_parse_header(&h, 24, 30, 42, &n), 0);
	CHECK_EQ(fuse_parse_header(&h, 19, 30, 42, &n), -EIO);
	CHECK_EQ(fuse_parse_header(&h, 8, 30, 42, &n), -EIO);
	CHECK_EQ(fuse_parse_header(&h, 20, 18, 42, &n), -EIO);
	CHECK_EQ(fuse_parse_header(&h, 20, 20, 41, &n), -EIO);
	h.len = 15;
	CHECK_EQ(fuse_parse_header(&h, 20, 20, 42, &n), -EIO);
	h = (struct fuse_out_header){ .len = 16, .error = -ENOENT, .unique = 42 };
	CHECK_EQ(fuse_parse_header(&h, 16, 20, 42, &n), -ENOENT);
	CHECK_EQ(n, 0);
	h.error = -512;
	CHECK_EQ(fuse_parse_header(&h, 16, 20, 42, &n), -EIO);
	h.error = -511;
	CHECK_EQ(fuse_parse_header(&h, 16, 20, 42, &n), -511);
	h.error = 1;
	CHECK_EQ(fuse_parse_header(&h, 16, 20, 42, &n), -EIO);
}

static void entries(void)
{
	struct fuse_entry_out e = { .nodeid = 5, .attr = { .mode = S_IFREG | 0644, .size = 7 } },
			      out;

	CHECK_EQ(fuse_parse_entry(&e, sizeof(e), &out), 0);
	CHECK_EQ(out.attr.size, 7);
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e) - 1, &out), -EIO);
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e) + 1, &out), -EIO);
	e.attr.mtimensec = 1000000000;
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e), &out), -EIO);
	e.attr.mtimensec = 999999999;
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e), &out), 0);
	e.attr.size = (uint64_t)INT64_MAX + 1;
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e), &out), -EIO);
	e.attr.size = 0;
	e.attr.mode = 0644;
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e), &out), -EIO);
	e.nodeid = 0;
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e), &out), 0);
	e = (struct fuse_entry_out){ .nodeid = 1, .attr = { .mode = S_IFDIR } };
	CHECK_EQ(fuse_parse_entry(&e, sizeof(e), &out), -EIO);
}

static size_t put_dirent(unsigned char *buf, size_t at, const char *name, uint32_t len)
{
	struct fuse_direntplus d = { .entry = { .nodeid = 9, .attr = { .mode = S_IFREG } },
				     .dirent = { .ino = 1, .off = 2, .namelen = len, .type = 8 } };

	memcpy(buf + at, &d, sizeof(d));
	memcpy(buf + at + sizeof(d), name, strlen(name));
	return at + sizeof(d) + (len + 7) / 8 * 8;
}
static void listings(void)
{
	static unsigned char buf[4096];
	struct fuse_dir_entry e;
	size_t n = put_dirent(buf, put_dirent(buf, 0, "a", 1), "second", 6), pos = 0;

	CHECK_EQ(fuse_parse_dirent(buf, n, &pos, &e), 1);
	CHECK(strcmp(e.name, "a") == 0 && e.entry.nodeid == 9);
	CHECK_EQ(fuse_parse_dirent(buf, n, &pos, &e), 1);
	CHECK(strcmp(e.name, "second") == 0);
	CHECK_EQ(fuse_parse_dirent(buf, n, &pos, &e), 0);
	pos = 0;
	CHECK_EQ(fuse_parse_dirent(buf, 100, &pos, &e), -EIO);
	pos = 0;
	CHECK_EQ(fuse_parse_dirent(buf, 155, &pos, &e), -EIO);
	put_dirent(buf, 0, "a/b", 3);
	CHECK_EQ((pos = 0, fuse_parse_dirent(buf, 160, &pos, &e)), -EIO);
	put_dirent(buf, 0, "a\0b", 3);
	CHECK_EQ((pos = 0, fuse_parse_dirent(buf, 160, &pos, &e)), -EIO);
	put_dirent(buf, 0, "", 0);
	CHECK_EQ((pos = 0, fuse_parse_dirent(buf, 160, &pos, &e)), -EIO);
	put_dirent(buf, 0, "x", 256);
	CHECK_EQ((pos = 0, fuse_parse_dirent(buf, 4096, &pos, &e)), -EIO);
	put_dirent(buf, 0, "x", UINT32_MAX);
	CHECK_EQ((pos = 0, fuse_parse_dirent(buf, 4096, &pos, &e)), -EIO);
}

static void small_ones(void)
{
	struct fuse_init_out o = { .major = 7,
				   .minor = 36,
				   .max_write = 16 << 20,
				   .max_pages = 5000,
				   .flags = FUSE_MAX_PAGES },
			     out;
	struct fuse_write_out w = { .size = 10 };
	char target[FUSE_SYMLINK_MAX + 1];
	uint32_t n;

	CHECK_EQ(fuse_parse_init(&o, sizeof(o), &out), 0);
	CHECK(out.max_write == 1 << 20 && out.max_pages == 256);
	o.minor = 30;
	CHECK_EQ(fuse_parse_init(&o, sizeof(o), &out), -EPROTO);
	o.minor = 31;
	CHECK_EQ(fuse_parse_init(&o, 24, &out), -EIO);
	CHECK_EQ(fuse_parse_init(&o, 4, &out), -EIO);
	CHECK_EQ(fuse_parse_write(&w, sizeof(w), 10, &n), 0);
	CHECK_EQ(fuse_parse_write(&w, sizeof(w), 9, &n), -EIO);
	CHECK_EQ(fuse_check_xattr_list("", 0), 0);
	CHECK_EQ(fuse_check_xattr_list("a\0bc", 5), 0);
	CHECK_EQ(fuse_check_xattr_list("a\0bc", 4), -EIO);
	CHECK_EQ(fuse_check_xattr_list("a\0\0", 3), -EIO);
	CHECK_EQ(fuse_check_xattr_list("\0", 1), -EIO);
	CHECK_EQ(fuse_parse_readlink("abc", 3, target), 3);
	CHECK_EQ(fuse_parse_readlink("a\0c", 3, target), -EIO);
	CHECK_EQ(fuse_parse_readlink("", 0, target), -EIO);
	CHECK_EQ(fuse_valid_until(5, 0, 0), 0);
	CHECK_EQ(fuse_valid_until(5, 1, 7), 1000000012);
	CHECK(fuse_valid_until(5, UINT64_MAX, 0) == UINT64_MAX);
	CHECK(fuse_valid_until(UINT64_MAX - 5, 1, 0) == UINT64_MAX);
}

int main(void)
{
	RUN(sizes_are_the_systems);
	RUN(headers);
	RUN(entries);
	RUN(listings);
	RUN(small_ones);
	return test_done();
}
