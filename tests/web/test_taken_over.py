# SPDX-License-Identifier: Apache-2.0
"""What an attacker who runs code in the exporter cannot do with the descriptors that it has."""

import os
import re
import socket
import tempfile
from pathlib import Path

import pytest

import lib.exporter
from lib.exporter import PATIENCE, REPOSITORY, Exporter
from raw import wait_until

# A sanitizer's runtime must come before what is preloaded; ./tests/run makes this build.
PLAIN = REPOSITORY / "build" / "clang"
ATTACKER = PLAIN / "tests" / "lib" / "taken_over.so"


class Service:
    """A socket of the service manager, and one of another service that anybody may write to."""

    def __init__(self, place):
        self.victim = place / "log"
        self.notified, self.log = (self._listen(place / name) for name in ("notify", "log"))
        self.environment = {"NOTIFY_SOCKET": str(place / "notify"),
                            "TAKEN_OVER": str(self.victim), "LD_PRELOAD": str(ATTACKER)}

    @staticmethod
    def _listen(path):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.bind(str(path))
        os.chmod(path, 0o777)
        made.settimeout(0)
        return made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.notified.close()
        self.log.close()


def received(listener):
    """The datagrams that wait."""
    found = []
    while True:
        try:
            found.append(listener.recv(4096))
        except BlockingIOError:
            return found


@pytest.fixture
def service(monkeypatch):
    if not ATTACKER.exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")
    monkeypatch.setattr(lib.exporter, "BINARY", str(PLAIN / "ephemera"))
    # The name of a socket is short.
    with tempfile.TemporaryDirectory(prefix="ephemera-") as directory:
        os.chmod(directory, 0o777)
        with Service(Path(directory)) as made:
            yield made


def attacked(exporter):
    """What the attacker says: {"datagram": its sockets of that kind, "went": what it could do}."""
    line = exporter.wait_for_log(lambda line: line.startswith("taken over:") and line)
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


def test_nothing_is_sent_but_to_the_service_manager(service):
    with Exporter(env=service.environment) as exporter:
        # A good client, whose first connection is when the attack begins.
        assert exporter.metrics().value("ephemera_range_ports") > 0
        assert attacked(exporter) == {"datagram": 1, "went": 0}
        assert exporter.metrics().value("ephemera_range_ports") > 0
    assert received(service.log) == []
    assert not Path(f"{service.victim}.made").exists()
    # It still tells the service manager, to the end.
    told = received(service.notified)
    assert told[0].startswith(b"READY=1") and told[-1].startswith(b"STOPPING=1")


def test_without_the_sandbox_the_attack_works(service):
    with Exporter("--security.sandbox=off", env=service.environment) as exporter:
        exporter.metrics()
        assert attacked(exporter)["went"] >= 5
        wait_until(lambda: b"forged" in received(service.log), PATIENCE, "the forged datagram")
