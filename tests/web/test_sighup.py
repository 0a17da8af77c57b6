# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: the web configuration is read at once; without one, and at a terminal's end, nothing."""

import os
import pty
import signal
import subprocess
import threading
import time

from lib.exporter import BINARY, Exporter, assert_no_sanitizer_report, free_port
from lib.secure import PASSWORDS, Secure, authorization, users
from raw import Reader, connect, request, wait_until

ALICE = authorization("alice", PASSWORDS["alice"])
BOB = authorization("bob", PASSWORDS["bob"])
RELOADED = "Reloaded the web configuration"


def hang_up(exporter):
    exporter.proc.send_signal(signal.SIGHUP)


def count(exporter, words):
    return sum(words in line for line in exporter.log)


def test_without_a_configuration_it_is_ignored():
    with Exporter() as exporter:
        for number in range(1, 4):
            hang_up(exporter)
            wait_until(lambda: count(exporter, "Nothing to reload") >= number, 15, "the log")
            assert exporter.get("/metrics").status == 200
        assert exporter.terminate() == 0


def test_the_files_are_read_though_they_have_not_changed(folder):
    with Secure(users("alice"), folder) as exporter:
        time.sleep(2.5)
        assert count(exporter, RELOADED) == 0, "by itself it reads only what has changed"
        for number in range(1, 4):
            hang_up(exporter)
            wait_until(lambda: count(exporter, RELOADED) >= number, 15, "a reload")


def test_what_is_new_holds_and_nobody_is_dropped(folder):
    with Secure(users("alice"), folder) as exporter, connect(exporter) as client:
        reader = Reader(client)
        client.sendall(request("/-/healthy", **ALICE))
        assert reader.answer().status == 200
        client.sendall(b"GET /-/healthy HTTP/1.1\r\n")  # half a request
        exporter.file.write_text(users("bob"))
        hang_up(exporter)
        exporter.wait_for_log(lambda line: RELOADED in line)
        assert exporter.get("/metrics", ALICE).status == 401
        assert exporter.get("/metrics", BOB).status == 200
        # The request that had begun goes by what held then, the next one by what holds now.
        client.sendall(f"Host: localhost\r\nAuthorization: {ALICE['Authorization']}\r\n\r\n"
                       .encode())
        assert reader.answer().status == 200
        client.sendall(request("/-/healthy", **ALICE))
        assert reader.answer().status == 401
        client.sendall(request("/-/healthy", **BOB))
        assert reader.answer().status == 200


def test_what_is_wrong_is_said_each_time(folder):
    """Without a signal only from the second time on: files that belong together change one by one."""
    with Secure(users("alice"), folder) as exporter:
        exporter.file.write_text("nonsense: x\n")
        for number in range(1, 4):
            hang_up(exporter)
            wait_until(lambda: count(exporter, "unknown key") >= number, 15,
                       "the error")
        assert exporter.get("/metrics", ALICE).status == 200
        assert exporter.get("/metrics").status == 401


def test_many_at_once(folder):
    with Secure(users("alice"), folder) as exporter:
        ended = time.monotonic() + 2
        while time.monotonic() < ended:
            hang_up(exporter)
            assert exporter.get("/-/healthy", ALICE).status == 200
        assert exporter.terminate() == 0


def test_a_terminal_that_closes_ends_nothing():
    """As with Prometheus: who wants it to end sends SIGTERM, or presses Ctrl-C."""
    port = free_port()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [BINARY, f"--web.listen-address=127.0.0.1:{port}"], stdin=theirs, stdout=theirs,
        stderr=theirs, close_fds=True, preexec_fn=lambda: os.login_tty(theirs))
    os.close(theirs)
    heard = b""
    try:
        while b"msg=Listening" not in heard:
            heard += os.read(ours, 4096)
        os.close(ours)  # the kernel sends SIGHUP to the session's leader

        def status():
            found = subprocess.run(
                ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}",
                 f"http://127.0.0.1:{port}/metrics"], check=False, stdout=subprocess.PIPE,
                text=True, timeout=30)
            return found.stdout

        for _ in range(5):
            assert status() == "200"
            time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
    assert_no_sanitizer_report(heard.decode(errors="replace"))


def test_where_it_was_ignored_from_the_start_it_still_reloads(folder):
    """nohup(1) ignores it for what it runs."""
    with Secure(users("alice"), folder, wrapper=["nohup"]) as exporter:
        hang_up(exporter)
        exporter.wait_for_log(lambda line: RELOADED in line)


def test_while_it_ends_it_changes_nothing(folder):
    with Secure(users("alice"), folder) as exporter:
        stop = threading.Event()

        def send():
            while not stop.is_set():
                hang_up(exporter)
                time.sleep(0.001)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            assert exporter.get("/-/healthy", ALICE).status == 200
            exporter.proc.send_signal(signal.SIGTERM)
            assert exporter.proc.wait(timeout=20) == 0
        finally:
            stop.set()
            sender.join()
