/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The contract between the launcher (tools/corrida, on the host) and the
 * kernel: what to run, and the messages that both exchange while it runs.
 * Included by both sides; pure definitions, little endian, no padding.
 *
 * 1. Before boot the launcher hands over one blob as the fw_cfg file
 *    LAUNCH_FWCFG_NAME: a struct launch_header, then `strings_len` bytes of
 *    NUL-terminated strings in this order:
 *        program path, working directory, strace filter ("" = all),
 *        argv[0..argc-1], envp[0..envc-1].
 *    The kernel treats it as untrusted input (kernel/lib/launch.c checks it).
 *
 * 2. While the VM runs there is a virtio-serial device with three ports, found
 *    by name: LAUNCH_PORT_CTL carries struct ctl_msg both ways;
 *    LAUNCH_PORT_STDIO carries the program's stdin (host to guest) and stdout
 *    (guest to host), raw bytes; LAUNCH_PORT_STDERR carries stderr, raw bytes.
 *    With LAUNCH_TTY the program has one terminal: the kernel runs the line
 *    discipline, the launcher's own terminal is raw, all of it goes through
 *    LAUNCH_PORT_STDIO, and LAUNCH_PORT_STDERR stays silent.
 *
 * 3. End of the program: the kernel waits until the device has consumed all of
 *    stdout and stderr, then sends CTL_EXIT, and powers off.  The launcher
 *    drains both sockets after CTL_EXIT before it leaves.
 *
 * 4. End of stdin: the launcher sends CTL_STDIN_EOF with the total count of
 *    bytes it wrote; the program reads EOF after it has read that many.
 */
#include <stdint.h>

#define LAUNCH_FWCFG_NAME "opt/corrida/run"
#define LAUNCH_MAGIC 0x41445243u /* "CRDA" */
#define LAUNCH_VERSION 1u
#define LAUNCH_MAX_BLOB (4u << 20) /* bytes, header included */
#define LAUNCH_MAX_CPUS 64	   /* a mask of them is one word */

#define LAUNCH_PORT_CTL "corrida.ctl"
#define LAUNCH_PORT_STDIO "corrida.stdio"
#define LAUNCH_PORT_STDERR "corrida.stderr"

/* tag of the virtiofs device that is mounted as / */
#define LAUNCH_ROOT_TAG "root"

enum launch_flags {
	LAUNCH_TTY = 1 << 0,	    /* -t: stdio is a terminal */
	LAUNCH_STRACE = 1 << 1,	    /* --strace: CTL_TRACE lines */
	LAUNCH_KERNEL_LOG = 1 << 2, /* --kernel-log: CTL_LOG lines as they come */
	LAUNCH_FUSE_IDS = 1 << 3,   /* daemon runs as real root: send the caller's ids;
				     * otherwise requests carry uid = gid = 0 */
	LAUNCH_WAIT_ALL = 1 << 4,   /* --wait-all: VM ends with the last process */
	LAUNCH_SUMMARY = 1 << 5,    /* list unknown system calls at exit */
	LAUNCH_TIMING = 1 << 6,	    /* --timing */
};

struct launch_header {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;	      /* enum launch_flags */
	uint32_t strings_len; /* bytes after this header */
	uint32_t argc;
	uint32_t envc;
	uint32_t uid;
	uint32_t gid;
	uint16_t tty_rows;
	uint16_t tty_cols;
	uint32_t umask;
	uint64_t rlimit_nofile; /* 0 = the kernel's default */
	uint64_t rlimit_stack;	/* bytes, 0 = the kernel's default (8 MiB) */
	uint64_t rlimit_core;	/* bytes, 0 = none */
	uint64_t reserved[4];
};
_Static_assert(sizeof(struct launch_header) == 96, "launch header layout");

/* A message on LAUNCH_PORT_CTL: this header, then `len` bytes of payload. */
struct ctl_msg {
	uint32_t type; /* enum ctl_type */
	uint32_t len;
};
#define CTL_MAX_PAYLOAD 65536u

enum ctl_type {
	/* guest to host */
	CTL_STARTED = 1, /* struct ctl_started: the program's first instruction is next */
	CTL_EXIT = 2,	 /* struct ctl_exit: it ended; last message */
	CTL_NOEXEC = 3,	 /* struct ctl_noexec, then text: it can't be started; last message */
	CTL_PANIC = 4,	 /* text: kernel bug, registers and backtrace; last message */
	CTL_LOG = 5,	 /* text: kernel log */
	CTL_TRACE = 6,	 /* text: strace lines */
	CTL_WARN = 7,	 /* text: a line for the user's eyes (OOM kill, crash report, summary) */
	/* host to guest */
	CTL_SIGNAL = 64,     /* uint32_t signo: send to pid 1 (foreground group with a tty) */
	CTL_WINSIZE = 65,    /* uint16_t rows, cols */
	CTL_STDIN_EOF = 66,  /* uint64_t total bytes of stdin */
	CTL_OUT_CLOSED = 67, /* uint32_t fd (1 or 2): nobody reads it: EPIPE from now on */
};

struct ctl_started {
	uint64_t boot_ns; /* kernel entry to here */
};

struct ctl_exit {
	uint32_t by_signal; /* 0: value is the exit status, 1: value is the signal */
	uint32_t value;
	uint64_t run_ns;       /* program start to end */
	uint64_t max_rss_kib;  /* largest resident set of a process */
	uint64_t mem_peak_kib; /* most physical memory in use, kernel included */
};

struct ctl_noexec {
	uint32_t status; /* 126 or 127 */
	uint32_t error;	 /* Linux errno */
};

/* Exit statuses of `corrida run` that are not the program's own. */
enum launch_status {
	LAUNCH_STATUS_TIMEOUT = 124,
	LAUNCH_STATUS_FAULT = 125, /* launcher, QEMU, a helper or the kernel failed */
	LAUNCH_STATUS_NOEXEC = 126,
	LAUNCH_STATUS_MISSING = 127,
};

/* isa-debug-exit: the kernel writes one of these to DEBUG_EXIT_PORT, QEMU
 * ends with (value << 1) | 1. */
#define DEBUG_EXIT_PORT 0xf4
#define DEBUG_EXIT_DONE 0x10  /* orderly end: QEMU status 33 */
#define DEBUG_EXIT_PANIC 0x2a /* kernel bug: QEMU status 85 */
