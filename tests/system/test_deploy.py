# SPDX-License-Identifier: Apache-2.0
"""packaging/deploy, each example as who runs it would: its commands, users, folders and mounts are read out of it, and run with the real
programs. Stand-ins are only for what would change this machine."""
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest
import yaml
from dnsmasq import Dnsmasq
from harness import BUILD, FAKETIME, PRODUCT, ROOT, catches, needs_faketime, needs_root, run, wait_for
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


# --- cloud-init ---

def cloud():
    return yaml.safe_load((DEPLOY / "cloud-init.yaml").read_text())


def first_start(tree, env, meanwhile=()):
    """What cloud-init does for a new instance, and what the image does between; what was said."""
    for file in cloud()["write_files"]:
        tree.write(file["path"], file["content"], int(file.get("permissions", "0644"), 8))
    if meanwhile:
        tree(*meanwhile, env=env)
    # It makes one script of all lines, in which the next one runs whatever became of the last.
    lines = [line if isinstance(line, str) else shlex.join(line) for line in cloud()["runcmd"]]
    said = tree("sh", "-c", "\n".join(lines), env=env)
    unit = re.search(r"^enable --now (muster\S+)$", tree.path("/systemctl.log").read_text(), re.M)[1]
    assert (ROOT / "packaging" / "systemd" / unit).exists()
    return said.stdout + said.stderr


@pytest.fixture
def instances(folder, vendor):
    """Make machines, each with its number in its machine-id, from nothing or from an image."""

    def make(number, image=None):
        tree = Tree(folder / f"instance-{number}")
        tree.write("/etc/machine-id", f"{number:032x}\n")
        tree.stand_in("systemctl", 'echo "$@" >> /systemctl.log')
        shutil.copytree(vendor.products, tree.path("/etc/muster/products"))
        if image:
            shutil.copytree(image.path("/var/lib/muster"), tree.path("/var/lib/muster"))
        return tree

    return make


@needs_root
def test_cloud_init(host, dns, instances):
    """A first start, another as for a new instance id, and that of an image which kept its identity, where the agent comes first."""
    env = dns(host)
    machine = instances(1)
    for _ in range(2):
        first_start(machine, env)
        assert machine("muster", "status", PRODUCT, env=env) and host.count() == 1
    copy = instances(2, image=machine)
    first_start(copy, env, meanwhile=("muster", "agent", "--once"))
    for one in (machine, copy):
        one("muster", "renew", PRODUCT, env=env)
    assert host.count() == 2 and len(host.items("device", "list")) == 2


@needs_root
@needs_faketime
def test_cloud_init_before_its_host(host, dns, instances):
    """The start goes on, and so does the agent, until there is a host."""
    env = dns()
    machine = instances(1)
    assert "NO_HOST" in first_start(machine, env) and host.count() == 0
    env = {**dns(host), "LD_PRELOAD": str(FAKETIME), "FAKETIME": "+1h"}
    assert f"{PRODUCT}: activated" in machine("muster", "agent", "--once", env=env).stdout and host.count() == 1


def test_cloud_init_is_well_formed():
    assert (DEPLOY / "cloud-init.yaml").read_text().startswith("#cloud-config\n")
    assert set(cloud()) == {"packages", "write_files", "runcmd"} and cloud()["packages"] == ["muster-client"]
    if shutil.which("cloud-init"):
        run("cloud-init", "schema", "--config-file", DEPLOY / "cloud-init.yaml")


# --- Docker ---

@needs_root
def test_dockerfile(folder, background):
    """The image is made by its RUN line, with a stand-in for what apt-get would do, and its container started, with the settings as they
    are installed; volumes are as an engine makes them."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    image = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert list(image) == ["FROM", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"] and ":latest" not in image["FROM"]
    tree = Tree(folder / "image")
    tree.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    tree.write("/etc/group", "root:x:0:\n")
    for name in ("tmp", "run", "var/lib"):
        tree.path(name).mkdir(parents=True, exist_ok=True)
    tree.write("/package/sysusers", (ROOT / "packaging/systemd/musterd.sysusers").read_text())
    tree.write("/package/musterd.conf", (BUILD / "conf/musterd.conf").read_text())
    tree.stand_in("apt-get", '[ "$1" != install ] || { systemd-sysusers /package/sysusers && install -D /package/musterd.conf -t /etc/muster; }')
    tree("sh", "-c", image["RUN"])
    tree.path(image["VOLUME"]).mkdir(exist_ok=True)  # root's, where the image has none

    daemon = background("musterd", "unshare", "-n", *tree.command(*json.loads(image["ENTRYPOINT"]), user=image["USER"]), env=tree.env)
    wait_for(lambda: " ready " in daemon.said() or daemon.poll() is not None, what="musterd")
    assert f":{image['EXPOSE']}" in daemon.said(), daemon.said()
    owner = tree.path(image["VOLUME"]).joinpath("muster.db").stat().st_uid
    assert owner and re.search(rf"^{image['USER'].split(':')[0]}:[^:]*:{owner}:", tree.path("/etc/passwd").read_text(), re.M), owner
    assert f"number {owner} in the Dockerfile" in (ROOT / "packaging/docs/deploying.md").read_text()
    tree("sh", "-c", image["HEALTHCHECK"].removeprefix("CMD "), user=image["USER"])
    assert tree("musterctl", "host", "request", user=image["USER"]).stdout.startswith("-----BEGIN ")
    ended(daemon)
    # Nothing there: not well.
    assert tree("sh", "-c", image["HEALTHCHECK"].removeprefix("CMD "), user=image["USER"], check=False).returncode == 1


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
