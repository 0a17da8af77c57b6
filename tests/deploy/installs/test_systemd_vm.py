# SPDX-License-Identifier: Apache-2.0
"""The Debian package and its units under a systemd that is the first process of a machine.

systemd_guest.py does there what an administrator would, once for all of these tests, and says what it
saw; each test looks at one of its steps. Where the processor has no virtualization to give, QEMU
translates each instruction, which is what takes the time.
"""

import json
import shutil
from pathlib import Path

import pytest

from lib import debian, package, virtual_machine
from lib.certificates import Authority

HERE = Path(__file__).resolve().parent
NEWER = "99.0"
HELD = 127
SECONDS = 900
PORT = "10059"

CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE = 1 << 2, 1 << 19


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """{name of a step: what was seen in it, or what went wrong}"""
    folder = tmp_path_factory.mktemp("machine")
    # Of its own: whoever else tests the package builds it anew.
    deb = shutil.copy(package.built(), folder)
    authority = Authority(folder)
    server = authority.issue("server")
    with debian.Tree() as tree:
        virtual_machine.prepare(tree, "python3")
        packages = tree.root / "packages"
        packages.mkdir()
        shutil.copy(deb, packages / "installed.deb")
        shutil.copy(package.repacked(deb, NEWER, "# newer\n", folder), packages / "newer.deb")
        for path in (authority.certificate, server.certificate, server.key):
            shutil.copy(path, packages)
        # What the package depends on has to be there: in the machine there is nowhere to fetch it from.
        tree.run("apt-get", "install", "-y", "--no-install-recommends", "/packages/installed.deb")
        tree.run("dpkg", "--purge", "ephemera")
        shutil.copy(HERE / "systemd_guest.py", tree.root / "guest.py")
        said = virtual_machine.run(tree, "/usr/bin/python3 /guest.py >/dev/ttyS1", SECONDS)
    steps = [json.loads(line) for line in said.splitlines()]
    print(" ".join(f"{step['step']}={step['seconds']}s" for step in steps))
    return {step["step"]: step for step in steps}


@pytest.fixture
def seen(machine, request):
    """Of the step that the test is named after."""
    step = machine[request.node.name.removeprefix("test_")]
    assert "error" not in step, step["error"]
    return step["seen"]


def assert_runs(service, restarts="0"):
    assert (service["ActiveState"], service["SubState"], service["Result"], service["NRestarts"]) \
        == ("active", "running", "success", restarts), service
    assert int(service["MainPID"]) > 1


def assert_shows_what_is_held(seen):
    [line] = [line for line in seen["destinations"]
              if f'destination_port="{seen["port"]}"' in line and 'state="active"' in line]
    assert line.endswith(f" {HELD}"), line


def processes(answer):
    """(pids, user) of the one socket of the port."""
    [found] = answer["local"]["sockets"]
    return [process["pid"] for process in found["processes"]], found["user"]


def test_boot(seen):
    """The machine is one to be measured on: a root to pivot from, and every unit of its own runs."""
    assert (seen["state"], seen["failed"]) == ("running", "")
    assert seen["version"] == "252" and seen["root"] == "ext4"
    # Nobody has asked for sockets yet.
    assert "inet_diag" not in seen["modules"]


def test_install(seen):
    """apt-get install, and it runs: enabled, ready by its own word, watched; the socket is not used."""
    assert_runs(seen["service"])
    assert seen["service"]["UnitFileState"] == "enabled"
    assert (seen["socket"]["ActiveState"], seen["socket"]["UnitFileState"]) == ("inactive", "disabled")
    configured = seen["configured"]
    assert configured["Type"] == "notify" and configured["DynamicUser"] == "yes"
    assert configured["WatchdogUSec"] == "1min"
    assert configured["StatusText"] == f"Listening on [::]:{PORT}"


def test_scrape(seen):
    assert_shows_what_is_held(seen)
    assert len(seen["collectors"]) == 9
    assert all(line.endswith("} 1") for line in seen["collectors"]), seen["collectors"]
    # By the name of the unit that holds them.
    [owner] = [line for line in seen["owners"] if 'cgroup="/system.slice/guest.service"' in line]
    assert int(owner.split()[-1]) >= HELD
    # The kernel has loaded it for a process that may load nothing.
    assert "tcp_diag" in seen["modules"] and "udp_diag" in seen["modules"]


def test_confinement(seen):
    status = seen["status"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name][0], 16) == 0, name
    assert status["NoNewPrivs"] == ["1"] and status["Seccomp"] == ["2"]
    uids = set(map(int, status["Uid"]))
    assert len(uids) == 1 and 61184 <= min(uids) <= 65519, uids  # of systemd's dynamic users
    assert seen["memory.max"] == [str(512 << 20)] and seen["pids.max"] == ["64"]
    assert int(seen["memory.current"][0]) < 64 << 20
    assert seen["procs"] == [str(seen["pid"])]
    assert seen["limits"]["Max open files"] == ["4096", "4096"]
    assert seen["limits"]["Max core file size"] == ["0", "0"]
    # It counts the host's connections, and is apart from the host in all else.
    assert seen["namespaces"] == {"net": True, "user": False, "mnt": False, "ipc": False, "uts": False}
    assert seen["exposure"] <= 1.2


def test_stop_and_start(seen):
    assert seen["took"] < 10
    stopped = seen["stopped"]
    assert (stopped["ActiveState"], stopped["Result"]) == ("inactive", "success")
    assert (stopped["ExecMainCode"], stopped["ExecMainStatus"]) == ("1", "0")  # by exit(), with 0
    assert_runs(seen["then"])
    assert int(seen["then"]["MainPID"]) != seen["first"]


def test_quiet_journal(seen):
    """Until here nothing was wrong, so that neither systemd nor the exporter has complained."""
    assert seen["warnings"] == ""
    lines = seen["ours"].splitlines()
    assert len([line for line in lines if "msg=Listening" in line]) == 3
    assert all("level=info" in line for line in lines), seen["ours"]


def test_unix_socket(seen):
    assert seen["status"] == 200 and seen["mode"] == 0o660
    assert not seen["left"]


def test_watchdog(seen):
    assert seen["watched"]["WatchdogUSec"] == "5s"
    assert_runs(seen["fed"])
    assert int(seen["fed"]["MainPID"]) == seen["before"]
    assert "Watchdog timeout (limit 5s)" in seen["journal"]
    assert_runs(seen["then"], restarts="1")
    assert int(seen["then"]["MainPID"]) != seen["before"]
    assert seen["healthy"].startswith("Healthy")


def test_port_taken(seen):
    assert seen["started"] != 0
    assert (seen["without"]["SubState"], seen["without"]["ExecMainStatus"]) == ("auto-restart", "1")
    assert_runs(seen["then"], restarts=seen["then"]["NRestarts"])
    assert int(seen["then"]["NRestarts"]) >= 1


def test_wrong_flag(seen):
    failed = seen["failed"]
    assert seen["restart"] != 0
    assert (failed["ActiveState"], failed["Result"], failed["ExecMainStatus"]) == ("failed", "exit-code", "2")
    assert failed["NRestarts"] == "0"
    assert "unknown flag --collector.destinations.limits" in seen["journal"]
    # Right again, it starts without a reset-failed.
    assert_runs(seen["then"])


def test_api(seen):
    assert processes(seen["answer"]) == ([seen["pid"]], "daemon")
    assert int(seen["capabilities"][0], 16) == CAP_DAC_READ_SEARCH | CAP_SYS_PTRACE
    assert seen["listening"] == ["0100007F"]
    assert seen["exposure"] <= 2.1
    assert "<html" in seen["page"]


def test_api_without_its_drop_in(seen):
    assert processes(seen["answer"]) == ([], "nobody")


def test_exhaustion(seen):
    assert seen["refused"] == ["Cannot assign requested address"]
    # On the kernel of Debian 12.
    assert 'ephemera_scrape_collector_success{collector="exhaustion"} 1' in seen["collector"], seen["journal"]
    assert 'ephemera_port_exhaustion_errors_total{family="ipv4"} 1' in seen["failures"]
    assert ('ephemera_destination_port_exhaustion_errors_total{destination="127.0.0.1",destination_port="30001"} 1'
            in seen["failures"])
    assert all(int(held, 16) == 0 for held in seen["capabilities"].values())
    assert 61184 <= int(seen["uid"][0]) <= 65519
    assert seen["exposure"] <= 1.5


def test_walk(seen):
    """One step for the walk; with the exhaustion collector, too, the same rights."""
    # Of Linux 6.1 only TCP can be walked.
    tcp = 'ephemera_socket_source_info{protocol="tcp",source="%s"} 1'
    assert tcp % "sock_diag" in seen["before"]["source"], seen["journal"]
    for how in ("alone", "both"):
        assert tcp % "bpf" in seen[how]["source"], seen["journal"]
        assert seen[how]["given"] == {"CapabilityBoundingSet": "cap_perfmon cap_bpf",
                                      "AmbientCapabilities": "cap_perfmon cap_bpf"}
        assert all(int(held, 16) == 0 for held in seen[how]["left"].values())
        assert 61184 <= int(seen[how]["uid"][0]) <= 65519
        assert seen[how]["exposure"] <= 1.5
    assert 'ephemera_scrape_collector_success{collector="exhaustion"} 1' in seen["collector"], seen["journal"]


def test_leases(seen):
    """Off until it is wanted; then the journal answers who had a port."""
    assert (seen["before"]["ActiveState"], seen["before"]["UnitFileState"]) == ("inactive", "disabled")
    assert_runs(seen["runs"])
    assert seen["status"] == 0, seen["answer"]
    answer = json.loads(seen["answer"])
    [lease] = answer["leases"]
    assert (lease["source"], lease["source_port"], lease["pid"]) == (
        "127.0.0.1", seen["port"], seen["pid"])
    assert lease["cgroup"] == "/system.slice/guest.service"
    assert lease["ended"] == "closed" and lease["time_wait"]
    assert "cgroup /system.slice/guest.service" in seen["in_words"], seen["in_words"]
    assert (seen["stopped"]["ActiveState"], seen["stopped"]["Result"]) == ("inactive", "success")
    assert any('"summary"' in line for line in seen["kept"]), seen["kept"]


def test_tls(seen):
    assert_shows_what_is_held(seen)
    assert seen["plain"].startswith("refused")
    assert sorted(seen["copies"]) == ["server.crt", "server.key", "web.yml"]
    assert seen["reading"] != 0


def test_socket_activation(seen):
    # The port is open, and what serves there starts with the first to ask.
    assert seen["idle"]["ActiveState"] == "inactive"
    assert (seen["waiting"]["SubState"], seen["waiting"]["UnitFileState"]) == ("listening", "enabled")
    assert_runs(seen["active"])
    assert_shows_what_is_held(seen)
    # Two restarts, and everybody had an answer.
    assert seen["then"]["MainPID"] != seen["active"]["MainPID"]
    assert set(seen["went"]) == {"answered"} and seen["went"]["answered"] > 5, seen["went"]
    assert [Path(path).parent.name for path in seen["wants"]] == ["sockets.target.wants"]


def test_restart_without_the_socket(seen):
    """That the above is not for want of asking."""
    assert seen["went"].get("connecting: ConnectionRefusedError"), seen["went"]


def test_socket_without_its_drop_in(seen):
    assert seen["started"] != 0 and seen["socket"]["ActiveState"] != "active"
    assert seen["healthy"].startswith("Healthy")


def test_everything_at_once(seen):
    assert_runs(seen["service"])
    assert processes(seen["answer"]) == ([seen["pid"]], "daemon")
    assert int(seen["capabilities"][0], 16) == CAP_DAC_READ_SEARCH | CAP_SYS_PTRACE


def test_address_filter(seen):
    assert seen["allowed"].startswith("Healthy")
    assert seen["denied"] == "TimeoutError"


def test_upgrade(seen):
    assert seen["version"] == NEWER
    assert_runs(seen["then"])
    assert seen["then"]["MainPID"] != seen["before"]["MainPID"]
    assert seen["reload"] == {"NeedDaemonReload": "no"}


def test_upgrade_of_what_is_disabled(seen):
    assert (seen["stopped"]["ActiveState"], seen["stopped"]["UnitFileState"]) == ("inactive", "disabled")
    assert_runs(seen["then"])


def test_upgrade_of_what_the_socket_starts(seen):
    assert_runs(seen["then"])
    assert seen["then"]["MainPID"] != seen["before"]["MainPID"]
    assert seen["then"]["UnitFileState"] == "disabled"
    assert (seen["socket"]["ActiveState"], seen["socket"]["UnitFileState"]) == ("active", "enabled")
    assert set(seen["went"]) == {"answered"}, seen["went"]


def test_removal(seen):
    assert (seen["service"]["ActiveState"], seen["service"]["LoadState"]) == ("inactive", "not-found")
    assert seen["processes"] == "" and seen["settings"]


def test_purge(seen):
    assert seen["left"] == [] and seen["failed"] == ""
    assert seen["service"]["LoadState"] == "not-found"
