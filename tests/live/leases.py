# SPDX-License-Identifier: Apache-2.0
"""`ephemera trace --leases` under way."""

import json
import pathlib
import re
import signal
import subprocess
import time

from lib.exporter import BINARY, assert_no_sanitizer_report, environment


class LeaseTrace:
    """A trace that sees each lease from now on. end() gives the leases, lines() all that was said."""

    def __init__(self, *flags, **popen):
        self.json = "--json" in flags
        self.proc = subprocess.Popen(
            [BINARY, "trace", "--leases", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment(), **popen)
        # It says so once its program is attached.
        self.first = self.proc.stdout.readline()
        assert self.first, self.proc.stderr.read()

    def _switches(self):
        status = pathlib.Path(f"/proc/{self.proc.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)$", status, re.MULTILINE)[1])

    def catch_up(self):
        """Waits until it has read what came until now: until it was awake, and sleeps again."""
        before, deadline = self._switches(), time.monotonic() + 60
        while self._switches() == before:
            assert time.monotonic() < deadline and self.proc.poll() is None
            time.sleep(0.005)

    def lines(self, number=signal.SIGINT):
        """Ends it. Text without the first line."""
        self.proc.send_signal(number)
        out, err = self.proc.communicate(timeout=30)
        assert_no_sanitizer_report(err)
        assert (self.proc.returncode, err) == (0, ""), err
        return out

    def end(self):
        """(leases, summary), where nothing was lost."""
        *leases, last = map(json.loads, self.lines().splitlines())
        assert "started" in json.loads(self.first)
        summary = last["summary"]
        assert (summary["leases"], summary["lost"], summary["untracked"]) == (len(leases), 0, 0), last
        return leases, summary
