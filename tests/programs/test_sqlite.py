# SPDX-License-Identifier: MIT
"""SQLite's shell from Debian's source, static with musl: journals, WAL (shared file mappings),
file locks."""
import subprocess
import time

import sources  # noqa: I001  (sets the path to the harness)
from harness import case, main, start
from programs import Pair

MAKE = '''
create table t(id integer primary key, name text, value real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into t select i, 'name ' || (i * 7919 % 20000), i * 0.5 from n;
create index by_name on t(name);
select count(*), sum(value), min(name), max(name) from t;
select * from t where name = 'name 77';
update t set value = value + 1 where id % 3 = 0;
delete from t where id % 10 = 0;
select count(*), sum(value) from t;
pragma integrity_check;
'''


def pair():
    return Pair(sources.sqlite(), lambda work: None)


@case
def a_database_in_each_journal_mode():
    for mode in ('delete', 'truncate', 'persist', 'memory', 'wal'):
        both = pair()
        with both.keep:
            out = both.same('test.db', stdin=f'pragma journal_mode={mode};{MAKE}'.encode(), files=False)
            assert out.startswith(mode.encode()) and out.rstrip().endswith(b'ok'), out[-300:]
            # Each side can read what the other wrote.
            query = ['test.db', 'select count(*), sum(value) from t; pragma integrity_check;']
            answer = both.same(*query, files=False)
            (both.roots[0] / 'work' / 'test.db').replace(both.roots[1] / 'work' / 'other.db')
            assert both.vm('other.db', query[1]).stdout == answer


@case
def in_memory():
    both = pair()
    with both.keep:
        both.same(':memory:', stdin=MAKE.encode())


@case
def a_transaction_that_is_killed_is_rolled_back():
    both = pair()
    with both.keep:
        root = both.roots[1]
        assert both.vm('kill.db', 'create table t(x); insert into t values(1);').returncode == 0
        process = start('-w', '/work', str(root), '/bin/sqlite3-shell', 'kill.db', stdin=subprocess.PIPE)
        process.stdin.write(b'pragma cache_size=1; begin; with recursive n(i) as (select 1 union all select i + 1 '
                            b'from n where i < 50000) insert into t select randomblob(100) from n; select "inserted";\n')
        process.stdin.flush()
        assert process.stdout.readline().strip() == b'inserted', process.communicate()
        process.kill()
        process.communicate()
        time.sleep(0.2)
        done = both.vm('kill.db', 'pragma integrity_check; select count(*) from t;')
        assert done.stdout == b'ok\n1\n', done


@case
def dump_and_restore():
    both = pair()
    with both.keep:
        both.same('a.db', stdin=MAKE.encode(), files=False)
        dump = both.same('a.db', '.dump', files=False)
        assert both.same('b.db', stdin=dump, files=False) == b''
        both.same('b.db', 'select count(*), sum(value) from t', files=False)


@case
def a_file_that_is_no_database():
    both = pair()
    with both.keep:
        for root in both.roots:
            (root / 'work' / 'bad.db').write_bytes(b'not a database at all' * 100)
        both.same('bad.db', 'select 1 from t')


if __name__ == '__main__':
    main()
