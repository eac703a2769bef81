# SPDX-License-Identifier: Apache-2.0
"""A wrong clock stops nobody, and both sides hear of it."""
import json

from harness import PRODUCT, Clock, needs_faketime


def told(host):
    return [item for item in host.status()["health"] if item["code"] == "CLOCK_SKEWED"]


@needs_faketime
def test_both_sides_hear_of_a_wrong_clock(folder, hosts, vendor, machines):
    host = hosts().start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    good, wrong = machines(host, "good", "wrong")
    clock = Clock(folder)
    clock.set("+3h")
    wrong.env = clock.env
    assert "notice" not in good.done("activate", PRODUCT) and told(host) == []
    done = wrong("activate", PRODUCT, check=True)
    assert "notice: CLOCK_SKEWED: " in done.stdout and "remedy: Let a time service" in done.stdout
    row, = host.items("device", "list", "--skewed", "true")
    assert row["device"] == wrong.id and abs(row["clock_skew"] - 3 * 3600) < 60
    item, = told(host)
    assert item["severity"] == "info" and "of 0 behind" in item["message"]
    assert host.metric('muster_devices_clock_skewed{direction="ahead"}') == 1
    result, = json.loads(wrong("renew", PRODUCT, "--json", check=True).stdout)["products"]
    assert result["notices"] == ["CLOCK_SKEWED"]
    clock.set("+0")
    assert "notice" not in wrong.done("renew", PRODUCT)
    assert told(host) == [] and host.items("device", "list", "--skewed", "true") == []
    assert len(host.items("device", "list", "--skewed", "false")) == 2


@needs_faketime
def test_when_all_are_off_the_host_is_suspected(folder, hosts, vendor, machines):
    host = hosts().start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    clock = Clock(folder)
    clock.set("-20m")
    for machine in machines(host, *(f"m{i}" for i in range(5)), env=clock.env):
        machine.done("activate", PRODUCT)
    item, = told(host)
    assert item["severity"] == "warning" and "this host's own" in item["message"]
    assert host.ctl("status", check=False).returncode == 2
