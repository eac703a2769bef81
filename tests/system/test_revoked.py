# SPDX-License-Identifier: Apache-2.0
"""Revocation lists on the machines: from hosts that have a newer one, and from the administrator's folder."""
from harness import PRODUCT, Machine, Vendor


def two_hosts(vendor, hosts, folder):
    """Two hosts of one organisation, each with its own ledger."""
    first = hosts().start()
    path = first.install(vendor)
    second = hosts(state="second").start()
    second.certify(vendor, path)
    second.ctl("license", "install", path)
    return first, second


def revoke(vendor, host, path):
    vendor("host", "revoke", host.json("host", "show")["id"], "--reason", "stolen")
    vendor("revocations", "-o", path)
    return path


def known(machine):
    return [path.name for path in machine.state.glob("revocations/*")]


def kept(machine):
    path, = machine.state.glob("revocations/*")
    return path


def test_a_host_that_was_stolen(vendor, hosts, machines, folder):
    good, stolen = two_hosts(vendor, hosts, folder)
    a = machines(good, "a")
    a.activate(check=True)
    assert known(a) == []
    good.ctl("install", revoke(vendor, stolen, folder / "list"))
    # The thief's host has no such list: who has not heard of it, takes its word.
    machines(stolen, "unaware").activate(check=True)
    # Whoever has called an honest host since, does not; not even offline.
    a.done("renew", PRODUCT)
    assert len(known(a)) == 1
    at_thief = Machine(folder, "a", vendor.products, "--host", f"127.0.0.1:{stolen.port}")
    assert "CERTIFICATE_REVOKED" in at_thief.refused("NO_HOST", "renew", PRODUCT)["detail"]
    a.done("request", PRODUCT, "-o", folder / "request")
    stolen.ctl("offline", "answer", folder / "request", "-o", folder / "answer")
    a.refused("CERTIFICATE_REVOKED", "import", folder / "answer")
    # What it holds holds, and honest hosts go on.
    assert a.status()["state"] == "licensed"
    a.done("renew", PRODUCT)


def test_a_list_in_the_folder(vendor, hosts, machines, folder):
    good, stolen = two_hosts(vendor, hosts, folder)
    revoke(vendor, stolen, vendor.products / "acme.revocations")
    assert "CERTIFICATE_REVOKED" in machines(stolen, "a").refused("NO_HOST", "activate", PRODUCT)["detail"]
    b = machines(good, "b")
    b.activate(check=True)
    # A list of somebody whom this machine does not trust says nothing, whatever its number.
    (folder / "away").mkdir()
    other = Vendor(folder / "away", "Other")
    good.ctl("host", "request", "-o", folder / "request")
    other("host", "certify", folder / "request", "--license", other.license(folder / "license"), "-o", folder / "certificate")
    revoke(other, good, folder / "first")
    revoke(other, good, vendor.products / "other.revocations")
    b.done("renew", PRODUCT)
    # The vendor's own says it.
    revoke(vendor, good, vendor.products / "acme.revocations")
    assert "CERTIFICATE_REVOKED" in b.refused("NO_HOST", "renew", PRODUCT)["detail"]


def test_only_newer_lists(vendor, hosts, machines, folder):
    """A host that is behind takes nothing from a machine that knows more, and one that is ahead tells it."""
    ahead, behind = two_hosts(vendor, hosts, folder)
    lists = []
    for name, host in (("one", behind), ("two", ahead)):
        vendor.license(folder / name, org=name, more=("--id", name))
        vendor("license", "revoke", name)
        vendor("revocations", "-o", folder / "list")
        host.ctl("install", folder / "list")
        lists.append((folder / "list").read_text())
    a, b = machines(ahead, "a", "b")
    at_other = {name: Machine(folder, name, vendor.products, "--host", f"127.0.0.1:{behind.port}") for name in ("a", "b")}
    at_other["b"].activate(check=True)
    assert kept(b).read_text() == lists[0]
    a.activate(check=True)
    assert kept(a).read_text() == lists[1]
    at_other["a"].done("renew", PRODUCT)
    assert at_other["a"].status()["host"].endswith(f":{behind.port}") and kept(a).read_text() == lists[1]
    b.done("renew", PRODUCT)
    assert kept(b).read_text() == lists[1]


def test_a_kept_list_that_was_damaged_is_taken_anew(vendor, hosts, machines, folder):
    good, stolen = two_hosts(vendor, hosts, folder)
    good.ctl("install", revoke(vendor, stolen, folder / "list"))
    a = machines(good, "a")
    a.activate(check=True)
    before = kept(a).read_text()
    kept(a).write_text("rubbish")
    a.done("renew", PRODUCT)
    assert kept(a).read_text() == before


def test_a_list_that_comes_in_parts(vendor, hosts, machines, folder):
    """Thousands of blocked keys are longer than one answer."""
    good, stolen = two_hosts(vendor, hosts, folder)
    vendor.block_many(folder)
    path = revoke(vendor, stolen, folder / "list")
    assert path.stat().st_size > 2 * 49152
    good.ctl("install", path)
    a = machines(good, "a")
    a.activate(check=True)
    assert kept(a).read_text() == path.read_text()
    at_thief = Machine(folder, "a", vendor.products, "--host", f"127.0.0.1:{stolen.port}")
    assert "CERTIFICATE_REVOKED" in at_thief.refused("NO_HOST", "renew", PRODUCT)["detail"]
