# SPDX-License-Identifier: Apache-2.0
"""The Python binding, client/python: the whole header, and its verbs against a real host."""
import asyncio
import ctypes
import os
import pathlib
import pickle
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timezone

import pytest
from harness import BUILD, PRODUCT, ROOT, SANITIZED, SECONDS, Host, run

if SANITIZED:
    pytest.skip("an instrumented library does not load into a Python that is not", allow_module_level=True)

PACKAGE = ROOT / "client" / "python"
LIBRARY = {"MUSTER_LIBRARY": str(BUILD / "libmuster.so.0"), "PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1"}
sys.path.insert(0, str(PACKAGE))
os.environ["MUSTER_LIBRARY"] = LIBRARY["MUSTER_LIBRARY"]

import muster  # noqa: E402
from muster import _library  # noqa: E402

del os.environ["MUSTER_LIBRARY"]
HEADER = (ROOT / "client" / "include" / "muster.h").read_text()


@pytest.fixture
def machine(folder, vendor):
    """Make a machine of a host by its name, as a handle."""
    handles = []

    def make(name, host, **more):
        at = f"127.0.0.1:{host.port}" if isinstance(host, Host) else host
        handles.append(muster.Muster(state=folder / name, products=vendor.products, host=at, **more))
        return handles[-1]

    yield make
    for handle in handles:
        handle.close()


@pytest.fixture
def silent():
    """A host that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SECONDS)
        yield server


def address(server):
    return f"127.0.0.1:{server.getsockname()[1]}"


# --- the header ---

C_TYPES = {"int": ctypes.c_int, "long long": ctypes.c_longlong, "const char *": ctypes.c_char_p, "void": None,
           "struct muster *": _library.HANDLE, "struct muster_status *": _library.STATUS}


def c_type(text):
    """The ctypes twin of a C type: by the table, or a pointer to one of it."""
    text = " ".join(text.replace("*", " * ").replace("const struct", "struct").split()).replace("* *", "**")
    return C_TYPES[text] if text in C_TYPES else ctypes.POINTER(C_TYPES[text.removesuffix("*").strip()])


def declared():
    """All of muster.h: name -> what it returns, what it takes."""
    code = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.S)
    found = {}
    for returns, name, takes in re.findall(r"^MUSTER_API ([^;()]*?)(\w+)\(([^)]*)\);", code, re.M):
        arguments = [] if takes == "void" else [re.sub(r"\w+$", "", argument.strip()) for argument in takes.split(",")]
        found[name] = (c_type(returns), tuple(c_type(argument) for argument in arguments))
    assert len(found) == len(re.findall("^MUSTER_API ", code, re.M)), "a declaration that is not understood"
    return found


def test_the_prototypes_are_the_header_s():
    header = declared()
    assert set(_library.PROTOTYPES) == set(header)
    wrong = {name: (_library.PROTOTYPES[name], want) for name, want in header.items() if _library.PROTOTYPES[name] != want}
    assert not wrong


def test_a_changed_header_would_be_seen(monkeypatch):
    """The test above, on headers with one more function and with another argument."""
    for old, new in (("MUSTER_API void muster_free(", "MUSTER_API int muster_new_one(void);\nMUSTER_API void muster_free("),
                     ("int muster_import(struct muster *m, const char *text)", "int muster_import(struct muster *m, int text)"),
                     ("int muster_status_count(", "long long muster_status_count(")):
        assert old in HEADER
        monkeypatch.setattr(sys.modules[__name__], "HEADER", HEADER.replace(old, new))
        with pytest.raises(AssertionError):
            test_the_prototypes_are_the_header_s()
        monkeypatch.undo()


def test_every_function_is_called():
    code = "".join((PACKAGE / "muster" / name).read_text() for name in ("_async.py", "_handle.py", "_records.py"))
    assert {name for name in _library.PROTOTYPES if not re.search(rf"\blib\.{name}\b", code)} == set()


def test_every_option_is_a_keyword():
    names = muster.options()
    assert names["host"] and not names["state"]
    assert set(muster.Muster.__init__.__kwdefaults__) | {"nonblocking"} == set(names)  # that one makes an AsyncMuster
    many = {name for name, value in muster.Muster.__init__.__kwdefaults__.items() if value == ()}
    documented = re.search(r"The names:\n(.*?)\n \* Codes:", HEADER, re.S).group(1)
    assert set(re.findall(r"^ \*   (\w+) ", documented, re.M)) == set(names)
    assert many == {name for name, repeatable in names.items() if repeatable} | {"plans"}


def test_it_is_typed():
    if not shutil.which("mypy"):
        pytest.skip("mypy is not installed")
    done = run("mypy", "--cache-dir", "/dev/null", "muster", cwd=PACKAGE, check=False, timeout=300)
    assert done.returncode == 0, done.stdout


# --- what needs no host ---

def test_tables():
    assert muster.version() == re.search(r'^version = "(.*)"$', (PACKAGE / "pyproject.toml").read_text(), re.M).group(1)
    busy = muster.explain("BUSY")
    assert busy == muster.explain(3) and busy.code == "BUSY" and busy.text and busy.remedy and busy.exit == 75
    assert muster.explain("NO_SUCH_CODE") is None and muster.explain(60000) is None


def test_wrong_options(folder):
    for wrong in ({"timeout_ms": 5}, {"host": ["127.0.0.1", "127.0.0.1:99999"]}, {"vendor_key": ["k4.public.x"]}, {"plans": ["a", "a"]}):
        with pytest.raises(muster.MusterError) as caught:
            muster.Muster(state=folder / "s", **wrong)
        assert caught.value.code == "CONFIG_INVALID" and caught.value.exit == 78
        assert next(iter(wrong)) in caught.value.detail, caught.value.detail
    with muster.Muster() as m:
        with pytest.raises(muster.MusterError) as caught:
            m.set("nonsense", "1")
        assert "nonsense" in str(caught.value)
        m.set("no_names", True)
        m.set("timeout_ms", None)
        with pytest.raises(TypeError):
            m.activate(None)
        with pytest.raises(ValueError):
            m.activate("acme\0cad")
    with pytest.raises(TypeError):
        muster.Muster(nonsense="1")
    assert not (folder / "s").exists()


def test_a_closed_handle(folder):
    m = muster.Muster(state=folder / "s")
    m.close()
    m.close()
    m.cancel()
    for call in (m.status, m.next_due, lambda: m.activate(PRODUCT)):
        with pytest.raises(ValueError):
            call()


def test_no_library():
    done = run(sys.executable, "-c", "import muster", env={**LIBRARY, "MUSTER_LIBRARY": "/nowhere/libmuster.so.0"}, check=False)
    assert done.returncode == 1 and "ImportError" in done.stderr and "MUSTER_LIBRARY" in done.stderr
    libc = next(pathlib.Path("/lib").glob("*/libc.so.6"))
    done = run(sys.executable, "-c", "import muster", env={**LIBRARY, "MUSTER_LIBRARY": str(libc)}, check=False)
    assert "ImportError" in done.stderr and "older than this package" in done.stderr


# --- with a host ---

def test_activation_renewal_release(machine, host, vendor):
    m = machine("a", host)
    assert m.product(PRODUCT).state == "grace" and m.next_due() is None
    done, = m.activate(PRODUCT)
    assert (done.product, done.what, done.code, done.notices) == (PRODUCT, "activated", "", ())
    status = m.status()
    found, = status
    assert found == m.product(PRODUCT) and m.product("acme-tv") is None
    assert status.device and not status.clock_suspect and status.forked_from == ""
    assert (found.state, found.model, found.org, found.serial, found.user, found.exit) == ("licensed", "volume", "fjord", 1, "", 0)
    assert found.plans == ("modeler", "render") and found.name == "Acme CAD" and found.error is None
    now = datetime.now(timezone.utc)
    assert 179 < (found.expires - now).total_seconds() / 86400 <= 180 and now < found.renew_after < found.expires
    assert found.grace_ends is None and found.host == f"127.0.0.1:{host.port}"
    assert 6 * 86400 < m.next_due() < 8 * 86400
    assert m.renew(only_if_due=True) == ()
    assert [o.what for o in m.renew(PRODUCT)] == ["renewed"]
    assert m.product(PRODUCT).serial == 2
    step, = m.where()
    assert (step.source, step.port, step.result) == ("host", host.port, "OK") and m.steps() == (step,)
    assert [o.what for o in m.release()] == ["released"]
    assert host.count() == 0 and m.product(PRODUCT).state != "licensed"
    with pytest.raises(muster.MusterError) as caught:
        m.renew(PRODUCT)
    assert caught.value.code == "NOT_ACTIVATED"
    m.generalize()
    assert m.status().device != status.device


def test_a_refusal_has_its_numbers(machine, hosts, vendor):
    host = hosts().start()
    host.install(vendor, threshold=2)
    first, second = machine("a", host), machine("b", host)
    with pytest.raises(muster.MusterError) as caught:
        first.activate(PRODUCT)
    error = caught.value
    assert (error.code, error.exit, error.values) == ("THRESHOLD_NOT_MET", 1, {"have": 1, "need": 2})
    assert muster.explain(error.number).code == error.code == muster.explain(error.code).code
    assert error.text and error.remedy and re.fullmatch("[0-9a-f]{16}", error.correlation)
    assert [(o.product, o.what, o.code, o.correlation) for o in error.outcomes] == [(PRODUCT, "failed", error.code, error.correlation)]
    assert [step.result for step in error.steps] == ["OK"] and error.reset is None
    assert str(error).startswith("THRESHOLD_NOT_MET: ")
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.values, str(again)) == (error.code, error.values, str(error))
    found = first.product(PRODUCT)
    assert found.error.code == error.code and found.error.values == error.values and found.error.correlation == error.correlation
    assert (found.have, found.need) == (1, 2)
    second.activate(PRODUCT)
    first.activate(PRODUCT)
    assert first.product(PRODUCT).error is None


def test_no_host_names_whom_it_asked(machine):
    m = machine("a", ["127.0.0.1:1", "127.0.0.1:2"])
    with pytest.raises(muster.MusterError) as caught:
        m.activate(PRODUCT)
    assert caught.value.code == "NO_HOST" and caught.value.exit == 69
    assert [step.target for step in caught.value.steps] == ["127.0.0.1", "127.0.0.1"]
    with pytest.raises(muster.MusterError):
        m.where()


def test_offline(machine, host):
    far, other = machine("a", "127.0.0.1:1", no_names=True), machine("b", "127.0.0.1:1")
    both = far.bundle(far.request(PRODUCT), other.request(PRODUCT))
    assert both.startswith("-----BEGIN MUSTER BUNDLE-----")
    with pytest.raises(muster.MusterError) as caught:
        far.request(PRODUCT, "kari")
    assert caught.value.code == "NAMES_TOLD"
    answer = host.ctl("offline", "answer", "-", stdin=both).stdout
    with pytest.raises(muster.MusterError):
        far.import_(answer[:-60])
    for m in (far, other):
        assert [o.what for o in m.import_(answer)] == ["activated"]
        assert m.product(PRODUCT).state == "licensed"
    stranger = machine("c", "127.0.0.1:1")
    with pytest.raises(muster.MusterError) as caught:
        stranger.import_(answer)
    assert caught.value.code == "ANSWER_FOREIGN"


def test_users(machine, hosts, vendor):
    host = hosts().start().serve(vendor, f"id=users,product={PRODUCT},model=user,quantity=5")
    host.change({"do": "user.add", "user": "kari"}, {"do": "assign", "user": "kari", "product": PRODUCT})
    m = machine("a", host)
    m.signin(PRODUCT, "kari", host.items("user", "signin-code", "kari")[0]["code"])
    assert m.product(PRODUCT).user == "kari"
    m.signout(PRODUCT)
    m.signin(PRODUCT, "kari")
    m.signout()
    with pytest.raises(muster.MusterError) as caught:
        m.signin(PRODUCT, "kari", "no code")
    assert caught.value.code == "KEY_MALFORMED"


def test_keys(machine, hosts, vendor):
    host = hosts().start().serve(vendor, f"id=pool,product={PRODUCT},model=pool,quantity=5")
    m = machine("a", host)
    with pytest.raises(muster.MusterError) as caught:
        m.redeem("no key", PRODUCT)
    assert caught.value.code == "KEY_MALFORMED"


def test_reset_and_its_undo(machine, host):
    m = machine("a", host)
    m.activate(PRODUCT)
    trial = m.reset(PRODUCT, dry_run=True)
    assert [o.what for o in trial.outcomes] == ["possible"] and trial.file == ""
    done = m.reset(PRODUCT)
    assert done.steps and {step.result for step in done.steps} <= {"done", "nothing to do"}
    assert pathlib.Path(done.file).exists()
    assert [o.what for o in m.reset_undo(PRODUCT, done.file)] != []
    host.stop()
    with pytest.raises(muster.MusterError) as caught:
        m.reset(PRODUCT)
    assert caught.value.code == "NO_HOST" and caught.value.reset.file == ""
    assert "failed" in {step.result for step in caught.value.reset.steps}


def test_telephone(machine):
    m = machine("a", "127.0.0.1:1")
    for call in (lambda: m.installation_id(PRODUCT), lambda: m.confirm("12345-6")):
        with pytest.raises(muster.MusterError) as caught:
            call()
        assert caught.value.code in ("VOICE_OFF", "DIGITS_WRONG")


# --- threads ---

def test_cancel_from_another_thread(machine, silent):
    m = machine("a", address(silent), timeout_ms=600000)
    caught = []

    def activate():
        try:
            m.activate(PRODUCT)
        except muster.MusterError as error:
            caught.append(error)

    thread = threading.Thread(target=activate)
    thread.start()
    connection, _ = silent.accept()  # this thread goes on while the other one waits
    assert thread.is_alive()
    with pytest.raises(RuntimeError):
        m.status()
    with pytest.raises(RuntimeError):
        m.close()
    m.cancel()
    thread.join(10)
    assert not thread.is_alive()
    connection.close()
    assert caught[0].code == "CANCELLED" and caught[0].temporary, caught[0]
    assert [step.result for step in caught[0].steps] == ["CANCELLED"]
    m.status()  # the handle is as good as before


def test_a_deadline(machine, silent):
    m = machine("a", address(silent))
    began = time.monotonic()
    with pytest.raises(muster.MusterError):
        m.activate(PRODUCT, deadline_ms=300)
    assert time.monotonic() - began < 9  # and not the ten seconds of the option


def test_a_handle_for_each_thread(machine, host):
    """Eight threads: four machines with two handles each, on one state directory."""
    failed = []

    def live(handle):
        try:
            for _ in range(5):
                handle.activate(PRODUCT)
                handle.renew(PRODUCT)
                assert handle.product(PRODUCT).state == "licensed"
        except Exception as error:  # noqa: BLE001 - for the main thread to tell
            failed.append(error)

    threads = [threading.Thread(target=live, args=(machine(f"m{i % 4}", host, timeout_ms=60000),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed and host.count() == 4


# --- the page ---

def test_the_readme_s_example(folder, host, vendor):
    code = re.search(r"<!-- example:.*?-->\n```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.S).group(1)
    assert 'agent="acme-cad/7.1"' in code
    code = code.replace('agent="acme-cad/7.1"', f'agent="acme-cad/7.1", host="127.0.0.1:{host.port}"')
    done = run(sys.executable, "-c", code, cwd=folder, env=LIBRARY)
    assert re.fullmatch(r"licensed until \d{4}-.* with modeler, render\n", done.stdout), done.stdout
    host.stop()
    shutil.rmtree(folder / "state")
    done = run(sys.executable, "-c", code, cwd=folder, env=LIBRARY)
    assert done.stdout.startswith("NO_HOST: ") and "\nremedy: " in done.stdout and "\ngrace until " in done.stdout


def test_the_readme_s_commands(folder):
    """In the top folder of the sources, by Debian's Python, without a network."""
    shutil.copytree(PACKAGE, folder / "client" / "python", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "build").symlink_to(BUILD)
    env = {"PATH": f"/usr/bin:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1", **LIBRARY, "PYTHONPATH": ""}
    as_they_lie, installed = (run("sh", "-euc", block, cwd=folder, env=env).stdout.splitlines()[-1]
                              for block in re.findall(r"^```sh\n(.*?)^```$", (PACKAGE / "README.md").read_text(), re.M | re.S))
    assert as_they_lie == muster.version()
    assert installed.startswith(str(folder / "env")), installed


def test_it_builds(folder):
    """With Debian's setuptools alone and no network, as a packager does."""
    if subprocess.run([sys.executable, "-c", "import setuptools"], capture_output=True, check=False).returncode:
        pytest.skip("setuptools is not installed")
    shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-W", "ignore", "-c", "import setuptools; setuptools.setup()", "--quiet", "build", "--build-lib", folder / "site",
        cwd=folder / "source")
    assert sorted(p.name for p in (folder / "site" / "muster").iterdir()) == ["__init__.py", "_async.py", "_handle.py", "_library.py", "_records.py",
                                                                             "py.typed"]
    done = run(sys.executable, "-c", "import muster; print(muster.__file__)", env={**LIBRARY, "PYTHONPATH": str(folder / "site")})
    assert done.stdout.strip().startswith(str(folder / "site"))


# --- asyncio ---

def twin(folder, vendor, name, at, **more):
    return muster.AsyncMuster(state=folder / name, products=vendor.products, host=at, **more)


def test_many_machines_in_one_event_loop(host, vendor, folder):
    async def live(name):
        async with twin(folder, vendor, name, f"127.0.0.1:{host.port}") as m:
            outcome, = await m.activate(PRODUCT)
            await asyncio.gather(m.renew(PRODUCT), m.where(), m.renew(PRODUCT))  # each in its turn
            assert (await m.status()).products[0].state == "licensed" and await m.next_due() > 0
            if name != "m-0":
                await m.release(PRODUCT)
            return outcome.what

    async def all_of_them():
        return await asyncio.gather(*(live(f"m-{i}") for i in range(20)))

    before = threading.active_count()
    assert asyncio.run(all_of_them()) == ["activated"] * 20
    assert threading.active_count() == before
    assert host.count() == 1


def test_a_refusal_in_an_event_loop(hosts, vendor, folder):
    host = hosts().start()
    host.install(vendor, threshold=3)

    async def ask():
        async with twin(folder, vendor, "m", f"127.0.0.1:{host.port}") as m:
            with pytest.raises(muster.MusterError) as caught:
                await m.activate(PRODUCT)
            return caught.value

    error = asyncio.run(ask())
    assert error.code == "THRESHOLD_NOT_MET" and error.values["need"] == 3


def test_a_cancelled_task(silent, host, vendor, folder):
    """Its verb ends at once, and the handle is good for the next."""
    async def ask():
        async with twin(folder, vendor, "m", address(silent)) as m:
            began = time.monotonic()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(m.activate(PRODUCT, deadline_ms=60000), 0.3)
            assert time.monotonic() - began < 30
            m._muster.set("host", None)
            m._muster.set("host", f"127.0.0.1:{host.port}")
            return await m.activate(PRODUCT)

    assert asyncio.run(ask())[0].what == "activated"
