# SPDX-License-Identifier: Apache-2.0
"""What the walk tells of the same sockets as sock_diag, on each kernel, by both of its programs."""

import collections

import pytest
import workload

BOUND_INACTIVE = (6, 8)
REASON = "it does not find what the kernel says that there is"
WALKS = "walk", "walk_by_copy"

# What kernels before 6.8 do not list, and the walk finds.
UNLISTED = {
    "ephemera_sockets": {(("family", "ipv4"), ("protocol", "tcp"), ("state", "bound")): 3,
                         (("family", "ipv6"), ("protocol", "tcp"), ("state", "bound")): 2},
    "ephemera_range_bound_ports": {(("holder", "bound"),): 5},
}
COMPARED = ("ephemera_sockets", "ephemera_destination_ports", "ephemera_range_bound_ports",
            "ephemera_owner_ports", "ephemera_unowned_ports", "ephemera_owner_udp_ports",
            "ephemera_accept_queue_limit_sockets")


def told(seen, name):
    """{labels: value}; that a TIME_WAIT is reusable only the walk can tell."""
    values = collections.Counter()
    for labels, value in seen.samples(name):
        if name == "ephemera_destination_ports" and labels["state"] == "reusable":
            labels = {**labels, "state": "time_wait"}
        values[tuple(sorted(labels.items()))] += value
    return +values


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("phase", WALKS)
def test_the_walk_tells_what_sock_diag_tells(said, phase, name):
    walked, dumped = (told(said.metrics(f"{phase}.{part}"), name)
                      for part in ("metrics", "by_sock_diag"))
    unlisted = {} if said.linux >= BOUND_INACTIVE else UNLISTED.get(name, {})
    assert dumped and walked == dumped + collections.Counter(unlisted)


def test_a_program_that_is_not_broken_is_taken_in_place_of_the_own_one(said):
    seen = said.metrics("broken_walk.none")
    assert seen.value("ephemera_kernel_feature", feature="socket_walk") == 1
    assert told(seen, "ephemera_sockets") == told(said.metrics("walk.metrics"), "ephemera_sockets")


@pytest.mark.parametrize("fault", ["counts_nothing", "counts_twice", "skips_a_bucket"])
def test_a_broken_program_is_refused_and_sock_diag_read(said, fault):
    text = said[f"broken_walk.{fault}"]
    assert REASON in text and "ephemera_build_info" not in text
    seen = said.metrics(f"broken_walk.{fault}.auto")
    assert seen.value("ephemera_kernel_feature", feature="socket_walk") == 0
    assert told(seen, "ephemera_sockets") == told(said.metrics("walk.by_sock_diag"), "ephemera_sockets")


def test_the_service_sees_that_a_bucket_of_connections_is_left_out(said):
    assert "Listening" in said["broken_walk.log"] and REASON in said["broken_walk.log"]


def test_many_are_made(said):
    assert said.made("many.many") == workload.MANY


@pytest.mark.parametrize("source", [*WALKS, "sock_diag"])
def test_many_are_counted(said, source):
    seen = said.metrics(f"many.{source}")
    assert seen.value("ephemera_kernel_feature", feature="socket_walk") == (source in WALKS)
    listed = source in WALKS or said.linux >= BOUND_INACTIVE
    counted = {(labels["protocol"], labels["family"], labels["state"]): value
               for labels, value in seen.samples("ephemera_sockets") if value}
    assert counted == {key: value for key, value in workload.MANY_STATES.items()
                       if listed or key[2] != "bound"}
    # The families have some ports in common.
    bound = seen.value("ephemera_range_bound_ports", holder="bound")
    assert 307 <= bound <= 307 + 101 if listed else bound == 0
