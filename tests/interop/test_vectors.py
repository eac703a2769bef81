# SPDX-License-Identifier: Apache-2.0
"""The vectors that are kept are those that an independent implementation makes; test_vectors.c checks the same files."""

import os

import make_vectors


def test_kept_vectors_are_those_made_here(pb):
    documents = make_vectors.make(pb)
    assert sorted(documents) == sorted(os.listdir(make_vectors.FOLDER))
    for name, document in documents.items():
        with open(os.path.join(make_vectors.FOLDER, name), encoding="utf-8") as f:
            assert f.read() == make_vectors.text_of(document), name


def test_our_channel_gives_the_same_bytes(peer, pb):
    v = {k: bytes.fromhex(x) for k, x in make_vectors.handshake(pb).items() if isinstance(x, str)}
    peer.ask("channel", "client", v["client_static"], v["client_ephemeral"])
    peer.ask("start", v["client_hello"])
    assert peer.bytes("out") == v["flight_1"]
    peer.ask("feed", v["flight_2"])
    assert peer.ask("next") == "answer"
    assert peer.bytes("answer") == v["server_hello"]
    peer.ask("confirm", v["request"])
    assert peer.bytes("out") == v["flight_3"]
    assert peer.bytes("hash") == v["handshake_hash"]
    peer.ask("feed", v["flight_4"])
    assert peer.ask("next") == "message"
    assert peer.bytes("open") == v["response"]

    peer.ask("channel", "host", v["host_static"], v["host_ephemeral"])
    peer.ask("feed", v["flight_1"])
    assert peer.ask("next") == "hello"
    peer.ask("accept", v["server_hello"])
    assert peer.bytes("out") == v["flight_2"]
    peer.ask("feed", v["flight_3"])
    assert peer.ask("next") == "sealed"
    assert peer.bytes("finish") == v["request"]
    peer.ask("seal", v["response"])
    assert peer.bytes("out") == v["flight_4"]
