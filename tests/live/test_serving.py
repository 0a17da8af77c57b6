# SPDX-License-Identifier: Apache-2.0
"""A server that goes on: nothing of one scrape may stay for the next."""

from accounting import (FIRST, LAST, SHOW_ALL, SIZE, TARGET, assert_kernel_gives, bound_ports,
                        held, shown, small_range, target)
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range, set_reserved
from lib.sockets import IPV4, connect_many, drop, listen

# Outside the range: the exporter's own port must not take one of the few.
SERVER = "--web.listen-address=127.0.0.1:10059"

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
