/* SPDX-License-Identifier: MIT */
/* What calls leave in memory, as far as the kernel determines it. */
#define _GNU_SOURCE
#include "determined.h"

#include <ctype.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long area(struct step *s, int i)
{
	unsigned r = below(s, 60);

	s->bad[i] = r < 2;
	say(s, "%s", r == 0 ? " NULL" : r == 1 ? " hole" : "");
	return r == 0 ? 0 : r == 1 ? (long)hole : (long)s->area[i];
}

static long make_out(struct step *s, int i)
{
	unsigned r = below(s, 60);

	s->bad[i] = r < 3;
	memset(process->out, 'o', BUFFER);
	switch (r) {
	case 0: say(s, " NULL"); return 0;
	case 1: say(s, " hole"); return (long)hole;
	case 2: say(s, " constant"); return (long)constant;
	default: return (long)process->out;
	}
}

static void say_time(struct step *s, const char *what, long seconds, long ns)
{
	time_t now = time(NULL);

	if (labs(now - seconds) < 1000) {
		say(s, " %s now", what);
	} else {
		say(s, " %s %ld.%ld", what, seconds, ns);
	}
}

static void show_stat(struct step *s, int i, long result)
{
	const struct stat *st = (void *)s->area[i];

	if (result) {
		return;
	}
	say(s, " {%o %d:%d n%d", st->st_mode & S_IFMT ? st->st_mode : 0, (int)st->st_uid,
	    (int)st->st_gid, (int)st->st_nlink);
	/* a directory's size is its file system's affair, and that of a link in /proc */
	if (!S_ISDIR(st->st_mode) && !(S_ISLNK(st->st_mode) && (st->st_mode & 0777) != 0777)) {
		say(s, " %ld", (long)st->st_size);
	}
	if (S_ISREG(st->st_mode) ||
	    S_ISDIR(st->st_mode)) { /* those of the others do not mean much */
		say_time(s, "a", st->st_atim.tv_sec, st->st_atim.tv_nsec);
		say_time(s, "m", st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	}
	say(s, "}");
}

static void show_statx(struct step *s, int i, long result)
{
	const struct { /* the head of the kernel's struct statx, which musl 1.2.3 lacks */
		uint32_t mask, blksize;
		uint64_t attributes;
		uint32_t nlink, uid, gid;
		uint16_t mode, pad;
		uint64_t ino, size;
	} *st = (void *)s->area[i];

	if (result == 0) {
		say(s, " {%x %o %d:%d n%d", st->mask & 0x73f /* newer ones give times when asked */,
		    st->mode, (int)st->uid, (int)st->gid, (int)st->nlink);
		say(s, S_ISDIR(st->mode) ? "}" : " %ld}", (long)st->size);
	}
}

static void show_statfs(struct step *s, int i, long result)
{
	const struct statfs *f = (void *)s->area[i];

	if (result == 0) {
		say(s, " {%lx %ld %ld}", (long)f->f_type, (long)f->f_bsize, (long)f->f_namelen);
	}
}

/* What cannot be compared in the events that a descriptor gives. */
static void say_events(struct step *s, const char *kind, char *p, long n)
{
	if (strstr(kind, "inotify")) {
		for (long at = 0; at < n;) {
			struct inotify_event *e = (void *)(p + at);

			say(s, " {%d %x%s %s}", e->wd, e->mask, e->cookie ? " cookie" : "",
			    e->len ? e->name : "");
			at += (long)sizeof(*e) + e->len;
		}
	} else if (strstr(kind, "signalfd")) {
		for (long at = 0; at < n; at += 128) {
			struct signalfd_siginfo *e = (void *)(p + at);

			say(s, " {%d %d ", (int)e->ssi_signo, (int)e->ssi_code);
			say_pid(s, (long)e->ssi_pid);
			say(s, " %d}", e->ssi_int);
		}
	} else if (!strstr(kind, "timerfd")) {
		say_bytes(s, p, n);
	}
}

static void show_out(struct step *s, int i, long result)
{
	char link[64], kind[80] = "";
	ssize_t n;

	if (result <= 0 || result > BUFFER) {
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", (int)s->arg[0]);
	n = readlink(link, kind, sizeof(kind) - 1);
	if (n < 0) {
		return; /* nobody may look at it */
	}
	kind[n] = 0;
	say_events(s, strstr(kind, "anon_inode") ? kind : "", process->out, result);
}

/* Names: without the directory that this runs in and the numbers that differ. */
static void show_name(struct step *s, int i, long result)
{
	static char cwd[4096];
	char *p = process->out, *q = text;

	if (result <= 0 || result > 4096) {
		return;
	}
	p[result] = 0;
	if (strchr(p,
		   '[')) { /* with a number, so that what a short buffer gets is not determined */
		*strchr(p, '[') = 0;
	}
	snprintf(cwd, sizeof(cwd), "w%08x", (unsigned)world->boss);
	p = strstr(p, cwd) ? strstr(p, cwd) + strlen(cwd) : p;
	for (; *p; p++) {
		if (!isdigit((unsigned char)*p) || !strchr(process->out, '[')) {
			*q++ = *p;
		}
	}
	*q = 0;
	say(s, " '%s'", text);
}

static void show_int(struct step *s, int i, long result)
{
	if (result >= 0) {
		say(s, " {%d}", *(int *)s->area[i]);
	}
}

static void show_status(struct step *s, int i, long result)
{
	if (result > 0) {
		say(s, " {%x}", *(int *)s->area[i]);
	}
}

static void show_fds(struct step *s, int i, long result)
{
	const int *fds = (void *)s->area[i];

	if (result == 0) {
		say(s, " {%d %d}", fds[0], fds[1]);
		keep(s, fds[0]);
		keep(s, fds[1]);
	}
}

static void show_words(struct step *s, int i, long result)
{
	if (result >= 0) {
		say(s, " {%lx}", *(long *)s->area[i]);
	}
}

static void show_rlimit(struct step *s, int i, long result)
{
	const struct rlimit *l = (void *)s->area[i];

	if (result == 0) {
		say(s, " {%ld %ld}", (long)l->rlim_cur, (long)l->rlim_max);
	}
}

/* A timer: whether it is armed, and its interval; the interval comes first or last. */
static void show_timer(struct step *s, int i, long result)
{
	const long *v = (void *)s->area[i];

	if (result == 0) {
		say(s, " {%ld.%ld %s}", v[0], v[1], v[2] || v[3] ? "armed" : "off");
	}
}

static void show_siginfo(struct step *s, int i, long result)
{
	const siginfo_t *info = (void *)s->area[i];

	if (result >= 0) {
		say(s, " {%d %d ", info->si_signo, info->si_signo ? info->si_code : 0);
		say_pid(s, info->si_signo ? info->si_pid : 0);
		say(s, " %d}", info->si_signo ? info->si_status : 0);
	}
}

static void show_pids(struct step *s, int i, long result)
{
	if (result == 0) {
		say(s, " ");
		say_pid(s, *(int *)s->area[i]);
	}
}

static void show_three(struct step *s, int i, long result)
{
	if (result == 0) {
		say(s, " {%d}", *(int *)s->area[i]);
	}
}

static long make_pollfds(struct step *s, int i)
{
	static const short events[] = { POLLIN,	   POLLOUT, POLLIN | POLLOUT, POLLPRI, 0x7ff,
					POLLRDHUP, 0 };
	struct pollfd *p = (void *)s->area[i];

	for (int k = 0; k < 4; k++) {
		p[k] = (struct pollfd){ below(s, 12) ? any_fd(s) : 99, events[below(s, 7)], 77 };
		say(s, " %d:%x", p[k].fd, p[k].events);
	}
	return area(s, i);
}

static void show_pollfds(struct step *s, int i, long result)
{
	const struct pollfd *p = (void *)s->area[i];

	for (int k = 0; result >= 0 && k < 4; k++) {
		say(s, " %x", p[k].revents);
	}
}

static long make_fdset(struct step *s, int i)
{
	memset(s->area[i], 0, 128);
	if (below(s, 4) == 0) {
		say(s, " NULL");
		s->bad[i] = true;
		return 0;
	}
	for (int k = 0; k < 3; k++) {
		int fd = any_fd(s);

		if (fd >= 0 && fd < 64) {
			FD_SET(fd, (fd_set *)s->area[i]);
		}
	}
	say(s, " <%lx>", *(long *)s->area[i]);
	return area(s, i);
}

static int by_events(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct epoll_event));
}

static void show_epoll(struct step *s, int i, long result)
{
	struct epoll_event *e = (void *)s->area[i];

	if (result > 0) { /* the order is not promised */
		qsort(e, (size_t)result, sizeof(*e), by_events);
	}
	for (int k = 0; k < result; k++) {
		say(s, " {%x %d}", e[k].events, (int)e[k].data.u64);
	}
}

static long make_iovec_out(struct step *s, int i)
{
	struct iovec *v = (void *)s->area[i];

	memset(process->out, 'o', BUFFER);
	for (int k = 0; k < 4; k++) {
		v[k].iov_base = process->out + 5000 * k;
		v[k].iov_len = below(s, 5000);
		say(s, " %zd", v[k].iov_len);
	}
	return area(s, i);
}

static void show_iovec(struct step *s, int i, long result)
{
	if (result > 0) {
		say_bytes(s, process->out, 20000);
	}
}

/* An address: *length is the argument behind it. */
static long make_addr_out(struct step *s, int i)
{
	memset(s->area[i], 0, 200);
	return area(s, i);
}

static long make_len_out(struct step *s, int i)
{
	static const int sizes[] = { 128, 128, 128, 4, 0, -1 };

	*(int *)s->area[i] = sizes[below(s, 6)];
	say(s, " len %d", *(int *)s->area[i]);
	return area(s, i);
}

static void say_port(struct step *s, unsigned port)
{
	if (port) {
		for (int k = 0; k < PORTS; k++) {
			if (world->ports[k] == ntohs((uint16_t)port)) {
				say(s, " known");
				return;
			}
		}
		world->ports[below(s, PORTS)] = ntohs((uint16_t)port);
		say(s, " new port");
	}
}

static void show_len_out(struct step *s, int i, long result)
{
	const struct sockaddr_un *un = (void *)s->area[i - 1];
	const struct sockaddr_in *in = (void *)un;
	int n = *(int *)s->area[i];

	if (result < 0 || s->bad[i - 1]) {
		return;
	}
	if (n > 2 && un->sun_family == AF_UNIX && !un->sun_path[0]) {
		bool ours = !memcmp(un->sun_path + 1, "det", 3); /* else chosen by the kernel */

		say(s, " {%d @%.2s}", n, ours ? un->sun_path + 12 : "");
	} else if (n > 2 && un->sun_family == AF_UNIX) {
		say(s, " {%d %.100s}", n, un->sun_path);
	} else if (n >= 8 && (un->sun_family == AF_INET || un->sun_family == AF_INET6)) {
		say(s, " {%d inet", n);
		say_port(s, in->sin_port);
		say(s, "}");
	} else {
		say(s, " {%d family %d}", n, n >= 2 ? un->sun_family : -1);
	}
}

static long make_option_out(struct step *s, int i)
{
	memset(s->area[i], 0, 200);
	return area(s, i);
}

static long make_option_len(struct step *s, int i)
{
	static const int sizes[] = { 4, 4, 4, 8, 16, 1, 0, -1 };

	*(int *)s->area[i] = sizes[below(s, 8)];
	say(s, " len %d", *(int *)s->area[i]);
	return area(s, i);
}

static void show_option_len(struct step *s, int i, long result)
{
	int n = *(int *)s->area[i];

	if (result == 0 && !s->bad[i - 1]) {
		say(s, " {%d:", n);
		for (int k = 0; k < n && k < 16; k++) {
			say(s, " %x", (uint8_t)s->area[i - 1][k]);
		}
		say(s, "}");
	}
}

/* A message with a descriptor or a credential now and then. */
static long make_msghdr(struct step *s, int i)
{
	struct msghdr *m = (void *)s->area[i];
	struct iovec *v = (void *)(s->area[i] + 64);
	struct cmsghdr *c = (void *)(s->area[i] + 256);

	memset(m, 0, AREA);
	v[0] = (struct iovec){ process->in, below(s, 200) };
	v[1] = (struct iovec){ process->in + 300, below(s, 5000) };
	m->msg_iov = v, m->msg_iovlen = (int)below(s, 3);
	say(s, " %d iov %zd %zd", (int)m->msg_iovlen, v[0].iov_len, v[1].iov_len);
	if (below(s, 3) == 0) {
		int fd = any_fd(s);

		m->msg_control = c, m->msg_controllen = CMSG_SPACE(4);
		c->cmsg_level = below(s, 10) ? SOL_SOCKET : 7,
		c->cmsg_type = below(s, 10) ? SCM_RIGHTS : 9;
		c->cmsg_len = below(s, 10) ? CMSG_LEN(4) : 3;
		memcpy(CMSG_DATA(c), &fd, 4);
		say(s, " control %d %d %d: %d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len, fd);
	}
	return area(s, i);
}

static long make_msghdr_out(struct step *s, int i)
{
	struct msghdr *m = (void *)s->area[i];
	struct iovec *v = (void *)(s->area[i] + 64);

	memset(m, 0, AREA);
	memset(process->out, 'o', BUFFER);
	v[0] = (struct iovec){ process->out, below(s, 200) };
	v[1] = (struct iovec){ process->out + 300, below(s, 5000) };
	m->msg_iov = v, m->msg_iovlen = (int)below(s, 3);
	m->msg_control = below(s, 4) ? s->area[i] + 256 : NULL;
	m->msg_controllen = m->msg_control ? (socklen_t)(below(s, 6) ? 128 : below(s, 30)) : 0;
	m->msg_name = s->area[i] + 512, m->msg_namelen = 128;
	say(s, " %d iov %zd %zd control %d", (int)m->msg_iovlen, v[0].iov_len, v[1].iov_len,
	    (int)m->msg_controllen);
	return area(s, i);
}

static void show_msghdr(struct step *s, int i, long result)
{
	struct msghdr *m = (void *)s->area[i];

	if (result < 0) {
		return;
	}
	say(s, " {flags %x name %d control %d", m->msg_flags, (int)m->msg_namelen,
	    (int)m->msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int fd;

		memcpy(&fd, CMSG_DATA(c), 4);
		say(s, " %d/%d/%d", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			say(s, ":%d", fd);
			keep(s, fd);
		}
	}
	say(s, "}");
	say_bytes(s, process->out, 6000);
}

static void show_flock(struct step *s, int i, long result)
{
	const struct flock *l = (void *)s->area[i];

	if (result == 0) {
		say(s, " {%d %d %ld %ld ", l->l_type, l->l_whence, (long)l->l_start,
		    (long)l->l_len);
		say_pid(s, l->l_pid);
		say(s, "}");
	}
}

static long make_flock_out(struct step *s, int i)
{
	static const long at[] = { 0, 10, 100, 4096 };
	struct flock *l = (void *)s->area[i];

	memset(l, 0, sizeof(*l));
	l->l_type = (short)below(s, 2);
	l->l_start = at[below(s, 4)];
	l->l_len = at[below(s, 4)];
	say(s, " {%d %ld %ld}", l->l_type, (long)l->l_start, (long)l->l_len);
	return area(s, i);
}

static void show_kernel_timer(struct step *s, int i, long result)
{
	if (result == 0) {
		process->timers[below(s, IDS)] = *(int *)s->area[i];
	}
}

static void show_groups(struct step *s, int i, long result)
{
	say(s, result >= 0 ? " {}" : "");
}

static long make_capheader(struct step *s, int i)
{
	static const unsigned versions[] = { 0x20080522, 0x20080522, 0x20071026, 0x19980330, 0, 7 };
	int *h = (void *)s->area[i];

	h[0] = (int)versions[below(s, 6)];
	h[1] = below(s, 4) ? 0 : world->pids[below(s, ACTORS)];
	say(s, " v%x ", h[0]);
	say_pid(s, h[1]);
	return area(s, i);
}

static void show_caps(struct step *s, int i, long result)
{
	if (result == 0) {
		say_bytes(s, s->area[i], 12);
	}
}

const struct kind out_kinds[] = {
	{ .name = "out", .make = make_out, .show = show_out },
	{ .name = "name_out", .make = make_out, .show = show_name },
	{ .name = "stat", .make = area, .show = show_stat },
	{ .name = "statx", .make = area, .show = show_statx },
	{ .name = "statfs", .make = area, .show = show_statfs },
	{ .name = "int_out", .make = area, .show = show_int },
	{ .name = "status_out", .make = area, .show = show_status },
	{ .name = "fds", .make = area, .show = show_fds },
	{ .name = "set_out", .make = area, .show = show_words },
	{ .name = "rlimit_out", .make = area, .show = show_rlimit },
	{ .name = "timer_out", .make = area, .show = show_timer },
	{ .name = "siginfo", .make = area, .show = show_siginfo },
	{ .name = "pid_out", .make = area, .show = show_pids },
	{ .name = "id_out", .make = area, .show = show_three },
	{ .name = "pollfds", .make = make_pollfds, .show = show_pollfds },
	{ .name = "fdset", .make = make_fdset, .show = show_words },
	{ .name = "epoll_out", .make = area, .show = show_epoll },
	{ .name = "iovec_out", .make = make_iovec_out, .show = show_iovec },
	{ .name = "addr_out", .make = make_addr_out },
	{ .name = "len_out", .make = make_len_out, .show = show_len_out },
	{ .name = "option_out", .make = make_option_out },
	{ .name = "option_len", .make = make_option_len, .show = show_option_len },
	{ .name = "msghdr", .make = make_msghdr },
	{ .name = "msghdr_out", .make = make_msghdr_out, .show = show_msghdr },
	{ .name = "flock_out", .make = make_flock_out, .show = show_flock },
	{ .name = "timerid_out", .make = area, .show = show_kernel_timer },
	{ .name = "groups", .make = area, .show = show_groups },
	{ .name = "capheader", .make = make_capheader },
	{ .name = "caps", .make = area, .show = show_caps },
	{ .name = "scratch", .make = area },
	{ .name = NULL },
};
