/* SPDX-License-Identifier: MIT */
#include "option_print.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "option_table.h"
#include "version.h"

#define WIDTH 80
#define COLUMN 33 /* of an option's text */

/* --- for a terminal ---------------------------------------------------- */

/* Words of one paragraph, the first line being at column `at` already. */
static void put_wrapped(const char *text, size_t len, size_t indent, size_t at)
{
	const char *end = text + len;
	bool first = true;

	while (text < end) {
		size_t word = strcspn(text, " \n");

		if (text + word > end) {
			word = (size_t)(end - text);
		}
		if (!first && at + 1 + word > WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		printf("%s%.*s", first ? "" : " ", (int)word, text);
		at += word + !first;
		first = false;
		text += word;
		text += text < end;
	}
	putchar('\n');
}

static bool is_heading(const char *text, size_t len)
{
	return len > 0 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") >= len;
}

/* Calls put() for each line of the text; an empty one has no length. */
static void each_line(const char *text, void (*put)(const char *line, size_t len))
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		put(text, len);
		text += len;
		text += *text == '\n';
	}
}

static void put_line(const char *line, size_t len)
{
	if (is_heading(line, len)) {
		printf("%c", line[0]);
		for (size_t i = 1; i < len; i++) {
			putchar(line[i] == ' ' ? ' ' : line[i] + ('a' - 'A'));
		}
		puts(":");
	} else {
		put_wrapped(line, len, 0, 0);
	}
}

void command_print_help(const struct command *c)
{
	printf("Usage: corrida %s%s%s\n\n", c->name, *c->usage ? " " : "", c->usage);
	each_line(c->text, put_line);
	putchar('\n');
	for (size_t i = 0; i < c->n_specs; i++) {
		char left[64];

		option_words(&c->specs[i], left, sizeof(left));
		if (strlen(left) > COLUMN - 4) {
			printf("  %s\n%*s", left, COLUMN, "");
		} else {
			printf("  %-*s", COLUMN - 2, left);
		}
		put_wrapped(c->specs[i].help, strlen(c->specs[i].help), COLUMN, COLUMN);
	}
	if (c->more) {
		putchar('\n');
		each_line(c->more, put_line);
	}
}

void print_overview(void)
{
	printf("Corrida runs static Linux programs, each in a microVM of its own.\n\nUsage:\n");
	for (size_t i = 0; i < n_commands; i++) {
		char left[80];

		snprintf(left, sizeof(left), "corrida %s %s", commands[i]->name,
			 commands[i]->usage);
		printf("  %-43s %s\n", left, commands[i]->brief);
	}
	printf("  %-43s the options of a command\n  corrida --version\n\n"
	       "Example:\n  corrida run ./rootfs /bin/redis-server --port 6379\n",
	       "corrida help COMMAND");
}

/* --- README ------------------------------------------------------------ */

static void put_cell(const char *text, const char *special)
{
	for (; *text; text++) {
		printf("%s%c", strchr(special, *text) ? "\\" : "", *text);
	}
}

void command_print_markdown(const struct command *c)
{
	printf("| option | meaning |\n|---|---|\n");
	for (size_t i = 0; i < c->n_specs; i++) {
		char left[64];

		option_words(&c->specs[i], left, sizeof(left));
		printf("| `");
		put_cell(left + strspn(left, " "), "|");
		printf("` | ");
		put_cell(c->specs[i].help, "|*<");
		printf(" |\n");
	}
}

/* --- man pages --------------------------------------------------------- */

/* A line that begins with a point or a quote would be a request; a hyphen is a minus. */
static void put_roff(const char *text, size_t len)
{
	if (len && (text[0] == '.' || text[0] == '\'')) {
		printf("\\&");
	}
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '\\': printf("\\e"); break;
		case '-': printf("\\-"); break;
		case '\'': printf("\\(aq"); break;
		default: putchar(text[i]);
		}
	}
}

static void put_roff_line(const char *line, size_t len)
{
	if (is_heading(line, len)) {
		printf(".SH %.*s\n", (int)len, line);
	} else if (len == 0) {
		printf(".PP\n");
	} else {
		put_roff(line, len);
		putchar('\n');
	}
}

static void put_roff_head(const char *title, const char *name, const char *brief)
{
	printf(".\\\" Made by `corrida help --man` from tools/launcher/option_table.c.\n"
	       ".TH %s 1 \"\" \"corrida %s\" \"User Commands\"\n.SH NAME\n",
	       title, CORRIDA_VERSION);
	put_roff(name, strlen(name));
	printf(" \\- ");
	put_roff(brief, strlen(brief));
	printf("\n.SH SYNOPSIS\n");
}

static void man_of_command(const struct command *c)
{
	char title[64], name[64];
	size_t i;

	snprintf(name, sizeof(name), "corrida-%s", c->name);
	for (i = 0; name[i]; i++) {
		title[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i]);
	}
	title[i] = '\0';
	put_roff_head(title, name, c->brief);
	printf(".B corrida %s\n", c->name);
	put_roff(c->usage, strlen(c->usage));
	printf("\n.SH DESCRIPTION\n");
	each_line(c->text, put_roff_line);
	printf(".SH OPTIONS\n");
	for (i = 0; i < c->n_specs; i++) {
		char left[64];

		option_words(&c->specs[i], left, sizeof(left));
		printf(".TP\n.B ");
		put_roff(left + strspn(left, " "), strlen(left + strspn(left, " ")));
		putchar('\n');
		put_roff(c->specs[i].help, strlen(c->specs[i].help));
		printf(".\n");
	}
	if (c->more) {
		each_line(c->more, put_roff_line);
	}
	printf(".SH SEE ALSO\n.BR corrida (1)\n");
}

static void man_of_corrida(void)
{
	put_roff_head("CORRIDA", "corrida",
		      "run static Linux programs, each in a microVM of its own");
	for (size_t i = 0; i < n_commands; i++) {
		printf("%s.B corrida %s\n", i ? ".br\n" : "", commands[i]->name);
		put_roff(commands[i]->usage, strlen(commands[i]->usage));
		putchar('\n');
	}
	printf(".SH DESCRIPTION\n"
	       "Corrida runs a static Linux program as a microVM of its own.\n"
	       "There is no guest Linux, no disk image and no network card: a small kernel boots on\n"
	       "QEMU\\(aqs microvm machine, takes the program from a directory that the host shares over\n"
	       "virtiofs, and serves its Linux system calls itself.\n"
	       "The program behaves like a process of the host, in its streams, its signals and its exit "
	       "status.\n.SH COMMANDS\n");
	for (size_t i = 0; i < n_commands; i++) {
		printf(".TP\n.BR corrida\\-%s (1)\n", commands[i]->name);
		put_roff(commands[i]->brief, strlen(commands[i]->brief));
		printf(".\n");
	}
	printf(".TP\n.B corrida help \\fR[\\fPCOMMAND\\fR]\\fP\nThe options of a command.\n"
	       ".TP\n.B corrida \\-\\-version\nThe version.\n"
	       ".SH EXAMPLES\n.nf\ncorrida run ./rootfs /bin/redis\\-server \\-\\-port 6379\n"
	       "echo some text | corrida run ./rootfs tr a\\-z A\\-Z\n.fi\n.SH SEE ALSO\n");
	for (size_t i = 0; i < n_commands; i++) {
		printf(".BR corrida\\-%s (1)%s\n", commands[i]->name,
		       i + 1 < n_commands ? "," : "");
	}
}

void command_print_man(const char *name)
{
	const struct command *c = command_by_name(name);

	if (c) {
		man_of_command(c);
	} else {
		man_of_corrida();
	}
}

/* --- completion -------------------------------------------------------- */

void print_completion(void)
{
	printf("# bash completion for corrida, made by `corrida help --bash`\n"
	       "_corrida() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} options=\n"
	       "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (size_t i = 0; i < n_commands; i++) {
		printf("%s ", commands[i]->name);
	}
	printf("help --help --version' -- \"$cur\")\n\t\treturn\n\tfi\n"
	       "\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < n_commands; i++) {
		printf("\t%s) options='", commands[i]->name);
		for (size_t k = 0; k < commands[i]->n_specs; k++) {
			printf("%s--%s", k ? " " : "", commands[i]->specs[k].name);
		}
		printf("' ;;\n");
	}
	printf("\thelp) options='");
	for (size_t i = 0; i < n_commands; i++) {
		printf("%s%s", i ? " " : "", commands[i]->name);
	}
	printf("' ;;\n\tesac\n"
	       "\tif [[ $cur == -* || ${COMP_WORDS[1]} == help ]]; then\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
	       "\telse\n"
	       "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	       "\tfi\n"
	       "}\n"
	       "complete -o filenames -F _corrida corrida\n");
}
