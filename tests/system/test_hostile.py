# SPDX-License-Identifier: Apache-2.0
"""Strange bytes against the real daemon: each is refused and counted by its code, and honest clients are served on."""
import collections
import os
import random
import re
import select
import signal
import socket
import struct
import time

import nacl.signing
import pytest
from dissononce.exceptions.decrypt import DecryptFailedException
from harness import PRODUCT, SANITIZED, Machine, Vendor, wait_for
from wire import PREAMBLE, Client, Refused, pb, vendor_id

REQUEST_LIMIT, CODE_LIMIT, SIGNIN_NEEDED, SIGNIN_REFUSED = 160, 161, 115, 116
MALFORMED, VERSION_UNSUPPORTED, BUSY, TOO_LARGE, UNKNOWN_VENDOR, NEW_DEVICE_LIMIT = 1, 2, 3, 4, 7, 49


def key_of(vendor):
    return (vendor.dir / "vendor.pub").read_text().strip()


def faults(host):
    """Connections closed because of a fault, by code."""
    return {code: int(n) for code, n in re.findall(r'muster_connection_faults_total\{reason="(\w+)"\} (\d+)', host.metrics())}


def serves(host, vendor):
    return Client(host.port, key_of(vendor)).connect().activate().status.code == 0


def closed(sock, seconds=8):
    """What the host sends before it closes."""
    sock.settimeout(seconds)
    data = b""
    try:
        while part := sock.recv(4096):
            data += part
    except ConnectionResetError:
        pass
    return data


def connect(host):
    return socket.create_connection(("127.0.0.1", host.port), timeout=10)


def journal(host, **fields):
    """Is there a line of the host's log with these?"""
    return any(all(f"{key}={value}" in line for key, value in fields.items()) for line in host.log.read_text().splitlines())


@pytest.fixture
def host(hosts, vendor):
    """A host without per-source penalties in the way: all of these tests come from one address."""
    host = hosts(config="[limits]\npenalty_seconds = 0\n").start()
    host.install(vendor)
    return host


def test_foreign_bytes_get_no_answer(host, vendor):
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01", bytes(random.randbytes(65536))):
        sock = connect(host)
        try:
            sock.sendall(garbage)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert closed(sock) == b""
    assert faults(host) == {"MALFORMED": 2, "TOO_LARGE": 1}
    assert serves(host, vendor)


def test_newer_version_is_refused_in_clear(host):
    sock = connect(host)
    sock.sendall(b"MUST\x02\x03\x01\x00")
    data = closed(sock)
    assert data[:8] == b"MUST\x01\x01\x02\x00" and data[10:12] == b"\x00\x02"


def test_oversized_hello_is_refused_from_its_header(host):
    sock = connect(host)
    sock.sendall(PREAMBLE + b"\xff\xff")
    data = closed(sock)
    assert data[6] == 2 and data[10:12] == b"\x00\x04"


@pytest.mark.parametrize("bytes_sent", [b"", b"MUST", PREAMBLE, PREAMBLE + b"\x00\x40half"])
def test_silence_and_half_a_frame_meet_the_deadline(host, vendor, bytes_sent):
    sock = connect(host)
    sock.sendall(bytes_sent)
    begin = time.monotonic()
    assert serves(host, vendor)  # meanwhile
    assert closed(sock) == b""
    assert time.monotonic() - begin < 6
    assert faults(host)["TIMEOUT"] >= 1


def test_every_byte_of_the_handshake_counts(host, vendor):
    """One flipped bit in each byte of the client's two messages: the host judges each, and never answers a request. Where it
    cannot know, in what it takes over into the handshake as it came, the client finds out."""
    key = key_of(vendor)
    lengths = {}
    Client(host.port, key, tamper=lambda i, data: lengths.setdefault(i, len(data)) and data).connect().close()
    points = [(message, at) for message in (0, 1) for at in range(lengths[message])]
    assert len(points) > 140
    chance = random.Random(1)
    refused, closed_by, noticed = collections.Counter(), [], []
    for message, at in points:
        def flip(index, data, message=message, at=at, bit=1 << chance.randrange(8)):
            return data if index != message else data[:at] + bytes([data[at] ^ bit]) + data[at + 1:]

        client = Client(host.port, key, tamper=flip, timeout=8)
        try:
            client.connect()
            client.send(client.request(["acme-cad"]))
            client.receive()
        except Refused as refusal:
            refused[refusal.code] += 1
        except ConnectionError:
            closed_by.append((message, at))
        except DecryptFailedException:
            noticed.append((message, at))
        else:
            raise AssertionError(f"byte {at} of message {message} was changed and nobody noticed")
        finally:
            client.close()
    assert set(refused) <= {MALFORMED, VERSION_UNSUPPORTED, TOO_LARGE, UNKNOWN_VENDOR}, refused
    assert [at for message, at in closed_by if message == 1] == list(range(lengths[1]))
    # None was turned away unread: the host counts a fault for each but those that the client found.
    assert sum(faults(host).values()) + len(noticed) == len(points), (refused, faults(host))
    assert host.process.poll() is None and serves(host, vendor)


def test_replayed_handshake_is_worth_nothing(host, vendor):
    sent = []
    Client(host.port, key_of(vendor), tamper=lambda i, data: sent.append(data) or data).connect().activate()
    sock = connect(host)
    sock.sendall(sent[0])
    time.sleep(0.3)
    try:
        sock.sendall(sent[1] + sent[2])
    except (BrokenPipeError, ConnectionResetError):
        pass
    closed(sock)
    assert faults(host)["HANDSHAKE_FAILED"] == 1
    assert host.count() == 1


def test_unknown_vendor_is_refused_before_any_crypto(host):
    stranger = nacl.signing.SigningKey.generate()
    import base64
    key = "k4.public." + base64.urlsafe_b64encode(bytes(stranger.verify_key)).decode().rstrip("=")
    with pytest.raises(Refused) as refused:
        Client(host.port, key).connect()
    assert refused.value.code == UNKNOWN_VENDOR
    assert faults(host)["UNKNOWN_VENDOR"] == 1


def test_bad_requests_are_answered(host, vendor):
    client = Client(host.port, key_of(vendor)).connect()
    request = client.request(["acme-cad"])
    request.activate.device.ClearField("sign")
    assert client.call(request).status.code == 101
    assert client.call(client.request(["No Slug"])).status.code == 101
    assert client.call(client.request(["acme-cad", "acme-cad"])).status.code == 101
    client.send(type("Raw", (), {"SerializeToString": lambda self: b"\xff\xff\xff"})())
    assert client.receive().status.code == 1
    assert serves(host, vendor)


def test_a_crowd_of_idle_connections_does_not_shut_others_out(host, vendor):
    crowd = [socket.create_connection(("127.0.0.1", host.port), timeout=10, source_address=(f"127.9.{i % 6}.1", 0))
             for i in range(300)]
    assert serves(host, vendor)
    for sock in crowd:
        sock.close()


def reloaded(host, config):
    """It has read this instead."""
    before = host.log.read_text().count("configuration reloaded")
    host.extra = config
    host.write_config()
    host.process.send_signal(signal.SIGHUP)
    wait_for(lambda: host.log.read_text().count("configuration reloaded") > before, what="the new configuration")


def test_a_larger_budget_is_there_at_once(hosts, vendor):
    """The rate is measured anew with each reading of the configuration, and may be many times what it was: a reload must not shut
    the door for half a second."""
    host = hosts(config="[limits]\nhandshakes_per_second = 2\n").start()
    host.install(vendor)
    _, refused = crowd_of(host, *["127.9.1.1"] * 20)
    assert refused > 0
    reloaded(host, "[limits]\nhandshakes_per_second = 100000\n")
    _, refused = crowd_of(host, *["127.9.1.1"] * 20)
    assert refused == 0
    assert serves(host, vendor)


def test_one_address_has_so_many_at_once(hosts, vendor):
    """Until it has done well three times; and an exempt one has no limit."""
    host = hosts(config="[limits]\nunauthenticated_per_source = 5\n").start()
    host.install(vendor)
    crowd = [connect(host) for _ in range(5)]
    with pytest.raises(Refused) as refused:
        serves(host, vendor)
    assert refused.value.code == BUSY
    reloaded(host, "[limits]\nunauthenticated_per_source = 5\nexempt = 127.0.0.0/8\n")
    crowd += [connect(host) for _ in range(20)]
    assert serves(host, vendor)
    for sock in crowd:
        sock.close()


def test_source_budget_refuses_politely(hosts, folder, vendor):
    host = hosts(config="[limits]\nhandshakes_per_source = 5\n").start()
    host.install(vendor)
    served = 0
    with pytest.raises(Refused) as refused:
        for _ in range(10):
            served += serves(host, vendor)
    assert served == 5 and refused.value.code == BUSY and 5 <= refused.value.retry <= 60


def test_new_devices_are_limited_per_source(hosts, vendor):
    host = hosts(config="[limits]\nnew_devices_per_source = 3\n").start()
    host.install(vendor)
    codes = [Client(host.port, key_of(vendor)).connect().activate().status.code for _ in range(5)]
    assert codes == [0, 0, 0, NEW_DEVICE_LIMIT, NEW_DEVICE_LIMIT]
    assert host.status()["devices"] == 3


def test_over_the_limit_new_ones_are_refused_and_old_ones_served(hosts, vendor):
    host = hosts(config="[limits]\nmax_connections = 10\n").start()
    host.install(vendor)
    old = [Client(host.port, key_of(vendor)).connect() for _ in range(10)]
    with pytest.raises(Refused) as refused:
        Client(host.port, key_of(vendor)).connect()
    assert refused.value.code == BUSY
    assert old[0].activate().status.code == 0


def test_the_command_says_who_is_not_trusted(folder, hosts, host, vendor):
    """A host of another vendor, a lease changed on disk: each with its own code."""
    other = Vendor(folder, "Other", product="other-cad")
    machine = Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}")
    done = machine("activate", other.product)
    assert done.returncode == 69 and "UNKNOWN_VENDOR" in done.stderr
    machine.activate(check=True)
    lease = machine.state / "leases" / f"{PRODUCT}.lease"
    text = lease.read_text()
    at = text.index("v4.public.") + 60
    lease.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
    status = machine.status()
    assert (status["state"], status["last_error"]["code"]) == ("tampered", "STATE_TAMPERED"), status


def test_a_peer_that_takes_no_answers_holds_little(hosts, vendor):
    """Requests without end, answers never read: the host stops serving that peer, and nobody else."""
    host = hosts(config="[limits]\nidle_seconds = 3\n").start()
    host.install(vendor)
    client = Client(host.port, key_of(vendor), timeout=5)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect()
    before = memory(host)
    sent = 0
    with pytest.raises((TimeoutError, ConnectionError)):
        for sent in range(200000):
            client.send(client.request(["acme-cad"]))
    assert sent > 100
    assert SANITIZED or memory(host) - before < 4096  # a sanitizer keeps what is freed
    assert serves(host, vendor)
    client.close()


def memory(host):
    """Resident KiB of the daemon."""
    with open(f"/proc/{host.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_new_devices_are_charged_even_when_nobody_waits(hosts, vendor):
    """Activations sent ahead and left: each counts against its source, whoever takes the answer."""
    host = hosts(config="[limits]\nnew_devices_per_source = 5\n").start()
    host.install(vendor)
    for _ in range(8):
        client = Client(host.port, key_of(vendor)).connect()
        for _ in range(7):
            client.device.sign = nacl.signing.SigningKey.generate()
            client.send(client.request(["acme-cad"]))
        client.close()
    wait_for(lambda: host.status()["devices"] == 5, what="the first five")
    assert wait_for(lambda: opened(host) == 0, what="all of them gone")
    assert Client(host.port, key_of(vendor)).connect().activate().status.code == NEW_DEVICE_LIMIT  # behind all that was in the queue
    assert host.status()["devices"] == 5


def test_dripping_bytes_do_not_move_the_deadline(host):
    """Each drip meets a younger connection in the queue; the old ones are closed all the same."""
    slow = [connect(host) for _ in range(20)]
    young = []
    for byte in PREAMBLE[:5]:
        for sock in slow:
            try:
                sock.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                pass
        young.append(connect(host))
        time.sleep(0.6)
    for sock in slow:  # three seconds old
        assert closed(sock, 1) == b""  # a timeout here would raise
    for sock in young:
        sock.close()


def test_one_device_cannot_fill_the_audit_log(host, vendor):
    client = Client(host.port, key_of(vendor)).connect()
    client.activate()
    for _ in range(50):
        client.call(client.request(["acme-cad"], ratchet=os.urandom(16), counter=9))
    rows = host.json("audit", "list")["items"]
    actions = [row["action"] for row in rows]
    assert actions.count("device.rolled-back") == 4 and actions.count("device.forked") == 1


def first_message(vendor):
    """What a stranger says first: well-formed, so that it costs a key exchange."""
    payload = pb.ClientHello(version=1, vendors=[vendor_id(key_of(vendor))]).SerializeToString()
    first = os.urandom(32) + payload
    return PREAMBLE + struct.pack(">H", len(first)) + first


def test_strangers_at_once_are_all_answered(host, vendor):
    """Their key exchanges wait for each other; none is forgotten, whatever the lane does meanwhile."""
    known = None
    for _ in range(4):
        crowd = [socket.create_connection(("127.0.0.1", host.port), timeout=10, source_address=(f"127.9.{i}.1", 0))
                 for i in range(150)]
        for i, sock in enumerate(crowd):
            sock.sendall(first_message(vendor))
            if known and i % 3 == 0:
                known.send(known.request(["acme-cad"]))
        for sock in crowd:
            sock.settimeout(4)
            assert sock.recv(8)[:7] == b"MUST\x01\x01\x01"
            sock.close()
        known = known or Client(host.port, key_of(vendor)).connect()


OPEN_DOORS = "[limits]\n" + "".join(f"{key} = 100000\n" for key in (
    "max_unauthenticated", "unauthenticated_per_source", "unauthenticated_per_network", "handshakes_per_source",
    "handshakes_per_second"))


@pytest.mark.skipif(SANITIZED, reason="the sanitizer's memory is not the daemon's")
@pytest.mark.parametrize("hold", ["most of a hello", "an answer"])
def test_a_stranger_holds_at_most_10_kib(hosts, vendor, hold):
    """Whatever it has sent, and how far the handshake has come (DESIGN 5.1)."""
    host = hosts(config=OPEN_DOORS).start()
    host.install(vendor)
    first = first_message(vendor) if hold == "an answer" else PREAMBLE + struct.pack(">H", 4000) + bytes(4000)
    crowd, grown = [], []
    for n in (100, 300):  # what the first ones need once, such as the allocator's own, is nobody's
        before = memory(host)
        for _ in range(n):
            crowd.append(connect(host))
            crowd[-1].sendall(first[:4000])
        assert wait_for(lambda: opened(host) == len(crowd), what="all of them in")
        if hold == "an answer":
            for sock in crowd[-n:]:
                assert sock.recv(8)[:7] == b"MUST\x01\x01\x01"
        grown.append((memory(host) - before) / n)
        assert opened(host) == len(crowd)  # still: no deadline has come before the measure
    print(f"{hold}: {grown[1]:.1f} KiB each")
    assert grown[1] <= 10
    for sock in crowd:
        sock.close()


def opened(host):
    """Connections that are open now."""
    return host.metric("muster_connections_active")


def test_one_device_asks_so_often(hosts, vendor):
    """However many names and connections it takes; it is told when, and another device is served."""
    host = hosts(config="[limits]\nrequests_per_device = 5\n").start()
    host.install(vendor)
    client = Client(host.port, key_of(vendor)).connect()
    for _ in range(4):
        assert client.activate().status.code == 0
    client.device.sign, client.device.ratchet, client.device.counter = nacl.signing.SigningKey.generate(), b"", 0
    assert client.activate().status.code == 0
    late = Client(host.port, key_of(vendor), client.device).connect()
    answer = late.call(late.request(["acme-cad"]))
    assert answer.status.code == REQUEST_LIMIT and 600 < answer.status.retry_after <= 721
    assert f"request={answer.correlation} code=REQUEST_LIMIT device={client.device.id}" in host.log.read_text()
    assert rejected(host, "device") == 1
    assert serves(host, vendor)
    assert host.status()["devices"] == 3


def test_one_device_gives_back_so_often(hosts, folder, vendor):
    """A machine that releases and activates in turns fills no log; the command says when it may again."""
    host = hosts(config="[limits]\nreleases_per_device = 2\n").start()
    host.install(vendor)
    machine = Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}")
    for _ in range(2):
        machine.activate(check=True)
        machine.done("release", PRODUCT)
    machine.activate(check=True)
    done = machine("release", PRODUCT)
    assert done.returncode == 75 and "REQUEST_LIMIT" in done.stderr
    assert machine.status()["state"] == "licensed" and host.count() == 1


def test_a_user_who_leaves_a_product_gives_back(hosts, folder, vendor):
    """And so a place goes from device to device no more often; who signs out of all needs a code to come back."""
    host = hosts(config="[limits]\nreleases_per_device = 1\n").start().serve(vendor, f"id=users,product={PRODUCT},model=user,quantity=2")
    host.change({"do": "user.add", "user": "kari"}, {"do": "assign", "user": "kari", "product": PRODUCT})
    machine = Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}")
    code = host.items("user", "signin-code", "kari")[0]["code"]
    machine.done("signin", PRODUCT, "--user", "kari", "--code", "-", stdin=code)
    machine.done("signout", PRODUCT)
    machine.done("signin", PRODUCT, "--user", "kari")
    machine.refused("REQUEST_LIMIT", "signout", PRODUCT)
    machine.done("signout")


def rejected(host, reason):
    """Requests refused before they went to the store."""
    return host.metric(f'muster_requests_rejected_total{{reason="{reason}"}}')


def turned_away(host, reason):
    """Connections refused by a limit."""
    return host.metric(f'muster_connections_rejected_total{{reason="{reason}"}}')


def come_from(host, address):
    return socket.create_connection(("127.0.0.1", host.port), timeout=10, source_address=(address, 0))


def crowd_of(host, *addresses):
    """A connection from each of these, and how many of them were refused, politely, at once; for the others the host waits for a
    hello."""
    came, away = came_and_away(host)
    crowd = [come_from(host, address) for address in addresses]
    wait_for(lambda: came_and_away(host)[0] - came == len(crowd), what="a decision about all of them")
    refused = came_and_away(host)[1] - away
    told = wait_for(lambda: len(ready(crowd)) >= refused and [ready(crowd)], what="their refusals")[0]
    assert sum(sock.recv(8)[:7] == b"MUST\x01\x01\x02" for sock in told) == refused
    return crowd, refused


def ready(crowd):
    """Those that have something to read, or are closed."""
    return select.select(crowd, [], [], 0)[0]


def came_and_away(host):
    """Connections that came, and those of them that were refused by a limit."""
    text = host.metrics()
    return [sum(map(int, re.findall(rf"^{name}_total\S* (\d+)$", text, re.MULTILINE)))
            for name in ("muster_connections", "muster_connections_rejected")]


@pytest.mark.parametrize("key,most,reason,addresses", [
    ("unauthenticated_per_source = 5", 5, "source", "127.9.1.1"), ("unauthenticated_per_network = 5", 5, "network", "127.9.1.{}"),
    ("connections_per_source = 5", 5, "open", "127.9.1.1"), ("handshakes_per_source = 5", 5, "rate", "127.9.1.1"),
    ("max_unauthenticated = 5", 5, "early", "127.9.{}.1"), ("max_connections = 5", 5, "limit", "127.9.{}.1"),
    ("handshakes_per_second = 1", 1, "budget", "127.9.{}.1")])
def test_each_limit_refuses_politely_and_says_so(hosts, key, most, reason, addresses):
    """By metric and log, with the address; and a neighbour's address is not held responsible."""
    host = hosts(config=f"[limits]\n{key}\n").start()
    crowd, refused = crowd_of(host, *(addresses.format(i + 1) for i in range(20)))
    if reason == "early":  # by chance, the likelier the nearer the limit is
        assert 20 - most <= refused < 20, host.log.read_text()
    else:
        assert refused == 20 - most, host.log.read_text()
    assert turned_away(host, reason) == refused and opened(host) == len(crowd) - refused
    assert wait_for(lambda: journal(host, address="127.9.", detail=reason), what="the line")
    if reason in ("source", "network", "open", "rate"):
        assert crowd_of(host, "127.10.1.1")[1] == 0


def test_faults_add_up_to_a_penalty(hosts, vendor):
    """Five seconds each, and the address is refused until they are less; with penalty_seconds = 0 it never is."""
    for most, refused in ((11, 1), (0, 0)):
        host = hosts(config=f"[limits]\npenalty_seconds = {most}\n", state=f"host{refused}").start()
        for _ in range(3):
            sock = come_from(host, "127.9.1.1")
            try:
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            except ConnectionError:
                pass
            closed(sock)
        assert crowd_of(host, "127.9.1.1")[1] == refused
        assert bool(turned_away(host, "penalty")) == bool(refused) and journal(host, detail="penalty") == bool(refused)
        assert crowd_of(host, "127.9.1.2")[1] == 0


def test_handshakes_alone_earn_no_trust(hosts, vendor):
    """Anybody can make one. Leases do: after three, an address has ten times the room."""
    host = hosts(config="[limits]\nunauthenticated_per_source = 5\n").start()
    host.install(vendor)

    def room():
        crowd, refused = crowd_of(host, *["127.0.0.1"] * 20)
        for sock in crowd:
            sock.close()
        assert wait_for(lambda: opened(host) == 0, what="all of them gone")
        return 20 - refused

    for _ in range(5):
        Client(host.port, key_of(vendor)).connect().close()
    assert room() == 5
    for _ in range(3):
        assert serves(host, vendor)
    assert wait_for(lambda: opened(host) == 0, what="all of them gone")
    assert room() == 20


def test_who_asks_nothing_is_closed(hosts, vendor):
    """The first request is due as the handshake is; an idle connection is one that has asked."""
    host = hosts(config="[limits]\nidle_seconds = 600\n").start()
    host.install(vendor)
    silent = Client(host.port, key_of(vendor)).connect()
    asked = Client(host.port, key_of(vendor)).connect()
    asked.activate()
    begin = time.monotonic()
    assert closed(silent.socket, 12) == b"" and time.monotonic() - begin < 8
    assert faults(host) == {"TIMEOUT": 1}
    assert asked.activate().status.code == 0


def test_one_address_guesses_so_many_codes(hosts, vendor):
    """Whoever it says it is, and from however many devices; right codes cost nothing, and others are served."""
    host = hosts(config="[limits]\nwrong_codes_per_source = 3\n").start()
    host.serve(vendor, f"id=cad-user,product={PRODUCT},model=user,quantity=5")
    for name in ("ann@fjord.example", "bob@fjord.example"):
        host.ctl("user", "add", name)
        host.ctl("assign", "--product", PRODUCT, "--user", name)

    def sign_in(name, code):
        client = Client(host.port, key_of(vendor)).connect()
        request = pb.Request(id=1, sign_in=pb.SignIn(
            once=pb.Once(token=os.urandom(16)), device=client.request([PRODUCT]).activate.device,
            want=pb.Want(product=PRODUCT, user=name), code=code))
        response = client.call(request)
        return response.status.code or response.answer.results[0].status.code, response.status.retry_after

    code = host.items("user", "signin-code", "ann@fjord.example")[0]["code"]
    wrong = host.items("user", "signin-code", "bob@fjord.example")[0]["code"]
    assert sign_in("ann@fjord.example", code) == (0, 0)
    for i in range(3):
        assert sign_in(f"nobody{i}@fjord.example", wrong)[0] == SIGNIN_REFUSED
    held, wait = sign_in("bob@fjord.example", wrong)
    assert held == CODE_LIMIT and 1000 < wait <= 1201
    assert rejected(host, "codes") == 1 and journal(host, code="CODE_LIMIT")
    assert Client(host.port, key_of(vendor)).connect().activate().status.code == SIGNIN_NEEDED
