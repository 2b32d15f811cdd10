/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "blame.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <lib/launch.h>

#include "hostlimits.h"
#include "report.h"
#include "vm.h"

/* When one helper has ended because of the other, which is still on its way out: how long that
 * may take on a busy host, so that the one to blame is known. */
#define BLAME_MS 5000

static bool said_one_of(const struct helper *h, const char *const *words)
{
	for (; *words; words++) {
		if (helper_said(h, *words)) {
			return true;
		}
	}
	return false;
}

/* virtiofsd ends with 0 when QEMU has closed its end, and the Rust one may complain of that.  The end
 * of the socket is seen before that of QEMU. */
static bool follows_qemu(const struct helper *fsd)
{
	static const char *const words[] = { "poll revents",   "isconnect",	  "roken pipe",
					     "PartialMessage", "onnection reset", NULL };

	return WIFEXITED(fsd->status) && (WEXITSTATUS(fsd->status) == 0 || said_one_of(fsd, words));
}

/* What QEMU says when virtiofsd is gone. */
static bool follows_daemon(const struct helper *qemu)
{
	static const char *const words[] = { "msg header", "vhost", NULL };

	return WIFEXITED(qemu->status) && WEXITSTATUS(qemu->status) == 1 &&
	       (qemu->tail_len == 0 || said_one_of(qemu, words));
}

bool blame_find(struct vm *vm)
{
	bool qemu = helper_reap(&vm->qemu), fsd = helper_reap(&vm->fsd);
	struct pollfd other = { .fd = qemu ? vm->fsd.pidfd : vm->qemu.pidfd, .events = POLLIN };

	if (qemu != fsd && (qemu || follows_qemu(&vm->fsd))) {
		(void)poll(&other, 1, BLAME_MS);
		(void)helper_reap(&vm->qemu);
		(void)helper_reap(&vm->fsd);
	}
	return vm->qemu.ended || vm->fsd.ended;
}

static bool daemon_was_first(const struct vm *vm)
{
	if (!vm->fsd.ended || !vm->qemu.ended) {
		return vm->fsd.ended;
	}
	return !follows_qemu(&vm->fsd) && follows_daemon(&vm->qemu);
}

static void report_helper(struct helper *h)
{
	char how[96], prefix[32];

	if (WIFSIGNALED(h->status)) {
		snprintf(how, sizeof(how), "killed by signal %d (%s)", WTERMSIG(h->status),
			 strsignal(WTERMSIG(h->status)));
	} else {
		snprintf(how, sizeof(how), "exit status %d", WEXITSTATUS(h->status));
	}
	report("%s ended unexpectedly: %s", h->name, how);
	(void)helper_read_log(h);
	snprintf(prefix, sizeof(prefix), "%s: ", h->name);
	report_text(prefix, h->tail, h->tail_len);
	hostlimits_explain(h);
}

static void report_qemu(struct vm *vm, const char *serial, size_t serial_len)
{
	int status = vm->qemu.status;

	if (!WIFEXITED(status) || (WEXITSTATUS(status) == 1)) {
		report_helper(&vm->qemu);
	} else if (WEXITSTATUS(status) == ((DEBUG_EXIT_PANIC << 1) | 1)) {
		report("kernel panic; the VM has been stopped");
	} else if (WEXITSTATUS(status) == ((DEBUG_EXIT_DONE << 1) | 1)) {
		report("the kernel powered off without telling how the program ended");
	} else if (WEXITSTATUS(status) == 0) {
		report("the VM was reset (triple fault)");
	} else {
		report_helper(&vm->qemu);
	}
	report_text("kernel: ", serial, serial_len);
}

void blame_report(struct vm *vm, const char *serial, size_t serial_len)
{
	if (daemon_was_first(vm)) {
		report_helper(&vm->fsd);
	} else {
		report_qemu(vm, serial, serial_len);
	}
}
