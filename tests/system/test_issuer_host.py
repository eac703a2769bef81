# SPDX-License-Identifier: Apache-2.0
"""Certificates for hosts: what they say, how many there are, and whom they are refused."""

import os
import sqlite3
import subprocess
import time

import pytest

from issuer_kit import (
    DAY, Host, PROGRAM, V, Vendor, armour, b64, certify, dearmour, pid, public_text, seconds_of, signed_license,
    text_time, token_open, token_sign, unb64)
from issuer_kit import issued, vendor  # noqa: F401 (fixtures)


# --- hosts ---


def test_host_certificate(vendor, issued, tmp_path):
    host, now = Host(), time.time()
    claims = certify(vendor, host, issued, tmp_path)
    assert claims["iss"] == pid(vendor.key) and claims["vendor"] == public_text(vendor.key)
    assert claims["host"] == {"sign": public_text(host.secret.verify_key), "static": b64(host.static),
                              "name": host.name}
    assert unb64(claims["ledger"]) == host.ledger and len(unb64(claims["fp_salt"])) == 32
    assert (claims["org"], claims["license"], claims["products"]) == ("fjord", "fjord-1", ["acme-cad"])
    assert claims["lease_days_max"] == 180 and sorted(claims["usages"]) == ["lease", "rpc"]
    assert abs(seconds_of(claims["nbf"]) - (now - DAY)) < 60
    assert seconds_of(claims["exp"]) == seconds_of("2090-01-01T00:00:00Z") + 30 * DAY
    (row,) = vendor.hosts()
    assert (row["name"], row["license"], row["state"]) == (host.name, "fjord-1", "ok")
    assert row["host"] == pid(host.secret.verify_key) and row["certificate"] == claims["jti"]
    assert host.name in vendor.run("host", "list").stdout
    assert vendor.licenses()[0]["hosts"] == 1


def test_host_by_license_id_and_days(vendor, issued, tmp_path):
    claims = certify(vendor, Host(), "fjord-1", tmp_path, "--days", "60")
    assert abs(seconds_of(claims["exp"]) - (time.time() + 60 * DAY)) < 60
    soon = text_time(time.time() + 30 * DAY)
    vendor.issue(tmp_path / "brief", "--id", "brief", "--grace", "0d", until=soon)
    with_days = certify(vendor, Host(), "brief", tmp_path, "--days", "36500")
    assert with_days["exp"] == soon


def test_host_lease_limit_follows_the_grants(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "two",
                 grants=[f"{V},lease=200d", "product=acme-cad,model=device,quantity=5"])
    claims = certify(vendor, Host(), "two", tmp_path)
    assert claims["lease_days_max"] == 200 and claims["products"] == ["acme-cad"]
    vendor.issue(tmp_path / "l", "--id", "ever", grants=[V, "product=acme-cad,model=pool,quantity=5"])
    assert certify(vendor, Host(), "ever", tmp_path)["lease_days_max"] == 0


def test_host_limit(vendor, issued, tmp_path):
    first, second, third = Host("one"), Host("two"), Host("three")
    salts = {certify(vendor, host, "fjord-1", tmp_path)["fp_salt"] for host in (first, second, first)}
    assert len(salts) == 1
    (tmp_path / "host.certificate").unlink()
    error = vendor.refused("HOST_LIMIT", 1, "host", "certify", third.request(tmp_path / "r"), "--license", "fjord-1",
                           "-o", tmp_path / "c", says="2 hosts")
    assert error["numbers"] == {"used": 2, "quantity": 2} and not (tmp_path / "c").exists()
    assert [(row["name"], row["certificates"]) for row in vendor.hosts()] == [("one", 2), ("two", 1)]
    first.name, first.static = "renamed", os.urandom(32)
    assert certify(vendor, first, "fjord-1", tmp_path)["host"]["name"] == "renamed"
    assert {row["name"] for row in vendor.hosts()} == {"renamed", "two"}
    vendor.issue(tmp_path / "l", "--id", "another")
    assert certify(vendor, third, "another", tmp_path)["fp_salt"] not in salts


def test_host_limit_under_contention(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "one-host")
    requests = [Host(f"h{n}").request(tmp_path / f"r{n}") for n in range(6)]
    runs = [subprocess.Popen([str(PROGRAM), "host", "certify", str(path), "--license", "one-host", "--dir",
                              str(vendor.dir), "-o", str(path) + ".cert"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL) for path in requests]
    codes = sorted(process.wait(timeout=60) for process in runs)
    assert codes == [0, 1, 1, 1, 1, 1] and len(vendor.hosts()) == 1
    assert len(list(tmp_path.glob("*.cert"))) == 1


@pytest.mark.parametrize("model", ["pool", "device", "user", "shared"])
def test_second_host_only_for_volume(vendor, tmp_path, model):
    vendor.issue(tmp_path / "l", "--id", "mixed", "--hosts", "5",
                 grants=[V, f"id=seats,product=acme-cad,model={model},quantity=7"])
    first = Host("one")
    certify(vendor, first, "mixed", tmp_path)
    vendor.refused("HOST_LIMIT", 1, "host", "certify", Host().request(tmp_path / "r"), "--license", "mixed", "-o",
                   tmp_path / "c", says=["seats", model, "7"])
    certify(vendor, first, "mixed", tmp_path)
    assert not (tmp_path / "c").exists() and len(vendor.hosts()) == 1


def test_host_refusals(vendor, issued, tmp_path):
    host, request = Host(), tmp_path / "r"
    other = Vendor(tmp_path / "other")
    other.run("product", "add", "acme-cad", "--name", "Other CAD")
    other.issue(tmp_path / "other.license", "--id", "fjord-1")
    good = host.request(request).read_text()
    on = ["host", "certify", request, "--license"]
    vendor.refused("USAGE", 64, "host", "certify", request, says="--license")
    vendor.refused("USAGE", 64, *on, issued, "--share", "cad-volume=5", says="--share")
    for days in ("0", "-1", "x", "36501"):
        vendor.refused("USAGE", 64, *on, issued, "--days", days, says="--days")
    vendor.refused("USAGE", 64, "host", "certify", "-", "--license", "-", says="standard input")
    vendor.refused("WRONG_VENDOR", 1, *on, tmp_path / "other.license", says=pid(other.key))
    vendor.refused("NOT_FOUND", 1, *on, "nothing", says="nothing")
    vendor.refused("WRONG_TYPE", 1, *on, request, says="HOST REQUEST")
    vendor.refused("WRONG_TYPE", 1, "host", "certify", issued, "--license", issued, says="LICENSE")
    vendor.refused("IO", 1, "host", "certify", tmp_path / "none", "--license", issued, says="none")
    request.write_text("hello")
    vendor.refused("ARMOUR_INVALID", 1, *on, issued)
    request.write_text(good[:-20])
    vendor.refused("ARMOUR_INVALID", 1, *on, issued)
    request.write_text("x" * 300000)
    vendor.refused("TOO_LARGE", 1, *on, issued)
    host.request(request, signer=Host().secret)
    vendor.refused("SIGNATURE_INVALID", 1, *on, issued)
    host.request(request, typ="muster.license")
    vendor.refused("SIGNATURE_INVALID", 1, *on, issued)
    host.request(request, ver=2)
    vendor.refused("CRITICAL_UNKNOWN", 1, *on, issued)
    host.request(request, ledger="AAAA")
    vendor.refused("CLAIM_INVALID", 1, *on, issued, says="ledger")
    for name in ("", "evil\x1b[2J", "n" * 254):
        Host(name).request(request)
        vendor.refused("CLAIM_INVALID", 1, *on, issued, says="name")
    host.request(request)
    vendor.refused("CANNOT_CREATE", 73, *on, issued, "-o", tmp_path / "no" / "c")
    vendor.refused("STORE_FULL", 75, *on, issued, "-o", "/dev/full")
    assert vendor.hosts() == [] and not (tmp_path / "c").exists()
    assert vendor.run("host", "certify", "-", "--license", issued, stdin=good).stdout.startswith("-----BEGIN")


def test_host_license_must_be_in_the_ledger(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    on = ["host", "certify", Host().request(tmp_path / "r"), "--license"]
    vendor.refused("NOT_FOUND", 1, *on, signed_license(vendor, claims, tmp_path / "l", id="forgotten"),
                   says="forgotten")
    vendor.refused("NOT_FOUND", 1, *on, signed_license(vendor, claims, tmp_path / "l", serial=2), says="serial 2")
    forged = token_sign({**claims, "hosts_max": 9}, Host().secret)
    (tmp_path / "l").write_text(armour("LICENSE", forged))
    vendor.refused("SIGNATURE_INVALID", 1, *on, tmp_path / "l")
    assert vendor.hosts() == []


def test_host_older_serial_takes_the_newest_terms(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    newer = token_sign({**claims, "serial": 2, "exp": "2091-01-01T00:00:00Z"}, vendor.secret)
    with sqlite3.connect(vendor.dir / "ledger.db") as db:
        db.execute("INSERT INTO issue SELECT license, 2, org_name, nbf, ?, hosts_max, issued, ? FROM issue",
                   (seconds_of("2091-01-01T00:00:00Z"), newer))
    certificate = certify(vendor, Host(), issued, tmp_path)
    assert seconds_of(certificate["exp"]) == seconds_of("2091-01-01T00:00:00Z") + 30 * DAY
    assert vendor.licenses()[0]["serial"] == 2 and vendor.hosts()[0]["serial"] == 2


def test_host_of_an_ended_license(vendor, tmp_path):
    request = Host().request(tmp_path / "r")
    vendor.issue(tmp_path / "l", "--id", "old", "--from", "2020-01-01", until="2021-01-01")
    vendor.refused("LICENSE_ENDED", 4, "host", "certify", request, "--license", "old", "-o", tmp_path / "c",
                   says="old")
    yesterday = text_time(time.time() - DAY)
    vendor.issue(tmp_path / "l", "--id", "grace", "--from", "2020-01-01", until=yesterday)
    claims = certify(vendor, Host(), "grace", tmp_path)
    assert seconds_of(claims["exp"]) == seconds_of(yesterday) + 30 * DAY
    assert not (tmp_path / "c").exists()


def test_host_too_many_products(vendor, tmp_path):
    names = [f"a-product-with-a-name-that-is-rather-long-{n:02}" for n in range(50)]
    for name in names:
        vendor.run("product", "add", name, "--name", name)
    vendor.issue(tmp_path / "l", "--id", "many", grants=[f"product={name},model=volume" for name in names])
    vendor.refused("TOO_LARGE", 1, "host", "certify", Host().request(tmp_path / "r"), "--license", "many", "-o",
                   tmp_path / "c", says="50 products")
    assert vendor.hosts() == [] and not (tmp_path / "c").exists()


def test_host_name_cannot_steer_the_terminal(vendor, issued, tmp_path):
    vendor.refused("CLAIM_INVALID", 1, "host", "certify", Host("a\u009bc").request(tmp_path / "r"), "--license",
                   "fjord-1")
    host = Host("a\u202egpj.b")
    done = vendor.run("host", "certify", host.request(tmp_path / "r"), "--license", "fjord-1", "-o", tmp_path / "c")
    for text in (done.stdout, vendor.run("host", "list").stdout, vendor.run("verify", tmp_path / "c").stdout):
        assert "\u202e" not in text and "a?gpj.b" in text
