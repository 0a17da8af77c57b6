# SPDX-License-Identifier: Apache-2.0
"""Hosts to look at: each a process in a network namespace of its own, with an exporter there.

The exporter is given a listening socket of the namespace that made the host, as systemd would do
it. So a Prometheus there scrapes many hosts without a network between them, and its connections
take no port of theirs.
"""

import contextlib
import functools
import multiprocessing
import os
import resource
import signal
import socket
import sys
import traceback

from lib.exporter import Exporter, free_port
from lib.namespace import enter_another, set_range, set_reserved, sysctl
from lib.sockets import IPV4, bound_many, connect_until_refused, drop, listen, pairs, time_wait
from lib.systemd import passing

FIRST, LAST = 40000, 40399
SQUATTER = 40200
RESERVED = "40390-40399"
# 400 ports, ten of them reserved, one with a listener, and two bound ones.
USABLE = 387

SERVICE, SHORT, SLOW, FULL = 30001, 30002, 30003, 30004


class Host:
    """One host. Calling one of Work's functions on it has that done there, and returns the answer."""

    def __init__(self, *flags, cgroups=None, paths=()):
        """paths: cgroups to open destinations' sockets in, by turns."""
        self.listening = socket.socket()
        self.listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port = free_port()
        self.listening.bind(("127.0.0.1", self.port))
        self.listening.listen(64)
        self.ours, self.theirs = multiprocessing.Pipe()
        self.work = functools.partial(Work, self.listening, flags, cgroups, paths)

    def __enter__(self):
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                self.ours.close()
                status = self._serve()
            finally:
                os._exit(status)
        self.theirs.close()
        self.listening.close()
        try:
            self._answer()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        with contextlib.suppress(OSError):
            self.ours.send(None)
        said = None
        if self.ours.poll(30):
            with contextlib.suppress(EOFError):
                _, said = self.ours.recv()
        else:
            os.kill(self.pid, signal.SIGKILL)
            said = "a host did not end"
        os.waitpid(self.pid, 0)
        self.ours.close()
        # Such as the report of a sanitizer.
        assert kind is not None or not said, said

    def _serve(self):
        try:
            enter_another()
            with self.work() as work:
                self.theirs.send((True, None))
                while request := self.theirs.recv():
                    name, arguments = request
                    self.theirs.send((True, getattr(work, name)(*arguments)))
        except BaseException:  # pylint: disable=broad-except
            self.theirs.send((False, traceback.format_exc()))
            return 1
        return 0

    def _answer(self):
        right, said = self.ours.recv()
        assert right, said
        return said

    def __getattr__(self, name):
        def call(*arguments):
            self.ours.send((name, arguments))
            return self._answer()
        return call


class Work:
    """What goes on at a host."""

    def __init__(self, listening, flags, cgroups, paths):
        self.listening, self.flags = listening, flags
        self.cgroups, self.paths = cgroups, paths
        self.stack = contextlib.ExitStack()
        self.made = []
        self.kept = []
        self.services = {}
        self.full = None

    def __enter__(self):
        # Both ends of each connection are here.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
        set_range(FIRST, LAST)
        set_reserved(RESERVED)
        self.exporter = self.stack.enter_context(
            Exporter("--web.systemd-socket", *self.flags, **passing([self.listening])))
        self.listening.close()
        self.service = listen(IPV4, "127.0.0.1", SERVICE)
        self.kept.append(listen(IPV4, "127.0.0.1", SQUATTER))
        with self._as_owner(0):
            self.kept.extend(bound_many([40201, 40202], IPV4, "127.0.0.1"))
        return self

    def _as_owner(self, number):
        """What is opened meanwhile is owned by one of the cgroups, by turns, if there are any."""
        return self.cgroups.inside(self.paths[number % len(self.paths)]) if self.paths else contextlib.nullcontext()

    def __exit__(self, *error):
        drop(self.made + self.kept)
        return self.stack.__exit__(*error)

    def fill(self, share):
        """Brings the destination to that share of the usable ports, and says how many it has."""
        while len(self.made) // 2 < round(share * USABLE):
            with self._as_owner(len(self.made) // 2):
                self.made.extend(pairs(1, IPV4, self.service, "127.0.0.1", SERVICE)[0])
        return len(self.made) // 2

    def is_full(self):
        """Whether the kernel refuses the next connect()."""
        more, errno = connect_until_refused(IPV4, "127.0.0.1", SERVICE, limit=10)
        drop(more)
        return not more and os.strerror(errno)

    def connect(self, ports, count):
        """With a range of so many ports, so many connections to another destination. Says what
        the kernel said of those that it refused."""
        set_reserved("")
        set_range(41000, 41000 + ports - 1)
        if not self.full:
            self.full = listen(IPV4, "127.0.0.1", FULL)
            self.kept.append(self.full)
        refused = []
        for _ in range(count):
            sock = socket.socket()
            self.kept.append(sock)
            try:
                sock.connect(("127.0.0.1", FULL))
            except OSError as error:
                refused.append(os.strerror(error.errno))
        return refused

    def _service(self, port):
        if port not in self.services:
            self.services[port] = listen(IPV4, "127.0.0.1", port)
            self.kept.append(self.services[port])
        return self.services[port]

    def hold(self, port, count, path):
        """So many connections to a service of this host, of a process in that cgroup."""
        with self.cgroups.inside(path) if path else contextlib.nullcontext():
            for client, server in pairs(count, IPV4, self._service(port), "127.0.0.1", port):
                self.kept += [client, server]

    def storm(self, count, path):
        """Short connections, each of which keeps its port for a minute."""
        # Or those to this host itself could be reused.
        sysctl("net.ipv4.tcp_tw_reuse", 0)
        with self.cgroups.inside(path) if path else contextlib.nullcontext():
            time_wait(count, IPV4, self._service(SHORT), "127.0.0.1", SHORT)

    def empty(self):
        drop(self.made)
        self.made.clear()

    def short_connections(self, count):
        """They stay in TIME_WAIT for a minute."""
        with listen(IPV4, "127.0.0.1", SHORT) as listener:
            time_wait(count, IPV4, listener, "127.0.0.1", SHORT)

    def stop_accepting(self):
        """A queue of five fills up, and overflows."""
        listener = listen(IPV4, "127.0.0.1", SLOW, backlog=5)
        self.kept.append(listener)
        self.kept.extend(_connecting(SLOW, 9))

    def use_udp(self, count):
        for _ in range(count):
            with self._as_owner(0):
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.connect(("127.0.0.1", 53))
            self.kept.append(sock)

    def stop_exporter(self):
        self.exporter.terminate()


def _connecting(port, count):
    """Some of them are accepted into the queue, the others wait."""
    made = []
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", port))
        made.append(sock)
    return made
