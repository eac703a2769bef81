# SPDX-License-Identifier: Apache-2.0
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))
# The asserts of helpers say as much as those of the tests.
pytest.register_assert_rewrite("bind", "ctl_server", "dnsmasq", "guide", "harness", "issuer_kit", "loads", "wire")

import harness  # noqa: E402


@pytest.fixture
def folder():
    """A short path: Unix sockets allow about 100 characters."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="muster-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def hosts(folder):
    """Make hosts that are stopped at the end, whatever happens, each of them."""
    with contextlib.ExitStack() as ends:

        def make(*args, **more):
            host = harness.Host(folder, *args, **more)
            ends.callback(host.end)
            return host

        yield make


@pytest.fixture
def vendor(folder):
    return harness.Vendor(folder)


@pytest.fixture
def host(hosts, vendor):
    """A licensed host with threshold 1."""
    host = hosts().start()
    host.install(vendor)
    return host


@pytest.fixture
def clock(folder):
    return harness.Clock(folder)


@pytest.fixture
def machines(folder, vendor):
    """Make machines of a host by their names."""

    def make(host, *names, **more):
        made = [harness.Machine(folder, name, vendor.products, "--host", f"127.0.0.1:{host.port}", **more) for name in names]
        return made if len(made) != 1 else made[0]

    return make


@pytest.fixture(scope="session")
def installed():
    """What `make install` puts down, once for all who look at it as outsiders: its usr, and what compiler and loader need to find it.
    Or what packages put down, where they are unpacked in the folder MUSTER_INSTALLED."""
    if os.environ.get("MUSTER_INSTALLED"):
        yield harness.unpacked(pathlib.Path(os.environ["MUSTER_INSTALLED"]))
        return
    with tempfile.TemporaryDirectory(prefix="muster-", dir="/tmp") as name:
        yield harness.install(pathlib.Path(name))
