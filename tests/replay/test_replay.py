# SPDX-License-Identifier: Apache-2.0
"""Golden outputs: the shipped binary, replaying what kernels really sent.

A case is a directory with `flags` (a command line, one flag a line, paths relative to this
directory) and `expected.prom`, what `ephemera metrics` must print for it, to the byte. What
the cases hold, and why the numbers are right, is in README.md. To accept a changed output:

    EPHEMERA_UPDATE_GOLDEN=1 pytest tests/replay

and then look at the difference: a golden number must have been checked by hand once.
"""

import os
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lib.exporter import COLLECTORS, run

HERE = Path(__file__).resolve().parent
CASES = sorted(path.parent.name for path in HERE.glob("*/flags"))
UPDATE = os.environ.get("EPHEMERA_UPDATE_GOLDEN", "") not in ("", "0")

# What the collectors named in the flags may emit; a failed one must have none of it.
FAMILIES = {
    "range": r"ephemera_range_(first_port|last_port|ports|reserved_ports|iana_dynamic_ports)"
             r"|ephemera_unprivileged_.*|ephemera_tcp_(time_wait|fin)_.*",
    "binds": r"ephemera_range_(bound|usable|listener)_.*",
    "sockets": r"ephemera_sockets|ephemera_tcp_connections",
    "destinations": r"ephemera_.*destination.*",
    "addresses": r"ephemera_(worst_|untracked_)?address_.*",
    "accept_queue": r"ephemera_(worst_)?accept_queue_.*|ephemera_listen_.*",
    "time_wait": r"ephemera_time_wait_.*",
    "churn": r"ephemera_tcp_(opens|open_failures|resets_sent|established_resets)",
}


def flags(case):
    lines = (HERE / case / "flags").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def replay(case):
    return run("metrics", *flags(case), cwd=HERE)


def failed(output):
    return {name for name in FAMILIES
            if f'ephemera_scrape_collector_success{{collector="{name}"}} 0\n' in output}


def ran(output):
    """The collectors that ran, failed or not."""
    return {name for name in FAMILIES
            if f'ephemera_scrape_collector_success{{collector="{name}"}} ' in output}


def test_there_are_cases():
    assert CASES


def test_every_collector_has_a_case():
    """But owners, whose answer differs by host."""
    assert {name for case in CASES for name in ran(replay(case).stdout)} \
        == set(COLLECTORS) - {"owners"}


@pytest.mark.parametrize("case", CASES)
def test_golden(case):
    done = replay(case)
    golden = HERE / case / "expected.prom"
    if UPDATE:
        golden.write_text(done.stdout, encoding="utf-8")
    assert done.stdout.splitlines() == golden.read_text(encoding="utf-8").splitlines()
    assert done.stdout == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", CASES)
def test_failures_are_told_in_every_way(case):
    done = replay(case)
    assert done.returncode == (1 if failed(done.stdout) else 0)
    for name in FAMILIES:
        told = re.search(rf'Collector failed.* collector="?{name}\b', done.stderr)
        assert bool(told) == (name in failed(done.stdout)), done.stderr


@pytest.mark.parametrize("case", CASES)
def test_no_half_family(case):
    output = replay(case).stdout
    families = list(text_string_to_metric_families(output))
    for collector, pattern in FAMILIES.items():
        found = [family.name for family in families if re.fullmatch(pattern, family.name)]
        assert bool(found) == (collector in ran(output) - failed(output)), found


@pytest.mark.parametrize("case", CASES)
def test_output_is_sane(case):
    """What promtool would say of it, as far as it does not take promtool."""
    output = replay(case).stdout
    helped, typed, families, seen = set(), {}, set(), set()
    for line in output.splitlines():
        if found := re.fullmatch(r"# (HELP|TYPE) (\S+) (.+)", line):
            kind, name, rest = found.groups()
            assert name not in (helped if kind == "HELP" else typed), line
            if kind == "HELP":
                helped.add(name)
            else:
                assert rest in ("gauge", "counter", "histogram"), line
                typed[name] = rest
            current = name
            continue
        name, labels, value = re.fullmatch(r"([a-z][a-z0-9_]*)(\{.*\})? (\S+)", line).groups()
        suffixes = ("_bucket", "_sum", "_count") if typed[current] == "histogram" else ("",)
        assert name in [current + suffix for suffix in suffixes], \
            f"{line} stands in the family {current}"
        families.add(current)
        assert (name, labels) not in seen, line
        seen.add((name, labels))
        assert float(value) >= 0
    assert helped == set(typed) == families
    assert output.endswith("\n")


@pytest.mark.parametrize("case", CASES)
def test_replaying_twice_gives_the_same(case):
    assert replay(case).stdout == replay(case).stdout
