# SPDX-License-Identifier: Apache-2.0
"""The list of the fullest destinations: how long it gets, and what the rest adds up to."""

import pytest

from accounting import (DESTINATION_PORTS, EXACT, held, read, read_when_reusable, shown, small_range,
                        target)
from lib.exporter import metrics
from lib.namespace import in_namespace, sysctl
from lib.sockets import IPV4, IPV6, connect_many, need_ipv6, time_wait

OTHERS = "ephemera_other_destination_ports"

COUNTS = [2, 3, 5, 7, 11, 13]
PORTS = [30001 + i for i in range(len(COUNTS))]


def hold(family, address):
    listeners = [target(family, port) for port in PORTS]
    return [listeners] + [connect_many(count, family, address, port)
                          for count, port in zip(COUNTS, PORTS)]


def expect(address, count):
    """The fullest ones, as many as count."""
    return {(address, address, port): held(active=ports)
            for port, ports in list(zip(PORTS, COUNTS))[len(COUNTS) - count:]}


@pytest.mark.parametrize("limit", [1, 2, 5, 6, 20])
@in_namespace
def test_the_limit(limit):
    small_range()
    _kept = hold(IPV4, "127.0.0.1")
    said = read(f"--collector.destinations.limit={limit}")
    assert shown(said) == expect("127.0.0.1", min(limit, len(COUNTS)))
    assert said.value(OTHERS, family="ipv4") == sum(COUNTS[:max(0, len(COUNTS) - limit)])
    assert said.total(DESTINATION_PORTS) + said.total(OTHERS) == sum(COUNTS)
    # What is not shown is still counted.
    assert said.total("ephemera_destinations", family="ipv4") == len(COUNTS)
    assert said.value("ephemera_worst_destination_ports", family="ipv4") == max(COUNTS)


@in_namespace
def test_the_limit_is_for_both_families_together():
    need_ipv6()
    small_range()
    _kept = hold(IPV4, "127.0.0.1")
    _v6 = target(IPV6, 30001), target(IPV6, 30002)
    _clients = connect_many(17, IPV6, "::1", 30001) + connect_many(1, IPV6, "::1", 30002)
    said = read("--collector.destinations.limit=3")
    assert shown(said) == {("::1", "::1", 30001): held(active=17), **expect("127.0.0.1", 2)}
    assert said.value(OTHERS, family="ipv4") == sum(COUNTS[:-2])
    assert said.value(OTHERS, family="ipv6") == 1


@in_namespace
def test_a_limit_of_none():
    small_range()
    _kept = hold(IPV4, "127.0.0.1")
    said = read("--collector.destinations.limit=0")
    assert shown(said) == {}
    assert said.value(OTHERS, family="ipv4") == sum(COUNTS)


@pytest.mark.parametrize("minimum", [1, 5, 6, 13, 14])
@in_namespace
def test_the_minimum(minimum):
    small_range()
    _kept = hold(IPV4, "127.0.0.1")
    said = metrics(f"--collector.destinations.minimum-ports={minimum}")
    assert shown(said) == expect("127.0.0.1", sum(count >= minimum for count in COUNTS))
    assert said.value(OTHERS, family="ipv4") == sum(c for c in COUNTS if c < minimum)


@in_namespace
def test_small_destinations_are_not_listed_by_default():
    small_range(40000, 40199)
    _listeners = target(IPV4, 30001), target(IPV4, 30002)
    _clients = connect_many(100, IPV4, "127.0.0.1", 30001)
    _clients += connect_many(99, IPV4, "127.0.0.1", 30002)
    said = metrics()
    assert shown(said) == {("127.0.0.1", "127.0.0.1", 30001): held(active=100)}
    assert said.value(OTHERS, family="ipv4") == 99


@in_namespace
def test_what_is_reusable_ranks_no_destination_but_is_in_the_sums():
    small_range()
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    listeners = [target(IPV4, port) for port in PORTS[:3]]
    time_wait(11, IPV4, listeners[0], "127.0.0.1", PORTS[0])
    _clients = (connect_many(3, IPV4, "127.0.0.1", PORTS[1])
                + connect_many(2, IPV4, "127.0.0.1", PORTS[2]))
    key = ("127.0.0.1", "127.0.0.1")
    said = read_when_reusable((*key, PORTS[0]), 11)
    assert shown(said) == {(*key, PORTS[0]): held(reusable=11), (*key, PORTS[1]): held(active=3),
                           (*key, PORTS[2]): held(active=2)}
    said = read(EXACT, "--collector.destinations.limit=2")
    assert shown(said) == {(*key, PORTS[1]): held(active=3), (*key, PORTS[2]): held(active=2)}
    assert said.value(OTHERS, family="ipv4") == 11
    assert said.value("ephemera_worst_destination_ports", family="ipv4") == 3
