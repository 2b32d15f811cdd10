/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "terminal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "report.h"

static struct termios saved;
static _Atomic bool is_raw;

void terminal_restore(void)
{
	if (atomic_exchange(&is_raw, false)) {
		(void)tcsetattr(0, TCSADRAIN, &saved);
		report_set_raw(false);
	}
}

int terminal_make_raw(void)
{
	static bool registered;
	struct termios raw;

	if (tcgetattr(0, &saved) < 0) {
		return -errno;
	}
	raw = saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (!registered) {
		registered = true;
		(void)atexit(terminal_restore);
	}
	if (tcsetattr(0, TCSADRAIN, &raw) < 0) {
		return -errno;
	}
	atomic_store(&is_raw, true);
	report_set_raw(true);
	return 0;
}

void terminal_size(uint16_t *rows, uint16_t *cols)
{
	struct winsize ws;

	*rows = 24;
	*cols = 80;
	if (ioctl(0, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 && ws.ws_col > 0) {
		*rows = ws.ws_row;
		*cols = ws.ws_col;
	}
}

bool terminal_in_background(void)
{
	pid_t foreground = tcgetpgrp(0);

	return foreground >= 0 && foreground != getpgrp();
}
