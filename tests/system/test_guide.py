# SPDX-License-Identifier: Apache-2.0
"""The guide muster(7) as a new administrator follows it, from the first license through the bad days."""
import os

import pytest

from dnsmasq import Dnsmasq
from guide import Site, block
from harness import program, run

DOMAIN = "fjord.example"


@pytest.fixture
def zone(folder):
    """The organisation's DNS server, at first without any record of a host."""
    server = Dnsmasq(folder, DOMAIN)
    server()
    yield server
    server.stop()


def lead_to(zone, said):
    """The line of a zone file that `musterctl dns records` said, put into DNS."""
    line = next(line for line in said.splitlines() if not line.startswith(";"))
    name, _, _, kind, priority, weight, port, target = line.split()
    assert kind == "SRV"
    zone(f"--srv-host={name.rstrip('.')},{target.rstrip('.')},{port},{priority},{weight}", f"--address=/lic01.{DOMAIN}/127.0.0.1")


@pytest.fixture
def made(folder, hosts, zone):
    """Make the host of the guide's settings, in a state folder of its own."""
    def make(state="host"):
        settings = block("settings").replace("[server]\n", "", 1).replace("/var/lib/musterd/backups", str(folder / "own-backups"))
        return hosts(settings.replace("target =", f"resolver = {zone.address}\ntarget ="), state=state)
    (folder / "own-backups").mkdir()
    return make


def seat(site, zone, name):
    return {"MUSTER_CONFIG": str(site.etc / "muster.conf"), "MUSTER_PRODUCTS": str(site.etc / "products"),
            "MUSTER_DNS": zone.address, "MUSTER_STATE": str(site.host.dir / name)}


def first_hour(site, zone):
    vendor = {"MUSTER_ISSUER_PASSPHRASE_FILE": str(site.host.dir / "passphrase")}
    site.env.update(vendor)
    site("vendor")
    site("host")
    site("certify")
    said = site("install")
    assert "fjord" in said["musterctl install fjord.license"] and "cad" in said["musterctl status"]
    lead_to(zone, site.line("musterctl dns records"))
    said = site("dns")
    assert "self" in said["musterctl dns check"], said
    one, two = seat(site, zone, "one"), seat(site, zone, "two")
    said = site("machine", env=one)
    assert f"lic01.{DOMAIN}" in said["muster where"]
    said = site("activate", env=one, exits=(1,))["muster activate acme-cad"]
    assert "THRESHOLD_NOT_MET" in said and "reference: " in said
    return one, two


def test_first_hour_and_why_a_machine_is_refused(made, zone):
    site = Site(made())
    one, two = first_hour(site, zone)
    device = site.host.items("device", "list")[0]["device"]
    said = site("refused machine", env=one, exits=(0, 2, 3))
    assert "THRESHOLD_NOT_MET" in said["muster status acme-cad"] and "reference: " in said["muster status acme-cad"]
    said = site("refused host", env={"DEVICE": device[:8]})
    assert all("THRESHOLD_NOT_MET" in words for line, words in said.items() if "device show" not in line), said
    site("activate", env=two)
    site("activate", env=one)
    site("agent")
    said = site("look")
    assert said["musterctl activation list"].count("active") == 2 and "acme-cad" in said["musterctl product show acme-cad"]
    said = site("users")
    code = said["musterctl user signin-code kari@fjord.example"]
    assert "kari@fjord.example" in said["musterctl seat list"]
    code = next(word for word in code.split() if word.count("-") == 3)
    assert "licensed" in run(program("muster"), "signin", "acme-sim", "--user", "kari@fjord.example", "--code", code,
                             env={**os.environ, **one}).stdout
    (site.host.dir / "stick").mkdir()
    far = {**seat(site, zone, "far"), "MUSTER_DNS": "127.0.0.1:1"}
    site("offline request", env=far)
    assert "acme-cad" in site("offline answer")["musterctl offline answer stick/requests -o stick/answers"]
    assert "licensed" in site("offline import", env=far)["muster import stick/answers"]
    said = site("licenses")
    assert "fjord" in said["musterctl license list"] and "ok" in said["musterctl report compliance"]
    said = site("audit")
    assert "license.installed" in said["musterctl audit list --since 2026-01-01"]


@pytest.mark.parametrize("way", ("with the key", "without the key", "retire"))
def test_a_dead_host(made, zone, way):
    """Machines go on with the new one, found where DNS then leads, and nobody is counted twice."""
    site = Site(made())
    one, two = first_hour(site, zone)
    site("activate", env=two)
    site("backup")
    site("activate", env=one)  # after the backup: it will have to show its lease
    if way == "retire":
        site("retire")
    site.host.kill()
    identity = site.host.state / "host.key"
    fresh = Site(made("fresh"))
    fresh.env.update(site.env, MUSTERCTL_SOCKET=str(fresh.host.socket))
    fresh.host.start()  # as a new machine's package does
    if way == "without the key":
        fresh("without the key")
        fresh("certify again")
        fresh("certified")
        assert (fresh.host.state / "host.key").read_bytes() != identity.read_bytes()
    else:
        fresh("with the key")
        assert fresh.host.json("host", "show")["id"] in (site.host.log.read_text())
    lead_to(zone, fresh.line("musterctl dns records"))
    for machine in (one, two):
        assert "licensed" in run(program("muster"), "renew", "acme-cad", env={**os.environ, **machine}).stdout
    assert fresh.host.count("cad") == 2 and fresh.host.json("audit", "verify")["ok"]
