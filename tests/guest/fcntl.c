/* SPDX-License-Identifier: MIT */
/* fcntl(2) and dup: numbers, flags, close-on-exec across exec, close_range; record locks against a
 * model, locks that end with descriptors and processes, waiting in a crowd.  On the share and on
 * tmpfs. */
#define _GNU_SOURCE
#include "scratch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <time.h>

static char self[512];

static void test_dup(void)
{
	int fd = make_file("f", "0123456789"), a, b;

	a = dup(fd);
	CHECK(a > fd);
	CHECK_EQ(fcntl(a, F_GETFD), 0);
	CHECK_EQ(lseek(a, 5, SEEK_SET), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
	CHECK_EQ(fcntl(a, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
	b = fcntl(fd, F_DUPFD, 100);
	CHECK_EQ(b, 100);
	CHECK_EQ(fcntl(fd, F_DUPFD, 100), 101);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 100), 102);
	CHECK_EQ(fcntl(102, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(101, F_GETFD), 0);
	CHECK_EQ(dup2(fd, 102), 102); /* clears close-on-exec */
	CHECK_EQ(fcntl(102, F_GETFD), 0);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_ERR(syscall(SYS_dup3, fd, fd, 0), EINVAL);
	CHECK_EQ(dup3(fd, 102, O_CLOEXEC), 102);
	CHECK_EQ(fcntl(102, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(SYS_dup3, fd, 103, 1), EINVAL);
	CHECK_ERR(syscall(SYS_dup3, -1, 103, 0), EBADF);
	CHECK_ERR(syscall(SYS_dup3, fd, -1, 0), EBADF);
	CHECK_ERR(dup2(99, 103), EBADF);
	CHECK_ERR(dup2(99, 99), EBADF);
	CHECK_EQ(close(102), 0);
	CHECK_ERR(dup2(99, 101), EBADF); /* 101 stays open */
	CHECK_EQ(fcntl(101, F_GETFD), 0);
	CHECK_ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERR(fcntl(fd, F_SETLK, bad_kernel), EFAULT);
	CHECK_ERR(fcntl(fd, 9999, 0), EINVAL);
	CHECK_ERR(fcntl(-1, 9999, 0), EBADF);
	CHECK_EQ(fcntl(fd, F_SETFD, 0xfffe), 0); /* one bit counts */
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_SETFD, 1), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 1);
	/* access mode and creation flags cannot be set */
	CHECK_EQ(fcntl(fd, F_SETFL, O_WRONLY | O_TRUNC | O_EXCL), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_TRUNC | O_APPEND | O_NONBLOCK), O_RDWR);
	close(a);
	close(100);
	close(101);
	close(fd);
	unlink("f");
}

static int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}
static void in_range(void)
{
	int fd = open("/dev/null", O_RDONLY);

	for (int i = 50; i < 60; i++)
		dup2(fd, i);
	CHECK_EQ(syscall(SYS_close_range, 52, 54, 0), 0);
	CHECK(is_open(51) && !is_open(52) && !is_open(54) && is_open(55));
	CHECK_EQ(syscall(SYS_close_range, 56, 57, 4 /* CLOEXEC */), 0);
	CHECK_EQ(fcntl(55, F_GETFD), 0);
	CHECK_EQ(fcntl(56, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(57, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(58, F_GETFD), 0);
	CHECK_ERR(syscall(SYS_close_range, 5, 4, 0), EINVAL);
	CHECK_ERR(syscall(SYS_close_range, 50, 60, 1), EINVAL);
	CHECK_EQ(syscall(SYS_close_range, 55, ~0u, 2 /* UNSHARE */), 0);
	CHECK(is_open(50) && !is_open(55) && !is_open(59));
	CHECK_EQ(syscall(SYS_close_range, 1000000, ~0u, 0), 0);
}
static void test_close_range(void)
{
	CHECK_EQ(in_child(in_range), 0);
}

/* Which of 60..69 are open after exec: bit by bit as the status. */
static int exec_bits(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(self, self, "bits", NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
static void test_cloexec(void)
{
	int fd = open("/dev/null", O_RDONLY);

	dup2(fd, 60);
	dup3(fd, 61, O_CLOEXEC);
	fcntl(fd, F_DUPFD_CLOEXEC, 62);
	dup2(61, 63);
	dup2(fd, 64);
	fcntl(64, F_SETFD, FD_CLOEXEC);
	dup2(fd, 65);
	fcntl(65, F_SETFD, FD_CLOEXEC);
	fcntl(65, F_SETFD, 0);
	CHECK_EQ(exec_bits(), 1 | 8 | 32);
	/* here nothing has changed */
	for (int i = 60; i < 66; i++)
		CHECK(is_open(i));
	for (int i = 60; i < 66; i++)
		close(i);
	close(fd);
}

/* --- locks --- */
static int lock(int fd, int type, off_t start, off_t len)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};

	return fcntl(fd, F_SETLK, &l);
}
static int lock_wait(int fd, int type, off_t start, off_t len)
{
	struct flock l = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};

	return fcntl(fd, F_SETLKW, &l);
}

static void test_lock_errors(void)
{
	int fd = make_file("l", "0123456789"), ro = open("l", O_RDONLY), p[2];
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	CHECK_ERR(lock(ro, F_WRLCK, 0, 1), EBADF);
	CHECK_EQ(lock(ro, F_RDLCK, 0, 1), 0);
	CHECK_ERR(lock(fd, 77, 0, 1), EINVAL);
	CHECK_ERR(lock(fd, F_WRLCK, -1, 1), EINVAL);
	CHECK_ERR(lock(fd, F_WRLCK, 5, -6), EINVAL);
	CHECK_EQ(lock(fd, F_WRLCK, 5, -5), 0); /* 0..4 */
	l.l_whence = 99;
	CHECK_ERR(fcntl(fd, F_SETLK, &l), EINVAL);
	l = (struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET };
	CHECK_ERR(fcntl(fd, F_GETLK, &l), EINVAL);
	CHECK_ERR(fcntl(-1, F_SETLK, &l), EBADF);
	CHECK_ERR(fcntl(fd, F_SETLK, bad_null), EFAULT);
	/* OFD locks want l_pid 0 */
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 1 };
	CHECK_ERR(fcntl(fd, F_OFD_SETLK, &l), EINVAL);
	/* ends beyond the largest offset */
	CHECK_ERR(lock(fd, F_WRLCK, INT64_MAX, 2), EOVERFLOW);
	CHECK_EQ(lock(fd, F_WRLCK, INT64_MAX, 1), 0);
	CHECK_ERR(flock(fd, 0), EINVAL);
	CHECK_ERR(flock(fd, LOCK_SH | LOCK_EX), EINVAL);
	CHECK_ERR(flock(-1, LOCK_SH), EBADF);
	CHECK_EQ(flock(ro, LOCK_EX), 0); /* the mode does not matter */
	pipe(p);
	CHECK_EQ(lock(p[1], F_WRLCK, 0, 1), 0);
	close(p[0]);
	close(p[1]);
	close(ro);
	close(fd);
	unlink("l");
}

/* The owner of each of 40 bytes, kept here and asked of the kernel by another process. */
enum { BYTES = 40, CELLS = 64 }; /* locks start below BYTES; the last cell stands for the rest */
static int child_fd, command[2], answer[2];
static char states[CELLS + 1]; /* of our own locks: '.', 'r', 'w' */
static char others[CELLS + 1];

/* The child: takes locks on command "Tss ll" and reports 0 or errno; "?" + byte asks. */
struct cmd {
	int op, type, start, len;
};
static void lock_server(void)
{
	struct cmd c;

	close(child_fd);
	child_fd = open("model", O_RDWR);
	close(command[1]);
	while (read(command[0], &c, sizeof(c)) == sizeof(c)) {
		struct flock l = { .l_type = (short)c.type,
				   .l_whence = SEEK_SET,
				   .l_start = c.start,
				   .l_len = c.len };
		int r = fcntl(child_fd, c.op, &l) ? errno : c.op == F_GETLK ? 1000 + l.l_type : 0;

		if (write(answer[1], &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0);
}
static int ask(int op, int type, int start, int len)
{
	struct cmd c = { op, type, start, len };
	int r = -1;

	if (write(command[1], &c, sizeof(c)) != sizeof(c) ||
	    read(answer[0], &r, sizeof(r)) != sizeof(r))
		return -1;
	return r;
}
static int conflict(const char *theirs, int type, int start, int len)
{
	for (int i = start; i < CELLS && (i < start + len || !len); i++)
		if (theirs[i] == 'w' || (theirs[i] == 'r' && type == F_WRLCK))
			return 1;
	return 0;
}
static void test_lock_model(void)
{
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	unsigned seed = 5;
	int status, wrong = 0;
	pid_t pid;

	child_fd = make_file("model", "");
	memset(states, '.', CELLS);
	memset(others, '.', CELLS);
	pipe(command);
	pipe(answer);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		lock_server();
	close(command[0]);
	for (int i = 0; i < 1500 && !wrong; i++) {
		int mine = rand_r(&seed) & 1, type = types[rand_r(&seed) % 3];
		int start = (int)(rand_r(&seed) % BYTES), len = (int)(rand_r(&seed) % 10);
		char *our = mine ? states : others, *their = mine ? others : states;
		int want = type != F_UNLCK && conflict(their, type, start, len) ? EAGAIN : 0, got;

		if (mine)
			got = lock(child_fd, type, start, len) ? errno : 0;
		else
			got = ask(F_SETLK, type, start, len);
		if (got != want) {
			printf("# step %d: %s type %d at %d+%d: %d, not %d\n", i,
			       mine ? "parent" : "child", type, start, len, got, want);
			printf("# parent %s\n# child  %s\n", states, others);
			wrong++;
		}
		for (int b = start; !got && b < CELLS && (b < start + len || !len); b++)
			our[b] = type == F_RDLCK ? 'r' : type == F_WRLCK ? 'w' : '.';
		if (i % 20)
			continue;
		/* what the child is told about our locks, byte by byte */
		for (int b = 0; b < CELLS; b++) {
			int r = ask(F_GETLK, F_WRLCK, b, 1);
			int type_want = states[b] == 'r'   ? F_RDLCK
					: states[b] == 'w' ? F_WRLCK
							   : F_UNLCK;

			if (r != 1000 + type_want) {
				printf("# byte %d: %d, parent %s\n", b, r - 1000, states);
				wrong++;
			}
		}
	}
	CHECK_EQ(wrong, 0);
	/* any close of the file ends all the process's locks */
	CHECK_EQ(lock(child_fd, F_UNLCK, 0, 0), 0);
	CHECK_EQ(ask(F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_EQ(lock(child_fd, F_WRLCK, 50, 5), 0);
	CHECK_EQ(ask(F_SETLK, F_RDLCK, 54, 1), EAGAIN);
	close(open("model", O_RDONLY));
	CHECK_EQ(ask(F_SETLK, F_WRLCK, 50, 5), 0);
	CHECK_ERR(lock(child_fd, F_RDLCK, 50, 1), EAGAIN);
	/* and so does its end */
	close(command[1]);
	waitpid(pid, &status, 0);
	CHECK_EQ(lock(child_fd, F_WRLCK, 0, 0), 0);
	close(answer[0]);
	close(answer[1]);
	close(child_fd);
	unlink("model");
}

/* A counter in a file, raised by many processes and threads under one kind of lock. */
static int kind;
static void raise_counter(int rounds)
{
	int fd = open("counter", O_RDWR);

	for (int i = 0; i < rounds; i++) {
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 8 };
		long v = 0;

		if (kind == 0 && fcntl(fd, F_SETLKW, &l))
			_exit(1);
		if (kind == 1 && fcntl(fd, F_OFD_SETLKW, &l))
			_exit(2);
		if (kind == 2 && flock(fd, LOCK_EX))
			_exit(3);
		if (pread(fd, &v, sizeof(v), 0) < 0)
			_exit(4);
		v++;
		if (pwrite(fd, &v, sizeof(v), 0) != sizeof(v))
			_exit(5);
		l.l_type = F_UNLCK;
		if (kind == 0)
			fcntl(fd, F_SETLK, &l);
		if (kind == 1)
			fcntl(fd, F_OFD_SETLK, &l);
		if (kind == 2)
			flock(fd, LOCK_UN);
	}
	close(fd);
}
static void *raise_thread(void *arg)
{
	raise_counter(60);
	return arg;
}
static void test_counter(void)
{
	for (kind = 0; kind < 3; kind++) {
		int fd = open("counter", O_RDWR | O_CREAT | O_TRUNC, 0600), status;
		pid_t pids[4];
		pthread_t t[2];
		long v = 0;

		fflush(stdout);
		for (int i = 0; i < 4; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				/* POSIX locks do not keep threads of one process apart */
				if (kind) {
					pthread_create(&t[0], NULL, raise_thread, NULL);
					pthread_create(&t[1], NULL, raise_thread, NULL);
					pthread_join(t[0], NULL);
					pthread_join(t[1], NULL);
				} else {
					raise_counter(120);
				}
				_exit(0);
			}
		}
		for (int i = 0; i < 4; i++) {
			waitpid(pids[i], &status, 0);
			CHECK_EQ(status, 0);
		}
		CHECK_EQ(pread(fd, &v, sizeof(v), 0), sizeof(v));
		CHECK_EQ(v, 480);
		close(fd);
	}
	unlink("counter");
}

/* Three processes that want each other's bytes: one is refused, the others get on. */
static void test_deadlock(void)
{
	int fd = make_file("dead", ""), refused = 0, ready[2], go[2], status;
	pid_t pids[3];
	char c = 0;

	pipe(ready);
	pipe(go);
	fflush(stdout);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(go[1]);
			if (lock(fd, F_WRLCK, i, 1) || write(ready[1], &c, 1) != 1)
				_exit(9);
			if (read(go[0], &c, 1) < 0)
				_exit(8);
			if (!lock_wait(fd, F_WRLCK, (i + 1) % 3, 1))
				_exit(0);
			_exit(errno == EDEADLK ? 1 : 7);
		}
	}
	for (int i = 0; i < 3; i++)
		read(ready[0], &c, 1);
	close(go[1]);
	for (int i = 0; i < 3; i++) {
		waitpid(pids[i], &status, 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
		refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	CHECK(refused >= 1);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
	close(fd);
	unlink("dead");
}

/* flock belongs to the open file: it goes over fork and dup, and ends with the last close. */
static void test_flock(void)
{
	int a = make_file("fl", ""), b = open("fl", O_RDWR), c, status;
	pid_t pid;

	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	CHECK_ERR(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
	CHECK_ERR(flock(a, LOCK_SH | LOCK_NB), EAGAIN);
	c = dup(b);
	close(b);
	CHECK_ERR(flock(a, LOCK_SH | LOCK_NB), EAGAIN);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(flock(c, LOCK_UN)); /* for the parent, too */
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
	/* the two kinds do not see each other */
	CHECK_EQ(lock(c, F_WRLCK, 0, 0), 0);
	CHECK_EQ(flock(a, LOCK_UN), 0);
	CHECK_EQ(flock(c, LOCK_EX | LOCK_NB), 0);
	close(c);
	CHECK_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
	close(a);
	unlink("fl");
}

static void tests(void)
{
	RUN(test_dup);
	RUN(test_close_range);
	RUN(test_cloexec);
	RUN(test_lock_errors);
	RUN(test_lock_model);
	RUN(test_counter);
	RUN(test_deadlock);
	RUN(test_flock);
}
int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "bits")) {
		int r = 0;

		for (int i = 0; i < 6; i++)
			r |= is_open(60 + i) << i;
		return r;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	RUN_EVERYWHERE(tests);
	return test_done();
}
