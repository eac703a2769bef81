# SPDX-License-Identifier: Apache-2.0
"""Clock jumps of hours and half years, of the host and of machines in every state: nothing is granted or lost wrongly, and
a warning says so."""
import json

import pytest
from harness import PRODUCT, Clock, needs_faketime, wait_for

pytestmark = needs_faketime

JUMPS = ["+1h", "-1h", "+180d", "-180d"]
GRANT = f"id=cad-volume,product={PRODUCT},model=volume,threshold=2"


@pytest.fixture
def wall(folder):
    """A clock whose jumps the monotonic clock does not make, as when somebody sets it."""
    clock = Clock(folder)
    clock.env["DONT_FAKE_MONOTONIC"] = "1"
    return clock


def unsafe(host):
    return [item for item in host.status()["health"] if item["code"] == "CLOCK_UNSAFE"]


def leases(host):
    return {(row["device"], row["state"], row["expires"], row["serial"]) for row in host.items("activation", "list")}


def refused_for_its_clock(machine, *args):
    error = machine.refused("CLOCK_UNSAFE", *args)
    assert "timedatectl" in error["remedy"]


@pytest.mark.parametrize("jump", JUMPS)
def test_the_hosts_clock_jumps_while_it_runs(hosts, vendor, machines, wall, jump):
    host = hosts(env=wall.env).start().serve(vendor, GRANT)
    one, two, late = machines(host, "one", "two", "late")
    one.refused("THRESHOLD_NOT_MET", "activate", PRODUCT)
    two.done("activate", PRODUCT)
    one.done("activate", PRODUCT)
    before, count = leases(host), host.count()
    wall.set(jump)
    if jump == "+1h":  # within what happens, and said by the log and the metrics
        late.done("activate", PRODUCT)
        assert not unsafe(host)
    else:
        refused_for_its_clock(late, "activate", PRODUCT)
        refused_for_its_clock(one, "renew", PRODUCT)
        item, = unsafe(host)
        assert item["severity"] == "error" and item["next"] == "timedatectl"
        assert host.status()["state"] == "degraded"
        assert leases(host) == before and host.count() == count
        # What an administrator orders is dated by the clock that was believed.
        host.ctl("user", "add", "kari@fjord.example")
        assert one.status()["state"] == "licensed"  # nobody's lease is touched
        wait_for(lambda: "clock.unsafe" in host.log.read_text() or "nothing is signed" in host.log.read_text())
    wall.set("+0")
    if jump == "+1h":  # an hour back again is an hour before what was believed
        refused_for_its_clock(one, "renew", PRODUCT)
        host.ctl("host", "accept-clock", "--yes")
    late.done("activate", PRODUCT)
    one.done("renew", PRODUCT)
    assert not unsafe(host) and host.count() == 3
    assert all(machine.status()["state"] == "licensed" for machine in (one, two, late))
    host.healthy("CLOCK_SET_BACK")  # that it was is told for a day
    host.ctl("audit", "verify")


@pytest.mark.parametrize("jump", ["+180d", "-180d"])
def test_the_hosts_clock_is_wrong_when_it_starts(hosts, vendor, machines, wall, jump):
    host = hosts(env=wall.env).start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    machine = machines(host, "one")
    machine.done("activate", PRODUCT)
    remember(host)
    before = leases(host)
    host.stop()
    wall.set(jump)
    host.start()
    refused_for_its_clock(machines(host, "one"), "renew", PRODUCT)
    assert leases(host) == before
    host.kill()
    wall.set("+0")
    host.start()
    machines(host, "one").done("renew", PRODUCT)
    assert not unsafe(host)
    host.healthy()


def remember(host):
    """The time that is believed is written by the minute's sweep; an accepted one at once."""
    host.ctl("host", "accept-clock", "--yes")


def test_a_host_that_was_off_for_long_asks_once(hosts, vendor, machines, wall):
    host = hosts(env=wall.env).start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume,lease=400d")
    machine = machines(host, "one", env=wall.env)
    machine.done("activate", PRODUCT)
    remember(host)
    host.stop()
    wall.set("+90d")
    host.start()
    machine = machines(host, "one", env=wall.env)
    refused_for_its_clock(machine, "renew", PRODUCT)
    error = host.refused("USAGE", "host", "accept-clock")
    assert "--yes" in error["detail"] + error["remedy"]
    answer = host.json("host", "accept-clock", "--yes")
    assert answer["accepted"]
    machine.done("renew", PRODUCT)
    row = host.items("audit", "list", "--action", "clock.accepted")[-1]
    assert row["detail"]["clock"][:10] > row["detail"]["believed"][:10]
    host.ctl("audit", "verify")


def states(machine):
    return machine.status()["state"], json.loads(machine("status", "--json").stdout)["clock_suspect"]


@pytest.mark.parametrize("jump", JUMPS)
def test_a_machines_clock_jumps_in_every_state(hosts, vendor, machines, folder, wall, jump):
    """Without a host no state changes but by its own clock, within what can be; with one, all are served."""
    host = hosts().start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    far = jump == "-180d"  # half a year ahead is what a machine in a drawer has: its lease is over then
    licensed, fresh = machines(host, "licensed", "fresh", env=wall.env)
    licensed.done("activate", PRODUCT)
    assert states(fresh) == ("grace", False)
    wall.set(jump)
    want = {"+180d": "expired"}.get(jump, "licensed")
    assert states(licensed) == (want, far)
    assert fresh.status()["state"] == ("unlicensed" if jump == "+180d" else "grace")
    wall.set("+0")
    assert states(licensed) == ("licensed", False)  # nothing was destroyed
    assert states(fresh)[0] == "grace"
    wall.set(jump)
    # A host hears and says that the clock is off, as soon as it serves.
    assert "CLOCK_SKEWED" in licensed.done("renew", PRODUCT)
    assert "CLOCK_SKEWED" in fresh.done("activate", PRODUCT)
    for machine in (licensed, fresh):
        assert machine.status()["state"] == want
    wall.set("+0")
    for machine in (licensed, fresh):
        assert machine.status()["state"] == "licensed"
        assert "CLOCK_SKEWED" not in machine.done("renew", PRODUCT)
    assert host.count() == 2
    host.healthy()
