# SPDX-License-Identifier: Apache-2.0
"""A host whose every port is known, for the page to show; and what plays on the page.

Its range is so narrow that one destination comes to more than half of it. What must keep its
place on the map lies outside the range: the browser's own connections may take any port in it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lib.namespace import set_range, set_reserved, sysctl
from lib.sockets import (IPV4, accept, bind, bound_many, connect_many, kernel_is, listen, new,
                         pairs, ports_of, read_to_end, time_wait)

HERE = Path(__file__).resolve().parent
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

FIRST, LAST = 40000, 40399
RESERVED = "20500,40020-40029"
IN_RANGE_LISTENER = 40030
# 389 ports are left: 211 + 7 are more than half of them. The browser's connections to the
# exporter need the rest: each leaves a TIME_WAIT behind that cannot be reused.
USABLE = LAST - FIRST + 1 - 10 - 1
ACTIVE, WAITING = 211, 7

DESTINATION, UDP, HOSTILE, DEVICES = 30001, 30053, 30007, 30059
LISTENERS = [DESTINATION, UDP, HOSTILE, DEVICES, IN_RANGE_LISTENER]
# Listeners that come while somebody looks.
LATER = [30101, 30102, 30103]
BOUND = [20001, 20002, 20003]
WAITING_OUTSIDE = [21001, 21002, 21003, 21004, 21005]

HOSTILE_NAME = "<img src=x onerror=alert(1)>\u202egnp.exe"
LISTEN_AND_WAIT = """
import socket, sys
open("/proc/self/comm", "w").write("<b>bold</b>")
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("up", flush=True)
sys.stdin.read()
"""


def need_browser():
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip(f"there is no {CHROMIUM}")
    if not shutil.which("node"):
        pytest.skip("there is no node")
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        pytest.skip("there is no playwright-core: npm ci --prefix tests/page")


def set_up():
    set_range(FIRST, LAST)
    set_reserved(RESERVED)
    # What is in TIME_WAIT has to stay there.
    sysctl("net.ipv4.tcp_tw_reuse", 0)


def hold():
    """Makes the workload. Returns (what to keep, what scenarios.mjs is to know of it)."""
    listener = listen(IPV4, "127.0.0.1", DESTINATION)
    in_range = listen(IPV4, "127.0.0.1", IN_RANGE_LISTENER)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", UDP))
    at_listener = (IPV4, listener, "127.0.0.1", DESTINATION)
    waiting = time_wait(WAITING, *at_listener)
    outside = [_time_wait_from(listener, port) for port in WAITING_OUTSIDE]
    made = pairs(ACTIVE, *at_listener)
    # Before 6.8 the kernel tells nobody of sockets that only bind().
    bound = bound_many(BOUND, IPV4, "127.0.0.1") if kernel_is(6, 8) else []
    devices = [_listen_on_device(device, DEVICES) for device in _devices()]
    hostile = hostile_process()
    ports = {
        "outbound": ports_of(client for client, _ in made), "time_wait": outside,
        "listener": LISTENERS, "bound": ports_of(bound), "reserved": [20500, 40020, 40029],
        "free": [100, FIRST - 1000, LAST + 1000, 65535]}
    known = {"ports": {use: found for use, found in ports.items() if found},
             "range": [FIRST, LAST], "waiting": waiting, "destination": DESTINATION,
             "in_range_listener": IN_RANGE_LISTENER, "hostile": HOSTILE, "keyboard": HOSTILE,
             "devices": DEVICES, "later": LATER,
             "wrong": ["0", "65536", "abc", "", "5-3", "1e3", "-1", "99999999999"]}
    return [listener, in_range, udp, made, bound, devices, hostile], known


def _devices():
    """Two interfaces."""
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    subprocess.run(["ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"], check=True,
                   env=environment)
    return ["v0", "v1"]


def _listen_on_device(device, port):
    sock = new(IPV4)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    bind(sock, IPV4, "0.0.0.0", port).listen()
    return sock


def _time_wait_from(listener, port):
    """A connection from that port, closed by its client first."""
    client, = connect_many(1, IPV4, "127.0.0.1", DESTINATION, source_port=port)
    server, = accept(listener, 1)
    client.close()
    read_to_end(server)
    server.close()
    return port


def hostile_process():
    """A listener whose program calls itself what a browser must not take for a tag."""
    process = subprocess.Popen([HOSTILE_NAME, "-c", LISTEN_AND_WAIT, str(HOSTILE)],
                               executable=sys.executable, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    return process


def play(exporter, scenarios, known, steps=None):
    """Plays scenarios on the exporter's page. steps: {name: what to do then}.

    Returns {scenario: what was seen}, with "faults" of each.
    """
    with subprocess.Popen(["node", "drive.mjs", exporter.url, *scenarios], cwd=HERE,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        try:
            node.stdin.write(json.dumps(known) + "\n")
            node.stdin.flush()
            for line in node.stdout:
                told = json.loads(line)
                if "step" not in told:
                    break
                steps[told["step"]]()
                node.stdin.write("{}\n")
                node.stdin.flush()
            else:
                pytest.fail("the browser's script ended without a word")
        finally:
            node.kill()
    for name, error in told["failed"].items():
        pytest.fail(f"{name}: {error}")
    return {name: {"seen": told["scenarios"][name], "faults": told["faults"][name]}
            for name in scenarios}


def comm():
    return Path("/proc/self/comm").read_text(encoding="utf-8").strip()
