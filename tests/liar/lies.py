# SPDX-License-Identifier: MIT
"""Random lies about the nodes of a tree.py that have `lied` set, from a seed.

What is said is right in form, mostly: the codec's own fuzzer looks after form.  A lie may last: a node
has a persona, attributes that each answer repeats, or its answers change from call to call."""
import random
import stat
import struct

import tree as t

MAX63, MAX64 = 2**63 - 1, 2**64 - 1
SIZES = (0, 1, 511, 4095, 4096, 4097, 65537, 1 << 20, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 44, MAX63 - 4096, MAX63 - 1,
         MAX63, 1 << 63, MAX64)
TYPES = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, 0, 0xf000)
IDS = (0, 1000, 65534, 2**31, 2**32 - 1)
TIMES = (0, 1, 2**31, 2**32, 2**62, 2**63, MAX64)
LENGTHS = (0, 1, 5, 255, 256, 4095, 4096, 65536, 65537, 2**31, 2**32 - 1)
# 512 to 530: a kernel's own numbers, which no program may see; 4 and 11 have a meaning inside of ours
ERRORS = (*range(1, 134), 4, 11, 12, 17, 2, 38, 116, 5, 23, 24, 17, 20, 21, 36, 39, 40, 134, 200, 511, *range(512, 531), 4095,
          4096, 2**31 - 1, -1, -2, -4095)
FIELDS = {'ino': 0, 'size': 1, 'blocks': 2, 'atime': 3, 'mtime': 4, 'ctime': 5, 'nsec': 6, 'mode': 9, 'nlink': 10, 'uid': 11,
          'gid': 12, 'rdev': 13, 'blksize': 14, 'flags': 15}
ENTRIES = (t.LOOKUP, t.MKNOD, t.MKDIR, t.SYMLINK, t.LINK, t.CREATE)
UNANSWERED = 12  # at most
# Who waits for these cannot be killed: they are answered late, not never.  A READ keeps those who would take its pages
# away.
ANSWERED = (t.READ, t.WRITE, t.OPEN, t.RELEASE, t.BATCH_FORGET, t.INIT)


class Fuzzer:
    def __init__(self, tree, seed):
        self.tree, self.random = tree, random.Random(seed)
        self.rate = self.random.choice((.02, .1, .3, .6))
        self.errors = self.random.choice((.05, .3))
        self.late = self.random.choice((0, 0, .002, .02))
        self.personas, self.told, self.unanswered = {}, 0, 0

    def pick(self, values):
        return self.random.choice(values)

    def any_node(self):
        """A node that may be lied about: nothing else may come to harm."""
        return self.pick([n for n in self.tree.nodes.values() if n.lied])

    def any_directory(self, asked):
        """One that exists, or one above the one that was asked."""
        above = [asked]
        while above[-1].parent and above[-1].parent.lied:
            above.append(above[-1].parent)
        there = [n for n in self.tree.nodes.values() if n.lied and n.nlink and stat.S_ISDIR(n.mode)]
        return self.pick(above) if self.random.random() < .5 or not there else self.pick(there)

    # --- parts of answers

    def change_attr(self, fields, names):
        values = {'size': SIZES, 'blocks': SIZES, 'uid': IDS, 'gid': IDS, 'atime': TIMES, 'mtime': TIMES, 'ctime': TIMES,
                  'nsec': (0, 999999999, 10**9, 2**32 - 1), 'nlink': (0, 1, 2, 2**31, 2**32 - 1), 'ino': (0, 1, 2, MAX64),
                  'rdev': (0, 0x103, 0x501, 2**32 - 1), 'blksize': LENGTHS, 'flags': (0, 1, 2, 2**32 - 1)}
        for name in names:
            at = FIELDS[name]
            if name == 'mode':
                kind = self.pick(TYPES) if self.random.random() < .3 else stat.S_IFMT(fields[at])
                fields[at] = kind | self.random.getrandbits(12)
            else:
                fields[at] = self.pick(values[name])

    def attr(self, attr, node):
        fields = list(t.ATTR.unpack(attr))
        if node and self.random.random() < .2:
            self.personas.setdefault(node.id, self.random.getrandbits(32))
        if node and node.id in self.personas and self.random.random() < .7:
            now, self.random = self.random, random.Random(self.personas[node.id])
            self.change_attr(fields, self.random.sample(list(FIELDS), self.random.randrange(1, 4)))
            self.random = now
        else:
            self.change_attr(fields, self.random.sample(list(FIELDS), self.random.randrange(0, 3)))
        return t.ATTR.pack(*fields)

    def valid(self):
        return self.pick((0, 0, 1, 2, 2**31, 2**62, 2**63, MAX64)), self.pick((0, 0, 999999999, 2**32 - 1))

    def entry(self, entry, asked):
        """About another node, a directory above, one that nobody knows, or with another generation."""
        nodeid, generation, *_ = t.ENTRY.unpack_from(entry)
        attr, how = entry[t.ENTRY.size:], self.random.random()
        if how < .2:
            other = self.any_node()
            nodeid, attr = other.id, other.attr()
        elif asked and (how < .4 or stat.S_ISDIR(t.ATTR.unpack(attr)[9]) and how < .7):
            other = self.any_directory(asked)
            nodeid, attr = other.id, other.attr()
        elif how < .45:
            nodeid = self.pick((0, 1, 2**63, MAX64, self.random.getrandbits(16) + 10**6))
        if self.random.random() < .4:
            attr = self.attr(attr, self.tree.nodes.get(nodeid))
        if self.random.random() < .2:
            generation = self.random.getrandbits(64)
        (e, en), (a, an) = self.valid(), self.valid()
        return t.ENTRY.pack(nodeid, generation, e, a, en, an) + attr

    def open_out(self):
        return t.OPEN_OUT.pack(self.pick((0, 1, MAX64, self.any_node().id)), self.random.getrandbits(7), 0)

    def name(self):
        words = (b'f0', b'f1', b'd0', b'd1', b'l0', b'x' * 255, b'.', b'..', b'\xff\x01', b'new')
        return self.pick(words)

    def listing(self, size, plus):
        reply = bytearray()
        for _ in range(self.random.randrange(40)):
            child = self.any_node()
            record = self.tree.dirent(self.pick((child.id, 0, MAX64)), self.pick((0, 1, 3, 40, 2**31, MAX63, len(reply))),
                                      self.name(), self.random.getrandbits(self.pick((3, 4, 32))))
            if plus:
                record = self.entry(self.tree.entry(child), child) + record
            if len(reply) + len(record) > size:
                break
            reply += record
        return bytes(reply)

    def bytes(self, most):
        return self.random.randbytes(min(most, self.pick((0, 1, 2, 4095, 4096, 4097, 65536, most, most + 1))))

    # --- an answer

    def payload(self, opcode, node, body, honest):
        """Another payload of the same kind; None when there is no lie for it."""
        if opcode in ENTRIES and honest:
            entry = self.entry(honest[:128], node)
            return entry + (self.open_out() if opcode == t.CREATE else b'')
        if opcode in (t.GETATTR, t.SETATTR) and honest:
            valid, nsec = self.valid()
            return struct.pack('<QII', valid, nsec, 0) + self.attr(honest[16:], node)
        if opcode in (t.OPEN, t.OPENDIR):
            return self.open_out()
        if opcode in (t.READDIR, t.READDIRPLUS):
            return self.listing(struct.unpack_from('<QQI', body)[2], opcode == t.READDIRPLUS)
        if opcode == t.READ:
            return self.bytes(struct.unpack_from('<QQI', body)[2])
        if opcode in (t.WRITE, t.COPY_FILE_RANGE):
            asked = struct.unpack_from('<QQI', body)[2] if opcode == t.WRITE else 4096
            return struct.pack('<II', self.pick((0, 1, asked // 2, max(asked - 1, 0), asked, asked + 1, 2**31, 2**32 - 1)), 0)
        if opcode == t.READLINK:
            return self.pick((b'', b'.', b'..', b'../lies', b'f0', b'l0', b'/lies/l1', b'a\0b', b'x' * 4095, b'x' * 4096, b'\0',
                              b'/proc/self/fd/0', b'd0/../' * 600 + b'f0'))
        if opcode in (t.GETXATTR, t.LISTXATTR):
            size, = struct.unpack_from('<I', body)
            return self.bytes(size) if size else struct.pack('<II', self.pick(LENGTHS), 0)
        if opcode == t.LSEEK:
            return struct.pack('<Q', self.pick(SIZES))
        return None

    def statfs(self):
        big, small = (lambda: self.pick(SIZES)), (lambda: self.pick(LENGTHS))
        return struct.pack('<QQQQQIIII24x', big(), big(), big(), big(), big(), small(), small(), small(), 0)

    def init(self, honest):
        flags, = struct.unpack_from('<I', honest, 12)
        for bit in (0, 3, 5, 12, 13, 14, 15, 18, 22, 23):
            if self.random.random() < .2:
                flags ^= 1 << bit
        return t.INIT_OUT.pack(7, self.pick((31, 36, 36, 99)), self.pick(LENGTHS), flags, self.random.getrandbits(16),
                               self.random.getrandbits(16), self.pick((0, 1, 4095, 5000, 1 << 20, 2**32 - 1)),
                               self.pick((0, 1, 2**32 - 1)), self.pick((0, 1, 2, 31, 256, 65535)), 0,
                               self.random.getrandbits(32))

    def __call__(self, opcode, node, body, error, payload):
        """(error, payload, seconds until it is sent or None for never, and maybe another `unique` and more bytes)."""
        if opcode == t.INIT:
            return 0, self.init(payload), 0
        if opcode == t.STATFS:
            return 0, self.statfs(), 0
        if node is None or not node.lied or self.random.random() > self.rate:
            return error, payload, 0
        self.told += 1
        delay = 0
        if self.random.random() < self.late:
            delay = self.pick((.001, .02, .2, 2))
            if opcode not in ANSWERED and self.unanswered < UNANSWERED and self.random.random() < .1:
                self.unanswered += 1
                return error, payload, None
        if self.random.random() < self.errors:
            return self.pick(ERRORS), b'', delay
        lie = self.payload(opcode, node, body, payload)
        if lie is None:
            return error, payload, delay
        if self.random.random() < .01:  # unasked for, or for somebody else
            return self.random.randrange(8), lie, delay, self.pick((0, 2, MAX64)), self.pick((0, 0, 1, -1, 1 << 20))
        if self.random.random() < .03:
            lie = lie[:self.random.randrange(len(lie) + 1)]
        return 0, lie, delay
