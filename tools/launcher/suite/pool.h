/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Runs many commands, a few at a time, each with a time limit and its output
 * captured.  Used by `corrida suite` on the host and, with --one-vm, by the same program
 * inside the VM; so it keeps to fork, pipe, poll and wait.
 *
 * Each command is a process group of its own, which is killed when its first
 * process has ended: what a test leaves behind does not disturb the next one.  When this program
 * ends by a signal, all groups do; even SIGKILL takes their first processes along.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TASK_OUTPUT 16384

struct task {
	/* set by the caller */
	const char *const *argv;
	const char *dir; /* where it runs; NULL = here */
	double timeout;	 /* seconds */
	void *cookie;
	void (*done)(struct task *t);
	/* valid in done() */
	int status; /* as a shell would say: 128 + n after signal n */
	bool timed_out;
	double seconds;
	size_t output_len;
	char output[TASK_OUTPUT]; /* the end of stdout and stderr together */
	/* private */
	pid_t pid;
	int pipe;
	double begin;
};

/* After fork(), in the child: it ends when its parent, whose number this is, does. */
void pool_die_with(pid_t parent);

/* next() fills in a task and returns true, or says that there are no more. */
void pool_run(unsigned jobs, bool (*next)(void *cookie, struct task *t), void *cookie);
