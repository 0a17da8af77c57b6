# SPDX-License-Identifier: Apache-2.0
"""Half and full are told apart by colour and by form, wherever the page shows them; in forced colours by form alone."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import made_up
from made_up import SERVICE, destination, destinations, history


@pytest.fixture(scope="module")
def levels(module_folder):
    now = {"half": destinations(destination(700, owner=SERVICE)), "full": destinations(destination(700, 300, owner=SERVICE)),
           "low": destinations(destination(100, owner=SERVICE))}
    return made_up.show(module_folder, {name: {"destinations": answer, "history": history((10, 600, 1), (0, 1000, 2))}
                                        for name, answer in now.items()}, "levels")


@pytest.mark.parametrize("forced", ["none", "active"])
def test_half_and_full_differ_in_form(levels, forced):
    low, half, full = (levels[f"{name} {forced}"] for name in ("low", "half", "full"))

    def form(level, *parts):
        return [{name: value for name, value in each.items() if "color" not in name and name != "stroke"}
                for part in parts for each in level[part]]
    for part in ("verdict", "share", "meters"):
        forms = [form(level, part) for level in (low, half, full)]
        assert forms[0] != forms[1] != forms[2] != forms[0], (part, forms)
    assert full["words"][0].startswith("FULL: ") and not half["words"][0].startswith("FULL")
    # The marks at 50 % and at 100 %, on a destination's bar and on the picture of the past.
    for part in ("lines", "levels"):
        at_half, at_full = form(half, part)
        assert at_half != at_full, part
    # What connections have and what is in TIME_WAIT.
    active, waiting = full["parts"]
    assert active["background-image"] == "none" and "gradient" in waiting["background-image"]


def test_half_and_full_differ_in_colour(levels):
    half, full = levels["half none"], levels["full none"]
    assert half["verdict"][0]["color"] != full["verdict"][0]["color"]
    assert half["share"][0]["color"] != full["share"][0]["color"]
