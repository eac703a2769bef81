# SPDX-License-Identifier: Apache-2.0
"""Backup, restore and move: what was acknowledged stands, nobody is counted twice, and machines go on without noticing."""
import shutil

from harness import PRODUCT


def state_of(machine):
    return (machine.state / "state.json").read_bytes()


def test_machines_ahead_of_an_older_database_go_on_without_noticing(host, vendor, machines):
    """The database is put back by hand, as a rolled back snapshot of the host's disk does it."""
    before, after, both = machines(host, "before", "after", "both")
    before.done("activate", PRODUCT)
    both.done("activate", PRODUCT)
    host.stop()
    old = host.dir / "old.db"
    shutil.copy(host.state / "muster.db", old)
    host.start()
    for machine in (before, after, both):
        machine.options[-1] = f"127.0.0.1:{host.port}"
    after.done("activate", PRODUCT)
    both.done("renew", PRODUCT)
    both.done("renew", PRODUCT)
    serials = {m: m.status()["serial"] for m in (before, after, both)}
    assert serials[both] == 3 and serials[after] == 1
    host.stop()
    shutil.copy(old, host.state / "muster.db")
    host.start()
    assert host.count() == 2
    for machine in (before, after, both):
        machine.options[-1] = f"127.0.0.1:{host.port}"
        assert "licensed until" in machine.done("renew", PRODUCT)
        assert machine.status()["serial"] == serials[machine] + 1
    assert host.count() == 3
    actions = [row["action"] for row in host.items("audit", "list")]
    assert actions.count("activation.adopted") == 2 and "ratchet.mismatch" not in actions
    host.healthy()
    after.done("release", PRODUCT)
    assert host.grant("cad-volume")["active"] == 2
