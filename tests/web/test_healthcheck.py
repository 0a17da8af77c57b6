# SPDX-License-Identifier: Apache-2.0
"""`ephemera healthcheck`: whether a daemon answers, however it listens and whomever it lets in."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from lib import strace
from lib.certificates import Authority
from lib.exporter import BINARY, REPOSITORY, Exporter, environment, free_port, run
from lib.namespace import in_namespace, set_range
from lib.secure import PASSWORDS, Secure, authorization, server, users

ALIVE, DEAD, WRONG = 0, 1, 2


def check(*addresses, status=ALIVE):
    """What is said, to standard output where all is well."""
    done = run("healthcheck", *(f"--web.listen-address={address}" for address in addresses),
               check=False)
    assert done.returncode == status, done
    return done.stdout if status == ALIVE else done.stderr


def of(exporter):
    return f"{exporter.host}:{exporter.port}"


@pytest.fixture(scope="module")
def authority(module_folder):
    return Authority(module_folder)


def test_a_daemon_that_serves():
    with Exporter() as exporter:
        assert check(of(exporter)) == f"{of(exporter)} answers: 200\n"
    assert "Connection refused" in check(of(exporter), status=DEAD)


def test_every_address(folder):
    port, path = free_port(), folder / "socket"
    addresses = [f":{port}", f"unix:{path}"]
    with Exporter(*(f"--web.listen-address={address}" for address in addresses)):
        said = check(*addresses, f"127.0.0.1:{port}", f"0.0.0.0:{port}")
        assert said.count("answers: 200") == 4 and str(path) in said
        dead = f"127.0.0.1:{free_port()}"
        said = check(dead, *addresses, status=DEAD)
        assert dead in said and str(path) not in said
    assert str(path) in check(f"unix:{path}", status=DEAD)


def test_the_address_is_that_of_the_daemon_unless_given():
    done = run("healthcheck", check=False)
    assert done.returncode in (ALIVE, DEAD)
    assert ":10059" in done.stdout + done.stderr


def test_a_password_is_an_answer(folder):
    with Secure(users("alice"), folder) as exporter:
        assert "answers: 401" in check(of(exporter))


def ready(exporter, status=ALIVE):
    done = run("healthcheck", "--ready", f"--web.listen-address={of(exporter)}", check=False)
    assert done.returncode == status, done
    return done.stdout if status == ALIVE else done.stderr


def test_a_daemon_whose_scrapes_would_fail(folder):
    recorded = REPOSITORY / "tests" / "replay" / "busy"
    procfs = folder / "proc"
    shutil.copytree(recorded / "proc", procfs)
    with Exporter(f"--sockets.replay={recorded / 'dump'}", f"--path.procfs={procfs}") as exporter:
        assert ready(exporter) == f"{of(exporter)} answers: 200\n"
        (procfs / "sys/net/ipv4/ip_local_port_range").unlink()
        assert ready(exporter, status=DEAD).endswith("status 503\n")
        # It is not to be restarted.
        assert "answers: 200" in check(of(exporter))


def test_whether_it_is_ready_may_be_asked_over_tls_and_be_a_secret(authority, folder):
    with Secure(server(authority.issue("server")) + users(*PASSWORDS), folder) as exporter:
        assert "answers: 401, over TLS" in ready(exporter)


@in_namespace
def test_a_host_without_a_port_is_ready():
    with Exporter("--web.listen-address=127.0.0.1:10059") as exporter:
        set_range(40000, 40009)
        with contextlib.ExitStack() as holders:
            for _ in range(10):
                holders.enter_context(socket.socket()).bind(("127.0.0.1", 0))
            assert "answers: 200" in ready(exporter)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@in_namespace
def test_a_host_that_has_no_port_left(host):
    """All that can be seen of it is that the check answers: its port is outside of the range."""
    port = 10059
    with Exporter(f"--web.listen-address={host}:{port}"), contextlib.ExitStack() as holders:
        set_range(40000, 40009)
        family = socket.AF_INET6 if "::" in host else socket.AF_INET
        for _ in range(10):
            holders.enter_context(socket.socket(family)).bind((host.strip("[]"), 0))
        with pytest.raises(OSError, match="Cannot assign"):
            socket.create_connection((host.strip("[]"), port))
        # More often than there are tries: what went before is in TIME_WAIT, on either side.
        for _ in range(20):
            assert "answers: 200" in check(f"{host}:{port}")


@pytest.mark.parametrize("lines", [(), ("min_version: TLS13",), ("max_version: TLS12",)],
                         ids=["any version", "TLS 1.3", "TLS 1.2"])
def test_tls(authority, folder, lines):
    pair = authority.issue("server")
    with Secure(server(pair, *lines), folder) as exporter:
        assert "answers: 200, over TLS" in check(of(exporter))
        # It has cost nobody anything.
        assert exporter.proc.poll() is None
    assert check(of(exporter), status=DEAD)


@pytest.mark.parametrize("lines", [(), ("max_version: TLS12",)], ids=["TLS 1.3", "TLS 1.2"])
def test_a_client_certificate_that_is_wanted(authority, folder, lines):
    pair = authority.issue("server")
    with Secure(server(pair, "client_auth_type: RequireAndVerifyClientCert",
                       f"client_ca_file: {authority.certificate}", *lines), folder) as exporter:
        assert "answers: it requires a client certificate" in check(of(exporter))


def test_a_server_that_hangs_up_before_the_request(authority, folder):
    with Secure(server(authority.issue("server"), "client_auth_type: RequireAndVerifyClientCert",
                       f"client_ca_file: {authority.certificate}"), folder) as exporter:
        # Its refusal is here before each part of what is sent.
        done = subprocess.run(
            [*strace.delaying("sendmsg,sendto,writev", "delay_enter=300000"), BINARY,
             "healthcheck", f"--web.listen-address={of(exporter)}"],
            env=environment(strace.ENVIRONMENT), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (ALIVE, "")
    assert "answers: it requires a client certificate" in done.stdout


def test_a_rate_limit_is_no_failure(folder):
    text = users("alice") + "rate_limit:\n  interval: 1h\n  burst: 1\n"
    with Secure(text, folder) as exporter:
        assert exporter.get("/metrics", authorization("alice", PASSWORDS["alice"])).status == 200
        assert "answers: 429" in check(of(exporter))


def test_a_daemon_that_hangs():
    with Exporter() as exporter:
        os.kill(exporter.pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            assert "timed out" in check(of(exporter), status=DEAD)
            assert 4 < time.monotonic() - started < 30
        finally:
            os.kill(exporter.pid, signal.SIGCONT)
        assert check(of(exporter))


@contextlib.contextmanager
def somebody(answer):
    """Another server: it gives this answer to everybody, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, contextlib.suppress(OSError):
                        client.recv(4096)
                        client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer, said", [
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "status 503"),
    (b"HTTP/1.1 500 \r\n\r\n", "status 500"),
    (b"HTTP/1.1 abc \r\n\r\n", ""),
    (b"HTTP/1.1", ""),
    (b"SSH-2.0-OpenSSH_9.2\r\n", ""),
    (b"\0" * 4000, ""),
    (b"", ""),
])
def test_another_server(answer, said):
    with somebody(answer) as address:
        found = check(address, status=DEAD)
        assert said in found and address in found


def test_systemd_sockets_have_no_address():
    done = run("healthcheck", "--web.systemd-socket", check=False)
    assert done.returncode == WRONG
    assert "--web.listen-address" in done.stderr and done.stdout == ""


def of_process(pid, *arguments, status=ALIVE):
    done = run("healthcheck", f"--process={pid}", *arguments, check=False)
    assert done.returncode == status, done
    return done.stdout + done.stderr


def test_where_a_process_was_told_to_listen(folder):
    path = folder / "socket"
    with Exporter(f"--web.listen-address=127.0.0.1:{free_port()}", "--web.listen-address",
                  f"unix:{path}", "--log.level=debug") as exporter:
        said = of_process(exporter.pid)
        assert f"{of(exporter)} answers: 200" in said and f"unix:{path} answers: 200" in said
        path.unlink()
        assert f"unix:{path}: No such file" in of_process(exporter.pid, status=DEAD)


@pytest.mark.parametrize("command_line", (
    b"", b"ephemera", b"/sbin/init\0", b"/pause\0", b"\0\0\0", b"ephemera\0--nonsense\0",
    b"/usr/bin/other\0--web.listen-address=127.0.0.1:1\0",
    b"ephemera\0port\x001\0", b"ephemera\0--web.systemd-socket\0",
    b"ephemera\0healthcheck\0--web.listen-address=127.0.0.1:1\0",
    b"ephemera\0--web.listen-address=127.0.0.1:1",
    b"ephemera" + 2000 * b"\0--log.level=info" + b"\0--web.listen-address=127.0.0.1:1\0",
    b"ephemera\0--path.procfs=/" + 70000 * b"x" + b"\0--web.listen-address=127.0.0.1:1\0"))
def test_of_a_process_that_says_nothing_of_it_the_default(folder, command_line):
    """Whether something listens there or not."""
    (folder / "7").mkdir()
    (folder / "7/cmdline").write_bytes(command_line)
    done = run("healthcheck", "--process=7", f"--path.procfs={folder}", check=False)
    complete = command_line == b"ephemera\0--web.listen-address=127.0.0.1:1"
    assert ("127.0.0.1:1:" if complete else ":10059") in done.stdout + done.stderr
    assert complete or "127.0.0.1:1" not in (done.stdout + done.stderr).replace(":10059", "")


def test_of_a_process_that_is_not_there_the_default():
    done = run("healthcheck", "--process=4194304", check=False)
    assert ":10059" in done.stdout + done.stderr


def test_a_process_and_an_address_are_one_too_many():
    said = of_process(1, "--web.listen-address=:1", status=WRONG)
    assert "--process and --web.listen-address cannot be combined" in said


def test_a_process_has_a_number():
    assert "--process" in of_process(0, status=WRONG)
    assert "--process" in of_process("self", status=WRONG)
