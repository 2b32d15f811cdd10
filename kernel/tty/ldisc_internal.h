/* SPDX-License-Identifier: MIT */
#pragma once
/* What ldisc.c (input, editing, reading) and ldisc_output.c (output, echo) share. */
#include <tty/ldisc.h>

#define DEL 0x7f

static inline bool has_iflag(const struct ldisc *l, uint32_t flag)
{
	return l->tio.iflag & flag;
}
static inline bool has_oflag(const struct ldisc *l, uint32_t flag)
{
	return l->tio.oflag & flag;
}
static inline bool has_lflag(const struct ldisc *l, uint32_t flag)
{
	return l->tio.lflag & flag;
}
/* Letters are those of Latin-1, as on Linux, whatever the program's character set. */
static inline bool is_upper(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}
static inline bool is_lower(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}
/* The rest of a UTF-8 character: takes no column. */
static inline bool is_continuation(const struct ldisc *l, uint8_t c)
{
	return has_iflag(l, IUTF8) && (c & 0xc0) == 0x80;
}
/* Echo goes out in order or is kept; what does not fit is lost. */
void ldisc_echo_raw(struct ldisc *l, const uint8_t *s, size_t n);
void ldisc_echo_byte(struct ldisc *l, uint8_t c);
/* As typed: control characters as ^X. */
void ldisc_echo_char(struct ldisc *l, uint8_t c);
