# SPDX-License-Identifier: MIT
"""The rooms of the kernel: one table, read by check-layers.py (what may use what), by the map
in ARCHITECTURE.md (`make docs`) and by lint-counts.

A layer may use what stands to its left.  Rooms of one layer may use those named in `beside`.
What points up is declared symbol by symbol in UP.  A permission that nothing needs is an error."""
import collections
import pathlib
import sys

LAYERS = ('lib', 'arch', 'sync', 'sched', 'mm', 'host', 'fs', 'net', 'proc', 'tty', 'loader',
          'syscall')
# Rooms that stand aside, and the layers they may use.  Everybody but lib may use debug, nobody
# the drivers: they fill structs that the kernel declares.
ASIDE = {
    'debug': ('lib', 'arch', 'sync'),
    'drivers': ('lib', 'arch', 'sync', 'sched', 'mm', 'host', 'debug'),
}
FOR_ALL = ('debug',)
# The contracts of higher layers for devices.
DRIVER_HEADERS = ('fs/fuse/fuse_transport.h',)
# The order of the boot: may use everything.
MAIN = 'kernel/main.c'

Room = collections.namedtuple('Room', 'path layer owns beside')


def room(path, layer, owns, beside=''):
    return Room(path, layer, owns, tuple(beside.split()))


ROOMS = (
    room('kernel/lib', 'lib', 'pure C: strings, format, trees, bitmaps, ChaCha20, the launch blob, '
         'the command line'),
    room('kernel/arch', 'arch', 'PVH entry, traps, system-call entry, CPUs, APICs, FPU, TSC, '
         'page-table bits'),
    room('kernel/debug', 'debug', 'log, panic, backtrace'),
    room('kernel/sync', 'sync', 'spinlocks with ranks, wait queues, mutexes, rwsems'),
    room('kernel/sched', 'sched', 'run queues, placement, timers, idle'),
    room('kernel/mm', 'mm', 'pages, slab, kernel stacks, address spaces, faults, page cache, '
         'user copies'),
    room('kernel/host', 'host', 'the channel to the launcher: control messages, host ports'),
    room('kernel/fs', 'fs', 'files, descriptors, path walk, mounts, locks',
         'kernel/fs/event kernel/fs/pseudo'),
    room('kernel/fs/fuse', 'fs', 'the FUSE client: the share', 'kernel/fs'),
    room('kernel/fs/pseudo', 'fs', 'tmpfs, memfd, /proc, /dev', 'kernel/fs kernel/fs/event'),
    room('kernel/fs/event', 'fs', 'what one waits for: pipes, poll, epoll, eventfd, inotify, '
         'stdio of the host', 'kernel/fs'),
    room('kernel/net', 'net', 'AF_UNIX, and TCP and UDP over the loopback; nothing leaves the VM '
         'yet'),
    room('kernel/proc', 'proc', 'processes, threads, their tree, credentials, clone, exit, wait',
         'kernel/signal kernel/futex kernel/time kernel/ipc'),
    room('kernel/signal', 'proc', 'signals: pending, delivery, frames, signalfd',
         'kernel/proc kernel/time'),
    room('kernel/futex', 'proc', 'futexes, priority inheritance, robust lists',
         'kernel/proc kernel/signal'),
    room('kernel/time', 'proc', 'timers of programs, CPU clocks, timerfd',
         'kernel/proc kernel/signal'),
    room('kernel/ipc', 'proc', 'System V IPC and POSIX message queues',
         'kernel/proc kernel/signal'),
    room('kernel/tty', 'tty', 'terminals: line discipline, job control, ptys, the console'),
    room('loader', 'loader', 'ELF, scripts, exec, initial stack, vDSO, the first program'),
    room('syscall', 'syscall', '`table.def` (every call once), dispatch, thin handlers',
         'syscall/trace'),
    room('syscall/trace', 'syscall', 'what `--strace` prints', 'syscall'),
    room('drivers', 'drivers', 'fw_cfg, serial, RTC, pvclock, the registry of virtio drivers',
         'drivers/virtio'),
    room('drivers/virtio', 'drivers', 'virtio: ring, mmio, fs, console, rng', 'drivers'),
)

# Symbols that a room takes from a room to its right.  They are declared in a header of the user.
UP = {
    # traps, interrupts and system calls: arch/upcalls.h
    ('kernel/arch', 'syscall'): 'upcall_syscall',
    ('kernel/arch', 'kernel/proc'): 'upcall_return_to_user upcall_page_fault '
                                    'upcall_user_exception',
    ('kernel/arch', 'kernel/sched'): 'upcall_timer upcall_kick sched_exit sched_finish_switch',
    ('kernel/arch', 'kernel'): 'kernel_main',
    # a sleeping lock blocks its thread: sync/waitq.h
    ('kernel/sync', 'kernel/sched'): 'block block_prepare block_wake block_cancel',
    # a failed ASSERT: lib/assert.h
    ('kernel/lib', 'kernel/debug'): 'panic',
    # the end of the kernel: arch/upcalls.h
    ('kernel/arch', 'kernel/debug'): 'panic_trap panic_state',
    # a device offers itself
    ('drivers/virtio', 'kernel/fs/fuse'): 'fuse_transport_register',
}
# Headers from a room to the right that a room includes all the same.
UP_HEADERS = {
    # a sleeping lock's owner and a waiter are threads
    'kernel/sync': 'sched/thread.h',
}
# Declared in one room, implemented in another: macros for everybody that end in kernel/debug.
DECLARED_FOR = {
    'include/lib/assert.h': 'panic',
}
# Private headers that other rooms of the same layer may include.
SHARED_INTERNAL = {
    'kernel/fs/fs_internal.h': 'kernel/fs/fuse kernel/fs/pseudo kernel/fs/event',
}


def header_room(path):
    """include/A/B.h -> the room it speaks for, None when there is no such room."""
    parts = path.split('/')[1:-1]
    if not parts:
        return None
    for candidate in ('kernel/' + '/'.join(parts), '/'.join(parts)):
        if any(r.path == candidate for r in ROOMS):
            return candidate
    return None


BEGIN, END = '<!-- rooms: `make docs` writes this from tools/rooms.py -->\n', '<!-- end of rooms -->\n'


def room_map():
    lines = ['    ' + ' <- '.join(LAYERS)]
    lines += [f'    {name}: uses {", ".join(uses)}' + ('; used by all but lib' if name in FOR_ALL
              else '') for name, uses in ASIDE.items()]
    lines += [f'    {MAIN}: the order of the boot, the only file that may use everything', '',
              '| room | layer | what it owns |', '|---|---|---|']
    lines += [f'| `{r.path}` | {r.layer} | {r.owns} |' for r in ROOMS]
    return '\n'.join(lines) + '\n'


def main():
    """rooms.py --write|--check FILE: the map between the two marks of FILE."""
    path = pathlib.Path(sys.argv[2])
    text = path.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    wanted = before + BEGIN + room_map() + END + after
    if sys.argv[1] == '--write':
        path.write_text(wanted)
    elif text != wanted:
        line = before.count('\n') + 1
        sys.exit(f'{path}:{line}: generated: the map of rooms is not that of tools/rooms.py: '
                 'run make docs')


if __name__ == '__main__':
    main()
