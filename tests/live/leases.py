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

    def _waits_for_records(self):
        """Not for something else, such as a lock of cgroupfs while it looks for a name."""
        where = pathlib.Path(f"/proc/{self.proc.pid}/wchan").read_text(encoding="ascii")
        return re.search("ep_poll|epoll_wait", where) is not None

    def catch_up(self):
        """Waits until it has read what came until now: until it was awake, and waits for more.

        Twice: a record that another processor has begun, and not ended, hides those after it until the
        next look.
        """
        deadline = time.monotonic() + 60
        for _ in range(2):
            before = self._switches()
            while self._switches() == before or not self._waits_for_records():
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
