# SPDX-License-Identifier: Apache-2.0
"""With --namespaces=all, what fails in another network namespace is told by destination and by owner."""

import contextlib
import os

import cgroups
import pytest

from exhaustion import ON, ask_in_namespace_of, fail, fill
from other_namespaces import another, inode
from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import enter_another, in_namespace, set_range
from lib.sockets import (IPV4, IPV6, MAPPED, bind_until_refused, connect_until_refused, drop, listen,
                         need_ipv6)

pytestmark = needs_bpf

FIRST, LAST, SIZE = 40000, 40009, 10
TARGET, OTHER = 30001, 30002
CONNECTS = "ephemera_port_exhaustion_errors_total"
BINDS = "ephemera_bind_port_exhaustion_errors_total"
DESTINATIONS = "ephemera_destination_port_exhaustion_errors_total"
OTHER_DESTINATIONS = "ephemera_other_destination_port_exhaustion_errors_total"
OWNERS = "ephemera_owner_port_exhaustion_errors_total"
OTHER_OWNERS = "ephemera_other_owner_port_exhaustion_errors_total"
ALL = "--namespaces=all"


def here():
    """The label of this namespace, which has no name."""
    return str(os.stat("/proc/self/ns/net").st_ino)


def of(said, name, netns):
    """The sum of what is said of that namespace; 0: nothing."""
    return sum(value for found, value in said.samples(name) if found.get("netns", "") == netns)


def destinations(said, netns):
    """{(destination, port): failures}"""
    return {(found["destination"], int(found["destination_port"])): value
            for found, value in said.samples(DESTINATIONS) if found.get("netns", "") == netns}


def owners(said, netns):
    return {found["cgroup"]: value for found, value in said.samples(OWNERS)
            if found.get("netns", "") == netns}


def assert_whole(said, netns):
    """Each failure is in one series by destination, and in one by owner."""
    assert of(said, DESTINATIONS, netns) + of(said, OTHER_DESTINATIONS, netns) == of(said, CONNECTS, netns)
    assert (of(said, OWNERS, netns) + of(said, OTHER_OWNERS, netns)
            == of(said, CONNECTS, netns) + of(said, BINDS, netns))


@in_namespace
def test_failures_are_told_by_their_destination_in_each_namespace():
    need_ipv6()
    with Exporter(ON, ALL) as exporter:
        kept, told = [], {}
        for i in range(3):
            enter_another()
            set_range(FIRST, LAST)
            kept += [listen(IPV4, "0.0.0.0", TARGET), listen(IPV6, "::", TARGET)]
            # The same destinations in each. The last of fill() fails, too.
            kept += [*fill(IPV4, "127.0.0.1", TARGET), *fill(IPV6, "::1", TARGET)]
            fail(6 + i, IPV4, "127.0.0.1", TARGET)
            fail(3, MAPPED, "127.0.0.1", TARGET)
            fail(2 * i, IPV6, "::1", TARGET)
            told[here()] = {("127.0.0.1", TARGET): 10 + i, ("::1", TARGET): 1 + 2 * i}
        said = ask_in_namespace_of(exporter)
        assert {netns: destinations(said, netns) for netns in told} == told
        for netns in told:
            assert_whole(said, netns)
            # What is 0 is not shown of another namespace.
            assert of(said, OTHER_DESTINATIONS, netns) == 0
        assert destinations(said, "") == owners(said, "") == {}
        # The next namespace begins at nothing, also where it gets the number of one that is gone.
        drop(kept)
        enter_another()
        assert destinations(ask_in_namespace_of(exporter), here()) == {}


FAILS = """
set_range({FIRST}, {LAST})
kept = listen(IPV4, "127.0.0.1", {TARGET}), connect_until_refused(IPV4, "127.0.0.1", {TARGET})
"""


@in_namespace
def test_the_next_namespace_with_the_same_inode_has_none_of_them():
    fails = FAILS.format(FIRST=FIRST, LAST=LAST, TARGET=TARGET)
    with Exporter(ON, ALL) as exporter:
        # Another test may get the inode.
        for _ in range(5):
            with another(fails) as process:
                number = inode(process)
                assert destinations(exporter.metrics(), str(number)) == {("127.0.0.1", TARGET): 1}
            with contextlib.ExitStack() as stack:
                for _ in range(20):
                    if inode(stack.enter_context(another(""))) == number:
                        said = exporter.metrics()
                        assert said.samples("ephemera_range_usable_ports", netns=number)
                        assert destinations(said, str(number)) == owners(said, str(number)) == {}
                        return
    pytest.skip("no other namespace got the inode")


@in_namespace
def test_the_top_is_bounded_and_no_counter_falls():
    with Exporter(ON, ALL, "--collector.exhaustion.destinations-limit=2") as exporter:
        enter_another()
        set_range(FIRST, LAST)
        listener = listen(IPV4, "0.0.0.0", TARGET)
        addresses = [f"127.0.1.{i}" for i in range(1, 8)]
        kept = [sock for address in addresses for sock in fill(IPV4, address, TARGET)]
        for i, address in enumerate(addresses):
            fail(2 * i, IPV4, address, TARGET)
        first = ask_in_namespace_of(exporter)
        assert destinations(first, here()) == {("127.0.1.7", TARGET): 13, ("127.0.1.6", TARGET): 11}
        assert of(first, OTHER_DESTINATIONS, here()) == 1 + 3 + 5 + 7 + 9
        fail(20, IPV4, "127.0.1.1", TARGET)
        second = ask_in_namespace_of(exporter)
        assert destinations(second, here()) == {("127.0.1.1", TARGET): 20, ("127.0.1.7", TARGET): 13}
        assert of(second, OTHER_DESTINATIONS, here()) == 25
        assert of(second, OTHER_DESTINATIONS, "") == 0
        drop([listener, *kept])


@in_namespace
def test_a_flood_of_destinations_takes_no_place_from_others():
    """More than all namespaces have places for in the kernel: one that goes on failing stays."""
    with Exporter(ON, ALL) as exporter:
        enter_another()
        set_range(FIRST, LAST)
        quiet = here()
        kept = [listen(IPV4, "127.0.0.1", TARGET), *fill(IPV4, "127.0.0.1", TARGET)]
        fail(4, IPV4, "127.0.0.1", TARGET)
        enter_another()
        set_range(FIRST, LAST)
        held, _error = bind_until_refused(IPV4, "127.0.0.1")
        before = ask_in_namespace_of(exporter)
        for i in range(2003):
            fail(1, IPV4, f"127.9.{i // 250}.{i % 250 + 1}", TARGET)
            if i % 10 == 0:
                fail(1, IPV4, "127.0.0.1", OTHER)
        said = ask_in_namespace_of(exporter)
        assert destinations(before, quiet) == destinations(said, quiet) == {("127.0.0.1", TARGET): 5}
        assert destinations(said, here())["127.0.0.1", OTHER] == 201
        assert of(said, CONNECTS, here()) == 2003 + 201
        assert_whole(said, here())
        drop([*kept, *held])


@in_namespace
def test_who_fails_is_named_by_cgroup():
    try:
        tree = cgroups.Tree()
    except cgroups.Unavailable as error:
        pytest.skip(str(error))
    with tree, Exporter(ON, ALL) as exporter:
        names = [tree.make(f"/ephemera-test-{os.getpid()}.{name}") for name in ("first", "second")]
        kept, told = [], {}
        for i, name in enumerate(names):
            enter_another()
            set_range(FIRST, LAST)
            with tree.inside(name):
                kept += [listen(IPV4, "127.0.0.1", TARGET)]
                found, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
                kept += found
                fail(4 + i, IPV4, "127.0.0.1", TARGET)
                held, _error = bind_until_refused(IPV4, "127.0.0.1")
                kept += held
            told[here()] = name, 4 + i + 1
        said = ask_in_namespace_of(exporter)
        counts_binds = said.value("ephemera_kernel_feature", feature="bind_port_exhaustion")
        assert ({netns: owners(said, netns) for netns in told}
                == {netns: {name: connects + counts_binds} for netns, (name, connects) in told.items()})
        for netns in told:
            assert_whole(said, netns)
        drop(kept)


@in_namespace
def test_they_come_right_after_the_totals_within_the_series_limit():
    with Exporter(ON, ALL, "--namespaces.series-limit=6") as exporter:
        enter_another()
        set_range(FIRST, LAST)
        kept = [listen(IPV4, "127.0.0.1", TARGET), *fill(IPV4, "127.0.0.1", TARGET)]
        said = ask_in_namespace_of(exporter)
        shown = [name for name in said.names()
                 if any(found.get("netns") == here() for found, _ in said.samples(name))]
        series = sum(found.get("netns") == here()
                     for name in said.names() for found, _ in said.samples(name))
        assert series == 6
        assert {CONNECTS, DESTINATIONS} <= set(shown)
        assert "ephemera_destination_ports" not in shown
        drop(kept)
