# SPDX-License-Identifier: Apache-2.0
"""docs/snat.md and docs/runbook.md by themselves: their commands, on a router that fills up, until the alerts of the
shipped rules fire and the kernel drops."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from lib.exporter import BINARY, PATIENCE, REPOSITORY, assert_no_sanitizer_report
from lib.namespace import in_namespace, sysctl
from lib.prometheus import Prometheus
from lib.served import Served
from lib.sockets import wait_until
from lib.tools import debian_binary
from router import Router, connected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

PAGE = (REPOSITORY / "docs" / "snat.md").read_text(encoding="utf-8")
RUNBOOK = (REPOSITORY / "docs" / "runbook.md").read_text(encoding="utf-8")
NEARLY, FULL, LOST = "SnatPortsNearlyFull", "SnatPortsFull", "SnatPacketsLost"

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
  evaluation_interval: 1s
rule_files: [{rules}/alerts.yaml]
scrape_configs:
  - job_name: ephemera
    static_configs:
      - {{targets: ["127.0.0.1:10059"], labels: {{instance: gw-1}}}}
"""
ENVIRONMENT = {**os.environ, "PATH": f"{Path(BINARY).parent}:{os.environ['PATH']}:/usr/sbin:/sbin"}
FULLEST, OTHER, PORT = "10.77.2.2", "10.77.2.3", 443


def section(text, heading):
    return re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]


def commands(text):
    return re.findall(r"^    (?:\$ )?(\S.*)$", text, re.M)


ABOUT = section(PAGE, "From the first command to the alert")
[RULE] = re.findall(r"`(masquerade [^`]+)`", ABOUT)
START, SHOW = commands(ABOUT)


def shell(command):
    done = subprocess.run(["bash", "-c", command], check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, env=ENVIRONMENT)
    assert_no_sanitizer_report(done.stdout)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


class Started(Served):
    """The command that starts it, as it stands on the page."""

    name, port = "the exporter", 10059

    def __init__(self, directory):
        self.log_file = directory / "exporter.log"
        self.command = ["env", f"PATH={ENVIRONMENT['PATH']}", "bash", "-c", f"exec {START}"]

    def __exit__(self, *error):
        super().__exit__(*error)
        assert_no_sanitizer_report(self.log_file.read_text(encoding="utf-8"))


def see(alert):
    """The one command of an alert's section."""
    [command] = commands(section(RUNBOOK, alert).split("**Now.**")[0])
    return command


def firing(prometheus):
    return {alert["labels"]["alertname"]: alert["annotations"] for alert in prometheus.api("alerts")["alerts"]
            if alert["state"] == "firing" and alert["labels"]["alertname"].startswith(("Snat", "Conntrack"))}


def opened(router, count, client=2, host=FULLEST, wanted=None):
    held = connected([router.new(client=client) for _ in range(count)], (host, PORT),
                     wanted=count if wanted is None else wanted)
    assert len(held) == (count if wanted is None else wanted)
    return held


def lost():
    """Packets that the kernel dropped for want of a port, and entries that it could not insert."""
    with open("/proc/thread-self/net/stat/nf_conntrack", encoding="ascii") as file:
        heads, *rows = [line.split() for line in file]
    return [sum(int(row[heads.index(name)], 16) for row in rows) for name in ("drop", "insert_failed")]


@in_namespace(seconds=240)
def test_from_the_first_command_to_the_alert_and_the_first_packet_that_is_lost(tmp_path):
    router = Router()
    router.rules(RULE)
    assert RULE.endswith(":40000-40009")
    listeners = [router.listen(PORT), router.listen(PORT, host=3)]
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    text = CONFIGURATION.format(rules=REPOSITORY / "dashboards" / "rules")
    with Started(tmp_path), Prometheus(binary, None, tmp_path, text=text) as prometheus:
        held = opened(router, 5, client=3) + opened(router, 3) + opened(router, 2, host=OTHER)
        wait_until(lambda: prometheus.value('ephemera_worst_snat_ports{protocol="tcp",family="ipv4"}') == 8,
                   "a scrape", PATIENCE)
        assert not firing(prometheus)
        held += opened(router, 1)
        wait_until(lambda: NEARLY in firing(prometheus), NEARLY, PATIENCE)
        assert set(firing(prometheus)) == {NEARLY} and lost() == [0, 0]
        said = firing(prometheus)[NEARLY]
        assert said["summary"] == (f"gw-1 has used 90% of its tcp ports for SNAT towards {FULLEST} port {PORT} "
                                   "(from 10.77.2.1)")
        assert "Clients with the most: 10.77.1.3 (5), 10.77.1.2 (4)." in said["description"]
        for shown in (shell(SHOW), shell(see(NEARLY))):
            assert 0 <= shown.find(FULLEST) < shown.find(OTHER)
            assert "10.77.1.3" in shown and "10.77.1.2" in shown and re.search(r"\b9\b", shown)
        held += opened(router, 1)
        wait_until(lambda: FULL in firing(prometheus), FULL, PATIENCE)
        assert lost() == [0, 0]
        assert f"has no tcp port left for SNAT towards {FULLEST} port {PORT}" in firing(prometheus)[FULL]["summary"]
        before = shell(see(FULL))
        opened(router, 1, wanted=0)
        assert min(lost()) >= 1
        assert shell(see(FULL)) != before
        # Where BPF programs may be loaded.
        if prometheus.value('ephemera_kernel_feature{feature="snat_lost_packets"}') == 1:
            wait_until(lambda: LOST in firing(prometheus), LOST, PATIENCE)
            assert f"SNAT found no tcp port towards {FULLEST} port {PORT}" in firing(prometheus)[LOST]["summary"]
            assert FULLEST in shell(see(LOST))
    del held, listeners


@in_namespace
def test_what_the_runbook_calls_a_fix_gives_ports_and_what_does_not_help_gives_none():
    router = Router()
    router.rules("masquerade to :40000-40009")
    listeners = [router.listen(PORT), router.listen(PORT, host=3)]
    held = opened(router, 10)
    sysctl("net.ipv4.ip_local_port_range", "1024 65000")
    sysctl("net.ipv4.tcp_tw_reuse", 1)
    opened(router, 3, wanted=0)
    # Each address of the server has all ports.
    held += opened(router, 10, host=OTHER)
    # A timeout is that of the next packet.
    sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", 600)
    held[0].send(b"x")
    wait_until(lambda: sorted(timeouts())[0] <= 600, "a shorter timeout")
    assert sorted(timeouts())[1] > 400000
    router.rules("masquerade")
    held += opened(router, 20)
    del held, listeners


def timeouts():
    with open("/proc/thread-self/net/nf_conntrack", encoding="ascii") as file:
        return [int(line.split()[4]) for line in file if f"dst={FULLEST} " in line and "ESTABLISHED" in line]

