/* SPDX-License-Identifier: MIT */
/*
 * The benchmark program: one static binary, run in Corrida and in a Linux guest, which
 * prints a line `BENCH name value` per row; values are nanoseconds per operation (lower is
 * better), or what the name's suffix says (_MBps, _score: higher is better).  A row that the
 * system can't do prints `BENCH name error errno`.  `bench NAME...` runs just these rows.
 *
 * Each row runs in batches that last at least 100 ms, three of them; the least is printed.  Rows
 * whose name ends in _1cpu bind all threads to one CPU, so that each hand-over is a switch.
 *
 * Three more uses: `bench --sleep SECONDS` does nothing, for the idle row; `bench --redis SERVER`
 * starts a redis-server and prints `redis serves` when it answers a PING; `bench --tsc-khz`, on
 * the host, prints the frequency of its TSC.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char **self_argv;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A row: does n operations; returns 0 or an errno. */
typedef int row_fn(uint64_t n);

static void report(const char *name, row_fn *fn)
{
	uint64_t n = 1, best = UINT64_MAX, best_n = 1;
	int reps = 0;

	while (reps < 3) {
		uint64_t t0 = now_ns();
		int err = fn(n);
		uint64_t t = now_ns() - t0;

		if (err) {
			printf("BENCH %s error %d\n", name, err);
			return;
		}
		if (t < 100000000 && n < 1u << 30) {
			n *= t < 10000000 ? 8 : 2;
			continue;
		}
		if (best == UINT64_MAX || t * best_n < best * n) {
			best = t;
			best_n = n;
		}
		reps++;
	}
	printf("BENCH %s %.1f\n", name, (double)best / (double)best_n);
	fflush(stdout);
}

/* --- plain calls --- */
static int getppid_row(uint64_t n)
{
	while (n--) {
		syscall(SYS_getppid);
	}
	return 0;
}

static int fd_row(uint64_t n, const char *path, int flags, int rw, size_t size)
{
	static char buf[65536];
	int fd = open(path, flags);

	if (fd < 0) {
		return errno;
	}
	while (n--) {
		if ((rw ? write(fd, buf, size) : read(fd, buf, size)) < 0) {
			return errno;
		}
	}
	close(fd);
	return 0;
}
static int read_zero(uint64_t n)
{
	return fd_row(n, "/dev/zero", O_RDONLY, 0, 512);
}
static int write_null(uint64_t n)
{
	return fd_row(n, "/dev/null", O_WRONLY, 1, 512);
}
static int sigprocmask_row(uint64_t n)
{
	sigset_t set;

	sigemptyset(&set);
	while (n--) {
		sigprocmask(SIG_SETMASK, &set, NULL);
	}
	return 0;
}
static int eventfd_row(uint64_t n)
{
	int fd = eventfd(0, 0);
	uint64_t v = 1;

	if (fd < 0) {
		return errno;
	}
	while (n--) {
		if (write(fd, &v, 8) != 8 || read(fd, &v, 8) != 8) {
			return errno;
		}
	}
	close(fd);
	return 0;
}
static int clock_vdso(uint64_t n)
{
	struct timespec ts;

	while (n--) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
	}
	return 0;
}

/* --- ping-pong: n round trips between two threads or processes --- */
struct pair {
	int to[2], from[2];
	uint64_t n;
};
static void *echo_bytes(void *arg)
{
	struct pair *p = arg;
	char c;

	for (uint64_t i = 0; i < p->n; i++) {
		if (read(p->to[0], &c, 1) != 1 || write(p->from[1], &c, 1) != 1) {
			break;
		}
	}
	return NULL;
}
static int pingpong(struct pair *p)
{
	pthread_t t;
	char c = 0;
	int err = 0;

	pthread_create(&t, NULL, echo_bytes, p);
	for (uint64_t i = 0; i < p->n && !err; i++) {
		if (write(p->to[1], &c, 1) != 1 || read(p->from[0], &c, 1) != 1) {
			err = errno;
		}
	}
	pthread_join(t, NULL);
	return err;
}
static int pipe_pingpong(uint64_t n)
{
	struct pair p = { .n = n };

	if (pipe(p.to) || pipe(p.from)) {
		return errno;
	}
	int err = pingpong(&p);

	close(p.to[0]), close(p.to[1]), close(p.from[0]), close(p.from[1]);
	return err;
}
static int unix_pingpong(uint64_t n)
{
	struct pair p = { .n = n };
	int s[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) {
		return errno;
	}
	p.to[1] = p.from[0] = s[0];
	p.to[0] = p.from[1] = s[1];
	int err = pingpong(&p);

	close(s[0]), close(s[1]);
	return err;
}

static _Atomic uint32_t turn;
static uint64_t futex_n;
static void wait_turn(uint32_t mine)
{
	uint32_t v;

	while ((v = atomic_load(&turn)) != mine) {
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, v, NULL);
	}
}
static void pass_turn(uint32_t to)
{
	atomic_store(&turn, to);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1);
}
static void *futex_echo(void *arg)
{
	for (uint64_t i = 0; i < futex_n; i++) {
		wait_turn(1);
		pass_turn(0);
	}
	return arg;
}
static int futex_pingpong(uint64_t n)
{
	pthread_t t;

	futex_n = n;
	turn = 0;
	pthread_create(&t, NULL, futex_echo, NULL);
	for (uint64_t i = 0; i < n; i++) {
		pass_turn(1);
		wait_turn(0);
	}
	pthread_join(t, NULL);
	return 0;
}

static _Atomic int yield_stop;
static void *yielder(void *arg)
{
	while (!atomic_load(&yield_stop)) {
		sched_yield();
	}
	return arg;
}
static int yield_pair(uint64_t n)
{
	pthread_t t;

	yield_stop = 0;
	pthread_create(&t, NULL, yielder, NULL);
	while (n--) {
		sched_yield();
	}
	yield_stop = 1;
	pthread_join(t, NULL);
	return 0;
}

/* The row fn with every thread on CPU 0. */
static int on_one_cpu(row_fn *fn, uint64_t n)
{
	cpu_set_t one, all;
	int err;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one)) {
		return errno;
	}
	err = fn(n);
	sched_setaffinity(0, sizeof(all), &all);
	return err;
}
/* Two threads that give way to each other. */
static int yield_row(uint64_t n)
{
	return on_one_cpu(yield_pair, n);
}
static int pipe_1cpu(uint64_t n)
{
	return on_one_cpu(pipe_pingpong, n);
}
static int unix_1cpu(uint64_t n)
{
	return on_one_cpu(unix_pingpong, n);
}
static int futex_1cpu(uint64_t n)
{
	return on_one_cpu(futex_pingpong, n);
}

/* --- threads, processes, signals --- */
static void *nothing(void *arg)
{
	return arg;
}
static int thread_row(uint64_t n)
{
	while (n--) {
		pthread_t t;
		int err = pthread_create(&t, NULL, nothing, NULL);

		if (err) {
			return err;
		}
		pthread_join(t, NULL);
	}
	return 0;
}
static int fork_row(uint64_t n)
{
	while (n--) {
		pid_t pid = fork();

		if (pid < 0) {
			return errno;
		}
		if (!pid) {
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	return 0;
}
static int vfork_exec_row(uint64_t n)
{
	while (n--) {
		pid_t pid = vfork();

		if (pid < 0) {
			return errno;
		}
		if (!pid) {
			execl(self_argv[0], self_argv[0], "--exit", NULL);
			_exit(1);
		}
		int status;

		waitpid(pid, &status, 0);
		if (status) {
			return ENOEXEC;
		}
	}
	return 0;
}
static volatile sig_atomic_t got;
static void on_signal(int sig)
{
	got = sig;
}
static int signal_row(uint64_t n)
{
	signal(SIGUSR1, on_signal);
	while (n--) {
		raise(SIGUSR1);
	}
	return got == SIGUSR1 ? 0 : EINVAL;
}
static pthread_mutex_t contended = PTHREAD_MUTEX_INITIALIZER;
static uint64_t mutex_n;
static volatile uint64_t mutex_counter;
static void *mutex_loop(void *arg)
{
	for (uint64_t i = 0; i < mutex_n; i++) {
		pthread_mutex_lock(&contended);
		mutex_counter++;
		pthread_mutex_unlock(&contended);
	}
	return arg;
}
static int mutex_row(uint64_t n)
{
	pthread_t t[4];

	mutex_n = n / 4 + 1;
	for (int i = 0; i < 4; i++) {
		pthread_create(&t[i], NULL, mutex_loop, NULL);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
	}
	return 0;
}

/* --- memory --- */
static int fault_row(uint64_t n)
{
	const size_t chunk = 1024; /* pages, below what gets huge pages */

	while (n) {
		uint64_t now = n < chunk ? n : chunk;
		char *p = mmap(NULL, now * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED) {
			return errno;
		}
		madvise(p, now * 4096, MADV_NOHUGEPAGE);
		for (uint64_t i = 0; i < now; i++) {
			p[i * 4096] = 1;
		}
		munmap(p, now * 4096);
		n -= now;
	}
	return 0;
}
static int mmap_row(uint64_t n)
{
	while (n--) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (p == MAP_FAILED) {
			return errno;
		}
		p[0] = p[4096] = 1;
		munmap(p, 65536);
	}
	return 0;
}
static int mprotect_row(uint64_t n)
{
	static char *p;

	if (!p) {
		p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		memset(p, 1, 65536);
	}
	for (uint64_t i = 0; i < n; i++) {
		if (mprotect(p + 16384, 16384, i & 1 ? PROT_READ : PROT_READ | PROT_WRITE)) {
			return errno;
		}
	}
	return 0;
}

/* --- files on the share --- */
/* Not the running binary: where an open drops a file's cached pages (Linux' virtiofs), that would
 * measure how the program's own text is read in again. */
#define SMALL "/data/small"

static int stat_row(uint64_t n)
{
	struct stat st;

	while (n--) {
		if (stat(SMALL, &st)) {
			return errno;
		}
	}
	return 0;
}
static int open_row(uint64_t n)
{
	while (n--) {
		int fd = open(SMALL, O_RDONLY);

		if (fd < 0) {
			return errno;
		}
		close(fd);
	}
	return 0;
}
static int open_tmp_row(uint64_t n)
{
	close(open("/tmp/bench-file", O_CREAT | O_RDWR, 0600));
	while (n--) {
		int fd = open("/tmp/bench-file", O_RDONLY);

		if (fd < 0) {
			return errno;
		}
		close(fd);
	}
	return 0;
}
static int pread_row(uint64_t n)
{
	static char buf[4096];
	int fd = open(SMALL, O_RDONLY);

	if (fd < 0) {
		return errno;
	}
	while (n--) {
		if (pread(fd, buf, 4096, 4096) != 4096) {
			return errno;
		}
	}
	close(fd);
	return 0;
}
static int create_unlink_row(uint64_t n)
{
	while (n--) {
		int fd = open("/data/bench-new", O_CREAT | O_EXCL | O_WRONLY, 0600);

		if (fd < 0) {
			return errno;
		}
		close(fd);
		if (unlink("/data/bench-new")) {
			return errno;
		}
	}
	return 0;
}

/* Sequential throughput of one pass; the host made the file anew, so nothing is cached. */
static void stream(const char *name, const char *path, int do_write)
{
	enum { CHUNK = 1 << 20 };
	char *buf = malloc(CHUNK);
	uint64_t total = 0, t0;
	int fd = open(path, do_write ? O_CREAT | O_TRUNC | O_WRONLY : O_RDONLY, 0600);
	ssize_t n = 1;

	memset(buf, 'x', CHUNK);
	t0 = now_ns();
	while (fd >= 0 && n > 0 && total < 64u << 20) {
		n = do_write ? write(fd, buf, CHUNK) : read(fd, buf, CHUNK);
		total += n > 0 ? (uint64_t)n : 0;
	}
	if (fd < 0 || n < 0 || !total) {
		printf("BENCH %s error %d\n", name, errno);
	} else {
		printf("BENCH %s %.1f\n", name, (double)total * 1e3 / (double)(now_ns() - t0));
	}
	fflush(stdout);
	if (do_write) {
		unlink(path);
	}
	close(fd);
	free(buf);
}

/* --- what the runner asks for one at a time --- */
static int ping_redis(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(6379),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char answer[5];
	int ok = !connect(s, (struct sockaddr *)&to, sizeof(to)) && write(s, "PING\r\n", 6) == 6 &&
		 read(s, answer, 5) == 5 && !memcmp(answer, "+PONG", 5);

	close(s);
	return ok;
}
static int redis(char *server)
{
	char *argv[] = {
		server, "--save", "", "--appendonly", "no", "--logfile", "/dev/null", NULL
	};
	pid_t pid = fork();
	int ok = 0;

	if (!pid) {
		execv(server, argv);
		_exit(127);
	}
	for (int i = 0; i < 400 && !ok && waitpid(pid, NULL, WNOHANG) == 0; i++) {
		ok = ping_redis();
		usleep(50000);
	}
	puts(ok ? "redis serves" : "redis does not serve");
	kill(pid, SIGKILL);
	return !ok;
}

/* --- CPU work: integer mixing, per thread the same amount; score = work per time --- */
static void *spin_work(void *arg)
{
	uint64_t x = (uintptr_t)arg + 1;

	for (int i = 0; i < 20000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return (void *)(uintptr_t)x;
}
static void cpu_score(int threads)
{
	uint64_t t0 = now_ns();
	pthread_t t[8];

	for (int i = 0; i < threads; i++) {
		pthread_create(&t[i], NULL, spin_work, NULL);
	}
	for (int i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
	}
	printf("BENCH cpu%d_score %.2f\n", threads, threads * 1e9 / (double)(now_ns() - t0));
	fflush(stdout);
}

static const struct {
	const char *name;
	row_fn *fn;
} rows[] = {
	{ "getppid", getppid_row },
	{ "read_dev_zero", read_zero },
	{ "write_dev_null", write_null },
	{ "sigprocmask", sigprocmask_row },
	{ "eventfd", eventfd_row },
	{ "clock_gettime", clock_vdso },
	{ "pipe_pingpong", pipe_pingpong },
	{ "unix_pingpong", unix_pingpong },
	{ "futex_pingpong", futex_pingpong },
	{ "pipe_pingpong_1cpu", pipe_1cpu },
	{ "unix_pingpong_1cpu", unix_1cpu },
	{ "futex_pingpong_1cpu", futex_1cpu },
	{ "sched_yield", yield_row },
	{ "thread_create_join", thread_row },
	{ "fork_exit", fork_row },
	{ "vfork_exec", vfork_exec_row },
	{ "signal_delivery", signal_row },
	{ "contended_mutex", mutex_row },
	{ "page_fault", fault_row },
	{ "mmap_touch_munmap", mmap_row },
	{ "mprotect", mprotect_row },
	{ "cached_stat", stat_row },
	{ "open_close", open_row },
	{ "open_close_tmpfs", open_tmp_row },
	{ "pread_4k", pread_row },
	{ "create_unlink", create_unlink_row },
};

static int wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name)) {
			return 1;
		}
	}
	return argc < 2;
}

/* Against CLOCK_MONOTONIC, over a fifth of a second. */
static int print_tsc_khz(void)
{
	uint64_t begin = now_ns(), ticks = __builtin_ia32_rdtsc();

	usleep(200000);
	ticks = __builtin_ia32_rdtsc() - ticks;
	printf("%llu\n", (unsigned long long)(ticks * 1000000 / (now_ns() - begin)));
	return 0;
}

int main(int argc, char **argv)
{
	self_argv = argv;
	if (argc > 1 && !strcmp(argv[1], "--exit")) {
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--tsc-khz")) {
		return print_tsc_khz();
	}
	if (argc > 2 && !strcmp(argv[1], "--sleep")) {
		puts("BENCH-IDLE");
		fflush(stdout);
		sleep((unsigned)atoi(argv[2]));
		return 0;
	}
	if (argc > 2 && !strcmp(argv[1], "--redis")) {
		return redis(argv[2]);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (wanted(argc, argv, rows[i].name)) {
			report(rows[i].name, rows[i].fn);
		}
	}
	if (wanted(argc, argv, "seq_read_MBps")) {
		stream("seq_read_MBps", "/data/big", 0);
	}
	if (wanted(argc, argv, "seq_write_MBps")) {
		stream("seq_write_MBps", "/data/bench-write", 1);
	}
	for (int n = 1; n <= 4; n *= 2) {
		char name[16];

		snprintf(name, sizeof(name), "cpu%d_score", n);
		if (wanted(argc, argv, name)) {
			cpu_score(n);
		}
	}
	puts("BENCH-END");
	return 0;
}
