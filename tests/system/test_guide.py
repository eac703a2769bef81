# SPDX-License-Identifier: Apache-2.0
"""The guide muster(7) as a new administrator follows it, from the first license through the bad days; then the examples of the other
pages. At last: that every block of every page was run."""
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from clearing import GRANT, House, key_for
from dnsmasq import Dnsmasq
from guide import BLOCK, PAGES, Site, asked_for, block
from harness import PRODUCT, ROOT, SECONDS, program, run, wait_for

DOMAIN = "fjord.example"
# They need systemd or the library as it is installed; the tests that run them stand in these files.
ELSEWHERE = {"tests/pid1/test_pid1.py": {("muster.7", "roles"), ("muster.7", "journal"), ("muster.7", "vendor timer"), ("muster.1", "timer"),
                                         ("musterd.8", "sockets"), ("musterd.8", "journal")},
             "tests/system/test_man.py": {("muster.3", "synopsis"), ("muster.3", "program"), ("muster.3", "activate")}}


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
    assert "licensed" in site("signin", env=one, typed=[code])["muster signin acme-sim --user kari@fjord.example"]
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


def test_by_telephone(host, vendor, folder):
    """The installation id on the page is an example."""
    site = Site(host)
    site("site key")
    key = site.etc / "site.key"
    assert key.stat().st_mode & 0o777 == 0o600 and key.stat().st_size == 32
    (site.etc / "muster.conf").write_text(f"site-key = {folder}/machines.key\nproducts = {vendor.products}\n")
    far = {"MUSTER_CONFIG": str(site.etc / "muster.conf"), "MUSTER_STATE": str(folder / "far"), "MUSTER_HOST": "127.0.0.1:1"}
    ask, answer, take = site.lines("telephone")
    digits = lambda shown: "-".join(group.replace(" ", "") for group in re.findall(r"^ +\d:  ((?:\d ){6})$", shown, re.M))
    installation = digits(site.line(ask, env=far))
    example = answer.split()[-1]
    assert len(installation) == len(example) == 62
    confirmation = digits(site.line(answer.replace(example, installation)))
    assert "licensed" in site.line(take, env=far, typed=[confirmation + "\n"])


def test_a_damaged_database(host, machines):
    """An index is spoiled; the repair asks before it does anything."""
    site = Site(host)
    machines(host, "a").activate(check=True)
    host.stop()
    path = host.state / "muster.db"
    with sqlite3.connect(path) as db:
        page, size = db.execute("SELECT pageno, pgsize FROM dbstat WHERE name = 'device_tag'").fetchone()
    db.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    typed = ["y"]
    said = site("repair", typed=typed)
    look, do = (words for line, words in said.items() if "--repair" in line)
    assert "indexes" in look and "repaired:" not in look and "repaired:" in do and typed == []
    assert host.count() == 1 and host.json("doctor")["ok"]


def test_a_clearing_house(hosts, vendor, folder):
    vendor("signer", "create", "--no-passphrase")
    key = key_for(vendor, vendor.issue(folder / "l", GRANT))
    (folder / "host-key").write_text(key)
    shutil.copy(vendor.dir / "vendor.pub", folder)
    with House(vendor, folder) as house:
        site = Site(hosts())
        site.host.start()
        there = {"licenses.acme.example:6879": house.at}
        said = site("clearing house", swap=there)
        assert "installed certificate for fjord" in "".join(said.values())
        site("more places", swap=there)
    assert site.host.grant("cad-pool")["quantity"] == 12


# --- the examples of the other pages ---

def test_a_machine_s_examples(hosts, vendor, folder):
    """A key gives the place; who has it needs the key no more."""
    host = hosts().start().serve(vendor, f"id=pool,product={PRODUCT},model=pool,quantity=3,enrol=key")
    (folder / "keyfile").write_text(vendor.keys("pool", "--pool", "--count", "1")[0])
    host.renewed(vendor)
    site = Site(host)
    here = {"MUSTER_STATE": str(folder / "m"), "MUSTER_PRODUCTS": str(vendor.products), "MUSTER_HOST": f"127.0.0.1:{host.port}"}
    assert f"127.0.0.1 port {host.port} " in site("where", "muster.1", env=here)["muster where"]
    assert "licensed" in "".join(site("key", "muster.1", env=here).values())
    assert "licensed" in site("activate", "muster.1", env=here)["muster status acme-cad"]
    before = (folder / "m" / "device.key").read_bytes()
    site("generalize", "muster.1", env=here)
    assert not (folder / "m" / "device.key").exists() or (folder / "m" / "device.key").read_bytes() != before


def test_an_administrator_s_examples(hosts, vendor, machines, folder):
    """Two machines reach nobody, and write one file each; their requests meet in one bundle."""
    host = hosts().start().serve(vendor, f"id=cad,product={PRODUCT},model=volume,threshold=1",
                                 f"id=people,product={PRODUCT},model=user,quantity=5")
    one, two, three = machines(host, "a", "b", "c")
    one.activate(check=True)
    host.ctl("group", "add", "cad")
    host.ctl("user", "add", "kari")
    host.ctl("group", "add-member", "cad", "--user", "kari")
    host.ctl("assign", "--group", "cad", "--product", PRODUCT)
    for number, machine in enumerate((two, three), start=1):
        (folder / f"stick{number}").mkdir()
        machine.done("request", PRODUCT, "-o", folder / f"stick{number}" / ("requests" if number == 1 else "c.request"))
    site = Site(host)
    assert "people" in site("status", "musterctl.1")["musterctl status"]
    said = site("spreadsheet", "musterctl.1")
    name = host.items("device", "list")[0]["hostname"]
    assert name in (folder / "devices.csv").read_text() and list(said.values())[-1] == f"{name}\n"
    said = site("bundle", "musterctl.1")
    assert list(said.values())[-1].count(PRODUCT) == 2 and host.count("cad") == 3
    said, = site("loss", "musterctl.1").values()
    assert re.search(rf"^{PRODUCT} +0 +1 +0 +-1$", said, re.M) and host.items("seat", "list")


def test_a_vendor_s_examples(hosts, folder):
    """And the clearing house listens until it is told to end."""
    site = Site(hosts())
    site.script("muster-issuer", f'exec {program("muster-issuer")} "$@" --dir {folder}/vendor')
    site.line('muster-issuer init --vendor "Acme Software" --no-passphrase')
    site.line("muster-issuer product add acme-cad --name 'Acme CAD'")
    site("license", "muster-issuer.1")
    assert (folder / "fjord.license").exists() and (folder / "fjord-2081.license").exists()
    assert "threshold" in "".join(site("grants", "muster-issuer.1").values())
    site.env["MUSTER_ISSUER_PASSPHRASE_FILE"] = str(folder / "passphrase")
    *before, serve = site.lines("clearing house", "muster-issuer.1", swap={"[::]:6879": "127.0.0.1:0"})
    said = [site.line(line) for line in before]
    assert said[-1].strip()
    with open(folder / "house.log", "w+") as out:
        house = subprocess.Popen(["sh", "-euc", f"exec {serve}"], cwd=folder, env={**os.environ, **site.env}, stdout=out, stderr=out)
        try:
            wait_for(lambda: house.poll() is not None or "\n" in (folder / "house.log").read_text(), what="the clearing house")
            assert "clearing house of " in (folder / "house.log").read_text()
        finally:
            house.terminate()
            assert house.wait(timeout=SECONDS) == 0, (folder / "house.log").read_text()


def test_the_settings_examples(folder):
    (folder / "musterd.conf").write_text(block("settings", "musterd.conf.5").replace("/var/lib/musterd", str(folder)))
    run(program("musterd"), "--config", folder / "musterd.conf", "--check-config")
    (folder / "muster.conf").write_text(block("settings", "muster.conf.5"))
    (folder / "products").mkdir()
    done = run(program("muster"), "--config", folder / "muster.conf", "--state", folder / "state", "status", check=False)
    assert (done.returncode, done.stderr) == (3, "")  # nothing is activated


# --- all of them ---

@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_has_a_name(page):
    names = [name for name, _ in BLOCK.findall(page.read_text())]
    assert all(names) and len(set(names)) == len(names), names


def test_every_block_was_run(request):
    """By the tests above, which all have to run for it, or by those of other files."""
    mine = {name for name in globals() if name.startswith("test_")}
    if {item.originalname for item in request.session.items if item.path == request.path} != mine:
        pytest.skip("not all tests of this file were asked for")
    there = {(page.stem, name) for page in PAGES for name, _ in BLOCK.findall(page.read_text())}
    named = set().union(*ELSEWHERE.values())
    assert named <= there and there - asked_for - named == set()
    for file, names in ELSEWHERE.items():
        text = (ROOT / file).read_text()
        assert [name for page, name in names if f'block("{name}", "{page}")' not in text] == [], file
