# SPDX-License-Identifier: Apache-2.0
"""Workloads: sockets in every state that matters, made the same way each time.

A family is "ipv4", "ipv6", or "mapped": an AF_INET6 socket that speaks IPv4. Addresses are
given as the family has them ("127.0.0.1" for mapped, too). Whatever is returned must be kept
in a variable: a socket that nothing refers to is closed.
"""

import collections
import errno
import fcntl
import os
import re
import socket
import struct
import subprocess
import time

import pytest

IPV4, IPV6, MAPPED = "ipv4", "ipv6", "mapped"
LOOPBACK = {IPV4: "127.0.0.1", IPV6: "::1", MAPPED: "127.0.0.1"}
ANY = {IPV4: "0.0.0.0", IPV6: "::", MAPPED: "0.0.0.0"}

# Not in the socket module of every Python that runs this.
IP_BIND_ADDRESS_NO_PORT = 24

BACKLOG = 1024

# What a receive buffer of the smallest size cannot take, and a send buffer easily can.
MORE_THAN_FITS = 256 * 1024


def wait_until(condition, what, seconds=30):
    """Polls until condition() is true, and returns what it was."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def need_ipv6():
    """Call inside the namespace."""
    try:
        with new(IPV6) as sock:
            bind(sock, IPV6, "::1", 0)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


def kernel_is(major, minor):
    """Whether this is Linux major.minor or newer."""
    numbers = re.match(r"(\d+)\.(\d+)", os.uname().release).groups()
    return tuple(map(int, numbers)) >= (major, minor)


def need_kernel(major, minor, what):
    if not kernel_is(major, minor):
        pytest.skip(f"{what} needs Linux {major}.{minor}, this is {os.uname().release}")


def add_address(address, prefix):
    """Makes an address local, on lo, that is not a loopback address."""
    command = ["ip", "address", "add", f"{address}/{prefix}", "dev", "lo"]
    # An ordinary user's PATH may lack the directory of ip.
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    subprocess.run(command + (["nodad"] if ":" in address else []), check=True,
                   env={**os.environ, "PATH": path})
    # The kernel adds the route to an IPv6 address a moment later.
    wait_until(lambda: reaches_itself(address), f"{address} to be reachable")


def reaches_itself(address):
    """Whether a new address can be used already: its route comes a moment after it."""
    family = IPV6 if ":" in address else IPV4
    with new(family, socket.SOCK_DGRAM) as sock:
        try:
            bind(sock, family, address, 0)
            sock.connect(sock.getsockname())
            sock.settimeout(0.1)
            sock.send(b"?")
            return sock.recv(1) == b"?"
        except OSError:
            return False


# One socket


def new(family, kind=socket.SOCK_STREAM):
    sock = socket.socket(socket.AF_INET if family == IPV4 else socket.AF_INET6, kind)
    if family != IPV4:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(family == IPV6))
    return sock


def at(family, address, port):
    if family == MAPPED and ":" not in address:
        address = "::ffff:" + address
    return (address, port)


def bind(sock, family, address, port):
    sock.bind(at(family, address, port))
    return sock


def port_of(sock):
    return sock.getsockname()[1]


def ports_of(socks):
    return [port_of(sock) for sock in socks]


def drop(socks):
    """Closes by reset: nothing stays behind, no TIME_WAIT and nothing for the peer to answer."""
    for sock in socks:
        if sock.type == socket.SOCK_STREAM and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def close(socks):
    for sock in socks:
        sock.close()


# Listeners


def listen(family, address, port, backlog=BACKLOG, reuse_port=False, receive_buffer=None,
           defer_accept=None):
    """A listener. With MAPPED and "::" it is dual-stack: it takes IPv6 and IPv4."""
    sock = new(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if receive_buffer is not None:
        # Accepted sockets inherit it, in time for the first window that they offer.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if defer_accept is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, defer_accept)
    bind(sock, family, address, port)
    sock.listen(backlog)
    return sock


def accept(listener, count):
    listener.settimeout(10)
    return [listener.accept()[0] for _ in range(count)]


# Clients


def connect(family, address, port, source=None, source_port=0, no_port=False):
    """One connection. With a source port, or a source without no_port, it binds first."""
    sock = new(family)
    try:
        if no_port:
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        if source is not None or source_port:
            bind(sock, family, source or ANY[family], source_port)
        sock.settimeout(10)
        sock.connect(at(family, address, port))
        return sock
    except BaseException:
        sock.close()
        raise


def connect_many(count, family, address, port, **how):
    return [connect(family, address, port, **how) for _ in range(count)]


def pairs(count, family, listener, address, port, **how):
    """count connections with both of their ends: [(client, server), ...]."""
    made = []
    for _ in range(count):
        client = connect(family, address, port, **how)
        server = accept(listener, 1)[0]
        assert server.getpeername()[1] == port_of(client), "an earlier client is not accepted yet"
        made.append((client, server))
    return made


def connect_until_refused(family, address, port, source=None, no_port=False, limit=1000):
    """Connects to one destination until the kernel refuses: (sockets, errno).

    errno is None if limit connections came about without a refusal.
    """
    return _until_refused(lambda: connect(family, address, port, source, no_port=no_port), limit)


def bind_until_refused(family, address, port=0, kind=socket.SOCK_STREAM, limit=1000):
    """Binds sockets until the kernel refuses: (sockets, errno)."""
    return _until_refused(lambda: bound(family, address, port, kind), limit)


def _until_refused(make, limit):
    socks = []
    while len(socks) < limit:
        try:
            socks.append(make())
        except OSError as error:
            # Out of file descriptors or memory is no answer about ports.
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN):
                drop(socks)
                raise
            return socks, error.errno
    return socks, None


def bound(family, address, port=0, kind=socket.SOCK_STREAM):
    """A socket that binds and does no more."""
    sock = new(family, kind)
    try:
        return bind(sock, family, address, port)
    except BaseException:
        sock.close()
        raise


def bound_many(ports, family, address, kind=socket.SOCK_STREAM):
    return [bound(family, address, port, kind) for port in ports]


def udp_connected(family, address, port):
    sock = new(family, socket.SOCK_DGRAM)
    sock.connect(at(family, address, port))
    return sock


# TCP states. Each leaves its clients in the state, and returns what has to be kept.


def time_wait(count, family, listener, address, port, **how):
    """Connections closed by their client first. Returns the local ports now in TIME_WAIT."""
    made = pairs(count, family, listener, address, port, **how)
    ports = ports_of(client for client, _ in made)
    for client, server in made:
        client.close()
        read_to_end(server)
        server.close()
    wait_until(lambda: len(_clients("TIME-WAIT", port) & set(ports)) == count, "TIME_WAIT")
    return ports


def server_time_wait(count, family, listener, address, port):
    """Connections closed by their server first: TIME_WAIT lies with the listener's port."""
    made = pairs(count, family, listener, address, port)
    ports = ports_of(client for client, _ in made)
    for client, server in made:
        server.close()
        read_to_end(client)
        client.close()
    wait_until(lambda: len({line.peer_port for line in tcp_sockets()
                            if line.state == "TIME-WAIT" and line.local_port == port}
                           & set(ports)) == count, "TIME_WAIT of the server")
    return ports


def orphan_fin_wait2(count, family, listener, address, port):
    """Clients that closed; their servers have not yet. Returns (local ports, servers).

    The kernel keeps them in the table of TIME_WAIT. Where the peer acknowledges while close()
    still has the socket locked, it stays a socket instead (2 of 10,000 on a busy machine):
    those are reset, and made anew.
    """
    kept = {}
    while len(kept) < count:
        made = pairs(count - len(kept), family, listener, address, port)
        ports = {port_of(client): server for client, server in made}
        for client, server in made:
            client.close()
            read_to_end(server)
        wait_until(lambda wanted=set(ports): wanted <= _clients("FIN-WAIT-2", port), "FIN_WAIT2")
        timers = {line.local_port: line.timer for line in _ss("-Htano")
                  if line.state == "FIN-WAIT-2" and line.peer_port == port}
        whole = [local for local in ports if timers[local] != "timewait"]
        drop(ports.pop(local) for local in whole)
        kept.update(ports)
    return list(kept), list(kept.values())


def whole_fin_wait2(count, family, listener, address, port):
    """As orphan_fin_wait2(), but the kernel keeps them as sockets. Returns the servers."""
    made = pairs(count, family, listener, address, port)
    for client, server in made:
        # Longer than the table of TIME_WAIT keeps anything.
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 90)
        client.close()
        read_to_end(server)
    return [server for _, server in made]


def fin_wait2(count, family, listener, address, port):
    made = pairs(count, family, listener, address, port)
    for client, server in made:
        client.shutdown(socket.SHUT_WR)
        read_to_end(server)
    return made


def close_wait(count, family, listener, address, port):
    made = pairs(count, family, listener, address, port)
    for client, server in made:
        server.shutdown(socket.SHUT_WR)
        read_to_end(client)
    return made


def fin_wait1(count, family, listener, address, port):
    """The listener needs a receive_buffer of 1: the FIN waits behind data that never fits."""
    made = pairs(count, family, listener, address, port)
    for client, _ in made:
        _stuff(client)
        client.shutdown(socket.SHUT_WR)
    return made


def last_ack(count, family, listener, address, port):
    """The listener needs a receive_buffer of 1."""
    made = pairs(count, family, listener, address, port)
    for client, server in made:
        _stuff(client)
        server.shutdown(socket.SHUT_WR)
    _wait_for_clients("CLOSE-WAIT", made, port)
    for client, _ in made:
        client.shutdown(socket.SHUT_WR)
    return made


def closing(count, family, listener, address, port):
    """The listener needs a receive_buffer of 1."""
    made = fin_wait1(count, family, listener, address, port)
    for _, server in made:
        server.shutdown(socket.SHUT_WR)
    _wait_for_clients("CLOSING", made, port)
    return made


def syn_sent(count, family, address, port):
    """The port must belong to a listener of backlog 0 that has one unaccepted connection."""
    socks = []
    for _ in range(count):
        sock = new(family)
        sock.setblocking(False)
        error = sock.connect_ex(at(family, address, port))
        assert error == errno.EINPROGRESS, os.strerror(error)
        socks.append(sock)
    return socks


def _stuff(sock):
    """Queues more than the peer's buffer takes, so that what comes after it cannot be sent."""
    sock.setblocking(False)
    assert sock.send(bytes(MORE_THAN_FITS)) > MORE_THAN_FITS // 16
    assert _unacknowledged(sock) > 0


def _unacknowledged(sock):
    siocoutq = 0x5411
    return struct.unpack("i", fcntl.ioctl(sock, siocoutq, bytes(4)))[0]


def read_to_end(sock):
    sock.settimeout(10)
    assert sock.recv(1) == b""


def _clients(state, port):
    """The local ports of the sockets in a state that speak to a port."""
    return {line.local_port for line in tcp_sockets()
            if line.state == state and line.peer_port == port}


def _wait_for_clients(state, made, port):
    ports = {port_of(client) for client, _ in made}
    wait_until(lambda: ports <= _clients(state, port), state)


# What ss says

# timer: the name of what runs, where ss was asked with -o.
Line = collections.namedtuple("Line", "state family local local_port peer peer_port timer")

# ss's names for the states, and those of ephemera_sockets. UNCONN is missing from the first on
# purpose: only a newer ss prints it for TCP, for sockets that are bound and no more.
SS_TCP = {
    "ESTAB": "established", "SYN-SENT": "syn_sent", "SYN-RECV": "syn_recv",
    "FIN-WAIT-1": "fin_wait1", "FIN-WAIT-2": "fin_wait2", "TIME-WAIT": "time_wait",
    "CLOSE-WAIT": "close_wait", "LAST-ACK": "last_ack", "LISTEN": "listen",
    "CLOSING": "closing",
}
SS_UDP = {"ESTAB": "established", "UNCONN": "close"}


def tcp_sockets():
    return _ss("-Htan")


def udp_sockets():
    return _ss("-Huan")


def count_states():
    """{(protocol, family, state): sockets} by the exporter's names; a mapped socket is IPv4."""
    return count_lines(tcp_sockets(), udp_sockets())


def count_lines(tcp, udp):
    counts = collections.Counter(("tcp", line.family, SS_TCP[line.state])
                                 for line in tcp if line.state in SS_TCP)
    counts.update(("udp", line.family, SS_UDP[line.state]) for line in udp)
    return counts


def _ss(options):
    # Asked per family: of "*:80" alone nobody can tell which one it is.
    lines = []
    for flag, family in (("-4", IPV4), ("-6", IPV6)):
        listing = subprocess.run(["ss", flag, options], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        lines += parse_ss(listing, family)
    return lines


def parse_ss(listing, family):
    """The lines of one family, as ss prints them without a head."""
    rows = (row.split() for row in listing.splitlines())
    return [Line(state, IPV4 if "[::ffff:" in local else family, *_endpoint(local),
                 *_endpoint(peer), _timer(rest)) for state, _, _, local, peer, *rest in rows]


def _timer(columns):
    """The name in "timer:(timewait,59sec,0)"."""
    for column in columns:
        if column.startswith("timer:("):
            return column.removeprefix("timer:(").split(",")[0]
    return ""


def _endpoint(text):
    address, _, port = text.rpartition(":")
    address = address.strip("[]").removeprefix("::ffff:").split("%")[0]
    return address, int(port) if port.isdigit() else None
