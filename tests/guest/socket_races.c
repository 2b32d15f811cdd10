/* SPDX-License-Identifier: MIT */
/*
 * Threads that connect, accept, shut down, close, pass descriptors and poll the same sockets at
 * the same time.  Results vary; that every call returns, counts are kept and nothing is left
 * over is what counts.
 */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct sockaddr_storage server;
static socklen_t server_len;
static atomic_int stop, served;
static int listen_fd;

static void start_server(int family)
{
	if (family == AF_UNIX) {
		struct sockaddr_un *a = (void *)&server;

		memset(a, 0, sizeof(*a));
		a->sun_family = AF_UNIX;
		snprintf(a->sun_path + 1, 60, "races-%d", getpid());
		server_len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a->sun_path + 1);
	} else {
		struct sockaddr_in *a = (void *)&server;

		*a = (struct sockaddr_in){ .sin_family = AF_INET };
		a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		server_len = sizeof(*a);
	}
	listen_fd = socket(family, SOCK_STREAM, 0);
	CHECK_EQ(bind(listen_fd, (void *)&server, server_len), 0);
	CHECK_EQ(listen(listen_fd, 3), 0);
	if (family == AF_INET)
		getsockname(listen_fd, (void *)&server, &server_len);
	stop = served = 0;
}
static void *acceptor(void *arg)
{
	int fd;

	while ((fd = accept(listen_fd, NULL, NULL)) >= 0) {
		char c;

		if (read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
			served++;
		close(fd);
	}
	return arg;
}
#define CLIENT_ROUNDS 100
static void *client(void *arg)
{
	long good = 0;

	for (int i = 0; i < CLIENT_ROUNDS; i++) {
		int fd = socket(server.ss_family, SOCK_STREAM, 0);
		char c = 'c';

		if (connect(fd, (void *)&server, server_len) == 0 && write(fd, &c, 1) == 1 &&
		    read(fd, &c, 1) == 1)
			good++;
		close(fd);
	}
	(void)arg;
	return (void *)good;
}
static void check_server(int family)
{
	pthread_t a[2], c[4];
	long total = 0;

	start_server(family);
	for (int i = 0; i < 2; i++)
		pthread_create(&a[i], NULL, acceptor, NULL);
	for (int i = 0; i < 4; i++)
		pthread_create(&c[i], NULL, client, NULL);
	for (int i = 0; i < 4; i++) {
		void *good;

		pthread_join(c[i], &good);
		total += (long)good;
	}
	CHECK_EQ(total, 4 * CLIENT_ROUNDS);
	shutdown(listen_fd, SHUT_RDWR);
	for (int i = 0; i < 2; i++)
		pthread_join(a[i], NULL);
	CHECK_EQ(served, 4 * CLIENT_ROUNDS);
	close(listen_fd);
}
static void test_server_unix(void)
{
	check_server(AF_UNIX);
}
static void test_server_tcp(void)
{
	check_server(AF_INET);
}

/* Clients against a listener that comes and goes: no call may hang. */
static void *connector(void *arg)
{
	while (!stop) {
		int fd = socket(server.ss_family, SOCK_STREAM, 0);
		char c;

		if (connect(fd, (void *)&server, server_len) == 0) {
			send(fd, "x", 1, MSG_NOSIGNAL);
			(void)!read(fd, &c, 1);
		}
		close(fd);
	}
	return arg;
}
static void check_flapping(int family)
{
	pthread_t t[3];

	start_server(family);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, connector, NULL);
	for (int i = 0; i < 60; i++) {
		int fd, one = 1;

		if (i % 3 == 0 && (fd = accept(listen_fd, NULL, NULL)) >= 0)
			close(fd);
		close(listen_fd);
		listen_fd = socket(family, SOCK_STREAM, 0);
		setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		/* A client whose own port is the server's connects to itself and holds it for a
		 * moment, on Linux, too. */
		int bound = bind(listen_fd, (void *)&server, server_len);

		for (int k = 0; k < 1000 && bound && errno == EADDRINUSE; k++) {
			usleep(1000);
			bound = bind(listen_fd, (void *)&server, server_len);
		}
		CHECK_EQ(bound, 0);
		CHECK_EQ(listen(listen_fd, i % 2), 0);
		usleep(500);
	}
	stop = 1;
	close(listen_fd);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
}
static void test_flapping_unix(void)
{
	check_flapping(AF_UNIX);
}
static void test_flapping_tcp(void)
{
	check_flapping(AF_INET);
}

/* One pair: two writers, two readers, a poller; the sum of bytes is kept. */
static int pair[2];
static atomic_long sent, received;
static void *pair_writer(void *arg)
{
	char buf[3000] = { 0 };

	for (int i = 0; i < 400; i++) {
		long n = send(pair[0], buf, 1 + (size_t)(i * 37) % sizeof(buf), 0);

		if (n > 0)
			sent += n;
	}
	return arg;
}
static void *pair_reader(void *arg)
{
	char buf[2500];
	long n;

	while ((n = recv(pair[1], buf, sizeof(buf), 0)) > 0)
		received += n;
	return arg;
}
static void *pair_poller(void *arg)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int ep = epoll_create1(0);

	while (!stop) {
		struct pollfd p[2] = { { pair[0], POLLIN | POLLOUT, 0 }, { pair[1], POLLIN, 0 } };

		epoll_ctl(ep, EPOLL_CTL_ADD, pair[1], &e);
		epoll_wait(ep, &e, 1, 1);
		epoll_ctl(ep, EPOLL_CTL_DEL, pair[1], &e);
		poll(p, 2, 0);
	}
	close(ep);
	return arg;
}
static void test_pair(void)
{
	pthread_t w[2], r[2], p;

	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	stop = 0;
	pthread_create(&p, NULL, pair_poller, NULL);
	for (int i = 0; i < 2; i++) {
		pthread_create(&w[i], NULL, pair_writer, NULL);
		pthread_create(&r[i], NULL, pair_reader, NULL);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(w[i], NULL);
	shutdown(pair[0], SHUT_WR);
	for (int i = 0; i < 2; i++)
		pthread_join(r[i], NULL);
	stop = 1;
	pthread_join(p, NULL);
	CHECK_EQ(sent, received);
	close(pair[0]);
	close(pair[1]);
}

/* A full pair whose other end closes or shuts down: the sleeping writer hears of it. */
static void *fill(void *arg)
{
	static char buf[65536];
	int fd = *(int *)arg;

	while (send(fd, buf, sizeof(buf), MSG_NOSIGNAL) > 0)
		;
	return (void *)(long)errno;
}
static void test_writer_wakes(void)
{
	for (int i = 0; i < 40; i++) {
		pthread_t t;
		int fd[2];
		void *err;

		socketpair(AF_UNIX, i & 1 ? SOCK_STREAM : SOCK_SEQPACKET, 0, fd);
		pthread_create(&t, NULL, fill, &fd[0]);
		usleep(i * 50);
		if (i % 4 == 0)
			shutdown(fd[1], SHUT_RD);
		else if (i % 4 == 1)
			shutdown(fd[0], SHUT_WR);
		else
			close(fd[1]);
		pthread_join(t, &err);
		CHECK((long)err == EPIPE || (long)err == ECONNRESET);
		close(fd[0]);
		if (i % 4 < 2)
			close(fd[1]);
	}
}

/* Descriptors travel while both ends close. */
static void *pass_files(void *arg)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;

	for (int i = 0; i < 300; i++) {
		struct iovec v = { "f", 1 };
		struct msghdr h = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = u.buf,
				    .msg_controllen = sizeof(u.buf) };
		int fd = open("/dev/null", O_RDONLY);

		u.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					    .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&u.align), &fd, sizeof(int));
		sendmsg(pair[0], &h, MSG_NOSIGNAL);
		close(fd);
	}
	return arg;
}
static void *take_files(void *arg)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	long got = 0;

	for (;;) {
		char c;
		struct iovec v = { &c, 1 };
		struct msghdr h = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = u.buf,
				    .msg_controllen = sizeof(u.buf) };
		int fd;

		if (recvmsg(pair[1], &h, 0) != 1)
			break;
		if (h.msg_controllen) {
			memcpy(&fd, CMSG_DATA(&u.align), sizeof(int));
			got += close(fd) == 0;
		}
	}
	(void)arg;
	return (void *)got;
}
static void test_files(void)
{
	int before = open("/dev/null", O_RDONLY), after;
	pthread_t w[2], r[2];
	long total = 0;

	close(before);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	for (int i = 0; i < 2; i++) {
		pthread_create(&w[i], NULL, pass_files, NULL);
		pthread_create(&r[i], NULL, take_files, NULL);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(w[i], NULL);
	shutdown(pair[0], SHUT_WR);
	for (int i = 0; i < 2; i++) {
		void *got;

		pthread_join(r[i], &got);
		total += (long)got;
	}
	CHECK_EQ(total, 600);
	close(pair[0]);
	close(pair[1]);
	after = open("/dev/null", O_RDONLY);
	CHECK_EQ(after, before);
	close(after);
}

/* Many datagram senders, one receiver that is slow: none is lost, none waits for ever. */
static int dgram_fd;
static struct sockaddr_un dgram_addr;
static socklen_t dgram_len;
static void *dgram_sender(void *arg)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	long good = 0;

	if ((long)arg & 1)
		connect(fd, (void *)&dgram_addr, dgram_len);
	for (int i = 0; i < 200; i++)
		good += ((long)arg & 1
				 ? send(fd, "m", 1, 0)
				 : sendto(fd, "m", 1, 0, (void *)&dgram_addr, dgram_len)) == 1;
	close(fd);
	return (void *)good;
}
static void test_dgram(void)
{
	long got = 0, good = 0;
	pthread_t t[4];
	char c;

	dgram_addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(dgram_addr.sun_path + 1, 60, "dgram-%d", getpid());
	dgram_len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(dgram_addr.sun_path + 1);
	dgram_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK_EQ(bind(dgram_fd, (void *)&dgram_addr, dgram_len), 0);
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, dgram_sender, (void *)i);
	while (got < 800 && recv(dgram_fd, &c, 1, 0) == 1)
		got++;
	for (int i = 0; i < 4; i++) {
		void *n;

		pthread_join(t[i], &n);
		good += (long)n;
	}
	CHECK_EQ(got, 800);
	CHECK_EQ(good, 800);
	close(dgram_fd);
}

/* A send that finds its peer closed, while another thread connects the socket anew: the new
 * peer stays. */
static void *send_big(void *arg)
{
	static char buf[100000];

	return (void *)send(*(int *)arg, buf, sizeof(buf), MSG_NOSIGNAL | MSG_DONTWAIT);
}
static void test_dgram_reconnect(void)
{
	int other = socket(AF_UNIX, SOCK_DGRAM, 0), lost = 0;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char drain[64];
	socklen_t len;

	snprintf(a.sun_path + 1, 60, "reconnect-%d", getpid());
	len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1);
	CHECK_EQ(bind(other, (void *)&a, len), 0);
	for (int i = 0; i < 200; i++) {
		pthread_t t;
		int fd[2];

		socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
		close(fd[1]);
		pthread_create(&t, NULL, send_big, &fd[0]);
		usleep((i % 20) * 10);
		CHECK_EQ(connect(fd[0], (void *)&a, len), 0);
		pthread_join(t, NULL);
		lost += send(fd[0], "x", 1, 0) != 1;
		close(fd[0]);
		while (recv(other, drain, sizeof(drain), MSG_DONTWAIT) >= 0)
			;
	}
	CHECK_EQ(lost, 0);
	close(other);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(test_server_unix);
	RUN(test_server_tcp);
	RUN(test_flapping_unix);
	RUN(test_flapping_tcp);
	RUN(test_pair);
	RUN(test_writer_wakes);
	RUN(test_files);
	RUN(test_dgram);
	RUN(test_dgram_reconnect);
	return test_done();
}
