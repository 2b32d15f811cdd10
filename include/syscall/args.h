/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The argument kinds of syscall/args.def as C types (arg_ and its name), as conversions from a
 * register (from_fd() ...) and as numbers for the trace (ARG_fd ...).
 */
#include <lib/util.h>
#include <mm/user_ptr.h>

#define K(kind, type, show) typedef type arg_##kind;
#include "../../syscall/args.def"
#undef K

enum arg_kind {
	ARG_none,
#define K(kind, type, show) ARG_##kind,
#include "../../syscall/args.def"
#undef K
	ARG_KIND_COUNT
};

/* The low bytes of the register: little endian, so a union narrows and wraps alike. */
#define K(kind, type, show)                          \
	static inline type from_##kind(uint64_t reg) \
	{                                            \
		union {                              \
			uint64_t reg;                \
			type value;                  \
		} u = { .reg = reg };                \
		return u.value;                      \
	}
#include "../../syscall/args.def"
#undef K
