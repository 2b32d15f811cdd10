/* SPDX-License-Identifier: MIT */
#pragma once
/* Flags of mount(2); those of statfs(2) have the same values. */

#define MS_NOSUID 2
#define MS_NODEV 4
#define MS_NOEXEC 8
