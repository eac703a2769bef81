# SPDX-License-Identifier: Apache-2.0
"""client/examples as an outsider builds and runs them: by the installed header and library, against a real host."""
import os
import shlex
import signal
import subprocess

import pytest
from harness import INSTRUMENTED, PRODUCT, ROOT, SECONDS, run, wait_for

pytestmark = pytest.mark.skipif(INSTRUMENTED, reason="an outsider's program is not instrumented")
GRANT = f"id=cad-volume,product={PRODUCT},model=volume,threshold=2"


def build(installed, folder, source, *libraries):
    """The example as a program, and the environment that it runs in."""
    _, env = installed
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "libmuster", *libraries, env=env).stdout)
    run("gcc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", source, "-o", folder / source.stem, *flags)
    return folder / source.stem, {**os.environ, **env}


class Agent:
    """A running agent; what it says."""

    def __init__(self, folder, program, env, vendor, host, *products):
        self.said = folder / "agent.out"
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen([program, f"state={folder / 'state'}", f"products={vendor.products}", f"host=127.0.0.1:{host.port}",
                                             *products], stdin=subprocess.PIPE, stdout=said, stderr=said, env=env)

    def says(self, text):
        wait_for(lambda: text in self.said.read_text(), what=f"{text!r} of the agent")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(timeout=SECONDS) == 0, self.said.read_text()
        finally:
            self.process.kill()


@pytest.mark.parametrize("name, libraries", [("agent_poll", []), ("agent_uv", ["libuv"])])
def test_an_agent(installed, folder, hosts, vendor, name, libraries):
    program, env = build(installed, folder, ROOT / "client" / "examples" / f"{name}.c", *libraries)
    host = hosts().start().serve(vendor, GRANT)
    host.listen = f"127.0.0.1:{host.port}"
    with Agent(folder, program, env, vendor, host, "nothing", PRODUCT) as agent:
        agent.says("NO_PRODUCT_FILE")
        agent.says("THRESHOLD_NOT_MET")
        assert host.count() == 1
        if name == "agent_poll":
            agent.process.stdin.write(b"status\n")
            agent.process.stdin.flush()
            agent.says(f"{PRODUCT} is grace")
    with Agent(folder, program, env, vendor, host, PRODUCT) as agent:
        agent.says("THRESHOLD_NOT_MET")
    # The second machine completes the count, so that the first one's next try goes well.
    assert run(program, "wrong=option", check=False, env=env).returncode == 78
    other = folder / "other"
    other.mkdir()
    with Agent(other, program, env, vendor, host, PRODUCT) as second:
        second.says(f"{PRODUCT}: activated")
    with Agent(folder, program, env, vendor, host, PRODUCT) as agent:
        agent.says(f"{PRODUCT}: activated")
    assert host.count() == 2
    # A host that hangs holds no agent up that is told to end.
    host.process.send_signal(signal.SIGSTOP)
    try:
        third = folder / "third"
        third.mkdir()
        with Agent(third, program, env, vendor, host, PRODUCT) as agent:
            wait_for(lambda: (third / "state" / "lock").exists(), what="a call that goes on")
    finally:
        host.process.send_signal(signal.SIGCONT)


def test_a_product_asks(installed, folder, hosts, vendor, machines):
    """As it stands but for the two folders, which are the machine's own otherwise."""
    host = hosts().start()
    host.install(vendor)
    a = machines(host, "a")
    text = (ROOT / "client" / "examples" / "licensed.c").read_text()
    new = "struct muster *m = muster_new();\n"
    assert new in text
    source = folder / "licensed.c"
    source.write_text(text.replace(new, f'{new}\tmuster_set(m, "state", "{a.state}");\n\tmuster_set(m, "products", "{vendor.products}");\n'))
    program, env = build(installed, folder, source)
    assert run(program, check=False, env=env).stdout == f"{PRODUCT}: grace\n"
    a.activate(check=True)
    assert run(program, env=env).stdout == f"{PRODUCT}: licensed\n"
