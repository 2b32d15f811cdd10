/* SPDX-License-Identifier: MIT */
/*
 * Core dumps: an ELF file "core" in the working directory, as gdb reads it: notes (registers of all
 * threads, FPU state, files, auxv), then the memory.
 *
 * The other threads are told to die, but wait at the head of task_exit() with their registers in
 * place until the dump is done (core_dumper).
 */
#include <proc/coredump.h>

#include <arch/clock.h>
#include <arch/fpu.h>
#include <fs/attr.h>
#include <fs/cred.h>
#include <fs/file.h>
#include <fs/vfs.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/elfcore.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <proc/lifecycle.h>
#include <proc/tree.h>
#include <sched/sched.h>
#include <signal/signal.h>
#include <time/posix_timers.h>
#include "proc_internal.h"

#define PARK_WAIT NSEC_PER_SEC
#define DUMP_BUF (16 * PAGE_SIZE)
#define MAX_SEGMENTS 4096

struct dump {
	struct file *file;
	uint64_t pos, limit;
	bool failed;
	uint8_t *notes; /* growing buffer */
	size_t notes_len, notes_cap;
	struct elf64_phdr *segments;
	unsigned nsegments;
	uint8_t *buf;
};

/* --- the other threads --- */

void coredump_park_locked(struct process *p, uint64_t *flags)
{
	struct task *t = task_current();

	ASSERT(spin_held(&p->siglock));
	while (p->core_dumper && p->core_dumper != t) {
		t->dumped = true;
		waitq_wake_all(&p->thread_exit_waitq);
		(void)!waitq_wait_irq(&p->stop_waitq, &p->siglock, WAIT_UNINTR, DEADLINE_NONE);
	}
}

static bool all_parked_locked(struct process *p) REQUIRES(siglock_role)
{
	struct task *t;

	ASSERT(spin_held(&p->siglock));
	list_for_each_entry(t, &p->threads, thread_link) {
		if (t != p->core_dumper && !t->dumped && !t->exiting) {
			return false;
		}
	}
	return true;
}

static bool stop_others(struct process *p, int sig)
{
	struct task *t = task_current();
	uint64_t deadline = clock_mono_ns() + PARK_WAIT, flags = process_lock(p);
	int err = 0;

	if (atomic_load(&p->group_exit) || p->exec_task) {
		process_unlock(p, flags);
		return false;
	}
	p->core_dumper = t;
	process_kill_threads_locked(p, (uint32_t)sig | 0x80);
	/* This one still has a file to write. */
	atomic_store(&t->thread.killed, false);
	atomic_store(&t->thread.interrupted, false);
	while (!all_parked_locked(p) && !err) {
		err = waitq_wait_irq(&p->thread_exit_waitq, &p->siglock, WAIT_UNINTR, deadline);
	}
	process_unlock(p, flags);
	return true;
}

static void release_others(struct process *p, int sig, bool ok)
{
	uint64_t flags = process_lock(p);

	p->core_dumper = NULL;
	if (!ok) {
		p->exit_status = thread_current()->killed ? SIGKILL : (uint32_t)sig;
	}
	waitq_wake_all(&p->stop_waitq);
	process_unlock(p, flags);
}

/* --- notes --- */

static void append(struct dump *d, const void *data, size_t n)
{
	if (d->notes_len + n > d->notes_cap) {
		size_t cap = MAX(d->notes_cap * 2, d->notes_len + n + 4096);
		uint8_t *bigger = krealloc(d->notes, cap);

		if (!bigger) {
			d->failed = true;
			return;
		}
		d->notes = bigger;
		d->notes_cap = cap;
	}
	if (data) {
		memcpy(d->notes + d->notes_len, data, n);
	} else {
		memset(d->notes + d->notes_len, 0, n);
	}
	d->notes_len += n;
}

static void note(struct dump *d, const char *name, uint32_t type, const void *data, size_t n)
{
	uint32_t head[3] = { (uint32_t)strlen(name) + 1, (uint32_t)n, type };

	append(d, head, sizeof(head));
	append(d, name, head[0]);
	append(d, NULL, ALIGN_UP((size_t)head[0], 4ul) - head[0]);
	append(d, data, n);
	append(d, NULL, ALIGN_UP(n, 4ul) - n);
}

static void note_thread(struct dump *d, struct task *t, int sig)
{
	const struct trap_frame *f = arch_user_frame(&t->thread.arch);
	struct process *p = t->process;
	struct elf_prstatus s;
	uint64_t utime, stime;

	memset(&s, 0, sizeof(s));
	s.signo = s.cursig = (int16_t)sig;
	s.sigpend = READ_ONCE(t->pending.set);
	s.sighold = t->blocked;
	s.pid = task_tid(t);
	s.ppid = p->parent_pid;
	s.pgrp = (int)process_getpgid(0, false);
	s.sid = (int)process_getpgid(0, true);
	task_cpu_ns(t, &utime, &stime);
	s.utime = ns_to_timeval(utime);
	s.stime = ns_to_timeval(stime);
	/* struct user_regs_struct: the frame, then bases and segments. */
	memcpy(s.regs, f, sizeof(*f));
	s.regs[21] = arch_get_fs_base(&t->thread.arch);
	s.regs[22] = arch_get_gs_base(&t->thread.arch);
	s.fpvalid = 1;
	note(d, "CORE", NT_PRSTATUS, &s, sizeof(s));
}

static void note_fpu(struct dump *d, struct task *t)
{
	uint64_t features = fpu_features();
	uint8_t *area = t->thread.arch.fpu;

	if (t == task_current()) {
		fpu_save_current();
	}
	note(d, "CORE", NT_FPREGSET, area, 512);
	if (fpu_area_size() > 512) {
		/* gdb finds XCR0 in the software bytes. */
		memcpy(area + FP_SW_RESERVED_OFFSET, &features, sizeof(features));
		note(d, "LINUX", NT_X86_XSTATE, area, fpu_area_size());
		memset(area + FP_SW_RESERVED_OFFSET, 0, sizeof(features));
	}
}

static void note_process(struct dump *d, struct process *p)
{
	struct thread *cur = thread_current();
	struct elf_prpsinfo s;
	uint64_t n = MIN(cur->mm->arg_end - cur->mm->arg_start, sizeof(s.psargs) - 1);

	memset(&s, 0, sizeof(s));
	s.sname = 'R';
	s.nice = cur->nice;
	s.uid = cur->cred->u.real;
	s.gid = cur->cred->g.real;
	s.pid = process_pid(p);
	s.ppid = p->parent_pid;
	s.pgrp = (int)process_getpgid(0, false);
	s.sid = (int)process_getpgid(0, true);
	str_copy(s.fname, cur->name, sizeof(s.fname));
	if (mm_access(cur->mm, cur->mm->arg_start, s.psargs, n, false, true) > 0) {
		for (size_t i = 0; i + 1 < n; i++) {
			s.psargs[i] = s.psargs[i] ? s.psargs[i] : ' ';
		}
	}
	note(d, "CORE", NT_PRPSINFO, &s, sizeof(s));
}

struct file_list {
	struct dump out; /* its notes buffer holds the names */
	uint64_t (*entries)[3];
	unsigned n, cap;
};

static int list_file(const struct vma *v, void *arg)
{
	struct file_list *l = arg;
	char path[256];
	uint64_t dev, ino;

	if (!v->file || l->n == l->cap) {
		return 0;
	}
	mm_file_ops->describe(v->file, path, sizeof(path), &dev, &ino);
	l->entries[l->n][0] = v->start;
	l->entries[l->n][1] = v->end;
	l->entries[l->n][2] = v->pgoff;
	l->n++;
	append(&l->out, path, strlen(path) + 1);
	return 0;
}

static void note_files(struct dump *d, struct mm *mm)
{
	struct file_list l = { .cap = 1024 };
	struct dump body = { 0 };
	uint64_t head[2];

	l.entries = kcalloc(l.cap, sizeof(*l.entries));
	if (!l.entries) {
		d->failed = true;
		return;
	}
	mm_for_each_vma(mm, list_file, &l);
	head[0] = l.n;
	head[1] = PAGE_SIZE;
	append(&body, head, sizeof(head));
	append(&body, l.entries, l.n * sizeof(*l.entries));
	append(&body, l.out.notes, l.out.notes_len);
	if (!body.failed && !l.out.failed && l.n) {
		note(d, "CORE", NT_FILE, body.notes, body.notes_len);
	}
	kfree(body.notes);
	kfree(l.out.notes);
	kfree(l.entries);
}

/* The thread that is parked behind t in the list (NULL: the first).  Those stay until the dump is
 * done; others may leave the list meanwhile, so it is followed under the lock. */
static struct task *next_parked(struct process *p, struct task *t)
{
	uint64_t flags = process_lock(p);
	struct list *l = t ? t->thread_link.next : p->threads.next;
	struct task *found = NULL;

	for (; l != &p->threads && !found; l = l->next) {
		t = container_of(l, struct task, thread_link);
		found = t->dumped ? t : NULL;
	}
	process_unlock(p, flags);
	return found;
}

static void collect_notes(struct dump *d, int sig, const struct siginfo *info)
{
	struct task *self = task_current(), *t;
	struct process *p = self->process;
	uint8_t image[SIGINFO_SIZE];
	struct mm *mm = self->thread.mm;

	note_thread(d, self, sig);
	note_process(d, p);
	signal_siginfo_to_user(info, image);
	note(d, "CORE", NT_SIGINFO, image, sizeof(image));
	note(d, "CORE", NT_AUXV, mm->auxv, mm->auxv_words * sizeof(mm->auxv[0]));
	note_files(d, mm);
	note_fpu(d, self);
	for (t = next_parked(p, NULL); t; t = next_parked(p, t)) {
		note_thread(d, t, sig);
		note_fpu(d, t);
	}
}

/* --- memory --- */

static uint32_t elf_flags(const struct vma *v)
{
	uint32_t flags = v->flags & VMA_READ ? PF_R : 0;

	flags |= v->flags & VMA_WRITE ? PF_W : 0;
	return flags | (v->flags & VMA_EXEC ? PF_X : 0);
}

static int add_segment(const struct vma *v, void *arg)
{
	struct dump *d = arg;
	struct elf64_phdr *s = &d->segments[d->nsegments];
	uint64_t size = v->end - v->start;

	if (d->nsegments == MAX_SEGMENTS) {
		return 1;
	}
	/* What the files have is not repeated, but for the head, by which gdb knows them. */
	if (v->file && !(v->flags & VMA_WRITE)) {
		size = v->pgoff ? 0 : PAGE_SIZE;
	}
	if (v->flags & VMA_DONTDUMP || !(v->flags & (VMA_READ | VMA_WRITE | VMA_EXEC))) {
		size = 0;
	}
	memset(s, 0, sizeof(*s));
	s->type = PT_LOAD;
	s->flags = elf_flags(v);
	s->vaddr = v->start;
	s->filesz = size;
	s->memsz = v->end - v->start;
	s->align = PAGE_SIZE;
	d->nsegments++;
	return 0;
}

static void write_out(struct dump *d, const void *data, size_t n)
{
	if (d->failed || d->pos >= d->limit) {
		return; /* RLIMIT_CORE: the rest is cut off */
	}
	n = MIN(n, d->limit - d->pos);
	if (file_write_kernel(d->file, data, n, d->pos) != (long)n) {
		d->failed = true;
	}
	d->pos += n;
}

static void write_memory(struct dump *d, struct mm *mm, const struct elf64_phdr *s)
{
	uint64_t skip;

	d->pos = s->offset;
	for (uint64_t done = 0; done < s->filesz && !d->failed && d->pos < d->limit;) {
		uint64_t at = s->vaddr + done;
		/* Aligned: reading makes tables, which would be the next piece's if it reached there. */
		size_t n = MIN(s->filesz - done, DUMP_BUF - at % DUMP_BUF);
		long got;

		d->failed = sched_yield_killed();
		skip = mm_untouched(mm, at, s->vaddr + s->filesz);
		if (skip) {
			done += skip;
			d->pos += skip;
			continue;
		}
		got = mm_access(mm, at, d->buf, n, false, true);
		if (got < (long)n) {
			/* A page that can't be had stays a hole. */
			n = got > 0 ? (size_t)got : MIN(n, PAGE_SIZE);
		}
		if (got > 0) {
			write_out(d, d->buf, n);
		} else {
			d->pos += n;
		}
		done += n;
	}
}

static void write_file(struct dump *d, struct mm *mm)
{
	static const uint8_t ident[16] = {
		0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_DATA_LSB, ELF_VERSION_CURRENT
	};
	struct elf64_header h;
	struct elf64_phdr notes;
	uint64_t heads, offset;

	memset(&h, 0, sizeof(h));
	memcpy(h.ident, ident, sizeof(ident));
	h.type = ET_CORE;
	h.machine = EM_X86_64;
	h.version = ELF_VERSION_CURRENT;
	h.phoff = h.ehsize = sizeof(h);
	h.phentsize = sizeof(struct elf64_phdr);
	h.phnum = (uint16_t)(d->nsegments + 1);
	heads = sizeof(h) + (uint64_t)h.phnum * sizeof(struct elf64_phdr);
	memset(&notes, 0, sizeof(notes));
	notes.type = PT_NOTE;
	notes.offset = heads;
	notes.filesz = d->notes_len;
	notes.align = 4;
	offset = ALIGN_UP(heads + d->notes_len, PAGE_SIZE);
	for (unsigned i = 0; i < d->nsegments; i++) {
		d->segments[i].offset = offset;
		offset += d->segments[i].filesz;
	}
	write_out(d, &h, sizeof(h));
	write_out(d, &notes, sizeof(notes));
	write_out(d, d->segments, d->nsegments * sizeof(*d->segments));
	write_out(d, d->notes, d->notes_len);
	for (unsigned i = 0; i < d->nsegments; i++) {
		write_memory(d, mm, &d->segments[i]);
	}
	/* The last of it may be a hole. */
	if (!d->failed && file_truncate(d->file, MIN(offset, d->limit))) {
		d->failed = true;
	}
}

static int open_core(struct file **out)
{
	int err = vfs_unlink(AT_FDCWD, "core", false);

	if (err && err != -ENOENT) {
		return err;
	}
	return vfs_open(AT_FDCWD, "core", O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0600, out);
}

bool coredump_write(int sig, const struct siginfo *info)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct dump d = { .limit = process_rlimit(p, RLIMIT_CORE) };
	bool ok = false;

	if (d.limit < PAGE_SIZE || !t->thread.mm->dumpable || !stop_others(p, sig)) {
		return false;
	}
	d.segments = kcalloc(MAX_SEGMENTS, sizeof(*d.segments));
	d.buf = kmalloc(DUMP_BUF);
	if (d.segments && d.buf && !open_core(&d.file)) {
		collect_notes(&d, sig, info);
		mm_for_each_vma(t->thread.mm, add_segment, &d);
		if (!d.failed) {
			write_file(&d, t->thread.mm);
		}
		ok = !d.failed;
		file_put(d.file);
	}
	kfree(d.notes);
	kfree(d.segments);
	kfree(d.buf);
	release_others(p, sig, ok);
	return ok;
}
