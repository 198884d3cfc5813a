"""The documentation: every link leads somewhere, every command is one that exists, and generated parts are fresh."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.commands.app import app
from tests.conftest import ROOT
from tools import reference

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("re*s/README.md")])
SITE = ROOT / "docs"
GENERATED = {"bad-inputs.md", "architecture.md", "reference-commands.md", "reference-experiment.md"}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"^([a-z-]+):", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def shell_lines(path: Path) -> list[str]:
    """Return the commands of a page's indented blocks, continued lines joined, comments and settings left out."""
    text = re.sub(r"\\\n\s+", " ", re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE))
    lines = [line.strip() for line in re.findall(r"^    (\S.*)$", text, re.MULTILINE)]
    return [re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line) for line in lines]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in (one or other for one, other in LINK.findall(path.read_text())):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{name(path)}: {target}: no such file"
        on_site = path.is_relative_to(SITE)
        assert not on_site or there.is_relative_to(SITE), f"{name(path)}: {target}: not on the site; write it as code"
        assert not anchor or anchor in anchors(there), f"{name(path)}: {target}: no such heading"


@pytest.mark.parametrize("path", [page for page in PAGES if page.name not in GENERATED], ids=name)
def test_lines_are_short_and_pages_are_linked(path: Path) -> None:
    text = re.sub(r"^```.*?^```|^    .*?$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    long = [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")]
    assert not long, f"{name(path)}: lines above 120 characters: {long}"
    pages = {page.name for page in ROOT.glob("docs/*.md")} - {path.name}
    unlinked = re.findall(r"(?<!\[)`(?:docs/|decisions/)?([\w-]+\.md)`(?!\])", text)
    assert not pages & set(unlinked), f"{name(path)}: make links of {sorted(pages & set(unlinked))}"


def test_every_page_is_in_the_index_and_on_the_site() -> None:
    index, site = (ROOT / "docs" / "index.md").read_text(), (ROOT / "mkdocs.yml").read_text()
    for page in sorted(ROOT.glob("docs/*.md")):
        if page.name != "index.md":
            assert f"({page.name})" in index, f"docs/index.md does not link {page.name}"
            assert f"- {page.name}\n" in site, f"mkdocs.yml does not list {page.name}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_are_those_that_exist(path: Path) -> None:
    group: Any = typer.main.get_command(app)
    rules = set(re.findall(r"^rule (\w+):", "".join(p.read_text() for p in ROOT.glob("**/*.smk")), re.MULTILINE))
    rules |= set(re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE))
    targets = set(MAKE.findall((ROOT / "Makefile").read_text()))
    for line in shell_lines(path):
        if not line.startswith(("python -m harness ", "harness ", "snakemake ", "make ")):
            continue
        words = shlex.split(line, comments=True)
        if words[:3] == ["python", "-m", "harness"] or words[:1] == ["harness"]:
            arguments = words[3:] if words[0] == "python" else words[1:]
            if not arguments or arguments[0].startswith(("-", "{")):
                continue
            assert arguments[0] in group.commands, f"{name(path)}: {line}: no such command"
            if path.name not in GENERATED:  # usage lines there
                command = group.commands[arguments[0]]
                command.make_context(arguments[0], [one for one in arguments[1:] if one != "..."])
        elif words[:1] == ["snakemake"] and len(words) > 1 and re.fullmatch(r"[a-z]\w+", words[1]):
            assert words[1] in rules or words[1].startswith("ablation_"), f"{name(path)}: {line}: no such target"
        elif words[:1] == ["make"] and len(words) > 1 and re.fullmatch(r"[a-z-]+", words[1]):
            assert words[1] in targets, f"{name(path)}: {line}: no such target"


@pytest.mark.parametrize("path", [reference.EXPERIMENT, reference.COMMANDS], ids=name)
def test_generated_references_are_fresh(path: Path) -> None:
    assert path.read_text() == reference.page(path.read_text()), f"{name(path)} is stale: make docs"
