/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * `corrida suite`: every test program below a directory, each in a VM of its own
 * or all in one, on this host's Linux first if asked to.
 *
 * A test is a static x86-64 executable; its exit status 0 means that it passed. A test
 * that fails on Linux too tells nothing about Corrida and counts as skipped.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "suite_result.h"

enum suite_outcome { SUITE_PENDING, SUITE_PASSED, SUITE_FAILED, SUITE_SKIPPED };

struct suite_test {
	char *path; /* below DIR, without a leading slash */
	enum suite_outcome outcome;
	int native_status; /* -1 = not run */
	int status;	   /* -1 = not run */
	bool timed_out;
	double seconds;
	char *output;	 /* the end of it, or NULL */
	const char *why; /* skipped: the reason */
};

struct suite_options {
	const char *dir, *real_dir, *junit, *filter, *cpus, *memory;
	unsigned jobs;
	double timeout;
	bool native, one_vm, verbose;
	FILE *junit_file; /* opened before any guest could change what the name means */
};

struct suite {
	struct suite_options o;
	struct suite_test *tests;
	size_t n, room;
	size_t next; /* of the pool */
};

int suite(int argc, char **argv);

/* suite_scan.c: fills in the tests, sorted by path. */
void suite_scan(struct suite *s);

/* suite_vm.c: runs what is pending, each in a VM of its own, or all in one. */
void suite_run_each(struct suite *s);
void suite_run_one_vm(struct suite *s);

/* suite_report.c: the table and the count; the exit status. */
int suite_report(const struct suite *s);
void suite_show(const struct suite_test *t, const struct suite_options *o);

/* suite_inside.c: the part that runs in the VM with --one-vm. */
int suite_inside(int argc, char **argv);
#define SUITE_INSIDE "__suite-inside"
#define SUITE_START SUITE_MARK " start"
