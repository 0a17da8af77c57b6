# SPDX-License-Identifier: Apache-2.0
"""Server-Timing: how long the exporter took, for those who decide by it how often they ask."""

import json
import re
import time

import pytest

from lib.bpf import needs_bpf
from lib.exporter import Exporter
from raw import Workload, answers_at_once, request

ON = "--web.enable-api"
# What the page asks together.
TOGETHER = ["/api/v1/ports", "/api/v1/destinations?owners=true", "/api/v1/range", "/api/v1/history"]


@pytest.fixture(scope="module")
def exporter():
    with Exporter(ON) as running:
        yield running


def times(headers):
    """{name: ms}; None: there is no such header."""
    header = headers.get("Server-Timing") or headers.get("server-timing")
    if header is None:
        return None
    parts = [re.fullmatch(r"(\w+);dur=(\d+\.\d)", part) for part in header.split(", ")]
    assert all(parts), header
    return {part[1]: float(part[2]) for part in parts}


@pytest.mark.parametrize("path, names", [
    *((path, ["walk", "render"]) for path in TOGETHER), ("/api/v1/ports/443", ["lookup", "render"])])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_answer_that_needs_a_look_says_how_long_it_took(exporter, path, names, method):
    began = time.monotonic()
    found = times(exporter.get(path, method=method).headers)
    assert list(found) == names
    # Rounded to a tenth.
    assert 0 < sum(found.values()) <= 1e3 * (time.monotonic() - began) + 0.1


@pytest.mark.parametrize("path", ["/", "/-/healthy", "/pages/map.js", "/metrics", "/api/v1/nothing", "/api/v1/ports/0"])
def test_what_needs_none_says_nothing(exporter, path):
    assert times(exporter.get(path).headers) is None


def test_a_longer_look_takes_longer():
    def least(running):
        return min(times(running.get("/api/v1/destinations").headers)["walk"] for _ in range(25))

    with Exporter(ON) as running:
        before = least(running)
        with Workload(9000):
            many = least(running)
        # So many that those which other tests open and close meanwhile are few beside them.
        assert many > min(before, least(running))


@needs_bpf
def test_all_that_the_page_asks_together_share_a_look():
    """With the failures that the history notes."""
    with Exporter(ON, "--collector.exhaustion", "--web.max-walks-per-second=1") as running:
        # All come before the next one may begin.
        running.get("/metrics")
        answers = answers_at_once(running, [request(path) for path in TOGETHER])
        assert [answer.status for answer in answers] == [200] * len(TOGETHER)
        assert len({times(answer.headers)["walk"] for answer in answers}) == 1
        assert json.loads(running.get("/api/v1/history").body)["samples"][0]["failures"] == 0
