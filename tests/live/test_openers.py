# SPDX-License-Identifier: Apache-2.0
"""TIME_WAIT has no owner in the kernel. Who opened the connections that end there is counted as they
open and end, by destination and cgroup."""

import contextlib
import errno
import os

import pytest

from exhaustion import fail, fill, watching
from lib.bpf import needs_bpf
from lib.namespace import enter_another, in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, accept, at, bind, connect_many, drop, listen,
                         need_ipv6, new, pairs, syn_sent, time_wait, wait_until)

pytestmark = needs_bpf

PORT, OTHER, SILENT = 30001, 30002, 30003
OPENS = "ephemera_destination_owner_opens_total"
LEASES = "ephemera_destination_owner_leases_total"
SECONDS = "ephemera_destination_owner_lease_seconds_total"
OTHERS = "ephemera_other_destination_owner_"
ALL = "--collector.exhaustion.openers-limit=1000"

BASE = f"/ephemera-openers-{os.getpid()}.slice"


@pytest.fixture
def services(tree):
    paths = [f"{BASE}/{name}.service" for name in ("checkout", "orders")]
    for path in paths:
        tree.make(path)
    yield paths
    for path in paths:
        tree.clear(path)


def told(said, name=OPENS):
    """{(destination, port, cgroup): value}"""
    return {(labels["destination"], int(labels["destination_port"]), labels["cgroup"]): value
            for labels, value in said.samples(name)}


def reset(count, *where):
    """Opens connections, and closes both ends so that nothing stays behind."""
    for socks in pairs(count, *where):
        drop(socks)


def prepare():
    set_range(40000, 41999)
    sysctl("net.ipv4.tcp_tw_reuse", 0)


@in_namespace
def test_each_open_and_each_lease_has_its_owner(tree, services):
    need_ipv6()
    prepare()
    checkout, orders = services
    listeners = [listen(IPV4, "0.0.0.0", PORT), listen(IPV6, "::1", PORT)]
    with watching(ALL) as exporter:
        with tree.inside(checkout):
            time_wait(31, IPV4, listeners[0], "127.0.0.1", PORT)
        with tree.inside(orders):
            time_wait(7, IPV4, listeners[0], "127.0.0.2", PORT)
            kept = [connect_many(5, IPV4, "127.0.0.1", PORT),
                    connect_many(3, MAPPED, "::ffff:127.0.0.1", PORT),
                    connect_many(11, IPV6, "::1", PORT)]
        kept.append(accept(listeners[0], 8) + accept(listeners[1], 11))
        said = exporter.metrics()
        assert told(said) == {("127.0.0.1", PORT, checkout): 31, ("127.0.0.2", PORT, orders): 7,
                              ("127.0.0.1", PORT, orders): 8, ("::1", PORT, orders): 11}
        assert told(said, LEASES) == {
            ("127.0.0.1", PORT, checkout): 31, ("127.0.0.2", PORT, orders): 7,
            ("127.0.0.1", PORT, orders): 0, ("::1", PORT, orders): 0}
        # A minute of TIME_WAIT each.
        seconds = told(said, SECONDS)
        assert 31 * 60 <= seconds["127.0.0.1", PORT, checkout] < 31 * 62
        assert 7 * 60 <= seconds["127.0.0.2", PORT, orders] < 7 * 62
        assert said.value(OTHERS + "opens_total") == said.value(OTHERS + "leases_total") == 0

        # Together they are the histogram of all.
        assert sum(told(said, LEASES).values()) == said.value(
            "ephemera_port_lease_seconds_count")
        assert sum(seconds.values()) == pytest.approx(said.value(
            "ephemera_port_lease_seconds_sum"))

        # A reset leaves no TIME_WAIT: the port is free at once.
        for socks in kept:
            drop(socks)
        said = exporter.metrics()
        assert told(said, LEASES)["::1", PORT, orders] == 11
        assert told(said, SECONDS)["::1", PORT, orders] < 11 * 30


@in_namespace
def test_what_opens_nothing_is_not_counted(tree, services):
    prepare()
    set_range(40000, 40009)
    listener = listen(IPV4, "127.0.0.1", PORT)
    with watching(ALL) as exporter:
        with tree.inside(services[0]):
            kept = fill(IPV4, "127.0.0.1", PORT)
            # Without a port nothing is opened.
            fail(9, IPV4, "127.0.0.1", PORT)
            # A refused one had a port.
            with new(IPV4) as sock:
                assert sock.connect_ex(at(IPV4, "127.0.0.1", SILENT)) == errno.ECONNREFUSED
            # Nor has it been opened before it stands.
            full = listen(IPV4, "127.0.0.1", OTHER, backlog=0)
            kept += [full, *connect_many(1, IPV4, "127.0.0.1", OTHER)]
            waiting = syn_sent(3, IPV4, "127.0.0.1", OTHER)
        with tree.inside(services[1]):
            # What accepts opens nothing.
            kept += accept(listener, 10)
        assert told(exporter.metrics()) == {
            ("127.0.0.1", PORT, services[0]): 10, ("127.0.0.1", SILENT, services[0]): 1,
            ("127.0.0.1", OTHER, services[0]): 1}
        drop(waiting)
        assert told(exporter.metrics())["127.0.0.1", OTHER, services[0]] == 4


@in_namespace
def test_a_connection_from_a_port_of_bind_opens_but_leases_nothing(tree, services):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    with watching(ALL) as exporter:
        with tree.inside(services[0]), new(IPV4) as sock:
            bind(sock, IPV4, "127.0.0.1", 0)
            sock.connect(at(IPV4, "127.0.0.1", PORT))
            drop([sock])
        said = exporter.metrics()
        assert told(said) == {("127.0.0.1", PORT, services[0]): 1}
        assert told(said, LEASES) == {("127.0.0.1", PORT, services[0]): 0}


@in_namespace
def test_a_service_that_was_restarted_goes_on(tree, services):
    prepare()
    listener = listen(IPV4, "127.0.0.1", PORT)
    with watching(ALL) as exporter:
        def opens(count):
            with tree.inside(services[0]):
                reset(count, IPV4, listener, "127.0.0.1", PORT)
            return told(exporter.metrics())

        assert opens(5) == {("127.0.0.1", PORT, services[0]): 5}
        tree.clear(services[0])
        tree.make(services[0])
        assert opens(3) == {("127.0.0.1", PORT, services[0]): 8}


@in_namespace
def test_the_limit_shows_those_with_the_most_of_late_and_loses_nothing(tree, services):
    prepare()
    listener = listen(IPV4, "0.0.0.0", PORT)
    with watching("--collector.exhaustion.openers-limit=2") as exporter:
        def opens(count, host):
            with tree.inside(services[0]):
                reset(count, IPV4, listener, f"127.0.0.{host}", PORT)

        def shown():
            said = exporter.metrics()
            assert len(said.samples(LEASES)) == len(said.samples(SECONDS)) == 2
            assert said.value(OTHERS + "leases_total") == said.value(OTHERS + "opens_total")
            return ({int(host.rpartition(".")[2]): value for (host, _, _), value
                     in told(said).items()}, said.value(OTHERS + "opens_total"))

        opens(20, 1)
        opens(10, 2)
        opens(5, 3)
        assert shown() == ({1: 20, 2: 10}, 5)
        opens(40, 3)
        opens(1, 2)
        # The first five of the third stay with the others, as does what the second did unseen.
        assert shown() == ({3: 40, 1: 20}, 6)
        opens(30, 2)
        assert shown() == ({3: 40, 2: 30}, 6)


@in_namespace
def test_more_destinations_than_there_are_places_push_out_none_that_is_busy(tree, services):
    set_range(40000, 60999)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, "0.0.0.0", PORT, backlog=1000)
    with watching("--collector.exhaustion.openers-limit=1") as exporter, \
            tree.inside(services[0]):
        rounds, beside = 60, 200
        for i in range(rounds):
            reset(4, IPV4, listener, "127.0.0.1", PORT)
            for j in range(beside):
                number = 2 + i * beside + j
                reset(1, IPV4, listener, f"127.{number >> 16}.{number >> 8 & 255}"
                               f".{number & 255}", PORT)
        said = exporter.metrics()
        assert told(said) == {("127.0.0.1", PORT, services[0]): rounds * 4}
        assert said.value(OTHERS + "opens_total") == rounds * beside


@in_namespace
def test_other_namespaces_are_not_counted(tree, services):
    prepare()
    with watching(ALL) as exporter:
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                enter_another()
                listener = listen(IPV4, "127.0.0.1", PORT)
                time_wait(3, IPV4, listener, "127.0.0.1", PORT)
                os._exit(0)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        wait_until(lambda: told(exporter.metrics()) == {}, "a scrape without them")


@in_namespace
def test_switched_off_nothing_is_told(tree, services):
    prepare()
    listener = listen(IPV4, "127.0.0.1", PORT)
    with watching("--collector.exhaustion.openers-limit=0") as exporter:
        time_wait(3, IPV4, listener, "127.0.0.1", PORT)
        said = exporter.metrics()
        assert not [name for name in said.names() if "destination_owner_opens" in name
                    or "destination_owner_lease" in name]
        assert said.value("ephemera_port_lease_seconds_count") == 3
    with watching("--collector.exhaustion.leases-limit=0") as exporter:
        time_wait(3, IPV4, listener, "127.0.0.1", PORT)
        said = exporter.metrics()
        assert list(told(said).values()) == [3]
        assert LEASES not in said.names() and OTHERS + "leases_total" not in said.names()
