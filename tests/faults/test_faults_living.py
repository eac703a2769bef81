# SPDX-License-Identifier: Apache-2.0
"""
A host that serves while its memory or its disk fails at one call, or for a while: it lives on, or ends because it does not know
what was written; whoever asked it hears why, its log says it, and when the fault is over it does what it is asked for.
"""
import itertools
import re

import pytest
from fault import DISK, EXITS, MEMORY, TRIES, Files, not_beside_tsan
from harness import PRODUCT, Host, Machine, wait_for

pytestmark = not_beside_tsan
FIRST_CALLS = 60  # of memory, that serve one renewal
COMMANDS = ["status", "vendor list", "vendor show-request", "license list", "license show {license}", "host request -o {n}.request", "host show",
            "device list", "device list --csv", "device show -- {id}", "product show acme-cad", "subscription list", "activation list",
            "seat list", "report usage", "report expiring", "report compliance", "report denials",
            "report clones", "audit list", "audit verify", "audit export -o {n}.jsonl", "backup {n}.db", "doctor", "dns show",
            "why -- {id} acme-cad", "wait --timeout 0", "host install {file}", "license install {file}",
            # What makes the lists longer comes last: every place of a list of thousands takes for ever.
            "device mark-shared -- {id}", "device group add d-{n}", "user add u-{n}", "user signin-code kari", "group add g-{n}"]


@pytest.fixture(scope="module")
def host(folder, fault, vendor):
    host = Host(folder, env=fault.env, config="[log]\nlevel = debug\n").start()
    host.install(vendor)
    host.files = Files(host, vendor)
    host.ctl("user", "add", "kari")
    yield host
    fault.order(MEMORY, 0)
    host.end()


@pytest.fixture(scope="module")
def machine(folder, host, vendor):
    machine = Machine(folder, "machine", vendor.products, "--timeout", "5")
    machine.done("activate", PRODUCT, "--host", f"127.0.0.1:{host.port}")
    return machine


def test_a_machine_is_served_or_the_log_says_why_not(fault, host, machine):
    for at in range(1, FIRST_CALLS):
        fault.order(MEMORY, at)
        seen = len(host.log.read_text())
        done = machine("renew", PRODUCT, "--host", f"127.0.0.1:{host.port}")
        if done.returncode:
            assert re.search(r"error: .* code=NO_MEMORY|refused .*code=NO_MEMORY", host.log.read_text()[seen:]), (at, done.stderr)
            assert "MALFORMED" not in done.stderr, (at, done.stderr)
    fault.order(MEMORY, 0)
    machine.done("renew", PRODUCT, "--host", f"127.0.0.1:{host.port}")
    host.healthy("THRESHOLD_NOT_MET")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_administrator_hears_why(folder, fault, host, machine, command):
    numbers = itertools.count()

    def ask():
        for old in folder.glob("backup-*.db"):  # thousands of them fill a disk
            old.unlink()
        words = command.format(n=f"{command.split()[0]}-{next(numbers)}", id=machine.id, license=host.files.id,
                               file=host.files.fresh(command)).split()
        return host.ctl(*words, check=False, cwd=folder)

    fault.order(MEMORY, 0)
    if host.process.poll() is not None:
        host.start()  # what ended it is another test's
    unharmed = ask()
    assert unharmed.returncode in (0, 2), unharmed.stderr  # 2: health or compliance is not good
    for kind, at, for_good in fault.places(ask, max(TRIES // 3, 2), reads_only=True):
        fault.order(kind, at, for_good)
        done = ask()
        fault.order(MEMORY, 0)
        print(f"kind {kind}, call {at}, {'for good' if for_good else 'once'}: {done.returncode} {done.stderr.strip()[:200]}")
        assert done.returncode in EXITS and (done.returncode in (0, 2) or "remedy: " in done.stdout + done.stderr), done
        if "STORE_UNKNOWN" in done.stderr:
            assert kind == DISK and host.process.wait(10) == 75
            host.start()
        assert host.process.poll() is None
        if command.startswith("backup"):  # one that was begun goes on, though nobody could be told: another one waits for it
            wait_for(lambda: ask().returncode == 0, what="another backup")
        else:
            assert ask().returncode == unharmed.returncode
    host.healthy("THRESHOLD_NOT_MET")
