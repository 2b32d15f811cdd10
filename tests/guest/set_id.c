/* SPDX-License-Identifier: MIT */
/*
 * What execve(2) makes of credentials: who x file x securebits x no_new_privs x shared directory,
 * against the rules of capabilities(7); securebits and their locks; what else set-id programs shed.
 * Runs copies of itself as "NAME show FD".
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_IS_SET 1
#define PR_CAP_AMBIENT_RAISE 2
#endif
#define CAP(n) (1ull << (n))
#define SOME (CAP(CAP_NET_RAW) | CAP(CAP_SETUID))

struct state {
	uint32_t u[3], g[3];
	uint64_t permitted, effective, inheritable, ambient;
	uint32_t securebits, no_new_privs, secure, persona;
	uint64_t stack;
};
static uint64_t bounding;
static char dir[64];

static void caps_get(struct state *s)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	syscall(SYS_capget, &h, d);
	s->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	s->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	s->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}
static int caps_set(uint64_t permitted, uint64_t effective, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return (int)syscall(SYS_capset, &h, d);
}
static void state_get(struct state *s)
{
	memset(s, 0, sizeof(*s));
	getresuid(&s->u[0], &s->u[1], &s->u[2]);
	getresgid(&s->g[0], &s->g[1], &s->g[2]);
	caps_get(s);
	for (unsigned long c = CAP_CHOWN; c <= CAP_NET_RAW; c++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) == 1)
			s->ambient |= CAP(c);
	s->securebits = (uint32_t)prctl(PR_GET_SECUREBITS);
	s->no_new_privs = (uint32_t)prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	s->secure = (uint32_t)getauxval(AT_SECURE);
	s->persona = (uint32_t)personality(0xffffffff);
	s->stack = (uint64_t)getauxval(AT_RANDOM);
}

/* --- files and people --- */

static const struct program {
	const char *name;
	unsigned mode, uid, gid;
} programs[] = {
	{ "plain", 0755, 0, 0 },
	{ "suid-root", 04755, 0, 0 },
	{ "suid-2000", 04755, 2000, 2000 },
	{ "sgid-2000", 02755, 0, 2000 },
	{ "both-root", 06755, 0, 2000 },
	{ "sgid-no-x", 02745, 0, 2000 },
};
#define PROGRAMS (sizeof(programs) / sizeof(programs[0]))

static const char *path_of(const struct program *p)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, p->name);
	return path;
}

enum who { ROOT, USER, WAS_USER, WAS_ROOT, POOR_ROOT, AMBIENT_USER, CAPABLE_USER, WHOS };
static const char *const who_names[] = { "root",	 "user",
					 "user, euid 0", "root, euid 1000",
					 "poor root",	 "ambient user",
					 "capable user" };

static void become(enum who who)
{
	switch (who) {
	case USER:
		CHECK(!setgroups(0, NULL) && !setresgid(1000, 1000, 1000) &&
		      !setresuid(1000, 1000, 1000));
		break;
	case WAS_USER: CHECK(!setresgid(1000, 1000, 1000) && !setresuid(1000, 0, 0)); break;
	case WAS_ROOT: CHECK(!setresgid(0, 1000, 0) && !setresuid(0, 1000, 0)); break;
	case POOR_ROOT: CHECK(!caps_set(SOME, CAP(CAP_NET_RAW), 0)); break;
	case AMBIENT_USER:
	case CAPABLE_USER:
		CHECK(!prctl(PR_SET_KEEPCAPS, 1));
		CHECK(!setresgid(1000, 1000, 1000) && !setresuid(1000, 1000, 1000));
		CHECK(!caps_set(SOME, SOME, SOME));
		if (who == AMBIENT_USER)
			CHECK(!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
		break;
	default: break;
	}
}

/* What capabilities(7) and execve(2) say. */
static void expect(struct state *s, const struct program *p, int shared)
{
	uint32_t old_euid = s->u[1], old_egid = s->g[1];
	uint64_t old_permitted = s->permitted;
	int effective = 0, set_id, unsafe = s->no_new_privs || shared;

	if (!s->no_new_privs) {
		if (p->mode & 04000)
			s->u[1] = p->uid;
		if ((p->mode & 02010) == 02010)
			s->g[1] = p->gid;
	}
	s->persona = s->no_new_privs || !((p->mode & 04000) || (p->mode & 02010) == 02010)
			     ? s->persona
			     : 0;
	s->permitted = 0;
	if (!(s->securebits & SECBIT_NOROOT)) {
		if (s->u[0] == 0 || s->u[1] == 0)
			s->permitted = bounding | s->inheritable;
		effective = s->u[1] == 0;
	}
	set_id = s->u[1] != old_euid || s->g[1] != old_egid;
	if (s->permitted & ~old_permitted)
		s->persona = 0;
	if ((set_id || s->permitted & ~old_permitted) && unsafe) {
		if (s->no_new_privs || !(s->effective & CAP(CAP_SETUID))) {
			s->u[1] = s->u[0];
			s->g[1] = s->g[0];
		}
		s->permitted &= old_permitted;
	}
	s->u[2] = s->u[1];
	s->g[2] = s->g[1];
	if (set_id)
		s->ambient = 0;
	s->permitted |= s->ambient;
	s->effective = effective ? s->permitted : s->ambient;
	s->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
	s->secure = set_id || s->u[1] != s->u[0] || s->g[1] != s->g[0] ||
		    (s->u[0] != 0 && (effective || s->permitted & ~s->ambient));
}

static void print_state(const char *what, const struct state *s)
{
	printf("#   %s: uid %u %u %u gid %u %u %u prm %llx eff %llx inh %llx amb %llx bits %x nnp %u "
	       "secure %u persona %x\n",
	       what, s->u[0], s->u[1], s->u[2], s->g[0], s->g[1], s->g[2],
	       (unsigned long long)s->permitted, (unsigned long long)s->effective,
	       (unsigned long long)s->inheritable, (unsigned long long)s->ambient, s->securebits,
	       s->no_new_privs, s->secure, s->persona);
}

/* In a child: what it was before the exec and what it is after it go into the pipe. */
static void child(enum who who, unsigned bits, int nnp, const struct program *p, int out)
{
	struct state s;
	char number[16];

	test_failed_here = 0;
	CHECK(!prctl(PR_SET_SECUREBITS, bits));
	become(who);
	if (nnp)
		CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(personality(ADDR_NO_RANDOMIZE) >= 0);
	if (test_failed_here)
		_exit(1);
	state_get(&s);
	if (write(out, &s, sizeof(s)) != sizeof(s))
		_exit(2);
	snprintf(number, sizeof(number), "%d", out);
	execl(path_of(p), p->name, "show", number, (char *)NULL);
	printf("# exec of %s: %s\n", p->name, strerror(errno));
	fflush(stdout);
	_exit(3);
}
static void try_one(enum who who, unsigned bits, int nnp, int shared, const struct program *p)
{
	struct state before, after, want;
	int fds[2], status;
	pid_t pid;

	if (pipe(fds))
		exit(5);
	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD | (shared ? CLONE_FS : 0), 0, 0, 0, 0);
	if (pid == 0)
		child(who, bits, nnp, p, fds[1]);
	close(fds[1]);
	if (read(fds[0], &before, sizeof(before)) != sizeof(before) ||
	    read(fds[0], &after, sizeof(after)) != sizeof(after))
		memset(&after, 0xff, sizeof(after));
	close(fds[0]);
	waitpid(pid, &status, 0);
	want = before;
	expect(&want, p, shared);
	want.stack = after.stack;
	if (status || memcmp(&want, &after, sizeof(want))) {
		printf("# %s, securebits %x, nnp %d, shared %d: %s: status %x\n", who_names[who],
		       bits, nnp, shared, p->name, status);
		print_state("before", &before);
		print_state("is", &after);
		print_state("wanted", &want);
		test_failed_here = 1;
	}
}
static void test_matrix(void)
{
	static const unsigned bits[] = { 0, SECBIT_NOROOT, SECBIT_KEEP_CAPS,
					 SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP };

	for (unsigned who = 0; who < WHOS; who++)
		for (unsigned b = 0; b < 4; b++)
			for (unsigned i = 0; i < PROGRAMS * 4; i++)
				try_one(who, bits[b], i & 1, i >> 1 & 1, &programs[i / 4]);
}

/* --- the address space of a set-id program is random whatever its caller wants --- */

static uint64_t stack_of(const struct program *p)
{
	struct state before, after = { .stack = 1 };
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		exit(5);
	pid = fork();
	if (pid == 0)
		child(USER, 0, 0, p, fds[1]);
	close(fds[1]);
	CHECK_EQ(read(fds[0], &before, sizeof(before)), sizeof(before));
	CHECK_EQ(read(fds[0], &after, sizeof(after)), sizeof(after));
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return after.stack;
}
static void test_layout(void)
{
	CHECK_EQ(stack_of(&programs[0]), stack_of(&programs[0]));
	for (unsigned i = 1; i < 5; i++)
		CHECK(stack_of(&programs[i]) != stack_of(&programs[i]));
	CHECK_EQ(stack_of(&programs[5]), stack_of(&programs[5]));
}

/* --- securebits --- */

static void locked(void)
{
	CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED), 0);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED), EPERM);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, 0), EPERM);
	CHECK_EQ(prctl(PR_SET_SECUREBITS,
		       SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP),
		 0);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | 1 << 20), EPERM);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(prctl(PR_GET_SECUREBITS),
		 SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECUREBITS,
		       SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED),
		 0);
	CHECK_ERR(prctl(PR_SET_KEEPCAPS, 1), EPERM);
	CHECK_ERR(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
}
static void no_raise(void)
{
	struct state s;

	caps_get(&s);
	CHECK_EQ(caps_set(s.permitted, s.effective, CAP(CAP_NET_RAW)), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE), 0);
	CHECK_ERR(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), EPERM);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0), 1);
}
static void without_right(void)
{
	struct state s;

	caps_get(&s);
	CHECK_EQ(caps_set(s.permitted, s.effective & ~CAP(CAP_SETPCAP), 0), 0);
	CHECK_ERR(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), EPERM);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
}
static void kept(void)
{
	struct state s;

	caps_get(&s);
	CHECK_EQ(caps_set(s.permitted, s.effective, SOME), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0), 0);
	CHECK_EQ(prctl(PR_SET_KEEPCAPS, 1), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	state_get(&s);
	CHECK_EQ(s.permitted, bounding);
	CHECK_EQ(s.effective, 0);
	CHECK_EQ(s.inheritable, SOME);
	CHECK_EQ(s.ambient, 0);
}
static void test_securebits(void)
{
	CHECK_EQ(in_child(locked), 0);
	CHECK_EQ(in_child(no_raise), 0);
	CHECK_EQ(in_child(without_right), 0);
	CHECK_EQ(in_child(kept), 0);
}

/* --- RLIMIT_MEMLOCK holds from setuid() on --- */

static void lock_much(void)
{
	struct rlimit r = { 8 << 20, 8 << 20 };
	size_t n = 32 << 20;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_EQ(setrlimit(RLIMIT_MEMLOCK, &r), 0);
	CHECK_EQ(syscall(SYS_mlock2, p, n, 1 /* on fault */), 0);
	CHECK_EQ(munlock(p, n), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_ERR(syscall(SYS_mlock2, p, n, 1), ENOMEM);
	CHECK_ERR(mlock(p, n), ENOMEM);
	CHECK(mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) ==
	      MAP_FAILED);
	CHECK_EQ(errno, EAGAIN);
	CHECK_ERR(mlockall(MCL_CURRENT), ENOMEM);
	CHECK_EQ(mlock(p, 1 << 20), 0);
}
static void test_memlock(void)
{
	CHECK_EQ(in_child(lock_much), 0);
}

static int make_programs(void)
{
	snprintf(dir, sizeof(dir), "/tmp/set_id-%d", (int)getpid());
	if (mkdir(dir, 0755) || chmod(dir, 0755))
		return -1;
	for (unsigned i = 0; i < PROGRAMS; i++) {
		const struct program *p = &programs[i];
		int in = open("/proc/self/exe", O_RDONLY), out;
		char buf[65536];
		ssize_t n;

		out = open(path_of(p), O_WRONLY | O_CREAT | O_EXCL, 0700);
		while ((n = read(in, buf, sizeof(buf))) > 0)
			if (write(out, buf, (size_t)n) != n)
				return -1;
		close(in);
		close(out);
		if (chown(path_of(p), p->uid, p->gid) || chmod(path_of(p), p->mode))
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct state s;

	if (argc == 3 && !strcmp(argv[1], "show")) {
		state_get(&s);
		return write(atoi(argv[2]), &s, sizeof(s)) != sizeof(s);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned long c = 0; c < 64; c++)
		if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
			bounding |= CAP(c);
	if (make_programs()) {
		printf("Bail out! %s: %s\n", dir, strerror(errno));
		return 1;
	}
	RUN(test_matrix);
	RUN(test_layout);
	RUN(test_securebits);
	RUN(test_memlock);
	for (unsigned i = 0; i < PROGRAMS; i++)
		unlink(path_of(&programs[i]));
	rmdir(dir);
	return test_done();
}
