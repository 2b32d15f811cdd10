/* SPDX-License-Identifier: MIT */
/* What the stress programs found: odd combinations that once stopped the kernel. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>

/* A message queue is a regular file without a name. */
static void queue_as_file(void)
{
	mqd_t q = mq_open("/oddities", O_RDWR | O_CREAT, 0600, NULL);
	struct stat st;

	CHECK(q >= 0);
	CHECK(!ftruncate(q, 8) || errno == EINVAL);
	CHECK(!fstat(q, &st) && S_ISREG(st.st_mode));
	CHECK(!fchmod(q, 0640) || errno == EPERM);
	CHECK_ERR(fchdir(q), ENOTDIR);
	CHECK_ERR(openat(q, "x", O_RDONLY), ENOTDIR);
	CHECK(!close(q) && !mq_unlink("/oddities"));
}

/* Both ends of a pipe close at the same time: the reader wakes by the end of the writer. */
static void *close_write_end(void *arg)
{
	close((int)(intptr_t)arg);
	return NULL;
}
static void pipe_ends_together(void)
{
	for (int i = 0; i < 500; i++) {
		pthread_t t;
		int p[2];
		char c;

		CHECK(!pipe(p));
		CHECK(!pthread_create(&t, NULL, close_write_end, (void *)(intptr_t)p[1]));
		CHECK_EQ(read(p[0], &c, 1), 0);
		close(p[0]);
		CHECK(!pthread_join(t, NULL));
	}
}

/* Returns that a program makes by itself: QEMU's translator can't (SIGSEGV), but they end. */
static void by_iretq(void)
{
	__asm__ volatile("mov %%rsp, %%rax; sub $128, %%rsp; mov %%ss, %%ecx; push %%rcx;"
			 "push %%rax; pushfq; mov %%cs, %%ecx; push %%rcx;"
			 "lea 1f(%%rip), %%rcx; push %%rcx; iretq; 1:" ::
				 : "rax", "rcx", "memory", "cc");
}
static void by_lretq(void)
{
	__asm__ volatile("sub $128, %%rsp; mov %%cs, %%ecx; push %%rcx;"
			 "lea 1f(%%rip), %%rcx; push %%rcx; lretq; 1: add $128, %%rsp" ::
				 : "rcx", "memory", "cc");
}
static void returns_end(void)
{
	int how = in_child(by_iretq);

	CHECK(how == 0 || (on_corrida() && how == 256 + SIGSEGV));
	how = in_child(by_lretq);
	CHECK(how == 0 || (on_corrida() && how == 256 + SIGSEGV));
}

int main(void)
{
	RUN(returns_end);
	RUN(queue_as_file);
	RUN(pipe_ends_together);
	return test_done();
}
