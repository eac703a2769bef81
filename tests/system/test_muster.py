# SPDX-License-Identifier: Apache-2.0
"""The command `muster` as people and units use it: settings, agent, release, explain."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest
from harness import FAKETIME, PRODUCT, Machine, catches, needs_faketime, program, run, wait_for


def later(offset):
    return {"LD_PRELOAD": str(FAKETIME), "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture
def machine(folder, host, vendor):
    return Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}")


def test_settings_from_file_environment_and_line(folder, host, vendor):
    conf = folder / "muster.conf"
    conf.write_text(f"state = {folder / 'one'}\nproducts = {vendor.products}\nhost = 127.0.0.1:1\n")
    done = run(program("muster"), "activate", PRODUCT, env={"MUSTER_CONFIG": str(conf)}, check=False)
    assert done.returncode == 69 and "127.0.0.1:1" in done.stderr
    good = f"127.0.0.1:{host.port}"
    run(program("muster"), "activate", PRODUCT, env={"MUSTER_CONFIG": str(conf), "MUSTER_HOST": good})
    run(program("muster"), "activate", PRODUCT, "--config", conf, "--host", good, "--state", folder / "two")
    assert (folder / "two" / "leases" / f"{PRODUCT}.lease").exists()
    conf.write_text("state = x\nnonsense = 1\n")
    done = run(program("muster"), "status", "--config", conf, check=False)
    assert done.returncode == 78 and f"{conf}:2" in done.stderr


def test_state_is_private(machine):
    machine.activate(check=True)
    assert (machine.state / "device.key").stat().st_mode & 0o777 == 0o600
    assert (machine.state / "state.json").stat().st_mode & 0o777 == 0o600


def test_a_products_folder_that_others_may_write_is_refused(machine, vendor):
    os.chmod(vendor.products, 0o777)
    done = machine.activate()
    assert done.returncode == 77 and "INSECURE" in done.stderr
    os.chmod(vendor.products, 0o755)
    machine.activate(check=True)


def test_release_gives_the_place_back(machine, host):
    machine.activate(check=True)
    assert host.count() == 1
    machine("release", PRODUCT, check=True)
    assert host.count() == 0
    assert machine.status()["state"] in ("grace", "unlicensed")
    items = host.json("activation", "list")["items"]
    assert [item["state"] for item in items] == ["released"]
    machine.activate(check=True)
    assert host.count() == 1 and host.json("doctor")["ok"]


def test_explain_needs_no_network():
    done = run(program("muster"), "explain", "THRESHOLD_NOT_MET")
    assert "remedy" in done.stdout.lower()
    assert json.loads(run(program("muster"), "explain", "41", "--json").stdout)
    assert run(program("muster"), "explain", "NO_SUCH_CODE", check=False).returncode == 1


def test_output_that_does_not_arrive_is_no_success(machine):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program("muster"), "explain", "BUSY"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 1 and "No space left" in done.stderr


@needs_faketime
def test_agent_retries_what_was_refused(folder, hosts, vendor):
    host = hosts().start()
    host.install(vendor, threshold=2)
    at = ["--host", f"127.0.0.1:{host.port}"]
    first, second = Machine(folder, "a", vendor.products, *at), Machine(folder, "b", vendor.products, *at)
    assert first.activate().returncode == 1
    assert first("agent", "--once").stdout == ""
    said = first("agent", "--once", env=later("+3h")).stdout
    assert re.search(rf"^{PRODUCT}: failed: THRESHOLD_NOT_MET \(reference: [0-9a-f]{{16}}\)$", said, re.M), said
    assert f"{PRODUCT}: notice: CLOCK_SKEWED: " in said
    second.activate(check=True)
    first("agent", "--once", env=later("+4h"))
    assert first.status()["state"] == "grace"  # two hours are not over
    first("agent", "--once", env=later("+6h"))
    assert first.status()["state"] == "licensed"


@needs_faketime
def test_agent_renews_after_a_week_and_not_before(machine, host):
    machine.activate(check=True)

    def serial():
        return host.json("activation", "list")["items"][0]["serial"]

    machine("agent", "--once", env=later("+4d"))
    assert serial() == 1
    machine("agent", "--once", env=later("+9d"))
    assert serial() == 2


@needs_faketime
def test_states_of_a_machine_over_its_life(machine, host):
    machine.activate(check=True)
    host.stop()
    seen = {days: json.loads(machine("status", "--json", env=later(f"+{days}d")).stdout)["products"][0]["state"]
            for days in (1, 10, 20, 170, 181)}
    assert (seen[1], seen[170], seen[181]) == ("licensed", "overdue", "expired")
    assert machine("status", env=later("+181d")).returncode == 4


@needs_faketime
def test_agent_is_told_to_stop_while_a_host_is_silent(folder, vendor):
    """At any moment of the call, its beginning too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        machine = Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{silent.getsockname()[1]}")
        machine("activate", PRODUCT, "--timeout", "1")
        for pause in (0, 0.005, 0.01, 0.02, 0.05, 0.3):
            agent = subprocess.Popen([program("muster"), "agent", "--timeout", "60", *map(str, machine.options)], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL, env={**os.environ, **later("+1d")})
            try:
                wait_for(lambda: catches(agent.pid, signal.SIGTERM), what="its signal handler")
                time.sleep(pause)
                agent.send_signal(signal.SIGTERM)
                assert agent.wait(timeout=20) == 0, pause
            finally:
                agent.kill()
                agent.wait(timeout=10)


def test_agent_runs_until_it_is_told_to_stop(machine):
    machine.activate(check=True)
    agent = subprocess.Popen([program("muster"), "agent", *map(str, machine.options)], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
    try:
        time.sleep(0.5)
        assert agent.poll() is None
        agent.send_signal(signal.SIGTERM)
        wait_for(lambda: agent.poll() is not None, seconds=5, what="the agent's end")
        assert agent.returncode == 0
    finally:
        agent.kill()
        agent.wait(timeout=10)
