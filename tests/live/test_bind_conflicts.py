# SPDX-License-Identifier: Apache-2.0
"""Each bind() and listen() that is refused the port it asked for is counted, by that port; and
nothing else is."""

import errno
import os
import socket
from pathlib import Path

import pytest

from exhaustion import need_functions, watching
from lib.bpf import needs_bpf
from lib.exporter import BINARY
from lib.namespace import NOBODY, enter_another, in_namespace, set_range, sysctl
from lib.sockets import (ANY, IPV4, IPV6, LOOPBACK, MAPPED, accept, at, bind, bind_until_refused,
                         bound, connect, connect_many, drop, listen, need_ipv6, new, port_of,
                         read_to_end)

pytestmark = needs_bpf

CONFLICTS = "ephemera_bind_conflicts_total"
OTHERS = "ephemera_other_bind_conflicts_total"
BINDS = "ephemera_bind_port_exhaustion_errors_total"
FEATURE = "ephemera_kernel_feature"
HELD, OTHER, THIRD = 46580, 46581, 46582
STREAM, DATAGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM


def conflicts(said):
    return {(labels["protocol"], int(labels["port"])): value
            for labels, value in said.samples(CONFLICTS)}


def refuse(count, family, address, port, kind=STREAM, options=()):
    """count bind() to a port that is held; each must fail for that."""
    for _ in range(count):
        with new(family, kind) as sock:
            for option in options:
                sock.setsockopt(socket.SOL_SOCKET, option, 1)
            with pytest.raises(OSError) as caught:
                bind(sock, family, address, port)
            assert caught.value.errno == errno.EADDRINUSE


def fails_with(error, call, *arguments):
    with pytest.raises(OSError) as caught:
        call(*arguments)
    return caught.value.errno == error


@in_namespace
def test_each_is_counted_once_and_by_its_port():
    need_ipv6()
    held = [listen(IPV4, LOOPBACK[IPV4], HELD), bound(IPV6, LOOPBACK[IPV6], OTHER),
            listen(MAPPED, "::", THIRD), bound(IPV4, LOOPBACK[IPV4], HELD, DATAGRAM),
            bound(IPV6, "::", OTHER, DATAGRAM)]
    with watching() as exporter:
        need_functions(exporter)
        before = exporter.metrics()
        assert before.value(FEATURE, feature="bind_conflicts") == 1
        assert conflicts(before) == {} and before.value(OTHERS) == 0
        refuse(5, IPV4, LOOPBACK[IPV4], HELD)
        refuse(2, IPV4, ANY[IPV4], HELD)
        refuse(3, MAPPED, LOOPBACK[IPV4], HELD)
        refuse(4, MAPPED, "::", HELD)
        refuse(7, IPV6, LOOPBACK[IPV6], OTHER)
        # :: without IPV6_V6ONLY is 0.0.0.0, too.
        refuse(11, IPV4, LOOPBACK[IPV4], THIRD)
        refuse(13, IPV6, LOOPBACK[IPV6], THIRD)
        refuse(17, IPV4, LOOPBACK[IPV4], HELD, DATAGRAM)
        refuse(19, IPV6, LOOPBACK[IPV6], OTHER, DATAGRAM)
        said = exporter.metrics()
        assert conflicts(said) == {("tcp", HELD): 14, ("tcp", OTHER): 7, ("tcp", THIRD): 24,
                                   ("udp", HELD): 17, ("udp", OTHER): 19}
        assert said.value(OTHERS) == 0 and said.total(BINDS) == 0
    drop(held)


@in_namespace
def test_who_holds_it_may_be_a_connection_or_what_is_left_of_one():
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, LOOPBACK[IPV4], OTHER)
    set_range(HELD, HELD)
    client = connect(IPV4, LOOPBACK[IPV4], OTHER)
    [server] = accept(listener, 1)
    assert port_of(client) == HELD
    with watching() as exporter:
        need_functions(exporter)
        refuse(3, IPV4, ANY[IPV4], HELD)
        client.close(), read_to_end(server), server.close()
        refuse(2, IPV4, LOOPBACK[IPV4], HELD)
        assert conflicts(exporter.metrics()) == {("tcp", HELD): 5}
    drop([listener])


def as_nobody(call, *arguments):
    """The errno that call fails with, in a process of an ordinary user."""
    child = os.fork()
    if child == 0:
        os.setresuid(NOBODY, NOBODY, NOBODY)
        try:
            call(*arguments)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@in_namespace
def test_what_is_granted_or_refused_for_another_reason_is_none():
    held = [listen(IPV4, LOOPBACK[IPV4], HELD), listen(IPV4, LOOPBACK[IPV4], OTHER, reuse_port=True),
            listen(IPV4, LOOPBACK[IPV4], 80)]
    with watching() as exporter:
        need_functions(exporter)
        # Granted: another port, another address, SO_REUSEPORT, SO_REUSEADDR.
        held += [bound(IPV4, LOOPBACK[IPV4], THIRD), bound(IPV4, "127.0.0.2", HELD),
                 listen(IPV4, LOOPBACK[IPV4], OTHER, reuse_port=True),
                 bound(IPV4, LOOPBACK[IPV4], HELD, DATAGRAM)]
        for _ in range(2):
            held.append(new(IPV4))
            held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind(held[-1], IPV4, LOOPBACK[IPV4], THIRD + 1)
        # EACCES, EADDRNOTAVAIL, EINVAL.
        with new(IPV4) as sock:
            assert as_nobody(bind, sock, IPV4, LOOPBACK[IPV4], 80) == errno.EACCES
            assert fails_with(errno.EADDRNOTAVAIL, bind, sock, IPV4, "198.51.100.7", HELD)
        assert fails_with(errno.EINVAL, bind, held[0], IPV4, LOOPBACK[IPV4], HELD)
        # connect() from a port of one's own that is in use towards the destination.
        first, second = new(IPV4), new(IPV4)
        for sock in (first, second):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind(sock, IPV4, LOOPBACK[IPV4], THIRD + 2)
        first.connect(at(IPV4, LOOPBACK[IPV4], HELD))
        assert second.connect_ex(at(IPV4, LOOPBACK[IPV4], HELD)) == errno.EADDRNOTAVAIL
        # Any port, and there is none.
        set_range(41000, 41003)
        for kind in (STREAM, DATAGRAM):
            socks, error = bind_until_refused(IPV4, LOOPBACK[IPV4], kind=kind)
            assert error == errno.EADDRINUSE
            held += socks
        with new(IPV4, DATAGRAM) as sock:
            assert sock.connect_ex(at(IPV4, LOOPBACK[IPV4], 9)) in (0, errno.EAGAIN)
        said = exporter.metrics()
        assert conflicts(said) == {} and said.value(OTHERS) == 0
        # They would have been seen.
        refuse(1, IPV4, LOOPBACK[IPV4], OTHER, options=[socket.SO_REUSEADDR])
        assert conflicts(exporter.metrics()) == {("tcp", OTHER): 1}
    drop([*held, first, second])


def reusing(address, port):
    sock = new(IPV4)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return bind(sock, IPV4, address, port)


@in_namespace
def test_listen_is_one_if_bind_asked_for_that_port():
    with watching() as exporter:
        need_functions(exporter)
        # Both may bind; only one may listen.
        first, second = (reusing(LOOPBACK[IPV4], HELD) for _ in range(2))
        first.listen()
        assert all(fails_with(errno.EADDRINUSE, second.listen) for _ in range(3))
        assert conflicts(exporter.metrics()) == {("tcp", HELD): 3}
        # This one left the choice to the kernel: it asked for no port.
        any_port = reusing(LOOPBACK[IPV4], 0)
        beside = reusing(LOOPBACK[IPV4], port_of(any_port))
        beside.listen()
        assert fails_with(errno.EADDRINUSE, any_port.listen)
        said = exporter.metrics()
        assert conflicts(said) == {("tcp", HELD): 3} and said.value(OTHERS) == 0
    drop([first, second, any_port, beside])


@in_namespace
def test_the_top_is_bounded_and_nothing_is_lost():
    held = {port: bound(IPV4, LOOPBACK[IPV4], port) for port in range(HELD, HELD + 7)}
    with watching("--collector.exhaustion.bind-conflicts-limit=2") as exporter:
        need_functions(exporter)
        for i, port in enumerate(held):
            refuse(2 * i + 1, IPV4, LOOPBACK[IPV4], port)
        first = exporter.metrics()
        assert conflicts(first) == {("tcp", HELD + 6): 13, ("tcp", HELD + 5): 11}
        assert first.value(OTHERS) == 1 + 3 + 5 + 7 + 9
        # Who comes to the top brings what it has from now on; what was told stays told.
        refuse(20, IPV4, LOOPBACK[IPV4], HELD)
        second = exporter.metrics()
        assert conflicts(second) == {("tcp", HELD): 20, ("tcp", HELD + 6): 13}
        assert second.value(OTHERS) == 25
        # And who left it goes on where it was told to be, elsewhere.
        refuse(1, IPV4, LOOPBACK[IPV4], HELD + 5)
        assert exporter.metrics().value(OTHERS) == 26
    with watching("--collector.exhaustion.bind-conflicts-limit=0") as exporter:
        refuse(3, IPV4, LOOPBACK[IPV4], HELD)
        said = exporter.metrics()
        assert conflicts(said) == {} and said.value(OTHERS) == 3
    drop(held.values())


@in_namespace
def test_more_ports_than_can_be_told_apart_are_counted_all_the_same():
    with watching("--collector.exhaustion.bind-conflicts-limit=4096") as exporter:
        need_functions(exporter)
        for port in range(20001, 25004):
            with bound(IPV4, LOOPBACK[IPV4], port):
                refuse(1, IPV4, LOOPBACK[IPV4], port)
        said = exporter.metrics()
        shown = conflicts(said)
        # A full table takes a few less than it has places, since it is not searched to its end.
        assert 3900 <= len(shown) <= 4096 and set(shown.values()) == {1}
        assert said.value(OTHERS) == 5003 - len(shown)


@in_namespace
def test_those_of_another_namespace_are_none():
    with watching() as exporter:
        need_functions(exporter)
        enter_another()
        held = listen(IPV4, LOOPBACK[IPV4], HELD)
        with watching() as theirs:
            refuse(3, IPV4, LOOPBACK[IPV4], HELD)
            assert conflicts(theirs.metrics()) == {("tcp", HELD): 3}
        said = exporter.metrics()
        assert conflicts(said) == {} and said.value(OTHERS) == 0
    drop([held])


@in_namespace
def test_without_the_collector_it_is_said_that_they_are_not_seen():
    with watching("--no-collector.exhaustion") as exporter:
        said = exporter.metrics()
        assert said.value(FEATURE, feature="bind_conflicts") == 0
        assert not said.samples(CONFLICTS) and not said.samples(OTHERS)


@in_namespace
def test_where_functions_cannot_be_followed_it_is_said_that_they_are_not_seen():
    library = Path(BINARY).parent / "tests/lib/no_fexit.so"
    if not library.exists():
        pytest.skip("no_fexit.so is not built")
    listener = listen(IPV4, LOOPBACK[IPV4], HELD)
    with watching(env={"LD_PRELOAD": str(library)}) as exporter:
        refuse(2, IPV4, LOOPBACK[IPV4], HELD)
        said = exporter.metrics()
        for feature, seen in (("port_exhaustion", 1), ("bind_port_exhaustion", 0), ("bind_conflicts", 0)):
            assert said.value(FEATURE, feature=feature) == seen, feature
        assert not said.samples(CONFLICTS) and not said.samples(OTHERS)
        assert not said.samples(BINDS)
    drop([listener])
