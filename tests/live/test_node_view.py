# SPDX-License-Identifier: Apache-2.0
"""With --namespaces=all it says what it does not see of its node: in a metric, and at the start in the log."""

import os
import shutil
import subprocess
import tempfile

import pytest

from cgroups import Tree, Unavailable
from lib.bpf import needs_bpf
from lib.exporter import BINARY, Exporter, Metrics, run
from lib.namespace import enter_first, in_namespace
from lib.sockets import IPV4, connect_many, listen

pytestmark = needs_bpf

ALL = "--namespaces=all"
NETWORK = "Not in the host's network namespace"
CGROUPS = "not the host's whole tree of cgroups"
PODS = "Cannot read the names of pods"
NAMES = "cannot read their names"
UID = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
HELD = 7


def view(said):
    """{part: 1 or 0}"""
    return {labels["part"]: value for labels, value in said.samples("ephemera_node_view")}


def everything(folder):
    (folder / "pods").mkdir(exist_ok=True)
    (folder / "names").mkdir(exist_ok=True)
    return [ALL, f"--path.pods={folder}/pods", f"--path.netns={folder}/names"]


def test_on_the_host_it_sees_all(tmp_path):
    done = run("metrics", *everything(tmp_path), preexec_fn=enter_first)
    found = view(Metrics(done.stdout))
    if not found["network"] or not found["cgroups"]:
        pytest.skip("the tests do not run on the host")
    assert found == {"network": 1, "cgroups": 1, "pods": 1, "names": 1}
    assert "level=warn" not in done.stderr


def test_of_its_own_namespace_alone_it_says_nothing_of_the_node():
    done = run("metrics")
    assert "ephemera_node_view" not in done.stdout and NETWORK not in done.stderr


@in_namespace
def test_in_another_network_namespace(tmp_path):
    done = run("metrics", *everything(tmp_path))
    assert view(Metrics(done.stdout))["network"] == 0
    assert done.stderr.count(NETWORK) == 1 and done.stderr.count("level=warn") >= 1


def test_in_another_cgroup_namespace(tmp_path):
    """As a container that mounts its own cgroups: the root there is not the host's."""
    mount = tmp_path / "sys/fs/cgroup"
    mount.mkdir(parents=True)
    script = f'mount -t cgroup2 none {mount} && exec "$@"'
    try:
        with Tree() as tree, tree.inside(tree.make(f"/ephemera-test-{os.getpid()}.slice")):
            done = subprocess.run(
                ["unshare", "--cgroup", "--mount", "sh", "-c", script, "sh", BINARY, "metrics",
                 *everything(tmp_path), f"--path.sysfs={tmp_path}/sys"], text=True, timeout=60,
                check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
    except Unavailable as why:
        pytest.skip(str(why))
    assert view(Metrics(done.stdout))["cgroups"] == 0, done.stderr
    assert done.stderr.count(CGROUPS) == 1


def test_without_cgroups_or_directories(tmp_path):
    done = run("metrics", ALL, f"--path.sysfs={tmp_path}", f"--path.pods={tmp_path}/none",
               f"--path.netns={tmp_path}/none", "--no-collector.owners")
    found = view(Metrics(done.stdout))
    assert (found["cgroups"], found["pods"], found["names"]) == (0, 0, 0)
    lines = done.stderr.splitlines()
    for words, level in ((CGROUPS, "warn"), (PODS, "warn"), (NAMES, "info")):
        line, = [each for each in lines if words in each]
        assert f"level={level}" in line and f"{tmp_path}" in line


@pytest.fixture
def root_only():
    """A directory as newer kubelets make it: root's, and nobody else looks into it."""
    folder = tempfile.mkdtemp(prefix="ephemera-", dir="/tmp")
    os.chmod(folder, 0o755)
    pods = os.path.join(folder, "pods")
    os.makedirs(os.path.join(pods, f"shop_cart-1_{UID}", "app"))
    os.chmod(pods, 0o750)
    yield pods
    shutil.rmtree(folder)


@in_namespace
def test_a_directory_of_roots_is_read_by_nobody(root_only):
    """Opened before root becomes nobody, and read afterwards."""
    try:
        with Tree() as tree:
            path = tree.make(f"/ephemera-test-{os.getpid()}.slice/kubepods/pod{UID}/{'ab' * 32}")
            _listener = listen(IPV4, "127.0.0.1", 30001)
            with tree.inside(path):
                _clients = connect_many(HELD, IPV4, "127.0.0.1", 30001)
            with Exporter(ALL, f"--path.pods={root_only}") as exporter:
                said = exporter.metrics()
                assert view(said)["pods"] == 1
                [(labels, ports)] = said.samples("ephemera_owner_ports", pod_uid=UID)
                assert (labels["namespace"], labels["pod"], ports) == ("shop", "cart-1", HELD)
                log = "\n".join(exporter.log)
                assert "user=nobody" in log and PODS not in log
    except Unavailable as why:
        pytest.skip(str(why))
