# SPDX-License-Identifier: Apache-2.0
"""The man pages: without warnings, and nothing is missing or made up. test_guide.py follows the guide."""
import re

import pytest

from guide import PAGES as SOURCES, block
from harness import BUILD, INSTRUMENTED, ROOT, program, run
from mentions import COMMANDS, codes, machine_settings, settings, unknown_commands, unknown_settings

PAGES = [BUILD / "man" / source.stem for source in SOURCES]


def text(page):
    """As it is read, without the bold and underlined letters' own ways."""
    return run("mandoc", "-Tutf8", "-O", "width=400", page, env={"LC_ALL": "C.UTF-8"}).stdout


def plain(page):
    return re.sub(".\b", "", text(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_warnings(page):
    for tool in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-Tutf8", "-ww", "-z"]):
        done = run(*tool, page, check=False)
        assert done.returncode == 0 and not done.stdout and not done.stderr, done.stdout + done.stderr
    assert "__" not in plain(page)  # marks that scdoc did not take for any


def test_the_library_has_a_page_for_each_function():
    """Out of the header: its declaration, and without a warning."""
    functions = set(re.findall(r"^\t(muster_\w+);", (ROOT / "client" / "libmuster.map").read_text(), re.M))
    pages = {page.stem: page for page in (BUILD / "man").glob("muster_*.3")}
    assert set(pages) == functions and len(functions) > 80
    header = re.sub(r"\s+", " ", (ROOT / "client" / "include" / "muster.h").read_text())
    for name, page in pages.items():
        declared, = re.findall(rf"MUSTER_API ([^;]*\b{name}\([^;]*;)", header)
        shown = re.sub(r"\s+", " ", plain(page))
        assert declared in shown and f"{name}" in shown.split(" - ")[0], name
        if not page.is_symlink():
            test_no_warnings(page)
    overview = plain(BUILD / "man" / "muster.3")
    assert all(re.search(rf"\b{name}\b", overview) for name in functions)


@pytest.mark.skipif(INSTRUMENTED, reason="an outsider's program is not instrumented")
def test_the_library_s_examples_are_programs(installed, folder):
    """Built by the line of the page's own synopsis; the second one stands within a program that it is part of."""
    _, env = installed
    include, _, compile_line = block("synopsis", "muster.3").strip().partition("\n\n")
    program_text = block("program", "muster.3")
    assert program_text.startswith(include)
    part = block("activate", "muster.3")
    for text, said in ((program_text, ("unknown\n", "")),
                       (program_text.replace("\tint i =", f"\t{part}\tint i ="), ("NO_PRODUCT_FILE: ",))):
        (folder / "program.c").write_text(text)
        run("sh", "-euc", f"{compile_line} -Wall -Wextra -Werror -o program", cwd=folder, env=env)
        done = run("unshare", "-r", "-n", folder / "program", check=False, env=env)
        assert done.returncode in (0, 1) and (done.stdout in said or done.stderr.startswith(said)), done
    assert part in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_there(name):
    """As the program's own help has them, which is made from the same table."""
    page = plain(BUILD / "man" / f"{name}.1")
    commands = re.findall(r"^  ([a-z][a-z -]*[a-z])(?= +\S)", run(program(name), "--help").stdout, re.M)
    commands = {re.sub(r" (?=[^a-z]).*| {2,}.*", "", c) for c in commands}
    assert len(commands) > 8
    for command in commands:
        assert re.search(rf"^ +{re.escape(command)}\b", page, re.M), command
        help_text = run(program(name), *command.split(), "--help", check=False).stdout
        for option in re.findall(r"^  (--[a-z-]+)", help_text, re.M):
            assert re.search(rf"^ +{option}\b", page, re.M), (command, option)


def test_every_setting_and_code_is_there():
    page = plain(BUILD / "man" / "musterd.conf.5")
    assert len(settings()) > 30
    for (section, key), prose in settings().items():
        part = page[page.index(f"[{section.upper()}]"):]
        assert re.search(rf"^ +{key}\b", part, re.M) and prose in re.sub(r"\s+", " ", part), (section, key)
    rows = re.findall(r'^ERR\((\d+), (\w+),.*"(.*?)", "(.*?)"\)$', (ROOT / "protocol/errors.def").read_text(), re.M)
    page = re.sub(r"\s+", " ", plain(BUILD / "man" / "muster-codes.7"))
    assert len(rows) > 100
    for number, name, what, remedy in rows:
        assert f" {name} ({number}) {what[0].upper()}{what[1:]}. {remedy} " in page, name


def test_every_setting_of_a_machine_is_there():
    """With what the option of this name says of it, and its default; and it is found in the environment as the page says."""
    page = plain(BUILD / "man" / "muster.conf.5")
    options = dict(re.findall(r"^  --([a-z-]+) \S+ +(.*)$", run(program("muster"), "--help").stdout, re.M))
    assert len(machine_settings()) >= 9
    for name in machine_settings():
        prose, _, default = options[name].partition(" (")
        row = re.search(rf"^ +{name} (\S+)\n +(.*)$", page, re.M)
        assert row and row[2] == prose and (row[1] == f"({default}" if default else row[1].isupper()), name
    variables = re.findall(r'\.name = "(.*?)", \.variable = "(.*?)"', (ROOT / "client/cli/settings.c").read_text())
    assert len(variables) == len(machine_settings())
    assert all(variable == "MUSTER_" + name.upper().replace("-", "_") for name, variable in variables)


def test_musterd_has_the_options_that_it_takes():
    options = re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', (ROOT / "server/main.c").read_text())
    page = plain(BUILD / "man" / "musterd.8")
    assert len(options) >= 8
    for option in options:
        assert re.search(rf"^ +--{option}\b", page, re.M), option


def test_pages_name_only_what_exists():
    """Other pages, codes, commands and settings: in every page, wherever they are mentioned."""
    names = {page.name for page in PAGES}
    for source in SOURCES:
        words = source.read_text()
        assert re.search(r"^# SEE ALSO$", words, re.M)
        for page, section in re.findall(r"\*([a-z.-]+)\*\((\d)\)", words):
            assert f"{page}.{section}" in names, (source.name, page)
        for code in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", re.sub(r"\*[A-Z_]*\*|_[A-Z-]+_", "", words)):
            assert code in codes() or code.startswith("MUSTER"), (source.name, code)
        assert unknown_commands(re.sub(r"\*(?=muster)", "\n", words)) == [], source.name
        assert unknown_settings(words.replace("*", "")) == [], source.name
