# SPDX-License-Identifier: Apache-2.0
"""packaging/deploy, each example as who runs it would: its commands, users, folders and mounts are read out of it, and run with the real
programs. Stand-ins are only for what would change this machine."""
import contextlib
import os
import re
import shutil
import signal
import subprocess

import pytest
import yaml
from dnsmasq import Dnsmasq
from harness import BUILD, PRODUCT, ROOT, needs_root, run, wait_for
from test_muster import catches
from tree import Tree

DEPLOY = ROOT / "packaging" / "deploy"
DOMAIN = "fjord.example"


@pytest.fixture
def dns(folder):
    """Serve the examples' domain, with the record of a host or without any; the variable that leads there."""
    server = Dnsmasq(folder, domain=DOMAIN)

    def serve(host=None):
        records = [f"--srv-host=_muster._tcp.{DOMAIN},lic01.{DOMAIN},{host.port}"] if host else []
        return {"MUSTER_DNS": server(f"--address=/lic01.{DOMAIN}/127.0.0.1", *records)}

    yield serve
    server.stop()


@pytest.fixture
def background(folder):
    """Start processes that go on: each with its log, and ended by its number, whatever happens."""
    with contextlib.ExitStack() as ends:

        def start(name, *command, env):
            with open(folder / f"{name}.log", "wb") as log:
                process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **env})
            ends.callback(process.wait, timeout=20)
            ends.callback(process.kill)
            process.said = (folder / f"{name}.log").read_text
            return process

        yield start


def ended(process):
    """Told to end as a container is, it has done so by itself."""
    process.terminate()
    assert process.wait(timeout=20) == 0, process.said()


# --- Ansible ---

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


# --- Kubernetes ---

MADE = "..2026_11_28"  # what a node makes of a secret or a map: links to a folder that it changes as a whole


class Pod:
    """What a node makes of kubernetes.yaml: everybody may write the folders of its volumes."""

    def __init__(self, place, number, have):
        place.mkdir()
        self.tree = Tree(place / "root")
        workload, = (o for o in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()) if o["kind"] == "StatefulSet")
        spec = workload["spec"]["template"]["spec"]
        self.container, = spec["containers"]
        self.env = dict(self.tree.env)
        for row in self.container["env"]:
            if "valueFrom" in row:
                assert row["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
            self.env[row["name"]] = self.expand(row["value"]) if "value" in row else f"{workload['metadata']['name']}-{number}"
        for volume in spec["volumes"]:
            self.make(place / volume["name"], volume, have)
        for mount in self.container["volumeMounts"]:
            within = mount.get("subPath") or self.expand(mount.get("subPathExpr", ""))
            self.tree.bind((place / mount["name"] / within).resolve(strict=True), mount["mountPath"], mount.get("readOnly", False))

    def expand(self, text):
        return re.sub(r"\$\((\w+)\)", lambda found: self.env[found[1]], text)

    @staticmethod
    def make(place, volume, have):
        place.mkdir()
        place.chmod(0o777)
        if "emptyDir" in volume:
            return
        terms = volume.get("secret") or volume["configMap"]
        (place / MADE).mkdir()
        (place / "..data").symlink_to(MADE)
        for name, content in have[terms.get("secretName") or terms["name"]].items():
            (place / MADE / name).write_bytes(content)
            (place / MADE / name).chmod(terms.get("defaultMode", 0o644))
            (place / name).symlink_to(f"..data/{name}")

    def __call__(self, *command, env, **more):
        return self.tree(*command, env={**self.env, **env}, **more)


@needs_root
def test_kubernetes(folder, host, vendor, dns, background):
    """Two pods, whose disks are made anew at their second start: they are the same two machines."""
    products = {"acme-cad.product": vendor.products / f"{PRODUCT}.product", "acme.pub": vendor.products / f"{PRODUCT}.pub"}
    have = {"muster-identities": {f"worker-{i}": os.urandom(32) for i in range(2)},
            "muster-products": {name: path.read_bytes() for name, path in products.items()}}
    env = dns(host)
    for start in range(2):
        pods = [Pod(folder / f"pod-{start}-{i}", i, have) for i in range(2)]
        agents = [background(f"agent-{start}-{i}", *pod.tree.command(*pod.container["command"]), env={**pod.env, **env})
                  for i, pod in enumerate(pods)]
        for pod, agent in zip(pods, agents):
            wait_for(lambda: "licensed until" in agent.said() and catches(agent.pid, signal.SIGTERM) or agent.poll() is not None, what="a lease")
            assert agent.poll() is None, agent.said()
            assert pod("muster", "status", PRODUCT, env=env)  # as another container beside it would
        for agent in agents:
            ended(agent)
        assert host.count() == 2 and len(host.items("device", "list")) == 2


def test_deploy_files_are_well_formed():
    for name in ("playbook.yml", "cloud-init.yaml", "kubernetes.yaml"):
        assert all(yaml.safe_load_all((DEPLOY / name).read_text()))
    cloud = yaml.safe_load((DEPLOY / "cloud-init.yaml").read_text())
    assert (DEPLOY / "cloud-init.yaml").read_text().startswith("#cloud-config\n") and set(cloud) == {"packages", "write_files", "runcmd"}
    instructions = re.findall(r"^([A-Z]+) ", (DEPLOY / "Dockerfile").read_text().replace("\\\n", " "), re.M)
    assert instructions[0] == "FROM" and set(instructions) <= {"FROM", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}
    assert ":latest" not in (DEPLOY / "Dockerfile").read_text()
