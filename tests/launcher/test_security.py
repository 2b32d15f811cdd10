# SPDX-License-Identifier: MIT
"""What SECURITY.md claims of the host's side: what the helpers hold, what they could do if a guest
took them over, what a guest can leave in the share, and what reaches a terminal."""
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile

from harness import (BOUND, CORRIDA, FAKE, HERE, ROOTFS, Skip, as_nobody, case, communicate, daemon_is_rust,
                     execute, expect, helpers, kill_and_wait, main, run, start, temporary_root,
                     users, wait_until)

DIR = str(ROOTFS)
HOLD = (DIR, '/bin/exits', 'hold')
ROOT = os.geteuid() == 0
# capabilities(7): of a file server, and those that make privileged files
FILE_SERVER = sum(1 << n for n in (0, 1, 3, 6, 7))
PRIVILEGED = sum(1 << n for n in (4, 27, 31))
LIBC = ctypes.CDLL(None, use_errno=True)
SYS_LANDLOCK, SYS_CLOSE_RANGE = 444, 436


def landlock():
    """Its version, 0 without."""
    return max(0, LIBC.syscall(SYS_LANDLOCK, None, 0, 1))


def status(pid):
    text = pathlib.Path(f'/proc/{pid}/status').read_text()
    return dict(line.split(':\t', 1) for line in text.splitlines() if ':\t' in line)


def links(pid):
    found = {}
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            found[int(fd)] = os.readlink(f'/proc/{pid}/fd/{fd}')
        except FileNotFoundError:
            pass
    return found


def capabilities(pid):
    fields = status(pid)
    return {name: int(fields[f'Cap{name}'], 16) for name in ('Inh', 'Prm', 'Eff', 'Bnd', 'Amb')}


class Running:
    """A VM whose program runs: its helpers by name."""

    def __init__(self, *words, **more):
        self.words, self.more = words, more

    def __enter__(self):
        self.process = start(*BOUND, *self.words, *HOLD, **self.more)
        assert self.process.stdout.readline() == b'ready\n', self.process.communicate()
        return helpers(self.process)

    def __exit__(self, *_):
        kill_and_wait(self.process)


def without(number):
    """In a child: the system call is missing, as on an older kernel."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x50000 | 38), (6, 0, 0, 0x7fff0000)]
    text = b''.join(struct.pack('HBBI', *c) for c in code)
    buffer = ctypes.create_string_buffer(text, len(text))
    program = struct.pack('HxxxxxxQ', len(code), ctypes.addressof(buffer))
    if LIBC.prctl(38, 1, 0, 0, 0) or LIBC.prctl(22, 2, ctypes.c_char_p(program)):
        os._exit(99)


def without_close_range():
    without(SYS_CLOSE_RANGE)


def without_landlock():
    without(SYS_LANDLOCK)


@case
def helpers_hold_only_their_descriptors():
    """Strays of the caller, with and without close_range()"""
    with tempfile.NamedTemporaryFile(prefix='launcher-test-') as secret, socket.socket() as sock:
        ends = os.pipe()
        folder = os.open('/', os.O_RDONLY)
        strays = [os.dup(secret.fileno()), sock.fileno(), *ends, folder,
                  *(os.dup2(secret.fileno(), n) for n in (40, 77, 200))]
        for fd in strays:
            os.set_inheritable(fd, True)
        names = {os.readlink(f'/proc/self/fd/{fd}') for fd in strays}
        for prefix in users():
            for limit in (None, without_close_range):
                with Running(prefix=prefix, pass_fds=strays, preexec_fn=limit) as parts:
                    for name, pid in parts.items():
                        held = links(pid)
                        assert not names & set(held.values()), (name, held)
                        check_kinds(name, pid, held)
        for fd in {*strays, *ends} - {sock.fileno()}:
            os.close(fd)


@case
def a_daemon_that_is_asked_what_it_is_gets_no_descriptors():
    with tempfile.NamedTemporaryFile(prefix='launcher-test-') as secret, \
            tempfile.NamedTemporaryFile(prefix='launcher-test-') as shown:
        environ = {**os.environ, 'VIRTIOFSD_FAKE': 'c', 'VIRTIOFSD_FAKE_FDS': shown.name}
        done = execute([CORRIDA, 'run', '--dry-run', '--virtiofsd', str(HERE / 'fake-virtiofsd'), DIR, '/x'],
                       env=environ, pass_fds=[secret.fileno()])
        expect(done, 0)
        text = shown.read().decode()
        assert '/dev/null' in text and secret.name not in text, text


def check_kinds(name, pid, held):
    own = ('anon_inode:', 'socket:', 'pipe:', '/memfd:', '/dev/null')
    if name == 'qemu':
        own += (str(ROOTFS.parent / 'corrida.elf'),)
    else:
        own += (DIR, f'/proc/{pid}/')
    for fd, link in held.items():
        assert link.startswith(own), (name, fd, link)
    assert held[0] == '/dev/null' and held[1] == held[2] and held[1].startswith('pipe:'), held


@case
def helpers_know_nothing_of_the_environment():
    for prefix in users():
        with Running(prefix=prefix, env={**os.environ, 'TOKEN': 'secret', 'LC_ALL': 'C'}) as parts:
            for pid in parts.values():
                words = pathlib.Path(f'/proc/{pid}/environ').read_bytes().split(b'\0')
                assert b'LC_ALL=C' in words and not any(b'TOKEN' in w for w in words), words


@case
def helpers_have_no_rights_that_they_do_not_need():
    for prefix in users():
        root = ROOT and not prefix
        for words, allowed in (((), 0 if root else PRIVILEGED),
                               (('--privileged-files', 'yes'), PRIVILEGED),
                               (('--privileged-files', 'no'), 0)):
            with Running(*words, prefix=prefix) as parts:
                for pid in parts.values():
                    fields = status(pid)
                    assert (fields['NoNewPrivs'], fields['Seccomp']) == ('1', '2'), fields
                    assert int(fields['Seccomp_filters']) >= 2, fields
                assert not any(v for k, v in capabilities(parts['qemu']).items()
                               if root or k != 'Bnd'), capabilities(parts['qemu'])
                daemon = capabilities(parts['virtiofsd'])
                assert daemon['Eff'] == daemon['Prm'] == FILE_SERVER | allowed, (words, daemon)
                assert not (daemon['Inh'] or daemon['Amb']), daemon
                assert not daemon['Bnd'] & ~(FILE_SERVER | allowed | 1 << 8 | 1 << 18 | 1 << 24), daemon
                own = os.readlink('/proc/self/ns/user')
                there = os.readlink(f'/proc/{parts["virtiofsd"]}/ns/user')
                assert (there == own) == root, (there, own)


@case
def qemu_of_root_is_a_user_of_its_own():
    if not ROOT:
        raise Skip('not root')
    with Running() as one, Running() as two:
        uids = [status(vm['qemu'])['Uid'].split() for vm in (one, two)]
        gids = [status(vm['qemu'])['Gid'].split() for vm in (one, two)]
        assert all(len(set(ids)) == 1 for ids in uids + gids), (uids, gids)
        assert uids[0][0] != uids[1][0] and {'0', '65534'}.isdisjoint(uids[0] + uids[1]), uids
        assert gids == uids, (uids, gids)
        assert not status(one['qemu'])['Groups'].strip()


@case
def a_qemu_that_only_root_can_execute_has_no_rights_either():
    if not ROOT:
        raise Skip('not root')
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as private:
        wrapper = pathlib.Path(private, 'wrapper')
        wrapper.write_text('#!/bin/sh\nexec qemu-system-x86_64 "$@"\n')
        wrapper.chmod(0o700)
        kernel = pathlib.Path(private, 'kernel')
        shutil.copy(ROOTFS.parent / 'corrida.elf.stripped', kernel)
        kernel.chmod(0o600)
        with Running('--kernel', str(kernel)) as parts:
            assert status(parts['qemu'])['Uid'].split()[0] != '0'
        with Running('--qemu', str(wrapper)) as parts:
            assert status(parts['qemu'])['Uid'].split()[0] == '0'
            assert not any(capabilities(parts['qemu']).values())
        with Running('--unconfined', '--qemu', str(wrapper)) as parts:
            assert capabilities(parts['qemu'])['Eff'] == capabilities(os.getpid())['Eff']


def rights(prefix, *options, wrap=(), **more):
    """What a QEMU can do that a guest has taken over: {what: outcome}."""
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
        os.chmod(folder, 0o777)
        qemu = []
        if not wrap:
            # where every user can execute it
            qemu = ['--qemu', shutil.copy(HERE / 'fake-qemu', folder)]
        mine = pathlib.Path(folder, 'mine')
        mine.write_text('secret')
        mine.chmod(0o666)
        done = execute([*wrap, *prefix, CORRIDA, 'run', *options, *qemu, '--kernel', '/dev/null', DIR,
                        '/rights', str(mine)], **more)
        expect(done, 0)
        return dict(line.split(': ', 1) for line in done.stdout.decode().splitlines())


@case
def a_qemu_that_was_taken_over():
    for prefix in users():
        got = rights(prefix)
        assert got['internet'] == got['unix'] == 'Permission denied', got
        assert got.get('namespace', 'Operation not permitted') == 'Operation not permitted', got
        assert got['clone'] == 'Operation not permitted', got
        assert got['clone3'] == 'Function not implemented', got
        if landlock() >= 2:
            assert got['write'] == got['create'] == got['remove'] == 'Permission denied', got
        if landlock() >= 2 or not prefix and ROOT:
            assert got['memory'] == 'Permission denied', got
        if landlock() >= 6 or not prefix and ROOT:
            assert got['signal'] == 'Operation not permitted', got
        got = rights(prefix, '--unconfined')
        assert got['internet'] == got['unix'] == got['write'] == 'can', got


@case
def the_distributions_qemu_cannot_read_the_users_files():
    if not ROOT:
        raise Skip('mounts a fake QEMU over the real one: not root')
    if landlock() < 2:
        raise Skip('no Landlock here')
    path = shutil.which('qemu-system-x86_64')
    mount = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"',
             str(HERE / 'fake-qemu'), path]
    for prefix in users():
        got = rights(prefix, wrap=mount)
        assert got['read'] == got['write'] == 'Permission denied', got
        assert got['libraries'] == 'can', got


@case
def without_landlock_qemu_sees_only_the_system():
    if not ROOT:
        raise Skip('mounts a fake QEMU over the real one: not root')
    mount = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"',
             str(HERE / 'fake-qemu'), shutil.which('qemu-system-x86_64')]
    for prefix in users():
        with Running(prefix=prefix, preexec_fn=without_landlock) as parts:
            pid = parts['qemu']
            assert not any(capabilities(pid).values()), capabilities(pid)
            ids = set(status(pid)['Uid'].split())
            assert ids == {'65534'} if prefix else len(ids) == 1 and '0' not in ids, ids
            seen = set(os.listdir(f'/proc/{pid}/root'))
            assert seen <= {'usr', 'bin', 'lib', 'lib32', 'lib64', 'etc', 'sys', 'proc', 'dev'} and 'usr' in seen, seen
            assert set(os.listdir(f'/proc/{pid}/root/dev')) <= {'null', 'urandom', 'kvm'}
        got = rights(prefix, wrap=mount, preexec_fn=without_landlock)
        assert got['read'] == got['write'] == got['create'] == got['remove'] == 'No such file or directory', got
        assert got['memory'] == 'Permission denied' and got['libraries'] == 'can', got


@case
def a_virtiofsd_that_was_taken_over():
    if not ROOT:
        raise Skip('mounts a fake virtiofsd over the real one: not root')
    done = run('--dry-run', DIR, '/x').stdout.decode()
    path = re.search(r'^(/\S+virtiofsd) ', done, re.M)[1]
    mount = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"',
             str(HERE / 'fake-virtiofsd'), os.path.realpath(path)]
    for prefix in users():
        for yes in ('yes', 'no'):
            with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
                os.chmod(folder, 0o777)
                outside, share = pathlib.Path(folder, 'outside'), pathlib.Path(folder, 'share')
                outside.write_text('secret')
                share.mkdir()
                for file in (outside, share):
                    os.chmod(file, 0o777)
                environ = {**os.environ, 'VIRTIOFSD_FAKE': 'c', 'VIRTIOFSD_FAKE_ARGS': str(share / 'args'),
                           'VIRTIOFSD_FAKE_OUTSIDE': str(outside)}
                process = start(*FAKE, '--privileged-files', yes, str(share), '/deaf', env=environ,
                                prefix=[*mount, *prefix])
                try:
                    wait_until(lambda: (share / 'args.done').exists() or process.poll() is not None, 10, 'its end')
                    assert process.poll() is None, process.communicate()
                    did = (share / 'args.done').read_text().split()
                finally:
                    kill_and_wait(process)
            wanted = (['set-id'] if yes == 'yes' else []) + ['mode']
            if landlock() >= 6:
                assert did == wanted, (prefix, did)
            else:
                assert 'signal' not in did, did
                assert ('set-id' in did) == (yes == 'yes') and 'mode' in did, (prefix, did)


MAKE = r'''
import os, stat, struct
def attempt(name, function, *arguments):
    try:
        function(*arguments)
        print(name, 'ok')
    except OSError as error:
        print(name, error.strerror)
os.umask(0)
os.chdir('/share')
for name in 'abcdefg':
    open(name, 'w').close()
attempt('suid', os.chmod, 'a', 0o4755)
attempt('sgid', os.chmod, 'b', 0o2755)
attempt('sticky', os.chmod, 'c', 0o1755)
f = os.open('d', os.O_WRONLY)
attempt('fchmod', os.fchmod, f, 0o6755)
attempt('create suid', os.open, 'h', os.O_CREAT | os.O_WRONLY, 0o4755)
attempt('create sgid', os.open, 'i', os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o2755)
attempt('create', os.open, 'j', os.O_CREAT | os.O_WRONLY, 0o755)
attempt('node suid', os.mknod, 'k', stat.S_IFREG | 0o4755)
attempt('fifo suid', os.mknod, 'l', stat.S_IFIFO | 0o4755)
attempt('fifo', os.mknod, 'm', stat.S_IFIFO | 0o755)
attempt('block', os.mknod, 'n', stat.S_IFBLK | 0o666, os.makedev(8, 0))
attempt('character', os.mknod, 'o', stat.S_IFCHR | 0o666, os.makedev(1, 1))
attempt('whiteout', os.mknod, 'r', stat.S_IFCHR, os.makedev(0, 0))
def entry(tag, mode, who=0xffffffff):
    return struct.pack('<HHI', tag, mode, who)
attempt('list', os.setxattr, 'host-suid-3', 'system.posix_acl_access',
        struct.pack('<I', 2) + entry(1, 7) + entry(4, 7) + entry(0x20, 7))
attempt('capability', os.setxattr, 'e', 'security.capability', struct.pack('<5I', 0x2000001, 1 << 21, 0, 0, 0))
attempt('chown', os.chown, 'f', 1234, 1234)
attempt('mkdir', os.mkdir, 'p', 0o2755)
attempt('directory', os.chmod, 'p', 0o2755)
def write(name):
    with open(name, 'r+b') as f:
        f.write(b'mine')
attempt('write', write, 'host-suid')
attempt('truncate', os.truncate, 'host-suid-2', 1)
attempt('link', os.link, 'host-suid', 'q')
'''


def make_everything(*options):
    """Runs MAKE as root of a VM: ({attempt: outcome}, {name: mode} on the host, those with file
    capabilities)."""
    with tempfile.TemporaryDirectory(prefix='launcher-test-', dir='/var/tmp') as folder:
        root = pathlib.Path(folder)
        root.chmod(0o755)
        script = MAKE.replace('/share', folder)
        for name in ('host-suid', 'host-suid-2', 'host-suid-3'):
            (root / name).write_text('content')
            (root / name).chmod(0o6755)
        done = run(*BOUND, *options, '/', shutil.which('python3'), '-c', script, timeout=150)
        expect(done, 0)
        said = dict(line.rsplit(' ok', 1) if line.endswith(' ok') else re.split(' (?=Operation)', line, maxsplit=1)
                    for line in done.stdout.decode().splitlines())
        modes = {p.name: p.lstat().st_mode for p in root.iterdir()}
        return said, modes, [p.name for p in root.iterdir() if os.listxattr(p)]


REFUSED = {'suid', 'sgid', 'fchmod', 'create suid', 'create sgid', 'node suid', 'fifo suid', 'block', 'character',
           'capability', 'directory', 'whiteout', 'list'}
# As the host made it, and only he may let others write to it.
UNTOUCHED = 0o6755


@case
def a_guest_of_root_makes_no_privileged_files():
    if not ROOT:
        raise Skip('not root')
    said, modes, marked = make_everything()
    assert {k for k, v in said.items() if v} == REFUSED, said
    assert all(v in ('', 'Operation not permitted', 'Operation not supported') for v in said.values()), said
    assert modes.pop('host-suid-3') & 0o7777 == UNTOUCHED, oct(modes['host-suid-3'])
    wrong = [n for n, m in modes.items() if m & 0o6000 or stat.S_ISBLK(m) or stat.S_ISCHR(m)]
    assert not wrong and not marked, (wrong, marked)
    assert modes['c'] & 0o7777 == 0o1755 and modes['j'] & 0o7777 == 0o755, modes


@case
def a_guest_of_root_makes_them_when_it_may():
    if not ROOT:
        raise Skip('not root')
    said, modes, marked = make_everything('--privileged-files', 'yes')
    # The Rust daemon has access lists only when it is told to, which it is not.
    assert {k for k, v in said.items() if v} == ({'list'} if daemon_is_rust() else set()), said
    assert modes['a'] & 0o7777 == 0o4755 and modes['i'] & 0o7777 == 0o2755, modes
    assert modes['k'] & 0o7777 == 0o4755 and modes['p'] & 0o7777 == 0o2755, modes
    assert stat.S_ISBLK(modes['n']) and stat.S_ISCHR(modes['o']) and marked == ['e'], (modes, marked)


def no_controls(text):
    """The text, if no terminal would obey it."""
    for c in text.decode():
        assert c in '\n\t' or ' ' <= c <= '~' or c > '\xa0', (c, text)
    return text


@case
def names_do_not_reach_a_terminal_raw():
    """of processes that crash, of files in a trace, and what is not found"""
    evil = b'\x1b[31m\xc2\x9b1m\x9b\x07\x7fx'
    keep, root = temporary_root()
    with keep:
        path = os.fsencode(root) + b'/bin/' + evil
        shutil.copy(ROOTFS / 'bin' / 'exits', path)
        done = run(*BOUND, '--strace', '--summary', '--kernel-log', str(root), b'/bin/' + evil, 'null')
        expect(done, 139, b'', 'segmentation fault')
        no_controls(done.stderr)
        done = run(*BOUND, '--strace=openat', str(root), '/bin/busybox', 'cat', b'/' + evil)
        no_controls(b'\n'.join(line for line in done.stderr.splitlines() if b'openat' in line))
        for missing in (b'/bin/no' + evil, b'no' + evil):
            done = run(*BOUND, str(root), missing)
            expect(done, 127, b'')
            no_controls(done.stderr)
        done = run(*BOUND, b'/nowhere' + evil, '/x')
        expect(done, 125, b'')
        no_controls(done.stderr)


@case
def names_make_no_lines():
    """of the kernel's log and of the launcher's own"""
    keep, root = temporary_root()
    with keep, tempfile.NamedTemporaryFile() as log:
        name = b'a\n[    0.0] FORGED'
        shutil.copy(ROOTFS / 'bin' / 'exits', os.fsencode(root) + b'/bin/' + name)
        done = run(*BOUND, f'--kernel-log={log.name}', str(root), b'/bin/' + name, 'null')
        expect(done, 139, b'', 'segmentation fault')
        text = log.read()
        assert b'segmentation fault' in text, text
        for said in (done.stderr, text):
            assert all(b'FORGED' not in line or b'segmentation' in line for line in said.splitlines()), said


@case
def kernel_logs_of_a_lying_guest():
    with tempfile.NamedTemporaryFile() as log:
        expect(run(*FAKE, f'--kernel-log={log.name}', DIR, '/log'), 0)
        assert log.read() == b'one ?[1m\ntwo ?\n'


@case
def a_killed_launcher_takes_a_helper_of_another_user_along():
    with Running() as parts:
        parent = int(status(parts['qemu'])['PPid'])
        os.kill(parent, signal.SIGKILL)
        wait_until(lambda: not any(os.path.exists(f'/proc/{p}') and status(p)['State'][0] not in 'ZX'
                                   for p in parts.values()), 5, 'helpers gone')


@case
def every_test_that_security_md_names_exists():
    tests = HERE.parent
    text = (tests.parent / 'SECURITY.md').read_text()
    named = re.findall(r'`(\w+)/(\w+)(?:: (\w+))?`', text)
    assert len(named) > 15, named
    for folder, name, function in named:
        files = [tests / folder / f'{name}{end}' for end in ('.py', '.c')]
        files += [tests / folder / f'fuzz_{name}.c']
        found = [f.read_text() for f in files if f.exists()]
        assert found and function in found[0], (folder, name, function)


if __name__ == '__main__':
    main()
