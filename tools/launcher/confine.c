/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "confine.h"

#include <asm/sockios.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <lib/launch.h>

#include "closet.h"
#include "landlock.h"
#include "report.h"

/* Users from here on are nobody's: above what containers are given, below 2^31.  The process's
 * number is added, so that no two VMs have the same. */
#define FIRST_UID 0x7c000000u
#define NOBODY 65534u
#define X32_CALLS 0x40000000u
#define SET_ID_BITS (S_ISUID | S_ISGID)
/* Those that clone() can make. */
#define NEW_NAMESPACES                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)
/* In S_IFCHR and S_IFBLK, and in nothing else that mknod() takes.  CAP_MKNOD is not enough: everybody
 * may make the character device 0:0, which hides a file from an overlay. */
#define DEVICE_BIT 0020000u

NORETURN static void die(const char *what)
{
	dprintf(2, "%s: %s\n", what, strerror(errno));
	_exit(LAUNCH_STATUS_FAULT);
}

/* --- descriptors ------------------------------------------------------- */

/* For a kernel before 5.11. */
static void close_all_on_exec(void)
{
	DIR *fds = opendir("/proc/self/fd");
	struct dirent *e;

	if (fds == NULL) {
		die("/proc/self/fd");
	}
	while ((e = readdir(fds)) != NULL) {
		int fd = atoi(e->d_name);

		if (fd > 2) {
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		}
	}
	closedir(fds);
}

void confine_descriptors(const int *keep, size_t n)
{
	if (syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) < 0) {
		close_all_on_exec();
	}
	for (size_t i = 0; i < n; i++) {
		if (fcntl(keep[i], F_SETFD, 0) < 0) {
			die("descriptor");
		}
	}
}

/* --- environment ------------------------------------------------------- */

static bool is_needed(const char *variable)
{
	static const char *const names[] = { "PATH=", "HOME=", "LANG=",	     "LC_",  "TMPDIR=",
					     "LD_",   "QEMU_", "VIRTIOFSD_", "RUST_" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(variable, names[i], strlen(names[i])) == 0) {
			return true;
		}
	}
	return false;
}

char **confine_environment(void)
{
	size_t n = 0, kept = 0;
	char **list;

	while (environ[n]) {
		n++;
	}
	list = calloc(n + 1, sizeof(*list));
	if (list == NULL) {
		die("environment");
	}
	for (size_t i = 0; i < n; i++) {
		if (is_needed(environ[i])) {
			list[kept++] = environ[i];
		}
	}
	return list;
}

/* --- system call filters ----------------------------------------------- */

struct filter {
	struct sock_filter code[192];
	unsigned short n;
};

static void emit(struct filter *f, struct sock_filter instruction)
{
	if (f->n == sizeof(f->code) / sizeof(f->code[0])) {
		abort();
	}
	f->code[f->n++] = instruction;
}

static void emit_load(struct filter *f, size_t offset)
{
	emit(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void emit_return(struct filter *f, uint32_t action)
{
	emit(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Skips instructions when the test of what was loaded holds. */
static void emit_unless(struct filter *f, uint16_t test, uint32_t value, uint8_t skip)
{
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, skip, 0));
}

/* Skips them when it does not. */
static void emit_if(struct filter *f, uint16_t test, uint32_t value, uint8_t skip)
{
	emit(f, (struct sock_filter)BPF_JUMP(BPF_JMP | test | BPF_K, value, 0, skip));
}

/* The calls of other ABIs have other numbers: there are none. */
static void filter_begin(struct filter *f)
{
	f->n = 0;
	emit_load(f, offsetof(struct seccomp_data, arch));
	emit_unless(f, BPF_JEQ, AUDIT_ARCH_X86_64, 1);
	emit_return(f, SECCOMP_RET_ERRNO | ENOSYS);
	emit_load(f, offsetof(struct seccomp_data, nr));
	emit_if(f, BPF_JGE, X32_CALLS, 1);
	emit_return(f, SECCOMP_RET_ERRNO | ENOSYS);
}

static void filter_answer(struct filter *f, uint32_t call, uint32_t err)
{
	emit_if(f, BPF_JEQ, call, 1);
	emit_return(f, SECCOMP_RET_ERRNO | err);
}

static size_t argument(unsigned n)
{
	/* its lower half: a mode or flags */
	return offsetof(struct seccomp_data, args) + n * sizeof(uint64_t);
}

/* Refuses some bits in argument `mode`. */
static void filter_mode(struct filter *f, uint32_t call, unsigned mode, uint32_t refused)
{
	emit_if(f, BPF_JEQ, call, 4);
	emit_load(f, argument(mode));
	emit_if(f, BPF_JSET, refused, 1);
	emit_return(f, SECCOMP_RET_ERRNO | EPERM);
	emit_return(f, SECCOMP_RET_ALLOW);
}

/* The same where the argument before it says whether there is a mode. */
static void filter_open(struct filter *f, uint32_t call, unsigned mode)
{
	emit_if(f, BPF_JEQ, call, 7);
	emit_load(f, argument(mode - 1));
	emit_unless(f, BPF_JSET, O_CREAT | (O_TMPFILE & ~O_DIRECTORY), 1);
	emit_return(f, SECCOMP_RET_ALLOW);
	emit_load(f, argument(mode));
	emit_if(f, BPF_JSET, SET_ID_BITS, 1);
	emit_return(f, SECCOMP_RET_ERRNO | EPERM);
	emit_return(f, SECCOMP_RET_ALLOW);
}

/* A ring of calls would go around the filter. */
static void filter_network(struct filter *f)
{
	static const uint32_t calls[] = { SYS_socket, SYS_connect, SYS_bind, SYS_listen };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		filter_answer(f, calls[i], EACCES);
	}
	filter_answer(f, SYS_io_uring_setup, ENOSYS);
}

/* Other processes, other namespaces, and what of the kernel is reached by few. */
static void filter_strangers(struct filter *f)
{
	static const uint32_t calls[] = {
		SYS_ptrace,
		SYS_process_vm_readv,
		SYS_process_vm_writev,
		SYS_pidfd_getfd,
		SYS_setns,
		SYS_pivot_root,
		SYS_mount,
		SYS_move_mount,
		SYS_fsopen,
		SYS_open_tree,
		SYS_bpf,
		SYS_perf_event_open,
		SYS_userfaultfd,
		SYS_keyctl,
		SYS_add_key,
		SYS_request_key,
		SYS_finit_module,
		SYS_init_module,
		SYS_kexec_load,
		SYS_open_by_handle_at,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		filter_answer(f, calls[i], EPERM);
	}
	/* A user namespace of its own would have every capability in it. */
	emit_if(f, BPF_JEQ, SYS_clone, 4);
	emit_load(f, argument(0));
	emit_if(f, BPF_JSET, NEW_NAMESPACES, 1);
	emit_return(f, SECCOMP_RET_ERRNO | EPERM);
	emit_return(f, SECCOMP_RET_ALLOW);
	/* has its flags in memory; who finds it missing takes clone() */
	filter_answer(f, SYS_clone3, ENOSYS);
	/* The daemon's threads want a working directory each. */
	emit_if(f, BPF_JEQ, SYS_unshare, 4);
	emit_load(f, argument(0));
	emit_unless(f, BPF_JEQ, CLONE_FS, 1);
	emit_return(f, SECCOMP_RET_ERRNO | EPERM);
	emit_return(f, SECCOMP_RET_ALLOW);
}

/* The daemon of root could end any process.  Not for QEMU, whose threads wake each other: musl does it by a
 * thread's number alone, which may be anybody's. */
static void filter_signals(struct filter *f)
{
	static const uint32_t calls[] = { SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
					  SYS_pidfd_send_signal };
	static const uint32_t own[] = { SYS_kill, SYS_tgkill };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		filter_answer(f, calls[i], EPERM);
	}
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		emit_if(f, BPF_JEQ, own[i], 4);
		emit_load(f, argument(0));
		emit_unless(f, BPF_JEQ, (uint32_t)getpid(), 1);
		emit_return(f, SECCOMP_RET_ERRNO | EPERM);
		emit_return(f, SECCOMP_RET_ALLOW);
	}
	/* SIGIO and others, sent by a file to whom its owner names */
	emit_if(f, BPF_JEQ, SYS_fcntl, 5);
	emit_load(f, argument(1));
	emit_unless(f, BPF_JEQ, F_SETOWN, 2);
	emit_unless(f, BPF_JEQ, F_SETOWN_EX, 1);
	emit_return(f, SECCOMP_RET_ALLOW);
	emit_return(f, SECCOMP_RET_ERRNO | EPERM);
	emit_if(f, BPF_JEQ, SYS_ioctl, 4);
	emit_load(f, argument(1));
	emit_if(f, BPF_JEQ, FIOSETOWN, 1);
	emit_return(f, SECCOMP_RET_ERRNO | EPERM);
	emit_return(f, SECCOMP_RET_ALLOW);
}

/* All ways that a mode has into a file system.  mkdir() is none: it takes no set-id bits.
 * openat2() has its mode in memory, where a filter cannot look; a program that finds it missing
 * takes openat(). */
static void filter_privileged_files(struct filter *f)
{
	filter_mode(f, SYS_chmod, 1, SET_ID_BITS);
	filter_mode(f, SYS_fchmod, 1, SET_ID_BITS);
	filter_mode(f, SYS_fchmodat, 2, SET_ID_BITS);
	filter_mode(f, 452 /* fchmodat2 */, 2, SET_ID_BITS);
	filter_mode(f, SYS_creat, 1, SET_ID_BITS);
	filter_mode(f, SYS_mknod, 1, SET_ID_BITS | DEVICE_BIT);
	filter_mode(f, SYS_mknodat, 2, SET_ID_BITS | DEVICE_BIT);
	filter_open(f, SYS_open, 2);
	filter_open(f, SYS_openat, 3);
	filter_answer(f, SYS_openat2, ENOSYS);
}

static void filter_install(struct filter *f)
{
	struct sock_fprog program = { f->n, f->code };

	emit_return(f, SECCOMP_RET_ALLOW);
	program.len = f->n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		die("system call filter");
	}
}

/* --- users and capabilities -------------------------------------------- */

#define CAP_BIT(cap) (1ull << (cap))

static uint64_t permitted_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0) {
		die("capget");
	}
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

/* What root would get back by an exec. */
static void limit_bounding_set(uint64_t keep)
{
	for (unsigned cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
		if (!(keep & CAP_BIT(cap))) {
			/* May be refused to an ordinary user, who has none to lose. */
			(void)prctl(PR_CAPBSET_DROP, cap);
		}
	}
}

static void limit_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	keep &= permitted_capabilities();
	data[0].permitted = data[0].effective = (uint32_t)keep;
	data[1].permitted = data[1].effective = (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &head, data) < 0) {
		die("capset");
	}
}

/* As the user that is now the effective one. */
static bool can_start(const struct vm_needs *needs)
{
	return faccessat(AT_FDCWD, needs->program, R_OK | X_OK, AT_EACCESS) == 0 &&
	       (!needs->kvm || faccessat(AT_FDCWD, "/dev/kvm", R_OK | W_OK, AT_EACCESS) == 0);
}

static bool become(uint32_t id, const struct vm_needs *needs)
{
	struct stat kvm;
	gid_t groups[1];
	size_t n = 0;

	if (needs->kvm && stat("/dev/kvm", &kvm) == 0 && kvm.st_gid != 0) {
		groups[n++] = kvm.st_gid;
	}
	if (setgroups(n, groups) < 0 || setresgid(id, id, id) < 0 ||
	    setresuid((uid_t)-1, id, (uid_t)-1) < 0) {
		return false;
	}
	if (!can_start(needs)) {
		(void)setresuid((uid_t)-1, 0, (uid_t)-1);
		return false;
	}
	/* The effective user has no right to the others any more. */
	return setresuid((uid_t)-1, 0, (uid_t)-1) == 0 && setresuid(id, id, id) == 0;
}

/*
 * A user of its own.  Where there is none (root of a small user namespace), or it could not
 * execute QEMU (a wrapper in root's home), QEMU stays root, without capabilities.  The
 * launcher must keep the right to kill it.
 */
static void leave_root(const struct vm_needs *needs)
{
	const uint64_t wanted = CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_KILL);

	if (geteuid() != 0 || (permitted_capabilities() & wanted) != wanted) {
		return;
	}
	if (!become(FIRST_UID + (uint32_t)getpid(), needs)) {
		(void)become(NOBODY, needs);
	}
}

void confine_vm(const struct vm_needs *needs)
{
	struct filter f;

	/* While there is still the right to. */
	limit_bounding_set(0);
	leave_root(needs);
	if (!landlock_exists()) {
		closet_enter(needs->program);
		limit_bounding_set(0);
	}
	limit_capabilities(0);
	landlock_vm(needs->program, needs->kernel, needs->network);
	filter_begin(&f);
	filter_strangers(&f);
	if (!needs->network) {
		filter_network(&f);
	}
	filter_install(&f);
}

void confine_share(const struct share_needs *needs)
{
	/* a file server's, and what the daemon's start needs: it drops those itself */
	uint64_t keep = CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_FOWNER) |
			CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SYS_CHROOT) |
			CAP_BIT(CAP_SETPCAP) | CAP_BIT(CAP_SYS_RESOURCE);
	struct filter f;

	if (needs->privileged_files) {
		keep |= CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_SETFCAP);
	}
	limit_bounding_set(keep);
	limit_capabilities(keep);
	landlock_share(needs->program, needs->dir);
	filter_begin(&f);
	if (needs->fake_setgroups) {
		filter_answer(&f, SYS_setgroups, 0);
	}
	filter_strangers(&f);
	filter_network(&f);
	filter_signals(&f);
	if (!needs->privileged_files) {
		filter_privileged_files(&f);
	}
	filter_install(&f);
}
