# SPDX-License-Identifier: Apache-2.0
"""server/DNS.md as an administrator follows it: its blocks as they stand, in a network of their own."""
import re
import subprocess

import pytest
from bind import ZONE, named
from harness import BUILD, ROOT, Machine, needs_root, run, wait_for
from test_dns_watch import network  # noqa: F401 (a fixture)

TEXT = (ROOT / "server" / "DNS.md").read_text()


def blocks(kind):
    return re.findall(f"^```{kind}\n(.*?)^```$", TEXT, re.M | re.S)


@needs_root
def test_the_page_as_it_stands(folder, hosts, vendor, network):  # noqa: F811
    def shell(script):
        return run("sh", "-euc", script, cwd=folder, env={"PATH": f"{BUILD}:/usr/sbin:/usr/bin:/sbin:/bin",
                                                          "MUSTERCTL_SOCKET": str(folder / "host.sock")})

    keygen, look, by_hand, goes = blocks("sh")
    shell(keygen)
    (folder / "fjord.test.zone").write_text(ZONE.format(zone="fjord.test") + "one IN A 127.0.0.1\n")
    (folder / "named.conf").write_text(blocks("named")[0] + f"""
options {{ directory "{folder}"; listen-on {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file none; session-keyfile none;
  recursion no; dnssec-validation no; notify no; }};
controls {{ }};
""")
    with open(folder / "named.log", "ab") as log:
        server = subprocess.Popen([*network, named(folder), "-g", "-c", "named.conf", "-n", "1"], stdout=log, stderr=log, cwd=folder)
    try:
        dig = [*network, "dig", "@127.0.0.1", "+tries=1", "+time=1", "+short"]
        wait_for(lambda: run(*dig, "SOA", "fjord.test", check=False).stdout or server.poll() is not None, what="named")
        assert server.poll() is None, (folder / "named.log").read_text()
        host = hosts(config=blocks("ini")[0], wrapper=network).start()
        host.install(vendor)
        wait_for(lambda: "one.fjord.test" in run(*dig, "SRV", "_muster._tcp.fjord.test").stdout, what="the record")
        done = shell(look)
        assert "unchanged one.fjord.test" in done.stdout and "self" in done.stdout
        Machine(folder, "m", vendor.products, wrapper=network).activate(check=True)
        line = next(line for line in shell(by_hand).stdout.splitlines() if not line.startswith(";"))
        assert run(*dig[:-1], "+noall", "+answer", "SRV", "_muster._tcp.fjord.test").stdout.split() == line.split()
        assert "withdrawn one.fjord.test" in shell(goes).stdout
        assert run(*dig, "SRV", "_muster._tcp.fjord.test").stdout == ""
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.mark.parametrize("verdict", re.findall(r'^VERDICT\(\w+, "(\w+)"', (ROOT / "server/dns/verdict.def").read_text(), re.M))
def test_every_verdict_is_explained(verdict):
    assert re.search(rf"^\|[^|]*`{verdict}`", TEXT, re.M)
