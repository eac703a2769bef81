# SPDX-License-Identifier: Apache-2.0
"""The next serial of a license: what stays, what changes, and what an organisation asks for."""

import subprocess
import time

import pytest

from issuer_kit import DAY, PROGRAM, Host, Vendor, certify, pid, run, text_time
from issuer_kit import vendor  # noqa: F401 (fixtures)

POOL = "id=pool,product=acme-cad,model=pool,quantity=50"
VOLUME = "id=volume,product=acme-cad,model=volume,threshold=25,plans=modeler+render,until=2085-01-01"
RENEW = ["license", "renew", "fjord-1"]


@pytest.fixture
def sold(vendor, tmp_path):
    vendor.issue(tmp_path / "old", "--id", "fjord-1", "--hosts", "2", "--grace", "7d", grants=[POOL, VOLUME])
    return vendor


def renew(vendor, tmp_path, *options):
    vendor.run(*RENEW, *options, "-o", tmp_path / "new")
    return vendor.claims(tmp_path / "new")


def by_id(claims):
    return {grant["id"]: grant for grant in claims["grants"]}


def test_nothing_but_the_serial(sold, tmp_path):
    old, new = sold.claims(tmp_path / "old"), renew(sold, tmp_path)
    assert new["serial"] == 2 and new["jti"] != old["jti"]
    same = {"serial", "jti", "iat"}
    assert {k: v for k, v in new.items() if k not in same} == {k: v for k, v in old.items() if k not in same}
    assert sold.licenses()[0]["serial"] == 2
    assert renew(sold, tmp_path)["serial"] == 3
    assert run("verify", tmp_path / "new", "--dir", sold.dir).returncode == 0
    sold.run("license", "renew", tmp_path / "old", "-o", tmp_path / "new")  # a file stands for its license
    assert sold.claims(tmp_path / "new")["serial"] == 4


def test_terms(sold, tmp_path):
    new = renew(sold, tmp_path, "--until", "2095-01-01", "--hosts", "5")
    assert (new["exp"], new["hosts_max"], new["grace_days"]) == ("2095-01-01T00:00:00Z", 5, 7)
    assert new["nbf"] == sold.claims(tmp_path / "old")["nbf"]
    (row,) = sold.licenses()
    assert (row["expires"], row["hosts_max"]) == ("2095-01-01T00:00:00Z", 5)
    shorter = renew(sold, tmp_path, "--until", "2081-01-01")  # a grant that would end later ends with it
    assert shorter["exp"] == "2081-01-01T00:00:00Z" and by_id(shorter)["volume"]["exp"] == "2085-01-01T00:00:00Z"


def test_grants(sold, tmp_path):
    old = by_id(sold.claims(tmp_path / "old"))
    new = renew(sold, tmp_path, "--grant", "id=pool,quantity=70", "--grant", "id=volume,until=2088-01-01,retry=30m",
                "--grant", "id=users,product=acme-cad,model=user,quantity=3")
    assert [grant["id"] for grant in new["grants"]] == ["pool", "volume", "users"]
    grants = by_id(new)
    assert grants["pool"] == {**old["pool"], "quantity": 70}
    assert grants["volume"] == {**old["volume"], "exp": "2088-01-01T00:00:00Z",
                                "policy": {**old["volume"]["policy"], "retry_minutes": 30}}
    assert grants["users"]["quantity"] == 3
    fewer = by_id(renew(sold, tmp_path, "--grant", "id=pool,product=acme-cad,model=pool,quantity=10",
                        "--grant", "id=volume,plans=cloud"))
    assert fewer["pool"]["quantity"] == 10 and fewer["volume"]["plans"] == ["cloud"]
    assert fewer["volume"]["policy"]["threshold"] == 25


def test_changes_are_told(sold, tmp_path):
    sold.run("key", "generate", "--license", "fjord-1", "--grant", "pool", "--pool", "--count", "2")
    options = ["--grant", "id=pool,quantity=70", "--grant", "id=more,product=acme-cad,model=volume"]
    told = sold.json(*RENEW, *options, "-o", tmp_path / "new")
    assert told["changes"] == [
        {"grant": "pool", "added": False, "quantity": {"from": 50, "to": 70}, "keys": {"from": 0, "to": 2}},
        {"grant": "more", "added": True}]
    assert sold.json(*RENEW, "-o", tmp_path / "new")["changes"] == []
    text = sold.run(*RENEW, "--grant", "id=pool,quantity=60", "--grant", "id=volume,retry=1h", "-o",
                    tmp_path / "new").stdout
    assert "serial 4" in text and "grant pool: changed, quantity 70 to 60\n" in text
    assert "grant volume: changed\n" in text and "more" not in text


def test_new_plans_come_behind_the_old_ones(sold, tmp_path):
    sold.run("product", "add-plan", "acme-cad", "--plan", "viewer")
    new = renew(sold, tmp_path)
    assert [plan["id"] for plan in new["products"][0]["plans"]] == ["modeler", "render", "cloud", "viewer"]
    assert by_id(new)["volume"]["plans"] == ["modeler", "render"] and "plans" not in by_id(new)["pool"]
    sold.run("product", "add", "tool", "--name", "Tool")
    new = renew(sold, tmp_path, "--grant", "product=tool,model=volume")
    assert [product["id"] for product in new["products"]] == ["acme-cad", "tool"]


def test_certificates_that_fall_short_are_told(sold, tmp_path):
    sold.issue(tmp_path / "l", "--id", "plain")
    host = Host()
    certify(sold, host, "plain", tmp_path)
    renewal = ["license", "renew", "plain", "-o", tmp_path / "new"]
    assert "certificates" not in sold.run(*renewal).stderr
    assert "certificates of 1 host do not cover" in sold.run(*renewal, "--until", "2091-01-01").stderr
    certify(sold, host, "plain", tmp_path)
    assert "certificates" not in sold.run(*renewal).stderr


@pytest.mark.parametrize("options, says", [
    (["--until", "2020-01-01"], "--until"), (["--until", "soon"], "--until"), (["--hosts", "0"], "--hosts"),
    (["--grant", "id=pool,product=tool,model=pool"], "neither can change"),
    (["--grant", "id=pool,model=volume"], "neither can change"),
    (["--grant", "id=pool,quantity=0"], "quantity=0"),
    (["--grant", "id=pool,overage=deny"], "overage is for"),
    (["--grant", "id=pool,quantity_max=40"], "more than quantity_max=40"),
    (["--grant", "id=volume,until=2091-01-01"], "until is after"),
    (["--grant", "id=volume,plans=render"], "requires"),
    (["--grant", "id=volume,lease=7d,renew=8d"], "renew="),
    (["--grant", "id=nothing,quantity=5"], "no grant 'nothing'"),
    (["--grant", "id=nothing,product=acme-cad,quantity=5"], "model is missing"),
    (["--grant", "quantity=5"], "product is missing"),
    (["--grant", "id=pool,id=pool"], "twice"),
    (["--grant", "id=new,product=none,model=volume"], "'none'"),
])
def test_renew_refusals(sold, tmp_path, options, says):
    sold.run("product", "add", "tool", "--name", "Tool")
    sold.refused("USAGE", 64, *RENEW, *options, "-o", tmp_path / "new", says=says)
    assert not (tmp_path / "new").exists() and sold.licenses()[0]["serial"] == 1


def test_a_default_id_that_is_there(sold, tmp_path):
    sold.issue(tmp_path / "l", "--id", "plain", grants=["product=acme-cad,model=volume"])
    sold.refused("USAGE", 64, "license", "renew", "plain", "--grant", "product=acme-cad,model=volume,threshold=2",
                 says="id=acme-cad-volume")


def test_renew_what_is_not_there_or_revoked(sold, tmp_path):
    sold.refused("NOT_FOUND", 1, "license", "renew", "none", says="none")
    other = Vendor(tmp_path / "other")
    other.refused("WRONG_VENDOR", 1, "license", "renew", tmp_path / "old")
    sold.run("license", "revoke", "fjord-1", "--reason", "unpaid")
    sold.refused("LICENSE_REVOKED", 4, *RENEW, "-o", tmp_path / "new", says="unpaid")
    assert not (tmp_path / "new").exists()


def test_renew_writes_both_or_neither(sold, tmp_path):
    sold.refused("CANNOT_CREATE", 73, *RENEW, "-o", tmp_path / "nowhere" / "l")
    sold.refused("STORE_FULL", 75, *RENEW, "-o", "/dev/full")
    for limit in (0, 600, 8192, 18000):
        done = run(*RENEW, "--dir", sold.dir, "-o", tmp_path / "new", limit=limit)
        assert done.returncode in (1, 73, 75) and "remedy: " in done.stderr
        assert not (tmp_path / "new").exists() and sold.licenses()[0]["serial"] == 1


def test_renewals_at_once_have_serials_of_their_own(sold, tmp_path):
    runs = [subprocess.Popen([str(PROGRAM), *RENEW, "--dir", str(sold.dir), "-o", str(tmp_path / f"n{n}")],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for n in range(5)]
    assert [process.wait(timeout=60) for process in runs] == [0] * 5
    assert sorted(sold.claims(tmp_path / f"n{n}")["serial"] for n in range(5)) == [2, 3, 4, 5, 6]


# --- an organisation asks for more ---


@pytest.fixture
def host(sold, tmp_path):
    made = Host()
    certify(sold, made, "fjord-1", tmp_path)
    return made


def test_a_request_is_answered(sold, host, tmp_path):
    request = host.ask_for_more(tmp_path / "r", sold, {"pool": 90})
    told = sold.json(*RENEW, "--request", request, "-o", tmp_path / "new")
    assert told["changes"] == [{"grant": "pool", "added": False, "quantity": {"from": 50, "to": 90}}]
    new = sold.claims(tmp_path / "new")
    assert (new["serial"], by_id(new)["pool"]["quantity"]) == (2, 90)
    again = sold.run(*RENEW, "--request", request, "-o", tmp_path / "new")  # nothing more comes of it
    assert "warning: the request was made with serial 1, and 2 has been issued since" in again.stderr
    assert by_id(sold.claims(tmp_path / "new"))["pool"]["quantity"] == 90
    assert sold.run(*RENEW, "--request", "-", stdin=request.read_text()).returncode == 0


def test_the_vendor_may_give_something_else(sold, host, tmp_path):
    request = host.ask_for_more(tmp_path / "r", sold, {"pool": 90})
    new = renew(sold, tmp_path, "--request", request, "--grant", "id=pool,quantity=60", "--until", "2095-01-01")
    assert by_id(new)["pool"]["quantity"] == 60 and new["exp"] == "2095-01-01T00:00:00Z"


def test_an_offer_limits_what_a_request_gets(sold, host, tmp_path):
    renew(sold, tmp_path, "--grant", "id=pool,quantity_max=80")
    request = host.ask_for_more(tmp_path / "r", sold, {"pool": 90})
    sold.refused("USAGE", 64, *RENEW, "--request", request, says="quantity_max=80")
    new = renew(sold, tmp_path, "--request", request, "--grant", "id=pool,quantity=90,quantity_max=100")
    assert by_id(new)["pool"]["quantity"] == 90


def test_request_refusals(sold, host, tmp_path):
    stranger, other = Host("stranger"), Vendor(tmp_path / "other")
    path = tmp_path / "r"

    def refuse(code, exit_code, says=(), wants=None, by=host, of=sold, **changes):
        by.ask_for_more(path, of, wants or {"pool": 90}, **changes)
        sold.refused(code, exit_code, *RENEW, "--request", path, "-o", tmp_path / "new", says=says)

    refuse("NOT_CERTIFIED", 1, by=stranger, says=pid(stranger.secret.verify_key))
    refuse("WRONG_VENDOR", 1, of=other, says=pid(other.key))
    refuse("NOT_CERTIFIED", 1, license="another", says="another")
    refuse("WRONG_ORG", 1, org="lagoon", says="lagoon")
    refuse("SIGNATURE_INVALID", 1, signer=stranger.secret)
    refuse("NOT_FOUND", 1, wants={"nothing": 5}, says="nothing")
    refuse("CLAIM_INVALID", 1, wants={"pool": 49}, says="50 already")
    refuse("CLAIM_INVALID", 1, wants={"volume": 5}, says="no limit")
    refuse("CLAIM_INVALID", 1, wants={"pool": 0}, says="quantity")
    refuse("NOT_FOUND", 1, serial=2, says="serial 2")
    refuse("CLAIM_INVALID", 1, serial=0, says="serial")
    host.request(path)
    sold.refused("WRONG_TYPE", 1, *RENEW, "--request", path, says="HOST REQUEST")
    path.write_text("hello")
    sold.refused("ARMOUR_INVALID", 1, *RENEW, "--request", path)
    sold.refused("IO", 1, *RENEW, "--request", tmp_path / "none")
    sold.refused("USAGE", 64, *RENEW, "--request", "-", "--passphrase", "-", stdin="x", says="standard input")
    sold.issue(tmp_path / "l", "--id", "second", grants=[POOL])
    certify(sold, host, "second", tmp_path)
    refuse("USAGE", 64, license="second", says=["second", "fjord-1"])
    sold.run("host", "revoke", host.name, "--reason", "stolen")
    refuse("CERTIFICATE_REVOKED", 4, says=host.name)
    assert not (tmp_path / "new").exists()
    assert {row["id"]: row["serial"] for row in sold.licenses()} == {"fjord-1": 1, "second": 1}


def test_renewing_an_ended_license(sold, tmp_path):
    yesterday = text_time(time.time() - DAY)
    sold.issue(tmp_path / "l", "--id", "over", "--from", "2020-01-01", until=yesterday)
    done = sold.run("license", "renew", "over", "-o", tmp_path / "new")
    assert "warning: the term of this license is over already" in done.stderr
    done = sold.run("license", "renew", "over", "--until", "2095-01-01", "-o", tmp_path / "new")
    assert "warning" not in done.stderr and sold.licenses()[1]["state"] == "active"
