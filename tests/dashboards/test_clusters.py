# SPDX-License-Identifier: Apache-2.0
"""Several clusters in one Prometheus, as kubernetes-mixin has them: showMultiCluster and clusterLabel.
The same job and the same host name in two clusters are two hosts, in each query, rule, text and link."""

import json
import re

import pytest

import boards
import promtool
from scenario import jsonnet

LABEL = "k8s_cluster"
ON = f"((import 'mixin.libsonnet') + {{ _config+:: {{ showMultiCluster: true, clusterLabel: '{LABEL}' }} }})"
# What only one cluster keeps apart.
OF_ONE_CLUSTER = {"job", "instance", "pod_uid", "pod", "namespace"}
EAST, WEST = ([f'{LABEL}="{name}"', 'job="ephemera"', 'instance="node-1"'] for name in ("east", "west"))


@pytest.fixture(scope="module", name="dashboards")
def fixture_dashboards():
    return jsonnet(f"{ON}.grafanaDashboards")


@pytest.fixture(scope="module", name="rules")
def fixture_rules():
    return {name: jsonnet(f"{ON}.{name}") for name in ("prometheusAlerts", "prometheusRules")}


def every_rule(rules):
    return [rule for made in rules.values() for group in made["groups"] for rule in group["rules"]]


def expressions(dashboards, rules):
    """[(where, expression)], variables among them."""
    asked = [(f"{name}: {panel['title']}", target["expr"]) for name, dashboard in dashboards.items()
             for panel, target in boards.queries(dashboard)]
    asked += [(f"{name}: {annotation['name']}", annotation["expr"]) for name, dashboard in dashboards.items()
              for annotation in boards.annotations(dashboard)]
    return asked + [(rule.get("alert") or rule["record"], rule["expr"]) for rule in every_rule(rules)]


def test_without_it_nothing_is_said_of_clusters():
    """That the files are what the mixin makes without it, test_rules.py holds."""
    for path in [*boards.DASHBOARDS, *boards.RULES]:
        text = path.read_text(encoding="utf-8")
        assert "$cluster" not in text and "var-cluster" not in text and "{cluster" not in text, path
        assert not re.search(r"\b(?:by|on|without|ignoring) \([^)]*\bcluster\b", text), path


def without_clusters(value):
    """The same with all taken out that is there for clusters only."""
    if isinstance(value, list):
        return [without_clusters(part) for part in value
                if not (isinstance(part, dict) and (part.get("name") == "cluster" or
                                                    part.get("matcher", {}).get("options") == LABEL))
                and part != LABEL]
    if isinstance(value, dict):
        order = value.get("indexByName")
        if isinstance(order, dict) and LABEL in order:
            value = {**value, "indexByName": {name: place - (place > order[LABEL])
                                              for name, place in order.items() if name != LABEL}}
        return {key: without_clusters(part) for key, part in value.items()}
    if isinstance(value, str):
        for said in (rf'{LABEL}=~"\$cluster\|?", ', rf"{LABEL}=%q,", rf"\{{\{{{LABEL}\}}\}} ",
                     rf"var-cluster=\{{\{{ \$labels\.{LABEL} \| urlquery \}}\}}&", r"\$\{cluster:queryparam\}&",
                     rf"var-cluster=\$\{{__(?:field\.labels|data\.fields)\.{LABEL}\}}&",
                     rf" in cluster \{{\{{ \$labels\.{LABEL} \}}\}}", rf"\b{LABEL}, ", rf'\{{{LABEL}=~"\$cluster"\}}',
                     rf"\$labels\.{LABEL} "):
            value = re.sub(said, "", value)
    return value


def test_nothing_else_changes_with_it(dashboards, rules):
    shipped = jsonnet("local m = import 'mixin.libsonnet'; [m.grafanaDashboards, m.prometheusAlerts, m.prometheusRules]")
    assert without_clusters(dashboards) == shipped[0] and dashboards != shipped[0]
    assert without_clusters(rules) == {"prometheusAlerts": shipped[1], "prometheusRules": shipped[2]}


def test_every_group_and_every_join_keeps_clusters_apart(dashboards, rules):
    found = 0
    for where, expression in expressions(dashboards, rules):
        for word, listed in re.findall(r"\b(by|on) \(([^)]*)\)", expression):
            labels = {label.strip() for label in listed.split(",")}
            # Of one host that is chosen already, or of the whole fleet.
            if labels & OF_ONE_CLUSTER:
                assert LABEL in labels or (word, labels) == ("by", {"namespace"}), f"{where}: {word} ({listed})"
                found += 1
        assert not set(re.findall(r"\w+", " ".join(re.findall(r"\b(?:without|ignoring) \(([^)]*)\)", expression)))) \
            & {LABEL}, where
    assert found > 60


def test_every_series_that_a_dashboard_asks_for_is_of_a_chosen_cluster(dashboards):
    asked = expressions(dashboards, {})
    for name, dashboard in dashboards.items():
        for variable, made in boards.variables(dashboard).items():
            if made["type"] == "query" and variable != "cluster":
                asked.append((f"{name}: ${variable}", boards.label_values_of(made)[0]))
    stand_ins = {"__rate_interval": "5m", "__interval": "1m", "__range": "1h"}
    read = boards.node("promql.mjs", text=json.dumps([boards.fill(expression, stand_ins) for _, expression in asked]))
    for (where, _), found in zip(asked, read):
        assert not found["errors"], where
        for selector in found["selectors"]:
            # How many hosts Prometheus has recorded: whether it has the rules.
            if not (selector["name"] or "").startswith("instance:"):
                assert [label for label, _, value in selector["matchers"] if value.startswith("$cluster")] == [LABEL], where


def test_the_cluster_is_chosen_before_the_job(dashboards):
    for dashboard in dashboards.values():
        assert list(boards.variables(dashboard))[:4] == ["datasource", "cluster", "job", "instance"]


def test_links_say_which_cluster(dashboards, rules):
    for text in re.findall(r'"(/d/[^"]*)"', json.dumps(dashboards)):
        assert "${cluster:queryparam}" in text or "var-cluster=${" in text, text
    for rule in every_rule(rules):
        page = rule.get("annotations", {}).get("dashboard")
        assert not page or f"var-cluster={{{{ $labels.{LABEL} | urlquery }}}}" in page, rule["alert"]


def test_alerts_ask_for_more_in_their_own_cluster_only(rules):
    queries = [(rule["alert"], query) for rule in every_rule(rules) if "alert" in rule
               for query in boards.queries_of_annotations(rule)]
    assert len(queries) > 20
    for name, query in queries:
        for matchers in re.findall(r"\{([^}]*)\}", query):
            assert f'{LABEL}="x"' in matchers, f"{name}: {query}"


# Two clusters that have the same node, as Prometheus has them


def destination(ports, usable, used):
    path = 'source="10.0.0.9",destination="10.0.0.1",destination_port="443"'
    return {f'ephemera_destination_ports{{{path},state="active"}}': ports, "ephemera_range_ports": usable,
            "ephemera_range_usable_ports": usable, 'ephemera_worst_destination_usage_ratio{family="ipv4"}': used,
            'ephemera_worst_destination_ports{family="ipv4"}': ports}


def two_nodes():
    return [*promtool.series(EAST, destination(100, 100, 1)), *promtool.series(WEST, destination(200, 400, 0.5))]


def answer(dashboards, tmp_path, kind, title):
    [expression] = [target["expr"] for panel, target in boards.queries(dashboards["ephemeral-ports-fleet.json"])
                    if (panel["type"], panel["title"]) == (kind, title)]
    asked = boards.fill(expression, {"cluster": ".*", "job": ".*", "instance": ".*", "__rate_interval": "5m"})
    return promtool.answer(tmp_path, asked, two_nodes())


def test_an_alert_of_one_cluster_quotes_nothing_of_the_other(rules, tmp_path):
    files = [tmp_path / f"{name}.yaml" for name in rules]
    for file, made in zip(files, rules.values()):
        # JSON is YAML, too.
        file.write_text(json.dumps(made))
    got = promtool.got(tmp_path, two_nodes(), {"alert_rule_test": [
        {"alertname": "EphemeralPortsHalfUsed", "eval_time": "30m", "exp_alerts": []}]}, files)
    for cluster, has, other in (("east", "100 ports", "400 ports"), ("west", "400 ports", "100 ports")):
        texts = [part for part in re.split(r"\n\s*\d+:\n", got) if f'{LABEL}="{cluster}"' in part]
        assert texts
        for text in texts:
            assert f"node-1 in cluster {cluster} " in text, text
            assert has in text and other not in text, text
            assert f"var-cluster={cluster}&" in text


@pytest.mark.parametrize("title, hosts", [("Slow hosts", 2), ("Failing hosts", 1)])
def test_the_fleet_counts_both(dashboards, tmp_path, title, hosts):
    assert answer(dashboards, tmp_path, "stat", title) == [({}, hosts)]


def test_the_fleet_lists_both(dashboards, tmp_path):
    rows = answer(dashboards, tmp_path, "table", "Fullest destinations")
    assert sorted((labels[LABEL], labels["instance"], used) for labels, used in rows) == \
        [("east", "node-1", 1), ("west", "node-1", 0.5)]
