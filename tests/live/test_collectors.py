# SPDX-License-Identifier: Apache-2.0
"""One collector alone says what it says among all: none lives on what another asked for."""

import socket

import pytest

from accounting import FIRST, OTHER, SHOW_ALL, TARGET, small_range, target
from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace
from lib.sockets import (IPV4, IPV6, bound, bound_many, connect_many, listen, need_ipv6, pairs,
                         time_wait)

FAMILIES = {
    "range": ["ephemera_range_first_port", "ephemera_range_last_port", "ephemera_range_ports",
              "ephemera_range_reserved_ports", "ephemera_tcp_time_wait_reuse"],
    "binds": ["ephemera_range_bound_ports", "ephemera_range_usable_ports",
              "ephemera_range_listener_info"],
    "sockets": ["ephemera_sockets", "ephemera_tcp_connections"],
    "destinations": ["ephemera_destinations", "ephemera_worst_destination_ports",
                     "ephemera_worst_destination_usage_ratio", "ephemera_destination_ports",
                     "ephemera_other_destination_ports"],
}


def hold():
    inside = listen(IPV4, "127.0.0.1", FIRST + 4)
    outside = target(IPV4)
    return [
        inside, outside, target(IPV6, OTHER),
        pairs(1, IPV4, outside, "127.0.0.1", TARGET, source_port=FIRST + 1),
        bound_many([FIRST + 3, FIRST + 5], IPV4, "127.0.0.1"),
        bound(IPV4, "127.0.0.1", FIRST + 2, socket.SOCK_DGRAM),
        pairs(2, IPV4, inside, "127.0.0.1", FIRST + 4),
        connect_many(3, IPV6, "::1", OTHER),
        time_wait(5, IPV4, outside, "127.0.0.1", TARGET),
    ]


def told_by(said, collector):
    return {(name, *sorted(labels.items())): value
            for name in FAMILIES[collector] for labels, value in said.samples(name)}


def absent(said, collector):
    return not any(said.samples(name) for other, names in FAMILIES.items()
                   if other != collector for name in names)


@pytest.mark.parametrize("collector", FAMILIES)
@in_namespace
def test_a_collector_that_runs_alone(collector):
    need_ipv6()
    small_range()
    _kept = hold()
    together = metrics(SHOW_ALL)
    alone = metrics("--collector.disable-defaults", f"--collector.{collector}",
                    *([SHOW_ALL] if collector == "destinations" else []))
    assert told_by(together, collector)
    assert told_by(alone, collector) == told_by(together, collector)
    assert absent(alone, collector)


@in_namespace
def test_a_collector_that_is_asked_for_alone():
    need_ipv6()
    small_range()
    _kept = hold()
    with Exporter("--web.listen-address=127.0.0.1:10059", SHOW_ALL) as exporter:
        for collector in ("range", "binds"):
            together = exporter.metrics()
            alone = exporter.metrics(f"/metrics?collect[]={collector}")
            assert told_by(alone, collector) == told_by(together, collector)
            assert absent(alone, collector)
        # The scrapes' own connections are among the destinations, and differ.
        said = exporter.metrics("/metrics?collect[]=destinations")
        found = {(labels["destination"], int(labels["destination_port"]), labels["state"]): value
                 for labels, value in said.samples("ephemera_destination_ports") if value}
        assert {key: value for key, value in found.items() if key[1] != 10059} == {
            ("127.0.0.1", TARGET, "time_wait"): 5, ("127.0.0.1", FIRST + 4, "active"): 2,
            ("::1", OTHER, "active"): 3}
