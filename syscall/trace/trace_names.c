/* SPDX-License-Identifier: MIT */
/*
 * Names of numbers, for --strace.  Pure.  The values come from include/linux only; a name that is
 * missing here is shown as its number.
 */
#include "trace_internal.h"

#include <lib/format.h>
#include <lib/string.h>
#include <linux/epoll.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/ioctls.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/socket.h>
#include <linux/termios.h>
#include <linux/time.h>
#include <syscall/trace/trace.h>

struct name {
	uint64_t value;
	const char *text;
};
#define N(x)          \
	{             \
		x, #x \
	}

void trace_print(struct trace_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vsnprintf(t->buf + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	if (n > 0) {
		t->len = MIN(t->len + (size_t)n, t->cap - 1);
	}
}

void trace_quote(struct trace_text *t, const char *bytes, size_t n, bool more)
{
	trace_print(t, "\"");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c == '\n') {
			trace_print(t, "\\n");
		} else if (c == '\t') {
			trace_print(t, "\\t");
		} else if (c == '\r') {
			trace_print(t, "\\r");
		} else if (c == '"' || c == '\\') {
			trace_print(t, "\\%c", c);
		} else if (c < ' ' || c > '~') {
			trace_print(t, "\\x%02x", c);
		} else {
			trace_print(t, "%c", c);
		}
	}
	trace_print(t, more ? "\"..." : "\"");
}

static const char *find(const struct name *names, uint64_t value)
{
	for (; names->text; names++) {
		if (names->value == value) {
			return names->text;
		}
	}
	return NULL;
}

static void show_one(struct trace_text *t, const struct name *names, uint64_t value)
{
	const char *text = find(names, value);

	if (text) {
		trace_print(t, "%s", text);
	} else {
		trace_print(t, "%#lx", (unsigned long)value);
	}
}

/* Bits by name, the rest as a number; `zero` when there is none. */
static void show_bits(struct trace_text *t, const struct name *names, uint64_t value,
		      const char *zero)
{
	const char *bar = "";

	if (value == 0) {
		trace_print(t, "%s", zero);
		return;
	}
	for (; names->text; names++) {
		if (names->value && (value & names->value) == names->value) {
			trace_print(t, "%s%s", bar, names->text);
			value &= ~names->value;
			bar = "|";
		}
	}
	if (value) {
		trace_print(t, "%s%#lx", bar, (unsigned long)value);
	}
}

/* clang-format off */
static const struct name open_flags[] = {
    N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK), N(O_SYNC),
    N(O_DSYNC), N(O_ASYNC), N(O_DIRECT), N(O_LARGEFILE), N(O_TMPFILE), N(O_DIRECTORY),
    N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH), {0, NULL}};
static const struct name at_flags[] = {
    N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR), N(AT_SYMLINK_FOLLOW), N(AT_NO_AUTOMOUNT),
    N(AT_EMPTY_PATH), {0, NULL}};
static const struct name access_modes[] = {N(R_OK), N(W_OK), N(X_OK), {0, NULL}};
static const struct name prots[] = {N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC),
				    N(PROT_GROWSDOWN), {0, NULL}};
static const struct name map_flags[] = {
    N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_FIXED), N(MAP_ANONYMOUS), N(MAP_32BIT),
    N(MAP_GROWSDOWN), N(MAP_DENYWRITE), N(MAP_EXECUTABLE), N(MAP_LOCKED), N(MAP_NORESERVE),
    N(MAP_POPULATE), N(MAP_NONBLOCK), N(MAP_STACK), N(MAP_HUGETLB), N(MAP_FIXED_NOREPLACE),
    {0, NULL}};
static const struct name clone_flags[] = {
    N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD), N(CLONE_VFORK),
    N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_SYSVSEM), N(CLONE_SETTLS),
    N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID), N(CLONE_DETACHED),
    N(CLONE_CHILD_SETTID), N(SIGCHLD), {0, NULL}};
static const struct name wait_flags[] = {
    N(WNOHANG), {WSTOPPED, "WUNTRACED"}, N(WEXITED), N(WCONTINUED), N(WNOWAIT),
    {WNOTHREAD, "__WNOTHREAD"}, {WALL, "__WALL"}, {WCLONE, "__WCLONE"}, {0, NULL}};
static const struct name whences[] = {N(SEEK_SET), N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA),
				      N(SEEK_HOLE), {0, NULL}};
static const struct name sig_hows[] = {
    N(SIG_BLOCK), N(SIG_UNBLOCK), N(SIG_SETMASK), {0, NULL}};
static const struct name clocks[] = {
    N(CLOCK_REALTIME), N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID),
    N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW), N(CLOCK_REALTIME_COARSE),
    N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME), N(CLOCK_REALTIME_ALARM),
    N(CLOCK_BOOTTIME_ALARM), N(CLOCK_TAI), {0, NULL}};
static const struct name futex_ops[] = {
    N(FUTEX_WAIT), N(FUTEX_WAKE), N(FUTEX_REQUEUE), N(FUTEX_CMP_REQUEUE), N(FUTEX_WAKE_OP),
    N(FUTEX_LOCK_PI), N(FUTEX_UNLOCK_PI), N(FUTEX_TRYLOCK_PI), N(FUTEX_WAIT_BITSET),
    N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_REQUEUE_PI), N(FUTEX_CMP_REQUEUE_PI), N(FUTEX_LOCK_PI2),
    {0, NULL}};
static const struct name advices[] = {
    N(MADV_NORMAL), N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED),
    N(MADV_FREE), N(MADV_REMOVE), N(MADV_DONTFORK), N(MADV_DOFORK), N(MADV_MERGEABLE),
    N(MADV_UNMERGEABLE), N(MADV_HUGEPAGE), N(MADV_NOHUGEPAGE), N(MADV_DONTDUMP),
    N(MADV_DODUMP), N(MADV_WIPEONFORK), N(MADV_KEEPONFORK), N(MADV_COLD), N(MADV_PAGEOUT),
    N(MADV_POPULATE_READ), N(MADV_POPULATE_WRITE), {0, NULL}};
static const struct name resources[] = {
    N(RLIMIT_CPU), N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE),
    N(RLIMIT_RSS), N(RLIMIT_NPROC), N(RLIMIT_NOFILE), N(RLIMIT_MEMLOCK), N(RLIMIT_AS),
    N(RLIMIT_LOCKS), N(RLIMIT_SIGPENDING), N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE),
    N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME), {0, NULL}};
static const struct name fcntls[] = {
    N(F_DUPFD), N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK),
    N(F_SETLKW), N(F_SETOWN), N(F_GETOWN), N(F_SETSIG), N(F_GETSIG), N(F_SETOWN_EX),
    N(F_GETOWN_EX), N(F_OFD_GETLK), N(F_OFD_SETLK), N(F_OFD_SETLKW), N(F_SETLEASE),
    N(F_GETLEASE), N(F_NOTIFY), N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ),
    N(F_ADD_SEALS), N(F_GET_SEALS), {0, NULL}};
static const struct name ioctls[] = {
    N(TCGETS), N(TCSETS), N(TCSETSW), N(TCSETSF), N(TCSBRK), N(TCXONC), N(TCFLSH),
    N(TIOCSCTTY), N(TIOCGPGRP), N(TIOCSPGRP), N(TIOCGWINSZ), N(TIOCSWINSZ), N(FIONREAD),
    N(FIONBIO), N(TIOCNOTTY), N(TIOCGSID), N(FIONCLEX), N(FIOCLEX), N(FIOASYNC), N(TIOCGPTN),
    N(TIOCSPTLCK), {0, NULL}};
static const struct name epoll_ops[] = {
    N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD), {0, NULL}};
static const struct name domains[] = {
    N(AF_UNIX), N(AF_INET), N(AF_INET6), N(AF_NETLINK), N(AF_PACKET), N(AF_VSOCK), {0, NULL}};
static const struct name arch_ops[] = {
    N(ARCH_SET_GS), N(ARCH_SET_FS), N(ARCH_GET_FS), N(ARCH_GET_GS), N(ARCH_GET_CPUID),
    N(ARCH_SET_CPUID), N(ARCH_CET_STATUS), {0, NULL}};
static const struct name signals[] = {
    N(SIGHUP), N(SIGINT), N(SIGQUIT), N(SIGILL), N(SIGTRAP), N(SIGABRT), N(SIGBUS), N(SIGFPE),
    N(SIGKILL), N(SIGUSR1), N(SIGSEGV), N(SIGUSR2), N(SIGPIPE), N(SIGALRM), N(SIGTERM),
    N(SIGSTKFLT), N(SIGCHLD), N(SIGCONT), N(SIGSTOP), N(SIGTSTP), N(SIGTTIN), N(SIGTTOU),
    N(SIGURG), N(SIGXCPU), N(SIGXFSZ), N(SIGVTALRM), N(SIGPROF), N(SIGWINCH), N(SIGIO),
    N(SIGPWR), N(SIGSYS), {0, NULL}};
/* clang-format on */

static void show_open_flags(struct trace_text *t, uint64_t value)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };

	trace_print(t, "%s", modes[value & O_ACCMODE]);
	value &= ~(uint64_t)O_ACCMODE;
	if (value) {
		trace_print(t, "|");
		show_bits(t, open_flags, value, "");
	}
}

static void show_futex_op(struct trace_text *t, uint64_t value)
{
	show_one(t, futex_ops, value & (uint32_t)FUTEX_CMD_MASK);
	if (value & FUTEX_PRIVATE_FLAG) {
		trace_print(t, "_PRIVATE");
	}
	if (value & FUTEX_CLOCK_REALTIME) {
		trace_print(t, "|FUTEX_CLOCK_REALTIME");
	}
}

static void show_signal(struct trace_text *t, uint64_t value)
{
	const char *name = find(signals, value);

	if (name) {
		trace_print(t, "%s", name);
	} else if (value > SIGSYS && value <= NSIG) {
		trace_print(t, "SIGRT_%d", (int)value - SIGSYS - 1);
	} else {
		trace_print(t, "%d", (int)value);
	}
}

bool trace_show_symbol(struct trace_text *t, enum trace_show s, uint64_t value)
{
	uint64_t low = (uint32_t)value; /* what a 32-bit argument holds */

	switch (s) {
	case SHOW_OFLAGS: show_open_flags(t, low); return true;
	case SHOW_ATFLAGS: show_bits(t, at_flags, low, "0"); return true;
	case SHOW_AMODE: show_bits(t, access_modes, low, "F_OK"); return true;
	case SHOW_PROT: show_bits(t, prots, value, "PROT_NONE"); return true;
	case SHOW_MAPFLAGS: show_bits(t, map_flags, value, "0"); return true;
	case SHOW_CLONE: show_bits(t, clone_flags, value, "0"); return true;
	case SHOW_WAITFLAGS: show_bits(t, wait_flags, low, "0"); return true;
	case SHOW_WHENCE: show_one(t, whences, low); return true;
	case SHOW_SIGNO: show_signal(t, low); return true;
	case SHOW_SIGHOW: show_one(t, sig_hows, low); return true;
	case SHOW_CLOCK: show_one(t, clocks, low); return true;
	case SHOW_FUTEXOP: show_futex_op(t, low); return true;
	case SHOW_ADVICE: show_one(t, advices, low); return true;
	case SHOW_RESOURCE: show_one(t, resources, low); return true;
	case SHOW_FCNTL: show_one(t, fcntls, low); return true;
	case SHOW_IOCTL: show_one(t, ioctls, low); return true;
	case SHOW_EPOLLOP: show_one(t, epoll_ops, low); return true;
	case SHOW_DOMAIN: show_one(t, domains, low); return true;
	case SHOW_ARCHOP: show_one(t, arch_ops, low); return true;
	default: return false;
	}
}

const char *trace_errno_name(int error)
{
#define E(x) [x] = #x
	/* clang-format off */
	static const char *const names[] = {
	    E(EPERM), E(ENOENT), E(ESRCH), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(ENOEXEC),
	    E(EBADF), E(ECHILD), E(EAGAIN), E(ENOMEM), E(EACCES), E(EFAULT), E(EBUSY),
	    E(EEXIST), E(EXDEV), E(ENODEV), E(ENOTDIR), E(EISDIR), E(EINVAL), E(ENFILE),
	    E(EMFILE), E(ENOTTY), E(ETXTBSY), E(EFBIG), E(ENOSPC), E(ESPIPE), E(EROFS),
	    E(EMLINK), E(EPIPE), E(EDOM), E(ERANGE), E(EDEADLK), E(ENAMETOOLONG), E(ENOLCK),
	    E(ENOSYS), E(ENOTEMPTY), E(ELOOP), E(ENOMSG), E(EIDRM), E(ENODATA), E(ETIME),
	    E(EPROTO), E(EBADMSG), E(EOVERFLOW), E(ELIBBAD), E(EILSEQ), E(EUSERS),
	    E(ENOTSOCK), E(EDESTADDRREQ), E(EMSGSIZE), E(EPROTOTYPE), E(ENOPROTOOPT),
	    E(EPROTONOSUPPORT), E(ESOCKTNOSUPPORT), E(EOPNOTSUPP), E(EAFNOSUPPORT),
	    E(EADDRINUSE), E(EADDRNOTAVAIL), E(ENETDOWN), E(ENETUNREACH), E(ECONNABORTED),
	    E(ECONNRESET), E(ENOBUFS), E(EISCONN), E(ENOTCONN), E(ETIMEDOUT), E(ECONNREFUSED),
	    E(EHOSTUNREACH), E(EALREADY), E(EINPROGRESS), E(ESTALE), E(EDQUOT), E(ECANCELED),
	    E(EOWNERDEAD), E(ENOTRECOVERABLE), E(ERESTARTSYS), E(ERESTARTNOINTR),
	    E(ERESTARTNOHAND), E(ERESTART_RESTARTBLOCK)};
	/* clang-format on */
#undef E

	return error > 0 && error < (int)ARRAY_SIZE(names) ? names[error] : NULL;
}
