# SPDX-License-Identifier: Apache-2.0
"""The management API by its tables: every route answers to curl, every change has its role, lists are filtered."""
import json
import pathlib
import re
import shutil
import tempfile

import pytest
from harness import PRODUCT, ROOT, Host, Machine, Vendor, needs_root, run

CHANGES = re.findall(r'^CHANGE\(\w+, "([^"]+)", (\w+),', (ROOT / "server" / "broker" / "changes.def").read_text(), re.M)
ORDER = ["viewer", "helpdesk", "assigner", "owner"]


# Nobody answers on port 1: what asks there is refused at once.
DNS = ("[dns]\ndomains = fjord.test\ntarget = host.fjord.test\nserver = 127.0.0.1:1\nresolver = 127.0.0.1:1\n"
       "watch_minutes = 0\n")


class Site:
    """A host with one of everything on record."""

    def __init__(self, folder):
        self.folder = folder
        self.vendor = Vendor(folder)
        self.host = Host(folder, DNS).roled().start()
        self.host.serve(self.vendor, f"id=users,product={PRODUCT},model=user,quantity=5",
                        f"id=devices,product={PRODUCT},model=device,quantity=5")
        self.machine = Machine(folder, 1, self.vendor.products, "--host", f"127.0.0.1:{self.host.port}")
        self.host.change({"do": "user.add", "user": "kari"}, {"do": "group.add", "group": "sales"},
                         {"do": "member.add", "group": "sales", "user": "kari"},
                         {"do": "assign", "group": "sales", "product": PRODUCT},
                         {"do": "group.add", "group": "lab", "kind": "devices", "pattern": "*"},
                         {"do": "enrol_key.add", "group": "lab"},
                         {"do": "assign", "device": self.machine.id, "product": PRODUCT})
        self.machine.done("activate", PRODUCT)
        self.names = {"licenses": "fjord-1", "devices": self.machine.id, "why": self.machine.id, "users": "kari", "groups": "sales",
                      "subscriptions": "users", "products": PRODUCT}

    def path(self, path):
        return path.replace("*", self.names[path.split("/")[2]]) if path.endswith("*") else path

    def body(self, path):
        """What would be taken from an owner."""
        if path in ("/v1/licenses", "/v1/install"):
            return self.vendor.renew(self.folder / "next.license").read_text()
        if path == "/v1/host/certificate":
            return (self.folder / "host.certificate").read_text()
        if path == "/v1/license-requests":
            return json.dumps({"license": "fjord-1", "wants": [{"grant": "users", "quantity": 50}]})
        if path.startswith("/v1/dns/"):
            return None
        if path == "/v1/offline/confirm":
            return json.dumps({"installation": "089203-917311-988120-308858-650176-788086-739956-672168-376080"})
        if path == "/v1/offline/answer":
            return json.dumps({"requests": self.machine.done("request", PRODUCT)})
        if path.startswith("/v1/backup"):
            return "{}" if path == "/v1/backup" else None
        if path == "/v1/doctor/repair":
            return json.dumps({"dry_run": True})
        return json.dumps({"changes": [{"do": "user.add", "user": "eve"}]})

    def curl(self, method, path, role=None, body=None, socket=None):
        """Status, content type and text, by curl itself."""
        command = [] if role is None else self.host.become(role)
        data = [] if body is None else ["--data-binary", "@-"]
        done = run(*command, "curl", "-s", "-w", "\n%{http_code} %{content_type}", "-X", method, *data, "--unix-socket",
                   socket or self.host.socket, f"http://localhost{path}", stdin=body)
        text, _, last = done.stdout.rpartition("\n")
        status, _, kind = last.partition(" ")
        return int(status), kind, text

    def on_record(self):
        lists = ("users", "groups", "assignments", "seats", "licenses", "devices", "activations", "subscriptions")
        return [self.host.api("GET", f"/v1/{name}")[1] for name in lists]

    def refusals(self):
        return [row for row in self.host.items("audit", "list") if row["action"] == "admin.refused"]


@pytest.fixture(scope="module")
def site():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-", dir="/tmp"))
    site = Site(folder)
    yield site
    try:
        site.host.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def problem(text, code):
    document = json.loads(text)
    assert document["code"] == code and document["title"] and document["remedy"] and document["request_id"]
    return document


# --- routes: test_api.py has each of them ---

def test_what_is_not_there(site):
    for path in ("/", "/v1", "/v1/nothing", "/v1/users/nobody", "/v1/groups/nobody", "/v1/devices/AAAAAAAA",
                 "/v1/subscriptions/nothing", "/v1/products/nothing", "/v1/licenses/nothing"):
        status, _, text = site.curl("GET", path)
        assert status == 404 and problem(text, "NOT_FOUND"), path
    for method, path in (("DELETE", "/v1/users"), ("POST", "/v1/seats"), ("PUT", "/v1/changes")):
        status, _, text = site.curl(method, path, body="{}")
        assert status == 405 and problem(text, "METHOD_NOT_ALLOWED"), path


# --- changes ---

FULL = {"user": "nobody", "group": "nobodies", "device": "A" * 43, "product": "nothing", "with": "nothing", "grant": "nothing",
        "license": "nothing", "key": "nothing", "id": 99}
NEEDS = {"user.add": ("user",), "user.remove": ("user",), "signin.code": ("user",), "group.add": ("group",),
         "group.remove": ("group",), "enrol_key.add": ("group",), "enrol_key.remove": ("id",),
         "subscription.redeem": ("key",), "license.remove": ("license",)}


def row_of(kind):
    if kind in NEEDS:
        keys = NEEDS[kind]
    elif kind.startswith("device."):
        keys = ("device",)
    else:
        keys = {"member": ("group", "user"), "proposal": ("group", "device"), "activation": ("device",),
                "subscription": ("grant",)}.get(kind.split(".")[0], ("user", "product", "with"))
    return {"do": kind, **{key: FULL[key] for key in keys}}


@needs_root
@pytest.mark.parametrize("kind, role", CHANGES, ids=[kind for kind, _ in CHANGES])
def test_the_role_of_a_change(site, kind, role):
    """Below it the whole request is refused, also when only one row of it is too much; from it on the row is tried."""
    row = row_of(kind)
    for actor in ORDER:
        body = json.dumps({"dry_run": True, "changes": [row]})
        status, _, text = site.curl("POST", "/v1/changes", actor, body)
        if ORDER.index(actor) < ORDER.index(role.lower()):
            assert status == 403 and problem(text, "NOT_PERMITTED")
        else:
            assert status == 200, text
            item = json.loads(text)["items"][0]
            assert item["do"] == kind and (item["ok"] or item["error"]["remedy"])


@pytest.mark.parametrize("body, why", [
    ("", "the body is empty"), ('{"changes":[\n {"do" "x"}]}', "line 2, column"), ("[]", "1 to 200000"), ("{}", "1 to 200000"), ('{"changes":[]}', "1 to 200000"),
    ('{"changes":[1]}', "it is no object"), ('{"changes":[{"do":"explode"}]}', "do is no change"),
    ('{"changes":[{"do":"user.add"}]}', "user is missing"), ('{"changes":[{"do":"user.add","user":7}]}', "of another type"),
    ('{"changes":[{"do":"user.add","user":"a","colour":"red"}]}', "colour is no member"),
    ('{"changes":[{"do":"user.add","user":"a"},{"do":"assign","product":"x"}]}', "changes[1]: one of user"),
    ('{"changes":[{"do":"user.add","user":"a","user":"b"}]}', "duplicate"),
    ('{"changes":[{"do":"device.block","device":"AB"}]}', "first 6"),
    ('{"changes":[{"do":"user.add","user":"a\\u0000b"}]}', "line 1"),
])
def test_changes_that_are_malformed(site, body, why):
    status, kind, text = site.curl("POST", "/v1/changes", body=body)
    assert status == 400, text
    assert why in problem(text, "BAD_REQUEST")["detail"], text
    assert [row["user"] for row in site.host.items("user", "list")] == ["kari"]


# --- lists ---

def test_lists_are_filtered(site):
    def found(path, key):
        status, document = site.host.api("GET", path)
        assert status == 200, document
        return [row[key] for row in document["items"]]

    device = site.machine.id
    assert sorted(found("/v1/seats", "holder")) == sorted(["kari", device])
    assert found("/v1/seats?holder=kari", "holder") == ["kari"]
    assert found(f"/v1/seats?holder={device}", "holder") == [device]
    assert found(f"/v1/seats?holder={device[:8]}&state=held", "holder") == [device]
    assert found("/v1/seats?grant=devices", "holder") == [device]
    assert found("/v1/seats?grant=users&holder=kari", "holder") == ["kari"]
    assert found(f"/v1/seats?grant=users&holder={device}", "holder") == []
    assert found("/v1/seats?state=waiting", "holder") == []
    assert found("/v1/assignments?kind=group", "subject") == ["sales"]
    assert found("/v1/assignments?kind=device", "subject") == [device]
    assert found("/v1/assignments?kind=device_group", "subject") == []
    assert found("/v1/assignments?kind=user", "subject") == []
    assert found("/v1/assignments?subject=sales", "subject") == ["sales"]
    assert found(f"/v1/assignments?kind=device&subject={device}", "subject") == [device]
    assert found("/v1/assignments?kind=group&limit=1", "subject") == ["sales"]
    for path in ("/v1/seats?holder=nobody", "/v1/seats?grant=nothing", "/v1/assignments?subject=nobody"):
        status, document = site.host.api("GET", path)
        assert status == 404 and document["code"] == "NOT_FOUND", path
    assert site.host.api("GET", "/v1/assignments?kind=robot")[1]["code"] == "BAD_REQUEST"
    assert [row["holder"] for row in site.host.items("seat", "list", "--holder", "kari")] == ["kari"]
    assert [row["subject"] for row in site.host.items("assignment", "list", "--kind", "group")] == ["sales"]
