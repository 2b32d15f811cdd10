/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The user's terminal under -t: raw while the program runs, since the line
 * discipline is the guest's, and put back on every way out (atexit, and by
 * terminal_restore() before the launcher stops itself or dies of a signal).
 */
#include <stdbool.h>
#include <stdint.h>

/* Puts the terminal on descriptor 0 into raw mode: 0 or -errno. */
int terminal_make_raw(void);

/* Puts it back; harmless when it was never changed. */
void terminal_restore(void);

/* The size in character cells; 24 x 80 when the terminal does not tell. */
void terminal_size(uint16_t *rows, uint16_t *cols);

/* True when reading descriptor 0 would stop us: it is our controlling terminal
 * and another process group has it. */
bool terminal_in_background(void);
