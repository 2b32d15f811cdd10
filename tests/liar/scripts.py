# SPDX-License-Identifier: MIT
"""Scripted lies, one function for each case of cases.c, which has the same name.

A function takes the tree and returns lie(opcode, node, body, error, payload), which is asked for each
answer: (error, payload, delay).  HONEST leaves it as it is."""
import errno
import stat
import struct

import tree as t

HONEST, NEVER = None, 'no answer'


def script(function):
    """lie() may return HONEST, NEVER, an error number or a payload."""

    def make(tree):
        lie = function(tree)

        def answer(opcode, node, body, error, payload):
            node = tree.root if opcode == t.INIT else node
            said = lie(opcode, node, body, payload) if node else HONEST
            if said is HONEST:
                return error, payload, 0
            if said is NEVER:
                return error, payload, None
            if isinstance(said, int):
                return said, b'', 0
            return 0, said, 0

        return answer

    return make


def attr(payload, **fields):
    """The same attributes but for some, whatever stands before them."""
    names = ('ino', 'size', 'blocks', 'atime', 'mtime', 'ctime', 'atimensec', 'mtimensec', 'ctimensec', 'mode', 'nlink', 'uid',
             'gid', 'rdev', 'blksize', 'flags')
    at = len(payload) - t.ATTR.size
    values = list(t.ATTR.unpack(payload[at:]))
    for name, value in fields.items():
        values[names.index(name)] = value
    return payload[:at] + t.ATTR.pack(*values)


@script
def honest(tree):
    return lambda *_: HONEST


@script
def read_says_again(tree):
    """READ ends with what means "once more" in a kernel."""
    node = tree.path('lies/f0')
    return lambda opcode, n, *_: errno.EAGAIN if n is node and opcode == t.READ else HONEST


@script
def read_says_no_memory(tree):
    node = tree.path('lies/f0')
    return lambda opcode, n, *_: errno.ENOMEM if n is node and opcode == t.READ else HONEST


@script
def attribute_list_without_end(tree):
    lists = [b'user.a\0user.b', b'\0user.a\0', b'user.a\0\0', b'user.a\0']

    def lie(opcode, node, body, _):
        if opcode != t.LISTXATTR:
            return HONEST
        size, = struct.unpack_from('<I', body)
        return lists.pop(0) if size else struct.pack('<II', 100, 0)

    return lie


@script
def file_without_end(tree):
    """As long as a file can be, and yet more can be written."""

    def lie(opcode, node, body, payload):
        if node.lied and opcode in (t.GETATTR, t.LOOKUP) and payload and stat.S_ISREG(t.ATTR.unpack(payload[-88:])[9]):
            return attr(payload, size=2**63 - 1)
        if opcode == t.WRITE and node.lied:
            return struct.pack('<II', *struct.unpack_from('<I', body, 16), 0)
        return HONEST

    return lie


@script
def removal_that_never_was(tree):
    """UNLINK and RENAME fail, and so does the LOOKUP that asks why."""
    failed = []

    def lie(opcode, node, body, _):
        if opcode in (t.UNLINK, t.RENAME) and node.lied:
            failed.append(opcode)
            return errno.EIO
        return errno.EAGAIN if failed and opcode == t.LOOKUP and node.lied else HONEST

    return lie


@script
def listing_without_end(tree):
    """The root has no name but "proc", again and again: the kernel's own name shadows it."""

    def lie(opcode, node, body, _):
        if node is not tree.root or opcode not in (t.READDIR, t.READDIRPLUS):
            return HONEST
        offset, = struct.unpack_from('<Q', body, 8)
        return bytes(128 if opcode == t.READDIRPLUS else 0) + t.Tree.dirent(5, offset + 1, b'proc', 4)

    return lie


@script
def directory_in_itself(tree):
    """/lies/d0 is its own child, and so is what is below it."""
    top = tree.path('lies/d0')

    def lie(opcode, node, body, _):
        if opcode == t.LOOKUP and node is top and body[0:1] == b'd':
            return tree.entry(top)
        return HONEST

    return lie


@script
def directory_with_two_names(tree):
    first = tree.path('lies/d0')

    def lie(opcode, node, body, _):
        return tree.entry(first) if opcode == t.LOOKUP and node.lied and body == b'd1\0' else HONEST

    return lie


@script
def type_changes(tree):
    """f0 is a directory, and d0 a file, once they are known."""
    kinds = {tree.path('lies/f0'): stat.S_IFDIR, tree.path('lies/d0'): stat.S_IFREG}

    def lie(opcode, node, body, payload):
        return attr(payload, mode=kinds[node] | 0o777) if opcode in (t.GETATTR, t.SETATTR) and node in kinds else HONEST

    return lie


@script
def made_is_there_already(tree):
    """MKDIR makes what exists; CREATE opens the program that runs."""
    there, program = tree.path('lies/d0'), tree.path('cases')

    def lie(opcode, node, body, _):
        if opcode == t.MKDIR:
            return tree.entry(there)
        if opcode == t.CREATE:
            return tree.entry(program) + t.OPEN_OUT.pack(7, 0, 0)
        return HONEST

    return lie


@script
def another_generation(tree):
    """Each LOOKUP of f0 finds another file with the number and the times of the first."""
    node, looked = tree.path('lies/f0'), []

    def lie(opcode, n, body, payload):
        if opcode == t.LOOKUP and n.lied and body == b'f0\0':
            looked.append(True)
            return struct.pack('<QQQQII', node.id, len(looked), 0, 1000, 0, 0) + node.attr()
        if opcode == t.READ and n is node:
            return b'%c' % (48 + len(looked)) * len(payload)
        return HONEST

    return lie


@script
def owner_of_no_number(tree):
    def lie(opcode, node, body, payload):
        if node.lied and opcode in (t.GETATTR, t.LOOKUP) and payload:
            return attr(payload, uid=2**32 - 1, gid=2**32 - 1)
        return HONEST

    return lie


@script
def write_says_more(tree):
    more = [1, 4096, 2**32 - 1]

    def lie(opcode, node, body, _):
        if opcode != t.WRITE or not node.lied or not more:
            return HONEST
        size, = struct.unpack_from('<I', body, 16)
        return struct.pack('<II', min(size + more.pop(0), 2**32 - 1), 0)

    return lie


@script
def init_with_nothing(tree):
    """The least that a server can do: no READDIRPLUS, a page at a time."""

    def lie(opcode, node, body, _):
        return t.INIT_OUT.pack(7, 31, 0, 1 << 22, 0, 0, 0, 0, 1, 0, 0) if opcode == t.INIT else HONEST

    return lie


@script
def no_answer_to_anything(tree):
    """As soon as /lies/f1 was looked for: no answer about what is in /lies."""
    silent = []

    def lie(opcode, node, body, _):
        if opcode == t.LOOKUP and body == b'f1\0':
            silent.append(True)
        return NEVER if silent and node.lied else HONEST

    return lie


@script
def no_descriptors_and_no_forgetting(tree):
    """LOOKUP has no descriptor left, and what is given back is not taken."""
    return lambda opcode, node, body, _: (
        NEVER if opcode == t.BATCH_FORGET else errno.EMFILE if opcode == t.LOOKUP and body == b'new\0' else HONEST)


@script
def write_back_fails(tree):
    """In three ways."""
    answers = [errno.EIO, errno.EAGAIN, struct.pack('<II', 0, 0)]
    count = []

    def lie(opcode, node, body, _):
        if opcode != t.WRITE or not node.lied:
            return HONEST
        count.append(True)
        return answers[len(count) % 3]

    return lie


@script
def write_says_nothing(tree):
    return lambda opcode, node, *_: struct.pack('<II', 0, 0) if opcode == t.WRITE and node.lied else HONEST


# --- these cannot be mounted: what starts with `unmountable_` ends with the launcher's status 125

@script
def unmountable_init(tree):
    return lambda opcode, *_: errno.EPROTO if opcode == t.INIT else HONEST


@script
def unmountable_old_version(tree):
    return lambda opcode, *_: t.INIT_OUT.pack(7, 30, 0, 0, 0, 0, 4096, 0, 1, 0, 0) if opcode == t.INIT else HONEST


@script
def unmountable_short_init(tree):
    return lambda opcode, *_: bytes(7) if opcode == t.INIT else HONEST


@script
def unmountable_root(tree):
    return lambda opcode, node, body, payload: (
        attr(payload, mode=stat.S_IFREG | 0o755) if opcode == t.GETATTR and node is tree.root else HONEST)
