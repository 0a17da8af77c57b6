# SPDX-License-Identifier: Apache-2.0
"""The container image of this tree, and containers, without an engine that runs as a daemon.

Images and containers lie below build/installs, and what podman keeps of running ones in a directory
of /run, so nothing of the user's own storage is touched.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path

from lib import debian
from lib.exporter import REPOSITORY

STORAGE = debian.PLACE / "containers"
BASE = "localhost/debian:bookworm-slim"
IMAGE = "localhost/ephemera:test"
TEST_IMAGE = "localhost/ephemera-tested:test"
# Bytes, as podman adds them up.
SIZE_MAX = 20_000_000
# podman takes no more than 50 characters for the second of its places, and a clone may lie deep.
_MARK = hashlib.sha256(os.fsencode(REPOSITORY)).hexdigest()[:8]
# What a machine without a file system for layers, and without an init, can do.
PLACES = ["--root", str(STORAGE / "root"), "--runroot", f"/run/ephemera-tests-{_MARK}",
          "--storage-driver", "vfs"]
PODMAN = ["podman", *PLACES, "--runtime", "runc", "--cgroup-manager", "cgroupfs",
          "--events-backend", "none"]


def environment():
    """For podman and buildah, which would otherwise look for configurations of the user's. Makes
    the place that they work in."""
    (STORAGE / "home").mkdir(parents=True, exist_ok=True)
    # podman's own limits are above what root may have on some machines, and pods take no flag.
    configuration = STORAGE / "home" / "containers.conf"
    configuration.write_text("[containers]\n"
                             'default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]\n')
    return {**os.environ, "HOME": str(STORAGE / "home"), "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_CONF": str(configuration),
            "XDG_RUNTIME_DIR": str(STORAGE / "home"), "TMPDIR": str(STORAGE / "home")}


def podman(*arguments, check=True, timeout=120, **kw):
    """Runs podman to its end."""
    kw.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([*PODMAN, *arguments], env=environment(), timeout=timeout, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    assert not check or done.returncode == 0, f"podman {arguments}:\n{done.stderr[-4000:]}"
    return done


def buildah(*arguments, timeout=1500):
    done = subprocess.run(["buildah", *PLACES, *arguments], env=environment(), timeout=timeout,
                          text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"buildah {arguments}:\n{done.stdout[-6000:]}"
    return done.stdout


def inspect(name):
    """What podman inspect says of a container or an image."""
    return json.loads(podman("inspect", name).stdout)[0]


def has_image(name):
    return podman("image", "exists", name, check=False).returncode == 0


@contextlib.contextmanager
def mounted(image):
    """The path of an image's tree, to look at."""
    where = podman("image", "mount", image).stdout.strip()
    try:
        yield Path(where)
    finally:
        podman("image", "umount", image)


def base_image():
    """Imports Debian's minimal system under the name BASE, once."""
    if not has_image(BASE):
        podman("import", str(debian.tarball()), BASE, timeout=300)
    return BASE


def built_image():
    """The name of the image that the Dockerfile of this tree makes, built once a tree.

    $EPHEMERA_IMAGE_AS_IS: an image that an earlier run left is taken, whatever it was made from.
    """
    STORAGE.mkdir(parents=True, exist_ok=True)
    with open(STORAGE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        global _built
        if _built or (os.environ.get("EPHEMERA_IMAGE_AS_IS") and has_image(IMAGE)):
            return IMAGE
        build(IMAGE)
        _built = True
    return IMAGE


_built = False


def build(name, *arguments):
    """Builds the Dockerfile of this tree, from what git has or would take; returns what was said."""
    listed = subprocess.run(["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], check=True, stdout=subprocess.PIPE).stdout
    base = base_image()
    with tempfile.TemporaryDirectory(prefix="context-", dir=STORAGE) as context:
        subprocess.run(["tar", "-C", str(REPOSITORY), "--null", "--ignore-failed-read", "-T", "-",
                        "-cf", f"{context}/tree.tar"], input=listed, check=True)
        os.mkdir(f"{context}/tree")
        subprocess.run(["tar", "-C", f"{context}/tree", "-xf", f"{context}/tree.tar"], check=True)
        return buildah("bud", "--isolation", "chroot", "--format", "docker", "--pull-never",
                       "--build-arg", f"BASE={base}", "-t", name, *arguments,
                       f"{context}/tree")
