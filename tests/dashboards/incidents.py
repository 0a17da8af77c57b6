# SPDX-License-Identifier: Apache-2.0
"""What test_incidents.py plays: three hosts with one cause each, a Prometheus with the rules in a hurry,
and an Alertmanager with the inhibitions as they are shipped."""

import contextlib
import os

import lib.bpf
import scenario
from counting import More
from hosts import SHORT, USABLE, Host
from lib.alertmanager import Alertmanager
from lib.prometheus import Prometheus
from lib.tools import debian_binary

LEAK, STORM, LOUD = "leak.example", "storm.example", "loud.example"
ORDERS, CHECKOUT = 30011, (30012, 30013, 30014)

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [rules/*.yaml]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]
scrape_configs:
  - job_name: ephemera
    static_configs:
      - {{targets: ["127.0.0.1:{leak}"], labels: {{instance: leak.example}}}}
      - {{targets: ["127.0.0.1:{storm}"], labels: {{instance: storm.example}}}}
      - {{targets: ["127.0.0.1:{loud}"], labels: {{instance: loud.example}}}}
"""


def cgroups_of(tree):
    """{service: its cgroup}. To be made by the process that clears the tree away."""
    return {name: tree.make(f"/ephemera-test-{os.getpid()}.slice/{name}.service")
            for name in ("orders", "checkout", "batch")}


def url(host):
    return f"http://127.0.0.1:{host.port}/metrics"


# Who opens connections is counted where BPF programs load.
COUNTED = lib.bpf.MISSING is None


class Opening(More):
    """Stands in for that count elsewhere."""

    def __init__(self, host, cgroup):
        super().__init__(url(host))
        self.cgroup = cgroup

    def lines(self):
        yield (f'ephemera_destination_owner_opens_total{{destination="127.0.0.1",destination_port="{SHORT}",'
               f'cgroup="{self.cgroup}",pod_uid="",container_id=""}} {400 * self.scrapes}')


class Failing(More):
    """With calls that fail, of connect() and of bind(): the latter is counted on few machines."""

    def __init__(self, host):
        super().__init__(url(host))
        self.failures = 0

    def lines(self):
        peer = f'destination="127.0.0.1",destination_port="{ORDERS}"'
        for family in ("ipv4", "ipv6"):
            yield f'ephemera_port_exhaustion_errors_total{{family="{family}"}} {self.failures}'
            yield f'ephemera_bind_port_exhaustion_errors_total{{protocol="tcp",family="{family}"}} {self.failures}'
        if self.failures:
            yield f"ephemera_destination_port_exhaustion_errors_total{{{peer}}} {self.failures}"


def play(directory, tree, cgroups):
    """Returns what fires, {host: [alert as Alertmanager has it]}, as JSON has it."""
    scenario.write_rules(directory / "rules")
    with contextlib.ExitStack() as stack:
        counting = ["--collector.exhaustion"] if COUNTED else []
        leak, storm, loud = (stack.enter_context(Host(*flags, cgroups=tree)) for flags in (counting, counting, []))
        opening = storm if COUNTED else stack.enter_context(Opening(storm, cgroups["batch"]))
        failing = stack.enter_context(Failing(loud))
        # The largest owner of the host, of other destinations.
        for port in CHECKOUT:
            leak.hold(port, USABLE // 2 - 10, cgroups["checkout"])
        alertmanager = stack.enter_context(Alertmanager(
            debian_binary("prometheus-alertmanager", "usr/bin/prometheus-alertmanager"), directory))
        prometheus = stack.enter_context(Prometheus(
            debian_binary("prometheus", "usr/bin/prometheus"), None, directory, text=CONFIGURATION.format(
                alertmanager=alertmanager.port, leak=leak.port, storm=opening.port, loud=failing.port)))
        watched = scenario.Watch(prometheus)
        # Who opens connections is listed before it is a storm, as nearly always.
        storm.hold(SHORT, 20, cgroups["batch"])
        half = USABLE // 2 + 10
        for host in (leak, loud):
            host.hold(ORDERS, half, cgroups["orders"])
        watched.wait_for("EphemeralPortsHalfUsed", LOUD)
        for host in (leak, loud):
            host.hold(ORDERS, USABLE - half, cgroups["orders"])
        storm.storm(USABLE - 20, cgroups["batch"])
        return fired(watched, alertmanager, failing)


def fired(watched, alertmanager, failing):
    """While calls go on to fail."""
    wanted = {(LEAK, "EphemeralPortsFull"), (LEAK, "EphemeralPortsNearlyFull"),
              (STORM, "EphemeralPortsFull"), (STORM, "EphemeralPortsNearlyFull"),
              (LOUD, "EphemeralPortsExhausted"), (LOUD, "EphemeralPortsBindExhausted"),
              (LOUD, "EphemeralPortsAddressPoolNearlyFull"), (LOUD, "EphemeralPortsNearlyFull")}

    def all_are_there():
        failing.failures += 7
        missing = wanted - {(alert["labels"]["instance"], alert["labels"]["alertname"])
                            for alert in alertmanager.alerts()}
        # Told if the time is over.
        print(sorted(missing))
        return not missing

    watched.wait(all_are_there, "all of them in Alertmanager")
    # What came last is kept back with the next look only.
    watched.wait_for_scrapes(3, LOUD)
    return {host: [alert for alert in alertmanager.alerts() if alert["labels"]["instance"] == host]
            for host in (LEAK, STORM, LOUD)}
