/* SPDX-License-Identifier: MIT */
#include "nearest.h"

#include <string.h>

#define LONGEST 32

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Letters to insert, remove, change or swap with their neighbour. */
static size_t edits(const char *a, size_t n, const char *b, size_t m)
{
	size_t rows[3][LONGEST + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= m; j++) {
		last[j] = j;
	}
	for (size_t i = 1; i <= n; i++) {
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = smallest(last[j] + 1, row[j - 1] + 1,
					  last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j]) {
				row[j] = before[j - 2] + 1;
			}
		}
		before = last;
		last = row;
		row = free_row;
	}
	return last[m];
}

struct nearest nearest_to(const char *word, size_t len)
{
	/* a third of the letters may be wrong */
	return (struct nearest){ .word = word, .len = len, .distance = len / 3 + 2 };
}

void nearest_try(struct nearest *n, const char *name)
{
	size_t len = strlen(name), d;

	if (n->len < 2 || n->len > LONGEST || len > LONGEST) {
		return;
	}
	d = edits(n->word, n->len, name, len);
	/* a name that was cut short, or has something added */
	if (d > 1 && strncmp(n->word, name, n->len < len ? n->len : len) == 0) {
		d = 1;
	}
	if (d < n->distance && d < len) {
		n->distance = d;
		n->best = name;
	}
}
