/* SPDX-License-Identifier: MIT */
/* System V IPC and POSIX message queues. */
#define _GNU_SOURCE
#include "guest.h"
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>

union semun_ {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};
static int sem, shm, msg;

static void shm_child(void)
{
	char *p = shmat(shm, NULL, 0);
	CHECK(p != (void *)-1);
	CHECK(!strcmp(p, "parent"));
	strcpy(p, "child");
	CHECK_EQ(shmdt(p), 0);
}
static void shared_memory(void)
{
	struct shmid_ds d;
	char *p, *q;

	shm = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
	CHECK(shm >= 0);
	p = shmat(shm, NULL, 0);
	CHECK(p != (void *)-1);
	for (int i = 0; i < 10000; i += 1000)
		CHECK_EQ(p[i], 0);
	strcpy(p, "parent");
	CHECK_EQ(in_child(shm_child), 0);
	CHECK(!strcmp(p, "child"));
	q = shmat(shm, NULL, SHM_RDONLY);
	CHECK(q != (void *)-1 && q != p);
	CHECK(!strcmp(q, "child"));
	CHECK_EQ(shmctl(shm, IPC_STAT, &d), 0);
	CHECK_EQ(d.shm_nattch, 2);
	CHECK_EQ(d.shm_segsz, 10000);
	CHECK_EQ(d.shm_cpid, getpid());
	CHECK_EQ(shmdt(q), 0);
	CHECK_ERR(shmdt(q), EINVAL);
	CHECK_EQ(shmctl(shm, IPC_RMID, NULL), 0);
	/* lives on while attached */
	strcpy(p, "still here");
	CHECK_EQ(shmdt(p), 0);
	CHECK(shmat(shm, NULL, 0) == (void *)-1);
	CHECK(errno == EINVAL || errno == EIDRM);
	shm = shmget(0x1234567, 4096, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(shm >= 0);
	CHECK_ERR(shmget(0x1234567, 4096, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_EQ(shmget(0x1234567, 100, 0), shm);
	CHECK_ERR(shmget(0x1234567, 8192, 0), EINVAL);
	CHECK_ERR(shmget(0x7654321, 8192, 0), ENOENT);
	CHECK_ERR(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	shmctl(shm, IPC_RMID, NULL);
}

/* A segment that is removed while attached can be attached by its id until nobody has it. */
static void shm_removed(void)
{
	struct shmid_ds d;
	char *p, *q;
	int id = shmget(0x1234568, 4096, IPC_CREAT | IPC_EXCL | 0600);

	p = shmat(id, NULL, 0);
	CHECK(id >= 0 && p != (void *)-1);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(shmget(0x1234568, 4096, 0), ENOENT);
	CHECK_EQ(shmctl(id, IPC_STAT, &d), 0);
	CHECK_EQ(d.shm_perm.__key, IPC_PRIVATE);
	CHECK_EQ(d.shm_perm.mode & ~0777, SHM_DEST);
	q = shmat(id, NULL, 0);
	CHECK(q != (void *)-1);
	strcpy(p, "same");
	CHECK(q == (void *)-1 || !strcmp(q, "same"));
	CHECK_EQ(shmdt(p), 0);
	CHECK_EQ(shmctl(id, IPC_STAT, &d), 0);
	CHECK_EQ(d.shm_nattch, 1);
	CHECK_EQ(shmdt(q), 0);
	CHECK_ERR(shmctl(id, IPC_STAT, &d), EINVAL);
	CHECK_ERR(shmget(0x1234568, 1ul << 50, 0600), ENOENT);
	CHECK_ERR(shmget(0x1234568, ~0ul, IPC_CREAT | 0600), EINVAL);
}

static void op(int num, int n, int flg)
{
	struct sembuf b = { (unsigned short)num, (short)n, (short)flg };
	CHECK_EQ(semop(sem, &b, 1), 0);
}
static void sem_child(void)
{
	op(0, -1, 0);
	CHECK_EQ(semctl(sem, 0, GETVAL), 0);
}
static void undo_child(void)
{
	op(1, 5, SEM_UNDO);
	CHECK_EQ(semctl(sem, 1, GETVAL), 8);
}
static void *remover(void *arg)
{
	usleep(50000);
	semctl(sem, 0, IPC_RMID);
	return NULL;
}
static void semaphores(void)
{
	union semun_ u;
	unsigned short vals[3] = { 0, 3, 7 };
	struct sembuf two[2] = { { 0, 1, 0 }, { 1, -100, IPC_NOWAIT } };
	struct timespec ts = { 0, 30000000 };
	struct semid_ds d;
	pthread_t t;

	sem = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
	CHECK(sem >= 0);
	u.array = vals;
	CHECK_EQ(semctl(sem, 0, SETALL, u), 0);
	memset(vals, 0, sizeof(vals));
	CHECK_EQ(semctl(sem, 0, GETALL, u), 0);
	CHECK_EQ(vals[2], 7);
	/* all or nothing */
	CHECK_ERR(semop(sem, two, 2), EAGAIN);
	CHECK_EQ(semctl(sem, 0, GETVAL), 0);
	fflush(stdout);
	pid_t pid = fork();
	int st;
	if (!pid) {
		sem_child();
		_exit(test_failed_here);
	}
	for (int i = 0; i < 500 && semctl(sem, 0, GETNCNT) != 1; i++)
		usleep(2000);
	CHECK_EQ(semctl(sem, 0, GETNCNT), 1);
	op(0, 1, 0);
	waitpid(pid, &st, 0);
	CHECK_EQ(st, 0);
	CHECK_EQ(semctl(sem, 0, GETPID), pid);
	CHECK_EQ(in_child(undo_child), 0);
	CHECK_EQ(semctl(sem, 1, GETVAL), 3);
	struct sembuf wait = { 0, -1, 0 };
	CHECK_ERR(semtimedop(sem, &wait, 1, &ts), EAGAIN);
	wait.sem_flg = IPC_NOWAIT;
	CHECK_ERR(semop(sem, &wait, 1), EAGAIN);
	wait.sem_num = 9;
	CHECK_ERR(semop(sem, &wait, 1), EFBIG);
	u.val = 99999;
	CHECK_ERR(semctl(sem, 0, SETVAL, u), ERANGE);
	u.buf = &d;
	CHECK_EQ(semctl(sem, 0, IPC_STAT, u), 0);
	CHECK_EQ(d.sem_nsems, 3);
	pthread_create(&t, NULL, remover, NULL);
	wait = (struct sembuf){ 0, -1, 0 };
	CHECK_ERR(semop(sem, &wait, 1), EIDRM);
	pthread_join(t, NULL);
	CHECK_ERR(semop(sem, &wait, 1), EINVAL);
}

/* A thread that undoes in set after set must not keep those that are gone. */
static void undo_of_removed(void)
{
	for (int i = 0; i < 3000 && !test_failed_here; i++) {
		struct sembuf b = { 0, 1, SEM_UNDO };
		int id = semget(IPC_PRIVATE, 32000, 0600);

		CHECK(id >= 0);
		CHECK_EQ(semop(id, &b, 1), 0);
		CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	}
}

static void limits(void)
{
	union semun_ u = { .val = 99999 };
	struct m_ {
		long type;
		char text[8];
	} m = { 1, "" };
	struct seminfo s0, s1;
	struct msginfo m0, m1;
	struct msqid_ds d;
	int id = semget(IPC_PRIVATE, 3, 0600);

	CHECK_ERR(semctl(id, 99, SETVAL, u), ERANGE);
	u.val = 1;
	CHECK_ERR(semctl(id, 99, SETVAL, u), EINVAL);
	CHECK(semctl(0, 0, SEM_INFO, &s1) >= 0);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK(semctl(0, 0, SEM_INFO, &s0) >= 0);
	CHECK_EQ(s1.semusz - s0.semusz, 1);
	CHECK_EQ(s1.semaem - s0.semaem, 3);
	CHECK(msgctl(0, MSG_INFO, (struct msqid_ds *)&m0) >= 0);
	id = msgget(IPC_PRIVATE, 0600);
	CHECK_EQ(msgsnd(id, &m, 3, 0), 0);
	CHECK_EQ(msgsnd(id, &m, 4, 0), 0);
	CHECK(msgctl(0, MSG_INFO, (struct msqid_ds *)&m1) >= 0);
	CHECK_EQ(m1.msgpool - m0.msgpool, 1);
	CHECK_EQ(m1.msgmap - m0.msgmap, 2);
	CHECK_EQ(m1.msgtql - m0.msgtql, 7);
	CHECK_EQ(msgctl(id, IPC_STAT, &d), 0);
	d.msg_perm.uid = (uid_t)-1;
	CHECK_ERR(msgctl(id, IPC_SET, &d), EINVAL);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_ERR(msgctl(id, IPC_STAT, &d), EINVAL);
	int next = msgget(IPC_PRIVATE, 0600); /* perhaps in the same slot */
	CHECK_ERR(msgctl(id, IPC_STAT, &d), EINVAL);
	CHECK_EQ(msgctl(next, IPC_RMID, NULL), 0);
}

/* Ids that none can have, also for commands that need none; an index may be a whole id. */
static void ids(void)
{
	struct sembuf b = { 0, 1, 0 };
	union semun_ u = { .val = 99999 };
	struct shmid_ds d;

	CHECK_ERR(shmctl(-1, IPC_INFO, &d), EINVAL);
	CHECK_ERR(shmctl(-1, SHM_INFO, &d), EINVAL);
	CHECK_ERR(shmctl(-1, IPC_SET, (void *)8), EINVAL);
	CHECK_ERR(msgctl(-1, IPC_INFO, NULL), EINVAL);
	CHECK_ERR(semctl(-1, 0, IPC_INFO, u), EINVAL);
	CHECK_ERR(semctl(-1, 0, SETVAL, u), EINVAL);
	CHECK_ERR(semop(-1, &b, 1), EINVAL);
	CHECK_ERR(semop(-1, (void *)8, 1), EFAULT);
	CHECK_ERR(semop(-1, (void *)8, 501), E2BIG);
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	CHECK_EQ(shmctl(id, SHM_STAT, &d), id);
	CHECK_EQ(shmctl(id ^ 0x10000, SHM_STAT, &d), id);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
}

/* SHM_EXEC wants the right to execute. */
static int others_segment;
static void exec_attach_child(void)
{
	int mine;

	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK(shmat(others_segment, NULL, SHM_RDONLY) != (void *)-1);
	CHECK_ERR(shmat(others_segment, NULL, SHM_RDONLY | SHM_EXEC), EACCES);
	mine = shmget(IPC_PRIVATE, 4096, 0600);
	CHECK_ERR(shmat(mine, NULL, SHM_EXEC), EACCES);
	CHECK_EQ(shmctl(mine, IPC_RMID, NULL), 0);
	mine = shmget(IPC_PRIVATE, 4096, 0700);
	CHECK(shmat(mine, NULL, SHM_EXEC) != (void *)-1);
	CHECK_EQ(shmctl(mine, IPC_RMID, NULL), 0);
}
static void exec_attach(void)
{
	others_segment = shmget(IPC_PRIVATE, 4096, 0644);
	CHECK_EQ(in_child(exec_attach_child), 0);
	CHECK_EQ(shmctl(others_segment, IPC_RMID, NULL), 0);
}

struct m {
	long type;
	char text[64];
};
static void *late_sender(void *arg)
{
	struct m m = { 7, "late" };
	usleep(40000);
	msgsnd(msg, &m, 5, 0);
	return NULL;
}
static void messages(void)
{
	struct m m = { 3, "three" };
	struct msqid_ds d;
	pthread_t t;

	msg = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	CHECK(msg >= 0);
	CHECK_EQ(msgsnd(msg, &m, 6, 0), 0);
	m = (struct m){ 1, "one" };
	CHECK_EQ(msgsnd(msg, &m, 4, 0), 0);
	m = (struct m){ 2, "two" };
	CHECK_EQ(msgsnd(msg, &m, 4, 0), 0);
	CHECK_EQ(msgctl(msg, IPC_STAT, &d), 0);
	CHECK_EQ(d.msg_qnum, 3);
	CHECK_EQ(msgrcv(msg, &m, 64, 2, 0), 4);
	CHECK(!strcmp(m.text, "two"));
	CHECK_EQ(msgrcv(msg, &m, 64, -5, 0), 4);
	CHECK_EQ(m.type, 1);
	CHECK_ERR(msgrcv(msg, &m, 2, 0, 0), E2BIG);
	CHECK_EQ(msgrcv(msg, &m, 2, 0, MSG_NOERROR), 2);
	CHECK_ERR(msgrcv(msg, &m, 64, 0, IPC_NOWAIT), ENOMSG);
	pthread_create(&t, NULL, late_sender, NULL);
	CHECK_EQ(msgrcv(msg, &m, 64, 7, 0), 5);
	pthread_join(t, NULL);
	m.type = 0;
	CHECK_ERR(msgsnd(msg, &m, 1, 0), EINVAL);
	m.type = 1;
	int n = 0;
	while (msgsnd(msg, &m, 64, IPC_NOWAIT) == 0)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 256);
	CHECK_EQ(msgctl(msg, IPC_RMID, NULL), 0);
	CHECK_ERR(msgsnd(msg, &m, 1, 0), EINVAL);
}

/* A stop and its end don't end the wait for a message. */
static void stopped_receiver(void)
{
	struct m m = { 1, "" };
	int st;
	pid_t pid;

	msg = msgget(IPC_PRIVATE, 0600);
	pid = fork();
	if (!pid) {
		_exit(msgrcv(msg, &m, 64, 0, 0) != 3);
	}
	usleep(100000);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	CHECK(WIFSTOPPED(st));
	kill(pid, SIGCONT);
	usleep(50000);
	CHECK_EQ(msgsnd(msg, &m, 3, 0), 0);
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st, 0);
	CHECK_EQ(msgctl(msg, IPC_RMID, NULL), 0);
}

static volatile sig_atomic_t notified;
static void on_note(int sig, siginfo_t *si, void *uc)
{
	notified = si->si_code == SI_MESGQ ? si->si_value.sival_int : -1;
}
static void queues(void)
{
	struct mq_attr a = { .mq_maxmsg = 4, .mq_msgsize = 32 }, b;
	struct sigaction sa = { .sa_sigaction = on_note, .sa_flags = SA_SIGINFO };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL,
			       .sigev_signo = SIGUSR1,
			       .sigev_value.sival_int = 31 };
	struct timespec ts;
	char buf[32];
	unsigned prio;
	mqd_t q;

	mq_unlink("/corrida-test");
	q = mq_open("/corrida-test", O_CREAT | O_RDWR, 0600, &a);
	CHECK(q >= 0);
	CHECK_EQ(mq_getattr(q, &b), 0);
	CHECK_EQ(b.mq_maxmsg, 4);
	CHECK_EQ(mq_send(q, "low", 4, 1), 0);
	CHECK_EQ(mq_send(q, "high", 5, 9), 0);
	CHECK_EQ(mq_send(q, "low2", 5, 1), 0);
	CHECK_EQ(mq_receive(q, buf, 32, &prio), 5);
	CHECK_EQ(prio, 9);
	CHECK_EQ(mq_receive(q, buf, 32, &prio), 4);
	CHECK(!strcmp(buf, "low"));
	CHECK_EQ(mq_receive(q, buf, 32, NULL), 5);
	CHECK_ERR(mq_receive(q, buf, 31, NULL), EMSGSIZE);
	CHECK_ERR(mq_send(q, buf, 33, 0), EMSGSIZE);
	clock_gettime(CLOCK_REALTIME, &ts);
	CHECK_ERR(mq_timedreceive(q, buf, 32, NULL, &ts), ETIMEDOUT);
	sigaction(SIGUSR1, &sa, NULL);
	CHECK_EQ(mq_notify(q, &ev), 0);
	CHECK_ERR(mq_notify(q, &ev), EBUSY);
	mq_send(q, "x", 1, 0);
	CHECK_EQ(notified, 31);
	mq_receive(q, buf, 32, NULL);
	a.mq_flags = O_NONBLOCK;
	CHECK_EQ(mq_setattr(q, &a, &b), 0);
	CHECK_ERR(mq_receive(q, buf, 32, NULL), EAGAIN);
	for (int i = 0; i < 4; i++)
		mq_send(q, "y", 1, 0);
	CHECK_ERR(mq_send(q, "y", 1, 0), EAGAIN);
	CHECK_EQ(mq_close(q), 0);
	CHECK(mq_open("/corrida-test", O_CREAT | O_EXCL | O_RDWR, 0600, &a) == -1 &&
	      errno == EEXIST);
	CHECK_EQ(mq_unlink("/corrida-test"), 0);
	CHECK(mq_open("/corrida-test", O_RDWR) == -1 && errno == ENOENT);
	CHECK_ERR(mq_unlink("/corrida-test"), ENOENT);
}

/* The group of a queue is open to those who have it as one of several. */
static void in_group(void)
{
	gid_t group = 500;

	CHECK_EQ(setgroups(1, &group), 0);
	CHECK_EQ(setresgid(1000, 1000, 1000), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK(mq_open("/of-a-group", O_RDWR) >= 0);
}
static void not_in_group(void)
{
	CHECK_EQ(setgroups(0, NULL), 0);
	CHECK_EQ(setresgid(1000, 1000, 1000), 0);
	CHECK_EQ(setresuid(1000, 1000, 1000), 0);
	CHECK_ERR(mq_open("/of-a-group", O_RDWR), EACCES);
}
static void queue_of_group(void)
{
	mqd_t q;

	mq_unlink("/of-a-group");
	CHECK_EQ(setegid(500), 0);
	umask(0);
	q = mq_open("/of-a-group", O_CREAT | O_RDWR, 0660, NULL);
	umask(022);
	CHECK_EQ(setegid(0), 0);
	CHECK(q >= 0);
	CHECK_EQ(in_child(in_group), 0);
	CHECK_EQ(in_child(not_in_group), 0);
	CHECK_EQ(mq_close(q), 0);
	CHECK_EQ(mq_unlink("/of-a-group"), 0);
}

int main(void)
{
	RUN(shared_memory);
	RUN(shm_removed);
	RUN(semaphores);
	RUN(undo_of_removed);
	RUN(limits);
	RUN(ids);
	RUN(exec_attach);
	RUN(messages);
	RUN(stopped_receiver);
	RUN(queues);
	RUN(queue_of_group);
	return test_done();
}
