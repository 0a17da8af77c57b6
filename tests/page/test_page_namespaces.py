# SPDX-License-Identifier: Apache-2.0
"""The page of an exporter with --namespaces=all: which network namespace it shows, and the way to another."""

import http.client
import json
import os
import re
import socket
import sys
from pathlib import Path

import pytest

from lib.bpf import needs_bpf
from lib.exporter import PATIENCE, Exporter
from lib.namespace import in_namespace

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]

# pylint: disable=wrong-import-position
import workload
from other_namespaces import another, inode

pytestmark = needs_bpf

SCENARIOS = ["choosing", "shared", "nothing", "keys", "looks", "late"]
ALL = ["--web.enable-api", "--namespaces=all"]

TARGET, INSIDE, QUIET = 30001, 40001, 30071
SIZE, CLIENTS = 40, 39
FULL = f"""
set_range(40000, {40000 + SIZE - 1})
listener = listen(IPV4, "127.0.0.1", {TARGET})
inside = listen(IPV4, "127.0.0.1", {INSIDE})
clients = connect_many({CLIENTS}, IPV4, "127.0.0.1", {TARGET})
servers = accept(listener, {CLIENTS})
"""
CALM = f"kept = [listen(IPV4, '127.0.0.1', {QUIET} + i) for i in range(5)]"
CHROMIUMS_WORD_OF_404 = "console: Failed to load resource"


def in_pod(tree, uid):
    path = tree.make(f"/ephemera-page-{os.getpid()}.slice/kubepods/burstable/pod{uid}/{'0' * 64}")
    return f"open({str(tree.directory(path) / 'cgroup.procs')!r}, 'w').write('0')\n"


@pytest.fixture(scope="module")
def played(tree, module_folder):
    workload.need_browser()
    folder = module_folder
    answers = folder / "seen.json"

    @in_namespace(seconds=300)
    def play_all():
        names, pods = folder / "names", folder / "pods"
        uid = f"1a2b3c4d-0000-4000-8000-{os.getpid():012}"
        names.mkdir()
        (pods / f"shop_checkout-7d9f4c_{uid}" / "app").mkdir(parents=True)
        with another(in_pod(tree, uid) + FULL) as full, \
                another(CALM, names, "quiet&<b>") as quiet, \
                Exporter(*ALL, f"--path.netns={names}", f"--path.pods={pods}") as exporter:
            known = {"full": {"name": "shop/checkout-7d9f4c", "inode": inode(full), "port": TARGET},
                     "quiet": {"name": "quiet&<b>", "inode": inode(quiet)}, "inside": INSIDE,
                     "type": "shop/ch", "pictures": os.environ.get("EPHEMERA_PICTURES")}
            told = workload.play(exporter, SCENARIOS, known)
        answers.write_text(json.dumps(told))

    play_all()
    return json.loads(answers.read_text())


@pytest.fixture(name="seen")
def fixture_seen(played):
    return {name: told["seen"] for name, told in played.items()}


HOST = socket.gethostname()
POD = f"shop/checkout-7d9f4c, on {HOST}"


def test_at_first_it_is_the_exporters_own_alone(seen):
    own = seen["choosing"]["own"]
    assert own["where"] == f"{HOST}: the exporter’s own network namespace alone"
    assert own["title"] == f"{own['where']}, OK – Ephemera"
    assert own["hash"] == "" and own["listeners"] == "1"
    assert "The outline is the range of this network namespace, " in own["zones"]
    assert own["chosen"].startswith("the exporter’s own network namespace: ")
    assert seen["choosing"]["own_again"]["where"] == own["where"]


def test_the_list_has_the_fullest_first_with_its_share(seen):
    options = seen["choosing"]["options"]
    assert "shop/checkout-7d9f4c: 100 %" in options
    assert "quiet&<b>: 0 %" in options
    spoken = seen["choosing"]["spoken"]
    assert 'combobox "Network namespace"' in spoken
    shares = [float(option.replace("under 0.1", "0.05").split()[-2]) for option in options]
    assert shares == sorted(shares, reverse=True)


def test_a_choice_shows_all_of_that_namespace(seen):
    full = seen["choosing"]["full"]
    assert full["where"] == POD and full["title"] == f"{POD}: {TARGET} full – Ephemera"
    assert full["hash"] == "#@shop/checkout-7d9f4c"
    assert full["verdict"] == (f"{TARGET} is full: pod 1a2b3c4d… holds {CLIENTS} of {SIZE - 1} ports towards "
                               f"127.0.0.1:{TARGET}. connect() fails.")
    assert full["summary"].startswith(f"0 of {SIZE - 1} ports are left towards 127.0.0.1:{TARGET}. ")
    assert full["words"] == f"Each destination can have {SIZE - 1} of the {SIZE} ports from 40000 to {40000 + SIZE - 1}."
    assert f"The outline is the range of this network namespace, 40000–{40000 + SIZE - 1}." in full["zones"]
    assert full["listeners"] == "2"
    assert full["chosen"] == "shop/checkout-7d9f4c: 100 %"
    assert POD in seen["choosing"]["said"]


def test_only_what_can_be_known_of_a_port_is_promised(seen):
    own, elsewhere = (f"Shows what is on a port, which {holder} has it, and when it comes back."
                      for holder in ("process", "cgroup"))
    assert seen["choosing"]["promises"] == [own, elsewhere, own]
    # So does a page that begins there.
    assert seen["nothing"]["390"]["promise"] == elsewhere


def test_a_port_is_looked_up_there_and_the_way_back_leads_back(seen):
    port, moved, back = (seen["choosing"][name] for name in ("port", "moved", "back"))
    assert port["hash"] == f"#{TARGET}@shop/checkout-7d9f4c"
    assert "LISTEN" in port["answer"] and "The cgroup tells whose it is." in port["answer"]
    assert re.search(r"pod1a2b3c4d", port["answer"])
    assert moved["hash"] == f"#{TARGET}@quiet%26%3Cb%3E"
    assert moved["where"] == f"quiet&<b>, on {HOST}" and moved["listeners"] == "5"
    assert moved["answer"].startswith(f"Port {TARGET}\nfree\n")
    assert moved["verdict"] == "No outgoing connection holds a port of the range."
    assert moved["summary"].startswith("Of the 65,536 ports below, "), moved["summary"]
    assert (back["where"], back["hash"], back["listeners"]) == (POD, port["hash"], "2")
    assert seen["choosing"]["released"] == "#@shop/checkout-7d9f4c"


def test_an_address_that_was_shared_leads_there(seen):
    shared = seen["shared"]
    assert shared["full"]["where"].endswith(f", on {HOST}") and shared["full"]["listeners"] == "2"
    assert "To keep it for its service, run in that network namespace (nsenter --net):" in shared["answer"]
    nobody = shared["nobody"]
    assert nobody["trouble"] == "This network namespace is not there, or no longer. Choose another one."
    assert nobody["where"] == f"no/such-pod, on {HOST}" and nobody["hidden"]
    assert (shared["again"]["where"], shared["again"]["trouble"]) == (POD, False)


@pytest.mark.parametrize("width", ["1280", "390"])
def test_without_data_there_are_no_empty_boxes(seen, width):
    pages = seen["nothing"][width]
    for when in ("waiting", "gone", "later"):
        page = pages[when]
        assert (page["boxes"], page["headings"]) == ([], ["One port"]), when
        assert page["room"] < 500 and page["width"] <= int(width), when
    assert set(pages["found"]["headings"]) >= {"The range 32768–60999: 28,232 ports", "One port", "Fullest destinations"}


def test_the_keyboard_chooses(seen):
    assert seen["keys"] == {"reached": "namespace", "chosen": POD, "focus": "namespace"}


def test_it_fits_and_can_be_read(seen):
    for name, width in (("desktop", 1400), ("dark", 1400), ("phone", 390), ("narrow", 360)):
        assert seen["looks"][name]["width"] <= width, name
        assert [found for found in seen["looks"][name]["contrasts"] if found["ratio"] < 4.5] == []


def test_an_answer_that_comes_late_is_not_shown_and_a_pause_stays(seen):
    late = seen["late"]
    assert late["where"] == f"quiet&<b>, on {HOST}" and late["listeners"] == "5"
    # The first choice did not keep the second one waiting.
    assert late["asked"] == 2
    assert late["meanwhile"] == f"Port {TARGET}"
    assert late["freshness"].startswith("Paused. ") and late["more"] == 0


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_goes_wrong_elsewhere(played, scenario):
    faults = played[scenario]["faults"]
    if scenario in ("shared", "nothing"):
        faults = [fault for fault in faults if not fault.startswith(CHROMIUMS_WORD_OF_404)]
    assert faults == []


@in_namespace
def test_a_stranger_learns_no_name_of_the_host():
    with Exporter(*ALL) as exporter:
        for headers, told in (({}, HOST), ({"Host": "evil.example"}, "")):
            client = http.client.HTTPConnection(exporter.host, exporter.port, timeout=PATIENCE)
            client.request("GET", "/", headers=headers)
            page = client.getresponse().read().decode()
            client.close()
            assert f'data-namespaces="on" data-host="{told}"' in page
    with Exporter("--web.enable-api") as exporter:
        assert 'data-namespaces="off"' in exporter.get("/").body.decode()


def test_commands_are_for_that_namespace(seen):
    processes = seen["choosing"]["commands"][0]
    assert processes.startswith(f"ephemera port {TARGET} --to=127.0.0.1:{TARGET} --by=/ephemera-page-")
    assert processes.endswith(" --namespace=shop/checkout-7d9f4c")
    assert seen["choosing"]["commands"][-1] == "ephemera advise --namespace=shop/checkout-7d9f4c"
