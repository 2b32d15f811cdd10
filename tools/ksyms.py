#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Symbol table of the kernel's functions, as assembly, from `readelf -sW` on stdin.

--empty writes the table of the first link pass.  Offsets count from image_start; text
comes first in the image, so the table's size moves no function (kernel.ld).  A static
function whose name stands in several files is called FILE.c:NAME.
"""
import collections
import sys


def symbols(lines):
    """address, name, file: a local symbol belongs to the FILE symbol before it."""
    file = ''
    for line in lines:
        parts = line.split()
        if len(parts) != 8 or not parts[0][:-1].isdigit():
            continue
        value, kind, bind, name = int(parts[1], 16), parts[3], parts[4], parts[7]
        if kind == 'FILE':
            file = name
        elif parts[6] != 'UND':
            yield value, kind, name, file if bind == 'LOCAL' else ''


def functions(lines):
    start, end, found = 0, 0, {}
    for value, kind, name, file in symbols(lines):
        if name == 'image_start':
            start = value
        elif name == 'text_end':
            end = value
        elif kind in ('FUNC', 'NOTYPE') and not name.startswith(('.L', 'text_')):
            if kind == 'FUNC' or value not in found:
                found[value] = (name, file)
    if not end:
        sys.exit('ksyms: no image_start and text_end in the input')
    found = sorted((v - start, *f) for v, f in found.items() if start <= v < end)
    # NAME.part.0 may be a piece of a global function: its file alone makes nothing ambiguous.
    files = collections.defaultdict(set)
    for _, name, file in found:
        files[name].add(file)
        if '.' in name and file:
            files[name.split('.')[0]].add(file)

    def ambiguous(name):
        return len(files[name]) > 1 or len(files[name.split('.')[0]] - {''}) > 1
    return [(v, f'{file}:{name}' if file and ambiguous(name) else name)
            for v, name, file in found]


def main():
    table = [] if '--empty' in sys.argv[1:] else functions(sys.stdin)
    out = ['/* made by tools/ksyms.py */', '\t.section .rodata', '\t.balign 4',
           '\t.globl ksym_count, ksym_addr, ksym_name, ksym_names',
           f'ksym_count:\t.long {len(table)}', 'ksym_addr:']
    out += [f'\t.long {a:#x}' for a, _ in table]
    out.append('ksym_name:')
    pos = 0
    for _, name in table:
        out.append(f'\t.long {pos}')
        pos += len(name) + 1
    out.append('ksym_names:')
    out += [f'\t.asciz "{n}"' for _, n in table]
    out.append('\t.byte 0\n\t.section .note.GNU-stack,"",@progbits')
    print('\n'.join(out))


if __name__ == '__main__':
    main()
