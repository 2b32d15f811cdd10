/* SPDX-License-Identifier: MIT */
/* corrida: the command.  Subcommands parse their own words. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lib/launch.h>

#include "options.h"
#include "report.h"
#include "suite/suite.h"
#include "supervise.h"

#ifndef CORRIDA_VERSION
#define CORRIDA_VERSION "unknown"
#endif

static void help(void)
{
	printf("Corrida runs static Linux programs, each in a microVM of its own.\n"
	       "\n"
	       "Usage:\n"
	       "  corrida run [OPTION...] DIR PROG [ARG...]   run PROG of the directory DIR\n"
	       "  corrida suite [OPTION...] DIR               run every test program below DIR\n"
	       "  corrida help [run|suite]                    the options of a command\n"
	       "  corrida --version\n"
	       "\n"
	       "Example:\n"
	       "  corrida run ./rootfs /bin/redis-server --port 6379\n");
}

static int run(int argc, char **argv)
{
	static struct run_options options;

	/* A limit on the size of files is an error of who writes, not the end of the VM: QEMU and the daemon
	 * inherit this. */
	signal(SIGXFSZ, SIG_IGN);
	options_parse(argc, argv, &options);
	return supervise(&options);
}

static int help_on(const char *subject)
{
	if (subject == NULL) {
		help();
	} else if (strcmp(subject, "run") == 0) {
		options_help();
	} else if (strcmp(subject, "suite") == 0) {
		suite_help();
	} else {
		fail("no help on '%s'; there is: run, suite", subject);
	}
	return 0;
}

/* Descriptors 0 to 2 must be the user's, or nobody's: never a socket of ours. */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) {
			exit(LAUNCH_STATUS_FAULT);
		}
	}
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";

	fill_standard_descriptors();
	/* Inherited as ignored, it would take the ends of our children away from us. */
	signal(SIGCHLD, SIG_DFL);
	if (strcmp(word, "run") == 0) {
		return run(argc - 2, argv + 2);
	}
	if (strcmp(word, "suite") == 0) {
		return suite(argc - 2, argv + 2);
	}
	if (strcmp(word, SUITE_INSIDE) == 0) {
		return suite_inside(argc - 2, argv + 2);
	}
	if (strcmp(word, "help") == 0) {
		return help_on(argv[2]);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		return help_on(NULL);
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		printf("corrida %s\n", CORRIDA_VERSION);
		return 0;
	}
	fail("unknown command '%s'; there are run, suite and help", word);
}
