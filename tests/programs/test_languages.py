# SPDX-License-Identifier: MIT
"""Static Go and Rust programs with Debian's compilers: each runs its own checks of threads,
processes, signals, timers and files, on the host and then in the VM with 1, 2 and 4 vCPUs."""
import os
import pathlib
import subprocess

import sources  # noqa: F401, I001  (sets the path to the harness)
from harness import BUILD, case, main
from programs import Pair

HERE = pathlib.Path(__file__).resolve().parent / 'languages'


def build(name, source, command, **env):
    program = BUILD / 'languages' / name
    if not program.exists() or program.stat().st_mtime < (HERE / source).stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([*command, '-o', str(program), str(HERE / source)], check=True, timeout=300,
                       env={**os.environ, **env})
    return program


def checks(program):
    for cpus in ('1', '2', '4'):
        pair = Pair(program, lambda work: None)
        with pair.keep:
            out = pair.same(options=['-c', cpus])
            assert out.count(b'\nok ') + 1 == int(out.split(b'1..')[1]), out


@case
def go():
    checks(build('gochecks', 'checks.go', ['/usr/bin/go', 'build'], CGO_ENABLED='0', GO111MODULE='off',
                 GOFLAGS='', GOCACHE=str(BUILD / 'languages' / 'gocache')))


@case
def rust():
    checks(build('rustchecks', 'checks.rs', ['/usr/bin/rustc', '-O', '-C', 'target-feature=+crt-static']))


if __name__ == '__main__':
    main()
