/* SPDX-License-Identifier: MIT */
/* System V IPC: what is small is copied here, the rest where it is used (kernel/ipc). */
#include <syscall/deadline.h>
#include <syscall/syscalls.h>

#include <linux/errno.h>
#include <mm/slab.h>
#include <mm/usercopy.h>
#include <ipc/ipc.h>
#include <time/posix_timers.h>

long sys_shmget(int key, size_t size, int flags)
{
	return shm_get(key, size, flags);
}

long sys_shmat(int id, uint64_t addr, int flags)
{
	return shm_attach(id, addr, flags);
}

long sys_shmdt(uint64_t addr)
{
	return shm_detach(addr);
}

long sys_shmctl(int id, int cmd, user_ptr buf)
{
	return shm_control(id, cmd, buf);
}

long sys_semget(int key, int nsems, int flags)
{
	return sem_get(key, nsems, flags);
}

static long do_semop(int id, user_ptr uops, unsigned nops, uint64_t deadline)
{
	struct linux_sembuf fast[8], *ops = fast;
	long result;

	if (nops > SEMOPM) {
		return -E2BIG;
	}
	if (nops > ARRAY_SIZE(fast)) {
		ops = kcalloc(nops, sizeof(*ops));
		if (!ops) {
			return -ENOMEM;
		}
	}
	result = copy_from_user(ops, uops, nops * sizeof(*ops));
	if (!result) {
		result = nops < 1 || id < 0 ? -EINVAL : sem_operate(id, ops, nops, deadline);
	}
	if (ops != fast) {
		kfree(ops);
	}
	return result;
}

long sys_semop(int id, user_ptr ops, unsigned nops)
{
	return do_semop(id, ops, nops, DEADLINE_NONE);
}

long sys_semtimedop(int id, user_ptr ops, unsigned nops, user_ptr timeout)
{
	uint64_t deadline;
	int err = deadline_after_timespec(timeout, &deadline);

	return err ? err : do_semop(id, ops, nops, deadline);
}

long sys_semctl(int id, int num, int cmd, uint64_t arg)
{
	return sem_control(id, num, cmd, arg);
}

long sys_msgget(int key, int flags)
{
	return msg_get(key, flags);
}

long sys_msgsnd(int id, user_ptr msg, size_t size, int flags)
{
	return msg_send(id, msg, size, flags);
}

long sys_msgrcv(int id, user_ptr msg, size_t size, int64_t type, int flags)
{
	return msg_receive(id, msg, size, type, flags);
}

long sys_msgctl(int id, int cmd, user_ptr buf)
{
	return msg_control(id, cmd, buf);
}
