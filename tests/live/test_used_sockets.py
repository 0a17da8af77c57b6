# SPDX-License-Identifier: Apache-2.0
"""Sockets that had a port before, and connect again: a failure of theirs is counted like that of
any other, and so is how long they hold a port. In the kernel they still name the earlier one."""

import collections
import contextlib
import ctypes
import errno
import json
import select
import socket
import subprocess
import threading

import pytest

from exhaustion import fill, watching
from lib.bpf import needs_bpf
from lib.exporter import BINARY, assert_no_sanitizer_report, environment
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import (IP_BIND_ADDRESS_NO_PORT, IPV4, IPV6, LOOPBACK, MAPPED, at, bind,
                         connect_many, drop, listen, need_ipv6, new, pairs, port_of, syn_sent)

pytestmark = needs_bpf

FIRST, LAST, SIZE = 40000, 40009, 10
TARGET, CLOSED, SILENT, OUTSIDE = 30001, 30002, 30003, 30004
CONNECTS = "ephemera_port_exhaustion_errors_total"
DESTINATIONS = "ephemera_destination_port_exhaustion_errors_total"
LEASES = "ephemera_port_lease_seconds_count"
REUSES = "ephemera_port_reuse_interval_seconds_count"
IPPROTO_MPTCP = 262


def disconnect(sock):
    """By AF_UNSPEC, after which connect() may be called again."""
    assert ctypes.CDLL(None).connect(sock.fileno(), bytes(16), 16) == 0


def fails(sock, family, port, error):
    assert sock.connect_ex(at(family, LOOPBACK[family], port)) == error
    return sock


def refused(family, sock=None):
    return fails(sock or new(family), family, CLOSED, errno.ECONNREFUSED)


# How a socket comes to have had a port. Each returns one that has none any more.


def refused_later(family):
    """Without waiting; it asks for the error afterwards."""
    sock = new(family)
    sock.setblocking(False)
    fails(sock, family, CLOSED, errno.EINPROGRESS)
    select.select([], [sock], [], 10)
    fails(sock, family, CLOSED, errno.ECONNREFUSED)
    sock.setblocking(True)
    return sock


def timed_out(family):
    sysctl("net.ipv4.tcp_syn_retries", 1)
    return fails(new(family), family, SILENT, errno.ETIMEDOUT)


def disconnected(family):
    [sock] = connect_many(1, family, LOOPBACK[family], TARGET)
    disconnect(sock)
    return sock


def disconnected_before_an_answer(family):
    """The kernel leaves it with an error that nobody has asked for."""
    [sock] = syn_sent(1, family, LOOPBACK[family], SILENT)
    disconnect(sock)
    sock.setblocking(True)
    return sock


def refused_after_bind_to_port_0(family):
    return refused(family, bind(new(family), family, LOOPBACK[family], 0))


def refused_with_a_source(family):
    sock = new(family)
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    return refused(family, bind(sock, family, LOOPBACK[family], 0))


def listened(family):
    sock = new(family)
    sock.listen()
    sock.shutdown(socket.SHUT_RD)
    return sock


def accepted(family):
    """Its port was a server's."""
    server = listen(family, LOOPBACK[family], OUTSIDE)
    [(client, sock)] = pairs(1, family, server, LOOPBACK[family], OUTSIDE)
    disconnect(sock)
    drop([client, server])
    return sock


def mptcp_refused(family):
    kind = socket.AF_INET if family == IPV4 else socket.AF_INET6
    try:
        sock = socket.socket(kind, socket.SOCK_STREAM, IPPROTO_MPTCP)
    except OSError as error:
        pytest.skip(f"no MPTCP: {error}")
    return refused(family, sock)


WAYS = [refused, refused_later, timed_out, disconnected, disconnected_before_an_answer,
        refused_after_bind_to_port_0, refused_with_a_source, listened, accepted, mptcp_refused]


FAMILIES = [IPV4, IPV6, MAPPED]


@contextlib.contextmanager
def servers(*families):
    """On the families' loopback addresses TARGET answers, and SILENT never does."""
    need_ipv6()
    kept = []
    for family in families:
        address = LOOPBACK[family]
        kept += [listen(family, address, TARGET), listen(family, address, SILENT, backlog=0),
                 *connect_many(1, family, address, SILENT)]
    set_range(FIRST, LAST)
    yield
    drop(kept)


def counts(exporter):
    said = exporter.metrics()
    return {"failed": said.total(CONNECTS), "leased": said.value(LEASES),
            "reused": said.value(REUSES)}


# Failures


def fail_three_times(sock, family, exporter):
    """Asserts that it is counted three times, for whom it was."""
    address = LOOPBACK[family]
    label = "ipv6" if family == IPV6 else "ipv4"
    kept = fill(family, address, TARGET)
    before = exporter.metrics()
    for _ in range(3):
        fails(sock, family, TARGET, errno.EADDRNOTAVAIL)
    said = exporter.metrics()
    for name, labels in ((CONNECTS, {"family": label}),
                         (DESTINATIONS, {"destination": address, "destination_port": TARGET})):
        assert said.value(name, **labels) == before.value(name, **labels) + 3, family
    assert said.total(CONNECTS) == before.total(CONNECTS) + 3
    # It held no port, so there is no lease that could have ended.
    for name in (LEASES, REUSES):
        assert said.total(name) == before.total(name)
    # And then there is one.
    drop(kept[:1])
    fails(sock, family, TARGET, 0)
    assert exporter.metrics().total(CONNECTS) == said.total(CONNECTS)
    drop([sock, *kept])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@in_namespace
def test_a_used_socket_that_finds_no_port_is_counted(way):
    with servers(IPV4, IPV6), watching() as exporter:
        for family in FAMILIES:
            before = exporter.metrics().total(CONNECTS)
            sock = way(family)
            assert exporter.metrics().total(CONNECTS) == before, family
            fail_three_times(sock, family, exporter)


@in_namespace
def test_so_it_is_where_no_leases_are_timed():
    with servers(IPV4, IPV6), watching("--collector.exhaustion.leases-limit=0") as exporter:
        for family in FAMILIES:
            for way in WAYS:
                if way is not timed_out:
                    fail_three_times(way(family), family, exporter)


@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_what_else_may_end_their_connections_is_none(family):
    sysctl("net.ipv4.tcp_syn_retries", 1)
    with servers(IPV6 if family == IPV6 else IPV4), watching() as exporter:
        used = [refused(family) for _ in range(5)]
        refused(family, used[0])
        refused(family, used[0])
        fails(used[1], family, SILENT, errno.ETIMEDOUT)
        for sock in used[2:4]:
            sock.setblocking(False)
            fails(sock, family, SILENT, errno.EINPROGRESS)
        drop(used[2:3])
        disconnect(used[3])
        unreachable = {IPV4: "198.51.100.1", IPV6: "2001:db8::1", MAPPED: "198.51.100.1"}[family]
        assert used[4].connect_ex(at(family, unreachable, 9)) == errno.ENETUNREACH
        assert exporter.metrics().total(CONNECTS) == 0
        drop(used)


@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_a_port_of_their_own_choice_is_none(family):
    address = LOOPBACK[family]

    def to_share(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock

    def choose(sock):
        return bind(to_share(sock), family, address, FIRST + 3)

    with servers(IPV6 if family == IPV6 else IPV4), watching() as exporter:
        ours = choose(new(family))
        fails(ours, family, TARGET, 0)
        # It keeps its port when it is refused.
        refused_before = refused(family, choose(new(family)))
        # The last thing that it did was to find no port, and that was one.
        failed_before = to_share(refused(family))
        kept = fill(family, address, TARGET, size=SIZE - 1)
        fails(failed_before, family, TARGET, errno.EADDRNOTAVAIL)
        assert exporter.metrics().total(CONNECTS) == 2
        choose(failed_before)
        for sock in (refused_before, failed_before):
            for _ in range(2):
                fails(sock, family, TARGET, errno.EADDRNOTAVAIL)
        assert exporter.metrics().total(CONNECTS) == 2
        drop([ours, refused_before, failed_before, *kept])


@in_namespace
def test_many_at_once_are_counted_each():
    threads, times = 16, 200
    with servers(IPV4), watching() as exporter:
        used = [refused(IPV4) for _ in range(threads)]
        kept = fill(IPV4, "127.0.0.1", TARGET)
        seen = collections.Counter()

        def try_again(sock):
            seen.update([sock.connect_ex(("127.0.0.1", TARGET)) for _ in range(times)])

        made = [threading.Thread(target=try_again, args=[sock]) for sock in used]
        for thread in made:
            thread.start()
        for thread in made:
            thread.join()
        assert seen == {errno.EADDRNOTAVAIL: threads * times}
        assert exporter.metrics().total(CONNECTS) == 1 + threads * times
        drop([*used, *kept])


# Leases


@pytest.mark.parametrize("family", FAMILIES)
@in_namespace
def test_each_of_their_leases_is_timed(family):
    need_ipv6()
    set_range(FIRST, FIRST + 1)
    with watching() as exporter:
        used = [new(family) for _ in range(3)]
        ports = set()
        for sock in used * 3:
            refused(family, sock)
            # The one that it had.
            ports.add(port_of(sock))
        assert counts(exporter) == {"failed": 0, "leased": 9, "reused": 9 - len(ports)}
        drop(used)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@in_namespace
def test_a_used_socket_that_connects_holds_a_lease(way):
    with servers(IPV4, IPV6), watching() as exporter:
        for family in FAMILIES:
            sock = way(family)
            before = counts(exporter)["leased"]
            fails(sock, family, TARGET, 0)
            assert counts(exporter)["leased"] == before, family
            drop([sock])
            assert counts(exporter)["leased"] == before + 1, family
        assert counts(exporter)["failed"] == 0


@in_namespace
def test_a_port_that_bind_chose_is_no_lease_later_either():
    with servers(IPV4), watching() as exporter:
        sock = refused(IPV4, bind(new(IPV4), IPV4, "127.0.0.1", FIRST + 3))
        refused(IPV4, sock)
        fails(sock, IPV4, TARGET, 0)
        drop([sock])
        assert counts(exporter) == {"failed": 0, "leased": 0, "reused": 0}


# ephemera trace


@in_namespace
def test_trace_shows_them():
    with servers(IPV4, IPV6):
        used = {family: refused(family) for family in (IPV4, IPV6)}
        kept = [*fill(IPV4, "127.0.0.1", TARGET), *fill(IPV6, "::1", TARGET)]
        with subprocess.Popen([BINARY, "trace", "--json"], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment()) as trace:
            for tried in range(1, 201):
                fails(used[IPV4], IPV4, TARGET, errno.EADDRNOTAVAIL)
                if select.select([trace.stdout], [], [], 0.1)[0]:
                    break
            fails(used[IPV6], IPV6, TARGET, errno.EADDRNOTAVAIL)
            refused(IPV6, used[IPV6])
            refused(IPV4, used[IPV4])
            events = [json.loads(trace.stdout.readline())]
            while events[-1]["family"] != "ipv6":
                events.append(json.loads(trace.stdout.readline()))
            trace.terminate()
            out, err = trace.communicate(timeout=20)
        assert_no_sanitizer_report(err)
        [last] = map(json.loads, out.splitlines())
        assert 2 <= len(events) <= tried + 1
        assert [(event["call"], event["source"], event["destination"], event["destination_port"],
                 event["ports_in_use"]) for event in events] == [
            *[("connect", "127.0.0.1", "127.0.0.1", TARGET, SIZE)] * (len(events) - 1),
            ("connect", "::1", "::1", TARGET, SIZE)]
        assert last["summary"]["failures"] == len(events)
        drop([*used.values(), *kept])
