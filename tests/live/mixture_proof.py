# SPDX-License-Identifier: Apache-2.0
"""What is said to be left in a mixture of sockets, against what the kernel then gives.

Asked are every destination that the mixture may call, one that it never calls, and the pools of
bind() to port 0 and of UDP's connect(), each until the kernel refuses.
"""

import collections
import errno
import socket

from lib.exporter import metrics
from lib.sockets import (ANY, IP_BIND_ADDRESS_NO_PORT, IPV4, IPV6, MAPPED, at, drop,
                         new)
from lib.sources import BLIND
from mixture import (BOUND_TIME_WAIT, BOUND_TO_0, DUAL, FAR4, FAR6, FAR_LINK_LOCAL, FAR_PORT,
                     LINKS, MAYBE_IPV6_ONLY, MAYBE_REUSABLE, ON_AN_INTERFACE, OTHER, OUTLIVES_LISTENER,
                     OWN_LINK_LOCAL, TARGET)

# All that there is, one by one.
FLAGS = ["--log.level=error", "--collector.destinations.minimum-ports=0",
         "--collector.destinations.limit=1000", "--collector.addresses.limit=1000"]

# Names of what is asked for flags of the exporter.
DUMP, BUCKETS, WALK = "sock_diag", "sock_diag and buckets", "walk"
MODES = {DUMP: [BLIND], BUCKETS: [BLIND, "--collector.binds.buckets"], WALK: []}

LIMIT = 100

# Where IPv4 finds an IPv6 UDP socket that connect() gave its address: LOOPBACK4_IPV6.
LOOPBACK4 = "127.0.0.6"

# A port for questions to UDP. Nobody has it.
ASKING = 20000

# A destination: who asks, for what, and how. The same for a pool.
Destination = collections.namedtuple("Destination", "family address port source device")
Pool = collections.namedtuple("Pool", "protocol how family address")

DESTINATIONS = [Destination(*each, None) for each in (
    (IPV4, "127.0.0.1", TARGET, None), (IPV4, "127.0.0.1", OTHER, None),
    (IPV4, "127.0.0.1", TARGET, "127.0.0.2"), (IPV4, "127.0.0.1", OTHER, "127.0.0.2"),
    (IPV4, "127.0.0.3", TARGET, None), (IPV4, "127.0.0.3", TARGET, "127.0.0.3"),
    (MAPPED, "127.0.0.1", TARGET, None), (MAPPED, "127.0.0.1", OTHER, "127.0.0.2"),
    (IPV6, "::1", TARGET, None), (IPV6, "::1", OTHER, None), (IPV6, "::1", TARGET, "fd00::1"),
    (DUAL, "::1", OTHER, "fd00::1"), (DUAL, "fd00::1", TARGET, None),
    (IPV6, "fd00::1", TARGET, "::1"),
    # Nobody calls these.
    (IPV4, "127.0.0.4", OTHER, "127.0.0.5"), (IPV6, "fd00::1", OTHER, "fd00::1"))]
DEVICE_DESTINATIONS = [Destination(*each) for each in (
    (IPV4, "127.0.0.1", TARGET, None, "lo"), (IPV6, "::1", TARGET, None, "lo"),
    (IPV4, FAR4, FAR_PORT, None, None), (IPV4, FAR4, FAR_PORT, "10.9.0.1", None),
    (IPV4, FAR4, FAR_PORT, "10.9.1.1", None), (IPV4, FAR4, FAR_PORT, None, LINKS[0]),
    (IPV4, FAR4, FAR_PORT, None, LINKS[1]), (IPV6, FAR6, FAR_PORT, None, None),
    (IPV6, FAR6, FAR_PORT, "fd00::1", None), (IPV6, FAR6, FAR_PORT, None, LINKS[0]),
    (IPV6, FAR6, FAR_PORT, None, LINKS[1]),
    (IPV6, FAR6, FAR_PORT, OWN_LINK_LOCAL, LINKS[0]),
    (IPV6, FAR6, FAR_PORT, OWN_LINK_LOCAL, LINKS[1]),
    (IPV6, FAR_LINK_LOCAL, FAR_PORT, None, LINKS[0]),
    (IPV6, FAR_LINK_LOCAL, FAR_PORT, None, LINKS[1]))]

POOLS = [Pool(protocol, "bind", *each) for protocol in ("tcp", "udp") for each in (
    (IPV4, "0.0.0.0"), (IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (IPV4, "127.0.0.3"),
    (IPV4, "127.0.0.6"), (MAPPED, "127.0.0.1"), (DUAL, "::"), (DUAL, "::1"), (IPV6, "::1"),
    (IPV6, "::"), (DUAL, "fd00::1"))] + [Pool("udp", "connect", *each) for each in (
        (IPV4, "127.0.0.1"), (MAPPED, "127.0.0.1"), (DUAL, "::1"), (IPV6, "::1"))]
LINK_POOLS = [Pool(protocol, "bind", IPV6, f"{OWN_LINK_LOCAL}%{link}")
              for protocol in ("tcp", "udp") for link in LINKS]
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


# What the kernel gives


def _at(family, address, port, device):
    if not address.startswith("fe80:"):
        return at(family, address, port)
    return address, port, 0, socket.if_nametoindex(device)


def source_of(wanted):
    """Whom the calls come from, who asks for no address. By UDP, at a port that nobody has."""
    plain = wanted._replace(family=IPV6 if ":" in wanted.address else IPV4)
    with new(plain.family, socket.SOCK_DGRAM) as sock:
        error = _call(sock, plain, ASKING)
        assert error == 0, f"{wanted}: {errno.errorcode[error]}"
        return sock.getsockname()[0].removeprefix("::ffff:").split("%")[0]


def calls_given(wanted):
    socks = []
    try:
        while len(socks) < LIMIT:
            sock = new(wanted.family)
            socks.append(sock)
            error = _call(sock, wanted)
            if error == errno.EADDRNOTAVAIL:
                sock.close()
                socks.pop()
                return len(socks)
            assert error in (0, errno.EINPROGRESS), f"{wanted}: {errno.errorcode[error]}"
        raise AssertionError(f"more than {LIMIT} ports")
    finally:
        drop(socks)


def _call(sock, wanted, own_port=0):
    family, address, port, source, device = wanted
    if device is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    if source is not None:
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    if source is not None or own_port:
        sock.bind(_at(family, source or ANY[family], own_port, device))
    sock.setblocking(False)
    return sock.connect_ex(_at(family, address, port, device))


def ports_given(wanted):
    """How many of a pool."""
    socks, error = [], 0
    try:
        while not error:
            assert len(socks) < LIMIT, f"more than {LIMIT} ports"
            socks.append(new(wanted.family, KINDS[wanted.protocol]))
            error = _take(socks[-1], wanted)
        assert error == (errno.EADDRINUSE if wanted.how == "bind" else errno.EAGAIN), \
            f"{wanted}: {errno.errorcode[error]}"
        return len(socks) - 1
    finally:
        drop(socks)


def _take(sock, wanted):
    address, _, device = wanted.address.partition("%")
    if wanted.how == "connect":
        return sock.connect_ex(at(wanted.family, address, TARGET))
    try:
        sock.bind(_at(wanted.family, address, 0, device))
    except OSError as error:
        return error.errno
    return 0


# What is told


class Told:
    """One scrape, as a reader takes it: what is left."""

    def __init__(self, mode):
        said = metrics(*FLAGS, *MODES[mode])
        self.text = said.text
        self.mode = mode
        self.usable = said.value("ephemera_range_usable_ports")
        self.pool = said.value("ephemera_range_ports") - said.value("ephemera_range_reserved_ports")
        self.used = collections.Counter()
        for labels, value in said.samples("ephemera_destination_ports"):
            if labels["state"] != "reusable":
                source, _, interface = labels["source"].partition("%")
                address, _, zone = labels["destination"].partition("%")
                self.used[source, address, int(labels["destination_port"]),
                          interface or zone] += value
        self.taken = {(labels["protocol"], labels["address"]): value
                      for labels, value in said.samples("ephemera_address_ports")}
        self.ipv6_only, self.unsure = ({labels["protocol"]: value
                                        for labels, value in said.samples(name)} for name in
                                       ("ephemera_ipv6_only_address_ports",
                                        "ephemera_unsure_address_ports"))

    def left_for_calls(self, wanted, source):
        key = source, wanted.address, wanted.port
        used = self.used[*key, ""]
        if wanted.device is not None:
            used += self.used[*key, wanted.device]
        return max(self.usable - used, 0)

    def held_twice(self, wanted, source):
        """The most ports that may be: whether one is, by a socket of an interface and by one of
        none, is not seen."""
        if wanted.device is None:
            return 0
        key = source, wanted.address, wanted.port
        return min(self.used[*key, ""], self.used[*key, wanted.device])

    def left_of_pool(self, wanted):
        """None where no address of that pool has a socket of its own, which then is not told."""
        address = wanted.address
        if wanted.how == "connect":
            address = "0.0.0.0" if wanted.family == IPV4 else "::"
        if wanted.family == IPV6 and address == "::":
            taken = self.ipv6_only.get(wanted.protocol)
        else:
            taken = self.taken.get((wanted.protocol, address))
        return None if taken is None else self.pool - taken


# The limits that are documented


def _ports(mixture, *names):
    return len(set().union(*(mixture.hidden[name] for name in names)))


def allowed_for_calls(mixture, told, wanted, source):
    """(how many fewer than told the kernel may give, how many more), by the documented limits."""
    fewer, more = [], []
    if told.mode == DUMP:
        fewer += [BOUND_TO_0, BOUND_TIME_WAIT, OUTLIVES_LISTENER]
        if mixture.reuse and mixture.delay == 1:
            more.append(MAYBE_REUSABLE)
    return _ports(mixture, *fewer), _ports(mixture, *more) + told.held_twice(wanted, source)


def allowed_for_pool(mixture, told, wanted):
    if "%" in wanted.address:
        return 0, _ports(mixture, ON_AN_INTERFACE)
    if told.mode == WALK:
        return 0, 0
    # Where IPv4 sockets on other addresses have the port as well, 0.0.0.0 lacks it for sure.
    if wanted.address == LOOPBACK4:
        return 0, _ports(mixture, MAYBE_IPV6_ONLY)
    if wanted.address == "0.0.0.0" or wanted.how == "connect":
        return 0, told.unsure.get(wanted.protocol, _ports(mixture, MAYBE_IPV6_ONLY))
    return 0, 0


# The proof


def mismatches(mixture, modes):
    """A line for each figure that does not hold, and no limit accounts for."""
    told = [Told(mode) for mode in modes]
    found, seen = [], 0

    def compare(what, said, given, allowed, mode):
        fewer, more = allowed
        if not said - fewer <= given <= said + more:
            found.append(f"{mode}: {what}: told {said:g}, the kernel gave {given}"
                         + (f" (allowed -{fewer:g} +{more:g})" if fewer or more else ""))

    # Calls take over what is reusable in TIME_WAIT, so the pools come first.
    for wanted in POOLS + (LINK_POOLS if mixture.links else []):
        given = ports_given(wanted)
        for each in told:
            said = each.left_of_pool(wanted)
            if said is not None:
                seen += 1
                compare(f"{wanted.protocol} {wanted.how} {wanted.family} {wanted.address}", said,
                        given, allowed_for_pool(mixture, each, wanted), each.mode)
    for wanted in DESTINATIONS + (DEVICE_DESTINATIONS if mixture.links else []):
        given, source = calls_given(wanted), source_of(wanted)
        mixture.forget_calls()
        for each in told:
            seen += 1
            compare(f"{wanted.family} call to {wanted.address} port {wanted.port} from {source}"
                    + (f" at {wanted.device}" if wanted.device else ""),
                    each.left_for_calls(wanted, source), given,
                    allowed_for_calls(mixture, each, wanted, source), each.mode)
    return found, seen
