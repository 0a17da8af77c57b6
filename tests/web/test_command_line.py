# SPDX-License-Identifier: Apache-2.0
"""Flags, exit statuses and what is said about a wrong one; a procfs that is not in order."""

import json
import re
import socket
import subprocess
from pathlib import Path

import pytest

from lib.exporter import (AS_OURSELVES, BINARY, COLLECTORS, REPOSITORY, Exporter, Metrics, all_but,
                          assert_no_sanitizer_report, free_port, metrics,
                          run)
from raw import wait_until

SETTINGS = ["ip_local_port_range", "ip_local_reserved_ports", "ip_unprivileged_port_start",
            "tcp_tw_reuse", "tcp_tw_reuse_delay", "tcp_fin_timeout"]


def refused(*args):
    """What is said of a command line that is wrong: on stderr alone, with exit status 2."""
    done = run(*args)
    assert done.returncode == 2, done
    assert done.stdout == ""
    return done.stderr


# Help and version

def test_help():
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for collector in COLLECTORS:
        assert re.search(rf"--\[no-\]collector\.{collector}\b", done.stdout) \
            or (f"--collector.{collector}" in done.stdout
                and f"--no-collector.{collector}" in done.stdout)
    for flag in ("web.listen-address", "web.telemetry-path", "web.max-requests",
                 "web.max-connections", "web.request-timeout", "web.response-timeout",
                 "web.disable-exporter-metrics", "collector.disable-defaults",
                 "collector.destinations.limit", "collector.destinations.minimum-ports",
                 "path.procfs", "log.level", "log.format", "version", "help",
                 "web.socket-mode", "web.systemd-socket", "web.config.file",
                 "web.max-connections-per-address", "web.max-header-bytes",
                 "web.max-walks-per-second", "security.sandbox", "security.user"):
        assert f"--{flag}" in done.stdout
    assert "ephemera metrics" in done.stdout
    assert "ephemera check-config FILE" in done.stdout
    assert "ephemera healthcheck " in done.stdout
    assert "unix:PATH" in done.stdout
    for line in done.stdout.splitlines():
        assert len(line) <= 80, line
        assert line == line.rstrip()
        assert "\t" not in line


def test_help_wins_wherever_it_stands():
    assert run("metrics", "--help").returncode == 0
    assert run("--log.level=error", "--help").returncode == 0


def test_help_of_one_command():
    whole = run("--help").stdout
    assert run("help").stdout == run("-h").stdout == whole
    for command in ("metrics", "port", "trace", "check-config"):
        own = run(command, "--help")
        assert (own.returncode, own.stderr) == (0, "") and own.stdout != whole
        assert f"ephemera {command} " in own.stdout and "Examples:" in own.stdout
        assert run("help", command).stdout == run(command, "-h").stdout == own.stdout
    assert 'did you mean "port"?' in refused("help", "prot")
    assert "did you mean --namespace?" in refused("port", "80", "--namespaces=all")


def test_version():
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("-V").stdout == done.stdout
    assert re.match(r"ephemera,? (version )?v?\d+\.\d+\.\d+", done.stdout)
    facts = dict(line.split(": ", 1) for line in done.stdout.splitlines()[1:])
    assert list(facts) == ["commit", "BPF", "libraries"]
    assert re.fullmatch(r"[0-9a-f]{12,}(-modified)?|unknown", facts["commit"])
    assert facts["BPF"] in ("yes", "no")
    libraries = facts["libraries"].split(", ")
    assert all(re.fullmatch(r"\w+ \d+(\.\d+)+", library) for library in libraries), libraries
    assert any(library.startswith("libbpf ") for library in libraries) == (facts["BPF"] == "yes")


def test_the_commit_is_what_git_says(tmp_path):
    """In a directory of its own, since the binary may be of another commit than the sources now."""
    source, header = tmp_path / "source", tmp_path / "commit.h"
    git = ["git", "-C", source, "-c", "user.name=x", "-c", "user.email=x@y.z"]

    def commit():
        subprocess.run(["cmake", f"-DSOURCE={source}", f"-DHEADER={header}", "-P",
                        REPOSITORY / "exporter" / "commands" / "commit.cmake"], check=True)
        return re.fullmatch(r'#define EPHEMERA_COMMIT "(.*)"\n', header.read_text())[1]

    source.mkdir()
    (source / "file").write_text("one")
    assert commit() == "unknown"
    for command in (["init", "-q"], ["add", "file"], ["commit", "-q", "-m", "One"], ["tag", "v1"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    assert len(commit()) >= 12 and head.startswith(commit())
    before = header.stat().st_mtime_ns
    commit()
    assert header.stat().st_mtime_ns == before
    (source / "file").write_text("two")
    assert commit() == head[:12] + "-modified"
    # The directory above is another project's.
    source = source / "unpacked"
    source.mkdir()
    assert commit() == "unknown"


# What is wrong

@pytest.mark.parametrize("args, named", [
    (["--nonsense"], ["--nonsense"]),
    (["--nonsense=1"], ["--nonsense"]),
    (["-x"], ["-x"]),
    (["--web.listen=127.0.0.1:0"], ["--web.listen"]),
    (["--web.listen-addres=127.0.0.1:0"], ["--web.listen-addres"]),
    (["--collector.range.nonsense=1"], ["--collector.range.nonsense"]),
    (["--collector.nonsense"], ["--collector.nonsense"]),
    (["--no-collector.nonsense"], ["--no-collector.nonsense"]),
    (["--no-web.telemetry-path"], ["--no-web.telemetry-path"]),
    (["--collector.ran"], ["--collector.ran"]),
    (["--ver"], ["--ver"]),
    (["nonsense"], ["nonsense"]),
    (["metric"], ["metric"]),
    (["metrics", "nonsense"], ["nonsense"]),
    (["metrics", "--nonsense"], ["--nonsense"]),
    ([""], []),
    (["--web.listen-address"], ["--web.listen-address"]),
    (["--web.listen-address="], ["--web.listen-address"]),
    (["--web.listen-address=127.0.0.1:99999"], ["--web.listen-address", "127.0.0.1:99999"]),
    (["--web.listen-address=127.0.0.1:0"], ["--web.listen-address", "127.0.0.1:0"]),
    (["--web.listen-address=127.0.0.1:65536"], ["--web.listen-address", "65536"]),
    (["--web.listen-address=127.0.0.1:-1"], ["--web.listen-address", "-1"]),
    (["--web.listen-address=127.0.0.1:port"], ["--web.listen-address", "127.0.0.1:port"]),
    (["--web.listen-address=127.0.0.1:"], ["--web.listen-address", "127.0.0.1:"]),
    (["--web.listen-address=127.0.0.1"], ["--web.listen-address", "127.0.0.1"]),
    (["--web.listen-address=127.0.0.1:80 "], ["--web.listen-address", "127.0.0.1:80 "]),
    (["--web.listen-address=[::1:80"], ["--web.listen-address", "[::1:80"]),
    (["--web.listen-address=unix:"], ["--web.listen-address", "unix:", "empty"]),
    (["--web.listen-address=unix:@x"], ["--web.listen-address", "unix:@x", "abstract"]),
    (["--web.listen-address=unix:/" + "x" * 107], ["--web.listen-address", "unix:/xxx", "107"]),
    (["--web.socket-mode=rw"], ["--web.socket-mode", "rw"]),
    (["--web.socket-mode=0668"], ["--web.socket-mode", "0668"]),
    (["--web.socket-mode=01777"], ["--web.socket-mode", "01777"]),
    (["--web.systemd-socket=yes"], ["--web.systemd-socket", "yes"]),
    (["--web.systemd-socket", "--web.listen-address=:80"],
     ["--web.systemd-socket", "--web.listen-address"]),
    (["--web.config.file="], ["--web.config.file"]),
    (["--web.max-connections-per-address=0"], ["--web.max-connections-per-address", "0"]),
    (["--web.max-header-bytes=511"], ["--web.max-header-bytes", "511"]),
    (["--web.max-walks-per-second=0.5"], ["--web.max-walks-per-second", "0.5"]),
    (["--security.sandbox=maybe"], ["--security.sandbox", "maybe", "on, off"]),
    (["--security.user="], ["--security.user"]),
    (["check-config"], ["check-config"]),
    (["check-config", "a.yml", "b.yml"], ["b.yml"]),
    (["--collector.destinations.limit=abc"], ["--collector.destinations.limit", "abc"]),
    (["--collector.destinations.limit=-1"], ["--collector.destinations.limit", "-1"]),
    (["--collector.destinations.limit="], ["--collector.destinations.limit"]),
    (["--collector.destinations.limit=1.5"], ["--collector.destinations.limit", "1.5"]),
    (["--collector.destinations.limit=20x"], ["--collector.destinations.limit", "20x"]),
    (["--collector.destinations.limit= 20"], ["--collector.destinations.limit"]),
    (["--collector.destinations.limit=+20"], ["--collector.destinations.limit", "+20"]),
    (["--collector.destinations.limit=99999999999999999999"],
     ["--collector.destinations.limit", "99999999999999999999"]),
    (["--collector.destinations.limit=4294967296"],
     ["--collector.destinations.limit", "4294967296"]),
    (["--collector.destinations.minimum-ports=-1"],
     ["--collector.destinations.minimum-ports", "-1"]),
    (["--collector.destinations.minimum-ports=65537"],
     ["--collector.destinations.minimum-ports", "65537"]),
    (["--collector.range=yes"], ["--collector.range"]),
    (["--web.disable-exporter-metrics=maybe"], ["--web.disable-exporter-metrics"]),
    (["--web.telemetry-path=metrics"], ["--web.telemetry-path", "metrics"]),
    (["--web.telemetry-path="], ["--web.telemetry-path"]),
    (["--web.max-requests=0"], ["--web.max-requests", "0"]),
    (["--web.max-requests=many"], ["--web.max-requests", "many"]),
    (["--web.max-connections=0"], ["--web.max-connections", "0"]),
    (["--web.request-timeout=0"], ["--web.request-timeout"]),
    (["--web.request-timeout=-1s"], ["--web.request-timeout", "-1s"]),
    (["--web.request-timeout=1parsec"], ["--web.request-timeout", "1parsec"]),
    (["--web.response-timeout=s"], ["--web.response-timeout", "s"]),
    (["--log.level=loud"], ["--log.level", "loud"]),
    (["--log.format=xml"], ["--log.format", "xml"]),
    (["--path.procfs="], ["--path.procfs"]),
    (["--version=1"], ["--version"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_a_wrong_command_line_is_refused(args, named):
    said = refused(*args)
    assert said.strip()
    for name in named:
        assert name in said
    assert len(said.splitlines()) <= 3, "the error, and at most where to read more"


def test_control_characters_are_not_repeated():
    for flag in ("web.listen-address", "collector.destinations.limit", "\x1b[31m\x07"):
        done = run(f"--{flag}=\x1b[31m\x07:80")
        assert done.returncode in (1, 2)
        assert "\x1b" not in done.stderr and "\x07" not in done.stderr


@pytest.mark.parametrize("address", ["300.0.0.1:80", "nonsense.invalid:80", "192.0.2.1:80"])
def test_an_address_that_is_not_ours(address):
    # These have the form of an address; only the resolver and the kernel know better.
    done = run(f"--web.listen-address={address}")
    assert done.returncode in (1, 2)
    assert "--web.listen-address" in done.stderr
    assert address in done.stderr


def test_a_value_may_be_an_argument_of_its_own():
    done = run("metrics", "--log.level", "error", "--collector.destinations.limit", "3")
    assert done.returncode == 0, done.stderr
    assert Metrics(done.stdout).value("ephemera_range_ports") > 0


def test_the_last_one_of_a_flag_counts():
    found = metrics("--no-collector.range", "--collector.range")
    assert "ephemera_range_ports" in found.names()
    found = metrics("--collector.range", "--no-collector.range")
    assert "ephemera_range_ports" not in found.names()


# What a flag does

def collectors_of(found):
    return {labels["collector"]
            for labels, _ in found.samples("ephemera_scrape_collector_success")}


@pytest.mark.parametrize("args, expected", [
    ([], all_but()),
    (["--no-collector.sockets"], all_but("sockets")),
    (["--collector.disable-defaults", "--collector.range"], "range"),
    (["--collector.range", "--collector.disable-defaults"], "range"),
    (["--collector.disable-defaults", "--collector.range", "--collector.sockets"],
     "range sockets"),
])
def test_choice_of_collectors(args, expected):
    found = metrics(*args)
    assert collectors_of(found) == set(expected.split())
    assert ("ephemera_sockets" in found.names()) == ("sockets" in expected)
    assert ("ephemera_range_ports" in found.names()) == ("range" in expected)


def test_one_scrape_prints_what_is_served():
    with Exporter() as exporter:
        served = exporter.metrics().names()
        printed = metrics().names()
    # What is shown only where there is something to show differs from moment to moment.
    lists = {"ephemera_owner_ports", "ephemera_destination_ports", "ephemera_range_listener_info",
             "ephemera_destination_owner_ports", "ephemera_destination_other_owner_ports",
             "ephemera_accept_queue_sockets", "ephemera_accept_queue_limit_sockets"}
    assert served - lists == printed - lists
    assert "ephemera_http_requests_total" in printed


def test_disable_exporter_metrics():
    with Exporter("--web.disable-exporter-metrics") as exporter:
        exporter.metrics()
        names = exporter.metrics().names()
    assert not [name for name in names if name.startswith("process_")]
    assert "ephemera_http_requests_total" not in names
    assert "ephemera_range_ports" in names
    assert "ephemera_scrape_collector_success" in names, "alerts stand on it"


@pytest.mark.parametrize("address, reached_at", [
    ("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("", "127.0.0.1"),
    ("0.0.0.0", "127.0.0.1"), ("localhost", "localhost"),
])
def test_listen_address(address, reached_at):
    if "::1" in address:
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError as error:
                pytest.skip(f"no IPv6 loopback: {error}")
    with Exporter(f"--web.listen-address={address}:{free_port()}") as exporter:
        exporter.host = reached_at
        assert exporter.get("/-/healthy").status == 200


def test_two_listen_addresses():
    with Exporter(f"--web.listen-address=127.0.0.1:{free_port()}",
                  f"--web.listen-address=127.0.0.2:{free_port()}") as exporter:
        exporter.wait_for_log(lambda line: "Listening" in line and "127.0.0.2:" in line)
        listening = [line for line in exporter.log if "Listening" in line]
        assert len(listening) == 2
        for line in listening:
            exporter.host, port = re.search(r"(127\.0\.0\.\d):(\d+)", line).groups()
            exporter.port = int(port)
            assert exporter.get("/-/healthy").status == 200


# The log

def test_log_in_logfmt():
    with Exporter("--log.level=debug") as exporter:
        exporter.metrics()
        exporter.terminate()
    for line in exporter.log:
        assert re.match(r'ts=\S+ level=(debug|info|warn|error) msg=("([^"\\]|\\.)*"|[^\s"=]+)'
                        r'( [a-z_]+=("([^"\\]|\\.)*"|[^\s"=]*))*$', line), line


def test_log_in_json():
    with Exporter("--log.format=json", "--log.level=debug") as exporter:
        exporter.metrics()
        exporter.get("/metrics?collect[]=%22%5C%0A%ff")
        exporter.terminate()
    entries = [json.loads(line) for line in exporter.log]
    assert entries
    for entry in entries:
        assert {"ts", "level", "msg"} <= entry.keys()
    assert f"127.0.0.1:{exporter.port}" in [entry.get("address") for entry in entries]


def test_log_level_error_is_quiet():
    # The port is not logged then, so it must be one we know.
    port = free_port()
    exporter = Exporter(f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    exporter.wait_for_log = lambda *_, **__: wait_until(
        lambda: answers("127.0.0.1", port) and ("127.0.0.1", port), 10, "an open port")
    with exporter:
        assert exporter.metrics().value("ephemera_range_ports") > 0
    assert exporter.log == []


def answers(host, port):
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


# A procfs that is not in order

@pytest.fixture
def procfs(tmp_path):
    """A copy of the settings that the exporter reads, to be spoilt."""
    directory = tmp_path / "sys" / "net" / "ipv4"
    directory.mkdir(parents=True)
    for name in SETTINGS:
        real = Path("/proc/sys/net/ipv4") / name
        if real.exists():
            (directory / name).write_text(real.read_text())
    (tmp_path / "net").mkdir()
    for name in "snmp", "netstat":
        (tmp_path / "net" / name).write_text(Path("/proc/net", name).read_text())
    (directory / "ip_local_port_range").write_text("20000\t20999\n")
    (directory / "ip_local_reserved_ports").write_text("20001,20010-20019,30000\n")
    return tmp_path


def setting(procfs, name):
    return procfs / "sys" / "net" / "ipv4" / name


def scrape(procfs):
    """One scrape, and its exit status."""
    done = run("metrics", f"--path.procfs={procfs}")
    return done, Metrics(done.stdout)


def test_the_settings_come_from_the_given_procfs(procfs):
    done, found = scrape(procfs)
    assert done.returncode == 0, done.stderr
    assert found.value("ephemera_range_first_port") == 20000
    assert found.value("ephemera_range_last_port") == 20999
    assert found.value("ephemera_range_ports") == 1000
    assert found.value("ephemera_range_reserved_ports") == 11
    assert found.value("ephemera_range_iana_dynamic_ports") == 0


@pytest.mark.parametrize("text, ports, iana", [
    ("49152\t65535\n", 16384, 16384), ("1 65535", 65535, 16384), ("32768\t60999\n", 28232, 11848),
    ("65535 65535\n", 1, 1), ("  1024   49152  \n", 48129, 1),
])
def test_a_range_in_order(procfs, text, ports, iana):
    setting(procfs, "ip_local_port_range").write_text(text)
    done, found = scrape(procfs)
    assert done.returncode == 0, done.stderr
    assert found.value("ephemera_range_ports") == ports
    assert found.value("ephemera_range_iana_dynamic_ports") == iana


MALFORMED_RANGES = ["", "\n", "abc\n", "32768\n", "32768\t\n", "32768\tabc\n", "60999\t32768\n",
                    "0\t60999\n", "32768\t65536\n", "-1\t60999\n", "32768\t60999\t1\n",
                    "32768,60999\n", "32768-60999\n", "32768.0\t60999\n", "0x8000\t0xffff\n",
                    "32768\t60999x\n", "\0" * 20, "32768\t" + "9" * 100, "1 " * 500000,
                    "4294967297\t4294967300\n", "32768\t60999\0\n", "32768\t\xff\n"]


NEED_THE_RANGE = {"range", "binds", "destinations", "addresses", "owners"}
NEED_COUNTERS = {"accept_queue", "time_wait", "churn"}


def assert_only_what_needs_no_range_stands(done, found, failed=NEED_THE_RANGE):
    assert done.returncode == 1
    success = {labels["collector"]: value
               for labels, value in found.samples("ephemera_scrape_collector_success")}
    # What is usable, and what share of it is used, cannot be told without the range.
    assert success == {name: int(name not in failed) for name in COLLECTORS}
    for name in found.names():
        assert not re.match(r"ephemera_(range|unprivileged|tcp_time_wait|tcp_fin|destination"
                            r"|worst_destination|worst_address|address|other|owner|unowned)",
                            name), "a collector that failed yields nothing"
    assert len(found.samples("ephemera_sockets")) == 28
    assert done.stderr.count("\n") <= len(failed), "said once, not for each sample"


@pytest.mark.parametrize("text", MALFORMED_RANGES, ids=lambda text: repr(text[:20]))
def test_a_malformed_range(procfs, text):
    setting(procfs, "ip_local_port_range").write_bytes(text.encode("latin-1"))
    done, found = scrape(procfs)
    assert_only_what_needs_no_range_stands(done, found)
    assert "ip_local_port_range" in done.stderr or "range" in done.stderr


def test_no_range(procfs):
    setting(procfs, "ip_local_port_range").unlink()
    assert_only_what_needs_no_range_stands(*scrape(procfs))


def test_a_range_that_is_a_directory(procfs):
    setting(procfs, "ip_local_port_range").unlink()
    setting(procfs, "ip_local_port_range").mkdir()
    assert_only_what_needs_no_range_stands(*scrape(procfs))


@pytest.mark.parametrize("text", ["abc\n", "5-\n", "-5\n", "9-5\n", "70000\n", "1,,2\n", "1;2\n",
                                  "1-2-3\n", "0x10\n"])
def test_malformed_reserved_ports(procfs, text):
    setting(procfs, "ip_local_reserved_ports").write_text(text)
    assert_only_what_needs_no_range_stands(*scrape(procfs))


def test_every_second_port_reserved(procfs):
    setting(procfs, "ip_local_reserved_ports").write_text(
        ",".join(map(str, range(1, 65536, 2))) + "\n")
    done, found = scrape(procfs)
    assert done.returncode == 0, done.stderr
    assert found.value("ephemera_range_reserved_ports") == 500


def test_no_reserved_ports(procfs):
    setting(procfs, "ip_local_reserved_ports").write_text("\n")
    done, found = scrape(procfs)
    assert done.returncode == 0, done.stderr
    assert found.value("ephemera_range_reserved_ports") == 0


def test_no_procfs_at_all():
    done, found = scrape("/nonexistent")
    assert_only_what_needs_no_range_stands(done, found, NEED_THE_RANGE | NEED_COUNTERS)
    assert "/nonexistent" in done.stderr


def test_a_server_goes_on_and_heals(procfs):
    range_file = setting(procfs, "ip_local_port_range")
    with Exporter(f"--path.procfs={procfs}", AS_OURSELVES) as exporter:
        assert exporter.metrics().value("ephemera_range_ports") == 1000
        range_file.write_text("nonsense\n")
        found = exporter.metrics()
        assert found.value("ephemera_scrape_collector_success", collector="range") == 0
        assert found.value("ephemera_scrape_collector_success", collector="sockets") == 1
        assert "ephemera_range_ports" not in found.names()
        range_file.write_text("20000\t20009\n")
        found = exporter.metrics()
        assert found.value("ephemera_scrape_collector_success", collector="range") == 1
        assert found.value("ephemera_range_ports") == 10


def test_the_output_cannot_be_written():
    with open("/dev/full", "w") as full:
        done = subprocess.run([BINARY, "metrics"], stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr
    assert_no_sanitizer_report(done.stderr)
