# SPDX-License-Identifier: Apache-2.0
"""The passphrase of a backup's keys: asked for at a terminal, twice and unseen, or taken from a file or standard input."""
import os
import pty
import select
import subprocess
import time

import pytest
from harness import SECONDS, program, run


@pytest.fixture
def host(hosts):
    return hosts().start()


def typed(host, *answers, args=("--with-key",)):
    """musterctl backup at a terminal, each answer typed when it is asked for; the exit code and what was seen."""
    master, slave = pty.openpty()
    child = subprocess.Popen([program("musterctl"), "--socket", host.socket, "backup", host.dir / "b", *args], stdin=slave, stdout=slave,
                             stderr=slave)
    os.close(slave)
    seen, waiting, end = b"", list(answers), time.monotonic() + SECONDS
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            seen += os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if waiting and seen.endswith((b"passphrase: ", b"again: ")):
            time.sleep(0.1)  # what is typed before the echo is off is thrown away
            os.write(master, waiting.pop(0) + b"\n")
    os.close(master)
    assert not waiting
    return child.wait(timeout=SECONDS), seen.decode()


def opens(hosts, host, word):
    """It is this passphrase, and no other, that gives the backup's keys."""
    other = hosts(state="other")
    other.write_config()
    restore = [program("musterctl"), "restore", host.dir / "b", "--config", other.config, "--passphrase", "-"]
    assert run(*restore, stdin="y" + word[1:], check=False).stderr.startswith("PASSPHRASE_WRONG")
    too_long = run(*restore, stdin="x" * 1025, check=False)
    assert too_long.returncode == 64 and "1 to 1024 bytes" in too_long.stderr
    run(*restore, stdin=word)
    assert (other.state / "host.key").read_bytes() == (host.state / "host.key").read_bytes()


def test_typed_twice_and_unseen(host, hosts):
    code, seen = typed(host, b"correct horse", b"correct horse")
    assert code == 0 and "correct" not in seen, seen
    opens(hosts, host, "correct horse")


@pytest.mark.parametrize("answers, why", [((b"one", b"two"), "the two passphrases differ"), ((b"", b""), "1 to 1024 bytes"),
                                          ((b"x" * 1100, b"x" * 1100), "1 to 1024 bytes")])
def test_typed_wrongly(host, answers, why):
    code, seen = typed(host, *answers)
    assert code == 64 and why in seen and "USAGE" in seen, seen
    assert not (host.dir / "b").exists()


@pytest.mark.parametrize("args, stdin, code, why", [
    ((), None, "USAGE", "there is no terminal to ask on"),
    (("--passphrase", "correct horse"), None, "USAGE", "others can see it"),
    (("--passphrase", "@missing"), None, "IO", "No such file"),
    (("--passphrase", "-"), "", "USAGE", "1 to 1024 bytes"),
    (("--passphrase", "-"), "\n", "USAGE", "1 to 1024 bytes"),
    (("--passphrase", "-"), "x" * 1025, "USAGE", "1 to 1024 bytes"),
    (("--passphrase", "-"), "x" * 70000, "TOO_LARGE", ""),
])
def test_given_wrongly(host, args, stdin, code, why):
    done = host.ctl("backup", host.dir / "b", "--with-key", *args, check=False, stdin=stdin or "", cwd=host.dir)
    assert done.returncode != 0 and done.stderr.startswith(code) and why in done.stderr and "remedy: " in done.stderr, done.stderr
    assert not (host.dir / "b").exists()


@pytest.mark.parametrize("word", ["x", "x" * 1024, "with \u00e6 and blanks "])
def test_given_on_standard_input(host, hosts, word):
    host.ctl("backup", host.dir / "b", "--with-key", "--passphrase", "-", stdin=word + "\r\n")
    opens(hosts, host, word)
