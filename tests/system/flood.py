# SPDX-License-Identifier: Apache-2.0
"""Strangers who crowd the door, from many loopback addresses, until they are told to end (SIGTERM), or the time is
over. One line when they begin, and one of JSON with what they did.

Usage: flood.py slow|garbage|hello PORT SECONDS VENDOR_KEY"""
import collections
import errno
import json
import os
import random
import resource
import select
import signal
import socket
import struct
import sys
import time

from wire import PREAMBLE, pb, vendor_id

SLOW = 3000
ROUND = 0.2  # seconds: so often each slow one sends a byte
kind, port, seconds, key = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
end = time.monotonic() + seconds
done = collections.Counter()
os.nice(19)  # the machine is the host's: a flooder in the network would not take its processor
resource.setrlimit(resource.RLIMIT_NOFILE, [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2)


def stop(*_):
    global end
    end = 0


signal.signal(signal.SIGTERM, stop)


def stranger():
    """A connection on its way, from one of some thousand addresses in some hundred networks. None: it came to nothing, which is
    counted by its reason."""
    try:
        s = socket.socket()
    except OSError as fault:
        done[errno.errorcode.get(fault.errno, "?")] += 1
        return None
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind((f"127.{random.randrange(1, 3)}.{random.randrange(100)}.{random.randrange(1, 250)}", 0))
        s.connect(("127.0.0.1", port))
    except BlockingIOError:
        pass
    except OSError as fault:
        done[errno.errorcode.get(fault.errno, "?")] += 1
        s.close()
        return None
    done["connections"] += 1
    return s


def slow():
    """Very many connections that each send a byte now and then; one that the host has closed makes room for another."""
    held = {}
    while time.monotonic() < end:
        began = time.monotonic()
        while len(held) < SLOW and time.monotonic() < min(end, began + ROUND):
            if s := stranger():
                held[s] = 0
        for s in list(held):
            try:
                s.send(PREAMBLE[held[s] % 5:held[s] % 5 + 1])
                held[s] += 1
                done["sent"] += 1
            except BlockingIOError:
                pass
            except OSError:
                done["closed"] += 1
                del held[s]
                s.close()
        done["most"] = max(done["most"], len(held))
        time.sleep(max(0, began + ROUND - time.monotonic()))
    for s in held:
        s.close()


def burst(make):
    """One message each, on as many connections at once as a select takes."""
    while time.monotonic() < end:
        crowd = [s for s in (stranger() for _ in range(100)) if s]
        _, ready, _ = select.select([], crowd, [], 0.2)
        for s in ready:
            try:
                s.send(make())
                done["sent"] += 1
            except OSError:
                done["closed"] += 1
        select.select(crowd, [], [], 0.02)
        for s in crowd:
            s.close()


def hello():
    """What a client says first, well-formed, which costs a key exchange."""
    payload = pb.ClientHello(version=1, vendors=[vendor_id(key)]).SerializeToString()
    first = os.urandom(32) + payload
    return PREAMBLE + struct.pack(">H", len(first)) + first


print("flooding", flush=True)
{"slow": slow, "garbage": lambda: burst(lambda: os.urandom(64)), "hello": lambda: burst(hello)}[kind]()
print(json.dumps(done))
