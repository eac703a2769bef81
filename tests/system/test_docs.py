# SPDX-License-Identifier: Apache-2.0
"""packaging/docs as their readers follow them: every block marked sh as it stands, one after the other, in one folder."""
import os
import re
import shutil

import pytest
from harness import BUILD, INSTRUMENTED, PRODUCT, ROOT, program, run
from mentions import codes, dead_links, unknown_commands, unknown_settings

DOCS = ROOT / "packaging" / "docs"
PAGES = sorted(DOCS.glob("*.md"))
# Who follows the blocks marked sh of each document that has any.
FOLLOWED = {"README.md": "test_walkthrough.py", "client/python/README.md": "test_python.py", "server/API.md": "test_api_md.py",
            "server/DNS.md": "test_dns_doc.py",
            **{f"packaging/docs/{name}.md": "test_docs.py" for name in ("developer", "runbook", "upgrading", "vendor")}}


def blocks(page):
    return re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)


def follow(page, folder, **env):
    """Run the page; what all of it printed."""
    said = [run("sh", "-euc", block, cwd=folder, env={"PATH": f"{BUILD}:{os.environ['PATH']}", **env}).stdout for block in blocks(page)]
    assert said
    return "".join(said)


def passphrase(folder):
    word = folder / "passphrase"
    word.write_text("correct horse battery staple\n")
    word.chmod(0o600)


def test_vendor(folder, hosts):
    """And what comes of it is good for a host and a machine."""
    passphrase(folder)
    host = hosts().start()
    host.ctl("host", "request", "-o", folder / "host.request")
    said = follow("vendor.md", folder)
    assert "acme-cad" in said and "fjord" in said
    for name in ("host.certificate", "fjord.license", "fjord-2.license", "fjord-3.license"):
        host.ctl("install", folder / name)
    assert host.grant("cad-pool")["quantity"] == 12
    key = (folder / "keys.txt").read_text().split()
    assert len(key) == 3 and (folder / "host.key.txt").read_text().count("-") > 3
    products = folder / "products"
    products.mkdir()
    shutil.copy(folder / "acme-cad.product", products)
    shutil.copy(folder / "vendor" / "vendor.pub", products / "acme.pub")
    muster = [program("muster"), "--state", folder / "state", "--products", products, "--host", f"127.0.0.1:{host.port}"]
    assert "licensed until" in run(*muster, "activate", "acme-cad").stdout
    host.ctl("subscription", "redeem", key[0])
    assert host.grant("cad-pool")["quantity"] == 17
    # The list takes the host's word away.
    shutil.copy(folder / "acme.revocations", products)
    done = run(*muster, "renew", "acme-cad", "--json", check=False)
    assert done.returncode != 0 and "CERTIFICATE_REVOKED" in done.stdout + done.stderr


@pytest.mark.skipif(INSTRUMENTED, reason="an outsider's program is not instrumented")
def test_developer(installed, folder):
    _, env = installed
    for source in (ROOT / "client" / "examples").glob("*.c"):
        shutil.copy(source, folder)
    follow("developer.md", folder, **env)
    assert all((folder / name).exists() for name in ("licensed", "agent_poll", "agent_uv"))


@pytest.mark.parametrize("page", ("runbook.md", "upgrading.md"))
def test_administrator(page, host, machines, folder):
    machines(host, "a").activate(check=True)
    said = follow(page, folder, MUSTERCTL_SOCKET=str(host.socket), STATUS_SOCKET=str(host.status_socket))
    if page == "runbook.md":
        assert 'muster_requests_total{' in said and PRODUCT in said
    assert list(folder.glob("*.backup"))


def test_every_document_with_commands_is_followed():
    tops = ("client", "packaging", "protocol", "server", "tests")
    documents = [ROOT / "README.md", *(path for top in tops for path in (ROOT / top).rglob("*.md"))]
    with_commands = {str(path.relative_to(ROOT)) for path in documents if re.search(r"^```sh$", path.read_text(), re.M)}
    assert with_commands == set(FOLLOWED)
    for document, test in FOLLOWED.items():
        assert f'{document.rpartition("/")[2]}"' in (ROOT / "tests" / "system" / test).read_text(), document


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page):
    """Links, codes, settings, metrics and commands."""
    text = page.read_text()
    assert dead_links(page) == []
    for code in re.findall(r"(?<![/\w$])[A-Z]+(?:_[A-Z]+)+\b", text):
        assert code in codes() or code.startswith(("MUSTER", "STATUS")), code
    quoted = "\n".join(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)))
    assert unknown_commands(quoted) == [] and unknown_settings(quoted) == []
    known = (ROOT / "packaging/monitoring/METRICS.md").read_text()
    for metric in re.findall(r"`(muster_[a-z_]+_(?:total|length|seconds|bytes))`", text):
        assert f"`{metric}`" in known, metric
    targets = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z0-9-]+)`", text):
        assert re.search(rf"^{target}:", targets, re.M), target
    for path in re.findall(r"`((?:tests|client|server|protocol|packaging)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), path
