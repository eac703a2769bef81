# SPDX-License-Identifier: Apache-2.0
"""musterctl wait, against a host that is so far, step by step; and the format that the environment asks for."""
import json
import subprocess

from harness import PRODUCT, program, run, wait_for


def waits(host, *args):
    return subprocess.Popen([program("musterctl"), "--socket", host.socket, "wait", "--timeout", "20", *args],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_wait_until_it_serves_and_so_many_came(hosts, vendor, machines):
    host = hosts().start()
    error = host.refused("TIMEOUT", "wait", "--until", "licensed", "--timeout", "0")
    assert error["detail"].endswith("it is unlicensed") and "musterctl status" in error["remedy"]
    waiting = [waits(host, "--until", "licensed"), waits(host, "--until", "activations=2"),
               waits(host, "--until", "activations=1", "--product", "other")]
    try:
        host.serve(vendor, f"id=cad-volume,product={PRODUCT},model=volume")
        assert waiting[0].communicate(timeout=20)[0] == "licensed\n"
        one, two = machines(host, "one", "two")
        one.done("activate", PRODUCT)
        assert waiting[1].poll() is None
        assert "there are 1 activations" in host.refused("TIMEOUT", "wait", "--until", "activations=2", "--timeout", "0")["detail"]
        two.done("activate", PRODUCT)
        assert waiting[1].communicate(timeout=20)[0] == "activations=2\n" and waiting[1].returncode == 0
        assert waiting[2].poll() is None
        assert host.json("wait", "--until", "activations=2", "--product", PRODUCT)["until"] == "activations=2"
    finally:
        for child in waiting:
            child.kill()
            child.communicate()


def test_wait_until_nothing_needs_attention(hosts, vendor):
    host = hosts("[backup]\nwarn_days = 0\n").start()
    host.serve(vendor, f"id=cad-pool,product={PRODUCT},model=pool,quantity=100,enrol=open")
    assert wait_for(lambda: host.ctl("wait", "--until", "ok", "--timeout", "5", check=False).stdout) == "ok\n"


def test_a_wish_that_makes_no_sense(hosts):
    host = hosts().start()
    for line in (["activations=0"], ["activations=-1"], ["activations=x"], ["activations="], ["activations"],
                 ["ok", "--product", PRODUCT]):
        done = host.ctl("wait", "--until", *line, check=False)
        assert done.returncode == 64 and "--until" in done.stderr, line


def test_the_format_of_the_environment(hosts):
    host = hosts().start()

    def ctl(form, *args):
        return run(program("musterctl"), "--socket", host.socket, *args, env={"MUSTERCTL_FORMAT": form}, check=False)

    host.ctl("user", "add", "ann")
    assert json.loads(ctl("json", "user", "list").stdout)["items"][0]["user"] == "ann"
    assert ctl("csv", "user", "list").stdout.startswith("user,")
    assert "USER" in ctl("table", "user", "list").stdout and "USER" in ctl("", "user", "list").stdout
    assert ctl("csv", "user", "list", "--json").stdout.startswith("{")  # the line goes before
    assert ctl("json", "user", "list", "--csv").stdout.startswith("user,")
    assert ctl("csv", "user", "show", "ann").returncode == 0  # there is no CSV of it
    done = ctl("yaml", "user", "list")
    assert done.returncode == 64 and "MUSTERCTL_FORMAT takes table, json or csv" in done.stderr
