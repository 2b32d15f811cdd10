/* SPDX-License-Identifier: MIT */
/* What goes into calls on IPC objects, timers, limits, options and attributes. */
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

static long make_id(struct step *s, const int *ids)
{
	unsigned at = below(s, IDS);

	say(s, " id%u", at);
	return below(s, 20) ? ids[at] : -1;
}

static long make_semid(struct step *s, int i)
{
	(void)i;
	return make_id(s, world->sem);
}

static long make_shmid(struct step *s, int i)
{
	(void)i;
	return make_id(s, world->shm);
}

static long make_msgid(struct step *s, int i)
{
	(void)i;
	return make_id(s, world->msg);
}

static long make_sembuf(struct step *s, int i)
{
	struct sembuf *b = (struct sembuf *)s->area[i];

	for (int k = 0; k < 3; k++) {
		b[k].sem_num = (unsigned short)below(s, 4);
		b[k].sem_op = (short)((int)below(s, 7) - 3);
		b[k].sem_flg = (short)(IPC_NOWAIT | (below(s, 3) ? 0 : SEM_UNDO));
		say(s, " %d%+d%s", b[k].sem_num, b[k].sem_op, b[k].sem_flg & SEM_UNDO ? "u" : "");
	}
	return in_area(s, i);
}

static long make_msgbuf(struct step *s, int i)
{
	*(long *)s->area[i] = (long)below(s, 6) - 1;
	memcpy(s->area[i] + 8, process->in, 1000);
	say(s, " type %ld", *(long *)s->area[i]);
	return in_area(s, i);
}

static long make_mqname(struct step *s, int i)
{
	unsigned n = below(s, 2);

	sprintf(s->area[i], "det%08x-%u", (unsigned)world->boss, n);
	say(s, " mq%u", n);
	return in_area(s, i);
}

static long make_mqattr(struct step *s, int i)
{
	static const long sizes[] = { 1, 4, 10, 0, -1, 1 << 20 };
	long *a = (long *)s->area[i];

	memset(a, 0, 64);
	a[0] = below(s, 2) ? O_NONBLOCK : 0;
	a[1] = sizes[below(s, 3 + 3 * !below(s, 4))];
	a[2] = 8 * sizes[below(s, 3 + 3 * !below(s, 4))];
	say(s, " {%ld %ld %ld}", a[0], a[1], a[2]);
	return in_area(s, i);
}

static long make_rlimit(struct step *s, int i)
{
	static const unsigned long limits[] = { 0, 10, 48, 4096, 100000, FILE_LIMIT, ~0ul };
	struct rlimit *l = (struct rlimit *)s->area[i];

	l->rlim_cur = limits[3 + below(s, 4)];
	l->rlim_max = limits[3 + below(s, 4)];
	say(s, " {%ld %ld}", (long)l->rlim_cur, (long)l->rlim_max);
	return in_area(s, i);
}

static long make_priority(struct step *s, int i)
{
	static const int priorities[] = { 0, 0, 1, 99, -1 };

	*(int *)s->area[i] = priorities[below(s, 5)];
	say(s, " {%d}", *(int *)s->area[i]);
	return in_area(s, i);
}

static long make_timer(struct step *s, int i)
{
	unsigned at = below(s, IDS);

	(void)i;
	say(s, " t%u", at);
	return below(s, 20) ? process->timers[at] : 12345;
}

static long make_sigevent(struct step *s, int i)
{
	struct sigevent *e = (struct sigevent *)s->area[i];

	memset(e, 0, sizeof(*e));
	e->sigev_notify = below(s, 3) ? SIGEV_NONE : (int)below(s, 5);
	e->sigev_signo = kill_signals[below(s, kill_signal_count)];
	say(s, " {%d %d}", e->sigev_notify, e->sigev_signo);
	if (below(s, 6) == 0) {
		say(s, " default");
		return 0;
	}
	return in_area(s, i);
}

static long make_option_in(struct step *s, int i)
{
	static const int values[] = { 0, 1, 2, -1, 100, 5000, 100000, 300000 };

	memset(s->area[i], 0, 64);
	((int *)s->area[i])[0] = values[below(s, 8)];
	((int *)s->area[i])[1] = values[below(s, 3)];
	say(s, " {%d %d}", ((int *)s->area[i])[0], ((int *)s->area[i])[1]);
	return in_area(s, i);
}

static long make_xattr_name(struct step *s, int i)
{
	/* user.* is left out: tmpfs has had it since Linux 6.6, and this kernel is a 6.1 */
	static const char *const names[] = { "trusted.a", "trusted.b", "foo", "user" };

	strcpy(s->area[i], names[below(s, 5)]);
	say(s, " '%s'", s->area[i]);
	return in_area(s, i);
}

static long make_open_how(struct step *s, int i)
{
	static const long flags[] = { O_RDONLY,	   O_RDWR,   O_CREAT | O_RDWR,	O_PATH,
				      O_DIRECTORY, 1l << 40, O_TMPFILE | O_RDWR };
	static const long resolve[] = { 0, 1, 2, 4, 8, 16, 0x40 };
	long *h = (long *)s->area[i];

	memset(h, 0, 64);
	h[0] = flags[below(s, 7)] | O_NONBLOCK;
	h[1] = below(s, 2) ? 0 : 0640;
	h[2] = resolve[below(s, 7)];
	h[3] = below(s, 10) ? 0 : 1;
	say(s, " {%lx %lo %lx %ld}", h[0], h[1], h[2], h[3]);
	return in_area(s, i);
}

const struct kind ipc_kinds[] = {
	{ .name = "semid", .make = make_semid },
	{ .name = "shmid", .make = make_shmid },
	{ .name = "msgid", .make = make_msgid },
	{ .name = "sembuf", .make = make_sembuf },
	{ .name = "msgbuf", .make = make_msgbuf },
	{ .name = "mqname", .make = make_mqname },
	{ .name = "mqattr", .make = make_mqattr },
	{ .name = "rlimit_in", .make = make_rlimit },
	{ .name = "priority_in", .make = make_priority },
	{ .name = "timer", .make = make_timer },
	{ .name = "sigevent", .make = make_sigevent },
	{ .name = "option_in", .make = make_option_in },
	{ .name = "xattr", .make = make_xattr_name },
	{ .name = "open_how", .make = make_open_how },
	{ .name = NULL },
};
