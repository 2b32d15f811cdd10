/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory: a page cache of its own per segment.  Each shmat(2) makes a struct file
 * that its mapping (and the mappings that come from it by fork) counts; so the mappings of a
 * segment are the references of its files, and the last unmapping tells us.
 *
 * A segment that is removed while attached stays in the table, without its key and marked
 * SHM_DEST, and can still be attached by its id; the last detach removes it.  An attach that finds
 * the segment and a last detach may meet: who comes to the lock second decides.
 */
#include "ipc_internal.h"

#include <fs/file.h>
#include <fs/pseudo/procfs.h>
#include <lib/assert.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <mm/mm.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <mm/usercopy.h>

struct shm {
	struct ipc_object ipc; /* first */
	uint64_t size;	       /* [I] */
	struct page_cache *pages;
	int cpid;					  /* [I] */
	struct list attaches GUARDED_BY(ipc_object_role); /* struct attach */
	int64_t atime GUARDED_BY(ipc_object_role);
	int64_t dtime GUARDED_BY(ipc_object_role);
	int lpid GUARDED_BY(ipc_object_role);
};
struct attach {
	struct list link;  /* [shm lock] */
	struct shm *shm;   /* counted */
	struct file *file; /* not counted: it owns us */
};

static _Atomic uint64_t total_pages; /* a figure to show: orders nothing */

static void shm_destroy(struct ipc_object *o)
{
	struct shm *s = (struct shm *)o;

	ASSERT(list_empty(&s->attaches));
	atomic_fetch_sub_explicit(&total_pages, DIV_ROUND_UP(s->size, PAGE_SIZE),
				  memory_order_relaxed);
	pagecache_put(s->pages);
	kfree(s);
}

static int shm_create(const struct ipc_args *a, struct ipc_object **out)
{
	uint64_t pages = DIV_ROUND_UP(a->size, PAGE_SIZE);
	struct mem_stats m;
	struct shm *s;

	if (!a->size || a->size > INT64_MAX / 2) {
		return -EINVAL;
	}
	mem_get_stats(&m);
	s = pages > m.total_pages ? NULL : kzalloc(sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	s->pages = pagecache_create_anon(pages * PAGE_SIZE);
	if (!s->pages) {
		kfree(s);
		return -ENOMEM;
	}
	ipc_object_init(&s->ipc, a);
	s->size = a->size;
	s->cpid = process_pid(process_current());
	list_init(&s->attaches);
	atomic_fetch_add_explicit(&total_pages, pages, memory_order_relaxed);
	*out = &s->ipc;
	return 0;
}

static int shm_check(const struct ipc_object *o, const struct ipc_args *a)
{
	return ((const struct shm *)o)->size < a->size ? -EINVAL : 0;
}

long shm_get(int key, uint64_t size, int flags)
{
	const struct ipc_args a = { .key = key, .flags = flags, .size = size };

	return ipc_get(&shm_table, &a);
}

/* --- attaching --- */

static unsigned count_attaches_locked(struct shm *s) REQUIRES(ipc_object_role)
{
	struct attach *a;
	unsigned n = 0;

	ASSERT(spin_held(&s->ipc.lock));
	list_for_each_entry(a, &s->attaches, link) {
		n += (unsigned)atomic_load(&a->file->refs);
	}
	return n;
}

static void attach_release(struct file *f)
{
	struct attach *a = f->private_data;
	struct shm *s = a->shm;

	spin_lock(&s->ipc.lock);
	list_remove(&a->link);
	s->dtime = ipc_now();
	s->lpid = thread_current()->task ? process_pid(process_current()) : s->lpid;
	if (s->ipc.mode & SHM_DEST && list_empty(&s->attaches) && !s->ipc.removed) {
		ipc_remove_locked(&s->ipc);
	}
	ipc_unlock(&s->ipc);
	kfree(a);
}

static const struct file_ops shm_file_ops = {
	.release = attach_release,
};

static int make_attach(struct shm *s, int flags, struct file **out)
{
	struct attach *a = kzalloc(sizeof(*a));
	bool removed;
	int err;

	if (!a) {
		return -ENOMEM;
	}
	list_init(&a->link);
	a->shm = s;
	err = file_alloc_anon(&shm_file_ops, a, flags & SHM_RDONLY ? O_RDONLY : O_RDWR, 0600,
			      "/SYSV (deleted)", out);
	if (err) {
		kfree(a);
		return err;
	}
	a->file = *out;
	ipc_object_get(&s->ipc); /* a's */
	spin_lock(&s->ipc.lock);
	removed = s->ipc.removed;
	if (!removed) {
		list_push_back(&s->attaches, &a->link);
		s->atime = ipc_now();
		s->lpid = process_pid(process_current());
	}
	spin_unlock(&s->ipc.lock);
	if (removed) {
		file_put(*out);
		return -EIDRM;
	}
	return 0;
}

static int check_address(uint64_t *addr, uint64_t size, int flags)
{
	if (!*addr) {
		return flags & SHM_REMAP ? -EINVAL : 0;
	}
	if (*addr & (SHMLBA - 1)) {
		if (!(flags & SHM_RND)) {
			return -EINVAL;
		}
		*addr &= ~(SHMLBA - 1);
		if (!*addr && flags & SHM_REMAP) {
			return -EINVAL;
		}
	}
	return *addr + size < *addr ? -EINVAL : 0; /* mm_mmap() looks at the rest */
}

long shm_attach(int id, uint64_t addr, int flags)
{
	unsigned want = flags & SHM_RDONLY ? 4 : 6;
	int prot = PROT_READ, map = MAP_SHARED;
	struct ipc_object *o;
	struct file *f;
	struct shm *s;
	long result = ipc_lock(&shm_table, id, &o);

	if (result) {
		return result;
	}
	s = (struct shm *)o;
	prot |= flags & SHM_RDONLY ? 0 : PROT_WRITE;
	if (flags & SHM_EXEC) {
		prot |= PROT_EXEC;
		want |= 1;
	}
	result = ipc_permission_locked(o, want);
	spin_unlock(&o->lock);
	if (!result) {
		result = check_address(&addr, s->size, flags);
	}
	if (!result) {
		result = make_attach(s, flags, &f);
	}
	if (!result) {
		if (addr) {
			map |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
		}
		result = mm_mmap(thread_current()->mm, addr, ALIGN_UP(s->size, PAGE_SIZE), prot,
				 map, s->pages, f, 0, flags & SHM_RDONLY ? 0 : VMA_MAYWRITE);
		result = result == -EEXIST ? -EINVAL : result;
		file_put(f);
	}
	ipc_put(o);
	return result;
}

struct find_mapping {
	uint64_t base; /* where the segment would begin */
	struct page_cache *object;
	uint64_t size;	     /* of the segment, with object */
	uint64_t start, end; /* found */
};

/* 1: a piece; -1: there are no more. */
static int find_mapping(const struct vma *v, void *arg)
{
	struct find_mapping *m = arg;

	if (v->start > m->base && v->start - m->base >= m->size) {
		return -1;
	}
	if (!v->file || v->file->ops != &shm_file_ops || v->start < m->base ||
	    v->start - v->pgoff * PAGE_SIZE != m->base) {
		return 0;
	}
	/* The first piece has to be there: then all of the same segment go. */
	if (!m->object && v->start != m->base) {
		return 0;
	}
	if (m->object && v->object != m->object) {
		return 0;
	}
	m->object = v->object;
	m->size = atomic_load(&v->object->size);
	m->start = v->start;
	m->end = v->end;
	return 1;
}

long shm_detach(uint64_t addr)
{
	struct find_mapping m = { .base = addr };
	bool any = false;

	if (addr & (SHMLBA - 1)) {
		return -EINVAL;
	}
	while (mm_for_each_vma_from(thread_current()->mm, addr, find_mapping, &m) > 0) {
		int err = mm_munmap(thread_current()->mm, m.start, m.end - m.start);

		if (err) {
			return err;
		}
		any = true;
	}
	return any ? 0 : -EINVAL;
}

/* --- shmctl, /proc/sysvipc/shm --- */

static void shm_fill(struct ipc_object *o, union ipc_ds *d)
{
	struct shm *s = (struct shm *)o;

	spin_assert_held(&o->lock);
	d->shm.segsz = s->size;
	d->shm.atime = s->atime;
	d->shm.dtime = s->dtime;
	d->shm.ctime = o->ctime;
	d->shm.cpid = s->cpid;
	d->shm.lpid = s->lpid;
	d->shm.nattch = count_attaches_locked(s);
}

static bool shm_linger(struct ipc_object *o)
{
	spin_assert_held(&o->lock);
	if (list_empty(&((struct shm *)o)->attaches)) {
		return false;
	}
	o->mode |= SHM_DEST;
	return true;
}

static size_t shm_info(bool usage, union ipc_info *i)
{
	uint64_t pages = atomic_load_explicit(&total_pages, memory_order_relaxed);

	if (!usage) {
		i->shm = (struct linux_shminfo){
			.max = SHMMAX,
			.min = 1,
			.mni = SHMMNI,
			.seg = SHMMNI,
			.all = SHMALL,
		};
		return sizeof(i->shm);
	}
	spin_lock(&shm_table.lock);
	i->shm_usage.used_ids = (int)shm_table.used;
	spin_unlock(&shm_table.lock);
	i->shm_usage.tot = i->shm_usage.rss = pages;
	return sizeof(i->shm_usage);
}

static void shm_show(struct text_buf *t, int id, const union ipc_ds *ds)
{
	const struct linux_shmid_ds *d = &ds->shm;

	text_printf(t,
		    "%10d %10d  %4o %21lu %5d %5d  %5lu %5u %5u %5u %5u %10ld %10ld %10ld "
		    "%21lu %21u\n",
		    d->perm.key, id, d->perm.mode, d->segsz, d->cpid, d->lpid, d->nattch,
		    d->perm.uid, d->perm.gid, d->perm.cuid, d->perm.cgid, d->atime, d->dtime,
		    d->ctime, d->segsz, 0u);
}

static const struct ipc_type shm_type = {
	.cmd_stat = SHM_STAT,
	.cmd_info = SHM_INFO,
	.cmd_stat_any = SHM_STAT_ANY,
	.ds_size = sizeof(struct linux_shmid_ds),
	.create = shm_create,
	.check = shm_check,
	.destroy = shm_destroy,
	.fill = shm_fill,
	.linger = shm_linger,
	.info = shm_info,
	.title = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid"
		 "  cuid  cgid      atime      dtime      ctime                   rss"
		 "                  swap",
	.show = shm_show,
};
struct ipc_table shm_table = IPC_TABLE_INIT(&shm_type, "shm", SHMMNI);

/* Nothing is ever swapped: only the mark is kept. */
static long set_locked_in(int id, bool on)
{
	struct ipc_object *o;
	int err = ipc_lock(&shm_table, id, &o);

	if (err) {
		return err;
	}
	err = ipc_owner_locked(o);
	if (!err) {
		o->mode = on ? o->mode | SHM_LOCKED : o->mode & ~(unsigned)SHM_LOCKED;
	}
	ipc_unlock(o);
	return err;
}

long shm_control(int id, int cmd, user_ptr buf)
{
	return cmd == SHM_LOCK || cmd == SHM_UNLOCK ? set_locked_in(id, cmd == SHM_LOCK)
						    : ipc_control(&shm_table, id, cmd, buf);
}
