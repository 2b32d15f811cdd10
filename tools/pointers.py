# SPDX-License-Identifier: MIT
"""Where a call through a pointer goes: the functions that the sources ever store in that field,
or pass for that parameter.  By name and, where the type of the structure is found, by type."""
import collections
import re

from csource import KERNEL_DIRS, Source, WORD, files, function_name

STORE = re.compile(r'((?:\w+(?:\([^()]*\))?(?:\[[^]]*\])?(?:->|\.))+|\.)(\w+)(?:\[[^]]*\])?\s*=\s*&?(\w+)\s*[,;})\n]')
KEYWORDS = {'if', 'while', 'for', 'switch', 'return', 'sizeof', 'typeof'}


class Pointers:
    def __init__(self, root):
        self.sources, self.functions = {}, collections.defaultdict(list)
        self.fields = collections.defaultdict(dict)     # struct -> field -> declaration
        self.returns = {}                               # function -> type
        self.stored = collections.defaultdict(set)      # (struct or None, field) -> names
        self.tables = collections.defaultdict(set)      # struct -> names in its initialisers
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

    # --- what there is ---

    def collect(self, path, line, head, body):
        whole = head if body is None else f'{head} {{{body}}}'
        if body is not None and function_name(head) and not head.startswith('struct {'):
            name = function_name(head)
            self.functions[name].append((path, line, head, body))
            self.returns.setdefault(name, head)
        elif body is None and '(' in head and '=' not in head:
            self.returns.setdefault(function_name(head), head)
        for m in re.finditer(r'\b(?:struct|union)\s+(?:[A-Z]\w*\s*(?:\([^()]*(?:\([^()]*\))?\))?\s*)*'
                             r'(\w+)?\s*\{', whole):
            if '=' not in whole[:m.start()]:
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
            text = body or head
            for m in STORE.finditer(text + '\n'):
                struct = self.literal_type(text, m.start()) if m[1] == '.' else \
                    self.type_of(m[1], (head, body or ''))
                self.store(struct, m[2], m[3], path, head)
            for m in re.finditer(r'=\s*([^;{}]*\?[^;{}]*:[^;{}]*);', text):
                field = re.search(r'(\w+)\s*$', text[:m.start()])
                for name in WORD.findall(m[1]):
                    if field and name in self.functions:
                        self.store(None, field[1], name, path, head)
        if '=' in (head or '') or body is None:
            text = f'{head} {body or ""}'
            m = re.search(r'struct (\w+)', text.split('=')[0])
            struct = m[1] if m else None
            for m in STORE.finditer(text + '\n'):
                inner = self.literal_type(text, m.start()) or struct
                self.store(inner, m[2], m[3], path, '')
            for name in WORD.findall(text.partition('=')[2]):
                if name in self.functions:
                    self.tables[struct].add(name)
        else:
            # tables inside functions
            for m in re.finditer(r'struct (\w+)\s+\w+(?:\[[^]]*\])*\s*=\s*\{', body or ''):
                for name in WORD.findall(inside(body, m.end())):
                    if name in self.functions:
                        self.tables[m[1]].add(name)

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

    def store(self, struct, field, name, path, head):
        if field not in self.pointer_fields:
            return
        if struct not in self.pointer_fields[field]:
            struct = None
        if name in self.functions:
            self.stored[struct, field].add((name, path))
        elif name in parameters(head):
            self.stored[struct, field].add((('parameter', function_name(head), name), path))

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
        result, depth = [''], 0
        for c in inside(text, m.end(), '()') if m else '':
            depth += (c in '([{') - (c in ')]}')
            if c == ',' and not depth:
                result.append('')
            else:
                result[-1] += c
        return [a.strip() for a in result]

    def targets(self, path, line):
        """({(function, file)}, description) of the indirect calls of the statement there."""
        if (path, line) not in self.cache:
            self.cache[path, line] = self.find(path, line)
        return self.cache[path, line]

    def find(self, path, line):
        text, function = self.statement(path, line)
        found, names = set(), []
        for m in re.finditer(r'((?:\w+(?:\([^()]*\))?(?:\[[^]]*\])?(?:->|\.))+)(\w+)(\[[^]]*\])?'
                             r'\s*\)?\s*\(', text):
            if m[2] not in self.pointer_fields:
                continue
            names.append(m[2])
            found |= self.field(self.type_of(m[1], function), m[2], set())
        head = function[0] if function else ''
        for m in re.finditer(r'(?<![\w.>])\(?\*?\s*(\w+)\)?(?:\[[^]]*\])?\s*\(', text):
            name = m[1]
            if name in KEYWORDS or name in self.functions or re.match('[A-Z]', name):
                continue
            if name in parameters(head):
                names.append(name)
                found |= self.parameter(function_name(head), name, set())
            else:
                more = self.variable(path, name, function)
                if more is not None:
                    names.append(name)
                    found |= more
        return found, ', '.join(names) or text.strip()

    def field(self, struct, field, seen):
        result = set()
        structs = {struct} if struct in self.pointer_fields[field] else self.pointer_fields[field]
        for s in (*structs, None):
            for name, path in self.stored.get((s, field), ()):
                if isinstance(name, tuple):
                    result |= self.parameter(name[1], name[2], seen)
                else:
                    result.add((name, path))
        if not result:
            for s in structs:
                result |= {(name, '') for name in self.tables.get(s, ())}
        return result

    def parameter(self, function, name, seen):
        """What callers pass for a parameter: any function named in such a call."""
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
                    arguments = inside(body, m.end(), '()')
                    for word in WORD.findall(arguments):
                        if word in self.pointer_fields and \
                                re.search(rf'(->|\.){word}\b(?!\s*\()', arguments):
                            result |= self.field(None, word, seen)
                        elif word in self.functions:
                            result.add((word, path))
                        elif word in parameters(head) and word == name:
                            result |= self.parameter(function_name(head), word, seen)
        return result

    def variable(self, path, name, function):
        """A local or global pointer variable: what is ever assigned to it."""
        body = function[1] if function else ''
        declared = re.search(rf'\(\*\s*(?:const\s+|volatile\s+)*{name}\s*(?:\[[^]]*\])?\)\s*\(', body)
        result = set()
        local = declared or re.search(rf'\w+_fn\s+\*?{name}\b', body)
        texts = {path: body} if local else {
            p: s.code for p, s in self.sources.items() if name in s.code}
        if not local and not any(re.search(rf'\(\*\s*(?:const\s+|_Atomic\s+)*{name}\b', t)
                                 for t in texts.values()):
            return None
        stored = rf'(?<![\w.>])\*?\b{name}\)?(?:\[[^]]*\])?(?:\([^()]*\))?\s*=\s*([^;]*);'
        for where, text in texts.items():
            for m in re.finditer(stored, text):
                for word in WORD.findall(m[1]):
                    if word in self.functions:
                        result.add((word, where))
                    elif word in self.pointer_fields and re.search(rf'(->|\.){word}\b', m[1]):
                        result |= self.field(None, word, set())
        return result

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
                m = re.search(rf'struct (\w+)\b(?:[\s*]|const)*(?:\w+[^;(){{}}=]*,\s*\**)?\b{name}\b', text)
                declaration = m[0] if m else None
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


def parameters(head):
    """Names of the parameters of a function's head."""
    m = re.search(r'\w\s*\(', head or '')
    if not m:
        return set()
    text = inside(head, m.end(), '()')
    text = re.sub(r'\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\([^()]*\)', r' \1', text)
    names = set()
    for part in text.split(','):
        words = WORD.findall(re.sub(r'\[[^]]*\]', '', part))
        if words:
            names.add(words[-1])
    return names
