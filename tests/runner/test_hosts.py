# SPDX-License-Identifier: MIT
"""tests/hosts/run with a debootstrap that makes next to nothing: what it says when something is missing, that it
fails when its commands do, and that nothing stays behind however it ends."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / 'launcher'))
from harness import Skip, as_nobody, case, main, wait_until  # noqa: E402

RUN = TESTS / 'hosts' / 'run'
NAP = '86399.25'  # how long the fake's sleepers sleep: tells them from others


def need_root():
    if os.geteuid():
        raise Skip('only root makes hosts')
    probe = ['unshare', '--mount', '--pid', '--fork', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'none', '/mnt']
    if subprocess.run(probe, stderr=subprocess.DEVNULL).returncode:
        raise Skip('mounts are forbidden here')


class Host:
    """A cache and a PATH with this debootstrap, `git clone` of next to nothing and a busybox for the tree."""

    def __init__(self, top, debootstrap):
        self.top, self.cache = pathlib.Path(top), pathlib.Path(top) / 'cache'
        (self.top / 'bin').mkdir()
        for name, script in (('debootstrap', debootstrap), ('git', 'case $* in *clone*) for d; do :; done; mkdir "$d";; esac')):
            path = self.top / 'bin' / name
            path.write_text(f'#!/bin/sh\n{script}\n')
            path.chmod(0o755)

    def start(self):
        return subprocess.Popen([RUN, 'trixie'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, env={**os.environ, 'CORRIDA_HOSTS_CACHE': str(self.cache),
                                                'PATH': f'{self.top}/bin:{os.environ["PATH"]}'})

    def run(self):
        with self.start() as process:
            out = process.communicate()[0]
        return process.returncode, out

    def left(self):
        return [p.name for p in self.cache.glob('tree.*')] if self.cache.exists() else []


# $5 is the tree: --variant --cache-dir SUITE TREE MIRROR
TREE = f'''for t; do case $t in */tree.*) break;; esac; done
mkdir -p $t/bin $t/root $t/etc/apt $t/proc $t/dev $t/sys $t/var/cache/apt/archives $t/usr/bin
cp {shutil.which('busybox')} $t/bin/busybox
for a in sh mount umount pivot_root env cat sleep setsid; do ln -s busybox $t/bin/$a; done
ln -s ../../bin/busybox $t/usr/bin/env
'''


def sleepers():
    found = []
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            if NAP.encode() in pathlib.Path('/proc', entry, 'cmdline').read_bytes().split(b'\0'):
                found.append(int(entry))
        except OSError:
            pass
    return found


@case
def what_is_missing_is_said():
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        for words, text in (([], 'Usage:'), (['sid'], 'Usage:')):
            done = subprocess.run([RUN, *words], capture_output=True, text=True)
            assert done.returncode == 2 and text in done.stderr, done
        done = subprocess.run([*as_nobody(), RUN, 'trixie'], capture_output=True, text=True)
        assert done.returncode == 1 and 'must be root' in done.stderr, done
        if os.geteuid() == 0:
            bare = pathlib.Path(top, 'bin')
            bare.mkdir()
            for name in ('dirname', 'id', 'sh'):
                (bare / name).symlink_to(shutil.which(name))
            done = subprocess.run([RUN, 'trixie'], capture_output=True, text=True, env={'PATH': str(bare)})
            assert done.returncode == 1 and 'apt-get install debootstrap' in done.stderr, done


@case
def other_systems_are_told_what_they_need():
    with tempfile.TemporaryDirectory() as top:
        for name in ('sh', 'dirname', 'cat'):
            pathlib.Path(top, name).symlink_to(shutil.which(name))
        release = pathlib.Path(top, 'os-release')
        for text, words in (('ID=fedora\nPRETTY_NAME="Fedora Linux 41"\n', ['Fedora Linux 41', 'dnf install', 'virtiofsd']),
                            ('ID=manjaro\nID_LIKE=arch\n', ['pacman -S', 'virtiofsd']),
                            ('ID=other\n', ['qemu-system-x86_64 7.2', 'make run'])):
            release.write_text(text)
            done = subprocess.run([TESTS.parent / 'tools' / 'bootstrap', 'run'], capture_output=True, text=True,
                                  env={'PATH': top, 'CORRIDA_OS_RELEASE': str(release)})
            assert done.returncode == 1 and all(w in done.stderr for w in words), done


@case
def no_mirror_is_a_failure_that_says_why():
    need_root()
    with tempfile.TemporaryDirectory() as top:
        host = Host(top, 'echo E: Failed getting release file; exit 1')
        status, out = host.run()
        assert status == 1 and 'E: Failed getting release file' in out and 'hosts: no trixie from http' in out, out
        assert not host.left() and not list(host.cache.glob('*.tar')), host.left()


@case
def the_commands_decide():
    need_root()
    for body, wanted, text in (('exit 0', 0, 'status 0'), ('echo it broke; exit 3', 3, 'it broke'),
                               ('[ "$1" = run ] || exit 4', 4, 'status 4')):
        with tempfile.TemporaryDirectory() as top:
            # the clone is empty: the tree brings what is to run
            host = Host(top, TREE + f'mkdir -p $t/root; printf "#!/bin/sh\\n%s\\n" \'{body}\' >$t/bootstrap; chmod 755 $t/bootstrap')
            git = host.top / 'bin' / 'git'
            git.write_text('#!/bin/sh\ncase $* in *clone*) for d; do :; done; mkdir -p "$d/tools"; '
                           'cp "$d/../../bootstrap" "$d/tools/";; esac\n')
            status, out = host.run()
            assert status == wanted and text in out, (status, out)
            assert not host.left(), host.left()
            # and again from the tarball, without debootstrap
            (host.top / 'bin' / 'debootstrap').write_text('#!/bin/sh\nexit 9\n')
            assert host.run()[0] == wanted


@case
def nothing_outlives_it():
    need_root()
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        with tempfile.TemporaryDirectory() as top:
            nap = f'mount -t tmpfs nap $t/sys; setsid sleep {NAP} & sleep {NAP}'
            host = Host(top, TREE + nap)
            with host.start() as process:
                try:
                    wait_until(lambda: len(sleepers()) >= 2, 60, 'sleepers')
                    assert 'nap' not in pathlib.Path('/proc/mounts').read_text().split()
                finally:
                    process.send_signal(number)
                    process.communicate()
            wait_until(lambda: not sleepers(), 30, f'the end of all processes after signal {number}')
            if number != signal.SIGKILL:
                assert not host.left(), host.left()
            (host.top / 'bin' / 'debootstrap').write_text('#!/bin/sh\nexit 1\n')
            assert host.run()[0] == 1
            assert not host.left(), f'the next run leaves {host.left()}'


if __name__ == '__main__':
    main()
