# SPDX-License-Identifier: Apache-2.0
"""What the vendor no longer stands for: revoked licenses and hosts, blocked keys, and the list of them."""

import json

from issuer_kit import Host, Vendor, b64, certify, key_hash, pid, public_text, refused, run, seconds_of
from issuer_kit import issued, vendor  # noqa: F401 (fixtures)


def listed(vendor, tmp_path, *more):
    told = vendor.json("revocations", "-o", tmp_path / "list", *more)
    claims = vendor.claims(tmp_path / "list", "REVOCATIONS")
    assert (told["number"], told["hosts"], told["licenses"], told["keys"]) == (
        claims["number"], *(len(claims[kind]) for kind in ("hosts", "licenses", "keys")))
    return told["new"], claims


def test_license_revoke(vendor, issued, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "fjord-2")
    done = vendor.run("license", "revoke", "fjord-1", "--reason", "unpaid since May")
    assert "license fjord-1 revoked" in done.stdout and "revocations" in done.stderr
    row, other = vendor.licenses()
    assert (row["state"], row["reason"], other["state"], other["revoked"]) == ("revoked", "unpaid since May", "active",
                                                                              None)
    assert "revoked" in vendor.run("license", "list").stdout
    for which in ("fjord-1", issued):
        assert vendor.json("license", "show", which)["state"] == "revoked"
        assert ": revoked" in vendor.run("license", "show", which).stdout
    vendor.refused("LICENSE_REVOKED", 4, "host", "certify", Host().request(tmp_path / "r"), "--license", issued,
                   "-o", tmp_path / "c", says=["fjord-1", "unpaid since May"])
    vendor.refused("LICENSE_REVOKED", 4, "license", "issue", "--org", "x", "--org-name", "X", "--until", "2090-01-01",
                   "--grant", "product=acme-cad,model=volume", "--id", "fjord-1", "-o", tmp_path / "c")
    assert not (tmp_path / "c").exists() and vendor.hosts() == []
    again = vendor.json("license", "revoke", "fjord-1", "--reason", "another")
    assert again["before"] is True and again["revoked"] == row["revoked"]
    assert vendor.licenses()[0]["reason"] == "unpaid since May"


def test_host_revoke(vendor, issued, tmp_path):
    first, second, third = Host("one"), Host("two"), Host("three")
    vendor.issue(tmp_path / "l", "--id", "second")
    for host in (first, second):
        certify(vendor, host, "fjord-1", tmp_path)
    certify(vendor, first, "second", tmp_path)
    assert "host one revoked" in vendor.run("host", "revoke", "one", "--license", "fjord-1").stdout
    assert {(row["name"], row["license"], row["state"]) for row in vendor.hosts()} == {
        ("one", "fjord-1", "revoked"), ("one", "second", "revoked"), ("two", "fjord-1", "ok")}
    vendor.refused("CERTIFICATE_REVOKED", 4, "host", "certify", first.request(tmp_path / "r"), "--license", "second",
                   "-o", tmp_path / "c", says="one")
    assert not (tmp_path / "c").exists()
    certify(vendor, third, "fjord-1", tmp_path)  # a revoked host leaves its place
    told = vendor.json("host", "revoke", pid(second.secret.verify_key), "--reason", "stolen")
    assert (told["host"], told["name"], told["before"]) == (pid(second.secret.verify_key), "two", False)
    assert [row["reason"] for row in vendor.hosts() if row["name"] == "two"] == ["stolen"]
    assert vendor.json("host", "revoke", "two")["before"] is True


def test_a_revoked_host_may_be_replaced_where_seats_are_numbered(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "seats", grants=["product=acme-cad,model=pool,quantity=7"])
    certify(vendor, Host("one"), "seats", tmp_path)
    vendor.refused("HOST_LIMIT", 1, "host", "certify", Host("two").request(tmp_path / "r"), "--license", "seats")
    vendor.run("host", "revoke", "one")
    certify(vendor, Host("two"), "seats", tmp_path)


def test_revoke_refusals(vendor, issued, tmp_path):
    certify(vendor, Host("twin"), "fjord-1", tmp_path)
    certify(vendor, Host("twin"), "fjord-1", tmp_path)
    vendor.issue(tmp_path / "l", "--id", "other")
    vendor.refused("NOT_FOUND", 1, "license", "revoke", "none", says="none")
    vendor.refused("USAGE", 64, "license", "revoke", "fjord-1", "--reason", "a\nb", says="--reason")
    vendor.refused("USAGE", 64, "host", "revoke", "twin", "--reason", "x" * 128, says="--reason")
    vendor.refused("USAGE", 64, "host", "revoke", "twin", says="several")
    vendor.refused("NOT_CERTIFIED", 1, "host", "revoke", "none", says="none")
    vendor.refused("NOT_CERTIFIED", 1, "host", "revoke", "twin", "--license", "other", says=["twin", "other"])
    assert listed(vendor, tmp_path)[1]["hosts"] == [] and vendor.licenses()[0]["state"] == "active"


def test_the_list(vendor, issued, tmp_path):
    host = Host()
    certify(vendor, host, "fjord-1", tmp_path)
    new, claims = listed(vendor, tmp_path)
    assert new and claims["number"] == 1 and claims["hosts"] == claims["licenses"] == claims["keys"] == []
    first = (tmp_path / "list").read_bytes()
    new, claims = listed(vendor, tmp_path)
    assert not new and claims["number"] == 1 and (tmp_path / "list").read_bytes() == first
    vendor.run("host", "revoke", host.name)
    vendor.issue(tmp_path / "l", "--id", "sold", grants=["id=pool,product=acme-cad,model=pool,quantity=7"])
    keys = vendor.run("key", "generate", "--license", "sold", "--grant", "pool", "--pool", "--count",
                      "2").stdout.split()
    vendor.run("license", "renew", "sold", "-o", tmp_path / "l")
    salt = vendor.claims(tmp_path / "l")["grants"][0]["key_salt"]
    vendor.run("key", "block", "-", stdin=keys[1])
    new, claims = listed(vendor, tmp_path)
    assert new and claims["number"] == 2 and claims["iss"] == pid(vendor.key)
    assert claims["hosts"] == [pid(host.secret.verify_key)] and claims["licenses"] == []
    assert claims["keys"] == [b64(key_hash(keys[1], salt))]
    vendor.run("license", "revoke", "fjord-1")
    assert listed(vendor, tmp_path)[1]["licenses"] == ["fjord-1"]
    assert listed(vendor, tmp_path)[1]["number"] == 3
    vendor.run("license", "revoke", "sold")  # its keys go with it
    new, claims = listed(vendor, tmp_path)
    assert new and claims["number"] == 4 and claims["licenses"] == ["fjord-1", "sold"] and claims["keys"] == []
    assert "revocation list 4, as signed before" in vendor.run("revocations").stderr


def test_the_list_is_written_and_kept_or_neither(vendor, issued, tmp_path):
    vendor.run("license", "revoke", "fjord-1")
    vendor.refused("CANNOT_CREATE", 73, "revocations", "-o", tmp_path / "no" / "list")
    vendor.refused("STORE_FULL", 75, "revocations", "-o", "/dev/full")
    new, claims = listed(vendor, tmp_path)
    assert new and claims["number"] == 1
    assert run("verify", tmp_path / "list", "--dir", vendor.dir).returncode == 0
    text = vendor.run("revocations").stdout
    assert text == (tmp_path / "list").read_text()


# --- verify ---


def verdict(*args):
    done = run("verify", *args, "--json")
    return done.returncode, json.loads(done.stdout)


def test_verify_a_list(vendor, issued, tmp_path):
    vendor.run("license", "revoke", "fjord-1")
    vendor.run("revocations", "-o", tmp_path / "list")
    for key in (["--dir", vendor.dir], ["--key", public_text(vendor.key)]):
        code, told = verdict(tmp_path / "list", *key)
        assert code == 0 and told["typ"] == "muster.revocations" and told["issuer"] == pid(vendor.key)
        assert told["claims"]["licenses"] == ["fjord-1"] and told["expires"] is None
    other = Vendor(tmp_path / "other")
    assert verdict(tmp_path / "list", "--dir", other.dir)[1]["error"]["code"] == "WRONG_VENDOR"


def test_verify_a_license_request(vendor, issued, tmp_path):
    host, stranger = Host(), Host("stranger")
    claims = certify(vendor, host, "fjord-1", tmp_path)
    assert seconds_of(claims["exp"])
    request = host.ask_for_more(tmp_path / "r", vendor, {"cad-volume": 90})
    host_key = public_text(host.secret.verify_key)
    for key in (["--dir", vendor.dir], ["--key", host_key]):
        code, told = verdict(request, *key)
        assert code == 0 and told["typ"] == "muster.license-request"
        assert told["issuer"] == told["key"]["id"] == pid(host.secret.verify_key)
        assert told["claims"]["wants"][0]["quantity"] == 90
    assert verdict(request, "--key", public_text(stranger.secret.verify_key))[1]["error"]["code"] == "SIGNATURE_INVALID"
    refused("USAGE", 64, "verify", request, cwd=tmp_path, says="--key")
    stranger.ask_for_more(request, vendor, {"cad-volume": 90})
    assert verdict(request, "--dir", vendor.dir)[1]["error"]["code"] == "NOT_CERTIFIED"
    host.ask_for_more(request, vendor, {})
    assert verdict(request, "--dir", vendor.dir)[1]["error"]["code"] == "CLAIM_INVALID"
    host.ask_for_more(request, vendor, {"cad-volume": 90})
    vendor.run("host", "revoke", host.name)
    code, told = verdict(request, "--dir", vendor.dir)
    assert code == 4 and told["error"]["code"] == "CERTIFICATE_REVOKED" and told["claims"] == {}
