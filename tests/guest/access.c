/* SPDX-License-Identifier: MIT */
/*
 * Who may look at whom: /proc/PID, process_vm_readv(2), pidfd_getfd(2), prlimit(2) and others, by
 * every kind of caller on every kind of process.  access_matrix.h has what Linux answers; `access
 * print` makes it anew.  Then what was opened before an exec, and a look in the middle of one.
 * Runs copies of itself, with and without set-id bits, as "target KIND FD".
 */
#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "access_matrix.h"

#define USER 1000
#define OTHER 1001
#define CAP(n) (1u << (n))
#define ROOT_CAPS (~0u & ~CAP(CAP_SYS_RESOURCE))

static char dir[64];
static char secret[32] = "only for the owner";
static volatile int allowed = 1;
static volatile int privileged; /* 1 in a set-user-ID program, which also has this descriptor: */
#define SECRET_FD 100

struct hello { /* what a target tells on its pipe */
	char *secret;
	volatile int *allowed;
	int euid;
};

/* --- identities --- */

static void set_caps(uint32_t permitted, uint32_t effective)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { effective, permitted, permitted }, { 0, 0, 0 } };

	if (syscall(SYS_capset, &h, d))
		_exit(101);
}
static void drop_cap(int cap)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		_exit(101);
	d[0].permitted &= ~CAP(cap);
	d[0].effective &= ~CAP(cap);
	if (syscall(SYS_capset, &h, d))
		_exit(101);
}
static void become(uid_t ruid, uid_t euid, gid_t gid)
{
	if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(ruid, euid, euid))
		_exit(102);
}
static void become_with_caps(uid_t uid, uint32_t caps)
{
	prctl(PR_SET_KEEPCAPS, 1);
	become(uid, uid, uid);
	set_caps(caps, caps);
}

/* --- targets --- */

enum {
	T_ROOT,
	T_USER,
	T_DROPPED,    /* was root, no exec since */
	T_UNDUMPABLE, /* PR_SET_DUMPABLE, 0 */
	T_AGAIN,      /* was root, PR_SET_DUMPABLE, 1 */
	T_OTHER,
	T_OTHER_GROUP,
	T_SUID,	      /* runs a set-user-ID program */
	T_SGID,	      /* a set-group-ID one */
	T_SUID_LEFT,  /* that gave its rights back and executed another program */
	T_CAPS,	      /* has a capability that others lack */
	T_SECRET_EXE, /* runs what it may not read */
	T_ZOMBIE,
	T_COUNT
};
static const char *const target_names[T_COUNT] = {
	"root",	       "user",	  "dropped", "undumpable", "again",	 "other",  "other group",
	"set-user-ID", "set-gid", "left",    "caps",	   "secret exe", "zombie",
};

static _Noreturn void exec_target(const char *program, int kind, int fd)
{
	char path[96], k[16], f[16];

	snprintf(path, sizeof(path), "%s/%s", dir, program);
	snprintf(k, sizeof(k), "%d", kind);
	snprintf(f, sizeof(f), "%d", fd);
	execl(path, path, "target", k, f, (char *)NULL);
	_exit(103);
}
static _Noreturn void settle(int kind, int fd)
{
	struct hello h = { secret, &allowed, (int)geteuid() };

	if (kind == T_SUID && geteuid() == 0) {
		privileged = 1;
		dup2(0, SECRET_FD);
	}
	if (kind == T_UNDUMPABLE)
		prctl(PR_SET_DUMPABLE, 0);
	if (kind == T_AGAIN)
		prctl(PR_SET_DUMPABLE, 1);
	if (kind == T_ZOMBIE)
		_exit(7);
	if (write(fd, &h, sizeof(h)) != sizeof(h))
		_exit(104);
	for (;;)
		pause();
}
static int target_main(int kind, int fd)
{
	alarm(120);
	if (kind == T_SUID_LEFT && geteuid() == 0) {
		if (setresuid(USER, USER, USER))
			return 105;
		exec_target("plain", kind, fd);
	}
	settle(kind, fd);
}
static void be_target(int kind, int fd)
{
	alarm(120);
	dup2(open("/dev/null", O_RDWR), 0);
	switch (kind) {
	case T_ROOT: settle(kind, fd);
	case T_DROPPED:
	case T_AGAIN: become(USER, USER, USER); settle(kind, fd);
	case T_OTHER: become(OTHER, OTHER, OTHER); exec_target("plain", kind, fd);
	case T_OTHER_GROUP: become(USER, USER, OTHER); exec_target("plain", kind, fd);
	case T_CAPS:
		become_with_caps(USER, CAP(CAP_NET_RAW));
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
		exec_target("plain", kind, fd);
	default: become(USER, USER, USER);
	}
	exec_target(kind == T_SUID || kind == T_SUID_LEFT ? "suid"
		    : kind == T_SGID			  ? "sgid"
		    : kind == T_SECRET_EXE		  ? "secret"
							  : "plain",
		    kind, fd);
}

static pid_t start_target(int kind, struct hello *h)
{
	int fds[2];
	pid_t pid;

	fflush(stdout);
	if (pipe(fds))
		return -1;
	pid = fork();
	if (!pid) {
		close(fds[0]);
		be_target(kind, fds[1]);
		_exit(106);
	}
	close(fds[1]);
	memset(h, 0, sizeof(*h));
	if (read(fds[0], h, sizeof(*h)) != sizeof(*h) && kind != T_ZOMBIE) {
		printf("# target %s does not start\n", target_names[kind]);
		test_failed_here = 1;
	}
	close(fds[0]);
	if (kind == T_ZOMBIE) {
		siginfo_t si;

		waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	}
	return pid;
}
static void end_target(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- lookers --- */

enum {
	L_ROOT,
	L_USER,
	L_OTHER,
	L_OTHER_GROUP,
	L_NO_PTRACE, /* root without that capability */
	L_NO_CAPS,   /* root without any */
	L_TRACER,    /* a user with CAP_SYS_PTRACE */
	L_READER,    /* a user with CAP_DAC_READ_SEARCH: files yes, processes no */
	L_NICE,	     /* a user with CAP_SYS_NICE */
	L_SETEUID,   /* root's real uid, user's effective one */
	L_SUID,	     /* user's real uid, root's effective one */
	L_COUNT
};
static const char *const looker_names[L_COUNT] = {
	"root",	  "user",   "other", "other group", "no ptrace", "no caps",
	"tracer", "reader", "nice",  "seteuid",	    "suid",
};
static void be_looker(int kind)
{
	uint32_t all = ROOT_CAPS & ~CAP(CAP_SYS_PTRACE) & ~CAP(CAP_SYS_ADMIN); /* perfmon */

	switch (kind) {
	case L_ROOT: break;
	case L_USER: become(USER, USER, USER); break;
	case L_OTHER: become(OTHER, OTHER, OTHER); break;
	case L_OTHER_GROUP: become(USER, USER, OTHER); break;
	case L_NO_PTRACE: set_caps(all, all); break;
	case L_NO_CAPS: set_caps(0, 0); break;
	case L_TRACER: become_with_caps(USER, CAP(CAP_SYS_PTRACE)); break;
	case L_READER: become_with_caps(USER, CAP(CAP_DAC_READ_SEARCH)); break;
	case L_NICE: become_with_caps(USER, CAP(CAP_SYS_NICE)); break;
	case L_SETEUID:
		if (setgroups(0, NULL) || setresgid(0, USER, 0) || setresuid(0, USER, 0))
			_exit(107);
		break;
	case L_SUID:
		if (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, 0, 0))
			_exit(107);
		set_caps(0, 0);
		break;
	}
}

/* --- interfaces: 0 or -errno --- */

static const struct hello *there; /* what the target told */

static long name_of(pid_t pid, const char *file, char *path)
{
	return snprintf(path, 64, "/proc/%d/%s", (int)pid, file);
}
static long open_it(pid_t pid, const char *file, int flags)
{
	char path[64];
	int fd;

	name_of(pid, file, path);
	fd = open(path, flags | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
static long read_it(pid_t pid, const char *file)
{
	char path[64], buf[64];
	ssize_t n;
	int fd;

	name_of(pid, file, path);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, sizeof(buf));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}
static long link_it(pid_t pid, const char *file)
{
	char path[64], buf[64];

	name_of(pid, file, path);
	return readlink(path, buf, sizeof(buf)) < 0 ? -errno : 0;
}
#define FILE_CASE(fn, call)       \
	static long fn(pid_t pid) \
	{                         \
		return (call);    \
	}
FILE_CASE(open_mem, open_it(pid, "mem", O_RDONLY))
FILE_CASE(write_mem, open_it(pid, "mem", O_RDWR))
FILE_CASE(open_environ, open_it(pid, "environ", O_RDONLY))
FILE_CASE(open_auxv, open_it(pid, "auxv", O_RDONLY))
FILE_CASE(open_maps, open_it(pid, "maps", O_RDONLY))
FILE_CASE(open_smaps, open_it(pid, "smaps", O_RDONLY))
FILE_CASE(open_fds, open_it(pid, "fd", O_RDONLY | O_DIRECTORY))
FILE_CASE(open_fdinfo, open_it(pid, "fdinfo/0", O_RDONLY))
FILE_CASE(open_adj, open_it(pid, "oom_score_adj", O_WRONLY))
FILE_CASE(read_status, read_it(pid, "status"))
FILE_CASE(read_cmdline, read_it(pid, "cmdline"))
FILE_CASE(read_personality, read_it(pid, "personality"))
FILE_CASE(read_io, read_it(pid, "io"))
FILE_CASE(read_slack, read_it(pid, "timerslack_ns"))
FILE_CASE(link_exe, link_it(pid, "exe"))
FILE_CASE(link_cwd, link_it(pid, "cwd"))
FILE_CASE(link_root, link_it(pid, "root"))
FILE_CASE(link_fd, link_it(pid, "fd/0"))

static long write_slack(pid_t pid)
{
	char path[64];
	long n;
	int fd;

	name_of(pid, "timerslack_ns", path);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	n = write(fd, "50000", 5) < 0 ? -errno : 0;
	close(fd);
	return n;
}
/* Where the program and its stack are: in the fields 26, 28 and 47. */
static long see_layout(pid_t pid)
{
	char path[64], buf[1024], *p;
	long field[53] = { 0 };
	ssize_t n;
	int fd;

	name_of(pid, "stat", path);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -errno;
	buf[n] = 0;
	p = strrchr(buf, ')') + 3;
	for (int i = 4; i < 53; i++) {
		p = strchr(p, ' ');
		if (!p)
			break;
		field[i] = strtol(++p, NULL, 10);
	}
	if ((field[26] > 1) != (field[28] > 0) || (field[28] > 0) != (field[47] > 0))
		return -EIO;
	return field[26] > 1 ? 0 : -EPERM;
}
/* "r" when root owns it. */
static long owner_of(pid_t pid, const char *file)
{
	struct stat st;
	char path[64];

	name_of(pid, file, path);
	if (lstat(path, &st))
		return -errno;
	return st.st_uid ? 0 : -1000;
}
FILE_CASE(owner_dir, owner_of(pid, "."))
FILE_CASE(owner_environ, owner_of(pid, "environ"))
FILE_CASE(owner_fds, owner_of(pid, "fd"))

static long vm_read(pid_t pid)
{
	char buf[8];
	struct iovec l = { buf, sizeof(buf) }, r = { there->secret, sizeof(buf) };

	return process_vm_readv(pid, &l, 1, &r, 1, 0) < 0 ? -errno : 0;
}
static long vm_write(pid_t pid)
{
	char buf[8] = "only for";
	struct iovec l = { buf, sizeof(buf) }, r = { there->secret, sizeof(buf) };

	return process_vm_writev(pid, &l, 1, &r, 1, 0) < 0 ? -errno : 0;
}
static long get_fd(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), fd;
	long n;

	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, 0, 0);
	n = fd < 0 ? -errno : 0;
	close(pidfd);
	if (fd >= 0)
		close(fd);
	return n;
}
static long get_robust(pid_t pid)
{
	void *head;
	size_t len;

	return syscall(SYS_get_robust_list, pid, &head, &len) ? -errno : 0;
}
static long get_limit(pid_t pid)
{
	struct rlimit r;

	return prlimit(pid, RLIMIT_CORE, NULL, &r) ? -errno : 0;
}
static long send_nothing(pid_t pid)
{
	return kill(pid, 0) ? -errno : 0;
}
static long set_affinity(pid_t pid)
{
	cpu_set_t set;

	if (sched_getaffinity(pid, sizeof(set), &set))
		return -errno;
	return sched_setaffinity(pid, sizeof(set), &set) ? -errno : 0;
}
static long set_priority(pid_t pid)
{
	return setpriority(PRIO_PROCESS, (id_t)pid, getpriority(PRIO_PROCESS, (id_t)pid)) ? -errno
											  : 0;
}
static long set_policy(pid_t pid)
{
	struct sched_param p = { 0 };

	return syscall(SYS_sched_setscheduler, pid, SCHED_OTHER, &p) ? -errno : 0;
}
static long set_ioprio(pid_t pid)
{
	return syscall(SYS_ioprio_set, 1, pid, 2 << 13 | 4) ? -errno : 0;
}

static const struct {
	const char *name;
	long (*fn)(pid_t pid);
	int no_zombie; /* versions of Linux differ, or nothing is left to ask */
} interfaces[] = {
	{ "mem", open_mem, 1 },
	{ "mem rw", write_mem, 1 },
	{ "environ", open_environ, 1 },
	{ "auxv", open_auxv, 1 },
	{ "maps", open_maps, 1 },
	{ "smaps", open_smaps, 1 },
	{ "fd/", open_fds, 0 },
	{ "fdinfo/0", open_fdinfo, 1 },
	{ "oom_score_adj", open_adj, 0 },
	{ "status", read_status, 0 },
	{ "cmdline", read_cmdline, 0 },
	{ "personality", read_personality, 1 },
	{ "io", read_io, 1 },
	{ "timerslack_ns", read_slack, 1 },
	{ "timerslack_ns w", write_slack, 1 },
	{ "exe", link_exe, 1 },
	{ "cwd", link_cwd, 1 },
	{ "root", link_root, 1 },
	{ "fd/0", link_fd, 1 },
	{ "stat", see_layout, 1 },
	{ "owner of .", owner_dir, 0 },
	{ "owner of environ", owner_environ, 0 },
	{ "owner of fd", owner_fds, 0 },
	{ "process_vm_readv", vm_read, 1 },
	{ "process_vm_writev", vm_write, 1 },
	{ "pidfd_getfd", get_fd, 1 },
	{ "get_robust_list", get_robust, 1 },
	{ "prlimit", get_limit, 1 },
	{ "kill", send_nothing, 0 },
	{ "sched_setaffinity", set_affinity, 1 },
	{ "setpriority", set_priority, 1 },
	{ "sched_setscheduler", set_policy, 1 },
	{ "ioprio_set", set_ioprio, 1 },
};
#define N_INTERFACES (sizeof(interfaces) / sizeof(interfaces[0]))

static char letter(long r)
{
	switch (-r) {
	case 0: return '.';
	case 1000: return 'r';
	case EPERM: return 'P';
	case EACCES: return 'A';
	case ENOENT: return 'N';
	case ESRCH: return 'S';
	case EINVAL: return 'I';
	case EIO: return 'O';
	default: return '?';
	}
}

/* --- the matrix --- */

static char (*row)[N_INTERFACES + 1]; /* shared with the looker */

static void look(int looker, const pid_t *pids, const struct hello *hellos)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(60);
		be_looker(looker);
		for (int t = 0; t < T_COUNT; t++) {
			there = &hellos[t];
			for (size_t i = 0; i < N_INTERFACES; i++)
				row[t][i] = t == T_ZOMBIE && interfaces[i].no_zombie
						    ? ' '
						    : letter(interfaces[i].fn(pids[t]));
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
}

static int printing;
static void compare(int looker, int t)
{
	const char *want = access_matrix[looker * T_COUNT + t];

	if (printing) {
		printf("\t\"%s\", /* %s: %s */\n", row[t], looker_names[looker], target_names[t]);
		return;
	}
	for (size_t i = 0; i < N_INTERFACES; i++) {
		if (row[t][i] != want[i]) {
			printf("# %s looks at %s, %s: '%c', on Linux '%c'\n", looker_names[looker],
			       target_names[t], interfaces[i].name, row[t][i], want[i]);
			test_failed_here = 1;
		}
	}
}

static void test_matrix(void)
{
	struct hello hellos[T_COUNT];
	pid_t pids[T_COUNT];

	row = mmap(NULL, sizeof(*row) * T_COUNT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		   -1, 0);
	CHECK(row != MAP_FAILED);
	for (int t = 0; t < T_COUNT; t++)
		pids[t] = start_target(t, &hellos[t]);
	CHECK_EQ(hellos[T_SUID].euid, 0);
	CHECK_EQ(hellos[T_SUID_LEFT].euid, USER);
	for (int l = 0; l < L_COUNT; l++) {
		memset(row, 0, sizeof(*row) * T_COUNT);
		look(l, pids, hellos);
		for (int t = 0; t < T_COUNT; t++)
			compare(l, t);
	}
	for (int t = 0; t < T_COUNT; t++)
		end_target(pids[t]);
	munmap(row, sizeof(*row) * T_COUNT);
}

/* One's own files, when root owns them. */
static void own_files(void)
{
	char path[64];
	DIR *d;

	become(USER, USER, USER);
	there = &(struct hello){ secret, &allowed, 0 };
	d = opendir("/proc/self/fd");
	CHECK(d != NULL);
	CHECK(d && readdir(d) != NULL);
	name_of(getpid(), "fd/1", path);
	CHECK_EQ(link_it(getpid(), "fd/1"), 0);
	CHECK_EQ(link_it(getpid(), "exe"), 0);
	CHECK_EQ(open_it(getpid(), "maps", O_RDONLY), 0);
	CHECK_EQ(open_it(getpid(), "fdinfo/1", O_RDONLY), 0);
	CHECK_EQ(open_it(getpid(), "mem", O_RDONLY), -EACCES);
	CHECK_EQ(open_it(getpid(), "environ", O_RDONLY), -EACCES);
	CHECK_EQ(vm_read(getpid()), 0);
	CHECK_EQ(get_fd(getpid()), 0);
	CHECK_EQ(see_layout(getpid()), 0);
}
static void test_own_undumpable(void)
{
	CHECK_EQ(in_child(own_files), 0);
}

/* Does it come and go as it should? */
static void dumpable_steps(void)
{
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(setegid(USER), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	CHECK_EQ(setegid(USER), 0); /* no change */
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(setresuid(USER, -1, -1), 0); /* not what one acts with */
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_EQ(syscall(SYS_setfsuid, USER), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	CHECK_ERR(prctl(PR_SET_DUMPABLE, 2), EINVAL);
	if (fork() == 0)
		_exit(prctl(PR_GET_DUMPABLE)); /* inherited */
	int st;
	wait(&st);
	CHECK_EQ(st, 0);
}
static void test_dumpable(void)
{
	CHECK_EQ(in_child(dumpable_steps), 0);
}

/* What is a program that was executed like this: 10 * dumpable + death signal kept. */
static int after_exec(const char *program, void (*before)(void))
{
	char path[96];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", dir, program);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (before)
			before();
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execl(path, path, "report", (char *)NULL);
		_exit(109);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
static int report(void)
{
	int sig = -1;

	prctl(PR_GET_PDEATHSIG, &sig);
	return 10 * prctl(PR_GET_DUMPABLE) + (sig == SIGTERM);
}
static void as_user(void)
{
	become(USER, USER, USER);
}
static void as_both(void)
{
	if (setresuid(0, USER, USER))
		_exit(110);
}
static void without_new_privs(void)
{
	as_user();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
static void without_caps(void)
{
	set_caps(0, 0);
}
static void with_fsuid(void)
{
	syscall(SYS_setfsuid, USER);
}
static void test_after_exec(void)
{
	CHECK_EQ(after_exec("plain", NULL), 11);
	CHECK_EQ(after_exec("plain", as_user), 11);
	CHECK_EQ(after_exec("suid", NULL), 11); /* it gives nothing new */
	CHECK_EQ(after_exec("suid", as_user), 0);
	CHECK_EQ(after_exec("sgid", as_user), 0);
	CHECK_EQ(after_exec("suid", without_new_privs), 11);
	CHECK_EQ(after_exec("plain", as_both), 0);
	CHECK_EQ(after_exec("plain", without_caps), 0); /* it has them again */
	CHECK_EQ(after_exec("plain", with_fsuid), 0);
	CHECK_EQ(after_exec("secret", as_user), 1);
	CHECK_EQ(after_exec("secret", NULL), 11);
}

/* --- what was opened before an exec --- */

static int gate[2];
static pid_t start_waiting(struct hello *h, int *said, const char *program)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe(fds) || pipe(gate))
		exit(1);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(fds[0]);
		alarm(60);
		prctl(PR_SET_DUMPABLE, 1);
		if (write(fds[1], "r", 1) != 1 || read(gate[0], &c, 1) != 1)
			_exit(108);
		exec_target(program, T_SUID, fds[1]);
	}
	close(fds[1]);
	if (read(fds[0], &c, 1) != 1)
		exit(1);
	*said = fds[0];
	memset(h, 0, sizeof(*h));
	return pid;
}
static int open_of(pid_t pid, const char *file, int flags)
{
	char path[64];
	int fd;

	name_of(pid, file, path);
	fd = open(path, flags);
	CHECK(fd >= 0);
	return fd;
}
static void open_then_exec(void)
{
	struct hello h;
	char auxv[512], buf[4096];
	int said, val = 0x666;
	pid_t pid;

	signal(SIGALRM, SIG_DFL);
	alarm(60);
	become(USER, USER, USER);
	pid = start_waiting(&h, &said, "suid");
	int mem = open_of(pid, "mem", O_RDWR), maps = open_of(pid, "maps", O_RDONLY),
	    smaps = open_of(pid, "smaps", O_RDONLY), env = open_of(pid, "environ", O_RDONLY),
	    aux = open_of(pid, "auxv", O_RDONLY), fds = open_of(pid, "fd", O_RDONLY),
	    info = open_of(pid, "fdinfo", O_RDONLY), late = open_of(pid, "maps", O_RDONLY);

	CHECK_EQ(pread(mem, buf, 8, (off_t)(uintptr_t)secret), 8);
	CHECK(read(late, buf, 100) > 0);
	ssize_t n = pread(aux, auxv, sizeof(auxv), 0);
	CHECK(n > 0);
	CHECK_EQ(write(gate[1], "g", 1), 1);
	CHECK_EQ(read(said, &h, sizeof(h)), sizeof(h));
	CHECK_EQ(h.euid, 0);

	CHECK_EQ(pread(mem, buf, 8, (off_t)(uintptr_t)h.secret), 0);
	CHECK_EQ(pwrite(mem, &val, sizeof(val), (off_t)(uintptr_t)h.allowed), 0);
	CHECK_EQ(pread(maps, buf, sizeof(buf), 0), 0);
	CHECK_EQ(pread(smaps, buf, sizeof(buf), 0), 0);
	CHECK_EQ(pread(env, buf, sizeof(buf), 0), 0);
	CHECK_EQ(pread(aux, buf, sizeof(auxv), 0), n); /* the old program's */
	CHECK(!memcmp(auxv, buf, (size_t)n));
	CHECK_ERR(readlinkat(fds, "0", buf, sizeof(buf)), EACCES);
	CHECK_ERR(openat(info, "0", O_RDONLY), EACCES);
	CHECK_ERR(open_it(pid, "mem", O_RDONLY) ? (errno = EACCES, -1) : 0, EACCES);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_EQ(pread(mem, buf, 8, (off_t)(uintptr_t)h.secret), 0);
}
static void test_open_then_exec(void)
{
	CHECK_EQ(in_child(open_then_exec), 0);
}

/* The number goes to another process: files of the first one stay its own. */
static void test_open_then_end(void)
{
	struct hello h;
	pid_t pid = start_target(T_USER, &h);
	int mem = open_of(pid, "mem", O_RDWR), maps = open_of(pid, "maps", O_RDONLY);
	char buf[64];

	CHECK_EQ(pread(mem, buf, 8, (off_t)(uintptr_t)h.secret), 8);
	end_target(pid);
	CHECK_EQ(pread(mem, buf, 8, (off_t)(uintptr_t)h.secret), 0);
	CHECK_EQ(pwrite(mem, buf, 8, (off_t)(uintptr_t)h.secret), 0);
	CHECK_ERR(pread(maps, buf, 8, 0), ESRCH);
	close(mem);
	close(maps);
}

/* --- in the middle of an exec --- */

static volatile int over;
static void on_alarm(int sig)
{
	(void)sig;
	over = 1;
}
static void write_allowed(pid_t pid)
{
	int val = 0x666;
	struct iovec l = { &val, sizeof(val) }, r = { (void *)(uintptr_t)&allowed, sizeof(val) };
	char path[64];
	int mem;

	process_vm_writev(pid, &l, 1, &r, 1, 0);
	name_of(pid, "mem", path);
	mem = open(path, O_RDWR);
	if (mem >= 0) {
		if (pwrite(mem, &val, sizeof(val), (off_t)(uintptr_t)&allowed) < 0)
			errno = 0;
		close(mem);
	}
}
static int sees_new_program(pid_t pid, int pidfd)
{
	int val = 0, mem, fd;
	struct iovec l = { &val, sizeof(val) }, r = { (void *)(uintptr_t)&privileged, sizeof(val) };
	char path[64];

	if (process_vm_readv(pid, &l, 1, &r, 1, 0) == sizeof(val) && val)
		return 1;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, SECRET_FD, 0);
	if (fd >= 0)
		return 2;
	if (link_it(pid, "fd/100") == 0)
		return 3;
	name_of(pid, "mem", path);
	mem = open(path, O_RDONLY);
	if (mem >= 0) {
		if (pread(mem, &val, sizeof(val), (off_t)(uintptr_t)&privileged) > 0 && val)
			return 4;
		close(mem);
	}
	return 0;
}
/* A large old memory takes its time to go. */
#define BALLAST (8 << 20)
static void exec_in_the_way(void)
{
	char *p;

	become(USER, USER, USER);
	alarm(60);
	for (int round = 0; round < 12; round++) {
		struct hello h;
		int fds[2];
		pid_t pid;

		if (pipe(fds))
			_exit(1);
		pid = fork();
		if (!pid) {
			prctl(PR_SET_DUMPABLE, 1);
			p = mmap(NULL, BALLAST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0);
			memset(p, 1, BALLAST);
			exec_target("suid", T_SUID, fds[1]);
		}
		close(fds[1]);
		fcntl(fds[0], F_SETFL, O_NONBLOCK);
		int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		/* Variables have the same place in the new program: until that speaks, and a bit
		 * longer, try. */
		for (int more = 20; more && !over;) {
			if (read(fds[0], &h, sizeof(h)) == sizeof(h) || more < 20)
				more--;
			CHECK(!sees_new_program(pid, pidfd));
			write_allowed(pid);
		}
		close(pidfd);
		CHECK(!over);
		CHECK_EQ(h.euid, 0);
		kill(pid, SIGUSR1); /* tells what it has: its exit status */
		int st;
		waitpid(pid, &st, 0);
		CHECK_EQ(WEXITSTATUS(st), 1);
		close(fds[0]);
	}
}
static void test_exec_window(void)
{
	CHECK_EQ(in_child(exec_in_the_way), 0);
}

/* --- around --- */

static void test_tls_address(void)
{
	static const uint64_t bad[] = { 0x7ffffffff000, 0x8000000000000000, 0xffff888000000000,
					UINT64_MAX };

	for (int i = 0; i < 4; i++)
		CHECK_ERR(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, bad[i]), EPERM);
	/* The highest good one: without thread-local storage the child can only end. */
	long pid = SYS_clone;
	int st;
	__asm__ volatile("mov %2, %%r8\n\txor %%r10d, %%r10d\n\tsyscall\n\ttest %%rax, %%rax\n\t"
			 "jnz 1f\n\tmov $60, %%eax\n\tmov $3, %%edi\n\tsyscall\n1:"
			 : "+a"(pid)
			 : "D"((long)(CLONE_SETTLS | SIGCHLD)), "r"(0x7fffffffeff8), "S"(0L),
			   "d"(0L)
			 : "rcx", "r8", "r10", "r11", "memory");
	CHECK_EQ(waitpid((pid_t)pid, &st, 0), pid);
	CHECK_EQ(st, 3 << 8);
}

/* One thread moves the process from account to account, others charge to it. */
static void *mover(void *arg)
{
	while (!over)
		for (int i = 0; i < 3; i++)
			syscall(SYS_setresuid, USER + i, -1, -1);
	return arg;
}
static void charge_accounts(void)
{
	pthread_t t;
	timer_t timer;

	CHECK_EQ(pthread_create(&t, NULL, mover, NULL), 0);
	for (int i = 0; i < 300; i++) {
		if (!timer_create(CLOCK_MONOTONIC, NULL, &timer))
			timer_delete(timer);
		else
			CHECK_EQ(errno, EAGAIN);
		pid_t pid = (pid_t)syscall(SYS_fork);
		if (!pid)
			syscall(SYS_exit, 0);
		kill(pid, 0);
		waitpid(pid, NULL, 0);
	}
	over = 1;
	pthread_join(t, NULL);
}
static void test_accounts(void)
{
	CHECK_EQ(in_child(charge_accounts), 0);
}

/* --- main --- */

static void tell_allowed(int sig)
{
	(void)sig;
	_exit(allowed);
}
static void copy_self(const char *self, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	static char buf[1 << 16];
	char path[96];
	int in = open(self, O_RDONLY), out;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	out = open(path, O_WRONLY | O_CREAT | O_EXCL, 0700);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			exit(1);
	if (in < 0 || out < 0 || fchown(out, uid, gid) || fchmod(out, mode))
		exit(1);
	close(in);
	close(out);
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "plain", "suid", "sgid", "secret" };
	char path[96];

	if (argc > 1 && !strcmp(argv[1], "target")) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
		signal(SIGUSR1, tell_allowed);
		return target_main(atoi(argv[2]), atoi(argv[3]));
	}
	if (argc > 1 && !strcmp(argv[1], "report"))
		return report();
	/* What Linux in a container of the host may lack. */
	prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
	drop_cap(CAP_SYS_RESOURCE);
	printing = argc > 1 && !strcmp(argv[1], "print");
	snprintf(dir, sizeof(dir), "/tmp/access-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755)) {
		printf("Bail out! %s: %s\n", dir, strerror(errno));
		return 1;
	}
	signal(SIGALRM, on_alarm);
	copy_self("/proc/self/exe", "plain", 0, 0, 0755);
	copy_self("/proc/self/exe", "suid", 0, 0, 04755);
	copy_self("/proc/self/exe", "sgid", 0, 2000, 02755);
	copy_self("/proc/self/exe", "secret", 0, 0, 0711);
	if (printing) {
		test_matrix();
	} else {
		RUN(test_matrix);
		RUN(test_own_undumpable);
		RUN(test_dumpable);
		RUN(test_after_exec);
		RUN(test_open_then_exec);
		RUN(test_open_then_end);
		RUN(test_exec_window);
		RUN(test_tls_address);
		RUN(test_accounts);
	}
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
	return printing ? 0 : test_done();
}
