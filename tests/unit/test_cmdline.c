/* SPDX-License-Identifier: MIT */
/* UNIT_SOURCES: kernel/lib/cmdline.c kernel/lib/format.c tests/unit/shim/base.c tests/unit/shim/strings.c */
#include "test.h"
#include <lib/cmdline.h>
#include <string.h>

static void words(void)
{
	const char *s = "  a  b=c \t \"x y\"z \"open";
	char w[8];

	CHECK(cmdline_next(&s, w, sizeof(w)) && !strcmp(w, "a"));
	CHECK(cmdline_next(&s, w, sizeof(w)) && !strcmp(w, "b=c"));
	CHECK(cmdline_next(&s, w, sizeof(w)) && !strcmp(w, "x yz"));
	CHECK(cmdline_next(&s, w, 3) && !strcmp(w, "op"));
	CHECK(!cmdline_next(&s, w, sizeof(w)));
	CHECK(!cmdline_next(&s, w, sizeof(w)));
}

static void values(void)
{
	const char *line = "k=1 key kk=\"a b\" k=2 empty= last=x";
	char v[8];

	CHECK(cmdline_get(line, "k", v, sizeof(v)) && !strcmp(v, "2"));
	CHECK(cmdline_get(line, "key", v, sizeof(v)) && !strcmp(v, ""));
	CHECK(cmdline_get(line, "kk", v, sizeof(v)) && !strcmp(v, "a b"));
	CHECK(cmdline_get(line, "empty", v, sizeof(v)) && !strcmp(v, ""));
	CHECK(cmdline_get(line, "last", v, sizeof(v)) && !strcmp(v, "x"));
	CHECK(!cmdline_get(line, "ke", v, sizeof(v)));
	CHECK(!cmdline_get("", "ke", v, sizeof(v)));
}

static void mmio(void)
{
	struct cmdline_mmio m;

	CHECK(cmdline_parse_mmio("512@0xfeb00e00:12", &m));
	CHECK_EQ(m.size, 512);
	CHECK_EQ(m.base, 0xfeb00e00);
	CHECK_EQ(m.irq, 12);
	CHECK(cmdline_parse_mmio("4K@0xd0000000:5:3", &m));
	CHECK_EQ(m.size, 4096);
	CHECK(!cmdline_parse_mmio("", &m));
	CHECK(!cmdline_parse_mmio("512", &m));
	CHECK(!cmdline_parse_mmio("512@", &m));
	CHECK(!cmdline_parse_mmio("512@0xfeb00e00", &m));
	CHECK(!cmdline_parse_mmio("512@0xfeb00e00:", &m));
	CHECK(!cmdline_parse_mmio("512@0xfeb00e00:12x", &m));
	CHECK(!cmdline_parse_mmio("512@0xfeb00e01:12", &m));
	CHECK(!cmdline_parse_mmio("16@0xfeb00e00:12", &m));
	CHECK(!cmdline_parse_mmio("512@0xffffffffffffffff:12", &m));
	CHECK(!cmdline_parse_mmio("512@0xfffffffffffffffff:12", &m));
	CHECK(!cmdline_parse_mmio("99999999999G@0:12", &m));
	CHECK(!cmdline_parse_mmio("512@0xfeb00e00:4000000000", &m));
}

int main(void)
{
	RUN(words);
	RUN(values);
	RUN(mmio);
	return test_done();
}
