# SPDX-License-Identifier: Apache-2.0
"""Activates new devices, each on a connection of its own, until told to stop; writes who was acknowledged, and counts refusals.

Usage: load.py PORT VENDOR_KEY_FILE STOP_FILE OUT_FILE SECONDS"""
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from wire import Client, Device  # noqa: E402

port, key, stop, out, seconds = int(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text().strip(), *map(pathlib.Path, sys.argv[3:5]), sys.argv[5]
end = time.monotonic() + float(seconds)
refused = broken = 0
with open(out, "w") as acknowledged:
    while time.monotonic() < end and not stop.exists():
        device, token = Device(), os.urandom(16)
        while time.monotonic() < end:  # the same request until it is answered
            try:
                client = Client(port, key, device, timeout=10).connect()
                result = client.call(client.request(["acme-cad"], token=token, ratchet=b"", counter=0)).answer.results[0]
                client.close()
                assert result.status.code == 0 and result.lease, result
                print(device.id, file=acknowledged, flush=True)
                break
            except ConnectionRefusedError:
                refused += 1
                time.sleep(0.02)
            except (ConnectionError, OSError, IndexError):
                broken += 1
                time.sleep(0.02)
print(refused, broken)
