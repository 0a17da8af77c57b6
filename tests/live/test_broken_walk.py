# SPDX-License-Identifier: Apache-2.0
"""The walk with a program that is broken on purpose: nobody is told what it finds.

tests/lib/broken_walk.bpf.c makes the programs, of the real one; a library that is preloaded gives them
to the exporter as its own.
"""

import json
from pathlib import Path

import pytest

from lib.bpf import needs_bpf
from lib.exporter import BINARY, Exporter, environment, metrics, run
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, IPV6, bound_many, connect_many, drop, listen, need_ipv6, udp_connected
from lib.walked import listed, records

pytestmark = needs_bpf

PLACE = Path(BINARY).parent / "tests/lib"
TARGET = 30001
NONE, SKIPS_CONNECTIONS = "none", "skips_connections"
# What even the comparison for one scrape sees, for which no connection is opened.
FAULTS = ["counts_nothing", "counts_twice", "skips_a_bucket"]
REASON = "it does not find what the kernel says that there is"

# By program: the fast one, and the one for kernels that lack a function.
PROGRAMS = ["", "_copy"]


def broken_by(fault, program=""):
    if not (PLACE / "broken_walk.so").exists():
        pytest.skip("broken_walk.so is not built")
    return {"LD_PRELOAD": str(PLACE / "broken_walk.so"), "BROKEN_WALK": str(PLACE / f"walk_{fault}"),
            "BROKEN_WALK_ONLY": program, "ASAN_OPTIONS": "verify_asan_link_order=0"}


def hold():
    """Some of each table."""
    need_ipv6()
    set_range(40000, 40999)
    listeners = [listen(IPV4, "127.0.0.1", TARGET), listen(IPV6, "::1", TARGET)]
    return [*listeners, *connect_many(23, IPV4, "127.0.0.1", TARGET),
            *connect_many(11, IPV6, "::1", TARGET), *bound_many([0] * 7, IPV4, "127.0.0.1"),
            *(udp_connected(IPV4, "127.0.0.1", TARGET) for _ in range(5))]


def source_of(said):
    (labels, _), = said.samples("ephemera_socket_source_info", protocol="tcp")
    assert said.value("ephemera_kernel_feature", feature="socket_walk") == (labels["source"] == "bpf")
    return labels["source"]


def assert_true(said):
    """Whatever was read, this is so."""
    for family, count in (("ipv4", 23), ("ipv6", 11)):
        # The exporter's clients are IPv4 ones.
        found = said.value("ephemera_sockets", protocol="tcp", family=family, state="established")
        assert 2 * count <= found <= 2 * count + 2
    assert said.value("ephemera_range_bound_ports", holder="bound") == 7
    assert said.value("ephemera_sockets", protocol="udp", family="ipv4", state="established") == 5


@pytest.mark.parametrize("program", PROGRAMS)
@in_namespace
def test_without_a_fault_it_is_taken(program):
    """So whatever else is refused is so for its fault."""
    kept, env = hold(), broken_by(NONE, program)
    said = metrics("--sockets.source=bpf", env=environment(env))
    assert_true(said)
    with Exporter("--sockets.source=bpf", env=env) as running:
        assert_true(running.metrics())
    drop(kept)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("fault", FAULTS)
@in_namespace
def test_one_scrape_does_without_it(fault, program):
    kept, env = hold(), broken_by(fault, program)
    said = metrics(env=environment(env))
    assert source_of(said) == "sock_diag"
    assert_true(said)
    done = run("metrics", "--sockets.source=bpf", env=environment(env))
    assert done.returncode == 1 and done.stdout == ""
    assert REASON in done.stderr
    done = run("destinations", "--json", env=environment(env))
    assert json.loads(done.stdout)["socket_source"] == {"tcp": "sock_diag"}
    drop(kept)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("fault", [*FAULTS, SKIPS_CONNECTIONS])
@in_namespace
def test_the_service_does_without_it_and_says_so(fault, program):
    kept, env = hold(), broken_by(fault, program)
    with Exporter(env=env) as running:
        line = running.wait_for_log(lambda line: line if "Cannot read sockets by BPF" in line else None)
        said = running.metrics()
    assert REASON in line and "level=warn " in line
    assert source_of(said) == "sock_diag"
    assert_true(said)
    drop(kept)


@pytest.mark.parametrize("fault", [NONE, *FAULTS, SKIPS_CONNECTIONS])
@in_namespace
def test_the_tests_that_compare_it_record_by_record_see_each_fault(fault):
    kept = hold()
    by_dump = records(listed("sock_diag"))
    by_walk = records(listed("walk", env=environment(broken_by(fault))))
    same = {line: len(told) for line, told in by_walk.items()} \
        == {line: len(told) for line, told in by_dump.items()}
    assert same == (fault == NONE)
    drop(kept)
