/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: drivers/virtio/ring.c drivers/virtio/device.c drivers/virtio/console.c drivers/virtio/console_port.c tests/unit/shim/fake_virtio.c tests/unit/shim/base.c */
/* The console driver: handshake, flow control, gathering of small writes, and lies. */
#include "test.h"
#include "shim/fake_virtio.h"
#include <host/port.h>
#include <linux/errno.h>
#include <string.h>

const struct virtio_driver *const virtio_drivers[] = { &virtio_console_driver };
const unsigned virtio_driver_count = 1;

enum {
	DEVICE_READY,
	PORT_ADD,
	PORT_REMOVE,
	PORT_READY,
	CONSOLE_PORT,
	RESIZE,
	PORT_OPEN,
	PORT_NAME
};
enum { CTRL_RX = 2, CTRL_TX = 3, RX1 = 4, TX1 = 5 };

static struct fake_device f;
static struct host_port *ports[16];
static unsigned nports;

void host_port_register(struct host_port *p)
{
	ports[nports++] = p;
}

struct control {
	uint32_t id;
	uint16_t event, value;
	char name[64];
};

static void say_len(uint32_t id, uint16_t event, uint16_t value, const char *name, uint32_t len)
{
	static struct fake_chain c;
	struct control m = { .id = id, .event = event, .value = value };

	if (name)
		strcpy(m.name, name);
	CHECK(fake_take(&f, CTRL_RX, &c));
	fake_give(&f, CTRL_RX, c.head, fake_fill(&c, &m, len));
}

static void say(uint32_t id, uint16_t event, uint16_t value, const char *name)
{
	say_len(id, event, value, name, name ? 8 + (uint32_t)strlen(name) + 1 : 8);
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
}

/* The driver's next control message. */
static struct control heard(void)
{
	static struct fake_chain c;
	struct control m = { .id = 77, .event = 77 };

	if (fake_take(&f, CTRL_TX, &c)) {
		fake_read(&c, &m, 8);
		fake_give(&f, CTRL_TX, c.head, 0);
	}
	return m;
}

static void start(void)
{
	fake_init(&f, VIRTIO_ID_CONSOLE);
	nports = 0;
	f.config[4] = 4; /* max_nr_ports */
	CHECK_EQ(virtio_device_attach(&f.dev), 0);
	CHECK_EQ(heard().event, DEVICE_READY);
}

/* One open port, "p". */
static struct host_port *open_port(void)
{
	start();
	say(1, PORT_ADD, 0, NULL);
	CHECK_EQ(heard().event, PORT_READY);
	say(1, PORT_NAME, 0, "p");
	CHECK_EQ(nports, 1);
	CHECK_EQ(heard().event, PORT_OPEN);
	say(1, PORT_OPEN, 1, NULL);
	return ports[0];
}

/* The device takes what was sent: appends to out, returns the number of chains. */
static uint8_t out[2 << 20];
static size_t out_len;

static unsigned swallow(unsigned max)
{
	static struct fake_chain c;
	unsigned n = 0;

	while (n < max && fake_take(&f, TX1, &c)) {
		out_len += fake_read(&c, out + out_len, (uint32_t)(sizeof(out) - out_len));
		fake_give(&f, TX1, c.head, 0);
		n++;
	}
	return n;
}

/* The host sends bytes to the guest: those that found a buffer. */
static uint32_t send_in(const void *data, uint32_t n)
{
	static struct fake_chain c;

	if (!fake_take(&f, RX1, &c))
		return 0;
	n = fake_fill(&c, data, n);
	fake_give(&f, RX1, c.head, n);
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	return n;
}

static void handshake(void)
{
	struct control m;

	start();
	CHECK_EQ(f.accepted & 7, 2); /* MULTIPORT alone */
	say(1, PORT_ADD, 0, NULL);
	say(2, PORT_ADD, 0, NULL);
	m = heard();
	CHECK(m.id == 1 && m.event == PORT_READY && m.value == 1);
	m = heard();
	CHECK(m.id == 2 && m.event == PORT_READY && m.value == 1);
	say(2, PORT_OPEN, 1, NULL); /* before the name is fine too */
	say(2, PORT_NAME, 0, "corrida.ctl");
	say(1, PORT_NAME, 0, "corrida.stdio");
	CHECK_EQ(nports, 2);
	CHECK(!strcmp(ports[0]->name, "corrida.ctl"));
	CHECK(!strcmp(ports[1]->name, "corrida.stdio"));
	m = heard();
	CHECK(m.id == 2 && m.event == PORT_OPEN && m.value == 1);
	CHECK(!ports[0]->ops->hung_up(ports[0]));
	CHECK(!ports[1]->ops->hung_up(ports[1])); /* not yet open is not hung up */
	say(2, PORT_OPEN, 0, NULL);
	CHECK(ports[0]->ops->hung_up(ports[0]));
}

static void odd_control_messages(void)
{
	start();
	say(0, PORT_ADD, 0, NULL);
	say(4, PORT_ADD, 0, NULL);
	say(0xffffffff, PORT_ADD, 0, NULL);
	say(1, 1000, 0, NULL);
	say(1, PORT_NAME, 0, "early"); /* not added yet */
	say(1, PORT_REMOVE, 0, NULL);
	CHECK_EQ(heard().event, 77);
	CHECK_EQ(nports, 0);
	say(1, PORT_ADD, 0, NULL);
	say(1, PORT_ADD, 0, NULL);
	CHECK_EQ(heard().event, PORT_READY);
	CHECK_EQ(heard().event, 77);
	say_len(1, PORT_NAME, 0, "a name that is longer than the field for it",
		8 + 43); /* no NUL */
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(nports, 1);
	CHECK_EQ(strlen(ports[0]->name), 31);
	say(1, PORT_NAME, 0, "again");
	CHECK_EQ(nports, 1);
	CHECK(!virtio_is_broken(&f.dev));
	say_len(1, PORT_OPEN, 1, NULL, 7);
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK(virtio_is_broken(&f.dev));
	CHECK(ports[0]->ops->hung_up(ports[0]));
	CHECK_EQ(ports[0]->ops->write(ports[0], "x", 1), -EIO);
	CHECK_EQ(ports[0]->ops->flush(ports[0], DEADLINE_NONE), -EIO);

	fake_init(&f, VIRTIO_ID_CONSOLE);
	f.offer &= ~2ull;
	CHECK_EQ(virtio_device_attach(&f.dev), -ENODEV);
	fake_init(&f, VIRTIO_ID_CONSOLE);
	memset(f.config, 0xff, sizeof(f.config)); /* 2^32 - 1 ports */
	CHECK_EQ(virtio_device_attach(&f.dev), 0);
	CHECK_EQ(f.dev.nqueues, 18);
}

static void receiving(void)
{
	struct host_port *p = open_port();
	uint8_t in[4096], got[70000];
	size_t sent = 0, received = 0;

	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 7);
	CHECK_EQ(p->ops->can_read(p), 0);
	CHECK_EQ(p->ops->read(p, got, 10), 0);
	CHECK_EQ(send_in(in, 10), 10);
	CHECK_EQ(send_in(in + 10, 20), 20);
	CHECK_EQ(send_in(in, 1), 0); /* both buffers are full: the host waits */
	CHECK_EQ(p->ops->can_read(p), 30);
	CHECK_EQ(p->ops->read(p, got, 15), 15); /* one goes back, and a third comes */
	CHECK_EQ(send_in(in + 30, 1), 1);
	CHECK_EQ(send_in(in + 31, 1), 1);
	CHECK_EQ(p->ops->read(p, got + 15, sizeof(got)), 17);
	CHECK(!memcmp(got, in, 32));
	/* flood: the number of buffers grows, and stays bounded */
	for (int i = 0; i < 1000; i++) {
		while (send_in(in, sizeof(in)))
			sent++;
		received += p->ops->read(p, got, sizeof(got));
	}
	received += p->ops->read(p, got, sizeof(got));
	CHECK_EQ(received, sent * sizeof(in));
	CHECK_EQ(f.dev.queues[RX1].ring.inflight, 8);
	CHECK(!memcmp(got, in, sizeof(in)));
}

static void gathering(void)
{
	struct host_port *p = open_port();

	out_len = 0;
	CHECK_EQ(p->ops->write(p, "a", 1), 1); /* a lone byte leaves at once */
	CHECK_EQ(f.q[TX1].kicks, 1);
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(p->ops->write(p, "bc", 2), 2);
	CHECK_EQ(f.q[TX1].kicks, 1);
	CHECK_EQ(swallow(99), 1);
	CHECK(fake_wants_irq(&f, TX1, 0));
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(swallow(99), 1); /* the thousand in one */
	CHECK_EQ(out_len, 2001);
	CHECK(out[0] == 'a' && out[1] == 'b' && out[2000] == 'c');
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(p->ops->flush(p, DEADLINE_NONE), 0);
}

static void swallow_and_interrupt(void)
{
	if (swallow(2))
		fake_irq(&f, VIRTIO_IRQ_QUEUE);
}

/* One sleeps until there is room; another one takes the completions before their interrupt has looked,
 * which then finds nothing, or is not sent any more. */
static void completions_taken_by_others(void)
{
	static uint8_t data[1 << 20];

	for (int other = 0; other < 3; other++) {
		struct host_port *p = open_port();

		while (p->ops->write(p, data, sizeof(data)) > 0)
			;
		CHECK_EQ(p->ops->can_write(p), 0); /* the sleeper's last look */
		CHECK(swallow(99) > 0);
		fake_wakes = 0;
		if (other == 0)
			CHECK(p->ops->can_write(p) > 0);
		else if (other == 1)
			CHECK_EQ(p->ops->write(p, "x", 1), 1);
		else
			CHECK_EQ(p->ops->flush(p, DEADLINE_NONE), 0);
		CHECK(fake_wakes > 0);
		fake_wakes = 0;
		CHECK(p->ops->can_write(p) > 0);
		CHECK_EQ(fake_wakes, 0); /* once */
	}
}

/* The same for what was gathered meanwhile. */
static void gathered_bytes_leave(void)
{
	struct host_port *p = open_port();

	out_len = 0;
	CHECK_EQ(p->ops->write(p, "a", 1), 1);
	CHECK_EQ(p->ops->write(p, "bc", 2), 2);
	CHECK_EQ(swallow(99), 1);
	CHECK(p->ops->can_write(p) > 0);
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK_EQ(f.q[TX1].kicks, 2);
	CHECK_EQ(swallow(99), 1);
	CHECK_EQ(out_len, 3);
}

static void throughput(void)
{
	struct host_port *p = open_port();
	static uint8_t data[1 << 20];
	size_t done = 0;
	long n;

	out_len = 0;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	do {
		n = p->ops->write(p, data + done, sizeof(data) - done);
		done += (size_t)n;
	} while (n > 0);
	CHECK_EQ(done, 262144); /* the limit */
	CHECK_EQ(p->ops->can_write(p), 0);
	fake_wakes = 0;
	CHECK_EQ(swallow(99), 8);
	CHECK(fake_wants_irq(&f, TX1, 0));
	fake_irq(&f, VIRTIO_IRQ_QUEUE);
	CHECK(fake_wakes > 0);
	CHECK_EQ(p->ops->can_write(p), 262144);
	while (done < sizeof(data)) {
		n = p->ops->write(p, data + done, MIN(sizeof(data) - done, (size_t)5000));
		done += (size_t)n;
		if (n == 0)
			swallow_and_interrupt();
	}
	fake_idle = swallow_and_interrupt;
	CHECK_EQ(p->ops->flush(p, DEADLINE_NONE), 0);
	CHECK_EQ(out_len, sizeof(data));
	CHECK(!memcmp(out, data, sizeof(data)));
}

static void nothing(void)
{
}

static void flush_gives_up(void)
{
	struct host_port *p = open_port();

	CHECK_EQ(p->ops->write(p, "x", 1), 1);
	fake_idle = nothing;
	CHECK_EQ(p->ops->flush(p, fake_now + NSEC_PER_MSEC), -ETIMEDOUT);
	swallow(1);
	CHECK_EQ(p->ops->flush(p, 0), 0);
}

static void waits_for_the_host(void)
{
	struct host_port *p;
	char page[5000] = { 0 };

	start();
	say(1, PORT_ADD, 0, NULL);
	say(1, PORT_NAME, 0, "p");
	p = ports[0];
	out_len = 0;
	CHECK_EQ(p->ops->write(p, "early", 5), 5);
	CHECK_EQ(swallow(1), 0);
	CHECK_EQ(p->ops->write(p, page, sizeof(page)), 4091); /* one buffer's worth */
	CHECK_EQ(p->ops->can_write(p), 0);
	fake_wakes = 0;
	say(1, PORT_OPEN, 1, NULL);
	CHECK(fake_wakes > 0);
	CHECK_EQ(swallow(1), 1);
	CHECK(!memcmp(out, "early", 5));
	CHECK(p->ops->can_write(p) > 0);
	say(1, PORT_OPEN, 0, NULL); /* closed: bytes go out to be dropped */
	CHECK_EQ(p->ops->write(p, "late", 4), 4);
	CHECK_EQ(swallow(1), 1);
	CHECK_EQ(p->ops->flush(p, DEADLINE_NONE), 0);
}

static void no_memory(void)
{
	struct host_port *p = open_port();
	char page[5000] = { 0 };

	for (int i = 0; i < 10; i++) {
		out_len = 0;
		fake_alloc_fail_at = 1; /* no large buffer: the spare one does */
		CHECK_EQ(p->ops->write(p, page, sizeof(page)), 5000);
		fake_alloc_fail_at = 0;
		while (p->ops->flush(p, 0) && swallow(9))
			;
		CHECK_EQ(out_len, 5000);
	}
}

static void emergency(void)
{
	struct host_port *p = open_port();

	out_len = 0;
	CHECK_EQ(p->ops->write(p, "one", 3), 3);
	CHECK_EQ(p->ops->write(p, "two", 3), 3);
	/* nobody answers: it gives up, but the bytes are in the ring, in order */
	p->ops->emergency_write(p, "three", 5);
	CHECK_EQ(swallow(9), 3);
	CHECK(!memcmp(out, "onetwothree", 11));
	say(1, PORT_OPEN, 0, NULL);
	p->ops->emergency_write(p, "four", 4);
	CHECK_EQ(swallow(9), 0);
}

static void lies(void)
{
	for (int lie = 0; lie < 6; lie++) {
		struct host_port *p = open_port();
		char buf[16];

		CHECK_EQ(p->ops->write(p, "x", 1), 1);
		fake_wakes = 0;
		switch (lie) {
		case 0: fake_give(&f, TX1, 40, 0); break;
		case 1: fake_give(&f, RX1, 40, 0); break;
		case 2: fake_give(&f, CTRL_RX, 400, 0); break;
		case 3: f.q[RX1].used->idx = 1000; break;
		case 4: /* data for a port that does not exist yet */
			f.q[RX1 + 2].used->idx = 1;
			break;
		case 5: /* empty answers, for ever */
			for (int i = 0; i < 10000; i++) {
				if (send_in("", 0) == 0 && !virtio_is_broken(&f.dev))
					continue;
			}
			CHECK(!virtio_is_broken(&f.dev));
			CHECK_EQ(p->ops->can_read(p), 0);
			continue;
		}
		fake_irq(&f, VIRTIO_IRQ_QUEUE);
		CHECK(virtio_is_broken(&f.dev));
		CHECK_EQ(fake_log_lines, 1);
		CHECK(fake_wakes > 0);
		CHECK_EQ(f.resets, 2);
		CHECK(p->ops->hung_up(p));
		CHECK_EQ(p->ops->write(p, "x", 1), -EIO);
		CHECK(p->ops->can_write(p) > 0); /* so that the writer sees the error */
		CHECK_EQ(p->ops->read(p, buf, sizeof(buf)), 0);
		CHECK_EQ(p->ops->flush(p, DEADLINE_NONE), -EIO);
	}
}

int main(void)
{
	RUN(handshake);
	RUN(odd_control_messages);
	RUN(receiving);
	RUN(gathering);
	RUN(completions_taken_by_others);
	RUN(gathered_bytes_leave);
	RUN(throughput);
	RUN(flush_gives_up);
	RUN(waits_for_the_host);
	RUN(no_memory);
	RUN(emergency);
	RUN(lies);
	return test_done();
}
