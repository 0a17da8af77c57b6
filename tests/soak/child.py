# SPDX-License-Identifier: Apache-2.0
"""A client is a process of its own, so that none has to wait for another's turn."""

import json
import os
import select
import signal
import sys
import time
import traceback

import machine


class Child:
    """Runs body(*arguments) in a forked process; what it returns comes back as JSON."""

    def __init__(self, name, body, *arguments):
        self.name = name
        reader, writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                machine.die_with_parent()
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
                    signal.signal(number, signal.SIG_DFL)
                os.close(reader)
                answer = json.dumps(_outcome(body, arguments)).encode()
                while answer:
                    answer = answer[os.write(writer, answer):]
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        self.reader = reader

    def finish(self, deadline):
        """What it returned. Raises RuntimeError where it failed, or was not done in time."""
        text = b""
        try:
            while select.select([self.reader], [], [], max(0, deadline - time.monotonic()))[0]:
                data = os.read(self.reader, 65536)
                if not data:
                    break
                text += data
        finally:
            self.kill()
        try:
            answer = json.loads(text)
        except ValueError:
            raise RuntimeError(f"{self.name} ended without a word, or not in time") from None
        if "failed" in answer:
            raise RuntimeError(f"{self.name}:\n{answer['failed']}")
        return answer["returned"]

    def kill(self):
        """It is not reaped before, so its number cannot be someone else's by now."""
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.reader)
        self.pid = None


def _outcome(body, arguments):
    try:
        return {"returned": body(*arguments)}
    except Exception:
        return {"failed": traceback.format_exc()}
