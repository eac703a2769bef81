# SPDX-License-Identifier: Apache-2.0
"""muster-issuer signer and root: issuing keys below the root, and the next root; hosts and machines take what they sign."""
import json

from harness import PRODUCT, program, run


def refused(vendor, code, *args):
    done = run(program("muster-issuer"), *args, "--dir", vendor.dir, check=False)
    assert done.returncode != 0 and done.stderr.startswith(f"{code}: ") and "remedy: " in done.stderr, done.stderr
    return done.stderr


def signers(vendor):
    return {row["signer"]: row for row in json.loads(vendor("signer", "list", "--json").stdout)["items"]}


def republish(vendor):
    """The machines' folder has the vendor's roots as they are now."""
    (vendor.products / f"{PRODUCT}.pub").write_text((vendor.dir / "vendor.pub").read_text())


def test_a_root_that_is_kept_elsewhere(vendor, hosts, machines, folder):
    made = json.loads(vendor("signer", "create", "--no-passphrase", "--json").stdout)
    key, safe = vendor.dir / "vendor.key", folder / "safe.key"
    key.rename(safe)
    host = hosts().start()
    license_file = host.install(vendor)
    shown = json.loads(vendor("verify", license_file, "--json").stdout)
    assert shown["valid"] and shown["key"]["signer"] == made["signer"] != shown["issuer"] == shown["key"]["id"]
    assert "an issuing key of the vendor" in vendor("verify", folder / "host.certificate").stdout
    a = machines(host, "a")
    a.activate(check=True)
    assert a.status()["state"] == "licensed"
    # What only a root may sign says so.
    for command in (["revocations"], ["product", "export", PRODUCT], ["signer", "create"]):
        assert "root" in refused(vendor, "NOT_FOUND", *command)
    # A revoked issuing key: what it signed is worth nothing on hosts that have the list.
    vendor("signer", "revoke", made["signer"], "--reason", "stolen")
    safe.rename(key)
    vendor("revocations", "-o", folder / "list")
    host.ctl("install", folder / "list")
    a.refused("CERTIFICATE_REVOKED", "renew", PRODUCT)
    host.refused("SIGNER_REVOKED", "host", "install", folder / "host.certificate")
    assert signers(vendor)[made["signer"]]["state"] == "revoked"
    # A new one, and all goes on.
    again = json.loads(vendor("signer", "create", "--no-passphrase", "--json").stdout)
    assert again["signer"] != made["signer"]
    vendor("license", "renew", json.loads(vendor("license", "list", "--json").stdout)["items"][0]["id"], "-o", folder / "renewed")
    host.certify(vendor, folder / "renewed")
    host.ctl("install", folder / "renewed")
    a.done("renew", PRODUCT)


def test_what_an_issuing_key_may_not(vendor, hosts, folder):
    vendor("signer", "create", "--no-passphrase", "--for", "license", "--days", "1")
    host = hosts().start()
    host.install(vendor)  # the certificate is the root's, which is still there
    shown = [json.loads(vendor("verify", folder / name, "--json").stdout)["key"] for name in ("host.certificate", "fjord.license")]
    assert shown[0]["signer"] == shown[0]["id"] and shown[1]["signer"] != shown[1]["id"]
    refused(vendor, "USAGE", "signer", "create", "--for", "leases")
    refused(vendor, "USAGE", "signer", "create", "--days", "731")
    refused(vendor, "NOT_FOUND", "signer", "revoke", "k4.pid.nobody")


def test_the_next_root(vendor, hosts, machines, folder):
    host = hosts().start()
    host.install(vendor)
    a, b = machines(host, "a", "b")
    a.activate(check=True)
    vendor("root", "next", "--no-passphrase")
    refused(vendor, "DUPLICATE", "root", "next", "--no-passphrase")
    first, second = (vendor.dir / "vendor.pub").read_text().split()
    # The host learns of it with its next certificate; the machines with the vendor's next release.
    host.certify(vendor, folder / "fjord.license")
    assert host.items("vendor", "list")[0]["vendor_key"].split() == [first, second]
    republish(vendor)
    vendor("root", "switch")
    assert (vendor.dir / "former.key").exists()
    refused(vendor, "NOT_FOUND", "root", "switch")
    vendor("license", "renew", json.loads(vendor("license", "list", "--json").stdout)["items"][0]["id"], "-o", folder / "renewed")
    assert "another root" in vendor("verify", folder / "renewed").stdout
    host.ctl("install", folder / "renewed")
    host.certify(vendor, folder / "renewed")
    a.done("renew", PRODUCT)
    b.activate(check=True)
    # Then the first one is lost: the next one says that nothing of it holds any more.
    vendor("signer", "revoke", json.loads(vendor("verify", folder / "renewed", "--json").stdout)["issuer"])
    vendor("revocations", "-o", folder / "list")
    host.ctl("install", folder / "list")
    a.done("renew", PRODUCT)
    host.refused("SIGNER_REVOKED", "install", folder / "fjord.license")
    host.stop()
    host.start()
    machines(host, "b").done("renew", PRODUCT)


def test_a_stranger_who_names_himself_next(vendor, hosts, folder):
    """A new vendor is pinned by the key that its certificate is named for, not by one that it names besides."""
    vendor("root", "next", "--no-passphrase")
    vendor("root", "switch")
    host = hosts().start()
    request = folder / "host.request"
    path = vendor.license(folder / "l")
    host.ctl("host", "request", "-o", request)
    vendor("host", "certify", request, "--license", path, "-o", folder / "c")
    host.refused("SIGNATURE_INVALID", "host", "install", folder / "c")
    host.ctl("host", "install", folder / "c", "--vendor-key", vendor.dir / "vendor.pub")
    host.ctl("install", path)
