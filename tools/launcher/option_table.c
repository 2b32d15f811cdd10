/* SPDX-License-Identifier: MIT */
#include "option_table.h"

#include <stdio.h>
#include <string.h>

#include "nearest.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct option_spec run_specs[] = {
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
	{ OPT_USER, 'u', "user", ARG_REQUIRED, "USER[:GROUP]",
	  "run as this user: numbers, or names of DIR's /etc/passwd and /etc/group; default 0:0" },
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
	  "how long the guest may trust what it knows of DIR: 1 s, never, for ever (but 1 s at most that a "
	  "name is absent); default auto" },
	{ OPT_ULIMIT, 0, "ulimit", ARG_REQUIRED, "NAME=VALUE",
	  "NAME is nofile, stack or core; sizes take K, M, G; may be repeated" },
	{ OPT_WAIT_ALL, 0, "wait-all", ARG_NONE, NULL,
	  "the VM ends with the last process, not with the first" },
	{ OPT_STRACE, 0, "strace", ARG_OPTIONAL, "FILTER",
	  "write system calls to stderr; FILTER is a list of names, such as open,read, and of "
	  "classes, such as %file; with a ! before it, of what to leave out" },
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
	{ OPT_HELP, 'h', "help", ARG_NONE, NULL, "this text" },
};

static const struct command run_command = {
	.name = "run",
	.brief = "run a program of a directory in a microVM",
	.usage = "[OPTION...] DIR PROG [ARG...]",
	.text = "Boots a VM whose root is DIR, runs the static Linux program PROG of DIR in it and ends "
		"with its exit status. Options end at DIR. PROG is a path inside DIR; without a slash it "
		"is looked for in the PATH inside DIR.",
	.specs = run_specs,
	.n_specs = COUNT(run_specs),
	.more = "EXIT STATUS\n"
		"The program's own; 128+N when signal N ended it; 124 after --timeout; 125 when the "
		"launcher, QEMU, virtiofsd or the kernel failed, or output was lost (stderr says which "
		"and why); 126 when PROG cannot be run; 127 when it is missing.\n"
		"\n"
		"ENVIRONMENT\n"
		"The host's environment is not passed on: a program sees PATH, HOME (from DIR's "
		"/etc/passwd), with -t also TERM, and what -e and --env-file say.",
};

static const struct option_spec suite_specs[] = {
	{ OPT_NATIVE, 0, "native", ARG_NONE, NULL,
	  "run each on this host's Linux first; what fails there is skipped" },
	{ OPT_ONE_VM, 0, "one-vm", ARG_NONE, NULL, "all tests in one VM, one after the other" },
	{ OPT_JOBS, 0, "jobs", ARG_REQUIRED, "N",
	  "so many VMs at a time; default: one for each CPU of the host" },
	{ OPT_TIMEOUT, 0, "timeout", ARG_REQUIRED, "SECONDS", "for each test; default 60" },
	{ OPT_FILTER, 0, "filter", ARG_REQUIRED, "TEXT", "only tests whose path contains TEXT" },
	{ OPT_CPUS, 0, "cpus", ARG_REQUIRED, "N", "virtual CPUs of each VM, as for 'corrida run'" },
	{ OPT_MEMORY, 0, "memory", ARG_REQUIRED, "SIZE", "memory of each VM, likewise" },
	{ OPT_JUNIT, 0, "junit", ARG_REQUIRED, "FILE", "the results as JUnit XML" },
	{ OPT_VERBOSE, 0, "verbose", ARG_NONE, NULL,
	  "a line for each test, with the output of those that failed" },
	{ OPT_HELP, 'h', "help", ARG_NONE, NULL, "this text" },
};

static const struct command suite_command = {
	.name = "suite",
	.brief = "run a directory of test programs, each in a microVM",
	.usage = "[OPTION...] DIR",
	.text = "Runs every static executable below DIR as a test, in a VM whose root is DIR and in the "
		"test's own directory. Exit status 0 of the test means passed. Ends with a table of what "
		"did not pass and the line 'N passed, N failed, N skipped'.",
	.specs = suite_specs,
	.n_specs = COUNT(suite_specs),
	.more = "EXIT STATUS\n"
		"0 when no test failed, 1 when one did, 125 when the launcher could not run them.",
};

static const struct option_spec doctor_specs[] = {
	{ OPT_HELP, 'h', "help", ARG_NONE, NULL, "this text" },
};

static const struct command doctor_command = {
	.name = "doctor",
	.brief = "check what this host has and lacks for microVMs",
	.usage = "",
	.text = "Looks for everything that a VM needs, as the user who asks: the parts, the accelerator and "
		"why it is taken, user namespaces and subordinate ids, memory, limits, Landlock; then runs "
		"a VM. A line for each says what is there, or what is missing and how to get it.",
	.specs = doctor_specs,
	.n_specs = COUNT(doctor_specs),
	.more = "EXIT STATUS\n0 when a VM runs, 1 when something must be mended first.",
};

const struct command *const commands[] = { &run_command, &suite_command, &doctor_command };
const size_t n_commands = COUNT(commands);

const struct command *command_by_name(const char *name)
{
	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(commands[i]->name, name) == 0) {
			return commands[i];
		}
	}
	return NULL;
}

const struct option_spec *option_by_letter(const struct command *c, char letter)
{
	for (size_t i = 0; i < c->n_specs; i++) {
		if (c->specs[i].letter == letter) {
			return &c->specs[i];
		}
	}
	return NULL;
}

const struct option_spec *option_by_name(const struct command *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->n_specs; i++) {
		if (strlen(c->specs[i].name) == len && strncmp(c->specs[i].name, name, len) == 0) {
			return &c->specs[i];
		}
	}
	return NULL;
}

void option_words(const struct option_spec *s, char *buf, size_t size)
{
	const char *open = s->argument == ARG_OPTIONAL ? "[=" : s->metavar ? " " : "";

	snprintf(buf, size, "%c%c%s--%s%s%s%s", s->letter ? '-' : ' ', s->letter ? s->letter : ' ',
		 s->letter ? ", " : "  ", s->name, open, s->metavar ? s->metavar : "",
		 s->argument == ARG_OPTIONAL ? "]" : "");
}

/* Options of tools that run containers, and what does here what they do there. */
static const struct {
	char letter;
	const char *name, *instead;
} foreign[] = {
	{ 0, "rm", "leave it out: a VM leaves nothing behind" },
	{ 'v', "volume",
	  "DIR is the only directory that is shared: put it below DIR, bind-mounted "
	  "if it is elsewhere" },
	{ 0, "mount", "DIR is the only directory that is shared: put it below DIR" },
	{ 'p', "publish", "there is no network out of the VM yet; the program's streams are" },
	{ 0, "network", "there is no network out of the VM yet: leave it out" },
	{ 0, "net", "there is no network out of the VM yet: leave it out" },
	{ 'd', "detach", "put & after the command: corrida run is the program's process" },
	{ 0, "name", "leave it out: the process number of corrida run is its name" },
	{ 0, "entrypoint", "PROG is the program: corrida run DIR PROG [ARG...]" },
	{ 0, "hostname", "leave it out: the VM has a host name of its own" },
	{ 0, "init", "leave it out: PROG is process 1, and its orphans are reaped" },
	{ 0, "restart", "use the shell or systemd, which see the exit status" },
	{ 0, "privileged", "leave it out: root in the VM has all rights there" },
	{ 0, "cap-add", "leave it out: root in the VM has all rights there" },
	{ 0, "cap-drop", "use --user: there are no single capabilities to take away" },
	{ 0, "security-opt", "leave it out: the VM is the wall" },
	{ 0, "platform", "leave it out: programs are for x86-64" },
	{ 0, "pull", "DIR is a directory here, not an image" },
	{ 0, "tmpfs", "leave it out: /tmp, /run and /dev/shm are in the VM's memory" },
	{ 0, "shm-size", "leave it out: /dev/shm may take half of the memory that -m gives" },
};

static void hint_foreign(const char *word, const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT(foreign); i++) {
		bool same = strlen(foreign[i].name) == len &&
			    strncmp(foreign[i].name, name, len) == 0;
		bool letter = word[0] == '-' && word[1] != '-' && foreign[i].letter &&
			      word[1] == foreign[i].letter;

		if (same || letter) {
			fail("%s is no option here: %s", word, foreign[i].instead);
		}
	}
}

void option_unknown(const struct command *c, const char *word)
{
	const char *name = word + strspn(word, "-");
	size_t len = strcspn(name, "=");
	struct nearest near = nearest_to(name, len);

	if (strcmp(c->name, "run") == 0) {
		hint_foreign(word, name, len);
	}
	for (size_t i = 0; i < c->n_specs; i++) {
		nearest_try(&near, c->specs[i].name);
	}
	if (near.best) {
		fail("unknown option '%s'; did you mean --%s? ('corrida help %s' lists all)", word,
		     near.best, c->name);
	}
	fail("unknown option '%s' ('corrida help %s' lists all%s)", word, c->name,
	     strcmp(c->name, "run") == 0 ? "; the program's own options go after PROG" : "");
}
