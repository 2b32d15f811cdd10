# SPDX-License-Identifier: MIT
"""The outer guest: a Linux under QEMU's TCG, which emulates AMD's SVM, so that it has a real KVM.

All that it needs comes from Debian and is kept in a cache directory: the kernel of linux-image-amd64 with
the modules for virtiofs and KVM, busybox, and QEMU 10 with its virtiofsd from a Debian 13 tree.  Older
QEMUs let the inner guest's XSETBV through to the outer CPU, and its XRSTOR then faults.
"""
import gzip
import lzma
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MIRROR = 'http://deb.debian.org/debian'
PACKAGES = 'qemu-system-x86,qemu-system-data,seabios,ipxe-qemu,virtiofsd,busybox-static,python3'
MODULES = ('virtio_pci', 'virtiofs', 'ccp', 'kvm-amd')
OLDEST_QEMU = 10


def cache_directory():
    base = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    return pathlib.Path(base) / 'corrida'


def quiet(*command, **options):
    """Runs it; its output is shown when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        sys.exit(f'tests/kvm: {" ".join(map(str, command))}: exit status {done.returncode}')
    return done.stdout.decode(errors='replace')


def debian13(cache):
    """A Debian 13 tree with QEMU; made once."""
    tree = cache / 'trixie-kvm'
    if (tree / 'usr/bin/qemu-system-x86_64').exists():
        return tree
    if os.geteuid():
        sys.exit('tests/kvm: debootstrap of Debian 13 wants root, or name a tree that has qemu-system-x86 with --tree')
    print(f'making {tree} by debootstrap', flush=True)
    if not shutil.which('debootstrap'):
        sys.exit('tests/kvm: debootstrap is missing: apt-get install debootstrap')
    unfinished = cache / 'trixie-kvm.new'
    shutil.rmtree(unfinished, ignore_errors=True)
    cache.mkdir(parents=True, exist_ok=True)
    # What it mounts there ends with it, also when it fails: the next attempt removes the tree.
    quiet('unshare', '--mount', '--propagation', 'private', 'debootstrap', '--variant=minbase', f'--include={PACKAGES}', 'trixie', unfinished, MIRROR)
    unfinished.rename(tree)
    return tree


def qemu_version(command):
    text = quiet(*command, '--version')
    found = re.search(r'version (\d+)', text)
    return int(found[1]) if found else 0


class Qemu:
    """QEMU and virtiofsd, the host's own or those of a tree, run from there without chroot."""

    def __init__(self, cache, tree):
        own = shutil.which('qemu-system-x86_64')
        if tree is None and own and qemu_version([own]) >= OLDEST_QEMU and pathlib.Path(
                '/usr/libexec/virtiofsd').exists():
            self.prefix, self.tree, self.firmware = [], pathlib.Path('/'), []
            return
        self.tree = tree or debian13(cache)
        libraries = ':'.join(str(self.tree / d) for d in ('usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'))
        self.prefix = [str(self.tree / 'lib64/ld-linux-x86-64.so.2'), '--library-path', libraries]
        self.firmware = ['-L', str(self.tree / 'usr/share/qemu'), '-L', str(self.tree / 'usr/share/seabios')]
        if qemu_version(self.qemu()) < OLDEST_QEMU:
            sys.exit(f'tests/kvm: {self.tree} has no QEMU {OLDEST_QEMU}')

    def qemu(self):
        return [*self.prefix, str(self.tree / 'usr/bin/qemu-system-x86_64'), *self.firmware]

    def virtiofsd(self, *options):
        return [*self.prefix, str(self.tree / 'usr/libexec/virtiofsd'), *options]


def kernel(cache):
    """The unpacked linux-image package; made once."""
    place = cache / 'linux-kvm'
    if not place.exists():
        print(f'fetching linux-image-amd64 into {place}', flush=True)
        depends = quiet('apt-cache', 'depends', 'linux-image-amd64')
        package = re.search(r'Depends: (linux-image-\S+)', depends)
        if not package:
            sys.exit('tests/kvm: apt knows no linux-image-amd64: apt-get update')
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as tmp:
            quiet('apt-get', 'download', package[1], cwd=tmp)
            deb, = pathlib.Path(tmp).glob('*.deb')
            quiet('dpkg-deb', '-x', deb, f'{tmp}/new')
            os.rename(f'{tmp}/new', place)
    return place


def modules_of(place):
    """[(name, bytes)] in the order of loading."""
    files = {p.name.split('.')[0].replace('-', '_'): p for p in place.glob('**/kernel/**/*.ko*')}
    order = {}

    def add(name):
        name = name.replace('-', '_')
        if name in order or name not in files:  # else it is built in
            return
        data = files[name].read_bytes()
        if files[name].suffix == '.xz':
            data = lzma.decompress(data)
        depends = re.search(rb'\0depends=([^\0]*)\0', data)
        for other in depends[1].decode().split(',') if depends and depends[1] else []:
            add(other)
        order[name] = data

    for name in MODULES:
        add(name)
    return list(order.items())


def initramfs(place, busybox, target):
    with tempfile.TemporaryDirectory() as tmp:
        top = pathlib.Path(tmp)
        (top / 'bin').mkdir()
        (top / 'modules').mkdir()
        shutil.copy(busybox, top / 'bin' / 'busybox')
        shutil.copy(HERE / 'init', top / 'init')
        (top / 'init').chmod(0o755)
        modules = modules_of(place)
        for name, data in modules:
            (top / 'modules' / f'{name}.ko').write_bytes(data)
        (top / 'modules' / 'order').write_text(''.join(f'{name}.ko\n' for name, _ in modules))
        names = '\n'.join(str(p.relative_to(top)) for p in sorted(top.glob('**/*')))
        archive = subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=top, input=names.encode(),
                                 stdout=subprocess.PIPE, check=True).stdout
        target.write_bytes(gzip.compress(archive, 1))


class Outer:
    """The processes of one outer guest; ended together."""

    def __init__(self, options):
        self.options = options
        self.started = []

    def start(self, command, **more):
        process = subprocess.Popen(command, **more)
        self.started.append(process)
        return process

    def share(self, qemu, tmp, tag, directory):
        """QEMU's options for a directory of the host."""
        socket = f'{tmp}/{tag}.socket'
        self.start(qemu.virtiofsd(f'--socket-path={socket}', f'--shared-dir={directory}', '--cache=always', '--xattr',
                                  '--sandbox=none', '--log-level=error'))
        while not os.path.exists(socket):
            if self.started[-1].poll() is not None:
                sys.exit('tests/kvm: virtiofsd did not start')
            time.sleep(.05)
        return ['-chardev', f'socket,id={tag},path={socket}', '-device', f'vhost-user-fs-pci,chardev={tag},tag={tag}']

    def run(self, root, script):
        """Boots, runs the script, and passes on what it prints; its exit status."""
        o = self.options
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # `finally` ends what was started
        cache = o.cache / 'kvm'
        qemu = Qemu(cache, o.tree)
        place = kernel(cache)
        image, = place.glob('boot/vmlinuz-*')
        with tempfile.TemporaryDirectory(prefix='corrida-kvm-') as tmp:
            initrd = pathlib.Path(tmp) / 'initrd'
            initramfs(place, shutil.which('busybox') or qemu.tree / 'bin/busybox', initrd)
            try:
                shares = [*self.share(qemu, tmp, 'root', '/'), *self.share(qemu, tmp, 'work', ROOT)]
                guest = self.start(
                    [*qemu.qemu(), '-M', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max,+svm', '-smp', str(o.outer_cpus),
                     '-m', o.outer_memory, '-object', f'memory-backend-memfd,id=mem,size={o.outer_memory},share=on',
                     '-numa', 'node,memdev=mem', '-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio',
                     *shares, '-kernel', str(image), '-initrd', str(initrd), '-append',
                     f'console=ttyS0 quiet tsc=reliable no_timer_check panic=-1 kvm.root={root} kvm.work={ROOT} kvm.run={script}'],
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
                return self.follow(guest)
            finally:
                for process in reversed(self.started):
                    if process.poll() is None:
                        process.send_signal(signal.SIGKILL)
                    process.wait()

    @staticmethod
    def follow(guest):
        status = None
        for line in guest.stdout:
            text = line.decode(errors='replace').replace('\r', '')
            end = re.match(r'outer guest: end, status (\d+)', text)
            if end:
                status = int(end[1])
            else:
                sys.stdout.write(text)
                sys.stdout.flush()
        if status is None:
            print('tests/kvm: the outer guest ended early')
            return 1
        return status
