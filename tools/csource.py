# SPDX-License-Identifier: MIT
"""What the checkers of `make lint` share: just enough C to tell code, comments and top-level
declarations apart, and a way to complain.  Not a parser: the layout is clang-format's."""
import os
import pathlib
import re
import subprocess
import sys

KERNEL_DIRS = ('kernel', 'syscall', 'loader', 'drivers')
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
WORD = re.compile(r'[A-Za-z_]\w*')


def blank(text):
    return ''.join(c if c == '\n' else ' ' for c in text)


class Source:
    """One file: .code has comments and literals blanked, .comments is [(line, text)]."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text(errors='replace')
        self.comments = []
        parts, at, line = [], 0, 1
        for m in TOKEN.finditer(self.text):
            before = self.text[at:m.start()]
            parts.append(before)
            line += before.count('\n')
            if m[0][0] == '/':
                self.comments.append((line, m[0]))
                parts.append(blank(m[0]))
            else:
                parts.append(m[0][0] + blank(m[0][1:-1]) + m[0][-1])
            line += m[0].count('\n')
            at = m.end()
        parts.append(self.text[at:])
        self.code = ''.join(parts)

    def includes(self):
        """(line, '<' or '"', name); what we cannot read has '' for the bracket."""
        lines = self.text.splitlines()
        for n, line in enumerate(self.code.splitlines(), 1):
            if re.match(r'\s*#\s*(include|import)', line):
                m = re.match(r'\s*#\s*include\s*([<"])([^">]+)[">]', lines[n - 1])
                yield (n, m[1], m[2]) if m else (n, '', line.strip())

    def without_preprocessor(self):
        def gone(m):
            return blank(m[0])
        return re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', gone, self.code, flags=re.M | re.S)

    def declarations(self):
        """Top-level things in order: (line, head, body).  body is None for what ends in ';',
        else the text between the braces (functions, structs, initialisers)."""
        code = self.without_preprocessor()
        depth, start, open_at = 0, 0, None
        for m in re.finditer(r'[{};]', code):
            if m[0] == '{':
                if depth == 0 and open_at is None:
                    open_at = m.start()
                depth += 1
            elif m[0] == '}':
                depth -= 1
                if depth == 0 and re.search(r'\)[\s\w(),&>!-]*$', code[start:open_at]) \
                        and '=' not in code[start:open_at]:
                    yield self._declaration(code, start, open_at, m.start())
                    start, open_at = m.end(), None
            elif depth == 0:
                yield self._declaration(code, start, open_at, m.start())
                start, open_at = m.end(), None

    @staticmethod
    def _declaration(code, start, open_at, end):
        head = code[start:open_at if open_at is not None else end]
        lead = len(head) - len(head.lstrip())
        line = code.count('\n', 0, start + lead) + 1
        body = code[open_at + 1:end] if open_at is not None else None
        return line, ' '.join(head.split()), body

    def line_of(self, offset):
        return self.code.count('\n', 0, offset) + 1


def files(root, dirs, pattern='*.[ch]'):
    for d in dirs:
        yield from sorted((root / d).rglob(pattern))


def tree_files(root='.'):
    """The names of all files of the sources; what git ignores is none, without git a build is none."""
    git = subprocess.run(['git', 'ls-files', '-coz', '--exclude-standard'], cwd=root, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    names = [n for n in git.stdout.split('\0') if n and os.path.exists(os.path.join(root, n))]
    if names:
        return names
    for where, dirs, found in os.walk(root):
        dirs[:] = [d for d in dirs if d not in ('.git', '__pycache__')
                   and not os.path.exists(os.path.join(where, d, 'corrida.elf'))]
        names += [os.path.relpath(os.path.join(where, n), root) for n in found]
    return names


def function_name(head):
    """The name that a head like `static int f(int (*g)(void), ...) REQUIRES(x)` declares."""
    head = re.sub(r'__attribute__\s*\(\(.*?\)\)+', ' ', head)
    for m in re.finditer(r'([A-Za-z_]\w*)\s*\(', head):
        if not re.fullmatch(r'[A-Z][A-Z0-9_]+|_Alignas|typeof|_Static_assert', m[1]):
            return m[1]
    return None


class Report:
    """Collects `file:line: rule: text`; the exit status is whether there was any."""

    def __init__(self, name):
        self.name, self.bad = name, []

    def __call__(self, path, line, rule, text):
        self.bad.append((str(path), line, rule, text))

    def end(self, summary, enough=True):
        for path, line, rule, text in sorted(set(self.bad)):
            print(f'{path}:{line}: {rule}: {text}')
        print(f'{self.name}: {summary}, {len(set(self.bad))} wrong')
        sys.exit(bool(self.bad) or not enough)
