# SPDX-License-Identifier: Apache-2.0
"""Cgroups of version 2 to open sockets in: made, entered, and cleared away.

A socket belongs to the cgroup that its process was in at socket(), so one process that goes
from one to the next can hold sockets of many.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

import lib.cgroup_mount


class Unavailable(Exception):
    """No cgroup can be made here, and why."""


def hierarchy():
    """Where version 2 is mounted."""
    found = lib.cgroup_mount.hierarchy()
    if not found:
        raise Unavailable("no cgroup v2 is mounted")
    return found


def own_path():
    """The path of this process's cgroup, by its own word."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    raise Unavailable("this process is in no cgroup v2")


class Tree:
    """Cgroups below the hierarchy, all of which are gone when the block is left."""

    def __init__(self):
        self.root = hierarchy()
        self.home = own_path()
        self.made = []
        self._pid = os.getpid()

    def __enter__(self):
        try:
            # Whether it is allowed to make them and to go there and back.
            name = self.make(f"/ephemera-test-{os.getpid()}.probe")
            with self.inside(name):
                pass
            self.remove(name)
        except OSError as error:
            self.__exit__(None, None, None)
            raise Unavailable(f"no cgroup can be made and entered below {self.root}: "
                              f"{error.strerror}") from error
        return self

    def __exit__(self, *_):
        if os.getpid() != self._pid:
            return
        for path in reversed(self.made):
            self.clear(path)

    def directory(self, path):
        return self.root / path.lstrip("/")

    def make(self, path):
        """Makes it and what it lies in; only what was made is removed. Gives the path back."""
        missing = []
        while path != "/" and not self.directory(path).exists():
            missing.append(path)
            path = os.path.dirname(path)
        for each in reversed(missing):
            self.directory(each).mkdir()
            self.made.append(each)
        return missing[0] if missing else path

    def id(self, path):
        return self.directory(path).stat().st_ino

    def enter(self, path):
        (self.directory(path) / "cgroup.procs").write_text("0", encoding="ascii")

    @contextlib.contextmanager
    def inside(self, path):
        """This process is in the cgroup, for as long as the block lasts."""
        self.enter(path)
        try:
            yield
        finally:
            self.enter(self.home)

    def remove(self, path):
        self.directory(path).rmdir()

    def clear(self, path):
        """Removes it, whether or not it is still there, and whoever is in it."""
        deadline = time.monotonic() + 10
        while True:
            try:
                self.remove(path)
                return
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
            # Whoever is left in a cgroup that we made was put there by us.
            procs = self.directory(path) / "cgroup.procs"
            for pid in map(int, procs.read_text(encoding="ascii").split()):
                with contextlib.suppress(ProcessLookupError):
                    if pid not in (0, os.getpid()):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
