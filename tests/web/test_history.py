# SPDX-License-Identifier: Apache-2.0
"""/api/v1/history: what scrapes and requests found, as docs/openapi.yaml says."""

import errno
import json
import time

from lib import openapi
from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, connect_many, connect_until_refused, drop, listen

HISTORY = "/api/v1/history"
ON = "--web.enable-api"
SHOW_ALL = "--collector.destinations.minimum-ports=1"
FIRST, SIZE = 40000, 40
TARGET, OTHER = 9001, 9002


def history(exporter):
    answer = exporter.get(HISTORY)
    assert answer.status == 200
    found = json.loads(answer.body)
    openapi.assert_valid(found, openapi.schema("History"))
    return found


def ports(found, sample):
    """{port of a destination: ports used} of a sample; what the request itself left is none of it."""
    names = {entry["id"]: entry["destination_port"] for entry in found["destinations"]}
    return {names[place]: used for place, used in found["samples"][sample]["ports"]
            if names[place] in (TARGET, OTHER)}


def later():
    """Samples are a second apart."""
    time.sleep(1.01)


@in_namespace
def test_requests_and_scrapes_fill_it():
    set_range(FIRST, FIRST + SIZE - 1)
    _listeners = [listen(IPV4, "127.0.0.1", port) for port in (TARGET, OTHER)]
    clients = connect_many(7, IPV4, "127.0.0.1", TARGET) + connect_many(3, IPV4, "127.0.0.1", OTHER)
    with Exporter(ON, SHOW_ALL) as exporter:
        begun = time.time() * 1000
        found = history(exporter)
        assert len(found["samples"]) == 1
        assert found["seconds"] == 900
        assert ports(found, 0) == {TARGET: 7, OTHER: 3}
        assert found["samples"][0]["usable_ports"] == SIZE
        assert begun - 1000 <= found["samples"][0]["time_ms"] <= found["now_ms"]
        assert "failures" not in found["samples"][0]
        # Sooner than after a second nothing is added.
        assert len(history(exporter)["samples"]) == 1
        later()
        clients += connect_many(5, IPV4, "127.0.0.1", TARGET)
        exporter.get("/metrics")
        drop(clients)
        later()
        exporter.get("/api/v1/destinations")
        later()
        found = history(exporter)
        assert [ports(found, i) for i in range(4)] == [
            {TARGET: 7, OTHER: 3}, {TARGET: 12, OTHER: 3}, {}, {}]
        times = [sample["time_ms"] for sample in found["samples"]]
        assert times == sorted(times)


@in_namespace
def test_a_scrape_without_destinations_adds_nothing():
    with Exporter(ON) as exporter:
        exporter.get("/metrics?collect[]=range")
        later()
        assert len(history(exporter)["samples"]) == 1


@needs_bpf
@in_namespace
def test_failures():
    set_range(FIRST, FIRST + SIZE - 1)
    _listener = listen(IPV4, "127.0.0.1", TARGET)
    with Exporter(ON, "--collector.exhaustion", SHOW_ALL) as exporter:
        assert history(exporter)["samples"][0]["failures"] == 0
        clients, error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
        assert error == errno.EADDRNOTAVAIL
        later()
        found = history(exporter)
        assert found["samples"][-1]["failures"] == 1
        assert ports(found, 1) == {TARGET: SIZE}
        later()
        exporter.get("/metrics")
        assert history(exporter)["samples"][-1]["failures"] == 1
        drop(clients)


@in_namespace
def test_without_the_api_there_is_none():
    with Exporter() as exporter:
        assert exporter.get(HISTORY).status == 404


@needs_bpf
@in_namespace
def test_it_is_of_the_own_namespace():
    with Exporter(ON, "--namespaces=all") as exporter:
        answer = exporter.get(HISTORY + "?namespace=1")
        assert (answer.status, json.loads(answer.body)["error"]) == (
            400, "the history is of the exporter's own network namespace alone")
        assert history(exporter)["samples"]
