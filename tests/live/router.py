# SPDX-License-Identifier: Apache-2.0
"""A client, a router and a server: three network namespaces, with source NAT on the router.

The router is the namespace that the caller is in. 10.77.1.2 to 10.77.1.6 are the client's addresses,
10.77.2.1 is the router's towards the server, 10.77.2.2 and 10.77.2.3 are the server's; the same of
fd77:1:: and fd77:2::.
"""

import contextlib
import ctypes
import os
import select
import shutil
import socket
import subprocess
import time

import pytest

from lib.exporter import PATIENCE
from lib.namespace import CLONE_NEWNET, Space, sysctl

_libc = ctypes.CDLL(None, use_errno=True)

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

CLIENT = {socket.AF_INET: "10.77.1.{}", socket.AF_INET6: "fd77:1::{}"}
ROUTER = {socket.AF_INET: "10.77.2.1", socket.AF_INET6: "fd77:2::1"}
SERVER = {socket.AF_INET: "10.77.2.{}", socket.AF_INET6: "fd77:2::{}"}

NEAR, FAR = "02:00:00:00:00:01", "02:00:00:00:00:02"

RULES = """flush ruleset
table inet nat {{
 chain pre {{
  type nat hook prerouting priority dstnat;
  {before}
 }}
 chain post {{
  type nat hook postrouting priority srcnat;
  oifname "rs" meta l4proto {{ tcp, udp }} {action}
 }}
}}
"""


def ip(*words):
    subprocess.run(["ip", *words], check=True, env={**os.environ, "PATH": PATH})


class Router:
    def __init__(self):
        if shutil.which("nft", path=PATH) is None:
            pytest.skip("there is no nft")
        self.own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.client = self._attach("rc", "10.77.1.1/24", "fd77:1::1/64")
        with self.at(self.client):
            for i in range(2, 7):
                self._address(f"10.77.1.{i}/24", f"fd77:1::{i}/64")
            ip("route", "add", "default", "via", "10.77.1.1")
            ip("-6", "route", "add", "default", "via", "fd77:1::1")
        self.server = self._attach("rs", "10.77.2.1/24", "fd77:2::1/64")
        with self.at(self.server):
            for i in (2, 3):
                self._address(f"10.77.2.{i}/24", f"fd77:2::{i}/64")
        sysctl("net.ipv4.ip_forward", 1)
        sysctl("net.ipv6.conf.all.forwarding", 1)
        for family in CLIENT:
            self._wait_until_it_forwards(family)

    def _wait_until_it_forwards(self, family):
        """The kernel notices a moment later that there is a carrier, and only then has IPv6's routes."""
        with self.listen(9, family, kind=socket.SOCK_DGRAM) as server, self.new(family, kind=socket.SOCK_DGRAM) as sock:
            end = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError):
                    sock.sendto(b"?", server.getsockname())
                if select.select([server], [], [], 0.02)[0]:
                    return
                assert time.monotonic() < end, "the router does not forward"

    @staticmethod
    def _address(*addresses):
        for address in addresses:
            ip("address", "add", address, "dev", "far", *(["nodad"] if ":" in address else []))

    def _attach(self, name, *addresses):
        space = Space()
        self._enter(self.own)
        ip("link", "add", name, "address", NEAR, "type", "veth", "peer", "name", "far", "address", FAR,
           "netns", f"/proc/{os.getpid()}/fd/{space.descriptor}")
        for address in addresses:
            ip("address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        ip("link", "set", name, "up")
        with self.at(space):
            ip("link", "set", "far", "up")
            for address in addresses:
                ip("neighbour", "add", address.split("/")[0], "lladdr", NEAR, "dev", "far", "nud", "permanent")
        # Nobody is asked where an address is: a SYN could be lost meanwhile.
        for address in addresses:
            network = address.split("/")[0][:-1]
            for i in range(2, 7):
                ip("neighbour", "add", f"{network}{i}", "lladdr", FAR, "dev", name, "nud", "permanent")
        return space

    @staticmethod
    def _enter(descriptor):
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    @contextlib.contextmanager
    def at(self, space):
        space.enter()
        try:
            yield
        finally:
            self._enter(self.own)

    @staticmethod
    def rules(action, before=""):
        """action: of nft, such as "masquerade to :40000-40009"; before: a rule before routing."""
        subprocess.run(["nft", "-f", "-"], input=RULES.format(action=action, before=before), text=True,
                       check=True, env={**os.environ, "PATH": PATH})

    def listen(self, port, family=socket.AF_INET, host=2, kind=socket.SOCK_STREAM):
        with self.at(self.server):
            sock = socket.socket(family, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((SERVER[family].format(host), port))
            if kind == socket.SOCK_STREAM:
                sock.listen(1024)
        return sock

    def new(self, family=socket.AF_INET, client=2, port=0, kind=socket.SOCK_STREAM):
        """A socket of the client; None: of the router itself."""
        with self.at(self.client) if client else contextlib.nullcontext():
            sock = socket.socket(family, kind)
            sock.setblocking(False)
            if client:
                sock.bind((CLIENT[family].format(client), port))
        return sock


def connected(sockets, address, seconds=1.5, wanted=0):
    """Starts them all, and returns those that have their connection when no more get one for that long:
    a SYN that was dropped for want of a port is sent again, and dropped again. wanted: so many must come,
    however long a busy machine takes."""
    for sock in sockets:
        sock.connect_ex(address)
    waiting, done = set(sockets), []
    while waiting:
        _, ready, _ = select.select([], list(waiting), [], seconds if len(done) >= wanted else PATIENCE)
        if not ready:
            break
        done += [sock for sock in ready if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0]
        waiting -= set(ready)
    return done
