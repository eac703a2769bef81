# SPDX-License-Identifier: Apache-2.0
"""The command `muster` with keys, codes, users, reset and release: what it reads, checks and says by itself."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest
from harness import PRODUCT, Machine, program, run, wait_for

from test_muster import later, needs_faketime

ALPHABET = "346789ABCDEFGHJKMNPQRTVWXY"


def checked(bare):
    """With its check character (ISO/IEC 7064 MOD 27,26)."""
    p = 26
    for c in bare:
        p = ((p + ALPHABET.index(c)) % 26 or 26) * 2 % 27
    return bare + ALPHABET[(27 - p) % 26]


KEY = "-".join(re.findall(".{5}", checked("ABCDEFGHJKMNPQRTVWXY3467")))
CODE = "-".join(re.findall(".{4}", checked("ABCDEFGHJKMNPQR")))


@pytest.fixture
def machine(folder, host, vendor):
    return Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}")


@pytest.fixture
def lonely(folder, vendor):
    """A machine without any host."""
    return Machine(folder, "l", vendor.products, "--host", "127.0.0.1:1")


# --- what is typed ---

@pytest.mark.parametrize("args, stdin", [
    (("activate", PRODUCT, "--key", "-"), KEY[:-1] + "3\n"), (("activate", PRODUCT, "--key", "-"), "\n"),
    (("activate", PRODUCT, "--key", "-"), "W" * 400), (("redeem", "-"), KEY[:-1] + "3\n"), (("redeem", "@typed"), None),
    (("redeem", "nonsense"), None), (("signin", PRODUCT, "--user", "kari", "--code", "-"), KEY + "\n"),
    (("signin", PRODUCT, "--user", "kari", "--code", CODE[1:]), None),
])
def test_a_typing_error_is_seen_before_any_network(lonely, folder, args, stdin):
    (folder / "typed").write_text(KEY[:-2] + "\n")
    done = lonely(*args, "--json", stdin=stdin, cwd=folder)
    assert done.returncode == 1
    assert "KEY_MALFORMED" in done.stderr and "remedy" in done.stderr and "127.0.0.1" not in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "KEY_MALFORMED"
    assert not any(part in done.stdout + done.stderr for part in (KEY[:11], CODE[5:]))


@pytest.mark.parametrize("given, stdin, warned", [("-", f" {KEY.lower()} \n", False), ("@typed", None, False), (KEY, None, True)])
def test_a_key_from_anywhere(lonely, folder, given, stdin, warned):
    (folder / "typed").write_text(KEY.replace("-", " ") + "\n")
    for args in (("activate", PRODUCT, "--key", given), ("redeem", given)):
        done = lonely(*args, stdin=stdin, cwd=folder)
        assert done.returncode == 69 and "NO_HOST" in done.stderr, done.stderr  # it was a key, so a host was looked for
        assert ("warning" in done.stderr) == warned
        assert KEY[:11] not in done.stdout + done.stderr
    done = lonely("redeem", "@no-such-file", cwd=folder)
    assert done.returncode == 1 and "IO" in done.stderr and "no-such-file" in done.stderr


def test_nothing_of_a_key_stays_without_a_host(lonely, folder):
    lonely("activate", PRODUCT, "--key", "-", stdin=KEY)
    lonely("signin", PRODUCT, "--user", "kari", "--code", "-", stdin=CODE)
    state = (lonely.state / "state.json").read_text()
    assert KEY.replace("-", "") not in state and CODE.replace("-", "") not in state
    assert "kari" not in state  # nor does the user, whom no host has let in


def on_terminal(machine, *args, typed):
    """
    Run at a terminal and type once the prompt is there (None: break it off). Returns exit code, what was shown, whether the
    echo was off, and whether it is on again.
    """
    main, side = pty.openpty()
    child = subprocess.Popen([program("muster"), *args, *map(str, machine.options)], stdin=side, stdout=side, stderr=side)
    try:

        def echo():
            return bool(termios.tcgetattr(side)[3] & termios.ECHO)

        shown = b""
        end = time.monotonic() + 20
        while b": " not in shown and time.monotonic() < end:
            if select.select([main], [], [], 0.1)[0]:
                shown += os.read(main, 4096)
        quiet = not echo()
        if typed is None:
            child.send_signal(signal.SIGINT)
        else:
            os.write(main, typed)
        while child.poll() is None and time.monotonic() < end:
            if select.select([main], [], [], 0.05)[0]:
                shown += os.read(main, 4096)
        while select.select([main], [], [], 0.05)[0]:
            shown += os.read(main, 4096)
        return child.wait(timeout=5), shown.decode(), quiet, echo()
    finally:
        child.kill()
        os.close(main)
        os.close(side)


def test_a_terminal_is_asked_without_echo(lonely):
    code, shown, quiet, after = on_terminal(lonely, "signin", PRODUCT, "--user", "kari", typed=f"{CODE}\n".encode())
    assert code == 69 and quiet and after
    assert "sign-in code of kari" in shown and CODE not in shown and "NO_HOST" in shown
    code, shown, quiet, after = on_terminal(lonely, "redeem", "-", typed=b"wrong\n")
    assert code == 1 and quiet and after and "KEY_MALFORMED" in shown and "wrong" not in shown.replace("is wrong", "")
    # Broken off, the terminal has its echo back.
    code, shown, quiet, after = on_terminal(lonely, "signin", PRODUCT, "--user", "kari", typed=None)
    assert code == -signal.SIGINT and quiet and after


def test_usage(lonely):
    for args in (("signin", PRODUCT), ("signin",), ("release",), ("release", PRODUCT, "--all"), ("redeem",), ("reset",),
                 ("reset", PRODUCT, "--undo", "x", "--dry-run"), ("signout", "a", "b")):
        done = lonely(*args)
        assert done.returncode == 64, args


def test_redeem_needs_the_product_where_there_are_several(folder, lonely, vendor):
    vendor("product", "add", "acme-sim", "--name", "Acme Sim")
    vendor("product", "export", "acme-sim", "-o", vendor.products / "acme-sim.product")
    done = lonely("redeem", "-", stdin=KEY)
    assert done.returncode == 1 and "BAD_REQUEST" in done.stderr and "name the product" in done.stderr
    assert lonely("redeem", "-", "--product", "acme-sim", stdin=KEY).returncode == 69


# --- with a host of the volume model ---

def test_status_in_words(machine):
    machine.activate(check=True)
    lines = machine("status").stdout.splitlines()
    assert re.fullmatch(r"acme-cad: licensed until \d{4}-\d\d-\d\d \(180 days\), by 127\.0\.0\.1:\d+", lines[0]), lines[0]
    words = dict(line.strip().split(": ", 1) for line in lines[1:])
    assert words["holder"] == "this device, by the organisation's volume license"
    assert words["then"] == "it shows notices and loses nothing"
    assert re.fullmatch(r"from \d{4}-\d\d-\d\d", words["renewal"])
    assert words["plans"] == "modeler, render"
    assert "why" not in words
    found = machine.status()
    assert found["user"] is None and found["serial"] == 1 and found["on_expiry"] == "notice"
    assert found["notice_days"] is None and found["last_error"] is None


def test_status_says_why_not(folder, hosts, vendor):
    host = hosts().start()
    host.install(vendor, threshold=25)
    machine = Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}")
    machine.activate()
    text = machine("status").stdout
    assert "acme-cad: grace until" in text and "then: unlicensed, unless" in text
    assert "why: THRESHOLD_NOT_MET: " in text and "(1 of 25)" in text and "\n  remedy: " in text
    error = machine.status()["last_error"]
    assert error["code"] == "THRESHOLD_NOT_MET" and error["remedy"] and error["numbers"] == {"have": 1, "need": 25}
    assert "detail" in error


@needs_faketime
def test_prompt_of_the_first_grace(lonely):
    """DESIGN 7: 25 days until a person is told, 30 until it is over."""
    lonely("status")
    seen = {}
    for days in (24, 26, 31):
        found = json.loads(lonely("status", "--json", env=later(f"+{days}d")).stdout)["products"][0]
        seen[days] = (found["state"], found["prompt"])
    assert seen == {24: ("grace", False), 26: ("grace", True), 31: ("unlicensed", True)}
    assert "notice: its grace is about to end" in lonely("status", env=later("+26d")).stdout


@needs_faketime
def test_notice_of_the_end_of_180_days(machine, host):
    """Told 30 days before; and after it, by the vendor's choice, nothing is lost."""
    machine.activate(check=True)
    host.stop()
    seen = {}
    for days in (140, 151, 181):
        found = json.loads(machine("status", "--json", env=later(f"+{days}d")).stdout)["products"][0]
        seen[days] = (found["state"], found["notice_days"], found["plans"])
    assert seen == {140: ("overdue", None, ["modeler", "render"]), 151: ("overdue", 30, ["modeler", "render"]),
                    181: ("expired", None, ["modeler", "render"])}
    assert "notice: it ends within 30 days" in machine("status", env=later("+151d")).stdout
    text = machine("status", env=later("+181d")).stdout
    assert "expired since" in text and "now: it shows notices and loses nothing" in text


def test_release_all_at_shutdown(machine, host):
    assert machine("release", "--all").returncode == 0
    machine.activate(check=True)
    assert host.count() == 1
    done = machine("release", "--all", check=True)
    assert done.stdout == "acme-cad: released\n" and host.count() == 0


def test_an_agent_that_gives_back_when_it_ends(machine, host):
    machine.activate(check=True)
    agent = subprocess.Popen([program("muster"), "agent", "--release-on-exit", *map(str, machine.options)],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        assert agent.poll() is None and host.count() == 1
        agent.send_signal(signal.SIGTERM)
        wait_for(lambda: agent.poll() is not None, seconds=15, what="the agent's end")
        assert agent.returncode == 0 and "acme-cad: released" in agent.stdout.read()
        assert host.count() == 0
    finally:
        agent.kill()
        agent.wait(timeout=10)


def test_an_agent_whose_host_is_gone_ends_all_the_same(machine, host):
    machine.activate(check=True)
    host.stop()
    agent = subprocess.Popen([program("muster"), "agent", "--release-on-exit", "--timeout", "2", *map(str, machine.options)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        agent.send_signal(signal.SIGTERM)
        wait_for(lambda: agent.poll() is not None, seconds=10, what="the agent's end")
        assert agent.returncode == 69 and "NO_HOST" in agent.stderr.read()
    finally:
        agent.kill()
        agent.wait(timeout=10)


def test_reset_without_a_host_changes_nothing(machine, host):
    machine.activate(check=True)
    before = {p: p.read_bytes() for p in machine.state.rglob("*") if p.is_file()}
    host.stop()
    for more in ((), ("--dry-run",)):
        done = machine("reset", PRODUCT, *more)
        assert done.returncode == 69 and "NO_HOST" in done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].endswith(": failed") and all(line.endswith(": to do") for line in lines[1:6]), lines
    assert {p: p.read_bytes() for p in machine.state.rglob("*") if p.is_file()} == before
    document = json.loads(machine("reset", PRODUCT, "--json").stdout)
    assert [step["result"] for step in document["steps"]] == ["failed"] + ["to do"] * 5
    assert document["undo_file"] is None and document["error"]["code"] == "NO_HOST"
    done = machine("reset", PRODUCT, "--undo", machine.state / "state.json")
    assert done.returncode != 0 and "STATE_TAMPERED" in done.stderr


def license_of_its_own(folder, vendor, host, product):
    path = folder / f"{product}.license"
    vendor("license", "issue", "--id", f"lic-{product}", "--org", "fjord", "--org-name", "Fjord AS", "--until", "2080-01-01",
           "--hosts", "2", "--grant", f"id=of-{product},product={product},model=volume", "-o", path)
    host.certify(vendor, path)
    host.ctl("install", path)


def test_more_licenses_than_a_hello_has_room_for(folder, hosts, vendor, machines):
    """The host shows four certificates at most; what covers the fifth product comes with its lease."""
    products = [PRODUCT, *(f"acme-{i}" for i in range(6))]
    host = hosts().start()
    for product in products[1:]:
        vendor.add(product)
    for product in products:
        license_of_its_own(folder, vendor, host, product)
    vendor.add("acme-none")
    machine = machines(host, "one")
    for product in products:
        machine.done("activate", product)
        assert machine.status(product)["state"] == "licensed"
    # The host has the word where no certificate of it is for the product.
    machine.refused("PRODUCT_UNKNOWN", "activate", "acme-none")
    # One that is revoked is seen when it comes with the lease.
    for product in (PRODUCT, products[-1]):
        vendor("license", "revoke", f"lic-{product}")
    vendor("revocations", "-o", vendor.products / "acme.revocations")
    machine = machines(host, "two")
    for product in products[1:-1]:
        machine.done("activate", product)
    for product in (PRODUCT, products[-1]):
        machine.refused("CERTIFICATE_REVOKED", "activate", product)


def test_two_licenses_of_one_vendor_on_one_host(folder, hosts, vendor, machines):
    """The host shows a certificate for each license: each is judged by itself."""
    vendor.add("acme-sim")
    host = hosts().start()
    for product in (PRODUCT, "acme-sim"):
        license_of_its_own(folder, vendor, host, product)
    for name, order in (("one", (PRODUCT, "acme-sim")), ("two", ("acme-sim", PRODUCT))):
        machine = machines(host, name)
        for product in order:
            machine.done("activate", product)
            assert machine.status(product)["state"] == "licensed"
    # One that is revoked takes nothing from the other.
    vendor("license", "revoke", f"lic-{PRODUCT}")
    vendor("revocations", "-o", vendor.products / "acme.revocations")
    machine = machines(host, "three")
    assert "CERTIFICATE_REVOKED" in machine.refused("NO_HOST", "activate", PRODUCT)["detail"]
    machine.done("activate", "acme-sim")


def test_signout_where_nobody_is_signed_in(machine):
    machine.activate(check=True)
    for more in ((), (PRODUCT,)):
        done = machine("signout", *more)
        assert "NOT_ACTIVATED" in done.stderr and "nobody is signed in" in done.stderr
    assert machine.status()["state"] == "licensed"


def test_help_names_every_verb():
    text = run(program("muster"), "--help").stdout
    for verb in ("signin", "signout", "redeem", "reset", "release"):
        assert verb in text
    assert "--release-on-exit" in run(program("muster"), "agent", "--help").stdout
