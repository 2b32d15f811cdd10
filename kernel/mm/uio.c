/* SPDX-License-Identifier: MIT */
/*
 * Moving data through a list of segments.  A uio belongs to one call; it stands behind the last
 * byte that moved, also after a fault, so that the caller can report a short count or rewind.
 * The segments were checked when they were copied in; the copies check again.
 */
#include <mm/uio.h>

#include <lib/assert.h>
#include <lib/string.h>
#include <mm/usercopy.h>

void uio_init_segs(struct uio *u, const struct uio_seg *segs, unsigned n, uint64_t total)
{
	*u = (struct uio){ .segs = segs, .nsegs = n, .user = true, .left = total };
}

void uio_init_kernel(struct uio *u, struct uio_seg *seg, void *buf, size_t n)
{
	*seg = (struct uio_seg){ (uintptr_t)buf, n };
	uio_init_segs(u, seg, 1, n);
	u->user = false;
}

void uio_init_user(struct uio *u, struct uio_seg *seg, user_ptr buf, size_t n)
{
	*seg = (struct uio_seg){ buf.addr, n };
	uio_init_segs(u, seg, 1, n);
}

/* The next contiguous piece, at most n bytes; 0 at the end. */
static size_t uio_piece(struct uio *u, size_t n, uint64_t *addr)
{
	const struct uio_seg *s;

	if (n > u->left) {
		n = u->left;
	}
	if (n == 0) {
		return 0;
	}
	s = &u->segs[u->seg];
	while (u->seg_off == s->len) {
		u->seg++;
		u->seg_off = 0;
		ASSERT(u->seg < u->nsegs);
		s++;
	}
	*addr = s->base + u->seg_off;
	return MIN(n, s->len - u->seg_off);
}

static void uio_advance(struct uio *u, size_t n)
{
	u->seg_off += n;
	u->left -= n;
}

size_t uio_write_to(struct uio *u, const void *src, size_t n)
{
	const char *from = src;
	size_t done = 0, piece;
	uint64_t addr;

	while ((piece = uio_piece(u, n - done, &addr)) > 0) {
		size_t moved = piece;

		if (u->user) {
			moved = copy_to_user_partial((user_ptr){ addr }, from + done, piece);
		} else {
			memcpy((void *)addr, from + done, piece);
		}
		uio_advance(u, moved);
		done += moved;
		if (moved < piece) {
			break;
		}
	}
	return done;
}

size_t uio_read_from(struct uio *u, void *dst, size_t n)
{
	char *to = dst;
	size_t done = 0, piece;
	uint64_t addr;

	while ((piece = uio_piece(u, n - done, &addr)) > 0) {
		size_t moved = piece;

		if (u->user) {
			moved = copy_from_user_partial(to + done, (user_ptr){ addr }, piece);
		} else {
			memcpy(to + done, (const void *)addr, piece);
		}
		uio_advance(u, moved);
		done += moved;
		if (moved < piece) {
			break;
		}
	}
	return done;
}

size_t uio_zero(struct uio *u, size_t n)
{
	size_t done = 0, piece;
	uint64_t addr;

	while ((piece = uio_piece(u, n - done, &addr)) > 0) {
		size_t moved = piece;

		if (u->user) {
			moved = clear_user_partial((user_ptr){ addr }, piece);
		} else {
			memset((void *)addr, 0, piece);
		}
		uio_advance(u, moved);
		done += moved;
		if (moved < piece) {
			break;
		}
	}
	return done;
}

void uio_rewind(struct uio *u, size_t n)
{
	u->left += n;
	while (n > u->seg_off) {
		n -= u->seg_off;
		ASSERT(u->seg > 0);
		u->seg--;
		u->seg_off = u->segs[u->seg].len;
	}
	u->seg_off -= n;
}
