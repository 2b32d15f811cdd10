/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"
#include "timeline.h"

#define TICK_MS 20
#define EXEC_FAILED 126

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

static struct task **slots; /* of pool_run() */
static unsigned n_slots;

static double seconds_now(void)
{
	return (double)timeline_now() / 1e9;
}

/* What is ignored stays so. */
static void handle_ends(void (*handler)(int))
{
	struct sigaction action;

	for (size_t i = 0; i < sizeof(end_signals) / sizeof(end_signals[0]); i++) {
		if (sigaction(end_signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
			(void)signal(end_signals[i], handler);
		}
	}
}

static void on_end(int signo)
{
	for (unsigned i = 0; i < n_slots; i++) {
		if (slots[i]->pid > 0) {
			(void)kill(-slots[i]->pid, SIGKILL);
		}
	}
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
}

void pool_die_with(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		_exit(EXEC_FAILED);
	}
}

NORETURN static void run_child(const struct task *t, pid_t parent, int output)
{
	int null = open("/dev/null", O_RDONLY);

	(void)setpgid(0, 0);
	pool_die_with(parent);
	if (null >= 0) {
		(void)dup2(null, 0);
	}
	if (dup2(output, 1) < 0 || dup2(output, 2) < 0) {
		_exit(EXEC_FAILED);
	}
	closefrom(3);
	if (t->dir && chdir(t->dir) < 0) {
		dprintf(2, "%s: %s\n", t->dir, strerror(errno));
		_exit(EXEC_FAILED);
	}
	execv(t->argv[0], (char **)(void *)t->argv);
	dprintf(2, "%s: %s\n", t->argv[0], strerror(errno));
	_exit(EXEC_FAILED);
}

static void task_start(struct task *t)
{
	const pid_t self = getpid();
	sigset_t ends, before;
	int fds[2];

	t->output_len = 0;
	t->timed_out = false;
	if (pipe(fds) < 0) {
		fail("pipe: %s", strerror(errno));
	}
	t->begin = seconds_now();
	sigemptyset(&ends);
	for (size_t i = 0; i < sizeof(end_signals) / sizeof(end_signals[0]); i++) {
		sigaddset(&ends, end_signals[i]);
	}
	sigprocmask(SIG_BLOCK, &ends, &before);
	t->pid = fork();
	if (t->pid < 0) {
		fail("fork: %s", strerror(errno));
	}
	if (t->pid == 0) {
		handle_ends(SIG_DFL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		run_child(t, self, fds[1]);
	}
	(void)setpgid(t->pid, t->pid);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[1]);
	t->pipe = fds[0];
	(void)fcntl(t->pipe, F_SETFL, O_NONBLOCK);
}

/* Keeps the end of the output; false at its end. */
static bool task_read(struct task *t)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(t->pipe, buf, sizeof(buf))) > 0) {
		size_t len = (size_t)n, room = TASK_OUTPUT - t->output_len;

		if (len > room) {
			size_t drop = len - room;

			memmove(t->output, t->output + drop, t->output_len - drop);
			t->output_len -= drop;
		}
		memcpy(t->output + t->output_len, buf, len);
		t->output_len += len;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* True when the task is over and has been reported. */
static bool task_check(struct task *t)
{
	int status;
	pid_t pid;

	t->seconds = seconds_now() - t->begin;
	if (!t->timed_out && t->seconds > t->timeout) {
		t->timed_out = true;
		(void)kill(-t->pid, SIGKILL);
	}
	pid = waitpid(t->pid, &status, WNOHANG);
	if (pid == 0) {
		return false;
	}
	(void)kill(-t->pid, SIGKILL);
	(void)task_read(t);
	close(t->pipe);
	t->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	t->done(t);
	return true;
}

void pool_run(unsigned jobs, bool (*next)(void *cookie, struct task *t), void *cookie)
{
	struct pollfd *polls = calloc(jobs, sizeof(polls[0]));
	unsigned running = 0;
	bool more = true;

	slots = calloc(jobs, sizeof(struct task *));
	for (unsigned i = 0; slots && i < jobs; i++) {
		slots[i] = calloc(1, sizeof(*slots[i]));
		if (slots[i] == NULL) {
			fail("out of memory");
		}
	}
	if (slots == NULL || polls == NULL) {
		fail("out of memory");
	}
	n_slots = jobs;
	handle_ends(on_end);
	while (more || running > 0) {
		int wait = TICK_MS;

		for (unsigned i = 0; i < jobs; i++) {
			if (slots[i]->pid == 0 && more) {
				more = next(cookie, slots[i]);
				if (more) {
					task_start(slots[i]);
					running++;
				}
			}
			polls[i].fd = slots[i]->pid ? slots[i]->pipe : -1;
			polls[i].events = POLLIN;
		}
		(void)poll(polls, jobs, wait);
		for (unsigned i = 0; i < jobs; i++) {
			if (slots[i]->pid == 0) {
				continue;
			}
			/* After the end of the output the process is as good as gone. */
			if ((polls[i].revents && !task_read(slots[i]))) {
				(void)usleep(1000);
			}
			if (task_check(slots[i])) {
				slots[i]->pid = 0;
				running--;
			}
		}
	}
	handle_ends(SIG_DFL);
	n_slots = 0;
	for (unsigned i = 0; i < jobs; i++) {
		free(slots[i]);
	}
	free(slots);
	free(polls);
}
