# SPDX-License-Identifier: MIT
"""The device's side of vhost-user (QEMU's docs/interop/vhost-user.rst) and of split virtqueues (virtio 1.2, 2.7).

No thread: serve() waits for messages, kicks and due answers, and calls handle(request) for each chain.
What a handler does not answer at once it keeps, and answers later, or never."""
import mmap
import os
import selectors
import socket
import struct
import time

VERSION, REPLY = 1, 4
(GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE,
 SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR) = 1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 14
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE = 15, 16, 17, 18
F_INDIRECT, F_PROTOCOL, F_VERSION_1 = 1 << 28, 1 << 30, 1 << 32
PROTOCOL_MQ = 1 << 0
NO_FD = 1 << 8
DESC_NEXT, DESC_WRITE, DESC_INDIRECT = 1, 2, 4
AVAIL_NO_INTERRUPT = 1
QUEUES = 2


class Region:
    def __init__(self, fd, guest, size, user, offset):
        self.guest, self.size, self.user = guest, size, user
        self.map = mmap.mmap(fd, size, offset=offset)


class Memory:
    def __init__(self):
        self.regions = []

    def at(self, address, length, user=False):
        """(map, offset) of a guest's physical address, or of one of QEMU's."""
        for r in self.regions:
            start = r.user if user else r.guest
            if start <= address and address + length <= start + r.size:
                return r.map, address - start
        raise ValueError(f'no memory at {address:#x}+{length:#x}')

    def read(self, address, length):
        m, at = self.at(address, length)
        return m[at:at + length]

    def write(self, address, data):
        m, at = self.at(address, len(data))
        m[at:at + len(data)] = data


class Request:
    """A chain: what the driver wrote, and where there is room for an answer."""

    def __init__(self, queue, head, data, room):
        self.queue, self.head, self.data, self.room = queue, head, data, room

    def answer(self, data, used=None):
        """Fills the room with as much of data as fits; used: how much the device says that it wrote."""
        left = data[:sum(length for _, length in self.room)]
        written = len(left)
        for address, length in self.room:
            self.queue.memory.write(address, left[:length])
            left = left[length:]
        self.queue.give_back(self.head, written if used is None else used)


class Queue:
    def __init__(self, memory):
        self.memory, self.size, self.next, self.kick, self.call, self.enabled = memory, 0, 0, None, None, False

    def set_addresses(self, desc, used, avail):
        # A struct.pack_into() is no single store: the driver would see halves of an index.
        def halves(address, count):
            m, at = self.memory.at(address, 2 * count, user=True)
            return memoryview(m)[at:at + 2 * count].cast('H')

        self.desc = self.memory.at(desc, 16 * self.size, user=True)
        self.avail = halves(avail, 2 + self.size)
        self.used_head = halves(used, 2)
        self.used = self.memory.at(used + 4, 8 * self.size, user=True)

    def descriptors(self, head):
        (table, base), index, seen = self.desc, head, 0
        while True:
            address, length, flags, following = struct.unpack_from('<QIHH', table, base + 16 * index)
            seen += 1
            if seen > 4096:
                raise ValueError('endless chain')
            if flags & DESC_INDIRECT:
                (table, base), index = self.memory.at(address, length), 0
                continue
            yield address, length, flags & DESC_WRITE
            if not flags & DESC_NEXT:
                return
            index = following

    def take(self):
        """The requests that the driver has made available."""
        while self.enabled and self.next != self.avail[1]:
            head, data, room = self.avail[2 + self.next % self.size], bytearray(), []
            self.next = (self.next + 1) & 0xffff
            for address, length, writable in self.descriptors(head):
                if writable:
                    room.append((address, length))
                else:
                    data += self.memory.read(address, length)
            yield Request(self, head, bytes(data), room)

    def give_back(self, head, written):
        m, at = self.used
        index = self.used_head[1]
        struct.pack_into('<II', m, at + 8 * (index % self.size), head, written)
        self.used_head[1] = (index + 1) & 0xffff
        if self.call is not None and not self.avail[0] & AVAIL_NO_INTERRUPT:
            os.eventfd_write(self.call, 1)


class Device:
    """One connection.  handle(request) is called for each chain of a queue."""

    def __init__(self, connection, handle, features=F_INDIRECT):
        self.connection, self.handle, self.features = connection, handle, features
        self.memory = Memory()
        self.queues = [Queue(self.memory) for _ in range(QUEUES)]
        self.selector = selectors.DefaultSelector()
        self.selector.register(connection, selectors.EVENT_READ, None)
        self.later = []  # (time, what to call)

    def after(self, seconds, function):
        self.later.append((time.monotonic() + seconds, function))

    def serve(self):
        while True:
            now = time.monotonic()
            due = [function for at, function in self.later if at <= now]
            self.later = [(at, function) for at, function in self.later if at > now]
            for function in due:
                function()
            wait = min((at for at, _ in self.later), default=None)
            for key, _ in self.selector.select(None if wait is None else max(0, wait - now)):
                if key.data is None:
                    if not self.message():
                        return
                elif key.data.kick is not None:
                    os.eventfd_read(key.data.kick)
                    self.drain(key.data)

    def drain(self, queue):
        for request in queue.take():
            self.handle(request, queue is self.queues[0])

    def message(self):
        head, fds, _, _ = socket.recv_fds(self.connection, 12, 8)
        if len(head) < 12:
            return False
        request, _, size = struct.unpack('<III', head)
        body = b''
        while len(body) < size:
            body += self.connection.recv(size - len(body))
        answer = self.obey(request, body, fds)
        if answer is not None:
            self.connection.sendall(struct.pack('<III', request, VERSION | REPLY, len(answer)) + answer)
        return True

    def obey(self, request, body, fds):
        number = struct.unpack_from('<Q', body)[0] if len(body) >= 8 else 0
        if request == GET_FEATURES:
            return struct.pack('<Q', self.features | F_PROTOCOL | F_VERSION_1)
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack('<Q', PROTOCOL_MQ)
        if request == GET_QUEUE_NUM:
            return struct.pack('<Q', QUEUES)
        if request == SET_MEM_TABLE:
            self.map_memory(body, fds)
        elif request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
            self.set_descriptor(request, self.queues[number & 0xff], None if number & NO_FD else fds[0])
        elif request in (SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ENABLE, SET_VRING_ADDR, GET_VRING_BASE):
            return self.set_ring(request, body)
        return None

    def set_ring(self, request, body):
        index, value = struct.unpack_from('<II', body)
        queue = self.queues[index]
        if request == SET_VRING_NUM:
            queue.size = value
        elif request == SET_VRING_BASE:
            queue.next = value
        elif request == SET_VRING_ADDR:
            _, _, desc, used, avail, _ = struct.unpack('<IIQQQQ', body)
            queue.set_addresses(desc, used, avail)
        elif request == SET_VRING_ENABLE:
            queue.enabled = bool(value)
            if queue.enabled and queue.kick is not None:
                self.drain(queue)
        else:
            queue.enabled = False
            return struct.pack('<II', index, queue.next)
        return None

    def map_memory(self, body, fds):
        count, = struct.unpack_from('<I', body)
        self.memory.regions = [Region(fds[i], *struct.unpack_from('<QQQQ', body, 8 + 32 * i)) for i in range(count)]
        for fd in fds:
            os.close(fd)

    def set_descriptor(self, request, queue, fd):
        name = {SET_VRING_KICK: 'kick', SET_VRING_CALL: 'call', SET_VRING_ERR: 'error'}[request]
        old = getattr(queue, name, None)
        if old is not None:
            if name == 'kick':
                self.selector.unregister(old)
            os.close(old)
        setattr(queue, name, fd)
        if name == 'kick' and fd is not None:
            self.selector.register(fd, selectors.EVENT_READ, queue)
