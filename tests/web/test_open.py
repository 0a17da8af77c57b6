# SPDX-License-Identifier: Apache-2.0
"""What the page at "/" says of what is open: to whom it says what, and that it is true."""

import html
import http.client
import re

import pytest

from lib.certificates import Authority
from lib.exporter import Exporter, Response, UnixConnection, free_port
from lib.namespace import in_namespace
from lib.secure import PASSWORDS, Secure, authorization, server, trusting, users
from lib.sockets import add_address

ALICE = authorization("alice", PASSWORDS["alice"])
NO_PASSWORD = "It asks for no password: everyone who can connect can read the metrics."
OFF = "The API is off."
ON = "The API is on: it also shows addresses, users and command lines."


def ask(exporter, host, headers=None):
    """GET / with that Host, which exporter.get() would send besides its own."""
    connection = (UnixConnection(exporter.host.removeprefix("unix:"), 30)
                  if exporter.host.startswith("unix:")
                  else http.client.HTTPConnection(exporter.host, exporter.port, timeout=30))
    try:
        connection.request("GET", "/", headers={"Host": host, "Connection": "close",
                                                **(headers or {})})
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())
    finally:
        connection.close()


def sentence(answer):
    assert answer.status == 200
    [found] = re.findall(r'<p class="open" id="open">(.*?)</p>', answer.body.decode())
    assert "@" not in found
    return html.unescape(found)


def test_by_default_on_this_host():
    port = free_port()
    with Exporter(f"--web.listen-address=:{port}") as exporter:
        exporter.host = "127.0.0.1"
        assert sentence(ask(exporter, "localhost")) == (
            f"It listens on every address, port {port}. {NO_PASSWORD} {OFF}")
        assert ask(exporter, "localhost").headers["Cache-Control"] == "no-store"


def test_every_address_it_listens_on(folder):
    first, second = free_port(), free_port()
    with Exporter(f"--web.listen-address=127.0.0.1:{first}",
                  f"--web.listen-address=0.0.0.0:{second}",
                  f"--web.listen-address=unix:{folder}/<b>", "--web.enable-api") as exporter:
        assert sentence(ask(exporter, "localhost")) == (
            f"It listens on 127.0.0.1:{first}, every IPv4 address, port {second} and "
            f"unix:{folder}/<b>. {NO_PASSWORD} {ON}")
        exporter.host = f"unix:{folder}/<b>"
        assert sentence(ask(exporter, "localhost")) == (
            f"You reached it at a unix socket. {NO_PASSWORD} {ON}")


@in_namespace
def test_who_is_not_known_learns_no_other_address():
    add_address("192.0.2.7", 32)
    port, other = free_port(), free_port()
    with Exporter(f"--web.listen-address=192.0.2.7:{port}",
                  f"--web.listen-address=127.0.0.1:{other}") as exporter:
        assert sentence(ask(exporter, "scraped.example")) == (
            f"You reached it at 192.0.2.7:{port}. {NO_PASSWORD} {OFF}")
        # A web page whose name was made to resolve to a loopback address, or a proxy.
        exporter.host, exporter.port = "127.0.0.1", other
        for name in ("scraped.example", "127.0.0.1.example"):
            assert sentence(ask(exporter, name)) == (
                f"You reached it at 127.0.0.1:{other}. {NO_PASSWORD} {OFF}")
        assert f"It listens on 192.0.2.7:{port} and 127.0.0.1:{other}." in sentence(
            ask(exporter, f"localhost:{other}"))


@pytest.mark.parametrize("flags", [[], ["--web.enable-api"]], ids=["without API", "with API"])
def test_with_a_password(folder, flags):
    with Secure(users("alice"), folder, *flags) as exporter:
        assert sentence(ask(exporter, "scraped.example", ALICE)) == (
            f"It listens on 127.0.0.1:{exporter.port}. It asks for a password. "
            f"{ON if flags else OFF}")
        assert exporter.get("/").status == 401


@pytest.mark.parametrize("flags", [[], ["--web.enable-api"]], ids=["without API", "with API"])
def test_a_page_for_everyone_tells_only_that_there_is_a_password(folder, flags):
    """Whoever has none cannot ask whether there is an API: everything else is refused."""
    text = users("alice") + "auth_excluded_paths: [/]\n"
    other = free_port()
    with Secure(text, folder, *flags, f"--web.listen-address=127.0.0.1:{free_port()}",
                f"--web.listen-address=127.0.0.1:{other}") as exporter:
        for host in ("localhost", "scraped.example"):
            assert sentence(ask(exporter, host)) == (
                f"You reached it at 127.0.0.1:{exporter.port}. "
                "It asks for a password, but not for this page.")


def test_what_it_says_follows_a_reload(folder):
    with Secure("", folder) as exporter:
        assert NO_PASSWORD in sentence(ask(exporter, "localhost"))
        exporter.file.write_text(users("alice"))
        exporter.wait_for_log(lambda line: "Reloaded the web configuration" in line)
        assert "It asks for a password." in sentence(exporter.get("/", ALICE))


def test_client_certificates(folder):
    authority = Authority(folder)
    client = authority.issue("client", None, "clientAuth")
    text = server(authority.issue("server"), "client_auth_type: RequireAndVerifyClientCert",
                  f"client_ca_file: {authority.certificate}")
    context = trusting(authority, client)
    with Secure(text, folder) as exporter:
        assert "It asks for a client certificate, but for no password." in sentence(
            exporter.fetch(context, "/"))
    with Secure(text + users("alice"), folder) as exporter:
        assert "It asks for a client certificate and a password." in sentence(
            exporter.fetch(context, "/", ALICE))
