# SPDX-License-Identifier: MIT
"""The program `determined` on this Linux and in a VM: the same calls, which must give the same lines.

Where a call fails on both, but with another error (two arguments were wrong, and another was found first),
the calls are counted and listed; with --errors they are findings, too.  What else differs is run again on both.  Where Linux does not say the same twice, it is not determined and
only counted; all else is a finding, whose sequence is cut to the steps that it needs."""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

NOBODY = 65534
ERROR = re.compile(r"= -[A-Z][^|={]*?(?= code \d| sig\d| \| |$)")
TRIES = 12  # candidates in one run while cutting


class Compare:
    def __init__(self, o):
        self.o = o
        self.program = o.build / 'stress' / 'bin' / 'determined'
        self.ids = (os.getuid(), os.getgid()) if os.getuid() else (NOBODY, NOBODY)
        self.failures = 0
        self.errors = collections.Counter()  # (call, Linux's error, the VM's)

    def native(self, jobs, tmp):
        here = pathlib.Path(tmp)
        shutil.copy2(self.program, here)
        os.chown(here, *self.ids)
        privileges = {} if os.getuid() else {'user': NOBODY, 'group': NOBODY, 'extra_groups': []}
        run = subprocess.Popen([here / 'determined', here, *jobs], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, umask=0o22, start_new_session=True, **privileges)
        try:
            text, _ = run.communicate(timeout=120 + 10 * len(jobs))
        except subprocess.TimeoutExpired:
            run.kill()  # the others die with their parents
            text, _ = run.communicate()
        return text.decode('utf-8', 'replace')

    def guest(self, jobs, tmp):
        share = pathlib.Path(tmp)
        share.chmod(0o755)
        for directory in ('bin', 'tmp', 'dev', 'proc'):
            (share / directory).mkdir()
        shutil.copy2(self.program, share / 'bin')
        run = subprocess.run([self.o.build / 'corrida', 'run', '--kernel', self.o.build / 'corrida.elf', '-m',
                              self.o.memory, '-c', str(self.o.cpus), '-u', '%d:%d' % self.ids, '--timeout', str(120 + 20 * len(jobs)), share, '/bin/determined', tmp, *jobs],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return run.stdout.decode('utf-8', 'replace')

    def run(self, how, jobs):
        """[lines] of each job."""
        with tempfile.TemporaryDirectory(prefix='corrida-compare-', dir='/dev/shm') as tmp:
            os.chmod(tmp, 0o755)
            text = how(jobs, tmp)
        parts = re.split(r'^== .*\n', text, flags=re.M)[1:]
        if len(parts) != len(jobs) + 1:
            return None, text
        return [p.splitlines() for p in parts[:-1]], text

    def same(self, a, b):
        if a == b:
            return True
        if self.o.errors or ERROR.sub('', a) != ERROR.sub('', b):
            return False
        for x, y in zip(ERROR.findall(a), ERROR.findall(b)):
            if x != y:
                self.errors[a.split()[-1 if len(a.split()) < 3 else 2], x[3:], y[3:]] += 1
        return True

    def first_difference(self, here, there):
        """(step, Linux's line, the VM's line), or None."""
        for i in range(max(len(here), len(there))):
            a = here[i] if i < len(here) else '(nothing)'
            b = there[i] if i < len(there) else '(nothing)'
            if not self.same(a, b):
                found = re.match(r'\d+', a) or re.match(r'\d+', b)
                return int(found[0]) if found else -1, a, b
        return None

    def differences(self, jobs):
        here, text = self.run(self.native, jobs)
        if here is None:
            raise SystemExit(f'determined did not end on Linux:\n{text[-2000:]}')
        there, text = self.run(self.guest, jobs)
        if there is None:
            return None, text
        return [self.first_difference(a, b) for a, b in zip(here, there)], here

    @staticmethod
    def kind(difference):
        """What stays the same while the sequence is cut: the step."""
        return difference and difference[0]

    def confirmed(self, seed, steps):
        """The difference, when Linux says the same thing three times."""
        job = f'{seed}:{steps}'
        found, here = self.differences([job, job, job])
        wrong = next((d for d in found or [] if d), None)
        until = wrong and 1 + next(i for i, line in enumerate(here[0]) if line == wrong[1] or wrong[1] not in here[0])
        return wrong if wrong and len({tuple(lines[:until]) for lines in here}) == 1 else None

    def cut(self, seed, wanted):
        """The steps that the difference at step `wanted` needs."""
        steps, size = list(range(wanted)), max(1, wanted // 2)
        while True:
            chunks = [steps[i:i + size] for i in range(0, len(steps), size)]
            done = True
            for begin in range(0, len(chunks), TRIES):
                group = chunks[begin:begin + TRIES]
                tries = [[s for s in steps if s not in c] for c in group]
                jobs = [f'{seed}:' + ','.join(map(str, [*t, wanted])) + ',' for t in tries]
                found, _ = self.differences(jobs)
                works = [i for i, d in enumerate(found or []) if self.kind(d) == wanted]
                if works:  # together, if that works, too, else the first
                    gone = {s for i in works for s in group[i]}
                    rest = [s for s in steps if s not in gone]
                    again, _ = self.differences([f'{seed}:' + ','.join(map(str, [*rest, wanted])) + ','])
                    steps = rest if again and self.kind(again[0]) == wanted else tries[works[0]]
                    done = False
                    break
            if done:
                if size == 1:
                    return [*steps, wanted]
                size = max(1, size // 4)

    def show(self, seed, count, difference):
        step = difference[0]
        print(f'FAILED: seed {seed}, step {step}\n  Linux: {difference[1]}\n  VM:    {difference[2]}', flush=True)
        if self.o.cut and step >= 0:
            needed = self.cut(seed, step)
            job = f'{seed}:' + ','.join(map(str, needed)) + ','
            (here,), _ = self.run(self.native, [job])
            (there,), _ = self.run(self.guest, [job])
            print(f'  with {len(needed)} of {count} steps, determined {job}')
            for a, b in zip(here, there):
                print(f'    {a}' if a == b else f'  L {a}\n  V {b}')
        print(f'  again with: tests/stress/run --build {self.o.build} --compare --seed {seed} --jobs 1 '
              f'--steps {count}', flush=True)

    def all(self, seed, jobs, steps):
        """The number of findings."""
        undetermined = 0
        for begin in range(0, jobs, 50):
            seeds = [seed + i for i in range(begin, min(begin + 50, jobs))]
            found, text = self.differences([f'{s}:{steps}' for s in seeds])
            if found is None:
                print(f'FAILED: no end in the VM, seeds {seeds[0]} to {seeds[-1]}:\n{text[-3000:]}')
                self.failures += 1
                continue
            for s, difference in zip(seeds, found):
                if not difference:
                    continue
                if not self.confirmed(s, steps):
                    print(f'seed {s}, step {difference[0]}: not determined, or not always different\n'
                          f'  Linux: {difference[1]}\n  VM:    {difference[2]}', flush=True)
                    undetermined += 1
                    continue
                self.failures += 1
                self.show(s, steps, difference)
        if self.errors:
            print(f'{sum(self.errors.values())} calls failed with another error (call: Linux\'s, the VM\'s):')
            for (call, linux, vm), n in sorted(self.errors.items()):
                print(f'  {n:4} {call}: {linux}, {vm}')
        print(f'compare: {jobs} sequences of {steps} calls from seed {seed}, {self.failures} differ, '
              f'{undetermined} not determined')
        return self.failures
