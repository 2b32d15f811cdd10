/* SPDX-License-Identifier: MIT */
/* The table of system calls as data: names, families and kinds of arguments, by number.  Constant;
 * the numbers have holes. */
#include <syscall/dispatch.h>

#define DESC(nr, call, lv, fam, n, ...) \
	[nr] = { .name = #call,         \
		 .family = #fam,        \
		 .level = SYSCALL_##lv, \
		 .nargs = n,            \
		 .kind = { __VA_ARGS__ } },

#define SYS0(nr, name, lv, fam, note) DESC(nr, name, lv, fam, 0, ARG_none)
#define SYS1(nr, name, lv, fam, k1, a1, note) DESC(nr, name, lv, fam, 1, ARG_##k1)
#define SYS2(nr, name, lv, fam, k1, a1, k2, a2, note) DESC(nr, name, lv, fam, 2, ARG_##k1, ARG_##k2)
#define SYS3(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, note) \
	DESC(nr, name, lv, fam, 3, ARG_##k1, ARG_##k2, ARG_##k3)
#define SYS4(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, note) \
	DESC(nr, name, lv, fam, 4, ARG_##k1, ARG_##k2, ARG_##k3, ARG_##k4)
#define SYS5(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, k5, a5, note) \
	DESC(nr, name, lv, fam, 5, ARG_##k1, ARG_##k2, ARG_##k3, ARG_##k4, ARG_##k5)
#define SYS6(nr, name, lv, fam, k1, a1, k2, a2, k3, a3, k4, a4, k5, a5, k6, a6, note) \
	DESC(nr, name, lv, fam, 6, ARG_##k1, ARG_##k2, ARG_##k3, ARG_##k4, ARG_##k5, ARG_##k6)

static const struct syscall_desc syscall_table[] = {
#include "../table.def"
};
const unsigned syscall_table_size = ARRAY_SIZE(syscall_table);

const struct syscall_desc *syscall_describe(uint32_t nr)
{
	if (nr >= syscall_table_size || !syscall_table[nr].name) {
		return NULL;
	}
	return &syscall_table[nr];
}
