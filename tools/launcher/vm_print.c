/* SPDX-License-Identifier: MIT */
/* --dry-run: what vm_start() would do, in a form that a shell takes. */
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "vm.h"

static void print_quoted(const char *s)
{
	if (*s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "@%+=:,./_-") == strlen(s)) {
		fputs(s, stdout);
		return;
	}
	putchar('\'');
	for (; *s; s++) {
		if (*s == '\'') {
			fputs("'\\''", stdout);
		} else {
			putchar(*s);
		}
	}
	putchar('\'');
}

static void print_command(const struct helper *h)
{
	for (size_t i = 0; i < h->argc; i++) {
		bool breaks = i > 0 && h->argv[i][0] == '-' && h->argv[i][1];

		fputs(i == 0 ? "" : breaks ? " \\\n    " : " ", stdout);
		print_quoted(h->argv[i]);
	}
	putchar('\n');
}

void vm_print(const struct vm *vm, const struct run_options *o)
{
	printf("# share, as %s, %s\n", vm->userns ? "root of a user namespace" : "root",
	       o->read_only ? "read-only" : "read and write");
	printf("cd ");
	print_quoted(o->dir);
	printf("\n");
	print_command(&vm->fsd);
	printf("# VM: %u CPUs, %llu MiB, %s\n", o->cpus, (unsigned long long)o->memory >> 20,
	       vm->kvm ? "KVM" : "TCG");
	print_command(&vm->qemu);
	printf("# descriptors: %d and %d are the two ends of the share's socket; %d, %d, %d, %d and %d "
	       "lead to the launcher;\n# %d is the kernel, %s, and %d holds the configuration below\n",
	       vm->fs_listen, vm->fs_connected, vm->peer_ctl, vm->peer_stdio, vm->peer_err,
	       vm->peer_serial, vm->peer_monitor, vm->kernel, o->kernel, vm->blob);
	printf("program %s\nworkdir %s\nuser %u:%u\numask %04o\n", o->prog, o->workdir, o->uid,
	       o->gid, o->umask);
	for (size_t i = 0; i < o->nargs; i++) {
		printf("argv[%zu] ", i);
		print_quoted(o->args[i]);
		putchar('\n');
	}
	for (size_t i = 0; i < o->nenv; i++) {
		printf("env ");
		print_quoted(o->env[i]);
		putchar('\n');
	}
}
