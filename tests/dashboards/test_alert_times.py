# SPDX-License-Identifier: Apache-2.0
"""How long after a cause its alerts fire, as the shipped rules have it: docs/runbook.md says so."""

import json
import re
import subprocess

import pytest

import boards
from lib.exporter import REPOSITORY
from lib.tools import debian_binary

RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")

# Of deploy/prometheus: scraped, and evaluated, so often. The cause comes just after the fortieth scrape.
STEP, BEFORE, SCRAPES = 15, 40, 400
CAUSE = STEP * BEFORE

HOST = 'job="ephemera",instance="app-1"'
PEER = f'{HOST},source="10.0.0.9",destination="10.0.0.5",destination_port="443"'


def then(before, *after):
    """The values of a series: one until the cause, and what comes after it, the last of them for good."""
    rest = SCRAPES - BEFORE - len(after)
    return " ".join([f"{before}+0x{BEFORE}", *map(str, after), f"{after[-1]}+0x{rest}"])


def climbing(step, most=28000):
    return [min(most, step * count) for count in range(1, SCRAPES - BEFORE)]


def destination(active, time_wait, capacity=(28000, 28000)):
    """The series of a host whose fullest destination has these ports, before the cause and after it."""
    usable = then(capacity[0], capacity[1])
    total = [a + t for a, t in zip(active[1], time_wait[1])]
    ratios = [min(1, ports / capacity[1]) for ports in total]
    before = active[0] + time_wait[0]
    return {
        f"ephemera_range_ports{{{HOST}}}": usable, f"ephemera_range_usable_ports{{{HOST}}}": usable,
        f'ephemera_destination_ports{{{PEER},state="active"}}': then(active[0], *active[1]),
        f'ephemera_destination_ports{{{PEER},state="time_wait"}}': then(time_wait[0], *time_wait[1]),
        f'ephemera_worst_destination_ports{{{HOST},family="ipv4"}}': then(before, *total),
        f'ephemera_worst_destination_usage_ratio{{{HOST},family="ipv4"}}': then(before / capacity[0], *ratios),
    }


def failing(first):
    """Calls that fail from the scrape of that number on."""
    counts = [0] * (first - 1) + list(range(100, 100 * (SCRAPES - BEFORE - first), 100))
    started = f"process_start_time_seconds{{{HOST}}}"
    return {started: then(-86400, -86400),
            f'ephemera_port_exhaustion_errors_total{{{HOST},family="ipv4"}}': then(0, *counts)}


FLAT = (0, [0] * (SCRAPES - BEFORE - 1))
LEAK, STORM = climbing(100), climbing(7500)
QUEUE = f'{HOST},address="0.0.0.0",port="8080"'

# {what is in the runbook: its series}
INCIDENTS = {
    "a leak: 400 connections a minute, never closed": {
        **destination((0, LEAK), FLAT), **failing(LEAK.index(28000) + 1)},
    "a storm of TIME_WAIT: 500 short connections a second": {
        **destination((20, [20] * len(STORM)), (0, [ports - 20 for ports in STORM])),
        **failing(STORM.index(28000) + 1)},
    "the range is cut to 8,000 ports, and 12,000 are taken": {
        **destination((12000, [12000] * (SCRAPES - BEFORE - 1)), FLAT, capacity=(28000, 8000)), **failing(1)},
    "a service stops accepting, and its queue is full": {
        f"ephemera_accept_queue_sockets{{{QUEUE}}}": then(0, 129),
        f"ephemera_accept_queue_limit_sockets{{{QUEUE}}}": then(128, 128),
        f"ephemera_worst_accept_queue_usage_ratio{{{HOST}}}": then(0, 1),
        f"ephemera_listen_overflows_total{{{HOST}}}": then(0, *range(40, 40 * (SCRAPES - BEFORE), 40))},
    "a SNAT range of 10 ports fills, by a connection in 15 s": {
        f'ephemera_worst_snat_usage_ratio{{{HOST},protocol="tcp",family="ipv4"}}': then(0, *(i / 10 for i in range(1, 11)))},
    "the exporter dies": {f"up{{{HOST}}}": then(1, 0)},
}


@pytest.fixture(scope="module", name="times")
def fixture_times(module_folder):
    """{incident: {(alert, severity): seconds from the cause until it fires}}"""
    first = 'min by (alertname, severity) (min_over_time(timestamp(ALERTS{alertstate="firing"})[2h:15s]))'
    tests = [{"name": name, "interval": f"{STEP}s",
              "input_series": [{"series": series, "values": values} for series, values in incident.items()],
              # What is asked for is not there, so that promtool says what is.
              "promql_expr_test": [{"expr": first, "eval_time": f"{STEP * (SCRAPES - 1)}s", "exp_samples": []}]}
             for name, incident in INCIDENTS.items()]
    case = module_folder / "times.json"
    case.write_text(json.dumps({"rule_files": [str(boards.FOLDER / "rules" / "alerts.yaml")],
                                "evaluation_interval": f"{STEP}s", "tests": tests}))
    promtool = debian_binary("prometheus", "usr/bin/promtool")
    said = subprocess.run([promtool, "test", "rules", case], check=False, text=True, timeout=900,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    found = [re.findall(r'\{alertname="(\w+)", severity="(\w+)"\} (\S+?)(?:,|$)', line)
             for line in re.findall(r"(?m)^\s*got: (.*)$", said)]
    assert len(found) == len(INCIDENTS), said
    return {name: {(alert, severity): float(at) - CAUSE for alert, severity, at in fired}
            for name, fired in zip(INCIDENTS, found)}


def words(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return " ".join([f"{minutes} min"] * bool(minutes) + [f"{rest} s"] * bool(rest))


def row(name, fired):
    def first(*severities):
        found = sorted((at, alert) for (alert, of), at in fired.items() if of in severities)
        return f"{words(found[0][0])}: `{found[0][1]}`" if found else "none"

    return f"| {name} | {first('warning', 'critical')} | {first('critical')} |"


@pytest.mark.parametrize("name", INCIDENTS)
def test_the_runbook_has_the_time(times, name):
    assert row(name, times[name]) in RUNBOOK.splitlines()
