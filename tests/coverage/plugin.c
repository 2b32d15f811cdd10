/* SPDX-License-Identifier: MIT */
/*
 * A plugin of QEMU (TCG) that writes down which instructions of the kernel were reached:
 *
 *     -plugin .../plugin.so,from=ADDRESS,to=ADDRESS,out=FILE
 *
 * QEMU translates a block when it is about to run it for the first time, so the translations alone
 * say it, and a run costs nothing.  FILE gets one byte for each address of [from, to): 1 where an
 * instruction that was reached starts.  A block that ends early, in a fault, counts as a whole.
 *
 * Debian has no header for plugins: what is used of version 1 of that interface is declared here.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

static uint64_t from, to;
static uint8_t *reached; /* the file itself, so that nothing is lost however QEMU ends */

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		uint64_t at = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, i));

		if (at >= from && at < to) {
			reached[at - from] = 1; /* vCPUs store the same */
		}
	}
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	int fd = -1;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "from=", 5)) {
			from = strtoull(argv[i] + 5, NULL, 0);
		} else if (!strncmp(argv[i], "to=", 3)) {
			to = strtoull(argv[i] + 3, NULL, 0);
		} else if (!strncmp(argv[i], "out=", 4)) {
			fd = open(argv[i] + 4, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
		}
	}
	if (fd < 0 || from >= to || ftruncate(fd, (off_t)(to - from))) {
		return 1;
	}
	reached = mmap(NULL, to - from, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (reached == MAP_FAILED) {
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
