# SPDX-License-Identifier: Apache-2.0
"""
The known answers of tests/contract/vectors, made without Muster's code. Run it to write them anew after a deliberate change
of the protocol: /usr/bin/python3 tests/interop/make_vectors.py. test_vectors.py and test_vectors.c check what is kept.
"""

import hashlib
import json
import os
import tempfile

import examples
import independent
from independent import (PREAMBLE, Peer, b64, bundle_inside, confirmation_id, device_id, frame, installation_id, k4_pid, k4_public,
                         pid_bytes, prologue, public_of, refusal, spoken, spoken_words, token_sign, voice_key, voice_license, voice_product,
                         x25519_pair)

FOLDER = os.path.join(independent.ROOT, "tests", "contract", "vectors")


def device_ids():
    rows = []
    for fixed, sign in ((x25519_pair(examples.DEVICE_STATIC).public.data, public_of(examples.DEVICE_SIGN)),
                        (bytes(32), bytes(32)), (bytes(range(32)), bytes(range(32, 64))), (b"\xff" * 32, bytes(32))):
        rows.append({"static": fixed.hex(), "sign": sign.hex(), "id": b64(device_id(fixed, sign))})
    return {"schema": 1, "device_ids": rows}


def frames():
    read = [("4d55535401010100", 0), ("4d55535401010200", 0), ("4d55535401ff0100", 0), ("4d55535402020100", "VERSION_UNSUPPORTED"),
            ("4d55535402010100", "MALFORMED"), ("4d55535400010100", "MALFORMED"), ("4d55535401010300", "MALFORMED"),
            ("4d55535401010101", "MALFORMED"), ("6d75737401010100", "MALFORMED"), ("1603010200010001", "MALFORMED")]
    peeks = [("", 4096, "more"), ("00", 4096, "more"), ("0001", 4096, "more"), ("0000", 4096, "MALFORMED"),
             ("1000", 4096, "more"), ("1001", 4096, "TOO_LARGE"), ("ffff", 65535, "more"), ("000161", 4096, 1),
             ("00026162ff", 4096, 2)]
    refusals = [(2, 0), (3, 0), (3, 60), (3, 61), (3, 65535), (7, 5), (41, 0), (0, 0), (11, 0), (65535, 0)]
    names = {2: "VERSION_UNSUPPORTED", 3: "BUSY", 7: "UNKNOWN_VENDOR"}
    return {"schema": 1,
            "preambles": [{"hex": h, "result": r or "ok"} for h, r in read],
            "frames": [{"hex": h, "max": m, "result": r} for h, m, r in peeks],
            "refusals": [{"code": c, "retry_after": t, "hex": refusal(c, t).hex(), "reads": names.get(c, "MALFORMED"),
                          "waits": min(t, 60) if c in names else 0} for c, t in refusals]}


def messages(pb, certificate):
    """The payloads of the example connection."""
    hello = pb.ClientHello(version=1, vendors=[pid_bytes(public_of(examples.VENDOR))])
    server = pb.ServerHello(version=1, certificates=[certificate], time=examples.NOW)
    request = pb.Request(id=1, ping=pb.Ping(echo=b"hello"))
    response = pb.Response(id=1, time=examples.NOW, correlation="example", pong=pb.Pong(echo=b"hello"))
    return [m.SerializeToString() for m in (hello, server, request, response)]


def handshake(pb):
    certificate = token_sign(examples.VENDOR, examples.CLAIMS["certificate"], examples.VENDOR_PID)
    hello, server, request, response = messages(pb, certificate)
    client = Peer(True, examples.DEVICE_STATIC, examples.DEVICE_EPHEMERAL)
    host = Peer(False, examples.HOST_STATIC, examples.HOST_EPHEMERAL)
    first = client.start(hello)
    got, second = host.accept(first, server)
    assert got == hello and client.answer(second) == server
    third = client.confirm(request)
    assert host.finish(third) == (request, b"")
    sealed = host.seal(response)
    assert client.open(sealed) == (response, b"")
    assert client.hash == host.hash
    return {"schema": 1,
            "client_static": examples.DEVICE_STATIC.hex(), "client_ephemeral": examples.DEVICE_EPHEMERAL.hex(),
            "host_static": examples.HOST_STATIC.hex(), "host_ephemeral": examples.HOST_EPHEMERAL.hex(),
            "preamble": PREAMBLE.hex(), "prologue": prologue(PREAMBLE, PREAMBLE).hex(),
            "client_hello": hello.hex(), "server_hello": server.hex(), "request": request.hex(), "response": response.hex(),
            "flight_1": first.hex(), "flight_2": second.hex(), "flight_2_sha256": hashlib.sha256(second).hexdigest(),
            "flight_3": third.hex(), "flight_4": sealed.hex(), "handshake_hash": client.hash.hex()}


def tokens():
    rows = {}
    for kind, claims in examples.CLAIMS.items():
        signer, key = examples.signer_of(kind)
        footer = k4_pid(public_of(key)) if signer == "device" else claims["iss"]
        rows[kind] = {"signer": signer, "token": token_sign(key, claims, footer), "claims": claims}
    return {"schema": 1, "vendor_seed": bytes(examples.VENDOR).hex(), "vendor_public": k4_public(public_of(examples.VENDOR)),
            "host_seed": bytes(examples.HOST).hex(), "host_public": k4_public(public_of(examples.HOST)),
            "device_seed": bytes(examples.DEVICE_SIGN).hex(), "device_public": k4_public(public_of(examples.DEVICE_SIGN)),
            "product": "acme-cad", "device": b64(examples.DEVICE), "tokens": rows}


def bundles():
    """Two requests, two answers: what stands in the block, and what a reader must refuse."""
    rows = {}
    for kind in ("request", "answer"):
        signer, key = examples.signer_of(kind)
        jtis = (examples.CLAIMS[kind]["jti"], b64(bytes(range(216, 232))))
        members = [token_sign(key, dict(examples.CLAIMS[kind], jti=jti), k4_pid(public_of(key))) for jti in jtis]
        rows[kind] = {"members": members, "inside": bundle_inside(kind.upper(), members)}
    good = rows["request"]["inside"]
    wrong = {"cut": good[:-44], "hash": good[:-1] + ("A" if good[-1] != "A" else "B"),
             "count": bundle_inside("REQUEST", rows["request"]["members"], count=3), "empty": bundle_inside("REQUEST", [])}
    return {"schema": 1, "bundles": rows, "invalid": wrong, "newer": bundle_inside("REQUEST", ["x"], version=2)}


def voice():
    """The first row is the vector of the design's background; the others have names as hosts use them."""
    rows = []
    for fixed, sign, product, nonce, site, license_hash, index, day, flags, sequence in (
            (b"\xd1" * 32, b"\xf1" * 32, 0x123, 0x2a5c31, b"\x11" * 32, b"\x22" * 16, 0, 3100, 1, 7),
            (x25519_pair(examples.DEVICE_STATIC).public.data, public_of(examples.DEVICE_SIGN),
             voice_product(examples.VENDOR_PID, "acme-cad"), 0xabcdef, bytes(range(32)), voice_license(examples.VENDOR_PID, "fjord-1"),
             31, 65535, 0, 4095),
            (bytes(32), bytes(32), 0, 0, bytes(32), bytes(16), 0, 0, 0, 0)):
        iid = installation_id(fixed, sign, product, nonce)
        key = voice_key(site, license_hash, index)
        rows.append({"static": fixed.hex(), "sign": sign.hex(), "product": product, "nonce": nonce, "site": site.hex(),
                     "license": license_hash.hex(), "index": index, "key": key.hex(), "day": day, "flags": flags, "sequence": sequence,
                     "installation": spoken(iid, 9), "confirmation": spoken(confirmation_id(key, iid, index, day, flags, sequence), 8)})
    names = [{"vendor": vendor, "product": "acme-cad", "license": "fjord-1", "number": voice_product(vendor, "acme-cad"),
              "hash": voice_license(vendor, "fjord-1").hex()} for vendor in (examples.VENDOR_PID, examples.HOST_PID)]
    iid = installation_id(x25519_pair(examples.DEVICE_STATIC).public.data, public_of(examples.DEVICE_SIGN),
                          voice_product(examples.VENDOR_PID, "acme-cad"), 0xabcdef)
    words = [{"installation": spoken(iid, 9), "day": day, "flags": flags, "sequence": sequence,
              "words": spoken_words(examples.HOST, iid, day, flags, sequence)} for day, flags, sequence in
             ((2700, 0, 1), (65535, 1, 4095), (0, 0, 0))]
    return {"schema": 1, "calls": rows, "names": names, "host_seed": bytes(examples.HOST).hex(), "words": words}


def make(pb):
    return {"device_id.json": device_ids(), "frames.json": frames(), "handshake.json": handshake(pb), "tokens.json": tokens(),
            "bundles.json": bundles(), "voice.json": voice()}


def text_of(document):
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main():
    with tempfile.TemporaryDirectory() as folder:
        documents = make(independent.protobuf_module(folder))
    os.makedirs(FOLDER, exist_ok=True)
    for name, document in documents.items():
        with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as f:
            f.write(text_of(document))


if __name__ == "__main__":
    main()
