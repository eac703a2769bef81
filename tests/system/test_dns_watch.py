# SPDX-License-Identifier: Apache-2.0
"""What DNS leads to: every verdict, on real hosts behind a real BIND, and the watchdog that tells of rogue ones."""
import json
import os
import socket
import subprocess
import threading

import pytest
from bind import Bind
from harness import Machine, Vendor, needs_faketime, needs_root, run, wait_for

SRV = "_muster._tcp.fjord.test"


@pytest.fixture
def bind(folder):
    names = ("one", "two", "other", "rogue", "dead", "noise", "mute", "gone")
    server = Bind(folder).start("".join(f"{name} IN A 127.0.0.1\n" for name in names))
    yield server
    server.stop()


def section(bind, minutes=0, more=""):
    return (f"[dns]\ndomains = {bind.zone}\nserver = {bind.server}\nresolver = {bind.server}\ntarget = one.fjord.test\n"
            f"tsig_key_file = {bind.good}\nwatch_minutes = {minutes}\n{more}")


def add(bind, name, port, priority=10):
    bind.update(f"update add {SRV} 60 SRV {priority} 0 {port} {name}.fjord.test.")


def listener(answer):
    """A TCP port on loopback that greets each connection so, then waits; closes with the test's process."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        kept = []
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            if answer:
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return server


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def evil(folder):
    """Another vendor, whom our hosts do not know."""
    (folder / "evil").mkdir()
    return Vendor(folder / "evil", name="Evil")


def rogue_host(hosts, evil):
    host = hosts(state="rogue").start()
    host.install(evil)
    return host


def certified(hosts, vendor, folder, state, more=()):
    """A second host of the same license."""
    host = hosts(state=state).start()
    host.certify(vendor, folder / "fjord.license", more=more)
    return host


def check(host):
    done = host.ctl("--json", "dns", "check", check=False)
    return done.returncode, json.loads(done.stdout)["items"]


def test_every_verdict(folder, hosts, vendor, evil, bind):
    host = hosts(config=section(bind), state="one").start()
    host.serve(vendor, "id=cad-volume,product=acme-cad,model=volume,threshold=1")
    host.ctl("dns", "publish")
    assert check(host)[0] == 0
    two = certified(hosts, vendor, folder, "two")
    other = hosts(state="other").start()
    foreign = folder / "elv.license"
    vendor("license", "issue", "--org", "elv", "--org-name", "Elv AS", "--until", "2090-01-01", "--hosts", "1", "--grant",
           f"id=cad,product={vendor.product},model=volume,threshold=1", "-o", foreign)
    other.certify(vendor, foreign)
    rogue = rogue_host(hosts, evil)
    dead, stale = closed_port(), closed_port()
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 8) as noise, listener(b"") as mute:
        wanted = {host.port: "self", two.port: "ok", other.port: "other_org", rogue.port: "untrusted", dead: "dead",
                  noise.getsockname()[1]: "not_muster", mute.getsockname()[1]: "not_muster", stale: "wrong_port", 6000: "unresolvable"}
        for name, port in (("two", two.port), ("other", other.port), ("rogue", rogue.port), ("dead", dead), ("one", stale),
                           ("noise", noise.getsockname()[1]), ("mute", mute.getsockname()[1]), ("nowhere", 6000)):
            add(bind, name, port)
        code, rows = check(host)
        assert code == 1
        assert {row["port"]: row["verdict"] for row in rows} == wanted
        for row in rows:
            assert row["domain"] == "fjord.test" and row["rogue"] == (row["verdict"] in ("other_org", "untrusted"))
            assert (row["error"] is None) == (row["verdict"] in ("self", "ok"))
            assert row["error"] is None or row["error"]["remedy"]
            assert row["ms"] < 10000
        assert next(row for row in rows if row["verdict"] == "ok")["detail"]
        text = host.ctl("dns", "check", check=False).stdout
        assert "untrusted" in text and "DNS_ROGUE_HOST" in text and text.count("remedy: ") == 7
        table = host.ctl("dns", "check", "--csv", check=False).stdout.splitlines()
        assert table[0].startswith("domain,target,port,priority,weight,ttl,address,verdict") and len(table) == 10
    # What was found is kept, and shown without asking anybody.
    shown = host.items("dns", "show")[0]
    assert {row["port"]: row["verdict"] for row in shown["targets"]} == wanted and shown["present"] is True
    assert "DNS_ROGUE_HOST" in host.ctl("dns", "show").stdout
    # The hosts that were called have told nothing wrong, and nobody was counted.
    assert all(h.status()["devices"] == 0 for h in (host, two, rogue, other))

    # A host whose certificate the vendor has revoked is a rogue, too.
    vendor("host", "revoke", two.json("host", "show")["id"])
    vendor("revocations", "-o", folder / "list")
    host.ctl("install", folder / "list")
    assert {row["port"]: row["verdict"] for row in check(host)[1]}[two.port] == "revoked"


def test_what_is_missing(folder, hosts, vendor, bind):
    host = hosts(config=section(bind), state="one").start()
    code, rows = check(host)
    assert code == 2 and [(row["verdict"], row["error"]["code"]) for row in rows] == [("no_record", "DNS_NO_RECORD")]
    host.install(vendor)
    add(bind, "gone", closed_port())
    code, rows = check(host)
    assert code == 2 and [row["verdict"] for row in rows] == ["dead", "missing"]
    assert rows[1]["target"] == "one.fjord.test" and rows[1]["port"] == host.port
    codes = {row["code"]: row["severity"] for row in host.status()["health"]}
    assert codes["DNS_DEAD_HOST"] == "warning" and codes["DNS_OWN_MISSING"] == "info"
    bind.stop()
    code, rows = check(host)
    assert code == 2 and rows[0]["verdict"] == "no_answer"
    # What was known stays, with the reason why it is old.
    verdicts = [row["verdict"] for row in host.items("dns", "show")[0]["targets"]]
    assert verdicts == ["dead", "no_answer"]


def test_before_a_vendor_has_certified_it(hosts, vendor, bind):
    host = hosts(config=section(bind), state="one").start()
    other = hosts(state="two").start()
    other.install(vendor)
    add(bind, "two", other.port)
    assert check(host)[1][0]["verdict"] == "unknown"


def acts(host, act):
    return [row for row in host.items("audit", "list") if row["action"] == act]


@needs_faketime
def test_a_rogue_host_is_reported_within_one_period(folder, hosts, vendor, evil, bind, clock):
    host = hosts(config=section(bind, minutes=1), state="one", env=clock.env).start()
    host.install(vendor)
    host.ctl("dns", "publish")
    rogue = rogue_host(hosts, evil)
    seconds = 0

    def period():
        """Let one pass; when the watchdog has looked since."""
        nonlocal seconds
        seconds += 60
        before = host.items("dns", "show")[0]["checked"]
        clock.set(f"+{seconds}s")
        wait_for(lambda: host.items("dns", "show")[0]["checked"] != before, what="a look")

    def codes():
        return {row["code"]: row for row in host.status()["health"]}

    period()
    assert "DNS_ROGUE_HOST" not in codes() and acts(host, "dns.rogue") == []
    assert 'muster_dns_targets{domain="fjord.test",verdict="self"} 1' in host.metrics()
    add(bind, "rogue", rogue.port)
    period()
    item = codes()["DNS_ROGUE_HOST"]
    assert item["severity"] == "error" and f"rogue.fjord.test:{rogue.port}" in item["message"] and item["remedy"]
    status, health = host.api("GET", "/v1/health")
    assert status == 503 and any(row["code"] == "DNS_ROGUE_HOST" for row in health["health"])
    assert 'muster_dns_targets{domain="fjord.test",verdict="untrusted"} 1' in host.metrics()
    assert 'muster_dns_published{domain="fjord.test"} 1' in host.metrics()
    run("promtool", "check", "metrics", stdin=host.metrics())
    row = acts(host, "dns.rogue")[0]
    assert row["actor"] == "watchdog" and row["object"] == "fjord.test" and str(rogue.port) in json.dumps(row["detail"])
    assert host.log.read_text().count("dns.rogue domain=fjord.test") == 1

    period()  # it is still there: told once
    bind.stop()
    period()  # nothing is known to have changed while DNS is silent
    assert "DNS_ROGUE_HOST" in codes() and "DNS_FAILED" in codes()
    assert len(acts(host, "dns.rogue")) == 1 and acts(host, "dns.rogue-gone") == []


def test_a_rogue_host_that_is_gone(folder, hosts, vendor, evil, bind):
    host = hosts(config=section(bind), state="one").start()
    host.install(vendor)
    rogue = rogue_host(hosts, evil)
    add(bind, "rogue", rogue.port)
    for _ in range(2):
        assert check(host)[0] == 1
    bind.update(f"update delete {SRV} SRV")
    check(host)
    assert [row["action"] for row in host.items("audit", "list") if row["action"].startswith("dns.")] == ["dns.rogue",
                                                                                                          "dns.rogue-gone"]
    assert "DNS_ROGUE_HOST" not in {row["code"] for row in host.status()["health"]}
    host.ctl("audit", "verify")


# --- as in an organisation: a network of its own, the usual ports, nothing but the machine's own resolver ---

@pytest.fixture
def network():
    """A network namespace whose machine asks 127.0.0.1 and searches fjord.test; the words that run a program in it."""
    name = f"muster-dns-{os.getpid()}"
    folder = f"/etc/netns/{name}"
    os.makedirs(folder)
    with open(f"{folder}/resolv.conf", "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.1\nsearch fjord.test\n")
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    inside = ["ip", "netns", "exec", name]
    try:
        if done.returncode != 0:
            pytest.skip(f"no network namespace here: {done.stderr.strip()}")
        run(*inside, "ip", "link", "set", "lo", "up")
        yield inside
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)
        os.unlink(f"{folder}/resolv.conf")
        os.rmdir(folder)


@needs_root
def test_in_a_network_of_its_own(folder, hosts, vendor, evil, network):
    six = os.path.exists("/proc/net/if_inet6")
    names = "one IN A 127.0.0.1\nrogue IN A 127.0.0.1\n" + ("one IN AAAA ::1\n" if six else "")
    bind = Bind(folder, wrapper=network).start(names)
    try:
        config = f"[dns]\ndomains = fjord.test\ntarget = one.fjord.test\ntsig_key_file = {bind.good}\npublish = yes\n"
        host = hosts(config=config, state="one", wrapper=network)
        host.listen = "127.0.0.1:6878" + (", [::1]:6878" if six else "")
        host.start()
        host.install(vendor)
        wait_for(lambda: bind.srv()[0] == [(0, 0, 6878, "one.fjord.test")], what="the record")

        # No option tells the machine anything: it finds the host by its search list.
        machine = Machine(folder, "m", vendor.products, wrapper=network)
        machine.activate(check=True)
        assert any("one.fjord.test" in s["target"] for s in json.loads(machine("where", "--json").stdout)["steps"])

        rogue = hosts(state="rogue", wrapper=network).start()
        rogue.install(evil)
        bind.update(f"update add {SRV} 60 SRV 0 0 {rogue.port} rogue.fjord.test.")
        code, rows = check(host)
        found = {(row["address"], row["verdict"]) for row in rows}
        assert code == 1 and found == {("127.0.0.1:6878", "self"), (f"127.0.0.1:{rogue.port}", "untrusted")} | (
            {("[::1]:6878", "self")} if six else set())
        machine("renew", vendor.product, check=True)  # the rogue does machines no harm

        assert host.json("dns", "withdraw")["items"][0]["result"] == "withdrawn"
        assert bind.srv()[0] == [(0, 0, rogue.port, "rogue.fjord.test")]
    finally:
        bind.stop()
