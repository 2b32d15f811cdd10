/* SPDX-License-Identifier: MIT */
/* What is done with open files. */
#define _GNU_SOURCE
#include "liar.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static off_t any_offset(struct self *t)
{
	static const off_t far[] = { 0,
				     1,
				     4095,
				     4096,
				     65536,
				     1 << 20,
				     1ll << 31,
				     INT64_MAX / 2,
				     INT64_MAX - 4096,
				     INT64_MAX - 1 };

	return chance(t, 2) ? (off_t)below(t, 70000) : far[below(t, 10)];
}

static void move_data(struct self *t, int fd)
{
	size_t len = 1 + (chance(t, 4) ? below(t, BUF_SIZE) : below(t, 5000));
	unsigned how = below(t, 6);
	ssize_t n;

	switch (how) {
	case 0: n = result(pread(fd, t->buf, len, any_offset(t))); break;
	case 1: n = result(read(fd, t->buf, len)); break;
	case 2: n = result(pwrite(fd, t->buf, len, any_offset(t) % (1 << 22))); break;
	case 3: n = result(pwrite(fd, t->buf, len, any_offset(t))); break;
	case 4: n = result(write(fd, t->buf, len)); break;
	default: n = result(sendfile(fd, fd, NULL, len)); break;
	}
	if (n > (ssize_t)len) {
		failed("more bytes than asked for", n - (ssize_t)len);
	}
	if (n == 0 && how >= 2 && how <= 4) {
		failed("nothing was written, and no error", how);
	}
}

static void move_between(struct self *t, int fd)
{
	int other = (int)result(open(any_path(t, t->other), O_RDWR | O_NONBLOCK));
	off_t from = any_offset(t), to = any_offset(t) % (1 << 22);

	if (other >= 0) {
		if (result(copy_file_range(fd, &from, other, &to, 5000, 0)) > 5000) {
			failed("more bytes than asked for", from);
		}
		close(other);
	}
}

static void touch_mapping(struct self *t, int fd, int prot)
{
	int flags = chance(t, 3) ? MAP_PRIVATE : MAP_SHARED;
	off_t offset = any_offset(t) & -4096;
	size_t len = 4096u << below(t, 6);
	char *p = mmap(NULL, len, prot, flags, fd, offset < INT64_MAX / 2 ? offset : 0);
	sigjmp_buf back;

	if (result(p == MAP_FAILED ? -1 : 0) < 0) {
		return;
	}
	for (volatile unsigned i = 0; i < 8; i++) {
		volatile char *at = p + below(t, (unsigned)len);

		if (sigsetjmp(back, 0) == 0) {
			bus_exit = &back;
			if (prot & PROT_WRITE && i % 2) {
				*at = 1;
			} else {
				(void)*at;
			}
		}
		bus_exit = NULL;
	}
	if (chance(t, 2)) {
		result(msync(p, len, chance(t, 2) ? MS_SYNC : MS_ASYNC));
	}
	result(read(fd, p, 100)); /* from a file into its own mapping, and back */
	result(pwrite(fd, p, 100, 0));
	munmap(p, len);
}

static void use_locks(struct self *t, int fd)
{
	struct flock l = { .l_type = (short)below(t, 3),
			   .l_start = any_offset(t),
			   .l_len = below(t, 9) };

	l.l_whence = (short)below(t, 3);
	result(fcntl(fd, chance(t, 2) ? F_SETLK : F_OFD_SETLK, &l));
	result(fcntl(fd, F_GETLK, &l));
	result(flock(fd, (chance(t, 2) ? LOCK_SH : LOCK_EX) | LOCK_NB));
}

static void use_file(struct self *t, int fd, int prot)
{
	struct stat st;
	off_t to;

	switch (below(t, 12)) {
	case 0:
		to = result(lseek(fd, any_offset(t), (int)below(t, 5)));
		if (to < -1) {
			failed("lseek()", to);
		}
		break;
	case 1:
		if (result(fstat(fd, &st)) == 0) {
			check_stat(&st);
		}
		break;
	case 2: result(ftruncate(fd, any_offset(t))); break;
	case 3: result(fallocate(fd, (int)below(t, 4), any_offset(t), 1 + below(t, 9999))); break;
	case 4: result(chance(t, 2) ? fsync(fd) : fdatasync(fd)); break;
	case 5: use_locks(t, fd); break;
	case 6:
	case 7: touch_mapping(t, fd, prot); break;
	case 8: move_between(t, fd); break;
	case 9: result(readahead(fd, any_offset(t), 1 << 20)); break;
	default: move_data(t, fd); break;
	}
}

void step_file(struct self *t)
{
	static const int more[] = { 0,	      0,	  0,	   O_APPEND, O_TRUNC,
				    O_DIRECT, O_NOFOLLOW, O_CREAT, O_PATH,   O_SYNC };
	int access = (int)below(t, 3), fd;

	fd = (int)result(open(any_path(t, t->path),
			      access | O_NONBLOCK | O_NOCTTY | more[below(t, 10)], 0666));
	if (fd < 0) {
		return;
	}
	for (unsigned i = below(t, 8); i > 0; i--) {
		use_file(t, fd, access == O_RDWR ? PROT_READ | PROT_WRITE : PROT_READ);
	}
	result(close(fd));
}

/* A program of which any part may be wrong: as nobody, and not for long. */
void step_program(struct self *t)
{
	pid_t pid;
	int status;

	any_path(t, t->path);
	pid = (pid_t)result(fork());
	if (pid == 0) {
		const struct rlimit limit = { 1, 1 }, size = { 64 << 20, 64 << 20 };
		char *argv[] = { t->path, "end", NULL }, *env[] = { NULL };

		signal(SIGBUS, SIG_DFL);
		for (int fd = 0; fd < 3; fd++) {
			dup2(open("/dev/null", O_RDWR), fd);
		}
		setrlimit(RLIMIT_CPU, &limit);
		setrlimit(RLIMIT_AS, &size);
		setresuid(65534, 65534, 65534);
		execve(chance(t, 3) ? t->path : "/lies/p0", argv, env);
		_exit(0);
	}
	for (unsigned i = 0; pid > 0 && waitpid(pid, &status, WNOHANG) == 0; i++) {
		if (i == 200) {
			kill(pid, SIGKILL);
		}
		if (i > 9000) {
			failed("a killed program stays", pid);
			return;
		}
		usleep(10000);
	}
}

void step_socket(struct self *t)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	memcpy(name.sun_path, any_path(t, t->path), sizeof(name.sun_path) - 1);
	if (result(bind(server, (struct sockaddr *)&name, sizeof(name))) == 0) {
		result(listen(server, 1));
	}
	if (chance(t, 2)) {
		memcpy(name.sun_path, any_path(t, t->path), sizeof(name.sun_path) - 1);
	}
	result(connect(client, (struct sockaddr *)&name, sizeof(name)));
	close(client);
	close(server);
}

void step_watch(struct self *t)
{
	int fd = inotify_init1(IN_NONBLOCK);

	result(inotify_add_watch(fd, any_path(t, t->path), IN_ALL_EVENTS));
	result(inotify_add_watch(fd, "/lies", IN_ALL_EVENTS));
	for (unsigned i = 0; i < 4; i++) {
		step_names(t);
	}
	result(read(fd, t->buf, 4096));
	close(fd);
	if (chance(t, 10)) {
		sync();
	}
}
