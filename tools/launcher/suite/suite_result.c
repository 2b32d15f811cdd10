/* SPDX-License-Identifier: MIT */
#include "suite_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number of digits only, from 0 to max, and the space or the end behind it. */
static bool take_number(const char **p, size_t max, size_t *value)
{
	size_t n = 0;

	if (**p < '0' || **p > '9') {
		return false;
	}
	for (; **p >= '0' && **p <= '9'; ++*p) {
		n = n * 10 + (size_t)(**p - '0');
		if (n > max) {
			return false;
		}
	}
	if (**p != ' ' && **p != '\n') {
		return false;
	}
	*p += 1;
	*value = n;
	return true;
}

static bool take_seconds(const char **p, double *value)
{
	char *end;

	if (**p < '0' || **p > '9') {
		return false;
	}
	*value = strtod(*p, &end);
	if (*end != ' ' || !(*value >= 0 && *value < 1e9)) {
		return false;
	}
	*p = end + 1;
	return true;
}

bool suite_result_parse(const char *line, size_t tests, size_t max, struct suite_result *r)
{
	const size_t mark = strlen(SUITE_MARK " ");
	size_t status, timed_out;

	if (tests == 0 || strncmp(line, SUITE_MARK " ", mark) != 0) {
		return false;
	}
	line += mark;
	if (!take_number(&line, tests - 1, &r->index) || !take_number(&line, 255, &status) ||
	    !take_number(&line, 1, &timed_out) || !take_seconds(&line, &r->seconds) ||
	    !take_number(&line, max, &r->output_len) || *line) {
		return false;
	}
	r->status = (int)status;
	r->timed_out = timed_out != 0;
	return true;
}
