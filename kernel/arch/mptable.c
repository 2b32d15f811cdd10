/* SPDX-License-Identifier: MIT */
/*
 * The MultiProcessor table (MP 1.4): CPUs, the IOAPIC, ISA lines.  Pure; the table is untrusted:
 * each length is checked against what is left of it before an entry is read.
 */
#include "mptable.h"
#include <lib/string.h>

struct mp_floating {
	char signature[4];
	uint32_t table;
	uint8_t length16, revision, checksum, features[5];
} PACKED;
struct mp_header {
	char signature[4];
	uint16_t length;
	uint8_t revision, checksum;
	char oem[8], product[12];
	uint32_t oem_table;
	uint16_t oem_size, entry_count;
	uint32_t lapic;
	uint16_t ext_length;
	uint8_t ext_checksum, reserved;
} PACKED;
_Static_assert(sizeof(struct mp_floating) == 16 && sizeof(struct mp_header) == 44, "MP 1.4");

struct mp_cpu {
	uint8_t type, apic, version, flags;
	uint32_t signature, features, reserved[2];
} PACKED;
struct mp_ioapic {
	uint8_t type, id, version, flags;
	uint32_t address;
} PACKED;
struct mp_irq {
	uint8_t type, kind;
	uint16_t flags;
	uint8_t bus, bus_irq, ioapic, pin;
} PACKED;

enum { MP_CPU, MP_BUS, MP_IOAPIC, MP_IRQ, MP_LOCAL_IRQ };
#define MP_CPU_ENABLED 1
#define MP_CPU_BOOT 2
#define MP_IOAPIC_ENABLED 1

static bool checksum_ok(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += p[i];
	}
	return sum == 0;
}

long mp_find_floating(const void *mem, size_t len, uint32_t *table)
{
	struct mp_floating fp;

	for (size_t off = 0; off + sizeof(fp) <= len; off += 16) {
		const uint8_t *p = (const uint8_t *)mem + off;

		if (p[0] != '_' || p[1] != 'M' || p[2] != 'P' || p[3] != '_') {
			continue;
		}
		memcpy(&fp, p, sizeof(fp));
		if (fp.length16 == 1 && checksum_ok(p, sizeof(fp)) && fp.table) {
			*table = fp.table;
			return (long)off;
		}
	}
	return -1;
}

size_t mp_table_length(const void *table, size_t len)
{
	struct mp_header h;

	if (len < sizeof(h)) {
		return 0;
	}
	memcpy(&h, table, sizeof(h));
	return memcmp(h.signature, "PCMP", 4) == 0 && h.length >= sizeof(h) ? h.length : 0;
}

static void add_cpu(struct mp_info *info, const struct mp_cpu *c)
{
	if (!(c->flags & MP_CPU_ENABLED)) {
		return;
	}
	for (unsigned i = 0; i < info->cpu_count; i++) {
		if (info->cpu_apic[i] == c->apic) {
			return;
		}
	}
	if (info->cpu_count == MAX_CPUS) {
		info->cpus_ignored++;
		return;
	}
	info->cpu_apic[info->cpu_count++] = c->apic;
	if (c->flags & MP_CPU_BOOT) {
		info->cpu_apic[info->cpu_count - 1] = info->cpu_apic[0];
		info->cpu_apic[0] = c->apic;
	}
}

bool mp_parse(const void *table, size_t len, struct mp_info *info)
{
	const uint8_t *base = table;
	size_t total = mp_table_length(table, len);
	size_t off = sizeof(struct mp_header);
	struct mp_header h;

	memset(info, 0, sizeof(*info));
	for (unsigned i = 0; i < ARRAY_SIZE(info->isa_pin); i++) {
		info->isa_pin[i] = i;
	}
	if (total == 0 || total > len || !checksum_ok(base, total)) {
		return false;
	}
	memcpy(&h, base, sizeof(h));
	info->lapic = h.lapic;
	while (off < total) {
		size_t size = base[off] == MP_CPU ? sizeof(struct mp_cpu) : 8;
		struct mp_cpu cpu;
		struct mp_ioapic io;
		struct mp_irq irq;

		if (base[off] > MP_LOCAL_IRQ || size > total - off) {
			return false;
		}
		switch (base[off]) {
		case MP_CPU:
			memcpy(&cpu, base + off, sizeof(cpu));
			add_cpu(info, &cpu);
			break;
		case MP_IOAPIC:
			memcpy(&io, base + off, sizeof(io));
			if ((io.flags & MP_IOAPIC_ENABLED) && !info->ioapic) {
				info->ioapic = io.address;
				info->ioapic_id = io.id;
			}
			break;
		case MP_IRQ:
			memcpy(&irq, base + off, sizeof(irq));
			if (irq.kind == 0 && irq.bus_irq < ARRAY_SIZE(info->isa_pin)) {
				info->isa_pin[irq.bus_irq] = irq.pin;
			}
			break;
		default: break;
		}
		off += size;
	}
	return true;
}
