/* SPDX-License-Identifier: MIT */
/* The registration of what proc does for fs.  Written once, by one thread, before programs run. */
#include <fs/upcalls.h>

#include <lib/assert.h>

const struct fs_upcalls *fs_upcalls;

void fs_upcalls_register(const struct fs_upcalls *u)
{
	ASSERT(!fs_upcalls);
	ASSERT(u->current_pid && u->rlimit && u->send_sigxfsz && u->send_sigpipe && u->send_sigio &&
	       u->drop_owner);
	fs_upcalls = u;
}
