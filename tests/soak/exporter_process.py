# SPDX-License-Identifier: Apache-2.0
"""An exporter that is attacked: started, watched, ended."""

import os
import re
import subprocess
import tempfile
import time

import machine
from wire import HEALTH

START_SECONDS = 30
END_SECONDS = 10
LOG_BYTES = 20000
REPORTS = re.compile("AddressSanitizer|LeakSanitizer|runtime error:|ThreadSanitizer|"
                     "stack smashing|free\\(\\): |malloc\\(\\): |corrupted")


def collectors(binary):
    """The names of all, whether or not they are on by default."""
    text = subprocess.run([binary, "--help"], check=True, stdout=subprocess.PIPE, text=True,
                          timeout=30).stdout
    return re.findall(r"^  --\[no-\]collector\.(\S+)$", text, re.M)


def accepts(binary, config):
    """Whether the binary knows web configs, and takes this one. One that does not know the
    command yet may begin to serve instead."""
    try:
        return subprocess.run(
            [binary, "check-config", config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=5,
            preexec_fn=machine.die_with_parent).returncode == 0
    except subprocess.TimeoutExpired:
        return False


# What AddressSanitizer keeps would look like a leak: freed memory, in a quarantine of up to 256 MB;
# and frames that were left, in stacks of its own, 22 MB for each thread, whose pages it touches one
# after the other. That check is on by default since gcc 13, so it is on whatever the compiler. Both
# are to find less than they could, in exchange: 1 MB, and less than 1 MB a thread, full at once.
SANITIZER_OPTIONS = ("quarantine_size_mb=1", "detect_stack_use_after_return=1",
                     "max_uar_stack_size_log=16")


class ExporterProcess:
    def __init__(self, binary, service, arguments):
        self.service = service
        self.log = tempfile.TemporaryFile()
        self.samples = [] # (seconds, resident bytes)
        environment = dict(os.environ)
        environment["ASAN_OPTIONS"] = ":".join(
            filter(None, [environment.get("ASAN_OPTIONS"), *SANITIZER_OPTIONS]))
        self.process = subprocess.Popen(
            [binary, f"--web.listen-address=127.0.0.1:{service.port}", *arguments],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment,
            preexec_fn=machine.die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def wait_until_serving(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_running():
            try:
                if self.service.get(HEALTH)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.service.name} does not serve:\n{self.said()}")

    def is_running(self):
        return self.process.poll() is None

    def said(self):
        """The end of its log."""
        end = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), LOG_BYTES, max(0, end - LOG_BYTES)).decode(
            errors="replace")

    def sample(self, seconds):
        self.samples.append((seconds, machine.resident_bytes(self.pid)))

    def resident(self, begin, end):
        return [size for seconds, size in self.samples if begin <= seconds < end]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def end(self):
        """Tells it to end. Returns what was wrong with that, in a list of sentences."""
        begin = time.monotonic()
        problems = []
        self.process.terminate()
        try:
            status = self.process.wait(END_SECONDS)
            if status:
                problems.append(f"it ended with status {status}\n{self.said()}")
        except subprocess.TimeoutExpired:
            problems.append(f"it did not end within {END_SECONDS} s of SIGTERM")
            self.kill()
        self.end_seconds = time.monotonic() - begin
        if self.reports():
            problems.append(f"its log holds a report\n{self.reports()}")
        return problems

    def reports(self):
        """The log from the first report of a sanitizer or the C library on."""
        self.log.seek(0)
        text = self.log.read().decode(errors="replace")
        found = REPORTS.search(text)
        return text[max(0, found.start() - 500):][:LOG_BYTES] if found else ""

    def kill(self):
        if self.is_running():
            self.process.kill()
            self.process.wait()
