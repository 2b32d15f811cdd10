/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numbers.h"
#include "outfile.h"
#include "option_print.h"
#include "option_table.h"
#include "pool.h"
#include "report.h"

static void parse_numbers(struct suite_options *o, const char *jobs, const char *timeout)
{
	uint64_t n;

	if (jobs) {
		if (!number_parse(jobs, 1024, &n) || n == 0) {
			fail("--jobs %s: not a number from 1 to 1024", jobs);
		}
		o->jobs = (unsigned)n;
	}
	if (timeout) {
		char *end;

		o->timeout = strtod(timeout, &end);
		if (*end || !(o->timeout > 0)) {
			fail("--timeout %s: not a time in seconds above 0", timeout);
		}
	}
}

static void apply(struct suite_options *o, enum option_id id, const char *value)
{
	switch (id) {
	case OPT_NATIVE: o->native = true; break;
	case OPT_ONE_VM: o->one_vm = true; break;
	case OPT_VERBOSE: o->verbose = true; break;
	case OPT_JOBS: parse_numbers(o, value, NULL); break;
	case OPT_TIMEOUT: parse_numbers(o, NULL, value); break;
	case OPT_FILTER: o->filter = value; break;
	case OPT_CPUS: o->cpus = value; break;
	case OPT_MEMORY: o->memory = value; break;
	case OPT_JUNIT: o->junit = value; break;
	default: command_print_help(command_by_name("suite")); exit(0);
	}
}

static void parse(int argc, char **argv, struct suite_options *o)
{
	const struct command *c = command_by_name("suite");
	int i = 0;

	while (i < argc && argv[i][0] == '-') {
		const char *word = argv[i], *name = word + strspn(word, "-");
		size_t len = strcspn(name, "=");
		const char *value = name[len] ? name + len + 1 : NULL;
		const struct option_spec *s = word[1] == '-' ? option_by_name(c, name, len)
							     : option_by_letter(c, word[1]);

		if (s == NULL || (word[1] != '-' && word[2])) {
			option_unknown(c, word);
		}
		i++;
		if (s->argument == ARG_REQUIRED && value == NULL) {
			if (i == argc) {
				fail("--%s wants %s ('corrida help suite')", s->name, s->metavar);
			}
			value = argv[i++];
		} else if (s->argument == ARG_NONE && value) {
			fail("--%s takes no value", s->name);
		}
		apply(o, s->id, value);
	}
	if (argc - i != 1) {
		fail("corrida suite wants one DIR ('corrida help suite')");
	}
	o->dir = argv[i];
	o->real_dir = realpath(o->dir, NULL);
	if (o->real_dir == NULL) {
		fail("%s: %s", o->dir, strerror(errno));
	}
}

/* --- on this host's Linux ---------------------------------------------- */

struct native_job {
	struct suite_test *test;
	char *argv0, *dir;
	const char *argv[2];
};

static void native_done(struct task *t)
{
	struct native_job *job = t->cookie;

	job->test->native_status = t->status;
	if (t->status != 0 || t->timed_out) {
		job->test->outcome = SUITE_SKIPPED;
		job->test->why = t->timed_out ? "does not end on this Linux either"
					      : "fails on this Linux too";
	}
	free(job->argv0);
	free(job->dir);
	free(job);
}

static bool native_next(void *cookie, struct task *t)
{
	struct suite *s = cookie;
	struct native_job *job;

	while (s->next < s->n && s->tests[s->next].outcome != SUITE_PENDING) {
		s->next++;
	}
	if (s->next == s->n) {
		return false;
	}
	job = calloc(1, sizeof(*job));
	if (job == NULL ||
	    asprintf(&job->argv0, "%s/%s", s->o.real_dir, s->tests[s->next].path) < 0) {
		fail("out of memory");
	}
	job->dir = strdup(job->argv0);
	if (job->dir == NULL) {
		fail("out of memory");
	}
	*strrchr(job->dir, '/') = '\0';
	job->test = &s->tests[s->next++];
	job->argv[0] = job->argv0;
	t->argv = job->argv;
	t->dir = job->dir;
	t->timeout = s->o.timeout;
	t->cookie = job;
	t->done = native_done;
	return true;
}

static unsigned host_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) == 0) {
		return 1;
	}
	return (unsigned)CPU_COUNT(&set);
}

static void open_junit(struct suite_options *o)
{
	int dir = open(o->real_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	o->junit_file = dir < 0 ? NULL : outfile_open(o->junit, dir);
	if (o->junit_file == NULL) {
		fail("--junit %s: %s", o->junit, strerror(errno));
	}
	close(dir);
}

int suite(int argc, char **argv)
{
	static struct suite s;

	s.o = (struct suite_options){ .jobs = host_cpus(), .timeout = 60 };
	parse(argc, argv, &s.o);
	suite_scan(&s);
	if (s.n == 0) {
		fail("%s: no static executables there", s.o.dir);
	}
	if (s.o.junit) {
		open_junit(&s.o);
	}
	if (s.o.native) {
		pool_run(s.o.jobs, native_next, &s);
	}
	if (s.o.one_vm) {
		suite_run_one_vm(&s);
	} else {
		suite_run_each(&s);
	}
	return suite_report(&s);
}
