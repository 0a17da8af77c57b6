# SPDX-License-Identifier: Apache-2.0
"""Where cgroups of version 2 are, found as the exporter finds them."""

import ctypes
import os
from pathlib import Path

# Of linux/magic.h. A file's name proves nothing: version 1 has a cgroup.procs too.
CGROUP2_SUPER_MAGIC = 0x63677270

_libc = ctypes.CDLL(None, use_errno=True)


def hierarchy(root="/sys/fs/cgroup"):
    """Where version 2 is mounted: the root, or beside version 1 in its "unified"; or None."""
    for candidate in (Path(root), Path(root, "unified")):
        if _is_version_2(candidate):
            return candidate
    return None


def host_has_cgroups():
    """Whether there is a version 2 hierarchy, without which owners has nothing to tell."""
    return hierarchy() is not None


def _is_version_2(folder):
    # struct statfs starts with f_type, a word; the rest takes 120 bytes at most.
    answer = (ctypes.c_long * 32)()
    return (_libc.statfs(os.fsencode(folder), ctypes.byref(answer)) == 0
            and answer[0] == CGROUP2_SUPER_MAGIC)
