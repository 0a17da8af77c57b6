# SPDX-License-Identifier: Apache-2.0
"""Entries of connection tracking, made and removed by hand through ctnetlink: a full table in a second.

Only for a network namespace of one's own; the caller must be root there.
"""

import ipaddress
import os
import socket
import struct

NETLINK_NETFILTER = 12
SUBSYSTEM = 1 << 8
NEW, DELETE = 0, 2
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 1, 4, 0x200, 0x400
NLM_F_CAPPED, NLMSG_ERROR = 0x100, 2
# include/uapi/linux/netfilter/nfnetlink_conntrack.h
TUPLE_ORIGINAL, TUPLE_REPLY, STATUS, PROTOINFO, TIMEOUT = 1, 2, 3, 4, 7
TUPLE_IP, TUPLE_PROTO = 1, 2
PROTO_NUMBER, PROTO_SOURCE_PORT, PROTO_DESTINATION_PORT = 1, 2, 3
PROTOINFO_TCP, PROTOINFO_TCP_STATE = 1, 1
NESTED = 1 << 15
ESTABLISHED, TIME_WAIT = 3, 7
# IPS_SEEN_REPLY, IPS_ASSURED (not removed from a full table) and IPS_CONFIRMED
TRACKED = 1 << 1 | 1 << 2 | 1 << 3
LIFETIME_SECONDS = 600
TOGETHER = 64
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}


def _attribute(kind, payload):
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def _tuple(kind, protocol, source, source_port, destination, destination_port):
    first, second = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    kinds = (1, 2) if first.version == 4 else (3, 4)
    addresses = _attribute(kinds[0], first.packed) + _attribute(kinds[1], second.packed)
    proto = (_attribute(PROTO_NUMBER, bytes([PROTOCOLS[protocol]]))
             + _attribute(PROTO_SOURCE_PORT, struct.pack("!H", source_port))
             + _attribute(PROTO_DESTINATION_PORT, struct.pack("!H", destination_port)))
    return _attribute(kind | NESTED, _attribute(TUPLE_IP | NESTED, addresses)
                      + _attribute(TUPLE_PROTO | NESTED, proto))


class Tracked:
    """What connection tracking has of this network namespace; a context manager."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        self.socket.settimeout(30)
        return self

    def __exit__(self, *_):
        self.socket.close()

    @staticmethod
    def _message(kind, flags, address, payload):
        family = socket.AF_INET if ipaddress.ip_address(address).version == 4 else socket.AF_INET6
        payload = struct.pack("!BBH", family, 0, 0) + payload
        return struct.pack("=IHHII", 16 + len(payload), SUBSYSTEM | kind, NLM_F_REQUEST | NLM_F_ACK | flags,
                           0, 0) + payload

    def _send(self, messages):
        self.socket.send(b"".join(messages))
        answered = 0
        while answered < len(messages):
            data = self.socket.recv(65536)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                assert kind == NLMSG_ERROR, kind
                error = -struct.unpack_from("=i", data, 16)[0]
                if error:
                    raise OSError(error, f"ctnetlink: {os.strerror(error)}")
                answered += 1
                data = data[length + -length % 4:]

    def add(self, flows, protocol="tcp", state=ESTABLISHED, lifetime_seconds=LIFETIME_SECONDS):
        """flows: of (client, client's port, server, its port, SNAT address, SNAT port)."""
        end = _attribute(STATUS, struct.pack("!I", TRACKED)) + _attribute(TIMEOUT, struct.pack("!I", lifetime_seconds))
        if protocol == "tcp":
            tcp = _attribute(PROTOINFO_TCP_STATE, bytes([state]))
            end += _attribute(PROTOINFO | NESTED, _attribute(PROTOINFO_TCP | NESTED, tcp))
        messages = []
        for client, client_port, server, server_port, address, port in flows:
            messages.append(self._message(
                NEW, NLM_F_CREATE | NLM_F_EXCL, server,
                _tuple(TUPLE_ORIGINAL, protocol, client, client_port, server, server_port)
                + _tuple(TUPLE_REPLY, protocol, server, server_port, address, port) + end))
            if len(messages) == TOGETHER:
                self._send(messages)
                messages = []
        if messages:
            self._send(messages)

    def remove(self, flows, protocol="tcp"):
        """flows: of (client, client's port, server, its port), all of them there."""
        for flow in flows:
            self._send([self._message(DELETE, 0, flow[2], _tuple(TUPLE_ORIGINAL, protocol, *flow))])
