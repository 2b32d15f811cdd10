/* SPDX-License-Identifier: MIT */
/* FUZZ_SOURCES: tools/launcher/suite/suite_result.c */
/* A line of results from the VM of `corrida suite --one-vm`. */
#include "fuzz.h"
#include <suite/suite_result.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t tests[] = { 0, 1, 10, 5000, (size_t)-1 };
	struct suite_result r;
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = '\0';
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (!suite_result_parse(line, tests[i], 16384, &r))
			continue;
		CLAIM(r.index < tests[i] && r.output_len <= 16384);
		CLAIM(r.status >= 0 && r.status <= 255);
		CLAIM(r.seconds >= 0 && r.seconds < 1e9);
	}
	free(line);
	return 0;
}
