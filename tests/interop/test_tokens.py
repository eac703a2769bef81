# SPDX-License-Identifier: Apache-2.0
"""Tokens made here are read in C, tokens made in C are read here: PASETO, PASERK and every kind of signed file."""

import copy
import json
import os
import random

import pytest
from nacl.exceptions import BadSignatureError

import examples
from cpeer import PeerError
from independent import (KEY_ALPHABET, b64, bundle_inside, device_id, k4_pid, k4_public, k4_secret, k4_sid, key_check, key_hash, paseto_footer,
                         paseto_sign, paseto_verify, public_of, secret_of, signing_key, token_sign, token_verify)


def test_key_texts_and_ids(peer):
    for _ in range(20):
        key = signing_key(os.urandom(32))
        assert peer.ask("public", public_of(key)) == k4_public(public_of(key))
        assert peer.ask("secret", secret_of(key)) == k4_secret(key)
        assert peer.ask("pid", public_of(key)) == k4_pid(public_of(key))
        assert peer.ask("sid", secret_of(key)) == k4_sid(key)


def test_device_ids(peer):
    for _ in range(20):
        fixed, sign = os.urandom(32), os.urandom(32)
        assert peer.ask("device-id", fixed, sign) == b64(device_id(fixed, sign))


def test_product_keys(peer):
    for _ in range(20):
        salt = os.urandom(16)
        text = peer.ask("key-make")
        bare = text.replace("-", "")
        assert [len(group) for group in text.split("-")] == [5] * 5 and key_check(bare[:24]) == bare[24]
        assert peer.bytes("key-hash", salt, text) == key_hash(salt, bare)
        ours = "".join(random.choice(KEY_ALPHABET) for _ in range(24))
        assert peer.bytes("key-hash", salt, (ours + key_check(ours)).lower()) == key_hash(salt, ours + key_check(ours))
        wrong = KEY_ALPHABET[KEY_ALPHABET.index(key_check(ours)) - 1]
        with pytest.raises(PeerError, match="KEY_MALFORMED"):
            peer.ask("key-hash", salt, ours + wrong)


@pytest.mark.parametrize("footer", [b"", b"k4.pid.x"])
@pytest.mark.parametrize("implicit", [b"", b"muster.lease"])
def test_any_payload_both_ways(peer, footer, implicit):
    key = signing_key(os.urandom(32))
    for size in (0, 1, 2, 3, 63, 64, 65, 1000, 50000):
        payload = os.urandom(size)
        ours = peer.ask("sign", secret_of(key), payload, footer, implicit)
        assert ours == paseto_sign(key, payload, footer, implicit)  # Ed25519 is deterministic
        assert paseto_verify(public_of(key), ours, implicit) == payload
        assert peer.bytes("verify", public_of(key), paseto_sign(key, payload, footer, implicit), implicit) == payload


def test_damage_and_wrong_assertion(peer):
    key = signing_key(os.urandom(32))
    token = paseto_sign(key, b'{"typ":"muster.lease"}', b"foot", b"muster.lease")
    for i in range(len(token)):
        bad = token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1:]
        with pytest.raises(PeerError, match="SIGNATURE_INVALID|MALFORMED"):
            peer.ask("verify", public_of(key), bad, b"muster.lease")
    with pytest.raises(PeerError, match="SIGNATURE_INVALID"):
        peer.ask("verify", public_of(key), token, b"muster.license")
    with pytest.raises(BadSignatureError):
        paseto_verify(public_of(key), peer.ask("sign", secret_of(key), b"{}", b"", b"muster.lease"), b"muster.license")


@pytest.mark.parametrize("kind", sorted(examples.CLAIMS))
def test_every_kind_is_read_and_written_alike(peer, kind):
    """Python signs, C reads it into its struct and signs that again: every claim must be there, in the same bytes."""
    (_, key), claims = examples.signer_of(kind), examples.CLAIMS[kind]
    token = token_sign(key, claims, k4_pid(public_of(key)))
    again = peer.ask("resign", kind, public_of(key), secret_of(key), token)
    assert token_verify(public_of(key), again, "muster." + kind) == claims
    assert paseto_footer(again).decode() == k4_pid(public_of(key))
    assert again == token


@pytest.mark.parametrize("kind", sorted(examples.CLAIMS))
def test_unknown_claims_and_other_kinds(peer, kind):
    (_, key), claims = examples.signer_of(kind), copy.deepcopy(examples.CLAIMS[kind])
    args = (public_of(key), secret_of(key))
    claims["future"] = {"a": [1, 2, {"b": None}], "unit": "\u00e6"}
    peer.ask("resign", kind, *args, token_sign(key, claims, ""))
    claims["crit"] = ["future"]
    with pytest.raises(PeerError, match="CRITICAL_UNKNOWN"):
        peer.ask("resign", kind, *args, token_sign(key, claims, ""))
    for other in sorted(examples.CLAIMS):
        if other != kind:
            with pytest.raises(PeerError, match="SIGNATURE_INVALID|CLAIM_INVALID"):
                peer.ask("resign", other, *args, token_sign(key, examples.CLAIMS[kind], ""))
    wrong = dict(examples.CLAIMS[kind], typ="muster.something")
    payload = json.dumps(wrong).encode()
    with pytest.raises(PeerError, match="WRONG_TYPE"):
        peer.ask("resign", kind, *args, paseto_sign(key, payload, b"", b"muster." + kind.encode()))


def lease_verify(peer, lease=None, certificate=None, vendor=examples.VENDOR, product="acme-cad", device=None):
    lease_claims = dict(examples.CLAIMS["lease"], **(lease or {}))
    cert_claims = dict(examples.CLAIMS["certificate"], **(certificate or {}))
    return peer.ask("lease-verify", token_sign(examples.HOST, lease_claims, lease_claims["iss"]),
                    token_sign(examples.VENDOR, cert_claims, cert_claims["iss"]), public_of(vendor), product,
                    examples.DEVICE if device is None else device)


def test_a_lease_is_verified(peer):
    lease_verify(peer)
    lease_verify(peer, device=b"")


@pytest.mark.parametrize("code, change", [
    ("HOST_UNTRUSTED", {"vendor": examples.HOST}),
    ("WRONG_PRODUCT", {"product": "acme-tv"}),
    ("WRONG_DEVICE", {"device": bytes(32)}),
    ("WRONG_VENDOR", {"lease": {"vendor": k4_pid(public_of(examples.HOST))}}),
    ("WRONG_HOST", {"lease": {"iss": k4_pid(public_of(examples.VENDOR))}}),
    ("WRONG_ORG", {"lease": {"org": "lagoon"}}),
    ("CERTIFICATE_EXPIRED", {"lease": {"iat": "2099-01-01T00:00:00Z"}}),
    ("NOT_YET_VALID", {"lease": {"iat": "1999-01-01T00:00:00Z"}}),
    ("SIGNATURE_INVALID", {"certificate": {"host": dict(examples.CLAIMS["certificate"]["host"],
                                                        sign=k4_public(public_of(examples.VENDOR)))}}),
    ("CLAIM_INVALID", {"lease": {"serial": 0}}),
    ("CLAIM_INVALID", {"certificate": {"usages": ["rpc"]}}),
])
def test_a_lease_is_refused(peer, code, change):
    with pytest.raises(PeerError, match=code):
        lease_verify(peer, **change)


def answer_verify(peer, answer=None, key=examples.HOST, product="acme-cad", device=examples.DEVICE):
    claims = dict(examples.CLAIMS["answer"], **(answer or {}))
    return peer.ask("answer-verify", token_sign(key, claims, claims["iss"]), public_of(examples.VENDOR), product, device)


def test_an_answer_is_verified(peer):
    answer_verify(peer)


@pytest.mark.parametrize("code, change", [
    ("WRONG_PRODUCT", {"product": "acme-tv"}),
    ("WRONG_DEVICE", {"device": bytes(32)}),
    ("WRONG_DEVICE", {"answer": {"device": b64(bytes(32))}}),
    ("WRONG_PRODUCT", {"answer": {"product": "acme-tv"}}),
    ("WRONG_VENDOR", {"answer": {"vendor": examples.HOST_PID}}),
    ("SIGNATURE_INVALID", {"key": examples.VENDOR}),
    ("HOST_UNTRUSTED", {"answer": {"certificate": token_sign(examples.HOST, examples.CLAIMS["certificate"], "")}}),
    ("SIGNATURE_INVALID", {"answer": {"lease": token_sign(examples.VENDOR, examples.CLAIMS["lease"], "")}}),
    ("CLAIM_INVALID", {"answer": {"iss": examples.VENDOR_PID}}),
])
def test_an_answer_is_refused(peer, code, change):
    with pytest.raises(PeerError, match=code):
        answer_verify(peer, **change)


@pytest.mark.parametrize("kind", ["request", "answer"])
def test_bundles_both_ways(peer, kind):
    for n in (1, 2, 25):
        members = [paseto_sign(examples.HOST, os.urandom(20)) for _ in range(n)]
        inside = bundle_inside(kind.upper(), members)
        assert peer.ask("bundle", kind, ",".join(members)) == inside
        lines = "\r\n".join(inside[i:i + 50] for i in range(0, len(inside), 50))
        text = f"-----BEGIN MUSTER BUNDLE-----\r\n{lines}\r\n-----END MUSTER BUNDLE-----"
        assert peer.ask("unbundle", kind, text.encode()).split(",") == members
