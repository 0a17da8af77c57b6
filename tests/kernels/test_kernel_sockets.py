# SPDX-License-Identifier: Apache-2.0
"""What older and newer kernels say of the same sockets: by BPF, by sock_diag and, before its modules
are loaded, by /proc; and what the exporter says that they do not say."""

import collections
import json
import re

import pytest
import workload

from lib.exporter import COLLECTORS
from lib.sockets import count_lines

PROCFS, SOCK_DIAG = "procfs", "sock_diag"
WALKS = "walk", "walk_by_copy"
BOUND_INACTIVE = (6, 8)
UDP_TABLE = (6, 2)


@pytest.fixture(params=[PROCFS, SOCK_DIAG, *WALKS])
def phase(request):
    return request.param


def sees_bound_only(said, phase):
    return phase in WALKS or (phase == SOCK_DIAG and said.linux >= BOUND_INACTIVE)


def test_it_is_the_kernel_that_is_meant(said):
    running = said["machine.release"].split(".")
    assert tuple(map(int, running[:2])) == said.linux
    assert said["machine.btf"].strip() == "/sys/kernel/btf/vmlinux"


def test_the_modules_of_sock_diag_come_after_the_first_phase(said):
    assert "diag" not in said["machine.modules_of_procfs"]
    assert "tcp_diag" in said["machine.modules_of_sock_diag"]


def test_what_is_to_be_compared_is_there(said, phase):
    assert said.made(f"{phase}.plain") == workload.PLAIN


# Whoever reads it from /proc did not choose that.
REFUSED = "The kernel or a sandbox refuses sock_diag"


def test_it_says_what_it_reads(said, phase):
    assert (REFUSED in said[f"{phase}.said"]) == (phase == PROCFS)
    tcp = udp = phase
    if phase in WALKS:
        tcp, udp = "bpf", "bpf" if said.linux >= UDP_TABLE else SOCK_DIAG
    for part in ("metrics", "served"):
        seen = said.metrics(f"{phase}.{part}")
        assert [labels for labels, _ in seen.samples("ephemera_socket_source_info")] == [
            {"protocol": "tcp", "source": tcp}, {"protocol": "udp", "source": udp}]
        assert seen.value("ephemera_kernel_feature", feature="sock_diag") == (phase != PROCFS)
        assert seen.value("ephemera_kernel_feature", feature="socket_walk") == (phase in WALKS)


def test_without_sock_diag_who_insists_on_the_walk_is_told_why_not(said):
    [line] = said["procfs.bpf"].splitlines()
    assert "level=error" in line and "it cannot be compared with sock_diag" in line


def test_every_collector_succeeds(said, phase):
    seen = said.metrics(f"{phase}.metrics")
    succeeded = {labels["collector"]: value for labels, value in
                 seen.samples("ephemera_scrape_collector_success")}
    assert succeeded.keys() >= set(COLLECTORS) and set(succeeded.values()) == {1}


def test_states_are_those_of_ss(said, phase):
    seen = said.metrics(f"{phase}.metrics")
    of_ss = count_lines(said.tcp(phase), said.udp(phase))
    shown = {(labels["protocol"], labels["family"], labels["state"]): value
             for labels, value in seen.samples("ephemera_sockets") if labels["state"] != "bound"}
    assert {key: value for key, value in shown.items() if value} == of_ss


def test_states_are_those_that_were_made(said, phase):
    seen = said.metrics(f"{phase}.metrics")

    def count(protocol, family, state):
        return seen.value("ephemera_sockets", protocol=protocol, family=family, state=state)

    # Both ends of a connection are here, but of a TIME_WAIT one.
    assert count("tcp", "ipv4", "established") == 2 * (41 + 13 + 11 + 1)
    assert count("tcp", "ipv6", "established") == 2 * 29
    assert count("tcp", "ipv4", "time_wait") == 5 + 2
    assert count("tcp", "ipv6", "time_wait") == 3
    assert count("tcp", "ipv4", "listen") == 3
    assert count("tcp", "ipv6", "listen") == 1
    assert count("udp", "ipv4", "close") == 11
    assert count("udp", "ipv4", "established") == 7 + 3
    assert count("udp", "ipv6", "close") == 5
    assert count("udp", "ipv6", "established") == 2


def test_sockets_that_only_bind_are_seen_where_the_kernel_tells(said, phase):
    seen = said.metrics(f"{phase}.metrics")
    told = sees_bound_only(said, phase)
    assert seen.value("ephemera_kernel_feature", feature="bound_inactive") == told
    for family, bound in (("ipv4", 3), ("ipv6", 2)):
        assert seen.value("ephemera_sockets", protocol="tcp", family=family,
                          state="bound") == (bound if told else 0)


def test_destinations_are_those_of_ss(said, phase):
    seen = said.metrics(f"{phase}.metrics")
    first, last = workload.RANGES[phase]
    lines = said.tcp(phase)
    listening = {line.local_port for line in lines if line.state == "LISTEN"}
    of_ss = collections.Counter(
        (line.peer, line.peer_port, line.state == "TIME-WAIT") for line in lines
        if line.peer_port and first <= line.local_port <= last
        and line.local_port not in listening)
    if phase != PROCFS:
        # One bound its port before: that is off what every destination can have.
        of_ss["127.0.0.1", 9001, False] -= 1
    shown = collections.Counter()
    for labels, value in seen.samples("ephemera_destination_ports"):
        # A TIME_WAIT on loopback is reusable after a second.
        shown[labels["destination"], int(labels["destination_port"]),
              labels["state"] != "active"] += int(value)
    assert +shown == +of_ss
    assert shown["127.0.0.1", 9000, False] == 41 + 13
    assert shown["127.0.0.1", 9000, True] == 5 + 2
    assert shown["::1", 9000, False] == 29
    assert shown["::1", 9000, True] == 3


def test_ports_that_are_bound_are_off_the_capacity_where_the_kernel_tells(said, phase):
    seen = said.metrics(f"{phase}.metrics")
    holders = {"listen": 1, "connected": 0 if phase == PROCFS else 1,
               "bound": 5 if sees_bound_only(said, phase) else 0}
    for holder, ports in holders.items():
        assert seen.value("ephemera_range_bound_ports", holder=holder) == ports, holder
    assert seen.value("ephemera_range_ports") == 200
    assert seen.value("ephemera_range_usable_ports") == 200 - sum(holders.values())


def test_ports_have_owners_where_the_kernel_tells(said, phase):
    seen = said.metrics(f"{phase}.metrics")
    # All but the TIME_WAIT ones, and the one that was bound.
    leased, without = 41 + 13 + 11 + 29, 5 + 2 + 3
    owners = {labels["cgroup"]: value for labels, value in seen.samples("ephemera_owner_ports")}
    if phase != PROCFS:
        assert owners == {"/workload": leased}
        assert seen.value("ephemera_unowned_ports") == without
    else:
        assert owners == {}
        assert seen.value("ephemera_unowned_ports") == leased + 1 + without


def test_a_setting_that_the_kernel_lacks_has_the_value_of_old(said, phase):
    assert said["machine.tcp_tw_reuse_delay"] == "no\n"
    seen = said.metrics(f"{phase}.metrics")
    assert seen.value("ephemera_tcp_time_wait_reuse_delay_seconds") == 1


def test_the_server_says_what_a_single_scrape_says(said, phase):
    once, served = (said.metrics(f"{phase}.{part}") for part in ("metrics", "served"))
    for labels, value in once.samples("ephemera_range_bound_ports"):
        assert served.value("ephemera_range_bound_ports", **labels) == value
    for address, port in (("127.0.0.1", 9000), ("::1", 9000), ("127.0.0.1", 9001)):
        labels = {"destination": address, "destination_port": port, "state": "active"}
        assert (served.value("ephemera_destination_ports", **labels)
                == once.value("ephemera_destination_ports", **labels)), labels


def test_the_server_is_confined_and_ends(said, phase):
    status = said.status(phase)
    assert status["Uid"].split()[0] == "65534"
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    # With the API CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, which its names take.
    kept = 0 if phase == PROCFS else 1 << 19 | 1 << 2
    assert int(status["CapEff"], 16) == kept
    log = said[phase + ".log"]
    assert said[phase + ".ended"].split()[0] == "0", log
    assert "level=error" not in log and "seccomp=on" in log, log
    assert log.count("level=warn") == log.count(REFUSED) == (phase == PROCFS), log


@pytest.mark.parametrize("looked_up_by", [SOCK_DIAG, *WALKS])
def test_a_port_is_looked_up(said, looked_up_by):
    answer = json.loads(said[f"{looked_up_by}.ports"])
    assert answer["port"] == 9000 and answer["use"] == "listener"
    [looked_up] = json.loads(said[f"{looked_up_by}.listener"])["ports"]
    assert looked_up["port"] == 41150 and looked_up["use"] == "listener" and looked_up["in_range"]
    text = said[f"{looked_up_by}.port"]
    assert re.search(r"^  tcp  listen +127\.0\.0\.1:9000$", text, re.M), text
    assert "ephemera-sockets /workloads/plain" in text, text


def test_what_no_kernel_tells_without_bpf_is_reported(said, phase):
    seen = said.metrics(f"{phase}.metrics")
    assert seen.value("ephemera_kernel_feature", feature="bind_before_connect") == (phase in WALKS)
