# SPDX-License-Identifier: Apache-2.0
"""/api/v1/summary of a router: the fullest pool of source NAT, of the last scrape and without a look of its own."""

import os
import socket
import subprocess
import time

import pytest

from lib import openapi
from lib.exporter import Exporter
from lib.namespace import in_namespace
from router import PATH, Router, connected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

SUMMARY = "/api/v1/summary"
ON = ("--web.enable-api", "--collector.snat", "--web.listen-address=127.0.0.1:10059")
PORT, PORTS, OPENED, OTHERS = 443, 10, 7, 3


def snat(exporter):
    answer = exporter.get(SUMMARY)
    assert answer.status == 200, answer.body
    return openapi.checked(SUMMARY, *answer).get("snat")


@in_namespace(seconds=120)
def test_the_fullest_pool_is_that_of_the_last_scrape():
    router = Router()
    router.rules("masquerade to :40000-40009")
    kept = [router.listen(PORT), router.listen(PORT, host=3)]
    with Exporter(*ON) as exporter:
        assert snat(exporter) is None
        exporter.metrics()
        calm = snat(exporter)
        assert (calm["used"], calm["ports"], calm["usage_ratio"]) == (0, PORTS, 0)
        assert "destination" not in calm
        kept += connected([router.new(client=2) for _ in range(OTHERS)], ("10.77.2.3", PORT), wanted=OTHERS)
        kept += connected([router.new(client=2) for _ in range(OPENED)], ("10.77.2.2", PORT), wanted=OPENED)
        # No request of the API reads the entries.
        assert snat(exporter) == calm
        before = time.time() * 1000 - 1
        exporter.metrics()
        full = snat(exporter)
        assert before <= full.pop("time_ms") <= time.time() * 1000
        assert full == {"protocol": "tcp", "source": "10.77.2.1", "destination": "10.77.2.2", "destination_port": PORT,
                        "used": OPENED, "ports": PORTS, "usage_ratio": OPENED / PORTS}


@in_namespace(seconds=120)
def test_the_zone_of_the_fullest_pool():
    router = Router()
    router.rules("masquerade to :40000-40009")
    subprocess.run(["nft", "add table inet zones; add chain inet zones pre "
                    "{ type filter hook prerouting priority raw; ip saddr 10.77.1.2 ct zone set 7; }"],
                   check=True, env={**os.environ, "PATH": PATH})
    asking = [router.new(client=2, kind=socket.SOCK_DGRAM) for _ in range(3)]
    for sock in asking:
        sock.sendto(b"?", ("10.77.2.2", 53))
    with Exporter(*ON) as exporter:
        exporter.metrics()
        full = snat(exporter)
    assert (full["protocol"], full["destination_port"], full["zone"], full["used"]) == ("udp", 53, 7, 3)


@in_namespace
def test_without_the_collector_nothing_is_said():
    with Exporter("--web.enable-api") as exporter:
        exporter.metrics()
        assert snat(exporter) is None
