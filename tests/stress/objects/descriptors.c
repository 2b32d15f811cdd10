/* SPDX-License-Identifier: MIT */
/* Objects that have a descriptor, what waits for them, sockets, and descriptors that travel. */
#define _GNU_SOURCE
#include "objects.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

static void keep_pair(struct self *t, int err, const int p[2])
{
	if (!err) {
		keep(t, p[0]);
		keep(t, p[1]);
	}
}

/* --- objects with a descriptor --- */
void op_make(struct self *t)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int p[2] = { -1, -1 };
	sigset_t set;

	switch (below(t, 9)) {
	case 0: keep_pair(t, pipe2(p, O_NONBLOCK | O_CLOEXEC), p); break;
	case 1:
		keep_pair(t, socketpair(AF_UNIX, types[below(t, 3)] | SOCK_NONBLOCK, 0, p), p);
		break;
	case 2: keep(t, eventfd(below(t, 3), EFD_NONBLOCK)); break;
	case 3: keep(t, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)); break;
	case 4:
		sigemptyset(&set);
		sigaddset(&set, SIGUSR1);
		keep(t, signalfd(-1, &set, SFD_NONBLOCK));
		break;
	case 5: keep(t, inotify_init1(IN_NONBLOCK)); break;
	case 6: keep(t, (int)syscall(SYS_memfd_create, "m", below(t, 4))); break;
	case 7: keep(t, open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)); break;
	default: keep(t, (int)syscall(SYS_pidfd_open, world->pids[below(t, PROCESSES)], 0)); break;
	}
}

void op_drive(struct self *t)
{
	struct itimerspec when = { .it_value.tv_nsec = 1 + below(t, 3000000),
				   .it_interval.tv_nsec = below(t, 2) * 1000 };
	char a[64];

	switch (below(t, 4)) {
	case 0: timerfd_settime(fd(t), 0, &when, NULL); break;
	case 1: inotify_add_watch(fd(t), directory(t, a), IN_ALL_EVENTS); break;
	case 2: inotify_rm_watch(fd(t), (int)below(t, 4)); break;
	default: fcntl(fd(t), 1033 /* F_ADD_SEALS */, (int)below(t, 32) & ~1); break;
	}
}

void op_epoll(struct self *t)
{
	struct epoll_event e = { .events = below(t, 2) ? EPOLLIN | EPOLLET : EPOLLIN | EPOLLOUT },
			   got[8];
	struct pollfd p[4];

	switch (below(t, 8)) {
	case 0: keep(t, epoll_create1(0)); break;
	case 1:
	case 2:
	case 3: epoll_ctl(fd(t), EPOLL_CTL_ADD, fd(t), &e); break;
	case 4: epoll_ctl(fd(t), EPOLL_CTL_MOD, fd(t), &e); break;
	case 5: epoll_ctl(fd(t), EPOLL_CTL_DEL, fd(t), &e); break;
	case 6: epoll_wait(fd(t), got, 8, (int)below(t, 3)); break;
	default:
		for (int i = 0; i < 4; i++) {
			p[i] = (struct pollfd){ fd(t), POLLIN | POLLOUT, 0 };
		}
		poll(p, 4, (int)below(t, 3));
	}
}

/* --- sockets --- */
void op_socket(struct self *t)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)(5000 + below(t, 4))),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int local = (int)below(t, 2), one = 1;
	struct sockaddr *addr = local ? (void *)&un : (void *)&in;
	socklen_t len = local ? sizeof(un) : sizeof(in);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/s%u", dirs[0], below(t, 4));
	switch (below(t, 10)) {
	case 0:
	case 1:
		keep(t, socket(local ? AF_UNIX : AF_INET,
			       (below(t, 3) ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0));
		break;
	case 2:
		if (local && !below(t, 3)) {
			unlink(un.sun_path);
		}
		setsockopt(fd(t), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		bind(fd(t), addr, len);
		break;
	case 3: listen(fd(t), (int)below(t, 4)); break;
	case 4:
	case 5: connect(fd(t), addr, len); break;
	case 6:
	case 7: keep(t, accept4(fd(t), NULL, NULL, SOCK_NONBLOCK)); break;
	case 8: shutdown(fd(t), (int)below(t, 3)); break;
	default: {
		struct linger l = { 1, 0 };

		setsockopt(fd(t), SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	}
	}
}

/* A descriptor to another process, or into any socket, also itself; or one from there. */
void op_pass(struct self *t)
{
	char data = 'x', control[CMSG_SPACE(4 * sizeof(int))] = { 0 };
	struct iovec v = { &data, 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int post = world->posts[below(t, PROCESSES)][below(t, 2)], s = below(t, 2) ? post : fd(t);
	struct cmsghdr *c;

	if (below(t, 2)) {
		c = CMSG_FIRSTHDR(&m);
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS,
		c->cmsg_len = CMSG_LEN(sizeof(int));
		*(int *)CMSG_DATA(c) = fd(t);
		sendmsg(s, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} else if (recvmsg(s, &m, MSG_DONTWAIT | (below(t, 8) ? 0 : MSG_PEEK)) > 0) {
		for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			for (size_t i = 0; c->cmsg_type == SCM_RIGHTS &&
					   i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			     i++) {
				keep(t, ((int *)CMSG_DATA(c))[i]);
			}
		}
	}
}
