/* SPDX-License-Identifier: MIT */
/* inotify(7): events of files and directories, removal, one-shot, errors. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int fd;
static uint32_t last_cookie;

/* The next event is this one. */
static void expect(int wd, uint32_t mask, const char *name)
{
	static char buf[4096] __attribute__((aligned(8)));
	static ssize_t have, at;
	struct inotify_event *e;

	if (at >= have) {
		at = 0;
		have = read(fd, buf, sizeof(buf));
		if (have <= 0) {
			printf("# no event: wanted %#x %s (errno %d)\n", mask, name ? name : "",
			       errno);
			test_failed_here = 1;
			have = 0;
			return;
		}
	}
	e = (struct inotify_event *)(buf + at);
	at += (ssize_t)(sizeof(*e) + e->len);
	if (e->wd != wd || e->mask != mask || (e->len > 0) != (name != NULL) ||
	    (name && strcmp(e->name, name))) {
		printf("# event wd %d mask %#x name %s, wanted %d %#x %s\n", e->wd, e->mask,
		       e->len ? e->name : "", wd, mask, name ? name : "");
		test_failed_here = 1;
	}
	last_cookie = e->cookie;
}
static void nothing(void)
{
	struct pollfd p = { fd, POLLIN, 0 };

	CHECK_EQ(poll(&p, 1, 0), 0);
}

static void directory(void)
{
	int wd = inotify_add_watch(fd, ".",
				   IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_MODIFY |
					   IN_ATTRIB | IN_OPEN),
	    f, n;
	uint32_t cookie;

	CHECK(wd > 0);
	nothing();
	f = open("a", O_CREAT | O_WRONLY, 0600);
	expect(wd, IN_CREATE, "a");
	expect(wd, IN_OPEN, "a");
	CHECK_EQ(write(f, "x", 1), 1);
	CHECK_EQ(write(f, "x", 1), 1); /* joined with the first */
	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	CHECK_EQ(n, 32);
	expect(wd, IN_MODIFY, "a");
	close(f);
	expect(wd, IN_CLOSE_WRITE, "a");
	CHECK_EQ(chmod("a", 0644), 0);
	expect(wd, IN_ATTRIB, "a");
	CHECK_EQ(rename("a", "b"), 0);
	expect(wd, IN_MOVED_FROM, "a");
	cookie = last_cookie;
	expect(wd, IN_MOVED_TO, "b");
	CHECK(cookie && cookie == last_cookie);
	CHECK_EQ(mkdir("d", 0700), 0);
	expect(wd, IN_CREATE | IN_ISDIR, "d");
	CHECK_EQ(rmdir("d"), 0);
	expect(wd, IN_DELETE | IN_ISDIR, "d");
	CHECK_EQ(symlink("x", "l"), 0);
	expect(wd, IN_CREATE, "l");
	CHECK_EQ(unlink("l"), 0);
	expect(wd, IN_DELETE, "l");
	CHECK_EQ(unlink("b"), 0);
	expect(wd, IN_DELETE, "b");
	nothing();
	CHECK_EQ(inotify_rm_watch(fd, wd), 0);
	expect(wd, IN_IGNORED, NULL);
	CHECK_ERR(inotify_rm_watch(fd, wd), EINVAL);
}

static void file(void)
{
	int f = open("f", O_CREAT | O_RDWR, 0600), wd, wd2;
	char c;

	wd = inotify_add_watch(fd, "f", IN_ALL_EVENTS);
	CHECK(wd > 0);
	CHECK_EQ(write(f, "abc", 3), 3);
	expect(wd, IN_MODIFY, NULL);
	CHECK_EQ(pread(f, &c, 1, 0), 1);
	expect(wd, IN_ACCESS, NULL);
	CHECK_EQ(ftruncate(f, 0), 0);
	expect(wd, IN_MODIFY, NULL);
	CHECK_EQ(link("f", "g"), 0);
	expect(wd, IN_ATTRIB, NULL);
	CHECK_EQ(unlink("g"), 0);
	expect(wd, IN_ATTRIB, NULL);
	CHECK_EQ(rename("f", "h"), 0);
	expect(wd, IN_MOVE_SELF, NULL);
	/* The same file again: the same watch. */
	wd2 = inotify_add_watch(fd, "h", IN_OPEN);
	CHECK_EQ(wd2, wd);
	CHECK_EQ(write(f, "abc", 3), 3);
	nothing();
	CHECK_EQ(inotify_add_watch(fd, "h", IN_MODIFY | IN_CLOSE | IN_DELETE_SELF | IN_MASK_ADD),
		 wd);
	close(f);
	expect(wd, IN_CLOSE_WRITE, NULL);
	close(open("h", O_RDONLY));
	expect(wd, IN_OPEN, NULL);
	expect(wd, IN_CLOSE_NOWRITE, NULL);
	CHECK_EQ(unlink("h"), 0);
	expect(wd, IN_DELETE_SELF, NULL);
	expect(wd, IN_IGNORED, NULL);
	nothing();
}

static void one_shot(void)
{
	int wd = inotify_add_watch(fd, ".", IN_CREATE | IN_ONESHOT);

	CHECK_EQ(mkdir("x", 0700), 0);
	expect(wd, IN_CREATE | IN_ISDIR, "x");
	expect(wd, IN_IGNORED, NULL);
	CHECK_EQ(rmdir("x"), 0);
	nothing();
}

static void errors(void)
{
	char small[16];
	int wd;

	CHECK_ERR(inotify_init1(1), EINVAL);
	CHECK_ERR(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
	CHECK_ERR(inotify_add_watch(fd, ".", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(0, ".", IN_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(99, ".", IN_CREATE), EBADF);
	close(open("f", O_CREAT | O_RDWR, 0600));
	CHECK_ERR(inotify_add_watch(fd, "f", IN_CREATE | IN_ONLYDIR), ENOTDIR);
	CHECK_ERR(read(fd, small, sizeof(small)), EAGAIN);
	wd = inotify_add_watch(fd, ".", IN_DELETE);
	CHECK_EQ(unlink("f"), 0);
	CHECK_ERR(read(fd, small, sizeof(small)), EINVAL);
	expect(wd, IN_DELETE, "f");
	inotify_rm_watch(fd, wd);
	expect(wd, IN_IGNORED, NULL);
}

static void all_in(const char *dir)
{
	if (mkdir(dir, 0700) || chdir(dir)) {
		printf("# cannot write in %s\n", dir);
		return;
	}
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CHECK(fd >= 0);
	RUN(directory);
	RUN(file);
	RUN(one_shot);
	RUN(errors);
	close(fd);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(rmdir(dir), 0);
}
int main(void)
{
	char dir[400], cwd[300];

	if (getcwd(cwd, sizeof(cwd))) {
		snprintf(dir, sizeof(dir), "%s/inotify.%d", strcmp(cwd, "/") ? cwd : "",
			 (int)getpid());
		all_in(dir);
	}
	snprintf(dir, sizeof(dir), "/tmp/inotify.%d", (int)getpid());
	all_in(dir);
	return test_done();
}
