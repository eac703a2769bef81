#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Verify a lease with nothing of Muster's: Python 3.9, and PyNaCl for Ed25519. Written after sections 5 and 6 of PROTOCOL.md.

    verify.py --vendor-key KEY --product ID [--device=ID] LEASE [CERTIFICATE]

KEY is the vendor's k4.public..., all of its roots with spaces between them, or its vendor.pub. LEASE is a file that has
the lease, and the host certificate where CERTIFICATE is not given: libmuster keeps both in leases/PRODUCT.lease of its state
directory. Prints who may use what until when and ends with 0; or why not, and 1.

It is not asked who was revoked: a lease that a machine holds goes on until its end, as libmuster has it. Who wants to know
earlier verifies the vendor's list like the certificate, as muster.revocations, and looks there for the `iss` of the lease
(hosts), for its `license` (licenses), and for the k4.pid of the keys that signed the certificate and its statement (signers).
"""
import argparse
import base64
import hashlib
import json
import os
import re
import sys
from datetime import datetime, timedelta, timezone

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey


class Refused(Exception):
    """The lease does not hold; the text says why."""


def demand(condition, why):
    if not condition:
        raise Refused(why)


def has(names, name):
    """An array, not a text that happens to contain it."""
    return isinstance(names, list) and name in names


# --- PASETO v4.public and PASERK ---

def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    """There is one text for each value: what the library would pass over is refused."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    demand(encode(data) == text, "a text is not base64url")
    return data


def key_of(text):
    demand(text.startswith("k4.public."), "a key does not begin with k4.public.")
    key = decode(text[len("k4.public."):])
    demand(len(key) == 32, "a key has not 32 bytes")
    return key


def id_of(key):
    """k4.pid: how files name a key."""
    return "k4.pid." + encode(hashlib.blake2b(b"k4.pid.k4.public." + encode(key).encode(), digest_size=33).digest())


def pre_authentication(*parts):
    return len(parts).to_bytes(8, "little") + b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def claims_of(token, keys, typ):
    """The claims of a token that one of the keys has signed. Nothing is parsed before."""
    parts = re.fullmatch(r"(v4\.public\.)([\w-]+)(?:\.([\w-]*))?", token, re.ASCII)
    demand(parts, "this is no v4.public token")
    header, body, footer = parts.groups()
    raw = decode(body)
    signed = pre_authentication(header.encode(), raw[:-64], decode(footer or ""), typ.encode())
    for key in keys:
        try:
            VerifyKey(key).verify(signed, raw[-64:])
            break
        except BadSignatureError:
            continue
    else:
        raise Refused(f"the signature of the {typ} does not hold")
    claims = json.loads(raw[:-64])
    demand(claims["typ"] == typ and claims["ver"] == 1 and not claims.get("crit"), f"this is no {typ} of version 1")
    return claims


def time_of(text):
    """RFC 3339 in UTC; parts of a second do not matter."""
    time = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)", text, re.ASCII)
    demand(time, "a time is not RFC 3339 in UTC")
    return datetime.fromisoformat(time.group(1) + "+00:00")


# --- the chain: the vendor's key, perhaps an issuing key, the host's key, the lease ---

def certificate_of(token, roots):
    """The claims of the host certificate. The first root is the vendor's name, whichever signs."""
    vendor = id_of(roots[0])
    footer = decode(token.split(".")[3]).decode()
    if not footer.startswith("v4.public."):
        certificate = claims_of(token, roots, "muster.certificate")
    else:
        statement = claims_of(footer, roots, "muster.key")
        certificate = claims_of(token, [key_of(statement["key"])], "muster.certificate")
        demand(statement["iss"] == vendor, "another vendor's root has let the issuing key sign")
        demand(has(statement["uses"], "certificate"), "the issuing key may not sign certificates")
        begin, end = time_of(statement["nbf"]), time_of(statement["exp"])
        demand(begin <= time_of(certificate["iat"]) < end <= begin + timedelta(days=731), "the issuing key's term is over")
    demand(certificate["iss"] == vendor and key_of(certificate["vendor"]) == roots[0], "the certificate is another vendor's")
    demand(has(certificate["usages"], "lease"), "the host may not sign leases")
    return certificate


def verify(lease_token, certificate_token, roots, product, device=None, now=None):
    """The claims of the lease. roots: the vendor's keys; device: its id, None when it does not matter. Raises Refused."""
    certificate = certificate_of(certificate_token, roots)
    host = key_of(certificate["host"]["sign"])
    lease = claims_of(lease_token, [host], "muster.lease")
    signed = time_of(lease["iat"])
    end = time_of(lease["exp"]) if lease.get("exp") is not None else None
    # A certificate that ended since does not end the leases that were made before.
    demand(time_of(certificate["nbf"]) <= signed < time_of(certificate["exp"]), "the certificate was not in force when the lease was signed")
    demand(lease["vendor"] == id_of(roots[0]), "the lease is for another vendor's product")
    demand(lease["iss"] == id_of(host), "the lease names another host than signed it")
    demand(lease["org"] == certificate["org"], "lease and certificate are of different organisations")
    demand(lease["license"] == certificate["license"], f"the certificate is for another license than {lease['license']}")
    demand(lease["product"] == product, f"the lease is for {lease['product']}")
    demand(has(certificate.get("products") or [product], product), f"the certificate does not cover {product}")
    demand(device is None or lease["device"] == device, f"the lease is for the device {lease['device']}")
    longest = certificate.get("lease_days_max") or 0
    demand(not longest or (end and end - signed <= timedelta(days=longest)), f"the lease is for more than {longest} days")
    demand(end is None or (now or datetime.now(timezone.utc)) < end, f"the lease ended {lease.get('exp')}")
    return lease


# --- the command ---

def token_in(text, label):
    """The token of a block, or the text itself when it is a bare one."""
    block = re.search(f"-----BEGIN MUSTER {label}-----(.*?)-----END MUSTER {label}-----", text, re.DOTALL)
    token = "".join((block.group(1) if block else text).split())
    demand(token.startswith("v4.public."), f"there is no {label} in the file")
    return token


def roots_in(text):
    """A k4.public each, white space between; # begins a comment."""
    if not text.startswith("k4.public.") and os.path.exists(text):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    return [key_of(word) for word in re.sub("#.*", "", text).split()]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def say(lease):
    who = f"{lease['user']} on the device {lease['device']}" if lease.get("user") else f"the device {lease['device']}"
    print(f"{who} of {lease['org']} may use {lease['product']} " + (f"until {lease['exp']}" if lease.get("exp") else "without an end"))
    print(f"plans: {', '.join(lease.get('plans') or []) or 'none'}")
    print(f"by the grant {lease['grant']} ({lease['model']}) of the license {lease['license']}, as serial {lease['serial']}")


def main():
    parser = argparse.ArgumentParser(description="Verify a lease: who may use what until when.")
    parser.add_argument("--vendor-key", required=True, metavar="KEY", help="k4.public..., or the file vendor.pub")
    parser.add_argument("--product", required=True, metavar="ID")
    parser.add_argument("--device", metavar="ID", help="the device that it must be for; with = before an ID that begins with -")
    parser.add_argument("lease")
    parser.add_argument("certificate", nargs="?", help="default: in the file of the lease")
    args = parser.parse_args()
    try:
        lease = verify(token_in(read(args.lease), "LEASE"), token_in(read(args.certificate or args.lease), "CERTIFICATE"),
                       roots_in(args.vendor_key), args.product, args.device)
    except Refused as why:
        print(f"refused: {why}", file=sys.stderr)
        return 1
    except Exception as error:  # whatever is amiss with a file, it does not hold
        print(f"refused: the file is not as it should be: {error!r}", file=sys.stderr)
        return 1
    say(lease)
    return 0


if __name__ == "__main__":
    sys.exit(main())
