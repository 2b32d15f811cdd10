/* SPDX-License-Identifier: MIT */
#pragma once
/* What option_table.h says, as text for a terminal, as a man page, and as README's table. */
struct command;

/* `corrida help NAME` */
void command_print_help(const struct command *c);

/* `corrida help --man NAME`: corrida-NAME.1; "corrida" for that of corrida itself. */
void command_print_man(const char *name);

/* `corrida help --markdown NAME` */
void command_print_markdown(const struct command *c);

/* `corrida --help` */
void print_overview(void);

/* `corrida help --bash`: a completion script. */
void print_completion(void);
