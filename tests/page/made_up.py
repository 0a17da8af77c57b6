# SPDX-License-Identifier: Apache-2.0
"""Answers of the API that are made up, and what the page shows of them."""

import json
import os

from lib.exporter import Exporter
from lib.namespace import in_namespace

import workload

NOW = 1767225600000
USABLE = 1000
TO = "192.0.2.7"
SERVICE = {"cgroup": "/system.slice/checkout.service", "pod_uid": "", "container_id": "", "ports": 700}


def history(*samples, ids=(443,)):
    """samples: (seconds ago, {port: used} or used of the first port, failures or None)."""
    made = []
    for ago, used, *failures in samples:
        ports = used if isinstance(used, dict) else {ids[0]: used}
        made.append({"time_ms": NOW - ago * 1000, "usable_ports": USABLE,
                     **({"failures": failures[0]} if failures else {}),
                     "ports": [[ids.index(port), number] for port, number in ports.items()]})
    return {"seconds": 900, "now_ms": NOW, "samples": made,
            "destinations": [{"id": i, "source": "192.0.2.1", "destination": TO, "destination_port": port}
                             for i, port in enumerate(ids)]}


def destination(active, time_wait=0, reusable=0, port=443, **more):
    return {"source": "192.0.2.1", "destination": TO, "destination_port": port, "family": "ipv4", "active": active,
            "time_wait": time_wait, "reusable": reusable, "usage_ratio": (active + time_wait) / USABLE, **more}


def destinations(*entries):
    return {"range": {"first_port": 40000, "last_port": 40999, "ports": USABLE, "usable_ports": USABLE},
            "destinations": list(entries), "destinations_total": len(entries)}


LEGEND = {".": "free", "r": "reserved", "o": "outbound", "t": "time_wait", "l": "listener", "b": "bound"}


def ports(first, last, uses, seconds=()):
    """uses: {port: letter of LEGEND}. seconds: of each port in TIME_WAIT, in the order of ports."""
    letters = "".join(uses.get(port, ".") for port in range(65536))
    return {"range": {"first_port": first, "last_port": last, "ports": last - first + 1}, "legend": LEGEND,
            "counts": {use: letters.count(letter) for letter, use in LEGEND.items()}, "ports": letters,
            "time_wait_seconds": list(seconds)}


def show(folder, cases, scenario="past", **options):
    """cases: {name: {path below /api/v1/: answer}}. Returns {name: what the scenario saw}.

    options: {name: what else the scenario is to know of it}.
    """
    workload.need_browser()
    told = folder / "seen.json"

    @in_namespace(seconds=300)
    def play_all():
        known = {"cases": {name: {"answers": answers, **options.get(name, {})} for name, answers in cases.items()},
                 "pictures": os.environ.get("EPHEMERA_PICTURES")}
        with Exporter("--web.enable-api") as exporter:
            told.write_text(json.dumps(workload.play(exporter, [scenario], known)[scenario]))

    play_all()
    found = json.loads(told.read_text())
    assert found["faults"] == []
    return found["seen"]
