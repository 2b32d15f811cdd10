/* SPDX-License-Identifier: MIT */
/* Signals: actions, masks, queues, frames, restarts, altstacks, waiting. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

static volatile sig_atomic_t got, count;
static siginfo_t last;
static volatile int order[32], norder;

static void on_sig(int sig)
{
	got = sig;
	count++;
}
static void on_info(int sig, siginfo_t *si, void *uc)
{
	got = sig;
	count++;
	last = *si;
}
static void on_order(int sig)
{
	if (norder < 32)
		order[norder++] = sig;
}
static void set(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa = { .sa_handler = fn, .sa_flags = flags };
	sigaction(sig, &sa, NULL);
}
static void set_info(int sig, int flags)
{
	struct sigaction sa = { .sa_sigaction = on_info, .sa_flags = flags | SA_SIGINFO };
	sigaction(sig, &sa, NULL);
}
static void mask(int how, int sig)
{
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, sig);
	sigprocmask(how, &s, NULL);
}

static void actions(void)
{
	struct sigaction sa, old;

	set(SIGUSR1, on_sig, SA_RESTART);
	CHECK_EQ(sigaction(SIGUSR1, NULL, &old), 0);
	CHECK(old.sa_handler == on_sig);
	CHECK(old.sa_flags & SA_RESTART);
	got = 0;
	raise(SIGUSR1);
	CHECK_EQ(got, SIGUSR1);
	sa.sa_handler = SIG_IGN;
	sigemptyset(&sa.sa_mask);
	sa.sa_flags = 0;
	CHECK_ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	CHECK_EQ(sigaction(SIGKILL, NULL, &old), 0);
	CHECK_EQ(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(syscall(SYS_rt_sigaction, 1, NULL, NULL, 4), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(syscall(SYS_rt_sigaction, 1, 1, NULL, 8), -1);
	CHECK_EQ(errno, EFAULT);
	set(SIGUSR1, on_sig, SA_RESETHAND);
	raise(SIGUSR1);
	sigaction(SIGUSR1, NULL, &old);
	CHECK(old.sa_handler == SIG_DFL);
}

static void masks(void)
{
	sigset_t pend;

	set(SIGUSR1, on_sig, 0);
	mask(SIG_BLOCK, SIGUSR1);
	got = 0;
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(got, 0);
	sigpending(&pend);
	CHECK(sigismember(&pend, SIGUSR1));
	count = 0;
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(got, SIGUSR1);
	CHECK_EQ(count, 1);
	/* ignoring discards what is pending */
	mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	set(SIGUSR1, SIG_IGN, 0);
	sigpending(&pend);
	CHECK(!sigismember(&pend, SIGUSR1));
	set(SIGUSR1, on_sig, 0);
	got = 0;
	mask(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(got, 0);
	CHECK_EQ(syscall(SYS_rt_sigprocmask, 7, &pend, NULL, 8), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(syscall(SYS_rt_sigprocmask, 0, NULL, NULL, 16), -1);
	CHECK_EQ(errno, EINVAL);
}

static void siginfo_kinds(void)
{
	union sigval v = { .sival_int = 77 };

	set_info(SIGUSR1, 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(last.si_code, SI_USER);
	CHECK_EQ(last.si_pid, getpid());
	CHECK_EQ(last.si_uid, getuid());
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	CHECK_EQ(last.si_code, SI_TKILL);
	set_info(SIGRTMIN + 1, 0);
	sigqueue(getpid(), SIGRTMIN + 1, v);
	CHECK_EQ(last.si_code, SI_QUEUE);
	CHECK_EQ(last.si_value.sival_int, 77);
	CHECK_EQ(last.si_pid, getpid());
}

static void realtime_queue(void)
{
	union sigval v;
	sigset_t s;

	/* kept in order, low numbers first, counted */
	norder = 0;
	sigemptyset(&s);
	for (int i = 0; i < 3; i++) {
		set(SIGRTMIN + i, on_order, 0);
		sigaddset(&s, SIGRTMIN + i);
	}
	sigprocmask(SIG_BLOCK, &s, NULL);
	for (int i = 2; i >= 0; i--) {
		v.sival_int = i;
		sigqueue(getpid(), SIGRTMIN + i, v);
		sigqueue(getpid(), SIGRTMIN + i, v);
	}
	siginfo_t si;
	CHECK_EQ(sigtimedwait(&s, &si, &(struct timespec){ 0, 0 }), SIGRTMIN);
	CHECK_EQ(si.si_value.sival_int, 0);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	CHECK_EQ(norder, 5);
	/* frames stack: the last delivered runs first */
	CHECK_EQ(order[0], SIGRTMIN + 2);
	CHECK_EQ(order[4], SIGRTMIN);
}

static void queue_limit(void)
{
	struct rlimit r = { 4, 4 }, old;
	union sigval v = { 0 };
	int n = 0;

	getrlimit(RLIMIT_SIGPENDING, &old);
	setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){ r.rlim_cur, old.rlim_max });
	mask(SIG_BLOCK, SIGRTMIN + 3);
	set(SIGRTMIN + 3, on_sig, 0);
	while (n < 64 && sigqueue(getpid(), SIGRTMIN + 3, v) == 0)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(n <= 4);
	setrlimit(RLIMIT_SIGPENDING, &old);
	mask(SIG_UNBLOCK, SIGRTMIN + 3);
}

static void suspend_and_wait(void)
{
	sigset_t s, all;
	siginfo_t si;

	set(SIGUSR2, on_sig, 0);
	mask(SIG_BLOCK, SIGUSR2);
	raise(SIGUSR2);
	got = 0;
	sigemptyset(&s);
	CHECK_ERR(sigsuspend(&s), EINTR);
	CHECK_EQ(got, SIGUSR2);
	sigprocmask(SIG_BLOCK, NULL, &all);
	CHECK(sigismember(&all, SIGUSR2));
	sigaddset(&s, SIGUSR2);
	CHECK_ERR(sigtimedwait(&s, &si, &(struct timespec){ 0, 1000000 }), EAGAIN);
	raise(SIGUSR2);
	CHECK_EQ(sigwaitinfo(&s, &si), SIGUSR2);
	CHECK_EQ(si.si_signo, SIGUSR2);
	mask(SIG_UNBLOCK, SIGUSR2);
	CHECK_ERR(syscall(SYS_rt_sigtimedwait, &s, NULL, &(struct timespec){ 0, -1 }, 8), EINVAL);
}

static void handler_mask(void)
{
	struct sigaction sa = { .sa_handler = on_order };

	norder = 0;
	sigemptyset(&sa.sa_mask);
	set(SIGUSR2, on_order, 0);
	sigaction(SIGUSR1, &sa, NULL);
	raise(SIGUSR1);
	CHECK_EQ(norder, 1);
}

static sigjmp_buf jb;
static void on_fault(int sig, siginfo_t *si, void *uc)
{
	last = *si;
	got = sig;
	siglongjmp(jb, 1);
}

static void faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile int zero = 0, one = 1;

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	if (!sigsetjmp(jb, 1))
		*(volatile char *)p = 1;
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(last.si_code, SEGV_ACCERR);
	CHECK(last.si_addr == p);
	munmap(p, 4096);
	if (!sigsetjmp(jb, 1))
		*(volatile char *)p = 1;
	CHECK_EQ(last.si_code, SEGV_MAPERR);
	CHECK(last.si_addr == p);
	if (!sigsetjmp(jb, 1))
		*(volatile char *)0x8000000000000000ul = 1;
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(last.si_code, SI_KERNEL);
	if (!sigsetjmp(jb, 1))
		one = one / zero;
	CHECK_EQ(got, SIGFPE);
	CHECK_EQ(last.si_code, FPE_INTDIV);
	if (!sigsetjmp(jb, 1))
		__asm__ volatile("ud2");
	CHECK_EQ(got, SIGILL);
	CHECK_EQ(last.si_code, ILL_ILLOPN);
	if (!sigsetjmp(jb, 1))
		__asm__ volatile("int3");
	CHECK_EQ(got, SIGTRAP);
	CHECK_EQ(last.si_code, SI_KERNEL);
	if (!sigsetjmp(jb, 1))
		__asm__ volatile("hlt");
	CHECK_EQ(got, SIGSEGV);
	CHECK_EQ(last.si_code, SI_KERNEL);
}

static void segv_blocked(void)
{
	mask(SIG_BLOCK, SIGSEGV);
	set(SIGSEGV, SIG_IGN, 0);
	*(volatile int *)16 = 1;
}
static void segv_nostack(void)
{
	struct rlimit r = { 0, 0 };

	setrlimit(RLIMIT_CORE, &r);
	set(SIGSEGV, on_sig, 0);
	__asm__ volatile("movq $64, %rsp; pushq %rax");
}
static void no_core(void)
{
	struct rlimit r = { 0, 0 };
	setrlimit(RLIMIT_CORE, &r);
}
static void forced(void)
{
	no_core();
	CHECK_EQ(in_child(segv_blocked), 256 + SIGSEGV);
	CHECK_EQ(in_child(segv_nostack), 256 + SIGSEGV);
}

static char *alt;
static volatile uintptr_t handler_sp;
static void on_alt(int sig)
{
	char here;
	stack_t ss;

	handler_sp = (uintptr_t)&here;
	sigaltstack(NULL, &ss);
	count = ss.ss_flags;
	if (ss.ss_flags & SS_ONSTACK) {
		ss.ss_flags = 0;
		CHECK_ERR(sigaltstack(&ss, NULL), EPERM);
	}
}
static void altstack(void)
{
	size_t size = 65536;
	stack_t ss = { .ss_size = size }, old;

	alt = malloc(size);
	ss.ss_sp = alt;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	CHECK_EQ(sigaltstack(NULL, &old), 0);
	CHECK(old.ss_sp == alt && old.ss_size == size && old.ss_flags == 0);
	set(SIGUSR1, on_alt, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(handler_sp > (uintptr_t)alt && handler_sp < (uintptr_t)alt + size);
	CHECK_EQ(count, SS_ONSTACK);
	set(SIGUSR1, on_alt, 0);
	raise(SIGUSR1);
	CHECK(!(handler_sp > (uintptr_t)alt && handler_sp < (uintptr_t)alt + size));
	ss.ss_size = 100;
	CHECK_ERR(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_flags = 99;
	CHECK_ERR(sigaltstack(&ss, NULL), EINVAL);
	ss.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	sigaltstack(NULL, &old);
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	free(alt);
}

/* A stack overflow is survived on the alternate stack. */
static int eat(int n)
{
	volatile char a[4096];
	a[0] = (char)n;
	return n > 1000000 ? a[0] : eat(n + 1) + a[0];
}
static void on_overflow(int sig)
{
	siglongjmp(jb, 2);
}
static void overflow(void)
{
	stack_t ss = { .ss_size = 65536 };

	ss.ss_sp = malloc(65536);
	sigaltstack(&ss, NULL);
	set(SIGSEGV, on_overflow, SA_ONSTACK);
	if (!sigsetjmp(jb, 1)) {
		eat(0);
		CHECK(0);
	}
	ss.ss_flags = SS_DISABLE;
	sigaltstack(&ss, NULL);
	free(ss.ss_sp);
}

static void on_fpu(int sig)
{
	/* everything is clobbered in here */
	__asm__ volatile(
		"pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; fninit" ::
			: "xmm0", "xmm7", "xmm15");
	uint32_t mx = 0x1fc0;
	__asm__ volatile("ldmxcsr %0" ::"m"(mx));
}
static void fpu_state(void)
{
	uint64_t in[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, out[2] = { 0 };
	uint32_t mx = 0x1f80, mx2;
	pid_t self = getpid();
	long r;

	set(SIGUSR1, on_fpu, 0);
	__asm__ volatile("movdqu %2, %%xmm7; movdqu %2, %%xmm15; syscall; movdqu %%xmm7, %1"
			 : "=a"(r), "=m"(out)
			 : "m"(in), "a"(SYS_kill), "D"(self), "S"(SIGUSR1)
			 : "rcx", "r11", "memory", "xmm7", "xmm15");
	CHECK(in[0] == out[0] && in[1] == out[1]);
	__asm__ volatile("stmxcsr %0" : "=m"(mx2));
	CHECK_EQ(mx, mx2);
}

static void on_context(int sig, siginfo_t *si, void *p)
{
	ucontext_t *uc = p;
	unsigned char *ip = (unsigned char *)uc->uc_mcontext.gregs[REG_RIP];
	unsigned *sw = (unsigned *)((char *)uc->uc_mcontext.fpregs + 464);

	/* skip the ud2 */
	CHECK_EQ(ip[0], 0x0f);
	CHECK_EQ(ip[1], 0x0b);
	CHECK_EQ(uc->uc_mcontext.gregs[REG_TRAPNO], 6);
	if (uc->uc_flags & 1)
		CHECK_EQ(sw[0], 0x46505853);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RBX] = 1234;
}
static void context(void)
{
	struct sigaction sa = { .sa_sigaction = on_context, .sa_flags = SA_SIGINFO };
	long rbx = 1, flags;

	sigaction(SIGILL, &sa, NULL);
	__asm__ volatile("std; ud2; pushfq; popq %1; cld" : "+b"(rbx), "=r"(flags)::"memory");
	CHECK_EQ(rbx, 1234);
	CHECK(flags & 0x400);
}

static void *send_later(void *arg)
{
	usleep(30000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	usleep(30000);
	return NULL;
}
static pthread_t sender_start(pthread_t *self)
{
	pthread_t t;

	*self = pthread_self();
	pthread_create(&t, NULL, send_later, self);
	return t;
}
static void *write_later(void *arg)
{
	usleep(90000);
	if (write(*(int *)arg, "x", 1) != 1)
		return NULL;
	return NULL;
}

static void restarts(void)
{
	int p[2];
	char c;
	pthread_t self, t, w;
	struct timespec rem, t0, t1;
	struct pollfd pf;

	if (pipe(p))
		return;
	set(SIGUSR1, on_sig, 0);
	t = sender_start(&self);
	CHECK_ERR(read(p[0], &c, 1), EINTR);
	pthread_join(t, NULL);
	set(SIGUSR1, on_sig, SA_RESTART);
	count = 0;
	pthread_create(&w, NULL, write_later, &p[1]);
	t = sender_start(&self);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(count, 1);
	pthread_join(t, NULL);
	pthread_join(w, NULL);
	/* nanosleep is never restarted and says what is left */
	t = sender_start(&self);
	CHECK_ERR(nanosleep(&(struct timespec){ 2, 0 }, &rem), EINTR);
	CHECK(rem.tv_sec == 1);
	pthread_join(t, NULL);
	/* nor is poll */
	pf.fd = p[0];
	pf.events = POLLIN;
	t = sender_start(&self);
	CHECK_ERR(poll(&pf, 1, 2000), EINTR);
	pthread_join(t, NULL);
	t = sender_start(&self);
	CHECK_ERR(pause(), EINTR);
	pthread_join(t, NULL);
	/* an ignored or default-ignored signal interrupts nothing */
	set(SIGUSR1, SIG_IGN, 0);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	t = sender_start(&self);
	CHECK_EQ(nanosleep(&(struct timespec){ 0, 100000000 }, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	CHECK((t1.tv_sec - t0.tv_sec) * 1000000000L + t1.tv_nsec - t0.tv_nsec >= 100000000L);
	pthread_join(t, NULL);
	close(p[0]);
	close(p[1]);
}

/* A stop and continue restarts nanosleep (restart_syscall), without a handler. */
static void sleeper(void)
{
	struct timespec t0, t1, ts = { 0, 200000000 };

	clock_gettime(CLOCK_MONOTONIC, &t0);
	CHECK_EQ(nanosleep(&ts, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	long ms = (t1.tv_sec - t0.tv_sec) * 1000 + (t1.tv_nsec - t0.tv_nsec) / 1000000;
	CHECK(ms >= 199 && ms < 600);
}
static void stop_restart(void)
{
	pid_t pid;
	int st;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		sleeper();
		_exit(test_failed_here);
	}
	usleep(50000);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &st, WCONTINUED), pid);
	CHECK(WIFCONTINUED(st));
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK(WIFEXITED(st));
	CHECK_EQ(WEXITSTATUS(st), 0);
}

static void sigchld(void)
{
	struct sigaction sa = { .sa_sigaction = on_info, .sa_flags = SA_SIGINFO | SA_RESTART };
	sigset_t s, old;
	pid_t pid;
	int st;

	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigprocmask(SIG_BLOCK, &s, &old);
	sigaction(SIGCHLD, &sa, NULL);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(5);
	sigsuspend(&old);
	CHECK_EQ(got, SIGCHLD);
	CHECK_EQ(last.si_code, CLD_EXITED);
	CHECK_EQ(last.si_status, 5);
	CHECK_EQ(last.si_pid, pid);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	pid = fork();
	if (!pid) {
		pause();
		_exit(1);
	}
	kill(pid, SIGTERM);
	sigsuspend(&old);
	CHECK_EQ(last.si_code, CLD_KILLED);
	CHECK_EQ(last.si_status, SIGTERM);
	waitpid(pid, &st, 0);
	CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		_exit(0);
	}
	sigsuspend(&old);
	CHECK_EQ(last.si_code, CLD_STOPPED);
	CHECK_EQ(last.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	sigsuspend(&old);
	CHECK(last.si_code == CLD_CONTINUED || last.si_code == CLD_EXITED);
	waitpid(pid, &st, 0);
	/* nobody waits: no zombie */
	set(SIGCHLD, SIG_IGN, 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	pid = fork();
	if (!pid)
		_exit(0);
	CHECK_ERR(waitpid(pid, &st, 0), ECHILD);
	set(SIGCHLD, SIG_DFL, 0);
}

static void sigpipe(void)
{
	int p[2];

	if (pipe(p))
		return;
	close(p[0]);
	set(SIGPIPE, on_sig, 0);
	got = 0;
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(got, SIGPIPE);
	set(SIGPIPE, SIG_IGN, 0);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
	close(p[1]);
	set(SIGPIPE, SIG_DFL, 0);
}

static void signalfds(void)
{
	struct signalfd_siginfo si;
	struct pollfd pf;
	sigset_t s;
	int fd;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	sigprocmask(SIG_BLOCK, &s, NULL);
	fd = signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_ERR(read(fd, &si, sizeof(si)), EAGAIN);
	pf.fd = fd;
	pf.events = POLLIN;
	CHECK_EQ(poll(&pf, 1, 0), 0);
	kill(getpid(), SIGUSR2);
	CHECK_EQ(poll(&pf, 1, 1000), 1);
	CHECK_EQ(read(fd, &si, sizeof(si)), sizeof(si));
	CHECK_EQ(si.ssi_signo, SIGUSR2);
	CHECK_EQ(si.ssi_pid, getpid());
	CHECK_ERR(read(fd, &si, 10), EINVAL);
	CHECK_ERR(signalfd(0, &s, 0), EINVAL);
	CHECK_ERR(signalfd(999, &s, 0), EBADF);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static void bad_sends(void)
{
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(kill(999999, 0), ESRCH);
	CHECK_EQ(kill(getpid(), 0), 0);
	CHECK_ERR(syscall(SYS_tkill, 0, SIGUSR1), EINVAL);
	CHECK_ERR(syscall(SYS_tkill, 999999, SIGUSR1), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), -1, SIGUSR1), EINVAL);
	CHECK_ERR(syscall(SYS_tgkill, 999999, syscall(SYS_gettid), 0), ESRCH);
	CHECK_ERR(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8), EFAULT);
}

static void temporary_mask(void)
{
	sigset_t empty, cur;
	struct timespec ts = { 2, 0 };

	sigemptyset(&empty);
	set(SIGUSR1, on_sig, 0);
	mask(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	got = 0;
	CHECK_ERR(ppoll(NULL, 0, &ts, &empty), EINTR);
	CHECK_EQ(got, SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &cur);
	CHECK(sigismember(&cur, SIGUSR1));
	raise(SIGUSR1);
	got = 0;
	CHECK_ERR(pselect(0, NULL, NULL, NULL, &ts, &empty), EINTR);
	CHECK_EQ(got, SIGUSR1);
	ts.tv_sec = 0;
	CHECK_EQ(ppoll(NULL, 0, &ts, &empty), 0);
	sigprocmask(SIG_BLOCK, NULL, &cur);
	CHECK(sigismember(&cur, SIGUSR1));
	mask(SIG_UNBLOCK, SIGUSR1);
}

static _Atomic int stop_flood;
static _Atomic long received;
static void on_flood(int sig)
{
	received++;
}
static void *flood_target(void *arg)
{
	double x = 1.0;
	while (!stop_flood) {
		x = x * 1.0000001;
		if (x < 1.0)
			return (void *)1;
	}
	return NULL;
}
static void flood(void)
{
	pthread_t t;
	void *r;

	stop_flood = 0;
	set(SIGUSR1, on_flood, 0);
	pthread_create(&t, NULL, flood_target, NULL);
	for (int i = 0; i < 5000; i++)
		pthread_kill(t, SIGUSR1);
	usleep(10000);
	CHECK(received > 0);
	stop_flood = 1;
	pthread_join(t, &r);
	CHECK(!r);
}

int main(void)
{
	RUN(actions);
	RUN(masks);
	RUN(siginfo_kinds);
	RUN(realtime_queue);
	RUN(queue_limit);
	RUN(suspend_and_wait);
	RUN(handler_mask);
	RUN(faults);
	RUN(forced);
	RUN(altstack);
	RUN(overflow);
	RUN(fpu_state);
	RUN(context);
	RUN(restarts);
	RUN(stop_restart);
	RUN(sigchld);
	RUN(sigpipe);
	RUN(signalfds);
	RUN(bad_sends);
	RUN(temporary_mask);
	RUN(flood);
	return test_done();
}
