# SPDX-License-Identifier: Apache-2.0
"""`ephemera port` at the command line: what it takes, what it prints, and how it ends."""

import contextlib
import json
import os
import re
import resource
import signal
import socket
import subprocess
import time

import pytest

from lib.exporter import BINARY, REPOSITORY, assert_no_sanitizer_report, run
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, accept, bound, connect_many, listen, new, pairs, wait_until

from port import ask, assert_fits, assert_harmless, local_of, look, text_of

SERVICE = 30001

REPLAY = REPOSITORY / "tests" / "replay"
BUSY = [f"--sockets.replay={REPLAY / 'busy' / 'dump'}",
        f"--path.procfs={REPLAY / 'busy' / 'proc'}", "--path.sysfs=/nonexistent"]
EMPTY = [f"--sockets.replay={REPLAY / 'empty' / 'dump'}",
         f"--path.procfs={REPLAY / 'empty' / 'proc'}", "--path.sysfs=/nonexistent"]


def told(text):
    """The ports that a text has a paragraph on."""
    return [int(port) for port in re.findall(r"^Port (\d+) is a ", text, re.M)]


# Exit status

@in_namespace
def test_exit_status():
    for flags in ([], ["--json"]):
        assert run("port", SERVICE, *flags).returncode == 1
        assert run("port", "1-65535", *flags).returncode == 1
        with listen(IPV4, "127.0.0.1", SERVICE):
            assert run("port", SERVICE, *flags).returncode == 0
            assert run("port", "1-65535", *flags).returncode == 0
            assert run("port", SERVICE + 1, SERVICE, *flags).returncode == 0
            assert run("port", SERVICE + 1, *flags).returncode == 1
        # The other end alone.
        with new(IPV4, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", SERVICE))
            assert run("port", SERVICE, *flags).returncode == 0
        assert run("port", 0, *flags).returncode == 2


# What it takes

WRONG = ["0", "65536", "abc", "5-3", "5-4", "", "-", "1-", "-5", "99999999999999999999", "1--2",
         "0-5", "1-65536", "1-2-3", "80,", "udp/", "[::1]", "10.0.0.1", "localhost:80", "80:81", "+80", " 80", "80 ", "80\n", "0x50", "1e3",
         "80.0",
         "８０", "٣", "80–90", "4294967376", "18446744073709551696", "1-99999999999999999999",
         "--", "80-http", "no-such-service", "*", "80\t"]

HOSTILE = ["\x1b[31mred\x1b[0m", "\x07", "80\x1b]0;title\x07", "\u009b31m", "\x7f", "\r80",
           b"\xff\xfe80", b"80\xe2\x82", "\x1b[2J" * 1000, "ě" * 1000]


def assert_refused(done):
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"ephemera: [^\n]+\n", done.stderr), repr(done.stderr)
    assert_harmless(done.stderr)
    assert len(done.stderr) < 400


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_no_port(wrong):
    done = run("port", wrong, *EMPTY)
    assert_refused(done)
    assert '"' + re.sub(r"[\n\t]", "?", wrong) + '"' in done.stderr
    # Beside good ones, too, wherever it stands.
    assert run("port", 22, wrong, *EMPTY).stderr == done.stderr
    assert run("port", wrong, 22, "--json", *EMPTY).stderr == done.stderr


@in_namespace
def test_a_protocol_or_an_address_leaves_sockets_out():
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(listen(IPV4, "127.0.0.1", SERVICE))
        stack.enter_context(listen(IPV4, "127.0.0.2", SERVICE))
        udp = stack.enter_context(bound(IPV4, "127.0.0.1", SERVICE, socket.SOCK_DGRAM))
        connections = pairs(3, IPV4, server, "127.0.0.1", SERVICE)
        # Of the six local ones with the port, and the three that have it at the other end.
        for what, local, remote in ((SERVICE, 6, 3), (f":{SERVICE},1", 6, 3), (f"udp/{SERVICE}", 1, 0),
                                    (f"tcp/{SERVICE}", 5, 3), (f"127.0.0.1:{SERVICE}", 5, 3),
                                    (f"tcp/127.0.0.2:{SERVICE}", 1, 0), (f"[::1]:{SERVICE}", 0, 0)):
            done = run("port", what, "--json")
            answer = next(port for port in json.loads(done.stdout)["ports"] if port["port"] == SERVICE)
            assert (answer["local"]["total"], answer["remote"]["total"]) == (local, remote), what
            assert len(answer["local"]["sockets"]) == local and answer["use"] == "listener"
            assert done.returncode == (0 if local else 1)
        assert local_of(udp)["protocol"] == "udp"
        assert "1 of 6 sockets that have it as their local port:" in text_of(f"udp/{SERVICE}")
        assert "6 sockets have it as their local port, but none that you asked for." in \
            " ".join(text_of(f"10.0.0.1:{SERVICE}", status=1).split())
        # Of a range, only what is asked for is shown.
        assert text_of("udp/30002-30010,[::1]:30000-30005", "--sockets.source=sock_diag", status=1) == \
            "Nothing that you asked for is on the 11 ports.\n"
        del connections


@pytest.mark.parametrize("wrong", HOSTILE, ids=range(len(HOSTILE)))
def test_what_would_speak_to_a_terminal(wrong):
    done = subprocess.run([BINARY, "port", wrong], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert_no_sanitizer_report(done.stderr)
    assert_refused(done)


def test_no_port_at_all():
    for flags in ([], ["--json"], ["--watch"]):
        done = run("port", *flags)
        assert_refused(done)
        assert "ephemera port 60416" in done.stderr


@pytest.mark.parametrize("args, named", [
    (["port", "22", "--resolve"], "--resolve"), (["port", "22", "--limit=0"], "--limit"),
    (["port", "22", "--limit=1001"], "--limit"), (["port", "22", "--limit=x"], "--limit"),
    (["port", "22", "--limit=-1"], "--limit"), (["port", "22", "--limit"], "--limit"),
    (["port", "22", "--json=yes"], "--json"), (["port", "22", "--watch=1"], "--watch"),
    (["port", "22", "--all-processes=1"], "--all-processes"),
    (["port", "22", "--nonsense"], "--nonsense"), (["port", "--22"], "--22"),
    (["port", "22", "--sockets.record=x"], "--sockets.record"),
    (["port", "22", "--sockets.source=x"], "--sockets.source"),
    (["port", "22", "--path.procfs="], "--path.procfs"),
    (["destinations", "--all-processes"], "--all-processes"), (["destinations", "22"], "22"),
    (["metrics", "--all-processes"], "--all-processes"), (["metrics", "22"], "22"),
    (["--all-processes"], "--all-processes"), (["22"], "22"), (["ports", "22"], "ports"),
])
def test_wrong_flags(args, named):
    done = run(*args)
    assert_refused(done)
    assert named in done.stderr
    if named in ("--resolve", "--all-processes") and "=" not in args[-1]:
        other = "destinations" if named == "--resolve" else "port"
        assert f'is a flag of "ephemera {other}"' in done.stderr


def test_help_tells_of_it():
    done = run("--help")
    for word in ("ephemera port PORT|FIRST-LAST|SERVICE...", "--all-processes", "--watch"):
        assert word in done.stdout
    own = run("port", "--help").stdout
    assert "ephemera port 8080 --namespace=all" in own and "--all-processes" in own
    assert "--web.listen-address" not in own and "--buffer" not in own


def test_flags_may_stand_anywhere():
    wanted = text_of(20002, "--limit=3", *BUSY)
    assert text_of("--limit", "3", 20002, *BUSY) == wanted
    assert text_of(*BUSY, "--limit=3", "20002") == wanted
    assert text_of("000020002", "--limit=7", "--limit=3", *BUSY) == wanted


# Several ports

def numbers(found):
    return [answer["port"] for answer in found["ports"]]


@in_namespace
def test_ranges_and_single_ports():
    _kept = [listen(IPV4, "127.0.0.1", port) for port in (30001, 30005)]

    def both(*args):
        """(ports in JSON, ports in words, how many are empty, the closing line)"""
        found, text = look(*args), text_of(*args)
        closing = re.findall(r"^Nothing is on the (.*)\.$", text, re.M)
        assert numbers(found) == told(text)
        return numbers(found), found["empty_ports"], closing

    assert both("30000-30009") == ([30001, 30005], 8, ["other 8 ports"])
    assert both("30001-30002") == ([30001], 1, ["other 1 port"])
    assert both("30001-30001") == ([30001], 0, [])
    # A port that is named by itself is answered for.
    assert both(30003, 30001) == ([30001, 30003], 1, [])
    assert both("30000-30009", 30003) == ([30001, 30003, 30005], 8, ["other 7 ports"])
    assert both(30003, "30000-30009", 30003) == ([30001, 30003, 30005], 8, ["other 7 ports"])
    assert both(30001, 30001, 30001) == ([30001], 0, [])
    assert both("30000-30005", "30001-30009") == ([30001, 30005], 8, ["other 8 ports"])
    assert both("1-65535") == ([30001, 30005], 65533, ["other 65533 ports"])
    assert both(1, 65535, "2-65534") == ([1, 30001, 30005, 65535], 65533, ["other 65531 ports"])
    assert both("30001-30001", "30005-30005") == ([30001, 30005], 0, [])


@in_namespace
def test_a_range_with_nothing():
    # Other network namespaces of this machine, in which something may be, are seen by BPF alone.
    alone = "--sockets.source=sock_diag"
    done = run("port", "8000-8080", alone)
    assert (done.returncode, done.stdout) == (1, "Nothing is on the 81 ports.\n")
    assert look("8000-8080")["ports"] == []
    done = run("port", "8000-8000", alone)
    assert (done.returncode, done.stdout) == (1, "Nothing is on the 1 port.\n")


def udp_servers(ports):
    """Of TCP the listeners are all looked at; of UDP the kernel is asked for these ports only."""
    return [bound(IPV4, "127.0.0.1", port, socket.SOCK_DGRAM) for port in ports]


@in_namespace
def test_ranges_that_the_kernel_is_asked_for_in_many_ways():
    """More of them than fit into one filter of the kernel's; not one too many, nor too few."""
    ports = [*range(30000, 30400, 4)]
    _kept = udp_servers(ports)
    for count in (1, 15, 16, 17, 32, 33, 64, 100):
        asked = ports[:count]
        found = look(*asked)
        assert numbers(found) == asked and found["empty_ports"] == 0
        found = look(*[f"{port - 1}-{port + 1}" for port in asked])
        assert numbers(found) == asked and found["empty_ports"] == 2 * count
        beside = [port + 1 for port in asked]
        found = look(*beside)
        assert numbers(found) == beside and found["empty_ports"] == count


@in_namespace
def test_the_edges_of_ranges():
    ports = (1, 30000, 30001, 65535)
    _servers = udp_servers(ports)
    for asked, there in (("1-1", [1]), ("1-2", [1]), ("2-29999", []), ("2-30000", [30000]),
                         ("30000-30001", [30000, 30001]), ("30001-30002", [30001]),
                         ("30002-65534", []), ("65534-65535", [65535]), ("65535-65535", [65535])):
        assert numbers(look(asked)) == there, asked
    # The same at the other end.
    for port in ports:
        with new(IPV4, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.9", port))
            for asked in (f"{port}-{min(port + 9, 65535)}", f"{max(port - 9, 1)}-{port}"):
                answers = {answer["port"]: answer for answer in look(asked)["ports"]}
                assert answers[port]["remote"]["total"] == 1


def children_seconds():
    """What they have computed: neighbours make an answer late, and cost it little of this."""
    times = os.times()
    return times.children_user + times.children_system


@in_namespace
def test_ten_thousand_single_ports():
    _kept = [listen(IPV4, "127.0.0.1", SERVICE)]
    asked = [str(port) for port in range(20001, 40001, 2)]
    started = children_seconds()
    found = look(*asked)
    assert children_seconds() - started < 20
    assert numbers(found) == [int(port) for port in asked]
    assert found["empty_ports"] == 9999


@in_namespace
def test_all_ports_of_a_busy_host():
    """What is printed is bounded by what is there, and by the limit."""
    set_range(40000, 40299)
    listeners = [listen(IPV4, f"127.0.0.{i}", SERVICE) for i in (1, 2)]
    _kept = [connect_many(200, IPV4, f"127.0.0.{i}", SERVICE) for i in (1, 2)]
    _kept += [accept(listener, 200) for listener in listeners]
    started = time.monotonic()
    found = look("1-65535", "--limit=3")
    text = text_of("1-65535", "--limit=3")
    assert time.monotonic() - started < 20
    assert len(text.splitlines()) < 302 * (2 * 3 * 6 + 10)
    service = found["ports"][0]
    assert (service["port"], service["local"]["total"], service["remote"]["total"]) == \
        (SERVICE, 402, 400)
    assert sum(answer["local"]["total"] for answer in found["ports"]) == 402 + 400
    assert sum(answer["remote"]["total"] for answer in found["ports"]) == 400 + 400
    assert_fits(text)


# The limit

@in_namespace
def test_limit():
    """Totals are exact; listeners come first and TIME_WAIT last, whatever is left out."""
    listener = listen(IPV4, "127.0.0.1", SERVICE)
    other = listen(IPV4, "127.0.0.2", SERVICE)
    _kept = pairs(23, IPV4, listener, "127.0.0.1", SERVICE)
    for client, server in pairs(5, IPV4, listener, "127.0.0.1", SERVICE):
        server.close()
        assert client.recv(1) == b""
        client.close()
    wait_until(lambda: [entry["state"] for entry in ask(SERVICE, "--limit=1000")["local"]
                        ["sockets"]].count("time_wait") == 5, "TIME_WAIT")
    ranks = {"listen": 0, "established": 1, "time_wait": 2}
    whole = ask(SERVICE, "--limit=1000")
    assert [ranks[entry["state"]] for entry in whole["local"]["sockets"]] == \
        [0] * 2 + [1] * 23 + [2] * 5
    for limit in (1, 2, 20, 25, 30, 31):
        answer = ask(SERVICE, f"--limit={limit}")
        text = text_of(SERVICE, f"--limit={limit}")
        for side, total in (("local", 30), ("remote", 23)):
            assert answer[side]["total"] == total

            def stable(entries):
                return [{name: value for name, value in entry.items()
                         if name not in ("age_seconds", "age_is_exact", "expires_seconds", "meaning",
                                         "reusable")}
                        for entry in entries]

            assert stable(answer[side]["sockets"]) == stable(whole[side]["sockets"][:limit])
            assert f"{total} sockets have it as their {side} port:" in text
        # In text, a kind of sockets counts as one: both listeners, 23 connections and 5 in TIME_WAIT.
        alike = sum(int(count) for count in re.findall(r"^  and (\d+) like these$", text, re.M))
        local = {1: 2, 2: 25}.get(limit, 30)
        assert len(re.findall(r"^  tcp  ", text, re.M)) + alike == local + 23
        assert (f"and {30 - local} more (--limit)" in text) == (local < 30)
    assert len(ask(SERVICE)["local"]["sockets"]) == 20
    assert other


# JSON

@pytest.mark.parametrize("asked", [["1-65535"], [20002, "--limit=1"], [1], ["41000-41049"]],
                         ids=str)
def test_json_is_one_line(asked):
    done = run("port", "--json", *asked, *BUSY)
    assert done.returncode == (1 if asked == [1] else 0)
    assert done.stdout.count("\n") == 1 and done.stdout.endswith("}\n")
    assert set(json.loads(done.stdout)) - {"advice"} == {"range", "ports", "empty_ports", "socket_source"}


def test_the_same_every_time():
    assert len({text_of("1-65535", "--limit=1000", *BUSY) for _ in range(3)}) == 1
    assert len({text_of("1-65535", "--json", *BUSY) for _ in range(3)}) == 1


# Output that cannot be written

def write_to(target, *flags, **kw):
    return subprocess.run([BINARY, "port", *flags], stdout=target, stderr=subprocess.PIPE,
                          text=True, timeout=10, check=False, **kw)


SHORT, MUCH = ["20002", "--limit=1", *BUSY], ["1-65535", "--limit=1000", *BUSY]
SIZES = pytest.mark.parametrize("asked", [SHORT, MUCH], ids=["short", "long"])
FORMS = pytest.mark.parametrize("flags", [[], ["--json"], ["--watch"], ["--watch", "--json"]],
                                ids=" ".join)


@SIZES
@FORMS
def test_a_full_disk_is_told(asked, flags):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = write_to(full, *asked, *flags)
    assert (done.returncode, done.stderr) == (2, "ephemera: port: No space left on device\n")


@SIZES
@FORMS
def test_a_closed_output_is_told(asked, flags):
    done = write_to(None, *asked, *flags, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (2, "ephemera: port: standard output is closed\n")


@pytest.mark.parametrize("ignored", [False, True], ids=["SIGPIPE", "EPIPE"])
@SIZES
@FORMS
def test_a_reader_that_has_left_ends_it(asked, flags, ignored):
    reader, writer = os.pipe()
    os.close(reader)
    done = write_to(writer, *asked, *flags, restore_signals=not ignored)
    os.close(writer)
    assert done.returncode == 2 if ignored else done.returncode in (2, -signal.SIGPIPE)
    assert done.stderr == ""


def test_a_reader_that_wants_one_line():
    done = subprocess.run(["sh", "-c", '"$@" | head -1', "sh", BINARY, "port", *MUCH],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30,
                          check=False)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@in_namespace
def test_a_disk_that_is_full_for_a_moment_is_told():
    """A part is missing, though the end could be written."""
    _kept = [listen(IPV4, "127.0.0.1", SERVICE + i) for i in range(200)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for flags in ([], ["--json"]):
        with open(f"/tmp/ephemera-test-{os.getpid()}", "w", encoding="ascii") as file:
            os.unlink(file.name)
            done = write_to(file, f"{SERVICE}-{SERVICE + 199}", *flags, restore_signals=False)
            assert done.returncode == 2
            assert done.stderr == "ephemera: port: File too large\n"
