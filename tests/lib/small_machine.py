# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of another architecture, or with another kernel, that runs one shell script.

    machine = small_machine.Machine("amd64", "trixie")
    said = small_machine.run(machine, root, "ephemera --version", seconds=300)

It has a kernel of Debian's for clouds, busybox as its init, and what is in root, all in memory: no
disk, and no network but loopback. What sock_diag takes is not built into that kernel, and is not
loaded before the script says LOAD_MODULES; nor is what source NAT takes, before it says LOAD_NAT.
The processor is emulated, so give it patience. Takes cpio, and of qemu what QEMU names. For a whole
system with systemd there is virtual_machine.
"""

import fcntl
import lzma
import os
import re
import shutil
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

from lib import debian

# suite is the release of Debian that the kernel is from.
Machine = namedtuple("Machine", "architecture suite", defaults=[debian.RELEASE])

# Of Debian's names of architectures: the program, and a machine that has a serial console.
QEMU = {
    "amd64": ["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg"],
    "arm64": ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"],
}
CONSOLE = {"amd64": "ttyS0", "arm64": "ttyAMA0"}
MEGABYTES = 512
MODULES = ("inet_diag", "tcp_diag", "udp_diag")
LOAD_MODULES = "".join(f"insmod /modules/{name}.ko\n" for name in MODULES)
NAT_MODULES = "nft_chain_nat", "nft_nat"
# In an order in which each has what it takes.
LOAD_NAT = "while read -r name; do insmod /modules/$name.ko; done </modules/nat\n"
BEGIN, END = "-- what was said --", "-- was said --"

INIT = f"""#!/busybox sh
/busybox mkdir -p /proc /sys /dev /tmp /applets
/busybox --install -s /applets
export PATH=/applets:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
ifconfig lo 127.0.0.1 up
echo
echo '{BEGIN}'
sh /script 2>&1
echo '{END}'
poweroff -f
"""


def _fetched(machine):
    """A directory with the machine's busybox and kernel, fetched once."""
    name = f"machine-{machine.architecture}-{machine.suite}"
    made = debian.PLACE / name
    debian.PLACE.mkdir(parents=True, exist_ok=True)
    with open(debian.PLACE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(prefix=".machine-", dir=debian.PLACE) as workplace:
                _fetch(machine, Path(workplace) / "tree")
                os.rename(Path(workplace) / "tree", made)
    return made


def _fetch(machine, place):
    architecture = machine.architecture
    kernel = f"linux-image-cloud-{architecture}:{architecture}"
    script = ('cd /tmp && kernel=$(apt-cache depends --important "$1" | sed -n '
              '"s/.*Depends: \\(linux-image-[0-9][^ ]*\\)/\\1/p" | head -n 1) && '
              'apt-get download "$kernel" "$2"')
    with debian.Tree() as tree:
        if machine.suite != debian.RELEASE:
            (tree.root / "etc/apt/sources.list.d/suite.list").write_text(
                f"deb http://deb.debian.org/debian {machine.suite} main\n")
            # Its versions, be they older or newer than those that the tree has lists of.
            (tree.root / "etc/apt/apt.conf.d/suite").write_text(
                f'APT::Default-Release "{machine.suite}";\n')
        tree.run("dpkg", "--add-architecture", architecture)
        tree.run("apt-get", "update")
        tree.run("sh", "-c", script, "sh", kernel, f"busybox-static:{architecture}")
        packages = list((tree.root / "tmp").glob("*.deb"))
        assert len(packages) == 2, packages
        for package in packages:
            subprocess.run(["dpkg-deb", "-x", package, place], check=True)


def _copy_module(fetched, name, place):
    """Unpacked: that a kernel has its modules compressed does not mean that it unpacks them. Returns
    the names of those that it depends on."""
    [module] = fetched.glob(f"**/lib/modules/*/kernel/**/{name}.ko*")
    content = module.read_bytes()
    if module.suffix == ".xz":
        content = lzma.decompress(content)
    assert content.startswith(b"\x7fELF"), module
    (place / f"{name}.ko").write_bytes(content)
    [depends] = re.findall(rb"\0depends=([^\0]*)\0", content)
    return [name for name in depends.decode().split(",") if name]


def _copy_nat_modules(fetched, place):
    ordered = []

    def add(name):
        if name not in ordered:
            for other in _copy_module(fetched, name, place):
                add(other)
            ordered.append(name)

    for name in NAT_MODULES:
        add(name)
    (place / "nat").write_text("".join(f"{name}\n" for name in ordered))


def _initramfs(fetched, root, script, place):
    tree = place / "tree"
    shutil.copytree(root, tree, symlinks=True)
    # Who is not root is to find what is in it, wherever it was put together.
    tree.chmod(0o755)
    [busybox] = fetched.glob("**/bin/busybox")
    shutil.copy(busybox, tree / "busybox")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    (tree / "modules").mkdir()
    for name in MODULES:
        _copy_module(fetched, name, tree / "modules")
    _copy_nat_modules(fetched, tree / "modules")
    (tree / "script").write_text(script)
    with open(place / "initramfs", "wb") as image:
        names = subprocess.run(["find", ".", "-print0"], cwd=tree, check=True,
                               stdout=subprocess.PIPE).stdout
        subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet", "--owner=0:0"],
                       cwd=tree, check=True, input=names, stdout=image)


def run(machine, root, script, seconds):
    """Boots and returns what the script wrote, errors included. The machine is gone afterwards, and
    the assertion that it ended in time has the end of its console."""
    fetched = _fetched(machine)
    [kernel] = fetched.glob("boot/vmlinuz-*")
    with tempfile.TemporaryDirectory(prefix="machine-", dir=debian.PLACE) as workplace:
        place = Path(workplace)
        _initramfs(fetched, root, script, place)
        emulator = subprocess.Popen(
            [*QEMU[machine.architecture], "-m", str(MEGABYTES), "-nodefaults", "-no-user-config", "-display",
             "none", "-nic", "none", "-no-reboot", "-serial", "stdio", "-kernel", kernel,
             "-initrd", place / "initramfs",
             "-append", f"console={CONSOLE[machine.architecture]} panic=-1 quiet mitigations=off"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            console, _ = emulator.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as late:
            console = late.output or b""
        finally:
            emulator.kill()
            emulator.wait()
        text = console.decode(errors="replace").replace("\r\n", "\n")
        assert BEGIN in text and END in text, f"after {seconds} s at the most:\n{text[-6000:]}"
        return text.split(BEGIN, 1)[1].rsplit(END, 1)[0]
