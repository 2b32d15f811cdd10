/* SPDX-License-Identifier: MIT */
/* Sockets inside one machine: AF_UNIX, and TCP and UDP over the loopback. */
#define _GNU_SOURCE
#include "guest.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

static struct sockaddr_in v4(uint32_t ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	a.sin_addr.s_addr = htonl(ip);
	return a;
}
static int events(int fd, int want)
{
	struct pollfd p = { .fd = fd, .events = want };

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}
/* A TCP listener on 127.0.0.1; *a gets its address. */
static int listener(struct sockaddr_in *a, int backlog)
{
	socklen_t len = sizeof(*a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	*a = v4(INADDR_LOOPBACK, 0);
	CHECK_EQ(bind(s, (void *)a, sizeof(*a)), 0);
	CHECK_EQ(listen(s, backlog), 0);
	CHECK_EQ(getsockname(s, (void *)a, &len), 0);
	CHECK(a->sin_port != 0);
	return s;
}
static void tcp_pair(int fd[2])
{
	struct sockaddr_in a;
	int s = listener(&a, 5);

	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(fd[0], (void *)&a, sizeof(a)), 0);
	fd[1] = accept(s, NULL, NULL);
	CHECK(fd[1] >= 0);
	close(s);
}
static void close_pair(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static void test_create(void)
{
	int fd;

	CHECK_ERR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_INET, 77, 0), EINVAL);
	CHECK_ERR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_STREAM, 17), EPROTONOSUPPORT);
	CHECK_ERR(bind(0, NULL, 0), ENOTSOCK);
	CHECK_ERR(listen(999, 0), EBADF);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	char c;
	CHECK_ERR(read(fd, &c, 1), EINVAL);
	CHECK_ERR(send(fd, &c, 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_EQ(events(fd, POLLIN | POLLOUT), POLLOUT | POLLHUP);
	close(fd);
	int p[2], *volatile bad = (int *)8;
	CHECK_ERR(socketpair(AF_INET, SOCK_STREAM, 0, p), EOPNOTSUPP);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, bad), EFAULT);
}

static void check_stream(int fd[2])
{
	char buf[64];

	CHECK_EQ(write(fd[0], "hello", 5), 5);
	CHECK_EQ(write(fd[0], "world", 5), 5);
	int n = 0;
	for (int i = 0; i < 100 && (ioctl(fd[1], FIONREAD, &n) == 0 && n < 10); i++)
		usleep(1000);
	CHECK_EQ(n, 10);
	CHECK_EQ(recv(fd[1], buf, 3, MSG_PEEK), 3);
	CHECK_EQ(recv(fd[1], buf, 8, 0), 8);
	CHECK(memcmp(buf, "hellowor", 8) == 0);
	CHECK_EQ(read(fd[1], buf, 64), 2);
	CHECK_ERR(recv(fd[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(events(fd[1], POLLIN | POLLOUT | POLLRDHUP), POLLOUT);
	/* half-close: the other direction goes on */
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	usleep(10000);
	CHECK_EQ(read(fd[1], buf, 64), 0);
	CHECK_EQ(events(fd[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(write(fd[1], "back", 4), 4);
	CHECK_EQ(recv(fd[0], buf, 4, MSG_WAITALL), 4);
	close(fd[1]);
	usleep(10000);
	CHECK_EQ(read(fd[0], buf, 64), 0);
	CHECK_EQ(events(fd[0], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP | POLLHUP);
	close(fd[0]);
}
static void test_stream(void)
{
	int fd[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	check_stream(fd);
	tcp_pair(fd);
	check_stream(fd);
}

/* More than the buffers hold, in odd portions. */
#define BULK (3 << 20)
static void *bulk_writer(void *arg)
{
	int fd = *(int *)arg;
	char buf[30011];
	long done = 0;

	while (done < BULK) {
		long n = BULK - done < (long)sizeof(buf) ? BULK - done : (long)sizeof(buf);

		for (long i = 0; i < n; i++)
			buf[i] = (char)((done + i) % 251);
		n = write(fd, buf, n);
		if (n <= 0)
			break;
		done += n;
	}
	shutdown(fd, SHUT_WR);
	return NULL;
}
static void check_bulk(int fd[2])
{
	char buf[7001];
	long done = 0, n, bad = 0;
	pthread_t t;

	pthread_create(&t, NULL, bulk_writer, &fd[0]);
	while ((n = read(fd[1], buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++)
			bad += buf[i] != (char)((done + i) % 251);
		done += n;
	}
	pthread_join(t, NULL);
	CHECK_EQ(done, BULK);
	CHECK_EQ(bad, 0);
	close_pair(fd);
}
static void test_bulk(void)
{
	int fd[2];

	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	check_bulk(fd);
	tcp_pair(fd);
	check_bulk(fd);
}

static void test_full(void)
{
	static char buf[65536];
	int fd[2];
	long n, total = 0;

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd);
	while ((n = write(fd[0], buf, sizeof(buf))) > 0)
		total += n;
	CHECK_EQ(errno, EAGAIN);
	CHECK(total > 100000 && total < 4000000);
	CHECK_EQ(events(fd[0], POLLOUT), 0);
	while ((n = read(fd[1], buf, sizeof(buf))) > 0)
		total -= n;
	CHECK_EQ(total, 0);
	CHECK_EQ(events(fd[0], POLLOUT), POLLOUT);
	close_pair(fd);
}

static void test_reset(void)
{
	char c;
	int fd[2];

	/* closed with data unread: the peer hears of it */
	tcp_pair(fd);
	CHECK_EQ(write(fd[0], "lost", 4), 4);
	usleep(10000);
	close(fd[1]);
	usleep(10000);
	CHECK_ERR(read(fd[0], &c, 1), ECONNRESET);
	CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fd[0]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	CHECK_EQ(write(fd[0], "lost", 4), 4);
	close(fd[1]);
	CHECK_ERR(read(fd[0], &c, 1), ECONNRESET);
	CHECK_EQ(read(fd[0], &c, 1), 0);
	close(fd[0]);
	/* lingering for no time */
	struct linger l = { 1, 0 };
	tcp_pair(fd);
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	close(fd[1]);
	usleep(10000);
	CHECK(events(fd[0], POLLIN) & POLLERR);
	CHECK_ERR(read(fd[0], &c, 1), ECONNRESET);
	close(fd[0]);
	/* the first send to a closed TCP peer succeeds, the second does not */
	tcp_pair(fd);
	close(fd[1]);
	usleep(10000);
	CHECK_EQ(send(fd[0], "x", 1, MSG_NOSIGNAL), 1);
	usleep(10000);
	CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(fd[0]);
}

/* What random calls next to Linux brought up. */
static void test_shutdown(void)
{
	struct sockaddr_in a = v4(INADDR_LOOPBACK, 0);
	socklen_t len = sizeof(a);
	int fd[2], other[2], s;
	char c;

	/* AF_UNIX: shutting one side shuts the opposite side of the peer */
	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	CHECK_EQ(shutdown(fd[0], SHUT_RD), 0);
	CHECK_EQ(events(fd[0], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
	CHECK_ERR(send(fd[1], "", 0, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_EQ(events(fd[1], POLLIN | POLLRDHUP), POLLIN | POLLRDHUP | POLLHUP);
	close_pair(fd);
	/* a datagram socket that was shut: no wait, no end; its own sends fail first */
	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	CHECK_EQ(shutdown(fd[0], SHUT_RDWR), 0);
	CHECK_ERR(recv(fd[0], &c, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERR(send(fd[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close_pair(fd);
	/* a peer that has gone is forgotten, with what came from it */
	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	close(fd[1]);
	CHECK_ERR(send(fd[0], "x", 1, 0), ECONNREFUSED);
	CHECK_ERR(send(fd[0], "x", 1, 0), ENOTCONN);
	CHECK_ERR(recv(fd[0], &c, 1, MSG_DONTWAIT), EAGAIN);
	close(fd[0]);
	/* not connected: TCP says so and shuts nevertheless */
	s = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(shutdown(s, SHUT_RDWR), ENOTCONN);
	CHECK_EQ(events(s, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP | POLLHUP);
	close(s);
	/* a listener that is shut is one no more */
	s = listener(&a, 1);
	CHECK_EQ(shutdown(s, SHUT_RD), 0);
	CHECK_ERR(accept(s, NULL, NULL), EINVAL);
	close(s);
	/* UDP has a port after a send that failed */
	s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_ERR(send(s, "x", 1, 0), EDESTADDRREQ);
	CHECK_EQ(getsockname(s, (void *)&a, &len), 0);
	CHECK(a.sin_port != 0);
	close(s);
	/* SEQPACKET: the error comes before the data */
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	CHECK_EQ(write(fd[0], "y", 1), 1);
	close(fd[1]);
	CHECK_ERR(recv(fd[0], &c, 1, 0), ECONNRESET);
	CHECK_EQ(recv(fd[0], &c, 1, 0), 1);
	close(fd[0]);
	/* connect looks at the other side first */
	struct sockaddr_un u = { .sun_family = AF_UNIX, .sun_path = "\0nobody-is-here" };
	socketpair(AF_UNIX, SOCK_STREAM, 0, other);
	CHECK_ERR(connect(other[0], (void *)&u, sizeof(u)), ECONNREFUSED);
	close_pair(other);
}

static volatile sig_atomic_t pipes;
static void on_pipe(int sig)
{
	pipes += sig == SIGPIPE;
}
static void test_sigpipe(void)
{
	int fd[2];

	signal(SIGPIPE, on_pipe);
	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	close(fd[1]);
	CHECK_ERR(write(fd[0], "x", 1), EPIPE);
	CHECK_EQ(pipes, 1);
	CHECK_ERR(send(fd[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(pipes, 1);
	close(fd[0]);
	/* only streams raise it */
	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_ERR(send(fd[0], "x", 1, 0), EPIPE);
	close_pair(fd);
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd);
	close(fd[1]);
	CHECK_ERR(write(fd[0], "x", 1), EPIPE);
	close(fd[0]);
	struct sockaddr_in a = v4(INADDR_LOOPBACK, 9);
	fd[0] = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(connect(fd[0], (void *)&a, sizeof(a)), 0);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_ERR(send(fd[0], "x", 1, 0), EPIPE);
	close(fd[0]);
	CHECK_EQ(pipes, 1);
	tcp_pair(fd);
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_ERR(write(fd[0], "x", 1), EPIPE);
	CHECK_EQ(pipes, 2);
	close_pair(fd);
	signal(SIGPIPE, SIG_DFL);
}

static void test_tcp_names(void)
{
	struct sockaddr_in a, b, c;
	socklen_t len = sizeof(b);
	int s = listener(&a, 5), fd = socket(AF_INET, SOCK_STREAM, 0), con, on;

	CHECK_ERR(getpeername(fd, (void *)&b, &len), ENOTCONN);
	CHECK_EQ(connect(fd, (void *)&a, sizeof(a)), 0);
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EISCONN);
	len = sizeof(b);
	con = accept4(s, (void *)&b, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK(con >= 0);
	CHECK_EQ(len, sizeof(b));
	CHECK_EQ(b.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(fcntl(con, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	len = sizeof(c);
	CHECK_EQ(getsockname(fd, (void *)&c, &len), 0);
	CHECK_EQ(c.sin_port, b.sin_port);
	CHECK_EQ(getpeername(fd, (void *)&c, &len), 0);
	CHECK_EQ(c.sin_port, a.sin_port);
	CHECK_EQ(getsockname(con, (void *)&c, &len), 0);
	CHECK_EQ(c.sin_port, a.sin_port);
	len = sizeof(on);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_ACCEPTCONN, &on, &len), 0);
	CHECK_EQ(on, 1);
	CHECK_ERR(accept(con, NULL, NULL), EINVAL);
	/* a second socket on the port; a port that nobody has */
	int s2 = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(bind(s2, (void *)&a, sizeof(a)), EADDRINUSE);
	close(s);
	close(con);
	close(fd);
	CHECK_ERR(connect(s2, (void *)&a, sizeof(a)), ECONNREFUSED);
	a = v4(0x01020304, 80);
	CHECK_ERR(bind(s2, (void *)&a, sizeof(a)), EADDRNOTAVAIL);
	close(s2);
}

static void test_nonblocking_connect(void)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(int);
	int s = listener(&a, 5), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = -1;

	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EINPROGRESS);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	CHECK_EQ(poll(&p, 1, 1000), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	CHECK_EQ(err, 0);
	CHECK_EQ(connect(fd, (void *)&a, sizeof(a)), 0);
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EISCONN);
	close(fd);
	close(s);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EINPROGRESS);
	p.fd = fd;
	CHECK_EQ(poll(&p, 1, 1000), 1);
	CHECK(p.revents & POLLERR);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	CHECK_EQ(err, ECONNREFUSED);
	close(fd);
}

/* One port, two sockets: many may be bound to it, one may listen. */
static void test_shared_port(void)
{
	struct sockaddr_in a = v4(INADDR_LOOPBACK, 0);
	socklen_t len = sizeof(a);
	int s[2], one = 1;

	for (int i = 0; i < 2; i++) {
		s[i] = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(s[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		CHECK_EQ(bind(s[i], (void *)&a, sizeof(a)), 0);
		CHECK_EQ(getsockname(s[i], (void *)&a, &len), 0);
	}
	CHECK_EQ(listen(s[0], 1), 0);
	CHECK_ERR(listen(s[1], 1), EADDRINUSE);
	CHECK_EQ(listen(s[0], 2), 0);
	close(s[0]);
	CHECK_EQ(listen(s[1], 1), 0);
	close(s[1]);
}

/* A client beyond the backlog waits; meanwhile it gets a signal, or the listener goes. */
static int full_listener(struct sockaddr_in *a, int *first)
{
	int s = listener(a, 0);

	*first = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(*first, (void *)a, sizeof(*a)), 0);
	return s;
}
static void on_alarm(int sig)
{
	(void)sig;
}
static void *accept_later(void *arg)
{
	usleep(300000);
	close(accept(*(int *)arg, NULL, NULL));
	return NULL;
}
static void check_interrupted_connect(int flags)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };
	int first, fd = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct sockaddr_in a;
	int s = full_listener(&a, &first);
	pthread_t t;

	sigaction(SIGALRM, &sa, NULL);
	pthread_create(&t, NULL, accept_later, &s);
	ualarm(100000, 0);
	if (flags & SA_RESTART) {
		CHECK_EQ(connect(fd, (void *)&a, sizeof(a)), 0);
	} else {
		CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EINTR);
		CHECK_EQ(poll(&p, 1, 5000), 1);
		CHECK_EQ(connect(fd, (void *)&a, sizeof(a)), 0);
	}
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EISCONN);
	pthread_join(t, NULL);
	signal(SIGALRM, SIG_DFL);
	close(first);
	close(fd);
	close(s);
}
static void test_interrupted_connect(void)
{
	check_interrupted_connect(SA_RESTART);
	check_interrupted_connect(0);
}
static void test_refused_again(void)
{
	int first, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct sockaddr_in a;
	int s = full_listener(&a, &first);

	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EINPROGRESS);
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), EALREADY);
	CHECK_EQ(events(fd, POLLOUT), 0);
	close(s);
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents, POLLOUT | POLLERR | POLLHUP);
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), ECONNREFUSED);
	fcntl(fd, F_SETFL, 0);
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), ECONNREFUSED);
	CHECK_ERR(connect(fd, (void *)&a, sizeof(a)), ECONNREFUSED);
	close(fd);
	close(first);
}

static void test_udp(void)
{
	struct sockaddr_in a = v4(INADDR_LOOPBACK, 0), b;
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[100];

	CHECK_EQ(bind(s, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(s, (void *)&a, &len), 0);
	CHECK_ERR(send(c, "x", 1, 0), EDESTADDRREQ);
	CHECK_EQ(sendto(c, "abcdef", 6, 0, (void *)&a, sizeof(a)), 6);
	CHECK_EQ(sendto(c, "", 0, 0, (void *)&a, sizeof(a)), 0);
	len = sizeof(b);
	CHECK_EQ(recvfrom(s, buf, 3, MSG_TRUNC, (void *)&b, &len), 6);
	CHECK_EQ(b.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(recv(s, buf, 100, 0), 0);
	CHECK_EQ(sendto(s, "reply", 5, 0, (void *)&b, sizeof(b)), 5);
	CHECK_EQ(recv(c, buf, 100, 0), 5);
	static char big[70000];
	CHECK_ERR(sendto(c, big, sizeof(big), 0, (void *)&a, sizeof(a)), EMSGSIZE);
	/* connected: only from there, and refusals are heard */
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(send(c, "1", 1, 0), 1);
	close(s);
	CHECK_EQ(send(c, "2", 1, 0), 1);
	usleep(10000);
	CHECK_ERR(send(c, "3", 1, 0), ECONNREFUSED);
	close(c);
}

static void test_v6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 }, b;
	struct sockaddr_in a4;
	socklen_t len = sizeof(a);
	int s = socket(AF_INET6, SOCK_STREAM, 0), fd, con;

	if (s < 0)
		SKIP_HERE("no IPv6");
	CHECK_EQ(bind(s, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(s, 5), 0);
	CHECK_EQ(getsockname(s, (void *)&a, &len), 0);
	/* the wildcard takes IPv4, too */
	a4 = v4(INADDR_LOOPBACK, ntohs(a.sin6_port));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(fd, (void *)&a4, sizeof(a4)), 0);
	len = sizeof(b);
	con = accept(s, (void *)&b, &len);
	CHECK_EQ(len, sizeof(b));
	CHECK(IN6_IS_ADDR_V4MAPPED(&b.sin6_addr));
	close(fd);
	close(con);
	a.sin6_addr = in6addr_loopback;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (connect(fd, (void *)&a, sizeof(a)) == 0) {
		con = accept(s, (void *)&b, &len);
		CHECK(memcmp(&b.sin6_addr, &in6addr_loopback, 16) == 0);
		close(con);
	} else {
		CHECK_EQ(errno, EADDRNOTAVAIL); /* a host without ::1 */
	}
	close(fd);
	close(s);
}

static socklen_t unix_name(struct sockaddr_un *a, const char *name, int abstract)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(a->sun_path + abstract, name);
	return offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name) + !abstract;
}
static void check_unix_name(const char *name, int abstract)
{
	struct sockaddr_un a, b;
	socklen_t len = unix_name(&a, name, abstract), n = sizeof(b);
	int s = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0), con;
	struct ucred cred;
	char c;

	CHECK_ERR(connect(fd, (void *)&a, len), abstract ? ECONNREFUSED : ENOENT);
	CHECK_ERR(listen(s, 5), EINVAL);
	CHECK_EQ(bind(s, (void *)&a, len), 0);
	CHECK_ERR(bind(s, (void *)&a, len), abstract ? EINVAL : EADDRINUSE);
	CHECK_ERR(bind(fd, (void *)&a, len), EADDRINUSE);
	CHECK_ERR(connect(fd, (void *)&a, len), ECONNREFUSED);
	CHECK_EQ(listen(s, 5), 0);
	CHECK_EQ(connect(fd, (void *)&a, len), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(getpeername(fd, (void *)&b, &n), 0);
	CHECK_EQ(n, len);
	CHECK(memcmp(&a, &b, len) == 0);
	n = sizeof(b);
	con = accept(s, (void *)&b, &n);
	CHECK_EQ(n, sizeof(sa_family_t));
	CHECK_EQ(read(con, &c, 1), 1);
	n = sizeof(cred);
	CHECK_EQ(getsockopt(con, SOL_SOCKET, SO_PEERCRED, &cred, &n), 0);
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(cred.uid, geteuid());
	close(con);
	close(fd);
	close(s);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_ERR(connect(fd, (void *)&a, len), ECONNREFUSED);
	if (!abstract) {
		struct stat st;

		CHECK_EQ(stat(name, &st), 0);
		CHECK(S_ISSOCK(st.st_mode));
		CHECK_ERR(open(name, O_RDWR), ENXIO);
		CHECK_EQ(unlink(name), 0);
	}
	close(fd);
}
static void test_unix_names(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/tmp/corrida-sock-%d", getpid());
	check_unix_name(name, 0);
	check_unix_name(name + 1, 1);
	/* a name of the kernel's choice */
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(a);
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK_EQ(bind(s, (void *)&a, sizeof(sa_family_t)), 0);
	CHECK_EQ(getsockname(s, (void *)&a, &len), 0);
	CHECK_EQ(len, sizeof(sa_family_t) + 6);
	/* again: it has one */
	struct sockaddr_un b = { .sun_family = AF_UNIX };
	CHECK_EQ(bind(s, (void *)&b, sizeof(sa_family_t)), 0);
	CHECK_EQ(getsockname(s, (void *)&b, &len), 0);
	CHECK(memcmp(&a, &b, len) == 0);
	close(s);
}

static void test_unix_messages(void)
{
	char buf[10];
	int fd[2];

	for (int type = SOCK_DGRAM; type; type = type == SOCK_DGRAM ? SOCK_SEQPACKET : 0) {
		struct iovec v = { buf, 2 };
		struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };

		CHECK_EQ(socketpair(AF_UNIX, type, 0, fd), 0);
		CHECK_EQ(write(fd[0], "one", 3), 3);
		CHECK_EQ(send(fd[0], "three", 5, MSG_EOR), 5);
		CHECK_EQ(read(fd[1], buf, 10), 3);
		CHECK_EQ(recvmsg(fd[1], &h, 0), 2);
		CHECK_EQ(h.msg_flags, MSG_TRUNC);
		CHECK_ERR(recv(fd[1], buf, 1, MSG_DONTWAIT), EAGAIN);
		close(fd[0]);
		if (type == SOCK_SEQPACKET)
			CHECK_EQ(read(fd[1], buf, 10), 0);
		close(fd[1]);
	}
}

/* A descriptor and who sent it. */
static void test_ancillary(void)
{
	union {
		char buf[CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} u;
	struct iovec v = { "d", 1 };
	struct msghdr h = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = u.buf,
			    .msg_controllen = CMSG_SPACE(sizeof(int)) };
	struct cmsghdr *c = (void *)u.buf;
	int fd[2], p[2], got, on = 1;
	char byte;

	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	pipe(p);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &p[1], sizeof(int));
	CHECK_EQ(sendmsg(fd[0], &h, 0), 1);
	close(p[1]);
	CHECK_EQ(write(fd[0], "after", 5), 5);
	v = (struct iovec){ u.buf + sizeof(u.buf) - 1, 1 };
	char data[10];
	v = (struct iovec){ data, sizeof(data) };
	h.msg_controllen = sizeof(u.buf);
	CHECK_EQ(recvmsg(fd[1], &h, MSG_CMSG_CLOEXEC), 1);
	CHECK_EQ(h.msg_controllen, CMSG_SPACE(sizeof(int)));
	memcpy(&got, CMSG_DATA(c), sizeof(int));
	CHECK_EQ(fcntl(got, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(got, "!", 1), 1);
	CHECK_EQ(read(p[0], &byte, 1), 1);
	close(got);
	CHECK_EQ(read(p[0], &byte, 1), 0);
	CHECK_EQ(read(fd[1], data, 10), 5);
	/* no room for it: closed and said so */
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &p[0], sizeof(int));
	v = (struct iovec){ "e", 1 };
	h.msg_controllen = CMSG_SPACE(sizeof(int));
	CHECK_EQ(sendmsg(fd[0], &h, 0), 1);
	v = (struct iovec){ data, sizeof(data) };
	h.msg_controllen = 0;
	CHECK_EQ(recvmsg(fd[1], &h, 0), 1);
	CHECK(h.msg_flags & MSG_CTRUNC);
	/* credentials */
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	CHECK_EQ(write(fd[0], "c", 1), 1);
	h.msg_controllen = sizeof(u.buf);
	CHECK_EQ(recvmsg(fd[1], &h, 0), 1);
	CHECK_EQ(c->cmsg_type, SCM_CREDENTIALS);
	CHECK_EQ(((struct ucred *)CMSG_DATA(c))->pid, getpid());
	close_pair(fd);
	close(p[0]);
}

/* Sends data, with a descriptor unless fd is -1. */
static void send_with(int s, const char *data, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
			   .cmsg_level = SOL_SOCKET,
			   .cmsg_type = SCM_RIGHTS } };
	struct iovec v = { (char *)data, strlen(data) };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&u.align), &fd, sizeof(fd));
		h.msg_control = u.buf;
		h.msg_controllen = sizeof(u.buf);
	}
	CHECK_EQ(sendmsg(s, &h, 0), strlen(data));
}
/* Receives up to n bytes: how many, and 1000 when a descriptor came with them. */
static long receive_with(int s, size_t n, int flags)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	char data[64];
	struct iovec v = { data, n };
	struct msghdr h = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = u.buf,
			    .msg_controllen = sizeof(u.buf) };
	long got = recvmsg(s, &h, flags | MSG_DONTWAIT);
	int fd;

	if (got < 0 || h.msg_controllen == 0)
		return got;
	memcpy(&fd, CMSG_DATA(&u.align), sizeof(fd));
	CHECK_EQ(close(fd), 0);
	return got + 1000;
}
/* Descriptors end a receive; bytes before them in the stream come with them (unix(7)). */
static void test_rights_in_stream(void)
{
	char b[64];
	int s[2], p[2];

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	alarm(60);
	send_with(s[0], "aaaa", -1);
	send_with(s[0], "bbbb", p[0]);
	send_with(s[0], "cc", -1);
	send_with(s[0], "dddd", p[0]);
	send_with(s[0], "ee", -1);
	CHECK_EQ(receive_with(s[1], 64, MSG_PEEK), 1008);
	CHECK_EQ(receive_with(s[1], 64, 0), 1008);
	CHECK_EQ(receive_with(s[1], 64, MSG_WAITALL), 1006);
	CHECK_EQ(receive_with(s[1], 64, 0), 2);
	/* with the first of its bytes, even with none of them */
	send_with(s[0], "aaaa", p[0]);
	CHECK_EQ(receive_with(s[1], 2, 0), 1002);
	CHECK_EQ(receive_with(s[1], 64, 0), 2);
	send_with(s[0], "aaaa", p[0]);
	CHECK_EQ(receive_with(s[1], 0, 0), 1000);
	CHECK_EQ(receive_with(s[1], 64, 0), 4);
	/* read(2) drops them, and ends there as well */
	send_with(s[0], "aaaa", -1);
	send_with(s[0], "bbbb", p[0]);
	send_with(s[0], "cc", -1);
	CHECK_EQ(read(s[1], b, sizeof(b)), 8);
	CHECK_EQ(read(s[1], b, sizeof(b)), 2);
	close_pair(s);
	alarm(0);
	close_pair(p);
	/* there is no queue of errors: the flag says nothing */
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	CHECK_EQ(write(s[0], "x", 1), 1);
	CHECK_EQ(recv(s[1], b, 1, MSG_ERRQUEUE | MSG_DONTWAIT), 1);
	CHECK_ERR(recv(s[1], b, 1, MSG_ERRQUEUE | MSG_DONTWAIT), EAGAIN);
	close_pair(s);
}

/* TCP carries bytes only. */
static void test_rights_over_tcp(void)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	char data[4];
	struct iovec v = { data, 2 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.buf };
	int fd[2], passed[2] = { 0, 999 };

	tcp_pair(fd);
	for (int i = 0; i < 2; i++) {
		u.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					    .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&u.align), &passed[i], sizeof(int));
		h.msg_controllen = sizeof(u.buf);
		CHECK_EQ(sendmsg(fd[0], &h, 0), 2);
		h.msg_controllen = sizeof(u.buf);
		CHECK_EQ(recvmsg(fd[1], &h, 0), 2);
		CHECK_EQ(h.msg_controllen, 0);
	}
	close_pair(fd);
}

/* A socket in the queue of a socket in the queue ...: closing takes no stack. */
static void test_nested_rights(void)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	int fd[2], inner = open("/dev/null", O_RDONLY);

	for (int i = 0; i < 300; i++) {
		struct iovec v = { "n", 1 };
		struct msghdr h = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = u.buf,
				    .msg_controllen = sizeof(u.buf) };

		CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
		u.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					    .cmsg_level = SOL_SOCKET,
					    .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&u.align), &inner, sizeof(int));
		if (sendmsg(fd[0], &h, 0) != 1)
			CHECK_EQ(errno, ETOOMANYREFS);
		close(inner);
		close(fd[0]);
		inner = fd[1];
	}
	CHECK_EQ(close(inner), 0);
}

static void test_options(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), v = 0;
	socklen_t len = sizeof(v);

	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &len), 0);
	CHECK_EQ(v, SOCK_STREAM);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_DOMAIN, &v, &len), 0);
	CHECK_EQ(v, AF_INET);
	v = 1;
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &v, sizeof(v)), 0);
	CHECK_EQ(setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), 0);
	v = 0;
	CHECK_EQ(getsockopt(s, IPPROTO_TCP, TCP_NODELAY, &v, &len), 0);
	CHECK(v);
	v = 20000;
	CHECK_EQ(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, sizeof(v)), 0);
	CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, &len), 0);
	CHECK_EQ(v, 40000);
	CHECK_ERR(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, 1), EINVAL);
	CHECK_ERR(setsockopt(s, SOL_SOCKET, 9999, &v, sizeof(v)), ENOPROTOOPT);
	CHECK_ERR(getsockopt(s, SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	CHECK_ERR(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, (socklen_t *)8), EFAULT);
	close(s);
	/* receive timeouts */
	struct timeval tv = { 0, 30000 };
	struct timespec a, b;
	int fd[2];
	char c;
	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK_ERR(read(fd[0], &c, 1), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000000000l + b.tv_nsec - a.tv_nsec >= 29000000);
	close_pair(fd);
}

static void *echo_server(void *arg)
{
	int s = *(int *)arg;

	for (int i = 0; i < 50; i++) {
		int con = accept(s, NULL, NULL);
		char c;

		while (read(con, &c, 1) == 1)
			write(con, &c, 1);
		close(con);
	}
	return NULL;
}
static void test_echo(void)
{
	struct sockaddr_in a;
	int s = listener(&a, 1), bad = 0;
	pthread_t t;

	pthread_create(&t, NULL, echo_server, &s);
	for (int i = 0; i < 50; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		char c = 0;

		bad += connect(fd, (void *)&a, sizeof(a)) != 0;
		for (int k = 0; k < 20; k++)
			bad += write(fd, "e", 1) != 1 || read(fd, &c, 1) != 1 || c != 'e';
		close(fd);
	}
	pthread_join(t, NULL);
	CHECK_EQ(bad, 0);
	close(s);
}

/* More clients than the backlog holds: all are served. */
#define CLIENTS 12
static void *client(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long ok = connect(fd, arg, sizeof(struct sockaddr_in)) == 0;
	char c;

	ok = ok && write(fd, "c", 1) == 1 && read(fd, &c, 1) == 1;
	close(fd);
	return (void *)ok;
}
static void test_backlog(void)
{
	struct sockaddr_in a;
	pthread_t t[CLIENTS];
	int s = listener(&a, 1), served = 0;
	char c;

	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&t[i], NULL, client, &a);
	usleep(20000);
	for (int i = 0; i < CLIENTS; i++) {
		int con = accept(s, NULL, NULL);

		if (read(con, &c, 1) == 1)
			write(con, &c, 1);
		close(con);
	}
	for (int i = 0; i < CLIENTS; i++) {
		void *ok;

		pthread_join(t[i], &ok);
		served += (int)(long)ok;
	}
	CHECK_EQ(served, CLIENTS);
	close(s);
}

/* listen() again with a larger backlog: who waits for room in it goes on. */
static void test_backlog_grows(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0grows" };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), st;

	CHECK_EQ(bind(l, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(l, 0), 0);
	int c = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		alarm(20);
		int s = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(s, (void *)&a, sizeof(a)) ? 1 : 0);
	}
	usleep(50000);
	CHECK_EQ(listen(l, 5), 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, 0);
	close(c);
	close(l);
}

static void *close_later(void *arg)
{
	usleep(20000);
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}
static void test_wakeups(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	int fd[2], ep = epoll_create1(0);
	pthread_t t;
	char c;

	/* shutdown wakes a reader of the same socket */
	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	pthread_create(&t, NULL, close_later, &fd[0]);
	CHECK_EQ(read(fd[0], &c, 1), 0);
	pthread_join(t, NULL);
	close_pair(fd);
	/* edges */
	socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &e), 0);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	write(fd[1], "a", 1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	write(fd[1], "b", 1);
	CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
	close(fd[1]);
	CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
	CHECK(e.events & EPOLLIN);
	close(fd[0]);
	close(ep);
}

/* A datagram socket that connects to another peer forgets what the old one sent, and the old
 * one's sleeping reader hears of it. */
static void *read_later(void *arg)
{
	char c;

	errno = 0;
	(void)!recv(*(int *)arg, &c, 1, 0);
	return (void *)(long)errno;
}
static void test_dgram_reconnect(void)
{
	struct sockaddr_un a;
	socklen_t len = unix_name(&a, "reconnect", 1);
	int fd[2], other = socket(AF_UNIX, SOCK_DGRAM, 0);
	pthread_t t;
	void *err;

	len += snprintf(a.sun_path + 10, 20, "-%d", getpid());
	CHECK_EQ(bind(other, (void *)&a, len), 0);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	CHECK_EQ(write(fd[0], "x", 1), 1);
	pthread_create(&t, NULL, read_later, &fd[0]);
	usleep(20000);
	CHECK_EQ(connect(fd[1], (void *)&a, len), 0);
	pthread_join(t, &err);
	CHECK_EQ((long)err, ECONNRESET);
	close_pair(fd);
	close(other);
}

static void test_mmsg(void)
{
	struct iovec v[3] = { { "a", 1 }, { "bb", 2 }, { "ccc", 3 } };
	struct mmsghdr m[3];
	char buf[3][8];
	int fd[2];

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 3; i++)
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
	socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
	CHECK_EQ(sendmmsg(fd[0], m, 3, 0), 3);
	CHECK_EQ(m[2].msg_len, 3);
	for (int i = 0; i < 3; i++)
		v[i] = (struct iovec){ buf[i], 8 };
	CHECK_EQ(recvmmsg(fd[1], m, 3, MSG_WAITFORONE, NULL), 3);
	CHECK_EQ(m[1].msg_len, 2);
	CHECK(memcmp(buf[2], "ccc", 3) == 0);
	close_pair(fd);
}

int main(void)
{
	RUN(test_create);
	RUN(test_stream);
	RUN(test_bulk);
	RUN(test_full);
	RUN(test_reset);
	RUN(test_shutdown);
	RUN(test_sigpipe);
	RUN(test_tcp_names);
	RUN(test_nonblocking_connect);
	RUN(test_shared_port);
	RUN(test_interrupted_connect);
	RUN(test_refused_again);
	RUN(test_udp);
	RUN(test_v6);
	RUN(test_unix_names);
	RUN(test_unix_messages);
	RUN(test_ancillary);
	RUN(test_rights_in_stream);
	RUN(test_rights_over_tcp);
	RUN(test_nested_rights);
	RUN(test_options);
	RUN(test_echo);
	RUN(test_backlog);
	RUN(test_backlog_grows);
	RUN(test_wakeups);
	RUN(test_dgram_reconnect);
	RUN(test_mmsg);
	return test_done();
}
