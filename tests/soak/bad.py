# SPDX-License-Identifier: Apache-2.0
"""Clients that misbehave, each in a mode of its own: bounded in connections, bytes and pace.

A mode is a function of a BadClient and one round; what it raises as OSError is an answer like
any other, and is counted.
"""

import collections
import contextlib
import os
import random
import ssl
import time

from wire import reset

HELD_SECONDS = 5


class BadClient:
    def __init__(self, number, services):
        self.services = services
        self.source = f"127.0.3.{number + 1}"
        self.random = random.Random(number)
        self.counts = collections.Counter()
        self.service = services[0]
        self.until = 0

    def run(self, mode, until):
        self.until = until
        turn = 0
        while time.monotonic() < until:
            self.service = self.services[turn % len(self.services)]
            turn += 1
            with self.reaction():
                mode(self)
            self.pause(0.05)
        return self.counts

    def pause(self, seconds):
        time.sleep(max(0, min(seconds, self.until - time.monotonic())))

    @contextlib.contextmanager
    def reaction(self):
        """Counts how the exporter took it."""
        try:
            yield
        except TimeoutError:
            self.counts["timed out"] += 1
        except ConnectionRefusedError:
            self.counts["refused"] += 1
        except ConnectionResetError:
            self.counts["reset"] += 1
        except (BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self.counts["closed"] += 1
        except ssl.SSLError:
            self.counts["TLS error"] += 1
        except OSError as error:
            self.counts[f"OSError {error.errno}"] += 1

    def dial(self, source=None, **options):
        client = self.service.dial(source or self.source, **options)
        self.counts["connections"] += 1
        return client

    def dial_many(self, stack, count, data=b"", **options):
        held = []
        for _ in range(count):
            with self.reaction():
                client = self.dial(**options)
                stack.callback(client.close)
                client.sendall(data)
                held.append(client)
        return held

    def read_statuses(self, client, limit=1, seconds=10):
        """Counts the statuses of up to limit answers, and what ended them."""
        client.settimeout(seconds)
        rest, seen, deadline = b"", 0, time.monotonic() + seconds
        while seen < limit and time.monotonic() < deadline:
            data = client.recv(65536)
            if not data:
                self.counts["closed"] += 1
                return
            rest += data
            *whole, rest = rest.split(b"HTTP/1.1 ")
            # What precedes the first is none; the last may have been cut off before its status.
            seen += self.count_statuses(whole)
            if len(rest) >= 3 and rest[:3].isdigit():
                seen += self.count_statuses([rest])
                rest = b""

    def count_statuses(self, texts):
        found = [text[:3].decode() for text in texts if text[:3].isdigit()]
        self.counts.update(f"status {status}" for status in found)
        return len(found)

    @staticmethod
    def has_hung_up(connection):
        """Without waiting. A TLS server may have sent what is no answer."""
        connection.setblocking(False)
        try:
            return not connection.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        finally:
            connection.settimeout(10)


def half_requests(client):
    whole = client.service.request()
    half = whole[:client.random.randrange(1, len(whole) - 1)]
    with contextlib.ExitStack() as stack:
        held = client.dial_many(stack, 30, half)
        client.counts["half requests"] += len(held)
        client.pause(HELD_SECONDS)


def slow_readers(client):
    with contextlib.ExitStack() as stack:
        held = client.dial_many(stack, 10, client.service.request(), receive_buffer=2048,
                                segment=536)
        client.counts["answers left unread"] += len(held)
        for _ in range(50):
            for each in held:
                each.setblocking(False)
                with contextlib.suppress(OSError):
                    each.recv(1)
            client.pause(0.1)


def resets_in_mid_response(client):
    connection = client.dial(receive_buffer=2048, segment=536)
    try:
        connection.sendall(client.service.request())
        connection.recv(100)
        client.counts["resets"] += 1
    finally:
        reset(connection)


def garbage(client):
    length = client.random.choice((1, 7, 100, 1000, 20000))
    data = client.random.choice((
        os.urandom(length), b"\0" * length, b"\r\n" * (length // 2 + 1),
        b"GET " + os.urandom(length) + b" HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\n\r\n", b"GET /%00%ff%zz?" + b"&" * length + b" HTTP/1.1\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    with client.dial() as connection:
        client.counts["garbage sent"] += 1
        connection.sendall(data)
        client.read_statuses(connection, seconds=0.5)


def client_hello():
    """The bytes that a TLS client begins with."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


def unfinished_handshakes(client):
    hello = client_hello()
    data = client.random.choice((b"", hello[:1], hello[:50], hello,
                                 hello[:5] + os.urandom(len(hello) - 5)))
    with contextlib.ExitStack() as stack:
        held = client.dial_many(stack, 30, data, plain=True)
        client.counts["handshakes begun"] += len(held)
        client.pause(HELD_SECONDS)


def huge_headers(client):
    size = client.random.choice((9000, 20000, 100000))
    data = client.random.choice((
        client.service.request(X_Huge="x" * size),
        client.service.request("/" + "x" * size),
        client.service.request(**{f"X-{i}": "x" for i in range(size // 8)})))
    with client.dial() as connection:
        client.counts["huge headers"] += 1
        connection.sendall(data)
        client.read_statuses(connection, seconds=2)
    client.pause(0.05)


def pipelined(client):
    count = 30
    with client.dial() as connection:
        client.counts["requests pipelined"] += count
        connection.sendall(client.service.request("/-/healthy") * (count - 5) +
                           client.service.request("/metrics?collect[]=range") * 5)
        if client.random.random() < 0.7:
            client.read_statuses(connection, count)
    client.pause(0.5)


def byte_a_second(client):
    data = client.service.request(X_Padding="x" * 100)
    with contextlib.ExitStack() as stack:
        alive = client.dial_many(stack, 30)
        client.counts["byte-a-second senders"] += len(alive)
        for byte in data[:15]:
            still = []
            for each in alive:
                with client.reaction():
                    each.sendall(bytes([byte]))
                    if client.has_hung_up(each):
                        client.counts["cut off"] += 1
                    else:
                        still.append(each)
            alive = still
            client.pause(1)


def floods(client):
    """A hundred connects, each closed at once: one half by FIN, the other by RST."""
    for number in range(100):
        with client.reaction():
            connection = client.dial(plain=True, timeout=2)
            if number % 2:
                reset(connection)
            else:
                connection.close()
    client.counts["connect-and-close floods"] += 1
    client.pause(0.5)


def bad_passwords(client):
    """And, where no password is asked for, requests for what there is not."""
    service = client.service
    if service.tls:
        headers = client.random.choice((
            service.authorization("wrong"), service.authorization("x" * 300),
            {"Authorization": "Basic !!!"}, {"Authorization": "Bearer x"},
            {"Authorization": "Basic " + "QQ==" * 500}, {"Authorization": ""}))
        data = service.request(**headers)
        client.counts["bad passwords"] += 1
    else:
        data = client.random.choice((
            service.request("/metrics?collect[]=nothing"), service.request("/nothing"),
            service.request("/metrics", "DELETE"), service.request("/api/v1/ports/99999"),
            service.request("/../../etc/passwd")))
        client.counts["bad requests"] += 1
    with client.dial() as connection:
        connection.sendall(data)
        client.read_statuses(connection)
    client.pause(0.2)


def ask_from_many(client, addresses, each, data):
    """So many connections of each of so many addresses ask at once."""
    with contextlib.ExitStack() as stack:
        held = []
        for number in range(addresses):
            held += client.dial_many(stack, each, data, source=f"127.0.5.{number + 1}")
        for connection in held:
            with client.reaction():
                client.read_statuses(connection, seconds=1)
        client.counts["requests from many addresses"] += len(held)
    client.pause(1)


def many_addresses(client):
    ask_from_many(client, 20, 5, client.service.request())


def guesses_from_many_addresses(client):
    number = client.random.randrange(1 << 30)
    before = client.counts["status 200"]
    ask_from_many(client, 12, 5, client.service.request(
        **client.service.authorization(f"guess {number}")))
    # The other exporter asks for no password, and answers.
    if client.service.tls:
        client.counts["guesses granted"] += client.counts["status 200"] - before


def malformed_requests(client):
    """Each with a good request behind it, which is not to be read."""
    line = b"GET /-/healthy HTTP/1.1\r\n"
    data = client.random.choice((
        line + b"Host: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        line + b"Host: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        line + b"Host: a\r\nContent-Length : 0\r\n\r\n", line + b"Host: a\r\nContent-Length: -1\r\n\r\n",
        line + b"\r\n", line + b"Host: a\r\nHost: b\r\n\r\n", line + b"Host: a\r\n folded: b\r\n\r\n",
        b"GET /-/healthy\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        line + b"Host: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 30000 + b"\r\na\r\n0\r\n\r\n"))
    with client.dial() as connection:
        client.counts["malformed requests"] += 1
        connection.sendall(data + client.service.request("/-/healthy"))
        client.read_statuses(connection, 2, seconds=2)


MODES = (half_requests, slow_readers, resets_in_mid_response, garbage, unfinished_handshakes,
         huge_headers, pipelined, byte_a_second, floods, bad_passwords, many_addresses,
         guesses_from_many_addresses, malformed_requests)
# No request of these is to be answered with 200.
NEVER_GRANTED = (bad_passwords, malformed_requests)


def run(number, services, until):
    return BadClient(number, services).run(MODES[number], until)


def overload(service, overload_time, source, count):
    """So many scrapes in the same moment. Returns how they were answered."""
    client = BadClient(0, [service])
    client.source = source
    client.until = time.monotonic() + 30
    overload_time.begin(60)
    try:
        with contextlib.ExitStack() as stack:
            held = client.dial_many(stack, count)
            for each in held:
                with client.reaction():
                    each.sendall(service.request(Connection="close"))
            for each in held:
                with client.reaction():
                    client.read_statuses(each)
    finally:
        overload_time.end()
    return client.counts
