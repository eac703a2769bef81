# SPDX-License-Identifier: Apache-2.0
"""What texts for people mention of the programs, and what there is of it: by the programs' own tables and the .def files."""
import functools
import re

from harness import ROOT, program, run

COMMANDS = ("musterctl", "muster", "muster-issuer")


@functools.cache
def commands(name):
    return set(re.findall(r"^\*([a-z -]+)\*", run(program(name), "--help-man").stdout, re.M))


def unknown_commands(text):
    """Of what the text says in these words, such as 'musterctl device list', what no program has."""
    unknown = []
    for name, rest in re.findall(r"^(musterctl|muster-issuer|muster) ((?:[a-z][a-z-]* ?){1,3})", text, re.M):
        words = rest.split()
        if not any(" ".join(words[:n]) in commands(name) for n in (1, 2, 3)):
            unknown.append(f"{name} {rest}")
    return unknown


def dead_links(page):
    """Of a document: what it refers to that is neither here nor elsewhere on the net."""
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    return [link for link in links if not link.startswith("https://") and not (page.parent / link).exists()]


@functools.cache
def codes():
    return set(re.findall(r"^ERR\(\d+, (\w+),", (ROOT / "protocol/errors.def").read_text(), re.M))


@functools.cache
def settings():
    """(section, key) -> prose, of the host."""
    rows = re.findall(r'^OPT\(\w+, "(\w+)", "(\w+)", \w+, ".*?", .*"(.*?)"\)$', (ROOT / "server/config.def").read_text(), re.M)
    return {(section, key): prose for section, key, prose in rows}


def unknown_settings(text):
    """Of what the text names with its section, such as '[server] listen', what musterd has not."""
    found = re.findall(r"\[([a-z]+)\] ([a-z][a-z_]*[a-z])", text)
    return [f"[{section}] {key}" for section, key in found if (section, key) not in settings()]


@functools.cache
def machine_settings():
    """Those of muster.conf, in their order."""
    return re.findall(r'^\t\{\.name = "([^"]+)"', (ROOT / "client/cli/settings.c").read_text(), re.M)
