/* SPDX-License-Identifier: MIT */
/*
 * Starting other CPUs, interrupting them, stopping them in a panic.
 *
 * cpus_online only grows; a CPU sets its bit when it can take interrupts.  A CPU that came too
 * late was ABANDONED by compare-exchange and halts: it must not run with an id that others
 * believe dead.
 *
 * smp_call() has one call per CPU under way, in that CPU's own struct: `call_from` of the target
 * names the callers, `call_waits_for` of the caller the targets that have not run it.  A caller
 * waits with interrupts on and serves others meanwhile, so that two CPUs may call each other.
 */
#include "smp.h"
#include <arch/boot.h>
#include <arch/clock.h>
#include <arch/upcalls.h>
#include <lib/assert.h>
#include <debug/log.h>
#include <lib/string.h>
#include "arch_internal.h"

enum cpu_state {
	CPU_ABSENT,    /* not arrived */
	CPU_ONLINE,    /* serves interrupts */
	CPU_ABANDONED, /* did not answer in time: must not run any more */
};
#define CALL_SPIN_TICKS 50000 /* some 20 us */
#define STARTUP_RETRY_NS (10 * NSEC_PER_MSEC)
/* Without any progress; a host with much else to do takes its time. */
#define STARTUP_LIMIT_NS (30 * NSEC_PER_SEC)

struct mp_info mp_info;
/* By APIC id; 0 = not to be started (the boot CPU is 0 as well).  trampoline.S */
uint8_t smp_cpu_of_apic[256];
_Atomic uint64_t cpus_online = 1;
static void (*ap_entry_fn)(void);
static _Atomic bool stopping; /* a panic stops the others */

extern const char trampoline_start[], trampoline_end[];

/* While CPUs start up they arrive in any order: counts those without a gap before. */
unsigned cpu_count(void)
{
	uint64_t online = atomic_load_explicit(&cpus_online, memory_order_acquire);

	return ~online ? (unsigned)__builtin_ctzll(~online) : 64;
}

static void *low_phys(uint64_t phys, size_t len)
{
	return phys >= 0x400 && phys < 0x100000 && len <= 0x100000 - phys ? phys_to_virt(phys)
									  : NULL;
}

/* MP 1.4, 4: the first KiB of the EBDA, the last of base memory, the BIOS area. */
static bool find_table(struct mp_info *info)
{
	uint64_t ebda = (uint64_t) * (uint16_t *)phys_to_virt(0x40e) << 4;
	const uint64_t places[][2] = {
		{ ebda, 1024 }, { 0x9fc00, 1024 }, { 0x9f800, 1024 }, { 0xf0000, 0x10000 }
	};

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		uint32_t table = 0;
		const void *mem = low_phys(places[i][0], places[i][1]);

		if (!mem || mp_find_floating(mem, places[i][1], &table) < 0) {
			continue;
		}
		const void *t = low_phys(table, 44);
		size_t len = t ? mp_table_length(t, 44) : 0;

		if (len && low_phys(table, len) && mp_parse(t, len, info)) {
			return true;
		}
		log_warn("smp: bad MP table at %#x", table);
	}
	return false;
}

static uint64_t boot_alloc_page(void)
{
	return boot_alloc(PAGE_SIZE, PAGE_SIZE);
}

static void map_area_part(uintptr_t va, size_t len)
{
	if (paging_map_kernel(va, boot_alloc(len, PAGE_SIZE), len,
			      PTE_P | PTE_W | PTE_NX | PTE_A | PTE_D | PTE_G,
			      boot_alloc_page) != 0) {
		panic("smp: no memory for a CPU's stacks");
	}
}

void smp_init(void)
{
	if (!find_table(&mp_info)) {
		log_info("smp: no MP table, one CPU");
		memset(&mp_info, 0, sizeof(mp_info));
		return;
	}
	for (unsigned id = 1; id < mp_info.cpu_count; id++) {
		struct cpu_area *a =
			(struct cpu_area *)(CPU_AREAS + ((uint64_t)id << CPU_AREA_SHIFT));

		map_area_part((uintptr_t)a->stack, sizeof(a->stack));
		map_area_part((uintptr_t)a->nmi_stack,
			      sizeof(*a) - offsetof(struct cpu_area, nmi_stack));
		a->cpu.pub.self = &a->cpu.pub;
		a->cpu.pub.id = id;
		a->cpu.pub.apic_id = mp_info.cpu_apic[id];
		cpu_table[id] = &a->cpu;
		smp_cpu_of_apic[mp_info.cpu_apic[id]] = id;
	}
	if (mp_info.cpus_ignored) {
		log_warn("smp: %u CPUs beyond the limit of %u are left alone", mp_info.cpus_ignored,
			 MAX_CPUS);
	}
}

/* Code and tables in low memory that the firmware has left: one 2 MiB page at its
 * own address, the kernel half as everywhere. */
static void trampoline_setup(void)
{
	uint64_t *pml4 = phys_to_virt(TRAMPOLINE_TABLES);
	uint64_t *pdpt = pml4 + 512;
	uint64_t *pd = pdpt + 512;

	memset(pml4, 0, 3 * PAGE_SIZE);
	paging_init_root(pml4);
	pml4[0] = virt_to_phys(pdpt) | PTE_P | PTE_W;
	pdpt[0] = virt_to_phys(pd) | PTE_P | PTE_W;
	pd[0] = PTE_P | PTE_W | PTE_PS;
	memcpy(phys_to_virt(TRAMPOLINE), trampoline_start,
	       (size_t)(trampoline_end - trampoline_start));
}

/* From trampoline.S, on the boot stack of this CPU's area. */
void smp_ap_main(struct cpu_private *c)
{
	struct cpu_area *area = container_of(c, struct cpu_area, cpu);
	uint32_t absent = CPU_ABSENT;

	write_cr3(kernel_space.root);
	cpu_setup(c, area, c->pub.id);
	idt_load();
	cpu_setup_features();
	fpu_init_cpu();
	apic_init_cpu();
	clock_init_cpu();
	/* Who comes first, we or abandon_missing(), decides. */
	if (!atomic_compare_exchange_strong_explicit(&c->state, &absent, CPU_ONLINE,
						     memory_order_acq_rel, memory_order_acquire)) {
		return; /* abandoned: the trampoline halts */
	}
	/* pairs with the acquire in cpu_count() */
	atomic_fetch_or_explicit(&cpus_online, 1ull << c->pub.id, memory_order_release);
	ap_entry_fn();
	panic("smp: entry of CPU %u returned", c->pub.id);
}

static void startup_all(unsigned count)
{
	for (unsigned id = 1; id < count; id++) {
		if (atomic_load_explicit(&cpu_table[id]->state, memory_order_relaxed) ==
		    CPU_ABSENT) {
			apic_send_startup(cpu_table[id]->pub.apic_id, TRAMPOLINE);
		}
	}
}

static void abandon_missing(unsigned count)
{
	for (unsigned id = 1; id < count; id++) {
		uint32_t absent = CPU_ABSENT;

		if (atomic_compare_exchange_strong_explicit(&cpu_table[id]->state, &absent,
							    CPU_ABANDONED, memory_order_acq_rel,
							    memory_order_acquire)) {
			log_error("smp: CPU %u (APIC %u) does not answer", id,
				  cpu_table[id]->pub.apic_id);
		}
	}
	/* Whoever relies on 0..cpu_count()-1 would not see the ones after a gap. */
	uint64_t online = atomic_load_explicit(&cpus_online, memory_order_acquire);

	if (online & (online + 1)) {
		panic("smp: CPUs are missing in the middle");
	}
}

void smp_start_begin(void (*entry)(void))
{
	unsigned count = MAX(mp_info.cpu_count, 1u);

	if (count == 1) {
		return;
	}
	ap_entry_fn = entry;
	trampoline_setup();
	for (unsigned id = 1; id < count; id++) {
		apic_send_init(cpu_table[id]->pub.apic_id);
	}
	/* No 10 ms here: that wait is for the 82489DX.  A lost STARTUP is sent again. */
	startup_all(count);
}

void smp_start_finish(void)
{
	unsigned count = MAX(mp_info.cpu_count, 1u), seen = 0;
	uint64_t progress = clock_mono_ns(), retry = progress + STARTUP_RETRY_NS;

	while (cpu_count() < count) {
		uint64_t now = clock_mono_ns();

		if (cpu_count() != seen) {
			seen = cpu_count();
			progress = now;
		}
		if (now > progress + STARTUP_LIMIT_NS) {
			abandon_missing(count);
			break;
		}
		if (now > retry) {
			startup_all(count);
			retry = now + STARTUP_RETRY_NS;
		}
		cpu_pause();
	}
	if (count > 1) {
		ioapic_spread();
	}
}

void smp_kick(unsigned cpu)
{
	struct cpu_private *c = cpu_table[cpu];

	/* One kick under way is enough: the target clears the flag before it looks. */
	if (!atomic_exchange_explicit(&c->kick_pending, true, memory_order_seq_cst)) {
		apic_send_ipi(c->pub.apic_id, VECTOR_KICK);
	}
}

/* Runs what others want of this CPU.  Interrupts off. */
void smp_call_interrupt(void)
{
	struct cpu_private *me = this_cpu();
	uint64_t from = atomic_exchange_explicit(&me->call_from, 0, memory_order_acquire);

	while (from) {
		struct cpu_private *c = cpu_table[__builtin_ctzll(from)];
		uint64_t bit = 1ull << me->pub.id;

		from &= from - 1;
		c->call_fn(c->call_arg);
		/* The caller may return, and call again, from here on. */
		if (atomic_fetch_and_explicit(&c->call_waits_for, ~bit, memory_order_seq_cst) ==
			    bit &&
		    atomic_load_explicit(&c->call_halted, memory_order_seq_cst)) {
			apic_send_ipi(c->pub.apic_id, VECTOR_CALL);
		}
	}
}

/* Serves others until our own call is done.  When that takes longer than IPIs do, the host
 * is probably not running the target: halting gives it the core. */
static void call_wait(struct cpu_private *me)
{
	uint64_t start = cpu_tsc();

	while (atomic_load_explicit(&me->call_waits_for, memory_order_acquire)) {
		/* Interrupts are on, so others' calls come in as IPIs; this saves them the
		 * wait for delivery. */
		if (atomic_load_explicit(&me->call_from, memory_order_relaxed)) {
			irq_off();
			me->pub.irq_depth++;
			smp_call_interrupt();
			me->pub.irq_depth--;
			irq_on();
		}
		if (cpu_tsc() - start < CALL_SPIN_TICKS) {
			cpu_pause();
			continue;
		}
		irq_off();
		/* Pairs with smp_call_interrupt(): it clears its bit, then looks here. */
		atomic_store_explicit(&me->call_halted, true, memory_order_seq_cst);
		if (atomic_load_explicit(&me->call_waits_for, memory_order_seq_cst) &&
		    !atomic_load_explicit(&me->call_from, memory_order_seq_cst)) {
			cpu_halt_until_irq();
		}
		atomic_store_explicit(&me->call_halted, false, memory_order_relaxed);
		irq_on();
	}
}

void smp_call(uint64_t mask, void (*fn)(void *arg), void *arg)
{
	struct cpu_private *me = this_cpu();

	ASSERT(irq_enabled() && !cpu_in_irq());
	mask &= atomic_load_explicit(&cpus_online, memory_order_acquire) & ~(1ull << me->pub.id);
	if (!mask) {
		return;
	}
	ASSERT(atomic_load_explicit(&me->call_waits_for, memory_order_relaxed) == 0);
	me->call_fn = fn;
	me->call_arg = arg;
	atomic_store_explicit(&me->call_waits_for, mask, memory_order_relaxed);
	for (uint64_t m = mask; m; m &= m - 1) {
		struct cpu_private *c = cpu_table[__builtin_ctzll(m)];

		/* Not empty before: an IPI is under way and will find our bit.  Releases the
		 * call to the target's exchange. */
		if (atomic_fetch_or_explicit(&c->call_from, 1ull << me->pub.id,
					     memory_order_acq_rel) == 0) {
			apic_send_ipi(c->pub.apic_id, VECTOR_CALL);
		}
	}
	call_wait(me);
}

void smp_stop_others(void)
{
	if (atomic_exchange_explicit(&stopping, true, memory_order_acq_rel)) {
		return;
	}
	uint64_t others = atomic_load_explicit(&cpus_online, memory_order_acquire) &
			  ~(1ull << cpu_id());

	for (uint64_t m = others; m; m &= m - 1) {
		apic_send_nmi(cpu_table[__builtin_ctzll(m)]->pub.apic_id);
	}
	/* Long enough for a host that runs the vCPUs one after the other. */
	for (uint64_t start = cpu_tsc(); others && cpu_tsc() - start < 50 * 1000 * 1000;) {
		for (uint64_t m = others; m; m &= m - 1) {
			unsigned id = __builtin_ctzll(m);

			if (atomic_load_explicit(&cpu_table[id]->stopped, memory_order_acquire)) {
				others &= ~(1ull << id);
			}
		}
		cpu_pause();
	}
}

const struct trap_frame *smp_stopped_frame(unsigned cpu)
{
	return cpu < MAX_CPUS && cpu_table[cpu]
		       ? atomic_load_explicit(&cpu_table[cpu]->stopped, memory_order_acquire)
		       : NULL;
}

const void *smp_current(unsigned cpu)
{
	return cpu < MAX_CPUS && cpu_table[cpu] ? cpu_table[cpu]->pub.current : NULL;
}

/* The NMI of smp_stop_others(): stays here for ever.  False: it was another NMI. */
bool smp_stop_nmi(const struct trap_frame *f)
{
	if (!atomic_load_explicit(&stopping, memory_order_acquire)) {
		return false;
	}
	atomic_store_explicit(&this_cpu()->stopped, f, memory_order_release);
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}
