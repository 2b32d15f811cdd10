/* SPDX-License-Identifier: MIT */
/* Limits of processes and IPC under /proc/sys, and /proc/sysvipc. */
#include <fs/pseudo/procfs.h>
#include <ipc/ipc.h>
#include <lib/log.h>
#include <proc/limits.h>
#include "ipc_internal.h"

static int show_threads(struct text_buf *t, void *arg)
{
	text_printf(t, "%u\n", proc_max_threads());
	return 0;
}

static int show_text(struct text_buf *t, void *arg)
{
	text_printf(t, "%s\n", (const char *)arg);
	return 0;
}

static int show_table(struct text_buf *t, void *arg)
{
	void (*show)(struct text_buf *) = (void (*)(struct text_buf *))arg;

	show(t);
	return 0;
}

struct entry {
	const char *path;
	int (*show)(struct text_buf *t, void *arg);
	const void *arg;
};

void ipc_proc_register(void)
{
	static const struct entry entries[] = {
		{ "sys/kernel/threads-max", show_threads, NULL },
		{ "sys/kernel/pid_max", show_text, "32768" },
		{ "sys/kernel/shmmax", show_text, "18446744073692774399" },
		{ "sys/kernel/shmall", show_text, "18446744073692774399" },
		{ "sys/kernel/shmmni", show_text, "4096" },
		{ "sys/kernel/sem", show_text, "32000\t1024000000\t500\t32000" },
		{ "sys/kernel/msgmax", show_text, "8192" },
		{ "sys/kernel/msgmnb", show_text, "16384" },
		{ "sys/kernel/msgmni", show_text, "32000" },
		{ "sys/fs/mqueue/queues_max", show_text, "256" },
		{ "sys/fs/mqueue/msg_max", show_text, "10" },
		{ "sys/fs/mqueue/msgsize_max", show_text, "8192" },
		{ "sys/fs/mqueue/msg_default", show_text, "10" },
		{ "sys/fs/mqueue/msgsize_default", show_text, "8192" },
	};
	int err = procfs_register("sysvipc/shm", 0444, show_table, NULL, (void *)shm_show);

	if (!err) {
		err = procfs_register("sysvipc/sem", 0444, show_table, NULL, (void *)sem_show);
	}
	if (!err) {
		err = procfs_register("sysvipc/msg", 0444, show_table, NULL, (void *)msg_show);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(entries) && !err; i++) {
		err = procfs_register(entries[i].path, 0444, entries[i].show, NULL,
				      (void *)(uintptr_t)entries[i].arg);
	}
	if (err) {
		log_warn("/proc: limits are missing (error %d)", -err);
	}
}
