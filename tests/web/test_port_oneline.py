# SPDX-License-Identifier: Apache-2.0
"""`ephemera port --oneline`: a line for each socket, of seven columns."""

import os
import socket
import subprocess
import sys

import pytest

from lib.exporter import BINARY, run
from lib.namespace import in_namespace
from lib.sockets import IPV4, bound, listen, pairs, port_of, time_wait

from port import assert_harmless, look

SERVICE = 30001


def lines(*args, status=0, errors=""):
    done = run("port", *args, "--oneline")
    assert (done.returncode, done.stderr) == (status, errors)
    assert_harmless(done.stdout.replace("\t", ""))
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert all(len(row) == 7 for row in rows), done.stdout
    return rows


@in_namespace
def test_each_socket_is_a_line():
    with listen(IPV4, "127.0.0.1", SERVICE) as server, \
            bound(IPV4, "127.0.0.1", SERVICE, socket.SOCK_DGRAM):
        made = pairs(3, IPV4, server, "127.0.0.1", SERVICE)
        rows = lines(SERVICE)
        local = f"127.0.0.1:{SERVICE}"
        clients = sorted(f"127.0.0.1:{port_of(client)}" for client, _ in made)
        assert {row[0] for row in rows} == {str(SERVICE)}
        assert [row[1:5] for row in rows[:2]] == [["tcp", "listen", local, "-"],
                                                  ["udp", "unconnected", local, "-"]]
        assert sorted(row[4] for row in rows[2:5]) == clients
        assert sorted(row[3] for row in rows[5:]) == clients
        assert all(row[1:3] == ["tcp", "established"] for row in rows[2:]) and len(rows) == 8
        assert all(row[5].endswith(f"[{os.getpid()}]") for row in rows), rows
        cgroups = {entry["cgroup"] for entry in look(SERVICE)["ports"][0]["local"]["sockets"]
                   if "cgroup" in entry}
        assert {row[6] for row in rows} == (cgroups or {"-"})
        # The same as elsewhere: filters, limits, and ports with nothing.
        assert len(lines(f"udp/{SERVICE}")) == 1
        assert lines(SERVICE + 1, status=1) == []
        few = lines(SERVICE, "--limit=2",
                    errors="ephemera: port: 4 more sockets are not shown (--limit)\n")
        assert [row[2] for row in few] == ["listen", "unconnected"] + ["established"] * 2


@in_namespace
def test_what_nobody_has_open_has_no_process():
    with listen(IPV4, "127.0.0.1", SERVICE) as server:
        clients = time_wait(1, IPV4, server, "127.0.0.1", SERVICE)
        assert clients
        row = next(row for row in lines(SERVICE) if row[2] == "time_wait")
        assert row[5] == "-"


@in_namespace
def test_many_processes_are_counted():
    with listen(IPV4, "127.0.0.1", SERVICE) as server:
        children = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE,
                                     pass_fds=[server.fileno()]) for _ in range(4)]
        try:
            processes = lines(SERVICE)[0][5].split(",")
            assert len(processes) == 4 and processes[3] == "+2", processes
        finally:
            for child in children:
                child.communicate(b"\n")


@pytest.mark.parametrize("other", ["--json", "--watch", "--namespace=all", "--at=12:03"])
def test_what_it_cannot_be_combined_with(other):
    more = ["--leases=-"] if "--at" in other else []
    done = subprocess.run([BINARY, "port", "1", "--oneline", other, *more], check=False, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--oneline and " + other.partition("=12")[0] + " cannot be combined" in done.stderr
