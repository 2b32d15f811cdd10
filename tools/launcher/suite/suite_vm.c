/* SPDX-License-Identifier: MIT */
/* The VMs of `corrida suite`: this program again, as `corrida run`. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lib/launch.h>

#include "pool.h"
#include "report.h"
#include "suite.h"

/* How much longer than its own timeout a launcher may take. */
#define GRACE 10.0

struct vm_job {
	struct suite *suite;
	struct suite_test *test;
	char *self, *timeout, *workdir, *prog;
	const char *argv[20];
};

static char *self_path(void)
{
	char *path = realpath("/proc/self/exe", NULL);

	if (path == NULL) {
		fail("/proc/self/exe: %s", strerror(errno));
	}
	return path;
}

static char *text(const char *fmt, ...) PRINTF(1);

static char *text(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0) {
		fail("out of memory");
	}
	va_end(ap);
	return s;
}

static void judge(struct suite *s, struct suite_test *t)
{
	t->outcome = t->status == 0 && !t->timed_out ? SUITE_PASSED : SUITE_FAILED;
	suite_show(t, &s->o);
}

static void vm_done(struct task *task)
{
	struct vm_job *job = task->cookie;
	struct suite_test *t = job->test;

	t->status = task->status;
	t->timed_out = task->timed_out || task->status == LAUNCH_STATUS_TIMEOUT;
	t->seconds = task->seconds;
	t->output = strndup(task->output, task->output_len);
	judge(job->suite, t);
	free(job->self);
	free(job->timeout);
	free(job->workdir);
	free(job->prog);
	free(job);
}

/* The words up to DIR that every VM of a suite has; returns their number. */
static size_t common_words(const struct suite_options *o, const char **argv, const char *self)
{
	size_t n = 0;

	argv[n++] = self;
	argv[n++] = "run";
	if (o->cpus) {
		argv[n++] = "--cpus";
		argv[n++] = o->cpus;
	}
	if (o->memory) {
		argv[n++] = "--memory";
		argv[n++] = o->memory;
	}
	return n;
}

static bool vm_next(void *cookie, struct task *task)
{
	struct suite *s = cookie;
	struct vm_job *job;
	const char *slash;
	size_t n;

	while (s->next < s->n && s->tests[s->next].outcome != SUITE_PENDING) {
		s->next++;
	}
	if (s->next == s->n) {
		return false;
	}
	job = calloc(1, sizeof(*job));
	if (job == NULL) {
		fail("out of memory");
	}
	job->suite = s;
	job->test = &s->tests[s->next++];
	slash = strrchr(job->test->path, '/');
	job->self = self_path();
	job->timeout = text("%g", s->o.timeout);
	job->workdir = text("/%.*s", slash ? (int)(slash - job->test->path) : 0, job->test->path);
	job->prog = text("/%s", job->test->path);
	n = common_words(&s->o, job->argv, job->self);
	job->argv[n++] = "--timeout";
	job->argv[n++] = job->timeout;
	job->argv[n++] = "--workdir";
	job->argv[n++] = job->workdir;
	job->argv[n++] = s->o.real_dir;
	job->argv[n++] = job->prog;
	job->argv[n] = NULL;
	task->argv = job->argv;
	task->dir = NULL;
	task->timeout = s->o.timeout + GRACE;
	task->cookie = job;
	task->done = vm_done;
	return true;
}

void suite_run_each(struct suite *s)
{
	s->next = 0;
	pool_run(s->o.jobs, vm_next, s);
}

/* --- one VM for all ---------------------------------------------------- */

static char *runner_on_host; /* to be removed on every way out */

static void remove_runner(void)
{
	if (runner_on_host) {
		(void)unlink(runner_on_host);
		runner_on_host = NULL;
	}
}

static void on_signal(int signo)
{
	remove_runner();
	signal(signo, SIG_DFL);
	(void)raise(signo);
}

/* Puts a copy of this (static) program into the share; returns its path there.  It stays for as long as
 * the VM needs to start it: nobody could remove it after a SIGKILL. */
static const char *install_runner(const struct suite *s)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to;
	struct stat st;
	off_t at = 0;
	uint64_t number = 0;
	char *path;

	/* A test of the VM before may have made whatever it could guess. */
	(void)getrandom(&number, sizeof(number), 0);
	path = text("%s/.corrida-suite-%016llx", s->o.real_dir, (unsigned long long)number);

	to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (from < 0 || to < 0 || fstat(from, &st) < 0) {
		fail("%s: %s", path, strerror(errno));
	}
	runner_on_host = path;
	while (at < st.st_size) {
		if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0) {
			fail("%s: %s", path, strerror(errno));
		}
	}
	close(from);
	close(to);
	return strrchr(path, '/');
}

/* Writes the list of pending tests to the VM, in a process of its own. */
static pid_t feed(const struct suite *s, int fd)
{
	const pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		pool_die_with(self);
		FILE *f = fdopen(fd, "w");

		signal(SIGPIPE, SIG_DFL);
		for (size_t i = 0; f && i < s->n; i++) {
			if (s->tests[i].outcome == SUITE_PENDING) {
				fprintf(f, "%zu %s", i, s->tests[i].path);
				fputc('\0', f);
			}
		}
		_exit(f == NULL || fclose(f) != 0);
	}
	return pid;
}

/* A test is root of the VM: it may stop what should have stopped it. */
static double time_for_all(const struct suite *s)
{
	double seconds = GRACE;

	for (size_t i = 0; i < s->n; i++) {
		if (s->tests[i].outcome == SUITE_PENDING) {
			seconds += s->o.timeout + 1;
		}
	}
	return seconds < 1e9 ? seconds : 1e9;
}

static pid_t start_vm(const struct suite *s, const char *runner, int in[2], int out[2])
{
	const char *argv[20];
	char *timeout = text("%g", s->o.timeout), *all = text("%g", time_for_all(s));
	size_t n = common_words(&s->o, argv, "/proc/self/exe");
	const pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		pool_die_with(self);
		argv[n++] = "--timeout";
		argv[n++] = all;
		argv[n++] = s->o.real_dir;
		argv[n++] = runner;
		argv[n++] = SUITE_INSIDE;
		argv[n++] = timeout;
		argv[n] = NULL;
		if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0) {
			_exit(LAUNCH_STATUS_FAULT);
		}
		closefrom(3);
		execv(argv[0], (char **)(void *)argv);
		_exit(LAUNCH_STATUS_FAULT);
	}
	free(timeout);
	free(all);
	return pid;
}

/* Reads results until the VM ends: SUITE_START, then for each test MARK INDEX STATUS
 * TIMED_OUT SECONDS LENGTH and that much output.  False when not even the start came. */
static bool read_results(struct suite *s, FILE *f)
{
	char line[256];
	bool started = false;

	while (fgets(line, sizeof(line), f)) {
		struct suite_result result;
		struct suite_test *t;

		if (strcmp(line, SUITE_START "\n") == 0) {
			started = true;
			remove_runner();
			continue;
		}
		if (!suite_result_parse(line, s->n, TASK_OUTPUT, &result) ||
		    s->tests[result.index].outcome != SUITE_PENDING) {
			report_text("", line, strlen(line));
			continue;
		}
		t = &s->tests[result.index];
		t->output = calloc(1, result.output_len + 1);
		if (t->output == NULL ||
		    fread(t->output, 1, result.output_len, f) != result.output_len) {
			break;
		}
		t->status = result.status;
		t->timed_out = result.timed_out;
		t->seconds = result.seconds;
		judge(s, t);
	}
	return started;
}

/* The VM has ended though tests are left: the first of those is to blame, or all
 * when it ended before the first.  True while another VM is worth a try. */
static bool blame_pending(struct suite *s, int status, bool all)
{
	for (size_t i = 0; i < s->n; i++) {
		struct suite_test *t = &s->tests[i];

		if (t->outcome != SUITE_PENDING) {
			continue;
		}
		t->status = status;
		t->output = text(all ? "the VM ended before the first test\n"
				     : "the VM ended with this test\n");
		t->outcome = SUITE_FAILED;
		suite_show(t, &s->o);
		if (!all) {
			return true;
		}
	}
	return false;
}

void suite_run_one_vm(struct suite *s)
{
	bool left = true;

	(void)atexit(remove_runner);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	while (left) {
		const char *runner = install_runner(s);
		int in[2], out[2], status = 0;
		bool started;
		pid_t vm, feeder;
		FILE *results;

		if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
			fail("pipe: %s", strerror(errno));
		}
		vm = start_vm(s, runner, in, out);
		close(out[1]);
		feeder = feed(s, in[1]);
		close(in[0]);
		close(in[1]);
		results = fdopen(out[0], "r");
		if (vm < 0 || feeder < 0 || results == NULL) {
			fail("%s", strerror(errno));
		}
		started = read_results(s, results);
		fclose(results);
		(void)waitpid(vm, &status, 0);
		(void)kill(feeder, SIGKILL);
		(void)waitpid(feeder, NULL, 0);
		left = blame_pending(s, WIFEXITED(status) ? WEXITSTATUS(status) : 255, !started);
		remove_runner();
	}
}
