/* SPDX-License-Identifier: MIT */
#include "fuse_fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NODES 20000
#define WAITING 64

struct node {
	bool used;
	mode_t mode;
	unsigned nlink;
	uint64_t parent, lookups;
	char name[64];
	unsigned char *data;
	size_t size;
	uint64_t mtime;
	uint64_t opens;
};
static struct node nodes[NODES]; /* the index is the node id */
static uint64_t top, clock_s;
static struct fuse_request_io *waiting[WAITING];
static unsigned nwaiting;
struct fake_daemon fake;

static int submit(struct fuse_transport *t, struct fuse_request_io *io, bool forget);
static bool poll(struct fuse_transport *t);
static const struct fuse_transport_ops ops = { .submit = submit, .poll = poll };
struct fuse_transport fake_transport = { .ops = &ops, .tag = "fake" };

void fake_reset(void)
{
	for (uint64_t i = 0; i < NODES; i++) {
		free(nodes[i].data);
	}
	memset(nodes, 0, sizeof(nodes));
	memset(&fake, 0, sizeof(fake));
	nodes[1] = (struct node){ .used = true, .mode = S_IFDIR | 0755, .nlink = 2 };
	top = 2;
	fake.attr_valid = fake.entry_valid = 1;
	nwaiting = 0;
}
static uint64_t find(uint64_t dir, const char *name)
{
	for (uint64_t i = 2; i < top; i++) {
		if (nodes[i].used && nodes[i].nlink && nodes[i].parent == dir &&
		    strcmp(nodes[i].name, name) == 0) {
			return i;
		}
	}
	return 0;
}
static uint64_t add(uint64_t dir, const char *name, mode_t mode)
{
	struct node *n = &nodes[top];

	*n = (struct node){
		.used = true, .mode = mode, .nlink = 1, .parent = dir, .mtime = ++clock_s
	};
	snprintf(n->name, sizeof(n->name), "%s", name);
	return top++;
}
static void resize(struct node *n, size_t size)
{
	n->data = realloc(n->data, size + 1);
	if (size > n->size) {
		memset(n->data + n->size, 0, size - n->size);
	}
	n->size = size;
	n->mtime = ++clock_s;
}
uint64_t fake_add_file(uint64_t dir, const char *name, const void *data, size_t size)
{
	uint64_t i = add(dir, name, S_IFREG | 0644);

	fake_write_file(i, data, size);
	return i;
}
void fake_write_file(uint64_t i, const void *data, size_t size)
{
	resize(&nodes[i], size);
	memcpy(nodes[i].data, data, size);
}
const unsigned char *fake_file_data(uint64_t i, size_t *n)
{
	*n = nodes[i].size;
	return nodes[i].data;
}
uint64_t fake_lookup_count(uint64_t i)
{
	return nodes[i].lookups;
}
void fake_remove(uint64_t dir, const char *name)
{
	nodes[find(dir, name)].nlink = 0;
}
unsigned fake_waiting(void)
{
	return nwaiting;
}

/* --- messages: gathered into one buffer, answered from another --- */
static unsigned char in[2 << 20], out[2 << 20];
static size_t in_len, out_len;

static void put(const void *p, size_t n)
{
	memcpy(out + out_len, p, n);
	out_len += n;
}
static void put_attr(uint64_t i, struct fuse_attr *a)
{
	struct node *n = &nodes[i];

	*a = (struct fuse_attr){ .ino = 1000 + i,
				 .size = n->size,
				 .mtime = n->mtime,
				 .mode = n->mode,
				 .nlink = n->nlink,
				 .blksize = 4096 };
	if (fake.lie == LIE_TYPE) {
		a->mode &= 07777;
	} else if (fake.lie == LIE_SIZE) {
		a->size = UINT64_MAX - 5;
	}
}
static int entry(uint64_t i)
{
	struct fuse_entry_out e = { .nodeid = i,
				    .entry_valid = fake.entry_valid,
				    .attr_valid = fake.attr_valid };

	put_attr(i, &e.attr);
	nodes[i].lookups++;
	if (fake.lie == LIE_ROOT) {
		e.nodeid = 1;
	}
	put(&e, sizeof(e));
	return 0;
}
static int attr(uint64_t i)
{
	struct fuse_attr_out a = { .attr_valid = fake.attr_valid };

	put_attr(i, &a.attr);
	put(&a, sizeof(a));
	return 0;
}
static int opened(uint64_t i)
{
	struct fuse_open_out o = { .fh = i * 1000 + ++fake.handles, .open_flags = fake.open_flags };

	nodes[i].opens++;
	put(&o, sizeof(o));
	return 0;
}
static int do_setattr(uint64_t i, const struct fuse_setattr_in *s)
{
	if (s->valid & FATTR_SIZE) {
		resize(&nodes[i], s->size);
	}
	if (s->valid & FATTR_MODE) {
		nodes[i].mode = (nodes[i].mode & S_IFMT) | s->mode;
	}
	if (s->valid & FATTR_MTIME) {
		nodes[i].mtime = s->mtime;
	}
	return attr(i);
}
static int do_read(uint64_t i, const struct fuse_read_in *r)
{
	size_t n = r->offset < nodes[i].size ? nodes[i].size - r->offset : 0;

	n = n < r->size ? n : r->size;
	fake.max_data = r->size > fake.max_data ? r->size : fake.max_data;
	if (fake.short_reads && n > 1) {
		fake.short_reads--;
		n /= 2;
	}
	put(nodes[i].data + r->offset, n);
	return 0;
}
static int do_write(uint64_t i, const struct fuse_write_in *w, const unsigned char *data)
{
	struct fuse_write_out o = { .size = w->size };

	if (in_len != sizeof(struct fuse_in_header) + sizeof(*w) + w->size) {
		return -EINVAL;
	}
	fake.max_data = w->size > fake.max_data ? w->size : fake.max_data;
	if (fake.short_writes && o.size > 1) {
		fake.short_writes--;
		o.size /= 2;
	}
	if (w->offset + o.size > nodes[i].size) {
		resize(&nodes[i], w->offset + o.size);
	}
	memcpy(nodes[i].data + w->offset, data, o.size);
	nodes[i].mtime = ++clock_s;
	if (fake.lie == LIE_WRITTEN) {
		o.size += 4096;
	}
	put(&o, sizeof(o));
	return 0;
}
static int do_readdirplus(uint64_t dir, const struct fuse_read_in *r)
{
	uint64_t from = r->offset < 2 ? 2 : r->offset;

	for (uint64_t i = from; i < top; i++) {
		struct fuse_direntplus d = { .entry = { .nodeid = i,
							.entry_valid = fake.entry_valid,
							.attr_valid = fake.attr_valid } };
		size_t len = strlen(nodes[i].name);
		char name[64];

		if (!nodes[i].used || !nodes[i].nlink || nodes[i].parent != dir) {
			continue;
		}
		if (out_len - sizeof(struct fuse_out_header) + sizeof(d) + len + 8 > r->size) {
			break;
		}
		memcpy(name, nodes[i].name, 64);
		put_attr(i, &d.entry.attr);
		d.dirent = (struct fuse_dirent){
			.ino = 1000 + i, .off = i + 1, .namelen = (uint32_t)len, .type = 8
		};
		if (fake.lie == LIE_SLASH) {
			name[0] = '/';
		} else if (fake.lie == LIE_NUL) {
			name[0] = '\0';
		} else if (fake.lie == LIE_NAMELEN) {
			d.dirent.namelen = 200;
		} else if (fake.lie == LIE_ROOT) {
			d.entry.nodeid = 1;
		}
		nodes[i].lookups++;
		put(&d, sizeof(d));
		put(name, len);
		put("\0\0\0\0\0\0\0", (8 - len % 8) % 8);
	}
	return 0;
}
static int do_rename(const char *names, uint64_t old_dir, uint64_t new_dir)
{
	const char *new_name = names + strlen(names) + 1;
	uint64_t i = find(old_dir, names), victim = find(new_dir, new_name);

	if (!i) {
		return -ENOENT;
	}
	if (victim) {
		nodes[victim].nlink = 0;
	}
	nodes[i].parent = new_dir;
	snprintf(nodes[i].name, sizeof(nodes[i].name), "%s", new_name);
	return 0;
}
static int do_remove(uint64_t dir, const char *name)
{
	uint64_t i = find(dir, name);

	if (!i) {
		return -ENOENT;
	}
	nodes[i].nlink = 0;
	return 0;
}
static int do_init(const struct fuse_init_in *i)
{
	struct fuse_init_out o = {
		.major = 7, .minor = 36, .flags = i->flags, .max_write = 1 << 20, .max_pages = 256
	};

	put(&o, sizeof(o));
	return 0;
}
static int do_create(uint64_t dir, const char *name, mode_t mode)
{
	uint64_t i = find(dir, name);

	if (!i) {
		i = add(dir, name, mode);
	}
	entry(i);
	return opened(i);
}
static void do_batch_forget(const struct fuse_batch_forget_in *b)
{
	const struct fuse_forget_one *one = (const void *)(b + 1);

	for (uint32_t i = 0; i < b->count; i++) {
		if (one[i].nodeid >= NODES || nodes[one[i].nodeid].lookups < one[i].nlookup) {
			fprintf(stderr, "forgot node %llu too often\n",
				(unsigned long long)one[i].nodeid);
			abort();
		}
		nodes[one[i].nodeid].lookups -= one[i].nlookup;
		fake.forgotten += one[i].nlookup;
	}
}

static int serve(const struct fuse_in_header *h, void *args)
{
	uint64_t id = h->nodeid, i;
	const char *name = args;

	if (id >= NODES) {
		return -EINVAL;
	}
	switch (h->opcode) {
	case FUSE_INIT: return do_init(args);
	case FUSE_LOOKUP: i = find(id, name); return i ? entry(i) : -ENOENT;
	case FUSE_GETATTR: return attr(id);
	case FUSE_SETATTR: return do_setattr(id, args);
	case FUSE_READLINK: put(nodes[id].data, nodes[id].size); return 0;
	case FUSE_SYMLINK:
		i = add(id, name, S_IFLNK | 0777);
		name += strlen(name) + 1;
		fake_write_file(i, name, strlen(name));
		return entry(i);
	case FUSE_MKNOD:
		return entry(add(id, name + sizeof(struct fuse_mknod_in),
				 ((struct fuse_mknod_in *)args)->mode));
	case FUSE_MKDIR:
		return entry(add(id, name + sizeof(struct fuse_mkdir_in),
				 S_IFDIR | ((struct fuse_mkdir_in *)args)->mode));
	case FUSE_UNLINK:
	case FUSE_RMDIR: return do_remove(id, name);
	case FUSE_RENAME:
		return do_rename(name + sizeof(struct fuse_rename_in), id,
				 ((struct fuse_rename_in *)args)->newdir);
	case FUSE_OPEN:
	case FUSE_OPENDIR: return opened(id);
	case FUSE_CREATE:
		return do_create(id, name + sizeof(struct fuse_create_in),
				 ((struct fuse_create_in *)args)->mode);
	case FUSE_READ: return do_read(id, args);
	case FUSE_WRITE:
		return do_write(id, args, (unsigned char *)args + sizeof(struct fuse_write_in));
	case FUSE_READDIRPLUS: return do_readdirplus(id, args);
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR: nodes[id].opens--; return 0;
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_INTERRUPT: return 0;
	default: return -ENOSYS;
	}
}

static void answer(struct fuse_request_io *io)
{
	struct fuse_in_header *h = (void *)in;
	struct fuse_out_header o = { 0 };
	enum fake_lie lie = fake.lie;
	size_t room = 0, at = 0;
	int err;

	in_len = 0;
	for (unsigned i = 0; i < io->nin; i++) {
		memcpy(in + in_len, io->in[i].data, io->in[i].len);
		in_len += io->in[i].len;
	}
	for (unsigned i = 0; i < io->nout; i++) {
		room += io->out[i].len;
	}
	if (h->len != in_len) {
		fprintf(stderr, "request %u says %u bytes, has %zu\n", h->opcode, h->len, in_len);
		abort();
	}
	fake.requests[h->opcode]++;
	fake.total++;
	if (fake.lie_about != h->opcode) {
		fake.lie = LIE_NONE;
	}
	out_len = sizeof(o);
	if (h->opcode == FUSE_BATCH_FORGET) {
		do_batch_forget((void *)(h + 1));
		io->complete(io, 0, 0);
		fake.lie = lie;
		return;
	}
	if (fake.fail && fake.fail_op == h->opcode) {
		err = -fake.fail;
		fake.fail = 0;
	} else {
		err = fake.enosys >> h->opcode & 1 ? -ENOSYS : serve(h, h + 1);
	}
	if (err) {
		out_len = sizeof(o);
	}
	o = (struct fuse_out_header){ .len = (uint32_t)out_len, .error = err, .unique = h->unique };
	if (out_len > room) {
		fprintf(stderr, "reply to %u does not fit: %zu > %zu\n", h->opcode, out_len, room);
		abort();
	}
	switch (fake.lie) {
	case LIE_SHORT: o.len = (uint32_t)(out_len = out_len > 20 ? out_len - 4 : 8); break;
	case LIE_UNIQUE: o.unique ^= 2; break;
	case LIE_LEN: o.len += 8; break;
	case LIE_ERROR_POSITIVE: o.error = 5; break;
	case LIE_ERROR_HUGE: o.error = -4000; break;
	default: break;
	}
	memcpy(out, &o, sizeof(o));
	for (unsigned i = 0; i < io->nout && at < out_len; i++) {
		size_t n = io->out[i].len < out_len - at ? io->out[i].len : out_len - at;

		memcpy(io->out[i].data, out + at, n);
		at += n;
	}
	io->complete(io, fake.lie == LIE_DEVICE ? -EIO : 0, (uint32_t)out_len);
	fake.lie = lie;
}

static int submit(struct fuse_transport *t, struct fuse_request_io *io, bool forget)
{
	(void)t;
	(void)forget;
	if (nwaiting == WAITING) {
		poll(t);
	}
	waiting[nwaiting++] = io;
	return 0;
}
static bool poll(struct fuse_transport *t)
{
	unsigned n = nwaiting;

	(void)t;
	if (fake.silent || n == 0) {
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		answer(waiting[i]);
	}
	memmove(waiting, waiting + n, (nwaiting - n) * sizeof(*waiting));
	nwaiting -= n;
	return true;
}
