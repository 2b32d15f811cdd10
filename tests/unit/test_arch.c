/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/arch/memmap.c kernel/arch/mptable.c drivers/rtc.c drivers/pvclock.c */
/* The pure parts of the machine layer: memory map, MP table, clock arithmetic, RTC, pvclock. */
#include "../../kernel/arch/clock_math.h"
#include "../../kernel/arch/memmap.h"
#include "../../kernel/arch/mptable.h"
#include "test.h"
#include <drivers/pvclock.h>
#include <drivers/rtc.h>
#include <string.h>

#define RAM(a, s)                       \
	{                               \
		(a), (s), MEMMAP_RAM, 0 \
	}
#define RESERVED(a, s)         \
	{                      \
		(a), (s), 2, 0 \
	}
#define NO_LIMIT (1ull << 46)

static struct mem_range out[32];
static uint64_t total;

static unsigned build(const struct memmap_entry *map, unsigned n)
{
	memset(out, 0xee, sizeof(out));
	return memmap_build(map, n, NO_LIMIT, out, 32, &total);
}

static void test_memmap_microvm(void)
{
	/* as QEMU gives it for -m 5G, the zero-length entry included */
	static const struct memmap_entry map[] = {
		RAM(0, 0x9fc00),
		RESERVED(0x9fc00, 0x400),
		RESERVED(0xf0000, 0x10000),
		RAM(0x100000, 0xbff00000),
		RESERVED(0xfeffc000, 0x4000),
		RAM(0x180000000, 0),
		RAM(0x100000000, 0x80000000),
	};
	CHECK_EQ(build(map, 7), 3);
	CHECK(out[0].start == 0 && out[0].end == 0x9f000);
	CHECK(out[1].start == 0x100000 && out[1].end == 0xc0000000);
	CHECK(out[2].start == 0x100000000 && out[2].end == 0x180000000);
	CHECK(total == 0x9f000 + 0xbff00000 + 0x80000000ull);
}

static void test_memmap_unsorted_overlapping(void)
{
	static const struct memmap_entry map[] = {
		RAM(0x400000, 0x100000), RAM(0x100000, 0x200000),  RAM(0x200000, 0x200000),
		RAM(0x480000, 0x1000),	 RESERVED(0x280800, 0x10),
	};
	CHECK_EQ(build(map, 5), 2);
	CHECK(out[0].start == 0x100000 && out[0].end == 0x280000);
	CHECK(out[1].start == 0x281000 && out[1].end == 0x500000);
}

static void test_memmap_unaligned(void)
{
	static const struct memmap_entry map[] = {
		RAM(0x1001, 0x2ffe),
		RAM(0x10010, 0x20),
		RAM(0x20fff, 0x1002),
	};
	CHECK_EQ(build(map, 3), 2);
	CHECK(out[0].start == 0x2000 && out[0].end == 0x3000);
	CHECK(out[1].start == 0x21000 && out[1].end == 0x22000);
}

static void test_memmap_wraps(void)
{
	static const struct memmap_entry map[] = {
		RAM(UINT64_MAX - 10, 100),
		RAM(0x1000, UINT64_MAX),
		RESERVED(UINT64_MAX - 5, 100),
		RESERVED(0x10000000, UINT64_MAX),
	};
	CHECK_EQ(build(map, 4), 1);
	CHECK(out[0].start == 0x1000 && out[0].end == 0x10000000);
	static const struct memmap_entry none[] = { RAM(1ull << 50, 1ull << 30) };
	CHECK_EQ(build(none, 1), 0);
	CHECK(total == 0);
}

static void test_memmap_too_many(void)
{
	struct memmap_entry map[64];

	for (unsigned i = 0; i < 64; i++) {
		map[i] = (struct memmap_entry)RAM(0x100000ull * (i + 1), 0x1000);
	}
	CHECK_EQ(build(map, 64), 32);
	CHECK(out[31].end == 0x100000ull * 32 + 0x1000);
}

static void test_memmap_exclude(void)
{
	struct mem_range r[3] = { { 0x1000, 0x9000 }, { 0x10000, 0x20000 } };

	CHECK_EQ(memmap_exclude(r, 2, 3, 0x3800, 0x4001), 3);
	CHECK(r[0].end == 0x3000 && r[1].start == 0x5000 && r[1].end == 0x9000);
	/* full: the larger part of a cut stays */
	CHECK_EQ(memmap_exclude(r, 3, 3, 0x11000, 0x12000), 3);
	CHECK(r[2].start == 0x12000 && r[2].end == 0x20000);
	CHECK_EQ(memmap_exclude(r, 3, 3, 0, 0x6000), 2);
	CHECK(r[0].start == 0x6000);
	CHECK_EQ(memmap_exclude(r, 2, 3, 0x1f000, UINT64_MAX), 2);
	CHECK(r[1].end == 0x1f000);
	CHECK_EQ(memmap_exclude(r, 2, 3, 0x7000, 0x7000), 2);
	CHECK_EQ(memmap_exclude(r, 2, 3, 0, UINT64_MAX), 0);
}

static void test_memmap_random(void)
{
	/* against a bit per page */
	unsigned seed = 1;

	for (unsigned round = 0; round < 3000; round++) {
		struct memmap_entry map[8];
		unsigned char page[64] = { 0 };

		for (unsigned i = 0; i < 8; i++) {
			seed = seed * 1103515245 + 12345;
			uint64_t start = (seed >> 8 & 63) * PAGE_SIZE;
			uint64_t len = (seed >> 16 & 31) * PAGE_SIZE;

			len = MIN(len, 64 * PAGE_SIZE - start);
			map[i] = (struct memmap_entry){ start, len, seed >> 22 & 3 ? 1 : 2, 0 };
		}
		for (unsigned type = 1; type <= 2; type++) {
			for (unsigned i = 0; i < 8; i++) {
				for (uint64_t p = 0;
				     map[i].type == type && p < map[i].size / PAGE_SIZE; p++) {
					page[map[i].addr / PAGE_SIZE + p] = type == 1;
				}
			}
		}
		unsigned n = build(map, 8);
		unsigned char got[64] = { 0 };

		for (unsigned i = 0; i < n; i++) {
			CHECK(out[i].start < out[i].end);
			CHECK(i == 0 || out[i - 1].end < out[i].start ||
			      out[i - 1].end == out[i].start);
			for (uint64_t p = out[i].start / PAGE_SIZE; p < out[i].end / PAGE_SIZE;
			     p++) {
				got[p] = 1;
			}
		}
		CHECK(memcmp(page, got, 64) == 0);
	}
}

/* --- MP table, built by hand */
static unsigned char table[1024];
static size_t table_len;

static void put(const void *p, size_t n)
{
	memcpy(table + table_len, p, n);
	table_len += n;
}
static void put_cpu(uint8_t apic, uint8_t flags)
{
	unsigned char e[20] = { 0, apic, 0x14, flags };
	put(e, 20);
}
static void put8(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint8_t e, uint8_t f, uint8_t g,
		 uint8_t h)
{
	unsigned char x[8] = { a, b, c, d, e, f, g, h };
	put(x, 8);
}
static void begin(void)
{
	memset(table, 0, sizeof(table));
	memcpy(table, "PCMP", 4);
	table_len = 44;
	table[36] = 0;
	table[38] = 0xe0;
	table[39] = 0xfe; /* LAPIC 0xfee00000 */
}
static void end(void)
{
	unsigned char sum = 0;

	table[4] = (unsigned char)table_len;
	table[5] = (unsigned char)(table_len >> 8);
	table[7] = 0;
	for (size_t i = 0; i < table_len; i++) {
		sum += table[i];
	}
	table[7] = (unsigned char)-sum;
}

static void test_mp_qboot(void)
{
	struct mp_info info;

	begin(); /* entry count stays 0 */
	put_cpu(0, 3);
	put_cpu(1, 1);
	put_cpu(2, 0); /* not enabled */
	put_cpu(3, 1);
	put8(1, 0, 'I', 'S', 'A', ' ', ' ', ' ');
	put8(2, 3, 0x11, 1, 0, 0, 0xc0, 0xfe);
	put8(3, 0, 0, 0, 0, 0, 3, 2); /* IRQ 0 -> pin 2 */
	put8(3, 0, 0, 0, 0, 1, 3, 1);
	put8(4, 3, 0, 0, 0, 0, 0, 0);
	end();
	CHECK(mp_table_length(table, 44) == table_len);
	CHECK(mp_parse(table, table_len, &info));
	CHECK_EQ(info.cpu_count, 3);
	CHECK(info.cpu_apic[0] == 0 && info.cpu_apic[1] == 1 && info.cpu_apic[2] == 3);
	CHECK(info.ioapic == 0xfec00000 && info.ioapic_id == 3);
	CHECK(info.isa_pin[0] == 2 && info.isa_pin[1] == 1 && info.isa_pin[5] == 5);
}

static void test_mp_boot_cpu_first(void)
{
	struct mp_info info;

	begin();
	put_cpu(7, 1);
	put_cpu(4, 3);
	put_cpu(7, 1); /* twice */
	end();
	CHECK(mp_parse(table, table_len, &info));
	CHECK_EQ(info.cpu_count, 2);
	CHECK(info.cpu_apic[0] == 4 && info.cpu_apic[1] == 7);
}

static void test_mp_malformed(void)
{
	struct mp_info info;

	begin();
	put_cpu(0, 3);
	end();
	CHECK(mp_parse(table, table_len, &info));
	CHECK(!mp_parse(table, table_len - 1, &info)); /* longer than what is there */
	CHECK(!mp_parse(table, 20, &info));
	table[50]++;
	CHECK(!mp_parse(table, table_len, &info)); /* checksum */
	begin();
	put8(9, 0, 0, 0, 0, 0, 0, 0);
	end();
	CHECK(!mp_parse(table, table_len, &info)); /* unknown type */
	begin();
	put8(0, 1, 0, 1, 0, 0, 0, 0);
	end();
	CHECK(!mp_parse(table, table_len, &info)); /* half a CPU entry */
	table[0] = 'X';
	CHECK(mp_table_length(table, 44) == 0);
}

static void test_mp_floating(void)
{
	unsigned char mem[64] = { 0 };
	uint32_t where = 0;

	CHECK_EQ(mp_find_floating(mem, sizeof(mem), &where), -1);
	memcpy(mem + 32, "_MP_\x10\x20\x0f\x00\x01\x04", 10);
	CHECK_EQ(mp_find_floating(mem, sizeof(mem), &where), -1); /* checksum */
	unsigned char sum = 0;
	for (int i = 0; i < 16; i++) {
		sum += mem[32 + i];
	}
	mem[32 + 10] = (unsigned char)-sum;
	CHECK_EQ(mp_find_floating(mem, sizeof(mem), &where), 32);
	CHECK(where == 0xf2010);
	CHECK_EQ(mp_find_floating(mem, 47, &where), -1);
}

/* --- clocks */
static void test_clock_scale(void)
{
	uint64_t hz = 2596121000, mult = clock_mult_of_hz(hz);

	CHECK(clock_scale(hz, mult, CLOCK_SHIFT) / 10 == NSEC_PER_SEC / 10 ||
	      clock_scale(hz, mult, CLOCK_SHIFT) == NSEC_PER_SEC - 1);
	/* ten years in one delta: the product has more than 64 bits */
	uint64_t years = 10 * 365 * 86400ull;
	uint64_t ns = clock_scale(hz * years, mult, CLOCK_SHIFT);
	uint64_t want = years * NSEC_PER_SEC;
	uint64_t error = ns > want ? ns - want : want - ns;
	CHECK(error < want / 1000000000);
	CHECK(clock_scale(UINT64_MAX, 1ull << 32, 32) == UINT64_MAX);
	CHECK(clock_scale(UINT64_MAX, 1, 63) == 1);
}

static void test_clock_inverse(void)
{
	static const uint64_t rates[] = { CLOCK_MIN_HZ, 1000000,    NSEC_PER_SEC,
					  2596121000,	5000000000, CLOCK_MAX_HZ };

	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++) {
		uint64_t hz = rates[i];
		uint64_t ticks = clock_scale(NSEC_PER_SEC, clock_inv_of_hz(hz), CLOCK_INV_SHIFT);

		CHECK(ticks <= hz && ticks + 2 + hz / 10000 >= hz);
		uint64_t back = clock_hz_of_mult(clock_mult_of_hz(hz), CLOCK_SHIFT);
		uint64_t error = back > hz ? back - hz : hz - back;
		CHECK(error <= hz / 100000000 + 8);
	}
}

static void test_clock_factors(void)
{
	/* KVM's factors for 2.5 GHz: ns = (delta >> 1) * 0.8 */
	CHECK_EQ(clock_hz_of_mult(3435973836, 33) / 1000, 2500000);
	CHECK_EQ(clock_hz_of_mult(0, 33), 0);
	CHECK_EQ(clock_hz_of_mult(1, 200), 0);
	CHECK_EQ(clock_hz_of_interval(2600000, 1000000), 2600000000);
	CHECK_EQ(clock_hz_of_interval(2600123, 1000007) / 100, 26001047);
	CHECK(clock_hz_of_interval(1ull << 40, 1000000000) == 1ull << 40);
}

static void test_pvclock(void)
{
	struct pvclock_time t = {
		.tsc_timestamp = 1000, .system_time = 500, .mul = 1u << 31, .shift = 1
	};

	CHECK_EQ(pvclock_ns(&t, 1000), 500);
	CHECK_EQ(pvclock_ns(&t, 4000), 3500);
	CHECK_EQ(pvclock_ns(&t, 900), 500); /* not back in time */
	t.shift = -1;
	CHECK_EQ(pvclock_ns(&t, 5000), 500 + 1000);
	t.shift = -100; /* a lie */
	CHECK_EQ(pvclock_ns(&t, 5000), 500);
}

static void test_rtc(void)
{
	struct rtc_regs r = { 0x56, 0x34, 0x12, 0x22, 0x11, 0x26, 0x20, 0x02 };
	int64_t s;

	CHECK(rtc_to_unix(&r, &s));
	CHECK_EQ(s, 1795350896); /* date -u -d '2026-11-22 12:34:56' +%s */
	r = (struct rtc_regs){ 0x00, 0x00, 0x92, 0x29, 0x02, 0x24, 0x20, 0x00 };
	CHECK(rtc_to_unix(&r, &s)); /* 12 PM is noon */
	CHECK_EQ(s, 1709208000);
	r.hour = 0x12; /* 12 AM is midnight */
	CHECK(rtc_to_unix(&r, &s));
	CHECK_EQ(s, 1709164800);
	r = (struct rtc_regs){ 59, 59, 23, 31, 12, 99, 19, 0x06 };
	CHECK(rtc_to_unix(&r, &s)); /* binary */
	CHECK_EQ(s, 946684799);
	r = (struct rtc_regs){ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	CHECK(!rtc_to_unix(&r, &s)); /* no chip */
	r = (struct rtc_regs){ 0, 0, 0, 0, 0, 0, 0, 0 };
	CHECK(!rtc_to_unix(&r, &s));
}

int main(void)
{
	RUN(test_memmap_microvm);
	RUN(test_memmap_unsorted_overlapping);
	RUN(test_memmap_unaligned);
	RUN(test_memmap_wraps);
	RUN(test_memmap_too_many);
	RUN(test_memmap_exclude);
	RUN(test_memmap_random);
	RUN(test_mp_qboot);
	RUN(test_mp_boot_cpu_first);
	RUN(test_mp_malformed);
	RUN(test_mp_floating);
	RUN(test_clock_scale);
	RUN(test_clock_inverse);
	RUN(test_clock_factors);
	RUN(test_pvclock);
	RUN(test_rtc);
	return test_done();
}
