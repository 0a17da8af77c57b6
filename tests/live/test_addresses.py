# SPDX-License-Identifier: Apache-2.0
"""The pools of bind(0) and of UDP, as told, against what bind() and connect() then get.

One table a situation: for every address that could be bound, what the metrics say is left
of it, and what the kernel gives, until EADDRINUSE or EAGAIN.
"""

import ctypes
import errno
import os
import random
import socket
import subprocess

import pytest

from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, accept, add_address, at, bind, bind_until_refused,
                         bound, bound_many, close_wait, connect, connect_many, drop, fin_wait2,
                         listen, need_ipv6, need_kernel, new, orphan_fin_wait2, pairs,
                         server_time_wait, time_wait, udp_connected, wait_until)
from lib.sources import BPF, PROCFS, SOCK_DIAG, SPEAKS_IPV4, read_by, tells

FIRST, LAST = 40000, 40021
SIZE = LAST - FIRST + 1
TARGET, OTHER = 30001, 30002

PORTS = "ephemera_address_ports"
WORST = "ephemera_worst_address_ports"
RATIO = "ephemera_worst_address_usage_ratio"
UNTRACKED = "ephemera_untracked_address_sockets"
IPV6_ONLY = "ephemera_ipv6_only_address_ports"
UNSURE = "ephemera_unsure_address_ports"
BIND_IPV6_ONLY = "ephemera_bind_ipv6_only"

# An AF_INET6 socket as most programs make it, which does not say IPV6_V6ONLY: it may speak
# IPv4, and does where its address is a mapped one.
DUAL = MAPPED

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}

# Where IPv4 finds an IPv6 UDP socket that connect() gave its address: LOOPBACK4_IPV6.
LOOPBACK4 = "127.0.0.6"

# Who asks for a port, and on which address; nobody else holds anything on 127.0.0.9, fd00::9.
ASKED = [
    (IPV4, "0.0.0.0"), (IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (IPV4, "127.0.0.9"),
    (IPV4, LOOPBACK4),
    (MAPPED, "127.0.0.1"), (DUAL, "::"), (IPV6, "::"), (DUAL, "::1"), (IPV6, "::1"), (DUAL, "fd00::1"),
    (DUAL, "fd00::9"),
]
# An unbound UDP socket that connects: it is given a port of its wildcard's pool.
CONNECTED = [(IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (DUAL, "::1"), (DUAL, "fd00::1"),
             (IPV6, "::1"), (MAPPED, "127.0.0.1")]


def prepare(first=FIRST, last=LAST):
    need_ipv6()
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    set_range(first, last)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    add_address("fd00::1", 128)
    add_address("fd00::9", 128)


def read(*args):
    return metrics("--collector.addresses.limit=1000", *args)


def pool(family, address):
    """Whose series tells of such a socket."""
    return IPV6 if ":" in address else IPV4, address.removeprefix("::ffff:")


def capacity(said):
    return said.value("ephemera_range_ports") - said.value("ephemera_range_reserved_ports")


def left(said, protocol, family, address, wildcard):
    """wildcard: {family: ports that wildcard sockets take}, for an address that is not shown."""
    if (family, address) == (IPV6, "::"):
        return capacity(said) - said.value(IPV6_ONLY, protocol=protocol)
    family, address = pool(family, address)
    shown = said.samples(PORTS, protocol=protocol, address=address)
    assert len(shown) <= 1, shown
    return capacity(said) - (shown[0][1] if shown else wildcard.get(family, 0))


def given(make, refusal):
    """How many the kernel gives until it refuses, and all are given back."""
    got, error = make()
    count = len(got)
    drop(got)
    assert error == refusal, errno.errorcode.get(error)
    return count


def udp_connected_until_refused(family, address):
    socks = []
    while len(socks) < 1000:
        sock = new(family, socket.SOCK_DGRAM)
        try:
            sock.connect(at(family, address, TARGET))
        except OSError as error:
            sock.close()
            return socks, error.errno
        socks.append(sock)
    return socks, None


def assert_pools(said, protocol, wildcard=()):
    """The proof, and what the worst of the pools must be by it."""
    wildcard = dict(wildcard)
    told, got = {}, {}
    for family, address in ASKED:
        key = (protocol, "bind", family, address)
        told[key] = left(said, protocol, family, address, wildcard)
        got[key] = given(lambda: bind_until_refused(family, address, kind=KINDS[protocol]),
                         errno.EADDRINUSE)
    for family, address in CONNECTED if protocol == "udp" else ():
        key = (protocol, "connect", family, address)
        told[key] = left(said, protocol, family, "0.0.0.0" if family == IPV4 else "::", wildcard)
        got[key] = given(lambda: udp_connected_until_refused(family, address), errno.EAGAIN)
    assert told == got, said.text
    for family, any_address in ((IPV4, "0.0.0.0"), (IPV6, "::")):
        ports = capacity(said) - got[protocol, "bind", DUAL if family == IPV6 else IPV4,
                                     any_address]
        assert said.value(WORST, protocol=protocol, family=family) == ports
        assert said.value(RATIO, protocol=protocol, family=family) == ports / capacity(said)
        # The fullest of all that are shown is the worst.
        assert max(value for labels, value in said.samples(PORTS, protocol=protocol)
                   if (":" in labels["address"]) == (family == IPV6)) == ports
    assert said.value(UNTRACKED, protocol=protocol) == 0


def other(protocol):
    return "udp" if protocol == "tcp" else "tcp"


# Situations. Each takes the type of socket and returns (what to keep, what wildcards take).


def nothing(kind):
    return [], {}


def one_specific_address(kind):
    return bound_many([0] * 7, IPV4, "127.0.0.1", kind), {}


def one_ipv6_address(kind):
    return bound_many([0] * 7, DUAL, "::1", kind), {}


def one_mapped_address(kind):
    return bound_many([0] * 5, MAPPED, "127.0.0.1", kind), {}


def two_addresses_that_share_ports(kind):
    return (bound_many(range(FIRST, FIRST + 7), IPV4, "127.0.0.1", kind)
            + bound_many(range(FIRST + 4, FIRST + 9), IPV4, "127.0.0.2", kind)), {}


def a_full_address(kind):
    got, _error = bind_until_refused(IPV4, "127.0.0.1", kind=kind)
    return got, {}


def a_full_ipv6_address(kind):
    got, _error = bind_until_refused(DUAL, "::1", kind=kind)
    return got, {}


def a_full_wildcard(kind):
    got, _error = bind_until_refused(IPV4, "0.0.0.0", kind=kind)
    return got, {IPV4: SIZE}


def a_full_dual_wildcard(kind):
    got, _error = bind_until_refused(DUAL, "::", kind=kind)
    return got, {IPV4: SIZE, IPV6: SIZE}


def ipv4_wildcard(kind):
    return bound_many([0] * 7, IPV4, "0.0.0.0", kind), {IPV4: 7}


def ipv6_only_wildcard(kind):
    return bound_many([0] * 7, IPV6, "::", kind), {IPV6: 7}


def dual_wildcard(kind):
    return bound_many([0] * 7, DUAL, "::", kind), {IPV4: 7, IPV6: 7}


def mapped_wildcard(kind):
    return bound_many([0] * 7, MAPPED, "0.0.0.0", kind), {IPV4: 7}


def chosen_ports(kind):
    return (bound_many([FIRST, FIRST + 2, LAST], IPV4, "127.0.0.1", kind)
            + bound_many([FIRST + 1, FIRST + 3, LAST - 1], DUAL, "::1", kind)
            + bound_many([FIRST + 5, LAST + 1, FIRST - 1], IPV4, "0.0.0.0", kind)), {IPV4: 1}


def reserved_ports(kind):
    set_reserved(f"{FIRST},{FIRST + 4}-{FIRST + 9},{LAST + 1}")
    return (bound_many([FIRST, FIRST + 5], IPV4, "127.0.0.1", kind)
            + bound_many([FIRST + 6], DUAL, "::", kind)
            + bound_many([0] * 3, IPV4, "127.0.0.1", kind)
            + bound_many([0] * 2, DUAL, "::", kind)), {IPV4: 2, IPV6: 2}


def all_mixed(kind):
    return (bound_many([0] * 2, IPV4, "0.0.0.0", kind)
            + bound_many([0] * 3, IPV4, "127.0.0.1", kind)
            + bound_many([0] * 2, IPV4, "127.0.0.2", kind)
            + bound_many([0] * 1, DUAL, "::", kind)
            + bound_many([0] * 2, IPV6, "::", kind)
            + bound_many([0] * 3, DUAL, "::1", kind)
            + bound_many([0] * 2, IPV6, "fd00::1", kind)), {IPV4: 3, IPV6: 3}


def one_port_on_every_address(kind):
    return [bound(family, address, FIRST + 6, kind) for family, address in
            ((IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (DUAL, "::1"), (DUAL, "fd00::1"))], {}


def shared_by_so_reuseport(kind):
    socks = []
    for _ in range(5):
        sock = new(IPV4, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        socks.append(bind(sock, IPV4, "127.0.0.1", FIRST + 3))
    return socks, {}


BOTH = [nothing, one_specific_address, one_ipv6_address, one_mapped_address,
        two_addresses_that_share_ports, a_full_address, a_full_ipv6_address, a_full_wildcard,
        a_full_dual_wildcard, ipv4_wildcard, ipv6_only_wildcard, dual_wildcard, mapped_wildcard,
        chosen_ports, reserved_ports, all_mixed, one_port_on_every_address,
        shared_by_so_reuseport]


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("situation", BOTH, ids=lambda situation: situation.__name__)
@in_namespace
def test_bound_sockets(situation, protocol):
    prepare()
    _kept, wildcard = situation(KINDS[protocol])
    said = read()
    assert_pools(said, protocol, wildcard)
    # One protocol's sockets are nothing to the other.
    for address in ("0.0.0.0", "::"):
        assert said.value(PORTS, protocol=other(protocol), address=address) == 0
    assert said.value(IPV6_ONLY, protocol=other(protocol)) == 0
    # Of sockets that are bound and no more, all is told.
    for each in KINDS:
        assert said.value(UNSURE, protocol=each) == 0


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("setting", [0, 1])
@in_namespace
def test_sockets_that_do_not_say_whether_they_leave_ipv4_alone(setting, protocol):
    """bindv6only says it for them."""
    prepare()
    sysctl("net.ipv6.bindv6only", setting)
    kind = KINDS[protocol]

    def plain():
        got = []
        with pytest.raises(OSError) as refused_by:
            while True:
                got.append(socket.socket(socket.AF_INET6, kind))
                got[-1].bind(("::", 0))
        drop([got.pop()])
        return got, refused_by.value.errno

    _kept = [bound_many([0] * 7, IPV4, "0.0.0.0", kind), bound_many([0] * 3, IPV6, "::", kind),
             bound_many([0] * 2, DUAL, "::1", kind)]
    said = read()
    assert said.value(BIND_IPV6_ONLY) == setting
    assert_pools(said, protocol, {IPV4: 7, IPV6: 3})
    told = left(said, protocol, IPV6 if setting else DUAL, "::", {})
    assert told == given(plain, errno.EADDRINUSE)
    got, _error = plain()
    assert_pools(read(), protocol, {IPV4: 7 + (0 if setting else len(got)), IPV6: 3 + len(got)})


# TCP's connections: each listener outside the range, unless the situation is about it.


def targets():
    return {address: listen(DUAL if ":" in address else IPV4, address, TARGET)
            for address in ("127.0.0.1", "127.0.0.2", "::1", "fd00::1")}


def outgoing_ipv4():
    listening = targets()
    return [listening, connect_many(7, IPV4, "127.0.0.1", TARGET)], {}


def outgoing_ipv6():
    listening = targets()
    return [listening, connect_many(7, DUAL, "::1", TARGET)], {}


def outgoing_mapped():
    listening = targets()
    return [listening, connect_many(7, MAPPED, "127.0.0.1", TARGET)], {}


def outgoing_of_every_family():
    listening = targets()
    return [listening, connect_many(3, IPV4, "127.0.0.1", TARGET),
            connect_many(2, MAPPED, "127.0.0.2", TARGET), connect_many(5, DUAL, "::1", TARGET),
            connect_many(3, DUAL, "fd00::1", TARGET)], {}


def outgoing_to_two_destinations():
    listening = [targets(), listen(IPV4, "127.0.0.1", OTHER)]
    return [listening, connect_many(7, IPV4, "127.0.0.1", TARGET),
            connect_many(11, IPV4, "127.0.0.1", OTHER)], {}


def outgoing_until_refused():
    listening = targets()
    return [listening, [connect(DUAL, "::1", TARGET) for _ in range(SIZE)]], {}


def outgoing_from_a_source():
    listening = targets()
    return [listening,
            connect_many(5, IPV4, "127.0.0.1", TARGET, source="127.0.0.2"),
            connect_many(3, MAPPED, "127.0.0.1", TARGET, source="127.0.0.2")], {}


def outgoing_from_a_source_without_a_port():
    listening = targets()
    how = {"no_port": True}
    return [listening,
            connect_many(5, IPV4, "127.0.0.1", TARGET, source="127.0.0.2", **how),
            connect_many(3, MAPPED, "127.0.0.2", TARGET, source="127.0.0.1", **how)], {}


def outgoing_from_a_chosen_port():
    listening = targets()
    return [listening,
            [connect(IPV4, "127.0.0.1", TARGET, "127.0.0.2", FIRST + 3),
             connect(IPV4, "127.0.0.1", TARGET, None, FIRST + 5)]], {}


def listeners_with_clients():
    listening = [listen(IPV4, "127.0.0.1", FIRST + 1), listen(DUAL, "::1", FIRST + 3),
                 listen(IPV4, "0.0.0.0", FIRST + 5), listen(DUAL, "::", FIRST + 7),
                 listen(IPV6, "::", FIRST + 9)]
    made = [pairs(2, IPV4, listening[0], "127.0.0.1", FIRST + 1),
            pairs(2, DUAL, listening[1], "::1", FIRST + 3),
            pairs(2, IPV4, listening[2], "127.0.0.2", FIRST + 5),
            pairs(2, DUAL, listening[3], "::1", FIRST + 7),
            pairs(1, IPV4, listening[3], "127.0.0.2", FIRST + 7),
            pairs(1, DUAL, listening[4], "fd00::1", FIRST + 9)]
    return [listening, made], {IPV4: 2, IPV6: 2}


def listeners_whose_clients_wait():
    listening = [listen(IPV4, "127.0.0.1", FIRST + 1), listen(DUAL, "::", FIRST + 7)]
    return [listening, connect_many(3, IPV4, "127.0.0.1", FIRST + 1),
            connect_many(3, DUAL, "fd00::1", FIRST + 7)], {IPV4: 1, IPV6: 1}


def accepted_whose_listener_is_gone():
    made = []
    for family, address, to, port in ((IPV4, "127.0.0.1", "127.0.0.1", FIRST + 1),
                                      (IPV4, "0.0.0.0", "127.0.0.2", FIRST + 5),
                                      (DUAL, "::", "::1", FIRST + 7)):
        listener = listen(family, address, port)
        made.append(pairs(3, family, listener, to, port))
        listener.close()
    return made, {}


def clients_in_time_wait():
    listening = targets()
    time_wait(7, IPV4, listening["127.0.0.1"], "127.0.0.1", TARGET)
    time_wait(3, MAPPED, listening["127.0.0.2"], "127.0.0.2", TARGET)
    time_wait(2, DUAL, listening["::1"], "::1", TARGET)
    return [listening], {}


def servers_in_time_wait():
    listening = [listen(IPV4, "127.0.0.1", FIRST + 4), listen(IPV4, "0.0.0.0", FIRST + 8)]
    server_time_wait(3, IPV4, listening[0], "127.0.0.1", FIRST + 4)
    server_time_wait(3, IPV4, listening[1], "127.0.0.2", FIRST + 8)
    for listener in listening:
        listener.close()
    return [], {}


def half_closed():
    listening = targets()
    to_ipv4 = (IPV4, listening["127.0.0.1"], "127.0.0.1", TARGET)
    to_ipv6 = (DUAL, listening["::1"], "::1", TARGET)
    return [listening, close_wait(2, *to_ipv4), fin_wait2(3, *to_ipv4),
            orphan_fin_wait2(2, *to_ipv4), close_wait(2, *to_ipv6), fin_wait2(1, *to_ipv6),
            orphan_fin_wait2(1, *to_ipv6)], {}


def reset_by_the_peer():
    """A port that was chosen stays with its socket; one that connect() took does not."""
    listening = targets()
    kept = []
    for family, address, port in ((IPV4, "127.0.0.1", FIRST + 3), (DUAL, "::1", FIRST + 5),
                                  (IPV4, "127.0.0.1", 0), (DUAL, "::1", 0)):
        client = connect(family, address, TARGET, address if port else None, port)
        drop(accept(listening[address], 1))
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
        kept.append(client)
    return [listening, kept], {}


def refused():
    kept = []
    for source in (None, "127.0.0.2"):
        sock = new(IPV4)
        if source:
            bind(sock, IPV4, source, 0)
        assert sock.connect_ex(("127.0.0.1", TARGET)) == errno.ECONNREFUSED
        kept.append(sock)
    return kept, {}


def everything():
    listening = targets()
    chosen = connect(IPV4, "127.0.0.2", TARGET, "127.0.0.1", LAST)
    time_wait(2, IPV4, listening["127.0.0.1"], "127.0.0.1", TARGET)
    return [listening, chosen, connect_many(2, IPV4, "127.0.0.1", TARGET),
            connect_many(2, DUAL, "::1", TARGET),
            bound_many([0] * 2, IPV4, "0.0.0.0"), bound_many([0], IPV6, "::"),
            bound_many([0], DUAL, "::"), bound_many([0] * 2, IPV4, "127.0.0.2"),
            bound_many([0], DUAL, "fd00::1")], {IPV4: 3, IPV6: 2}


CONNECTIONS = [outgoing_ipv4, outgoing_ipv6, outgoing_mapped, outgoing_of_every_family,
               outgoing_to_two_destinations, outgoing_until_refused, outgoing_from_a_source,
               outgoing_from_a_source_without_a_port, outgoing_from_a_chosen_port,
               listeners_with_clients, listeners_whose_clients_wait,
               accepted_whose_listener_is_gone, clients_in_time_wait, servers_in_time_wait,
               half_closed, reset_by_the_peer, refused, everything]


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("situation", CONNECTIONS, ids=lambda situation: situation.__name__)
@in_namespace
def test_connections(situation):
    prepare()
    _kept, wildcard = situation()
    assert_pools(read(), "tcp", wildcard)


# UDP


def udp_clients():
    return [udp_connected(IPV4, "127.0.0.1", TARGET) for _ in range(5)] + [
        udp_connected(IPV4, "127.0.0.2", TARGET) for _ in range(2)], {}


def udp_ipv6_clients():
    return [udp_connected(DUAL, "::1", TARGET) for _ in range(5)] + [
        udp_connected(DUAL, "fd00::1", TARGET) for _ in range(2)] + [
        udp_connected(MAPPED, "127.0.0.1", TARGET) for _ in range(3)], {}


def udp_sent_without_bind():
    socks = []
    for family, address in ((IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (DUAL, "::1"),
                            (DUAL, "::1"), (MAPPED, "127.0.0.1")):
        sock = new(family, socket.SOCK_DGRAM)
        sock.sendto(b"?", at(family, address, TARGET))
        socks.append(sock)
    # The port is on the wildcard then, of both families where the socket speaks both.
    return socks, {IPV4: 5, IPV6: 3}


def udp_disconnected():
    """By AF_UNSPEC: such a socket gives the port back that it was given."""
    libc = ctypes.CDLL(None)
    socks = [udp_connected(IPV4, "127.0.0.1", TARGET) for _ in range(3)]
    for sock in socks:
        assert libc.connect(sock.fileno(), bytes(16), 16) == 0
    return socks, {}


def udp_bound_and_connected():
    to_ipv4 = (bound_many([FIRST + 3], IPV4, "0.0.0.0", socket.SOCK_DGRAM)
               + bound_many([0] * 4, IPV4, "0.0.0.0", socket.SOCK_DGRAM)
               + bound_many([0] * 3, IPV4, "127.0.0.2", socket.SOCK_DGRAM))
    to_ipv6 = bound_many([0] * 3, DUAL, "::", socket.SOCK_DGRAM)
    for sock in to_ipv4:
        sock.connect(("127.0.0.1", TARGET))
    for sock in to_ipv6:
        sock.connect(("::1", TARGET))
    return to_ipv4 + to_ipv6, {}


UDP = [udp_clients, udp_ipv6_clients, udp_sent_without_bind, udp_disconnected,
       udp_bound_and_connected]


@read_by(BPF, SOCK_DIAG, PROCFS)
@pytest.mark.parametrize("situation", UDP, ids=lambda situation: situation.__name__)
@in_namespace
def test_udp_clients(situation):
    prepare()
    _kept, wildcard = situation()
    assert_pools(read(), "udp", wildcard)


# Whatever comes


ADDRESSES = [(IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (IPV4, "0.0.0.0"), (MAPPED, "127.0.0.1"),
             (DUAL, "::1"), (DUAL, "fd00::1"), (DUAL, "::"), (IPV6, "::")]


def shuffled(chance, kind):
    """Up to 24 sockets of all sorts. Returns the same as a situation."""
    listening = targets() if kind == socket.SOCK_STREAM else {}
    kept, wildcard = [listening], {IPV4: set(), IPV6: set()}
    for _ in range(chance.randrange(24)):
        family, address = chance.choice(ADDRESSES)
        port = chance.choice([0, chance.randrange(FIRST, LAST + 1)])
        target = {"0.0.0.0": "127.0.0.2", "::": "fd00::1"}.get(address, address)
        try:
            if chance.randrange(2):
                sock = bound(family, address, port, kind)
                if target != address:
                    wildcard[IPV4 if family == IPV4 else IPV6].add(sock.getsockname()[1])
                if (family, address) == (DUAL, "::"):
                    wildcard[IPV4].add(sock.getsockname()[1])
            elif kind == socket.SOCK_DGRAM:
                sock = udp_connected(DUAL if family == IPV6 else family, target, TARGET)
            elif family == IPV4:
                sock = connect(family, target, TARGET, chance.choice([None, "127.0.0.1"]),
                               chance.choice([0, port]), no_port=chance.choice([True, False]))
            else:
                sock = connect(DUAL if family == IPV6 else family, target, TARGET)
        except OSError as error:
            assert error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL), error
            continue
        kept.append(sock)
    return kept, {family: len(ports) for family, ports in wildcard.items()}


@pytest.mark.parametrize("seed", [2, 3, 5, 7, 11])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@in_namespace
def test_shuffled(protocol, seed):
    prepare()
    _kept, wildcard = shuffled(random.Random(seed), KINDS[protocol])
    assert_pools(read(), protocol, wildcard)


# What only BPF tells: whether an IPv6 socket that is connected leaves IPv4 alone. Then less is
# promised of IPv4's wildcard than can be had, by as many as are called unsure. More must never be.


def tcp_clients_of_ipv6_alone():
    listening = targets()
    return [listening, connect_many(5, IPV6, "::1", TARGET)]


def tcp_from_an_ipv6_source():
    listening = targets()
    return [listening, connect_many(5, DUAL, "::1", TARGET, source="fd00::1")]


def tcp_from_a_chosen_ipv6_port():
    listening = targets()
    return [listening, connect(DUAL, "::1", TARGET, "fd00::1", FIRST + 7),
            connect(DUAL, "::1", TARGET, "::1", FIRST + 9)]


def tcp_accepted_by_an_ipv6_listener_that_is_gone():
    listener = listen(DUAL, "::1", FIRST + 4)
    made = pairs(3, DUAL, listener, "::1", FIRST + 4)
    listener.close()
    return made


def tcp_time_wait_of_an_ipv6_listener_that_is_gone():
    listener = listen(DUAL, "::1", FIRST + 4)
    server_time_wait(3, DUAL, listener, "::1", FIRST + 4)
    listener.close()
    return []


def tcp_bound_to_both_families_and_connected():
    listening = targets()
    return [listening, connect(DUAL, "::1", TARGET, "::", FIRST + 4)]


def tcp_beside_an_ipv6_listener_of_the_same_port():
    listening = targets()
    client = connect(DUAL, "::1", TARGET)
    return [listening, client, listen(DUAL, "fd00::1", client.getsockname()[1])]


def tcp_beside_a_chosen_ipv6_port():
    listening = targets()
    client = connect(DUAL, "::1", TARGET)
    return [listening, client,
            connect(DUAL, "fd00::1", TARGET, "fd00::1", client.getsockname()[1])]


def udp_clients_of_ipv6_alone():
    return [udp_connected(IPV6, "::1", TARGET) for _ in range(3)]


def udp_from_an_ipv6_address():
    socks = bound_many([0] * 3, DUAL, "::1", socket.SOCK_DGRAM)
    for sock in socks:
        sock.connect(("::1", TARGET))
    return socks


UNTOLD = [tcp_clients_of_ipv6_alone, tcp_from_an_ipv6_source,
          tcp_from_a_chosen_ipv6_port,
          tcp_accepted_by_an_ipv6_listener_that_is_gone,
          tcp_time_wait_of_an_ipv6_listener_that_is_gone,
          tcp_bound_to_both_families_and_connected,
          tcp_beside_an_ipv6_listener_of_the_same_port, tcp_beside_a_chosen_ipv6_port,
          udp_clients_of_ipv6_alone, udp_from_an_ipv6_address]


@read_by(BPF, SOCK_DIAG)
@pytest.mark.parametrize("situation", UNTOLD, ids=lambda situation: situation.__name__)
@in_namespace
def test_no_more_is_promised_than_can_be_had(situation, socket_source):
    prepare()
    _kept = situation()
    said = read()
    protocol = situation.__name__[:3]
    # By BPF nothing is unsure, so that all is exact.
    assert not (tells(socket_source, SPEAKS_IPV4) and said.value(UNSURE, protocol=protocol))
    ports = {}
    for family, address in ASKED:
        told = left(said, protocol, family, address, {})
        got = given(lambda: bind_until_refused(family, address, kind=KINDS[protocol]),
                    errno.EADDRINUSE)
        if address in ("0.0.0.0", LOOPBACK4):
            assert told <= got <= told + said.value(UNSURE, protocol=protocol), said.text
        else:
            ports[family, address] = told, got
    assert all(told == got for told, got in ports.values()), ports


# What is shown


@in_namespace
def test_the_fullest_are_shown_and_the_wildcards_always():
    prepare()
    counts = {"127.0.0.1": 3, "127.0.0.2": 7, "127.0.0.3": 5, "127.0.0.4": 2}
    _kept = [bound_many([0] * count, IPV4, address) for address, count in counts.items()]
    _kept.append(bound_many([0] * 11, DUAL, "::1"))
    said = metrics("--collector.addresses.limit=3")
    shown = {labels["address"]: value for labels, value in said.samples(PORTS, protocol="tcp")}
    # Sockets of different addresses may be on one port or not.
    taken = {family: shown.pop(address) for family, address in ((IPV4, "0.0.0.0"), (IPV6, "::"))}
    assert shown == {"::1": 11, "127.0.0.2": 7, "127.0.0.3": 5}
    assert 7 <= taken[IPV4] <= sum(counts.values())
    assert {labels["address"]: value for labels, value in said.samples(PORTS, protocol="udp")} \
        == {"0.0.0.0": 0, "::": 0}
    assert said.value(WORST, protocol="tcp", family=IPV4) == taken[IPV4]
    assert said.value(WORST, protocol="tcp", family=IPV6) == taken[IPV6]
    said = metrics("--collector.addresses.limit=0")
    assert {labels["address"] for labels, _ in said.samples(PORTS)} == {"0.0.0.0", "::"}


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@in_namespace
def test_addresses_beyond_the_tracked_limit(protocol):
    prepare()
    kind = KINDS[protocol]
    _kept = [bound_many(range(FIRST, FIRST + 5), IPV4, "127.0.0.1", kind),
             bound_many(range(FIRST + 5, FIRST + 8), IPV4, "127.0.0.2", kind),
             bound_many(range(FIRST + 8, FIRST + 10), DUAL, "::1", kind),
             bound_many([FIRST + 10], IPV4, "0.0.0.0", kind)]
    said = read("--collector.addresses.tracked-limit=1")
    shown = {labels["address"]: value
             for labels, value in said.samples(PORTS, protocol=protocol)}
    counted = {"127.0.0.1": 5, "127.0.0.2": 3, "::1": 2}
    assert (shown.pop("0.0.0.0"), shown.pop("::")) == (9, 11)
    assert said.value(WORST, protocol=protocol, family=IPV4) == 9
    assert said.value(WORST, protocol=protocol, family=IPV6) == 11
    (tracked, ports), = shown.items()
    assert ports == counted[tracked] + ("." in tracked)
    assert said.value(UNTRACKED, protocol=protocol) == sum(counted.values()) - counted[tracked]
    assert said.value(UNTRACKED, protocol=other(protocol)) == 0
    # What is not told apart still counts for the wildcards.
    for family, address in ((IPV4, "0.0.0.0"), (DUAL, "::")):
        assert left(said, protocol, family, address, {}) == given(
            lambda: bind_until_refused(family, address, kind=kind), errno.EADDRINUSE)


@in_namespace
def test_a_link_local_address_is_told_with_its_interface():
    prepare()
    add = ["ip", "address", "add", "fe80::9/64", "dev", "lo", "nodad"]
    subprocess.run(add, check=True, env={**os.environ,
                                         "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})
    place = ("fe80::9", 0, 0, socket.if_nametoindex("lo"))

    def bound_there():
        sock = new(DUAL)
        try:
            sock.bind(place)
        except BaseException:
            sock.close()
            raise
        return sock

    wait_until(lambda: not drop([bound_there()]), "the address")
    _kept = [bound_there() for _ in range(7)] + bound_many([0] * 2, DUAL, "::")
    said = read()
    assert said.value(PORTS, protocol="tcp", address="fe80::9%lo") == 9
    assert said.value(PORTS, protocol="tcp", address="::") == 9
    assert given(lambda: bind_until_refused(DUAL, "::"), errno.EADDRINUSE) == SIZE - 9
    got = []
    with pytest.raises(OSError) as refused_by:
        while True:
            got.append(bound_there())
    assert (len(got), refused_by.value.errno) == (SIZE - 9, errno.EADDRINUSE)


@in_namespace
def test_a_range_that_is_reserved_as_a_whole_is_full():
    prepare()
    set_reserved(f"{FIRST}-{LAST}")
    said = read()
    assert capacity(said) == 0
    for protocol in KINDS:
        for family in (IPV4, IPV6):
            assert said.value(WORST, protocol=protocol, family=family) == 0
            assert said.value(RATIO, protocol=protocol, family=family) == 1
        assert given(lambda: bind_until_refused(IPV4, "127.0.0.1", kind=KINDS[protocol]),
                     errno.EADDRINUSE) == 0


@pytest.mark.parametrize("situation", [outgoing_of_every_family, listeners_whose_clients_wait,
                                       clients_in_time_wait], ids=lambda made: made.__name__)
@in_namespace
def test_connections_by_procfs(situation):
    prepare()
    _kept, wildcard = situation()
    assert_pools(read("--sockets.source=procfs"), "tcp", wildcard)


@in_namespace
def test_by_procfs_no_ipv6_socket_leaves_ipv4_alone_for_sure():
    prepare()
    _kept = [listen(IPV6, "::", FIRST + 1), listen(DUAL, "::", FIRST + 2),
             listen(DUAL, "::1", FIRST + 3), listen(IPV4, "127.0.0.1", FIRST + 4)]
    said = {source: read(f"--sockets.source={source}") for source in ("procfs", "sock_diag")}
    got = given(lambda: bind_until_refused(IPV4, "0.0.0.0"), errno.EADDRINUSE)
    told = {source: left(text, "tcp", IPV4, "0.0.0.0", {}) for source, text in said.items()}
    assert (told["procfs"], told["sock_diag"], got) == (SIZE - 4, SIZE - 2, SIZE - 2)
    assert said["procfs"].value(UNSURE, protocol="tcp") == 3
    assert said["sock_diag"].value(UNSURE, protocol="tcp") == 0


@in_namespace
def test_the_serving_daemon_may_read_the_setting():
    prepare()
    sysctl("net.ipv6.bindv6only", 1)
    with Exporter() as exporter:
        assert exporter.metrics().value(BIND_IPV6_ONLY) == 1


@in_namespace
def test_nothing_of_one_scrape_stays_for_the_next():
    prepare()
    with Exporter("--web.listen-address=127.0.0.1:10059") as exporter:
        for count in (7, 3, 0, 5):
            held = bound_many([0] * count, IPV4, "127.0.0.2")
            shown = exporter.metrics().samples(PORTS, protocol="tcp", address="127.0.0.2")
            assert [value for _, value in shown] == ([count] if count else [])
            drop(held)
