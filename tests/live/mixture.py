# SPDX-License-Identifier: Apache-2.0
"""Random sockets in a small range. The same seed makes the same ones, on the same ports.

The kernel picks a port at random where it is asked for any. So that a seed can be repeated, the
range is one port wide for as long as such a socket is made: what is left of it afterwards is a
socket like any other. What cannot be had is noted and left out, and that is repeated as well.

A line of `made` for each step tells what was done. `hidden` says what of it the documentation
names as not seen ("What cannot be seen" in docs/semantics.md), and on which ports.
"""

import collections
import contextlib
import ctypes
import errno
import os
import random
import socket
import struct
import subprocess

from lib.namespace import set_reserved, sysctl
from lib.sockets import (ANY, IP_BIND_ADDRESS_NO_PORT, IPV4, IPV6, MAPPED, at, drop, new,
                         reaches_itself, wait_until)

IP_LOCAL_PORT_RANGE = 51
IPPROTO_MPTCP = 262

# Services outside of every range that is set here. Nothing answers at the last.
TARGET, OTHER, REFUSING = 9000, 9001, 9002
BACKLOG = 4096

# As most programs make it: an AF_INET6 socket that does not say IPV6_V6ONLY.
DUAL = MAPPED

# Who can be called, and from where: (family, address, ports, addresses to bind before that).
LOCAL = [
    (IPV4, "127.0.0.1", (TARGET, OTHER), ("127.0.0.1", "127.0.0.2")),
    (IPV4, "127.0.0.3", (TARGET,), ("127.0.0.1", "127.0.0.3")),
    (MAPPED, "127.0.0.1", (TARGET, OTHER), ("127.0.0.1", "127.0.0.2")),
    (IPV6, "::1", (TARGET, OTHER), ("::1", "fd00::1")),
    (DUAL, "::1", (TARGET,), ("::1", "fd00::1")),
    (DUAL, "fd00::1", (TARGET,), ("fd00::1", "::1")),
]

# Both links lead to these, and nothing comes back: calls stay in SYN_SENT.
LINKS = ("v0", "v1")
FAR4, FAR6, FAR_LINK_LOCAL, FAR_PORT = "203.0.113.9", "2001:db8:9::9", "fe80::9", 443
OWN_LINK_LOCAL = "fe80::1"

BINDABLE = [
    (IPV4, "0.0.0.0"), (IPV4, "127.0.0.1"), (IPV4, "127.0.0.2"), (IPV4, "127.0.0.6"),
    (MAPPED, "127.0.0.1"), (MAPPED, "0.0.0.0"), (DUAL, "::"), (IPV6, "::"), (DUAL, "::1"),
    (IPV6, "::1"), (DUAL, "fd00::1"),
]

# Rows of "What cannot be seen", for hidden.
BOUND_TO_0 = "bind(address, 0) and then connect()"
BOUND_TIME_WAIT = "TIME_WAIT of a socket that was bound"
OUTLIVES_LISTENER = "connections that outlive their listener"
MAYBE_IPV6_ONLY = "whether a connected IPv6 socket leaves IPv4 alone"
MAYBE_REUSABLE = "which TIME_WAIT connect() may take over"
ON_AN_INTERFACE = "bind(0) and UDP of a socket that is bound to an interface"

_SKIPPED = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EAGAIN}

_libc = ctypes.CDLL(None, use_errno=True)


def disconnect(sock):
    """connect() to AF_UNSPEC, which Python does not offer."""
    if _libc.connect(sock.fileno(), bytes(16), 16) != 0:
        raise OSError(ctypes.get_errno(), "connect")


def links_setup():
    """Two links, both with a way to the far addresses, and one link-local address on each."""
    lines = ["address add fd00::1/128 dev lo nodad"]
    for i, link in enumerate(LINKS):
        lines += [f"link add {link} type veth peer name p{i}",
                  f"link set {link} addrgenmode none", f"link set p{i} addrgenmode none",
                  f"address add 10.9.{i}.1/24 dev {link}",
                  f"address add 2001:db8:{i}::1/64 dev {link} nodad",
                  f"link set {link} up", f"link set p{i} up",
                  f"address add {OWN_LINK_LOCAL}/64 dev {link} nodad",
                  f"route add {FAR4}/32 dev {link} metric {10 + i}",
                  f"route add {FAR6}/128 dev {link} metric {10 + i}"]
        lines += [f"neighbour add {far} lladdr 02:00:00:00:00:01 dev {link}"
                  for far in (FAR4, FAR6, FAR_LINK_LOCAL)]
    return lines


def ip(lines):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True,
                   env={**os.environ, "PATH": path}, stdout=subprocess.DEVNULL)


class Mixture:
    """Call in a namespace of its own; what was made stays until close()."""

    def __init__(self, seed):
        self.seed = seed
        self.chance = random.Random(seed)
        self.made = []
        self.kept = []
        self.listeners = {}  # port: listeners there, of those that take calls
        self.hidden = collections.defaultdict(set)
        self._range = None
        self._set_up()
        for _ in range(self.chance.randrange(8, 28)):
            self._step()
        self._settle()

    def describe(self):
        return "\n".join("  " + line for line in self.made)

    def close(self):
        drop(self.kept)
        self.kept.clear()
        for listeners in self.listeners.values():
            drop(listeners)
        if self._range is not None:
            os.close(self._range)
            self._range = None

    def forget_calls(self):
        """Closes what others have called since, so that there is room for more."""
        for listener in sum(self.listeners.values(), []):
            with contextlib.suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()

    # The world

    def _set_up(self):
        chance = self.chance
        size = 2 * chance.randrange(10, 31)
        self.first = 40000 + chance.randrange(10)
        self.last = self.first + size - 1
        self.hot = chance.sample(range(self.first, self.last + 1), 8)
        self.links = chance.random() < 0.4
        # 1: every TIME_WAIT is old enough when it is looked at; the other: none is.
        self.reuse, self.delay = chance.choice([0, 1, 1, 2, 2]), chance.choice([1, 1, 60000])
        self.timestamps = chance.choice([1, 1, 1, 0])
        settings = {
            "net.ipv4.tcp_tw_reuse": self.reuse,
            "net.ipv6.bindv6only": chance.choice([0, 0, 0, 1]),
            "net.ipv4.ip_autobind_reuse": chance.choice([0, 0, 0, 1]),
        }
        if os.path.exists("/proc/sys/net/ipv4/tcp_tw_reuse_delay"):
            settings["net.ipv4.tcp_tw_reuse_delay"] = self.delay
        for name, value in settings.items():
            sysctl(name, value)
        reserved = sorted(chance.sample(range(self.first, self.last + 1), 3))
        reserved = reserved[:chance.choice([0, 0, 0, 1, 3])]
        set_reserved(_merged(reserved))
        self._range = os.open("/proc/sys/net/ipv4/ip_local_port_range", os.O_WRONLY)
        self._whole_range()
        self.made.append(f"range {self.first}-{self.last}, reserved {reserved}, {settings}")
        ip(links_setup() if self.links else ["address add fd00::1/128 dev lo nodad"])
        wait_until(lambda: reaches_itself("fd00::1"), "fd00::1")
        for port in (TARGET, OTHER):
            self._listen(new(DUAL), DUAL, "::", port)

    def _set_range(self, first, last):
        os.pwrite(self._range, f"{first} {last}\n".encode(), 0)

    def _whole_range(self):
        self._set_range(self.first, self.last)

    @contextlib.contextmanager
    def _only(self, port):
        """Whoever is given a port is given this one, or none."""
        self._set_range(port, port)
        try:
            yield
        finally:
            self._whole_range()

    def _port(self):
        chance = self.chance
        return chance.choice(self.hot) if chance.random() < 0.5 else \
            chance.randrange(self.first, self.last + 1)

    # Steps

    def _step(self):
        """The same thing on one port, or on a few."""
        chance = self.chance
        steps = STEPS + (LINK_STEPS if self.links else [])
        name = chance.choices([step for _, step in steps], [weight for weight, _ in steps])[0]
        # All that a step chooses comes from this: what the kernel refuses shifts nothing after it.
        choices = chance.random()
        for port in [self._port() for _ in range(chance.choice([1, 1, 1, 2, 4]))]:
            line = [name]
            try:
                with self._only(port):
                    getattr(self, "_" + name)(random.Random(choices), port, line)
                line.append("made")
            except OSError as error:
                if error.errno not in _SKIPPED:
                    raise OSError(error.errno, f"{error.strerror}: {self._text(line, port)}\n"
                                  + self.describe()) from error
                line.append(errno.errorcode[error.errno])
            self.made.append(self._text(line, port))

    @staticmethod
    def _text(line, port):
        return f"{port}: " + " ".join(str(word) for word in line)

    def _keep(self, sock):
        self.kept.append(sock)
        return sock

    @contextlib.contextmanager
    def _new(self, family, kind=socket.SOCK_STREAM):
        """Kept only where the block ends well."""
        sock = new(family, kind)
        try:
            yield sock
        except BaseException:
            sock.close()
            raise
        self._keep(sock)

    @staticmethod
    def _kind(chance, line):
        kind = chance.choice([socket.SOCK_STREAM, socket.SOCK_DGRAM])
        line.append("tcp" if kind == socket.SOCK_STREAM else "udp")
        return kind

    @staticmethod
    def _options(chance, line, sock):
        """Some sockets share: SO_REUSEADDR, SO_REUSEPORT, or both."""
        options = chance.choice([(), (), (), ("SO_REUSEADDR",), ("SO_REUSEPORT",),
                                 ("SO_REUSEADDR", "SO_REUSEPORT")])
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        line.extend(options)

    @staticmethod
    def _no_port(sock):
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)

    @staticmethod
    def _at_device(sock, device):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())

    def _target(self, chance, line):
        family, address, ports, sources = chance.choice(LOCAL)
        port = chance.choice(ports)
        line += [family, f"to {address} port {port}"]
        return family, address, port, chance.choice(sources)

    def _listen(self, sock, family, address, port):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(at(family, address, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
        self.listeners.setdefault(port, []).append(sock)
        return sock

    def _accepted(self, port, client):
        """The other end, of a client that was just connected."""
        mine = client.getsockname()[1]

        def found():
            for listener in self.listeners[port]:
                with contextlib.suppress(BlockingIOError):
                    return listener.accept()[0]
            return None

        server = wait_until(found, f"the call from port {mine} to port {port}")
        assert server.getpeername()[1] == mine
        server.setblocking(True)
        server.settimeout(10)
        return server

    def _call(self, sock, family, address, port):
        """Returns the other end, which is kept unless it is taken. The test's limit ends a wait:
        with one of its own, Python would call without blocking, and a retry would fail for that."""
        sock.connect(at(family, address, port))
        return self._keep(self._accepted(port, sock))

    def _bind_first(self, chance, line, sock, family, source, port):
        """One of the ways to have a source. Returns what of them it was."""
        how = chance.choice(["unbound", "unbound", "no port", "to 0", "by number",
                             "wildcard by number", "wildcard to 0"])
        line.append(how if how == "unbound" or "wildcard" in how else f"{how} of {source}")
        if how == "no port":
            self._no_port(sock)
        if how in ("no port", "to 0"):
            sock.bind(at(family, source, 0))
        elif how == "by number":
            sock.bind(at(family, source, port))
        elif how.startswith("wildcard"):
            wildcard = "::" if ":" in source else ANY[family]
            sock.bind(at(family, wildcard, port if how.endswith("number") else 0))
        return how

    def _note_connected(self, family, how, port):
        if how.endswith("to 0"):
            self.hidden[BOUND_TO_0].add(port)
        self._note_ipv6(family, port)

    def _note_ipv6(self, family, port, address="::1"):
        if family != IPV4 and ":" in address:
            self.hidden[MAYBE_IPV6_ONLY].add(port)

    def _bind(self, chance, port, line):
        kind = self._kind(chance, line)
        family, address = chance.choice(BINDABLE)
        any_port = chance.random() < 0.5
        line += [family, address, "to 0" if any_port else "by number"]
        with self._new(family, kind) as sock:
            self._options(chance, line, sock)
            sock.bind(at(family, address, 0 if any_port else port))

    def _bind_as_programs_do(self, chance, port, line):
        """The setting bindv6only decides."""
        kind = self._kind(chance, line)
        sock = socket.socket(socket.AF_INET6, kind)
        try:
            sock.bind(("::", chance.choice([0, port])))
        except BaseException:
            sock.close()
            raise
        self._keep(sock)

    def _listener(self, chance, port, line):
        family, address = chance.choice(BINDABLE)
        line += [family, address]
        with self._new(family) as sock:
            if chance.random() < 0.5:
                line.append("SO_REUSEPORT")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(at(family, address, port))
            sock.listen(BACKLOG)

    def _clients_of_a_listener(self, chance, port, line):
        """Of a service in the range, which may go away before they do."""
        family, address = chance.choice([(IPV4, "127.0.0.1"), (IPV4, "0.0.0.0"), (DUAL, "::"),
                                         (IPV6, "::"), (DUAL, "::1")])
        outlive, closed_there = chance.random() < 0.4, chance.random() < 0.4
        line += [family, address, "which goes" if outlive else "which stays",
                 "and closes first" if closed_there else ""]
        sock = new(family)
        try:
            listener = self._listen(sock, family, address, port)
        except BaseException:
            sock.close()
            raise
        target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
        for i in range(chance.randrange(1, 4)):
            with self._new(family) as client:
                # From outside of the range, so that its port is in nobody's way.
                client.bind(at(family, target, 30000 + (port % 100) * 10 + i))
                server = self._call(client, family, target, port)
            if closed_there:
                _close_first(server, client)
        if outlive:
            self.listeners.pop(port)
            listener.close()
            self.hidden[OUTLIVES_LISTENER].add(port)
            self._note_ipv6(family, port, target)

    def _connect(self, chance, port, line):
        family, address, to, source = self._target(chance, line)
        with self._new(family) as sock:
            how = self._bind_first(chance, line, sock, family, source, port)
            self._call(sock, family, address, to)
        self._note_connected(family, how, port)

    def _connect_of_a_sharer(self, chance, port, line):
        """To two destinations from one port, as with SO_REUSEADDR or SO_REUSEPORT it may."""
        family, address, to, source = self._target(chance, line)
        with self._new(family) as sock:
            self._options(chance, line, sock)
            sock.bind(at(family, source, port))
            self._call(sock, family, address, to)
        self._note_connected(family, "by number", port)

    def _connect_with_mptcp(self, chance, port, line):
        family, address, to, _ = self._target(chance, line)
        try:
            sock = socket.socket(socket.AF_INET if family == IPV4 else socket.AF_INET6,
                                 socket.SOCK_STREAM, IPPROTO_MPTCP)
        except OSError:
            line.append("which is not there")
            return
        try:
            if family != IPV4:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(family == IPV6))
            self._call(sock, family, address, to)
        except BaseException:
            sock.close()
            raise
        self._keep(sock)
        self._note_ipv6(family, port)

    def _connect_with_a_range_of_its_own(self, chance, port, line):
        family, address, to, _ = self._target(chance, line)
        with self._new(family) as sock:
            try:
                sock.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE,
                                struct.pack("I", port << 16 | port))
            except OSError:
                line.append("which is not there")
            self._call(sock, family, address, to)
        self._note_ipv6(family, port)

    def _reconnect(self, chance, port, line):
        """A socket that was refused, or has disconnected, and has another try, or has none."""
        family, address, to, source = self._target(chance, line)
        first = chance.choice(["refused", "disconnected", "refused and left", "disconnected and left"])
        line.append(first)
        with self._new(family) as sock:
            how = self._bind_first(chance, line, sock, family, source, port)
            if first.startswith("refused"):
                error = sock.connect_ex(at(family, address, REFUSING))
                if error != errno.ECONNREFUSED:
                    raise OSError(error, os.strerror(error))
            else:
                self._call(sock, family, address, to)
                disconnect(sock)
                drop([self.kept.pop()])
            if not first.endswith("left"):
                self._call(sock, family, address, to)
        if not first.endswith("left"):
            self._note_connected(family, how, port)

    def _time_wait(self, chance, port, line):
        """Closed by the client first, with the timestamps of TCP or without."""
        family, address, to, source = self._target(chance, line)
        orphan = chance.random() < 0.2
        timestamps = chance.choice([1, 1, 0])
        line.append(("half closed " if orphan else "")
                    + ("with" if timestamps else "without") + " timestamps")
        sysctl("net.ipv4.tcp_timestamps", timestamps)
        try:
            with self._new(family) as sock:
                how = self._bind_first(chance, line, sock, family, source, port)
                server = self._call(sock, family, address, to)
        finally:
            sysctl("net.ipv4.tcp_timestamps", self.timestamps)
        if orphan:
            sock.close()
            assert server.recv(1) == b""
        else:
            _close_first(sock, server)
        if how not in ("unbound", "no port"):
            self.hidden[BOUND_TIME_WAIT].add(port)
        if timestamps and not orphan:
            self.hidden[MAYBE_REUSABLE].add(port)
        self._note_ipv6(family, port)

    def _closed_by_the_server(self, chance, port, line):
        """TIME_WAIT is the server's then, and the client's socket is gone or half closed."""
        family, address, to, source = self._target(chance, line)
        gone = chance.random() < 0.5
        line.append("and by the client" if gone else "")
        with self._new(family) as sock:
            how = self._bind_first(chance, line, sock, family, source, port)
            server = self._call(sock, family, address, to)
        server.close()
        assert sock.recv(1) == b""
        if gone:
            sock.close()
        else:
            self._note_connected(family, how, port)

    def _reset_by_the_server(self, chance, port, line):
        family, address, to, source = self._target(chance, line)
        with self._new(family) as sock:
            self._bind_first(chance, line, sock, family, source, port)
            drop([self._call(sock, family, address, to)])
        wait_until(lambda: sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "the reset")

    def _udp_client(self, chance, port, line):
        family, address, to, source = self._target(chance, line)
        how_sent = chance.choice(["connected", "connected", "sent only", "disconnected"])
        line.append(how_sent)
        with self._new(family, socket.SOCK_DGRAM) as sock:
            self._bind_first(chance, line, sock, family, source, port)
            if how_sent == "sent only":
                sock.sendto(b"?", at(family, address, to))
            else:
                sock.connect(at(family, address, to))
            if how_sent == "disconnected":
                disconnect(sock)
        self._note_ipv6(family, port)

    # With links

    def _far(self, chance, line):
        device = chance.choice([*LINKS, None])
        family, address = chance.choice([(IPV4, FAR4), (IPV6, FAR6), (IPV6, FAR_LINK_LOCAL)])
        line += [f"to {address} by {device}"]
        return device, family, address

    def _place(self, family, address, port, device):
        """A link-local address is one only with its link."""
        if not address.startswith("fe80:"):
            return at(family, address, port)
        return address, port, 0, socket.if_nametoindex(device or LINKS[0])

    def _far_call(self, chance, port, line):
        device, family, address = self._far(chance, line)
        sources = {IPV4: [None, "10.9.0.1", "10.9.1.1"], IPV6: [None, OWN_LINK_LOCAL, "fd00::1"]}
        source = chance.choice(sources[family])
        numbered = source is not None and chance.random() < 0.3
        as_device = device is not None and chance.random() < 0.7
        line += [f"from {source}" if source else "", "by number" if numbered else "",
                 "SO_BINDTODEVICE" if as_device else ""]
        with self._new(family) as sock:
            if as_device:
                self._at_device(sock, device)
            if source is not None:
                if not numbered:
                    self._no_port(sock)
                sock.bind(self._place(family, source, port if numbered else 0, device))
            sock.setblocking(False)
            error = sock.connect_ex(self._place(family, address, FAR_PORT, device))
            if error != errno.EINPROGRESS:
                raise OSError(errno.EADDRNOTAVAIL if error in _NO_ROUTE else error,
                              os.strerror(error))
        self._note_device(sock, port)
        self._note_ipv6(family, port)

    def _note_device(self, sock, port):
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).strip(b"\0"):
            self.hidden[ON_AN_INTERFACE].add(port)

    def _device_bind(self, chance, port, line):
        kind = self._kind(chance, line)
        device = chance.choice([*LINKS, "lo"])
        family, address = chance.choice(BINDABLE)
        any_port = chance.random() < 0.3
        line += [device, family, address, "to 0" if any_port else "by number"]
        with self._new(family, kind) as sock:
            self._options(chance, line, sock)
            self._at_device(sock, device)
            sock.bind(at(family, address, 0 if any_port else port))
            if kind == socket.SOCK_STREAM and chance.random() < 0.3:
                line.append("listens")
                sock.listen(BACKLOG)
        self.hidden[ON_AN_INTERFACE].add(port)

    def _link_local_bind(self, chance, port, line):
        kind = self._kind(chance, line)
        device = chance.choice(LINKS)
        any_port = chance.random() < 0.5
        line += [device, "to 0" if any_port else "by number"]
        with self._new(IPV6, kind) as sock:
            sock.bind(self._place(IPV6, OWN_LINK_LOCAL, 0 if any_port else port, device))
        self.hidden[ON_AN_INTERFACE].add(port)

    def _device_call(self, chance, port, line):
        """Over lo, so that it is answered."""
        family, address, to, source = self._target(chance, line)
        with self._new(family) as sock:
            self._at_device(sock, "lo")
            how = self._bind_first(chance, line, sock, family, source, port)
            self._call(sock, family, address, to)
        self.hidden[ON_AN_INTERFACE].add(port)
        self._note_connected(family, how, port)

    # The end

    def _settle(self):
        """Until nothing is on its way any more, and TIME_WAIT is as old as it has to be."""
        sysctl("net.ipv4.tcp_timestamps", self.timestamps)
        wait_until(lambda: not _on_their_way(), "what was closed to come to rest")


_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL}

# How often, and the method of Mixture.
STEPS = [
    (6, "bind"), (2, "bind_as_programs_do"), (2, "listener"), (2, "clients_of_a_listener"),
    (8, "connect"), (1, "connect_of_a_sharer"), (1, "connect_with_mptcp"),
    (1, "connect_with_a_range_of_its_own"), (3, "reconnect"), (5, "time_wait"),
    (2, "closed_by_the_server"), (1, "reset_by_the_server"), (4, "udp_client"),
]
LINK_STEPS = [(6, "far_call"), (2, "device_bind"), (2, "link_local_bind"), (2, "device_call")]


def _close_first(first, second):
    first.close()
    assert second.recv(1) == b""
    second.close()


def _on_their_way():
    """FIN_WAIT1, LAST_ACK, CLOSING and SYN_RECV by their numbers in /proc/net/tcp."""
    states = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/self/net/{name}", encoding="ascii") as file:
            states.update(line.split()[3] for line in list(file)[1:])
    return states & {"03", "04", "09", "0B", "0C"}


def _merged(ports):
    """As the kernel prints a list of ports."""
    parts = []
    for port in ports:
        if parts and parts[-1][1] == port - 1:
            parts[-1][1] = port
        else:
            parts.append([port, port])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
