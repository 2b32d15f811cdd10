# SPDX-License-Identifier: MIT
"""What the launcher's tests share: a TAP frame, the launcher as this user or as an
ordinary one, and a way to see whether a VM left anything behind.

Limits are on the scale of CLOCK, which follows what this process and its children get of the
machine.  Where a VM gets a --timeout only to be sure that it ends, that is BOUND."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import pace  # noqa: E402

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent / 'build').resolve()
CORRIDA = str(BUILD / 'corrida')
ROOTFS = BUILD / 'rootfs'
FAKE = ['--qemu', str(HERE / 'fake-qemu'), '--kernel', '/dev/null']

CLOCK = pace.Pace()
BOUND = ['--timeout', '900']

_cases = []


class Skip(Exception):
    """The case cannot be tried here; the text says why."""


def case(function):
    _cases.append(function)
    return function


def main():
    pace.default_signals()
    only = sys.argv[2] if len(sys.argv) > 2 else ''
    chosen = [c for c in _cases if only in c.__name__]
    print(f'1..{len(chosen)}', flush=True)
    for number, function in enumerate(chosen, 1):
        name = function.__name__ + (f': {function.__doc__}' if function.__doc__ else '')
        begin = time.monotonic()
        try:
            function()
            print(f'ok {number} - {name}')
        except Skip as reason:
            print(f'ok {number} - {name} # SKIP {reason}')
        except Exception:
            for line in traceback.format_exc().splitlines():
                print('# ' + line[:2000])
            print(f'not ok {number} - {name}')
        print(f'# {time.monotonic() - begin:.2f} s', flush=True)


def as_nobody():
    """A command prefix that runs as an ordinary user."""
    if os.geteuid() != 0:
        return []
    prefix = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    if not shutil.which('setpriv'):
        raise Skip('no setpriv (util-linux)')
    if subprocess.run([*prefix, 'unshare', '--user', 'true'], stderr=subprocess.DEVNULL).returncode:
        raise Skip('ordinary users have no user namespaces here (a chroot forbids them)')
    if subprocess.run([*prefix, 'test', '-x', str(HERE / 'fake-qemu')]).returncode:
        raise Skip(f'ordinary users cannot go to {HERE}')
    return prefix


def users():
    """Prefixes for the user who runs the tests and, if that is possible, an ordinary one."""
    try:
        return [[], as_nobody()]
    except Skip as reason:
        print(f'# not tried as an ordinary user: {reason}')
        return [[]]


def open_terminal():
    """(master, slave) of a new terminal."""
    try:
        return pty.openpty()
    except OSError as error:
        raise Skip(f'no pseudo-terminals here: {error}') from None


def communicate(process, stdin=None, timeout=60):
    """process.communicate() with a limit on CLOCK's scale; past it, kills the process."""
    end = CLOCK.now() + timeout
    got = []
    worker = threading.Thread(target=lambda: got.append(process.communicate(stdin)), daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(0.2)
        if worker.is_alive() and CLOCK.now() > end:
            process.kill()
            worker.join(10)
            out, err = got[0] if got else (None, None)
            raise AssertionError(f'no end within {timeout} s: stdout {(out or b"")[-400:]!r}, '
                                 f'stderr {(err or b"")[-2000:]!r}')
    return got[0]


def wait(process, timeout):
    """process.wait() likewise, but nothing is killed."""
    wait_until(lambda: process.poll() is not None, timeout, 'the end of the process')
    return process.returncode


def execute(words, stdin=b'', timeout=60, **more):
    """subprocess.run() with captured output and a limit on CLOCK's scale."""
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **more) as process:
        out, err = communicate(process, stdin, timeout)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def run(*words, prefix=(), **more):
    """`corrida run WORDS`: the finished process, output as bytes."""
    return execute([*prefix, CORRIDA, 'run', *words], **more)


def daemon_is_rust():
    """Whether virtiofsd is the one that is written in Rust: it takes other options, and has other limits."""
    return b'--shared-dir' in run('--dry-run', str(ROOTFS), '/x').stdout


def start(*words, prefix=(), **more):
    more.setdefault('stdin', subprocess.DEVNULL)
    more.setdefault('stdout', subprocess.PIPE)
    more.setdefault('stderr', subprocess.PIPE)
    return subprocess.Popen([*prefix, CORRIDA, 'run', *words], **more)


def expect(process, status, stdout=None, stderr=None):
    """Checks a finished process; stderr is a text that must occur."""
    said = f'status {process.returncode}\nstdout {process.stdout[:400]!r}\n' \
           f'stderr {process.stderr[-2000:]!r}'
    assert process.returncode == status, f'wanted status {status}: {said}'
    if stdout is not None:
        assert process.stdout == stdout, f'wanted stdout {stdout[:200]!r}: {said}'
    if stderr is not None:
        assert stderr.encode() in process.stderr, f'wanted on stderr {stderr!r}: {said}'


def stat_fields(pid):
    """(comm, state, parent) of a process, None when it is gone."""
    try:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = text[text.index('(') + 1:].rsplit(')', 1)
    fields = rest.split()
    return name, fields[0], int(fields[1])


def children(pid):
    """{pid: comm} of the live children of a process."""
    found = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            fields = stat_fields(entry)
            if fields and fields[2] == pid and fields[1] != 'Z':
                found[int(entry)] = fields[0]
    return found


def is_gone(pid):
    """Zombies count as gone: whoever adopted them has to reap them."""
    fields = stat_fields(pid)
    return fields is None or fields[1] in 'ZX'


def wait_until(condition, seconds, what):
    end = CLOCK.now() + seconds
    while not condition():
        assert CLOCK.now() <= end, f'{what}: not within {seconds} s'
        time.sleep(0.005)


def helpers(process):
    """Waits until both helpers have been executed: {'qemu': pid, 'virtiofsd': pid}."""
    found = {}

    def both():
        found.clear()
        for pid, name in children(process.pid).items():
            if name.startswith(('qemu', 'fake-qemu', 'python')):
                found['qemu'] = pid
            elif name.startswith('virtiofsd'):
                found['virtiofsd'] = pid
        return len(found) == 2

    wait_until(both, 10, 'both helpers run')
    return found


def send_and_see(process, number):
    """Sends a signal and waits until the process has taken it: a second one of the same number
    would be merged with one that is still pending."""
    process.send_signal(number)

    def taken():
        text = pathlib.Path(f'/proc/{process.pid}/status').read_text()
        return not any(int(mask, 16) >> number - 1 & 1
                       for mask in re.findall(r'^(?:Sig|Shd)Pnd:\s*(\w+)', text, re.M))
    wait_until(taken, 10, f'signal {number} is taken')


def read_until(fd, pattern, seconds=20):
    """What a terminal or pipe shows, up to and with a pattern."""
    got, end = b'', CLOCK.now() + seconds
    while not re.search(pattern, got):
        assert CLOCK.now() <= end, f'no {pattern!r} in {got!r}'
        if select.select([fd], [], [], 0.2)[0]:
            got += os.read(fd, 4096)
    return got


class Traces:
    """What a VM could leave behind: with Traces(): ... fails if it did."""

    @staticmethod
    def look():
        files = set()
        for folder in ('/tmp', '/run', '/var/run', '/dev/shm', '/var/tmp'):
            if os.path.isdir(folder):
                files |= {f'{folder}/{name}' for name in os.listdir(folder)
                          if any(word in name for word in ('corrida', 'qemu', 'virtio', 'vhost'))}
        return files

    def __enter__(self):
        self.before = self.look()
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            left = self.look() - self.before
            assert not left, f'left behind: {left}'


def temporary_root(**programs):
    """A share of its own with some programs of the sample root: (object to keep, path)."""
    keep = tempfile.TemporaryDirectory(prefix='launcher-test-')
    path = pathlib.Path(keep.name)
    os.chmod(path, 0o755)
    (path / 'bin').mkdir()
    for name in ('hello', 'exits', 'busybox'):
        shutil.copy2(ROOTFS / 'bin' / name, path / 'bin' / name)
    for name in ('tmp', 'proc', 'dev', 'run'):
        (path / name).mkdir()
    return keep, path


def kill_and_wait(process):
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.communicate()
