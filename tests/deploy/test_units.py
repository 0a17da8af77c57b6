# SPDX-License-Identifier: Apache-2.0
"""The units of systemd: that systemd takes them, how exposed the service is, that each directive has
a reason, and that the exporter counts as ever under the service's restrictions."""

import json
import os
import re
import shutil
import subprocess

import pytest

import lib.exporter
from lib.bpf import needs_bpf
from lib.cgroup_mount import host_has_cgroups
from lib.exporter import COLLECTORS, REPOSITORY, Exporter, all_but, run
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, connect_many, connect_until_refused, drop, listen
from units import A_DYNAMIC_USER, DEPLOY, DROP_INS, Unit, directives, install, need, restricted

UNITS = [DEPLOY / "systemd" / "ephemera.service.in", DEPLOY / "systemd" / "ephemera.socket",
         *sorted(DROP_INS.glob("*.conf"))]
LEASES = DEPLOY / "systemd" / "ephemera-leases.service.in"

# What systemd-analyze security makes of them at the most.
EXPOSURE = {(): 1.5, ("socket.conf",): 1.5, ("tls.conf",): 1.5, ("api.conf",): 2.5,
            ("exhaustion.conf",): 1.8, ("walk.conf",): 1.8, ("exhaustion.conf", "walk.conf"): 1.8,
            ("snat.conf",): 1.8, ("snat.conf", "walk.conf"): 2.0}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can restrict as systemd does")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where they were installed, with a prefix of /usr."""
    place = tmp_path_factory.mktemp("installed")
    install(place, "-DCMAKE_INSTALL_PREFIX=/usr")
    return place / "root"


@pytest.fixture
def unit_folder(installed, tmp_path):
    """The installed units, with a program for ExecStart that there is: the host has none to find."""
    program = tmp_path / "ephemera"
    shutil.copy("/bin/true", program)
    for path in (installed / "usr/lib/systemd/system").iterdir():
        (tmp_path / path.name).write_text(path.read_text().replace("/usr/bin/ephemera", str(program)))
    return tmp_path


def add_drop_ins(folder, names):
    (folder / "ephemera.service.d").mkdir(exist_ok=True)
    for name in names:
        shutil.copy(DROP_INS / name, folder / "ephemera.service.d")


def analyze(*arguments):
    need("systemd-analyze")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


# Installation


def test_the_unit_runs_what_is_installed(installed):
    service = (installed / "usr/lib/systemd/system/ephemera.service").read_text()
    assert "@" not in re.sub(r"@(system-service|privileged|resources)\b", "", service)
    found = {name: value for _, name, value in directives(service)}
    assert found["ExecStart"].split()[0] == "/usr/bin/ephemera"
    assert found["EnvironmentFile"] == "-/etc/default/ephemera"
    assert (installed / "etc/default/ephemera").exists()


def test_what_is_an_example_is_installed_as_one(installed):
    examples = installed / "usr/share/doc/ephemera/examples"
    assert {path.name for path in (examples / "ephemera.service.d").iterdir()} \
        == {path.name for path in DROP_INS.iterdir()}
    assert (examples / "sysctl.d/90-ephemera.conf").exists()
    assert not list(installed.rglob("etc/sysctl.d"))


def test_another_prefix_and_a_second_installation(tmp_path):
    install(tmp_path, "-DCMAKE_INSTALL_PREFIX=/opt/there")
    root = tmp_path / "root"
    service = (root / "opt/there/lib/systemd/system/ephemera.service").read_text()
    assert "\nExecStart=/opt/there/bin/ephemera " in service
    # As GNUInstallDirs has it for /opt.
    flags = re.search(r"^EnvironmentFile=-(.*)$", service, re.M)[1]
    mine = root / flags.lstrip("/")
    mine.write_text("EPHEMERA_FLAGS=--log.level=warn\n")
    assert "Kept: " in install(tmp_path)
    assert mine.read_text() == "EPHEMERA_FLAGS=--log.level=warn\n"


# What systemd says


@pytest.mark.parametrize("drop_ins", [[], *([path.name] for path in UNITS[2:]),
                                      [path.name for path in UNITS[2:]]], ids=" ".join)
def test_systemd_finds_nothing_wrong(unit_folder, drop_ins):
    add_drop_ins(unit_folder, drop_ins)
    done = analyze("verify", "--man=no", unit_folder / "ephemera.service", unit_folder / "ephemera.socket")
    # Of other units of this machine it may complain as it likes.
    ours = [line for line in done.stdout.splitlines() if "ephemera" in line or str(unit_folder) in line]
    assert not ours and done.returncode == 0, done.stdout


def test_systemd_would_find_a_misspelt_directive(unit_folder):
    service = unit_folder / "ephemera.service"
    service.write_text(service.read_text().replace("ProtectClock=", "ProtectClocks="))
    assert "ProtectClocks" in analyze("verify", "--man=no", service).stdout


@pytest.mark.parametrize("drop_ins", EXPOSURE, ids=lambda names: " ".join(names) or "none")
def test_how_exposed_the_service_is(unit_folder, drop_ins):
    add_drop_ins(unit_folder, drop_ins)
    said = analyze("security", "--offline=yes", "--no-pager", unit_folder / "ephemera.service").stdout
    level = re.search(r"Overall exposure level for ephemera.service: ([0-9.]+)", said)
    assert level, said
    print(f"{drop_ins}: {level[1]}")
    assert float(level[1]) <= EXPOSURE[drop_ins], said


def test_systemd_finds_nothing_wrong_with_the_service_of_leases(unit_folder):
    done = analyze("verify", "--man=no", unit_folder / "ephemera-leases.service")
    ours = [line for line in done.stdout.splitlines() if "ephemera" in line or str(unit_folder) in line]
    assert not ours and done.returncode == 0, done.stdout


def test_how_exposed_the_service_of_leases_is(unit_folder):
    said = analyze("security", "--offline=yes", "--no-pager", unit_folder / "ephemera-leases.service").stdout
    level = re.search(r"Overall exposure level for ephemera-leases.service: ([0-9.]+)", said)
    assert level, said
    print(f"leases: {level[1]}")
    assert float(level[1]) <= 1.3, said


# Reasons


@pytest.mark.parametrize("path", [*UNITS, LEASES], ids=lambda path: path.name)
def test_each_directive_has_a_reason(path):
    lines = path.read_text().splitlines()
    assert lines[0] == "# SPDX-License-Identifier: Apache-2.0"
    before = None
    for line in lines:
        if "=" in line and not line.startswith("#"):
            assert before.startswith("# ") and len(before) > 10, f"{path.name}: {line}"
        before = line


def test_the_example_of_settings_sets_nothing():
    text = (DEPLOY / "sysctl" / "90-ephemera.conf").read_text()
    assert all(line.startswith("#") for line in text.splitlines() if line)
    for name in re.findall(r"^#(net\.\S+) = ", text, re.M):
        path = "/proc/sys/" + name.replace(".", "/")
        assert os.path.exists(path) or name.endswith("tcp_tw_reuse_delay"), name
    for wanted in ("ip_local_port_range", "ip_local_reserved_ports", "tcp_tw_reuse"):
        assert f"\n#net.ipv4.{wanted} = " in text


def test_each_flag_exists():
    known = run("--help").stdout
    for path in [*UNITS, LEASES, DEPLOY / "systemd" / "ephemera.default"]:
        for flag in re.findall(r"--((?:web|log|collector|security|buffer|sockets)\.[a-z.-]+[a-z])", path.read_text()):
            assert f"--{flag}" in known, f"{path.name}: {flag}"


# The exporter under these restrictions


def service(*drop_ins):
    return Unit((DEPLOY / "systemd" / "ephemera.service.in").read_text(),
                *((DROP_INS / name).read_text() for name in drop_ins))


def status(exporter):
    with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
        return {name: value.split() for name, _, value in (line.partition(":") for line in file)}


def has_no_capability(exporter):
    have = status(exporter)
    return not any(int(have[name][0], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))


def assert_nothing_was_refused(exporter):
    for line in exporter.log:
        assert "level=warn" not in line and "level=error" not in line, line


@needs_root
@in_namespace
def test_the_exporter_counts_as_ever(plain):
    set_range(40000, 40099)
    held = listen(IPV4, "127.0.0.1", 30001)
    kept = connect_many(23, IPV4, "127.0.0.1", 30001)
    with Exporter("--collector.destinations.minimum-ports=1", *service().arguments(),
                  **restricted(service())) as exporter:
        found = exporter.metrics()
        for collector in COLLECTORS if host_has_cgroups() else all_but("owners").split():
            assert found.value("ephemera_scrape_collector_success", collector=collector) == 1, collector
        assert found.value("ephemera_range_ports") == 100
        assert found.value("ephemera_destination_ports", destination_port="30001", state="active") == 23
        if host_has_cgroups():
            # The cgroup of this test, by its name; the scrape's own connection has a port, too.
            assert [value for _, value in found.samples("ephemera_owner_ports")] == [24]
            [(labels, _)] = found.samples("ephemera_owner_ports")
            assert labels["cgroup"].startswith("/")
        have = status(exporter)
        assert have["Uid"] == [str(A_DYNAMIC_USER)] * 4
        assert int(have["CapEff"][0], 16) == int(have["CapBnd"][0], 16) == 0
        # The unit's, and the exporter's two.
        assert have["Seccomp_filters"] == ["3"]
        exporter.wait_for_log(lambda line: "capabilities=none" in line and "seccomp=on" in line)
        assert_nothing_was_refused(exporter)
    del kept


@needs_root
@in_namespace
def test_a_reload_may_send_its_signal(plain):
    unit = service()
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        command = unit.last("ExecReload").replace("$MAINPID", str(exporter.pid)).split()
        subprocess.run([*restricted(unit)["wrapper"], *command], check=True, timeout=60)
        exporter.wait_for_log(lambda line: "Nothing to reload" in line and "SIGHUP" in line)
        assert exporter.get("/-/healthy").status == 200


def processes_of(exporter, port):
    answer = json.loads(exporter.get(f"/api/v1/ports/{port}").body)
    return [process["pid"] for entry in answer["local"]["sockets"]
            for process in entry.get("processes", [])], json.dumps(answer)


@needs_root
@in_namespace
def test_the_api_names_everybodys_processes_with_its_drop_in(plain):
    held = listen(IPV4, "127.0.0.1", 30001)
    unit = service("api.conf")
    assert unit.arguments() == ["--web.listen-address=127.0.0.1:10059", "--web.enable-api"]
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        pids, answer = processes_of(exporter, 30001)
        assert os.getpid() in pids, answer
        have = status(exporter)
        assert int(have["CapEff"][0], 16) == 1 << 19 | 1 << 2
        assert_nothing_was_refused(exporter)
    with Exporter("--web.enable-api", **restricted(service())) as exporter:
        assert processes_of(exporter, 30001)[0] == []
    held.close()


def counts_failures(exporter):
    """A range of ten ports, and one connect() more than it has."""
    set_range(40000, 40009)
    held = listen(IPV4, "127.0.0.1", 30001)
    kept, errno = connect_until_refused(IPV4, "127.0.0.1", 30001, limit=11)
    found = exporter.metrics()
    drop([held, *kept])
    assert (len(kept), os.strerror(errno)) == (10, "Cannot assign requested address")
    return found


@needs_root
@needs_bpf
@in_namespace
def test_failures_are_counted_with_its_drop_in(plain):
    unit = service("exhaustion.conf")
    assert unit.arguments() == ["--collector.exhaustion"]
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        found = counts_failures(exporter)
        assert found.value("ephemera_scrape_collector_success", collector="exhaustion") == 1
        assert found.value("ephemera_port_exhaustion_errors_total", family="ipv4") == 1
        assert found.value("ephemera_destination_port_exhaustion_errors_total",
                           destination="127.0.0.1", destination_port="30001") == 1
        # It needs them no more.
        have = status(exporter)
        assert int(have["CapEff"][0], 16) == int(have["CapPrm"][0], 16) == int(have["CapAmb"][0], 16) == 0
        assert have["Uid"] == [str(A_DYNAMIC_USER)] * 4
        assert_nothing_was_refused(exporter)


def sockets_are_read_by(metrics):
    return {labels["source"] for labels, _ in metrics.samples("ephemera_socket_source_info", protocol="tcp")}


@needs_root
@needs_bpf
@in_namespace
def test_sockets_are_read_by_bpf_with_its_drop_in(plain):
    unit = service("walk.conf")
    assert unit.arguments() == []
    with Exporter(**restricted(unit)) as exporter:
        found = exporter.metrics()
        assert sockets_are_read_by(found) == {"bpf"}
        assert found.value("ephemera_kernel_feature", feature="socket_walk") == 1
        assert has_no_capability(exporter)
        assert status(exporter)["Uid"] == [str(A_DYNAMIC_USER)] * 4
        assert_nothing_was_refused(exporter)


def test_the_drop_ins_of_bpf_give_the_same_rights():
    walk, exhaustion = (directives((DROP_INS / name).read_text()) for name in ("walk.conf", "exhaustion.conf"))
    assert [each for each in exhaustion if each[1] != "Environment"] == walk


@needs_root
@needs_bpf
@in_namespace
def test_with_both_drop_ins_of_bpf_each_right_is_given_once(plain):
    unit = service("exhaustion.conf", "walk.conf")
    assert unit.together("AmbientCapabilities") == ["CAP_BPF", "CAP_PERFMON"]
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        found = counts_failures(exporter)
        assert found.value("ephemera_port_exhaustion_errors_total", family="ipv4") == 1
        assert sockets_are_read_by(found) == {"bpf"}
        assert has_no_capability(exporter)
        assert_nothing_was_refused(exporter)


@needs_root
@needs_bpf
@in_namespace
@pytest.mark.parametrize("others", [("exhaustion.conf",), ("walk.conf", "exhaustion.conf")], ids=" ".join)
def test_with_the_drop_ins_together_the_api_keeps_what_it_needs(plain, others):
    unit = service("api.conf", *others)
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        assert counts_failures(exporter).value("ephemera_port_exhaustion_errors_total", family="ipv4") == 1
        assert int(status(exporter)["CapEff"][0], 16) == 1 << 19 | 1 << 2


without_what_bpf_takes = pytest.mark.parametrize("before, after", [
    ("CAP_BPF CAP_PERFMON", "CAP_PERFMON"), ("CAP_BPF CAP_PERFMON", "CAP_BPF"),
    ("PrivateUsers=no", "PrivateUsers=yes"), ("SystemCallFilter=bpf", "SystemCallFilter=getpid")],
    ids=["no CAP_BPF", "no CAP_PERFMON", "PrivateUsers", "no bpf()"])


@needs_root
@needs_bpf
@in_namespace
@without_what_bpf_takes
def test_the_drop_in_has_nothing_that_it_could_do_without(plain, before, after):
    text = (DROP_INS / "exhaustion.conf").read_text()
    assert before in text
    unit = Unit((DEPLOY / "systemd" / "ephemera.service.in").read_text(), text.replace(before, after))
    with Exporter(*unit.arguments(), **restricted(unit)) as exporter:
        found = exporter.metrics()
        assert found.value("ephemera_scrape_collector_success", collector="exhaustion") == 0
        # All else works.
        assert found.value("ephemera_scrape_collector_success", collector="range") == 1


@needs_root
@needs_bpf
@in_namespace
@without_what_bpf_takes
def test_without_a_part_of_its_drop_in_sockets_are_read_by_sock_diag(plain, before, after):
    text = (DROP_INS / "walk.conf").read_text()
    assert before in text
    unit = Unit((DEPLOY / "systemd" / "ephemera.service.in").read_text(), text.replace(before, after))
    with Exporter("--log.level=debug", **restricted(unit)) as exporter:
        found = exporter.metrics()
        assert sockets_are_read_by(found) == {"sock_diag"}
        [line] = [line for line in exporter.log if "Cannot read sockets by BPF" in line]
        assert "CAP_BPF and CAP_PERFMON" in line
        # All else works.
        for collector in COLLECTORS if host_has_cgroups() else all_but("owners").split():
            assert found.value("ephemera_scrape_collector_success", collector=collector) == 1, collector
        assert_nothing_was_refused(exporter)


@needs_root
@in_namespace
def test_the_directives_are_what_is_measured(plain):
    """With the wrong choice for each, the exporter has nothing to count."""
    text = (DEPLOY / "systemd" / "ephemera.service.in").read_text()

    def changed(before, after):
        assert f"\n{before}\n" in text
        return restricted(Unit(text.replace(f"\n{before}\n", f"\n{after}\n")))

    with Exporter(**changed("ProcSubset=all", "ProcSubset=pid")) as exporter:
        assert exporter.metrics().value("ephemera_scrape_collector_success", collector="range") == 0
    with pytest.raises(AssertionError, match="privileges"):
        with Exporter(**changed("SystemCallFilter=capset", "SystemCallFilter=getpid")):
            pass
    families = "RestrictAddressFamilies=AF_NETLINK AF_UNIX AF_INET AF_INET6"
    with Exporter("--sockets.source=sock_diag",
                  **changed(families, families.replace("AF_NETLINK ", ""))) as exporter:
        assert exporter.metrics().value("ephemera_scrape_collector_success", collector="sockets") == 0


# The service of leases under its restrictions


def trace_leases(text):
    """What it says of connections of a cgroup, and what it has of privileges. None: it does not start."""
    unit = Unit(text)
    assert unit.arguments() == ["trace", "--leases", "--json"]
    wrapper = restricted(unit)["wrapper"]
    listener = listen(IPV4, "127.0.0.1", 30001)
    process = subprocess.Popen([*wrapper, lib.exporter.BINARY, *unit.arguments()], text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    started = process.stdout.readline()
    if not started:
        return None, process.communicate(timeout=20)[1]
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        have = {name: value.split() for name, _, value in (line.partition(":") for line in file)}
    drop(connect_many(7, IPV4, "127.0.0.1", 30001))
    process.terminate()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    listener.close()
    return [json.loads(line) for line in out.splitlines()], have


@needs_root
@needs_bpf
@in_namespace
def test_leases_are_traced_under_the_units_restrictions(plain):
    (*leases, last), have = trace_leases(LEASES.read_text())
    assert [lease["destination_port"] for lease in leases] == [30001] * 7
    assert {lease["pid"] for lease in leases} == {os.getpid()}
    if host_has_cgroups():
        assert all(lease["cgroup"].startswith("/") for lease in leases)
    # The kernel tells it how many events it missed, under these restrictions, too.
    assert last["summary"]["missed_events"] < 50 and last["summary"]["lost"] == 0
    assert have["Uid"] == [str(A_DYNAMIC_USER)] * 4
    assert int(have["CapEff"][0], 16) == 1 << 39 | 1 << 38


@needs_root
@needs_bpf
@in_namespace
@without_what_bpf_takes
def test_the_service_of_leases_has_nothing_that_it_could_do_without(plain, before, after):
    text = LEASES.read_text()
    assert before in text
    said, err = trace_leases(text.replace(before, after))
    assert said is None and "ephemera: trace: " in err


def test_the_journal_gets_every_line():
    found = {name: value for _, name, value in directives(LEASES.read_text())}
    assert found["StandardOutput"] == "journal" and found["LogRateLimitIntervalSec"] == "0"


def test_the_drop_in_of_the_page_says_where_to_listen_from_the_first_start():
    """It is written before the package is installed: the unit's own empty value does not win."""
    page = (REPOSITORY / "docs" / "install.md").read_text()
    drop_in = re.search(r"listen\.conf <<'END'\n(.*?)\n    END\n", page, re.S)[1]
    text = "\n".join(line.removeprefix("    ") for line in drop_in.splitlines())
    unit = Unit((DEPLOY / "systemd" / "ephemera.service.in").read_text(), text)
    assert unit.arguments() == ["--web.listen-address=127.0.0.1:10059"]
    # The package's own file of flags, which is read last, sets nothing.
    flags = (DEPLOY / "systemd" / "ephemera.default").read_text()
    assert all(line.startswith("#") for line in flags.splitlines() if line)
