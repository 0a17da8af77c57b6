# SPDX-License-Identifier: Apache-2.0
"""Three network namespaces at once, each against what is said in it, by both of the walk's programs."""

import re
from collections import defaultdict

import pytest
import workload

from lib.walked import Everything, assert_same, records

NAMES = "red", "green", "blue"
WALKS = "", "_by_copy"
# As each kernel has it.
OWN_TABLES = {"tcp": (6, 1), "udp": (6, 3)}
WALKS_UDP, LISTS_BOUND = (6, 2), (6, 8)
# Sockets that only bind(), in the workloads of the namespaces.
BOUND = {"red": 5, "green": 0, "blue": 0}
SETTINGS = {"ipv4/ip_unprivileged_port_start": "unprivileged", "ipv4/tcp_tw_reuse": "reuse",
            "ipv4/tcp_tw_reuse_delay": "delay", "ipv4/tcp_max_tw_buckets": "limit",
            "ipv6/bindv6only": "v6only"}
# An emulated machine takes its time between the two.
APART_MS = 120000


@pytest.fixture(params=WALKS)
def everything(request, said):
    return Everything(said["namespaces.all" + request.param])


def inode(said, name):
    return int(said[f"{name}.inode"])


@pytest.mark.parametrize("name", NAMES)
def test_the_workloads_are_made(said, name):
    wanted = {"red": "plain", "green": "before_connect", "blue": "leased"}[name]
    assert said.made(f"{name}.{wanted}") == workload.WORKLOADS[wanted]


@pytest.mark.parametrize("name", NAMES)
def test_the_sockets_are_equal_record_by_record(said, everything, name):
    walked = everything.records(inode(said, name))
    dumped = records(said[f"{name}.sock_diag"])
    if said.linux < WALKS_UDP:
        assert not [line for line in walked if line.startswith("udp")]
        dumped = {line: told for line, told in dumped.items() if not line.startswith("udp")}
    bound = {line for line in walked if line.split()[2] == "bound"}
    assert len(bound) == BOUND[name]
    if said.linux < LISTS_BOUND:
        walked = {line: told for line, told in walked.items() if line not in bound}
    assert dumped
    assert_same(walked, dumped, APART_MS, walked_first=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_are_what_proc_says(said, everything, name):
    there = dict(line.split(":", 1) for line in said[f"{name}.settings"].splitlines())
    seen = everything.settings[inode(said, name)]
    first, last = workload.RANGES[name]
    assert there["ipv4/ip_local_port_range"].split() == [str(first), str(last)]
    assert seen["range"] == f"{first}-{last}"
    assert int(seen["fin"]) == 1000 * int(there["ipv4/tcp_fin_timeout"])
    for path, setting in SETTINGS.items():
        assert seen[setting] == there.get(path, "0"), path
    reserved = re.findall(r"\d+", workload.RESERVED.get(name, ""))
    assert everything.reserved[inode(said, name)] == list(map(int, reserved))


@pytest.mark.parametrize("name", NAMES)
def test_who_has_tables_of_its_own(said, everything, name):
    for protocol, flag in (("tcp", Everything.OWN_TCP_TABLE), ("udp", Everything.OWN_UDP_TABLE)):
        has = name == "green" and said.linux >= OWN_TABLES[protocol]
        assert bool(everything.flags(inode(said, name)) & flag) == has


COMPARED = {"ephemera_range_usable_ports", "ephemera_destination_ports",
            "ephemera_worst_destination_ports", "ephemera_range_bound_ports"}


def values(seen, **netns):
    found = defaultdict(dict)
    for name in COMPARED:
        for labels, value in seen.samples(name, **netns):
            if value and set(netns) == {"netns"} & set(labels):
                # An empty label is to Prometheus as if it were not there.
                found[name][tuple(sorted((label, text) for label, text in labels.items()
                                         if text and label != "netns"))] = value
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("walk", WALKS)
def test_each_has_its_name_and_is_shown_as_it_is_alone(said, walk, name):
    among = values(said.metrics("namespaces.metrics" + walk), netns=name)
    alone = values(said.metrics(f"{name}.alone"))
    assert alone["ephemera_range_usable_ports"] and alone["ephemera_destination_ports"]
    assert among == alone
