# SPDX-License-Identifier: MIT
"""What the host does to DIR while the guest works on it: names made, renamed and replaced between
two calls of the guest's, and in the middle of them.  Right answers or ESTALE, and the VM lives."""
import errno
import os
import pathlib
import random
import re
import resource
import select
import shutil
import tempfile
import threading

from harness import (BOUND, BUILD, CLOCK, Skip, case, expect, kill_and_wait, main, run, start,
                     temporary_root, wait)

FUZZ = BUILD / 'tests' / 'guest' / 'tree_fuzz'
CACHES = ('auto', 'always', 'none')


class Guest:
    """A shell in the VM, one command at a time."""

    def __init__(self, cache='auto', cpus=2, other=None):
        if other:
            self.keep, self.root = tempfile.TemporaryDirectory(), other.root
        else:
            self.keep, self.root = temporary_root()
            (self.root / 'bin' / 'sh').symlink_to('busybox')
            if not FUZZ.exists():
                raise Skip(f'{FUZZ} is not built')
            shutil.copy2(FUZZ, self.root / 'bin')
            (self.root / 'w').mkdir()
        self.dir = self.root / 'w'
        self.process = start(*BOUND, '--cpus', str(cpus), '--cache', cache, '-w', '/w',
                             str(self.root), '/bin/sh', stdin=-1, bufsize=0)
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                assert self.do('echo alive') == (0, 'alive'), 'no answer at the end'
                self.process.stdin.write(b'exit\n')
                assert wait(self.process, 60) == 0, self.process.returncode
                said = self.process.stderr.read()
                assert not re.search(rb'corrida: (?!out of)|PANIC', said), said
        finally:
            kill_and_wait(self.process)
            self.keep.cleanup()

    def send(self, command):
        self.number += 1
        self.process.stdin.write(f'{command}\necho "=$?=end{self.number}"\n'.encode())

    def answer(self, seconds=60):
        """(status, output) of what was sent; stderr goes to stdout where it is of interest."""
        got, end = b'', CLOCK.now() + seconds
        pattern = rb'=(\d+)=end%d\n' % self.number
        while not re.search(pattern, got):
            assert CLOCK.now() <= end, f'no answer, but {got[-300:]!r}'
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                more = os.read(self.process.stdout.fileno(), 65536)
                assert more, f'the VM ended: {self.process.stderr.read()[-6000:]!r}'
                got += more
        status = re.search(pattern, got)
        return int(status[1]), got[:status.start()].decode().strip()

    def do(self, command):
        self.send(command)
        return self.answer()


def put(path, text='x'):
    path.write_text(text)


@case
def a_directory_moves_to_another():
    for cache in CACHES:
        with Guest(cache) as g:
            for name in ('a/X', 'b'):
                (g.dir / name).mkdir(parents=True)
            put(g.dir / 'a/X/f')
            assert g.do('ls -l a/X b; cat a/X/f')[0] == 0
            (g.dir / 'a/X').rename(g.dir / 'b/X')
            # The old name may be believed for a while; the new one leads to the same directory.
            status, said = g.do('tree_fuzz rename a/X/f b/X/g')
            if cache == 'none' or status:
                assert status == errno.ENOENT, said
                assert g.do('tree_fuzz rename b/X/f b/X/g')[0] == 0
            assert (g.dir / 'b/X/g').exists()
            assert g.do('rm b/X/g && rmdir b/X && ls b') == (0, '')
            assert not (g.dir / 'b/X').exists()


@case
def one_that_is_somebodys_working_directory():
    for cache in CACHES:
        with Guest(cache) as g:
            for name in ('a/X/in', 'b'):
                (g.dir / name).mkdir(parents=True)
            assert g.do('cd a/X && ls && cat /w/b/none 2>/dev/null; ls /w/b')[0] == 0
            (g.dir / 'a/X').rename(g.dir / 'b/Y')
            assert g.do('ls /w/b/Y; ls /w/b/Y/in')[0] == 0
            # The lookup moved the directory, and with it those who are in it.
            assert g.do('/bin/busybox pwd -P') == (0, '/w/b/Y')
            assert g.do('echo 1 > new; cat /w/b/Y/new') == (0, '1')
            assert g.do('ls ..') == (0, 'Y')
            assert g.do('cd /w; mv b/Y a/X; ls a') == (0, 'X')
            assert (g.dir / 'a/X/new').exists()


@case
def parents_and_children_change_places():
    for cache in CACHES:
        with Guest(cache) as g:
            (g.dir / 'p/c/d').mkdir(parents=True)
            put(g.dir / 'p/c/d/f')
            assert g.do('ls -R p; cd p/c')[0] == 0
            (g.dir / 'p/c').rename(g.dir / 'c')
            (g.dir / 'p').rename(g.dir / 'c/p')
            # Here is the old p/c; its p was above it a moment ago.
            status, said = g.do('ls p 2>&1')
            assert status == 0 or 'Too many levels' in said or 'Stale' in said, said
            g.do('mv d p/d; mv p/d p/e; rmdir p')
            assert g.do('ls -R /w >/dev/null')[0] == 0
            assert g.do('cd /w; ls c/p >/dev/null; mv c/p q && ls')[0] == 0
            assert (g.dir / 'q').is_dir()


@case
def two_directories_swap_names():
    for cache in CACHES:
        with Guest(cache) as g:
            for name in ('a/X', 'a/Y'):
                (g.dir / name).mkdir(parents=True)
                put(g.dir / name / 'f', name)
            assert g.do('cat a/X/f; cat a/Y/f; ls -l a')[0] == 0
            (g.dir / 'a/X').rename(g.dir / 'a/t')
            (g.dir / 'a/Y').rename(g.dir / 'a/X')
            (g.dir / 'a/t').rename(g.dir / 'a/Y')
            for command in ('mv a/X/f a/Y/g', 'mv a/Y a/X/Z', 'rmdir a/X', 'ln a/Y/f a/X/l',
                            'mv a/X a/Y/', 'rm -r a/Z', 'mkdir a/X/n a/Y/n', 'ls -lR a'):
                g.do(f'{command} 2>&1')
            left = sorted(p.relative_to(g.dir) for p in g.dir.rglob('*'))
            assert pathlib.Path('a') in left


@case
def a_mount_point_is_renamed():
    for cache in CACHES:
        with Guest(cache) as g:
            assert g.do('ls -l / /tmp; echo 1 > /tmp/f')[0] == 0
            (g.root / 'tmp').rename(g.root / 'other')
            g.do('ls /other; mv /tmp/f /other/f; mkdir /other/d; rmdir /other/d; mv /other /w/')
            assert g.do('cat /tmp/f /other/f /w/other/f 2>/dev/null')[1] == '1'


@case
def a_name_changes_its_type():
    for cache in CACHES:
        with Guest(cache) as g:
            put(g.dir / 'n')
            assert g.do('cat n; ls -l')[0] == 0
            for make in (lambda p: p.mkdir(), lambda p: p.symlink_to('elsewhere'),
                         lambda p: os.mkfifo(p), put):
                path = g.dir / 'n'
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
                make(path)
                g.do('ls -l n n/ 2>&1; [ -p n ] || echo 1 >> n; mkdir n/d; rmdir n/d; '
                     'ln -s x n; ln n m; rm m')


@case
def host_and_guest_rename_at_once():
    for seed, cache in enumerate(CACHES):
        with Guest(cache, cpus=4) as g:
            for name in ('d0', 'd1', 'd2/e'):
                (g.dir / name).mkdir(parents=True)
            g.send(f'tree_fuzz until stop {seed}')
            rnd = random.Random(seed)
            places = [f'{d}/{n}' for d in ('d0', 'd1', 'd2/e', 'd2', 'X', 'Y', '.')
                      for n in ('X', 'Y', 'f')]
            for _ in range(4000):
                a, b = (g.dir / rnd.choice(places) for _ in range(2))
                try:
                    what = rnd.randrange(6)
                    if what < 3:
                        a.rename(b)
                    elif what == 3:
                        a.mkdir()
                    elif what == 4:
                        put(a)
                    else:
                        a.rmdir() if a.is_dir() else a.unlink()
                except OSError:
                    pass
            put(g.dir / 'stop')
            assert g.answer(120)[0] == 0
            g.do('ls -R . >/dev/null')
            assert g.do('cd /; rm -r w/*') == (0, '')
            assert os.listdir(g.dir) == []


@case
def two_vms_rename_at_once():
    for caches in (('auto', 'auto'), ('always', 'none')):
        with Guest(caches[0]) as g, Guest(caches[1], other=g) as h:
            for name in ('d0', 'd1', 'd2/e'):
                (g.dir / name).mkdir(parents=True)
            for number, guest in enumerate((g, h)):
                guest.send(f'tree_fuzz until stop {number + 50}')
            for number in range(20000):
                path = g.dir / 'n'
                put(path, str(number))
                path.unlink()
            put(g.dir / 'stop')
            for guest in (g, h):
                assert guest.answer(120)[0] == 0
                guest.do('ls -R . >/dev/null')
            shutil.rmtree(g.dir / 'd0')
            for guest in (g, h):
                guest.do('ls -R . >/dev/null; cat d0/X d0/f')


@case
def a_limit_on_the_size_of_files_is_an_error():
    """of the write, as if the disk were full, and not the end of the daemon"""
    keep, root = temporary_root()
    with keep:
        limit = 40 << 20
        done = run(*BOUND, '-m', '32M', str(root), '/bin/busybox', 'dd', 'if=/dev/zero', 'of=/big', 'bs=1M',
                   'count=60', preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        expect(done, 1, b'', 'File too large')
        assert (root / 'big').stat().st_size == limit


@case
def host_and_guest_create_the_same_names():
    for cache in CACHES:
        with Guest(cache) as g:
            (g.dir / 'd').mkdir()
            done = threading.Event()

            def create():
                number = 0
                while not done.is_set():
                    path = g.dir / 'd' / str(number % 8)
                    number += 1
                    try:
                        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
                        path.unlink()
                    except OSError:
                        pass

            worker = threading.Thread(target=create)
            worker.start()
            try:
                status, said = g.do('i=0; while [ $i -lt 800 ]; do echo guest > d/$((i % 8)) || '
                                    'echo failed; rm -f d/$((i % 8)) 2>/dev/null; i=$((i + 1)); done 2>&1')
            finally:
                done.set()
                worker.join()
            assert (status, said) == (0, ''), said[-300:]


@case
def the_host_makes_what_the_guest_saw_was_absent():
    """the guest may believe for a second that it is absent, but it replaces nothing"""
    names = ('exclusive', 'directory', 'link', 'appended')
    for cache in CACHES:
        with Guest(cache) as g:
            (g.dir / 'd').mkdir()
            put(g.dir / 'd' / 'own', 'own')
            assert g.do('cd d; cat own; ls exclusive directory link appended 2>/dev/null') == (1, 'own')
            for name in names:
                put(g.dir / 'd' / name, 'host\n')
            assert g.do('(set -C; echo guest > exclusive) 2>/dev/null')[0] != 0
            assert g.do('mkdir directory 2>&1') == (1, "mkdir: can't create directory 'directory': File exists")
            assert g.do('ln own link 2>&1') == (1, 'ln: link: File exists')
            assert g.do('echo guest >> appended')[0] == 0
            put(g.dir / 'd' / 'late')
            assert g.do(('' if cache == 'none' else 'sleep 1.1; ') + 'ls') == (
                0, 'appended\ndirectory\nexclusive\nlate\nlink\nown')
            assert g.do('cat exclusive directory link appended') == (0, 'host\nhost\nhost\nhost\nguest')


if __name__ == '__main__':
    main()
