# SPDX-License-Identifier: Apache-2.0
"""Revocation lists on the machines: from hosts that have a newer one, and from the administrator's folder."""
from harness import PRODUCT, Machine


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
    machines(good, "b").activate(check=True)
    # A list that nobody signed whom this machine trusts says nothing.
    (vendor.products / "b.revocations").write_text((vendor.products / "acme.revocations").read_text().replace("v4.public.e", "v4.public.f"))
    machines(good, "b").done("renew", PRODUCT)


def test_only_newer_lists(vendor, hosts, machines, folder):
    good, stolen = two_hosts(vendor, hosts, folder)
    revoke(vendor, stolen, folder / "list")
    good.ctl("install", folder / "list")
    a = machines(good, "a")
    a.activate(check=True)
    kept = next(a.state.glob("revocations/*"))
    before = kept.read_text()
    # The host falls back to a list with fewer entries only by one with a higher number; what is kept stays.
    kept.write_text("rubbish")
    a.done("renew", PRODUCT)
    assert kept.read_text() == before
