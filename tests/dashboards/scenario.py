# SPDX-License-Identifier: Apache-2.0
"""What test_scenario.py plays: a fleet, a Prometheus that watches it, and a destination that fills up.

Rules are those of the mixin with short windows, so that an afternoon takes a minute.
"""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error

import pytest

import boards
import counting
from hosts import Host
from lib.certificates import Authority
from lib.exporter import free_port
from lib.prometheus import Prometheus
from lib.secure import server
from lib.sockets import wait_until
from lib.tools import debian_binary

BUSY, CALM, GONE = "busy.example", "calm.example", "gone.example"

# What finds nothing where all is well with an exporter, as it is here.
WELL = ("ephemera_scrape_collector_success",)

FILLING = ["EphemeralPortsHalfUsed", "EphemeralPortsNearlyFull", "EphemeralPortsFull"]

PODS = [("shop", "checkout-7d9f8c6b5-x2x7q", "3f2a9c01-1b7d-4e5f-8a90-c0ffee000001"),
        ("shop", "cart-5c4d3b2a1-8k2lm", "3f2a9c02-1b7d-4e5f-8a90-c0ffee000002")]
# Of a pod that kube-state-metrics does not know, or not any more.
STRAY = "3f2a9c03-1b7d-4e5f-8a90-c0ffee000003"

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [rules/*.yaml]
scrape_configs:
  - job_name: ephemera
    # So that namespace and pod are those of the network namespace that a series is about.
    honor_labels: true
    scheme: https
    tls_config: {{ca_file: {authority}}}
    static_configs:
      - {{targets: ["127.0.0.1:{counting}"], labels: {{instance: {BUSY}, __scheme__: http}}}}
      - {{targets: ["127.0.0.1:{calm}"], labels: {{instance: {CALM}}}}}
  - job_name: ephemera-plain
    static_configs:
      - {{targets: ["127.0.0.1:{gone}"], labels: {{instance: {GONE}}}}}
  - job_name: kube-state-metrics
    static_configs:
      - targets: ["127.0.0.1:{kubernetes}"]
"""

# Windows of the rules, and what an hour of prediction becomes.
SHORT = {"predictWindow": "12s", "predictRecentWindow": "6s", "predictSeconds": 60,
         "rateWindow": "5s", "jobGoneWindow": "5s", "keepFiringFor": "", "missedScrapes": "3s",
         # Until somebody has looked.
         "exhaustedSeconds": 120}
WAIT, WAIT_FOR_GONE = "2s", "5s"


def jsonnet(expression):
    if not shutil.which("jsonnet"):
        pytest.skip("there is no jsonnet")
    done = subprocess.run(["jsonnet", "-J", boards.FOLDER, "-e", expression], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_rules(directory):
    """The mixin's, in a hurry."""
    mixin = "(import 'mixin.libsonnet')"
    wait = jsonnet(f"{mixin}._config['for']")
    config = {**SHORT, "for": {name: WAIT if length != "0m" else length
                               for name, length in wait.items()}}
    # A machine that is busy with something else can miss a scrape or two.
    config["for"]["gone"] = WAIT_FOR_GONE
    directory.mkdir()
    for field in ("prometheusRules", "prometheusAlerts"):
        made = jsonnet(f"({mixin} + {{ _config+:: {json.dumps(config)} }}).{field}")
        # YAML has every JSON in it.
        (directory / f"{field}.yaml").write_text(json.dumps(made, indent=1))
    slow = [rule["alert"] for rule in boards.rules(directory.glob("*.yaml"))
            if rule.get("for", "0m") not in ("0m", WAIT, WAIT_FOR_GONE, SHORT["rateWindow"])]
    assert not slow, f"_config has another name for how long these wait: {slow}"


def hurried_dashboards():
    """{file: dashboard}: "full in" needs a whole window."""
    return jsonnet(f"((import 'mixin.libsonnet') + {{ _config+:: {json.dumps(SHORT)} }}).grafanaDashboards")


class KubeStateMetrics(http.server.BaseHTTPRequestHandler):
    """The one metric of kube-state-metrics that the dashboards ask for."""

    def do_GET(self):  # pylint: disable=invalid-name
        body = "# TYPE kube_pod_info gauge\n" + "".join(
            f'kube_pod_info{{namespace="{namespace}",pod="{pod}",uid="{uid}",node="node-1",'
            f'host_ip="10.0.0.1",pod_ip="10.1.0.{i}",created_by_kind="ReplicaSet",'
            f'created_by_name="{pod[:-6]}",priority_class="",host_network="false"}} 1\n'
            for i, (namespace, pod, uid) in enumerate(PODS))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


@contextlib.contextmanager
def kube_state_metrics():
    served = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), KubeStateMetrics)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    try:
        yield served.server_port
    finally:
        served.shutdown()


def pod_cgroups(tree):
    """A cgroup for each pod, as containerd and systemd name them. To be made by the process that
    clears the tree away."""
    base = f"/ephemera-test-{os.getpid()}.slice"
    paths = [f"{base}/kubepods.slice/kubepods-burstable.slice/"
             f"kubepods-burstable-pod{uid.replace('-', '_')}.slice/cri-containerd-{i:064x}.scope"
             for i, uid in enumerate([*(uid for _, _, uid in PODS), STRAY])]
    for path in paths:
        tree.make(path)
    return paths


def failing_pods(paths):
    """[(uid, cgroup)] of the first pod and of the stray one. paths: pod_cgroups(), or none"""
    uids = [*(uid for _, _, uid in PODS), STRAY]
    owners = list(zip(uids, paths or [f"/kubepods.slice/{uid}" for uid in uids]))
    return [owners[0], owners[-1]]


class Watch:
    """What Prometheus says of the fleet."""

    def __init__(self, prometheus):
        self.prometheus = prometheus
        self.start = time.time()

    def alerts(self):
        """[(name, instance, state)]"""
        return sorted((alert["labels"]["alertname"], alert["labels"].get("instance", ""),
                       alert["state"]) for alert in self.prometheus.api("alerts")["alerts"])

    def wait(self, condition, what):
        # Not as often as wait_until() looks: the machine has better things to do.
        wait_until(lambda: condition() or time.sleep(0.2), what, 60)

    def wait_for(self, name, instance):
        self.wait(lambda: (name, instance, "firing") in self.alerts(), f"{name} of {instance}")

    def wait_for_scrapes(self, count, instance=BUSY):
        def made():
            return self.prometheus.value(
                f'count_over_time(ephemera_range_ports{{instance="{instance}"}}[10m])') or 0

        goal = made() + count
        self.wait(lambda: made() >= goal, f"{count} scrapes")

    def history(self):
        """{(alert, instance): when it fired first, in seconds}"""
        return {(series["metric"]["alertname"], series["metric"].get("instance", "")):
                series["values"][0][0] - self.start
                for series in sorted(self.ask('ALERTS{alertstate="firing"}'),
                                     key=lambda series: -series["values"][0][0])}

    def ask(self, expression):
        """The series of an expression, as it was at each second until now."""
        return self.prometheus.api("query_range", query=expression, start=self.start,
                                   end=time.time(), step=1)["result"]


def play(directory, tree, paths):
    """Fills a destination. Returns what was seen, as JSON has it. paths: pod_cgroups()"""
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    authority = Authority(directory)
    web = directory / "web.yml"
    web.write_text(server(authority.issue("server")))
    write_rules(directory / "rules")
    with contextlib.ExitStack() as stack:
        secure = f"--web.config.file={web}"
        busy = stack.enter_context(Host(secure, cgroups=tree, paths=paths))
        calm = stack.enter_context(Host(secure))
        # Its kernel seems to be one that cannot tell everything.
        gone = stack.enter_context(Host("--sockets.source=procfs"))
        kubernetes = stack.enter_context(kube_state_metrics())
        # Only this one has collector exhaustion on.
        counted = stack.enter_context(counting.Counting(
            busy.port, authority, failing_pods(paths)))
        # Before anybody watches, so that it is no growth.
        busy.fill(0.3)
        busy.short_connections(110)
        busy.use_udp(11)
        busy.stop_accepting()
        calm.fill(0.1)
        prometheus = stack.enter_context(Prometheus(binary, None, directory, text=CONFIGURATION.format(
            counting=counted.port, calm=calm.port, gone=gone.port, kubernetes=kubernetes,
            authority=authority.certificate, BUSY=BUSY, CALM=CALM, GONE=GONE)))
        return watch(Watch(prometheus), busy, gone, counted)


def watch(prometheus, busy, gone, counted):
    stages = {}
    prometheus.wait_for("EphemeralPortsListenerInRange", BUSY)
    prometheus.wait_for("AcceptQueueFull", BUSY)
    prometheus.wait_for_scrapes(3)
    be_refused(gone)
    prometheus.wait_for_scrapes(3)
    stages["30"] = prometheus.alerts()
    for percent in range(33, 61, 3):
        busy.fill(percent / 100)
        time.sleep(0.8)
    prometheus.wait_for("EphemeralPortsHalfUsed", BUSY)
    stages["60"] = prometheus.alerts()
    gone.stop_exporter()
    busy.fill(0.95)
    prometheus.wait_for("EphemeralPortsNearlyFull", BUSY)
    prometheus.wait_for_scrapes(3)
    stages["95"] = prometheus.alerts()
    busy.fill(1)
    refused = busy.is_full()
    counted.fail(11)
    prometheus.wait_for("EphemeralPortsExhausted", BUSY)
    prometheus.wait_for("EphemeralPortsFull", BUSY)
    prometheus.wait_for("EphemeraExporterGone", GONE)
    prometheus.wait_for_scrapes(3)
    stages["100"] = prometheus.alerts()
    texts = prometheus.prometheus.api("alerts")["alerts"]
    dashboards = hurried_dashboards()
    answers = {name: ask_all(prometheus, dashboard) for name, dashboard in dashboards.items()}
    fleet = dashboards["ephemeral-ports-fleet.json"]
    listed = [row["metric"]["severity"] for row in show(prometheus, fleet, "table", "Alerts firing")]
    history = prometheus.history()
    busy.empty()
    prometheus.wait(lambda: not {(name, BUSY, "firing") for name in FILLING} & set(prometheus.alerts()),
                    "the alerts to end")
    # Between two scrapes, of which neither finds a destination full.
    failing = [failing_now(prometheus, fleet)]
    counted.fail(3)
    prometheus.wait_for_scrapes(2)
    failing.append(failing_now(prometheus, fleet))
    return {"stages": stages, "refused": refused, "texts": texts, "answers": answers,
            "listed": listed, "failing": failing,
            "history": sorted((when, *what) for what, when in history.items())}


def be_refused(host):
    """A request with far too much in front of it."""
    with socket.create_connection(("127.0.0.1", host.port), timeout=10) as client, \
            contextlib.suppress(ConnectionError):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + 300_000 * b"x" + b"\r\n\r\n")
        client.recv(1)


# What a dashboard asks


def show(watched, dashboard, kind, title):
    """The rows of a panel, now."""
    [expression] = [target["expr"] for panel, target in boards.queries(dashboard)
                    if (panel["type"], panel["title"]) == (kind, title)]
    return watched.prometheus.api("query", query=boards.fill(expression, choose(watched, dashboard, {})))["result"]


def failing_now(watched, fleet):
    """[hosts where connect() fails, seconds until the first one is full]"""
    return [float(show(watched, fleet, "stat", title)[0]["value"][1])
            for title in ("Failing hosts", "Full in")]


def ask_all(watched, dashboard):
    """{choice: {panel and query: what is wrong}}: with everything chosen, with the busy host, and with
    one that does not count failures."""
    return {json.dumps(choice): ask_panels(watched, dashboard, choose(watched, dashboard, choice), not choice,
                                           looks=1 if CALM in choice.get("instance", []) else 3)
            for choice in ({}, {"instance": [BUSY]}, {"instance": [CALM]})}


def finds(watched, expression, looks):
    """Whether it has data, at the latest after some more scrapes: a machine with too much to do misses one now and
    then, and what is asked @ end() has none in that second."""
    for _ in range(looks):
        if watched.ask(expression):
            return True
        if looks > 1:
            watched.wait_for_scrapes(1)
    return False


def ask_panels(watched, dashboard, values, in_parts, looks):
    """in_parts: of "what is looked for, or else a zero", the zero must not hide that the first half
    finds nothing. looks: of the calm host many have no data, and nobody waits for it."""
    asked = [(f"{panel['title']}: ", boards.fill(target["expr"], values))
             for panel, target in boards.queries(dashboard)]
    if in_parts:
        parsed = boards.node("promql.mjs", text=json.dumps([expression for _, expression in asked]))
        asked += [(f"{title}in ", preferred) for (title, _), found in zip(asked, parsed)
                  for preferred in found["preferred"] if not preferred.startswith(WELL)]
    wrong = {}
    for title, expression in dict.fromkeys(asked):
        try:
            if not finds(watched, expression, looks):
                wrong[title + expression] = "no data"
        except urllib.error.HTTPError as error:
            wrong[title + expression] = error.read().decode()
    return wrong


def choose(watched, dashboard, choice):
    """Values of the variables as Grafana comes to them: asked of Prometheus, all of them chosen."""
    length = int(time.time() - watched.start)
    # The interval of a panel of some hundred pixels, and four scrapes.
    values = {"__rate_interval": "4s", "__interval": "1s", "__range": f"{length}s", "__range_s": str(length),
              "__interval_ms": "1000"}
    for name, variable in boards.variables(dashboard).items():
        if variable["type"] == "datasource":
            values[name] = "prometheus"
        elif variable["type"] == "query":
            # Whoever comes by a link brings a value that the chosen host may not have.
            found = label_values(watched, variable, values) or label_values(watched, variable, {**values, "instance": ".*"})
            assert found, f"${name} finds nothing"
            values[name] = choice.get(name) or variable.get("allValue") or (found if variable["multi"] else found[0])
        else:
            values[name] = variable["query"]
    return values


def label_values(watched, variable, values):
    series, label = boards.label_values_of(variable)
    return watched.prometheus.api(f"label/{label}/values", start=watched.start,
                                  **{"match[]": boards.fill(series, values)})
