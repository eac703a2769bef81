# SPDX-License-Identifier: Apache-2.0
"""New keys for a host that keeps its ledger (muster(7), NEW KEYS FOR A HOST)."""
from harness import PRODUCT


def test_new_keys_and_the_same_ledger(vendor, hosts, machines, folder):
    host = hosts().start()
    path = host.install(vendor)
    a, b = machines(host, "a", "b")
    a.activate(check=True)
    before = host.json("host", "show")
    host.stop()
    (host.state / "host.key").rename(folder / "old.key")
    host.start()
    after = host.json("host", "show")
    assert after["id"] != before["id"] and after["ledger"] == before["ledger"]
    assert "UNKNOWN_VENDOR" in machines(host, "a").refused("NO_HOST", "renew", PRODUCT)["detail"]
    host.ctl("host", "replace", "-o", folder / "request")
    vendor("host", "certify", folder / "request", "--license", path, "-o", folder / "certificate")
    host.ctl("host", "install", folder / "certificate")
    machines(host, "a").done("renew", PRODUCT)
    machines(host, "b").activate(check=True)
    assert host.count() == 2  # nobody is counted twice
    # The old keys are worth nothing any more.
    vendor("host", "revoke", before["id"])
    vendor("revocations", "-o", folder / "list")
    host.ctl("install", folder / "list")
    machines(host, "a").done("renew", PRODUCT)
