/* SPDX-License-Identifier: MIT */
/*
 * The dentry cache: tree, hash and LRU under one lock.
 *
 * A dentry with references is not on the LRU.  The last put leaves it hashed and puts it on
 * the LRU, or frees it when it was unhashed.  0 -> 1 happens only under the lock.  A child
 * keeps its parent, so an unused parent has no children.
 */
#include <fs/dentry.h>

#include "fs_internal.h"

#include <arch/clock.h>
#include <fs/inode.h>
#include <lib/assert.h>
#include <lib/hash.h>
#include <lib/list.h>
#include <lib/string.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <sync/lock_order.h>
#include <sync/spinlock.h>

#define MIN_BITS 8
#define MAX_BITS 15

SPINLOCK(dcache) dcache_lock = SPINLOCK_INIT(RANK_DCACHE, "dcache");
static struct list *buckets;
static unsigned bucket_bits;
static struct list lru = LIST_INIT(lru); /* oldest first */
static size_t lru_count, lru_max;
static struct kmem_cache *dentry_cache;

static uint64_t dcache_shrink(uint64_t pages);

void dcache_init(void)
{
	struct mem_stats ms;

	mem_get_stats(&ms);
	bucket_bits = MIN_BITS;
	while (bucket_bits < MAX_BITS && (1ul << (bucket_bits + 5)) < ms.total_pages) {
		bucket_bits++;
	}
	/* With its inode an entry takes some 800 bytes: a tenth of the memory. */
	lru_max = MIN(MAX(ms.total_pages / 2, (uint64_t)256), (uint64_t)262144);
	buckets = kmalloc(sizeof(*buckets) << bucket_bits);
	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 0);
	ASSERT(buckets && dentry_cache);
	for (size_t i = 0; i < 1ul << bucket_bits; i++) {
		list_init(&buckets[i]);
	}
	mem_register_shrinker(dcache_shrink);
}

static uint32_t dentry_hash_name(const struct dentry *parent, const char *name, size_t len)
{
	return hash_bytes(name, len, (uint32_t)((uintptr_t)parent >> 6));
}
static struct list *bucket_of(uint32_t hash)
{
	return &buckets[(hash ^ hash >> bucket_bits) & ((1u << bucket_bits) - 1)];
}

void dentry_ref_locked(struct dentry *d)
{
	if (atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed) == 0 &&
	    list_linked(&d->lru)) {
		list_remove(&d->lru);
		lru_count--;
	}
}
void dentry_get(struct dentry *d)
{
	int32_t old = atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);

	DEBUG_ASSERT(old > 0);
	(void)old;
}

static void leave_parent_locked(struct dentry *d)
{
	list_remove(&d->child_link);
	if (rb_linked(&d->cookie_node)) {
		rb_remove(&d->parent->by_cookie, &d->cookie_node);
	}
}

/* Unlinks an unused d from everything; the caller frees it outside the lock. */
static void unlink_locked(struct dentry *d)
{
	if (list_linked(&d->lru)) {
		list_remove(&d->lru);
		lru_count--;
	}
	list_remove(&d->hash_link);
	leave_parent_locked(d);
	d->unhashed = true;
	if (d->inode && d->inode->dir_dentry == d) {
		d->inode->dir_dentry = NULL;
	}
}

/* Frees d, whose references are gone and which nobody can find; returns its parent whose
 * reference the caller has to put. */
static struct dentry *dentry_free(struct dentry *d)
{
	struct dentry *parent = d->parent == d ? NULL : d->parent;

	ASSERT(list_empty(&d->children));
	inode_put(d->inode);
	if (d->name != d->inline_name) {
		kfree(d->name);
	}
	kmem_cache_free(dentry_cache, d);
	return parent;
}

/* Takes the oldest unused dentries off; the list is linked through lru. */
static void collect_oldest(struct list *victims, size_t n)
{
	while (n-- && !list_empty(&lru)) {
		struct dentry *d = list_first_entry(&lru, struct dentry, lru);

		unlink_locked(d);
		list_push_back(victims, &d->lru);
	}
}
static void free_victims(struct list *victims)
{
	while (!list_empty(victims)) {
		struct dentry *d = list_first_entry(victims, struct dentry, lru);

		list_remove(&d->lru);
		d = dentry_free(d);
		dentry_put(d);
	}
}

static uint64_t dcache_shrink(uint64_t pages)
{
	struct list victims;
	size_t n = 0;

	list_init(&victims);
	if (!spin_trylock(&dcache_lock)) {
		return 0; /* the allocation may come from under it */
	}
	n = MIN((uint64_t)lru_count, pages * 16);
	collect_oldest(&victims, n);
	spin_unlock(&dcache_lock);
	free_victims(&victims);
	return n / 16;
}

void dentry_trim(size_t n)
{
	struct list victims;

	list_init(&victims);
	spin_lock(&dcache_lock);
	collect_oldest(&victims, n);
	spin_unlock(&dcache_lock);
	free_victims(&victims);
}

void dentry_put(struct dentry *d)
{
	while (d) {
		struct list victims;
		int32_t refs = atomic_load_explicit(&d->refs, memory_order_relaxed);

		while (refs > 1) {
			if (atomic_compare_exchange_weak_explicit(&d->refs, &refs, refs - 1,
								  memory_order_release,
								  memory_order_relaxed)) {
				return;
			}
		}
		list_init(&victims);
		spin_lock(&dcache_lock);
		if (atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1) {
			spin_unlock(&dcache_lock);
			return;
		}
		if (!d->unhashed) {
			ASSERT(!list_linked(&d->lru));
			list_push_back(&lru, &d->lru);
			if (++lru_count > lru_max) {
				collect_oldest(&victims, 32);
			}
			spin_unlock(&dcache_lock);
			free_victims(&victims);
			return;
		}
		unlink_locked(d);
		spin_unlock(&dcache_lock);
		d = dentry_free(d);
	}
}

struct dentry *dentry_new(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d = kmem_cache_zalloc(dentry_cache);

	if (!d) {
		return NULL;
	}
	d->name = d->inline_name;
	if (len >= sizeof(d->inline_name)) {
		d->name = kmalloc(len + 1);
		if (!d->name) {
			kmem_cache_free(dentry_cache, d);
			return NULL;
		}
	}
	memcpy(d->name, name, len);
	d->name[len] = '\0';
	d->name_len = (uint16_t)len;
	list_init(&d->hash_link);
	list_init(&d->child_link);
	rb_clear(&d->cookie_node);
	list_init(&d->children);
	list_init(&d->lru);
	atomic_init(&d->refs, 1);
	d->unhashed = true;
	d->valid_until = UINT64_MAX;
	d->parent = d;
	if (parent) {
		dentry_get(parent);
		d->parent = parent;
		d->sb = parent->sb;
		d->hash = dentry_hash_name(parent, name, len);
	}
	return d;
}

struct dentry *dentry_find_locked(struct dentry *parent, const char *name, size_t len)
{
	uint32_t hash = dentry_hash_name(parent, name, len);
	struct list *b = bucket_of(hash);
	struct dentry *d;

	list_for_each_entry(d, b, hash_link) {
		if (d->hash == hash && d->parent == parent && d->name_len == len &&
		    memcmp(d->name, name, len) == 0) {
			return d;
		}
	}
	return NULL;
}
struct dentry *dentry_find(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d;

	spin_lock(&dcache_lock);
	d = dentry_find_locked(parent, name, len);
	if (d) {
		dentry_ref_locked(d);
	}
	spin_unlock(&dcache_lock);
	return d;
}

/* Pinned entries have cookies, and are sorted by them: readdir goes on from a cookie. */
static uint64_t next_cookie = 16;

static void give_cookie_locked(struct dentry *d)
{
	struct rb_tree *t = &d->parent->by_cookie;
	struct rb_node *last = rb_last(t);

	d->generation = next_cookie++;
	rb_link(&d->cookie_node, last, last ? &last->right : &t->root);
	rb_insert_fix(t, &d->cookie_node);
}

static void hash_locked(struct dentry *d)
{
	if (d->dir_pinned) {
		give_cookie_locked(d);
	}
	list_push_front(bucket_of(d->hash), &d->hash_link);
	list_push_back(&d->parent->children, &d->child_link);
	d->unhashed = false;
}
static struct dentry *hash_unique(struct dentry *d)
{
	struct dentry *old;

	spin_lock(&dcache_lock);
	old = dentry_find_locked(d->parent, d->name, d->name_len);
	if (old) {
		dentry_ref_locked(old);
	} else {
		hash_locked(d);
	}
	spin_unlock(&dcache_lock);
	return old;
}
struct dentry *dentry_alloc(struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d = dentry_new(parent, name, len), *old;

	if (!d) {
		return NULL;
	}
	old = hash_unique(d);
	if (old) {
		dentry_put(d);
		return old;
	}
	return d;
}
struct dentry *dentry_alloc_root(struct superblock *sb, struct inode *root)
{
	struct dentry *d = dentry_new(NULL, "/", 1);

	if (d) {
		d->sb = sb;
		d->inode = root;
		root->dir_dentry = d;
		d->unhashed = false;
		sb->root = d;
	}
	return d;
}
struct dentry *dentry_alloc_anon(struct superblock *sb, struct inode *inode, const char *name)
{
	struct dentry *d = dentry_new(NULL, name, strlen(name));

	if (d) {
		d->sb = sb;
		inode_get(inode);
		d->inode = inode;
	}
	return d;
}

static bool has_dentry(const struct inode *inode)
{
	return S_ISDIR(inode->mode) && inode->dir_dentry;
}
static void give_inode_locked(struct dentry *d, struct inode *inode)
{
	ASSERT(!d->inode);
	d->inode = inode;
	if (S_ISDIR(inode->mode) && !inode->dir_dentry) {
		inode->dir_dentry = d;
	}
}
void dentry_instantiate(struct dentry *d, struct inode *inode)
{
	spin_lock(&dcache_lock);
	give_inode_locked(d, inode);
	spin_unlock(&dcache_lock);
}
bool dentry_instantiate_made(struct dentry *d, struct inode *inode)
{
	bool done;

	spin_lock(&dcache_lock);
	done = !has_dentry(inode);
	if (done) {
		give_inode_locked(d, inode);
	}
	spin_unlock(&dcache_lock);
	return done;
}

void dentry_instantiate_pinned(struct dentry *d, struct inode *inode)
{
	dentry_get(d);
	spin_lock(&dcache_lock);
	ASSERT(!d->dir_pinned);
	give_inode_locked(d, inode);
	d->dir_pinned = true;
	if (!d->unhashed) {
		give_cookie_locked(d);
	}
	spin_unlock(&dcache_lock);
}

static void dentry_drop_locked(struct dentry *d)
{
	if (!d->unhashed && d->parent != d) {
		list_remove(&d->hash_link);
		leave_parent_locked(d);
		d->unhashed = true;
	}
}
void dentry_drop(struct dentry *d)
{
	spin_lock(&dcache_lock);
	if (!d->mounted) {
		dentry_drop_locked(d);
	}
	spin_unlock(&dcache_lock);
}

void dentry_cache_child(struct dentry *parent, const char *name, size_t len, struct inode *inode,
			uint64_t valid_until)
{
	struct dentry *d = dentry_new(parent, name, len), *old;
	struct inode *spare;

	if (!d) {
		inode_put(inode);
		return;
	}
	d->valid_until = valid_until;
	spin_lock(&dcache_lock);
	old = dentry_find_locked(parent, name, len);
	if (old) {
		dentry_ref_locked(old);
	}
	if (old && (old->mounted || old->inode == inode)) {
		if (old->inode == inode) {
			old->valid_until = valid_until;
		}
	} else {
		if (old) {
			dentry_drop_locked(old); /* it is another file now */
		}
		/* A directory that is elsewhere moves by a lookup, which holds locks. */
		if (!has_dentry(inode)) {
			give_inode_locked(d, inode);
			hash_locked(d);
		}
	}
	spare = d->inode ? NULL : inode;
	spin_unlock(&dcache_lock);
	inode_put(spare);
	dentry_put(old);
	dentry_put(d);
}

void dentry_prune_children(struct dentry *parent)
{
	struct dentry *d, *tmp;
	struct list victims;

	list_init(&victims);
	spin_lock(&dcache_lock);
	list_for_each_entry_safe(d, tmp, &parent->children, child_link) {
		if (atomic_load_explicit(&d->refs, memory_order_relaxed) == 0) {
			unlink_locked(d);
			list_push_back(&victims, &d->lru);
		}
	}
	spin_unlock(&dcache_lock);
	free_victims(&victims);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	char tmp[sizeof(a->inline_name)];
	char *an = a->name == a->inline_name ? NULL : a->name;
	char *bn = b->name == b->inline_name ? NULL : b->name;
	uint16_t len = a->name_len;

	memcpy(tmp, a->inline_name, sizeof(tmp));
	memcpy(a->inline_name, b->inline_name, sizeof(tmp));
	memcpy(b->inline_name, tmp, sizeof(tmp));
	a->name = bn ? bn : a->inline_name;
	b->name = an ? an : b->inline_name;
	a->name_len = b->name_len;
	b->name_len = len;
}
/* The two trade places: names, parents, and the parents' references with them. */
static void swap_places(struct dentry *a, struct dentry *b)
{
	struct dentry *ap = a->parent, *bp = b->parent;

	swap_names(a, b);
	a->parent = bp;
	b->parent = ap;
	a->hash = dentry_hash_name(bp, a->name, a->name_len);
	b->hash = dentry_hash_name(ap, b->name, b->name_len);
}

void dentry_move(struct dentry *d, struct dentry *target)
{
	spin_lock(&dcache_lock);
	dentry_drop_locked(d);
	dentry_drop_locked(target);
	swap_places(d, target);
	hash_locked(d);
	spin_unlock(&dcache_lock);
}
void dentry_exchange(struct dentry *a, struct dentry *b)
{
	spin_lock(&dcache_lock);
	dentry_drop_locked(a);
	dentry_drop_locked(b);
	swap_places(a, b);
	hash_locked(a);
	hash_locked(b);
	spin_unlock(&dcache_lock);
}

/* --- directories that the host moved --- */

static bool is_above_locked(const struct dentry *d, const struct dentry *below)
{
	while (below != d && below->parent != below) {
		below = below->parent;
	}
	return below == d;
}

/* Both directories are locked, and across directories rename_lock is, too. */
static int move_here_locked(struct dentry *own, const struct dentry *from, struct dentry *d)
{
	int err = 0;

	spin_lock(&dcache_lock);
	if (own->parent != from || own->mounted ||
	    dentry_find_locked(d->parent, d->name, d->name_len)) {
		err = -ESTALE;
	} else if (is_above_locked(own, d->parent)) {
		err = -ELOOP;
	} else {
		dentry_drop_locked(own);
		swap_places(own, d);
		own->valid_until = d->valid_until;
		hash_locked(own);
	}
	spin_unlock(&dcache_lock);
	return err;
}

/* own, the dentry of the directory that d names, takes d's place.  The locks of its old place come
 * before the one that the caller holds, so they are only tried: their holders may wait for it. */
static int move_here(struct dentry *own, struct dentry *d)
{
	MUTEX(fs_rename) *shape = &d->sb->rename_lock;
	struct dentry *from;
	int err = -ESTALE;

	spin_lock(&dcache_lock);
	from = own->parent;
	dentry_ref_locked(from);
	spin_unlock(&dcache_lock);
	if (from == d->parent) {
		err = move_here_locked(own, from, d);
	} else if (mutex_trylock(shape)) {
		if (mutex_trylock(&from->inode->lock)) {
			err = move_here_locked(own, from, d);
			mutex_unlock(&from->inode->lock);
		}
		mutex_unlock(shape);
	}
	dentry_put(from);
	return err;
}

int dentry_publish(struct dentry *d, struct dentry **out)
{
	struct dentry *own = d, *old;
	int err = 0;

	spin_lock(&dcache_lock);
	old = dentry_find_locked(d->parent, d->name, d->name_len);
	if (old) {
		dentry_ref_locked(old);
	} else {
		if (d->inode && has_dentry(d->inode)) {
			own = d->inode->dir_dentry;
		} else if (d->inode && S_ISDIR(d->inode->mode)) {
			d->inode->dir_dentry = d;
		}
		if (own == d) {
			hash_locked(d);
		} else {
			dentry_ref_locked(own);
		}
	}
	spin_unlock(&dcache_lock);
	if (!old && own == d) {
		*out = d;
		return 0;
	}
	if (!old) {
		err = move_here(own, d);
		old = own;
	}
	dentry_put(d);
	if (err) {
		dentry_put(old);
		return err;
	}
	*out = old;
	return 0;
}
