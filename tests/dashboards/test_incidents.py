# SPDX-License-Identifier: Apache-2.0
"""Three incidents, as a real Prometheus judges them and a real Alertmanager sends them: whom the page
names, and how many pages there are."""

import json
import subprocess

import pytest
import yaml

import cgroups
import incidents
from incidents import CHECKOUT, LEAK, LOUD, ORDERS, STORM
from hosts import SHORT, USABLE
from lib.alertmanager import configuration
from lib.namespace import in_namespace
from lib.tools import debian_binary

# A service in the range, which each of these hosts has, is another cause.
ANOTHER = "EphemeralPortsListenerInRange"


@pytest.fixture(scope="module", name="services")
def fixture_services(tree):
    return incidents.cgroups_of(tree)


@pytest.fixture(scope="module", name="seen")
def fixture_seen(module_folder, tree, services):
    answers = module_folder / "seen.json"

    @in_namespace(seconds=240)
    def play():
        answers.write_text(json.dumps(incidents.play(module_folder, tree, services)))

    play()
    return json.loads(answers.read_text())


def names(alerts):
    return {alert["labels"]["alertname"] for alert in alerts} - {ANOTHER}


def sent(alerts):
    return [alert for alert in alerts if alert["status"]["state"] == "active"
            and alert["labels"]["alertname"] != ANOTHER]


def test_in_a_leak_the_service_that_holds_the_destination_is_named(seen, services):
    [alert] = sent(seen[LEAK])
    assert alert["labels"]["alertname"] == "EphemeralPortsFull"
    assert alert["labels"]["destination_port"] == str(ORDERS)
    text = alert["annotations"]["description"]
    assert f"The active ones are held by cgroup {services['orders']} ({USABLE})." in text
    # It has more ports on the host, towards others.
    assert len(CHECKOUT) * (USABLE // 2 - 10) > USABLE
    assert "checkout" not in json.dumps([alert["annotations"] for alert in seen[LEAK]])


def test_in_a_storm_of_time_wait_the_service_that_opens_the_connections_is_named(seen, services):
    [alert] = sent(seen[STORM])
    assert alert["labels"]["alertname"] == "EphemeralPortsFull"
    assert alert["labels"]["destination_port"] == str(SHORT)
    text = alert["annotations"]["description"]
    assert f"20 active, 0 reusable, {USABLE - 20} time_wait." in text
    assert f"held by cgroup {services['batch']} (20). TIME_WAIT has no owner in the kernel." in text
    assert f"most connections to it were opened by cgroup {services['batch']} (" in text


def test_one_cause_is_at_most_two_alerts(seen):
    """Of the loudest host, which has all there are of its kind."""
    assert names(seen[LOUD]) >= {
        "EphemeralPortsHalfUsed", "EphemeralPortsNearlyFull", "EphemeralPortsFull", "EphemeralPortsExhausted",
        "EphemeralPortsBindExhausted", "EphemeralPortsAddressPoolNearlyFull"}
    assert len(seen[LOUD]) >= 8
    assert names(sent(seen[LOUD])) == {"EphemeralPortsExhausted", "EphemeralPortsBindExhausted"}
    for host, alerts in seen.items():
        assert 1 <= len(sent(alerts)) <= 2, host


def test_what_is_sent_names_the_service_too(seen, services):
    [alert] = [alert for alert in sent(seen[LOUD]) if alert["labels"]["alertname"] == "EphemeralPortsExhausted"]
    assert f"held by cgroup {services['orders']} ({USABLE})" in alert["annotations"]["description"]


def test_no_text_is_broken(seen):
    for alert in [alert for alerts in seen.values() for alert in alerts]:
        for text in alert["annotations"].values():
            assert "<error" not in text and "<no value>" not in text and "{{" not in text, alert


def test_alertmanager_takes_the_inhibitions(tmp_path):
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(configuration()))
    amtool = debian_binary("prometheus-alertmanager", "usr/bin/amtool")
    done = subprocess.run([amtool, "check-config", file], check=False, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert f"{len(configuration()['inhibit_rules'])} inhibit rules" in done.stdout
