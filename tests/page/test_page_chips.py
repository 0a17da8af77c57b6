# SPDX-License-Identifier: Apache-2.0
"""The chips beside the verdict: a figure, a level, and where more is told."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import made_up
from made_up import NOW, destination, destinations


def summary(calls=None, queue=None, sockets=0, limit=1000, udp=0, at_risk=(), **more):
    """calls: (total, recent). queue: (port, waiting, limit)."""
    found = {"range": {"first_port": 40000, "last_port": 40999, "ports": 1000},
             "time_wait": {"sockets": sockets, **({"limit": limit, "usage_ratio": sockets / limit} if limit else {})},
             "pools": {"ports": 1000, "tcp": {"used": 0, "usage_ratio": 0}, "udp": {"used": udp, "usage_ratio": udp / 1000}},
             "listeners_at_risk": {"ports": len(at_risk), "first": list(at_risk)[:10]}}
    if calls:
        found["failed_calls"] = {"total": calls[0], "recent": calls[1], "recent_since_ms": NOW}
    if queue:
        port, waiting, limit = queue
        found["accept_queue"] = {"address": "0.0.0.0", "port": port, "waiting": waiting, "limit": limit,
                                 "usage_ratio": waiting / (limit + 1)}
    return {"summary": {**found, **more}, "destinations": destinations(destination(100))}


CASES = {
    "calm": summary((0, 0), (443, 0, 128), at_risk=()),
    "unknown": summary(limit=None),
    "watch": summary((1334, 0), (443, 65, 128), 800, udp=800, at_risk=(8080, 9100)),
    "bad": summary((1334, 13), (443, 129, 128), 1000, udp=1000, at_risk=range(50000, 50013)),
    "almost": summary((1, 1), (443, 64, 128), 799, udp=799, at_risk=[8080]),
}
def snat(used, ports=1000, seconds=0, **pool):
    return {"used": used, "ports": ports, "usage_ratio": used / ports, "time_ms": NOW - 1000 * seconds, **pool}


POOL = {"protocol": "tcp", "source": "10.77.2.1", "destination": "10.77.2.2", "destination_port": 443}
CASES |= {
    "snat calm": summary(snat=snat(0)),
    "snat low": summary(snat=snat(799, **POOL)),
    "snat nearly full": summary(snat=snat(987, seconds=75, **POOL)),
    "snat full": summary(snat=snat(10, 10, **{**POOL, "destination": "2001:db8::2"})),
}
KEYS = ["failed-calls", "accept-queue", "time-wait", "udp-pool", "at-risk"]


@pytest.fixture(scope="module")
def seen(module_folder):
    return made_up.show(module_folder, CASES)


def levels(page):
    return {key: level for key, level, _, _ in page["chips"]}


def texts(page):
    return {key: " ".join(text.split()) for key, _, text, _ in page["chips"]}


def test_a_calm_host_has_quiet_chips(seen):
    assert levels(seen["calm"]) == dict.fromkeys(KEYS, "ok")
    assert list(texts(seen["calm"]).values()) == ["0 failed calls", "accept queue 0 %", "TIME_WAIT table 0 %", "UDP pool 0 %",
                                                  "0 listeners at risk"]


def test_what_is_not_known_has_no_chip(seen):
    assert list(levels(seen["unknown"])) == ["udp-pool", "at-risk"]


def test_what_to_watch(seen):
    assert levels(seen["watch"]) == dict.fromkeys(KEYS, "watch")
    words = {key: text.removesuffix(" (watch)") for key, text in texts(seen["watch"]).items()}
    assert words == {"failed-calls": "1,334 failed calls, none lately", "accept-queue": "accept queue 50 % on 443",
                     "time-wait": "TIME_WAIT table 80 %: 800 of 1,000", "udp-pool": "UDP pool 80 %: 800 of 1,000 ports",
                     "at-risk": "2 listeners at risk: 8080, 9100"}


def test_what_is_bad(seen):
    assert levels(seen["bad"]) == {**dict.fromkeys(KEYS, "bad"), "at-risk": "watch"}
    assert "1,334 failed calls, 13 since " in texts(seen["bad"])["failed-calls"]
    assert "13 listeners at risk: 50000, 50001, 50002, …" in texts(seen["bad"])["at-risk"]


def test_the_steps_are_where_they_are_said_to_be(seen):
    assert levels(seen["almost"]) == {"failed-calls": "bad", "accept-queue": "ok", "time-wait": "ok", "udp-pool": "ok",
                                      "at-risk": "watch"}


def test_each_leads_to_where_more_is_told(seen):
    assert [to for _, _, _, to in seen["bad"]["chips"]] == ["history", "#443", "all-ports", "all-ports", "#50000"]


def test_levels_differ_in_colour_in_form_and_in_a_mark(seen):
    forms = [seen[name]["chip_forms"][0] for name in ("calm", "watch", "bad")]
    assert len({(colour, ground) for colour, ground, _, _ in forms}) == 3
    assert [border for _, _, border, _ in forms] == ["solid", "dashed", "solid"]
    assert len({mark for _, _, _, mark in forms}) == 3


@pytest.mark.parametrize("name, level, text", [
    ("snat calm", "ok", "SNAT 0 %"), ("snat low", "ok", "SNAT 79 %"),
    ("snat nearly full", "watch", "SNAT 10.77.2.2:443 98 % (watch)"), ("snat full", "bad", "SNAT [2001:db8::2]:443 full (bad)")])
def test_source_nat_has_a_chip_where_it_is_looked_at(seen, name, level, text):
    assert (levels(seen[name])["snat"], texts(seen[name])["snat"]) == (level, text)
    assert seen[name]["chips"][-1][-1] == "snat"
    assert "snat" not in levels(seen["bad"])


def test_the_chip_of_source_nat_leads_to_the_figures_and_a_command(seen):
    told = " ".join(seen["snat nearly full"]["snat"].split())
    clock = time.strftime("%H:%M:%S", time.localtime(NOW / 1000 - 75))
    assert (f"Ports of source NAT At the last scrape, {clock}, 987 of 1,000 ports from 10.77.2.1 towards tcp 10.77.2.2:443 "
            "were used.") in told
    assert seen["snat nearly full"]["snat_commands"] == ["ephemera destinations --snat"]
    assert "no destination had a noticeable share of its 1,000 ports." in seen["snat calm"]["snat"]
    assert seen["calm"]["snat"] is False
