# SPDX-License-Identifier: MIT
"""`corrida run` with the real kernel: statuses, streams, signals, bad programs, options, and
what is left when a part dies."""
import concurrent.futures
import hashlib
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile

from harness import (BOUND, CLOCK, CORRIDA, ROOTFS, Traces, as_nobody, case, communicate, expect,
                     helpers, is_gone, main, open_terminal, read_until, run, start,
                     temporary_root, users, wait, wait_until)

DIR = str(ROOTFS)
ALL_BYTES = bytes(range(256))


def busybox(*words, options=(), **more):
    return run(*BOUND, *options, DIR, '/bin/busybox', *words, **more)


def exits(*words, options=(), **more):
    return run(*BOUND, *options, DIR, '/bin/exits', *words, **more)


@case
def every_kind_of_static_executable():
    for name in ('hello', 'hello-pie', 'hello-glibc', 'hello-glibc-pie'):
        finished = run(*BOUND, DIR, f'/bin/{name}', 'a', 'b c')
        expect(finished, 0)
        assert finished.stdout.startswith(f'Hello from /bin/{name} a b c: pid 1 on Linux'.encode())
        assert finished.stderr == b'', finished.stderr


@case
def exit_statuses():
    for status in (0, 1, 7, 255):
        expect(exits('status', str(status)), status, b'')
    expect(busybox('sh', '-c', 'exit 7'), 7, b'')


@case
def deaths_by_signal():
    expect(exits('signal', '9'), 137)
    expect(exits('signal', '15'), 143)
    expect(exits('abort'), 134)
    expect(exits('null'), 139)


@case
def all_bytes_go_through_unchanged():
    for data in (b'', ALL_BYTES, ALL_BYTES * 4096 + b'\r\n\n\r'):
        expect(busybox('cat', stdin=data), 0, data)


@case
def streams_stay_apart():
    finished = busybox('sh', '-c', 'echo out; echo err >&2; echo out2')
    expect(finished, 0, b'out\nout2\n')
    assert finished.stderr == b'err\n', finished.stderr


@case
def hundred_mib_of_output_is_complete():
    finished = busybox('sh', '-c', 'exec busybox head -c 104857600 /dev/zero', timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout) == 100 << 20 and not finished.stdout.strip(b'\0')


@case
def hundred_mib_of_input_is_complete():
    data = os.urandom(1 << 20) * 100
    digest = hashlib.sha256(data).hexdigest()
    expect(busybox('sha256sum', stdin=data, timeout=120), 0, f'{digest}  -\n'.encode())


@case
def input_ends():
    expect(busybox('wc', '-c', stdin=b'x' * 1000000), 0, b'1000000\n')
    process = start(*BOUND, DIR, '/bin/busybox', 'cat', stdin=subprocess.PIPE)
    process.stdin.write(b'one\n')
    process.stdin.flush()
    assert process.stdout.readline() == b'one\n'  # though the input is still open
    process.stdin.close()
    assert wait(process, 10) == 0


@case
def reader_that_leaves():
    process = start(*BOUND, DIR, '/bin/busybox', 'yes')
    assert process.stdout.read(1000) == b'y\n' * 500
    process.stdout.close()
    # busybox's yes ends with 1 on EPIPE unless SIGPIPE ends it
    assert wait(process, 10) in (1, 128 + signal.SIGPIPE), process.returncode


@case
def missing_programs():
    expect(run(DIR, '/bin/no-such'), 127, b'', '/bin/no-such')
    expect(run(DIR, './nowhere/no-such'), 127, b'', 'no-such')
    expect(run(DIR, 'no-such'), 127, b'', 'no-such: not found')
    expect(run('/nowhere', '/bin/hello'), 125, b'', '/nowhere: No such file or directory')
    expect(run('/etc/passwd', '/bin/hello'), 125, b'', 'not a directory')


def elf(**changes):
    """The head of a plausible executable with some fields changed."""
    fields = dict(magic=b'\x7fELF', klass=2, data=1, version=1, type=2, machine=62, entry=0x401000,
                  phoff=64, phentsize=56, phnum=1, p_type=1, p_flags=5, p_offset=0, p_vaddr=0x400000,
                  p_filesz=0x1000, p_memsz=0x1000, p_align=0x1000)
    fields.update(changes)
    f = fields
    head = f['magic'] + bytes([f['klass'], f['data'], f['version'], 0]) + bytes(8)
    head += struct.pack('<HHIQQQIHHHHHH', f['type'], f['machine'], 1, f['entry'], f['phoff'], 0, 0, 64,
                        f['phentsize'], f['phnum'], 64, 0, 0)
    head += struct.pack('<IIQQQQQQ', f['p_type'], f['p_flags'], f['p_offset'], f['p_vaddr'],
                        f['p_vaddr'], f['p_filesz'], f['p_memsz'], f['p_align'])
    return head.ljust(4096, b'\0') + b'\x90' * 4096


@case
def programs_that_cannot_be_run():
    good = (ROOTFS / 'bin' / 'hello').read_bytes()
    bad = {
        'empty': b'', 'one-byte': b'\x7f', 'text': b'just text\n', 'truncated-header': good[:40],
        'truncated-table': good[:70], 'bad-magic': b'\x7fELG' + good[4:], 'class32': elf(klass=1),
        'big-endian': elf(data=2), 'arm': elf(machine=183), 'i386': elf(machine=3),
        'relocatable': elf(type=1), 'core': elf(type=4), 'no-segments': elf(phnum=0),
        'phentsize': elf(phentsize=32), 'phoff-far': elf(phoff=1 << 40),
        'phoff-wraps': elf(phoff=2**64 - 8), 'phnum-max': elf(phnum=65535),
        'filesz-over-memsz': elf(p_filesz=0x2000, p_memsz=0x1000),
        'vaddr-kernel': elf(p_vaddr=0xffffffff80000000),
        'memsz-wraps': elf(p_memsz=2**64 - 0x1000),
        'vaddr-wraps': elf(p_vaddr=2**64 - 0x1000, p_memsz=0x10000),
        'interp-beyond-file': elf(p_type=3, p_offset=1 << 40),
        'script-no-interp': b'#!\n', 'script-missing-interp': b'#!/no/such/interp\n',
        'script-endless': b'#!' + b'/' * 5000,
    }
    keep, root = temporary_root()
    problems = []
    with keep:
        for name, data in bad.items():
            (root / 'bin' / name).write_bytes(data)
            (root / 'bin' / name).chmod(0o755)
        (root / 'bin' / 'loop').write_text('#!/bin/loop\n')
        (root / 'bin' / 'loop').chmod(0o755)
        (root / 'bin' / 'no-x').write_bytes(good)
        (root / 'bin' / 'no-x').chmod(0o644)
        (root / 'bin' / 'directory').mkdir()
        (root / 'bin' / 'dynamic').write_bytes(open('/bin/ls', 'rb').read())
        (root / 'bin' / 'dynamic').chmod(0o755)
        for name in [*bad, 'loop', 'no-x', 'directory', 'dynamic']:
            finished = run(*BOUND, str(root), f'/bin/{name}')
            if finished.returncode != 126 or finished.stdout or b'corrida: ' not in finished.stderr:
                problems.append((name, finished.returncode, finished.stdout[:80], finished.stderr[-200:]))
    assert not problems, '\n'.join(map(str, problems))


@case
def an_odd_but_valid_program_runs():
    keep, root = temporary_root()
    with keep:
        (root / 'bin' / 'script').write_text('#!/bin/busybox sh\necho "$0 $1"\n')
        (root / 'bin' / 'script').chmod(0o755)
        (root / 'link').symlink_to('/bin/script')  # absolute: within the share
        expect(run(*BOUND, str(root), '/bin/script', 'x'), 0, b'/bin/script x\n')
        expect(run(*BOUND, str(root), '/link', 'x'), 0, b'/link x\n')
        expect(run(*BOUND, '-w', '/bin', str(root), './script', 'x'), 0, b'./script x\n')


@case
def timeouts():
    begin = CLOCK.now()
    expect(run('--timeout', '1', DIR, '/bin/exits', 'loop'), 124, b'', 'timeout after 1 s')
    assert CLOCK.now() - begin < 3


@case
def environment_directory_and_user():
    finished = busybox('env', options=['-e', 'A=1', '-e', 'B=x y'])
    expect(finished, 0)
    lines = finished.stdout.decode().splitlines()
    assert {'A=1', 'B=x y', 'HOME=/'} <= set(lines), lines
    assert any(line.startswith('PATH=') for line in lines)
    expect(busybox('pwd', options=['-w', '/etc']), 0, b'/etc\n')
    expect(busybox('sh', '-c', 'echo $(id -u):$(id -g)', options=['-u', '12:34']), 0, b'12:34\n')
    finished = run('-w', '/nowhere', DIR, '/bin/hello')
    assert finished.returncode in (126, 127) and b'/nowhere' in finished.stderr, finished


@case
def the_last_process_can_end_the_vm():
    script = '(sleep 1; echo late) & exit 4'
    expect(busybox('sh', '-c', script), 4, b'')
    expect(busybox('sh', '-c', script, options=['--wait-all']), 4, b'late\n')


@case
def cache_modes_and_limits():
    for mode in ('auto', 'none', 'always'):
        expect(busybox('sh', '-c', 'echo x > /cached; cat /cached; rm /cached', options=['--cache', mode]), 0, b'x\n')
    limits = ['--ulimit', 'nofile=17', '--ulimit', 'stack=1M']
    expect(busybox('sh', '-c', 'ulimit -n; ulimit -s', options=limits), 0, b'17\n1024\n')


@case
def signals_reach_the_program():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        for catches in (True, False):
            process = start(*BOUND, DIR, '/bin/exits', 'hold', str(int(number)) if catches else '0')
            assert process.stdout.readline() == b'ready\n'
            process.send_signal(number)
            out, err = communicate(process, timeout=10)
            wanted = (number, b'caught\n') if catches else (128 + number, b'')
            assert (process.returncode, out) == wanted, (process.returncode, out, err)


@case
def killed_parts_end_all_within_a_second():
    for prefix in users():
        for victim in ('qemu', 'virtiofsd', 'launcher'):
            with Traces():
                process = start(DIR, '/bin/exits', 'hold', prefix=prefix)
                assert process.stdout.readline() == b'ready\n', process.communicate()
                parts = helpers(process)
                begin = CLOCK.now()
                os.kill(process.pid if victim == 'launcher' else parts[victim], signal.SIGKILL)
                communicate(process, timeout=5)
                wait_until(lambda: all(is_gone(p) for p in parts.values()), 1, 'helpers gone')
                assert CLOCK.now() - begin < 1, (victim, CLOCK.now() - begin)
                assert process.returncode == (-9 if victim == 'launcher' else 125)


@case
def two_vms_at_once():
    with Traces():
        first = start(*BOUND, DIR, '/bin/busybox', 'cat', stdin=subprocess.PIPE)
        second = start(*BOUND, DIR, '/bin/busybox', 'cat', stdin=subprocess.PIPE)
        for process, data in ((second, b'second'), (first, b'first')):
            out, err = communicate(process, data, timeout=30)
            assert (process.returncode, out) == (0, data), err


@case
def many_starts_leave_nothing():
    with Traces():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for finished in pool.map(lambda _: run(*BOUND, '-c', '2', DIR, '/bin/hello'), range(20)):
                expect(finished, 0)


@case
def an_ordinary_user_can_run_it():
    prefix = as_nobody()
    keep, root = temporary_root()
    with keep:
        if prefix:
            for folder, _, names in os.walk(root):
                for name in (folder, *(os.path.join(folder, n) for n in names)):
                    os.chown(name, 65534, 65534)
        script = 'echo new > /new && mkdir /made && chmod 600 /new && rm /new && cat /made/../bin/x'
        (root / 'bin' / 'x').write_text('content')
        expect(run(*BOUND, str(root), '/bin/busybox', 'sh', '-c', script, prefix=prefix),
               0, b'content')
        assert (root / 'made').is_dir() and not (root / 'new').exists()


@case
def files_written_are_on_the_host_at_once():
    keep, root = temporary_root()
    with keep:
        process = start(*BOUND, str(root), '/bin/busybox', 'sh', '-c',
                        'echo kept > /file; echo done; while :; do :; done')
        assert process.stdout.readline() == b'done\n', process.communicate()
        os.kill(helpers(process)['qemu'], signal.SIGKILL)
        communicate(process, timeout=5)
        assert (root / 'file').read_text() == 'kept\n'


@case
def a_read_only_share():
    keep, root = temporary_root()
    with keep:
        os.chmod(root, 0o777)
        for prefix in users():
            finished = run(*BOUND, '--read-only', str(root), '/bin/busybox', 'touch', '/new',
                           prefix=prefix)
            expect(finished, 1, b'', 'Read-only file system')
            assert not (root / 'new').exists()


@case
def the_whole_host_as_the_share():
    """dynamic programs and large files of the host itself"""
    expect(run(*BOUND, '/', '/bin/ls', '-d', '/etc/passwd'), 0, b'/etc/passwd\n')
    # /tmp, /run and /dev/shm are the guest's own: the share's files below them are hidden.
    with tempfile.TemporaryDirectory(prefix='launcher-test-', dir='/var/tmp') as folder:
        path = pathlib.Path(folder, 'large-file')
        shutil.copy2(ROOTFS / 'bin' / 'busybox', folder)
        with open(path, 'wb') as large:
            for block in range(100):
                large.write(hashlib.sha512(b'%d' % block).digest() * (1 << 14))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        finished = run(*BOUND, '/', f'{folder}/busybox', 'sha256sum', str(path), timeout=150)
        expect(finished, 0, f'{digest}  {path}\n'.encode())


@case
def tracing_and_timing():
    finished = exits('status', '5', options=['--strace'])
    expect(finished, 5, b'')
    assert b'exit_group(5)' in finished.stderr, finished.stderr
    filtered = busybox('wc', '/etc/passwd', options=['--strace=read,openat'])
    assert b' read(' in filtered.stderr and b'/etc/passwd' in filtered.stderr and b'exit_group' not in filtered.stderr, filtered.stderr
    finished = exits('status', '0', options=['--timing', '--summary', '--kernel-log'])
    expect(finished, 0, b'', 'program starts')
    assert b'summary: ran' in finished.stderr and b'kernel: ' in finished.stderr


def on_terminal(words, script):
    for fd in open_terminal():
        os.close(fd)
    pid, master = pty.fork()
    if pid == 0:
        os.execv(CORRIDA, [CORRIDA, 'run', *BOUND, '-t', DIR, *words])
    try:
        got = script(master)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), got
    finally:
        os.close(master)


@case
def a_terminal():
    def size(fd):
        got = read_until(fd, rb'# ')
        os.write(fd, b'stty size; echo a\\tb; exit 3\r')
        return got + read_until(fd, rb'\r\na\tb|atb')
    status, got = on_terminal(['/bin/busybox', 'sh'], size)
    assert status == 3, (status, got)

    def interrupt(fd):
        got = read_until(fd, b'ready\r\n')
        os.write(fd, b'\x03')
        return got
    status, got = on_terminal(['/bin/exits', 'hold'], interrupt)
    assert status == 130, (status, got)


@case
def job_control():
    def talk(fd):
        got = read_until(fd, rb'# ')
        for send, wait in ((b'sleep 100\r', rb'sleep 100'), (b'\x1a', rb'Stopped'), (b'jobs\r', rb'Stopped +sleep 100'),
                           (b'bg\r', rb'sleep 100'), (b'fg\r', rb'sleep 100'), (b'\x03', rb'# '),
                           (b'echo status $?\r', rb'status 130'), (b'stty -a | head -1; stty size\r', rb'24 80'),
                           (b'echo 5 | (read x; echo x$x)\r', rb'\nx5'), (b'trap "echo trapped" INT\r', rb'# '),
                           (b'kill -INT $$\r', rb'\ntrapped'), (b'exit 9\r', rb'')):
            CLOCK.sleep(0.3)
            os.write(fd, send)
            got += read_until(fd, wait) if wait else b''
        return got
    status, got = on_terminal(['/bin/busybox', 'sh'], talk)
    assert status == 9, (status, got)


if __name__ == '__main__':
    main()
