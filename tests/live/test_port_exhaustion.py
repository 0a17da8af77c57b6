# SPDX-License-Identifier: Apache-2.0
"""Each call that finds no port is counted, once, for whom it was; and nothing else is."""

import contextlib
import errno
import os
import random
import socket
import subprocess
import time

import cgroups
import pytest

from exhaustion import ON, ask_in_namespace_of, fail, fill, watching
from lib.bpf import needs_bpf
from lib.exporter import REPOSITORY, Exporter, Metrics, run
from lib.namespace import NOBODY, enter_another, in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, add_address, at, bind,
                         bind_until_refused, bound, connect, connect_many, connect_until_refused,
                         drop, fin_wait2, listen, need_ipv6, new, pairs, ports_of, read_to_end,
                         syn_sent, tcp_sockets, time_wait, wait_until)
from lib.sources import BLIND

pytestmark = needs_bpf

FIRST, LAST, SIZE = 40000, 40009, 10
TARGET, OTHER, SILENT = 30001, 30002, 30003
CONNECTS = "ephemera_port_exhaustion_errors_total"
DESTINATIONS = "ephemera_destination_port_exhaustion_errors_total"
OTHER_DESTINATIONS = "ephemera_other_destination_port_exhaustion_errors_total"
OWNERS = "ephemera_owner_port_exhaustion_errors_total"
OTHER_OWNERS = "ephemera_other_owner_port_exhaustion_errors_total"
BINDS = "ephemera_bind_port_exhaustion_errors_total"
LEASE = "ephemera_port_lease_seconds"
REUSE = "ephemera_port_reuse_interval_seconds"


def by_label(said, name, *labels):
    return {tuple(found[label] for label in labels): value for found, value in said.samples(name)}


@in_namespace
def test_each_failure_is_counted_once_and_by_its_destination():
    need_ipv6()
    listeners = [listen(IPV4, "0.0.0.0", TARGET), listen(IPV4, "0.0.0.0", OTHER),
                 listen(IPV6, "::", TARGET)]
    with Exporter(ON) as exporter:
        set_range(FIRST, LAST)
        before = exporter.metrics()
        assert by_label(before, CONNECTS, "family") == {("ipv4",): 0, ("ipv6",): 0}
        # The last of fill() fails, too. A mapped destination is the IPv4 one of that address.
        kept = [*fill(IPV4, "127.0.0.1", TARGET), *fill(IPV4, "127.0.0.2", TARGET),
                *fill(IPV4, "127.0.0.1", OTHER), *fill(IPV6, "::1", TARGET)]
        fail(10, IPV4, "127.0.0.1", TARGET)
        fail(12, IPV4, "127.0.0.2", TARGET)
        fail(16, IPV4, "127.0.0.1", OTHER)
        fail(22, IPV6, "::1", TARGET)
        fail(29, MAPPED, "127.0.0.2", TARGET)
        said = exporter.metrics()
    assert by_label(said, CONNECTS, "family") == {("ipv4",): 11 + 13 + 17 + 29, ("ipv6",): 23}
    assert by_label(said, DESTINATIONS, "destination", "destination_port") == {
        ("127.0.0.1", str(TARGET)): 11, ("127.0.0.2", str(TARGET)): 42,
        ("127.0.0.1", str(OTHER)): 17, ("::1", str(TARGET)): 23}
    assert said.value(OTHER_DESTINATIONS) == 0
    drop(kept), drop(listeners)


@in_namespace
def test_other_failures_are_none():
    set_range(FIRST, LAST)
    silent = listen(IPV4, "127.0.0.1", SILENT, backlog=0)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with Exporter(ON) as exporter:
        refused = [new(IPV4) for _ in range(13)]
        for sock in refused:
            assert sock.connect_ex(("127.0.0.1", OTHER)) == errno.ECONNREFUSED
        for address in ("198.51.100.1", "203.0.113.1"):
            with new(IPV4) as sock:
                assert sock.connect_ex((address, 9)) == errno.ENETUNREACH
        # One that is accepted by the kernel, and one whose SYN is dropped until it gives up.
        full = connect_many(1, IPV4, "127.0.0.1", SILENT)
        sysctl("net.ipv4.tcp_syn_retries", 1)
        with new(IPV4) as sock:
            assert sock.connect_ex(("127.0.0.1", SILENT)) == errno.ETIMEDOUT
        aborted = syn_sent(1, IPV4, "127.0.0.1", SILENT)
        drop(aborted)
        # A port of one's own choice that is in use towards the destination.
        first = connect(IPV4, "127.0.0.1", TARGET, source="127.0.0.1", source_port=FIRST + 3)
        second = new(IPV4)
        second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(second, IPV4, "127.0.0.1", FIRST + 3)
        assert second.connect_ex(("127.0.0.1", TARGET)) == errno.EADDRNOTAVAIL
        # An address that is nobody's here.
        with new(IPV4) as sock, pytest.raises(OSError) as caught:
            bind(sock, IPV4, "198.51.100.7", 0)
        assert caught.value.errno == errno.EADDRNOTAVAIL
        said = exporter.metrics()
        assert said.total(CONNECTS) == 0 and not said.samples(DESTINATIONS)
        # It would have been seen.
        kept, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
        assert exporter.metrics().total(CONNECTS) == 1
    drop([silent, listener, *refused, *full, first, second, *kept])


@in_namespace
def test_a_socket_that_fails_twice_is_two_failures_and_then_none():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with Exporter(ON) as exporter:
        set_range(FIRST, LAST)
        kept = fill(IPV4, "127.0.0.1", TARGET)
        again = new(IPV4)
        for _ in range(2):
            assert again.connect_ex(("127.0.0.1", TARGET)) == errno.EADDRNOTAVAIL
        drop(kept[:1])
        assert again.connect_ex(("127.0.0.1", TARGET)) == 0
        assert exporter.metrics().total(CONNECTS) == 3
    drop([listener, again, *kept])


@in_namespace
def test_those_of_another_namespace_are_none():
    with Exporter(ON) as exporter:
        enter_another()
        with Exporter(ON) as theirs:
            listener = listen(IPV4, "127.0.0.1", TARGET)
            set_range(FIRST, LAST)
            kept = fill(IPV4, "127.0.0.1", TARGET)
            fail(6, IPV4, "127.0.0.1", TARGET)
            assert theirs.metrics().total(CONNECTS) == 7
            ours = ask_in_namespace_of(exporter)
        assert ours.value("ephemera_scrape_collector_success", collector="exhaustion") == 1
        assert ours.total(CONNECTS) == 0
        assert ours.value(f"{LEASE}_count") == 0
        drop([listener, *kept])
        # Its own end, which asks nothing of the network.


@in_namespace
def test_the_top_is_bounded_and_nothing_is_lost():
    listener = listen(IPV4, "0.0.0.0", TARGET)
    addresses = [f"127.0.1.{i}" for i in range(1, 8)]
    with Exporter(ON, "--collector.exhaustion.destinations-limit=2",
                  "--collector.exhaustion.owners-limit=0") as exporter:
        set_range(FIRST, LAST)
        kept = [sock for address in addresses for sock in fill(IPV4, address, TARGET)]
        for i, address in enumerate(addresses):
            fail(2 * i, IPV4, address, TARGET)
        first = exporter.metrics()
        shown = by_label(first, DESTINATIONS, "destination")
        assert shown == {("127.0.1.7",): 13, ("127.0.1.6",): 11}
        assert first.value(OTHER_DESTINATIONS) == 1 + 3 + 5 + 7 + 9
        # Who comes to the top brings what it has from now on; what was told stays told.
        fail(20, IPV4, "127.0.1.1", TARGET)
        second = exporter.metrics()
        assert by_label(second, DESTINATIONS, "destination") == {
            ("127.0.1.1",): 20, ("127.0.1.7",): 13}
        assert second.value(OTHER_DESTINATIONS) == 25
        # And who left it goes on where it was told to be, elsewhere.
        fail(1, IPV4, "127.0.1.6", TARGET)
        third = exporter.metrics()
        assert third.value(OTHER_DESTINATIONS) == 26
        assert third.total(CONNECTS) == 49 + 21 == (
            third.total(DESTINATIONS) + third.value(OTHER_DESTINATIONS) + 11)
        assert not third.samples(OWNERS)
        assert third.value(OTHER_OWNERS) == 70
    drop([listener, *kept])


@in_namespace
def test_more_destinations_than_can_be_told_apart_are_counted_all_the_same():
    with watching("--collector.exhaustion.destinations-limit=4096") as exporter:
        set_range(FIRST, LAST)
        kept, _error = bind_until_refused(IPV4, "127.0.0.1")
        for i in range(5003):
            fail(1, IPV4, f"127.9.{i // 250}.{i % 250 + 1}", TARGET)
        said = exporter.metrics()
        shown = by_label(said, DESTINATIONS, "destination")
        # A full table takes a few less than it has places, since it is not searched to its end.
        assert 3900 <= len(shown) <= 4096 and set(shown.values()) == {1}
        assert said.value(OTHER_DESTINATIONS) == 5003 - len(shown)
        assert said.value(CONNECTS, family="ipv4") == 5003
    drop(kept)


@in_namespace
def test_a_reset_in_the_middle_of_closing_leaves_no_time_wait():
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    set_range(FIRST, LAST)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with watching() as exporter:
        # The client is in FIN_WAIT2, still open, when the other side gives up.
        client, server = fin_wait2(1, IPV4, listener, "127.0.0.1", TARGET)[0]
        wait_until(lambda: "FIN-WAIT-2" in {line.state for line in tcp_sockets()}, "FIN_WAIT2")
        drop([server])
        alone, count, _total = histogram(exporter.metrics(), LEASE)
        assert count == 1 and max(alone) <= 1
    drop([listener, client])


@in_namespace
def test_a_cgroup_is_named():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    try:
        tree = cgroups.Tree()
    except cgroups.Unavailable as error:
        pytest.skip(str(error))
    with tree, Exporter(ON) as exporter:
        name = tree.make(f"/ephemera-test-{os.getpid()}.guilty")
        set_range(FIRST, LAST)
        kept = fill(IPV4, "127.0.0.1", TARGET)
        with tree.inside(name):
            fail(7, IPV4, "127.0.0.1", TARGET)
        said = exporter.metrics()
        counts = by_label(said, OWNERS, "cgroup")
        assert counts.pop((name,)) == 7
        assert sum(counts.values()) + said.value(OTHER_OWNERS) == 1
        # It keeps its name when it is gone, since it was asked for while it was there.
        tree.remove(name)
        assert by_label(exporter.metrics(), OWNERS, "cgroup")[name,] == 7
    drop([listener, *kept])


@in_namespace
def test_without_a_hierarchy_a_cgroup_has_its_number(tmp_path):
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with watching(f"--path.sysfs={tmp_path}", "--no-collector.owners") as exporter:
        set_range(FIRST, LAST)
        kept = fill(IPV4, "127.0.0.1", TARGET)
        fail(6, IPV4, "127.0.0.1", TARGET)
        said = exporter.metrics()
        [(name,)] = by_label(said, OWNERS, "cgroup")
        assert name.startswith("id:") and name[3:].isdecimal()
        assert said.value(OWNERS, cgroup=name) == 7 and said.value(OTHER_OWNERS) == 0
    drop([listener, *kept])


@in_namespace
def test_bind_to_any_port_is_counted_or_said_not_to_be():
    need_ipv6()
    with watching() as exporter:
        set_range(FIRST, LAST)
        kept = [bind_until_refused(family, LOOPBACK[family], kind=kind)
                for family in (IPV4, IPV6) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        assert [error for _, error in kept] == [errno.EADDRINUSE] * 4
        with new(IPV4, socket.SOCK_DGRAM) as sock:
            # To a destination that is on 127.0.0.1, whose ports are all taken.
            assert sock.connect_ex(("127.0.0.1", 9)) in (0, errno.EAGAIN)
        # Ports that were chosen, and are taken: not for want of any.
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with pytest.raises(OSError):
                bound(IPV4, "127.0.0.1", FIRST, kind)
        with new(IPV4) as unbound, pytest.raises(OSError):
            unbound.listen()
        said = exporter.metrics()
        if said.value("ephemera_kernel_feature", feature="bind_port_exhaustion"):
            counts = by_label(said, BINDS, "protocol", "family")
            assert counts["tcp", "ipv4"] == 2 and counts["tcp", "ipv6"] == 1
            assert counts["udp", "ipv6"] == 1 and counts["udp", "ipv4"] in (1, 2)
        else:
            assert not said.samples(BINDS)
        assert said.total(CONNECTS) == 0
    for socks, _ in kept:
        drop(socks)


# Leases


def histogram(said, name):
    """{upper bound: how many in this bucket alone}, the count and the sum."""
    buckets = sorted((float(labels["le"]), value)
                     for labels, value in said.samples(f"{name}_bucket"))
    counts = [value for _, value in buckets]
    alone = {bound: value - before for (bound, value), before in zip(buckets, [0, *counts])
             if value != before}
    return alone, said.value(f"{name}_count"), said.value(f"{name}_sum")


@in_namespace
def test_leases_are_as_long_as_the_connections():
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    set_range(FIRST, LAST)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    older = pairs(1, IPV4, listener, "127.0.0.1", TARGET)[0]
    with watching() as exporter:
        start = time.monotonic()
        made = pairs(5, IPV4, listener, "127.0.0.1", TARGET)
        time.sleep(0.5)
        # By reset: no TIME_WAIT.
        drop(client for client, _ in made[:3])
        shortest = time.monotonic() - start
        alone, count, total = histogram(exporter.metrics(), LEASE)
        assert (alone, count) == ({1.0: 3}, 3)
        assert 3 * 0.5 <= total <= 3 * shortest + 0.01
        # A connection that is older than the exporter has a beginning that nobody saw.
        drop(older)
        # Closed by the client: TIME_WAIT keeps the port for 60 s more.
        client, server = made[3]
        client.close(), read_to_end(server), server.close()
        # Closed by the server: it is the one with TIME_WAIT.
        client, server = made[4]
        server.close(), read_to_end(client), client.close()
        said = wait_until(lambda: has_count(exporter, 5), "five leases")
        alone, count, total_after = histogram(said, LEASE)
        # The bucket to 61 s is for what lived less than a second, as these do if nothing delays them.
        assert alone in ({1.0: 4, 61.0: 1}, {1.0: 3, 3.0: 1, 61.0: 1}, {1.0: 3, 3.0: 1, 120.0: 1})
        assert 60 + 2 * 0.5 <= total_after - total <= 60 + 2 * (time.monotonic() - start)
        # Refused is a lease, too, and a failure to get a port is none.
        with new(IPV4) as sock:
            assert sock.connect_ex(("127.0.0.1", OTHER)) == errno.ECONNREFUSED
        kept, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
        alone, count, _total = histogram(exporter.metrics(), LEASE)
        assert count == 6 and sum(v for bound, v in alone.items() if bound <= 0.3) == 1
        assert exporter.metrics().value("ephemera_untracked_port_leases_total") == 0
    drop([listener, *kept])


def has_count(exporter, count):
    said = exporter.metrics()
    return said if said.value(f"{LEASE}_count") == count else None


def below_and_above_a_minute(said):
    """[leases of TIME_WAIT that is reusable after a second, those of TIME_WAIT that is not]"""
    alone, count, _total = histogram(said, LEASE)
    found = [alone.get(3.0, 0), alone.get(61.0, 0) + alone.get(120.0, 0)]
    assert sum(found) == count
    return found


@in_namespace
def test_a_reusable_time_wait_keeps_the_port_for_its_delay_alone():
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    set_range(FIRST, LAST)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with watching() as exporter:
        time_wait(4, IPV4, listener, "127.0.0.1", TARGET)
        assert below_and_above_a_minute(exporter.metrics()) == [4, 0]
        # Only loopback has that at 2, and this is none.
        add_address("198.51.100.1", 32)
        outside = listen(IPV4, "198.51.100.1", OTHER)
        time_wait(2, IPV4, outside, "198.51.100.1", OTHER)
        assert below_and_above_a_minute(exporter.metrics()) == [4, 2]
        # At once: no scrape has to look at the settings.
        sysctl("net.ipv4.tcp_tw_reuse", 0)
        time_wait(3, IPV4, listener, "127.0.0.1", TARGET)
        assert below_and_above_a_minute(exporter.metrics()) == [4, 5]
        # Nor without timestamps.
        sysctl("net.ipv4.tcp_tw_reuse", 2)
        sysctl("net.ipv4.tcp_timestamps", 0)
        # Towards a peer of its own: who takes over a port from TIME_WAIT gets its timestamps, too.
        other = listen(IPV4, "127.0.0.2", TARGET)
        time_wait(1, IPV4, other, "127.0.0.2", TARGET)
        assert below_and_above_a_minute(exporter.metrics()) == [4, 6]
    drop([listener, outside, other])


@in_namespace
def test_bound_and_accepted_connections_are_no_leases():
    set_range(FIRST, LAST)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with watching() as exporter:
        bound_by_number = pairs(2, IPV4, listener, "127.0.0.1", TARGET, source="127.0.0.1")
        leased = pairs(3, IPV4, listener, "127.0.0.1", TARGET)
        for client, server in bound_by_number + leased:
            drop([server, client])
        _alone, count, _total = histogram(exporter.metrics(), LEASE)
        assert count == 3
    drop([listener])


@in_namespace
def test_a_port_that_comes_back_is_timed_until_it_is_taken_again():
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with watching() as exporter:
        # The kernel takes the odd ports for bind(): of five ports all are connect()'s in the end.
        set_range(FIRST, FIRST + 4)
        kept, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
        ports = sorted(ports_of(kept))
        assert histogram(exporter.metrics(), REUSE)[1] == 0
        start = time.monotonic()
        drop(kept), drop(accept(listener, len(kept)))
        time.sleep(0.4)
        again, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
        longest = time.monotonic() - start
        common = len(set(ports) & set(ports_of(again)))
        # Each of the two searches can miss one of five ports.
        assert common >= 3
        alone, count, total = histogram(exporter.metrics(), REUSE)
        assert (alone, count) == ({1.0: common}, common)
        assert common * 0.4 <= total <= common * longest
        # Taken once more while it is held: that is no second release.
        other = listen(IPV4, "127.0.0.1", OTHER)
        shared, _error = connect_until_refused(IPV4, "127.0.0.1", OTHER)
        assert len(shared) >= 4
        # A search can miss one of five ports, which is then there for the next one.
        free = {*ports, *ports_of(shared)} - {*ports_of(again)}
        before = histogram(exporter.metrics(), REUSE)[1]
        assert before == common + len(free & {*ports} & {*ports_of(shared)})
        drop(shared), drop(accept(other, len(shared)))
        # While TIME_WAIT keeps a port it is not released yet: no interval, and none below 0.
        servers = {server.getpeername()[1]: server for server in accept(listener, len(again))}
        for client in again:
            port = client.getsockname()[1]
            client.close(), read_to_end(servers[port]), servers[port].close()
        others, _error = connect_until_refused(IPV4, "127.0.0.1", OTHER)
        assert len(others) >= 4
        assert histogram(exporter.metrics(), REUSE)[1] == before + len(free & {*ports_of(others)})
    drop([listener, other, *others])


@in_namespace
def test_more_leases_than_places_are_said_to_be_untracked():
    set_range(40000, 40999)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with watching("--collector.exhaustion.leases-limit=1") as exporter:
        made = pairs(60, IPV4, listener, "127.0.0.1", TARGET)
        for client, server in made:
            drop([client, server])
        said = exporter.metrics()
        count = said.value(f"{LEASE}_count")
        untracked = said.value("ephemera_untracked_port_leases_total")
        assert count + untracked == 60 and 0 < count < 60
        # One after the other needs but one place.
        for _ in range(60):
            drop(connect_many(1, IPV4, "127.0.0.1", TARGET))
        said = exporter.metrics()
        assert said.value(f"{LEASE}_count") == count + 60
        assert said.value("ephemera_untracked_port_leases_total") == untracked
    with watching("--collector.exhaustion.leases-limit=0") as exporter:
        drop(connect_many(3, IPV4, "127.0.0.1", TARGET))
        said = exporter.metrics()
        assert not said.samples(f"{LEASE}_count") and not said.samples(f"{REUSE}_count")
        assert by_label(said, CONNECTS, "family") == {("ipv4",): 0, ("ipv6",): 0}
    drop([listener])


@in_namespace
def test_those_that_stay_do_not_drive_out_those_that_come_later():
    set_range(40000, 41999)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with watching("--collector.exhaustion.leases-limit=512") as exporter:
        # As one program opens them when it starts: one after the other, and then for good.
        kept = connect_many(100, IPV4, "127.0.0.1", TARGET)
        kept += accept(listener, 100)
        # More than there are places, so that all of them come around again; and each eighth stays.
        for _ in range(100):
            passing = connect_many(16, IPV4, "127.0.0.1", TARGET)
            passing += accept(listener, 16)
            kept += passing[::8]
            drop(set(passing) - set(kept))
        said = exporter.metrics()
        assert said.value("ephemera_untracked_port_leases_total") == 0
        assert said.value(f"{LEASE}_count") == 100 * 14
        drop(kept)
        assert exporter.metrics().value(f"{LEASE}_count") == 100 + 100 * 16
    drop([listener])


@in_namespace
def test_as_many_as_the_limit_says_are_timed():
    set_range(40000, 41999)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    chance = random.Random(7)
    with watching("--collector.exhaustion.leases-limit=1024") as exporter:
        held = [pairs(1, IPV4, listener, "127.0.0.1", TARGET)[0] for _ in range(1024)]
        for _ in range(3000):
            i = chance.randrange(len(held))
            drop(held[i])
            held[i], = pairs(1, IPV4, listener, "127.0.0.1", TARGET)
        said = exporter.metrics()
        # Hardly one: 5 of 100,000 were measured with 4,096.
        untracked = said.value("ephemera_untracked_port_leases_total")
        assert untracked < 30
        assert 3000 - untracked <= said.value(f"{LEASE}_count") <= 3000
    for pair in held:
        drop(pair)
    drop([listener])


# bind(src, 0), then connect()


@in_namespace
def test_who_was_bound_to_port_0_and_connected_is_off_the_capacity():
    set_range(40000, 40011)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    other = listen(IPV4, "127.0.0.1", OTHER)
    bound_first = connect_many(4, IPV4, "127.0.0.1", TARGET, source="127.0.0.1")
    with watching("--no-collector.exhaustion", BLIND) as exporter:
        without = exporter.metrics()
        assert without.value("ephemera_kernel_feature", feature="bind_before_connect") == 0
        assert without.value("ephemera_range_usable_ports") == 12
    with watching("--collector.destinations.minimum-ports=1") as exporter:
        said = exporter.metrics()
        assert said.value("ephemera_kernel_feature", feature="bind_before_connect") == 1
        assert said.value("ephemera_range_usable_ports") == 8
        assert said.value("ephemera_range_bound_ports", holder="connected") == 4
        # They are no ports that their own destination has leased from the eight.
        assert said.value("ephemera_worst_destination_ports", family="ipv4") == 0
        kept, error = connect_until_refused(IPV4, "127.0.0.1", OTHER)
        assert (len(kept), error) == (8, errno.EADDRNOTAVAIL)
        full = exporter.metrics()
        assert full.value("ephemera_worst_destination_usage_ratio", family="ipv4") == 1
        # With IP_BIND_ADDRESS_NO_PORT the port is connect()'s, as always.
        drop(kept)
        shared = connect_many(6, IPV4, "127.0.0.1", OTHER, source="127.0.0.1", no_port=True)
        assert exporter.metrics().value("ephemera_range_usable_ports") == 8
        drop([*shared, *bound_first])
        wait_until(lambda: exporter.metrics().value("ephemera_range_usable_ports") == 12,
                   "the ports to be back")
    drop([listener, other])


@in_namespace
def test_time_wait_of_who_was_bound_is_off_the_capacity():
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    set_range(40000, 40011)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    other = listen(IPV4, "127.0.0.1", OTHER)
    time_wait(3, IPV4, listener, "127.0.0.1", TARGET, source="127.0.0.1")
    with watching() as exporter:
        usable = exporter.metrics().value("ephemera_range_usable_ports")
    kept, _error = connect_until_refused(IPV4, "127.0.0.1", OTHER)
    assert len(kept) == usable
    drop([listener, other, *kept])


# Privileges


@contextlib.contextmanager
def with_capabilities(*names):
    yield ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
           *(f"--{kind}-caps=-all,{','.join('+' + name for name in names)}"
             for kind in ("inh", "ambient"))] if names else [
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]


@in_namespace
def test_two_capabilities_are_enough_and_none_is_kept(public_binary):
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with with_capabilities("bpf", "perfmon") as wrapper, \
            Exporter(ON, wrapper=wrapper) as exporter:
        set_range(FIRST, LAST)
        kept = fill(IPV4, "127.0.0.1", TARGET)
        said = exporter.metrics()
        with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        assert said.total(CONNECTS) == 1
        assert said.value("ephemera_kernel_feature", feature="bind_before_connect") == 1
        assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
        assert int(status["CapAmb"], 16) == 0
        assert status["Seccomp"].strip() == "2"
    drop([listener, *kept])


@in_namespace
def test_without_them_it_says_why_once_and_all_else_works(public_binary):
    def told():
        return [line for line in exporter.log if "exhaustion" in line or "BPF" in line]

    with with_capabilities() as wrapper, Exporter(ON, wrapper=wrapper) as exporter:
        assert len(told()) == 1, "before anybody has scraped it"
        for _ in range(2):
            said = exporter.metrics()
            assert said.value("ephemera_scrape_collector_success", collector="exhaustion") == 0
        assert not said.samples(CONNECTS)
        assert said.total("ephemera_scrape_collector_success") >= 8
        assert said.value("ephemera_kernel_feature", feature="port_exhaustion") == 0
        assert said.value("ephemera_kernel_feature", feature="bind_before_connect") == 0
        lines = told()
    assert len(lines) == 1, lines
    assert "loading BPF programs needs CAP_BPF and CAP_PERFMON" in lines[0]


@in_namespace
def test_one_scrape_to_standard_output_has_it_and_a_replay_does_not_ask_bpf(tmp_path):
    set_range(FIRST, LAST)
    done = run("metrics", ON, "--collector.disable-defaults")
    assert done.returncode == 0
    assert by_label(Metrics(done.stdout), CONNECTS, "family") == {("ipv4",): 0, ("ipv6",): 0}
    listener = listen(IPV4, "127.0.0.1", TARGET)
    kept = connect_many(2, IPV4, "127.0.0.1", TARGET, source="127.0.0.1")
    record = tmp_path / "sockets"
    assert run("metrics", f"--sockets.record={record}").returncode == 0
    said = Metrics(run("metrics", ON, f"--sockets.replay={record}").stdout)
    assert said.value("ephemera_kernel_feature", feature="bind_before_connect") == 0
    assert said.value("ephemera_range_usable_ports") == SIZE
    drop([listener, *kept])


WITHOUT_BPF = REPOSITORY / "build" / "threads" / "ephemera"


@pytest.mark.skipif(not WITHOUT_BPF.exists(), reason="there is no build without BPF")
@in_namespace
def test_a_build_without_bpf_says_so_and_all_else_works(tmp_path):
    with open(tmp_path / "log", "w+", encoding="utf-8") as log:
        done = subprocess.run([WITHOUT_BPF, "metrics", ON], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=log, timeout=60)
        log.seek(0)
        lines = log.read().splitlines()
    assert done.returncode == 1
    said = Metrics(done.stdout)
    assert said.value("ephemera_scrape_collector_success", collector="exhaustion") == 0
    assert said.value("ephemera_scrape_collector_success", collector="binds") == 1
    assert len(lines) == 1 and "this build has no BPF" in lines[0]
    done = subprocess.run([WITHOUT_BPF, "trace"], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1 and "this build has no BPF" in done.stderr
