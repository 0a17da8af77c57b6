# SPDX-License-Identifier: Apache-2.0
"""The walk over the kernel's own tables by BPF: the same sockets as sock_diag's, and no rights."""

import contextlib
import json
import re
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from lib import strace
from lib.bpf import needs_bpf
from lib.exporter import Exporter, metrics, run
from lib.namespace import NOBODY, enter_another, in_namespace, set_range, sysctl
from lib.seccomp import forbid_bpf
from lib.sockets import (ANY, IPV4, accept, bound, connect, connect_many, drop, kernel_is, listen,
                         need_ipv6, orphan_fin_wait2)
from lib.sources import BLIND
from lib.walked import assert_same, listed, records, status
from mixture import Mixture
from states import hold_all, settle

pytestmark = needs_bpf

TARGET = 30001
SEEDS = 40
CHURNERS, STANDING, WALKS = 2, 4000, 200


def assert_equal():
    begun = time.monotonic()
    by_walk, by_dump = records(listed("walk")), records(listed("sock_diag"))
    assert_same(by_walk, by_dump, 1000 * (time.monotonic() - begun))
    return by_walk


@pytest.mark.parametrize("first", range(0, SEEDS, 10))
@in_namespace(seconds=300)
def test_mixtures_are_equal_record_by_record(first):
    need_ipv6()
    seen = 0
    for seed in range(first, first + 10):
        enter_another()
        mixture = Mixture(seed)
        try:
            seen += len(assert_equal())
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}\n{mixture.describe()}") from error
        finally:
            mixture.close()
    assert seen > 100


@in_namespace
def test_every_state_is_equal():
    need_ipv6()
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    set_range(40000, 40999)
    kept, expected = hold_all(kernel_is(6, 8))
    settle(expected)
    found = assert_equal()
    states = Counter()
    for line, told in found.items():
        states[tuple(line.split()[:3])] += len(told)
    assert states == Counter({key: count for key, count in expected.items() if count})
    del kept


@in_namespace
def test_a_table_of_its_own():
    """tcp_child_ehash_entries: a namespace that is made from now on has its own table."""
    sysctl("net.ipv4.tcp_child_ehash_entries", 16)
    enter_another()
    set_range(40000, 42999)
    listener = listen(IPV4, ANY[IPV4], TARGET, backlog=4096)
    clients = connect_many(2000, IPV4, "127.0.0.1", TARGET)
    found = assert_equal()
    assert sum(line.startswith("tcp ipv4 established") for line in found) == 4000
    said = metrics()
    assert said.value("ephemera_socket_source_info", protocol="tcp", source="bpf") == 1
    assert said.value("ephemera_sockets", protocol="tcp", family="ipv4", state="established") == 4000
    drop([listener, *clients])


@in_namespace
def test_one_chain_with_more_sockets_than_one_read_hands_on():
    set_range(40000, 40001)
    with contextlib.ExitStack() as stack:
        for i in range(6000):
            sock = stack.enter_context(bound(IPV4, f"127.1.{i // 250}.{i % 250 + 1}", 40001))
            assert sock
        found = records(listed("walk"))
        assert sum(len(told) for told in found.values()) == 6000
        assert max(len(told) for told in found.values()) == 1


@in_namespace
def test_a_port_with_many_connections_hides_no_port():
    set_range(40000, 42999)
    listener = listen(IPV4, "127.0.0.1", 43000, backlog=4096)
    clients = connect_many(600, IPV4, "127.0.0.1", 43000)
    said = metrics()
    assert said.value("ephemera_sockets", protocol="tcp", family="ipv4", state="established") == 1200
    set_range(43000, 43009)
    assert metrics().value("ephemera_range_usable_ports") == 9
    drop([listener, *clients])


@in_namespace
def test_many_that_closed_first_and_wait_for_their_peers_are_no_reason_to_distrust_it():
    """The kernel counts them as TIME_WAIT, and tells them as FIN_WAIT2."""
    set_range(40000, 40999)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    _ports, servers = orphan_fin_wait2(97, IPV4, listener, "127.0.0.1", TARGET)
    with Exporter("--sockets.source=bpf") as running:
        for said in (metrics("--sockets.source=bpf"), running.metrics()):
            assert said.value("ephemera_sockets", protocol="tcp", family="ipv4",
                              state="fin_wait2") == 97
    drop([listener, *servers])


class Churn(threading.Thread):
    """Opens and closes connections until it is told to end."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.opened = 0

    def run(self):
        listener = listen(IPV4, "127.0.0.2", 0)
        port = listener.getsockname()[1]
        while not self.ended.is_set():
            client = connect(IPV4, "127.0.0.2", port)
            server, = accept(listener, 1)
            # By a reset, or ports would run out.
            drop([client, server])
            self.opened += 1
        listener.close()


@in_namespace(seconds=120)
def test_what_stands_is_exact_beside_what_comes_and_goes():
    set_range(20000, 60999)
    sysctl("net.ipv4.tcp_tw_reuse", 1)
    listener = listen(IPV4, "127.0.0.1", 10001, backlog=4096)
    clients = connect_many(STANDING, IPV4, "127.0.0.1", 10001)
    churners = [Churn() for _ in range(CHURNERS)]
    for churner in churners:
        churner.start()
    text = listed("walk", WALKS)
    opened = sum(churner.opened for churner in churners)
    for churner in churners:
        churner.ended.set()
        churner.join(timeout=30)
    assert opened > 20, "that was no churn"
    standing = re.compile(r"^tcp ipv4 established 127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+ ")
    walks = text.split("\n\n")[:WALKS]
    assert len(walks) == WALKS
    for walk in walks:
        found = Counter(standing.match(line)[0] for line in walk.splitlines()
                        if standing.match(line))
        assert len(found) == 2 * STANDING and set(found.values()) == {1}
    drop([listener, *clients])


@in_namespace
def test_a_service_walks_without_a_right():
    listener = listen(IPV4, "127.0.0.1", TARGET)
    clients = connect_many(5, IPV4, "127.0.0.1", TARGET)
    with tempfile.NamedTemporaryFile("r") as trace:
        with Exporter("--web.enable-api", wrapper=strace.tracing(
                "-D", "-f", "-e", "trace=bpf,read", output=trace.name), env=strace.ENVIRONMENT) as running:
            running.wait_for_log(lambda line: "Starting ephemera" in line)
            mark = Path(trace.name).stat().st_size
            said = running.metrics()
            time.sleep(0.2)
            calls = Path(trace.name).read_text(encoding="utf-8")[mark:]
    assert said.value("ephemera_socket_source_info", protocol="tcp", source="bpf") == 1
    assert said.value("ephemera_sockets", protocol="tcp", family="ipv4", state="established") >= 10
    assert "bpf(" not in calls and calls.count("EAGAIN") > 3
    with Exporter() as running:
        found = status(running.pid)
        assert running.metrics().value("ephemera_kernel_feature", feature="socket_walk") == 1
        assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 0
        assert found["Uid"].split() == [str(NOBODY)] * 4
        assert found["Seccomp"].strip() == "2" and found["NoNewPrivs"].strip() == "1"
    drop([listener, *clients])


@in_namespace
def test_where_bpf_is_forbidden_sock_diag_answers():
    forbid_bpf()
    with Exporter("--log.level=debug") as running:
        said = running.metrics()
    assert said.value("ephemera_socket_source_info", protocol="tcp", source="sock_diag") == 1
    assert said.value("ephemera_kernel_feature", feature="socket_walk") == 0
    assert len([line for line in running.log if "Cannot read sockets by BPF" in line]) == 1
    done = run("metrics", "--sockets.source=bpf")
    assert done.returncode == 1 and done.stdout == ""
    assert "Cannot read sockets by BPF" in done.stderr and "level=error" in done.stderr


@in_namespace
def test_the_flags_choose():
    _listener = listen(IPV4, "127.0.0.1", TARGET)

    def source(*flags):
        said = metrics(*flags)
        (labels, _), = said.samples("ephemera_socket_source_info", protocol="tcp")
        assert said.value("ephemera_kernel_feature", feature="socket_walk") \
            == (labels["source"] == "bpf")
        return labels["source"]

    assert source() == source("--sockets.source=bpf") == source("--collector.binds.buckets") == "bpf"
    assert source(BLIND) == source("--no-collector.binds.buckets") == "sock_diag"
    assert source("--sockets.source=procfs") == "procfs"
    assert json.loads(run("destinations", "--json").stdout)["socket_source"] == {"tcp": "bpf"}
    # One port is asked of sock_diag, which filters.
    found, = json.loads(run("port", str(TARGET), "--json").stdout)["ports"]
    assert found["local"]["total"] == 1


def ages(*flags):
    """[(remote port, at least how many seconds)], in the order of the answer."""
    found, = json.loads(run("port", str(TARGET), "--json", *flags).stdout)["ports"]
    sockets = found["remote"]["sockets"]
    assert all(not each["age_is_exact"] for each in sockets if each["state"] == "established")
    return [(each["local_port"], each["age_seconds"]) for each in sockets]


@in_namespace
def test_a_connection_is_at_least_as_old_as_is_said():
    set_range(40000, 40999)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    made = {}
    for port in (40007, 40003, 40005):
        begun = time.monotonic()
        client = connect(IPV4, "127.0.0.1", TARGET, source_port=port)
        server, = accept(listener, 1)
        made[port] = begun, time.monotonic(), client, server
        time.sleep(1.2)
    before = time.monotonic()
    told = dict(ages())
    for port, (begun, open_since, *_pair) in made.items():
        # Never more than is true; and a quiet connection's is about right.
        most = time.monotonic() - begun
        assert before - open_since - 0.2 < told[port] <= most, (port, told[port], most)
    assert [port for port, _ in ages()] == [40003, 40005, 40007]
    assert [port for port, _ in ages("--sort=age")] == [40007, 40003, 40005]
    assert [port for port, _ in ages("--sort=age", "--limit=1")] == [40007]
    # Who says something now is not younger for it, or at most that.
    for *_times, client, server in made.values():
        client.sendall(b"x")
        server.recv(1)
    busy = dict(ages())
    for port, (begun, *_rest) in made.items():
        assert 0 <= busy[port] <= time.monotonic() - begun
    said = run("port", str(TARGET)).stdout
    assert re.search(r"open for at least \d+ s", said), said
    # What sock_diag tells has no age.
    found, = json.loads(run("port", str(TARGET), "--json", BLIND,
                            "--no-collector.binds.buckets").stdout)["ports"]
    assert not [each for each in found["remote"]["sockets"] if "age_seconds" in each]
    drop([listener, *(sock for _, _, *pair in made.values() for sock in pair)])
