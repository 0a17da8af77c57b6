# SPDX-License-Identifier: Apache-2.0
"""Clients of source NAT by the pod that has their address, in the node's view."""

import contextlib
import os

import pytest

from cgroups import Tree, Unavailable
from lib.exporter import Exporter, metrics
from lib.namespace import in_namespace
from lib.tracked import Tracked
from other_namespaces import another

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make entries of connection tracking")

ALL = "--namespaces=all"
FLAGS = (ALL, "--collector.snat", "--collector.snat.minimum-percent=0", "--collector.snat.clients-limit=10")
UIDS = {"cart-1": "0b4c8f1e-5a0f-4f3e-9d5c-1f2a3b4c5d6e", "cart-2": "1b4c8f1e-5a0f-4f3e-9d5c-1f2a3b4c5d6e"}
SERVER = "192.0.2.9"

BODY = """
import subprocess
for address in {addresses}:
    subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=True)
held = []
for address in {addresses}:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind((address.split("/")[0], 0))
    sock.listen()
    client = socket.socket(family, socket.SOCK_STREAM)
    client.bind((address.split("/")[0], 0))
    client.connect(sock.getsockname()[:2])
    # Anybody may bind to another's address.
    other = socket.socket(family, socket.SOCK_STREAM)
    other.setsockopt(socket.IPPROTO_IP, 15, 1)
    other.bind(("fd44::99" if ":" in address else "10.244.1.8", 0))
    other.listen()
    held += [sock, client, sock.accept()[0], other]
"""


@contextlib.contextmanager
def pod(tree, name, *addresses):
    path = tree.make(f"/ephemera-test-{os.getpid()}.slice/kubepods/pod{UIDS[name]}/{'ab' * 32}")
    with tree.inside(path):
        process = another(BODY.format(addresses=list(addresses)))
        entered = process.__enter__()
    try:
        yield entered
    finally:
        process.__exit__(None, None, None)


def flows(client, count, first):
    snat = "198.51.100.1" if "." in client else "2001:db8::1"
    server = SERVER if "." in client else "2001:db8::9"
    return [(client, 10000 + i, server, 443, snat, first + i) for i in range(count)]


def owners(found):
    return {labels["client"]: (labels.get("namespace", ""), labels.get("pod", ""), value)
            for labels, value in found.samples("ephemera_snat_client_ports")}


@pytest.fixture
def pods(tmp_path):
    for name, uid in UIDS.items():
        os.makedirs(tmp_path / "pods" / f"shop_{name}_{uid}" / "app")
    os.makedirs(tmp_path / "names")
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" and str(path).startswith("/tmp/"):
            os.chmod(path, 0o755)
    return f"--path.pods={tmp_path}/pods", f"--path.netns={tmp_path}/names"


@in_namespace
def test_a_client_is_named_by_its_pod(pods):
    try:
        with Tree() as tree, Tracked() as tracked:
            for client, count, first in (("10.244.1.7", 5, 2000), ("10.244.1.8", 3, 3000),
                                         ("10.244.1.9", 2, 4000), ("fd44::7", 4, 5000)):
                tracked.add(flows(client, count, first))
            with pod(tree, "cart-1", "10.244.1.7/32", "fd44::7/128", "10.244.1.9/32"), \
                    pod(tree, "cart-2", "10.244.1.9/32"), Exporter(*FLAGS, *pods) as exporter:
                found = owners(exporter.metrics())
                # Both pods have 10.244.1.9, as networks of containers may: whose it is cannot be known.
                assert found == {"10.244.1.7": ("shop", "cart-1", 5), "10.244.1.8": ("", "", 3),
                                 "10.244.1.9": ("", "", 2), "fd44::7": ("shop", "cart-1", 4)}
                # Of one namespace alone nobody is named.
                alone = owners(metrics(*(flag for flag in FLAGS if flag != ALL)))
                assert alone["10.244.1.7"] == ("", "", 5)
    except Unavailable as why:
        pytest.skip(str(why))
