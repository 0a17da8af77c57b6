# SPDX-License-Identifier: Apache-2.0
"""The pods of deploy/kubernetes run, under podman, and see what they are to see.

A node is played by a process with a network namespace of its own: podman takes it for the host's,
so port 10059 is free there, and nothing of this machine's network is changed. A pod without
hostNetwork has a namespace of its own with a loopback interface only.

Of a pod's template is left out what podman 4.3 has no use for: probes (it would run curl within
the container, by a timer of systemd), and ports, which it would publish on a bridge.
"""

import contextlib
import copy
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import kube
from lib import containers
from lib.bpf import needs_bpf
from lib.exporter import REPOSITORY, Metrics
from lib.sockets import wait_until

NODE_HOLDS = 109
APP_HOLDS = 131
POD_UID = "0f3c2a51-6f0e-4b7d-9d9b-0c6a3d1e5b77"
CONTAINER_ID = "5e" * 32

HOLD = """
import os, pathlib, socket, sys
count, cgroup = int(sys.argv[1]), sys.argv[2]
pathlib.Path(cgroup, "cgroup.procs").write_text("0")
server = socket.create_server(("127.0.0.1", 7070), backlog=count)
held = [(socket.create_connection(("127.0.0.1", 7070)), server.accept()) for _ in range(count)]
print("held", flush=True)
sys.stdin.read()
"""

GET = """
import sys, urllib.request
with urllib.request.urlopen("http://127.0.0.1:10059" + sys.argv[1], timeout=10) as answer:
    print(answer.read().decode(), end="")
"""


@pytest.fixture(scope="module", name="node")
def _node(tree):
    """The pid of what holds connections in the node's network, as a pod's container."""
    kubepods = f"/ephemera-test-node/kubepods/pod{POD_UID}/{CONTAINER_ID}"
    tree.make(kubepods)
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
         sys.executable, "-c", HOLD, str(NODE_HOLDS), str(tree.directory(kubepods))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
    finally:
        holder.stdin.close()
        holder.wait(timeout=30)
        holder.stdout.close()


@pytest.fixture(scope="module")
def images():
    """What stands in a template, and what it is here."""
    return {"ghcr.io/ephemera-exporter/ephemera:0.1.0": containers.built_image(),
            "docker.io/library/debian:bookworm-slim": containers.base_image()}


def pod_of(example, images, *, as_plain=False):
    """The pod that a Kubernetes would make from the template of an example."""
    (_, template), = kube.pod_templates(kube.kustomize(example))
    spec = copy.deepcopy(template["spec"])
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind, []):
            container["image"] = images[container["image"]]
            for probe in ("livenessProbe", "readinessProbe"):
                container.pop(probe, None)
            container.pop("ports", None)
    if as_plain:
        for container in spec.pop("initContainers"):
            assert container.pop("restartPolicy") == "Always"
            spec["containers"].insert(0, container)
    return {"apiVersion": "v1", "kind": "Pod", "spec": spec,
            "metadata": {"name": f"test-{example}", **template["metadata"]}}


@contextlib.contextmanager
def played(pod, node, folder, *, to_the_end=True):
    """Runs a pod on a node; gives podman, which makes it, and {container: how podman calls it}."""
    path = folder / "pod.yaml"
    path.write_text(yaml.safe_dump(pod), encoding="utf-8")
    name = pod["metadata"]["name"]
    network = [] if pod["spec"].get("hostNetwork") else ["--network", "none"]
    said = folder / "podman.txt"
    with open(said, "w", encoding="utf-8") as output:
        playing = subprocess.Popen(
            ["nsenter", f"--net=/proc/{node}/ns/net", *containers.PODMAN, "kube", "play", *network,
             str(path)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env=containers.environment())
    try:
        if to_the_end:
            assert playing.wait(timeout=120) == 0, said.read_text(encoding="utf-8")[-3000:]
        yield playing, {each["name"]: f"{name}-{each['name']}"
                        for kind in ("initContainers", "containers")
                        for each in pod["spec"].get(kind, [])}
    finally:
        containers.podman("pod", "rm", "--force", "--time", "3", name, check=False)
        playing.wait(timeout=60)


def pid_of(container):
    """Its first process, as this machine counts; 0 where it does not run."""
    return containers.inspect(container)["State"]["Pid"]


def runs(container):
    done = containers.podman("inspect", "--format", "{{.State.Status}}", container, check=False)
    return done.returncode == 0 and done.stdout.strip() == "running"


def get(pid, path):
    """What Ephemera answers over HTTP in the network of a process."""
    done = subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", GET, path],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def answers(pid):
    with contextlib.suppress(AssertionError):
        return bool(get(pid, "/-/ready"))
    return False


def scrape(pid):
    wait_until(lambda: answers(pid), "an answer", seconds=20)
    return Metrics(get(pid, "/metrics"))


def held(metrics):
    """{port of 127.0.0.1: ports leased towards it by active connections}"""
    return {int(labels["destination_port"]): value for labels, value in metrics.samples(
        "ephemera_destination_ports", destination="127.0.0.1", state="active")}


def status_of(pid):
    return dict(line.split(":\t", 1) for line in
                Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines())


def assert_is_confined(container, uid):
    """Of the process itself, what its container's securityContext asks for."""
    pid = pid_of(container)
    status = status_of(pid)
    assert {int(status[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert set(status["Uid"].split()) == {str(uid)}
    root, = [line.split() for line in
             Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines()
             if line.split()[4] == "/"]
    assert "ro" in root[5].split(",")


def same_network(*pids):
    return len({Path(f"/proc/{pid}/ns/net").readlink() for pid in pids}) == 1


# "sidecar", played with its init container among the others, is what a Kubernetes from 1.29 on does
# with it: starts it first, and goes on while it runs.
@pytest.mark.parametrize("example", ("sidecar", "sidecar-plain"))
def test_a_sidecar_sees_the_connections_of_its_pod_and_no_others(example, node, images, tmp_path):
    pod = pod_of(example, images, as_plain=example == "sidecar")
    with played(pod, node, tmp_path) as (_, names):
        sidecar, app = (pid_of(names[name]) for name in ("ephemera", "app"))
        assert same_network(sidecar, app) and not same_network(sidecar, node)
        wait_until(lambda: held(scrape(sidecar)), "connections of the pod", seconds=20)
        metrics = scrape(sidecar)
        # The node's are held all the time, to 7070.
        assert held(metrics) == {8080: APP_HOLDS}
        # Both ends, and this scrape's.
        established = metrics.total("ephemera_sockets", protocol="tcp", state="established")
        assert 2 * APP_HOLDS <= established <= 2 * APP_HOLDS + 4
        assert not metrics.samples("ephemera_scrape_collector_success", collector="owners")
        assert get(sidecar, "/-/healthy")
        assert_is_confined(names["ephemera"], 65532)
        assert_is_confined(names["app"], 65534)
        containers.podman("exec", names["ephemera"], "/usr/bin/ephemera", "healthcheck")
        # As docs/kubernetes.md tells to look, and shows; scrapes of this test come behind it.
        shown = containers.podman("exec", names["ephemera"], "/usr/bin/ephemera", "destinations")
        page = (REPOSITORY / "docs" / "kubernetes.md").read_text(encoding="utf-8")
        expected = re.search(r"^\$ .*/usr/bin/ephemera destinations\n(.*?)\n```", page,
                             flags=re.M | re.S)[1]
        expected, shown = ([line.split() for line in text.splitlines() if line]
                           for text in (expected, shown.stdout))
        assert shown[:len(expected)] == expected


def test_the_sidecar_loses_what_the_app_lets_go(node, images, tmp_path):
    with played(pod_of("sidecar-plain", images), node, tmp_path) as (_, names):
        sidecar = pid_of(names["ephemera"])
        wait_until(lambda: held(scrape(sidecar)), "connections of the pod", seconds=20)
        containers.podman("stop", "--time", "5", names["app"])
        metrics = scrape(sidecar)
        assert held(metrics).get(8080, 0) == 0
        assert metrics.total("ephemera_sockets", protocol="tcp", state="established") <= 4


def test_podman_knows_no_native_sidecar(node, images, tmp_path):
    """What this podman does with restartPolicy of an init container: it waits for its end. So the
    native form is played as the plain one, above; this says when that can go."""
    with played(pod_of("sidecar", images), node, tmp_path, to_the_end=False) as (playing, names):
        wait_until(lambda: runs(names["ephemera"]), "the sidecar", seconds=60)
        time.sleep(5)
        assert playing.poll() is None and not runs(names["app"])
        # It is an ordinary init container to podman: once it has ended, the others start.
        containers.podman("stop", "--time", "5", names["ephemera"])
        wait_until(lambda: runs(names["app"]), "the app", seconds=60)
        assert playing.wait(timeout=60) == 0


def test_the_pod_of_the_daemonset_sees_what_its_node_holds(node, images, tmp_path):
    with played(pod_of("cluster", images), node, tmp_path) as (_, names):
        ephemera = pid_of(names["ephemera"])
        assert same_network(ephemera, node)
        metrics = scrape(node)
        assert held(metrics) == {7070: NODE_HOLDS}
        # By the cgroups of the node, which the pod has as a volume: whose they are.
        owner, = metrics.samples("ephemera_owner_ports", pod_uid=POD_UID)
        assert (owner[0]["container_id"], owner[1]) == (CONTAINER_ID, NODE_HOLDS)
        assert metrics.value("ephemera_scrape_collector_success", collector="owners") == 1
        assert_is_confined(names["ephemera"], 65532)
        cgroups = [line.split() for line in
                   Path(f"/proc/{ephemera}/mountinfo").read_text(encoding="utf-8").splitlines()
                   if line.split()[4] == "/host/sys/fs/cgroup"]
        assert cgroups and "ro" in cgroups[-1][5].split(",")


@needs_bpf
@pytest.mark.parametrize("profile, source", [("unconfined", "bpf"), ("runtime/default", "sock_diag")])
def test_the_pod_reads_sockets_by_bpf_where_its_profile_allows_it(profile, source, node, images, tmp_path):
    """podman 4.3 takes the profile from an annotation. Its own has bpf() for CAP_SYS_ADMIN only."""
    pod = pod_of("cluster-walk", images)
    pod["metadata"]["annotations"] = {"seccomp.security.alpha.kubernetes.io/pod": profile}
    with played(pod, node, tmp_path) as (_, names):
        metrics = scrape(node)
        assert metrics.value("ephemera_socket_source_info", protocol="tcp", source=source) == 1
        assert held(metrics) == {7070: NODE_HOLDS}
        assert metrics.value("ephemera_scrape_collector_success", collector="owners") == 1
        status = status_of(pid_of(names["ephemera"]))
        assert {int(status[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Amb")} == {0}
        assert set(status["Uid"].split()) == {"65534"}


# Each with a network of its own, in a cgroup as a kubelet names it: (namespace, name, uid, connections).
PODS = [("shop", "cart-0", "1a2b3c4d-0000-4000-8000-000000000001", 113),
        ("pay", "api-5d9c7b6f4-xk2vq", "1a2b3c4d-0000-4000-8000-000000000002", 127)]


@pytest.fixture
def pods(tree):
    """PODS run, as processes; the pid of each."""
    with contextlib.ExitStack() as stack:
        pids = []
        for number, (_, _, uid, count) in enumerate(PODS):
            path = tree.make(f"/ephemera-test-node/kubepods/burstable/pod{uid}/{number:064x}")
            holder = stack.enter_context(subprocess.Popen(
                ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
                 sys.executable, "-c", HOLD, str(count), str(tree.directory(path))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            stack.callback(holder.stdin.close)
            assert holder.stdout.readline() == "held\n"
            pids.append(holder.pid)
        yield pids


@pytest.fixture
def logs(tmp_path):
    """A directory as newer kubelets make it, for root alone; of the first pod there is an older one."""
    folder = tmp_path / "pods"
    folder.mkdir()
    for namespace, name, uid, _ in PODS:
        (folder / f"{namespace}_{name}_{uid}" / "app").mkdir(parents=True)
    (folder / "shop_cart-0_1a2b3c4d-0000-4000-8000-000000000009" / "app").mkdir(parents=True)
    folder.chmod(0o750)
    return folder


def held_by_pod(metrics):
    """{(namespace, pod, uid): {port: ports leased towards it}}; without labels: {}"""
    found = {}
    for labels, value in metrics.samples("ephemera_destination_ports", state="active"):
        who = tuple(labels.get(each) for each in ("namespace", "pod", "pod_uid"))
        if who[2] or "netns" not in labels:
            found.setdefault(who, {})[int(labels["destination_port"])] = value
    return found


def played_view(images, logs):
    """The pod of the node's view, whose /var/log/pods is the directory."""
    pod = pod_of("cluster-node-view", images)
    pod["metadata"]["annotations"] = {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}
    volume, = [each for each in pod["spec"]["volumes"] if each["name"] == "pods"]
    volume["hostPath"]["path"] = str(logs)
    return pod


@needs_bpf
def test_the_view_of_a_node_shows_each_pod_and_not_its_own_as_theirs(node, pods, logs, images, tmp_path):
    """The node of this test is no host's first network namespace, and the exporter says that, too."""
    with played(played_view(images, logs), node, tmp_path) as (_, names), \
            played(pod_of("sidecar-plain", images), node, tmp_path) as (_, others):
        assert not same_network(node, *pods)
        app = pid_of(others["app"])
        wait_until(lambda: held(Metrics(get(app, "/metrics"))) == {8080: APP_HOLDS},
                   "connections of the pod", seconds=20)
        metrics = scrape(node)
        # Other network namespaces of this machine are seen, too, and may be played as pods by other tests.
        ours = {None, *(uid for *_, uid, _ in PODS)}
        assert {pod: ports for pod, ports in held_by_pod(metrics).items() if pod[2] in ours} == {
            (None, None, None): {7070: NODE_HOLDS},
            **{(namespace, name, uid): {7070: count} for namespace, name, uid, count in PODS}}
        # One that podman has, and no kubelet: nobody's name is given to it.
        theirs, = [labels for labels, value in metrics.samples(
            "ephemera_destination_ports", state="active", destination_port="8080")
            if value == APP_HOLDS]
        assert theirs["netns"] == str(Path(f"/proc/{app}/ns/net").stat().st_ino)
        assert not any(theirs.get(label) for label in ("namespace", "pod", "pod_uid"))
        assert {labels["part"]: value for labels, value in metrics.samples("ephemera_node_view")} == {
            "network": 0, "cgroups": 1, "pods": 1, "names": 0}
        status = status_of(pid_of(names["ephemera"]))
        assert {int(status[f"Cap{which}"], 16) for which in ("Inh", "Prm", "Eff", "Amb")} == {0}
        assert set(status["Uid"].split()) == {"65534"}
        # As docs/kubernetes.md tells to look, in the pod.
        page = (REPOSITORY / "docs" / "kubernetes.md").read_text(encoding="utf-8")
        command = re.search(r"exec daemonset/ephemera -- (/usr/bin/ephemera namespaces .*?) --limit=1$", page,
                            flags=re.M)[1]
        # runc leaves a command in the network that it is called from, if the container has the host's.
        done = subprocess.run(
            ["nsenter", f"--net=/proc/{node}/ns/net", *containers.PODMAN, "exec", names["ephemera"],
             *command.split(), "--limit=1000", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=60, env=containers.environment(), check=False)
        assert done.returncode == 0, done.stderr
        shown = {(row["namespace"], row["pod"], row["pod_uid"]): row["fullest_destination"]["ports"]
                 for row in json.loads(done.stdout)["namespaces"] if "pod" in row and row["pod_uid"] in ours}
        assert shown == {(namespace, name, uid): count for namespace, name, uid, count in PODS}


@needs_bpf
def test_without_its_volumes_the_view_of_a_node_names_no_pod_and_says_so(node, pods, logs, images, tmp_path):
    pod = played_view(images, logs)
    del pod["spec"]["volumes"], pod["spec"]["containers"][0]["volumeMounts"]
    with played(pod, node, tmp_path) as (_, names):
        metrics = scrape(node)
        assert pods and held_by_pod(metrics) == {(None, None, None): {7070: NODE_HOLDS}}
        assert {labels["part"]: value for labels, value in metrics.samples("ephemera_node_view")} == {
            "network": 0, "cgroups": 0, "pods": 0, "names": 0}
        said = containers.podman("logs", names["ephemera"])
        log = said.stdout + said.stderr
        assert "Cannot read the names of pods" in log and "whole tree of cgroups" in log


def test_without_the_volume_the_daemonset_names_no_pod(node, images, tmp_path):
    pod = pod_of("cluster", images)
    del pod["spec"]["volumes"], pod["spec"]["containers"][0]["volumeMounts"]
    with played(pod, node, tmp_path):
        metrics = scrape(node)
        assert held(metrics) == {7070: NODE_HOLDS}
        assert not metrics.samples("ephemera_owner_ports", pod_uid=POD_UID)
