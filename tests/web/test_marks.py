# SPDX-License-Identifier: Apache-2.0
"""to= and owner= of the API: which ports are held towards a destination, or by an owner."""

import json
import os
import socket
import urllib.parse
from pathlib import Path

import pytest

from lib import openapi
from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import (IPV4, IPV6, bound, connect_many, drop, listen, need_ipv6, ports_of, time_wait, udp_connected)

from other_namespaces import another, inode
from raw import answers_at_once, request

ON = ("--web.enable-api", "--web.listen-address=127.0.0.1:10059")
PORTS, DESTINATIONS = "/api/v1/ports", "/api/v1/destinations"
FIRST, LAST = 40000, 40199
TARGET, OTHER = 9001, 9002


def get(exporter, path, status=200, **query):
    response = exporter.get(f"{path}?{urllib.parse.urlencode(query)}")
    assert response.status == status, response.body
    return openapi.checked(path, *response)


def marked(exporter, **query):
    found = get(exporter, PORTS, **query)
    ports = {port for port, letter in enumerate(found["marked"]) if letter == "x"}
    assert found["marked_ports"] == len(ports)
    return ports


@in_namespace
def test_the_ports_towards_a_destination():
    need_ipv6()
    set_range(FIRST, LAST)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listeners = {port: listen(IPV4, "127.0.0.1", port) for port in (TARGET, OTHER)}
    six = listen(IPV6, "::1", TARGET)
    clients = connect_many(7, IPV4, "127.0.0.1", TARGET)
    # From another address, too.
    clients += connect_many(3, IPV4, "127.0.0.1", TARGET, source="127.0.0.5")
    others = connect_many(5, IPV4, "127.0.0.1", OTHER)
    sixth = connect_many(11, IPV6, "::1", TARGET)
    udp = udp_connected(IPV4, "127.0.0.1", TARGET)
    with Exporter(*ON) as exporter:
        assert "marked" not in get(exporter, PORTS)
        assert marked(exporter, to=f"127.0.0.1:{TARGET}") == set(ports_of(clients))
        assert marked(exporter, to=f"127.0.0.1:{OTHER}") == set(ports_of(others))
        assert marked(exporter, to=f"[::1]:{TARGET}") == set(ports_of(sixth))
        assert marked(exporter, to=f"[::ffff:127.0.0.1]:{OTHER}") == set(ports_of(others))
        assert marked(exporter, to="192.0.2.1:443") == set()
        # Another one is not answered from what the last answer was.
        assert marked(exporter, to=f"127.0.0.1:{TARGET}") != marked(exporter, to=f"127.0.0.1:{OTHER}")
    drop([*clients, *others, *sixth, udp, six, *listeners.values()])


@in_namespace
def test_time_wait_is_held_too():
    set_range(FIRST, LAST)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    time_wait(13, IPV4, listener, "127.0.0.1", TARGET)
    with Exporter(*ON) as exporter:
        assert len(marked(exporter, to=f"127.0.0.1:{TARGET}")) == 13


@in_namespace
def test_a_link_local_destination_is_of_its_interface():
    need_ipv6()
    os.system("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up")
    os.system("ip -6 addr add fe80::77/64 dev v0 nodad && ip -6 addr add fe80::78/64 dev v1 nodad")
    number = socket.if_nametoindex("v0")
    listener = socket.socket(socket.AF_INET6)
    listener.bind(("fe80::77", TARGET, 0, number))
    listener.listen()
    client = socket.socket(socket.AF_INET6)
    client.connect(("fe80::77", TARGET, 0, number))
    port = client.getsockname()[1]
    with Exporter(*ON) as exporter:
        for zone in ("%v0", f"%{number}", ""):
            assert marked(exporter, to=f"[fe80::77{zone}]:{TARGET}") == {port}, zone
        for zone in ("%v1", "%none", "%4000000"):
            assert marked(exporter, to=f"[fe80::77{zone}]:{TARGET}") == set(), zone
    drop([client, listener])


@pytest.mark.parametrize("query, words", [
    ({"to": "127.0.0.1"}, "to must be an address and a port"), ({"to": ""}, "to must be an address and a port"),
    ({"to": "127.0.0.1:0"}, "to must be an address and a port"), ({"to": "localhost:443"}, "to must be an address and a port"),
    ({"owner": ""}, "owner must be the path of a cgroup"), ({"owner": "x" * 512}, "owner must be the path of a cgroup"),
    ({"owner": "x", "to": "127.0.0.1:443"}, "give either to or owner"), ({"To": "127.0.0.1:443"}, "did you mean"),
])
def test_what_is_wrong_is_refused(query, words):
    with Exporter("--web.enable-api") as exporter:
        for path in (PORTS, DESTINATIONS):
            assert words in get(exporter, path, 400, **query)["error"]


def test_the_ports_and_destinations_of_an_owner(tree):
    slice_of_test = f"ephemera-marks-{os.getpid()}.slice"
    paths = {name: tree.make(f"/{slice_of_test}/{name}") for name in ("a.service", "a.service/worker", "b.service")}

    @in_namespace(seconds=120)
    def look():
        set_range(FIRST, LAST)
        listeners = [listen(IPV4, "127.0.0.1", port) for port in (TARGET, OTHER)]
        made = {}
        for name, towards in (("a.service", {TARGET: 7, OTHER: 2}), ("a.service/worker", {OTHER: 3}),
                              ("b.service", {TARGET: 11})):
            with tree.inside(paths[name]):
                made[name] = [client for port, number in towards.items()
                              for client in connect_many(number, IPV4, "127.0.0.1", port)]
                if name == "b.service":
                    made[name].append(bound(IPV4, "127.0.0.1", 30001, socket.SOCK_DGRAM))
        of_a = set(ports_of(made["a.service"] + made["a.service/worker"]))
        with Exporter(*ON) as exporter:
            for owner in ("a.service", paths["a.service"]):
                assert marked(exporter, owner=owner) == of_a
            assert marked(exporter, owner=paths["a.service/worker"]) == set(ports_of(made["a.service/worker"]))
            assert marked(exporter, owner="b.service") == set(ports_of(made["b.service"]))
            assert marked(exporter, owner=slice_of_test) == of_a | set(ports_of(made["b.service"]))
            assert marked(exporter, owner="a.servic") == set()
            found = get(exporter, DESTINATIONS, owner="a.service")
            assert [(each["destination_port"], each["owner"]["ports"], each["owner"]["cgroup"], each["active"])
                    for each in found["destinations"]] == [(TARGET, 7, paths["a.service"], 18),
                                                           (OTHER, 5, paths["a.service/worker"], 5)]
            assert (found["destinations_total"], found["ports_total"]) == (2, 12)
            assert get(exporter, DESTINATIONS, owner="c.service")["destinations"] == []
            # The whole list is what it was.
            assert get(exporter, DESTINATIONS)["destinations_total"] >= 2
        drop([*listeners, *(each for clients in made.values() for each in clients)])

    look()


@needs_bpf
@in_namespace
def test_another_network_namespace():
    body = f"""
set_range({FIRST}, {LAST})
listener = listen(IPV4, "127.0.0.1", {TARGET})
clients = connect_many(7, IPV4, "127.0.0.1", {TARGET})
print(*ports_of(clients), file=open("/tmp/ephemera-marks-{os.getpid()}", "w"))
"""
    told = Path(f"/tmp/ephemera-marks-{os.getpid()}")
    try:
        with another(body) as process, Exporter(*ON, "--namespaces=all") as exporter:
            ports = set(map(int, told.read_text().split()))
            to = f"127.0.0.1:{TARGET}"
            assert marked(exporter, to=to, namespace=inode(process)) == ports
            assert marked(exporter, to=to) == set()
    finally:
        told.unlink(missing_ok=True)


@in_namespace
def test_requests_at_once_each_get_their_own():
    set_range(FIRST, LAST)
    targets = list(range(9001, 9013))
    listeners = [listen(IPV4, "127.0.0.1", port) for port in targets]
    made = {port: connect_many(port - 8997, IPV4, "127.0.0.1", port) for port in targets}
    clients = {port: ports_of(of_port) for port, of_port in made.items()}
    refused = 0
    with Exporter(*ON) as exporter:
        for _ in range(5):
            # In one look there is room for eight; who comes too late gets 503, never the ports of another.
            answers = answers_at_once(exporter, [request(f"{PORTS}?to=127.0.0.1:{port}") for port in targets])
            for port, answer in zip(targets, answers):
                found = openapi.checked(PORTS, *answer)
                if answer.status == 503:
                    refused += 1
                    assert "too many different destinations and owners" in found["error"]
                    continue
                assert {each for each, letter in enumerate(found["marked"]) if letter == "x"} == set(clients[port])
    assert refused < 5 * len(targets) / 2
    drop([*listeners, *(each for of_port in made.values() for each in of_port)])


def test_one_after_the_other_any_number_may_be_asked_for():
    with Exporter("--web.enable-api") as exporter:
        answers = [exporter.get(f"{PORTS}?to=10.0.0.1:{port}") for port in range(1, 12)]
        assert {answer.status for answer in answers} == {200}
        assert json.loads(answers[0].body)["marked_ports"] == 0
