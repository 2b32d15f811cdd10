# SPDX-License-Identifier: MIT
"""Debian's sources, fetched and built into static programs, kept in BUILD/programs."""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'launcher'))
from harness import BUILD  # noqa: E402

HOME = BUILD / 'programs'
SOURCES = ('lua5.4', 'sqlite3')


@contextlib.contextmanager
def locked():
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def command(*words, cwd=None):
    words = [str(w) for w in words]
    try:
        done = subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=600)
    except FileNotFoundError:
        raise AssertionError(f'{words[0]} is missing: run tools/bootstrap install-deps') from None
    text = done.stdout.decode('utf-8', 'replace')
    assert done.returncode == 0, f'{" ".join(words)}: status {done.returncode}\n{text[-3000:]}'
    return text


def apt(tool, *words):
    """apt with lists of its own that hold sources: the system's are left alone."""
    (HOME / 'lists' / 'partial').mkdir(parents=True, exist_ok=True)
    return command(tool, '-q', '-o', f'Dir::Etc::sourcelist={HOME}/src.list',
                   '-o', 'Dir::Etc::sourceparts=/dev/null', '-o', f'Dir::State::Lists={HOME}/lists',
                   '-o', 'Acquire::Retries=3', '-o', 'APT::Sandbox::User=root', *words, cwd=HOME)


def write_source_list():
    """The system's own Debian archives, as one-line deb-src entries."""
    lines = []
    for path in sorted(pathlib.Path('/etc/apt').glob('sources.list.d/*.sources')):
        for block in path.read_text().split('\n\n'):
            fields = dict(re.findall(r'^([A-Za-z-]+):[ \t]*(.*)$', block, re.M))
            if 'debian' in fields.get('URIs', '') and fields.get('Suites', '').strip('/'):
                signed = fields.get('Signed-By', '')
                option = f'[signed-by={signed}] ' if signed.startswith('/') else ''
                for uri in fields['URIs'].split():
                    for suite in fields['Suites'].split():
                        lines.append(f'deb-src {option}{uri} {suite} {fields.get("Components", "main")}')
    for path in [pathlib.Path('/etc/apt/sources.list'),
                 *sorted(pathlib.Path('/etc/apt').glob('sources.list.d/*.list'))]:
        if path.exists():
            for line in path.read_text().splitlines():
                if re.match(r'deb\s', line) and 'debian' in line:
                    lines.append(re.sub(r'^deb\s', 'deb-src ', line))
    assert lines, 'no Debian archive in /etc/apt/sources.list or sources.list.d: cannot fetch sources'
    (HOME / 'src.list').write_text('\n'.join(lines) + '\n')


def download(name):
    try:
        apt('apt-get', 'source', '--download-only', name)
    except AssertionError as newest:
        # A mirror may miss the newest revision: take an older one.
        versions = re.findall(r'^Version: (.*)$', apt('apt-cache', 'showsrc', name), re.M)
        for version in versions[::-1]:
            with contextlib.suppress(AssertionError):
                return apt('apt-get', 'source', '--download-only', f'{name}={version}')
        raise AssertionError(f'the source of {name} cannot be fetched (is there a network?): {newest}') from None


def source(name):
    """The unpacked source tree."""
    tree = HOME / name
    if not tree.exists():
        if not list(HOME.glob(f'{name}_*.dsc')):
            if not (HOME / 'src.list').exists():
                write_source_list()
                try:
                    apt('apt-get', 'update')
                except AssertionError:
                    (HOME / 'src.list').unlink()
                    raise
            download(name)
        part = HOME / f'{name}.part'
        shutil.rmtree(part, ignore_errors=True)
        command('dpkg-source', '--no-check', '-x', sorted(HOME.glob(f'{name}_*.dsc'))[-1], part)
        part.rename(tree)
    return tree


def kernel_headers():
    """musl-gcc sees no kernel headers: links to the system's, searched last."""
    links = HOME / 'linux-headers'
    links.mkdir(exist_ok=True)
    for name, target in (('linux', '/usr/include/linux'), ('asm-generic', '/usr/include/asm-generic'),
                         ('asm', '/usr/include/x86_64-linux-gnu/asm')):
        if not (links / name).is_symlink():
            (links / name).symlink_to(target)
    return ['-idirafter', str(links)]


def lua():
    with locked():
        program = HOME / 'lua'
        if not program.exists():
            tree = source('lua5.4') / 'src'
            # Debian's build generates this one.
            (tree / 'lua5.4-deb-multiarch.h').write_text('#define DEB_HOST_MULTIARCH "x86_64-linux-gnu"\n')
            files = [f for f in sorted(tree.glob('*.c')) if f.name != 'luac.c']
            command('musl-gcc', '-static', '-O2', '-DLUA_USE_POSIX', *kernel_headers(), *files, '-lm',
                    '-o', f'{program}.part')
            os.rename(f'{program}.part', program)
        return program


def sqlite():
    with locked():
        program = HOME / 'sqlite3-shell'
        if not program.exists():
            tree = source('sqlite3')
            work = HOME / 'sqlite3-build'
            work.mkdir(exist_ok=True)
            # The makefile's own configuration for gcc: generates the amalgamation.
            command('make', '-f', tree / 'Makefile.linux-gcc', f'TOP={tree}', 'sqlite3.c', 'shell.c', cwd=work)
            command('musl-gcc', '-static', '-O1', '-DSQLITE_THREADSAFE=1', '-DSQLITE_OMIT_LOAD_EXTENSION',
                    *kernel_headers(), '-I.', 'sqlite3.c', 'shell.c', '-lm', '-o', f'{program}.part', cwd=work)
            os.rename(f'{program}.part', program)
        return program


def redis():
    """redis-server, static."""
    with locked():
        program = HOME / 'redis-server'
        if not program.exists():
            tree = source('redis')
            command('make', '-C', tree / 'src', 'MALLOC=libc', 'USE_SYSTEMD=no', 'CC=musl-gcc', 'OPTIMIZATION=-O2',
                    f'CFLAGS={" ".join(kernel_headers())}', 'LDFLAGS=-static', 'redis-server')
            shutil.copy2(tree / 'src' / 'redis-server', f'{program}.part')
            os.rename(f'{program}.part', program)
        return program


def main():
    """sources.py BUILD PROGRAM DEST: for makefiles."""
    if len(sys.argv) != 4 or sys.argv[2] not in ('lua', 'sqlite', 'redis'):
        sys.exit('usage: sources.py BUILD lua|sqlite|redis DEST')
    shutil.copy2(globals()[sys.argv[2]](), sys.argv[3])


if __name__ == '__main__':
    main()
