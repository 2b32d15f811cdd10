/* SPDX-License-Identifier: MIT */
#pragma once
/* Between the files of the socket calls. */
#include <fs/fdtable.h>
#include <net/socket.h>

struct sockref {
	struct fdref fd;
	struct socket *socket;
};
/* The socket of a descriptor, until sockref_put(): -EBADF, -ENOTSOCK. */
MUST_USE int sockref_get(int fd, struct sockref *r);
void sockref_put(struct sockref *r);
bool sockref_nonblock(const struct sockref *r);
MUST_USE int sock_addr_get(struct sock_addr *addr, user_ptr user, int len);
/* As much as fits the length at user_len, which becomes the true one. */
MUST_USE int sock_addr_put(const struct sock_addr *addr, user_ptr user, user_ptr user_len);
