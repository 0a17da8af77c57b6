# SPDX-License-Identifier: Apache-2.0
"""NodePorts: what netfilter redirects is taken, and no socket shows it."""

import errno
import os
import shutil
import socket
import subprocess

import pytest

from lib.exporter import metrics, run
from lib.namespace import in_namespace, set_range, set_reserved
from lib.sockets import IPV4, accept, connect_until_refused, drop, listen, new

FIRST, LAST = 40000, 40009
NODE_PORTS = [40004, 40005]
SERVICE = 9000
FLAG = "--service-node-port-range=40004-40005"
COUNT = "ephemera_range_node_ports"

# As kube-proxy does it, to a pod that is on this host.
RULES = f"""
table ip nat {{
    chain output {{
        type nat hook output priority -100;
        fib daddr type local tcp dport {NODE_PORTS[0]} dnat to 127.0.0.1:{SERVICE};
    }}
}}
"""


def redirect():
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    if not shutil.which("nft", path=path):
        pytest.skip("there is no nft")
    if subprocess.run(["nft", "-f", "-"], input=RULES, text=True, check=False,
                      env={**os.environ, "PATH": path}).returncode:
        pytest.skip("netfilter cannot be used here")


def said_of(port, *flags):
    return " ".join(run("port", str(port), *flags).stdout.split())


@in_namespace
def test_a_node_port_is_named_where_it_can_be_taken():
    set_range(FIRST, LAST)
    redirect()
    service = listen(IPV4, "127.0.0.1", SERVICE)
    # The kernel gives a server the NodePort, and the server gets no client.
    server = listen(IPV4, "127.0.0.1", NODE_PORTS[0])
    client = new(IPV4)
    client.connect(("127.0.0.1", NODE_PORTS[0]))
    accept(service, 1)
    server.settimeout(0.3)
    with pytest.raises(socket.timeout):
        server.accept()
    drop([client, server])

    assert COUNT not in metrics().names()
    assert "NodePort" not in said_of(NODE_PORTS[0])
    assert metrics(FLAG).value(COUNT) == 2
    said = said_of(NODE_PORTS[0], FLAG)
    assert "It is a NodePort (40004-40005): if a Service has it, new connections to it go to " \
        "that Service, not to a socket here, and no socket shows that. Reserve the " \
        "NodePorts (net.ipv4.ip_local_reserved_ports)" in said, said
    assert "NodePort" not in said_of(NODE_PORTS[1] + 1, FLAG)


@in_namespace
def test_a_reserved_node_port_is_taken_by_nobody():
    set_range(FIRST, LAST)
    _service = listen(IPV4, "127.0.0.1", SERVICE)
    set_reserved("40004-40005")
    assert metrics(FLAG).value(COUNT) == 0
    assert metrics("--service-node-port-range=40005-50000").value(COUNT) == 4
    said = said_of(NODE_PORTS[0], FLAG)
    assert "It is a NodePort" in said and "Reserve the NodePorts" not in said, said
    clients, error = connect_until_refused(IPV4, "127.0.0.1", SERVICE)
    assert (len(clients), error) == (LAST - FIRST + 1 - 2, errno.EADDRNOTAVAIL)
    assert not {sock.getsockname()[1] for sock in clients}.intersection(NODE_PORTS)
