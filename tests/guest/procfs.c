/* SPDX-License-Identifier: MIT */
/* /proc: what it says about mappings, threads, children, descriptors and the machine agrees with
 * what the calls say; listing it while processes come and go. */
#define _GNU_SOURCE
#include "scratch.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

/* The whole of a file, with a NUL; static. */
static char text[1 << 18];
static long slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n, total = 0;

	text[0] = 0;
	if (fd < 0) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((n = read(fd, text + total, sizeof(text) - 1 - (size_t)total)) > 0)
		total += n;
	close(fd);
	text[total] = 0;
	return total;
}
/* The number after "name:" at the start of a line; -1 without it. */
static long field(const char *name)
{
	size_t n = strlen(name);

	for (char *p = text; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, name, n) && p[n] == ':')
			return atol(p + n + 1);
	return -1;
}

/* --- maps --- */
struct range {
	unsigned long start, end, off, inode;
	char perms[8], name[256];
};
static int find_range(const void *addr, struct range *out)
{
	unsigned long last = 0, a = (unsigned long)addr;
	int found = 0;

	if (slurp("/proc/self/maps") <= 0)
		return 0;
	for (char *line = text; *line; line = strchr(line, '\n') + 1) {
		struct range r = { 0 };
		unsigned major, minor;

		if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %255[^\n]", &r.start, &r.end, r.perms,
			   &r.off, &major, &minor, &r.inode, r.name) < 7 ||
		    r.start < last || r.end <= r.start || strlen(r.perms) != 4) {
			printf("# bad line: %.80s\n", line);
			test_failed_here = 1;
			return 0;
		}
		last = r.end;
		if (a >= r.start && a < r.end) {
			*out = r;
			found = 1;
		}
		if (!strchr(line, '\n'))
			break;
	}
	return found;
}
static int global;
static void test_maps(void)
{
	char *p = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = make_file("proc-maps", "x"), local;
	struct range r;
	struct stat st;

	mprotect(p + 4096, 4096, PROT_READ);
	mprotect(p + 2 * 4096, 4096, PROT_NONE);
	munmap(p + 3 * 4096, 4096);
	CHECK(find_range(p + 4096, &r));
	CHECK_EQ(r.start, (unsigned long)p + 4096);
	CHECK_EQ(r.end, (unsigned long)p + 8192);
	CHECK(!strcmp(r.perms, "r--p"));
	CHECK_EQ(r.inode, 0);
	CHECK(find_range(p + 8192, &r) && !strcmp(r.perms, "---p"));
	CHECK(!find_range(p + 3 * 4096, &r));
	CHECK(find_range(p + 5 * 4096, &r) && !strcmp(r.perms, "rw-p"));
	munmap(p, 8 * 4096);
	ftruncate(fd, 3 * 4096);
	fstat(fd, &st);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 8192);
	CHECK(find_range(p, &r) && !strcmp(r.perms, "r--s"));
	CHECK_EQ(r.off, 8192);
	CHECK_EQ(r.inode, st.st_ino);
	CHECK(strstr(r.name, "/proc-maps") != NULL);
	unlink("proc-maps");
	CHECK(find_range(p, &r) && strstr(r.name, "/proc-maps (deleted)") != NULL);
	munmap(p, 4096);
	close(fd);
	CHECK(find_range(&local, &r) && !strcmp(r.name, "[stack]") && !strcmp(r.perms, "rw-p"));
	CHECK(find_range(&global, &r) && r.perms[1] == 'w');
	CHECK(find_range((void *)(uintptr_t)test_maps, &r) && !strcmp(r.perms, "r-xp"));
	char exe[256] = "";
	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	CHECK(!strcmp(exe, r.name));
	CHECK(strstr(text, "[vdso]") != NULL);
	/* a read in small pieces gives the same */
	fd = open("/proc/self/maps", O_RDONLY);
	static char again[1 << 16];
	size_t total = 0;
	ssize_t n;
	while ((n = read(fd, again + total, 37)) > 0)
		total += (size_t)n;
	again[total] = 0;
	slurp("/proc/self/maps");
	CHECK(!strcmp(text, again));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, again, 10), 10);
	CHECK(!memcmp(text, again, 10));
	CHECK_ERR(read(fd, bad_kernel, 10), EFAULT);
	close(fd);
}

static void test_mem(void)
{
	char secret[] = "a secret of ours", buf[32];
	int fd = open("/proc/self/mem", O_RDWR);

	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, buf, sizeof(secret), (off_t)(uintptr_t)secret), sizeof(secret));
	CHECK(!strcmp(buf, secret));
	CHECK_EQ(pwrite(fd, "A", 1, (off_t)(uintptr_t)secret), 1);
	CHECK_EQ(secret[0], 'A');
	CHECK_ERR(pread(fd, buf, 8, 8), EIO);
	/* the kernel's half is not there */
	CHECK(pread(fd, buf, 8, (off_t)(uintptr_t)bad_kernel) < 0);
	close(fd);
}

/* --- status, stat --- */
static atomic_int go_on;
static void *idle_thread(void *arg)
{
	prctl(PR_SET_NAME, "a-thread-name");
	go_on++;
	while (go_on < 10)
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	return arg;
}
static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 2;
}
static void test_status(void)
{
	char want[64], comm[64];
	pthread_t t[2];
	long vm;

	CHECK(slurp("/proc/self/status") > 0);
	CHECK_EQ(field("Pid"), getpid());
	CHECK_EQ(field("Tgid"), getpid());
	CHECK_EQ(field("PPid"), getppid());
	CHECK_EQ(field("Uid"), getuid());
	CHECK_EQ(field("Gid"), getgid());
	CHECK_EQ(field("Threads"), 1);
	CHECK(field("VmRSS") > 0 && field("VmRSS") <= field("VmHWM"));
	CHECK(field("VmSize") <= field("VmPeak"));
	CHECK(strstr(text, "\nState:\tR (running)\n") != NULL);
	CHECK(strstr(text, "\nSigCgt:\t") && strstr(text, "\nSigBlk:\t"));
	vm = field("VmSize");
	void *p = mmap(NULL, 64 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	slurp("/proc/self/status");
	CHECK_EQ(field("VmSize") - vm, 64 << 10);
	munmap(p, 64 << 20);
	/* resident memory follows what is touched */
	long rss = field("VmRSS");
	p = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, 8 << 20);
	slurp("/proc/self/status");
	CHECK(field("VmRSS") - rss > 7 << 10 && field("VmRSS") - rss < 10 << 10);
	munmap(p, 8 << 20);
	/* names */
	CHECK_EQ(prctl(PR_SET_NAME, "some-long-name-that-is-cut"), 0);
	CHECK(slurp("/proc/self/comm") > 0);
	CHECK(!strcmp(text, "some-long-name-\n"));
	int fd = open("/proc/self/comm", O_WRONLY);
	CHECK_EQ(write(fd, "other", 5), 5);
	close(fd);
	CHECK_EQ(prctl(PR_GET_NAME, comm), 0);
	CHECK(!strcmp(comm, "other"));
	/* threads */
	go_on = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, idle_thread, NULL);
	while (go_on < 2)
		sched_yield();
	slurp("/proc/self/status");
	CHECK_EQ(field("Threads"), 3);
	CHECK_EQ(entries("/proc/self/task"), 3);
	int named = 0;
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(want, sizeof(want), "/proc/self/task/%.20s/comm", e->d_name);
		slurp(want);
		named += !strcmp(text, "a-thread-name\n");
	}
	closedir(d);
	CHECK_EQ(named, 2);
	go_on = 10;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 100 && entries("/proc/self/task") != 1; i++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	CHECK_EQ(entries("/proc/self/task"), 1);
}

/* Field k (1 = pid) of /proc/PID/stat as a number; the name may hold blanks and brackets. */
static long stat_field(pid_t pid, int k)
{
	char path[64], *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (slurp(path) <= 0)
		return -1;
	if (k == 1)
		return atol(text);
	p = strrchr(text, ')') + 2;
	if (k == 3)
		return *p;
	for (int i = 3; i < k && p; i++)
		p = strchr(p, ' ') ? strchr(p, ' ') + 1 : NULL;
	return p ? atol(p) : -1;
}
static void test_stat(void)
{
	static char touched[8 << 20];
	int gate[2], status;
	char c = 0, path[64];
	pid_t pid;

	memset(touched, 1, sizeof(touched)); /* Linux counts a process's pages in batches */
	prctl(PR_SET_NAME, "a) b (c");
	CHECK_EQ(stat_field(getpid(), 1), getpid());
	CHECK(strstr(text, " (a) b (c) R ") != NULL);
	CHECK_EQ(stat_field(getpid(), 4), getppid());
	CHECK_EQ(stat_field(getpid(), 5), getpgrp());
	CHECK_EQ(stat_field(getpid(), 6), getsid(0));
	CHECK_EQ(stat_field(getpid(), 20), 1);
	CHECK(stat_field(getpid(), 24) > 0); /* rss, pages */
	prctl(PR_SET_NAME, "proc");
	pipe(gate);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		_exit(read(gate[0], &c, 1) < 0);
	}
	/* asleep, stopped, dead */
	for (int i = 0; i < 1000 && stat_field(pid, 3) != 'S'; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	CHECK_EQ(stat_field(pid, 3), 'S');
	CHECK_EQ(stat_field(pid, 4), getpid());
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(stat_field(pid, 3), 'T');
	kill(pid, SIGCONT);
	close(gate[1]);
	for (int i = 0; i < 1000 && stat_field(pid, 3) != 'Z'; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	CHECK_EQ(stat_field(pid, 3), 'Z');
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	CHECK_EQ(slurp(path), 0);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	CHECK_EQ(slurp(path), 0);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	CHECK_ERR(readlink(path, text, sizeof(text)), ENOENT);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	CHECK(!exists(path));
	close(gate[0]);
}

static void test_dead_descriptors(void)
{
	int gate[2], fd, d, status;
	char path[64], buf[256];
	pid_t pid;

	pipe(gate);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		_exit(read(gate[0], buf, 1) < 0);
	}
	close(gate[0]);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY);
	CHECK_EQ(read(fd, buf, 5), 5);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	d = open(path, O_RDONLY | O_DIRECTORY);
	CHECK(d >= 0);
	close(gate[1]);
	waitpid(pid, &status, 0);
	lseek(fd, 0, SEEK_SET);
	CHECK_ERR(read(fd, buf, 100), ESRCH);
	CHECK(openat(d, "status", O_RDONLY) < 0 && (errno == ENOENT || errno == ESRCH));
	close(fd);
	close(d);
}

static void test_fd_directory(void)
{
	int base = open("/dev/null", O_RDONLY), before = entries("/proc/self/fd");
	char path[64], link[64];

	for (int i = 300; i < 340; i += 2)
		dup2(base, i);
	CHECK_EQ(entries("/proc/self/fd"), before + 20);
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int seen = 0;
	while ((e = readdir(d))) {
		int n = atoi(e->d_name);

		if (n >= 300 && n < 340) {
			CHECK(n % 2 == 0);
			seen++;
		}
	}
	closedir(d);
	CHECK_EQ(seen, 20);
	for (int i = 300; i < 340; i += 2)
		close(i);
	/* fdinfo */
	lseek(base, 0, SEEK_SET);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", base);
	CHECK(slurp(path) > 0);
	CHECK_EQ(field("pos"), 0);
	CHECK(strstr(text, "\nflags:\t0100000\n"));
	/* cwd and root */
	char cwd[512];
	CHECK(getcwd(cwd, sizeof(cwd)));
	static char target[512];
	ssize_t n = readlink("/proc/self/cwd", target, sizeof(target) - 1);
	CHECK(n == (ssize_t)strlen(cwd) && !memcmp(cwd, target, (size_t)n));
	CHECK_EQ(readlink("/proc/self/root", link, sizeof(link)), 1);
	CHECK_EQ(link[0], '/');
	close(base);
	/* /dev/fd and friends */
	snprintf(path, sizeof(path), "/dev/fd/%d", 1);
	CHECK(exists(path));
	CHECK(exists("/dev/stdin"));
}

static void test_cmdline_and_environ(void)
{
	CHECK(slurp("/proc/self/cmdline") > 0);
	CHECK(strstr(text, "procfs") != NULL);
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		execle("/proc/self/exe", "zero", "one two", "", (char *)NULL,
		       (char *[]){ "X=1", "YY=22", NULL });
		_exit(99);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
}
static int as_child(void)
{
	long n = slurp("/proc/self/cmdline");

	if (n != 14 || memcmp(text, "zero\0one two\0\0", 14))
		return 1;
	n = slurp("/proc/self/environ");
	if (n != 10 || memcmp(text, "X=1\0YY=22\0", 10))
		return 2;
	slurp("/proc/self/comm");
	return strlen(text) > 1 ? 0 : 3;
}

/* --- the machine --- */
static void test_machine(void)
{
	struct sysinfo si;
	struct utsname u;
	cpu_set_t set;
	int cpus = 0;
	double up, idle;

	CHECK(slurp("/proc/cpuinfo") > 0);
	for (char *p = text; (p = strstr(p, "processor\t")); p++)
		cpus++;
	CHECK_EQ(cpus, sysconf(_SC_NPROCESSORS_ONLN));
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(CPU_COUNT(&set), cpus);
	CHECK(strstr(text, "flags\t") && strstr(text, " sse2"));
	CHECK(slurp("/proc/stat") > 0);
	for (int i = 0; i < cpus; i++) {
		char want[16];

		snprintf(want, sizeof(want), "\ncpu%d ", i);
		CHECK(strstr(text, want) != NULL);
	}
	CHECK(strstr(text, "\nbtime ") && strstr(text, "\nprocesses "));
	long btime = atol(strstr(text, "\nbtime ") + 7);
	struct timespec now, since;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &since);
	CHECK(labs(now.tv_sec - since.tv_sec - btime) <= 2);
	CHECK(slurp("/proc/uptime") > 0);
	CHECK_EQ(sscanf(text, "%lf %lf", &up, &idle), 2);
	CHECK(up <= (double)since.tv_sec + 2 && up >= (double)since.tv_sec - 2);
	CHECK(slurp("/proc/meminfo") > 0);
	sysinfo(&si);
	long total = field("MemTotal");
	CHECK(labs(total - (long)(si.totalram * si.mem_unit >> 10)) < 1024);
	CHECK(field("MemFree") > 0 && field("MemFree") <= total);
	CHECK(field("MemAvailable") > 0 && field("MemAvailable") <= total);
	CHECK(slurp("/proc/loadavg") > 0);
	double a, b, c;
	int run, all, last;
	CHECK_EQ(sscanf(text, "%lf %lf %lf %d/%d %d", &a, &b, &c, &run, &all, &last), 6);
	CHECK(run >= 1 && all >= run && last >= getpid());
	uname(&u);
	CHECK(slurp("/proc/sys/kernel/hostname") > 0);
	CHECK(!strncmp(text, u.nodename, strlen(u.nodename)));
	CHECK(slurp("/proc/sys/kernel/osrelease") > 0);
	CHECK(!strncmp(text, u.release, strlen(u.release)));
	CHECK(slurp("/proc/version") > 0);
	CHECK(!strncmp(text, "Linux version ", 14));
	CHECK(slurp("/proc/sys/vm/overcommit_memory") > 0);
	CHECK(slurp("/proc/sys/fs/file-max") > 0);
	CHECK(slurp("/proc/sys/kernel/random/boot_id") == 37);
	CHECK(slurp("/proc/sys/kernel/random/uuid") == 37);
	char first[40];
	memcpy(first, text, 37);
	slurp("/proc/sys/kernel/random/uuid");
	CHECK(memcmp(first, text, 37));
	CHECK(slurp("/proc/mounts") > 0);
	CHECK(strstr(text, " /proc proc "));
	CHECK(strstr(text, " / ") || !on_corrida());
	CHECK(slurp("/proc/filesystems") > 0);
	CHECK(strstr(text, "tmpfs"));
}

static void test_limits_file(void)
{
	struct rlimit r;
	char want[64];

	getrlimit(RLIMIT_NOFILE, &r);
	CHECK(slurp("/proc/self/limits") > 0);
	char *line = strstr(text, "Max open files");
	CHECK(line != NULL);
	snprintf(want, sizeof(want), "%lu", (unsigned long)r.rlim_cur);
	CHECK(line && strstr(line, want) && strstr(line, want) < strchr(line, '\n'));
	CHECK_ERR(open("/proc/self/no-such-file", O_RDONLY), ENOENT);
	CHECK(open("/proc/new", O_RDWR | O_CREAT, 0600) < 0);
	CHECK(mkdir("/proc/newdir", 0700) < 0);
	CHECK(unlink("/proc/version") < 0);
}

/* Processes and threads that come and go, seen by several who list and read everything. */
static atomic_int stop;
static void *maker(void *arg)
{
	while (!stop) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		waitpid(pid, &status, 0);
	}
	return arg;
}
static void *short_thread(void *arg)
{
	return arg;
}
static void *thread_maker(void *arg)
{
	while (!stop) {
		pthread_t t;

		if (!pthread_create(&t, NULL, short_thread, NULL))
			pthread_join(t, NULL);
	}
	return arg;
}
static atomic_int found_self, looks;
static void *looker(void *arg)
{
	static const char *const files[] = { "stat", "status", "maps", "cmdline", "statm",
					     "fd",   "task",   "exe",  "cwd" };
	char path[128], buf[4096];

	while (!stop) {
		DIR *d = opendir("/proc");
		struct dirent *e;

		while (d && (e = readdir(d))) {
			int pid = atoi(e->d_name);

			found_self += pid == getpid();
			/* our own and our children's only: the host's may be many */
			if (pid < getpid() || pid > getpid() + 100000)
				continue;
			for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
				snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
				int fd = open(path, O_RDONLY);

				if (fd >= 0) {
					if (read(fd, buf, sizeof(buf)) < 0)
						(void)!syscall(SYS_getdents64, fd, buf,
							       sizeof(buf));
					close(fd);
				} else {
					(void)!readlink(path, buf, sizeof(buf));
				}
			}
		}
		closedir(d);
		looks++;
	}
	return arg;
}
static void test_coming_and_going(void)
{
	pthread_t t[5];

	stop = found_self = looks = 0;
	pthread_create(&t[0], NULL, maker, NULL);
	pthread_create(&t[1], NULL, maker, NULL);
	pthread_create(&t[2], NULL, thread_maker, NULL);
	pthread_create(&t[3], NULL, looker, NULL);
	pthread_create(&t[4], NULL, looker, NULL);
	for (int i = 0; i < 200 && (i < 50 || looks < 4); i++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	stop = 1;
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	CHECK(looks > 0);
	CHECK_EQ(found_self, looks);
}

/* Whoever looks at descriptors never comes to close them: terminals have names in a directory,
 * and the one who lists has locked another. */
static void *fd_looker(void *pid)
{
	char dir[64], link[64], target[64];

	snprintf(dir, sizeof(dir), "/proc/%d/fd", *(const _Atomic int *)pid);
	while (!stop) {
		DIR *d = opendir(dir);

		while (d && readdir(d)) {
		}
		if (d)
			closedir(d);
		for (int fd = 3; fd < 12; fd++) {
			struct stat st;

			snprintf(link, sizeof(link), "/proc/%d/fd/%d", *(const _Atomic int *)pid,
				 fd);
			lstat(link, &st);
			(void)!readlink(link, target, sizeof(target));
		}
		snprintf(dir, sizeof(dir), "/proc/%d/fd", *(const _Atomic int *)pid);
		looks++;
	}
	return NULL;
}
static void test_descriptors_of_the_dying(void)
{
	_Atomic int pid = getpid();
	pthread_t t[2];

	stop = looks = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, fd_looker, &pid);
	for (int i = 0; i < 150; i++) {
		int child = fork();

		if (child == 0) {
			for (int k = 0; k < 40; k++)
				open("/dev/ptmx", O_RDWR | O_NOCTTY);
			pause();
		}
		pid = child;
		nanosleep(&(struct timespec){ 0, 3000000 }, NULL);
		kill(child, SIGKILL);
		CHECK_EQ(waitpid(child, NULL, 0), child);
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK(looks > 0);
}

int main(int argc, char **argv)
{
	if (!strcmp(argv[0], "zero"))
		return as_child();
	RUN(test_maps);
	RUN(test_mem);
	RUN(test_status);
	RUN(test_stat);
	RUN(test_dead_descriptors);
	RUN(test_fd_directory);
	RUN(test_cmdline_and_environ);
	RUN(test_machine);
	RUN(test_limits_file);
	RUN(test_coming_and_going);
	RUN(test_descriptors_of_the_dying);
	return test_done();
}
