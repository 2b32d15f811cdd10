/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Small kernel memory.  Size classes up to 2 KiB with per-CPU free lists, whole pages
 * above.  Debug builds poison freed objects, check red zones and double frees.
 * Any context (no sleep); NULL when out of memory.
 */
#include <lib/util.h>

void *kmalloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *kzalloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *kcalloc(size_t n, size_t size); /* zeroed; overflow gives NULL */
void *krealloc(void *p, size_t size);
void kfree(const void *p); /* NULL is fine */
char *kstrdup(const char *s);
void *kmemdup(const void *p, size_t n);

/* A cache of objects of one type (align: power of two, 0 = natural). */
struct kmem_cache;
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void *kmem_cache_alloc(struct kmem_cache *c); /* contents undefined */
void *kmem_cache_zalloc(struct kmem_cache *c);
void kmem_cache_free(struct kmem_cache *c, void *p);

/* What each cache holds (/proc/slabinfo, the search for leaks); each CPU's free objects are read without a lock. */
struct slab_usage {
	const char *name;
	size_t object_size;
	uint64_t used, total; /* objects */
	uint64_t pages;
};
void slab_for_each(void (*fn)(const struct slab_usage *u, void *arg), void *arg);

/* Kernel stacks, KSTACK_SIZE bytes with an unmapped guard page below; recycled, so
 * freeing one costs no shootdown.  Returns the lowest address; NULL = no memory. */
#define KSTACK_SIZE 16384
void *kstack_alloc(void);
void kstack_free(void *stack); /* NULL is fine */

void slab_init(void); /* after phys_init() */
