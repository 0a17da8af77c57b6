# SPDX-License-Identifier: Apache-2.0
"""`ephemera destinations`: a table for people, JSON for programs."""

import contextlib
import errno
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from lib.exporter import BINARY, REPOSITORY, assert_no_sanitizer_report, metrics, run
from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, IPV6, accept, add_address, bind, connect_many, drop, listen, need_ipv6,
                         new, time_wait, udp_connected, wait_until)

REPLAY = REPOSITORY / "tests" / "replay"
BUSY = [f"--sockets.replay={REPLAY / 'busy' / 'dump'}",
        f"--path.procfs={REPLAY / 'busy' / 'proc'}", "--path.sysfs=/nonexistent"]
EMPTY = [f"--sockets.replay={REPLAY / 'empty' / 'dump'}",
         f"--path.procfs={REPLAY / 'empty' / 'proc'}", "--path.sysfs=/nonexistent"]

# No group of zeros that could be left out: as long as an address can be.
LONG = ["2001:db80:1111:2222:3333:4444:5555:6666", "2001:db80:aaaa:bbbb:cccc:dddd:eeee:ffff"]

# What the README of the recorded host says of it.
BUSY_ROWS = [("127.0.0.3:20002", 34, 0, 0, "100.0%"), ("127.0.0.2:20002", 31, 0, 0, "91.2%"),
             ("127.0.0.1:20001", 23, 0, 0, "67.6%"), ("127.0.0.5:20002", 3, 12, 0, "44.1%"),
             ("127.0.0.4:20002", 13, 0, 0, "38.2%"), ("[::1]:20003", 11, 0, 0, "32.4%"),
             ("127.0.0.6:20002", 5, 0, 0, "14.7%"), ("192.0.2.7:20002", 0, 3, 0, "8.8%"),
             ("127.0.0.1:41020", 2, 0, 0, "5.9%")]


def table(*args, **kw):
    done = run("destinations", *args, **kw)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rows(text):
    """[(destination, active, time_wait, reusable, share)]"""
    return [(name, int(active), int(waiting), int(reusable), share)
            for name, active, waiting, reusable, share
            in re.findall(r"^(\S+:\d+) +(\d+) +(\d+) +(\d+) +(\S+%)$", text, re.M)]


def assert_fits(text, width=80):
    for line in text.splitlines():
        assert len(line) <= width, line
        assert line == line.rstrip(), repr(line)


def assert_harmless(text):
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e"
                         r"\u2066-\u2069\ufeff]", text), repr(text)


def test_a_recorded_host():
    text = table(*BUSY)
    assert rows(text) == BUSY_ROWS
    assert text.startswith("Each destination can have 34 of the 50 ports from 41000 to 41049.\n")
    assert "  from 192.0.2.7\n" in text
    assert re.search(r"^  from \[::1\]", text, re.M)
    assert "more with" not in text
    assert_fits(text)
    assert_harmless(text)


def test_without_cgroups_nobody_says_that_one_is_gone():
    """The record has their ids. Whether they are still there cannot be known."""
    assert "gone" not in table(*BUSY)


@pytest.mark.parametrize("limit", [1, 2, 5, 8, 9, 1000])
def test_limit(limit):
    text = table(*BUSY, f"--limit={limit}")
    assert rows(text) == BUSY_ROWS[:limit]
    left = BUSY_ROWS[limit:]
    more = re.findall(r"^And (\d+) more with (\d+) ports \(--limit\)\.$", text, re.M)
    ports = sum(sum(row[1:4]) for row in left)
    assert more == ([(str(len(left)), str(ports))] if left else [])
    found = json.loads(table(*BUSY, f"--limit={limit}", "--json"))
    assert len(found["destinations"]) == len(BUSY_ROWS[:limit])
    assert (found["destinations_total"], found["ports_total"]) == (9, 137)


def test_an_empty_host():
    text = table(*EMPTY)
    assert text.endswith("No outgoing connection holds a port of the range.\n")
    assert "DESTINATION" not in text
    assert json.loads(table(*EMPTY, "--json")) == {
        "range": {"first_port": 32768, "last_port": 60999, "ports": 28232,
                  "usable_ports": 28232},
        "socket_source": {"tcp": "replay"},
        "bind_before_connect": False, "time_wait_reuse": False,
        "bound_ports": {"listen": 0, "bound": 0, "connected": 0, "owners": [],
                        "other_owner_ports": 0, "unowned_ports": 0},
        "destinations_total": 0, "ports_total": 0, "owners_known": False, "destinations": [],
        "pools": [], "udp_owners": []}


def test_json_has_every_field():
    found = json.loads(table(*BUSY, "--json"))
    assert found["range"] == {"first_port": 41000, "last_port": 41049, "ports": 50,
                              "usable_ports": 34}
    for entry in found["destinations"]:
        assert set(entry) - {"owner"} == {
            "source", "destination", "destination_port", "family", "active", "time_wait",
            "reusable", "usage_ratio"}
    assert found["destinations"][3]["usage_ratio"] == pytest.approx(15 / 34)
    entry = found["destinations"][5]
    assert (entry["family"], entry["destination"], entry["source"]) == ("ipv6", "::1", "::1")


def pool_rows(text):
    return re.findall(r"^(udp|tcp) (\S+) +(\d+) +(\S+%)$", text, re.M)


@in_namespace
def test_a_full_udp_pool_has_a_culprit(tree):
    """No destination is full: it is UDP's pool that look-ups in DNS find empty."""
    set_range(40000, 40019)
    path = f"/ephemera-test-{os.getpid()}-leak.service"
    tree.make(path)
    kept = []
    with tree.inside(path):
        with pytest.raises(OSError):
            while True:
                made = new(IPV4, socket.SOCK_DGRAM)
                made.connect(("127.0.0.1", 53))
                kept.append(made)
    text = table()
    assert "Each address has 20 ports for UDP, and 20 for bind() to port 0 over TCP." in text
    assert pool_rows(text) == [("udp", "0.0.0.0", "20", "100.0%"), ("udp", "::", "20", "100.0%"),
                               ("udp", "127.0.0.1", "20", "100.0%")]
    assert f"  20 by {path}\n" in text
    assert_fits(text)
    found = json.loads(table("--json"))
    assert found["pools"][2] == {"protocol": "udp", "address": "127.0.0.1", "ports": 20,
                                 "usage_ratio": 1}
    assert found["udp_owners"] == [{"cgroup": path, "pod_uid": "", "container_id": "", "ports": 20}]


@in_namespace
def test_the_pools_are_those_of_the_metrics():
    set_range(40000, 40019)
    set_reserved("40000-40009")
    _kept = [[udp_connected(IPV4, "127.0.0.1", 53) for _ in range(3)],
             bind(new(IPV4), IPV4, "127.0.0.2", 0)]
    text = table()
    assert "Each address has 10 ports for UDP" in text
    assert [row for row in pool_rows(text) if row[0] == "tcp"] == [
        ("tcp", "0.0.0.0", "1", "10.0%"), ("tcp", "::", "1", "10.0%"),
        ("tcp", "127.0.0.2", "1", "10.0%")]
    said = {(labels["protocol"], labels["address"]): value
            for labels, value in metrics().samples("ephemera_address_ports") if value}
    assert {(pool["protocol"], pool["address"]): pool["ports"]
            for pool in json.loads(table("--json"))["pools"]} == said


def prepare():
    set_range(41000, 41099)
    sysctl("net.ipv4.tcp_tw_reuse", 0)


@in_namespace
def test_json_is_what_the_metrics_say():
    prepare()
    need_ipv6()
    listeners = [listen(IPV4, "0.0.0.0", 30001), listen(IPV6, "::1", 30002)]
    time_wait(5, IPV4, listeners[0], "127.0.0.2", 30001)
    _clients = connect_many(13, IPV4, "127.0.0.1", 30001) + connect_many(7, IPV6, "::1", 30002)
    _servers = accept(listeners[0], 13) + accept(listeners[1], 7)
    found = json.loads(table("--json"))
    said = metrics("--collector.destinations.minimum-ports=0")
    assert [entry["active"] + entry["time_wait"] for entry in found["destinations"]] == [13, 7, 5]
    for entry in found["destinations"]:
        place = {key: entry[key] for key in ("source", "destination", "destination_port")}
        for state in ("active", "time_wait", "reusable"):
            assert entry[state] == said.value("ephemera_destination_ports", state=state, **place)
        assert entry["usage_ratio"] <= said.value("ephemera_worst_destination_usage_ratio",
                                                  family=entry["family"])
    assert found["range"]["usable_ports"] == said.value("ephemera_range_usable_ports")
    assert found["ports_total"] == said.total("ephemera_destination_ports") == 25


@in_namespace
def test_long_ipv6_addresses_fit():
    prepare()
    need_ipv6()
    for address in LONG:
        add_address(address, 128)
    _kept = [listen(IPV6, "::", 59999)]
    _kept += connect_many(3, IPV6, LONG[0], 59999, source=LONG[1], no_port=True)
    _kept += connect_many(2, IPV6, LONG[1], 59999, source=LONG[1], no_port=True)
    text = table()
    assert [row[0] for row in rows(text)] == [f"[{address}]:59999" for address in LONG]
    assert f"  from [{LONG[1]}]" in text
    assert_fits(text)


def connect_in_zone(address, name):
    """A connection, or None."""
    sock = new(IPV6)
    try:
        sock.connect((address, 59999, 0, socket.if_nametoindex(name)))
        return sock
    except OSError:
        sock.close()
        return None


@in_namespace
def test_a_zone_with_a_long_name_fits():
    prepare()
    need_ipv6()
    name, address = "ephemera-test-0", "fe80::be24:11ff:fed2:a3b4"
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    # An interface has its name while it is down; lo is one that every namespace has.
    for command in ("link set lo down", f"link set lo name {name}", f"link set {name} up",
                    f"address add {address}/64 dev {name} nodad"):
        if subprocess.run(["ip", *command.split()], check=False, env=environment).returncode:
            pytest.skip("lo cannot have another name here")
    zoned = f"{address}%{name}"
    _kept = [listen(IPV6, "::", 59999)]
    _kept.append(wait_until(lambda: connect_in_zone(address, name), f"{zoned} to be reachable"))
    text = table()
    assert f"[{zoned}]:59999" in text
    assert_fits(text)


def owned(tree, path):
    """Keeps 5 connections of a cgroup."""
    prepare()
    kept = [listen(IPV4, "127.0.0.1", 30001)]
    with tree.inside(path):
        kept += connect_many(5, IPV4, "127.0.0.1", 30001)
    return kept


@pytest.fixture(params=["short.service", "a-component-of-a-path/" * 9 + "end.scope",
                        "\x1b[31mred\x07\t.service", "\u009b31m.service", "\u202egnp.exe\u2069",
                        "ě" * 100],
                ids=["short", "long", "control characters", "8-bit control characters",
                     "controls that turn text",
                     "cut off between characters"])
def named(request, tree):
    return tree.make(f"/ephemera-test-{os.getpid()}.slice/{request.param}")


@in_namespace
def test_the_owner_is_shown_and_harmless(tree, named):
    _kept = owned(tree, named)
    text = table()
    assert_fits(text)
    assert_harmless(text)
    assert "\ufffd" not in text
    owner = re.search(r" by (.+)$", text, re.M)[1]
    shown = re.sub(r"[\x00-\x1f\x7f]", "?", named).replace("\u009b", "??")
    shown = re.sub("[\u202e\u2069]", "???", shown)
    assert owner == shown or (owner.startswith("...") and shown.endswith(owner[3:])), owner
    found = json.loads(table("--json"))["destinations"][0]["owner"]
    assert found == {"cgroup": named, "pod_uid": "", "container_id": "", "ports": 5}


@in_namespace
def test_metrics_on_a_terminal_are_harmless(tree):
    named = f"/ephemera-test-{os.getpid()}.slice/\x1b[31m\u202egnp.exe"
    _kept = owned(tree, tree.make(named))
    leader, follower = pty.openpty()
    with subprocess.Popen([BINARY, "metrics"], stdout=follower) as proc:
        os.close(follower)
        text = b""
        with contextlib.suppress(OSError):  # Linux says EIO where the other side is closed.
            while more := os.read(leader, 65536):
                text += more
    os.close(leader)
    assert proc.returncode == 0
    text = text.decode().replace("\r\n", "\n")
    assert_harmless(text)
    assert named.replace("\x1b", "?").replace("\u202e", "???") in text
    assert f'"{named}"' in run("metrics").stdout


# Watching

def end(proc, number=signal.SIGINT):
    proc.send_signal(number)
    try:
        status = proc.wait(timeout=10)
    finally:
        proc.kill()
    return status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_watching_through_a_pipe(number, flags):
    begins = '{"range"' if flags else "127.0.0.3:20002"
    started = time.monotonic()
    with subprocess.Popen([BINARY, "destinations", "--watch", "--limit=1", *flags, *BUSY],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as proc:
        text = ""
        while text.count(begins) < 3:
            line = proc.stdout.readline()
            assert line, "it ended"
            text += line
        took = time.monotonic() - started
        status = end(proc, number)
        rest, errors = proc.communicate()
        text += rest
    assert_no_sanitizer_report(errors)
    assert (status, errors) == (0, "")
    assert "\033" not in text
    if flags:
        shown = [json.loads(line) for line in text.splitlines()]
        assert all(one == shown[0] for one in shown)
    # One a second: no neighbour makes the third come earlier.
    assert took > 2, took


def test_watching_on_a_terminal():
    leader, follower = pty.openpty()
    with subprocess.Popen([BINARY, "destinations", "--watch", *BUSY], stdin=follower,
                          stdout=follower, stderr=subprocess.PIPE, text=True) as proc:
        os.close(follower)
        text, deadline = b"", time.monotonic() + 60
        # The third is not whole yet.
        while text.count(b"\033[H\033[J") < 3 and (left := deadline - time.monotonic()) > 0:
            if select.select([leader], [], [], left)[0]:
                text += os.read(leader, 65536)
        status = end(proc)
        errors = proc.stderr.read()
    os.close(leader)
    assert (status, errors) == (0, "")
    screens = text.decode().split("\033[H\033[J")
    assert screens[0] == "" and len(screens) - 1 >= 3
    for screen in screens[1:3]:
        assert rows(screen.replace("\r\n", "\n")) == BUSY_ROWS


# Names

@in_namespace
def test_names_are_looked_up_on_request():
    if "localhost" not in Path("/etc/hosts").read_text(encoding="utf-8"):
        pytest.skip("127.0.0.1 has no name here")
    prepare()
    _kept = [listen(IPV4, "127.0.0.1", 30001)] + connect_many(3, IPV4, "127.0.0.1", 30001)
    assert "localhost" not in table()
    text = table("--resolve")
    assert re.search(r"^127\.0\.0\.1:30001 .*\n  localhost\S*\n  from 127\.0\.0\.1", text, re.M)
    assert_fits(text)
    assert "name" not in json.loads(table("--json"))["destinations"][0]
    assert json.loads(table("--json", "--resolve"))["destinations"][0]["name"] \
        .startswith("localhost")


# Bound over /etc/resolv.conf in a mount namespace of its own; /etc/hosts is still asked first.
WITH_DEAD_DNS = ("echo nameserver 10.9.9.9 >{0}; echo hosts: files dns >{1}; "
                 "mount --bind {0} /etc/resolv.conf && mount --bind {1} /etc/nsswitch.conf && "
                 "exec {2}")


def dead_network():
    """10.9.0.0/16, where every packet is lost: SYNs as well as what a name server is asked.

    Without ARP, which would find after three seconds that nobody is there, and end the connections.
    """
    environment = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    for command in ("link add v0 type veth peer name v1", "address add 10.9.0.1/16 dev v0",
                    "link set v0 arp off up", "link set v1 up"):
        if subprocess.run(["ip", *command.split()], check=False, env=environment).returncode:
            pytest.skip("there can be no veth here")


def begin(address):
    sock = new(IPV4)
    sock.setblocking(False)
    assert sock.connect_ex((address, 443)) == errno.EINPROGRESS
    return sock


@in_namespace
def test_a_dead_resolver_does_not_keep_the_table(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    if "localhost" not in Path("/etc/hosts").read_text(encoding="utf-8"):
        pytest.skip("127.0.0.1 has no name here")
    prepare()
    dead_network()
    kept = [begin(f"10.9.0.{i}") for i in range(2, 15) for _ in range(2)]
    kept += [listen(IPV4, "127.0.0.1", 30001), *connect_many(1, IPV4, "127.0.0.1", 30001)]

    def look(*flags):
        command = WITH_DEAD_DNS.format(tmp_path / "resolv", tmp_path / "nsswitch", " ".join(
            [BINARY, "destinations", "--resolve", *flags]))
        start = time.monotonic()
        done = subprocess.run(["unshare", "-m", "sh", "-c", command], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=300, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        seconds = time.monotonic() - start
        # One address alone takes 10 s, where nothing bounds it; a busy machine is slow to start.
        assert 2 <= seconds < 10, (seconds, done.stdout)
        return done.stdout

    text = look()
    assert len(rows(text)) == 14
    assert re.search(r"^127\.0\.0\.1:30001 .*\n  localhost", text, re.M)
    assert "\nThe resolver gave no answer for 13 of 14 addresses within 2 s.\n" in text
    found = json.loads(look("--json"))
    assert found["names_unanswered"] == 13
    names = [entry.get("name", "")[:9] for entry in found["destinations"]]
    assert names == [""] * 13 + ["localhost"]
    drop(kept)


# What is wrong

@pytest.mark.parametrize("args, named", [
    (["destinations", "--limit=0"], "--limit"), (["destinations", "--limit=1001"], "--limit"),
    (["destinations", "--limit=x"], "--limit"), (["destinations", "--limit"], "--limit"),
    (["destinations", "--json=yes"], "--json"), (["destinations", "--nonsense"], "--nonsense"),
    (["destinations", "nonsense"], "nonsense"), (["--json"], "--json"),
    (["--limit=3"], "--limit"), (["--watch"], "--watch"), (["--resolve"], "--resolve"),
    (["metrics", "--json"], "--json"), (["destination"], "destination"),
])
def test_wrong_flags(args, named):
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr


def test_what_cannot_be_read_is_told(tmp_path):
    done = run("destinations", f"--path.procfs={tmp_path}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ephemera: destinations: No such file or directory\n" == done.stderr


def write_to(target, *flags, **kw):
    return subprocess.run([BINARY, "destinations", *BUSY, *flags], stdout=target,
                          stderr=subprocess.PIPE, text=True, timeout=30, check=False, **kw)


@pytest.mark.parametrize("flags", [[], ["--json"], ["--watch"], ["--watch", "--json"]])
def test_a_full_disk_is_told(flags):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = write_to(full, *flags)
    assert done.returncode == 1
    assert done.stderr == "ephemera: destinations: No space left on device\n"


@in_namespace
def test_a_full_disk_is_told_of_a_long_output():
    set_range(41000, 41999)
    _kept = [listen(IPV4, "0.0.0.0", 30001)]
    for i in range(1, 101):
        _kept += connect_many(1, IPV4, f"127.0.1.{i}", 30001)
    for flags in ([], ["--json"]):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([BINARY, "destinations", "--limit=1000", *flags], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert done.stderr == "ephemera: destinations: No space left on device\n", flags


@pytest.mark.parametrize("flags", [[], ["--json"], ["--watch"]])
def test_a_closed_output_is_told(flags):
    done = write_to(None, *flags, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert done.stderr == "ephemera: destinations: standard output is closed\n"


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("flags", [[], ["--json"], ["--watch"]])
def test_a_reader_that_has_left_ends_it(flags, ignored):
    reader, writer = os.pipe()
    os.close(reader)
    done = write_to(writer, *flags, restore_signals=not ignored)
    os.close(writer)
    assert done.returncode == 1 if ignored else done.returncode in (1, -signal.SIGPIPE)
    assert done.stderr == ""
