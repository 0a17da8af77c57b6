# SPDX-License-Identifier: Apache-2.0
"""`ephemera trace` of packets that source NAT found no port for."""

import contextlib
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import time

import pytest

from lib.bpf import needs_bpf
from lib.exporter import BINARY, environment
from lib.namespace import in_namespace
from lib.sockets import need_kernel, wait_until
from router import CLIENT, ROUTER, SERVER, Router
from test_snat_lost import ONE_PORT, at, send, statistics
from test_trace import Trace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may add rules")

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FAMILIES = pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])


def traced(*flags):
    """A trace that has begun: it says so, but not with --json."""
    need_kernel(5, 18, "reasons of dropped packets")
    trace = Trace(*flags)
    if "--json" not in flags:
        said = ""
        while not said.endswith("\n\n"):
            said += trace.proc.stdout.readline() or pytest.fail(trace.proc.communicate()[1])
        assert "Packets that SNAT" not in said
    return trace


def lose(router, family, count, port, **where):
    """A first packet takes the only port, all others are lost."""
    before = statistics("insert_failed")
    held = send(router, family, count + 1, port, **where)
    wait_until(lambda: statistics("insert_failed") - before == count, "those that failed")
    return held


def begin_json(router, *flags):
    """Loses packets until the trace shows one. Returns it and how many were lost."""
    trace = traced("--json", *flags)
    held = lose(router, IPV4, 1, 1)
    for made in range(1, 200):
        if trace.has_said_something():
            return trace, made
        held[1].sendto(b"?", at(IPV4, 1))
    raise AssertionError("the trace saw nothing")


@needs_bpf
@FAMILIES
@in_namespace
def test_each_lost_packet_is_an_object_and_the_last_is_their_sum(family):
    router = Router()
    router.rules(ONE_PORT)
    trace, made = begin_json(router)
    held = [*lose(router, family, 5, 53), *lose(router, family, 3, 53, host=3, client=4)]
    *events, last = map(json.loads, trace.end())
    first = [event for event in events if event["destination_port"] == 1]
    events = [event for event in events if event["destination_port"] != 1]
    assert 1 <= len(first) <= made
    assert len(events) == 5 + 3
    ports = {sock.getsockname()[1] for sock in held}
    for event in events:
        assert event["protocol"] == "udp" and event["call"] == "snat" and "time" in event
        assert event["family"] == ("ipv4" if family == IPV4 else "ipv6")
        assert event["source"] == ROUTER[family]
        assert event["client_port"] in ports
    assert len({event["client_port"] for event in events}) >= 5
    seen = sorted((event["client"], event["destination"]) for event in events)
    assert seen == sorted([(CLIENT[family].format(2), SERVER[family].format(2))] * 5
                          + [(CLIENT[family].format(4), SERVER[family].format(3))] * 3)
    summary = last["summary"]
    assert (summary["failures"], summary["lost"]) == (0, 0)
    assert summary["lost_packets"] - len(first) - summary["lost_packets_not_printed"] == 8
    assert summary["other_lost_packets"] == 0
    destinations = {(one["protocol"], one["source"], one["destination"], one["destination_port"]):
                    one["lost_packets"] for one in summary["lost_packets_by_destination"]}
    assert destinations["udp", ROUTER[family], SERVER[family].format(2), 53] == 5
    assert destinations["udp", ROUTER[family], SERVER[family].format(3), 53] == 3
    del held


@needs_bpf
@in_namespace
def test_people_get_a_line_each_and_a_sum():
    router = Router()
    router.rules(ONE_PORT)
    trace = traced()
    held = lose(router, IPV4, 3, 53)
    lines = trace.end()
    ports = {str(sock.getsockname()[1]) for sock in held[1:]}
    found = set()
    for line in lines[:3]:
        match = re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3}  lost udp 10\.77\.2\.2:53 from 10\.77\.1\.2:(\d+)"
                             r"  no port left for SNAT on 10\.77\.2\.1", line)
        assert match, lines
        found.add(match[1])
    assert found == ports
    assert re.fullmatch(r"0 calls in .* s found no port\.", lines[4]), lines
    assert lines[5:] == ["3 packets were lost: no port was left for SNAT.", "",
                         "LOST PACKETS  DESTINATION",
                         "           3  udp 10.77.2.2:53, SNAT on 10.77.2.1"]


@needs_bpf
@in_namespace
def test_on_a_terminal_those_of_one_client_are_counted():
    need_kernel(5, 18, "reasons of dropped packets")
    router = Router()
    router.rules(ONE_PORT)
    ours, terminal = os.openpty()
    said = b""
    with subprocess.Popen([BINARY, "trace"], stdin=subprocess.DEVNULL, stdout=terminal, env=environment()) as trace:
        os.close(terminal)
        while b"\r\n\r\n" not in said:
            said += os.read(ours, 4096)
        held = lose(router, IPV4, 5, 53)
        held += send(router, IPV4, 4, 53, client=4)
        wait_until(lambda: statistics("insert_failed") == 9, "those that failed")
        # What is counted shows nothing yet.
        wait_until(lambda: select.select([ours], [], [], 0.1)[0], "the first one")
        time.sleep(0.5)
        trace.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the end of a terminal
            while more := os.read(ours, 4096):
                said += more
    os.close(ours)
    assert trace.returncode == 0
    lines = re.findall(r"  (\.\.\. \d more like this in \d+ s: )?lost udp 10\.77\.2\.2:53 from 10\.77\.1\.(\d)"
                       r"(:\d+)?  no port left for SNAT on 10\.77\.2\.1\r\n", said.decode())
    # The first packet of the second client finds no port, either.
    assert [(re.sub(r"\D*(\d).*", r"\1", count), client, bool(port)) for count, client, port in lines] == \
        [("", "2", True), ("", "4", True), ("4", "2", False), ("3", "4", False)]
    assert b"9 packets were lost: no port was left for SNAT." in said
    del held


@needs_bpf
@in_namespace
def test_only_those_that_are_asked_for():
    router = Router()
    router.rules(ONE_PORT)
    trace = traced("--to=10.77.2.2:53")
    nobody = traced("--by=crawler")
    held = lose(router, IPV4, 3, 53) + lose(router, IPV4, 2, 54)
    lines = trace.end()
    assert len([line for line in lines if "lost udp 10.77.2.2:53 " in line]) == 3
    assert not [line for line in lines if "10.77.2.2:54" in line]
    assert "3 packets were lost: no port was left for SNAT." in lines
    assert not [line for line in nobody.end() if "SNAT" in line]
    del held


@needs_bpf
@in_namespace
def test_those_of_other_namespaces_only_if_all_are_asked_for():
    router = Router()
    router.rules(ONE_PORT)
    # Other tests lose packets, too.
    port = random.randrange(20000, 60000)
    with router.at(router.client):
        elsewhere = traced()
    everywhere = traced("--namespace=all")
    held = lose(router, IPV4, 3, port)
    assert not [line for line in elsewhere.end() if "SNAT" in line]
    lines = everywhere.end()
    shown = [line for line in lines if f" lost udp 10.77.2.2:{port} from 10.77.1.2:" in line]
    assert len(shown) == 3
    assert [line for line in lines if re.fullmatch(rf" *3  udp 10\.77\.2\.2:{port}\b.*", line)]
    del held
