/* SPDX-License-Identifier: MIT */
/* What `make coverage` found that no other test reaches. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>

/* The text of a file below /proc; static. */
static const char *text_of(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n = 0, got;

	while (fd >= 0 && (got = read(fd, text + n, sizeof(text) - 1 - (size_t)n)) > 0) {
		n += got;
	}
	close(fd);
	text[n] = 0;
	return text;
}

static const char *info_of(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return text_of(path);
}

static void lines_of_descriptors(void)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = 0x1234 };
	int event = eventfd(7, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0),
	    ep = epoll_create1(0);
	int pid = (int)syscall(SYS_pidfd_open, getpid(), 0);
	char line[40];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(strstr(info_of(event), "eventfd-count:                7\n"));
	CHECK(strstr(info_of(timer), "clockid: 1\nticks: 0\n"));
	CHECK(strstr(info_of(signalfd(-1, &set, 0)), "sigmask:\t0000000000000200\n"));
	snprintf(line, sizeof(line), "Pid:\t%d\n", getpid());
	CHECK(strstr(info_of(pid), line));
	CHECK(!epoll_ctl(ep, EPOLL_CTL_ADD, event, &e));
	CHECK(strstr(info_of(ep), "events:"));
	CHECK(strstr(info_of(ep), "1234"));
	close(event), close(timer), close(ep), close(pid);
}

union semun {
	int val;
	struct semid_ds *buf;
};
static int listed(const char *path, int id)
{
	char number[16];

	snprintf(number, sizeof(number), " %d ", id);
	return strstr(text_of(path), number) != NULL;
}
static void ipc_objects(void)
{
	int sem = semget(IPC_PRIVATE, 2, 0600), msg = msgget(IPC_PRIVATE, 0600);
	int shm = shmget(IPC_PRIVATE, 4096, 0600);
	struct msqid_ds m;

	CHECK(!semctl(sem, 1, SETVAL, (union semun){ .val = 5 }));
	CHECK_EQ(semctl(sem, 1, GETVAL), 5);
	CHECK_ERR(semctl(sem, 1, SETVAL, (union semun){ .val = 32768 }), ERANGE);
	CHECK_ERR(semctl(sem, 2, SETVAL, (union semun){ .val = 1 }), EINVAL);
	CHECK(!msgctl(msg, IPC_STAT, &m));
	m.msg_perm.mode = 0640;
	m.msg_qbytes = 4000;
	CHECK(!msgctl(msg, IPC_SET, &m));
	memset(&m, 0, sizeof(m));
	CHECK(!msgctl(msg, IPC_STAT, &m));
	CHECK_EQ(m.msg_perm.mode & 0777, 0640);
	CHECK_EQ(m.msg_qbytes, 4000);
	CHECK(listed("/proc/sysvipc/sem", sem));
	CHECK(listed("/proc/sysvipc/msg", msg));
	CHECK(listed("/proc/sysvipc/shm", shm));
	CHECK(!semctl(sem, 0, IPC_RMID) && !msgctl(msg, IPC_RMID, NULL) &&
	      !shmctl(shm, IPC_RMID, NULL));
}

static void queue_poll(void)
{
	struct mq_attr a = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	mqd_t q = mq_open("/reached", O_RDWR | O_CREAT | O_NONBLOCK, 0600, &a);
	struct pollfd p = { q, POLLIN | POLLOUT, 0 };
	struct stat st;

	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK(!mq_send(q, "x", 1, 0));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK(!mq_close(q) && !mq_unlink("/reached"));
	/* all bits of the mode, less the umask's */
	umask(022);
	q = mq_open("/reached", O_RDWR | O_CREAT, 07777, &a);
	CHECK(!fstat(q, &st));
	CHECK_EQ(st.st_mode & 07777, 07755);
	CHECK(!mq_close(q) && !mq_unlink("/reached"));
}

static void listener_poll(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	struct pollfd p = { l, POLLIN | POLLOUT, 0 };
	socklen_t n = sizeof(un);
	struct timeval t = { 3, 500000 }, back = { 0, 0 };

	CHECK(!bind(l, (void *)&un, sizeof(sa_family_t)) && !getsockname(l, (void *)&un, &n));
	CHECK(!listen(l, 1));
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK(!connect(c, (void *)&un, n));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	n = sizeof(back);
	CHECK(!setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
	CHECK(!getsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &back, &n));
	CHECK_EQ(back.tv_sec, 3);
	CHECK_EQ(back.tv_usec, 500000);
	close(l), close(c);
}

static void random_device(void)
{
	int fd = open("/dev/urandom", O_RDWR), bits = -1;

	CHECK_EQ(write(fd, "seed", 4), 4);
	CHECK(!ioctl(fd, 0x80045200 /* RNDGETENTCNT */, &bits) && bits >= 0);
	CHECK_ERR(ioctl(fd, 0x5299, &bits), EINVAL);
	close(fd);
}

static void willneed(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(!madvise(p, 8192, MADV_WILLNEED));
	CHECK(!munmap(p + 4096, 4096));
	CHECK_ERR(madvise(p, 8192, MADV_WILLNEED), ENOMEM);
	munmap(p, 4096);
}

static void in_another_root(void)
{
	struct stat a, b;

	CHECK(!mkdir("/tmp/reached.root", 0755) || errno == EEXIST); /* of a run before */
	CHECK(!stat("/tmp/reached.root", &a));
	CHECK(!chroot("/tmp/reached.root") && !chdir("/"));
	CHECK(!stat("/..", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
}
static void another_root(void)
{
	if (getuid()) {
		SKIP_HERE("not root");
	}
	CHECK_EQ(in_child(in_another_root), 0);
	CHECK(!rmdir("/tmp/reached.root"));
}

int main(void)
{
	RUN(lines_of_descriptors);
	RUN(ipc_objects);
	RUN(queue_poll);
	RUN(listener_poll);
	RUN(random_device);
	RUN(willneed);
	RUN(another_root);
	return test_done();
}
