# SPDX-License-Identifier: Apache-2.0
"""What list_sockets says of each socket, from one source and from another."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

from lib import exporter

# What sock_diag does not tell of each socket.
UNTOLD = re.compile(r" ipv6_only=(?P<ipv6_only>-?\d) chosen=(?P<chosen>-?\d) expires=(?P<expires>\d+)$")


def listed(source, *args, env=None):
    tool = Path(exporter.BINARY).parent / "tests/lib/list_sockets"
    done = subprocess.run([tool, source, *map(str, args)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=env)
    exporter.assert_no_sanitizer_report(done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout


def records(text):
    """{what is told of a socket: [what only some sources tell]}"""
    found = {}
    for line in filter(None, text.splitlines()):
        rest = UNTOLD.search(line)
        found.setdefault(line[:rest.start()], []).append(
            {name: int(value) for name, value in rest.groupdict().items()})
    return found


def assert_same(by_walk, by_dump, elapsed_ms, walked_first=True):
    """That records of the walk are those of a dump; the second came at most elapsed_ms later."""
    assert {line: len(told) for line, told in by_walk.items()} \
        == {line: len(told) for line, told in by_dump.items()}
    for line, told in by_dump.items():
        for name in ("ipv6_only", "chosen"):
            known = sorted(each[name] for each in told if each[name] >= 0)
            if len(known) == len(told):
                assert sorted(each[name] for each in by_walk[line]) == known, (line, name)
        # The same timer, read a moment later.
        if len(told) == 1:
            earlier, later = by_walk[line][0]["expires"], told[0]["expires"]
            if not walked_first:
                earlier, later = later, earlier
            assert -100 <= earlier - later <= elapsed_ms + 100, line


class Everything:
    """What `list_sockets all` said, by the inode of the namespace."""

    OWN_TCP_TABLE, OWN_UDP_TABLE, HAS_RESERVED = 1 << 1, 1 << 2, 1 << 3

    def __init__(self, text):
        self.settings = {}
        self.reserved, self.held, self.sockets = (defaultdict(list) for _ in range(3))
        inodes = {}
        for line in text.splitlines():
            number, kind, rest = line.split(" ", 2)
            if kind == "namespace":
                said = dict(field.split("=") for field in rest.split())
                inodes[number] = int(said.pop("inode"))
                self.settings[inodes[number]] = said
            elif kind in ("held", "reserved"):
                getattr(self, kind)[inodes.get(number)].append(int(rest))
            else:
                self.sockets[inodes.get(number)].append(f"{kind} {rest}")

    def records(self, inode):
        return records("\n".join(self.sockets[inode]))

    def flags(self, inode):
        return int(self.settings[inode]["flags"])


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
