/* SPDX-License-Identifier: MIT */
#pragma once
/* System V IPC and POSIX message queues: structs and numbers of the ABI. */
#include <lib/util.h>

#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_NOWAIT 04000
#define IPC_PRIVATE 0
#define IPC_RMID 0
#define IPC_SET 1
#define IPC_STAT 2
#define IPC_INFO 3

struct linux_ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t seq, pad;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_ipc_perm) == 48, "struct ipc64_perm");

#define SHM_RDONLY 010000
#define SHM_RND 020000
#define SHM_REMAP 040000
#define SHM_EXEC 0100000
#define SHM_HUGETLB 04000
#define SHM_NORESERVE 010000
#define SHM_LOCK 11
#define SHM_UNLOCK 12
#define SHM_STAT 13
#define SHM_INFO 14
#define SHM_STAT_ANY 15
#define SHM_DEST 01000
#define SHM_LOCKED 02000
#define SHMMNI 4096
#define SHMMAX (UINT64_MAX - (1ul << 24))
#define SHMALL (UINT64_MAX - (1ul << 24))
#define SHMLBA PAGE_SIZE
struct linux_shmid_ds {
	struct linux_ipc_perm perm;
	uint64_t segsz;
	int64_t atime, dtime, ctime;
	int32_t cpid, lpid;
	uint64_t nattch, unused[2];
};
_Static_assert(sizeof(struct linux_shmid_ds) == 112, "struct shmid64_ds");
struct linux_shminfo {
	uint64_t max, min, mni, seg, all, unused[4];
};
struct linux_shm_info {
	int32_t used_ids, pad;
	uint64_t tot, rss, swp, swap_attempts, swap_successes;
};

#define GETPID 11
#define GETVAL 12
#define GETALL 13
#define GETNCNT 14
#define GETZCNT 15
#define SETVAL 16
#define SETALL 17
#define SEM_STAT 18
#define SEM_INFO 19
#define SEM_STAT_ANY 20
#define SEM_UNDO 0x1000
#define SEMMSL 32000
#define SEMOPM 500
#define SEMVMX 32767
#define SEMMNI 32000
struct linux_sembuf {
	uint16_t num;
	int16_t op, flg;
};
struct linux_semid_ds {
	struct linux_ipc_perm perm;
	int64_t otime, unused1, ctime, unused2;
	uint64_t nsems, unused3[2];
};
_Static_assert(sizeof(struct linux_semid_ds) == 104, "struct semid64_ds");
struct linux_seminfo {
	int32_t map, mni, mns, mnu, msl, opm, ume, usz, vmx, aem;
};

#define MSG_NOERROR 010000
#define MSG_EXCEPT 020000
#define MSG_COPY 040000
#define MSG_STAT 11
#define MSG_INFO 12
#define MSG_STAT_ANY 13
#define MSGMAX 8192
#define MSGMNB 16384
#define MSGMNI 32000
struct linux_msqid_ds {
	struct linux_ipc_perm perm;
	int64_t stime, rtime, ctime;
	uint64_t cbytes, qnum, qbytes;
	int32_t lspid, lrpid;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_msqid_ds) == 120, "struct msqid64_ds");
struct linux_msginfo {
	int32_t pool, map, max, mnb, mni, ssz, tql;
	uint16_t seg;
};

struct linux_mq_attr {
	int64_t flags, maxmsg, msgsize, curmsgs, reserved[4];
};
_Static_assert(sizeof(struct linux_mq_attr) == 64, "struct mq_attr");
#define MQ_PRIO_MAX 32768
