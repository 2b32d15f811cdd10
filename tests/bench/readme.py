#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""readme.py BUILD: puts the figures of BUILD/bench/bench.json and icount.json between the marks in README.md.

Every target of the design has a line: its figure, or `not measured`."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BEGIN, END = '<!-- bench: made by `make bench-readme` -->\n', '<!-- /bench -->\n'

# What a reader sees: (words, row, unit and its divisor, from the icount run)
TABLE = (
    ('start to the first output of the program', 'boot_first_output_ms', 'ms', 1, False),
    ('of that, beyond an empty kernel in the same QEMU', 'boot_to_program_ms', 'ms', 1, False),
    ('`corrida run` of hello, whole, over bare QEMU and virtiofsd', 'hello_over_bare', 'times', 1, False),
    ('smallest memory: hello', 'hello_memory_MiB', 'MiB', 1, False),
    ('smallest memory: redis-server answers', 'redis_memory_MiB', 'MiB', 1, False),
    ('kernel image', 'image_KiB', 'KiB', 1, False),
    ('idle guest, of one host CPU', 'idle_cpu_percent', '%', 1, False),
    ('getppid', 'getppid', 'instructions', 1, True),
    ('read of /dev/zero, 512 bytes', 'read_dev_zero', 'instructions', 1, True),
    ('write to /dev/null', 'write_dev_null', 'instructions', 1, True),
    ('sigprocmask', 'sigprocmask', 'instructions', 1, True),
    ('eventfd, write and read', 'eventfd', 'instructions', 1, True),
    ('signal delivery', 'signal_delivery', 'instructions', 1, True),
    ('pipe, a round trip between threads', 'pipe_pingpong', 'us', 1e3, False),
    ('the same on one CPU', 'pipe_pingpong_1cpu', 'us', 1e3, False),
    ('AF_UNIX, a round trip', 'unix_pingpong', 'us', 1e3, False),
    ('the same on one CPU', 'unix_pingpong_1cpu', 'us', 1e3, False),
    ('futex, a round trip', 'futex_pingpong', 'us', 1e3, False),
    ('the same on one CPU', 'futex_pingpong_1cpu', 'us', 1e3, False),
    ('sched_yield between two threads', 'sched_yield', 'us', 1e3, False),
    ('thread create and join', 'thread_create_join', 'us', 1e3, False),
    ('fork, exit, wait', 'fork_exit', 'us', 1e3, False),
    ('vfork, exec, wait', 'vfork_exec', 'us', 1e3, False),
    ('page fault', 'page_fault', 'us', 1e3, False),
    ('mmap, touch, munmap', 'mmap_touch_munmap', 'us', 1e3, False),
    ('mprotect', 'mprotect', 'us', 1e3, False),
    ('cached stat', 'cached_stat', 'us', 1e3, False),
    ('open and close', 'open_close', 'us', 1e3, False),
    ('pread of 4 KiB, cached', 'pread_4k', 'us', 1e3, False),
    ('create and unlink', 'create_unlink', 'us', 1e3, False),
    ('sequential read, uncached', 'seq_read_MBps', 'MB/s', 1, False),
    ('sequential write', 'seq_write_MBps', 'MB/s', 1, False),
    ('4,000 small files: tar x', 'tree_tar_x', 'ms', 1, False),
    ('find', 'tree_find', 'ms', 1, False),
    ('ls -lR', 'tree_ls_lR', 'ms', 1, False),
    ('tar c', 'tree_tar_c', 'ms', 1, False),
    ('sha256sum', 'tree_sha256sum', 'ms', 1, False),
    ('cp -r', 'tree_cp_r', 'ms', 1, False),
    ('rm -r', 'tree_rm_r', 'ms', 1, False),
    ('CPU work, 1 thread (more is better)', 'cpu1_score', '', 1, False),
    ('CPU work, 2 threads (more is better)', 'cpu2_score', '', 1, False),
    ('CPU work, 4 threads (more is better)', 'cpu4_score', '', 1, False),
)
# Targets of the design that no row measures.
UNMEASURED = (
    ("Node's http server in 64 MiB", '-'),
    ('a tree of small files: git status', '<= 0.7'),
    ("whole compiles, sqlite's speedtest, redis, nginx, node: whole time", '<= 0.9'),
    ('TLB shootdown with twice as many vCPUs as cores', '<= 1.0'),
    ('the network (a packet does not leave the VM yet)', '-'),
    ('anything on KVM', '-'),
    ('Nanos, OSv, Unikraft, Asterinas, gVisor, libkrun, Kata beside it', '-'),
)


def figure(value, unit, divisor):
    if value is None:
        return 'not measured'
    value /= divisor
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f'{value:.{digits}f} {unit}'.strip()


def line(words, row, unit, divisor):
    if row is None:
        return f'| {words} | not measured | | | | |'
    cells = [figure(row.get(n), unit, divisor) if n in row else '' for n in ('corrida', 'linux', 'tuned')]
    ratio = f'{row["ratio"]:.2f}' if row.get('ratio') else ''
    target = row.get('target') or row.get('limit')
    bound = '' if not target else f'<= {target:.3g}' if row.get('target') else f'<= {target:g} {unit}'
    missed = ' **missed**' if row.get('verdict', '').startswith('missed') else ''
    return f'| {words} | {" | ".join(cells)} | {ratio} | {bound}{missed} |'


def main():
    build = pathlib.Path(sys.argv[1], 'bench')
    if not (build / 'bench.json').exists():
        sys.exit(f'readme.py: {build}/bench.json is not there: run make bench')
    bench = json.loads((build / 'bench.json').read_text())
    count = json.loads((build / 'icount.json').read_text()) if (build / 'icount.json').exists() else None
    out = [f'Measured on {bench["date"]} at commit {bench["commit"]}: {bench["qemu"]}, {bench["accel"].upper()}, '
           f'{bench["cpus"]} vCPUs, medians; the host had a load of {bench["load"]:.1f}. '
           'Ratios and targets are costs against the tuned guest (below 1: Corrida is the quicker one). Rows in instructions were '
           'counted on one vCPU with `-icount shift=0`.', '',
           '| what | Corrida | Linux | Linux, tuned | ratio | target |', '|---|---|---|---|---|---|']
    for words, name, unit, divisor, instructions in TABLE:
        source = count if instructions else bench
        out.append(line(words, source and source['rows'].get(name), unit, divisor))
    out += [f'| {words} | not measured | | | | {target} |' for words, target in UNMEASURED]
    out += ['', 'The Linux guest, and the tuned one:', '', f'    {bench["linux_command"]}', '', f'    {bench["tuned_command"]}', '']
    readme = ROOT / 'README.md'
    text = readme.read_text()
    head, _, rest = text.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        sys.exit('readme.py: README.md lacks the marks around the table')
    readme.write_text(head + BEGIN + '\n'.join(out) + END + tail)


main()
