# SPDX-License-Identifier: Apache-2.0
"""Scrapes that overlap share one walk over the sockets, and each still gets its own answer."""

import itertools

import pytest

from lib.exporter import Exporter, Metrics, all_but
from raw import Workload, answers_at_once, request
from test_http import collectors_of

CONCURRENT = 64
MANY, FEW = 3001, 7


@pytest.fixture(scope="module")
def exporter():
    # Enough sockets that a walk lasts longer than it takes to send all the requests.
    with Workload(MANY) as workload, \
            Exporter("--web.max-requests=1000", "--web.max-connections=1000",
                     "--collector.destinations.limit=1000",
                     f"--collector.destinations.minimum-ports={FEW}") as running:
        running.workload = workload
        yield running


def walks(exporter):
    return exporter.metrics().value("ephemera_scrapes_total")


def scrapes_at_once(exporter, paths):
    answers = answers_at_once(exporter, [request(path) for path in paths])
    for answer in answers:
        assert answer is not None and answer.status == 200
    return [Metrics(answer.body.decode()) for answer in answers]


def test_one_after_another_walks_each_time(exporter):
    first = walks(exporter)
    assert [walks(exporter) for _ in range(5)] == [first + n for n in range(1, 6)]


def test_overlapping_scrapes_share_a_walk(exporter):
    before = walks(exporter)
    rounds = 4
    for _ in range(rounds):
        for metrics in scrapes_at_once(exporter, ["/metrics"] * CONCURRENT):
            assert metrics.value("ephemera_destination_ports", state="active",
                                 destination_port=exporter.workload.port) == MANY
    walked = walks(exporter) - before - 1
    assert walked >= rounds
    assert walked <= rounds * CONCURRENT / 4


def test_a_scrape_never_gets_numbers_from_before_it_was_asked_for(exporter):
    for _ in range(20):
        with Workload(FEW) as fresh:
            answers = scrapes_at_once(exporter, ["/metrics"] * 4)
            for metrics in answers:
                assert metrics.value("ephemera_destination_ports", state="active",
                                     destination_port=fresh.port) == FEW


def test_each_gets_what_it_asked_for(exporter):
    wishes = [
        ("", all_but()),
        ("?collect[]=range", "range"),
        ("?collect[]=sockets", "sockets"),
        ("?collect[]=range&collect[]=destinations", "range destinations"),
        ("?exclude[]=sockets", all_but("sockets")),
        ("?exclude[]=range&exclude[]=binds", all_but("range", "binds")),
    ]
    order = list(itertools.islice(itertools.cycle(wishes), CONCURRENT))
    for _ in range(5):
        found = scrapes_at_once(exporter, [f"/metrics{query}" for query, _ in order])
        for (_, expected), metrics in zip(order, found):
            assert collectors_of(metrics) == set(expected.split())
            for _, count in metrics.samples("ephemera_destination_ports", state="active",
                                            destination_port=exporter.workload.port):
                assert count == MANY


def test_formats_do_not_mix(exporter):
    accepts = ["application/openmetrics-text;version=1.0.0", "text/plain;version=0.0.4",
               "text/plain;version=1.0.0"]
    order = list(itertools.islice(itertools.cycle(accepts), CONCURRENT))
    answers = answers_at_once(exporter, [request(Accept=accept) for accept in order])
    for accept, answer in zip(order, answers):
        base, version = accept.split(";")
        assert answer.headers["content-type"].startswith(f"{base}; {version};")
        assert answer.body.endswith(b"# EOF\n") == ("openmetrics" in accept)
