# SPDX-License-Identifier: Apache-2.0
"""packaging/deploy, each example as who runs it would."""
import os
import re
import shutil

import yaml
from harness import BUILD, PRODUCT, ROOT, program, run

DEPLOY = ROOT / "packaging" / "deploy"
DOMAIN = "fjord.example"


def test_playbook(folder, hosts, vendor):
    """Against a real host, without its tasks about packages and units: at first with nothing beside it; when nothing is new, nothing
    changes."""
    host = hosts().start()
    settings = folder / "settings" / "musterd.conf"
    settings.parent.mkdir()
    shutil.copy(DEPLOY / "playbook.yml", folder)
    (folder / "vars.yml").write_text(f"""
muster_socket: {host.socket}
muster_settings: {settings}
muster_become: false
muster_install: false
muster_changes:
  - {{do: user.add, user: kari}}
""")

    def play(code=0):
        done = run("ansible-playbook", "-i", "localhost,", "-c", "local", "-e", f"@{folder}/vars.yml", "playbook.yml", cwd=folder, check=False,
                   env={"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "HOME": str(folder),
                        "PATH": f"{BUILD}:{os.environ['PATH']}"}, timeout=180)
        assert done.returncode == code, done.stdout + done.stderr
        tasks = done.stdout.split("\nTASK [")[1:]
        return [task.split("]")[0] for task in tasks if ("\nchanged: " if code == 0 else "\nfatal: ") in task]

    assert play() == ["Its request is here"] and not settings.exists()
    files = folder / "files"
    files.mkdir()
    (files / "musterd.conf").write_text("[server]\nlissten = 127.0.0.1:6878\n")
    assert play(code=2) == ["Its settings"] and not settings.exists()
    (files / "musterd.conf").write_text(f"[dns]\ndomains = {DOMAIN}\n")
    path = vendor.license(files / "fjord.license")
    vendor("host", "certify", folder / "host.request", "--license", path, "-o", files / "host.certificate")
    assert play() == ["Its settings", "What the vendor sent"]
    assert settings.read_text() == (files / "musterd.conf").read_text() and settings.stat().st_mode & 0o777 == 0o644
    assert host.status()["grants"][0]["grant"] == "cad-volume" and host.items("user", "list")[0]["user"] == "kari"
    assert play() == []


def test_identities_that_stay(host, vendor, folder):
    """What kubernetes.yaml does: the state is lost at every start, and the machine is the same one."""
    seed = folder / "worker-0"
    seed.write_bytes(os.urandom(32))
    seed.chmod(0o400)
    for start in range(3):
        run(program("muster"), "activate", PRODUCT, env={"MUSTER_IDENTITY": str(seed), "MUSTER_STATE": str(folder / f"state-{start}"),
                                                         "MUSTER_PRODUCTS": str(vendor.products), "MUSTER_HOST": f"127.0.0.1:{host.port}"})
    assert host.count() == 1 and len(host.items("device", "list")) == 1


def test_deploy_files_are_well_formed():
    for name in ("playbook.yml", "cloud-init.yaml", "kubernetes.yaml"):
        assert all(yaml.safe_load_all((DEPLOY / name).read_text()))
    cloud = yaml.safe_load((DEPLOY / "cloud-init.yaml").read_text())
    assert (DEPLOY / "cloud-init.yaml").read_text().startswith("#cloud-config\n") and set(cloud) == {"packages", "write_files", "runcmd"}
    instructions = re.findall(r"^([A-Z]+) ", (DEPLOY / "Dockerfile").read_text().replace("\\\n", " "), re.M)
    assert instructions[0] == "FROM" and set(instructions) <= {"FROM", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}
    assert ":latest" not in (DEPLOY / "Dockerfile").read_text()
