/* SPDX-License-Identifier: MIT */
#include <syscall/uts.h>

#include <fs/cred.h>
#include <fs/pseudo/procfs.h>
#include <lib/log.h>
#include <lib/string.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/utsname.h>
#include <mm/usercopy.h>
#include <sync/spinlock.h>
#include <syscall/syscalls.h>

static struct spinlock uts_lock = SPINLOCK_INIT(RANK_LEAF, "uts");
static struct linux_utsname uts = {
	.sysname = UTS_SYSNAME,
	.nodename = "corrida",
	.release = UTS_RELEASE,
	.version = UTS_VERSION,
	.machine = UTS_MACHINE,
	.domainname = "(none)",
};

static struct linux_utsname uts_read(void)
{
	uint64_t flags = spin_lock_irqsave(&uts_lock);
	struct linux_utsname copy = uts;

	spin_unlock_irqrestore(&uts_lock, flags);
	return copy;
}

static void uts_set(char field[UTS_LEN + 1], const char *name, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&uts_lock);

	memset(field, 0, UTS_LEN + 1);
	memcpy(field, name, n);
	spin_unlock_irqrestore(&uts_lock, flags);
}

long sys_uname(user_ptr buf)
{
	struct linux_utsname copy = uts_read();

	return copy_to_user(buf, &copy, sizeof(copy));
}

static long set_from_user(char field[UTS_LEN + 1], user_ptr name, int len)
{
	char text[UTS_LEN];
	int err;

	if (!cred_capable(CAP_SYS_ADMIN)) {
		return -EPERM;
	}
	if (len < 0 || len > UTS_LEN) {
		return -EINVAL;
	}
	err = copy_from_user(text, name, (size_t)len);
	if (!err) {
		uts_set(field, text, (size_t)len);
	}
	return err;
}
long sys_sethostname(user_ptr name, int len)
{
	return set_from_user(uts.nodename, name, len);
}
long sys_setdomainname(user_ptr name, int len)
{
	return set_from_user(uts.domainname, name, len);
}

/* arg: the field of `uts`. */
static int show_field(struct text_buf *t, void *arg)
{
	struct linux_utsname copy = uts_read();

	text_printf(t, "%s\n", (const char *)&copy + ((const char *)arg - (const char *)&uts));
	return 0;
}
static int store_field(const char *buf, size_t n, void *arg)
{
	const char *end = memchr(buf, '\n', n);

	if (end) {
		n = (size_t)(end - buf);
	}
	uts_set(arg, buf, MIN(n, (size_t)UTS_LEN));
	return 0;
}
static int show_version(struct text_buf *t, void *arg)
{
	(void)arg;
	text_printf(t, "%s version %s %s\n", UTS_SYSNAME, UTS_RELEASE, UTS_VERSION);
	return 0;
}

void uts_register_files(void)
{
	static const struct {
		const char *path;
		char *field;
		bool writable;
	} files[] = {
		{ "sys/kernel/hostname", uts.nodename, true },
		{ "sys/kernel/domainname", uts.domainname, true },
		{ "sys/kernel/ostype", uts.sysname, false },
		{ "sys/kernel/osrelease", uts.release, false },
		{ "sys/kernel/version", uts.version, false },
	};
	int err = procfs_register("version", 0444, show_version, NULL, NULL);

	for (unsigned i = 0; i < ARRAY_SIZE(files) && !err; i++) {
		err = procfs_register(files[i].path, files[i].writable ? 0644 : 0444, show_field,
				      files[i].writable ? store_field : NULL, files[i].field);
	}
	if (err) {
		log_warn("/proc: the system's names are missing (error %d)", -err);
	}
}
