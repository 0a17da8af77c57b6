# SPDX-License-Identifier: Apache-2.0
"""HTTP by hand, for what a well-behaved client library will not do, and load to measure by."""

import itertools
import resource
import selectors
import socket
import struct
import time
from collections import namedtuple
from pathlib import Path

Answer = namedtuple("Answer", "status headers body")


class Truncated(Exception):
    """The peer closed, or stopped, in the middle of an answer."""


def allow_many_descriptors():
    """A soft limit of 1,024 is usual, and some of these tests hold several thousand sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def request(path="/metrics", method="GET", version="HTTP/1.1", **headers):
    lines = [f"{method} {path} {version}", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def connect(exporter, receive_buffer=None, segment=None, timeout=10, source=None):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(timeout)
    # Both decide what the peer may have in flight, and only count when set before connect().
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if segment:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
    try:
        if source:
            client.bind((source, 0))
        client.connect((exporter.host, exporter.port))
    except BaseException:
        client.close()
        raise
    return client


def reset(client):
    """Closes with RST rather than FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class Reader:
    """Answers, one after another, from a connection that may carry several."""

    def __init__(self, client):
        self.client = client
        self.rest = b""

    def _more(self):
        data = self.client.recv(65536)
        if not data:
            raise Truncated(self.rest)
        self.rest += data

    def answer(self, head=False):
        """The next answer, or None if the peer closed before its first byte."""
        while b"\r\n\r\n" not in self.rest:
            try:
                self._more()
            except (Truncated, ConnectionError):
                if not self.rest:
                    return None
                raise Truncated(self.rest) from None
        top, self.rest = self.rest.split(b"\r\n\r\n", 1)
        status, *lines = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in lines)}
        body = b"" if head else self._body(headers)
        return Answer(int(status.split()[1]), headers, body)

    def _body(self, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._chunks()
        if "content-length" not in headers:
            return self._until_close()
        return self._exactly(int(headers["content-length"]))

    def _exactly(self, length):
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return body

    def _chunks(self):
        body = b""
        while True:
            while b"\r\n" not in self.rest:
                self._more()
            size, self.rest = self.rest.split(b"\r\n", 1)
            length = int(size.split(b";")[0], 16)
            chunk = self._exactly(length)
            self._exactly(2)
            if length == 0:
                return body
            body += chunk

    def _until_close(self):
        while data := self.client.recv(65536):
            self.rest += data
        body, self.rest = self.rest, b""
        return body


def closed_by_peer(client):
    """Whether the peer has hung up, as seen without waiting. Reads away what it had sent."""
    client.setblocking(False)
    try:
        while client.recv(65536):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def wait_until(happened, timeout, what):
    """Polls happened() until it is true; returns its answer."""
    deadline = time.monotonic() + timeout
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.02)
    return answer


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def established_to(exporter):
    """Connections that the exporter has not closed yet, whoever else has."""
    port, established, close_wait = f":{exporter.port:04X}", "01", "08"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(local.endswith(port) and state in (established, close_wait)
               for _, local, _, state, *_ in map(str.split, lines))


def resident_bytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"no VmRSS of {pid}")


class Workload:
    """Connections to a listener of our own, whose port nobody else connects to.

    With spread, each goes to another address of 127/8, and so to another destination.
    """

    def __init__(self, connections, spread=False):
        self.connections = connections
        self.spread = spread
        self.sockets = []

    def __enter__(self):
        allow_many_descriptors()
        listener = socket.socket()
        self.sockets.append(listener)
        listener.bind(("0.0.0.0" if self.spread else "127.0.0.1", 0))
        listener.listen(512)
        self.port = listener.getsockname()[1]
        try:
            for number in range(self.connections):
                self._connect(listener, number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self, listener, number):
        address = f"127.77.{number // 250}.{number % 250 + 1}" if self.spread else "127.0.0.1"
        client = socket.socket()
        self.sockets.append(client)
        client.connect((address, self.port))
        self.sockets.append(listener.accept()[0])

    def __exit__(self, *_):
        # Thousands of connections in TIME_WAIT would be in the way of the tests after this one.
        for held in self.sockets[1:]:
            reset(held)
        self.sockets[0].close()


def answers_at_once(exporter, requests, timeout=30, sources=()):
    """Sends each request on a connection of its own, all at the same moment; the first ones from
    these addresses.

    Returns for each an Answer, or None where the peer closed without a byte.
    """
    clients = [connect(exporter, timeout=timeout, source=source)
               for _, source in itertools.zip_longest(requests, sources)]
    try:
        for client, data in zip(clients, requests):
            client.sendall(data)
        return [Reader(client).answer() for client in clients]
    finally:
        for client in clients:
            client.close()


def wait_readable(clients, timeout):
    """Those that have something to read, once any has. select() ends at 1,024 descriptors."""
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(timeout)]
