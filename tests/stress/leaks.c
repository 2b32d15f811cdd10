/* SPDX-License-Identifier: MIT */
/*
 * Looks for kernel memory that a program leaves behind: runs it again and again and compares
 * /proc/slabinfo and /proc/meminfo.  What grows with each run is a leak; caches grow once.
 *
 *     leaks RUNS PROG [ARG...]     inside Corrida
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX = 128 };
struct row {
	char name[48];
	long value;
};
struct snapshot {
	struct row rows[MAX];
	int n;
};

static void take(struct snapshot *s)
{
	char line[300];
	FILE *f = fopen("/proc/slabinfo", "r");

	s->n = 0;
	while (f && s->n < MAX && fgets(line, sizeof(line), f)) {
		struct row *r = &s->rows[s->n];

		s->n += line[0] != '#' && sscanf(line, "%47s %ld", r->name, &r->value) == 2;
	}
	if (f) {
		fclose(f);
	}
	f = fopen("/proc/meminfo", "r");
	while (f && s->n < MAX && fgets(line, sizeof(line), f)) {
		struct row *r = &s->rows[s->n];

		s->n += sscanf(line, "%47s %ld", r->name, &r->value) == 2;
	}
	if (f) {
		fclose(f);
	}
}

static int run(char **argv)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	while (waitpid(-1, &status, 0) > 0) {
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct snapshot first, last;
	int runs = argc > 2 ? atoi(argv[1]) : 0, leaks = 0;

	if (runs < 2) {
		fprintf(stderr, "usage: leaks RUNS PROG [ARG...]\n");
		return 2;
	}
	run(argv + 2);
	run(argv + 2); /* warms up */
	usleep(100000);
	take(&first);
	for (int i = 0; i < runs; i++) {
		run(argv + 2);
	}
	usleep(100000);
	take(&last);
	for (int i = 0; i < last.n; i++) {
		for (int k = 0; k < first.n; k++) {
			long grown = last.rows[i].value - first.rows[k].value;

			if (strcmp(last.rows[i].name, first.rows[k].name) || !grown) {
				continue;
			}
			printf("leaks: %-20s %+ld (%.2f a run), now %ld%s\n", last.rows[i].name,
			       grown, (double)grown / runs, last.rows[i].value,
			       grown >= runs && !strchr(last.rows[i].name, ':') ? "  LEAK?" : "");
			leaks += grown >= runs && !strchr(last.rows[i].name, ':');
		}
	}
	printf("leaks: %s after %d runs of %s\n", leaks ? "suspects" : "none", runs, argv[2]);
	return leaks ? 1 : 0;
}
