# SPDX-License-Identifier: Apache-2.0
"""Connects and binds that found no port, counted by BPF: as many as the program was refused that
made them, on each kernel."""

import collections
import json

import pytest
import workload

from lib.exporter import COLLECTORS

ERRORS = "ephemera_port_exhaustion_errors_total"
DESTINATION_ERRORS = "ephemera_destination_port_exhaustion_errors_total"
OTHER_ERRORS = "ephemera_other_destination_port_exhaustion_errors_total"
OWNER_ERRORS = "ephemera_owner_port_exhaustion_errors_total"
OTHER_OWNER_ERRORS = "ephemera_other_owner_port_exhaustion_errors_total"
BIND_ERRORS = "ephemera_bind_port_exhaustion_errors_total"
CONFLICTS = "ephemera_bind_conflicts_total"
OTHER_CONFLICTS = "ephemera_other_bind_conflicts_total"
MISSED = "ephemera_port_exhaustion_missed_events_total"
FEATURES = ("bind_before_connect", "port_exhaustion", "bind_port_exhaustion", "bind_conflicts")
# Of these, what it takes to trace a function of the kernel.
BIND_FEATURES = "bind_port_exhaustion", "bind_conflicts"


@pytest.fixture
def first(said):
    """Before anything failed."""
    return said.metrics("exhaustion.first")


@pytest.fixture
def last(said):
    return said.metrics("exhaustion.last")


@pytest.fixture
def sees_binds(said):
    if not said.traces_functions:
        pytest.skip("on arm64 BPF sees bind() fail since Linux 6.4")


def failed_binds(said):
    return workload.BIND_FAILURES if said.traces_functions else {}


def refused_binds(said):
    return workload.CONFLICTS if said.traces_functions else {}


def test_connect_fails_as_often_as_is_thought(said):
    assert said.made("exhaustion.failures") == workload.FAILURES
    assert said.made("elsewhere.elsewhere") == workload.ELSEWHERE


def test_bind_fails_as_often_as_is_thought(said):
    assert said.made("exhaustion.binds") == workload.BINDS


def test_it_says_what_the_kernel_lacks_of_what_the_collector_takes(said, first):
    for feature in FEATURES:
        has = said.traces_functions or feature not in BIND_FEATURES
        assert first.value("ephemera_kernel_feature", feature=feature) == has, feature
    assert first.value("ephemera_scrape_collector_success", collector="exhaustion") == 1


def test_nothing_failed_at_first(said, first):
    families = {labels["family"]: value for labels, value in first.samples(ERRORS)}
    assert families == {"ipv4": 0, "ipv6": 0}
    binds = {(labels["protocol"], labels["family"]): value
             for labels, value in first.samples(BIND_ERRORS)}
    assert binds == dict.fromkeys(failed_binds(said), 0)
    assert not first.samples(DESTINATION_ERRORS) and not first.samples(CONFLICTS)
    others = [value for _, value in first.samples(OTHER_CONFLICTS)]
    assert others == ([0] if said.traces_functions else [])


def test_failures_are_counted_and_nothing_else(last):
    families = {labels["family"]: value for labels, value in last.samples(ERRORS)}
    assert families == workload.FAILURES_BY_FAMILY


def test_the_destinations_are_named(last):
    destinations = {(labels["destination"], int(labels["destination_port"])): value
                    for labels, value in last.samples(DESTINATION_ERRORS)}
    assert destinations == workload.FAILURES_BY_DESTINATION
    assert last.value(OTHER_ERRORS) == 0


def test_the_cgroup_is_named(said, last):
    total = sum((*workload.FAILURES_BY_FAMILY.values(), *failed_binds(said).values()))
    [(labels, value)] = last.samples(OWNER_ERRORS)
    assert (labels["cgroup"], value) == ("/workload", total)
    assert last.value(OTHER_OWNER_ERRORS) == 0


def test_it_is_told_how_many_events_were_missed(said, last):
    missed = {labels["event"]: value for labels, value in last.samples(MISSED)}
    assert missed.keys() == {"tcp_state"} | ({"tcp_bind", "udp_bind"} if said.traces_functions else set())
    # One processor with little to do: none, or one by chance. What else the kernel tells of
    # a program, such as its instructions, are hundreds.
    assert sum(missed.values()) < 50


@pytest.mark.usefixtures("sees_binds")
def test_binds_that_fail_are_counted_and_nothing_else(last):
    binds = {(labels["protocol"], labels["family"]): value
             for labels, value in last.samples(BIND_ERRORS)}
    assert binds == workload.BIND_FAILURES


@pytest.mark.usefixtures("sees_binds")
def test_binds_that_are_refused_their_port_are_counted_by_it_and_nothing_else(last):
    conflicts = {(labels["protocol"], int(labels["port"])): value
                 for labels, value in last.samples(CONFLICTS)}
    assert conflicts == workload.CONFLICTS
    assert last.value(OTHER_CONFLICTS) == 0


def test_leases_are_timed(said, first):
    leased = said.metrics("exhaustion.leased")
    for histogram in ("ephemera_port_lease_seconds", "ephemera_port_reuse_interval_seconds"):
        more = leased.value(histogram + "_count") - first.value(histogram + "_count")
        # The scrapes lease ports, too.
        assert workload.LEASED - 10 <= more <= workload.LEASED + 2, histogram
    assert leased.value("ephemera_port_lease_seconds_count") >= workload.LEASED
    assert leased.value("ephemera_untracked_port_leases_total") == 0


def test_who_opened_them_is_known(said):
    leased = said.metrics("exhaustion.leased")
    for name in ("opens", "leases"):
        counted = {labels["cgroup"]: value for labels, value in leased.samples(
            f"ephemera_destination_owner_{name}_total", destination_port="9000")}
        assert counted == {"/workload": workload.LEASED}, name


def test_the_server_is_confined_and_ends(said):
    status = said.status("exhaustion")
    assert status["Uid"].split()[0] == "65534"
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    # What loads programs is not kept.
    assert int(status["CapEff"], 16) == 0
    log = said["exhaustion.log"]
    assert said["exhaustion.ended"].split()[0] == "0", log
    assert "level=warn" not in log and "level=error" not in log and "seccomp=on" in log, log


# ephemera trace, whose programs do more, so that the kernel checks them anew


@pytest.fixture
def traced(said):
    """(events, summary)"""
    assert said["trace.ended"].split()[0] == "0", said["trace.events"]
    *events, last = map(json.loads, said["trace.events"].splitlines())
    return events, last["summary"]


def test_each_failure_is_traced(said, traced):
    assert said.made("trace.failures") == workload.FAILURES
    events, _ = traced
    destinations = collections.Counter((event["destination"], event["destination_port"])
                                       for event in events if event["call"] == "connect")
    assert destinations == workload.FAILURES_BY_DESTINATION
    binds = collections.Counter((event["protocol"], event["family"]) for event in events
                                if event["call"] == "bind" and "port" not in event)
    assert binds == failed_binds(said)
    assert {event["cgroup"] for event in events} == {"/workload"}
    # The kernel keeps 15 characters.
    assert {event["process"] for event in events} == {"ephemera-sockets"[:15]}


@pytest.mark.usefixtures("sees_binds")
def test_each_refused_bind_is_traced_with_its_holder(said, traced):
    refused = [event for event in traced[0] if "port" in event]
    ports = collections.Counter((event["protocol"], event["port"]) for event in refused)
    assert ports == workload.CONFLICTS
    calls = collections.Counter(event["call"] for event in refused)
    assert calls == {"bind": ports.total() - workload.CONFLICTS["tcp", 9002],
                     "listen": workload.CONFLICTS["tcp", 9002]}
    # All looks together take a tenth of the time, and an emulated machine may have none left for the last.
    assert refused[0]["holder_search"] != "skipped"
    for event in refused:
        if event["holder_search"] == "skipped":
            assert "holder" not in event
            continue
        port = event["protocol"], event["port"]
        if port == ("tcp", 9001) or event["protocol"] == "udp":
            holder = event["holder"]
            assert event["holder_search"] == "found"
            assert (holder["local_address"], holder["local_port"]) == ("127.0.0.9", event["port"])
            assert holder["state"] == ("listen" if event["protocol"] == "tcp" else "close")
            assert holder["cgroup"] == "/workload" == event["cgroup"]
            # A search for processes that takes 2 s is given up, which says that it is not complete.
            found = [one["name"] for one in holder["processes"]]
            assert found == ["ephemera-sockets"[:15]] or not (found or holder["holders_complete"])
        # They have only called bind(), which kernels before 6.8 do not list.
        elif port in (("tcp", 41000), ("tcp", 41001)):
            assert event["holder_search"] == ("found" if said.linux >= (6, 8) else "unlisted")


def test_the_trace_sums_up(said, traced):
    events, summary = traced
    conflicts = sum(refused_binds(said).values())
    assert summary["failures"] == len(events) - conflicts > 0 and summary["lost"] == 0
    assert summary["conflicts"] == conflicts and summary["other_ports"] == 0
    assert refused_binds(said) == {(one["protocol"], one["port"]): one["conflicts"]
                                   for one in summary["ports"]}
    destinations = {(one["destination"], one["destination_port"]): one["failures"]
                    for one in summary["destinations"]}
    assert destinations == workload.FAILURES_BY_DESTINATION


# ephemera trace --leases, which is a program of its own


@pytest.fixture
def leases(said):
    """(started, leases, summary)"""
    assert said["lease_trace.ended"].split()[0] == "0", said["lease_trace.lines"]
    first, *lines, last = map(json.loads, said["lease_trace.lines"].splitlines())
    return first["started"], lines, last["summary"]


def test_each_lease_is_traced_and_how_it_ended(said, leases):
    assert said.made("lease_trace.lease_trace") == workload.LEASE_TRACE
    started, lines, summary = leases
    ended = collections.Counter((one["source"], one["ended"], one["time_wait"], one["destination_port"])
                                for one in lines)
    assert {key: ended[key] for key in workload.LEASES_ENDED} == workload.LEASES_ENDED
    ended.subtract(workload.LEASES_ENDED)
    held = collections.Counter()
    for (source, how, _, port), count in ended.items():
        assert count == 0 or how in ("closed", "reset", "aborted")
        held[source, port] += count
    assert +held == workload.LEASES_HELD
    assert (summary["leases"], summary["lost"], summary["untracked"]) == (len(lines), 0, 0)
    assert all(started["time"] <= one["from"] <= one["until"] <= summary["time"] for one in lines)


def test_who_had_a_lease_is_known(leases):
    _, lines, _ = leases
    assert {one["cgroup"] for one in lines} == {"/workload"}
    assert {one["process"] for one in lines} == {"ephemera-sockets"[:15]}
    assert len({one["pid"] for one in lines}) == 1
    assert all(41000 <= one["source_port"] <= 41009 for one in lines)


def test_the_lines_answer(said, leases):
    _, lines, summary = leases
    answer = json.loads(said["lease_trace.answer"])
    assert lines[0]["from"] in {one["from"] for one in answer["leases"]}
    assert answer["lines"]["leases"] == summary["leases"] and answer["lines"]["skipped"] == 0


# How old connections are


def test_the_age_of_a_connection_that_was_seen_to_begin_is_exact(said):
    assert said.made("ages.older") == workload.OLDER and said.made("ages.ages") == workload.AGES
    sockets = json.loads(said["ages.ports"])["remote"]["sockets"]
    exact = {each["local_port"]: each["age_is_exact"] for each in sockets if "age_is_exact" in each}
    assert len(sockets) == 7 + 2 and sum(exact.values()) == 7, sockets
    assert not exact.get(30000, False) and not exact.get(30001, False)
    # The machine is not up for longer than that.
    assert all(0 <= each["age_seconds"] < float(said["machine.uptime"].split()[0])
               for each in sockets if exact.get(each["local_port"], False))
    older = json.loads(said["ages.older_ports"])["remote"]["sockets"]
    assert len(older) == 3 and not [each for each in older if each.get("age_is_exact", False)]


# Ports that were bound by bind(address, 0) and then connected


@pytest.fixture(params=workload.BEFORE_CONNECT)
def phase(request):
    return request.param


def test_who_binds_first_takes_ports_from_all(said, phase):
    assert said.made(f"{phase}.{phase}") == workload.BEFORE_CONNECT[phase]
    assert said.made(f"{phase}.others") == workload.OTHERS


def test_ports_bound_before_connect_are_off_the_capacity(said, phase):
    seen = said.metrics(f"{phase}.served")
    left = workload.OTHERS["connect 19 ipv4 127.0.0.1 9001"]["made"]
    assert seen.value("ephemera_kernel_feature", feature="bind_before_connect") == 1
    assert seen.value("ephemera_range_bound_ports",
                      holder="connected") == workload.BOUND_BEFORE_CONNECT
    assert seen.value("ephemera_range_usable_ports") == left == 12 - workload.BOUND_BEFORE_CONNECT


def test_without_the_collector_they_are_not_seen_and_that_is_said(said, phase):
    seen = said.metrics(f"{phase}.without")
    assert seen.value("ephemera_range_usable_ports") == 12
    for feature in FEATURES:
        assert seen.value("ephemera_kernel_feature", feature=feature) == 0, feature


# A bind() beside a leased port, gone again

# "tcp: Update bind bucket state on port release": before it a bucket that was bound once stays so as
# long as any socket has the port.
BUCKETS_RECOVER = (6, 18)


def test_a_port_that_a_bind_left_behind_is_off_the_capacity_as_the_kernel_has_it(said):
    assert said.made("beside.leased") == workload.LEASED_BESIDE
    assert said.made("beside.beside") == workload.BESIDE
    lost = 0 if said.linux >= BUCKETS_RECOVER else 1
    given = said.made("beside.left")["connect 17 ipv4 127.0.0.1 9001"]["made"]
    assert given == 12 - lost
    assert said.metrics("beside.during").value("ephemera_range_usable_ports") == 11
    assert said.metrics("beside.after").value("ephemera_range_usable_ports") == given
    assert said.metrics("beside.after").value("ephemera_range_bound_ports",
                                              holder="connected") == lost
    # Without BPF nothing tells.
    assert said.metrics("beside.without").value("ephemera_range_usable_ports") == 12
    assert said.metrics("beside.over").value("ephemera_range_usable_ports") == 12


# Who may not load a program


def test_an_ordinary_user_is_told_why_and_has_all_else(said):
    assert said["ordinary.id"].startswith("uid=65534(nobody)"), said["ordinary.id"]
    seen = said.metrics("ordinary.served")
    succeeded = {labels["collector"]: value for labels, value in
                 seen.samples("ephemera_scrape_collector_success")}
    assert succeeded == {**dict.fromkeys(COLLECTORS, 1), "exhaustion": 0}
    for feature in FEATURES:
        assert seen.value("ephemera_kernel_feature", feature=feature) == 0, feature
    assert not seen.samples(ERRORS)
    assert seen.value("ephemera_destination_ports", destination="127.0.0.1",
                      destination_port=9000, state="active") == 41 + 13


def test_an_ordinary_user_finds_one_line_in_the_log(said):
    log = said["ordinary.log"]
    complaints = [line for line in log.splitlines()
                  if "level=warn" in line or "level=error" in line]
    [complaint] = complaints
    assert "exhaustion" in complaint and "CAP_BPF" in complaint, log
    assert said["ordinary.ended"].split()[0] == "0", log
