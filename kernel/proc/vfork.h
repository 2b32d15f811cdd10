/* SPDX-License-Identifier: MIT */
#pragma once
/* A CLONE_VFORK parent sleeps until the child lets go of the address space.  Counted by both, as
 * either may die first. */
#include <lib/util.h>

struct vfork_wait;
struct vfork_wait *vfork_wait_alloc(void); /* refs = 1: the child's */
struct vfork_wait *vfork_wait_get(struct vfork_wait *v);
void vfork_wait(struct vfork_wait *v); /* puts it; ends early when the caller is killed */
