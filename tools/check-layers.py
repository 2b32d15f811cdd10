#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails when a file includes a header of a layer that its own layer may not use.

Layers, each may use what stands to its left (ARCHITECTURE.md):
    lib arch sync sched mm fs net proc tty loader syscall
debug (log, panic, host ports) may be used by all and uses what is left of mm.
drivers use lib..mm and the headers in which the kernel declares what drivers fill.
"""
import pathlib
import re
import sys

ORDER = ['lib', 'arch', 'sync', 'sched', 'mm', 'fs', 'net', 'proc', 'tty', 'loader', 'syscall']
MAY_USE = {layer: set(ORDER[:i + 1]) | {'linux', 'debug'} for i, layer in enumerate(ORDER)}
MAY_USE['arch'] |= {'sync', 'sched'}    # struct thread begins with struct arch_thread
MAY_USE['sync'] |= {'sched'}            # a sleeping lock blocks its thread
MAY_USE['lib'] = {'lib', 'linux'}
MAY_USE['debug'] = set(ORDER[:5]) | {'linux', 'debug', 'drivers'}
MAY_USE['drivers'] = set(ORDER[:5]) | {'linux', 'debug', 'drivers'}
# Device contracts: what the kernel declares and a driver fills.
DRIVER_HEADERS = {'fs/fuse/fuse_transport.h'}
# Rooms that are a part of a layer.
ROOMS = {'signal': 'proc', 'futex': 'proc', 'time': 'proc', 'ipc': 'proc', 'host': 'debug'}


def layer_of(parts):
    if parts[0] == 'include':
        return ROOMS.get(parts[1], parts[1]) if len(parts) > 2 else None
    if parts[0] == 'kernel':
        return ROOMS.get(parts[1], parts[1]) if len(parts) > 2 else None     # kernel/main.c: all
    return parts[0] if parts[0] in ('drivers', 'syscall', 'loader') else None


def main():
    root, bad, seen = pathlib.Path(sys.argv[1]), 0, 0
    for top in ('include', 'kernel', 'drivers', 'syscall', 'loader'):
        for f in sorted((root / top).rglob('*.[ch]')):
            layer = layer_of(f.relative_to(root).parts)
            if layer not in MAY_USE:
                continue
            seen += 1
            for n, line in enumerate(f.read_text().splitlines(), 1):
                m = re.match(r'\s*#\s*include\s*<((\w+)/[\w/.]+)>', line)
                if not m:
                    continue
                used = ROOMS.get(m[2], m[2])
                if used not in MAY_USE and used != 'linux':
                    continue
                if used in MAY_USE[layer] or (layer == 'drivers' and m[1] in DRIVER_HEADERS):
                    continue
                print(f'{f}:{n}: {layer} may not include <{m[1]}>')
                bad += 1
    print(f'check-layers: {seen} files, {bad} wrong')
    sys.exit(bool(bad) or not seen)


main()
