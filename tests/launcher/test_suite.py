# SPDX-License-Identifier: MIT
"""`corrida suite` with the real kernel, and the small parts of the command line."""
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import xml.etree.ElementTree as xml

from harness import (BOUND, BUILD, CORRIDA, HERE, ROOTFS, case, children, execute, is_gone, main,
                     wait_until)


def corrida(*words):
    done = execute([CORRIDA, *words], timeout=120)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def suite_root():
    keep = tempfile.TemporaryDirectory(prefix='suite-test-')
    root = pathlib.Path(keep.name)
    root.chmod(0o755)
    for name, program in (('a/passes', 'hello'), ('a/b/passes-too', 'hello-glibc'), ('fails', 'exits')):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOTFS / 'bin' / program, root / name)
    shutil.copy2('/bin/ls', root / 'dynamic')
    (root / 'text').write_text('no program\n')
    (root / 'text').chmod(0o755)
    (root / 'not-executable').write_bytes((root / 'fails').read_bytes())
    return keep, root


def check_suite(*options):
    keep, root = suite_root()
    with keep:
        before = sorted(p.name for p in root.iterdir())
        done = corrida('suite', *BOUND, '--junit', str(root / 'out.xml'), *options, str(root))
        assert done.stdout.endswith('\n2 passed, 1 failed, 1 skipped\n'), done
        assert done.returncode == 1 and re.search(r'^FAILED +fails', done.stdout, re.M), done
        assert re.search(r'^skipped +dynamic', done.stdout, re.M), done
        cases = list(xml.parse(root / 'out.xml').getroot())
        assert [c.get('name') for c in cases] == ['a/b/passes-too', 'a/passes', 'dynamic', 'fails']
        (root / 'out.xml').unlink()
        done = corrida('suite', '--native', *options, str(root))
        assert done.returncode == 0 and done.stdout.endswith('\n2 passed, 0 failed, 2 skipped\n'), done
        assert 'fails on this Linux too' in done.stdout
        assert sorted(p.name for p in root.iterdir()) == before, 'something was left'


@case
def suite_with_a_vm_for_each():
    check_suite()


@case
def suite_in_one_vm():
    check_suite('--one-vm')


@case
def names_of_tests_do_not_reach_a_terminal_raw():
    with tempfile.TemporaryDirectory(prefix='suite-test-') as folder:
        pathlib.Path(folder).chmod(0o755)
        shutil.copy2(ROOTFS / 'bin' / 'exits', pathlib.Path(folder, '\x1b[31m\x9bfails\x7f'))
        for options in ([], ['--one-vm']):
            done = corrida('suite', *options, folder)
            assert done.stdout.endswith('\n0 passed, 1 failed, 0 skipped\n') and '?[31m?fails?' in done.stdout, done
            said = done.stdout + done.stderr
            assert not [c for c in said if c < ' ' and c not in '\n\t' or '\x7f' <= c <= '\x9f'], done


@case
def names_of_tests_are_one_line():
    """and a test with an odd one is run all the same"""
    with tempfile.TemporaryDirectory(prefix='suite-test-') as folder:
        for name in ('a', 'b\n9 passed, 0 failed, 0 skipped\n7 c', 'd'):
            shutil.copy(ROOTFS / 'bin' / 'hello', pathlib.Path(folder, name))
        for options in ((), ('--one-vm',)):
            done = corrida('suite', *BOUND, '--verbose', *options, folder)
            assert done.stdout.endswith('\n3 passed, 0 failed, 0 skipped\n'), done
            assert done.stdout.count('\n9 passed') == 0 and 'b?9 passed' in done.stdout, done


@case
def a_suite_that_is_killed_leaves_nothing():
    with tempfile.TemporaryDirectory(prefix='suite-test-') as folder:
        test = pathlib.Path(folder, 'sleeper')
        test.write_bytes(SLEEPER)
        test.chmod(0o755)
        for options in ((), ('--one-vm',), ('--native',)):
            for number in (signal.SIGKILL, signal.SIGTERM):
                process = subprocess.Popen([CORRIDA, 'suite', *BOUND, *options, folder],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                below = []

                def runs():
                    below[:] = descendants(process.pid)
                    names = {name for _, name in below}
                    return 'sleeper' in names or any(n.startswith('qemu') for n in names)
                try:
                    wait_until(runs, 20, 'a test that runs')
                    if options == ('--one-vm',):
                        wait_until(lambda: os.listdir(folder) == ['sleeper'], 20, 'the runner is gone')
                    below = descendants(process.pid)
                finally:
                    process.send_signal(number)
                    process.wait()
                wait_until(lambda: all(is_gone(p) for p, _ in below), 5, f'{options} {number}: {below} gone')
                assert os.listdir(folder) == ['sleeper'], os.listdir(folder)


def descendants(pid):
    """[(pid, comm)] of the live ones."""
    found = []
    for child, name in children(pid).items():
        found += [(child, name), *descendants(child)]
    return found


def program(code):
    """An executable of these few instructions."""
    code = bytes.fromhex(code)
    return (b'\x7fELF\2\1\1' + bytes(9)
            + struct.pack('<HHIQQQIHHHHHH', 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
            + struct.pack('<IIQQQQQQ', 1, 5, 0, 0x400000, 0x400000, 0x78 + len(code), 0x78 + len(code), 4096) + code)


PAUSE = 'b8220000000f05 ebf7'
SLEEPER = program(PAUSE)
# kill(getppid(), SIGSTOP)
STOPPER = program('b86e0000000f05 89c7 be13000000 b83e0000000f05' + PAUSE)


@case
def a_test_that_stops_the_runner_ends_nevertheless():
    with tempfile.TemporaryDirectory(prefix='suite-test-') as folder:
        for name, content in (('a', STOPPER), ('b', (ROOTFS / 'bin' / 'hello').read_bytes())):
            pathlib.Path(folder, name).write_bytes(content)
            pathlib.Path(folder, name).chmod(0o755)
        done = corrida('suite', '--one-vm', '--timeout', '3', folder)
        assert done.stdout.endswith('\n1 passed, 1 failed, 0 skipped\n'), done


@case
def a_guest_does_not_say_where_reports_go():
    keep, root = suite_root()
    with keep, tempfile.TemporaryDirectory(prefix='suite-test-') as folder:
        victim = pathlib.Path(folder, 'victim')
        victim.write_text('mine')
        (root / 'link').symlink_to(victim)
        (root / 'way').symlink_to(folder)
        os.mkfifo(root / 'pipe')
        own = pathlib.Path(folder, 'own')
        own.symlink_to(folder)
        for name in ('link', 'way/victim', 'pipe', 'a/../link'):
            done = corrida('suite', *BOUND, '--junit', str(root / name), str(root))
            assert done.returncode == 125 and '--junit' in done.stderr, (name, done)
            done = corrida('run', *BOUND, f'--kernel-log={root / name}', str(root), '/a/passes')
            assert done.returncode == 125 and '--kernel-log' in done.stderr, (name, done)
            assert victim.read_text() == 'mine', name
        # the user's own links, and what is no link
        for name in (own / 'log', root / 'log', root / 'a' / '..' / 'log', '/dev/null', '/dev/stderr'):
            done = corrida('run', *BOUND, f'--kernel-log={name}', str(root), '/a/passes')
            assert done.returncode == 0, (name, done)
        assert pathlib.Path(folder, 'log').stat().st_size > 0 and (root / 'log').stat().st_size > 0


@case
def suite_says_what_is_wrong():
    assert 'no static executables' in corrida('suite', '/etc/apt').stderr
    assert corrida('suite', '/nowhere').returncode == 125
    assert 'help suite' in corrida('suite', '--nonsense', '/').stderr
    assert 'one DIR' in corrida('suite').stderr


@case
def help_texts():
    for words, text in ((['--help'], 'Usage:'), (['help'], 'Usage:'), ([], 'Usage:'),
                        (['help', 'run'], '--memory'), (['run', '--help'], '--memory'),
                        (['run', '-h'], '--memory'), (['suite', '-h'], '--one-vm'),
                        (['help', 'suite'], '--one-vm'), (['--version'], 'corrida ')):
        done = corrida(*words)
        assert done.returncode == 0 and text in done.stdout and not done.stderr, (words, done)
    for words in (['help', 'nothing'], ['nothing'], ['--nothing']):
        done = corrida(*words)
        assert done.returncode == 125 and not done.stdout and done.stderr.startswith('corrida: '), done


@case
def bad_options():
    root = str(ROOTFS)
    for words, text in ((['--nonsense', root, '/x'], "unknown option '--nonsense'"),
                        (['--memroy=1', root, '/x'], 'did you mean --memory'),
                        (['-z', root, '/x'], "unknown option '-z'"), (['-m'], 'wants SIZE'),
                        (['--memory', '12Q', root, '/x'], 'not a size'), (['-m', '1M', root, '/x'], 'from 4M'),
                        (['-m', '99999999999999999999G', root, '/x'], 'not a size'),
                        (['-c', '0', root, '/x'], 'from 1 to 64'), (['-c', 'two', root, '/x'], 'not a number'),
                        (['-c', '-1', root, '/x'], 'not a number'), (['--timeout', '0', root, '/x'], '--timeout 0'),
                        (['--timeout', 'nan', root, '/x'], '--timeout nan'), (['-u', 'nobdy', root, '/x'], 'did you mean nobody?'),
                        (['-w', 'relative', root, '/x'], 'must begin with /'), (['--cache=x', root, '/x'], '--cache x'),
                        (['--accel=x', root, '/x'], '--accel x'), (['--ulimit', 'cpu=1', root, '/x'], 'nofile, stack and core'),
                        (['--read-only=yes', root, '/x'], 'takes no value'), (['-e', '=x', root, '/x'], 'NAME=VALUE'),
                        (['--env-file', '/nowhere', root, '/x'], '/nowhere'), (['--kernel', '/nowhere', root, '/x'], '/nowhere'),
                        (['--qemu', '/nowhere', root, '/x'], '/nowhere'), (['--virtiofsd', '/etc/passwd', root, '/x'], '/etc/passwd'),
                        ([], 'DIR is missing'), ([root], 'PROG is missing'), ([root, ''], 'PROG is empty')):
        done = corrida('run', *words)
        assert done.returncode == 125 and text in done.stderr and not done.stdout, (words, done)


@case
def arguments_of_the_program_are_its_own():
    done = corrida('run', '--dry-run', str(ROOTFS), '/bin/x', '-m', '--help', '--', '-z')
    assert done.returncode == 0, done
    for line in ('argv[0] /bin/x', 'argv[1] -m', 'argv[2] --help', 'argv[3] --', 'argv[4] -z'):
        assert line in done.stdout.splitlines(), line


@case
def dry_run_shows_everything_and_starts_nothing():
    done = corrida('run', '--dry-run', '-m', '64M', '-c', '3', '--accel', 'tcg', str(ROOTFS), 'hello')
    assert done.returncode == 0 and not done.stderr
    for text in ('virtiofsd', '--fd=', 'qemu-system-x86_64', 'size=67108864', '-smp 3', 'tcg,thread=multi',
                 'bin/hello\n', str(ROOTFS)):
        assert text in done.stdout, text


@case
def wrapper_script():
    tool = HERE.parent.parent / 'tools' / 'corrida'
    done = subprocess.run([tool, '--version'], capture_output=True, text=True, env={'CORRIDA_BUILD': str(BUILD), 'PATH': '/usr/bin:/bin'})
    assert done.returncode == 0 and done.stdout.startswith('corrida '), done
    done = subprocess.run([tool, '--version'], capture_output=True, text=True, env={'CORRIDA_BUILD': '/nowhere', 'PATH': '/usr/bin:/bin'})
    assert done.returncode == 125 and "build it with 'make'" in done.stderr, done


@case
def readme_names_every_option():
    root = HERE.parent.parent
    readme = (root / 'README.md').read_text()
    subprocess.run([root / 'tools' / 'option-docs.py', '--check', CORRIDA, root / 'README.md'], check=True)
    for option in re.findall(r'^ +(?:-\w, )?(--[\w-]+)', corrida('help', 'run').stdout, re.M):
        assert option in readme, f'{option} is not in README.md'


def options_in(text):
    return sorted(set(re.findall(r'(?<![\w-])--([a-z][a-z-]*)', text)))


@case
def help_manual_and_completion_agree():
    """one table: tools/launcher/option_table.c"""
    completion = corrida('help', '--bash').stdout
    for command in ('run', 'suite', 'doctor'):
        text = corrida('help', command).stdout
        helped = re.findall(r'^  (?:-\w, |    )--([\w-]+)', text, re.M)
        assert helped and len(set(helped)) == len(helped), (command, helped)
        manual = corrida('help', '--man', command).stdout.replace('\\-', '-')
        assert re.findall(r'^\.B (?:-\w, )?--([\w-]+)', manual, re.M) == helped, (command, manual)
        table = corrida('help', '--markdown', command).stdout
        assert re.findall(r'^\| `(?:-\w, )?--([\w-]+)', table, re.M) == helped, (command, table)
        words = re.search(rf"^\t{command}\) options='(.*?)'", completion, re.M)[1].split()
        assert words == [f'--{name}' for name in helped], (command, words)
        assert f'corrida-{command} (1)' in corrida('help', '--man', 'corrida').stdout.replace('\\-', '-')
        # what the texts mention must be there; --timeout and such are of a command, too
        for name in options_in(re.sub(r'corrida help --\w+', '', text)):
            assert name in helped, (command, name)
        # a parser takes each: no answer says that it is unknown
        for name in helped:
            done = corrida(command, f'--{name}' + ('' if name == 'help' else '='))
            assert 'unknown option' not in done.stderr and 'no option here' not in done.stderr, (command, name, done)


@case
def what_make_install_puts_there_works():
    root = HERE.parent.parent
    with tempfile.TemporaryDirectory(prefix='launcher-test-') as folder:
        done = subprocess.run(['make', '-s', '-C', root, f'O={BUILD}', f'DESTDIR={folder}', 'prefix=/usr', 'install'],
                              capture_output=True, text=True, env={**os.environ, 'MAKEFLAGS': ''})
        assert done.returncode == 0, done
        there = {str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob('*') if path.is_file()}
        manuals = {f'usr/share/man/man1/corrida{name}.1' for name in ('', '-run', '-suite', '-doctor')}
        assert there == manuals | {'usr/bin/corrida', 'usr/lib/corrida/corrida.elf',
                                   'usr/share/bash-completion/completions/corrida'}, there
        done = subprocess.run([f'{folder}/usr/bin/corrida', 'run', str(ROOTFS), 'hello'], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith('Hello from'), done
        assert subprocess.run(['bash', '-n', f'{folder}/usr/share/bash-completion/completions/corrida']).returncode == 0


if __name__ == '__main__':
    main()
