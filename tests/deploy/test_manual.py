# SPDX-License-Identifier: Apache-2.0
"""ephemera(8) and the shells' completions: right, complete, true, and where they belong."""

import os
import pty
import re
import select
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from lib.exporter import BINARY, REPOSITORY, assert_no_sanitizer_report, run

BUILD = Path(BINARY).parent
MANUAL = BUILD / "manual"
COMPLETIONS = ("bash", "zsh", "fish")
COMMANDS = {"advise", "metrics", "top", "destinations", "namespaces", "port", "trace", "check-config",
            "healthcheck", "help"}

FLAG = re.compile(r"--([a-z][a-z0-9_.-]*[a-z0-9_])")


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")


def generated(name):
    path = MANUAL / name
    if not path.exists():
        pytest.skip(f"this build has no {name}: cmake --build {BUILD} --target manual")
    return path


def said_by(*command, env=None, cwd=None):
    """Standard output and standard error of a program that must end well."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                          env={**os.environ, **(env or {})}, cwd=cwd)
    assert done.returncode == 0, done.stdout
    return done.stdout


def plain(text):
    """Text without its line breaks, those within words included."""
    return " ".join(re.sub(r"\u2010\n\s*", "", text).split())


@pytest.fixture(scope="module")
def page():
    """The page as it is read, in 80 columns."""
    need("man")
    shown = said_by("man", "-l", str(generated("ephemera.8")),
                    env={"MANWIDTH": "80", "MANPAGER": "cat", "LC_ALL": "C.UTF-8", "TERM": "dumb"})
    return re.sub(r".\x08", "", shown)


@pytest.fixture(scope="module")
def indent(page):
    """Of the text below a heading: 5 columns by groff 1.22, and 7 by 1.23."""
    return len(re.search(r"^NAME\n( +)", page, re.MULTILINE)[1])


def entries(text, indent):
    """{name: (value or None, text)} of the flags that a page, or --help, lists."""
    found = {}
    pattern = (rf"^ {{{indent}}}(?:-[hV], )?--(\[no-\])?(\S+?)(?:=(\S+))?"
               rf"(?:(?: {{2,}}|\n)((?: {{{indent + 1},}}\S.*\n?)+|.*\n)|$)")
    for opposite, name, value, body in re.findall(pattern, text, re.MULTILINE):
        found[name] = (value, plain(body))
        if opposite:
            found["no-" + name] = found[name]
    return found


@pytest.fixture(scope="module")
def flags():
    """The same of --help."""
    found = entries(run("--help").stdout, 2)
    assert len(found) > 50, "--help reads differently now"
    return found


@pytest.fixture(scope="module")
def taken(flags):
    """{command: the flags that the program takes after it}, told by trying each."""
    found = {command: {"help", "version"} for command in ("check-config", "help")}
    for command in ("serve", *sorted(COMMANDS - found.keys())):
        argument = [] if command == "serve" else [command]
        refused = set()
        # Collectors' flags are everywhere: the program knows no others of them.
        for name, (value, _) in flags.items():
            if "collector." in name:
                continue
            # What follows is always wrong, so that nothing starts.
            said = run(*argument, f"--{name}", *(["1"] if value else []), "--nonsense").stderr
            if "is a flag of" in said:
                refused.add(name)
        found[command] = flags.keys() - refused
    return found


# The page

# Where it is not NetBSD's system, and of manuals that this machine need not have.
UNIMPORTANT = ("operating system explicitly specified", "referenced manual not found")


def test_mandoc_has_nothing_to_say():
    need("mandoc")
    done = subprocess.run(["mandoc", "-T", "lint", generated("ephemera.8")], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=60, check=False)
    findings = [line for line in done.stdout.splitlines()
                if not any(words in line for words in UNIMPORTANT)]
    assert not findings, "\n".join(findings)


def test_groff_has_nothing_to_say():
    need("groff")
    assert said_by("groff", "-ww", "-mandoc", "-Tutf8", "-z", str(generated("ephemera.8"))) == ""


def test_man_shows_each_section_within_80_columns(page):
    assert re.findall(r"^[A-Z].*$", page, re.MULTILINE)[1:-1] == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "ENVIRONMENT", "FILES",
        "EXIT STATUS", "SIGNALS", "EXAMPLES", "SECURITY", "SEE ALSO"]
    assert max(map(len, page.splitlines())) <= 80
    assert "@" not in page


def test_the_page_has_the_flags_of_help_and_no_others(page, indent, flags):
    section = re.search(r"^OPTIONS\n(.*?)^ENVIRONMENT", page, re.DOTALL | re.MULTILINE)[1]
    documented = entries(section, indent)
    assert documented.keys() == flags.keys()
    for name, (value, text) in flags.items():
        assert documented[name][0] == value, name
        assert documented[name][1].startswith(text), f"--{name} says something else"


def test_what_the_page_speaks_of_exists(page, flags):
    spoken = {name for name in FLAG.findall(re.sub(r"\u2010\n\s*", "", page))
              if not name.startswith("web.max-*")}
    assert not spoken - flags.keys() - {"web.max"}


def test_the_page_has_the_commands_of_help_and_no_others(page, indent):
    usage = re.search(r"^Usage:\n(.*?)\n\n", run("--help").stdout, re.DOTALL | re.MULTILINE)[1]
    synopsis = re.search(r"^SYNOPSIS\n(.*?)\n\n", page, re.DOTALL | re.MULTILINE)[1]
    section = re.search(r"^COMMANDS\n(.*?)^OPTIONS", page, re.DOTALL | re.MULTILINE)[1]
    for text, columns in ((usage, 2), (synopsis, indent), (section, indent)):
        found = re.findall(rf"^ {{{columns}}}ephemera(?: ([a-z-]+))?", text, re.MULTILINE)
        assert sorted(found) == sorted(["", *COMMANDS])


def test_the_page_has_the_environment_that_is_read(page):
    read = set()
    for folder in ("exporter", "collectors"):
        for path in (REPOSITORY / folder).rglob("*.c"):
            read |= set(re.findall(r'getenv\("(\w+)"\)', path.read_text(encoding="utf-8")))
    section = re.search(r"^ENVIRONMENT\n(.*?)^FILES", page, re.DOTALL | re.MULTILINE)[1]
    assert read and set(re.findall(r"\b[A-Z]+_[A-Z]+\b|\bTERM\b", section)) == read


def test_the_examples_are_right(page, indent):
    section = re.search(r"^EXAMPLES\n(.*?)^SECURITY", page, re.DOTALL | re.MULTILINE)[1]
    lines = re.findall(rf"^ {{{indent + 6}}}(.*)$", section, re.MULTILINE)
    assert len(lines) > 5
    # None is so long that it goes on in another line, where it would not work if copied.
    assert [line for line in lines if not line.startswith("ephemera ")] == []
    examples = [line.removeprefix("ephemera") for line in lines]
    for part in " && ephemera".join(examples).split(" && ephemera"):
        # --help at the end: the command line is read and nothing else happens.
        done = run(*shlex.split(part), "--help")
        assert (done.returncode, done.stderr) == (0, ""), part


def test_a_command_without_a_word_in_the_page_fails_the_build(tmp_path):
    generator = BUILD / "ephemera-manual"
    if not generator.exists():
        pytest.skip("this build has no ephemera-manual")
    template = (REPOSITORY / "docs" / "ephemera.8.in").read_text(encoding="utf-8")
    for changed, complaint in ((template.replace("@command port\n", ""), "@command port"),
                               (template.replace("@flags\n", "@flag\n"), "@flag"),
                               (template + "@command ports\n", "ports")):
        assert changed != template
        file = tmp_path / "ephemera.8.in"
        file.write_text(changed, encoding="utf-8")
        done = subprocess.run([generator, file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        assert_no_sanitizer_report(done.stderr)
        assert done.returncode == 1 and complaint in done.stderr


# Completions

def flags_of(candidates):
    return {word[2:].rstrip("=") for word in candidates if word.startswith("--")}


def bash(*words, breaks=True, cwd=None):
    """What bash offers for the last one of the words."""
    need("bash")
    words = ["ephemera", *words]
    if breaks:  # as bash hands them over, with "=" a word of its own
        words = [part for word in words for part in re.findall(r"=|[^=]+", word) or [""]]
    script = (f". {shlex.quote(str(generated('ephemera.bash')))}; compopt() {{ :; }}; "
              f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}; "
              "_ephemera; printf '%s\\n' \"${COMPREPLY[@]}\"")
    return said_by("bash", "--norc", "-euc", script, cwd=cwd).split()


def fish(*words, cwd=None):
    need("fish")
    line = shlex.quote(" ".join(["ephemera", *words]))
    script = f"source {shlex.quote(str(generated('ephemera.fish')))}; complete -C {line}"
    said = said_by("fish", "--no-config", "-c", script, cwd=cwd, env={"HOME": "/nonexistent"})
    return [line.split("\t")[0] for line in said.splitlines()]


class Terminal:
    """An interactive shell, to press Tab in."""

    def __init__(self, *command, cwd):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(cwd)
            os.environ.update(TERM="dumb", PS1="> ", LC_ALL="C.UTF-8")
            os.execvp(command[0], command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.terminal)
        os.waitpid(self.child, 0)

    def type(self, keys, until, seconds=20):
        """What comes until a regular expression matches it."""
        os.write(self.terminal, keys.encode())
        came, end = "", time.monotonic() + seconds
        while not re.search(until, came):
            ready, _, _ = select.select([self.terminal], [], [], end - time.monotonic())
            assert ready, f"no {until!r} in {came!r}"
            came += os.read(self.terminal, 65536).decode(errors="replace")
        return came


# compadd is what the menu is filled by: what is given to it is written down. With -O, -A or -D
# it adds nothing.
ZSH_SETUP = r"""
autoload -Uz compinit; compinit -D -u
compadd() {
	local -a hits
	if [[ ${(M)@:#-[OAD]*} ]]; then builtin compadd "$@"; return; fi
	builtin compadd -O hits "$@"; print -rl -- $hits >> $SPY; builtin compadd "$@"
}
mark() { print -r -- marked }
zle -N mark; bindkey '^Xm' mark
zstyle ':completion:*' insert-tab false
setopt no_beep
LISTMAX=0 COLUMNS=200 LINES=1000
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Where shells complete names of files."""
    made = tmp_path_factory.mktemp("completions")
    (made / "web.yml").touch()
    (made / "web.d").mkdir()
    return made


@pytest.fixture(scope="module")
def zsh(workplace, tmp_path_factory):
    """A function from words to what zsh offers for the last one."""
    need("zsh")
    folder = tmp_path_factory.mktemp("zsh")
    spied = folder / "spied"
    shutil.copy(generated("ephemera.zsh"), folder / "_ephemera")
    (folder / "setup").write_text(f"fpath=({shlex.quote(str(folder))} $fpath)\n"
                                  f"SPY={shlex.quote(str(spied))}\n{ZSH_SETUP}",
                                  encoding="utf-8")
    with Terminal("zsh", "-f", cwd=workplace) as shell:
        shell.type(f"source {shlex.quote(str(folder / 'setup'))}; echo rea''dy\n", r"\nready")

        def offered(*words, cwd=None):
            spied.write_text("", encoding="utf-8")
            # ^U clears the line; ^Xm says that all before it has been done.
            shell.type("\x15" + " ".join(["ephemera", *words]) + "\t\x18m", "marked")
            return spied.read_text(encoding="utf-8").split()

        yield offered


@pytest.fixture(params=COMPLETIONS)
def complete(request, workplace):
    """A function from words to what the shell offers for the last one."""
    shell = request.getfixturevalue("zsh") if request.param == "zsh" else {
        "bash": bash, "fish": fish}[request.param]
    return lambda *words: shell(*words, cwd=workplace)


@pytest.mark.parametrize("command", ["serve", *sorted(COMMANDS)])
def test_flags_are_the_commands_own(complete, taken, command):
    first = [] if command == "serve" else [command]
    own = taken[command]
    if command not in ("serve", "metrics", "help"):
        # Those that its own help has; all commands take the rest.
        own = set(entries(run(command, "--help").stdout, 2))
        assert own <= taken[command]
    assert flags_of(complete(*first, "--")) == own


def test_flags_of_all_are_offered_where_none_of_its_own_fits(complete):
    assert flags_of(complete("port", "--sockets.so")) == {"sockets.source"}
    assert flags_of(complete("trace", "--collector.exhaustion.l")) == {"collector.exhaustion.leases-limit"}
    assert flags_of(complete("port", "--l")) == {"limit", "leases"}
    assert flags_of(complete("port", "--log.l")) == {"log.level"}
    assert not flags_of(complete("help", "--log"))
    assert not flags_of(complete("port", "--namespaces.l"))


def test_the_first_word_may_be_a_command(complete):
    assert set(complete("")) & COMMANDS == COMMANDS
    assert complete("des") == ["destinations"]
    assert complete("help", "des") == ["destinations"]
    assert not set(complete("metrics", "")) & COMMANDS
    assert not set(complete("--web.enable-api", "")) & COMMANDS


def test_a_port_is_one_that_is_listened_on(complete):
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_server(("::1", 0), family=socket.AF_INET6) as other, \
            socket.socket() as idle:
        idle.bind(("127.0.0.1", 0))
        server, other, idle = (str(sock.getsockname()[1]) for sock in (server, other, idle))
        assert {server, other} <= set(complete("port", "")) and idle not in complete("port", "")
        assert complete("port", "443", server) == [server]
        assert not set(complete("metrics", "")) & {server, other}


def values(offered):
    """Without the flag before them, which fish repeats."""
    return {word.split("=", 1)[-1].rstrip("/") for word in offered}


@pytest.mark.parametrize("flag, expected", [
    ("log.level", {"debug", "info", "warn", "error"}), ("log.format", {"logfmt", "json"}),
    ("sockets.source", {"auto", "bpf", "sock_diag", "procfs"}), ("security.sandbox", {"on", "off"}),
    ("web.max-requests", set()), ("collector.owners.limit", set()),
])
def test_a_value_is_one_of_its_choices_and_never_a_file(complete, flag, expected):
    assert values(complete(f"--{flag}=")) == expected
    assert values(complete(f"--{flag}", "")) == expected
    assert values(complete("metrics", "--json", f"--{flag}=")) == expected


def test_a_choice_is_completed(complete):
    assert values(complete("metrics", "--log.level=de")) == {"debug"}


def test_files_directories_and_users(complete):
    assert values(complete("--web.config.file=we")) == {"web.yml", "web.d"}
    assert values(complete("--path.procfs=we")) == {"web.d"}
    assert values(complete("check-config", "we")) == {"web.yml", "web.d"}
    assert "root" in values(complete("--security.user=roo"))
    assert not complete("port", "we")
    assert not complete("metrics", "we")


def test_bash_where_the_equals_sign_does_not_break_words(tmp_path):
    assert bash("--log.level=de", breaks=False) == ["--log.level=debug"]
    (tmp_path / "web.yml").touch()
    assert bash("--web.config.file=we", breaks=False, cwd=tmp_path) == ["--web.config.file=web.yml"]


def test_bash_completes_at_a_terminal(tmp_path):
    need("bash")
    with Terminal("bash", "--norc", "--noprofile", cwd=tmp_path) as shell:
        shell.type(f". {shlex.quote(str(generated('ephemera.bash')))}; echo rea''dy\n", r"\nready")
        # A flag that takes a value gets its = and no space, so the value can follow.
        assert "--log.level=debug" in shell.type("echo; ephemera metrics --log.l\tde\t",
                                                 r"--log\.level=debug")


def test_each_completion_is_right_in_its_language():
    need("shellcheck")
    said_by("shellcheck", str(generated("ephemera.bash")))


# Installing

def test_install_puts_everything_where_it_belongs(tmp_path):
    need("cmake")
    for name in ("ephemera.8", *(f"ephemera.{shell}" for shell in COMPLETIONS)):
        generated(name)
    said_by("cmake", "--install", str(BUILD), "--prefix", "/usr",
            env={"DESTDIR": str(tmp_path)})
    installed = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*")
                 if path.is_file()}
    for name, source in {
            "usr/bin/ephemera": "ephemera",
            "usr/share/man/man8/ephemera.8": "manual/ephemera.8",
            "usr/share/bash-completion/completions/ephemera": "manual/ephemera.bash",
            "usr/share/zsh/vendor-completions/_ephemera": "manual/ephemera.zsh",
            "usr/share/fish/vendor_completions.d/ephemera.fish": "manual/ephemera.fish"}.items():
        assert name in installed, sorted(installed)
        mode = installed[name].stat().st_mode & 0o777
        assert mode == (0o755 if "/bin/" in name else 0o644), name
        if name.startswith("usr/share"):
            assert installed[name].read_bytes() == (BUILD / source).read_bytes()
    assert "ephemera-manual" not in " ".join(installed)


def test_zsh_looks_elsewhere_below_another_prefix(tmp_path):
    need("cmake")
    generated("ephemera.zsh")
    said_by("cmake", "--install", str(BUILD), "--prefix", "/usr/local",
            env={"DESTDIR": str(tmp_path)})
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("_ephemera")] == [
        "usr/local/share/zsh/site-functions/_ephemera"]
