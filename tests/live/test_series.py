# SPDX-License-Identifier: Apache-2.0
"""How many series there are is bounded by flags, not by traffic."""

import socket

from lib.exporter import metrics
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, bound_many, connect, listen

BOUND = 500
FIRST, LAST = 40000, 40999


def crowd(size):
    """That many destinations, listeners in and out of the range, and local addresses."""
    kept = [listen(IPV4, "0.0.0.0", 9000)]
    kept += [listen(IPV4, "127.0.0.1", 41000 + number) for number in range(size)]
    set_range(41000, 41999)
    for number in range(size):
        source = f"127.0.1.{number + 1}"
        kept.append(connect(IPV4, f"127.0.2.{number + 1}", 9000, source=source, no_port=True))
        kept += bound_many([0], IPV4, source, socket.SOCK_DGRAM)
    return kept


def series_of(said):
    return sum(1 for line in said.text.splitlines() if line and not line.startswith("#"))


@in_namespace
def test_full_lists_stay_below_the_bound_and_grow_no_more():
    set_range(FIRST, LAST)
    minimum = "--collector.destinations.minimum-ports=1"
    empty = series_of(metrics(minimum))
    _kept = crowd(130)
    full = metrics(minimum)
    assert len(full.samples("ephemera_range_listener_info")) == 100
    assert len(full.samples("ephemera_destination_ports")) == 20 * 3
    assert len(full.samples("ephemera_address_ports")) == 2 * (2 + 10)
    assert len(full.samples("ephemera_accept_queue_sockets")) == 10
    assert full.total("ephemera_destinations") == 130

    _more = [connect(IPV4, f"127.0.3.{number + 1}", 9000) for number in range(97)]
    fuller = metrics(minimum)
    assert fuller.total("ephemera_destinations") == 227
    # Owners beyond the one that this test has would add up to 19 more, and two more for each destination.
    assert empty < series_of(full) == series_of(fuller) <= BOUND - 19 - 20 * 2
