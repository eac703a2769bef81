# SPDX-License-Identifier: Apache-2.0
"""One organisation with fixed keys: the claims behind the vectors, the interoperability tests and PROTOCOL.md's example."""

from independent import (b64, device_id, k4_pid, k4_public, key_check, key_hash, public_of, signing_key, token_sign,
                         x25519_pair)

# Seeds anybody can type; never use them for anything but tests.
VENDOR = signing_key(b"muster test vendor ed25519 seed.")
HOST = signing_key(b"muster test host ed25519 seed...")
DEVICE_SIGN = signing_key(b"muster test device ed25519 seed.")
HOST_STATIC = b"muster test host x25519 secret.."
DEVICE_STATIC = b"muster test device x25519 secret"
HOST_EPHEMERAL = b"muster test host ephemeral key.."
DEVICE_EPHEMERAL = b"muster test device ephemeral key"

VENDOR_PID = k4_pid(public_of(VENDOR))
HOST_PID = k4_pid(public_of(HOST))
DEVICE = device_id(x25519_pair(DEVICE_STATIC).public.data, public_of(DEVICE_SIGN))
LEDGER = bytes(range(16))
SALT = bytes(range(100, 132))
NOW = 1795456800  # 2026-11-23T18:00:00Z


def head(kind, iss, jti):
    return {"typ": "muster." + kind, "ver": 1, "iss": iss, "iat": "2026-11-23T18:00:00Z", "jti": jti}


HOST_NAME = {"sign": k4_public(public_of(HOST)), "static": b64(x25519_pair(HOST_STATIC).public.data),
             "name": "lic1.fjord.example"}
PRODUCT = {"id": "acme-cad", "name": "Acme CAD", "versions": {"from": "6.0", "to": "7"},
           "plans": [{"id": "modeler", "name": "Modeler"},
                     {"id": "render", "name": "Render", "requires": ["modeler"]},
                     {"id": "viewer", "conflicts": ["modeler", "render"]}]}
POLICY = {"threshold": 25, "window_days": 30, "lease_days": 180, "renew_minutes": 10080, "retry_minutes": 120, "grace_days": 30,
          "devices_per_user": 5, "hardware_tolerance": 60, "overage": "deny", "on_expiry": "notice", "enrol": "open",
          "overflow": "deny"}

KEY_SALT = bytes(range(16))
KEYS = [bare + key_check(bare) for bare in ("346789ABCDEFGHJKMNPQRTVW", "XYXYXYXYXYXYXYXYXYXYXYXY")]
HOST_KINDS = ("lease", "host-request", "license-request", "checkpoint", "answer")  # signed by the host


def signer_of(kind):
    """Who signs a kind of file: its name and its key."""
    if kind == "request":
        return "device", DEVICE_SIGN
    return ("host", HOST) if kind in HOST_KINDS else ("vendor", VENDOR)


CLAIMS = {
    "product": {**head("product", VENDOR_PID, "AAAAAAAAAAAAAAAAAAAAAA"), "product": PRODUCT, "grace_days": 30, "prompt_days": 25,
                "on_expiry": "reduced"},
    "license": {**head("license", VENDOR_PID, "BBBBBBBBBBBBBBBBBBBBBA"), "id": "fjord-1", "serial": 1,
                "org": {"id": "fjord", "name": "Fj\u00f8rd AS"}, "nbf": "2026-11-23T18:00:00Z", "exp": "2030-01-01T00:00:00Z",
                "hosts_max": 2, "grace_days": 30,
                "grants": [{"id": "cad-volume", "product": "acme-cad", "model": "volume", "nbf": "2026-11-23T18:00:00Z",
                            "policy": POLICY},
                           {"id": "cad-pool", "product": "acme-cad", "model": "pool", "quantity": 50,
                            "nbf": "2027-01-01T00:00:00Z", "exp": "2028-01-01T00:00:00Z",
                            "cancel_until": "2027-01-15T00:00:00Z", "recurring": True, "self_service_owner": "kari@fjord.example",
                            "quantity_max": 200, "redeem_from_device": True, "key_salt": b64(KEY_SALT),
                            "pool_keys": [b64(key_hash(KEY_SALT, KEYS[0]))],
                            "redemption": [{"hash": b64(key_hash(KEY_SALT, KEYS[1])), "quantity": 10, "days": 365,
                                            "exp": "2028-01-01T00:00:00Z"},
                                           {"hash": b64(bytes(range(32))), "quantity": 5}],
                            "plans": ["modeler", "render"],
                            "policy": {**POLICY, "threshold": 1, "lease_days": 0, "renew_minutes": 0, "overage": "allow+report",
                                       "on_expiry": "reduced", "enrol": "key", "overflow": "deny"}}],
                "products": [PRODUCT, {"id": "acme-sim", "name": "Acme Sim", "plans": []}]},
    "certificate": {**head("certificate", VENDOR_PID, "CCCCCCCCCCCCCCCCCCCCCA"), "vendor": k4_public(public_of(VENDOR)),
                    "host": HOST_NAME, "ledger": b64(LEDGER), "org": "fjord", "license": "fjord-1", "products": ["acme-cad"],
                    "lease_days_max": 180, "usages": ["rpc", "lease"], "fp_salt": b64(SALT), "nbf": "2026-11-23T18:00:00Z",
                    "exp": "2030-01-31T00:00:00Z"},
    "lease": {**head("lease", HOST_PID, "DDDDDDDDDDDDDDDDDDDDDA"), "vendor": VENDOR_PID, "product": "acme-cad", "model": "volume",
              "device": b64(DEVICE), "plans": ["modeler", "render"], "exp": "2027-05-22T18:00:00Z",
              "renew_after": "2026-11-30T18:00:00Z", "grant": "cad-volume", "license": "fjord-1", "org": "fjord",
              "count": {"have": 25, "need": 25}, "serial": 1, "on_expiry": "notice"},
    "host-request": {**head("host-request", HOST_PID, "EEEEEEEEEEEEEEEEEEEEEA"), "host": HOST_NAME, "ledger": b64(LEDGER)},
    "license-request": {**head("license-request", HOST_PID, "FFFFFFFFFFFFFFFFFFFFFA"), "license": "fjord-1", "serial": 1,
                        "org": "fjord", "vendor": VENDOR_PID, "reason": "Forty new machines in \u00c5lesund",
                        "wants": [{"grant": "cad-pool", "quantity": 90, "has": 50, "used": 48}]},
    "checkpoint": {**head("checkpoint", HOST_PID, "HHHHHHHHHHHHHHHHHHHHHA"), "sign": k4_public(public_of(HOST)), "ledger": b64(LEDGER),
                   "seq": 120, "hash": b64(bytes(range(32))), "previous": 96},
    "revocations": {**head("revocations", VENDOR_PID, "GGGGGGGGGGGGGGGGGGGGGA"), "number": 3, "hosts": [HOST_PID],
                    "licenses": ["lagoon-1", "lagoon-2"], "keys": [b64(key_hash(KEY_SALT, KEYS[1])), b64(bytes(range(32)))]},
}
CLAIMS["request"] = {**head("request", b64(DEVICE), b64(bytes(range(200, 216)))), "sign": k4_public(public_of(DEVICE_SIGN)),
                     "static": b64(x25519_pair(DEVICE_STATIC).public.data), "vendor": VENDOR_PID, "org": "fjord",
                     "product": "acme-cad", "version": "7.1", "plans": ["modeler", "render"], "user": "kari@fjord.example",
                     "serial": 4, "voice": b64(bytes(range(24))), "reinstalled": True, "hostname": "mine-17.fjord.example", "os": "Linux 6.1.0 x86_64",
                     "agent": "muster/0.1.0", "components": [{"kind": 2, "tag": 48879}, {"kind": 9, "tag": 7}]}
CLAIMS["answer"] = {**head("answer", HOST_PID, "IIIIIIIIIIIIIIIIIIIIIA"), "request": CLAIMS["request"]["jti"], "device": b64(DEVICE),
                    "vendor": VENDOR_PID, "product": "acme-cad", "lease": token_sign(HOST, CLAIMS["lease"], HOST_PID),
                    "certificate": token_sign(VENDOR, CLAIMS["certificate"], VENDOR_PID)}
