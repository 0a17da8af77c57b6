# SPDX-License-Identifier: Apache-2.0
"""--namespace: the line on standard error that says which namespace it is, and how to run a command there."""

import os
import shlex
import signal
import subprocess

import pytest

from lib.bpf import needs_bpf
from lib.exporter import BINARY, PATIENCE, run
from lib.namespace import in_namespace
from other_namespaces import another, inode

PORT = 29983
LISTENS = f"listener = listen(IPV4, '127.0.0.1', {PORT})\n"
HINT = " Run a command that is printed here as: nsenter --net="

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root enters another namespace")


def said(*arguments):
    done = run("port", PORT, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


@needs_root
@in_namespace
def test_each_is_named_once(tmp_path):
    names = f"--path.netns={tmp_path}"
    with another(LISTENS, tmp_path, "blue") as blue, another(LISTENS) as other:
        named = f"This is about network namespace blue.{HINT}{tmp_path}/blue COMMAND\n"
        assert said("--namespace=blue", names) == named
        assert said(f"--namespace={inode(blue)}", names) == named
        number = f"This is about network namespace {inode(other)}.{HINT}/proc/{other.pid}/ns/net COMMAND\n"
        assert said(f"--namespace={inode(other)}", names) == number
        assert said(f"--namespace={other.pid}", names) == \
            f"This is about the network namespace of process {other.pid}.{HINT}/proc/{other.pid}/ns/net COMMAND\n"


@needs_bpf
@in_namespace
def test_of_all_each_is_named_once(tmp_path):
    with another(LISTENS, tmp_path, "blue"), another(LISTENS) as other:
        lines = said("--namespace=all", f"--path.netns={tmp_path}").splitlines()
        assert f"This is about network namespace blue.{HINT}{tmp_path}/blue COMMAND" in lines
        assert any(line.startswith(f"This is about network namespace {inode(other)}.{HINT}") for line in lines)


@needs_root
@in_namespace
def test_the_path_can_be_pasted_into_a_shell(tmp_path):
    for name in ("two words", "it's", "$(exit 7)", "a;b"):
        with another(LISTENS, tmp_path, name) as process:
            command = said(f"--namespace={name}", f"--path.netns={tmp_path}").split(" as: ")[1]
            there = command.replace("COMMAND", "stat -L -c %i /proc/self/ns/net")
            done = subprocess.run(["sh", "-c", there], stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
            assert done.stdout == f"{inode(process)}\n"


@needs_root
@in_namespace
def test_a_name_cannot_change_the_terminal(tmp_path):
    name = "\x1b[31mred"
    with another(LISTENS, tmp_path, name) as process:
        for value in (name, inode(process)):
            # Its path cannot be printed, that of a process can.
            assert said(f"--namespace={value}", f"--path.netns={tmp_path}") == \
                f"This is about network namespace ?[31mred.{HINT}/proc/{process.pid}/ns/net COMMAND\n"


@needs_root
@in_namespace
def test_without_a_path_to_print_no_command_is_said(tmp_path):
    with another(LISTENS, tmp_path, "\x1b[31mred"):
        odd = tmp_path / "odd\nproc"
        odd.symlink_to("/proc")
        assert said("--namespace=\x1b[31mred", f"--path.netns={tmp_path}", f"--path.procfs={odd}") == \
            "This is about network namespace ?[31mred.\n"


@needs_root
@in_namespace
def test_only_commands_that_print_commands_say_how_to_run_them(tmp_path):
    flags = ("--namespace=blue", f"--path.netns={tmp_path}")
    with another(LISTENS, tmp_path, "blue"):
        for command in (("port", PORT), ("port", PORT, "--json"), ("advise",)):
            [line] = run(*command, *flags).stderr.splitlines()
            assert shlex.split(line)[-3:] == ["nsenter", f"--net={tmp_path}/blue", "COMMAND"]
        for command in (("destinations",), ("port", PORT, "--oneline")):
            assert run(*command, *flags).stderr == "This is about network namespace blue.\n"


@needs_bpf
@in_namespace
def test_trace_prints_no_command(tmp_path):
    with another("", tmp_path, "blue"), subprocess.Popen(
            [BINARY, "trace", "--namespace=blue", f"--path.netns={tmp_path}"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE) as trace:
        assert trace.stdout.readline()
        trace.send_signal(signal.SIGINT)
        _, errors = trace.communicate(timeout=PATIENCE)
        assert errors == "This is about network namespace blue.\n"
