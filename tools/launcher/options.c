/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lib/launch.h>

#include "environ.h"
#include "guestpath.h"
#include "numbers.h"
#include "report.h"

#define MIN_MEMORY (4ull << 20)
#define MAX_MEMORY (1ull << 40)
#define DEFAULT_MEMORY (512ull << 20)
#define DEFAULT_CPUS 4u
#define DEFAULT_GDB_PORT 1234u

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
};

struct option_spec {
	enum option_id id;
	char letter; /* 0 = none */
	const char *name;
	enum argument argument;
	const char *metavar;
	const char *help;
};

static const struct option_spec specs[] = {
	{ OPT_MEMORY, 'm', "memory", ARG_REQUIRED, "SIZE",
	  "memory of the VM, with suffix K, M (default), G or T; default 512M" },
	{ OPT_CPUS, 'c', "cpus", ARG_REQUIRED, "N",
	  "virtual CPUs, 1 to 64; default: as many as the host has, but at most 4" },
	{ OPT_ENV, 'e', "env", ARG_REQUIRED, "NAME[=VALUE]",
	  "set a variable, or pass the host's; may be repeated" },
	{ OPT_ENV_FILE, 0, "env-file", ARG_REQUIRED, "FILE",
	  "the same for each line of FILE; lines with # are comments" },
	{ OPT_WORKDIR, 'w', "workdir", ARG_REQUIRED, "PATH",
	  "working directory inside DIR; default /" },
	{ OPT_USER, 'u', "user", ARG_REQUIRED, "UID[:GID]", "run as this user; default 0:0" },
	{ OPT_TTY, 't', "tty", ARG_NONE, NULL, "give the program a terminal (this one, raw)" },
	{ OPT_INTERACTIVE, 'i', "interactive", ARG_NONE, NULL,
	  "accepted as a habit; stdin is always connected" },
	{ OPT_TIMEOUT, 0, "timeout", ARG_REQUIRED, "SECONDS",
	  "end the VM after this time, with status 124" },
	{ OPT_READ_ONLY, 0, "read-only", ARG_NONE, NULL, "the program cannot change DIR" },
	{ OPT_PRIVILEGED_FILES, 0, "privileged-files", ARG_REQUIRED, "yes|no",
	  "whether the program may make set-id files, devices and file capabilities in DIR; "
	  "default no for root" },
	{ OPT_CACHE, 0, "cache", ARG_REQUIRED, "auto|none|always",
	  "how long the guest may trust what it knows of DIR: 1 s, never, for ever; default auto" },
	{ OPT_ULIMIT, 0, "ulimit", ARG_REQUIRED, "NAME=VALUE",
	  "NAME is nofile, stack or core; sizes take K, M, G; may be repeated" },
	{ OPT_WAIT_ALL, 0, "wait-all", ARG_NONE, NULL,
	  "the VM ends with the last process, not with the first" },
	{ OPT_STRACE, 0, "strace", ARG_OPTIONAL, "FILTER",
	  "write system calls to stderr; FILTER is a list of names, such as open,read" },
	{ OPT_SUMMARY, 0, "summary", ARG_NONE, NULL,
	  "at the end, write resources used and unknown system calls to stderr" },
	{ OPT_TIMING, 0, "timing", ARG_NONE, NULL,
	  "at the end, write a timeline of the start to stderr" },
	{ OPT_KERNEL_LOG, 0, "kernel-log", ARG_OPTIONAL, "FILE",
	  "write the kernel's messages to stderr, or to FILE" },
	{ OPT_GDB, 0, "gdb", ARG_OPTIONAL, "PORT",
	  "wait for gdb on 127.0.0.1:PORT (default 1234) before the first instruction" },
	{ OPT_DRY_RUN, 0, "dry-run", ARG_NONE, NULL,
	  "print the configuration and the commands, and do nothing" },
	{ OPT_ACCEL, 0, "accel", ARG_REQUIRED, "auto|kvm|tcg",
	  "how to run the VM; auto takes KVM where it is real" },
	{ OPT_CPU_MODEL, 0, "cpu-model", ARG_REQUIRED, "MODEL",
	  "what QEMU calls the CPU (Nehalem; Haswell,-avx2); default host with KVM, max without" },
	{ OPT_KERNEL, 0, "kernel", ARG_REQUIRED, "FILE", "another kernel than the one built" },
	{ OPT_QEMU, 0, "qemu", ARG_REQUIRED, "FILE", "another qemu-system-x86_64" },
	{ OPT_VIRTIOFSD, 0, "virtiofsd", ARG_REQUIRED, "FILE", "another virtiofsd" },
	{ OPT_UNCONFINED, 0, "unconfined", ARG_NONE, NULL,
	  "for debugging with --qemu: QEMU keeps all rights of the caller" },
	{ OPT_HELP, 0, "help", ARG_NONE, NULL, "this text" },
};
#define N_SPECS (sizeof(specs) / sizeof(specs[0]))

void options_help(void)
{
	printf("Usage: corrida run [OPTION...] DIR PROG [ARG...]\n"
	       "\n"
	       "Boots a VM whose root is DIR, runs the static Linux program PROG of DIR in it\n"
	       "and ends with its exit status. Options end at DIR. PROG is a path inside DIR;\n"
	       "without a slash it is looked for in the PATH inside DIR.\n"
	       "\n");
	for (size_t i = 0; i < N_SPECS; i++) {
		const struct option_spec *s = &specs[i];
		char left[64];

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s%s", s->letter ? '-' : ' ',
			 s->letter ? s->letter : ' ', s->letter ? ',' : ' ', s->name,
			 s->argument == ARG_OPTIONAL ? "[="
			 : s->argument == ARG_NONE   ? ""
						     : " ",
			 s->metavar ? s->metavar : "", s->argument == ARG_OPTIONAL ? "]" : "");
		/* the second column is 33 characters from the left */
		printf("  %-30s %s%*s%s\n", left, strlen(left) > 30 ? "\n" : "",
		       strlen(left) > 30 ? 33 : 0, "", s->help);
	}
	printf("\n"
	       "Exit status: the program's own; 128+N when signal N ended it; 124 timeout;\n"
	       "125 the launcher, QEMU, virtiofsd or the kernel failed; 126 PROG cannot be run;\n"
	       "127 PROG is missing.\n");
}

static bool is_prefix_of(const char *word, const char *name)
{
	return strncmp(word, name, strlen(word)) == 0;
}

NORETURN static void fail_unknown(const char *arg)
{
	char word[64];

	snprintf(word, sizeof(word), "%s", arg + strspn(arg, "-"));
	word[strcspn(word, "=")] = '\0';
	for (size_t i = 0; i < N_SPECS && strlen(word) > 1; i++) {
		if (is_prefix_of(word, specs[i].name) || is_prefix_of(specs[i].name, word) ||
		    (strlen(word) > 3 && strncmp(word, specs[i].name, 3) == 0)) {
			fail("unknown option '%s'; did you mean --%s? ('corrida help run' lists all)",
			     arg, specs[i].name);
		}
	}
	fail("unknown option '%s' ('corrida help run' lists all; the program's own options go "
	     "after PROG)",
	     arg);
}

static uint64_t parse_size(const char *option, const char *text, uint64_t unit)
{
	uint64_t value;

	if (!number_parse_size(text, unit, &value)) {
		fail("%s %s: not a size; write a number with suffix K, M, G or T, such as 64M",
		     option, text);
	}
	return value;
}

static uint64_t parse_number(const char *option, const char *text, uint64_t max)
{
	uint64_t value;

	if (!number_parse(text, max, &value)) {
		fail("%s %s: not a number from 0 to %llu", option, text, (unsigned long long)max);
	}
	return value;
}

static void parse_user(struct run_options *o, const char *text)
{
	char uid[32];
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len >= sizeof(uid)) {
		fail("--user %s: not UID[:GID]", text);
	}
	memcpy(uid, text, len);
	uid[len] = '\0';
	o->uid = (uint32_t)parse_number("--user", uid, UINT32_MAX - 1);
	o->gid = colon ? (uint32_t)parse_number("--user", colon + 1, UINT32_MAX - 1) : o->uid;
}

static void parse_ulimit(struct run_options *o, const char *text)
{
	const char *value = strchr(text, '=');

	if (value == NULL) {
		fail("--ulimit %s: write NAME=VALUE", text);
	}
	value++;
	if (strncmp(text, "nofile=", 7) == 0) {
		o->rlimit_nofile = parse_number("--ulimit nofile", value, 1u << 20);
	} else if (strncmp(text, "stack=", 6) == 0) {
		o->rlimit_stack = parse_size("--ulimit stack", value, 1);
	} else if (strncmp(text, "core=", 5) == 0) {
		o->rlimit_core = strcmp(value, "unlimited") == 0
					 ? UINT64_MAX
					 : parse_size("--ulimit core", value, 1);
	} else {
		fail("--ulimit %s: the limits are nofile, stack and core", text);
	}
}

static void parse_timeout(struct run_options *o, const char *text)
{
	char *end;

	errno = 0;
	o->timeout = strtod(text, &end);
	if (*end == 's' && end != text) {
		end++;
	}
	if (errno || end == text || *end || !(o->timeout > 0) || o->timeout > 1e9) {
		fail("--timeout %s: not a time in seconds above 0", text);
	}
}

static enum accel parse_accel(const char *text)
{
	if (strcmp(text, "auto") == 0) {
		return ACCEL_AUTO;
	}
	if (strcmp(text, "kvm") == 0) {
		return ACCEL_KVM;
	}
	if (strcmp(text, "tcg") == 0) {
		return ACCEL_TCG;
	}
	fail("--accel %s: one of auto, kvm, tcg", text);
}

static const char *parse_cache(const char *text)
{
	if (strcmp(text, "auto") != 0 && strcmp(text, "none") != 0 && strcmp(text, "always") != 0) {
		fail("--cache %s: one of auto, none, always", text);
	}
	return text;
}

static bool parse_yes(const char *option, const char *text)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
		fail("%s %s: yes or no", option, text);
	}
	return text[0] == 'y';
}

static void apply_machine(struct run_options *o, enum option_id id, const char *value)
{
	switch (id) {
	case OPT_MEMORY:
		o->memory = parse_size("--memory", value, 1u << 20);
		if (o->memory < MIN_MEMORY || o->memory > MAX_MEMORY) {
			fail("--memory %s: from 4M to 1T", value);
		}
		o->memory &= ~(uint64_t)4095;
		break;
	case OPT_CPUS:
		o->cpus = (unsigned)parse_number("--cpus", value, UINT_MAX);
		if (o->cpus < 1 || o->cpus > LAUNCH_MAX_CPUS) {
			fail("--cpus %s: from 1 to %u", value, LAUNCH_MAX_CPUS);
		}
		break;
	case OPT_TIMEOUT: parse_timeout(o, value); break;
	case OPT_READ_ONLY: o->read_only = true; break;
	case OPT_PRIVILEGED_FILES:
		o->privileged_files = parse_yes("--privileged-files", value);
		break;
	case OPT_CACHE: o->cache = parse_cache(value); break;
	case OPT_GDB:
		o->gdb_port = value ? (unsigned)parse_number("--gdb", value, 65535)
				    : DEFAULT_GDB_PORT;
		if (o->gdb_port == 0) {
			fail("--gdb 0: not a port");
		}
		break;
	case OPT_ACCEL: o->accel = parse_accel(value); break;
	case OPT_KERNEL: o->kernel = value; break;
	case OPT_CPU_MODEL: o->cpu_model = value; break;
	case OPT_QEMU: o->qemu = value; break;
	case OPT_VIRTIOFSD: o->virtiofsd = value; break;
	default: abort();
	}
}

static void apply(struct run_options *o, struct environ_set *env, enum option_id id,
		  const char *value)
{
	switch (id) {
	case OPT_ENV: environ_add(env, value, "--env"); break;
	case OPT_ENV_FILE: environ_add_file(env, value); break;
	case OPT_WORKDIR:
		if (value[0] != '/') {
			fail("--workdir %s: must begin with /, the root is DIR", value);
		}
		o->workdir = value;
		break;
	case OPT_USER: parse_user(o, value); break;
	case OPT_TTY: o->tty = true; break;
	case OPT_INTERACTIVE: break;
	case OPT_ULIMIT: parse_ulimit(o, value); break;
	case OPT_WAIT_ALL: o->wait_all = true; break;
	case OPT_STRACE:
		o->strace = true;
		o->strace_filter = value ? value : "";
		break;
	case OPT_UNCONFINED: o->unconfined = true; break;
	case OPT_SUMMARY: o->summary = true; break;
	case OPT_TIMING: o->timing = true; break;
	case OPT_KERNEL_LOG:
		o->verbose_log = true;
		o->kernel_log = value;
		break;
	case OPT_DRY_RUN: o->dry_run = true; break;
	case OPT_HELP: options_help(); exit(0);
	default: apply_machine(o, id, value);
	}
}

static const struct option_spec *spec_by_letter(char letter)
{
	for (size_t i = 0; i < N_SPECS; i++) {
		if (specs[i].letter == letter) {
			return &specs[i];
		}
	}
	return NULL;
}

/* A cluster such as -ti or -m64M; returns how many words it took. */
static int parse_letters(struct run_options *o, struct environ_set *env, char **argv)
{
	for (const char *p = argv[0] + 1; *p; p++) {
		const struct option_spec *s = spec_by_letter(*p);

		if (s == NULL) {
			fail_unknown(argv[0]);
		}
		if (s->argument == ARG_NONE) {
			apply(o, env, s->id, NULL);
			continue;
		}
		if (p[1]) {
			apply(o, env, s->id, p + 1);
			return 1;
		}
		if (argv[1] == NULL) {
			fail("-%c wants %s", s->letter, s->metavar);
		}
		apply(o, env, s->id, argv[1]);
		return 2;
	}
	return 1;
}

static int parse_long(struct run_options *o, struct environ_set *env, char **argv)
{
	const char *word = argv[0] + 2;
	size_t len = strcspn(word, "=");
	const char *value = word[len] == '=' ? word + len + 1 : NULL;

	for (size_t i = 0; i < N_SPECS; i++) {
		const struct option_spec *s = &specs[i];

		if (strlen(s->name) != len || strncmp(s->name, word, len) != 0) {
			continue;
		}
		if (s->argument == ARG_NONE && value) {
			fail("--%s takes no value", s->name);
		}
		if (s->argument == ARG_REQUIRED && value == NULL) {
			if (argv[1] == NULL) {
				fail("--%s wants %s", s->name, s->metavar);
			}
			apply(o, env, s->id, argv[1]);
			return 2;
		}
		apply(o, env, s->id, value);
		return 1;
	}
	fail_unknown(argv[0]);
}

static unsigned default_cpus(void)
{
	cpu_set_t set;
	unsigned n = DEFAULT_CPUS;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && (unsigned)CPU_COUNT(&set) < n) {
		n = (unsigned)CPU_COUNT(&set);
	}
	return n ? n : 1;
}

static void open_dir(struct run_options *o)
{
	o->dir_fd = open(o->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->dir_fd < 0 && errno == ENOTDIR) {
		fail("%s: not a directory; write corrida run DIR PROG, with PROG inside DIR",
		     o->dir);
	}
	if (o->dir_fd < 0) {
		fail("%s: %s", o->dir, strerror(errno));
	}
}

static void finish(struct run_options *o, struct environ_set *env, char **argv)
{
	o->dir = argv[0];
	o->args = (const char **)(argv + 1);
	while (o->args[o->nargs]) {
		o->nargs++;
	}
	if (o->tty && !isatty(0)) {
		fail("-t: the input device is not a terminal");
	}
	open_dir(o);
	environ_add_defaults(env, o->tty);
	o->env = environ_finish(env, &o->nenv);
	o->prog = o->args[0];
	if (o->prog[0] == '\0') {
		fail("PROG is empty");
	}
	if (strchr(o->prog, '/') == NULL) {
		o->prog = guestpath_search(o->dir_fd, o->dir, o->prog, environ_get(env, "PATH"));
	}
	/* There is no way to ask for the mask but to change it. */
	o->umask = umask(0);
	umask(o->umask);
}

void options_parse(int argc, char **argv, struct run_options *o)
{
	struct environ_set env = { 0 };
	int i = 0;

	*o = (struct run_options){
		.workdir = "/",
		.memory = DEFAULT_MEMORY,
		.cpus = default_cpus(),
		.cache = "auto",
		.privileged_files = geteuid() != 0,
		.strace_filter = "",
	};
	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		i += argv[i][1] == '-' ? parse_long(o, &env, argv + i)
				       : parse_letters(o, &env, argv + i);
	}
	if (argc - i < 2) {
		fail("%s is missing: corrida run [OPTION...] DIR PROG [ARG...] ('corrida help run')",
		     argc - i < 1 ? "DIR" : "PROG");
	}
	finish(o, &env, argv + i);
}
