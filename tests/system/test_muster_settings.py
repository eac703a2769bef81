# SPDX-License-Identifier: Apache-2.0
"""What muster is told: by options, else by the environment, else by its file; and what is wrong there is said with its place."""
import json

import pytest
from harness import program, run


def status(folder, text=None, env=None, args=(), name="muster.conf"):
    """muster status in a folder of its own, with this file."""
    conf = folder / name
    if text is not None:
        conf.write_text(text)
    named = () if text is None and name == "muster.conf" else ("--config", conf)
    return run(program("muster"), "status", "--json", *named, *args, check=False, env=env, cwd=folder)


@pytest.mark.parametrize("text, place, why", [
    ("host\n", 1, "there is no '='"),
    ("# host\n; state\n\n  colour = red\n", 4, "there is no key 'colour'"),
    ("timeout = soon\n", 1, "timeout cannot be 'soon'"),
    ("timeout = 601\n", 1, "timeout cannot be '601'"),
    ("timeout = 1x\n", 1, "timeout cannot be '1x'"),
    ("host = a.example, b c:99999\n", 1, "host cannot be 'c:99999'"),
    ("= x\n", 1, "there is no key ''"),
])
def test_a_wrong_line(folder, text, place, why):
    done = status(folder, text)
    assert done.returncode == 78 and json.loads(done.stdout)["error"]["code"] == "CONFIG_INVALID", done
    assert f"muster.conf:{place}: {why}" in done.stderr and "remedy: " in done.stderr, done.stderr


def test_a_file_that_is_not_there(folder):
    done = status(folder, name="gone.conf")
    assert done.returncode == 78 and "gone.conf: No such file" in done.stderr


def test_wrong_in_the_environment(folder):
    done = status(folder, env={"MUSTER_TIMEOUT": "never"})
    assert done.returncode == 78 and "MUSTER_TIMEOUT: timeout cannot be 'never'" in done.stderr


def test_wrong_on_the_command_line(folder):
    done = status(folder, args=("--timeout", "-1"))
    assert done.returncode == 64 and "--timeout cannot be '-1'" in done.stderr


def test_a_path_of_the_file_is_the_files_own(folder):
    (folder / "etc").mkdir()
    done = run(program("muster"), "status", "--config", "etc/muster.conf", check=False, cwd=folder)
    assert done.returncode == 78  # not there yet
    (folder / "etc" / "muster.conf").write_text("  state = here \nproducts=/nowhere\nhost = a.example b.example\n")
    done = run(program("muster"), "status", "--config", "etc/muster.conf", check=False, cwd=folder)
    assert done.returncode != 78, done.stderr
    assert [path.name for path in folder.iterdir()] == ["etc"]


def test_the_nearer_word_counts(folder):
    """An option before the environment, the environment before the file: a wrong one that is overruled is not read."""
    text = "timeout = soon\n"
    assert status(folder, text).returncode == 78
    assert status(folder, text, env={"MUSTER_TIMEOUT": "5"}).returncode != 78
    assert status(folder, text, args=("--timeout", "5")).returncode != 78
    assert status(folder, env={"MUSTER_TIMEOUT": "never", "MUSTER_CONFIG": ""}, args=("--timeout", "5")).returncode not in (64, 78)
