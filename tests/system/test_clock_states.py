# SPDX-License-Identifier: Apache-2.0
"""Clock jumps of hours and half years of machines in every state that test_clock.py has not: without a host none of them gets or loses
what it should not, and all are what they were when the clock is right again; with a host each is served."""
import json
import os

import pytest
from harness import PRODUCT, Machine, needs_faketime
from test_clock import JUMPS, wall  # noqa: F401 (a fixture)

pytestmark = needs_faketime

HOUR, DAY = 3600, 86400
SECONDS = {"+1h": HOUR, "-1h": -HOUR, "+180d": 180 * DAY, "-180d": -180 * DAY}
SIM = "acme-sim"  # is reduced after its lease's end

# Each state: how many days after its beginning a machine is in it; and what a jump makes of it, where that is something else: the state,
# and whether the clock is told to be wrong. Time goes on from the last authenticated time, or the first call, while the clock stands
# before that.
STATES = {
    "overdue": (20, {"+180d": ("expired", False), "-180d": ("licensed", True)}),
    "expired": (190, {"-180d": ("licensed", False)}),
    "reduced": (190, {"-180d": ("licensed", False)}),
    "unlicensed": (31, {"-180d": ("grace", True)}),
    "tampered": (0, {"-180d": ("tampered", True)}),
    "by telephone": (0, {"+180d": ("expired", False), "-180d": ("licensed", True)}),
}


@pytest.fixture
def site(hosts, vendor, folder):
    """A host that is asked by telephone, too, with a product of either end."""
    key = folder / "site.key"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    vendor.add(SIM)
    host = hosts(f"[offline]\nsite_key_file = {key}\n").start()
    host.serve(vendor, f"id=cad,product={PRODUCT},model=volume", f"id=sim,product={SIM},model=volume,on_expiry=reduced")
    host.ctl("offline", "site-key", "-o", folder / "machines.key")
    return host


def make(state, machine, host):
    """As far as its clock has no part in it."""
    if state == "unlicensed":
        machine.status()  # its first grace begins
    elif state == "by telephone":
        asked = json.loads(machine.done("request", PRODUCT, "--voice", "--json"))["installation"]
        machine.done("import", "--voice", host.json("offline", "confirm", asked)["confirmation"])
    else:
        machine.done("activate", SIM if state == "reduced" else PRODUCT)
    if state == "tampered":
        lease = machine.state / "leases" / f"{PRODUCT}.lease"
        lease.write_text(lease.read_text().replace("v4.public.", "v4.public.A", 1))


def seen(state, machine):
    product = SIM if state == "reduced" else PRODUCT
    status = json.loads(machine("status", "--json").stdout)
    return next(p for p in status["products"] if p["product"] == product)["state"], status["clock_suspect"]


@pytest.mark.parametrize("jump", JUMPS)
def test_every_other_state(site, vendor, folder, wall, jump):  # noqa: F811
    machines = {}
    for state in STATES:
        machines[state] = Machine(folder, state.replace(" ", "-"), vendor.products, "--host", f"127.0.0.1:{site.port}", "--site-key",
                                  folder / "machines.key", env=wall.env)
        make(state, machines[state], site)
    for state, (days, becomes) in STATES.items():
        machine, usual = machines[state], ("licensed" if state == "by telephone" else state, False)
        wall.set(f"{days * DAY:+d}")
        assert seen(state, machine) == usual, state
        wall.set(f"{days * DAY + SECONDS[jump]:+d}")
        assert seen(state, machine) == becomes.get(jump, usual), state
        wall.set(f"{days * DAY:+d}")
        assert seen(state, machine) == usual, state  # nothing was destroyed
        wall.set(jump)
        told = machine.done("activate" if state in ("unlicensed", "tampered") else "renew", SIM if state == "reduced" else PRODUCT)
        assert "CLOCK_SKEWED" in told, (state, told)
    wall.set("+0")
    for state, machine in machines.items():
        machine.done("renew", SIM if state == "reduced" else PRODUCT)
        assert seen(state, machine) == ("licensed", False), state
    assert site.count("cad") == len(STATES) - 1 and site.count("sim") == 1
    site.healthy()
