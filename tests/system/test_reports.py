# SPDX-License-Identifier: Apache-2.0
"""Reports: the most that was used, day by day; who was refused and why; what was bought; who will end unseen."""
import csv
import io

from harness import PRODUCT, needs_faketime

POOL = f"id=pool,product={PRODUCT},model=pool,quantity=2,enrol=open"


def usage(host, *options):
    return host.items("report", "usage", *options)


def test_a_peak_of_a_moment_is_kept(hosts, vendor, machines):
    """Given back at once: no sample of a minute would have seen it."""
    host = hosts().start().serve(vendor, POOL)
    one, two, three = machines(host, "one", "two", "three")
    one.done("activate", PRODUCT)
    two.done("activate", PRODUCT)
    three.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    three.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    two.done("release", PRODUCT)
    row, = usage(host)
    assert (row["active"], row["peak_today"], row["peak_30d"], row["quantity"]) == (1, 2, 2, 2)
    assert (row["granted_30d"], row["released_30d"], row["refused_30d"]) == (2, 1, 2)
    grant = host.grant("pool")
    assert (grant["active"], grant["peak_today"], grant["peak_30d"]) == (1, 2, 2)
    host.stop()
    host.start()
    assert usage(host)[0]["peak_today"] == 2
    text = host.ctl("report", "usage").stdout
    assert "PEAK 30 D" in text and "pool" in text


def test_who_was_refused_what_why_and_how_often(hosts, vendor, machines):
    host = hosts().start().serve(vendor, POOL)
    one, two, three = machines(host, "one", "two", "three")
    one.done("activate", PRODUCT)
    two.done("activate", PRODUCT)
    for _ in range(3):
        three.refused("POOL_EXHAUSTED", "activate", PRODUCT)
    row, = host.items("report", "denials")
    assert row["n"] == 3 and row["product"] == PRODUCT and row["error"]["code"] == "POOL_EXHAUSTED" and row["error"]["remedy"]
    assert row["device"] in (three.id, None) and row["began"] <= row["latest"]
    assert host.items("report", "denials", "--code", "POOL_EXHAUSTED", "--product", PRODUCT) == [row]
    assert host.items("report", "denials", "--code", "BUSY") == []
    assert host.items("report", "denials", "--since", "2090-01-01") == []
    host.refused("BAD_REQUEST", "report", "denials", "--code", "NO_SUCH_CODE")
    three.refused("NO_PRODUCT_FILE", "activate", "unknown")  # never leaves the machine
    total, = host.items("report", "denials", "--sum")
    assert (total["n"], total["refused"], total["product"], total["error"]["code"]) == (3, 1, PRODUCT, "POOL_EXHAUSTED")
    assert host.items("report", "denials", "--sum", "--product", "other") == []
    assert "POOL_EXHAUSTED" in host.ctl("report", "denials", "--sum").stdout
    table = list(csv.DictReader(io.StringIO(host.ctl("report", "denials", "--csv").stdout)))
    assert [(r["error"], r["n"]) for r in table] == [("POOL_EXHAUSTED", "3")]


def test_compliance(hosts, vendor, machines):
    """A license shrinks below what is assigned: told, with exit code 2."""
    host = hosts().start().serve(vendor, f"id=seats,product={PRODUCT},model=user,quantity=3")
    for user in ("ann", "bea", "cid"):
        host.ctl("user", "add", user)
        host.ctl("assign", "--user", user, "--product", PRODUCT)
    row, = host.items("report", "compliance")
    assert (row["bought"], row["assigned"], row["over"], row["verdict"]) == (3, 3, 0, "ok")
    assert row["license"] == "fjord-1" and row["serial"] == 1 and row["ledger"] == host.json("host", "show")["ledger"]
    host.renewed(vendor, f"id=seats,product={PRODUCT},model=user,quantity=2")
    done = host.ctl("report", "compliance", check=False)
    assert done.returncode == 2 and "over" in done.stdout
    row, = host.items("report", "compliance", check=False)
    assert (row["bought"], row["assigned"], row["over"], row["verdict"], row["serial"]) == (2, 3, 1, "over", 2)


@needs_faketime
def test_days_and_ends(hosts, vendor, machines, clock):
    host = hosts(env=clock.env).start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    one, two = machines(host, "one", "two", env=clock.env)
    one.done("activate", PRODUCT)
    two.done("activate", PRODUCT)
    for day in (1, 160):
        clock.set(f"+{day}d")
        host.wake()
        one.done("renew", PRODUCT)
    row, = host.items("report", "expiring")
    assert row["device"] == two.id and 0 < row["days_left"] <= 20 and row["days_silent"] >= 159 and row["product"] == PRODUCT
    assert host.items("report", "expiring", "--within", "10") == []
    assert host.items("report", "expiring", "--silent", "161") == []
    days = host.items("report", "usage", "--since", "2000-01-01")
    mine = [d for d in days if d["grant"] == "cad-volume"]
    assert [d["peak"] for d in mine][:2] == [2, 2] and sum(d["granted"] for d in mine) == 2
    assert sum(d["renewed"] for d in mine) == 2 and len({d["day"] for d in mine}) == len(mine) >= 3


def test_clones_are_what_is_known(hosts, vendor, machines):
    host = hosts().start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    machine = machines(host, "one")
    machine.done("activate", PRODUCT)
    assert host.items("report", "clones") == []
    kept = {p: p.read_bytes() for p in machine.state.rglob("*") if p.is_file()}
    machine.done("renew", PRODUCT)
    machine.done("renew", PRODUCT)
    for path, content in kept.items():
        path.write_bytes(content)
    machine.done("renew", PRODUCT)
    row, = host.items("report", "clones", "--device", machine.id)
    assert row["device"] == machine.id and row["kind"] == "rollback" and row["expected"] > row["shown"]
