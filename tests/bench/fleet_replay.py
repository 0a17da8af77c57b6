# SPDX-License-Identifier: Apache-2.0
"""A server that answers as many exporters: for /NUMBER with what one said before, as if on another host."""

import asyncio
import os
import re
import signal
import sys

import machine

ADDRESS = b'source="127.0.0.1"'


def monotonic(bodies):
    """For each body its text, cut where a counter's value stands, and [(first value, growth over all bodies)]:
    the second time round counters go on where they were, as on a host that was not started anew."""
    def values(body):
        return dict(re.findall(rb"^([a-z_]+_total(?:\{[^}]*\})?) (\S+)$", body, re.M))
    first, last = values(bodies[0]), values(bodies[-1])
    growth = {name: float(last[name]) - float(first[name]) for name in first if name in last}
    cut = []
    for body in bodies:
        pieces, counters, at = [], [], 0
        for found in re.finditer(rb"^([a-z_]+_total(?:\{[^}]*\})?) (\S+)$", body, re.M):
            if growth.get(found[1]):
                pieces.append(body[at:found.start(2)])
                counters.append((float(found[2]), growth[found[1]]))
                at = found.end(2)
        cut.append((pieces, counters, body[at:]))
    return cut


class Answer(asyncio.Protocol):
    def __init__(self, cut, asked):
        self.cut, self.asked, self.buffer = cut, asked, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, rest = self.buffer.partition(b"\r\n\r\n")
            if head.startswith(b"POST "):
                # A remote write: taken, and forgotten.
                length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1])
                if len(rest) < length:
                    return
                self.buffer = rest[length:]
                self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                self.buffer = rest
                self.answer(int(head.split(b" ", 2)[1].strip(b"/") or b"0"))

    def answer(self, host):
        count = self.asked[host] = self.asked.get(host, host) + 1
        pieces, counters, rest = self.cut[count % len(self.cut)]
        around = count // len(self.cut)
        body = b"".join(piece + b"%.10g" % (value + around * growth)
                        for piece, (value, growth) in zip(pieces, counters)) + rest
        body = body.replace(ADDRESS, b'source="10.%d.%d.%d"' % (host >> 16, host >> 8 & 255, host & 255))
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                             b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


class Replay:
    """The server, in a process of its own for the length of the block."""

    def __init__(self, port, bodies):
        self.port, self.bodies = port, bodies

    def __enter__(self):
        self.parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            machine.die_with_parent()
            try:
                asyncio.run(self.serve())
            except KeyboardInterrupt:
                pass
            finally:
                sys.stderr.flush()
                os._exit(1)
        return self

    async def serve(self):
        cut, asked = monotonic(self.bodies), {}
        server = await asyncio.get_running_loop().create_server(
            lambda: Answer(cut, asked), "127.0.0.1", self.port, backlog=1024)
        await server.serve_forever()

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
