#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-sleep.py OBJECT_DIR: nothing that may sleep is reached with a spinlock held, no TLB
shootdown with interrupts off, and no lock of a rank marked (irq) with interrupts on; over the
whole program.

From the disassembly (asmflow.py) we know for each call how many spinlocks may be held there,
counted from the function's entry: paths are followed, functions that return with a lock or give
the caller's back are summed up.  A function bears as many locks of its callers as the tightest of
its calls leaves it.  Calls through pointers go to all functions that are ever stored there
(pointers.py); one whose targets are not found counts as sleeping.  A function that changes what is
held in a way that we can't follow is a finding.  Which lock it is, where interrupts matter, says
the declaration of the field or variable; where that is not found any role of that name will do.

Not looked at: sleeping with interrupts off and no lock; sleeping between block_prepare() and block(),
so in the ready() of waitq_wait_until(); which lock is held, and in which order (clang's); what
hand-written assembler does between its labels."""
import collections
import pathlib
import re
import sys

import asmflow
from csource import KERNEL_DIRS, Report, function_name
from pointers import Pointers

ROOT = pathlib.Path('.')
NEVER = 1 << 20                         # bears any number of locks: does not sleep

# What the lock functions do: (spinlocks, interrupts off, what the result must be for it).
EFFECTS = {
    'spin_lock': {(1, 0, None)}, 'spin_lock_nested': {(1, 0, None)}, 'spin_unlock': {(-1, 0, None)},
    'spin_unlock_nested': {(-1, 0, None)},
    'spin_lock_irqsave': {(1, 1, None)}, 'spin_unlock_irqrestore': {(-1, -1, None)},
    'spin_trylock': {(1, 0, 'n'), (0, 0, '0')},
    # one lock or two: counted as one
    'futex_lock_two': {(1, 0, None)}, 'futex_unlock_two': {(-1, 0, None)},
}
BALANCED = frozenset({(0, 0, None)})
# Give one lock of the caller back while they sleep; NULL says that there is none.
WAIT_WITH_LOCK = ('waitq_wait', 'waitq_wait_exclusive', 'waitq_wait_irq')
# Sleep in themselves; so does each function whose prototype says MAY_SLEEP.
SLEEPERS = {'lockcheck_may_sleep', 'sched_yield_point', 'mem_reclaim'}
# Wait until other CPUs have answered.
SHOOTDOWNS = {'tlb_flush_range', 'tlb_drop_space', 'smp_call'}
# What takes a lock and leaves interrupts as they are.
PLAIN_LOCKS = {'spin_lock', 'spin_lock_nested', 'spin_trylock'}
# Run by interrupts, or with a lock of their caller's, without a caller in the sources.
ATOMIC_ROOTS = {'upcall_timer', 'upcall_kick', 'irq_dispatch'}

# Calls through pointers whose targets the sources do not name.
UNKNOWN_IS_FINE = {
}
# Findings that are none: (function, callee): why.
EXCEPTIONS = {
    ('futex_wake_op', 'fault_in_user'): 'both buckets are unlocked, be they two or one',
    ('sem_undo_get', 'ipc_put'): 'a semaphore set: destroying it only frees memory',
}
# Annotations of functions that return with more or fewer locks, or of which clang says nothing.
CHANGES = re.compile(r'\b(?:(?:TRY_)?ACQUIRES|RELEASES|LOCK_UNCHECKED)\s*\(')
TRYING = re.compile(r'\bTRY_ACQUIRES\s*\(\s*(\w+)')
DEPTH = 4                               # locks nested in one function
STATES = 12                             # per block; beyond it knowledge of registers is dropped


class Program:
    def __init__(self, objdir):
        self.objdir = str(objdir)
        objects = [str(o) for top in KERNEL_DIRS for o in sorted((objdir / top).rglob('*.o'))
                   if self.source_of(str(o)).exists()]
        self.pointers = Pointers(ROOT)
        prototypes = '\n'.join(s.code for p, s in self.pointers.sources.items() if p.endswith('.h'))
        self.noreturn = set(re.findall(r'NORETURN\s+\w[\w\s*]*?\b(\w+)\s*\(', prototypes))
        self.sleepers = SLEEPERS | {
            m[1] for m in re.finditer(r'\b(\w+)\s*\([^;{}]*\)\s*MAY_SLEEP', prototypes)}
        self.functions = asmflow.load(objects, self.noreturn)
        self.changing = {function_name(head) for declarations in self.pointers.declarations.values()
                         for _, head, _ in declarations if CHANGES.search(head)}
        self.trying = {function_name(head): m[1] for declarations in self.pointers.declarations.values()
                       for _, head, _ in declarations if (m := TRYING.search(head))}
        order = self.pointers.sources['include/sync/lock_order.h'].text
        ranks = set(re.findall(r'\bRANK_(\w+),\s*/\* \(irq\)', order))
        self.irq_roles = {m[1] for m in re.finditer(r'X\((\w+), \w+, (\w+)\)', order) if m[2] in ranks}
        self.effects = dict(EFFECTS)
        self.held = {}  # site -> (most locks, most and least irqs off) counted from the entry
        self.callers = collections.defaultdict(set)
        self.unknown, self.assumed = {}, {}
        self.resolved = {}
        for f in self.functions.values():
            for site in f.sites:
                for callee in self.callees(site):
                    self.callers[callee].add(f.key)

    def source_of(self, obj):
        path = pathlib.Path(obj).relative_to(self.objdir)
        return path.with_suffix('') if path.suffixes == ['.S', '.o'] else path.with_suffix('.c')

    def key(self, name, path):
        """The function that `name` means in the source file `path`."""
        local = f'{self.objdir}/{path[:-2]}.o:{name}'
        if local in self.functions:
            return [local]
        if name in self.functions:
            return [name]
        # made by the compiler out of a static one, or inlined wherever it is used
        return [k for k in self.functions if k.split(':')[-1].split('.')[0] == name
                and (':' not in k or not path or k.startswith(f'{self.objdir}/{path[:-2]}.o'))]

    def callees(self, site):
        if not site.pointer:
            return [site.callee] if site.callee and site.callee not in self.noreturn else []
        if site not in self.resolved:
            targets, text = self.pointers.targets(site.file, site.line)
            keys = sorted({k for name, path in targets for k in self.key(name, path)})
            self.resolved[site] = keys
            if not keys:
                self.unknown[site] = text
        return self.resolved[site]

    # --- how many locks are held where ---

    def sum_up(self):
        work = {f.key for f in self.functions.values()
                if any(s.callee in EFFECTS for s in f.sites) or any(
                    op[0] in ('cli', 'sti') for b in f.blocks.values() for op in b.ops)}
        work -= set(EFFECTS)
        rounds = collections.Counter()
        while work:
            key = work.pop()
            rounds[key] += 1
            effect = self.flow(self.functions[key])
            if effect != self.effects.get(key, BALANCED) and rounds[key] < 6:
                self.effects[key] = effect
                work |= {c for c in self.callers[key] if c not in EFFECTS}

    def flow(self, f):
        """Follows all paths of f; notes what is held at each call, returns what f changes."""
        if not f.blocks:
            return BALANCED
        entry = f.entry
        reached = collections.defaultdict(set)
        work = [(entry, (0, 0, frozenset()))]
        result, at_site = set(), collections.defaultdict(lambda: (-99, -99, 99))
        while work:
            label, state = work.pop()
            if state in reached[label]:
                continue
            if len(reached[label]) > STATES and state[2]:
                state = (state[0], state[1], frozenset())
                if state in reached[label]:
                    continue
            reached[label].add(state)
            for left in self.through(f.blocks[label], state, at_site):
                if f.blocks[label].returns:
                    result.add((left[0], left[1], dict(left[2]).get('a')))
                for to, register, known in f.blocks[label].edges:
                    after = self.along(left, register, known)
                    if after and max(abs(after[0]), abs(after[1])) > DEPTH:
                        continue        # a loop that the values of flags end
                    if after and to in f.blocks:
                        work.append((to, after))
        for site, held in at_site.items():
            self.held[site] = held
        return self.summary(f, {(r[0], r[2]) for r in result})

    def summary(self, f, ends):
        """What a function changes.  Where that depends on more than its result being zero it is
        taken as nothing, as clang's analysis demands that locks balance, or for what the
        annotation says; where clang is told otherwise we must be able to follow."""
        by_result = {known: {d for d, k in ends if k == known} for known in ('0', 'n', None)}
        self.assumed.pop(f.key, None)
        if len({d for d, _ in ends}) <= 1:
            return frozenset((d, 0, None) for d, _ in ends) or BALANCED
        if not by_result[None] and all(len(by_result[k]) == 1 for k in '0n'):
            return frozenset((d, 0, k) for d, k in ends)
        if f.name in self.trying and {d for d, _ in ends} == {0, 1}:
            taken = self.trying[f.name] == '0'
            return frozenset({(taken, 0, '0'), (not taken, 0, 'n')})
        self.assumed[f.key] = sorted(ends, key=str)
        return BALANCED

    @staticmethod
    def along(state, register, known):
        locks, off, facts = state
        if register == 'irq':
            return locks, off - 1, facts
        if register and known:
            have = dict(facts)
            if have.get(register, known) != known:
                return None             # that way is not taken
            if locks or off:
                have[register] = known
            facts = frozenset(have.items())
        return locks, off, facts

    def through(self, block, state, at_site):
        states = [state]
        for op in block.ops:
            if op[0] == 'call':
                states = {s for one in states for s in self.call(op[1], one, at_site)}
            elif op[0] in ('cli', 'sti'):
                step = 1 if op[0] == 'cli' else -1
                states = [(l, i + step, facts) for l, i, facts in states]
            else:
                states = [self.learn(s, op) for s in states]
        return states

    @staticmethod
    def learn(state, op):
        locks, off, facts = state
        if not facts and (op[0] != 'set' or not locks and not off and op[1] != 'a'):
            return state
        have = dict(facts)
        value = op[2] if op[0] == 'set' else have.get(op[2]) if op[0] == 'copy' else None
        have.pop(op[1], None)
        if value:
            have[op[1]] = value
        return locks, off, frozenset(have.items())

    def call(self, site, state, at_site):
        locks, off, facts = state
        was = at_site[site]
        at_site[site] = (max(was[0], locks), max(was[1], off), min(was[2], off))
        facts = [(r, v) for r, v in facts if r not in asmflow.CLOBBERED]
        effects = set()
        for callee in self.callees(site):
            effects |= self.effects.get(callee, BALANCED)
        for dl, di, result in effects or BALANCED:
            yield locks + dl, off + di, frozenset(facts + ([('a', result)] if result else []))

    # --- who bears what ---

    def bears(self, index, primitives):
        """key -> how many locks (index 0) or irqs-off (1) of its callers a function bears, and
        {key: (site, callee)}: the call that allows no more."""
        limit, why = {p: 0 for p in primitives if p in self.functions}, {}
        bad = {}
        work = {c for p in limit for c in self.callers[p]} | {s.caller for s in self.unknown}
        while work:
            key = work.pop()
            if key in primitives or key in EFFECTS:
                continue
            best = NEVER
            for site in self.functions[key].sites:
                room, callee = self.room(site, index, limit)
                held = self.held.get(site, (0, 0))[index]
                if room == NEVER:
                    continue
                if held > room:
                    bad[site] = callee
                    continue
                if room - held < best:
                    best = room - held
                    why[key] = (site, callee)
            if best < limit.get(key, NEVER):
                limit[key] = best
                work |= self.callers[key]
        return limit, why, bad

    def room(self, site, index, limit):
        if site in self.unknown and index == 0:
            return (NEVER, None) if self.declared(site) else (0, None)
        rooms = [(self.limit_of(site, callee, index, limit), callee)
                 for callee in self.callees(site)]
        return min(rooms, default=(NEVER, None))

    def declared(self, site):
        name = self.functions[site.caller].name
        if (site.file, name) in UNKNOWN_IS_FINE:
            used.add((site.file, name))
            return True
        return False

    def limit_of(self, site, callee, index, limit):
        if index == 0 and callee in WAIT_WITH_LOCK:
            return 0 if self.argument(site, 1) == 'NULL' else 1
        name = self.functions[site.caller].name
        short = callee.split(':')[-1].split('.')[0]
        if limit.get(callee, NEVER) != NEVER and (name, short) in EXCEPTIONS:
            used.add((name, short))
            return NEVER
        return limit.get(callee, NEVER)

    def argument(self, site, n):
        arguments = self.pointers.arguments(site.file, site.line, site.callee)
        return arguments[n] if len(arguments) > n else ''

    def wants_irqs_off(self):
        """{key: (site, callee)}: functions that take a lock of interrupt handlers, or call such a
        function, and leave it to their callers that interrupts are off."""
        def open_at(site):
            return self.held.get(site, (0, 0, 0))[2] < 1

        why = {f.key: (site, site.callee) for f in self.functions.values() if f.key not in EFFECTS
               for site in f.sites if site.callee in PLAIN_LOCKS and open_at(site)
               and self.pointers.lock_roles(self.argument(site, 0), site) & self.irq_roles}
        work = list(why)
        while work:
            key = work.pop()
            for caller in self.callers[key] - set(why) if key not in ATOMIC_ROOTS else ():
                site = next((s for s in self.functions[caller].sites if key in self.callees(s) and open_at(s)), None)
                if site:
                    why[caller] = site, key
                    work.append(caller)
        return why

    def not_followed(self, report):
        """Where a finding could hide."""
        for f in self.functions.values():
            for site in f.sites:
                if site.callee and site.callee not in self.functions \
                        and site.callee not in self.noreturn and not f.file.endswith('.S'):
                    report(site.file, site.line, 'unfollowed', f'{f.name}() goes to {site.callee}, '
                           'which is in no object, or into the middle of a function')
        for key in self.assumed:
            f = self.functions[key]
            if f.name in self.changing:
                report(f.file, f.line, 'unfollowed', f'{f.name}() changes what is held depending on '
                       'more than its result being zero: TRY_ACQUIRES, or let the caller lock')

    def path(self, callee, why):
        names, seen = [], set()
        while callee and callee not in seen:
            seen.add(callee)
            names.append(callee.split(':')[-1].split('.')[0])
            callee = why.get(callee, (None, None))[1]
        return ' -> '.join(names)


used = set()


def main():
    report = Report('check-sleep')
    program = Program(pathlib.Path(sys.argv[1]))
    program.sum_up()
    limit, why, bad = program.bears(0, program.sleepers)
    for site, callee in bad.items():
        name = program.functions[site.caller].name
        what = program.path(callee, why) if callee else \
            f'a pointer ({program.unknown[site]}) whose targets are not found'
        report(site.file, site.line, 'sleep', f'{name}() holds a spinlock and calls {what}, which '
               'may sleep: give the lock back first, or use what does not sleep')
    for root in ATOMIC_ROOTS & set(program.functions):
        if limit.get(root, NEVER) < 1:
            f = program.functions[root]
            report(f.file, f.line, 'sleep', f'{root}() runs in an interrupt and reaches '
                   f'{program.path(root, why)}, which may sleep')
    _, why, bad = program.bears(1, SHOOTDOWNS)
    for site, callee in bad.items():
        name = program.functions[site.caller].name
        report(site.file, site.line, 'shootdown', f'{name}() has interrupts off and calls '
               f'{program.path(callee, why)}, which waits for other CPUs: they may wait for us')
    why = program.wants_irqs_off()
    for key in set(why) - ATOMIC_ROOTS:
        if not program.callers[key]:
            f, site = program.functions[key], why[key][0]
            report(site.file, site.line, 'irq', f'{f.name}() reaches {program.path(key, why)} with interrupts on: the '
                   'lock is of a rank marked (irq)')
    program.not_followed(report)
    for entry in {**UNKNOWN_IS_FINE, **EXCEPTIONS}:
        if entry not in used:
            report('tools/check-sleep.py', 1, 'unused-exception', f'{entry}: nothing needs it')
    report.end(f'{len(program.functions)} functions, {len(program.held)} calls followed, '
               f'{len(EXCEPTIONS) + len(UNKNOWN_IS_FINE)} exceptions', bool(program.held))


main()
