# SPDX-License-Identifier: Apache-2.0
"""The Debian package of this tree, and later versions of it to upgrade to."""

import fcntl
import hashlib
import subprocess
import tempfile
from pathlib import Path

from lib import debian
from lib.exporter import REPOSITORY

BUILD = REPOSITORY / "build" / "package"
SETTINGS = "etc/default/ephemera"


def _do(*command, timeout=540):
    done = subprocess.run([str(word) for word in command], cwd=REPOSITORY, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}"
    return done.stdout


def field(package, name):
    """What the package says of itself, such as its Version."""
    return _do("dpkg-deb", "--field", package, name).strip()


def built(*options, build=BUILD):
    """The path of the package, made by the two commands of docs/install.md."""
    debian.PLACE.mkdir(parents=True, exist_ok=True)
    with open(debian.PLACE / "package.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in build.glob("*.deb"):
            left.unlink()
        _do("cmake", "--preset", "package", *([] if build == BUILD else ["-B", build]), *options)
        # A preset is of its own directory.
        _do("cmake", "--build", *(["--preset", "package"] if build == BUILD else
                                  [build, "--target", "package"]))
    [made] = build.glob("ephemera_*.deb")
    return made


def repacked(package, version, settings, folder):
    """The same with another version and another /etc/default/ephemera."""
    with tempfile.TemporaryDirectory(dir=folder) as workplace:
        tree = Path(workplace) / "tree"
        _do("dpkg-deb", "--raw-extract", package, tree)
        control = tree / "DEBIAN" / "control"
        before = f"\nVersion: {field(package, 'Version')}\n"
        assert before in control.read_text()
        control.write_text(control.read_text().replace(before, f"\nVersion: {version}\n"))
        sums = tree / "DEBIAN" / "md5sums"
        others = [line for line in sums.read_text().splitlines() if not line.endswith(SETTINGS)]
        digest = hashlib.md5(settings.encode(), usedforsecurity=False).hexdigest()
        sums.write_text("".join(f"{line}\n" for line in [*others, f"{digest}  {SETTINGS}"]))
        (tree / SETTINGS).write_text(settings)
        made = Path(folder) / f"ephemera_{version}_{field(package, 'Architecture')}.deb"
        _do("dpkg-deb", "--root-owner-group", "--build", tree, made)
    return made
