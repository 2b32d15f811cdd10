/* SPDX-License-Identifier: MIT */
/* The calls: their arguments by kind. */
#define _GNU_SOURCE
#include "determined.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name, args, result)                \
	{                                       \
		SYS_##name, #name, args, result \
	}

const struct call calls[] = {
	/* names */
	CALL(open, "path oflags mode", 'f'),
	CALL(openat, "dirfd path oflags mode", 'f'),
	CALL(openat2, "dirfd path open_how how_size", 'f'),
	CALL(creat, "path mode", 'f'),
	CALL(mkdir, "path mode", 0),
	CALL(mkdirat, "dirfd path mode", 0),
	CALL(mknod, "path node 0", 0),
	CALL(mknodat, "dirfd path node 0", 0),
	CALL(rmdir, "path", 0),
	CALL(unlink, "path", 0),
	CALL(unlinkat, "dirfd path atflags", 0),
	CALL(rename, "path path", 0),
	CALL(renameat2, "dirfd path dirfd path renameflags", 0),
	CALL(link, "path path", 0),
	CALL(linkat, "dirfd path dirfd path atflags", 0),
	CALL(symlink, "path path", 0),
	CALL(symlinkat, "path dirfd path", 0),
	CALL(readlink, "path name_out size", 0),
	CALL(readlinkat, "dirfd path name_out size", 0),
	CALL(chmod, "path mode", 0),
	CALL(fchmod, "fd mode", 0),
	CALL(fchmodat, "dirfd path mode", 0),
	CALL(chown, "path id id", 0),
	CALL(fchown, "fd id id", 0),
	CALL(lchown, "path id id", 0),
	CALL(fchownat, "dirfd path id id atflags", 0),
	CALL(access, "path access", 0),
	CALL(faccessat, "dirfd path access", 0),
	CALL(faccessat2, "dirfd path access atflags", 0),
	CALL(stat, "path stat", 0),
	CALL(lstat, "path stat", 0),
	CALL(fstat, "fd stat", 0),
	CALL(newfstatat, "dirfd path stat atflags", 0),
	CALL(statx, "dirfd path statxflags statxmask statx", 0),
	CALL(statfs, "path statfs", 0),
	CALL(fstatfs, "fd statfs", 0),
	CALL(truncate, "path offset", 0),
	CALL(ftruncate, "fd offset", 0),
	CALL(utimensat, "dirfd path utimes atflags", 0),
	CALL(utime, "path utimes", 0),
	CALL(futimesat, "dirfd path utimes", 0),
	CALL(chdir, "path", 0),
	CALL(fchdir, "fd", 0),
	CALL(getcwd, "name_out size", 0),
	CALL(umask, "mode", 0),
	CALL(setxattr, "path xattr in rw_size xattr_flags", 0),
	CALL(fsetxattr, "fd xattr in rw_size xattr_flags", 0),
	CALL(getxattr, "path xattr out size", 0),
	CALL(fgetxattr, "fd xattr out size", 0),
	CALL(removexattr, "path xattr", 0),
	CALL(chroot, "path", 0),
	/* descriptors */
	CALL(close, "fd", 0),
	CALL(dup, "fd", 'f'),
	CALL(dup2, "fd newfd", 'f'),
	CALL(dup3, "fd newfd cloexec", 'f'),
	CALL(close_range, "newfd newfd range_flags", 0),
	CALL(fcntl, "fd fcntl fcntl_arg", 0),
	{ SYS_fcntl, "fcntl_setfl", "fd =4 status", 0 },
	{ SYS_fcntl, "fcntl_dupfd", "fd =0 newfd", 'f' },
	{ SYS_fcntl, "fcntl_dupfd_cloexec", "fd =1030 newfd", 'f' },
	{ SYS_fcntl, "fcntl_setlk", "fd lock_cmd flock", 0 },
	{ SYS_fcntl, "fcntl_getlk", "fd =5 flock_out", 0 },
	{ SYS_fcntl, "fcntl_ofd_getlk", "fd =36 flock_out", 0 },
	{ SYS_fcntl, "fcntl_setown", "fd =8 pid", 0 },
	{ SYS_fcntl, "fcntl_seals", "fd =1033 seals", 0 },
	CALL(flock, "fd flock_op", 0),
	CALL(ioctl, "fd ioctl int_out", 0),
	{ SYS_ioctl, "ioctl_fionbio", "fd =21537 option_in", 0 },
	CALL(read, "fd out size", 0),
	CALL(write, "fd in write_size", 0),
	CALL(pread64, "fd out size offset", 0),
	CALL(pwrite64, "fd in write_size offset", 0),
	CALL(readv, "fd iovec_out count", 0),
	CALL(writev, "fd iovec count", 0),
	CALL(preadv2, "fd iovec_out count offset 0 rwflags", 0),
	CALL(pwritev2, "fd iovec count offset 0 rwflags", 0),
	CALL(lseek, "fd offset whence", 0),
	CALL(fallocate, "fd fallocate offset offset", 0),
	CALL(fsync, "fd", 0),
	CALL(fdatasync, "fd", 0),
	CALL(sync_file_range, "fd offset offset sync", 0),
	CALL(fadvise64, "fd offset offset advice", 0),
	CALL(readahead, "fd offset size", 0),
	CALL(sendfile, "fd fd offset_in splice_size", 0),
	CALL(splice, "fd offset_in fd offset_in splice_size splice_flags", 0),
	CALL(tee, "fd fd splice_size splice_flags", 0),
	CALL(vmsplice, "fd iovec count splice_flags", 0),
	CALL(copy_file_range, "fd offset_in fd offset_in splice_size 0", 0),
	CALL(memfd_create, "xattr memfd_flags", 'f'),
	/* what one waits for */
	CALL(pipe2, "fds pipeflags", 0),
	CALL(eventfd2, "small evflags", 'f'),
	CALL(timerfd_create, "clock_fd evflags", 'f'),
	CALL(timerfd_settime, "fd 0 far timer_out", 0),
	CALL(timerfd_gettime, "fd timer_out", 0),
	CALL(signalfd4, "fd sigset sigsetsize evflags", 'f'),
	CALL(inotify_init1, "evflags", 'f'),
	CALL(inotify_add_watch, "fd path inmask", 0),
	CALL(inotify_rm_watch, "fd wd", 0),
	CALL(epoll_create1, "cloexec", 'f'),
	CALL(epoll_ctl, "fd epoll_op fd event", 0),
	{ SYS_epoll_wait, "epoll_wait", "fd epoll_out =64 =0", 0 },
	CALL(poll, "pollfds count 0", 0),
	CALL(ppoll, "pollfds count moment sigset sigsetsize", 0),
	{ SYS_select, "select", "small fdset fdset fdset moment_us", 0 },
	CALL(pidfd_open, "pid evflags", 'f'),
	CALL(pidfd_send_signal, "fd signal 0 0", 0),
	CALL(pidfd_getfd, "fd fd 0", 'f'),
	/* sockets */
	CALL(socket, "family type protocol", 'f'),
	CALL(socketpair, "family type protocol fds", 0),
	CALL(bind, "fd sockaddr addrlen", 0),
	CALL(listen, "fd backlog", 0),
	CALL(connect, "fd sockaddr addrlen", 0),
	CALL(accept4, "fd addr_out len_out type", 'f'),
	CALL(getsockname, "fd addr_out len_out", 0),
	CALL(getpeername, "fd addr_out len_out", 0),
	CALL(shutdown, "fd how", 0),
	CALL(sendto, "fd in write_size msg_flags sockaddr addrlen", 0),
	{ SYS_sendto, "send", "fd in write_size msg_flags =0 =0", 0 },
	CALL(recvfrom, "fd out size msg_flags addr_out len_out", 0),
	{ SYS_recvfrom, "recv", "fd out size msg_flags =0 =0", 0 },
	CALL(sendmsg, "fd msghdr msg_flags", 0),
	CALL(recvmsg, "fd msghdr_out msg_flags", 0),
	CALL(setsockopt, "fd level option option_in length", 0),
	CALL(getsockopt, "fd level option option_out option_len", 0),
	/* memory */
	CALL(mmap, "page pages prot map fd offset", 'a'),
	CALL(munmap, "page pages", 0),
	CALL(mprotect, "page pages prot", 0),
	CALL(mremap, "page pages pages remap page", 'a'),
	CALL(madvise, "page pages madvice", 0),
	CALL(msync, "page pages msync", 0),
	CALL(mlock, "page pages", 0),
	CALL(mlock2, "page pages mlock", 0),
	CALL(munlock, "page pages", 0),
	CALL(mlockall, "mlockall", 0),
	CALL(munlockall, "", 0),
	CALL(process_vm_readv, "alive iovec_out count iovec count 0", 0),
	/* signals */
	CALL(kill, "process signal", 0),
	CALL(tkill, "alive signal", 0),
	CALL(tgkill, "alive alive signal", 0),
	CALL(rt_sigprocmask, "sig_how sigset set_out sigsetsize", 0),
	CALL(rt_sigpending, "set_out 8", 0),
	CALL(rt_sigtimedwait, "sigset siginfo moment sigsetsize", 0),
	CALL(sigaltstack, "0 scratch", 0),
	/* processes */
	CALL(wait4, "pid status_out wait 0", 'p'),
	CALL(waitid, "idtype pid siginfo waitid 0", 0),
	CALL(setpgid, "pid pid", 0),
	CALL(getpgid, "pid", 'p'),
	CALL(getsid, "pid", 'x'),
	CALL(getpriority, "prio_which alive", 0),
	CALL(setpriority, "prio_which alive nice", 0),
	CALL(ioprio_get, "prio_which alive", 0),
	CALL(sched_getscheduler, "alive", 0),
	CALL(sched_setscheduler, "alive policy priority_in", 0),
	CALL(sched_getparam, "alive int_out", 0),
	CALL(sched_get_priority_max, "policy", 0),
	CALL(sched_get_priority_min, "policy", 0),
	CALL(prlimit64, "alive resource 0 rlimit_out", 0),
	CALL(setrlimit, "resource_set rlimit_in", 0),
	CALL(prctl, "prctl small 0 0 0", 0),
	CALL(personality, "person", 0),
	CALL(setuid, "id", 0),
	CALL(setgid, "id", 0),
	CALL(setreuid, "id id", 0),
	CALL(setregid, "id id", 0),
	CALL(setresuid, "id id id", 0),
	CALL(setresgid, "id id id", 0),
	CALL(getresuid, "id_out id_out id_out", 0),
	CALL(setfsuid, "id", 0),
	CALL(setfsgid, "id", 0),
	CALL(setgroups, "small scratch", 0),
	CALL(capget, "capheader caps", 0),
	CALL(capset, "capheader scratch", 0),
	CALL(membarrier, "membarrier 0 0", 0),
	CALL(getrandom, "scratch length random_flags", 0),
	/* time */
	CALL(setitimer, "which itimer timer_out", 0),
	CALL(getitimer, "which timer_out", 0),
	CALL(timer_create, "clock_fd sigevent timerid_out", 0),
	CALL(timer_settime, "timer 0 far timer_out", 0),
	CALL(timer_gettime, "timer timer_out", 0),
	CALL(timer_getoverrun, "timer", 0),
	CALL(timer_delete, "timer", 0),
	CALL(clock_gettime, "clock scratch", 0),
	CALL(clock_getres, "clock scratch", 0),
	CALL(clock_nanosleep, "clock_sleep 0 moment scratch", 0),
	/* futexes and IPC */
	CALL(futex, "word futex_op futex_val moment word val3", 0),
	{ SYS_futex, "futex_requeue", "word requeue_op futex_val val2 word val3", 0 },
	CALL(semget, "0 count ipc_flags", 's'),
	CALL(semop, "semid sembuf count", 0),
	CALL(semctl, "semid sem_num sem_cmd futex_val", 0),
	CALL(shmget, "0 pages ipc_flags", 'm'),
	CALL(shmat, "shmid page shm_flags", 'a'),
	CALL(shmdt, "page", 0),
	CALL(msgget, "0 ipc_flags", 'q'),
	CALL(msgsnd, "msgid msgbuf rw_size nowait", 0),
	CALL(msgrcv, "msgid msgbuf rw_size msg_type nowait", 0),
	CALL(mq_open, "mqname mq_flags mode mqattr", 'f'),
	CALL(mq_unlink, "mqname", 0),
	CALL(mq_timedsend, "fd in rw_size mq_prio moment", 0),
	CALL(mq_timedreceive, "fd out size int_out moment", 0),
	CALL(mq_notify, "fd sigevent", 0),
	CALL(mq_getsetattr, "fd mqattr scratch", 0),
};
const unsigned call_count = sizeof(calls) / sizeof(*calls);

static const struct kind *find_kind(const char *word, size_t n)
{
	static const struct kind *const tables[] = { in_kinds, ipc_kinds, value_kinds, out_kinds };

	for (int table = 0; table < 4; table++) {
		for (const struct kind *k = tables[table]; k->name; k++) {
			if (strlen(k->name) == n && !memcmp(k->name, word, n)) {
				return k;
			}
		}
	}
	printf("determined: no kind of argument %.*s\n", (int)n, word);
	fflush(stdout);
	_exit(2);
}

static long make_value(struct step *s, const struct kind *k)
{
	long v = 0;

	if (!k->flags) {
		v = k->values[below(s, (unsigned)k->count)];
	} else {
		for (unsigned n = below(s, 8) < 7 ? 1 + below(s, 3) : 0; n > 0; n--) {
			v |= k->values[below(s, (unsigned)k->count)];
		}
	}
	say(s, v < 0 || v > 4096 ? " %#lx" : " %ld", v);
	return v;
}

/* What follows from a call's own rules, so that no step sleeps or meets what is not the run's. */
static bool anonymous(int fd) /* an eventfd and the like */
{
	struct stat st;

	return !fstat(fd, &st) && !(st.st_mode & S_IFMT);
}

static bool queue(int fd)
{
	struct statfs f;

	return !fstatfs(fd, &f) && f.f_type == 0x19800202;
}

static void constrain(struct step *s, const struct call *c)
{
	switch (c->number) {
	case SYS_open: s->arg[1] |= O_NONBLOCK | O_NOCTTY; break;
	case SYS_openat: s->arg[2] |= O_NONBLOCK | O_NOCTTY; break;
	case SYS_pipe2:
	case SYS_eventfd2:
	case SYS_timerfd_create: s->arg[1] |= O_NONBLOCK; break;
	case SYS_inotify_init1: s->arg[0] |= O_NONBLOCK; break;
	case SYS_signalfd4: s->arg[3] |= O_NONBLOCK; break;
	case SYS_socketpair: s->arg[1] |= O_NONBLOCK; break;
	case SYS_futex: { /* a word with a small number would be owned by whoever has it for a pid */
		int op = (int)s->arg[1] & 127;

		if ((op == 7 || op == 8) && !s->bad[0] && *(uint32_t *)s->arg[0] < 100) {
			*(uint32_t *)s->arg[0] = 0;
		}
		break;
	}
	/* What these do to an eventfd and the like is a matter of the kernel's version, and so is a
	 * message queue's size. */
	case SYS_lseek:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_writev:
	case SYS_pwritev2:
	case SYS_fchmod:
	case SYS_fchown:
		if (anonymous((int)s->arg[0]) || queue((int)s->arg[0])) {
			s->arg[0] = -1;
		}
		break;
	case SYS_write:
		if (anonymous((int)s->arg[0])) {
			s->arg[2] = 8;
		}
		break;
	case SYS_fcntl:
		if (s->arg[1] == F_SETFL && anonymous((int)s->arg[0])) {
			s->arg[2] &= ~O_ASYNC;
		}
		break;
	case SYS_personality: /* Linux's is a thread's, here it is the process's */
		if (s->actor != 1) {
			s->arg[0] = 0xffffffff;
		}
		break;
	case SYS_recvfrom: { /* MSG_TRUNC throws TCP's data away: not here */
		int type = 0, family = 0;
		socklen_t n = 4, m = 4;

		getsockopt((int)s->arg[0], SOL_SOCKET, SO_TYPE, &type, &n);
		getsockopt((int)s->arg[0], SOL_SOCKET, SO_DOMAIN, &family, &m);
		if (type == SOCK_STREAM && family != AF_UNIX) {
			s->arg[3] &= ~MSG_TRUNC;
		}
		break;
	}
	case SYS_process_vm_readv: /* with nothing to fill the rest is not looked at */
		s->arg[0] = s->arg[0] == 0x3ffffff0 ? 0 : s->arg[0];
		s->arg[2] = s->arg[2] ? s->arg[2] : 1;
		break;
	case SYS_fallocate: /* whether a limit counts beyond the size is the file system's affair */
		if ((s->arg[1] & 3) == 1) {
			s->arg[2] = s->arg[3] = 4096;
		}
		break;
	/* files of several kernel file systems: which of two errors, and whether nothing is one */
	case SYS_sendfile: s->arg[3] = s->arg[3] ? s->arg[3] : 1; break;
	/* which child comes first, one's own or that of the other thread */
	case SYS_wait4:
		if (s->actor != 1 && s->arg[0] <= 0) {
			s->arg[0] = 0x3ffffff0;
		}
		break;
	case SYS_waitid:
		if (s->actor != 1 && (s->arg[0] == 0 || s->arg[0] == 2)) {
			s->arg[0] = 1;
		}
		break;
	case SYS_vmsplice: /* which sleep whatever O_NONBLOCK says */
	case SYS_tee: s->arg[3] |= 2; break;
	case SYS_splice: s->arg[5] |= 2; break;
	case SYS_mmap: { /* what cannot be mapped is found out late: older Linux has unmapped by then */
		struct stat st;

		if (!fstat((int)s->arg[4], &st) && !S_ISREG(st.st_mode)) {
			s->arg[3] |= 0x20 /* MAP_ANONYMOUS */;
		}
		break;
	}
	case SYS_mq_getsetattr: *(long *)s->area[1] |= O_NONBLOCK; break;
	case SYS_ioctl:
		if (s->arg[1] == FIONBIO) {
			*(int *)s->area[2] = 1;
		}
		break;
	case SYS_mq_open: s->arg[1] |= O_NONBLOCK; break;
	case SYS_accept4: s->arg[3] &= O_NONBLOCK | O_CLOEXEC | 0x100000; break;
	case SYS_creat: /* of a FIFO it would wait for a reader */
		if (!s->bad[0]) {
			unlink((const char *)s->arg[0]);
		}
		break;
	default: break;
	}
}

static void keep_result(struct step *s, const struct call *c, long result)
{
	unsigned at = below(s, IDS);

	if (result < 0) {
		return;
	}
	switch (c->result) {
	case 'f': keep(s, (int)result); break;
	case 's': world->sem[at] = (int)result; break;
	case 'm': world->shm[at] = (int)result; break;
	case 'q': world->msg[at] = (int)result; break;
	default: break;
	}
}

static void say_outcome(struct step *s, const struct call *c, long result)
{
	int link = c->number == SYS_readlink ? 1 : c->number == SYS_readlinkat ? 2 : -1;
	bool id = c->result == 's' || c->result == 'm' || c->result == 'q';

	if (c->number == SYS_personality && s->actor != 1) {
		result = 0;
	}
	if (result == -1) {
		say(s, " = -%s", strerror(errno));
	} else if (c->result == 'p') {
		say(s, " = ");
		say_pid(s, result);
	} else if (c->result == 'a') {
		say(s, " = @%ld", (result - (long)REGION) / 4096);
	} else if (id || c->result == 'x') {
		say(s, " = %s", id || result ? "some" : "0");
	} else if (link >= 0 && !s->bad[link] &&
		   memchr((char *)s->arg[link], '[', (size_t)result)) {
		say(s, " = some");
	} else {
		say(s, " = %ld", result);
	}
}

void run_call(struct step *s, const struct call *c)
{
	const struct kind *kinds[6] = { NULL };
	const char *p = c->args;
	long result;

	say(s, "%s", c->name);
	for (int i = 0; *p; i++) {
		size_t n = strcspn(p, " ");

		if (*p == '=') {
			s->arg[i] = atol(p + 1);
		} else {
			kinds[i] = find_kind(p, n);
			s->arg[i] = kinds[i]->make ? kinds[i]->make(s, i) : make_value(s, kinds[i]);
		}
		p += n + (p[n] == ' ');
	}
	constrain(s, c);
	result = syscall(c->number, s->arg[0], s->arg[1], s->arg[2], s->arg[3], s->arg[4],
			 s->arg[5]);
	say_outcome(s, c, result);
	for (int i = 0; i < 6; i++) {
		if (kinds[i] && kinds[i]->show && !s->bad[i] && result >= 0) {
			kinds[i]->show(s, i, result);
		}
	}
	keep_result(s, c, result);
}
