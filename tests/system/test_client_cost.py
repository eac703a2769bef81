# SPDX-License-Identifier: Apache-2.0
"""What an activation costs a machine (DESIGN 9): one TCP connection, two round trips, no thread, and under 16 KiB of state."""
import re

import pytest
from harness import SANITIZED, Machine

STATE_MOST = 16 * 1024
CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)")
AN_ADDRESS = re.compile(r"sin_port=htons\((\d+)\)")


@pytest.fixture
def calls(folder, host, vendor):
    """The system calls of an activation, as strace tells them; and the machine's state."""
    trace = folder / "calls"
    strace = ("strace", "-f", "-qq", "-o", trace, "-e", "trace=network,read,write,readv,writev,clone,clone3,fork,vfork,close")
    machine = Machine(folder, "m", vendor.products, "--host", f"127.0.0.1:{host.port}", wrapper=strace)
    machine.activate(check=True)
    return [CALL.match(line).groups() for line in trace.read_text().splitlines() if CALL.match(line)], machine.state


def turns(found, port):
    """S for what was sent on a connection to that port, R for what came, in order and once for each turn; and the connections."""
    fds, connections, told = set(), 0, []
    for name, rest in found:
        fd = rest.split(",")[0].split(")")[0]
        address = AN_ADDRESS.search(rest)
        if name == "connect" and address and int(address[1]) == port:
            fds.add(fd)
            connections += 1
        elif name == "close":
            fds.discard(fd)
        elif fd in fds and re.search(r"= [1-9]\d*$", rest):
            way = {"sendto": "S", "write": "S", "writev": "S", "sendmsg": "S", "recvfrom": "R", "read": "R", "recvmsg": "R"}.get(name)
            if way and told[-1:] != [way]:
                told.append(way)
    return "".join(told), connections


@pytest.mark.skipif(SANITIZED, reason="a sanitizer makes calls of its own")
def test_one_connection_two_round_trips_no_thread(calls, host):
    found, state = calls
    assert turns(found, host.port) == ("SRSR", 1)
    assert not [name for name, _ in found if name.startswith(("clone", "fork", "vfork"))]
    size = sum(path.stat().st_size for path in state.rglob("*") if path.is_file())
    assert 0 < size < STATE_MOST, size
    assert host.count() == 1
