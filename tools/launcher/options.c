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
#include "option_print.h"
#include "option_table.h"
#include "passwd.h"
#include "report.h"
#include "strace_filter.h"

#define MIN_MEMORY (4ull << 20)
#define MAX_MEMORY (1ull << 40)
#define DEFAULT_MEMORY (512ull << 20)
#define DEFAULT_CPUS 4u
#define DEFAULT_GDB_PORT 1234u

static uint64_t parse_size(const char *option, const char *text, uint64_t unit)
{
	uint64_t value;

	if (!number_parse_size(text, unit, &value)) {
		fail("%s %s: not a size; write a number with suffix K, M, G or T, such as 64M",
		     option, text);
	}
	return value;
}

static uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	uint64_t value;

	if (!number_parse(text, max, &value) || value < min) {
		fail("%s %s: not a number from %llu to %llu", option, text, (unsigned long long)min,
		     (unsigned long long)max);
	}
	return value;
}

static void parse_ulimit(struct run_options *o, const char *text)
{
	const char *value = strchr(text, '=');

	if (value == NULL) {
		fail("--ulimit %s: write NAME=VALUE", text);
	}
	value++;
	if (strncmp(text, "nofile=", 7) == 0) {
		o->rlimit_nofile = parse_number("--ulimit nofile", value, 0, 1u << 20);
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

static const struct command *run_command(void)
{
	return command_by_name("run");
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
	case OPT_CPUS: o->cpus = (unsigned)parse_number("--cpus", value, 1, LAUNCH_MAX_CPUS); break;
	case OPT_TIMEOUT: parse_timeout(o, value); break;
	case OPT_READ_ONLY: o->read_only = true; break;
	case OPT_PRIVILEGED_FILES:
		o->privileged_files = parse_yes("--privileged-files", value);
		break;
	case OPT_CACHE: o->cache = parse_cache(value); break;
	case OPT_GDB:
		o->gdb_port = value ? (unsigned)parse_number("--gdb", value, 1, 65535)
				    : DEFAULT_GDB_PORT;
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
	case OPT_USER: o->user = value; break;
	case OPT_TTY: o->tty = true; break;
	case OPT_INTERACTIVE: break;
	case OPT_ULIMIT: parse_ulimit(o, value); break;
	case OPT_WAIT_ALL: o->wait_all = true; break;
	case OPT_STRACE:
		o->strace = true;
		o->strace_filter = value ? value : "";
		strace_filter_check(o->strace_filter);
		break;
	case OPT_UNCONFINED: o->unconfined = true; break;
	case OPT_SUMMARY: o->summary = true; break;
	case OPT_TIMING: o->timing = true; break;
	case OPT_KERNEL_LOG:
		o->verbose_log = true;
		o->kernel_log = value;
		break;
	case OPT_DRY_RUN: o->dry_run = true; break;
	case OPT_HELP: command_print_help(run_command()); exit(0);
	default: apply_machine(o, id, value);
	}
}

/* A cluster such as -ti or -m64M; returns how many words it took. */
static int parse_letters(struct run_options *o, struct environ_set *env, char **argv)
{
	for (const char *p = argv[0] + 1; *p; p++) {
		const struct option_spec *s = option_by_letter(run_command(), *p);

		if (s == NULL) {
			const char word[] = { '-', *p, '\0' };

			option_unknown(run_command(), word);
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

	const struct option_spec *s = option_by_name(run_command(), word, len);

	if (s == NULL) {
		option_unknown(run_command(), argv[0]);
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
	if (faccessat(o->dir_fd, ".", X_OK, AT_EACCESS) < 0) {
		fail("%s: %s: DIR must be searchable by you (user %u): chmod o+rx, or run corrida as its "
		     "owner",
		     o->dir, strerror(errno), geteuid());
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
	if (o->user) {
		passwd_resolve(o->dir_fd, o->dir, o->user, &o->uid, &o->gid);
	}
	environ_add_defaults(env, o->tty, passwd_home(o->dir_fd, o->uid));
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
