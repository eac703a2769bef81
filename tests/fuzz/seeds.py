# SPDX-License-Identifier: Apache-2.0
"""
Hand-made inputs for the fuzz targets: /usr/bin/python3 tests/fuzz/seeds.py FOLDER writes FOLDER/fuzz_<target>/<name>. The kept
corpora grew out of these: see README.md here.
"""

import copy
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))

import examples  # noqa: E402
import independent as ind  # noqa: E402

VENDOR = ind.signing_key(b"v" * 32)  # as fuzz.h has them
HOST = ind.signing_key(b"h" * 32)
DEVICE = ind.signing_key(b"d" * 32)


def payload(claims):
    return json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()


def own(kind):
    """The example's claims, for the keys of the fuzz targets."""
    claims = copy.deepcopy(examples.CLAIMS[kind])
    vendor, host = ind.public_of(VENDOR), ind.public_of(HOST)
    claims["iss"] = ind.k4_pid(host if kind in examples.HOST_KINDS else vendor)
    if kind == "certificate":
        claims["vendor"] = ind.k4_public(vendor)
    if kind in ("certificate", "host-request"):
        claims["host"]["sign"] = ind.k4_public(host)
    if kind == "checkpoint":
        claims["sign"] = ind.k4_public(host)
    if kind in ("lease", "license-request", "request", "answer"):
        claims["vendor"] = ind.k4_pid(vendor)
    if kind == "request":
        claims["sign"] = ind.k4_public(ind.public_of(DEVICE))
        claims["iss"] = ind.b64(ind.device_id(ind.unb64(claims["static"]), ind.public_of(DEVICE)))
    if kind == "answer":
        claims["lease"] = ind.token_sign(HOST, own("lease"), "")
        claims["certificate"] = ind.token_sign(VENDOR, own("certificate"), "")
    return claims


def without(claims, *keys):
    return {k: v for k, v in claims.items() if k not in keys}


def claims_seeds(kind):
    full = own(kind)
    yield "full", payload(full)
    yield "crit", payload({**full, "crit": ["future"]})
    yield "twice", payload(full)[:-1] + b',"typ":"muster.' + kind.encode() + b'"}'
    yield "cut", payload(full)[:-9]
    yield "array", b"[1]"
    yield "wrong-type", payload({**full, "typ": "muster.other"})
    if kind == "license":
        yield "short", payload({**without(full, "hosts_max", "grace_days"), "grants": [], "products": []})
        grants = [{"id": f"g{i}", "product": "acme-cad", "model": m} for i, m in
                  enumerate(("volume", "pool", "device", "user", "shared"))]
        yield "models", payload({**full, "grants": grants})
        yield "no-product", payload({**full, "products": []})
        key = {"hash": full["grants"][1]["redemption"][0]["hash"], "days": 30}
        grants = [{**grants[1], "key_salt": full["grants"][1]["key_salt"], "redemption": [key, key]},
                  {**grants[3], "pool_keys": [key["hash"]]}]  # the second without its salt
        yield "keys", payload({**full, "grants": grants[:1]})
        yield "no-salt", payload({**full, "grants": grants})
    if kind == "lease":
        yield "perpetual", payload(without(full, "exp", "renew_after", "count", "plans"))
    if kind == "revocations":
        yield "empty", payload(without(full, "hosts", "licenses", "keys"))
    if kind == "checkpoint":
        yield "first", payload({**full, "seq": 1, "previous": 0})
        yield "backwards", payload({**full, "previous": full["seq"]})
        yield "others-key", payload({**full, "sign": ind.k4_public(ind.public_of(VENDOR))})
    if kind == "license-request":
        yield "twice-a-grant", payload({**full, "wants": full["wants"] * 2})
    if kind == "request":
        yield "bare", payload(without(full, "org", "version", "plans", "user", "serial", "reinstalled", "hostname", "os", "agent",
                                      "components"))
        yield "others-key", payload({**full, "sign": ind.k4_public(ind.public_of(VENDOR))})
        yield "others-id", payload({**full, "iss": "A" * 43})
    if kind == "answer":
        yield "others-lease", payload({**full, "device": "A" * 43})
        yield "no-certificate", payload({**full, "certificate": full["lease"]})
    if kind == "product":
        yield "plain", payload({**full, "product": {"id": "a", "name": "A"}})


def tokens():
    for kind in ("lease", "license"):
        yield kind, ind.token_sign(VENDOR, own(kind), "k4.pid.footer")


def paseto_seeds():
    for kind, token in tokens():
        yield kind, b"\0" + token.encode()
    yield "no-footer", b"\0" + ind.paseto_sign(VENDOR, b"{}", b"", b"muster.lease").encode()
    yield "local", b"\0v4.local.AAAA.AAAA"
    yield "public-key", b"\0" + ind.k4_public(ind.public_of(VENDOR)).encode()
    yield "secret-key", b"\0" + ind.k4_secret(VENDOR).encode()
    yield "pid", b"\0" + ind.k4_pid(ind.public_of(VENDOR)).encode()
    yield "payload", b"\1" + payload(own("lease"))


def tsig_key_seeds():
    """Key files as BIND reads them: good ones, with comments, and broken ones."""
    secret = b"Z2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2c="
    yield "whole", b'key "muster" {\n\talgorithm hmac-sha256;\n\tsecret "' + secret + b'";\n};\n'
    yield "bare", b"KEY a.b. {secret " + secret + b";algorithm hmac-sha512;};"
    yield "comments", b"# a\n// b\n/* c\n*/ key/**/k {algorithm hmac-sha256;# d\nsecret " + secret + b";}; /* e */"
    yield "open-comment", b"key k /* {"
    yield "open-quote", b'key "k'
    yield "other-algorithm", b"key k { algorithm hmac-md5; };"
    yield "twice", b"key k { algorithm hmac-sha256; algorithm hmac-sha256; };"
    yield "short", b'key k { algorithm hmac-sha256; secret "YQ=="; };'
    yield "two-keys", b"key k { algorithm hmac-sha256; secret " + secret + b"; }; key l {};"
    yield "zero", b"key k\0 { secret \0; };"
    yield "braces", b"key { } { ; } ;"


def backup_seeds():
    """What a backup says of itself, whole and with something missing."""
    info = {"time": "2026-11-26T07:42:36Z", "host": "k4.pid.x", "name": "alpha", "version": "0.1.0", "ledger": "A" * 22,
            "database": 3, "audit": 17, "audit_hash": "A" * 43, "devices": 2, "activations": 1, "key": False}
    rows = {"whole": info, "no-time": {**info, "time": None}, "short-ledger": {**info, "ledger": "AAAA"},
            "numbers": {**info, "host": 7, "name": [], "time": 5}, "empty": {}}
    return [(name, json.dumps(row).encode()) for name, row in rows.items()] + [("cut", json.dumps(info).encode()[:40])]


def checked(text):
    """With its check character (ISO/IEC 7064 MOD 27,26)."""
    alphabet = "346789ABCDEFGHJKMNPQRTVWXY"
    product = 26
    for c in text:
        product = ((product + alphabet.index(c)) % 26 or 26) * 2 % 27
    return text + alphabet[(27 - product) % 26]


KEY, CODE = checked("AB34" * 6), checked("KMNPQRTVWXY3467")


def keycode_seeds():
    """Keys and codes of right check characters, as people type them."""
    key, code = KEY, CODE
    yield "key", "-".join(key[i:i + 5] for i in range(0, 25, 5)).encode()
    yield "code", "-".join(code[i:i + 4] for i in range(0, 16, 4)).encode()
    yield "bare", key.encode()
    yield "small", f" {code.lower()}\t".encode()
    yield "dashes", "\u2014".join(key[i:i + 5] for i in range(0, 25, 5)).replace("A", "\u00a0A").encode()
    yield "cut", "\u2014".encode()[:2]
    yield "wrong", key[:-1].encode() + b"O"


def armour_seeds():
    for kind, token in tokens():
        label = kind.upper()
        lines = "\n".join(token[i:i + 64] for i in range(0, len(token), 64))
        block = f"-----BEGIN MUSTER {label}-----\n{lines}\n-----END MUSTER {label}-----\n"
        yield kind, block.encode()
        yield kind + "-bare", token.encode()
        yield kind + "-crlf", ("Dear customer,\r\n\r\n  " + block.replace("\n", "\r\n  ") + "\r\n-- \r\nAcme").encode()
        yield kind + "-cut", block[:-20].encode()
    yield "request", b"-----BEGIN MUSTER HOST REQUEST-----\nv4.public.AAAA\n-----END MUSTER HOST REQUEST-----"
    yield "two", b"-----BEGIN MUSTER LEASE-----\n-----END MUSTER LEASE-----\n-----BEGIN MUSTER LICENSE-----\nx"


def connection():
    """The four flights between the fuzz targets' own keys (secrets of bytes 1, 2, 3, 4), with empty hellos."""
    client = ind.Peer(True, b"\1" * 32, b"\3" * 32)
    host = ind.Peer(False, b"\2" * 32, b"\4" * 32)
    first = client.start(b"")
    _, second = host.accept(first, b"hello")
    client.answer(second)
    third = client.confirm(b"request")
    host.finish(third)
    return first, second, third, host.seal(b"answer"), client.seal(b"ping")


def bundle_seeds():
    """The first byte: requests or answers."""
    members = ["v4.public.AAAA", "v4.public.BBBB"]
    block = "-----BEGIN MUSTER BUNDLE-----\n{}\n-----END MUSTER BUNDLE-----\n"
    single = "-----BEGIN MUSTER REQUEST-----\nv4.public.AAAA\n-----END MUSTER REQUEST-----\n"
    inside = ind.bundle_inside("REQUEST", members)
    yield "two", b"\0" + block.format(inside).encode()
    yield "answers", b"\1" + block.format(ind.bundle_inside("ANSWER", members)).encode()
    yield "of-answers", b"\0" + block.format(ind.bundle_inside("ANSWER", members)).encode()
    yield "empty", b"\0" + block.format(ind.bundle_inside("REQUEST", [])).encode()
    yield "count", b"\0" + block.format(ind.bundle_inside("REQUEST", members, count=3)).encode()
    yield "newer", b"\0" + block.format(ind.bundle_inside("REQUEST", members, version=2)).encode()
    yield "cut", b"\0" + block.format(inside)[:60].encode()
    yield "hash", b"\0" + block.format(inside[:-1] + "_").encode()
    yield "no-comma", b"\0" + block.format("A" * 60).encode()
    yield "single", b"\0" + single.encode()
    yield "row", b"\0" + (single + "between" + single).encode()
    yield "row-cut", b"\0" + (single + single[:40]).encode()
    yield "bare", b"\0 v4.public.AA AA\r\n"


def digits_seeds():
    """Confirmation and installation ids as people type them; the first byte says which is meant."""
    key, iid = bytes(32), ind.installation_id(bytes(32), bytes(32), 7, 9)
    cid = ind.spoken(ind.confirmation_id(key, iid, 0, 3100, 0, 1), 8)
    yield "installation", b"\1" + ind.spoken(iid, 9).encode()
    yield "confirmation", b"\0" + cid.encode()
    groups = cid.split("-")
    yield "swapped", b"\0" + "-".join([groups[1], groups[0], *groups[2:]]).encode()
    yield "round", b"\0" + "-".join([*groups[1:], groups[0]]).encode()
    yield "twice", b"\0" + "-".join([groups[0], *groups[:-1]]).encode()
    yield "wrong", b"\0" + ("9" if cid[0] != "9" else "8").encode() + cid[1:].encode()
    yield "blanks", b"\0" + cid.replace("-", " \u2013\u00a0").encode()
    yield "short", b"\0" + cid[:-1].encode()
    yield "letters", b"\0" + cid.replace("0", "O").encode()
    yield "nines", b"\0" + b"9" * 48


def words_seeds():
    good = ind.spoken_words(HOST, ind.installation_id(bytes(32), bytes(32), 7, 9), 2700, 0, 1).split()
    yield "good", " ".join(good).encode()
    yield "short", " ".join(w[:4] for w in good).encode()
    yield "swapped", " ".join([good[1], good[0], *good[2:]]).encode()
    yield "strange", " ".join([good[0], "zzzz", *good[2:]]).encode()
    yield "mistaken", " ".join([*good[:9], "acorn", *good[10:]]).encode()
    yield "few", " ".join(good[:50]).encode()
    yield "many", " ".join([*good, "acorn"]).encode()
    yield "long", b"a" * 300
    yield "signs", ", ".join(f"{i}. {w.upper()}" for i, w in enumerate(good, 1)).encode()


def calls_seeds():
    """The client's file of confirmations, and the site's keys."""
    title, cid = b"muster-calls 1\n", b"1" * 48
    yield "empty", b"\0" + title + b"tries 0 0\n"
    yield "full", b"\0" + title + b"tries 6 1795456800\ncall acme-cad 7 1 " + cid + b"\ncall acme-sim 4095 2 -\n"
    yield "twice", b"\0" + title + b"tries 0 0\ncall a 1 1 -\ncall a 2 1 -\n"
    yield "short", b"\0" + title + b"tries 0 0\ncall a 1 1 " + cid[:47] + b"\n"
    yield "cut", b"\0" + title + b"tries 0 0\ncall a 1 1 -"
    yield "negative", b"\0" + title + b"tries -1 -5\n"
    line = f"key {ind.k4_pid(ind.public_of(VENDOR))} fjord-1 3 {ind.b64(bytes(32))}\n".encode()
    yield "keys", b"\1muster-site-key 1\n" + line + line
    yield "no-keys", b"\1muster-site-key 1\n"
    yield "index", b"\1muster-site-key 1\n" + line.replace(b" 3 ", b" 32 ")
    yield "key-cut", b"\1muster-site-key 1\n" + line[:-3]


def frame_seeds():
    first, second, third, *_ = connection()
    yield "first", first
    yield "second", second
    yield "third", third
    yield "refusal", ind.refusal(3, 600)
    yield "unknown", ind.refusal(999, 1)
    yield "version", b"MUST\x02\x03\x01\x00"
    yield "oversize", ind.PREAMBLE + b"\xff\xff"


def noise_seeds():
    first, second, third, answer, _ = connection()
    yield "first", b"\0" + first[10:]
    yield "second", b"\1" + second[10:]
    yield "third", b"\2" + third[2:]
    yield "sealed", b"\3" + answer[2:]
    for i, point in enumerate((bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f")):
        yield f"weak-{i}", b"\0" + point


def channel_seeds():
    first, second, third, answer, ping = connection()
    yield "host", b"\1\0" + first + third
    yield "host-bytewise", b"\1\1" + first
    yield "client", b"\0\0" + second
    yield "client-pieces", b"\0\7" + second
    yield "client-refused", b"\0\0" + ind.refusal(3, 600)
    yield "client-refused-oddly", b"\0\5" + ind.refusal(41, 1)
    yield "host-garbage", b"\1\0GET / HTTP/1.1\r\n\r\n"
    yield "host-oversize", b"\1\0" + ind.PREAMBLE + b"\x10\x01"
    yield "open-host", b"\3\0" + ping
    yield "open-host-twice", b"\3\3" + ping + ping
    yield "open-client", b"\2\0" + answer
    yield "talk-host", b"\5\0" + b"anything"
    yield "talk-client", b"\4\0"


def requests(pb):
    """One of each call, and what makes no job."""
    device = pb.Device(sign=bytes(range(32)), hostname="pc", os="Debian", agent="muster", time=1800000000,
                       components=[pb.Component(kind=k, tag=k) for k in (1, 5, 5, 5, 9, 99)])
    once = pb.Once(token=bytes(range(16)), ratchet=bytes(16), counter=1, shows=True)
    want = pb.Want(product="acme-cad", version="7.1", plans=["modeler"], lease_serial=1, user="kari", voice=bytes(24),
                   components=[pb.Component(kind=1)], key=KEY)
    both = {"once": once, "device": device}
    other = pb.Want(product="acme-sim")
    yield "activate", pb.Request(id=1, activate=pb.Activate(**both, wants=[want, other]))
    yield "dry-run", pb.Request(activate=pb.Activate(**both, wants=[other], dry_run=True, reset=True))
    yield "twice", pb.Request(activate=pb.Activate(**both, wants=[other, other]))
    yield "no-wants", pb.Request(activate=pb.Activate(**both))
    yield "no-device", pb.Request(activate=pb.Activate(once=once, wants=[want]))
    yield "no-token", pb.Request(activate=pb.Activate(once=pb.Once(token=bytes(16)), device=device, wants=[want]))
    forked = pb.Device(sign=bytes(range(32)), forked_from=bytes(32))
    yield "forked", pb.Request(renew=pb.Renew(once=once, device=forked, wants=[other]))
    yield "renew", pb.Request(renew=pb.Renew(**both, wants=[pb.Want(product=f"product-{i}") for i in range(8)]))
    yield "release", pb.Request(release=pb.Release(**both, product="acme-cad", user="kari"))
    yield "sign-in", pb.Request(sign_in=pb.SignIn(**both, want=pb.Want(product="p", user="kari"), code=CODE))
    yield "sign-in-wrong", pb.Request(sign_in=pb.SignIn(**both, want=pb.Want(product="p", user="kari"), code=CODE[:-1]))
    yield "sign-out", pb.Request(sign_out=pb.SignOut(**both, product="acme-cad", user="kari"))
    yield "sign-out-all", pb.Request(sign_out=pb.SignOut(**both, user="kari"))
    yield "redeem", pb.Request(redeem=pb.Redeem(**both, product="acme-cad", key=KEY))
    yield "show", pb.Request(show_lease=pb.ShowLease(**both, lease="v4.public.x", certificate="v4.public.y"))
    yield "policy", pb.Request(get_policy=pb.GetPolicy(product="acme-cad"))
    yield "ping", pb.Request(id=2, ping=pb.Ping(echo=b"x"))
    yield "certify", pb.Request(certify_host=pb.CertifyHost(request="v4.public.x", license="l", serial=1))
    vendor = ind.unb64(ind.k4_pid(ind.public_of(VENDOR)).rpartition(".")[2])
    yield "revocations", pb.Request(get_revocations=pb.GetRevocations(vendor=vendor))


def rpc_seeds(pb):
    for name, request in requests(pb):
        yield name, request.SerializeToString()


def session_seeds(pb):
    """The second byte: half of it the size of the pieces, and odd when the lane is busy."""
    vendor = ind.unb64(ind.k4_pid(ind.public_of(VENDOR)).rpartition(".")[2])
    hello = pb.ClientHello(version=1, vendors=[bytes(33), vendor]).SerializeToString()
    first = ind.Peer(True, b"\1" * 32, b"\3" * 32).start(hello)
    strange = pb.ClientHello(version=1, vendors=[bytes(33)]).SerializeToString()
    yield "stranger", b"\0\0" + first
    yield "stranger-pieces", b"\0\7" + first + bytes(100)
    yield "garbage", b"\0\0GET / HTTP/1.1\r\n\r\n"
    yield "version", b"\0\0MUST\x02\x03\x01\x00"
    yield "hello", b"\1\0" + hello
    yield "hello-strange", b"\1\2" + strange
    yield "hello-none", b"\1\0\xff"
    yield "nothing", b"\2\0"
    yield "no-request", b"\2\0\xff"
    for name, request in requests(pb):
        yield name, b"\2\0" + request.SerializeToString()
        if name in ("activate", "redeem"):
            yield name + "-busy", b"\2\5" + request.SerializeToString()


def message_seeds(pb):
    request = pb.Request(id=1, activate=pb.Activate(
        once=pb.Once(token=bytes(range(16)), ratchet=bytes(16), counter=1),
        device=pb.Device(sign=bytes(32), hostname="pc\u00e6", os="Debian", agent="muster"),
        wants=[pb.Want(product="acme-cad", version="7.1", plans=["modeler"], lease_serial=1, user="kari",
                       components=[pb.Component(kind=1)])]))
    result = pb.Result(product="acme-cad", status=pb.Status(code=41, have=1, need=25), lease="v4.public.x",
                       certificate="v4.public.y", have=1, need=25, renew_minutes=1, retry_minutes=2, notices=[1, 2])
    rows = [(0, "client", pb.ClientHello(version=1, vendors=[bytes(33)])),
            (1, "server", pb.ServerHello(version=1, certificates=["v4.public.x"], time=1)),
            (2, "activate", request), (2, "renew", pb.Request(renew=pb.Renew.FromString(request.activate.SerializeToString()))),
            (2, "release", pb.Request(release=pb.Release(product="p"))),
            (2, "sign-in", pb.Request(sign_in=pb.SignIn(want=pb.Want(product="p", user="kari"), code="AAAA-BBBB-CCCC-DDDD"))),
            (2, "sign-out", pb.Request(sign_out=pb.SignOut(product="p", user="kari"))),
            (2, "redeem", pb.Request(redeem=pb.Redeem(product="p", key="AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"))),
            (2, "show", pb.Request(show_lease=pb.ShowLease(lease="v4.public.x", certificate="v4.public.y"))),
            (2, "policy", pb.Request(get_policy=pb.GetPolicy(product="p"))), (2, "ping", pb.Request(ping=pb.Ping(echo=b"x"))),
            (2, "certify", pb.Request(certify_host=pb.CertifyHost(request="v4.public.x", license="l", serial=1))),
            (2, "more", pb.Request(request_more=pb.RequestMore(request="v4.public.x"))),
            (2, "revocations", pb.Request(get_revocations=pb.GetRevocations(vendor=bytes(33)))),
            (3, "list", pb.Response(revocations=pb.Revocations(list="v4.public.x"))),
            (3, "certified", pb.Response(certified=pb.Certified(certificate="v4.public.x", revocations=3, by_file=True))),
            (3, "answer", pb.Response(id=1, time=1, correlation="c", answer=pb.Answer(results=[result], ratchet=b"r", counter=1))),
            (3, "policy-answer", pb.Response(policy=pb.Policy(have=1))), (3, "pong", pb.Response(pong=pb.Pong(echo=b"x")))]
    for kind, name, message in rows:
        yield name, bytes([kind]) + message.SerializeToString()


def state_seeds():
    numbers = {"have": 24, "need": 25, "used": 5, "quantity": 5, "until": 1800000000}
    refusal = {"code": 114, "numbers": numbers, "retry_after": 60, "answered": True, "detail": "of cad-seats"}
    record = {"product": "acme-cad", "vendor": "k4.pid.x", "first_call": 1, "wanted": True, "user": "kari", "version": "7.1",
              "plans": ["modeler"], "serial": 3, "stored": 2, "host": "[::1]:7000", "retry_minutes": 120, "count": numbers,
              "tried": 2, "failures": 1, "refusal": refusal}
    want = {"product": "acme-cad", "user": "kari", "version": "7.1", "plans": ["modeler"], "serial": 3,
            "key": "346789ABCDEFGHJKMNPQRTVWX", "reinstalled": True}
    ledger = {"ledger": "A" * 22, "ratchet": "A" * 22, "counter": 4, "used": 5}
    bare = {"schema": 1, "device": "A" * 43}
    pin = {"vendor": "k4.pid.x", "org": "fjord", "host": "h.fjord.example:7000", "address": "::1"}
    whole = {**bare, "mark": 9, "tampered": 8, "pins": [pin], "ledgers": [ledger], "products": [record]}
    yield "full", payload(whole)
    yield "empty", payload(bare)
    yield "no-device", payload(without(whole, "device"))
    yield "forked", payload({**whole, "forked_from": "B" * 42 + "A", "forked_at": 5, "boot": "A" * 22, "up": 60, "used": 50})
    yield "sealed", payload({**whole, "mac": "A" * 43})
    yield "cut", payload(whole)[:-7]
    for kind in ("activate", "renew", "release", "sign-in", "sign-out", "redeem", "preflight"):
        call = {"kind": kind, "wants": [want], "secret": "346789ABCDEFGHJK", "token": "A" * 22}
        yield kind, payload({**bare, "ledgers": [{**ledger, "pending": call}]})
    everything = {"kind": "sign-out", "wants": [{"user": "kari"}], "token": "A" * 22}
    yield "sign-out-all", payload({**bare, "ledgers": [{**ledger, "pending": everything}]})
    yield "undo", payload({"schema": 1, "record": record, "lease": "-----BEGIN MUSTER LEASE-----\n"})
    yield "undo-bare", payload({"schema": 1, "record": without(record, "refusal", "user")})
    yield "undo-wrong", payload({"schema": 1, "record": record, "lease": 5})
    yield "escape", payload(whole).replace(b"kari", b"\\u001b[m")


def change_seeds():
    rows = [{"do": "user.add", "user": "kari@fjord.no", "name": "Kari", "guest": False, "groups": ["sales", "north"]},
            {"do": "group.add", "group": "lab", "kind": "devices", "pattern": "lab-*"},
            {"do": "member.add", "group": "lab", "kind": "devices", "device": "dA1b2C"},
            {"do": "member.remove", "group": "sales", "member": "north"},
            {"do": "assign", "product": "acme-cad", "user": "kari", "plans": "modeler,render", "grant": "cad"},
            {"do": "replace", "product": "acme-cad", "with": "acme-sim", "device_group": "lab", "plans": ["a"]},
            {"do": "enrol_key.add", "group": "lab", "uses": 3, "days": 30}, {"do": "enrol_key.remove", "id": "7"},
            {"do": "subscription.redeem", "key": "346789ABCDEFGHJKMNPQRTVWX"},
            {"do": "activation.release", "device": "d" * 43, "product": None}]
    for i, row in enumerate(rows):
        yield f"one-{i}", payload({"changes": [row]})
    yield "all", payload({"changes": rows, "dry_run": True, "confirm": True})
    yield "none", payload({"changes": []})
    yield "no-list", payload({"changes": 5})
    yield "unknown", payload({"changes": [{"do": "user.add", "user": "a", "more": 1}]})
    yield "missing", payload({"changes": [{"do": "assign", "product": "a"}]})
    yield "wrong-type", payload({"changes": [{"do": "user.add", "user": 5}, {"do": "user.add", "user": "a", "guest": "yes"}]})
    yield "comma", payload({"changes": [{"do": "user.add", "user": "a", "groups": ["a,b", ""]}]})
    yield "escape", payload({"changes": [{"do": "user.add", "user": "a\u001b"}]})
    yield "huge", payload({"changes": [{"do": "enrol_key.remove", "id": 2**63}]})
    yield "cut", payload({"changes": rows})[:-5]


def jsontext_seeds():
    yield "object", b'{"a":1,"b":[true,false,null],"c":{"d":"e"}}'
    yield "numbers", b"[0,-0,-1,1.5,-2e3,0.25E-1,9223372036854775807,9223372036854775808]"
    yield "escapes", rb'["\"\\\/\b\f\n\r\t\u00f8\ud83d\ude00"]'
    yield "utf8", '["\u00f8\u20ac\U0001f600"]'.encode()
    yield "twice", rb'{"a":1,"\u0061":2}'
    yield "nul", rb'["\u0000"]'
    yield "half-pair", rb'["\ud83d\u0041"]'
    yield "open", b'[1,[2,{"a":'
    yield "text-open", b'["abc'
    yield "blanks", b" \t\r\n[ 1 , 2 ]\n"
    yield "deep", b"[" * 70 + b"]" * 70
    yield "behind", b"{} {}"
    yield "nul-behind-number", b"[0,-0\0,8]"
    yield "long-number", b"[" + b"1" * 200 + b".5]"


def issuing_key_seeds():
    """Statements of the root about the key HOST, with which the target signs."""
    whole = {"typ": "muster.key", "ver": 1, "iss": ind.k4_pid(ind.public_of(VENDOR)), "iat": "2026-11-01T00:00:00Z", "jti": "k",
             "key": ind.k4_public(ind.public_of(HOST)), "uses": ["license", "certificate", "clearing"],
             "static": ind.b64(bytes(range(32))), "nbf": "2026-11-01T00:00:00Z", "exp": "2027-11-01T00:00:00Z"}
    yield "whole", payload(whole)
    yield "license", payload({**without(whole, "static"), "uses": ["license"]})
    yield "future-use", payload({**without(whole, "static"), "uses": ["license", "dancing"]})
    yield "no-use", payload({**without(whole, "static"), "uses": []})
    yield "no-static", payload(without(whole, "static"))
    yield "long", payload({**whole, "exp": "2036-11-01T00:00:00Z"})
    yield "other-key", payload({**whole, "key": ind.k4_public(ind.public_of(DEVICE))})
    yield "ended", payload({**whole, "nbf": "2025-11-01T00:00:00Z", "exp": "2026-11-02T00:00:00Z"})
    yield "token", ind.token_sign(VENDOR, whole, "").encode()
    yield "nested", ind.token_sign(VENDOR, whole, ind.token_sign(VENDOR, whole, "")).encode()


def keybag_seeds():
    """Behind a first byte 0 triples: a place of two bytes, and the byte to be put there."""
    yield "good", b"\0"
    yield "one-byte", b"\0\0\x40A"
    yield "two-bytes", b"\0\0\x20A\1\x10A"
    yield "brace", b"\0\0\0["
    wrapped = ind.b64(bytes(56 + 96))
    yield "zero", payload({"sign": "k4.secret-pw." + wrapped, "static": "k4.local-pw." + wrapped})
    yield "numbers", payload({"sign": 1, "static": []})
    yield "empty", b"{}"


def host_key_seeds():
    secret, fixed = ind.k4_secret(HOST), ind.b64(bytes(range(32)))
    whole = f"muster-host-key 1\nsign {secret}\nstatic {fixed}\n"
    yield "whole", whole.encode()
    yield "title", whole.replace(" 1\n", " 2\n").encode()
    yield "halves", whole.replace(secret[-20:], "A" * 20).encode()
    yield "short", whole.replace(fixed, fixed[:-1]).encode()
    yield "cut", whole[:-1].encode()
    yield "more", (whole + "x").encode()


def device_key_seeds():
    key = ind.b64(bytes(range(32)))
    whole = f"muster-device-key 1\nstatic {key}\nsign {key}\n"
    tag = ind.b64(bytes(16))
    yield "whole", b"\0" + whole.encode()
    yield "former", b"\0" + (whole + f"mac {key}\n").encode()
    yield "origin", b"\0" + (whole + f"uuid {tag}\nmachine-id {tag}\n").encode()
    yield "unsorted", b"\0" + (whole + f"machine-id {tag}\nuuid {tag}\n").encode()
    yield "cut", b"\0" + whole[:-3].encode()
    yield "seed", b"\1" + bytes(range(32))
    yield "zero-seed", b"\1" + bytes(32)
    yield "short-seed", b"\1" + bytes(range(31))
    yield "long-seed", b"\1" + bytes(range(33))


def csv_seeds():
    yield "whole", b"user,name,groups\r\nkari@fjord.no,Kari,\"sales, north\"\r\n\r\nola,\"Ola \"\"O\"\"\nNordmann\",\n"
    yield "bom", b"\xef\xbb\xbfname,user\nA,a"
    yield "header", b"user,nom\n"
    yield "twice", b"user,user,name\n"
    yield "few", b"user,name\na\n"
    yield "many", b"user,name\n" + b"," * 9 + b"\n"
    yield "open", b'user,name\n"a,b\n'
    yield "behind", b'user,name\n"a"b,c\n'
    yield "inside", b'user,name\na"b,c\n'
    yield "return", b"user,name\ra,b\n"
    yield "latin", b"user,name\na,\xe6\n"
    yield "nul", b"user,name\na\0,b\n"


def items_seeds():
    yield "whole", b' { "schema" : 1, "items" : [ {"a":1}, 2, "x", [] ], "next" : "7.1" } '
    yield "empty", b'{"items":[]}'
    yield "twice", b'{"items":[],"items":[1]}'
    yield "none", b'{"next":null}'
    yield "cut", b'{"items":[{"a":1},{"a"'
    yield "comma", b'{"items":[1,],"a":1}'
    yield "behind", b'{"items":[]}x'
    yield "doubled", b'{"a":1,"items":[],"a":2}'
    yield "escaped", rb'{"\u0069tems":[1]}'
    yield "deep", b'{"items":[' + b"[" * 62 + b"]" * 62 + b"]}"
    yield "too-deep", b'{"items":[' + b"[" * 63 + b"]" * 63 + b"]}"


def config_seeds():
    yield "whole", (b"[server]\nstate_dir = /var/lib/muster ; here\n[limits]\nexempt = 10.0.0.0/8, 2001:db8::/32\n"
                    b"[dns]\ndomains = a.example b.example\nserver = [::1]:5353\npublish = yes\n[log]\nlevel = debug\n"
                    b"format = json\n[store]\nurl = sqlite:muster.db\n")
    yield "unknown", b"[server]\ncolour = red\n"
    yield "twice", b"[log]\nlevel = info\nlevel = info\n"
    yield "numbers", b"[limits]\nhandshakes_per_minute = 99999999999999999999\n"
    yield "continued", b"[server]\nlisten = a\n  b\n"
    yield "long", b"[server]\nlisten = " + b"a" * 300 + b"\n"
    yield "broken", b"[server\nlisten\n= x\n"
    yield "many-networks", b"[limits]\nexempt = " + b"10.0.0.1 " * 20 + b"\n"


def dns_answer(flags, records, *more):
    """A length, the flags, three counts (all records are answers), the bytes of the records."""
    body = flags + bytes([len(records), 0, 0]) + b"".join(records)
    return bytes([len(body)]) + body + b"".join(more)


def dns_seeds():
    """Behind the first byte: what is asked. Names point to the question's at offset 12."""
    def record(kind, data, owner=b"\xc0\x0c"):
        return owner + kind.to_bytes(2, "big") + b"\0\1\0\0\2\x58" + len(data).to_bytes(2, "big") + data

    def name(text):
        return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"

    srv = record(33, b"\0\0\0\x0a\x1a\xde" + name("host.example.org"))
    other = record(33, b"\0\0\0\x0a\x1a\xde" + name("other.example.org"))
    soa = record(6, name("ns.example.org") + name("root.example.org") + bytes(20), name("example.org"))
    ok, four, six = b"\4\0", record(1, b"\x7f\0\0\2"), record(28, bytes(15) + b"\1")
    zone = dns_answer(ok, [soa])
    yield "ask", b"\0" + dns_answer(ok, [srv, other], dns_answer(ok, [four, four]), dns_answer(ok, [six]), zone)
    yield "not-offered", b"\0" + dns_answer(ok, [record(33, bytes(7))])
    yield "cut-answer", b"\0" + dns_answer(b"\6\0", [srv], dns_answer(ok, [srv]))
    yield "no-name", b"\0" + dns_answer(b"\4\3", [])
    yield "refused", b"\0" + dns_answer(b"\4\5", []) * 4
    yield "escaped", b"\0" + dns_answer(ok, [record(33, b"\0\0\0\0\0\1\3a.b\0")])
    yield "loop", b"\0" + dns_answer(ok, [record(33, b"\0\0\0\0\0\1\xc0\x0c")])
    done = dns_answer(b"\x28\0", [])
    yield "publish", b"\x09" + zone + dns_answer(ok, [other]) + done + dns_answer(ok, [other, srv])
    yield "withdraw", b"\x08" + zone + dns_answer(ok, [srv]) + done + dns_answer(ok, [])
    yield "unsigned", b"\x0b" + zone + dns_answer(ok, []) + done
    yield "primary", b"\x0d" + zone + dns_answer(ok, [four]) + dns_answer(ok, [six]) + dns_answer(ok, [srv])
    for code in (1, 5, 9, 10):
        yield f"code-{code}", b"\x09" + zone + dns_answer(ok, []) + dns_answer(bytes([0x28, code]), [])
    signature = record(250, name("hmac-sha256") + bytes(6) + b"\1\x2c\0\x20" + bytes(32) + b"\0\0\0\x12\0\0", name("muster"))
    signature = signature.replace(b"\0\1\0\0\2\x58", b"\0\xff\0\0\0\0", 1)
    body = b"\x28\x09\0\0\1" + signature
    yield "bad-time", b"\x0b" + zone + dns_answer(ok, []) + bytes([len(body)]) + body


def settings_seeds():
    """The first byte: times, places, keys, words, cursors."""
    for kind, texts in enumerate((
            ("2026-11-23T18:00:00Z", "2026-11-23T18:00:00.5+01:00", "2030-01-01", "180d", "90s", "9999-12-31T23:59:59Z", "0w"),
            ("host.example.org:7000", "[::1]:7000", "::1", "10.0.0.0/8", "2001:db8::/32", "127.0.0.1:53", "a.b.", "[::1", "a:0"),
            (ind.k4_public(ind.public_of(VENDOR)) + " # root\n" + ind.k4_public(ind.public_of(HOST)),
             ind.k4_public(ind.public_of(VENDOR)) * 2),
            ("volume", "report", "release", "reduced", "approve", "debug", "json", "license,clearing", "license,", "allow+report"),
            ("17", "17.3", "17.3.1", "1.2.3.4", "-1", "9223372036854775808"))):
        for i, text in enumerate(texts):
            yield f"{kind}-{i}", bytes([kind]) + text.encode()


def stored_seeds():
    yield "answer", b"\0" + bytes(8) + b"\0"
    yield "answer-lines", b"\0" + bytes(range(8)) + b"\1" + bytes(60)
    yield "hardware", b"\1" + b"\1\0\1\2\0\2"
    yield "hardware-cut", b"\1" + b"\1\0"


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit("usage: seeds.py FOLDER")
    with tempfile.TemporaryDirectory() as folder:
        pb = ind.protobuf_module(folder)
        messages, rpc, session = list(message_seeds(pb)), list(rpc_seeds(pb)), list(session_seeds(pb))
    sets = {"frame": frame_seeds(), "state": state_seeds(), "noise": noise_seeds(), "channel": channel_seeds(), "message": messages,
            "rpc": rpc, "session": session,
            "paseto": paseto_seeds(), "armour": armour_seeds(), "keycode": keycode_seeds(), "tsig_key": tsig_key_seeds(),
            "backup": backup_seeds(), "change": change_seeds(), "jsontext": jsontext_seeds(),
            "certificate": [(f"{k}-{n}", s) for k in ("certificate", "host-request") for n, s in claims_seeds(k)]}
    sets.update({kind: claims_seeds(kind) for kind in ("license", "product", "lease", "revocations", "checkpoint")})
    sets["license_request"] = claims_seeds("license-request")
    sets.update({"offline_request": claims_seeds("request"), "offline_answer": claims_seeds("answer"), "bundle": bundle_seeds(),
                 "digits": digits_seeds(), "calls": calls_seeds(), "words": words_seeds(),
                 "issuing_key": issuing_key_seeds(), "keybag": keybag_seeds(), "host_key": host_key_seeds(),
                 "device_key": device_key_seeds(), "csv": csv_seeds(), "items": items_seeds(), "config": config_seeds(),
                 "dns": dns_seeds(), "settings": settings_seeds(), "stored": stored_seeds()})
    for target, seeds in sets.items():
        os.makedirs(os.path.join(sys.argv[1], "fuzz_" + target), exist_ok=True)
        for name, data in seeds:
            with open(os.path.join(sys.argv[1], "fuzz_" + target, name), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main()
