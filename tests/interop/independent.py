# SPDX-License-Identifier: Apache-2.0
"""Muster without a line of Muster's own code: written after protocol/PROTOCOL.md, on dissononce, PyNaCl and protobuf."""

import base64
import hashlib
import importlib
import json
import os
import re
import subprocess
import sys

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.public import PublicKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.XX import XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def protobuf_module(folder):
    """Generate and import muster_pb2 in a folder of the caller's."""
    subprocess.run(["protoc", "-I", os.path.join(ROOT, "protocol"), "--python_out", folder, "muster.proto"], check=True)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module("muster_pb2")


# --- base64url, PASETO v4.public, PASERK ---

def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pae(*parts):
    out = len(parts).to_bytes(8, "little")
    for part in parts:
        out += len(part).to_bytes(8, "little") + part
    return out


HEADER = "v4.public."


def paseto_sign(key, payload, footer=b"", implicit=b""):
    signature = key.sign(pae(HEADER.encode(), payload, footer, implicit)).signature
    return HEADER + b64(payload + signature) + ("." + b64(footer) if footer else "")


def paseto_verify(public, token, implicit=b""):
    """The payload, or BadSignatureError."""
    if not token.startswith(HEADER):
        raise BadSignatureError("not a v4.public token")
    body, _, footer = token[len(HEADER):].partition(".")
    raw = unb64(body)
    payload, signature = raw[:-64], raw[-64:]
    VerifyKey(public).verify(pae(HEADER.encode(), payload, unb64(footer), implicit), signature)
    return payload


def paseto_footer(token):
    return unb64(token[len(HEADER):].partition(".")[2])


def signing_key(seed):
    return SigningKey(seed)


def public_of(key):
    return bytes(key.verify_key)


def secret_of(key):
    """The 64 bytes of k4.secret: seed and public key."""
    return bytes(key) + public_of(key)


def k4_public(public):
    return "k4.public." + b64(public)


def k4_secret(key):
    return "k4.secret." + b64(secret_of(key))


def k4_pid(public):
    digest = hashlib.blake2b(("k4.pid." + k4_public(public)).encode(), digest_size=33).digest()
    return "k4.pid." + b64(digest)


def k4_sid(key):
    digest = hashlib.blake2b(("k4.sid." + k4_secret(key)).encode(), digest_size=33).digest()
    return "k4.sid." + b64(digest)


# --- product keys ---

KEY_ALPHABET = "346789ABCDEFGHJKMNPQRTVWXY"


def key_check(bare):
    """ISO/IEC 7064 MOD 27,26: the last character of a key whose others are given."""
    product = 26
    for c in bare:
        product = ((product + KEY_ALPHABET.index(c)) % 26 or 26) * 2 % 27
    return KEY_ALPHABET[(27 - product) % 26]


def key_hash(salt, bare):
    return hashlib.blake2b(b"muster/1 key" + bare.encode(), key=salt, digest_size=32).digest()


def pid_bytes(public):
    return unb64(k4_pid(public)[len("k4.pid."):])


def token_sign(key, claims, footer):
    payload = json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode()
    return paseto_sign(key, payload, footer.encode(), claims["typ"].encode())


def token_verify(public, token, typ):
    claims = json.loads(paseto_verify(public, token, typ.encode()))
    if claims["typ"] != typ or claims["ver"] != 1 or claims.get("crit"):
        raise ValueError("another type or version")
    return claims


# --- by telephone ---

DAMM = "0317598642 7092154863 4206871359 1750983426 6123045978 3674209581 5869720134 8945362017 9438617205 2581436790".split()


def spoken(number, groups):
    """A number as groups of five digits, each with its check digit."""
    digits, out = str(number).zfill(5 * groups), []
    assert len(digits) == 5 * groups
    for i in range(groups):
        group = digits[5 * i:5 * i + 5]
        state = (i + 1) % 10
        for digit in group:
            state = int(DAMM[state][int(digit)])
        out.append(f"{group}{state}")
    return "-".join(out)


def first_bits(digest, bits):
    return int.from_bytes(digest, "big") >> (8 * len(digest) - bits)


def blake(*parts, key=b""):
    return hashlib.blake2b(b"".join(parts), key=key, digest_size=32).digest()


def voice_product(vendor, product):
    return first_bits(blake(b"muster/1 voice product\0", vendor.encode(), b"\0", product.encode(), b"\0"), 20)


def voice_license(vendor, license_id):
    return blake(b"muster/1 voice license\0", vendor.encode(), b"\0", license_id.encode(), b"\0")[:16]


def installation_id(fixed, sign, product, nonce):
    tag = blake(b"muster/1 iid\0", fixed, sign, product.to_bytes(4, "big"), nonce.to_bytes(4, "big"))
    return 1 << 146 | product << 124 | nonce << 100 | first_bits(tag, 100)


def voice_key(site, license_hash, index):
    return blake(b"muster/1 phone\0", license_hash, bytes([index]), key=site)


def confirmation_id(key, installation, index, day, flags, sequence):
    head = 1 << 37 | index << 32 | day << 16 | flags << 12 | sequence
    mac = blake(b"muster/1 cid\0", installation.to_bytes(19, "big"), head.to_bytes(5, "big"), key=key)
    return head << 92 | first_bits(mac, 92)


def word_list():
    with open(os.path.join(ROOT, "protocol", "words.def"), encoding="utf-8") as f:
        return re.findall(r"WORD\((\w+)\)(?!,)", f.read().split("*/")[-1])


def spoken_words(key, installation, day, flags, sequence):
    """A confirmation as 51 words, signed by a host."""
    head = (1 << 37 | day << 16 | flags << 12 | sequence).to_bytes(5, "big")
    signature = key.sign(b"muster/1 words\0" + installation.to_bytes(19, "big") + head).signature
    check = first_bits(blake(b"muster/1 words check\0", head, signature), 9)
    number = int.from_bytes(head, "big") << 521 | check << 512 | int.from_bytes(signature, "big")
    words = word_list()
    return " ".join(words[number >> 11 * (50 - i) & 2047] for i in range(51))


def bundle_inside(label, members, count=None, version=1):
    """What stands in the block of a bundle."""
    body = "".join(f"{part}," for part in (version, label, len(members) if count is None else count, *members))
    return body + b64(hashlib.blake2b(body.encode(), digest_size=32).digest())


def device_id(fixed, sign):
    return hashlib.blake2b(b"muster/1 device" + fixed + sign, digest_size=32).digest()


# --- preamble, frames, refusals ---

PREAMBLE = b"MUST\x01\x01\x01\x00"


def frame(body):
    return len(body).to_bytes(2, "big") + body


def unframe(data):
    """The first frame's body, and what follows it."""
    n = int.from_bytes(data[:2], "big")
    assert len(data) >= 2 + n, "half a frame"
    return data[2:2 + n], data[2 + n:]


def refusal(code, retry_after):
    return b"MUST\x01\x01\x02\x00" + frame(code.to_bytes(2, "big") + retry_after.to_bytes(2, "big"))


def prologue(client_preamble, host_preamble):
    return b"muster/1" + client_preamble + host_preamble


# --- Noise, with a library that knows nothing of the deferred prologue ---

class PreparedDH(X25519DH):
    """Gives out a key pair that was made before."""

    def __init__(self, pair):
        super().__init__()
        self.pair = pair

    def generate_keypair(self, privatekey=None):
        return self.pair if privatekey is None else super().generate_keypair(privatekey)


def x25519_pair(secret=None):
    return X25519DH().generate_keypair(PrivateKey(secret) if secret else None)


class Peer:
    """One side of a connection; feed it whole flights."""

    def __init__(self, initiator, static, ephemeral=None, preamble=PREAMBLE):
        self.initiator = initiator
        self.preamble = preamble
        self.static = x25519_pair(static)
        self.ephemeral = x25519_pair(ephemeral)
        self.handshake = None
        self.send = self.receive = None

    def begin(self, theirs):
        first, second = (self.preamble, theirs) if self.initiator else (theirs, self.preamble)
        symmetric = SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash())
        self.handshake = HandshakeState(symmetric, PreparedDH(self.ephemeral))
        self.handshake.initialize(XXHandshakePattern(), self.initiator, prologue(first, second), s=self.static)

    def split(self, states):
        self.send, self.receive = states if self.initiator else reversed(states)

    @property
    def hash(self):
        return self.handshake.symmetricstate.get_handshake_hash()

    @property
    def remote(self):
        return self.handshake.rs.data

    # client

    def start(self, hello):
        """The first flight, before the host's preamble is known: message 1 does not depend on it."""
        self.hello = hello
        return self.preamble + frame(self.ephemeral.public.data + hello)

    def answer(self, flight):
        """The host's hello, from its flight."""
        self.begin(flight[:8])
        again = bytearray()
        self.handshake.write_message(self.hello, again)
        body, rest = unframe(flight[8:])
        assert not rest
        payload = bytearray()
        self.handshake.read_message(body, payload)
        return bytes(payload)

    def confirm(self, request):
        message = bytearray()
        self.split(self.handshake.write_message(request, message))
        return frame(bytes(message))

    # host

    def accept(self, flight, hello):
        """The client's hello, and our flight."""
        self.begin(flight[:8])
        body, rest = unframe(flight[8:])
        assert not rest
        theirs = bytearray()
        self.handshake.read_message(body, theirs)
        message = bytearray()
        self.handshake.write_message(hello, message)
        return bytes(theirs), self.preamble + frame(bytes(message))

    def finish(self, flight):
        body, rest = unframe(flight)
        request = bytearray()
        self.split(self.handshake.read_message(body, request))
        return bytes(request), rest

    # both

    def seal(self, message):
        return frame(self.send.encrypt_with_ad(b"", message))

    def open(self, data):
        body, rest = unframe(data)
        return self.receive.decrypt_with_ad(b"", body), rest
