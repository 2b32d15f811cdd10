# SPDX-License-Identifier: MIT
"""The control flow of each function, from the disassembly of the objects.  Nothing is lost there:
macros are expanded, static functions are inlined or called, every path is a jump (the kernel is
built with -ffunction-sections, -fno-jump-tables and -fno-reorder-blocks-and-partition).  In
assembler files each label is a function of its own: calls count, the way between labels does not."""
import collections
import functools
import pathlib
import re
import subprocess

REGISTERS = {}
for name in 'abcd':
    REGISTERS.update({f'r{name}x': name, f'e{name}x': name, f'{name}x': name, f'{name}l': name})
for name in ('si', 'di', 'bp', 'sp'):
    REGISTERS.update({f'r{name}': name, f'e{name}': name, name: name, f'{name}l': name})
for n in range(8, 16):
    REGISTERS.update({f'r{n}{suffix}': f'r{n}' for suffix in ('', 'd', 'w', 'b')})
CLOBBERED = ('a', 'c', 'd', 'si', 'di', 'r8', 'r9', 'r10', 'r11')
NO_RESULT = ('cmp', 'test', 'push', 'bt', 'ucom', 'nop')

# A call: callee is a function's key or None; pointer is the operand of an indirect one.
Site = collections.namedtuple('Site', 'caller callee pointer file line tail')
# ops: ('call', Site) ('set', reg, '0'|'n') ('copy', to, from) ('clobber', reg) ('cli',) ('sti',)
# edges: (block, register, '0'|'n'|None): what the register is known to be on that way.
Block = collections.namedtuple('Block', 'ops edges returns')


class Function:
    def __init__(self, key, obj):
        self.key, self.obj, self.insns, self.blocks, self.sites = key, obj, [], {}, []
        self.file, self.line, self.entry = obj, 1, None

    @property
    def name(self):
        return self.key.split(':')[-1].split('.')[0]


def load(objects, noreturn):
    """{key: Function}; the key is the name of a global function, else object:name."""
    listing = subprocess.run(['nm', '-A', *objects], capture_output=True, text=True, check=True)
    exported = set(re.findall(r' [TW] (\S+)$', listing.stdout, re.M))
    half = len(objects) // 2
    dumps = [subprocess.Popen(['objdump', '-drl', '--no-show-raw-insn', *part], text=True,
                              stdout=subprocess.PIPE, errors='replace')
             for part in (objects[:half], objects[half:]) if part]
    functions, starts = {}, {}
    for dump in dumps:
        read(dump.communicate()[0], exported, functions, starts)
        if dump.returncode:
            raise SystemExit('asmflow: objdump failed')
    for f in list(functions.values()):
        Builder(f, functions, starts, noreturn).build()
    return functions


def key_of(name, obj, exported):
    return name if name in exported else f'{obj}:{name}'


@functools.cache
def within(path):
    """The path below the top of the tree; a compiler cache may name another tree's."""
    for m in re.finditer(r'/(?=(?:kernel|syscall|loader|drivers|include)/)', path):
        if pathlib.Path(path[m.end():]).exists():
            return path[m.end():]
    return path


def read(text, exported, functions, starts):
    """Fills functions, and starts: {(object, section, address): name}."""
    obj, f, where, section = None, None, None, None
    for line in text.split('\n'):
        if not line:
            continue
        if line[0] == ' ' and f is not None:
            addr, _, rest = line.partition(':\t')
            mnemonic, _, operands = rest.partition(' ')
            f.insns.append([int(addr, 16), mnemonic, operands.strip(), None, where])
        elif line[0] == '\t' and f is not None:
            reloc = line.split('\t')
            if f.insns:
                f.insns[-1][3] = reloc[-1]
        elif line[0] == '/':
            path, _, n = line.split(' (')[0].rpartition(':')
            where = (within(path), int(n))
        elif line[0] == '0' and line.endswith('>:'):
            name = line.split('<')[1][:-2]
            f = Function(key_of(name, obj, exported), obj)
            functions[f.key] = f
            starts[obj, section, int(line.split()[0], 16)] = name
            where = None
        elif ':     file format' in line:
            obj, f = line.split(':')[0], None
        elif line.startswith('Disassembly'):
            f, section = None, line.split()[-1].rstrip(':')


class Builder:
    """Cuts the instructions of one function into blocks."""

    def __init__(self, f, functions, starts, noreturn):
        self.f, self.functions, self.starts, self.noreturn = f, functions, starts, noreturn

    def symbol(self, reloc):
        if not reloc:
            return None
        m = re.match(r'(?:\S+\s+)?(\S+?)([-+]0x[0-9a-f]+)?$', reloc)
        # the operand counts from the end of the instruction, four bytes on
        name = self.starts.get((self.f.obj, m[1], int(m[2] or '0', 16) + 4), m[1])
        local = f'{self.f.obj}:{name}'
        return local if local in self.functions else name

    def target(self, operands):
        """The address of a jump inside this function, else None."""
        m = re.match(r'([0-9a-f]+) <([^>+]+)', operands)
        if m and m[2] == self.f.key.split(':')[-1]:
            return int(m[1], 16)
        return None

    def build(self):
        insns = self.f.insns
        if not insns:
            return
        if insns[0][4]:
            self.f.file, self.f.line = insns[0][4]
        self.f.entry = insns[0][0]
        starts, fresh = {insns[0][0]}, False
        for addr, mnemonic, operands, reloc, _ in insns:
            if fresh:
                starts.add(addr)
            fresh = mnemonic[0] == 'j' or mnemonic.startswith('ret')
            if mnemonic[0] == 'j' and not reloc and self.target(operands) is not None:
                starts.add(self.target(operands))
        at = 0
        while at < len(insns):
            end = at + 1
            while end < len(insns) and insns[end][0] not in starts:
                end += 1
            following = insns[end] if end < len(insns) else None
            self.f.blocks[insns[at][0]] = self.block(insns[at:end], following)
            at = end
        self.f.insns = []

    def block(self, insns, following):
        ops, tested = [], None
        after = following[0] if following else None
        for addr, mnemonic, operands, reloc, where in insns:
            if mnemonic == 'call':
                site = self.site(operands, reloc, where, False)
                ops.append(('call', site))
                tested = None
                if site.callee in self.noreturn:
                    return Block(ops, [], False)
            elif mnemonic in ('ret', 'retq', 'iretq', 'sysretq'):
                return Block(ops, [], True)
            elif mnemonic in ('ud2', 'hlt') and after is None:
                return Block(ops, [], False)
            elif mnemonic == 'jmp':
                to = None if reloc else self.target(operands)
                if to is not None:
                    return Block(ops, [(to, None, None)], False)
                ops.append(('call', self.site(operands, reloc, where, True)))
                return Block(ops, [], True)
            elif mnemonic[0] == 'j':
                return self.branch(ops, mnemonic, operands, reloc, where, tested, following)
            elif mnemonic in ('cli', 'sti'):
                ops.append((mnemonic,))
            elif mnemonic.startswith('test'):
                pair = [REGISTERS.get(o.strip('% ')) for o in operands.split(',')]
                tested = pair[0] if len(pair) == 2 and pair[0] == pair[1] else None
            else:
                op = self.effect(mnemonic, operands, reloc)
                if op:
                    ops.append(op)
                if mnemonic[:3] in ('cmp', 'add', 'sub', 'and', 'xor', 'inc', 'dec', 'neg') \
                        or mnemonic[:2] == 'or':
                    tested = None
        return Block(ops, [(after, None, None)] if after is not None else [], False)

    def branch(self, ops, mnemonic, operands, reloc, where, tested, following):
        edges = []
        known = {'je': ('0', 'n'), 'jne': ('n', '0'), 'js': ('n', None), 'jg': ('n', None),
                 'jle': (None, 'n')}.get(mnemonic, (None, None)) if tested else (None, None)
        to = None if reloc else self.target(operands)
        if to is not None:
            # irq_restore(): `if (flags & IF) sti`: past it interrupts are what they were
            skips = following and following[1] == 'sti'
            edges.append((to, 'irq' if skips else tested, None if skips else known[0]))
        else:
            # a conditional tail call: its own block
            label = ('tail', following[0] if following else 0)
            site = self.site(operands, reloc, where, True)
            self.f.blocks[label] = Block([('call', site)], [], True)
            edges.append((label, tested, known[0]))
        if following:
            edges.append((following[0], tested, known[1]))
        return Block(ops, edges, False)

    def site(self, operands, reloc, where, tail):
        callee, pointer = None, None
        if operands.startswith('*'):
            pointer = operands
        else:
            m = re.match(r'[0-9a-f]+ <([^>+]+)>', operands)
            callee = self.symbol(reloc) if reloc else self.symbol(m[1]) if m else None
        file, line = where or (self.f.file, self.f.line)
        site = Site(self.f.key, callee, pointer, file, line, tail)
        self.f.sites.append(site)
        return site

    @staticmethod
    def effect(mnemonic, operands, reloc):
        last = operands.rsplit(',', 1)[-1].strip()
        if not last.startswith('%') or mnemonic.startswith(NO_RESULT):
            return None
        to = REGISTERS.get(last[1:])
        if not to:
            return None
        first = operands.split(',', 1)[0].strip()
        if mnemonic.startswith('xor') and first == last:
            return 'set', to, '0'
        if mnemonic.startswith('mov') and 'cmov' not in mnemonic:
            if first.startswith('$'):
                return 'set', to, '0' if first == '$0x0' and not reloc else 'n'
            if first.startswith('%') and REGISTERS.get(first[1:]):
                return 'copy', to, REGISTERS[first[1:]]
        return 'clobber', to
