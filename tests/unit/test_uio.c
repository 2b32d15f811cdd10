/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/mm/uio.c tests/unit/shim/base.c */
#include "test.h"

#include <mm/uio.h>
#include <mm/usercopy.h>
#include <string.h>

/* "User memory": 4096 bytes at 0x1000, of which the last 100 fault. */
static unsigned char user[4096];
#define BASE 0x1000ul

static size_t reach(user_ptr p, size_t n)
{
	size_t end = sizeof(user) - 100, off = p.addr - BASE;

	return off >= end ? 0 : MIN(n, end - off);
}
size_t copy_to_user_partial(user_ptr dst, const void *src, size_t n)
{
	memcpy(user + (dst.addr - BASE), src, reach(dst, n));
	return reach(dst, n);
}
size_t copy_from_user_partial(void *dst, user_ptr src, size_t n)
{
	memcpy(dst, user + (src.addr - BASE), reach(src, n));
	return reach(src, n);
}
size_t clear_user_partial(user_ptr dst, size_t n)
{
	memset(user + (dst.addr - BASE), 0, reach(dst, n));
	return reach(dst, n);
}

static void scatters_and_gathers(void)
{
	struct uio_seg segs[] = {
		{ BASE + 10, 5 }, { BASE + 100, 0 }, { BASE + 200, 7 }, { BASE + 300, 0 }
	};
	struct uio u;
	char back[12];

	uio_init_segs(&u, segs, 4, 12);
	CHECK_EQ(uio_write_to(&u, "Hel", 3), 3);
	CHECK_EQ(uio_write_to(&u, "lo, world and more", 18), 9);
	CHECK_EQ(u.left, 0);
	CHECK(!memcmp(user + 10, "Hello", 5) && !memcmp(user + 200, ", world", 7));
	CHECK_EQ(uio_write_to(&u, "x", 1), 0);
	uio_rewind(&u, 12);
	CHECK_EQ(u.left, 12);
	CHECK_EQ(uio_read_from(&u, back, 12), 12);
	CHECK(!memcmp(back, "Hello, world", 12));
	uio_rewind(&u, 8);
	CHECK_EQ(uio_zero(&u, 100), 8);
	CHECK(user[13] == 'l' && user[14] == 0 && user[206] == 0);
}

static void stops_at_a_fault(void)
{
	struct uio_seg segs[] = { { BASE + 3900, 150 }, { BASE, 10 } };
	struct uio u;
	char buf[160] = { 1 };

	uio_init_segs(&u, segs, 2, 160);
	CHECK_EQ(uio_write_to(&u, buf, 160), 96);
	CHECK_EQ(u.left, 64);
	CHECK_EQ(uio_write_to(&u, buf, 160), 0);
	uio_rewind(&u, 96);
	CHECK_EQ(uio_read_from(&u, buf, 160), 96);
}

static void kernel_buffers(void)
{
	struct uio_seg seg;
	struct uio u;
	char buf[8] = "........", out[8];

	uio_init_kernel(&u, &seg, buf, 8);
	CHECK_EQ(uio_write_to(&u, "abc", 3), 3);
	CHECK_EQ(uio_zero(&u, 2), 2);
	uio_rewind(&u, 5);
	CHECK_EQ(uio_read_from(&u, out, 8), 8);
	CHECK(!memcmp(out, "abc\0\0...", 8));
}

int main(void)
{
	RUN(scatters_and_gathers);
	RUN(stops_at_a_fault);
	RUN(kernel_buffers);
	return test_done();
}
