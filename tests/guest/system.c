/* SPDX-License-Identifier: MIT */
/* Calls about the system: uname, sysinfo, getrandom, personality, numbers that don't exist. */
#define _GNU_SOURCE
#include "guest.h"

#include <signal.h>
#include <stdint.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static void test_uname(void)
{
	struct utsname u;
	char name[65], host[65] = "";
	int major = 0, minor = 0;

	memset(&u, 'x', sizeof(u));
	CHECK_EQ(uname(&u), 0);
	CHECK(!strcmp(u.sysname, "Linux"));
	CHECK(!strcmp(u.machine, "x86_64"));
	CHECK_EQ(sscanf(u.release, "%d.%d", &major, &minor), 2);
	CHECK(major >= 5);
	CHECK_EQ(gethostname(name, sizeof(name)), 0);
	CHECK(!strcmp(name, u.nodename));
	CHECK_ERR(syscall(SYS_uname, (void *)8), EFAULT);
	CHECK_ERR(syscall(SYS_sethostname, "x", -1), geteuid() ? EPERM : EINVAL);
	CHECK_ERR(syscall(SYS_sethostname, "x", 65), geteuid() ? EPERM : EINVAL);
	FILE *f = fopen("/proc/sys/kernel/hostname", "r");

	CHECK(f && fgets(host, sizeof(host), f));
	host[strcspn(host, "\n")] = 0;
	CHECK(!strcmp(host, name));
	if (f)
		fclose(f);
}

static void test_sysinfo(void)
{
	struct sysinfo si;

	memset(&si, 0xff, sizeof(si));
	CHECK_EQ(sysinfo(&si), 0);
	CHECK((long)si.uptime >= 0 && (long)si.uptime < 1000000000);
	CHECK(si.mem_unit > 0);
	CHECK(si.totalram > 0 && si.freeram <= si.totalram);
	CHECK(si.procs >= 1);
	CHECK_ERR(syscall(SYS_sysinfo, (void *)8), EFAULT);
}

static void test_getrandom(void)
{
	static unsigned char a[100000], b[100000];
	unsigned counts[256] = { 0 };
	int same = 0;

	CHECK_EQ(getrandom(a, sizeof(a), 0), sizeof(a));
	CHECK_EQ(getrandom(b, sizeof(b), GRND_NONBLOCK), sizeof(b));
	for (size_t i = 0; i < sizeof(a); i++) {
		same += a[i] == b[i];
		counts[a[i]]++;
	}
	CHECK(same < 1000);
	for (int i = 0; i < 256; i++)
		CHECK(counts[i] > 200 && counts[i] < 700);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_EQ(getrandom(a, 16, GRND_RANDOM), 16);
	CHECK_ERR(getrandom(a, 1, 0x100), EINVAL);
	CHECK_ERR(getrandom(a, 1, GRND_RANDOM | 4), EINVAL);
	CHECK_ERR(syscall(SYS_getrandom, (void *)8, 10, 0), EFAULT);
}

static void test_personality(void)
{
	int old = personality(0xffffffff);

	CHECK(old >= 0);
	CHECK_EQ(personality(old | ADDR_NO_RANDOMIZE), old);
	CHECK_EQ(personality(0xffffffff), old | ADDR_NO_RANDOMIZE);
	CHECK_EQ(personality(old), old | ADDR_NO_RANDOMIZE);
}

static void test_no_such_call(void)
{
	CHECK_ERR(syscall(400), ENOSYS);
	CHECK_ERR(syscall(100000), ENOSYS);
	CHECK_ERR(syscall(-1), ENOSYS);
	CHECK_ERR(syscall(0x7fffffff), ENOSYS);
	CHECK_ERR(syscall(0x80000000), ENOSYS);
	/* only the low half of the number counts */
	CHECK_EQ(syscall(0x500000000ll + SYS_getpid), getpid());
	/* and of an int argument: close(fd) with rubbish above */
	CHECK_ERR(syscall(SYS_close, 0x1234500000000 + 999), EBADF);
}

/* Registers other than rax, rcx and r11 keep their values. */
static void test_registers(void)
{
	register uint64_t r8 __asm__("r8") = 0x8888, r9 __asm__("r9") = 0x9999;
	register uint64_t r10 __asm__("r10") = 0xaaaa, r12 __asm__("r12") = 0xcccc;
	register uint64_t r13 __asm__("r13") = 0xdddd, r14 __asm__("r14") = 0xeeee;
	uint64_t di = 0x1111, si = 0x2222, dx = 0x3333, bx = 0x4444;
	long result = SYS_getppid;

	__asm__ volatile("syscall"
			 : "+a"(result), "+D"(di), "+S"(si), "+d"(dx), "+b"(bx), "+r"(r8), "+r"(r9),
			   "+r"(r10), "+r"(r12), "+r"(r13), "+r"(r14)
			 :
			 : "rcx", "r11", "memory");
	CHECK(r8 == 0x8888 && r9 == 0x9999 && r10 == 0xaaaa);
	CHECK(r12 == 0xcccc && r13 == 0xdddd && r14 == 0xeeee);
	CHECK(di == 0x1111 && si == 0x2222 && dx == 0x3333 && bx == 0x4444);
	CHECK_EQ(result, getppid());
}

#define ARCH_GET_XCOMP_SUPP 0x1021
#define ARCH_GET_XCOMP_PERM 0x1022
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XTILEDATA 18

/* Which register states there are: what XGETBV says, and what arch_prctl() tells of permissions. */
static void test_register_states(void)
{
	uint64_t supported = 0, permitted = 0;
	uint32_t a = 1, b, c = 0, d, low, high;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &supported), 0);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &permitted), 0);
	CHECK_EQ(permitted & ~supported, 0);
	CHECK_EQ(permitted & 3, 3);
	if (c & (1u << 27)) { /* OSXSAVE */
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		CHECK_EQ(supported & ~((uint64_t)high << 32 | low), 0);
	}
	if (supported & 1ul << XTILEDATA) {
		CHECK_EQ(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, (long)XTILEDATA), 0);
	} else {
		CHECK_ERR(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, (long)XTILEDATA),
			  EOPNOTSUPP);
	}
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 17l), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 2l), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 64l), EINVAL);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, -1l), EINVAL);
	CHECK_ERR(syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, 8l), EFAULT);
}

int main(void)
{
	RUN(test_uname);
	RUN(test_sysinfo);
	RUN(test_getrandom);
	RUN(test_personality);
	RUN(test_no_such_call);
	RUN(test_registers);
	RUN(test_register_states);
	return test_done();
}
