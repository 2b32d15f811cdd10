/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID: what is made from a process's parts (memory, descriptors, fs context).  The process
 * may end at any time: each part is got counted from proc_source, and NULL means that it is gone.
 */
#include "procfs_internal.h"

#include <fs/context.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <lib/format.h>
#include <lib/string.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <sched/sched.h>

#define TEXT(name_, mode_, kind_)                      \
	{                                              \
		name_, S_IFREG | (mode_), kind_, false \
	}
const struct proc_entry proc_entries[] = {
	{ "task", S_IFDIR | 0555, KIND_DIR_TASK, true },
	{ "fd", S_IFDIR | 0500, KIND_DIR_FD, false },
	{ "fdinfo", S_IFDIR | 0555, KIND_DIR_FDINFO, false },
	{ "cwd", S_IFLNK | 0777, KIND_CWD, false },
	{ "root", S_IFLNK | 0777, KIND_ROOT, false },
	{ "exe", S_IFLNK | 0777, KIND_EXE, false },
	TEXT("environ", 0400, KIND_ENVIRON),
	TEXT("auxv", 0400, KIND_AUXV),
	TEXT("status", 0444, PROC_STATUS),
	TEXT("personality", 0400, PROC_PERSONALITY),
	TEXT("limits", 0444, PROC_LIMITS),
	TEXT("sched", 0644, PROC_SCHED),
	TEXT("comm", 0644, PROC_COMM),
	TEXT("syscall", 0400, PROC_SYSCALL),
	TEXT("cmdline", 0444, KIND_CMDLINE),
	TEXT("stat", 0444, PROC_STAT),
	TEXT("statm", 0444, KIND_STATM),
	TEXT("maps", 0444, KIND_MAPS),
	TEXT("smaps", 0444, KIND_SMAPS),
	TEXT("mem", 0600, KIND_MEM),
	TEXT("mounts", 0444, KIND_MOUNTS),
	TEXT("mountinfo", 0444, KIND_MOUNTINFO),
	TEXT("wchan", 0444, PROC_WCHAN),
	TEXT("stack", 0400, PROC_STACK),
	TEXT("schedstat", 0444, PROC_SCHEDSTAT),
	TEXT("cgroup", 0444, PROC_CGROUP),
	TEXT("io", 0400, PROC_IO),
	TEXT("oom_score", 0444, PROC_OOM_SCORE),
	TEXT("oom_adj", 0644, PROC_OOM_ADJ),
	TEXT("oom_score_adj", 0644, PROC_OOM_SCORE_ADJ),
	TEXT("loginuid", 0644, PROC_LOGINUID),
	TEXT("sessionid", 0444, PROC_SESSIONID),
	TEXT("uid_map", 0644, PROC_UID_MAP),
	TEXT("gid_map", 0644, PROC_GID_MAP),
	TEXT("setgroups", 0644, PROC_SETGROUPS),
	TEXT("timerslack_ns", 0666, PROC_TIMERSLACK),
	TEXT("coredump_filter", 0644, PROC_COREDUMP_FILTER),
};
const size_t proc_entries_count = ARRAY_SIZE(proc_entries);

/* --- memory --- */
struct maps_arg {
	struct text_buf *t;
	bool smaps;
	char *path;
};
static void vma_name(const struct vma *v, struct maps_arg *a, uint64_t *dev, uint64_t *ino)
{
	*dev = *ino = 0;
	a->path[0] = '\0';
	if (v->file) {
		mm_file_ops->describe(v->file, a->path, PATH_MAX, dev, ino);
	} else if (v->special_name) {
		str_copy(a->path, v->special_name, PATH_MAX);
	} else if (v->flags & VMA_IS_HEAP) {
		str_copy(a->path, "[heap]", PATH_MAX);
	} else if (v->flags & VMA_IS_STACK) {
		str_copy(a->path, "[stack]", PATH_MAX);
	} else if (v->object && v->flags & VMA_SHARED) {
		str_copy(a->path, "/dev/zero (deleted)", PATH_MAX);
	}
}
static int show_vma(const struct vma *v, void *arg)
{
	struct maps_arg *a = arg;
	uint64_t dev, ino, kib = (v->end - v->start) / 1024;
	char head[96];

	vma_name(v, a, &dev, &ino);
	fmt_snprintf(head, sizeof(head), "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ",
		     (unsigned long long)v->start, (unsigned long long)v->end,
		     v->flags & VMA_READ ? 'r' : '-', v->flags & VMA_WRITE ? 'w' : '-',
		     v->flags & VMA_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p',
		     (unsigned long long)(v->object ? v->pgoff * PAGE_SIZE : 0), dev_major(dev),
		     dev_minor(dev), (unsigned long long)ino);
	if (a->path[0]) {
		text_printf(a->t, "%-73s%s\n", head, a->path);
	} else {
		text_printf(a->t, "%s\n", head);
	}
	if (a->smaps) {
		text_printf(a->t,
			    "Size:           %8llu kB\nKernelPageSize:        4 kB\n"
			    "MMUPageSize:           4 kB\nLocked:         %8llu kB\n",
			    (unsigned long long)kib,
			    (unsigned long long)(v->flags & VMA_LOCKED ? kib : 0));
	}
	return a->t->failed ? -ENOMEM : 0;
}
static int show_maps(struct text_buf *t, struct mm *mm, bool smaps)
{
	struct maps_arg a = { t, smaps, kmalloc(PATH_MAX) };
	int err;

	if (!a.path) {
		return -ENOMEM;
	}
	err = mm_for_each_vma(mm, show_vma, &a);
	kfree(a.path);
	return err;
}

static int show_range(struct text_buf *t, struct mm *mm, uint64_t start, uint64_t end)
{
	char *buf = kmalloc(PAGE_SIZE);

	if (!buf) {
		return -ENOMEM;
	}
	while (start < end) {
		long n = mm_access(mm, start, buf, MIN(end - start, PAGE_SIZE), false, true);

		if (n <= 0) {
			break;
		}
		text_write(t, buf, (size_t)n);
		start += (uint64_t)n;
	}
	kfree(buf);
	return 0;
}
static void show_statm(struct text_buf *t, struct mm *mm)
{
	uint64_t shared = (uint64_t)(atomic_load(&mm->rss_file) + atomic_load(&mm->rss_shmem));

	text_printf(
		t, "%llu %llu %llu %llu 0 %llu 0\n", (unsigned long long)mm->total_pages,
		(unsigned long long)mm_rss_pages(mm), (unsigned long long)shared,
		(unsigned long long)((mm->end_code - mm->start_code + PAGE_SIZE - 1) / PAGE_SIZE),
		(unsigned long long)(mm->data_pages + mm->stack_pages));
}

/* What anybody may see. */
static int render_mm(struct text_buf *t, struct mem_inode *m)
{
	struct mm *mm = proc_source->get_mm(m->pid, m->tid);
	int err = 0;

	if (!mm) {
		if (m->kind == KIND_STATM) {
			text_printf(t, "0 0 0 0 0 0 0\n");
		}
		return 0; /* a zombie's files are empty */
	}
	if (m->kind == KIND_CMDLINE) {
		err = show_range(t, mm, mm->arg_start, mm->arg_end);
	} else {
		show_statm(t, mm);
	}
	mm_put(mm);
	return err;
}

/* --- files of one mm ---
 *
 * They belong to the memory that their opener was allowed to see: after an exec they show what is
 * left of the old program, which is nothing. */
struct mm_file {
	struct mm *mm;		       /* held; NULL: a zombie's */
	const struct mem_inode *inode; /* the open file has it */
};

static int show_mm_file(struct text_buf *t, void *arg)
{
	const struct mm_file *b = arg;
	struct mm *mm = b->mm;
	int kind = b->inode->kind, err;
	bool maps = kind == KIND_MAPS || kind == KIND_SMAPS;

	if (maps && !proc_alive(b->inode)) {
		return -ESRCH;
	}
	if (kind == KIND_AUXV) {
		text_write(t, mm->auxv, mm->auxv_words * sizeof(mm->auxv[0]));
		return 0;
	}
	if (!mm || !mm_try_get(mm)) {
		return 0;
	}
	if (maps) {
		err = show_maps(t, mm, kind == KIND_SMAPS);
	} else {
		err = show_range(t, mm, mm->env_start, mm->env_end);
	}
	mm_put(mm);
	return err;
}

static void free_mm_file(void *arg)
{
	struct mm_file *b = arg;

	mm_unhold(b->mm);
	kfree(b);
}

/* --- descriptors --- */
static int render_fdinfo(struct text_buf *t, struct mem_inode *m)
{
	struct file *f;
	bool cloexec;
	int err = proc_source->open_fd(m->pid, m->tid, m->fd, &f, &cloexec);
	char *buf;

	if (err) {
		return err == -EACCES ? err : -ENOENT;
	}
	text_printf(t, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n",
		    (unsigned long long)(f->no_seek ? 0 : f->pos),
		    atomic_load(&f->flags) | (cloexec ? O_CLOEXEC : 0),
		    f->path.mount ? f->path.mount->id : 0, (unsigned long long)f->inode->ino);
	if (f->ops && f->ops->show_fdinfo) {
		buf = kzalloc(PAGE_SIZE);
		if (buf) {
			f->ops->show_fdinfo(f, buf, PAGE_SIZE);
			text_write(t, buf, strnlen(buf, PAGE_SIZE));
			kfree(buf);
		}
	}
	file_put(f);
	return 0;
}

int proc_render(struct text_buf *t, struct mem_inode *m)
{
	if (m->kind != KIND_MOUNTS && m->kind != KIND_MOUNTINFO && !proc_alive(m)) {
		return m->kind == KIND_FDINFO ? -ENOENT : -ESRCH;
	}
	switch (m->kind) {
	case KIND_STATM:
	case KIND_CMDLINE: return render_mm(t, m);
	case KIND_MOUNTS: mounts_show(t, false); return 0;
	case KIND_MOUNTINFO: mounts_show(t, true); return 0;
	case KIND_FDINFO: return render_fdinfo(t, m);
	default: return proc_source->render(m->pid, m->tid, (enum proc_file)m->kind, t);
	}
}
int proc_store(const char *buf, size_t n, void *arg)
{
	struct mem_inode *m = arg;

	if (!proc_alive(m)) {
		return -ESRCH;
	}
	return proc_source->write(m->pid, m->tid, (enum proc_file)m->kind, buf, n);
}

/* --- links --- */
static int follow_exe(struct mem_inode *m, struct path *out)
{
	struct mm *mm;
	int err = proc_source->open_mm(m->pid, m->tid, &mm);

	if (!err) {
		err = mm->exe_file ? file_path(mm->exe_file, out) : -ENOENT;
		mm_put(mm);
	}
	return err;
}
static int follow_context(struct mem_inode *m, struct path *out)
{
	struct fs_context *fs;
	int err = proc_source->open_fs(m->pid, m->tid, &fs);

	if (err) {
		return err;
	}
	spin_lock(&fs->lock);
	*out = m->kind == KIND_CWD ? fs->cwd : fs->root;
	path_get(out);
	spin_unlock(&fs->lock);
	fs_context_put(fs);
	return 0;
}
static int follow_fd(struct mem_inode *m, struct path *out)
{
	struct file *f;
	bool cloexec;
	int err = proc_source->open_fd(m->pid, m->tid, m->fd, &f, &cloexec);

	if (!err) {
		err = file_path(f, out);
		file_put(f);
	}
	return err;
}
int proc_follow(struct inode *inode, struct path *out)
{
	struct mem_inode *m = mem_inode_of(inode);
	int err;

	if (!proc_alive(m)) {
		return -ENOENT;
	}
	switch (m->kind) {
	case KIND_EXE: err = follow_exe(m, out); break;
	case KIND_CWD:
	case KIND_ROOT: err = follow_context(m, out); break;
	default: err = follow_fd(m, out);
	}
	return err == -ESRCH || err == -EBADF ? -ENOENT : err;
}

/* --- /proc/PID/mem --- */
static long mem_transfer(struct file *f, struct uio *u, uint64_t *pos, bool write)
{
	struct mm *mm = f->private_data;
	uint64_t total = u->left, done = 0;
	long n = 0;
	char *buf;

	if (!mm_try_get(mm)) {
		return 0;
	}
	buf = kmalloc(PAGE_SIZE);
	if (!buf) {
		n = -ENOMEM;
	}

	while (buf && done < total) {
		size_t want = MIN(total - done, PAGE_SIZE);

		if (write) {
			want = uio_read_from(u, buf, want);
		}
		n = want ? mm_access(mm, *pos, buf, want, write, true) : -EFAULT;
		if (n > 0 && !write) {
			n = (long)uio_write_to(u, buf, (size_t)n);
			n = n ? n : -EFAULT;
		}
		if (n <= 0) {
			break;
		}
		done += (uint64_t)n;
		*pos += (uint64_t)n;
		if (sched_yield_killed()) {
			break;
		}
	}
	kfree(buf);
	mm_put(mm);
	return done ? (long)done : n == -EFAULT ? -EIO : n;
}
static long proc_mem_read(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	(void)flags;
	return mem_transfer(f, u, pos, false);
}
static long proc_mem_write(struct file *f, struct uio *u, uint64_t *pos, unsigned flags)
{
	(void)flags;
	return mem_transfer(f, u, pos, true);
}
static void proc_mem_release(struct file *f)
{
	mm_unhold(f->private_data);
}
static const struct file_ops proc_mem_ops = {
	.read = proc_mem_read,
	.write = proc_mem_write,
	.release = proc_mem_release,
};

int proc_mm_open(struct mem_inode *m, struct file *f)
{
	struct mm_file *b;
	struct mm *mm = NULL;
	int err = proc_source->open_mm(m->pid, m->tid, &mm);

	if (err == -ESRCH && (m->kind == KIND_MAPS || m->kind == KIND_SMAPS)) {
		err = 0;
	}
	if (err) {
		return err;
	}
	if (mm) {
		mm_hold(mm);
		mm_put(mm);
	}
	if (m->kind == KIND_MEM) {
		f->private_data = mm;
		f->ops = &proc_mem_ops;
		return 0;
	}
	b = kmalloc(sizeof(*b));
	err = b ? text_inode_ops.open(&m->inode, f) : -ENOMEM;
	if (err) {
		kfree(b);
		mm_unhold(mm);
		return err;
	}
	*b = (struct mm_file){ mm, m };
	pseudo_text_bind(f, show_mm_file, b, free_mm_file);
	return 0;
}
