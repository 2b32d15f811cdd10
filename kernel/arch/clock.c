/* SPDX-License-Identifier: MIT */
/*
 * Time: the TSC scaled to nanoseconds, and the LAPIC's timer.
 *
 * clock_page is read everywhere, without a lock, also by programs (the vDSO): a sequence count,
 * odd while it changes, makes readers take a whole set of numbers.  Interrupts are off while it
 * is odd: an interrupt handler that read the time would wait for the thread it interrupted.
 *
 * The timer of a CPU belongs to that CPU with interrupts off.
 */
#include <arch/clock.h>
#include <arch/boot.h>
#include <arch/smp.h>
#include <arch/upcalls.h>
#include <lib/assert.h>
#include <debug/log.h>
#include "clock_math.h"
#include "arch_internal.h"

/* QEMU's and KVM's LAPIC timers count at 1 GHz: a tick is a nanosecond. */
#define CALIBRATE_FIRST_NS 20000  /* for the first timestamps: 1 % is enough */
#define CALIBRATE_FULL_NS 1500000 /* at least, from clock_init() to clock_calibrate() */
#define GUESS_HZ 2500000000ull

struct clock_params clock_page ALIGNED(4096) __attribute__((section(".bss.page")));
static uint64_t tsc_hz, tsc_inv;
static bool tsc_deadline;
static bool rate_known; /* no better one will come */

struct sample {
	uint64_t tsc;
	uint32_t count; /* LAPIC, counting down */
};
static struct sample first_sample;
/* The boot CPU's timer is busy measuring.  Cleared by that CPU with interrupts off, where
 * clock_arm() looks; to others it is a hint. */
static _Atomic bool calibrating;

static bool is_calibrating(void)
{
	return atomic_load_explicit(&calibrating, memory_order_relaxed);
}

static void set_calibrating(bool on)
{
	atomic_store_explicit(&calibrating, on, memory_order_relaxed);
}

/* Writers: one at a time, interrupts off; the odd count is the lock. */
static uint64_t params_lock(void)
{
	uint64_t flags = irq_save();
	uint32_t seq;

	for (;;) {
		seq = atomic_load_explicit(&clock_page.seq, memory_order_relaxed);
		if (!(seq & 1) && atomic_compare_exchange_strong_explicit(
					  &clock_page.seq, &seq, seq + 1, memory_order_acquire,
					  memory_order_relaxed)) {
			/* The odd count is seen before any new data: pairs with the fence in
			 * clock_mono_ns() and in the vDSO. */
			atomic_thread_fence(memory_order_release);
			return flags;
		}
		cpu_pause();
	}
}

static void params_unlock(uint64_t flags)
{
	/* pairs with the acquire in clock_mono_ns() */
	atomic_fetch_add_explicit(&clock_page.seq, 1, memory_order_release);
	irq_restore(flags);
}

static uint64_t mono_of(uint64_t tsc)
{
	/* Another CPU's update may carry a base a little later than our reading. */
	uint64_t delta = tsc > clock_page.base_tsc ? tsc - clock_page.base_tsc : 0;

	return clock_scale(delta, clock_page.mult, clock_page.shift) + clock_page.base_ns;
}

uint64_t clock_mono_ns(void)
{
	uint64_t ns;
	uint32_t seq;

	/* A panic or an NMI may have stopped the writer: no endless loop. */
	for (unsigned tries = 0; tries < 10000; tries++) {
		seq = atomic_load_explicit(&clock_page.seq, memory_order_acquire);
		ns = mono_of(cpu_tsc());
		atomic_thread_fence(memory_order_acquire);
		if (!(seq & 1) &&
		    seq == atomic_load_explicit(&clock_page.seq, memory_order_relaxed)) {
			return ns;
		}
		cpu_pause();
	}
	return mono_of(cpu_tsc());
}

int64_t clock_wall_offset_ns(void)
{
	return atomic_load_explicit(&clock_page.wall_offset_ns, memory_order_relaxed);
}

void clock_set_wall_offset_ns(int64_t offset)
{
	uint64_t flags = params_lock();

	atomic_store_explicit(&clock_page.wall_offset_ns, offset, memory_order_relaxed);
	params_unlock(flags);
}

uint32_t cpu_tsc_khz(void)
{
	return tsc_hz / 1000;
}

/* From now on the TSC counts so; time goes on from where it is. */
static void set_rate(uint64_t mult, unsigned shift, uint64_t hz)
{
	uint64_t flags = params_lock();
	uint64_t tsc = cpu_tsc();

	clock_page.base_ns = mono_of(tsc);
	clock_page.base_tsc = tsc;
	clock_page.mult = mult;
	clock_page.shift = shift;
	tsc_hz = hz;
	tsc_inv = clock_inv_of_hz(hz);
	params_unlock(flags);
}

static void set_hz(uint64_t hz)
{
	set_rate(clock_mult_of_hz(hz), CLOCK_SHIFT, hz);
}

int clock_set_factors(uint64_t mult, unsigned shift)
{
	uint64_t hz = clock_hz_of_mult(mult, shift);

	if (hz < CLOCK_MIN_HZ || hz > CLOCK_MAX_HZ || shift > 63) {
		log_error("clock: factors %lu >> %u make no sense", mult, shift);
		return -1;
	}
	set_rate(mult, shift, hz);
	set_calibrating(false);
	rate_known = true;
	return 0;
}

/* TSC frequency as CPUID tells it, 0 when it does not. */
static uint64_t hz_from_cpuid(void)
{
	uint32_t r[4];

	if (cpu_features.hv_max_leaf >= 0x40000010) {
		cpuid(0x40000010, 0, r);
		if (r[0]) {
			return r[0] * 1000ull;
		}
	}
	if (cpu_features.max_leaf >= 0x15) {
		cpuid(0x15, 0, r);
		if (r[0] && r[1] && r[2]) {
			return (uint64_t)r[2] * r[1] / r[0];
		}
		if (r[0] && r[1] && cpu_features.max_leaf >= 0x16) {
			/* The crystal is left out: the TSC runs at the base frequency. */
			cpuid(0x16, 0, r);
			return (r[0] & 0xffff) * 1000000ull;
		}
	}
	return 0;
}

/* The pair of readings that lie closest together: a delay of the host between them
 * would count as TSC time. */
static struct sample sample_take(void)
{
	struct sample best = { 0, 0 };
	uint64_t best_width = UINT64_MAX;

	for (unsigned i = 0; i < 8; i++) {
		uint64_t t0 = cpu_tsc();
		uint32_t count = apic_timer_count();
		uint64_t width = cpu_tsc() - t0;

		if (width < best_width) {
			best_width = width;
			best = (struct sample){ t0 + width / 2, count };
		}
	}
	return best;
}

static uint64_t hz_since_first(struct sample s)
{
	uint32_t ns = first_sample.count - s.count;

	return ns ? clock_hz_of_interval(s.tsc - first_sample.tsc, ns) : 0;
}

static void wait_since_first(uint32_t ns)
{
	/* bounded, should the timer not run at all */
	for (unsigned i = 0; i < 100000000 && first_sample.count - apic_timer_count() < ns; i++) {
		cpu_pause();
	}
}

void clock_init(void)
{
	uint64_t hz = hz_from_cpuid();

	clock_page.base_tsc = boot_info.entry_tsc;
	clock_page.shift = CLOCK_SHIFT;
	clock_page.mult = clock_mult_of_hz(GUESS_HZ);
	tsc_deadline = cpu_features.tsc_deadline;
	if (hz >= CLOCK_MIN_HZ && hz <= CLOCK_MAX_HZ) {
		rate_known = true;
	} else if (cpu_has_pvclock()) {
		hz = GUESS_HZ; /* drivers/pvclock.c comes next */
	} else {
		apic_timer_oneshot(UINT32_MAX);
		set_calibrating(true);
		first_sample = sample_take();
		wait_since_first(CALIBRATE_FIRST_NS);
		hz = hz_since_first(sample_take());
		if (hz < CLOCK_MIN_HZ || hz > CLOCK_MAX_HZ) {
			panic("clock: the LAPIC timer does not run (TSC seems to have %lu Hz)", hz);
		}
	}
	/* The first rate counts from kernel entry on. */
	clock_page.mult = clock_mult_of_hz(hz);
	tsc_hz = hz;
	tsc_inv = clock_inv_of_hz(hz);
	if (!is_calibrating()) {
		clock_init_cpu();
	}
}

static void timer_program(struct cpu_private *c, uint64_t now);

/* On the boot CPU, whose LAPIC timer has been running since clock_init(). */
static void calibrate_here(void *unused)
{
	uint64_t flags = irq_save(); /* nobody may arm the timer meanwhile */

	if (is_calibrating()) {
		if (apic_timer_count() == 0) { /* ran out: more than 4 s ago */
			apic_timer_oneshot(UINT32_MAX);
			first_sample = sample_take();
		}
		wait_since_first(CALIBRATE_FULL_NS);
		uint64_t hz = hz_since_first(sample_take());

		uint64_t deferred = this_cpu()->timer_deadline;

		set_calibrating(false);
		apic_timer_oneshot(0);
		clock_init_cpu();
		if (hz >= CLOCK_MIN_HZ && hz <= CLOCK_MAX_HZ) {
			set_hz(hz);
		}
		rate_known = true;
		if (deferred != UINT64_MAX) {
			this_cpu()->timer_deadline = deferred;
			timer_program(this_cpu(), clock_mono_ns());
		}
	}
	irq_restore(flags);
}

void clock_calibrate(void)
{
	if (!rate_known && !is_calibrating()) {
		/* pvclock was offered and did not come: better a rough rate than none. */
		log_error("clock: no source for the TSC's rate, assuming %llu MHz",
			  GUESS_HZ / 1000000);
	}
	if (is_calibrating() && cpu_id() == 0) {
		calibrate_here(NULL);
	} else if (is_calibrating()) {
		smp_call(1, calibrate_here, NULL);
	}
	rate_known = true;
	log_info("clock: TSC %lu.%03lu MHz, %s timer", tsc_hz / 1000000, tsc_hz / 1000 % 1000,
		 tsc_deadline ? "TSC-deadline" : "LAPIC");
}

void clock_init_cpu(void)
{
	this_cpu()->timer_deadline = UINT64_MAX;
	this_cpu()->timer_running = false;
	apic_timer_mode(tsc_deadline);
}

static void timer_stop(struct cpu_private *c)
{
	if (c->timer_running) {
		c->timer_running = false;
		if (tsc_deadline) {
			wrmsr(MSR_TSC_DEADLINE, 0);
		} else {
			apic_timer_oneshot(0);
		}
	}
}

static void timer_program(struct cpu_private *c, uint64_t now)
{
	uint64_t delta = c->timer_deadline > now ? c->timer_deadline - now : 0;

	c->timer_running = true;
	if (tsc_deadline) {
		/* A time in the past fires at once; 0 would stop it. */
		delta = MIN(delta, 3600 * NSEC_PER_SEC);
		wrmsr(MSR_TSC_DEADLINE,
		      cpu_tsc() + clock_scale(delta, tsc_inv, CLOCK_INV_SHIFT) + 1);
	} else {
		/* Too far for 32 bits: clock_interrupt() arms the rest. */
		apic_timer_oneshot(MAX(MIN(delta, (uint64_t)UINT32_MAX), 1ull));
	}
}

void clock_arm(uint64_t deadline_ns)
{
	struct cpu_private *c = this_cpu();

	DEBUG_ASSERT(!irq_enabled());
	c->timer_deadline = deadline_ns;
	if (is_calibrating() && c->pub.id == 0) {
		return; /* the timer is measuring: calibrate_here() programs it */
	}
	if (deadline_ns == UINT64_MAX) {
		timer_stop(c);
	} else {
		timer_program(c, clock_mono_ns());
	}
}

/* Interrupts off. */
void clock_interrupt(void)
{
	struct cpu_private *c = this_cpu();
	uint64_t now = clock_mono_ns();

	c->timer_running = false;
	if (c->timer_deadline == UINT64_MAX) {
		return; /* stopped while it was on its way */
	}
	if (now < c->timer_deadline) {
		timer_program(c, now);
		return;
	}
	c->timer_deadline = UINT64_MAX;
	upcall_timer();
}
