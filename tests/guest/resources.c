/* SPDX-License-Identifier: MIT */
/*
 * Objects that nobody has in a descriptor table or a list yet, or no more: tasks in the making,
 * files in flight, connections that wait.  They can't be found before they are whole, are charged
 * to somebody, and end when nobody can reach them.
 */
#define _GNU_SOURCE
#include "scratch.h"

#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

/* --- tasks in the making --- */
static atomic_int stop, tries;
static int base, known[4];
static pthread_barrier_t all_known;

static int is_known(int tid)
{
	for (int i = 0; i < 4; i++)
		if (known[i] == tid)
			return 1;
	return 0;
}

/* Each call takes a number and gives it back: the place for the pidfd is bad. */
static void *fail_to_clone(void *arg)
{
	unsigned long flags = CLONE_VM | CLONE_PIDFD | (arg ? SIGCHLD : 0);
	int wrong = 0;

	known[0] = gettid();
	pthread_barrier_wait(&all_known);
	if (!arg)
		flags |= CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
	for (int i = 0; i < 3000; i++) {
		wrong += syscall(SYS_clone, flags, NULL, bad_kernel, NULL, 0) != -1;
		tries++;
	}
	CHECK_EQ(wrong, 0);
	stop = 1;
	return NULL;
}

static void *look_for_half_born(void *arg)
{
	int found = 0, word, tid, i = 0;

	known[1 + (intptr_t)arg] = gettid();
	pthread_barrier_wait(&all_known);
	while (!stop) {
		struct timespec until;

		tid = base + tries + i++ % 4;
		found += syscall(SYS_tgkill, getpid(), tid, 0) == 0 && !is_known(tid);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec = (until.tv_nsec + 1000000) % 1000000000;
		word = tid;
		syscall(SYS_futex, &word, FUTEX_LOCK_PI_PRIVATE, 0, &until, NULL, 0);
	}
	CHECK_EQ(found, 0);
	return NULL;
}

static void half_born(void *of_process)
{
	pthread_t t[3];
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	base = child + 3;
	stop = tries = 0;
	known[3] = getpid();
	pthread_barrier_init(&all_known, NULL, 3);
	pthread_create(&t[0], NULL, look_for_half_born, (void *)0);
	pthread_create(&t[1], NULL, look_for_half_born, (void *)1);
	pthread_create(&t[2], NULL, fail_to_clone, of_process);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}
static void half_born_thread(void)
{
	half_born(NULL);
}
static void half_born_process(void)
{
	half_born(&stop);
}
static void test_half_born(void)
{
	CHECK_EQ(in_child(half_born_thread), 0);
	CHECK_EQ(in_child(half_born_process), 0);
}

/* --- files in flight --- */
static int send_fds(int via, const int *fds, unsigned n)
{
	char control[CMSG_SPACE(64 * sizeof(int))] = { 0 };
	struct iovec v = { "x", 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control };
	struct cmsghdr *c;

	m.msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return (int)sendmsg(via, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}
static int send_fd(int via, int fd)
{
	return send_fds(via, &fd, 1);
}
/* The first of the descriptors that come with a message; -1: none. */
static int receive_fd(int from, int flags)
{
	char control[CMSG_SPACE(64 * sizeof(int))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(from, &m, MSG_DONTWAIT | flags) == 1 &&
	    m.msg_controllen >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

enum { LIMIT = 40 };
/* How many can be sent before ETOOMANYREFS. */
static int fill_flight(int via)
{
	int n = 0;

	while (n < 3 * LIMIT && send_fd(via, 0) == 1)
		n++;
	return n;
}
static void in_flight_limit(void)
{
	struct rlimit limit = { LIMIT, LIMIT };
	int s[2], other[2], fd;

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, other), 0);
	CHECK_EQ(fill_flight(s[0]), 3 * LIMIT); /* root is trusted */
	while ((fd = receive_fd(s[1], 0)) >= 0)
		close(fd);
	CHECK_EQ(setuid(54321), 0);
	CHECK_EQ(fill_flight(s[0]), LIMIT + 1);
	CHECK_ERR(send_fd(s[0], 0), ETOOMANYREFS);
	CHECK_ERR(send_fd(other[0], 0), ETOOMANYREFS);
	CHECK_EQ(send(other[0], "x", 1, 0), 1);
	CHECK_EQ(recv(other[1], &fd, 1, 0), 1);
	fd = receive_fd(s[1], MSG_PEEK);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERR(send_fd(s[0], 0), ETOOMANYREFS); /* a look takes nothing out */
	fd = receive_fd(s[1], 0);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(read(s[1], &fd, 1), 1); /* nobody wants its file */
	CHECK_EQ(send_fd(other[0], 0), 1);
	CHECK_EQ(send_fd(other[0], 0), 1);
	CHECK_ERR(send_fd(other[0], 0), ETOOMANYREFS);
	close(s[0]);
	close(s[1]); /* what was in its queue has landed */
	CHECK_EQ(send_fds(other[0], (int[]){ 0, 1, 2, 0, 1, 2 }, 6), 1);
}
static void test_in_flight_limit(void)
{
	CHECK_EQ(in_child(in_flight_limit), 0);
}

/* The write end of a pipe travels with what shall be found: the read end tells when it ended. */
static int tracer(int *write_end)
{
	int p[2];

	if (pipe2(p, O_NONBLOCK | O_CLOEXEC))
		exit(3);
	*write_end = p[1];
	return p[0];
}
static int has_ended(int read_end)
{
	char c;

	return read(read_end, &c, 1) == 0;
}
/* Linux looks for garbage when a socket of the kind closes, perhaps a little later. */
static void collect_until(int read_end)
{
	while (!has_ended(read_end)) {
		close(socket(AF_UNIX, SOCK_STREAM, 0));
		poll(NULL, 0, 1);
	}
	close(read_end);
}
static void collect_some(void)
{
	for (int i = 0; i < 50; i++) {
		close(socket(AF_UNIX, SOCK_STREAM, 0));
		poll(NULL, 0, 1);
	}
}

static int cycle_of_one(int type)
{
	int s[2], w, r = tracer(&w);

	CHECK_EQ(socketpair(AF_UNIX, type, 0, s), 0);
	CHECK_EQ(send_fd(s[0], s[1]), 1);
	CHECK_EQ(send_fds(s[0], (int[]){ w, s[1] }, 2), 1);
	close(w), close(s[0]), close(s[1]);
	return r;
}
static int cycle_of_two(int type)
{
	int s[2], w, r = tracer(&w);

	CHECK_EQ(socketpair(AF_UNIX, type, 0, s), 0);
	CHECK_EQ(send_fds(s[0], (int[]){ s[0], w }, 2), 1);
	CHECK_EQ(send_fd(s[1], s[1]), 1);
	close(w), close(s[0]), close(s[1]);
	return r;
}
/* a1 in b's queue, b1 in c's ... the last one's in a's; other ends are carried along. */
static int long_ring(int type)
{
	enum { N = 200 };
	int s[N][2], w, r = tracer(&w);

	for (int i = 0; i < N; i++)
		CHECK_EQ(socketpair(AF_UNIX, type, 0, s[i]), 0);
	CHECK_EQ(send_fd(s[0][0], w), 1);
	for (int i = 0; i < N; i++)
		CHECK_EQ(send_fds(s[(i + 1) % N][0], s[i], 2), 1);
	close(w);
	for (int i = 0; i < N; i++)
		close(s[i][0]), close(s[i][1]);
	return r;
}
/* A listener in the queue of a connection that it has not accepted. */
static int in_unaccepted(int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int l = socket(AF_UNIX, type, 0), c = socket(AF_UNIX, type, 0), w, r = tracer(&w);
	socklen_t len = sizeof(a);

	CHECK_EQ(bind(l, (void *)&a, sizeof(sa_family_t)), 0);
	CHECK_EQ(listen(l, 5), 0);
	CHECK_EQ(getsockname(l, (void *)&a, &len), 0);
	CHECK_EQ(connect(c, (void *)&a, len), 0);
	CHECK_EQ(send_fds(c, (int[]){ l, w, c }, 3), 1);
	close(w), close(l), close(c);
	return r;
}
/* What only garbage carries ends with it, other sockets too. */
static int with_a_tail(int type)
{
	int s[2], t[2], w, r = tracer(&w);

	CHECK_EQ(socketpair(AF_UNIX, type, 0, s), 0);
	CHECK_EQ(socketpair(AF_UNIX, type, 0, t), 0);
	CHECK_EQ(send_fd(t[0], w), 1);
	CHECK_EQ(send_fds(s[0], (int[]){ s[1], t[0], t[1] }, 3), 1);
	close(w), close(s[0]), close(s[1]), close(t[0]), close(t[1]);
	return r;
}
static void test_cycles(void)
{
	int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };

	alarm(60);
	for (int i = 0; i < 3; i++) {
		collect_until(cycle_of_one(types[i]));
		collect_until(cycle_of_two(types[i]));
		collect_until(long_ring(types[i]));
		collect_until(with_a_tail(types[i]));
		if (types[i] != SOCK_DGRAM)
			collect_until(in_unaccepted(types[i]));
	}
	alarm(0);
}

/* What somebody can still receive stays, and works. */
static void test_reachable_cycles(void)
{
	int s[2], t[2], u[2], w, r = tracer(&w), in, fd;
	char c;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, t), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, u), 0);
	/* t is in its own queue, and through s in that of u, of which we keep one end */
	CHECK_EQ(send_fds(t[0], (int[]){ t[1], t[0], w }, 3), 1);
	CHECK_EQ(send_fds(s[0], (int[]){ t[1], s[1], s[0] }, 3), 1);
	CHECK_EQ(send_fd(u[0], s[1]), 1);
	close(w), close(s[0]), close(s[1]), close(t[0]), close(t[1]), close(u[0]);
	collect_some();
	CHECK(!has_ended(r));
	fd = receive_fd(u[1], MSG_PEEK);
	CHECK(fd >= 0);
	close(u[1]);
	collect_some();
	CHECK(!has_ended(r));
	in = receive_fd(fd, 0); /* closes nothing: t[1], with s that we forget */
	CHECK(in >= 0);
	close(fd);
	collect_some();
	CHECK(!has_ended(r));
	CHECK_EQ(read(in, &c, 1), 1);
	close(in);
	alarm(60);
	collect_until(r);
	alarm(0);
}

/* --- connections that wait --- */
static int tcp_listener(struct sockaddr_in *a, int backlog)
{
	int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*a);

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(l, (void *)a, len), 0);
	CHECK_EQ(listen(l, backlog), 0);
	CHECK_EQ(getsockname(l, (void *)a, &len), 0);
	return l;
}
static int tcp_client(const struct sockaddr_in *a)
{
	int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(c, (const void *)a, sizeof(*a)) != -1 || errno != EINPROGRESS)
		CHECK(!"connect");
	return c;
}
/* Clients that went: those that fit the backlog are accepted (and end), of the others none. */
static void test_backlog(void)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a, 4), c[20], n = 0, s;
	char byte;

	for (int i = 0; i < 20; i++)
		c[i] = tcp_client(&a);
	for (int i = 0; i < 20; i++)
		close(c[i]);
	for (int i = 0; i < 500; i++)
		close(tcp_client(&a));
	while ((s = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		CHECK_EQ(read(s, &byte, 1), 0);
		close(s);
		n++;
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 5);
	/* and there is room again */
	c[0] = tcp_client(&a);
	s = accept4(l, NULL, NULL, 0);
	CHECK(s >= 0);
	CHECK_EQ(write(c[0], "x", 1), 1);
	CHECK_EQ(read(s, &byte, 1), 1);
	close(s), close(c[0]), close(l);
}
/* One in the line gives up: the others move on. */
static void *give_up(void *arg)
{
	const struct sockaddr_in *a = arg;

	while (!stop)
		close(tcp_client(a));
	return NULL;
}
static void test_backlog_races(void)
{
	struct sockaddr_in a;
	int l = tcp_listener(&a, 1), s;
	pthread_t t[3];

	stop = 0;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, give_up, &a);
	for (int i = 0; i < 300;) {
		s = accept4(l, NULL, NULL, SOCK_NONBLOCK);
		i += s >= 0;
		if (s >= 0)
			close(s);
		else
			sched_yield();
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 100; i++) {
		int listener = tcp_listener(&a, 0), c[4];

		for (int k = 0; k < 4; k++)
			c[k] = tcp_client(&a);
		close(c[i % 4]);
		close(listener);
		for (int k = 0; k < 4; k++)
			if (k != i % 4)
				close(c[k]);
	}
	close(l);
}

/* --- watches --- */
static void inotify_limit(void)
{
	FILE *f = fopen("/proc/sys/fs/inotify/max_user_instances", "r");
	struct rlimit limit = { 5000, 5000 };
	int max, n = 0, last = -1, fd;

	if (!f) {
		CHECK(on_corrida()); /* a bare root on Linux */
		return;
	}
	CHECK_EQ(fscanf(f, "%d", &max), 1);
	fclose(f);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(setuid(54322), 0);
	while (n < 4900 && (fd = inotify_init1(0)) >= 0) {
		last = fd;
		n++;
	}
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(n, max);
	close(last);
	CHECK(inotify_init1(0) >= 0);
	CHECK_ERR(inotify_init1(0), EMFILE);
}
static void test_inotify_limit(void)
{
	CHECK_EQ(in_child(inotify_limit), 0);
}

static long setting(const char *path, int column)
{
	long v[3] = { -1, -1, -1 };
	FILE *f = fopen(path, "r");

	CHECK(f != NULL);
	if (f) {
		CHECK(fscanf(f, "%ld %ld %ld", &v[0], &v[1], &v[2]) > column);
		fclose(f);
	}
	return v[column];
}
static void become(uid_t uid, rlim_t descriptors)
{
	struct rlimit limit = { descriptors, descriptors };

	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(setuid(uid), 0);
}

/* --- pipes: a user has so many pages of them, then small ones --- */
static int many_pipes[2050][2];
static void pipe_limit(void)
{
	long soft = setting("/proc/sys/fs/pipe-user-pages-soft", 0);
	int n = (int)(soft / 16);

	if (n > 2048 || n < 2) {
		CHECK(!"another limit on this machine");
		return;
	}
	become(54324, 5000);
	for (int i = 0; i < n + 2; i++) {
		CHECK_EQ(pipe(many_pipes[i]), 0);
		CHECK_EQ(fcntl(many_pipes[i][0], F_GETPIPE_SZ), i < n ? 65536 : 8192);
	}
	CHECK_ERR(fcntl(many_pipes[n][0], F_SETPIPE_SZ, 16384), EPERM);
	CHECK_EQ(fcntl(many_pipes[n][0], F_SETPIPE_SZ, 4096), 4096);
	CHECK_ERR(fcntl(many_pipes[n][0], F_SETPIPE_SZ, 8192), EPERM);
	CHECK_EQ(write(many_pipes[n][1], "works", 5), 5);
	close(many_pipes[0][0]); /* it is there until both ends are closed */
	CHECK_ERR(fcntl(many_pipes[n][0], F_SETPIPE_SZ, 8192), EPERM);
	close(many_pipes[0][1]);
	CHECK_EQ(fcntl(many_pipes[n][0], F_SETPIPE_SZ, 8192), 8192);
	CHECK_EQ(fcntl(many_pipes[1][0], F_SETPIPE_SZ, 32768), 32768);
	CHECK_EQ(fcntl(many_pipes[1][0], F_SETPIPE_SZ, 65536), 65536);
}
static void test_pipe_limit(void)
{
	CHECK_EQ(in_child(pipe_limit), 0);
}

/* --- members of epolls; on a large machine the limit is out of reach --- */
enum { MEMBERS = 1000, EPOLLS = 100 };
static void epoll_limit(void)
{
	static int target[MEMBERS], ep[EPOLLS];
	long max = setting("/proc/sys/fs/epoll/max_user_watches", 0), n = 0;
	struct epoll_event ev = { .events = EPOLLIN };
	int e = -1, err = 0;

	CHECK(max > 0);
	become(54325, 5000);
	for (int i = 0; i < MEMBERS; i++) {
		target[i] = i ? dup(target[0]) : eventfd(0, 0);
		CHECK(target[i] >= 0);
	}
	while (!err && n < MEMBERS * EPOLLS) {
		if (n % MEMBERS == 0) {
			ep[++e] = epoll_create1(0);
			CHECK(ep[e] >= 0);
		}
		err = epoll_ctl(ep[e], EPOLL_CTL_ADD, target[n % MEMBERS], &ev);
		n += !err;
	}
	if (!err) {
		CHECK(max >= n);
		return;
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, max);
	CHECK(e > 0);
	CHECK_EQ(epoll_ctl(ep[0], EPOLL_CTL_DEL, target[7], &ev), 0);
	CHECK_EQ(epoll_ctl(ep[0], EPOLL_CTL_ADD, target[8], &ev), -1); /* it is there */
	CHECK_EQ(epoll_ctl(ep[0], EPOLL_CTL_ADD, target[7], &ev), 0);
	CHECK_ERR(epoll_ctl(ep[e], EPOLL_CTL_ADD, target[n % MEMBERS], &ev), ENOSPC);
	close(ep[0]);
	CHECK_EQ(epoll_ctl(ep[e], EPOLL_CTL_ADD, target[n % MEMBERS], &ev), 0);
}
static void test_epoll_limit(void)
{
	CHECK_EQ(in_child(epoll_limit), 0);
}

/* --- open files in all --- */
#define FILES "/proc/sys/fs/file-nr"
static int files_full[2];
static void open_all(void)
{
	long max = setting(FILES, 2);
	int n = 0, last = -1, fd;

	become(54326, 200000);
	while ((fd = eventfd(0, 0)) >= 0) {
		last = fd;
		n++;
	}
	CHECK_EQ(errno, ENFILE);
	CHECK(n > max - 2000 && n < max);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 0), ENFILE);
	CHECK_ERR(open("/", O_RDONLY), ENFILE);
	CHECK(dup(last) >= 0); /* is no new file */
	if (!test_failed_here) {
		(void)!write(files_full[1], "f", 1);
		pause();
	}
	fflush(stdout);
}
static void test_file_limit(void)
{
	enum { N = 3000 };
	struct rlimit old, limit = { N + 500, N + 500 };
	int fd[N], status, tries = 0;
	long before, during;
	pid_t child;
	char c;

	CHECK_EQ(setting(FILES, 2), setting("/proc/sys/fs/file-max", 0));
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit.rlim_max = old.rlim_max;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	do { /* others open and close files, too */
		before = setting(FILES, 0);
		for (int i = 0; i < N; i++)
			fd[i] = eventfd(0, 0);
		during = setting(FILES, 0);
		for (int i = 0; i < N; i++)
			close(fd[i]);
	} while (during - before < N - N / 10 && tries++ < 20);
	CHECK(during - before >= N - N / 10);
	setrlimit(RLIMIT_NOFILE, &old);
	if (setting(FILES, 2) > 100000)
		return; /* more than we want to open */
	CHECK_EQ(pipe(files_full), 0);
	child = fork();
	if (child == 0) {
		test_failed_here = 0;
		open_all();
		_exit(1);
	}
	close(files_full[1]);
	CHECK_EQ(read(files_full[0], &c, 1), 1); /* not when a CHECK of the child failed */
	fd[0] = eventfd(0, 0);			 /* root is trusted */
	CHECK(fd[0] >= 0);
	close(fd[0]), close(files_full[0]);
	kill(child, SIGKILL);
	CHECK_EQ(waitpid(child, &status, 0), child);
}

static void test_many_watches(void)
{
	enum { N = 1000 };
	char dir[] = "/dev/shm/watches-XXXXXX", name[64];
	static struct inotify_event e[4 * N];
	int in = inotify_init1(IN_NONBLOCK), wd[N], gone = 0, said = 0;

	CHECK(mkdtemp(dir) && !chdir(dir));
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%d", i);
		close(open(name, O_CREAT | O_RDWR, 0600));
		wd[i] = inotify_add_watch(in, name, IN_ATTRIB | IN_DELETE_SELF);
		CHECK_EQ(wd[i], i + 1);
	}
	for (int i = 0; i < N; i += 3)
		CHECK_EQ(inotify_rm_watch(in, wd[i]), 0);
	CHECK_ERR(inotify_rm_watch(in, wd[0]), EINVAL);
	CHECK_ERR(inotify_rm_watch(in, -1), EINVAL);
	CHECK_ERR(inotify_rm_watch(in, N + 1), EINVAL);
	for (int i = 0; i < N; i++) {
		int again;

		snprintf(name, sizeof(name), "%d", i);
		again = inotify_add_watch(in, name, IN_DELETE_SELF);
		CHECK(i % 3 ? again == wd[i] : again > N);
		wd[i] = again;
	}
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK_EQ(unlink(name), 0);
	}
	for (ssize_t n; (n = read(in, e, sizeof(e))) > 0;) {
		for (int i = 0; i < n / (ssize_t)sizeof(e[0]); i++) {
			said += e[i].mask == IN_IGNORED;
			gone += e[i].mask == IN_DELETE_SELF;
		}
	}
	CHECK_EQ(gone, N);
	CHECK_EQ(said, N + (N + 2) / 3);
	close(in);
	CHECK(!chdir("/") && !rmdir(dir));
}

static void test_many_timers(void)
{
	enum { N = 999 };
	static int id[N];
	struct sigevent ev = { .sigev_notify = SIGEV_NONE };
	struct itimerspec at = { .it_value = { 1000, 0 } }, left;

	for (int i = 0; i < N; i++) {
		CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id[i]), 0);
		at.it_value.tv_sec = 1000 + i;
		CHECK_EQ(syscall(SYS_timer_settime, id[i], 0, &at, NULL), 0);
	}
	for (int i = 0; i < N; i += 3)
		CHECK_EQ(syscall(SYS_timer_delete, id[i]), 0);
	for (int i = 0; i < N; i++) {
		if (i % 3 == 0) {
			CHECK_ERR(syscall(SYS_timer_gettime, id[i], &left), EINVAL);
			CHECK_ERR(syscall(SYS_timer_delete, id[i]), EINVAL);
			CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id[i]), 0);
		} else {
			CHECK_EQ(syscall(SYS_timer_gettime, id[i], &left), 0);
			CHECK(left.it_value.tv_sec > 0 && left.it_value.tv_sec <= 1000 + i);
		}
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(syscall(SYS_timer_delete, id[i]), 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(test_half_born);
	RUN(test_in_flight_limit);
	RUN(test_cycles);
	RUN(test_reachable_cycles);
	RUN(test_backlog);
	RUN(test_backlog_races);
	RUN(test_inotify_limit);
	RUN(test_pipe_limit);
	RUN(test_epoll_limit);
	RUN(test_file_limit);
	RUN(test_many_watches);
	RUN(test_many_timers);
	return test_done();
}
