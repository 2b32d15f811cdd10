/* SPDX-License-Identifier: MIT */
/* O_ASYNC: SIGIO, or the signal of F_SETSIG, when a pipe can be read. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <time.h>

static sigset_t set;

static int arrived(int ms, siginfo_t *info)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000l };

	return sigtimedwait(&set, info, &ts);
}

static void pipes(void)
{
	siginfo_t info;
	int p[2], on = 0;
	char c;

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(fcntl(p[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(p[0], F_GETOWN), getpid());
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(arrived(20, &info), -1);
	CHECK_EQ(fcntl(p[0], F_SETFL, O_ASYNC), 0);
	CHECK(fcntl(p[0], F_GETFL) & O_ASYNC);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(arrived(2000, &info), SIGIO);
	CHECK_EQ(fcntl(p[0], F_SETSIG, SIGRTMIN), 0);
	CHECK_EQ(read(p[0], &c, 1), 1);
	while (arrived(20, &info) > 0) {
	}
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(arrived(2000, &info), SIGRTMIN);
	CHECK_EQ(info.si_fd, p[0]);
	CHECK(info.si_band & 1);
	CHECK_EQ(ioctl(p[0], FIOASYNC, &on), 0);
	CHECK(!(fcntl(p[0], F_GETFL) & O_ASYNC));
	CHECK_EQ(read(p[0], &c, 1), 1);
	while (arrived(20, &info) > 0) {
	}
	CHECK_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(arrived(50, &info), -1);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	RUN(pipes);
	return test_done();
}
