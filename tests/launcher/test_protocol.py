# SPDX-License-Identifier: MIT
"""The launcher against a fake QEMU (fake-qemu): everything about streams, signals, messages
and endings that needs no kernel, above all a guest that lies."""
import fcntl
import os
import signal
import struct
import subprocess
import tempfile
import termios
import time

from harness import (CLOCK, CORRIDA, FAKE, ROOTFS, Traces, case, communicate, execute, expect,
                     helpers, is_gone, kill_and_wait, main, open_terminal, read_until, run,
                     send_and_see, start, users, wait, wait_until)

DIR = str(ROOTFS)
ALL_BYTES = bytes(range(256))


def fake(*words, options=(), **more):
    return run(*FAKE, *options, DIR, *words, **more)


@case
def exit_statuses():
    for status in (0, 1, 7, 124, 255):
        expect(fake('/status', str(status)), status, b'')
    expect(fake('/signal', '9'), 137, b'', '/signal was ended by signal 9 (Killed)\n')
    expect(fake('/signal', '64'), 192)
    for quiet in (signal.SIGINT, signal.SIGPIPE):
        finished = fake('/signal', str(int(quiet)))
        assert finished.returncode == 128 + quiet and not finished.stderr, finished.stderr


@case
def stdin_to_stdout_is_exact():
    for data in (b'', b'x', ALL_BYTES, ALL_BYTES * 10000):
        expect(fake('/cat', stdin=data), 0, data)


@case
def streams_stay_apart():
    finished = fake('/both')
    expect(finished, 3, b'to stdout\n')
    assert finished.stderr == b'to stderr\n', finished.stderr


@case
def hundred_mib_of_output():
    finished = fake('/flood', '100')
    assert finished.returncode == 0 and len(finished.stdout) == 100 << 20, finished.stderr
    assert finished.stdout == ALL_BYTES * (4096 * 100)


@case
def slow_reader_gets_everything():
    process = start(*FAKE, DIR, '/flood', '2')
    time.sleep(0.5)
    total = 0
    while True:
        data = os.read(process.stdout.fileno(), 8192)
        if not data:
            break
        total += len(data)
    assert wait(process, 10) == 0 and total == 2 << 20, total


@case
def reader_that_leaves():
    process = start(*FAKE, DIR, '/yes')
    process.stdout.read(10)
    process.stdout.close()
    assert wait(process, 10) == 128 + signal.SIGPIPE


@case
def full_device():
    with open('/dev/full', 'wb') as full:
        process = start(*FAKE, DIR, '/yes', stdout=full)
        _, err = communicate(process, timeout=10)
    assert process.returncode == 125 and b'No space left on device; output is lost' in err, err


@case
def closed_descriptors():
    for closing in ('0<&-', '1>&-', '2>&-', '0<&- 1>&- 2>&-'):
        status = execute(['sh', '-c', f'exec "$@" {closing}', 'sh', CORRIDA, 'run', *FAKE,
                          DIR, '/both'], timeout=20).returncode
        assert status == 3, (closing, status)


@case
def descriptors_of_the_user_stay_blocking():
    ours, theirs = os.pipe()
    process = start(*FAKE, DIR, '/cat', stdin=ours)
    helpers(process)
    CLOCK.sleep(0.2)
    flags = fcntl.fcntl(ours, fcntl.F_GETFL)
    os.close(theirs)
    assert wait(process, 10) == 0
    assert not flags & os.O_NONBLOCK
    os.close(ours)


@case
def nonblocking_descriptors_of_the_user_work():
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    os.set_blocking(in_read, False)
    os.set_blocking(out_write, False)
    process = start(*FAKE, DIR, '/cat', stdin=in_read, stdout=out_write)
    os.close(out_write)
    time.sleep(0.3)
    os.write(in_write, b'late' * 10000)
    os.close(in_write)
    total = b''
    while True:
        data = os.read(out_read, 65536)
        if not data:
            break
        total += data
        time.sleep(0.01)
    assert wait(process, 10) == 0 and total == b'late' * 10000, len(total)
    for fd in (in_read, out_read):
        os.close(fd)


@case
def configuration_reaches_the_kernel():
    with tempfile.NamedTemporaryFile('w', suffix='.env') as env:
        env.write('# comment\n\nFROM_FILE=a b=c\nPASSED\n')
        env.flush()
        shown = fake('bin/show', 'a', '', 'ä', options=[
            '-m', '64M', '-eX=1', '-e', 'X=2', '-e', 'ABSENT', '-e', 'PASSED', '--env-file', env.name,
            '-w', '/tmp', '-u', '12:34', '--strace=open,read', '--wait-all', '--summary',
            '--ulimit', 'nofile=77', '--ulimit', 'stack=16M', '--ulimit', 'core=unlimited'],
            env={**os.environ, 'PASSED': 'yes'}, umask=0o027)
    expect(shown, 0)
    lines = shown.stdout.decode().splitlines()
    for line in ('prog=bin/show', 'workdir=/tmp', 'filter=open,read', 'arg=bin/show', 'arg=a', 'arg=',
                 'arg=ä', 'env=X=2', 'env=FROM_FILE=a b=c', 'env=PASSED=yes', 'env=HOME=/', 'uid=12',
                 'gid=34', 'umask=23', 'nofile=77', f'stack={16 << 20}', f'core={2**64 - 1}'):
        assert line in lines, (line, lines)
    assert not any(line.startswith(('env=ABSENT', 'env=X=1')) for line in lines)
    flags = int(next(line for line in lines if line.startswith('flags='))[6:])
    ids = 8 if os.geteuid() == 0 else 0
    assert flags == 2 | 16 | 32 | ids, flags


@case
def programs_without_slash_are_looked_up():
    shown = fake('hello')
    assert b'traceback' in shown.stderr.lower() or shown.returncode == 125  # no do_hello
    finished = fake('no-such-program')
    expect(finished, 127, b'', 'no-such-program: not found')
    finished = run('--dry-run', *FAKE, '-e', 'PATH=/nowhere:/etc', DIR, 'hello')
    expect(finished, 127, b'', 'not found')
    finished = run('--dry-run', *FAKE, DIR, 'ls', '-l')
    expect(finished, 0)
    assert b'program /usr/bin/ls\n' in finished.stdout or b'program /bin/ls\n' in finished.stdout


@case
def noexec_has_the_kernels_reason():
    expect(fake('/noexec', '126'), 126, b'', 'corrida: cannot be run: a reason')
    expect(fake('/noexec', '127'), 127, b'', 'corrida: cannot be run: a reason')


@case
def panics():
    expect(fake('/panic'), 125, b'before\n', 'kernel: ASSERT failed')
    expect(fake('/serial-panic'), 125, b'', 'kernel: panic: early')


@case
def qemu_ends_by_itself():
    expect(fake('/power-off'), 125, b'', 'without telling how')
    expect(fake('/reset'), 125, b'', 'reset')
    for how in ('/qemu-error', '/slow-death'):
        expect(fake(how), 125, b'', 'QEMU: qemu-system-x86_64: -device nonsense')


@case
def malformed_messages_end_the_vm():
    size, status = 'of a wrong size', 'with an impossible status'
    for kind, why in {'unknown': 'of an unknown type', 'host-type': 'of an unknown type', 'huge': 'longer than 64 KiB',
                      'over': 'longer than 64 KiB', 'started-size': size, 'exit-size': size, 'exit-value': status,
                      'exit-signal': status, 'exit-signal-0': status, 'exit-kind': status, 'noexec-size': size,
                      'noexec-status': status, 'noise': ''}.items():
        begin = CLOCK.now()
        finished = fake('/bad', kind)
        expect(finished, 125, b'', 'the guest sent ')
        assert why.encode() in finished.stderr, (kind, finished.stderr)
        assert CLOCK.now() - begin < 5, kind


@case
def messages_at_their_limits():
    finished = fake('/limits')
    expect(finished, 0, b'', 'corrida: ab\n')
    assert finished.stderr.count(b'w') == 65535


@case
def texts_do_not_break_the_programs_lines():
    finished = fake('/texts', options=['--kernel-log', '--strace'])
    expect(finished, 0)
    assert finished.stderr == (b'half a line\nkernel: a log line\nwrite(1) = 1\nread(0) = 0\n'
                               b'corrida: escape ?[31m and bell ?\n'
                               b'corrida: C1 ?31m ?1m, DEL ?, turned ?txt, cut ??\n'
                               + 'corrida: a\tä€😀\n'.encode()), finished.stderr
    with tempfile.NamedTemporaryFile() as log:
        finished = fake('/texts', options=[f'--kernel-log={log.name}'])
        assert b'a log line' not in finished.stderr and log.read() == b'a log line\n'


@case
def signals_are_passed_on():
    process = start(*FAKE, DIR, '/echo-signals')
    assert process.stdout.readline() == b'ready\n'
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        process.send_signal(number)
        assert process.stdout.readline() == b'signal %d\n' % number
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == b'signal 15\n'
    assert wait(process, 5) == 128 + 15
    kill_and_wait(process)


def send_from_another(process, number):
    """What the same sender repeats within a second counts once."""
    subprocess.run(['kill', f'-{int(number)}', str(process.pid)], check=True)


@case
def second_signal_ends_a_deaf_guest():
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start(*FAKE, DIR, '/deaf')
        assert process.stdout.readline() == b'ready\n'
        send_and_see(process, number)
        CLOCK.sleep(0.2)
        assert process.poll() is None
        send_from_another(process, number)
        out, err = communicate(process, timeout=5)
        assert process.returncode == 128 + number and b'no reaction' in err, err


@case
def timeout_sends_its_signal_twice():
    for _ in range(5):  # a busy host may take a second between the two, and then they are two
        process = start(*FAKE, DIR, '/deaf')
        assert process.stdout.readline() == b'ready\n'
        send_and_see(process, signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        CLOCK.sleep(0.3)
        alive = process.poll() is None
        kill_and_wait(process)
        if alive:
            return
    raise AssertionError('the second one of the same sender was taken for impatience')


@case
def signal_before_the_start_ends_the_vm():
    process = start(*FAKE, DIR, '/deaf-before')
    helpers(process)
    CLOCK.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, err = communicate(process, timeout=5)
    assert process.returncode == 143 and b'before the program had started' in err, err


def start_ignoring(number, *words):
    return start(*words, preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))


@case
def ignored_signals_stay_ignored():
    """like in a background job of sh or under nohup: as for any process"""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGUSR1):
        process = start_ignoring(number, *FAKE, DIR, '/echo-signals')
        assert process.stdout.readline() == b'ready\n'
        process.send_signal(number)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == b'signal 15\n', number
        assert wait(process, 5) == 143
        kill_and_wait(process)


@case
def ends_are_noticed_though_sigchld_was_ignored():
    for victim in ('qemu', 'virtiofsd'):
        process = start_ignoring(signal.SIGCHLD, *FAKE, DIR, '/deaf')
        assert process.stdout.readline() == b'ready\n'
        os.kill(helpers(process)[victim], signal.SIGKILL)
        _, err = communicate(process, timeout=5)
        assert process.returncode == 125 and b'ended unexpectedly: killed by signal 9' in err, err


@case
def timeouts():
    begin = CLOCK.now()
    expect(fake('/deaf', options=['--timeout', '1.5']), 124, b'ready\n', 'timeout after 1.5 s')
    expect(fake('/deaf-before', options=['--timeout', '0.5']), 124, b'', 'before the program had')
    assert CLOCK.now() - begin < 6
    # also while nobody reads what is left
    process = start(*FAKE, '--timeout', '1', DIR, '/flood', '16')
    assert wait(process, 10) == 124
    kill_and_wait(process)


@case
def floods_do_not_outlive_their_time():
    """from where the launcher listens, with and without a reader of its stderr"""
    for what in ('flood-log', 'flood-serial', 'flood-ctl', 'flood-warn'):
        for reader in (subprocess.DEVNULL, subprocess.PIPE):
            process = start(*FAKE, '--timeout', '1', DIR, f'/{what}', stderr=reader)
            assert wait(process, 10) == 124, what
            kill_and_wait(process)


@case
def nobody_who_reads_stderr_or_the_log_does_not_keep_the_vm():
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
        log = os.path.join(folder, 'log')
        os.mkfifo(log)
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        for options, what in (((), '/flood-warn'), ((f'--kernel-log={log}',), '/flood-lines')):
            process = start(*FAKE, *options, DIR, what)
            parts = helpers(process)
            assert process.stdout.readline() == b'ready\n'
            CLOCK.sleep(1)
            for _ in range(30):  # until there is room for it, what still comes is a sign of life
                send_from_another(process, signal.SIGTERM)
                CLOCK.sleep(0.3)
                if process.poll() is not None:
                    break
            assert wait(process, 10) == 143, what
            assert all(is_gone(p) for p in parts.values())
            kill_and_wait(process)
        os.close(reader)


@case
def a_vm_that_hangs_up_is_ended():
    done = fake('/close-ctl')
    expect(done, 125, b'ready\n', 'QEMU has closed the control channel')


@case
def killed_parts_end_all_within_a_second():
    for prefix in users():
        for victim in ('qemu', 'virtiofsd', 'launcher'):
            with Traces():
                process = start(*FAKE, DIR, '/deaf', prefix=prefix)
                assert process.stdout.readline() == b'ready\n'
                parts = helpers(process)
                begin = CLOCK.now()
                os.kill(process.pid if victim == 'launcher' else parts[victim], signal.SIGKILL)
                _, err = communicate(process, timeout=5)
                wait_until(lambda: all(is_gone(p) for p in parts.values()), 1, 'helpers gone')
                assert CLOCK.now() - begin < 1
                if victim == 'launcher':
                    assert process.returncode == -9
                else:
                    name = {'qemu': 'QEMU', 'virtiofsd': 'virtiofsd'}[victim]
                    want = f'corrida: {name} ended unexpectedly: killed by signal 9'.encode()
                    assert process.returncode == 125 and want in err, err


@case
def stop_and_continue():
    process = start(*FAKE, DIR, '/deaf')
    assert process.stdout.readline() == b'ready\n'
    qemu = helpers(process)['qemu']
    process.send_signal(signal.SIGTSTP)

    def states(wanted):
        return all(open(f'/proc/{p}/stat').read().rsplit(')')[1].split()[0] in wanted
                   for p in (process.pid, qemu))
    wait_until(lambda: states('T'), 2, 'stopped')
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: states('SR'), 2, 'continued')
    kill_and_wait(process)


def on_terminal(options, words, script, **more):
    """Runs the launcher with a terminal; script(master) talks with it.  Returns the status,
    everything that came, and the terminal's settings before and after."""
    master, slave = open_terminal()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 99, 0, 0))
    before = termios.tcgetattr(slave)
    process = subprocess.Popen([CORRIDA, 'run', *FAKE, *options, DIR, *words], stdin=slave,
                               stdout=slave, stderr=slave, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **more)
    got = b''
    try:
        got = script(master, process)
        wait(process, 10)
    finally:
        process.poll() is None and process.kill()
    after = termios.tcgetattr(slave)
    os.close(slave)
    os.close(master)
    return process.returncode, got, before, after


@case
def a_terminal_is_raw_and_put_back():
    def talk(fd, process):
        got = read_until(fd, b'size 33 99\r\n')
        os.write(fd, b'\x03\x1a\r')  # Ctrl-C, Ctrl-Z, Return: bytes, not signals
        got += read_until(fd, b'\r>')
        os.write(fd, b'\x04')
        return got + read_until(fd, b'\x04>')
    status, got, before, after = on_terminal(['-ti'], ['/tty'], talk)
    assert status == 0 and before == after, (status, before, after)
    assert b'\x03' in got and b'\x1a' in got, got


@case
def a_terminal_is_put_back_after_every_end():
    def kill_qemu(fd, process):
        got = read_until(fd, b'size 33 99\r\n')
        os.kill(helpers(process)['qemu'], signal.SIGKILL)
        return got + read_until(fd, b'killed by signal 9')

    def terminate(fd, process):
        got = read_until(fd, b'size 33 99\r\n')
        send_and_see(process, signal.SIGTERM)
        CLOCK.sleep(0.2)
        send_from_another(process, signal.SIGTERM)
        return got
    for script, wanted in ((kill_qemu, 125), (terminate, 143)):
        status, _, before, after = on_terminal(['-t'], ['/tty'], script)
        assert status == wanted and before == after, status


@case
def a_new_window_size_is_passed_on():
    def resize(fd, process):
        got = read_until(fd, b'ready')
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 120, 0, 0))
        got += read_until(fd, b'size 50 120')
        process.send_signal(signal.SIGTERM)
        return got
    assert on_terminal(['-t'], ['/echo-signals'], resize)[0] == 143


@case
def ctrl_c_at_a_terminal_reaches_the_program_once():
    def interrupt(fd, process):
        got = read_until(fd, b'ready')
        os.write(fd, b'\x03')
        got += read_until(fd, b'signal 2')
        process.send_signal(signal.SIGTERM)
        return got
    status, got, _, _ = on_terminal([], ['/echo-signals'], interrupt)
    assert status == 143 and got.count(b'signal 2') == 1, (status, got)


@case
def tty_needs_a_terminal():
    expect(fake('/tty', options=['-t']), 125, b'', 'not a terminal')


@case
def a_background_job_is_not_stopped_by_its_stdin():
    master, slave = open_terminal()
    # The session leader holds the terminal; the launcher runs in another process group.
    code = ('import os,subprocess,sys,fcntl,termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);'
            'p = subprocess.Popen(sys.argv[1:], process_group=0);'
            'sys.exit(p.wait())')
    leader = subprocess.Popen(['python3', '-c', code, CORRIDA, 'run', *FAKE, DIR, '/echo-signals'],
                              stdin=slave, stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout.readline() == b'ready\n'
    time.sleep(0.3)
    launcher = [p for p in os.listdir('/proc') if p.isdigit() and _parent(p) == leader.pid][0]
    assert open(f'/proc/{launcher}/stat').read().rsplit(')')[1].split()[0] == 'S'
    os.kill(int(launcher), signal.SIGTERM)
    assert wait(leader, 5) == 143
    os.close(master)
    os.close(slave)


def _parent(pid):
    try:
        return int(open(f'/proc/{pid}/stat').read().rsplit(')')[1].split()[1])
    except OSError:
        return None


@case
def many_at_once_leave_nothing():
    with Traces():
        processes = [start(*FAKE, DIR, '/both') for _ in range(6)]
        for process in processes:
            out, err = communicate(process, timeout=20)
            assert (process.returncode, out, err) == (3, b'to stdout\n', b'to stderr\n')


@case
def read_only_and_odd_directories():
    with tempfile.TemporaryDirectory(prefix='a, b=\\ä ') as odd:
        os.chmod(odd, 0o755)
        for prefix in users():
            for options in ([], ['--read-only']):
                finished = run(*FAKE, *options, odd, '/status', '4', prefix=prefix)
                expect(finished, 4)


if __name__ == '__main__':
    main()
