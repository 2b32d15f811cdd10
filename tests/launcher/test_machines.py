#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`corrida run` on small and large machines, and on CPUs of the last twenty years as QEMU models them."""
import re

from harness import BOUND, BUILD, ROOTFS, case, expect, main, run

DIR = str(ROOTFS)
GUEST = BUILD / 'tests' / 'guest'
# Those that differ in what the kernel looks at: XSAVE and its parts, x2APIC, FSGSBASE, SMAP, RDTSCP, 1 GiB pages.
MODELS = ('qemu64', 'core2duo', 'Nehalem', 'SandyBridge', 'Haswell', 'Skylake-Server', 'Icelake-Server', 'Denverton',
          'Opteron_G1', 'Opteron_G5', 'EPYC', 'EPYC-Milan', 'max,-xsave', 'max,-avx', 'max,-x2apic', 'max,-fsgsbase',
          'max,-smap,-smep', 'max,-rdtscp', 'max,-pdpe1gb', 'max,+la57')


@case
def memory_sizes():
    """from 8 MiB to 1 TiB, of which the host gives only what is used"""
    for size in ('8M', '16M', '64M', '512M', '5G', '100G', '1T'):
        finished = run(*BOUND, '-m', size, DIR, '/bin/hello')
        expect(finished, 0)
    for size in ('3M', '1025G', '2T'):
        expect(run('-m', size, DIR, '/bin/hello'), 125, b'', 'from 4M to 1T')


@case
def all_of_a_large_memory_is_there():
    """but what no address of the CPU reaches"""
    for size, gib in (('5G', 5), ('1T', 1023)):
        finished = run(*BOUND, '-m', size, DIR, '/bin/sh', '-c', 'grep MemTotal /proc/meminfo')
        total = int(re.search(rb'MemTotal: *([0-9]+) kB', finished.stdout)[1]) / 1024 / 1024
        assert gib * .95 < total <= gib, finished.stdout


@case
def numbers_of_cpus():
    for n in (1, 2, 4, 8, 64):
        finished = run(*BOUND, '-c', str(n), DIR, '/bin/hello')
        expect(finished, 0)
        assert f', {n} CPU'.encode() in finished.stdout, finished.stdout
    for n in ('0', '65', '255', '4294967296'):
        expect(run('-c', n, DIR, '/bin/hello'), 125, b'', f'--cpus {n}')
    expect(run('-c', '65', DIR, '/bin/hello'), 125, b'', 'from 1 to 64')


@case
def models_of_cpus():
    for model in MODELS:
        finished = run(*BOUND, '-c', '2', '--accel', 'tcg', '--cpu-model', model, DIR, '/bin/hello')
        expect(finished, 0)
        assert b', 2 CPU' in finished.stdout, (model, finished.stdout)


@case
def registers_and_clocks_without_new_instructions():
    """the tests of threads, signals and clocks where states go by FXSAVE, bases by MSRs, the CPU's number by LSL"""
    for test in ('threads', 'signals', 'clocks', 'system'):
        finished = run(*BOUND, '-c', '2', '--accel', 'tcg', '--cpu-model', 'max,-xsave,-fsgsbase,-rdtscp,-x2apic',
                       str(GUEST), f'/{test}', timeout=300)
        expect(finished, 0)
        assert b'ok 1 ' in finished.stdout and b'not ok' not in finished.stdout, finished.stdout


@case
def cpuinfo_shows_what_programs_can_use():
    def flags(model):
        finished = run(*BOUND, '-c', '1', '--accel', 'tcg', '--cpu-model', model, DIR, '/bin/busybox', 'grep', '^flags',
                       '/proc/cpuinfo')
        expect(finished, 0)
        return set(finished.stdout.split())
    assert not flags('max,-xsave') & {b'xsave', b'avx', b'avx2', b'fma', b'f16c', b'vaes'}, flags('max,-xsave')
    assert {b'sse2', b'xsave'} <= flags('max')


@case
def a_model_that_is_none():
    finished = run(*BOUND, '--accel', 'tcg', '--cpu-model', 'Z80', DIR, '/bin/hello')
    expect(finished, 125, b'', "unable to find CPU model 'Z80'")


if __name__ == '__main__':
    main()
