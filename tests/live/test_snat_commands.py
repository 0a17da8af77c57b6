# SPDX-License-Identifier: Apache-2.0
"""What the commands say of source NAT: `ephemera destinations --snat`."""

import json
import os
import socket
import subprocess

import pytest

from lib.exporter import metrics, run
from lib.namespace import NOBODY, in_namespace
from router import ROUTER, SERVER, Router, connected
from test_snat import FAMILIES, IPV4, LOSS, fill, flags, peer, some_range, used
from test_watch_fits import Screen

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")


def listed(ports, *args):
    done = run("destinations", "--snat", f"--snat-ports={ports[0]}-{ports[1]}", *args)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def pools(ports, *args):
    return json.loads(listed(ports, "--json", *args))


def row(family, active, size, loss, clients, **of):
    return {"protocol": "tcp", "family": "ipv4" if family == IPV4 else "ipv6", "source": ROUTER[family],
            "destination": SERVER[family].format(2), "destination_port": 443, "active": active,
            "not_translated": 0, "closing": 0, "usage_ratio": active / size, "loss_ratio": loss,
            "clients": clients, **of}


@FAMILIES
@in_namespace
def test_the_pools_are_those_of_the_collector(family):
    router, ports = Router(), some_range(64)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listeners = [router.listen(443, family), router.listen(80, family)]
    start = "10.77.1." if family == IPV4 else "fd77:1::"
    held = fill(router, family, 7) + fill(router, family, 11, 3) + fill(router, family, 2, port=80)
    found = pools(ports)
    assert found == {
        "range": {"first_port": ports[0], "last_port": ports[1], "ports": 64, "origin": "flag"}, "snat_pools_total": 2,
        "ports_total": 20, "ports_not_counted": 0,
        "snat_pools": [
            row(family, 18, 64, 0, [{"address": f"{start}3", "ports": 11}, {"address": f"{start}2", "ports": 7}]),
            row(family, 2, 64, 0, [{"address": f"{start}2", "ports": 2}], destination_port=80)]}
    assert used(metrics(*flags(ports)), family) == 18
    # The flag of the collector does as well.
    assert json.loads(run("destinations", "--snat", "--json", *flags(ports)[2:]).stdout) == found
    short = pools(ports, "--limit=1")
    assert (short["snat_pools"], short["snat_pools_total"]) == (found["snat_pools"][:1], 2)
    asked = pools(ports, "--to=:80")
    assert (asked["snat_pools"], asked["snat_pools_not_asked_for"]) == (found["snat_pools"][1:], 1)
    del held, listeners


@in_namespace
def test_the_table_says_what_a_full_pool_means():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listeners = [router.listen(443), router.listen(80)]
    held = fill(router, IPV4, 3) + fill(router, IPV4, 2, 3) + fill(router, IPV4, 1, port=80)
    assert listed(ports) == (
        f"Each destination can have the 10 ports from {ports[0]} to {ports[1]} (as you said).\n"
        "\n"
        "DESTINATION        ACTIVE CLOSING     OF  SHARE\n"
        "tcp 10.77.2.2:443       5       0     10  50.0%\n"
        "  from 10.77.2.1  by 10.77.1.2 (3), 10.77.1.3 (2)\n"
        "tcp 10.77.2.2:80        1       0     10  10.0%\n"
        "  from 10.77.2.1  by 10.77.1.2 (1)\n")
    said = f"Each destination can have the 10 ports from {ports[0]} to {ports[1]} "
    assert run("destinations", "--snat").stdout.startswith(said + "(as the rules say).\n")
    assert json.loads(run("destinations", "--snat", "--json").stdout)["range"]["origin"] == "rules"
    assert listed(ports, "--limit=1").endswith("\nAnd 1 more with 1 port (--limit).\n")
    held += fill(router, IPV4, 4, 4)
    assert "\n1 pool is nearly full. " in listed(ports)
    held += connected([router.new() for _ in range(1 + LOSS)], peer(IPV4), wanted=1)
    text = listed(ports)
    assert "  10 100.0%\n  from 10.77.2.1  by 10.77.1.2 (4), 10.77.1.4 (4), 10.77.1.3 (2)\n" \
        "  Full: no new connection gets a port.\n" in text
    assert "\n1 pool is full. Where no port is found, the packet that begins a connection is\n" in text
    assert "docs/snat.md" in text
    del held, listeners


@in_namespace
def test_udp_and_what_the_router_has_itself():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    server = router.listen(53, kind=socket.SOCK_DGRAM)
    own = [router.new(client=None) for _ in range(3)]
    for port, sock in enumerate(own, ports[0]):
        sock.bind((ROUTER[IPV4], port))
    held = connected(own, peer(IPV4), wanted=3) + fill(router, IPV4, 2)
    asking = [router.new(kind=socket.SOCK_DGRAM) for _ in range(7)]
    for sock in asking:
        sock.sendto(b"?", peer(IPV4, 53))
    for _ in asking:
        server.recvfrom(1)
    first, second = pools(ports)["snat_pools"]
    client = [{"address": "10.77.1.2", "ports": 7}]
    assert first == row(IPV4, 7, 10, 0, client, protocol="udp", destination_port=53)
    assert second == row(IPV4, 5, 10, 0, [{"address": "10.77.1.2", "ports": 2}], not_translated=3)
    assert "  from 10.77.2.1  by 10.77.1.2 (2), not translated (3)\n" in listed(ports)
    del held, listener


@in_namespace
def test_where_nothing_is_translated():
    assert listed((40000, 49999)) == (
        "Each destination can have the 10000 ports from 40000 to 49999 (as you said).\n"
        "\n"
        "Source NAT holds no port of the range.\n")
    assert run("destinations", "--snat").stdout.startswith(
        "Each destination can have the 64512 ports from 1024 to 65535 (assumed).\n"
        "Why: nftables has no rule with masquerade or snat, so source NAT is taken to\n"
        "choose from 1024-65535: set --collector.snat.ports if that is wrong.\n\n")
    assert json.loads(run("destinations", "--snat", "--json").stdout)["range"]["remark"].startswith("nftables has no rule ")


@in_namespace
def test_another_namespace_is_asked():
    router, ports = Router(), some_range(10)
    router.rules(f"masquerade to :{ports[0]}-{ports[1]}")
    listener = router.listen(443)
    held = fill(router, IPV4, 3)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as there, router.at(router.client):
        assert pools(ports)["snat_pools"] == []
        done = run("destinations", "--snat", "--json", f"--snat-ports={ports[0]}-{ports[1]}",
                   f"--namespace={there.pid}")
        assert done.stderr.startswith("This is about ")
        assert [each["active"] for each in json.loads(done.stdout)["snat_pools"]] == [3]
    del held, listener


@in_namespace
def test_errors_in_words(tmp_path):
    done = run("destinations", "--snat", user=NOBODY, group=NOBODY, extra_groups=())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("ephemera: destinations: reading which connections are translated needs root or "
                           "CAP_DAC_READ_SEARCH\n")
    (tmp_path / "net").mkdir()
    done = run("destinations", "--snat", f"--path.procfs={tmp_path}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("ephemera: destinations: nothing tracks connections in this network namespace, or ")
    (tmp_path / "net/nf_conntrack").write_text("nonsense\n", encoding="ascii")
    done = run("destinations", "--snat", f"--path.procfs={tmp_path}")
    assert (done.returncode, done.stderr) == (
        1, "ephemera: destinations: net/nf_conntrack below --path.procfs has lines that cannot be read\n")


@pytest.mark.parametrize("words, error", [
    (["--by=nginx"], "--snat and --by cannot be combined"),
    (["--resolve"], "--snat and --resolve cannot be combined"),
    (["--namespace=all"], "--snat and --namespace=all cannot be combined"),
    (["--sockets.replay=/dev/null"], "--snat and --sockets.replay cannot be combined"),
    (["--snat-ports=5-4"], "--snat-ports: \"5-4\": "),
    (["--snat-ports=0-9"], "--snat-ports: \"0-9\": "),
])
def test_what_does_not_go_with_it(words, error):
    done = run("destinations", "--snat", *words)
    assert done.returncode == 2
    assert error in done.stderr


def test_ports_without_it():
    done = run("destinations", "--snat-ports=40000-49999")
    assert (done.returncode, "--snat-ports needs --snat" in done.stderr) == (2, True)


@in_namespace
def test_watch_fits_the_terminal():
    router = Router()
    router.rules("masquerade to :40000-40999")
    listeners = [router.listen(port) for port in range(440, 452)]
    held = [sock for i, port in enumerate(range(440, 452), 1) for sock in fill(router, IPV4, i, port=port)]
    screen = Screen(24, "destinations", "--snat", "--snat-ports=40000-40999")
    for lines in (12, 40):
        screen.resize(lines)
        screen.frame()  # it may be of the size before
        frame = screen.frame()
        assert len(frame) < lines, frame
        shown = [line for line in frame if line.startswith("tcp 10.77.2.2:")]
        assert shown[0].startswith("tcp 10.77.2.2:451 ")
        left = "\n".join(frame).endswith(" (the terminal is full).")
        assert (len(shown) == 12, left) == ((False, True) if lines == 12 else (True, False))
    screen.end()
    del held, listeners
