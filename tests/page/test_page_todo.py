# SPDX-License-Identifier: Apache-2.0
"""The row of a destination: how it changes, and what to do about it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import made_up
from made_up import SERVICE, destination, destinations, history

ADVISE = "ephemera advise"
REUSE = "sysctl -w net.ipv4.tcp_tw_reuse=1"
TAKE_OVER = "What to do: Let connect() take over ports in TIME_WAIT. Both sides need TCP timestamps."
MORE = ("give it another source address, or let the other side listen on another address or port. Else limit its pool.")
KEEP = "keep its connections open and use them again: HTTP keep-alive, or a connection pool."

LOOPBACK = {"destination": "127.0.0.1", "source": "127.0.0.1"}
WAITING = destination(600, 250, owner=SERVICE)
FLAT = history((60, 850), (40, 850), (0, 850))


def case(entry, past=FLAT, reuse=2):
    settings = {} if reuse is None else {"tcp_time_wait_reuse": reuse}
    return {"destinations": destinations(entry), "history": past, "range": settings}


CASES = {
    "off": case(WAITING, reuse=0),
    "loopback alone": case(WAITING, reuse=2),
    "on": case(WAITING, reuse=1),
    "no such setting": case(WAITING, reuse=None),
    "too few": case(destination(600, 249, owner=SERVICE), reuse=0),
    "on loopback": case({**WAITING, **LOOPBACK}, reuse=2),
    "on loopback, off": case({**WAITING, **LOOPBACK}, reuse=0),
    "short ones": case(destination(250, 300, 20, owner=SERVICE), reuse=1),
    "of nobody": case(destination(600)),
    "calm": case(destination(100, 399, owner=SERVICE), reuse=0),
    "elsewhere": {**case(WAITING, reuse=0), "range": {"tcp_time_wait_reuse": 0, "network_namespace": {}}},
    "rises": case(destination(600), history((70, 100), (60, 0), (45, 150), (30, 300), (15, 450), (0, 600))),
    "rises soon full": case(destination(980), history((15, 830), (0, 980))),
    "rises slowly": case(destination(500), history((20, 498), (0, 500))),
    "falls": case(destination(400), history((15, 433), (0, 400))),
    "stays": case(destination(500), history((20, 500), (0, 500))),
    "stays low": case(destination(400), history((20, 400), (0, 400))),
    "one sample": case(destination(500), history((0, 500))),
    "a burst": case(destination(500), history((14, 400), (0, 500))),
    "after a gap": case(destination(500), history((30, 400), (0, 500))),
    "full": case(destination(1000), history((15, 900), (0, 1000))),
    "many": {"destinations": {**destinations(destination(100)), "destinations_total": 13}},
    "very many": {"destinations": {**destinations(destination(100)), "destinations_total": 5000}},
    "levels": {**case(destination(1000)), "destinations": destinations(
        destination(1000), destination(999, port=80), destination(499, port=81))},
}


@pytest.fixture(scope="module")
def seen(module_folder):
    return made_up.show(module_folder, CASES)


@pytest.mark.parametrize("name", ["off", "loopback alone", "on loopback, off"])
def test_time_wait_comes_with_a_command(seen, name):
    assert TAKE_OVER in seen[name]["items"][0].splitlines()
    assert seen[name]["commands"] == [REUSE, ADVISE]
    assert seen[name]["buttons"] == ["Copy", "Copy"]


def test_elsewhere_the_command_is_for_that_network_namespace(seen):
    assert f"{TAKE_OVER} Run in that network namespace (nsenter --net):" in seen["elsewhere"]["items"][0]


@pytest.mark.parametrize("name, words", [
    ("on", f"If checkout.service needs that many, {MORE}"), ("too few", f"If checkout.service needs that many, {MORE}"),
    ("no such setting", f"If checkout.service needs that many, {MORE}"),
    ("on loopback", f"If checkout.service needs that many, {MORE}"),
    ("short ones", f"Let checkout.service {KEEP}"), ("of nobody", f"If the program needs that many, {MORE}")])
def test_what_to_do_where_no_command_helps(seen, name, words):
    assert f"What to do: {words}" in seen[name]["items"][0].splitlines()
    assert seen[name]["commands"] == [ADVISE]


def test_nothing_is_to_do_below_half(seen):
    assert "What to do" not in seen["calm"]["items"][0]
    assert seen["calm"]["commands"] == []


def test_advice_for_the_host_is_once_below_the_fullest(seen):
    page = seen["levels"]
    assert [item.count("All advice, with commands:") for item in page["items"]] == [1, 0, 0]
    assert page["items"][0].splitlines().index("All advice, with commands:") > \
        next(i for i, line in enumerate(page["items"][0].splitlines()) if line.startswith("What to do: "))
    assert page["commands"] == [ADVISE]


def test_a_command_shows_the_destinations_that_are_left_out(seen):
    assert seen["many"]["rest"].splitlines()[:2] == ["And 12 destinations more:", "ephemera destinations --limit=13"]
    assert seen["very many"]["rest"].splitlines()[:2] == ["And 4,999 destinations more:", "ephemera destinations --limit=1000"]
    assert seen["calm"]["rest"] == ""


@pytest.mark.parametrize("name, words", [
    # The last minute alone.
    ("rises", "Rises by 10 ports a second: full in 40 s."),
    ("rises soon full", "Rises by 10 ports a second: full in 2 s."),
    # Too far away to be foreseen.
    ("rises slowly", "Rises by 0.1 ports a second."),
    ("falls", "Falls by 2.2 ports a second."), ("stays", "Does not change.")])
def test_how_it_changes(seen, name, words):
    assert words in seen[name]["items"][0].splitlines()


@pytest.mark.parametrize("name", ["one sample", "after a gap", "a burst", "stays low", "full"])
def test_nothing_is_said_of_a_change_that_nobody_saw_or_that_does_not_matter(seen, name):
    assert not [word for word in ("Rises", "Falls", "change") if word in seen[name]["items"][0]]


def test_the_numbers_of_a_row(seen):
    assert "250 active, 300 TIME_WAIT, 20 more reusable; from 192.0.2.1" in seen["short ones"]["items"][0]
    assert "checkout.service has 700 active ports" in seen["short ones"]["items"][0]


def test_half_and_full_differ_in_words_in_colour_and_in_form(seen):
    page = seen["levels"]
    full, half, low = page["items"]
    assert "FULL: connect() fails" in full and "99 %: connect() is slow" in half and "connect()" not in low.split("What")[0]
    forms = page["marks"]
    assert [form for _, _, form in forms] == ["solid", "dashed", "none"]
    assert len({colour for colour, _, _ in forms}) == 3
    assert len({ground for _, ground, _ in forms[:2]}) == 2
