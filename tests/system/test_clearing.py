# SPDX-License-Identifier: Apache-2.0
"""The vendor's clearing house: hosts certify themselves, renew their certificates, and ask for more, over the same RPC."""
import json
import os
import re
import socket

import pytest
from clearing import GRANT, House, key_for
from harness import SECONDS, Vendor, needs_faketime, program, run


@pytest.fixture
def clearing(vendor, folder):
    """The root's key is not where the clearing house is."""
    vendor("signer", "create", "--no-passphrase")
    (vendor.dir / "vendor.key").rename(folder / "safe.key")
    with House(vendor, folder) as house:
        yield house


def certified(host):
    return [(row["license"], row["id"], row["expires"]) for row in host.json("host", "show")["certificates"]]


def test_a_host_certifies_itself(vendor, clearing, hosts, machines, folder):
    path = vendor.issue(folder / "l", GRANT)
    key = key_for(vendor, path)
    host = hosts().start()
    # Without the vendor's key nobody is trusted; without a host key nobody is certified.
    assert "vendor-key" in host.refused("USAGE", "vendor", "call", clearing.at, "--key", "-", stdin=key)["detail"]
    host.refused("HOST_KEY_NEEDED", "vendor", "call", clearing.at, "--license", "fjord-1", "--vendor-key", vendor.dir / "vendor.pub")
    host.refused("HOST_KEY_WRONG", "vendor", "call", clearing.at, "--key", "-", "--vendor-key", vendor.dir / "vendor.pub",
                 stdin=key_of_another_vendor(folder))
    assert certified(host) == []
    shown = host.ctl("vendor", "call", clearing.at, "--key", "-", "--vendor-key", vendor.dir / "vendor.pub", stdin=key).stdout
    assert "installed certificate for fjord, license fjord-1" in shown and "cad-pool" in host.ctl("license", "show", "fjord-1").stdout
    a = machines(host, "a")
    a.activate(check=True)
    assert a.status()["state"] == "licensed"
    assert len(certified(host)) == 1 and re.search("certify: done", clearing.log.read_text())
    # The key was for one host.
    other = hosts(state="other").start()
    other.refused("HOST_KEY_WRONG", "vendor", "call", clearing.at, "--key", "-", "--vendor-key", vendor.dir / "vendor.pub", stdin=key)
    # Not due, and not so soon again, with the key or without.
    host.refused("REQUEST_LIMIT", "vendor", "call", clearing.at, "--key", "-", stdin=key)
    assert host.json("vendor", "call", clearing.at, "--if-due")["due"] is False
    host.refused("REQUEST_LIMIT", "vendor", "call", clearing.at)
    # The vendor's ledger knows it all.
    assert [row["name"] for row in json.loads(vendor("host", "list", "--json").stdout)["items"]] == [host.json("host", "show")["name"]]


def key_of_another_vendor(folder):
    stranger = Vendor(folder, name="Other", product="other")
    return key_for(stranger, stranger.issue(folder / "theirs", "product=other,model=volume,threshold=1"))


def test_more_places(vendor, clearing, hosts, machines, folder):
    host = hosts().start().serve(vendor, GRANT)
    (folder / "fjord-1").write_text("a file where the clearing house runs, with the name of the license")
    host.ctl("license", "request-more", "fjord-1", "--grant", "cad-pool=12", "-o", folder / "more")
    host.ctl("vendor", "call", clearing.at, folder / "more")
    assert host.grant("cad-pool")["quantity"] == 12
    serial = host.items("license", "list")[0]["serial"]
    # The answer was lost: the same request gets the same license, which is no news here.
    host.refused("LICENSE_SERIAL_OLD", "vendor", "call", clearing.at, folder / "more")
    assert host.items("license", "list")[0]["serial"] == serial == 2
    # More than was agreed upon is for people.
    host.ctl("license", "request-more", "fjord-1", "--grant", "cad-pool=16", "-o", folder / "much")
    host.refused("VENDOR_DECIDES", "vendor", "call", clearing.at, folder / "much")
    assert host.grant("cad-pool")["quantity"] == 12
    # A file that is none.
    host.refused("ARMOUR_INVALID", "vendor", "call", clearing.at, folder / "host.request")


def test_more_of_many_grants(vendor, clearing, hosts, folder):
    """A request of this size may not come before the handshake is over."""
    names = [f"pool-{i:03}" for i in range(60)]
    host = hosts().start().serve(vendor, *(GRANT.replace("cad-pool", name) for name in names))
    host.ctl("license", "request-more", "fjord-1", *(word for name in names for word in ("--grant", f"{name}=12")), "-o", folder / "more")
    assert (folder / "more").stat().st_size > 4200
    host.ctl("vendor", "call", clearing.at, folder / "more")
    assert {host.grant(name)["quantity"] for name in names} == {12}


def test_a_key_for_one_more_license(vendor, clearing, hosts, folder):
    """What the host has of its first license says nothing about the second."""
    path = vendor.issue(folder / "l", GRANT)
    vendor.renew(path, GRANT)
    host = hosts().start()
    ask = ["--key", "-", "--vendor-key", vendor.dir / "vendor.pub"]
    host.ctl("vendor", "call", clearing.at, *ask, stdin=key_for(vendor, path))
    assert [row["serial"] for row in host.items("license", "list")] == [2]
    second = second_license(vendor, folder / "second")
    done = host.json("vendor", "call", clearing.at, *ask, stdin=key_for(vendor, second))
    assert [row["kind"] for row in done["installed"]] == ["certificate", "license"]
    assert {row["id"]: row["serial"] for row in host.items("license", "list")} == {"fjord-1": 2, "second": 1}


def second_license(vendor, path):
    vendor("license", "issue", "--id", "second", "--org", "fjord", "--org-name", "Fjord AS", "--until", "2090-01-01", "--hosts", "2",
           "--grant", GRANT.replace("cad-pool", "more"), "-o", path)
    return path


def test_a_key_of_another_vendor(vendor, hosts, folder):
    """Nobody is told of another's licenses, and everybody's list of revocations comes, whatever the other's number is."""
    stranger = Vendor(folder, name="Other", product="other")
    for one in (vendor, stranger):
        one("signer", "create", "--no-passphrase")
    grant = "id=theirs,product=other,model=volume,threshold=1"
    for name in ("fjord-1", "gone"):
        stranger("license", "issue", "--id", name, "--org", "fjord", "--org-name", "Fjord AS", "--until", "2090-01-01", "--hosts", "2",
                 "--grant", grant, "-o", folder / f"their-{name}")
    stranger("license", "revoke", "gone")
    stranger("revocations", "-o", folder / "their-list")
    host = hosts().start()
    first = vendor.issue(folder / "l", GRANT)
    vendor.renew(first, GRANT)
    with House(vendor, folder) as house:
        host.ctl("vendor", "call", house.at, "--key", "-", "--vendor-key", vendor.dir / "vendor.pub", stdin=key_for(vendor, first))
    for number in (1, 2):
        vendor.license(folder / f"gone-{number}", more=("--id", f"gone-{number}"))
        vendor("license", "revoke", f"gone-{number}")
        vendor("revocations", "-o", folder / f"list-{number}")
        host.ctl("install", folder / f"list-{number}")
    with House(stranger, folder) as house:
        done = host.json("vendor", "call", house.at, "--key", "-", "--vendor-key", stranger.dir / "vendor.pub",
                         stdin=key_for(stranger, folder / "their-fjord-1"))
        assert [row["kind"] for row in done["installed"]] == ["certificate", "license", "revocations"]
        # Which vendor's house it is must be said from now on, unless the license says it.
        assert "several vendors" in host.refused("USAGE", "vendor", "call", house.at, "--if-due")["detail"]
        theirs = ["--if-due", "--vendor-key", stranger.dir / "vendor.pub"]
        assert host.json("vendor", "call", house.at, *theirs) == {"schema": 1, "due": False, "installed": []}
    assert sorted(row["revocations"] for row in host.items("vendor", "list")) == [1, 2]


def test_a_license_that_is_longer_than_an_answer(vendor, clearing, hosts, folder):
    """The certificate comes all the same, and it is said what is still to be had."""
    names = [f"pool-{'x' * 50}-{i:03}" for i in range(120)]
    path = vendor.issue(folder / "l", *(GRANT.replace("cad-pool", name) for name in names))
    assert path.stat().st_size > 33000
    host = hosts().start()
    ask = ["--key", "-", "--vendor-key", vendor.dir / "vendor.pub"]
    error = host.refused("LICENSE_BY_FILE", "vendor", "call", clearing.at, *ask, stdin=key_for(vendor, path))
    assert "license" in error["detail"] and len(certified(host)) == 1
    host.ctl("install", path)
    assert host.grant(names[-1])["quantity"] == 10


def test_revocations_come_along(vendor, hosts, folder):
    vendor("signer", "create", "--no-passphrase")
    path = vendor.issue(folder / "l", GRANT)
    vendor("license", "issue", "--id", "gone", "--org", "x", "--org-name", "X", "--until", "2090-01-01", "--grant", GRANT, "-o", folder / "gone")
    vendor("license", "revoke", "gone")
    vendor("revocations", "-o", folder / "list")
    with House(vendor, folder) as house:
        host = hosts().start()
        done = host.json("vendor", "call", house.at, "--key", "-", "--vendor-key", vendor.dir / "vendor.pub", stdin=key_for(vendor, path))
    assert [row["kind"] for row in done["installed"]] == ["certificate", "license", "revocations"]
    assert host.items("vendor", "list")[0]["revocations"] == 1


def test_a_list_that_comes_in_parts(vendor, hosts, folder):
    """Longer than one answer, after the host's certificate; and not again when there is none newer."""
    vendor("signer", "create", "--no-passphrase")
    path = vendor.issue(folder / "l", GRANT)
    vendor.block_many(folder)
    vendor("revocations", "-o", folder / "list")
    assert (folder / "list").stat().st_size > 2 * 49152
    host = hosts().start()
    ask = ["--key", "-", "--vendor-key", vendor.dir / "vendor.pub"]
    with House(vendor, folder) as house:
        done = host.json("vendor", "call", house.at, *ask, stdin=key_for(vendor, path))
        assert [row["kind"] for row in done["installed"]] == ["certificate", "license", "revocations"]
        assert host.items("vendor", "list")[0]["revocations"] == 1
        host.ctl("license", "request-more", "fjord-1", "--grant", "cad-pool=12", "-o", folder / "more")
        done = host.json("vendor", "call", house.at, folder / "more")
        assert [row["kind"] for row in done["installed"]] == ["license"]
        assert re.findall(r"(revocations|certify|more): done", house.log.read_text()) == ["certify", *["revocations"] * 3, "more"]


def test_somebody_else_answers(vendor, clearing, hosts, folder):
    host = hosts().start().serve(vendor, GRANT)
    # Another host of the vendor is no clearing house, though its certificate is the vendor's.
    host.refused("CLEARING_UNTRUSTED", "vendor", "call", f"127.0.0.1:{host.port}")
    stranger = Vendor(folder, name="Other", product="other")
    stranger("signer", "create", "--no-passphrase")
    with House(stranger, folder) as house:
        host.refused("UNKNOWN_VENDOR", "vendor", "call", house.at)
    host.refused("CONNECT_FAILED", "vendor", "call", house.at)
    host.refused("USAGE", "vendor", "call", "nowhere")


def call(clearing, source):
    host, port = clearing.at.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=SECONDS, source_address=(source, 0))


def test_callers_that_say_nothing_or_rubbish(vendor, clearing, hosts, folder):
    """More than may call at once, from one address and from many, and foreign bytes: the house goes on."""
    crowd = [call(clearing, "127.0.0.9") for _ in range(8)]
    with call(clearing, "127.0.0.9") as late:
        assert late.recv(100)[:4] == b"MUST"  # busy, in clear
    real = hosts().start()
    path = vendor.issue(folder / "l", GRANT)
    ask = ["vendor", "call", clearing.at, "--key", "-", "--vendor-key", vendor.dir / "vendor.pub"]
    real.ctl(*ask, stdin=key_for(vendor, path))
    crowd += [call(clearing, f"127.0.0.{10 + i // 8}") for i in range(56)]
    real.refused("BUSY", *ask, stdin=key_for(vendor, path))
    for one in crowd[:32]:
        one.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert one.recv(100) == b""
    real.refused("REQUEST_LIMIT", "vendor", "call", clearing.at)  # heard again
    for one in crowd[32:]:
        assert one.recv(100) == b""  # ten seconds are over
    for one in crowd:
        one.close()
    assert clearing.process.poll() is None


def test_serve_needs_a_key_for_it(vendor):
    done = run(program("muster-issuer"), "serve", "--listen", "127.0.0.1:0", "--dir", vendor.dir, check=False)
    assert done.stderr.startswith("SIGNER_UNFIT: ") and "signer create" in done.stderr
    vendor("signer", "create", "--no-passphrase")
    for where in ("127.0.0.1", "nowhere:1", ":6879", "[::1:0"):
        done = run(program("muster-issuer"), "serve", "--listen", where, "--dir", vendor.dir, check=False)
        assert done.returncode == 64 and done.stderr.startswith("USAGE: "), done.stderr


@needs_faketime
def test_sixty_days_before_the_end(vendor, hosts, clock, folder):
    vendor("signer", "create", "--no-passphrase", "--days", "730")
    with House(vendor, folder, "--days", "90", env={**os.environ, **clock.env}) as house:
        host = hosts(env=clock.env).start()
        path = vendor.issue(folder / "l", GRANT)
        host.ctl("vendor", "call", house.at, "--key", "-", "--vendor-key", vendor.dir / "vendor.pub", stdin=key_for(vendor, path), env=clock.env)
        second = second_license(vendor, folder / "second")
        host.ctl("vendor", "call", house.at, "--key", "-", stdin=key_for(vendor, second), env=clock.env)
        before = certified(host)
        clock.set("+29d")
        assert host.json("vendor", "call", house.at, "--if-due", env=clock.env)["due"] is False
        clock.set("+31d")
        done = host.json("vendor", "call", house.at, "--if-due", env=clock.env)
        assert done["due"] is True and [row["kind"] for row in done["installed"]] == ["certificate"] * 2
        assert all(now[0] == then[0] and now[2] > then[2] for now, then in zip(certified(host), before, strict=True))
        # One that the vendor will not renew does not keep the other from it.
        clock.set("+70d")
        before = certified(host)
        vendor("license", "revoke", "fjord-1", env={**os.environ, **clock.env})
        done = host.ctl("vendor", "call", house.at, "--if-due", env=clock.env, check=False)
        assert done.returncode != 0 and "LICENSE_REVOKED" in done.stderr and "license second" in done.stdout
        assert [now[2] > then[2] for now, then in zip(certified(host), before, strict=True)] == [False, True]
