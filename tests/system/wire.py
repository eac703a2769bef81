# SPDX-License-Identifier: Apache-2.0
"""A second client of the protocol, from PROTOCOL.md alone: dissononce for Noise, protobuf, nacl. For tests below the command."""
import base64
import hashlib
import importlib
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile

import nacl.signing
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.XX import XXHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHOW_LEASE = 60
PREAMBLE = b"MUST\x01\x01\x01\x00"


def load_messages():
    with tempfile.TemporaryDirectory(prefix="muster-pb-") as out:
        subprocess.run(["protoc", f"--python_out={out}", f"-I{ROOT / 'protocol'}", "muster.proto"], check=True, timeout=60)
        sys.path.insert(0, out)
        try:
            return importlib.import_module("muster_pb2")
        finally:
            sys.path.remove(out)


pb = load_messages()


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def vendor_id(public_text):
    """The 33 bytes of k4.pid for a k4.public text."""
    return hashlib.blake2b(b"k4.pid." + public_text.encode(), digest_size=33).digest()


class Refused(Exception):
    """The host's clear refusal."""

    def __init__(self, code, retry):
        super().__init__(f"refused with {code}, retry in {retry} s")
        self.code, self.retry = code, retry


class Device:
    """A device's two keys and its place in the ratchet."""

    def __init__(self):
        self.fixed = X25519DH().generate_keypair()
        self.sign = nacl.signing.SigningKey.generate()
        self.ratchet, self.counter = b"", 0
        self.leases = {}  # the last result of each product that had one

    @property
    def id(self):
        data = b"muster/1 device" + self.fixed.public.data + bytes(self.sign.verify_key)
        return base64.urlsafe_b64encode(hashlib.blake2b(data, digest_size=32).digest()).decode().rstrip("=")


class Prepared(X25519DH):
    """An X25519 that makes a known pair: message 1 is sent before the host's preamble, which the prologue needs, is there."""

    def __init__(self, pair):
        super().__init__()
        self.pair = pair

    def generate_keypair(self, privatekey=None):
        return self.pair if privatekey is None else super().generate_keypair(privatekey)


class Client:
    """One connection. tamper(index, bytes) may change each of the client's three sends."""

    def __init__(self, port, vendor_public, device=None, tamper=lambda index, data: data, timeout=10):
        self.device = device or Device()
        self.tamper = tamper
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.vendor = vendor_id(vendor_public)
        self.requests = 0

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            if not part:
                raise ConnectionError("closed")
            data += part
        return data

    def read_frame(self):
        return self.read(struct.unpack(">H", self.read(2))[0])

    def hello(self):
        """Messages 1 and 2; the server hello."""
        payload = pb.ClientHello(version=1, vendors=[self.vendor]).SerializeToString()
        ephemeral = X25519DH().generate_keypair()
        first = ephemeral.public.data + payload
        self.socket.sendall(self.tamper(0, PREAMBLE + struct.pack(">H", len(first)) + first))
        theirs = self.read(8)
        if theirs[6] == 2:
            raise Refused(*struct.unpack(">HH", self.read_frame()))
        self.noise = HandshakeState(SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash()), Prepared(ephemeral))
        self.noise.initialize(XXHandshakePattern(), True, b"muster/1" + PREAMBLE + theirs, s=self.device.fixed)
        again = bytearray()
        self.noise.write_message(payload, again)
        assert bytes(again) == first
        answer = bytearray()
        self.noise.read_message(self.read_frame(), answer)
        return pb.ServerHello.FromString(bytes(answer))

    def finish(self, payload=b""):
        """Message 3, with the first request in it."""
        third = bytearray()
        self.send_cipher, self.receive_cipher = self.noise.write_message(payload, third)
        self.socket.sendall(self.tamper(1, struct.pack(">H", len(third)) + bytes(third)))

    def send(self, request):
        sealed = self.send_cipher.encrypt_with_ad(b"", request.SerializeToString())
        self.socket.sendall(self.tamper(2, struct.pack(">H", len(sealed)) + sealed))

    def receive(self):
        return pb.Response.FromString(bytes(self.receive_cipher.decrypt_with_ad(b"", self.read_frame())))

    def connect(self):
        self.hello()
        self.finish()
        return self

    def request(self, products, token=None, kind="activate", ratchet=None, counter=None):
        """An Activate or Renew as the device's state has it."""
        self.requests += 1
        call = {"activate": pb.Activate, "renew": pb.Renew}[kind](
            once=pb.Once(token=token or os.urandom(16), ratchet=self.device.ratchet if ratchet is None else ratchet,
                         counter=self.device.counter if counter is None else counter),
            device=pb.Device(sign=bytes(self.device.sign.verify_key), hostname="wire-test", os="Linux", agent="wire/1"),
            wants=[pb.Want(product=p) for p in products])
        return pb.Request(id=self.requests, **{kind: call})

    def release_request(self, product):
        """A Release, otherwise as request()."""
        request = self.request([product])
        once, device = request.activate.once, request.activate.device
        return pb.Request(id=request.id, release=pb.Release(once=once, device=device, product=product))

    def call(self, request):
        """Send and take the answer; the device's ratchet moves on."""
        self.send(request)
        response = self.receive()
        assert response.id == request.id
        if response.answer.counter:
            self.device.ratchet, self.device.counter = response.answer.ratchet, response.answer.counter
        self.device.leases.update({result.product: result for result in response.answer.results if result.lease})
        return response

    def renew_showing(self, products):
        """Renew as libmuster does: when the host asks, show what the device holds, and send the same again."""
        request = self.request(products, kind="renew")
        request.renew.once.shows = True
        response = self.call(request)
        self.shown = response.status.code == SHOW_LEASE
        if self.shown:
            for held in list(self.device.leases.values()):
                self.requests += 1
                self.call(pb.Request(id=self.requests, show_lease=pb.ShowLease(
                    once=request.renew.once, device=request.renew.device, lease=held.lease, certificate=held.certificate)))
            request.renew.once.shows = False
            response = self.call(request)
        return response.answer.results[0]

    def activate(self, product="acme-cad", **more):
        return self.call(self.request([product], **more)).answer.results[0]

    def close(self):
        self.socket.close()
