# SPDX-License-Identifier: Apache-2.0
"""Our channel against dissononce, in both roles, with the preambles and the prologue that the client learns late."""

import os

import pytest
from dissononce.exceptions.decrypt import DecryptFailedException

from cpeer import PeerError
from independent import PREAMBLE, Peer, frame, refusal, x25519_pair

SIZES = [0, 1, 15, 16, 17, 255, 256, 257, 1000, 2048, 3900]
C_STATIC = bytes(range(32))
PY_STATIC = bytes(range(32, 64))


def public(secret):
    return x25519_pair(secret).public.data


@pytest.mark.parametrize("size", SIZES)
def test_python_client_with_our_host(peer, size):
    hello, certificate, request = os.urandom(min(size, 140)), os.urandom(size), os.urandom(min(size, 3072))
    client = Peer(True, PY_STATIC)
    peer.ask("channel", "host", C_STATIC, "-")
    peer.ask("feed", client.start(hello))
    assert peer.ask("next") == "hello"
    assert peer.bytes("payload") == hello
    peer.ask("accept", certificate)
    assert client.answer(peer.bytes("out")) == certificate
    assert client.remote == public(C_STATIC)
    peer.ask("feed", client.confirm(request))
    assert peer.ask("next") == "sealed"
    assert peer.bytes("finish") == request
    assert peer.bytes("remote") == public(PY_STATIC)
    assert peer.bytes("hash") == client.hash
    exchange(peer, client, size)


@pytest.mark.parametrize("size", SIZES)
def test_our_client_with_python_host(peer, size):
    hello, certificate, request = os.urandom(min(size, 140)), os.urandom(size), os.urandom(min(size, 3072))
    host = Peer(False, PY_STATIC)
    peer.ask("channel", "client", C_STATIC, "-")
    peer.ask("start", hello)
    theirs, flight = host.accept(peer.bytes("out"), certificate)
    assert theirs == hello
    peer.ask("feed", flight)
    assert peer.ask("next") == "answer"
    assert peer.bytes("answer") == certificate
    assert peer.bytes("remote") == public(PY_STATIC)
    peer.ask("confirm", request)
    got, rest = host.finish(peer.bytes("out"))
    assert got == request and rest == b""
    assert host.remote == public(C_STATIC)
    assert peer.bytes("hash") == host.hash
    exchange(peer, host, size)


def exchange(peer, other, size):
    """Messages in both directions, several in flight."""
    for _ in range(3):
        ours = [os.urandom(size), b"", os.urandom(1)]
        for message in ours:
            peer.ask("seal", message)
        rest = peer.bytes("out")
        for message in ours:
            got, rest = other.open(rest)
            assert got == message
        assert rest == b""
        theirs = [os.urandom(min(size, 3072)), b"", os.urandom(1)]
        peer.ask("feed", b"".join(other.seal(m) for m in theirs))
        for message in theirs:
            assert peer.ask("next") == "message"
            assert peer.bytes("open") == message
        assert peer.ask("next") == "want"


NEWER = b"MUST\x01\x09\x01\x00"  # a peer of a later version: the two preambles differ, so their order in the prologue counts


def test_a_newer_client_with_our_host(peer):
    client = Peer(True, PY_STATIC, preamble=NEWER)
    peer.ask("channel", "host", C_STATIC, "-")
    peer.ask("feed", client.start(b"hello"))
    assert peer.ask("next") == "hello"
    peer.ask("accept", b"certificate")
    assert client.answer(peer.bytes("out")) == b"certificate"
    peer.ask("feed", client.confirm(b"request"))
    assert peer.ask("next") == "sealed"
    assert peer.bytes("finish") == b"request"


def test_our_client_with_a_newer_host(peer):
    host = Peer(False, PY_STATIC, preamble=NEWER)
    peer.ask("channel", "client", C_STATIC, "-")
    peer.ask("start", b"hello")
    _, flight = host.accept(peer.bytes("out"), b"certificate")
    peer.ask("feed", flight)
    assert peer.ask("next") == "answer"
    assert peer.bytes("answer") == b"certificate"
    peer.ask("confirm", b"request")
    assert host.finish(peer.bytes("out")) == (b"request", b"")


def test_another_prologue_fails_on_both_sides(peer):
    client = Peer(True, PY_STATIC)
    peer.ask("channel", "host", C_STATIC, "-")
    flight = client.start(b"hello")
    peer.ask("feed", b"MUST\x01\x02\x01\x00" + flight[8:])  # as if the client spoke up to version 2
    assert peer.ask("next") == "hello"
    peer.ask("accept", b"certificate")
    with pytest.raises(DecryptFailedException):
        client.answer(peer.bytes("out"))

    host = Peer(False, PY_STATIC)
    peer.ask("channel", "client", C_STATIC, "-")
    peer.ask("start", b"hello")
    _, flight = host.accept(peer.bytes("out"), b"certificate")
    peer.ask("feed", b"MUST\x01\x02\x01\x00" + flight[8:])
    assert peer.ask("next") == "answer"
    with pytest.raises(PeerError, match="HANDSHAKE_FAILED"):
        peer.ask("answer")


def test_damage_is_found_by_our_side(peer):
    for at in (0, 31, 32, 40, 90, 100):
        host = Peer(False, PY_STATIC)
        peer.ask("channel", "client", C_STATIC, "-")
        peer.ask("start", b"hello")
        _, flight = host.accept(peer.bytes("out"), b"certificate")
        flight = bytearray(flight)
        flight[10 + at] ^= 1
        peer.ask("feed", flight)
        assert peer.ask("next") == "answer"
        with pytest.raises(PeerError, match="HANDSHAKE_FAILED"):
            peer.ask("answer")


def test_a_clear_refusal(peer):
    for code, name in ((3, "BUSY"), (2, "VERSION_UNSUPPORTED"), (7, "UNKNOWN_VENDOR"), (41, "MALFORMED"), (999, "MALFORMED")):
        peer.ask("channel", "client", C_STATIC, "-")
        peer.ask("start", b"")
        peer.ask("feed", refusal(code, 600))
        with pytest.raises(PeerError, match=name):
            peer.ask("next")
        assert peer.ask("retry") == ("0" if name == "MALFORMED" else "60")


def test_foreign_bytes_are_dropped(peer):
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", bytes(64),
                 PREAMBLE + frame(b"x"), PREAMBLE + b"\0\0", PREAMBLE + b"\xff\xff"):
        peer.ask("channel", "host", C_STATIC, "-")
        peer.ask("feed", data)
        with pytest.raises(PeerError, match="MALFORMED|TOO_LARGE"):
            peer.ask("next")
