/* SPDX-License-Identifier: MIT */
/* Random memory calls against a model, page by page, in a process, in forks and in threads. */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096ul
#define PAGES 1536u /* three units of 2 MiB */
#define FILE_PAGES 64u

struct mpage {
	bool mapped, own, shared, file;
	uint8_t prot, value, index;
};
struct window {
	uint64_t rng;
	char *base;
	struct mpage page[PAGES];
	bool failed;
};
static uint8_t file_values[FILE_PAGES];
static int file_fd = -1;
static __thread sigjmp_buf on_fault;
static __thread volatile sig_atomic_t expecting;

static unsigned rnd(struct window *w, unsigned n)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (unsigned)(w->rng % n);
}

static void fault(int sig)
{
	if (!expecting)
		_exit(100 + sig);
	expecting = 0;
	siglongjmp(on_fault, sig);
}

static void catch_faults(void)
{
	struct sigaction sa = { .sa_handler = fault, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

/* 0, or the signal. */
static int peek(volatile char *p, uint8_t *value)
{
	int sig = sigsetjmp(on_fault, 0);

	if (sig)
		return sig;
	expecting = 1;
	*value = (uint8_t)*p;
	expecting = 0;
	return 0;
}
static int poke(volatile char *p, uint8_t value)
{
	int sig = sigsetjmp(on_fault, 0);

	if (sig)
		return sig;
	expecting = 1;
	*p = (char)value;
	expecting = 0;
	return 0;
}

static char *at(struct window *w, unsigned i)
{
	return w->base + i * PAGE;
}

static void wrong(struct window *w, const char *what, unsigned i)
{
	if (!w->failed)
		printf("# %s at page %u (errno %d)\n", what, i, errno);
	w->failed = true;
}

static void check_page(struct window *w, unsigned i)
{
	struct mpage *m = &w->page[i];
	uint8_t got = 0, want = m->file && !m->own ? file_values[m->index] : m->value;
	int sig = peek(at(w, i) + 9, &got);

	if ((sig != 0) != (!m->mapped || !m->prot))
		wrong(w, "read fault", i);
	else if (!sig && got != want)
		wrong(w, "contents", i);
}

static void write_page(struct window *w, unsigned i)
{
	struct mpage *m = &w->page[i];
	uint8_t value = (uint8_t)rnd(w, 256);
	int sig = poke(at(w, i) + 9, value);

	if ((sig == 0) != (m->mapped && (m->prot & PROT_WRITE)))
		wrong(w, "write fault", i);
	if (sig)
		return;
	if (m->file && m->shared) {
		file_values[m->index] = value;
	} else {
		m->own = true;
		m->value = value;
	}
}

static void pick(struct window *w, unsigned *from, unsigned *n)
{
	*from = rnd(w, PAGES);
	*n = 1 + rnd(w, rnd(w, 3) ? 12 : 800);
	if (*from + *n > PAGES)
		*n = PAGES - *from;
}

/* One mapping, as far as the model knows. */
static bool uniform(struct window *w, unsigned from, unsigned n)
{
	struct mpage *a = &w->page[from];

	for (unsigned i = 0; i < n; i++) {
		if (!a[i].mapped || a[i].prot != a->prot || a[i].file != a->file ||
		    a[i].shared != a->shared || (a->file && a[i].index != a->index + i))
			return false;
	}
	return true;
}

static void random_call(struct window *w)
{
	unsigned from, n, to, i;
	int prot = rnd(w, 4) ? PROT_READ | PROT_WRITE : (int)rnd(w, 2);
	bool file = file_fd >= 0 && rnd(w, 3) == 0, shared = file && rnd(w, 2);

	pick(w, &from, &n);
	switch (rnd(w, 6)) {
	case 0: {
		unsigned index = rnd(w, FILE_PAGES);

		if (file && n > FILE_PAGES - index)
			n = FILE_PAGES - index;
		if (mmap(at(w, from), n * PAGE, prot,
			 MAP_FIXED | (shared ? MAP_SHARED : MAP_PRIVATE) |
				 (file ? 0 : MAP_ANONYMOUS),
			 file ? file_fd : -1, file ? (off_t)(index * PAGE) : 0) != at(w, from))
			wrong(w, "mmap", from);
		for (i = 0; i < n; i++)
			w->page[from + i] = (struct mpage){ .mapped = true,
							    .file = file,
							    .shared = shared,
							    .prot = (uint8_t)prot,
							    .index = (uint8_t)(index + i) };
		break;
	}
	case 1:
		if (munmap(at(w, from), n * PAGE))
			wrong(w, "munmap", from);
		memset(&w->page[from], 0, n * sizeof(w->page[0]));
		break;
	case 2:
		for (i = 0; i < n && w->page[from + i].mapped; i++)
			w->page[from + i].prot = (uint8_t)prot;
		if ((mprotect(at(w, from), n * PAGE, prot) == 0) != (i == n))
			wrong(w, "mprotect", from);
		break;
	case 3:
		madvise(at(w, from), n * PAGE, MADV_DONTNEED);
		for (i = 0; i < n; i++) {
			w->page[from + i].own = false;
			w->page[from + i].value = 0;
		}
		break;
	case 4:
		to = rnd(w, PAGES);
		if (to + n > PAGES || (from + n > to && to + n > from) || !uniform(w, from, n))
			break;
		/* several mappings in the range: may fail, halfway; both are given up then */
		if (mremap(at(w, from), n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   at(w, to)) == at(w, to)) {
			memcpy(&w->page[to], &w->page[from], n * sizeof(w->page[0]));
		} else {
			munmap(at(w, to), n * PAGE);
			munmap(at(w, from), n * PAGE);
			memset(&w->page[to], 0, n * sizeof(w->page[0]));
		}
		memset(&w->page[from], 0, n * sizeof(w->page[0]));
		break;
	default:
		for (int k = 0; k < 30; k++) {
			write_page(w, rnd(w, PAGES));
			check_page(w, rnd(w, PAGES));
		}
	}
}

/* Windows lie where nobody else maps anything by itself: their holes stay holes. */
static struct window *window_create(uint64_t seed)
{
	struct window *w = calloc(1, sizeof(*w));

	w->rng = seed * 0x9e3779b97f4a7c15ull | 1;
	w->base = (char *)0x200000000ul + seed * (PAGES + 3) * PAGE;
	return w;
}

static void in_a_process(void)
{
	char name[] = "/tmp/mm_model.XXXXXX";
	struct window *w;

	file_fd = mkstemp(name);
	CHECK(file_fd >= 0 && unlink(name) == 0 && ftruncate(file_fd, FILE_PAGES * PAGE) == 0);
	w = window_create(1);
	for (int i = 0; i < 4000 && !w->failed; i++) {
		random_call(w);
		if (i % 200 == 0) {
			for (unsigned k = 0; k < PAGES; k++)
				check_page(w, k);
		}
	}
	CHECK(!w->failed);
	close(file_fd);
	file_fd = -1;
}

static void in_forks(void)
{
	struct window *w = window_create(2);

	for (int i = 0; i < 25 && !w->failed; i++) {
		int status;
		pid_t pid;

		for (int k = 0; k < 40; k++)
			random_call(w);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			for (int k = 0; k < 40; k++)
				random_call(w);
			for (unsigned k = 0; k < PAGES; k++)
				check_page(w, k);
			fflush(stdout);
			_exit(w->failed);
		}
		for (int k = 0; k < 40; k++)
			random_call(w);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK_EQ(status, 0);
		for (unsigned k = 0; k < PAGES; k++)
			check_page(w, k);
	}
	CHECK(!w->failed);
}

static void *run_thread(void *arg)
{
	struct window *w = arg;

	for (int i = 0; i < 600 && !w->failed; i++) {
		random_call(w);
		if (i % 100 == 0) {
			for (unsigned k = 0; k < PAGES; k++)
				check_page(w, k);
		}
	}
	return NULL;
}

static void in_threads(void)
{
	pthread_t threads[4];
	struct window *windows[4];

	for (int i = 0; i < 4; i++)
		windows[i] = window_create(10 + (uint64_t)i);
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, run_thread, windows[i]));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK(!windows[i]->failed);
	}
}

int main(void)
{
	catch_faults();
	RUN(in_a_process);
	RUN(in_forks);
	RUN(in_threads);
	return test_done();
}
