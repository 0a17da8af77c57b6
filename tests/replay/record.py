#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records the fixtures of this directory, each from a known workload in a private namespace.

    EPHEMERA=build/debug/ephemera /usr/bin/python3 tests/replay/record.py [CASE...]

It needs what the live tests need, and Linux 6.14 (tcp_tw_reuse_delay) for the same files of
settings. What a fixture holds is written down in README.md, and asserted here where the kernel
can say it. New fixtures have the same counts but other ports, so the expected outputs stay as
they are; if not, something about the workload has changed.
"""

import re
import shutil
import socket
import struct
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# pylint: disable=wrong-import-position
from lib.exporter import run
from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, accept, add_address, bound, bound_many, close_wait,
                         connect, connect_many, connect_until_refused, fin_wait2, listen,
                         server_time_wait, time_wait, udp_connected)

SETTINGS = ("ip_local_port_range", "ip_local_reserved_ports", "ip_unprivileged_port_start",
            "tcp_tw_reuse", "tcp_tw_reuse_delay", "tcp_timestamps", "tcp_fin_timeout")

REUSE_DELAY = 3  # seconds: two batches of TIME_WAIT are told apart by it

LOCAL = "192.0.2.7"  # an address of this host that is no loopback address


def copy_proc(case, names=tuple(f"sys/net/ipv4/{name}" for name in SETTINGS)):
    for name in names:
        target = HERE / case / "proc" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path("/proc", name).read_bytes())


def record(case):
    (HERE / case).mkdir(exist_ok=True)
    done = run("metrics", "--sockets.record", HERE / case / "dump")
    assert done.returncode == 0, done.stderr
    copy_proc(case)


def udp(family, address, port):
    return bound(family, address, port, kind=socket.SOCK_DGRAM)


def busy():
    # 50 ports, of which 7 are reserved: an even number, since connect() searches size & ~1.
    set_range(41000, 41049)
    set_reserved("41001,41010-41015,52000-52010")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    sysctl("net.ipv4.tcp_tw_reuse_delay", REUSE_DELAY * 1000)
    add_address(LOCAL, 32)

    outside = [listen(IPV4, "127.0.0.1", 20001), listen(IPV4, "0.0.0.0", 20002),
               listen(IPV6, "::1", 20003)]
    one, many, six = outside
    # Inside the range: four take a port each away, the fifth sits on a reserved one.
    inside = [listen(IPV4, "0.0.0.0", 41020), listen(IPV4, "127.0.0.1", 41021),
              listen(IPV6, "::1", 41022), listen(MAPPED, "::", 41023),
              listen(IPV4, "127.0.0.1", 41010)]
    bound_only = bound_many((41040, 41041, 20010, 20011), IPV4, "127.0.0.1")
    bound_only.append(bound(IPV6, "::1", 41042))
    # Bound to a port by number, then connected: two in the range, one below it.
    chosen = [connect(IPV4, "127.0.0.1", 20001, source="127.0.0.1", source_port=41030),
              connect(IPV6, "::1", 20003, source="::1", source_port=41031),
              connect(IPV4, "127.0.0.1", 20001, source="127.0.0.1", source_port=20020)]

    # Destinations, by how many ports they have taken of 50 - 7 - 4 - 3 - 2 = 34.
    half = connect_many(19, IPV4, "127.0.0.1", 20001) + connect_many(4, MAPPED, "127.0.0.1", 20001)
    high = connect_many(31, IPV4, "127.0.0.2", 20002)
    full, error = connect_until_refused(IPV4, "127.0.0.3", 20002)
    assert (len(full), error) == (34, 99), (len(full), error)
    low = connect_many(13, IPV4, "127.0.0.4", 20002)
    low6 = connect_many(11, IPV6, "::1", 20003)
    to_inside = connect_many(2, IPV4, "127.0.0.1", 41020)
    servers = (accept(one, 23 + 2) + accept(many, 31 + 34 + 13) + accept(six, 11 + 1)
               + accept(inside[0], 2))

    mixed = connect_many(3, IPV4, "127.0.0.5", 20002)
    servers += accept(many, 3)
    halves = fin_wait2(3, IPV4, many, "127.0.0.6", 20002)
    halves += close_wait(2, IPV4, many, "127.0.0.6", 20002)
    time_wait(7, IPV4, many, "127.0.0.5", 20002)
    time_wait(3, IPV4, many, LOCAL, 20002)
    server_time_wait(3, IPV4, one, "127.0.0.1", 20001)

    datagrams = [udp(IPV4, "127.0.0.1", 41025), udp(IPV6, "::1", 41026),
                 udp(IPV4, "127.0.0.1", 20053)]
    # The kernel picks the ports of these; the last two stay unconnected, and are no servers.
    datagrams += [udp_connected(IPV4, "127.0.0.1", 20053) for _ in range(5)]
    datagrams += [udp_connected(IPV6, "::1", 41026) for _ in range(3)]
    datagrams += [udp(IPV4, "127.0.0.1", 0) for _ in range(2)]

    time.sleep(REUSE_DELAY + 0.5)
    time_wait(5, IPV4, many, "127.0.0.5", 20002)
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    record("busy")
    del outside, inside, bound_only, chosen, half, high, full, low, low6, to_inside, servers
    del mixed, halves, datagrams


def empty():
    set_range(32768, 60999)
    record("empty")


def no_capacity():
    set_range(42000, 42009)
    far = listen(IPV4, "127.0.0.1", 20001)
    holders = [listen(IPV4, "127.0.0.1", 42000), listen(IPV6, "::1", 42001)]
    holders += bound_many(range(42002, 42009), IPV4, "127.0.0.1")
    holders.append(connect(IPV4, "127.0.0.1", 20001, source="127.0.0.1", source_port=42009))
    holders += accept(far, 1)
    refused, error = connect_until_refused(IPV4, "127.0.0.1", 20001)
    assert (refused, error) == ([], 99), error
    record("no-capacity")
    del far, holders


def procfs():
    set_range(43000, 43039)
    set_reserved("43005")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    far = [listen(IPV4, "127.0.0.1", 20001), listen(IPV6, "::1", 20003)]
    inside = listen(IPV4, "127.0.0.1", 43007)
    # What /proc/net does not tell: that this is there, and that the next was bound first.
    unseen = bound(IPV4, "127.0.0.1", 43011)
    chosen = connect(IPV4, "127.0.0.1", 20001, source="127.0.0.1", source_port=43013)
    clients = connect_many(11, IPV4, "127.0.0.1", 20001)
    clients += connect_many(5, MAPPED, "127.0.0.1", 20001)
    clients += connect_many(7, IPV6, "::1", 20003)
    servers = accept(far[0], 17) + accept(far[1], 7)
    time_wait(3, IPV4, far[0], "127.0.0.1", 20001)
    datagrams = [udp(IPV4, "127.0.0.1", 43017), udp(IPV6, "::1", 20053)]
    datagrams += [udp_connected(IPV6, "::1", 20053) for _ in range(2)]
    copy_proc("procfs")
    copy_proc("procfs", ("net/tcp", "net/tcp6", "net/udp", "net/udp6"))
    del far, inside, unseen, chosen, clients, servers, datagrams


def chunks(dump):
    """(listing, start of the chunk's bytes, its length) for each chunk of a dump file."""
    at, listing = 0, None
    while at < len(dump):
        end = dump.index(b"\n", at)
        line, at = dump[at:end].decode(), end + 1
        if line.startswith("listing "):
            listing = line.split()[1]
        elif found := re.fullmatch(r"chunk (\d+)", line):
            yield listing, at, int(found[1])
            at += int(found[1]) + 1


def ended_by_errno():
    """The busy host, but the kernel gives up after 23 of its TCP sockets: ENOMEM."""
    dump = (HERE / "busy" / "dump").read_bytes()
    listing, start, length = next(chunk for chunk in chunks(dump) if chunk[0] == "tcp")
    messages = dump[start:start + length]
    kept = b""
    for _ in range(23):
        size = (struct.unpack_from("=I", messages, len(kept))[0] + 3) & ~3
        kept += messages[len(kept):len(kept) + size]
    # NLMSG_DONE and its payload, the errno.
    kept += struct.pack("=IHHIIi", 20, 3, 2, 1, 0, -12)
    after = dump.index(b"listing ", start + length)
    before = dump[:start].rindex(b"chunk ")
    _write_derived("ended-by-errno", dump[:before] + b"chunk %d\n%s\nresult -12\n"
                   % (len(kept), kept) + dump[after:])


def truncated():
    """The busy host, cut off in the middle of a chunk of TCP sockets."""
    dump = (HERE / "busy" / "dump").read_bytes()
    _, start, length = next(chunk for chunk in chunks(dump) if chunk[0] == "tcp")
    _write_derived("truncated", dump[:start + length // 2])


def _write_derived(case, dump):
    (HERE / case).mkdir(exist_ok=True)
    (HERE / case / "dump").write_bytes(dump)
    shutil.copytree(HERE / "busy" / "proc", HERE / case / "proc", dirs_exist_ok=True)


CASES = {"busy": in_namespace(busy), "empty": in_namespace(empty),
         "no-capacity": in_namespace(no_capacity), "procfs": in_namespace(procfs),
         "ended-by-errno": ended_by_errno, "truncated": truncated}


def main():
    for case in sys.argv[1:] or CASES:
        CASES[case]()
        print(f"recorded {case}")


if __name__ == "__main__":
    main()
