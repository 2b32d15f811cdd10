/* SPDX-License-Identifier: MIT */
#pragma once
/* What the parts of liar.c share. */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { WORKERS = 3, THREADS = 3, PATH_SIZE = 256 };

struct world {
	_Atomic uint64_t steps[WORKERS][THREADS];
	const char *_Atomic doing[WORKERS][THREADS]; /* the same program: its addresses hold */
	_Atomic uint64_t answers, errors, faults;
	_Atomic unsigned failures;
};
extern struct world *world;

struct self {
	unsigned worker, thread;
	uint64_t rng;
	char path[PATH_SIZE], other[PATH_SIZE];
	char *buf; /* BUF_SIZE bytes */
};
enum { BUF_SIZE = 1 << 17 };

/* Where a SIGBUS takes this thread: a file that is mapped may end anywhere. */
extern _Thread_local sigjmp_buf *bus_exit;

unsigned below(struct self *t, unsigned n);
bool chance(struct self *t, unsigned one_in);
const char *any_path(struct self *t, char *path);
/* Says what no lie may bring about. */
void failed(const char *what, long value);
/* A call's result: counted, and its errno one that programs may see. */
long result(long r);
void check_stat(const struct stat *st);

/* names.c */
void step_names(struct self *t);
void step_listing(struct self *t);
void step_directory(struct self *t);
void step_attributes(struct self *t);
/* data.c */
void step_file(struct self *t);
void step_program(struct self *t);
void step_socket(struct self *t);
void step_watch(struct self *t);
