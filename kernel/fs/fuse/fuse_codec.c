/* SPDX-License-Identifier: MIT */
/*
 * FUSE messages to and from bytes.  Holds no state and takes no lock.  The daemon can change a
 * reply under our eyes: each byte is read once, into the caller's struct, and only the copy is
 * checked.  READDIR buffers are copied record by record for the same reason.
 */
#include <fs/fuse/fuse_codec.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/stat.h>

#define MAX_WRITE (1u << 20)
#define MAX_PAGES 256

void fuse_encode_header(struct fuse_in_header *h, uint32_t len, enum fuse_opcode opcode,
			uint64_t unique, uint64_t nodeid)
{
	*h = (struct fuse_in_header){
		.len = len, .opcode = opcode, .unique = unique, .nodeid = nodeid
	};
}

int fuse_parse_header(const void *buf, uint64_t written, uint64_t room, uint64_t unique,
		      uint32_t *payload)
{
	struct fuse_out_header h;

	*payload = 0;
	if (written < sizeof(h) || written > room) {
		return -EIO;
	}
	memcpy(&h, buf, sizeof(h));
	if (h.len < sizeof(h) || h.len > written || h.unique != unique) {
		return -EIO;
	}
	if (h.error > 0 || h.error <= -512) {
		return -EIO;
	}
	if (h.error == 0) {
		*payload = h.len - (uint32_t)sizeof(h);
	}
	return h.error;
}

static int check_attr(const struct fuse_attr *a)
{
	switch (a->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: break;
	default: return -EIO;
	}
	if (a->mode & ~(uint32_t)(S_IFMT | 07777) || a->size > INT64_MAX) {
		return -EIO;
	}
	/* Any second will do: those before 1970 are negative. */
	if (a->atimensec >= NSEC_PER_SEC || a->mtimensec >= NSEC_PER_SEC ||
	    a->ctimensec >= NSEC_PER_SEC) {
		return -EIO;
	}
	return 0;
}

/* A reply that is one struct: copied before anything in it is looked at. */
static int parse_fixed(const void *buf, size_t len, void *out, size_t size)
{
	if (len != size) {
		return -EIO;
	}
	memcpy(out, buf, size);
	return 0;
}

int fuse_parse_entry(const void *buf, size_t len, struct fuse_entry_out *e)
{
	int err = parse_fixed(buf, len, e, sizeof(*e));

	if (err || e->nodeid == 0) {
		return err; /* a negative entry: the attributes mean nothing */
	}
	return e->nodeid == FUSE_ROOT_ID ? -EIO : check_attr(&e->attr);
}

int fuse_parse_attr(const void *buf, size_t len, struct fuse_attr_out *a)
{
	int err = parse_fixed(buf, len, a, sizeof(*a));

	return err ? err : check_attr(&a->attr);
}

int fuse_parse_open(const void *buf, size_t len, struct fuse_open_out *o)
{
	return parse_fixed(buf, len, o, sizeof(*o));
}

int fuse_parse_create(const void *buf, size_t len, struct fuse_entry_out *e,
		      struct fuse_open_out *o)
{
	int err;

	if (len != sizeof(*e) + sizeof(*o)) {
		return -EIO;
	}
	err = fuse_parse_entry(buf, sizeof(*e), e);
	if (err) {
		return err;
	}
	if (e->nodeid == 0 || !S_ISREG(e->attr.mode)) {
		return -EIO;
	}
	return fuse_parse_open((const char *)buf + sizeof(*e), sizeof(*o), o);
}

int fuse_parse_write(const void *buf, size_t len, uint32_t asked, uint32_t *count)
{
	struct fuse_write_out o;

	*count = 0;
	if (parse_fixed(buf, len, &o, sizeof(o)) || o.size > asked) {
		return -EIO;
	}
	*count = o.size;
	return 0;
}

int fuse_parse_statfs(const void *buf, size_t len, struct fuse_statfs_out *s)
{
	return parse_fixed(buf, len, s, sizeof(*s));
}

int fuse_parse_lseek(const void *buf, size_t len, uint64_t *offset)
{
	struct fuse_lseek_out o;

	if (parse_fixed(buf, len, &o, sizeof(o)) || o.offset > INT64_MAX) {
		return -EIO;
	}
	*offset = o.offset;
	return 0;
}

int fuse_parse_xattr_size(const void *buf, size_t len, uint32_t *size)
{
	struct fuse_getxattr_out o;

	if (parse_fixed(buf, len, &o, sizeof(o)) || o.size > FUSE_XATTR_MAX) {
		return -EIO;
	}
	*size = o.size;
	return 0;
}

int fuse_check_xattr_list(const char *list, size_t len)
{
	while (len) {
		size_t name = strnlen(list, len);

		if (name == 0 || name == len) {
			return -EIO;
		}
		list += name + 1;
		len -= name + 1;
	}
	return 0;
}

long fuse_parse_readlink(const void *buf, size_t len, char *target)
{
	if (len == 0 || len > FUSE_SYMLINK_MAX) {
		return -EIO;
	}
	memcpy(target, buf, len);
	target[len] = '\0';
	return strnlen(target, len) == len ? (long)len : -EIO;
}

int fuse_parse_init(const void *buf, size_t len, struct fuse_init_out *o)
{
	if (len < 8) {
		return -EIO;
	}
	memset(o, 0, sizeof(*o));
	memcpy(o, buf, MIN(len, sizeof(*o)));
	if (o->major != FUSE_KERNEL_VERSION || o->minor < 31) {
		return -EPROTO; /* 7.31 is virtiofs's own minimum */
	}
	if (len != sizeof(*o)) {
		return -EIO;
	}
	o->max_write = MIN(MAX(o->max_write, 4096u), MAX_WRITE);
	if (!(o->flags & FUSE_MAX_PAGES) || o->max_pages == 0) {
		o->max_pages = 32;
	}
	o->max_pages = MIN(o->max_pages, (uint16_t)MAX_PAGES);
	return 0;
}

/* The part that both kinds of record end with, at *pos + base. */
static int parse_dirent(const void *buf, size_t len, size_t *pos, size_t base,
			struct fuse_dir_entry *e)
{
	size_t left = len - *pos, head = base + sizeof(struct fuse_dirent), size;
	struct fuse_dirent d;

	memcpy(&d, (const char *)buf + *pos + base, sizeof(d));
	e->ino = d.ino;
	e->off = d.off;
	e->type = d.type & 15;
	e->name_len = d.namelen;
	if (d.namelen == 0 || d.namelen > FUSE_NAME_MAX) {
		return -EIO;
	}
	size = ALIGN_UP(head + e->name_len, 8);
	if (size > left) {
		return -EIO;
	}
	memcpy(e->name, (const char *)buf + *pos + head, e->name_len);
	e->name[e->name_len] = '\0';
	if (memchr(e->name, '/', e->name_len) || memchr(e->name, '\0', e->name_len)) {
		return -EIO;
	}
	if (e->off > INT64_MAX) {
		return -EIO;
	}
	if (e->entry.nodeid && (e->entry.nodeid == FUSE_ROOT_ID || check_attr(&e->entry.attr))) {
		return -EIO;
	}
	*pos += size;
	return 1;
}

int fuse_parse_dirent(const void *buf, size_t len, size_t *pos, struct fuse_dir_entry *e)
{
	size_t left = len - *pos;

	e->entry.nodeid = 0;
	if (left < sizeof(struct fuse_direntplus)) {
		return left == 0 ? 0 : -EIO;
	}
	memcpy(&e->entry, (const char *)buf + *pos, sizeof(e->entry));
	return parse_dirent(buf, len, pos, sizeof(e->entry), e);
}

int fuse_parse_plain_dirent(const void *buf, size_t len, size_t *pos, struct fuse_dir_entry *e)
{
	size_t left = len - *pos;

	e->entry.nodeid = 0;
	if (left < sizeof(struct fuse_dirent)) {
		return left == 0 ? 0 : -EIO;
	}
	return parse_dirent(buf, len, pos, 0, e);
}

uint64_t fuse_valid_until(uint64_t now, uint64_t sec, uint32_t nsec)
{
	uint64_t ns;

	if (sec > (UINT64_MAX - NSEC_PER_SEC) / NSEC_PER_SEC) {
		return UINT64_MAX;
	}
	ns = sec * NSEC_PER_SEC + MIN(nsec, (uint32_t)NSEC_PER_SEC - 1);
	if (ns == 0) {
		return 0;
	}
	return ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}
