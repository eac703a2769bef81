# SPDX-License-Identifier: Apache-2.0
"""Licenses that go and come, and what vendors are told."""
import json

from harness import PRODUCT

GRANT = f"id=cad-volume,product={PRODUCT},model=volume"


def test_a_license_is_taken_out_and_comes_again(hosts, vendor, machines):
    host = hosts().start().serve(vendor, GRANT)
    machine = machines(host, "one")
    machine.done("activate", PRODUCT)
    told = host.ctl("license", "remove", "fjord-1", "--dry-run").stdout
    assert "dry run" in told and PRODUCT in told and "license" in host.ctl("license", "list").stdout.lower()
    assert host.ctl("license", "remove", "fjord-1", check=False).returncode == 64  # a script must mean it
    assert host.ctl("license", "remove", "fjord-1", "--yes").stdout.startswith("fjord-1: removed\n")
    assert host.items("license", "list") == []
    machine.refused("PRODUCT_UNKNOWN", "renew", PRODUCT)
    assert machine.status()["state"] != "unlicensed"  # its lease runs out, and no sooner
    host.refused("NOT_FOUND", "license", "remove", "fjord-1", "--yes")
    host.refused("NOT_FOUND", "license", "show", "fjord-1")
    row, = host.items("audit", "list", "--action", "license.remove")
    assert row["object"] == "fjord-1" and row["detail"]["detail"] == "serial 1" and row["detail"]["lost"] == 1
    assert "LICENSE_MISSING" in [item["code"] for item in host.status()["health"]]
    host.ctl("license", "install", host.dir / "fjord.license")
    assert host.json("license", "show", "fj")["id"] == "fjord-1"
    host.refused("NOT_FOUND", "license", "remove", "fj", "--yes")  # what takes away wants the whole id
    machine.done("renew", PRODUCT)
    assert host.count() == 1
    host.healthy()


def test_vendors_and_what_they_are_told(hosts, vendor):
    host = hosts().start()
    assert host.items("vendor", "list") == []
    told = host.json("vendor", "show-request")
    shown = host.json("host", "show")
    assert told["kind"] == "HOST REQUEST" and told["claims"]["host"]["sign"] == shown["sign"] and told["claims"]["ledger"] == shown["ledger"]
    assert set(told["claims"]) <= {"typ", "ver", "iss", "iat", "jti", "host", "ledger", "version", "replaces"}
    host.serve(vendor, GRANT, f"id=pool,product={PRODUCT},model=pool,quantity=3")
    row, = host.items("vendor", "list")
    assert row["licenses"] == 1 and row["org"] == "fjord" and row["certified_until"] and row["revocations"] == 0
    assert row["vendor_key"] == json.loads(host.ctl("host", "show", "--json").stdout)["certificates"][0]["vendor_key"]
    assert host.json("vendor", "show-request")["calls"] == [{"license": "fjord-1", "serial": 1}]
    assert "'vendor call' says besides" in host.ctl("vendor", "show-request").stdout
    more = host.dir / "more"
    host.ctl("license", "request-more", "fjord-1", "--grant", "pool=9", "--reason", "growth", "-o", more)
    text = host.ctl("vendor", "show-request", more).stdout
    assert "Nothing is sent by itself" in text and '"growth"' in text
    more.write_text("hello")
    host.refused("ARMOUR_INVALID", "vendor", "show-request", more)
