# SPDX-License-Identifier: Apache-2.0
"""A destination fills up to 30, 60, 95 and 100 %, and a real Prometheus watches: which alerts fire
and when, and whether each panel has something to show."""

import json
from collections import Counter

import pytest

import boards
import cgroups
import scenario
from lib.namespace import in_namespace
from scenario import BUSY, CALM, FILLING, GONE


@pytest.fixture(scope="module", name="pods")
def fixture_pods():
    """Cgroups, or None where none can be made: then nobody owns a port."""
    try:
        with cgroups.Tree() as tree:
            yield tree
    except cgroups.Unavailable:
        yield None


@pytest.fixture(scope="module", name="seen")
def fixture_seen(module_folder, pods):
    answers = module_folder / "seen.json"
    paths = scenario.pod_cgroups(pods) if pods else []

    # A busy machine takes its time.
    @in_namespace(seconds=240)
    def play():
        answers.write_text(json.dumps(scenario.play(module_folder, pods, paths)))

    play()
    return json.loads(answers.read_text())


def firing(seen, stage, instance):
    return {name for name, where, state in seen["stages"][stage]
            if where == instance and state == "firing"}


def test_at_30_percent_nobody_is_told_of_the_destination(seen):
    names = {name for name, where, _ in seen["stages"]["30"] if where == BUSY}
    assert not names & {*FILLING, "EphemeralPortsFullSoon"}


@pytest.mark.parametrize("stage, count", [("60", 1), ("95", 2), ("100", 3)])
def test_each_stage_has_its_alert(seen, stage, count):
    told = {name for name, where, _ in seen["stages"][stage] if where == BUSY} & set(FILLING)
    assert told == set(FILLING[:count])
    assert set(FILLING[:count]) <= firing(seen, stage, BUSY)


def test_they_fire_in_order(seen):
    first = {(name, where): when for when, name, where in seen["history"]}
    times = [first[name, BUSY] for name in
             ("EphemeralPortsListenerInRange", *FILLING)]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert first["EphemeralPortsFullSoon", BUSY] < first["EphemeralPortsFull", BUSY]


def test_a_failure_is_told_where_it_is_counted(seen):
    told = {(name, where) for _, name, where in seen["history"] if "Exhausted" in name}
    assert told == {("EphemeralPortsExhausted", BUSY), ("EphemeralPortsBindExhausted", BUSY)}
    assert "EphemeralPortsExhausted" not in firing(seen, "95", BUSY)
    alerts = [alert for alert in seen["texts"] if alert["labels"]["alertname"] == "EphemeralPortsExhausted"]
    # The host's own, and that of a pod on it.
    alert, pods = sorted(alerts, key=lambda alert: "netns" in alert["labels"])
    assert (pods["labels"]["namespace"], pods["labels"]["pod"]) == ("shop", "checkout-7d9f8c6b5-x2x7q")
    assert "netns" not in alert["labels"]
    assert (alert["labels"]["destination"], alert["labels"]["destination_port"]) == ("127.0.0.1", "30001")
    assert BUSY in alert["annotations"]["summary"] and "127.0.0.1 port 30001" in alert["annotations"]["summary"]
    assert "387" in alert["annotations"]["description"] and "cgroup /" in alert["annotations"]["description"]


def test_a_host_is_failing_where_that_is_counted_and_no_destination_was_seen_full(seen):
    before, after = seen["failing"]
    assert before[0] == 0 and before[1] != 0
    assert after == [1, 0]


def test_alerts_are_listed_by_what_they_ask_for(seen):
    listed = seen["listed"]
    assert listed == sorted(listed, key=["critical", "warning", "info"].index)
    assert set(listed) == {"critical", "warning", "info"}


def test_the_kernel_refuses_when_the_alert_says_so(seen):
    assert seen["refused"] == "Cannot assign requested address"


def test_a_calm_host_is_left_alone(seen):
    told = {name for _, name, where in seen["history"] if where == CALM}
    assert told == {"EphemeralPortsListenerInRange"}


def test_an_exporter_that_is_gone_is_missed(seen):
    assert "EphemeraExporterGone" in firing(seen, "100", GONE)
    assert not {where for _, name, where in seen["history"] if name == "EphemeraExporterGone"} - {GONE}


@pytest.mark.parametrize("name", FILLING)
def test_an_alert_names_host_and_destination(seen, name):
    alerts = [alert for alert in seen["texts"] if alert["labels"]["alertname"] == name]
    # Half used is information and a warning.
    assert len(alerts) == (2 if name == "EphemeralPortsHalfUsed" else 1)
    for alert in alerts:
        labels = alert["labels"]
        assert (labels["source"], labels["destination"], labels["destination_port"]) == (
            "127.0.0.1", "127.0.0.1", "30001")
        assert labels["instance"] == BUSY
        summary = alert["annotations"]["summary"]
        assert BUSY in summary and "127.0.0.1" in summary and "30001" in summary
        assert "387" in alert["annotations"]["description"]


def test_templates_of_annotations_work(seen):
    for alert in seen["texts"]:
        for text in alert["annotations"].values():
            assert "<error" not in text and "<no value>" not in text and "{{" not in text, alert


# Dashboards


@pytest.mark.parametrize("chosen", [{}, {"instance": [BUSY]}], ids=["all", "one host"])
@pytest.mark.parametrize("path", boards.DASHBOARDS, ids=lambda path: path.name)
def test_each_query_of_each_panel_has_data(seen, pods, path, chosen):
    wrong = seen["answers"][path.name][json.dumps(chosen)]
    if pods is None:
        wrong = {query: why for query, why in wrong.items() if "ephemera_owner_ports" not in query}
    assert not wrong, "\n".join(f"{query}: {why}" for query, why in wrong.items())


def not_counted(panel):
    """Whether it says that the collector is off, where there is nothing to show."""
    return panel["fieldConfig"]["defaults"].get("noValue", "").startswith("not counted")


@pytest.mark.parametrize("path", boards.DASHBOARDS, ids=lambda path: path.name)
def test_where_failures_are_not_counted_panels_say_so_and_all_others_stay(seen, path):
    wrong = seen["answers"][path.name][json.dumps({"instance": [CALM]})]
    assert set(wrong.values()) <= {"no data"}
    dashboard = boards.load(path)
    titles = {panel["title"] for panel, _ in boards.queries(dashboard) if not_counted(panel)}
    # None of another network namespace is counted.
    assert titles or path.name == "ephemeral-ports-namespaces.json"
    # Each query of these has nothing, so that the text is shown and no number. Others may lack a column.
    asked = Counter(panel["title"] for panel, _ in boards.queries(dashboard))
    lacking = Counter(query.split(": ")[0] for query in wrong)
    answered = {title for title, count in asked.items() if lacking[title] < count}
    assert not titles & answered
    for panel, target in boards.queries(dashboard):
        if boards.COUNTED.search(target["expr"]) and not not_counted(panel):
            assert panel["title"] in answered
