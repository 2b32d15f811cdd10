/* SPDX-License-Identifier: MIT */
/*
 * The system's names and their files.  uts_lock covers `uts`: a reader gets a whole name, never
 * half of one that is being set.
 */
#include <proc/hostname.h>

#include <fs/pseudo/procfs.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include <sync/spinlock.h>

static SPINLOCK(uts) uts_lock = SPINLOCK_INIT(RANK_LEAF, "uts");
static struct linux_utsname uts = {
	.sysname = UTS_SYSNAME,
	.nodename = "corrida",
	.release = UTS_RELEASE,
	.version = UTS_VERSION,
	.machine = UTS_MACHINE,
	.domainname = "(none)",
};

struct linux_utsname hostname_read(void)
{
	uint64_t flags = spin_lock_irqsave(&uts_lock);
	struct linux_utsname copy = uts;

	spin_unlock_irqrestore(&uts_lock, flags);
	return copy;
}

static void set_field(char field[UTS_LEN + 1], const char *name, size_t n)
{
	uint64_t flags;

	ASSERT(n <= UTS_LEN);
	flags = spin_lock_irqsave(&uts_lock);
	memset(field, 0, UTS_LEN + 1);
	memcpy(field, name, n);
	spin_unlock_irqrestore(&uts_lock, flags);
}

void hostname_set(const char *name, size_t n)
{
	set_field(uts.nodename, name, n);
}

void hostname_set_domain(const char *name, size_t n)
{
	set_field(uts.domainname, name, n);
}

/* arg: the field of `uts`. */
static int show_field(struct text_buf *t, void *arg)
{
	struct linux_utsname copy = hostname_read();

	text_printf(t, "%s\n", (const char *)&copy + ((const char *)arg - (const char *)&uts));
	return 0;
}

static int store_field(const char *buf, size_t n, void *arg)
{
	const char *end = memchr(buf, '\n', n);

	if (end) {
		n = (size_t)(end - buf);
	}
	set_field(arg, buf, MIN(n, (size_t)UTS_LEN));
	return 0;
}

static int show_version(struct text_buf *t, void *arg)
{
	text_printf(t, "%s version %s %s\n", UTS_SYSNAME, UTS_RELEASE, UTS_VERSION);
	return 0;
}

void hostname_register_files(void)
{
	static const struct {
		const char *path;
		char *field;
		int (*store)(const char *buf, size_t n, void *arg);
	} files[] = {
		{ "sys/kernel/hostname", uts.nodename, store_field },
		{ "sys/kernel/domainname", uts.domainname, store_field },
		{ "sys/kernel/ostype", uts.sysname, NULL },
		{ "sys/kernel/osrelease", uts.release, NULL },
		{ "sys/kernel/version", uts.version, NULL },
	};
	int err = procfs_register("version", 0444, show_version, NULL, NULL);

	for (unsigned i = 0; i < ARRAY_SIZE(files) && !err; i++) {
		err = procfs_register(files[i].path, files[i].store ? 0644 : 0444, show_field,
				      files[i].store, files[i].field);
	}
	if (err) {
		log_warn("/proc: the system's names are missing (error %d)", -err);
	}
}
