# SPDX-License-Identifier: Apache-2.0
"""`ephemera port` names the connections to which source NAT has given a port."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

from lib import openapi
from lib.bpf import needs_bpf
from lib.exporter import BINARY, PATIENCE, Exporter, environment, run
from lib.namespace import NOBODY, in_namespace
from router import CLIENT, ROUTER, SERVER, Router, connected
from test_snat import AS_NOBODY, FAMILIES, IPV4, fill, peer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the entries")

PORT = 40004


def openapi_answer(exporter):
    """The answer of the API, which is as its description says."""
    answer = json.loads(exporter.get(f"/api/v1/ports/{PORT}")[2])
    openapi.assert_valid(answer, openapi.schema("Port"))
    return answer


def ask(*args):
    done = run("port", *map(str, args), "--json")
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def flow(family, client, client_port, port=443, protocol="tcp"):
    return {"protocol": protocol, "family": "ipv4" if family == IPV4 else "ipv6", "state": "active",
            "client_address": CLIENT[family].format(client), "client_port": client_port,
            "source_address": ROUTER[family], "source_port": PORT,
            "destination_address": SERVER[family].format(2), "destination_port": port}


def local_port(sock):
    return sock.getsockname()[1]


def give(router, family, port, client=2):
    """The only port of the rules goes to a connection to that one of the server."""
    [sock] = fill(router, family, 1, client, port=port)
    return sock


@FAMILIES
@in_namespace
def test_the_client_is_named(family):
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(443, family), router.listen(80, family)]
    held = [give(router, family, 443), give(router, family, 80, client=3)]
    status, found = ask(PORT)
    [port] = found["ports"]
    assert (status, found["empty_ports"], port["use"], port["snat"]) == (0, 0, "snat", {
        "total": 2, "connections": [flow(family, 2, local_port(held[0])),
                                    flow(family, 3, local_port(held[1]), 80)]})
    assert "chances" not in port
    assert port["meaning"].endswith(
        " No socket of this host has it, but source NAT sends 2 connections out from it.")
    # Who had it is what the client calls its own port.
    assert ask(PORT, "--limit=1")[1]["ports"][0]["snat"]["connections"] == port["snat"]["connections"][:1]
    # Of no other port.
    assert ask(PORT + 1)[0] == 1
    assert "snat" not in ask(PORT + 1)[1]["ports"][0]
    del held, listeners


@in_namespace
def test_the_words():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(443)]
    held = [give(router, IPV4, 443)]
    text = run("port", PORT).stdout
    assert text.endswith(
        " No socket of this host has\nit, but source NAT sends 1 connection out from it.\n"
        "\n"
        "Source NAT has given it to 1 connection:\n"
        "\n"
        f"  tcp  active       10.77.2.1:{PORT} -> 10.77.2.2:443\n"
        f"       SNAT of 10.77.1.2:{local_port(held[0])}\n"), text
    assert "Nothing" not in text
    line = f"{PORT}\ttcp\tsnat\t10.77.2.1:{PORT}\t10.77.2.2:443\t10.77.1.2:{local_port(held[0])}\t-\n"
    assert run("port", PORT, "--oneline").stdout == line
    # Of a range, only what is there; and the host's own sockets besides.
    own = router.listen(PORT + 1, host=2)
    with socket.create_server((ROUTER[IPV4], PORT + 2)):
        lines = run("port", f"{PORT}-{PORT + 9}", "--oneline").stdout.splitlines(keepends=True)
        assert [each.split("\t")[2] for each in lines] == ["listen", "snat"]
        text = run("port", f"{PORT}-{PORT + 9}").stdout
        assert "SNAT of 10.77.1.2:" in text
        assert "Nothing is on the other 8 ports." in text
        assert ask(f"{PORT}-{PORT + 9}")[1]["empty_ports"] == 8
    held[0].close()
    listeners[0].accept()[0].close()
    assert ask(PORT)[1]["ports"][0]["snat"]["connections"][0]["state"] == "closing"
    assert run("port", PORT, "--oneline").stdout.split("\t")[2] == "snat-closing"
    del own


@in_namespace
def test_many_are_told_by_client():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    count = 13
    listeners = [router.listen(port) for port in range(440, 440 + count)]
    held = [give(router, IPV4, port, client=2 if port < 442 else 3) for port in range(440, 440 + count)]
    text = run("port", PORT).stdout
    assert f"\nSource NAT has given it to {count} connections:\n" in text
    assert text.count("SNAT of ") == 5
    assert text.endswith("\n  and 8 more\n  They are of 2 clients: 10.77.1.3 (11), 10.77.1.2 (2).\n")
    done = run("port", PORT, "--oneline", "--limit=4")
    assert (done.stdout.count("\n"), done.stderr) == (
        4, "ephemera: port: 9 more connections are not shown (--limit)\n")
    del held, listeners


@in_namespace
def test_only_what_is_asked_for():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(443), router.listen(80), router.listen(443, host=3)]
    held = [give(router, IPV4, 443), give(router, IPV4, 80, client=3)]
    held += connected([router.new(client=4)], peer(IPV4, host=3), wanted=1)

    def clients(*args):
        status, found = ask(*args)
        named = [each["client_address"][-1] for each in
                 found["ports"][0].get("snat", {}).get("connections", [])]
        assert status == (0 if named else 1)
        return "".join(named)

    assert clients(PORT) == "234"
    assert clients(PORT, "--to=:80") == "3"
    assert clients(PORT, "--to=10.77.2.3") == "4"
    assert clients(f"tcp/{PORT}") == clients(f"10.77.2.1:{PORT}") == "234"
    assert clients(f"udp/{PORT}") == clients(f"10.77.1.1:{PORT}") == ""
    # They have no process here, and no state of a socket.
    assert clients(PORT, "--state=established") == clients(PORT, "--by=nginx") == ""
    del held, listeners


@in_namespace
def test_what_is_not_translated_is_not_told():
    router = Router()
    router.rules(f"masquerade to :{PORT}", "tcp dport 8443 dnat ip to 10.77.2.3:443")
    listeners = [router.listen(443), router.listen(443, host=3)]
    own = router.new(client=None)
    own.bind((ROUTER[IPV4], PORT))
    [own] = connected([own], peer(IPV4), wanted=1)
    _, found = ask(PORT)
    assert found["ports"][0]["local"]["total"] == 1
    assert "snat" not in found["ports"][0]
    # After DNAT the peer is the one that gets the packets.
    held = connected([router.new()], ("10.77.2.9", 8443), wanted=1)
    [port] = ask(PORT)[1]["ports"]
    assert port["use"] != "snat"
    assert port["snat"]["connections"] == [{**flow(IPV4, 2, local_port(held[0])),
                                            "destination_address": "10.77.2.3"}]
    assert "\nSource NAT has given it to 1 connection:\n" in run("port", PORT).stdout
    del own, held, listeners


@in_namespace
def test_who_may_not_see_it():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listener = router.listen(443)
    held = give(router, IPV4, 443)
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
    said = "\nWhether source NAT has it, only root sees.\n"
    text = run("port", PORT, **as_nobody).stdout
    assert "Nothing is on it." in text and text.endswith(said)
    assert json.loads(run("port", PORT, "--json", **as_nobody).stdout)["snat_unknown"] is True
    assert "only root sees" not in run("port", PORT).stdout
    # For scripts: nothing on standard output, and why on standard error.
    for asked, what in ((PORT, "it"), (f"{PORT}-{PORT + 1}", "them")):
        done = run("port", asked, "--oneline", **as_nobody)
        assert (done.returncode, done.stdout, done.stderr) == (
            1, "", f"ephemera: port: whether source NAT has {what}, only root sees\n")
        assert run("port", PORT, "--oneline").stderr == ""
    # Not where somebody was found.
    with socket.create_server((ROUTER[IPV4], PORT)):
        assert "root sees" not in run("port", PORT, **as_nobody).stdout
    # Not where nothing is forwarded: a firewall of one's own tracks connections, too.
    with router.at(router.client):
        assert "root sees" not in run("port", PORT, **as_nobody).stdout
    del held, listener


@in_namespace
def test_with_owners_it_is_left_out_but_told():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(443), router.listen(80)]
    held = [give(router, IPV4, 443)]
    asked = ("port", PORT, "--by=no-such-process")
    done = run(*asked)
    text = done.stdout.replace("\n", " ")
    assert done.returncode == 1
    assert "No socket is on it." in text and "Nothing is on it" not in text
    assert text.endswith(" Source NAT sends 1 connection out from it. --by leaves it out: it has no process here. ")
    assert ask(*asked[1:])[1]["snat_left_out"] == 1
    held.append(give(router, IPV4, 80, client=3))
    text = run("port", f"{PORT}-{PORT + 1}", *asked[2:]).stdout.replace("\n", " ")
    assert text.endswith(" Source NAT sends 2 connections out from them. --by leaves them out: they have no process here. ")
    done = run(*asked, "--oneline")
    assert (done.returncode, done.stdout, done.stderr) == (
        1, "", "ephemera: port: 2 connections of source NAT are left out: they have no process here\n")
    # Not of another port, and not where nothing was asked of owners.
    assert "Nothing is on it." in run("port", PORT + 1, *asked[2:]).stdout
    assert "leaves" not in run("port", PORT).stdout
    del held, listeners


@in_namespace
def test_watch_prints_what_changes():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(443), router.listen(80)]
    held = give(router, IPV4, 443)
    with subprocess.Popen([BINARY, "port", str(PORT), "--watch"], stdout=subprocess.PIPE, text=True,
                          env=environment()) as watch:
        next(line for line in watch.stdout if line.startswith("Watching for changes"))
        more = give(router, IPV4, 80, client=3)
        first, second = watch.stdout.readline(), watch.stdout.readline()
        assert re.fullmatch(rf"\d\d:\d\d:\d\d \+ tcp  active       10.77.2.1:{PORT} -> 10.77.2.2:80\n", first)
        assert second == f"                SNAT of 10.77.1.3:{local_port(more)}\n"
        held.close()
        listeners[0].accept()[0].close()
        assert " ~ tcp  closing      10.77.2.1:40004 -> 10.77.2.2:443\n" in watch.stdout.readline()
        assert "SNAT of 10.77.1.2:" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        watch.stdout.read()
        assert watch.wait(PATIENCE) == 0
    del more, listeners


@in_namespace
def test_watch_as_json_prints_an_answer_for_each_change():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(443), router.listen(80)]
    held = [give(router, IPV4, 443)]
    with subprocess.Popen([BINARY, "port", str(PORT), "--watch", "--json"], stdout=subprocess.PIPE, text=True,
                          env=environment()) as watch:
        assert json.loads(watch.stdout.readline())["ports"][0]["snat"]["total"] == 1
        held.append(give(router, IPV4, 80))
        assert json.loads(watch.stdout.readline())["ports"][0]["snat"]["total"] == 2
        watch.send_signal(signal.SIGINT)
        assert watch.wait(PATIENCE) == 0
    del held, listeners


@in_namespace
def test_another_namespace_is_asked():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listener = router.listen(443)
    held = give(router, IPV4, 443)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as there, router.at(router.client):
        assert ask(PORT)[0] == 1
        done = run("port", PORT, "--json", f"--namespace={there.pid}")
        assert (done.returncode, json.loads(done.stdout)["ports"][0]["snat"]["total"]) == (0, 1)
    del held, listener


@needs_bpf
@in_namespace
def test_of_all_namespaces_our_own_is_asked_though_it_has_no_socket():
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(PORT), router.listen(443)]
    held = give(router, IPV4, 443)
    done = run("port", PORT, "--namespace=all", "--json")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    own = [each for each in answers if each["is_own"]]
    assert [each["ports"][0]["snat"]["total"] for each in own] == [1]
    # The server's, which has a socket on it.
    assert len(answers) > 1
    text = run("port", PORT, "--namespace=all").stdout
    assert f"SNAT of 10.77.1.2:{local_port(held)}" in text
    # It comes once where it has a socket, too.
    with socket.create_server((ROUTER[IPV4], PORT)):
        done = run("port", PORT, "--namespace=all", "--json")
        assert [each["ports"][0]["snat"]["total"] for each in map(json.loads, done.stdout.splitlines())
                if each["is_own"]] == [1]
    del held, listeners


@pytest.mark.parametrize("wrapper", [(), AS_NOBODY], ids=["root", "dac_read_search"])
@in_namespace
def test_the_api_names_the_client_without_a_privilege(wrapper):
    router = Router()
    router.rules(f"masquerade to :{PORT}")
    listeners = [router.listen(443), router.listen(80)]
    with Exporter("--web.enable-api", "--collector.snat", wrapper=wrapper) as exporter:
        assert openapi_answer(exporter)["use"] == "free"
        held = [give(router, IPV4, 443)]
        # Between two scrapes, which read the same entries from another place.
        exporter.metrics()
        answer = openapi_answer(exporter)
        assert (answer["use"], answer["snat"]) == (
            "snat", {"total": 1, "connections": [flow(IPV4, 2, local_port(held[0]))]})
        held.append(give(router, IPV4, 80, client=3))
        exporter.metrics()
        assert openapi_answer(exporter)["snat"]["total"] == 2
    with Exporter("--web.enable-api", wrapper=wrapper) as exporter:
        assert "snat" not in openapi_answer(exporter)
    del held, listeners
