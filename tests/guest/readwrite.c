/* SPDX-License-Identifier: MIT */
/* read(2), write(2) and their relatives, lseek, truncate, fallocate, holes: on the share and on
 * tmpfs. */
#define _GNU_SOURCE
#include "scratch.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/uio.h>

#ifndef RWF_APPEND
#define RWF_APPEND 0x10
#endif
#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif

static void test_positions(void)
{
	char buf[16] = "";
	int fd = make_file("f", "0123456789"), dupd = dup(fd), other = open("f", O_RDONLY);

	CHECK_EQ(read(fd, buf, 4), 4);
	CHECK(!memcmp(buf, "0123", 4));
	/* a duplicate shares the position, another open does not */
	CHECK_EQ(lseek(dupd, 0, SEEK_CUR), 4);
	CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
	CHECK_EQ(read(dupd, buf, 16), 6);
	CHECK(!memcmp(buf, "456789", 6));
	CHECK_EQ(read(fd, buf, 16), 0);
	CHECK_EQ(read(fd, buf, 0), 0);
	CHECK_EQ(pread(fd, buf, 4, 3), 4);
	CHECK(!memcmp(buf, "3456", 4));
	CHECK_EQ(pread(fd, buf, 4, 8), 2);
	CHECK_EQ(pread(fd, buf, 4, 10), 0);
	CHECK_EQ(pread(fd, buf, 4, 1ll << 40), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(pwrite(fd, "XY", 2, 1), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK(file_is("f", "0XY3456789"));
	CHECK_ERR(pread(fd, buf, 1, -1), EINVAL);
	CHECK_ERR(pwrite(fd, buf, 1, -1), EINVAL);
	CHECK_ERR(pread(fd, buf, 1, LLONG_MIN), EINVAL);
	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQ(lseek(fd, 3, SEEK_CUR), 5);
	CHECK_EQ(lseek(fd, -1, SEEK_CUR), 4);
	CHECK_EQ(lseek(fd, -3, SEEK_END), 7);
	CHECK_EQ(lseek(fd, 100, SEEK_END), 110);
	CHECK_EQ(read(fd, buf, 1), 0);
	CHECK_ERR(lseek(fd, -11, SEEK_END), EINVAL);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 0, 99), EINVAL);
	CHECK_ERR(lseek(fd, 0, -1), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 110);
	close(other);
	close(dupd);
	close(fd);
	unlink("f");
}

static void test_bad_buffers(void)
{
	char *e = edge(8), buf[64];
	int fd = make_file("b", "0123456789abcdefghijklmnopqrstuvwxyz");

	for (int i = 0; i < BAD_POINTERS; i++) {
		CHECK_ERR(read(fd, bad_pointer(i), 4), EFAULT);
		CHECK_ERR(pread(fd, bad_pointer(i), 4, 0), EFAULT);
		CHECK_ERR(write(fd, bad_pointer(i), 4), EFAULT);
		CHECK_ERR(pwrite(fd, bad_pointer(i), 4, 0), EFAULT);
		/* nothing to copy: nobody looks, unless the address cannot be a program's */
		CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	}
	CHECK_EQ(read(fd, bad_null, 0), 0);
	CHECK_EQ(read(fd, bad_low, 0), 0);
	CHECK_EQ(write(fd, bad_null, 0), 0);
	/* what fits before the hole is read; the position moves by as much */
	ssize_t n = read(fd, e, 16);
	CHECK(n == 8 || (n == -1 && errno == EFAULT));
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), n > 0 ? n : 0);
	n = read(fd, e + 8, 16);
	CHECK(n == -1 && errno == EFAULT);
	CHECK_EQ(pread(fd, e, 8, 2), 8);
	CHECK(!memcmp(e, "23456789", 8));
	n = pwrite(fd, e, 16, 0);
	CHECK(n == 8 || (n == -1 && errno == EFAULT));
	CHECK_EQ(lseek(fd, 0, SEEK_END), 36);
	/* read-only memory */
	void *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_ERR(pread(fd, ro, 4, 0), EFAULT);
	CHECK_EQ(pwrite(fd, ro, 4, 0), 4);
	mprotect(ro, 4096, PROT_NONE);
	CHECK_ERR(pwrite(fd, ro, 4, 0), EFAULT);
	munmap(ro, 4096);
	/* a length that wraps */
	CHECK_ERR(pread(fd, buf, SIZE_MAX, 0), EFAULT);
	CHECK_ERR(pwrite(fd, buf, SIZE_MAX, 0), EFAULT);
	CHECK_ERR(pread(fd, buf, (size_t)1 << 63, 0), EFAULT);
	/* at the end of the file the buffer does not matter */
	CHECK_EQ(pread(fd, bad_low, 4, 1000), 0);
	close(fd);
	unlink("b");
}

static void test_big(void)
{
	size_t n = 5 << 20;
	unsigned *a = malloc(n), *b = calloc(1, n);
	int fd = open("big", O_RDWR | O_CREAT, 0600);

	for (size_t i = 0; i < n / 4; i++)
		a[i] = (unsigned)i * 2654435761u;
	CHECK_EQ(write(fd, a, n), n);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), n);
	CHECK_EQ(pread(fd, b, n, 0), n);
	CHECK(!memcmp(a, b, n));
	/* odd offsets and lengths, against memory */
	CHECK_EQ(pwrite(fd, (char *)a + 7, 1000003, 4093), 1000003);
	memmove((char *)b + 4093, (char *)a + 7, 1000003);
	memset(a, 0, n);
	CHECK_EQ(pread(fd, (char *)a + 1, 1200001, 3), 1200001);
	CHECK(!memcmp((char *)a + 1, (char *)b + 3, 1200001));
	for (size_t at = 4090; at < 4100; at++) {
		char small[16];

		CHECK_EQ(pread(fd, small, 13, (off_t)at), 13);
		CHECK(!memcmp(small, (char *)b + at, 13));
	}
	/* a read over the end gives what there is */
	CHECK_EQ(pread(fd, a, n, 4096), n - 4096);
	/* what another descriptor sees after close */
	close(fd);
	fd = open("big", O_RDONLY);
	CHECK_EQ(read(fd, a, n + 1), n);
	CHECK(!memcmp(a, b, n));
	close(fd);
	unlink("big");
	free(a);
	free(b);
}

static void test_vectors(void)
{
	char a[4] = "", b[8] = "", c[4] = "", *e = edge(sizeof(struct iovec));
	struct iovec v[3] = { { a, 3 }, { b, 0 }, { c, 4 } }, *many;
	int fd = make_file("v", "");

	CHECK_EQ(writev(fd, (struct iovec[]){ { "one", 3 }, { NULL, 0 }, { "two!", 4 } }, 3), 7);
	CHECK(file_is("v", "onetwo!"));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, v, 3), 7);
	CHECK(!memcmp(a, "one", 3) && !memcmp(c, "two!", 4));
	CHECK_EQ(readv(fd, v, 3), 0);
	CHECK_EQ(preadv(fd, v, 3, 5), 2);
	CHECK(!memcmp(a, "o!", 2));
	CHECK_EQ(pwritev(fd, (struct iovec[]){ { "ONE", 3 }, { "T", 1 } }, 2, 0), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	CHECK(file_is("v", "ONETwo!"));
	CHECK_EQ(readv(fd, v, 0), 0);
	CHECK_ERR(syscall(SYS_readv, fd, v, -1), EINVAL);
	CHECK_ERR(readv(fd, v, 1025), EINVAL);
	CHECK_ERR(writev(fd, v, 1025), EINVAL);
	CHECK_ERR(readv(-1, v, 1), EBADF);
	CHECK_ERR(readv(-1, bad_kernel, 1), EBADF);
	CHECK_ERR(readv(fd, bad_kernel, 1), EFAULT);
	CHECK_ERR(writev(fd, bad_null, 1), EFAULT);
	CHECK_ERR(preadv(fd, v, 1, -1), EINVAL);
	memcpy(e, &v[0], sizeof(v[0]));
	CHECK_EQ(preadv(fd, (struct iovec *)e, 1, 0), 3);
	CHECK_ERR(preadv(fd, (struct iovec *)e, 2, 0), EFAULT);
	CHECK_ERR(writev(fd, (struct iovec[]){ { a, 1 }, { b, (size_t)-1 } }, 2), EINVAL);
	CHECK_ERR(readv(fd, (struct iovec[]){ { a, SSIZE_MAX }, { b, SSIZE_MAX } }, 2), EFAULT);
	/* 1024 pieces */
	many = calloc(1024, sizeof(*many));
	for (int i = 0; i < 1024; i++)
		many[i] = (struct iovec){ "abc", 3 };
	lseek(fd, 0, SEEK_SET);
	CHECK_EQ(writev(fd, many, 1024), 3072);
	CHECK_EQ(size_of("v"), 3072);
	free(many);
	close(fd);
	unlink("v");
}

static long rwv2(long nr, int fd, const struct iovec *v, int n, off_t pos, int flags)
{
	return syscall(nr, fd, v, n, pos, 0l, flags);
}
static void test_v2(void)
{
	char buf[16] = "";
	struct iovec in = { buf, 16 }, out = { "xyz", 3 };
	int fd = make_file("v2", "0123456789");

	CHECK_EQ(rwv2(SYS_preadv2, fd, &in, 1, 8, 0), 2);
	/* -1: the file's own position, which moves */
	CHECK_EQ(rwv2(SYS_preadv2, fd, &in, 1, -1, 0), 10);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(rwv2(SYS_pwritev2, fd, &out, 1, -1, 0), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 13);
	CHECK_EQ(rwv2(SYS_pwritev2, fd, &out, 1, 0, RWF_APPEND), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 13);
	CHECK(file_is("v2", "0123456789xyzxyz"));
	CHECK_EQ(rwv2(SYS_pwritev2, fd, &out, 1, 2, 0x2 /* RWF_DSYNC */), 3);
	CHECK_EQ(rwv2(SYS_pwritev2, fd, &out, 1, 2, 0x4 /* RWF_SYNC */), 3);
	CHECK_ERR(rwv2(SYS_pwritev2, fd, &out, 1, 2, 0x10000), EOPNOTSUPP);
	CHECK_ERR(rwv2(SYS_preadv2, fd, &in, 1, 2, 0x10000), EOPNOTSUPP);
	CHECK_ERR(rwv2(SYS_preadv2, fd, &in, 1, -2, 0), EINVAL);
	CHECK_ERR(rwv2(SYS_preadv2, -1, &in, 1, 0, 0), EBADF);
	close(fd);
	unlink("v2");
}

static void test_holes(void)
{
	static char buf[8192], zero[8192];
	int fd = open("sparse", O_RDWR | O_CREAT, 0600);
	struct stat st;

	CHECK_EQ(pwrite(fd, "end", 3, 3ll << 30), 3);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, (3ll << 30) + 3);
	CHECK(st.st_blocks < 1000);
	memset(buf, 'x', sizeof(buf));
	CHECK_EQ(pread(fd, buf, sizeof(buf), 1ll << 31), sizeof(buf));
	CHECK(!memcmp(buf, zero, sizeof(buf)));
	CHECK_EQ(pread(fd, buf, sizeof(buf), (3ll << 30) - 4), 7);
	CHECK(!memcmp(buf, "\0\0\0\0end", 7));
	/* beyond 4 GiB: offsets keep their upper half */
	CHECK_EQ(pwrite(fd, "five", 4, 5ll << 30), 4);
	CHECK_EQ(lseek(fd, 5ll << 30, SEEK_SET), 5ll << 30);
	CHECK_EQ(read(fd, buf, 10), 4);
	CHECK(!memcmp(buf, "five", 4));
	CHECK_EQ(pread(fd, buf, 4, 1ll << 30), 4);
	CHECK(!memcmp(buf, zero, 4));
	CHECK_EQ(lseek(fd, 0, SEEK_END), (5ll << 30) + 4);
	close(fd);
	unlink("sparse");
}

static void test_data_and_hole(void)
{
	int fd = open("dh", O_RDWR | O_CREAT, 0600);
	off_t mib = 1 << 20, at;

	CHECK_EQ(pwrite(fd, "data", 4, mib), 4);
	CHECK_EQ(ftruncate(fd, 3 * mib), 0);
	/* a file system may call everything data */
	at = lseek(fd, 0, SEEK_DATA);
	CHECK(at >= 0 && at <= mib);
	at = lseek(fd, 0, SEEK_HOLE);
	CHECK(at == 0 || at == 3 * mib);
	at = lseek(fd, mib, SEEK_HOLE);
	CHECK(at > mib && at <= 3 * mib);
	CHECK_EQ(lseek(fd, mib, SEEK_DATA), mib);
	CHECK_EQ(lseek(fd, mib + 2, SEEK_DATA), mib + 2);
	at = lseek(fd, 2 * mib, SEEK_DATA);
	CHECK(at == 2 * mib || (at == -1 && errno == ENXIO));
	CHECK_ERR(lseek(fd, 3 * mib, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, 3 * mib, SEEK_HOLE), ENXIO);
	CHECK_ERR(lseek(fd, 4 * mib, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, -1, SEEK_DATA), ENXIO);
	CHECK_ERR(lseek(fd, -1, SEEK_HOLE), ENXIO);
	close(fd);
	unlink("dh");
}

static void test_truncate(void)
{
	static char buf[10000], zero[10000];
	int fd = make_file("t", "0123456789");

	CHECK_EQ(ftruncate(fd, 4), 0);
	CHECK_EQ(ftruncate(fd, 9000), 0);
	/* what was cut off does not come back */
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 9000);
	CHECK(!memcmp(buf, "0123", 4) && !memcmp(buf + 4, zero, 8996));
	memset(buf, 'y', 9000);
	CHECK_EQ(pwrite(fd, buf, 9000, 0), 9000);
	CHECK_EQ(truncate("t", 4100), 0);
	CHECK_EQ(truncate("t", 8200), 0);
	CHECK_EQ(pread(fd, buf, 5000, 4000), 4200);
	CHECK(buf[99] == 'y' && !memcmp(buf + 100, zero, 4100));
	/* writing after the end leaves zeros between */
	CHECK_EQ(ftruncate(fd, 1), 0);
	CHECK_EQ(pwrite(fd, "z", 1, 5000), 1);
	CHECK_EQ(pread(fd, buf, 10000, 0), 5001);
	CHECK(buf[0] == 'y' && !memcmp(buf + 1, zero, 4999) && buf[5000] == 'z');
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_ERR(ftruncate(fd, -1), EINVAL);
	CHECK_ERR(truncate("t", -1), EINVAL);
	CHECK_ERR(truncate("missing", 0), ENOENT);
	CHECK_ERR(truncate(".", 0), EISDIR);
	CHECK_ERR(truncate(bad_kernel, 0), EFAULT);
	CHECK_ERR(truncate("t/x", 0), ENOTDIR);
	CHECK_ERR(ftruncate(-1, 0), EBADF);
	close(fd);
	unlink("t");
}

static void on_xfsz(int sig)
{
	(void)sig;
}
static void test_size_limit(void)
{
	struct rlimit old, limit;
	int fd = open("lim", O_RDWR | O_CREAT, 0600);
	char buf[100] = "";

	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 50;
	signal(SIGXFSZ, on_xfsz);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(write(fd, buf, 100), 50);
	CHECK_ERR(write(fd, buf, 1), EFBIG);
	CHECK_EQ(pwrite(fd, buf, 10, 45), 5);
	CHECK_EQ(ftruncate(fd, 50), 0);
	CHECK_ERR(ftruncate(fd, 51), EFBIG);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
	CHECK_EQ(write(fd, buf, 1), 1);
	signal(SIGXFSZ, SIG_DFL);
	close(fd);
	unlink("lim");
}

static void test_fallocate(void)
{
	static char buf[12288];
	int fd = open("fa", O_RDWR | O_CREAT, 0600);

	CHECK_EQ(fallocate(fd, 0, 0, 10000), 0);
	CHECK_EQ(size_of("fa"), 10000);
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000), 0);
	CHECK_EQ(size_of("fa"), 10000);
	memset(buf, 'f', 10000);
	CHECK_EQ(pwrite(fd, buf, 10000, 0), 10000);
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 5000), 0);
	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), 10000);
	CHECK(buf[99] == 'f' && !buf[100] && !buf[4096] && !buf[5099] && buf[5100] == 'f');
	CHECK_ERR(fallocate(fd, 0, -1, 10), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERR(fallocate(fd, 0, 0, -1), EINVAL);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0, LLONG_MAX, 1), EFBIG);
	CHECK_ERR(fallocate(-1, 0, 0, 10), EBADF);
	close(fd);
	fd = open("fa", O_RDONLY);
	CHECK_ERR(fallocate(fd, 0, 0, 10), EBADF);
	close(fd);
	unlink("fa");
}

static void test_sync(void)
{
	int fd = make_file("s", "x"), p[2];

	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	CHECK_EQ(syncfs(fd), 0);
	CHECK_EQ(sync_file_range(fd, 0, 0, 2), 0);
	CHECK_ERR(sync_file_range(fd, -1, 1, 2), EINVAL);
	CHECK_ERR(sync_file_range(fd, 0, 1, 8), EINVAL);
	CHECK_ERR(fsync(-1), EBADF);
	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 100, POSIX_FADV_DONTNEED), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 0, 77), EINVAL);
	CHECK_EQ(posix_fadvise(-1, 0, 0, 0), EBADF);
	CHECK_EQ(readahead(fd, 0, 4096), 0);
	sync();
	CHECK_EQ(pipe(p), 0);
	CHECK_ERR(fsync(p[0]), EINVAL);
	CHECK_EQ(posix_fadvise(p[0], 0, 0, 0), ESPIPE);
	CHECK_ERR(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERR(pread(p[0], &fd, 1, 0), ESPIPE);
	CHECK_ERR(pwrite(p[1], &fd, 1, 0), ESPIPE);
	CHECK_ERR(ftruncate(p[1], 0), EINVAL);
	close(p[0]);
	close(p[1]);
	close(fd);
	unlink("s");
}

/* One descriptor, many readers: each byte goes to one of them (the position is atomic). */
static int shared_fd;
static unsigned char taken[40000];
static void *take(void *arg)
{
	int v;

	while (read(shared_fd, &v, sizeof(v)) == sizeof(v))
		__atomic_add_fetch(&taken[v], 1, __ATOMIC_RELAXED);
	return arg;
}
static void test_shared_position(void)
{
	int fd = open("pos", O_RDWR | O_CREAT, 0600), n = 4000, wrong = 0;
	pthread_t t[4];

	memset(taken, 0, sizeof(taken));
	for (int i = 0; i < n; i++)
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			CHECK(0);
	lseek(fd, 0, SEEK_SET);
	shared_fd = fd;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, take, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < n; i++)
		wrong += taken[i] != 1;
	CHECK_EQ(wrong, 0);
	close(fd);
	unlink("pos");
}

/* A writer of whole 4 KiB blocks beside a reader: the reader sees old or new bytes, never
 * bytes that nobody wrote; and a truncation beside them leaves zeros or nothing. */
static atomic_int stop;
static void *block_writer(void *arg)
{
	char block[4096];
	int fd = open("blocks", O_RDWR);

	for (int i = 0; !stop; i++) {
		memset(block, 'a' + i % 26, sizeof(block));
		if (pwrite(fd, block, sizeof(block), (i % 8) * 4096) != sizeof(block))
			break;
		if (i % 50 == 49 && ftruncate(fd, 4096 + i % 4096))
			break;
	}
	close(fd);
	return arg;
}
static void test_writer_and_reader(void)
{
	int fd = open("blocks", O_RDWR | O_CREAT, 0600), wrong = 0;
	pthread_t t[2];
	char buf[32768];

	stop = 0;
	pthread_create(&t[0], NULL, block_writer, NULL);
	pthread_create(&t[1], NULL, block_writer, NULL);
	for (int i = 0; i < 300; i++) {
		ssize_t n = pread(fd, buf, sizeof(buf), 0);

		if (n < 0)
			wrong++;
		for (ssize_t j = 0; j < n; j++)
			wrong += buf[j] && (buf[j] < 'a' || buf[j] > 'z');
	}
	stop = 1;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	CHECK_EQ(wrong, 0);
	close(fd);
	unlink("blocks");
}

static void tests(void)
{
	RUN(test_positions);
	RUN(test_bad_buffers);
	RUN(test_big);
	RUN(test_vectors);
	RUN(test_v2);
	RUN(test_holes);
	RUN(test_data_and_hole);
	RUN(test_truncate);
	RUN(test_size_limit);
	RUN(test_fallocate);
	RUN(test_sync);
	RUN(test_shared_position);
	RUN(test_writer_and_reader);
}
int main(void)
{
	RUN_EVERYWHERE(tests);
	return test_done();
}
