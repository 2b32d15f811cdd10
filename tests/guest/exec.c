/* SPDX-License-Identifier: MIT */
/* execve(2), execveat(2): arguments, auxiliary vector, scripts, errors.  Runs itself with
 * "child MODE ..." as its arguments. */
#define _GNU_SOURCE
#include "guest.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char self[512];
static char dir[64];
static char **volatile bad_vector = (char **)8;
extern char **environ;

static const char *in_dir(const char *name)
{
	static char buf[4][128];
	static int next;
	char *b = buf[next++ % 4];

	snprintf(b, sizeof(buf[0]), "%s/%s", dir, name);
	return b;
}
static void write_file(const char *name, const void *data, size_t n, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	fchmod(fd, mode);
	close(fd);
}
static void write_text(const char *name, const char *text)
{
	write_file(name, text, strlen(text), 0755);
}

/* Runs path with these arguments; exit status, 256 + signal, or -errno of exec. */
static int run(const char *path, char *const argv[], char *const envp[])
{
	int status, fds[2], err = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1000;
	pid = fork();
	if (pid == 0) {
		execve(path, argv, envp);
		err = errno;
		if (write(fds[1], &err, sizeof(err)) < 0)
			_exit(98);
		_exit(99);
	}
	close(fds[1]);
	if (read(fds[0], &err, sizeof(err)) < 0)
		err = EIO;
	close(fds[0]);
	waitpid(pid, &status, 0);
	if (err)
		return -err;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}
#define ARGS(...) ((char *[]){ __VA_ARGS__, NULL })
#define ENV(...) ((char *[]){ __VA_ARGS__, NULL })

/* --- what the children do --- */

static int child_auxv(char **argv)
{
	const Elf64_Ehdr *vdso = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
	const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
	const char *platform = (const char *)getauxval(AT_PLATFORM);
	const char *fn = (const char *)getauxval(AT_EXECFN);
	unsigned loads = 0, zero = 0;

	CHECK_EQ(getauxval(AT_PAGESZ), 4096);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
	CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
	CHECK(getauxval(AT_HWCAP) != 0);
	CHECK(getauxval(AT_ENTRY) != 0);
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_EUID), geteuid());
	CHECK_EQ(getauxval(AT_GID), getgid());
	CHECK_EQ(getauxval(AT_EGID), getegid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK(platform && !strcmp(platform, "x86_64"));
	CHECK(fn && !strcmp(fn, argv[0]));
	CHECK(random != NULL);
	for (int i = 0; random && i < 16; i++)
		zero += random[i] == 0;
	CHECK(zero < 8);
	CHECK(ph != NULL);
	for (unsigned long i = 0; ph && i < getauxval(AT_PHNUM); i++)
		loads += ph[i].p_type == PT_LOAD;
	CHECK(loads >= 2);
	CHECK(vdso && !memcmp(vdso->e_ident, ELFMAG, SELFMAG) && vdso->e_type == ET_DYN);
	/* the strings lie above the pointers, in order */
	CHECK((uintptr_t)argv < (uintptr_t)environ);
	CHECK((uintptr_t)environ < (uintptr_t)argv[0]);
	CHECK((uintptr_t)argv[0] < (uintptr_t)environ[0]);
	CHECK((uintptr_t)environ[0] < (uintptr_t)fn);
	CHECK_EQ((uintptr_t)(argv - 1) % 16, 0);
	return test_failed_here;
}

static int child_main(int argc, char **argv)
{
	const char *mode = argv[2];

	if (!strcmp(mode, "auxv"))
		return child_auxv(argv);
	if (!strcmp(mode, "args")) {
		/* child args a "" "b c", environment X=1 and nothing else */
		CHECK_EQ(argc, 6);
		CHECK(!strcmp(argv[3], "a") && !strcmp(argv[4], "") && !strcmp(argv[5], "b c"));
		CHECK(argv[6] == NULL);
		CHECK(environ[0] && !strcmp(environ[0], "X=1") && !environ[1]);
		return test_failed_here;
	}
	if (!strcmp(mode, "count"))
		return argc & 0x7f;
	if (!strcmp(mode, "fds"))
		return (fcntl(10, F_GETFD) == 0) | (fcntl(11, F_GETFD) == -1) << 1;
	if (!strcmp(mode, "signals")) {
		struct sigaction sa;
		sigset_t set;
		int r = 0;

		sigaction(SIGUSR1, NULL, &sa);
		r |= (sa.sa_handler == SIG_IGN);
		sigaction(SIGUSR2, NULL, &sa);
		r |= (sa.sa_handler == SIG_DFL) << 1;
		sigprocmask(0, NULL, &set);
		r |= sigismember(&set, SIGHUP) << 2;
		return r;
	}
	if (!strcmp(mode, "pid"))
		return atoi(argv[3]) == getpid() && getpid() == syscall(SYS_gettid) ? 0 : 1;
	return 77;
}

/* A script that runs us gets here: self child script [arg] SCRIPT ... is impossible, so
 * scripts carry "child" as their one argument and we look at what follows. */
static int script_main(int argc, char **argv)
{
	/* self "child script x" SCRIPT extra */
	if (argc != 4 || strcmp(argv[1], "child script x") || strcmp(argv[3], "extra"))
		return 1;
	return strstr(argv[2], "script") ? 42 : 2;
}

/* --- tests --- */

static void test_arguments(void)
{
	char **many = malloc(5003 * sizeof(*many));

	CHECK_EQ(run(self, ARGS("x", "child", "args", "a", "", "b c"), ENV("X=1")), 0);
	CHECK_EQ(run(self, ARGS(self, "child", "auxv"), ENV("X=1")), 0);
	many[0] = "x";
	many[1] = "child";
	many[2] = "count";
	for (int i = 3; i < 5002; i++)
		many[i] = "some argument";
	many[5002] = NULL;
	CHECK_EQ(run(self, many, NULL), 5002 & 0x7f);
	free(many);
}

static void test_too_big(void)
{
	size_t limit = 128 << 10;
	char *big = malloc(limit + 1);
	char *many[100];

	memset(big, 'a', limit);
	big[limit] = 0;
	CHECK_EQ(run(self, ARGS("x", big), NULL), -E2BIG);
	big[limit - 1] = 0;
	CHECK_EQ(run(self, ARGS("x", "child", "count", big), NULL), 4);
	for (int i = 0; i < 99; i++)
		many[i] = big;
	many[99] = NULL;
	CHECK_EQ(run(self, many, NULL), -E2BIG);
	free(big);
}

static void test_errors(void)
{
	const char *f = in_dir("file");

	CHECK_EQ(run(in_dir("missing"), ARGS("x"), NULL), -ENOENT);
	CHECK_EQ(run("", ARGS("x"), NULL), -ENOENT);
	CHECK_EQ(run(dir, ARGS("x"), NULL), -EACCES);
	write_file(f, "text", 4, 0644);
	CHECK_EQ(run(f, ARGS("x"), NULL), -EACCES);
	chmod(f, 0755);
	CHECK_EQ(run(f, ARGS("x"), NULL), -ENOEXEC);
	write_file(f, "", 0, 0755);
	CHECK_EQ(run(f, ARGS("x"), NULL), -ENOEXEC);
	CHECK_EQ(run(in_dir("file/x"), ARGS("x"), NULL), -ENOTDIR);
	CHECK_EQ(run((char *)1, ARGS("x"), NULL), -EFAULT);
	CHECK_EQ(run(self, bad_vector, NULL), -EFAULT);
	CHECK_EQ(run(self, ARGS("x", (char *)8), NULL), -EFAULT);
	CHECK_EQ(run(self, ARGS("x"), bad_vector), -EFAULT);
	unlink(f);
}

static void test_bad_elf(void)
{
	const char *f = in_dir("elf");
	int fd = open(self, O_RDONLY);
	unsigned char head[4096];
	Elf64_Ehdr *h = (Elf64_Ehdr *)head;

	CHECK(read(fd, head, sizeof(head)) == sizeof(head));
	close(fd);
	h->e_machine = EM_AARCH64;
	write_file(f, head, sizeof(head), 0755);
	CHECK_EQ(run(f, ARGS("x"), NULL), -ENOEXEC);
	h->e_machine = EM_X86_64;
	h->e_type = ET_REL;
	write_file(f, head, sizeof(head), 0755);
	CHECK_EQ(run(f, ARGS("x"), NULL), -ENOEXEC);
	h->e_type = ET_EXEC;
	h->e_phentsize = 1;
	write_file(f, head, sizeof(head), 0755);
	CHECK_EQ(run(f, ARGS("x"), NULL), -ENOEXEC);
	write_file(f, head, 20, 0755);
	CHECK_EQ(run(f, ARGS("x"), NULL), -ENOEXEC);
	unlink(f);
}

static void test_busy(void)
{
	const char *f = in_dir("busy");
	int fd = open(self, O_RDONLY), out;
	char buf[4096];
	ssize_t n;

	out = open(f, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		CHECK(write(out, buf, (size_t)n) == n);
	close(fd);
	CHECK_EQ(run(f, ARGS("x", "child", "count"), NULL), -ETXTBSY);
	close(out);
	CHECK_EQ(run(f, ARGS("x", "child", "count"), NULL), 3);
	/* and the other way round */
	CHECK_ERR(open(self, O_WRONLY), ETXTBSY);
	unlink(f);
}

static void test_scripts(void)
{
	char text[1024], name[32], prev[600];

	snprintf(text, sizeof(text), "#! %s child script x \t\nrest\n", self);
	write_text(in_dir("script"), text);
	CHECK_EQ(run(in_dir("script"), ARGS("zero", "extra"), NULL), 42);
	/* without an end of line, where blanks at the end stay */
	text[strcspn(text, "\t") - 1] = 0;
	write_text(in_dir("script"), text);
	CHECK_EQ(run(in_dir("script"), ARGS("zero", "extra"), NULL), 42);
	write_text(in_dir("script"), "#!\n");
	CHECK_EQ(run(in_dir("script"), ARGS("x"), NULL), -ENOEXEC);
	write_text(in_dir("script"), "#!/no/such/interpreter\n");
	CHECK_EQ(run(in_dir("script"), ARGS("x"), NULL), -ENOENT);
	snprintf(text, sizeof(text), "#!%s\n", dir);
	write_text(in_dir("script"), text);
	CHECK_EQ(run(in_dir("script"), ARGS("x"), NULL), -EACCES);
	/* interpreters that are scripts: five are fine */
	snprintf(prev, sizeof(prev), "%s", self);
	for (int i = 1; i <= 7; i++) {
		snprintf(text, sizeof(text), i == 1 ? "#!%s child\n" : "#!%s\n", prev);
		snprintf(name, sizeof(name), "script%d", i);
		write_text(in_dir(name), text);
		snprintf(prev, sizeof(prev), "%s", in_dir(name));
	}
	/* self child script1 ... scriptN: not a mode that we know */
	CHECK_EQ(run(in_dir("script1"), ARGS("x"), NULL), 77);
	CHECK_EQ(run(in_dir("script5"), ARGS("x"), NULL), 77);
	CHECK_EQ(run(in_dir("script6"), ARGS("x"), NULL), -ELOOP);
	for (int i = 1; i <= 7; i++) {
		snprintf(name, sizeof(name), "script%d", i);
		unlink(in_dir(name));
	}
	unlink(in_dir("script"));
}

static void test_descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY);

	dup2(fd, 10);
	dup3(fd, 11, O_CLOEXEC);
	CHECK_EQ(run(self, ARGS("x", "child", "fds"), NULL), 3);
	close(10);
	close(11);
	close(fd);
}

static void on_signal(int sig)
{
	(void)sig;
}
static void test_signals(void)
{
	sigset_t set, old;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	CHECK_EQ(run(self, ARGS("x", "child", "signals"), NULL), 7);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

static int exec_at(int fd, const char *path, char *const argv[], int flags)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		syscall(SYS_execveat, fd, path, argv, environ, flags);
		_exit(errno == ENOENT ? 120 : errno == ELOOP ? 121 : errno == EINVAL ? 122 : 123);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void test_execveat(void)
{
	char text[600];
	int fd = open(self, O_RDONLY | O_CLOEXEC), d = open(dir, O_RDONLY | O_DIRECTORY);
	int path_fd = open(self, O_PATH | O_CLOEXEC), s;

	CHECK_EQ(exec_at(fd, "", ARGS("x", "child", "count"), AT_EMPTY_PATH), 3);
	CHECK_EQ(exec_at(path_fd, "", ARGS("x", "child", "count"), AT_EMPTY_PATH), 3);
	CHECK_EQ(exec_at(fd, "", ARGS("x"), 0), 120);
	CHECK_EQ(exec_at(AT_FDCWD, self, ARGS("x", "child", "count"), 0), 3);
	CHECK_EQ(exec_at(-1, self, ARGS("x", "child", "count"), 0), 3);
	CHECK_EQ(exec_at(d, "nothing", ARGS("x"), 0), 120);
	CHECK_EQ(exec_at(fd, self, ARGS("x"), 4), 122);
	unlink(in_dir("link"));
	CHECK_EQ(symlink(self, in_dir("link")), 0);
	CHECK_EQ(exec_at(d, "link", ARGS("x", "child", "count"), 0), 3);
	CHECK_EQ(exec_at(d, "link", ARGS("x", "child", "count"), AT_SYMLINK_NOFOLLOW), 121);
	unlink(in_dir("link"));
	/* a script by descriptor: the interpreter opens /dev/fd/N, so it must stay open */
	snprintf(text, sizeof(text), "#!%s child\n", self);
	write_text(in_dir("script"), text);
	s = open(in_dir("script"), O_RDONLY);
	CHECK_EQ(exec_at(s, "", ARGS("x"), AT_EMPTY_PATH), 77);
	fcntl(s, F_SETFD, FD_CLOEXEC);
	CHECK_EQ(exec_at(s, "", ARGS("x"), AT_EMPTY_PATH), 120);
	unlink(in_dir("script"));
	close(s);
	close(fd);
	close(d);
	close(path_fd);
}

static void *exec_thread(void *arg)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	execve(self, ARGS("x", "child", "pid", pid), environ);
	return arg;
}
static void *sleep_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}
static void exec_from_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, sleep_thread, NULL);
	pthread_create(&t, NULL, sleep_thread, NULL);
	pthread_create(&t, NULL, exec_thread, NULL);
	pause();
	_exit(99);
}
static void test_threads(void)
{
	for (int i = 0; i < 20; i++)
		CHECK_EQ(in_child(exec_from_thread), 0);
}

static void test_vfork(void)
{
	int status = -1;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(self, ARGS("x", "child", "count", "4"), environ);
		_exit(98);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 4);
}

int main(int argc, char **argv)
{
	ssize_t n;

	if (argc >= 3 && !strcmp(argv[1], "child"))
		return child_main(argc, argv);
	if (argc >= 3 && !strcmp(argv[1], "child script x"))
		return script_main(argc, argv);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0 || argc > 1)
		return 1;
	strcpy(dir, "/tmp/exec-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	RUN(test_arguments);
	RUN(test_too_big);
	RUN(test_errors);
	RUN(test_bad_elf);
	RUN(test_busy);
	RUN(test_scripts);
	RUN(test_descriptors);
	RUN(test_signals);
	RUN(test_execveat);
	RUN(test_threads);
	RUN(test_vfork);
	rmdir(dir);
	return test_done();
}
