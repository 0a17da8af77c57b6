# SPDX-License-Identifier: Apache-2.0
"""A server that goes on: nothing of one scrape may stay for the next."""

import time

from accounting import (FIRST, LAST, OTHER, SHOW_ALL, SIZE, TARGET, assert_kernel_gives,
                        bound_ports, held, shown, small_range, target)
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range, set_reserved
from lib.sockets import IPV4, connect, connect_many, drop, listen
from lib.sources import BLIND

# Outside the range: the exporter's own port must not take one of the few.
SERVER = "--web.listen-address=127.0.0.1:10059"

AGE = "ephemera_range_bound_ports_age_seconds"

KEY = ("127.0.0.1", "127.0.0.1", TARGET)


@in_namespace
def test_each_scrape_counts_anew():
    small_range()
    _target = target(IPV4)
    with Exporter(SERVER, SHOW_ALL) as exporter:
        for count in (7, 13, 2, 0, 5):
            clients = connect_many(count, IPV4, "127.0.0.1", TARGET)
            said = exporter.metrics()
            assert shown(said).get(KEY) == (held(active=count) if count else None)
            # The target and the exporter itself.
            assert said.value("ephemera_sockets", protocol="tcp", family="ipv4",
                              state="listen") == 2
            assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
            drop(clients)


@in_namespace
def test_settings_and_listeners_that_change_are_seen():
    small_range()
    _target = target(IPV4)
    with Exporter(SERVER, SHOW_ALL) as exporter:
        assert exporter.metrics().value("ephemera_range_usable_ports") == SIZE

        set_range(FIRST, LAST - 10)
        said = exporter.metrics()
        assert said.value("ephemera_range_usable_ports") == SIZE - 10
        assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)

        set_reserved(f"{FIRST + 1},{FIRST + 3}")
        said = exporter.metrics()
        assert said.value("ephemera_range_usable_ports") == SIZE - 12
        assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)

        # An odd port: the scrapes' own connections are given even ones.
        service = listen(IPV4, "127.0.0.1", LAST - 10)
        said = exporter.metrics()
        assert bound_ports(said)["listen"] == 1
        assert said.value("ephemera_range_listener_info", port=LAST - 10) == 1
        assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)

        service.close()
        set_reserved("")
        set_range(FIRST, LAST)
        said = exporter.metrics()
        assert bound_ports(said)["listen"] == 0
        assert said.samples("ephemera_range_listener_info") == []
        assert said.value("ephemera_range_usable_ports") == SIZE
        assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@in_namespace
def test_an_exporter_that_listens_inside_the_range_counts_itself():
    small_range()
    _target = target(IPV4)
    with Exporter(f"--web.listen-address=127.0.0.1:{FIRST + 4}", SHOW_ALL) as exporter:
        said = exporter.metrics()
        assert bound_ports(said)["listen"] == 1
        assert said.value("ephemera_range_listener_info", port=FIRST + 4) == 1
        assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)


@in_namespace
def test_binds_that_connected_may_be_listed_less_often_and_their_age_is_told():
    small_range()
    _targets = target(IPV4), target(IPV4, OTHER)
    seldom = "--collector.binds.refresh-sockets=0", "--collector.binds.refresh-seconds=86400"
    first = connect(IPV4, "127.0.0.1", TARGET, "127.0.0.1", FIRST + 5)
    with Exporter(SERVER, SHOW_ALL, BLIND, *seldom) as exporter:
        said = exporter.metrics()
        assert bound_ports(said)["connected"] == 1
        assert said.value(AGE) == 0

        second = connect(IPV4, "127.0.0.1", TARGET, "127.0.0.1", FIRST + 7)
        said = exporter.metrics()
        assert bound_ports(said)["connected"] == 1
        assert said.value(AGE) > 0
        # Not known to be bound yet, it counts as used: what its own destination has left is right.
        assert shown(said)[KEY] == held(active=1)
        assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    drop([first, second])


@in_namespace
def test_binds_that_connected_are_listed_again_when_they_are_old():
    small_range()
    _targets = target(IPV4), target(IPV4, OTHER)
    _first = connect(IPV4, "127.0.0.1", TARGET, "127.0.0.1", FIRST + 5)
    with Exporter(SERVER, SHOW_ALL, "--collector.binds.refresh-sockets=0",
                  "--collector.binds.refresh-seconds=1") as exporter:
        exporter.metrics()
        _second = connect(IPV4, "127.0.0.1", TARGET, "127.0.0.1", FIRST + 7)
        # No polling: each scrape may leave one of the few ports in TIME_WAIT.
        time.sleep(1.1)
        said = exporter.metrics()
        assert bound_ports(said)["connected"] == 2
        assert said.value(AGE) == 0
        assert KEY not in shown(said)
        assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
        assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER)
