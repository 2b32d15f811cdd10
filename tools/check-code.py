#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-code.py OBJECT_DIR: what rots without being noticed.

dead        a function or variable that no other object uses, and that is not static
unused      a field, macro, lock rank, prototype or function of a header that nothing names
            (what shares its name with something else is taken as used)
twice       a macro that two headers define
comment     a name() or word_with_underscore in a comment that does not exist
size        files over 600 lines
must-use    an int prototype in include/ whose result may be ignored
own-header  X.c includes X.h, or its room's private header, first
if, todo    conditional compilation and notes to oneself
unchecked   functions that clang's lock analysis leaves out: LOCK_UNCHECKED, fewer than 25; and
            what would silence the compilers otherwise
With --counts: the figures instead."""
import collections
import pathlib
import re
import subprocess
import sys

import rooms
from csource import KERNEL_DIRS, Report, Source, WORD, files, function_name, tree_files

ROOT = pathlib.Path('.')
FILE_LINES = 600
UNCHECKED_LIMIT = 25
# Used by what is no object: the linker script, the boot loader, tests of parts that are hidden.
ENTRIES = {
    # what a complete set of lock and wait functions has, though nobody needs it today; unit tests do
    'rwsem_assert_held', 'rwsem_assert_unshared', 'waitq_wait_until_exclusive',
    # unit tests read what the kernel only writes
    'bitmap_count', 'launch_vector',
    # defined behind what uses it
    'console_port_ops', 'cpus_online',
}
# Words of comments, followed by () or like a path, that are not ours.
FOREIGN_NAMES = {'pt_regs', 'user_regs_struct', 'tcp_info', 'hvm_memmap_table_entry', 'has_bytes'}
FOREIGN_FILES = {'public/arch-x86/hvm/start_info.h', 'asm/unistd_64.h', 'kernel/net/NAME.c'}
# Results that one may well ignore: lengths, what the visitor returned, the C library's own.
LOOSE = {'fmt_snprintf', 'fmt_vsnprintf', 'mm_for_each_vma', 'memcmp', 'strcmp', 'strncmp'}
# Conditional compilation that stays: file -> why.
IFS = {
    'drivers/pvclock.c': 'instructions that a host test cannot execute',
    'drivers/rtc.c': 'instructions that a host test cannot execute',
}
SILENCERS = re.compile(r'no_thread_safety_analysis|#\s*define\s+LOCK_IMPLEMENTATION|NOLINT\w*|'
                       r'(?:#\s*pragma|_Pragma).*diagnostic')
# The locks themselves.
SILENT = {'include/sync/annotate.h', 'kernel/sync/spinlock.c', 'kernel/sync/mutex.c', 'kernel/sync/waitq.c'}
report = Report('check-code')


def tree():
    """{path: Source} of all C of the kernel and the launcher."""
    return {p: Source(p) for pattern in ('*.[ch]', '*.def')
            for p in files(ROOT, (*KERNEL_DIRS, 'include', 'tools'), pattern)}


def words_of(sources, others):
    """How often each word stands in code."""
    count = collections.Counter()
    for source in sources.values():
        count.update(WORD.findall(source.code))
    for text in others:
        count.update(WORD.findall(text))
    return count


def check_dead(objdir, tested):
    objects = [str(o) for top in KERNEL_DIRS for o in sorted((objdir / top).rglob('*.o'))
               if source_of(o, objdir).exists()]
    listing = subprocess.run(['nm', '-A', *objects], capture_output=True, text=True,
                             check=True).stdout
    defined, used = {}, set()
    for entry in listing.splitlines():
        name, rest = entry.rsplit(':', 1)
        fields = rest.split()
        if fields[0] == 'U':
            used.add(fields[1])
        elif len(fields) > 2 and fields[1] in 'TDBR':
            defined[fields[2]] = name
    script = (ROOT / 'kernel/arch/kernel.ld').read_text()
    dead = []
    for symbol, obj in sorted(defined.items()):
        path = source_of(pathlib.Path(obj), objdir)
        if symbol in used or path.suffix != '.c' or re.search(rf'\b{symbol}\b', script):
            continue
        if symbol in ENTRIES:
            continue
        text = path.read_text()
        if symbol in tested and len(re.findall(rf'\b{symbol}\b', text)) > 1:
            continue                    # its file uses it, and a unit test wants it visible
        where = re.search(rf'^(?!\s)[^;{{}}]*\b{symbol}\b', text, re.M)
        line = text.count('\n', 0, where.end()) + 1 if where else 1
        dead.append(symbol)
        report(path, line, 'dead', f'no other object uses {symbol}: make it static, or remove it '
               'with its prototype')
    for symbol in ENTRIES:
        if symbol in used or symbol not in defined:
            report('tools/check-code.py', 1, 'unused-exception', f'ENTRIES {symbol}')
    return dead


def source_of(obj, objdir):
    path = obj.relative_to(objdir)
    return path.with_suffix('') if path.suffixes == ['.S', '.o'] else path.with_suffix('.c')


def ours(path):
    """Headers whose contents are our own choice, not an ABI's or a device's."""
    return path.suffix == '.h' and path.parts[0] in (*KERNEL_DIRS, 'include') \
        and path.parts[:2] != ('include', 'linux')


def check_unused(sources, words, assembler, tested):
    defined = set()
    for path, source in sources.items():
        for line, head, body in source.declarations():
            if body is not None and function_name(head):
                defined.add(function_name(head))
                if ours(path) and words[function_name(head)] + tested[function_name(head)] < 2:
                    report(path, line, 'unused', f'{function_name(head)}(): nothing calls it')
    homes = {}
    for path, source in sources.items():
        for m in re.finditer(r'^[ \t]*#[ \t]*define[ \t]+(\w+)', source.code, re.M):
            if path.parts[0] == 'include' and f'#undef {m[1]}\n' not in source.code and \
                    homes.setdefault(m[1], path) != path:
                report(path, source.line_of(m.start()), 'twice', f'macro {m[1]}: {homes[m[1]]} has it')
    pasted = {m[1] for s in sources.values() for m in re.finditer(r'\b(\w+_)##', s.code)}
    for path, source in sources.items():
        if not ours(path):
            continue
        for m in re.finditer(r'^[ \t]*#[ \t]*define[ \t]+(\w+)', source.code, re.M):
            if words[m[1]] < 2 and not m[1].startswith(tuple(pasted)):
                report(path, source.line_of(m.start()), 'unused', f'macro {m[1]}: nothing uses it')
        for m in re.finditer(r'^\s*(RANK_\w+)\s*(?:=[^,]*)?,', source.code, re.M):
            if words[m[1]] < 2 and not words[m[1].removeprefix('RANK_')]:
                report(path, source.line_of(m.end()), 'unused', f'lock rank {m[1]}: no lock has it')
        for line, head, body in source.declarations():
            name = function_name(head) if body is None and '=' not in head else None
            if name and head.endswith(')') and not head.startswith(('typedef', '_Static_assert')) \
                    and name not in defined and name not in assembler and '(*' not in head:
                report(path, line, 'unused', f'{name}() is declared and defined nowhere')
        check_fields(path, source, words)


def check_fields(path, source, words):
    code = source.without_preprocessor()
    for m in re.finditer(r'\bstruct\b[^;{}()=]*\{', code):
        depth, at = 1, m.end()
        while depth and at < len(code):
            depth += (code[at] == '{') - (code[at] == '}')
            at += 1
        for field in re.finditer(r'(\w+)\s*(?:\[[^]]*\]\s*)*(?::\s*\d+\s*)?(?:[A-Z_]+\([^()]*\)\s*)?'
                                 r'[;,]|\(\*\s*(\w+)\)\s*\(', code[m.end():at]):
            name = field[1] or field[2]
            if words[name] < 2 and not re.match(r'(pad|reserved|unused|_)\d*', name) \
                    and not name.isdigit():
                report(path, source.line_of(m.end() + field.start()), 'unused',
                       f'field {name}: nothing reads or writes it')


def check_comments(sources, words, paths):
    suffixes = set()
    stems = {p.rpartition('/')[2].partition('.')[0] for p in paths}
    for p in paths:
        parts = p.split('/')
        suffixes |= {'/'.join(parts[i:]) for i in range(len(parts))}
    for path, source in sources.items():
        for line, text in source.comments:
            for m in re.finditer(r'(?<![\w./<*-])([A-Za-z_]\w*)\(\)', text):
                if not words[m[1]] and not words[f'sys_{m[1]}'] and m[1] not in FOREIGN_NAMES:
                    report(path, line + text.count('\n', 0, m.start()), 'comment',
                           f'{m[1]}() does not exist: name what is there, or in the manual '
                           'page\'s style what is not ours')
            # words_with_underscores; one that ends with _ stands for several
            for m in re.finditer(r'(?<![\w./<>"*-])([a-z]\w*_\w+)\b(?![\w./*-]|\()', text):
                if not words[m[1]] and m[1] not in FOREIGN_NAMES and m[1] not in stems \
                        and not m[1].endswith('_'):
                    report(path, line + text.count('\n', 0, m.start()), 'comment',
                           f'{m[1]} does not exist')
            for m in re.finditer(r'(?<![\w.$])((?:[\w.-]+/)*[\w-]+\.(?:c|h|S|py|def|ld|lds|mk))\b(?!\()',
                                 text):
                if m[1] not in suffixes and m[1] not in FOREIGN_FILES:
                    report(path, line + text.count('\n', 0, m.start()), 'comment',
                           f'there is no file {m[1]}')
            for m in re.finditer(r'\b(TODO|FIXME|XXX)\b', text):
                report(path, line, 'todo', f'{m[1]}: open an issue, or do it')


def check_text(sources):
    for path, source in sources.items():
        lines = source.text.count('\n')
        if lines > FILE_LINES:
            report(path, lines, 'size', f'{lines} lines: a file has {FILE_LINES} at most')
        if path.parts[0] == 'include':
            for line, head, body in source.declarations():
                if body is None and re.match(r'(?:extern )?int \w+\(', head) \
                        and 'MUST_USE' not in head and function_name(head) not in LOOSE:
                    report(path, line, 'must-use', f'{function_name(head)}() returns an int that '
                           'is lost when ignored: MUST_USE')
        if path.suffix == '.c':
            check_own_header(path, source)
            if path.parts[0] in KERNEL_DIRS and str(path) not in IFS:
                for m in re.finditer(r'^[ \t]*#[ \t]*if.*', source.code, re.M):
                    report(path, source.line_of(m.start()), 'if', f'{m[0].strip()}: an `if` on a '
                           'constant compiles always; or say why in tools/check-code.py')


def check_own_header(path, source):
    own = [p for p in (path.with_suffix('.h'), ROOT / 'include' / path.relative_to('kernel')
                       .with_suffix('.h') if path.parts[0] == 'kernel' else
                       ROOT / 'include' / path.with_suffix('.h')) if p.exists()]
    first = next(source.includes(), None)
    if own and first and not first[2].endswith('internal.h') and \
            first[2] not in (own[0].name, str(own[0]).removeprefix('include/')):
        report(path, first[0], 'own-header', f'include {own[0]} first')


def unchecked(sources):
    return [(p, s.line_of(m.start())) for p, s in sources.items() if p.name != 'annotate.h'
            for m in re.finditer(r'\bLOCK_UNCHECKED\b', s.code)]


def counts(sources, dead):
    """make lint-counts"""
    kernel = {p: s for p, s in sources.items() if p.parts[0] in (*KERNEL_DIRS, 'include')}
    code = '\n'.join(s.code for s in kernel.values())
    for word in ('GUARDED_BY', 'REQUIRES', 'ACQUIRES', 'RELEASES', 'EXCLUDES', 'LOCK_UNCHECKED'):
        print(f'{word:24}{len(re.findall(rf"{word}", code)):8}')
    lines = sum(s.text.count('\n') for s in kernel.values())
    comments = sum(t.count('\n') + 1 for s in kernel.values() for _, t in s.comments)
    asserts = len(re.findall(r'\b(?:DEBUG_)?ASSERT\(', code))
    print(f'{"lines, kernel":24}{lines:8}')
    blank = sum(1 for s in kernel.values() for c in s.code.split('\n') if not c.strip())
    print(f'{"  without comments":24}{lines - blank:8}')
    print(f'{"lines of comments":24}{comments:8}{100 * comments / lines:7.1f} %')
    c = [s for p, s in kernel.items() if p.suffix == '.c']
    share = sum(t.count('\n') + 1 for s in c for _, t in s.comments) / sum(
        s.text.count('\n') for s in c)
    print(f'{"  in .c files":24}{"":8}{100 * share:7.1f} %')
    print(f'{"asserts":24}{asserts:8}{1000 * asserts / lines:7.1f} per 1000 lines')
    print(f'{"dead functions":24}{len(dead):8}')
    sizes = [(body.count('\n') + 1, function_name(head), p) for p, s in kernel.items()
             for _, head, body in s.declarations() if body is not None and function_name(head)]
    longest = max(sizes, key=lambda x: x[0])
    print(f'{"functions":24}{len(sizes):8}')
    print(f'{"longest function":24}{longest[0]:8}  {longest[1]} ({longest[2]})')
    big = max(kernel, key=lambda p: kernel[p].text.count('\n'))
    print(f'{"longest file":24}{kernel[big].text.count(chr(10)):8}  {big}')
    for r in rooms.ROOMS:
        own = [p for p in kernel if str(p.parent) == r.path]
        print(f'  {r.path:22}{len(own):8} files{sum(kernel[p].text.count(chr(10)) for p in own):8} lines')


def main():
    objdir = pathlib.Path(sys.argv[1])
    sources = tree()
    paths = tree_files(ROOT)
    assembler = ''.join((ROOT / p).read_text() for p in paths if p.endswith(('.S', '.ld', '.lds')))
    others = [assembler] + [(ROOT / p).read_text(errors='replace') for p in paths
                            if p.endswith(('.py', '.mk', 'Makefile')) and (ROOT / p).exists()]
    words = words_of(sources, others)
    tests = [(ROOT / p).read_text() for p in paths
             if p.startswith('tests/') and p.endswith(('.c', '.h')) and (ROOT / p).exists()]
    tested = collections.Counter(WORD.findall('\n'.join(tests)))
    dead = check_dead(objdir, tested)
    if '--counts' in sys.argv:
        counts(sources, dead)
        return
    check_unused(sources, words, set(WORD.findall(assembler)), tested)
    words.update(tested)                # comments may name what tests define
    check_comments(sources, words, paths)
    check_text(sources)
    left_out = unchecked(sources)
    if len(left_out) >= UNCHECKED_LIMIT:
        report(*left_out[-1], 'unchecked', f'{len(left_out)} times LOCK_UNCHECKED; fewer than '
               f'{UNCHECKED_LIMIT} are allowed: let clang follow the lock')
    for path, source in sources.items():
        for m in SILENCERS.finditer(source.text) if path.parts[0] != 'tools' else ():
            if str(path) not in SILENT:
                report(path, source.text.count('\n', 0, m.start()) + 1, 'unchecked',
                       f'{m[0]}: a compiler or checker would say nothing any more')
    for path in IFS:
        if not re.search(r'^[ \t]*#[ \t]*if', sources[ROOT / path].code, re.M):
            report('tools/check-code.py', 1, 'unused-exception', f'IFS {path}')
    report.end(f'{len(sources)} files, {len(left_out)} functions left out by LOCK_UNCHECKED',
               bool(sources))


main()
