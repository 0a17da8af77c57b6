# SPDX-License-Identifier: Apache-2.0
"""rate_limit beside attackers: who asks less than its share is answered."""

import http.client
import time

import pytest

from attackers import Attackers
from lib.namespace import in_namespace
from lib.secure import PASSWORDS, Secure, authorization, users
from raw import allow_many_descriptors

ALICE = authorization("alice", PASSWORDS["alice"])
GOOD = "127.0.2.1"
# A hundred a second. Beside fifty others, the good client asks half of its share.
RATE = "rate_limit:\n  interval: 10ms\n  burst: 100\n"
ASKED = 10


def ask(exporter, path="/metrics"):
    connection = http.client.HTTPConnection(exporter.host, exporter.port, timeout=60,
                                            source_address=(GOOD, 0))
    try:
        connection.request("GET", path, headers={"Connection": "close", **ALICE})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def refused(exporter):
    status, body = ask(exporter)
    assert status == 200
    name = 'ephemera_http_refused_total{reason="rate_limit"} '
    return float(next(line for line in body.splitlines()
                      if line.startswith(name)).removeprefix(name))


@pytest.mark.parametrize("addresses", [1, 50])
@in_namespace(seconds=180)
def test_anonymous_requests_shut_nobody_out(tmp_path, addresses):
    allow_many_descriptors()
    with Secure(RATE + users("alice"), tmp_path) as running, \
            Attackers(running, addresses, connections=100, kinds=("ask",)):
        deadline = time.monotonic() + 60
        before = refused(running)
        while before < 200:
            assert time.monotonic() < deadline, "that was no attack"
            time.sleep(1)
            before = refused(running)
        begun = time.monotonic()
        statuses = []
        for _ in range(ASKED):
            time.sleep(1)
            statuses.append(ask(running)[0])
        assert statuses == [200] * ASKED
        # Beside fifty others two requests at once are more than a share.
        time.sleep(1)
        assert refused(running) - before > 5 * (time.monotonic() - begun), "that was no attack"
