/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * `corrida doctor`: what of this host a VM needs, what is there, and how to get the rest; at the end a
 * VM of its own.  Everything is looked at as this user, and nothing is changed.
 */
int doctor(int argc, char **argv);
