# SPDX-License-Identifier: Apache-2.0
"""What is on a busy port takes few lines: sockets that are alike are counted, and their addresses open on demand."""

import json
import os
import sys
from pathlib import Path

import pytest

from lib import openapi
from lib.exporter import Exporter
from lib.namespace import in_namespace

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import workload

CLIENTS, ADDRESSES, TOTAL = 983, 211, 1700
WAITING = 13


def listener():
    """The document's own example."""
    content = openapi.responses("/api/v1/ports/{port}")[200]["content"]["application/json"]
    made = json.loads(json.dumps(content["examples"]["listener"]["value"]))
    made["port"] = 443
    return made, content["schema"]


def sockets(made, number, **more):
    sample, = made["local"]["sockets"]
    for name in ("accept_queue", "accept_queue_limit", "port_chosen"):
        sample = {key: value for key, value in sample.items() if key != name}
    return [{**sample, "state": "established", "role": "inbound", "meaning": "A client's connection to the service on port 443.",
             "remote_address": f"192.0.2.{i % ADDRESSES + 1}", "remote_port": 32768 + i, "age_seconds": 4 + i, "age_is_exact": False,
             "processes": [{**process, "fds": [7 + i]} for process in sample["processes"]], **more} for i in range(number)]


def waiting(made, number):
    sample = sockets(made, number, state="time_wait", role="time_wait", holders="none", holders_complete=True, processes=[])
    for i, each in enumerate(sample):
        del each["holders_incomplete"]
        each |= {"expires_seconds": 11 + i, "reusable": False,
                 "meaning": f"Left over from a connection that is closed (TIME_WAIT): no process has it. It is gone in {11 + i} s."}
    return sample


def answer(*more, total=None):
    made, schema = listener()
    made["local"]["sockets"] += [each for make in more for each in make(made)]
    made["local"]["total"] = total or len(made["local"]["sockets"])
    openapi.assert_valid(made, schema)
    return made


CASES = {
    "busy": answer(lambda made: sockets(made, CLIENTS), lambda made: waiting(made, WAITING), total=TOTAL),
    "one": answer(lambda made: sockets(made, 1)),
    "users": answer(lambda made: sockets(made, 3), lambda made: sockets(made, 2, uid=33, user="www-data")),
    "all different": answer(lambda made: [{**each, "uid": i} for i, each in enumerate(sockets(made, 300))]),
    "listeners": answer(lambda made: [{**made["local"]["sockets"][0]} for _ in range(2)]),
}


@pytest.fixture(scope="module")
def seen(module_folder):
    workload.need_browser()
    told = module_folder / "seen.json"

    @in_namespace(seconds=300)
    def play_all():
        with Exporter("--web.enable-api") as exporter:
            known = {"cases": CASES, "pictures": os.environ.get("EPHEMERA_PICTURES")}
            told.write_text(json.dumps(workload.play(exporter, ["alike"], known)["alike"]))

    play_all()
    found = json.loads(told.read_text())
    assert found["faults"] == []
    return found["seen"]


def test_connections_that_are_alike_are_one_line(seen):
    page = seen["busy"]
    assert page["asked"] == "?limit=1000"
    assert [item.splitlines()[0] for item in page["items"][1:]] == [
        f"{CLIENTS} connections established from {ADDRESSES} addresses",
        f"{WAITING} connections in TIME_WAIT with {WAITING} addresses"]
    assert f"As the local port: {TOTAL:,} sockets" in page["closed"]
    assert f"And {TOTAL - CLIENTS - WAITING - 1} more." in page["closed"]
    assert "192.0.2." not in page["closed"]


def test_what_they_have_in_common_is_said_once(seen):
    accepted, over = seen["busy"]["items"][1:]
    assert "Each: A client's connection to the service on port 443." in accepted
    assert f"for at least 4 s to {(4 + CLIENTS - 1) // 60} min" in accepted
    assert "pid 1201, descriptors 7, 8, 9, 10, 11, 12, 13, 14…" in accepted
    assert accepted.count("pid 1201") == 1
    assert "no process has it." in over and "gone in" not in over
    assert f"Time left\n11 s to {11 + WAITING - 1} s" in over.replace("\n\n", "\n")


def test_the_panel_is_low_also_when_a_line_is_open(seen):
    assert seen["busy"]["height"] < 1600
    assert seen["busy"]["high"] < seen["busy"]["height"] + 1000
    assert seen["all different"]["items"][20:] == [] and "And 281 more." in seen["all different"]["closed"]
    assert {page["width"] for page in seen.values()} == {390}


def test_the_addresses_open_by_the_keyboard_and_stay_open(seen):
    page = seen["busy"]
    assert len(page["lines"]) == 20
    assert page["lines"][1].endswith(" → 192.0.2.2:32769 for at least 5 s")
    assert page["open"][0] is True and page["open"][1].endswith(f"And {CLIENTS - 20} more.")
    assert page["focus"] == "summary"
    assert page["weak"] == []


def test_a_voice_reads_the_line(seen):
    assert f"{CLIENTS} connections established from {ADDRESSES} addresses" in seen["busy"]["spoken"]


def test_one_socket_is_shown_as_before(seen):
    assert "→ 192.0.2.1:32768" in seen["one"]["items"][1]
    assert "lines" not in seen["one"]


def test_other_users_and_listeners_are_apart(seen):
    assert [item.splitlines()[0].split()[0] for item in seen["users"]["items"][1:]] == ["3", "2"]
    assert len(seen["listeners"]["items"]) == 3 and "lines" not in seen["listeners"]
