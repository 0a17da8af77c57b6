# SPDX-License-Identifier: Apache-2.0
"""Who opens the page in an incident reads without scrolling: what is wrong, towards whom, whose it is, and since when."""

import json
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from lib.bpf import MISSING
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, connect_many, connect_until_refused, listen

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import workload

FIRST, LAST = 40000, 40399
TARGET, CALM = 30001, 30002
# More than the browser has towards the exporter.
CALM_PORTS = 29
SERVICE = "checkout.service"
# Outside the range: a full one has no port for a listener.
ON = ["--web.enable-api", "--web.listen-address=127.0.0.1:10059", *([] if MISSING else ["--collector.exhaustion"])]
# A queue takes one more than its limit.
QUEUE, BACKLOG = 30003, 7

HOST = socket.gethostname()
SCREENS = ["desktop", "dark", "phone"]


def look(exporter):
    return json.loads(exporter.get("/api/v1/history").body)


@pytest.fixture(scope="module")
def played(tree, module_folder):
    """What was seen before a destination was full, and then."""
    workload.need_browser()
    answers = module_folder / "seen.json"
    slice_of_test = f"/ephemera-screen-{os.getpid()}.slice"
    path = tree.make(f"{slice_of_test}/{SERVICE}")

    @in_namespace(seconds=300)
    def play_all():
        set_range(FIRST, LAST)
        listeners = [listen(IPV4, "127.0.0.1", port, backlog=500) for port in (TARGET, CALM)]
        kept = connect_many(CALM_PORTS, IPV4, "127.0.0.1", CALM)
        known = {"pictures": os.environ.get("EPHEMERA_PICTURES")}
        with Exporter(*ON) as exporter:
            told = workload.play(exporter, ["calm"], known)
            look(exporter)
            with tree.inside(path):
                clients, _error = connect_until_refused(IPV4, "127.0.0.1", TARGET)
            listeners.append(listen(IPV4, "127.0.0.1", QUEUE, backlog=BACKLOG))
            clients_of_queue = connect_many(BACKLOG + 1, IPV4, "127.0.0.1", QUEUE)
            # Samples are a second apart.
            time.sleep(1.01)
            told["full_since"] = look(exporter)["samples"][-1]["time_ms"]
            time.sleep(1.01)
            look(exporter)
            told |= workload.play(exporter, ["full", "owner"], known)
        told["ports"] = len(clients)
        answers.write_text(json.dumps(told))
        del listeners, kept, clients_of_queue

    play_all()
    return {**json.loads(answers.read_text()), "path": path}


@pytest.mark.parametrize("screen", SCREENS)
def test_what_is_wrong_towards_whom_whose_and_since_when(played, screen):
    full, ports = played["full"]["seen"][screen], played["ports"]
    assert ports == LAST - FIRST + 1
    assert full["title"] == f"{HOST}: {TARGET} full – Ephemera"
    assert full["verdict"] == (f"{TARGET} is full: {SERVICE} holds {ports} of {ports} ports towards 127.0.0.1:{TARGET}. "
                               "connect() fails.")
    since = time.strftime("%H:%M:%S", time.localtime(played["full_since"] / 1000))
    failed = "" if MISSING else " 1 call failed since then."
    assert full["since"] == f"Full since {since}.{failed}"
    for fact in (since, f": {TARGET} full", f"{TARGET} is full:", SERVICE, f"holds {ports} of {ports} ports towards "
                 f"127.0.0.1:{TARGET}", "FULL: connect() fails", "Live, every "):
        assert fact in full["text"], full["text"]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_calm_host_is_said_to_be_calm(played, screen):
    calm = played["calm"]["seen"][screen]
    assert calm["title"] == f"{HOST}: OK – Ephemera"
    assert "No destination has used half of its ports." in calm["text"], calm["text"]


@pytest.mark.parametrize("screen", SCREENS)
def test_what_else_goes_wrong_is_beside_the_verdict(played, screen):
    full = played["full"]["seen"][screen]
    levels = dict(full["chips"])
    assert levels["accept-queue"] == "bad"
    facts = [f"accept queue 100 % on {QUEUE}", "TIME_WAIT table ", "UDP pool 0 %", "0 listeners at risk"]
    if not MISSING:
        assert levels["failed-calls"] == "bad"
        facts.append("1 failed call, 1 since ")
    for fact in facts:
        assert fact in full["text"], full["text"]
    calm = dict(played["calm"]["seen"][screen]["chips"])
    assert set(calm.values()) == {"ok"}
    assert set(calm) == {"accept-queue", "time-wait", "udp-pool", "at-risk", *([] if MISSING else ["failed-calls"])}


@pytest.mark.parametrize("kind, destination, left", [("calm", CALM, LAST - FIRST + 1 - CALM_PORTS), ("full", TARGET, 0)])
def test_the_map_begins_with_what_is_left_where_least_is(played, kind, destination, left):
    summary = played[kind]["seen"]["desktop"]["summary"]
    assert summary.startswith(f"{left} of {LAST - FIRST + 1} ports are left towards 127.0.0.1:{destination}. "), summary
    assert f"Of the {LAST - FIRST + 1} ports below, " in summary
    assert "free" not in summary


@pytest.mark.parametrize("kind", ["calm", "full"])
@pytest.mark.parametrize("screen", SCREENS)
def test_the_verdict_comes_first_and_the_map_last(played, kind, screen):
    seen = played[kind]["seen"][screen]
    assert seen["order"] == ["verdict", "history", "destinations", "map"]
    assert seen["width"] <= (390 if screen == "phone" else 1400)
    assert seen["weak"] == []


def test_the_whole_path_of_the_owner_opens_and_stays_open(played):
    seen = played["owner"]["seen"]
    assert seen == {"title": played["path"], "before": False, "path": played["path"], "after": True}


@pytest.mark.parametrize("scenario", ["calm", "full", "owner"])
def test_nothing_goes_wrong_on_the_first_screen(played, scenario):
    assert played[scenario]["faults"] == []
