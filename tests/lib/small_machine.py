# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of another architecture, or with another kernel, that runs one shell script.

    said = small_machine.run("arm64", root, "ephemera --version", seconds=300)

It has a kernel of Debian's for clouds, busybox as its init, and what is in root, all in memory: no
disk, and no network but loopback. The processor is emulated, so give it patience. Takes cpio, and of qemu what
QEMU names. For a whole system with systemd there is virtual_machine.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lib import debian

# Of Debian's names of architectures: the program, and a machine that has a serial console.
QEMU = {
    "arm64": ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"],
}
CONSOLE = {"arm64": "ttyAMA0"}
MEGABYTES = 512
# What sock_diag takes is not built in, and nothing here loads modules by itself.
MODULES = ("inet_diag", "tcp_diag", "udp_diag")
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


def _fetched(architecture):
    """A directory with the architecture's busybox and kernel, fetched once."""
    made = debian.PLACE / f"machine-{architecture}"
    debian.PLACE.mkdir(parents=True, exist_ok=True)
    with open(debian.PLACE / f"machine-{architecture}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(prefix=".machine-", dir=debian.PLACE) as workplace:
                _fetch(architecture, Path(workplace) / "tree")
                os.rename(Path(workplace) / "tree", made)
    return made


def _fetch(architecture, place):
    kernel = f"linux-image-cloud-{architecture}:{architecture}"
    script = ('cd /tmp && kernel=$(apt-cache depends --important "$1" | sed -n '
              '"s/.*Depends: \\(linux-image-[0-9][^ ]*\\)/\\1/p" | head -n 1) && '
              'apt-get download "$kernel" "$2"')
    with debian.Tree() as tree:
        tree.run("dpkg", "--add-architecture", architecture)
        tree.run("apt-get", "update")
        tree.run("sh", "-c", script, "sh", kernel, f"busybox-static:{architecture}")
        packages = list((tree.root / "tmp").glob("*.deb"))
        assert len(packages) == 2, packages
        for package in packages:
            subprocess.run(["dpkg-deb", "-x", package, place], check=True)


def _initramfs(architecture, root, script, place):
    fetched = _fetched(architecture)
    tree = place / "tree"
    shutil.copytree(root, tree, symlinks=True)
    shutil.copy(fetched / "bin/busybox", tree / "busybox")
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    loaded = ""
    for name in MODULES:
        [module] = fetched.glob(f"lib/modules/*/kernel/net/ipv4/{name}.ko")
        shutil.copy(module, tree)
        loaded += f"insmod /{name}.ko\n"
    (tree / "script").write_text(loaded + script)
    with open(place / "initramfs", "wb") as image:
        names = subprocess.run(["find", ".", "-print0"], cwd=tree, check=True,
                               stdout=subprocess.PIPE).stdout
        subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet", "--owner=0:0"],
                       cwd=tree, check=True, input=names, stdout=image)


def run(architecture, root, script, seconds):
    """Boots and returns what the script wrote, errors included. The machine is gone afterwards, and
    the assertion that it ended in time has the end of its console."""
    with tempfile.TemporaryDirectory(prefix="machine-", dir=debian.PLACE) as workplace:
        place = Path(workplace)
        _initramfs(architecture, root, script, place)
        [kernel] = _fetched(architecture).glob("boot/vmlinuz-*")
        machine = subprocess.Popen(
            [*QEMU[architecture], "-m", str(MEGABYTES), "-nodefaults", "-no-user-config", "-display",
             "none", "-nic", "none", "-no-reboot", "-serial", "stdio", "-kernel", kernel,
             "-initrd", place / "initramfs",
             "-append", f"console={CONSOLE[architecture]} panic=-1 quiet"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            console, _ = machine.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as late:
            console = late.output or b""
        finally:
            machine.kill()
            machine.wait()
        text = console.decode(errors="replace").replace("\r\n", "\n")
        assert BEGIN in text and END in text, f"after {seconds} s at the most:\n{text[-6000:]}"
        return text.split(BEGIN, 1)[1].rsplit(END, 1)[0]
