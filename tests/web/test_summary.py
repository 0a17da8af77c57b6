# SPDX-License-Identifier: Apache-2.0
"""/api/v1/summary: what can go wrong besides full destinations, as the kernel and the metrics say it."""

import errno
import socket

import pytest

from lib import openapi
from lib.bpf import needs_bpf
from lib.exporter import Exporter, Metrics
from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import IPV4, bound, bound_many, connect_many, connect_until_refused, drop, listen, time_wait, wait_until

from other_namespaces import another, inode

SUMMARY = "/api/v1/summary"
ON = "--web.enable-api"
FIRST, SIZE = 40000, 40
TARGET, QUEUE = 9001, 9002
BACKLOG, WAITING = 7, 5
# Reserved, and not.
SAFE, TCP_SERVICE, UDP_SERVICE = 40003, 40005, 40007


def summary(exporter, query=""):
    answer = exporter.get(SUMMARY + query)
    assert answer.status == 200, answer.body
    return openapi.checked(SUMMARY, *answer)


@in_namespace
def test_a_calm_host():
    set_range(FIRST, FIRST + SIZE - 1)
    with Exporter(ON, "--web.listen-address=127.0.0.1:10059") as exporter:
        found = summary(exporter)
        assert "failed_calls" not in found
        assert found["accept_queue"]["usage_ratio"] < 0.1
        assert found["time_wait"]["limit"] == int(sysctl("net.ipv4.tcp_max_tw_buckets"))
        assert found["pools"]["ports"] == SIZE
        assert found["pools"]["udp"] == {"used": 0, "usage_ratio": 0}
        assert found["listeners_at_risk"] == {"ports": 0, "first": []}


@in_namespace
def test_each_figure():
    set_range(FIRST, FIRST + SIZE - 1)
    set_reserved(str(SAFE))
    sysctl("net.ipv4.tcp_max_tw_buckets", 100)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    _queue = listen(IPV4, "127.0.0.1", QUEUE, backlog=BACKLOG)
    _services = [listen(IPV4, "127.0.0.1", port) for port in (SAFE, TCP_SERVICE)]
    udp = bound(IPV4, "127.0.0.1", UDP_SERVICE, socket.SOCK_DGRAM)
    queries = [bound(IPV4, "127.0.0.1", 0, socket.SOCK_DGRAM) for _ in range(3)]
    time_wait(11, IPV4, listener, "127.0.0.1", TARGET)
    waiting = connect_many(WAITING, IPV4, "127.0.0.1", QUEUE)
    with Exporter(ON, "--web.listen-address=127.0.0.1:10059") as exporter:
        found = summary(exporter)
        assert found["accept_queue"] == {"address": "127.0.0.1", "port": QUEUE, "waiting": WAITING, "limit": BACKLOG,
                                         "usage_ratio": pytest.approx(WAITING / (BACKLOG + 1))}
        assert found["time_wait"]["limit"] == 100
        # The exporter's own answers may add to it.
        assert 11 <= found["time_wait"]["sockets"] <= 14
        assert found["time_wait"]["usage_ratio"] == pytest.approx(found["time_wait"]["sockets"] / 100)
        assert found["pools"]["ports"] == SIZE - 1
        assert found["pools"]["udp"] == {"used": 4, "usage_ratio": pytest.approx(4 / (SIZE - 1))}
        # Two destinations may share a port.
        assert found["pools"]["tcp"]["used"] >= 11 + 1
        assert found["listeners_at_risk"] == {"ports": 2, "first": [TCP_SERVICE, UDP_SERVICE]}
    drop([udp, *queries, *waiting])


@in_namespace
def test_only_the_first_ports_at_risk_are_named():
    set_range(FIRST, FIRST + SIZE - 1)
    _listeners = [listen(IPV4, "127.0.0.1", FIRST + i) for i in range(13)]
    with Exporter(ON, "--web.listen-address=127.0.0.1:10059") as exporter:
        assert summary(exporter)["listeners_at_risk"] == {"ports": 13, "first": list(range(FIRST, FIRST + 10))}


@needs_bpf
@in_namespace
def test_calls_that_failed():
    set_range(FIRST, FIRST + SIZE - 1)
    _listener = listen(IPV4, "127.0.0.1", TARGET)
    with Exporter(ON, "--collector.exhaustion", "--web.listen-address=127.0.0.1:10059") as exporter:
        calls = summary(exporter)["failed_calls"]
        assert (calls["total"], calls["recent"]) == (0, 0)
        clients, error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
        assert error == errno.EADDRNOTAVAIL
        drop(clients)
        clients = bound_many([FIRST + i for i in range(SIZE)], IPV4, "127.0.0.1", socket.SOCK_DGRAM)
        with pytest.raises(OSError):
            bound(IPV4, "127.0.0.1", 0, socket.SOCK_DGRAM)
        drop(clients)
        # Samples are a second apart.
        told = Metrics(exporter.get("/metrics").body.decode())
        failed = 1 + int(told.value("ephemera_kernel_feature", feature="bind_port_exhaustion"))
        wait_until(lambda: summary(exporter)["failed_calls"]["total"] == failed, "all to be counted")
        now = summary(exporter)["failed_calls"]
        assert (now["total"], now["recent"]) == (failed, failed)
        assert now["recent_since_ms"] == calls["recent_since_ms"]


@needs_bpf
@in_namespace
def test_another_network_namespace():
    body = f"""
set_range({FIRST}, {FIRST + SIZE - 1})
listener = listen(IPV4, "127.0.0.1", {TCP_SERVICE}, backlog={BACKLOG})
clients = connect_many({WAITING}, IPV4, "127.0.0.1", {TCP_SERVICE})
"""
    with another(body) as process, Exporter(ON, "--namespaces=all", "--collector.exhaustion") as exporter:
        found = summary(exporter, f"?namespace={inode(process)}")
        assert found["network_namespace"]["inode"] == inode(process)
        assert "failed_calls" not in found and "limit" not in found["time_wait"]
        assert (found["accept_queue"]["port"], found["accept_queue"]["waiting"]) == (TCP_SERVICE, WAITING)
        assert found["listeners_at_risk"] == {"ports": 1, "first": [TCP_SERVICE]}
        assert found["pools"]["tcp"]["used"] == WAITING + 1
        assert "failed_calls" in summary(exporter)


def test_a_wrong_parameter_is_refused():
    with Exporter(ON) as exporter:
        assert exporter.get(f"{SUMMARY}?namespace=x").status == 400
