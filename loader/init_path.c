/* SPDX-License-Identifier: MIT */
/* Pure parts of init.c. */
#include <lib/launch_config.h>
#include <lib/string.h>
#include <loader/init.h>

const char *init_getenv(const char *env, unsigned count, const char *name)
{
	size_t n = strlen(name);

	for (unsigned i = 0; i < count; i++, env = launch_next(env)) {
		if (strncmp(env, name, n) == 0 && env[n] == '=') {
			return env + n + 1;
		}
	}
	return NULL;
}

bool init_next_candidate(const char **path, const char *prog, char *buf, size_t size)
{
	size_t prog_len = strlen(prog);

	while (*path) {
		const char *dir = *path;
		const char *colon = strchr(dir, ':');
		size_t n = colon ? (size_t)(colon - dir) : strlen(dir);

		*path = colon ? colon + 1 : NULL;
		if (n == 0) {
			dir = ".";
			n = 1;
		}
		if (n + 1 + prog_len + 1 > size) {
			continue;
		}
		memcpy(buf, dir, n);
		buf[n] = '/';
		memcpy(buf + n + 1, prog, prog_len + 1);
		return true;
	}
	return false;
}
