# SPDX-License-Identifier: Apache-2.0
"""`ephemera top` in a terminal, as tmux shows it."""

import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest

import lib.exporter
from lib.bpf import needs_bpf
from lib.exporter import run
from lib.namespace import in_namespace, set_range, sysctl
from lib.sockets import IPV4, connect, connect_many, connect_until_refused, drop, listen, time_wait, wait_until

TARGETS = range(9001, 9031)
FIRST, SIZE = 40000, 40
KEYS = "q quit"

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="there is no tmux")


class Terminal:
    """A command in a tmux of its own."""

    def __init__(self, directory, *flags, columns=80, lines=24, environment="", shell=None):
        self.socket = directory / "tmux"
        words = [lib.exporter.BINARY, "top", *flags]
        shell = shell or (f"printf 'before\\n'; {environment} {shlex.join(words)}; "
                          "echo \"ended $?\"; sleep 60")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                  "sh", "-c", shell)

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-S", self.socket, *words], stdout=subprocess.PIPE,
                              check=True, text=True, timeout=30,
                              env={**os.environ, "TERM": "xterm"})
        return done.stdout

    def screen(self, *flags):
        return self.tmux("capture-pane", "-p", *flags)

    def shows(self, *words):
        wait_until(lambda: all(word in self.screen() for word in words), f"{words}")
        return self.screen()

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def pid(self):
        """Of the command, which is the only child of its shell."""
        shell = self.tmux("list-panes", "-F", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as file:
            return int(file.read().split()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False,
                       stderr=subprocess.DEVNULL, timeout=30)


def rows(screen):
    """The destinations in order, with their numbers of used ports."""
    return [(name, int(used)) for name, used in
            re.findall(r"^(127\.0\.0\.1:\d+) +(\d+) ", screen, re.MULTILINE)]


def small_range():
    set_range(FIRST, FIRST + SIZE - 1)


@in_namespace
def test_it_fits_and_never_scrolls(tmp_path):
    small_range()
    listeners = [listen(IPV4, "127.0.0.1", port) for port in TARGETS]
    clients = [sock for i, port in enumerate(TARGETS)
               for sock in connect_many(SIZE - i, IPV4, "127.0.0.1", port)]
    with Terminal(tmp_path) as terminal:
        screen = terminal.shows("DESTINATION", KEYS)
        assert "before" not in screen
        found = rows(screen)
        assert found == [(f"127.0.0.1:{port}", SIZE - i) for i, port in enumerate(TARGETS)][:15]
        assert "15 of 30" in screen
        assert screen.split("\n")[0].startswith("ephemera top: ")
        assert re.search(r" \d\d:\d\d:\d\d$", screen.split("\n")[0])
        assert screen.split("\n")[23].startswith(KEYS)
        terminal.resize(120, 14)
        # On so few lines rows have the place of what is said of one of them.
        wait_until(lambda: len(rows(terminal.screen())) == 8, "fewer rows")
        assert terminal.shows(KEYS).split("\n")[13].startswith(KEYS)
        # The row that is chosen stays on the screen.
        for _ in range(9):
            terminal.press("Down")
        wait_until(lambda: ("127.0.0.1:9010", SIZE - 9) in rows(terminal.screen()), "the tenth row")
        assert len(rows(terminal.screen())) == 8
        terminal.resize(80, 24)
        wait_until(lambda: len(rows(terminal.screen())) == 15, "more rows")
        terminal.press("q")
        screen = terminal.shows("ended 0")
        assert "before" in screen and KEYS not in screen
    drop(clients)
    del listeners


@in_namespace
def test_change_and_full(tmp_path):
    small_range()
    _listener = listen(IPV4, "127.0.0.1", 9001)
    clients = connect_many(2, IPV4, "127.0.0.1", 9001)
    with Terminal(tmp_path) as terminal:
        terminal.shows("127.0.0.1:9001")
        while len(clients) < 20:
            clients.append(connect(IPV4, "127.0.0.1", 9001))
        wait_until(lambda: re.search(r"127\.0\.0\.1:9001 +20 +50\.0% +\+\d+\.\d +\d+ (s|min) ",
                                     terminal.screen()), "the rate and the time that is left")
        more, _ = connect_until_refused(IPV4, "127.0.0.1", 9001)
        wait_until(lambda: re.search(rf"127\.0\.0\.1:9001 +{SIZE} +100\.0% .* full ",
                                     terminal.screen()), "that it is full")
        drop(more + clients)
        terminal.shows("No outgoing connection holds a port of the range.")


@needs_bpf
@in_namespace
def test_what_is_reusable_is_not_used(tmp_path):
    small_range()
    sysctl("net.ipv4.tcp_tw_reuse", 1)
    listener = listen(IPV4, "127.0.0.1", 9001)
    time_wait(7, IPV4, listener, "127.0.0.1", 9001)
    clients = connect_many(3, IPV4, "127.0.0.1", 9001)
    with Terminal(tmp_path) as terminal:
        # A second later the kernel gives them to the next connect().
        wait_until(lambda: "; 3 used, 1 destination\n" in terminal.screen(), "the count")
        assert rows(terminal.screen()) == [("127.0.0.1:9001", 3)]
    drop(clients)


@in_namespace
def test_sort_and_filter(tmp_path):
    set_range(FIRST, FIRST + 99)
    listeners = [listen(IPV4, "127.0.0.1", port) for port in (9001, 9002)]
    clients = connect_many(7, IPV4, "127.0.0.1", 9001) + connect_many(3, IPV4, "127.0.0.1", 9002)
    with Terminal(tmp_path) as terminal:
        terminal.shows("s sort: share")
        assert rows(terminal.screen()) == [("127.0.0.1:9001", 7), ("127.0.0.1:9002", 3)]
        for name in ("change", "active", "TIME_WAIT", "share"):
            terminal.press("s")
            terminal.shows(f"s sort: {name}")
        terminal.press("/", "9", "0", "0", "2")
        terminal.shows("Filter: 9002_")
        assert rows(terminal.screen()) == [("127.0.0.1:9002", 3)]
        terminal.press("Enter")
        terminal.shows("/ filter: 9002")
        terminal.press("/", "x", "Escape")
        wait_until(lambda: len(rows(terminal.screen())) == 2, "both rows")
        terminal.press("p")
        terminal.shows("p pause (paused)")
        drop(clients)
        assert len(rows(terminal.screen())) == 2
        terminal.press("p")
        terminal.shows("No outgoing connection")
    del listeners


@needs_bpf
@in_namespace
def test_failures_and_namespaces(tmp_path):
    small_range()
    _listener = listen(IPV4, "127.0.0.1", 9001)
    with Terminal(tmp_path) as terminal:
        start = terminal.shows(" has failed since ")
        since = re.search(r"^No (?:call|connect\(\)) has failed since (\d\d:\d\d)\.$", start, re.MULTILINE)[1]
        clients, _ = connect_until_refused(IPV4, "127.0.0.1", 9001)
        line = rf"^Failed since {since}: 1\. (\d+) s ago: connect 127\.0\.0\.1:9001, \S+ \(pid {os.getpid()}\)$"
        ago = int(wait_until(lambda: re.search(line, terminal.screen(), re.MULTILINE), "the failure")[1])
        wait_until(lambda: int(re.search(line, terminal.screen(), re.MULTILINE)[1]) >= ago + 2, "time to pass")
        terminal.press("n")
        screen = terminal.shows("on this host", "SOCKETS", f"Failed in this network namespace since {since}: 1")
        assert re.search(rf"^\d+ +{SIZE} 100\.0% ", screen, re.MULTILINE)
        terminal.press("n")
        terminal.shows("DESTINATION")
        drop(clients)


@in_namespace
def test_the_keys_are_listed(tmp_path):
    said = run("top", "--help").stdout
    keys = re.search(r"^Keys:\n((?:  .*\n)+)", said, re.M)[1]
    assert {"q", "s", "/", "p", "n", "Enter", "?"} <= {line.split()[0] for line in keys.splitlines()}
    with Terminal(tmp_path, columns=80) as terminal:
        terminal.shows("? keys")
        terminal.press("?")
        screen = terminal.shows("sort by share", "these keys")
        for line in keys.splitlines():
            assert line[2:] in screen, line
        terminal.press("Escape")
        wait_until(lambda: "these keys" not in terminal.screen(), "the rows again")
        terminal.shows("DESTINATION")


@needs_bpf
@in_namespace
def test_a_namespace_is_opened_and_left(tmp_path):
    small_range()
    _listener = listen(IPV4, "127.0.0.1", 9001)
    clients = connect_many(7, IPV4, "127.0.0.1", 9001)
    with Terminal(tmp_path, columns=100) as terminal:
        terminal.shows("127.0.0.1:9001")
        terminal.press("n")
        terminal.shows("Enter opens", "SOCKETS")
        inode = os.stat("/proc/self/ns/net").st_ino
        terminal.press("/", *str(inode), "Enter")
        wait_until(lambda: len(re.findall(r"^\d{6,} ", terminal.screen(), re.M)) == 1, "this one alone")
        terminal.press("Enter")
        screen = terminal.shows("Esc back", f"network namespace {inode}", "7 used, 1 destination")
        assert rows(screen) == [("127.0.0.1:9001", 7)]
        drop(clients[3:])
        wait_until(lambda: rows(terminal.screen()) == [("127.0.0.1:9001", 3)], "what changed there")
        terminal.press("Escape")
        terminal.shows("on this host", "SOCKETS")
        terminal.press("BSpace")
        terminal.shows("DESTINATION")
        assert "network namespace" not in terminal.screen().split("\n")[0]
    drop(clients[:3])


@pytest.mark.parametrize("words", [["top"], ["destinations"], ["port", "22"], ["metrics"]])
@in_namespace
def test_a_closed_output_is_said(words):
    done = subprocess.run(["sh", "-c", f"exec {shlex.join([lib.exporter.BINARY, *words])} >&-"],
                          stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert done.returncode in (1, 2)
    wanted = "Bad file descriptor" if words == ["metrics"] else "standard output is closed"
    assert wanted in done.stderr, done.stderr


@in_namespace
def test_colours(tmp_path):
    small_range()
    _listener = listen(IPV4, "127.0.0.1", 9001)
    _others = [listen(IPV4, "127.0.0.1", 9002), listen(IPV4, "127.0.0.1", 9003)]
    clients = [sock for port, count in ((9001, SIZE), (9002, SIZE // 2), (9003, 1))
               for sock in connect_many(count, IPV4, "127.0.0.1", port)]
    (tmp_path / "plain").mkdir()
    with Terminal(tmp_path) as terminal, \
            Terminal(tmp_path / "plain", environment="NO_COLOR=1") as plain:
        terminal.shows("127.0.0.1:9003")
        terminal.press("Down", "Down")
        for colour, port in (("31", 9001), ("33", 9002)):
            wait_until(lambda: re.search(rf"\033\[{colour}m(\033\[\d+m)*127\.0\.0\.1:{port}",
                                         terminal.screen("-e")), f"colour {colour}")
        plain.shows("127.0.0.1:9003")
        assert "\033" not in plain.screen("-e")
    drop(clients)


@in_namespace
def test_a_filter_of_other_letters(tmp_path):
    with Terminal(tmp_path) as terminal:
        terminal.shows(KEYS)
        terminal.press("/", "é", "日", "本")
        terminal.shows("Filter: é日本_")
        terminal.press("BSpace")
        terminal.shows("Filter: é日_")
        terminal.press(*"x" * 40)
        terminal.shows(f"Filter: {'x' * 24}_  (Enter keeps it, Esc drops it)")


@in_namespace
def test_it_stops_and_goes_on(tmp_path):
    with Terminal(tmp_path, shell="exec bash --norc -i") as terminal:
        terminal.press(f"{shlex.join([lib.exporter.BINARY, 'top'])}", "Enter")
        terminal.shows(KEYS)
        for stop in "C-z", signal.SIGSTOP:
            if stop == "C-z":
                terminal.press(stop)
                terminal.shows("Stopped")
                assert terminal.tmux("display", "-p", "#{cursor_flag} #{alternate_on}").strip() == "1 0"
            else:
                os.kill(terminal.pid(), stop)
                wait_until(lambda: "Stopped" in terminal.screen(), "the shell to say so")
            terminal.press("fg", "Enter")
            terminal.shows(KEYS)
            terminal.press("s")
            terminal.shows("s sort: change" if stop == "C-z" else "s sort: active")
        terminal.press("q")
        wait_until(lambda: KEYS not in terminal.screen(), "the end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@in_namespace
def test_a_signal_gives_the_terminal_back(tmp_path, number):
    with Terminal(tmp_path) as terminal:
        terminal.shows(KEYS)
        os.kill(terminal.pid(), number)
        screen = terminal.shows("ended 0")
        assert "before" in screen and KEYS not in screen
        assert terminal.tmux("display", "-p", "#{cursor_flag} #{alternate_on}").strip() == "1 0"


@in_namespace
def test_a_dumb_terminal_and_a_pipe(tmp_path):
    small_range()
    _listener = listen(IPV4, "127.0.0.1", 9001)
    clients = connect_many(3, IPV4, "127.0.0.1", 9001)
    with Terminal(tmp_path, environment="TERM=dumb") as terminal:
        screen = terminal.shows("ended 0")
        assert "before" in screen and rows(screen) == [("127.0.0.1:9001", 3)]
    done = run("top")
    assert (done.returncode, rows(done.stdout)) == (0, [("127.0.0.1:9001", 3)])
    assert "\033" not in done.stdout and done.stdout.endswith("\n")
    assert all(len(line) <= 80 for line in done.stdout.split("\n"))
    drop(clients)


def test_a_wrong_flag():
    done = run("top", "--sockets.replay=/dev/null")
    assert (done.returncode, "top and --sockets.replay" in done.stderr) == (2, True)
