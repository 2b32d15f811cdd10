/* SPDX-License-Identifier: MIT */
/*
 * Files of the share: random operations against a model in memory, several threads and
 * processes in one directory, open files without a name, mappings that are written.
 * Everything happens in the working directory, which in the VM is the share.
 * TEST_TIMEOUT: 120
 */
#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#define MAX_SIZE (1 << 20)

static uint64_t seed = 88172645463325252ull;
static uint64_t rnd_of(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}
static uint64_t rnd(uint64_t below)
{
	return rnd_of(&seed) % below;
}

/* --- one file against a model --- */
static unsigned char model[MAX_SIZE], buf[MAX_SIZE];
static size_t model_size;
static int holes; /* can be punched here */

static void op_write(int fd)
{
	size_t pos = rnd(MAX_SIZE), n = rnd(rnd(4) ? 9000 : 400000);

	n = n < MAX_SIZE - pos ? n : MAX_SIZE - pos;
	for (size_t i = 0; i < n; i++) {
		buf[i] = (unsigned char)rnd_of(&seed);
	}
	CHECK_EQ(pwrite(fd, buf, n, (off_t)pos), n);
	memcpy(model + pos, buf, n);
	if (n && pos + n > model_size) {
		model_size = pos + n;
	}
}
static void op_writev(int fd)
{
	struct iovec v[3];
	size_t pos = rnd(MAX_SIZE - 30000), total = 0;

	for (int i = 0; i < 3; i++) {
		v[i].iov_base = buf + i * 10000;
		v[i].iov_len = rnd(10000);
		memset(v[i].iov_base, 'a' + i, v[i].iov_len);
		memcpy(model + pos + total, v[i].iov_base, v[i].iov_len);
		total += v[i].iov_len;
	}
	CHECK_EQ(pwritev(fd, v, 3, (off_t)pos), total);
	if (total && pos + total > model_size) {
		model_size = pos + total;
	}
}
static void op_read(int fd)
{
	size_t pos = rnd(MAX_SIZE), n = rnd(rnd(4) ? 9000 : MAX_SIZE), want = 0;

	if (pos < model_size) {
		want = n < model_size - pos ? n : model_size - pos;
	}
	CHECK_EQ(pread(fd, buf, n, (off_t)pos), want);
	CHECK(memcmp(buf, model + pos, want) == 0);
}
static void op_truncate(int fd)
{
	size_t n = rnd(MAX_SIZE);

	CHECK(ftruncate(fd, (off_t)n) == 0);
	if (n < model_size) {
		memset(model + n, 0, model_size - n);
	}
	model_size = n;
}
static void op_map(int fd)
{
	size_t at, n, mapped = model_size; /* op_write() may make the file longer */
	unsigned char *p;

	if (mapped == 0) {
		return;
	}
	p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	if (p == MAP_FAILED) {
		return;
	}
	at = rnd(model_size);
	n = rnd(20000);
	n = n < model_size - at ? n : model_size - at;
	CHECK(memcmp(p, model, mapped) == 0);
	for (size_t i = 0; i < n; i++) {
		p[at + i] = model[at + i] = (unsigned char)rnd_of(&seed);
	}
	if (rnd(2)) {
		CHECK(msync(p, mapped, MS_SYNC) == 0);
	}
	if (rnd(2)) {
		op_write(fd);
		CHECK(memcmp(p, model, mapped) == 0);
	}
	CHECK(munmap(p, mapped) == 0);
}
static void op_punch(int fd)
{
	size_t pos = rnd(MAX_SIZE), n = rnd(100000) + 1;

	if (!holes) {
		return;
	}
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)pos, (off_t)n) == 0);
	n = n < MAX_SIZE - pos ? n : MAX_SIZE - pos;
	memset(model + pos, 0, n);
}
static void op_copy(int fd)
{
	loff_t from = (loff_t)rnd(MAX_SIZE / 2), to = MAX_SIZE / 2 + (loff_t)rnd(MAX_SIZE / 4);
	size_t n = rnd(MAX_SIZE / 4), want = 0;
	ssize_t got;

	if ((size_t)from < model_size) {
		want = n < model_size - (size_t)from ? n : model_size - (size_t)from;
	}
	if ((size_t)from + want > (size_t)to) {
		return; /* overlap */
	}
	got = copy_file_range(fd, &(loff_t){ from }, fd, &(loff_t){ to }, n, 0);
	CHECK(got >= 0);
	if (got < 0) {
		return;
	}
	CHECK(got <= (ssize_t)want && (got > 0 || want == 0));
	memmove(model + to, model + from, (size_t)got);
	if (got && (size_t)to + (size_t)got > model_size) {
		model_size = (size_t)to + (size_t)got;
	}
}
static void check_all(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, model_size);
	CHECK_EQ(pread(fd, buf, MAX_SIZE, 0), model_size);
	CHECK(memcmp(buf, model, model_size) == 0);
}

static void holes_can_be_punched(void)
{
	int fd = open("holes", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char c = 'x';

	CHECK_EQ(write(fd, "abc", 3), 3);
	holes = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, 1) == 0;
	CHECK(holes || errno == EOPNOTSUPP);
	CHECK_EQ(pread(fd, &c, 1, 1), 1);
	CHECK_EQ(c, holes ? 0 : 'b');
	close(fd);
	CHECK(unlink("holes") == 0);
	if (!holes) {
		SKIP_HERE("the file system has no holes");
	}
}

static void random_operations_on_one_file(void)
{
	int fd = open("model", O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	for (int i = 0; i < 1500 && !test_failed_here; i++) {
		switch (rnd(12)) {
		case 0:
		case 1:
		case 2: op_write(fd); break;
		case 3: op_writev(fd); break;
		case 4:
		case 5: op_read(fd); break;
		case 6: op_truncate(fd); break;
		case 7:
		case 8: op_map(fd); break;
		case 9: op_punch(fd); break;
		case 10: op_copy(fd); break;
		default:
			check_all(fd);
			close(fd);
			fd = open("model", O_RDWR);
			CHECK(fd >= 0);
			break;
		}
	}
	check_all(fd);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	close(fd);
	CHECK(unlink("model") == 0);
}

/* --- many at once --- */
static void *thread_main(void *arg)
{
	uint64_t s = (uintptr_t)arg * 7919 + 1;
	char name[64], other[64], data[5000], got[5000];

	for (int i = 0; i < 150; i++) {
		size_t n = rnd_of(&s) % sizeof(data);
		struct stat st;
		int fd;

		snprintf(name, sizeof(name), "many/t%ld-%d", (long)(intptr_t)arg, i % 7);
		snprintf(other, sizeof(other), "many/moved%ld", (long)(intptr_t)arg);
		memset(data, (int)(rnd_of(&s) % 256), sizeof(data));
		fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
		CHECK(fd >= 0);
		CHECK_EQ(write(fd, data, n), n);
		CHECK(rename(name, other) == 0);
		CHECK(stat(name, &st) == -1 && errno == ENOENT);
		CHECK(stat(other, &st) == 0);
		CHECK_EQ(st.st_size, n);
		CHECK_EQ(pread(fd, got, sizeof(got), 0), n);
		CHECK(memcmp(data, got, n) == 0);
		CHECK(unlink(other) == 0);
		CHECK_EQ(pread(fd, got, sizeof(got), 0), n);
		CHECK(fstat(fd, &st) == 0);
		CHECK_EQ(st.st_nlink, 0);
		close(fd);
	}
	return NULL;
}
static void threads_in_one_directory(void)
{
	pthread_t t[4];

	CHECK(mkdir("many", 0700) == 0);
	for (intptr_t i = 0; i < 4; i++) {
		CHECK(pthread_create(&t[i], NULL, thread_main, (void *)i) == 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
	}
	CHECK(rmdir("many") == 0);
}

static void appends_do_not_tear(void)
{
	enum { WRITERS = 4, RECORDS = 300, SIZE = 100 };
	int seen[WRITERS] = { 0 }, fd;
	char line[SIZE];

	fd = open("log", O_CREAT | O_TRUNC | O_WRONLY, 0600);
	close(fd);
	for (int w = 0; w < WRITERS; w++) {
		if (fork() == 0) {
			fd = open("log", O_WRONLY | O_APPEND);
			for (int i = 0; i < RECORDS; i++) {
				memset(line, 'A' + w, SIZE);
				line[SIZE - 1] = '\n';
				if (write(fd, line, SIZE) != SIZE) {
					_exit(1);
				}
			}
			_exit(0);
		}
	}
	for (int w = 0; w < WRITERS; w++) {
		int status;

		wait(&status);
		CHECK_EQ(status, 0);
	}
	fd = open("log", O_RDONLY);
	for (int i = 0; i < WRITERS * RECORDS; i++) {
		CHECK_EQ(read(fd, line, SIZE), SIZE);
		CHECK(line[0] >= 'A' && line[0] < 'A' + WRITERS && line[SIZE - 1] == '\n');
		for (int k = 1; k < SIZE - 1; k++) {
			CHECK(line[k] == line[0]);
		}
		seen[line[0] - 'A']++;
	}
	CHECK_EQ(read(fd, line, SIZE), 0);
	for (int w = 0; w < WRITERS; w++) {
		CHECK_EQ(seen[w], RECORDS);
	}
	close(fd);
	unlink("log");
}

/* A mapping of one process is seen by another's read, and the other way round. */
static void mapping_and_file_are_one(void)
{
	int fd = open("map", O_CREAT | O_TRUNC | O_RDWR, 0600), status;
	volatile char *p;
	char c = 0;

	CHECK(ftruncate(fd, 8192) == 0);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[5000] = 'm';
	CHECK_EQ(pread(fd, &c, 1, 5000), 1);
	CHECK(c == 'm');
	CHECK_EQ(pwrite(fd, "w", 1, 5001), 1);
	CHECK(p[5001] == 'w');
	if (fork() == 0) {
		p[1] = 'c';
		_exit(p[5000] == 'm' ? 0 : 1);
	}
	wait(&status);
	CHECK_EQ(status, 0);
	CHECK(p[1] == 'c');
	munmap((void *)p, 8192);
	close(fd);
	fd = open("map", O_RDONLY);
	CHECK_EQ(pread(fd, &c, 1, 1), 1);
	CHECK(c == 'c');
	close(fd);
	unlink("map");
}

static void private_mapping_stays_private(void)
{
	int fd = open("priv", O_CREAT | O_TRUNC | O_RDWR, 0600);
	char *p, c = 0;

	CHECK_EQ(write(fd, "hello", 5), 5);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p[0] = 'J';
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	CHECK(c == 'h' && p[5] == 0 && p[4095] == 0);
	munmap(p, 4096);
	close(fd);
	unlink("priv");
}

static void kinds_of_names(void)
{
	char target[PATH_MAX], longest[NAME_MAX + 2];
	struct stat st, st2;

	CHECK(symlink("no/where", "sym") == 0);
	CHECK_EQ(readlink("sym", target, sizeof(target)), 8);
	CHECK(memcmp(target, "no/where", 8) == 0);
	CHECK_ERR(open("sym", O_RDONLY), ENOENT);
	CHECK_ERR(open("sym", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK(mkfifo("fifo", 0600) == 0);
	CHECK(lstat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(close(open("plain", O_CREAT | O_WRONLY, 0644)) == 0);
	CHECK(link("plain", "hard") == 0);
	CHECK(stat("plain", &st) == 0 && stat("hard", &st2) == 0);
	CHECK(st.st_nlink == 2 && st.st_ino == st2.st_ino);
	CHECK_ERR(link("plain", "hard"), EEXIST);
	CHECK_ERR(mkdir("plain", 0700), EEXIST);
	CHECK_ERR(rmdir("plain"), ENOTDIR);
	CHECK_ERR(open("plain/x", O_RDONLY), ENOTDIR);
	CHECK(mkdir("dir", 0700) == 0 && mkdir("dir/sub", 0700) == 0);
	CHECK_ERR(rmdir("dir"), ENOTEMPTY);
	CHECK_ERR(unlink("dir"), EISDIR);
	CHECK_ERR(rename("dir", "dir/sub/x"), EINVAL);
	CHECK_ERR(rename("plain", "dir"), EISDIR);
	CHECK_ERR(rename("dir", "plain"), ENOTDIR);
	CHECK(rename("dir/sub", "sub") == 0);
	CHECK(stat("dir", &st) == 0 && st.st_nlink == 2);
	CHECK(rename("plain", "hard") == 0); /* the same file: nothing happens */
	CHECK(stat("plain", &st) == 0 && st.st_nlink == 2);
	memset(longest, 'n', sizeof(longest));
	longest[NAME_MAX] = '\0';
	CHECK(close(open(longest, O_CREAT | O_WRONLY, 0600)) == 0);
	CHECK(unlink(longest) == 0);
	longest[NAME_MAX] = 'n';
	longest[NAME_MAX + 1] = '\0';
	CHECK_ERR(open(longest, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
	CHECK(unlink("sym") == 0 && unlink("fifo") == 0 && unlink("plain") == 0);
	CHECK(unlink("hard") == 0 && rmdir("sub") == 0 && rmdir("dir") == 0);
	CHECK_ERR(unlink("hard"), ENOENT);
}

static void attributes(void)
{
	struct timespec t[2] = { { 1000000000, 123456789 }, { -5, 7 } };
	struct stat st;
	int fd = open("attr", O_CREAT | O_RDWR, 0604);

	umask(022);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0604);
	CHECK(fchmod(fd, 04711) == 0 && fstat(fd, &st) == 0);
	CHECK_EQ(st.st_mode, S_IFREG | 04711);
	CHECK(chmod("attr", 0600) == 0);
	CHECK(utimensat(AT_FDCWD, "attr", t, 0) == 0 && stat("attr", &st) == 0);
	CHECK(st.st_atim.tv_sec == 1000000000 && st.st_atim.tv_nsec == 123456789);
	CHECK(st.st_mtim.tv_sec == -5 && st.st_mtim.tv_nsec == 7);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK(stat("attr", &st) == 0);
	CHECK(st.st_size == 1 && st.st_mtim.tv_sec > 1000000000);
	CHECK(truncate("attr", 70000) == 0 && stat("attr", &st) == 0);
	CHECK_EQ(st.st_size, 70000);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 70000);
	CHECK(lseek(fd, 0, SEEK_HOLE) > 0);
	CHECK_ERR(lseek(fd, 70000, SEEK_DATA), ENXIO);
	CHECK(posix_fallocate(fd, 0, 100000) == 0 && fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 100000);
	close(fd);
	unlink("attr");
}

static int list(const char *dir, int *sum)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	*sum = 0;
	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '.') {
			CHECK_EQ(e->d_type, DT_REG);
			*sum += atoi(e->d_name + 1);
			n++;
		}
	}
	closedir(d);
	return n;
}
static void directories_of_many(void)
{
	enum { N = 3000 };
	char name[32];
	int sum;

	CHECK(mkdir("lots", 0700) == 0);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "lots/f%d", i);
		CHECK(close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
	}
	CHECK_EQ(list("lots", &sum), N);
	CHECK_EQ(sum, N * (N - 1) / 2);
	for (int i = 0; i < N; i += 2) {
		snprintf(name, sizeof(name), "lots/f%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK_EQ(list("lots", &sum), N / 2);
	CHECK_EQ(sum, N / 2 * (N / 2));
	for (int i = 1; i < N; i += 2) {
		snprintf(name, sizeof(name), "lots/f%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK(rmdir("lots") == 0);
}

static void a_file_without_a_name(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600), sum;
	struct statvfs v;
	struct stat st;

	if (fd < 0) {
		CHECK_EQ(errno, EOPNOTSUPP); /* virtiofs has none */
	} else {
		CHECK_EQ(write(fd, "abc", 3), 3);
		CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 3);
		close(fd);
	}
	CHECK(statvfs(".", &v) == 0 && v.f_bsize > 0 && v.f_namemax == 255);
	CHECK(mkdir("gone", 0700) == 0);
	fd = open("gone", O_RDONLY | O_DIRECTORY);
	CHECK(rmdir("gone") == 0);
	CHECK_ERR(openat(fd, "x", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK(fstat(fd, &st) == 0);
	close(fd);
	(void)sum;
}

int main(void)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "share-test-%d", (int)getpid());
	if (mkdir(dir, 0700) || chdir(dir)) {
		perror(dir);
		return 1;
	}
	RUN(kinds_of_names);
	RUN(attributes);
	RUN(holes_can_be_punched);
	RUN(random_operations_on_one_file);
	RUN(threads_in_one_directory);
	RUN(appends_do_not_tear);
	RUN(mapping_and_file_are_one);
	RUN(private_mapping_stays_private);
	RUN(directories_of_many);
	RUN(a_file_without_a_name);
	if (chdir("..") || rmdir(dir)) {
		printf("Bail out! %s is not empty\n", dir);
		return 1;
	}
	return test_done();
}
