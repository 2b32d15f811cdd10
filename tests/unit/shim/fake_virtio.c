/* SPDX-License-Identifier: MIT */
#include "fake_virtio.h"
#include <arch/clock.h>
#include <arch/paging.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <linux/errno.h>
#include <mm/slab.h>
#include <sched/timer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sync/waitq.h>

void (*fake_idle)(void);
unsigned fake_log_lines;
char fake_last_log[256];
uint64_t fake_now = 1000;
unsigned fake_wakes;
unsigned fake_alloc_fail_at;

/* Devices stay for ever, so their memory looks leaked. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* ---- kernel services ---- */

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	vsnprintf(fake_last_log, sizeof(fake_last_log), fmt, ap);
	va_end(ap);
	fake_log_lines++;
}
static bool fail_now(void)
{
	return fake_alloc_fail_at && --fake_alloc_fail_at == 0;
}
/* Each block has its list node in front, so that all can be freed at the end of a test; the
 * end of a block is where ASan expects it. */
static struct list blocks = LIST_INIT(blocks);

void *kmalloc(size_t n)
{
	struct list *block = fail_now() ? NULL : malloc(sizeof(*block) + n);

	if (!block)
		return NULL;
	list_init(block);
	list_push_back(&blocks, block);
	return block + 1;
}
void *kzalloc(size_t n)
{
	void *p = kmalloc(n);

	return p ? memset(p, 0, n) : NULL;
}
void *kcalloc(size_t n, size_t size)
{
	return kzalloc(n * size);
}
void kfree(const void *p)
{
	struct list *block;

	if (!p)
		return;
	block = (struct list *)(uintptr_t)p - 1;
	list_remove(block);
	free(block);
}
void fake_free_all(void)
{
	while (!list_empty(&blocks))
		kfree(blocks.next + 1);
}

static unsigned locks_held;

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(rank, name);
}
uint64_t spin_lock_irqsave(struct spinlock *l)
{
	ASSERT(!l->held); /* one thread: this would be a deadlock */
	l->held = 1;
	locks_held++;
	return 0;
}
void spin_unlock_irqrestore(struct spinlock *l, uint64_t flags)
{
	(void)flags;
	ASSERT(l->held);
	l->held = 0;
	locks_held--;
}
bool spin_held(const struct spinlock *l)
{
	return l->held;
}
void spin_assert_held(const struct spinlock *l)
{
	ASSERT(l->held);
}

void waitq_init(struct waitq *q)
{
	memset(q, 0, sizeof(*q));
	list_init(&q->entries);
}
void waitq_wake(struct waitq *q, int nr, uint32_t events)
{
	(void)q, (void)nr, (void)events;
	ASSERT(locks_held == 0); /* RANK_WAITQ comes before RANK_DEVICE */
	fake_wakes++;
}
int block(uint64_t deadline)
{
	ASSERT(locks_held == 0);
	if (fake_now >= deadline)
		return -ETIMEDOUT;
	ASSERT(fake_idle); /* nobody would ever wake us */
	fake_idle();
	fake_now += 1000;
	return 0;
}
int waitq_wait_until(struct waitq *q, bool (*ready)(void *arg), void *arg, enum wait_mode mode,
		     uint64_t deadline)
{
	int err = 0;

	(void)q;
	(void)mode;
	while (!ready(arg) && !err) {
		err = block(deadline);
	}
	return err && ready(arg) ? 0 : err;
}

uint64_t clock_mono_ns(void)
{
	return fake_now += 100;
}
static struct timer *armed[8];
void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
}
bool timer_pending(const struct timer *t)
{
	for (unsigned i = 0; i < ARRAY_SIZE(armed); i++) {
		if (armed[i] == t)
			return true;
	}
	return false;
}
void timer_arm(struct timer *t, uint64_t expires)
{
	t->expires = expires;
	if (timer_pending(t))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(armed); i++) {
		if (!armed[i]) {
			armed[i] = t;
			return;
		}
	}
}
void fake_advance(uint64_t ns)
{
	fake_now += ns;
	for (unsigned i = 0; i < ARRAY_SIZE(armed); i++) {
		struct timer *t = armed[i];

		if (t && t->expires <= fake_now) {
			armed[i] = NULL;
			t->fn(t);
		}
	}
}

/* ---- the transport ---- */

static struct fake_device *fake_of(struct virtio_device *dev)
{
	return dev->transport;
}
static uint8_t get_status(struct virtio_device *dev)
{
	return fake_of(dev)->status;
}
static void set_status(struct virtio_device *dev, uint8_t status)
{
	struct fake_device *f = fake_of(dev);

	if (status == 0) {
		f->resets++;
		memset(f->q, 0, sizeof(f->q));
	}
	if (f->refuse_features)
		status &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	f->status = status;
}
static uint64_t get_features(struct virtio_device *dev)
{
	return fake_of(dev)->offer;
}
static void set_features(struct virtio_device *dev, uint64_t features)
{
	ASSERT((features & ~fake_of(dev)->offer) == 0);
	fake_of(dev)->accepted = features;
}
static uint16_t queue_max(struct virtio_device *dev, uint16_t index)
{
	return index < FAKE_QUEUES ? (uint16_t)fake_of(dev)->queue_limit : 0;
}
static int queue_enable(struct virtio_device *dev, uint16_t index, uint16_t size, uint64_t desc,
			uint64_t avail, uint64_t used)
{
	ASSERT(!(fake_of(dev)->status & VIRTIO_STATUS_DRIVER_OK));
	fake_of(dev)->q[index] = (struct fake_queue){
		.size = size,
		.desc = phys_to_virt(desc),
		.avail = phys_to_virt(avail),
		.used = phys_to_virt(used),
	};
	return 0;
}
static void kick(struct virtio_device *dev, uint16_t index)
{
	struct fake_device *f = fake_of(dev);

	ASSERT(f->status & VIRTIO_STATUS_DRIVER_OK);
	f->q[index].kicks++;
	if (f->on_kick)
		f->on_kick(f, index);
}
static void read_config(struct virtio_device *dev, unsigned offset, void *buf, size_t n)
{
	ASSERT(offset + n <= sizeof(fake_of)(dev)->config);
	memcpy(buf, fake_of(dev)->config + offset, n);
}
static uint32_t irq_ack(struct virtio_device *dev)
{
	uint32_t causes = fake_of(dev)->causes;

	fake_of(dev)->causes = 0;
	return causes;
}
static int irq_connect(struct virtio_device *dev)
{
	fake_of(dev)->connected = true;
	return 0;
}
static const struct virtio_transport fake_transport = {
	.get_status = get_status,
	.set_status = set_status,
	.get_features = get_features,
	.set_features = set_features,
	.queue_max = queue_max,
	.queue_enable = queue_enable,
	.kick = kick,
	.read_config = read_config,
	.irq_ack = irq_ack,
	.irq_connect = irq_connect,
};

void fake_init(struct fake_device *f, uint32_t id)
{
	memset(f, 0, sizeof(*f));
	f->dev.ops = &fake_transport;
	f->dev.transport = f;
	f->dev.id = id;
	strcpy(f->dev.name, "fake");
	f->offer = UINT64_MAX;
	f->queue_limit = 1024;
	fake_log_lines = 0;
	fake_last_log[0] = '\0';
	fake_idle = NULL;
	fake_alloc_fail_at = 0;
	memset(armed, 0, sizeof(armed));
}

static unsigned follow(const struct vring_desc *table, unsigned size, unsigned at,
		       struct fake_chain *c)
{
	unsigned n = 0;

	for (;;) {
		const struct vring_desc *d = &table[at];

		ASSERT(at < size && n < size);
		c->part[c->n++] = (struct fake_part){
			.data = phys_to_virt(d->addr),
			.len = d->len,
			.writable = d->flags & VRING_DESC_WRITE,
		};
		n++;
		if (!(d->flags & VRING_DESC_NEXT))
			return n;
		at = d->next;
	}
}

bool fake_take(struct fake_device *f, unsigned queue, struct fake_chain *c)
{
	struct fake_queue *q = &f->q[queue];
	uint16_t head;

	if (!q->avail || q->seen == q->avail->idx)
		return false;
	head = q->avail->ring[q->seen++ % q->size];
	ASSERT(head < q->size);
	*(uint16_t *)&q->used->ring[q->size] = q->seen; /* avail_event: tell me of the next */
	c->head = head;
	c->n = 0;
	if (q->desc[head].flags & VRING_DESC_INDIRECT) {
		unsigned n = q->desc[head].len / sizeof(struct vring_desc);

		ASSERT(n <= q->size);
		follow(phys_to_virt(q->desc[head].addr), n, 0, c);
	} else {
		follow(q->desc, q->size, head, c);
	}
	return true;
}

void fake_give(struct fake_device *f, unsigned queue, uint32_t id, uint32_t len)
{
	struct fake_queue *q = &f->q[queue];

	q->used->ring[q->used->idx % q->size] = (struct vring_used_elem){ id, len };
	q->used->idx++;
}

uint32_t fake_fill(const struct fake_chain *c, const void *data, uint32_t n)
{
	uint32_t done = 0;

	for (unsigned i = 0; i < c->n; i++) {
		uint32_t m = MIN(n - done, c->part[i].len);

		if (!c->part[i].writable)
			continue;
		memcpy(c->part[i].data, (const char *)data + done, m);
		done += m;
	}
	return done;
}

uint32_t fake_read(const struct fake_chain *c, void *data, uint32_t max)
{
	uint32_t done = 0;

	for (unsigned i = 0; i < c->n; i++) {
		if (c->part[i].writable)
			continue;
		ASSERT(done + c->part[i].len <= max);
		memcpy((char *)data + done, c->part[i].data, c->part[i].len);
		done += c->part[i].len;
	}
	return done;
}

bool fake_wants_irq(struct fake_device *f, unsigned queue, uint16_t old)
{
	struct fake_queue *q = &f->q[queue];
	uint16_t event = q->avail->ring[q->size], now = q->used->idx;

	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

void fake_irq(struct fake_device *f, uint32_t causes)
{
	f->causes |= causes;
	virtio_device_irq(&f->dev);
}
