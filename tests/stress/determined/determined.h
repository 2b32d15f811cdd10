/* SPDX-License-Identifier: MIT */
/* Parts of tests/stress/determined.c. */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	ACTORS = 3, /* 0 and 1 are processes, 2 is a thread of 0 */
	SLOTS = 20,
	BUFFER = 64 << 10,
	AREA = 2048, /* for what an argument points to */
	PAGES = 32,  /* of the region that the memory calls work on */
	IDS = 3,
	PORTS = 4,
	KIDS = 4,
	LINE = 16 << 10,
};
#define REGION ((char *)0x200000000000)
#define FILE_LIMIT (256 << 10)

/* Shared by all processes of a run. */
struct world {
	_Atomic uint32_t turn[ACTORS]; /* 1: this actor is to make the step */
	_Atomic uint32_t done;
	unsigned step;
	uint64_t seed;
	char top[300];
	pid_t boss, pids[ACTORS];
	uint32_t words[4]; /* for futexes */
	int sem[IDS], shm[IDS], msg[IDS];
	uint16_t ports[PORTS];
	char line[LINE]; /* of the log */
	size_t len;
};
extern struct world *world;

/* What a process (two actors may share one) knows. */
struct process {
	int slots[SLOTS];
	pid_t kids[KIDS];
	int timers[IDS];
	char out[BUFFER], in[BUFFER];
};
extern struct process *process;
extern char *hole, *constant; /* a page that is not there, and one that cannot be written */
extern char *text;	      /* LINE bytes of this process, for what is read and cut */

struct step {
	uint64_t rng;
	unsigned number, actor;
	long arg[6];
	bool bad[6]; /* the argument is a bad pointer: nothing to show */
	char area[6][AREA];
};

/* A kind of argument: its value, and what the call left in what it points to. */
struct kind {
	const char *name;
	long (*make)(struct step *s, int i);
	void (*show)(struct step *s, int i, long result);
	const long *values; /* instead of make: one of these */
	int count;
	bool flags; /* or several */
};
extern const struct kind in_kinds[], ipc_kinds[], value_kinds[], out_kinds[];

struct call {
	long number;
	const char *name, *args; /* words: names of kinds */
	char result; /* 'f': a new descriptor, 'p': a pid, 'a': an address, 'x': nothing */
};
extern const struct call calls[];
extern const unsigned call_count;

/* What takes more than one call. */
struct script {
	const char *name;
	void (*run)(struct step *s);
};
extern const struct script scripts[];
extern const unsigned script_count;

uint64_t rnd(struct step *s);
unsigned below(struct step *s, unsigned n);
void say(struct step *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say_result(struct step *s, long result);
void say_pid(struct step *s, long pid);
void say_bytes(struct step *s, const void *p, long n);
void keep(struct step *s, int fd);
int any_fd(struct step *s);
pid_t any_pid(struct step *s);
void fill(struct step *s, void *p, unsigned n);
/* The argument's own area, or p, or a pointer that is no good. */
long in_area(struct step *s, int i);
long in_pointer(struct step *s, int i, void *p);
const char *any_path(struct step *s, char *buf);
void run_call(struct step *s, const struct call *c);
/* The process that execve() in a script makes: says what it has inherited. */
int report_self(int fd);
extern const int kill_signals[];
extern const unsigned kill_signal_count;
extern _Thread_local unsigned self_actor;
