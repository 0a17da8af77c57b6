# SPDX-License-Identifier: Apache-2.0
"""/api/v1/search: what a text stands for, as docs/openapi.yaml says."""

import urllib.parse

import pytest

from lib import openapi
from lib.exporter import Exporter

SEARCH = "/api/v1/search"


@pytest.fixture(scope="module")
def exporter():
    with Exporter("--web.enable-api") as running:
        yield running


def search(exporter, text, status=200):
    response = exporter.get(f"{SEARCH}?{urllib.parse.urlencode({'q': text})}")
    assert response.status == status, response.body
    return openapi.checked(SEARCH, *response)


@pytest.mark.parametrize("text, ranges", [
    ("443", [(443, 443)]), ("8000-8100", [(8000, 8100)]), ("1-65535", [(1, 65535)]), (":80", [(80, 80)]),
    ("80,443", [(80, 80), (443, 443)]), ("https", [(443, 443)]), ("udp/53", [(53, 53)]),
])
def test_ports(exporter, text, ranges):
    assert search(exporter, text) == {
        "query": text, "ports": sum(last - first + 1 for first, last in ranges),
        "ranges": [{"first_port": first, "last_port": last} for first, last in ranges]}


@pytest.mark.parametrize("text, address", [
    ("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("[::1]", "::1"), ("2001:DB8:0::1", "2001:db8::1"),
    ("fe80::1%eth0", "fe80::1%eth0"), ("[fe80::1%eth0]", "fe80::1%eth0")])
def test_an_address(exporter, text, address):
    assert search(exporter, text) == {"query": text, "address": address}


@pytest.mark.parametrize("text, address, port", [
    ("10.0.0.1:443", "10.0.0.1", 443), ("[::1]:443", "::1", 443), ("[2001:DB8:0::1]:1", "2001:db8::1", 1),
    ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65535), ("[::ffff:10.0.0.1]:443", "10.0.0.1", 443),
    ("[1111:2222:3333:4444:5555:6666:7777:8888%abcdefghijklmno]:65535",
     "1111:2222:3333:4444:5555:6666:7777:8888%abcdefghijklmno", 65535)])
def test_a_destination(exporter, text, address, port):
    assert search(exporter, text) == {"query": text, "address": address, "port": port}


@pytest.mark.parametrize("text, wrong", [
    ("0", "must be a port from 1 to 65535"), ("65536", "must be a port from 1 to 65535"), ("5-3", "must not end before it begins"),
    ("no-such-service", "no service in /etc/services has this name"), ("<b>", "must be a port from 1 to 65535"),
    ("10.0.0", "must be a port from 1 to 65535"), ("10.0.0.256", "must be a port from 1 to 65535"), ("[]", "must be"), ("%", "must be"),
    ("[::1", "an address before a port must be such as"), ("::1%", "an address before a port must be such as"),
    ("10.0.0.1:0", "must be a port from 1 to 65535"), ("fe80::1%abcdefghijklmnopq", "")])
def test_nothing(exporter, text, wrong):
    found = search(exporter, text)
    assert set(found) == {"query", "wrong"} and wrong in found["wrong"], found


def test_of_many_ranges_the_first_are_named(exporter):
    text = ",".join(str(port) for port in range(1, 64, 2))
    assert len(search(exporter, text)["ranges"]) == 32


@pytest.mark.parametrize("query", ["", "?q=", "?q=" + "1" * 100, "?q=1&q=2", "?Q=1", "?q"])
def test_what_is_wrong_with_the_request(exporter, query):
    response = exporter.get(SEARCH + query)
    assert response.status == 400
    assert "q" in openapi.checked(SEARCH, *response)["error"]
