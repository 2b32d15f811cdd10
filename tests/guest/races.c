/* SPDX-License-Identifier: MIT */
/*
 * Calls that get in each other's way: descriptors closed and replaced under readers, files
 * truncated and punched under mappings, programs replaced while they are run, names that change
 * while paths are walked, processes that end while others look.  Each test checks that nobody
 * sees what nobody wrote, and that all of it ends.
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE 4096ul

static atomic_int stop, wrong;
static char self[512];

static void bad(const char *what, long a, long b)
{
	if (wrong++ < 10)
		printf("# %s: %ld %ld (errno %d)\n", what, a, b, errno);
}
static void run_for(int ms, int n, void *(*fn[])(void *))
{
	pthread_t t[16];

	stop = wrong = 0;
	for (intptr_t i = 0; i < n; i++)
		pthread_create(&t[i], NULL, fn[i], (void *)(i + 1));
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
	stop = 1;
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(wrong, 0);
}

/* --- descriptors --- */
enum { SLOTS = 8, BASE = 200 };
/* Files of the letters A..H, 8 bytes each: a reader of any slot sees one letter eight times. */
static void *fd_replacer(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;

	while (!stop) {
		int slot = BASE + (int)(rand_r(&seed) % SLOTS);
		char name[2] = { (char)('A' + rand_r(&seed) % 8), 0 };
		int fd, p[2];

		switch (rand_r(&seed) % 5) {
		case 0: close(slot); break;
		case 1:
			if (!pipe(p)) {
				char text[8];

				memset(text, name[0], 8);
				if (write(p[1], text, 8) != 8)
					bad("pipe", 0, 0);
				dup2(p[0], slot);
				close(p[0]);
				close(p[1]);
			}
			break;
		default:
			fd = open(name, O_RDONLY);
			if (fd < 0 || dup2(fd, slot) != slot)
				bad("dup2", fd, slot);
			close(fd);
		}
	}
	return NULL;
}
static void *fd_reader(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;

	while (!stop) {
		int slot = BASE + (int)(rand_r(&seed) % SLOTS);
		char buf[9] = "";
		struct pollfd p = { slot, POLLIN, 0 };
		ssize_t n;

		switch (rand_r(&seed) % 4) {
		case 0: poll(&p, 1, 0); continue;
		case 1: n = pread(slot, buf, 8, 0); break;
		case 2: n = readv(slot, (struct iovec[]){ { buf, 3 }, { buf + 3, 5 } }, 2); break;
		default: n = read(slot, buf, 8);
		}
		if (n < 0 && errno != EBADF && errno != ESPIPE)
			bad("read", n, slot);
		for (ssize_t i = 1; i < n; i++)
			if (buf[i] != buf[0])
				bad("mixed", buf[0], buf[i]);
	}
	return NULL;
}
static void *fd_forker(void *arg)
{
	while (!stop) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			bad("fork", pid, 0);
	}
	return arg;
}
static void test_descriptors(void)
{
	void *(*fns[])(void *) = { fd_replacer, fd_replacer, fd_reader, fd_reader, fd_forker };

	for (char c = 'A'; c <= 'H'; c++) {
		char name[2] = { c, 0 }, text[9] = "";

		memset(text, c, 8);
		put_file(name, text);
	}
	int before = dup(0);
	close(before);
	run_for(250, 5, fns);
	for (int i = 0; i < SLOTS; i++)
		close(BASE + i);
	int after = dup(0);
	CHECK_EQ(after, before); /* nothing is left open */
	close(after);
}

/* A close in one thread does not disturb the call that is under way in another. */
static void *blocked_reader(void *arg)
{
	int *p = arg;
	char c;

	return (void *)(read(p[0], &c, 1) == 1 ? (intptr_t)c : (intptr_t)-1);
}
static void test_close_under_read(void)
{
	for (int i = 0; i < 30; i++) {
		int p[2], copy;
		pthread_t t;
		void *r;

		pipe(p);
		pthread_create(&t, NULL, blocked_reader, p);
		if (i & 1)
			nanosleep(&(struct timespec){ 0, 3000000 }, NULL);
		else
			sched_yield();
		copy = dup(p[0]);
		if (i & 2 && i & 1)
			close(p[0]);
		write(p[1], "y", 1);
		pthread_join(t, &r);
		/* -1: the thread came only after the close */
		CHECK((intptr_t)r == 'y' || (i % 4 == 3 && (intptr_t)r == -1));
		close(p[0]);
		close(p[1]);
		close(copy);
	}
}

/* --- mappings of a file that changes its size --- */
static _Thread_local sigjmp_buf jump;
static void on_bus(int sig)
{
	siglongjmp(jump, sig);
}
enum { PAGES = 24 };
static void *size_changer(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;
	int fd = open("sized", O_RDWR);

	while (!stop) {
		off_t to = (off_t)(rand_r(&seed) % (PAGES * PAGE));
		int r = 0;

		switch (rand_r(&seed) % 4) {
		case 0: r = ftruncate(fd, to); break;
		case 1: r = ftruncate(fd, PAGES * PAGE); break;
		case 2:
			r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, to,
				      1 + rand_r(&seed) % 20000);
			if (r && errno == EOPNOTSUPP)
				r = 0;
			break;
		default: r = fsync(fd);
		}
		if (r)
			bad("resize", r, to);
	}
	close(fd);
	return NULL;
}
/* Bytes are 0 or of the class of their place: place % 200 + 1. */
static int fits(const unsigned char *p, size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] && p[i] != (at + i) % 200 + 1)
			return 0;
	return 1;
}
static void *file_writer(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;
	int fd = open("sized", O_RDWR);
	unsigned char buf[9000];

	while (!stop) {
		size_t at = rand_r(&seed) % (PAGES * PAGE - sizeof(buf)),
		       n = 1 + rand_r(&seed) % sizeof(buf);

		if (rand_r(&seed) & 1) {
			for (size_t i = 0; i < n; i++)
				buf[i] = (unsigned char)((at + i) % 200 + 1);
			if (pwrite(fd, buf, n, (off_t)at) != (ssize_t)n)
				bad("pwrite", (long)at, (long)n);
		} else {
			ssize_t got = pread(fd, buf, n, (off_t)at);

			if (got < 0 || !fits(buf, at, (size_t)got))
				bad("pread", got, (long)at);
		}
	}
	close(fd);
	return NULL;
}
static void *map_user(void *arg)
{
	unsigned seed = (unsigned)(intptr_t)arg;
	int fd = open("sized", O_RDWR);
	unsigned char *p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				(intptr_t)arg & 1 ? MAP_SHARED : MAP_PRIVATE, fd, 0);

	while (!stop) {
		volatile size_t at = rand_r(&seed) % (PAGES * PAGE - 3000);

		switch (rand_r(&seed) % 6) {
		case 0: madvise(p + at / PAGE * PAGE, 2 * PAGE, MADV_DONTNEED); break;
		case 1:
			if (msync(p + at / PAGE * PAGE, PAGE, MS_SYNC))
				bad("msync", (long)at, 0);
			break;
		case 2:
			if (!sigsetjmp(jump, 1))
				for (size_t i = at; i < at + 1000; i++)
					p[i] = (unsigned char)(i % 200 + 1);
			break;
		default:
			if (!sigsetjmp(jump, 1) && !fits(p + at, at, 3000))
				bad("mapping", (long)at, 0);
		}
	}
	munmap(p, PAGES * PAGE);
	close(fd);
	return NULL;
}
static void test_changing_size(void)
{
	void *(*fns[])(void *) = { map_user, map_user, size_changer, file_writer, file_writer };
	struct sigaction sa = { .sa_handler = on_bus };
	unsigned char *p;

	sigaction(SIGBUS, &sa, NULL);
	close(make_file("sized", ""));
	truncate("sized", PAGES * PAGE);
	run_for(400, 5, fns);
	signal(SIGBUS, SIG_DFL);
	/* in the end, mapping and file are one */
	truncate("sized", PAGES * PAGE);
	int fd = open("sized", O_RDWR);
	static unsigned char buf[PAGES * PAGE];
	p = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK(!memcmp(p, buf, sizeof(buf)));
	CHECK(fits(buf, 0, sizeof(buf)));
	munmap(p, PAGES * PAGE);
	close(fd);
	unlink("sized");
}

/* --- programs --- */
static void copy_self(const char *to)
{
	int in = open(self, O_RDONLY),
	    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			bad("copy", n, 0);
	close(in);
	close(out);
}
/* The name is a whole program at any time; who starts it gets 42. */
static void *program_replacer(void *arg)
{
	char name[16];

	snprintf(name, sizeof(name), "prog%d", (int)(intptr_t)arg);
	while (!stop) {
		copy_self(name);
		if (rename(name, "prog"))
			bad("rename", 0, 0);
	}
	return NULL;
}
static void *program_user(void *arg)
{
	while (!stop) {
		int status;
		pid_t pid = vfork();

		if (pid == 0) {
			execl("prog", "prog", "answer", (char *)NULL);
			_exit(errno == ETXTBSY ? 98 : 99);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid ||
		    (status != 42 << 8 && status != 98 << 8))
			bad("program", pid, status);
	}
	return arg;
}
static void test_programs(void)
{
	/* One replacer: a child that another thread forks inherits its descriptor until exec,
	 * so that ETXTBSY can be seen. */
	void *(*fns[])(void *) = { program_replacer, program_user, program_user };

	copy_self("prog");
	run_for(300, 3, fns);
	unlink("prog");
}

/* --- names --- */
/* Of a and b, directories that change places, each has its own file: a walk sees either. */
static void *swapper(void *arg)
{
	while (!stop)
		if (syscall(SYS_renameat2, AT_FDCWD, "da", AT_FDCWD, "db", 2))
			bad("exchange", 0, 0);
	return arg;
}
static void *walker(void *arg)
{
	while (!stop) {
		char c = 0;
		int fd = open("da/sub/../sub/file", O_RDONLY);

		if (fd < 0 || read(fd, &c, 1) != 1 || (c != 'a' && c != 'b'))
			bad("walk", fd, c);
		close(fd);
		if (access("db/sub/file", R_OK))
			bad("access", 0, 0);
		if (!access("da/other", F_OK))
			bad("what is not there", 0, 0);
	}
	return arg;
}
static void *cwd_user(void *arg)
{
	unshare(CLONE_FS);
	if (chdir("da/sub"))
		bad("chdir", 0, 0);
	while (!stop) {
		char path[512];

		if (!getcwd(path, sizeof(path)) || strcmp(path + strlen(path) - 4, "/sub"))
			bad("getcwd", 0, 0);
		if (access("file", R_OK) || access("../sub/file", R_OK))
			bad("relative", 0, 0);
	}
	return arg;
}
static void test_exchanged_names(void)
{
	void *(*fns[])(void *) = { swapper, walker, walker, cwd_user };

	mkdir("da", 0755);
	mkdir("db", 0755);
	mkdir("da/sub", 0755);
	mkdir("db/sub", 0755);
	put_file("da/sub/file", "a");
	put_file("db/sub/file", "b");
	run_for(250, 4, fns);
	remove_tree("da");
	remove_tree("db");
}

/* Names made and removed while somebody lists: those that stay are always listed, once. */
static void *name_maker(void *arg)
{
	char name[32];
	int k = (int)(intptr_t)arg;

	for (int i = 0; !stop; i++) {
		snprintf(name, sizeof(name), "list/t%d-%d", k, i % 50);
		int fd = open(name, O_CREAT | O_WRONLY, 0600);
		if (fd < 0)
			bad("create", fd, i);
		close(fd);
		if (i >= 20) {
			snprintf(name, sizeof(name), "list/t%d-%d", k, (i - 20) % 50);
			if (unlink(name))
				bad("unlink", i, 0);
		}
	}
	return NULL;
}
static void *lister(void *arg)
{
	while (!stop) {
		DIR *d = opendir("list");
		struct dirent *e;
		char seen[40] = "";

		while ((e = readdir(d))) {
			int n = -1;

			if (sscanf(e->d_name, "stays%d", &n) == 1 && n >= 0 && n < 40)
				seen[n]++;
		}
		closedir(d);
		for (int i = 0; i < 40; i++)
			if (seen[i] != 1)
				bad("listed", i, seen[i]);
	}
	return arg;
}
static void test_listing(void)
{
	void *(*fns[])(void *) = { name_maker, name_maker, lister, lister };
	char name[32];

	mkdir("list", 0755);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "list/stays%d", i);
		put_file(name, "");
	}
	run_for(250, 4, fns);
	remove_tree("list");
}

/* Many processes that append, lock, rename and die at once: the log is whole. */
static void die_working(int k)
{
	unsigned seed = (unsigned)k;
	char record[32];

	for (int i = 0;; i++) {
		int fd = open("log", O_WRONLY | O_APPEND);

		snprintf(record, sizeof(record), "%7d %7d\n", k, i);
		flock(fd, LOCK_EX);
		if (write(fd, record, 16) != 16)
			_exit(1);
		if (rand_r(&seed) % 3)
			flock(fd, LOCK_UN);
		close(fd);
	}
}
static void test_killed_writers(void)
{
	static char buf[1 << 20];
	pid_t pids[6];
	int status, broken = 0;
	ssize_t n;

	put_file("log", "");
	fflush(stdout);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 6; i++) {
			pids[i] = fork();
			if (pids[i] == 0)
				die_working(round * 10 + i);
		}
		nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
		for (int i = 0; i < 6; i++)
			kill(pids[i], SIGKILL);
		for (int i = 0; i < 6; i++) {
			CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
			CHECK_EQ(status, SIGKILL);
		}
		/* no lock survives its owner */
		int fd = open("log", O_RDWR);
		CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
		close(fd);
	}
	int fd = open("log", O_RDONLY);
	while ((n = read(fd, buf, sizeof(buf) / 16 * 16)) > 0)
		for (ssize_t i = 15; i < n; i += 16)
			broken += buf[i] != '\n';
	CHECK_EQ(broken, 0);
	CHECK_EQ(size_of("log") % 16, 0);
	CHECK(size_of("log") > 0);
	close(fd);
	unlink("log");
}

static void tests(void)
{
	RUN(test_descriptors);
	RUN(test_close_under_read);
	RUN(test_changing_size);
	RUN(test_programs);
	RUN(test_exchanged_names);
	RUN(test_listing);
	RUN(test_killed_writers);
}
int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "answer"))
		return 42;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 2;
	RUN_EVERYWHERE(tests);
	return test_done();
}
