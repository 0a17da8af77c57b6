# SPDX-License-Identifier: Apache-2.0
"""The real Prometheus over TLS, with a password and a certificate; and node_exporter with the same file."""

import subprocess
import time

import pytest

from lib.certificates import Authority
from lib.exporter import free_port
from lib.prometheus import Prometheus
from lib.secure import PASSWORDS, Secure, server, users
from lib.tools import debian_binary
from raw import wait_until


class World:
    def __init__(self, directory):
        self.directory = directory
        self.authority = Authority(directory)
        self.server = self.authority.issue("server")
        self.client = self.authority.issue("client", "DNS:prometheus.example", "clientAuth")

    def configuration(self, *lines):
        return server(self.server, "client_auth_type: RequireAndVerifyClientCert",
                      f"client_ca_file: {self.authority.certificate}", *lines) \
            + users("alice", "bob")

    def curl(self, port, *words):
        return subprocess.run(
            ["curl", "-sS", "-o", "-", "-w", "%{http_code}", "--cacert",
             self.authority.certificate, *words, f"https://127.0.0.1:{port}/metrics"],
            check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)

    def with_certificate(self):
        return ["--cert", self.client.certificate, "--key", self.client.key]


@pytest.fixture(scope="module")
def world(module_folder):
    directory = module_folder
    return World(directory)


def scrape_lines(world, user="alice", certificate=True):
    lines = ["scheme: https", "basic_auth:", f"  username: {user}",
             f"  password: {PASSWORDS['alice']}", "tls_config:",
             f"  ca_file: {world.authority.certificate}"]
    if certificate:
        lines += [f"  cert_file: {world.client.certificate}", f"  key_file: {world.client.key}"]
    return "".join(f"    {line}\n" for line in lines)


@pytest.mark.parametrize("options, works", [
    ({}, True), ({"user": "bob"}, False), ({"certificate": False}, False)],
    ids=["both", "wrong password", "no certificate"])
def test_prometheus_scrapes(world, folder, options, works):
    binary = debian_binary("prometheus", "usr/bin/prometheus")
    configuration = world.configuration("client_allowed_sans: [prometheus.example]")
    with Secure(configuration, folder) as exporter, \
            Prometheus(binary, f"127.0.0.1:{exporter.port}", folder,
                       scrape_lines(world, **options)) as prometheus:
        wait_until(lambda: prometheus.value("count_over_time(up[1m])"), 60, "a first scrape")
        if works:
            wait_until(lambda: prometheus.value("up") == 1, 60, "up")
            assert prometheus.value("ephemera_range_ports") > 0
        else:
            wait_until(lambda: prometheus.value("count_over_time(up[1m])") >= 2, 60, "two scrapes")
            assert prometheus.value("up") == 0
            [target] = prometheus.api("targets")["activeTargets"]
            assert target["lastError"]


def assert_asks_for_both(world, port):
    right = world.curl(port, *world.with_certificate(), "-u", "alice:secret")
    assert right.returncode == 0 and right.stdout.endswith("200"), right.stderr
    wrong = world.curl(port, *world.with_certificate(), "-u", "alice:wrong")
    assert wrong.stdout.endswith("401")
    none = world.curl(port, *world.with_certificate())
    assert none.stdout.endswith("401")
    refused = world.curl(port, "-u", "alice:secret")
    assert refused.returncode != 0 and refused.stdout.endswith("000"), refused


def test_with_curl(world, folder):
    with Secure(world.configuration(), folder) as exporter:
        assert_asks_for_both(world, exporter.port)


def test_node_exporter_takes_the_same_file(world, folder):
    binary = debian_binary("prometheus-node-exporter", "usr/bin/prometheus-node-exporter")
    file = folder / "web.yml"
    file.write_text(world.configuration())
    port = free_port()
    log = folder / "log"
    with open(log, "w") as output:
        running = subprocess.Popen(
            [binary, f"--web.config.file={file}", f"--web.listen-address=127.0.0.1:{port}",
             "--collector.disable-defaults", "--collector.loadavg"], stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while not world.curl(port, *world.with_certificate()).stdout.endswith("401"):
            assert running.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        assert_asks_for_both(world, port)
    finally:
        running.terminate()
        running.wait(timeout=20)
