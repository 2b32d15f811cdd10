/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * What the launcher asks for while the program runs, handed to whom it concerns: signals to
 * pid 1 or, with a terminal, to its foreground group; window sizes to the terminal; the ends of
 * the streams to their files.
 */

/* Before the first process runs. */
void control_start(void);
