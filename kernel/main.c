/* SPDX-License-Identifier: MIT */
/*
 * The order of the boot, top to bottom.  The only file that may include every layer.
 *
 * kernel_main() runs on the boot CPU's first stack with interrupts off and becomes the idle
 * thread; what may sleep is in start_thread(), a kernel thread.  The other CPUs come up while
 * that thread talks to the devices.
 */
#include <arch/boot.h>
#include <arch/clock.h>
#include <arch/irq.h>
#include <arch/paging.h>
#include <arch/smp.h>
#include <arch/upcalls.h>
#include <fs/inode.h>
#include <fs/mount.h>
#include <host/hostctl.h>
#include <drivers/debug_exit.h>
#include <drivers/fw_cfg.h>
#include <drivers/pvclock.h>
#include <drivers/rtc.h>
#include <drivers/serial.h>
#include <drivers/virtio_mmio.h>
#include <fs/fuse/fuse.h>
#include <fs/fuse/fuse_transport.h>
#include <lib/assert.h>
#include <lib/launch_config.h>
#include <debug/log.h>
#include <linux/errno.h>
#include <loader/init.h>
#include <mm/kthread.h>
#include <mm/mm.h>
#include <mm/pagecache.h>
#include <mm/slab.h>
#include <net/socket.h>
#include <proc/task.h>
#include <sched/sched.h>
#include <syscall/dispatch.h>
#include <tty/tty.h>

static struct thread boot_idle;

/* An application processor: its idle thread is all it needs. */
static void ap_main(void)
{
	struct thread *idle = kzalloc(sizeof(*idle));

	if (!idle) {
		panic("no memory for the idle thread of CPU %u", cpu_id());
	}
	sched_init_cpu(idle);
	sched_run_idle();
}

/* What to run: the launcher's blob, or, when there is none, the kernel command line. */
static const struct launch_config *read_launch_config(void)
{
	static struct launch_config config;
	static char from_cmdline[sizeof(struct launch_header) + sizeof(boot_info.cmdline)];
	void *blob;
	size_t n;
	int err = fw_cfg_read_file(LAUNCH_FWCFG_NAME, LAUNCH_MAX_BLOB, &blob, &n);

	if (err == -ENOENT || err == -ENODEV) {
		long made = launch_from_cmdline(boot_info.cmdline, from_cmdline,
						sizeof(from_cmdline));

		if (made < 0) {
			hostctl_noexec(LAUNCH_STATUS_FAULT, ENOENT,
				       "nothing to run: no fw_cfg file " LAUNCH_FWCFG_NAME
				       " and no corrida.prog= on the kernel command line");
		}
		blob = from_cmdline;
		n = (size_t)made;
	} else if (err) {
		hostctl_noexec(LAUNCH_STATUS_FAULT, (uint32_t)-err,
			       "can't read fw_cfg file " LAUNCH_FWCFG_NAME);
	}
	if (launch_parse(blob, n, &config)) {
		hostctl_noexec(LAUNCH_STATUS_FAULT, EINVAL, config.why);
	}
	return &config;
}

static void mount_root(bool real_ids)
{
	struct fuse_transport *t = fuse_transport_find(LAUNCH_ROOT_TAG);
	struct superblock *sb;
	int err;

	if (!t) {
		hostctl_noexec(LAUNCH_STATUS_FAULT, ENODEV,
			       "no virtiofs device with the tag " LAUNCH_ROOT_TAG);
	}
	err = fuse_mount(t, real_ids, &sb);
	if (!err) {
		err = vfs_mount_root(sb);
	}
	if (err) {
		log_error("mounting the share: error %d", -err);
		hostctl_noexec(LAUNCH_STATUS_FAULT, (uint32_t)-err, "can't mount the share");
	}
}

static void start_thread(void *arg)
{
	const struct launch_config *config;

	smp_start_begin(ap_main);
	if (hostctl_init(debug_exit)) {
		panic("no memory for the control channel");
	}
	vfs_init();
	net_init();
	if (!virtio_mmio_init(boot_info.cmdline)) {
		panic("no virtio-mmio device on the kernel command line (QEMU: -M microvm,acpi=off)");
	}
	config = read_launch_config();
	if (config->h.flags & LAUNCH_KERNEL_LOG) {
		hostctl_log_start();
	}
	pagecache_subsystem_init();
	proc_init();
	tty_subsystem_init();

	mount_root(config->h.flags & LAUNCH_FUSE_IDS);
	smp_start_finish();
	clock_calibrate();
	log_info("%u CPUs, %lu MiB of memory", cpu_count(),
		 (unsigned long)(boot_info.total_ram >> 20));
	syscall_init(config);
	init_start(config);
}

void kernel_main(void)
{
	serial_init();
	hostctl_panic_init();
	debug_exit_init();

	boot_init();
	paging_init();
	smp_init();
	apic_init();
	ioapic_init();
	clock_init();
	if (!pvclock_init()) {
		rtc_init();
	}
	phys_init();
	slab_init();
	mm_subsystem_init();

	timer_subsystem_init();
	sched_init_cpu(&boot_idle);
	if (!kthread_start("start", start_thread, NULL)) {
		panic("no memory for the first thread");
	}
	sched_run_idle();
}
