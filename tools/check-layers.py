#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-layers.py OBJECT_DIR: fails when a file uses what its room may not use (tools/rooms.py):
an include, a prototype of its own for somebody else's function, or a symbol at link level.
A permission in the table that nothing needs fails, too, and so does a directory without a room."""
import collections
import pathlib
import re
import subprocess
import sys

import rooms
from csource import KERNEL_DIRS, Report, Source, files, function_name

ROOT = pathlib.Path('.')
LAYER = {r.path: r.layer for r in rooms.ROOMS}
BESIDE = {r.path: r.beside for r in rooms.ROOMS}
FREESTANDING = {'stdint.h', 'stddef.h', 'stdbool.h', 'stdatomic.h', 'stdarg.h', 'limits.h'}
PLAIN_FILES = {'.def'}
report = Report('check-layers')
used = collections.Counter()


def may_use(user, owner):
    """Whether room `user` may use the public things of room `owner`; notes the permission."""
    if user == owner:
        return True
    a, b = LAYER[user], LAYER[owner]
    if a == b:
        used['beside', user, owner] += 1
        return owner in BESIDE[user]
    if b in rooms.FOR_ALL:
        return a != 'lib'
    if a in rooms.ASIDE:
        used['aside', a, b] += 1
        return b in rooms.ASIDE[a]
    return b in rooms.LAYERS and rooms.LAYERS.index(b) < rooms.LAYERS.index(a)


def why(user, owner):
    a, b = LAYER[user], LAYER[owner]
    return f'{user} ({a}) may not use {owner} ({b}); the order is in tools/rooms.py'


def room_of(path):
    """The room of a source file; None for kernel/main.c; '' when it has none."""
    if str(path) == rooms.MAIN:
        return None
    parent = str(path.parent)
    if parent.startswith('include'):
        return 'linux' if parent == 'include/linux' else rooms.header_room(str(path)) or ''
    return parent if parent in LAYER else ''


def check_angle(path, line, room, name):
    if '/' not in name:
        if name not in FREESTANDING and not name.endswith('.so'):
            report(path, line, 'include', f'<{name}> is no header of ours and not freestanding')
        return
    target = f'include/{name}'
    if not (ROOT / target).exists() or '..' in name:
        report(path, line, 'include', f'<{name}> does not exist')
        return
    owner = rooms.header_room(target)
    if name.startswith('linux/') or room is None:
        return
    if room == 'linux':
        if LAYER.get(owner) != 'lib':
            report(path, line, 'include', f'linux/ describes an ABI: <{name}> is ours')
    elif owner and name in rooms.DRIVER_HEADERS and LAYER[room] == 'drivers':
        used['driver header', name] += 1
    elif owner and name in rooms.UP_HEADERS.get(room, '').split():
        used['up header', room, name] += 1
    elif owner and not may_use(room, owner):
        report(path, line, 'include', f'<{name}>: {why(room, owner)}')


def check_quoted(path, line, room, name):
    target = (path.parent / name)
    parts = []
    for part in target.parts:
        parts = parts[:-1] if part == '..' else parts + [part]
    target = pathlib.Path(*parts)
    if not (ROOT / target).exists():
        report(path, line, 'include', f'"{name}": {target} does not exist')
    elif target.parent == path.parent or room is None:
        pass
    elif target.suffix in PLAIN_FILES and room_of(target) and may_use(room, room_of(target)):
        pass
    elif room in rooms.SHARED_INTERNAL.get(str(target), '').split():
        used['internal', str(target), room] += 1
    else:
        report(path, line, 'include',
               f'"{name}" is private to {target.parent}; what others need belongs in include/')


def check_includes(path, source, room):
    for line, kind, name in source.includes():
        if kind:
            (check_angle if kind == '<' else check_quoted)(path, line, room, name)
        else:
            report(path, line, 'include', f'{name}: write out what it includes')


def check_local_declarations(path, source, defined, linker):
    """A .c file declares nothing that another file defines: that is a header's business."""
    for line, head, body in source.declarations():
        if body is not None or re.match(r'(static|typedef|struct \w+$|union|enum|_Static_assert)\b',
                                        head):
            continue
        name = function_name(head)
        if '=' not in head and name in defined and defined[name] != path:
            report(path, line, 'local-prototype', f'{name}() is defined in {defined[name]}: '
                   'include its header')
        elif head.startswith('extern') and not name:
            for name in re.findall(r'(\w+)\s*(?:\[[^]]*\]\s*)*(?:,|$)', head):
                if name not in linker:
                    report(path, line, 'local-prototype',
                           f'{name} is declared by hand: include the header of who defines it')


def check_home(header, line, name, definer, owner):
    """What a public header declares is implemented in the header's room."""
    home = room_of(definer) or 'kernel'
    if owner in ('', 'linux') or home == owner or home.startswith(owner + '/'):
        return
    if name in rooms.DECLARED_FOR.get(str(header), '').split():
        used['declared for', str(header), name] += 1
        return
    if any(name in names.split() for (user, _), names in rooms.UP.items() if user == owner):
        return
    report(header, line, 'header-home', f'{name}() is implemented in {definer}: declare it in a '
           f'header of {home}, or list it in UP of tools/rooms.py')


def check_table():
    for top in (*KERNEL_DIRS, 'include'):
        for p in (ROOT / top).rglob('*'):
            if p.is_symlink():
                report(p, 1, 'room', 'a link would put a file into two rooms')
    for top in KERNEL_DIRS:
        for d in [ROOT / top, *sorted(p for p in (ROOT / top).rglob('*') if p.is_dir())]:
            name = str(d)
            if any(d.glob('*.c')) and name not in LAYER and name not in ('kernel', 'loader/vdso'):
                report(d, 1, 'room', 'this directory is in no row of ROOMS in tools/rooms.py')
    for d in sorted(p for p in (ROOT / 'include').rglob('*') if p.is_dir()):
        if any(d.glob('*.h')) and str(d) != 'include/linux' and not rooms.header_room(f'{d}/x.h'):
            report(d, 1, 'room', 'headers without a room of that name')
    for r in rooms.ROOMS:
        if not any((ROOT / r.path).glob('*.c')):
            report('tools/rooms.py', 1, 'room', f'{r.path} has no file')
        if r.layer not in rooms.LAYERS and r.layer not in rooms.ASIDE:
            report('tools/rooms.py', 1, 'room', f'{r.path}: no layer {r.layer}')


def symbols(objects):
    """{symbol: source} of what objects define, [(source, symbol)] of what they use."""
    listing = subprocess.run(['nm', '-A', *map(str, objects)], capture_output=True, text=True,
                             check=True).stdout
    defined, uses = {}, []
    for entry in listing.splitlines():
        name, rest = entry.rsplit(':', 1)
        fields = rest.split()
        if fields[0] in 'Uwv':
            uses.append((name, fields[1]))
        elif len(fields) > 2 and fields[1] in 'TDBRVW':
            defined[fields[2]] = name
    return defined, uses


def check_link(objdir):
    def source(obj):
        path = pathlib.Path(obj).relative_to(objdir)
        return path.with_suffix('') if path.suffixes == ['.S', '.o'] else path.with_suffix('.c')

    objects = [objdir / p.with_suffix('.o' if p.suffix == '.c' else '.S.o')
               for top in KERNEL_DIRS for p in sorted((ROOT / top).rglob('*.[cS]'))
               if p.parent.name != 'vdso' and not p.name.endswith('.lds')]
    missing = [o for o in objects if not o.exists()]
    if missing:
        report(missing[0], 1, 'link', f'{len(missing)} objects are not built: make kernel')
        return
    defined, uses = symbols(objects)
    for obj, symbol in uses:
        user = room_of(source(obj))
        if symbol not in defined or not user:
            continue
        path = source(defined[symbol])
        owner = room_of(path) or 'kernel'
        if symbol in rooms.UP.get((user, owner), '').split():
            used['up', user, owner, symbol] += 1
        elif owner == 'kernel' or not may_use(user, owner):
            reason = f'{user} may not use kernel/main.c' if owner == 'kernel' else why(user, owner)
            report(source(obj), 1, 'link', f'uses {symbol} of {path}: {reason}')


def check_permissions():
    def unused(text):
        report('tools/rooms.py', 1, 'unused-permission', f'{text}: nothing needs it, remove it')

    for r in rooms.ROOMS:
        for other in r.beside:
            if not used['beside', r.path, other]:
                unused(f'{r.path} beside {other}')
    for layer, others in rooms.ASIDE.items():
        for other in others:
            if not used['aside', layer, other] and other not in rooms.FOR_ALL:
                unused(f'{layer} uses {other}')
    for (user, owner), names in rooms.UP.items():
        for name in names.split():
            if not used['up', user, owner, name]:
                unused(f'UP {user} -> {owner}: {name}')
    for header in rooms.DRIVER_HEADERS:
        if not used['driver header', header]:
            unused(f'DRIVER_HEADERS {header}')
    for room, headers in rooms.UP_HEADERS.items():
        for header in headers.split():
            if not used['up header', room, header]:
                unused(f'UP_HEADERS {room}: {header}')
    for header, names in rooms.DECLARED_FOR.items():
        for name in names.split():
            if not used['declared for', header, name]:
                unused(f'DECLARED_FOR {header}: {name}')
    for header, users in rooms.SHARED_INTERNAL.items():
        for user in users.split():
            if not used['internal', header, user]:
                unused(f'SHARED_INTERNAL {header} for {user}')


def linker_names():
    """What kernel.ld, the assembler files and ksyms.py define."""
    text = ''.join(p.read_text() for top in KERNEL_DIRS for p in (ROOT / top).rglob('*.[Sl]*'))
    text += (ROOT / 'tools/ksyms.py').read_text()
    return set(re.findall(r'\w+', text))


def main():
    objdir = pathlib.Path(sys.argv[1])
    check_table()
    sources = {p: Source(p) for p in files(ROOT, (*KERNEL_DIRS, 'include'), '*.[chS]')
               if 'vdso' not in p.parent.name}
    defined = {}
    for path, source in sources.items():
        for line, head, body in source.declarations() if path.suffix == '.c' else ():
            if body is not None and not head.startswith('static') and function_name(head):
                defined[function_name(head)] = path
    linker = linker_names()
    for path, source in sources.items():
        room = room_of(path)
        if room == '' and str(path.parent) != 'kernel':
            continue                            # reported by check_table()
        check_includes(path, source, room)
        if path.suffix == '.c':
            check_local_declarations(path, source, defined, linker)
        elif path.parts[0] == 'include':
            for line, head, body in source.declarations():
                name = function_name(head) if body is None else None
                if name in defined:
                    check_home(path, line, name, defined[name], room)
    check_link(objdir)
    check_permissions()
    report.end(f'{len(sources)} files in {len(LAYER)} rooms', bool(sources))


main()
