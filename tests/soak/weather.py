# SPDX-License-Identifier: Apache-2.0
"""What changes while the exporters run: settings of the namespace, cgroups, the web config."""

import contextlib
import itertools
import os
import subprocess

import cgroups
import machine

IPV4 = "/proc/sys/net/ipv4/"
# Each has room for what is in TIME_WAIT towards one destination, and lies above every listener.
RANGES = ("16000 64999", "20000 40001", "32768 60999", "50000 59999")
RESERVED = ("20001,30000-30100", "16001-17000,59000", "\n")
REUSE = ("1", "0", "2")

# bcrypt of wire.PASSWORD; cheap, since each bad password costs one.
HASH = "$2y$05$GwqNGqCISeASlSDbymQf0ejKmQvG00/UlRzJyI4/hkR3VATqSYdje"


class WebConfig:
    """A web config with TLS and a password, in a directory that is given, for all to read."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "web.yml")
        self.certificate = os.path.join(directory, "certificate.pem")
        key = os.path.join(directory, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=soak",
             "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
             self.certificate], check=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
        self.right = ("tls_server_config:\n  cert_file: certificate.pem\n  key_file: key.pem\n"
                      f"basic_auth_users:\n  soak: {HASH}\n")
        self.texts = itertools.cycle((
            self.right + f"  another: {HASH}\n",
            "tls_server_config: [",
            self.right + "http_server_config:\n  headers:\n    X-Frame-Options: deny\n",
            self.right.replace("key.pem", "nothing.pem"),
            self.right,
            self.right + "no_such_key: 1\n",
            # Cut where what is left asks for no password, and emptied: the old one stays.
            self.right[:self.right.index("  soak:")],
            self.right + "http_server_config:\n  headers:\n    X-Frame-Options: deny\n",
            "",
            self.right.replace("  soak:", "  other:") + "tls_server_config: {}\n",
        ))
        # Whoever the exporter becomes must be able to read them again.
        os.chmod(key, 0o644)
        self.replace(self.right)

    def replace(self, text):
        temporary = self.path + ".new"
        machine.write(temporary, text)
        os.chmod(temporary, 0o644)
        os.rename(temporary, self.path)

    def change(self, in_place):
        """In place, whoever reads at that moment may see the end of the one before, or nothing."""
        text = next(self.texts)
        if not in_place:
            self.replace(text)
            return
        with open(self.path, "r+", encoding="ascii") as file:
            file.write(text)
            file.flush()
            file.truncate()


class Weather:
    """Changes something at each change(). config: a WebConfig, or None."""

    def __init__(self, stack, config, say):
        self.config = config
        self.counts = {}
        self.turns = itertools.count()
        self.process = None # whose new sockets are to be of other cgroups
        self.cgroup = None
        self.tree = None
        try:
            self.tree = stack.enter_context(cgroups.Tree())
        except cgroups.Unavailable as error:
            say(f"cgroups stay as they are: {error}")

    def change(self):
        turn = next(self.turns)
        kinds = (self.change_range, self.change_reserved, self.change_reuse,
                 self.change_cgroup, self.change_config)
        kinds[turn % len(kinds)](turn // len(kinds))

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def change_range(self, turn):
        machine.write(IPV4 + "ip_local_port_range", RANGES[turn % len(RANGES)])
        self.count("range changed")

    def change_reserved(self, turn):
        machine.write(IPV4 + "ip_local_reserved_ports", RESERVED[turn % len(RESERVED)])
        self.count("reserved ports changed")

    def change_reuse(self, turn):
        machine.write(IPV4 + "tcp_tw_reuse", REUSE[turn % len(REUSE)])
        self.count("tcp_tw_reuse changed")

    def change_cgroup(self, turn):
        """The process goes to a new cgroup; the one that it was in is no more."""
        if self.tree is None or self.process is None:
            return
        made = self.tree.make(f"/ephemera-soak-{os.getpgrp()}-{turn}")
        self.move(made)
        self.leave()
        self.cgroup = made
        self.count("cgroups made and removed")

    def move(self, path):
        # A process that has ended is told of by whoever started it.
        with contextlib.suppress(ProcessLookupError):
            machine.write(self.tree.directory(path) / "cgroup.procs", str(self.process))

    def leave(self):
        if self.cgroup:
            # Sockets that are held there keep it, in the kernel, but not in the hierarchy.
            with contextlib.suppress(OSError):
                self.tree.remove(self.cgroup)
                self.tree.made.remove(self.cgroup)
        self.cgroup = None

    def change_config(self, turn):
        if self.config is None:
            return
        self.config.change(in_place=turn % 2 == 1)
        self.count("web config rewritten")

    def clear_up(self):
        """All as it was, for what is still to be asked of the exporters."""
        if self.cgroup:
            self.move(self.tree.home)
            self.leave()
        machine.write(IPV4 + "ip_local_port_range", machine.PORT_RANGE)
        machine.write(IPV4 + "ip_local_reserved_ports", "\n")
        if self.config:
            self.config.replace(self.config.right)
