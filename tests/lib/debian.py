# SPDX-License-Identifier: Apache-2.0
"""A Debian of its own in a directory, for tests that install something.

    with debian.Tree() as tree:
        tree.run("apt-get", "install", "-y", "/packages/ephemera.deb")

Nothing of it runs in the namespaces of this machine but what `run` starts. No test may start a
systemd there: as the first process of a container it would still clear the directories that it
shares with this machine. The place for that is a virtual machine.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lib.exporter import REPOSITORY

RELEASE = "bookworm"
PLACE = REPOSITORY / "build" / "installs"


def tarball(release=RELEASE):
    """The path of a minimal Debian as a tar file, made by debootstrap once."""
    made = PLACE / f"{release}.tar"
    PLACE.mkdir(parents=True, exist_ok=True)
    with open(PLACE / f"{release}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _bootstrap(release, made)
    return made


def _bootstrap(release, made):
    with tempfile.TemporaryDirectory(prefix=".debootstrap-", dir=PLACE) as workplace:
        root = Path(workplace) / "root"
        done = subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates",
                               release, str(root)], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        assert done.returncode == 0, done.stdout[-2000:]
        (root / "etc/apt/sources.list").write_text("".join(
            f"deb http://deb.debian.org/{archive} main\n" for archive in (
                f"debian {release}", f"debian {release}-updates",
                f"debian-security {release}-security")))
        # A tree that is thrown away need not survive a power cut; waiting for the disk is half the time.
        (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
        # What the bootstrap fetched is a third of the size, and installed already.
        subprocess.run(["chroot", str(root), "apt-get", "clean"], check=True)
        # Device nodes cannot be made everywhere; whoever runs something there brings their own.
        subprocess.run(["tar", "--numeric-owner", "--exclude=./dev/*", "-C", str(root),
                        "-cf", f"{made}.new", "."], check=True)
        os.rename(f"{made}.new", made)


class Tree:
    """Unpacked from tarball(), with /proc, /dev and the resolver's file; removed at the end."""

    def __init__(self, release=RELEASE):
        PLACE.mkdir(parents=True, exist_ok=True)
        self.release = release
        self.root = Path(tempfile.mkdtemp(prefix="tree-", dir=PLACE))

    def __enter__(self):
        try:
            subprocess.run(["tar", "--numeric-owner", "-C", str(self.root), "-xf",
                            str(tarball(self.release))], check=True)
            shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
            # No service of an installed package is started: no init is there that could.
            policy = self.root / "usr/sbin/policy-rc.d"
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Each command has its own mount namespace, so nothing is mounted here.
        shutil.rmtree(self.root)

    def wrapper(self, *namespaces):
        """A command that execs what it is given as root in the tree, with mounts of its own."""
        script = ('mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/dev" && '
                  'for node in null zero full random urandom tty; do '
                  'touch "$0/dev/$node" && mount --bind "/dev/$node" "$0/dev/$node" || exit; done && '
                  'mkdir "$0/dev/pts" "$0/dev/shm" && '
                  'mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" && '
                  'ln -s pts/ptmx "$0/dev/ptmx" && '
                  'ln -s /proc/self/fd "$0/dev/fd" && exec chroot "$0" "$@"')
        return ["unshare", "--mount", *namespaces, "sh", "-c", script, str(self.root)]

    def run(self, *command, check=True, timeout=600, **kw):
        """Runs a command as root in the tree, with namespaces for mounts and processes of its
        own, so that what it started is gone when it returns."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(
            [*self.wrapper("--pid", "--fork", "--kill-child"), *command],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, **kw)
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}"
        return done
