# SPDX-License-Identifier: Apache-2.0
"""The count of a volume grant on the real parts: true, durable, and without a cliff (domain.md 8.2)."""
import json

import pytest
from harness import FAKETIME, PRODUCT, SANITIZER, Machine, run


def refusal(machine):
    done = machine("activate", PRODUCT, "--json")
    assert done.returncode == 1
    return json.loads(done.stdout)["error"]


def test_the_twenty_fifth(folder, hosts, vendor):
    host = hosts().start()
    host.install(vendor, threshold=25)
    machines = [Machine(folder, i, vendor.products, "--host", f"127.0.0.1:{host.port}") for i in range(1, 28)]
    for i, machine in enumerate(machines[:24], 1):
        error = refusal(machine)
        assert error["code"] == "THRESHOLD_NOT_MET"
        assert (error["numbers"]["have"], error["numbers"]["need"]) == (i, 25)
        assert error["remedy"]
    assert refusal(machines[0])["numbers"]["have"] == 24  # the same machine again counts once

    host.kill()
    host.start()
    assert host.count() == 24
    for machine in machines:  # the same port is not promised by port 0
        machine.options[-1] = f"127.0.0.1:{host.port}"

    for machine in machines[24:]:
        machine.activate(check=True)
    for machine in machines[:24]:
        machine.activate(check=True)
    assert host.count() == 27
    assert machines[0].status()["state"] == "licensed"

    host.kill()
    host.start()
    assert host.count() == 27
    assert len(host.json("activation", "list", "--state", "active")["items"]) == 27
    assert host.json("doctor")["ok"] is True


@pytest.mark.skipif(not FAKETIME, reason="libfaketime is not installed")
@pytest.mark.skipif(SANITIZER == "tsan", reason="ThreadSanitizer takes no library beside it")
def test_below_the_threshold_renewals_go_on_in_the_grace(folder, hosts, vendor):
    clock = folder / "clock"
    clock.write_text("+0")
    preload = str(FAKETIME)
    if SANITIZER:  # whose runtime must come first
        preload = run("gcc", f"-print-file-name=lib{SANITIZER}.so").stdout.strip() + " " + preload
    host = hosts(env={"LD_PRELOAD": preload, "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                      "DONT_FAKE_MONOTONIC": "1"}).start()
    host.install(vendor, threshold=3, grant=",window=2d,grace=10d")
    at = ["--host", f"127.0.0.1:{host.port}"]
    first, second, third, late = (Machine(folder, name, vendor.products, *at) for name in ("a", "b", "c", "late"))
    first.activate()
    second.activate()
    third.activate(check=True)
    first.activate(check=True)

    clock.write_text("+5d")  # the others are silent: 3 -> 1
    first("renew", PRODUCT, check=True)
    health = host.status()
    assert health["state"] == "degraded"
    assert any(item["code"] == "THRESHOLD_NOT_MET" and item["remedy"] for item in health["health"])
    assert refusal(late)["numbers"] == {"have": 2, "need": 3}

    clock.write_text("+30d")  # the grace is over
    done = first("renew", PRODUCT)
    assert done.returncode != 0 and "THRESHOLD_NOT_MET" in done.stderr
    assert first.status()["state"] in ("licensed", "overdue")  # the lease itself is as good as ever
