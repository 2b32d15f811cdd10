/* SPDX-License-Identifier: MIT */
#pragma once
/* personality(2). */
#define ADDR_NO_RANDOMIZE 0x0040000
#define PER_LINUX 0
#define PER_MASK 0xff
#define PERSONALITY_QUERY 0xffffffffu
