/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Frame of the guest tests: ordinary programs that must pass on Linux, too.  CHECK() in
 * functions, RUN() in main(), `return test_done();`.  Prints one TAP line per RUN.  A function
 * that cannot check anything here says so with SKIP_HERE(); what Linux did not skip must not be
 * skipped in the VM.  No test limits its own time: the runner does, by what the test gets.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int test_failed_here, test_count, test_failures;
static const char *test_skipped_here;

#define CHECK(cond)                                                                           \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			printf("# %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond, errno); \
			test_failed_here = 1;                                                 \
		}                                                                             \
	} while (0)
#define CHECK_EQ(a, b)                                                                         \
	do {                                                                                   \
		long long ca_ = (long long)(a), cb_ = (long long)(b);                          \
		if (ca_ != cb_) {                                                              \
			printf("# %s:%d: %s is %lld, not %s = %lld\n", __FILE__, __LINE__, #a, \
			       ca_, #b, cb_);                                                  \
			test_failed_here = 1;                                                  \
		}                                                                              \
	} while (0)
/* The call fails with this errno. */
#define CHECK_ERR(call, error)                                                                  \
	do {                                                                                    \
		errno = 0;                                                                      \
		long ce_ = (long)(call);                                                        \
		if (ce_ != -1 || errno != (error)) {                                            \
			printf("# %s:%d: %s gives %ld, errno %d, not %s\n", __FILE__, __LINE__, \
			       #call, ce_, errno, #error);                                      \
			test_failed_here = 1;                                                   \
		}                                                                               \
	} while (0)
#define RUN(fn)                                                                            \
	do {                                                                               \
		test_failed_here = 0;                                                      \
		test_skipped_here = NULL;                                                  \
		fn();                                                                      \
		test_count++;                                                              \
		test_failures += test_failed_here;                                         \
		printf("%s %d - %s", test_failed_here ? "not ok" : "ok", test_count, #fn); \
		if (test_skipped_here)                                                     \
			printf(" # SKIP %s", test_skipped_here);                           \
		printf("\n");                                                              \
		fflush(stdout);                                                            \
	} while (0)
/* Leaves a function that RUN() runs. */
#define SKIP_HERE(why)                     \
	do {                               \
		test_skipped_here = (why); \
		return;                    \
	} while (0)

static inline int test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failures || !test_count;
}

/* In the VM?  Only for what a bare chroot on the host's side lacks. */
__attribute__((unused)) static int on_corrida(void)
{
	struct utsname u;

	return uname(&u) == 0 && strstr(u.release, "corrida") != NULL;
}

/* Runs fn in a child process: its exit status, or 256 + signal.  A CHECK that fails in the
 * child makes it 255. */
__attribute__((unused)) static int in_child(void (*fn)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		test_failed_here = 0;
		fn();
		fflush(stdout);
		_exit(test_failed_here ? 255 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
