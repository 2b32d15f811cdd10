#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""option-docs.py --write|--check CORRIDA README: the table of `corrida run`'s options in README
is what `corrida help --markdown run` prints, between the two marks."""
import pathlib
import re
import subprocess
import sys

MARKS = re.compile(r'(<!-- options: .*? -->\n).*?(<!-- end of options -->)', re.S)


def main():
    mode, corrida, name = sys.argv[1:]
    table = subprocess.run([corrida, 'help', '--markdown', 'run'], check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    path = pathlib.Path(name)
    old = path.read_text()
    new, found = MARKS.subn(lambda m: m[1] + table + m[2], old)
    if found != 1:
        sys.exit(f'{name}:1: the marks of the table of options are missing')
    if mode == '--write':
        path.write_text(new)
    elif new != old:
        sys.exit(f'{name}:1: the table of options is generated: run make docs')


main()
