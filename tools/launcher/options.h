/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The command line of `corrida run`: options up to DIR, then the program and
 * its arguments, which are never looked at.  One table drives the parser and
 * the help text, so that they cannot differ.
 *
 * All checks that need no VM happen here; every complaint ends the launcher
 * with LAUNCH_STATUS_FAULT and says what to do instead.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };

struct run_options {
	const char *dir;   /* shared directory, as the user wrote it */
	int dir_fd;	   /* the same, open (O_PATH) */
	const char *prog;  /* path for the kernel */
	const char **args; /* argv[0..nargs-1]; argv[0] as the user wrote it */
	size_t nargs;
	const char **env; /* "NAME=VALUE" */
	size_t nenv;
	const char *workdir;
	uint32_t uid, gid, umask;
	uint64_t memory; /* bytes */
	unsigned cpus;
	bool tty;
	bool read_only;
	bool privileged_files; /* see confine.h */
	bool unconfined;       /* QEMU, that is */
	bool dry_run, timing, wait_all, summary, verbose_log;
	bool strace;
	const char *strace_filter;
	const char *kernel_log; /* file, NULL = stderr; see verbose_log */
	double timeout;		/* seconds, 0 = none */
	unsigned gdb_port;	/* 0 = no debugger */
	enum accel accel;
	const char *cache;
	const char *cpu_model;		       /* NULL = the best there is */
	const char *kernel, *virtiofsd, *qemu; /* NULL = look in the usual places */
	uint64_t rlimit_nofile, rlimit_stack, rlimit_core;
};

/* Parses what follows "run".  Returns only when the options are good. */
void options_parse(int argc, char **argv, struct run_options *o);

/* The text of `corrida help run`. */
void options_help(void);
