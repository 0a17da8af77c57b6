# SPDX-License-Identifier: Apache-2.0
"""The map of the range: any range, in any window; and TIME_WAIT by the time that is left."""

import itertools
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import made_up

PHONE = {"viewport": {"width": 390, "height": 844}, "deviceScaleFactor": 2, "hasTouch": True, "isMobile": True}
NARROW = {"viewport": {"width": 360, "height": 740}}
DARK = {"viewport": {"width": 1400, "height": 900}, "colorScheme": "dark"}

NAMES = {"o": "outbound", "t": "time_wait", "l": "listener", ".": "free"}

# first, last, columns and a cell's side in device pixels where that is promised
RANGES = {
    "usual": (32768, 60999, 192, 4), "four": (40000, 40003, 4, 24), "one": (40000, 40000, 2, 24),
    "wide": (1024, 65535, 256, 3), "odd": (32769, 61000, 192, 4), "both odd": (40001, 40399, 32, 24),
    "nearly all": (1, 65535, 256, 3),
}
WINDOWS = {"": {}, " dark": DARK, " phone": PHONE, " narrow": NARROW}


def used(first, last):
    """{port: letter}: in the range every seventh port is in TIME_WAIT, and every eleventh outbound."""
    inside = {port: "t" if port % 7 == 0 else "o" for port in range(first, last + 1) if port % 7 == 0 or port % 11 == 0}
    return {22: "l", 64999: "l", **inside, first: "t", last: "o"}


def seconds(uses):
    return [port % 61 for port in sorted(uses) if uses[port] == "t"]


def answers(first, last, uses=None):
    uses = used(first, last) if uses is None else uses
    return {"ports": made_up.ports(first, last, uses, seconds(uses))}


CASES = {name + window: (name, window) for name in RANGES for window in WINDOWS if not window or name in ("usual", "four", "wide")}


def look(first, last):
    """Ports at the edges and within, each once."""
    return sorted({first, last, min(first + 1, last), (first + last) // 2})


@pytest.fixture(scope="module")
def seen(module_folder):
    return made_up.show(
        module_folder, {case: answers(*RANGES[name][:2]) for case, (name, _window) in CASES.items()}, "ranges",
        **{case: {"look": look(*RANGES[name][:2]), "options": WINDOWS[window]} for case, (name, window) in CASES.items()})


@pytest.fixture(name="case", params=CASES)
def fixture_case(request):
    name, window = CASES[request.param]
    first, last, *_ = RANGES[name]
    return {"id": request.param, "name": name, "window": window, "first": first, "last": last,
            "uses": {port: use for port, use in used(first, last).items() if first <= port <= last}}


def test_the_range_is_named_and_its_ports_are_counted(seen, case):
    page, number = seen[case["id"]], case["last"] - case["first"] + 1
    ports = f"{number:,} port{'s' if number > 1 else ''}"
    assert page["title"] == f"The range {case['first']}–{case['last']}: {ports}"
    assert page["pressed"] == "false"
    letters = list(case["uses"].values())
    counted = [letters.count(letter) for letter in "otl"] + [0, 0, number - len(letters)]
    assert page["counts"] == counted
    assert f"Of the {ports} below, {counted[0]:,} {'is' if counted[0] == 1 else 'are'} outbound, {counted[1]:,} in TIME_WAIT, " in page["summary"]
    left = [port % 61 for port, use in case["uses"].items() if use == "t"]
    assert page["waits"] == [sum(low < each <= high for each in left) for low, high in [(-1, 15), (15, 30), (30, 45), (45, 99)]]


def test_the_cells_are_as_large_as_fit(seen, case):
    page, grid = seen[case["id"]], seen[case["id"]]["grid"]
    ratio = WINDOWS[case["window"]].get("deviceScaleFactor", 1)
    if not case["window"]:
        assert (grid["columns"], grid["cell"]) == tuple(RANGES[case["name"]][2:])
    # A shape needs three pixels. A window of 360, where a pixel is one, has no room for them.
    assert grid["cell"] >= (2 if case["window"] == " narrow" else 3)
    assert grid["columns"] % 2 == 0 and grid["origin"] == case["first"] - case["first"] % 2
    rows = math.ceil((case["last"] + 1 - grid["origin"]) / grid["columns"])
    assert page["map"] == {"width": grid["columns"] * grid["cell"] / ratio, "height": rows * grid["cell"] / ratio}
    assert page["map"]["height"] <= (1100 if case["window"] == " narrow" else 800)
    assert page["width"] <= WINDOWS[case["window"]].get("viewport", {"width": 1280})["width"]


def test_the_edges_of_the_range_are_where_they_should_be(seen, case):
    page = seen[case["id"]]
    meant = page["colours"]["meant"]
    for port in look(case["first"], case["last"]):
        use = NAMES[case["uses"].get(port, ".")]
        painted = page["colours"]["painted"][str(port)]
        assert use == "free" or meant[use] in painted, (port, use, painted)
        assert use != "free" or not {meant["time_wait"], meant["outbound"]} & set(painted), (port, painted)
        tip = page["tips"][str(port)]
        wanted = "TIME_WAIT, " if use == "time_wait" else use
        assert tip.startswith(f"{port} {wanted}"), tip


def test_the_axis_fits_the_range(seen, case):
    page = seen[case["id"]]
    labels = [label["text"] for label in page["axis"]]
    ports = [int(label.split()[-1]) for label in labels]
    assert ports == sorted(ports) and len(set(ports)) == len(ports)
    assert f"range from {case['first']}" in labels
    assert case["first"] == case["last"] or f"to {case['last']}" in labels
    assert all(case["first"] <= port <= case["last"] for port in ports)
    assert ("dynamic 49152" in labels) == (case["first"] < 49152 < case["last"])
    for one, other in itertools.pairwise(page["axis"]):
        assert one["bottom"] <= other["top"] + 0.5, (one, other)
    # Labels that are not moved stand at their row.
    height = page["map"]["height"]
    for label, port in zip(page["axis"], ports):
        if len(label["text"].split()) == 1:
            row = (port - page["grid"]["origin"]) // page["grid"]["columns"]
            centre = (row + 0.5) * page["grid"]["cell"] / WINDOWS[case["window"]].get("deviceScaleFactor", 1)
            assert abs((label["top"] + label["bottom"]) / 2 - centre) < 1
    assert height < 300 or len(labels) > 5


def test_the_words_below_fit_the_range(seen, case):
    words = seen[case["id"]]["zones"]
    assert words.startswith(f"A row is {seen[case['id']]['grid']['columns']} ports. These are the ports of the range of this host.")
    assert ("A dashed line is where dynamic ports begin, 49152." in words) == (case["first"] < 49152 <= case["last"])
    assert ("registered" in words) == (case["first"] < 1024 <= case["last"])


def test_the_keys_stay_within_the_range(seen, case):
    first, last, uses = case["first"], case["last"], sorted(case["uses"])
    columns = seen[case["id"]]["grid"]["columns"]
    following = uses[1] if len(uses) > 1 else first
    page_down = first + 16 * columns
    # n wraps around.
    wanted = [first, first, first, following, first, last, last, last, last, first, min(page_down, last),
              max(first, min(page_down, last) - 16 * columns)]
    assert seen[case["id"]]["keys"] == wanted


def test_the_lens_shows_a_neighbourhood(seen, case):
    lens = seen[case["id"]]["lens"]
    assert lens["width"] >= 250 and lens["width"] / 27 * 2 <= lens["height"] <= lens["width"] / 3


def test_the_table_lists_what_is_shown(seen, case):
    rows = [row.split("\t") for row in seen[case["id"]]["rows"]]
    ports = [int(port) for row in rows for port in row[0].split("–")]
    assert ports and all(case["first"] <= port <= case["last"] for port in ports)
    if case["name"] in ("four", "one"):
        assert sum(int(row[2]) for row in rows) == len(case["uses"])


def test_text_can_be_read(seen, case):
    assert seen[case["id"]]["weak"] == []


# All on demand


@pytest.fixture(scope="module")
def outside(module_folder):
    first, last = 40000, 40399
    return made_up.show(module_folder, {"host": answers(first, last)}, "outside",
                        host={"outside": 22, "inside": 40010})


def test_a_port_outside_the_range_is_said_to_be_so(outside):
    words = "Port 22 is outside the range. Show all 65,536"
    assert outside["at_first"] == outside["inside"] == ""
    assert outside["outside"] == outside["pointing"] == words
    assert outside["lens"]["width"] > 200 and outside["lens"]["height"] > 60
    assert outside["first_key"].startswith("Port 40000, ")
    assert outside["back_words"] == words
    assert outside["released"] == ""


def test_all_ports_on_demand_and_remembered(outside):
    assert (outside["title"], outside["pressed"], outside["after"]) == ("All 65,536 ports", "true", "")
    assert outside["focus"] == "map", "the button is gone: whoever pressed it goes on at the map"
    assert outside["kept"] == "#22"
    assert (outside["reloaded"], outside["reloaded_words"]) == ("All 65,536 ports", "")
    assert outside["back"] == outside["back_reloaded"] == "The range 40000–40399: 400 ports"
    assert outside["back_pressed"] == "false"


def test_a_browser_that_keeps_nothing(module_folder):
    found = made_up.show(module_folder, {"host": answers(40000, 40399)}, "forgetful")
    assert found == ["The range 40000–40399: 400 ports", "All 65,536 ports"]


# TIME_WAIT by the time that is left

STEPS = {40000: 0, 40001: 15, 40002: 16, 40003: 30, 40004: 31, 40005: 45, 40006: 46, 40007: 60, 40008: 65535}
# Two to a step, and three to the last.
STEP_OF = [0, 0, 1, 1, 2, 2, 3, 3, 3]
OUTBOUND = 40009


@pytest.fixture(scope="module")
def waits(module_folder):
    uses = {**dict.fromkeys(STEPS, "t"), OUTBOUND: "o"}
    answer = made_up.ports(40000, 40019, uses, STEPS.values())
    return made_up.show(module_folder, {"host": {"ports": answer}}, "waits", host={"ports": [*STEPS, OUTBOUND]})


def luminance(rgb):
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                        for part in (part / 255 for part in rgb))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def rgb(text):
    return tuple(int(text[at:at + 2], 16) for at in (1, 3, 5))


def ink(cell):
    """The colour that covers most of a cell at its lower left, where the shape of TIME_WAIT is."""
    side = math.isqrt(len(cell))
    return tuple(cell[(side - 5) * side + 5])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_longer_to_wait_the_more_a_port_stands_out(waits, scheme):
    grounds = [rgb(waits[scheme]["grounds"][name]) for name in ("in_range", "free")]
    inks = [ink(cell) for cell in waits[scheme]["cells"][:len(STEPS)]]
    assert [inks.index(each) for each in inks] == [STEP_OF.index(step) for step in STEP_OF]
    steps = list(dict.fromkeys(inks))
    for ground in grounds:
        assert all(contrast(step, ground) >= 3 for step in steps)
    shares = [contrast(step, grounds[0]) for step in steps]
    # Neighbours are told apart without colour, too.
    assert all(later >= 1.3 * sooner for sooner, later in itertools.pairwise(shares)), shares


def test_without_colours_the_shape_still_tells_time_wait(waits):
    def covered(cell):
        ground = cell[-1] if cell[-1] != cell[0] else cell[len(cell) // 2]
        return [pixel != ground for pixel in cell]
    *in_time_wait, outbound = (covered(cell) for cell in waits["forced"]["cells"])
    # The outline of the range is at the edge of some of them.
    assert all(cell == in_time_wait[1] for cell in in_time_wait[1:])
    assert in_time_wait[1] != outbound
    assert "colour" not in waits["forced"]["words"]


def test_the_legend_says_it_in_words_and_numbers(waits):
    for scheme in ("light", "dark", "forced"):
        assert waits[scheme]["number"] == [2, 2, 2, 3]
        assert [" ".join(item.split()) for item in waits[scheme]["items"]] == [
            "up to 15 s 2", "16 to 30 s 2", "31 to 45 s 2", "over 45 s 3"]
        assert waits[scheme]["words"].startswith("TIME_WAIT ends in")
    assert waits["light"]["words"].endswith("The stronger the colour, the later.")


def test_pointing_says_when_a_port_is_back(waits):
    def words(left):
        return f"TIME_WAIT, back in {left} s" if left > 0 else "TIME_WAIT, due back"
    for passed, tips in zip((0, 3), waits["tips"]):
        assert tips == [*(f"{port} {words(left - passed)}" for port, left in STEPS.items()), f"{OUTBOUND} outbound"]
    assert waits["light"]["spoken"] == "Port 40000, TIME_WAIT, due back"
