/* SPDX-License-Identifier: MIT */
#include <loader/control.h>

#include <host/ctl_parser.h>
#include <host/hostctl.h>
#include <fs/event/hostio.h>
#include <proc/lifecycle.h>
#include <signal/signal.h>
#include <tty/tty.h>

/* From outside the VM: as if from a process with no number here, of root. */
static void on_signal(uint32_t signo)
{
	struct siginfo info;
	struct process *init;

	siginfo_init(&info, (int)signo, SI_USER);
	if (console_tty && tty_signal_foreground(console_tty, &info)) {
		return;
	}
	init = process_find(1);
	if (init) {
		(void)!signal_send_process(init, &info);
		process_put(init);
	}
}

static void on_winsize(uint16_t rows, uint16_t cols)
{
	console_tty_winsize(rows, cols);
}

/* With a terminal there is no stdin of its own: the line hangs up. */
static void on_stdin_eof(uint64_t total)
{
	if (console_tty) {
		tty_hangup(console_tty);
	} else {
		hostio_stdin_eof(total);
	}
}

static void on_out_closed(uint32_t fd)
{
	if (!console_tty) {
		hostio_out_closed((int)fd);
	}
}

static const struct ctl_handlers handlers = {
	.on_signal = on_signal,
	.on_winsize = on_winsize,
	.on_stdin_eof = on_stdin_eof,
	.on_out_closed = on_out_closed,
};

void control_start(void)
{
	static struct vm_exit_hook flush = { .fn = console_tty_flush };

	hostctl_set_handlers(&handlers);
	proc_add_exit_hook(&flush);
}
