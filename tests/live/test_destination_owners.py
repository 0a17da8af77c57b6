# SPDX-License-Identifier: Apache-2.0
"""Who has the ports of each destination: the largest owner of a host may have nothing to do with
the destination that is full."""

import os

import pytest

from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, accept, connect_many, drop, listen, need_ipv6, syn_sent,
                         time_wait, udp_connected)

PORT, OTHER = 30001, 30002
SERVER = "--web.listen-address=127.0.0.1:10059"
ALL = ("--collector.destinations.minimum-ports=0", "--collector.destinations.owners-limit=100")

PORTS = "ephemera_destination_ports"
OWNER = "ephemera_destination_owner_ports"
REST = "ephemera_destination_other_owner_ports"
KEY = ("source", "destination", "destination_port")

# Of the process that runs the tests, and not of the children that are the tests.
BASE = f"/ephemera-destinations-{os.getpid()}.slice"
UID = "3f2a9c07-1b7d-4e5f-8a90-c0ffee000007"
CID = "07" * 32


def prepare():
    set_range(40000, 41999)
    sysctl("net.ipv4.tcp_tw_reuse", 0)


@pytest.fixture
def services(tree):
    """Four services, the last of which is a container, and the one that the scrapes come from."""
    paths = [f"{BASE}/{name}.service" for name in ("checkout", "orders", "mail")]
    paths.append(f"{BASE}/kubepods/pod{UID}/{CID}")
    for path in paths:
        tree.make(path)
    yield paths
    for path in paths:
        tree.clear(path)


def told(said):
    """{(destination, port): {cgroup: ports}}"""
    table = {}
    for labels, value in said.samples(OWNER):
        table.setdefault((labels["destination"], labels["destination_port"]), {})[
            labels["cgroup"]] = value
    return table


def rest(said):
    return {(labels["destination"], labels["destination_port"]): value
            for labels, value in said.samples(REST)}


def assert_adds_up(said):
    """Each shown destination's owners and others are its active ports."""
    def sums(name, **wanted):
        found = {}
        for labels, value in said.samples(name, **wanted):
            key = tuple(labels[label] for label in KEY)
            found[key] = found.get(key, 0) + value
        return found

    active, owned, others = sums(PORTS, state="active"), sums(OWNER), sums(REST)
    assert active and set(active) == set(others) and set(owned) <= set(active)
    for key, ports in active.items():
        assert owned.get(key, 0) + others[key] == ports, key


def lease(tree, path, count, address, port, family=IPV4):
    with tree.inside(path):
        return connect_many(count, family, address, port)


@in_namespace
def test_each_destination_names_its_own_owners(tree, services):
    need_ipv6()
    prepare()
    checkout, orders, mail, container = services
    kept = [listen(IPV4, "0.0.0.0", PORT), listen(IPV4, "127.0.0.1", OTHER),
            listen(IPV6, "::1", PORT)]
    # The host's largest owner has nothing of the destination that orders has filled.
    kept.append([lease(tree, checkout, 60, "127.0.0.2", PORT),
                 lease(tree, orders, 41, "127.0.0.3", PORT),
                 lease(tree, mail, 3, "127.0.0.3", PORT),
                 lease(tree, container, 7, "127.0.0.3", PORT),
                 lease(tree, checkout, 2, "127.0.0.3", PORT),
                 lease(tree, container, 5, "127.0.0.1", OTHER),
                 lease(tree, mail, 11, "::1", PORT, IPV6)])
    said = metrics(*ALL)
    wanted = {("127.0.0.2", f"{PORT}"): {checkout: 60},
              ("127.0.0.3", f"{PORT}"): {orders: 41, container: 7, mail: 3, checkout: 2},
              ("127.0.0.1", f"{OTHER}"): {container: 5},
              ("::1", f"{PORT}"): {mail: 11}}
    assert told(said) == wanted
    assert rest(said) == dict.fromkeys(wanted, 0)
    assert_adds_up(said)
    containers = {labels["pod_uid"] + labels["container_id"] for labels, _ in said.samples(OWNER)
                  if labels["cgroup"] == container}
    assert containers == {UID + CID}

    # Three by default; the rest in one number.
    said = metrics(ALL[0])
    assert told(said)["127.0.0.3", f"{PORT}"] == {orders: 41, container: 7, mail: 3}
    assert rest(said)["127.0.0.3", f"{PORT}"] == 2
    assert_adds_up(said)

    said = metrics(ALL[0], "--collector.destinations.owners-limit=0")
    assert told(said) == {}
    assert rest(said)["127.0.0.3", f"{PORT}"] == 53
    assert_adds_up(said)

    # Not of those that are not shown.
    said = metrics("--collector.destinations.minimum-ports=20")
    assert set(rest(said)) == {("127.0.0.2", f"{PORT}"), ("127.0.0.3", f"{PORT}")}
    assert_adds_up(said)


@in_namespace
def test_only_active_ports_have_owners(tree, services):
    prepare()
    listener = listen(IPV4, "127.0.0.1", PORT)
    with tree.inside(services[0]):
        time_wait(7, IPV4, listener, "127.0.0.1", PORT)
        _kept = [connect_many(5, IPV4, "127.0.0.1", PORT), accept(listener, 5),
                 udp_connected(IPV4, "127.0.0.1", PORT)]
    said = metrics(*ALL)
    assert told(said) == {("127.0.0.1", f"{PORT}"): {services[0]: 5}}
    assert said.value(PORTS, destination_port=f"{PORT}", state="time_wait") == 7
    assert_adds_up(said)


@in_namespace
def test_a_service_that_was_restarted_is_one_owner(tree, services):
    """Its new cgroup has the path of the old one, whose sockets are still open."""
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    with Exporter(SERVER, *ALL) as exporter:
        kept = [lease(tree, services[0], 5, "127.0.0.1", PORT)]
        assert told(exporter.metrics())["127.0.0.1", f"{PORT}"] == {services[0]: 5}
        tree.clear(services[0])
        tree.make(services[0])
        kept.append(lease(tree, services[0], 3, "127.0.0.1", PORT))
        said = exporter.metrics()
        assert told(said)["127.0.0.1", f"{PORT}"] == {services[0]: 8}
        assert_adds_up(said)

        # The next scrape has forgotten who was there before.
        drop(kept.pop(0) + kept.pop(0))
        kept.append(lease(tree, services[1], 2, "127.0.0.1", PORT))
        assert told(exporter.metrics())["127.0.0.1", f"{PORT}"] == {services[1]: 2}


@in_namespace
def test_where_there_is_no_hierarchy_of_version_2_all_are_others(tree, services, folder):
    prepare()
    _listener = listen(IPV4, "127.0.0.1", PORT)
    _kept = lease(tree, services[0], 5, "127.0.0.1", PORT)
    said = metrics(*ALL, f"--path.sysfs={folder}", "--no-collector.owners")
    assert told(said) == {}
    assert rest(said) == {("127.0.0.1", f"{PORT}"): 5}
    assert said.value("ephemera_scrape_collector_success", collector="destinations") == 1


@in_namespace
def test_half_open_ones_have_an_owner(tree, services):
    prepare()
    full = listen(IPV4, "127.0.0.1", OTHER, backlog=0)
    with tree.inside(services[2]):
        _kept = [full, connect_many(1, IPV4, "127.0.0.1", OTHER),
                 syn_sent(3, IPV4, "127.0.0.1", OTHER)]
    assert told(metrics(*ALL)) == {("127.0.0.1", f"{OTHER}"): {services[2]: 4}}
