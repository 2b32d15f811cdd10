/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The lock order, outermost first, twice: ranks are asserted at run time in
 * debug builds (kernel/sync/spinlock.c keeps a mask of held ranks per CPU, and
 * per thread for sleeping locks); classes are checked by clang at build time.
 *
 * Sleeping locks (mutex, rwsem) come before all spinlocks: nobody sleeps under
 * a spinlock.  Two locks of one rank are taken only through *_lock_nested(), in
 * the order of their addresses.  Ranks marked (irq) are also taken by interrupt
 * handlers, so always with interrupts off (spin_lock_irqsave).
 */
#include <sync/annotate.h>

enum lock_rank {
	/* sleeping locks */
	RANK_EXEC = 1,	   /* one exec or fork at a time in a process */
	RANK_FS_RENAME,	   /* whole-tree rename */
	RANK_FILE_POS,	   /* file->pos_lock: held around reads, writes and listings */
	RANK_INODE_DIR,	   /* a directory's entries (inode->lock of a directory) */
	RANK_INODE,	   /* a file's size and contents (inode->lock) */
	RANK_EPOLL,	   /* epoll->mutex: held over the poll ops of the types below */
	RANK_TTY,	   /* tty->lock (sleeping part) */
	RANK_PIPE,	   /* pipe->mutex */
	RANK_SOCKET,	   /* socket->mutex */
	RANK_IPC,	   /* System V and POSIX IPC objects */
	RANK_MM,	   /* mm->lock, a rwsem: vmas */
	RANK_PAGECACHE_IO, /* one page being filled or written */
	RANK_SLEEP_LEAF,   /* sleeping locks under which no other is taken */
	/* spinlocks */
	RANK_PROCTREE,	   /* (irq) pid table, parents, groups, sessions */
	RANK_SIGHAND,	   /* (irq) handlers and pending signals of a process */
	RANK_POSIX_TIMER,  /* (irq) one POSIX timer */
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
	RANK_WAITQ,	   /* (irq) wait queue */
	RANK_EPOLL_NEST,   /* (irq) epolls that watch epolls */
	RANK_EPOLL_READY,  /* (irq) epoll's ready list, taken by wake functions */
	RANK_WAITQ_INNER,  /* (irq) wait queue of an epoll, woken from a wait queue */
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

/* A class stands for every lock of its role; it has no storage and is never defined. */
struct TSA(capability("lock")) lock_class {
	char unused;
};
extern struct lock_class mm_class;
extern struct lock_class proctree_class ACQUIRED_AFTER(mm_class);
extern struct lock_class sighand_class ACQUIRED_AFTER(proctree_class);
extern struct lock_class fdtable_class ACQUIRED_AFTER(sighand_class);
extern struct lock_class dcache_class ACQUIRED_AFTER(fdtable_class);
extern struct lock_class pagecache_class ACQUIRED_AFTER(dcache_class);
extern struct lock_class pagetable_class ACQUIRED_AFTER(pagecache_class);
extern struct lock_class futex_class ACQUIRED_AFTER(pagetable_class);
extern struct lock_class device_class ACQUIRED_AFTER(futex_class);
extern struct lock_class waitq_class ACQUIRED_AFTER(device_class);
extern struct lock_class runq_class ACQUIRED_AFTER(waitq_class);
extern struct lock_class timer_class ACQUIRED_AFTER(runq_class);
extern struct lock_class pages_class ACQUIRED_AFTER(timer_class);

/* For EXCLUDES: "may sleep". */
#define NO_SPINLOCKS                                                                              \
	proctree_class, sighand_class, fdtable_class, dcache_class, pagecache_class,              \
		pagetable_class, futex_class, waitq_class, device_class, runq_class, timer_class, \
		pages_class
