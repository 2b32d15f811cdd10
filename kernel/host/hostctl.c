/* SPDX-License-Identifier: MIT */
/*
 * The control channel to the launcher; hostctl.h has the theory.
 *
 * The ring of messages is under queue_lock, which any context may take that may sleep.  Bytes
 * leave it in drain(), by the channel's thread or, at the end, by the thread that ends the VM:
 * drain_mutex keeps them in order.  A message goes in whole or not at all, so what follows a
 * dropped one still parses.
 *
 * Nobody waits for a launcher that is gone: the port is hung up then, drain() drops what is
 * queued, which makes room and wakes the senders.  After the last message (queue_closed) nothing
 * goes in.
 */
#include <host/hostctl.h>
#include <arch/clock.h>
#include <host/port.h>
#include <debug/log.h>
#include <debug/panic.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/ringbuf.h>
#include <lib/string.h>
#include <linux/errno.h>
#include <mm/kthread.h>
#include <sched/sched.h>
#include <sync/mutex.h>

#define QUEUE_SIZE 16384u /* a power of two */
#define LOG_ROOM (2 * HOSTCTL_MAX)
#define PORT_WAIT_NS (2 * NSEC_PER_SEC)	    /* at the end: for a port that never came */
#define GOODBYE_WAIT_NS (60 * NSEC_PER_SEC) /* for the last message to be taken */

/* Bytes out. */
static SPINLOCK(hostctl) queue_lock = SPINLOCK_INIT(RANK_LEAF, "hostctl");
static uint8_t queue_bytes[QUEUE_SIZE];
static struct ringbuf queue GUARDED_BY(hostctl_role) = RINGBUF_INIT(queue_bytes);
static uint64_t queue_dropped GUARDED_BY(hostctl_role); /* messages */
/* The last message is in; the rest is lost. */
static bool queue_closed GUARDED_BY(hostctl_role);

/* Held by who moves bytes from the queue to the port; taken before queue_lock. */
static MUTEX(hostctl_drain) drain_mutex;
static struct host_port *_Atomic ctl_port;
static struct waitq wake_thread; /* there is something to send */
static struct waitq room;	 /* senders */

static void (*machine_off)(unsigned code); /* [I] */
static const struct ctl_handlers *_Atomic handlers;
static _Atomic bool log_wanted;
static uint64_t log_cookie GUARDED_BY(hostctl_drain_role);
static _Atomic bool ending;

static struct host_port *port(void)
{
	return atomic_load_explicit(&ctl_port, memory_order_acquire);
}

static bool launcher_gone(void)
{
	struct host_port *p = port();

	return p && p->ops->hung_up(p);
}

static size_t queue_room(void)
{
	uint64_t flags = spin_lock_irqsave(&queue_lock);
	size_t n = ringbuf_room(&queue);

	spin_unlock_irqrestore(&queue_lock, flags);
	return n;
}

/* False when there is no room now. */
static bool queue_message(uint32_t type, const void *payload, size_t n)
{
	struct ctl_msg m = { .type = type, .len = (uint32_t)n };
	uint64_t flags = spin_lock_irqsave(&queue_lock);
	bool fits = ringbuf_room(&queue) >= sizeof(m) + n;

	if (fits && !queue_closed) {
		ringbuf_write(&queue, &m, sizeof(m));
		ringbuf_write(&queue, payload, n);
		queue_closed = type == CTL_EXIT || type == CTL_NOEXEC;
	}
	spin_unlock_irqrestore(&queue_lock, flags);
	return fits;
}

static size_t queue_peek(uint8_t *buf, size_t n)
{
	uint64_t flags = spin_lock_irqsave(&queue_lock);

	n = ringbuf_peek(&queue, queue.tail, buf, n);
	spin_unlock_irqrestore(&queue_lock, flags);
	return n;
}

static void queue_consume(size_t n)
{
	uint64_t flags = spin_lock_irqsave(&queue_lock);

	ringbuf_drop(&queue, n);
	spin_unlock_irqrestore(&queue_lock, flags);
	waitq_wake_all(&room);
}

static bool log_due(void)
{
	return atomic_load_explicit(&log_wanted, memory_order_relaxed) &&
	       queue_room() >= LOG_ROOM && log_has_news(READ_ONCE(log_cookie));
}

/* Appends new log lines while they fit. */
REQUIRES(hostctl_drain_role)
static void pull_log(void)
{
	static char text[HOSTCTL_MAX]; /* drain_mutex */

	while (log_due()) {
		size_t n = log_read(&log_cookie, text, sizeof(text));

		if (n == 0 || !queue_message(CTL_LOG, text, n)) {
			return;
		}
	}
}

/* Moves what the port takes; true when the queue is empty. */
static bool drain(struct host_port *p)
{
	static uint8_t chunk[2048]; /* drain_mutex */
	bool empty = false;

	mutex_lock(&drain_mutex);
	pull_log();
	for (;;) {
		size_t n = queue_peek(chunk, sizeof(chunk));
		long taken;

		if (n == 0) {
			empty = true;
			break;
		}
		taken = p->ops->write(p, chunk, n);
		if (taken < 0 || p->ops->hung_up(p)) {
			taken = (long)n; /* nobody listens: drop it */
		}
		if (taken == 0) {
			break;
		}
		queue_consume((size_t)taken);
	}
	mutex_unlock(&drain_mutex);
	return empty;
}

/* The thread drops what is queued for a launcher that has gone, so room comes then, too. */
static bool has_room(void *arg)
{
	return queue_room() >= *(size_t *)arg;
}

void hostctl_send(uint32_t type, const void *payload, size_t n)
{
	size_t need = sizeof(struct ctl_msg) + n;

	ASSERT(n <= HOSTCTL_MAX);
	while (!queue_message(type, payload, n)) {
		if (!port() || launcher_gone()) {
			uint64_t flags = spin_lock_irqsave(&queue_lock);

			queue_dropped++;
			spin_unlock_irqrestore(&queue_lock, flags);
			return;
		}
		waitq_wake_all(&wake_thread);
		(void)!waitq_wait_until(&room, has_room, &need, WAIT_UNINTR, DEADLINE_NONE);
	}
	waitq_wake_all(&wake_thread);
}

void hostctl_text(uint32_t type, const char *text, size_t n)
{
	while (n > 0) {
		size_t m = MIN(n, (size_t)HOSTCTL_MAX);

		hostctl_send(type, text, m);
		text += m;
		n -= m;
	}
}

void hostctl_warn(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = fmt_vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	n = MIN(n, (int)sizeof(line) - 2);
	str_make_line(line, (size_t)n);
	line[n++] = '\n';
	hostctl_text(CTL_WARN, line, (size_t)n);
}

void hostctl_set_handlers(const struct ctl_handlers *h)
{
	atomic_store_explicit(&handlers, h, memory_order_release);
	waitq_wake_all(&wake_thread);
}

void hostctl_log_start(void)
{
	atomic_store_explicit(&log_wanted, true, memory_order_relaxed);
	waitq_wake_all(&wake_thread);
}

/* Reads what the launcher sent; true when there was something. */
static bool receive(struct host_port *p)
{
	static struct ctl_parser parser; /* this thread only */
	const struct ctl_handlers *h = atomic_load_explicit(&handlers, memory_order_acquire);
	bool was_good = !parser.error;
	uint8_t buf[256];
	size_t n;

	if (!h) {
		return false; /* keeps the bytes until somebody cares */
	}
	n = p->ops->read(p, buf, sizeof(buf));
	if (n == 0) {
		return false;
	}
	ctl_parser_feed(&parser, buf, n, h);
	if (was_good && parser.error) {
		log_error("control channel: %s; ignoring the launcher from here on", parser.error);
	}
	return true;
}

/* For the thread: what drain() or receive() would get on with.  With nobody at the other end
 * drain() drops what is queued, so that senders do not wait for ever. */
static bool has_work(void *arg)
{
	struct host_port *p = arg;
	bool out = queue_room() < QUEUE_SIZE && (p->ops->can_write(p) || p->ops->hung_up(p));
	bool in = atomic_load_explicit(&handlers, memory_order_acquire) && p->ops->can_read(p);

	return out || in || log_due();
}

static void hostctl_thread(void *arg)
{
	struct host_port *p = host_port_find(LAUNCH_PORT_CTL, DEADLINE_NONE);
	struct waitq *const queues[] = { &p->writable, &p->readable, &wake_thread, &log_readers };

	atomic_store_explicit(&ctl_port, p, memory_order_release);
	for (;;) {
		drain(p);
		while (receive(p)) {
			;
		}
		(void)!waitq_wait_until_any(queues, ARRAY_SIZE(queues), has_work, p, WAIT_UNINTR,
					    DEADLINE_NONE);
	}
}

static void flush_port(const char *name)
{
	struct host_port *p = host_port_peek(name);

	/* For as long as the reader takes: `corrida run ... | less`.  When nobody is there any
	 * more, the device drops the bytes. */
	if (p) {
		(void)!p->ops->flush(p, DEADLINE_NONE);
	}
}

/* Sends the last message (if there is somebody to hear it) and switches off. */
static NORETURN void goodbye(uint32_t type, const void *payload, size_t n)
{
	struct host_port *p = host_port_find(LAUNCH_PORT_CTL, clock_mono_ns() + PORT_WAIT_NS);
	uint64_t deadline;

	deadline = clock_mono_ns() + GOODBYE_WAIT_NS;
	uint64_t flags = spin_lock_irqsave(&queue_lock);
	uint64_t dropped = queue_dropped;

	spin_unlock_irqrestore(&queue_lock, flags);
	if (dropped) {
		log_warn("%lu messages to the launcher were lost", dropped);
	}
	while (p && !drain(p) && clock_mono_ns() < deadline) {
		(void)!p->ops->flush(p, deadline); /* makes room */
	}
	if (p && queue_message(type, payload, n)) {
		while (!drain(p) && clock_mono_ns() < deadline) {
			(void)!p->ops->flush(p, deadline);
		}
		(void)!p->ops->flush(p, deadline);
	}
	machine_off(DEBUG_EXIT_DONE);
	panic("the machine is still on");
}

static void claim_the_end(void)
{
	if (!atomic_exchange_explicit(&ending, true, memory_order_acq_rel)) {
		return;
	}
	for (;;) {
		(void)!sched_sleep_until(DEADLINE_NONE, WAIT_UNINTR);
	}
}

void hostctl_exit(const struct ctl_exit *e)
{
	claim_the_end();
	flush_port(LAUNCH_PORT_STDIO);
	flush_port(LAUNCH_PORT_STDERR);
	goodbye(CTL_EXIT, e, sizeof(*e));
}

void hostctl_noexec(uint32_t status, uint32_t error, const char *text)
{
	struct ctl_noexec head = { .status = status, .error = error };
	uint8_t msg[512];
	size_t n = MIN(strlen(text), sizeof(msg) - sizeof(head));

	claim_the_end();
	memcpy(msg, &head, sizeof(head));
	memcpy(msg + sizeof(head), text, n);
	goodbye(CTL_NOEXEC, msg, sizeof(head) + n);
}

/* The panic's text is gathered, since a message starts with its length. */
static char panic_text[16384];
static size_t panic_len;

static void panic_gather(const char *text, size_t n)
{
	n = MIN(n, sizeof(panic_text) - panic_len);
	memcpy(panic_text + panic_len, text, n);
	panic_len += n;
}

LOCK_UNCHECKED("a panic has stopped whoever holds the lock")
static void panic_send(void)
{
	struct host_port *p = host_port_peek(LAUNCH_PORT_CTL);
	struct ctl_msg m = { .type = CTL_PANIC, .len = (uint32_t)panic_len };
	size_t first, used = ringbuf_used(&queue);
	const uint8_t *run;

	if (!p || used > QUEUE_SIZE || queue_closed) {
		return;
	}
	/* A message may be half out already, so all that is queued goes first. */
	run = ringbuf_run(&queue, queue.tail, &first);
	p->ops->emergency_write(p, run, first);
	p->ops->emergency_write(p, queue_bytes, used - first);
	p->ops->emergency_write(p, &m, sizeof(m));
	p->ops->emergency_write(p, panic_text, panic_len);
}

static struct panic_sink panic_to_launcher = {
	.write = panic_gather,
	.end = panic_send,
};

void hostctl_panic_init(void)
{
	panic_add_sink(&panic_to_launcher);
}

int hostctl_init(void (*power_off)(unsigned code))
{
	ASSERT(!machine_off);
	machine_off = power_off;
	mutex_init(&drain_mutex, RANK_SLEEP_LEAF, "hostctl drain");
	waitq_init(&wake_thread);
	waitq_init(&room);
	return kthread_start("hostctl", hostctl_thread, NULL) ? 0 : -ENOMEM;
}
