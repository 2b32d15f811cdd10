/* SPDX-License-Identifier: MIT */
/*
 * snprintf.  What does not fit is counted and not written, so callers learn the length they need.
 */
#include <lib/format.h>
#include <lib/string.h>

struct out {
	char *buf;
	size_t size;
	size_t n;
};
struct spec {
	bool left, zero, plus, space, alt, precise;
	int width, precision;
	int longs; /* -2 hh, -1 h, 0 int, 1 l, 2 ll z j t */
};

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->size) {
		o->buf[o->n] = c;
	}
	o->n++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0) {
		put(o, c);
	}
}

static void put_string(struct out *o, const char *s, const struct spec *sp)
{
	size_t n;

	if (!s) {
		s = "(null)";
	}
	n = sp->precise ? strnlen(s, (size_t)sp->precision) : strlen(s);
	if (!sp->left) {
		pad(o, ' ', sp->width - (int)n);
	}
	for (size_t i = 0; i < n; i++) {
		put(o, s[i]);
	}
	if (sp->left) {
		pad(o, ' ', sp->width - (int)n);
	}
}

static void put_number(struct out *o, uint64_t v, unsigned base, bool upper, const char *prefix,
		       const struct spec *sp)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24];
	int n = 0, zeros, total, plen = (int)strlen(prefix);

	if (v || !sp->precise || sp->precision) {
		do {
			tmp[n++] = digits[v % base];
			v /= base;
		} while (v);
	}
	zeros = sp->precise ? sp->precision - n : 0;
	if (!sp->precise && sp->zero && !sp->left) {
		zeros = sp->width - n - plen;
	}
	zeros = zeros > 0 ? zeros : 0;
	total = n + zeros + plen;
	if (!sp->left) {
		pad(o, ' ', sp->width - total);
	}
	for (const char *p = prefix; *p; p++) {
		put(o, *p);
	}
	pad(o, '0', zeros);
	while (n) {
		put(o, tmp[--n]);
	}
	if (sp->left) {
		pad(o, ' ', sp->width - total);
	}
}

static int parse_int(const char **f)
{
	int v = 0;

	while (**f >= '0' && **f <= '9') {
		v = v * 10 + (*(*f)++ - '0');
	}
	return v;
}

static const char *parse_length(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case 'h': sp->longs--; break;
		case 'l': sp->longs++; break;
		case 'z':
		case 'j':
		case 't': sp->longs = 2; break;
		default: return f;
		}
	}
}

static const char *parse_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case '-': sp->left = true; break;
		case '0': sp->zero = true; break;
		case '+': sp->plus = true; break;
		case ' ': sp->space = true; break;
		case '#': sp->alt = true; break;
		default: return f;
		}
	}
}

static int64_t narrow_signed(int64_t v, int longs)
{
	switch (longs) {
	case -2: return (signed char)v;
	case -1: return (short)v;
	case 0: return (int)v;
	default: return v;
	}
}

static uint64_t narrow_unsigned(uint64_t v, int longs)
{
	switch (longs) {
	case -2: return (unsigned char)v;
	case -1: return (unsigned short)v;
	case 0: return (unsigned)v;
	default: return v;
	}
}

/* A va_list that can be passed by address on every ABI. */
struct args {
	va_list ap;
};

static uint64_t next_number(struct args *a, const struct spec *sp, bool is_signed)
{
	if (sp->longs > 0) {
		return va_arg(a->ap, uint64_t);
	}
	return is_signed ? (uint64_t)(int64_t)va_arg(a->ap, int) : va_arg(a->ap, unsigned);
}

static void convert(struct out *o, char c, struct spec *sp, struct args *a)
{
	switch (c) {
	case 'd':
	case 'i': {
		int64_t v = narrow_signed((int64_t)next_number(a, sp, true), sp->longs);
		const char *sign = v < 0 ? "-" : sp->plus ? "+" : sp->space ? " " : "";

		put_number(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, false, sign, sp);
		break;
	}
	case 'u':
		put_number(o, narrow_unsigned(next_number(a, sp, false), sp->longs), 10, false, "",
			   sp);
		break;
	case 'o':
		put_number(o, narrow_unsigned(next_number(a, sp, false), sp->longs), 8, false,
			   sp->alt ? "0" : "", sp);
		break;
	case 'x':
	case 'X': {
		uint64_t v = narrow_unsigned(next_number(a, sp, false), sp->longs);

		put_number(o, v, 16, c == 'X', sp->alt && v ? (c == 'X' ? "0X" : "0x") : "", sp);
		break;
	}
	case 'p': put_number(o, (uintptr_t)va_arg(a->ap, void *), 16, false, "0x", sp); break;
	case 'c': {
		char s[2] = { (char)va_arg(a->ap, int), 0 };

		if (s[0]) {
			put_string(o, s, sp);
		} else {
			put(o, 0);
		}
		break;
	}
	case 's': put_string(o, va_arg(a->ap, const char *), sp); break;
	default: put(o, c); /* %% and what is not known */
	}
}

int fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		struct spec sp = { 0 };

		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt = parse_flags(fmt + 1, &sp);
		if (*fmt == '*') {
			sp.width = va_arg(a.ap, int);
			fmt++;
			if (sp.width < 0) {
				sp.left = true;
				sp.width = -sp.width;
			}
		} else {
			sp.width = parse_int(&fmt);
		}
		if (*fmt == '.') {
			fmt++;
			sp.precise = true;
			if (*fmt == '*') {
				sp.precision = va_arg(a.ap, int);
				sp.precise = sp.precision >= 0;
				fmt++;
			} else {
				sp.precision = parse_int(&fmt);
			}
		}
		fmt = parse_length(fmt, &sp);
		if (!*fmt) {
			break;
		}
		convert(&o, *fmt++, &sp, &a);
	}
	va_end(a.ap);
	if (size) {
		buf[o.n < size ? o.n : size - 1] = 0;
	}
	return (int)o.n;
}

int fmt_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

bool parse_u64(const char *s, unsigned base, uint64_t *value, const char **end)
{
	uint64_t v = 0;
	bool any = false;

	if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x') {
		s += 2;
		base = 16;
	} else if (base == 0) {
		base = s[0] == '0' ? 8 : 10;
	}
	for (;; s++) {
		unsigned d = *s >= '0' && *s <= '9' ? (unsigned)(*s - '0')
			     : (*s | 0x20) >= 'a' && (*s | 0x20) <= 'f'
				     ? (unsigned)((*s | 0x20) - 'a' + 10)
				     : 99;
		if (d >= base) {
			break;
		}
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v)) {
			return false;
		}
		any = true;
	}
	*value = v;
	if (end) {
		*end = s;
	}
	return any;
}
