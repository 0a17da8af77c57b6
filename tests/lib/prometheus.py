# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus, that scrapes one target unless it is told otherwise."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from lib.exporter import free_port
from lib.sockets import wait_until

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: ephemera
    static_configs:
      - targets: ["{target}"]
"""


class Prometheus:
    """Debian's Prometheus with a data directory of its own, ended with the block."""

    def __init__(self, binary, target, directory, more="", text=None):
        """more: further lines of the scrape configuration, indented by four. text: a configuration
        to take instead."""
        self.port = free_port()
        configuration = directory / "prometheus.yml"
        configuration.write_text(text or CONFIGURATION.format(target=target) + more)
        self.log_file = directory / "log"
        self.command = [binary, f"--config.file={configuration}",
                        f"--storage.tsdb.path={directory / 'data'}",
                        f"--web.listen-address=127.0.0.1:{self.port}"]

    def __enter__(self):
        with open(self.log_file, "w") as log:
            self.proc = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=subprocess.STDOUT)
        try:
            wait_until(self._ready, "Prometheus to be ready", 60)
        except BaseException:
            self.__exit__()
            print(self.log_file.read_text())
            raise
        return self

    def _ready(self):
        assert self.proc.poll() is None, self.log_file.read_text()
        try:
            return self.get("/-/ready")
        except (urllib.error.URLError, ConnectionError):
            return None

    def __exit__(self, *_):
        self.proc.terminate()
        try:
            self.proc.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read()

    def api(self, path, **parameters):
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        answer = json.loads(self.get(f"/api/v1/{path}{query}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression):
        """{labels: value} of an instant query, without the labels that every series has."""
        return [({key: value for key, value in series["metric"].items()
                  if key not in ("__name__", "instance", "job")}, float(series["value"][1]))
                for series in self.api("query", query=expression)["result"]]

    def value(self, expression):
        found = self.query(expression)
        return found[0][1] if len(found) == 1 else None
