/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs: blocking, atomic writes, packets, sizes, ends that go, signals; eventfd's
 * counters; splice, tee, vmsplice, sendfile, copy_file_range. */
#define _GNU_SOURCE
#include "scratch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

static void nap_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}
static int queued(int fd)
{
	int n = -1;

	return ioctl(fd, FIONREAD, &n) ? -1 : n;
}

static void test_basics(void)
{
	char buf[64];
	struct stat st;
	int p[2];

	CHECK_EQ(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	/* no position: that comes before the direction and the address */
	CHECK_ERR(pwrite(p[0], bad_kernel, 1, 0), ESPIPE);
	CHECK_ERR(pread(p[1], bad_kernel, 1, 0), ESPIPE);
	CHECK_ERR(preadv(p[0], bad_kernel, 1, 0), ESPIPE);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY | O_NONBLOCK);
	CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK);
	CHECK_EQ(fstat(p[0], &st), 0);
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_EQ(st.st_size, 0);
	CHECK_ERR(read(p[0], buf, 1), EAGAIN);
	CHECK_EQ(read(p[0], buf, 0), 0);
	CHECK_ERR(read(p[1], buf, 1), EBADF);
	CHECK_ERR(write(p[0], buf, 1), EBADF);
	CHECK_EQ(write(p[1], buf, 0), 0);
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_EQ(write(p[1], " you", 4), 4);
	CHECK_EQ(queued(p[0]), 9);
	CHECK_EQ(queued(p[1]), 9);
	CHECK_EQ(read(p[0], buf, 3), 3);
	CHECK_EQ(read(p[0], buf + 3, 60), 6);
	CHECK(!memcmp(buf, "hello you", 9));
	/* a bad buffer takes nothing out and puts nothing in */
	CHECK_ERR(write(p[1], bad_kernel, 5), EFAULT);
	CHECK_EQ(queued(p[0]), 0);
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_ERR(read(p[0], bad_kernel, 3), EFAULT);
	CHECK_ERR(read(p[0], bad_low, 3), EFAULT);
	CHECK_EQ(queued(p[0]), 3);
	close(p[1]);
	CHECK_EQ(read(p[0], buf, 64), 3);
	CHECK_EQ(read(p[0], buf, 64), 0);
	CHECK_EQ(read(p[0], buf, 64), 0);
	close(p[0]);
	CHECK_ERR(syscall(SYS_pipe2, p, 1), EINVAL);
	CHECK_ERR(syscall(SYS_pipe2, bad_kernel, 0), EFAULT);
	int lowest = dup(0);
	close(lowest);
	CHECK_ERR(syscall(SYS_pipe2, bad_low, 0), EFAULT);
	CHECK_EQ(dup(0), lowest); /* nothing leaked */
	close(lowest);
}

static void test_broken(void)
{
	struct sigaction old, ignore = { .sa_handler = SIG_IGN };
	sigset_t set, before, pending;
	int p[2];

	pipe(p);
	close(p[0]);
	sigaction(SIGPIPE, &ignore, &old);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_ERR(writev(p[1], (struct iovec[]){ { "x", 1 } }, 1), EPIPE);
	CHECK_EQ(write(p[1], "x", 0), 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &before);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGPIPE));
	sigaction(SIGPIPE, &ignore, NULL); /* forgets it */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGPIPE, &old, NULL);
	close(p[1]);
}

static void test_capacity(void)
{
	static char buf[1 << 20];
	int p[2], size;
	ssize_t n, total = 0;

	pipe2(p, O_NONBLOCK);
	size = fcntl(p[0], F_GETPIPE_SZ);
	CHECK_EQ(size, 65536);
	/* full pages: exactly the capacity */
	while ((n = write(p[1], buf, 4096)) > 0)
		total += n;
	CHECK(n == -1 && errno == EAGAIN);
	CHECK_EQ(total, size);
	CHECK_EQ(queued(p[0]), size);
	CHECK_ERR(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), size);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(write(p[1], buf, 10000), 4096);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 10000), 16384);
	CHECK_EQ(queued(p[0]), 4096);
	CHECK_EQ(write(p[1], buf, 100000), 12288);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 16384);
	CHECK_EQ(write(p[1], buf, sizeof(buf)), 1 << 20);
	CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, -1), EINVAL);
	close(p[0]);
	close(p[1]);
	int fd = open("/dev/null", O_RDONLY);
	CHECK_ERR(fcntl(fd, F_GETPIPE_SZ), EBADF);
	close(fd);
	/* without O_NONBLOCK, less than PIPE_BUF fits or not at all; with it, too */
	pipe2(p, O_NONBLOCK);
	total = 0;
	while ((n = write(p[1], buf, 4095)) > 0) {
		CHECK_EQ(n, 4095);
		total += n;
	}
	CHECK(total > 40000);
	CHECK_ERR(write(p[1], buf, 4096), EAGAIN);
	close(p[0]);
	close(p[1]);
}

static void test_packets(void)
{
	char buf[8192];
	int p[2];

	if (on_corrida()) { /* has none, and says so as a Linux without them */
		CHECK_ERR(pipe2(p, O_DIRECT | O_NONBLOCK), EINVAL);
		return;
	}
	CHECK_EQ(pipe2(p, O_DIRECT | O_NONBLOCK), 0);
	CHECK_EQ(write(p[1], "one", 3), 3);
	CHECK_EQ(write(p[1], "second", 6), 6);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 3);
	/* the rest of a packet that does not fit is gone */
	CHECK_EQ(read(p[0], buf, 2), 2);
	CHECK_ERR(read(p[0], buf, sizeof(buf)), EAGAIN);
	/* more than PIPE_BUF: several packets */
	CHECK_EQ(write(p[1], buf, 5000), 5000);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 4096);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 904);
	close(p[0]);
	close(p[1]);
}

/* Writers of records of at most PIPE_BUF bytes: none is torn. */
enum { WRITERS = 4, RECORDS = 400 };
static int record_pipe[2];
static void *record_writer(void *arg)
{
	unsigned char r[4096];
	unsigned seed = (unsigned)(intptr_t)arg;

	for (int i = 0; i < RECORDS; i++) {
		unsigned len = 8 + rand_r(&seed) % 2000;

		memset(r, (int)(intptr_t)arg, len);
		memcpy(r, (unsigned short[]){ (unsigned short)len, (unsigned short)i }, 4);
		if (write(record_pipe[1], r, len) != (ssize_t)len)
			return (void *)1;
	}
	return NULL;
}
static int read_all(int fd, unsigned char *to, size_t n)
{
	while (n) {
		ssize_t got = read(fd, to, n);

		if (got <= 0)
			return 0;
		to += got;
		n -= (size_t)got;
	}
	return 1;
}
static void test_atomic_writes(void)
{
	int next[WRITERS + 1] = { 0 }, torn = 0;
	pthread_t t[WRITERS];
	unsigned char r[4096];

	pipe(record_pipe);
	for (intptr_t i = 0; i < WRITERS; i++)
		pthread_create(&t[i], NULL, record_writer, (void *)(i + 1));
	for (int i = 0; i < WRITERS * RECORDS && !torn; i++) {
		unsigned short len, number;
		int who;

		if (!read_all(record_pipe[0], r, 4)) {
			torn++;
			break;
		}
		memcpy(&len, r, 2);
		memcpy(&number, r + 2, 2);
		if (len < 8 || len > 2008 || !read_all(record_pipe[0], r, len - 4u)) {
			torn++;
			break;
		}
		who = r[0];
		for (int j = 0; j < len - 4; j++)
			torn += r[j] != who;
		if (who < 1 || who > WRITERS || number != next[who]++)
			torn++;
	}
	CHECK_EQ(torn, 0);
	if (torn)
		close(record_pipe[0]);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	if (!torn)
		close(record_pipe[0]);
	close(record_pipe[1]);
}

/* A stream through several processes, with odd sizes: every byte arrives, in order. */
static void test_chain(void)
{
	enum { STAGES = 4, TOTAL = 3000000 };
	int in = -1, p[2], status;
	unsigned sum = 0, want = 0;
	pid_t pids[STAGES];
	static unsigned char buf[70000];
	size_t total = 0;

	fflush(stdout);
	for (int s = 0; s < STAGES; s++) {
		pipe(p);
		pids[s] = fork();
		if (pids[s] == 0) {
			ssize_t n;

			close(p[0]);
			if (s == 0) {
				unsigned x = 1;
				for (size_t done = 0; done < TOTAL; done += (size_t)n) {
					size_t len = 1 + (done * 7919) % sizeof(buf);
					if (len > TOTAL - done)
						len = TOTAL - done;
					for (size_t i = 0; i < len; i++)
						buf[i] = (unsigned char)((x = x * 1664525 +
									      1013904223) >>
									 24);
					n = write(p[1], buf, len);
					if (n != (ssize_t)len)
						_exit(1);
				}
				_exit(0);
			}
			while ((n = read(in, buf, 1 + (size_t)s * 3001)) > 0)
				if (write(p[1], buf, (size_t)n) != n)
					_exit(2);
			_exit(n == 0 ? 0 : 3);
		}
		close(p[1]);
		if (in >= 0)
			close(in);
		in = p[0];
	}
	unsigned x = 1;
	for (;;) {
		ssize_t n = read(in, buf, sizeof(buf));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++) {
			sum = sum * 31 + buf[i];
			want = want * 31 + (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
		}
		total += (size_t)n;
	}
	CHECK_EQ(total, TOTAL);
	CHECK_EQ(sum, want);
	close(in);
	for (int s = 0; s < STAGES; s++) {
		CHECK_EQ(waitpid(pids[s], &status, 0), pids[s]);
		CHECK_EQ(status, 0);
	}
}

/* --- interrupted --- */
static volatile sig_atomic_t got_signal;
static void on_signal(int sig)
{
	got_signal = sig;
}
struct target {
	pthread_t thread;
	int fd;
};
static void *signal_then_drain(void *arg)
{
	struct target *t = arg;
	static char buf[65536];

	nap_ms(50);
	pthread_kill(t->thread, SIGUSR1);
	if (t->fd >= 0) {
		nap_ms(50);
		if (write(t->fd, "late", 4) != 4 && read(t->fd, buf, sizeof(buf)) < 0)
			abort();
	}
	return NULL;
}
static void test_interrupts(void)
{
	struct target me = { pthread_self(), -1 };
	struct sigaction sa = { .sa_handler = on_signal };
	static char big[200000];
	char buf[8];
	pthread_t t;
	int p[2];

	pipe(p);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, signal_then_drain, &me);
	CHECK_ERR(read(p[0], buf, 8), EINTR);
	CHECK_EQ(got_signal, SIGUSR1);
	pthread_join(t, NULL);
	/* a write that has gone in part counts */
	pthread_create(&t, NULL, signal_then_drain, &me);
	CHECK_EQ(write(p[1], big, sizeof(big)), 65536);
	pthread_join(t, NULL);
	pthread_create(&t, NULL, signal_then_drain, &me);
	CHECK_ERR(write(p[1], big, 1), EINTR);
	pthread_join(t, NULL);
	CHECK_EQ(read(p[0], big, sizeof(big)), 65536);
	/* with SA_RESTART the read goes on */
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	me.fd = p[1];
	got_signal = 0;
	pthread_create(&t, NULL, signal_then_drain, &me);
	CHECK_EQ(read(p[0], buf, 8), 4);
	CHECK_EQ(got_signal, SIGUSR1);
	pthread_join(t, NULL);
	signal(SIGUSR1, SIG_DFL);
	close(p[0]);
	close(p[1]);
}

/* --- FIFOs --- */
static void *open_writer(void *arg)
{
	int fd;

	nap_ms(30);
	fd = open(arg, O_WRONLY);
	if (fd >= 0 && write(fd, "fifo", 4) == 4)
		close(fd);
	return (void *)(intptr_t)(fd >= 0);
}
static void fifo_tests(void)
{
	struct stat st;
	char buf[8];
	int r, w, rw;
	pthread_t t;
	void *ok;

	CHECK_EQ(mkfifo("fifo", 0640), 0);
	CHECK_ERR(mkfifo("fifo", 0640), EEXIST);
	CHECK_EQ(stat("fifo", &st), 0);
	CHECK_EQ(st.st_mode, S_IFIFO | 0640);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	CHECK_ERR(open("fifo", 3), EINVAL);
	r = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(r >= 0);
	CHECK_EQ(read(r, buf, 8), 0); /* no writer yet: end of file */
	w = open("fifo", O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0);
	CHECK_ERR(read(r, buf, 8), EAGAIN);
	CHECK_EQ(write(w, "ab", 2), 2);
	CHECK_EQ(read(r, buf, 8), 2);
	close(w);
	CHECK_EQ(read(r, buf, 8), 0);
	close(r);
	/* what is left in it goes with the last descriptor */
	rw = open("fifo", O_RDWR);
	CHECK_EQ(write(rw, "xyz", 3), 3);
	r = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK_EQ(read(r, buf, 1), 1);
	close(rw);
	close(r);
	r = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK_EQ(read(r, buf, 8), 0);
	close(r);
	/* openers wait for each other */
	for (int i = 0; i < 5; i++) {
		pthread_create(&t, NULL, open_writer, "fifo");
		r = open("fifo", O_RDONLY);
		CHECK(r >= 0);
		CHECK_EQ(read(r, buf, 8), 4);
		CHECK_EQ(read(r, buf, 8), 0);
		close(r);
		pthread_join(t, &ok);
		CHECK(ok != NULL);
	}
	/* waiting to open is interruptible */
	struct sigaction sa = { .sa_handler = on_signal };
	struct target me = { pthread_self(), -1 };
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, signal_then_drain, &me);
	CHECK_ERR(open("fifo", O_RDONLY), EINTR);
	pthread_join(t, NULL);
	signal(SIGUSR1, SIG_DFL);
	CHECK_ERR(open("fifo", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_EQ(unlink("fifo"), 0);
}
static void test_fifos(void)
{
	scratch_run(".", "share", fifo_tests);
	scratch_run("/dev/shm", "tmpfs", fifo_tests);
}

static void test_eventfd(void)
{
	eventfd_t v;
	uint64_t raw;
	int fd = eventfd(3, EFD_NONBLOCK), sem = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);

	CHECK_EQ(eventfd_read(fd, &v), 0);
	CHECK_EQ(v, 3);
	CHECK_ERR(eventfd_read(fd, &v), EAGAIN);
	CHECK_EQ(eventfd_write(fd, UINT64_MAX - 1), 0);
	CHECK_ERR(eventfd_write(fd, 1), EAGAIN);
	CHECK_EQ(eventfd_write(fd, 0), 0);
	raw = UINT64_MAX;
	CHECK_ERR(write(fd, &raw, 8), EINVAL);
	CHECK_ERR(write(fd, &raw, 7), EINVAL);
	CHECK_ERR(read(fd, &raw, 7), EINVAL);
	CHECK_ERR(write(fd, bad_kernel, 8), EFAULT);
	CHECK_EQ(read(fd, &raw, 100), 8);
	CHECK_EQ(raw, UINT64_MAX - 1);
	CHECK_EQ(eventfd_read(sem, &v), 0);
	CHECK_EQ(v, 1);
	CHECK_EQ(eventfd_read(sem, &v), 0);
	CHECK_ERR(eventfd_read(sem, &v), EAGAIN);
	CHECK_ERR(syscall(SYS_eventfd2, 0, 2), EINVAL);
	close(fd);
	close(sem);
}

/* --- moving data without user memory --- */
static void splice_tests(void)
{
	int p[2], q[2], in = make_file("in", "0123456789abcdef"), out = make_file("out", "");
	loff_t off = 4;
	char buf[32];

	pipe2(p, O_NONBLOCK);
	pipe2(q, O_NONBLOCK);
	CHECK_EQ(splice(in, &off, p[1], NULL, 6, 0), 6);
	CHECK_EQ(off, 10);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(splice(in, NULL, p[1], NULL, 4, 0), 4);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 4);
	CHECK_EQ(queued(p[0]), 10);
	/* tee copies, splice moves */
	CHECK_EQ(tee(p[0], q[1], 8, 0), 8);
	CHECK_EQ(queued(p[0]), 10);
	CHECK_EQ(queued(q[0]), 8);
	CHECK_EQ(splice(p[0], NULL, out, NULL, 100, 0), 10);
	CHECK(file_is("out", "4567890123"));
	CHECK_EQ(read(q[0], buf, 32), 8);
	CHECK(!memcmp(buf, "45678901", 8));
	CHECK_ERR(splice(p[0], NULL, out, NULL, 10, 0), EAGAIN);
	CHECK_ERR(splice(in, NULL, out, NULL, 10, 0), EINVAL); /* no pipe */
	CHECK_EQ(splice(in, NULL, p[1], NULL, 0, 0), 0);
	off = 0;
	CHECK_ERR(splice(p[0], &off, out, NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(in, &off, p[0], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(in, NULL, p[1], NULL, 1, 0x100), EINVAL);
	CHECK_ERR(splice(-1, NULL, p[1], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(in, bad_kernel, p[1], NULL, 1, 0), EFAULT);
	CHECK_ERR(tee(p[0], p[1], 1, 0), EINVAL);
	CHECK_ERR(tee(in, q[1], 1, 0), EINVAL);
	CHECK_ERR(tee(p[0], q[1], 1, 0), EAGAIN);
	lseek(in, 0, SEEK_END);
	CHECK_EQ(splice(in, NULL, p[1], NULL, 10, 0), 0);
	CHECK_EQ(vmsplice(p[1], &(struct iovec){ "vmspliced", 9 }, 1, 0), 9);
	CHECK_EQ(read(p[0], buf, 32), 9);
	CHECK(!memcmp(buf, "vmspliced", 9));
	CHECK_ERR(vmsplice(in, &(struct iovec){ "x", 1 }, 1, 0), EBADF);

	/* sendfile */
	CHECK_EQ(ftruncate(out, 0), 0);
	lseek(out, 0, SEEK_SET);
	lseek(in, 0, SEEK_SET);
	off = 10;
	CHECK_EQ(sendfile(out, in, &off, 100), 6);
	CHECK_EQ(off, 16);
	CHECK_EQ(sendfile(out, in, NULL, 3), 3);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 3);
	CHECK(file_is("out", "abcdef012"));
	CHECK_EQ(sendfile(p[1], in, NULL, 5), 5);
	CHECK_EQ(read(p[0], buf, 32), 5);
	CHECK_ERR(sendfile(out, -1, NULL, 1), EBADF);
	CHECK_ERR(sendfile(-1, in, NULL, 1), EBADF);
	CHECK_ERR(sendfile(out, in, bad_kernel, 1), EFAULT);
	off = -1;
	CHECK_ERR(sendfile(out, in, &off, 1), EINVAL);

	/* copy_file_range */
	loff_t from = 2, to = 20;
	CHECK_EQ(copy_file_range(in, &from, out, &to, 5, 0), 5);
	CHECK(from == 7 && to == 25);
	CHECK_EQ(size_of("out"), 25);
	CHECK_EQ(pread(out, buf, 25, 0), 25);
	CHECK(!memcmp(buf, "abcdef012\0\0\0\0\0\0\0\0\0\0\00023456", 25));
	from = 16;
	CHECK_EQ(copy_file_range(in, &from, out, &to, 5, 0), 0);
	CHECK_ERR(copy_file_range(in, NULL, out, NULL, 5, 1), EINVAL);
	CHECK_ERR(copy_file_range(p[0], NULL, out, NULL, 5, 0), EINVAL);
	CHECK_ERR(copy_file_range(-1, NULL, out, NULL, 5, 0), EBADF);
	/* a file onto itself: only without overlap */
	from = 0;
	to = 4;
	CHECK_ERR(copy_file_range(in, &from, in, &to, 8, 0), EINVAL);
	to = 8;
	CHECK_EQ(copy_file_range(in, &from, in, &to, 8, 0), 8);
	CHECK(file_is("in", "0123456701234567"));
	close(p[0]);
	close(p[1]);
	close(q[0]);
	close(q[1]);
	close(in);
	in = open("in", O_RDONLY);
	CHECK_ERR(copy_file_range(out, NULL, in, NULL, 5, 0), EBADF);
	close(out);
	out = open("out", O_WRONLY | O_APPEND);
	CHECK_ERR(copy_file_range(in, NULL, out, NULL, 5, 0), EBADF);
	CHECK_ERR(sendfile(out, in, NULL, 5), EINVAL);
	close(in);
	close(out);
	unlink("in");
	unlink("out");
}
static void test_splice(void)
{
	scratch_run(".", "share", splice_tests);
	scratch_run("/dev/shm", "tmpfs", splice_tests);
}

/* A megabyte through sendfile, pipe and splice at once. */
static int big_pipe[2], big_out;
static void *drain(void *arg)
{
	while (splice(big_pipe[0], NULL, big_out, NULL, 50000, SPLICE_F_MOVE) > 0)
		;
	return arg;
}
static void big_splice_tests(void)
{
	static unsigned a[1 << 18], b[1 << 18];
	int in = open("in", O_RDWR | O_CREAT, 0600);
	size_t left = sizeof(a);
	pthread_t t;

	big_out = open("out", O_RDWR | O_CREAT, 0600);
	for (size_t i = 0; i < 1 << 18; i++)
		a[i] = (unsigned)i * 2654435761u;
	CHECK_EQ(write(in, a, sizeof(a)), sizeof(a));
	lseek(in, 0, SEEK_SET);
	pipe(big_pipe);
	pthread_create(&t, NULL, drain, NULL);
	while (left) {
		ssize_t n = sendfile(big_pipe[1], in, NULL, left);

		if (n <= 0)
			break;
		left -= (size_t)n;
	}
	CHECK_EQ(left, 0);
	close(big_pipe[1]);
	pthread_join(t, NULL);
	CHECK_EQ(pread(big_out, b, sizeof(b), 0), sizeof(b));
	CHECK(!memcmp(a, b, sizeof(a)));
	close(big_pipe[0]);
	close(big_out);
	close(in);
}
static void test_big_splice(void)
{
	scratch_run(".", "share", big_splice_tests);
	scratch_run("/dev/shm", "tmpfs", big_splice_tests);
}

/* What write(2) would be held to holds for copies: the limit of a file's size; and a file that is
 * copied to itself at its one position begins at it on both sides. */
static void copy_limit_child(void)
{
	struct rlimit limit = { 12, RLIM_INFINITY };
	loff_t from = 0, to = 10;
	int f = make_file("limited", "0123456789");

	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(copy_file_range(f, &from, f, &to, 6, 0), 2);
	CHECK_EQ(from, 2);
	CHECK_EQ(to, 12);
	CHECK_ERR(copy_file_range(f, &from, f, &to, 6, 0), EFBIG);
	close(f);
}
static void copy_limit_tests(void)
{
	char buf[32];
	int f;

	CHECK_EQ(in_child(copy_limit_child), 0);
	unlink("limited");
	f = make_file("same", "0123456789");
	CHECK_EQ(lseek(f, 2, SEEK_SET), 2);
	CHECK_EQ(sendfile(f, f, NULL, 3), 3);
	CHECK_EQ(lseek(f, 0, SEEK_CUR), 5);
	CHECK_EQ(pread(f, buf, 32, 0), 10);
	CHECK(!memcmp(buf, "0123456789", 10));
	close(f);
	unlink("same");
}
static void test_copy_limits(void)
{
	scratch_run(".", "share", copy_limit_tests);
	scratch_run("/dev/shm", "tmpfs", copy_limit_tests);
}

static void fill(int fd)
{
	static char page[4096];

	while (write(fd, page, sizeof(page)) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
}

/* What the output does not take stays where it was. */
static void test_splice_full(void)
{
	static _Alignas(4096) char buf[65536];
	struct iovec v = { buf, sizeof(buf) };
	int p[2], q[2], s[2], t[2], x[2];
	loff_t off = 0;

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(pipe2(q, O_NONBLOCK), 0);
	CHECK_EQ(pipe(x), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, t), 0);
	fill(q[1]);
	fill(s[0]);
	CHECK_EQ(write(p[1], "hello", 5), 5);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 100, 0), EAGAIN);
	CHECK_ERR(splice(p[0], NULL, s[0], NULL, 100, 0), EAGAIN);
	CHECK_ERR(sendfile(s[0], p[0], NULL, 100), EINVAL);
	CHECK_ERR(tee(p[0], q[1], 100, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(vmsplice(q[1], &v, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(queued(p[0]), 5);
	CHECK_EQ(write(t[0], "world", 5), 5);
	CHECK_ERR(splice(t[1], NULL, q[1], NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERR(splice(t[1], &off, x[1], NULL, 100, 0), EINVAL);
	CHECK_EQ(queued(t[1]), 5);
	/* who may wait does so only while nothing fits */
	CHECK_EQ(fcntl(q[0], F_SETFL, 0), 0);
	CHECK_EQ(fcntl(q[1], F_SETFL, 0), 0);
	CHECK_EQ(fcntl(x[1], F_SETPIPE_SZ, 8192), 8192);
	alarm(20);
	CHECK_EQ(tee(q[0], x[1], 65536, 0), 8192);
	CHECK_EQ(read(x[0], buf, 65536), 8192);
	CHECK_EQ(splice(q[0], NULL, x[1], NULL, 65536, 0), 8192);
	CHECK_EQ(queued(q[0]), 65536 - 8192);
	CHECK_ERR(splice(q[0], NULL, x[1], NULL, 65536, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(queued(q[0]), 65536 - 8192);
	CHECK_EQ(read(x[0], buf, 65536), 8192);
	CHECK_EQ(vmsplice(x[1], &v, 1, 0), 8192);
	alarm(0);
	CHECK_EQ(read(p[0], buf, 100), 5);
	CHECK(!memcmp(buf, "hello", 5));
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
		close(s[i]);
		close(t[i]);
		close(x[i]);
	}
}

/* Bytes that go by splice to a socket and by read, and come by splice from a socket and by write:
 * all arrive, once. */
#define SHARED_BYTES (1 << 20)
static int shared_pipe[2], to_socket[2], from_socket[2];
static atomic_long arrived;
static void *splice_out(void *arg)
{
	struct pollfd pf = { .fd = to_socket[0], .events = POLLOUT };
	ssize_t n;

	while ((n = splice(shared_pipe[0], NULL, to_socket[0], NULL, 5000, 0)) != 0)
		if (n < 0)
			poll(&pf, 1, -1);
	shutdown(to_socket[0], SHUT_WR);
	return arg;
}
static void *splice_in(void *arg)
{
	while (splice(from_socket[1], NULL, shared_pipe[1], NULL, 3000, 0) > 0)
		;
	return arg;
}
static void *count_bytes(void *arg)
{
	char buf[777];
	ssize_t n;

	while ((n = read(*(int *)arg, buf, sizeof(buf))) > 0)
		arrived += n;
	return NULL;
}
static void *put_bytes(void *arg)
{
	char buf[1024] = "";

	for (long n = 0; n < SHARED_BYTES; n += (long)sizeof(buf))
		CHECK_EQ(write(*(int *)arg, buf, sizeof(buf)), sizeof(buf));
	if (arg == &from_socket[0])
		shutdown(from_socket[0], SHUT_WR);
	return NULL;
}
static void test_splice_shared(void)
{
	pthread_t t[6];

	arrived = 0;
	CHECK_EQ(pipe(shared_pipe), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, to_socket), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, from_socket), 0);
	CHECK_EQ(fcntl(to_socket[0], F_SETFL, O_NONBLOCK), 0);
	alarm(300);
	pthread_create(&t[0], NULL, splice_in, NULL);
	pthread_create(&t[1], NULL, put_bytes, &from_socket[0]);
	pthread_create(&t[2], NULL, put_bytes, &shared_pipe[1]);
	pthread_create(&t[3], NULL, splice_out, NULL);
	pthread_create(&t[4], NULL, count_bytes, &shared_pipe[0]);
	pthread_create(&t[5], NULL, count_bytes, &to_socket[1]);
	for (int i = 0; i < 6; i++) {
		if (i == 3)
			close(shared_pipe[1]); /* all is in */
		pthread_join(t[i], NULL);
	}
	alarm(0);
	CHECK_EQ(arrived, 2 * SHARED_BYTES);
	close(shared_pipe[0]);
	for (int i = 0; i < 2; i++) {
		close(to_socket[i]);
		close(from_socket[i]);
	}
}

/* Ends opened and closed all the time beside readers and writers: no hang. */
static void *closer(void *unused)
{
	for (volatile int i = 0; i < 200; i++) {
		int p[2], status;
		char c = 'x';

		pipe(p);
		pid_t pid = vfork();
		if (pid == 0)
			_exit(0);
		if (i & 1) {
			close(p[0]);
			/* another thread's child may still hold the other end */
			if (write(p[1], &c, 1) == -1 && errno != EPIPE)
				return "bad write";
			close(p[1]);
		} else {
			close(p[1]);
			if (read(p[0], &c, 1) != 0)
				return "bad read";
			close(p[0]);
		}
		waitpid(pid, &status, 0);
	}
	return NULL;
}
static void test_closing(void)
{
	pthread_t t[3];
	void *r;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, closer, NULL);
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], &r);
		CHECK(r == NULL);
	}
	signal(SIGPIPE, SIG_DFL);
}

int main(void)
{
	RUN(test_basics);
	RUN(test_broken);
	RUN(test_capacity);
	RUN(test_packets);
	RUN(test_atomic_writes);
	RUN(test_chain);
	RUN(test_interrupts);
	RUN(test_fifos);
	RUN(test_eventfd);
	RUN(test_splice);
	RUN(test_big_splice);
	RUN(test_copy_limits);
	RUN(test_splice_full);
	RUN(test_splice_shared);
	RUN(test_closing);
	return test_done();
}
