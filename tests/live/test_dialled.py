# SPDX-License-Identifier: Apache-2.0
"""Connections that are opened from a listener's own port: they are nobody's clients."""

import json
import socket

import pytest

from lib.bpf import needs_bpf
from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace, set_range
from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, accept, connect_many, listen, need_ipv6,
                         port_of)
from port import ask, local, with_inode

SERVICE = 4001    # outside the range
INSIDE = 40007
PEER = 9000
COUNT = "ephemera_tcp_connections"

FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6, MAPPED])
PORTS = pytest.mark.parametrize("port", [SERVICE, INSIDE], ids=["outside", "inside"])


def at_home(family, port):
    return "::ffff:127.0.0.1" if family == MAPPED else LOOPBACK[family], port


def shared(family, port):
    made = socket.socket(socket.AF_INET if family == IPV4 else socket.AF_INET6)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(at_home(family, port))
    return made


def dial(family, port, to):
    made = shared(family, port)
    made.connect(at_home(family, to))
    return made


def make(family, port, dialled=3, clients=5):
    """A service that has clients and is the client of others. Returns (dialled, accepted, kept)."""
    need_ipv6()
    set_range(40000, 40099)
    service = shared(family, port)
    service.listen(20)
    peers = [listen(family, LOOPBACK[family], PEER + i) for i in range(dialled)]
    out = [dial(family, port, PEER + i) for i in range(dialled)]
    ends = [accept(peer, 1)[0] for peer in peers]
    inbound = connect_many(clients, family, LOOPBACK[family], port)
    return out, accept(service, clients), [service, peers, ends, inbound]


def directions(said, family):
    label = "ipv6" if family == IPV6 else "ipv4"
    return tuple(said.value(COUNT, family=label, direction=direction)
                 for direction in ("inbound", "outbound"))


@FAMILIES
@PORTS
@in_namespace
def test_metrics(family, port):
    _kept = make(family, port)
    assert directions(metrics(), family) == (3 + 5, 3 + 5)
    # Alone it lists what it needs for itself.
    assert directions(metrics("--collector.disable-defaults", "--collector.sockets"),
                      family) == (8, 8)
    # /proc tells of no bind().
    assert directions(metrics("--sockets.source=procfs"), family) == (8 + 3, 8 - 3)


@needs_bpf
@FAMILIES
@in_namespace
def test_metrics_with_bind_buckets(family):
    _kept = make(family, INSIDE)
    said = metrics("--collector.exhaustion")
    assert said.value("ephemera_kernel_feature", feature="bind_before_connect") == 1
    assert directions(said, family) == (8, 8)


@FAMILIES
@PORTS
@in_namespace
def test_port_tells_them_apart_at_either_end(family, port):
    out, accepted, _kept = make(family, port)
    answer = ask(port)
    for sock in out:
        entry = local(answer, sock)
        assert (entry["role"], entry["port_chosen"]) == ("outbound", True)
        assert "from a port that the program chose by bind()" in entry["meaning"]
    for sock in accepted:
        entry = local(answer, sock)
        assert (entry["role"], entry["port_chosen"]) == ("inbound", False)
        assert f"A client's connection to the service on port {port}." in entry["meaning"]
    assert answer["use"] == "listener"
    # As what is at the other end of another port.
    entry = with_inode(ask(PEER)["remote"]["sockets"], out[0])
    assert (entry["role"], entry["port_chosen"]) == ("outbound", True)
    entry = with_inode(ask(port_of(_kept[3][0]))["remote"]["sockets"], accepted[0])
    assert (entry["role"], entry["port_chosen"]) == ("inbound", False)


@in_namespace
def test_what_time_wait_forgets_is_not_guessed():
    (out, *_rest), _accepted, _kept = make(IPV4, SERVICE)
    out.close()
    entry, = [each for each in ask(SERVICE)["local"]["sockets"] if each["remote_port"] == PEER]
    assert (entry["state"], entry["role"]) == ("fin_wait2", "inbound")
    assert "port_chosen" not in entry
    assert "or one that was opened from the service's own port" in entry["meaning"]


@in_namespace
def test_the_api_and_the_map_say_the_same():
    out, _accepted, _kept = make(IPV4, INSIDE)
    with Exporter("--web.listen-address=127.0.0.1:10059", "--web.enable-api") as exporter:
        answer = json.loads(exporter.get(f"/api/v1/ports/{INSIDE}").body)
        roles = [each["role"] for each in answer["local"]["sockets"]]
        assert (roles.count("outbound"), roles.count("inbound")) == (len(out), 5)
        found = json.loads(exporter.get("/api/v1/ports").body)
        assert found["ports"][INSIDE] == "l"
