/* SPDX-License-Identifier: MIT */
/* What a program sees of its VM, in a few lines: `make run` shows it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int failures;

static void complain(const char *what)
{
	fprintf(stderr, "tour: %s: %s\n", what, strerror(errno));
	failures++;
}

static void show_system(void)
{
	struct utsname os;
	struct timespec up;
	struct sysinfo si;
	time_t now = time(NULL);
	char when[64];

	if (uname(&os) < 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0 || sysinfo(&si) < 0) {
		complain("system");
		return;
	}
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", gmtime(&now));
	printf("system     %s %s %s\n", os.sysname, os.release, os.machine);
	printf("CPUs       %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	printf("memory     %llu MiB, %llu MiB free\n",
	       (unsigned long long)si.totalram * si.mem_unit >> 20,
	       (unsigned long long)si.freeram * si.mem_unit >> 20);
	printf("booted     %.1f ms ago, it is now %s\n",
	       (double)up.tv_sec * 1e3 + (double)up.tv_nsec / 1e6, when);
	printf("identity   pid %d, parent %d, uid %d, gid %d\n", (int)getpid(), (int)getppid(),
	       (int)getuid(), (int)getgid());
}

static void show_directory(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	if (d == NULL) {
		complain(path);
		return;
	}
	printf("%-10s", path);
	while ((e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] == '.') {
			continue;
		}
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			complain(e->d_name);
			continue;
		}
		if (++n <= 12) {
			printf(" %s%s", e->d_name, S_ISDIR(st.st_mode) ? "/" : "");
		}
	}
	printf(n > 12 ? " and %d more\n" : "\n", n - 12);
	closedir(d);
}

/* What is written here is in the host's directory afterwards. */
static void show_share(void)
{
	static const char text[] = "written inside the VM\n";
	struct statvfs fs;
	char back[64];
	ssize_t n;
	int fd = open("/tour.txt", O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0) {
		complain("/tour.txt");
		return;
	}
	if (write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1) {
		complain("write");
	}
	n = pread(fd, back, sizeof(back), 0);
	if (n != (ssize_t)sizeof(text) - 1 || memcmp(back, text, (size_t)n) != 0) {
		complain("read back");
	}
	close(fd);
	if (statvfs("/", &fs) == 0) {
		printf("share      %llu MiB free on the host\n",
		       (unsigned long long)fs.f_bavail * fs.f_frsize >> 20);
	}
}

int main(int argc, char **argv)
{
	show_system();
	if (argc < 2) {
		show_directory("/");
	}
	for (int i = 1; i < argc; i++) {
		show_directory(argv[i]);
	}
	show_share();
	return failures != 0;
}
