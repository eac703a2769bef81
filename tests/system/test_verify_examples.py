# SPDX-License-Identifier: Apache-2.0
"""client/examples: a lease of a real host is verified by what has nothing of ours, and anything else is refused."""
import json
import re
import shutil
import string

import nacl.signing
import pytest
from harness import PRODUCT, ROOT, Machine, Vendor, needs_faketime, run
from test_muster import later

from issuer_kit import armour, b64, dearmour, pae, unb64

EXAMPLES = ROOT / "client" / "examples"
NODE = shutil.which("node")
RECENT = NODE is not None and int(run(NODE, "--version").stdout.lstrip("v").split(".")[0]) >= 18
PROGRAMS = [["/usr/bin/python3", EXAMPLES / "verify.py"]] + ([[NODE, EXAMPLES / "verify.mjs"]] if RECENT else [])


class Case:
    """A lease file, and what else a verifier is given."""

    def __init__(self, vendor, host, machine):
        self.vendor, self.host, self.machine = vendor, host, machine
        self.file = machine.state / "leases" / f"{PRODUCT}.lease"
        text = self.file.read_text()
        self.lease, self.certificate = dearmour(text, "LEASE"), dearmour(text, "CERTIFICATE")
        self.key = (vendor.dir / "vendor.pub").read_text().strip()

    def run(self, *options, lease=None, certificate=None, key=None, product=PRODUCT, **more):
        """What each program makes of it."""
        file = self.host.dir / "shown.lease"
        file.write_text(armour("LEASE", lease or self.lease) + armour("CERTIFICATE", certificate or self.certificate))
        return run_each("--vendor-key", key or self.key, "--product", product, *options, file, **more)

    def accepts(self, *options, **more):
        return agreed(self.run(*options, **more))

    def refuses(self, why, *options, **more):
        for done in self.run(*options, **more):
            assert done.returncode == 1 and done.stdout == "", done.stdout
            assert re.fullmatch(f"refused: .*{why}.*\n", done.stderr), done.stderr

    def signed(self, **changes):
        """The lease with other claims, signed by its real host; None leaves a claim out."""
        return signed_by(self.host.state / "host.key", {**claims_of(self.lease), **changes})

    def certified(self, **changes):
        """The certificate with other claims, signed by the vendor's root."""
        return signed_by(self.vendor.dir / "vendor.key", {**claims_of(self.certificate), **changes})


def run_each(*args, **more):
    return [run(*program, *args, check=False, **more) for program in PROGRAMS]


def agreed(all_done):
    """All accept, with the same words; these."""
    for done in all_done:
        assert done.returncode == 0 and not done.stderr, done.stderr
    said, = {done.stdout for done in all_done}
    return said


def claims_of(token):
    return json.loads(unb64(token.split(".")[2])[:-64])


def signed_by(key_file, claims, footer=None):
    """A token by a key without a passphrase; footer: the id of the signer where nothing else is said."""
    seed = unb64(re.search(r"k4\.secret\.(\S+)", key_file.read_text()).group(1))[:32]
    payload = json.dumps({name: value for name, value in claims.items() if value is not None}).encode()
    footer = claims.get("iss", "").encode() if footer is None else footer.encode()
    signature = nacl.signing.SigningKey(seed).sign(pae(b"v4.public.", payload, footer, claims["typ"].encode())).signature
    return f"v4.public.{b64(payload + signature)}.{b64(footer)}"


@pytest.fixture
def case(vendor, host, machines):
    machine = machines(host, "a")
    machine.activate(check=True)
    return Case(vendor, host, machine)


def certificate_for(case, folder, license_file, *more):
    """One more certificate of the same host."""
    path = folder / "another.certificate"
    path.unlink(missing_ok=True)
    case.vendor("host", "certify", folder / "host.request", "--license", license_file, "-o", path, *more)
    return dearmour(path.read_text(), "CERTIFICATE")


@pytest.mark.skipif(not RECENT, reason="node 18 is not installed")
def test_both_programs_run():
    """Without node the tests below are of verify.py alone."""
    assert [str(program[1]).rpartition(".")[2] for program in PROGRAMS] == ["py", "mjs"]


def test_a_real_lease(case, folder):
    status = case.machine.status()
    said = case.accepts()
    assert said.startswith(f"the device {case.machine.id} of fjord may use {PRODUCT} until {status['expires']}\n"), said
    assert "plans: modeler, render\n" in said and "grant cad-volume (volume)" in said
    case.accepts(f"--device={case.machine.id}")  # which may begin with -
    # As it stands in the state directory; in two files, as blocks and as bare tokens; the key in its file.
    trust = ["--vendor-key", case.vendor.dir / "vendor.pub", "--product", PRODUCT]
    assert agreed(run_each(*trust, case.file)) == said
    (folder / "l").write_text(case.lease + "\n")
    (folder / "c").write_text(case.certificate + "\n")
    assert agreed(run_each(*trust, folder / "l", folder / "c")) == said
    assert agreed(run_each(*trust, case.file, folder / "host.certificate")) == said


def test_every_changed_byte_is_refused(case):
    """In each part of both tokens: payload, signature, its last character, footer."""
    for name, token in (("lease", case.lease), ("certificate", case.certificate)):
        _, _, body, footer = token.split(".")
        begin = len("v4.public.")
        places = {begin + 40, begin + len(body) - 80, begin + len(body) - 1, len(token) - len(footer), len(token) - 1}
        for place in sorted(places):
            other = "B" if token[place] != "B" else "C"
            case.refuses("", **{name: token[:place] + other + token[place + 1:]})
        case.refuses("", **{name: token[:-1]})
        case.refuses("", **{name: "v4.local." + token[begin:]})
        case.refuses("(no v4.public token|not base64url)", **{name: token + "!"})
    case.refuses("signature", lease=case.certificate)
    case.refuses("signature", certificate=case.lease)
    flipped = bytearray(unb64(case.lease.split(".")[2]))
    flipped[30] ^= 1
    case.refuses("signature of the muster.lease", lease=f"v4.public.{b64(bytes(flipped))}.{case.lease.split('.')[3]}")


def test_there_is_one_text_for_each_token(case):
    """Bits behind the last byte, which a careless reader of base64url passes over."""
    letters = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    found = 0
    for pad in range(3):
        token, footer = case.signed(new="x" * pad).rsplit(".", 1)
        other = token[:-1] + letters[letters.index(token[-1]) ^ 1]
        if unb64(other.split(".")[2]) == unb64(token.split(".")[2]):
            found += 1
            case.refuses("not base64url", lease=f"{other}.{footer}")
    assert found == 2


def test_other_keys_products_and_devices(case, folder):
    stranger = folder / "stranger"
    stranger.mkdir()
    other = Vendor(stranger, name="Somebody Else")
    case.refuses("signature of the muster.certificate", key=(other.dir / "vendor.pub").read_text().strip())
    case.refuses("32 bytes", key="k4.public.AAAA")
    case.refuses("does not begin", key=case.key.replace("k4.public.", "k3.public."))
    case.refuses(f"for {PRODUCT}", product="acme-tv")
    case.refuses("for the device", "--device=" + "A" * 43)
    # A host of the stranger's, under the name of our vendor.
    case.refuses("another vendor", key=f"{(other.dir / 'vendor.pub').read_text().strip()} {case.key}")


def test_certificates_that_do_not_cover_the_lease(case, folder):
    """The vendor's own, for the same host and organisation: for another product, another license, another term."""
    vendor = case.vendor
    again = certificate_for(case, folder, folder / "fjord.license")
    case.accepts(certificate=again)
    twin = vendor.license(folder / "twin.license", more=("--id", "twin"))
    case.refuses("another license than fjord", certificate=certificate_for(case, folder, twin))
    vendor.add("acme-tv")
    path = folder / "tv.license"
    vendor("license", "issue", "--id", "tv", "--org", "fjord", "--org-name", "Fjord AS", "--until", "2090-01-01", "--grant",
           "id=tv,product=acme-tv,model=volume", "-o", path)
    tv = certificate_for(case, folder, path)
    case.refuses("", certificate=tv)
    case.refuses(f"does not cover {PRODUCT}", certificate=tv, lease=case.signed(license="tv"))
    case.refuses("not in force when", lease=case.signed(iat="2020-01-01T00:00:00Z"))
    case.refuses("more than 180 days", lease=case.signed(exp="2089-01-01T00:00:00Z"))
    case.refuses("more than 180 days", lease=case.signed(exp=None))
    lagoon = certificate_for(case, folder, vendor.license(folder / "lagoon.license", org="lagoon", more=("--id", "lagoon")))
    case.refuses("different organisations", certificate=lagoon)


def test_what_a_host_may_not_say(case):
    case.accepts(lease=case.signed())  # the hand that changes it below
    case.accepts(lease=case.signed(unknown={"new": [1]}))
    case.refuses("ended 20", lease=case.signed(exp=claims_of(case.lease)["iat"]))
    case.refuses("no muster.lease", lease=case.signed(crit=["new"]))
    case.refuses("no muster.lease", lease=case.signed(ver=2))
    case.refuses("signature", lease=case.signed(typ="muster.answer"))
    case.refuses("another vendor", lease=case.signed(vendor="k4.pid." + "A" * 44))
    case.refuses("time", lease=case.signed(exp="2026-12-01"))
    # Who signed is proved by the signature; only Python has the hash to compare what the lease says of it.
    other = case.run(lease=case.signed(iss=claims_of(case.certificate)["iss"]))
    assert other[0].returncode == 1 and "names another host" in other[0].stderr
    for claim in ("iat", "org", "product", "vendor", "license"):
        case.refuses("", lease=case.signed(**{claim: None}))


def test_what_a_certificate_must_say(case):
    """Signed by the vendor, and not for this."""
    case.accepts(certificate=case.certified())
    case.accepts(certificate=case.certified(products=None, lease_days_max=0))
    for usages in (["rpc"], [], "please"):
        case.refuses("may not sign leases", certificate=case.certified(usages=usages))
    case.refuses("does not cover", certificate=case.certified(products=f"not {PRODUCT}"))
    case.refuses("not in force when", certificate=case.certified(exp=claims_of(case.lease)["iat"]))
    case.refuses("not in force when", certificate=case.certified(nbf="2089-01-01T00:00:00Z"))
    case.refuses("another vendor", certificate=case.certified(vendor="k4.public." + "A" * 43))
    case.refuses("another vendor", certificate=case.certified(iss="k4.pid." + "A" * 44))
    case.refuses("no muster.certificate", certificate=case.certified(crit=["new"]))


def test_what_a_statement_must_say(case):
    """An issuing key that a root has let sign, or not quite."""
    case.vendor("signer", "create", "--no-passphrase")
    statement = claims_of(dearmour((case.vendor.dir / "issuing.statement").read_text(), "KEY"))
    root, issuing = case.vendor.dir / "vendor.key", case.vendor.dir / "issuing.key"

    def certificate(**changes):
        shown = signed_by(root, {**statement, **changes}, footer="").rstrip(".")
        return signed_by(issuing, claims_of(case.certificate), footer=shown)

    case.accepts(certificate=certificate())
    case.refuses("may not sign certificates", certificate=certificate(uses=["license"]))
    case.refuses("may not sign certificates", certificate=certificate(uses="certificates"))
    case.refuses("another vendor", certificate=certificate(iss="k4.pid." + "A" * 44))
    case.refuses("term is over", certificate=certificate(exp=claims_of(case.certificate)["iat"]))
    case.refuses("term is over", certificate=certificate(exp="2089-01-01T00:00:00Z"))
    case.refuses("signature of the muster.certificate", certificate=certificate(key="k4.public." + "A" * 43))
    case.refuses("no muster.key", certificate=certificate(ver=2))


@needs_faketime
def test_an_ended_lease(case):
    """A lease as it is, half a year later."""
    case.accepts(env=later("+179d"))
    case.refuses("the lease ended 20", env=later("+181d"))


def test_users(hosts, vendor, folder):
    host = hosts().start().serve(vendor, f"id=users,product={PRODUCT},model=user,quantity=5")
    host.change({"do": "user.add", "user": "kari"}, {"do": "assign", "user": "kari", "product": PRODUCT})
    machine = Machine(folder, "u", vendor.products, "--host", f"127.0.0.1:{host.port}")
    machine.done("signin", PRODUCT, "--user", "kari", "--code", "-", stdin=host.items("user", "signin-code", "kari")[0]["code"])
    said = Case(vendor, host, machine).accepts()
    assert said.startswith(f"kari on the device {machine.id} of fjord may use {PRODUCT} until {machine.status()['expires']}\n")


def test_a_place_for_life(hosts, vendor, folder):
    host = hosts().start().serve(vendor, f"id=pool,product={PRODUCT},model=pool,quantity=5,enrol=open")
    machine = Machine(folder, "p", vendor.products, "--host", f"127.0.0.1:{host.port}")
    machine.activate(check=True)
    pool = Case(vendor, host, machine)
    assert "(pool)" in pool.accepts()
    assert f"may use {PRODUCT} without an end\n" in pool.accepts(lease=pool.signed(exp=None))


def test_roots_and_issuing_keys(case, folder):
    """The certificate is signed by an issuing key, then by the next root; the vendor's name stays."""
    vendor = case.vendor
    key, safe = vendor.dir / "vendor.key", folder / "safe.key"
    vendor("signer", "create", "--no-passphrase")
    key.rename(safe)
    issued = certificate_for(case, folder, folder / "fjord.license")
    footer = unb64(issued.split(".")[3]).decode()
    assert footer.startswith("v4.public.")
    case.accepts(certificate=issued)
    # Another statement's key has not signed it; and a byte of the statement.
    case.refuses("", certificate=issued.rsplit(".", 1)[0] + "." + b64((footer[:60] + "A" + footer[61:]).encode()))
    case.refuses("signature", certificate=case.certificate.rsplit(".", 1)[0] + "." + b64(footer.encode()))
    safe.rename(key)
    vendor("signer", "revoke", json.loads(vendor("signer", "list", "--json").stdout)["items"][0]["signer"])
    vendor("signer", "create", "--no-passphrase", "--for", "license")
    vendor("root", "next", "--no-passphrase")
    roots = (vendor.dir / "vendor.pub").read_text()
    vendor("root", "switch")
    certificate = certificate_for(case, folder, folder / "fjord.license")
    case.refuses("signature of the muster.certificate", certificate=certificate)  # who knows the first root alone
    case.accepts(certificate=certificate, key=" ".join(roots.split()))
    case.accepts(key=" ".join(roots.split()))


def test_wrong_use(folder):
    (folder / "empty").write_text("")
    for args in ([], ["--product", PRODUCT], ["--vendor-key", "k4.public.A", "--product", PRODUCT, folder / "none"],
                 ["--vendor-key", "k4.public." + "A" * 43, "--product", PRODUCT, folder / "empty"]):
        for done in run_each(*args):
            assert done.returncode in (1, 2) and done.stderr and not done.stdout


def test_they_use_nothing_of_ours():
    """Their own libraries, PyNaCl and the standard ones."""
    python = set(re.findall(r"^(?:import|from) (\w+)", (EXAMPLES / "verify.py").read_text(), re.M))
    assert python == {"argparse", "base64", "hashlib", "json", "os", "re", "sys", "datetime", "nacl"}
    script = set(re.findall(r'^import .* from "(.*)";', (EXAMPLES / "verify.mjs").read_text(), re.M))
    assert script == {"node:crypto", "node:fs", "node:util"}
