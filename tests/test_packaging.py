"""pyproject.toml, requirements.lock and environment.yml name one set of packages, and the code needs no other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import harness
from tests.conftest import ROOT
from tools.lock import closure, direct_requirements

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
PIN = re.compile(r"([a-z0-9-]+)==([0-9][0-9A-Za-z.]*)")  # no local version: any build of torch will do
PINS = {match[1]: Version(match[2]) for match in map(PIN.fullmatch, LOCK) if match}
OPTIONAL = {"spandrel"}  # opens checkpoints of foreign networks where a user has installed it


def third_party(folder: Path) -> dict[str, Path]:
    """Return the top-level names that the files of a folder import from outside, each with a file that does."""
    found: dict[str, Path] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found.update({alias.name.split(".")[0]: path for alias in node.names})
            elif isinstance(node, ast.ImportFrom) and node.module:
                found[node.module.split(".")[0]] = path
    ours = {"harness", "tests", "tools", "benchmarks"}
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names | ours | OPTIONAL}


COMES_WITH = {"triton": "torch"}
"""What another distribution brings on some machines: builds of torch for CUDA have it, others do without."""


def declared(*extras: str) -> set[str]:
    """Return the canonical names of the dependencies of pyproject.toml and of some of its extras."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    return {canonicalize_name(Requirement(text).name) for text in texts}


def test_the_lock_holds_pins_only_sorted_and_for_any_index() -> None:
    assert [line for line in LOCK if not PIN.fullmatch(line)] == []
    assert list(PINS) == sorted(PINS)
    assert len(PINS) == len(LOCK)


@pytest.mark.parametrize("requirement", direct_requirements(), ids=lambda requirement: requirement.name)
def test_the_lock_satisfies_pyproject(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    assert name in PINS, f"{name} is in pyproject.toml but not in requirements.lock; run make lock"
    assert PINS[name] in requirement.specifier, f"{name}: {PINS[name]} is not {requirement.specifier}; run make lock"


def test_the_lock_is_what_is_installed_and_nothing_else() -> None:
    installed = {name: Version(version) for name, version in closure(direct_requirements()).items()}
    missing, spare = installed.keys() - PINS.keys(), PINS.keys() - installed.keys()
    assert not missing, f"needed here but not pinned: {sorted(missing)}; run make lock"
    assert not spare, f"pinned but not needed: {sorted(spare)}; run make lock"
    different = {name: f"{installed[name]}, not {PINS[name]}" for name in PINS if installed[name] != PINS[name]}
    assert not different, different


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0"])
def test_the_pins_fit_the_first_release_of_a_python(python: str) -> None:
    assert python in SpecifierSet(PROJECT["requires-python"])
    wanted = {name: str(metadata(name).get("Requires-Python") or "") for name in PINS}
    refusing = {name: text for name, text in wanted.items() if python not in SpecifierSet(text)}
    assert not refusing, f"pip finds none of these for Python {python}: {refusing}"


def test_conda_users_get_the_same_set() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    *conda, nested = environment["dependencies"]
    python = Requirement(conda[0])
    assert (python.name, python.specifier) == ("python", SpecifierSet(PROJECT["requires-python"]))
    assert conda[1:] == ["pip"], "everything else comes from pip, so that there is one list of pins"
    assert nested == {"pip": LOCK}, "environment.yml and requirements.lock differ; run make lock"


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("harness", ("train", "full")),
        ("benchmarks", ("train", "full")),
        ("tools", ("train", "full", "dev")),
        ("tests", ("train", "full", "dev")),
    ],
)
def test_every_import_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    distributions = packages_distributions()
    for imported, path in third_party(ROOT / folder).items():
        listed = distributions.get(imported, [COMES_WITH.get(imported, imported)])
        providers = {canonicalize_name(name) for name in listed}
        assert providers & declared(*extras), f"{path}: imports {imported}, which pyproject.toml does not name"


def test_no_index_or_local_path_is_written_down() -> None:
    for name in ("pyproject.toml", "requirements.lock", "environment.yml", "Makefile", "tools/install.sh"):
        text = (ROOT / name).read_text()
        assert not re.search(r"--(extra-)?index-url|--find-links|file://|\+cpu|\+cu\d", text), name


def test_archives_that_keep_no_modes_and_links_lose_nothing() -> None:
    """A zip file may have neither: no link is committed, and whatever is run is run by a named program."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-s"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no repository of git here")
    assert [line for line in listed.stdout.splitlines() if line.startswith("120000")] == []
    scripts = re.compile(r"(?<!sh )(?<![\w/])(?:\./)?(?:tools|profiles/\w+)/\w+\.sh\b")
    callers = [ROOT / "Makefile", ROOT / ".ci/run", *ROOT.glob("profiles/*/config.yaml"), *ROOT.glob("tools/*.sh")]
    for path in callers:
        commands = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        called = [line for line in commands if scripts.search(line) and "cat " not in line]
        assert called == [], f"{path}: calls a script that may not be executable; write sh before it"


def test_the_version_is_written_once_in_two_places() -> None:
    assert harness.__version__ == PROJECT["version"]
