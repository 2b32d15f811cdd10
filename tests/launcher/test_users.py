# SPDX-License-Identifier: MIT
"""What users stumbled over: every mistake gets an answer, and no failure is silent."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

from harness import (BOUND, CLOCK, CORRIDA, FAKE, ROOTFS, Skip, as_nobody, case, communicate, daemon_is_rust, execute,
                     expect, helpers, main, read_until, run, start, temporary_root, users, wait)

DIR = str(ROOTFS)


def busybox(*words, options=(), **more):
    return run(*BOUND, *options, DIR, '/bin/busybox', *words, **more)


@case
def lost_output_is_a_failure():
    for redirection in ('>', '2>'):
        script = f'exec "$@" {redirection}/dev/full'
        finished = execute(['sh', '-c', script, 'sh', CORRIDA, 'run', *BOUND, DIR, '/bin/busybox',
                            'sh', '-c', 'echo out; echo err >&2'])
        assert finished.returncode == 125, finished
        if redirection == '>':
            assert b'writing stdout: No space left on device' in finished.stderr, finished.stderr
    with open('/dev/full', 'wb') as full:
        for words in (['--help'], ['help', 'run'], ['run', '--dry-run', DIR, 'hello']):
            done = subprocess.run([CORRIDA, *words], stdout=full, stderr=subprocess.PIPE, check=False)
            assert done.returncode == 125 and b'No space left' in done.stderr, (words, done)


@case
def a_hang_can_be_looked_into():
    script = 'sleep 1000 & (while :; do :; done) & wait'
    finished = run('--timeout', '4', DIR, '/bin/busybox', 'sh', '-c', script)
    expect(finished, 124, b'', 'timeout after 4 s; the VM has been killed')
    said = finished.stderr.decode()
    assert re.search(r'kernel: task 1 \(busybox\) of process 1: waits, rt_sigsuspend\(', said), said
    assert re.search(r'kernel: task \d \(\w+\) of process \d: waits, clock_nanosleep\(0, ', said), said
    assert re.search(r'kernel: +0x[0-9a-f]+ sys_clock_nanosleep\+0x', said), said
    assert re.search(r'kernel: task \d \(busybox\) of process \d: runs on cpu\d, in the program', said), said
    # a guest that does not answer is not waited for
    begin = CLOCK.now()
    expect(run(*FAKE, '--timeout', '1', DIR, '/deaf'), 124, b'ready\n', 'timeout after 1 s')
    assert CLOCK.now() - begin < 5


@case
def strace_shows_the_call_that_does_not_return():
    process = start(*BOUND, '--strace=read,exit_group', DIR, '/bin/busybox', 'cat', stdin=subprocess.PIPE)
    got = read_until(process.stderr.fileno(), rb'\[pid 1\] read\(0, <unfinished \.\.\.>\n')
    assert got.count(b'read(') == 1, got
    out, err = communicate(process, b'x\n')
    assert process.returncode == 0 and out == b'x\n', (out, err)
    assert re.match(rb'\[pid 1\] <\.\.\. read resumed>"x\\n", \d+\) += 2\n', err), err
    # what is over soon stays on one line
    finished = busybox('cat', '/etc/group', options=['--strace=openat,close'])
    assert b'openat(AT_FDCWD, "/etc/group"' in finished.stderr and b'unfinished' not in finished.stderr, finished


@case
def strace_shows_what_others_do_meanwhile():
    script = 'sleep 1 & wait $!; exit 3'
    finished = busybox('sh', '-c', script, options=['--strace=wait4,clock_nanosleep,rt_sigsuspend,exit_group'])
    expect(finished, 3)
    lines = finished.stderr.decode().splitlines()

    def at(pattern):
        return next(i for i, line in enumerate(lines) if re.match(pattern, line))
    waits = at(r'\[pid 1\] rt_sigsuspend\(\[.*\], 8 <unfinished \.\.\.>$')
    sleeps = at(r'\[pid 2\] clock_nanosleep\(.*<unfinished \.\.\.>$')
    assert max(waits, sleeps) < at(r'\[pid 2\] <\.\.\. clock_nanosleep resumed>') < at(r'\[pid 2\] exit_group\(0\)')
    assert at(r'\[pid 2\] exit_group') < at(r'\[pid 1\] <\.\.\. rt_sigsuspend resumed>\) += \? ERESTART')


@case
def an_end_by_a_signal_is_told():
    finished = busybox('sh', '-c', 'kill -9 $$')
    expect(finished, 137, b'', 'corrida: /bin/busybox was ended by signal 9 (Killed)\n')
    process = start(*BOUND, DIR, '/bin/exits', 'hold', '0')
    assert process.stdout.readline() == b'ready\n'
    process.send_signal(signal.SIGHUP)
    _, err = communicate(process)
    assert process.returncode == 129, err
    assert err == b'corrida: /bin/exits was ended by signal 1 (Hangup), which came from this host\n', err
    # a crash has its own line, an interrupt is what the user did
    finished = run(*BOUND, DIR, '/bin/exits', 'null')
    assert finished.returncode == 139 and finished.stderr.count(b'\n') == 1, finished.stderr


@case
def what_the_vm_hides_is_named():
    keep, root = temporary_root()
    with keep:
        (root / 'tmp' / 'x').mkdir()
        (root / 'tmp' / 'x' / 'prog').write_bytes((root / 'bin' / 'hello').read_bytes())
        (root / 'tmp' / 'x' / 'prog').chmod(0o755)
        (root / 'link').symlink_to('/tmp/x')
        for words in (['-w', '/tmp/x', str(root), '/bin/hello'], [str(root), '/tmp/x/prog'],
                      ['-w', '/link', str(root), '/bin/hello'], ['-w', '/tmp', str(root), 'x/prog'],
                      ['-w', '/bin/../tmp//x', str(root), '/bin/hello']):
            finished = run(*BOUND, *words)
            assert finished.returncode in (126, 127), (words, finished)
            assert b'but the VM has its own /tmp, which hides that of DIR' in finished.stderr, finished.stderr
        finished = run(*BOUND, '-w', '/tmp/y', str(root), '/bin/hello')
        assert b'its own' not in finished.stderr, finished.stderr


@case
def an_unreadable_directory_says_so():
    prefix = as_nobody()
    keep, root = temporary_root()
    with keep:
        if not prefix:
            os.chmod(root, 0)
        else:
            os.chmod(root, 0o700)
        expect(run(str(root), 'sh', prefix=prefix), 125, b'', 'Permission denied: DIR must be searchable')
        os.chmod(root, 0o755)
        if prefix:
            os.chmod(root / 'bin', 0o700)
            finished = run('-e', 'PATH=/bin', str(root), 'busybox', prefix=prefix)
            expect(finished, 126, b'', 'permission denied')
            os.chmod(root / 'bin', 0o755)
            os.chmod(root, 0o711)  # it need not be listed
            expect(run(*BOUND, str(root), '/bin/busybox', 'echo', 'fine', prefix=prefix), 0, b'fine\n')


@case
def users_have_names_and_homes():
    keep, root = temporary_root()
    with keep:
        (root / 'etc').mkdir()
        (root / 'etc' / 'passwd').write_text('root:x:0:0::/root:/bin/sh\nbroken line\nx:y:z:w:::\n'
                                             'ann:x:1000:100:Ann:/home/ann:/bin/sh\n')
        (root / 'etc' / 'group').write_text('root:x:0:\nusers:x:100:\nstaff:x:50:ann\n')
        show = 'echo $(id -u):$(id -g) $HOME'
        for words, wanted in ((['-u', 'ann'], '1000:100 /home/ann'), (['-u', 'ann:staff'], '1000:50 /home/ann'),
                              (['-u', '1000'], '1000:100 /home/ann'), (['-u', '1000:7'], '1000:7 /home/ann'),
                              (['-u', '12'], '12:12 /'), (['-u', '12:staff'], '12:50 /'), ([], '0:0 /root'),
                              (['-u', 'ann', '-e', 'HOME=/h'], '1000:100 /h')):
            finished = run(*BOUND, *words, '-e', 'PATH=/bin', str(root), '/bin/busybox', 'sh', '-c',
                           show.replace('id', '/bin/busybox id'))
            expect(finished, 0, wanted.encode() + b'\n')
        for name, text in (('anna', "no user 'anna' in /etc/passwd of"), ('anna', 'did you mean ann?'),
                           ('ann:stuff', 'did you mean staff?'), ('', 'write USER'), ('ann:', 'write USER'),
                           ('4294967295', 'not a number from 0 to 4294967294')):
            expect(run('-u', name, str(root), '/bin/busybox'), 125, b'', text)
        # what leads out of DIR, and what is no file
        (root / 'etc' / 'passwd').unlink()
        expect(run('-u', 'ann', str(root), '/bin/busybox'), 125, b'', 'has no /etc/passwd that can be read')
        (root / 'etc' / 'passwd').symlink_to('../../../../../../etc/passwd')
        expect(run('-u', 'daemon', str(root), '/bin/busybox'), 125, b'', 'has no /etc/passwd that can be read')
        (root / 'etc' / 'passwd').unlink()
        os.mkfifo(root / 'etc' / 'passwd')
        expect(run('-u', 'ann', str(root), '/bin/busybox', timeout=20), 125, b'', 'has no /etc/passwd')


def in_namespace(setup, *words, command=('run',)):
    """The words as an ordinary user, after a setup by root in a mount namespace of its own."""
    prefix = as_nobody()
    if not prefix:
        raise Skip('only root can set the scene')
    script = f'{setup}; exec "$@"'
    return execute(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh',
                    *prefix, CORRIDA, *command, *words])


@case
def an_ordinary_users_u_can_write_their_directory():
    prefix = as_nobody()
    keep, root = temporary_root()
    with keep:
        for folder in (root, root / 'tmp', root / 'bin'):
            if prefix:
                os.chown(folder, 65534, 65534)
        make = ['-u', '1000:100', str(root), '/bin/busybox', 'sh', '-c',
                'echo x > /made && chmod 600 /made && stat -c %u:%g /made /']
        if not prefix or not shutil.which('newuidmap'):
            finished = run(*BOUND, *make, prefix=prefix)
            assert finished.returncode == 0 or b'corrida needs ' in finished.stderr, finished
            return
        (root / 'sub').write_text('other:5:5\nnobody:200000:65536\n')
        bind = ''.join(f'mount --bind {root}/sub /etc/{name} && ' for name in ('subuid', 'subgid')) + ':'
        expect(in_namespace(bind, *BOUND, *make), 0, b'1000:100\n1000:100\n')
        assert os.stat(root / 'made').st_uid == 65534
        made = in_namespace(bind, *BOUND, '-u', '0:5', str(root), '/bin/busybox', 'sh', '-c',
                            'touch /other && chown 7:8 /other && stat -c %u:%g /other')
        expect(made, 0, b'7:8\n')
        assert (os.stat(root / 'other').st_uid, os.stat(root / 'other').st_gid) == (200006, 200007)
        (root / 'sub').write_text('other:5:5\n')
        expect(in_namespace(bind, *BOUND, *make), 1, b'', 'corrida needs a line for you in /etc/subuid')


@case
def what_a_host_takes_away_is_named_or_does_not_matter():
    hello = [*BOUND, DIR, '/bin/hello']
    few = in_namespace('ulimit -n 256', *hello)
    if daemon_is_rust():
        expect(few, 125, b'', 'ulimit -Hn 4096')
    else:
        expect(few, 0)
    for setup in ('ulimit -l 0', 'umount -l /dev/shm', 'export HOME=/proc',
                  'mount -t proc -o hidepid=invisible proc /proc', 'umount -l /sys',
                  'mount -t tmpfs -o size=4k x /var/tmp; dd if=/dev/zero of=/var/tmp/f 2>&-; export TMPDIR=/var/tmp'):
        expect(in_namespace(setup, *hello), 0)
    for setup, text in (('umount -l /proc', 'is /proc mounted? mount -t proc proc /proc'),
                        ('ulimit -v 300000', 'the limit of address space is 292 MiB: ulimit -v unlimited'),
                        ('ulimit -f 1', 'ulimit -f unlimited')):
        expect(in_namespace(setup, *hello), 125, b'', text)


@case
def the_first_cause_is_shown():
    """and not the complaint of whoever followed it"""
    for words, first, follower in ((['/qemu-error'], 'QEMU ended', b'virtiofsd'), (['/slow-death'], 'QEMU ended', b'virtiofsd')):
        finished = run(*FAKE, DIR, *words)
        expect(finished, 125, b'', first)
        assert follower not in finished.stderr, finished.stderr
    keep, root = temporary_root()
    with keep:
        daemon = root / 'virtiofsd-fake'
        daemon.write_text('#!/bin/sh\ncase $1 in --*s) exit;; esac\necho "cannot share this" >&2\nexit 1\n')
        daemon.chmod(0o755)
        finished = run('--virtiofsd', str(daemon), DIR, '/bin/hello')
        expect(finished, 125, b'', 'virtiofsd: cannot share this')
        assert b'QEMU' not in finished.stderr, finished.stderr
        daemon.write_text('#!/bin/sh\ncase $1 in --*s) exit;; esac\nsleep 1\n'
                          'echo "Unexpected poll revents 11" >&2\nexit 1\n')
        finished = run(*FAKE, '--virtiofsd', str(daemon), DIR, '/slow-error')
        expect(finished, 125, b'', 'QEMU: qemu-system-x86_64: -device nonsense')
        assert b'revents' not in finished.stderr, finished.stderr


@case
def the_doctor_tells_what_is_there_and_what_is_not():
    for prefix in users():
        done = execute([*prefix, CORRIDA, 'doctor'], timeout=90)
        assert done.returncode == 0 and done.stdout.endswith(b'\nall is well\n'), done
        for text in (rb'ok +kernel +/.*/corrida\.elf', rb'ok +QEMU +/.*/qemu-system-x86_64: QEMU emulator',
                     rb'ok +virtiofsd +/', rb'(note|ok) +accelerator +(TCG|KVM)', rb'ok +user +', rb'ok +memory +',
                     rb'ok +a VM +has run a program, which said: corrida '):
            assert re.search(text, done.stdout), (text, done.stdout)
    for setup, text in (('umount -l /proc', b'MISSING /proc'), ('ulimit -f 1', b'MISSING file size'),
                        ('ulimit -v 2000000', b'MISSING address space'),
                        ('mount -t tmpfs x /usr/lib/qemu; [ ! -e /usr/libexec/virtiofsd ] || mount --bind /dev/null '
                         '/usr/libexec/virtiofsd', b'MISSING virtiofsd     apt-get install virtiofsd')):
        done = in_namespace(setup, command=['doctor'])
        assert done.returncode == 1 and text in done.stdout, (setup, done)
        assert b' of these must be mended first' in done.stdout, done
    expect(execute([CORRIDA, 'doctor', 'x']), 125, b'', 'takes no argument')
    assert b'Usage: corrida doctor\n' in execute([CORRIDA, 'doctor', '--help']).stdout


@case
def options_of_other_tools_get_a_hint():
    for words, text in ((['--rm'], 'leaves nothing behind'), (['-v', '/a:/b'], 'DIR is the only directory'),
                        (['--volume=/a:/b'], 'DIR is the only directory'), (['-p', '80:80'], 'network'),
                        (['-d'], '& after the command'), (['--name', 'x'], 'process number'),
                        (['--entrypoint', 'x'], 'PROG is the program'), (['--network=host'], 'network'),
                        (['--strce'], 'did you mean --strace?'), (['--read'], 'did you mean --read-only?'),
                        (['--tiemout=3'], 'did you mean --timeout?')):
        expect(run(*words, DIR, 'hello'), 125, b'', text)
    expect(execute([CORRIDA, 'rum', DIR, 'hello']), 125, b'', "unknown command 'rum'")
    expect(execute([CORRIDA, 'help', 'rum']), 125, b'', 'did you mean run?')


@case
def a_wrong_strace_filter_is_refused():
    for name, text in (('nosuchcall', "no system call 'nosuchcall'"), ('opne', 'did you mean open?'),
                       ('read,wirte', 'did you mean write?'), ('%fil', 'did you mean %file?'),
                       ('!execv', 'did you mean execve?'), ('%nonsense', "no system call class '%nonsense'")):
        expect(run(f'--strace={name}', DIR, '/bin/hello'), 125, b'', text)
    for name in ('', 'read,,write', '!read', '%file,%desc,futex', '%network'):
        finished = run('--dry-run', f'--strace={name}', DIR, '/bin/hello')
        expect(finished, 0)


@case
def numbers_come_with_their_range():
    for words, text in ((['--cpus', '300'], 'not a number from 1 to 64'), (['--cpus', '0'], 'from 1 to 64'),
                        (['--gdb=0'], 'from 1 to 65535'), (['--memory', '1'], 'from 4M to 1T')):
        expect(run(*words, DIR, 'hello'), 125, b'', text)


@case
def kvm_that_does_not_run_is_told():
    """what is no KVM is slow for ever: never silent"""
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        expect(run('--accel', 'kvm', DIR, '/bin/hello'), 125, b'', '--accel kvm: /dev/kvm: ')
        return
    flags = pathlib.Path('/proc/cpuinfo').read_text()
    if re.search(r' (vmx|svm)', flags):
        expect(run(*BOUND, '--accel', 'kvm', DIR, '/bin/hello'), 0)
        return
    process = start(*FAKE, '--accel', 'kvm', DIR, '/deaf-before')
    helpers(process)
    got = read_until(process.stderr.fileno(), b'may not really run; --accel tcg does everywhere\n', 15)
    assert b'the CPU has neither vmx nor svm' in got, got
    process.terminate()
    assert wait(process, 10) == 143
    process.communicate()


if __name__ == '__main__':
    main()
