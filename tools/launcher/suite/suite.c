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
#include "pool.h"
#include "report.h"

void suite_help(void)
{
	printf("Usage: corrida suite [OPTION...] DIR\n"
	       "\n"
	       "Runs every static executable below DIR as a test, in a VM whose root is DIR and in\n"
	       "the test's own directory. Exit status 0 of the test means passed. Ends with a table\n"
	       "of what did not pass and the line 'N passed, N failed, N skipped'.\n"
	       "\n"
	       "      --native          run each on this host's Linux first; what fails there is skipped\n"
	       "      --one-vm          all tests in one VM, one after the other\n"
	       "      --jobs N          so many VMs at a time; default: one for each CPU of the host\n"
	       "      --timeout SECONDS for each test; default 60\n"
	       "      --filter TEXT     only tests whose path contains TEXT\n"
	       "      --cpus N, --memory SIZE   of each VM, as for 'corrida run'\n"
	       "      --junit FILE      the results as JUnit XML\n"
	       "      --verbose         a line for each test, with the output of those that failed\n");
}

static const char *value_of(char **argv, int *i, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(argv[*i], name, len) != 0) {
		return NULL;
	}
	if (argv[*i][len] == '=') {
		return argv[*i] + len + 1;
	}
	if (argv[*i][len] != '\0') {
		return NULL;
	}
	if (argv[*i + 1] == NULL) {
		fail("%s wants a value ('corrida help suite')", name);
	}
	return argv[++*i];
}

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

static void parse(int argc, char **argv, struct suite_options *o)
{
	const char *jobs = NULL, *timeout = NULL, *v;
	int i = 0;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--native") == 0) {
			o->native = true;
		} else if (strcmp(argv[i], "--one-vm") == 0) {
			o->one_vm = true;
		} else if (strcmp(argv[i], "--verbose") == 0) {
			o->verbose = true;
		} else if (strcmp(argv[i], "--help") == 0) {
			suite_help();
			exit(0);
		} else if ((v = value_of(argv, &i, "--jobs"))) {
			jobs = v;
		} else if ((v = value_of(argv, &i, "--timeout"))) {
			timeout = v;
		} else if ((v = value_of(argv, &i, "--filter"))) {
			o->filter = v;
		} else if ((v = value_of(argv, &i, "--cpus"))) {
			o->cpus = v;
		} else if ((v = value_of(argv, &i, "--memory"))) {
			o->memory = v;
		} else if ((v = value_of(argv, &i, "--junit"))) {
			o->junit = v;
		} else {
			fail("unknown option '%s' ('corrida help suite' lists all)", argv[i]);
		}
	}
	if (argc - i != 1) {
		fail("corrida suite wants one DIR ('corrida help suite')");
	}
	parse_numbers(o, jobs, timeout);
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
