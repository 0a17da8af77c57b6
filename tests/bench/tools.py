# SPDX-License-Identifier: Apache-2.0
"""What is measured, and how: servers that are scraped, and commands that run once."""

import glob
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import machine

SCRAPE_HEADERS = {"X-Prometheus-Scrape-Timeout-Seconds": "60"}
START_SECONDS = 20
SCRAPE_SECONDS = 60
COMMAND_SECONDS = 120
STOP_SECONDS = 120
# Two sockets with their inodes and files take the kernel about 6 KiB.
BYTES_PER_CONNECTION = 8192
# Long enough for what a server does after its answer, such as giving memory back.
SETTLE_SECONDS = 0.1


class Unavailable(Exception):
    """Something could not be had or measured; the text says what and why."""


def stop(process, seconds=10):
    """Ends one process that this benchmark started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"


def total(body, metric, unless=None):
    """The sum of a metric's samples, a whole number, or None if there is none."""
    found = re.findall(rf"^{metric}(\{{.*\}})? (\S+)$", body, re.M)
    values = [float(value) for labels, value in found if not (unless and unless in labels)]
    return round(sum(values)) if values else None


class Server:
    """A long-running exporter, scraped over HTTP. `count` finds the number of sockets in
    an answer: a figure about sockets that nobody saw is worth nothing."""

    def __init__(self, name, command, port, count):
        self.name, self.port, self.count = name, port, count
        self.log = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                preexec_fn=machine.die_with_parent)
        except OSError as error:
            raise Unavailable(f"{name}: {error}") from error
        self.cpu = 0.0
        try:
            self.wait_until_listening()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        stop(self.process)
        self.log.close()

    def failure(self, what):
        self.log.seek(0)
        said = self.log.read().decode(errors="replace")
        return Unavailable(f"{self.name}: {what}" + (f" ({last_line(said)})" if said else ""))

    def wait_until_listening(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise self.failure(f"ended with status {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise self.failure(f"did not listen within {START_SECONDS} s")

    def rss(self):
        time.sleep(SETTLE_SECONDS)
        return machine.resident_bytes(self.process.pid)

    def get(self, path="/metrics"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SCRAPE_SECONDS)
        try:
            connection.request("GET", path, headers=SCRAPE_HEADERS)
            response = connection.getresponse()
            body = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise self.failure(f"GET {path} failed: {error!r}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise self.failure(f"GET {path} was answered {response.status}")
        return body

    def measure(self):
        """One scrape. All CPU time since the scrape before belongs to it: work put off
        until after the answer is work too."""
        pid = self.process.pid
        exact = machine.reset_peak(pid)
        begin = time.monotonic()
        body = self.get()
        wall = time.monotonic() - begin
        rss = self.rss()
        before, self.cpu = self.cpu, machine.cpu_seconds(pid)
        return {
            "cpu_seconds": self.cpu - before,
            "wall_seconds": wall,
            "peak_bytes": machine.resident_bytes(pid, "VmHWM"),
            "peak_is_of_this_scrape": exact,
            "rss_bytes": rss,
            "sockets": self.count(body),
            "series": len(re.findall(r"^[^#\n]", body, re.M)),
            "answer_bytes": len(body),
            "failed_collectors": re.findall(
                r'^\w+_scrape_collector_success\{.*collector="([^"]+)".*\} 0$', body, re.M),
        }


class Command:
    """A program that runs, prints and ends, measured through ephemera-rusage."""

    def __init__(self, name, rusage, command, counts=False):
        self.name, self.rusage, self.command, self.counts = name, rusage, command, counts

    def stop(self):
        """Nothing of it is left between two measurements."""

    def run(self, stdout):
        """(figures, what it printed if stdout is subprocess.PIPE)"""
        reader, writer = os.pipe()
        with os.fdopen(reader) as report:
            try:
                process = subprocess.Popen(
                    [self.rusage, str(writer), *self.command], stdin=subprocess.DEVNULL,
                    stdout=stdout, stderr=subprocess.PIPE, text=True,
                    preexec_fn=machine.die_with_parent, pass_fds=(writer,))
            except OSError as error:
                raise Unavailable(f"{self.name}: {error}") from error
            finally:
                os.close(writer)
            try:
                answer, said = process.communicate(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise Unavailable(f"{self.name}: not done in {COMMAND_SECONDS} s") from error
            finally:
                stop(process)
            if process.returncode:
                raise Unavailable(f"{self.name}: {last_line(said)}")
            cpu, wall, peak = report.read().split()
            return {
                "cpu_seconds": float(cpu),
                "wall_seconds": float(wall),
                "peak_bytes": int(peak),
            }, answer

    def measure(self):
        figures, answer = self.run(subprocess.PIPE if self.counts else subprocess.DEVNULL)
        return {**figures, "sockets": int(answer) if self.counts else None}


class Hold:
    """Holds the connections of one phase; a context manager. wait: it ends when they are gone, and
    all others of the namespace with them, so that another phase can begin."""

    def __init__(self, program, connections, mode, workers=None, wait=True):
        self.connections = connections
        self.wait = wait
        needed = connections * BYTES_PER_CONNECTION
        if machine.memory("MemAvailable") < needed:
            raise Unavailable(f"{connections} connections: they need about {needed / 1e6:.0f} MB of memory")
        self.process = subprocess.Popen(
            [program, "--connections", str(connections), "--mode", mode,
             *(["--workers", str(workers)] if workers else [])], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=machine.die_with_parent)

    def __enter__(self):
        begin = time.monotonic()
        try:
            # It has a deadline of its own, and ends where it cannot keep it.
            said = dict(line.split() for line in self.lines_until_ready())
        except BaseException:
            stop(self.process)
            raise
        if said.get("ready") != str(self.connections):
            stop(self.process)
            why = last_line(self.process.stderr.read())
            raise Unavailable(f"{self.connections} connections: {why}")
        self.destinations = int(said["destinations"])
        self.seconds = time.monotonic() - begin
        return self

    def lines_until_ready(self):
        for line in self.process.stdout:
            yield line
            if line.startswith("ready"):
                return

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        stop(self.process)
        self.process.stdout.close()
        self.process.stderr.close()
        deadline = time.monotonic() + STOP_SECONDS
        while self.wait and machine.tcp_sockets() > 100 and time.monotonic() < deadline:
            time.sleep(0.1)


def run_quietly(command, directory):
    """Runs a step of the preparation; what it prints matters only where it fails."""
    try:
        done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError as error:
        raise Unavailable(f"{' '.join(command)}: {error.strerror}") from error
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: status {done.returncode}\n{done.stdout.rstrip()}")


def build_release(root, targets):
    run_quietly(["cmake", "--preset", "bench"], root)
    run_quietly(["cmake", "--build", "--preset", "bench"] +
                (["--target", *targets] if targets else []), root)


def find_node_exporter(directory):
    """An installed node_exporter, or Debian's unpacked under `directory`: installing the
    package would start a service."""
    program = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if program:
        return program
    program = os.path.join(directory, "node_exporter/usr/bin/prometheus-node-exporter")
    if not os.path.exists(program):
        os.makedirs(directory, exist_ok=True)
        run_quietly(["apt-get", "download", "prometheus-node-exporter"], directory)
        package = max(glob.glob(os.path.join(directory, "prometheus-node-exporter_*.deb")))
        run_quietly(["dpkg-deb", "-x", package, os.path.join(directory, "node_exporter")],
                    directory)
    return program


def version(command):
    """The first line that a program says about itself."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True, timeout=10,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip().partition("\n")[0]
