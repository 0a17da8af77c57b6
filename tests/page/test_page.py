# SPDX-License-Identifier: Apache-2.0
"""The page, as somebody sees, types, hears and points at it in Chromium.

scenarios.mjs and polling.mjs do what a reader does and tell what came of it; here stands what
must have. One browser plays them all, on one host whose every port is known.
"""

import json
import os
import re
import socket
import sys
from pathlib import Path

import pytest

from lib.bpf import needs_bpf
from lib.exporter import Exporter
from lib.namespace import in_namespace
from lib.sockets import IPV4, drop, listen, pairs, port_of

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import workload
from workload import ACTIVE, FIRST, LAST, USABLE, WAITING

# Those that need TIME_WAIT come first: it lasts a minute.
SCENARIOS = ["map", "media", "lookup", "destinations", "contrast", "highlight", "hover",
             "keyboard", "hash", "wrong", "hostile", "devices", "phone", "visible", "hidden",
             "slow", "busy", "refused"]

# Chromium itself writes an error to the console for each answer that is none.
ABOUT_ANSWERS = "console: Failed to load resource"

API = "--web.enable-api"


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """What was seen in each scenario, and what it went wrong with."""
    workload.need_browser()
    answers = tmp_path_factory.mktemp("page") / "seen.json"

    # A busy machine takes its time.
    @in_namespace(seconds=300)
    def play_all():
        workload.set_up()
        kept, known = workload.hold()
        with Exporter(API) as exporter:
            told = workload.play(exporter, SCENARIOS, known)
            host = {"known": known, "pid": os.getpid(), "name": workload.comm(),
                    "port": exporter.port}
        kept[-1].kill()
        answers.write_text(json.dumps({"told": told, "host": host}))

    play_all()
    return json.loads(answers.read_text())


@pytest.fixture(name="seen")
def fixture_seen(played):
    return {name: told["seen"] for name, told in played["told"].items()}


@pytest.fixture(name="host")
def fixture_host(played):
    return played["host"]


@pytest.fixture(name="ports")
def fixture_ports(host):
    return host["known"]["ports"]


def number(text):
    return int(text.replace(",", ""))


# The map


def test_the_map_counts_what_is_there(seen, ports):
    counts = {use: number(text) for use, text in seen["map"]["counts"].items()}
    assert sum(counts.values()) == 65536
    assert counts["listener"] == len(ports["listener"]) + 1, "the exporter listens, too"
    assert counts["bound"] == len(ports.get("bound", []))
    # One of them has a listener; those at both of its sides are reserved.
    assert counts["reserved"] == 11
    # The browser's connections come to a few more.
    assert ACTIVE <= counts["outbound"] <= ACTIVE + 30
    assert WAITING <= counts["time_wait"] <= WAITING + len(ports["time_wait"]) + 30


def test_the_summary_says_the_same_and_first_what_is_left(seen, host):
    counts = seen["map"]["counts"]
    assert seen["map"]["summary"] == (
        f"{USABLE - ACTIVE - WAITING} of {USABLE} ports are left towards 127.0.0.1:{host['known']['destination']}. "
        f"Of the 65,536 ports below, {counts['outbound']} are outbound, "
        f"{counts['time_wait']} in TIME_WAIT, {counts['listener']} with a listener, "
        f"{counts['bound']} bound and {counts['reserved']} reserved.")


def test_each_port_has_the_colour_of_what_is_there(seen, ports):
    for scheme in (seen["map"]["colours"], seen["media"]["dark"], seen["media"]["light"]):
        assert scheme["cell"] == 3
        meant = set(scheme["meant"].values())
        grounds = {scheme["meant"]["free"], scheme["meant"]["in_range"]}
        for use, of_use in ports.items():
            for port in of_use:
                painted = meant.intersection(scheme["painted"][str(port)])
                assert painted - grounds == {scheme["meant"][use]} - grounds, (use, port)
        assert len(meant) == 7


def test_dark_is_not_light(seen):
    dark, light = seen["media"]["dark"]["meant"], seen["media"]["light"]["meant"]
    assert all(dark[use] != light[use] for use in dark)


def test_forced_colours_are_the_users(seen, ports):
    painted = seen["media"]["forced"]["painted"]
    assert painted["65535"] == ["#000000"]
    for use in set(ports) - {"free"}:
        assert painted[str(ports[use][0])] != ["#000000"], use


def test_the_range_is_marked(seen):
    page = seen["map"]
    meant = page["colours"]["meant"]
    inside = list(page["inside"].values())
    assert sum(meant["in_range"] in painted for painted in inside) > 100
    assert not any(meant["free"] in painted for painted in inside)
    assert f"The outline is the range of this host, {FIRST}–{LAST}." in page["zones"]
    for zone in ("0–1023", "1024–49151", "49152–65535"):
        assert zone in page["zones"]
    assert page["axis"] == ["system 0", "registered 1024", f"range from {FIRST}", f"to {LAST}",
                            "dynamic 49152"]


def test_pointing_names_what_is_there(seen, ports):
    for use, of_use in ports.items():
        wanted = r"TIME_WAIT, back in \d+ s" if use == "time_wait" else use
        assert re.fullmatch(f"{of_use[0]} {wanted}", seen["map"]["tips"][str(of_use[0])])


def test_a_class_can_be_made_to_stand_out(seen, ports):
    page = seen["highlight"]
    assert page["pressed"] == ["true", "false"]
    listener, outbound = ([colours["painted"][str(ports[use][0])] for colours in page["colours"]]
                          for use in ("listener", "outbound"))
    assert listener[0] == listener[1] == listener[2]
    assert outbound[0] == outbound[2] != outbound[1]


def test_the_table_lists_the_ports_in_use(seen, host, ports):
    every, listeners, again = (
        [row.split("\t") for row in rows] for rows in seen["highlight"]["rows"])
    assert sorted(int(row[0]) for row in listeners) == sorted([*ports["listener"], host["port"]])
    assert {row[1] for row in listeners} == {"listener"}
    assert ["40020–40029", "reserved", "10"] in every
    assert every[:len(listeners)] == listeners
    assert {row[1] for row in again} >= {"listener", "reserved", "outbound"}


# One port


def test_who_holds_a_port(seen, host, ports):
    answer = seen["lookup"]["outbound"]
    port = ports["outbound"][0]
    assert answer.startswith(f"Port {port}\noutbound\n")
    assert f"tcp 127.0.0.1:{port} → 127.0.0.1:{host['known']['destination']}" in answer
    assert "ESTABLISHED" in answer
    assert f"{host['name']} pid {host['pid']}, descriptor " in answer
    assert "A temporary outbound connection" in answer


@pytest.mark.parametrize("use, words", [
    ("time_wait", ["TIME_WAIT", "Time left\n"]), ("listener", ["LISTEN", "Accept queue\n"]),
    ("bound", ["BOUND"]), ("reserved", ["reserved"]), ("free", ["free"])])
def test_what_is_on_a_port(seen, ports, use, words):
    if use not in ports:
        pytest.skip("the kernel tells nobody of sockets that only bind() before Linux 6.8")
    answer = seen["lookup"][use]
    name = "TIME_WAIT" if use == "time_wait" else use
    assert answer.startswith(f"Port {ports[use][0]}\n{name}\n")
    assert all(word in answer for word in words), answer


@needs_bpf
@in_namespace
def test_how_old_a_connection_is():
    workload.need_browser()
    listener = listen(IPV4, "127.0.0.1", workload.DESTINATION)
    older, = pairs(1, IPV4, listener, "127.0.0.1", workload.DESTINATION)
    with Exporter(API, "--collector.exhaustion") as exporter:
        seen, = pairs(1, IPV4, listener, "127.0.0.1", workload.DESTINATION)
        known = {"older": port_of(older[0]), "seen": port_of(seen[0])}
        told = workload.play(exporter, ["ages"], known)["ages"]
    assert not told["faults"]
    assert re.search(r"\nOpen\nfor \d+ s\n", told["seen"]["seen"]), told
    assert not re.search(r"\nfor \d", told["seen"]["older"]), told
    drop([*older, *seen, listener])


def test_both_sides_of_a_port(seen):
    answer = seen["lookup"]["destination"]
    assert f"As the local port: {ACTIVE + 1} sockets" in answer
    assert "As the remote port: " in answer
    # All but the listener are alike, in one line.
    assert f"{ACTIVE} connections established from 1 address" in answer
    assert answer.count("Processes") <= 6


def test_a_listener_in_the_range_comes_with_advice(seen, host):
    listener = host["known"]["in_range_listener"]
    assert seen["lookup"]["advice"].startswith("sysctl -w net.ipv4.ip_local_reserved_ports=")
    # The other reservations must not get lost by it.
    assert seen["lookup"]["advice"].endswith(f"=20500,40020-{listener}")
    assert seen["lookup"]["hash"] == f"#{listener}"


def test_pointing_asks_when_the_pointer_rests(seen, ports):
    port = ports["outbound"][0]
    page = seen["hover"]
    assert page["passing"] == []
    assert page["heading"].split() == ["Port", str(port), "outbound"]
    assert page["asked"] == [f"/api/v1/ports/{port}"]
    assert page["answer"].startswith(f"Port {port}\noutbound\n")
    assert page["hash"] == f"#{port}"
    assert page["after"].startswith(f"Port {port}\n")


def test_the_keys(seen, host, ports):
    page = seen["keyboard"]
    assert page["reached"] == "map"
    first_used = min(port for use, of_use in ports.items() if use != "free" for port in
                     [*of_use, host["port"]])
    assert page["said"] == [
        str(port) for port in
        (FIRST, FIRST + 1, FIRST + 257, FIRST + 256, FIRST, 0, 4096, 65535, 65535 - 4096, 0, 0,
         first_used)]
    wanted = host["known"]["keyboard"]
    assert page["found"] == f"Port {wanted}, listener"
    assert page["spoken"].startswith(f"Port {wanted}, listener. ")
    assert (page["hash"], page["typed"], page["focus"]) == (f"#{wanted}", str(wanted), "map")
    assert page["next"] == f"Port {workload.UDP}, listener"
    assert page["previous"].startswith(f"Port {wanted}, listener")
    assert page["released"] == ""


def test_the_address_names_the_port(seen, ports):
    page = seen["hash"]
    first, second = ports["outbound"][:2]
    assert page["loaded"].startswith(f"Port {first}\n")
    assert page["followed"].startswith(f"Port {second}\n")
    assert page["back"].startswith(f"Port {first}\n")
    assert "70000" in page["wrong"]


def test_wrong_input_is_said_in_words(seen, host):
    page = seen["wrong"]
    assert page["asked"] == []
    assert set(page["invalid"]) == {"true"}
    assert page["described"] == "port-hint port-error"
    for typed in host["known"]["wrong"]:
        assert ("before it begins" if typed == "5-3" else "65535") in page["said"][typed], typed
        assert typed in page["said"][typed]
    assert page["right"] == ["", "false"]


def test_a_hostile_name_is_text(seen, played):
    answer = seen["hostile"]["answer"]
    assert "<b>bold</b> pid " in answer
    assert workload.HOSTILE_NAME.replace("\u202e", "\ufffd") in answer
    assert seen["hostile"]["elements"] == 0
    assert played["told"]["hostile"]["faults"] == []


def test_listeners_on_two_devices_are_told_apart(seen, host):
    lines = seen["devices"]["answer"].splitlines()
    for device in ("v0", "v1"):
        assert lines.count(f"tcp 0.0.0.0%{device}:{host['known']['devices']}") == 1, lines


# Destinations


def test_a_destination_has_its_bar(seen, host):
    page = seen["destinations"]
    share = (ACTIVE + WAITING) / USABLE
    place = f"127.0.0.1:{host['known']['destination']}"
    assert page["attributes"] == {
        "aria-label": place, "aria-valuemin": "0", "aria-valuemax": "100",
        "aria-valuenow": f"{round(share * 100, 1):g}",
        "aria-valuetext": f"{int(share * 100)} % used: {ACTIVE} active, {WAITING} in TIME_WAIT; "
                          "connect() is slow"}
    assert page["places"] == pytest.approx(
        {"active": ACTIVE / USABLE, "all": share, "half": 0.5, "full": 1}, abs=0.005)
    assert f"{ACTIVE} active, {WAITING} TIME_WAIT" in page["item"]
    assert "from 127.0.0.1" in page["item"]
    assert page["hash"] == f"#{host['known']['destination']}"


def test_the_verdict(seen, host):
    page = seen["destinations"]
    destination = host["known"]["destination"]
    # Without cgroups nobody is known; their root is no service.
    who = (rf"({ACTIVE + WAITING} of {USABLE} (.*) are used|\S+ holds {ACTIVE} of {USABLE} (.*)|"
           rf"processes outside any service \(cgroup /\)(?:, such as .*,)? hold {ACTIVE} of {USABLE} (.*))")
    found = re.fullmatch(rf"{destination} is at {int((ACTIVE + WAITING) / USABLE * 100)} %: {who}; "
                         rf"{WAITING} are in TIME_WAIT\. connect\(\) is slow\.", page["verdict"])
    assert found, page["verdict"]
    assert f"ports towards 127.0.0.1:{destination}" in found.groups()
    assert page["words"] == (f"Each destination can have {USABLE} of the {LAST - FIRST + 1} ports "
                             f"from {FIRST} to {LAST}.")


# For everybody


def test_what_a_screen_reader_finds(seen, host):
    spoken = seen["map"]["spoken"]
    share = int((ACTIVE + WAITING) / USABLE * 100)
    for line in (f'heading "{socket.gethostname()}: {host["known"]["destination"]} at {share} %" [level=1]', 'heading "All 65,536 ports" [level=2]',
                 'heading "One port" [level=2]', 'heading "Fullest destinations" [level=2]',
                 'application "Map of the ports"', 'textbox "Port"', 'button "Look up"',
                 'button "Pause"', 'group "Highlight on the map"',
                 f'meter "127.0.0.1:{host["known"]["destination"]}"'):
        assert line in spoken, spoken


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(seen, scheme):
    weak = [found for found in seen["contrast"][scheme] if found["ratio"] < 4.5]
    assert len(seen["contrast"][scheme]) == 15
    assert weak == []


def test_a_phone(seen, host):
    for ratio, page in seen["phone"].items():
        assert page["width"] <= 360
        assert page["cell"] == int(ratio)
        assert 250 <= page["map"] <= 330
        assert 250 <= page["lens"] <= 330
        assert page["tapped"] == host["known"]["keyboard"]


def test_who_wants_no_motion_gets_none(seen):
    assert seen["media"]["moving"] > 0
    assert seen["media"]["moving_reduced"] == 0


# When it asks


def test_it_asks_every_five_seconds_while_it_is_seen(seen):
    page = seen["visible"]
    assert (page["first"], page["together"]) == (1, True)
    assert page["fresh"] == "Live, every 5 s."
    assert page["after_20_seconds"] == 5


def test_a_hidden_tab_asks_nothing(seen):
    page = seen["visible"]
    assert page["hidden_for_60"] == page["after_20_seconds"]
    assert page["visible_again"] == page["hidden_for_60"] + 1
    assert page["to_and_fro"] == page["visible_again"]
    assert seen["hidden"]["before"] == 0
    assert "Of the 65,536 ports below, " in seen["hidden"]["summary"]


def test_it_can_be_paused(seen):
    page = seen["visible"]
    assert page["paused_for_60"] == page["to_and_fro"]
    assert page["pressed"] == "true"
    assert page["paused"].startswith("Paused. The data is 6")
    assert page["resumed"] == page["paused_for_60"] + 1


def test_a_slow_network_slows_nothing(seen):
    page = seen["slow"]
    assert page["in_flight"] == 1
    assert page["freshness"] == "Live, every 5 s."
    assert page["after_11_seconds"] == 3


@pytest.mark.parametrize("case, freshness, verdicts, maps", [
    # At most a twentieth of the host's time for the map.
    ("two", "Live, every 5 s. The map every 40 s: a look at all ports takes 2 s here.", 8, (1, 2)),
    # Render and all: every answer costs 60 ms.
    ("half", "Live, every 5 s. The map every 10 s: a look at all ports takes 0.2 s here.", 8, (4, 5)),
    # At most half for the verdict.
    ("five", "Live, every 10 s. The map every 100 s: a look at all ports takes 5 s here.", 4, (1, 1)),
    ("fast", "Live, every 5 s.", 8, (8, 9)),
    ("silent", "Live, every 5 s.", 8, (8, 9))])
def test_a_busy_host_is_asked_for_the_map_seldom_and_for_the_verdict_often(seen, case, freshness, verdicts, maps):
    page = seen["busy"][case]
    assert page["freshness"] == page["age"] == freshness
    # Each is a sample of the history: none is farther than 20 s from the next.
    assert page["verdicts"] == page["histories"] == verdicts
    assert (page["maps"], page["maps_later"]) == maps


@pytest.mark.parametrize("refusal, words", [
    ("busy", "The exporter is busy: too many requests wait"),
    ("off", "The exporter’s API is off. Start the exporter with --web.enable-api."),
    ("nonsense", "The exporter’s answer (200) is not JSON.")])
def test_a_refusal_is_said_in_words(seen, refusal, words):
    page = seen["refused"][refusal]
    assert page["trouble"] == words
    assert page["freshness"].startswith("The data is 1")
    assert page["again"] is False


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_goes_wrong(played, scenario):
    """No error, no breach of the policy, nothing asked of anybody else."""
    faults = played["told"][scenario]["faults"]
    if scenario == "refused":
        faults = [fault for fault in faults if not fault.startswith(ABOUT_ANSWERS)]
    assert faults == []


# Other exporters


@in_namespace
def test_the_exporter_goes_away_and_comes_back():
    workload.need_browser()
    workload.set_up()
    kept, known = workload.hold()
    exporters = [Exporter(API)]
    exporters[0].__enter__()

    def stop():
        exporters[-1].__exit__(None, None, None)

    def start():
        kept.extend(listen(IPV4, "127.0.0.1", port) for port in known["later"])
        exporters.append(Exporter(f"--web.listen-address=127.0.0.1:{exporters[0].port}", API))
        exporters[-1].__enter__()

    told = workload.play(exporters[0], ["away"], known, {"gone": stop, "back": start})
    exporters[-1].__exit__(None, None, None)
    page = told["away"]["seen"]
    listeners = len(known["ports"]["listener"]) + 1
    assert page["trouble"] == "The exporter does not answer."
    assert page["freshness"].startswith("The data is 1")
    assert page["kept"] == str(listeners)
    assert page["listeners"] == [str(listeners), str(listeners + len(known["later"]))]
    assert page["trouble_after"] is False
    before, meanwhile, after = page["answers"]
    assert before.startswith(f"Port {known['later'][0]}\nfree\n")
    assert meanwhile == before
    assert "LISTEN" in after
    assert [fault for fault in told["away"]["faults"] if not fault.startswith(ABOUT_ANSWERS)] == []


@in_namespace
def test_without_the_api_the_page_says_how_to_turn_it_on():
    workload.need_browser()
    with Exporter("--web.telemetry-path=/other") as exporter:
        told = workload.play(exporter, ["off"], {})
    page = told["off"]["seen"]
    assert "ephemera --web.enable-api" in page["text"]
    assert "all 65,536 ports" in page["text"]
    assert "All 65,536 ports" not in page["text"]
    assert "ephemera_worst_destination_usage_ratio" in page["text"]
    assert re.search(r"^Ephemera \d", page["text"], re.MULTILINE)
    assert {"/other", "/-/healthy", "/-/ready"} <= set(page["links"])
    assert not [path for path in page["requests"] if path.startswith("/api")]
    assert page["width"] <= 360
    assert page["contrasts"][0]["ratio"] >= 4.5
    assert told["off"]["faults"] == []
