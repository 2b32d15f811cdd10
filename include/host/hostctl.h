/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The control channel to the launcher (lib/launch.h, LAUNCH_PORT_CTL).
 *
 * Out: messages go into a queue in memory, whole; a kernel thread carries them to the port,
 * so that many lines make one exit.  Messages may be sent before the port exists.  When the
 * queue is full a sender sleeps if the launcher is there, else the message is dropped and
 * counted.  Nothing blocks on a launcher that has gone.
 *
 * The kernel log: after hostctl_log_start() the thread sends new lines as they come.  Only
 * --kernel-log turns this on, so that an idle guest stays idle.
 *
 * In: the thread parses what the launcher sends (host/ctl_parser.h) and calls the handlers.
 *
 * The end: hostctl_exit() and hostctl_noexec() wait until the device has taken all of stdout
 * and stderr, send the last message, wait until that is taken, and switch the machine off.
 */
#include <host/ctl_parser.h>
#include <lib/launch.h>
#include <lib/util.h>

/* Early in boot, before the panic sink that ends the VM (debug_exit_init): panics go to the
 * launcher as CTL_PANIC once the port is there. */
void hostctl_panic_init(void);
/* Starts the thread.  power_off(code) ends the VM (DEBUG_EXIT_*) and does not return. */
MUST_USE int hostctl_init(void (*power_off)(unsigned code));
/* h stays valid for ever.  Messages that come before are kept by the device. */
void hostctl_set_handlers(const struct ctl_handlers *h);

/* Thread context, no spinlock held; n <= HOSTCTL_MAX.  May sleep. */
#define HOSTCTL_MAX 2048u
void hostctl_send(uint32_t type, const void *payload, size_t n);
/* CTL_LOG, CTL_TRACE or CTL_WARN text of any length, cut into several messages. */
void hostctl_text(uint32_t type, const char *text, size_t n);
/* One line for the user (CTL_WARN), a newline is added. */
void hostctl_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Sends the kernel log to the launcher, from its beginning. */
void hostctl_log_start(void);

/* Thread context.  The first caller wins; the others sleep until the machine is off. */
NORETURN void hostctl_exit(const struct ctl_exit *e);
NORETURN void hostctl_noexec(uint32_t status, uint32_t error, const char *text);
