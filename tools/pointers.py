# SPDX-License-Identifier: MIT
"""Where a call through a pointer goes: the functions that the sources ever store in that field,
or pass for that parameter.  By name and, where the type of the structure is found, by type.

A function whose name stands anywhere else without being called (a cast, a macro, a local variable,
an initialiser without names, a return) may be whatever has its type, and a pointer whose value we
do not follow may be any function of its type.  Types differ in arguments and result, all numbers
being one.  So what is missed is a function that is called by another type than its own, which gcc
does not take without a cast by way of void *, and a structure that is copied as bytes."""
import collections
import re

from csource import KERNEL_DIRS, Source, WORD, files, function_name

# x->field = or .field =; then comes the value
STORE = re.compile(r'((?:\w+(?:\([^()]*\))?(?:\[[^]]*\])?(?:->|\.))+|\.)(\w+)(?:\[[^]]*\])?\s*=(?!=)\s*')
CHAIN = re.compile(r'((?:\w+(?:\([^()]*\))?(?:\[[^]]*\])?(?:->|\.))+)(\w+)(?:\[[^]]*\])?')
POINTER = r'\(\s*\*\s*(?:const\s+|volatile\s+|_Atomic\s+)*{}\s*(?:\[[^]]*\])*\s*\)\s*\('
KEYWORDS = {'if', 'while', 'for', 'switch', 'return', 'sizeof', 'typeof'}
LOCAL = r'(?:^|[;{{}}(])\s*(?!return\b|else\b|case\b)(?:\w+\s+)*\w+[\s*]+(?:[^;(){{}}]*,\s*\**)?{}\s*[=;,\[]'
LOCK = re.compile(r'\bSPINLOCK\((\w+)\)\s*\**\s*(\w+)')
ANY = (None, '')                        # a value that is not followed: whatever has its type


class Pointers:
    def __init__(self, root):
        self.sources, self.functions = {}, collections.defaultdict(list)
        self.fields = collections.defaultdict(dict)     # struct -> field -> declaration
        self.returns = {}                               # function -> type
        self.stored = collections.defaultdict(set)      # (struct or None, field) -> values
        self.shapes = collections.defaultdict(set)      # function -> its types
        self.typedefs = {}
        self.globals = collections.defaultdict(set)     # name -> structs
        self.locks = set()                              # (struct or file, name, role)
        self.taken = collections.defaultdict(set)       # function whose address is taken -> files
        self.stray = collections.defaultdict(set)       # the same, where we do not see what for
        self.cache = {}
        for path in files(root, (*KERNEL_DIRS, 'include')):
            self.sources[str(path)] = Source(path)
        self.declarations = {p: list(s.declarations()) for p, s in self.sources.items()}
        for path, declarations in self.declarations.items():
            for line, head, body in declarations:
                self.collect(path, line, head, body)
        self.pointer_fields = collections.defaultdict(set)
        for struct, fields in self.fields.items():
            for field, declaration in fields.items():
                if '(*' in declaration or re.match(r'\w+_fn\b', declaration):
                    self.pointer_fields[field].add(struct)
        for path, declarations in self.declarations.items():
            for line, head, body in declarations:
                self.collect_stores(path, line, head, body)
        for path, source in self.sources.items():
            for m in re.finditer(r'^[ \t]*#[ \t]*define(?:[^\n\\]|\\.|\\\n)*', source.code, re.M | re.S):
                self.collect_values(m[0], 0, path)

    # --- what there is ---

    def collect(self, path, line, head, body):
        self.locks |= {(path, n[2], n[1]) for n in LOCK.finditer(head)}
        m = re.search(r'struct (\w+)[\s*]+(?:const )?(\w+)(?:\[[^]]*\])*$', head.split('=')[0].strip())
        if m and '(' not in head.split('=')[0]:
            self.globals[m[2]].add(m[1])
        whole = head if body is None else f'{head} {{{body}}}'
        if body is not None and function_name(head) and not head.startswith('struct {'):
            name = function_name(head)
            self.functions[name].append((path, line, head, body))
            self.returns.setdefault(name, head)
            m = re.search(rf'\b{name}\s*\(', head)
            self.shapes[name].add(shape(head[:m.start()], inside(head, m.end(), '()')))
        elif head.startswith('typedef') and body is None:
            m = re.search(r'typedef\s+(.*?)\(?\s*\*?\s*(\w+_fn)\s*\)?\s*\(', head)
            if m:
                self.typedefs[m[2]] = shape(m[1], inside(head, m.end(), '()'))
        elif body is None and '(' in head and '=' not in head:
            self.returns.setdefault(function_name(head), head)
        for m in re.finditer(r'\b(?:struct|union)\s+(?:[A-Z]\w*\s*(?:\([^()]*(?:\([^()]*\))?\))?\s*)*'
                             r'(\w+)?\s*\{', whole):
            if '=' not in whole[:m.start()]:
                self.locks |= {(m[1] or path, n[2], n[1]) for n in LOCK.finditer(inside(whole, m.end()))}
                self.collect_fields(m[1] or f'{path}:{line}', inside(whole, m.end()))

    def collect_fields(self, struct, text):
        # anonymous members count as members; each declaration ends at a ';'
        for part in re.split(r'[;{}]', text):
            m = re.search(r'\(\*\s*(?:const\s+)?(\w+)\s*(?:\[[^]]*\])?\)\s*\(', part)
            if m:
                self.fields[struct][m[1]] = ' '.join(part.split())
                continue
            part = re.sub(r'\b[A-Z_]{4,}\s*\([^()]*\)', ' ', part)
            for declarator in part.split(','):
                words = WORD.findall(re.sub(r'\[[^]]*\]|:\s*\d+', ' ', declarator))
                if words:
                    self.fields[struct].setdefault(words[-1], ' '.join(part.split()))

    def collect_stores(self, path, line, head, body):
        if body is None or function_name(head):
            text, inner = body or head, head if body is not None else ''
        else:
            text, inner = f'{head} {body}', ''
        outer = None if inner else re.search(r'struct (\w+)', text.split('=')[0])
        kept = set()                    # where the values are that are found again
        for m in STORE.finditer(text):
            if m[2] not in self.pointer_fields:
                continue
            struct = self.literal_type(text, m.start()) if m[1] == '.' else \
                self.type_of(m[1], (head, body or ''))
            struct = struct or (outer and outer[1])
            value = upto(text, m.end())
            self.stored[struct if struct in self.pointer_fields[m[2]] else None, m[2]].add(
                (value, path, inner))
            kept |= set(range(m.end(), m.end() + len(value)))
        for at, value in self.passed(text):
            if WORD.fullmatch(value.strip('& ')):
                kept |= set(range(at, at + len(value)))
        start = 0 if inner else len(text.partition('=')[0])
        self.collect_values(text, start, path, kept, inner)

    def passed(self, text):
        """(where, what) of each argument of the calls of our functions."""
        for m in re.finditer(r'\b(\w+)\s*\(', text):
            if m[1] in self.functions:
                at = m.end()
                for argument in split(inside(text, at, '()')):
                    yield at, argument
                    at += len(argument) + 1

    def collect_values(self, text, start, path, kept=(), head=''):
        """Functions that are named without being called, and are no variables of this function."""
        for m in WORD.finditer(text, start):
            before, after = text[:m.start()].rstrip(), text[m.end():].lstrip()
            if m[0] not in self.functions or after[:1] in ('(', ':') or before.endswith(('.', '->')) \
                    or re.search(r'(\bgoto|[=!]=|\b(struct|union|enum))$', before) \
                    or head and (m[0] in parameters(head) or re.search(LOCAL.format(m[0]), text)):
                continue
            self.taken[m[0]].add(path)
            if m.start() not in kept:
                self.stray[m[0]].add(path)

    def literal_type(self, text, at):
        """The type of the innermost (struct X){ or struct X y = { that is open at `at`."""
        depth = 0
        for i in range(at - 1, max(-1, at - 3000), -1):
            if text[i] == '}':
                depth += 1
            elif text[i] == '{':
                if depth == 0:
                    m = re.search(r'struct (\w+)[\s\w*]*(?:\[[^]]*\])*\s*[)=]\s*$', text[:i])
                    return m[1] if m else None
                depth -= 1
        return None

    # --- where it goes ---

    def statement(self, path, line):
        """The statement around a line, and the text of its function before and with it."""
        source = self.sources.get(path)
        if not source:
            return '', None
        lines = source.code.split('\n')
        start = line - 1
        while start > 0 and not re.search(r'[;{}:]\s*$', lines[start - 1]) and line - start < 8:
            start -= 1
        end = line - 1
        while end < len(lines) - 1 and not re.search(r'[;{}]\s*$', lines[end]) and end - line < 8:
            end += 1
        function = None
        for at, head, body in self.declarations[path]:
            if at <= line and body is not None:
                function = (head, body)
        return ' '.join(lines[start:end + 1]), function

    def arguments(self, path, line, name):
        """The texts of the arguments of the call of `name` in the statement there."""
        text = self.statement(path, line)[0]
        m = re.search(rf'\b{name}\s*\(', text)
        return [a.strip() for a in split(inside(text, m.end(), '()') if m else '')]

    def lock_roles(self, text, site):
        """What roles the lock may have that an expression points to: by type or by the field's name."""
        m = CHAIN.search(text)
        name = m[2] if m else text.strip('& ')
        roles = {s: r for s, n, r in self.locks if n == name}
        where = m and self.type_of(m[1], self.statement(site.file, site.line)[1]) or site.file
        if where in roles:
            return {roles[where]}
        # a plain `struct spinlock` has no role: the implementation's
        return set() if where in self.fields else set(roles.values())

    def targets(self, path, line):
        """({(function, file)}, description) of the indirect calls of the statement there."""
        if (path, line) not in self.cache:
            self.cache[path, line] = self.find(path, line)
        return self.cache[path, line]

    def find(self, path, line):
        text, function = self.statement(path, line)
        head, body = function or ('', '')
        found, names = set(), []
        for m in re.finditer(CHAIN.pattern + r'\s*\)?\s*\(', text):
            if m[2] in self.pointer_fields:
                names.append(m[2])
                struct = self.type_of(m[1], function)
                found |= self.whole(self.field(struct, m[2], set()), {
                    self.shape(self.fields[s][m[2]], m[2]) for s in self.structs(struct, m[2])})
        for m in re.finditer(r'(?<![\w.>])\(?\*?\s*(\w+)\)?(?:\[[^]]*\])?\s*\(', text):
            name = m[1]
            if name in KEYWORDS or re.match('[A-Z]', name) or self.visible(name, path):
                continue
            if name in parameters(head):
                names.append(name)
                found |= self.whole(self.parameter(function_name(head), name, set()),
                                    {self.shape(head, name)})
            else:
                more = self.variable(path, name, function, set())
                if more is not None:
                    names.append(name)
                    found |= self.whole(more, {self.shape(f'{body};{self.sources[path].code}', name)})
        return found, ', '.join(names) or text.strip()

    def whole(self, found, shapes):
        """With what else may be there: functions of that type that went where we cannot follow,
        or all of that type where the value itself is not followed."""
        names = self.taken if ANY in found else self.stray
        more = {(name, path) for name, paths in names.items() for path in paths
                if None in shapes or self.shapes[name] & shapes}
        return found - {ANY} | more

    def visible(self, name, path):
        """Whether `name` is a function where nothing nearer has that name."""
        return any(p == path or p.endswith('.h') or not head.startswith('static')
                   for p, _, head, _ in self.functions.get(name, ()))

    def structs(self, struct, field):
        return {struct} if struct in self.pointer_fields[field] else self.pointer_fields[field]

    def value(self, text, path, head, seen):
        """What an expression may be."""
        text = text.strip().lstrip('&').strip()
        if text[:1] in ('(', '{') and len(inside(text, 1, text[0] + {'(': ')', '{': '}'}[text[0]])) \
                == len(text) - 2:
            return set().union(*(self.value(re.sub(r'^\s*\[[^]]*\]\s*=', '', v), path, head, seen)
                                 for v in split(text[1:-1])))
        if '?' in text:
            yes, _, no = text.partition('?')[2].partition(':')
            return self.value(yes, path, head, seen) | self.value(no, path, head, seen)
        if text in ('NULL', '0', ''):
            return set()
        if WORD.fullmatch(text):
            if text in parameters(head):
                return self.parameter(function_name(head), text, seen)
            return {(text, path)} if self.visible(text, path) else {ANY}
        m = CHAIN.fullmatch(text)
        if m and m[2] in self.pointer_fields:
            return self.field(None, m[2], seen)
        return {ANY}

    def field(self, struct, field, seen):
        if (struct, field) in seen:
            return set()
        seen.add((struct, field))
        return set().union(*(self.value(*what, seen) for s in (*self.structs(struct, field), None)
                             for what in sorted(self.stored.get((s, field), ()))))

    def parameter(self, function, name, seen):
        """What callers pass for a parameter."""
        if (function, name) in seen:
            return set()
        seen.add((function, name))
        result = set()
        for path, source in self.sources.items():
            if function not in source.code:
                continue
            for _, head, body in self.declarations[path]:
                if body is None or function not in body:
                    continue
                for m in re.finditer(rf'\b{function}\s*\(', body):
                    given = split(inside(body, m.end(), '()'))
                    for i in {parameters(h).get(name) for _, _, h, _ in self.functions[function]}:
                        if i is not None and i < len(given):
                            result |= self.value(given[i], path, head, seen)
        return result

    def variable(self, path, name, function, seen):
        """A local or global pointer variable: what is ever assigned to it."""
        head, body = function or ('', '')
        declared = POINTER.format(re.escape(name))
        local = re.search(declared, body) or re.search(rf'\w+_fn\s+\*?{name}\b', body)
        if not local and not any(re.search(declared, s.code) for s in self.sources.values()
                                 if name in s.code):
            return None
        result = set()
        stored = rf'(?<![\w.>])\*?\b{name}\b(?:\s*\[[^]]*\])*\s*\)?(?:\([^()]*\))?\s*=(?!=)\s*'
        for where in [path] if local else self.sources:
            for _, h, b in self.declarations[where] if name in self.sources[where].code else ():
                text = f'{h} {b or ""}'
                if not local or b == body:
                    for m in re.finditer(stored, text):
                        result |= self.value(upto(text, m.end()), where, h, seen)
        return result

    def shape(self, text, name):
        """The type of the function that `name`, declared in this text, points to, or None."""
        m = re.search(POINTER.format(re.escape(name)), text)
        if m:
            return shape(re.split(r'[,(;{}=]', text[:m.start()])[-1], inside(text, m.end(), '()'))
        m = re.search(rf'\b(\w+_fn)\b[\s*]*(?:const\s+)?{name}\b', text)
        return self.typedefs.get(m[1]) if m else None

    def type_of(self, chain, function):
        """The struct that `a->b.c[i]->` ends in, or None."""
        steps = [s for s in re.split(r'->|\.', chain) if s]
        root = steps[0]
        name = WORD.match(root)[0]
        declaration = None
        if function:
            head, body = function
            text = f'{head};{body}'
            if '(' in root:
                declaration = self.returns.get(name, '')
            else:
                found = {m[1] or m[2]: m[0] for m in re.finditer(
                    rf'struct (\w+)\b(?:[\s*]|const)*(?:\w+[^;(){{}}=]*,\s*\**)?\b{name}\b|'
                    rf'struct (\w+)\s*\*\w+ =[^;{{}}]*, \*{name} =', text)}
                found = found or {s: f'struct {s}' for s in self.globals[name]}
                declaration = found.popitem()[1] if len(found) == 1 else None
        m = re.search(r'struct (\w+)', declaration or '')
        struct = m[1] if m else None
        for step in steps[1:]:
            field = WORD.match(step)
            m = re.search(r'struct (\w+)', self.fields.get(struct, {}).get(field[0], '')
                          if field else '')
            struct = m[1] if m else None
            if not struct:
                return None
        return struct


def inside(text, start, brackets='{}'):
    """The text from start to the bracket that closes what is open there."""
    depth = 1
    for i in range(start, len(text)):
        if text[i] == brackets[0]:
            depth += 1
        elif text[i] == brackets[1]:
            depth -= 1
            if depth == 0:
                return text[start:i]
    return text[start:]


def split(text):
    """At the commas that stand in no bracket."""
    parts, depth = [''], 0
    for c in text:
        depth += (c in '([{') - (c in ')]}')
        if c == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += c
    return parts


def upto(text, start):
    """The value that begins there."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] in '([{') - (text[i] in ')]}')
        if depth < 0 or not depth and text[i] in ',;':
            return text[start:i]
    return text[start:]


def parameters(head):
    """{name: position} of the parameters of a function's head."""
    name = function_name(head or '')
    m = name and re.search(rf'\b{name}\s*\(', head)
    if not m:
        return {}
    names = {}
    for i, part in enumerate(split(inside(head, m.end(), '()'))):
        part = re.sub(r'\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(.*\)', r' \1', part)
        words = WORD.findall(re.sub(r'\[[^]]*\]', '', part))
        if words:
            names[words[-1]] = i
    return names


def plain(text):
    """A type without its name.  All numbers are one: the compiler tells them apart."""
    text = re.sub(r'\b(?:SPINLOCK|MUTEX|RWSEM)\s*\(\s*(\w+)\s*\)', r'struct \1', text)
    text = re.sub(r'\b(?:const|volatile|static|inline|extern|_Atomic)\b|\b[A-Z][A-Z_]{3,}\b(?:\s*\([^()]*\))?',
                  ' ', text)
    if '(' in text:
        return 'function'
    words = WORD.findall(text)
    if words and words[0] in ('struct', 'union'):
        base = words[1]
    else:
        base = 'void' if words[:1] == ['void'] else 'number'
    return base + '*' * (text.count('*') + text.count('['))


def shape(result, arguments):
    return plain(result), tuple(plain(a) for a in split(arguments) if a.strip() not in ('', 'void'))
