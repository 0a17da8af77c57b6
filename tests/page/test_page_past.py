# SPDX-License-Identifier: Apache-2.0
"""What the page makes of the last 15 minutes: since when a destination is full, and the picture of it."""

import re
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import made_up
from made_up import NOW, SERVICE, TO, destination, destinations, history

FULL = destinations(destination(700, 300, owner=SERVICE))
HALF = destinations(destination(700, owner=SERVICE))
CALM = destinations(destination(100, owner=SERVICE))

# Nine at once: the last is in no sample.
CROWD = tuple(range(443, 452))

CASES = {
    "begins": (FULL, history((30, 400, 2), (20, 990, 2), (10, 1000, 5), (0, 1000, 13))),
    "always": (FULL, history((20, 1000), (10, 1000), (0, 1000))),
    "after a gap": (FULL, history((60, 400), (10, 1000), (0, 1000))),
    "with a gap": (FULL, history((60, 400), (50, 1000), (10, 1000), (0, 1000))),
    "again": (FULL, history((30, 1000), (20, 900), (10, 1000), (0, 1000))),
    "not yet": (FULL, history((10, 400), (0, 999))),
    "half": (HALF, history((30, 499), (20, 500), (10, 1000), (0, 700))),
    "calm": (CALM, history((10, 600), (0, 100))),
    "crowded out": (FULL, history((20, dict.fromkeys(CROWD[1:], 900)), (10, 1000), (0, 1000), ids=CROWD)),
    "nothing": (destinations(), history((0, {}))),
    "failed before": (FULL, history((60, 400, 0), (10, 1000, 7), (0, 1000, 8))),
    "two": (FULL, history((60, {443: 500, 80: 250}, 0), (50, {443: 1000, 80: 500}, 0), (10, {443: 1000}, 4),
                          (0, {443: 1000, 80: 125}, 4), ids=(443, 80))),
}


@pytest.fixture(scope="module")
def seen(module_folder):
    return made_up.show(module_folder, {name: {"destinations": now, "history": past} for name, (now, past) in CASES.items()})


def clock(ago):
    return time.strftime("%H:%M:%S", time.localtime(NOW / 1000 - ago))


@pytest.mark.parametrize("name, words", [
    ("begins", f"Full since {clock(10)}. 11 calls failed since then."),
    ("always", f"Full at least since {clock(20)}."),
    ("after a gap", f"Full at least since {clock(10)}."),
    ("failed before", f"Full at least since {clock(10)}. 1 call failed since then."),
    ("with a gap", f"Full in every sample since {clock(50)}."),
    ("again", f"Full since {clock(10)}."),
    ("not yet", ""),
    ("half", f"Over half full since {clock(20)}."),
    ("calm", ""),
    # Eight others were fuller: how full it was is not known.
    ("crowded out", f"Full at least since {clock(10)}."),
    ("nothing", "")])
def test_since_when(seen, name, words):
    assert seen[name]["since"] == words


@pytest.mark.parametrize("name, level, words", [
    ("begins", "full", f"443 is full: checkout.service holds 700 of 1,000 ports towards {TO}:443; 300 are in TIME_WAIT. "
                       "connect() fails."),
    ("half", "half", f"443 is at 70 %: checkout.service holds 700 of 1,000 ports towards {TO}:443. connect() is slow."),
    ("calm", "low", f"No destination has used half of its ports. The fullest is {TO}:443 with 10 %."),
    ("nothing", "low", "No outgoing connection holds a port of the range.")])
def test_the_verdict_says_who(seen, name, level, words):
    assert (seen[name]["verdict"], seen[name]["level"]) == (words, [level])


def test_a_line_stops_at_a_gap_and_goes_on_after_it(seen):
    page = seen["two"]
    half, full = (float(place) for place in page["levels"])
    assert full < half < 100
    # The fullest is drawn last, so that it is on top. M begins a line, L goes on with it.
    other, fullest = (re.findall(r"([ML])([\d.]+) ([\d.]+)", path) for path in page["paths"])
    assert [(letter, float(x)) for letter, x, _ in fullest] == [("M", 840), ("L", 850), ("M", 890), ("L", 900)]
    assert [float(y) for _, _, y in fullest] == [half, full, full, full]
    quarter = (half - full) / 2
    assert [float(y) for _, _, y in other] == pytest.approx([half + quarter, half, 2 * half - full, half + 1.5 * quarter], abs=0.1)


def test_a_tick_where_calls_failed(seen):
    assert [float(x) for x in seen["two"]["ticks"]] == [890]
    assert seen["two"]["words"] == (f"4 calls failed for lack of a port, the last before {clock(10)}. "
                                    "Where a line stops, nobody looked.")
    assert seen["always"]["words"] == "Without --collector.exhaustion nobody counts failed calls."


def test_the_picture_is_said_in_words(seen):
    assert seen["two"]["lines"] == [f"{TO}:443: 100 % now", f"{TO}:80: 12 % now, at most 50 %"]
    assert 'heading "The last 15 minutes" [level=2]' in seen["two"]["spoken"]
    assert 'img "The last 15 minutes"' in seen["two"]["spoken"]
    assert seen["nothing"]["words"].endswith("No destination had 1 % of its ports.")
