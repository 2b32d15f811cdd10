/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The commands and their options, once: the parsers, `corrida help`, the man pages and README's
 * table are all made from this.  What is no option gets an answer, too: the nearest one, or what
 * to use instead of another tool's.
 */
#include <stdbool.h>
#include <stddef.h>

#include "report.h"

enum argument { ARG_NONE, ARG_REQUIRED, ARG_OPTIONAL };

enum option_id {
	OPT_MEMORY,
	OPT_CPUS,
	OPT_ENV,
	OPT_ENV_FILE,
	OPT_WORKDIR,
	OPT_USER,
	OPT_TTY,
	OPT_INTERACTIVE,
	OPT_TIMEOUT,
	OPT_READ_ONLY,
	OPT_PRIVILEGED_FILES,
	OPT_CACHE,
	OPT_ULIMIT,
	OPT_WAIT_ALL,
	OPT_STRACE,
	OPT_SUMMARY,
	OPT_TIMING,
	OPT_KERNEL_LOG,
	OPT_GDB,
	OPT_DRY_RUN,
	OPT_ACCEL,
	OPT_CPU_MODEL,
	OPT_KERNEL,
	OPT_QEMU,
	OPT_VIRTIOFSD,
	OPT_UNCONFINED,
	OPT_HELP,
	/* of `corrida suite` only */
	OPT_NATIVE,
	OPT_ONE_VM,
	OPT_JOBS,
	OPT_FILTER,
	OPT_JUNIT,
	OPT_VERBOSE,
};

struct option_spec {
	enum option_id id;
	char letter; /* 0 = none */
	const char *name;
	enum argument argument;
	const char *metavar;
	const char *help;
};

struct command {
	const char *name;  /* "" for corrida itself */
	const char *brief; /* what it does, in a line without a full stop */
	const char *usage; /* what follows the name */
	const char *text;  /* paragraphs, with an empty line between */
	const struct option_spec *specs;
	size_t n_specs;
	const char *more; /* paragraphs after the options: a line in capitals is a heading */
};

extern const struct command *const commands[];
extern const size_t n_commands;

/* NULL when there is none. */
const struct command *command_by_name(const char *name);
const struct option_spec *option_by_letter(const struct command *c, char letter);
const struct option_spec *option_by_name(const struct command *c, const char *name, size_t len);

/* "-m, --memory SIZE" */
void option_words(const struct option_spec *s, char *buf, size_t size);

/* Says what could have been meant by a word that is no option, and ends the launcher. */
NORETURN void option_unknown(const struct command *c, const char *word);
