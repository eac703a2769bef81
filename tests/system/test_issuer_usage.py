# SPDX-License-Identifier: Apache-2.0
"""The vendor's program as a vendor uses it: the command line and the README's walkthrough."""

import os
import subprocess

from issuer_kit import Host, PROGRAM, ok, run
from issuer_kit import vendor  # noqa: F401 (fixtures)


# --- the command line ---


def test_usage(tmp_path):
    for args in ([], ["bake"], ["license"], ["license", "issue", "--colour"], ["verify"], ["verify", "a", "b"],
                 ["product", "list", "--grant", "x"], ["product", "add", "x", "--name"]):
        done = run(*args, cwd=tmp_path)
        assert done.returncode == 64 and done.stderr.startswith("muster-issuer: ") and done.stdout == ""
    for command in ("init", "product add", "product add-plan", "product list", "product export", "license issue",
                    "license renew", "license revoke", "license list", "license show", "host certify", "host list",
                    "host revoke", "key generate", "key list", "key block", "revocations", "verify"):
        assert command in ok("--help").stdout
        assert "--dir" in ok(*command.split(), "--help").stdout
    assert ok("--version").stdout.startswith("muster-issuer ")
    for key in ("id", "product", "model", "quantity", "threshold", "window", "lease", "renew", "retry", "grace",
                "devices_per_user", "overage", "on_expiry", "enrol", "plans", "from", "until", "cancel_until",
                "self_service", "recurring", "overflow", "quantity_max", "redeem_from_device"):
        for verb in (["issue"], ["renew", "fjord-1"]):
            assert f"\n  {key} " in ok("license", *verb, "--grant", "help").stdout


def test_full_standard_output(vendor):
    with open("/dev/full", "w") as full:
        for args in (["product", "list"], ["license", "list"], ["host", "list", "--json"]):
            assert run(*args, "--dir", vendor.dir, stdout=full).returncode == 1


def test_walkthrough(tmp_path):
    """The vendor's lines of the README, as they stand there."""
    script = """set -e
mkdir -p products run state
muster-issuer init --dir vendor --vendor "Acme Software" --no-passphrase
muster-issuer product add acme-cad --dir vendor --name "Acme CAD" --plan modeler --plan render
muster-issuer product export acme-cad --dir vendor -o products/acme-cad.product
cp vendor/vendor.pub products/acme.pub
muster-issuer license issue --dir vendor --org fjord --org-name "Fjord AS" --until 2080-01-01 --hosts 2 \\
    --grant id=cad-volume,product=acme-cad,model=volume,threshold=25 -o fjord.license
muster-issuer host certify host.request --dir vendor --license fjord.license -o host.certificate
"""
    Host().request(tmp_path / "host.request")
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert run("verify", "host.certificate", "--key", "@products/acme.pub", cwd=tmp_path).returncode == 0
    assert run("verify", "products/acme-cad.product", "--key", "@products/acme.pub", cwd=tmp_path).returncode == 0
