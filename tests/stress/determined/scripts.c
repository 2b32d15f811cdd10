/* SPDX-License-Identifier: MIT */
/* Steps of several calls: children, faults, directories, timers that fire. */
#define _GNU_SOURCE
#include "determined.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- children --- */
static void say_end(struct step *s, siginfo_t *info)
{
	say(s, " code %d status %d", info->si_code, info->si_status);
}

static void calls_of_child(struct step *s)
{
	for (unsigned n = below(s, 5); n > 0; n--) {
		const struct call *c = &calls[below(s, call_count)];

		say(s, " | ");
		run_call(s, c);
	}
}

/* Comes back in the parent, when the child has ended but is still to be waited for. */
static void child(struct step *s, unsigned long flags, void (*run)(struct step *s))
{
	siginfo_t info = { 0 };
	sigset_t all, old;
	pid_t pid;
	int kid = (int)below(s, KIDS);

	/* what waits for nobody would be somebody's to wait for */
	if (process->kids[kid] > 0) {
		syscall(SYS_wait4, process->kids[kid], NULL, WNOHANG | __WALL, NULL);
	}
	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8); /* no signal while there are two */
	pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	if (!pid) {
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
		run(s);
		_exit((int)below(s, 256));
	}
	if (pid < 0) {
		say_result(s, -1);
	} else if (syscall(SYS_waitid, P_PID, pid, &info, WEXITED | WNOWAIT | __WALL, NULL)) {
		say_result(s, -1);
	} else {
		process->kids[kid] = pid;
		say_end(s, &info);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
}

static void script_child(struct step *s)
{
	static const unsigned long flags[] = { SIGCHLD,
					       SIGCHLD | 0x400 /* FILES */,
					       SIGCHLD | 0x200 /* FS */,
					       SIGUSR1,
					       0,
					       SIGCHLD | 0x40000 /* SYSVSEM */,
					       SIGCHLD | 0x80000000u /* IO */ };
	unsigned long f = flags[below(s, 7)];

	f = f == SIGUSR1 && s->actor != 1 ? SIGCHLD : f;

	say(s, " %lx", f);
	child(s, f, calls_of_child);
}

static void die(struct step *s)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGXCPU, SIGUSR1, 40 };
	int sig = signals[below(s, 7)];

	signal(sig, SIG_DFL);
	say(s, " %d", sig);
	syscall(SYS_kill, syscall(SYS_getpid), sig); /* raise() has the parent's number */
}

static void script_dies(struct step *s)
{
	child(s, SIGCHLD, die);
}

static void look(struct step *s, pid_t pid, int how)
{
	siginfo_t info = { 0 };

	say(s, " wait %s", waitid(P_PID, (id_t)pid, &info, how) ? strerror(errno) : "");
	say_end(s, &info);
}

/* A child that stops, goes on, and is killed. */
static void script_stop(struct step *s)
{
	static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN };
	int sig = stops[below(s, 3)];
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid) {
		signal(sig, SIG_DFL);
		sigemptyset(&all);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
		for (;;) {
			pause();
		}
	}
	/* the other stop signals do nothing to a group that is orphaned */
	kill(pid, SIGSTOP);
	look(s, pid, WSTOPPED);
	kill(pid, SIGUSR1);
	kill(pid, SIGCONT);
	look(s, pid, WCONTINUED);
	kill(pid, SIGSTOP);
	look(s, pid, WSTOPPED | WNOWAIT);
	kill(pid, SIGKILL);
	look(s, pid, WEXITED);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
}

/* --- exec --- */
int report_self(int fd)
{
	char line[1024];
	sigset_t set;
	int n = 0;

	for (int i = 3; i < 64; i++) {
		int flags = fcntl(i, F_GETFD);

		if (flags >= 0 && i != fd) {
			n += snprintf(line + n, sizeof(line) - n, "%d:%x ", i, fcntl(i, F_GETFL));
		}
	}
	sigemptyset(&set);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &set, 8);
	n += snprintf(line + n, sizeof(line) - n, "mask %lx", *(long *)&set);
	syscall(SYS_rt_sigpending, &set, 8);
	n += snprintf(line + n, sizeof(line) - n, " pending %lx ignored", *(long *)&set);
	for (int sig = 1; sig < 65; sig++) {
		struct sigaction sa = { 0 };

		if (!sigaction(sig, NULL, &sa) && sa.sa_handler != SIG_DFL) {
			n += snprintf(line + n, sizeof(line) - n, " %d", sig);
		}
	}
	n += snprintf(line + n, sizeof(line) - n, " umask %o ids %d:%d:%d:%d", umask(0), getuid(),
		      geteuid(), getgid(), getegid());
	return write(fd, line, (size_t)n) != n;
}

/* The child becomes this program again, which says what is left. */
static void script_exec(struct step *s)
{
	static char number[8], *argv[] = { "determined", "report", number, NULL },
			       *envp[] = { NULL };
	int status = 0, fds[2];
	ssize_t n;
	sigset_t all, old;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		say_result(s, -1);
		return;
	}
	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid) {
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
		fcntl(fds[1], F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", fds[1]);
		execve("/proc/self/exe", argv, envp);
		_exit(111);
	}
	close(fds[1]);
	waitpid(pid, &status, 0);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	n = read(fds[0], text, LINE - 1);
	close(fds[0]);
	text[n > 0 ? n : 0] = 0;
	say(s, " status %x: %s", status, text);
}

/* --- memory --- */
static sigjmp_buf back;
static siginfo_t fault;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	fault = *info;
	siglongjmp(back, 1);
}

static void script_touch(struct step *s)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, segv, bus;
	char *p = REGION + below(s, PAGES) * 4096 + below(s, 4096);
	volatile bool write = below(s, 2);

	sigaction(SIGSEGV, &sa, &segv);
	sigaction(SIGBUS, &sa, &bus);
	say(s, " %s @%ld", write ? "write" : "read", (long)(p - REGION));
	if (sigsetjmp(back, 1)) {
		say(s, " signal %d code %d at %ld", fault.si_signo, fault.si_code,
		    (long)((char *)fault.si_addr - REGION));
	} else if (write) {
		*(volatile char *)p = (char)s->number;
		say(s, " done");
	} else {
		say(s, " %d", *(volatile char *)p);
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
}

/* Sums of all that can be read, and what may be done with each page. */
static void script_region(struct step *s)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512], names[PAGES + 9];

	if (!f) {
		say_result(s, -1);
		return;
	}
	memset(names, '-', sizeof(names));
	while (fgets(line, sizeof(line), f)) {
		unsigned long from, to;
		char mode[5];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3) {
			continue;
		}
		for (int i = 0; i < PAGES + 8; i++) {
			unsigned long at = (unsigned long)REGION + 4096ul * (unsigned long)i;

			if (at >= from && at < to) {
				int bits = (mode[0] == 'r') | (mode[1] == 'w') << 1 |
					   (mode[2] == 'x') << 2 | (mode[3] == 's') << 3;

				names[i] = "0123456789abcdef"[bits];
			}
		}
	}
	fclose(f);
	names[PAGES + 8] = 0;
	say(s, " %s", names);
}

/* --- files --- */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void script_list(struct step *s)
{
	char *entries[64];
	int count = 0, fd;
	long n;

	any_path(s, s->area[0]);
	say(s, " '%.20s'", s->area[0]);
	fd = open(s->area[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		say_result(s, -1);
		return;
	}
	n = syscall(SYS_getdents64, fd, process->out, BUFFER);
	for (long at = 0; at < n && count < 64;) {
		struct dirent *d = (void *)(process->out + at); /* the kernel's, too */

		at += d->d_reclen;
		entries[count] = (char *)&d->d_type; /* stands before the name */
		*entries[count++] = (char)('0' + d->d_type);
	}
	close(fd);
	qsort(entries, (size_t)count, sizeof(*entries), by_name);
	for (int i = 0; i < count; i++) {
		say(s, " %.30s", entries[i]);
	}
	if (n < 0) {
		say_result(s, -1);
	}
}

/* Else all names would soon be below some directory. */
static void script_home(struct step *s)
{
	say_result(s, chdir(world->top));
}

/* What all descriptors are. */
static void script_descriptors(struct step *s)
{
	for (int fd = 3; fd < 48; fd++) {
		struct statfs f; /* a message queue is a regular file, too */
		struct stat st;

		if (!fstat(fd, &st)) {
			say(s, " %d:%o:%x:%x", fd, st.st_mode & S_IFMT ? st.st_mode : 0,
			    fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
			if (S_ISREG(st.st_mode) && !fstatfs(fd, &f) && f.f_type == 0x1021994) {
				say(s, "@%ld/%ld", (long)lseek(fd, 0, SEEK_CUR), (long)st.st_size);
			}
		}
	}
}

static void script_poll_all(struct step *s)
{
	for (int fd = 3; fd < 48; fd++) {
		struct pollfd p = { fd, 0x7ff, 0 };

		if (poll(&p, 1, 0) >= 0 && !(p.revents & POLLNVAL)) {
			say(s, " %d:%x", fd, p.revents);
		}
	}
}

static void script_contents(struct step *s)
{
	int fd;
	ssize_t n;

	any_path(s, s->area[0]);
	say(s, " '%.20s'", s->area[0]);
	fd = open(s->area[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		say_result(s, -1);
		return;
	}
	n = pread(fd, process->out, BUFFER, 0);
	say_result(s, n);
	say_bytes(s, process->out, n);
	close(fd);
}

/* --- signals --- */
static void script_sigaction(struct step *s)
{
	static const int signals[] = {
		SIGCHLD, SIGURG, SIGWINCH, SIGCONT, SIGUSR1, SIGUSR2, SIGPIPE
	};
	int sig = signals[below(s, 7)];
	struct sigaction sa = { .sa_handler = SIG_IGN }, old;
	unsigned how = below(s, 4);

	/* their default is to be ignored */
	sa.sa_handler = how == 0 && sig != SIGUSR1 && sig != SIGUSR2 && sig != SIGPIPE ? SIG_DFL
										       : SIG_IGN;
	say(s, " %d %s", sig, sa.sa_handler == SIG_DFL ? "default" : "ignore");
	say_result(s, sigaction(sig, &sa, &old));
	say(s, " was %s",
	    old.sa_handler == SIG_IGN	? "ignored"
	    : old.sa_handler == SIG_DFL ? "default"
					: "handled");
	if (how > 1) {
		sigaction(sig, &old, NULL);
	}
}

static void script_queue(struct step *s)
{
	int sig = kill_signals[below(s, kill_signal_count)], value = (int)below(s, 1000);
	siginfo_t info = { 0 };
	pid_t pid = any_pid(s);

	pid = pid == world->pids[2] ? world->pids[0] : pid;
	say(s, " ");
	say_pid(s, pid);
	say(s, " %d %d", sig, value);
	/* not sigqueue(), which blocks all signals meanwhile: another thread would get it */
	info.si_signo = sig, info.si_code = SI_QUEUE, info.si_value.sival_int = value;
	info.si_pid = getpid(), info.si_uid = getuid();
	say_result(s, syscall(SYS_rt_sigqueueinfo, pid, sig, &info));
}

/* --- time --- */
static void script_timerfd(struct step *s)
{
	struct itimerspec t = { .it_value.tv_nsec = 1000 };
	struct timespec pause = { .tv_nsec = 3000000 };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	uint64_t n = 0;

	if (fd < 0) {
		say_result(s, -1);
		return;
	}
	timerfd_settime(fd, 0, &t, NULL);
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, NULL);
	say_result(s, read(fd, &n, 8));
	say(s, " %d", (int)n);
	close(fd);
}

/* --- sockets --- */
/* A TCP connection to ourselves: data that was sent is there, end of file comes behind it. */
static void script_tcp(struct step *s)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	struct pollfd p = { .events = POLLIN | POLLRDHUP };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), a, b = -1;
	unsigned len = below(s, 30000), how = below(s, 3);
	long got, sum = 0;

	if (listener < 0 || bind(listener, (void *)&in, n) || listen(listener, 5)) {
		say_result(s, -1);
		close(listener);
		return;
	}
	getsockname(listener, (void *)&in, &n);
	a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a >= 0 && !connect(a, (void *)&in, n)) {
		b = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
	close(listener);
	say(s, " %d %d", a, b);
	if (b >= 0) {
		say_result(s, send(a, process->in, len, MSG_NOSIGNAL));
		shutdown(a, (int)how);
		p.fd = b;
		while (how && sum < len && poll(&p, 1, 2000) > 0 &&
		       (got = recv(b, process->out + sum, BUFFER - (size_t)sum, 0)) > 0) {
			sum += got;
		}
		say_bytes(s, process->out, sum);
		poll(&p, 1, how ? 2000 : 0);
		say(s, " %x", how ? p.revents : 0);
		keep(s, b);
	}
	keep(s, a);
	fcntl(a, F_SETFL, O_NONBLOCK), fcntl(b, F_SETFL, O_NONBLOCK);
}

static void script_state(struct step *s)
{
	uint64_t mask = 0, pending = 0;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
	syscall(SYS_rt_sigpending, &pending, 8);
	say(s, " mask %lx pending %lx ids %d:%d:%d:%d words", (long)mask, (long)pending, getuid(),
	    geteuid(), getgid(), getegid());
	for (int i = 0; i < 4; i++) {
		uint32_t w = world->words[i];

		say(s, w > 100 && w < 0xff000000 ? " tid" : " %x", w);
	}
}

const struct script scripts[] = {
	{ "child", script_child },	 { "child", script_child },
	{ "dies", script_dies },	 { "stop", script_stop },
	{ "exec", script_exec },	 { "touch", script_touch },
	{ "touch", script_touch },	 { "touch", script_touch },
	{ "region", script_region },	 { "list", script_list },
	{ "list", script_list },	 { "descriptors", script_descriptors },
	{ "poll", script_poll_all },	 { "contents", script_contents },
	{ "contents", script_contents }, { "sigaction", script_sigaction },
	{ "queue", script_queue },	 { "timerfd", script_timerfd },
	{ "home", script_home },	 { "home", script_home },
	{ "tcp", script_tcp },		 { "state", script_state },
};
const unsigned script_count = sizeof(scripts) / sizeof(*scripts);
