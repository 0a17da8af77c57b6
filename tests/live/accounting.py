# SPDX-License-Identifier: Apache-2.0
"""What the exporter says is left, against what the kernel then gives.

The range is small and of an even size: in one of odd size a search now and then misses a port
that is free. Targets listen outside of it, unless a test is about just that.
"""

import errno
import socket

import pytest

from lib.bpf import MISSING
from lib.exporter import metrics
from lib.namespace import set_range, sysctl
from lib.sockets import (LOOPBACK, MAPPED, at, connect_until_refused, drop, listen, new, wait_until)
from lib.sources import BPF, REUSABLE, tells

FIRST, LAST = 40000, 40021
SIZE = LAST - FIRST + 1

# Ports of targets, outside the range.
TARGET, OTHER, THIRD = 30001, 30002, 30003

# Shows small destinations, too, and those that hold nothing but what is reusable.
SHOW_ALL = "--collector.destinations.minimum-ports=0"

# Without it no TIME_WAIT is called reusable, since some may not be.
EXACT = "--collector.binds.buckets"

DESTINATION_PORTS = "ephemera_destination_ports"


def small_range(first=FIRST, last=LAST):
    """The settings of every test here: no TIME_WAIT is reusable unless a test says so."""
    set_range(first, last)
    sysctl("net.ipv4.tcp_tw_reuse", 0)


def read(*args, **kw):
    return metrics(SHOW_ALL, *args, **kw)


def target(family, port=TARGET, **how):
    return listen(family, LOOPBACK[family], port, **how)


def label_family(family):
    """A mapped socket is an IPv4 one."""
    return "ipv4" if family == MAPPED else family


def source_towards(family, address):
    """The address that the kernel would connect from. Asked of UDP, whose ports are its own."""
    with new(family, socket.SOCK_DGRAM) as sock:
        sock.connect(at(family, address, 9))
        return sock.getsockname()[0].removeprefix("::ffff:")


def used(said, family, address, port, source=None, states=("active", "time_wait")):
    """Ports of a destination in any of the states; each sample at most once."""
    total = 0
    for state in states:
        found = said.samples(DESTINATION_PORTS, state=state, destination=address,
                             destination_port=port,
                             source=source or source_towards(family, address))
        assert len(found) <= 1, found
        total += sum(value for _, value in found)
    return total


def left(said, family, address, port, source=None):
    """What a reader of the metrics takes to be left: what is reusable is."""
    return said.value("ephemera_range_usable_ports") - used(said, family, address, port, source)


def assert_kernel_gives(said, family, address, port, source=None, no_port=False, unseen=0):
    """The proof: exactly what was said to be left can be had, and then no more. Gives it back.

    unseen: so many of those are lost, which the source does not tell; less than 0: there are more.
    """
    expected = left(said, family, address, port, source) - unseen
    got, error = connect_until_refused(family, address, port, source, no_port, limit=SIZE * 10)
    count = len(got)
    drop(got)
    assert error == errno.EADDRNOTAVAIL
    assert expected == count, (
        f"said to be left towards {address}:{port}: {expected}; the kernel gave {count}\n"
        + said.text)


def shown(said):
    """The destinations that are shown: {(source, destination, port): {state: ports}}."""
    table = {}
    for labels, value in said.samples(DESTINATION_PORTS):
        key = (labels["source"], labels["destination"], int(labels["destination_port"]))
        states = table.setdefault(key, {})
        assert labels["state"] not in states, f"twice: {labels}"
        states[labels["state"]] = value
    return table


def held(active=0, time_wait=0, reusable=0):
    """One destination of shown(), as it reads with all of its states."""
    return {"active": active, "time_wait": time_wait, "reusable": reusable}


def bound_ports(said):
    """{holder: ports}; all three holders are always there."""
    counts = {labels["holder"]: value
              for labels, value in said.samples("ephemera_range_bound_ports")}
    assert set(counts) == {"listen", "bound", "connected"}
    return counts


def time_wait_ages():
    """Seconds since each TIME_WAIT began, from what the kernel says remains of its minute."""
    rows = []
    for name in ("tcp", "tcp6"):
        with open(f"/proc/self/net/{name}", encoding="ascii") as file:
            rows += [line.split() for line in file.readlines()[1:]]
    return [60 - int(row[5].split(":")[1], 16) / 100 for row in rows if row[3] == "06"]


def wait_until_old():
    """Until every TIME_WAIT is one that connect() may take over."""
    wait_until(lambda: all(seconds > 1.5 for seconds in time_wait_ages()), "TIME_WAIT to age")


def read_when_reusable(key, count, *args, source=BPF):
    """Reads until the TIME_WAIT of a destination is old enough. It is there all the time. By a source
    that does not tell which may be taken over, it stays TIME_WAIT."""
    if not tells(source, REUSABLE, buckets=True):
        wait_until_old()
        found = read(EXACT, *args)
        assert shown(found)[key]["time_wait"] >= count and not shown(found)[key]["reusable"]
        return found
    if MISSING:
        pytest.skip(MISSING)

    def said():
        found = read(EXACT, *args)
        states = shown(found)[key]
        assert states["time_wait"] + states["reusable"] == count
        return found if states["reusable"] == count else None
    return wait_until(said, "TIME_WAIT to become reusable")
