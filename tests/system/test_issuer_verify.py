# SPDX-License-Identifier: Apache-2.0
"""What 'muster-issuer verify' says about good, altered, ended and foreign files."""

import json
import os
import time

import pytest

from issuer_kit import (
    DAY, Host, Vendor, armour, b64, certify, dearmour, head, pid, public_text, refused, run, signed_license,
    text_time, token_open, token_sign, unb64)
from issuer_kit import issued, vendor  # noqa: F401 (fixtures)


# --- verify ---


def verdict(exit_code, *args, **more):
    done = run("verify", *args, "--json", **more)
    assert done.returncode == exit_code, done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == 1 and document["valid"] is (exit_code == 0)
    text = run("verify", *args, **more)
    assert text.returncode == exit_code
    return document, text


def test_verify_license(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    bare, crlf = tmp_path / "bare", tmp_path / "crlf"
    bare.write_text(dearmour(issued.read_text(), "LICENSE"))
    crlf.write_text("Hello,\r\n" + issued.read_text().replace("\n", "  \r\n") + "Bye")
    for path in (issued, bare, crlf):
        for options in (["--dir", vendor.dir], ["--key", public_text(vendor.key)],
                        ["--key", f"@{vendor.dir}/vendor.pub"]):
            document, text = verdict(0, path, *options)
            assert document["claims"] == claims and document["issuer"] == pid(vendor.key)
            assert (document["typ"], document["state"]) == ("muster.license", "valid")
            assert document["key"]["pinned"] is True and document["key"]["id"] == pid(vendor.key)
            assert "muster.license" in text.stdout and "threshold: 25" in text.stdout
    assert verdict(0, issued, cwd=vendor.dir)[0]["key"]["source"] == "vendor.pub"
    assert run("verify", "-", "--dir", vendor.dir, stdin=issued.read_text()).returncode == 0


def test_verify_needs_a_key(issued, tmp_path, vendor):
    error = refused("USAGE", 64, "verify", issued, cwd=tmp_path, says="--key")
    assert error["code"] == "USAGE"
    refused("KEY_INVALID", 1, "verify", issued, "--key", "k4.public.AAAA")
    refused("KEY_INVALID", 1, "verify", issued, "--key", "k4.secret.AAAA")
    refused("IO", 1, "verify", issued, "--key", "@/nowhere")
    refused("TOO_LARGE", 1, "verify", issued, "--key", f"@{issued}")
    (tmp_path / "key").write_text("hello\n")
    refused("KEY_INVALID", 1, "verify", issued, "--key", f"@{tmp_path}/key")
    refused("NOT_FOUND", 1, "verify", issued, "--dir", tmp_path / "empty")


def test_verify_altered(vendor, issued, tmp_path):
    token = dearmour(issued.read_text(), "LICENSE")
    header, version, body, footer = token.split(".")
    raw, changed = unb64(body), []
    for at in (0, 40, len(raw) - 65, len(raw) - 64, len(raw) - 1):
        altered = bytearray(raw)
        altered[at] ^= 1
        changed.append(f"{header}.{version}.{b64(bytes(altered))}.{footer}")
    changed.append(f"{header}.{version}.{b64(raw.replace(b'Fjord AS', b'Fjord BS'))}.{footer}")
    changed.append(f"{header}.{version}.{body}.{b64(b'k4.pid.x')}")
    changed.append(f"{header}.{version}.{body}")
    for altered in changed:
        (tmp_path / "bad").write_text(armour("LICENSE", altered))
        document, text = verdict(1, tmp_path / "bad", "--dir", vendor.dir)
        assert document["error"]["code"] == "SIGNATURE_INVALID" and document["state"] == "invalid"
        assert document["claims"] == {} and document["issuer"] is None and "Fjord" not in text.stdout


def test_verify_other_key(vendor, issued, tmp_path):
    other = Vendor(tmp_path / "other")
    document, _ = verdict(1, issued, "--dir", other.dir)
    assert document["error"]["code"] == "WRONG_VENDOR" and pid(vendor.key) in document["error"]["detail"]


def test_verify_another_kind_under_the_label(vendor, issued, tmp_path):
    """The typ is part of what is signed: a product file does not pass for a license."""
    vendor.run("product", "export", "acme-cad", "-o", tmp_path / "p")
    (tmp_path / "l").write_text(armour("LICENSE", dearmour((tmp_path / "p").read_text(), "PRODUCT")))
    assert verdict(1, tmp_path / "l", "--dir", vendor.dir)[0]["error"]["code"] == "SIGNATURE_INVALID"
    assert verdict(0, tmp_path / "p", "--dir", vendor.dir)[0]["typ"] == "muster.product"


@pytest.mark.parametrize("content, code", [
    ("", "ARMOUR_INVALID"), ("hello", "ARMOUR_INVALID"),
    ("-----BEGIN MUSTER LICENSE-----\nv4.public.x", "ARMOUR_INVALID"),
    (armour("BANANA", "v4.public.AAAA"), "WRONG_TYPE"), (armour("LICENSE", "v4.public.AAAA"), "MALFORMED"),
    (armour("LICENSE", "v3.public.AAAA.AAAA"), "MALFORMED"), ("v4.public.", "MALFORMED"),
    ("v4.public.AAAA", "MALFORMED"),
    ("\0" * 500, "ARMOUR_INVALID"), ("v4.public." + "A" * 300000, "TOO_LARGE"),
], ids=range(10))
def test_verify_garbage(vendor, tmp_path, content, code):
    (tmp_path / "x").write_text(content)
    document, _ = verdict(1, tmp_path / "x", "--dir", vendor.dir)
    assert document["error"]["code"] == code and document["state"] == "invalid"


def test_verify_claims_of_the_right_key(vendor, issued, tmp_path):
    claims = token_open(dearmour(issued.read_text(), "LICENSE"), vendor.key, "muster.license")
    for changes, code, where in [({"serial": 0}, "CLAIM_INVALID", "serial"), ({"exp": "x"}, "CLAIM_INVALID", "exp"),
                                 ({"org": 7}, "CLAIM_INVALID", "org"), ({"ver": 2}, "CRITICAL_UNKNOWN", ""),
                                 ({"crit": ["new"]}, "CRITICAL_UNKNOWN", ""),
                                 ({"products": []}, "CLAIM_INVALID", "product")]:
        document, _ = verdict(1, signed_license(vendor, claims, tmp_path / "l", **changes), "--dir", vendor.dir)
        assert document["error"]["code"] == code and where in document["error"]["detail"]
    deep = {"a": 1}
    for _ in range(30):
        deep = {"a": [deep]}
    document, text = verdict(0, signed_license(vendor, claims, tmp_path / "l", unknown=deep), "--dir", vendor.dir)
    assert document["state"] == "valid" and "unknown:" in text.stdout
    deeper = {"a": [deep]}  # more than JSONTEXT_DEPTH with the claims around it
    document, _ = verdict(1, signed_license(vendor, claims, tmp_path / "l", unknown={"a": deeper}), "--dir", vendor.dir)
    assert document["error"]["code"] == "CLAIM_INVALID"


def test_verify_terms(vendor, tmp_path):
    vendor.issue(tmp_path / "old", "--from", "2020-01-01", until="2021-01-01")
    vendor.issue(tmp_path / "new", "--from", "2089-01-01")
    document, text = verdict(4, tmp_path / "old", "--dir", vendor.dir)
    assert document["state"] == "ended" and document["error"]["code"] == "ENDED" and document["claims"]["serial"] == 1
    assert text.stderr.startswith("ENDED: ") and "2021-01-01" in text.stderr
    document, _ = verdict(1, tmp_path / "new", "--dir", vendor.dir)
    assert document["state"] == "pending" and document["error"]["code"] == "NOT_YET_VALID"


def test_verify_missing(tmp_path, vendor):
    assert verdict(1, tmp_path / "none", "--dir", vendor.dir)[0]["error"]["code"] == "IO"
    assert verdict(1, tmp_path, "--dir", vendor.dir)[0]["error"]["code"] == "IO"


def test_verify_certificate_and_request(vendor, issued, tmp_path):
    host = Host()
    certify(vendor, host, issued, tmp_path)
    certificate, request = tmp_path / "host.certificate", tmp_path / "host.request"
    document, text = verdict(0, certificate, cwd=tmp_path)
    assert document["key"] == {"id": pid(vendor.key), "source": "file", "pinned": False, "signer": pid(vendor.key)}
    assert "key named by the file itself, not pinned" in text.stdout
    assert verdict(0, certificate, "--dir", vendor.dir)[0]["key"]["pinned"] is True
    stranger = public_text(Host().secret.verify_key)
    assert verdict(1, certificate, "--key", stranger)[0]["error"]["code"] == "WRONG_VENDOR"
    document, text = verdict(0, request, "--dir", vendor.dir)
    assert document["typ"] == "muster.host-request" and document["key"]["pinned"] is False
    assert document["key"]["id"] == pid(host.secret.verify_key) and host.name in text.stdout
    assert verdict(0, request, "--key", public_text(host.secret.verify_key))[0]["key"]["pinned"] is True
    assert verdict(1, request, "--key", public_text(vendor.key))[0]["valid"] is False
    claims = token_open(dearmour(certificate.read_text(), "CERTIFICATE"), vendor.key, "muster.certificate")
    ended = {**claims, "exp": text_time(time.time() - 5)}
    certificate.write_text(armour("CERTIFICATE", token_sign(ended, vendor.secret)))
    assert verdict(4, certificate, "--dir", vendor.dir)[0]["state"] == "ended"


def lease_claims(of, host, **changes):
    now = time.time()
    return head("muster.lease", host.secret, **{
        "vendor": pid(of.key), "product": "acme-cad", "model": "volume", "device": b64(os.urandom(32)),
        "plans": ["modeler"], "exp": text_time(now + 180 * DAY), "renew_after": text_time(now + 7 * DAY),
        "grant": "cad-volume", "license": "fjord-1", "org": "fjord", "count": {"have": 25, "need": 25}, "serial": 1,
        "on_expiry": "notice", **changes})


def test_verify_lease(vendor, issued, tmp_path):
    host, lease = Host(), tmp_path / "acme-cad.lease"
    certify(vendor, host, issued, tmp_path)
    certificate = (tmp_path / "host.certificate").read_text()

    def write(signer=None, behind=certificate, **changes):
        token = token_sign(lease_claims(vendor, host, **changes), signer or host.secret)
        lease.write_text(armour("LEASE", token) + behind)
        return lease

    document, text = verdict(0, write(), "--dir", vendor.dir)
    assert document["typ"] == "muster.lease" and document["issuer"] == pid(host.secret.verify_key)
    assert document["claims"]["count"] == {"have": 25, "need": 25} and "acme-cad" in text.stdout
    assert verdict(0, write(), cwd=tmp_path)[0]["key"]["pinned"] is False
    assert verdict(4, write(exp=text_time(time.time() - 60)), "--dir", vendor.dir)[0]["state"] == "ended"
    for signer, behind, changes, code in [
            (Host().secret, certificate, {}, "SIGNATURE_INVALID"), (None, "", {}, "ARMOUR_INVALID"),
            (None, certificate, {"org": "other"}, "WRONG_ORG"),
            (None, certificate, {"product": "other"}, "WRONG_PRODUCT"),
            (None, certificate, {"vendor": pid(host.secret.verify_key)}, "WRONG_VENDOR"),
            (None, certificate, {"iat": "2020-01-01T00:00:00Z"}, "NOT_YET_VALID")]:
        document, _ = verdict(1, write(signer, behind, **changes), "--dir", vendor.dir)
        assert document["error"]["code"] == code
        assert document["claims"] == {}, "nothing of an untrusted lease is repeated"
    other = Vendor(tmp_path / "other")
    assert verdict(1, write(), "--dir", other.dir)[0]["error"]["code"] == "HOST_UNTRUSTED"
