# SPDX-License-Identifier: Apache-2.0
"""/api/v1/failures: each call that finds no port is told once, to all who wait, and waiting has bounds."""

import contextlib
import json
import signal
import socket
import threading
import time

import pytest

from exhaustion import fail, fill
from lib import openapi
from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, drop, listen
from raw import Reader, connect, request, wait_until

FAILURES = "/api/v1/failures"
ON = ("--web.enable-api", "--collector.exhaustion")
FIRST, SIZE = 40000, 10
TARGET, OTHER = 9001, 9002
# Longer than two looks of the exporter, shorter than it lets a request wait.
PATIENCE = 10

pytestmark = needs_bpf


class Stream:
    """What an EventSource makes of an answer, strictly."""

    def __init__(self, body):
        self.events, self.id, self.comments, self.retry = [], None, [], None
        *blocks, rest = body.decode().split("\n\n")
        assert rest == ""
        for block in blocks:
            data, name = None, "message"
            for line in block.split("\n"):
                field, value = line.split(": ", 1)
                if field == "id":
                    self.id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data = json.loads(value)
                    openapi.assert_valid(data, openapi.schema("Failure"))
                elif field == "retry":
                    self.retry = int(value)
                else:
                    assert field == ""
                    self.comments.append(value)
            if data:
                assert name == "failure"
                self.events.append(data)

    def calls(self):
        return sum(event["calls"] for event in self.events)


def ask(exporter, after=None, seconds=None):
    headers = {**({"Last-Event-ID": after} if after else {}),
               **({"X-Prometheus-Scrape-Timeout-Seconds": seconds} if seconds else {})}
    answer = exporter.get(FAILURES, headers)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    return Stream(answer.body)


def ask_until(exporter, after, calls):
    """All that failed after that id, so many calls, and the last id. Nothing comes after them."""
    told = []
    deadline = time.monotonic() + 30
    while sum(event["calls"] for event in told) < calls:
        assert time.monotonic() < deadline, told
        stream = ask(exporter, after, seconds=2)
        told += stream.events
        after = stream.id
    last = ask(exporter, after, seconds=1)
    assert (last.events, last.id) == ([], after)
    assert sum(event["calls"] for event in told) == calls
    return told, after


@contextlib.contextmanager
def exhausted(*flags):
    """An exporter where no port is left towards TARGET."""
    set_range(FIRST, FIRST + SIZE - 1)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    clients = fill(IPV4, "127.0.0.1", TARGET, SIZE)
    with Exporter(*ON, *flags) as exporter:
        yield exporter
    drop([listener, *clients])


@in_namespace
def test_each_call_is_told_once():
    with exhausted() as exporter:
        begun = ask(exporter, seconds=1)
        assert (begun.events, begun.comments, begun.retry) == ([], ["no call failed"], 1000)
        now = time.time() * 1000
        fail(13, IPV4, "127.0.0.1", TARGET)
        told, last = ask_until(exporter, begun.id, 13)
        for event in told:
            assert (event["call"], event["protocol"], event["family"]) == ("connect", "tcp", "ipv4")
            assert (event["source"], event["destination"], event["destination_port"]) == (
                "127.0.0.1", "127.0.0.1", TARGET)
            assert now - 10 <= event["time_ms"] <= time.time() * 1000 + 10
            assert event["process"]
        # Who goes back gets the same again, and who begins none of it.
        again, _ = ask_until(exporter, begun.id, 13)
        assert again == told
        assert ask(exporter, seconds=1).id == last
        fail(2, IPV4, "127.0.0.1", TARGET)
        ask_until(exporter, last, 2)


@in_namespace
def test_a_request_waits_until_a_call_fails():
    with exhausted() as exporter:
        found = []
        waiting = [threading.Thread(target=lambda: found.append(ask(exporter))) for _ in range(3)]
        for thread in waiting:
            thread.start()
        time.sleep(1)
        assert not found
        began = time.monotonic()
        fail(1, IPV4, "127.0.0.1", TARGET)
        for thread in waiting:
            thread.join()
        assert time.monotonic() - began < PATIENCE
        assert [stream.calls() for stream in found] == [1, 1, 1]


@in_namespace
def test_what_was_before_is_not_told():
    with exhausted() as exporter:
        fail(5, IPV4, "127.0.0.1", TARGET)
        begun = ask(exporter, seconds=1)
        assert begun.events == []
        fail(1, IPV4, "127.0.0.1", TARGET)
        ask_until(exporter, begun.id, 1)


@in_namespace
def test_an_id_of_another_start_is_none_of_ours():
    with exhausted() as exporter:
        begun = ask(exporter, seconds=1)
        fail(3, IPV4, "127.0.0.1", TARGET)
        ask_until(exporter, begun.id, 3)
        # All that there is is new to its client.
        assert ask(exporter, "1767225600250-99", seconds=2).calls() == 3


@in_namespace
def test_more_than_can_be_told_apart_is_still_counted():
    calls = 20000
    with exhausted() as exporter:
        begun = ask(exporter, seconds=1)
        fail(calls, IPV4, "127.0.0.1", TARGET)
        told, _ = ask_until(exporter, begun.id, calls)
        assert any("call" in event for event in told)


def test_the_owner_is_told(tree):
    path = tree.make("/ephemera-failures.slice/checkout.service")

    @in_namespace
    def play():
        with exhausted() as exporter:
            begun = ask(exporter, seconds=1)
            with tree.inside(path):
                fail(7, IPV4, "127.0.0.1", TARGET)
            fail(2, IPV4, "127.0.0.1", TARGET)
            told, _ = ask_until(exporter, begun.id, 9)
            assert sum(event["calls"] for event in told if event.get("cgroup") == path) == 7

    play()


# Without waiting


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_head_does_not_wait(version):
    with Exporter(*ON) as exporter, connect(exporter, timeout=PATIENCE) as client:
        client.sendall(request(FAILURES, method="HEAD", version=version))
        answer = Reader(client).answer(head=True)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")


def test_http_1_0_gets_a_whole_answer():
    with Exporter(*ON) as exporter, connect(exporter) as client:
        client.sendall(request(FAILURES, version="HTTP/1.0", X_Prometheus_Scrape_Timeout_Seconds="1"))
        answer = Reader(client).answer()
        assert answer.status == 200
        assert int(answer.headers["content-length"]) == len(answer.body)
        assert Stream(answer.body).events == []
        assert client.recv(1) == b""


def test_it_does_not_wait_for_ever():
    with Exporter(*ON) as exporter:
        began = time.monotonic()
        assert ask(exporter).events == []
        assert 14 < time.monotonic() - began < 14 + PATIENCE


# What is refused


def refused(exporter, status, path=FAILURES, **headers):
    """What it says."""
    answer = exporter.get(path, {name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status == status
    return openapi.checked(FAILURES, *answer)["error"]


@pytest.mark.parametrize("value", ["1", "-1", "1-", "a-1", "1-1-1", "1-2x", "1" * 19 + "-1"])
def test_what_is_no_id_is_refused(value):
    with Exporter(*ON) as exporter:
        assert refused(exporter, 400, Last_Event_ID=value) == (
            "Last-Event-ID must be the id of an event, such as 1767225600250-13")


def test_other_names_of_this_host_are_refused():
    with Exporter(*ON) as exporter, connect(exporter) as client:
        client.sendall(request(FAILURES).replace(b"localhost", b"evil.example"))
        answer = Reader(client).answer()
        assert answer.status == 403
        assert "must be localhost" in openapi.checked(FAILURES, *answer)["error"]


def test_it_is_of_the_own_namespace():
    with Exporter(*ON, "--namespaces=all") as exporter:
        assert refused(exporter, 400, FAILURES + "?namespace=1") == (
            "failures are of the exporter's own network namespace alone")
        assert ask(exporter, seconds=1).events == []


def test_where_nobody_counts_there_is_none():
    with Exporter("--web.enable-api") as exporter:
        assert refused(exporter, 404) == "failed calls are not counted; start with --collector.exhaustion"
    with Exporter("--collector.exhaustion") as exporter:
        assert exporter.get(FAILURES).status == 404


# Bounds


def has_hung_up(client):
    """Leaves what the peer has sent: a call from before may be told before any other."""
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


@contextlib.contextmanager
def held(exporter, count):
    """So many requests that wait."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(exporter, timeout=30)) for _ in range(count)]
        for client in clients:
            client.sendall(request(FAILURES))
        time.sleep(0.5)
        assert not any(map(has_hung_up, clients))
        for client in clients:
            client.settimeout(30)
        yield clients


def test_who_waits_takes_no_place_of_a_scrape():
    with Exporter(*ON, "--web.max-requests=2", "--web.max-requests-per-address=2") as exporter, held(exporter, 2):
        assert refused(exporter, 503) == "too many requests at the same time (--web.max-requests)"
        for path in ("/metrics", "/api/v1/history", "/api/v1/ports/443"):
            assert exporter.get(path).status == 200
        assert exporter.metrics().value("ephemera_http_refused_total", reason="requests") == 1


def test_one_address_has_its_bound():
    with Exporter(*ON, "--web.max-requests=9", "--web.max-requests-per-address=2") as exporter, held(exporter, 2):
        assert "from one address" in refused(exporter, 503)


def test_who_goes_away_leaves_a_place():
    with Exporter(*ON, "--web.max-requests=1") as exporter:
        for _ in range(3):
            with held(exporter, 1):
                pass
            # Long before its time is over.
            wait_until(lambda: exporter.get(FAILURES, {"X-Prometheus-Scrape-Timeout-Seconds": "1"}).status == 200,
                       PATIENCE, "a place")


def test_a_scrape_gets_in_where_all_connections_wait():
    with Exporter(*ON, "--web.max-connections=4", "--web.max-connections-per-address=4") as exporter, \
            held(exporter, 4):
        assert exporter.get("/metrics").status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_waits_for_nobody_who_waits(number):
    with Exporter(*ON) as exporter, held(exporter, 5) as clients:
        began = time.monotonic()
        exporter.proc.send_signal(number)
        for client in clients:
            answer = Reader(client).answer()
            assert answer.status == 200
            assert Stream(answer.body).events == []
        assert exporter.proc.wait(timeout=PATIENCE) == 0
        assert time.monotonic() - began < 5


def test_many_come_and_go_while_calls_fail():
    @in_namespace
    def play():
        with exhausted() as exporter:
            for _ in range(10):
                with held(exporter, 3) as clients:
                    fail(5, IPV4, "127.0.0.1", TARGET)
                    Reader(clients[0]).answer()
            assert exporter.terminate() == 0

    play()
