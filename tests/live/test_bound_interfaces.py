# SPDX-License-Identifier: Apache-2.0
"""Sockets that are bound to an interface: destinations of their own, against what connect() gives.

A veth pair for each interface, whose other end has no address: SYNs go there and are lost, so
that a connection stays in SYN_SENT for as long as a test needs it.
"""

import errno
import json
import os
import random
import re
import socket
import subprocess
import time

import pytest

from accounting import FIRST, SIZE, bound_ports, held, read, shown, small_range
from exhaustion import watching
from lib.bpf import needs_bpf
from lib.exporter import metrics, run
from lib.namespace import in_namespace
from lib.sockets import (IP_BIND_ADDRESS_NO_PORT, IPV4, IPV6, bind, drop, listen, need_ipv6,
                         need_kernel, new, wait_until)
from lib.sources import BPF, SOCK_DIAG, read_by
from test_trace import Trace

INTERFACES = ("v0", "v1")
PORT = 443
SOURCE = {IPV4: "10.9.9.9", IPV6: "fd09::9"}
PEER = {IPV4: "10.5.0.1", IPV6: "fd05::1"}
NO_PORT_LEFT = (errno.EADDRNOTAVAIL,)


def prepare():
    need_ipv6()
    small_range()
    commands = ["address add 10.9.9.9/32 dev lo", "-6 address add fd09::9/128 dev lo nodad"]
    for metric, name in enumerate(INTERFACES, 1):
        commands += [f"link add {name} type veth peer name p{name}", f"link set p{name} up",
                     f"link set {name} arp off up",
                     f"-6 address add fe80::1/64 dev {name} nodad",
                     f"route add 10.5.0.0/16 dev {name} metric {metric}",
                     f"-6 route add fd05::/64 dev {name} metric {metric}"]
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True,
                       env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
    for name in INTERFACES:
        wait_until(lambda name=name: not drop([new_from(IPV6, ("fe80::1", name))]), "the address")


def new_from(family, source, device=None, no_port=True):
    """source: an address, or a link-local one and its interface."""
    sock = new(family)
    sock.setblocking(False)
    try:
        if no_port:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if isinstance(source, tuple):
            sock.bind((source[0], 0, 0, socket.if_nametoindex(source[1])))
        elif source:
            bind(sock, family, source, 0)
        return sock
    except BaseException:
        sock.close()
        raise


def connect(sock, peer):
    """Begins to connect; whether there was a port for it."""
    error = sock.connect_ex(peer)
    assert error in (errno.EINPROGRESS, *NO_PORT_LEFT), os.strerror(error)
    return error == errno.EINPROGRESS


def connect_many(count, family, device=None, source=None, peer=None, no_port=True):
    """Sockets with a port; fewer than count where the kernel refuses."""
    made = []
    while len(made) < count:
        sock = new_from(family, source or SOURCE[family], device, no_port)
        if not connect(sock, peer or (PEER[family], PORT)):
            sock.close()
            break
        made.append(sock)
    return made


def given(family, device=None, **how):
    got = connect_many(1000, family, device, **how)
    count = len(got)
    drop(got)
    return count


def source_of(family, device=None):
    return SOURCE[family] + (f"%{device}" if device else "")


def rows(*flags):
    """{source: row} of `ephemera destinations`."""
    found = json.loads(run("destinations", "--json", *flags).stdout)
    assert len({row["source"] for row in found["destinations"]}) == len(found["destinations"])
    return found["range"]["usable_ports"], {row["source"]: row for row in found["destinations"]}


def left(family):
    """{device: ports}, None for sockets of no interface."""
    usable, found = rows()
    told = {}
    for device in (None, *INTERFACES):
        # Where none of an interface is there yet, it is what sockets of no interface have.
        row = found.get(source_of(family, device)) or found.get(source_of(family))
        told[device] = round(usable * (1 - row["usage_ratio"])) if row else usable
    return told


def assert_kernel_gives(family):
    assert left(family) == {device: given(family, device) for device in (None, *INTERFACES)}


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("family", [IPV4, IPV6])
@in_namespace
def test_two_interfaces_are_two_destinations(family):
    prepare()
    _kept = [connect_many(7, family, "v0"), connect_many(3, family, "v1")]
    said = read()
    assert shown(said) == {(source_of(family, "v0"), PEER[family], PORT): held(active=7),
                           (source_of(family, "v1"), PEER[family], PORT): held(active=3)}
    assert said.value("ephemera_worst_destination_ports", family=family) == 7
    assert said.value("ephemera_destinations", family=family, pressure="low") == 2
    assert_kernel_gives(family)


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("family", [IPV4, IPV6])
@in_namespace
def test_sockets_of_no_interface_keep_their_ports_from_those_of_one(family):
    prepare()
    _kept = [connect_many(5, family), connect_many(7, family, "v0")]
    said = read()
    # Each port once, and in the worst what the interface's sockets cannot have either.
    assert shown(said) == {(source_of(family), PEER[family], PORT): held(active=5),
                           (source_of(family, "v0"), PEER[family], PORT): held(active=7)}
    assert said.value("ephemera_worst_destination_ports", family=family) == 12
    assert said.value("ephemera_worst_destination_usage_ratio", family=family) == 12 / SIZE
    assert said.value("ephemera_other_destination_ports", family=family) == 0
    assert_kernel_gives(family)
    row = rows()[1][source_of(family, "v0")]
    assert (row["interface"], row["active"], row["shared"]) == ("v0", 7, 5)
    assert not {"interface", "shared"} & set(rows()[1][source_of(family)])
    text = run("destinations").stdout
    assert re.search(r"^  from \S+%v0\b.*\n  5 more in use by sockets that are bound to no "
                     r"interface$", text, re.M) and text.count("no interface") == 1, text


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("family", [IPV4, IPV6])
@in_namespace
def test_what_both_kinds_have_is_at_most_all_of_it(family):
    """The interface's came first: the others do not see them, and take the same ports."""
    prepare()
    _kept = [connect_many(7, family, "v0"), connect_many(SIZE, family)]
    assert given(family) == 0
    said = read()
    assert said.value("ephemera_worst_destination_usage_ratio", family=family) == 1
    assert said.value("ephemera_destinations", family=family, pressure="full") == 2
    assert_kernel_gives(family)


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("family", [IPV4, IPV6])
@pytest.mark.parametrize("seed", range(3))
@in_namespace
def test_no_more_is_promised_than_there_is(family, seed):
    """Where both kinds have the same ports, it can be less."""
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    chance = random.Random(seed)
    prepare()
    kept = []
    for _ in range(6):
        kept += connect_many(chance.randrange(4), family, chance.choice([None, *INTERFACES]))
        drop(kept.pop() for _ in range(min(len(kept), chance.randrange(3))))
        for device, promise in left(family).items():
            got = given(family, device)
            assert promise == got if device is None else promise <= got, (seed, device)


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_a_link_local_source_is_bound_to_its_interface():
    prepare()
    kept = [connect_many(7, IPV6, source=("fe80::1", "v0")),
            connect_many(3, IPV6, source=("fe80::1", "v1"))]
    assert shown(read()) == {("fe80::1%v0", PEER[IPV6], PORT): held(active=7),
                             ("fe80::1%v1", PEER[IPV6], PORT): held(active=3)}
    usable, found = rows()
    for name in INTERFACES:
        promise = round(usable * (1 - found[f"fe80::1%{name}"]["usage_ratio"]))
        assert promise == given(IPV6, source=("fe80::1", name))
    drop(sum(kept, []))


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_a_link_local_peer_has_the_interface_once():
    prepare()
    peer = ("fe80::5", PORT, 0, socket.if_nametoindex("v0"))
    _kept = [connect_many(3, IPV6, peer=peer),
             connect_many(2, IPV6, source=("fe80::1", "v0"), peer=peer)]
    assert shown(read()) == {("fd09::9", "fe80::5%v0", PORT): held(active=3),
                             ("fe80::1%v0", "fe80::5%v0", PORT): held(active=2)}


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_a_port_that_is_bound_is_lost_to_every_interface():
    """bind() has buckets without an interface: the capacity is one, for whoever connects."""
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    prepare()
    kept = [bind(new_from(IPV4, None, "v0"), IPV4, SOURCE[IPV4], FIRST + 2),
            listen(IPV4, "127.0.0.1", FIRST + 5)]
    said = metrics()
    assert sum(bound_ports(said).values()) == SIZE - said.value("ephemera_range_usable_ports") == 2
    for device in (None, *INTERFACES):
        assert given(IPV4, device) == SIZE - 2
    drop(kept)


@read_by(BPF, SOCK_DIAG)
@in_namespace
def test_time_wait_keeps_its_interface():
    prepare()
    listener = listen(IPV4, "127.0.0.1", 30001)
    for _ in range(5):
        client = new(IPV4)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        client.connect(("127.0.0.1", 30001))
        server = listener.accept()[0]
        client.close()
        assert server.recv(1) == b""
        server.close()
    key = ("127.0.0.1%lo", "127.0.0.1", 30001)
    wait_until(lambda: shown(read()) == {key: held(time_wait=5)}, "TIME_WAIT")


@in_namespace
def test_procfs_says_that_it_cannot_tell():
    prepare()
    _kept = [connect_many(7, IPV4, "v0"), connect_many(3, IPV4, "v1")]
    said = read("--sockets.source=procfs")
    assert said.value("ephemera_kernel_feature", feature="bound_interface") == 0
    assert shown(said) == {(SOURCE[IPV4], PEER[IPV4], PORT): held(active=10)}
    assert read().value("ephemera_kernel_feature", feature="bound_interface") == 1


@in_namespace
def test_an_interface_that_is_gone_is_a_number():
    prepare()
    kept = connect_many(2, IPV4, "v1")
    index = socket.if_nametoindex("v1")
    subprocess.run(["ip", "link", "delete", "v1"], check=True,
                   env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
    assert (f"{SOURCE[IPV4]}%{index}", PEER[IPV4], PORT) in shown(read())
    assert "interface" not in rows()[1][f"{SOURCE[IPV4]}%{index}"]
    drop(kept)


@in_namespace
def test_the_serving_daemon_names_it_in_its_sandbox():
    prepare()
    _kept = connect_many(2, IPV4, "v0")
    with watching("--no-collector.exhaustion",
                  "--collector.destinations.minimum-ports=0") as exporter:
        assert (source_of(IPV4, "v0"), PEER[IPV4], PORT) in shown(exporter.metrics())


@needs_bpf
@in_namespace
def test_trace_tells_the_interface_and_what_its_sockets_met():
    prepare()
    kept = [connect_many(SIZE - 3, IPV4), connect_many(3, IPV4, "v0")]
    trace = Trace("--json")
    assert not connect_many(1, IPV4, "v0")
    wait_until(lambda: connect_many(1, IPV4, "v0") == [] and trace.has_said_something(), "trace")
    # The other interface has no socket of its own there: it met those of none.
    kept.append(connect_many(3, IPV4))
    # How many there are is looked up once a second at the most.
    for _ in range(15):
        assert not connect_many(1, IPV4, "v1")
        time.sleep(0.2)
    *events, _last = map(json.loads, trace.end())
    told = {event["source"]: event["ports_in_use"] for event in events}
    assert told[source_of(IPV4, "v0")] == told[source_of(IPV4, "v1")] == SIZE
