/* SPDX-License-Identifier: MIT */
/* Files of /proc: the limits of threads and IPC under /proc/sys, the objects in /proc/sysvipc. */
#include <fs/pseudo/procfs.h>
#include <ipc/ipc.h>
#include <debug/log.h>
#include <proc/limits.h>
#include <proc/pid.h>
#include "ipc_internal.h"

static int show_threads(struct text_buf *t, void *arg)
{
	text_printf(t, "%u\n", proc_max_threads());
	return 0;
}

static int show_number(struct text_buf *t, void *arg)
{
	text_printf(t, "%lu\n", *(const uint64_t *)arg);
	return 0;
}

static int show_sem(struct text_buf *t, void *arg)
{
	text_printf(t, "%d\t%d\t%d\t%d\n", SEMMSL, SEMMSL * SEMMNI, SEMOPM, SEMMNI);
	return 0;
}

void ipc_proc_register(void)
{
	static struct {
		const char *path;
		uint64_t value;
	} numbers[] = {
		{ "sys/kernel/pid_max", PID_MAX },
		{ "sys/kernel/shmmax", SHMMAX },
		{ "sys/kernel/shmall", SHMALL },
		{ "sys/kernel/shmmni", SHMMNI },
		{ "sys/kernel/msgmax", MSGMAX },
		{ "sys/kernel/msgmnb", MSGMNB },
		{ "sys/kernel/msgmni", MSGMNI },
		{ "sys/fs/mqueue/queues_max", MQ_QUEUES_MAX },
		{ "sys/fs/mqueue/msg_max", MQ_MSGS_MAX },
		{ "sys/fs/mqueue/msgsize_max", MQ_SIZE_MAX },
		{ "sys/fs/mqueue/msg_default", MQ_DEFAULT_MSGS },
		{ "sys/fs/mqueue/msgsize_default", MQ_DEFAULT_SIZE },
	};
	static const struct {
		const char *path;
		int (*show)(struct text_buf *t, void *arg);
		void *arg;
	} files[] = {
		{ "sys/kernel/threads-max", show_threads, NULL },
		{ "sys/kernel/sem", show_sem, NULL },
		{ "sysvipc/shm", ipc_show, &shm_table },
		{ "sysvipc/sem", ipc_show, &sem_table },
		{ "sysvipc/msg", ipc_show, &msg_table },
	};
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(numbers) && !err; i++) {
		err = procfs_register(numbers[i].path, 0444, show_number, NULL, &numbers[i].value);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(files) && !err; i++) {
		err = procfs_register(files[i].path, 0444, files[i].show, NULL, files[i].arg);
	}
	if (err) {
		log_warn("/proc: limits are missing (error %d)", -err);
	}
}
