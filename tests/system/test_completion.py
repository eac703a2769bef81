# SPDX-License-Identifier: Apache-2.0
"""Completion in real shells: bash, zsh and fish ask the program itself, and it asks the daemon for names."""
import os
import pty
import select
import shlex
import shutil
import subprocess
import time

import pytest

from ctl_server import BUILD, environment
from ctl_server import daemon, folder  # noqa: F401 (fixtures)

PROGRAMS = ["musterctl", "muster", "muster-issuer"]


def script(program, shell):
    result = subprocess.run([str(BUILD / program), "completion", shell], capture_output=True, text=True, timeout=20)
    assert result.returncode == 0 and result.stderr == ""
    return result.stdout


def needs(shell):
    return pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")


def in_shell(shell, code, **more):
    env = environment(PATH=f"{BUILD}:{os.environ['PATH']}", **more)
    result = subprocess.run([shell, *(["--no-config"] if shell == "fish" else []), "-c", code], capture_output=True, text=True,
                            timeout=30, env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def bash(program, line, **more):
    function = "_" + program.replace("-", "_")
    return in_shell("bash", f'{script(program, "bash")}\nCOMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}\n{function} '
                            '2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"', **more)


def fish(program, line, **more):
    out = in_shell("fish", f'{script(program, "fish")}\ncomplete -C {shlex.quote(line)}', **more)
    return [word.split("\t")[0] for word in out]


def zsh(program, line, folder, **more):  # noqa: F811
    """Type a line and a Tab into an interactive zsh; what stands on the line then."""
    with open(os.path.join(folder, ".zshrc"), "w") as f:
        f.write("PS1='> '\nautoload -Uz compinit && compinit -D\nunsetopt beep\n" + script(program, "zsh") +
                "show-line() { print -r -- \"[[$BUFFER]]\" >$ZDOTDIR/line; }\nzle -N show-line\nbindkey '^X' show-line\n")
    pid, fd = pty.fork()
    if pid == 0:
        env = environment(PATH=f"{BUILD}:{os.environ['PATH']}", ZDOTDIR=folder, TERM="dumb", **more)
        os.execvpe("zsh", ["zsh", "-d", "-i"], env)
    try:
        return zsh_line(fd, line, os.path.join(folder, "line"))
    finally:
        os.close(fd)
        os.waitpid(pid, 0)


def read_until_quiet(fd, enough=b"", limit=15):
    """What a terminal shows, until it has shown `enough` and is quiet."""
    seen = b""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.4)[0]:
            seen += os.read(fd, 4096)
        elif enough in seen:
            break
    return seen


def zsh_line(fd, line, result):
    read_until_quiet(fd, b"> ")
    os.write(fd, line.encode() + b"\t")
    read_until_quiet(fd)
    os.write(fd, b"\x18")
    for _ in range(100):
        if os.path.exists(result) and os.path.getsize(result):
            break
        time.sleep(0.1)
    with open(result) as f:
        return f.read().strip()[2:-2]


def serve_users(daemon):  # noqa: F811
    daemon.route("/v1/users", {"schema": 1, "items": [{"user": "anna@fjord", "name": "Anna"}, {"user": "bo", "name": None}],
                               "next": None})
    return {"MUSTERCTL_SOCKET": daemon.socket}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_valid(program, shell):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    checked = subprocess.run([shell, "-n"], input=script(program, shell), capture_output=True, text=True, timeout=20)
    assert checked.returncode == 0 and checked.stderr == ""


def test_bash(daemon):  # noqa: F811
    env = serve_users(daemon)
    assert bash("musterctl", "musterctl lic") == ["license"]
    assert bash("musterctl", "musterctl seat list --state ") == ["held", "waiting", "conflict"]
    assert bash("musterctl", "musterctl user show ", **env) == ["anna@fjord", "bo"]
    assert bash("musterctl", "musterctl user show anna@", **env) == ["fjord"]  # behind the word break
    assert bash("musterctl", "musterctl activation list --user=a", **env) == ["anna@fjord"]
    assert "--key" in bash("muster", "muster activate acme --k")
    assert bash("muster-issuer", "muster-issuer product add-") == ["add-plan"]
    assert bash("musterctl", "musterctl explain THRESHOLD_NO") == ["THRESHOLD_NOT_MET"]
    assert bash("muster", "muster explain THRESHOLD_NO") == ["THRESHOLD_NOT_MET"]


def test_bash_files(folder):  # noqa: F811
    for name in ("my license.txt", "other"):
        open(os.path.join(folder, name), "w").close()
    assert bash("musterctl", f"musterctl install {folder}/my") == [f"{folder}/my license.txt"]
    assert bash("musterctl", f"musterctl host request --output={folder}/ot") == [f"{folder}/other"]


@needs("fish")
def test_fish(daemon, folder):  # noqa: F811
    env = {**serve_users(daemon), "HOME": folder}
    assert fish("musterctl", "musterctl lic", **env) == ["license"]
    assert fish("musterctl", "musterctl user show ", **env) == ["anna@fjord", "bo"]
    assert fish("musterctl", "musterctl activation list --user=a", **env) == ["--user=anna@fjord"]
    assert "--plans" in fish("muster", "muster activate acme --p", **env)
    open(os.path.join(folder, "a.license"), "w").close()
    assert fish("musterctl", f"musterctl install {folder}/a.l", **env) == [f"{folder}/a.license"]


@needs("zsh")
def test_zsh(daemon, folder):  # noqa: F811
    env = serve_users(daemon)
    assert zsh("musterctl", "musterctl user signin-code an", folder, **env).rstrip() == "musterctl user signin-code anna@fjord"


@needs("zsh")
def test_zsh_issuer(folder):  # noqa: F811
    assert zsh("muster-issuer", "muster-issuer lic", folder).rstrip() == "muster-issuer license"


def test_a_daemon_that_is_silent_costs_300_ms(daemon):  # noqa: F811
    release = []

    def silent(handler):
        for _ in range(50):
            if release:
                break
            time.sleep(0.1)

    daemon.route("/v1/users", silent)
    quick = subprocess.run([str(BUILD / "musterctl"), "--complete", "user", "show", ""], capture_output=True, timeout=4,
                           env=environment(MUSTERCTL_SOCKET=daemon.socket))
    release.append(True)
    assert quick.returncode == 0 and quick.stdout == b"" and quick.stderr == b""
    gone = subprocess.run([str(BUILD / "musterctl"), "--complete", "user", "show", ""], capture_output=True, timeout=4,
                          env=environment(MUSTERCTL_SOCKET="/nowhere"))
    assert gone.returncode == 0 and gone.stdout == b"" and gone.stderr == b""
