# SPDX-License-Identifier: Apache-2.0
"""Activation by telephone: numbers that one person reads out and another one types."""
import base64
import hashlib
import json
import os
import re
import time

import pytest
from harness import PRODUCT, Machine, needs_faketime, needs_root

FAR = ("--host", "127.0.0.1:1")  # nobody is there


@pytest.fixture
def site(hosts, vendor, folder):
    """Make a host with a site key, and machines far away that have what follows from it."""

    class Site:
        def __init__(self, env=None, config="", install=True):
            self.env = env
            key = folder / "site.key"
            key.write_bytes(os.urandom(32))
            key.chmod(0o600)
            self.host = hosts(f"[offline]\nsite_key_file = {key}\n{config}", env=env).start()
            if install:
                self.host.install(vendor)
                self.keys()

        def keys(self, name="machines.key"):
            self.host.ctl("offline", "site-key", "-o", folder / name)
            return folder / name

        def machine(self, name, *options, network=False):
            where = ("--host", f"127.0.0.1:{self.host.port}") if network else FAR
            return Machine(folder, name, vendor.products, "--site-key", folder / "machines.key", *where, *options, env=self.env)

        def read_out(self, machine, product=PRODUCT):
            return json.loads(machine.done("request", product, "--voice", "--json"))["installation"]

        def confirm(self, iid, *options):
            return self.host.json("offline", "confirm", iid, *options)

        def call(self, machine, product=PRODUCT):
            """A whole conversation; what was read back."""
            answer = self.confirm(self.read_out(machine, product))
            machine.done("import", "--voice", answer["confirmation"])
            return answer

    return Site


def wrong(digits, at):
    return digits[:at] + str((int(digits[at]) + 1) % 10) + digits[at + 1:]


# --- the conversation ---

def test_a_call(site):
    here = site()
    machine = here.machine("mine-1")
    shown = machine.done("request", PRODUCT, "--voice")
    groups = re.findall(r"^ +\d:  ((?:\d ){6})$", shown, re.M)
    assert len(groups) == 9
    spoken = " ".join(group.replace(" ", "") for group in groups)
    said = here.host.ctl("offline", "confirm", *spoken.split(), "--name", "mine-1").stdout
    typed = "".join(re.findall(r"^ +\d:  ((?:\d ){6})$", said, re.M))
    assert len(typed.replace(" ", "")) == 48
    assert machine.done("import", "--voice", "-", stdin=typed + "\n").startswith(f"{PRODUCT}: licensed")
    found = machine.status()
    assert found["state"] == "licensed" and found["serial"] is None and found["plans"] == ["modeler", "render"]
    answer = here.confirm(here.read_out(machine))
    assert answer["repeated"] and answer["confirmation"].replace("-", "") == typed.replace(" ", "")
    assert found["expires"] == answer["expires"] and found["expires"].endswith("T00:00:00Z")
    row, = here.host.items("activation", "list")
    assert row["hostname"] == "mine-1" and row["device"] == answer["device"]
    assert here.host.count() == 1
    machine.done("import", "--voice", typed)  # the same once more changes nothing
    assert machine.status()["expires"] == found["expires"]


def test_it_is_off_unless_a_site_has_a_key(host, folder, far_machine):
    far_machine.refused("VOICE_OFF", "request", PRODUCT, "--voice")
    far_machine.refused("VOICE_OFF", "import", "--voice", "0")
    host.refused("VOICE_OFF", "offline", "site-key", "-o", folder / "none")
    iid = "089203-917311-988120-308858-650176-788086-739956-672168-376080"
    host.refused("VOICE_OFF", "offline", "confirm", iid)
    assert not (folder / "none").exists()


@pytest.fixture
def far_machine(folder, vendor):
    return Machine(folder, "mine-1", vendor.products, *FAR)


def test_a_key_that_others_may_read_is_refused(site, folder, hosts):
    here = site()
    machine = here.machine("mine-1")
    keys = folder / "machines.key"
    assert keys.stat().st_mode & 0o777 == 0o600
    iid = here.read_out(machine)
    code = here.confirm(iid)["confirmation"]
    keys.chmod(0o644)
    machine.refused("INSECURE", "import", "--voice", code)
    keys.chmod(0o600)
    keys.write_text(keys.read_text()[:-10])
    machine.refused("KEY_INVALID", "import", "--voice", code)
    # And the host's own.
    site_key = folder / "site.key"
    for mode, size, code in ((0o644, 32, 77), (0o600, 31, 78), (0o600, 33, 78), (0o600, 0, 78)):
        site_key.chmod(mode)
        site_key.write_bytes(b"x" * size)
        stopped = hosts(f"[offline]\nsite_key_file = {site_key}\n", state="other").spawn()
        stopped.ended(code)
        assert "site_key_file" in stopped.log.read_text()


# --- what goes wrong when people speak ---

def test_every_wrong_digit_of_a_confirmation_is_named(site):
    here = site()
    machine = here.machine("mine-1")
    good = here.confirm(here.read_out(machine))["confirmation"]
    for at in range(0, len(good), 5):
        if good[at] == "-":
            continue
        group, digit = at // 7 + 1, at % 7 + 1
        error = machine.refused("DIGITS_WRONG", "import", "--voice", wrong(good, at))
        assert error["detail"] == f"group {group}: digit {digit} should be {good[at]}", error
    groups = good.split("-")
    groups[2], groups[6] = groups[6], groups[2]
    assert machine.refused("DIGITS_WRONG", "import", "--voice", "-".join(groups))["detail"] == "groups 3 and 7 are swapped"
    groups = good.split("-")
    moved = [groups[1], groups[2], groups[0], *groups[3:]]
    assert "belongs into group" in machine.refused("DIGITS_WRONG", "import", "--voice", "-".join(moved))["detail"]
    groups = good.split("-")
    for _ in range(6):  # too much is wrong for it to be mended
        said = "-".join([wrong(group, 2) for group in groups[:3]] + groups[3:])
        assert "group 3" in machine.refused("DIGITS_WRONG", "import", "--voice", said)["detail"]
    assert "47 digits" in machine.refused("DIGITS_WRONG", "import", "--voice", good.replace("-", "")[:-1])["detail"]
    assert machine.status()["state"] != "licensed"
    machine.done("import", "--voice", good)  # none of that was a try


def test_what_is_wrong_with_an_installation_id_is_named(site):
    here = site()
    good = here.read_out(here.machine("mine-1"))
    for at in range(len(good)):
        if good[at] != "-":
            detail = here.host.refused("DIGITS_WRONG", "offline", "confirm", wrong(good, at))["detail"]
            assert detail == f"group {at // 7 + 1} is mistyped"
    groups = good.split("-")
    groups[0], groups[8] = groups[8], groups[0]
    assert here.host.refused("DIGITS_WRONG", "offline", "confirm", "-".join(groups))["detail"] == "groups 1 and 9 are swapped"
    assert here.host.refused("DIGITS_WRONG", "offline", "confirm", good[:-1])["detail"] == "group 9 has 5 digits in place of 6"
    assert here.host.items("device", "list") == []


def test_a_confirmation_is_for_one_machine(site):
    here = site()
    one, two = here.machine("mine-1"), here.machine("mine-2")
    code = here.call(one)["confirmation"]
    two.refused("VOICE_REFUSED", "import", "--voice", code)
    assert two.status()["state"] != "licensed"
    answer = here.call(two)
    assert answer["device"] != here.confirm(here.read_out(one))["device"] and here.host.count() == 2


@needs_faketime
def test_tries_are_limited(site, clock):
    here = site(env=clock.env)
    machine, other = here.machine("mine-1"), here.machine("mine-2")
    foreign = here.confirm(here.read_out(other))["confirmation"]
    good = here.confirm(here.read_out(machine))["confirmation"]
    for _ in range(5):
        machine.refused("VOICE_REFUSED", "import", "--voice", foreign)
    machine.refused("VOICE_TRY_LATER", "import", "--voice", good)
    clock.set("+11m")
    machine.refused("VOICE_REFUSED", "import", "--voice", foreign)
    clock.set("+22m")
    machine.refused("VOICE_TRY_LATER", "import", "--voice", good)  # 20 minutes by now
    clock.set("+32m")
    machine.done("import", "--voice", good)


# --- how long, how often ---

@needs_faketime
def test_twice_in_a_row_and_then_another_way(site, clock, folder):
    here = site(env=clock.env)
    machine = here.machine("mine-1")
    first = here.call(machine)
    assert here.confirm(here.read_out(machine))["repeated"]
    clock.set("+50d")
    second = here.call(machine)
    assert second["confirmation"] != first["confirmation"] and second["device"] == first["device"] and here.host.count() == 1
    machine.refused("ANSWER_OLD", "import", "--voice", first["confirmation"])
    clock.set("+100d")
    here.host.refused("VOICE_LIMIT", "offline", "confirm", here.read_out(machine))
    assert machine.status()["state"] == "licensed"
    clock.set("+141d")
    assert machine.status()["state"] == "expired"
    # A file: the machine is the same one, and counted once.
    request, answer = folder / "request", folder / "answer"
    machine.done("request", PRODUCT, "-o", request)
    here.host.ctl("offline", "answer", request, "-o", answer)
    machine.done("import", answer)
    assert machine.status()["state"] == "licensed" and machine.status()["serial"] == 1
    active = [row["device"] for row in here.host.items("activation", "list", "--state", "active")]
    assert active == [machine.id]
    # And the telephone works again.
    clock.set("+330d")
    third = here.call(machine)
    assert third["device"] == first["device"] and machine.status()["state"] == "licensed"


@needs_faketime
def test_a_lease_by_telephone_is_short(site, clock):
    here = site(env=clock.env, config="voice_days = 20\n")
    machine = here.machine("mine-1")
    here.call(machine)
    clock.set("+18d")
    assert machine.status()["state"] in ("licensed", "overdue")
    clock.set("+21d")
    assert machine.status()["state"] == "expired"
    row, = here.host.items("activation", "list")
    assert row["state"] == "ended"


def test_a_machine_that_reaches_the_host_again(site, hosts):
    here = site()
    machine = here.machine("mine-1")
    answer = here.call(machine)
    online = here.machine("mine-1", network=True)
    online.done("activate", PRODUCT)
    assert online.status()["serial"] == 1
    active = [row["device"] for row in here.host.items("activation", "list", "--state", "active")]
    assert active == [online.id] and answer["device"] != online.id
    actions = [row["action"] for row in here.host.items("audit", "list")]
    assert "voice.settled" in actions and "voice.unknown" not in actions


def test_a_confirmation_that_the_host_never_made_is_reported(site, folder):
    """Whoever has the machines' keys can make one: that is what the digits are worth. The host hears of it."""
    here = site()
    machine = here.machine("mine-1")
    iid = here.read_out(machine)
    forged = forge(folder / "machines.key", iid)
    machine.done("import", "--voice", forged)
    assert machine.status()["state"] == "licensed"
    here.machine("mine-1", network=True).done("activate", PRODUCT)
    told = [row for row in here.host.items("audit", "list") if row["action"] == "voice.unknown"]
    assert len(told) == 1 and told[0]["object"] == machine.id


DAMM = "0317598642 7092154863 4206871359 1750983426 6123045978 3674209581 5869720134 8945362017 9438617205 2581436790".split()


def forge(keys, iid):
    """What PROTOCOL.md says of confirmations, for whoever has the keys."""
    key = base64.urlsafe_b64decode(keys.read_text().split("\n")[1].split()[4] + "=")
    number = int("".join(group[:5] for group in iid.split("-")))
    day = (int(time.time()) - 1577836800) // 86400 + 80
    head = 1 << 37 | day << 16 | 9
    mac = hashlib.blake2b(b"muster/1 cid\0" + number.to_bytes(19, "big") + head.to_bytes(5, "big"), key=key, digest_size=32).digest()
    digits, out = str(head << 92 | int.from_bytes(mac, "big") >> 164).zfill(40), []
    for i in range(8):
        state = i + 1
        for digit in digits[5 * i:5 * i + 5]:
            state = int(DAMM[state][int(digit)])
        out.append(digits[5 * i:5 * i + 5] + str(state))
    return "-".join(out)


# --- words ---

@pytest.fixture
def words(host, vendor, folder):
    """A host without any site key, and a machine that has its certificate, which is no secret."""
    (vendor.products / "fjord.certificate").write_bytes((folder / "host.certificate").read_bytes())
    machine = Machine(folder, "mine-1", vendor.products, *FAR)
    return host, machine


def say(host, machine):
    iid = json.loads(machine.done("request", PRODUCT, "--voice", "--json"))["installation"]
    return host.json("offline", "confirm", iid, "--words")


def test_words_need_no_secret(words, vendor, folder):
    host, machine = words
    answer = say(host, machine)
    assert len(answer["confirmation"].split()) == 51
    iid = json.loads(machine.done("request", PRODUCT, "--voice", "--json"))["installation"]
    shown = host.ctl("offline", "confirm", iid, "--words").stdout
    lines = re.findall(r"^ +\d+:  ((?:[a-z]+ ?){3})$", shown, re.M)
    assert " ".join(" ".join(lines).split()) == answer["confirmation"]
    typed = "\n".join(lines).upper()
    machine.done("import", "--voice", "-", stdin=typed + "\n\n")
    found = machine.status()
    assert found["state"] == "licensed" and found["expires"] == answer["expires"]
    assert host.count() == 1
    # As long as a lease by network, not the 90 days of digits.
    issued = host.items("activation", "list")[0]
    assert issued["expires"] == answer["expires"] and answer["expires"][:10] > time.strftime("%Y-%m-%d", time.gmtime(time.time() + 170 * 86400))
    (vendor.products / "fjord.certificate").unlink()
    assert machine.status()["state"] != "licensed"  # it is verified each time


def test_wrong_words_are_named(words):
    host, machine = words
    good = say(host, machine)["confirmation"].split()
    assert "50 words" in machine.refused("DIGITS_WRONG", "import", "--voice", *good[:-1])["detail"]
    typo = good[6][:1] + "q" + good[6][2:]
    told = machine.refused("DIGITS_WRONG", "import", "--voice", *good[:6], typo, *good[7:])["detail"]
    assert told == f"word 7 should be '{good[6]}'"
    other = next(w for w in ("acorn", "badge") if w != good[30])
    told = machine.refused("DIGITS_WRONG", "import", "--voice", *good[:30], other, *good[31:])["detail"]
    assert told == f"word 31 should be '{good[30]}'"
    machine.done("import", "--voice", *(w[:4] for w in good))


def test_words_are_for_one_machine_and_of_a_certified_host(words, vendor, folder, hosts):
    host, machine = words
    good = say(host, machine)["confirmation"]
    other = Machine(folder, "mine-2", vendor.products, *FAR)
    other.refused("VOICE_REFUSED", "import", "--voice", *good.split())
    stranger = hosts(state="stranger").start()
    from harness import Vendor
    away = folder / "away"
    away.mkdir()
    stranger.install(Vendor(away))
    # Another vendor's host with a product of the same name knows another number for it.
    iid = json.loads(machine.done("request", PRODUCT, "--voice", "--json"))["installation"]
    stranger.refused("INSTALLATION_UNKNOWN", "offline", "confirm", iid, "--words")


def test_words_and_digits_of_one_machine(site, vendor, folder):
    here = site()
    (vendor.products / "fjord.certificate").write_bytes((folder / "host.certificate").read_bytes())
    machine = here.machine("mine-1")
    iid = here.read_out(machine)
    words_said = here.confirm(iid, "--words")
    machine.done("import", "--voice", *words_said["confirmation"].split())
    digits = here.confirm(iid)  # digits are never told for so long
    assert digits["expires"] < words_said["expires"] and not digits["repeated"]
    machine.done("import", "--voice", digits["confirmation"])
    assert machine.status()["expires"] == digits["expires"] and here.host.count() == 1


# --- who, what, which ---

def test_what_is_confirmed_must_be_licensed(site, vendor, hosts, folder):
    here = site(install=False)
    request = Machine(folder, "mine-1", vendor.products, "--site-key", folder / "machines.key", *FAR)
    iid = request("request", PRODUCT, "--voice", "--json")
    number = json.loads(iid.stdout)["installation"]
    here.host.refused("INSTALLATION_UNKNOWN", "offline", "confirm", number)
    here.host.install(vendor, threshold=2)
    here.keys()
    done = here.host.ctl("--json", "offline", "confirm", number, check=False)
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "THRESHOLD_NOT_MET" and error["numbers"] == {"have": 1, "need": 2}
    assert here.confirm(here.read_out(here.machine("mine-2")))["confirmation"]
    assert here.confirm(number)["confirmation"] and here.host.count() == 2


def test_a_new_index_makes_the_old_keys_void(site, folder, hosts):
    here = site()
    machine = here.machine("mine-1")
    old = here.call(machine)["confirmation"]
    here.host.kill()
    here.host.extra = here.host.extra + "site_key_index = 1\n"
    here.host.start()
    iid = here.read_out(machine)
    fresh = here.confirm(iid)["confirmation"]
    assert fresh != old
    machine.refused("VOICE_REFUSED", "import", "--voice", fresh)
    here.keys()
    assert machine.status()["state"] != "licensed"  # what the old key proved is proved no more
    machine.refused("VOICE_REFUSED", "import", "--voice", old)


@needs_root
def test_whoever_may(hosts, vendor, folder):
    key = folder / "site.key"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    host = hosts(f"[offline]\nsite_key_file = {key}\n").roled().start()
    host.install(vendor)
    iid = "089203-917311-988120-308858-650176-788086-739956-672168-376080"
    done = host.ctl("offline", "confirm", iid, role="helpdesk", check=False)
    assert done.returncode == 77
    assert "INSTALLATION_UNKNOWN" in host.ctl("offline", "confirm", iid, role="assigner", check=False).stderr
    done = host.ctl("offline", "site-key", "-o", "/tmp/none", role="assigner", check=False)
    assert done.returncode == 77
