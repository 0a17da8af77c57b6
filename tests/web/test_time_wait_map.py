# SPDX-License-Identifier: Apache-2.0
"""The map of the API says of each port in TIME_WAIT when it comes back, whatever sockets are read by."""

import math
import time

from lib import openapi
from lib.exporter import Exporter
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import IPV4, connect, connect_many, listen, time_wait
from lib.sources import BPF, PROCFS, SOCK_DIAG, read_by
from raw import Reader, request

PORTS = "/api/v1/ports"
FIRST, LAST = 41000, 41199
TARGET = 30001
WAITING = 23
# A timer of the kernel ticks up to a hundred times a second.
TICKS = 0.05


class Asker:
    """One connection, from a port outside the range: it has none of those in TIME_WAIT."""

    def __init__(self, exporter):
        self.client = connect(IPV4, exporter.host, exporter.port, source="127.0.0.1", source_port=10060)
        self.reader = Reader(self.client)

    def ask(self, path, documented):
        self.client.sendall(request(path))
        return openapi.checked(documented, *self.reader.answer())


def waits(asker):
    """{port: seconds left} of the map."""
    found = asker.ask(PORTS, PORTS)
    ports = [port for port, letter in enumerate(found["ports"]) if letter == "t"]
    assert len(found["time_wait_seconds"]) == len(ports) == found["counts"]["time_wait"]
    return dict(zip(ports, found["time_wait_seconds"]))


def left(asker, port):
    socket, = asker.ask(f"{PORTS}/{port}", PORTS + "/{port}")["local"]["sockets"]
    return socket["expires_seconds"]


@read_by(BPF, SOCK_DIAG, PROCFS)
@in_namespace
def test_when_a_port_comes_back():
    set_range(FIRST, LAST)
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    with Exporter("--web.enable-api", "--web.listen-address=127.0.0.1:10059") as exporter:
        asker = Asker(exporter)
        earlier = set(waits(asker))
        older = time_wait(WAITING, IPV4, listener, "127.0.0.1", TARGET)
        time.sleep(1.5)
        younger = time_wait(WAITING, IPV4, listener, "127.0.0.1", TARGET)
        # Others than TIME_WAIT have no number.
        kept = connect_many(3, IPV4, "127.0.0.1", TARGET)
        before = {port: left(asker, port) for port in (older[0], younger[0])}
        found = waits(asker)
        after = {port: left(asker, port) for port in (older[0], younger[0])}
    assert set(older) | set(younger) == set(found) - earlier
    assert len(kept) == 3
    for port, latest in before.items():
        assert math.ceil(after[port] - TICKS) <= found[port] <= math.ceil(latest + TICKS), (port, before, found, after)
    assert max(found[port] for port in older) < max(found[port] for port in younger) <= 60
