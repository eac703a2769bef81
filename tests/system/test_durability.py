# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged is in the database, whatever happened to the daemon; what is repeated happens once."""
import os
import random
import time

import loads
import pytest
from harness import Host
from loads import stored_devices, vendor_key
from wire import Client, Device

CLIENTS = 6
KILLS = int(os.environ.get("KILLS", 10))


def test_kills_under_load(host, vendor):
    """kill -9 shows a crash of the process; power cuts are shown by tests/faults/test_faults_store and `make powercut`. KILLS=100 for
    many (make kills)."""
    key = vendor_key(vendor)
    acknowledged = set()
    for _ in range(KILLS):
        busy = loads.begin(host, key, CLIENTS)
        time.sleep(random.uniform(0.2, 0.6))
        host.kill()
        acknowledged |= loads.end(busy)
        host.start()
        assert acknowledged <= stored_devices(host)
        doctor = host.json("doctor")
        assert doctor["ok"], doctor
    assert len(acknowledged) > KILLS
    assert host.count() == len(stored_devices(host))


@pytest.mark.parametrize("restart", [False, True])
def test_a_repeated_request_is_one_activation(host, vendor, restart):
    key = vendor_key(vendor)
    token = os.urandom(16)
    device = Device()
    first = Client(host.port, key, device).connect()
    request = first.request(["acme-cad"], token=token)
    one = first.call(request)
    if restart:
        host.kill()
        host.start()
    device.ratchet, device.counter = b"", 0  # the answer was lost
    two = Client(host.port, key, device).connect().call(request)
    assert one.answer == two.answer  # the same bytes, lease and ratchet
    assert host.count() == 1
    rows = host.json("audit", "list")["items"]
    assert [row["action"] for row in rows].count("activation.granted") == 1
    items = host.json("activation", "list")["items"]
    assert len(items) == 1 and items[0]["serial"] == 1


def test_a_wrong_ratchet_of_the_same_machine_is_served_and_audited(host, vendor):
    client = Client(host.port, vendor_key(vendor)).connect()
    client.activate()
    result = client.activate(ratchet=b"x" * 16, counter=9)
    assert result.status.code == 0 and result.lease
    rows = host.json("audit", "list")["items"]
    assert [row["action"] for row in rows].count("device.rolled-back") == 1


def test_memory_store_serves_and_forgets(folder, hosts, vendor):
    host = hosts(config="[store]\nurl = memory:\n").start()
    host.install(vendor)
    assert Client(host.port, vendor_key(vendor)).connect().activate().status.code == 0
    assert host.count() == 1
    assert host.stop() == 0
    assert not (host.state / "muster.db").exists()
    assert isinstance(host, Host)
