# SPDX-License-Identifier: Apache-2.0
"""A host that needs advice, what `ephemera advise` says of it, and somebody who follows that."""

import errno
import json
import os
import re
import subprocess

from lib.exporter import run
from lib.namespace import set_range
from lib.sockets import IPV4, add_address, connect_until_refused, drop, listen

# Not a loopback address for the kernel, though it is on lo: tcp_tw_reuse is 2 here.
PEER = "10.88.0.50"
TARGET = 9001
FIRST, SIZE = 40000, 40


def advise(*flags, **kw):
    done = run("advise", "--json", *flags, **kw)
    assert done.returncode == 0, done.stderr
    return {finding["rule"]: finding for finding in json.loads(done.stdout)["findings"]}


def small_range(size=SIZE):
    set_range(FIRST, FIRST + size - 1)


def target(address=PEER):
    add_address(address, 32)
    return listen(IPV4, address, TARGET)


def follow(rule, *flags):
    """Pastes the commands of that rule, as a person would, and returns what it said."""
    done = run("advise", *flags)
    assert done.returncode == 0, done.stderr
    [text] = [part for part in re.split(r"\n(?=now: |soon: |later: |A restart)", done.stdout)
              if f"({rule})" in part.split("\n")[0]]
    commands = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    assert commands, text
    for command in commands:
        subprocess.run(["bash", "-c", command], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
    return text


def free_towards(address=PEER, source=None):
    """How many connections the kernel gives now; they are dropped again."""
    clients, error = connect_until_refused(IPV4, address, TARGET, source=source,
                                           no_port=source is not None)
    assert error == errno.EADDRNOTAVAIL
    count = len(clients)
    drop(clients)
    return count
