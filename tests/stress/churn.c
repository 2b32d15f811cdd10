/* SPDX-License-Identifier: MIT */
/*
 * Everything at once, for a given time: threads created and joined, fork+exec+wait, signals
 * thrown at busy threads, mappings made and torn down under other threads' feet, condition
 * variables, pipes, files.  Each worker checks its own results; the end checks that free
 * memory is back near where it started.
 *
 *     churn SECONDS [ROUND_SECONDS]     (also on the host)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int stop;
static const char *self;

#define MUST(cond)                                                                   \
	do {                                                                         \
		if (!(cond)) {                                                       \
			fprintf(stderr, "churn: line %d: %s: %s\n", __LINE__, #cond, \
				strerror(errno));                                    \
			_exit(1);                                                    \
		}                                                                    \
	} while (0)

static void *return_arg(void *arg)
{
	return arg;
}

static void *thread_worker(void *count)
{
	while (!stop) {
		pthread_t t[4];
		void *r;

		for (intptr_t i = 0; i < 4; i++) {
			MUST(!pthread_create(&t[i], NULL, return_arg, (void *)i));
		}
		for (intptr_t i = 0; i < 4; i++) {
			MUST(!pthread_join(t[i], &r) && r == (void *)i);
		}
		++*(uint64_t *)count;
	}
	return NULL;
}

static void *fork_worker(void *count)
{
	while (!stop) {
		int status, code = (int)(*(uint64_t *)count % 100);
		pid_t pid = fork();

		MUST(pid >= 0);
		if (!pid) {
			char arg[16];

			if (code % 2) {
				_exit(code);
			}
			snprintf(arg, sizeof(arg), "%d", code);
			execl(self, self, "--exit", arg, NULL);
			_exit(255);
		}
		MUST(waitpid(pid, &status, 0) == pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != code) {
			fprintf(stderr, "churn: child ended with %#x, not exit %d\n", status, code);
			_exit(1);
		}
		++*(uint64_t *)count;
	}
	return NULL;
}

static __thread volatile sig_atomic_t hits;
static void on_usr1(int sig)
{
	(void)sig;
	hits++;
}
static void *spin_victim(void *arg)
{
	double x = 1.5, y = 0;

	/* floating point across signals: a handler must not disturb it */
	while (!atomic_load((atomic_int *)arg)) {
		y = x * 2.0;
		MUST(y == 3.0);
	}
	return NULL;
}
static void *signal_worker(void *count)
{
	while (!stop) {
		atomic_int done = 0;
		pthread_t t;

		MUST(!pthread_create(&t, NULL, spin_victim, &done));
		for (int i = 0; i < 50; i++) {
			pthread_kill(t, SIGUSR1);
		}
		atomic_store(&done, 1);
		MUST(!pthread_join(t, NULL));
		++*(uint64_t *)count;
	}
	return NULL;
}

static char *volatile window;
static void *window_reader(void *arg)
{
	while (!atomic_load((atomic_int *)arg)) {
		char *w = window;

		for (int i = 0; i < 64; i++) {
			char c = w[i * 4096];

			MUST(c == 0 || c == 'a');
		}
	}
	return NULL;
}
/* One thread replaces pages and protections while another reads them: TLB shootdown. */
static void *mmap_worker(void *count)
{
	atomic_int done = 0;
	pthread_t t;

	window = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(window != MAP_FAILED);
	MUST(!pthread_create(&t, NULL, window_reader, &done));
	while (!stop) {
		for (int i = 0; i < 64; i++) {
			window[i * 4096] = 'a';
		}
		MUST(!mprotect(window, 32 * 4096, PROT_READ));
		MUST(!madvise(window + 16 * 4096, 32 * 4096, MADV_DONTNEED));
		MUST(window[20 * 4096] == 0);
		MUST(mmap(window, 64 * 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == window);
		char *p = mmap(NULL, 5 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		MUST(p != MAP_FAILED);
		p[0] = p[4 << 20] = 1;
		MUST(!munmap(p + (1 << 20), 1 << 20));
		MUST(p[0] == 1 && p[4 << 20] == 1);
		/* the hole may be somebody else's by now */
		MUST(!munmap(p, 1 << 20) && !munmap(p + (2 << 20), 3 << 20));
		++*(uint64_t *)count;
	}
	done = 1;
	MUST(!pthread_join(t, NULL));
	munmap(window, 64 * 4096);
	return NULL;
}

struct queue {
	pthread_mutex_t m;
	pthread_cond_t c;
	int value, full, end;
};
static void *consumer(void *arg)
{
	struct queue *q = arg;
	int expect = 0;

	pthread_mutex_lock(&q->m);
	for (;;) {
		while (!q->full && !q->end) {
			pthread_cond_wait(&q->c, &q->m);
		}
		if (!q->full) {
			break;
		}
		MUST(q->value == expect);
		expect++;
		q->full = 0;
		pthread_cond_broadcast(&q->c);
	}
	pthread_mutex_unlock(&q->m);
	return NULL;
}
static void *cond_worker(void *count)
{
	struct queue q = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0 };
	pthread_t t;

	MUST(!pthread_create(&t, NULL, consumer, &q));
	pthread_mutex_lock(&q.m);
	for (int i = 0; !stop; i++) {
		while (q.full) {
			pthread_cond_wait(&q.c, &q.m);
		}
		q.value = i;
		q.full = 1;
		pthread_cond_broadcast(&q.c);
		++*(uint64_t *)count;
	}
	q.end = 1;
	pthread_cond_broadcast(&q.c);
	pthread_mutex_unlock(&q.m);
	MUST(!pthread_join(t, NULL));
	return NULL;
}

static void *pipe_worker(void *count)
{
	while (!stop) {
		char buf[4096], want[4096];
		int p[2], status;
		size_t total = 0;

		MUST(!pipe2(p, O_CLOEXEC));
		memset(want, (int)(*(uint64_t *)count & 0x7f), sizeof(want));
		pid_t pid = fork();

		MUST(pid >= 0);
		if (!pid) {
			for (int i = 0; i < 64; i++) {
				if (write(p[1], want, sizeof(want)) != sizeof(want)) {
					_exit(2);
				}
			}
			_exit(0);
		}
		close(p[1]);
		for (ssize_t n; (n = read(p[0], buf, sizeof(buf))) > 0;) {
			MUST(!memcmp(buf, want, (size_t)n));
			total += (size_t)n;
		}
		MUST(total == 64 * sizeof(want));
		close(p[0]);
		MUST(waitpid(pid, &status, 0) == pid && status == 0);
		++*(uint64_t *)count;
	}
	return NULL;
}

static void *file_worker(void *count)
{
	char path[64], buf[9000];

	snprintf(path, sizeof(path), "/tmp/churn-%d", (int)getpid());
	while (!stop) {
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		struct stat st;

		MUST(fd >= 0);
		memset(buf, 'q', sizeof(buf));
		MUST(write(fd, buf, sizeof(buf)) == sizeof(buf));
		MUST(!ftruncate(fd, 5000) && !fstat(fd, &st) && st.st_size == 5000);
		char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		MUST(m != MAP_FAILED && m[4999] == 'q' && m[5000] == 0);
		m[10] = 'z';
		MUST(pread(fd, buf, 1, 10) == 1 && buf[0] == 'z');
		MUST(!munmap(m, 8192) && !close(fd) && !unlink(path));
		++*(uint64_t *)count;
	}
	return NULL;
}

static const struct {
	const char *name;
	void *(*fn)(void *);
} workers[] = {
	{ "thread", thread_worker }, { "fork", fork_worker }, { "signal", signal_worker },
	{ "mmap", mmap_worker },     { "cond", cond_worker }, { "pipe", pipe_worker },
	{ "file", file_worker },
};
enum { N = sizeof(workers) / sizeof(*workers) };

/* One round: all workers in one process of its own, so that its end frees everything. */
static void round_of(int seconds)
{
	static uint64_t counts[N];
	pthread_t t[N];

	signal(SIGUSR1, on_usr1);
	for (int i = 0; i < N; i++) {
		MUST(!pthread_create(&t[i], NULL, workers[i].fn, &counts[i]));
	}
	sleep((unsigned)seconds);
	stop = 1;
	for (int i = 0; i < N; i++) {
		MUST(!pthread_join(t[i], NULL));
		printf(" %s %llu", workers[i].name, (unsigned long long)counts[i]);
		MUST(counts[i] > 0);
	}
	puts("");
	fflush(stdout);
}

static unsigned long free_kib(void)
{
	struct sysinfo si;

	sysinfo(&si);
	return (si.freeram + si.bufferram) * si.mem_unit / 1024;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10, each = argc > 2 ? atoi(argv[2]) : 5;
	unsigned long before = 0, after;

	self = argv[0];
	if (argc > 2 && !strcmp(argv[1], "--exit")) {
		return atoi(argv[2]);
	}
	for (int done = 0, n = 0; done < seconds; done += each, n++) {
		int status;
		pid_t pid = fork();

		MUST(pid >= 0);
		if (!pid) {
			printf("churn round %d:", n);
			round_of(each);
			exit(0);
		}
		MUST(waitpid(pid, &status, 0) == pid);
		if (status) {
			fprintf(stderr, "churn: round %d ended with status %#x\n", n, status);
			return 1;
		}
		after = free_kib();
		if (!before) {
			before = after; /* after the first round: caches are warm */
		}
		printf("churn: free %lu KiB (first round %lu)\n", after, before);
		fflush(stdout);
	}
	if (after + 4096 < before) {
		printf("churn: %lu KiB lost\n", before - after);
		return 1;
	}
	puts("churn: ok");
	return 0;
}
