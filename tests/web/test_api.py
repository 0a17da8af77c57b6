# SPDX-License-Identifier: Apache-2.0
"""The API: each answer is as docs/openapi.yaml says, true, and the same as the command's.

In a namespace the requests come over one connection from a port outside the range, so that
what is on every one of the 65,536 ports is known.
"""

import collections
import contextlib
import ctypes
import gzip
import itertools
import json
import os
import random
import re
import socket
import struct
import threading
import time
import urllib.parse
from pathlib import Path

import pytest

from lib import openapi
from lib.bpf import needs_bpf
from lib.exporter import PATIENCE, Exporter, Metrics, assert_head_is_get, free_port, run
from lib.namespace import NOBODY, has_sysctl, in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, IPV6, MAPPED, accept, bound, close, connect, connect_many, drop,
                         fin_wait2, listen, need_ipv6, need_kernel, orphan_fin_wait2, pairs,
                         port_of, ports_of, server_time_wait, time_wait, udp_connected)
from raw import (Reader, Workload, answers_at_once, connect as raw_connect, request, wait_until)

ON = "--web.enable-api"
SERVER = "--web.listen-address=127.0.0.1:10059"
SHOW_ALL = "--collector.destinations.minimum-ports=0"
ASKER = 10060

PORTS, RANGE, DESTINATIONS = "/api/v1/ports", "/api/v1/range", "/api/v1/destinations"
ONE = PORTS + "/{port}"
PATHS = [PORTS, RANGE, DESTINATIONS, PORTS + "/443"]
METHODS = ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"]

FIRST, LAST = 41000, 41099
TARGET, TARGET6, ORPHANED = 30001, 30002, 30003

# The exporter here was not asked to use BPF; the commands would where they may.
BLIND = "--no-collector.binds.buckets"

LEGEND = {".": "free", "r": "reserved", "o": "outbound", "t": "time_wait", "l": "listener",
          "b": "bound"}


def of(path):
    """The path as docs/openapi.yaml has it. What there is not answers as a port does."""
    path = path.split("?")[0]
    return path if path in openapi.DOCUMENT["paths"] else ONE


def checked(path, response, status=200):
    assert response is not None and response.status == status, (path, response)
    found = openapi.checked(of(path), *response)
    if status == 200 and found and of(path) == ONE:
        assert_sensible(found)
    return found


def ask(exporter, path, status=200, **how):
    return checked(path, exporter.get(path, **how), status)


class Asker:
    """One connection from ASKER, which is no port of the range."""

    def __init__(self, exporter):
        self.client = connect(IPV4, exporter.host, exporter.port, source="127.0.0.1",
                              source_port=ASKER)
        self.reader = Reader(self.client)

    def get(self, path, **headers):
        self.client.sendall(request(path, **headers))
        return self.reader.answer()

    def ask(self, path, status=200):
        """The search for processes has a second, which a busy machine may need for something else: then it asks again."""
        ends = time.monotonic() + PATIENCE
        found = checked(path, self.get(path), status)
        while "out_of_time" in json.dumps(found) and time.monotonic() < ends:
            found = checked(path, self.get(path), status)
        return found

    def metrics(self):
        return Metrics(self.get("/metrics").body.decode())


@contextlib.contextmanager
def serving(*flags, **how):
    """An exporter and an asker, in a namespace."""
    with Exporter(SERVER, ON, BLIND, "--web.max-walks-per-second=1000", *flags, **how) as running:
        asker = Asker(running)
        try:
            yield asker
        finally:
            asker.client.close()


def assert_sensible(found, limit=20):
    """What the schema cannot say: which field is there where."""
    number, use = found["port"], found["use"]
    assert found["kind"] == ("system" if number < 1024 else
                             "registered" if number < 49152 else "dynamic")
    assert found["in_range"] == (
        found["range"]["first_port"] <= number <= found["range"]["last_port"])
    # What the kernel picked cannot be kept for the next start.
    listeners = [each for each in found["local"]["sockets"] if each["role"] == "listener"
                 and each.get("port_chosen", True)]
    assert ("advice" in found) == bool(
        listeners and found["in_range"] and not found["reserved"])
    assert ("chances" in found) == (use == "free")
    if use == "reserved":
        assert found["reserved"]
    if use == "free":
        assert not found["reserved"]
    assert (found["local"]["total"] == 0) == (use in ("free", "reserved"))
    for side in ("local", "remote"):
        sockets = found[side]["sockets"]
        assert len(sockets) <= min(found[side]["total"], limit)
        assert len(sockets) == found[side]["total"] or len(sockets) == limit
        for each in sockets:
            assert each[f"{side}_port"] == number
            assert_socket_sensible(each)
    if len(found["local"]["sockets"]) == found["local"]["total"]:
        uses = {use_of(each) for each in found["local"]["sockets"]}
        assert use == next((one for one in ("listener", "bound", "outbound", "time_wait")
                            if one in uses), use)


def use_of(each):
    """What a socket makes of its local port."""
    if each["role"] in ("listener", "bound", "time_wait"):
        return each["role"]
    return "bound" if each.get("port_chosen") else "outbound"


def assert_socket_sensible(each):
    tcp, state = each["protocol"] == "tcp", each["state"]
    waits = state == "time_wait"
    assert ("reusable" in each) == (each["role"] == "time_wait") == waits
    assert ("age_seconds" in each) == ("age_is_exact" in each)
    # Else only a connection has one, where BPF may tell.
    assert each.get("age_is_exact", False) == waits
    if waits:
        assert each["age_seconds"] + each["expires_seconds"] == pytest.approx(60, abs=0.2)
    else:
        assert "expires_seconds" not in each or state == "fin_wait2"
    assert ("accept_queue" in each) == (state == "listen")
    # Nobody owns what no file refers to.
    assert ("uid" in each) == ("inode" in each)
    assert "uid" in each or "user" not in each
    assert "inode" not in each or state not in ("time_wait", "syn_recv")
    assert "ipv6_only" not in each or (each["family"] == "ipv6" and each["remote_port"] == 0)
    assert (each["holders"] == "none") == ("inode" not in each)
    assert (each["holders"] == "found") == bool(each["processes"])
    if each["holders"] == "unknown":
        assert not each["holders_complete"]
    if each["holders"] == "elsewhere":
        assert each["holders_complete"]
    assert ("holders_incomplete" in each) != each["holders_complete"]
    assert each["local_port"] != 0
    assert "[" not in each["local_address"] + each["remote_address"]
    if tcp:
        assert (state == "listen") == (each["role"] == "listener")
        assert (state == "bound") == (each["role"] == "bound")
    else:
        assert state in ("established", "close")
        assert each["role"] in ("listener", "outbound")
    if each["role"] in ("listener", "bound"):
        assert each["remote_port"] == 0
    for process in each["processes"]:
        assert process["fds"] == sorted(set(process["fds"]))
    pids = [process["pid"] for process in each["processes"]]
    assert pids == sorted(set(pids))


@pytest.fixture(scope="module")
def exporter():
    with Exporter(ON) as running:
        yield running


# Each path, as HTTP

@pytest.mark.parametrize("path", PATHS + [
    PORTS + "/1", PORTS + "/65535", PORTS + "/443?limit=1", PORTS + "/443?limit=1000",
    DESTINATIONS + "?limit=1", DESTINATIONS + "?limit=1000&owners=true",
    DESTINATIONS + "?owners=true", DESTINATIONS + "?owners=false",
])
def test_each_path_answers_as_the_document_says(exporter, path):
    assert ask(exporter, path)


@pytest.mark.parametrize("path", PATHS)
def test_what_every_answer_is(exporter, path):
    response = exporter.get(path)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    # Another site's page must not be able to read it.
    assert not [name for name in response.headers if name.startswith("Access-Control")]
    assert int(response.headers["Content-Length"]) == len(response.body)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_head_is_get_without_the_body(exporter, path, encoding):
    assert_head_is_get(exporter, path, encoding, 300)


def test_head_of_an_error_has_no_body_on_the_wire(exporter):
    with raw_connect(exporter) as client:
        client.sendall(request(PORTS + "/0", method="HEAD") + request(PORTS, method="HEAD")
                       + request(RANGE))
        reader = Reader(client)
        assert reader.answer(head=True).status in (400, 404)
        assert reader.answer(head=True).status == 200
        checked(RANGE, reader.answer())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", METHODS)
def test_method_not_allowed(exporter, path, method):
    body = b"x=1" if method in ("POST", "PUT", "PATCH") else None
    response = exporter.get(path, method=method, body=body)
    checked(path, response, 405)
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", PATHS)
def test_gzip(exporter, path):
    plain = exporter.get(path)
    assert "Content-Encoding" not in plain.headers
    packed = exporter.get(path, {"Accept-Encoding": "br, gzip;q=0.5"})
    assert packed.headers["Content-Encoding"] == "gzip"
    openapi.checked(of(path), packed.status, packed.headers, gzip.decompress(packed.body))
    for response in (plain, packed):
        assert "Accept-Encoding" in response.headers["Vary"]
    refused = exporter.get(path, {"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers
    checked(path, refused)


def test_gzip_makes_the_map_small(exporter):
    assert len(exporter.get(PORTS).body) > 65536
    assert len(exporter.get(PORTS, {"Accept-Encoding": "gzip"}).body) < 16384


def test_keep_alive(exporter):
    with raw_connect(exporter) as client:
        reader = Reader(client)
        for path, status in [(path, 200) for path in PATHS] * 3 + [(PORTS + "/abc", None),
                                                                   (RANGE, 200)]:
            client.sendall(request(path))
            answer = reader.answer()
            checked(path, answer, status or answer.status)


# The API is off

@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", PATHS + [PORTS + "/0", PORTS + "/abc", DESTINATIONS + "?limit=0"])
def test_without_the_flag_there_is_none(exporter_off, path, method):
    response = exporter_off.get(path, method=method)
    error = checked(path, response, 404)
    if method == "GET":
        assert "--web.enable-api" in error["error"]


@pytest.fixture(scope="module")
def exporter_off():
    with Exporter() as running:
        yield running


def test_help_names_the_flag():
    done = run("--help")
    assert "--web.enable-api" in done.stdout


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/ports",
                                  "/api/v1/nonsense", "/api/v1/range/", "/api/v1/rangex",
                                  "/api/v1/portsx", "/api/v1/destinations/1", "/API/v1/ports"])
def test_there_is_nothing_else(exporter, path):
    response = exporter.get(path)
    assert response.status == 404
    if path.startswith("/api/v1/"):
        assert checked(path, response, 404)


# What is wrong

BAD_PORTS = [
    "0", "00", "65536", "65979", "4294967739", "18446744073709552059", "9" * 30, "-1", "-443",
    "+443", "%2B443", "abc", "443abc", "abc443", "5-3", "3-5", "443,444", "443;", "443.0", "4.43e2",
    "0x1bb", "443/", "443/x", "443/..", "443//", "/443", "", ".", "..", "%2e%2e", "%2e%2e%2f%2e%2e",
    "..%2f..%2fetc%2fpasswd", "../../etc", "../../etc/passwd", "../range/", "%00", "443%00",
    "%00443", "443%20", "%20443", "443%0a", "%0a443", "443%09", "%", "%4", "%zz", "443%",
    "{port}", "*", "%d%s%n", "\xff\xfe", "%ff%fe", "%d9%a4%d9%a4%d9%a3", "%ef%bc%94", "nan", "true",
    "null", "%22%7d", "<script>", "1" * 300,
]


def is_refused(path, answer):
    assert answer.status in (400, 404), (path, answer)
    error = checked(path, answer, answer.status)["error"]
    assert len(error) < 400
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", error), repr(error)


@pytest.mark.parametrize("port", BAD_PORTS, ids=ascii)
def test_a_port_that_is_none(exporter, port):
    """Sent as it is: a client library would tidy it up."""
    path = f"{PORTS}/{port}"
    with raw_connect(exporter) as client:
        client.sendall(request(path))
        answer = Reader(client).answer()
        is_refused(ONE, answer)


@pytest.mark.parametrize("target", [
    "/api/v1/../../etc/passwd", "/api/v1/../metrics/", "/api/v1/%2e%2e/%2e%2e/etc/passwd",
    "/api/v1/range%00", "/api/v1/range?limit=%00", "/api/v1/ports%00/443", "/api/v1/%72angex",
    "/api/v1/ports/443?limit=5%00", "/api/v1/range/..", "/api/v1/ports%2f443x",
])
def test_a_target_that_is_none(exporter, target):
    with raw_connect(exporter) as client:
        client.sendall(request(target))
        is_refused(ONE, Reader(client).answer())


@pytest.mark.parametrize("length", [1000, 4000, 20000, 1000000])
def test_a_very_long_one(exporter, length):
    for target in (f"{PORTS}/{'4' * length}", f"{PORTS}/443?limit={'1' * length}",
                   f"{DESTINATIONS}?owners={'true' * (length // 4)}"):
        with raw_connect(exporter) as client:
            try:
                client.sendall(request(target))
                answer = Reader(client).answer()
            except ConnectionError:
                answer = None
            if length <= 4000:
                is_refused(ONE, answer)
            else:
                # The library itself refuses it, in its own words.
                assert answer is None or 400 <= answer.status < 500
                assert answer is None or len(answer.body) < 2000
    assert ask(exporter, RANGE)


@pytest.mark.parametrize("value", ["=0", "=1001", "=abc", "=", "", "=-1", "=+5", "=5x", "=5.0",
                                   "=%205", "=5%20", "=0x5", "=1e2", "=4294967297", "=" + "9" * 25,
                                   "=true", "=%ff"])
@pytest.mark.parametrize("path", [PORTS + "/443", DESTINATIONS])
def test_a_limit_that_is_none(exporter, path, value):
    error = ask(exporter, f"{path}?limit{value}", 400)["error"]
    assert "limit" in error
    assert exporter.get(f"{path}?limit{value}", method="HEAD").status == 400


@pytest.mark.parametrize("value", ["=maybe", "=", "", "=TRUE", "=yes", "=truex", "=true%20", "=2"])
def test_owners_that_is_neither(exporter, value):
    assert "owners" in ask(exporter, f"{DESTINATIONS}?owners{value}", 400)["error"]


@pytest.mark.parametrize("query", ["nonsense", "nonsense=1", "=", "&&", "x=%41&y[]=2", "limit[]=0",
                                   "limits=0", "_=1700000000"])
@pytest.mark.parametrize("path", PATHS)
def test_a_parameter_that_nobody_knows_is_ignored(exporter, path, query):
    assert ask(exporter, f"{path}?{query}")


@pytest.mark.parametrize("query, name", [
    ("limit=5&limit=6", "limit"), ("limit=5&limit=5", "limit"), ("limit=5&limit", "limit"),
    ("owners=true&limit=5&owners=false", "owners"), ("limit=5&%6cimit=6", "limit")])
@pytest.mark.parametrize("path", PATHS)
def test_a_parameter_is_given_once(exporter, path, query, name):
    error = ask(exporter, f"{path}?{query}", 400)["error"]
    assert error == f"{name} is given more than once; give it once"


@pytest.mark.parametrize("given, meant", [("Limit", "limit"), ("OWNERS", "owners"),
                                          ("Namespace", "namespace"), ("nameSpace", "namespace")])
@pytest.mark.parametrize("path", PATHS)
def test_a_parameter_in_other_letters_is_not_ignored(exporter, path, given, meant):
    error = ask(exporter, f"{path}?{given}=5", 400)["error"]
    assert error == f'there is no parameter "{given}"; did you mean "{meant}"?'


def test_percent_signs_are_decoded(exporter):
    assert ask(exporter, PORTS + "/%34%34%33")["port"] == 443
    assert "sockets" in ask(exporter, PORTS + "/443?%6cimit=%31")["local"]


def test_an_error_repeats_what_was_sent_harmlessly(exporter):
    value = urllib.parse.quote('<b>"\\\n\r\x1b[31m\xff')
    for path in (f"{PORTS}/{value}", f"{PORTS}/443?limit={value}", f"{DESTINATIONS}?owners={value}",
                 f"/api/v1/{value}"):
        response = exporter.get(path)
        is_refused(path, response)
        assert b"\x1b" not in response.body


def test_requests_are_counted_by_code(exporter):
    def count(code):
        return exporter.metrics().total("ephemera_http_requests_total", code=code)

    before = {code: count(code) for code in (400, 405)}
    exporter.get(DESTINATIONS + "?limit=0")
    exporter.get(RANGE, method="POST")
    wait_until(lambda: {code: count(code) for code in before}
               == {code: number + 1 for code, number in before.items()}, 5, "each counted once")


# The map

def stage():
    """Sockets of every use in a new namespace: (kept, {port: its character})."""
    need_ipv6()
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    set_range(FIRST, LAST)
    set_reserved(f"9,{FIRST + 90}-{FIRST + 92}")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    uses = {10059: "l", ASKER: "b"}
    kept = []

    def mark(ports, use):
        for port in ports:
            # Of several uses of one port, the map shows the first of these.
            uses[port] = min(uses.get(port, use), use, key="lbot".index)

    def note(socks, use):
        kept.extend(socks)
        mark(ports_of(socks), use)

    target = listen(IPV4, "0.0.0.0", TARGET)
    target6 = listen(IPV6, "::1", TARGET6)
    orphaned = listen(IPV4, "127.0.0.1", ORPHANED)
    note([target, target6, listen(IPV4, "127.0.0.1", FIRST + 10), listen(IPV6, "::", FIRST + 11),
          listen(MAPPED, "127.0.0.1", FIRST + 12), listen(IPV4, "127.0.0.1", FIRST + 91)], "l")
    note([bound(IPV4, "127.0.0.1", FIRST + 20), bound(IPV6, "::1", FIRST + 21),
          bound(MAPPED, "::", FIRST + 22), bound(IPV4, "127.0.0.1", 80)], "b")
    note([bound(IPV4, "127.0.0.1", FIRST + 30, socket.SOCK_DGRAM),
          bound(IPV6, "::1", FIRST + 31, socket.SOCK_DGRAM),
          bound(IPV4, "127.0.0.1", 53, socket.SOCK_DGRAM)], "l")
    # Bound by number, and then connected.
    note([connect(IPV4, "127.0.0.1", TARGET, source_port=FIRST + 40)], "b")
    with_peer = bound(IPV4, "127.0.0.1", FIRST + 41, socket.SOCK_DGRAM)
    with_peer.connect(("127.0.0.1", 9))
    note([with_peer], "b")
    note([udp_connected(IPV4, "127.0.0.1", 9), udp_connected(IPV6, "::1", 9),
          bound(IPV4, "127.0.0.1", 0, socket.SOCK_DGRAM)], "o")
    kept.extend(accept(target, 1))
    for family, listener, address, port in ((IPV4, target, "127.0.0.1", TARGET),
                                            (IPV6, target6, "::1", TARGET6),
                                            (MAPPED, target, "127.0.0.1", TARGET)):
        made = pairs(3, family, listener, address, port)
        note([client for client, _ in made], "o")
        kept.extend(server for _, server in made)
    made = fin_wait2(2, IPV4, target, "127.0.0.1", TARGET)
    note([client for client, _ in made], "o")
    kept.extend(server for _, server in made)
    ports, servers = orphan_fin_wait2(2, IPV4, target, "127.0.0.1", TARGET)
    mark(ports, "o")
    kept.extend(servers)
    # Whoever was accepted holds the port on when the listener is gone.
    (client, server), = pairs(1, IPV4, orphaned, "127.0.0.1", ORPHANED)
    note([client, server], "o")
    close([orphaned])
    for family, listener, address, port in ((IPV4, target, "127.0.0.1", TARGET),
                                            (IPV6, target6, "::1", TARGET6)):
        mark(time_wait(5, family, listener, address, port), "t")
    # TIME_WAIT of a server lies with its listener's port, which is that of a listener.
    server_time_wait(2, IPV4, target, "127.0.0.1", TARGET)
    for port in (9, FIRST + 90, FIRST + 92):
        uses[port] = "r"
    return kept, uses


def characters(found):
    """{port: character} of those that are not free."""
    return {port: use for port, use in enumerate(found["ports"]) if use != "."}


@in_namespace
def test_every_port_of_the_map():
    _kept, uses = stage()
    with serving() as asker:
        found = asker.ask(PORTS)
        assert characters(found) == uses
        assert set(uses.values()) == set(LEGEND) - {"."}
        assert found["legend"] == LEGEND
        counted = collections.Counter(LEGEND[use] for use in found["ports"])
        assert found["counts"] == {use: counted[use] for use in LEGEND.values()}
        assert sum(found["counts"].values()) == 65536
        assert found["range"] == {"first_port": FIRST, "last_port": LAST, "ports": LAST - FIRST + 1}


@in_namespace
def test_the_map_and_the_ports_agree():
    _kept, uses = stage()
    with serving() as asker:
        asked = set(uses) | {1, 2, 79, 81, 1023, 1024, 49151, 49152, 65534, 65535, FIRST - 1,
                             FIRST, LAST, LAST + 1} | set(random.sample(range(1, 65536), 60))
        shown = asker.ask(PORTS)["ports"]
        for port in sorted(asked):
            found = asker.ask(f"{PORTS}/{port}")
            assert found["port"] == port
            assert found["use"] == LEGEND[uses.get(port, ".")] == LEGEND[shown[port]], found
            assert found["reserved"] == (port in (9, FIRST + 90, FIRST + 91, FIRST + 92))
            assert found["range"]["first_port"] == FIRST


@in_namespace
def test_an_empty_host():
    set_range(FIRST, LAST)
    with serving() as asker:
        assert characters(asker.ask(PORTS)) == {10059: "l", ASKER: "b"}
        assert asker.ask(DESTINATIONS) == {
            "range": {"first_port": FIRST, "last_port": LAST, "ports": 100, "usable_ports": 100},
            "socket_source": {"tcp": "sock_diag"},
            "bind_before_connect": False, "time_wait_reuse": False,
            "bound_ports": {"listen": 0, "bound": 0, "connected": 0, "owners": [],
                            "other_owner_ports": 0, "unowned_ports": 0},
            "destinations_total": 0, "ports_total": 0, "destinations": []}
        found = asker.ask(f"{PORTS}/{FIRST}")
        assert found["local"] == found["remote"] == {"total": 0, "sockets": []}


@in_namespace
def test_nothing_is_from_before_the_request():
    set_range(FIRST, LAST)
    with serving() as asker:
        for _ in range(20):
            service = listen(IPV4, "127.0.0.1", FIRST + 7)
            assert asker.ask(PORTS)["ports"][FIRST + 7] == "l"
            assert asker.ask(f"{PORTS}/{FIRST + 7}")["use"] == "listener"
            assert asker.ask(RANGE)["bound_ports"]["listen"] == 1
            service.close()
            assert asker.ask(PORTS)["ports"][FIRST + 7] == "."
            assert asker.ask(f"{PORTS}/{FIRST + 7}")["use"] == "free"
            assert asker.ask(RANGE)["bound_ports"]["listen"] == 0


# One port

@in_namespace
def test_a_listener_inside_the_range():
    set_range(FIRST, LAST)
    set_reserved("40003")
    service = listen(IPV4, "127.0.0.1", FIRST + 16, backlog=7)
    clients = [connect(IPV4, "127.0.0.1", FIRST + 16, source_port=30100 + i) for i in range(5)]
    _servers = accept(service, 3)
    with serving() as asker:
        found = asker.ask(f"{PORTS}/{FIRST + 16}")
        assert (found["use"], found["in_range"], found["reserved"]) == ("listener", True, False)
        assert (found["local"]["total"], found["remote"]["total"]) == (6, 5)
        roles = collections.Counter(each["role"] for each in found["local"]["sockets"])
        assert roles == {"listener": 1, "inbound": 5}
        listener, = (each for each in found["local"]["sockets"] if each["role"] == "listener")
        assert (listener["accept_queue"], listener["accept_queue_limit"]) == (2, 7)
        assert listener["port_chosen"] is True
        assert listener["uid"] == os.getuid()
        assert [(process["pid"], process["fds"]) for process in listener["processes"]
                if process["pid"] == os.getpid()] == [(os.getpid(), [service.fileno()])]
        # Two wait for accept(): no file refers to those yet.
        waiting = [each for each in found["local"]["sockets"] if each["holders"] == "none"]
        assert len(waiting) == 2
        assert {each["role"] for each in found["remote"]["sockets"]} == {"outbound"}
        assert sorted(each["local_port"] for each in found["remote"]["sockets"]) \
            == ports_of(clients)
        # The advice, taken, keeps the port, and costs no other its reservation.
        name, _, value = re.fullmatch(r"sysctl -w (\S+?)(=)(\S+)", found["advice"]).groups()
        sysctl(name, value)
        after = asker.ask(f"{PORTS}/{FIRST + 16}")
        assert after["reserved"] and "advice" not in after
        assert asker.ask(f"{PORTS}/40003")["reserved"]


@in_namespace
def test_the_limit_is_of_each_side_and_the_totals_are_exact():
    set_range(FIRST, LAST)
    service = listen(IPV4, "127.0.0.1", TARGET)
    _clients = connect_many(29, IPV4, "127.0.0.1", TARGET)
    _servers = accept(service, 29)
    with serving() as asker:
        for query, limit in (("", 20), ("?limit=1", 1), ("?limit=23", 23), ("?limit=1000", 1000)):
            path = f"{PORTS}/{TARGET}{query}"
            found = openapi.checked(ONE, *asker.get(path))
            assert_sensible(found, limit)
            assert (found["local"]["total"], found["remote"]["total"]) == (30, 29)
            assert len(found["local"]["sockets"]) == min(limit, 30)
            assert len(found["remote"]["sockets"]) == min(limit, 29)


@in_namespace
def test_the_limit_does_not_change_the_use():
    """A TCP connection is listed first, but it is the UDP socket that says what the port is."""
    set_range(FIRST, LAST)
    service = listen(IPV4, "127.0.0.1", TARGET)
    clients = connect_many(5, IPV4, "127.0.0.1", TARGET)
    _servers = accept(service, 5)
    _udp = [bound(IPV4, "127.0.0.1", port_of(clients[0]), socket.SOCK_DGRAM)]
    # One that is bound only, and one that is UDP.
    _bound = [bound(IPV4, "127.0.0.1", 20001), bound(IPV4, "127.0.0.1", 20001, socket.SOCK_DGRAM)]
    with serving() as asker:
        shown = asker.ask(PORTS)["ports"]
        for port in (port_of(clients[0]), 20001):
            assert shown[port] == "l"
            for query in ("", "?limit=1"):
                found = openapi.checked(ONE, *asker.get(f"{PORTS}/{port}{query}"))
                assert found["use"] == "listener", (port, query)


@in_namespace
def test_a_listener_on_a_port_that_the_kernel_picked_has_nothing_to_reserve():
    set_range(FIRST, LAST)
    with socket.socket() as service:
        service.bind(("127.0.0.1", 0))
        service.listen(1)
        with serving() as asker:
            found = asker.ask(f"{PORTS}/{port_of(service)}")
            assert (found["use"], found["in_range"]) == ("listener", True)
            assert found["local"]["sockets"][0]["port_chosen"] is False
            assert "advice" not in found


@needs_bpf
@in_namespace
def test_time_wait():
    set_range(FIRST, LAST)
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    service = listen(IPV4, "127.0.0.1", TARGET)
    with serving("--collector.binds.buckets") as asker:
        port, = time_wait(1, IPV4, service, "127.0.0.1", TARGET)

        def one():
            return asker.ask(f"{PORTS}/{port}")["local"]["sockets"][0]

        young = one()
        assert young["reusable"] is False and young["age_seconds"] < 1
        assert (young["holders"], young["processes"]) == ("none", [])
        old = wait_until(lambda: (found := one())["reusable"] and found, 5, "to become reusable")
        assert 1 <= old["age_seconds"] < 5
        assert old["expires_seconds"] < young["expires_seconds"]


@in_namespace
def test_the_chances_are_those_of_the_kernel():
    set_range(FIRST, LAST)
    _target = listen(IPV4, "127.0.0.1", TARGET)
    with serving() as asker:
        chances = {port: asker.ask(f"{PORTS}/{port}")["chances"]
                   for port in range(FIRST - 2, LAST + 3)}
        for kind in ("connect", "bind"):
            assert sum(chance[kind] for chance in chances.values()) == pytest.approx(1, abs=0.01)
        for port in (FIRST - 2, FIRST - 1, LAST + 1, LAST + 2):
            assert chances[port] == {"connect": 0, "bind": 0}
        for _ in range(20):
            made = [connect(IPV4, "127.0.0.1", TARGET), bound(IPV4, "127.0.0.1")]
            for kind, sock in zip(("connect", "bind"), made):
                assert chances[port_of(sock)][kind] > 0, kind
            drop(made)


@in_namespace
def test_a_port_is_the_same_by_the_command():
    _kept, uses = stage()
    with serving() as asker:
        # By itself, and many at once: what is looked for of one port then tells more of another.
        for ports, left_out in (([FIRST + 10], ()), ([TARGET], ()), ([FIRST + 20], ()), ([1], ()),
                                (sorted(uses), ("holders_complete", "holders_incomplete", "port_chosen"))):
            report = json.loads(run("port", *ports, "--json", BLIND).stdout)
            assert [found["port"] for found in report["ports"]] == ports
            # The command has one piece of advice for all ports.
            whole = {name: report[name] for name in ("range", "socket_source", "advice") if name in report}
            left_out += ("advice",) if len(ports) > 1 else ()
            for said in report["ports"]:
                found = asker.ask(f"{PORTS}/{said['port']}")
                assert without({**said, **whole}, *left_out) == without(found, *left_out)


def without(found, *left_out):
    """Without the times, and the sentences, which may name them."""
    if isinstance(found, dict):
        return {key: without(value, *left_out) for key, value in found.items()
                if key not in ("age_seconds", "expires_seconds", "meaning", *left_out)}
    return [without(value, *left_out) for value in found] if isinstance(found, list) else found


@in_namespace
def of_another_user():
    set_range(FIRST, LAST)
    service = listen(IPV4, "127.0.0.1", TARGET)
    with serving(user=NOBODY, group=NOBODY, extra_groups=[]) as asker:
        foreign, = asker.ask(f"{PORTS}/{TARGET}")["local"]["sockets"]
        assert (foreign["holders"], foreign["processes"]) == ("unknown", [])
        assert (foreign["holders_complete"], foreign["holders_incomplete"]) == (False, "not_readable")
        assert foreign["uid"] == 0
        own = asker.ask(f"{PORTS}/10059")["local"]["sockets"]
        assert {each["holders"] for each in own} == {"found"}
        assert characters(asker.ask(PORTS)) == {TARGET: "l", 10059: "l", ASKER: "b"}
    service.close()


def test_an_ordinary_user_sees_the_sockets_and_only_its_own_processes(public_binary):
    if os.geteuid() != 0:
        pytest.skip("it takes root to be somebody else")
    of_another_user()


# The range

def reserved_ranges():
    """ip_local_reserved_ports as the API has it."""
    parts = [part.split("-") for part in sysctl("net.ipv4.ip_local_reserved_ports").split(",")
             if part]
    return [{"first_port": int(part[0]), "last_port": int(part[-1])} for part in parts]


def assert_range_is_that_of_the_metrics(found, said):
    for name in ("first_port", "last_port", "ports", "reserved_ports", "iana_dynamic_ports",
                 "usable_ports"):
        assert found[name] == said.value(f"ephemera_range_{name}"), name
    for holder, count in found["bound_ports"].items():
        assert count == said.value("ephemera_range_bound_ports", holder=holder), holder
    for name in ("unprivileged_first_port", "tcp_time_wait_reuse",
                 "tcp_time_wait_reuse_delay_seconds", "tcp_fin_timeout_seconds"):
        assert (name in found) == (f"ephemera_{name}" in said.names()), name
        assert name not in found or found[name] == said.value(f"ephemera_{name}"), name
    assert found["reserved_ranges"] == reserved_ranges()


@in_namespace
def test_the_range_is_that_of_the_metrics():
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    set_range(49100, 49199)
    with serving(SHOW_ALL) as asker:
        assert_range_is_that_of_the_metrics(asker.ask(RANGE), asker.metrics())
        assert asker.ask(RANGE)["reserved_ranges"] == []
        _kept = [listen(IPV4, "127.0.0.1", 49110), listen(IPV4, "127.0.0.2", 49110),
                 listen(IPV4, "127.0.0.1", 49111), listen(IPV4, "0.0.0.0", TARGET)]
        _kept += [bound(IPV4, "127.0.0.1", 49120 + i) for i in range(5)]
        _kept += [connect(IPV4, "127.0.0.1", TARGET, source_port=49130 + i) for i in range(3)]
        set_reserved("9,49100-49106,60000")
        sysctl("net.ipv4.tcp_tw_reuse", 1)
        sysctl("net.ipv4.tcp_fin_timeout", 17)
        sysctl("net.ipv4.ip_unprivileged_port_start", 80)
        if has_sysctl("net.ipv4.tcp_tw_reuse_delay"):
            sysctl("net.ipv4.tcp_tw_reuse_delay", 2500)
        found = asker.ask(RANGE)
        assert_range_is_that_of_the_metrics(found, asker.metrics())
        assert found["bound_ports"] == {"listen": 2, "bound": 5, "connected": 3}
        assert (found["reserved_ports"], found["usable_ports"]) == (7, 83)
        assert found["iana_dynamic_ports"] == 48
        assert found["tcp_fin_timeout_seconds"] == 17
        assert found["unprivileged_first_port"] == 80
        if has_sysctl("net.ipv4.tcp_tw_reuse_delay"):
            assert found["tcp_time_wait_reuse_delay_seconds"] == 2.5
        privileged = {port: asker.ask(f"{PORTS}/{port}")["privileged"] for port in (79, 80, 1023)}
        assert privileged == {79: True, 80: False, 1023: False}


@in_namespace
def test_everything_reserved():
    """A range without a usable port, and reservations to the last port."""
    set_range(FIRST, LAST)
    set_reserved("1-65535")
    service = listen(IPV4, "127.0.0.1", TARGET)
    _client = connect(IPV4, "127.0.0.1", TARGET, source_port=FIRST)
    _server = accept(service, 1)
    with serving() as asker:
        found = asker.ask(RANGE)
        assert (found["reserved_ports"], found["usable_ports"]) == (100, 0)
        assert found["reserved_ranges"] == [{"first_port": 1, "last_port": 65535}]
        shown = asker.ask(PORTS)
        assert shown["counts"]["reserved"] == 65535 - 4
        assert shown["ports"][0] == "."
        assert characters(shown)[TARGET] == "l" and characters(shown)[FIRST] == "b"
        for port in (1, 65535):
            assert asker.ask(f"{PORTS}/{port}")["use"] == "reserved"
        for entry in asker.ask(DESTINATIONS)["destinations"]:
            assert entry["usage_ratio"] == 1


# Destinations

@in_namespace
def test_destinations_are_those_of_the_command_and_of_the_metrics():
    need_ipv6()
    set_range(FIRST, LAST)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    target, target6 = listen(IPV4, "0.0.0.0", TARGET), listen(IPV6, "::1", TARGET6)
    time_wait(5, IPV4, target, "127.0.0.2", TARGET)
    _clients = connect_many(13, IPV4, "127.0.0.1", TARGET) + connect_many(7, IPV6, "::1", TARGET6)
    _servers = accept(target, 13) + accept(target6, 7)
    with serving(SHOW_ALL) as asker:
        found = asker.ask(DESTINATIONS)
        said = asker.metrics()
        command = json.loads(run("destinations", "--json", BLIND).stdout)
        for entry in command["destinations"]:
            entry.pop("owner", None)
        for more in ("owners_known", "pools", "udp_owners"):
            assert more not in found
            del command[more]
        assert found == command
        assert [entry["active"] + entry["time_wait"] for entry in found["destinations"]] \
            == [13, 7, 5]
        assert (found["destinations_total"], found["ports_total"]) == (3, 25)
        for entry in found["destinations"]:
            place = {key: entry[key] for key in ("source", "destination", "destination_port")}
            for state in ("active", "time_wait", "reusable"):
                assert entry[state] == said.value("ephemera_destination_ports", state=state,
                                                  **place)
            assert entry["usage_ratio"] == pytest.approx(
                (entry["active"] + entry["time_wait"]) / found["range"]["usable_ports"])
        assert found["range"]["usable_ports"] == said.value("ephemera_range_usable_ports")
        for limit in (1, 2, 3, 1000):
            part = asker.ask(f"{DESTINATIONS}?limit={limit}")
            assert part == {**found, "destinations": found["destinations"][:limit]}


@in_namespace
def test_twenty_destinations_unless_asked_for_more():
    set_range(FIRST, LAST)
    _target = listen(IPV4, "0.0.0.0", TARGET)
    _clients = [connect(IPV4, f"127.0.1.{i}", TARGET) for i in range(1, 30)]
    with serving() as asker:
        found = asker.ask(DESTINATIONS)
        assert (len(found["destinations"]), found["destinations_total"]) == (20, 29)
        assert len(asker.ask(DESTINATIONS + "?limit=1000")["destinations"]) == 29


POD, CONTAINER = "3f2a9c11-1b7d-4e5f-8a90-c0ffee000011", "5c" * 32


@pytest.fixture(scope="module")
def pod(tree):
    path = (f"/ephemera-test-{os.getpid()}.slice/kubepods.slice/kubepods-burstable.slice"
            f"/kubepods-burstable-pod{POD.replace('-', '_')}.slice"
            f"/cri-containerd-{CONTAINER}.scope")
    tree.make(path)
    return path


@in_namespace
def test_owners(tree, pod):
    set_range(FIRST, LAST)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    _target = listen(IPV4, "127.0.0.1", TARGET)
    with tree.inside(pod):
        clients = connect_many(5, IPV4, "127.0.0.1", TARGET)
    _elsewhere = connect_many(2, IPV4, "127.0.0.1", TARGET)
    with serving() as asker:
        entry, = asker.ask(DESTINATIONS + "?owners=true")["destinations"]
        assert entry["owner"] == {"cgroup": pod, "pod_uid": POD, "container_id": CONTAINER,
                                  "ports": 5}
        command = json.loads(run("destinations", "--json", BLIND).stdout)
        del command["pools"], command["udp_owners"]
        assert asker.ask(DESTINATIONS + "?owners=true") == command
        for path in (DESTINATIONS, DESTINATIONS + "?owners=false"):
            assert "owner" not in asker.ask(path)["destinations"][0]
        one, = asker.ask(f"{PORTS}/{port_of(clients[0])}")["local"]["sockets"]
        assert (one["cgroup"], one["pod_uid"], one["container_id"]) == (pod, POD, CONTAINER)


# Many requests

CONCURRENT = 64
# Answers that may come before one that was asked for earlier: one or two of each who asks, as a rule.
OVERTAKEN = 30
MANY = 3001


@pytest.fixture(scope="module")
def busy():
    """Enough sockets that a walk lasts longer than it takes to send all the requests."""
    with Workload(MANY) as workload, \
            Exporter(ON, "--web.max-requests=1000", "--web.max-connections=1000") as running:
        running.workload = workload
        yield running


def at_once(exporter, paths):
    answers = answers_at_once(exporter, [request(path) for path in paths])
    return [checked(path, answer) for path, answer in zip(paths, answers)]


class Opens:
    """Counts how often a file of a directory is opened, by inotify."""

    IN_OPEN, IN_NONBLOCK = 0x20, 0o4000

    def __init__(self, directory, name):
        self.name = os.fsencode(name)
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(self.IN_NONBLOCK)
        if self.fd < 0 or libc.inotify_add_watch(self.fd, os.fsencode(directory),
                                                 self.IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def count(self):
        """Since the last question."""
        found = 0
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.fd, 65536):
                while data:
                    length = struct.unpack_from("I", data, 12)[0]
                    found += data[16:16 + length].rstrip(b"\0") == self.name
                    data = data[16 + length:]
        return found


SETTINGS = "sys/net/ipv4"


@pytest.fixture(scope="module")
def procfs(tmp_path_factory):
    """A directory with this host's settings in files, as procfs has them."""
    made = tmp_path_factory.mktemp("proc")
    (made / SETTINGS).mkdir(parents=True)
    for name in ("ip_local_port_range", "ip_local_reserved_ports", "ip_unprivileged_port_start",
                 "tcp_tw_reuse", "tcp_tw_reuse_delay", "tcp_timestamps", "tcp_fin_timeout"):
        file = Path("/proc", SETTINGS, name)
        if file.exists():
            (made / SETTINGS / name).write_bytes(file.read_bytes())
    return made


@pytest.mark.parametrize("paths", [
    [PORTS], [RANGE], [DESTINATIONS], [PORTS, RANGE, DESTINATIONS], [f"{PORTS}/1"],
    [f"{PORTS}/{port}?limit={port}" for port in range(1, CONCURRENT + 1)],
], ids=["map", "range", "destinations", "all three", "one port", "many ports"])
def test_requests_at_once_share_a_look(procfs, paths):
    order = list(itertools.islice(itertools.cycle(paths), CONCURRENT))
    opens = Opens(procfs / SETTINGS, "ip_local_port_range")
    with Workload(MANY), Exporter(ON, "--web.max-requests=1000", "--web.max-connections=1000",
                                  f"--path.procfs={procfs}") as exporter:
        opens.count()
        # Each look reads the settings, some more than once.
        for path in order[:6]:
            ask(exporter, path)
        alone, rounds = opens.count() / 6, 3
        assert alone >= 1
        for _ in range(rounds):
            at_once(exporter, order)
        together = opens.count()
        assert rounds <= together <= rounds * CONCURRENT * alone / 4


def test_a_setting_that_the_kernel_lacks_is_absent(procfs):
    left_out = ("ip_unprivileged_port_start", "tcp_tw_reuse", "tcp_fin_timeout",
                "tcp_tw_reuse_delay")
    texts = {name: (procfs / SETTINGS / name).read_bytes() for name in left_out
             if (procfs / SETTINGS / name).exists()}
    with Exporter(ON, f"--path.procfs={procfs}") as exporter:
        try:
            for name in texts:
                (procfs / SETTINGS / name).unlink()
            found = ask(exporter, RANGE)
        finally:
            for name, text in texts.items():
                (procfs / SETTINGS / name).write_bytes(text)
        assert not {"unprivileged_first_port", "tcp_time_wait_reuse",
                    "tcp_fin_timeout_seconds"} & set(found)
        assert found["tcp_time_wait_reuse_delay_seconds"] == 1
        assert {"unprivileged_first_port", "tcp_time_wait_reuse",
                "tcp_fin_timeout_seconds"} <= set(ask(exporter, RANGE))


@pytest.mark.parametrize("text", [None, "", "nonsense\n", "5 3\n", "0 0\n", "40000\n"])
def test_a_host_that_cannot_be_looked_at_is_told(procfs, text):
    file = procfs / SETTINGS / "ip_local_port_range"
    before = file.read_bytes()
    with Exporter(ON, f"--path.procfs={procfs}") as exporter:
        try:
            file.unlink()
            if text is not None:
                file.write_text(text, encoding="ascii")
            for path in PATHS:
                response = exporter.get(path)
                checked(path, response, 503)
                assert int(response.headers["Retry-After"]) >= 1
        finally:
            file.unlink(missing_ok=True)
            file.write_bytes(before)
        for path in PATHS:
            assert ask(exporter, path)


def test_each_gets_what_it_asked_for(busy):
    other = busy.workload.sockets[1].getsockname()[1]
    paths = [PORTS, RANGE, DESTINATIONS + "?limit=1", DESTINATIONS + "?limit=7&owners=true",
             f"{PORTS}/{busy.workload.port}", f"{PORTS}/{other}", f"{PORTS}/{busy.port}",
             PORTS + "/1", PORTS + "/65535", DESTINATIONS]
    order = list(itertools.islice(itertools.cycle(paths), CONCURRENT))
    for _ in range(3):
        random.shuffle(order)
        for path, found in zip(order, at_once(busy, order)):
            if of(path) == ONE:
                assert found["port"] == int(path.rsplit("/", 1)[1])
                if found["port"] == busy.workload.port:
                    assert found["local"]["total"] == MANY + 1
                    assert found["remote"]["total"] == MANY
            elif path == PORTS:
                assert found["ports"][busy.workload.port] == "l"
            elif path.startswith(DESTINATIONS):
                most = int(re.search(r"limit=(\d+)|$", path)[1] or 20)
                assert len(found["destinations"]) <= most
                assert found["destinations"][0]["active"] == MANY
                assert "owners" in path or "owner" not in found["destinations"][0]


def test_whoever_asks_during_a_look_at_another_port_waits_for_the_next(busy):
    """Many connections, each of which keeps asking for a port of its own."""
    ports = [client.getsockname()[1] for client in busy.workload.sockets[1:65:2]]
    wrong = []

    def keep_asking(port):
        try:
            with raw_connect(busy, timeout=30) as client:
                reader = Reader(client)
                for _ in range(20):
                    client.sendall(request(f"{PORTS}/{port}?limit=1"))
                    found = json.loads(reader.answer().body)
                    # Connected to a listener on this host; others may use the port, too.
                    assert found["port"] == port
                    assert min(found["local"]["total"], found["remote"]["total"]) >= 1
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=keep_asking, args=(port,)) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[0]


def test_some_packed_and_some_not(busy):
    answers = answers_at_once(busy, [request(PORTS, Accept_Encoding=accepted)
                                     for accepted in ["gzip", "identity"] * (CONCURRENT // 2)])
    for number, answer in enumerate(answers):
        assert (answer.headers.get("content-encoding") == "gzip") == (number % 2 == 0)
        body = gzip.decompress(answer.body) if number % 2 == 0 else answer.body
        openapi.checked(PORTS, answer.status, answer.headers, body)


def test_a_request_at_once_never_gets_what_was_before_it(busy):
    for _ in range(10):
        port = free_port()
        with socket.socket() as service:
            service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            service.bind(("127.0.0.1", port))
            service.listen(1)
            for found in at_once(busy, [PORTS] * 8):
                assert found["ports"][port] == "l"


@pytest.mark.parametrize("path", [PORTS, RANGE, DESTINATIONS, f"{PORTS}/443",
                                  DESTINATIONS + "?owners=true"])
def test_too_many_requests(path):
    with Workload(MANY), Exporter(ON, "--web.max-requests=1") as exporter:
        def statuses():
            answers = answers_at_once(exporter, [request(path)] * 32)
            for answer in answers:
                found = checked(path, answer, answer.status)
                if answer.status == 503:
                    assert int(answer.headers["retry-after"]) >= 1
                    assert "--web.max-requests" in found["error"]
            return {answer.status for answer in answers}

        wait_until(lambda: statuses() == {200, 503}, 30, "some answered, and some refused")
        assert ask(exporter, path)
        assert exporter.metrics().total("ephemera_http_requests_total", code="503") > 0


def test_a_scrape_is_answered_while_the_api_is_busy(busy):
    """Measured in answers, not in seconds: a scrape that waits while the API answers one after
    another has lost its turn, however slow the machine."""
    stop, wrong, answered = threading.Event(), [], collections.Counter()

    def keep_asking(path):
        while not stop.is_set():
            try:
                response = busy.get(path)
                answered[path, response.status] += 1
                openapi.checked(of(path), *response)
            except BaseException as error:
                wrong.append(error)
                return

    paths = [PORTS, RANGE, f"{PORTS}/{busy.workload.port}?limit=1000",
             DESTINATIONS + "?owners=true"]
    threads = [threading.Thread(target=keep_asking, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    overtaken = []
    try:
        wait_until(lambda: wrong or len(answered) >= len(paths), 60, "an answer of each path")
        for _ in range(10):
            before = sum(answered.values())
            said = busy.get("/metrics")
            overtaken.append(sum(answered.values()) - before)
            assert said.status == 200
            assert Metrics(said.body.decode()).value(
                "ephemera_destination_ports", state="active",
                destination_port=busy.workload.port) == MANY
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[0]
    assert {status for _, status in answered} == {200}
    assert {path for path, _ in answered} == set(paths)
    # Each asks one thing at a time, so that a scrape in its turn is overtaken by few.
    assert max(overtaken) <= OVERTAKEN, overtaken


def test_it_ends_in_the_middle_of_requests():
    with Workload(MANY), Exporter(ON) as exporter:
        paths = [PORTS, f"{PORTS}/443", DESTINATIONS + "?owners=true", RANGE] * 8
        clients = [raw_connect(exporter) for _ in paths]
        try:
            for client, path in zip(clients, paths):
                client.sendall(request(path))
            assert exporter.terminate() == 0
            for client, path in zip(clients, paths):
                try:
                    answer = Reader(client).answer()
                except ConnectionError:
                    answer = None
                # Whoever got an answer got a whole one.
                assert answer is None or checked(path, answer, answer.status)
        finally:
            for client in clients:
                client.close()


def test_clients_that_leave_before_their_answer(busy):
    for path in (PORTS, DESTINATIONS + "?owners=true", f"{PORTS}/{busy.workload.port}?limit=1000"):
        for _ in range(3):
            clients = [raw_connect(busy) for _ in range(16)]
            for client in clients:
                client.sendall(request(path))
            drop(clients)
    assert ask(busy, RANGE)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_longest_answer_arrives_whole(busy, encoding):
    response = busy.get(f"{PORTS}/{busy.workload.port}?limit=1000", {"Accept-Encoding": encoding})
    body = gzip.decompress(response.body) if encoding == "gzip" else response.body
    found = openapi.checked(ONE, response.status, response.headers, body)
    assert_sensible(found, 1000)
    assert len(found["local"]["sockets"]) == len(found["remote"]["sockets"]) == 1000
