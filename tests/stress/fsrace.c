/* SPDX-License-Identifier: MIT */
/* Threads and processes that make, link, rename, list and remove the same few names on tmpfs
 * and on the share, while others pass bytes through pipes and epoll, lock ranges and look into
 * /proc.  Checks what must hold at the end; else it is there to provoke panics and hangs.
 *     fsrace SECONDS */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static time_t end;
static atomic_int failures;
static const char *dirs[2];

static void fail(const char *what)
{
	printf("FAILED: %s (errno %d)\n", what, errno);
	failures++;
}
static unsigned next(unsigned *seed)
{
	return *seed = *seed * 1103515245 + 12345, *seed >> 8;
}
static char *pick(char *buf, size_t n, unsigned *seed)
{
	unsigned r = next(seed);

	snprintf(buf, n, "%s/d%u/%s%u", dirs[r & 1], r >> 1 & 3, r >> 8 & 1 ? "sub/" : "",
		 r >> 3 & 7);
	return buf;
}
static void list(const char *name)
{
	DIR *d = opendir(name);

	while (d && readdir(d)) {
	}
	if (d)
		closedir(d);
}

static void *names(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg * 77 + 1;
	char a[300], b[300], buf[64];
	struct stat st;
	int fd;

	while (time(NULL) < end) {
		pick(a, sizeof(a), &seed);
		pick(b, sizeof(b), &seed);
		switch (next(&seed) % 13) {
		case 0:
		case 1:
			fd = open(a, O_CREAT | O_RDWR | (seed & 64 ? O_APPEND : 0), 0644);
			if (fd >= 0) {
				if (write(fd, a, 50) < 0 || pread(fd, buf, 10, 0) < 0)
					fail("write or read");
				close(fd);
			}
			break;
		case 2: unlink(a); break;
		case 3: rename(a, b); break;
		case 4: link(a, b); break;
		case 5: symlink(b, a); break;
		case 6: mkdir(a, 0755); break;
		case 7: rmdir(a); break;
		case 8:
			stat(a, &st);
			lstat(b, &st);
			break;
		case 9:
			*strrchr(a, '/') = 0;
			list(a);
			break;
		case 10: syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2); break;
		case 11: truncate(a, next(&seed) % 20000); break;
		default:
			fd = open(a, O_RDONLY);
			if (fd >= 0) {
				char link[64];

				snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
				if (readlink(link, b, sizeof(b)) < 0)
					fail("readlink of a descriptor");
				close(fd);
			}
		}
	}
	return NULL;
}

/* Bytes go round a ring of pipes, each watched by an epoll inside an epoll. */
static void *ring(void *arg)
{
	int p[4][2], inner = epoll_create1(0), outer = epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN }, out;
	uint64_t token = 1, got;

	(void)arg;
	epoll_ctl(outer, EPOLL_CTL_ADD, inner, &ev);
	for (int i = 0; i < 4; i++) {
		if (pipe(p[i]))
			fail("pipe");
		ev.data.fd = i;
		epoll_ctl(inner, EPOLL_CTL_ADD, p[i][0], &ev);
	}
	if (write(p[0][1], &token, 8) != 8)
		fail("first write");
	while (time(NULL) < end) {
		if (epoll_wait(outer, &out, 1, 5000) != 1 ||
		    epoll_wait(inner, &out, 1, 5000) != 1) {
			fail("a wake was lost");
			break;
		}
		if (read(p[out.data.fd][0], &got, 8) != 8 || got != token++)
			fail("the token");
		if (write(p[(out.data.fd + 1) % 4][1], &token, 8) != 8)
			fail("write");
	}
	for (int i = 0; i < 4; i++) {
		close(p[i][0]);
		close(p[i][1]);
	}
	close(inner);
	close(outer);
	return NULL;
}

/* Two threads on one pipe: nothing is lost, doubled or out of order. */
static int stream[2];
static void *producer(void *arg)
{
	unsigned seed = 5, n = 0, buf[3000];

	(void)arg;
	while (time(NULL) < end) {
		size_t count = next(&seed) % 3000 + 1;

		for (size_t i = 0; i < count; i++)
			buf[i] = n++;
		for (size_t done = 0; done < count * 4;) {
			ssize_t w = write(stream[1], (char *)buf + done, count * 4 - done);

			if (w <= 0)
				fail("stream write");
			else
				done += (size_t)w;
		}
	}
	close(stream[1]);
	return NULL;
}
static void *consumer(void *arg)
{
	unsigned seed = 9, n = 0, bad = 0;
	size_t have = 0;
	char buf[20000];
	ssize_t r;

	(void)arg;
	while ((r = read(stream[0], buf + have, next(&seed) % 15000 + 8)) > 0) {
		have += (size_t)r;
		for (size_t i = 0; i + 4 <= have; i += 4)
			bad += memcmp(buf + i, &n, 4) != 0, n++;
		memmove(buf, buf + have / 4 * 4, have % 4);
		have %= 4;
	}
	if (bad || have)
		fail("stream contents");
	close(stream[0]);
	return NULL;
}

/* A counter in a file under a record lock. */
static void *counter(void *arg)
{
	char name[300];
	int fd, n = 0;

	snprintf(name, sizeof(name), "%s/counter", dirs[(uintptr_t)arg & 1]);
	fd = open(name, O_CREAT | O_RDWR, 0644);
	while (time(NULL) < end) {
		struct flock fl = { .l_type = F_WRLCK, .l_len = 8 };
		uint64_t v = 0;

		if (fcntl(fd, F_OFD_SETLKW, &fl))
			fail("lock");
		if (pread(fd, &v, 8, 0) < 0)
			fail("pread");
		v++;
		if (pwrite(fd, &v, 8, 0) != 8)
			fail("pwrite");
		n++;
		fl.l_type = F_UNLCK;
		fcntl(fd, F_OFD_SETLK, &fl);
	}
	close(fd);
	return (void *)(intptr_t)n;
}
static void *snoop(void *arg)
{
	char buf[4096];
	static const char *const files[] = { "/proc/self/maps", "/proc/self/status",
					     "/proc/meminfo", "/proc/self/mountinfo",
					     "/proc/loadavg" };

	(void)arg;
	while (time(NULL) < end) {
		list("/proc");
		list("/proc/self/fd");
		list("/proc/self/task");
		for (unsigned i = 0; i < 5; i++) {
			int fd = open(files[i], O_RDONLY);

			if (fd < 0 || read(fd, buf, sizeof(buf)) <= 0)
				fail(files[i]);
			close(fd);
		}
	}
	return NULL;
}

static void run_threads(void)
{
	pthread_t t[12];
	void *n[12];
	long counts[2] = { 0, 0 };

	if (pipe(stream))
		fail("pipe");
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, names, (void *)(i + (uintptr_t)getpid()));
	for (uintptr_t i = 4; i < 8; i++)
		pthread_create(&t[i], NULL, counter, (void *)i);
	pthread_create(&t[8], NULL, ring, NULL);
	pthread_create(&t[9], NULL, producer, NULL);
	pthread_create(&t[10], NULL, consumer, NULL);
	pthread_create(&t[11], NULL, snoop, NULL);
	for (int i = 0; i < 12; i++)
		pthread_join(t[i], &n[i]);
	for (int i = 4; i < 8; i++)
		counts[i & 1] += (intptr_t)n[i];
	for (int i = 0; i < 2; i++) {
		char name[300];
		int fd;

		snprintf(name, sizeof(name), "%s/count.%d", dirs[i], (int)getpid());
		fd = open(name, O_CREAT | O_RDWR, 0644);
		if (write(fd, &counts[i], 8) != 8)
			fail("count");
		close(fd);
	}
}

int main(int argc, char **argv)
{
	char name[300], share[256], tmp[64];
	pid_t pids[2];
	int status;

	end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	snprintf(share, sizeof(share), "/fsrace.%d", (int)getpid());
	snprintf(tmp, sizeof(tmp), "/tmp/fsrace.%d", (int)getpid());
	if (mkdir(share, 0755)) { /* on a Linux host */
		snprintf(share, sizeof(share), "/var/tmp/fsrace.%d", (int)getpid());
		mkdir(share, 0755);
	}
	mkdir(tmp, 0755);
	dirs[0] = tmp;
	dirs[1] = share;
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%s/d%d", dirs[i & 1], i >> 1);
		mkdir(name, 0755);
		strcat(name, "/sub");
		mkdir(name, 0755);
	}
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			run_threads();
			return failures != 0;
		}
	}
	for (int i = 0; i < 2; i++) {
		if (waitpid(pids[i], &status, 0) != pids[i] || status)
			fail("a process");
	}
	for (int i = 0; i < 2; i++) {
		long v = 0, sum = 0, c;
		int fd;

		snprintf(name, sizeof(name), "%s/counter", dirs[i]);
		fd = open(name, O_RDONLY);
		if (read(fd, &v, 8) != 8)
			fail("counter");
		close(fd);
		for (int p = 0; p < 2; p++) {
			snprintf(name, sizeof(name), "%s/count.%d", dirs[i], (int)pids[p]);
			fd = open(name, O_RDONLY);
			if (read(fd, &c, 8) == 8)
				sum += c;
			close(fd);
		}
		printf("%s: counter %ld, threads say %ld\n", dirs[i], v, sum);
		if (v != sum)
			fail("counter differs");
	}
	printf("fsrace: %d failures\n", failures);
	return failures != 0;
}
