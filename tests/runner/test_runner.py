# SPDX-License-Identifier: MIT
"""The runner itself (tests/run), its clock (tests/pace.py) and .ci/run: what counts as passed, when
a test's time is over, what is inherited."""
import contextlib
import ctypes
import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS / 'launcher')]
import pace  # noqa: E402
from harness import case, main  # noqa: E402

RUN = TESTS / 'run'
_loader = importlib.machinery.SourceFileLoader('runner', str(RUN))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader('runner', _loader))
sys.dont_write_bytecode = True
_loader.exec_module(runner)


def outcomes(text):
    cases, problem = runner.parse_tap(text)
    return [(c.name, c.outcome) for c in cases], problem


def shell(script, timeout=20, **more):
    return runner.run_job(runner.Job('unit', 'x', ['sh', '-c', script], timeout), **more)


def failures(job):
    return {c.name: c.detail for c in job.cases if c.outcome == 'failed'}


@case
def plans():
    good = [('a', 'passed'), ('b', 'skipped')]
    for text in ('1..2\nok 1 - a\nok 2 - b # SKIP why\n', 'ok - a\r\n# note\nok 2 b # skip\n1..2\n'):
        assert outcomes(text) == (good, None), outcomes(text)
    for text, problem in (('', 'no TAP output at all'), ('hello\n', 'no TAP output at all'), ('ok 1 - a\n', 'no plan'),
                          ('1..2\nok 1 - a\n', 'planned 2 results, got 1'), ('1..0\n', 'an empty plan'),
                          ('ok 1 - a\nok 2 - b\n1..1\n', 'planned 1 results, got 2'), ('1..1\n1..1\n', 'two plans'),
                          ('1..2\nok 1 - a\nok 3 - b\n', 'result 3 comes after 1'),
                          ('1..1\nBail out! no\nok 1 - a\n', 'Bail out! no')):
        assert outcomes(text)[1] == problem, (text, outcomes(text))
    # only a newline ends a line, and there are numbers that nobody means
    for text, problem in (('1..2\nok 1 - a\x0cok 2 - b\n', 'planned 2 results, got 1'),
                          ('1..2\nok 1 - a\u2028ok 2 - b\n', 'planned 2 results, got 1'),
                          ('1..' + '9' * 5000 + '\nok 1 - a\n', 'no plan')):
        assert outcomes(text)[1] == problem, (text[:50], outcomes(text))
    assert outcomes('1..0 # SKIP none here\n') == ([('all', 'skipped')], None)
    assert outcomes('1..1\nnot ok 1 - a\n') == ([('a', 'failed')], None)


@case
def a_test_passes_only_by_its_own_word():
    assert not failures(shell('echo 1..1; echo ok 1 - a'))
    for script, wanted in (('exit 0', 'no TAP output'), ('echo 1..1; echo ok 1 - a; exit 3', 'exit status 3'),
                           ('echo 1..1; exit 3', 'exit status 3'),
                           ('echo 1..1; echo ok 1 - a; yes | head -c 5000000; echo not ok 2', 'bytes of output'), ('echo 1..1; echo ok 1 - a; kill -9 $$', 'exit status -9')):
        found = failures(shell(script))
        assert wanted in found['the whole program'], (script, found)
    assert list(failures(shell('echo 1..1; echo not ok 1 - a; exit 1'))) == ['a']


@case
def what_cannot_be_started_has_failed():
    for command in (['/nonexistent/program'], [str(TESTS)]):
        job = runner.run_job(runner.Job('unit', 'x', command, 5))
        assert 'Bail out!' in failures(job)['the whole program'] and job.done.is_set(), failures(job)


@case
def any_bytes_are_output():
    job = shell(r"printf '1..1\nok 1 - \377\000\033\n'")
    assert not failures(job)
    with tempfile.NamedTemporaryFile() as report:
        runner.write_junit(report.name, [job])
        assert len(xml.parse(report.name).findall('.//testcase')) == 1


def alive(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] not in 'ZX'
    return False


def ends(pid):
    for _ in range(500):
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


@case
def what_a_test_leaves_behind_is_killed():
    # in its group, and in a session of its own with the pipe still open
    for script in ('sleep 1000 & echo "# $!"', 'setsid sh -c \'echo "# $$"; exec sleep 1000\' & sleep 0.5'):
        job = shell(script + '; echo 1..1; echo ok 1 - a')
        assert not failures(job) and job.seconds < 4, (failures(job), job.seconds)
        assert ends(int(job.output.split()[1]))


@case
def a_runner_that_dies_takes_everything_along():
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        with tempfile.TemporaryDirectory() as build:
            folder = pathlib.Path(build, 'tests', 'unit')
            folder.mkdir(parents=True)
            test = folder / 'test_fair'
            test.write_text(f'#!/bin/sh\ntrap "" TERM INT HUP\nsetsid sleep 1000 & echo $! > {build}/pids\n'
                            f'echo $$ >> {build}/pids\nmv {build}/pids {build}/ready\nwhile :; do sleep 1000; done\n')
            test.chmod(0o755)
            ready = pathlib.Path(build, 'ready')
            with subprocess.Popen([sys.executable, str(RUN), '--build', build, '--only', 'unit', '--filter', 'test_fair$'],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
                while not ready.exists():
                    assert process.poll() is None
                    time.sleep(0.05)
                process.send_signal(number)
                assert process.wait() == -number
            for pid in ready.read_text().split():
                assert ends(int(pid)), number


@case
def a_hung_test_ends_at_its_limit():
    for script in ('echo 1..1; sleep 1000', 'trap "" TERM; echo 1..1; while :; do sleep 1000; done'):
        job = shell(script, timeout=1)
        assert 'no end after' in failures(job)['the whole program']
        assert 1 <= job.seconds < 7, job.seconds


@contextlib.contextmanager
def crowd(number):
    """Busy loops on one CPU, which this process keeps to as well.  Each is a session: Linux may give
    those equal shares, however many processes they have."""
    before = os.sched_getaffinity(0)
    loops = []
    try:
        os.sched_setaffinity(0, {min(before)})
        loops = [subprocess.Popen([sys.executable, '-c', 'while True: pass'], start_new_session=True)
                 for _ in range(number)]
        yield loops
    finally:
        os.sched_setaffinity(0, before)
        for loop in loops:
            loop.kill()
            loop.wait()


SPIN = 'import time\nwhile time.process_time() < {}: pass\nprint("1..1\\nok 1 - a")'


@case
def a_limit_follows_what_the_test_gets():
    with crowd(5):
        job = runner.run_job(runner.Job('unit', 'x', [sys.executable, '-c', SPIN.format(1)], 2))
        assert not failures(job) and job.seconds > 3, (job.seconds, failures(job))
        # the ceiling holds, and so does the limit for one that spins for ever
        job = shell('while :; do :; done', timeout=0.5)
        assert failures(job) and 1 < job.seconds < 0.5 * runner.CEILING + 10, job.seconds


@case
def a_clock_is_that_of_its_processes():
    assert pace.share(1, 0, 1) == 1 and pace.share(0, 0, 1) == 1 and pace.share(0, 0, 0) == 1
    assert abs(pace.share(0.1, 0.9, 1) - 0.1) < 1e-9 and abs(pace.share(1, 3, 2) - 0.25) < 1e-9
    assert abs(pace.share(0.1, 0.2, 1) - 0.8) < 1e-9  # mostly asleep: only what it waited is lost
    with crowd(4) as loops, subprocess.Popen(['sleep', '100']) as sleeper:
        clocks = [pace.Pace(loops[0].pid), pace.Pace(sleeper.pid)]
        begin = time.monotonic()
        time.sleep(2)
        spins, sleeps = (c.now() for c in clocks)
        passed = time.monotonic() - begin
        sleeper.kill()
    assert spins < passed * 0.6 and sleeps > passed * 0.6, (spins, sleeps, passed)


@case
def a_budget_ends_everything():
    job = shell('sleep 1000', end=time.monotonic() + 1)
    assert failures(job) and job.seconds < 7
    job = shell('echo 1..1; echo ok', end=time.monotonic() - 1)
    assert 'not started' in failures(job)['the whole program'] and job.seconds == 0


@case
def what_ran_on_linux_runs_in_the_vm():
    def compare(native, vm):
        oracle, job = runner.Job('native', 'x', [], 1), runner.Job('guest', 'x', [], 1, oracle=None)
        oracle.cases = [runner.Case(n, o) for n, o in native]
        job.cases, job.oracle = [runner.Case(n, o) for n, o in vm], oracle
        runner.compare_with_linux(job)
        return list(failures(job))
    p, s, f = 'passed', 'skipped', 'failed'
    assert compare([('a', p)], [('a', p)]) == []
    assert compare([('a', p)], [('a', s)]) == ['a']
    assert compare([('a', f)], [('a', s)]) == ['a']
    assert compare([('a', s)], [('a', s)]) == []
    assert compare([('a', s)], [('a', p)]) == []
    assert compare([('a', s)], []) == []
    assert compare([], [('a', s)]) == []
    assert compare([('a', p), ('b', p)], [('b', p)]) == ['a']
    assert compare([('a', p), ('a', p)], [('a', p), ('a', s)]) == ['a']
    oracle = runner.Job('native', 'x', ['sh', '-c', 'echo 1..1; echo ok 1 - a'], 20)
    job = runner.Job('guest', 'x', ['sh', '-c', 'echo 1..1; echo "ok 1 - a # SKIP no"'], 20, oracle=oracle)
    runner.run_job(oracle)
    assert 'ran on Linux: no' in failures(runner.run_job(job))['a']


@case
def ignored_and_blocked_signals_are_not_inherited():
    def ignore():
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        # as make's children have it: glibc's own
        ctypes.CDLL(None).syscall(pace.SYS_RT_SIGACTION, 32, (ctypes.c_uint64 * 4)(1), None, 8)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    code = ('import os, signal, subprocess, sys; sys.path.insert(0, sys.argv[1]); import pace; pace.default_signals();'
            'os.kill(os.getpid(), signal.SIGINT); print(subprocess.check_output(["cat", "/proc/self/status"], text=True))')
    out = subprocess.run([sys.executable, '-c', code, str(TESTS)], preexec_fn=ignore, text=True, stdout=subprocess.PIPE,
                         check=True).stdout
    masks = dict(line.split() for line in out.splitlines() if line.startswith('Sig'))
    assert int(masks['SigIgn:'], 16) == 0 and int(masks['SigBlk:'], 16) == 0, masks


def runs(*words):
    return subprocess.run([sys.executable, str(RUN), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)


@case
def the_summary():
    with tempfile.TemporaryDirectory() as build:
        folder = pathlib.Path(build, 'tests', 'unit')
        folder.mkdir(parents=True)
        for name, script in (('test_fair', 'echo 1..2; echo ok 1 - good; echo "ok 2 - other # SKIP why"'),
                             ('test_ring', 'echo 1..1; echo not ok 1 - bad')):
            (folder / name).write_text(f'#!/bin/sh\n{script}\n')
            (folder / name).chmod(0o755)
        report = pathlib.Path(build, 'junit.xml')
        done = runs('--build', build, '--only', 'unit', '--filter', 'test_(fair|ring|vma)$', '--junit', str(report))
        lines = done.stdout.splitlines()
        assert done.returncode == 1 and lines[-1] == '1 passed, 2 failed, 1 skipped', done
        assert {'failed: unit test_ring: bad', 'failed: unit test_vma: the whole program'} <= set(lines), done.stdout
        tree = xml.parse(report).getroot()
        assert sorted(s.get('name') for s in tree) == ['unit test_fair', 'unit test_ring', 'unit test_vma']
        assert len(tree.findall('.//testcase')) == 4 and len(tree.findall('.//failure')) == 2
        assert len(tree.findall('.//skipped')) == 1
        done = runs('--build', build, '--only', 'unit', '--filter', 'test_fair$')
        assert done.returncode == 0 and done.stdout.endswith('\n1 passed, 0 failed, 1 skipped\n'), done
        done = runs('--build', build, '--filter', 'no such test')
        assert done.returncode == 1 and 'nothing to run' in done.stdout, done
        done = runs('--build', build, '--only', 'unit', '--filter', 'test_fair$', '--budget', '0')
        assert done.returncode == 1 and done.stdout.endswith('\n0 passed, 1 failed\n'), done
        resume = ('--build', build, '--only', 'unit', '--filter', 'test_(fair|ring)$', '--resume', f'{build}/passed')
        assert runs(*resume).stdout.endswith('\n1 passed, 1 failed, 1 skipped\n')
        (folder / 'test_ring').write_text('#!/bin/sh\necho 1..1; echo ok 1 - good\n')
        done = runs(*resume)
        assert done.returncode == 0 and done.stdout.endswith('\n1 passed, 0 failed\n'), done
        done = runs(*resume)
        assert done.returncode == 0 and done.stdout.endswith('\n0 passed, 0 failed\n'), done


def ci(**scripts):
    """.ci/run in a tree where each part is a script."""
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        for name in ('.ci', 'tools', 'tests/stress', 'tests/hosts', 'bin'):
            (top / name).mkdir(parents=True)
        shutil.copy(TESTS.parent / '.ci' / 'run', top / '.ci' / 'run')
        for path, name in (('tools/bootstrap', 'bootstrap'), ('tests/run', 'tests'),
                           ('tests/stress/run', 'stress'), ('tests/hosts/run', 'hosts'), ('bin/make', 'make')):
            (top / path).write_text(f'#!/bin/sh\n{scripts.get(name, "true")}\n')
            (top / path).chmod(0o755)
        return subprocess.run([top / '.ci' / 'run'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env={**os.environ, 'PATH': f'{top}/bin:{os.environ["PATH"]}'})


@case
def ci_runs_all_parts_and_adds_their_counts():
    # install-deps, build, lint, debug build, stress, lint-test and the other host count as one each
    for scripts, status, counts in (
            ({'tests': 'echo 3 passed, 0 failed, 2 skipped'}, 0, '4 skipped\n13 passed, 0 failed\n'),
            ({'tests': 'echo 3 passed, 1 failed; exit 1'}, 1, '0 skipped\n13 passed, 2 failed\n'),
            ({'tests': 'echo 3 passed, 0 failed; exit 1'}, 1, '0 skipped\n13 passed, 2 failed\n'),
            ({'tests': 'echo 10 passed, 10 failed; exit 1'}, 1, '0 skipped\n27 passed, 20 failed\n'),
            ({'tests': 'exit 1'}, 1, '0 skipped\n7 passed, 2 failed\n'),
            ({'tests': 'echo exit status 0; exit 1'}, 1, '0 skipped\n7 passed, 2 failed\n'),
            ({'tests': 'setsid sleep 30 & echo 3 passed, 0 failed'}, 0, '0 skipped\n13 passed, 0 failed\n'),
            ({'tests': 'kill -9 $$'}, 1, '0 skipped\n7 passed, 2 failed\n'),
            ({'bootstrap': 'exit 1', 'make': 'exit 2', 'tests': 'echo 3 passed, 0 failed'}, 1,
             '0 skipped\n8 passed, 5 failed\n'),
            ({'hosts': 'echo hosts: no trixie >&2; exit 1', 'tests': 'echo 3 passed, 0 failed'}, 1,
             '0 skipped\n12 passed, 1 failed\n')):
        done = ci(**scripts)
        assert done.returncode == status and done.stdout.endswith('\n' + counts), (scripts, done.stdout, done.stderr)
        assert scripts['tests'].partition('echo ')[2].partition(';')[0] in done.stdout, done.stdout


if __name__ == '__main__':
    main()
