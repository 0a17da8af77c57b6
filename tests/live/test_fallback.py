# SPDX-License-Identifier: Apache-2.0
"""A host without sock_diag: the exporter notices by itself, and says so."""

import errno
import json

import pytest

from accounting import SHOW_ALL
from lib import bpf
from lib.exporter import Exporter, metrics, run
from lib.namespace import in_namespace, set_range
from lib.seccomp import forbid_netlink
from lib.sockets import IPV4, bound, connect_many, listen, need_kernel
from lib.sources import BLIND
from port import look, tell

CLIENTS = 41


@pytest.mark.parametrize("refusal", [errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EPERM,
                                     errno.EACCES])
@in_namespace
def test_without_netlink_procfs_answers(refusal):
    listener = listen(IPV4, "127.0.0.1", 9999)
    _clients = connect_many(CLIENTS, IPV4, "127.0.0.1", 9999)
    before = metrics(SHOW_ALL, BLIND)
    forbid_netlink(refusal)
    said = metrics(SHOW_ALL)

    assert before.value("ephemera_socket_source_info", protocol="tcp", source="sock_diag") == 1
    assert before.value("ephemera_kernel_feature", feature="sock_diag") == 1
    for protocol in ("tcp", "udp"):
        assert said.value("ephemera_socket_source_info", protocol=protocol, source="procfs") == 1
    assert said.value("ephemera_kernel_feature", feature="sock_diag") == 0
    assert said.value("ephemera_kernel_feature", feature="bound_inactive") == 0
    for scrape in (before, said):
        assert scrape.value("ephemera_destination_ports", destination_port=9999,
                            state="active") == CLIENTS
    listener.close()


@in_namespace
def test_a_server_without_netlink_is_ready_and_serves():
    forbid_netlink()
    with Exporter() as exporter:
        assert exporter.get("/-/ready").status == 200
        assert exporter.metrics().total("ephemera_scrape_collector_success") >= 4


WARNING = "refuses sock_diag"


@in_namespace
def test_the_log_says_so_once():
    forbid_netlink()
    with Exporter() as exporter:
        # Before the first scrape: whoever has started it is still looking.
        assert len([line for line in exporter.log if WARNING in line]) == 1
        exporter.metrics()
        exporter.metrics()
        exporter.terminate()
    warning, = (line for line in exporter.log if WARNING in line)
    assert "level=warn" in warning and "protocol=tcp" in warning


@pytest.mark.parametrize("flags", [[], ["--sockets.source=procfs"]])
@in_namespace
def test_nobody_is_warned_who_has_it_or_does_not_want_it(flags):
    if flags:
        forbid_netlink()
    with Exporter(*flags) as exporter:
        exporter.metrics()
        exporter.terminate()
    assert not [line for line in exporter.log if WARNING in line]


@in_namespace
def test_a_port_that_is_bound_is_not_called_free():
    need_kernel(6, 8, "seeing sockets that bind() and do no more")
    set_range(40000, 40009)
    _held = bound(IPV4, "127.0.0.1", 40001)
    assert look(40001)["socket_source"] == {"tcp": "sock_diag", "udp": "sock_diag"}
    assert "/proc" not in tell(40001)
    forbid_netlink()
    found = look(40001, 40003)
    assert found["socket_source"] == {"tcp": "procfs", "udp": "procfs"}
    for port in (40001, 40003):
        said = tell(port)
        assert "Nothing that /proc shows is on it." in said
        assert "chance" not in said and "Nothing is on it" not in said and "free for" not in said
        assert said.endswith("The kernel or a sandbox refused sock_diag, so sockets were read from "
                             "/proc. It does not show TCP sockets that only called bind(), nor "
                             "whether the kernel chose a port.")
    assert "refused" not in tell(40001, "--sockets.source=procfs")


@in_namespace
def test_destinations_and_the_api_say_so():
    set_range(40000, 40009)
    def sources():
        command = json.loads(run("destinations", "--json").stdout)["socket_source"]["tcp"]
        with Exporter("--web.enable-api") as exporter:
            api = [json.loads(exporter.get("/api/v1/" + path).body)["socket_source"]["tcp"]
                   for path in ("destinations", "ports/40001")]
        return [command, *api]
    assert sources() == ["sock_diag" if bpf.MISSING else "bpf"] * 2 + ["sock_diag"]
    assert "/proc" not in run("destinations").stdout
    forbid_netlink()
    assert sources() == ["procfs"] * 3
    said = " ".join(run("destinations").stdout.split())
    assert said.startswith("Each destination can have at most 10 of the 10 ports")
    assert "read from /proc" in said


@in_namespace
def test_who_insists_on_sock_diag_is_told():
    forbid_netlink()
    with Exporter("--sockets.source=sock_diag") as exporter:
        assert exporter.get("/-/ready").status == 503
        said = exporter.metrics()
        assert said.value("ephemera_scrape_collector_success", collector="sockets") == 0
        assert said.value("ephemera_scrape_collector_success", collector="range") == 1
        assert not said.samples("ephemera_sockets")
