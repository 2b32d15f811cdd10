# SPDX-License-Identifier: MIT
"""Debian's static busybox (glibc) over real files: the host's own run is the expectation."""
import hashlib
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'launcher'))
from harness import BOUND, BUILD, ROOTFS, case, expect, main, run  # noqa: E402
from programs import Pair, busybox  # noqa: E402


def populate(work):
    """A tree with some of everything; the same on every call."""
    chance = random.Random(1)
    words = [''.join(chance.choices('abcdefghijklmnopqrstuvwxyz', k=chance.randint(2, 9))) for _ in range(500)]
    (work / 'text').write_text(''.join(
        ' '.join(chance.choices(words, k=8)) + f' {chance.randint(0, 9999)}\n' for _ in range(5000)))
    (work / 'numbers').write_text(''.join(f'{chance.randint(-10**6, 10**6)}\n' for _ in range(20000)))
    (work / 'binary').write_bytes(chance.randbytes(300000))
    (work / 'empty').write_bytes(b'')
    (work / 'no newline').write_bytes(b'last line')
    (work / 'long' / 'path' / 'to' / 'a').mkdir(parents=True)
    (work / 'long' / 'path' / 'to' / 'a' / 'file').write_text('deep\n')
    many = work / 'many'
    many.mkdir()
    for n in range(300):
        (many / f'file-{n:04d}').write_text(f'{n}\n' * (n % 7))
    (work / 'link').symlink_to('text')
    (work / 'dangling').symlink_to('nowhere')
    (work / 'name with spaces \u00e4').write_text('unicode\n')
    (work / 'script').write_text('#!/bin/sh\necho script "$@"\n')
    (work / 'script').chmod(0o755)


def same(*words, **more):
    pair = Pair(busybox(), populate)
    with pair.keep:
        return pair.same(*words, **more)


@case
def find():
    out = same('sh', '-c', 'busybox find . -type f | busybox sort')
    assert out.count(b'\n') > 300
    same('sh', '-c', 'busybox find . -name "file-00*" -size +0 | busybox sort')
    same('sh', '-c', 'busybox find . -type l -o -type d | busybox sort')


@case
def tar_and_gzip_round_trip():
    same('sh', '-c', 'busybox tar -cf - many long text | busybox gzip -c | busybox gunzip -c | busybox tar -tf - | '
         'busybox sort')
    same('sh', '-c', 'mkdir out && busybox tar -cf a.tar many text link && busybox tar -xf a.tar -C out && '
         'busybox rm a.tar && busybox cmp text out/text && busybox ls out/many | busybox wc -l')
    same('sh', '-c', 'busybox gzip -k binary && busybox zcat binary.gz | busybox cmp - binary && busybox rm binary.gz')


@case
def checksums():
    pair = Pair(busybox(), populate)
    with pair.keep:
        for applet in ('md5sum', 'sha1sum', 'sha256sum', 'sha512sum', 'cksum'):
            pair.same(applet, 'text', 'binary', 'empty', 'link', files=False)


@case
def sha256_of_100_mib_equals_the_hosts():
    path = BUILD / 'hundred-mib'
    chance = random.Random(2)
    with open(path, 'wb') as f:
        for _ in range(100):
            f.write(chance.randbytes(1 << 20))
    with open(path, 'rb') as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    try:
        expect(run(*BOUND, str(BUILD), '/rootfs/bin/busybox', 'sha256sum', '/hundred-mib', timeout=200),
               0, f'{digest}  /hundred-mib\n'.encode())
    finally:
        path.unlink()


@case
def sort_and_uniq():
    same('sort', '-n', 'numbers')
    same('sort', '-k9,9n', '-k1,1r', 'text')
    same('sh', '-c', 'busybox cut -d" " -f1 text | busybox sort | busybox uniq -c | busybox sort -rn | busybox head -20')


@case
def awk():
    same('awk', '{ s[$1] += $9 } END { for (k in s) n++; print n, length(s), s["a"] + 0 }', 'text')
    same('awk', 'BEGIN { for (i = 0; i < 10; i++) printf "%d %s\\n", i * i, sin(i) }')
    same('awk', 'NR % 1000 == 0 { print NR ": " toupper($2) > "upper" } END { close("upper") }', 'text')


@case
def sed_and_grep():
    same('sed', '-n', '10,20p;s/a/A/gp', 'text')
    same('sed', '-i', 's/[aeiou]/_/g', 'text')
    same('grep', '-c', '^a', 'text')
    same('grep', '-rl', '5', 'long', 'text')
    same('grep', 'no-such-thing', 'text')


@case
def editors_in_batch_mode():
    same('ed', 'text', stdin=b'1,5p\n3d\n1i\ninserted\n.\nw\nq\n')
    # vi wants a terminal only for its screen, which goes to stdout: ignored.
    pair = Pair(busybox(), populate)
    with pair.keep:
        for side in (pair.host, pair.vm):
            done = side('vi', '-c', ':1d', '-c', ':1,9s/a/VI/', '-c', ':wq', 'text')
            assert done.returncode == 0, done
        texts = [(root / 'work' / 'text').read_bytes() for root in pair.roots]
        assert texts[0] == texts[1] and texts[0].count(b'\n') == 4999 and b'VI' in texts[0]


@case
def files_are_made_moved_and_removed():
    same('sh', '-c', 'busybox cp -a many copy && busybox mv copy moved && busybox rm moved/file-000* && '
         'busybox mkdir -p x/y/z && busybox rmdir x/y/z && busybox ln text hard && busybox ln -s a b && '
         'busybox chmod 640 text && busybox touch new && busybox truncate -s 12345 new && '
         'busybox rm -r long && busybox ls -A')
    same('sh', '-c', 'echo one > f; echo two >> f; echo three > g; busybox cat f g > h; busybox rm f g')
    same('rmdir', 'many')
    same('cat', 'nowhere')
    same('ls', '-l', 'dangling/x')


@case
def dd_with_holes_and_offsets():
    same('sh', '-c', 'busybox dd if=binary of=out bs=1000 skip=3 seek=7 count=11 conv=notrunc 2>/dev/null; '
         'busybox dd if=/dev/zero of=out bs=1 seek=1000000 count=1 conv=notrunc 2>/dev/null; busybox stat -c %s out')


@case
def stat_and_times():
    same('stat', '-c', '%F %a %s %h %u %N', 'text', 'link', 'many', 'binary')
    same('sh', '-c', 'busybox touch -d "2001-02-03 04:05:06" text && busybox stat -c "%Y %X" text && busybox date -u -r text')


@case
def shell_language():
    same('sh', '-c', 'i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); done; echo $i; f() { echo "$1" "$#"; }; f a b; '
         'case xyz in x*) echo x;; esac; for w in a "b c" d; do echo "$w"; done; echo ${i%0*} ${#i}')
    same('sh', '-c', 'echo "$(busybox cat text | busybox head -3 | busybox wc -w)"; (exit 3); echo $?; '
         'busybox false || echo failed; trap "echo bye" EXIT; set -- 1 2 3; shift; echo $*')
    same('sh', '-c', 'busybox cat <<END\nhere $((6 * 7))\nEND\n./script a "b c"; busybox sh script x')


@case
def other_applets():
    pair = Pair(busybox(), populate)
    commands = (('od', '-A', 'x', '-t', 'x1z', '-N', '256', 'binary'), ('xxd', '-l', '64', 'binary'),
                ('base64', 'binary'), ('cal', '2', '2024'), ('seq', '1', '3', '20'), ('expr', '6', '*', '7'),
                ('diff', 'text', 'numbers'), ('cmp', 'text', 'numbers'), ('tac', 'text'), ('rev', 'text'),
                ('fold', '-w', '20', 'text'), ('nl', 'no newline'), ('tr', 'a-z', 'A-Z'), ('wc', 'text', 'binary'),
                ('tail', '-n', '5', 'text'), ('split', '-l', '1000', 'text'), ('paste', 'numbers', 'text'),
                ('comm', 'empty', 'text'), ('basename', '/a/b.c', '.c'), ('printf', '%05d|%-5s|\\n', '42', 'x'),
                ('true',), ('factor', '1001'),
                ('strings', 'binary'), ('dc', '-e', '2 64 ^ p'))
    with pair.keep:
        for words in commands:
            pair.same(*words, stdin=b'Stdin Text\n', files=words is commands[-1])


@case
def bzip2_and_xz():
    same('sh', '-c', 'busybox bzip2 -k text && busybox bunzip2 -c text.bz2 | busybox cmp - text && echo same')
    same('sh', '-c', 'busybox gzip -9 -c text | busybox sha256sum; busybox cpio --version >/dev/null 2>&1; '
         'busybox find many | busybox sort | busybox cpio -o -H newc 2>/dev/null | busybox cpio -t 2>/dev/null | busybox wc -l')


@case
def four_cpus():
    same('sh', '-c', 'for i in 1 2 3 4; do busybox sha256sum binary & done; wait', options=['-c', '4'])


if __name__ == '__main__':
    main()
