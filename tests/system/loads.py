# SPDX-License-Identifier: Apache-2.0
"""Machines that ask without a pause, each new, while a test does something to their host; and what the host has of them."""
import base64
import os
import sqlite3
import threading
import time

from harness import PRODUCT
from wire import Client, Device


def vendor_key(vendor):
    return (vendor.dir / "vendor.pub").read_text().strip()


def stored_devices(host):
    with sqlite3.connect(host.state / "muster.db") as db:
        rows = db.execute("SELECT d.id FROM device d JOIN activation a ON a.device = d.num WHERE a.state = 2").fetchall()
    return {base64.urlsafe_b64encode(row[0]).decode().rstrip("=") for row in rows}


class Load(threading.Thread):
    """Activates new devices one after the other, each on a connection of its own, and notes what each was told."""

    def __init__(self, port, key):
        super().__init__(daemon=True)
        self.port, self.key = port, key
        self.granted, self.unsure, self.codes = [], [], []
        self.stop = False

    def run(self):
        end = time.monotonic() + 30
        while not self.stop and time.monotonic() < end:
            device, token = Device(), os.urandom(16)
            try:
                client = Client(self.port, self.key, device, timeout=5).connect()
            except Exception:
                return  # the host is gone
            try:
                response = client.call(client.request([PRODUCT], token=token))
            except Exception:
                self.unsure.append((device, token))
                return
            finally:
                client.close()
            self.codes.append(response.status.code)
            result = response.answer.results[0] if response.answer.results else None
            if response.status.code:
                assert not result or not result.lease, "a lease with a refusal"
                self.unsure.append((device, token))
            else:
                assert result.lease
                self.granted.append(device)


def begin(host, key, n):
    made = [Load(host.port, key) for _ in range(n)]
    for load in made:
        load.start()
    return made


def end(loads):
    """The ids of those that were granted."""
    for load in loads:
        load.stop = True
    for load in loads:
        load.join(timeout=20)
        assert not load.is_alive()
    return {device.id for load in loads for device in load.granted}
