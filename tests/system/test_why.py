# SPDX-License-Identifier: Apache-2.0
"""musterctl why: the rules that a device passed, the one that refused, and what to do; nothing is changed by asking."""
import itertools
import json

import pytest
from harness import PRODUCT, Host, Machine, Vendor, program, run


@pytest.fixture
def vendor(folder):
    return Vendor(folder)


@pytest.fixture
def host(folder):
    host = Host(folder).start()
    yield host
    host.end()


def machine(folder, vendor, host, number=1):
    return Machine(folder, number, vendor.products, "--host", f"127.0.0.1:{host.port}")


def why(host, *args, expect=None):
    """The document; the text says the same, and the exit code whether the device would be licensed."""
    words = [args[0], *itertools.takewhile(lambda word: not word.startswith("--"), args[1:])]
    options = args[len(words):]
    before = [host.items("audit", "list"), host.items("activation", "list"), counters(host)]
    done = host.ctl("why", *options, "--json", "--", *words, check=False)
    text = host.ctl("why", *options, "--", *words, check=False)
    assert [host.items("audit", "list"), host.items("activation", "list"), counters(host)] == before
    answer = json.loads(done.stdout)
    code = answer["error"]["code"] if answer["error"] else None
    assert code == expect, done.stdout
    assert done.returncode == text.returncode == (2 if code else 0)
    if code:
        assert f"Now it would be refused:\n  {code}: " in text.stdout and answer["error"]["remedy"] in text.stdout
    else:
        assert "Now it would be licensed by" in text.stdout
    for grant in answer["grants"]:
        assert all(rule["passed"] for rule in grant["rules"][:-1])
        assert not grant["rules"] or grant["rules"][-1]["passed"] == (grant["outcome"] == "serves")
    return answer


def counters(host):
    return sorted(line for line in host.api("GET", "/metrics")[1].splitlines()
                  if line.startswith("muster_") and ("activation" in line or "refus" in line or "device" in line)
                  and not line.startswith("muster_admin"))


def test_a_threshold(folder, vendor, host):
    host.install(vendor, threshold=2)
    first, second = machine(folder, vendor, host, 1), machine(folder, vendor, host, 2)
    first.refused("THRESHOLD_NOT_MET", "activate", PRODUCT)
    answer = why(host, first.id[:8], PRODUCT, expect="THRESHOLD_NOT_MET")
    assert answer["device"] == first.id and answer["hostname"]
    grant = answer["grants"][0]
    assert grant["outcome"] == "refused" and grant["counts"] and grant["holding"] == "counted"
    assert grant["rules"][-1]["rule"] == "threshold" and grant["error"]["numbers"] == {"have": 1, "need": 2}
    assert [r["rule"] for r in grant["rules"][:3]] == ["certified", "revoked", "blocked"]
    text = host.ctl("why", "--", first.id, check=False).stdout
    assert "  passed   certified" in text and "  REFUSED  threshold" in text and "(have 1, need 2)" in text
    second.activate(check=True)
    answer = why(host, first.id)
    assert answer["outcome"] == "licensed" and answer["grant"] == "cad-volume" and answer["expires"]
    host.ctl("device", "block", "--", first.id)
    assert why(host, first.id, PRODUCT, expect="DEVICE_BLOCKED")["blocked"]


def test_whom_nobody_knows(folder, vendor, host):
    host.install(vendor)
    line = host.refused("NOT_FOUND", "why", "abcdefgh", PRODUCT)
    assert "never reached this host" in str(line)
    first = machine(folder, vendor, host)
    first.activate(check=True)
    answer = why(host, first.id, "acme-cadd", expect="PRODUCT_UNKNOWN")
    assert answer["error"]["detail"] == f"licensed here: {PRODUCT}" and answer["grants"] == []
    assert "nobody has this name" in str(host.refused("NOT_FOUND", "why", "--user", "eve", "--", first.id, PRODUCT))
    assert "6 characters" in str(host.refused("BAD_REQUEST", "why", "abc", PRODUCT))


def test_users_and_plans(folder, vendor, host):
    vendor.add("suite", "--plan", "basic", "--plan", "pro", "--conflict", "basic:pro")
    host.serve(vendor, "id=users,product=suite,model=user,quantity=5")
    host.change({"do": "user.add", "user": "kari"}, {"do": "user.add", "user": "ola"},
                {"do": "group.add", "group": "a"},
                {"do": "assign", "user": "kari", "product": "suite", "plans": "basic"})
    code = host.json("user", "signin-code", "kari")["items"][0]["code"]
    pc = machine(folder, vendor, host)
    pc("signin", "suite", "--user", "kari", "--code", code, check=True)
    answer = why(host, pc.id, "suite")
    assert answer["user"] == "kari" and answer["signed_in"]
    assert answer["seats"] == [{"holder": "user", "grant": "users", "direct": True, "error": None}]
    host.change({"do": "member.add", "group": "a", "user": "kari"},
                {"do": "assign", "group": "a", "product": "suite", "plans": "pro"})
    seat = why(host, pc.id, "suite")["seats"][0]  # what fits is served, and what does not is told
    assert seat["grant"] == "users" and seat["error"]["code"] == "PLAN_CONFLICT" and seat["error"]["remedy"]
    assert "PLAN_CONFLICT" in host.ctl("why", "--", pc.id, "suite").stdout
    host.change({"do": "unassign", "group": "a", "product": "suite"})
    answer = why(host, pc.id, "suite", "--user", "ola", expect="SIGNIN_NEEDED")
    assert answer["user"] == "ola" and not answer["signed_in"]
    host.ctl("unassign", "--product", "suite", "--user", "kari", "--yes")
    assert why(host, pc.id, "suite", expect="NOT_ASSIGNED")["grants"][0]["rules"][-1]["rule"] == "seat"


def test_without_a_daemon(folder):
    done = run(program("musterctl"), "--socket", folder / "none", "why", "abcdef", PRODUCT, check=False)
    assert done.returncode == 3 and done.stderr.startswith("NOT_REACHABLE")
