# SPDX-License-Identifier: Apache-2.0
"""See `tests/soak/run --help`, which starts this."""

import argparse
import collections
import contextlib
import faulthandler
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", name) for name in ("soak", "bench", "live", "")]

import bad  # noqa: E402
import good  # noqa: E402
import machine  # noqa: E402
import wire  # noqa: E402
from child import Child  # noqa: E402
from exporter_process import ExporterProcess, accepts, collectors  # noqa: E402
from weather import WebConfig, Weather  # noqa: E402

EXIT_FAILED, EXIT_SKIPPED = 1, 77

PLAIN_PORT, TLS_PORT = 10059, 10060
GOOD_CLIENTS = 10
OVERLOAD_REQUESTS = 120
OVERLOADS = 5
TIME_WAIT_SECONDS = 60
CALIBRATION_SECONDS = 10
SETTLE_SECONDS = 20
# However slow the machine is: what it takes to start, to end and to clean up; and when nothing
# else ended it.
EXTRA_SECONDS, LAST_SECONDS = 240, 60
SAMPLE_SECONDS = 0.25
# What an exporter may take more at the end than in the second quarter.
GROWTH_FACTOR, GROWTH_BYTES = 1.10, 2 << 20
# For so long after the start there are more sockets in TIME_WAIT, and so more to keep, each second.
# A run whose second quarter begins in it allows for that.
FILLING_SECONDS, FILLING_FACTOR = 60, 1.5
RATE_ENOUGH = 0.8
MB = 1e6

# Large answers, so that a slow reader has something to read slowly.
ARGUMENTS = ("--web.enable-api", "--collector.destinations.limit=200",
             "--collector.destinations.minimum-ports=1")


def parse_options():
    parser = argparse.ArgumentParser(prog="tests/soak/run", add_help=False)
    parser.add_argument("minutes", type=float)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--tls", choices=("auto", "on", "off"), default="auto")
    options = parser.parse_args()
    if not 0.1 <= options.minutes <= 1440:
        parser.error("MINUTES is a number from 0.1 to 1440")
    if not 1 <= options.rate <= 100000:
        parser.error("--rate is a number from 1 to 100000")
    return options


def say(text):
    print(text, flush=True)


class Churn:
    """The helper, and how far it has come."""

    def __init__(self, program, rate, seconds):
        self.rate = rate
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [program, "--rate", str(rate), "--seconds", str(max(1, round(seconds)))],
            stdin=subprocess.DEVNULL, stdout=self.log, preexec_fn=self.prepare)

    @staticmethod
    def prepare():
        machine.die_with_parent()
        # Twenty clients and an exporter want the processors too; the rate is to be kept all the
        # same, where that is allowed.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -10)

    def progress(self):
        """(made, failed, seconds), up to the last second."""
        end = os.fstat(self.log.fileno()).st_size
        text = os.pread(self.log.fileno(), 500, max(0, end - 500)).decode()
        found = re.findall(r"made (\d+) failed (\d+) seconds (\S+)\n", text)
        made, failed, seconds = found[-1] if found else ("0", "0", "0")
        return int(made), int(failed), float(seconds)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.progress()


class Soak:
    def __init__(self, options, stack):
        self.options = options
        self.stack = stack
        self.seconds = options.minutes * 60
        self.binary = os.environ["EPHEMERA"]
        self.churn_program = os.path.join(os.path.dirname(os.path.abspath(self.binary)),
                                          "tests/soak/ephemera-churn")
        self.problems = []
        self.exporters = []
        self.overload_time = wire.Overload()
        self.overload_counts = collections.Counter()
        self.config = None

    def problem(self, text):
        self.problems.append(text)
        say(f"FAILED: {text}")

    # Before

    def find_config(self):
        """A web config, where the exporter takes it."""
        if self.options.tls == "off":
            return
        directory = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="ephemera-"))
        os.chmod(directory, 0o755)
        try:
            config = WebConfig(directory)
        except (OSError, subprocess.SubprocessError) as error:
            say(f"no TLS: no certificate can be made: {error}")
            return
        if self.options.tls == "on" or accepts(self.binary, config.path):
            self.config = config
        else:
            say("no TLS: this exporter takes no web config")

    def start(self):
        # What is in TIME_WAIT is to be as much in the second quarter as in the last.
        most = int(min(self.seconds / 10, TIME_WAIT_SECONDS) * self.options.rate)
        with contextlib.suppress(OSError):
            path = "/proc/sys/net/ipv4/tcp_max_tw_buckets"
            machine.write(path, str(min(most, int(machine.read(path)))))
        arguments = [*ARGUMENTS, *(f"--collector.{name}" for name in collectors(self.binary))]
        self.find_config()
        self.add_exporter(wire.Service("plain", PLAIN_PORT), arguments)
        if self.config:
            self.add_exporter(wire.Service("TLS", TLS_PORT, self.config.certificate),
                              [*arguments, f"--web.config.file={self.config.path}"])

    def add_exporter(self, service, arguments):
        exporter = ExporterProcess(self.binary, service, arguments)
        self.stack.callback(exporter.kill)
        self.exporters.append(exporter)
        exporter.wait_until_serving()
        # What fails before anything was done to it is the machine's doing.
        for form in good.FORMS:
            status, _, body = service.get(form.path, form.headers, timeout=30)
            if status != 200:
                raise RuntimeError(f"{service.name} {form.path}: status {status}: {body[:200]}")
        exporter.known_failures = good.failed_collectors(
            service.get("/metrics", timeout=30)[2].decode())
        if exporter.known_failures:
            say(f"{service.name}: these collectors fail here from the start: "
                f"{' '.join(sorted(exporter.known_failures))}")
        time.sleep(0.5)
        exporter.descriptors_before = exporter.descriptors()
        exporter.threads_before = exporter.threads()

    # While it runs

    def add_child(self, *arguments):
        child = Child(*arguments)
        self.stack.callback(child.kill)
        return child

    def run(self):
        self.begin = time.monotonic()
        self.until = self.begin + self.seconds
        self.weather = Weather(self.stack, self.config, say)
        self.churn = Churn(self.churn_program, self.options.rate, self.seconds + 5)
        self.stack.callback(self.churn.process.kill)
        self.weather.process = self.churn.process.pid
        services = [exporter.service for exporter in self.exporters]
        goods = []
        for number in range(GOOD_CLIENTS):
            exporter = self.exporters[number % len(self.exporters)]
            goods.append(self.add_child(
                f"good client {number}", good.run, number, exporter.service,
                self.overload_time, exporter.known_failures, self.until))
        bads = [self.add_child(f"bad client: {mode.__name__}", bad.run, number, services,
                               self.until) for number, mode in enumerate(bad.MODES)]
        self.watch()
        self.weather.clear_up()
        made = self.churn.end()
        self.good_results = self.collect(goods)
        self.bad_results = dict(zip((mode.__name__ for mode in bad.MODES), self.collect(bads)))
        self.judge_churn(*made)

    def collect(self, children):
        """What they return; nothing from one that failed."""
        results = []
        for child in children:
            try:
                results.append(child.finish(self.until + SETTLE_SECONDS))
            except RuntimeError as error:
                self.problem(str(error))
                results.append({})
        return results

    def watch(self):
        """Samples, tells what it sees, and makes weather, until the time is over."""
        line = min(60, self.seconds / 4)
        next_line, next_change, overloads, overload = line, 1.0, 0, None
        between = max(0.5, min(5, self.seconds / 40))
        while (now := time.monotonic() - self.begin) < self.seconds:
            for exporter in self.exporters:
                if not exporter.is_running():
                    raise RuntimeError(f"{exporter.service.name} ended by itself, status "
                                       f"{exporter.process.returncode}\n{exporter.said()}")
                exporter.sample(now)
            if now >= next_line:
                self.show_line(now, line)
                next_line += line
            if now >= next_change:
                self.weather.change()
                next_change += between
            if overload is None and now >= (overloads + 0.5) * self.seconds / OVERLOADS:
                overload = self.add_child("overload", bad.overload, self.exporters[0].service,
                                          self.overload_time, f"127.0.4.{overloads % 250 + 1}",
                                          OVERLOAD_REQUESTS)
                overloads += 1
                overload_over = now + 0.5 * self.seconds / OVERLOADS
            elif overload and now >= overload_over:
                self.overload_counts.update(overload.finish(time.monotonic() + SETTLE_SECONDS))
                overload = None
            time.sleep(SAMPLE_SECONDS)
        self.show_line(self.seconds, line)
        if overload:
            self.overload_counts.update(overload.finish(time.monotonic() + SETTLE_SECONDS))

    def show_line(self, now, length):
        made, failed, seconds = self.churn.progress()
        told = [f"{exporter.service.name} "
                f"{statistics.median(exporter.resident(now - length, now) or [0]) / MB:.1f} MB "
                f"{exporter.descriptors()} descriptors" for exporter in self.exporters]
        say(f"{now / 60:7.2f} min  {made / max(seconds, 1):7.0f} connections/s "
            f"({failed} failed)  RSS {', '.join(told)}")

    # After

    def judge_churn(self, made, failed, seconds):
        rate = self.rate = made / max(seconds, 1)
        self.churn_failed = failed
        if rate >= RATE_ENOUGH * self.options.rate:
            return
        alone = Churn(self.churn_program, self.options.rate, CALIBRATION_SECONDS)
        self.stack.callback(alone.process.kill)
        # The exporters are at rest: nobody asks them for anything.
        alone.process.wait(CALIBRATION_SECONDS + 20)
        made, _, seconds = alone.progress()
        alone = made / max(seconds, 1)
        text = (f"{rate:.0f} connections a second churned, of {self.options.rate}; with nobody "
                f"scraping the machine makes {alone:.0f}")
        if alone >= RATE_ENOUGH * self.options.rate:
            self.problem(text)
        else:
            say(f"This machine is too slow for the rate: {text}")

    def judge_exporter(self, exporter):
        name = exporter.service.name
        deadline = time.monotonic() + SETTLE_SECONDS
        while ((exporter.descriptors() > exporter.descriptors_before or
                exporter.threads() != exporter.threads_before) and time.monotonic() < deadline):
            time.sleep(0.1)
        if exporter.descriptors() > exporter.descriptors_before:
            self.problem(f"{name}: {exporter.descriptors()} descriptors, "
                         f"{exporter.descriptors_before} at the start")
        if exporter.threads() != exporter.threads_before:
            self.problem(f"{name}: {exporter.threads()} threads, {exporter.threads_before} at "
                         "the start")
        quarter = self.seconds / 4
        second = statistics.median(exporter.resident(quarter, 2 * quarter))
        last = statistics.median(exporter.resident(3 * quarter, 4 * quarter))
        exporter.quarters = (second, last)
        factor = FILLING_FACTOR if quarter < FILLING_SECONDS else GROWTH_FACTOR
        if last > max(second * factor, second + GROWTH_BYTES):
            self.problem(f"{name}: memory grew from {second / MB:.1f} to {last / MB:.1f} MB")
        try:
            status, headers, body = exporter.service.get("/metrics", timeout=10)
            fault = good.find_fault(good.FORMS[0], headers, body, exporter.known_failures)
            if status != 200 or fault:
                self.problem(f"{name}: the last scrape: status {status}, {fault}")
        except OSError as error:
            self.problem(f"{name}: the last scrape: {error!r}")
        for problem in exporter.end():
            self.problem(f"{name}: {problem}")

    def judge_clients(self):
        for result in self.good_results:
            for complaint in result.get("complaints", ()):
                self.problem(complaint)
        failed = sum(result["counts"].get("failed", 0) for result in self.good_results if result)
        if failed:
            self.problem(f"{failed} good requests were not answered as they should")
        if sum(result["counts"].get("200", 0) for result in self.good_results if result) == 0:
            self.problem("no good request was answered at all")
        for mode, counts in self.bad_results.items():
            if counts.get("status 500"):
                self.problem(f"{mode}: {counts['status 500']} answers of status 500")
            if mode in (each.__name__ for each in bad.NEVER_GRANTED) and counts.get("status 200"):
                self.problem(f"{mode}: {counts['status 200']} answers of status 200")
            if counts.get("guesses granted"):
                self.problem(f"{mode}: {counts['guesses granted']} guesses granted")
            if not counts:
                self.problem(f"{mode}: did nothing")

    def show(self):
        say(f"\nChurn: {self.rate:.0f} connections a second on average, "
            f"{self.churn_failed} failed")
        say("Weather: " + (", ".join(f"{what} {count} times" for what, count in
                                     self.weather.counts.items()) or "none"))
        say(f"Overload asked for: {told(self.overload_counts)}")
        say("\nGood clients")
        say(f"{'':8}{'':8}{'answers':>9}{'median':>10}{'p90':>10}{'p99':>10}{'most':>10}   ms")
        for exporter in self.exporters:
            self.show_times(exporter.service.name)
        say("\nMisdeeds, and what came of them")
        for mode, counts in self.bad_results.items():
            say(f"  {mode.replace('_', ' ')}: {told(counts)}")
        say("\nExporters")
        for exporter in self.exporters:
            second, last = exporter.quarters
            say(f"  {exporter.service.name}: RSS {second / MB:.2f} MB in the second quarter, "
                f"{last / MB:.2f} MB in the last; {exporter.descriptors_before} descriptors, "
                f"{exporter.threads_before} threads; ended within {exporter.end_seconds:.2f} s")

    def show_times(self, name):
        results = [result for result in self.good_results if result.get("service") == name]
        counts = collections.Counter()
        for result in results:
            counts.update(result["counts"])
        for kind in ("scrape", "api", "page"):
            seconds = sorted(each for result in results for each in result["seconds"].get(kind, ()))
            if not seconds:
                continue
            figures = [1000 * percentile(seconds, share) for share in (0.5, 0.9, 0.99, 1)]
            say(f"{name:8}{kind:8}{len(seconds):9}" + "".join(f"{each:10.1f}" for each in figures))
        say(f"{name:8}{told(counts)}")


def told(counts):
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "nothing"


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def end(number, _frame):
    # An exception, so that everything that was started is ended on its way out.
    raise SystemExit(128 + number)


def main():
    options = parse_options()
    # Whatever becomes of the script that started this.
    machine.libc.prctl(machine.PR_SET_PDEATHSIG, signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, end)
    limit = round(options.minutes * 60) + EXTRA_SECONDS
    signal.alarm(limit)
    faulthandler.dump_traceback_later(limit + LAST_SECONDS, exit=True)
    try:
        machine.enter_namespace()
    except OSError as error:
        print(f"tests/soak/run: skipped: no private network namespace: {error.strerror}",
              file=sys.stderr)
        return EXIT_SKIPPED
    with contextlib.ExitStack() as stack:
        soak = Soak(options, stack)
        try:
            soak.start()
            soak.run()
            for exporter in soak.exporters:
                soak.judge_exporter(exporter)
            soak.judge_clients()
        except RuntimeError as error:
            soak.problem(str(error))
        else:
            soak.show()
    say("\n" + (f"{len(soak.problems)} problems" if soak.problems else "Nothing failed"))
    return EXIT_FAILED if soak.problems else 0


if __name__ == "__main__":
    sys.exit(main())
