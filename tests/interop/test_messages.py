# SPDX-License-Identifier: Apache-2.0
"""Messages between python3-protobuf and nanopb, every field set, and at its bounds."""

import os

import pytest

import independent
from cpeer import PeerError

INT64 = [0, 1, -1, 2**31, -2**63, 2**63 - 1]


def fill(message, depth=0):
    """Set every field of a message to something that is not its default."""
    for i, field in enumerate(message.DESCRIPTOR.fields):
        if field.containing_oneof:
            continue
        repeated = field.label == field.LABEL_REPEATED
        if field.type == field.TYPE_MESSAGE:
            for _ in range(3 if repeated else 1):
                fill(getattr(message, field.name).add() if repeated else getattr(message, field.name), depth + 1)
            continue
        value = {field.TYPE_BOOL: True, field.TYPE_UINT32: 2**32 - 1 - i, field.TYPE_UINT64: 2**64 - 1 - i, field.TYPE_INT64: -2**63 + i,
                 field.TYPE_STRING: f"{field.name} \u00e6\u4e2d\U0001f600"[:31], field.TYPE_BYTES: SIZES.get(
                     (message.DESCRIPTOR.name, field.name), b"\x00\xff\x80")}[field.type]
        if repeated:
            getattr(message, field.name).extend([value, value])
        else:
            setattr(message, field.name, value)
    return message


SIZES = {("ClientHello", "vendors"): bytes(range(33)), ("Device", "sign"): bytes(range(32)),
         ("Once", "token"): bytes(range(1, 17)), ("Once", "ratchet"): bytes(16), ("Answer", "ratchet"): bytes(16)}


def there_and_back(peer, message):
    data = message.SerializeToString()
    again = peer.bytes("recode", message.DESCRIPTOR.name, data)
    back = type(message)()
    back.ParseFromString(again)
    assert back == message
    return again


def test_hellos(peer, pb):
    there_and_back(peer, fill(pb.ClientHello()))
    there_and_back(peer, fill(pb.ServerHello()))
    there_and_back(peer, pb.ClientHello())
    there_and_back(peer, pb.ServerHello())


@pytest.mark.parametrize("call", ["activate", "renew", "release", "sign_in", "sign_out", "redeem", "show_lease", "get_policy",
                                  "ping"])
def test_requests(peer, pb, call):
    request = pb.Request(id=7)
    fill(getattr(request, call))
    there_and_back(peer, request)
    empty = pb.Request(id=7)
    getattr(empty, call).SetInParent()
    there_and_back(peer, empty)


@pytest.mark.parametrize("result", ["answer", "policy", "pong", None])
def test_responses(peer, pb, result):
    response = pb.Response(id=2**32 - 1, time=-5, correlation="c" * 23)
    fill(response.status)
    if result:
        fill(getattr(response, result))
    there_and_back(peer, response)


def test_numbers_at_their_ends(peer, pb):
    for value in INT64:
        there_and_back(peer, pb.Response(id=1, time=value, status=pb.Status(have=value, until=value)))


def test_absent_keys_are_zeros(peer, pb):
    """Fields of a fixed length have no "absent" on our side: the receiver must take zeros for none."""
    back = pb.Request()
    request = pb.Request(activate=pb.Activate(once=pb.Once(counter=1), device=pb.Device(os="x")))
    back.ParseFromString(peer.bytes("recode", "Request", request.SerializeToString()))
    assert back.activate.once.token == bytes(16)
    assert back.activate.device.sign == bytes(32)
    assert back.activate.once.ratchet == b""


def test_all_messages_were_covered(pb):
    covered = {"ClientHello", "ServerHello", "Component", "Device", "Want", "Once", "Activate", "Renew", "Release", "SignIn",
               "SignOut", "Redeem", "ShowLease", "CertifyHost", "RequestMore", "GetRevocations", "GetPolicy", "Ping", "Request", "Status", "Result", "Answer",
               "Policy", "Pong", "Certified", "Revocations",
               "Response"}
    assert set(pb.DESCRIPTOR.message_types_by_name) == covered
    calls = {f.name for f in pb.Request.DESCRIPTOR.oneofs_by_name["call"].fields}
    assert calls == {"activate", "renew", "release", "sign_in", "sign_out", "redeem", "show_lease", "certify_host",
                     "request_more", "get_revocations", "get_policy", "ping"}


def bounds():
    """muster.options as (message, field, options)."""
    rows = []
    with open(os.path.join(independent.ROOT, "protocol", "muster.options")) as f:
        for line in f:
            if line.startswith("muster.v1."):
                name, *options = line.split()
                _, _, message, field = name.split(".")
                rows.append((message, field, {k: v for k, v in (o.split(":") for o in options)}))
    return rows


WRAP = {"ClientHello": ["ClientHello"], "ServerHello": ["ServerHello"], "Device": ["Request", "activate", "device"],
        "Want": ["Request", "activate", "wants"], "Once": ["Request", "activate", "once"], "Activate": ["Request", "activate"],
        "Renew": ["Request", "renew"], "Release": ["Request", "release"], "SignIn": ["Request", "sign_in"],
        "SignOut": ["Request", "sign_out"], "Redeem": ["Request", "redeem"],
        "ShowLease": ["Request", "show_lease"], "GetPolicy": ["Request", "get_policy"],
        "CertifyHost": ["Request", "certify_host"], "RequestMore": ["Request", "request_more"],
        "Certified": ["Response", "certified"],
        "GetRevocations": ["Request", "get_revocations"], "Revocations": ["Response", "revocations"],
        "Ping": ["Request", "ping"], "Result": ["Response", "answer", "results"], "Answer": ["Response", "answer"],
        "Response": ["Response"], "Pong": ["Response", "pong"]}


def at(pb, path):
    top = message = getattr(pb, path[0])()
    for name in path[1:]:
        repeated = message.DESCRIPTOR.fields_by_name[name].label == 3
        message = getattr(message, name).add() if repeated else getattr(message, name)
        if not repeated:
            message.SetInParent()
    return top, message


@pytest.mark.parametrize("message, field, options", bounds(), ids=lambda x: x if isinstance(x, str) else "")
def test_bounds_of_the_options(peer, pb, message, field, options):
    count = int(options.get("max_count", 1))
    size = int(options.get("max_length", options.get("max_size", 1)))

    def attempt(n, length):
        top, inner = at(pb, WRAP[message])
        kind = inner.DESCRIPTOR.fields_by_name[field]
        for _ in range(n):
            if kind.type == kind.TYPE_MESSAGE:
                getattr(inner, field).add()
            else:
                value = {kind.TYPE_STRING: "x" * length, kind.TYPE_BYTES: b"x" * length}.get(kind.type, 5)
                if kind.label == kind.LABEL_REPEATED:
                    getattr(inner, field).append(value)
                else:
                    setattr(inner, field, value)
        back = type(top)()
        back.ParseFromString(peer.bytes("recode", WRAP[message][0], top.SerializeToString()))
        for name in WRAP[message][1:]:
            back = getattr(back, name)
            back = back[0] if hasattr(back, "__len__") else back
        assert getattr(back, field) == getattr(inner, field)

    attempt(count, size)
    if "max_count" in options:
        with pytest.raises(PeerError, match="MALFORMED"):
            attempt(count + 1, size)
    if "max_length" in options or "max_size" in options:
        with pytest.raises(PeerError, match="MALFORMED"):
            attempt(1, size + 1)
    if options.get("fixed_length") == "true":
        with pytest.raises(PeerError, match="MALFORMED"):
            attempt(1, size - 1)
