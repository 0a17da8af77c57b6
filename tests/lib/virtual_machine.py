# SPDX-License-Identifier: Apache-2.0
"""A virtual machine that boots a debian.Tree with systemd, runs one program there, and is gone.

    with debian.Tree() as tree:
        virtual_machine.prepare(tree, "python3")
        shutil.copy("guest.py", tree.root / "guest")
        said = virtual_machine.run(tree, "/usr/bin/python3 /guest", seconds=300)

The tree is copied to its disk; it has no network but its own loopback. The program runs as root in
guest.service, after the boot; what it writes to /dev/ttyS1 is what run() returns. Takes
qemu-system-x86 and e2fsprogs, and where the processor has no virtualization to give some patience.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from lib import debian

KERNEL = debian.PLACE / "kernel"
# What the kernel loads when somebody asks for sockets. All else is built into the one for clouds.
MODULES = "kernel/net/ipv4/*_diag.ko"
MEGABYTES, DISK = 1024, "2G"

GUEST = """[Unit]
Description=What is to be done in the virtual machine
After=basic.target

[Service]
ExecStart=/bin/sh -c '{command}; sync; exec systemctl poweroff'
StandardOutput=journal+console
"""


def prepare(tree, *packages):
    """Installs systemd, the modules of a kernel, and the packages."""
    if os.uname().machine != "x86_64":
        pytest.skip("the virtual machine is one for x86_64")
    tree.run("apt-get", "update")
    tree.run("apt-get", "install", "-y", "--no-install-recommends",
             "systemd", "systemd-sysv", "dbus", "kmod", *packages)
    _fetch_kernel(tree)
    [modules] = KERNEL.glob("lib/modules/*")
    there = tree.root / "lib/modules" / modules.name
    for pattern in (MODULES, "modules.builtin*", "modules.order"):
        for path in modules.glob(pattern):
            (there / path.relative_to(modules)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, there / path.relative_to(modules))
    tree.run("depmod", modules.name)
    # A machine of its own, which is not on its first boot, and whose services are started.
    (tree.root / "etc/machine-id").write_text("0123456789abcdef" * 2 + "\n")
    (tree.root / "usr/sbin/policy-rc.d").unlink()
    masked = ("getty.target", "systemd-timesyncd.service", "apt-daily.timer", "apt-daily-upgrade.timer",
              "e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer", "dpkg-db-backup.timer")
    tree.run("sh", "-c", 'for unit; do ln -s /dev/null "/etc/systemd/system/$unit"; done', "sh", *masked)
    # They look for disks, consoles and scripts of other inits, of which there are none, at each
    # daemon-reload: seconds without KVM.
    shutil.rmtree(tree.root / "lib/systemd/system-generators")


def _fetch_kernel(tree):
    with open(debian.PLACE / "kernel.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if KERNEL.exists():
            return
        tree.run("apt-get", "install", "-y", "--no-install-recommends", "--download-only",
                 "linux-image-cloud-amd64")
        archives = tree.root / "var/cache/apt/archives"
        [package] = archives.glob("linux-image-[0-9]*.deb")
        with tempfile.TemporaryDirectory(prefix=".kernel-", dir=debian.PLACE) as workplace:
            subprocess.run(["dpkg-deb", "-x", package, f"{workplace}/tree"], check=True)
            os.rename(f"{workplace}/tree", KERNEL)


def run(tree, command, seconds):
    """Boots the tree and returns what the command wrote. The machine is gone afterwards, and the
    assertion that it ended in time has the end of its console."""
    units = tree.root / "etc/systemd/system"
    (units / "guest.service").write_text(GUEST.format(command=command))
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    tree.run("ln", "-sf", "../guest.service", "/etc/systemd/system/multi-user.target.wants/")
    with tempfile.TemporaryDirectory(prefix="machine-", dir=debian.PLACE) as workplace:
        place = Path(workplace)
        _make_disk(tree, place / "disk")
        [kernel] = KERNEL.glob("boot/vmlinuz-*")
        began = time.monotonic()
        machine = subprocess.Popen(
            ["qemu-system-x86_64", *_accelerator(), "-smp", "2", "-m", str(MEGABYTES),
             "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot",
             # The kernel has the driver of this one built in, so it needs no initramfs.
             "-drive", f"file={place}/disk,if=none,id=disk,format=raw,cache=unsafe",
             "-device", "nvme,drive=disk,serial=1", "-kernel", kernel, "-append",
             "root=/dev/nvme0n1 rw console=ttyS0 panic=-1 quiet mitigations=off systemd.show_status=1",
             "-serial", f"file:{place}/console", "-serial", f"file:{place}/said"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            complaints, _ = machine.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            complaints = f"not off after {seconds} s"
        finally:
            machine.kill()
            machine.wait()
        said, console = (
            (place / name).read_text(errors="replace") for name in ("said", "console"))
        print(f"{_accelerator()[1]}: {time.monotonic() - began:.1f} s")
        assert machine.returncode == 0, f"{complaints}\n{said[-6000:]}\n{console[-6000:]}"
        return said


def _accelerator():
    # The device may be there where the processor's extensions are not: nothing would ever boot.
    flags = Path("/proc/cpuinfo").read_text()
    if os.access("/dev/kvm", os.R_OK | os.W_OK) and (" vmx " in flags or " svm " in flags):
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def _make_disk(tree, image):
    # apt in the machine has nothing to fetch, and would read the lists of what it could.
    for folder in ("var/lib/apt/lists", "var/cache/apt"):
        shutil.rmtree(tree.root / folder)
    done = subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree.root, image, DISK],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stdout
