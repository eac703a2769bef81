# SPDX-License-Identifier: Apache-2.0
"""server/API.md as written: its commands run in one shell, in order, and give what stands below them."""
import os
import re
import subprocess

import pytest
from harness import ROOT, SECONDS

TEXT = (ROOT / "server" / "API.md").read_text()
MARK = "=== end of block"


@pytest.fixture
def known(host):
    host.change({"do": "user.add", "user": "kari", "name": "Kari Nordmann"}, {"do": "user.add", "user": "ola"},
                {"do": "user.add", "user": "per"})
    return host


def test_the_commands_of_the_document(known, folder):
    blocks = re.findall(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", TEXT, re.M | re.S)
    assert len(blocks) >= 8
    # head ends early, and curl before it must not make the block fail: no pipefail.
    script = "set -eu\n" + "".join(f"{commands}\necho '{MARK}'\n" for commands, _ in blocks)
    done = subprocess.run(["bash"], input=script, cwd=folder, capture_output=True, text=True, timeout=SECONDS,
                          env={**os.environ, "MUSTERCTL_SOCKET": str(known.socket)})
    assert done.returncode == 0, done.stdout + done.stderr
    given = done.stdout.split(MARK + "\n")
    assert len(given) == len(blocks) + 1
    for (commands, wanted), output in zip(blocks, given):
        for line in wanted.splitlines():
            assert any(found.startswith(line) for found in output.splitlines()), (commands, line, output)


def test_the_numbers_of_the_document():
    """What it says about limits is what the source has."""

    def constant(file, name):
        value = re.search(rf"#define {name}\s+(.+?)\s*(?:/\*.*)?$", (ROOT / file).read_text(), re.M).group(1)
        value = re.sub(r"\((?:size_t|int64_t)\)", "", value)
        return eval(re.sub(r"(\d+)u\b", r"\1", value))  # a number, a product or a shift

    admin = "server/admin/"
    for file, name, words in ((admin + "admin.c", "CONNECTIONS_MAX", "| connections on a socket | {} |"),
                              (admin + "admin.c", "IDLE_SECONDS", "| silence of a connection | {} s |"),
                              (admin + "stream.c", "STREAMS_MAX", "their reader | {}, "),
                              (admin + "stream.c", "SILENCE_MAX", ", {} s |"),
                              ("server/broker/replay.h", "REPLAYS_MAX", "remembered | {:,},"),
                              (admin + "admin.c", "REFUSALS_A_MINUTE", "({} a minute")):
        assert words.format(constant(file, name)) in TEXT, name
    assert constant("server/broker/replay.h", "REPLAY_BYTES_MAX") == 64 << 20 and "64 MiB in all" in TEXT
    assert constant("server/broker/replay.h", "REPLAY_ANSWER_MAX") == 256 << 10 and "may have 256 KiB" in TEXT
    assert constant("protocol/limit.h", "LIMIT_TOKEN") == 256 << 10 and "else 256 KiB" in TEXT
    assert constant(admin + "exchange.h", "PAGE_MAX") == 1000 and constant(admin + "exchange.h", "PAGE_USUAL") == 100
    assert "(100, at most 1000)" in TEXT
