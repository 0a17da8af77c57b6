# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus, that scrapes one target unless it is told otherwise."""

import json
import urllib.parse

from lib.exporter import free_port
from lib.served import Served

CONFIGURATION = """
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: ephemera
    static_configs:
      - targets: ["{target}"]
"""


class Prometheus(Served):
    """Debian's Prometheus with a data directory of its own, ended with the block."""

    name = "Prometheus"

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
