# SPDX-License-Identifier: Apache-2.0
"""Failures in other network namespaces, by destination and by cgroup, counted by BPF on each kernel."""

import pytest
import workload

ERRORS = "ephemera_port_exhaustion_errors_total"
BIND_ERRORS = "ephemera_bind_port_exhaustion_errors_total"
DESTINATION_ERRORS = "ephemera_destination_port_exhaustion_errors_total"
OTHER_ERRORS = "ephemera_other_destination_port_exhaustion_errors_total"
OWNER_ERRORS = "ephemera_owner_port_exhaustion_errors_total"
OTHER_OWNER_ERRORS = "ephemera_other_owner_port_exhaustion_errors_total"
# Of another namespace, those with the most.
SHOWN = 3


@pytest.fixture
def last(said):
    return said.metrics("elsewhere_by_destination.last")


@pytest.fixture
def binds(said):
    """Failures of bind() that this kernel shows."""
    return workload.BIND_FAILURES if said.traces_functions else {}


def by(said, name, netns, *labels):
    return {tuple(found[label] for label in labels): value
            for found, value in said.samples(name) if found.get("netns", "") == netns}


def test_they_fail_as_often_as_is_thought(said):
    assert said.made("failing.binds") == workload.BINDS
    assert said.made("failing.failures") == workload.FAILURES
    assert said.made("failing_less.elsewhere") == workload.ELSEWHERE


def test_each_namespace_has_its_own(last, binds):
    assert by(last, ERRORS, "failing", "family") == {
        (family,): count for family, count in workload.FAILURES_BY_FAMILY.items()}
    assert by(last, BIND_ERRORS, "failing", "protocol", "family") == binds
    assert by(last, ERRORS, "failing_less", "family") == {("ipv4",): 7}
    assert by(last, BIND_ERRORS, "failing_less", "protocol", "family") == {}


def test_the_destinations_with_the_most_are_named(last):
    counts = sorted(((count, address, str(port)) for (address, port), count
                     in workload.FAILURES_BY_DESTINATION.items()), reverse=True)
    assert by(last, DESTINATION_ERRORS, "failing", "destination", "destination_port") == {
        (address, port): count for count, address, port in counts[:SHOWN]}
    assert by(last, OTHER_ERRORS, "failing") == {(): sum(count for count, *_ in counts[SHOWN:])}
    assert by(last, DESTINATION_ERRORS, "failing_less", "destination", "destination_port") == {
        ("127.0.0.1", "9000"): 7}
    assert by(last, OTHER_ERRORS, "failing_less") == {}


def test_the_cgroup_is_named(last, binds):
    total = sum((*workload.FAILURES_BY_FAMILY.values(), *binds.values()))
    assert by(last, OWNER_ERRORS, "failing", "cgroup") == {("/workload",): total}
    assert by(last, OWNER_ERRORS, "failing_less", "cgroup") == {("/workload",): 7}
    for netns in "failing", "failing_less":
        assert by(last, OTHER_OWNER_ERRORS, netns) == {}


def test_the_exporters_own_has_none(last):
    assert set(by(last, ERRORS, "", "family").values()) == {0}
    assert by(last, DESTINATION_ERRORS, "", "destination") == by(last, OWNER_ERRORS, "", "cgroup") == {}
