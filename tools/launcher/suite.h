/* SPDX-License-Identifier: MIT */
#pragma once
/* `corrida suite`: every test program below a directory, each in a VM of its own. */

int suite(int argc, char **argv);
void suite_help(void);
