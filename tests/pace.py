# SPDX-License-Identifier: MIT
"""Time as a test gets it, for the limits of tests.

A Pace is a clock that stands still while its processes could run but another one has the CPU.
On an idle machine it is the wall clock; with nine others in each run queue it is ten times slower.
A process that sleeps for ever waits for no CPU: its clock runs on and its limit is reached in time.

What counts is a process, its session, and their descendants, also after they were adopted by
another.  Linux tells for each thread how long it ran and how long it waited for its turn
(/proc/PID/task/TID/schedstat), and for the machine what a hypervisor took from it.
"""
import ctypes
import os
import signal
import threading
import time

SYS_RT_SIGACTION = 13  # x86-64
EVERY = 0.1  # seconds between two looks at /proc


def _read(path):
    try:
        with open(path, encoding='latin-1') as file:
            return file.read()
    except OSError:  # it has ended
        return ''


def _processes():
    """{pid: (parent, session, start)} of all processes."""
    found = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            fields = _read(f'/proc/{entry}/stat').rpartition(')')[2].split()
            if fields:
                found[int(entry)] = int(fields[1]), int(fields[3]), int(fields[19])
    return found


def _threads(pid):
    """{tid: (seconds it ran, seconds it waited for a CPU)}; empty where Linux does not tell."""
    found = {}
    try:
        tids = os.listdir(f'/proc/{pid}/task')
    except OSError:
        return found
    for tid in tids:
        words = _read(f'/proc/{pid}/task/{tid}/schedstat').split()
        if words:
            found[pid, tid] = int(words[0]) / 1e9, int(words[1]) / 1e9
    return found


def _machine():
    """Ticks that the machine's CPUs worked, and ticks that a hypervisor took."""
    words = [int(w) for w in _read('/proc/stat').partition('\n')[0].split()[1:9]]
    return sum(words[:3] + words[5:7]), words[7]


def share(ran, waited, passed):
    """Of `passed` seconds, the part in which somebody who ran that long and waited that long
    for a CPU was not kept from running."""
    lost = waited * min(1.0, passed / (ran + waited)) if waited else 0.0
    return 1 - min(1.0, lost / passed) if passed else 1.0


class Pace:
    def __init__(self, root=None):
        self.root = root or os.getpid()
        self.known = {}  # pid: start of those that were seen
        self.threads = {}
        self.machine = _machine()
        self.last = time.monotonic()
        self.own = 0.0
        self.lock = threading.Lock()
        self._delta()

    def _members(self):
        table = _processes()
        self.known = {p: s for p, s in self.known.items() if p in table and table[p][2] == s}
        inside = {p for p, (_, session, _) in table.items()
                  if self.root in (p, session) or p in self.known}
        grew = True
        while grew:
            more = {p for p, (parent, _, _) in table.items() if parent in inside} - inside
            inside |= more
            grew = bool(more)
        self.known = {p: table[p][2] for p in inside}
        return inside

    def _delta(self):
        """(ran, waited) of all threads together since the last look."""
        now = {}
        for pid in self._members():
            now.update(_threads(pid))
        ran = waited = 0.0
        for key, (r, w) in now.items():
            before = self.threads.get(key, (0.0, 0.0))
            if r >= before[0] and w >= before[1]:
                ran, waited = ran + r - before[0], waited + w - before[1]
        self.threads = now
        return ran, waited

    def now(self):
        """Seconds since the clock was made, as its processes had them; up to EVERY late."""
        with self.lock:
            return self._now()

    def _now(self):
        at = time.monotonic()
        passed = at - self.last
        if passed < EVERY:
            return self.own
        self.last = at
        ran, waited = self._delta()
        part = share(ran, waited, passed)
        if not self.threads:  # no schedstat: all that are runnable share alike
            runnable = int((_read('/proc/loadavg').split() or '0 0 0 1/1'.split())[3].split('/')[0])
            part = min(1.0, len(os.sched_getaffinity(0)) / max(1, runnable))
        worked, stolen = (a - b for a, b in zip(_machine(), self.machine))
        self.machine = self.machine[0] + worked, self.machine[1] + stolen
        if stolen > 0:
            part *= worked / (worked + stolen)
        self.own += passed * part
        return self.own

    def sleep(self, seconds):
        end = self.now() + seconds
        time.sleep(seconds)
        while self.now() < end:
            time.sleep(EVERY)


def default_signals():
    """What this process starts gets the default actions and no blocked signal, whatever it
    inherited itself (a background job of sh and nohup ignore some).  What was ignored here stays
    without effect here: a handler, unlike SIG_IGN, does not survive exec."""
    for number in signal.valid_signals():
        if signal.getsignal(number) == signal.SIG_IGN and number not in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # Those that glibc keeps to itself: its posix_spawn(), which make uses, leaves them ignored.
    libc, action = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint64 * 4)()
    for number in (32, 33):
        if libc.syscall(SYS_RT_SIGACTION, number, None, action, 8) == 0 and action[0] == 1:  # SIG_IGN
            libc.syscall(SYS_RT_SIGACTION, number, (ctypes.c_uint64 * 4)(), None, 8)
