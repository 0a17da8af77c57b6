# SPDX-License-Identifier: Apache-2.0
"""Packets that source NAT found no port for, where connection tracking is a module."""

import collections
import json

import workload

LOST = "ephemera_snat_lost_packets_total"


def packets(said):
    """Who finds no port sends its SYN twice with sockets.c's TCP_SYNCNT of 1; since Linux 6.5 three
    times, as the first times are a second apart (tcp_syn_linear_timeouts)."""
    times = 3 if said.linux >= (6, 5) else 2
    return {key: times * count for key, count in workload.SNAT_REFUSED.items()}


def test_connection_tracking_is_a_module(said):
    assert "nf_conntrack" not in said["snat_trace.types_before"].split()
    assert "nf_conntrack" in said["snat_trace.types"].split()


def test_as_many_find_no_port_as_is_thought(said):
    assert said.made("snat.snat") == said.made("snat_trace.snat") == workload.SNAT


def test_each_lost_packet_is_counted_by_its_destination(said):
    found = said.metrics("snat.lost")
    assert found.value("ephemera_kernel_feature", feature="snat_lost_packets") == 1
    lost = {(labels["protocol"], labels["source"], labels["destination"],
             int(labels["destination_port"])): value for labels, value in found.samples(LOST)}
    assert lost == packets(said)
    assert found.value("ephemera_conntrack_insert_failed_total") == sum(lost.values())
    assert found.value("ephemera_other_snat_lost_packets_total") == 0


def ports(found):
    return {tuple(sorted(labels.items())): value for name in ("ephemera_snat_ports", "ephemera_snat_client_ports")
            for labels, value in found.samples(name)}


def source(found):
    ((labels, value),) = found.samples("ephemera_snat_source_info")
    assert value == 1
    return labels["source"]


def test_the_kernels_table_is_read_also_a_new_one(said):
    first, second, text = (said.metrics(f"snat.{part}") for part in ("lost", "new_table", "by_text"))
    assert (source(first), source(second), source(text)) == ("bpf", "bpf", "proc")
    assert said["snat.buckets"].split() == ["8192"]
    # The text leaves some out if others have ended: conntrack.h.
    assert ports(first) == ports(second) and set(ports(text)) == set(ports(first))
    assert all(0 < value <= ports(first)[key] or not ports(first)[key] for key, value in ports(text).items())
    assert sum(ports(first).values()) > 0


def refused(found):
    return found.value("ephemera_conntrack_drops_total") + found.value("ephemera_conntrack_early_drops_total")


def test_a_full_table_is_told_and_harms_nothing_else(said):
    before, full, after = (said.metrics(f"snat.{part}") for part in ("new_table", "full", "room_again"))
    assert full.value("ephemera_conntrack_limit_entries") == 8 < full.value("ephemera_conntrack_entries")
    assert refused(full) > refused(before)
    assert after.value("ephemera_conntrack_limit_entries") == before.value("ephemera_conntrack_limit_entries") > 8
    for found in (full, after):
        failed = [labels["collector"] for labels, value in found.samples("ephemera_scrape_collector_success") if not value]
        assert not failed
        # They are assured, and stay.
        assert {key: value for key, value in ports(found).items() if ("state", "active") in key} == \
            {key: value for key, value in ports(before).items() if ("state", "active") in key}


def test_conntrack_table(said):
    """What `ephemera advise` says of a full table makes room in it."""
    full, advised = said.metrics("snat.full"), said.metrics("snat.advised")
    finding = {each["rule"]: each for each in json.loads(said["snat.advice"])["findings"]}["conntrack-table"]
    assert finding["urgency"] == "now"
    promise = finding["promise"]
    assert promise["now"] == full.value("ephemera_conntrack_limit_entries") == 8
    assert advised.value("ephemera_conntrack_limit_entries") == promise["then"] > advised.value("ephemera_conntrack_entries")
    assert finding["sysctls"] == [{"name": "net.netfilter.nf_conntrack_max", "value": str(promise["then"])}]
    assert said["snat.answer"].strip()
    assert refused(advised) == refused(said.metrics("snat.room_again"))


def test_the_server_keeps_no_privilege(said):
    status = said.status("snat")
    assert status["Uid"].split()[0] == "65534" and int(status["CapEff"], 16) == 0
    log = said["snat.log"]
    assert said["snat.ended"].split()[0] == "0", log
    assert "level=warn" not in log and "level=error" not in log and "seccomp=on" in log, log


def test_a_trace_that_began_before_the_module_was_there_has_each_lost_packet(said):
    assert said["snat_trace.ended"].split()[0] == "0", said["snat_trace.events"]
    *events, last = map(json.loads, said["snat_trace.events"].splitlines())
    lost = collections.Counter((event["protocol"], event["source"], event["destination"],
                                event["destination_port"]) for event in events)
    assert {event["call"] for event in events} == {"snat"}
    assert lost == packets(said)
    assert {event["client"] for event in events} == {"127.0.0.1", "::1"}
    assert last["summary"]["lost_packets"] == lost.total()
    assert last["summary"]["lost_packets_not_printed"] == 0
