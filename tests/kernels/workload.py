# SPDX-License-Identifier: Apache-2.0
"""The sockets that are made in the machines, in the words of sockets.c, and what becomes of them.

Numbers are prime where that can be, and ranges of an even size: in one of odd size a search now and
then misses a port that is free.
"""

# First and last port, by phase of guest.sh.
RANGES = {
    "procfs": (41000, 41199),
    "sock_diag": (41000, 41199),
    "walk": (41000, 41199),
    "walk_by_copy": (41000, 41199),
    "broken_walk": (41000, 41199),
    "many": (20000, 29999),
    "ordinary": (41000, 41199),
    "exhaustion": (41000, 41009),
    "ages": (41000, 41199),
    "trace": (41000, 41009),
    "lease_trace": (41000, 41009),
    "elsewhere": (41000, 41009),
    "snat_trace": (41000, 41199),
    "snat": (41000, 41199),
    "failing": (41000, 41009),
    "failing_less": (41000, 41009),
    "before_connect": (41000, 41011),
    "before_connect_ipv6": (41000, 41011),
    "beside": (41000, 41011),
    "red": (41000, 41199),
    "green": (41000, 41011),
    "blue": (41000, 41013),
}

# Ports, by phase.
RESERVED = {"blue": "41003,41009"}

# {line of sockets.c: {what: how often}}
PLAIN = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    "listen 97 ipv6 ::1 9000": {"made": 1},
    "listen 17 mapped 127.0.0.1 9001": {"made": 1},
    # In the range, and first, before connect() picks these ports for others.
    "listen 7 ipv4 127.0.0.1 41150": {"made": 1},
    # Not of the kernel's choice: ::1 may be given a number that 127.0.0.1 has below.
    "bind 1 ipv6 ::1 41160": {"made": 1},
    "bind 1 ipv6 ::1 41170": {"made": 1},
    "connect 1 ipv4 127.0.0.1 9001 from 127.0.0.1 41190": {"made": 1},
    "connect 41 ipv4 127.0.0.1 9000": {"made": 41},
    "connect 13 mapped 127.0.0.1 9000": {"made": 13},
    "connect 29 ipv6 ::1 9000": {"made": 29},
    "connect 11 ipv4 127.0.0.1 9001": {"made": 11},
    "time_wait 5 ipv4 127.0.0.1 9000": {"made": 5},
    "time_wait 2 mapped 127.0.0.1 9000": {"made": 2},
    "time_wait 3 ipv6 ::1 9000": {"made": 3},
    # Of odd numbers, which are tried first.
    "bind 3 ipv4 127.0.0.1 0": {"made": 3},
    "udp 11 ipv4 127.0.0.1 0": {"made": 11},
    "udp 5 ipv6 ::1 0": {"made": 5},
    "udp_connect 7 ipv4 127.0.0.1 53": {"made": 7},
    "udp_connect 3 mapped 127.0.0.1 53": {"made": 3},
    "udp_connect 2 ipv6 ::1 53": {"made": 2},
}

# More than one read() of the walk hands on, in each state that this machine can have alone.
MANY = {
    "listen 4001 ipv4 127.0.0.1 9000": {"made": 1},
    "listen 4001 ipv6 ::1 9000": {"made": 1},
    # Takes one, and answers no other.
    "listen 0 ipv4 127.0.0.1 9004": {"made": 1},
    # First, as it accepts whoever came before.
    "time_wait 503 ipv4 127.0.0.1 9000": {"made": 503},
    "time_wait 211 ipv6 ::1 9000": {"made": 211},
    # Their servers stay in SYN_RECV.
    "deferred 97 ipv4 127.0.0.1 9005": {"made": 1},
    "deferred 97 ipv6 ::1 9005": {"made": 1},
    "connect 37 ipv4 127.0.0.1 9005": {"made": 37},
    "connect 17 ipv6 ::1 9005": {"made": 17},
    "connect 2003 ipv4 127.0.0.1 9000": {"made": 2003},
    "connect 1009 ipv6 ::1 9000": {"made": 1009},
    "half_closed 23 ipv4 127.0.0.1 9000": {"made": 23},
    "half_closed 13 ipv6 ::1 9000": {"made": 13},
    "abandoned 19 ipv4 127.0.0.1 9000": {"made": 19},
    "abandoned 11 ipv6 ::1 9000": {"made": 11},
    "connect 1 ipv4 127.0.0.1 9004": {"made": 1},
    "unanswered 7 ipv4 127.0.0.1 9004": {"made": 7},
    "bind 307 ipv4 127.0.0.1 0": {"made": 307},
    "bind 101 ipv6 ::1 0": {"made": 101},
    "udp 1013 ipv4 127.0.0.1 0": {"made": 1013},
    "udp 317 ipv6 ::1 0": {"made": 317},
}
MANY_STATES = {
    ("tcp", "ipv4", "listen"): 2 + 1, ("tcp", "ipv6", "listen"): 1 + 1,
    ("tcp", "ipv4", "time_wait"): 503, ("tcp", "ipv6", "time_wait"): 211,
    ("tcp", "ipv4", "established"): 2 * (2003 + 1) + 37,
    ("tcp", "ipv6", "established"): 2 * 1009 + 17,
    ("tcp", "ipv4", "syn_recv"): 37, ("tcp", "ipv6", "syn_recv"): 17,
    ("tcp", "ipv4", "fin_wait2"): 23 + 19, ("tcp", "ipv6", "fin_wait2"): 13 + 11,
    ("tcp", "ipv4", "close_wait"): 23 + 19, ("tcp", "ipv6", "close_wait"): 13 + 11,
    ("tcp", "ipv4", "syn_sent"): 7,
    ("tcp", "ipv4", "bound"): 307, ("tcp", "ipv6", "bound"): 101,
    ("udp", "ipv4", "close"): 1013, ("udp", "ipv6", "close"): 317,
}

# Each held its port for a moment, and no TIME_WAIT is left of it.
LEASED = 23
LEASES = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    f"reset {LEASED} ipv4 127.0.0.1 9000": {"made": LEASED},
}

# The first are older than the exporter. Of the later ones two have their port by bind().
OLDER = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    "connect 3 ipv4 127.0.0.1 9000": {"made": 3},
}
AGES = {
    "listen 97 ipv4 127.0.0.1 9001": {"made": 1},
    "connect 7 ipv4 127.0.0.1 9001": {"made": 7},
    "connect 1 ipv4 127.0.0.1 9001 from 127.0.0.1 30000": {"made": 1},
    "connect 1 ipv4 127.0.0.1 9001 from 127.0.0.1 30001": {"made": 1},
}

# Ten ports for each address. A refusal of those by number is none for want of a port, but a conflict.
# Of sockets with SO_REUSEADDR on one port only one can listen.
BINDS = {
    "bind 17 ipv4 127.0.0.9 0": {"made": 10, "EADDRINUSE": 7},
    "bind 13 mapped 127.0.0.10 0": {"made": 10, "EADDRINUSE": 3},
    "bind 23 ipv6 ::1 0": {"made": 10, "EADDRINUSE": 13},
    "udp 11 ipv4 127.0.0.9 0": {"made": 10, "EADDRINUSE": 1},
    "udp_connect 5 ipv4 127.0.0.1 53": {"made": 0, "EAGAIN": 5},
    "udp 13 ipv6 ::1 0": {"made": 10, "EADDRINUSE": 3},
    "udp_connect 2 ipv6 ::1 53": {"made": 0, "EAGAIN": 2},
    "bind 3 ipv4 127.0.0.9 41000": {"made": 0, "EADDRINUSE": 3},
    "udp 3 ipv4 127.0.0.9 41000": {"made": 0, "EADDRINUSE": 3},
    "bind 2 mapped 127.0.0.10 41001": {"made": 0, "EADDRINUSE": 2},
    "bind 5 ipv6 ::1 41001": {"made": 0, "EADDRINUSE": 5},
    "listen 97 ipv4 127.0.0.9 9001": {"made": 1},
    "bind 1 ipv4 127.0.0.9 9001": {"made": 0, "EADDRINUSE": 1},
    "bind 7 ipv4 0.0.0.0 9001": {"made": 0, "EADDRINUSE": 7},
    "beside 11 ipv4 127.0.0.9 9002": {"made": 0, "EADDRINUSE": 11},
    "beside 3 ipv4 127.0.0.11 0": {"made": 0, "EADDRINUSE": 3},
    "bind 1 ipv4 198.51.100.1 9001": {"made": 0, "EADDRNOTAVAIL": 1},
}
# By listen() on a port of the kernel's choice, the last but one, nobody was refused what he asked for.
CONFLICTS = {("tcp", 41000): 3, ("udp", 41000): 3, ("tcp", 41001): 2 + 5, ("tcp", 9001): 1 + 7,
             ("tcp", 9002): 11}
BIND_FAILURES = {("tcp", "ipv4"): 7 + 3, ("tcp", "ipv6"): 13, ("udp", "ipv4"): 1 + 5,
                 ("udp", "ipv6"): 3 + 2}

# Ten ports for each source address of a destination.
FAILURES = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    "listen 97 ipv4 127.0.0.1 9001": {"made": 1},
    "listen 97 ipv4 127.0.0.1 9002": {"made": 1},
    "listen 97 ipv4 127.0.0.1 9003": {"made": 1},
    # Takes one, and answers no other.
    "listen 0 ipv4 127.0.0.1 9004": {"made": 1},
    "listen 97 ipv6 ::1 9000": {"made": 1},
    "connect 11 ipv4 127.0.0.1 9000": {"made": 10, "EADDRNOTAVAIL": 1},
    "connect 17 ipv4 127.0.0.1 9001": {"made": 10, "EADDRNOTAVAIL": 7},
    "connect 13 ipv4 127.0.0.1 9001 from 127.0.0.3": {"made": 10, "EADDRNOTAVAIL": 3},
    "connect 29 mapped 127.0.0.1 9002": {"made": 10, "EADDRNOTAVAIL": 19},
    "connect 2 ipv4 127.0.0.1 9002": {"made": 0, "EADDRNOTAVAIL": 2},
    "connect 23 ipv6 ::1 9000": {"made": 10, "EADDRNOTAVAIL": 13},
    "reconnect 3 ipv4 127.0.0.1 9000": {"made": 0, "EADDRNOTAVAIL": 3},
    "reconnect 7 mapped 127.0.0.1 9002": {"made": 0, "EADDRNOTAVAIL": 7},
    "reconnect 2 ipv6 ::1 9000": {"made": 0, "EADDRNOTAVAIL": 2},
    "reconnect 5 ipv4 127.0.0.1 9999": {"made": 0, "ECONNREFUSED": 5},
    "reconnect 3 ipv6 ::1 9999": {"made": 0, "ECONNREFUSED": 3},
    "connect 5 ipv4 127.0.0.1 9999": {"made": 0, "ECONNREFUSED": 5},
    "connect 3 ipv6 ::1 9999": {"made": 0, "ECONNREFUSED": 3},
    "connect 3 ipv4 198.51.100.1 9000": {"made": 0, "ENETUNREACH": 3},
    "connect 3 ipv4 127.0.0.1 9004": {"made": 1, "ETIMEDOUT": 2},
    # The kernel has ports: it is the caller who wants one that is taken.
    "connect 5 ipv4 127.0.0.1 9003 from 127.0.0.1 30000": {"made": 1, "EADDRNOTAVAIL": 4},
}
FAILURES_BY_DESTINATION = {("127.0.0.1", 9000): 1 + 3, ("127.0.0.1", 9001): 7 + 3,
                           ("127.0.0.1", 9002): 19 + 2 + 7, ("::1", 9000): 13 + 2}
FAILURES_BY_FAMILY = {"ipv4": 1 + 3 + 7 + 3 + 19 + 2 + 7, "ipv6": 13 + 2}

# Leases that end in each way that this machine can have alone.
LEASE_TRACE = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    "listen 97 ipv6 ::1 9000": {"made": 1},
    "listen 97 ipv4 127.0.0.1 9001": {"made": 1},
    "listen 0 ipv4 127.0.0.1 9004": {"made": 1},
    "time_wait 3 ipv4 127.0.0.1 9000": {"made": 3},
    "time_wait 2 ipv6 ::1 9000": {"made": 2},
    "reset 7 ipv4 127.0.0.1 9000": {"made": 7},
    "connect 5 ipv4 127.0.0.1 9999": {"made": 0, "ECONNREFUSED": 5},
    "reconnect 3 mapped 127.0.0.1 9001": {"made": 3},
    "connect 3 ipv4 127.0.0.1 9004": {"made": 1, "ETIMEDOUT": 2},
    # No lease of connect().
    "connect 2 ipv4 127.0.0.1 9001 from 127.0.0.1 0": {"made": 2},
}
# (source, how it ended, whether TIME_WAIT follows, the destination's port)
LEASES_ENDED = {
    ("127.0.0.1", "aborted", False, 9000): 7,
    ("127.0.0.1", "closed", True, 9000): 3,
    ("::1", "closed", True, 9000): 2,
    ("127.0.0.1", "refused", False, 9999): 5,
    ("127.0.0.1", "refused", False, 9): 3,
    ("127.0.0.1", "timed_out", False, 9004): 2,
}
# These are held until their process ends, with their listeners.
LEASES_HELD = {("127.0.0.1", 9001): 3, ("127.0.0.1", 9004): 1}

# Source NAT has five ports.
NAT_RULES = """table ip nat {
 chain post {
  type nat hook postrouting priority srcnat;
  oif lo tcp dport 9000 snat to 127.0.0.1:42000-42004
 }
}
table ip6 nat {
 chain post {
  type nat hook postrouting priority srcnat;
  oif lo tcp dport 9000 snat to [::1]:42000-42004
 }
}
"""
SNAT = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    "listen 97 ipv6 ::1 9000": {"made": 1},
    "listen 97 ipv4 127.0.0.1 9001": {"made": 1},
    "connect 8 ipv4 127.0.0.1 9000": {"made": 5, "ETIMEDOUT": 3},
    "connect 7 ipv6 ::1 9000": {"made": 5, "ETIMEDOUT": 2},
    "connect 11 ipv4 127.0.0.1 9001": {"made": 11},
    "connect 3 ipv4 127.0.0.1 9999": {"made": 0, "ECONNREFUSED": 3},
}
# Connections without a port, by what source NAT would have made of them.
SNAT_REFUSED = {("tcp", "127.0.0.1", "127.0.0.1", 9000): 3, ("tcp", "::1", "::1", 9000): 2}

ELSEWHERE = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    "connect 17 ipv4 127.0.0.1 9000": {"made": 10, "EADDRNOTAVAIL": 7},
}

# By the phase of guest.sh: {workload: what becomes of it}. Of twelve ports seven are lost to
# everybody else; who leaves the port to connect() takes none. The families' ports are their own
# here, so that both in one phase could have the same.
BOUND_BEFORE_CONNECT = 7
BEFORE_CONNECT = {
    "before_connect": {
        "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
        "connect 5 ipv4 127.0.0.1 9000 from 127.0.0.1 0": {"made": 5},
        "connect 2 mapped 127.0.0.1 9000 from 127.0.0.1 0": {"made": 2},
        "connect 3 ipv4 127.0.0.1 9000 from 127.0.0.1": {"made": 3},
    },
    "before_connect_ipv6": {
        "listen 97 ipv6 ::1 9000": {"made": 1},
        "connect 7 ipv6 ::1 9000 from ::1 0": {"made": 7},
        "connect 2 ipv6 ::1 9000 from ::1": {"made": 2},
    },
}
OTHERS = {
    "listen 97 ipv4 127.0.0.1 9001": {"made": 1},
    "listen 97 ipv6 ::1 9001": {"made": 1},
    "connect 19 ipv4 127.0.0.1 9001": {"made": 5, "EADDRNOTAVAIL": 14},
    "connect 7 ipv6 ::1 9001": {"made": 5, "EADDRNOTAVAIL": 2},
}

# All twelve ports are leased to one destination, and one of them is bound on another address for
# a while. What is left of that to another destination, from then on, depends on the kernel.
LEASED_BESIDE = {
    "listen 97 ipv4 127.0.0.1 9000": {"made": 1},
    "connect 13 ipv4 127.0.0.1 9000": {"made": 12, "EADDRNOTAVAIL": 1},
}
BESIDE = {"bind 1 ipv4 127.0.0.9 41005": {"made": 1}}
LEFT_BESIDE = ["listen 97 ipv4 127.0.0.1 9001", "connect 17 ipv4 127.0.0.1 9001"]

# By the names that guest.sh has for them.
WORKLOADS = {"plain": PLAIN, "many": MANY, "leases": LEASES, "older": OLDER, "ages": AGES,
             "binds": BINDS, "failures": FAILURES,
             "lease_trace": LEASE_TRACE, "snat": SNAT,
             "elsewhere": ELSEWHERE, **BEFORE_CONNECT, "others": OTHERS,
             "leased": LEASED_BESIDE, "beside": BESIDE, "left": LEFT_BESIDE}
