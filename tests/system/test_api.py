# SPDX-License-Identifier: Apache-2.0
"""The API by its own document: every route, parameter and answer of /v1/openapi.json, as every role, by curl."""
import contextlib
import csv
import io
import json
import pathlib
import re
import shutil
import tempfile
import urllib.parse

import jsonschema
import pytest
from harness import ROOT, needs_root, program, run
from test_models_api import ORDER, Site, problem

pytestmark = needs_root


class Api(Site):
    """A host with one of everything, and its document."""

    def __init__(self, folder):
        super().__init__(folder)
        self.machine.done("release", self.vendor.product)
        self.machine.done("activate", self.vendor.product)
        self.host.change({"do": "assign", "user": "kari", "product": self.vendor.product})
        self.document = json.loads(self.curl("GET", "/v1/openapi.json")[2])
        self.routes = [(method.upper(), path.replace("{id}", "*"), operation)
                       for path, item in self.document["paths"].items() for method, operation in item.items()]

    def check(self, schema, value):
        resolver = jsonschema.RefResolver.from_schema(self.document)
        jsonschema.Draft202012Validator(schema, resolver=resolver).validate(value)

    def check_answer(self, operation, status, kind, text):
        """An answer must be as the document says."""
        answers = operation["responses"]
        content = answers.get(str(status), answers["default"])["content"]
        kind = kind.partition(";")[0]
        assert kind in content, (status, kind, text)
        if "json" in kind and "ndjson" not in kind:
            self.check(content[kind]["schema"], json.loads(text))

    def send(self, method, path, role=None):
        return self.curl(method, self.path(path), role, None if method == "GET" else self.body(path))


@pytest.fixture(scope="module")
def made():
    """Sites that are stopped at the end."""
    with contextlib.ExitStack() as ends:

        def make():
            site = Api(pathlib.Path(tempfile.mkdtemp(prefix="muster-", dir="/tmp")))
            ends.callback(shutil.rmtree, site.folder, ignore_errors=True)
            ends.callback(site.host.end)
            return site

        yield make


@pytest.fixture(scope="module")
def api(made):
    return made()


def test_the_document(api):
    """OpenAPI 3.1 in what machines rely on: schemas are schemas, references lead somewhere, every path has its parameters."""
    assert api.document["openapi"] == "3.1.0" and api.document["info"]["version"]
    text = json.dumps(api.document)
    for reference in set(re.findall(r'"#/components/schemas/(\w+)"', text)):
        assert reference in api.document["components"]["schemas"], reference
    for schema in api.document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, item in api.document["paths"].items():
        for operation in item.values():
            names = [(p["in"], p["name"]) for p in operation["parameters"]]
            assert len(set(names)) == len(names)
            assert ("path", "id") in names or "{" not in path
            assert operation["summary"] and "default" in operation["responses"]
            assert all(p.get("description") for p in operation["parameters"] if p["in"] == "query")


@pytest.mark.parametrize("role", ORDER)
def test_every_route_as_every_role(made, role):
    """What a role may not is refused and audited, each with its request; what it may is answered as documented."""
    site = made()  # its own: so many refusals a minute are audited
    for method, path, operation in site.routes:
        before = len(site.refusals())
        status, kind, text = site.send(method, path, role)
        needed = "assigner" if path == "/v1/changes" else operation["x-role"]  # the body adds a user
        if ORDER.index(role) < ORDER.index(needed):
            assert status == 403 and problem(text, "NOT_PERMITTED"), (method, path, text)
            fresh = site.refusals()[before:]
            assert len(fresh) == 1 and fresh[0]["action"] == "admin.refused" and path.rstrip("*") in json.dumps(fresh), path
        elif (path, role) == ("/v1/install", "owner"):
            assert status in (201, 409), text  # the license may have come by /v1/licenses just before
        elif (path, role) in (("/v1/dns/publish", "owner"), ("/v1/dns/withdraw", "owner")):
            assert status == 503 and problem(text, "DNS_FAILED")  # there is no DNS server here
        elif path in ("/v1/offline/confirm", "/v1/offline/site-key"):
            assert status == 409 and problem(text, "VOICE_OFF")  # this host has no site key
        elif (path, status) == ("/v1/backup/file", 404):
            assert problem(text, "NOT_FOUND")  # it is still being made
        else:
            assert status in (200, 201), (method, path, text)
            assert len(site.refusals()) == before
        site.check_answer(operation, status, kind, text)


def test_the_status_socket(api):
    """It has the open routes for everybody, and no others."""
    open_routes = 0
    for method, path, operation in api.routes:
        body = None if method == "GET" else "{}"
        status = api.curl(method, api.path(path), "viewer", body, api.host.status_socket)[0]
        assert status == (200 if operation["x-status-socket"] else 404), (method, path)
        open_routes += operation["x-status-socket"]
    assert open_routes >= 3


def test_a_viewer_changes_nothing(made):
    site = made()
    before = site.on_record()
    for method, path, operation in site.routes:
        if method != "GET":
            site.send(method, path, "viewer")
            assert site.on_record() == before, path


def test_nonsense_is_refused_in_words(api):
    before = api.on_record()
    for method, path, operation in api.routes:
        if "requestBody" not in operation:
            continue
        for body in ("nonsense", "{", "[]", "\0\1", "{\"changes\": 1}"):
            status, kind, text = api.curl(method, path, body=body)
            assert 400 <= status < 500 and kind == "application/problem+json", (path, status, text)
            assert json.loads(text)["code"] not in ("INTERNAL", "NOT_PERMITTED"), text
    assert api.on_record() == before


EXAMPLES = {"limit": "2", "after": "0", "hostname": "*", "user": "kari", "group": "*", "product": "acme-cad", "subject": "sales",
            "holder": "kari", "grant": "users", "license": "fjord-1", "actor": "uid:*", "action": "user.*", "object": "*",
            "state": "active", "domain": "fjord.test", "within": "30", "silent": "14", "code": "BUSY"}
NONE_HERE = ("/v1/proposals", "/v1/reports/expiring", "/v1/reports/clones", "/v1/reports/denials",
             "/v1/reports/reasons")  # what nobody caused


def test_every_parameter(api):
    """Each is taken, each refuses what is not of its type, and nothing that is not documented is taken."""
    seen = 0
    for method, path, operation in api.routes:
        if method != "GET":
            continue
        path = api.path(path)
        for parameter in (p for p in operation["parameters"] if p["in"] == "query"):
            name, schema = parameter["name"], parameter["schema"]
            examples = schema.get("enum") or [EXAMPLES.get(name, "2026-01-01")]
            if name == "device":
                examples = [api.machine.id]
            for example in examples:
                status, kind, text = api.curl(method, f"{path}?{name}={urllib.parse.quote(example)}")
                absent = (status, path[:11]) == (404, "/v1/groups/") or (status, name, example) == (409, "replace", "true")
                assert status == 200 or absent, (path, name, text)
                api.check_answer(operation, status, kind, text)
            twice = api.curl(method, f"{path}?{name}={examples[0]}&{name}={examples[0]}")
            assert twice[0] == 400 and "given twice" in problem(twice[2], "BAD_REQUEST")["detail"]
            assert api.curl(method, f"{path}?{name}=")[0] == 400
            assert api.curl(method, f"{path}?{name}")[0] == 400
            if "enum" in schema or schema["type"] == "integer":
                wrong = api.curl(method, f"{path}?{name}=robot")
                assert wrong[0] == 400 and name in problem(wrong[2], "BAD_REQUEST")["detail"]
            seen += 1
        status, _, text = api.curl(method, f"{path}?colour=red")
        detail = problem(text, "BAD_REQUEST")["detail"]
        assert status == 400 and "'colour'" in detail
        assert all(p["name"] in detail for p in operation["parameters"] if p["in"] == "query")
    assert seen > 30


def test_every_list_as_csv_and_ndjson(api):
    """The same rows in every form; the columns are the members of the schema; pages lead through all of them."""
    lists = [(path, operation) for method, path, operation in api.routes
             if method == "GET" and "text/csv" in operation["responses"]["200"]["content"]]
    assert len(lists) > 10
    for path, operation in lists:
        if path == "/v1/audit":
            continue  # it grows; test_streams has it
        items = json.loads(api.curl("GET", f"{path}?limit=1000")[2])["items"]
        assert items or path in NONE_HERE, path
        status, kind, text = api.curl("GET", f"{path}?format=ndjson")
        rows = [json.loads(line) for line in text.splitlines()]
        assert (status, kind, rows) == (200, "application/x-ndjson", items)
        schema = operation["responses"]["200"]["content"]["application/x-ndjson"]["schema"]
        for row in rows:
            api.check(schema, row)
        assert api.curl("GET", f"{path}?format=csv")[:2] == (200, "text/csv; charset=utf-8; header=present")
        text = api.host.api("GET", f"{path}?format=csv")[1]
        assert text.endswith("\r\n")
        table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        properties = api.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        assert set(table[0]) == set(properties) and len(table) == len(items) + 1
        for row, item in zip(table[1:], items):
            assert len(row) == len(table[0])
            for cell, key in zip(row, table[0]):
                if isinstance(item.get(key), str):
                    assert cell.removeprefix("'") == item[key]
        paged, after = [], ""
        while after is not None:
            page = json.loads(api.curl("GET", f"{path}?limit=1{after and '&after=' + after}")[2])
            paged += page["items"]
            after = page["next"]
        assert paged == items, path


def leaf_verbs():
    """The commands of musterctl by its help."""
    text = run(program("musterctl"), "--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    return {re.match(r"  ((?:[a-z-]+(?: |$))+)", line).group(1).strip() for line in text.splitlines()}


# What needs no daemon, or is for other programs.
OFFLINE = {"offline bundle", "explain", "config check", "completion", "backup verify", "restore"}
FOR_PROGRAMS = {"/v1/health", "/metrics", "/v1/openapi.json"}


def test_routes_changes_and_verbs(api):
    """Whatever the API can do musterctl can do, and nothing more."""
    verbs, used = leaf_verbs(), set()
    for _, path, operation in api.routes:
        assert operation["x-musterctl"] or path in FOR_PROGRAMS | {"/v1/changes"}, path
        used |= set(operation["x-musterctl"])
    changes = api.document["paths"]["/v1/changes"]["post"]["x-changes"]
    assert list(changes) == api.document["components"]["schemas"]["change"]["properties"]["do"]["enum"]
    for kind, change in changes.items():
        assert change["musterctl"] and change["role"] in ORDER, kind
        used |= set(change["musterctl"])
    assert used <= verbs, used - verbs
    assert verbs - used <= OFFLINE, verbs - used - OFFLINE
    for verb in sorted(used):
        assert run(program("musterctl"), *verb.split(), "--help").stdout


# Options under another name, and what the commands say by themselves.
OTHERWISE = {("/v1/audit", "raw"), ("/v1/groups", "kind"), ("/v1/groups/*", "kind"), ("/v1/host/request", "replace"),
             ("/v1/why/*", "product")}


def test_every_filter_of_the_api_is_an_option(api):
    """By the same name; at least one of the commands of the route has it."""
    seen = 0
    for _, path, operation in api.routes:
        for parameter in operation.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] != "query" or name in ("limit", "after", "format") or (path, name) in OTHERWISE:
                continue
            helps = [run(program("musterctl"), *verb.split(), "--help").stdout for verb in operation["x-musterctl"]]
            assert any(re.search(rf"^  --{name.replace('_', '-')}\b", text, re.M) for text in helps), (path, name)
            seen += 1
    assert seen > 40


def test_every_next_command_is_one(api):
    """What health says to type is a command of musterctl, or of Debian."""
    verbs = leaf_verbs()
    rows = re.findall(r'^NEXT\((\w+), "(.*)"\)$', (ROOT / "server/admin/next.def").read_text(), re.M)
    assert len(rows) > 25
    for code, command in rows:
        name, *words = command.split()
        if name != "musterctl":
            assert command in ("df -h", "timedatectl"), command
            continue
        verb = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in verbs), None)
        assert verb, command
        options = [word for word in words if word.startswith("--")]
        text = run(program("musterctl"), *verb.split(), "--help").stdout
        assert all(f"  {option} " in text for option in options), command


# --- problems ---

@pytest.mark.parametrize("more, status, code, words", [
    (["-X", "DELETE", "/v1/devices"], 405, "METHOD_NOT_ALLOWED", "DELETE"),
    (["-X", "BREW", "/v1/licenses"], 405, "METHOD_NOT_ALLOWED", "BREW"),
    (["/v1/device"], 404, "NOT_FOUND", "did you mean /v1/devices?"),
    (["/v1/lisenses"], 404, "NOT_FOUND", "did you mean /v1/licenses?"),
    (["/v2/everything"], 404, "NOT_FOUND", "GET /v2/everything"),
    (["-F", "a=b", "/v1/changes"], 415, "MEDIA_TYPE", "application/json"),
    (["-H", "Content-Encoding: gzip", "-d", "{}", "/v1/changes"], 415, "MEDIA_TYPE", "Content-Encoding"),
    (["-d", "{\n \"changes\" [] }", "/v1/changes"], 400, "BAD_REQUEST", "line 2, column"),
    (["-d", "{\"wants\": nothing}", "/v1/license-requests"], 400, "BAD_REQUEST", "line 1, column"),
    (["-d", "{\"licence\": \"x\"}", "/v1/license-requests"], 400, "BAD_REQUEST", "no member 'licence'; it takes license"),
    (["-d", "{\"dryrun\": true, \"changes\": []}", "/v1/changes"], 400, "BAD_REQUEST", "dryrun: beside changes"),
    (["-d", "{\"dry_run\": \"yes\", \"changes\": []}", "/v1/changes"], 400, "BAD_REQUEST", "true or false"),
    (["--http1.0", "/v1/users?format=csv"], 400, "BAD_REQUEST", "HTTP/1.1"),
])
def test_problems(api, more, status, code, words):
    *options, path = more
    done = run("curl", "-s", "-i", "--unix-socket", api.host.socket, *options, f"http://localhost{path}")
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    assert head.startswith(f"HTTP/1.1 {status} ") or head.startswith(f"HTTP/1.0 {status} "), done.stdout
    assert "application/problem+json" in head
    document = problem(body, code)
    assert words in document["detail"] and document["status"] == status and document["request_id"] in head
    api.check({"$ref": "#/components/schemas/problem"}, document)
    assert ("\nAllow: " in head) == (status == 405)


def test_a_body_that_is_too_large(api):
    for path, size in (("/v1/licenses", 1 << 20), ("/v1/changes", 49 << 20)):
        status, kind, text = api.curl("POST", path, body="x" * size)
        assert status == 413 and kind == "application/problem+json" and problem(text, "TOO_LARGE"), path
