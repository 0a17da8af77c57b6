# SPDX-License-Identifier: Apache-2.0
"""Paths, methods and queries; and what a peer may send without harm to anyone else."""

import html.parser
import itertools
import socket
import urllib.parse

import pytest

from lib.cgroup_mount import host_has_cgroups
from lib.exporter import COLLECTORS, Exporter, Metrics, all_but, assert_head_is_get
from raw import Reader, Truncated, closed_by_peer, connect, request, wait_until

@pytest.fixture(scope="module")
def exporter():
    # Where half a request is closed only by its timeout, a test waits for that.
    with Exporter("--web.request-timeout=1s") as running:
        yield running


PATHS = ["/", "/metrics", "/-/healthy", "/-/ready"]

# A sample name that only this collector yields, whatever the host does.
MARKS = {
    "range": "ephemera_range_ports",
    "binds": "ephemera_range_usable_ports",
    "sockets": "ephemera_sockets",
    "destinations": "ephemera_destinations",
    "addresses": "ephemera_worst_address_ports",
    "accept_queue": "ephemera_worst_accept_queue_usage_ratio",
    "time_wait": "ephemera_time_wait_sockets",
    "churn": "ephemera_tcp_open_failures_total",
    "owners": "ephemera_unowned_ports",
}


def collectors_of(metrics):
    """Which collectors ran: by what they yielded, and by what the exporter says of them."""
    yielded = {collector for collector, name in MARKS.items() if name in metrics.names()}
    success = metrics.samples("ephemera_scrape_collector_success")
    if not host_has_cgroups():
        yielded |= {"owners"} & {labels["collector"] for labels, _ in success}
    assert yielded == {labels["collector"] for labels, _ in success}
    assert {value for _, value in success} <= {1}
    return yielded


def assert_serves(exporter):
    assert exporter.get("/-/healthy").status == 200
    assert exporter.metrics().value("ephemera_range_ports") > 0


# Paths and methods

class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.links, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attributes).get("href"))


def test_root_page(exporter):
    response = exporter.get("/")
    assert response.status == 200
    assert response.headers["Content-Type"].replace(" ", "").lower() == "text/html;charset=utf-8"
    page = Links(response.body.decode())
    assert "/metrics" in page.links
    assert "title" in page.tags
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_health(exporter, path):
    response = exporter.get(path)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_head_is_get_without_the_body(exporter, path, encoding):
    assert_head_is_get(exporter, path, encoding, 100 if path == "/metrics" else 0)


def test_head_sends_no_body_on_the_wire(exporter):
    with connect(exporter) as client:
        client.sendall(request(method="HEAD") + request("/-/healthy"))
        reader = Reader(client)
        assert reader.answer(head=True).status == 200
        following = reader.answer()
        assert following.status == 200
        assert len(following.body) == int(following.headers["content-length"])


@pytest.mark.parametrize("path", [
    "/nonsense", "/metricsx", "/metrics/", "//", "/-/", "/-/nonsense", "/../etc/passwd",
    "/metrics/../../etc/passwd", "/%2e%2e/etc/passwd", "/pages/index.html",
])
def test_unknown_path(exporter, path):
    response = exporter.get(path)
    assert response.status == 404
    assert b"/metrics" in response.body, "what there is instead"
    assert exporter.get(path, method="HEAD").status == 404


def test_404_repeats_the_path_harmlessly(exporter):
    response = exporter.get("/%3Cscript%3Ealert(1)%3C/script%3E")
    assert response.status == 404
    assert not (b"<script>" in response.body
                and response.headers["Content-Type"].startswith("text/html"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "NONSENSE"])
def test_method_not_allowed(exporter, path, method):
    body = b"x=1" if method in ("POST", "PUT", "PATCH") else None
    response = exporter.get(path, method=method, body=body)
    assert response.status == 405
    assert response.headers["Allow"] == "GET, HEAD"
    assert response.body


def test_a_megabyte_posted(exporter):
    with connect(exporter) as client:
        client.sendall(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Length: 1000000\r\n\r\n")
        try:
            client.sendall(b"x" * 1000000)
            answer = Reader(client).answer()
        except (Truncated, ConnectionError):
            answer = None
        assert answer is None or answer.status in (405, 413)
    assert_serves(exporter)


def test_telemetry_path():
    with Exporter("--web.telemetry-path=/foo") as exporter:
        assert exporter.metrics("/foo").value("ephemera_range_ports") > 0
        assert exporter.get("/metrics").status == 404
        assert "/foo" in Links(exporter.get("/").body.decode()).links


# Which collectors

@pytest.mark.parametrize("query, expected", [
    ("", all_but()),
    ("collect[]=range", "range"),
    ("collect%5B%5D=range", "range"),
    ("collect%5b%5d=%72ange", "range"),
    ("collect[]=range&collect[]=sockets", "range sockets"),
    ("collect[]=range&collect[]=range", "range"),
    ("collect[]=destinations", "destinations"),
    ("exclude[]=sockets", all_but("sockets")),
    ("exclude%5B%5D=sockets&exclude[]=range", all_but("sockets", "range")),
    ("&".join(f"exclude[]={name}" for name in COLLECTORS), ""),
])
def test_collect_and_exclude(exporter, query, expected):
    metrics = exporter.metrics("/metrics" + (f"?{query}" if query else ""))
    assert collectors_of(metrics) == set(expected.split())


@pytest.mark.parametrize("query, named", [
    ("collect[]=nonsense", "nonsense"),
    ("exclude[]=nonsense", "nonsense"),
    ("collect[]=range&collect[]=nonsense", "nonsense"),
    ("collect[]=", "collect[]"),
    ("collect[]", "collect[]"),
    ("collect[]=Range", "Range"),
    ("collect[]=range%20", "range"),
    ("collect[]=range,sockets", "range,sockets"),
    ("collect[]=rang", "rang"),
    ("collect[]=ranges", "ranges"),
    ("collect[]=range&exclude[]=sockets", "exclude[]"),
    ("exclude[]=range&collect[]=range", "collect[]"),
])
def test_a_bad_query_is_refused_by_name(exporter, query, named):
    response = exporter.get(f"/metrics?{query}")
    assert response.status == 400
    assert named in response.body.decode(errors="replace")
    assert exporter.get(f"/metrics?{query}", method="HEAD").status == 400


@pytest.mark.parametrize("target", ["/%00", "/metrics%00", "/metrics?collect[]=range%00",
                                    "/metrics?collect[]=range%00nonsense"])
def test_a_null_does_not_end_the_target(exporter, target):
    response = exporter.get(target)
    assert response.status in (400, 404)
    assert response.body


def test_a_disabled_collector_cannot_be_collected():
    with Exporter("--no-collector.sockets") as exporter:
        assert collectors_of(exporter.metrics()) == set(all_but("sockets").split())
        response = exporter.get("/metrics?collect[]=sockets")
        assert response.status == 400
        assert b"sockets" in response.body


def test_400_repeats_the_value_harmlessly(exporter):
    value = urllib.parse.quote('<b>"\\\n\r\x1b[31m\xff')
    response = exporter.get(f"/metrics?collect[]={value}")
    assert response.status == 400
    assert b"\x1b" not in response.body
    assert not (b"<b>" in response.body
                and response.headers["Content-Type"].startswith("text/html"))


def test_a_long_value_is_not_repeated_in_full(exporter):
    response = exporter.get("/metrics?collect[]=" + "n" * 4000)
    assert response.status in (400, 414)
    assert len(response.body) < 1000


@pytest.mark.parametrize("query", [
    "&".join(["collect[]=range"] * 5000), "collect[]=" + "x" * 65536, "&" * 65536, "a=b&" * 20000,
])
def test_overly_long_query(exporter, query):
    with connect(exporter) as client:
        answer = exchange(client, request(f"/metrics?{query}"))
        assert answer is None or answer.status in (400, 414, 431, 494)
    assert_serves(exporter)


@pytest.mark.parametrize("count", [1, 20, 60])
def test_parameters_that_nobody_needs(exporter, count):
    assert exporter.get("/metrics?" + "&".join(["collect[]=range"] * count)).status == 200


@pytest.mark.parametrize("count", [100, 300, 1000, 4000])
def test_too_many_parameters_are_refused_at_once(count):
    # Such a connection was neither read from nor written to until its time was over, and what
    # belonged to it was not freed at the end.
    with Exporter() as exporter:
        for data in (request("/metrics?" + "&" * count), request("/metrics?" + "a=b&" * count)):
            with connect(exporter, timeout=5) as client:
                answer = exchange(client, data)
                assert answer is None or answer.status in (400, 414, 431)
        with connect(exporter) as client:
            client.sendall(request("/metrics?" + "&" * count))
            assert_serves(exporter)
            assert exporter.terminate() == 0


def test_an_unknown_parameter_does_no_harm(exporter):
    response = exporter.get("/metrics?target=x&collect[]=range")
    assert response.status in (200, 400)
    if response.status == 200:
        assert collectors_of(Metrics(response.body.decode())) == {"range"}


def test_the_timeout_that_prometheus_sends(exporter):
    for value in ("10", "0.5", "10.000000"):
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": value}
        assert exporter.get("/metrics", headers).status == 200
    for value in ("banana", "-1", "nan", "inf", "1e308", "", "0"):
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": value}
        assert exporter.get("/metrics", headers).status in (200, 400, 503, 504)
    assert_serves(exporter)


def test_requests_are_counted_by_code(exporter):
    def count(code):
        return exporter.metrics().total("ephemera_http_requests_total", code=code)

    before = {code: count(code) for code in (400, 404, 405)}
    exporter.get("/nonsense")
    exporter.get("/metrics?collect[]=nonsense")
    exporter.get("/metrics", method="POST")
    # An answer may reach the client a moment before it is counted.
    wait_until(lambda: {code: count(code) for code in before}
               == {code: number + 1 for code, number in before.items()},
               5, "each answer counted once")
    assert count(200) < count(200), "the scrape itself is counted too"


# What comes over the wire

def exchange(client, data):
    """Sends data; an answer, or None where the peer closed instead."""
    try:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    try:
        return Reader(client).answer()
    except (Truncated, ConnectionError):
        return None


GARBAGE = {
    "a request line of a megabyte": b"GET /" + b"a" * 1000000 + b" HTTP/1.1\r\n\r\n",
    "a request line without end": b"GET /" + b"a" * 1000000,
    "a megabyte of headers": b"GET / HTTP/1.1\r\n" + b"X-Header: value\r\n" * 60000 + b"\r\n",
    "one header of a megabyte": b"GET / HTTP/1.1\r\nX: " + b"a" * 1000000 + b"\r\n\r\n",
    "random bytes": bytes((x * 7919 + 13) % 256 for x in range(65536)),
    "null bytes": b"\0" * 65536,
    "a null in the path": b"GET /met\0rics HTTP/1.1\r\nHost: a\r\n\r\n",
    "a null in a header": b"GET /nonsense HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "a TLS hello": bytes.fromhex("1603010200010001fc0303") + b"\x01" * 512,
    "line ends alone": b"\r\n" * 30000,
    "no version": b"GET /nonsense\r\n\r\n",
    "a version that is none": b"GET /metrics HTTP/9.9\r\nHost: a\r\n\r\n",
    "no method": b" /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
    "a negative length": b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "a huge length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "a bad chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    "two lengths": b"GET /none HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                   b"Content-Length: 2\r\n\r\n",
    "a header without a colon": b"GET /nonsense HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "a folded header": b"GET /nonsense HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "a bad percent sign": b"GET /metrics?collect[]=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "a percent sign at the end": b"GET /metrics?collect[]=% HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes that are no UTF-8": b"GET /\xff\xfe?\xc3\x28 HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute address": b"GET http://localhost/nonsense HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT localhost:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "no host": b"GET /nonsense HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused(exporter, data):
    with connect(exporter) as client:
        answer = exchange(client, data)
        # 501 and 505: a method or a version that this server does not have.
        assert answer is None or 400 <= answer.status < 500 or answer.status in (501, 505)
    assert_serves(exporter)


@pytest.mark.parametrize("cut", [1, 3, 4, 10, 21, 25, 40, -2, -1])
def test_half_a_request(exporter, cut):
    whole = request(Accept="*/*")
    with connect(exporter) as client:
        client.sendall(whole[:cut])
        client.shutdown(socket.SHUT_WR)
        # No answer to a request that never came, save that it was bad.
        answer = Reader(client).answer()
        assert answer is None or answer.status >= 400
    assert_serves(exporter)


def test_a_request_in_single_bytes(exporter):
    with connect(exporter) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("/-/healthy"):
            client.sendall(bytes([byte]))
        assert Reader(client).answer().status == 200


def test_http_1_0(exporter):
    with connect(exporter) as client:
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        reader = Reader(client)
        answer = reader.answer()
        assert answer.status == 200
        assert "transfer-encoding" not in answer.headers
        assert Metrics(answer.body.decode()).value("ephemera_range_ports") > 0
        assert client.recv(1) == b"", "HTTP/1.0 closes unless asked not to"


def test_keep_alive(exporter):
    with connect(exporter) as client:
        reader = Reader(client)
        for path in PATHS * 5:
            client.sendall(request(path))
            answer = reader.answer()
            assert answer.status == 200
            assert len(answer.body) == int(answer.headers["content-length"])
        assert not closed_by_peer(client)


def test_keep_alive_outlives_an_error(exporter):
    with connect(exporter) as client:
        reader = Reader(client)
        for path, status in (("/nonsense", 404), ("/metrics?collect[]=nonsense", 400),
                             ("/metrics", 200)):
            client.sendall(request(path))
            assert reader.answer().status == status


def test_connection_close(exporter):
    with connect(exporter) as client:
        client.sendall(request(Connection="close"))
        assert Reader(client).answer().status == 200
        assert client.recv(1) == b""


def test_pipelining(exporter):
    paths = list(itertools.islice(itertools.cycle(["/metrics", "/-/healthy", "/nonsense"]), 30))
    with connect(exporter) as client:
        client.sendall(b"".join(request(path) for path in paths))
        reader = Reader(client)
        answers = [reader.answer() for _ in paths]
    assert [answer.status for answer in answers] == [200, 200, 404] * 10
    for answer in answers[::3]:
        assert Metrics(answer.body.decode()).value("ephemera_range_ports") > 0
