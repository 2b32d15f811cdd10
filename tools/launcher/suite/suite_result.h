/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A result of --one-vm, as a line of the VM's stdout: SUITE_MARK INDEX STATUS TIMED_OUT SECONDS
 * LENGTH, and after it LENGTH bytes of output.  Every test in the VM can write such lines too: a test
 * that lies about others cannot be told from them, but no line does harm.
 */
#include <stdbool.h>
#include <stddef.h>

#define SUITE_MARK "@corrida-suite"

struct suite_result {
	size_t index;
	int status;
	bool timed_out;
	double seconds;
	size_t output_len;
};

/* False when the line is none, or says what cannot be: index below tests, output_len up to max. */
bool suite_result_parse(const char *line, size_t tests, size_t max, struct suite_result *r);
