/* SPDX-License-Identifier: MIT */
/* Ends as it is told: exits status N | signal N | abort | null | loop | hold. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_signal(int signo)
{
	static const char text[] = "caught\n";

	(void)!write(1, text, sizeof(text) - 1);
	_exit(signo);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (strcmp(how, "status") == 0) {
		return n;
	}
	if (strcmp(how, "signal") == 0) {
		kill(getpid(), n);
	} else if (strcmp(how, "abort") == 0) {
		abort();
	} else if (strcmp(how, "null") == 0) {
		*(volatile int *)0 = 1;
	} else if (strcmp(how, "loop") == 0) {
		for (;;) {
		}
	} else if (strcmp(how, "hold") == 0) {
		/* Sleeps; with a signal number as its argument it catches that one. */
		if (n > 0) {
			signal(n, on_signal);
		}
		puts("ready");
		fflush(stdout);
		for (;;) {
			pause();
		}
	}
	fprintf(stderr, "exits: what is '%s'?\n", how);
	return 99;
}
