# SPDX-License-Identifier: Apache-2.0
"""No privilege is needed to watch one's own namespace, nor to prove what it says."""

import errno
import os

import pytest

from accounting import (OTHER, SHOW_ALL, SIZE, TARGET, assert_kernel_gives, bound_ports, held,
                        read, shown, small_range, target)
from lib.exporter import metrics
from lib.namespace import NOBODY, in_namespace, set_range, sysctl
from lib.sockets import (IPV4, connect, connect_many, connect_until_refused, listen,
                         need_ipv6, time_wait)
from lib.sources import BLIND
from states import hold_all, settle

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; "
                                "an ordinary user's run of the other tests proves the same")

AS_NOBODY = {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def facts(said):
    """All that is about ports and sockets, and nothing that differs from run to run."""
    return {(sample.name, *sorted(sample.labels.items())): sample.value
            for family in said.families for sample in family.samples
            if sample.name.startswith(("ephemera_range_", "ephemera_sockets", "ephemera_tcp_",
                                       "ephemera_destination", "ephemera_worst_",
                                       "ephemera_other_", "ephemera_socket_source_info",
                                       "ephemera_kernel_feature",
                                       "ephemera_scrape_collector_success"))}


@needs_root
@in_namespace
def test_a_user_without_any_capability_sees_all_that_root_sees(public_binary):
    need_ipv6()
    set_range(40000, 40999)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    _kept, expected = hold_all()
    settle(expected)
    # Ports that none of those can have got.
    set_range(40000, 41009)
    _more = [listen(IPV4, "127.0.0.1", 41001),
             connect(IPV4, "127.0.0.1", 30001, source_port=41002)]
    # With them, root sees more.
    by_root = facts(metrics(SHOW_ALL, BLIND))
    by_nobody = facts(metrics(SHOW_ALL, **AS_NOBODY))
    assert by_nobody == by_root
    assert by_root["ephemera_range_bound_ports", ("holder", "connected")] == 1
    assert len(by_root) > 50


@needs_root
@in_namespace(user=NOBODY)
def test_an_ordinary_user_can_prove_it(public_binary):
    # Root in a user namespace of its own, and nobody outside of it.
    with open("/proc/self/uid_map", encoding="ascii") as file:
        assert file.read().split() == ["0", str(NOBODY), "1"]
    small_range()
    listener, _other = target(IPV4), target(IPV4, OTHER)
    _listeners = [listen(IPV4, "127.0.0.2", port) for port in range(40001, 40004)]
    time_wait(5, IPV4, listener, "127.0.0.1", TARGET)
    _clients = connect_many(7, IPV4, "127.0.0.1", TARGET)
    said = read()
    assert bound_ports(said) == {"listen": 3, "bound": 0, "connected": 0}
    assert said.value("ephemera_range_usable_ports") == SIZE - 3
    assert shown(said) == {("127.0.0.1", "127.0.0.1", TARGET): held(active=7, time_wait=5)}
    assert_kernel_gives(said, IPV4, "127.0.0.1", TARGET)
    assert_kernel_gives(said, IPV4, "127.0.0.1", OTHER)

    clients, error = connect_until_refused(IPV4, "127.0.0.1", OTHER)
    assert (len(clients), error) == (SIZE - 3, errno.EADDRNOTAVAIL)
    assert read().value("ephemera_destinations", family="ipv4", pressure="full") == 1
