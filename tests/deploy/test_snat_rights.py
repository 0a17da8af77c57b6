# SPDX-License-Identifier: Apache-2.0
"""What each way to install gives collector snat: enough to read the entries, and nothing of it is left once it serves."""

import os
import re

import pytest

from kube import helm, one
from lib.exporter import REPOSITORY, Exporter
from lib.namespace import NOBODY, in_namespace
from router import Router, connected
from units import A_DYNAMIC_USER, DEPLOY, DROP_INS, Unit, restricted

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="only root can restrict as systemd does"),
              pytest.mark.usefixtures("plain")]

SERVICE = (DEPLOY / "systemd" / "ephemera.service.in").read_text(encoding="utf-8")
DROP_IN = (DROP_INS / "snat.conf").read_text(encoding="utf-8")
COUNT = 7


def translated():
    """A router, and connections that it translates. What is returned must be kept."""
    router = Router()
    router.rules("masquerade to :40000-40009")
    held = [router.listen(443), *connected([router.new() for _ in range(COUNT)], ("10.77.2.2", 443), wanted=COUNT)]
    return router, held


def status(exporter):
    with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
        return {name: value.split() for name, _, value in (line.partition(":") for line in file)}


def assert_it_counts_and_has_no_right(exporter, user):
    found = exporter.metrics()
    assert found.value("ephemera_scrape_collector_success", collector="snat") == 1, exporter.log
    assert found.value("ephemera_worst_snat_ports", protocol="tcp", family="ipv4") == COUNT
    have = status(exporter)
    assert not any(int(have[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
    assert have["Uid"] == [str(user)] * 4


# systemd


@pytest.mark.parametrize("others", [(), ("walk.conf",), ("exhaustion.conf",)], ids=" ".join)
@in_namespace
def test_with_its_drop_in(others):
    kept = translated()
    unit = Unit(SERVICE, DROP_IN, *((DROP_INS / name).read_text(encoding="utf-8") for name in others))
    assert "--collector.snat" in unit.arguments()
    assert "CAP_DAC_READ_SEARCH" in unit.together("AmbientCapabilities")
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        assert_it_counts_and_has_no_right(exporter, A_DYNAMIC_USER)
    del kept


@pytest.mark.parametrize("before, after", [("=CAP_DAC_READ_SEARCH", "="), ("PrivateUsers=no", "PrivateUsers=yes")],
                         ids=["no capability", "PrivateUsers"])
@in_namespace
def test_the_drop_in_has_nothing_that_it_could_do_without(before, after):
    kept = translated()
    assert before in DROP_IN
    unit = Unit(SERVICE, DROP_IN.replace(before, after))
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        found = exporter.metrics()
        assert found.value("ephemera_scrape_collector_success", collector="snat") == 0
        assert any("needs root or CAP_DAC_READ_SEARCH" in line for line in exporter.log)
        # All else works.
        assert found.value("ephemera_scrape_collector_success", collector="range") == 1
    del kept


# Containers: root, with a few capabilities


def as_root(capabilities, group=0):
    """As an engine starts it."""
    bound = ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)])
    return {"wrapper": ["setpriv", f"--regid={group}", "--clear-groups", f"--bounding-set={bound}", "--inh-caps=-all",
                        "--no-new-privs"]}


@in_namespace
def test_as_a_pod():
    container, = one(helm("snat.enabled=true"), "DaemonSet")["spec"]["template"]["spec"]["containers"]
    context = container["securityContext"]
    assert context["runAsUser"] == 0 and context["capabilities"]["drop"] == ["ALL"]
    flags = [flag for flag in container["args"] if flag.startswith("--collector")]
    assert flags == ["--collector.snat"]
    kept = translated()
    with Exporter(*flags, **as_root(context["capabilities"]["add"], context["runAsGroup"])) as exporter:
        assert_it_counts_and_has_no_right(exporter, NOBODY)
    del kept


@in_namespace
def test_as_a_container():
    page = (REPOSITORY / "docs" / "container.md").read_text(encoding="utf-8")
    command = re.search(r"docker run (?:[^\n]*\\\n)+[^\n]*--collector\.snat", page)[0]
    assert "--user=0" in command and "--cap-drop=all" in command
    kept = translated()
    with Exporter("--collector.snat", **as_root(re.findall(r"--cap-add=(\w+)", command))) as exporter:
        assert_it_counts_and_has_no_right(exporter, NOBODY)
    del kept
