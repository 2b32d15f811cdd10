/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory: a page cache of its own per segment.  Each shmat(2) makes a struct file
 * that its mapping (and the mappings that come from it by fork) counts; so the mappings of a
 * segment are the references of its files, and the last unmapping tells us.
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

#define SHMMNI 4096
#define SHMLBA PAGE_SIZE

struct shm {
	struct ipc_object ipc; /* first */
	uint64_t size;	       /* [I] */
	struct page_cache *pages;
	struct list attaches; /* [lock] struct attach */
	int64_t atime, dtime; /* [lock] */
	int cpid, lpid;	      /* [lock] */
};
struct attach {
	struct list link;  /* [shm lock] */
	struct shm *shm;   /* counted */
	struct file *file; /* not counted: it owns us */
};

static struct ipc_table table = IPC_TABLE_INIT("shm", SHMMNI);
static _Atomic uint64_t total_pages;

static void shm_destroy(struct ipc_object *o)
{
	struct shm *s = (struct shm *)o;

	ASSERT(list_empty(&s->attaches));
	atomic_fetch_sub(&total_pages, DIV_ROUND_UP(s->size, PAGE_SIZE));
	pagecache_put(s->pages);
	kfree(s);
}

struct shm_args {
	uint64_t size;
	int key, flags;
};

static struct ipc_object *shm_create(void *arg)
{
	const struct shm_args *a = arg;
	struct shm *s = kzalloc(sizeof(*s));

	if (!s) {
		return NULL;
	}
	s->pages = pagecache_create_anon(ALIGN_UP(a->size, PAGE_SIZE));
	if (!s->pages) {
		kfree(s);
		return NULL;
	}
	ipc_object_init(&s->ipc, a->key, a->flags);
	s->size = a->size;
	s->cpid = process_pid(process_current());
	list_init(&s->attaches);
	atomic_fetch_add(&total_pages, DIV_ROUND_UP(s->size, PAGE_SIZE));
	return &s->ipc;
}

static int shm_check(struct ipc_object *o, void *arg)
{
	const struct shm_args *a = arg;

	return ((struct shm *)o)->size < a->size ? -EINVAL : 0;
}

long shm_get(int key, uint64_t size, int flags)
{
	struct shm_args a = { .size = size, .key = key, .flags = flags };
	struct mem_stats m;

	mem_get_stats(&m);
	if (size > INT64_MAX / 2) {
		return -EINVAL;
	}
	if (!size && (key == IPC_PRIVATE || flags & IPC_CREAT)) {
		/* Only to find one that exists. */
		if (key == IPC_PRIVATE) {
			return -EINVAL;
		}
		flags &= ~IPC_CREAT;
		long id = ipc_get(&table, key, flags, shm_create, shm_check, shm_destroy, &a);

		return id == -ENOENT ? -EINVAL : id;
	}
	if (DIV_ROUND_UP(size, PAGE_SIZE) > m.total_pages) {
		return -ENOMEM;
	}
	return ipc_get(&table, key, flags, shm_create, shm_check, shm_destroy, &a);
}

/* --- attaching --- */

static unsigned count_attaches_locked(struct shm *s)
{
	struct attach *a;
	unsigned n = 0;

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
	spin_unlock(&s->ipc.lock);
	ipc_put(&s->ipc, shm_destroy);
	kfree(a);
}

static const struct file_ops shm_file_ops = {
	.release = attach_release,
};

static int make_attach(struct shm *s, int flags, struct file **out)
{
	struct attach *a = kzalloc(sizeof(*a));
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
	atomic_fetch_add_explicit(&s->ipc.refs, 1, memory_order_relaxed); /* a's */
	spin_lock(&s->ipc.lock);
	list_push_back(&s->attaches, &a->link);
	s->atime = ipc_now();
	s->lpid = process_pid(process_current());
	spin_unlock(&s->ipc.lock);
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
	return *addr > USER_END - size ? -EINVAL : 0;
}

long shm_attach(int id, uint64_t addr, int flags)
{
	int prot = PROT_READ, map = MAP_SHARED;
	struct ipc_object *o;
	struct file *f;
	struct shm *s;
	long result = ipc_lock(&table, id, false, &o);

	if (result) {
		return result;
	}
	s = (struct shm *)o;
	prot |= flags & SHM_RDONLY ? 0 : PROT_WRITE;
	prot |= flags & SHM_EXEC ? PROT_EXEC : 0;
	result = s->ipc.removed && list_empty(&s->attaches)
			 ? -EIDRM
			 : ipc_permission(o, flags & SHM_RDONLY ? 4 : 6);
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
	ipc_put(o, shm_destroy);
	return result;
}

struct find_mapping {
	uint64_t base; /* where the segment would begin */
	struct page_cache *object;
	uint64_t start, end; /* found */
};

static int find_mapping(const struct vma *v, void *arg)
{
	struct find_mapping *m = arg;

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
	while (mm_for_each_vma(thread_current()->mm, find_mapping, &m)) {
		int err = mm_munmap(thread_current()->mm, m.start, m.end - m.start);

		if (err) {
			return err;
		}
		any = true;
	}
	return any ? 0 : -EINVAL;
}

/* --- shmctl --- */

static void fill_locked(struct shm *s, struct linux_shmid_ds *d)
{
	memset(d, 0, sizeof(*d));
	ipc_fill_perm(&s->ipc, &d->perm);
	d->perm.mode |= s->ipc.removed ? SHM_DEST : 0;
	d->segsz = s->size;
	d->atime = s->atime;
	d->dtime = s->dtime;
	d->ctime = s->ipc.ctime;
	d->cpid = s->cpid;
	d->lpid = s->lpid;
	d->nattch = count_attaches_locked(s);
}

static void fill_stat_locked(struct ipc_object *o, void *ds)
{
	fill_locked((struct shm *)o, ds);
}

static long shm_stat(int id, int cmd, user_ptr buf)
{
	const struct ipc_stat r = {
		.id = id,
		.by_index = cmd != IPC_STAT,
		.any = cmd == SHM_STAT_ANY,
		.fill = fill_stat_locked,
		.destroy = shm_destroy,
		.size = sizeof(struct linux_shmid_ds),
	};

	return ipc_stat(&table, &r, buf);
}

static long shm_info(int cmd, user_ptr buf)
{
	int highest = MAX(table.highest, 0), err;

	if (cmd == IPC_INFO) {
		struct linux_shminfo i = {
			.max = UINT64_MAX - (1ul << 24),
			.min = 1,
			.mni = SHMMNI,
			.seg = SHMMNI,
			.all = UINT64_MAX - (1ul << 24),
		};

		err = copy_to_user(buf, &i, sizeof(i));
	} else {
		struct linux_shm_info i = {
			.used_ids = (int)table.used,
			.tot = total_pages,
			.rss = total_pages,
		};

		err = copy_to_user(buf, &i, sizeof(i));
	}
	return err ? err : highest;
}

long shm_control(int id, int cmd, user_ptr buf)
{
	struct linux_shmid_ds d;
	struct ipc_object *o;
	int err;

	switch (cmd) {
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY: return shm_stat(id, cmd, buf);
	case IPC_INFO:
	case SHM_INFO: return shm_info(cmd, buf);
	case IPC_SET: err = copy_from_user(&d, buf, sizeof(d)); break;
	case IPC_RMID:
	case SHM_LOCK:
	case SHM_UNLOCK: err = 0; break;
	default: return -EINVAL;
	}
	if (!err) {
		err = ipc_lock(&table, id, false, &o);
	}
	if (err) {
		return err;
	}
	err = ipc_owner(o);
	if (!err && cmd == IPC_SET) {
		ipc_set_perm(o, &d.perm);
	} else if (!err && cmd == IPC_RMID) {
		if (o->removed) {
			err = -EIDRM;
		} else {
			ipc_remove_locked(&table, o);
		}
	} else if (!err) {
		/* Never swapped: locked already. */
		o->mode = cmd == SHM_LOCK ? o->mode | SHM_LOCKED : o->mode & ~(unsigned)SHM_LOCKED;
	}
	ipc_unlock(o, shm_destroy);
	return err;
}

void shm_show(struct text_buf *t)
{
	struct linux_shmid_ds d;
	struct ipc_object *o;

	text_printf(t, "       key      shmid perms                  size  cpid  lpid nattch   "
		       "uid   gid  cuid  cgid      atime      dtime      ctime"
		       "                   rss                  swap\n");
	for (int i = 0; (o = ipc_next(&table, &i)); i++) {
		int id = o->id;

		fill_locked((struct shm *)o, &d);
		ipc_unlock(o, shm_destroy);
		text_printf(t,
			    "%10d %10d  %4o %21lu %5d %5d  %5lu %5u %5u %5u %5u "
			    "%10ld %10ld %10ld %21lu %21u\n",
			    d.perm.key, id, d.perm.mode, d.segsz, d.cpid, d.lpid, d.nattch,
			    d.perm.uid, d.perm.gid, d.perm.cuid, d.perm.cgid, d.atime, d.dtime,
			    d.ctime, d.segsz, 0u);
	}
}
