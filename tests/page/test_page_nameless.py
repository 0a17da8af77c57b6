# SPDX-License-Identifier: Apache-2.0
"""Who has a destination's ports if its cgroup names no service: the page describes it, and says which command names it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lib.exporter import BINARY, Exporter
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, connect_many, listen

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import made_up
import workload
from made_up import TO, destination, destinations

FIRST, LAST = 40000, 40399
TARGET, LOW = 30001, 30002
ACTIVE, FEW = 307, 11
PORTS = LAST - FIRST + 1
ROOT = "processes outside any service (cgroup /)"
# Outside the range, which is nearly full.
ON = ["--web.enable-api", "--web.listen-address=127.0.0.1:10059"]


@pytest.fixture(scope="module")
def played(tree, module_folder):
    workload.need_browser()
    answers = module_folder / "seen.json"

    @in_namespace(seconds=300)
    def play_all():
        set_range(FIRST, LAST)
        kept = [listen(IPV4, "127.0.0.1", port, backlog=500) for port in (TARGET, LOW)]
        with tree.inside("/"):
            kept += connect_many(ACTIVE, IPV4, "127.0.0.1", TARGET) + connect_many(FEW, IPV4, "127.0.0.1", LOW)
            with Exporter(*ON) as exporter:
                told = workload.play(exporter, ["nameless"], {"target": TARGET, "low": LOW,
                                                             "pictures": os.environ.get("EPHEMERA_PICTURES")})["nameless"]
            command, = told["seen"]["screens"]["desktop"]["commands"][:1]
            words = shlex.split(command)
            assert words.pop(0) == "ephemera"
            ran = subprocess.run([BINARY, *words], capture_output=True, text=True, check=False)
        answers.write_text(json.dumps({**told, "ran": ran.stdout, "status": ran.returncode, "pid": os.getpid(),
                                       "name": workload.comm()}))
        del kept

    play_all()
    return json.loads(answers.read_text())


@pytest.mark.parametrize("screen", ["desktop", "dark", "phone"])
def test_who_has_no_name_is_described_and_a_process_named(played, screen):
    page, name = played["seen"]["screens"][screen], played["name"]
    assert page["verdict"] == (f"{TARGET} is at {int(ACTIVE / PORTS * 100)} %: {ROOT}, such as {name}, hold {ACTIVE} of {PORTS} "
                               f"ports towards 127.0.0.1:{TARGET}. connect() is slow.")
    assert (f"Processes outside any service (cgroup /) have {ACTIVE} active ports. One of them is {name} (pid {played['pid']}). "
            "Only their ports") in page["row"].splitlines()
    assert page["width"] <= (390 if screen == "phone" else 1400)
    assert page["weak"] == []


def test_a_command_names_the_processes(played):
    assert played["seen"]["screens"]["desktop"]["commands"][0] == f"ephemera port {TARGET} --to=127.0.0.1:{TARGET} --by=/"
    assert "Which processes:" in played["seen"]["screens"]["phone"]["row"]
    assert played["status"] == 0
    assert f"{played['name']} (pid {played['pid']}, fd " in played["ran"]
    assert f"{ACTIVE} sockets have it as their remote port:" in played["ran"]


def test_where_ports_are_left_the_command_opens(played):
    low = played["seen"]["low"]
    assert low["before"] == []
    assert low["after"] == [f"ephemera port {LOW} --to=127.0.0.1:{LOW} --by=/"]


def test_its_ports_are_shown_alone(played):
    only = played["seen"]["only"]
    assert only["hash"] == "#owner=/"
    # Others may be outside any service, too: the browser, and the exporter.
    words = re.fullmatch(rf"Only ports of {re.escape(ROOT)}: (\d+) on the map; (\d+) active ports towards (\d+) destinations\.",
                         only["words"])
    assert words, only["words"]
    assert int(words[1]) >= ACTIVE and int(words[2]) >= ACTIVE + FEW
    assert only["listed"] == int(words[3]) >= 2
    assert only["said"] == f"Only ports of {ROOT}."
    assert (only["link"], only["label"]) == ("/", f"Only ports of {ROOT}")


def test_processes_are_searched_for_seldom(played):
    lookups = played["seen"]["lookups"]
    assert lookups["untilKnown"] >= 1
    assert lookups["looks"] > 3 and lookups["later"] == 0


def test_a_search_that_ended_early_is_asked_for_again_soon(played):
    early = played["seen"]["early"]
    assert f"{ROOT}, such as made-up, hold {ACTIVE}" in early["verdict"]
    assert early["asked"] == 2


def test_nothing_goes_wrong_without_a_name(played):
    assert played["faults"] == []


def whose(cgroup, ports=700, **more):
    return {**({} if cgroup is None else {"cgroup": cgroup}), "pod_uid": "", "container_id": "", "ports": ports, **more}


MADE_UP = {
    "gone": destination(1000, owner=whose(None)),
    "root": destination(1000, owner=whose("/")),
    "few": destination(100, owner=whose("/", 1)),
    "of a service": destination(1000, owner=whose("/system.slice/web.service")),
    "strange": destination(1000, owner=whose("/"), destination="fe80::1%eth0", source="fe80::2%eth0"),
}


@pytest.fixture(scope="module")
def made(module_folder):
    return made_up.show(module_folder, {name: {"destinations": destinations(entry)} for name, entry in MADE_UP.items()})


def test_a_cgroup_that_is_gone(made):
    assert made["gone"]["verdict"] == (f"443 is full: a cgroup that is gone holds 700 of 1,000 ports towards {TO}:443. "
                                       "connect() fails.")
    assert "A cgroup that is gone has 700 active ports." in made["gone"]["items"][0].splitlines()
    assert made["gone"]["commands"][0] == f"ephemera port 443 --to={TO}:443"


def test_without_the_right_to_read_processes_none_is_named(made):
    assert made["root"]["verdict"] == f"443 is full: {ROOT} hold 700 of 1,000 ports towards {TO}:443. connect() fails."
    assert "Processes outside any service (cgroup /) have 700 active ports. Only their ports" in made["root"]["items"][0].splitlines()


def test_words_for_one_port(made):
    assert "Processes outside any service (cgroup /) have 1 active port" in made["few"]["items"][0].splitlines()
    assert made["few"]["commands"] == []


def test_a_service_keeps_its_name(made):
    assert "web.service has 700 active ports" in made["of a service"]["items"][0].splitlines()


def test_a_shell_takes_the_command_as_it_is(made):
    command = made["strange"]["commands"][0]
    assert command == "ephemera port 443 --to='[fe80::1]:443' --by=/"
    assert shlex.split(command)[3] == "--to=[fe80::1]:443"
