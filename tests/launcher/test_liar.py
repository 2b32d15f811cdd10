# SPDX-License-Identifier: MIT
"""A file server that lies (tests/liar): of each scripted lie a program sees the right thing.  The random ones: tests/stress."""
import concurrent.futures
import itertools
import os
import pathlib
import re
import shutil
import tempfile

from harness import BOUND, BUILD, HERE, case, expect, main, run

LIAR = HERE.parent / 'liar'
CASES = BUILD / 'tests' / 'liar' / 'cases'


def scripted(name, cpus):
    with tempfile.TemporaryDirectory(prefix='corrida-liar-') as tmp:
        share = pathlib.Path(tmp)
        for directory in ('honest', 'lies/d0', 'lies/d1', 'tmp'):
            (share / directory).mkdir(parents=True)
        for file in ('f0', 'f1', 'd0/f0'):
            (share / 'lies' / file).write_text(file * 5000)
        shutil.copy2(CASES, share / 'cases')
        ended = run(*BOUND, '--virtiofsd', str(LIAR / 'virtiofsd-liar'), '-c', str(cpus), tmp, '/cases', name,
                    env={**os.environ, 'VIRTIOFSD_LIAR': name})
        try:
            expect(ended, 125 if name.startswith('unmountable_') else 0)
        except AssertionError as wrong:
            raise AssertionError(f'{name} with {cpus} CPUs: {wrong}') from None


@case
def scripted_lies():
    """each ends as tests/liar/cases.c says"""
    names = re.findall(r'^def (\w+)\(tree\)', (LIAR / 'scripts.py').read_text(), re.MULTILINE)
    assert len(names) > 5, names
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(scripted, names, itertools.cycle((1, 2, 4))))


if __name__ == '__main__':
    main()
