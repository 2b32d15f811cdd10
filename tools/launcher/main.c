/* SPDX-License-Identifier: MIT */
/* corrida: the command.  Subcommands parse their own words. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lib/launch.h>

#include "doctor.h"
#include "nearest.h"
#include "option_print.h"
#include "option_table.h"
#include "options.h"
#include "report.h"
#include "suite/suite.h"
#include "supervise.h"
#include "version.h"

static int run(int argc, char **argv)
{
	static struct run_options options;

	/* A limit on the size of files is an error of who writes, not the end of the VM: QEMU and the daemon
	 * inherit this. */
	signal(SIGXFSZ, SIG_IGN);
	options_parse(argc, argv, &options);
	return supervise(&options);
}

/* The other forms are for whoever builds a package. */
static int help(char **argv)
{
	const char *form = argv[0] && strncmp(argv[0], "--", 2) == 0 ? *argv++ : "";
	const char *subject = argv[0];
	const struct command *c = subject ? command_by_name(subject) : NULL;

	if (strcmp(form, "--bash") == 0) {
		print_completion();
	} else if (strcmp(form, "--man") == 0 && subject) {
		command_print_man(subject);
	} else if (strcmp(form, "--markdown") == 0 && c) {
		command_print_markdown(c);
	} else if (subject == NULL) {
		print_overview();
	} else if (c) {
		command_print_help(c);
	} else {
		struct nearest near = nearest_to(subject, strlen(subject));

		for (size_t i = 0; i < n_commands; i++) {
			nearest_try(&near, commands[i]->name);
		}
		fail("no help on '%s'%s%s%s ('corrida help' lists the commands)", subject,
		     near.best ? "; did you mean " : "", near.best ? near.best : "",
		     near.best ? "?" : "");
	}
	return 0;
}

/* What was printed must have arrived. */
static void close_stdout(void)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		report("writing stdout: %s", strerror(errno));
		_exit(LAUNCH_STATUS_FAULT);
	}
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
	(void)atexit(close_stdout);
	if (strcmp(word, "run") == 0) {
		return run(argc - 2, argv + 2);
	}
	if (strcmp(word, "suite") == 0) {
		return suite(argc - 2, argv + 2);
	}
	if (strcmp(word, "doctor") == 0) {
		return doctor(argc - 2, argv + 2);
	}
	if (strcmp(word, SUITE_INSIDE) == 0) {
		return suite_inside(argc - 2, argv + 2);
	}
	if (strcmp(word, "help") == 0) {
		return help(argv + 2);
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		return help(argv + argc);
	}
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		printf("corrida %s\n", CORRIDA_VERSION);
		return 0;
	}
	fail("unknown command '%s'; 'corrida help' lists them (to run a program: corrida run DIR PROG)",
	     word);
}
