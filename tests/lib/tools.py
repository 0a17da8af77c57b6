# SPDX-License-Identifier: Apache-2.0
"""Programs that the tests compare with, taken from Debian's packages without installing them.

Installing Debian's prometheus or prometheus-node-exporter starts a service on the host; a
test run must not. So the package is only downloaded and unpacked, under build/tools, which
needs no root either.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from lib import namespace
from lib.exporter import REPOSITORY

TOOLS = REPOSITORY / "build" / "tools"


def debian_binary(package, path_in_package):
    """The path of a program: the host's own if it is in PATH, else one unpacked from package, or
    from the package of the program's own name: promtool has one since Debian 13.

    Skips the test, with the reason, where neither can be had.
    """
    name = Path(path_in_package).name
    if installed := shutil.which(name):
        return installed
    packages = dict.fromkeys((package, name))
    for each in packages:
        unpacked = _tree(each) / path_in_package.lstrip("/")
        if unpacked.exists():
            return str(unpacked)
    pytest.fail(f"Debian has no {path_in_package} in {' or '.join(packages)}")


def _tree(package):
    """The folder that a package is unpacked in, once."""
    tree = TOOLS / package
    if not tree.exists():
        try:
            TOOLS.mkdir(parents=True, exist_ok=True)
            # Two test runs at once must not unpack over each other.
            with open(TOOLS / f"{package}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not tree.exists():
                    _unpack(package)
        except PermissionError as error:
            pytest.skip(f"{package} is not installed, and cannot be unpacked: {error}")
    return tree


def _unpack(package):
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            pytest.skip(f"{package} is not installed, and there is no {program} to fetch it")
    with tempfile.TemporaryDirectory(prefix=f".{package}-", dir=TOOLS) as workplace:
        try:
            fetched = subprocess.run(["apt-get", "download", "--quiet", package], cwd=workplace,
                                     preexec_fn=namespace.enter_first,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            pytest.skip(f"apt-get download {package}: no answer in 300 s")
        archives = list(Path(workplace).glob("*.deb"))
        if fetched.returncode != 0 or not archives:
            errors = [line for line in fetched.stdout.splitlines() if line.startswith("E:")]
            pytest.skip(f"apt-get download {package}: {(errors or ['nothing came'])[0]}")
        tree = Path(workplace) / "tree"
        subprocess.run(["dpkg-deb", "-x", str(archives[0]), str(tree)], check=True)
        os.rename(tree, TOOLS / package)
