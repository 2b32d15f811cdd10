# SPDX-License-Identifier: MIT
"""Interactive shells on a terminal of the VM (-t): line editing by the line discipline, Ctrl-C,
Ctrl-Z, fg, bg, pipelines, substitutions, traps, here-documents; and a long script."""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile

from harness import BOUND, CLOCK, CORRIDA, case, expect, main, open_terminal, run

SHELLS = {'bash': '/bin/bash-static', 'zsh': '/bin/zsh-static', 'busybox': '/bin/busybox'}
LIMIT = 40


def share(root):
    """A root directory with the three shells in it."""
    root = pathlib.Path(root)
    for sub in ('bin', 'root'):
        (root / sub).mkdir(exist_ok=True)
    for path in SHELLS.values():
        assert os.path.exists(path), f'{path} is missing: apt-get install bash-static zsh-static busybox-static'
        shutil.copy(path, root / 'bin')
    for applet in ('sh', 'cat', 'sleep', 'ls', 'stty', 'ps', 'tr', 'seq', 'sort', 'grep', 'wc', 'sed', 'awk',
                   'head', 'tail', 'rev', 'expr', 'true', 'false'):
        link = root / 'bin' / applet
        if not link.exists():
            link.symlink_to('busybox')
    return root


class Terminal:
    """corrida run -t on a pseudo-terminal of the host; expect() reads until a pattern."""

    def __init__(self, root, *program):
        for fd in open_terminal():  # skips the case where there is none
            os.close(fd)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ['TERM'] = 'dumb'
            os.execv(CORRIDA, [CORRIDA, 'run', '-t', '-i', '-c', '2', '-e', 'PS1=READY> ', '-e', 'TERM=dumb',
                               '-e', 'PATH=/bin', str(root), *program])
        self.seen = b''

    def expect(self, pattern):
        end = CLOCK.now() + LIMIT
        while CLOCK.now() < end:
            found = re.search(pattern, self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            if select.select([self.fd], [], [], .2)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    data = b''
                if not data:
                    break
                self.seen += data
        raise AssertionError(f'{pattern!r} did not come; the terminal shows {self.seen[-600:]!r}')

    def send(self, text):
        os.write(self.fd, text.encode())

    def line(self, text, *patterns):
        """Types a line and waits for each pattern in its output; then for the prompt."""
        self.send(text + '\n')
        for p in patterns:
            self.expect(p)
        self.expect(rb'READY> ')

    def end(self):
        end = CLOCK.now() + LIMIT
        while CLOCK.now() < end:
            if select.select([self.fd], [], [], .1)[0]:
                try:
                    if not os.read(self.fd, 65536):
                        pass
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        raise AssertionError('the launcher did not end')


def job_control(*shell):
    with tempfile.TemporaryDirectory(prefix="shells-test-") as root:
        t = Terminal(share(root), *shell)
        try:
            t.expect(rb'READY> ')
            t.line('echo a-$((1+1))-b', rb'a-2-b\r\n')
            t.line('echo one two | tr a-z A-Z | rev', rb'OWT ENO\r\n')
            t.line('echo $(echo sub; echo st)', rb'sub st\r\n')
            t.line('cat <<END\nhere $((6*7))\nEND', rb'here 42\r\n')
            t.line('sh -c "exit 5"; echo st=$?', rb'st=5\r\n')
            t.send('sleep 100\n')
            CLOCK.sleep(1.5)
            t.send('\x03')  # Ctrl-C
            t.expect(rb'READY> ')
            t.line('echo st=$?', rb'st=130\r\n')
            t.send('sleep 101\n')
            CLOCK.sleep(1.5)
            t.send('\x1a')  # Ctrl-Z
            t.expect(rb'(?i)(stopped|suspended)')
            t.expect(rb'READY> ')
            t.line('jobs', rb'(?i)(stopped|suspended).*sleep 101')
            t.line('bg', rb'sleep 101')
            t.line('jobs', rb'(?i)running.*sleep 101')
            t.send('fg\n')
            t.expect(rb'sleep 101')
            CLOCK.sleep(1)
            t.send('\x03')
            t.expect(rb'READY> ')
            t.line("trap 'echo trap''ped' USR1; kill -USR1 $$", rb'trapped\r\n')
            t.line('stty -a', rb'icanon', rb'echo')
            # the line discipline edits: DEL takes a character back, Ctrl-U the line
            t.send('cat\n')
            CLOCK.sleep(1)
            t.send('abx\x7fc\n')
            t.expect(rb'\nabc\r\n')
            t.send('\x04')  # end of input
            t.expect(rb'READY> ')
            t.send('exit 9\n')
            assert t.end() == 9
        finally:
            try:
                os.kill(t.pid, 9)
            except OSError:
                pass


@case
def bash_has_job_control():
    job_control('/bin/bash-static', '--norc', '--noediting', '-i')


@case
def zsh_has_job_control():
    job_control('/bin/zsh-static', '-f', '-i', '+Z', '-o', 'no_prompt_cr', '-o', 'no_prompt_sp')


@case
def busybox_sh_has_job_control():
    job_control('/bin/busybox', 'sh', '-i')


def long_script():
    """Ten thousand lines: arithmetic, functions, and every 40th a pipeline."""
    lines = ['f() { n=$((n + $1)); }', 'n=0']
    for i in range(10000):
        if i % 40 == 0:
            lines.append(f'echo {i} $n | tr 0-9 a-j | sort | head -1')
        elif i % 7 == 0:
            lines.append(f'x=$(echo {i} $n); echo "$x"')
        elif i % 3 == 0:
            lines.append(f'f {i}')
        else:
            lines.append(f'case $n in *{i % 10}) echo "hit {i}" ;; *) : ;; esac')
    lines.append('echo end $n')
    return '\n'.join(lines) + '\n'


@case
def a_script_of_ten_thousand_lines():
    with tempfile.TemporaryDirectory(prefix="shells-test-") as root:
        root = share(root)
        (root / 'script').write_text(long_script())
        host = subprocess.run(['/bin/busybox', 'sh', str(root / 'script')], capture_output=True,
                              env={'PATH': f'{root}/bin'})
        assert host.stdout.endswith(b'\n') and host.stdout.count(b'\n') > 1000
        vm = run(*BOUND, '-c', '2', '-e', 'PATH=/bin', str(root), '/bin/busybox', 'sh', '/script',
                 timeout=170)
        expect(vm, host.returncode, host.stdout)


main()
