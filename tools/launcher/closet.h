/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * For a QEMU that is not root, where there is no Landlock: a mount namespace with what Landlock would let it
 * read, so that the user's files have no names.  The user namespace that this takes also keeps it from
 * the memory of the user's other processes.
 */

/* In the child that becomes `program`; without capabilities afterwards, or where it could not be done as before. */
void closet_enter(const char *program);
