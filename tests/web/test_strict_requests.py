# SPDX-License-Identifier: Apache-2.0
"""A request whose head breaks a rule gets one answer, 400, and the connection is closed.

Whatever comes after it, which is a second request for who reads the first one otherwise, is not answered.
"""

import concurrent.futures
import contextlib
import ctypes
import json
import re
import socket
import ssl
from collections import namedtuple

import pytest

from lib.certificates import Authority
from lib.exporter import Exporter, Metrics
from lib.secure import Secure, server, trusting
from raw import connect, request, wait_until

SECOND = request("/-/healthy")

# What libmicrohttpd 1.0 refuses before it asks us: in its own words, or by closing the connection.
OURS, ITS_WORDS, CLOSES = "ours", "its words", "closes"
Bad = namedtuple("Bad", "data sentence newer", defaults=[OURS])


def library_is_newer():
    library = ctypes.CDLL("libmicrohttpd.so.12")
    library.MHD_get_version.restype = ctypes.c_char_p
    return library.MHD_get_version().decode().split(".")[0] != "0"


def lines(*headers, line="GET /-/healthy HTTP/1.1", host="Host: localhost"):
    """A head with these headers; text is latin-1, and goes over the wire as it is."""
    return "\r\n".join([line, *([host] if host else []), *headers, "", ""]).encode("latin-1")


CHUNKED = "Transfer-Encoding: chunked"

BAD = {
    # How long the request is
    "two lengths": Bad(lines("Content-Length: 0", "Content-Length: 0"), "more than one"),
    "two different lengths": Bad(
        lines("Content-Length: 0", f"Content-Length: {len(SECOND)}") + SECOND, "more than one"),
    "a length and an encoding": Bad(
        lines("Content-Length: 5", CHUNKED) + b"0\r\n\r\n", "one request"),
    "an encoding and a length": Bad(
        lines(CHUNKED, "Content-Length: 5") + b"0\r\n\r\n", "one request"),
    "no length and an encoding": Bad(lines("Content-Length: 0", CHUNKED), "one request"),
    "a length, posted, and an encoding": Bad(
        lines("Content-Length: 5", CHUNKED, line="POST / HTTP/1.1") + b"0\r\n\r\n",
        "one request"),
    "a space before the colon": Bad(lines("Content-Length : 5") + b"12345", "name", ITS_WORDS),
    "a tab before the colon": Bad(
        lines("Transfer-Encoding\t: chunked") + b"0\r\n\r\n", "name", ITS_WORDS),
    "a negative length": Bad(lines("Content-Length: -1"), "whole number"),
    "a negative length, posted": Bad(
        lines("Content-Length: -1", line="POST / HTTP/1.1"), "whole number"),
    "a length with a sign": Bad(lines("Content-Length: +5") + b"12345", "whole number"),
    "a list of lengths": Bad(lines("Content-Length: 5, 5") + b"12345", "whole number"),
    "a hexadecimal length": Bad(lines("Content-Length: 0x5") + b"12345", "whole number"),
    "an empty length": Bad(lines("Content-Length:"), "whole number"),
    "a length with a space": Bad(lines("Content-Length: 0 5") + b"12345", "whole number"),
    "a length of 2^64": Bad(lines("Content-Length: 18446744073709551616"), "body"),
    "a length of 2^64 - 1": Bad(lines("Content-Length: 18446744073709551615"), "body"),
    "a length of a hundred digits": Bad(lines("Content-Length: " + "9" * 100), "body"),
    "a body": Bad(lines("Content-Length: 5") + b"12345", "body"),
    "a body of HEAD": Bad(
        lines("Content-Length: 5", line="HEAD / HTTP/1.1") + b"12345", "body"),
    "a body that is a request": Bad(lines(f"Content-Length: {len(SECOND)}"), "body"),
    "chunks": Bad(lines(CHUNKED) + b"5\r\n12345\r\n0\r\n\r\n", "body"),
    "a long chunk extension": Bad(
        lines(CHUNKED) + b"5;" + b"x" * 30000 + b"\r\n12345\r\n0\r\n\r\n", "body"),
    "chunks of HTTP/1.0": Bad(
        lines(CHUNKED, line="GET / HTTP/1.0") + b"0\r\n\r\n", "body"),
    "two encodings": Bad(lines(CHUNKED, CHUNKED) + b"0\r\n\r\n", "body"),
    "an encoding of another case": Bad(lines("transfer-ENCODING: CHUNKED"), "body"),
    "an encoding of two steps": Bad(
        lines("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", "body", ITS_WORDS),
    "an encoding that is none": Bad(lines("Transfer-Encoding: identity"), "body", ITS_WORDS),
    "an empty encoding": Bad(lines("Transfer-Encoding:"), "body", ITS_WORDS),
    "it waits for leave to send": Bad(lines("Expect: 100-continue"), "Expect"),
    "it waits for leave to send a body": Bad(
        lines("Expect: 100-continue", "Content-Length: 5"), "body"),
    # Whom it is for
    "no host": Bad(lines(host=None), "one Host", ITS_WORDS),
    "no host, HTTP/1.2": Bad(
        lines(line="GET / HTTP/1.2", host=None), "one Host", ITS_WORDS),
    "two hosts": Bad(lines("Host: other"), "one Host"),
    "the same host twice": Bad(lines("Host: localhost"), "one Host"),
    "two hosts of HTTP/1.0": Bad(
        lines("host: localhost", line="GET / HTTP/1.0"), "one Host"),
    "a host with a user": Bad(lines(host="Host: user@localhost"), "name or an address"),
    "a host with a path": Bad(lines(host="Host: localhost/x"), "name or an address"),
    "two hosts in one": Bad(lines(host="Host: localhost, other"), "name or an address"),
    "a host that is no ASCII": Bad(lines(host="Host: h\xf6st"), "name or an address"),
    "a host with a quote": Bad(lines(host='Host: a"b'), "name or an address"),
    # The request line
    "a zero byte in the target": Bad(lines(line="GET /-/healthy\0/x HTTP/1.1"), "zero byte", CLOSES),
    "a zero byte at its end": Bad(lines(line="GET /-/healthy\0 HTTP/1.1"), "zero byte", CLOSES),
    "a zero byte in its query": Bad(lines(line="GET /-/healthy?a\0b HTTP/1.1"), "zero byte", CLOSES),
    "a zero byte and a version": Bad(
        lines(line="GET /-/healthy\0HTTP/1.1\0\0 HTTP/1.1"), "zero byte", CLOSES),
    "another server's address": Bad(
        lines(line="GET http://other/-/healthy HTTP/1.1"), "begins with /"),
    "an address": Bad(lines(line="GET http://localhost/-/healthy HTTP/1.1"), "begins with /"),
    "an asterisk": Bad(lines(line="GET * HTTP/1.1"), "begins with /"),
    "an asterisk's options": Bad(lines(line="OPTIONS * HTTP/1.1"), "begins with /"),
    "a tunnel": Bad(lines(line="CONNECT localhost:443 HTTP/1.1"), "begins with /"),
    "a target that is no ASCII": Bad(lines(line="GET /\xff\xfe HTTP/1.1"), "ASCII"),
    "a control character in the target": Bad(lines(line="GET /\x01 HTTP/1.1"), "ASCII"),
    "a carriage return in the target": Bad(
        lines(line="GET /\rX HTTP/1.1"), "ASCII", ITS_WORDS),
    "a method that is no word": Bad(lines(line="G(ET / HTTP/1.1"), "method"),
    "a carriage return in the method": Bad(lines(line="G\rET / HTTP/1.1"), "method", CLOSES),
    # The lines
    "a folded header": Bad(lines("X: a", " b"), "continued", None),
    "a folded length": Bad(
        lines("Content-Length: 0", "\t5") + b"12345", "continued", OURS),
    "a folded host": Bad(lines(host="Host: localhost\r\n other"), "continued", OURS),
    "a line that ends in LF": Bad(
        b"GET /-/healthy HTTP/1.1\r\nHost: localhost\nX: a\r\n\r\n", "CR LF"),
    "a request line that ends in LF": Bad(
        b"GET /-/healthy HTTP/1.1\nHost: localhost\r\n\r\n", "CR LF"),
    "an empty line that ends in LF": Bad(
        b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\n", "CR LF"),
    "LF alone": Bad(b"GET /-/healthy HTTP/1.1\nHost: localhost\n\n", "CR LF"),
    "a carriage return in a value": Bad(lines("X: a\rb"), "control", ITS_WORDS),
    "a carriage return at its end": Bad(lines("X: a\r"), "control", ITS_WORDS),
    "a zero byte in a value": Bad(lines("X: a\0b"), "zero byte", ITS_WORDS),
    "a zero byte in the host": Bad(lines(host="Host: localhost\0.other"), "zero byte", ITS_WORDS),
    "a zero byte before a length": Bad(
        lines("X: a\0b\nContent-Length: 5"), "zero byte", ITS_WORDS),
    "a control character in a value": Bad(lines("X: a\x1bb"), "control"),
    "a deleted character in a value": Bad(lines("X: a\x7f"), "control"),
    # libmicrohttpd 0.9.75 takes it for the end of the head.
    "an empty name": Bad(lines(": a", "Content-Length: 5"), "each line", ITS_WORDS),
    "an empty name and value": Bad(lines(":"), "each line", ITS_WORDS),
    "an empty name in the first line": Bad(lines("Host: a", host=": a"), "name", ITS_WORDS),
    "a zero byte for an empty line": Bad(lines("\0", "X: a"), "each line", ITS_WORDS),
    "a space in a name": Bad(lines("X Y: a"), "name", ITS_WORDS),
    "a name that is no ASCII": Bad(lines("X\xf6: a"), "name"),
    "a name with a slash": Bad(lines("X/Y: a"), "name"),
    "a name with a control character": Bad(lines("X\x01: a"), "name"),
}

# What both versions of the library refuse, in the library's words.
REFUSED_BY_LIBRARY = {
    "a header without a colon": lines("nonsense"),
    "a space before the first header": lines(host=" Host: localhost"),
    "HTTP/0.9": b"GET /-/healthy\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": lines(line="GET / HTTP/3.0"),
    "http/1.1": lines(line="GET / http/1.1"),
    "a version of three parts": lines(line="GET / HTTP/1.1.1"),
    "a longer version": lines(line="GET / HTTP/1.10"),
    "spaces after the version": lines(line="GET / HTTP/1.1 "),
    "a zero byte in a name": lines("X\0: a"),
    "a header too long": lines("X: " + "b" * 60000),
    "a space in the target": lines(line="GET /-/healthy x HTTP/1.1"),
    "two spaces": lines(line="GET  /-/healthy  HTTP/1.1"),
}

GOOD = {
    "as most send it": lines("Accept: */*", "User-Agent: Prometheus/3.5.0"),
    "HTTP/1.0 that stays": lines("Connection: keep-alive", line="GET / HTTP/1.0"),
    "HTTP/1.0 without a host": lines("Connection: keep-alive", line="GET / HTTP/1.0", host=None),
    "HTTP/1.2": lines(line="GET / HTTP/1.2"),
    "a length of none": lines("Content-Length: 0"),
    "a length of none, thrice": lines("Content-Length: 000"),
    "an empty host": lines(host="Host:"),
    "a host and a port": lines(host="Host: example.org:10059"),
    "an address of IPv6": lines(host="Host: [::1]:10059"),
    "no space after the colon": lines(host="Host:localhost"),
    "spaces around a value": lines("X: \t a b \t ", "Y:\t", "Z: \t"),
    "a header without a value": lines("X:", "Y: ", "Z:"),
    "text that is no ASCII": lines("X: \xe4\xf6\xfc \x80\xff"),
    "every character of a name": lines("!#$%&'*+-.^_`|~09azAZ: a"),
    "an empty line before it": b"\r\n" + lines(),
    "cookies": lines("Cookie: a=b; c=d", "Cookie: e"),
    "an upgrade": lines("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                        "HTTP2-Settings: AAMAAABkAARAAAAA"),
    "a query": lines(line="GET /-/healthy?a=b&c&d=%20&=+x HTTP/1.1"),
    "an escaped path": lines(line="GET /%2d/healthy HTTP/1.1"),
    "many headers": lines(*(f"X-{number}: {'y' * (number % 7)}" for number in range(150))),
    "a long header": lines("X: " + "y" * 7000),
    "HEAD": lines(line="HEAD / HTTP/1.1"),
}


class Target:
    """An exporter, how to connect to it, and a good client that keeps its connection."""

    def __init__(self, exporter, context=None):
        self.exporter = exporter
        self.context = context
        self.good = self.connect()

    def connect(self):
        client = connect(self.exporter, timeout=60)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(client, server_hostname="localhost") \
            if self.context else client

    def scrape(self):
        """By the good client, whose connection nothing that others do may end."""
        self.good.sendall(request())
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = self.good.recv(65536)
            assert data, "the good client's connection was closed"
            answer += data
        head, body = answer.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 200 ")
        length = int(re.search(rb"\r\nContent-Length: (\d+)", head, re.I).group(1))
        while len(body) < length:
            body += self.good.recv(65536)
        return Metrics(body.decode())

    def malformed(self):
        return self.scrape().value("ephemera_http_refused_total", reason="malformed")


@pytest.fixture(scope="module", params=["plain", "TLS"])
def target(request, module_folder):
    if request.param == "plain":
        with Exporter("--web.enable-api") as exporter:
            yield Target(exporter)
        return
    authority = Authority(module_folder)
    with Secure(server(authority.issue("server")), module_folder, "--web.enable-api") as exporter:
        yield Target(exporter, trusting(authority))


def conversation(*arguments):
    """All that comes back until the exporter hangs up, or None if it does not.

    In a thread of its own: OpenSSL remembers a thread's last error, and would report that of a broken
    connection when the good client reads.
    """
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(_conversation, *arguments).result()


def _conversation(target, data, piece=None):
    answer = b""
    with contextlib.closing(target.connect()) as client:
        with contextlib.suppress(OSError):
            for start in range(0, len(data), piece or len(data)):
                client.sendall(data[start:start + (piece or len(data))])
        client.settimeout(20)
        try:
            while got := client.recv(65536):
                answer += got
        except TimeoutError:
            return None
        except (ConnectionError, ssl.SSLError):
            pass # a reset, since it had sent more than was read
    return answer


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def assert_refused_once(answer, sentence, json_wanted=False):
    """One answer, 400, in our words; nothing follows it."""
    assert answer is not None, "the connection was kept"
    assert statuses(answer) == [400], answer
    head, body = answer.split(b"\r\n\r\n", 1)
    assert re.search(rb"\r\nConnection: close", head, re.I), head
    wanted = int(re.search(rb"\r\nContent-Length: (\d+)", head, re.I).group(1))
    if body or wanted != 0:
        assert len(body) in (wanted, 0), answer
    if sentence is None or not body:
        return
    if json_wanted:
        said = json.loads(body)
        assert said["status"] == 400 and sentence in said["error"]
    else:
        assert b"\r\nX-Content-Type-Options: nosniff" in head
        assert body.startswith(b"400 Bad Request: ") and sentence in body.decode()


@pytest.mark.parametrize("piece", [None, 61], ids=["at once", "in pieces"])
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_malformed_request_is_refused_once(target, bad, piece):
    newer = bad.newer if library_is_newer() else OURS
    before = target.malformed()
    answer = conversation(target, bad.data + SECOND * 2, piece)
    if newer is None:
        # RFC 9112, 5.2, lets a server put spaces in place of the fold.
        assert answer is None or set(statuses(answer)) == {200}
        return
    if newer == CLOSES:
        assert answer == b""
        assert target.malformed() == before
        return
    is_head = bad.data.startswith(b"HEAD")
    sentence = None if newer == ITS_WORDS or is_head or (
        library_is_newer() and bad.sentence == "continued") else bad.sentence
    assert_refused_once(answer, sentence)
    wait_until(lambda: target.malformed() == before + 1, 20, "it is counted once")


@pytest.mark.parametrize("data", REFUSED_BY_LIBRARY.values(), ids=REFUSED_BY_LIBRARY.keys())
def test_what_the_library_refuses_is_answered_once_at_most(target, data):
    answer = conversation(target, data + SECOND * 2)
    assert answer is not None, "the connection was kept"
    answered = statuses(answer)
    assert len(answered) <= 1 and answered != [200], answer
    target.scrape()


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_a_request_that_is_right_is_answered_and_so_is_the_next(target, data):
    last = request("/-/healthy", Connection="close")
    answer = conversation(target, data + last)
    assert answer is not None and statuses(answer) == [200, 200], answer


def test_a_tab_in_the_request_line(target):
    """RFC 9112, 3, lets a server take it for a space, as libmicrohttpd 1.0 does."""
    last = request("/-/healthy", Connection="close")
    answer = conversation(target, lines(line="GET\t/-/healthy\tHTTP/1.1") + last)
    assert answer is not None
    assert statuses(answer) == [200, 200] if library_is_newer() else len(statuses(answer)) <= 1


def test_a_cookie_that_is_too_long_to_copy_is_answered_once(target):
    """Refused for its length, as any head of that length. With libmicrohttpd 1.0, the end of so long
    a head is not to be seen if the next request came with it: its lines are said to be wrong."""
    data = lines("Cookie: a=" + "b" * 12000) + request("/-/healthy", Connection="close")
    answer = conversation(target, data)
    allowed = ([431, 200], [431], *([[400]] if library_is_newer() else []))
    assert answer is not None and statuses(answer) in allowed, answer


@pytest.mark.parametrize("value", ["close", "close, keep-alive", "keep-alive, close", "Close",
                                   "x, CLOSE ,y"])
def test_a_list_with_close_closes(target, value):
    answer = conversation(target, lines(f"Connection: {value}") + SECOND)
    assert answer is not None and statuses(answer) == [200], answer


def test_a_malformed_request_for_the_api_is_told_so_in_json(target):
    data = lines("Content-Length: 5", line="GET /api/v1/ports HTTP/1.1") + b"12345"
    assert_refused_once(conversation(target, data + SECOND), "body", json_wanted=True)


def test_a_malformed_request_after_a_good_one(target):
    answer = conversation(target, SECOND + BAD["two lengths"].data + SECOND)
    assert answer is not None and statuses(answer) == [200, 400], answer


def test_a_method_that_is_unknown_may_announce_a_body(target):
    for line in ("POST / HTTP/1.1", "get / HTTP/1.1", "NONSENSE / HTTP/1.1"):
        data = lines(f"Content-Length: {len(SECOND)}", line=line)
        answer = conversation(target, data + SECOND)
        assert answer is not None and statuses(answer) == [405], answer


def test_a_flood_of_malformed_requests_delays_nobody(target):
    """Each closes its connection, and the good client's stays."""
    def flood():
        for _ in range(100):
            with contextlib.closing(target.connect()) as client, \
                    contextlib.suppress(OSError):
                client.sendall(BAD["a negative length"].data + SECOND)

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        running = thread.submit(flood)
        while not running.done():
            target.scrape()
        running.result()
    target.scrape()
