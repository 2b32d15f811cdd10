/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lib/launch.h>

#include "blob.h"
#include "confine.h"
#include "daemon.h"
#include "find.h"
#include "isolate.h"
#include "options.h"
#include "report.h"

/* Guest memory stays far below this: the ring of the share. */
#define FS_QUEUE_SIZE 128
#define SOCKET_BUFFER (1 << 20)
#define LOG_AT_ONCE (256u << 10)

static void arg(struct helper *h, const char *fmt, ...) PRINTF(2);

static void arg(struct helper *h, const char *fmt, ...)
{
	va_list ap;
	char *s;

	if (h->argc + 1 >= sizeof(h->argv) / sizeof(h->argv[0])) {
		fail("too many arguments for %s", h->name);
	}
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0) {
		fail("out of memory");
	}
	va_end(ap);
	h->argv[h->argc++] = s;
	h->argv[h->argc] = NULL;
}

static void args(struct helper *h, const char *first, const char *second)
{
	arg(h, "%s", first);
	arg(h, "%s", second);
}

/* --- descriptors ------------------------------------------------------- */

static void socketpair_for_port(int *ours, int *theirs)
{
	int fds[2], size = SOCKET_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		fail("socketpair: %s", strerror(errno));
	}
	/* Only a hint: the kernel may give less. */
	(void)setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ours = fds[0];
	*theirs = fds[1];
}

/*
 * virtiofsd wants a listening socket.  An autobound abstract name leaves nothing in the file
 * system, but any local user could connect to it first.  The backlog of 0 admits one
 * connection until the daemon accepts it (and it accepts only one): either that is ours, or
 * connect() fails with EAGAIN and we take another socket.
 */
static void connect_share(struct vm *vm)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		struct sockaddr_un name = { .sun_family = AF_UNIX };
		socklen_t len = sizeof(name);
		int l = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int c = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		if (l < 0 || c < 0) {
			fail("socket: %s", strerror(errno));
		}
		if (bind(l, (struct sockaddr *)&name, sizeof(name.sun_family)) < 0 ||
		    listen(l, 0) < 0 || getsockname(l, (struct sockaddr *)&name, &len) < 0) {
			fail("abstract unix socket: %s", strerror(errno));
		}
		if (connect(c, (struct sockaddr *)&name, len) == 0) {
			vm->fs_listen = l;
			vm->fs_connected = c;
			(void)fcntl(c, F_SETFL, 0);
			return;
		}
		close(l);
		close(c);
	}
	fail("somebody keeps connecting to our sockets; giving up");
}

/* QEMU gets the kernel by its descriptor, since it may not be able to walk to it.  Opening that
 * again needs the file's own permission, which a copy always gives. */
static int open_kernel(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), copy;
	struct stat st;
	off_t at = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		fail("%s: %s", path, strerror(errno));
	}
	if (st.st_mode & S_IROTH) {
		return fd;
	}
	copy = memfd_create("corrida-kernel", MFD_CLOEXEC);
	if (copy < 0) {
		fail("memfd_create: %s", strerror(errno));
	}
	while (at < st.st_size) {
		if (sendfile(copy, fd, &at, (size_t)(st.st_size - at)) <= 0) {
			fail("%s: %s", path, strerror(errno));
		}
	}
	close(fd);
	return copy;
}

static void open_descriptors(struct vm *vm, const struct run_options *o)
{
	connect_share(vm);
	socketpair_for_port(&vm->ctl, &vm->peer_ctl);
	socketpair_for_port(&vm->stdio, &vm->peer_stdio);
	socketpair_for_port(&vm->err, &vm->peer_err);
	socketpair_for_port(&vm->serial, &vm->peer_serial);
	socketpair_for_port(&vm->monitor, &vm->peer_monitor);
	vm->kernel = open_kernel(o->kernel);
	vm->blob = blob_create(o, vm->fuse_ids);
}

/* --- command lines ----------------------------------------------------- */

static void add_machine(const struct vm *vm, struct helper *q, const struct run_options *o)
{
	unsigned long long mem = o->memory;

	args(q, "-M", "microvm,acpi=off,rtc=on,pit=off,pic=off,isa-serial=on,memory-backend=mem");
	args(q, "-global", "virtio-mmio.force-legacy=false");
	arg(q, "-nodefaults");
	arg(q, "-no-user-config");
	arg(q, "-no-reboot");
	args(q, "-display", "none");
	args(q, "-sandbox",
	     "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	args(q, "-accel", vm->kvm ? "kvm" : "tcg,thread=multi");
	args(q, "-cpu",
	     o->cpu_model ? o->cpu_model
	     : vm->kvm	  ? "host,arch-capabilities=off"
			  : "max");
	arg(q, "-smp");
	arg(q, "%u", o->cpus);
	arg(q, "-m");
	arg(q, "%lluk", mem >> 10);
	arg(q, "-object");
	arg(q, "memory-backend-memfd,id=mem,size=%llu,share=on", mem);
	arg(q, "-kernel");
	arg(q, "/proc/self/fd/%d", vm->kernel);
	args(q, "-device", "isa-debug-exit,iobase=0xf4,iosize=4");
	if (o->gdb_port) {
		arg(q, "-gdb");
		arg(q, "tcp:127.0.0.1:%u", o->gdb_port);
		arg(q, "-S");
	}
}

static void add_port(struct helper *q, int nr, const char *id, const char *name, int fd)
{
	arg(q, "-chardev");
	arg(q, "socket,id=%s,fd=%d", id, fd);
	arg(q, "-device");
	arg(q, "virtserialport,bus=ports.0,nr=%d,chardev=%s,name=%s", nr, id, name);
}

static void add_devices(struct vm *vm)
{
	struct helper *q = &vm->qemu;

	arg(q, "-chardev");
	arg(q, "socket,id=fs,fd=%d", vm->fs_connected);
	arg(q, "-device");
	arg(q, "vhost-user-fs-device,chardev=fs,tag=" LAUNCH_ROOT_TAG ",queue-size=%d",
	    FS_QUEUE_SIZE);
	args(q, "-device", "virtio-serial-device,id=ports,max_ports=4");
	add_port(q, 1, "ctl", LAUNCH_PORT_CTL, vm->peer_ctl);
	add_port(q, 2, "stdio", LAUNCH_PORT_STDIO, vm->peer_stdio);
	add_port(q, 3, "stderr", LAUNCH_PORT_STDERR, vm->peer_err);
	args(q, "-device", "virtio-rng-device");
	arg(q, "-chardev");
	arg(q, "socket,id=serial,fd=%d", vm->peer_serial);
	args(q, "-serial", "chardev:serial");
	/* the simple one: QMP would cost QEMU a thread */
	arg(q, "-chardev");
	arg(q, "socket,id=monitor,fd=%d", vm->peer_monitor);
	args(q, "-mon", "chardev=monitor,mode=readline");
	arg(q, "-fw_cfg");
	arg(q, "name=" LAUNCH_FWCFG_NAME ",file=/proc/self/fd/%d", vm->blob);
}

/* The directory is named by its descriptor: it needs no quoting.  Not ".": the daemons change
 * to / before they look at it. */
static void add_c_daemon(struct helper *d, const struct run_options *o)
{
	arg(d, "-o");
	arg(d, "source=/proc/self/fd/%d/.", o->dir_fd);
	arg(d, "-o");
	arg(d, "cache=%s", o->cache);
	args(d, "-o", "sandbox=chroot,xattr,announce_submounts,log_level=err");
	if (!o->privileged_files) {
		args(d, "-o", "modcaps=" CONFINE_MODCAPS ",no_posix_acl");
	}
}

/* This one makes a path of the descriptor first, which for the clone that isolate.c would make
 * read-only is "/": the whole host.  So it has to refuse changes by itself. */
static void add_rust_daemon(struct helper *d, const struct run_options *o)
{
	arg(d, "--shared-dir=/proc/self/fd/%d/.", o->dir_fd);
	arg(d, "--cache=%s", strcmp(o->cache, "none") == 0 ? "never" : o->cache);
	arg(d, "--sandbox=chroot");
	arg(d, "--xattr");
	arg(d, "--announce-submounts");
	arg(d, "--log-level=error");
	if (!o->privileged_files) {
		arg(d, "--modcaps=" CONFINE_MODCAPS);
	}
	if (o->read_only) {
		if (!daemon_has_readonly(o->virtiofsd)) {
			fail("--read-only: %s cannot do that; virtiofsd 1.13 and newer can",
			     o->virtiofsd);
		}
		arg(d, "--readonly");
	}
}

static void add_daemon(struct vm *vm, const struct run_options *o)
{
	struct helper *d = &vm->fsd;
	bool rust = daemon_has_separate_options(o->virtiofsd);

	arg(d, "%s", o->virtiofsd);
	arg(d, "--fd=%d", vm->fs_listen);
	arg(d, "--thread-pool-size=0");
	if (rust) {
		add_rust_daemon(d, o);
	} else {
		add_c_daemon(d, o);
		vm->read_only_clone = o->read_only;
	}
}

void vm_prepare(struct vm *vm, struct run_options *o)
{
	*vm = (struct vm){
		.qemu = { .name = "QEMU", .pidfd = -1, .log = -1 },
		.fsd = { .name = "virtiofsd", .pidfd = -1, .log = -1 },
		.userns = geteuid() != 0,
	};

	if (vm->userns && (o->uid || o->gid)) {
		const char *missing;

		vm->has_idmap = idmap_find(&vm->idmap, o->uid, o->gid, &missing);
		if (!vm->has_idmap) {
			report("--user: what you own in DIR is root's in the VM, and user %u cannot "
			       "write it; to make it theirs, corrida needs %s",
			       o->uid, missing);
		}
	}
	vm->fuse_ids = !vm->userns || vm->has_idmap;
	find_parts(o);
	vm->kvm = find_accel(o->accel);
	open_descriptors(vm, o);
	add_daemon(vm, o);
	arg(&vm->qemu, "%s", o->qemu);
	add_machine(vm, &vm->qemu, o);
	add_devices(vm);
}

/* --- processes --------------------------------------------------------- */

/* In the child: 2 is the log already. */
NORETURN static void exec_helper(struct helper *h, char **env)
{
	sigset_t none;

	/* A change of credentials has cleared it, and the launcher may have died since. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != h->parent) {
		_exit(LAUNCH_STATUS_FAULT);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execve(h->argv[0], (char **)(void *)h->argv, env);
	dprintf(2, "%s: %s\n", h->argv[0], strerror(errno));
	_exit(LAUNCH_STATUS_FAULT);
}

/* Returns 0 in the child. */
static pid_t fork_helper(struct helper *h)
{
	int fds[2];

	h->parent = getpid();
	if (pipe2(fds, O_CLOEXEC) < 0) {
		fail("pipe: %s", strerror(errno));
	}
	h->pid = fork();
	if (h->pid < 0) {
		fail("fork: %s%s", strerror(errno),
		     errno == EAGAIN
			     ? ": the limit of processes, ulimit -u, or that of the control group, "
			       "pids.max"
			     : "");
	}
	if (h->pid == 0) {
		int null;

		(void)setsid();
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The launcher may have died before the line above. */
		if (getppid() != h->parent || dup2(fds[1], 2) < 0 || dup2(fds[1], 1) < 0) {
			_exit(LAUNCH_STATUS_FAULT);
		}
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0 || dup2(null, 0) < 0) {
			dprintf(2, "/dev/null: %s\n", strerror(errno));
			_exit(LAUNCH_STATUS_FAULT);
		}
		return 0;
	}
	close(fds[1]);
	h->log = fds[0];
	(void)fcntl(h->log, F_SETFL, O_NONBLOCK);
	h->pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	if (h->pidfd < 0) {
		fail("pidfd_open: %s", strerror(errno));
	}
	return h->pid;
}

NORETURN static void exec_qemu(struct vm *vm, const struct run_options *o)
{
	const int fds[] = { vm->fs_connected, vm->peer_ctl,	vm->peer_stdio, vm->peer_err,
			    vm->peer_serial,  vm->peer_monitor, vm->kernel,	vm->blob };
	const struct vm_needs needs = {
		.program = o->qemu,
		.kernel = vm->kernel,
		.network = o->gdb_port != 0,
		.kvm = vm->kvm,
	};

	confine_descriptors(fds, sizeof(fds) / sizeof(fds[0]));
	if (!o->unconfined) {
		confine_vm(&needs);
	}
	exec_helper(&vm->qemu, o->unconfined ? environ : confine_environment());
}

NORETURN static void exec_daemon(struct vm *vm, const struct run_options *o)
{
	const int fds[] = { vm->fs_listen, o->dir_fd };
	struct share_needs needs = {
		.program = o->virtiofsd,
		.dir = o->dir_fd,
		.privileged_files = o->privileged_files,
	};

	isolate_share(o->dir_fd, vm->userns, vm->has_idmap ? &vm->idmap : NULL,
		      vm->read_only_clone);
	/* It drops its supplementary groups and ends when it can't; in a user namespace of
	 * an ordinary user nobody can.  It may believe that it did: the groups are the user's own. */
	needs.fake_setgroups = !vm->fuse_ids && getgroups(0, NULL) > 0;
	confine_descriptors(fds, sizeof(fds) / sizeof(fds[0]));
	confine_share(&needs);
	exec_helper(&vm->fsd, confine_environment());
}

void vm_start(struct vm *vm, const struct run_options *o)
{
	const int given[] = { vm->fs_listen,	vm->fs_connected, vm->peer_ctl,
			      vm->peer_stdio,	vm->peer_err,	  vm->peer_serial,
			      vm->peer_monitor, vm->kernel,	  vm->blob };

	if (fork_helper(&vm->qemu) == 0) {
		exec_qemu(vm, o);
	}
	if (fork_helper(&vm->fsd) == 0) {
		exec_daemon(vm, o);
	}
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		close(given[i]);
	}
}

void vm_ask_state(struct vm *vm)
{
	(void)send(vm->monitor, "nmi\n", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool helper_said(const struct helper *h, const char *word)
{
	return memmem(h->tail, h->tail_len, word, strlen(word)) != NULL;
}

bool helper_read_log(struct helper *h)
{
	char buf[1024];
	ssize_t n = 0;

	if (h->log < 0) {
		return false;
	}
	/* more than the pipe holds, but not for ever */
	for (size_t got = 0; got < LOG_AT_ONCE; got += (size_t)n) {
		n = read(h->log, buf, sizeof(buf));
		if (n <= 0) {
			break;
		}
		size_t len = (size_t)n, room = sizeof(h->tail) - h->tail_len;

		if (len > room) {
			memmove(h->tail, h->tail + (len - room), h->tail_len - (len - room));
			h->tail_len -= len - room;
		}
		memcpy(h->tail + h->tail_len, buf, len);
		h->tail_len += len;
	}
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) {
		return true;
	}
	close(h->log);
	h->log = -1;
	return false;
}

bool helper_reap(struct helper *h)
{
	if (!h->ended && h->pid > 0 && waitpid(h->pid, &h->status, WNOHANG) == h->pid) {
		h->ended = true;
		(void)helper_read_log(h);
	}
	return h->ended;
}

static void helper_kill(struct helper *h)
{
	if (h->pid > 0 && !h->ended) {
		(void)kill(h->pid, SIGKILL);
	}
}

static void helper_wait(struct helper *h)
{
	while (h->pid > 0 && !h->ended) {
		if (waitpid(h->pid, &h->status, 0) == h->pid || errno == ECHILD) {
			h->ended = true;
		}
	}
}

void vm_kill(struct vm *vm)
{
	helper_kill(&vm->qemu);
	helper_kill(&vm->fsd);
	helper_wait(&vm->qemu);
	helper_wait(&vm->fsd);
}
