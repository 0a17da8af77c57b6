# SPDX-License-Identifier: Apache-2.0
"""A program that serves HTTP on loopback, and says at /-/ready when it does."""

import subprocess
import urllib.error
import urllib.request

from lib.sockets import wait_until


class Served:
    """Started and ended with the block. A subclass sets name, port, command and log_file."""

    def __enter__(self):
        with open(self.log_file, "w", encoding="utf-8") as log:
            self.proc = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=subprocess.STDOUT)
        try:
            wait_until(self._ready, f"{self.name} to be ready", 60)
        except BaseException:
            self.__exit__()
            print(self.log_file.read_text(encoding="utf-8"))
            raise
        return self

    def _ready(self):
        assert self.proc.poll() is None, self.log_file.read_text(encoding="utf-8")
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
