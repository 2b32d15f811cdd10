# SPDX-License-Identifier: MIT
"""Hosts that forbid or lack something: the launcher says in one line what, and what to do about it, or does without.
The host's rules are played by a system call filter that refuses."""
import ctypes
import os
import shutil
import struct

from harness import Skip, as_nobody, case, expect, main, run, temporary_root

SYS_WRITE, SYS_UNSHARE = 1, 272
CLONE_NEWUSER = 0x10000000


def refuse(number, argument, value, errno):
    """A preexec_fn: system call `number` fails with errno where the low word of this argument has this value."""
    load, equal, give = 0x20, 0x15, 0x06
    code = [(load, 0, 0, 4), (equal, 0, 5, 0xc000003e),  # AUDIT_ARCH_X86_64
            (load, 0, 0, 0), (equal, 0, 3, number),
            (load, 0, 0, 16 + 8 * argument), (equal, 0, 1, value),
            (give, 0, 0, 0x00050000 | errno), (give, 0, 0, 0x7fff0000)]
    text = b''.join(struct.pack('HBBI', *c) for c in code)
    program = ctypes.create_string_buffer(text, len(text))
    fprog = struct.pack('HxxxxxxP', len(code), ctypes.addressof(program))

    def install():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, fprog, 0, 0):  # NO_NEW_PRIVS, SECCOMP
            os._exit(99)
    install.keep = program
    return install


def forbidden(rule):
    keep, root = temporary_root()
    with keep:
        done = run(str(root), 'hello', prefix=as_nobody(), preexec_fn=rule)
        expect(done, 125, b'', 'needs a user namespace, and this system forbids it')
        return next(line for line in done.stderr.decode().splitlines() if 'user namespace' in line)


@case
def user_namespaces_are_forbidden():
    text = forbidden(refuse(SYS_UNSHARE, 0, CLONE_NEWUSER, 28))
    assert '(unshare: No space left on device)' in text and 'user.max_user_namespaces=' in text, text


@case
def user_namespaces_without_rights():
    """as AppArmor makes them on Ubuntu 24.04"""
    for size, name in ((len('deny'), 'setgroups'), (len(f'0 {os.geteuid() or 65534} 1'), 'uid_map')):
        text = forbidden(refuse(SYS_WRITE, 2, size, 13))
        assert f'(/proc/self/{name}: Permission denied)' in text, text
        assert 'kernel.apparmor_restrict_unprivileged_userns=0' in text, text


@case
def no_qemu_or_no_daemon_names_the_packages():
    keep, root = temporary_root()
    with keep:
        for option, text in (('--qemu', '--qemu /nowhere'), ('--virtiofsd', '--virtiofsd /nowhere')):
            expect(run(option, '/nowhere', str(root), 'hello'), 125, b'', text)


@case
def no_dev_fd():
    """a bare devtmpfs has none"""
    if os.geteuid() or not shutil.which('unshare'):
        raise Skip('only root hides /dev/fd')
    keep, root = temporary_root()
    with keep:
        hide = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
                'mkdir -p $0/dev && mount -t tmpfs none $0/dev && for d in null zero urandom random tty ptmx; do '
                'touch $0/dev/$d && mount --bind /dev/$d $0/dev/$d; done && mkdir $0/dev/shm && '
                'mount --move $0/dev /dev && exec "$@"', str(root)]
        done = run(str(root), 'hello', prefix=hide)
        expect(done, 0, None)
        assert done.stdout.startswith(b'Hello from hello'), done


if __name__ == '__main__':
    main()
