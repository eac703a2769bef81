# SPDX-License-Identifier: Apache-2.0
"""PROTOCOL.md says what the tables, the messages and the vectors say, and its program runs."""

import json
import os
import re

import pytest

import examples
import independent
import make_vectors
from independent import token_sign

PROTOCOL = os.path.join(independent.ROOT, "protocol")


def read(name):
    with open(os.path.join(PROTOCOL, name), encoding="utf-8") as f:
        return f.read()


DOC = read("PROTOCOL.md")


def section(title):
    found = re.search(rf"^(##+) {re.escape(title)}\n(.*?)(?=^##+ |\Z)", DOC, re.M | re.S)
    assert found, title
    return found.group(2)


def rows(text):
    """The cells of every table row but headers and rules."""
    out = []
    for line in text.split("\n"):
        if line.startswith("|"):
            cells = [c.strip() for c in line.strip("|").split("|")]
            out.append(cells)
    rule = [set(r[0]) == {"-"} for r in out] + [False]
    return [r for i, r in enumerate(out) if not rule[i] and not rule[i + 1]]


def limits():
    return {name: int(value) for name, value in re.findall(r"^#define (LIMIT_\w+) (\d+)", read("limit.h"), re.M)}


def test_limits_are_those_of_the_header():
    table = {r[0]: int(r[1]) for r in rows(section("7. Limits"))}
    assert table == limits()


def test_numbers_in_the_text_are_limits():
    have = limits()
    frames = [r[2] for r in rows(section("Frames"))]
    assert frames == [str(have["LIMIT_HANDSHAKE_OUT"]), f"{have['LIMIT_SHOW']} + 16", f"{have['LIMIT_RESPONSE']} + 16", "4"]
    assert have["LIMIT_HANDSHAKE_IN"] == have["LIMIT_HANDSHAKE_OUT"] == 4096
    assert f"{have['LIMIT_HELLO_MS']} ms" in DOC and f"{have['LIMIT_HANDSHAKE_MS']} ms" in DOC
    assert f"{have['LIMIT_BUSY_DELAY_S']} seconds" in section("Refusal")
    assert f"At most {have['LIMIT_OWED']} requests" in DOC
    assert f"At most {have['LIMIT_CERTIFICATE']} characters" in section("Host certificate")
    assert f"At most {have['LIMIT_LEASE']} characters" in section("Lease")
    assert f"At most {have['LIMIT_OFFLINE_REQUEST']} characters" in section("Offline request")
    assert f"At most {have['LIMIT_OFFLINE_ANSWER']} characters" in section("Offline answer")
    assert f"at most {have['LIMIT_BUNDLE']}." in section("Bundles")
    assert f"at most {have['LIMIT_BUNDLE_BYTES']} bytes" in section("Bundles")


# Claims whose range is a limit: section, claim, the text that must hold it.
@pytest.mark.parametrize("title, claim, text", [
    ("License", "grants", "up to {LIMIT_GRANTS}"), ("License", "products", "up to {LIMIT_PRODUCTS}"),
    ("License", "plans", "up to {LIMIT_PLANS}"), ("License", "threshold", "1 to {LIMIT_THRESHOLD}"),
    ("License", "window_days", "1 to {LIMIT_WINDOW_DAYS}"), ("License", "lease_days", "0 to {LIMIT_LEASE_DAYS}"),
    ("License", "renew_minutes", "0 to {LIMIT_INTERVAL_MAX}"), ("License", "retry_minutes", "0 to {LIMIT_INTERVAL_MAX}"),
    ("License", "name", "up to {LIMIT_NAME}"), ("License", "versions", "up to {LIMIT_VERSION}"),
    ("Host certificate", "host", "up to {LIMIT_HOSTNAME}"), ("Host certificate", "products", "up to {LIMIT_PRODUCTS}"),
    ("Lease", "plans", "up to {LIMIT_PLANS}"), ("Offline request", "plans", "up to {LIMIT_PLANS}"),
    ("Offline request", "components", "up to {LIMIT_COMPONENTS}"), ("Offline request", "version", "up to {LIMIT_VERSION}"),
    ("Offline request", "hostname", "up to {LIMIT_HOSTNAME}"), ("Offline request", "user", "up to {LIMIT_USER}"),
])
def test_ranges_of_claims(title, claim, text):
    cells = [r for r in rows(section(title)) if r[0].strip("`?") == claim]
    assert cells
    assert any(text.format(**limits()) in " ".join(r) for r in cells), cells


# --- messages ---

def proto_fields():
    """muster.proto as message -> [(field, type, repeated, number)]."""
    text = re.sub(r"//.*", "", read("muster.proto"))
    out = {}
    for name, body in re.findall(r"message (\w+)\s*\{((?:[^{}]|\{[^{}]*\})*)\}", text):
        body = re.sub(r"oneof \w+\s*\{([^{}]*)\}", r"\1", body)
        out[name] = [(f, t, bool(r), int(n)) for r, t, f, n in re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body)]
    return out


def documented_fields():
    out, message = {}, None
    for title in ("Hellos", "Requests", "Responses"):
        for cells in rows(section(title)):
            message = cells[0] or message
            kind, _, repeated = cells[2].partition(", ")
            out.setdefault(message, []).append((cells[1], kind, repeated == "repeated", int(cells[3])))
    return out


def test_every_message_and_field():
    assert documented_fields() == proto_fields()


def test_bounds_of_fields():
    """muster.options, field by field: the bound column holds the numbers."""
    table, message = {}, None
    for title in ("Hellos", "Requests", "Responses"):
        for cells in rows(section(title)):
            message = cells[0] or message
            table[message, cells[1]] = [int(n) for n in re.findall(r"\d+", cells[4])]
    seen = set()
    for line in read("muster.options").split("\n"):
        if not line.startswith("muster.v1."):
            continue
        name, *options = line.split()
        key = tuple(name.split(".")[2:])
        numbers = dict(o.split(":") for o in options)
        want = [int(numbers[k]) for k in ("max_count", "max_size", "max_length") if k in numbers]
        got = [0, *want] if key in (("Once", "ratchet"), ("Device", "forked_from"), ("Want", "voice")) else want
        assert table[key] == got, key
        seen.add(key)
    assert {k for k, v in table.items() if v} == seen


# --- tokens ---

KINDS = {"license": "License", "product": "Product file", "certificate": "Host certificate", "lease": "Lease",
         "host-request": "Host request", "license-request": "License request", "revocations": "Revocation list",
         "checkpoint": "Checkpoint", "request": "Offline request", "answer": "Offline answer"}


def claims_in(text):
    return {r[0].strip("`?") for r in rows(text)}


def test_every_claim_is_described():
    common = claims_in(DOC.split("Claims of all files:")[1].split("### License")[0])
    for kind, title in KINDS.items():
        assert set(examples.CLAIMS[kind]) - common <= claims_in(section(title)), kind
        assert common >= {"typ", "ver", "iss", "iat", "jti", "crit"}
    license_claims = claims_in(section("License"))
    for grant in examples.CLAIMS["license"]["grants"]:
        assert set(grant) | set(grant["policy"]) <= license_claims
    for product in examples.CLAIMS["license"]["products"]:
        assert set(product) <= license_claims


def test_kinds_and_labels():
    with open(os.path.join(PROTOCOL, "token.c"), encoding="utf-8") as f:
        kinds = set(re.findall(r'= \{"(muster\.[a-z-]+)", "([A-Z ]+)"\};', f.read()))
    table = {(r[1].strip("`"), r[2].strip("`")) for r in rows(section("5. Signed files")) if r[1].startswith("`muster.")}
    assert table == kinds


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_optional_claims_are_optional(peer, kind):
    """What the page marks with ? may be left out, and everything else may not."""
    optional = set(re.findall(r"^\| `(\w+)`\?", section(KINDS[kind]).split("A grant:")[0], re.M))
    _, key = examples.signer_of(kind)
    args = (independent.public_of(key), independent.secret_of(key))
    for claim in examples.CLAIMS[kind]:
        claims = {k: v for k, v in examples.CLAIMS[kind].items() if k != claim}
        if claim == "typ":
            continue
        if kind == "license" and claim == "products":
            claims.pop("grants")  # grants need their products
        try:
            peer.ask("resign", kind, *args, token_sign(key, claims, ""))
            refused = False
        except Exception:  # noqa: BLE001 - any code will do here
            refused = True
        assert refused == (claim not in optional), claim


# --- errors ---

def test_transport_codes():
    table = [(int(r[0]), r[1], r[2]) for r in rows(section("8. Error codes"))]
    codes = [(int(n), name, retry) for n, name, retry in re.findall(r"^ERR\((\d+), (\w+), (\w+),", read("errors.def"), re.M)]
    assert table == [c for c in codes if c[0] < 20]


def test_names_in_the_text_exist():
    names = set(re.findall(r"^ERR\(\d+, (\w+),", read("errors.def"), re.M))
    words = {w for w in re.findall(r"\b[A-Z]{3,}(?:_[A-Z]+)+\b", DOC) if not w.startswith(("LIMIT_", "BEGIN", "END"))}
    assert words <= names, words - names


# --- the example ---

def example_values():
    block = section("9. A worked example").split("```\n")[1]
    values, name = {}, None
    for line in block.split("\n"):
        words = line.split()
        if len(words) == 2:
            name = words[0]
            values[name] = words[1]
        elif len(words) == 1:
            values[name] += words[0]
    return values


def test_the_example_is_made_of_real_bytes(pb):
    made = make_vectors.handshake(pb)
    values = example_values()
    assert len(values) >= 12
    for name, value in values.items():
        if value.endswith("..."):
            assert made[name].startswith(value[:-3]) and len(value) > 100, name
        else:
            assert made[name] == value, name


def test_the_example_lease(pb):
    block = re.search(r"```json\n(.*?)```", section("9. A worked example"), re.S).group(1)
    assert json.loads(block) == examples.CLAIMS["lease"]


def test_the_refusal_in_the_text():
    line = [x for x in section("Refusal").split("\n") if x.startswith("    4d")][0]
    assert bytes.fromhex(line.replace(" ", "")) == independent.refusal(3, 30)


def program():
    code = re.search(r"```python\n(.*?)```", DOC, re.S).group(1)
    space = {}
    exec(compile(code, "PROTOCOL.md", "exec"), space)  # noqa: S102 - the page's own program
    return space["verify_lease"]


def lease_and_certificate(lease=None, cert=None):
    lease = {**examples.CLAIMS["lease"], **(lease or {})}
    cert = {**examples.CLAIMS["certificate"], **(cert or {})}
    return token_sign(examples.HOST, lease, lease["iss"]), token_sign(examples.VENDOR, cert, cert["iss"])


def test_the_program_of_the_page():
    verify = program()
    vendor = independent.k4_public(independent.public_of(examples.VENDOR))
    lease, cert = lease_and_certificate()
    assert verify(lease, cert, vendor, "acme-cad") == examples.CLAIMS["lease"]
    other = independent.k4_public(independent.public_of(examples.HOST))
    bad = [(lease, cert, other, "acme-cad"), (lease, cert, vendor, "acme-tv"), (cert, cert, vendor, "acme-cad"),
           (lease, lease, vendor, "acme-cad"), (lease[:-1] + "A", cert, vendor, "acme-cad"),
           (*lease_and_certificate({"iat": "2031-01-01T00:00:00Z"}), vendor, "acme-cad"),
           (*lease_and_certificate({"org": "lagoon"}), vendor, "acme-cad"),
           (*lease_and_certificate({"license": "lagoon-1"}), vendor, "acme-cad"),
           (*lease_and_certificate({"vendor": examples.CLAIMS["lease"]["iss"]}), vendor, "acme-cad"),
           (lease[:20] + "!" + lease[20:], cert, vendor, "acme-cad"),
           (*lease_and_certificate(cert={"usages": "please"}), vendor, "acme-cad"),
           (*lease_and_certificate({"crit": ["x"]}), vendor, "acme-cad"),
           (*lease_and_certificate(cert={"usages": ["rpc"]}), vendor, "acme-cad"),
           (*lease_and_certificate(cert={"products": ["acme-tv"]}), vendor, "acme-cad")]
    for args in bad:
        with pytest.raises(Exception):  # noqa: B017, PT011 - any refusal
            verify(*args)
