# SPDX-License-Identifier: Apache-2.0
"""`ephemera advise`: each rule is followed in a namespace that needs it, and the kernel then gives what
was promised."""

import errno
import re
import socket
import subprocess
import time

import pytest

from lib.bpf import needs_bpf
from lib.exporter import REPOSITORY, run
from lib.namespace import in_namespace, set_range, set_reserved, sysctl
from lib.sockets import (IPV4, accept, add_address, bind_until_refused, bound, close, connect,
                         connect_many, connect_until_refused, drop, listen, pairs, port_of, time_wait)
from advising import FIRST, PEER, SIZE, TARGET, advise, follow, free_towards, small_range, target
from other_namespaces import another

RULES = ("tw-reuse", "keep-alive", "more-addresses", "fin-timeout", "orphan-retries", "snat-ports", "snat-timeout",
         "reserved-list", "wider-range", "reserve", "bind-no-port", "accept-queue", "time-wait-table",
         "conntrack-table")


@in_namespace
def test_a_quiet_host():
    set_range(10240, 65535)
    done = run("advise")
    assert (done.returncode, done.stdout) == (
        0, "Nothing to advise: no rule of docs/advise.md applies here now.\n")
    assert advise() == {}


# The rules


@in_namespace
def test_tw_reuse():
    small_range()
    sysctl("net.ipv4.tcp_tw_reuse", 2)
    listener = target()
    time_wait(SIZE - 11, IPV4, listener, PEER, TARGET)
    finding = advise()["tw-reuse"]
    assert finding["urgency"] == "soon"
    assert finding["promise"] == {"figure": "free ports towards it", "now": 11, "then": SIZE}
    assert f"TIME_WAIT holds {SIZE - 11} of the {SIZE} ports towards {PEER}:{TARGET}" in finding[
        "finding"]
    assert finding["sysctls"] == [{"name": "net.ipv4.tcp_tw_reuse", "value": "1"}]
    assert free_towards() == 11
    follow("tw-reuse")
    time.sleep(1.1)  # tcp_tw_reuse_delay
    assert free_towards() == SIZE
    assert "tw-reuse" not in advise()


@in_namespace
def test_tw_reuse_is_not_advised_where_it_does_not_help():
    small_range()
    listener = target()
    loopback = listen(IPV4, "127.0.0.1", TARGET)
    time_wait(SIZE - 1, IPV4, loopback, "127.0.0.1", TARGET)
    assert "tw-reuse" not in advise()  # 2 reuses on loopback
    time_wait(SIZE, IPV4, listener, PEER, TARGET)
    assert "tw-reuse" in advise()
    sysctl("net.ipv4.tcp_timestamps", 0)
    assert "tw-reuse" not in advise()


@in_namespace
def test_keep_alive():
    small_range()
    listener = target()
    time_wait(SIZE // 2, IPV4, listener, PEER, TARGET)
    finding = advise()["keep-alive"]
    assert "100 % of the ports in use" in finding["finding"]
    assert (finding["sysctls"], "pool" in finding["action"]) == ([], True)
    # The same requests by one connection that stays open need one port.
    before = free_towards()
    close(accept(listener, before))
    (client, server), = pairs(1, IPV4, listener, PEER, TARGET)
    for _ in range(SIZE // 2):
        client.sendall(b"request")
        assert server.recv(7) == b"request"
    assert free_towards() == before - 1
    close([server, client])


@in_namespace
def test_more_addresses():
    small_range()
    _listener = target()
    clients = connect_many(SIZE, IPV4, PEER, TARGET)
    finding = advise()["more-addresses"]
    assert finding["urgency"] == "now"
    assert finding["promise"] == {"figure": "ports towards it", "now": SIZE, "then": 2 * SIZE}
    add_address("10.88.0.2", 32)
    assert free_towards(source="10.88.0.2") == SIZE
    drop(clients)


@needs_bpf
@in_namespace
def test_wider_range_and_its_services(tmp_path):
    small_range()
    set_reserved("40007")
    _listener = target()
    services = [listen(IPV4, "127.0.0.1", port) for port in (11211, 15432, 40003)]
    udp = bound(IPV4, "127.0.0.1", 10300, kind=socket.SOCK_DGRAM)
    clients = connect_many(SIZE - 2, IPV4, PEER, TARGET)
    flags = (f"--path.systemd={tmp_path}",)
    finding = advise(*flags)["wider-range"]
    # TARGET is below the range.
    usable = 65536 - 10240 - len({11211, 15432, 40003, 10300, 40007})
    assert finding["urgency"] == "now"
    assert finding["promise"] == {"figure": "usable ports of each destination",
                                  "now": SIZE - 2, "then": usable}
    assert finding["sysctls"] == [
        {"name": "net.ipv4.ip_local_reserved_ports", "value": "10300,11211,15432,40003,40007"},
        {"name": "net.ipv4.ip_local_port_range", "value": "10240 65535"}]
    with pytest.raises(OSError):
        connect(IPV4, PEER, TARGET)
    follow("wider-range", *flags)
    said = run("metrics", "--collector.disable-defaults", "--collector.binds").stdout
    assert f"ephemera_range_usable_ports {usable}\n" in said
    more, error = connect_until_refused(IPV4, PEER, TARGET, limit=500)
    assert error is None  # there are thousands left
    drop(more + clients)
    close(services)
    udp.close()
    # What is reserved is never taken, though nobody listens there any more.
    set_range(40002, 40003)
    assert free_towards() == 1
    assert "reserve" not in advise(*flags)


@in_namespace
def test_every_port_of_the_widest_range_is_given():
    """The promise to the last port, of a range that is narrowed to what a test can fill."""
    set_range(65400, 65520)
    service = listen(IPV4, "127.0.0.1", 65530)
    _listener = target()
    finding = advise()["wider-range"]
    reserved = finding["sysctls"][0]["value"]
    assert reserved == "65530"
    follow("wider-range")
    set_range(65500, 65535)
    close([service])
    assert free_towards() == 65535 - 65500 + 1 - 1
    assert finding["promise"]["then"] == 65536 - 10240 - 1


@in_namespace
def test_reserve():
    set_range(10240, 65535)
    service = listen(IPV4, "127.0.0.1", 40003)
    chosen_by_the_kernel = bound(IPV4, "127.0.0.1", 0)
    chosen_by_the_kernel.listen()
    finding = advise()["reserve"]
    assert (finding["urgency"], "40003" in finding["finding"]) == ("later", True)
    assert str(port_of(chosen_by_the_kernel)) not in finding["finding"]
    follow("reserve")
    assert sysctl("net.ipv4.ip_local_reserved_ports") == "40003"
    close([service])
    set_range(40002, 40005)
    binders, error = bind_until_refused(IPV4, "127.0.0.1")
    assert (len(binders), error) == (3, errno.EADDRINUSE)
    assert "reserve" not in advise()


@in_namespace
def test_reserve_for_a_unit_that_is_down(tmp_path):
    set_range(10240, 65535)
    wants = tmp_path / "sockets.target.wants"
    wants.mkdir()
    (tmp_path / "web.socket").write_text("[Socket]\nListenStream=127.0.0.1:46580\n"
                                         "ListenStream=/run/web.sock\nListenDatagram = 1\n")
    (wants / "web.socket").symlink_to(tmp_path / "web.socket")
    (wants / "gone.socket").symlink_to(tmp_path / "gone.socket")
    (wants / "other.service").write_text("ListenStream=46581\n")
    flags = (f"--path.systemd={tmp_path}",)
    finding = advise(*flags)["reserve"]
    assert finding["urgency"] == "soon"
    assert "Enabled socket units name 46580, where nothing listens now." in finding["finding"]
    assert "46581" not in finding["finding"]
    follow("reserve", *flags)
    assert sysctl("net.ipv4.ip_local_reserved_ports") == "46580"
    assert "reserve" not in advise(*flags)


@in_namespace
def test_reserve_node_ports(tmp_path):
    set_range(32760, 65535)
    pods = tmp_path / "fs/cgroup/kubepods.slice"
    pods.mkdir(parents=True)
    assert "32760-32767" in advise("--service-node-port-range=30000-32767")["reserve"]["finding"]
    said = advise(f"--path.sysfs={tmp_path}")["reserve"]["finding"]
    assert "NodePorts of Kubernetes are 30000-32767, its default" in said
    follow("reserve", f"--path.sysfs={tmp_path}")
    set_range(32766, 32769)
    binders, _ = bind_until_refused(IPV4, "127.0.0.1")
    assert sorted(port_of(sock) for sock in binders) == [32768, 32769]


@in_namespace
def test_reserved_list():
    small_range()
    _listener = target()
    sysctl("net.ipv4.ip_local_reserved_ports", "1-65535")
    service = listen(IPV4, "127.0.0.1", FIRST + 7)
    assert free_towards() == 0
    found = advise()
    # What it advises is one list: the other rules wait until it is set.
    assert found.keys() == {"reserved-list"}
    finding = found["reserved-list"]
    assert finding["urgency"] == "now"
    assert f"takes {SIZE} of the {SIZE} ports of the range. Each destination can have 0." in finding["finding"]
    assert finding["promise"]["then"] == SIZE - 1
    assert finding["sysctls"][0]["value"] == f"{TARGET},{FIRST + 7}"
    follow("reserved-list")
    close([service])
    assert free_towards() == SIZE - 1
    assert "reserved-list" not in advise()


@in_namespace
def test_reserved_list_that_nobody_needs():
    set_range(10240, 65535)
    sysctl("net.ipv4.ip_local_reserved_ports", "10240-65533")
    assert advise()["reserved-list"]["promise"] == {
        "figure": "usable ports of each destination", "now": 2, "then": 55296}
    follow("reserved-list")
    assert sysctl("net.ipv4.ip_local_reserved_ports") == ""
    assert advise() == {}


@in_namespace
def test_a_list_that_services_need_is_left_alone():
    small_range()
    set_reserved(f"{FIRST}-{FIRST + SIZE // 2}")
    _services = [listen(IPV4, "127.0.0.1", FIRST + i) for i in range(SIZE // 2 + 1)]
    assert "reserved-list" not in advise()


@needs_bpf
@in_namespace
def test_another_namespace_is_not_kept_by_the_hosts_file():
    with another("set_range(40000, 40099)") as process:
        done = run("advise", f"--namespace={process.pid}")
        assert done.returncode == 0, done.stderr
        assert "(wider-range)" in done.stdout and "The range is 40000-40099" in done.stdout
        assert "90-ephemera.conf" not in done.stdout
        assert "These settings end with the network namespace." in done.stdout


@in_namespace
def test_both_rules_of_the_range_in_any_order():
    set_range(40000, 40099)
    _services = [listen(IPV4, "127.0.0.1", port) for port in (11211, 40003)]
    for first, second in (("reserve", "wider-range"), ("wider-range", "reserve")):
        set_range(40000, 40099)
        sysctl("net.ipv4.ip_local_reserved_ports", "\n")
        text = run("advise").stdout
        by_rule = {rule: re.search(rf"\({rule}\)\n.*?^    (sysctl .*?)$", text,
                                   re.MULTILINE | re.DOTALL).group(1) for rule in (first, second)}
        for rule in (first, second):
            subprocess.run(["bash", "-c", by_rule[rule]], check=True, stdout=subprocess.DEVNULL)
        assert sysctl("net.ipv4.ip_local_reserved_ports") == "11211,40003"
        assert sysctl("net.ipv4.ip_local_port_range") == "10240 65535"


@needs_bpf
@in_namespace
def test_bind_no_port():
    small_range()
    _listener = target()
    add_address("10.88.0.2", 32)
    binders = connect_many(12, IPV4, PEER, TARGET, source="10.88.0.2")
    finding = advise()["bind-no-port"]
    assert finding["promise"] == {"figure": "usable ports of each destination",
                                  "now": SIZE - 12, "then": SIZE}
    assert free_towards() == SIZE - 12
    drop(binders)
    better = connect_many(12, IPV4, PEER, TARGET, source="10.88.0.2", no_port=True)
    assert free_towards() == SIZE
    assert "bind-no-port" not in advise()
    drop(better)


@in_namespace
def test_accept_queue():
    sysctl("net.core.somaxconn", 16)
    _listener = listen(IPV4, "127.0.0.1", TARGET, backlog=128)
    waiting = connect_many(17, IPV4, "127.0.0.1", TARGET)
    finding = advise()["accept-queue"]
    assert (finding["urgency"], finding["sysctls"]) == (
        "now", [{"name": "net.core.somaxconn", "value": "4096"}])
    assert "17 connections wait for accept() at 127.0.0.1 port 9001, where 17 fit." in finding[
        "finding"]
    follow("accept-queue")
    drop(waiting)
    _listener.close()
    again = listen(IPV4, "127.0.0.1", TARGET, backlog=128)
    waiting = connect_many(40, IPV4, "127.0.0.1", TARGET)
    assert "accept-queue" not in advise()
    assert len(accept(again, 40)) == 40
    drop(waiting)


@in_namespace
def test_accept_queue_of_a_small_backlog():
    _listener = listen(IPV4, "127.0.0.1", TARGET, backlog=3)
    waiting = connect_many(4, IPV4, "127.0.0.1", TARGET)
    finding = advise()["accept-queue"]
    assert (finding["sysctls"], "a bigger backlog than 3" in finding["action"]) == ([], True)
    drop(waiting)


@in_namespace
def test_time_wait_table():
    sysctl("net.ipv4.tcp_max_tw_buckets", 10)
    listener = listen(IPV4, "127.0.0.1", TARGET)
    time_wait(10, IPV4, listener, "127.0.0.1", TARGET)
    finding = advise()["time-wait-table"]
    assert finding["urgency"] == "now"
    assert finding["promise"] == {"figure": "sockets that can be in TIME_WAIT", "now": 10,
                                  "then": 40}
    follow("time-wait-table")
    time_wait(15, IPV4, listener, "127.0.0.1", TARGET)
    held = run("metrics", "--collector.disable-defaults", "--collector.time_wait").stdout
    total = sum(float(value) for value in re.findall(
        r'^ephemera_time_wait_sockets\{.*\} (\d+)$', held, re.MULTILINE))
    assert total == 25
    assert "time-wait-table" not in advise()


# How it says it


@in_namespace
def test_order_and_text():
    small_range()
    _listener = target()
    _service = listen(IPV4, "127.0.0.1", FIRST + 3)
    clients = connect_many(SIZE - 1, IPV4, PEER, TARGET)
    done = run("advise")
    urgencies = re.findall(r"^(now|soon|later): ", done.stdout, re.MULTILINE)
    assert urgencies == sorted(urgencies, key=["now", "soon", "later"].index)
    assert set(urgencies) == {"now", "later"}
    for line in done.stdout.split("\n"):
        assert len(line) <= 80 or line.startswith("    "), line
    kept = done.stdout.split("/etc/sysctl.d/90-ephemera.conf:\n\n")[1].split("\n")
    assert [line.split(" = ")[0] for line in kept if line] == [
        "    net.ipv4.ip_local_reserved_ports", "    net.ipv4.ip_local_port_range"]
    drop(clients)


def test_a_wrong_flag():
    done = run("advise", "--sockets.replay=/dev/null")
    assert (done.returncode, "advise and --sockets.replay" in done.stderr) == (2, True)
    done = run("advise", "--namespace=all")
    assert done.returncode == 2


def test_each_rule_has_a_section_and_a_test():
    page = (REPOSITORY / "docs/advise.md").read_text(encoding="utf-8")
    code = (REPOSITORY / "exporter/answers/advice_rules.c").read_text(encoding="utf-8")
    names = re.findall(r'^    \{"([a-z-]+)",', code, re.MULTILINE)
    assert set(names) == set(RULES) == set(re.findall(r"^## .*\(([a-z-]+)\)$", page, re.MULTILINE))
    # The limit of connection tracking is the host's: it is for a virtual machine.
    paths = [*(REPOSITORY / "tests/live").glob("test_advise*.py"), REPOSITORY / "tests/kernels/test_kernel_snat.py"]
    tests = "".join(path.read_text(encoding="utf-8") for path in paths)
    for name in names:
        assert f"def test_{name.replace('-', '_')}(" in tests or name == "wider-range"
