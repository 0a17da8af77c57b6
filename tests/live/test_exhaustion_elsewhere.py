# SPDX-License-Identifier: Apache-2.0
"""With --namespaces=all, what fails in another network namespace is counted there, and only there."""

import os

from exhaustion import ON, ask_in_namespace_of, fail, fill
from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import enter_another, in_namespace, set_range, sysctl
from lib.sockets import IPV4, IPV6, accept, connect_many, drop, listen, need_ipv6, wait_until

pytestmark = needs_bpf

FIRST, LAST, SIZE = 40000, 40009, 10
TARGET = 30001
CONNECTS = "ephemera_port_exhaustion_errors_total"
OPENS = "ephemera_other_destination_owner_opens_total"
LEASES = "ephemera_other_destination_owner_leases_total"
HELD = "ephemera_other_destination_owner_lease_seconds_total"


def here():
    """The label of this namespace, which has no name."""
    return str(os.stat("/proc/self/ns/net").st_ino)


def of(said, name, netns, **labels):
    """What is said of that namespace; 0: nothing."""
    return sum(value for found, value in said.samples(name)
               if found.get("netns", "") == netns
               and all(found[label] == wanted for label, wanted in labels.items()))


@in_namespace
def test_failures_and_leases_are_those_of_their_namespace():
    need_ipv6()
    with Exporter(ON, "--namespaces=all") as exporter:
        enter_another()
        set_range(FIRST, LAST)
        sysctl("net.ipv4.tcp_tw_reuse", 0)
        listeners = [listen(IPV4, "0.0.0.0", TARGET), listen(IPV6, "::", TARGET)]
        kept = [*fill(IPV4, "127.0.0.1", TARGET), *fill(IPV6, "::1", TARGET)]
        fail(6, IPV4, "127.0.0.1", TARGET)
        fail(2, IPV6, "::1", TARGET)
        said = ask_in_namespace_of(exporter)
        # The last of fill() fails, too.
        assert of(said, CONNECTS, here(), family="ipv4") == 7
        assert of(said, CONNECTS, here(), family="ipv6") == 3
        assert of(said, OPENS, here()) == 2 * SIZE
        assert of(said, LEASES, here()) == 0
        assert of(said, CONNECTS, "") == of(said, OPENS, "") == 0
        drop([*listeners, *kept])
        wait_until(lambda: of(ask_in_namespace_of(exporter), LEASES, here())
                   == 2 * SIZE, "all leases ended")
        # The next namespace begins at nothing.
        enter_another()
        said = ask_in_namespace_of(exporter)
        assert of(said, CONNECTS, here()) == of(said, OPENS, here()) == 0


@in_namespace
def test_time_wait_holds_a_port_as_its_own_namespace_says():
    with Exporter(ON, "--namespaces=all") as exporter:
        sysctl("net.ipv4.tcp_tw_reuse", 1)
        enter_another()
        sysctl("net.ipv4.tcp_tw_reuse", 0)
        listener = listen(IPV4, "127.0.0.1", TARGET)
        clients = connect_many(5, IPV4, "127.0.0.1", TARGET)
        servers = accept(listener, 5)
        # The clients close first, and so have the TIME_WAIT.
        for client in clients:
            client.close()
        for server in servers:
            server.close()
        wait_until(lambda: of(ask_in_namespace_of(exporter), LEASES, here()) == 5,
                   "all leases ended")
        held = of(ask_in_namespace_of(exporter), HELD, here())
        assert 5 * 60 <= held < 5 * 90


@in_namespace
def test_own_namespace_alone_counts_no_other():
    with Exporter(ON) as exporter:
        enter_another()
        set_range(FIRST, LAST)
        listener = listen(IPV4, "127.0.0.1", TARGET)
        kept = fill(IPV4, "127.0.0.1", TARGET)
        fail(6, IPV4, "127.0.0.1", TARGET)
        said = ask_in_namespace_of(exporter)
        assert said.total(CONNECTS) == said.total(OPENS) == 0
        drop([listener, *kept])
