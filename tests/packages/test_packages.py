# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: what they are made of, that they are the same wherever they are made, and how they live in a fresh Debian under
a real systemd: installed, asked from the network, upgraded under load, removed and purged. The tests go on from each other, in order."""
import gzip
import hashlib
import json
import pathlib
import re
import shutil
import sys
import tempfile

import pytest
from box import Box, make_tree, needs_boxes
from debs import PLACE, VERSION, build, sources
from harness import PRODUCT, ROOT, run, wait_for
from mentions import dead_links

NAMES = ["libmuster-dev", "libmuster0", "muster-client", "muster-doc", "muster-issuer", "musterd"]
DOCUMENTS = {"libmuster-dev": ["CHANGELOG.md", "PROTOCOL.md", "developer.md"], "muster-client": ["CHANGELOG.md"],
             "muster-issuer": ["CHANGELOG.md", "vendor.md"],
             "musterd": ["CHANGELOG.md", "SECURITY.md", "deploying.md", "runbook.md", "upgrading.md"]}
NEXT = "9.9.9"  # of a version with a newer database
BACKUP = "/mnt/before-upgrade.backup"
HOST, MACHINE = "10.77.0.1", "10.77.0.2"
# Of a system that lives, and not of a package.
LIVING = ("/var/log/", "/var/lib/dpkg/", "/var/lib/systemd/", "/var/cache/", "/etc/.pwd.lock")
# The load comes from one address.
LIMITS = "[limits]\nnew_devices_per_source = 1000000\nhandshakes_per_source = 1000000\n"


@pytest.fixture(scope="module")
def next_debs():
    """Of a version that is not written yet: it moves the database forward."""
    place = sources("next")
    number = 1 + max(int(path.name[:4]) for path in (place / "server/store/schema").glob("*.sql"))
    (place / f"server/store/schema/{number:04}_next.sql").write_text("ALTER TABLE device ADD COLUMN next INTEGER;\n")
    return build(PLACE / "next" / "built", NEXT, source=place, DEB_BUILD_OPTIONS="noopt")


# --- how they are built ---

def test_which_there_are(debs):
    assert sorted(debs) == NAMES


def test_documents(debs):
    """Each package has those of its reader, and what they refer to; and who refers to the pages of muster-doc recommends it."""
    tree = PLACE / "documents"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for name, path in debs.items():
        run("dpkg-deb", "-x", path, tree / name)
        documents = tree / name / "usr/share/doc" / name
        assert sorted(file.name for file in documents.glob("*.md*")) == DOCUMENTS.get(name, [])
        assert [link for page in documents.glob("*.md") for link in dead_links(page)] == []
        pages = "".join(gzip.open(page, "rt").read() for page in (tree / name / "usr/share/man").rglob("*.gz"))
        recommends = run("dpkg-deb", "-f", path, "Recommends").stdout.split()
        assert ("muster-doc" in recommends) == (name != "muster-doc" and re.search(r"muster\\?-codes", pages) is not None), name


def test_lintian_finds_no_error_and_no_warning(debs):
    changes = next((PLACE / "now" / "deb").glob("*.changes"))
    found = run("lintian", "--pedantic", "-I", "-E", "--show-overrides", changes, check=False, timeout=300).stdout
    print(found)
    assert not [line for line in found.splitlines() if line[:2] in ("E:", "W:", "O:")], found


def test_every_file_is_compiled_and_linked_hardened(debs):
    done = run("blhc", "--all", PLACE / "now" / "deb" / "build.log", check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_they_are_the_same_wherever_they_are_built(debs):
    """From sources without git, in another place, time zone, language and umask, one job at a time."""
    others = build(PLACE / "else" / "built", VERSION, source=sources("else"), umask="077", TZ="Pacific/Kiritimati", LC_ALL="C.UTF-8",
                   HOME="/nonexistent", DEB_BUILD_OPTIONS="parallel=1")
    digest = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()
    assert {name: digest(path) for name, path in others.items()} == {name: digest(path) for name, path in debs.items()}


def test_programs_from_outside_work_with_them(debs):
    """tests/outside, by the header, libraries and programs of the packages alone."""
    place = PLACE / "outside"
    shutil.rmtree(place, ignore_errors=True)
    (place / "bin").mkdir(parents=True)
    for path in debs.values():
        run("dpkg-deb", "-x", path, place / "root")
    for program in (*(place / "root/usr/bin").iterdir(), *(place / "root/usr/sbin").iterdir()):
        (place / "bin" / program.name).symlink_to(program)
    done = run(sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", ROOT / "tests/system/test_outside.py", check=False,
               timeout=600, env={"MUSTER_BUILD": str(place / "bin"), "MUSTER_INSTALLED": str(place / "root")})
    print(done.stdout)
    assert done.returncode == 0 and "skipped" not in done.stdout


# --- how they live ---

class Neighbour:
    """A machine on the host's wire: a network of its own, with the box's programs and files."""

    def __init__(self, box):
        self.box, self.netns = box, f"{box.netns}-b"
        run("ip", "netns", "add", self.netns)
        run("ip", "link", "add", "wire", "netns", box.netns, "type", "veth", "peer", "name", "wire", "netns", self.netns)
        for netns, address in ((box.netns, HOST), (self.netns, MACHINE)):
            run("ip", "-n", netns, "address", "add", f"{address}/24", "dev", "wire")
            run("ip", "-n", netns, "link", "set", "wire", "up")

    def __call__(self, *command, check=True):
        return run("nsenter", "-t", str(self.box.leader), "-m", "-u", "-i", "-p", "-C", "-r", "-w", f"--net=/run/netns/{self.netns}",
                   *command, check=check)

    def off(self):
        run("ip", "netns", "del", self.netns, check=False)


def dependencies(debs):
    """What the packages want, of each choice the first, without each other."""
    wanted = set()
    for path in debs.values():
        fields = run("dpkg-deb", "-f", path, "Depends", "Pre-Depends").stdout
        wanted |= {re.match(r"[a-z0-9.+-]+", one.strip())[0] for one in re.sub(r"^\S+:", "", fields, flags=re.M).replace("\n", ",").split(",")
                   if one.strip()}
    return sorted(wanted - set(NAMES))


@pytest.fixture(scope="module")
def box(debs, next_debs):
    make_tree(PLACE / "tree", ["systemd", "systemd-sysv", "dbus", "iproute2", "procps", "dnsmasq-base", *dependencies(debs)])
    with tempfile.TemporaryDirectory(prefix="muster-packages-") as name:
        folder = pathlib.Path(name)
        for kind, paths in (("now", debs), ("next", next_debs)):
            (folder / kind).mkdir()
            for path in paths.values():
                shutil.copy(path, folder / kind)
        box = Box(folder, PLACE / "tree")
        neighbour = None
        try:
            box.boot()
            box.neighbour = neighbour = Neighbour(box)
            box.files_before = files(box)
            yield box
        finally:
            if neighbour:
                neighbour.off()
            box.off()


def files(box):
    return set(box("find", "/", "-xdev", "-not", "-path", "/mnt/*").stdout.splitlines())


def packages(box):
    rows = box("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n").stdout.splitlines()
    return {row.split()[0]: row.split()[1:] for row in rows if row.split()[0] in NAMES}


def install(box, kind):
    done = box("sh", "-c", f"dpkg -i /mnt/{kind}/*.deb", timeout=300)
    print(done.stdout, done.stderr)


@pytest.mark.usefixtures("box")
class TestLife:
    pytestmark = needs_boxes

    def test_they_install_and_start(self, box):
        install(box, "now")
        assert packages(box) == {name: [VERSION, "installed"] for name in NAMES}
        box("systemctl", "start", "musterd")
        box.wait_active()
        assert box.active("muster-agent.service") == "active"
        enabled = {unit: box("systemctl", "is-enabled", unit, check=False).stdout.strip() for unit in (
            "musterd.service", "muster-agent.service", "musterd.socket", "musterd-admin.socket", "musterd-vendor.timer", "muster-renew.timer", "muster-status.socket")}
        assert [unit for unit, state in enabled.items() if state == "enabled"] == ["musterd.service", "muster-agent.service"], enabled
        assert box("systemctl", "--failed", "--no-legend", "--plain").stdout == ""
        assert box("stat", "-c", "%U %G %a", "/run/muster", "/var/lib/musterd").stdout.split() == [
            "_musterd", "muster", "755", "_musterd", "muster", "700"]
        assert "Subject: Muster: " in box("journalctl", "--dump-catalog").stdout
        units = box("sh", "-c", "systemd-analyze verify --man=no /lib/systemd/system/muster*", check=False)
        assert "muster" not in units.stderr, units.stderr

    def test_a_machine_finds_the_host_by_dns(self, box):
        box("sh", "-ec", f"""
            cd /mnt
            muster-issuer init --dir vendor --vendor 'Acme Software' --no-passphrase
            muster-issuer product add {PRODUCT} --dir vendor --name 'Acme CAD'
            muster-issuer product export {PRODUCT} --dir vendor -o /etc/muster/products/{PRODUCT}.product
            cp vendor/vendor.pub /etc/muster/products/acme.pub
            cp vendor/vendor.pub vendor.pub
            muster-issuer license issue --dir vendor --id fjord-1 --org fjord --org-name 'Fjord AS' --until 2090-01-01 --hosts 2 \
                --grant id=cad,product={PRODUCT},model=volume,threshold=1 -o fjord.license
            printf '%s' '{LIMITS}' >> /etc/muster/musterd.conf
            systemctl stop musterd
            systemctl enable --now musterd.socket
            systemctl start musterd
            musterctl wait --until ready
            musterctl host request -o host.request
            muster-issuer host certify host.request --dir vendor --license fjord.license -o host.certificate
            musterctl install host.certificate
            musterctl install fjord.license
            printf 'domain = fjord.test\\ndns = {HOST}:53\\n' >> /etc/muster/muster.conf
            systemd-run -q --unit=names dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root \
                --listen-address={HOST} --bind-interfaces --srv-host=_muster._tcp.fjord.test,lic01.fjord.test,6878,10,60 \
                --address=/lic01.fjord.test/{HOST}""")
        wait_for(lambda: "lic01.fjord.test" in box.neighbour("muster", "where", check=False).stdout, what="the name server")
        done = box.neighbour("muster", "activate", PRODUCT)
        assert "licensed" in done.stdout.lower(), done.stdout
        # It has no other way there than the wire.
        assert HOST in box.neighbour("muster", "where").stdout
        assert len(box.stored()) == 1

    def test_every_user_may_ask_what_the_machine_is(self, box):
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        assert box(*nobody, "muster", "status", check=False).returncode != 0
        assert not box("test", "-e", "/run/muster-status.sock", check=False).returncode == 0
        box("systemctl", "enable", "--now", "muster-status.socket")
        asked = box(*nobody, "perl", "-MIO::Socket::UNIX", "-e",
                    'print IO::Socket::UNIX->new(Peer => "/run/muster-status.sock")->getlines').stdout
        row, = [row for row in json.loads(asked)["products"] if row["product"] == PRODUCT]
        assert row["state"] == "licensed"
        assert box("systemctl", "list-units", "--all", "--plain", "--no-legend", "muster-status@*").stdout == ""

    def test_an_upgrade_refuses_nobody_and_loses_nothing(self, box):
        before, identity = box.stored(), box.json("host", "show")["id"]
        box.ctl("backup", BACKUP)
        stop, started = box.loads("upgrade", 240)
        wait_for(lambda: len(box.stored()) > len(before) + 20, what="load")
        install(box, "next")
        box.wait_active()
        acknowledged, refused, broken = box.finish("upgrade", stop, started)
        print(f"{len(acknowledged)} acknowledged, {refused} refused, {broken} broken off")
        assert packages(box) == {name: [NEXT, "installed"] for name in NAMES}
        assert box.json("status")["version"] == NEXT
        assert "_next" in box("journalctl", "-u", "musterd", "MUSTER_EVENT=store.migrated", "-o", "json").stdout
        assert refused == 0 and len(acknowledged) > 20
        assert before | acknowledged <= box.stored()
        assert box.json("host", "show")["id"] == identity and box.json("doctor")["ok"]
        assert box("cat", "/etc/muster/musterd.conf").stdout.endswith(LIMITS)
        assert box.active("musterd.socket") == "active" and box.active("muster-agent.service") == "active"
        box.neighbour("muster", "renew", PRODUCT)
        assert box.neighbour("muster", "status", PRODUCT).returncode == 0

    def test_the_way_back_is_a_backup(self, box):
        """The older version leaves the newer one's database alone, and says why; upgrading.md has what to do."""
        install(box, "now")
        wait_for(lambda: box.active() == "failed", what="the refusal")
        assert "STORE_NEWER" in box("journalctl", "-u", "musterd", "-n", "20").stdout
        install(box, "next")
        box.wait_active()
        newer, identity = box.stored(), box.json("host", "show")["id"]
        box("systemctl", "stop", "musterd.socket", "musterd.service")
        install(box, "now")
        box.ctl("restore", BACKUP)
        box("systemctl", "start", "musterd.socket", "musterd.service")
        box.ctl("wait", "--until", "ready")
        assert box.json("status")["version"] == VERSION
        older = box.stored()
        assert older and older < newer and box.json("host", "show")["id"] == identity
        box.neighbour("muster", "renew", PRODUCT)
        install(box, "next")
        box.wait_active()
        assert box.stored() == older and box.json("doctor")["ok"]

    def test_what_was_removed_comes_back_with_its_data(self, box):
        before, identity = box.stored(), box.json("host", "show")["id"]
        box("dpkg", "--remove", "musterd", "muster-client")
        assert box.active("musterd.service") == box.active("musterd.socket") == box.active("muster-agent.service") == "inactive"
        assert box("test", "-e", "/usr/sbin/musterd", check=False).returncode == 1
        install(box, "next")
        box.wait_active()
        box.ctl("wait", "--until", "ready")
        assert box.stored() == before and box.json("host", "show")["id"] == identity
        # What the administrator had enabled is so again, from the next boot on.
        assert box("systemctl", "is-enabled", "musterd.socket").stdout.strip() == "enabled"
        assert box.neighbour("muster", "status", PRODUCT).returncode == 0

    def test_a_purge_leaves_nothing(self, box):
        box("systemctl", "enable", "--now", "musterd-vendor.timer")
        box("systemctl", "enable", "--now", "muster-renew.timer")
        # What our documents have had the administrator put there.
        texts = "".join(path.read_text() for path in (*(ROOT / "packaging/man").glob("*.scd"), ROOT / "server/DNS.md"))
        secrets = set(re.findall(r"/etc/muster/[\w.-]+?\.(?:key|env)(?![a-z])", texts))
        assert {"/etc/muster/site.key", "/etc/muster/vendor-call.env"} < secrets
        box("touch", *secrets)
        box("dpkg", "--purge", *NAMES, timeout=300)
        assert packages(box) == {}
        left = {path for path in files(box) - box.files_before if not path.startswith(LIVING)} - {
            f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")}
        assert left == set()
        assert box("find", "/run", "-maxdepth", "1", "-name", "*muster*").stdout == ""
        mine = box("find", "/var/lib/systemd", "/etc/systemd", "/run/muster", "/run/systemd/system", "-name", "*muster*", check=False).stdout
        assert mine == ""
