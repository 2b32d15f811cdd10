/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Dentries: names in directories, cached; inode == NULL is a negative one.  Counted; unused ones
 * stay in an LRU until memory is wanted or the daemon's validity ends.  A dentry keeps its parent
 * and its inode.  The dcache lock protects tree and hash.
 *
 * A directory has one dentry (inode->dir_dentry): two would be two places in the tree for what is
 * below it, and one lock under two names.  When the host has moved a directory, the lookup that
 * finds it at its new place moves its dentry there (dentry_publish()).
 */
#include <lib/list.h>
#include <lib/rbtree.h>
#include <lib/util.h>

struct dentry;
struct inode;
struct mount;
struct superblock;

struct dentry_ops {
	/* Still true?  0, or -ESTALE: look up again.  May sleep; dir lock not held.  NULL = always. */
	int (*revalidate)(struct dentry *d);
};
struct dentry {
	struct superblock *sb;
	struct dentry *parent; /* counted; the root is its own */
	struct inode *inode;   /* counted; NULL = negative */
	char *name;	       /* NUL-terminated; short ones live in inline_name */
	uint16_t name_len;
	bool mounted;  /* some mount is on it */
	bool unhashed; /* removed: still open or a cwd, but no lookup finds it */
	uint32_t hash;
	_Atomic int32_t refs;
	struct list hash_link, child_link, children, lru;
	struct rb_node cookie_node; /* dir_pinned: in parent->by_cookie, sorted by generation */
	struct rb_tree by_cookie;
	uint64_t valid_until; /* ns, clock_mono_ns(): FUSE entry validity; UINT64_MAX = always */
	uint64_t generation;
	struct mount *mount_here; /* the mount on it, when mounted */
	bool absent_mounts;	  /* some child exists only as a mount point: readdir adds it */
	bool dir_pinned;	  /* kept by its directory (tmpfs and the like: no other copy) */
	char inline_name[40];
};
/* Gives d (negative) an inode; takes over the caller's reference. */
void dentry_instantiate(struct dentry *d, struct inode *inode);
/* The same for d that lookups find.  False, and nothing done: the directory has a dentry, for the
 * host has moved it already. */
MUST_USE bool dentry_instantiate_made(struct dentry *d, struct inode *inode);
/* The cached child or NULL (counted). */
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len);
/* A new hashed negative child (counted); NULL = no memory. */
struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len);
struct dentry *dentry_alloc_root(struct superblock *sb, struct inode *root);
void dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);
void dentry_drop(struct dentry *d); /* unhash: stale or removed */
/* Drops every unused dentry below d (daemon said that the directory changed). */
void dentry_prune_children(struct dentry *d);
/* Frees up to n of the unused dentries of all file systems, oldest first. */
void dentry_trim(size_t n);
/* Directory entries came with attributes (READDIRPLUS): caches name -> inode (takes over the
 * inode reference). */
void dentry_cache_child(struct dentry *parent, const char *name, size_t len, struct inode *inode,
			uint64_t valid_until);
