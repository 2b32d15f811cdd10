/* SPDX-License-Identifier: MIT */
/* What tests/stress/run --compare found: results that Linux determines. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

/* Sockets other than TCP's take out-of-band data, or would: the band is writable, too. */
static void poll_write_band(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct pollfd p = { .events = POLLOUT | POLLWRNORM | POLLWRBAND };

	for (int i = 0; i < 3; i++) {
		int pair[2];

		CHECK(!socketpair(AF_UNIX, types[i], 0, pair));
		p.fd = pair[0];
		CHECK_EQ(poll(&p, 1, 0), 1);
		CHECK_EQ(p.revents, POLLOUT | POLLWRNORM | POLLWRBAND);
		close(pair[0]), close(pair[1]);
	}
	p.fd = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT | POLLWRNORM | POLLWRBAND);
	close(p.fd);
}

/* Who has no name sends from no address. */
static void unnamed_sender(void)
{
	char address[16], data[2];
	socklen_t n = sizeof(address);
	struct msghdr m = { .msg_name = address, .msg_namelen = sizeof(address) };
	int pair[2];

	CHECK(!socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	CHECK_EQ(send(pair[0], "ab", 2, 0), 2);
	CHECK_EQ(recvfrom(pair[1], data, 1, MSG_PEEK, (void *)address, &n), 1);
	CHECK_EQ(n, 0);
	CHECK_EQ(recvmsg(pair[1], &m, 0), 0);
	CHECK_EQ(m.msg_namelen, 0);
	close(pair[0]), close(pair[1]);
}

static pid_t other_tid;
static volatile int done;
static void *other_thread(void *arg)
{
	sigset_t set;

	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	__atomic_store_n(&other_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (!done) {
		usleep(1000);
	}
	return NULL;
}

/* Where a pid is wanted, any thread's number names its process. */
static void any_threads_number(void)
{
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	sigset_t set, old;
	pthread_t t;

	CHECK(!pthread_create(&t, NULL, other_thread, NULL));
	while (!__atomic_load_n(&other_tid, __ATOMIC_ACQUIRE)) {
		usleep(1000);
	}
	CHECK_EQ(getpgid(other_tid), getpgrp());
	CHECK_EQ(getsid(other_tid), getsid(0));
	CHECK_ERR(setpgid(other_tid, 0), EINVAL); /* it does not lead */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(!sigprocmask(SIG_BLOCK, &set, &old));
	info.si_value.sival_int = 42, info.si_pid = getpid();
	CHECK(!syscall(SYS_rt_sigqueueinfo, other_tid, SIGUSR1, &info));
	memset(&info, 0, sizeof(info));
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK_EQ(info.si_value.sival_int, 42);
	CHECK(!sigprocmask(SIG_SETMASK, &old, NULL));
	/* nobody is there: the signal's number is not looked at */
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, 0x3ffffff0, 99, &info), ESRCH);
	done = 1;
	CHECK(!pthread_join(t, NULL));
}

static void file_system_types(void)
{
	struct statfs f;
	int p[2];

	CHECK(!pipe(p));
	CHECK(!fstatfs(p[0], &f));
	CHECK_EQ(f.f_type, 0x50495045);
	close(p[0]), close(p[1]);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	CHECK(!fstatfs(p[0], &f));
	CHECK_EQ(f.f_type, 0x534f434b);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, p[0], 0) == MAP_FAILED);
	CHECK_EQ(errno, EPERM); /* nothing in there is a program */
	close(p[0]), close(p[1]);
}

static void flock_checks(void)
{
	CHECK_EQ(flock(-1, 32 /* LOCK_MAND */ | LOCK_NB), 0); /* has become nothing */
	CHECK_ERR(flock(-1, 16), EINVAL);
	CHECK_ERR(flock(-1, LOCK_EX), EBADF);
}

/* The words that hold nfds bits are answered whole. */
static void select_clears_words(void)
{
	fd_set in, out;

	memset(&in, 0xff, sizeof(in));
	memset(&out, 0xff, sizeof(out));
	CHECK_EQ(syscall(SYS_select, 0, &in, &out, NULL, &(struct timeval){ 0, 0 }), 0);
	CHECK_EQ(*(long *)&in, -1);
	FD_ZERO(&in);
	FD_SET(40, &in);
	CHECK_EQ(syscall(SYS_select, 3, &in, NULL, NULL, &(struct timeval){ 0, 0 }), 0);
	CHECK_EQ(*(long *)&in, 0);
}

static void thp_child(void)
{
	CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
}
static void thp_disable(void)
{
	CHECK_EQ(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
	CHECK_EQ(in_child(thp_child), 0);
	CHECK_ERR(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
}

static void deadline_priorities(void)
{
	CHECK_EQ(syscall(SYS_sched_get_priority_min, 6), 0);
	CHECK_EQ(syscall(SYS_sched_get_priority_max, 6), 0);
	CHECK_ERR(syscall(SYS_sched_get_priority_max, 99), EINVAL);
}

/* As somebody without rights. */
static void nobody(void (*fn)(void))
{
	if (!getuid()) {
		CHECK(!setresgid(65534, 65534, 65534) && !setresuid(65534, 65534, 65534));
	}
	fn();
}

static void plain_user(void)
{
	const struct timespec bad_times[2] = { { 0, -1 }, { 0, 0 } };
	struct rlimit l = { 65536, 65536 };
	struct stat st;
	int fd, dir, sock = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;

	CHECK(!mknod("whiteout", S_IFCHR | 0600, 0)); /* an overlay's, and anybody's */
	CHECK_ERR(mknod("device", S_IFCHR | 0600, 0x103), EPERM);
	CHECK(!unlink("whiteout"));
	fd = open("attributes", O_RDWR | O_CREAT, 0600);
	CHECK_ERR(fsetxattr(fd, "trusted.a", "x", 1, 0), EPERM);
	CHECK_ERR(fgetxattr(fd, "trusted.a", &byte, 1), ENODATA);
	CHECK_ERR(fremovexattr(fd, "trusted.a"), EPERM);
	CHECK_ERR(fsetxattr(fd, "security.a", "x", 1, 0), EPERM);
	CHECK(!mkfifo("fifo", 0600));
	CHECK_ERR(setxattr("fifo", "user.a", "x", 1, 0), EPERM);
	CHECK_ERR(getxattr("fifo", "user.a", &byte, 1), ENODATA);
	CHECK(!unlink("fifo"));
	/* the limit is compared before the range */
	CHECK(!setrlimit(RLIMIT_MEMLOCK, &l));
	CHECK_ERR(mlock((void *)0x200000000000, (size_t)-4096), ENOMEM);
	/* an offset that a file cannot have */
	CHECK(mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, -4096) == MAP_FAILED);
	CHECK_EQ(errno, EOVERFLOW);
	close(fd);
	dir = open(".", O_RDONLY);
	CHECK_ERR(syscall(SYS_preadv2, dir, &(struct iovec){ &byte, 1 }, 1, 0, 0, 4), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_preadv2, dir, &(struct iovec){ &byte, 1 }, 1, 0, 0, 0), EISDIR);
	CHECK_EQ(syscall(SYS_preadv2, dir, NULL, 0, 0, 0, 0x1000), 0);
	close(dir);
	CHECK(!unlink("attributes"));
	/* new files keep their set-id bits, creat() or not */
	umask(0);
	fd = creat("set-id", 06755);
	CHECK(!fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 06755);
	CHECK(!fcntl(fd, F_SETFL, O_ASYNC));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ASYNC, 0); /* of a file that never has news */
	/* RLIMIT_FSIZE is of sizes, however they come */
	l.rlim_cur = 8192;
	CHECK(!setrlimit(RLIMIT_FSIZE, &l) && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK_ERR(fallocate(fd, 0, 8000, 200), EFBIG);
	CHECK(!fallocate(fd, FALLOC_FL_KEEP_SIZE, 8000, 200));
	CHECK(!fallocate(fd, 0, 8000, 100));
	CHECK_ERR(setsockopt(sock, SOL_SOCKET, SO_DEBUG, &(int){ 1 }, 4), EACCES);
	CHECK(!setsockopt(sock, SOL_SOCKET, SO_DEBUG, &(int){ 0 }, 4) && !close(sock));
	CHECK(!close(fd) && !unlink("set-id"));
	CHECK_ERR(utimensat(AT_FDCWD, "missing", bad_times, 0), ENOENT);
	CHECK_ERR(utimensat(AT_FDCWD, ".", bad_times, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clock_nanosleep, 3, 0, &bad_times[0], NULL), EOPNOTSUPP);
}
static void as_nobody(void)
{
	nobody(plain_user);
}
static void without_rights(void)
{
	char dir[] = "/tmp/determined.XXXXXX";

	CHECK(mkdtemp(dir) && !chmod(dir, 0777) && !chdir(dir));
	CHECK_EQ(in_child(as_nobody), 0);
	CHECK(!chdir("/") && !rmdir(dir));
}

static void splices(void)
{
	struct iovec bad = { (void *)16, (size_t)-1 };
	int p[2], null = open("/dev/null", O_RDWR);
	off_t at = 5;

	CHECK(!pipe(p));
	CHECK_EQ(syscall(SYS_splice, -1, NULL, -1, NULL, 0, 0x100), 0); /* nothing to move */
	CHECK_ERR(syscall(SYS_tee, p[1], p[1], 10, 0), EBADF);
	CHECK_ERR(syscall(SYS_vmsplice, null, &bad, 1, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sendfile, p[0], p[0], &at, 10), ESPIPE);
	CHECK_ERR(fcntl(p[0], F_ADD_SEALS, 1), EPERM); /* not open for writing */
	CHECK_ERR(fcntl(p[1], F_ADD_SEALS, 1), EINVAL);
	CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0), PR_MCE_KILL_DEFAULT);
	close(p[0]), close(p[1]), close(null);
}

int main(void)
{
	RUN(poll_write_band);
	RUN(unnamed_sender);
	RUN(any_threads_number);
	RUN(file_system_types);
	RUN(flock_checks);
	RUN(select_clears_words);
	RUN(thp_disable);
	RUN(deadline_priorities);
	RUN(without_rights);
	RUN(splices);
	return test_done();
}
