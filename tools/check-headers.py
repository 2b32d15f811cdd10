#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each header must compile alone: check-headers.py CC INCLUDE_DIR"""
import pathlib
import subprocess
import sys

cc, root = sys.argv[1], pathlib.Path(sys.argv[2])
bad = seen = 0
for h in sorted(root.rglob('*.h')):
    seen += 1
    name = h.relative_to(root)
    r = subprocess.run([cc, '-std=gnu11', '-ffreestanding', '-DCONFIG_DEBUG=0', '-fsyntax-only', '-Wall', '-Wextra',
                        '-Wno-unused-parameter', '-Werror', f'-I{root}', '-x', 'c', '-'],
                       input=f'#include <{name}>\n', text=True, capture_output=True)
    if r.returncode:
        bad += 1
        print(f'{h}: does not compile alone\n{r.stderr}')
print(f'check-headers: {seen} headers, {bad} wrong')
sys.exit(bool(bad) or not seen)
