/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * Intel MultiProcessor Specification 1.4 tables.  Pure: works on a copy or a
 * mapping of them, checks all lengths.  The entry count of qboot's table is 0: it is
 * walked by its length.
 */
#include <arch/cpu.h>

struct mp_info {
	unsigned cpu_count;
	uint8_t cpu_apic[MAX_CPUS]; /* enabled CPUs, boot CPU first */
	unsigned cpus_ignored;	    /* enabled, but beyond MAX_CPUS */
	uint64_t lapic;
	uint64_t ioapic; /* 0 = none */
	uint8_t ioapic_id;
	uint8_t isa_pin[16]; /* IOAPIC pin of an ISA interrupt */
};

/* Finds "_MP_" in len bytes; returns the offset, -1 when there is none.  *table gets
 * the physical address of the configuration table. */
long mp_find_floating(const void *mem, size_t len, uint32_t *table);

/* The length that the header at `table` claims, 0 when it is no table. */
size_t mp_table_length(const void *table, size_t len);

/* Parses a whole table; false when it is malformed. */
bool mp_parse(const void *table, size_t len, struct mp_info *info);
