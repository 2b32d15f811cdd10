/* SPDX-License-Identifier: MIT */
/* What the stress programs found: odd combinations that once stopped the kernel. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <mqueue.h>
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

int main(void)
{
	RUN(queue_as_file);
	return test_done();
}
