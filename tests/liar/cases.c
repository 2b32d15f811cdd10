/* SPDX-License-Identifier: MIT */
/*
 * What a program sees of each lie of scripts.py: `cases NAME` ends with 0 when that is right.
 * Where a lie once hung the kernel, the alarm ends the case.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHECK(cond)                                                                    \
	do {                                                                           \
		if (!(cond)) {                                                         \
			printf("cases.c:%d: %s (errno %d)\n", __LINE__, #cond, errno); \
			exit(1);                                                       \
		}                                                                      \
	} while (0)

static sigjmp_buf back;

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* Whether a byte of a mapping can be read; SIGBUS is no. */
static int readable(const char *path)
{
	int fd = open(path, O_RDONLY), got = 0;
	volatile char *p;

	CHECK(fd >= 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	signal(SIGBUS, on_bus);
	if (sigsetjmp(back, 1) == 0) {
		(void)*p;
		got = 1;
	}
	munmap((void *)p, 4096);
	close(fd);
	return got;
}

static void honest(void)
{
	char buf[8] = "";
	int fd = open("/lies/f0", O_RDWR);

	CHECK(fd >= 0 && read(fd, buf, 2) == 2 && !strcmp(buf, "f0"));
	CHECK(pwrite(fd, "xy", 2, 0) == 2 && pread(fd, buf, 2, 0) == 2 && !strcmp(buf, "xy"));
	CHECK(close(fd) == 0 && mkdir("/lies/new", 0755) == 0 &&
	      rename("/lies/new", "/honest/new") == 0);
	CHECK(rmdir("/honest/new") == 0 && access("/lies/new", F_OK) < 0 && errno == ENOENT);
	CHECK(readable("/lies/f0"));
}

static void read_says_again(void)
{
	int fd = open("/lies/f0", O_RDONLY);
	char c;

	CHECK(fd >= 0 && read(fd, &c, 1) == -1 && errno == EAGAIN);
	CHECK(!readable("/lies/f0"));
	CHECK(readable("/lies/f1"));
}

static void read_says_no_memory(void)
{
	int fd = open("/lies/f0", O_RDONLY);
	char c;

	CHECK(fd >= 0 && read(fd, &c, 1) == -1);
	CHECK(!readable("/lies/f0")); /* the memory that the daemon lacks is not this machine's */
}

static void attribute_list_without_end(void)
{
	char list[64];

	for (int i = 0; i < 3; i++) {
		CHECK(listxattr("/lies/f0", list, sizeof(list)) == -1 && errno == EIO);
	}
	CHECK(listxattr("/lies/f0", list, sizeof(list)) == 7 && !strcmp(list, "user.a"));
}

static void file_without_end(void)
{
	int fd = open("/lies/f0", O_WRONLY | O_APPEND);
	struct stat st;

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == INT64_MAX);
	CHECK(write(fd, "end", 3) == -1 && errno == EFBIG);
	CHECK(fstat(fd, &st) == 0 && st.st_size == INT64_MAX);
	CHECK(lseek(fd, 0, SEEK_END) == INT64_MAX && lseek(fd, 1, SEEK_END) == -1);
}

static void removal_that_never_was(void)
{
	CHECK(unlink("/lies/f0") == -1 && errno == EAGAIN);
	CHECK(rename("/lies/f1", "/lies/new") == -1 && errno == EAGAIN);
	usleep(100000); /* what is given back is given back later: the daemon looks at it */
	CHECK(access("/honest", F_OK) == 0);
}

static void listing_without_end(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);
	char buf[4096];
	long n;

	/* what the kernel itself has there, or nothing */
	CHECK(fd >= 0);
	for (unsigned i = 0; i < 2; i++) {
		n = syscall(SYS_getdents64, fd, buf, sizeof(buf));
		CHECK(n >= 0 || errno == EIO);
	}
}

static void directory_in_itself(void)
{
	struct stat st;

	CHECK(stat("/lies/d0", &st) == 0);
	CHECK(stat("/lies/d0/d0", &st) == -1 && errno == ELOOP);
	CHECK(chdir("/lies/d0") == 0 && stat("d1", &st) == -1 && errno == ELOOP);
	CHECK(rename("/lies/d1", "/lies/d0/d1") == -1);
	CHECK(stat("..", &st) == 0 && S_ISDIR(st.st_mode));
}

static void directory_with_two_names(void)
{
	struct stat a, b;
	char cwd[64];

	CHECK(stat("/lies/d0", &a) == 0 && stat("/lies/d1", &b) == 0 && a.st_ino == b.st_ino);
	CHECK(chdir("/lies/d0") == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(stat(i % 2 ? "/lies/d1/f0" : "/lies/d0/f0", &b) == 0);
		CHECK(getcwd(cwd, sizeof(cwd)) && !strncmp(cwd, "/lies/d", 7));
		CHECK(stat("../f0", &b) == 0);
	}
	(void)!rename("/lies/d0", "/lies/d1");
	(void)!rename("/lies/d0", "/lies/d1/d0");
	(void)!rmdir("/lies/d1");
	CHECK(stat("/lies/f0", &b) == 0 && (stat("/lies/d0", &b) == 0 || errno == ENOENT));
}

static void type_changes(void)
{
	struct stat st;
	int fd = open("/lies/f0", O_RDWR), dir = open("/lies/d0", O_RDONLY | O_DIRECTORY);
	char buf[8];

	CHECK(fd >= 0 && dir >= 0);
	(void)!fchmod(fd, 0600);
	for (int i = 0; i < 2; i++) {
		sleep(i); /* what was known is believed for a second */
		CHECK(fstat(fd, &st) == 0 ? S_ISREG(st.st_mode) : errno == ESTALE);
		CHECK(fstat(dir, &st) == 0 ? S_ISDIR(st.st_mode) : errno == ESTALE);
		CHECK(read(fd, buf, 1) == 1 || errno == ESTALE);
		CHECK(ftruncate(fd, 5) == 0 || errno == ESTALE);
		CHECK(openat(fd, "x", O_RDONLY) == -1 && errno == ENOTDIR);
		CHECK(read(dir, buf, 1) == -1 && errno == EISDIR);
	}
}

static void made_is_there_already(void)
{
	struct stat st;
	int fd;

	(void)!mkdir("/lies/new", 0755);
	CHECK(stat("/lies/d0", &st) == 0 && stat("/lies/new", &st) == 0);
	for (int i = 0; i < 3; i++) {
		fd = open("/lies/made", O_CREAT | O_RDWR, 0600);
		CHECK(fd == -1 && errno == ETXTBSY);
		CHECK(unlink("/lies/made") == 0);
	}
	CHECK(open("/cases", O_RDWR) == -1 && errno == ETXTBSY);
	fd = open("/cases", O_RDONLY);
	CHECK(fd >= 0 && read(fd, &st, 4) == 4 && !memcmp(&st, "\177ELF", 4));
}

static void another_generation(void)
{
	char first = '0', c;
	int fd, kept = -1;

	for (int i = 0; i < 4; i++) {
		fd = open("/lies/f0", O_RDONLY);
		CHECK(fd >= 0 && read(fd, &c, 1) == 1);
		CHECK(c > first); /* not what the one before had */
		first = c;
		close(kept);
		kept = fd; /* it stays known */
	}
}

static void owner_of_no_number(void)
{
	struct stat st;

	CHECK(stat("/lies/f0", &st) == 0 && st.st_uid == 65534 && st.st_gid == 65534);
}

static void write_says_more(void)
{
	int fd = open("/lies/f0", O_RDWR);
	char buf[5000];
	struct stat st;

	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 3; i++) {
		CHECK(fd >= 0 && pwrite(fd, buf, sizeof(buf), 0) == -1 && errno == EIO);
	}
	CHECK(fstat(fd, &st) == 0 && st.st_size == 10000);
	CHECK(pwrite(fd, buf, sizeof(buf), 0) == sizeof(buf));
	memset(buf, 0, sizeof(buf));
	CHECK(pread(fd, buf, sizeof(buf), 0) == sizeof(buf) && buf[0] == 'x' && buf[4999] == 'x');
}

static void write_says_nothing(void)
{
	int fd = open("/lies/f0", O_RDWR);

	CHECK(fd >= 0 && write(fd, "x", 1) == -1 && errno == EIO);
	CHECK(write(fd, "x", 0) == 0 && lseek(fd, 0, SEEK_CUR) == 0);
}

static void init_with_nothing(void)
{
	DIR *d = opendir("/lies");
	unsigned n = 0;

	while (d && readdir(d)) {
		n++;
	}
	CHECK(n == 6);
	honest();
}

/* A process that does what waits for an answer can be killed. */
static void killable(void (*wait_for_it)(void))
{
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		wait_for_it();
		_exit(0);
	}
	usleep(300000);
	CHECK(waitpid(pid, &status, WNOHANG) == 0); /* it waits */
	CHECK(kill(pid, SIGKILL) == 0);
	for (int i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
		CHECK(i < 1000);
		usleep(10000);
	}
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static int held, held_dir;
static char *held_map;

static void waits_lookup(void)
{
	access("/lies/new", F_OK);
}
static void waits_first(void)
{
	access("/lies/f1", F_OK); /* from here on */
}
static void waits_open(void)
{
	open("/lies/f0", O_RDWR);
}
static void waits_read(void)
{
	char c;

	(void)!pread(held, &c, 1, 0);
}
static void waits_write(void)
{
	(void)!pwrite(held, "x", 1, 0);
}
static void waits_fault(void)
{
	(void)*(volatile char *)held_map;
}
static void waits_list(void)
{
	char buf[4096];

	(void)!syscall(SYS_getdents64, held_dir, buf, sizeof(buf));
}
static void waits_make(void)
{
	mkdirat(held_dir, "new", 0755);
}
static void waits_xattr(void)
{
	fsetxattr(held, "user.a", "b", 1, 0);
}
static void waits_truncate(void)
{
	(void)!ftruncate(held, 1);
}
static void waits_sync(void)
{
	fsync(held);
}

static void no_answer_to_anything(void)
{
	static void (*const calls[])(void) = { waits_lookup, waits_open,    waits_read, waits_write,
					       waits_fault,  waits_list,    waits_make, waits_xattr,
					       waits_sync,   waits_truncate };

	held = open("/lies/f0", O_RDWR);
	held_dir = open("/lies/d0", O_RDONLY | O_DIRECTORY);
	held_map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, held, 0);
	CHECK(held >= 0 && held_dir >= 0 && held_map != MAP_FAILED);
	killable(waits_first);
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		killable(calls[i]);
	}
	CHECK(access("/honest", F_OK) == 0);
}

static void no_descriptors_and_no_forgetting(void)
{
	struct stat st;

	CHECK(stat("/lies/f0", &st) == 0 && stat("/lies/d0/f0", &st) == 0);
	killable(waits_lookup);
	CHECK(stat("/lies/f0", &st) == 0);
}

/* More than may be dirty at a time. */
static void write_back_fails(void)
{
	enum { SIZE = 40 << 20 };
	int fd = open("/lies/f0", O_RDWR);
	char *p;

	CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
	for (int i = 0; i < 2; i++) {
		p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(p != MAP_FAILED);
		for (unsigned at = 0; at < SIZE; at += 4096) {
			p[at] = 1;
		}
		CHECK(msync(p, SIZE, MS_SYNC) == -1);
		CHECK(munmap(p, SIZE) == 0);
	}
	sync();
	CHECK(access("/honest", F_OK) == 0);
}

#define CASE(name)          \
	{                   \
#name, name \
	}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		CASE(honest),
		CASE(read_says_again),
		CASE(read_says_no_memory),
		CASE(attribute_list_without_end),
		CASE(file_without_end),
		CASE(removal_that_never_was),
		CASE(listing_without_end),
		CASE(directory_in_itself),
		CASE(directory_with_two_names),
		CASE(type_changes),
		CASE(made_is_there_already),
		CASE(another_generation),
		CASE(owner_of_no_number),
		CASE(write_says_more),
		CASE(write_says_nothing),
		CASE(init_with_nothing),
		CASE(no_answer_to_anything),
		CASE(no_descriptors_and_no_forgetting),
		CASE(write_back_fails),
	};

	alarm(60);
	for (unsigned i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!strcmp(cases[i].name, argv[1])) {
			cases[i].run();
			return 0;
		}
	}
	return 2;
}
