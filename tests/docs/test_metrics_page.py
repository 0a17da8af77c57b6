# SPDX-License-Identifier: Apache-2.0
"""docs/metrics.md: as the registry has it, true of a live scrape, and its queries valid.

EPHEMERA_UPDATE_GOLDEN=1 makes these tests rewrite the page first.
"""

import collections
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from lib.bpf import needs_bpf
from lib.certificates import Authority
from lib.exporter import BINARY, REPOSITORY, Exporter, Metrics, assert_no_sanitizer_report, metrics
from lib.namespace import in_namespace, set_range
from lib.secure import Secure, server, trusting
from lib.sockets import IPV4, accept, bound, connect_many, listen, udp_connected
from lib.tools import debian_binary

PAGE = REPOSITORY / "docs" / "metrics.md"
GENERATOR = Path(BINARY).parent / "ephemera-docs"

CLIENTS = 7
METRIC_NAME = re.compile(r"\b(?:ephemera|process)_\w+")

# series: {the name of each series: its labels}, of which only a histogram has several.
Metric = collections.namedtuple("Metric", "type labels example series")


@pytest.fixture(scope="module")
def generated():
    """What the generator of the tested build prints."""
    if not GENERATOR.exists():
        pytest.skip(f"this build has no ephemera-docs: cmake --build {GENERATOR.parent} "
                    "--target ephemera-docs")
    done = subprocess.run([GENERATOR], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    assert_no_sanitizer_report(done.stderr)
    assert done.returncode == 0, done.stderr
    if os.environ.get("EPHEMERA_UPDATE_GOLDEN"):
        PAGE.write_text(done.stdout, encoding="utf-8")
    return done.stdout


@pytest.fixture(scope="module")
def documented(generated):
    """{name: Metric}; labels are {name: the words that may be its values, or None}."""
    found = {}
    for section in re.split(r"^### ", generated, flags=re.MULTILINE)[1:]:
        name = section.split("\n", 1)[0]
        labels = dict(re.findall(r"^- `(\w+)`: ((?:.|\n  )+)", section, re.MULTILINE))
        assert name not in found, f"{name} is there twice"
        kind = re.search(r"^(Gauge|Counter|Histogram), ", section, re.MULTILINE).group(1)
        found[name] = Metric(kind, {label: _fixed(words) for label, words in labels.items()},
                             re.search(r"^```promql\n(.+)\n```$", section, re.MULTILINE).group(1),
                             _series(name, kind, list(labels)))
    assert found
    return found


def _series(name, kind, labels):
    if kind != "Histogram":
        return {name: labels}
    others = [label for label in labels if label != "le"]
    return {f"{name}_bucket": labels, f"{name}_sum": others, f"{name}_count": others}


def by_series(documented):
    """{name of a series: (Metric, its labels)}"""
    return {series: (metric, labels) for metric in documented.values()
            for series, labels in metric.series.items()}


def _fixed(words):
    """The values of a label that is described by a list of them."""
    values = set(re.findall(r"`([^`]*)`", words))
    return values if words.startswith(("`", "for tcp")) else None


def test_the_page_is_up_to_date(generated):
    written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    assert written.splitlines() == generated.splitlines(), (
        f"{PAGE.name} is not what {GENERATOR.name} prints; rewrite it by "
        "EPHEMERA_UPDATE_GOLDEN=1 ./tests/run -k metrics_page, and read the diff")
    assert written == generated


def test_each_example_uses_its_metric_and_only_those_that_exist(documented):
    for name, metric in documented.items():
        used = set(METRIC_NAME.findall(metric.example))
        assert used & metric.series.keys(), \
            f"the example of {name} is about something else: {metric.example}"
        assert not used - by_series(documented).keys(), f"the example of {name}: {metric.example}"


def test_each_example_asks_for_labels_and_values_that_exist(documented):
    for name, metric in documented.items():
        for used, matchers in re.findall(r"\b(\w+)\{([^}]*)\}", metric.example):
            for label, values in re.findall(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"', matchers):
                if label in ("job", "instance"):
                    continue
                known, has = by_series(documented)[used]
                assert label in has, f"the example of {name}: {used} has no label {label}"
                assert (not known.labels[label]
                        or set(values.split("|")) <= known.labels[label]), (
                    f"the example of {name}: {label} of {used} is never {values}")


def test_promtool_accepts_each_example(documented, tmp_path):
    promtool = debian_binary("prometheus", "usr/bin/promtool")
    rules = {"groups": [{"name": "examples", "rules": [
        {"record": f"example:{name}", "expr": metric.example}
        for name, metric in documented.items()]}]}
    # JSON is YAML.
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(rules, indent=1), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", file], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert f"SUCCESS: {len(documented)} rules found" in done.stdout, done.stdout


OF_OWNERS = {f"ephemera_{whose}_{what}" for whose in ("owner", "other_owner", "unowned")
             for what in ("ports", "udp_ports")}
OF_THE_CONFIGURATION = {"ephemera_web_config_last_reload_successful",
                        "ephemera_web_config_last_reload_success_timestamp_seconds",
                        "ephemera_web_tls_certificate_expiry_timestamp_seconds"}


def of_exhaustion(documented):
    """The series of a collector that is off by default."""
    return {name for name in by_series(documented)
            if re.search("_(exhaustion_errors|exhaustion_missed|conflicts|owner_opens|lease|leases|"
                         "reuse_interval)_", name)}


def of_snat(documented):
    """The same of the other one."""
    return {name for name in by_series(documented) if re.search("_(snat|conntrack)_", name)}


# What a sample of another namespace has besides the labels of its family.
OF_A_NAMESPACE = {"netns", "namespace", "pod", "pod_uid", "container"}


def assert_documented(said, documented):
    series = by_series(documented)
    for family in said.families:
        for sample in family.samples:
            assert sample.name in series, f"{sample.name} is not documented"
            metric, labels = series[sample.name]
            assert metric.type.lower() == family.type, sample.name
            own = {label: value for label, value in sample.labels.items()
                   if label in labels or label not in OF_A_NAMESPACE or "netns" not in sample.labels}
            assert list(own) == labels, sample.name
            for label, value in own.items():
                assert not metric.labels[label] or value in metric.labels[label], (
                    f"{sample.name}: nobody said that {label} may be {value!r}")


# What --collector.binds.buckets adds; a test of its own has sockets with such ranges.
OF_THE_BUCKETS = {"ephemera_own_range_sockets", "ephemera_narrowest_own_range_ports"}


# What --namespaces=all adds: see the test of that.
OF_ALL_NAMESPACES = {"ephemera_namespaces", "ephemera_worst_namespace_usage_ratio",
                     "ephemera_unshown_namespaces", "ephemera_untracked_namespace_ports",
                     "ephemera_node_view"}


@needs_bpf
@in_namespace
def test_what_is_said_of_all_namespaces_is_documented(documented):
    said = metrics("--namespaces=all")
    assert_documented(said, documented)
    assert OF_ALL_NAMESPACES <= said.names()


@in_namespace
def test_what_a_scrape_says_is_documented(documented):
    set_range(40000, 40021)
    listener = listen(IPV4, "127.0.0.1", 30001)
    _in_the_range = listen(IPV4, "127.0.0.1", 40003)
    _clients = connect_many(CLIENTS, IPV4, "127.0.0.1", 30001)
    _servers = accept(listener, CLIENTS)
    _udp = udp_connected(IPV4, "127.0.0.1", 53)
    said = metrics("--collector.destinations.minimum-ports=1",
                   "--service-node-port-range=30000-32767")
    assert said.value("ephemera_destination_ports", state="active") == CLIENTS
    assert_documented(said, documented)
    # Where there is no cgroup v2, the owners have nothing to show; and without a web
    # configuration nobody tells of it, see the next test.
    silent = by_series(documented).keys() - said.names() - OF_OWNERS - OF_THE_CONFIGURATION \
        - OF_THE_BUCKETS - OF_ALL_NAMESPACES - of_exhaustion(documented) - of_snat(documented)
    assert not silent, "documented, and not there"


@needs_bpf
@in_namespace
def test_what_the_exhaustion_collector_says_is_documented(documented):
    # Of a kernel whose functions cannot be followed, bind() is not counted.
    optional = {"ephemera_bind_port_exhaustion_errors_total", "ephemera_bind_conflicts_total",
                "ephemera_other_bind_conflicts_total"}
    with Exporter("--collector.exhaustion") as exporter:
        set_range(40000, 40009)
        _listener = listen(IPV4, "127.0.0.1", 30001)
        with pytest.raises(OSError):
            _clients = connect_many(11, IPV4, "127.0.0.1", 30001)
        with pytest.raises(OSError):
            bound(IPV4, "127.0.0.1", 30001)
        said = exporter.metrics()
        if said.value("ephemera_kernel_feature", feature="bind_conflicts"):
            optional = set()
    assert_documented(said, documented)
    assert not of_exhaustion(documented) - said.names() - optional
    assert len(of_exhaustion(documented)) == 22


def test_what_a_web_configuration_adds_is_documented(documented, module_folder):
    authority = Authority(module_folder)
    with Secure(server(authority.issue("server")), module_folder) as exporter:
        answer = exporter.fetch(trusting(authority))
    said = Metrics(answer.body.decode())
    assert_documented(said, documented)
    assert OF_THE_CONFIGURATION <= said.names()


def test_what_a_scrape_by_procfs_says_is_documented(documented):
    assert_documented(metrics("--sockets.source=procfs"), documented)
