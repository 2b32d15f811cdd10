/* SPDX-License-Identifier: MIT */
#pragma once
/* What the parts of tests/stress/objects.c share. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { PROCESSES = 4, THREADS = 3, SLOTS = 24, FUTEXES = 4, ARENA = 1 << 20 };

/* What all processes share. */
struct world {
	_Atomic uint64_t ops, added;
	_Atomic int stop, failures;
	_Atomic pid_t pids[PROCESSES];
	_Atomic uint32_t futex[FUTEXES], pi[FUTEXES];
	struct {
		_Atomic(const char *) op;
		_Atomic uint64_t count;
	} doing[PROCESSES][THREADS];
	int posts[PROCESSES][2]; /* sockets by which descriptors travel */
	int counter;		 /* an eventfd: the sum of what was added */
	int semaphores, messages, segment;
};
extern struct world *world;
extern const char *dirs[2]; /* tmpfs and the share */

/* A thread's own. */
struct self {
	uint64_t rng;
	unsigned process, thread;
	int known;	  /* a file that nobody else has */
	uint64_t *memory; /* mapped privately, never handed to an operation */
	uint64_t value;	  /* what both contain */
	timer_t timer;
	int has_timer;
};
/* One process' descriptors, without a lock: threads close and reuse them under each other. */
extern _Atomic int slots[SLOTS];
extern char *arena; /* what operations map over, protect and throw away */

uint64_t rnd(struct self *t);
unsigned below(struct self *t, unsigned n);
void failed(struct self *t, const char *what);
/* One of the process' descriptors. */
int fd(struct self *t);
/* Takes a new descriptor; the one in its place is closed, whoever uses it. */
void keep(struct self *t, int new_fd);
/* Names of a few files and directories; buf has 64 bytes. */
const char *name(struct self *t, char *buf);
const char *directory(struct self *t, char *buf);
/* Of a fault: does not return when it is one that op_touch() asked for. */
void touch_fault(void);

/* objects/files.c */
void op_open(struct self *t);
void op_names(struct self *t);
void op_look(struct self *t);
void op_data(struct self *t);
void op_locks(struct self *t);
void op_descriptors(struct self *t);
void op_async(struct self *t);
/* objects/descriptors.c */
void op_make(struct self *t);
void op_drive(struct self *t);
void op_epoll(struct self *t);
void op_socket(struct self *t);
void op_pass(struct self *t);
/* objects/tasks.c */
void op_memory(struct self *t);
void op_touch(struct self *t);
void op_futex(struct self *t);
void op_ipc(struct self *t);
void op_timer(struct self *t);
void op_signal(struct self *t);
void op_child(struct self *t);
void op_proc(struct self *t);
