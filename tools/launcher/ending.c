/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "ending.h"

#include <signal.h>
#include <string.h>

#include "guestpath.h"
#include "options.h"
#include "report.h"

/* Like a shell: nothing of an interrupt or of a reader that left, nor when the kernel has described
 * the crash. */
void ending_by_signal(const struct run_options *o, int signo, bool from_host, bool described)
{
	bool crash = signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE;

	if (signo == SIGINT || signo == SIGPIPE || (crash && described)) {
		return;
	}
	report("%s was ended by signal %d (%s)%s", o->prog, signo, strsignal(signo),
	       from_host ? ", which came from this host" : "");
}

void ending_hidden(const struct run_options *o, const char *path)
{
	const char *own = guestpath_hidden_by(o->dir_fd, o->workdir, path);

	if (own) {
		report("%s has %s, but the VM has its own %s, which hides that of DIR: put it elsewhere "
		       "in DIR",
		       o->dir, path, own);
	}
}
