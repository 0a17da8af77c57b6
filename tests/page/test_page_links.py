# SPDX-License-Identifier: Apache-2.0
"""Only the ports towards a destination, or of an owner: by a click, by a link, and by what was typed."""

import json
import os
import sys
from pathlib import Path

import pytest

from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, IPV6, connect_many, listen, ports_of

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import workload

FIRST, LAST = 40000, 40399
TARGET, OTHER = 30001, 30002
ACTIVE, ELSEWHERE, OF_SIX = 97, 31, 11
SERVICE = "checkout.service"
ON = ["--web.enable-api", "--web.listen-address=127.0.0.1:10059"]


@pytest.fixture(scope="module")
def played(tree, module_folder):
    workload.need_browser()
    answers = module_folder / "seen.json"
    path = tree.make(f"/ephemera-links-{os.getpid()}.slice/{SERVICE}")

    @in_namespace(seconds=300)
    def play_all():
        set_range(FIRST, LAST)
        kept = [listen(IPV4, "127.0.0.1", port) for port in (TARGET, OTHER)] + [listen(IPV6, "::1", TARGET)]
        with tree.inside(path):
            inside = connect_many(ACTIVE, IPV4, "127.0.0.1", TARGET)
        outside = connect_many(ELSEWHERE, IPV4, "127.0.0.1", OTHER) + connect_many(OF_SIX, IPV6, "::1", TARGET)
        # Towards two destinations at once there may be one port.
        only = sorted(set(ports_of(outside)) - set(ports_of(inside)))
        known = {"target": TARGET, "inside": ports_of(inside), "outside": only, "first": FIRST, "last": LAST,
                 "pictures": os.environ.get("EPHEMERA_PICTURES")}
        with Exporter(*ON) as exporter:
            told = workload.play(exporter, ["links", "searching"], known)
        answers.write_text(json.dumps({"told": told, "outside": len(only)}))
        del kept

    play_all()
    return json.loads(answers.read_text())


@pytest.fixture(name="seen")
def fixture_seen(played):
    return played["told"]["links"]["seen"]


@pytest.fixture(name="found")
def fixture_found(played):
    return played["told"]["searching"]["seen"]


# --outbound of map.css, as it is where nothing dims it.
STRONG = "0,114,178"


def is_tinted(page):
    return STRONG in page["inside"] and STRONG not in page["outside"]


def test_a_click_on_a_destination_shows_its_ports_alone(seen, played):
    page = seen["to"]
    assert page["hash"] == f"#to=127.0.0.1:{TARGET}"
    assert page["words"] == f"Only ports towards 127.0.0.1:{TARGET}: {ACTIVE} on the map."
    assert page["current"].startswith("127.0.0.1")
    assert played["outside"] > 0
    assert is_tinted(page)
    # All destinations stay, and the verdict is the host's.
    assert len(page["listed"]) >= 3
    assert page["verdict"] == seen["owner"]["verdict"]
    assert seen["button"] == "Show all"


def test_the_link_survives_a_reload(seen):
    for name in ("hash", "words", "current", "inside", "outside"):
        assert seen["reloaded"][name] == seen["to"][name], name


def test_a_port_goes_with_it(seen):
    assert seen["both"] == f"#{TARGET}&to=127.0.0.1:{TARGET}"
    assert seen["back"] == f"#to=127.0.0.1:{TARGET}"


def test_escape_ends_it(seen):
    assert seen["ended"] in ("", f"#{TARGET}")
    assert seen["all"] >= 3


def test_an_owner_shows_its_ports_and_destinations(seen):
    page = seen["owner"]
    assert page["hash"].endswith(f"owner={SERVICE}")
    assert page["words"] == (f"Only ports of {SERVICE}: {ACTIVE} on the map; {ACTIVE} active ports towards 1 destination.")
    assert len(page["listed"]) == 1
    assert is_tinted(page)
    assert seen["shown"] == [page["hash"].split("&")[0] if "&" in page["hash"] else "", "map-title"]


def test_on_the_map_escape_ends_one_after_the_other(seen):
    to = f"to=127.0.0.1:{TARGET}"
    assert seen["keys"] == [f"#{TARGET}&{to}", f"#{to}", ""]


def test_a_destination_that_nobody_speaks_to_has_no_port(seen):
    assert seen["nobody"] == "Only ports towards 192.0.2.1:443: none now."


def test_a_service_is_its_port(found):
    assert found["service"]["hash"] == "#443"
    assert found["service"]["wrong"] == ""


def test_a_range_shows_what_is_in_use_there(found):
    page = {**found["range"], "answer": found["range"]["answer"].replace("\n\n", "\n")}
    assert page["answer"].startswith(f"Ports {FIRST}-{LAST}\n")
    assert f" of {LAST - FIRST + 1} ports are in use." in page["answer"]
    assert "outbound" in page["answer"]
    assert (page["hash"], page["invalid"]) == ("", "false")
    assert FIRST <= int(found["links"].removeprefix("#")) <= LAST


def test_a_destination_is_shown_if_there_is_one(found):
    assert found["destination"]["hash"] == f"#to=127.0.0.1:{TARGET}"
    assert found["strange"]["wrong"] == "No TCP connection goes to 192.0.2.1:443."
    assert found["strange"]["hash"] == found["destination"]["hash"]
    assert found["strange"]["invalid"] == "true"


def test_an_address_leads_to_its_destinations(found):
    answer = found["address"]["answer"].replace("\n\n", "\n")
    assert answer.startswith("127.0.0.1\nConnections go to ")
    for port in (TARGET, OTHER):
        assert f"127.0.0.1:{port}" in answer
    assert found["only"]["hash"] == f"#to=[::1]:{TARGET}"
    assert found["nobody"]["wrong"] == "No connection from the range goes to 192.0.2.1."


def test_what_stands_for_nothing_is_said(found):
    assert found["unknown"]["wrong"].startswith("“no-such-service”: no service in /etc/services has this name;")
    assert found["unknown"]["invalid"] == "true"
    # An address of IPv6 with its interface and a port.
    assert int(found["room"]) >= len("[1111:2222:3333:4444:5555:6666:7777:8888%abcdefghijklmno]:65535")


@pytest.mark.parametrize("scenario", ["links", "searching"])
def test_nothing_goes_wrong_with_links(played, scenario):
    assert played["told"][scenario]["faults"] == []
