# SPDX-License-Identifier: Apache-2.0
"""The walkthrough of README.md runs as it stands there, and `make run`'s demonstration does too."""
import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from harness import BUILD, ROOT

# The walkthrough names port 6878: in a network namespace of its own it meets nobody.
ALONE = ["unshare", "-n", "sh", "-c", "ip link set lo up && exec sh -eu script"] if os.geteuid() == 0 else ["sh", "-eu", "script"]


def walkthrough():
    text = (ROOT / "README.md").read_text()
    return re.search(r"<!-- walkthrough:.*?-->\n```sh\n(.*?)```", text, re.S).group(1)


def test_readme_has_the_contract_s_walkthrough():
    contract = ROOT.parent / "shared" / "CONTRACT.md"
    if not contract.exists():
        pytest.skip("the contract is not beside this tree")
    assert re.search(r"```sh\n(.*?)```", contract.read_text(), re.S).group(1) == walkthrough()


def test_walkthrough_runs_verbatim(folder):
    (folder / "build").symlink_to(BUILD)
    (folder / "script").write_text(walkthrough() + "\nkill $!; wait $! || true\n")
    run = subprocess.Popen(ALONE, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        out, err = run.communicate(timeout=120)
    finally:
        try:
            os.killpg(run.pid, signal.SIGKILL)  # whatever the script left
        except ProcessLookupError:
            pass
    assert err.count("\nTHRESHOLD_NOT_MET: ") == 24, err
    status = json.JSONDecoder().raw_decode(out[out.index('{\n'):] if '{\n' in out else out[out.index('{'):])[0]
    assert status["products"][0]["state"] == "licensed"
    assert "cad-volume" in out


def test_demo_runs_twice(folder):
    """What `make run` shows, without a terminal: it ends with 0, and a second time too."""
    build = folder / "build"
    build.mkdir()
    for name in ("musterd", "musterctl", "muster", "muster-issuer"):
        (build / name).symlink_to(BUILD / name)
    for _ in range(2):
        done = subprocess.run(["sh", str(ROOT / "packaging" / "demo.sh"), str(build)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "24 of 24 are licensed now" in done.stdout
        assert "THRESHOLD_NOT_MET" in done.stdout
    shutil.rmtree(build)
