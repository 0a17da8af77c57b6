# SPDX-License-Identifier: Apache-2.0
"""Network namespaces beside the test's own, with a name in a directory as ip-netns(8) makes it."""

import contextlib
import ctypes
import os
import subprocess
import sys

from lib.exporter import PATIENCE, REPOSITORY

_libc = ctypes.CDLL(None, use_errno=True)

MS_BIND, MNT_DETACH = 0x1000, 2


@contextlib.contextmanager
def another(body, directory=None, name=None, then=""):
    """A process in a new network namespace, which runs body, a text of Python that has the test's
    helpers, prints "made", runs then, and stays. Yields its process; if there is a name,
    directory/name is its namespace."""
    # The file of the name is a mount, which the network namespace outlives.
    prelude = ("from lib.namespace import *\nfrom lib.sockets import *\nimport socket\nimport sys\nenter_another()\n")
    process = subprocess.Popen(
        [sys.executable, "-c", f"{prelude}{body}\nprint('made', flush=True)\n{then}\nsys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests"), "PYTHONDONTWRITEBYTECODE": "1"})
    mounted = None
    try:
        assert process.stdout.readline() == "made\n"
        if name:
            mounted = os.path.join(directory, name)
            with open(mounted, "wb"):
                pass
            source = f"/proc/{process.pid}/ns/net".encode()
            if _libc.mount(source, mounted.encode(), None, MS_BIND, None) != 0:
                raise OSError(ctypes.get_errno(), "mount")
        yield process
    finally:
        if mounted:
            _libc.umount2(mounted.encode(), MNT_DETACH)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(PATIENCE)
        process.stdout.close()


def inode(process):
    return os.stat(f"/proc/{process.pid}/ns/net").st_ino
