/* SPDX-License-Identifier: MIT */
/*
 * The log is a ring of the last LOG_SIZE bytes.  A line is formatted on the writer's stack
 * and copied in one piece, so the ring holds plain text and a reader that fell behind skips
 * to the next newline.
 */
#include <debug/log.h>
#include <arch/clock.h>
#include <arch/cpu.h>
#include <arch/smp.h>
#include <debug/panic.h>
#include <lib/assert.h>
#include <lib/format.h>
#include <lib/ringbuf.h>
#include <lib/string.h>
#include <sync/waitq.h>

#define LOG_SIZE 16384u /* power of two */
#define LINE_MAX 256

static char text[LOG_SIZE];
static struct ringbuf ring GUARDED_BY(log_role) = RINGBUF_INIT(text);
static SPINLOCK(log) log_lock = SPINLOCK_INIT(RANK_LOG, "log");

/*
 * Waking the readers.  A line may be written under any spinlock, also one that comes after wait
 * queues.  Those are taken with interrupts off only.  So with interrupts on the readers are
 * woken at once; with interrupts off this CPU sends itself an interrupt, which comes when they
 * are on again and wakes them.  In an NMI and in a panic nobody is woken.
 */
struct waitq log_readers = {
	.lock = SPINLOCK_INIT(RANK_WAITQ, "log_readers"),
	.entries = LIST_INIT(log_readers.entries),
};
static _Atomic bool kick_wanted; /* an interrupt is to wake the readers */

static const char *const prefix[] = {
	[LOG_ERROR] = "error: ", [LOG_WARN] = "warning: ", [LOG_INFO] = ""
};

void log_kicked(void)
{
	if (atomic_load_explicit(&kick_wanted, memory_order_relaxed) &&
	    atomic_exchange_explicit(&kick_wanted, false, memory_order_acq_rel)) {
		waitq_wake_all(&log_readers);
	}
}

static void wake_readers(void)
{
	if (irq_enabled()) {
		waitq_wake_all(&log_readers);
	} else if (waitq_active(&log_readers) &&
		   !atomic_exchange_explicit(&kick_wanted, true, memory_order_acq_rel)) {
		smp_kick(cpu_id());
	}
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX];
	uint64_t us = clock_mono_ns() / 1000;
	va_list ap;
	int n;

	n = fmt_snprintf(line, sizeof(line), "[%5lu.%06lu] cpu%u: %s", us / 1000000, us % 1000000,
			 cpu_id(), prefix[level]);
	va_start(ap, fmt);
	n += fmt_vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);

	size_t len = MIN((size_t)n, sizeof(line) - 2);

	len -= line[len - 1] == '\n';
	str_make_line(line, len);
	line[len++] = '\n';
	uint64_t flags = irq_save();

	/* An NMI may have interrupted the holder: then the line is lost. */
	if (cpu_in_nmi() || panic_active()) {
		if (!spin_trylock(&log_lock)) {
			irq_restore(flags);
			return;
		}
	} else {
		spin_lock(&log_lock);
	}
	ringbuf_overwrite(&ring, line, len);
	spin_unlock(&log_lock);
	irq_restore(flags);
	if (!cpu_in_nmi() && !panic_active()) {
		wake_readers();
	}
}

REQUIRES(log_role)
static size_t read_locked(uint64_t *cookie, char *buf, size_t size)
{
	ASSERT(spin_held(&log_lock) || panic_active());

	uint64_t pos = MIN(*cookie, ring.head);

	if (pos < ring.tail) {
		pos = ring.tail;
		while (pos < ring.head && text[pos % LOG_SIZE] != '\n') {
			pos++;
		}
		pos = MIN(pos + 1, ring.head);
	}
	size = ringbuf_peek(&ring, pos, buf, size);
	*cookie = pos + size;
	return size;
}

LOCK_UNCHECKED("a panic reads without the lock")
size_t log_read(uint64_t *cookie, char *buf, size_t size)
{
	size_t n;

	/* A panic reads whatever state the holder left, the others being stopped. */
	if (panic_active()) {
		return read_locked(cookie, buf, size);
	}
	uint64_t flags = spin_lock_irqsave(&log_lock);

	n = read_locked(cookie, buf, size);
	spin_unlock_irqrestore(&log_lock, flags);
	return n;
}

bool log_has_news(uint64_t cookie)
{
	uint64_t flags = spin_lock_irqsave(&log_lock);
	bool news = cookie < ring.head;

	spin_unlock_irqrestore(&log_lock, flags);
	return news;
}
