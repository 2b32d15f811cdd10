/* SPDX-License-Identifier: MIT */
#pragma once
/* Socket calls on x86-64: families, options, flags and structs. */
#include <stdint.h>
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define AF_VSOCK 40
#define AF_MAX 46
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define SOCK_RDM 4
#define SOCK_SEQPACKET 5
#define SOCK_DCCP 6
#define SOCK_PACKET 10
#define SOCK_TYPE_MASK 0xf
#define SOCK_NONBLOCK 04000
#define SOCK_CLOEXEC 02000000
#define IPPROTO_IP 0
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_IPV6 41
#define IPPROTO_MAX 263
#define SHUT_RD 0
#define SHUT_WR 1
#define SHUT_RDWR 2
#define SOMAXCONN 4096
#define MSG_OOB 1
#define MSG_PEEK 2
#define MSG_CTRUNC 8
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_EOR 0x80
#define MSG_WAITALL 0x100
#define MSG_ERRQUEUE 0x2000
#define MSG_NOSIGNAL 0x4000
#define MSG_MORE 0x8000
#define MSG_WAITFORONE 0x10000
#define MSG_CMSG_CLOEXEC 0x40000000
#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD 253
/* SOL_SOCKET */
#define SOL_SOCKET 1
#define SO_DEBUG 1
#define SO_REUSEADDR 2
#define SO_TYPE 3
#define SO_ERROR 4
#define SO_DONTROUTE 5
#define SO_BROADCAST 6
#define SO_SNDBUF 7
#define SO_RCVBUF 8
#define SO_KEEPALIVE 9
#define SO_OOBINLINE 10
#define SO_PRIORITY 12
#define SO_LINGER 13
#define SO_REUSEPORT 15
#define SO_PASSCRED 16
#define SO_PEERCRED 17
#define SO_RCVLOWAT 18
#define SO_SNDLOWAT 19
#define SO_RCVTIMEO 20
#define SO_SNDTIMEO 21
#define SO_ACCEPTCONN 30
#define SO_SNDBUFFORCE 32
#define SO_RCVBUFFORCE 33
#define SO_PROTOCOL 38
#define SO_DOMAIN 39
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
/* IPPROTO_TCP */
#define TCP_NODELAY 1
#define TCP_MAXSEG 2
#define TCP_CORK 3
#define TCP_KEEPIDLE 4
#define TCP_KEEPINTVL 5
#define TCP_KEEPCNT 6
#define TCP_SYNCNT 7
#define TCP_LINGER2 8
#define TCP_DEFER_ACCEPT 9
#define TCP_WINDOW_CLAMP 10
#define TCP_INFO 11
#define TCP_QUICKACK 12
#define TCP_CONGESTION 13
#define TCP_USER_TIMEOUT 18
#define TCP_FASTOPEN 23
/* IPPROTO_IP, IPPROTO_IPV6 */
#define IP_TOS 1
#define IP_TTL 2
#define IP_MTU_DISCOVER 10
#define IP_RECVERR 11
#define IP_FREEBIND 15
#define IP_BIND_ADDRESS_NO_PORT 24
#define IPV6_UNICAST_HOPS 16
#define IPV6_RECVERR 25
#define IPV6_V6ONLY 26
#define IPV6_TCLASS 67
#define SIOCATMARK 0x8905

struct linux_sockaddr_in {
	uint16_t family, port; /* port and addr in network order */
	uint32_t addr;
	uint8_t zero[8];
};
struct linux_sockaddr_in6 {
	uint16_t family, port;
	uint32_t flowinfo;
	uint8_t addr[16];
	uint32_t scope_id;
};
struct linux_sockaddr_un {
	uint16_t family;
	char path[108];
};
_Static_assert(sizeof(struct linux_sockaddr_in) == 16, "struct sockaddr_in");
_Static_assert(sizeof(struct linux_sockaddr_in6) == 28, "struct sockaddr_in6");
_Static_assert(sizeof(struct linux_sockaddr_un) == 110, "struct sockaddr_un");

struct linux_msghdr {
	uint64_t name;
	int32_t namelen;
	uint32_t pad0;
	uint64_t iov, iovlen, control, controllen;
	uint32_t flags, pad1;
};
struct linux_mmsghdr {
	struct linux_msghdr hdr;
	uint32_t len, pad;
};
struct linux_cmsghdr {
	uint64_t len;
	int32_t level, type;
};
struct linux_ucred {
	int32_t pid;
	uint32_t uid, gid;
};
struct linux_linger {
	int32_t on, seconds;
};
_Static_assert(sizeof(struct linux_msghdr) == 56, "struct msghdr");
_Static_assert(sizeof(struct linux_mmsghdr) == 64, "struct mmsghdr");
_Static_assert(sizeof(struct linux_cmsghdr) == 16, "struct cmsghdr");
