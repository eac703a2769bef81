# SPDX-License-Identifier: Apache-2.0
"""Machines that reach no host: requests and answers by file, bundles of many, QR codes."""
import json
import re
import shutil
import subprocess

import pytest
from harness import PRODUCT, Machine, needs_faketime, needs_root

from issuer_kit import DAY, dearmour, seconds_of, unb64

FAR = ("--host", "127.0.0.1:1")  # nobody is there


@pytest.fixture
def far(folder, vendor):
    """Machines without a network, by their names."""

    def make(*names, **more):
        made = [Machine(folder, name, vendor.products, *FAR, **more) for name in names]
        return made if len(made) != 1 else made[0]

    return make


def claims(text, label="REQUEST"):
    payload = unb64(dearmour(text, label).split(".")[2])[:-64]
    return json.loads(payload)


def request_of(folder, machine, *options, product=PRODUCT):
    path = folder / f"{machine.state.name}.request"
    machine.done("request", product, "-o", path, *options)
    return path


def answered(host, folder, request, *options):
    path = folder / "answer"
    host.ctl("offline", "answer", request, "-o", path, *options)
    return path


def files(machine):
    """All that the machine keeps, but for the lock."""
    return {p.name: p.read_bytes() for p in machine.state.rglob("*") if p.is_file() and p.name != "lock"}


def actions(host):
    return [row["action"] for row in host.items("audit", "list")]


# --- one machine ---

def test_a_machine_that_never_saw_a_network(host, folder, far):
    machine = far("mine-1")
    request = request_of(folder, machine)
    shown = claims(request.read_text())
    assert shown["iss"] == machine.id and shown["product"] == PRODUCT and "components" not in shown
    answer = answered(host, folder, request)
    out = machine.done("import", answer)
    assert out.startswith(f"{PRODUCT}: licensed")
    found = machine.status()
    assert found["state"] == "licensed" and found["serial"] == 1 and found["org"] == "fjord"
    # It will not be overdue in a fortnight, because it cannot call: only when the lease's end is near.
    left = seconds_of(found["expires"]) - seconds_of(found["renew_after"])
    assert abs(left - 30 * DAY) < DAY and found["notice_days"] is None, found
    row = host.items("activation", "list")[0]
    assert row["device"] == machine.id and row["state"] == "active"
    assert actions(host).count("activation.granted") == 1 and actions(host).count("offline.answered") == 1
    assert host.count() == 1
    # Now that it has a certificate, its parts go with the next request.
    assert claims(request_of(folder, machine).read_text()).get("components")


def test_the_same_request_again_gives_the_same_bytes(host, folder, far):
    machine = far("mine-1")
    request = request_of(folder, machine)
    first = answered(host, folder, request).read_bytes()
    rows = host.items("audit", "list")
    again = host.ctl("offline", "answer", request).stdout.encode()
    assert again == first
    item = host.json("offline", "answer", request)["items"][0]
    assert item["ok"] and item["repeated"] and item["serial"] == 1
    host.kill()
    host.start()
    assert answered(host, folder, request).read_bytes() == first
    assert [r for r in host.items("audit", "list") if r["action"].startswith(("activation", "offline"))] == [
        r for r in rows if r["action"].startswith(("activation", "offline"))]
    assert host.count() == 1 and len(host.items("activation", "list")) == 1


def test_an_answer_is_taken_in_again_after_a_reinstallation(host, folder, far):
    machine = far("mine-1")
    answer = answered(host, folder, request_of(folder, machine))
    machine.done("import", answer)
    machine.done("import", answer)  # twice is as good
    for path in machine.state.rglob("*"):
        if path.is_file() and path.name != "device.key":
            path.unlink()
    shutil.rmtree(machine.state / "leases")
    assert machine.status()["state"] != "licensed"
    machine.done("import", answer)
    assert machine.status()["state"] == "licensed" and machine.status()["serial"] == 1


def test_what_was_given_back_or_replaced_does_not_come_back(host, folder, far, machines):
    machine = far("mine-1")
    first = answered(host, folder, request_of(folder, machine)).read_text()
    machine.done("import", "-", stdin=first)
    second = answered(host, folder, request_of(folder, machine)).read_text()
    machine.done("import", "-", stdin=second)
    assert machine.status()["serial"] == 2
    before = files(machine)
    machine.refused("ANSWER_OLD", "import", "-", stdin=first)
    assert files(machine) == before
    # Somebody brings it home and gives its place back.
    online = Machine(folder, "mine-1", folder / "products", "--host", f"127.0.0.1:{host.port}")
    online.done("release", PRODUCT)
    machine.refused("ANSWER_OLD", "import", "-", stdin=second)
    assert machine.status()["serial"] is None
    machine.done("import", answered(host, folder, request_of(folder, machine)))
    assert machine.status()["serial"] == 3


def test_another_machines_answer_changes_nothing(host, folder, far):
    one, two = far("mine-1", "mine-2")
    answer = answered(host, folder, request_of(folder, one))
    two.done("request", PRODUCT)
    before = files(two)
    error = two.refused("ANSWER_FOREIGN", "import", answer)
    assert two.id in error["detail"]
    assert files(two) == before


def test_damaged_answers_change_nothing(host, folder, far):
    machine = far("mine-1")
    answer = answered(host, folder, request_of(folder, machine)).read_text()
    before = files(machine)
    lines = answer.split("\n")
    middle = lines[5]
    swapped = lines[:4] + [lines[5], lines[4]] + lines[6:]
    for bad, code in (("\n".join(lines[:-3]), "ARMOUR_INVALID"), ("\n".join(lines[:5] + lines[6:]), "MALFORMED|SIGNATURE_INVALID|CLAIM"),
                      ("\n".join(swapped), "SIGNATURE_INVALID|CLAIM|MALFORMED"), ("", "ARMOUR_INVALID"), ("nonsense", "ARMOUR_INVALID"),
                      (answer.replace(middle, middle[:-1] + ("A" if middle[-1] != "A" else "B")), "SIGNATURE_INVALID|CLAIM|MALFORMED")):
        done = machine("import", "-", stdin=bad)
        assert done.returncode == 1 and re.match(code, done.stderr), (code, done.stderr)
        assert files(machine) == before
    # Mail programs change line ends, indent and add words around it.
    machine.done("import", "-", stdin="Dear Kari,\r\n\r\n" + "".join(f"   {line}\r\n" for line in lines) + "\r\nOla")
    assert machine.status()["state"] == "licensed"


def test_a_host_of_another_vendor_is_not_believed(host, folder, far, vendor, hosts):
    from harness import Vendor
    machine = far("mine-1")
    request = request_of(folder, machine)
    away = folder / "away"
    away.mkdir()
    other = Vendor(away, "Acme Software")
    stranger = hosts(state="stranger").start()
    stranger.install(other)
    item = stranger.json("offline", "answer", request, check=False)["items"][0]
    assert item["error"]["code"] == "VENDOR_NOT_PINNED"
    # A machine that trusts the stranger takes nothing from here, and the other way round.
    dupe = Machine(folder, "mine-1", other.products, *FAR)
    theirs = answered(stranger, folder, request_of(folder, dupe))
    machine.refused("WRONG_VENDOR", "import", theirs)
    assert machine.status()["state"] != "licensed"


def test_refusals_say_why_and_may_be_tried_again(hosts, vendor, folder, far):
    host = hosts().start()
    host.install(vendor, threshold=2)
    one, two = far("mine-1", "mine-2")
    first, second = request_of(folder, one), request_of(folder, two)
    done = host.ctl("offline", "answer", first, "-o", folder / "none", check=False)
    assert done.returncode == 1 and "THRESHOLD_NOT_MET" in done.stderr and "remedy: " in done.stderr
    assert not (folder / "none").exists()
    assert host.ctl("offline", "answer", second).stdout.startswith("-----BEGIN MUSTER ANSWER-----")
    one.done("import", answered(host, folder, first))
    assert host.count() == 2
    done = host.ctl("offline", "answer", folder / "missing", check=False)
    assert done.returncode == 1 and "missing" in done.stderr
    (folder / "wrong").write_text(first.read_text().replace("REQUEST", "LICENSE"))
    host.refused("ARMOUR_INVALID", "offline", "answer", folder / "wrong")


def test_a_request_is_signed_by_the_machine(host, folder, far):
    """Whoever changes what a request asks for is found out, and nothing is counted."""
    import nacl.signing
    from issuer_kit import armour, b64, pae, public_text
    machine = far("mine-1")
    shown = claims(request_of(folder, machine).read_text())

    def signed(changed, key):
        body = json.dumps(changed).encode()
        signature = key.sign(pae(b"v4.public.", body, b"", b"muster.request")).signature
        path = folder / "forged"
        path.write_text(armour("REQUEST", "v4.public." + b64(body + signature)))
        return path

    mine = nacl.signing.SigningKey.generate()
    host.refused("SIGNATURE_INVALID", "offline", "answer", signed(shown, mine))
    host.refused("CLAIM_INVALID", "offline", "answer", signed({**shown, "sign": public_text(mine.verify_key.encode())}, mine))
    assert host.count() == 0 and host.items("device", "list") == []


def test_two_products_or_none(hosts, vendor, folder, far):
    """When the second lease cannot be written, the first is as it was."""
    vendor.add("acme-sim")
    host = hosts().start().serve(vendor, f"id=cad,product={PRODUCT},model=volume", "id=sim,product=acme-sim,model=volume")
    machine, stick = far("mine-1"), folder / "stick"
    for product in (PRODUCT, "acme-sim"):
        machine.done("request", product, "-o", stick, "--append")
    answers = answered(host, folder, stick)
    in_the_way = machine.state / "leases" / "acme-sim.lease"
    in_the_way.mkdir(parents=True)
    in_the_way.parent.chmod(0o700)
    before = files(machine)
    assert machine("import", answers).returncode != 0
    assert files(machine) == before
    in_the_way.rmdir()
    assert machine.done("import", answers).count("licensed") == 2
    assert {machine.status(p)["state"] for p in (PRODUCT, "acme-sim")} == {"licensed"}


# --- models ---

def test_a_user_is_named_in_the_request(hosts, vendor, folder, far):
    host = hosts().start().serve(vendor, f"id=users,product={PRODUCT},model=user,quantity=1")
    host.change({"do": "user.add", "user": "kari"}, {"do": "assign", "user": "kari", "product": PRODUCT})
    machine = far("mine-1")
    nobody = host.json("offline", "answer", request_of(folder, machine), check=False)["items"][0]
    assert nobody["error"]["code"] == "SIGNIN_NEEDED"
    machine.done("import", answered(host, folder, request_of(folder, machine, "--user", "kari")))
    assert machine.status()["user"] == "kari" and machine.status()["model"] == "user"
    # The next request is for who is signed in.
    assert claims(request_of(folder, machine).read_text())["user"] == "kari"
    machine.refused("NAMES_TOLD", "request", PRODUCT, "--user", "kari", "--no-names")


def test_a_pools_key_is_shown_at_the_host(hosts, vendor, folder, far):
    host = hosts().start().serve(vendor, f"id=cad-pool,product={PRODUCT},model=pool,quantity=1")
    key, = vendor.keys("cad-pool", "--pool", "--count", "1")
    host.renewed(vendor)
    one, two = far("mine-1", "mine-2")
    request = request_of(folder, one)
    assert host.json("offline", "answer", request, check=False)["items"][0]["error"]["code"] == "ENROL_KEY_NEEDED"
    answer = folder / "answer"
    host.ctl("offline", "answer", request, "-o", answer, "--key", "-", stdin=key)
    one.done("import", answer)
    other = host.json("offline", "answer", request_of(folder, two), "--key", "-", stdin=key, check=False)
    assert other["items"][0]["error"]["code"] == "POOL_EXHAUSTED" and other["answer"] is None
    assert key not in host.log.read_text() and host.grant("cad-pool")["in_use"] == 1


# --- many machines ---

def test_a_bundle_of_many_there_and_back(hosts, vendor, folder, far):
    host = hosts().start()
    host.install(vendor, threshold=25)
    all_of_them = far(*(f"mine-{i}" for i in range(25)))
    stick = folder / "stick"
    for machine in all_of_them:
        machine.done("request", PRODUCT, "-o", stick, "--append")
    all_of_them[3].done("request", PRODUCT, "-o", stick, "--append")  # again: the newer one takes its place
    assert stick.read_text().startswith("-----BEGIN MUSTER BUNDLE-----")
    answers = folder / "answers"
    table = host.ctl("offline", "answer", stick, "-o", answers).stdout
    assert table.count(PRODUCT) == 25
    for machine in all_of_them:
        machine.done("import", answers)
        assert machine.status()["state"] == "licensed"
    assert host.count() == 25
    assert host.ctl("offline", "answer", stick).stdout == answers.read_text()
    stranger = far("stranger")
    stranger.refused("ANSWER_FOREIGN", "import", answers)


def test_a_part_of_a_bundle_is_refused_whole(host, folder, far):
    one, two, three = far("mine-1", "mine-2", "mine-3")
    stick = folder / "stick"
    for machine in (one, two, three):
        machine.done("request", PRODUCT, "-o", stick, "--append")
    whole = stick.read_text()
    lines = whole.split("\n")
    for bad in (whole[: len(whole) // 2], "\n".join(lines[:3] + lines[4:]), "\n".join(lines[:-8] + lines[-2:])):
        (folder / "bad").write_text(bad)
        host.refused("BUNDLE_INVALID", "offline", "answer", folder / "bad")
        assert one("request", PRODUCT, "-o", folder / "bad", "--append").returncode == 1
        assert (folder / "bad").read_text() == bad
    assert host.count() == 0
    answers = answered(host, folder, stick).read_text()
    before = files(one)
    for bad in (answers[: len(answers) // 2], answers.replace(answers[200:210], "A" * 10, 1), answers.replace(answers.split("\n")[-10], "", 1)):
        assert one("import", "-", stdin=bad).returncode == 1
        assert files(one) == before
    one.done("import", "-", stdin=answers)


def test_requests_from_several_files(host, folder, far):
    one, two = far("mine-1", "mine-2")
    first, second = request_of(folder, one), request_of(folder, two)
    row = folder / "row"  # as people put files together who know no better
    row.write_text(first.read_text() + "\n" + second.read_text())
    bundle = folder / "bundle"
    assert host.ctl("offline", "bundle", row, first, "-o", bundle).stdout == "2 requests\n"
    assert host.json("offline", "bundle", row, "-o", bundle)["requests"] == 2
    assert [i["ok"] for i in host.json("offline", "answer", row)["items"]] == [True, True]
    assert [i["repeated"] for i in host.json("offline", "answer", bundle)["items"]] == [True, True]
    host.refused("NAMES_TOLD", "offline", "bundle", row, "-o", folder / "none", "--no-names")
    assert not (folder / "none").exists()


def test_a_bundle_that_names_nobody(host, folder, far):
    one, two = far("mine-1", "mine-2")
    files_ = [request_of(folder, m, "--no-names") for m in (one, two)]
    bundle = folder / "bundle"
    host.ctl("offline", "bundle", *files_, "-o", bundle, "--no-names")
    told = [claims(f.read_text()) for f in files_]
    assert len(told) == 2 and not any(key in claim for claim in told for key in ("hostname", "user"))
    answers = answered(host, folder, bundle)
    for machine in (one, two):
        machine.done("import", answers)
    assert [d["hostname"] for d in host.items("device", "list")] == ["", ""]


@needs_root
def test_whoever_may_answer(hosts, vendor, folder, far):
    host = hosts().roled().start()
    host.install(vendor)
    request = request_of(folder, far("mine-1"))
    request.chmod(0o644)
    done = host.ctl("offline", "answer", request, role="helpdesk", check=False)
    assert done.returncode == 77 and "NOT_PERMITTED" in done.stderr
    assert host.ctl("offline", "answer", request, role="assigner").returncode == 0


# --- time ---

@needs_faketime
def test_an_offline_machine_is_not_overdue_after_a_fortnight(hosts, vendor, folder, far, clock):
    host = hosts(env=clock.env).start()
    host.install(vendor)
    machine = far("mine-1", env=clock.env)
    answer = answered(host, folder, request_of(folder, machine))
    machine.done("import", answer)
    clock.set("+100d")
    assert machine.status()["state"] == "licensed" and not machine.status()["prompt"]
    clock.set("+165d")
    assert machine.status()["prompt"]
    clock.set("+181d")
    assert machine.status()["state"] == "expired"
    machine.refused("ENDED", "import", answer)
    machine.done("import", answered(host, folder, request_of(folder, machine)))
    assert machine.status()["state"] == "licensed" and machine.status()["serial"] == 2


# --- QR codes ---

def image_of(text):
    """The code of half blocks, light modules drawn, as a picture of 4 dots a module."""
    rows = []
    for line in text.split("\n"):
        if not line:
            continue
        rows.append([c in "\u2580\u2588" for c in line])
        rows.append([c in "\u2584\u2588" for c in line])
    width = max(map(len, rows))
    dots = b"".join(bytes(255 if m else 0 for m in row + [True] * (width - len(row)) for _ in range(4)) * 4 for row in rows)
    return b"P5 %d %d 255\n" % (width * 4, len(rows) * 4) + dots


def scanned(folder, shown):
    picture = folder / "code.pgm"
    picture.write_bytes(image_of(shown))
    return subprocess.run(["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True, check=True, timeout=60).stdout


def test_qr_codes_hold_the_answer(host, folder, far):
    machine = far("mine-1")
    request = request_of(folder, machine)
    before, *codes = re.split(r"^(\d) of (\d)\n", host.ctl("offline", "answer", request, "--qr", "-o", folder / "answer").stdout, flags=re.M)
    numbers, of, shown = codes[::3], codes[1::3], codes[2::3]
    assert not before and numbers == [str(i + 1) for i in range(len(shown))] and set(of) == {str(len(shown))} and len(shown) > 1
    shown[-1] = shown[-1].partition("PRODUCT ")[0]  # --output tells besides what came of each
    typed = "".join(scanned(folder, code) for code in shown)  # each with an Enter behind it
    assert typed == (folder / "answer").read_text()
    machine.done("import", "-", stdin=typed)
    assert machine.status()["state"] == "licensed"
    # Alone they stand on standard output without the text; and nobody scans a hundred.
    assert "BEGIN" not in host.ctl("offline", "answer", request, "--qr").stdout
    assert host.ctl("offline", "answer", request, "--qr", "--json", check=False).returncode == 64


def test_a_qr_code_holds_the_request(host, folder, far):
    machine = far("mine-1")
    for _ in range(300):  # until a line of the token begins like the first and the last one of the block
        shown = machine.done("request", PRODUCT, "--qr", "-o", folder / "request")
        if re.search("^-[^-]", (folder / "request").read_text(), re.M):
            break
    else:
        raise AssertionError("no such token")
    read = scanned(folder, shown)
    assert read.strip() == dearmour((folder / "request").read_text(), "REQUEST")
    (folder / "scanned").write_text(read)  # what a scanner types is a request like any other
    machine.done("import", answered(host, folder, folder / "scanned"))
