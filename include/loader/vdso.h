/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The vDSO: a small shared object that the kernel maps into every program, so that it can
 * read the clock without a system call.  loader/vdso/ has its source; the build links it
 * and loader/vdso_image.S embeds it, page aligned.
 *
 * In memory:   [vvar]  one page, clock_page (arch/clock.h), read-only
 *              [vdso]  the object itself, read and execute; AT_SYSINFO_EHDR points here
 *
 * Its code finds the clock page by its distance from itself, so it has no relocations.
 */
#include <lib/util.h>

struct mm;

/* Once, before the first program. */
void vdso_init(void);
/* Maps both and sets mm->vdso_base.  -ENOMEM. */
MUST_USE int vdso_map(struct mm *mm);
