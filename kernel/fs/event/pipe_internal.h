/* SPDX-License-Identifier: MIT */
#pragma once
/* Between pipe.c and pipe_splice.c; the theory is in <fs/event/pipe.h>. */
#include <fs/event/pipe.h>
#include <mm/phys.h>
#include <mm/uio.h>
#include <sync/mutex.h>
#include <sync/waitq.h>

struct user_account;
struct pipe {
	MUTEX(pipe) mutex;
	struct waitq readers_q, writers_q;	   /* data came / room came, and ends closing */
	struct page **pages GUARDED_BY(pipe_role); /* npages slots, NULL = no data there */
	struct page *spare GUARDED_BY(pipe_role);  /* one kept for the next write */
	unsigned npages;
	struct user_account *payer; /* [I] charged with npages */
	/* a splice has the oldest bytes, or the room, in hand: pipe_splice.c */
	bool taking GUARDED_BY(pipe_role), filling GUARDED_BY(pipe_role);
	size_t head, len; /* bytes: oldest at head; len is read without the mutex by poll */
	_Atomic unsigned nreaders, nwriters, users;
	unsigned reader_opens, writer_opens; /* for FIFO opens that wait for each other */
};

static inline size_t pipe_capacity(const struct pipe *p)
{
	return (size_t)p->npages * PAGE_SIZE;
}

/* The least of what is left in the page of `at`, a and b. */
static inline size_t pipe_part_of_page(size_t at, size_t a, size_t b)
{
	size_t n = MIN(a, b);

	return MIN(PAGE_SIZE - at % PAGE_SIZE, n);
}

/* Moves up to max bytes of u in; what fits.  -EFAULT, -ENOMEM when nothing moved. */
long pipe_fill_locked(struct pipe *p, struct uio *u, size_t max) REQUIRES(pipe_role);
/* The oldest n bytes go; they lie in one page. */
void pipe_drop_locked(struct pipe *p, size_t n) REQUIRES(pipe_role);
