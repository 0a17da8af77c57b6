# SPDX-License-Identifier: Apache-2.0
"""namespace= of the API: what it says of another network namespace is what the commands say in it."""

import concurrent.futures
import json
import os
import re
import urllib.parse

import pytest

from lib import openapi
from lib.bpf import needs_bpf
from lib.exporter import Exporter, run
from lib.namespace import in_namespace
from lib.sockets import IPV4, listen, need_kernel
from other_namespaces import another, inode

BASE = f"/ephemera-test-{os.getpid()}.slice"
ALL = ("--namespaces=all", "--web.enable-api")

CLIENTS, OVER, SIZE, TARGET = 23, 5, 41, 30001
UDP = 30007
FULL = f"""
sysctl("net.ipv4.tcp_tw_reuse", 0)
set_range(40000, {40000 + SIZE - 1})
set_reserved("40003,40005,55555")
listener = listen(IPV4, "127.0.0.1", {TARGET})
inside = listen(IPV4, "127.0.0.1", 40001)
held = bound_many([40009, 30011], IPV4, "127.0.0.9")
dialled = connect(IPV4, "127.0.0.1", {TARGET}, source_port=40007)
dialled_server = accept(listener, 1)
gone = time_wait({OVER}, IPV4, listener, "127.0.0.1", {TARGET})
clients = connect_many({CLIENTS}, IPV4, "127.0.0.1", {TARGET})
servers = accept(listener, {CLIENTS})
udp = bound(IPV4, "127.0.0.1", {UDP}, socket.SOCK_DGRAM)
"""
PORTS = (TARGET, 40000, 40001, 40003, 40007, 40009, 40030, 30011, 443, 55555)
# What only a process of the namespace, or of root, can know: docs/openapi.yaml.
OF_OWNERS = {"inode", "uid", "user", "holders", "holders_complete", "holders_incomplete", "processes", "age_seconds",
             "age_is_exact"}
# The command reads no UDP by BPF, and looks at one port after the other.
OF_LOOKS = {"socket_source", "network_namespace", "range", "advice", "expires_seconds"}


def of(path):
    path = path.split("?")[0]
    return path if path in openapi.DOCUMENT["paths"] else "/api/v1/ports/{port}"


def ask(exporter, path, status=200, **query):
    response = exporter.get(f"{path}?{urllib.parse.urlencode(query)}")
    assert response.status == status, (path, query, response.body)
    return openapi.checked(of(path), *response)


def without_owners(answer):
    if isinstance(answer, dict):
        return {key: without_owners(value) for key, value in answer.items()
                if key not in OF_OWNERS | OF_LOOKS}
    if isinstance(answer, list):
        return [without_owners(each) for each in answer]
    if isinstance(answer, str):
        # When a port comes back may differ by the second between.
        return re.sub(r"\b\d+ s\b", "N s", answer).replace("this host", "this network namespace")
    return answer


def command(name, *arguments):
    done = run(*arguments, "--json", f"--namespace={name}")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@needs_bpf
@in_namespace
def test_each_port_is_what_the_command_says_there():
    need_kernel(6, 2, "a walk over UDP")
    with another(FULL) as process, Exporter(*ALL) as exporter:
        for port in (*PORTS, UDP):
            said = ask(exporter, f"/api/v1/ports/{port}", namespace=inode(process), limit=100)
            [told] = command(inode(process), "port", port, "--limit=100")["ports"]
            assert without_owners(said) == without_owners(told), port
            assert (said["range"]["first_port"], said["range"]["ports"]) == (40000, SIZE)
            for each in said["local"]["sockets"] + said["remote"]["sockets"]:
                ended = each["state"] == "time_wait"
                assert (each["holders"], each["processes"]) == ("none" if ended else "unknown", [])
        # The exporter's own namespace has nothing there.
        assert ask(exporter, f"/api/v1/ports/{TARGET}")["local"]["total"] == 0


@needs_bpf
@in_namespace
def test_advice_is_for_the_namespace():
    with another(FULL) as process, Exporter(*ALL) as exporter:
        said = ask(exporter, "/api/v1/ports/40001", namespace=inode(process))
        assert said["advice"] == command(inode(process), "port", 40001)["advice"]


@needs_bpf
@in_namespace
def test_the_map_is_that_of_an_exporter_in_the_namespace(tmp_path):
    with another(FULL) as process:
        number = inode(process)
        with Exporter(*ALL, f"--path.netns={tmp_path}") as exporter:
            said = ask(exporter, "/api/v1/ports", namespace=number)
            own = ask(exporter, "/api/v1/ports")
        told = "".join({port: "." for port in range(65536)}.values())
        expected = list(told)
        for ports, letter in (((40003, 40005, 55555), "r"), ((TARGET, 40001, UDP), "l"),
                              ((40007, 40009, 30011), "b")):
            for port in ports:
                expected[port] = letter
        for port in range(40000, 40000 + SIZE):
            if expected[port] == ".":
                expected[port] = said["ports"][port]
        assert said["ports"] == "".join(expected)
        assert said["counts"]["outbound"] == CLIENTS and said["counts"]["time_wait"] == OVER
        assert said["network_namespace"] == {"netns": str(number), "inode": number,
                                             "is_host": False, "is_own": False}
        assert "network_namespace" not in own and own["ports"][TARGET] == "."


@needs_bpf
@in_namespace
def test_destinations_and_the_range_are_those_of_the_namespace():
    with another(FULL) as process, Exporter(*ALL) as exporter:
        number = inode(process)
        said = ask(exporter, "/api/v1/destinations", namespace=number, owners="true")
        told = command(number, "destinations")
        for key in ("range", "bound_ports", "destinations_total", "ports_total", "destinations"):
            assert said[key] == told[key], key
        [row] = said["destinations"]
        assert (row["active"], row["time_wait"]) == (CLIENTS, OVER)
        found = ask(exporter, "/api/v1/range", namespace=number)
        assert found["reserved_ranges"] == [{"first_port": port, "last_port": port}
                                            for port in (40003, 40005, 55555)]
        assert found["network_namespace"]["inode"] == number


@needs_bpf
@in_namespace
def test_the_list_is_that_of_the_command(tmp_path):
    flag = f"--path.netns={tmp_path}"
    with another(FULL, tmp_path, "full") as process, Exporter(*ALL, flag) as exporter:
        said = ask(exporter, "/api/v1/namespaces", limit=1000)
        [row] = [each for each in said["namespaces"] if each["netns"] == "full"]
        told = json.loads(run("namespaces", "--json", "--limit=1000", flag).stdout)
        assert row == next(each for each in told["namespaces"] if each["inode"] == inode(process))
        ratios = [each["usage_ratio"] for each in said["namespaces"]]
        assert ratios == sorted(ratios, reverse=True)
        short = ask(exporter, "/api/v1/namespaces", limit=1)
        assert len(short["namespaces"]) == 1 and short["total"] >= 2
        for limit in ("0", "1001", "x"):
            assert "limit" in ask(exporter, "/api/v1/namespaces", 400, limit=limit)["error"]


def in_pod(tree, uid):
    """What moves a process into the cgroup of a pod's container."""
    path = tree.make(f"{BASE}/kubepods/burstable/pod{uid}/{'0' * 64}")
    return f"open({str(tree.directory(path) / 'cgroup.procs')!r}, 'w').write('0')\n"


@needs_bpf
@in_namespace
def test_a_pod_and_a_name_are_asked_for(tree, tmp_path):
    uids = [f"1a2b3c4d-0000-4000-8000-{os.getpid():011}{i}" for i in range(2)]
    names, pods = tmp_path / "names", tmp_path / "pods"
    names.mkdir()
    for uid, namespace in zip(uids, ("shop", "test")):
        (pods / f"{namespace}_cart_{uid}" / "app").mkdir(parents=True)
    with another(in_pod(tree, uids[0]) + FULL) as shop, \
            another(in_pod(tree, uids[1]), names, "quiet") as quiet, \
            another(in_pod(tree, uids[1]) + FULL) as test, \
            Exporter(*ALL, f"--path.netns={names}", f"--path.pods={pods}") as exporter:
        # The first request: no walk has seen a pod before.
        for name, process in (("shop/cart", shop), ("test/cart", test), ("quiet", quiet)):
            said = ask(exporter, "/api/v1/ports", namespace=name)["network_namespace"]
            assert said["inode"] == inode(process), name
        assert (said["netns"], "pod" in said) == ("quiet", False)
        said = ask(exporter, "/api/v1/ports", namespace="shop/cart")["network_namespace"]
        assert (said["namespace"], said["pod"], said["pod_uid"], said["container"]) == \
            ("shop", "cart", uids[0], "app")
        several = ask(exporter, "/api/v1/ports", 400, namespace="cart")["error"]
        for process, name in ((shop, "shop/cart"), (test, "test/cart")):
            assert f"{name} ({inode(process)})" in several
        for path in ("/api/v1/ports", "/api/v1/ports/80", "/api/v1/destinations", "/api/v1/range"):
            for name in ("nope", "shop/nope", "cart/shop", str(2 ** 32 - 1), "4294967297", "../x"):
                error = ask(exporter, path, 404, namespace=name)["error"]
                assert name in error and "/api/v1/namespaces" in error
            assert "readlink" in ask(exporter, path, 404, namespace=os.getpid())["error"]
            for name in ("", "all", "x" * 400):
                assert "namespace" in ask(exporter, path, 400, namespace=name)["error"]


@in_namespace
def test_without_all_namespaces_the_flag_is_named():
    with Exporter("--web.enable-api") as exporter:
        for path in ("/api/v1/ports", "/api/v1/ports/80", "/api/v1/destinations", "/api/v1/range"):
            assert "--namespaces=all" in ask(exporter, path, 400, namespace="x")["error"]
        assert "--namespaces=all" in ask(exporter, "/api/v1/namespaces", 404)["error"]


@needs_bpf
@in_namespace
def test_an_interface_there_has_no_name_here():
    """Its index is that of another interface here."""
    body = FULL + f"""
device = new(IPV4)
device.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
bind(device, IPV4, "127.0.0.1", 30099)
device.connect(("127.0.0.1", {TARGET}))
taken = new(IPV4)
taken.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
taken.connect(("127.0.0.1", {TARGET}))
"""
    with another(body) as process, Exporter(*ALL) as exporter:
        number = inode(process)
        [found] = ask(exporter, "/api/v1/ports/30099", namespace=number)["local"]["sockets"]
        assert "interface" not in found and found["local_address"] == "127.0.0.1"
        rows = ask(exporter, "/api/v1/destinations", namespace=number)["destinations"]
        assert sorted(row["active"] for row in rows) == [1, CLIENTS]
        assert {(row["source"], "interface" in row) for row in rows} == {("127.0.0.1", False)}


@needs_bpf
@in_namespace
def test_the_own_one_can_be_asked_by_its_number():
    number = os.stat("/proc/self/ns/net").st_ino
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with Exporter(*ALL) as exporter:
        said = ask(exporter, f"/api/v1/ports/{TARGET}", namespace=number)
        assert said["network_namespace"]["is_own"] and said["use"] == "listener"
        [found] = said["local"]["sockets"]
        assert found["holders"] == "unknown"
        # Without the parameter its processes are known.
        [found] = ask(exporter, f"/api/v1/ports/{TARGET}")["local"]["sockets"]
        assert found["holders"] != "none" and "inode" in found
    listener.close()


@needs_bpf
@in_namespace
def test_requests_at_the_same_time_share_walks_and_each_gets_its_own():
    with another(FULL) as full, another(f"listener = listen(IPV4, '127.0.0.1', {TARGET})") as one, \
            Exporter(*ALL, "--web.max-requests=200", "--web.max-connections=400",
                     "--web.max-requests-per-address=200",
                     "--web.max-connections-per-address=400") as exporter:
        wishes = [(f"/api/v1/ports/{port}", process) for port in (TARGET, 40007)
                  for process in (full, one)] + [("/api/v1/ports", full), ("/api/v1/destinations", one)]

        def check(wish):
            path, process = wish
            answer = ask(exporter, path, namespace=inode(process))
            assert answer["network_namespace"]["inode"] == inode(process)
            if path.endswith(str(TARGET)):
                # The clients that are gone have left no listener's port behind.
                assert answer["local"]["total"] == (2 + CLIENTS if process is full else 1)
            if path.endswith("40007"):
                assert answer["use"] == ("bound" if process is full else "free")

        before = exporter.metrics().value("ephemera_scrapes_total")
        with concurrent.futures.ThreadPoolExecutor(48) as pool:
            list(pool.map(check, wishes * 16))
        assert exporter.metrics().value("ephemera_scrapes_total") - before < len(wishes) * 16 / 2


@needs_bpf
@in_namespace
def test_too_many_different_ones_at_a_time_are_refused():
    with another(FULL) as process, Exporter(
            *ALL, "--web.max-requests=200", "--web.max-connections=400", "--web.max-walks-per-second=1",
            "--web.max-requests-per-address=200", "--web.max-connections-per-address=400") as exporter:
        names = [f"nobody-{i}" for i in range(60)]
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            statuses = list(pool.map(
                lambda name: exporter.get(f"/api/v1/ports?namespace={name}").status, names))
        assert set(statuses) == {404, 503}
        assert ask(exporter, "/api/v1/ports", namespace=inode(process))["counts"]["listener"] == 3


@needs_bpf
@in_namespace
def test_one_that_is_gone_is_forgotten():
    with Exporter(*ALL) as exporter:
        with another(FULL) as process:
            number = inode(process)
            assert ask(exporter, "/api/v1/ports", namespace=number)["counts"]["listener"] == 3
        listener = listen(IPV4, "127.0.0.1", TARGET)
        while exporter.get(f"/api/v1/ports?namespace={number}").status == 200:
            pass
        assert str(number) in ask(exporter, "/api/v1/ports", 404, namespace=number)["error"]
        assert ask(exporter, "/api/v1/ports")["ports"][TARGET] == "l"
        listener.close()
