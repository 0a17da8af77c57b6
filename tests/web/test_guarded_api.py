# SPDX-License-Identifier: Apache-2.0
"""With --namespaces=all the API shows every pod's peers and processes. Who gets it without a right to it?"""

import http.client
import json
import ssl

import pytest

from lib import openapi
from lib.certificates import Authority
from lib.exporter import Exporter, Response, UnixConnection, free_port
from lib.namespace import in_namespace
from lib.secure import PASSWORDS, Secure, authorization, server, trusting, users
from lib.sockets import add_address, need_ipv6

ALL = ["--namespaces=all", "--web.enable-api"]
PATHS = ["/api/v1/ports", "/api/v1/ports/443", "/api/v1/destinations", "/api/v1/history", "/api/v1/range",
         "/api/v1/namespaces"]
OUTSIDE, OUTSIDE6 = "192.0.2.7", "2001:db8::7"
ALICE = authorization("alice", PASSWORDS["alice"])
WRONG = authorization("alice", "guess")
REFUSAL = "with --namespaces=all the API answers only on loopback and unix sockets"

# What a client may say of where it comes from.
CLAIMS = [
    {}, {"Host": "localhost"}, {"Host": "127.0.0.1:10059"}, {"X-Forwarded-For": "127.0.0.1"},
    {"X-Real-IP": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1;host=localhost"},
    {"X-Forwarded-For": "::1", "X-Forwarded-Host": "localhost", "Host": "localhost"},
    {"X-Client-IP": "127.0.0.1", "True-Client-IP": "127.0.0.1"}, ALICE, WRONG,
    {"X-Forwarded-User": "alice"}, {"X-SSL-Client-Verify": "SUCCESS", "X-Client-Cert": "x"},
]


def ask(host, port, path, headers=None, source=None, context=None):
    """One GET; headers may name another Host."""
    where = (source, 0) if source else None
    if context:
        connection = http.client.HTTPSConnection(host, port, timeout=30, context=context,
                                                 source_address=where)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=30, source_address=where)
    try:
        connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())
    finally:
        connection.close()


def assert_refused(response):
    assert response.status == 403, response
    assert REFUSAL in openapi.checked("/api/v1/ports", *response)["error"]
    assert response.headers["Content-Type"] == "application/json"


@in_namespace
def test_whatever_a_stranger_says_of_itself():
    add_address(OUTSIDE, 32)
    port = free_port()
    with Exporter(f"--web.listen-address=:{port}", *ALL):
        for path in [*PATHS, "/api/", "/api/v1/none", "/api/v1/ports/0", "/api/v1/ports?limit=0",
                     "/api/v1/ports?namespace=nobody", "/api/v1/destinations?namespace=all"]:
            for headers in CLAIMS:
                assert_refused(ask(OUTSIDE, port, path, headers))
        # Nor by another way to write the path.
        for path in ("//api/v1/ports", "/./api/v1/ports", "/API/v1/ports", "/%61pi/v1/ports",
                     "/metrics/../api/v1/ports", "/pages/../api/v1/ports", "/api%2fv1/ports"):
            assert ask(OUTSIDE, port, path).status in (400, 403, 404), path
        assert ask(OUTSIDE, port, "/metrics").status == 200
        assert ask(OUTSIDE, port, "/-/ready").status == 200


@in_namespace
def test_loopback_and_unix_sockets_are_this_host(folder):
    add_address(OUTSIDE, 32)
    port = free_port()
    with Exporter(f"--web.listen-address=:{port}", f"--web.listen-address=unix:{folder}/s",
                  *ALL) as exporter:
        for path in PATHS:
            # A socket of both families, so its peer is ::ffff:127.0.0.1.
            assert ask("127.0.0.1", port, path).status == 200
            assert ask("127.0.0.3", port, path, source="127.9.8.7").status == 200
            connection = UnixConnection(f"{folder}/s", 30)
            connection.request("GET", path, headers={"Connection": "close"})
            assert connection.getresponse().status == 200
            connection.close()
        # To a loopback address, but not from one.
        assert_refused(ask("127.0.0.1", port, PATHS[0], source=OUTSIDE))
        # A web page in a browser of this host, whose name was made to resolve to a loopback address.
        refused = ask("127.0.0.1", port, PATHS[0], {"Host": "evil.example"})
        assert refused.status == 403 and b"Host header" in refused.body
        assert exporter.get("/metrics").status == 200


@in_namespace
def test_the_same_by_ipv6():
    need_ipv6()
    add_address(OUTSIDE6, 128)
    port = free_port()
    with Exporter(f"--web.listen-address=:{port}", *ALL):
        assert ask("::1", port, PATHS[0]).status == 200
        for headers in CLAIMS:
            assert_refused(ask(OUTSIDE6, port, PATHS[0], headers))


@in_namespace
def test_the_page_says_that_the_map_is_not_for_a_stranger():
    add_address(OUTSIDE, 32)
    port = free_port()
    with Exporter(f"--web.listen-address=:{port}", *ALL):
        page = ask(OUTSIDE, port, "/").body.decode()
        assert "The API is not for this client" in page and 'data-api="off"' in page
        page = ask("127.0.0.1", port, "/").body.decode()
        assert "The API is on" in page and 'data-api="on"' in page


@in_namespace
def test_without_all_namespaces_it_is_as_open_as_it_was():
    add_address(OUTSIDE, 32)
    port = free_port()
    with Exporter(f"--web.listen-address=:{port}", "--web.enable-api"):
        assert ask(OUTSIDE, port, PATHS[0]).status == 200


@in_namespace
def test_a_password_counts_where_it_was_asked_for(folder):
    add_address(OUTSIDE, 32)
    port = free_port()
    text = users("alice") + "auth_excluded_paths: [/, /metrics, /api/v1/range, /api/v1/ports]\n"
    with Secure(text, folder, f"--web.listen-address=:{port}", *ALL):
        assert ask(OUTSIDE, port, "/api/v1/destinations", ALICE).status == 200
        for headers in ({}, WRONG):
            assert ask(OUTSIDE, port, "/api/v1/destinations", headers).status == 401
            refused = ask("127.0.0.1", port, "/api/v1/destinations", headers)
            assert openapi.checked("/api/v1/destinations", *refused)["status"] == 401
        # Nobody checks it on a path for everyone.
        for path in ("/api/v1/range", "/api/v1/ports"):
            for headers in CLAIMS:
                assert_refused(ask(OUTSIDE, port, path, headers))
            assert ask("127.0.0.1", port, path).status == 200
        assert ask(OUTSIDE, port, "/metrics").status == 200
        # The page is for everyone, and may ask for a password when it asks the API.
        assert 'data-api="on"' in ask(OUTSIDE, port, "/").body.decode()


@pytest.mark.parametrize("kind, verifies", [
    ("RequireAndVerifyClientCert", True), ("VerifyClientCertIfGiven", True),
    ("RequireAnyClientCert", False), ("RequestClientCert", False), ("NoClientCert", False)])
def test_a_certificate_counts_if_it_was_verified(folder, kind, verifies):
    @in_namespace
    def body():
        add_address(OUTSIDE, 32)
        authority = Authority(folder)
        pair = authority.issue("server", f"IP:{OUTSIDE}")
        client = authority.issue("client", None, "clientAuth")
        lines = [f"client_auth_type: {kind}"]
        if verifies:
            lines.append(f"client_ca_file: {authority.certificate}")
        port = free_port()
        trusts, nobody = trusting(authority, client), trusting(authority)
        with Secure(server(pair, *lines), folder, f"--web.listen-address={OUTSIDE}:{port}", *ALL):
            answer = ask(OUTSIDE, port, PATHS[0], context=trusts)
            if verifies:
                assert answer.status == 200
            else:
                # Anybody can make such a certificate.
                assert_refused(answer)
            if kind.startswith("Require"):
                with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
                    ask(OUTSIDE, port, PATHS[0], context=nobody)
            else:
                assert_refused(ask(OUTSIDE, port, PATHS[0], context=nobody))
                assert ask(OUTSIDE, port, "/metrics", context=nobody).status == 200

    body()
