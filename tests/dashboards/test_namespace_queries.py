# SPDX-License-Identifier: Apache-2.0
"""Network namespaces of one host, as an exporter with --namespaces=all shows them: each is a place of its own in every
query, rule, text and link, and where there is only the host's own, nothing is other than without them."""

import json
import re

import pytest

import boards
import counting
import promtool
from scenario import jsonnet
from test_rules import REPLAY, series_of

WITH = "(import 'mixin.libsonnet')"
WITHOUT = f"({WITH} + {{ _config+:: {{ namespaceLabels: [] }} }})"
LABELS = ["netns", "namespace", "pod", "pod_uid"]
CHOSEN = {"job": ".*", "instance": ".*", "netns": ".+", "namespace": ".*", "pod": ".*", "owner": [".*"], "destination": "10.0.0.1",
          "destination_port": ".*", "__rate_interval": "5m", "__interval": "1m", "__range": "1h", "__range_s": "3600"}
# Of one look at hosts that begins at their own, and of others.
OF_EVERY_NAMESPACE = {"ephemeral-ports-fleet.json", "ephemeral-ports-destination.json", "ephemeral-ports-owner.json",
                      "ephemeral-ports-namespaces.json"}


def everything(mixin):
    return jsonnet(f"local m = {mixin}; {{ dashboards: m.grafanaDashboards, alerts: m.prometheusAlerts, rules: m.prometheusRules }}")


@pytest.fixture(scope="module", name="made")
def fixture_made():
    return everything(WITH), everything(WITHOUT)


def every_rule(made):
    return [rule for name in ("alerts", "rules") for group in made[name]["groups"] for rule in group["rules"]]


def expressions(made):
    """[(where, expression)]"""
    asked = [(f"{name}: {panel['title']} {target['refId']}", target["expr"]) for name, dashboard in sorted(made["dashboards"].items())
             for panel, target in boards.queries(dashboard)]
    asked += [(f"{name}: {annotation['name']}", annotation["expr"]) for name, dashboard in sorted(made["dashboards"].items())
              for annotation in boards.annotations(dashboard)]
    return asked + [(f"{rule.get('alert') or rule['record']} {rule.get('labels')}", rule["expr"]) for rule in every_rule(made)]


# Where there is only the own one


GROWN = [("ephemera_worst_destination_ports", "5000+200x120"), ("ephemera_destination_ports", "5000+100x120"),
         ("_total", "0+7x120"), ("_bucket", "0+3x120"), ("process_start_time_seconds", "60+0x120")]


def own_series():
    """Two hosts, one of which has what another machine recorded, and grows."""
    for page, instance in ((REPLAY / "all-collectors" / "expected.prom", "busy"), (REPLAY / "busy" / "expected.prom", "second"),
                           (REPLAY / "empty" / "expected.prom", "calm")):
        for each in series_of(page, instance):
            name = each["series"].split("{")[0]
            each["values"] = next((values for part, values in GROWN if part in name and instance == "busy"),
                                  each["values"].replace("x5", "x120"))
            yield each
    more = {'ephemera_destination_ports{source="10.0.0.9",destination="10.0.0.1",destination_port="443",state="active"}': 900,
            'ephemera_destination_ports{source="10.0.0.9",destination="10.0.0.1",destination_port="443",state="time_wait"}': 50,
            'ephemera_destination_owner_ports{source="10.0.0.9",destination="10.0.0.1",destination_port="443",cgroup="/a.service",'
            'pod_uid="",container_id=""}': 900,
            'ephemera_port_exhaustion_errors_total{family="ipv4"}': "0+5x120",
            'ephemera_destination_port_exhaustion_errors_total{destination="10.0.0.1",destination_port="443"}': "0+5x120",
            'ephemera_owner_port_exhaustion_errors_total{cgroup="/a.service",pod_uid="",container_id=""}': "0+5x120",
            'ephemera_scrape_collector_success{collector="exhaustion"}': 1, "up": 1, 'ephemera_build_info{version="1"}': 1,
            **{name: "0+7x120" if "_total" in name else float(value)
               for name, value in (line.rsplit(" ", 1) for line in counting.translated(1, 1))}}
    yield from promtool.series(['job="ephemera"', 'instance="third"'],
                               {**more, "ephemera_range_ports": 1000, "ephemera_range_usable_ports": 1000,
                                'ephemera_worst_destination_usage_ratio{family="ipv4"}': 0.95, "process_start_time_seconds": 1})


def compared(folder, pairs, series):
    """[what is said of each pair: {"equal" | "with" | "without": how many series}]"""
    told = ['label_replace(count((%s) == (%s)), "is", "equal", "", "") or label_replace(count(%s), "is", "with", "", "")'
            ' or label_replace(count(%s), "is", "without", "", "")' % (new, old, new, old) for new, old in pairs]
    got = promtool.got(folder, series, {"promql_expr_test": [
        {"expr": expression, "eval_time": "60m", "exp_samples": [{"labels": '{no="such"}', "value": 0}]} for expression in told]})
    answers = [{kind: float(value) for kind, value in re.findall(r'\{is="(\w+)"\} ([-+\dEe.]+)', part)} for part in ("got:" + got).split("got:")[1:]]
    assert len(answers) == len(pairs), got[:3000]
    return answers


def test_where_there_is_only_the_own_namespace_nothing_changes(made, tmp_path):
    new, old = (dict(expressions(each)) for each in made)
    assert set(old) == {where for where in new if not where.startswith("ephemeral-ports-namespaces")}
    # What did not change cannot answer otherwise.
    where = [name for name in old if old[name] != new[name]]
    assert len(where) > 100
    pairs = [(boards.fill(new[name], CHOSEN), boards.fill(old[name], CHOSEN)) for name in where]
    answers = compared(tmp_path, pairs, list(own_series()))
    wrong = {name: answer for name, answer in zip(where, answers) if len(set(answer.values())) > 1 or len(answer) not in (0, 3)}
    assert not wrong
    answered = [name for name, answer in zip(where, answers) if answer]
    assert len(answered) > len(where) * 0.7, sorted(set(where) - set(answered))


# Where there are others


@pytest.mark.parametrize("word", ["by", "on"])
def test_every_group_and_every_join_keeps_namespaces_apart(made, word):
    found = 0
    asked = expressions(made[0])
    read = boards.node("promql.mjs", text=json.dumps([boards.fill(expression, CHOSEN) for _, expression in asked]))
    for (where, expression), parsed in zip(asked, read):
        # Sums of all, and what the exporter says of itself, are among the host's own.
        own = any(["netns", "=", ""] in selector["matchers"] for selector in parsed["selectors"])
        for listed in re.findall(rf"\b{word} \(([^)]*)\)", expression):
            labels = [label.strip() for label in listed.split(",")]
            # The exporter's start is told once, for all of them.
            if "instance" in labels and not own and not (word == "on" and labels == ["job", "instance"] and "process_start" in expression):
                kept = [label for label in labels if label in LABELS]
                # An owner's namespace and pod are its own.
                assert kept == LABELS or kept == LABELS[:1] and "owner" in where + expression, f"{where}: {word} ({listed})"
                found += 1
    assert found > 20


def test_a_look_at_a_host_is_of_its_own_namespace(made):
    for name, dashboard in made[0]["dashboards"].items():
        if name in OF_EVERY_NAMESPACE:
            continue
        for panel, target in boards.queries(dashboard):
            for metric, matchers in re.findall(r"\b((?:ephemera|process)_\w+)\{([^}]*)\}", target["expr"]):
                assert 'netns=""' in matchers, f"{name}: {panel['title']}: {metric}"


NODE = ['job="ephemera"', 'instance="lb-1"']
POD = [*NODE, 'netns="cni-1"', 'namespace="shop"', 'pod="orders-7d9f8c6b5-x2x7q"', 'pod_uid="3f2a9c01"']
# Nobody has a name for it, so Prometheus gave it that of the exporter's pod.
OTHER = [*NODE, 'netns="4026532177"', 'namespace="monitoring"', 'pod="ephemera-x7k2p"']


def destination(ports, usable, peer="10.0.0.1"):
    return {f'ephemera_destination_ports{{source="10.0.0.9",destination="{peer}",destination_port="443",state="active"}}': ports,
            f'ephemera_destination_owner_ports{{source="10.0.0.9",destination="{peer}",destination_port="443",cgroup="/x.service",'
            'container_id=""}': ports,
            "ephemera_range_usable_ports": usable, 'ephemera_worst_destination_usage_ratio{family="ipv4"}': ports / usable,
            'ephemera_worst_destination_ports{family="ipv4"}': ports}


def a_host():
    """The host is at 20 %, one of its pods is full, and a namespace without a pod is at 60 %."""
    return [*promtool.series(NODE, {**destination(200, 1000), "ephemera_range_ports": 1100, "ephemera_build_info": 1}),
            *promtool.series(NODE, {'ephemera_namespaces{pressure="low"}': 3, 'ephemera_namespaces{pressure="half"}': 1,
                                    'ephemera_namespaces{pressure="full"}': 1, "ephemera_worst_namespace_usage_ratio": 1,
                                    "ephemera_unshown_namespaces": 2, "ephemera_untracked_namespace_ports": 0}),
            *promtool.series(POD, destination(100, 100)), *promtool.series(OTHER, destination(60, 100, "10.0.0.2"))]


def alerts(folder, made, name, series, at="30m"):
    """{pod or network namespace: what is said}"""
    files = []
    for kind in ("alerts", "rules"):
        files.append(folder / f"{kind}.yaml")
        files[-1].write_text(json.dumps(made[kind]))
    got = promtool.got(folder, series, {"alert_rule_test": [{"alertname": name, "eval_time": at, "exp_alerts": []}]}, files)
    texts = [part for part in re.split(r"\n\s*\d+:\n", got) if "Labels:" in part]
    return {(re.search(r' pod="([^"]+)"', text) or re.search(r'netns="([^"]+)"', text) or [None, ""])[1]: text for text in texts}


def test_an_alert_of_a_pod_names_it_and_quotes_nothing_of_its_host(made, tmp_path):
    [(pod, text)] = alerts(tmp_path, made[0], "EphemeralPortsFull", a_host()).items()
    assert pod == "orders-7d9f8c6b5-x2x7q" and 'namespace="shop"' in text and 'netns="cni-1"' in text
    assert "pod shop/orders-7d9f8c6b5-x2x7q of lb-1 has no port left towards 10.0.0.1 port 443" in text
    assert "A destination can have 100 ports. Its ports: 100 active." in text and "held by cgroup /x.service (100)" in text
    assert "/d/ephemera-namespaces?" in text and "var-netns=cni-1" in text and "var-pod=orders-7d9f8c6b5-x2x7q" in text
    assert "1000" not in text and "{{" not in text


def test_an_alert_of_a_namespace_without_a_pod_has_its_number(made, tmp_path):
    found = alerts(tmp_path, made[0], "EphemeralPortsHalfUsed", a_host())
    assert set(found) == {"orders-7d9f8c6b5-x2x7q", "ephemera-x7k2p"}
    assert "network namespace 4026532177 of lb-1 has used 60% of its ports towards 10.0.0.2 port 443" in found["ephemera-x7k2p"]
    assert "var-netns=4026532177" in found["ephemera-x7k2p"] and "pod monitoring" not in found["ephemera-x7k2p"]


def test_an_alert_of_the_host_is_of_the_host(made, tmp_path):
    """The exporter may run in a pod, whose labels Prometheus then adds to what is the host's own."""
    own = [*NODE, 'namespace="ephemera"', 'pod="ephemera-x7k2p"']
    [text] = alerts(tmp_path, made[0], "EphemeralPortsFull", list(promtool.series(own, destination(100, 100)))).values()
    assert "  lb-1 has no port left towards 10.0.0.1" in text.replace('"', "  ") and "/d/ephemera-host?" in text
    assert "Its ports: 100 active" in text


def test_a_pod_that_will_be_full_soon_is_told(made, tmp_path):
    grows = {"ephemera_range_usable_ports": 1000, 'ephemera_worst_destination_usage_ratio{family="ipv4"}': 0.5,
             'ephemera_worst_destination_ports{family="ipv4"}': "100+10x120"}
    found = alerts(tmp_path, made[0], "EphemeralPortsFullSoon", list(promtool.series(POD, grows)), at="45m")
    assert set(found) == {"orders-7d9f8c6b5-x2x7q"}


FAILED = {"EphemeralPortsExhausted": 'ephemera_port_exhaustion_errors_total{family="ipv4"}',
          "EphemeralPortsBindExhausted": 'ephemera_bind_port_exhaustion_errors_total{protocol="udp",family="ipv4"}'}


@pytest.mark.parametrize("name", FAILED)
@pytest.mark.parametrize("shown, counted, told", [
    # What is 0 is not shown, so the first failures come with the counter.
    ("1000x60", "_x28 3x60", True),
    # A namespace that comes into view has what it counted long ago.
    ("_x28 1000x60", "_x28 3x60", False),
    ("1000x60", "3x60", False),
    ("1000x60", "3x28 7x60", True),
])
def test_the_first_failures_of_a_pod_are_told(made, tmp_path, name, shown, counted, told):
    series = [*promtool.series(POD, {"ephemera_range_usable_ports": shown, FAILED[name]: counted}),
              *promtool.series(NODE, {"process_start_time_seconds": 0, "ephemera_range_usable_ports": 1000, FAILED[name]: 0})]
    files = [tmp_path / "alerts.yaml"]
    files[0].write_text(json.dumps(made[0]["alerts"]))
    case = {"alert_rule_test": [{"alertname": name, "eval_time": "31m", "exp_alerts": [{"exp_labels": {"no": "such"}}]}]}
    got = promtool.got(tmp_path, series, case, files)
    assert ("On pod shop/orders-7d9f8c6b5-x2x7q of lb-1" in got) == told, got
    assert "On lb-1" not in got


def failures(first):
    """Of a pod, beside a node that fails as often towards another destination. first: how its counters go."""
    destinations, owners = ("ephemera_%s_port_exhaustion_errors_total" % of for of in ("destination", "owner"))
    yield from promtool.series(POD, {
        "ephemera_range_usable_ports": "1000x60", FAILED["EphemeralPortsExhausted"]: first,
        f'{destinations}{{destination="10.0.0.1",destination_port="443"}}': first,
        f'{owners}{{cgroup="/kubepods/pod3f2a9c01/cri-containerd-{64 * "a"}.scope",container_id="{64 * "a"}"}}': first})
    yield from promtool.series(NODE, {
        "process_start_time_seconds": 0, "ephemera_range_usable_ports": "1000x60", FAILED["EphemeralPortsExhausted"]: "5+0x28 8x60",
        'ephemera_scrape_collector_success{collector="exhaustion"}': "1x60",
        f'{destinations}{{destination="10.0.0.9",destination_port="53"}}': "5+0x28 8x60", f'{owners}{{cgroup="/node.service"}}': "5+0x28 8x60"})


@pytest.mark.parametrize("counted", ["_x28 3x60", "4x28 7x60"])
def test_failures_of_a_pod_are_told_with_their_destination(made, tmp_path, counted):
    told = alerts(tmp_path, made[0], "EphemeralPortsExhausted", list(failures(counted)), at="31m")
    text = told["orders-7d9f8c6b5-x2x7q"].replace('\\"', "")
    assert "On pod shop/orders-7d9f8c6b5-x2x7q of lb-1 connect() to 10.0.0.1 port 443 failed 3 times" in text, text
    assert 'destination="10.0.0.1"' in text and "10.0.0.9" not in text
    assert "On lb-1 connect() to 10.0.0.9 port 53 failed 3 times" in told[""] and "10.0.0.1 " not in told[""]


@pytest.mark.parametrize("counted", ["_x28 3x60", "4x28 7x60"])
def test_failures_of_a_pod_without_a_destination_are_told_with_their_owner(made, tmp_path, counted):
    series = [{**each, "series": each["series"].replace("ephemera_port_exhaustion", "ephemera_bind_port_exhaustion").replace("{", '{protocol="udp",', 1)}
              if each["series"].startswith("ephemera_port_exhaustion") else each for each in failures(counted)
              if "ephemera_destination" not in each["series"]]
    told = alerts(tmp_path, made[0], "EphemeralPortsBindExhausted", series, at="31m")
    text = told["orders-7d9f8c6b5-x2x7q"]
    assert f"made by cgroup /kubepods/pod3f2a9c01/cri-containerd-{64 * 'a'}.scope (3)" in text and "node.service" not in text, text
    assert "made by cgroup /node.service (3)" in told[""] and "kubepods" not in told[""]


@pytest.mark.parametrize("counted", ["_x28 3x60", "4x28 7x60"])
def test_the_view_of_namespaces_has_failures_by_destination_and_owner(made, tmp_path, counted):
    def rows(title, label, **chosen):
        return {(labels.get("inside"), labels.get(label), round(value))
                for labels, value in answer(made[0], tmp_path, "namespaces", title, series=list(failures(counted)), **chosen)}

    pod = "shop/orders-7d9f8c6b5-x2x7q"
    assert rows("Destinations without a port", "destination") == {(pod, "10.0.0.1", 3)}
    assert rows("Owners without a port", "owner") == {(pod, f"cri-containerd-{12 * 'a'}", 3)}
    assert rows("Owners without a port", "owner", netns="cni-2") == {("none failed", None, 0)}


def answer(made, folder, board, title, kind="table", query="A", series=None, **chosen):
    [expression] = [target["expr"] for panel, target in boards.queries(made["dashboards"][f"ephemeral-ports-{board}.json"])
                    if (panel["type"], panel["title"], target["refId"]) == (kind, title, query)]
    return promtool.answer(folder, boards.fill(expression, {**CHOSEN, **chosen}), series or a_host())


def test_the_fleet_lists_pods_beside_hosts(made, tmp_path):
    rows = answer(made[0], tmp_path, "fleet", "Fullest destinations")
    assert {(labels["instance"], labels.get("inside"), used) for labels, used in rows} == {
        ("lb-1", None, 0.2), ("lb-1", "shop/orders-7d9f8c6b5-x2x7q", 1), ("lb-1", "4026532177", 0.6)}
    assert answer(made[0], tmp_path, "fleet", "Worst destination", "stat") == [({}, 1)]


@pytest.mark.parametrize("board, title, share", [("host", "Worst destination", 0.2), ("kubernetes", "Worst destination", 0.2)])
def test_a_host_has_its_own_figures(made, tmp_path, board, title, share):
    assert answer(made[0], tmp_path, board, title, "stat") == [({}, share)]


def test_one_destination_has_a_row_for_each_namespace(made, tmp_path):
    rows = answer(made[0], tmp_path, "destination", "Hosts", query="Used")
    assert {(labels.get("inside"), used) for labels, used in rows} == {(None, 0.2), ("shop/orders-7d9f8c6b5-x2x7q", 1)}


def test_the_view_of_namespaces(made, tmp_path):
    def rows(title, kind="table", query="A", **chosen):
        return {(labels.get("inside"), value) for labels, value in
                answer(made[0], tmp_path, "namespaces", title, kind, query, **chosen)}

    both = {("shop/orders-7d9f8c6b5-x2x7q", 1), ("4026532177", 0.6)}
    assert rows("Pods and other network namespaces", query="Used") == both
    assert rows("Fullest destinations") == both
    assert rows("Fullest destinations", netns="cni-1") == {("shop/orders-7d9f8c6b5-x2x7q", 1)}
    assert rows("Fullest destinations", namespace="shop", pod="orders-.*") == {("shop/orders-7d9f8c6b5-x2x7q", 1)}
    assert rows("Fullest pod", "stat") == {("shop/orders-7d9f8c6b5-x2x7q", 1)}
    assert rows("Who in it") == {("shop/orders-7d9f8c6b5-x2x7q", 100), ("4026532177", 60)}
    assert rows("Full", "stat") == {(None, 1)} and rows("Namespaces", "stat") == {(None, 5)} and rows("Not shown", "stat") == {(None, 2)}
    [(labels, used)] = [row for row in answer(made[0], tmp_path, "namespaces", "Workloads", query="Used") if "workload" in row[0]]
    assert (labels["namespace"], labels["workload"], used) == ("shop", "orders", 1)


@pytest.mark.parametrize("pod, workload", [("orders-7d9f8c6b5-x2x7q", "orders"), ("db-0", "db"), ("agent-x2x7q", "agent"),
                                           ("kube-proxy-node-1", "kube-proxy-node"), ("single", "single")])
def test_a_workload_is_what_its_pods_names_begin_with(made, tmp_path, pod, workload):
    series = promtool.series([*NODE, 'netns="n"', 'namespace="shop"', f'pod="{pod}"', 'pod_uid="u"'], destination(1, 100))
    [expression] = [target["expr"] for panel, target in boards.queries(made[0]["dashboards"]["ephemeral-ports-namespaces.json"])
                    if (panel["title"], target["refId"]) == ("Workloads", "Pods")]
    [(labels, _)] = promtool.answer(tmp_path, boards.fill(expression, CHOSEN), series)
    assert labels["workload"] == workload
