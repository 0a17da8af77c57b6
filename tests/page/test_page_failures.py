# SPDX-License-Identifier: Apache-2.0
"""The page shows calls that fail as they fail: what, how often, and whose."""

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from exhaustion import fail, fill
from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, listen

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import workload

FIRST, SIZE = 40000, 60
TARGET = 9001
OTHERS = range(9002, 9008)
SERVICE = "checkout.service"
ONCE, AGAIN = 13, 4
API = ["--web.enable-api", "--web.listen-address=127.0.0.1:10059"]

pytestmark = needs_bpf


@pytest.fixture(scope="module")
def played(tree, module_folder):
    """What was seen while calls failed."""
    workload.need_browser()
    answers = module_folder / "seen.json"
    path = tree.make(f"/ephemera-failing-{os.getpid()}.slice/{SERVICE}")

    @in_namespace(seconds=300)
    def play_all():
        set_range(FIRST, FIRST + SIZE - 1)
        kept = [listen(IPV4, "127.0.0.1", port, backlog=500) for port in (TARGET, *OTHERS)]
        kept += [fill(IPV4, "127.0.0.1", port, SIZE) for port in (TARGET, *OTHERS)]

        def of_service(count):
            with tree.inside(path):
                fail(count, IPV4, "127.0.0.1", TARGET)

        def of_others():
            # One after the other: the last lines stay.
            for port in OTHERS:
                fail(1, IPV4, "127.0.0.1", port)
                time.sleep(0.6)

        steps = {"first": lambda: of_service(ONCE), "again": lambda: of_service(AGAIN), "others": of_others,
                 "hidden": lambda: fail(2, IPV4, "127.0.0.1", TARGET), "resumed": lambda: fail(3, IPV4, "127.0.0.1", TARGET)}
        known = {"first": ONCE, "again": AGAIN, "last": OTHERS[-1], "port": TARGET, "pictures": os.environ.get("EPHEMERA_PICTURES")}
        with Exporter(*API, "--collector.exhaustion") as exporter:
            told = workload.play(exporter, ["failing", "unseen"], known, steps)
        with Exporter(*API) as exporter:
            told |= workload.play(exporter, ["uncounted"], known)
        answers.write_text(json.dumps(told))
        del kept

    play_all()
    return {**json.loads(answers.read_text()), "path": path}


def test_before_a_call_fails_there_is_nothing_to_see(played):
    seen = played["failing"]["seen"]
    assert (seen["before"], seen["height"], seen["live"]) == ([], 0, "polite")


def test_a_line_says_when_what_how_often_and_whose(played):
    seen = played["failing"]["seen"]
    line, = seen["first"]
    assert re.fullmatch(rf"\d\d:\d\d:\d\d connect 127\.0\.0\.1:{TARGET} failed {ONCE} times, {SERVICE}", line), line
    assert seen["title"] == played["path"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", seen["time"])


def test_the_same_again_is_the_same_line(played):
    line, = played["failing"]["seen"]["again"]
    assert line.endswith(f" failed {ONCE + AGAIN} times, {SERVICE}")


def test_there_are_five_lines_the_newest_first(played):
    lines = played["failing"]["seen"]["others"]
    assert [int(re.search(r":(\d+) failed,", line)[1]) for line in lines] == list(OTHERS)[:0:-1]


def test_it_can_be_read_and_heard(played):
    seen = played["failing"]["seen"]
    assert seen["weak"] == []
    assert seen["width"] <= 390
    assert 'list "Failed calls"' in seen["verdict"]


def test_who_does_not_look_asks_nothing(played):
    seen = played["unseen"]["seen"]
    assert (seen["hidden"], seen["lines"], seen["paused"]) == (0, [], 0)
    assert seen["visible"] == 1
    line, = seen["resumed"]
    assert f":{TARGET} failed 3 times" in line


def test_where_nobody_counts_them_none_is_asked_for(played):
    assert played["uncounted"]["seen"] == {"asked": False, "lines": []}


@pytest.mark.parametrize("scenario", ["failing", "unseen", "uncounted"])
def test_nothing_goes_wrong_where_calls_fail(played, scenario):
    assert played[scenario]["faults"] == []
