/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "blame.h"
#include "ctl.h"
#include "ending.h"
#include "options.h"
#include "outbox.h"
#include "outfile.h"
#include "report.h"
#include "streams.h"
#include "terminal.h"
#include "timeline.h"
#include "vm.h"

/* A second SIGINT or SIGTERM within this time, with no sign of life from the
 * guest in between, kills the VM. */
#define IMPATIENCE_NS (3 * NSEC_PER_SEC)
/* But timeout(1) sends its signal twice, to us and to our group: that is one. */
#define REPEAT_NS NSEC_PER_SEC
/* The control channel is closed: how long QEMU may be on its way out on a busy host. */
#define CLOSED_MS 1000
/* After --timeout: for the kernel to tell what it is doing, and then for output that is already here
 * to be taken. */
#define STATE_NS (3 * NSEC_PER_SEC / 2)
#define DRAIN_NS (NSEC_PER_SEC / 2)
/* Whatever comes in, there are the other things to look at: the longest stay with one of them. */
#define AT_ONCE (256u << 10)
/* More than the socket of the control channel holds. */
#define LAST_READS 64
/* A program that has not started under KVM by then most likely never will. */
#define KVM_PATIENCE_NS (8 * NSEC_PER_SEC)

struct run {
	const struct run_options *o;
	struct vm vm;
	struct ctl ctl;
	struct streams streams;
	struct timeline time;
	int signals; /* signalfd */
	bool started;
	bool given_up; /* nobody takes what is still to be said */
	bool ended;    /* status is valid; only output is still to be delivered */
	int status;
	unsigned streams_done;
	uint64_t deadline;     /* timeline_now() scale, 0 = none */
	bool asked;	       /* --timeout has passed; the kernel was asked for its state */
	bool drain_only;       /* the deadline is the last one */
	uint64_t kvm_deadline; /* for CTL_STARTED, 0 = none */
	uint64_t passed;       /* signals that were passed on */
	bool warned;	       /* the kernel has told the user something */
	uint64_t last_signal;  /* when we passed on SIGINT or SIGTERM, 0 = never */
	uint32_t last_sender;  /* of a signal: its pid, 0 = the terminal */
	uint64_t life_at_signal;
	uint64_t messages; /* from the guest: a sign of life */
	char serial_tail[16384];
	size_t serial_len;
	struct ctl_exit exit;
};

/* Decides the status and kills the helpers, before anything is said about it: writing
 * to stderr may block.  False when the end had been decided before. */
static bool end(struct run *r, int status)
{
	if (r->ended) {
		return false;
	}
	r->ended = true;
	r->status = status;
	if (!r->vm.qemu.ended) {
		(void)kill(r->vm.qemu.pid, SIGKILL);
	}
	if (!r->vm.fsd.ended) {
		(void)kill(r->vm.fsd.pid, SIGKILL);
	}
	streams_drain(&r->streams);
	return true;
}

/* The program's time is over; text is what the kernel was doing, if it has told. */
static void end_by_timeout(struct run *r, const char *text, size_t len)
{
	if (!end(r, LAUNCH_STATUS_TIMEOUT)) {
		return;
	}
	r->drain_only = true;
	r->deadline = timeline_now() + DRAIN_NS;
	report("timeout after %g s%s; the VM has been killed", r->o->timeout,
	       r->started ? "" : ", before the program had started");
	if (text) {
		report_text("kernel: ", text, len);
	} else if (!r->started) {
		report_text("kernel: ", r->serial_tail, r->serial_len);
	}
}

/* --- messages of the guest --------------------------------------------- */

static void on_started(void *cookie, const struct ctl_started *m)
{
	struct run *r = cookie;

	r->started = true;
	r->time.boot_ns = m->boot_ns;
	timeline_mark(&r->time, TIME_STARTED);
}

static void on_exit_message(void *cookie, const struct ctl_exit *m)
{
	struct run *r = cookie;

	timeline_mark(&r->time, TIME_EXITED);
	r->exit = *m;
	if (end(r, m->by_signal ? 128 + (int)m->value : (int)m->value) && m->by_signal) {
		ending_by_signal(r->o, (int)m->value, r->passed >> (m->value - 1) & 1, r->warned);
	}
}

static void on_noexec(void *cookie, const struct ctl_noexec *m, const char *text, size_t len)
{
	struct run *r = cookie;

	if (!end(r, (int)m->status)) {
		return;
	}
	if (len > 0) {
		report_text("corrida: ", text, len);
	} else {
		report("%s: %s", r->o->prog, strerror((int)(m->error & 0xfff)));
	}
	ending_hidden(r->o, r->o->workdir);
	ending_hidden(r->o, r->o->prog);
}

static void on_text(void *cookie, enum ctl_type type, const char *text, size_t len)
{
	struct run *r = cookie;

	switch (type) {
	case CTL_PANIC:
		if (r->asked) {
			end_by_timeout(r, text, len);
		} else if (end(r, LAUNCH_STATUS_FAULT)) {
			report("kernel panic; the VM has been stopped");
			for (; len > 0 && *text == '\n'; len--) {
				text++;
			}
			report_text("kernel: ", text, len);
		}
		break;
	case CTL_LOG:
		if (r->o->kernel_log) {
			outbox_put_log(text, len);
		} else {
			report_text("kernel: ", text, len);
		}
		break;
	case CTL_WARN:
		r->warned = true;
		report_text("corrida: ", text, len);
		break;
	default: report_text("", text, len);
	}
}

/* False when the channel is closed. */
static bool read_ctl(struct run *r)
{
	const struct ctl_handler handler = {
		.cookie = r,
		.started = on_started,
		.exited = on_exit_message,
		.noexec = on_noexec,
		.text = on_text,
	};
	const char *why = NULL;
	int err = ctl_receive(&r->ctl, &handler, &why);

	r->messages++;
	if (err == -EPROTO && end(r, LAUNCH_STATUS_FAULT)) {
		report("the guest sent %s; the VM has been stopped", why);
	}
	return err > 0;
}

/* --- deaths ------------------------------------------------------------ */

static void read_serial(struct run *r)
{
	char buf[4096];
	ssize_t n;

	for (size_t got = 0; got < AT_ONCE; got += (size_t)n) {
		n = recv(r->vm.serial, buf, sizeof(buf), MSG_DONTWAIT);
		if (n <= 0) {
			return;
		}
		size_t len = (size_t)n, room = sizeof(r->serial_tail) - r->serial_len;

		if (len > room) {
			r->serial_len -= len - room;
			memmove(r->serial_tail, r->serial_tail + (len - room), r->serial_len);
		}
		memcpy(r->serial_tail + r->serial_len, buf, len);
		r->serial_len += len;
	}
}

/* A helper is dead, or the guest's end of the control channel is closed, which
 * comes to the same.  What the guest had said before counts first. */
static void on_death(struct run *r)
{
	for (int i = 0; i < LAST_READS && read_ctl(r); i++) {
		struct pollfd more = { .fd = r->ctl.fd, .events = POLLIN };

		if (r->ended || poll(&more, 1, 0) <= 0) {
			break;
		}
	}
	if (r->ended) {
		return;
	}
	if (!helper_reap(&r->vm.qemu) && !helper_reap(&r->vm.fsd)) {
		/* QEMU is about to die */
		struct pollfd qemu = { .fd = r->vm.qemu.pidfd, .events = POLLIN };

		(void)poll(&qemu, 1, CLOSED_MS);
	}
	if (r->asked) {
		read_serial(r);
		end_by_timeout(r, NULL, 0);
	} else if (blame_find(&r->vm)) {
		read_serial(r);
		(void)end(r, LAUNCH_STATUS_FAULT);
		blame_report(&r->vm, r->serial_tail, r->serial_len);
	} else if (end(r, LAUNCH_STATUS_FAULT)) {
		report("QEMU has closed the control channel; the VM has been stopped");
	}
}

/* --- signals ----------------------------------------------------------- */

static uint64_t signs_of_life(struct run *r)
{
	return r->messages + atomic_load(&r->streams.out_bytes);
}

static void stop_ourselves(struct run *r)
{
	(void)kill(r->vm.qemu.pid, SIGSTOP);
	(void)raise(SIGSTOP);
	(void)kill(r->vm.qemu.pid, SIGCONT);
}

static void pass_signal(struct run *r, uint32_t signo, uint32_t sender)
{
	uint64_t now = timeline_now();
	bool again = sender && sender == r->last_sender && now - r->last_signal < REPEAT_NS;
	bool ends = signo == SIGINT || signo == SIGTERM;
	/* Its output may overtake CTL_STARTED, which has another way to come. */
	bool started = r->started || atomic_load(&r->streams.out_bytes) > 0;

	if (r->ended || (!started && signo != SIGUSR1 && signo != SIGUSR2)) {
		/* Nothing to ask any more, or nobody yet. */
		if (end(r, 128 + (int)signo)) {
			report("ended by %s before the program had started", strsignal((int)signo));
		}
		r->given_up = true;
		return;
	}
	r->last_sender = sender;
	if (ends && r->last_signal && !again && now - r->last_signal < IMPATIENCE_NS &&
	    r->life_at_signal == signs_of_life(r)) {
		(void)end(r, 128 + (int)signo);
		report("no reaction to the first signal; the VM has been killed");
		r->drain_only = true;
		r->deadline = now + DRAIN_NS;
		return;
	}
	if (ends) {
		r->last_signal = now;
		r->life_at_signal = signs_of_life(r);
	}
	r->passed |= 1ull << (signo - 1);
	ctl_send(&r->ctl, CTL_SIGNAL, &signo, sizeof(signo));
}

static void on_signal(struct run *r)
{
	struct signalfd_siginfo info;

	while (read(r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH) {
			uint16_t size[2];

			terminal_size(&size[0], &size[1]);
			ctl_send(&r->ctl, CTL_WINSIZE, size, sizeof(size));
		} else if (info.ssi_signo == SIGTSTP) {
			stop_ourselves(r);
		} else {
			pass_signal(r, info.ssi_signo, info.ssi_code == SI_USER ? info.ssi_pid : 0);
		}
	}
}

/* Signals that were ignored when we started (nohup, a job in the background of
 * a script) stay ignored. */
static void open_signals(struct run *r)
{
	static const int passed[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP };
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		if (sigaction(passed[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
			sigaddset(&set, passed[i]);
		}
	}
	if (r->o->tty) {
		sigaddset(&set, SIGWINCH);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->signals < 0) {
		fail("signalfd: %s", strerror(errno));
	}
}

/* --- the loop ---------------------------------------------------------- */

static void on_stream_events(struct run *r)
{
	unsigned events = streams_take_events(&r->streams);

	if (events & STREAM_STDIN_EOF) {
		uint64_t total = atomic_load(&r->streams.stdin_bytes);

		ctl_send(&r->ctl, CTL_STDIN_EOF, &total, sizeof(total));
	}
	for (uint32_t fd = 1; fd <= 2; fd++) {
		if (events & (fd == 1 ? STREAM_STDOUT_CLOSED : STREAM_STDERR_CLOSED)) {
			ctl_send(&r->ctl, CTL_OUT_CLOSED, &fd, sizeof(fd));
		}
	}
	r->streams_done |= events & (STREAM_STDOUT_DONE | STREAM_STDERR_DONE);
}

/* Milliseconds until the next deadline, -1 = none. */
static int poll_timeout(const struct run *r)
{
	uint64_t now, next = r->deadline;

	if (r->kvm_deadline && (next == 0 || r->kvm_deadline < next)) {
		next = r->kvm_deadline;
	}
	if (next == 0) {
		return -1;
	}
	now = timeline_now();
	if (now >= next) {
		return 0;
	}
	now = (next - now + 999999) / 1000000;
	return now > 1000000 ? 1000000 : (int)now;
}

static void check_kvm(struct run *r)
{
	if (r->kvm_deadline == 0 || (!r->started && timeline_now() < r->kvm_deadline)) {
		return;
	}
	if (!r->started && !r->ended) {
		report("the program has not started after %llu s: /dev/kvm of this machine may not "
		       "really run; --accel tcg does everywhere",
		       KVM_PATIENCE_NS / NSEC_PER_SEC);
	}
	r->kvm_deadline = 0;
}

/* The program's time is over, or, when it has ended already, that of whoever reads what it
 * had written. */
static void check_deadline(struct run *r)
{
	if (r->deadline == 0 || timeline_now() < r->deadline) {
		return;
	}
	if (r->drain_only) {
		r->given_up = true;
	} else if (r->ended) {
		r->drain_only = true;
		r->deadline = timeline_now() + DRAIN_NS;
	} else if (!r->asked) {
		r->asked = true;
		r->deadline = timeline_now() + STATE_NS;
		vm_ask_state(&r->vm);
	} else {
		read_serial(r);
		end_by_timeout(r, NULL, 0);
	}
}

enum {
	POLL_CTL,
	POLL_SIGNALS,
	POLL_STREAMS,
	POLL_QEMU,
	POLL_FSD,
	POLL_SERIAL,
	POLL_QEMU_LOG,
	POLL_FSD_LOG,
	POLL_OUTBOX,
	N_POLL
};

static void fill_poll(const struct run *r, struct pollfd *p)
{
	p[POLL_CTL].fd = r->ended ? -1 : r->ctl.fd;
	p[POLL_CTL].events = (short)((outbox_is_full() ? 0 : POLLIN) |
				     (ctl_wants_write(&r->ctl) ? POLLOUT : 0));
	p[POLL_SIGNALS].fd = r->signals;
	p[POLL_STREAMS].fd = r->streams.wakeup;
	p[POLL_QEMU].fd = r->ended ? -1 : r->vm.qemu.pidfd;
	p[POLL_FSD].fd = r->ended ? -1 : r->vm.fsd.pidfd;
	p[POLL_SERIAL].fd = r->vm.qemu.ended || r->ended ? -1 : r->vm.serial;
	p[POLL_QEMU_LOG].fd = r->ended ? -1 : r->vm.qemu.log;
	p[POLL_FSD_LOG].fd = r->ended ? -1 : r->vm.fsd.log;
	p[POLL_OUTBOX].fd = outbox_wakeup();
	for (int i = POLL_SIGNALS; i < N_POLL; i++) {
		p[i].events = POLLIN;
	}
}

static bool all_delivered(const struct run *r)
{
	return r->given_up || r->streams_done == (STREAM_STDOUT_DONE | STREAM_STDERR_DONE);
}

static void loop(struct run *r)
{
	while (!r->ended || !all_delivered(r)) {
		struct pollfd p[N_POLL];

		fill_poll(r, p);
		if (poll(p, N_POLL, poll_timeout(r)) < 0) {
			continue; /* EINTR after a stop */
		}
		if (p[POLL_STREAMS].revents) {
			on_stream_events(r);
		}
		if (p[POLL_CTL].revents & POLLOUT) {
			ctl_flush(&r->ctl);
		}
		if (p[POLL_OUTBOX].revents) {
			outbox_take_wakeup();
		}
		if (p[POLL_SERIAL].revents) {
			read_serial(r);
		}
		if (p[POLL_QEMU_LOG].revents) {
			(void)helper_read_log(&r->vm.qemu);
		}
		if (p[POLL_FSD_LOG].revents) {
			(void)helper_read_log(&r->vm.fsd);
		}
		if (p[POLL_QEMU].revents || p[POLL_FSD].revents ||
		    ((p[POLL_CTL].revents & (POLLIN | POLLHUP)) && !read_ctl(r))) {
			on_death(r);
		}
		if (p[POLL_SIGNALS].revents) {
			on_signal(r);
		}
		check_kvm(r);
		check_deadline(r);
	}
}

/* What has been said last may still be on its way.  Whoever gave up waits a moment for that, too: it
 * may be why. */
static void deliver_outbox(struct run *r)
{
	uint64_t last = timeline_now() + DRAIN_NS;

	while (!outbox_is_empty() && !(r->given_up && timeline_now() >= last)) {
		struct pollfd p[] = { { .fd = outbox_wakeup(), .events = POLLIN },
				      { .fd = r->signals, .events = POLLIN } };

		if (poll(p, 2, r->given_up ? 100 : poll_timeout(r)) < 0) {
			continue;
		}
		if (p[0].revents) {
			outbox_take_wakeup();
		}
		if (p[1].revents) {
			on_signal(r);
		}
		check_kvm(r);
		check_deadline(r);
	}
}

static void print_summary(const struct run *r)
{
	report("summary: ran %.3f s, largest process %llu KiB, peak memory of the VM %llu KiB",
	       (double)r->exit.run_ns / 1e9, (unsigned long long)r->exit.max_rss_kib,
	       (unsigned long long)r->exit.mem_peak_kib);
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len >= n && strcmp(s + len - n, end) == 0;
}

static FILE *open_log(const struct run_options *o)
{
	FILE *f = NULL;

	if (o->kernel_log) {
		f = outfile_open(o->kernel_log, o->dir_fd);
		if (f == NULL) {
			fail("--kernel-log %s: %s", o->kernel_log, strerror(errno));
		}
	}
	return f;
}

int supervise(struct run_options *o)
{
	static struct run r;
	FILE *log;
	int err;

	r.o = o;
	timeline_mark(&r.time, TIME_BEGIN);
	vm_prepare(&r.vm, o);
	if (o->dry_run) {
		vm_print(&r.vm, o);
		return 0;
	}
	log = open_log(o);
	open_signals(&r);
	if (o->timeout > 0) {
		r.deadline = timeline_now() + (uint64_t)(o->timeout * 1e9);
	}
	if (o->gdb_port) {
		/* The symbols are in the file that was stripped. */
		int len = (int)(strlen(o->kernel) - (ends_with(o->kernel, ".stripped") ? 9 : 0));

		report("waiting for gdb: gdb %.*s -ex 'target remote 127.0.0.1:%u'", len, o->kernel,
		       o->gdb_port);
	}
	if (r.vm.kvm && !o->gdb_port) {
		r.kvm_deadline = timeline_now() + KVM_PATIENCE_NS;
	}
	vm_start(&r.vm, o);
	timeline_mark(&r.time, TIME_FORKED);
	r.ctl.fd = r.vm.ctl;
	outbox_open(log);
	err = o->tty ? terminal_make_raw() : 0;
	streams_start(&r.streams, r.vm.stdio, r.vm.err);
	if (err) {
		(void)end(&r, LAUNCH_STATUS_FAULT);
		report("-t: %s", strerror(-err));
	}
	loop(&r);
	vm_kill(&r.vm);
	terminal_restore();
	timeline_mark(&r.time, TIME_END);
	if (o->summary && r.time.at[TIME_EXITED]) {
		print_summary(&r);
	}
	if (o->timing) {
		timeline_print(&r.time);
	}
	deliver_outbox(&r);
	if (r.given_up) {
		/* A thread may hang in a write, and exit() would wait for its stream. */
		_exit(r.status);
	}
	if (atomic_load(&r.streams.lost) && r.status != LAUNCH_STATUS_TIMEOUT) {
		return LAUNCH_STATUS_FAULT;
	}
	return r.status;
}
