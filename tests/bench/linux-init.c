/* SPDX-License-Identifier: MIT */
/*
 * /init of the Linux guest that benchmarks compare with: loads the modules that virtiofs
 * needs, mounts the share as the root, runs the program given after "--" on the kernel's
 * command line, and powers off.  As small as can be.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what)
{
	printf("linux-init: %s: %s\n", what, strerror(errno));
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void load_modules(void)
{
	/* virtio_ring before virtio: the latter uses the former in this kernel */
	static const char *const names[] = { "virtio_ring", "virtio", "virtio_mmio", "fuse",
					     "virtiofs" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/modules/%s.ko", names[i]);
		int fd = open(path, O_RDONLY);

		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0)) {
			die(path);
		}
		close(fd);
	}
}

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(s, SIOCSIFFLAGS, &r)) {
		printf("linux-init: lo: %s\n", strerror(errno));
	}
	close(s);
}

int main(int argc, char **argv)
{
	load_modules();
	mkdir("/share", 0755);
	if (mount("root", "/share", "virtiofs", 0, NULL)) {
		die("mount virtiofs");
	}
	mount("dev", "/share/dev", "devtmpfs", 0, NULL);
	mount("proc", "/share/proc", "proc", 0, NULL);
	mount("tmp", "/share/tmp", "tmpfs", 0, NULL);
	if (chdir("/share") || chroot(".") || argc < 2) {
		die("chroot");
	}
	loopback_up();
	pid_t pid = fork();

	if (!pid) {
		execv(argv[1], argv + 1);
		die(argv[1]);
	}
	int status;

	waitpid(pid, &status, 0);
	printf("linux-init: status %d\n", status);
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 0;
}
