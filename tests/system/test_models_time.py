# SPDX-License-Identifier: Apache-2.0
"""A machine and its host over months: prompts and notices at their days, nothing lost on the way."""
import pytest
from harness import PRODUCT, needs_faketime

pytestmark = needs_faketime
BOTH = ["modeler", "render"]


@pytest.fixture
def volume(hosts, vendor, clock):
    return hosts(env=clock.env).start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume,threshold=3")


def test_from_the_first_day_to_the_prompt(volume, machines, clock):
    """25 days until a person is told, 30 until the first grace is over; the threshold met, it is as if nothing had been."""
    machine, *others = machines(volume, 1, 2, 3, env=clock.env)
    seen = {}
    for day in (0, 10, 24, 25, 29, 31):
        clock.set(f"+{day}d")
        machine.refused("THRESHOLD_NOT_MET", "activate", PRODUCT)
        found = machine.status()
        seen[day] = (found["state"], found["prompt"])
    assert seen == {0: ("grace", False), 10: ("grace", False), 24: ("grace", False), 25: ("grace", True), 29: ("grace", True),
                    31: ("unlicensed", True)}
    for other in others:
        other("activate", PRODUCT)
    machine.done("activate", PRODUCT)
    found = machine.status()
    assert (found["state"], found["prompt"], found["plans"]) == ("licensed", False, BOTH)


def test_a_year_of_volume(hosts, vendor, machines, clock):
    """Renewed in time nobody hears anything; without its host a notice at 150 days, and after 180 nothing is lost."""
    host = hosts(env=clock.env).start().serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
    machine = machines(host, 1, env=clock.env)
    machine.done("activate", PRODUCT)
    for day in range(8, 190, 20):  # the interval is 7 days, up to a tenth more or less
        clock.set(f"+{day}d")
        machine.done("renew", PRODUCT, "--if-due")
        found = machine.status()
        assert (found["state"], found["notice_days"], found["prompt"], found["plans"]) == ("licensed", None, False, BOTH)
    assert day == 188 and machine.status()["serial"] == 11
    host.stop()
    seen = {}
    for later in (3, 16, 149, 151, 179, 181, 300):
        clock.set(f"+{day + later}d")
        done = machine("renew", PRODUCT, "--if-due")
        assert done.returncode in ((0,) if later < 7 else (69, 75)), done
        found = machine.status()
        seen[later] = (found["state"], found["notice_days"])
        assert found["plans"] == BOTH, later
    assert seen == {3: ("licensed", None), 16: ("overdue", None), 149: ("overdue", None), 151: ("overdue", 30),
                    179: ("overdue", 30), 181: ("expired", None), 300: ("expired", None)}
    assert "it shows notices and loses nothing" in machine("status").stdout
    host.start().ctl("host", "accept-clock", "--yes")  # it was off for long
    machine.options[-1] = f"127.0.0.1:{host.port}"
    machine.done("renew", PRODUCT)
    assert machine.status()["state"] == "licensed"
    assert host.count() == 1


def test_a_pool_has_no_dates(hosts, vendor, machines, clock):
    """Perpetual: ten years without a host, and not a word."""
    host = hosts(env=clock.env).start()
    host.serve(vendor, f"id=pool,product={PRODUCT},model=pool,quantity=1,enrol=open", until="2060-01-01")
    machine = machines(host, 1, env=clock.env)
    machine.done("activate", PRODUCT)
    host.stop()
    for years in (1, 5, 10):
        clock.set(f"+{years * 365}d")
        found = machine.status()
        assert (found["state"], found["notice_days"], found["prompt"], found["plans"]) == ("licensed", None, False, BOTH), years
        assert machine("status", PRODUCT).returncode == 0
