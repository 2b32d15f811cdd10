/* SPDX-License-Identifier: MIT */
/*
 * Thousands of objects of one kind, in one list or under one lock of the kernel: the right one is found
 * among them.  Nothing here measures time, but where each step looks at all of them, this takes minutes.
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <time.h>

static int fds[20000];

static void close_all(int n)
{
	for (int i = 0; i < n; i++)
		close(fds[i]);
}
static struct sockaddr_in address(uint32_t ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	a.sin_addr.s_addr = htonl(ip);
	return a;
}
/* A socket with that name, or -1. */
static int bound(int type, uint32_t ip, int port, int option)
{
	struct sockaddr_in a = address(ip, port);
	int s = socket(AF_INET, type | SOCK_NONBLOCK, 0), one = 1, err;

	if (option)
		setsockopt(s, SOL_SOCKET, option, &one, sizeof(one));
	if (bind(s, (void *)&a, sizeof(a)) == 0)
		return s;
	err = errno;
	close(s);
	errno = err;
	return -1;
}
static int port_of(int s)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	return getsockname(s, (void *)&a, &len) ? -1 : ntohs(a.sin_port);
}

/* --- names of sockets --- */
enum { SOCKETS = 8000 };
static int connect_to(uint32_t ip, int port)
{
	struct sockaddr_in a = address(ip, port);
	int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(c, (void *)&a, sizeof(a)) != -1 || errno != EINPROGRESS)
		CHECK(!"connect");
	return c;
}
static void many_on_one_port(void)
{
	struct rlimit limit = { 12000, 12000 };
	int port = 0, accepted = 0, received = 0, c, s;
	struct sockaddr_in a;

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = bound(SOCK_STREAM, INADDR_LOOPBACK, port, SO_REUSEPORT);
		CHECK(fds[i] >= 0);
		CHECK_EQ(listen(fds[i], 2), 0);
		port = port_of(fds[i]);
	}
	CHECK_ERR(bound(SOCK_STREAM, INADDR_LOOPBACK, port, 0), EADDRINUSE);
	c = connect_to(INADDR_LOOPBACK, port);
	for (int i = 0; i < SOCKETS; i++) {
		s = accept(fds[i], NULL, NULL);
		accepted += s >= 0;
		close(s);
	}
	CHECK_EQ(accepted, 1);
	close(c);
	close_all(SOCKETS);

	for (int i = port = 0; i < SOCKETS; i++) {
		fds[i] = bound(SOCK_DGRAM, INADDR_LOOPBACK, port, SO_REUSEPORT);
		CHECK(fds[i] >= 0);
		port = port_of(fds[i]);
	}
	a = address(INADDR_LOOPBACK, port);
	c = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(sendto(c, "x", 1, 0, (void *)&a, sizeof(a)), 1);
	for (int i = 0; i < SOCKETS; i++)
		received += recv(fds[i], &s, 1, 0) == 1;
	CHECK_EQ(received, 1);
	close(c);
	close_all(SOCKETS);
	s = bound(SOCK_DGRAM, INADDR_ANY, port, 0);
	CHECK(s >= 0);
	close(s);
}
static void many_addresses(void)
{
	struct rlimit limit = { 12000, 12000 };
	int port = 0, c, s;

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < SOCKETS; i++) {
		fds[i] = bound(SOCK_STREAM, 0x7f010001 + (uint32_t)i, port, 0);
		CHECK(fds[i] >= 0);
		CHECK_EQ(listen(fds[i], 2), 0);
		port = port_of(fds[i]);
	}
	for (int i = 0; i < SOCKETS; i += 997) {
		uint32_t ip = 0x7f010001 + (uint32_t)i;

		c = connect_to(ip, port);
		s = accept(fds[i], NULL, NULL);
		CHECK(s >= 0);
		CHECK_ERR(accept(fds[i], NULL, NULL), EAGAIN);
		CHECK_ERR(bound(SOCK_STREAM, ip, port, SO_REUSEPORT), EADDRINUSE);
		close(s), close(c);
	}
	CHECK_ERR(bound(SOCK_STREAM, INADDR_ANY, port, SO_REUSEADDR), EADDRINUSE);
	close_all(SOCKETS);
}
/* Nobody takes a part of what another user's sockets receive. */
static void users_of_a_port(void)
{
	int s = bound(SOCK_STREAM, INADDR_LOOPBACK, 0, SO_REUSEPORT), port = port_of(s);
	int u = bound(SOCK_DGRAM, INADDR_LOOPBACK, 0, SO_REUSEPORT), uport = port_of(u);

	CHECK(bound(SOCK_STREAM, INADDR_LOOPBACK, port, SO_REUSEPORT) >= 0);
	CHECK(bound(SOCK_DGRAM, INADDR_LOOPBACK, uport, SO_REUSEPORT) >= 0);
	CHECK_EQ(setuid(54323), 0);
	CHECK_ERR(bound(SOCK_STREAM, INADDR_LOOPBACK, port, SO_REUSEPORT), EADDRINUSE);
	CHECK_ERR(bound(SOCK_STREAM, INADDR_ANY, port, SO_REUSEPORT), EADDRINUSE);
	CHECK_ERR(bound(SOCK_DGRAM, INADDR_LOOPBACK, uport, SO_REUSEPORT), EADDRINUSE);
	CHECK(bound(SOCK_STREAM, INADDR_LOOPBACK + 1, port, 0) >= 0);
}
static void test_ports(void)
{
	CHECK_EQ(in_child(many_on_one_port), 0);
	CHECK_EQ(in_child(many_addresses), 0);
	CHECK_EQ(in_child(users_of_a_port), 0);
}

/* --- entries of a directory, read a few at a time --- */
enum { ENTRIES = 20000 };
static unsigned char seen[2 * ENTRIES];
static int note_names(const char *buf, long n)
{
	int notes = 0;

	for (const char *p = buf; p < buf + n; p += *(const unsigned short *)(p + 16)) {
		if (p[19] != '.') {
			seen[atoi(p + 19)]++;
			notes++;
		}
	}
	return notes;
}
static void test_directory(void)
{
	char dir[] = "/dev/shm/many-XXXXXX", name[16], other[16], buf[128];
	int d, notes = 0;
	long n;

	CHECK(mkdtemp(dir) && !chdir(dir));
	for (int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK_EQ(mknod(name, S_IFREG | 0600, 0), 0);
	}
	d = open(".", O_RDONLY | O_DIRECTORY);
	while ((n = syscall(SYS_getdents64, d, buf, sizeof(buf))) > 0) {
		notes += note_names(buf, n);
		/* Those that go and come meanwhile may be seen or not, the others are, once. */
		snprintf(name, sizeof(name), "%d", notes);
		snprintf(other, sizeof(other), "%d", notes + ENTRIES);
		if (notes % 3 == 0 && notes < ENTRIES) {
			CHECK_EQ(notes % 2 ? unlink(name) : rename(name, other), 0);
			seen[notes] = 99;
		}
	}
	CHECK_EQ(n, 0);
	for (int i = 0; i < ENTRIES; i++)
		CHECK(seen[i] == 1 || seen[i] >= 99);
	close(d);
	CHECK(!chdir("/"));
	remove_tree(dir);
}

/* --- children --- */
static void test_children(void)
{
	enum { N = 400 };
	pid_t pid[N], grandchild;
	int status, p[2];

	CHECK_EQ(pipe(p), 0);
	for (int i = 0; i < N; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			if (i == 0) {
				grandchild = fork();
				if (grandchild == 0)
					_exit(pause());
				(void)!write(p[1], &grandchild, sizeof(grandchild));
				pause();
			}
			_exit(i & 127);
		}
		CHECK(pid[i] > 0);
	}
	CHECK_EQ(read(p[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	CHECK_ERR(waitpid(grandchild, &status, WNOHANG), ECHILD);
	CHECK_ERR(waitpid(getpid(), &status, 0), ECHILD);
	CHECK_EQ(waitpid(pid[0], &status, WNOHANG), 0);
	for (int i = N - 1; i > 0; i--) {
		CHECK_EQ(waitpid(pid[i], &status, 0), pid[i]);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (i & 127));
		CHECK_ERR(waitpid(pid[i], &status, 0), ECHILD);
	}
	CHECK_EQ(kill(grandchild, SIGKILL), 0);
	CHECK_EQ(kill(pid[0], SIGKILL), 0);
	CHECK_EQ(waitpid(pid[0], &status, 0), pid[0]);
	close(p[0]), close(p[1]);
}

/* A shell ends while one process of its job, of many, is stopped: all hear of it, once. */
static int job_pipe[2];
static pid_t *job_group;
static void tell(int sig)
{
	char c = sig == SIGHUP ? 'H' : 'C';

	(void)!write(job_pipe[1], &c, 1);
}
enum { JOB = 60 };
static void shell(void)
{
	pid_t pid, group = 0;
	int status, n = 0;

	setpgid(0, 0);
	for (int i = 0; i < JOB; i++) {
		pid = fork();
		if (pid == 0) {
			setpgid(0, group);
			signal(SIGHUP, tell);
			signal(SIGCONT, tell);
			close(job_pipe[0]);
			(void)!write(job_pipe[1], "r", 1);
			if (i == JOB / 2)
				raise(SIGSTOP);
			for (;;)
				pause();
		}
		setpgid(pid, group);
		group = group ? group : pid;
		if (i == JOB / 2)
			CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	}
	*job_group = group;
	while (n < JOB && ioctl(job_pipe[0], FIONREAD, &n) == 0)
		poll(NULL, 0, 1);
}
static void session(void)
{
	int hups = 0, conts = 0, more;
	char c;

	setsid();
	CHECK_EQ(in_child(shell), 0);
	while ((hups < JOB || conts < JOB) && read(job_pipe[0], &c, 1) == 1) {
		hups += c == 'H';
		conts += c == 'C';
	}
	CHECK_EQ(hups, JOB);
	CHECK_EQ(conts, JOB);
	poll(NULL, 0, 20);
	CHECK_EQ(kill(-*job_group, SIGKILL), 0);
	CHECK_EQ(ioctl(job_pipe[0], FIONREAD, &more), 0);
	CHECK_EQ(more, 0);
}
static void test_job(void)
{
	job_group = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(pipe(job_pipe), 0);
	CHECK_EQ(in_child(session), 0);
	close(job_pipe[0]), close(job_pipe[1]);
}

/* --- timers on CPU time --- */
static void test_cpu_timers(void)
{
	enum { N = 300 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec at = { .it_value = { 0, 0 } };
	struct timespec none = { 0, 0 };
	int id[N], got = 0, last = -1;
	unsigned char fired[N] = { 0 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < N; i++) {
		int k = (i * 7) % N; /* not in their order */

		ev.sigev_value.sival_int = k;
		CHECK_EQ(syscall(SYS_timer_create,
				 k % 5 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &ev,
				 &id[k]),
			 0);
		at.it_value.tv_nsec = 1000000 + k * 100000;
		if (k % 4 == 3)
			at.it_value.tv_sec = 1000;
		CHECK_EQ(syscall(SYS_timer_settime, id[k], 0, &at, NULL), 0);
		at.it_value.tv_sec = 0;
	}
	for (int k = 0; k < N; k += 3)
		CHECK_EQ(syscall(SYS_timer_delete, id[k]), 0);
	for (int k = 0; k < N; k++)
		got += k % 3 && k % 4 != 3; /* so many are to come */
	while (got) {
		if (sigtimedwait(&set, &info, &none) != SIGRTMIN)
			continue;
		last = info.si_value.sival_int;
		CHECK(last >= 0 && last < N && last % 3 && last % 4 != 3);
		CHECK_EQ(fired[last]++, 0);
		got--;
	}
	for (int k = 0; k < N; k++)
		CHECK_EQ(syscall(SYS_timer_delete, id[k]), k % 3 ? 0 : -1);
	CHECK_ERR(sigtimedwait(&set, &info, &none), EAGAIN);
}

/* --- IPC --- */
static void test_queues(void)
{
	enum { N = 100 };
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[32];

	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "/many-%d-%d", (i * 37) % N, (int)getpid());
		fds[i] = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
		CHECK(fds[i] >= 0);
		CHECK_ERR(mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr), EEXIST);
		close(fds[i]);
	}
	for (int i = 0; i < N; i += 2) {
		snprintf(name, sizeof(name), "/many-%d-%d", i, (int)getpid());
		CHECK_EQ(mq_unlink(name), 0);
	}
	for (int i = 0; i < N; i++) {
		int q;

		snprintf(name, sizeof(name), "/many-%d-%d", i, (int)getpid());
		errno = 0;
		q = mq_open(name, O_RDWR);
		CHECK(i % 2 ? q >= 0 : q < 0 && errno == ENOENT);
		close(q);
		CHECK_EQ(mq_unlink(name), i % 2 ? 0 : -1);
	}
}

static int sets[400];
static void undo(void)
{
	struct sembuf up = { 0, 1, SEM_UNDO };

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 400; i++)
			CHECK_EQ(semop(sets[i], &up, 1), 0);
	for (int i = 0; i < 400; i += 2)
		CHECK_EQ(semctl(sets[i], 0, IPC_RMID), 0);
	for (int i = 1; i < 400; i += 2) {
		CHECK_EQ(semop(sets[i], &up, 1), 0);
		CHECK_EQ(semctl(sets[i], 0, GETVAL), 3);
	}
}
static void test_undo(void)
{
	for (int i = 0; i < 400; i++) {
		sets[i] = semget(IPC_PRIVATE, 1, 0600);
		CHECK(sets[i] >= 0);
	}
	CHECK_EQ(in_child(undo), 0);
	for (int i = 1; i < 400; i += 2) {
		CHECK_EQ(semctl(sets[i], 0, GETVAL), 0);
		CHECK_EQ(semctl(sets[i], 0, IPC_RMID), 0);
	}
}

static void test_attaches(void)
{
	enum { N = 2000 };
	static char *at[N];
	int id = shmget(IPC_PRIVATE, 3 * 4096, 0600);
	struct shmid_ds d;

	for (int i = 0; i < N; i++) {
		at[i] = shmat(id, NULL, 0);
		CHECK(at[i] != (void *)-1);
	}
	strcpy(at[7] + 8192, "all the same");
	CHECK(!strcmp(at[N - 1] + 8192, "all the same"));
	CHECK_EQ(munmap(at[5] + 4096, 4096), 0); /* what is left are two pieces */
	for (int i = 0; i < N; i++) {
		CHECK_EQ(shmctl(id, IPC_STAT, &d), 0);
		if (i != 5)
			CHECK(i > 5 || (int)d.shm_nattch >= N - i);
		CHECK_EQ(shmdt(at[i]), 0);
		CHECK_ERR(shmdt(at[i]), EINVAL);
	}
	CHECK_EQ(shmctl(id, IPC_STAT, &d), 0);
	CHECK_EQ(d.shm_nattch, 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/* --- mappings of one file --- */
static volatile int merging = 1;
static void *merge_and_split(void *arg)
{
	char *at = arg;

	while (merging) {
		if (madvise(at, 4096, MADV_DONTFORK) || madvise(at, 4096, MADV_DOFORK))
			CHECK(!"madvise");
	}
	return NULL;
}
/* Whatever the mapping, what was cut off is gone from it. */
static void test_mappings(void)
{
	enum { N = 2000 };
	static char *at[N];
	int f = memfd_create("many", 0), bad = 0;
	char *moving;
	pthread_t t;

	CHECK_EQ(ftruncate(f, 8 * 4096), 0);
	for (int i = 0; i < N; i++) {
		at[i] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, i % 2 ? MAP_SHARED : MAP_PRIVATE,
			     f, i % 4 * 4096);
		CHECK(at[i] != MAP_FAILED);
	}
	moving = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
	pthread_create(&t, NULL, merge_and_split, moving + 4 * 4096);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < N; i++)
			at[i][i % 4096] = 1;
		for (int i = 0; i < 8; i++)
			moving[i * 4096 + round] = (char)(1 + i);
		CHECK_EQ(ftruncate(f, 0), 0);
		CHECK_EQ(ftruncate(f, 8 * 4096), 0);
		for (int i = 0; i < N; i++)
			bad += at[i][i % 4096] != 0;
		for (int i = 0; i < 8; i++)
			bad += moving[i * 4096 + round] != 0;
	}
	CHECK_EQ(bad, 0);
	merging = 0;
	pthread_join(t, NULL);
	for (int i = 0; i < N; i++)
		munmap(at[i], 4096);
	munmap(moving, 8 * 4096);
	close(f);
}

int main(void)
{
	RUN(test_ports);
	RUN(test_directory);
	RUN(test_children);
	RUN(test_job);
	RUN(test_cpu_timers);
	RUN(test_queues);
	RUN(test_undo);
	RUN(test_attaches);
	RUN(test_mappings);
	return test_done();
}
