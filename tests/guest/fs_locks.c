/* SPDX-License-Identifier: MIT */
/* fcntl, open-file-description and flock locks, among processes and threads. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>

static char name[64];
static volatile int *shared; /* between processes */

static int lock(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock fl = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len
	};

	return fcntl(fd, cmd, &fl);
}
static void nap(int ms)
{
	usleep((useconds_t)ms * 1000);
}

static void child_sees(void)
{
	int fd = open(name, O_RDWR);
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	CHECK_ERR(lock(fd, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
	CHECK_ERR(lock(fd, F_SETLK, F_RDLCK, 5, 1), EAGAIN);
	CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 20, 5), 0);
	CHECK_ERR(lock(fd, F_SETLK, F_WRLCK, 20, 6), EAGAIN);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 100, 0), 0);
	CHECK_EQ(fcntl(fd, F_GETLK, &fl), 0);
	CHECK(fl.l_type == F_WRLCK && fl.l_start == 0 && fl.l_len == 10 && fl.l_pid == getppid());
}
static void posix_locks(void)
{
	int fd = open(name, O_RDWR), ro = open(name, O_RDONLY), fd2;

	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 20, 10), 0);
	CHECK_EQ(in_child(child_sees), 0);
	CHECK_ERR(lock(ro, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERR(lock(fd, F_SETLK, 77, 0, 1), EINVAL);
	CHECK_ERR(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
	close(ro); /* any descriptor: all of our locks go */
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CHECK_EQ(fcntl(fd, F_OFD_GETLK, &fl), 0);
	CHECK_EQ(fl.l_type, F_UNLCK);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	fd2 = dup(fd);
	close(fd2);
	fl = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CHECK_EQ(fcntl(fd, F_OFD_GETLK, &fl), 0);
	CHECK_EQ(fl.l_type, F_UNLCK);
	close(fd);
}

static void child_holds(void)
{
	int fd = open(name, O_RDWR);

	CHECK_EQ(lock(fd, F_SETLKW, F_WRLCK, 0, 0), 0);
	*shared = 1;
	nap(100);
	*shared = 2;
	/* exit lets go */
}
static void waits(void)
{
	int fd = open(name, O_RDWR), status;
	pid_t pid;

	*shared = 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		child_holds();
		_exit(0);
	}
	while (!*shared)
		nap(1);
	CHECK_EQ(lock(fd, F_SETLKW, F_WRLCK, 0, 10), 0);
	CHECK_EQ(*shared, 2);
	waitpid(pid, &status, 0);
	close(fd);
}

static void deadlock(void)
{
	int fd = open(name, O_RDWR), status;
	pid_t pid;

	*shared = 0;
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 1), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		lock(fd, F_SETLK, F_WRLCK, 1, 1);
		*shared = 1;
		_exit(lock(fd, F_SETLKW, F_WRLCK, 0, 1) ? errno : 0);
	}
	while (!*shared)
		nap(1);
	nap(100);
	CHECK_ERR(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	CHECK_EQ(lock(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	close(fd);
}

static void on_alarm(int sig)
{
	(void)sig;
}
static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int fd = open(name, O_RDWR), status;
	pid_t pid;

	*shared = 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		lock(fd, F_SETLK, F_WRLCK, 0, 0);
		*shared = 1;
		nap(10000);
		_exit(0);
	}
	while (!*shared)
		nap(1);
	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	CHECK_ERR(lock(fd, F_SETLKW, F_WRLCK, 0, 0), EINTR);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	close(fd);
}

static void ofd_locks(void)
{
	int a = open(name, O_RDWR), b = open(name, O_RDWR), c;

	CHECK_EQ(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	CHECK_ERR(lock(b, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	CHECK_ERR(lock(b, F_SETLK, F_RDLCK, 5, 1), EAGAIN);
	c = dup(a);
	CHECK_EQ(lock(c, F_OFD_SETLK, F_WRLCK, 5, 10), 0);
	close(a);
	CHECK_ERR(lock(b, F_OFD_SETLK, F_RDLCK, 5, 1), EAGAIN);
	close(c);
	CHECK_EQ(lock(b, F_OFD_SETLK, F_RDLCK, 5, 1), 0);
	close(b);
}

static void flocks(void)
{
	int a = open(name, O_RDWR), b = open(name, O_RDONLY), c;

	CHECK_EQ(flock(a, LOCK_SH), 0);
	CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	CHECK_ERR(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(b, LOCK_UN), 0);
	CHECK_EQ(flock(a, LOCK_EX | LOCK_NB), 0);
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	c = dup(a);
	close(a);
	CHECK_ERR(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(lock(b, F_SETLK, F_RDLCK, 0, 0), 0); /* another kind of lock */
	close(c);
	CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
	CHECK_ERR(flock(b, 77), EINVAL);
	close(b);
}

int main(void)
{
	snprintf(name, sizeof(name), "/tmp/fs_locks.%d", (int)getpid());
	close(open(name, O_CREAT | O_RDWR, 0600));
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	RUN(posix_locks);
	RUN(waits);
	RUN(deadlock);
	RUN(interrupted);
	RUN(ofd_locks);
	RUN(flocks);
	unlink(name);
	return test_done();
}
