# SPDX-License-Identifier: Apache-2.0
"""Runs as root in the virtual machine of test_systemd_vm.py: does with the package and its units what
an administrator would, and writes what is seen, a line of JSON for each step, to its standard output.
It judges nothing; what must hold stands in the tests. Arguments: the steps to do, if not all."""

import contextlib
import glob
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import urllib.request

PACKAGES = "/packages"
UNITS = "/etc/systemd/system"
EXAMPLES = "/usr/share/doc/ephemera/examples/ephemera.service.d"
SETTINGS = "/etc/default/ephemera"
HELD = 127  # a destination of 100 ports is shown without asking
STATES = ("ActiveState", "SubState", "Result", "MainPID", "NRestarts", "UnitFileState", "LoadState",
          "ExecMainCode", "ExecMainStatus")

STEPS = []


def step(function):
    STEPS.append(function)
    return function


def do(*command, check=True, timeout=180):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=timeout,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
                               "SYSTEMD_COLORS": "0"})
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done


def systemctl(*words, **kw):
    return do("systemctl", *words, **kw)


def show(unit="ephemera.service", names=STATES):
    said = systemctl("show", unit, "--property=" + ",".join(names)).stdout
    return dict(line.partition("=")[::2] for line in said.splitlines())


def main_pid():
    return int(show()["MainPID"])


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}; {show()}"
        time.sleep(0.5)
    return answer


def get(path, address="http://127.0.0.1:10059", context=None):
    with urllib.request.urlopen(address + path, timeout=30, context=context) as answer:
        return answer.read().decode()


def samples(text, name):
    return [line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line)]


@contextlib.contextmanager
def held_connections():
    """The port of a listener that HELD connections are held to."""
    with contextlib.ExitStack() as kept:
        listener = kept.enter_context(socket.create_server(("127.0.0.1", 0), backlog=HELD))
        port = listener.getsockname()[1]
        for _ in range(HELD):
            kept.enter_context(socket.create_connection(("127.0.0.1", port)))
        yield port


def scrape_of_held(**kw):
    """(what was held where, the metrics)"""
    with held_connections() as port:
        return port, get("/metrics", **kw)


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return {name: value.split() for name, _, value in (line.partition(":") for line in file)}


def exposure():
    said = do("systemd-analyze", "security", "--no-pager", "ephemera.service").stdout
    return float(re.search(r"Overall exposure level for ephemera.service: ([0-9.]+)", said)[1])


def journal(*words):
    do("journalctl", "--sync")
    return do("journalctl", "--no-pager", "--unit=ephemera.service", "--unit=ephemera.socket", *words).stdout


def drop_in(name, text=None, unit="ephemera.service"):
    """Copies one of the examples, or writes one. It counts after a daemon-reload."""
    folder = f"{UNITS}/{unit}.d"
    os.makedirs(folder, exist_ok=True)
    if text is None:
        shutil.copy(f"{EXAMPLES}/{name}", folder)
    else:
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)


def reload_and_restart():
    systemctl("daemon-reload")
    systemctl("restart", "ephemera")


def settings(text):
    with open(SETTINGS, "w", encoding="utf-8") as file:
        file.write(text)


@contextlib.contextmanager
def changes():
    """Whatever the block changes of units and settings is undone; the service is stopped then."""
    with open(SETTINGS, encoding="utf-8") as file:
        before = file.read()
    try:
        yield
    finally:
        if os.path.exists(f"{UNITS}/sockets.target.wants/ephemera.socket"):
            systemctl("disable", "--now", "ephemera.socket")
        settings(before)
        if folders := glob.glob(f"{UNITS}/ephemera.*.d"):
            for folder in folders:
                shutil.rmtree(folder)
            systemctl("daemon-reload")
        if show()["UnitFileState"] != "enabled":
            systemctl("enable", "ephemera.service")
        systemctl("stop", "ephemera.service")


@step
def boot():
    systemctl("is-system-running", "--wait", check=False)
    return {"state": systemctl("is-system-running", check=False).stdout.strip(),
            "failed": systemctl("list-units", "--failed", "--plain", "--no-legend").stdout,
            "version": do("systemctl", "--version").stdout.split()[1],
            "modules": do("lsmod").stdout, "root": do("findmnt", "-no", "FSTYPE", "/").stdout.strip()}


@step
def install():
    said = do("apt-get", "install", "-y", f"{PACKAGES}/installed.deb").stdout
    return {"apt": said, "service": show(),
            "socket": show("ephemera.socket"),
            "configured": show(names=("Type", "WatchdogUSec", "StatusText", "DynamicUser", "MemoryMax",
                                      "NotifyAccess", "StartLimitIntervalUSec"))}


@step
def scrape():
    port, text = scrape_of_held()
    return {"port": port, "destinations": samples(text, "ephemera_destination_ports"),
            "collectors": samples(text, "ephemera_scrape_collector_success"),
            "owners": samples(text, "ephemera_owner_ports"),
            "features": samples(text, "ephemera_kernel_feature"),
            "modules": do("lsmod").stdout}


@step
def confinement():
    pid = main_pid()
    have = status(pid)
    cgroup = "/sys/fs/cgroup/system.slice/ephemera.service"
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        limits = {line[:26].strip(): line[26:].split()[:2] for line in file}

    def of_cgroup(name):
        with open(f"{cgroup}/{name}", encoding="ascii") as file:
            return file.read().split()

    return {"status": {name: have[name] for name in (
                "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
                "Seccomp", "Seccomp_filters")},
            "limits": limits, "pid": pid,
            "memory.max": of_cgroup("memory.max"), "memory.current": of_cgroup("memory.current"),
            "pids.max": of_cgroup("pids.max"), "procs": of_cgroup("cgroup.procs"),
            "namespaces": {name: os.readlink(f"/proc/{pid}/ns/{name}") == os.readlink(f"/proc/self/ns/{name}")
                           for name in ("net", "user", "mnt", "ipc", "uts")},
            "exposure": exposure()}


@step
def stop_and_start():
    began = time.monotonic()
    systemctl("stop", "ephemera")
    took = time.monotonic() - began
    stopped = show()
    systemctl("start", "ephemera")
    # It has said that it is ready, so there is nothing to wait for.
    get("/-/ready")
    first = main_pid()
    systemctl("restart", "ephemera")
    get("/-/ready")
    return {"took": took, "stopped": stopped, "first": first, "then": show()}


@step
def quiet_journal():
    return {"ours": journal("--output=cat", "_COMM=ephemera"),
            "warnings": do("journalctl", "--no-pager", "--output=cat", "--priority=warning",
                           "UNIT=ephemera.service", "+", "_SYSTEMD_UNIT=ephemera.service").stdout}


@step
def unix_socket():
    with changes():
        settings('EPHEMERA_LISTEN="--web.listen-address=unix:/run/ephemera/web.sock"\n')
        systemctl("restart", "ephemera")
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect("/run/ephemera/web.sock")
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        answer.read()
        mode = os.stat("/run/ephemera/web.sock").st_mode & 0o7777
        systemctl("stop", "ephemera")
        return {"status": answer.status, "mode": mode, "left": os.path.exists("/run/ephemera")}


@step
def watchdog():
    with changes():
        drop_in("watchdog.conf", "[Service]\nWatchdogSec=5s\nRestartSec=1s\n")
        reload_and_restart()
        pid = main_pid()
        watched = show(names=("WatchdogUSec",))
        # It is fed for as long as it lives.
        time.sleep(6)
        fed = show()
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        names = ("NRestarts", "ActiveState")
        wait_for(lambda: show(names=names) == {"NRestarts": "1", "ActiveState": "active"}, "another one")
        took = time.monotonic() - began
        return {"watched": watched, "before": pid, "fed": fed, "then": show(), "took": took,
                "healthy": get("/-/healthy"), "journal": journal("--output=cat", "--lines=30")}


@step
def port_taken():
    with changes():
        systemctl("stop", "ephemera")
        with socket.create_server(("::", 10059), family=socket.AF_INET6, dualstack_ipv6=True):
            started = systemctl("start", "ephemera", check=False)
            without = show()
        wait_for(lambda: show()["ActiveState"] == "active", "started when the port was free")
        return {"started": started.returncode, "without": without, "then": show(), "healthy": get("/-/healthy")}


@step
def wrong_flag():
    with changes():
        settings('EPHEMERA_FLAGS="--collector.destinations.limits=50"\n')
        began = systemctl("restart", "ephemera", check=False)
        # Longer than RestartSec.
        time.sleep(6.5)
        failed = show()
        said = journal("--output=cat", "--lines=20")
        settings('EPHEMERA_FLAGS="--collector.destinations.limit=50"\n')
        systemctl("start", "ephemera")
        return {"restart": began.returncode, "failed": failed, "then": show(), "journal": said,
                "healthy": get("/-/healthy")}


@contextlib.contextmanager
def process_of_another_user():
    """(pid, port) of a listener of the user daemon."""
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 20011)); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], user="daemon", group="daemon",
                          stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            yield process.pid, 20011
        finally:
            process.kill()


def listening(port):
    """Local addresses of the TCP sockets that listen on it, as the kernel writes them."""
    found = set()
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for line in list(file)[1:]:
                address, number = line.split()[1].split(":")
                if int(number, 16) == port and line.split()[3] == "0A":
                    found.add(address)
    return sorted(found)


@step
def api():
    with changes(), process_of_another_user() as (pid, port):
        drop_in("api.conf")
        reload_and_restart()
        answer = json.loads(get(f"/api/v1/ports/{port}"))
        have = status(main_pid())
        return {"pid": pid, "answer": answer, "capabilities": have["CapEff"], "exposure": exposure(),
                "page": get("/")[:200], "listening": listening(10059)}


@step
def api_without_its_drop_in():
    with changes(), process_of_another_user() as (pid, port):
        settings('EPHEMERA_FLAGS="--web.enable-api"\n')
        systemctl("restart", "ephemera")
        return {"pid": pid, "answer": json.loads(get(f"/api/v1/ports/{port}"))}


@contextlib.contextmanager
def ten_ports():
    """The range of this machine, for as long as the block."""
    path = "/proc/sys/net/ipv4/ip_local_port_range"
    with open(path, encoding="ascii") as file:
        before = file.read()
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write("40000 40009")
        yield
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


@step
def exhaustion():
    with changes(), ten_ports(), socket.create_server(("127.0.0.1", 30001)), contextlib.ExitStack() as stack:
        drop_in("exhaustion.conf")
        reload_and_restart()
        said = [stack.enter_context(socket.socket()).connect_ex(("127.0.0.1", 30001)) for _ in range(11)]
        text = get("/metrics")
        have = status(main_pid())
        return {"refused": [os.strerror(error) for error in said if error], "uid": have["Uid"],
                "collector": samples(text, "ephemera_scrape_collector_success"),
                "failures": [line for line in text.splitlines() if "port_exhaustion_errors_total" in line],
                "capabilities": {name: have[name][0] for name in ("CapPrm", "CapEff", "CapAmb")},
                "exposure": exposure(), "journal": journal()}


def rights():
    """What the unit gives, what the exporter has left, and what it reads by."""
    have = status(main_pid())
    return {"given": show(names=("CapabilityBoundingSet", "AmbientCapabilities")), "uid": have["Uid"],
            "left": {name: have[name][0] for name in ("CapPrm", "CapEff", "CapAmb")},
            "source": samples(get("/metrics"), "ephemera_socket_source_info"), "exposure": exposure()}


@step
def walk():
    """By itself, and with the other drop-in that has the same rights."""
    with changes():
        systemctl("start", "ephemera")
        before = rights()
        drop_in("walk.conf")
        reload_and_restart()
        alone = rights()
        drop_in("exhaustion.conf")
        reload_and_restart()
        return {"before": before, "alone": alone, "both": rights(), "journal": journal(),
                "collector": samples(get("/metrics"), "ephemera_scrape_collector_success")}


def configure_tls():
    os.makedirs("/etc/ephemera", mode=0o700, exist_ok=True)
    for name in ("server.crt", "server.key"):
        shutil.copy(f"{PACKAGES}/{name}", "/etc/ephemera")
        os.chmod(f"/etc/ephemera/{name}", 0o600)
    with open("/etc/ephemera/web.yml", "w", encoding="utf-8") as file:
        file.write("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n")
    drop_in("tls.conf")
    return ssl.create_default_context(cafile=f"{PACKAGES}/authority.crt")


@step
def leases():
    """Who had a port, from the journal: the service, then the two commands of docs/leases.md."""
    def kept():
        return do("journalctl", "--no-pager", "--unit=ephemera-leases", "--output=cat").stdout

    before = show("ephemera-leases.service")
    systemctl("start", "ephemera-leases")
    wait_for(lambda: '"started"' in kept(), "the begin of the trace")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        port = client.getsockname()[1]
        began = time.strftime("%H:%M:%S")
        accepted = listener.accept()[0]
        client.close()
        accepted.close()
    wait_for(lambda: f'"source_port":{port}' in kept(), "the lease")
    asked = do("sh", "-c", "journalctl -u ephemera-leases -o cat --since today | "
               f"ephemera port {port} --at={began} --leases=- --json", check=False)
    in_words = do("sh", "-c", "journalctl -u ephemera-leases -o json | "
                  f"ephemera port {port} --at={began} --leases=-", check=False)
    runs = show("ephemera-leases.service")
    systemctl("stop", "ephemera-leases")
    # What a service prints and what systemd says of it reach the journal by two ways, in any order.
    do("journalctl", "--sync")
    return {"before": before, "runs": runs, "port": port, "status": asked.returncode,
            "answer": asked.stdout, "in_words": in_words.stdout, "pid": os.getpid(),
            "stopped": show("ephemera-leases.service"), "kept": kept().splitlines()}


@step
def tls():
    with changes():
        context = configure_tls()
        reload_and_restart()
        port, text = scrape_of_held(address="https://127.0.0.1:10059", context=context)
        # Whether anybody else could read the copies.
        folder = "/run/credentials/ephemera.service"
        reading = do("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups",
                     "cat", f"{folder}/server.key", check=False)
        try:
            plain = get("/metrics")
        except OSError as error:
            plain = f"refused: {error!r}"
        return {"port": port, "destinations": samples(text, "ephemera_destination_ports"),
                "plain": plain[:80], "reading": reading.returncode, "copies": os.listdir(folder)}


class Scraper(threading.Thread):
    """Asks again and again until it is told to end, and counts how that went."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.went = {}

    def run(self):
        while not self.ended.is_set():
            try:
                how = "answered" if get("/-/healthy") else "empty"
            except urllib.error.HTTPError as error:
                how = f"status {error.code}"
            except urllib.error.URLError as error:
                how = f"connecting: {type(error.reason).__name__}"
            except OSError as error:
                how = f"reading: {type(error).__name__}"
            self.went[how] = self.went.get(how, 0) + 1
            time.sleep(0.25)

    def __exit__(self, *_):
        self.ended.set()
        self.join(60)

    def __enter__(self):
        self.start()
        return self


def use_socket():
    """As docs/install.md has it."""
    drop_in("socket.conf")
    systemctl("daemon-reload")
    systemctl("disable", "--now", "ephemera.service")
    systemctl("enable", "--now", "ephemera.socket")


def scrapes_over_two_restarts():
    with Scraper() as scraper:
        time.sleep(1)
        systemctl("restart", "ephemera")
        time.sleep(1)
        systemctl("restart", "ephemera")
        time.sleep(1)
    return scraper.went


@step
def socket_activation():
    with changes():
        use_socket()
        idle = show()
        waiting = show("ephemera.socket")
        port, text = scrape_of_held()
        active = show()
        went = scrapes_over_two_restarts()
        return {"idle": idle, "waiting": waiting, "active": active, "went": went,
                "destinations": samples(text, "ephemera_destination_ports"), "port": port, "then": show(),
                "wants": sorted(glob.glob(f"{UNITS}/*.wants/ephemera*"))}


@step
def restart_without_the_socket():
    """What socket_activation is compared with."""
    systemctl("start", "ephemera")
    return {"went": scrapes_over_two_restarts()}


@step
def socket_without_its_drop_in():
    with changes():
        systemctl("start", "ephemera")
        return {"started": systemctl("start", "ephemera.socket", check=False).returncode,
                "socket": show("ephemera.socket"), "healthy": get("/-/healthy")}


@step
def everything_at_once():
    with changes(), process_of_another_user() as (pid, port):
        drop_in("api.conf")
        # A port that takes root, or a capability.
        drop_in("port.conf", "[Socket]\nListenStream=\nListenStream=479\n", unit="ephemera.socket")
        context = configure_tls()
        use_socket()
        answer = get(f"/api/v1/ports/{port}", address="https://127.0.0.1:479", context=context)
        return {"pid": pid, "answer": json.loads(answer), "service": show(),
                "capabilities": status(main_pid())["CapEff"]}


@step
def address_filter():
    with changes():
        drop_in("addresses.conf", "[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost 192.0.2.7\n")
        reload_and_restart()
        allowed = get("/-/healthy")
        drop_in("addresses.conf", "[Service]\nIPAddressDeny=any\nIPAddressAllow=192.0.2.7\n")
        reload_and_restart()
        try:
            socket.create_connection(("127.0.0.1", 10059), timeout=3).close()
            denied = "connected"
        except OSError as error:
            denied = type(error).__name__
        return {"allowed": allowed, "denied": denied}


@step
def upgrade():
    systemctl("start", "ephemera")
    before = show()
    said = do("dpkg", "--install", f"{PACKAGES}/newer.deb").stdout
    return {"before": before, "then": show(), "dpkg": said, "healthy": get("/-/healthy"),
            "version": do("dpkg-query", "-W", "-f", "${Version}", "ephemera").stdout,
            "reload": show(names=("NeedDaemonReload",))}


@step
def upgrade_of_what_is_disabled():
    systemctl("disable", "--now", "ephemera.service")
    do("dpkg", "--install", f"{PACKAGES}/newer.deb")
    stopped = show()
    systemctl("enable", "--now", "ephemera.service")
    return {"stopped": stopped, "then": show()}


@step
def upgrade_of_what_the_socket_starts():
    with changes():
        use_socket()
        get("/-/healthy")
        before = show()
        with Scraper() as scraper:
            do("dpkg", "--install", f"{PACKAGES}/newer.deb")
            time.sleep(1)
        return {"before": before, "then": show(), "socket": show("ephemera.socket"), "went": scraper.went}


@step
def removal():
    said = do("dpkg", "--remove", "ephemera").stdout
    removed = {"dpkg": said, "service": show(), "processes": do("pidof", "ephemera", check=False).stdout,
               "settings": os.path.exists(SETTINGS)}
    return removed


@step
def purge():
    said = do("apt-get", "purge", "-y", "ephemera").stdout
    left = [path for path in glob.glob("/etc/**/*ephemera*", recursive=True) if path != "/etc/ephemera"]
    left += glob.glob("/var/lib/systemd/**/*ephemera*", recursive=True) + glob.glob("/run/*ephemera*")
    return {"apt": said, "service": show(), "left": left,
            "units": systemctl("list-units", "--all", "--plain", "--no-legend", "ephemera*").stdout,
            "failed": systemctl("list-units", "--failed", "--plain", "--no-legend").stdout}


def main(names):
    for function in STEPS:
        if names and function.__name__ not in names:
            continue
        began = time.monotonic()
        said = {"step": function.__name__}
        try:
            said["seen"] = function()
        except Exception:  # the next step may still be right
            said["error"] = traceback.format_exc() + do("journalctl", "--no-pager", "--lines=40").stdout
        said["seconds"] = round(time.monotonic() - began, 1)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
