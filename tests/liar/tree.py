# SPDX-License-Identifier: MIT
"""An honest file server: FUSE requests (linux/fuse.h, 7.36) on a tree in memory.

What is below a directory that was named as lied about has `lied` set; this file makes no use of it."""
import errno
import os
import stat
import struct
import time

(LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE, STATFS,
 RELEASE, FSYNC, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, FSYNCDIR, CREATE,
 BATCH_FORGET, FALLOCATE, READDIRPLUS, RENAME2, LSEEK, COPY_FILE_RANGE, SYNCFS) = (
    1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 35, 42, 43, 44,
    45, 46, 47, 50)
NAMES = {value: name for name, value in list(globals().items()) if name.isupper() and isinstance(value, int)}

IN_HEADER = struct.Struct('<IIQQIIIHH')
OUT_HEADER = struct.Struct('<IiQ')
ATTR = struct.Struct('<QQQQQQIIIIIIIIII')
ENTRY = struct.Struct('<QQQQII')
OPEN_OUT = struct.Struct('<QII')
INIT_OUT = struct.Struct('<IIIIHHIIHHI28x')
INIT_FLAGS = 0x0051f029 | 1 << 13  # what virtiofsd says, READDIRPLUS among it
SIZE_MAX, TOTAL_MAX = 1 << 26, 1 << 28  # of a file and of all: sparse ones are written out here
GHOSTS_MAX, NODES_MAX = 100, 3000  # nodes without a name, all nodes


def fail(number):
    raise OSError(number, os.strerror(number))


def text(data, count=1):
    """The first strings of data, each with its NUL."""
    return [os.fsdecode(word) for word in data.split(b'\0')[:count]]


class Node:
    def __init__(self, tree, mode, lied=False, rdev=0, ids=(0, 0)):
        tree.last += 1
        self.id, self.mode, self.lied, self.rdev, (self.uid, self.gid) = tree.last, mode, lied, rdev, ids
        self.data, self.children, self.target, self.xattrs = bytearray(), {}, '', {}
        self.nlink, self.parent = (2 if stat.S_ISDIR(mode) else 1), None
        self.atime = self.mtime = self.ctime = time.time_ns()
        tree.nodes[self.id] = self

    def attr(self):
        def ns(t):
            return divmod(t, 10**9)

        (a, an), (m, mn), (c, cn) = ns(self.atime), ns(self.mtime), ns(self.ctime)
        size = len(self.target) if stat.S_ISLNK(self.mode) else len(self.data)
        return ATTR.pack(self.id, size, (size + 511) // 512, a, m, c, an, mn, cn, self.mode, self.nlink, self.uid, self.gid,
                         self.rdev, 4096, 0)

    def changed(self):
        self.mtime = self.ctime = time.time_ns()


class Tree:
    """answer(data) gives the payload of a reply, or raises OSError."""

    def __init__(self, valid=1):
        self.nodes, self.last, self.valid, self.total, self.ghosts = {}, 0, valid, 0, []
        self.root = Node(self, stat.S_IFDIR | 0o755)
        self.root.parent = self.root

    def load(self, path, node=None):
        """Makes copies of what is below a directory of the host."""
        node = node or self.root
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                self.load(entry.path, self.add(node, entry.name, stat.S_IFDIR | 0o755))
            elif entry.is_file(follow_symlinks=False):
                with open(entry.path, 'rb') as f:
                    child = self.add(node, entry.name, stat.S_IFREG | entry.stat().st_mode & 0o777)
                    child.data = bytearray(f.read())

    def add(self, parent, name, mode, rdev=0, ids=(0, 0)):
        if name in parent.children:
            fail(errno.EEXIST)
        if len(self.nodes) >= NODES_MAX:
            fail(errno.ENOSPC)
        child = Node(self, mode, parent.lied, rdev, ids)
        child.parent = parent
        parent.children[name] = child
        parent.changed()
        return child

    def path(self, path):
        node = self.root
        for name in path.strip('/').split('/'):
            node = node.children[name]
        return node

    def lie_about(self, node):
        node.lied = True
        for child in node.children.values():
            self.lie_about(child)

    def answer(self, data):
        _, opcode, _, nodeid, *_ = IN_HEADER.unpack_from(data)
        ids, body = IN_HEADER.unpack_from(data)[4:6], data[IN_HEADER.size:]
        function = getattr(self, 'do_' + NAMES.get(opcode, '').lower(), None)
        if function is None:
            fail(errno.ENOSYS)
        node = self.nodes.get(nodeid)
        if node is None and opcode not in (INIT, STATFS, SYNCFS, RELEASE, RELEASEDIR):
            fail(errno.ESTALE)
        self.ids = ids
        return function(node, body) or b''

    def entry(self, node):
        return ENTRY.pack(node.id, 0, self.valid, self.valid, 0, 0) + node.attr()

    def attr_out(self, node):
        return struct.pack('<QII', self.valid, 0, 0) + node.attr()

    @staticmethod
    def child(node, name):
        if not stat.S_ISDIR(node.mode):
            fail(errno.ENOTDIR)
        return node.children.get(name) or fail(errno.ENOENT)

    # --- names

    def do_lookup(self, node, body):
        return self.entry(self.child(node, text(body)[0]))

    def do_mknod(self, node, body):
        mode, rdev = struct.unpack_from('<II', body)
        return self.entry(self.add(node, text(body[16:])[0], mode, rdev, self.ids))

    def do_mkdir(self, node, body):
        mode, = struct.unpack_from('<I', body)
        return self.entry(self.add(node, text(body[8:])[0], stat.S_IFDIR | mode & 0o7777, 0, self.ids))

    def do_symlink(self, node, body):
        name, target = text(body, 2)
        child = self.add(node, name, stat.S_IFLNK | 0o777, 0, self.ids)
        child.target = target
        return self.entry(child)

    def do_link(self, node, body):
        old, name = self.nodes.get(struct.unpack_from('<Q', body)[0]), text(body[8:])[0]
        if old is None or name in node.children:
            fail(errno.EEXIST if old else errno.ESTALE)
        node.children[name] = old
        old.nlink += 1
        return self.entry(old)

    def lose_name(self, node):
        """A file without a name lives on for a while only: this memory is the host's."""
        node.nlink = 0 if stat.S_ISDIR(node.mode) else node.nlink - 1
        if not node.nlink:
            self.ghosts.append(node)
        while len(self.ghosts) > GHOSTS_MAX:
            old = self.ghosts.pop(0)
            if self.nodes.pop(old.id, None):
                self.total -= len(old.data)

    def do_unlink(self, node, body):
        name = text(body)[0]
        child = self.child(node, name)
        if stat.S_ISDIR(child.mode):
            fail(errno.EISDIR)
        del node.children[name]
        self.lose_name(child)
        node.changed()

    def do_rmdir(self, node, body):
        name = text(body)[0]
        child = self.child(node, name)
        if not stat.S_ISDIR(child.mode) or child.children:
            fail(errno.ENOTEMPTY if child.children else errno.ENOTDIR)
        del node.children[name]
        self.lose_name(child)
        node.changed()

    def rename(self, node, new, names, flags):
        old_name, new_name = names
        child, there = self.child(node, old_name), new.children.get(new_name)
        if there and (flags & 1 or there.children):
            fail(errno.EEXIST if flags & 1 else errno.ENOTEMPTY)
        above = new
        while above is not child and above.parent not in (None, above):
            above = above.parent
        if above is child:
            fail(errno.EINVAL)  # a client that believed us may ask for a directory below itself
        del node.children[old_name]
        new.children[new_name] = child
        child.parent = new
        if there and there is not child:
            self.lose_name(there)
        node.changed()
        new.changed()

    def do_rename(self, node, body):
        self.rename(node, self.nodes.get(struct.unpack_from('<Q', body)[0]) or fail(errno.ESTALE), text(body[8:], 2), 0)

    def do_rename2(self, node, body):
        new, flags = struct.unpack_from('<QI', body)
        if flags & ~1:
            fail(errno.EINVAL)
        self.rename(node, self.nodes.get(new) or fail(errno.ESTALE), text(body[16:], 2), flags)

    # --- attributes

    def do_getattr(self, node, _body):
        return self.attr_out(node)

    def do_setattr(self, node, body):
        valid, _, _, size, _, atime, mtime, _, an, mn, _, mode, _, uid, gid, _ = struct.unpack('<IIQQQQQQIIIIIIII', body)
        if valid & 1:
            node.mode = stat.S_IFMT(node.mode) | mode & 0o7777
        node.uid, node.gid = uid if valid & 2 else node.uid, gid if valid & 4 else node.gid
        if valid & 8:
            self.resize(node, size)
        now = time.time_ns()
        if valid & 16:
            node.atime = now if valid & 128 else atime * 10**9 + an
        if valid & 32:
            node.mtime = now if valid & 256 else mtime * 10**9 + mn
        return self.attr_out(node)

    def do_readlink(self, node, _body):
        return os.fsencode(node.target)

    def do_getxattr(self, node, body):
        size, = struct.unpack_from('<I', body)
        return self.sized(node.xattrs.get(text(body[8:])[0]) or fail(errno.ENODATA), size)

    def do_listxattr(self, node, body):
        size, = struct.unpack_from('<I', body)
        return self.sized(b''.join(os.fsencode(name) + b'\0' for name in node.xattrs), size)

    @staticmethod
    def sized(value, size):
        if not size:
            return struct.pack('<II', len(value), 0)
        return value if len(value) <= size else fail(errno.ERANGE)

    def do_setxattr(self, node, body):
        size, _ = struct.unpack_from('<II', body)
        node.xattrs[text(body[8:])[0]] = body[len(body) - size:]

    def do_removexattr(self, node, body):
        if node.xattrs.pop(text(body)[0], None) is None:
            fail(errno.ENODATA)

    def do_statfs(self, _node, _body):
        return struct.pack('<QQQQQIIII24x', 1 << 20, 1 << 19, 1 << 19, 1 << 16, 1 << 15, 4096, 255, 4096, 0)

    # --- files

    def grow(self, node, size):
        if size > SIZE_MAX:
            fail(errno.EFBIG)
        if node.id not in self.nodes:
            fail(errno.ESTALE)
        if size > len(node.data) and self.total + size - len(node.data) > TOTAL_MAX:
            fail(errno.ENOSPC)
        self.total += size - len(node.data)

    def resize(self, node, size):
        self.grow(node, size)
        del node.data[size:]
        node.data.extend(bytes(size - len(node.data)))
        node.changed()

    def do_open(self, node, body):
        flags, = struct.unpack_from('<I', body)
        if flags & os.O_TRUNC:
            self.resize(node, 0)
        return OPEN_OUT.pack(node.id, 0, 0)

    do_opendir = do_open

    def do_create(self, node, body):
        flags, mode = struct.unpack_from('<II', body)
        name = text(body[16:])[0]
        child = node.children.get(name)
        if child and flags & os.O_EXCL:
            fail(errno.EEXIST)
        child = child or self.add(node, name, stat.S_IFREG | mode & 0o7777, 0, self.ids)
        return self.entry(child) + OPEN_OUT.pack(child.id, 0, 0)

    def do_read(self, node, body):
        _, offset, size = struct.unpack_from('<QQI', body)
        return bytes(node.data[offset:offset + size])

    def do_write(self, node, body):
        _, offset, size = struct.unpack_from('<QQI', body)
        if offset + size > len(node.data):
            self.resize(node, offset + size)
        node.data[offset:offset + size] = body[40:40 + size]
        node.changed()
        return struct.pack('<II', size, 0)

    def do_fallocate(self, node, body):
        _, offset, length, mode = struct.unpack_from('<QQQI', body)
        if mode:
            fail(errno.EOPNOTSUPP)
        if offset + length > len(node.data):
            self.resize(node, offset + length)

    def do_lseek(self, node, body):
        _, offset, whence = struct.unpack_from('<QQI', body)
        if offset >= len(node.data):
            fail(errno.ENXIO)
        return struct.pack('<Q', offset if whence == os.SEEK_DATA else len(node.data))

    def do_release(self, _node, _body):
        return b''

    do_releasedir = do_flush = do_fsync = do_fsyncdir = do_syncfs = do_release

    # --- listings

    def listing(self, node, body, plus):
        _, offset, size = struct.unpack_from('<QQI', body)
        reply = bytearray()
        names = [('.', node), ('..', node.parent or node), *node.children.items()]
        for index, (name, child) in list(enumerate(names, 1))[offset:]:
            record = self.dirent(child.id, index, os.fsencode(name), stat.S_IFMT(child.mode) >> 12)
            if plus:
                record = (bytes(128) if index < 3 else self.entry(child)) + record
            if len(reply) + len(record) > size:
                break
            reply += record
        return bytes(reply)

    @staticmethod
    def dirent(ino, offset, name, kind):
        record = struct.pack('<QQII', ino, offset, len(name), kind) + name
        return record + bytes(-len(record) % 8)

    def do_readdir(self, node, body):
        return self.listing(node, body, False)

    def do_readdirplus(self, node, body):
        return self.listing(node, body, True)

    def do_init(self, _node, body):
        _, _, ahead, flags = struct.unpack_from('<IIII', body)
        return INIT_OUT.pack(7, 36, ahead, flags & INIT_FLAGS, 0, 0, 1 << 20, 1, 256, 0, 0)
