# SPDX-License-Identifier: Apache-2.0
"""Clients that behave: a request a second, each of another form, and an answer in time."""

import collections
import gzip
import http.client
import json
import re
import ssl
import time

from wire import HEALTH, ask

TIMEOUT_SECONDS = 10
OPENMETRICS = ("application/openmetrics-text;version=1.0.0;q=0.75,"
               "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
MAX_COMPLAINTS = 5

Form = collections.namedtuple("Form", "kind path headers")

FORMS = (
    Form("scrape", "/metrics", {}),
    Form("scrape", "/metrics", {"Accept": OPENMETRICS}),
    Form("scrape", "/metrics", {"Accept": OPENMETRICS, "Accept-Encoding": "gzip"}),
    Form("scrape", "/metrics", {"Accept-Encoding": "gzip"}),
    Form("scrape", "/metrics?collect[]=sockets&collect[]=range", {}),
    Form("scrape", "/metrics?collect[]=destinations",
         {"Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "10"}),
    Form("api", "/api/v1/ports", {}),
    Form("api", "/api/v1/destinations?limit=50&owners=true", {"Accept-Encoding": "gzip"}),
    Form("api", "/api/v1/ports/11000", {}),
    Form("api", "/api/v1/range", {}),
    Form("page", "/", {"Accept-Encoding": "gzip"}),
    Form("page", HEALTH, {}),
    Form("page", "/-/ready", {}),
)


def find_fault(form, headers, body, known_failures):
    """What is wrong with an answer of status 200; None: nothing."""
    if headers.get("Content-Encoding") == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError) as error:
            return f"gzip: {error}"
    if form.kind == "api":
        try:
            json.loads(body)
        except ValueError as error:
            return f"JSON: {error}"
    if form.kind != "scrape":
        return None if body else "no body"
    text = body.decode()
    if "openmetrics" in headers.get("Content-Type", "") and not text.endswith("# EOF\n"):
        return "no # EOF at the end"
    failed = failed_collectors(text)
    if failed is None:
        return "it says of no collector whether it worked"
    if failed - known_failures:
        return f"collectors failed: {' '.join(sorted(failed - known_failures))}"
    return None


def failed_collectors(text):
    found = re.findall(
        r'^ephemera_scrape_collector_success\{collector="([^"]+)"\} (\S+)$', text, re.M)
    return {name for name, value in found if float(value) == 0} if found else None


class GoodClient:
    def __init__(self, number, service, overload, known_failures):
        self.number, self.service = number, service
        self.overload, self.known_failures = overload, known_failures
        self.source = f"127.0.2.{number + 1}"
        # One half keeps its connection, as Prometheus does.
        self.keeps = number % 4 < 2
        self.connection = None
        self.counts = collections.Counter()
        self.seconds = {}
        self.complaints = []

    def run(self, until):
        # Not all in the same moment, where they would share every walk.
        due = time.monotonic() + self.number / 10
        turn = self.number
        while due < until:
            time.sleep(max(0, due - time.monotonic()))
            self.scrape(FORMS[turn % len(FORMS)])
            turn += 1
            due = max(due + 1, time.monotonic() - 1)
        if self.connection:
            self.connection.close()
        return {"service": self.service.name, "counts": self.counts, "seconds": self.seconds,
                "complaints": self.complaints}

    def scrape(self, form):
        started = time.monotonic()
        try:
            status, headers, body = self.fetch(form)
        except (OSError, http.client.HTTPException) as error:
            self.complain(form, started, f"no answer: {error!r}")
            return
        elapsed = time.monotonic() - started
        if status == 503 and headers.get("Retry-After") and self.overload.overlaps(started):
            self.counts["503 as asked for"] += 1
            return
        if status != 200:
            self.complain(form, started, f"status {status}, Retry-After "
                          f"{headers.get('Retry-After')}: {body[:200]!r}; "
                          f"{self.overload.describe()}")
            return
        if elapsed > TIMEOUT_SECONDS:
            self.complain(form, started, "too late")
            return
        fault = find_fault(form, headers, body, self.known_failures)
        if fault:
            self.complain(form, started, fault)
            return
        self.counts["200"] += 1
        self.seconds.setdefault(form.kind, []).append(round(elapsed, 6))

    def fetch(self, form):
        """Where a kept connection was closed meanwhile, on a new one, as HTTP allows."""
        headers = {**self.service.headers(), **form.headers}
        if not self.keeps:
            headers["Connection"] = "close"
        reused = self.connection is not None
        if reused:
            answered = []
            try:
                return ask(self.connection, form.path, headers, lambda: answered.append(True))
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError,
                    ssl.SSLEOFError, http.client.CannotSendRequest):
                self.drop()
                if answered:
                    raise
                self.counts["connected anew"] += 1
        self.connection = self.service.connection(self.source, TIMEOUT_SECONDS)
        try:
            answer = ask(self.connection, form.path, headers)
        except BaseException:
            self.drop()
            raise
        # By either side's wish.
        if not self.keeps or self.connection.sock is None:
            self.drop()
        return answer

    def drop(self):
        self.connection.close()
        self.connection = None

    def complain(self, form, started, what):
        self.counts["failed"] += 1
        if self.connection:
            self.drop()
        if len(self.complaints) < MAX_COMPLAINTS:
            elapsed = time.monotonic() - started
            self.complaints.append(f"{self.service.name} {form.path} {form.headers} after "
                                   f"{elapsed:.3f} s: {what}")


def run(number, service, overload, known_failures, until):
    return GoodClient(number, service, overload, known_failures).run(until)
