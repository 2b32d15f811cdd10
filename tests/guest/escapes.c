/* SPDX-License-Identifier: MIT */
/*
 * What programs gave each other by mistake: a set-user-ID program's name on its caller's message, a
 * process's files of a number that another has by now, the link in /tmp that somebody else follows,
 * memory behind a seal, tmpfs's memory beyond its limits.
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#endif
#define SEAL_EXEC 0x20
#define SEAL_FUTURE_WRITE 0x10
#define NOEXEC_SEAL 8
#define TMPFS 0x01021994
#ifndef FUTEX_WAIT
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#endif

static void become(unsigned id)
{
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(id, id, id), 0);
	CHECK_EQ(setresuid(id, id, id), 0);
}

/* --- who sends --- */

struct my_ucred {
	int pid, uid, gid;
};

static void expect_sender(int s, int uid, int gid)
{
	char control[256], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct my_ucred c = { 0, -1, -1 };

	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	CHECK_EQ(recvmsg(s, &m, 0), 1);
	CHECK(CMSG_FIRSTHDR(&m) != NULL);
	if (CMSG_FIRSTHDR(&m))
		memcpy(&c, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(c));
	CHECK_EQ(c.uid, uid);
	CHECK_EQ(c.gid, gid);
}

/* As a set-user-ID program whose output its caller made a socket. */
static void send_as_set_id(void)
{
	static const int types[] = { SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET };
	int one = 1, s[3][2];

	for (int i = 0; i < 3; i++) {
		CHECK_EQ(socketpair(AF_UNIX, types[i], 0, s[i]), 0);
		CHECK_EQ(setsockopt(s[i][1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	}
	CHECK_EQ(setresgid(1001, 1002, 1003), 0);
	CHECK_EQ(setresuid(1001, 0, 1003), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(write(s[i][0], "x", 1), 1);
		expect_sender(s[i][1], 1001, 1001);
	}
}
static void test_sender_is_who_runs_it(void)
{
	CHECK_EQ(in_child(send_as_set_id), 0);
}

static void ask_priority(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0), six = 6, seven = 7;

	become(1000);
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_PRIORITY, &six, sizeof(six)), 0);
	CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_PRIORITY, &seven, sizeof(seven)), EPERM);
}
static void test_priority_is_privileged(void)
{
	CHECK_EQ(in_child(ask_priority), 0);
}

/* --- numbers of processes --- */

static pid_t new_process(pid_t wanted)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
			set_tid, set_tid_size, cgroup;
	} args = { .exit_signal = SIGCHLD,
		   .set_tid = (uint64_t)(uintptr_t)&wanted,
		   .set_tid_size = 1 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}
static void ask_for_number(void)
{
	pid_t used = getppid(), none = 0;

	CHECK_ERR(new_process(used), EEXIST);
	CHECK_ERR(new_process(none), EINVAL);
	CHECK_ERR(new_process(1 << 30), EINVAL);
	become(1000);
	CHECK_ERR(new_process(30000), EPERM);
}
static void test_chosen_numbers(void)
{
	CHECK_EQ(in_child(ask_for_number), 0);
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

static void test_number_of_another(void)
{
	int dir, score, status, comm, again;
	char buf[256];
	pid_t pid = fork(), other;

	if (pid == 0)
		for (;;)
			pause();
	dir = open_of(pid, "", O_RDONLY | O_DIRECTORY);
	score = open_of(pid, "oom_score_adj", O_RDWR);
	status = open_of(pid, "status", O_RDONLY);
	comm = open_of(pid, "comm", O_RDWR);
	CHECK(dir >= 0 && score >= 0 && status >= 0 && comm >= 0);
	CHECK_EQ(write(score, "100", 3), 3);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	other = new_process(pid);
	CHECK_EQ(other, pid);
	CHECK_ERR(write(score, "500", 3), ESRCH);
	CHECK_ERR(read(status, buf, sizeof(buf)), ESRCH);
	CHECK(write(comm, "x", 1) < 0);
	CHECK(openat(dir, "stat", O_RDONLY) < 0);
	CHECK(openat(dir, "fd/0", O_RDONLY) < 0);
	CHECK(openat(dir, "mem", O_RDONLY) < 0);
	CHECK(readlinkat(dir, "exe", buf, sizeof(buf)) < 0);
	again = open_of(pid, "oom_score_adj", O_RDONLY);
	memset(buf, 0, sizeof(buf));
	CHECK(read(again, buf, sizeof(buf) - 1) > 0);
	CHECK_EQ(atoi(buf), 0);
	kill(other, SIGKILL);
	CHECK_EQ(waitpid(other, NULL, 0), other);
	close(dir);
	close(score);
	close(status);
	close(comm);
	close(again);
}

/* --- links in /tmp (fs.protected_symlinks = 1) --- */

static char shared[64];

static void as_maker(void)
{
	become(1001);
	CHECK_EQ(symlink("target", "link"), 0);
	CHECK_EQ(symlink("link", "chain"), 0);
	CHECK_EQ(symlink("inner", "way"), 0);
	CHECK_EQ(symlink("none", "new"), 0);
}
static void as_other(void)
{
	char buf[64];
	int fd;

	become(1002);
	CHECK_ERR(open("link", O_RDONLY), EACCES);
	CHECK_ERR(open("chain", O_RDONLY), EACCES);
	CHECK_ERR(open("new", O_CREAT | O_WRONLY, 0600), EACCES);
	CHECK_ERR(chmod("link", 0600), EACCES);
	CHECK_ERR(truncate("link", 0), EACCES);
	CHECK_ERR(chdir("way"), EACCES);
	CHECK_EQ(readlink("link", buf, sizeof(buf)), 6);
	fd = open("way/file", O_RDONLY); /* not at the end */
	CHECK(fd >= 0);
	close(fd);
	fd = open("roots", O_RDONLY); /* by the directory's owner */
	CHECK(fd >= 0);
	close(fd);
}
static void as_maker_again(void)
{
	int fd;

	become(1001);
	fd = open("chain", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(unlink("link") | unlink("chain") | unlink("way") | unlink("new"), 0);
}
static void test_links_of_others(void)
{
	int fd = open("/proc/sys/fs/protected_symlinks", O_RDONLY);
	int home = open(".", O_RDONLY | O_DIRECTORY);
	char on = '0';

	if (fd < 0 || read(fd, &on, 1) != 1 || on == '0') {
		close(fd);
		close(home);
		SKIP_HERE("fs.protected_symlinks is off");
	}
	close(fd);
	snprintf(shared, sizeof(shared), "/tmp/escapes-%d", (int)getpid());
	CHECK_EQ(mkdir(shared, 0777), 0);
	CHECK_EQ(chmod(shared, 01777), 0);
	CHECK_EQ(chdir(shared), 0);
	CHECK_EQ(mkdir("inner", 0755), 0);
	close(open("inner/file", O_CREAT | O_WRONLY, 0644));
	close(open("target", O_CREAT | O_WRONLY, 0644));
	CHECK_EQ(symlink("target", "roots"), 0);
	CHECK_EQ(in_child(as_maker), 0);
	CHECK_EQ(in_child(as_other), 0);
	CHECK_EQ(in_child(as_maker_again), 0);
	CHECK_EQ(unlink("roots") | unlink("target") | unlink("inner/file") | rmdir("inner"), 0);
	CHECK_EQ(fchdir(home), 0);
	CHECK_EQ(rmdir(shared), 0);
	close(home);
}

/* --- what a mount forbids --- */

static void run_copy(const char *path, int expect)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setresuid(1000, 1000, 1000);
		execl(path, path, "euid", NULL);
		_exit(errno);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, expect);
}
static void mount_and_try(unsigned long flags, int run, int open_error)
{
	int from = open("/proc/self/exe", O_RDONLY), to, fd;
	char buf[65536];
	ssize_t n;

	CHECK_EQ(mkdir("/tmp/mnt", 0755), 0);
	CHECK_EQ(mount("none", "/tmp/mnt", "tmpfs", flags, NULL), 0);
	to = open("/tmp/mnt/copy", O_CREAT | O_WRONLY, 0755);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(to, buf, (size_t)n), n);
	close(from);
	close(to);
	CHECK_EQ(chmod("/tmp/mnt/copy", 04755), 0);
	run_copy("/tmp/mnt/copy", run);
	CHECK_EQ(mknod("/tmp/mnt/null", S_IFCHR | 0666, 0x103), 0);
	errno = 0;
	fd = open("/tmp/mnt/null", O_RDWR);
	CHECK_EQ(fd < 0 ? errno : 0, open_error);
	close(fd);
	CHECK_EQ(umount("/tmp/mnt"), 0);
	CHECK_EQ(rmdir("/tmp/mnt"), 0);
}
static void test_mount_flags(void)
{
	if (!on_corrida())
		SKIP_HERE("no mounts on the host");
	mount_and_try(0, 1, 0);
	mount_and_try(MS_NOSUID, 2, 0);
	mount_and_try(MS_NODEV, 1, EACCES);
	mount_and_try(MS_NOEXEC, EACCES, 0);
}

/* --- seals --- */

static void test_sealed_against_exec(void)
{
	char *args[] = { NULL };
	struct stat st;
	int fd = (int)syscall(SYS_memfd_create, "noexec", NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		SKIP_HERE("no MFD_NOEXEC_SEAL");
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0666);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), SEAL_EXEC);
	CHECK_ERR(fchmod(fd, 0777), EPERM);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_ERR(syscall(SYS_execveat, fd, "", args, args, AT_EMPTY_PATH), EACCES);
	close(fd);
	fd = memfd_create("exec", MFD_ALLOW_SEALING);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_EXEC), 0);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0x3e); /* and so its content */
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(fchmod(fd, 0666), EPERM);
	close(fd);
}

static void test_sealed_against_holes(void)
{
	int fd = memfd_create("future", MFD_ALLOW_SEALING);
	char *p;

	CHECK_EQ(ftruncate(fd, 8192), 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[0] = 'a';
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, SEAL_FUTURE_WRITE), 0);
	CHECK_ERR(madvise(p, 4096, MADV_REMOVE), EPERM);
	CHECK_EQ(p[0], 'a');
	p[0] = 'b'; /* what was mapped before may be written */
	munmap(p, 8192);
	close(fd);
}

/* --- futexes of files that are gone --- */

#define STALE 48

static uint32_t *futex_in(int fd)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}
static void *wait_there(void *word)
{
	syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
	return NULL;
}
/* Waits in files that another thread takes away, and says so. */
static void wait_for_nothing(int ready)
{
	uint32_t *word[STALE];
	int fd[STALE];
	pthread_t t;

	for (int i = 0; i < STALE; i++) {
		fd[i] = memfd_create("stale", 0);
		if (fd[i] < 0 || ftruncate(fd[i], 4096))
			_exit(1);
		word[i] = futex_in(fd[i]);
		pthread_create(&t, NULL, wait_there, word[i]);
	}
	usleep(300000);
	for (int i = 0; i < STALE; i++) {
		munmap(word[i], 4096);
		close(fd[i]);
	}
	if (write(ready, "x", 1) == 1)
		for (;;)
			pause();
}
static void test_futexes_of_the_gone(void)
{
	int ready[2], woken = 0;
	uint32_t *word;
	pid_t pid;
	char c;

	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	if (pid == 0)
		wait_for_nothing(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	for (int i = 0; i < 2 * STALE; i++) {
		int fd = memfd_create("fresh", 0);

		CHECK_EQ(ftruncate(fd, 4096), 0);
		word = futex_in(fd); /* stays, as the file does */
		woken += (int)syscall(SYS_futex, word, FUTEX_WAKE, 1000, NULL, NULL, 0);
		close(fd);
	}
	CHECK_EQ(woken, 0);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

/* --- what names cost --- */

#define NAMES 200

static void name_of(char *out, const char *dir, int i)
{
	sprintf(out, "%s/%d", dir, i);
}

static void test_names_count(void)
{
	char dir[64] = "/dev/shm/escapes-XXXXXX", path[96], target[600];
	struct statfs before, linked, pointed, after;

	if (statfs("/dev/shm", &before) || before.f_type != TMPFS || !before.f_files ||
	    !before.f_blocks || !mkdtemp(dir))
		SKIP_HERE("no tmpfs with limits");
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = 0;
	name_of(path, dir, 0);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	statfs(dir, &before);
	for (int i = 1; i <= NAMES; i++) {
		char to[96];

		name_of(to, dir, i);
		CHECK_EQ(link(path, to), 0);
	}
	statfs(dir, &linked);
	CHECK(before.f_ffree >= linked.f_ffree + NAMES - 20);
	for (int i = 0; i <= NAMES; i++) {
		name_of(path, dir, i);
		CHECK_EQ(unlink(path), 0);
	}
	statfs(dir, &before);
	CHECK(before.f_ffree >= linked.f_ffree + NAMES - 20);
	for (int i = 0; i < NAMES; i++) {
		name_of(path, dir, i);
		CHECK_EQ(symlink(target, path), 0);
	}
	statfs(dir, &pointed);
	CHECK(before.f_bfree >= pointed.f_bfree + NAMES - 20);
	for (int i = 0; i < NAMES; i++) {
		name_of(path, dir, i);
		CHECK_EQ(unlink(path), 0);
	}
	statfs(dir, &after);
	CHECK(after.f_bfree >= pointed.f_bfree + NAMES - 20);
	CHECK_EQ(rmdir(dir), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "euid"))
		return geteuid() == 0 ? 1 : 2;
	RUN(test_sender_is_who_runs_it);
	RUN(test_priority_is_privileged);
	RUN(test_chosen_numbers);
	RUN(test_number_of_another);
	RUN(test_links_of_others);
	RUN(test_mount_flags);
	RUN(test_sealed_against_exec);
	RUN(test_sealed_against_holes);
	RUN(test_futexes_of_the_gone);
	RUN(test_names_count);
	return test_done();
}
