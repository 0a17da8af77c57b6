# SPDX-License-Identifier: Apache-2.0
"""A connect() that finds no port: counted by the kernel, named by the exporter, told by the alert."""

import urllib.request

import boards
from hosts import FULL, Host
from lib.bpf import needs_bpf
from lib.namespace import in_namespace
from lib.prometheus import Prometheus
from lib.sockets import wait_until
from lib.tools import debian_binary

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [{rules}/alerts.yaml]
scrape_configs:
  - job_name: ephemera
    static_configs:
      - {{targets: ["127.0.0.1:{port}"], labels: {{instance: full.example}}}}
"""


def page(host):
    with urllib.request.urlopen(f"http://127.0.0.1:{host.port}/metrics", timeout=10) as answer:
        return answer.read().decode().splitlines()


def alerts(prometheus):
    return [alert for alert in prometheus.api("alerts")["alerts"]
            if alert["labels"]["alertname"] == "EphemeralPortsExhausted"]


@needs_bpf
@in_namespace
def test_the_eleventh_connect_with_ten_ports_fires_the_alert(tmp_path):
    """With the rules as they are shipped."""
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    # Each host has a namespace of its own: what Prometheus and this test connect takes no port there.
    with Host("--collector.exhaustion") as host:
        text = CONFIGURATION.format(rules=boards.FOLDER / "rules", port=host.port)
        with Prometheus(binary, None, tmp_path, text=text) as prometheus:
            wait_until(lambda: prometheus.value("sum(ephemera_port_exhaustion_errors_total)") == 0, "a scrape", 30)
            assert host.connect(10, 10) == [] and not alerts(prometheus)
            assert host.connect(10, 1) == ["Cannot assign requested address"]
            counted = page(host)
            assert 'ephemera_port_exhaustion_errors_total{family="ipv4"} 1' in counted
            assert ('ephemera_destination_port_exhaustion_errors_total'
                    f'{{destination="127.0.0.1",destination_port="{FULL}"}} 1') in counted
            wait_until(lambda: alerts(prometheus), "the alert", 30)
            [alert] = alerts(prometheus)
            assert alert["state"] == "firing"
            assert alert["annotations"]["summary"] == (
                f"On full.example connect() to 127.0.0.1 port {FULL} failed once: no port was left")
            assert "A destination can have 10 ports." in alert["annotations"]["description"]
