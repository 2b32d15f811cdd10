/* SPDX-License-Identifier: MIT */
/* The first program: a greeting that shows where it runs. */
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct timespec up = { 0 };
	struct utsname os = { 0 };

	uname(&os);
	clock_gettime(CLOCK_BOOTTIME, &up);
	printf("Hello from %s", argv[0]);
	for (int i = 1; i < argc; i++) {
		printf(" %s", argv[i]);
	}
	printf(": pid %d on %s %s, %ld CPU%s, %.3f s after boot\n", (int)getpid(), os.sysname,
	       os.release, sysconf(_SC_NPROCESSORS_ONLN),
	       sysconf(_SC_NPROCESSORS_ONLN) == 1 ? "" : "s",
	       (double)up.tv_sec + (double)up.tv_nsec / 1e9);
	return 0;
}
