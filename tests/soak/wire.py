# SPDX-License-Identifier: Apache-2.0
"""Connections to the exporters under attack, and what all clients of the rig share."""

import base64
import http.client
import mmap
import socket
import ssl
import struct
import time

# Not in the socket module of every Python that runs this.
IP_BIND_ADDRESS_NO_PORT = 24

USER, PASSWORD = "soak", "correct horse"
HEALTH = "/-/healthy"


class Service:
    """One exporter as its clients see it. certificate: a file to trust; None: plain HTTP."""

    def __init__(self, name, port, certificate=None):
        self.name, self.port, self.certificate = name, port, certificate

    @property
    def tls(self):
        return self.certificate is not None

    def authorization(self, password=PASSWORD):
        text = base64.b64encode(f"{USER}:{password}".encode()).decode()
        return {"Authorization": f"Basic {text}"}

    def headers(self):
        return self.authorization() if self.tls else {}

    def dial(self, source=None, receive_buffer=None, segment=None, timeout=10, plain=False):
        """A connection. source: the client's address; plain: no TLS, whatever is served."""
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.settimeout(timeout)
        try:
            if source:
                client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                client.bind((source, 0))
            # Both decide what the peer may have in flight, and only count before connect().
            if receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if segment:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segment)
            client.connect(("127.0.0.1", self.port))
            if self.tls and not plain:
                context = ssl.create_default_context(cafile=self.certificate)
                client = context.wrap_socket(client, server_hostname="127.0.0.1")
        except BaseException:
            client.close()
            raise
        return client

    def connection(self, source=None, timeout=10):
        """One for http.client, which is connected already."""
        made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        made.auto_open = 0
        made.sock = self.dial(source, timeout=timeout)
        return made

    def request(self, path="/metrics", method="GET", **headers):
        """The bytes of one, authorized."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        for name, value in {**self.headers(), **headers}.items():
            lines.append(f"{name.replace('_', '-')}: {value}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def get(self, path, headers=None, timeout=10):
        """(status, headers, body) of one request on a connection of its own."""
        connection = self.connection(timeout=timeout)
        try:
            return ask(connection, path, {**self.headers(), "Connection": "close",
                                          **(headers or {})})
        finally:
            connection.close()


def ask(connection, path, headers, sent=None):
    """One request on a connection for http.client. sent() is called once the status is there."""
    connection.putrequest("GET", path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    if sent:
        sent()
    return response.status, response.headers, response.read()


def reset(client):
    """Closes with RST rather than FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class Overload:
    """When the rig itself asks for more than the exporter answers; known to all processes
    that are forked later. Only the last time counts: they lie far apart."""

    def __init__(self):
        # One store each: whoever reads at that moment sees the old or the new.
        self.times = memoryview(mmap.mmap(-1, 16)).cast("d")

    def begin(self, seconds):
        """It lasts so long at the most."""
        now = time.monotonic()
        self.times[1] = now + seconds
        self.times[0] = now

    def end(self, grace=0.5):
        self.times[1] = time.monotonic() + grace

    def overlaps(self, since):
        """Whether any of it lay between since and now."""
        return self.times[0] <= time.monotonic() and self.times[1] >= since

    def describe(self):
        begin, end = (time.monotonic() - each for each in self.times)
        return f"the last overload began {begin:.3f} s ago, and its end was {end:.3f} s ago"
