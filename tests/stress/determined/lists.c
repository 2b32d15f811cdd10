/* SPDX-License-Identifier: MIT */
/* Kinds of arguments that are one of some values, or flags. */
#define _GNU_SOURCE
#include "determined.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define VALUES(name, ...)                                                \
	{                                                                \
		name, NULL, NULL, (const long[]){ __VA_ARGS__ },         \
			sizeof((const long[]){ __VA_ARGS__ }) / 8, false \
	}
#define FLAGS(name, ...)                                                \
	{                                                               \
		name, NULL, NULL, (const long[]){ __VA_ARGS__ },        \
			sizeof((const long[]){ __VA_ARGS__ }) / 8, true \
	}

const struct kind value_kinds[] = {
	VALUES("0", 0),
	VALUES("1", 1),
	VALUES("8", 8, 8, 8, 8, 8, 8, 8, 4, 16),
	VALUES("24", 24, 24, 24, 24, 24, 16, 40),
	VALUES("count", 0, 1, 2, 3, 4, 4, 4, 2, -1, 1025),
	VALUES("length", 4, 4, 4, 4, 4, 0, 1, 3, 8, -1),
	VALUES("whence", 0, 1, 2, 0, 1, 2, 3, 4, 5, -1),
	VALUES("access", 0, 1, 2, 4, 6, 7, 8, -1),
	VALUES("id", -1, -1, 0, 1, 1000, 65534, 4242),
	VALUES("mode", 0644, 0755, 0600, 0, 0777, 0444, 0222, 04755, 02755, 01777, 07777, 0200000),
	VALUES("node", S_IFIFO | 0666, S_IFREG | 0600, S_IFSOCK | 0666, S_IFCHR | 0666,
	       S_IFDIR | 0755, 0, 0170000),
	VALUES("bool", 0, 1, 2, -1),
	VALUES("family", AF_UNIX, AF_UNIX, AF_UNIX, AF_INET, AF_INET, AF_INET6, 77, -1),
	VALUES("type", SOCK_STREAM | SOCK_NONBLOCK, SOCK_DGRAM | SOCK_NONBLOCK,
	       SOCK_STREAM | SOCK_NONBLOCK, SOCK_SEQPACKET | SOCK_NONBLOCK,
	       SOCK_NONBLOCK | SOCK_CLOEXEC | SOCK_STREAM, SOCK_RAW | SOCK_NONBLOCK, 9,
	       SOCK_STREAM | 0x100000),
	VALUES("protocol", 0, 0, 0, 0, IPPROTO_TCP, IPPROTO_UDP, 99, -1),
	VALUES("how", 0, 1, 2, 3, -1),
	VALUES("level", SOL_SOCKET, SOL_SOCKET, SOL_SOCKET, SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP,
	       IPPROTO_IPV6, 999),
	VALUES("option", SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE,
	       SO_LINGER, SO_RCVLOWAT, SO_ACCEPTCONN, SO_DOMAIN, SO_PROTOCOL, SO_BROADCAST,
	       SO_OOBINLINE, SO_DONTROUTE, SO_PRIORITY, SO_REUSEPORT, SO_RCVTIMEO, TCP_NODELAY,
	       TCP_MAXSEG, TCP_KEEPIDLE, 12345),
	FLAGS("msg_flags", MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_NOSIGNAL, MSG_EOR, MSG_WAITALL,
	      MSG_CMSG_CLOEXEC, 0),
	FLAGS("oflags", O_RDWR, O_WRONLY, O_CREAT, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY,
	      O_NOFOLLOW, O_PATH, O_CLOEXEC, O_NOATIME, O_TMPFILE, O_SYNC, O_ASYNC, 0),
	FLAGS("atflags", 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_REMOVEDIR, AT_SYMLINK_FOLLOW,
	      AT_EACCESS, 0x40000000),
	VALUES("renameflags", 0, 0, 1, 2, 3, 8),
	FLAGS("rwflags", 0, 1, 2, 4, 16, 0x1000),
	FLAGS("cloexec", 0, O_CLOEXEC, 1, 0x40000),
	FLAGS("pipeflags", O_CLOEXEC, 0x20000000, 0) /* packets: not here */,
	VALUES("fcntl", F_GETFD, F_SETFD, F_GETFL, F_SETSIG, F_GETSIG, F_GETOWN, 1031, 1032, 1034,
	       1024, 1025, 999, 16),
	VALUES("fcntl_arg", 0, 1, 4096, 8192, 65536, -1, SIGUSR1, 2),
	VALUES("status", O_NONBLOCK, O_NONBLOCK | O_APPEND, O_NONBLOCK | O_NOATIME,
	       O_NONBLOCK | O_CREAT | O_RDWR, O_NONBLOCK | O_ASYNC),
	VALUES("lock_cmd", F_SETLK, F_SETLK, F_GETLK, 37 /* of the description */, 37),
	FLAGS("flock_op", LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN | LOCK_NB, 32 | LOCK_NB),
	VALUES("seals", 1, 2, 4, 8, 16, 3, 64),
	FLAGS("memfd_flags", 1, 2, 2, 64),
	VALUES("fallocate", 0, 0, 1, 3, 2, 0x10, 0x11, 8, 0x20, 0x40),
	VALUES("advice", 0, 1, 2, 3, 4, 5, 6, -1),
	FLAGS("splice_flags", 2, 1, 4, 8, 16),
	FLAGS("evflags", O_NONBLOCK, 1, O_CLOEXEC, 0x100),
	VALUES("epoll_op", 1, 1, 1, 2, 3, 3, 4, 0),
	FLAGS("inmask", IN_ACCESS, IN_MODIFY, IN_ATTRIB, IN_CLOSE, IN_OPEN, IN_MOVE, IN_CREATE,
	      IN_DELETE, IN_DELETE_SELF, IN_MOVE_SELF, IN_ALL_EVENTS, IN_ONLYDIR, IN_ONESHOT,
	      IN_MASK_ADD, IN_MASK_CREATE, IN_DONT_FOLLOW, 0),
	VALUES("wd", 1, 2, 3, 0, -1),
	VALUES("clock", 0, 1, 2, 3, 4, 7, 11, 12, 99, -1),
	VALUES("clock_fd", 0, 1, 7, 2, 99),
	VALUES("prot", 0, 1, 3, 3, 3, 5, 7, 2, 0x100, 0x3000000),
	VALUES("map", MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, MAP_PRIVATE | MAP_FIXED,
	       MAP_SHARED | MAP_FIXED, MAP_SHARED | MAP_FIXED, 3 | MAP_FIXED, MAP_FIXED,
	       MAP_FIXED_NOREPLACE | MAP_PRIVATE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE | MAP_NORESERVE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, 3 | MAP_FIXED | MAP_SYNC),
	VALUES("remap", MREMAP_MAYMOVE | MREMAP_FIXED, 0, MREMAP_MAYMOVE | MREMAP_FIXED | 4,
	       MREMAP_FIXED, 8, 16),
	VALUES("madvice", 0, 3, 4, 4, 4, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23, 99),
	FLAGS("msync", 1, 2, 4, 8),
	VALUES("mlock", 0, 1, 2, 4),
	VALUES("mlockall", 0, 8, 4, 5),
	VALUES("futex_op", 0, 1, 1, 128, 129, 9, 10, 138, 8, 7, 99, 257),
	VALUES("requeue_op", 3, 4, 5, 131, 132, 133),
	VALUES("futex_val", 0, 1, 2, -1, 5),
	VALUES("val2", 0, 1, -1),
	VALUES("val3", 0, 1, -1, 1 << 12, 0x10001001),
	VALUES("sig_how", 0, 1, 2, 3),
	VALUES("wait", WNOHANG, WNOHANG | WUNTRACED, WNOHANG | WCONTINUED, WNOHANG | 0x40000000,
	       WNOHANG | 0x1000000, WNOHANG | 64),
	VALUES("waitid", WNOHANG | WEXITED, WNOHANG | WEXITED | WNOWAIT, WNOHANG | WSTOPPED,
	       WNOHANG, WNOHANG | WCONTINUED),
	VALUES("idtype", 0, 1, 1, 2, 3, 4),
	VALUES("which", 0, 1, 2, 3),
	VALUES("prio_which", 0, 1, 3),
	VALUES("clock_sleep", 0, 1, 7, 3, 99),
	VALUES("nice", 0, 1, 19, 5, 40, -1),
	VALUES("policy", 0, 3, 5, 1, 2, 6, 99, 0x40000000),
	VALUES("priority", 0, 0, 0, 1, 99, -1),
	VALUES("resource", 0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15, 16, -1),
	VALUES("resource_set", 1, 4, 8, 11, 12, 16),
	VALUES("prctl", PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS, PR_SET_KEEPCAPS,
	       PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_GET_SECUREBITS, PR_CAPBSET_READ,
	       PR_CAPBSET_DROP, PR_GET_TIMERSLACK, PR_SET_TIMERSLACK, PR_GET_TIMING, PR_SET_TIMING,
	       PR_GET_SECCOMP, PR_GET_THP_DISABLE, PR_SET_THP_DISABLE, PR_MCE_KILL_GET,
	       PR_CAP_AMBIENT, PR_GET_CHILD_SUBREAPER + 1000, 9999, -1),
	VALUES("small", 0, 1, 2, 3, 21, 40, 41, 63, -1),
	VALUES("person", 0xffffffff, 0, 0x40000, 0xffffffff),
	VALUES("random_flags", 0, GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE | GRND_RANDOM, 64),
	VALUES("membarrier", 0, 1, 2, 4, 8, 16, 77),
	VALUES("ioctl", FIONREAD, FIONREAD, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ, TIOCGPGRP,
	       0x5460 /* FIOQSIZE */, 99),
	VALUES("sem_cmd", GETVAL, SETVAL, GETALL, GETPID, GETNCNT, GETZCNT, 99, IPC_RMID),
	VALUES("sem_num", 0, 1, 2, 3, 4, -1),
	VALUES("ipc_flags", 0600, 0600, 0, 0200, IPC_CREAT | 0600, IPC_CREAT | IPC_EXCL | 0600),
	VALUES("shm_flags", 0, SHM_RDONLY, SHM_REMAP, SHM_EXEC, SHM_RND),
	VALUES("msg_type", 0, 1, 2, -2, -5),
	VALUES("nowait", IPC_NOWAIT, IPC_NOWAIT | MSG_NOERROR, IPC_NOWAIT | MSG_EXCEPT),
	VALUES("mq_flags", O_RDWR | O_CREAT | O_NONBLOCK, O_RDONLY | O_NONBLOCK,
	       O_WRONLY | O_NONBLOCK, O_RDWR | O_NONBLOCK, O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK),
	VALUES("mq_prio", 0, 1, 5, 32767, 32768),
	VALUES("sync", 0, 1, 2, 7, 8),
	VALUES("xattr_flags", 0, 0, 1, 2),
	VALUES("range_flags", 0, 4, 4, 2, 8),
	VALUES("rw_size", 0, 1, 100, 100, 4096, 5000, 8192),
	VALUES("splice_size", 0, 1, 100, 4096, 5000, 60000, 100000),
	VALUES("aio_flags", 0, 1),
	VALUES("backlog", 0, 1, 2, -1),
	VALUES("version", 0, 0x20080522, 0x20071026, 0x19980330),
	VALUES("sigsetsize", 8, 8, 8, 8, 8, 8, 4, 0, 128),
	VALUES("how_size", 24, 24, 24, 32, 16, 8192),
	VALUES("statxmask", 0x7ff, 0x7ff, 0, 1, 0x80000000, 0xfff),
	VALUES("statxflags", 0, 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, 0x2000, 0x6000, 1),
	{ .name = NULL },
};
