/* SPDX-License-Identifier: MIT */
/*
 * The fixed text files of /proc and /sys.  Show functions run under the lock of the open file's
 * text only, on any number of CPUs at once: they read counters, and own nothing but the boot id.
 */
#include "procfs_internal.h"

#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/paravirt.h>
#include <fs/file.h>
#include <fs/inode.h>
#include <lib/format.h>
#include <sync/random.h>
#include <lib/string.h>
#include <fs/event/epoll.h>
#include <fs/event/notify.h>
#include <fs/event/pipe.h>
#include <linux/capability.h>
#include <linux/socket.h>
#include <mm/phys.h>
#include <mm/slab.h>
#include <sched/sched.h>

static int show_cpuinfo(struct text_buf *t, void *arg)
{
	char *buf = kmalloc(PAGE_SIZE);

	(void)arg;
	if (!buf) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < cpu_count(); i++) {
		buf[0] = '\0';
		cpu_info_text(i, buf, PAGE_SIZE);
		text_write(t, buf, strlen(buf));
	}
	kfree(buf);
	return 0;
}
static void show_kib(struct text_buf *t, const char *name, uint64_t pages)
{
	char label[32];

	fmt_snprintf(label, sizeof(label), "%s:", name);
	text_printf(t, "%-16s%8llu kB\n", label, (unsigned long long)(pages * (PAGE_SIZE / 1024)));
}
static int show_meminfo(struct text_buf *t, void *arg)
{
	struct mem_stats m;

	(void)arg;
	mem_get_stats(&m);
	show_kib(t, "MemTotal", m.total_pages);
	show_kib(t, "MemFree", m.free_pages);
	show_kib(t, "MemAvailable", m.free_pages + m.cache_pages);
	show_kib(t, "Buffers", 0);
	show_kib(t, "Cached", m.cache_pages);
	show_kib(t, "SwapCached", 0);
	show_kib(t, "Active", m.anon_pages);
	show_kib(t, "Inactive", m.cache_pages);
	show_kib(t, "SwapTotal", 0);
	show_kib(t, "SwapFree", 0);
	show_kib(t, "Dirty", 0);
	show_kib(t, "Writeback", 0);
	show_kib(t, "AnonPages", m.anon_pages);
	show_kib(t, "Mapped", 0);
	show_kib(t, "Shmem", 0);
	show_kib(t, "Slab", m.slab_pages);
	show_kib(t, "PageTables", m.table_pages);
	show_kib(t, "CommitLimit", m.total_pages);
	show_kib(t, "Committed_AS", m.anon_pages);
	text_printf(t, "HugePages_Total:       0\nHugePages_Free:        0\n"
		       "Hugepagesize:       2048 kB\n");
	return 0;
}
static void show_slab(const struct slab_usage *u, void *arg)
{
	/* As slabinfo(5); the columns that say nothing here are 0. */
	uint64_t slabs = u->pages;

	text_printf(arg, "%-20s %6llu %6llu %6lu 0 0 : tunables 0 0 0 : slabdata %llu %llu 0\n",
		    u->name, (unsigned long long)u->used, (unsigned long long)u->total,
		    (unsigned long)u->object_size, (unsigned long long)slabs,
		    (unsigned long long)slabs);
}
static int show_slabinfo(struct text_buf *t, void *arg)
{
	(void)arg;
	text_printf(t, "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize> "
		       "<objperslab> <pagesperslab> : tunables <limit> <batchcount> "
		       "<sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	slab_for_each(show_slab, t);
	return 0;
}
static int show_uptime(struct text_buf *t, void *arg)
{
	uint64_t up = clock_mono_ns() / 10000000, idle = 0;

	(void)arg;
	for (unsigned i = 0; i < cpu_count(); i++) {
		idle += sched_idle_ns(i);
	}
	idle /= 10000000;
	text_printf(t, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(up / 100),
		    (unsigned long long)(up % 100), (unsigned long long)(idle / 100),
		    (unsigned long long)(idle % 100));
	return 0;
}
static int count_pids(void)
{
	int n = 0;

	for (int pid = 0; proc_source && (pid = proc_source->next_pid(pid)) > 0;) {
		n++;
	}
	return n;
}
static int show_loadavg(struct text_buf *t, void *arg)
{
	uint64_t load[3];

	(void)arg;
	sched_loadavg(load);
	for (int i = 0; i < 3; i++) {
		text_printf(t, "%llu.%02llu ", (unsigned long long)(load[i] >> 16),
			    (unsigned long long)((load[i] & 0xffff) * 100 >> 16));
	}
	text_printf(t, "%u/%d %d\n", sched_runnable_count(), count_pids(),
		    proc_source && proc_source->last_pid ? proc_source->last_pid() : 0);
	return 0;
}
static void stat_cpu(struct text_buf *t, const char *name, uint64_t busy_ns, uint64_t idle_ns,
		     uint64_t stolen_ns)
{
	text_printf(t, "%s %llu 0 0 %llu 0 0 0 %llu 0 0\n", name,
		    (unsigned long long)(busy_ns / 10000000),
		    (unsigned long long)(idle_ns / 10000000),
		    (unsigned long long)(stolen_ns / 10000000));
}
static uint64_t busy_ns(uint64_t up, uint64_t idle, uint64_t stolen)
{
	return up > idle + stolen ? up - idle - stolen : 0;
}
static int show_stat(struct text_buf *t, void *arg)
{
	uint64_t now = clock_mono_ns(), idle = 0, stolen = 0, n = cpu_count();
	int64_t boot = (clock_wall_offset_ns()) / (int64_t)NSEC_PER_SEC;
	char name[16];

	(void)arg;
	for (unsigned i = 0; i < n; i++) {
		idle += sched_idle_ns(i);
		stolen += paravirt_stolen_ns(i);
	}
	stat_cpu(t, "cpu ", busy_ns(now * n, idle, stolen), idle, stolen);
	for (unsigned i = 0; i < n; i++) {
		uint64_t one = sched_idle_ns(i), steal = paravirt_stolen_ns(i);

		fmt_snprintf(name, sizeof(name), "cpu%u", i);
		stat_cpu(t, name, busy_ns(now, one, steal), one, steal);
	}
	text_printf(
		t,
		"intr 0\nctxt %llu\nbtime %lld\nprocesses %llu\nprocs_running %u\n"
		"procs_blocked 0\n",
		(unsigned long long)sched_switch_count(), (long long)boot,
		(unsigned long long)(proc_source && proc_source->forks ? proc_source->forks() : 0),
		sched_runnable_count());
	return 0;
}
static int show_mounts(struct text_buf *t, void *arg)
{
	mounts_show(t, arg != NULL);
	return 0;
}
static int show_uuid(struct text_buf *t, void *arg)
{
	static uint8_t boot_id[16];
	static bool made;
	uint8_t id[16];
	bool boot = arg != NULL;

	if (!boot || !made) {
		random_bytes(id, sizeof(id));
		id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
		id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	}
	if (boot && !made) {
		memcpy(boot_id, id, sizeof(id));
		made = true;
	}
	for (unsigned i = 0; i < 16; i++) {
		text_printf(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			    boot ? boot_id[i] : id[i]);
	}
	text_printf(t, "\n");
	return 0;
}
static int show_string(struct text_buf *t, void *arg)
{
	text_printf(t, "%s\n", (const char *)arg);
	return 0;
}
static int show_cpus(struct text_buf *t, void *arg)
{
	(void)arg;
	if (cpu_count() > 1) {
		text_printf(t, "0-%u\n", cpu_count() - 1);
	} else {
		text_printf(t, "0\n");
	}
	return 0;
}
static int show_pipe_max(struct text_buf *t, void *arg)
{
	(void)arg;
	text_printf(t, "%llu\n", (unsigned long long)pipe_max_size);
	return 0;
}
static int show_file_max(struct text_buf *t, void *arg)
{
	(void)arg;
	text_printf(t, "%llu\n", (unsigned long long)file_max());
	return 0;
}
static int show_file_nr(struct text_buf *t, void *arg)
{
	(void)arg;
	text_printf(t, "%llu\t0\t%llu\n", (unsigned long long)file_count(),
		    (unsigned long long)file_max());
	return 0;
}
static int show_epoll_max(struct text_buf *t, void *arg)
{
	(void)arg;
	text_printf(t, "%llu\n", (unsigned long long)epoll_max_watches());
	return 0;
}
/* Settings that programs write for good measure: taken, without effect. */
static int store_ignored(const char *buf, size_t n, void *arg)
{
	(void)buf;
	(void)n;
	(void)arg;
	return 0;
}

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

struct text_entry {
	const char *path;
	int (*show)(struct text_buf *t, void *arg);
	const char *arg;
	bool writable;
};
static const char filesystems[] = "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n"
				  "nodev\tvirtiofs";
static const struct text_entry proc_files[] = {
	{ "cpuinfo", show_cpuinfo, NULL, false },
	{ "meminfo", show_meminfo, NULL, false },
	{ "slabinfo", show_slabinfo, NULL, false },
	{ "uptime", show_uptime, NULL, false },
	{ "loadavg", show_loadavg, NULL, false },
	{ "stat", show_stat, NULL, false },
	{ "mounts", show_mounts, NULL, false },
	{ "filesystems", show_string, filesystems, false },
	{ "interrupts", show_string, "           CPU0", false },
	{ "cmdline", show_string, "corrida", false },
	{ "devices", show_string, "Character devices:\n  1 mem\n  5 /dev/tty\n136 pts", false },
	{ "swaps", show_string, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority", false },
	{ "sys/kernel/cap_last_cap", show_string, TEXT_OF(CAP_LAST), false },
	{ "sys/kernel/ngroups_max", show_string, "64", false },
	{ "sys/kernel/overflowuid", show_string, "65534", true },
	{ "sys/kernel/overflowgid", show_string, "65534", true },
	{ "sys/kernel/core_pattern", show_string, "core", true },
	{ "sys/kernel/randomize_va_space", show_string, "2", true },
	{ "sys/kernel/random/boot_id", show_uuid, "boot", false },
	{ "sys/kernel/random/uuid", show_uuid, NULL, false },
	{ "sys/kernel/random/entropy_avail", show_string, "256", false },
	{ "sys/kernel/random/poolsize", show_string, "256", false },
	{ "sys/kernel/yama/ptrace_scope", show_string, "0", false },
	{ "sys/vm/overcommit_memory", show_string, "0", true },
	{ "sys/vm/overcommit_ratio", show_string, "50", true },
	{ "sys/vm/max_map_count", show_string, "65530", true },
	{ "sys/vm/swappiness", show_string, "0", true },
	{ "sys/vm/mmap_min_addr", show_string, "65536", false },
	{ "sys/fs/epoll/max_user_watches", show_epoll_max, NULL, true },
	{ "sys/fs/file-max", show_file_max, NULL, true },
	{ "sys/fs/inotify/max_queued_events", show_string, "16384", true },
	{ "sys/fs/inotify/max_user_instances", show_string, TEXT_OF(INOTIFY_MAX_INSTANCES), true },
	{ "sys/fs/inotify/max_user_watches", show_string, TEXT_OF(INOTIFY_MAX_WATCHES), true },
	{ "sys/fs/file-nr", show_file_nr, NULL, false },
	{ "sys/fs/nr_open", show_string, TEXT_OF(NR_OPEN_MAX), true },
	{ "sys/fs/protected_hardlinks", show_string, "1", false },
	{ "sys/fs/protected_symlinks", show_string, "1", false },
	{ "sys/fs/pipe-max-size", show_pipe_max, NULL, true },
	{ "sys/fs/pipe-user-pages-hard", show_string, "0", true },
	{ "sys/fs/pipe-user-pages-soft", show_string, TEXT_OF(PIPE_USER_PAGES_SOFT), true },
	{ "sys/net/core/rmem_default", show_string, "212992", true },
	{ "sys/net/core/rmem_max", show_string, "4194304", true },
	{ "sys/net/core/wmem_default", show_string, "212992", true },
	{ "sys/net/core/wmem_max", show_string, "4194304", true },
	{ "sys/net/core/somaxconn", show_string, TEXT_OF(SOMAXCONN), true },
	{ "sys/net/ipv4/ip_local_port_range", show_string, "32768\t60999", true },
	{ "sys/net/ipv4/tcp_max_syn_backlog", show_string, "512", true },
};
static const struct text_entry sys_files[] = {
	{ "devices/system/cpu/online", show_cpus, NULL, false },
	{ "devices/system/cpu/possible", show_cpus, NULL, false },
	{ "devices/system/cpu/present", show_cpus, NULL, false },
	{ "devices/system/node/online", show_string, "0", false },
	{ "devices/system/clocksource/clocksource0/current_clocksource", show_string, "tsc",
	  false },
	{ "devices/system/clocksource/clocksource0/available_clocksource", show_string, "tsc",
	  false },
	{ "kernel/mm/transparent_hugepage/enabled", show_string, "[always] madvise never", true },
	{ "kernel/mm/transparent_hugepage/hpage_pmd_size", show_string, "2097152", false },
};

static int add_all(struct superblock *sb, const struct text_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = pseudo_add_text(sb, e[i].path, e[i].writable ? 0644 : 0444, e[i].show,
					  e[i].writable ? store_ignored : NULL,
					  (void *)(uintptr_t)e[i].arg);

		if (err) {
			return err;
		}
	}
	return 0;
}
int procfs_add_text_files(struct superblock *sb)
{
	return add_all(sb, proc_files, ARRAY_SIZE(proc_files));
}
int sysfs_add_text_files(struct superblock *sb)
{
	return add_all(sb, sys_files, ARRAY_SIZE(sys_files));
}
