# SPDX-License-Identifier: Apache-2.0
"""Passes sockets to an exporter, as systemd does."""

import sys

# Puts these descriptors where systemd does, and becomes the command. pid: "own", or whose it is.
PASS = """
import fcntl, os, sys
pid, fds, *command = sys.argv[1:]
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 100) for fd in fds.split(",") if fd]
for place, fd in enumerate(high, start=3):
    os.dup2(fd, place, inheritable=True)
if pid:
    os.environ["LISTEN_PID"] = str(os.getpid()) if pid == "own" else pid
os.execvp(command[0], command)
"""


def passing(sockets, pid="own", count=None):
    """The arguments of Exporter, or of Popen, that pass these sockets."""
    fds = [held.fileno() for held in sockets]
    return {"wrapper": [sys.executable, "-c", PASS, pid, ",".join(map(str, fds))],
            "env": {"LISTEN_FDS": str(len(fds)) if count is None else count,
                    "LISTEN_FDNAMES": ":".join(["http"] * len(fds))},
            "pass_fds": fds}
