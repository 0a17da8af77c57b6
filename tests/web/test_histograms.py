# SPDX-License-Identifier: Apache-2.0
"""Histograms as others read them: Prometheus' parsers find them whole, and alike in every format."""

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from lib.exporter import BINARY, assert_no_sanitizer_report
from lib.tools import debian_binary

PRINTER = Path(BINARY).parent / "tests" / "lib" / "print_histograms"

TEXT_0, TEXT_1, OPENMETRICS = range(3)
FORMATS = pytest.mark.parametrize("form", (TEXT_0, TEXT_1, OPENMETRICS),
                                  ids=["text 0.0.4", "text 1.0.0", "OpenMetrics"])

# What tests/lib/print_histograms.c has in it: labels, cumulative counts, sum.
BOUNDS = ["1e-05", "0.001", "0.3", "1.0", "60.0", "86400.0", "1e+06", "+Inf"]
LEASES = [({"protocol": "udp", "cgroup": ""}, [0] * 8, 0),
          ({"protocol": "tcp", "cgroup": '/a"b\\c\nd,le="1"'}, [0, 3, 3, 8, 15, 15, 15, 17],
           2000123.25)]
MANY = 2 ** 53 + 1
INTERVALS = [({}, [MANY] * 2 + [MANY + number for number in range(1, 7)], 1e18)]


def printed(form):
    if not PRINTER.exists():
        pytest.skip(f"this build has no {PRINTER.name}: cmake --build "
                    f"{PRINTER.parents[2]} --target {PRINTER.name}")
    done = subprocess.run([PRINTER, str(form)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    assert_no_sanitizer_report(done.stderr.decode())
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def families(form):
    parse = (openmetrics.text_string_to_metric_families if form == OPENMETRICS
             else text_string_to_metric_families)
    return {family.name: family for family in parse(printed(form))}


def samples(name, histograms):
    """As a parser gives them, in the order of the output."""
    for labels, counts, total in histograms:
        for bound, count in zip(BOUNDS, counts):
            yield f"{name}_bucket", {**labels, "le": bound}, count
        yield f"{name}_sum", labels, total
        yield f"{name}_count", labels, counts[-1]


@FORMATS
@pytest.mark.parametrize("name, histograms", [("ephemera_lease_seconds", LEASES),
                                              ("ephemera_interval_seconds", INTERVALS)])
def test_parsers_find_what_was_put_in(form, name, histograms):
    family = families(form)[name]
    assert family.type == "histogram"
    assert family.unit == ("seconds" if form == OPENMETRICS else "")
    wanted = list(samples(name, histograms))
    if form != OPENMETRICS:
        # This parser reads each number as a double.
        wanted = [(sample, labels, float(value)) for sample, labels, value in wanted]
    assert [(sample.name, sample.labels, sample.value) for sample in family.samples] == wanted


@FORMATS
def test_nothing_else_is_there(form):
    families_in_order = ["ephemera_before", "ephemera_lease_seconds", "ephemera_interval_seconds"]
    # The parsers name a counter's family alike, the formats do not.
    assert list(families(form)) == [*families_in_order, "ephemera_after"]
    lines = printed(form).splitlines()
    for kind in ("HELP", "TYPE"):
        described = [line.split(" ")[2] for line in lines if line.startswith(f"# {kind} ")]
        assert described == [*families_in_order, "ephemera_after" if form == OPENMETRICS
                             else "ephemera_after_total"]


def test_the_same_lines_in_every_format():
    of_text, same, of_openmetrics = (
        [line for line in printed(form).splitlines() if not line.startswith("#")]
        for form in (TEXT_0, TEXT_1, OPENMETRICS))
    assert of_text == same == of_openmetrics


def test_counts_are_whole_numbers_in_full():
    counts = re.findall(r"^ephemera_interval_seconds_(?:bucket\S*|count) (.*)$",
                        printed(OPENMETRICS), re.M)
    assert counts == [str(count) for count in [*INTERVALS[0][1], INTERVALS[0][1][-1]]]


@pytest.mark.parametrize("form", (TEXT_0, TEXT_1), ids=["text 0.0.4", "text 1.0.0"])
def test_promtool_finds_nothing_to_say(form):
    promtool = debian_binary("prometheus", "usr/bin/promtool")
    checked = subprocess.run([promtool, "check", "metrics"], input=printed(form), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert (checked.returncode, checked.stdout) == (0, "")
