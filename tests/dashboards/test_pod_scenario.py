# SPDX-License-Identifier: Apache-2.0
"""A pod fills up, and its node does not: an exporter with --namespaces=all on the node, scraped by a real Prometheus as the
operator does it, with labels of the exporter's own pod. Which alert fires with whose labels, and what the dashboards show."""

import contextlib
import functools
import json
import multiprocessing
import os
import signal
import traceback

import pytest

import boards
import cgroups
import scenario
from lib.bpf import needs_bpf
from lib.exporter import AS_OURSELVES, Exporter
from lib.namespace import enter_another, in_namespace, set_range
from lib.prometheus import Prometheus
from lib.sockets import IPV4, connect_until_refused, listen, pairs
from lib.tools import debian_binary

NODE = "node-1"
POD, UID = "orders-7d9f8c6b5-x2x7q", f"3f2a9c01-1b7d-4e5f-8a90-{os.getpid() & 0xffffffff:012x}"
CALM_POD, CALM_UID = "cart-0", f"3f2a9c02-1b7d-4e5f-8a90-{os.getpid() & 0xffffffff:012x}"
FIRST, LAST = 40000, 40099
PORT = 30001
HELD = 37
FAILED = 7

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [rules/*.yaml]
scrape_configs:
  - job_name: ephemera
    honor_labels: true
    static_configs:
      - targets: ["127.0.0.1:{port}"]
        labels: {{instance: {node}, namespace: monitoring, pod: ephemera-x7k2p, container: ephemera}}
"""


@contextlib.contextmanager
def pod(tree, path, share):
    """A process in a network namespace and a cgroup of its own, which takes that share of 100 ports. Gives what connect()
    then says, and what lets it say that a number of times more."""
    ours, theirs = multiprocessing.Pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            try:
                enter_another()
                set_range(FIRST, LAST)
                tree.enter(path)
                kept = pairs(share, IPV4, listen(IPV4, "127.0.0.1", PORT), "127.0.0.1", PORT)
                more, errno = connect_until_refused(IPV4, "127.0.0.1", PORT, limit=1) if share == 100 else ([], 0)
                theirs.send((os.strerror(errno), None))
                while kept or more:
                    theirs.send(([os.strerror(connect_until_refused(IPV4, "127.0.0.1", PORT, limit=1)[1])
                                  for _ in range(theirs.recv())], None))
            except BaseException:  # pylint: disable=broad-except
                theirs.send((None, traceback.format_exc()))
        os._exit(1)
    try:
        def hear():
            assert ours.poll(60), "the pod did not say anything"
            said, wrong = ours.recv()
            assert not wrong, wrong
            return said

        def again(count):
            ours.send(count)
            return hear()

        yield hear(), again
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def cgroup(tree, uid, container):
    return tree.make(f"/ephemera-test-{os.getpid()}.slice/kubepods.slice/kubepods-burstable.slice/"
                     f"kubepods-burstable-pod{uid.replace('-', '_')}.slice/cri-containerd-{container * 64}.scope")


@pytest.fixture(scope="module", name="seen")
def fixture_seen(module_folder):
    answers = module_folder / "seen.json"
    pods = module_folder / "pods"
    for name, uid in ((POD, UID), (CALM_POD, CALM_UID)):
        (pods / f"shop_{name}_{uid}").mkdir(parents=True)
    try:
        tree = cgroups.Tree().__enter__()
    except cgroups.Unavailable as error:
        pytest.skip(str(error))

    @in_namespace(seconds=180)
    def play():
        answers.write_text(json.dumps(look(module_folder, tree, paths)))

    try:
        paths = [cgroup(tree, UID, "a"), cgroup(tree, CALM_UID, "b")]
        play()
    finally:
        tree.__exit__(None, None, None)
    return json.loads(answers.read_text())


def look(directory, tree, paths):
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    scenario.write_rules(directory / "rules")
    with contextlib.ExitStack() as stack:
        refused, fail = stack.enter_context(pod(tree, paths[0], 100))
        stack.enter_context(pod(tree, paths[1], HELD))
        exporter = stack.enter_context(Exporter("--namespaces=all", "--collector.exhaustion", f"--path.pods={directory / 'pods'}", AS_OURSELVES))
        prometheus = stack.enter_context(Prometheus(
            binary, None, directory, text=CONFIGURATION.format(port=exporter.port, node=NODE)))
        watch = scenario.Watch(prometheus)
        watch.wait_for("EphemeralPortsFull", NODE)
        watch.wait_for_scrapes(6, NODE)
        # Nothing has failed while it was watched; so these counters are new.
        failed = fail(FAILED)
        watch.wait(lambda: of_pod("EphemeralPortsExhausted", prometheus.api("alerts")["alerts"]), "the alert of the pod")
        watch.wait_for_scrapes(2, NODE)
        dashboards = scenario.hurried_dashboards()
        ask = functools.partial(panel, watch, dashboards)
        [row] = [row for row in ask("namespaces", "Pods and other network namespaces", "Used", namespace=["shop"])
                 if row["metric"].get("pod") == POD]
        return {
            "refused": refused,
            "failed": failed,
            "alerts": prometheus.api("alerts")["alerts"],
            "row": row["metric"],
            # Of the pod alone, as its row links to it, and of all of the namespace.
            "pod": {f"{title} {query}": ask("namespaces", title, query, netns=row["metric"]["netns"])
                    for title, query in titles(dashboards["ephemeral-ports-namespaces.json"])},
            "shop": {f"{title} {query}": ask("namespaces", title, query, namespace=["shop"])
                     for title, query in titles(dashboards["ephemeral-ports-namespaces.json"])},
            "every": ask("namespaces", "Pods and other network namespaces", "Used"),
            "fleet": ask("fleet", "Fullest destinations", "A"),
            "host": ask("host", "Worst destination", "A"),
            "usable": prometheus.api("query", query="ephemera_range_usable_ports")["result"],
        }


def titles(dashboard):
    return [(panel["title"], target["refId"]) for panel, target in boards.queries(dashboard)]


def panel(watch, dashboards, board, title, query, **chosen):
    dashboard = dashboards[f"ephemeral-ports-{board}.json"]
    [expression] = [target["expr"] for each, target in boards.queries(dashboard)
                    if each["type"] != "row" and (each["title"], target["refId"]) == (title, query)]
    values = {**scenario.choose(watch, dashboard, {}), **chosen}
    return watch.prometheus.api("query", query=boards.fill(expression, values))["result"]


def of_pod(name, alerts):
    return [alert for alert in alerts if alert["labels"]["alertname"] == name and alert["labels"].get("namespace") == "shop"]


@needs_bpf
def test_the_alert_for_a_pod_fires_with_its_namespace_and_name(seen):
    assert seen["refused"] == "Cannot assign requested address"
    [alert] = of_pod("EphemeralPortsFull", seen["alerts"])
    assert alert["state"] == "firing"
    labels = alert["labels"]
    assert (labels["instance"], labels["namespace"], labels["pod"], labels["pod_uid"]) == (NODE, "shop", POD, UID)
    assert (labels["destination"], labels["destination_port"]) == ("127.0.0.1", str(PORT)) and labels["netns"]
    said = alert["annotations"]
    assert said["summary"] == f"pod shop/{POD} of {NODE} has no port left towards 127.0.0.1 port {PORT} (from 127.0.0.1)"
    assert "A destination can have 100 ports. Its ports: 100 active." in said["description"]
    assert f"var-netns={labels['netns']}" in said["dashboard"] and f"var-pod={POD}" in said["dashboard"]
    # Who holds them: this Prometheus has no kube_pod_info.
    assert "cri-containerd-" + 64 * "a" in said["description"]


@needs_bpf
def test_the_node_and_a_calm_pod_are_left_alone(seen):
    # The machine may have other namespaces, in which other tests fill ports.
    told = {alert["labels"].get("pod") for alert in seen["alerts"] if alert["labels"]["alertname"].startswith("EphemeralPorts")
            and (alert["labels"].get("pod_uid") or not alert["labels"].get("netns"))}
    assert POD in told and CALM_POD not in told and "ephemera-x7k2p" not in told
    assert [float(row["value"][1]) for row in seen["host"]] < [0.5]


@needs_bpf
def test_labels_of_the_scrape_stay_with_what_is_the_nodes_own(seen):
    """honor_labels"""
    whose = {(row["metric"].get("netns", "") != "", row["metric"].get("namespace"), row["metric"].get("pod")) for row in seen["usable"]}
    # What nobody has a name for is no pod by that, nor for the dashboard.
    assert "monitoring/ephemera-x7k2p" not in {name for name, _ in rows(seen["every"])}
    assert {(False, "monitoring", "ephemera-x7k2p"), (True, "shop", POD), (True, "shop", CALM_POD)} <= whose
    assert len([row for row in seen["usable"] if not row["metric"].get("netns")]) == 1


def rows(answer):
    return {(row["metric"].get("inside"), float(row["value"][1])) for row in answer}


@needs_bpf
def test_the_dashboard_shows_the_pod(seen):
    assert seen["row"]["inside"] == f"shop/{POD}"
    full, calm = (f"shop/{POD}", 1), (f"shop/{CALM_POD}", HELD / 100)
    assert rows(seen["pod"]["Fullest destinations A"]) == rows(seen["pod"]["Pods and other network namespaces Used"]) == {full}
    assert rows(seen["pod"]["Fullest pod A"]) == {full}
    assert rows(seen["shop"]["Fullest destinations A"]) == {full, calm}
    assert rows(seen["shop"]["Pods and other network namespaces Usable"]) == {(f"shop/{POD}", 100), (f"shop/{CALM_POD}", 100)}
    assert rows(seen["shop"]["Pods and other network namespaces Ports"]) == {(f"shop/{POD}", 100), (f"shop/{CALM_POD}", HELD)}
    assert full in rows(seen["fleet"])
    [who] = seen["pod"]["Who in it A"]
    assert (who["metric"]["inside"], who["metric"]["owner"], float(who["value"][1])) == (f"shop/{POD}", "cri-containerd-" + 12 * "a", 100)
    assert {(row["metric"]["workload"], float(row["value"][1])) for row in seen["shop"]["Workloads Used"]} == {("orders", 1), ("cart", HELD / 100)}


@needs_bpf
def test_calls_that_fail_are_told_by_destination_and_owner(seen):
    assert seen["failed"] == [seen["refused"]] * FAILED
    [alert] = of_pod("EphemeralPortsExhausted", seen["alerts"])
    labels, said = alert["labels"], alert["annotations"]
    assert (labels["pod"], labels["pod_uid"], labels["destination"], labels["destination_port"]) == (POD, UID, "127.0.0.1", str(PORT))
    assert said["summary"] == (f"On pod shop/{POD} of {NODE} connect() to 127.0.0.1 port {PORT} failed {FAILED} times: no port was left")
    [row] = seen["pod"]["Destinations without a port A"]
    assert (row["metric"]["inside"], row["metric"]["destination"]) == (f"shop/{POD}", "127.0.0.1") and round(float(row["value"][1])) == FAILED
    [row] = seen["pod"]["Owners without a port A"]
    assert (row["metric"]["inside"], row["metric"]["owner"]) == (f"shop/{POD}", "cri-containerd-" + 12 * "a")
    assert round(float(row["value"][1])) == FAILED


@needs_bpf
def test_the_sums_count_namespaces_that_are_shown_or_not(seen):
    [[full], [every]] = (seen["pod"][title] for title in ("Full A", "Namespaces A"))
    assert float(full["value"][1]) >= 1 and float(every["value"][1]) >= 2
    assert {row["metric"]["pressure"] for row in seen["pod"]["Network namespaces by pressure A"]} == {"low", "half", "high", "full"}
