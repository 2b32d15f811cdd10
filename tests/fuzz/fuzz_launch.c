/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: kernel/lib/launch.c kernel/lib/cmdline.c kernel/lib/format.c tests/unit/shim/base.c tests/unit/shim/strings.c */
/* The launcher's blob. */
#include "fuzz.h"
#include <lib/launch_config.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *blob = malloc(size ? size : 1);
	const char *end = blob + size, *s;
	struct launch_config c;

	memcpy(blob, data, size);
	if (launch_parse(blob, size, &c) == 0) {
		const char **v = calloc((size_t)c.h.argc + c.h.envc + 1, sizeof(*v));

		CLAIM(!c.why && c.program[0] && c.cwd[0] == '/' && c.h.argc > 0);
		launch_vector(c.args, c.h.argc, v);
		launch_vector(c.env, c.h.envc, v + c.h.argc);
		for (uint32_t i = 0; i < c.h.argc + c.h.envc; i++)
			CLAIM(v[i] >= c.args && v[i] + strlen(v[i]) < end);
		s = c.h.envc ? v[c.h.argc + c.h.envc - 1] : v[c.h.argc - 1];
		CLAIM(launch_next(s) == end);
		free(v);
	} else {
		CLAIM(c.why);
	}
	free(blob);
	return 0;
}
