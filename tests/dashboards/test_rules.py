# SPDX-License-Identifier: Apache-2.0
"""dashboards/rules: valid, rendered from the mixin, and firing when they should and only then."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from lib.exporter import REPOSITORY
from lib.tools import debian_binary

DASHBOARDS = REPOSITORY / "dashboards"
RULES = DASHBOARDS / "rules"
CASES = sorted((RULES / "tests").glob("*.yaml"))
RUNBOOK = REPOSITORY / "docs" / "runbook.md"
REPLAY = REPOSITORY / "tests" / "replay"

ALERTS = [rule for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"]
          for rule in group["rules"] if "alert" in rule]
# One that has two severities is there twice.
NAMES = list(dict.fromkeys(alert["alert"] for alert in ALERTS))

# Of the latter only alerts that compare with the range have anything to be wrong about.
QUIET = ["restart", "missing", "noise"]
ABOUT_RANGE = "EphemeralPorts"
# What waits must not begin anew with each scrape that fails. Prometheus itself says that one failed, and
# increase() looks past it.
NOT_ASKED_NOW = {"EphemeraExporterGone", "TimeWaitTableOverflowing", "ListenOverflows"}

# What each guard is for: without it a case of the alert's file must fail.
MUTANTS = [
    ("EphemeralPortsHalfUsed", "'for'+: { halfUsed: '0m' }"),
    ("EphemeralPortsHalfUsed", "halfUsedRatio: 0.45"),
    ("EphemeralPortsHalfUsed", "halfUsedWarningRatio: 0.69"),
    ("EphemeralPortsHalfUsed", "halfUsedWarningRatio: 0.71"),
    ("EphemeralPortsHalfUsed", "halfUsedGrowth: 0.15"),
    ("EphemeralPortsHalfUsed", "halfUsedGrowth: 0.25"),
    ("EphemeralPortsHalfUsed", "missedScrapes: '10m'"),
    ("EphemeralPortsHalfUsed", "keepFiringFor: ''"),
    ("EphemeralPortsNearlyFull", "'for'+: { nearlyFull: '0m' }"),
    ("EphemeralPortsNearlyFull", "nearlyFullRatio: 0.8"),
    ("EphemeralPortsFull", "keepFiringFor: ''"),
    ("EphemeralPortsFull", "'for'+: { full: '1m' }"),
    ("EphemeralPortsExhausted", "'for'+: { exhausted: '1m' }"),
    ("EphemeralPortsExhausted", "exhaustedSeconds: 60"),
    ("EphemeralPortsExhausted", "exhaustedSeconds: 1e6"),
    ("EphemeralPortsBindExhausted", "'for'+: { exhausted: '1m' }"),
    ("EphemeralPortsBindExhausted", "exhaustedSeconds: 60"),
    ("EphemeralPortsBindExhausted", "exhaustedSeconds: 1e6"),
    ("EphemeralPortsFullSoon", "'for'+: { fullSoon: '0m' }"),
    ("EphemeralPortsFullSoon", "predictRecentWindow: '30m'"),
    ("EphemeralPortsFullSoon", "predictMinimumRatio: 0"),
    ("EphemeralPortsFullSoon", "predictMinimumGrowth: 0"),
    ("EphemeralPortsFullSoon", "nearlyFullRatio: 0.95"),
    ("EphemeralPortsAddressPoolNearlyFull", "'for'+: { addressPool: '0m' }"),
    ("EphemeralPortsAddressPoolNearlyFull", "addressPoolGrowth: 0"),
    ("EphemeralPortsListenerInRange", "'for'+: { listener: '0m' }"),
    ("TimeWaitTableNearlyFull", "'for'+: { timeWaitTable: '0m' }"),
    ("TimeWaitTableOverflowing", "rateWindow: '1m'"),
    ("AcceptQueueFull", "'for'+: { acceptQueue: '0m' }"),
    ("ListenOverflows", "rateWindow: '1m'"),
    ("SnatPortsNearlyFull", "'for'+: { snatNearlyFull: '15s' }"),
    ("SnatPortsNearlyFull", "snatNearlyFullRatio: 0.89"),
    ("SnatPortsNearlyFull", "snatNearlyFullRatio: 0.91"),
    ("SnatPortsNearlyFull", "keepFiringFor: ''"),
    ("SnatPortsFull", "'for'+: { snatFull: '15s' }"),
    ("SnatPortsFull", "snatFullRatio: 0.96"),
    ("SnatPortsFull", "snatFullRatio: 0.98"),
    ("SnatPortsFull", "snatLossRatio: 0.09"),
    ("SnatPortsFull", "snatLossRatio: 0.2"),
    ("SnatPortsFull", "keepFiringFor: ''"),
    ("SnatPacketsLost", "'for'+: { snatLost: '1m' }"),
    ("SnatPacketsLost", "exhaustedSeconds: 60"),
    ("SnatPacketsLost", "exhaustedSeconds: 1e6"),
    ("ConntrackTableNearlyFull", "'for'+: { conntrackTable: '0m' }"),
    ("ConntrackTableNearlyFull", "conntrackTableRatio: 0.81"),
    ("EphemeraCollectorFailing", "'for'+: { collector: '0m' }"),
    ("EphemeraExporterGone", "'for'+: { gone: '0m' }"),
    ("EphemeraExporterGone", "selector: 'job!=\"\"'"),
    ("EphemeraWebConfigurationWrong", "'for'+: { collector: '0m' }"),
    ("EphemeraCertificateExpires", "'for'+: { collector: '0m' }"),
    ("EphemeraCertificateExpires", "certificateSeconds: 90 * 24 * 3600"),
    ("recording", "halfUsedRatio: 0.4"),
    ("recording", "predictRecentWindow: '30m'"),
    ("recording", "predictMinimumGrowth: 0, predictMinimumRatio: 0, predictMaximumHours: 1e9, "
                  "predictWindow: '1h', predictRecentWindow: '1h'"),
    *((alert["alert"], "missedScrapes: '1s'") for alert in ALERTS
      if "for" in alert and alert["alert"] not in NOT_ASKED_NOW and alert["labels"]["severity"] != "info"),
    ("EphemeralPortsListenerInRange", "missedScrapes: '1s'"),
]


def need(program):
    if not shutil.which(program):
        pytest.skip(f"there is no {program}")
    return program


def run(*command):
    # All mutants at once take a minute of a processor, and more where others want it, too.
    return subprocess.run(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=900)


def promtool(*arguments):
    return run(debian_binary("prometheus", "/usr/bin/promtool"), *arguments)


def alert_named(name):
    return next(alert for alert in ALERTS if alert["alert"] == name)


def load(path):
    return yaml.safe_load(path.read_text())


def rules_of(name, content):
    """Those that the cases of that name are about: of an alert its own, and what is recorded for it."""
    groups = content["recording"]["groups"] if name == "recording" else content["alerts"]["groups"]
    return {"groups": [{**group, "rules": [rule for rule in group["rules"]
                                           if rule.get("alert", name) == name]} for group in groups]}


def try_all(folder, wanted):
    """{key: what promtool says} of {key: (name of the cases, their rules)}. One promtool for all of
    them, which evaluates only the rules that are asked about, takes a twentieth of the time."""
    for key, (name, rules) in wanted.items():
        # JSON is YAML, too.
        (folder / f"{key}.rules.json").write_text(json.dumps(rules))
        cases = {**load(RULES / "tests" / f"{name}.yaml"), "rule_files": [f"{key}.rules.json"]}
        (folder / f"{key}.json").write_text(json.dumps(cases))
    said = promtool("test", "rules", *(str(folder / f"{key}.json") for key in wanted)).stdout
    parts = re.split(r"(?m)^Unit Testing:  (.*)$", said)
    found = {Path(path).stem: text.strip() for path, text in zip(parts[1::2], parts[2::2])}
    assert found.keys() == wanted.keys(), said
    return found


@pytest.fixture(scope="module", name="outcomes")
def fixture_outcomes(module_folder):
    shipped = {name: load(RULES / f"{name}.yaml") for name in ("alerts", "recording")}
    return try_all(module_folder, {path.stem: (path.stem, rules_of(path.stem, shipped)) for path in CASES})


def rendered(configs):
    """What jsonnet makes of the mixin with each of {key: (name of the cases, settings)}: the rules
    that the cases are about."""
    need("jsonnet")
    variants = ", ".join(
        f"{json.dumps(key)}: rules({json.dumps(name)}, mixin + {{ _config+:: {{ {config} }} }})"
        for key, (name, config) in configs.items())
    # Lazy: of the other rules nothing is made.
    done = run("jsonnet", "-J", str(DASHBOARDS), "-e", """
        local mixin = import 'mixin.libsonnet';
        local rules(name, of) = {
          groups: [
            group { rules: [rule for rule in group.rules if !std.objectHas(rule, 'alert') || rule.alert == name] }
            for group in (if name == 'recording' then of.prometheusRules else of.prometheusAlerts).groups
          ],
        };
        {%s}""" % variants)
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


@pytest.fixture(scope="module", name="mutants")
def fixture_mutants(module_folder):
    configs = {f"mutant-{number}": mutant for number, mutant in enumerate(MUTANTS)}
    folder = module_folder / "mutants"
    folder.mkdir()
    made = rendered(configs)
    said = try_all(folder, {key: (name, made[key]) for key, (name, _) in configs.items()})
    return {mutant: said[key] for key, mutant in configs.items()}


@pytest.mark.parametrize("name", ["alerts.yaml", "recording.yaml"])
def test_promtool_finds_nothing_wrong(name):
    done = promtool("check", "rules", str(RULES / name))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("cases", CASES, ids=lambda path: path.stem)
def test_rules_fire_and_keep_quiet(outcomes, cases):
    assert outcomes[cases.stem] == "SUCCESS"
    # By hand they are tried with all the rules.
    assert load(cases)["rule_files"] == [
        "../recording.yaml" if cases.stem == "recording" else "../alerts.yaml"]


def test_the_cases_are_those_of_alerts():
    assert sorted(NAMES + ["recording"]) == [path.stem for path in CASES]


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_case_of_each_kind(name):
    groups = load(RULES / "tests" / f"{name}.yaml")["tests"]

    texts = [alert for group in groups for check in group.get("alert_rule_test", [])
             for alert in check["exp_alerts"] if check["alertname"] == name]
    assert texts, "no case has the text of an alert that fires"

    found = []
    for group in groups:
        if not group["name"].startswith("quiet: "):
            assert group["name"].startswith("fires: "), group["name"]
            continue
        found.append(group["name"].removeprefix("quiet: "))
        # In the whole time of the case, and not at an instant.
        whole = [check for check in group["promql_expr_test"]
                 if check["expr"].startswith(f'count_over_time(ALERTS{{alertname="{name}", '
                                             'alertstate="firing"}[')
                 and check["expr"].endswith(f'[{check["eval_time"]}])')]
        assert len(whole) == len(group["promql_expr_test"]) == 1
        assert whole[0]["exp_samples"] == []
    waits = "for" in alert_named(name) and name not in NOT_ASKED_NOW
    assert waits == any(group["name"].startswith("fires: in time, though scrapes fail") for group in groups)
    for kind in QUIET + ["range"] * name.startswith(ABOUT_RANGE):
        assert any(title.startswith(kind) for title in found), f"no quiet case about {kind}"


@pytest.mark.parametrize("name,config", MUTANTS)
def test_a_guard_that_is_gone_is_noticed(mutants, name, config):
    said = mutants[name, config]
    assert said.startswith("FAILED")
    # Its cases fail, and not its rules.
    assert "name: " in said or "expr: " in said, said


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']}-{alert['labels']['severity']}")
def test_an_alert_says_what_to_do(alert):
    name = alert["alert"]
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    annotations = alert["annotations"]
    assert "$labels." in annotations["summary"]
    assert annotations["description"].endswith((".", "{{ end }}"))
    page, anchor = annotations["runbook_url"].split("#")
    assert page.endswith("/docs/runbook.md") and anchor == name.lower()
    sections = re.split(r"(?m)^## ", RUNBOOK.read_text())
    section = next((text for text in sections if text.split("\n")[0].lower() == anchor), None)
    assert section, f"{RUNBOOK} has no section {name}"
    assert re.findall(r"(?m)^\*\*([^*]+?)\.?\*\*", section) == ["See", "Now", "For good", "Do not", "What it means"]
    at_once = section.split("**Do not**")[0]
    see = at_once.split("**Now.**")[0]
    assert len(re.findall(r"(?m)^    \S", see)) == 1, "to see it takes one command"
    # Read at three in the morning: two minutes in all, of which the half to act.
    assert len(at_once.split()) <= 180 and len(section.split("\n### ")[0].split()) <= 300


def test_each_name_and_label_in_the_inhibitions_is_of_an_alert():
    inhibitions = load(RULES / "alertmanager-inhibit.yaml")["inhibit_rules"]
    assert len(inhibitions) > 5
    for rule in inhibitions:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            label, pattern = re.fullmatch(r'(\w+) =~ "(.*)"', matcher).groups()
            known = {"alertname": NAMES, "severity": ["warning", "info"], "protocol": ["tcp", "udp"]}[label]
            assert set(pattern.split("|")) <= set(known), matcher
        # Two hosts must not keep each other's alerts back, and a pod not those of its host.
        assert rule["equal"][:7] == ["cluster", "job", "instance", "netns", "namespace", "pod", "pod_uid"]
        assert set(rule["equal"][7:]) <= {"family", "source", "destination", "destination_port", "protocol"}


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text())
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"(?m)^#+ (.*)$", text)}


def test_links_of_the_runbook_lead_somewhere():
    links = re.findall(r"\]\(([\w./-]*)#([^)]+)\)", RUNBOOK.read_text())
    assert len(links) > 40
    for page, anchor in links:
        assert anchor in anchors(RUNBOOK.parent / page if page else RUNBOOK), f"{page}#{anchor}"


def test_a_destination_that_is_meant_to_be_that_full_is_told_so_in_one_place(module_folder):
    """And what is fuller than it was meant to be, or is meant for no such thing, is told as ever."""
    made = {name: rendered({name: (name, "expectedUsage: [{ labels: { destination: '10.0.0.5', "
                                         "destination_port: '443' }, ratio: 0.85 }]")})[name]
            for name in ("EphemeralPortsHalfUsed", "EphemeralPortsNearlyFull", "EphemeralPortsFull")}
    (module_folder / "expected.rules.json").write_text(json.dumps(
        {"groups": [{"name": name, "rules": rules["groups"][0]["rules"]} for name, rules in made.items()]}))
    host = 'job="ephemera", instance="app-1:10059"'
    series = [{"series": f"ephemera_range_usable_ports{{{host}}}", "values": "1000+0x60"},
              {"series": f'ephemera_worst_destination_usage_ratio{{{host}, family="ipv4"}}', "values": "0.8+0x60"}]
    for source, address, port, values in [
            ("10.0.0.9", "10.0.0.5", 443, "850+0x60"), ("10.0.0.8", "10.0.0.5", 443, "860+0x60"),
            ("10.0.0.9", "10.0.0.5", 80, "800+0x60"), ("10.0.0.7", "10.0.0.5", 443, "1000+0x60")]:
        series.append({"series": f'ephemera_destination_ports{{{host}, source="{source}", destination="{address}", '
                                 f'destination_port="{port}", state="active"}}', "values": values})
    asked = 'sum by (alertname, severity, source, destination_port) (ALERTS{alertstate="firing"})'
    half, nearly, full = "EphemeralPortsHalfUsed", "EphemeralPortsNearlyFull", "EphemeralPortsFull"
    expected = [(half, "info", "10.0.0.8", 443), (half, "warning", "10.0.0.8", 443),
                (half, "info", "10.0.0.9", 80), (half, "warning", "10.0.0.9", 80),
                (half, "info", "10.0.0.7", 443), (half, "warning", "10.0.0.7", 443),
                (nearly, "critical", "10.0.0.7", 443), (full, "critical", "10.0.0.7", 443)]
    case = module_folder / "expected.json"
    case.write_text(json.dumps({"rule_files": ["expected.rules.json"], "evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": series, "promql_expr_test": [{
            "expr": asked, "eval_time": "10m", "exp_samples": [{
                "labels": f'{{alertname="{name}", severity="{severity}", source="{source}", destination_port="{port}"}}',
                "value": 1} for name, severity, source, port in expected]}]}]}))
    done = promtool("test", "rules", str(case))
    assert done.returncode == 0, done.stdout


def series_of(page, instance):
    """What promtool takes as input: each sample of an exposition, of one host."""
    for line in page.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
        together = ",".join(filter(None, [f'job="ephemera",instance="{instance}"', labels]))
        yield {"series": f"{name}{{{together}}}", "values": f"{value}+0x5"}


def recorded(tmp_path, expression):
    """What the recording rules make of a busy host and a calm one."""
    series = [*series_of(REPLAY / "busy" / "expected.prom", "busy"),
              *series_of(REPLAY / "empty" / "expected.prom", "calm")]
    case = {"interval": "1m", "input_series": series,
            "promql_expr_test": [{"expr": expression, "eval_time": "3m", "exp_samples": []}]}
    path = tmp_path / "case.yaml"
    path.write_text(json.dumps({"rule_files": [str(RULES / "recording.yaml")],
                                "evaluation_interval": "1m", "tests": [case]}))
    done = promtool("test", "rules", str(path))
    assert done.returncode != 0 and "got: " in done.stdout, done.stdout
    return re.findall(r'instance="(\w+)"[^}]*\} ([^\s,]+)', done.stdout.split("got:", 1)[1])


def test_a_fleet_keeps_a_handful_of_series_a_host(tmp_path):
    counts = recorded(tmp_path, 'count by (instance) ({__name__=~"(instance|destination):.+"})')
    assert sorted(host for host, _ in counts) == ["busy", "calm"]
    for host, count in counts:
        assert 4 <= float(count) <= 8, f"{host}: {count}"


def test_what_is_rendered_is_up_to_date():
    need("jsonnet")
    done = run(str(DASHBOARDS / "render"), "--check")
    assert done.returncode == 0, done.stdout


# Rendered in no time: what is asked here is what the script does with it.
SMALL_MIXIN = """{
  grafanaDashboards: { 'ephemeral-ports-one.json': { title: 'One' } },
  prometheusRules: { groups: [] },
  prometheusAlerts: { groups: [{ name: 'one', rules: [{ alert: 'One', expr: 'up == 0' }] }] },
  alertmanagerInhibitions: { inhibit_rules: [] },
  alertmanagerConfig: { spec: {} },
}
"""


def test_check_names_what_is_out_of_date(tmp_path):
    need("jsonnet")
    copy = tmp_path / "dashboards"
    (copy / "rules").mkdir(parents=True)
    for name in ("render", "to_yaml"):
        shutil.copy(DASHBOARDS / name, copy)
    (copy / "mixin.libsonnet").write_text(SMALL_MIXIN)
    done = run(str(copy / "render"))
    made = ["ephemeral-ports-one.json", "rules/alertmanager-inhibit.yaml", "rules/alertmanagerconfig.yaml",
            "rules/alerts.yaml", "rules/recording.yaml"]
    assert (done.returncode, done.stdout.splitlines()) == (0, made)
    right = {name: (copy / name).read_text() for name in made}
    assert "alert: One" in right["rules/alerts.yaml"] and '"One"' in right["ephemeral-ports-one.json"]

    (copy / "ephemeral-ports-gone.json").write_text("{}")
    alerts = copy / "rules" / "alerts.yaml"
    alerts.write_text(alerts.read_text().replace("One", "Two"))
    done = run(str(copy / "render"), "--check")
    assert done.returncode == 1
    assert re.findall(r"(?m)^(\S+) is out of date", done.stdout) == \
        ["ephemeral-ports-gone.json", "rules/alerts.yaml"]

    assert run(str(copy / "render")).returncode == 0
    assert run(str(copy / "render"), "--check").returncode == 0
    assert not (copy / "ephemeral-ports-gone.json").exists()
    assert {name: (copy / name).read_text() for name in made} == right


def test_the_mixin_is_formatted():
    sources = sorted(map(str, DASHBOARDS.rglob("*.libsonnet")))
    assert len(sources) >= 5
    done = run(need("jsonnetfmt"), "--test", *sources)
    assert done.returncode == 0, done.stdout
