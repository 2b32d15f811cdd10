/* SPDX-License-Identifier: MIT */
/*
 * execve(2) from the name to the first instruction; exec.h says in which order.
 *
 * Until the new address space is complete nothing of the process has changed, and every failure
 * is an error code.  An executable is denied to writers from before it is read until its address
 * space goes.
 */
#include <loader/exec.h>

#include "exec_internal.h"

#include <arch/thread.h>
#include <fs/attr.h>
#include <fs/dentry.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/vfs.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/signal.h>
#include <loader/script.h>
#include <loader/vdso.h>
#include <mm/mm.h>
#include <mm/slab.h>
#include <proc/cred.h>
#include <proc/exec.h>
#include <proc/task.h>

static void explain(const struct exec_request *req, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void explain(const struct exec_request *req, const char *fmt, ...)
{
	va_list ap;

	if (!req->failure || req->failure->text[0]) {
		return;
	}
	va_start(ap, fmt);
	fmt_vsnprintf(req->failure->text, sizeof(req->failure->text), fmt, ap);
	va_end(ap);
}

/* Finds a file that may be executed and opens it; `who` is what to call it. */
static int open_program(const struct exec_request *req, const char *who, int dirfd,
			const char *name, unsigned lookup, struct file **out)
{
	struct path path;
	struct inode *inode;
	int err = vfs_lookup(dirfd, name, lookup, &path);

	if (err) {
		return err;
	}
	inode = path.dentry->inode;
	err = -EACCES;
	if (S_ISDIR(inode->mode)) {
		explain(req, "%s is a directory", who);
	} else if (S_ISLNK(inode->mode)) {
		err = -ELOOP;
	} else if (!S_ISREG(inode->mode)) {
		explain(req, "%s is not a regular file", who);
	} else if (inode->sb->noexec) {
		explain(req, "%s is on a file system mounted noexec", who);
	} else {
		err = vfs_permission(inode, MAY_EXEC);
		if (err) {
			explain(req, "%s is not executable (mode %04o): chmod +x", who,
				inode->mode & 07777);
		} else {
			err = vfs_open_exec(&path, out);
		}
	}
	path_put(&path);
	return err;
}

/* The same for the interpreter of a script or the dynamic linker. */
static int open_interp(const struct exec_request *req, const char *name, struct file **out)
{
	char who[160];
	int err;

	fmt_snprintf(who, sizeof(who), "its interpreter %s", name);
	err = open_program(req, who, AT_FDCWD, name, LOOKUP_FOLLOW, out);
	if (err == -ENOENT || err == -ENOTDIR) {
		explain(req, "%s is missing from the share", who);
	}
	return err;
}

/* The dynamic linker that the program names. */
static int load_interp(const struct exec_request *req, struct exec_load *l)
{
	const char *why = NULL;
	uint8_t head[sizeof(struct elf64_header)];
	long n;
	int err;

	l->interp_name = kmalloc(l->image->interp_len);
	l->interp_image = kmalloc(sizeof(*l->interp_image));
	if (!l->interp_name || !l->interp_image) {
		return -ENOMEM;
	}
	n = file_read_kernel(l->file, l->interp_name, l->image->interp_len,
			     l->image->interp_offset);
	if (n != (long)l->image->interp_len || l->interp_name[n - 1] != 0) {
		explain(req, "the name of its interpreter is damaged");
		return n < 0 ? (int)n : -ENOEXEC;
	}
	err = open_interp(req, l->interp_name, &l->interp);
	if (err) {
		return err;
	}
	n = file_read_kernel(l->interp, head, sizeof(head), 0);
	if (n < 0) {
		return (int)n;
	}
	err = image_read(l->interp, head, (size_t)n, l->interp_image, &why);
	if (err && why) {
		explain(req, "its interpreter %s can't be used: %s", l->interp_name, why);
	}
	return err == -ENOEXEC || err == -EINVAL ? -ELIBBAD : err;
}

/* Follows scripts until an ELF file is found and checked; l->file is then that. */
static int find_image(const struct exec_request *req, struct exec_load *l)
{
	const char *interp, *arg, *why = NULL;
	char *head = l->head;
	long n;
	int err;

	for (unsigned depth = 0;; depth++) {
		memset(head, 0, SCRIPT_HEAD);
		n = file_read_kernel(l->file, head, SCRIPT_HEAD, 0);
		if (n < 0) {
			return (int)n;
		}
		if (!script_has_magic(head, (size_t)n)) {
			break;
		}
		if (depth == SCRIPT_MAX_DEPTH) {
			return -ELOOP;
		}
		err = script_parse(head, &interp, &arg);
		if (err) {
			explain(req, "its #! line names no interpreter");
			return err;
		}
		if (req->hidden) {
			return -ENOENT;
		}
		err = exec_args_set_script(req->args, interp, arg, l->name);
		if (err) {
			return err;
		}
		kfree(l->name);
		l->name = kstrdup(interp);
		if (!l->name) {
			return -ENOMEM;
		}
		file_put(l->file);
		l->file = NULL;
		err = open_interp(req, l->name, &l->file);
		if (!err) {
			err = file_deny_write(l->file);
		}
		if (err) {
			return err;
		}
	}
	err = image_read(l->file, head, (size_t)n, l->image, &why);
	if (err && why) {
		explain(req, "%s", why);
	}
	if (!err && l->image->interp_len) {
		err = load_interp(req, l);
	}
	if (!err) {
		l->unreadable = vfs_permission(l->file->inode, MAY_READ) ||
				(l->interp && vfs_permission(l->interp->inode, MAY_READ));
	}
	return err;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void free_load(struct exec_load *l)
{
	if (l->mm) {
		mm_put(l->mm);
	}
	cred_put(l->cred.cred);
	file_put(l->interp);
	file_put(l->file);
	kfree(l->interp_name);
	kfree(l->interp_image);
	kfree(l->image);
	kfree(l->name);
	kfree(l);
}

static void start_registers(const struct exec_load *l)
{
	struct trap_frame *f = arch_user_frame(&thread_current()->arch);

	memset(f, 0, sizeof(*f));
	f->orig_rax = ~0ull; /* no system call is to be restarted */
	f->rip = l->start;
	f->rsp = l->sp;
	f->rflags = RFLAGS_IF;
	f->cs = SEL_USER_CODE;
	f->ss = SEL_USER_DATA;
}

/* Everything up to here can be undone; nothing after it can. */
static int commit(const struct exec_request *req, struct exec_load *l)
{
	struct mm *mm = l->mm;
	int err = proc_exec_point_of_no_return();

	if (err) {
		return err;
	}
	cred_exec_compute(&l->cred);
	if (l->cred.set_id) {
		process_current()->personality &= ~(uint32_t)PER_CLEAR_ON_SETID;
	}
	proc_exec_commit(base_name(req->execfn), mm, l->cred.cred);
	l->mm = NULL; /* ours to free no more */
	l->cred.cred = NULL;
	err = exec_finish_stack(mm, l);
	start_registers(l);
	if (err) {
		proc_exec_die(SIGKILL);
	}
	return 0;
}

int exec_program(const struct exec_request *req)
{
	struct exec_load *l = kzalloc(sizeof(*l));
	int err = -ENOMEM;

	if (req->failure) {
		req->failure->text[0] = 0;
	}
	if (!l) {
		return -ENOMEM;
	}
	l->args = req->args;
	l->image = kmalloc(sizeof(*l->image));
	l->name = kstrdup(req->execfn);
	if (!l->image || !l->name) {
		goto out;
	}
	err = open_program(req, "it", req->dirfd, req->path, req->lookup, &l->file);
	if (!err) {
		err = file_deny_write(l->file);
		if (err == -ETXTBSY) {
			explain(req, "somebody has it open for writing");
		}
	}
	if (!err) {
		err = find_image(req, l);
	}
	/* The name of the file ends the strings (AT_EXECFN). */
	if (!err) {
		err = exec_args_add_name(req->args, req->execfn);
	}
	if (!err) {
		err = cred_exec(l->file, &l->cred);
	}
	if (!err) {
		err = exec_build_mm(l);
	}
	if (!err) {
		err = commit(req, l);
	}
out:
	free_load(l);
	return err;
}
