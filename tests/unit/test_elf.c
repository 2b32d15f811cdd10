/* SPDX-License-Identifier: MIT */
/*
 * UNIT_SOURCES: loader/elf.c loader/script.c tests/unit/shim/base.c
 */
#include "test.h"

#include <loader/elf.h>
#include <loader/script.h>
#include <linux/errno.h>
#include <string.h>

struct file {
	struct elf64_header h;
	struct elf64_phdr ph[8];
};
static struct elf_image img;
static const char *why;

/* A plain ET_EXEC: headers and text in one segment, data with bss in another. */
static struct file good(void)
{
	struct file f = {
		.h = { .ident = { 127, 'E', 'L', 'F', 2, 1, 1 },
		       .type = ET_EXEC,
		       .machine = EM_X86_64,
		       .version = 1,
		       .entry = 0x401000,
		       .phoff = 64,
		       .ehsize = 64,
		       .phentsize = 56,
		       .phnum = 4 },
		.ph = { { PT_LOAD, PF_R | PF_X, 0, 0x400000, 0, 0x2000, 0x2000, 0x1000 },
			{ PT_LOAD, PF_R | PF_W, 0x2010, 0x403010, 0, 0x100, 0x3000, 0x1000 },
			{ PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16 },
			{ PT_TLS, PF_R, 0, 0, 0, 0, 0, 8 } },
	};
	return f;
}
static int check(const struct file *f, uint64_t size)
{
	int err;

	why = NULL;
	err = elf_check_header(f, sizeof(*f), size, &why);
	if (!err)
		err = elf_parse(&f->h, f->ph, size, &img, &why);
	if (err)
		CHECK(why != NULL);
	return err;
}

static void test_good(void)
{
	struct file f = good();

	CHECK_EQ(check(&f, 0x4000), 0);
	CHECK_EQ(img.nsegments, 2);
	CHECK_EQ(img.start, 0x400000);
	CHECK_EQ(img.end, 0x407000);
	CHECK_EQ(img.phdr, 0x400040);
	CHECK_EQ(img.align, 4096);
	CHECK(!img.movable && !img.exec_stack);
	CHECK_EQ(img.interp_len, 0);
}
static void test_pie(void)
{
	struct file f = good();

	f.h.type = ET_DYN;
	f.h.entry = 0x1000;
	f.ph[0].vaddr = 0;
	f.ph[1].vaddr = 0x203010;
	f.ph[1].align = 0x200000;
	f.ph[2].flags = PF_R | PF_W | PF_X;
	f.ph[3] = (struct elf64_phdr){ .type = PT_INTERP, .offset = 0x1f00, .filesz = 20 };
	CHECK_EQ(check(&f, 0x4000), 0);
	CHECK(img.movable && img.exec_stack);
	CHECK_EQ(img.align, 0x200000);
	CHECK_EQ(img.interp_offset, 0x1f00);
	CHECK_EQ(img.interp_len, 20);
}
static void test_header(void)
{
	struct file f;

#define BAD(expected, size, change) \
	f = good();                 \
	change;                     \
	CHECK_EQ(check(&f, size), -(expected))
	BAD(ENOEXEC, 0x4000, f.h.ident[0] = 0);
	BAD(ENOEXEC, 0x4000, f.h.ident[4] = 1);
	CHECK(strstr(why, "32-bit") != NULL);
	BAD(ENOEXEC, 0x4000, f.h.ident[5] = 2);
	BAD(ENOEXEC, 0x4000, f.h.ident[6] = 0);
	BAD(ENOEXEC, 0x4000, f.h.version = 2);
	BAD(ENOEXEC, 0x4000, f.h.machine = EM_AARCH64);
	BAD(ENOEXEC, 0x4000, f.h.type = ET_REL);
	BAD(ENOEXEC, 0x4000, f.h.type = 9);
	BAD(ENOEXEC, 0x4000, f.h.phentsize = 32);
	BAD(ENOEXEC, 0x4000, f.h.phnum = 0);
	BAD(ENOEXEC, 0x4000, f.h.phnum = 74);
	BAD(ENOEXEC, 0x4000, f.h.phoff = ~0ull);
	BAD(ENOEXEC, 0x4000, f.h.phoff = 0x3fff);
	BAD(ENOEXEC, 63, (void)0);
	CHECK_EQ(elf_check_header("\177ELF", 4, 4, &why), -ENOEXEC);
	CHECK_EQ(elf_check_header("\177EL", 3, 3, &why), -ENOEXEC);
	CHECK_EQ(elf_check_header("", 0, 0, &why), -ENOEXEC);
}
static void test_segments(void)
{
	struct file f;

	BAD(EINVAL, 0x4000, f.ph[0].filesz = 0x2001);
	BAD(EINVAL, 0x4000, f.ph[1].vaddr = ~0xfefull);
	BAD(EINVAL, 0x4000, f.ph[1].vaddr = 0x7fffffffe010);
	BAD(EINVAL, 0x4000, f.ph[1].memsz = ~0ull);
	BAD(ENOEXEC, 0x2100, (void)0); /* the data is cut off */
	BAD(ENOEXEC, 0x4000, f.ph[1].offset = ~0ull - 0xfef);
	BAD(EINVAL, 0x4000, f.ph[1].offset = 0x2000);
	BAD(ENOEXEC, 0x4000, f.ph[1].vaddr = 0x401010);
	BAD(ENOEXEC, 0x4000, f.ph[1].vaddr = 0x3f0010);
	BAD(ENOEXEC, 0x4000, (f.ph[0].type = f.ph[1].type = PT_NULL));
	BAD(ENOEXEC, 0x4000, f.h.entry = 0x403010);
	BAD(ENOEXEC, 0x4000, f.h.entry = 0);
	BAD(EINVAL, 0x4000, (f.ph[0].vaddr = 0, f.h.entry = 0x1000));
	f = good();
	f.ph[3] = (struct elf64_phdr){ .type = PT_INTERP, .offset = 0, .filesz = 1 };
	CHECK_EQ(check(&f, 0x4000), -ENOEXEC);
	f.ph[3].filesz = 4097;
	CHECK_EQ(check(&f, 0x4000), -ENOEXEC);
	f.ph[3].filesz = 10;
	f.ph[3].offset = 0x3ff8;
	CHECK_EQ(check(&f, 0x4000), -ENOEXEC);
	/* two segments may share a page, not a byte */
	f = good();
	f.ph[1] = (struct elf64_phdr){ PT_LOAD, PF_R, 0x2000, 0x402000, 0, 0x10, 0x10, 16 };
	f.ph[2] = (struct elf64_phdr){ PT_LOAD, PF_R | PF_W, 0x2010, 0x402010, 0, 0x10, 0x10, 16 };
	CHECK_EQ(check(&f, 0x4000), 0);
	f.ph[2].vaddr = 0x40200f;
	f.ph[2].offset = 0x200f;
	CHECK_EQ(check(&f, 0x4000), -ENOEXEC);
	/* nothing but zeros: the offset does not count */
	f = good();
	f.ph[1].filesz = 0;
	f.ph[1].offset = 0x123456;
	CHECK_EQ(check(&f, 0x4000), 0);
	/* headers outside every segment */
	f = good();
	f.ph[0].offset = 0x1000;
	CHECK_EQ(check(&f, 0x4000), 0);
	CHECK_EQ(img.phdr, 0);
}

static int script(const char *text, const char **interp, const char **arg)
{
	static char head[SCRIPT_HEAD];

	memset(head, 0, sizeof(head));
	memcpy(head, text, strnlen(text, sizeof(head)));
	return script_parse(head, interp, arg);
}
static void test_script(void)
{
	const char *i, *a;
	char big[400];

	CHECK(script_has_magic("#!", 2) && !script_has_magic("#", 1));
	CHECK_EQ(script("#!/bin/sh\necho\n", &i, &a), 0);
	CHECK(!strcmp(i, "/bin/sh") && !a);
	CHECK_EQ(script("#! \t/usr/bin/env \t python3 -u  \t\nx", &i, &a), 0);
	CHECK(!strcmp(i, "/usr/bin/env") && a && !strcmp(a, "python3 -u"));
	CHECK_EQ(script("#!/bin/sh", &i, &a), 0);
	CHECK(!strcmp(i, "/bin/sh") && !a);
	CHECK_EQ(script("#!\n", &i, &a), -ENOEXEC);
	CHECK_EQ(script("#! \t \nfoo", &i, &a), -ENOEXEC);
	CHECK_EQ(script("#!", &i, &a), -ENOEXEC);
	memset(big, 'a', sizeof(big));
	memcpy(big, "#!/", 3);
	big[399] = 0;
	CHECK_EQ(script(big, &i, &a), -ENOEXEC);
	big[200] = ' ';
	CHECK_EQ(script(big, &i, &a), 0);
	CHECK(strlen(i) == 198 && a && strlen(a) == SCRIPT_HEAD - 1 - 201);
	memset(big + 2, ' ', sizeof(big) - 3);
	CHECK_EQ(script(big, &i, &a), -ENOEXEC);
}

int main(void)
{
	RUN(test_good);
	RUN(test_pie);
	RUN(test_header);
	RUN(test_segments);
	RUN(test_script);
	return test_done();
}
