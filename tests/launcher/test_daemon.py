# SPDX-License-Identifier: MIT
"""Which virtiofsd is taken for which kind, and what each is told: with fakes of both, and the
start of an ELF file of each kind."""
import os
import pathlib
import re
import signal
import tempfile

from harness import (FAKE, HERE, ROOTFS, case, expect, kill_and_wait, main, run, start, users,
                     wait, wait_until)

DAEMON = str(HERE / 'fake-virtiofsd')
DIR = str(ROOTFS)
C_TAIL = ['-o', 'sandbox=chroot,xattr,announce_submounts,log_level=err']
RUST_TAIL = ['--sandbox=chroot', '--xattr', '--announce-submounts', '--log-level=error']
NO_PRIVILEGES = '-fsetid:-mknod:-setfcap'


def limits(kind, prefix=()):
    """What the daemon is told in addition when root starts it."""
    if prefix or os.geteuid() != 0:
        return []
    return ['-o', f'modcaps={NO_PRIVILEGES},no_posix_acl'] if kind == 'c' else [f'--modcaps={NO_PRIVILEGES}']


def told(kind, *options, prefix=()):
    """The arguments that a fake of this kind gets in a run, without the descriptors' numbers."""
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
        os.chmod(folder, 0o777)
        path = pathlib.Path(folder, 'args')
        environ = {**os.environ, 'VIRTIOFSD_FAKE': kind, 'VIRTIOFSD_FAKE_ARGS': str(path)}
        # The share is all that a daemon can write to.
        process = start(*FAKE, '--virtiofsd', DAEMON, *options, folder, '/echo_signals',
                        prefix=prefix, env=environ)
        try:
            wait_until(lambda: path.exists() or process.poll() is not None, 10, 'daemon starts')
            assert process.poll() is None, process.communicate()
            words = path.read_text().splitlines()
            assert process.stdout.readline() == b'ready\n'
            process.send_signal(signal.SIGTERM)
            assert wait(process, 10) == 128 + signal.SIGTERM
        finally:
            kill_and_wait(process)
    return [re.sub(r'\d+', 'N', w) for w in words]


def dry_run(daemon, *options, kind='c', path=None):
    """The daemon's part of what --dry-run prints."""
    environ = {**os.environ, 'VIRTIOFSD_FAKE': kind, 'PATH': path or os.environ['PATH']}
    named = ['--virtiofsd', daemon] if daemon else []
    done = run('--dry-run', *FAKE, *named, *options, DIR, '/x', env=environ)
    expect(done, 0)
    assert not done.stderr, done
    text = done.stdout.decode().replace('\\\n   ', '')
    return text[text.index('\ncd '):text.index('# VM:')].splitlines()[2].split()


@case
def the_c_daemon():
    for prefix in users():
        for cache in ('auto', 'none', 'always'):
            words = told('c', '--cache', cache, prefix=prefix)
            assert words == ['--fd=N', '--thread-pool-size=N', '-o', 'source=/proc/self/fd/N/.',
                             '-o', f'cache={cache}', *C_TAIL, *limits('c', prefix)], words
        # The launcher's own read-only mount holds, the daemon is told nothing.
        assert told('c', '--read-only', prefix=prefix)[6:] == C_TAIL + limits('c', prefix)
        assert told('c', '--privileged-files', 'yes', prefix=prefix)[6:] == C_TAIL


@case
def the_rust_daemon():
    for prefix in users():
        for cache, word in (('auto', 'auto'), ('none', 'never'), ('always', 'always')):
            words = told('rust', '--cache', cache, prefix=prefix)
            assert words == ['--fd=N', '--thread-pool-size=N', '--shared-dir=/proc/self/fd/N/.',
                             f'--cache={word}', *RUST_TAIL, *limits('rust', prefix)], words
        tail = [*RUST_TAIL, *limits('rust', prefix), '--readonly']
        assert told('rust', '--read-only', prefix=prefix)[4:] == tail
        assert told('rust', '--privileged-files', 'yes', prefix=prefix)[4:] == RUST_TAIL


@case
def a_rust_daemon_that_cannot_be_read_only():
    assert told('rust-1.10')[4:] == RUST_TAIL + limits('rust')
    environ = {**os.environ, 'VIRTIOFSD_FAKE': 'rust-1.10', 'VIRTIOFSD_FAKE_ARGS': '/nowhere'}
    done = run(*FAKE, '--virtiofsd', DAEMON, '--read-only', DIR, '/status', '0', env=environ)
    expect(done, 125, b'', 'cannot do that; virtiofsd 1.13')


@case
def dry_run_shows_the_same():
    assert dry_run(DAEMON, kind='c')[7:] == C_TAIL + limits('c')
    assert dry_run(DAEMON, kind='rust')[5:] == RUST_TAIL + limits('rust')
    assert dry_run(DAEMON, '--read-only', kind='rust')[-1] == '--readonly'


@case
def an_elf_file_is_not_executed_to_be_asked():
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
        path = pathlib.Path(folder, 'daemon')
        for text in (b'-', b'-options', b'separate-option', b'x' * 5000 + b'separate-' * 9):
            path.write_bytes(b'\x7fELF' + text)
            path.chmod(0o755)
            assert dry_run(str(path))[7:] == C_TAIL + limits('c'), text
        for text in (b'separate-options', b'x' * 5000 + b'a separate-options-' + b'-' * 9000):
            path.write_bytes(b'\x7fELF' + text)
            assert dry_run(str(path))[5:] == RUST_TAIL + limits('rust'), text


@case
def other_files():
    """empty, not a daemon, endless, mute: taken for the old kind, nobody hangs"""
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
        path = pathlib.Path(folder, 'daemon')
        for text in ('', '#!/bin/false\n', '#!/nowhere\n', '#!/bin/sh\nkill -9 $$\n',
                     '#!/bin/sh\nyes\n', '#!/bin/sh\nexec >&-\nexec sleep 1000\n'):
            path.write_text(text)
            path.chmod(0o755)
            assert dry_run(str(path))[7:] == C_TAIL + limits('c'), text


@case
def the_usual_places():
    places = ('/usr/libexec/virtiofsd', '/usr/lib/qemu/virtiofsd', '/usr/lib/virtiofsd')
    usual = [place for place in places if os.access(place, os.X_OK)]
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
        link = pathlib.Path(folder, 'virtiofsd')
        link.symlink_to(DAEMON)
        found = dry_run(None, path=f'{folder}:/usr/bin:/bin')[0]
        assert found == (usual[0] if usual else str(link)), found


if __name__ == '__main__':
    main()
