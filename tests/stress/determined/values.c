/* SPDX-License-Identifier: MIT */
/* What goes into calls: numbers, flags, names, descriptors, structures. */
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

const int kill_signals[] = { 0,	      SIGHUP,  SIGUSR1,	 SIGUSR2, SIGCHLD, SIGURG, SIGCONT,
			     SIGTERM, SIGPIPE, SIGWINCH, 36,	  37,	   65,	   -1 };
const unsigned kill_signal_count = sizeof(kill_signals) / sizeof(*kill_signals);

/* The region at *p, or a pointer that is no good. */
long in_pointer(struct step *s, int i, void *p)
{
	unsigned r = below(s, 150);

	s->bad[i] = r < 6;
	switch (r) {
	case 0: say(s, " NULL"); return 0;
	case 1: say(s, " hole"); return (long)hole;
	case 2: say(s, " kernel"); return (long)0xffff888000001000;
	case 3: say(s, " hole-4"); return (long)hole - 4;
	case 4: say(s, " constant"); return (long)constant;
	case 5: say(s, " high"); return 0x7ffffffff000 - 2;
	default: return (long)p;
	}
}

long in_area(struct step *s, int i)
{
	return in_pointer(s, i, s->area[i]);
}

void fill(struct step *s, void *p, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		((char *)p)[k] = (char)rnd(s);
	}
}

int any_fd(struct step *s)
{
	return process->slots[below(s, SLOTS)];
}

static long make_fd(struct step *s, int i)
{
	static const int bad[] = { -1, 99, INT_MAX, AT_FDCWD, 47 };
	int fd = any_fd(s);

	(void)i;
	for (int k = 0; k < 6 && fd < 0; k++) {
		fd = any_fd(s);
	}
	fd = below(s, 25) ? fd : bad[below(s, 5)];
	say(s, " %d", fd);
	return fd;
}

static long make_dirfd(struct step *s, int i)
{
	if (below(s, 3)) {
		say(s, " CWD");
		return AT_FDCWD;
	}
	return make_fd(s, i);
}

/* dup2's and close_range's: never one of the standard streams */
static long make_newfd(struct step *s, int i)
{
	int fd = below(s, 20) ? 3 + (int)below(s, 30) : below(s, 2) ? -1 : 48;

	(void)i;
	say(s, " %d", fd);
	return fd;
}

const char *any_path(struct step *s, char *buf)
{
	static const char *const odd[] = { "",	   ".",		"d0/../n2", "n0/",
					   "n0/x", "missing/x", "d0/../n1", "d0//n1",
					   "d0/.", "d0/..",	"l1/",	    "l0/",
					   "l2/x", "./././n0",	"/dev/null" };
	unsigned r = below(s, 40);

	if (r < 2) {
		sprintf(buf, "%s", odd[below(s, sizeof(odd) / sizeof(*odd))]);
	} else if (r == 2) {
		memset(buf, 'x', 300);
		buf[below(s, 2) ? 255 : 256] = 0;
	} else if (r == 3) {
		sprintf(buf, "/proc/self/fd/%d", process->slots[below(s, 9)] & 63);
	} else if (r < 8) {
		sprintf(buf, "l%u", below(s, 3));
	} else if (r < 16) {
		sprintf(buf, "d%u", below(s, 3));
	} else if (r < 28) {
		sprintf(buf, "n%u", below(s, 5));
	} else if (r < 32) {
		sprintf(buf, "l1/n%u", below(s, 3));
	} else {
		sprintf(buf, "d%u/%s%u", below(s, 3), below(s, 4) ? "n" : "d", below(s, 4));
	}
	return buf;
}

static long make_path(struct step *s, int i)
{
	long p = in_area(s, i);

	if (!s->bad[i]) {
		say(s, " '%.20s'", any_path(s, s->area[i]));
	}
	return p;
}

static long make_in(struct step *s, int i)
{
	return in_pointer(s, i, process->in + below(s, 512));
}

static long make_size(struct step *s, int i)
{
	static const long sizes[] = {
		0, 1, 2, 4, 7, 8, 15, 16, 100, 4095, 4096, 5000, 20000, 60000
	};
	long n = below(s, 40) ? sizes[below(s, 14)] : -1;

	(void)i;
	say(s, " %ld", n);
	return n;
}

/* What a socket takes until it is full is no property of the calls. */
static long make_write_size(struct step *s, int i)
{
	static const long sizes[] = { 0, 1, 2, 4, 7, 8, 15, 16, 100, 1000, 4095, 4096, 5000 };
	long n = sizes[below(s, 13)];

	(void)i;
	say(s, " %ld", n);
	return n;
}

static long make_offset(struct step *s, int i)
{
	static const long offsets[] = { 0,	 1,	   100,	       4095,
					4096,	 10000,	   20000,      -1,
					-4096,	 65536,	   FILE_LIMIT, FILE_LIMIT - 10,
					1 << 20, LONG_MAX, 8192,       LONG_MIN,
					5000 };
	long n = offsets[below(s, 17)];

	(void)i;
	say(s, " %ld", n);
	return n;
}

static long make_offset_in(struct step *s, int i)
{
	if (below(s, 2)) {
		say(s, " NULL");
		return 0;
	}
	*(long *)s->area[i] = make_offset(s, i);
	return in_area(s, i);
}

static long make_pid(struct step *s, int i)
{
	pid_t pid = any_pid(s);

	(void)i;
	say(s, " ");
	say_pid(s, pid);
	return pid;
}

pid_t any_pid(struct step *s)
{
	unsigned r = below(s, 16);

	if (r < 4) {
		return process->kids[r];
	}
	return r < 12 ? world->pids[r % ACTORS] : r < 15 ? 0 : (pid_t)0x3ffffff0;
}

/* Not a thread's number: which thread takes the signal is for the kernel to say. */
static long make_process(struct step *s, int i)
{
	pid_t pid = any_pid(s);

	(void)i;
	pid = pid == world->pids[2] ? world->pids[0] : pid;
	say(s, " ");
	say_pid(s, pid);
	return pid;
}

/* One that is not a zombie. */
static long make_alive(struct step *s, int i)
{
	pid_t pid = below(s, 6) ? world->pids[below(s, ACTORS)] : 0x3ffffff0;

	(void)i;
	say(s, " ");
	say_pid(s, pid);
	return pid;
}

static long make_signal(struct step *s, int i)
{
	int sig = kill_signals[below(s, kill_signal_count)];

	(void)i;
	say(s, " %d", sig);
	return sig;
}

/* A set of signals that may be blocked or waited for; never what interrupts a step that sleeps. */
static long make_sigset(struct step *s, int i)
{
	uint64_t set = 0;

	for (unsigned k = below(s, 4); k > 0; k--) {
		int sig = kill_signals[below(s, kill_signal_count - 2)];

		set |= sig ? 1ull << (sig - 1) : 0;
	}
	memcpy(s->area[i], &set, 8);
	say(s, " {%lx}", (unsigned long)set);
	return in_area(s, i);
}

static void some_timespec(struct step *s, struct timespec *t)
{
	static const struct timespec times[] = { { 0, 0 },
						 { 0, 1 },
						 { 1000, 0 },
						 { 0, 1000000000 },
						 { 0, -1 },
						 { -1, 0 },
						 { 0, 1000 },
						 { 123456789, 5 },
						 { 0, 0x3fffffff /* UTIME_NOW */ },
						 { 0, 0x3ffffffe /* UTIME_OMIT */ } };

	*t = times[below(s, 10)];
	say(s, " %ld.%ld", (long)t->tv_sec, t->tv_nsec);
}

/* No more than a moment: a wait with it ends. */
static long make_moment(struct step *s, int i)
{
	static const struct timespec times[] = { { 0, 0 },	    { 0, 1000 }, { 0, 1000000 },
						 { 0, 1000000000 }, { 0, -1 },	 { -1, 0 } };
	struct timespec *t = (struct timespec *)s->area[i];

	*t = times[below(s, 6)];
	say(s, " %ld.%ld", (long)t->tv_sec, t->tv_nsec);
	s->bad[i] = false;
	return (long)t;
}

static long make_moment_us(struct step *s, int i)
{
	static const long times[][2] = { { 0, 0 }, { 0, 1000 }, { 0, -1 }, { -1, 0 } };
	unsigned r = below(s, 4);

	memcpy(s->area[i], times[r], 16);
	say(s, " %ld.%ld", times[r][0], times[r][1]);
	return (long)s->area[i];
}

static long make_utimes(struct step *s, int i)
{
	some_timespec(s, (struct timespec *)s->area[i]);
	some_timespec(s, (struct timespec *)s->area[i] + 1);
	return in_area(s, i);
}

/* Off, or so far that it does not fire. */
static long make_far(struct step *s, int i)
{
	static const struct itimerspec far[] = { { { 0, 0 }, { 0, 0 } },
						 { { 5, 7 }, { 5000, 0 } },
						 { { 0, 0 }, { 9000, 1 } },
						 { { 0, 0 }, { 9000, 1000000000 } },
						 { { -1, 0 }, { 9000, 0 } } };
	unsigned r = below(s, 5);

	memcpy(s->area[i], &far[r], sizeof(*far));
	say(s, " far%u", r);
	return in_area(s, i);
}

static long make_itimer(struct step *s, int i)
{
	static const struct {
		long v[4];
	} far[] = { { { 0, 0, 0, 0 } },
		    { { 9, 3, 5000, 0 } },
		    { { 0, 0, 5000, 1000000 } },
		    { { 0, -1, 5, 0 } } };
	unsigned r = below(s, 4);

	memcpy(s->area[i], &far[r], sizeof(*far));
	say(s, " far%u", r);
	return in_area(s, i);
}

static long make_iovec(struct step *s, int i)
{
	struct iovec *v = (struct iovec *)s->area[i];

	for (int k = 0; k < 4; k++) {
		v[k].iov_base = (char *)process->in + below(s, 100);
		v[k].iov_len = below(s, 30) ? below(s, 3000) : (size_t)-1;
		say(s, " %s%zd", v[k].iov_base == hole ? "hole:" : "", v[k].iov_len);
	}
	return in_area(s, i);
}

/* Addresses; what is written into them is in values_net. */
static unsigned some_address(struct step *s, void *to)
{
	struct sockaddr_un *un = to;
	struct sockaddr_in *in = to;
	struct sockaddr_in6 *in6 = to;
	unsigned r = below(s, 12), port = below(s, PORTS);

	memset(to, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (r < 4) {
		sprintf(un->sun_path, "s%u", r);
		say(s, " unix:%s", un->sun_path);
		return below(s, 3) ? sizeof(*un) : (unsigned)(2 + strlen(un->sun_path));
	}
	if (r < 7) {
		sprintf(un->sun_path + 1, "det%08x-%u", (unsigned)world->boss, r & 1);
		say(s, " unix:@%u", r & 1);
		return 2 + 1 + 13;
	}
	if (r == 7) {
		say(s, " unix:");
		return 2;
	}
	if (r < 10) {
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in->sin_port = below(s, 2) ? htons(world->ports[port]) : 0;
		say(s, " inet:%s%u", in->sin_port ? "port" : "0:", port);
		return sizeof(*in);
	}
	if (r == 10) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
		in6->sin6_port = htons(world->ports[port]);
		say(s, " inet6:%s%u", in6->sin6_port ? "port" : "0:", port);
		return sizeof(*in6);
	}
	un->sun_family = below(s, 2) ? AF_UNSPEC : 77;
	say(s, " family %u", un->sun_family);
	return below(s, 2) ? 2 : 16;
}

static unsigned address_length; /* of the last sockaddr; the kind addrlen comes behind it */

static long make_sockaddr(struct step *s, int i)
{
	address_length = some_address(s, s->area[i]);
	return in_area(s, i);
}

static long make_addrlen(struct step *s, int i)
{
	static const long odd[] = { 0, 1, 2, 3, 8, 200, -1 };

	(void)i;
	if (below(s, 15)) {
		return address_length;
	}
	address_length = (unsigned)odd[below(s, 7)];
	say(s, " len %d", (int)address_length);
	return address_length;
}

static long make_flock(struct step *s, int i)
{
	static const long at[] = { 0, 10, 100, -5, 4096 };
	struct flock *l = (struct flock *)s->area[i];

	memset(l, 0, sizeof(*l));
	l->l_type = (short)below(s, 4);
	l->l_whence = (short)(below(s, 20) ? below(s, 3) : 7);
	l->l_start = at[below(s, 5)];
	if (l->l_whence == SEEK_END && l->l_start < 0) {
		l->l_start = 0; /* a directory's size is its file system's affair */
	}
	l->l_len = at[below(s, 5)];
	l->l_pid = below(s, 20) ? 0 : 1;
	say(s, " {%d %d %ld %ld %d}", l->l_type, l->l_whence, (long)l->l_start, (long)l->l_len,
	    l->l_pid);
	return in_area(s, i);
}

static long make_event(struct step *s, int i)
{
	static const uint32_t events[] = { 1,	 4, 5,		 0x2005, 1u << 31 | 1, 1u << 30 | 5,
					   0x10, 0, 1u << 28 | 1 };
	struct epoll_event *e = (struct epoll_event *)s->area[i];

	e->events = events[below(s, 9)];
	e->data.u64 = below(s, 100);
	say(s, " {%x %d}", e->events, (int)e->data.u64);
	return in_area(s, i);
}

static long make_page(struct step *s, int i)
{
	unsigned at = below(s, PAGES);
	long odd = below(s, 30) ? 0 : 5;

	(void)i;
	say(s, " @%u%s", at, odd ? "+5" : "");
	return (long)REGION + at * 4096 + odd;
}

static long make_pages(struct step *s, int i)
{
	static const long odd[] = { 0, 1, 4097, -1, 1l << 47, -4096 };
	long n = below(s, 12) ? 4096l * (1 + below(s, 6)) : odd[below(s, 6)];

	(void)i;
	say(s, " %ld", n);
	return n;
}

static long make_word(struct step *s, int i)
{
	unsigned at = below(s, 4);

	say(s, " w%u", at);
	return in_pointer(s, i, &world->words[at]);
}

const struct kind in_kinds[] = {
	{ .name = "fd", .make = make_fd },
	{ .name = "dirfd", .make = make_dirfd },
	{ .name = "newfd", .make = make_newfd },
	{ .name = "path", .make = make_path },
	{ .name = "in", .make = make_in },
	{ .name = "size", .make = make_size },
	{ .name = "write_size", .make = make_write_size },
	{ .name = "offset", .make = make_offset },
	{ .name = "offset_in", .make = make_offset_in },
	{ .name = "pid", .make = make_pid },
	{ .name = "process", .make = make_process },
	{ .name = "alive", .make = make_alive },
	{ .name = "signal", .make = make_signal },
	{ .name = "sigset", .make = make_sigset },
	{ .name = "moment", .make = make_moment },
	{ .name = "moment_us", .make = make_moment_us },
	{ .name = "utimes", .make = make_utimes },
	{ .name = "far", .make = make_far },
	{ .name = "itimer", .make = make_itimer },
	{ .name = "iovec", .make = make_iovec },
	{ .name = "sockaddr", .make = make_sockaddr },
	{ .name = "addrlen", .make = make_addrlen },
	{ .name = "flock", .make = make_flock },
	{ .name = "event", .make = make_event },
	{ .name = "page", .make = make_page },
	{ .name = "pages", .make = make_pages },
	{ .name = "word", .make = make_word },
	{ .name = NULL },
};
