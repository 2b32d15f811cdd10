/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The lock order, outermost first, twice.
 *
 * Ranks are asserted at run time in debug builds (kernel/sync/spinlock.c counts the ranks that a
 * CPU holds, and those of sleeping locks that a thread holds): a lock is taken only when no lock
 * of its rank or of a later one is held.
 *
 * Roles are what clang checks in `make lint`: each lock is declared with the role that it plays,
 * `SPINLOCK(fdtable) lock;`, and locking it takes fdtable_role (sync/lock_roles.h).  Each role
 * has a rank; roles of one rank are never held together.
 *
 * Sleeping locks (mutex, rwsem) come before all spinlocks: nobody sleeps under a spinlock.  Two
 * locks of one role are taken only through *_lock_nested(), in the order of their addresses.
 * Ranks marked (irq) are also taken by interrupt handlers, so always with interrupts off
 * (spin_lock_irqsave).
 */
#include <sync/annotate.h>

enum lock_rank {
	/* sleeping locks */
	RANK_FS_RENAME = 1, /* whole-tree rename */
	RANK_FILE_POS,	    /* file->pos_lock: held around reads, writes and listings */
	RANK_TEXT_FILE,	    /* the text of an open file of /proc */
	RANK_INODE_DIR,	    /* a directory's entries (inode->lock of a directory) */
	RANK_INODE,	    /* a file's size and contents (inode->lock) */
	RANK_ASYNC,	    /* O_ASYNC watches; held over poll ops */
	RANK_EPOLL_GATE,    /* which epoll watches which; files that go */
	RANK_EPOLL,	    /* epoll->mutex: held over the poll ops of the types below */
	RANK_TTY,	    /* tty->lock (sleeping part) */
	RANK_PIPE,	    /* pipe->mutex */
	RANK_SOCKET,	    /* socket->mutex */
	RANK_FLIGHT,	    /* sockets that travel in packets */
	RANK_MM,	    /* mm->lock, a rwsem: vmas */
	RANK_SLEEP_LEAF,    /* sleeping locks under which no other is taken */
	/* spinlocks */
	RANK_PROCTREE,	   /* (irq) pid table, parents, groups, sessions */
	RANK_SIGHAND,	   /* (irq) handlers and pending signals of a process */
	RANK_SIGACTION,	   /* (irq) actions of a signal handler table */
	RANK_USER_ACCOUNT, /* (irq) accounts by uid */
	RANK_IPC_TABLE,	   /* ids of System V IPC, names of message queues */
	RANK_IPC_OBJECT,   /* one semaphore set, message queue ... */
	RANK_NET_TABLE,	   /* names and ports of sockets */
	RANK_NET_SOCKET,   /* one socket: state and queue */
	RANK_FDTABLE,	   /* a descriptor table */
	RANK_FS_CONTEXT,   /* cwd, root, umask */
	RANK_DCACHE,	   /* dentry tree and hash */
	RANK_FILE_LOCKS,   /* POSIX, OFD and flock locks of an inode */
	RANK_PAGECACHE,	   /* page tree of a page cache */
	RANK_OBJECT_VMAS,  /* list of vmas that map a page cache */
	RANK_PAGETABLE,	   /* mm->pt_lock: page tables of an mm */
	RANK_FUTEX,	   /* futex bucket */
	RANK_PID_TABLE,	   /* (irq) numbers of processes and threads */
	RANK_FUTEX_PI,	   /* (irq) owners and waiters of PI futexes */
	RANK_FS_LEAF,	   /* small spinlocks inside fs (pipe ring, event fd ...) */
	RANK_WAITQ_MORTAL, /* (irq) entries in queues that may end before them */
	RANK_WAITQ,	   /* (irq) wait queue */
	RANK_EPOLL_NEST,   /* (irq) epolls that watch epolls */
	RANK_EPOLL_READY,  /* (irq) epoll's ready list, taken by wake functions */
	RANK_WAITQ_INNER,  /* (irq) wait queue of an epoll, woken from a wait queue */
	RANK_SIGIO,	   /* (irq) files to signal for, from wake functions of any queue */
	RANK_WAITQ_SIGIO,  /* (irq) where the sender of those waits */
	RANK_DEVICE,	   /* (irq) a device and its rings */
	RANK_RUNQ,	   /* (irq) run queue */
	RANK_TIMER,	   /* (irq) timer tree of a CPU */
	RANK_SLAB,	   /* (irq) slab cache */
	RANK_PAGES,	   /* (irq) page allocator */
	RANK_LOG,	   /* (irq) log ring */
	RANK_LEAF,	   /* (irq) nothing is taken under it */
	RANK_COUNT
};
_Static_assert(RANK_COUNT <= 64, "held ranks fit a 64-bit mask");

/*
 * Every role: its name, the one before it, its rank.  The order is that of the ranks.  Roles of
 * one rank exclude each other, whatever their order here.
 */
#define SLEEPING_ROLES(X)                 \
	X(fs_rename, no_lock, FS_RENAME)  \
	X(file_pos, fs_rename, FILE_POS)  \
	X(text_file, file_pos, TEXT_FILE) \
	X(inode, text_file, INODE)        \
	X(async, inode, ASYNC)            \
	X(epoll_gate, async, EPOLL_GATE)  \
	X(epoll, epoll_gate, EPOLL)       \
	X(tty, epoll, TTY)                \
	X(pipe, tty, PIPE)                \
	X(hostio, pipe, PIPE)             \
	X(socket_recv, hostio, SOCKET)    \
	X(flight, socket_recv, FLIGHT)    \
	X(mm, flight, MM)                 \
	X(hostctl_drain, mm, SLEEP_LEAF)  \
	X(trace, hostctl_drain, SLEEP_LEAF)

#define SPINNING_ROLES(X)                       \
	X(proctree, trace, PROCTREE)            \
	X(siglock, proctree, SIGHAND)           \
	X(sigaction, siglock, SIGACTION)        \
	X(accounts, sigaction, USER_ACCOUNT)    \
	X(sem_undo, accounts, IPC_TABLE)        \
	X(mq_names, sem_undo, IPC_TABLE)        \
	X(ipc_table, mq_names, IPC_TABLE)       \
	X(ipc_object, ipc_table, IPC_OBJECT)    \
	X(mqueue, ipc_object, IPC_OBJECT)       \
	X(net_table, mqueue, NET_TABLE)         \
	X(socket, net_table, NET_SOCKET)        \
	X(net_grave, socket, NET_SOCKET)        \
	X(fdtable, net_grave, FDTABLE)          \
	X(fs_context, fdtable, FS_CONTEXT)      \
	X(dcache, fs_context, DCACHE)           \
	X(file_locks, dcache, FILE_LOCKS)       \
	X(inotify, file_locks, FILE_LOCKS)      \
	X(pagecache, inotify, PAGECACHE)        \
	X(object_vmas, pagecache, OBJECT_VMAS)  \
	X(pagetable, object_vmas, PAGETABLE)    \
	X(futex, pagetable, FUTEX)              \
	X(pid_table, futex, PID_TABLE)          \
	X(futex_pi, pid_table, FUTEX_PI)        \
	X(wall_timers, futex_pi, FUTEX_PI)      \
	X(page_lru, wall_timers, FS_LEAF)       \
	X(dirty_caches, page_lru, FS_LEAF)      \
	X(rwsem_state, dirty_caches, FS_LEAF)   \
	X(vfork, rwsem_state, FS_LEAF)          \
	X(fuse_hash, vfork, FS_LEAF)            \
	X(fuse_done, fuse_hash, FS_LEAF)        \
	X(fuse_inode, fuse_done, FS_LEAF)       \
	X(eventfd, fuse_inode, FS_LEAF)         \
	X(free_files, eventfd, FS_LEAF)         \
	X(file_epoll, free_files, FS_LEAF)      \
	X(devices, file_epoll, FS_LEAF)         \
	X(blocked_locks, devices, FS_LEAF)      \
	X(timerfd, blocked_locks, FS_LEAF)      \
	X(ptys, timerfd, FS_LEAF)               \
	X(pty, ptys, FS_LEAF)                   \
	X(file_owner, pty, FS_LEAF)             \
	X(mortal, file_owner, WAITQ_MORTAL)     \
	X(waitq, mortal, WAITQ)                 \
	X(epoll_nest, waitq, EPOLL_NEST)        \
	X(epoll_ready, epoll_nest, EPOLL_READY) \
	X(sigio, epoll_ready, SIGIO)            \
	X(device, sigio, DEVICE)                \
	X(runq, device, RUNQ)                   \
	X(timers, runq, TIMER)                  \
	X(slab, timers, SLAB)                   \
	X(kstack, slab, SLAB)                   \
	X(pages, kstack, PAGES)                 \
	X(log, pages, LOG)                      \
	X(loadavg, log, LEAF)                   \
	X(fuse_transports, loadavg, LEAF)       \
	X(random, fuse_transports, LEAF)        \
	X(host_ports, random, LEAF)             \
	X(hostctl, host_ports, LEAF)            \
	X(uts, hostctl, LEAF)

/* A role has no storage and is never defined. */
struct TSA(capability("lock")) lock_role {
	char unused;
};
extern struct lock_role no_lock_role;
#define DECLARE_ROLE(role, before, rank) \
	extern struct lock_role role##_role ACQUIRED_AFTER(before##_role);
SLEEPING_ROLES(DECLARE_ROLE)
SPINNING_ROLES(DECLARE_ROLE)
#undef DECLARE_ROLE

/* On functions that may sleep: no spinlock is held. */
#define ROLE_ARGUMENT(role, before, rank) role##_role,
#define MAY_SLEEP EXCLUDES(SPINNING_ROLES(ROLE_ARGUMENT) no_lock_role)
