/* SPDX-License-Identifier: MIT */
/* The text of /proc/cpuinfo. */
#include <arch/cpu.h>
#include <lib/format.h>
#include <lib/string.h>
#include "arch_internal.h"

/* Names as Linux prints them; a gap is a bit without one. */
static const char *const leaf1_edx[32] = {
	"fpu",	"vme",	"de",	"pse", "tsc",  "msr", "pae",   "mce", "cx8",	 "apic", NULL,
	"sep",	"mtrr", "pge",	"mca", "cmov", "pat", "pse36", "pn",  "clflush", NULL,	 "dts",
	"acpi", "mmx",	"fxsr", "sse", "sse2", "ss",  "ht",    "tm",  "ia64",	 "pbe",
};
static const char *const leaf1_ecx[32] = {
	"pni",	  "pclmulqdq",	"dtes64", "monitor", "ds_cpl",
	"vmx",	  "smx",	"est",	  "tm2",     "ssse3",
	"cid",	  "sdbg",	"fma",	  "cx16",    "xtpr",
	"pdcm",	  NULL,		"pcid",	  "dca",     "sse4_1",
	"sse4_2", "x2apic",	"movbe",  "popcnt",  "tsc_deadline_timer",
	"aes",	  "xsave",	NULL,	  "avx",     "f16c",
	"rdrand", "hypervisor",
};
static const char *const leaf7_ebx[32] = {
	[0] = "fsgsbase",  [1] = "tsc_adjust",	[3] = "bmi1",	     [5] = "avx2",
	[7] = "smep",	   [8] = "bmi2",	[9] = "erms",	     [10] = "invpcid",
	[16] = "avx512f",  [17] = "avx512dq",	[18] = "rdseed",     [19] = "adx",
	[20] = "smap",	   [21] = "avx512ifma", [23] = "clflushopt", [24] = "clwb",
	[28] = "avx512cd", [29] = "sha_ni",	[30] = "avx512bw",   [31] = "avx512vl",
};
static const char *const leaf7_ecx[32] = {
	[1] = "avx512vbmi",   [2] = "umip",	      [6] = "avx512_vbmi2",
	[8] = "gfni",	      [9] = "vaes",	      [10] = "vpclmulqdq",
	[11] = "avx512_vnni", [12] = "avx512_bitalg", [14] = "avx512_vpopcntdq",
	[22] = "rdpid",
};
static const char *const ext1_edx[32] = {
	[11] = "syscall", [20] = "nx",	   [22] = "mmxext", [25] = "fxsr_opt",
	[26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm",
};
static const char *const ext1_ecx[32] = {
	[0] = "lahf_lm", [4] = "cr8_legacy",  [5] = "abm",
	[6] = "sse4a",	 [7] = "misalignsse", [8] = "3dnowprefetch",
};

struct text {
	char *buf;
	size_t size, len;
};

static PRINTF_LIKE(2, 3) void text_add(struct text *t, const char *fmt, ...)
{
	size_t room = t->len < t->size ? t->size - t->len : 0;
	va_list ap;

	va_start(ap, fmt);
	t->len += (size_t)fmt_vsnprintf(room ? t->buf + t->len : NULL, room, fmt, ap);
	va_end(ap);
}

static void add_flags(struct text *t, uint32_t bits, const char *const names[32])
{
	for (; bits; bits &= bits - 1) {
		const char *name = names[__builtin_ctz(bits)];

		if (name) {
			text_add(t, " %s", name);
		}
	}
}

static void brand_string(char brand[49])
{
	memset(brand, 0, 49);
	for (unsigned i = 0; i < 3 && cpu_features.max_ext_leaf >= 0x80000004; i++) {
		uint32_t r[4];

		cpuid(0x80000002 + i, 0, r);
		memcpy(brand + 16 * i, r, sizeof(r));
	}
}

#define LEAF1_NEED_XSAVE (1u << 26)
#define LEAF1_NEED_AVX (1u << 12 | 1u << 28 | 1u << 29) /* fma, avx, f16c */
#define LEAF7_EBX_NEED_AVX (1u << 5)			/* avx2 */
#define LEAF7_EBX_NEED_AVX512 0xd0230000u
#define LEAF7_ECX_NEED_AVX 0x600u /* vaes, vpclmulqdq */
#define LEAF7_ECX_NEED_AVX512 0x5842u

/* Flags whose registers the kernel does not save are not shown. */
static void add_usable_flags(struct text *t, const struct cpu_features *f)
{
	uint32_t ecx = f->leaf1_ecx, ebx7 = f->leaf7_ebx, ecx7 = f->leaf7_ecx;

	if (!f->xsave) {
		ecx &= ~LEAF1_NEED_XSAVE;
	}
	if (!f->avx) {
		ecx &= ~LEAF1_NEED_AVX;
		ebx7 &= ~LEAF7_EBX_NEED_AVX;
		ecx7 &= ~LEAF7_ECX_NEED_AVX;
	}
	if (!f->avx512) {
		ebx7 &= ~LEAF7_EBX_NEED_AVX512;
		ecx7 &= ~LEAF7_ECX_NEED_AVX512;
	}
	add_flags(t, f->leaf1_edx, leaf1_edx);
	add_flags(t, f->ext1_edx, ext1_edx);
	add_flags(t, ecx, leaf1_ecx);
	add_flags(t, f->ext1_ecx, ext1_ecx);
	add_flags(t, ebx7, leaf7_ebx);
	add_flags(t, ecx7, leaf7_ecx);
}

void cpu_info_text(unsigned cpu, char *buf, size_t size)
{
	const struct cpu_features *f = &cpu_features;
	struct text t = { buf, size, 0 };
	uint32_t sig = f->leaf1_eax;
	unsigned family = sig >> 8 & 15, model = sig >> 4 & 15;
	char brand[49];

	brand_string(brand);
	if (family == 15) {
		family += sig >> 20 & 255;
	}
	if (family >= 6) {
		model += (sig >> 16 & 15) << 4;
	}
	text_add(&t, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", cpu,
		 f->vendor, family, model);
	text_add(&t, "model name\t: %s\nstepping\t: %u\n", brand[0] ? brand : "unknown", sig & 15);
	text_add(&t, "cpu MHz\t\t: %u.%03u\n", cpu_tsc_khz() / 1000, cpu_tsc_khz() % 1000);
	text_add(&t, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\n",
		 cpu_count(), cpu, cpu_count());
	text_add(&t, "apicid\t\t: %u\ninitial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\n",
		 cpu_table[cpu]->pub.apic_id, cpu_table[cpu]->pub.apic_id);
	text_add(&t, "cpuid level\t: %u\nwp\t\t: yes\nflags\t\t:", f->max_leaf);
	add_usable_flags(&t, f);
	text_add(&t,
		 "\nbogomips\t: %u.%02u\nclflush size\t: %u\naddress sizes\t: %u bits physical, "
		 "48 bits virtual\n\n",
		 cpu_tsc_khz() / 500, cpu_tsc_khz() / 5 % 100, (f->leaf1_ebx >> 8 & 255) * 8,
		 f->phys_bits);
}
