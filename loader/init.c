/* SPDX-License-Identifier: MIT */
#include <loader/init.h>

#include <arch/clock.h>
#include <arch/thread.h>
#include <fs/context.h>
#include <fs/cred.h>
#include <fs/dentry.h>
#include <fs/fdtable.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <fs/path.h>
#include <fs/vfs.h>
#include <host/hostctl.h>
#include <fs/event/hostio.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <loader/control.h>
#include <loader/exec.h>
#include <loader/vdso.h>
#include <mm/slab.h>
#include <proc/lifecycle.h>
#include <proc/cred.h>
#include <proc/limits.h>
#include <tty/tty.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What can't be started because of `error`, as text. */
static const char *error_text(int error)
{
	switch (error) {
	case ENOENT: return "no such file in the share";
	case ENOTDIR: return "a part of its path is not a directory";
	case EACCES: return "permission denied";
	case ELOOP: return "too many levels of symbolic links or interpreters";
	case E2BIG: return "the arguments and the environment are too long";
	case ENOMEM: return "out of memory: give the VM more with -m";
	case ENOEXEC: return "not a program that can run here";
	case ELIBBAD: return "its interpreter is damaged";
	case ETXTBSY: return "it is open for writing";
	case EIO: return "the share reports an I/O error";
	case ENAMETOOLONG: return "the name is too long";
	default: return NULL;
	}
}

/* A file by that name that one may at least try to run? */
static bool is_candidate(const char *name)
{
	struct path path;
	bool ok;

	if (vfs_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &path)) {
		return false;
	}
	ok = S_ISREG(path.dentry->inode->mode);
	path_put(&path);
	return ok;
}

/* The end: tells the launcher.  `what` is the name that the user gave. */
static NORETURN void give_up(const char *what, const char *why, int error)
{
	/* a program that is there, but lacks its interpreter, is not "missing" */
	bool missing = (error == ENOENT || error == ENOTDIR) && !is_candidate(what);
	char text[600];

	if (!why || !*why) {
		why = error_text(error);
	}
	if (why) {
		fmt_snprintf(text, sizeof(text), "%s: %s", what, why);
	} else {
		fmt_snprintf(text, sizeof(text), "%s: error %d", what, error);
	}
	hostctl_noexec(missing ? LAUNCH_STATUS_MISSING : LAUNCH_STATUS_NOEXEC, (uint32_t)error,
		       text);
}

static void set_limit(int resource, uint64_t value)
{
	struct linux_rlimit l = { value, value };

	if (value && limits_set(process_current(), resource, &l, NULL)) {
		hostctl_warn("limit %d can't be set to %lu", resource, (unsigned long)value);
	}
}

static void set_ids(const struct launch_config *c)
{
	struct cred *cred;

	if (c->h.uid == 0 && c->h.gid == 0) {
		return; /* as it was created */
	}
	cred = cred_alloc();
	if (!cred) {
		give_up(c->program, NULL, ENOMEM);
	}
	cred_init(cred, c->h.uid, c->h.gid);
	cred_commit(cred);
}

static void set_cwd(const struct launch_config *c)
{
	struct path path;
	int err = vfs_lookup(AT_FDCWD, c->cwd, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &path);

	if (!err) {
		err = fs_chdir(&path);
		path_put(&path);
	}
	if (err) {
		give_up(c->cwd,
			err == -ENOENT ? "the working directory does not exist in the share"
				       : "it can't be the working directory",
			-err);
	}
}

/* Descriptors 0, 1 and 2: the terminal, or a stream each. */
static int open_stdio(const struct launch_config *c)
{
	bool tty = c->h.flags & LAUNCH_TTY;
	struct file *f;
	int err, fd;

	for (int i = 0; i < 3; i++) {
		err = tty ? vfs_open(AT_FDCWD, "/dev/console", O_RDWR, 0, &f) : hostio_open(i, &f);
		if (err) {
			return err;
		}
		fd = fd_give(f, false);
		if (fd < 0) {
			return fd;
		}
		ASSERT(fd == i);
	}
	return 0;
}

static int add_default(struct exec_args *a, const struct launch_config *c, const char *name,
		       const char *text)
{
	return init_getenv(c->env, c->h.envc, name) ? 0 : exec_args_add_env(a, text);
}

static int fill_args(struct exec_args *a, const struct launch_config *c)
{
	const char *s = c->args;
	int err = 0;

	exec_args_init(a);
	for (unsigned i = 0; i < c->h.argc && !err; i++, s = launch_next(s)) {
		err = exec_args_add_arg(a, s);
	}
	s = c->env;
	for (unsigned i = 0; i < c->h.envc && !err; i++, s = launch_next(s)) {
		err = exec_args_add_env(a, s);
	}
	if (!err) {
		err = add_default(a, c, "PATH", "PATH=" DEFAULT_PATH);
	}
	if (!err) {
		err = add_default(a, c, "HOME", c->h.uid ? "HOME=/" : "HOME=/root");
	}
	if (!err && c->h.flags & LAUNCH_TTY) {
		err = add_default(a, c, "TERM", "TERM=xterm");
	}
	return err;
}

/* The program's path: as given when it has a slash, else searched along PATH. */
static const char *find_program(const struct launch_config *c, char buf[PATH_MAX])
{
	const char *path = init_getenv(c->env, c->h.envc, "PATH");

	if (strchr(c->program, '/')) {
		return c->program;
	}
	if (!path) {
		path = DEFAULT_PATH;
	}
	while (init_next_candidate(&path, c->program, buf, PATH_MAX)) {
		if (is_candidate(buf)) {
			return buf;
		}
	}
	give_up(c->program, "not found along PATH in the share", ENOENT);
}

static void exec_first(const struct launch_config *c)
{
	char *buf = kmalloc(PATH_MAX);
	struct exec_failure *failure = kzalloc(sizeof(*failure));
	struct exec_args args = { 0 };
	struct exec_request req = { .dirfd = AT_FDCWD, .lookup = LOOKUP_FOLLOW, .args = &args };
	int err;

	if (!buf || !failure) {
		give_up(c->program, NULL, ENOMEM);
	}
	req.path = req.execfn = find_program(c, buf);
	req.failure = failure;
	err = fill_args(&args, c);
	if (!err) {
		err = exec_program(&req);
	}
	if (err) {
		give_up(req.path, failure->text, -err);
	}
	exec_args_free(&args);
	kfree(failure);
	kfree(buf);
}

/* Process 1, still in the kernel. */
static void run_init(void *arg)
{
	const struct launch_config *c = arg;
	struct ctl_started started;
	int err;

	set_limit(RLIMIT_NOFILE, c->h.rlimit_nofile);
	set_limit(RLIMIT_STACK, c->h.rlimit_stack);
	set_limit(RLIMIT_CORE, c->h.rlimit_core);
	thread_current()->fs->umask = c->h.umask & 0777;
	err = open_stdio(c);
	if (err) {
		give_up(c->program, "its standard input and output can't be opened", -err);
	}
	set_ids(c);
	set_cwd(c);
	exec_first(c);

	started.boot_ns = clock_mono_ns();
	hostctl_send(CTL_STARTED, &started, sizeof(started));
	arch_enter_user();
}

void init_start(const struct launch_config *config)
{
	struct task *t;

	vdso_init();
	if (config->h.flags & LAUNCH_TTY &&
	    console_tty_init(config->h.tty_rows, config->h.tty_cols)) {
		give_up(config->program, "its terminal can't be made", EIO);
	}
	control_start();
	proc_set_wait_all(config->h.flags & LAUNCH_WAIT_ALL);
	t = proc_create_init(run_init, (void *)(uintptr_t)config);
	if (!t) {
		give_up(config->program, NULL, ENOMEM);
	}
	sched_start(&t->thread);
}
