/* SPDX-License-Identifier: MIT */
/* Descriptors and I/O: dup, fcntl, positions, vectors, pipes, FIFOs, poll, epoll, eventfd,
 * memfd, sendfile and friends, special devices. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

static char base[64];

static int temp(void)
{
	char name[80];
	int fd;

	snprintf(name, sizeof(name), "%s/tmp", base);
	fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);
	unlink(name);
	return fd;
}

static void descriptors(void)
{
	int a = open("/dev/null", O_RDWR), b, c;
	struct rlimit rl, old;

	CHECK(a >= 0);
	b = dup(a);
	CHECK_EQ(b, a + 1);
	CHECK_EQ(dup2(a, a), a);
	CHECK_ERR(dup2(99, 50), EBADF);
	CHECK_ERR(dup2(a, -1), EBADF);
	CHECK_ERR(dup3(a, a, 0), EINVAL);
	CHECK_ERR(syscall(SYS_dup3, a, b, 1), EINVAL);
	CHECK_EQ(dup3(a, 100, O_CLOEXEC), 100);
	CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(b, F_GETFD), 0);
	CHECK_EQ(fcntl(b, F_SETFD, FD_CLOEXEC), 0);
	CHECK_EQ(fcntl(b, F_GETFD), FD_CLOEXEC);
	c = fcntl(a, F_DUPFD, 70);
	CHECK_EQ(c, 70);
	CHECK_EQ(fcntl(a, F_DUPFD_CLOEXEC, 70), 71);
	CHECK_ERR(fcntl(a, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(a, 4711, 0), EINVAL);
	CHECK_EQ(fcntl(a, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK_EQ(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	CHECK(fcntl(b, F_GETFL) & O_NONBLOCK);
	CHECK_ERR(close(99), EBADF);
	close(b);
	CHECK_ERR(close(b), EBADF);
	CHECK_EQ(dup(a), b);
	getrlimit(RLIMIT_NOFILE, &old);
	rl = old;
	rl.rlim_cur = 60;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &rl), 0);
	CHECK_ERR(dup2(a, 60), EBADF);
	CHECK_ERR(fcntl(a, F_DUPFD, 60), EINVAL);
	int n = 0, last;
	while ((last = dup(a)) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	CHECK(n > 40);
	CHECK_ERR(open("/dev/null", O_RDONLY), EMFILE);
	setrlimit(RLIMIT_NOFILE, &old);
	CHECK_EQ(syscall(SYS_close_range, a, 1000, 0), 0);
	CHECK_ERR(fcntl(100, F_GETFD), EBADF);
	CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	CHECK_EQ(open("/dev/null", O_RDWR), a);
	close(a);
}

static void many_descriptors(void)
{
	struct rlimit rl;
	int a, fd;

	getrlimit(RLIMIT_NOFILE, &rl);
	if (rl.rlim_max < 3000)
		SKIP_HERE("no 3000 descriptors allowed");
	rl.rlim_cur = 3000;
	setrlimit(RLIMIT_NOFILE, &rl);
	a = open("/dev/null", O_RDWR);
	for (int i = a + 1; i < 3000; i++)
		CHECK_EQ(dup(a), i);
	CHECK_ERR(dup(a), EMFILE);
	close(1234);
	close(77);
	CHECK_EQ(dup(a), 77);
	CHECK_EQ(dup(a), 1234);
	for (fd = a; fd < 3000; fd++)
		close(fd);
}

static void positions(void)
{
	int fd = temp(), fd2;
	char buf[16];
	struct iovec iov[3] = { { "ab", 2 }, { "", 0 }, { "cde", 3 } },
		     in[2] = { { buf, 2 }, { buf + 2, 10 } };

	CHECK_EQ(writev(fd, iov, 3), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_EQ(lseek(fd, -2, SEEK_END), 3);
	CHECK_EQ(read(fd, buf, 10), 2);
	CHECK_EQ(read(fd, buf, 10), 0);
	CHECK_EQ(preadv(fd, in, 2, 1), 4);
	CHECK(!memcmp(buf, "bcde", 4));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_EQ(pwrite(fd, "X", 1, 8), 1);
	CHECK_EQ(pread(fd, buf, 10, 4), 5);
	CHECK(!memcmp(buf, "e\0\0\0X", 5));
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 0, 77), EINVAL);
	CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
	CHECK_ERR(readv(fd, in, 1025), EINVAL);
	CHECK_ERR(read(fd, (void *)8, 1), EFAULT);
	lseek(fd, 0, SEEK_SET);
	CHECK_ERR(read(fd, (void *)8, 1), EFAULT);
	CHECK_ERR(write(fd, (void *)8, 1), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 9);
	CHECK_ERR(lseek(fd, 9, SEEK_DATA), ENXIO);
	/* One position for dup, another for a new open. */
	fd2 = dup(fd);
	lseek(fd, 3, SEEK_SET);
	CHECK_EQ(lseek(fd2, 0, SEEK_CUR), 3);
	close(fd2);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
	CHECK_EQ(pwrite(fd, "end", 3, 0), 3);
	CHECK_EQ(pread(fd, buf, 16, 9), 3);
	CHECK_EQ(ftruncate(fd, 2), 0);
	CHECK_EQ(pread(fd, buf, 16, 0), 2);
	CHECK_EQ(ftruncate(fd, 10), 0);
	CHECK_EQ(pread(fd, buf, 16, 0), 10);
	CHECK(!memcmp(buf, "ab\0\0\0\0\0\0\0\0", 10));
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_EQ(fallocate(fd, 0, 0, 100), 0);
	struct stat st;
	fstat(fd, &st);
	CHECK_EQ(st.st_size, 100);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	close(fd);
}

static void on_xfsz(int sig)
{
	(void)sig;
}
static void file_size_limit(void)
{
	struct rlimit rl = { 1000, RLIM_INFINITY };
	int fd = temp();
	char buf[2000] = { 0 };

	signal(SIGXFSZ, on_xfsz);
	setrlimit(RLIMIT_FSIZE, &rl);
	CHECK_EQ(write(fd, buf, 2000), 1000);
	CHECK_ERR(write(fd, buf, 1), EFBIG);
	CHECK_ERR(ftruncate(fd, 1001), EFBIG);
	rl.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &rl);
	close(fd);
}

/* --- pipes --- */
static void pipes(void)
{
	char buf[70000];
	int p[2], n;
	struct stat st;

	memset(buf, 'a', sizeof(buf));
	CHECK_EQ(pipe2(p, O_NONBLOCK | O_CLOEXEC), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN);
	CHECK_ERR(read(p[1], buf, 1), EBADF);
	CHECK_ERR(write(p[0], buf, 1), EBADF);
	CHECK_ERR(lseek(p[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERR(pread(p[0], buf, 1, 0), ESPIPE);
	CHECK_EQ(fstat(p[0], &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_EQ(read(p[0], buf, 3), 2);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(write(p[1], buf, 70000), 65536);
	CHECK_ERR(write(p[1], buf, 1), EAGAIN);
	CHECK_EQ(read(p[0], buf, 4096), 4096);
	CHECK_EQ(write(p[1], buf, 4096), 4096);
	CHECK_EQ(read(p[0], buf, 70000), 65536);
	for (int i = 0; i < 65536; i++) {
		if (write(p[1], buf, 1) != 1) {
			CHECK_EQ(i, 65536);
			break;
		}
	}
	CHECK_ERR(write(p[1], buf, 1), EAGAIN);
	CHECK_EQ(read(p[0], buf, 70000), 65536);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 8000), 8192);
	CHECK_EQ(write(p[1], buf, 70000), 8192);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 65536), 65536);
	CHECK_EQ(write(p[1], buf, 4096), 4096);
	CHECK_ERR(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
	close(p[1]);
	CHECK_EQ(read(p[0], buf, 70000), 8192 + 4096);
	CHECK_EQ(read(p[0], buf, 1), 0);
	close(p[0]);
	CHECK_EQ(pipe(p), 0);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(p[1], buf, 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(p[1]);
	CHECK_ERR(pipe2(p, 12345), EINVAL);
	CHECK_ERR(syscall(SYS_pipe2, (int *)8, 0), EFAULT);
}
static void die_of_sigpipe(void)
{
	int p[2];

	if (!pipe(p)) {
		close(p[0]);
		(void)!write(p[1], "x", 1);
	}
}
static void sigpipe(void)
{
	CHECK_EQ(in_child(die_of_sigpipe), 256 + SIGPIPE);
}

static void *pump(void *arg)
{
	int fd = *(int *)arg;
	static char out[100000];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	for (int r = 0; r < 10; r++) {
		size_t done = 0;

		while (done < sizeof(out)) {
			ssize_t n = write(fd, out + done, sizeof(out) - done);

			if (n <= 0)
				return NULL;
			done += (size_t)n;
		}
	}
	close(fd);
	return NULL;
}
static void pipe_stream(void)
{
	static char buf[33333];
	int p[2];
	size_t total = 0, bad = 0;
	ssize_t n;
	pthread_t t;

	CHECK_EQ(pipe(p), 0);
	pthread_create(&t, NULL, pump, &p[1]);
	while ((n = read(p[0], buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			bad += buf[i] != (char)((total + (size_t)i) % 100000 * 7);
		total += (size_t)n;
	}
	pthread_join(t, NULL);
	CHECK_EQ(total, 1000000);
	CHECK_EQ(bad, 0);
	close(p[0]);
}

static void *open_writer(void *name)
{
	int fd;

	usleep(20000);
	fd = open(name, O_WRONLY);
	(void)!write(fd, "fifo", 4);
	usleep(20000);
	close(fd);
	return NULL;
}
static void fifos(void)
{
	char name[80], buf[8];
	struct pollfd pf = { .events = POLLIN };
	pthread_t t;
	int fd;

	snprintf(name, sizeof(name), "%s/fifo", base);
	CHECK_EQ(mkfifo(name, 0600), 0);
	CHECK_ERR(open(name, O_WRONLY | O_NONBLOCK), ENXIO);
	fd = open(name, O_RDONLY | O_NONBLOCK);
	CHECK(fd >= 0);
	pf.fd = fd;
	CHECK_EQ(poll(&pf, 1, 0), 0);
	CHECK_EQ(read(fd, buf, 8), 0);
	close(fd);
	pthread_create(&t, NULL, open_writer, name);
	fd = open(name, O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, buf, 8), 4);
	CHECK_EQ(read(fd, buf, 8), 0);
	pf.fd = fd;
	CHECK_EQ(poll(&pf, 1, 0), 1);
	CHECK(pf.revents & POLLHUP);
	pthread_join(t, NULL);
	close(fd);
	fd = open(name, O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(read(fd, buf, 8), 1);
	close(fd);
	CHECK_EQ(unlink(name), 0);
}

/* --- waiting --- */
static long ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
static void polls(void)
{
	struct pollfd pf[3];
	struct timeval tv = { 0, 30000 };
	int p[2];
	fd_set in;
	long t;

	CHECK_EQ(pipe(p), 0);
	pf[0] = (struct pollfd){ p[0], POLLIN, 0 };
	pf[1] = (struct pollfd){ p[1], POLLOUT, 0 };
	pf[2] = (struct pollfd){ -1, POLLIN, 99 };
	CHECK_EQ(poll(pf, 3, 0), 1);
	CHECK(pf[0].revents == 0 && pf[1].revents == POLLOUT && pf[2].revents == 0);
	t = ms_now();
	CHECK_EQ(poll(pf, 1, 50), 0);
	CHECK(ms_now() - t >= 49);
	pf[2].fd = 99;
	CHECK_EQ(poll(pf, 3, 100), 2);
	CHECK_EQ(pf[2].revents, POLLNVAL);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(poll(pf, 1, -1), 1);
	CHECK_EQ(pf[0].revents, POLLIN);
	FD_ZERO(&in);
	FD_SET(p[0], &in);
	CHECK_EQ(select(p[0] + 1, &in, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(p[0], &in));
	CHECK_EQ(read(p[0], pf, 1), 1);
	CHECK_EQ(select(p[0] + 1, &in, NULL, NULL, &tv), 0);
	CHECK(!FD_ISSET(p[0], &in));
	close(p[1]);
	pf[0] = (struct pollfd){ p[0], POLLIN, 0 };
	CHECK_EQ(poll(pf, 1, -1), 1);
	CHECK_EQ(pf[0].revents, POLLHUP);
	close(p[0]);
	FD_SET(p[0], &in);
	CHECK_ERR(select(p[0] + 1, &in, NULL, NULL, &tv), EBADF);
	CHECK_EQ(pipe(p), 0);
	close(p[0]);
	pf[0] = (struct pollfd){ p[1], POLLOUT, 0 };
	CHECK_EQ(poll(pf, 1, 0), 1);
	CHECK_EQ(pf[0].revents, POLLOUT | POLLERR);
	close(p[1]);
	CHECK_ERR(poll((struct pollfd *)8, 1, 0), EFAULT);
	CHECK_EQ(poll(NULL, 0, 5), 0);
}

static void *write_later(void *arg)
{
	usleep(30000);
	(void)!write(*(int *)arg, "y", 1);
	return NULL;
}
static void wakes(void)
{
	struct pollfd pf = { .events = POLLIN };
	struct epoll_event ev = { .events = EPOLLIN }, out;
	pthread_t t;
	char c;
	int p[2], ep;

	CHECK_EQ(pipe(p), 0);
	pf.fd = p[0];
	pthread_create(&t, NULL, write_later, &p[1]);
	CHECK_EQ(poll(&pf, 1, 5000), 1);
	pthread_join(t, NULL);
	CHECK_EQ(read(p[0], &c, 1), 1);
	ep = epoll_create1(EPOLL_CLOEXEC);
	ev.data.u64 = 77;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), 0);
	pthread_create(&t, NULL, write_later, &p[1]);
	CHECK_EQ(epoll_wait(ep, &out, 1, 5000), 1);
	CHECK_EQ(out.data.u64, 77);
	pthread_join(t, NULL);
	CHECK_EQ(read(p[0], &c, 1), 1);
	pthread_create(&t, NULL, write_later, &p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	pthread_join(t, NULL);
	close(ep);
	close(p[0]);
	close(p[1]);
}

static void epolls(void)
{
	struct epoll_event ev, out[4];
	int p[2], q[2], ep = epoll_create1(0), ep2 = epoll_create1(0);
	char c;

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe(q), 0);
	ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = p[0] };
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), 0);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, q[0], &ev), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_MOD, q[0], &ev), ENOENT);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &ev), EBADF);
	CHECK_ERR(epoll_ctl(p[0], EPOLL_CTL_ADD, q[0], &ev), EINVAL);
	int fd = temp();
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), EPERM);
	close(fd);
	CHECK_ERR(epoll_wait(ep, out, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(p[0], out, 1, 0), EINVAL);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0);
	CHECK_EQ(write(p[1], "ab", 2), 2);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	CHECK_EQ(out[0].events, EPOLLIN);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1); /* level */
	ev.events = EPOLLIN | EPOLLET;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), 0);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0); /* edge */
	CHECK_EQ(write(p[1], "c", 1), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	ev.events = EPOLLIN | EPOLLONESHOT;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), 0);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0);
	CHECK_EQ(write(p[1], "d", 1), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), 0);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	ev.events = EPOLLIN;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), 0);
	/* An epoll in an epoll, and no loop. */
	ev.data.fd = ep;
	CHECK_EQ(epoll_ctl(ep2, EPOLL_CTL_ADD, ep, &ev), 0);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep2, &ev), ELOOP);
	CHECK_EQ(epoll_wait(ep2, out, 4, 0), 1);
	CHECK_EQ(out[0].data.fd, ep);
	while (epoll_wait(ep, out, 4, 0) == 1)
		CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(epoll_wait(ep2, out, 4, 0), 0);
	CHECK_EQ(write(p[1], "e", 1), 1);
	CHECK_EQ(epoll_wait(ep2, out, 4, 100), 1);
	/* Hang-up without asking; close removes. */
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	CHECK_EQ(out[0].events, EPOLLHUP);
	close(p[0]);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0);
	close(q[0]);
	close(q[1]);
	close(ep);
	close(ep2);
}

static void eventfds(void)
{
	uint64_t v;
	int e = eventfd(3, EFD_NONBLOCK), s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);

	CHECK_EQ(read(e, &v, 8), 8);
	CHECK_EQ(v, 3);
	CHECK_ERR(read(e, &v, 8), EAGAIN);
	CHECK_ERR(read(e, &v, 4), EINVAL);
	v = UINT64_MAX;
	CHECK_ERR(write(e, &v, 8), EINVAL);
	v = UINT64_MAX - 1;
	CHECK_EQ(write(e, &v, 8), 8);
	v = 1;
	CHECK_ERR(write(e, &v, 8), EAGAIN);
	CHECK_EQ(read(s, &v, 8), 8);
	CHECK_EQ(v, 1);
	CHECK_EQ(read(s, &v, 8), 8);
	CHECK_ERR(read(s, &v, 8), EAGAIN);
	close(e);
	close(s);
	CHECK_ERR(eventfd(0, 12345), EINVAL);
}

static void memfds(void)
{
	int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char buf[8], link[64], path[64];
	char *m;

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "12345", 5), 5);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED && m[4] == '5');
	m[0] = 'X';
	CHECK_EQ(pread(fd, buf, 8, 0), 5);
	CHECK_EQ(buf[0], 'X');
	munmap(m, 4096);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	CHECK_ERR(ftruncate(fd, 100), EPERM);
	CHECK_ERR(ftruncate(fd, 1), EPERM);
	CHECK_ERR(pwrite(fd, "x", 1, 5), EPERM);
	CHECK_EQ(pwrite(fd, "x", 1, 4), 1);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
	CHECK_ERR(pwrite(fd, "x", 1, 4), EPERM);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, link, sizeof(link));
	CHECK_EQ(n, 21);
	CHECK(n == 21 && !memcmp(link, "/memfd:name (deleted)", 21));
	close(fd);
	CHECK_ERR(memfd_create("x", 0x1000), EINVAL);
}

static void copying(void)
{
	int a = temp(), b = temp(), p[2];
	char buf[64];
	off_t off = 2;
	loff_t io = 0, oo = 4;

	CHECK_EQ(write(a, "0123456789", 10), 10);
	CHECK_EQ(sendfile(b, a, &off, 4), 4);
	CHECK_EQ(off, 6);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 10);
	CHECK_EQ(pread(b, buf, 64, 0), 4);
	CHECK(!memcmp(buf, "2345", 4));
	CHECK_EQ(copy_file_range(a, &io, b, &oo, 3, 0), 3);
	CHECK(io == 3 && oo == 7);
	CHECK_EQ(pread(b, buf, 64, 0), 7);
	CHECK(!memcmp(buf, "2345012", 7));
	/* what counts for an overlap is what there is to copy */
	io = 3, oo = 8;
	CHECK_EQ(copy_file_range(b, &io, b, &oo, 100, 0), 4);
	CHECK_EQ(ftruncate(b, 7), 0);
	io = 3, oo = 6;
	CHECK_ERR(copy_file_range(b, &io, b, &oo, 100, 0), EINVAL);
	io = 7, oo = 8;
	CHECK_EQ(copy_file_range(b, &io, b, &oo, 100, 0), 0);
	CHECK_EQ(pipe(p), 0);
	lseek(a, 0, SEEK_SET);
	CHECK_EQ(splice(a, NULL, p[1], NULL, 5, 0), 5);
	CHECK_EQ(read(p[0], buf, 64), 5);
	CHECK_EQ(write(p[1], "pipe!", 5), 5);
	oo = 0;
	CHECK_EQ(splice(p[0], NULL, b, &oo, 64, 0), 5);
	CHECK_EQ(pread(b, buf, 64, 0), 7);
	CHECK(!memcmp(buf, "pipe!12", 7));
	CHECK_ERR(splice(a, NULL, b, NULL, 5, 0), EINVAL);
	int q[2];
	CHECK_EQ(pipe(q), 0);
	CHECK_EQ(write(p[1], "tee", 3), 3);
	CHECK_EQ(tee(p[0], q[1], 10, 0), 3);
	CHECK_EQ(read(p[0], buf, 64), 3);
	CHECK_EQ(read(q[0], buf, 64), 3);
	close(p[0]);
	close(p[1]);
	close(q[0]);
	close(q[1]);
	close(a);
	close(b);
}

static void devices(void)
{
	char buf[64];
	struct stat st;
	int fd = open("/dev/zero", O_RDWR);

	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(fd, buf, 64), 64);
	CHECK(buf[0] == 0 && buf[63] == 0);
	CHECK_EQ(write(fd, buf, 64), 64);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == 0x105);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	CHECK_EQ(read(fd, buf, 64), 0);
	CHECK_EQ(write(fd, buf, 64), 64);
	close(fd);
	fd = open("/dev/full", O_RDWR);
	CHECK_ERR(write(fd, buf, 64), ENOSPC);
	close(fd);
	fd = open("/dev/urandom", O_RDONLY);
	CHECK_EQ(read(fd, buf, 64), 64);
	close(fd);
	CHECK_ERR(ioctl(0, 0x12345, 0), ENOTTY);
}

static void procfs(void)
{
	char buf[8192], link[256], want[64];
	int fd = open("/proc/self/maps", O_RDONLY), n;
	struct stat a, b;

	n = (int)read(fd, buf, sizeof(buf) - 1);
	CHECK(n > 100);
	buf[n > 0 ? n : 0] = 0;
	CHECK(strstr(buf, "[stack]") != NULL);
	close(fd);
	n = (int)readlink("/proc/self", link, sizeof(link));
	snprintf(want, sizeof(want), "%d", (int)getpid());
	CHECK(n == (int)strlen(want) && !memcmp(link, want, (size_t)n));
	CHECK_EQ(stat("/proc/self/exe", &a), 0);
	CHECK(S_ISREG(a.st_mode));
	fd = open("/proc/self/cmdline", O_RDONLY);
	CHECK(read(fd, buf, sizeof(buf)) > 0);
	close(fd);
	fd = open("/dev/null", O_WRONLY);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	CHECK_EQ(stat(link, &a), 0);
	CHECK_EQ(fstat(fd, &b), 0);
	CHECK_EQ(a.st_rdev, b.st_rdev);
	n = (int)readlink(link, buf, sizeof(buf));
	CHECK(n == 9 && !memcmp(buf, "/dev/null", 9));
	close(fd);
	CHECK_ERR(stat(link, &a), ENOENT);
	CHECK_ERR(stat("/proc/999999", &a), ENOENT);
	CHECK_EQ(stat("/proc/self/task", &a), 0);
	int p[2];
	CHECK_EQ(pipe(p), 0);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", p[1]);
	n = (int)readlink(link, buf, sizeof(buf));
	CHECK(n > 6 && !memcmp(buf, "pipe:[", 6));
	fd = open(link, O_WRONLY);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "z", 1), 1);
	CHECK_EQ(read(p[0], buf, 8), 1);
	close(fd);
	close(p[0]);
	close(p[1]);
	const char *files[] = { "/proc/meminfo",
				"/proc/cpuinfo",
				"/proc/uptime",
				"/proc/loadavg",
				"/proc/stat",
				"/proc/version",
				"/proc/mounts",
				"/proc/filesystems",
				"/proc/self/stat",
				"/proc/self/status",
				"/proc/self/statm",
				"/proc/self/mountinfo",
				"/proc/self/limits",
				"/proc/self/comm",
				"/proc/sys/kernel/pid_max",
				"/proc/sys/kernel/hostname" };
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		fd = open(files[i], O_RDONLY);
		n = (int)read(fd, buf, sizeof(buf));
		if (n <= 0)
			printf("# %s: %d\n", files[i], n);
		CHECK(n > 0);
		close(fd);
	}
}

int main(void)
{
	snprintf(base, sizeof(base), "/tmp/fs_io.%d", (int)getpid());
	mkdir(base, 0755);
	RUN(descriptors);
	RUN(many_descriptors);
	RUN(positions);
	RUN(file_size_limit);
	RUN(pipes);
	RUN(sigpipe);
	RUN(pipe_stream);
	RUN(fifos);
	RUN(polls);
	RUN(wakes);
	RUN(epolls);
	RUN(eventfds);
	RUN(memfds);
	RUN(copying);
	RUN(devices);
	RUN(procfs);
	rmdir(base);
	return test_done();
}
