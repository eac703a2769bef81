# SPDX-License-Identifier: Apache-2.0
"""Product and license files as a vendor makes them."""

import os
import stat
import time

import pytest

from issuer_kit import DAY, V, Vendor, dearmour, pid, run, seconds_of, token_open
from issuer_kit import issued, vendor  # noqa: F401 (fixtures)


# --- products ---


def test_product_file(vendor, tmp_path):
    vendor.run("product", "add", "tool", "--name", "Tööl", "--version-from", "2.1", "--version-to", "7",
               "--grace", "14d", "--on-expiry", "reduced")
    vendor.run("product", "export", "tool", "-o", tmp_path / "tool.product")
    text = (tmp_path / "tool.product").read_text()
    claims = token_open(dearmour(text, "PRODUCT"), vendor.key, "muster.product")
    assert claims["iss"] == pid(vendor.key)
    assert claims["product"] == {"id": "tool", "name": "Tööl", "versions": {"from": "2.1", "to": "7"}, "plans": []}
    assert (claims["grace_days"], claims["prompt_days"], claims["on_expiry"]) == (14, 14, "reduced")
    assert vendor.run("product", "export", "acme-cad").stdout.startswith("-----BEGIN MUSTER PRODUCT-----\n")
    both = vendor.json("product", "export", "acme-cad")
    claims = token_open(dearmour(both["file"], "PRODUCT"), vendor.key, "muster.product")
    assert (claims["grace_days"], claims["prompt_days"], claims["on_expiry"]) == (30, 25, "notice")
    assert claims["product"]["plans"] == [
        {"id": "modeler", "name": "The Modeler"},
        {"id": "render", "conflicts": ["cloud"], "requires": ["modeler"]},
        {"id": "cloud", "conflicts": ["render"]},
    ]


def test_product_list(vendor):
    assert "acme-cad" in vendor.run("product", "list").stdout
    vendor.json("product", "add", "b", "--name", "B", "--prompt", "1d")
    items = vendor.json("product", "list")["items"]
    assert [(i["id"], i["name"], i["prompt_days"]) for i in items] == [("acme-cad", "Acme CAD", 25), ("b", "B", 1)]


@pytest.mark.parametrize("options, says", [
    (["Bad!", "--name", "X"], "Bad!"),
    (["x"], "--name"),
    (["x", "--name", "\x1b[2J"], "--name"),
    (["x", "--name", "a\u009bb"], "--name"),
    (["x", "--name", "a" * 128], "--name"),
    (["x", "--name", "X", "--plan", "A"], "--plan"),
    (["x", "--name", "X", "--plan", "a:"], "--plan"),
    (["x", "--name", "X", "--plan", "a", "--plan", "a:Again"], "twice"),
    (["x", "--name", "X", *[w for n in range(17) for w in ("--plan", f"p{n}")]], "16"),
    (["x", "--name", "X", "--plan", "a", "--conflict", "a"], "--conflict"),
    (["x", "--name", "X", "--plan", "a", "--conflict", "a:a"], "twice"),
    (["x", "--name", "X", "--plan", "a", "--conflict", "a:b"], "'b'"),
    (["x", "--name", "X", "--plan", "a", "--requires", "b:a"], "'b'"),
    (["x", "--name", "X", "--plan", "a", "--plan", "b", "--plan", "c", "--requires", "a:b", "--requires", "b:c",
      "--conflict", "a:c"], "'a'"),
    (["x", "--name", "X", "--version-from", "1..2"], "--version-from"),
    (["x", "--name", "X", "--version-from", "8", "--version-to", "7.5"], "--version-to"),
    (["x", "--name", "X", "--grace", "30"], "--grace"),
    (["x", "--name", "X", "--grace", "12h"], "--grace"),
    (["x", "--name", "X", "--grace", "91d"], "--grace"),
    (["x", "--name", "X", "--grace", "10d", "--prompt", "11d"], "--prompt"),
    (["x", "--name", "X", "--on-expiry", "explode"], "--on-expiry"),
])
def test_product_add_refusals(vendor, options, says):
    vendor.refused("USAGE", 64, "product", "add", *options, says=says)
    assert len(vendor.json("product", "list")["items"]) == 1


def test_product_refusals(vendor):
    vendor.refused("DUPLICATE", 1, "product", "add", "acme-cad", "--name", "Again", says="acme-cad")
    vendor.refused("NOT_FOUND", 1, "product", "export", "nothing", says="nothing")


def test_product_add_plan(vendor, tmp_path):
    more = vendor.json("product", "add-plan", "acme-cad", "--plan", "viewer:The Viewer", "--conflict", "cloud:viewer",
                       "--requires", "viewer:modeler")
    assert [plan["id"] for plan in more["plans"]] == ["modeler", "render", "cloud", "viewer"]
    vendor.run("product", "export", "acme-cad", "-o", tmp_path / "p")
    assert vendor.claims(tmp_path / "p", "PRODUCT")["product"]["plans"] == [
        {"id": "modeler", "name": "The Modeler"},
        {"id": "render", "conflicts": ["cloud"], "requires": ["modeler"]},
        {"id": "cloud", "conflicts": ["render", "viewer"]},
        {"id": "viewer", "name": "The Viewer", "conflicts": ["cloud"], "requires": ["modeler"]},
    ]


@pytest.mark.parametrize("options, says", [
    ([], "--plan"),
    (["--plan", "render"], "already"),
    (["--plan", "x", "--plan", "x"], "twice"),
    (["--plan", "x", "--conflict", "modeler:cloud"], "'modeler'"),
    (["--plan", "x", "--requires", "cloud:x"], "'cloud'"),
    (["--plan", "x", "--requires", "cloud:modeler"], "'cloud'"),
    (["--plan", "x", "--requires", "x:render", "--requires", "x:cloud"], "'x'"),
    (["--plan", "x", "--conflict", "x:y"], "'y'"),
    ([w for n in range(14) for w in ("--plan", f"p{n}")], "16"),
])
def test_product_add_plan_refusals(vendor, options, says):
    before = vendor.json("product", "list")
    vendor.refused("USAGE", 64, "product", "add-plan", "acme-cad", *options, says=says)
    vendor.refused("NOT_FOUND", 1, "product", "add-plan", "nothing", "--plan", "x", says="nothing")
    assert vendor.json("product", "list") == before


# --- licenses ---


def test_license_file(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--hosts", "2", until="2080-01-01")
    claims = token_open(dearmour((tmp_path / "l").read_text(), "LICENSE"), vendor.key, "muster.license")
    assert stat.S_IMODE((tmp_path / "l").stat().st_mode) == 0o644
    assert claims["iss"] == pid(vendor.key) and claims["serial"] == 1 and claims["hosts_max"] == 2
    assert claims["org"] == {"id": "fjord", "name": "Fjord AS"}
    assert claims["exp"] == "2080-01-01T00:00:00Z" and claims["grace_days"] == 30
    assert seconds_of(claims["nbf"]) % DAY == 0 and 0 <= time.time() - seconds_of(claims["nbf"]) < DAY + 3600
    assert claims["id"].startswith("fjord-") and len(claims["id"]) == 14
    assert [p["id"] for p in claims["products"]] == ["acme-cad"]
    (grant,) = claims["grants"]
    assert (grant["id"], grant["product"], grant["model"]) == ("cad-volume", "acme-cad", "volume")
    assert "quantity" not in grant and "exp" not in grant and "plans" not in grant
    assert grant["policy"] == {
        "threshold": 25, "window_days": 30, "lease_days": 180, "renew_minutes": 7 * 1440, "retry_minutes": 120,
        "grace_days": 30, "devices_per_user": 5, "hardware_tolerance": 60, "overage": "deny", "on_expiry": "notice",
        "enrol": "open", "overflow": "deny"}
    (row,) = vendor.licenses()
    assert (row["id"], row["serial"], row["state"], row["hosts"]) == (claims["id"], 1, "active", 0)


def test_license_every_grant_key(vendor, tmp_path):
    grant = ("id=g1,product=acme-cad,model=volume,quantity=100,threshold=5,window=7d,lease=90d,renew=2d,retry=30m,"
             "grace=4w,overage=allow+report,on_expiry=reduced,enrol=approve,plans=modeler+render,from=2081-01-01,"
             "until=2082-01-01T12:00:00Z,cancel_until=2081-01-08")
    vendor.issue(tmp_path / "l", "--from", "2080-01-01", "--grace", "7d",
                 grants=[grant, "product=acme-cad,model=user,quantity=3,devices_per_user=2,lease=1d,plans=cloud",
                         "product=acme-cad,model=pool,quantity=9,lease=perpetual,plans=modeler",
                         "id=short,product=acme-cad,model=pool,quantity=9,lease=10d,plans=modeler"])
    claims = token_open(dearmour((tmp_path / "l").read_text(), "LICENSE"), vendor.key, "muster.license")
    first, user, pool, short = claims["grants"]
    policy = first.pop("policy")
    assert claims["grace_days"] == 7 and len(claims["products"]) == 1
    assert first == {"id": "g1", "product": "acme-cad", "model": "volume", "quantity": 100,
                     "nbf": "2081-01-01T00:00:00Z", "exp": "2082-01-01T12:00:00Z",
                     "cancel_until": "2081-01-08T00:00:00Z", "plans": ["modeler", "render"]}
    assert (policy["threshold"], policy["window_days"], policy["lease_days"], policy["grace_days"]) == (5, 7, 90, 28)
    assert (policy["renew_minutes"], policy["retry_minutes"]) == (2880, 30)
    assert (policy["overage"], policy["on_expiry"], policy["enrol"]) == ("allow+report", "reduced", "approve")
    assert user["id"] == "acme-cad-user" and user["policy"]["devices_per_user"] == 2
    assert user["policy"]["lease_days"] == 1 and user["policy"]["renew_minutes"] == 720
    assert pool["policy"]["lease_days"] == 0 and pool["policy"]["renew_minutes"] == 0
    assert pool["policy"]["enrol"] == "key" and short["policy"]["renew_minutes"] == 5 * 1440


def test_license_of_an_offer(vendor, tmp_path):
    offer = "quantity=5,quantity_max=20,recurring=yes,redeem_from_device=yes"
    vendor.issue(tmp_path / "l", grants=[
        f"id=bought,product=acme-cad,model=user,{offer},self_service=kari@fjord.example,overflow=release",
        "id=plain,product=acme-cad,model=shared,quantity=5,recurring=no,redeem_from_device=no,overflow=deny"])
    claims = token_open(dearmour((tmp_path / "l").read_text(), "LICENSE"), vendor.key, "muster.license")
    bought, plain = claims["grants"]
    assert (bought["recurring"], bought["redeem_from_device"]) == (True, True)
    assert (bought["quantity"], bought["quantity_max"]) == (5, 20)
    assert bought["self_service_owner"] == "kari@fjord.example" and bought["policy"]["overflow"] == "release"
    assert not {"recurring", "redeem_from_device", "quantity_max", "self_service_owner"} & set(plain)
    assert plain["policy"]["overflow"] == "deny"
    text = vendor.run("license", "show", tmp_path / "l").stdout
    assert "recurring: yes" in text and "self_service_owner: kari@fjord.example" in text


@pytest.mark.parametrize("grant, says", [
    ("", "product is missing"),
    ("model=volume", "product is missing"),
    ("product=acme-cad", "model is missing"),
    ("product=nothing,model=volume", "'nothing'"),
    ("product=acme-cad,model=banana", "model=banana"),
    (f"{V},colour=red", "'colour'"),
    (f"{V},threshold", "threshold lacks its value"),
    (f"{V},threshold=", "threshold lacks its value"),
    (f"{V},", "comma"),
    (f"{V},,threshold=1", "is no key"),
    (f"{V},threshold=1,threshold=2", "threshold is given twice"),
    (f"{V},product=acme-cad", "product is given twice"),
    (f"{V},id=Bad Id", "id="),
    (f"{V},threshold=0", "threshold=0"),
    (f"{V},threshold=1000001", "threshold=1000001"),
    (f"{V},threshold=-5", "threshold=-5"),
    (f"{V},threshold=5x", "threshold=5x"),
    (f"{V},threshold=99999999999999999999", "threshold="),
    (f"{V},quantity=0", "quantity=0"),
    (f"{V},quantity=2147483648", "quantity="),
    (f"{V},window=0d", "window=0d"),
    (f"{V},window=401d", "window=401d"),
    (f"{V},window=30", "window=30"),
    (f"{V},lease=90m", "lease=90m"),
    (f"{V},lease=401d", "lease=401d"),
    (f"{V},lease=perpetual", "perpetual"),
    (f"{V},renew=5m", "renew=5m"),
    (f"{V},renew=31d", "renew=31d"),
    (f"{V},lease=7d,renew=7d", "renew=7d"),
    (f"{V},retry=90s", "retry=90s"),
    (f"{V},grace=500d", "grace=500d"),
    (f"{V},overage=maybe,quantity=3", "overage=maybe"),
    (f"{V},overage=deny", "overage needs"),
    (f"{V},on_expiry=never", "on_expiry=never"),
    (f"{V},enrol=all", "enrol=all"),
    (f"{V},plans=modeler+paint", "'paint'"),
    (f"{V},plans=modeler+modeler", "twice"),
    (f"{V},plans=render", "'render' requires 'modeler'"),
    (f"{V},plans=+", "plans"),
    (f"{V},from=tomorrow", "from=tomorrow"),
    (f"{V},from=2000-01-01", "from is before"),
    (f"{V},from=2090-01-01", "from is not before"),
    (f"{V},until=2100-01-01", "until is after"),
    (f"{V},until=2000-01-01", "until is not after"),
    (f"{V},from=2085-01-01,until=2085-01-01", "until is not after from"),
    (f"{V},until=2080-02-30", "until=2080-02-30"),
    (f"{V},cancel_until=2091-01-01", "cancel_until"),
    (f"{V},cancel_until=2001-01-01", "cancel_until"),
    (f"{V},self_service=ann", "self_service is for"),
    ("product=acme-cad,model=pool,quantity=5,self_service=ann", "self_service is for"),
    ("product=acme-cad,model=user,quantity=5,self_service=a\tb", "self_service must be"),
    (f"product=acme-cad,model=user,quantity=5,self_service={'u' * 128}", "self_service must be"),
    (f"{V},recurring=maybe", "recurring=maybe"),
    (f"{V},redeem_from_device=1", "redeem_from_device=1"),
    (f"{V},overflow=deny", "overflow is for"),
    ("product=acme-cad,model=device,quantity=5,overflow=release", "overflow is for"),
    ("product=acme-cad,model=user,quantity=5,overflow=evict", "overflow=evict"),
    (f"{V},quantity_max=5", "quantity_max needs a quantity"),
    (f"{V},quantity=5,quantity_max=4", "more than quantity_max=4"),
    (f"{V},quantity=5,quantity_max=0", "quantity_max=0"),
    (f"{V},devices_per_user=2", "devices_per_user"),
    ("product=acme-cad,model=pool", "quantity is missing"),
    ("product=acme-cad,model=device", "quantity is missing"),
    ("product=acme-cad,model=user", "quantity is missing"),
    ("product=acme-cad,model=shared", "quantity is missing"),
    ("product=acme-cad,model=pool,quantity=5,threshold=5", "threshold"),
    ("product=acme-cad,model=user,quantity=5,devices_per_user=0", "devices_per_user=0"),
    (f"{V},id={'x' * 64}", "id="),
    (f"{V},plans={'x' * 5000}", "too long"),
])
def test_grant_refusals(vendor, tmp_path, grant, says):
    vendor.refused("USAGE", 64, "license", "issue", "--org", "fjord", "--org-name", "F", "--until", "2090-01-01",
                   "--grant", grant, "-o", tmp_path / "l", says=["--grant", says])
    assert not (tmp_path / "l").exists() and vendor.licenses() == []


@pytest.mark.parametrize("changes, says", [
    ({"--org": None}, "--org"), ({"--org": "Fjord AS"}, "--org"), ({"--org-name": None}, "--org-name"),
    ({"--org-name": "a\tb"}, "--org-name"), ({"--until": None}, "--until"), ({"--until": "soon"}, "--until"),
    ({"--until": "2020-01-01"}, "--until"), ({"--from": "2090-01-01"}, "--until"), ({"--from": "x"}, "--from"),
    ({"--hosts": "0"}, "--hosts"), ({"--hosts": "1001"}, "--hosts"), ({"--hosts": "two"}, "--hosts"),
    ({"--id": "A"}, "--id"), ({"--grace": "1h"}, "--grace"), ({"--grace": "401d"}, "--grace"),
    ({"--grant": None}, "--grant"), ({"--org": "o" * 60}, "--id"),
])
def test_issue_refusals(vendor, tmp_path, changes, says):
    options = {"--org": "fjord", "--org-name": "Fjord", "--until": "2090-01-01", "--grant": V, **changes}
    words = [word for option, value in options.items() if value is not None for word in (option, value)]
    vendor.refused("USAGE", 64, "license", "issue", *words, "-o", tmp_path / "l", says=says)
    assert not (tmp_path / "l").exists() and vendor.licenses() == []


def test_issue_same_twice(vendor, issued, tmp_path):
    vendor.refused("DUPLICATE", 1, "license", "issue", "--org", "x", "--org-name", "X", "--until", "2090-01-01",
                   "--grant", V, "--id", "fjord-1", "-o", tmp_path / "again", says="fjord-1")
    vendor.refused("USAGE", 64, "license", "issue", "--org", "x", "--org-name", "X", "--until", "2090-01-01",
                   "--grant", V, "--grant", V, "-o", tmp_path / "again", says="acme-cad-volume")
    assert not (tmp_path / "again").exists() and len(vendor.licenses()) == 1


ISSUE = ["license", "issue", "--org", "fjord", "--org-name", "F", "--until", "2090-01-01", "--grant", V]


def test_issue_writes_both_or_neither(vendor, tmp_path):
    """Without its file a license is not in the ledger, and without the ledger there is no file."""
    (tmp_path / "folder").mkdir()
    vendor.refused("CANNOT_CREATE", 73, *ISSUE, "-o", tmp_path / "nowhere" / "l", says="nowhere")
    vendor.refused("CANNOT_CREATE", 73, *ISSUE, "-o", tmp_path / "folder", says="folder")
    vendor.refused("STORE_FULL", 75, *ISSUE, "-o", "/dev/full", says="Make room")
    with open("/dev/full", "w") as full:
        vendor.refused("STORE_FULL", 75, *ISSUE, stdout=full)
        assert run(*ISSUE, "--json", "--dir", vendor.dir, stdout=full).returncode == 1
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)
    for limit in (0, 600, 4096, 8192, 14000, 18000):
        before = (vendor.dir / "ledger.db").read_bytes()
        done = run(*ISSUE, "--dir", vendor.dir, "-o", tmp_path / "l", limit=limit)
        assert done.returncode in (1, 73, 75) and "remedy: " in done.stderr
        assert not (tmp_path / "l").exists() and vendor.licenses() == []
        assert (vendor.dir / "ledger.db").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "vendor"]
    assert sorted(p.name for p in vendor.dir.iterdir()) == ["ledger.db", "vendor.key", "vendor.pub"]


@pytest.mark.parametrize("own", ["vendor.key", "vendor.pub", "ledger.db"])
def test_output_never_replaces_the_vendor(vendor, tmp_path, own):
    (tmp_path / "link").symlink_to(vendor.dir / own)
    before = vendor.files()
    vendor.refused("USAGE", 64, *ISSUE, "-o", vendor.dir / own, says=own)
    vendor.refused("USAGE", 64, *ISSUE, "-o", tmp_path / "link", says=own)
    assert vendor.files() == before


def test_issue_to_standard_output(vendor):
    done = vendor.run(*ISSUE)
    token_open(dearmour(done.stdout, "LICENSE"), vendor.key, "muster.license")
    assert done.stdout.endswith("-----END MUSTER LICENSE-----\n") and "serial 1" in done.stderr
    both = vendor.json(*ISSUE)
    assert token_open(dearmour(both["file"], "LICENSE"), vendor.key, "muster.license")["id"] == both["id"]
    assert len(vendor.licenses()) == 2


def test_license_show(vendor, issued, tmp_path):
    other = Vendor(tmp_path / "other")
    text = vendor.run("license", "show", "fjord-1").stdout
    for words in ("Fjord AS", "cad-volume", "threshold: 25", "exp: 2090-01-01T00:00:00Z", "The Modeler"):
        assert words in text
    shown = vendor.json("license", "show", "fjord-1")
    assert shown == vendor.json("license", "show", issued)
    assert shown["claims"] == token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    vendor.run("license", "show", "fjord-1", "-o", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == issued.read_bytes()
    vendor.refused("NOT_FOUND", 1, "license", "show", "nothing", says="nothing")
    other.refused("WRONG_VENDOR", 1, "license", "show", issued)
    vendor.refused("IO", 1, "license", "show", "/nowhere/file", says="/nowhere/file")
    vendor.run("product", "export", "acme-cad", "-o", tmp_path / "p")
    vendor.refused("WRONG_TYPE", 1, "license", "show", tmp_path / "p", says="PRODUCT")


def test_license_list(vendor, issued):
    vendor.issue("/dev/null", "--id", "old", "--from", "2020-01-01", until="2021-01-01")
    vendor.issue("/dev/null", "--id", "new", "--from", "2089-01-01")
    assert {row["id"]: row["state"] for row in vendor.licenses()} == {
        "fjord-1": "active", "old": "expired", "new": "pending"}
    assert "Fjord AS" in vendor.run("license", "list").stdout
