# SPDX-License-Identifier: Apache-2.0
"""Discovery through a real DNS server: priorities, weights, dead hosts, no DNS (RFC 2782, DESIGN 6.5)."""
import json
import socket

import pytest
from dnsmasq import Dnsmasq
from harness import PRODUCT, Machine


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def dns(folder):
    """A DNS server that serves the options which it is called with."""
    server = Dnsmasq(folder)
    yield server
    server.stop()


def steps(machine):
    done = machine("where", "--json")
    return json.loads(done.stdout)["steps"]


def test_srv_leads_past_the_dead_host_to_the_living(folder, host, vendor, dns):
    dead = free_port()
    server = dns(f"--srv-host=_muster._tcp.fjord.test,dead.fjord.test,{dead},5,0",
                 f"--srv-host=_muster._tcp.fjord.test,live.fjord.test,{host.port},10,60",
                 "--address=/dead.fjord.test/127.0.0.1", "--address=/live.fjord.test/127.0.0.1")
    machine = Machine(folder, "m", vendor.products, "--domain", "fjord.test", "--dns", server)
    machine.activate(check=True)
    assert machine.status()["state"] == "licensed"
    tried = [s for s in steps(machine) if s["port"]]
    assert [s["port"] for s in tried if "fjord.test" in s["target"]][:2] == [dead, host.port]
    by_port = {s["port"]: s["result"] for s in tried}
    assert by_port[dead] == "CONNECT_FAILED" and by_port[host.port].lower() in ("ok", "chosen", "trusted", "0")

    dns.stop()  # no DNS any more: the last good host serves
    machine("renew", PRODUCT, check=True)
    found = steps(machine)
    assert any(s["result"] == "DNS_FAILED" for s in found)
    assert any(s["source"] == "cache" for s in found)


def test_service_that_is_not_offered(folder, vendor, dns):
    server = dns("--srv-host=_muster._tcp.fjord.test")
    machine = Machine(folder, "m", vendor.products, "--domain", "fjord.test", "--dns", server)
    done = machine.activate()
    assert done.returncode == 69
    assert "NO_HOST" in done.stderr and ("DNS_NOT_OFFERED" in done.stderr or "DNS_NO_RECORD" in done.stderr)


def test_domain_without_a_record(folder, vendor, dns):
    machine = Machine(folder, "m", vendor.products, "--domain", "fjord.test", "--dns", dns())
    done = machine.activate()
    assert done.returncode == 69 and "DNS_NO_RECORD" in done.stderr


def test_ipv6_literal(folder, hosts, vendor):
    host = hosts()
    host.listen = "[::1]:0"
    try:
        host.start()
    except AssertionError:
        pytest.skip("no IPv6 loopback here")
    host.install(vendor)
    machine = Machine(folder, "m", vendor.products, "--host", f"[::1]:{host.port}")
    machine.activate(check=True)


def test_every_dead_host_is_named(folder, vendor):
    one, two = free_port(), free_port()
    machine = Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{one}", "--host", f"127.0.0.1:{two}")
    done = machine.activate()
    assert done.returncode == 69 and "NO_HOST" in done.stderr
    assert str(one) in done.stderr and str(two) in done.stderr
    assert done.stderr.count("CONNECT_FAILED") == 2
