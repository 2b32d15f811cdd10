/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lib/launch.h>

#include "daemon.h"
#include "find.h"
#include "hostlimits.h"
#include "idmap.h"
#include "option_print.h"
#include "option_table.h"
#include "report.h"
#include "version.h"

enum verdict { GOOD, NOTE, BAD };

static unsigned bad;

static void say(enum verdict v, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(enum verdict v, const char *what, const char *fmt, ...)
{
	static const char *const marks[] = { "ok", "note", "MISSING" };
	va_list ap;

	bad += v == BAD;
	printf("%-8s%-14s", marks[v], what);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* The first line that a program prints, without its end; "" when it prints none. */
static void first_line(const char *program, char *buf, int size)
{
	char *command;
	FILE *f;

	buf[0] = '\0';
	if (asprintf(&command, "'%s' --version 2>/dev/null", program) < 0) {
		return;
	}
	f = popen(command, "re");
	if (f) {
		if (fgets(buf, size, f) == NULL) {
			buf[0] = '\0';
		}
		(void)pclose(f);
	}
	buf[strcspn(buf, "\n")] = '\0';
	free(command);
}

/* --- the parts --------------------------------------------------------- */

static bool check_proc(void)
{
	if (access("/proc/self/fd", X_OK) < 0) {
		say(BAD, "/proc", "is not mounted: mount -t proc proc /proc");
		return false;
	}
	if (access("/proc/sys/kernel", F_OK) < 0) {
		say(NOTE, "/proc",
		    "is mounted with subset=pid: the virtiofsd of Debian 12 does not start");
	} else {
		say(GOOD, "/proc", "is mounted");
	}
	return true;
}

static void check_parts(void)
{
	const char *kernel = find_kernel_or_null(), *qemu = find_qemu(), *fsd = find_daemon();
	char version[200];

	if (kernel) {
		say(GOOD, "kernel", "%s", kernel);
	} else {
		say(BAD, "kernel",
		    "no corrida.elf beside corrida or in ../lib/corrida: make, or install "
		    "the package corrida again");
	}
	if (qemu) {
		first_line(qemu, version, sizeof(version));
		say(GOOD, "QEMU", "%s: %s", qemu, version);
	} else {
		say(BAD, "QEMU",
		    "no qemu-system-x86_64: apt-get install qemu-system-x86 "
		    "(Fedora: dnf install qemu-system-x86-core)");
	}
	if (fsd == NULL) {
		say(BAD, "virtiofsd",
		    "apt-get install virtiofsd (Debian 12: qemu-system-common; Fedora: dnf "
		    "install virtiofsd)");
	} else if (daemon_has_separate_options(fsd)) {
		first_line(fsd, version, sizeof(version));
		say(GOOD, "virtiofsd", "%s: %s (the Rust one%s)", fsd, version,
		    daemon_has_readonly(fsd) ? "" : "; --read-only needs 1.13");
	} else {
		say(GOOD, "virtiofsd", "%s (the C one of QEMU 7)", fsd);
	}
	/* the firmware of microvm */
	if (access("/usr/share/qemu/qboot.rom", R_OK) < 0 &&
	    access("/usr/share/seabios/qboot.rom", R_OK) < 0) {
		say(NOTE, "firmware",
		    "no /usr/share/qemu/qboot.rom: if the VM does not start, apt-get "
		    "install qemu-system-data");
	} else {
		say(GOOD, "firmware", "qboot.rom is there");
	}
}

static void check_accel(void)
{
	const char *why = NULL;

	if (find_accel(ACCEL_AUTO)) {
		say(GOOD, "accelerator", "KVM: the CPU has vmx or svm, and /dev/kvm can be opened");
		return;
	}
	if (!find_virtualisation()) {
		why = access("/dev/kvm", F_OK) == 0
			      ? "the CPU shows neither vmx nor svm, so what /dev/kvm does is no KVM"
			      : "the CPU shows neither vmx nor svm (switch it on in the firmware, or let the "
				"virtual machine around this one pass it on)";
	} else if (access("/dev/kvm", F_OK) < 0) {
		why = "there is no /dev/kvm: modprobe kvm_intel or kvm_amd";
	} else {
		why = "/dev/kvm is closed to you: adduser $USER kvm, and log in again";
	}
	say(NOTE, "accelerator", "TCG, QEMU's own translation, which is slower than KVM: %s", why);
}

/* --- what the share needs of an ordinary user -------------------------- */

static bool can_unshare(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		_exit(unshare(CLONE_NEWUSER) < 0 ? errno : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		return false;
	}
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno == 0;
}

static void check_user(void)
{
	const char *missing;
	struct idmap m;

	if (geteuid() == 0) {
		say(GOOD, "user", "root: programs' ids in DIR are those of this host");
		return;
	}
	if (!can_unshare()) {
		say(BAD, "user",
		    "number %u, and there is no user namespace for you (%s): as root sysctl -w "
		    "user.max_user_namespaces=10000, and where they exist "
		    "kernel.unprivileged_userns_clone=1 and "
		    "kernel.apparmor_restrict_unprivileged_userns=0; never in a chroot",
		    geteuid(), strerror(errno));
		return;
	}
	say(GOOD, "user", "number %u, with user namespaces: you are root of the share", geteuid());
	if (idmap_find(&m, 1000, 1000, &missing)) {
		say(GOOD, "other users", "%u subordinate ids from %u on for --user", m.n_uids,
		    m.first_uid);
	} else {
		say(NOTE, "other users", "--user cannot write what is yours: that needs %s",
		    missing);
	}
}

/* --- limits ------------------------------------------------------------ */

static void check_limit(const char *name, int which, const char *option, uint64_t least,
			const char *why)
{
	struct rlimit l;

	if (getrlimit(which, &l) == 0 && l.rlim_cur != RLIM_INFINITY && l.rlim_cur < least) {
		say(BAD, name, "%llu is too little %s: ulimit %s unlimited",
		    (unsigned long long)l.rlim_cur, why, option);
	}
}

static void check_memory(void)
{
	char file[1100], line[200];
	unsigned long long kib = 0;
	uint64_t limit;
	FILE *f = fopen("/proc/meminfo", "re");
	int fd = memfd_create("corrida-doctor", MFD_CLOEXEC);

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemAvailable: %llu", &kib) != 1) {
	}
	if (f) {
		fclose(f);
	}
	if (fd < 0) {
		say(BAD, "memory",
		    "memfd_create: %s: a kernel from 3.17 on, and no filter of system calls "
		    "that forbids it",
		    strerror(errno));
	} else {
		close(fd);
	}
	if (hostlimits_memory(&limit, file, sizeof(file))) {
		say(limit < (512ull << 20) ? NOTE : GOOD, "memory",
		    "%llu MiB are free; %s allows %llu MiB: a VM that uses more than that is killed (-m)",
		    kib >> 10, file, (unsigned long long)limit >> 20);
	} else {
		say(kib >> 10 < 512 ? NOTE : GOOD, "memory",
		    "%llu MiB are free, a VM has 512 at most unless -m says otherwise", kib >> 10);
	}
	check_limit("address space", RLIMIT_AS, "-v", 4ull << 30, "for QEMU");
	check_limit("file size", RLIMIT_FSIZE, "-f", 1ull << 40, "for the memory of a VM");
	check_limit("open files", RLIMIT_NOFILE, "-n", 32, "for QEMU");
}

static void check_walls(void)
{
	long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0,
				LANDLOCK_CREATE_RULESET_VERSION);
	struct utsname u;

	(void)uname(&u);
	if (landlock >= 2) {
		say(GOOD, "Landlock", "version %ld of Linux %s: QEMU and virtiofsd see few files",
		    landlock, u.release);
	} else {
		say(NOTE, "Landlock",
		    "not in Linux %s, or not switched on (lsm=landlock,...): the helpers "
		    "keep this user's right to read files",
		    u.release);
	}
}

/* --- a VM -------------------------------------------------------------- */

/* The launcher is a static program itself, so it can be what runs. */
static void check_run(void)
{
	char self[4096], *dir, *name, *prog, out[8192] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t len = 0;
	int fds[2], status = -1;
	pid_t child;

	if (n <= 0) {
		return;
	}
	self[n] = '\0';
	dir = strdup(self);
	name = strrchr(self, '/') + 1;
	if (dir == NULL || asprintf(&prog, "/%s", name) < 0 || pipe2(fds, O_CLOEXEC) < 0) {
		fail("out of memory or descriptors");
	}
	dir[strlen(dir) - strlen(name)] = '\0';
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		(void)dup2(fds[1], 1);
		(void)dup2(fds[1], 2);
		execl(self, self, "run", "--timeout", "60", dir, prog, "--version", (char *)NULL);
		_exit(LAUNCH_STATUS_FAULT);
	}
	close(fds[1]);
	while (len < sizeof(out) - 1 && (n = read(fds[0], out + len, sizeof(out) - 1 - len)) > 0) {
		len += (size_t)n;
	}
	close(fds[0]);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0 ||
	    strncmp(out, "corrida ", 8) != 0) {
		say(BAD, "a VM", "does not run:");
		(void)fflush(stdout);
		report_text("        ", out, strlen(out));
	} else {
		say(GOOD, "a VM", "has run a program, which said: %.*s", (int)strcspn(out, "\n"),
		    out);
	}
}

int doctor(int argc, char **argv)
{
	const struct command *c = command_by_name("doctor");

	for (int i = 0; i < argc; i++) {
		const char *word = argv[i], *name = word + strspn(word, "-");
		bool known = word[0] == '-' &&
			     (word[1] == '-' ? option_by_name(c, name, strlen(name)) != NULL
					     : word[1] == 'h' && word[2] == '\0');

		if (known) {
			command_print_help(c);
			return 0;
		}
		if (word[0] != '-') {
			fail("corrida doctor takes no argument ('corrida help doctor')");
		}
		option_unknown(c, word);
	}
	printf("corrida %s\n", CORRIDA_VERSION);
	if (check_proc()) {
		check_parts();
		check_accel();
		check_user();
		check_memory();
		check_walls();
		if (bad == 0) {
			check_run();
		}
	}
	printf(bad ? "%u of these must be mended first\n" : "all is well\n", bad);
	return bad != 0;
}
