# SPDX-License-Identifier: Apache-2.0
"""What needs no run of the exporter, or one under valgrind: formatting, lint, leaks."""

import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from lib.exporter import REPOSITORY, free_port
from lib.namespace import in_namespace, set_range
from lib.sockets import IPV4, bound_many, listen, pairs, time_wait, wait_until

# What the tree is kept with; others format and warn differently.
CLANG_TOOLS = 14

# Without sanitizers, which valgrind and they do not stand together.
PLAIN = REPOSITORY / "build" / "clang" / "ephemera"
DATABASE = REPOSITORY / "build" / "debug"

VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect",
            "--errors-for-leak-kinds=definite,indirect", "--track-fds=no", "--error-exitcode=99",
            f"--suppressions={REPOSITORY}/tests/analysis/valgrind.supp"]

PORT = 30001

# What was built, fetched or recorded by a tool.
NOT_OURS = {".git", "build", "node_modules", "__pycache__"}


def need(program, version=None):
    if not shutil.which(program):
        pytest.skip(f"there is no {program}")
    if version:
        said = subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE,
                              text=True).stdout
        found = int(re.search(r"version (\d+)", said)[1])
        if found != version:
            pytest.skip(f"{program} is of version {found}, and the tree is kept with {version}")


def sources(*folders, kinds=("c", "h")):
    return sorted(str(path) for folder in folders for kind in kinds
                  for path in (REPOSITORY / folder).rglob(f"*.{kind}"))


def files():
    """The names of the project's own files, from the top. Not by git: a release has no history."""
    found = []
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = sorted(name for name in folders if name not in NOT_OURS
                            and not os.path.exists(os.path.join(folder, name, "CMakeCache.txt")))
        found += [os.path.relpath(os.path.join(folder, name), REPOSITORY)
                  for name in sorted(names) if os.path.isfile(os.path.join(folder, name))]
    return found


def assert_silent(*command, **kw):
    """The program ends with status 0, and what it has to say is what is wrong."""
    done = subprocess.run([str(word) for word in command], cwd=REPOSITORY, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **kw)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_c_code_is_formatted():
    need("clang-format", CLANG_TOOLS)
    assert_silent("clang-format", "--dry-run", "--Werror",
                  *sources("collectors", "exporter", "docs", "tests"))


LONGEST_FILE, LONGEST_FUNCTION = 400, 50


def test_files_and_functions_are_short():
    """A function is what stands between two braces in the first column."""
    found, functions = [], 0
    for name in sources("collectors", "exporter", "docs", "tests", kinds=("c",)):
        with open(name, encoding="utf-8") as file:
            lines = file.read().splitlines()
        if len(lines) >= LONGEST_FILE:
            found.append(f"{name}: {len(lines)} lines")
        begun = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                begun = number
            elif line == "}" and begun:
                functions += 1
                if number - begun >= LONGEST_FUNCTION:
                    found.append(f"{name}:{begun}: a function of {number - begun} lines")
                begun = None
    assert functions > 500
    assert not found, "\n".join(found)


def test_clang_tidy_finds_nothing():
    need("run-clang-tidy", None)
    need("clang-tidy", CLANG_TOOLS)
    found = subprocess.run(
        ["run-clang-tidy", "-quiet", "-p", DATABASE, f"-j{os.cpu_count()}",
         f"^{REPOSITORY}/(collectors|exporter|docs)/.*"], cwd=REPOSITORY, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        timeout=3000)
    said = re.sub(r"\x1b\[[0-9;]*m", "", found.stdout)  # it colours what it finds
    findings = [line for line in said.splitlines() if re.search(r": (warning|error): ", line)]
    assert not findings and found.returncode == 0, "\n".join(findings) or said[-3000:]


def cppcheck():
    """The command that every version takes to mean the same."""
    need("cppcheck")
    said = subprocess.run(["cppcheck", "--version"], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    version = tuple(map(int, re.search(r"(\d+)\.(\d+)", said).groups()))
    # NULL ends the arguments of log_line(), and is a pointer in every C library for Linux. The
    # macros of BPF programs are in libbpf's headers, which are not read; ElfW() is in <link.h>.
    return ["cppcheck", "--quiet", "--enable=warning,performance,portability",
            "--inline-suppr", "--std=c11", "--error-exitcode=1", "-D_GNU_SOURCE",
            "-DSEC(name)=", "-DBPF_PROG(name, ...)=name(__VA_ARGS__)", "-DElfW(type)=Elf64_##type",
            f"-I{REPOSITORY}", f"-I{DATABASE}", "--suppress=missingIncludeSystem",
            "--suppress=varFuncNullUB",
            # Until 2.10 every branch was followed; since then only where asked for.
            *(["--check-level=exhaustive"] if version > (2, 10) else [])]


def test_cppcheck_finds_nothing():
    assert_silent(*cppcheck(), "collectors", "exporter", "docs")


@pytest.mark.parametrize("kind, statement", [
    ("uninitvar", "int number; if (i) number = 1; return number;"),
    ("arrayIndexOutOfBounds", "int list[2] = {0}; return i ? list[2] : 0;"),
    ("memleak", "char *text = malloc(8); return text ? i : 0;"),
    ("nullPointer", "int *number = NULL; if (i) number = &i; return *number;"),
])
def test_cppcheck_finds_a_mistake(tmp_path, kind, statement):
    """Else the test above would say nothing."""
    source = tmp_path / "mistake.c"
    source.write_text("#include <stdlib.h>\n"
                      f"int mistake(int i);\nint mistake(int i)\n{{\n\t{statement}\n}}\n")
    done = subprocess.run([*cppcheck(), source], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 1 and f"[{kind}]" in done.stdout, done.stdout


def test_shellcheck_finds_nothing():
    need("shellcheck")
    scripts = [name for name in files() if name.endswith(".sh") or is_shell(REPOSITORY / name)]
    assert len(scripts) > 3
    assert_silent("shellcheck", "-x", *scripts)


def is_shell(path):
    with open(path, "rb") as file:
        first = file.readline(80)
    return re.match(rb"#!\S*[/ ](env )?(ba|da)?sh( -\w+)*$", first.rstrip()) is not None


def test_yamllint_finds_nothing():
    need("yamllint")
    # Templates of a Helm chart are no YAML yet; what they render is compared with kustomize's.
    listed = [name for name in files() if "/templates/" not in name
              and name.endswith((".yaml", ".yml", ".clang-format", ".clang-tidy"))]
    assert len(listed) > 20
    assert_silent("yamllint", "--strict", "--config-file", ".yamllint.yaml", *listed)


# valgrind


def need_valgrind():
    need("valgrind")
    if not PLAIN.exists():
        pytest.skip("there is no build without sanitizers; ./tests/run makes one")


@pytest.mark.parametrize("arguments", [["metrics"], ["destinations"], ["destinations", "--json"],
                                       ["port", "30001", "40000-40099"],
                                       ["port", "30001", "--json", "--all-processes"]],
                         ids=lambda words: " ".join(words))
@in_namespace(seconds=300)
def test_a_command_under_valgrind(arguments):
    need_valgrind()
    _kept = workload()
    assert_silent(*VALGRIND, PLAIN, *arguments, timeout=200)


def workload():
    set_range(40000, 40099)
    listener = listen(IPV4, "127.0.0.1", PORT)
    kept = [listener, *bound_many([40090, 40091], IPV4, "127.0.0.1"),
            *pairs(7, IPV4, listener, "127.0.0.1", PORT)]
    time_wait(3, IPV4, listener, "127.0.0.1", PORT)
    return kept


@in_namespace(seconds=400)
def test_the_server_under_valgrind():
    need_valgrind()
    _kept = workload()
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [*VALGRIND, str(PLAIN), "--web.enable-api", f"--web.listen-address={address}",
         "--security.sandbox=off"],  # valgrind makes system calls of its own
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: status(address, "/-/healthy") == 200, "the server", seconds=60)
        for path in ("/", "/metrics", "/metrics?collect[]=range", "/-/ready", "/api/v1/ports",
                     "/api/v1/ports/30001", "/api/v1/destinations?owners=true", "/api/v1/range"):
            assert status(address, path) == 200, path
        assert status(address, "/api/v1/ports/0") == 400
        assert status(address, "/nothing") == 404
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=100)[1]
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert "==" not in said, said


def status(address, path):
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None
