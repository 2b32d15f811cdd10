#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Symbol table of the kernel's functions, as assembly, from `nm -n` on stdin.

--empty writes the table of the first link pass.  Offsets count from image_start; text
comes first in the image, so the table's size moves no function (kernel.ld).
"""
import sys


def functions(lines):
    start, found = None, {}
    for line in lines:
        parts = line.split()
        if len(parts) != 3:
            continue
        addr, kind, name = int(parts[0], 16), parts[1], parts[2]
        if name == 'image_start':
            start = addr
        elif kind in 'tTwW' and not name.startswith(('.L', 'text_')):
            found.setdefault(addr, name)
    if start is None:
        sys.exit('ksyms: no image_start in the input')
    return sorted((a - start, n) for a, n in found.items() if a >= start)


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
