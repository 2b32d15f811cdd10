/* SPDX-License-Identifier: MIT */
#pragma once
/* Of several names the one that a misspelt word most likely stands for, if any does. */
#include <stddef.h>

struct nearest {
	const char *word;
	size_t len;
	size_t distance;  /* of `best`; names at this distance or further are not taken */
	const char *best; /* NULL: none is near */
};

struct nearest nearest_to(const char *word, size_t len);

/* The name must outlive the answer. */
void nearest_try(struct nearest *n, const char *name);
