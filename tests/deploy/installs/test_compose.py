# SPDX-License-Identifier: Apache-2.0
"""deploy/compose/ as it is, started by podman on a bridge of its own, for the two minutes that its page promises most of.

No registry of images is within reach, so the images of others are stand-ins under the names that
compose.yaml gives: Debian's Prometheus and Debian's Python. There is none for Grafana; what can be said of its part is in
tests/deploy/test_compose.py. Docker Compose itself is not there either: lib/compose.py translates.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from lib import compose, containers
from lib.exporter import REPOSITORY, Metrics
from lib.sockets import wait_until
from lib.tools import debian_binary

FOLDER = REPOSITORY / "deploy" / "compose"
FILE = compose.read(FOLDER / "compose.yaml")
SERVICES = FILE["services"]
STARTED = compose.in_order(SERVICES, ["workload", "prometheus"])
NETWORK = "ephemera-demo_default"

# podman's own limits of descriptors and processes may be above those of this machine, which only some roots can raise. One
# that compose.yaml sets comes after this one, and holds.
LIMITS = ["--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096"]

# Everything that podman would set up on this machine (bridge, rules of the firewall, files below /run and
# /var/lib/cni) is set up in namespaces that end with their first process. bash takes the orphans.
HOST = """
set -e
mkdir -p /var/lib/cni
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/cni
mkdir /run/lock /run/networks
ip link set lo up
echo ready
sleep 900 &
wait $!
"""


class Host:
    """Something like a machine: with network, processes and mounts of its own."""

    def __init__(self):
        self.storage = tempfile.mkdtemp(prefix="compose-", dir=containers.STORAGE)
        self.unshare = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "bash", "-c", HOST], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
            env=containers.environment())
        assert self.unshare.stdout.readline() == "ready\n"
        [self.first] = Path(f"/proc/{self.unshare.pid}/task/{self.unshare.pid}/children") \
            .read_text().split()

    def close(self):
        for name in reversed(STARTED):
            self.podman("rm", "--force", "--ignore", "--time=3", container(name), check=False)
        os.kill(int(self.first), 9)
        self.unshare.wait(timeout=20)
        self.unshare.stdout.close()
        shutil.rmtree(self.storage)

    def run(self, *words, check=True, timeout=120):
        done = subprocess.run(
            ["nsenter", f"--target={self.first}", "--net", "--mount", "--pid", *words],
            env=containers.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout)
        assert not check or done.returncode == 0, f"{words}:\n{done.stdout[-4000:]}"
        return done

    def podman(self, *words, **kw):
        """With the images of everybody, and containers of its own: nobody else could reach their namespaces."""
        return self.run("podman", "--root", f"{self.storage}/root", "--runroot", "/run/podman",
                        *containers.PODMAN[5:], "--storage-opt", f"vfs.imagestore={containers.STORAGE}/root",
                        "--network-config-dir=/run/networks", *words, **kw)

    def get(self, url):
        """As a browser on that machine would."""
        return self.run("curl", "-sSg", "--max-time", "10", url).stdout

    def query(self, expression):
        """[(labels, value)] by the published port of Prometheus."""
        answer = json.loads(self.run("curl", "-sSg", "--max-time", "10", "--data-urlencode", f"query={expression}",
                                     f"http://{published('prometheus')}/api/v1/query").stdout)
        assert answer["status"] == "success", answer
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    def alerts(self):
        """{(name, state)} of what waits and what fires."""
        answer = json.loads(self.get(f"http://{published('prometheus')}/api/v1/alerts"))
        return {(alert["labels"]["alertname"], alert["state"]) for alert in answer["data"]["alerts"]}


def published(service):
    [entry] = SERVICES[service]["ports"]
    return entry.rpartition(":")[0]


def has_to(image, lines, *files):
    """An image of that name: of an earlier run, or made on the base of the exporter's."""
    if containers.has_image(image):
        return
    with tempfile.TemporaryDirectory(prefix="context-", dir=containers.STORAGE) as context:
        for file in files:
            shutil.copy(file, context)
        Path(context, "Dockerfile").write_text("\n".join([f"FROM {containers.base_image()}", *lines, ""]))
        containers.buildah("bud", "--isolation", "chroot", "--format", "docker", "--pull-never", "-t", image, context)


def images():
    containers.podman("tag", containers.built_image(), SERVICES["exporter"]["image"])
    has_to(SERVICES["prometheus"]["image"],
           ["COPY prometheus promtool /bin/", 'ENTRYPOINT ["/bin/prometheus"]'],
           *(debian_binary("prometheus", f"usr/bin/{name}") for name in ("prometheus", "promtool")))
    has_to(SERVICES["workload"]["image"],
           ["RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal libpython3-stdlib"])


def container(name):
    return f"ephemera-demo-{name}-1"


def start(host, name):
    service = SERVICES[name]
    mode = service.get("network_mode")
    if mode:
        network = [f"--network=container:{container(mode.removeprefix('service:'))}"]
    else:
        network = [f"--network={NETWORK}", f"--network-alias={name}"]
    host.podman("run", "--detach", f"--name={container(name)}", *network, *LIMITS,
                *compose.run_arguments(service, FOLDER), service["image"], *service.get("command", []))


def healthy(host, name):
    return host.podman("healthcheck", "run", container(name), check=False).returncode == 0


def wait_until_healthy(host, name):
    """For as long as compose.yaml allows it to take."""
    check = SERVICES[name]["healthcheck"]
    allowed = compose.seconds(check["start_period"]) + check["retries"] * compose.seconds(check["interval"])
    wait_until(lambda: healthy(host, name), f"{name} to be healthy", allowed)


@pytest.fixture(scope="module")
def host():
    images()
    with contextlib.ExitStack() as stack:
        machine = Host()
        stack.callback(machine.close)
        machine.podman("network", "create", NETWORK)
        for name in STARTED:
            for needed, how in SERVICES[name].get("depends_on", {}).items():
                assert how == {"condition": "service_healthy"}
                wait_until_healthy(machine, needed)
            start(machine, name)
        # Grafana waits for it.
        wait_until_healthy(machine, "prometheus")
        yield machine


def test_what_it_shows_in_two_minutes(host):
    """Half, nearly all, all; two alerts fire, and the third waits for its five minutes."""
    wait_until(lambda: host.query('up{job="ephemera"} == 1'), "a scrape", 30)
    seen = {}
    begin = time.monotonic()
    firing = set()
    while time.monotonic() - begin < 125 and len(firing) < 2:
        time.sleep(1)
        now = round(time.monotonic() - begin)
        for labels, value in host.query('ephemera_worst_destination_usage_ratio{family="ipv4"}'):
            assert labels["instance"] == "demo"
            for share in (0.5, 0.9, 1):
                if value >= share:
                    seen.setdefault(f"{share:.0%}", now)
        for alert, state in host.alerts():
            seen.setdefault(f"{alert} {state}", now)
        firing = {what for what in seen if what in ("EphemeralPortsFull firing",
                                                    "EphemeralPortsNearlyFull firing")}
    print("seconds after the first scrape:", seen)
    assert len(firing) == 2, seen
    assert {"50%", "90%", "100%", "EphemeralPortsHalfUsed pending",
            "EphemeralPortsNearlyFull pending"} <= seen.keys(), seen
    assert seen["50%"] < seen["90%"] < seen["100%"] <= 75
    # Which destination it is, the alert says.
    [(labels, _)] = host.query('ALERTS{alertname="EphemeralPortsFull",alertstate="firing"}')
    assert (labels["destination"], labels["destination_port"]) == ("127.0.0.1", "9000")
    log = host.podman("logs", container("workload")).stdout
    assert "Cannot assign requested address, with" in log, log


def test_only_the_namespace_of_the_demonstration_is_small(host):
    metrics = Metrics(host.get(f"http://{published('exporter')}/metrics"))
    assert metrics.value("ephemera_range_ports") == 1000
    assert host.run("cat", "/proc/sys/net/ipv4/ip_local_port_range").stdout.split() != ["40000", "40999"]
    # Everything that the exporter sees is of that namespace: the workload's, and Prometheus' connections.
    assert metrics.total("ephemera_sockets", protocol="tcp", state="listen") == 2
    # The live map is there, since the API is on.
    assert "/api/v1" in host.get(f"http://{published('exporter')}/") or \
        host.get(f"http://{published('exporter')}/api/v1/range").startswith("{")


def test_prometheus_has_the_rules(host):
    answer = json.loads(host.get(f"http://{published('prometheus')}/api/v1/rules"))
    rules = [rule for group in answer["data"]["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    assert {"EphemeralPortsFull", "instance:ephemera_destination_usage:max"} <= {rule["name"] for rule in rules}


@pytest.mark.parametrize("name", STARTED)
def test_it_is_confined_and_healthy(host, name):
    assert healthy(host, name)
    [what] = json.loads(host.podman("inspect", container(name)).stdout)
    assert what["State"]["Running"] and what["HostConfig"]["ReadonlyRootfs"]
    assert not what["EffectiveCaps"] and not what["BoundingCaps"], what
    assert what["HostConfig"]["Memory"] > 0
    status = host.run("cat", f"/proc/{what['State']['Pid']}/status").stdout
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert facts["CapEff"] == facts["CapPrm"] == "0" * 16
    assert facts["NoNewPrivs"] == "1"
    assert facts["Uid"].split()[0] not in ("0",)


def test_only_loopback_is_published(host):
    """Nobody but the machine itself gets in by the ports that are published."""
    said = host.run("ip", "-4", "-br", "address").stdout
    [bridge] = [line.split()[2].split("/")[0] for line in said.splitlines() if line.startswith("cni-")]
    for name in ("exporter", "prometheus"):
        port = published(name).split(":")[1]
        assert host.run("curl", "-sS", "-o", "/dev/null", f"http://127.0.0.1:{port}/").returncode == 0
        refused = host.run("curl", "-sS", "--max-time", "3", "-o", "/dev/null", f"http://{bridge}:{port}/", check=False)
        assert refused.returncode == 7, refused.stdout


def test_the_workload_does_not_start_where_the_range_is_a_hosts():
    done = containers.podman("run", "--rm", "--network=none", *LIMITS, f"--volume={FOLDER}/workload.py:/workload.py:ro",
                             SERVICES["workload"]["image"], "python3", "/workload.py", check=False)
    assert done.returncode == 1 and "Nothing was done" in done.stdout, done.stdout
