# SPDX-License-Identifier: Apache-2.0
"""A workload with sockets in every state that one can hold, in prime counts."""

import collections
import socket

from lib.sockets import (IPV4, IPV6, LOOPBACK, MAPPED, bound_many, close_wait, closing, connect,
                         connect_many, count_states, fin_wait1, fin_wait2, last_ack, listen,
                         pairs, syn_sent, time_wait, udp_connected, wait_until)

TCP_STATES = ["established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
              "close", "close_wait", "last_ack", "listen", "closing", "bound"]
UDP_STATES = ["established", "close"]

COUNTS = {
    IPV4: {"established": 2, "time_wait": 3, "close_wait": 5, "fin_wait2": 7, "fin_wait1": 11,
           "last_ack": 13, "closing": 17, "syn_sent": 19, "syn_recv": 23, "listen": 29,
           "bound": 31, "udp_established": 37, "udp_close": 41},
    IPV6: {"established": 43, "time_wait": 41, "close_wait": 37, "fin_wait2": 31,
           "fin_wait1": 29, "last_ack": 23, "closing": 19, "syn_sent": 17, "syn_recv": 13,
           "listen": 11, "bound": 7, "udp_established": 5, "udp_close": 3},
    MAPPED: {"established": 11, "time_wait": 7, "close_wait": 2, "fin_wait2": 3, "fin_wait1": 5,
             "last_ack": 7, "closing": 3, "syn_sent": 5, "syn_recv": 11, "listen": 5,
             "bound": 13, "udp_established": 7, "udp_close": 2},
}

# The ports of the listeners of each family; all of them outside the range.
BASE = {IPV4: 30000, IPV6: 31000, MAPPED: 32000}
PLAIN, NARROW, FULL, DEFERRED, IDLE = 1, 2, 3, 4, 100


def hold(family, only_bind=True):
    """Makes the workload of one family. Returns (what to keep, what it comes to).

    The latter counts both ends of each connection: {(protocol, family, state): sockets}.
    """
    counts, address, base = dict(COUNTS[family]), LOOPBACK[family], BASE[family]
    if not only_bind:
        counts["bound"] = 0
    plain = listen(family, address, base + PLAIN)
    narrow = listen(family, address, base + NARROW, receive_buffer=1)
    full = listen(family, address, base + FULL, backlog=0)
    deferred = listen(family, address, base + DEFERRED, defer_accept=100)
    at_plain = (family, plain, address, base + PLAIN)
    at_narrow = (family, narrow, address, base + NARROW)
    kept = [
        plain, narrow, full, deferred,
        pairs(counts["established"], *at_plain),
        close_wait(counts["close_wait"], *at_plain),
        fin_wait2(counts["fin_wait2"], *at_plain),
        fin_wait1(counts["fin_wait1"], *at_narrow),
        last_ack(counts["last_ack"], *at_narrow),
        closing(counts["closing"], *at_narrow),
        connect(family, address, base + FULL),
        syn_sent(counts["syn_sent"], family, address, base + FULL),
        connect_many(counts["syn_recv"], family, address, base + DEFERRED),
        [listen(family, address, base + IDLE + i) for i in range(counts["listen"] - 4)],
        bound_many([0] * counts["bound"], family, address),
        bound_many([0] * counts["udp_close"], family, address, socket.SOCK_DGRAM),
        [udp_connected(family, address, base + i + 1) for i in range(counts["udp_established"])],
        # Last, for it lasts but a minute.
        time_wait(counts["time_wait"], *at_plain),
    ]
    tcp = {
        "listen": counts["listen"],
        "bound": counts["bound"],
        "time_wait": counts["time_wait"],
        "syn_sent": counts["syn_sent"],
        "syn_recv": counts["syn_recv"],
        "fin_wait1": counts["fin_wait1"],
        "last_ack": counts["last_ack"],
        "closing": counts["closing"],
        # Servers that closed before a client in CLOSE_WAIT, LAST_ACK or CLOSING.
        "fin_wait2": (counts["fin_wait2"] + counts["close_wait"] + counts["last_ack"]
                      + counts["closing"]),
        "close_wait": counts["close_wait"] + counts["fin_wait2"],
        # Both ends, the one that fills the queue included; servers that heard no FIN yet; and
        # clients whose server waits for data.
        "established": (2 * (counts["established"] + 1) + counts["fin_wait1"]
                        + counts["syn_recv"]),
    }
    udp = {"established": counts["udp_established"], "close": counts["udp_close"]}
    label = IPV4 if family == MAPPED else family
    return kept, collections.Counter(
        {**{("tcp", label, state): count for state, count in tcp.items()},
         **{("udp", label, state): count for state, count in udp.items()}})


def hold_all(only_bind=True):
    """The same for all three families together, and a dual-stack listener."""
    kept = [listen(MAPPED, "::", 33000)]
    expected = collections.Counter({("tcp", IPV6, "listen"): 1})
    for family in (IPV4, IPV6, MAPPED):
        more, counts = hold(family, only_bind)
        kept.append(more)
        expected += counts
    return kept, expected


def settle(expected):
    """Until ss sees the workload: the last FINs and ACKs may still be under way."""
    # This ss may know of sockets that are bound and no more, or not.
    visible = {key: count for key, count in expected.items() if key[2] != "bound"}
    try:
        wait_until(lambda: count_states() == visible, "the workload")
    except AssertionError:
        assert count_states() == visible
        raise
