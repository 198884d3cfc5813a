"""The house keeps its shape: imports run downward, parsing a workflow loads no torch, files and functions are short."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tools import architecture

LAYERS: tuple[tuple[str, ...], ...] = (
    ("foundation",),
    ("degradations",),
    ("spec", "datasets"),
    ("networks",),
    ("regularizers", "evaluation"),
    ("regularizers.conformance", "regularizers.scaffold", "training", "analysis", "experiment"),
    ("reporting.rows", "reporting.templates"),
    ("reporting.files", "reporting.statistics"),
    ("reporting.tables", "reporting.figures"),
    ("reporting.page",),
    ("reporting.build",),
    ("workflow",),
    ("commands",),
    ("__main__",),
)
"""The package, lowest first; a name stands for all modules below it, the longest name counts. A module imports from its
own room and from lower layers; rooms side by side do not know each other. The stages that compute lie below
`experiment` or beside it: nothing reads configuration behind a spec's back."""

MOST_AT_THE_ROOT = 3  # Python files
MOST_FLOORS = 11
MOST_ARROWS = 80  # between rooms

PARSED_BY_SNAKEMAKE = ("harness.experiment", "harness.workflow.snakefile", "harness.commands.app")
HEAVY = ("torch", "torchvision", "basicsr", "pyiqa", "matplotlib", "skimage", "sklearn")
NEEDS_COMPAT = ("torchvision", "basicsr", "pyiqa")
OWN_RANDOMNESS = re.compile(r"\bimport random\b|\bmanual_seed\(|\bdefault_rng\(|\brandom\.seed\(|\bRandomState\(")
MAY_SEED = {
    "harness/foundation/rng.py",
    "harness/networks/build.py",  # initializers of networks take torch's global generator, which is put back
    "harness/evaluation/learned.py",  # so do the metrics of pyiqa that sample
}

LONGEST_FILE = 350
LONGEST_FUNCTION = 80
LONGEST_RULES = 120
LONGEST_SNAKEFILE = 60
MACHINE_PATH = re.compile(r"(?<![\w.~$}])/(?:work|home|root|Users|mnt|opt|farm)/\w")

PACKAGE = sorted((ROOT / "harness").rglob("*.py"))
CODE = sorted(path for folder in ("harness", "tests", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
WORKFLOW = sorted((ROOT / "workflow").rglob("*.smk"))


def name(path: Path) -> str:
    """The path below the repository's root, for messages and test ids."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module(path: Path) -> str:
    """The dotted name below the package: harness/networks/build.py -> networks.build; harness/__init__.py -> ''."""
    parts = path.relative_to(ROOT / "harness").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def home(dotted: str) -> tuple[int, str] | None:
    """The layer of a module and the name in LAYERS that it lies under, the longest one."""
    found = [
        (len(entry), index, entry)
        for index, entries in enumerate(LAYERS)
        for entry in entries
        if dotted == entry or dotted.startswith(entry + ".")
    ]
    return max(found)[1:] if found else None


def face(dotted: str) -> bool:
    """Whether a module is a package that has layers of its own inside, such as reporting."""
    return any(entry.startswith(dotted + ".") for entries in LAYERS for entry in entries)


def test_every_module_has_a_layer() -> None:
    homeless = [name(path) for path in PACKAGE if (own := module(path)) and not home(own) and not face(own)]
    assert not homeless, f"say in LAYERS of this test where these belong: {homeless}"


@pytest.mark.parametrize("path", PACKAGE, ids=name)
def test_imports_run_downward(path: Path) -> None:
    own = home(module(path))
    for target in architecture.imported(path):
        package, _, rest = target.partition(".")
        if package != "harness" or own is None or not rest:
            continue
        other = home(rest)
        assert other is not None, f"{name(path)} imports {target}, which has no layer"
        assert other == own or other[0] < own[0], (
            f"{name(path)} (layer {own[0]}, {own[1]}) imports {target} (layer {other[0]}, {other[1]}): "
            "imports run downward, and rooms side by side do not know each other"
        )


def test_no_files_import_each_other_in_a_circle() -> None:
    assert not architecture.circle(), " -> ".join(architecture.circle())


def test_the_house_keeps_its_measures() -> None:
    counts = architecture.counts()
    assert counts["Python files at the root"] <= MOST_AT_THE_ROOT, counts
    assert counts["floors"] <= MOST_FLOORS, counts
    assert counts["arrows"] <= MOST_ARROWS, counts


def test_the_page_of_the_architecture_is_fresh() -> None:
    text = architecture.PAGE.read_text()
    assert text == architecture.page(text), f"{name(architecture.PAGE)} is stale: make docs"
    assert architecture.PICTURE.read_text() == architecture.drawing(), (
        f"{name(architecture.PICTURE)} is stale: make docs"
    )


@pytest.mark.parametrize("path", PACKAGE, ids=name)
def test_repaired_libraries_come_after_compat(path: Path) -> None:
    targets = list(architecture.imported(path))
    if module(path) != "foundation.compat" and any(target.split(".")[0] in NEEDS_COMPAT for target in targets):
        assert "harness.foundation.compat" in targets, (
            f"{name(path)}: import harness.foundation.compat before basicsr, pyiqa, torchvision"
        )


@pytest.mark.parametrize("path", PACKAGE, ids=name)
def test_random_numbers_come_from_rng(path: Path) -> None:
    if name(path) not in MAY_SEED:
        found = OWN_RANDOMNESS.findall(path.read_text())
        assert not found, (
            f"{name(path)}: {found}: take random numbers from harness.foundation.rng, as functions of named streams"
        )


@pytest.mark.parametrize("dotted", PARSED_BY_SNAKEMAKE)
def test_parsing_a_workflow_loads_nothing_heavy(dotted: str) -> None:
    code = f"import {dotted}, sys; print(*(m for m in {HEAVY} if m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not run.stdout.split(), f"import {dotted} loads {run.stdout.strip()}; every snakemake call waits for it"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_files_are_documented_and_short(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert ast.get_docstring(tree(path)) or not lines, f"{name(path)}: no module docstring"
    assert lines <= LONGEST_FILE, f"{name(path)}: {lines} lines, more than {LONGEST_FILE}"


@pytest.mark.parametrize("path", CODE, ids=name)
def test_functions_are_short(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, (
                f"{name(path)}: {node.name} has {lines} lines, more than {LONGEST_FUNCTION}"
            )


@pytest.mark.parametrize("path", WORKFLOW, ids=name)
def test_rule_files_are_short(path: Path) -> None:
    assert path.read_text().count("\n") <= LONGEST_RULES, f"{name(path)}: is there Python that belongs in the package?"


def test_the_snakefile_is_short() -> None:
    assert (ROOT / "Snakefile").read_text().count("\n") <= LONGEST_SNAKEFILE


def test_no_file_names_a_path_of_one_machine() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    found = []
    for relative in filter(None, listing.stdout.split("\0")):
        try:
            text = (ROOT / relative).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        lines = enumerate(text.splitlines(), 1)
        found += [f"{relative}:{number}: {line.strip()[:80]}" for number, line in lines if MACHINE_PATH.search(line)]
    assert not found, "\n".join(found)
