# SPDX-License-Identifier: Apache-2.0
"""tls_server_config: who gets in, and how; and what happens when it changes."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import warnings

import pytest

from lib.certificates import Authority
from lib.exporter import Metrics, run
from lib.secure import Secure, server, trusting
from raw import descriptors, wait_until

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
REFUSED = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)


@pytest.fixture(scope="module")
def world(module_folder):
    """Authorities, and certificates of all kinds."""
    directory = module_folder

    class World:
        authority = Authority(directory)
        stranger = Authority(directory, "stranger")
        server = authority.issue("server")
        rsa = authority.issue("rsa", kind="rsa")
        client = authority.issue("client", "DNS:scraper.example,IP:192.0.2.7,IP:2001:db8::7,"
                                 "email:ops@example.org,URI:spiffe://example/prometheus",
                                 "clientAuth")
        plain_client = authority.issue("plain", None)
        server_only = authority.issue("server-only", usage="serverAuth")
        ended = authority.issue("ended", usage="clientAuth", days=-1)
        strange_client = stranger.issue("strange", usage="clientAuth")

    World.directory = directory
    return World


def get_in(exporter, context):
    """Whether a request is answered; the handshake of TLS 1.3 ends before the client knows."""
    try:
        return exporter.fetch(context, timeout=10).status == 200
    except REFUSED:
        return False


def test_metrics_over_tls(world, folder):
    with Secure(server(world.server), folder) as exporter:
        context = trusting(world.authority)
        for path in ("/metrics", "/", "/-/healthy", "/-/ready"):
            assert exporter.fetch(context, path).status == 200
        assert exporter.value(context, "ephemera_range_ports") > 0
        with pytest.raises(ssl.SSLCertVerificationError):
            exporter.fetch(trusting(world.stranger))


def test_a_large_answer_over_tls(world, folder):
    with Secure(server(world.server), folder, "--web.enable-api") as exporter:
        context = trusting(world.authority)
        body = exporter.fetch(context, "/api/v1/ports").body
        assert len(body) > 65536
        gzipped = exporter.fetch(context, "/api/v1/ports", {"Accept-Encoding": "gzip"})
        assert gzipped.headers["Content-Encoding"] == "gzip"


def test_plain_http_is_not_answered(world, folder):
    with Secure(server(world.server), folder) as exporter:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            exporter.get("/metrics", timeout=10)
        assert get_in(exporter, trusting(world.authority))


def test_many_requests_on_a_connection(world, folder):
    with Secure(server(world.server), folder) as exporter:
        connection = exporter.connect(trusting(world.authority))
        for _ in range(20):
            connection.request("GET", "/-/healthy")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, b"Healthy.\n")
        connection.close()


def version_of(exporter, context):
    connection = exporter.connect(context)
    try:
        return connection.sock.version()
    finally:
        connection.close()


def test_versions(world, folder):
    either = trusting(world.authority)
    with Secure(server(world.server), folder) as exporter:
        assert version_of(exporter, either) == "TLSv1.3"
        assert version_of(exporter, trusting(world.authority, maximum=TLS12)) == "TLSv1.2"
    with Secure(server(world.server, "max_version: TLS12"), folder) as exporter:
        assert version_of(exporter, either) == "TLSv1.2"
        assert not get_in(exporter, trusting(world.authority, minimum=TLS13))
    with Secure(server(world.server, "min_version: TLS13"), folder) as exporter:
        assert version_of(exporter, either) == "TLSv1.3"
        assert not get_in(exporter, trusting(world.authority, maximum=TLS12))


def cipher_of(exporter, context):
    connection = exporter.connect(context)
    try:
        return connection.sock.cipher()[0]
    finally:
        connection.close()


ECDSA_SUITES = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}


@pytest.mark.parametrize("suite", ECDSA_SUITES)
def test_cipher_suites(world, folder, suite):
    # The RSA suite does not go with this certificate, and must not let its cipher in.
    lines = ("cipher_suites:", f"- {suite}", "- TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")
    with Secure(server(world.server, *lines), folder) as exporter:
        for openssl in ECDSA_SUITES.values():
            context = trusting(world.authority, maximum=TLS12, ciphers=openssl)
            if openssl == ECDSA_SUITES[suite]:
                assert cipher_of(exporter, context) == openssl
            else:
                assert not get_in(exporter, context)
        assert not get_in(exporter, trusting(world.authority, maximum=TLS12,
                                             ciphers="ECDHE-ECDSA-AES128-SHA"))
        # What TLS 1.3 has of them, it may use.
        assert version_of(exporter, trusting(world.authority)) == "TLSv1.3"


def test_cipher_suites_of_an_rsa_certificate(world, folder):
    lines = ("cipher_suites:", "- TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "max_version: TLS12")
    with Secure(server(world.rsa, *lines), folder) as exporter:
        assert cipher_of(exporter, trusting(world.authority)) == "ECDHE-RSA-AES256-GCM-SHA384"
        assert not get_in(exporter, trusting(world.authority,
                                             ciphers="ECDHE-RSA-AES128-GCM-SHA256"))


# Key exchange with the certificate's own key.
STATIC = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA")


def static(world, suites, maximum=TLS12):
    """A client that offers nothing with forward secrecy."""
    context = trusting(world.authority, maximum=maximum, ciphers=f"{suites}:@SECLEVEL=0")
    context.minimum_version = min(maximum, TLS12)
    return context


@pytest.mark.parametrize("suites", [*STATIC, ":".join(STATIC)])
def test_without_forward_secrecy_no_one_gets_in_by_default(world, folder, suites):
    with Secure(server(world.rsa), folder) as exporter:
        assert not get_in(exporter, static(world, suites))
        # The same client with one suite more.
        assert get_in(exporter, static(world, f"{suites}:ECDHE-RSA-AES128-GCM-SHA256"))
        assert version_of(exporter, trusting(world.authority)) == "TLSv1.3"


def test_old_versions_have_forward_secrecy_too(world, folder):
    old = ssl.TLSVersion.TLSv1_1
    with Secure(server(world.rsa, "min_version: TLS10"), folder) as exporter:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            assert not get_in(exporter, static(world, "AES128-SHA", old))
            assert get_in(exporter, static(world, "ECDHE-RSA-AES128-SHA", old))


def test_a_list_of_suites_may_allow_it(world, folder):
    lines = ("cipher_suites:", "- TLS_RSA_WITH_AES_128_GCM_SHA256")
    with Secure(server(world.rsa, *lines), folder) as exporter:
        assert cipher_of(exporter, static(world, "AES128-GCM-SHA256")) == "AES128-GCM-SHA256"
        assert not get_in(exporter, static(world, "AES256-GCM-SHA384"))


def test_suites_of_another_kind_of_key_are_an_error(world, folder):
    file = folder / "web.yml"
    file.write_text(server(world.rsa, "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
                           "max_version: TLS12"))
    done = run(f"--web.config.file={file}")
    assert done.returncode == 1
    assert "cipher_suites: none of them works with the certificate's key" in done.stderr


@pytest.mark.parametrize("prefers, found", [("true", "ECDHE-ECDSA-AES256-GCM-SHA384"),
                                            ("false", "ECDHE-ECDSA-AES128-GCM-SHA256")])
def test_whose_preference_counts(world, folder, prefers, found):
    lines = ("max_version: TLS12", f"prefer_server_cipher_suites: {prefers}", "cipher_suites:",
             "- TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
             "- TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")
    with Secure(server(world.server, *lines), folder) as exporter:
        context = trusting(world.authority, maximum=TLS12, ciphers=(
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"))
        assert cipher_of(exporter, context) == found


def test_curves(world, folder):
    with Secure(server(world.server, "curve_preferences: [CurveP384]"), folder) as exporter:
        for curve, works in (("P-384", True), ("X25519", False), ("P-256", False)):
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{exporter.port}", "-groups", curve,
                 "-CAfile", world.authority.certificate], stdin=subprocess.DEVNULL, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
            assert ("New, TLSv1" in done.stdout) == works, done.stdout


# client_auth_type -> who gets in: nobody's, a stranger's, and ours.
CLIENTS = {
    "NoClientCert": (True, True, True),
    "RequestClientCert": (True, True, True),
    "RequireAnyClientCert": (False, True, True),
    "VerifyClientCertIfGiven": (True, False, True),
    "RequireAndVerifyClientCert": (False, False, True),
}


@pytest.mark.parametrize("version", [TLS12, TLS13])
@pytest.mark.parametrize("kind", CLIENTS)
def test_client_certificates(world, folder, kind, version):
    lines = [f"client_auth_type: {kind}"]
    if "Verify" in kind:
        lines.append(f"client_ca_file: {world.authority.certificate}")
    with Secure(server(world.server, *lines), folder) as exporter:
        for client, gets_in in zip((None, world.strange_client, world.client), CLIENTS[kind]):
            context = trusting(world.authority, client, minimum=version, maximum=version)
            assert get_in(exporter, context) == gets_in


def test_no_certificate_ends_in_the_handshake(world, folder):
    lines = ("client_auth_type: RequireAndVerifyClientCert",
             f"client_ca_file: {world.authority.certificate}")
    with Secure(server(world.server, *lines), folder) as exporter:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            exporter.connect(trusting(world.authority, maximum=TLS12))
        # In TLS 1.3 the client's side of it is over before the server has looked.
        connection = exporter.connect(trusting(world.authority))
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            connection.request("GET", "/metrics")
            connection.getresponse()
        counted = exporter.value(trusting(world.authority, world.client),
                                 "ephemera_http_requests_total", code="200")
        assert counted == 0, "nobody got an answer"


def test_which_certificates_are_good(world, folder):
    lines = ("client_auth_type: RequireAndVerifyClientCert",
             f"client_ca_file: {world.authority.certificate}")
    with Secure(server(world.server, *lines), folder) as exporter:
        for client, good in ((world.client, True), (world.plain_client, True),
                             (world.server_only, False), (world.ended, False),
                             (world.strange_client, False)):
            assert get_in(exporter, trusting(world.authority, client)) == good, client.certificate


SANS = [("scraper.example", True), ("192.0.2.7", True), ("2001:db8::7", True),
        ("ops@example.org", True), ("spiffe://example/prometheus", True),
        ("scraper.exampl", False), ("SCRAPER.example", False), ("192.0.2.70", False),
        ("client", False)]


@pytest.mark.parametrize("san, good", SANS, ids=[san for san, _ in SANS])
def test_allowed_sans(world, folder, san, good):
    lines = ("client_auth_type: RequireAndVerifyClientCert",
             f"client_ca_file: {world.authority.certificate}",
             f'client_allowed_sans: ["nobody.example", "{san}"]')
    with Secure(server(world.server, *lines), folder) as exporter:
        assert get_in(exporter, trusting(world.authority, world.client)) == good
        assert not get_in(exporter, trusting(world.authority, world.plain_client))
        assert not get_in(exporter, trusting(world.authority))


def test_inline(world, folder):
    def block(key, path):
        return f"  {key}: |\n" + "".join(f"    {line}\n" for line in path.read_text().splitlines())

    text = ("tls_server_config:\n" + block("cert", world.server.certificate)
            + block("key", world.server.key) + block("client_ca", world.authority.certificate)
            + "  client_auth_type: RequireAndVerifyClientCert\n")
    with Secure(text, folder) as exporter:
        assert get_in(exporter, trusting(world.authority, world.client))
        assert not get_in(exporter, trusting(world.authority))


@pytest.mark.parametrize("make, why", [
    (lambda world: server(type(world.server)(world.server.certificate, world.rsa.key)),
     "tls_server_config: key: does not match the certificate"),
    (lambda world: server(type(world.server)(world.server.key, world.server.key)),
     "tls_server_config: certificate and key: "),
    (lambda world: server(type(world.server)(world.server.certificate, world.server.certificate)),
     "tls_server_config: certificate and key: "),
    (lambda world: server(world.server, "client_auth_type: RequireAndVerifyClientCert",
                          f"client_ca_file: {world.server.key}"),
     "tls_server_config: client_ca: "),
], ids=["other key", "no certificate", "no key", "no authority"])
def test_certificates_that_do_not_do(world, folder, make, why):
    file = folder / "web.yml"
    file.write_text(make(world))
    for command in (["check-config", file], [f"--web.config.file={file}"]):
        done = run(*command)
        assert done.returncode == 1
        assert f"{file}: {why}" in done.stderr


def fingerprint(exporter):
    pem = ssl.get_server_certificate((exporter.host, exporter.port))
    return ssl.PEM_cert_to_DER_cert(pem)


def replace(path, text):
    """As whoever rotates certificates does: in one step."""
    other = path.with_name(path.name + ".new")
    other.write_text(text)
    other.rename(path)


RELOADED = "ephemera_web_config_last_reload_successful"


def copied(pair, folder, mode):
    """Another pair of the same contents, in files of its own."""
    copy = type(pair)(folder / "now.crt", folder / "now.key")
    shutil.copy(pair.certificate, copy.certificate)
    shutil.copy(pair.key, copy.key)
    copy.key.chmod(mode)
    return copy


def test_a_new_certificate_is_taken_without_dropping_anyone(world, folder):
    pair = copied(world.server, folder, 0o644)
    with Secure(server(pair), folder) as exporter:
        context = trusting(world.authority)
        kept = exporter.connect(context)
        first = fingerprint(exporter)
        before = exporter.value(context, RELOADED.replace("successful",
                                                          "success_timestamp_seconds"))
        expiry = exporter.value(context, "ephemera_web_tls_certificate_expiry_timestamp_seconds")
        assert 29 * 86400 < expiry - time.time() < 31 * 86400
        time.sleep(1.1)
        replace(pair.key, world.rsa.key.read_text())
        replace(pair.certificate, world.rsa.certificate.read_text())
        wait_until(lambda: fingerprint(exporter) != first, 15, "the new certificate")
        for _ in range(3):
            kept.request("GET", "/metrics")
            response = kept.getresponse()
            body = response.read().decode()
            assert response.status == 200
        assert Metrics(body).value(RELOADED) == 1
        kept.close()
        after = exporter.value(context, RELOADED.replace("successful",
                                                         "success_timestamp_seconds"))
        assert after > before
        exporter.wait_for_log(lambda line: "Reloaded the web configuration" in line)


def test_what_has_become_wrong_leaves_the_old_one(world, folder):
    with Secure(server(world.server), folder) as exporter:
        context = trusting(world.authority)
        replace(exporter.file, server(world.server, "cert_fil: x"))
        wait_until(lambda: exporter.value(context, RELOADED) == 0, 15, "the metric")
        found = exporter.wait_for_log(lambda line: line if "The web configuration" in line else "")
        assert "cert_fil" in found and f"{exporter.file}:4" in found
        time.sleep(2.5)
        assert sum("The web configuration" in line for line in exporter.log) == 1
        exporter.file.unlink()
        wait_until(lambda: sum("The web configuration" in line for line in exporter.log) == 2, 15,
                   "the next error")
        exporter.file.write_text(server(world.server, "min_version: TLS13"))
        wait_until(lambda: exporter.value(context, RELOADED) == 1, 15, "the metric")
        assert not get_in(exporter, trusting(world.authority, maximum=TLS12))


def test_a_key_for_root_alone_is_used_and_not_read_again(world, folder):
    if os.geteuid() != 0:
        pytest.skip("only root becomes somebody else")
    pair = copied(world.server, folder, 0o600)
    with Secure(server(pair), folder) as exporter:
        context = trusting(world.authority)
        assert exporter.value(context, RELOADED) == 1
        exporter.wait_for_log(lambda line: "restart to apply changes to it" in line
                              and str(pair.key) in line)
        replace(pair.certificate, world.rsa.certificate.read_text())
        wait_until(lambda: exporter.value(context, RELOADED) == 0, 15, "the metric")
        assert get_in(exporter, context)


@pytest.mark.parametrize("before", ["tls", "plain"])
def test_tls_comes_and_goes_by_a_restart_only(world, folder, before):
    texts = {"tls": server(world.server), "plain": ""}
    other = "plain" if before == "tls" else "tls"
    with Secure(texts[before], folder) as exporter:
        replace(exporter.file, texts[other])
        found = exporter.wait_for_log(lambda line: line if "The web configuration" in line else "")
        assert "restart to apply it" in found
        if before == "tls":
            assert get_in(exporter, trusting(world.authority))
        else:
            assert exporter.metrics().value(RELOADED) == 0


def test_handshakes_that_never_end_delay_nobody(world, folder):
    hello = bytes.fromhex("1603010200010001fc0303") + bytes(32)
    with Secure(server(world.server), folder, "--web.request-timeout=2s") as exporter:
        context = trusting(world.authority)
        assert exporter.fetch(context).status == 200
        before = descriptors(exporter.pid)
        with contextlib.ExitStack() as held:
            clients = [held.enter_context(socket.create_connection((exporter.host, exporter.port)))
                       for _ in range(300)]
            for number, client in enumerate(clients):
                with contextlib.suppress(ConnectionError):
                    client.sendall([b"", hello, b"\x16", b"GET / HTTP/1.1\r\n\r\n"][number % 4])
            started = time.monotonic()
            for _ in range(3):
                assert exporter.fetch(context, timeout=10).status == 200
            assert time.monotonic() - started < 6
            wait_until(lambda: descriptors(exporter.pid) <= before, 20, "all of them cut off")
        assert exporter.value(context, "ephemera_http_refused_total",
                              reason="request_timeout") > 0


@pytest.mark.parametrize("hello", [b"", b"\x16", bytes.fromhex("1603010200010001fc0303")],
                         ids=["nothing", "a byte", "half a hello"])
def test_who_is_driven_out_before_his_handshake_was_looked_at_goes(world, folder, hello):
    """Ten connections are accepted before the first of them is read from: each of these shuts
    down another one, whose first read finds part of a handshake and the end."""
    with Secure(server(world.server), folder,
                "--web.max-connections-per-address=4") as exporter:
        context = trusting(world.authority)
        assert exporter.fetch(context).status == 200
        before = descriptors(exporter.pid)
        with contextlib.ExitStack() as held:
            os.kill(exporter.pid, signal.SIGSTOP)
            try:
                for _ in range(50):
                    client = held.enter_context(
                        socket.create_connection((exporter.host, exporter.port)))
                    client.sendall(hello)
            finally:
                os.kill(exporter.pid, signal.SIGCONT)
            wait_until(lambda: descriptors(exporter.pid) <= before + 4, 8, "46 of them closed")
            assert exporter.fetch(context).status == 200


def test_with_curl(world, folder):
    with Secure(server(world.server), folder) as exporter:
        done = subprocess.run(["curl", "-sS", "--cacert", world.authority.certificate,
                               f"https://127.0.0.1:{exporter.port}/metrics"], check=True,
                              stdout=subprocess.PIPE, text=True, timeout=30)
        assert Metrics(done.stdout).value("ephemera_range_ports") > 0
