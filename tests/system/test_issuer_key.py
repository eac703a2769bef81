# SPDX-License-Identifier: Apache-2.0
"""Product keys and pool keys: made once, kept as hashes, carried by the next serial, blocked."""

import os
import sqlite3
import stat
import subprocess

import pytest

from issuer_kit import KEY_ALPHABET, PROGRAM, b64, key_hash, key_is_whole, run
from issuer_kit import vendor  # noqa: F401 (fixtures)

POOL = "id=pool,product=acme-cad,model=pool,quantity=50,quantity_max=100"
USER = "id=user,product=acme-cad,model=user,quantity=5"
GENERATE = ["key", "generate", "--license", "fjord-1", "--grant"]


@pytest.fixture
def sold(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "fjord-1",
                 grants=[POOL, USER, "id=open,product=acme-cad,model=volume",
                         "id=guarded,product=acme-cad,model=volume,enrol=key"])
    return vendor


def renewed(vendor, tmp_path):
    vendor.run("license", "renew", "fjord-1", "-o", tmp_path / "renewed")
    return {grant["id"]: grant for grant in vendor.claims(tmp_path / "renewed")["grants"]}


def test_pool_keys(sold, tmp_path):
    done = sold.run(*GENERATE, "pool", "--pool", "--count", "3")
    keys = done.stdout.split()
    assert len(set(keys)) == 3 and all(map(key_is_whole, keys))
    assert "license renew fjord-1" in done.stderr and not any(key in done.stderr for key in keys)
    assert (tmp_path / "l").read_text() and "pool_keys" not in sold.claims(tmp_path / "l")["grants"][0]
    grant = renewed(sold, tmp_path)["pool"]
    assert grant["pool_keys"] == [b64(key_hash(key, grant["key_salt"])) for key in keys]
    assert "redemption" not in grant
    rows = sold.keys("--license", "fjord-1")
    assert [row["id"] for row in rows] == [key_hash(key, grant["key_salt"]).hex()[:12] for key in keys]
    assert {(row["grant"], row["kind"], row["state"]) for row in rows} == {("pool", "pool", "active")}


def test_a_pool_without_keys_is_told(sold, tmp_path):
    note = "note: grant pool lets machines in by key, and has none"
    assert note in sold.run("license", "renew", "fjord-1", "-o", tmp_path / "l").stderr
    sold.run(*GENERATE, "pool", "--pool")
    assert note not in sold.run("license", "renew", "fjord-1", "-o", tmp_path / "l").stderr


def test_redemption_keys(sold, tmp_path):
    one = sold.json(*GENERATE, "pool", "--quantity", "10", "--days", "365", "--expires", "2089-01-01")["items"][0]
    two = sold.json(*GENERATE, "pool", "--quantity", "50")["items"][0]
    three = sold.json(*GENERATE, "user", "--days", "30")["items"][0]
    grants = renewed(sold, tmp_path)
    salts = {grant["key_salt"] for grant in (grants["pool"], grants["user"])}
    assert len(salts) == 2 and not {"key_salt", "pool_keys", "redemption"} & set(grants["open"])
    assert grants["pool"]["redemption"] == [
        {"hash": b64(key_hash(one["key"], grants["pool"]["key_salt"])), "quantity": 10, "days": 365,
         "exp": "2089-01-01T00:00:00Z"},
        {"hash": b64(key_hash(two["key"], grants["pool"]["key_salt"])), "quantity": 50}]
    assert [row["days"] for row in grants["user"]["redemption"]] == [30]
    assert three["kind"] == "redemption" and three["expires"] is None
    text = sold.run("key", "list").stdout
    assert "10 more, 365 days more" in text and "50 more " in text and "30 days more" in text
    assert not any(row["key"] in text for row in (one, two, three))
    assert renewed(sold, tmp_path)["pool"]["redemption"] == grants["pool"]["redemption"]  # the salt stays


def test_the_ledger_holds_no_key(sold):
    keys = sold.run(*GENERATE, "pool", "--pool", "--count", "20").stdout.split()
    for content in sold.files().values():
        assert not any(key.encode() in content or key.replace("-", "").encode() in content for key in keys)


def test_keys_into_a_file(sold, tmp_path):
    done = sold.run(*GENERATE, "pool", "--pool", "--count", "2", "-o", tmp_path / "keys")
    keys = (tmp_path / "keys").read_text().splitlines()
    assert len(keys) == 2 and all(map(key_is_whole, keys))
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600
    assert not any(key in done.stdout + done.stderr for key in keys)
    told = sold.json(*GENERATE, "pool", "--pool", "-o", tmp_path / "more")
    assert told["output"] == str(tmp_path / "more") and "key" not in told["items"][0]
    sold.refused("CANNOT_CREATE", 73, *GENERATE, "pool", "--pool", "-o", tmp_path / "keys", says="there already")
    assert (tmp_path / "keys").read_text().splitlines() == keys
    sold.refused("CANNOT_CREATE", 73, *GENERATE, "pool", "--pool", "-o", tmp_path / "no" / "keys")
    sold.refused("STORE_FULL", 75, *GENERATE, "pool", "--pool", "-o", "/dev/full")
    with open("/dev/full", "w") as full:
        sold.refused("STORE_FULL", 75, *GENERATE, "pool", "--pool", stdout=full)
        assert run(*GENERATE, "pool", "--pool", "--json", "--dir", sold.dir, stdout=full).returncode != 0
    assert len(sold.keys()) == 3
    both = sold.json(*GENERATE, "pool", "--pool", "-o", "-")
    assert key_is_whole(both["items"][0]["key"])


@pytest.mark.parametrize("grant, options, says", [
    ("pool", [], "--pool"),
    ("pool", ["--expires", "2089-01-01"], "--quantity"),
    ("pool", ["--pool", "--quantity", "5"], "--quantity"),
    ("pool", ["--pool", "--days", "5"], "--days"),
    ("pool", ["--pool", "--expires", "2089-01-01"], "--expires"),
    ("pool", ["--pool", "--count", "0"], "--count"),
    ("pool", ["--pool", "--count", "1001"], "--count"),
    ("pool", ["--quantity", "0"], "--quantity"),
    ("pool", ["--quantity", "51"], "100"),
    ("pool", ["--days", "3661"], "--days"),
    ("pool", ["--days", "5", "--expires", "2020-01-01"], "over already"),
    ("pool", ["--days", "5", "--expires", "soon"], "--expires"),
    ("user", ["--pool"], "assigned"),
    ("open", ["--pool"], "enrol=open"),
    ("open", ["--quantity", "5"], "no quantity"),
    ("Bad Grant", ["--pool"], "--grant"),
])
def test_generate_refusals(sold, grant, options, says):
    sold.refused("USAGE", 64, *GENERATE, grant, *options, says=says)
    assert sold.keys() == []


def test_generate_for_what_is_not_there(sold, tmp_path):
    sold.refused("NOT_FOUND", 1, *GENERATE, "nothing", "--pool", says="nothing")
    sold.refused("NOT_FOUND", 1, "key", "generate", "--license", "none", "--grant", "pool", "--pool", says="none")
    sold.refused("USAGE", 64, "key", "generate", "--grant", "pool", "--pool", says="--license")
    sold.refused("USAGE", 64, "key", "generate", "--license", "fjord-1", "--pool", says="--grant")
    assert key_is_whole(sold.run(*GENERATE, "guarded", "--pool").stdout.strip())
    sold.run("license", "revoke", "fjord-1", "--reason", "unpaid")
    sold.refused("LICENSE_REVOKED", 4, *GENERATE, "pool", "--pool", says="unpaid")
    assert len(sold.keys()) == 1


def test_as_many_keys_as_a_license_holds(sold, tmp_path):
    sold.run(*GENERATE, "pool", "--pool", "--count", "999", "-o", tmp_path / "many")
    sold.refused("TOO_LARGE", 1, *GENERATE, "pool", "--pool", "--count", "2", says="999")
    sold.run(*GENERATE, "pool", "--pool")
    sold.run(*GENERATE, "pool", "--quantity", "1", "--days", "1")
    grant = renewed(sold, tmp_path)["pool"]
    assert len(grant["pool_keys"]) == 1000 and len(grant["redemption"]) == 1
    sold.run("key", "block", f"@{tmp_path}/many")
    sold.run(*GENERATE, "pool", "--pool", "--count", "999", "-o", tmp_path / "others")
    assert len(renewed(sold, tmp_path)["pool"]["pool_keys"]) == 1000


def test_more_keys_than_fit_into_a_file(vendor, tmp_path):
    vendor.issue(tmp_path / "l", "--id", "fjord-1",
                 grants=[f"id=g{n},product=acme-cad,model=user,quantity=5" for n in range(3)])
    for n in range(3):
        vendor.run(*GENERATE, f"g{n}", "--quantity", "5", "--days", "365", "--expires", "2089-01-01", "--count",
                   "1000", "-o", tmp_path / f"keys{n}")
    vendor.refused("TOO_LARGE", 1, "license", "renew", "fjord-1", "-o", tmp_path / "r", says="Block keys")
    assert not (tmp_path / "r").exists() and vendor.licenses()[0]["serial"] == 1


def test_block(sold, tmp_path):
    keys = sold.run(*GENERATE, "pool", "--pool", "--count", "5").stdout.split()
    ids = [row["id"] for row in sold.keys()]
    (tmp_path / "two").write_text(f"\n{keys[1]}\r\n  {keys[2].replace('-', ' ').lower()}\n\n")
    done = sold.run("key", "block", ids[0])
    assert ids[0] in done.stdout and "revocations" in done.stderr
    assert "warning" not in done.stderr
    assert [row["id"] for row in sold.json("key", "block", f"@{tmp_path}/two")["items"]] == ids[1:3]
    assert sold.run("key", "block", "-", stdin=keys[3] + "\n").returncode == 0
    literal = sold.run("key", "block", keys[4])
    assert "warning: a key on the command line" in literal.stderr and keys[4] not in literal.stdout + literal.stderr
    rows = sold.keys()
    assert {row["state"] for row in rows} == {"blocked"} and all(row["blocked"] for row in rows)
    assert sold.run("key", "block", ids[0].upper()).returncode == 0
    assert sold.keys() == rows  # a second time changes nothing
    assert "pool_keys" not in renewed(sold, tmp_path)["pool"]


def test_block_refusals(sold, tmp_path):
    keys = sold.run(*GENERATE, "pool", "--pool", "--count", "40").stdout.split()
    wrong = keys[0][:-1] + ("3" if keys[0][-1] != "3" else "4")
    (tmp_path / "keys").write_text(f"{keys[0]}\n{wrong}\n")
    for args, more in (([f"@{tmp_path}/keys"], {}), (["-"], {"stdin": wrong}), ([wrong], {}), (["hello"], {}),
                       (["@/dev/null"], {})):
        error = sold.refused("KEY_MALFORMED", 1, "key", "block", *args, **more)
        assert wrong not in error["detail"]
    stranger = next(key for key in ("XYXYX-YXYXY-XYXYX-YXYXY-XYXY" + c for c in KEY_ALPHABET) if key_is_whole(key))
    sold.refused("KEY_UNKNOWN", 1, "key", "block", "-", stdin=stranger, says="line 1")
    sold.refused("NOT_FOUND", 1, "key", "block", "ffffffffffff", says="ffffffffffff")
    sold.refused("IO", 1, "key", "block", "@/nowhere", says="/nowhere")
    with sqlite3.connect(sold.dir / "ledger.db") as db:  # two keys whose ids begin alike
        for n, row in enumerate(db.execute("SELECT seq FROM product_key LIMIT 2").fetchall()):
            db.execute("UPDATE product_key SET hash = ? WHERE seq = ?", (b"\xab\xcd\xef" + bytes([n]) * 29, *row))
    sold.refused("USAGE", 64, "key", "block", "abcdef", says="several")
    assert {row["state"] for row in sold.keys()} == {"active"}
    assert sold.run("key", "block", "abcdef00").returncode == 0


def test_keys_at_once(sold, tmp_path):
    """Two runs at once: every key is another, and none is lost."""
    runs = [subprocess.Popen([str(PROGRAM), *GENERATE, "pool", "--pool", "--count", "50", "--dir", str(sold.dir)],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             env={**os.environ}) for _ in range(4)]
    keys = [key for process in runs for key in process.communicate(timeout=60)[0].split()]
    assert len(set(keys)) == 200 and len(sold.keys()) == 200
    grant = renewed(sold, tmp_path)["pool"]
    assert set(grant["pool_keys"]) == {b64(key_hash(key, grant["key_salt"])) for key in keys}
