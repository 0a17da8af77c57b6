# SPDX-License-Identifier: Apache-2.0
"""Source NAT: the ports that the rules name are those that the kernel gives and the metrics count."""

import os
import shutil
import signal
import socket
import subprocess

import pytest

from lib.exporter import Exporter, metrics, run
from lib.namespace import in_namespace
from router import PATH, ROUTER, SERVER, Router, connected

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the rules")

IPV4, IPV6 = socket.AF_INET, socket.AF_INET6
FLAGS = ("--collector.disable-defaults", "--collector.snat", "--collector.snat.minimum-percent=0")
NO_NET_ADMIN = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
ASSUMED = "so source NAT is taken to choose from 1024-65535: set --collector.snat.ports if that is wrong"
LOSS = 3  # more than there is room for

CHAIN = "table {} nat {{\n chain post {{\n type nat hook {} priority 100\n {}\n }}\n}}\n"


def nft(text):
    if shutil.which("nft", path=PATH) is None:
        pytest.skip("there is no nft")
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True, env={**os.environ, "PATH": PATH})


def rules(*lines, family="inet", hook="postrouting"):
    nft(CHAIN.format(family, hook, "\n ".join(lines)))


def told(*args, wrapper=()):
    """What `ephemera metrics` says of the range, and of where it has it from."""
    if wrapper:
        done = subprocess.run([*wrapper, os.environ.get("EPHEMERA"), "metrics", *FLAGS, *args],
                              capture_output=True, text=True, check=True)
    else:
        done = run("metrics", *FLAGS, *args)
        assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ephemera_snat_range_ports")]
    return line, done.stderr


def of(first, last, origin):
    return (f'ephemera_snat_range_ports{{first_port="{first}",last_port="{last}",origin="{origin}"}} '
            f"{last - first + 1}")


def assert_rules_say(first, last):
    line, log = told()
    assert line == of(first, last, "rules")
    assert "assumption" not in log


def assert_default(why):
    line, log = told()
    assert line == of(1024, 65535, "default")
    assert log.count(f"{why}, {ASSUMED}") == 1


TO = "meta l4proto { tcp, udp } "
NAMED = {
    "masquerade": ("masquerade", 1024, 65535),
    "fully-random": ("masquerade fully-random", 1024, 65535),
    "ports": (TO + "masquerade to :40000-40009", 40000, 40009),
    "ports-fully-random": (TO + "masquerade to :40000-40009 fully-random", 40000, 40009),
    "one-port": (TO + "masquerade to :40000", 40000, 40000),
    "mark-before": ("meta mark set 0x9c419c41 " + TO + "masquerade to :40000-40009", 40000, 40009),
    "snat": ("snat ip to 10.77.2.1", 1024, 65535),
    "snat-ports": (TO + "snat ip to 10.77.2.1:30000-30063", 30000, 30063),
    "snat-ipv6": (TO + "snat ip6 to [fd77:2::1]:30000-30063", 30000, 30063),
    "pool": (TO + "snat ip to 10.77.2.8-10.77.2.9:30000-30063 persistent", 30000, 30063),
    "address-of-a-map": (TO + "snat ip to ip saddr map { 10.77.1.2 : 10.77.2.1 }:30000-30063", 30000, 30063),
    "same-twice": ("tcp dport 80 masquerade to :1-99\nudp dport 53 masquerade to :1-99", 1, 99),
    "destination-nat-besides": (TO + "masquerade to :1-99\n}\nchain pre {\ntype nat hook prerouting priority "
                                "dstnat\ntcp dport 80 redirect to :8080\ntcp dport 81 dnat ip to 10.77.2.2:82", 1, 99),
}


@pytest.mark.parametrize("rule", NAMED)
@in_namespace
def test_the_rules_name_the_ports(rule):
    text, first, last = NAMED[rule]
    rules(text)
    assert_rules_say(first, last)


@pytest.mark.parametrize("match", ["meta l4proto icmp", "ip protocol icmp", "icmp type echo-request",
                                   "oifname rs meta l4proto sctp", "meta l4proto { icmp, gre }",
                                   "ip protocol { icmp, sctp }", "meta l4proto { icmp, ipv6-icmp } ip ttl { 1, 6 }"])
@in_namespace
def test_rules_for_another_protocol_do_not_count(match):
    rules(TO + "masquerade to :40000-40009", match + " masquerade")
    assert_rules_say(40000, 40009)


@pytest.mark.parametrize("match", ["meta l4proto != icmp", "ip protocol tcp", "meta l4proto { tcp, icmp }",
                                   "ip ttl 1", "meta l4proto != { icmp, gre }", "ip ttl { 1, 2 }",
                                   "meta l4proto { gre, udp }", "ip protocol { 6, 7 }", "meta l4proto 1-5",
                                   "meta l4proto { 1-5, 47 }"])
@in_namespace
def test_rules_for_tcp_too_count(match):
    rules(TO + "masquerade to :40000-40009", match + " masquerade")
    assert_default("the rules name different ports")


@pytest.mark.parametrize("family", ["ip", "ip6", "inet"])
@in_namespace
def test_tables_of_every_family_are_read(family):
    rules(TO + "masquerade to :40000-40009", family=family)
    assert_rules_say(40000, 40009)


@in_namespace
def test_chains_of_input_and_chains_that_others_jump_to_are_read():
    rules("tcp dport 80 snat ip to 10.77.2.1:500-599", hook="input")
    assert_rules_say(500, 599)
    nft("flush ruleset\n" + CHAIN.format("ip", "postrouting", "jump others").replace(
        " chain post", " chain others {\n tcp dport 80 masquerade to :600-699\n }\n chain post"))
    assert_rules_say(600, 699)


@in_namespace
def test_ports_of_a_map_are_not_known():
    rules(TO + "snat ip to ip saddr . th dport map { 10.77.1.2 . 80 : 10.77.2.1 . 5000 }")
    assert_default("a rule takes its ports from a map or computes them")
    for ports in ("numgen inc mod 2 map { 0 : 40000, 1 : 40001 }", "jhash ip saddr mod 10 offset 40000"):
        nft("flush ruleset")
        rules("meta l4proto tcp masquerade to :" + ports)
        assert_default("a rule takes its ports from a map or computes them")
    # What was in the same register before, the mark, is no port.
    nft("flush ruleset")
    rules("meta mark set 0x9c419c41 " + TO + "masquerade to :th dport map { 80 : 5000 }")
    assert_default("a rule takes its ports from a map or computes them")


@pytest.mark.parametrize("elements, other", [("icmp, gre", True), ("icmp, tcp", False)])
@in_namespace
def test_a_named_set_of_protocols(elements, other):
    rules(TO + "masquerade to :40000-40009")
    nft(f"table inet nat {{\n set some {{\n type inet_proto\n elements = {{ {elements} }}\n }}\n}}\n"
        "add rule inet nat post meta l4proto @some masquerade\n")
    if other:
        assert_rules_say(40000, 40009)
    else:
        assert_default("the rules name different ports")


@in_namespace
def test_sets_of_another_table_with_the_same_name():
    rules(TO + "masquerade to :40000-40009", "meta l4proto { tcp, icmp } masquerade to :40000-40009", family="ip6")
    rules("meta l4proto { icmp, gre } masquerade", TO + "masquerade to :40000-40009", family="ip")
    assert_rules_say(40000, 40009)


@pytest.mark.parametrize("other", ["masquerade", "masquerade to :40000-40008", "snat ip to 10.77.2.1:1-2"])
@in_namespace
def test_rules_that_differ(other):
    rules("tcp dport 80 masquerade to :40000-40009", f"tcp dport 81 {other}")
    assert_default("the rules name different ports")
    line, log = told("--collector.snat.ports=40000-40009")
    assert line == of(40000, 40009, "flag")
    assert "assumption" not in log


@in_namespace
def test_without_rules():
    assert_default("nftables has no rule with masquerade or snat")
    rules("tcp dport 80 accept")
    assert_default("nftables has no rule with masquerade or snat")


@in_namespace
def test_without_the_capability():
    rules(TO + "masquerade to :40000-40009")
    line, log = told(wrapper=NO_NET_ADMIN)
    assert line == of(1024, 65535, "default")
    assert log.count(f"reading the rules needs CAP_NET_ADMIN at the start, {ASSUMED}") == 1


@in_namespace
def test_the_flag_wins():
    rules(TO + "masquerade to :40000-40009")
    line, log = told("--collector.snat.ports=50000-50001", wrapper=NO_NET_ADMIN)
    assert line == of(50000, 50001, "flag")
    assert "assumption" not in log
    assert told("--collector.snat.ports=50000-50001")[0] == line


TARGETS = {
    "masquerade": (("iptables", "-j", "MASQUERADE"), 1024, 65535),
    "masquerade-ports": (("iptables", "-p", "tcp", "-j", "MASQUERADE", "--to-ports", "5000-5999"), 5000, 5999),
    "masquerade-random": (("iptables", "-j", "MASQUERADE", "--random-fully"), 1024, 65535),
    "masquerade-ipv6": (("ip6tables", "-p", "tcp", "-j", "MASQUERADE", "--to-ports", "5000-5999"), 5000, 5999),
    "snat": (("iptables", "-j", "SNAT", "--to-source", "10.77.2.1"), 1024, 65535),
    "snat-ports": (("iptables", "-p", "udp", "-j", "SNAT", "--to-source", "10.77.2.1:7000-7100"), 7000, 7100),
    "snat-ipv6": (("ip6tables", "-p", "tcp", "-j", "SNAT", "--to-source", "[fd77:2::1]:7000-7100"), 7000, 7100),
}


@pytest.mark.parametrize("target", TARGETS)
@in_namespace
def test_what_iptables_wrote_is_read(target):
    (program, *words), first, last = TARGETS[target]
    if shutil.which(f"{program}-nft", path=PATH) is None:
        pytest.skip("there is no iptables-nft")
    subprocess.run([f"{program}-nft", "-t", "nat", "-A", "POSTROUTING", *words], check=True,
                   env={**os.environ, "PATH": PATH})
    assert_rules_say(first, last)


def pool(family):
    return {"protocol": "tcp", "source": ROUTER[family], "destination": SERVER[family].format(2),
            "destination_port": "443"}


def fill(router, family, some, client=2):
    held = connected([router.new(family, client=client) for _ in range(some)], (SERVER[family].format(2), 443),
                     wanted=some)
    assert len(held) == some
    return held


@pytest.mark.parametrize("family", [IPV4, IPV6], ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("how", ["masquerade to :{}-{}", "masquerade to :{}-{} fully-random", "snat"])
@in_namespace
def test_what_is_left_of_it_is_what_the_kernel_gives(family, how):
    router, ports = Router(), (41003, 41019)
    size = ports[1] - ports[0] + 1
    if how == "snat":
        how = "snat ip to 10.77.2.1:{}-{}" if family == IPV4 else "snat ip6 to [fd77:2::1]:{}-{}"
    router.rules(how.format(*ports))
    listener = router.listen(443, family)
    held = fill(router, family, 7)
    found = metrics(*FLAGS)
    assert found.value("ephemera_snat_range_ports", origin="rules") == size
    left = size - int(found.value("ephemera_snat_ports", state="active", **pool(family)))
    assert left == size - 7
    more = connected([router.new(family, client=3) for _ in range(left + LOSS)], (SERVER[family].format(2), 443))
    assert len(more) == left
    name = "ipv4" if family == IPV4 else "ipv6"
    assert metrics(*FLAGS).value("ephemera_worst_snat_usage_ratio", protocol="tcp", family=name) == 1
    del held, listener


@in_namespace
def test_rules_are_read_at_the_start():
    rules('oifname "rs" ' + TO + "masquerade to :40000-40009")
    with Exporter(*FLAGS) as exporter:
        assert exporter.metrics().value("ephemera_snat_range_ports", first_port=40000, origin="rules") == 10
        nft("flush ruleset")
        rules('oifname "rs" ' + TO + "masquerade to :40000-40010")
        assert exporter.metrics().value("ephemera_snat_range_ports", origin="rules") == 10
        with open(f"/proc/{exporter.pid}/status", encoding="ascii") as file:
            status = dict(line.split(":\t") for line in file.read().splitlines())
        assert status["CapEff"].strip("0") == ""
    with Exporter(*FLAGS) as exporter:
        assert exporter.metrics().value("ephemera_snat_range_ports", origin="rules") == 11


CHURN = "while :; do nft add table inet churn; nft delete table inet churn; done"


@in_namespace
def test_rules_of_other_tables_that_change_all_the_time_do_not_matter():
    rules("oifname rs meta l4proto { tcp, udp } masquerade to :40000-40003")
    many = "\n".join(f"  tcp dport {port} accept" for port in range(1, 20001))
    nft(f"table inet other {{\n chain input {{\n  type filter hook input priority 0\n{many}\n }}\n}}\n")
    with subprocess.Popen(["sh", "-c", CHURN], env={**os.environ, "PATH": PATH}, start_new_session=True) as churn:
        try:
            for _ in range(5):
                assert_rules_say(40000, 40003)
        finally:
            os.killpg(churn.pid, signal.SIGKILL)
