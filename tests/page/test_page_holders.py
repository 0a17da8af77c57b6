# SPDX-License-Identifier: Apache-2.0
"""The page says that processes may not be read only if that is so."""

import json
import sys
from pathlib import Path

import pytest

from lib import openapi
from lib.exporter import Exporter
from lib.namespace import in_namespace

sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
import workload

UNKNOWN = {
    "not_readable": "Unknown: the exporter may not read the descriptors of some processes.",
    "out_of_time": "Unknown: the search ran out of time. Ask again.",
    "too_many": "Unknown: too many descriptors refer to sockets.",
    "not_told": "Unknown: the kernel’s tables do not say. The cgroup tells whose it is.",
    "other_cgroups": "Unknown.",
}
MORE = "Other processes may have these sockets, too: "
FOUND = {
    "not_readable": MORE + "the exporter may not read the descriptors of some.",
    "out_of_time": MORE + "the search ran out of time. Ask again.",
    "too_many": MORE + "too many descriptors refer to sockets.",
    "other_cgroups": MORE + "only those in a socket’s cgroup were searched.",
}


def answer(holders, gap):
    """The document's own example, but for who has it."""
    content = openapi.responses("/api/v1/ports/{port}")[200]["content"]["application/json"]
    made = json.loads(json.dumps(content["examples"]["listener"]["value"]))
    made["port"] = 443
    sock, = made["local"]["sockets"]
    sock |= {"holders": holders, "holders_complete": False, "holders_incomplete": gap}
    if holders == "unknown":
        sock["processes"] = []
    openapi.assert_valid(made, content["schema"])
    return made


@pytest.fixture(scope="module")
def seen(module_folder):
    workload.need_browser()
    told = module_folder / "seen.json"
    answers = {f"{holders} {gap}": answer(holders, gap)
               for holders, gaps in (("unknown", UNKNOWN), ("found", FOUND)) for gap in gaps}

    @in_namespace(seconds=300)
    def play_all():
        with Exporter("--web.enable-api") as exporter:
            told.write_text(json.dumps(workload.play(exporter, ["holders"], {"answers": answers})["holders"]))

    play_all()
    found = json.loads(told.read_text())
    assert found["faults"] == []
    return found["seen"]


@pytest.mark.parametrize("holders, words", [("unknown", UNKNOWN), ("found", FOUND)])
def test_the_reason_is_said(seen, holders, words):
    for gap, said in words.items():
        text = seen[f"{holders} {gap}"]
        assert said in text.splitlines(), text
        assert ("may not read" in text) == (gap == "not_readable")
        assert (MORE in text) == (holders == "found")
