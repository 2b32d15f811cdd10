/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: kernel/lib/cmdline.c kernel/lib/launch.c kernel/lib/format.c tests/unit/shim/base.c tests/unit/shim/strings.c */
/* The kernel command line: words, values, virtio_mmio.device, and the debugging launch. */
#include "fuzz.h"
#include <lib/cmdline.h>
#include <lib/launch_config.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1), word[16], value[8];
	const char *s = line;
	struct cmdline_mmio m;
	static char blob[512];
	long n;

	memcpy(line, data, size);
	line[size] = '\0';
	while (cmdline_next(&s, word, sizeof(word))) {
		CLAIM(strlen(word) < sizeof(word));
		CLAIM(s <= line + strlen(line));
	}
	if (cmdline_get(line, "k", value, sizeof(value)))
		CLAIM(strlen(value) < sizeof(value));
	if (cmdline_parse_mmio(line, &m))
		CLAIM(m.size >= 0x100 && m.base + m.size > m.base && m.irq < 1024);
	n = launch_from_cmdline(line, blob, sizeof(blob));
	if (n > 0) {
		struct launch_config c;
		int err = launch_parse(blob, (size_t)n, &c);

		CLAIM((size_t)n <= sizeof(blob));
		/* what the line says may be nonsense, the blob's form is ours */
		CLAIM(!err || !strcmp(c.why, "no program") ||
		      !strcmp(c.why, "working directory not absolute"));
	}
	free(line);
	return 0;
}
