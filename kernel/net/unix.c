/* SPDX-License-Identifier: MIT */
/*
 * Names of AF_UNIX sockets: in the file system (inode->socket), or abstract (a leading NUL, any
 * bytes, as long as the socket lives).  All under net_lock.
 */
#include "net_internal.h"

#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/vfs.h>
#include <lib/format.h>
#include <lib/string.h>
#include <mm/slab.h>

static struct rb_tree abstract_names GUARDED_BY(net_table_role); /* by length and bytes */

static int check_name(const struct sock_addr *addr)
{
	if (addr->family != AF_UNIX || addr->len > sizeof(struct linux_sockaddr_un) ||
	    addr->len <= sizeof(uint16_t)) {
		return -EINVAL;
	}
	return 0;
}

/* The path of a name in the file system, NUL-terminated. */
static void copy_path(const struct sock_addr *addr, char path[sizeof(addr->un.path) + 1])
{
	size_t n = addr->len - sizeof(uint16_t);

	memcpy(path, addr->un.path, n);
	path[n] = '\0';
}

/* The place of the name in the tree: *link is NULL when nobody has it. */
static struct rb_node **REQUIRES(net_table_role)
	find_name_locked(const char *name, size_t n, struct rb_node **parent)
{
	struct rb_node **link = &abstract_names.root;

	spin_assert_held(&net_lock);
	*parent = NULL;
	while (*link) {
		const struct unix_name *other =
			&rb_entry(*link, struct socket, name_node)->unix_local;
		int order = n == other->len  ? memcmp(name, other->path, n)
			    : n < other->len ? -1
					     : 1;

		if (order == 0) {
			break;
		}
		*parent = *link;
		link = order < 0 ? &(*parent)->left : &(*parent)->right;
	}
	return link;
}

static int bind_abstract(struct socket *s, const char *name, size_t n)
{
	struct rb_node *parent, **link;
	int err = 0;

	spin_lock(&net_lock);
	link = find_name_locked(name, n, &parent);
	if (s->bound) {
		err = -EINVAL;
	} else if (*link) {
		err = -EADDRINUSE;
	} else {
		memcpy(s->unix_local.path, name, n);
		s->unix_local.len = (unsigned)n;
		rb_link(&s->name_node, parent, link);
		rb_insert_fix(&abstract_names, &s->name_node);
		s->bound = true;
	}
	spin_unlock(&net_lock);
	return err;
}

/* bind() with a family only: a name of five hex digits that is free. */
static int unix_autobind(struct socket *s)
{
	static _Atomic uint32_t next;
	char name[8] = { 0 };
	int err = -EADDRINUSE;

	for (unsigned tries = 0; tries < 1u << 20 && err == -EADDRINUSE; tries++) {
		fmt_snprintf(name + 1, sizeof(name) - 1, "%05x",
			     atomic_fetch_add(&next, 1) & 0xfffff);
		err = bind_abstract(s, name, 6);
	}
	return err == -EINVAL ? 0 : err;
}

static int bind_path(struct socket *s, const struct sock_addr *addr)
{
	char path[sizeof(addr->un.path) + 1];
	struct path p;
	int err;

	copy_path(addr, path);
	err = vfs_mknod(AT_FDCWD, path, S_IFSOCK | 0777, 0);
	if (err) {
		return err == -EEXIST ? -EADDRINUSE : err;
	}
	err = vfs_lookup(AT_FDCWD, path, 0, &p);
	if (err) {
		return err;
	}
	spin_lock(&net_lock);
	if (s->bound || !S_ISSOCK(p.dentry->inode->mode) || p.dentry->inode->socket) {
		err = -EINVAL;
	} else {
		p.dentry->inode->socket = s;
		s->unix_path = p;
		s->unix_local.len = addr->len - sizeof(uint16_t);
		memcpy(s->unix_local.path, path, s->unix_local.len);
		s->bound = true;
	}
	spin_unlock(&net_lock);
	if (err) {
		path_put(&p);
		(void)!vfs_unlink(AT_FDCWD, path, false);
	}
	return err;
}

static int unix_bind(struct socket *s, const struct sock_addr *addr)
{
	if (addr->family == AF_UNIX && addr->len == sizeof(uint16_t)) {
		return READ_ONCE(s->bound) ? 0 : unix_autobind(s);
	}
	if (check_name(addr)) {
		return -EINVAL;
	}
	return addr->un.path[0] ? bind_path(s, addr)
				: bind_abstract(s, addr->un.path, addr->len - sizeof(uint16_t));
}

static void unix_unbind(struct socket *s)
{
	struct path p = { 0 };

	spin_lock(&net_lock);
	if (rb_linked(&s->name_node)) {
		rb_remove(&abstract_names, &s->name_node);
	}
	if (s->unix_path.dentry) {
		p = s->unix_path;
		s->unix_path = (struct path){ 0 };
		p.dentry->inode->socket = NULL;
	}
	spin_unlock(&net_lock);
	if (p.dentry) {
		path_put(&p);
	}
}

static int find_path(const struct sock_addr *addr, struct socket **out)
{
	char name[sizeof(addr->un.path) + 1];
	struct inode *inode;
	struct path p;
	int err;

	copy_path(addr, name);
	err = vfs_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &p);
	if (err) {
		return err;
	}
	inode = p.dentry->inode;
	if (!inode) {
		err = -ENOENT;
	} else {
		err = vfs_permission(inode, MAY_WRITE);
	}
	if (!err) {
		spin_lock(&net_lock);
		*out = S_ISSOCK(inode->mode) ? inode->socket : NULL;
		if (*out) {
			socket_get(*out);
		}
		spin_unlock(&net_lock);
		err = *out ? 0 : -ECONNREFUSED;
	}
	path_put(&p);
	return err;
}

static int unix_find(struct socket *s, const struct sock_addr *addr, struct socket **out)
{
	int err = check_name(addr);
	struct rb_node *node, *parent;

	if (err) {
		return err;
	}
	if (addr->un.path[0]) {
		return find_path(addr, out);
	}
	spin_lock(&net_lock);
	node = *find_name_locked(addr->un.path, addr->len - sizeof(uint16_t), &parent);
	*out = node ? rb_entry(node, struct socket, name_node) : NULL;
	if (*out) {
		socket_get(*out);
	}
	spin_unlock(&net_lock);
	return *out ? 0 : -ECONNREFUSED;
}

static void unix_set_remote(struct socket *s, const struct sock_addr *addr, struct socket *target,
			    struct socket *child)
{
	if (child) {
		spin_lock(&net_lock);
		child->unix_local = target->unix_local;
		spin_unlock(&net_lock);
	}
}

static void name_to_addr(const struct unix_name *n, struct sock_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->family = AF_UNIX;
	memcpy(out->un.path, n->path, n->len);
	out->len = (unsigned)sizeof(uint16_t) + n->len;
	if (n->len && n->path[0]) {
		/* A path counts with its NUL. */
		out->len = (unsigned)(sizeof(uint16_t) + strnlen(n->path, n->len) + 1);
	}
}

static void unix_local_name(struct socket *s, struct sock_addr *out)
{
	spin_lock(&net_lock);
	name_to_addr(&s->unix_local, out);
	spin_unlock(&net_lock);
}

/* What the peer is called now. */
static void unix_remote_name(struct socket *s, struct sock_addr *out)
{
	static const struct unix_name unnamed;
	struct socket *peer = socket_peer(s);

	spin_lock(&net_lock);
	name_to_addr(peer ? &peer->unix_local : &unnamed, out);
	spin_unlock(&net_lock);
	socket_put(peer);
}

/* There are no options below the socket's own. */
static int unix_check_level(const struct socket *s, int level)
{
	return level == SOL_SOCKET ? 0 : -EOPNOTSUPP;
}

void unix_pair(struct socket *a, struct socket *b)
{
	spin_assert_unshared(&a->lock);
	a->peer = b;
	b->peer = a;
	socket_get(a);
	socket_get(b);
	a->peer_creds = b->own_creds;
	b->peer_creds = a->own_creds;
	a->state = b->state = SOCKET_CONNECTED;
}

const struct socket_family unix_family = {
	.bind = unix_bind,
	.unbind = unix_unbind,
	.find = unix_find,
	.set_remote = unix_set_remote,
	.local_name = unix_local_name,
	.remote_name = unix_remote_name,
	.check_level = unix_check_level,
};
