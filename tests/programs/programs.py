# SPDX-License-Identifier: MIT
"""Runs a program on the host and in a VM, each in a copy of the same directory, and demands
the same output, status and files."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import BOUND, BUILD, ROOTFS, execute, run

MAX_SHOWN = 1500


def snapshot(root):
    """What a directory holds, without times: {path: (kind, mode, content)}."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = pathlib.Path(folder, name)
            mode = path.lstat().st_mode
            key = str(path.relative_to(root))
            if path.is_symlink():
                found[key] = ('link', os.readlink(path))
            elif path.is_dir():
                found[key] = ('directory', oct(mode & 0o7777))
            elif path.is_file():
                found[key] = ('file', oct(mode & 0o7777), hashlib.sha256(path.read_bytes()).hexdigest())
            else:
                found[key] = ('special', oct(mode))
    return found


_templates = {}


def template(populate):
    """A directory with what populate() makes, made once."""
    if populate not in _templates:
        keep = tempfile.TemporaryDirectory(prefix='programs-', dir=BUILD)
        os.chmod(keep.name, 0o755)
        populate(pathlib.Path(keep.name))
        _templates[populate] = keep
    return _templates[populate].name


class Pair:
    """Two equal shares: one for the host's kernel, one for ours.  The program works in /work
    of its share; on the host that is the current directory."""

    def __init__(self, program, populate):
        self.keep = tempfile.TemporaryDirectory(prefix='programs-', dir=BUILD)
        self.roots = []
        for side in ('host', 'vm'):
            root = pathlib.Path(self.keep.name, side)
            for name in ('work', 'bin', 'tmp', 'proc', 'dev', 'run', 'etc', 'sys'):
                (root / name).mkdir(parents=True)
            shutil.copy2(program, root / 'bin' / program.name)
            if program.name == 'busybox':
                (root / 'bin' / 'sh').symlink_to('busybox')
            subprocess.run(['cp', '-a', f'{template(populate)}/.', str(root / 'work')], check=True)
            self.roots.append(root)
        self.name = program.name

    def host(self, *words, stdin=b''):
        env = {'PATH': '/bin', 'HOME': '/', 'TZ': 'UTC'}
        return execute([str(self.roots[0] / 'bin' / self.name), *words], stdin, timeout=120,
                       cwd=self.roots[0] / 'work', env=env)

    def vm(self, *words, stdin=b'', options=()):
        return run(*BOUND, '-w', '/work', '-e', 'PATH=/bin', '-e', 'TZ=UTC', *options,
                   str(self.roots[1]), f'/bin/{self.name}', *words, stdin=stdin, timeout=60)

    def same(self, *words, stdin=b'', options=(), files=True):
        """Runs it on both sides; returns the VM's output."""
        host, vm = self.host(*words, stdin=stdin), self.vm(*words, stdin=stdin, options=options)
        for what in ('returncode', 'stdout', 'stderr'):
            theirs, ours = getattr(host, what), getattr(vm, what)
            if isinstance(theirs, bytes):
                theirs = theirs.replace(str(self.roots[0]).encode(), b'')
            if theirs != ours:
                raise AssertionError(f'{" ".join(words)[:300]}: {what} differs\nhost: {str(theirs)[:MAX_SHOWN]}\n'
                                     f'VM:   {str(ours)[:MAX_SHOWN]}\nstderr of the VM: {vm.stderr[-MAX_SHOWN:]!r}')
        if files:
            theirs, ours = (snapshot(root / 'work') for root in self.roots)
            differ = sorted(k for k in theirs.keys() | ours.keys() if theirs.get(k) != ours.get(k))
            assert not differ, 'files differ: ' + ', '.join(
                f'{k} (host {theirs.get(k)}, VM {ours.get(k)})' for k in differ[:10])
        return vm.stdout


def busybox():
    return ROOTFS / 'bin' / 'busybox'
