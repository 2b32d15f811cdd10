/* SPDX-License-Identifier: MIT */
/* Ids, groups and capabilities: what one change leaves of the others. */
#define _GNU_SOURCE
#include "guest.h"

#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define SETUID_BIT (1u << CAP_SETUID)

static const char *self_path;

static struct __user_cap_data_struct caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	return d[0];
}
static int ambient(void)
{
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_SETUID, 0, 0);
}

/* Capabilities that are kept over setuid() are not ambient any more: an exec drops them. */
static void keep_child(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	CHECK_EQ(syscall(SYS_capget, &h, d), 0);
	d[0].inheritable = SETUID_BIT;
	CHECK_EQ(syscall(SYS_capset, &h, d), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0), 0);
	CHECK_EQ(ambient(), 1);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_EQ(ambient(), 0);
	CHECK(caps().permitted & SETUID_BIT);
	CHECK_EQ(caps().effective, 0);
}
static void keep_caps(void)
{
	CHECK_EQ(in_child(keep_child), 0);
}

static void exec_child(void)
{
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	execl(self_path, self_path, "--keeps", NULL);
	CHECK(0);
}
static void keep_caps_exec(void)
{
	CHECK_EQ(in_child(exec_child), 0);
}

static void groups_child(void)
{
	gid_t g[] = { 9, 3, 7, 3 }, got[8];

	CHECK_EQ(setgroups(4, g), 0);
	CHECK_EQ(getgroups(8, got), 4);
	CHECK(got[0] == 3 && got[1] == 3 && got[2] == 7 && got[3] == 9);
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(getgroups(8, got), 0);
}
static void groups_sorted(void)
{
	CHECK_EQ(in_child(groups_child), 0);
}

/* Only setfsuid() itself gives and takes what goes with the file-system uid. */
static void fs_child(void)
{
	uint32_t chown_bit = 1u << CAP_CHOWN, kill_bit = 1u << CAP_KILL;

	CHECK_EQ(setfsuid(77), 0);
	CHECK_EQ(caps().effective & (chown_bit | kill_bit), kill_bit);
	CHECK_EQ(setresuid((uid_t)-1, 1000, (uid_t)-1), 0);
	CHECK_EQ(caps().effective, 0);
	CHECK_EQ(setfsuid(0), 1000);
	CHECK_EQ(caps().effective & (chown_bit | kill_bit), chown_bit);
	CHECK_EQ(setresuid((uid_t)-1, 1000, (uid_t)-1), 0);
	CHECK_EQ(setfsuid((uid_t)-1), 1000);
	CHECK_EQ(caps().effective & (chown_bit | kill_bit), chown_bit);
}
static void fs_ids(void)
{
	CHECK_EQ(in_child(fs_child), 0);
}

int main(int argc, char **argv)
{
	self_path = argv[0];
	if (argc > 1 && !strcmp(argv[1], "--keeps"))
		return prctl(PR_GET_KEEPCAPS);
	RUN(keep_caps);
	RUN(keep_caps_exec);
	RUN(groups_sorted);
	RUN(fs_ids);
	return test_done();
}
