# SPDX-License-Identifier: Apache-2.0
"""The libraries of another architecture, to compile for it and to run there.

    place = sysroot.fetched("arm64", ["zlib1g-dev", "iproute2"])
    sysroot.add_program(place / "usr/bin/ss", place, root, "arm64")

Debian's packages, with all that they depend on, unpacked side by side and not installed: nothing of
them is started. They are of the same release as this machine, as is the cross compiler.

    PYTHONPATH=tests python3 -m lib.sysroot ARCHITECTURE PACKAGE...    prints the place
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lib import debian

MULTIARCH = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
FOLDERS = "usr/lib/{0}", "usr/lib"


def _release():
    """Of this machine, if it is a Debian's."""
    told = platform.freedesktop_os_release()
    return told.get("VERSION_CODENAME", debian.RELEASE) if told["ID"] == "debian" else debian.RELEASE


def fetched(architecture, packages):
    """A directory with these packages; made once, and anew where the list is another one."""
    release = _release()
    content = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:12]
    name = f"sysroot-{architecture}-{release}"
    made = debian.PLACE / f"{name}-{content}"
    debian.PLACE.mkdir(parents=True, exist_ok=True)
    with open(debian.PLACE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for old in debian.PLACE.glob(f"{name}-*"):
                shutil.rmtree(old)
            with tempfile.TemporaryDirectory(prefix=".sysroot-", dir=debian.PLACE) as workplace:
                _fetch(architecture, release, packages, Path(workplace) / "tree")
                os.rename(Path(workplace) / "tree", made)
    return made


def _fetch(architecture, release, packages, place):
    # Packages of Debian 12 still have files in /lib, those of Debian 13 take it for a link.
    for name in ("bin", "lib", "sbin"):
        (place / "usr" / name).mkdir(parents=True)
        (place / name).symlink_to(f"usr/{name}")
    with debian.Tree(release) as tree:
        tree.run("dpkg", "--add-architecture", architecture)
        tree.run("apt-get", "update")
        tree.run("apt-get", "install", "-y", "--no-install-recommends", "--download-only",
                 *(f"{name}:{architecture}" for name in packages))
        archives = tree.root / "var/cache/apt/archives"
        found = [*archives.glob(f"*_{architecture}.deb"), *archives.glob("*_all.deb")]
        assert len(found) >= len(packages), found
        for package in found:
            subprocess.run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | '
                            'tar -C "$2" --keep-directory-symlink -xf -', "sh", package, place],
                           check=True)
    keep_links_inside(place)


def keep_links_inside(place):
    """A link to /lib/... would be one to this machine's."""
    for path in place.rglob("*"):
        if path.is_symlink() and os.path.isabs(os.readlink(path)):
            inside = place / os.readlink(path).lstrip("/")
            path.unlink()
            path.symlink_to(os.path.relpath(inside, path.parent))


def _headers(path):
    return subprocess.run(["readelf", "--wide", "--program-headers", "--dynamic", path], check=True,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def _find(name, place, architecture):
    for folder in FOLDERS:
        path = place / folder.format(MULTIARCH[architecture]) / name
        if path.exists():
            return path
    raise AssertionError(f"no library {name} in {place}")


def add_program(path, place, root, architecture):
    """Copies it to usr/bin in root, with the libraries that it names, and those that they name."""
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(path, root / "usr/bin")
    _add_libraries(path, place, root, architecture)


def _add_libraries(path, place, root, architecture):
    headers = _headers(path)
    # The kernel starts the loader by its name in the program.
    wanted = {name: root / name.lstrip("/")
              for name in re.findall(r"program interpreter: (\S+)\]", headers)}
    folder = root / "usr/lib" / MULTIARCH[architecture]
    wanted |= {name: folder / name for name in re.findall(r"\(NEEDED\).*\[(\S+)\]", headers)}
    for name, there in wanted.items():
        if there.exists():
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        library = _find(Path(name).name, place, architecture)
        shutil.copy(library, there)
        _add_libraries(library, place, root, architecture)


if __name__ == "__main__":
    print(fetched(sys.argv[1], sys.argv[2:]))
