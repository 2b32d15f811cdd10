/* SPDX-License-Identifier: MIT */
/*
 * Who may get what through files: set-id bits (who makes them, what takes them away), hard links,
 * RESOLVE_BENEATH against renames, sealed memfds, link counts, the size of a tmpfs.
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <grp.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#define OWNER 1000
#define OTHER 1001
#define GROUP 2000

static unsigned mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0xffff : st.st_mode & 07777;
}
static unsigned gid_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0xffff : st.st_gid;
}
static void become(uid_t uid)
{
	gid_t none[1] = { uid };

	CHECK_EQ(setgroups(1, none), 0);
	CHECK_EQ(setresgid(uid, uid, uid), 0);
	CHECK_EQ(setresuid(uid, uid, uid), 0);
}

/* --- S_ISGID of new files in set-group-ID directories --- */

static void make_four(unsigned want, unsigned want_no_x)
{
	struct stat st;
	int fd;

	close(open("d/open", O_RDWR | O_CREAT | O_EXCL, 02777));
	CHECK_EQ(mode_of("d/open"), want);
	CHECK_EQ(gid_of("d/open"), GROUP);
	CHECK_EQ(mknod("d/node", S_IFREG | 02777, 0), 0);
	CHECK_EQ(mode_of("d/node"), want);
	CHECK_EQ(mknod("d/no-x", S_IFREG | 02767, 0), 0);
	CHECK_EQ(mode_of("d/no-x"), want_no_x);
	CHECK_EQ(mkdir("d/dir", 0777), 0);
	CHECK_EQ(mode_of("d/dir"), 02777);
	fd = open("d", O_TMPFILE | O_RDWR, 02777);
	if (fd >= 0) { /* not every file system has it */
		CHECK_EQ(fstat(fd, &st), 0);
		CHECK_EQ(st.st_mode & 07777, want);
		close(fd);
	}
	unlink("d/open");
	unlink("d/node");
	unlink("d/no-x");
	rmdir("d/dir");
}
static void make_as_stranger(void)
{
	become(OTHER);
	make_four(0777, 02767);
}
static void make_as_member(void)
{
	gid_t groups[1] = { GROUP };

	CHECK_EQ(setgroups(1, groups), 0);
	CHECK_EQ(setresgid(OTHER, OTHER, OTHER), 0);
	CHECK_EQ(setresuid(OTHER, OTHER, OTHER), 0);
	make_four(02777, 02767);
}
static void make_as_root(void)
{
	make_four(02777, 02767);
}
static void test_new_in_setgid_dir(void)
{
	mode_t old = umask(0);

	mkdir("d", 0777);
	CHECK_EQ(chown("d", 0, GROUP), 0);
	CHECK_EQ(chmod("d", 02777), 0);
	CHECK_EQ(in_child(make_as_stranger), 0);
	if (!strcmp(place, "tmpfs")) /* a daemon does not know further groups */
		CHECK_EQ(in_child(make_as_member), 0);
	CHECK_EQ(in_child(make_as_root), 0);
	umask(old);
}

/* --- what takes set-id bits away --- */

static int do_write(const char *path)
{
	int fd = open(path, O_WRONLY), ok = write(fd, "x", 1) == 1;

	close(fd);
	return ok;
}
static int do_pwrite(const char *path)
{
	int fd = open(path, O_WRONLY), ok = pwrite(fd, "x", 1, 5) == 1;

	close(fd);
	return ok;
}
static int do_truncate(const char *path)
{
	return !truncate(path, 3);
}
static int do_grow(const char *path)
{
	return !truncate(path, 30);
}
static int do_ftruncate(const char *path)
{
	int fd = open(path, O_WRONLY), ok = !ftruncate(fd, 2);

	close(fd);
	return ok;
}
static int do_otrunc(const char *path)
{
	return !close(open(path, O_WRONLY | O_TRUNC));
}
static int do_otrunc_creat(const char *path)
{
	return !close(open(path, O_RDWR | O_TRUNC | O_CREAT, 0600));
}
static int do_copy(const char *path)
{
	int in = open(path, O_RDONLY), out = open(path, O_WRONLY);
	loff_t from = 0, to = 5;
	int ok = copy_file_range(in, &from, out, &to, 2, 0) == 2;

	close(in);
	close(out);
	return ok;
}
static int do_read(const char *path)
{
	char c;
	int fd = open(path, O_RDONLY), ok = read(fd, &c, 1) == 1;

	close(fd);
	return ok;
}
static int do_map(const char *path)
{
	int fd = open(path, O_RDWR);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return 0;
	p[0] = 'm';
	munmap(p, 4096);
	close(fd);
	return 1;
}
static const struct change {
	const char *name;
	int (*fn)(const char *path);
	int takes;
} changes[] = {
	{ "write", do_write, 1 },
	{ "pwrite", do_pwrite, 1 },
	{ "truncate", do_truncate, 1 },
	{ "grow", do_grow, 1 },
	{ "ftruncate", do_ftruncate, 1 },
	{ "O_TRUNC", do_otrunc, 1 },
	{ "O_TRUNC|O_CREAT", do_otrunc_creat, 1 },
	{ "copy_file_range", do_copy, 1 },
	{ "read", do_read, 0 },
	{ "map", do_map, 0 },
};
static const unsigned modes[] = { 04777, 02777, 06777, 02767, 06767, 0777, 01777 };

/* Without the group's x S_ISGID stays for members of the group. */
static unsigned taken(unsigned mode, int member)
{
	mode &= ~04000u;
	return mode & 010 || !member ? mode & ~02000u : mode;
}
static void change_all(const char *who, int keeps, int member)
{
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			unsigned want = modes[m], got;
			char path[64];

			snprintf(path, sizeof(path), "f-%o-%zu", modes[m], i);
			if (!changes[i].fn(path)) {
				printf("# %s: %s of %o fails: %s\n", who, changes[i].name, modes[m],
				       strerror(errno));
				test_failed_here = 1;
			}
			if (changes[i].takes && !keeps)
				want = taken(want, member);
			got = mode_of(path);
			if (got != want) {
				printf("# %s, %s: %s: %o became %o, not %o\n", place, who,
				       changes[i].name, modes[m], got, want);
				test_failed_here = 1;
			}
		}
	}
}
static void change_as_owner(void)
{
	become(OWNER);
	change_all("owner", 0, 1);
}
static void change_as_other(void)
{
	become(OTHER);
	change_all("other", 0, 0);
}
static void change_as_root(void)
{
	change_all("root", 1, 0);
}
static void make_all(void)
{
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
			char path[64];

			snprintf(path, sizeof(path), "f-%o-%zu", modes[m], i);
			put_file(path, "0123456789");
			CHECK_EQ(chown(path, OWNER, OWNER), 0);
			CHECK_EQ(chmod(path, modes[m]), 0);
		}
	}
}
static void test_changes_take_set_id(void)
{
	make_all();
	CHECK_EQ(in_child(change_as_owner), 0);
	make_all();
	CHECK_EQ(in_child(change_as_other), 0);
	make_all();
	CHECK_EQ(in_child(change_as_root), 0);
}

static void chown_as_owner(void)
{
	become(OWNER);
	CHECK_EQ(chown("own", (uid_t)-1, OWNER), 0);
	CHECK_EQ(mode_of("own"), 0777);
	CHECK_EQ(chmod("own", 06777), 0);
	CHECK_EQ(chown("own", (uid_t)-1, (gid_t)-1), 0);
	CHECK_EQ(mode_of("own"), 0777);
}
static void chown_as_other(void)
{
	become(OTHER);
	CHECK_ERR(chown("own", (uid_t)-1, (gid_t)-1), EPERM);
	CHECK_EQ(mode_of("own"), 06777);
	CHECK_EQ(chown("plain", (uid_t)-1, (gid_t)-1), 0);
}
static void test_chown_takes_set_id(void)
{
	put_file("own", "o");
	put_file("plain", "o");
	CHECK_EQ(chown("own", OWNER, OWNER), 0);
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		CHECK_EQ(chmod("own", modes[m]), 0);
		CHECK_EQ(chown("own", OWNER, OWNER), 0);
		CHECK_EQ(mode_of("own"), taken(modes[m], 1));
		CHECK_EQ(chmod("own", modes[m]), 0);
		CHECK_EQ(chown("own", (uid_t)-1, (gid_t)-1), 0);
		CHECK_EQ(mode_of("own"), taken(modes[m], 1));
	}
	CHECK_EQ(chmod("own", 06777), 0);
	CHECK_EQ(in_child(chown_as_owner), 0);
	CHECK_EQ(chmod("own", 06777), 0);
	CHECK_EQ(in_child(chown_as_other), 0);
	CHECK_EQ(mkdir("dir", 0777), 0);
	CHECK_EQ(chmod("dir", 06777), 0);
	CHECK_EQ(chown("dir", OWNER, OWNER), 0);
	CHECK_EQ(mode_of("dir"), 06777);
}

/* --- hard links (fs.protected_hardlinks = 1) --- */

static void link_as_other(void)
{
	become(OTHER);
	CHECK_ERR(link("readable", "open/a"), EPERM);
	CHECK_EQ(link("writable", "open/b"), 0);
	CHECK_ERR(link("setuid", "open/c"), EPERM);
	CHECK_ERR(link("setgid", "open/d"), EPERM);
	CHECK_EQ(link("setgid-no-x", "open/e"), 0);
	CHECK_ERR(link("symlink", "open/f"), EPERM);
	CHECK_ERR(link("fifo", "open/g"), EPERM);
	CHECK_EQ(link("mine", "open/h"), 0);
	CHECK_EQ(link("my-symlink", "open/i"), 0);
	CHECK_ERR(link("readable", "open/b"), EEXIST);
	CHECK_ERR(link("open", "open/dir"), EPERM);
}
static void test_hard_links(void)
{
	char on = '0';
	int fd = open("/proc/sys/fs/protected_hardlinks", O_RDONLY);

	CHECK_EQ(read(fd, &on, 1), 1);
	close(fd);
	if (on != '1')
		SKIP_HERE("fs.protected_hardlinks is off");
	mkdir("open", 0777);
	chmod("open", 0777);
	put_file("readable", "r");
	put_file("writable", "w");
	chmod("writable", 0666);
	put_file("setuid", "s");
	chmod("setuid", 04666);
	put_file("setgid", "s");
	chmod("setgid", 02676);
	put_file("setgid-no-x", "s");
	chmod("setgid-no-x", 02666);
	CHECK_EQ(symlink("writable", "symlink"), 0);
	CHECK_EQ(mkfifo("fifo", 0666), 0);
	chmod("fifo", 0666);
	put_file("mine", "m");
	chmod("mine", 0400);
	CHECK_EQ(chown("mine", OTHER, OTHER), 0);
	CHECK_EQ(symlink("writable", "my-symlink"), 0);
	CHECK_EQ(lchown("my-symlink", OTHER, OTHER), 0);
	CHECK_EQ(in_child(link_as_other), 0);
	CHECK_EQ(link("readable", "open/root"), 0);
}

/* --- RESOLVE_BENEATH, RESOLVE_IN_ROOT --- */

static atomic_int stop;

static void *rename_in_and_out(void *arg)
{
	(void)arg;
	while (!stop) {
		rename("root/a/b", "out/b");
		rename("out/b", "root/a/b");
	}
	return NULL;
}
static void test_beneath(void)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_BENEATH };
	int root, escaped = 0, opened = 0;
	pthread_t t;

	mkdir("root", 0755);
	mkdir("root/a", 0755);
	mkdir("root/a/b", 0755);
	mkdir("root/a/b/c", 0755);
	mkdir("out", 0755);
	put_file("out/f", "outside");
	put_file("f", "outside");
	put_file("root/inside", "i");
	root = open("root", O_RDONLY | O_DIRECTORY);
	stop = 0;
	pthread_create(&t, NULL, rename_in_and_out, NULL);
	for (int i = 0; i < 6000; i++) {
		static const char *const names[] = { "a/b/c/../../f", "a/b/../../../f",
						     "a/b/c/.././../../f" };
		int fd;

		how.resolve = i & 1 ? RESOLVE_BENEATH : RESOLVE_IN_ROOT;
		fd = (int)syscall(SYS_openat2, root, names[i % 3], &how, sizeof(how));
		if (fd >= 0) {
			escaped++;
			close(fd);
		} else if (errno != ENOENT && errno != EAGAIN && errno != EXDEV) {
			CHECK_EQ(errno, 0);
		}
		fd = (int)syscall(SYS_openat2, root, "a/../inside", &how, sizeof(how));
		opened += fd >= 0;
		if (fd < 0)
			CHECK_EQ(errno, EAGAIN);
		close(fd);
	}
	stop = 1;
	pthread_join(t, NULL);
	close(root);
	CHECK_EQ(escaped, 0);
	CHECK(opened > 0);
}

/* --- link counts --- */

static void *link_and_unlink(void *arg)
{
	const char *dir = arg;
	char name[64];

	snprintf(name, sizeof(name), "%s/l", dir);
	for (int i = 0; i < 15000; i++) {
		if (link("one", name) || unlink(name)) {
			printf("# %s: %s\n", name, strerror(errno));
			return (void *)1;
		}
	}
	return NULL;
}
static void *rename_over(void *arg)
{
	const char *dir = arg;
	char name[64], over[64];

	snprintf(name, sizeof(name), "%s/m", dir);
	snprintf(over, sizeof(over), "%s/n", dir);
	for (int i = 0; i < 2000; i++) {
		int fd = open(name, O_WRONLY | O_CREAT, 0600);

		close(fd);
		if (link("one", over) || rename(name, over) || unlink(over)) {
			printf("# %s: %s\n", over, strerror(errno));
			return (void *)1;
		}
	}
	return NULL;
}
static void test_link_counts(void)
{
	void *(*const fns[])(void *) = { link_and_unlink, link_and_unlink, rename_over };
	static char *const dirs[] = { "d1", "d2", "d3" };
	pthread_t t[3];
	struct stat st;

	if (strcmp(place, "tmpfs") != 0)
		SKIP_HERE("the host counts");
	put_file("one", "1");
	for (int i = 0; i < 3; i++) {
		mkdir(dirs[i], 0755);
		pthread_create(&t[i], NULL, fns[i], dirs[i]);
	}
	for (int i = 0; i < 3; i++) {
		void *result;

		pthread_join(t[i], &result);
		CHECK(!result);
	}
	CHECK_EQ(stat("one", &st), 0);
	CHECK_EQ(st.st_nlink, 1);
}

/* --- sealed memfds --- */

static int sealable(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "original", 8), 8);
	return fd;
}
static char *map_of(int fd, int prot, int flags)
{
	return mmap(NULL, 4096, prot, flags, fd, 0);
}
static void test_seals(void)
{
	int fd = sealable();
	char *p;

	/* what stands in the way, and what does not */
	p = map_of(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(mprotect(p, 4096, PROT_READ), 0);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(p, 4096);
	p = map_of(fd, PROT_READ, MAP_SHARED);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(mprotect(p, 4096, PROT_READ | PROT_WRITE), 0);
	munmap(p, 4096);
	p = map_of(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	p[0] = 'P';
	munmap(p, 4096);
	/* sealed */
	CHECK_ERR(pwrite(fd, "T", 1, 0), EPERM);
	CHECK(map_of(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	p = map_of(fd, PROT_READ, MAP_SHARED);
	CHECK(p != MAP_FAILED);
	CHECK_ERR(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
	CHECK(!memcmp(p, "original", 8));
	munmap(p, 4096);
	p = map_of(fd, PROT_READ, MAP_PRIVATE);
	CHECK_EQ(mprotect(p, 4096, PROT_READ | PROT_WRITE), 0);
	munmap(p, 4096);
	close(fd);

	fd = sealable();
	p = map_of(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	p[0] = 'O';
	CHECK_ERR(pwrite(fd, "T", 1, 0), EPERM);
	CHECK(map_of(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(p, 4096);
	p = map_of(fd, PROT_READ, MAP_SHARED);
	CHECK_ERR(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
	CHECK_EQ(p[0], 'O');
	munmap(p, 4096);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	close(fd);
}

static pthread_barrier_t both;
static int race_fd;
static void *map_it(void *arg)
{
	for (int i = 0; i < 500; i++) {
		char **out = arg;

		pthread_barrier_wait(&both);
		*out = map_of(race_fd, PROT_READ | PROT_WRITE, MAP_SHARED);
		pthread_barrier_wait(&both);
	}
	return NULL;
}
static void test_seal_against_mmap(void)
{
	int sealed = 0, wrong = 0;
	char *p = NULL;
	pthread_t t;

	pthread_barrier_init(&both, NULL, 2);
	pthread_create(&t, NULL, map_it, &p);
	for (int i = 0; i < 500; i++) {
		int ok;

		race_fd = sealable();
		pthread_barrier_wait(&both);
		ok = !fcntl(race_fd, F_ADD_SEALS, F_SEAL_WRITE);
		pthread_barrier_wait(&both);
		sealed += ok;
		wrong += ok && p != MAP_FAILED;
		if (p != MAP_FAILED)
			munmap(p, 4096);
		close(race_fd);
	}
	pthread_join(t, NULL);
	CHECK_EQ(wrong, 0);
	printf("# sealed %d of 500\n", sealed);
}

/* --- the size of a tmpfs --- */

#define PAGES 256
static sigjmp_buf bus;
static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(bus, 1);
}
static volatile int touched;
/* Writes to (or reads) one page after the other until SIGBUS. */
static int touch(volatile char *p, int from, int n, int write)
{
	struct sigaction sa = { .sa_handler = on_bus }, old;

	sigaction(SIGBUS, &sa, &old);
	touched = 0;
	if (!sigsetjmp(bus, 1)) {
		for (int i = from; i < from + n; i++) {
			if (write)
				p[i * 4096l] = 1;
			else
				(void)p[i * 4096l];
			touched++;
		}
	}
	sigaction(SIGBUS, &old, NULL);
	return touched;
}
static long free_pages(const char *dir)
{
	struct statfs s;

	return statfs(dir, &s) ? -1 : (long)s.f_bfree;
}
static void use_small_tmpfs(void)
{
	size_t len = 1024 * 4096;
	char *p, page[4096];
	int fd, other;

	fd = open("small/f", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(free_pages("small"), PAGES);
	CHECK_EQ(ftruncate(fd, (off_t)len), 0);
	CHECK_EQ(free_pages("small"), PAGES);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_EQ(touch(p, 0, 1024, 1), PAGES);
	CHECK_EQ(free_pages("small"), 0);
	CHECK_EQ(touch(p, 600, 1, 0), 0);
	/* a hole is read without memory, what is there is written */
	CHECK_EQ(pread(fd, page, 4096, 600 * 4096), 4096);
	CHECK(!page[0] && !memcmp(page, page + 1, 4095));
	CHECK_EQ(pwrite(fd, "x", 1, 100 * 4096), 1);
	CHECK_ERR(pwrite(fd, "x", 1, 600 * 4096), ENOSPC);
	CHECK_EQ(pwrite(fd, page, 4096, 255 * 4096 + 2048), 2048);
	CHECK_ERR(fallocate(fd, 0, 600 * 4096, 4096), ENOSPC);
	other = open("small/g", O_RDWR | O_CREAT, 0600);
	CHECK_ERR(write(other, "x", 1), ENOSPC);
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10 * 4096), 0);
	CHECK_EQ(free_pages("small"), 10);
	CHECK_EQ(touch(p, 0, 5, 0), 5);
	CHECK_EQ(free_pages("small"), 5);
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(free_pages("small"), PAGES);
	/* what fallocate gave nobody takes */
	CHECK_EQ(fallocate(fd, 0, 0, 128 * 4096), 0);
	CHECK_EQ(free_pages("small"), 128);
	CHECK_EQ(fallocate(fd, 0, 0, 128 * 4096), 0);
	CHECK_EQ(free_pages("small"), 128);
	CHECK_ERR(fallocate(fd, 0, 128 * 4096, 129 * 4096), ENOSPC);
	CHECK_EQ(free_pages("small"), 128);
	CHECK_EQ(size_of("small/f"), 128 * 4096);
	CHECK_EQ(fallocate(other, 0, 0, 128 * 4096), 0);
	CHECK_EQ(touch(p, 0, 1024, 1), 128);
	close(other);
	CHECK_EQ(unlink("small/g"), 0);
	CHECK_EQ(free_pages("small"), 128);
	munmap(p, len);
	/* private copies are the program's, what they are made from is the file's */
	CHECK_EQ(ftruncate(fd, 0), 0);
	CHECK_EQ(ftruncate(fd, (off_t)len), 0);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK_EQ(touch(p, 0, 1024, 1), PAGES);
	CHECK_EQ(unlink("small/f"), 0);
	munmap(p, len);
	CHECK_EQ(free_pages("small"), 0);
	close(fd);
	CHECK_EQ(free_pages("small"), PAGES);
}
static void test_tmpfs_size(void)
{
	mkdir("small", 0755);
	if (!on_corrida() &&
	    (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)))
		SKIP_HERE("no mount namespace of our own here");
	CHECK_EQ(mount("tmpfs", "small", "tmpfs", 0, "size=1m"), 0);
	if (!test_failed_here)
		use_small_tmpfs();
	CHECK_EQ(umount("small"), 0);
}

static void in_tmp(void)
{
	RUN(test_tmpfs_size);
}
static void tests(void)
{
	chmod(".", 0777);
	RUN(test_new_in_setgid_dir);
	RUN(test_changes_take_set_id);
	RUN(test_chown_takes_set_id);
	RUN(test_hard_links);
	RUN(test_beneath);
	RUN(test_link_counts);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	RUN_EVERYWHERE(tests);
	RUN(test_seals);
	RUN(test_seal_against_mmap);
	scratch_run("/tmp", "tmp", in_tmp);
	return test_done();
}
