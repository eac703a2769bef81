# SPDX-License-Identifier: Apache-2.0
"""
The real programs while memory or the disk fails at one call, or from there on: each ends with a documented exit code and says
why, what it has reported done is done, and what it has not works when it is asked again.
"""
import itertools
import re
import shutil

import pytest
from fault import DISK, EXITS, MEMORY, TRIES, Files, not_beside_tsan
from harness import COVERED, PRODUCT, Host, Machine, program, run, wait_for

# glibc and libuv end the process at a few places of the start, where nobody was served yet: its exit code, and what it says there, or who
# stands in the trace of tests/lib/fail.c between the crash and our own function.
LIBRARIES_DIE = ((127, r"cannot allocate memory for thread-local data"), (-6, r"abort\S*\n\S*/libuv\.so"), (-11, r"libc\.so\S*\(getgr(nam|gid)"))

pytestmark = not_beside_tsan


@pytest.fixture(scope="module")
def host(folder, vendor):
    host = Host(folder).start()
    host.install(vendor)
    yield host
    host.end()


def library_died(code, told):
    """(gcov, where it is, dies without memory.)"""
    return COVERED and code == -11 or any(code == known and re.search(place, told) for known, place in LIBRARIES_DIE)


def ended(done):
    """It has ended in an orderly way, and told it, if it did not do its work. (gcov dies without memory.)"""
    assert done.returncode in EXITS or COVERED and done.returncode == -11, (done.args, done.returncode, done.stderr)
    assert done.returncode == 0 or done.stdout + done.stderr, done.args
    return done.returncode == 0


def tried(fault, command):
    """Run it at each place; command(env, number) gives what it did. Yields each outcome for more questions."""
    numbers = itertools.count()

    def unharmed():
        done = command(fault.env, next(numbers))
        assert done.returncode in (0, 2), done.stderr  # 2: health is not good

    met = []
    for kind, at, for_good in fault.places(unharmed):
        fault.order(kind, at, for_good)
        number = next(numbers)
        done = command(fault.env, number)
        met.append(fault.failures > 0)
        print(f"kind {kind}, call {at}, {'for good' if for_good else 'once'}: {done.returncode} {done.stderr.strip()[:200]}")
        yield number, ended(done)
    assert sum(met) >= 0.9 * len(met)  # the last calls of one run need not be made by another


def written(folder, vendor, outcomes, kind):
    """A file is there when that was said, and it is whole."""
    for number, ok in outcomes:
        path = folder / f"{number}.{kind}"
        assert path.exists() or not ok
        if path.exists():
            run(program("muster-issuer"), "verify", path, "--dir", vendor.dir)
            path.unlink()


# --- the vendor ---


def test_issuing_a_license(folder, fault, vendor):
    def issue(env, number):
        shutil.rmtree(folder / "issuer", ignore_errors=True)
        shutil.copytree(vendor.dir, folder / "issuer")
        return run(program("muster-issuer"), "license", "issue", "--dir", folder / "issuer", "--id", f"l-{number}", "--org", "fjord",
                   "--org-name", "Fjord AS", "--until", "2080-01-01", "--hosts", "2", "--grant",
                   f"id=g,product={PRODUCT},model=volume,threshold=1", "-o", folder / f"{number}.license", env=env, check=False)

    def shown(number):
        return run(program("muster-issuer"), "license", "show", f"l-{number}", "--dir", folder / "issuer", check=False).returncode == 0

    for number, ok in tried(fault, issue):
        path = folder / f"{number}.license"
        if path.exists():  # never a part of one
            run(program("muster-issuer"), "verify", path, "--dir", vendor.dir)
        assert not ok or (path.exists() and shown(number))
        if not shown(number):
            path.unlink(missing_ok=True)
            assert issue({}, number).returncode == 0


def test_a_new_vendor(folder, fault):
    def init(env, number):
        return run(program("muster-issuer"), "init", "--dir", folder / f"vendor-{number}", "--vendor", "Acme", "--no-passphrase",
                   env=env, check=False)

    for number, ok in tried(fault, init):
        again = init({}, number)
        # A whole one of which it could not be said that it is whole is one all the same.
        assert again.returncode != 0 if ok else again.returncode == 0 or "DUPLICATE" in again.stderr, again.stderr
        run(program("muster-issuer"), "product", "add", PRODUCT, "--dir", folder / f"vendor-{number}", "--name", "A")


def test_the_vendors_products(folder, fault, vendor):
    """Add one, and write its file."""
    issuer = folder / "issuer"

    def add(env, number):
        shutil.rmtree(issuer, ignore_errors=True)
        shutil.copytree(vendor.dir, issuer)
        return run(program("muster-issuer"), "product", "add", "extra", "--dir", issuer, "--name", "Extra", "--plan", "one", env=env, check=False)

    for number, ok in tried(fault, add):
        again = run(program("muster-issuer"), "product", "add", "extra", "--dir", issuer, "--name", "Extra", "--plan", "one", check=False)
        assert again.returncode != 0 if ok else again.returncode == 0 or "DUPLICATE" in again.stderr, again.stderr
        run(program("muster-issuer"), "product", "export", "extra", "--dir", issuer, "-o", folder / "extra.product")

    def export(env, number):
        return run(program("muster-issuer"), "product", "export", PRODUCT, "--dir", issuer, "-o", folder / f"{number}.product", env=env, check=False)

    written(folder, vendor, tried(fault, export), "product")


def test_certifying_a_host(folder, fault, vendor, host):
    def certify(env, number):
        return run(program("muster-issuer"), "host", "certify", host.dir / "host.request", "--dir", vendor.dir, "--license",
                   host.dir / "fjord.license", "-o", folder / f"{number}.certificate", env=env, check=False)

    written(folder, vendor, tried(fault, certify), "certificate")


# --- the machine ---


def test_activating(folder, fault, vendor, host):
    def machine(number):
        return Machine(folder, f"m-{number}", vendor.products, "--host", f"127.0.0.1:{host.port}", "--timeout", "10")

    for number, ok in tried(fault, lambda env, number: machine(number)("activate", PRODUCT, env=env)):
        before = host.count()
        if ok:
            assert machine(number).status()["state"] == "licensed"
        machine(number).activate(check=True)
        assert machine(number).status()["state"] == "licensed"
        assert host.count() - before in ((0,) if ok else (0, 1))
    host.healthy("THRESHOLD_NOT_MET")


@pytest.mark.parametrize("verb", ["renew", "status", "release"])
def test_a_licensed_machine(folder, fault, vendor, host, verb):
    def machine(number):
        return Machine(folder, f"{verb}-{number}", vendor.products, "--host", f"127.0.0.1:{host.port}", "--timeout", "10")

    def command(env, number):
        machine(number).activate(check=True)
        return machine(number)(verb, *([] if verb == "status" else [PRODUCT]), env=env)

    for number, ok in tried(fault, command):
        after = machine(number)
        if verb == "release":
            assert not ok or after.status()["state"] in ("unlicensed", "grace")
            assert after("release", PRODUCT).returncode in (0, 3) or ok
        else:
            assert after.status()["state"] == "licensed"
            after.done("renew", PRODUCT)
    host.healthy("THRESHOLD_NOT_MET")  # when all have given back


# --- the administrator ---

@pytest.fixture(scope="module")
def asked(folder, vendor):
    """A host with a few of everything, so that every place of its lists can be tried."""
    host = Host(folder, state="asked").start()
    host.install(vendor)
    host.files = Files(host, vendor)
    for number in range(3):
        Machine(folder, f"asked-{number}", vendor.products, "--host", f"127.0.0.1:{host.port}").activate(check=True)
    yield host
    host.end()


@pytest.mark.parametrize("command", ["status", "device list", "license list", "audit list", "subscription list", "doctor", "wait --timeout 0",
                                     "user add u-{}", "backup b-{}.db", "host install {file}", "license install {file}"])
def test_asking_the_host(folder, fault, asked, command):
    host, printed = asked, {}

    def ask(env, number):
        words = command.format(number, file=host.files.fresh(command)).split()
        done = run(program("musterctl"), "--socket", host.socket, *words, env=env, cwd=folder, check=False)
        printed[number] = done.stdout
        return done

    for number, ok in tried(fault, ask):
        # A list that is told as whole is whole.
        assert not (ok and " list" in command) or printed[number] == printed[0]
        if ok and command.startswith("user"):
            assert any(user["user"] == f"u-{number}" for user in host.items("user", "list"))
        if ok and command.startswith("backup"):
            run(program("musterd"), "--verify-backup", folder / f"b-{number}.db")
        if command.startswith("backup"):  # one that was begun goes on, though nobody could be told
            wait_for(lambda: ask({}, f"{number}-after").returncode == 0, what="another backup")
        if ok and command.startswith("license"):
            assert host.items("license", "list")[0]["serial"] == host.files.serial
    host.healthy("THRESHOLD_NOT_MET")


def test_a_table_is_whole_or_none(folder, fault, asked):
    """The last calls, where it is printed: a cell that is left blank is no answer."""
    def show():
        return run(program("musterctl"), "--socket", asked.socket, "license", "list", env=fault.env, check=False)

    fault.order(MEMORY, 0)
    whole, calls, refused = show().stdout, fault.calls, 0
    for at in range(max(calls - 250, 1), calls):
        fault.order(MEMORY, at)
        done = show()
        refused += done.returncode != 0
        assert done.returncode or done.stdout == whole, at
    assert refused > 10


# --- the host ---


def test_a_configuration(folder, fault):
    """Every place: a file is not called wrong because there was no memory to read it."""
    config = folder / "checked.conf"
    config.write_text("[log]\nlevel = debug\n")

    def check():
        return run(program("musterd"), "--config", config, "--check-config", check=False, env=fault.env)

    starved = 0
    for kind, at, for_good in fault.places(check, 1000):
        if kind != MEMORY:
            continue
        fault.order(kind, at, for_good)
        done = check()
        starved += done.returncode == 75
        assert done.returncode in (0, 75) or COVERED and done.returncode == -11, (at, for_good, done)
        assert "CONFIG_INVALID" not in done.stdout + done.stderr, (at, for_good, done)
    assert starved > 1


def test_a_host(folder, fault, vendor):
    """Started and asked for an activation; then killed and started anew: what it said is there."""
    first = Host(folder, state="template").start()
    first.install(vendor)
    first.stop()
    states, died = itertools.count(), []

    def life(env):
        number = next(states)
        shutil.copytree(first.state, folder / f"life-{number}")
        host = Host(folder, state=f"life-{number}", env=env).spawn()
        machine = Machine(folder, f"life-{number}", vendor.products, "--timeout", "5")
        # The line that it is ready may be what there was no room for.
        wait_for(lambda: host.process.poll() is not None or " ready " in host.log.read_text() or
                 fault.failures and host.ctl("status", check=False).returncode != 3, what="musterd ready or ended")
        listens = re.search(r" ready .*listen=(\S+)", host.log.read_text())
        acknowledged = bool(listens) and machine("activate", PRODUCT, "--host", listens[1]).returncode == 0
        code = host.process.poll()
        died.append(not listens and library_died(code, host.told()))
        assert died[-1] or code in (None, *EXITS), (code, host.told())
        host.known = {0, *({code} if died[-1] else ())}
        host.kill()
        return host, machine, acknowledged

    assert life({})[2]
    for kind, at, for_good in fault.places(lambda: life(fault.env), max(TRIES // 2, 3)):
        fault.order(kind, at, for_good)
        host, machine, acknowledged = life(fault.env)
        print(f"kind {kind}, call {at}, {'for good' if for_good else 'once'}: acknowledged {acknowledged}")
        # A full disk takes no log, either.
        assert acknowledged or kind == DISK or died[-1] or re.search(r"error: .* code=[A-Z_]+|refused .*code=", host.log.read_text())
        host.env, host.readies = {}, 1 if " ready " in host.log.read_text() else 0
        host.start()
        assert host.count() >= int(acknowledged)
        machine.done("activate", PRODUCT, "--host", f"127.0.0.1:{host.port}")
        assert host.count() == 1
        host.healthy()
        host.stop()
    assert sum(died) <= 1 + len(died) // 50
