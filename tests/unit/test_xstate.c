/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/arch/xstate.c */
/* The choice of XSAVE's components, on leaf 0xd of machines as their manuals and owners give it. */
#include "../../kernel/arch/xstate.h"
#include "test.h"
#include <string.h>

struct component {
	uint32_t size, offset;
};
static struct {
	uint64_t supported;
	struct component component[20];
} machine;

static void query(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
	memset(r, 0, 4 * sizeof(*r));
	if (leaf != 0xd) {
		return;
	}
	if (sub == 0) {
		r[0] = (uint32_t)machine.supported;
		r[3] = (uint32_t)(machine.supported >> 32);
	} else if (sub >= 2 && sub < 20) {
		r[0] = machine.component[sub].size;
		r[1] = machine.component[sub].offset;
	}
}

static void none(void)
{
	memset(&machine, 0, sizeof(machine));
	machine.supported = 3;
}

static void haswell(void)
{
	none();
	machine.supported = 7;
	machine.component[2] = (struct component){ 256, 576 };
}

/* Skylake-SP, with MPX and PKRU */
static void skylake(void)
{
	haswell();
	machine.supported = 0x2ff;
	machine.component[3] = (struct component){ 64, 960 };
	machine.component[4] = (struct component){ 64, 1024 };
	machine.component[5] = (struct component){ 64, 1088 };
	machine.component[6] = (struct component){ 512, 1152 };
	machine.component[7] = (struct component){ 1024, 1664 };
	machine.component[9] = (struct component){ 8, 2688 };
}

/* Sapphire Rapids: AMX's tile configuration and data */
static void sapphire_rapids(void)
{
	skylake();
	machine.supported = 0x602e7;
	machine.component[17] = (struct component){ 64, 2752 };
	machine.component[18] = (struct component){ 8192, 2816 };
}

/* Zen 4 has no room for MPX: its AVX-512 lies lower */
static void zen4(void)
{
	haswell();
	machine.supported = 0x2e7;
	machine.component[5] = (struct component){ 64, 832 };
	machine.component[6] = (struct component){ 512, 896 };
	machine.component[7] = (struct component){ 1024, 1408 };
	machine.component[9] = (struct component){ 8, 2432 };
}

static void check(bool avx, bool avx512, uint64_t xcr0, uint32_t size)
{
	struct xstate x = xstate_choose(query, avx, avx512);

	CHECK_EQ(x.xcr0, xcr0);
	CHECK_EQ(x.area_size, size);
}

static void test_machines(void)
{
	none();
	check(false, false, 3, 576);
	haswell();
	check(true, false, 7, 832);
	skylake();
	check(true, true, 0xe7, 2688);
	sapphire_rapids();
	check(true, true, 0xe7, 2688);
	zen4();
	check(true, true, 0xe7, 2432);
}

/* CPUID's flags and leaf 0xd may disagree: `-cpu` takes single features away. */
static void test_what_is_taken_away(void)
{
	skylake();
	check(true, false, 7, 832);
	check(false, false, 3, 576);
	check(false, true, 3, 576); /* no AVX-512 without AVX */
	machine.supported &= ~0x40ul;
	check(true, true, 7, 832); /* nor two thirds of it */
	none();
	check(true, true, 3, 576);
}

/* A hypervisor's nonsense must not become a larger area than there is room for. */
static void test_nonsense(void)
{
	skylake();
	machine.component[7] = (struct component){ 1024, 0xfffffff0 };
	check(true, true, 7, 832);
	skylake();
	machine.component[2] = (struct component){ 256, 64 }; /* inside the legacy area */
	check(true, true, 3, 576);
	skylake();
	machine.component[6].size = 0;
	check(true, true, 7, 832);
}

int main(void)
{
	RUN(test_machines);
	RUN(test_what_is_taken_away);
	RUN(test_nonsense);
	return test_done();
}
