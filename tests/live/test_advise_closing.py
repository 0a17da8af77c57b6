# SPDX-License-Identifier: Apache-2.0
"""`ephemera advise` of connections that no process has any more: more addresses would not help them."""

import os
import subprocess
import time

import pytest

from lib.bpf import needs_bpf
from lib.exporter import run
from lib.namespace import in_namespace, sysctl
from lib.sockets import (IPV4, accept, close, connect_many, drop, fin_wait2, listen, orphan_fin_wait2, pairs,
                         port_of, tcp_sockets, wait_until, whole_fin_wait2)
from advising import PEER, SIZE, TARGET, advise, follow, small_range, target

SOURCES = [pytest.param("bpf", marks=needs_bpf),
           "sock_diag", "procfs"]


def clients_in(*states):
    return {line.local_port for line in tcp_sockets() if line.state in states and line.peer_port == TARGET}


def drop_what_arrives():
    rules = f"add table ip test; add chain ip test in {{ type filter hook input priority 0; }}; " \
            f"add rule ip test in tcp dport {TARGET} drop"
    subprocess.run(["nft", rules], check=True,
                   env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"})


@pytest.mark.parametrize("source", SOURCES)
@in_namespace
def test_fin_timeout(source):
    small_range()
    listener = target()
    flag = f"--sockets.source={source}"
    ports, servers = orphan_fin_wait2(SIZE - 7, IPV4, listener, PEER, TARGET)
    # The kernel keeps these as sockets, and they end no sooner.
    servers += whole_fin_wait2(3, IPV4, listener, PEER, TARGET)
    finding = advise(flag)
    assert "more-addresses" not in finding
    finding = finding["fin-timeout"]
    assert finding["urgency"] == "now"
    assert f"{SIZE - 4} of the {SIZE} ports towards {PEER}:{TARGET} belong to connections" in finding["finding"]
    assert finding["promise"] == {"figure": "seconds until such a port is free", "now": 60, "then": 15}
    assert finding["sysctls"] == [{"name": "net.ipv4.tcp_fin_timeout", "value": "15"}]
    follow("fin-timeout", flag)
    begun = time.monotonic()
    more, more_servers = orphan_fin_wait2(2, IPV4, listener, PEER, TARGET)
    wait_until(lambda: not clients_in("FIN-WAIT-2") & set(more), "the end of FIN_WAIT2", seconds=40)
    assert 14 < time.monotonic() - begun
    # Those of before keep their time.
    assert set(ports) <= clients_in("FIN-WAIT-2")
    again = advise(flag)["fin-timeout"]
    assert ("promise" in again, again["sysctls"]) == (False, [])
    close([listener, *servers, *more_servers])


@pytest.mark.parametrize("source", SOURCES)
@in_namespace
def test_orphan_retries(source):
    small_range()
    listener = target()
    flag = f"--sockets.source={source}"
    made = pairs(SIZE - 7, IPV4, listener, PEER, TARGET)
    drop_what_arrives()
    ports = {port_of(client) for client, _ in made}
    for client, _ in made:
        client.close()
    begun = time.monotonic()
    assert clients_in("FIN-WAIT-1") == ports
    finding = advise(flag)
    assert "more-addresses" not in finding
    finding = finding["orphan-retries"]
    assert finding["urgency"] == "soon"
    assert f"{SIZE - 7} of the {SIZE} ports" in finding["finding"]
    assert "8 times, in 102 s or more" in finding["finding"]
    assert finding["promise"] == {"figure": "seconds until such a port is free, at least", "now": 102, "then": 12}
    follow("orphan-retries", flag)
    # Also those of now: it is looked at each time that the kernel sends again.
    wait_until(lambda: not clients_in("FIN-WAIT-1"), "the end of FIN_WAIT1", seconds=60)
    assert 12 < time.monotonic() - begun < 60
    assert "orphan-retries" not in advise(flag)
    close([listener, *(server for _, server in made)])


@pytest.mark.parametrize("source", SOURCES)
@in_namespace
def test_what_a_process_still_has_is_open(source):
    """After shutdown() a program can read for as long as it likes: the kernel does not end that."""
    small_range()
    listener = target()
    kept = fin_wait2(SIZE - 7, IPV4, listener, PEER, TARGET)
    finding = advise(f"--sockets.source={source}")
    assert "fin-timeout" not in finding and "orphan-retries" not in finding
    assert f"{SIZE - 7} of the {SIZE} ports" in finding["more-addresses"]["finding"]
    for pair in kept:
        drop(pair)


@in_namespace
def test_both_kinds_and_open_ones():
    small_range()
    listener = target()
    clients = connect_many(SIZE // 2, IPV4, PEER, TARGET)
    accepted = accept(listener, SIZE // 2)
    _, servers = orphan_fin_wait2(5, IPV4, listener, PEER, TARGET)
    found = advise()
    assert f"{SIZE // 2} of the {SIZE} ports" in found["more-addresses"]["finding"]
    assert f"5 of the {SIZE} ports" in found["fin-timeout"]["finding"]
    # Below a tenth they are not worth a word.
    drop(servers[2:])
    wait_until(lambda: len(clients_in("FIN-WAIT-2")) == 2, "the end of three")
    assert "fin-timeout" not in advise()
    close([listener, *servers[:2], *accepted])
    drop(clients)


@in_namespace
def test_settings_that_are_lower_already():
    small_range()
    listener = target()
    sysctl("net.ipv4.tcp_fin_timeout", 10)
    _, servers = orphan_fin_wait2(SIZE // 2, IPV4, listener, PEER, TARGET)
    done = run("advise")
    assert "Each ends after tcp_fin_timeout, 10 s." in " ".join(done.stdout.split())
    assert "net.ipv4.tcp_fin_timeout" not in done.stdout
    close([listener, *servers])


@in_namespace
def test_of_the_listeners_side_it_says_nothing():
    """The port of a service that closed first is held by nobody's connect()."""
    small_range()
    listener = listen(IPV4, "127.0.0.1", TARGET)
    made = pairs(SIZE // 2, IPV4, listener, "127.0.0.1", TARGET)
    for _, server in made:
        server.close()
    assert "fin-timeout" not in advise()
    close([listener, *(client for client, _ in made)])
