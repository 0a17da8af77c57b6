# SPDX-License-Identifier: Apache-2.0
"""`ephemera check-config`: what it says, and that it agrees with a Prometheus exporter in Go."""

import os
import re
import shutil
import socket
import subprocess
import threading

import pytest

import lib.exporter
from lib.exporter import free_port, run
from lib.tools import debian_binary

HASH = "$2y$10$Td8BHUGA7JuJXM7QxIevfeDoXNnLEOY5bQm2KS2QrVYhBQTYV2H6a"

TLS = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
HEADERS = "http_server_config:\n  headers:\n    "
USER = "basic_auth_users:\n  alice: "


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Has a certificate, its key, and itself for a CA."""
    path = tmp_path_factory.mktemp("config")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", path / "key.pem", "-out",
                    path / "cert.pem", "-days", "2", "-subj", "/CN=localhost"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.copy(path / "cert.pem", path / "ca.pem")
    return path


def check(directory, text, **kw):
    path = directory / "web.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run("check-config", path, **kw)


def said(directory, text):
    """The lines of the summary of what is right."""
    done = check(directory, text)
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first == f"{directory}/web.yml: OK"
    return rest


def refused(directory, text):
    """What is said of what is wrong: one line on stderr, and nothing on stdout."""
    done = check(directory, text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    name = f"{directory}/web.yml:"
    assert done.stderr.startswith(name)
    return done.stderr.removeprefix(name).removesuffix("\n")


# What it says

def test_of_nothing(directory):
    assert said(directory, "") == [
        "  TLS: off", "  users: none, no password required", "  rate limit: none"]


def test_of_everything(directory):
    assert said(directory, TLS + f"""
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [a.example, b.example]
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP256]
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
basic_auth_users:
  alice: {HASH}
  bob: {HASH}
auth_excluded_paths: [/-/healthy]
rate_limit:
  interval: 250ms
  burst: 20
""") == [
        "  TLS: 1.2 to 1.3",
        "  client certificates: required and verified, with one of 2 names",
        "  cipher suites: 1",
        "  curves: 2",
        "  users: 2",
        "  paths without a password: 1",
        "  headers: X-Frame-Options, Strict-Transport-Security",
        "  rate limit: 20 at once, then one every 0.25 s",
        "  no effect: http2 (HTTP/2 is not supported)"]


@pytest.mark.parametrize("kind, words", [
    ("NoClientCert", "not requested"),
    ("RequestClientCert", "requested, not verified"),
    ("RequireAnyClientCert", "required, not verified"),
    ("VerifyClientCertIfGiven", "verified if given"),
])
def test_of_client_certificates(directory, kind, words):
    assert f"  client certificates: {words}" in said(
        directory, TLS + f"  client_auth_type: {kind}\n")


def test_of_one_version(directory):
    assert "  TLS: 1.3 only" in said(directory, TLS + "  min_version: TLS13\n")


def test_of_passwords_without_tls(directory):
    assert said(directory, USER + HASH + "\n")[1] == \
        "  users: 1; without TLS, passwords cross the network unencrypted"


def test_of_costs_that_differ(directory):
    dear = HASH.replace("$10$", "$12$")
    lines = said(directory, TLS + f"{USER}{HASH}\n  bob: {dear}\n  carol: {HASH}\n")
    assert lines[2:4] == ["  users: 3", "  warning: bcrypt costs from 10 to 12: the cheaper "
                          "passwords are easier to guess; use one cost"]
    assert not any("warning" in line for line in said(
        directory, f"{USER}{dear}\n  bob: {dear}\n"))


def test_what_is_wrong_is_named_with_its_line(directory):
    assert refused(directory, "tls_server_config:\n  cert_fil: cert.pem\n") == \
        '2: tls_server_config: unknown key "cert_fil"'
    assert refused(directory, TLS.replace("key.pem", "no.pem")) == \
        f"3: tls_server_config: key_file: {directory}/no.pem: No such file or directory"
    assert refused(directory, TLS + "basic_auth_users:\n") == \
        "4: basic_auth_users: has no value: give it one, or remove the key"
    assert refused(directory, USER + HASH.replace("$10$", "$31$")).startswith(
        "2: basic_auth_users: alice: the bcrypt cost must be from 4 to 16, not 31")


def test_nothing_of_the_file_speaks_to_a_terminal(directory):
    assert refused(directory, b'"\\e[31mred\\x9b": x\n') == '1: unknown key "?[31mred??"'
    path = directory / "\x1b[31m.yml"
    path.write_text("")
    assert run("check-config", path).stdout.startswith(f"{directory}/?[31m.yml: OK\n")
    path.write_text("nonsense")
    assert run("check-config", path).stderr.startswith(f"{directory}/?[31m.yml:1: ")


def test_what_is_no_file(directory, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, why in ((tmp_path / "none", "No such file or directory"),
                      (tmp_path, "is a directory"), (fifo, "is not a regular file"),
                      ("/dev/zero", "is not a regular file")):
        done = run("check-config", path, timeout=10)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{path}: {why}\n")
    assert refused(directory, TLS.replace("key.pem", str(fifo))) == \
        f"3: tls_server_config: key_file: {fifo}: is not a regular file"


def test_a_file_that_may_not_be_read(public_binary, tmp_path):
    for part in (tmp_path, *tmp_path.parents[:-1]):
        if part.stat().st_uid == os.getuid() and "pytest" in part.name:
            part.chmod(0o755)
    path = tmp_path / "web.yml"
    path.write_text("")
    path.chmod(0)
    assert public_binary == lib.exporter.BINARY
    done = run("check-config", path, **({"user": 65534, "group": 65534, "extra_groups": []}
                                        if os.geteuid() == 0 else {}))
    assert (done.returncode, done.stderr) == (1, f"{path}: Permission denied\n")


def test_a_relative_path(directory):
    (directory / "web.yml").write_text(TLS)
    done = run("check-config", "web.yml", cwd=directory)
    assert done.returncode == 0
    assert done.stdout.startswith("web.yml: OK\n")


def test_a_full_disk_is_no_success(directory):
    (directory / "web.yml").write_text("")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([lib.exporter.BINARY, "check-config", directory / "web.yml"],
                              stdout=full, stderr=subprocess.PIPE, check=False, timeout=30)
    assert done.returncode == 1


def test_the_command_line():
    done = run("check-config")
    assert done.returncode == 2
    assert "check-config" in done.stderr
    assert run("check-config", "a", "b").returncode == 2


# What an exporter of Prometheus' own says of the same files


def peer():
    return debian_binary("prometheus-node-exporter", "usr/bin/prometheus-node-exporter")


def go_of_peer():
    """The version of Go that built it, as two numbers."""
    said = subprocess.run([peer(), "--version"], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout
    return tuple(map(int, re.search(r"go version: +go(\d+)\.(\d+)", said).groups()))


RIGHT = {
    "empty": "",
    "document": "---\n...\n",
    "null": "null\n",
    "nothing": "{}\n",
    "version 1.1": "%YAML 1.1\n---\n{}\n",
    "byte order mark": "\ufeff{}\n",
    "TLS": TLS,
    "TLS with quotes": "tls_server_config: {cert_file: 'cert.pem', key_file: \"key.pem\"}\n",
    "no TLS, no path": "tls_server_config: {cert_file: '', key_file: ''}\n",
    "no TLS, a version": "tls_server_config: {min_version: TLS13}\n",
    "no TLS, ciphers": "tls_server_config: {cipher_suites: [TLS_AES_128_GCM_SHA256]}\n",
    "versions": TLS + "  min_version: TLS10\n  max_version: TLS12\n",
    "no client certificate": TLS + "  client_auth_type: NoClientCert\n",
    "RequestClientCert": TLS + "  client_auth_type: RequestClientCert\n",
    "RequireAnyClientCert": TLS + "  client_auth_type: RequireAnyClientCert\n",
    "RequireClientCert": TLS + "  client_auth_type: RequireClientCert\n",
    "VerifyClientCertIfGiven": TLS + "  client_auth_type: VerifyClientCertIfGiven\n",
    "RequireAndVerifyClientCert": TLS + "  client_auth_type: RequireAndVerifyClientCert\n"
                                        "  client_ca_file: ca.pem\n",
    "CA that is not used": TLS + "  client_auth_type: RequestClientCert\n"
                                 "  client_ca_file: ca.pem\n",
    "ciphers": TLS + "  cipher_suites:\n" + "".join(f"  - {name}\n" for name in (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA")),
    "no ciphers": TLS + "  cipher_suites: []\n",
    "curves": TLS + "  curve_preferences: [CurveP256, CurveP384, CurveP521, X25519]\n",
    "client's order": TLS + "  prefer_server_cipher_suites: no\n",
    "http2 y": "http_server_config: {http2: y}\n",
    "http2 Off": "http_server_config: {http2: Off}\n",
    "headers": HEADERS + "X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n"
               "    X-XSS-Protection: 1\n    Content-Security-Policy: \"default-src 'self'\"\n"
               "    Strict-Transport-Security: max-age=31536000; includeSubDomains\n",
    "sameorigin": HEADERS + "X-Frame-Options: sameorigin\n",
    "empty header": HEADERS + "X-XSS-Protection: ''\n",
    "user": USER + HASH + "\n",
    "user, $2a$": USER + HASH.replace("2y", "2a") + "\n",
    "user, $2b$": USER + f"'{HASH.replace('2y', '2b')}'\n",
    "user, cost 4": USER + HASH.replace("$10", "$04") + "\n",
    "user 1": f"basic_auth_users: {{1: {HASH}}}\n",
    "alias": f"basic_auth_users: {{a: &h '{HASH}', b: *h}}\n",
    "string": f"basic_auth_users: {{a: !!str {HASH}}}\n",
}

WRONG = {
    "key is a certificate": "tls_server_config:\n  cert_file: cert.pem\n  key_file: cert.pem\n",
    "certificate is a key": "tls_server_config:\n  cert_file: key.pem\n  key_file: key.pem\n",
    "text": "foo\n",
    "list": "- a\n",
    "unknown key": "a: b\n",
    "empty key": "'': b\n",
    "unknown key of TLS": TLS + "  cert_fil: cert.pem\n",
    "unknown key of HTTP": "http_server_config: {http3: true}\n",
    "section twice": "tls_server_config: {}\ntls_server_config: {}\n",
    "key twice": TLS + "  key_file: key.pem\n",
    "user twice": f"basic_auth_users: {{a: '{HASH}', a: '{HASH}'}}\n",
    "tab": "http_server_config:\n\theaders: {}\n",
    "open bracket": "tls_server_config: {\n",
    "unknown alias": "tls_server_config: *a\n",
    "alias in itself": "tls_server_config: &a {cert_file: *a}\n",
    "alias of the wrong kind": "http_server_config: &x {http2: true}\ntls_server_config: *x\n",
    "number for TLS": "tls_server_config: 5\n",
    "text for TLS": "tls_server_config: ''\n",
    "list for HTTP": "http_server_config: []\n",
    "list for headers": "http_server_config: {headers: []}\n",
    "list for users": "basic_auth_users: []\n",
    "text for users": "basic_auth_users: a\n",
    "list for a path": "tls_server_config: {cert_file: [cert.pem], key_file: key.pem}\n",
    "list for a key": "http_server_config: {headers: {? [a] : b}}\n",
    "no key": "tls_server_config: {cert_file: cert.pem}\n",
    "no certificate": "tls_server_config: {key_file: key.pem}\n",
    "only a CA": "tls_server_config: {client_ca_file: ca.pem}\n",
    "only NoClientCert": "tls_server_config: {client_auth_type: NoClientCert}\n",
    "missing certificate": TLS.replace("cert.pem", "none.pem"),
    "missing key": TLS.replace("key.pem", "none.pem"),
    "missing CA": TLS + "  client_auth_type: RequireAndVerifyClientCert\n"
                        "  client_ca_file: none.pem\n",
    "certificate is a directory": TLS.replace("cert.pem", "."),
    "zero byte in a path": 'tls_server_config: {cert_file: "cert.pem\\0x", key_file: key.pem}\n',
    "CA without client_auth_type": TLS + "  client_ca_file: ca.pem\n",
    "CA with NoClientCert": TLS + "  client_ca_file: ca.pem\n  client_auth_type: NoClientCert\n",
    "unknown client_auth_type": TLS + "  client_auth_type: Require\n",
    "client_auth_type in lower case": TLS + "  client_auth_type: requireanyclientcert\n",
    "unknown version": TLS + "  min_version: TLS14\n",
    "version in lower case": TLS + "  max_version: tls12\n",
    "empty version": TLS + "  min_version: ''\n",
    "unknown cipher": TLS + "  cipher_suites: [TLS_NONE]\n",
    "cipher that is insecure": TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
    "cipher that is insecure too": TLS + "  cipher_suites: [TLS_RSA_WITH_3DES_EDE_CBC_SHA]\n",
    "text for ciphers": TLS + "  cipher_suites: TLS_AES_128_GCM_SHA256\n",
    "unknown curve": TLS + "  curve_preferences: [CurveP224]\n",
    "text for a truth value": TLS + "  prefer_server_cipher_suites: 'yes'\n",
    "number for a truth value": "http_server_config: {http2: 1}\n",
    "unknown header": HEADERS + "Server: a\n",
    "header in lower case": HEADERS + "x-frame-options: deny\n",
    "X-Frame-Options": HEADERS + "X-Frame-Options: DENY\n",
    "X-Content-Type-Options": HEADERS + "X-Content-Type-Options: sniff\n",
    "password for a hash": USER + "password\n",
    "no hash": USER + "\n",
    "cost 3": USER + HASH.replace("$10", "$03") + "\n",
    "cost 32": USER + HASH.replace("$10", "$32") + "\n",
    "cost in letters": USER + HASH.replace("$10", "$xy") + "\n",
}

# Where the two differ, and why. The first is what ephemera says.
DIFFERENT = {
    "a second document, which Go does not read": (False, "{}\n---\n{}\n"),
    "merge keys, of which each reader makes something else": (
        False, "tls_server_config:\n  <<: {cert_file: cert.pem}\n  key_file: key.pem\n"),
    "tags other than those of text, lists and mappings": (
        False, "http_server_config: {http2: !!bool yes}\n"),
    "versions that no handshake can meet": (
        False, TLS + "  min_version: TLS13\n  max_version: TLS12\n"),
    "nothing to verify with, for which Go takes the host's CAs": (
        False, TLS + "  client_auth_type: RequireAndVerifyClientCert\n"),
    "a device for a file": (False, TLS + "  client_auth_type: RequestClientCert\n"
                                         "  client_ca_file: /dev/null\n"),
    "sections without a value, which are what is left of a file that was cut": (
        False, "tls_server_config:\nhttp_server_config: ~\nbasic_auth_users: null\n"),
    "no users": (False, "basic_auth_users:\n"),
    "a certificate without a value": (
        False, "tls_server_config: {cert_file: ~, key_file: null}\n"),
    "a version without a value": (False, TLS + "  min_version: ~\n"),
    "client_auth_type without a value": (False, TLS + "  client_auth_type:\n"),
    "ciphers without a value": (False, TLS + "  cipher_suites:\n"),
    "http2 without a value": (False, "http_server_config: {http2: }\n"),
    "headers without a value": (False, "http_server_config: {headers: }\n"),
    "a cost that takes seconds": (False, USER + HASH.replace("$10", "$17") + "\n"),
    "a hash of the variant that is known to be broken": (
        False, USER + HASH.replace("2y", "2x") + "\n"),
    "a hash cut off, which no password fits": (False, USER + HASH[:-1] + "\n"),
    "a hash with more behind it": (False, USER + HASH + "xx\n"),
    "a hash with other characters": (False, USER + HASH[:7] + "!" + HASH[8:] + "\n"),
    "a user without a name": (False, f"basic_auth_users: {{'': {HASH}}}\n"),
    "a user who cannot log in": (False, f"basic_auth_users: {{'a:b': {HASH}}}\n"),
    "a header of two lines": (False, HEADERS + 'Strict-Transport-Security: "a\\nb"\n'),
    "a header outside of ASCII": (False, HEADERS + "Strict-Transport-Security: \xfc\n"),
    "an empty header, which the documentation calls unset": (
        True, HEADERS + "X-Frame-Options: ''\n"),
    "ciphers that HTTP/2 forbids": (
        True, TLS + "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n"),
    "YAML 1.2": (True, "%YAML 1.2\n---\n{}\n"),
}


def peer_accepts(directory, text):
    """Whether it serves with the file, and what it logged."""
    path = directory / "peer.yml"
    path.write_text(text)
    port = free_port()
    process = subprocess.Popen(
        [peer(), "--collector.disable-defaults", f"--web.config.file={path}",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    limit = threading.Timer(30, process.kill)
    limit.start()
    log = []
    try:
        for line in process.stderr:
            log.append(line)
            # It listens before it looks at the file, and may still fail behind this line.
            if "TLS is" in line and answers(port):
                return True, "".join(log)
        assert process.wait() == 1, "".join(log)
        return False, "".join(log)
    finally:
        limit.cancel()
        process.kill()
        process.communicate()


def answers(port):
    """With TLS or without: a request without it is answered in any case."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.recv(1) != b""
    except OSError:
        return False


def compare(directory, text, ours, theirs):
    accepted, log = peer_accepts(directory, text)
    assert accepted == theirs, log
    done = check(directory, text)
    assert (done.returncode == 0) == ours, done


@pytest.mark.parametrize("name", RIGHT)
def test_both_accept(directory, name):
    compare(directory, RIGHT[name], True, True)


@pytest.mark.parametrize("name", WRONG)
def test_both_refuse(directory, name):
    compare(directory, WRONG[name], False, False)


@pytest.mark.parametrize("name", DIFFERENT)
def test_they_differ_on_purpose(directory, name):
    ours, text = DIFFERENT[name]
    compare(directory, text, ours, not ours)


# Those without forward secrecy, which Go counts among the insecure ones since 1.23.
RSA_CIPHERS = ["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_CBC_SHA",
               "TLS_RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_256_GCM_SHA384"]
RSA_CIPHERS_GONE = (1, 23)


@pytest.mark.parametrize("name", RSA_CIPHERS)
def test_ciphers_that_go_has_given_up(directory, name):
    # With one that HTTP/2 takes, so that nothing else is wrong with the list.
    compare(directory, TLS + f"  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, {name}]\n",
            True, go_of_peer() < RSA_CIPHERS_GONE)
