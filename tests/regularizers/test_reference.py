"""docs/regularizer-reference.md, done word by word: each file is written, conforms, and trains."""

from __future__ import annotations

import csv
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.foundation.files import file_sha256
from harness.networks.weights import load_weights
from harness.regularizers import Regularizer, load_regularizer, roles
from harness.regularizers.conformance.checks import check
from harness.regularizers.conformance.networks import small_networks
from harness.spec import RunSpec
from harness.training.train import train
from tests.conftest import ROOT
from tests.training.conftest import job, packs, tiny_spec
from tests.tutorial import Block, blocks
from tests.workflow.conftest import environment

__all__ = ["packs"]
PAGE = "regularizer-reference.md"
PATH = blocks(PAGE, "From this page into a table")
FILES = {Path(block.title).stem: block for block in blocks(PAGE, "One of each kind")}
KINDS = {
    "shake": "attach",
    "hide": "attach",
    "gray": "batch",
    "charbonnier": "loss",
    "centralization": "gradients",
    "grain": "clean",
    "steady": "state",
}


NETWORKS = {"hide": "swinir_small"}
"""What acts in attentions needs some."""


def write(block: Block, folder: Path) -> Path:
    path = folder / Path(block.title).name
    path.write_text(block.text)
    return path


def test_there_is_one_of_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert FILES.keys() == KINDS.keys()
    monkeypatch.syspath_prepend(tmp_path)
    for name, hook in KINDS.items():
        write(FILES[name], tmp_path)
        found = load_regularizer(f"{name}:{name.capitalize()}")
        assert hook in vars(found)
        del sys.modules[name]


def test_every_member_is_listed() -> None:
    (section,) = (part for part in (ROOT / "docs" / PAGE).read_text().split("\n## ") if part.startswith("Members\n"))
    members = {name for name in vars(Regularizer) if not name.startswith("_")} - {"teacher"}
    listed = {line.split("`")[1].split("(")[0] for line in section.splitlines() if line.startswith("| `")}
    assert listed == members
    assert "self.teacher" in section


def test_the_files_are_in_the_format_that_lint_asks_for(tmp_path: Path) -> None:
    paths = [str(write(block, tmp_path)) for block in FILES.values()]
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), *paths]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def on_network(name: str, spec: RunSpec) -> RunSpec:
    if name not in NETWORKS:
        return spec
    network = small_networks()[NETWORKS[name]].showing(roles(spec.regularizer))
    return spec.model_copy(update={"network": network})


@pytest.mark.parametrize("name", FILES)
def test_it_conforms_and_trains(name: str, packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(FILES[name], tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    path = f"{name}:{name.capitalize()}"
    network = NETWORKS.get(name, "srresnet_small")
    problems = check(load_regularizer(path), {}, {network: small_networks()[network]}, processes=False)
    assert not problems, "\n".join(problems)
    weights = []
    for regularizer in (path, "baseline"):
        where = job(packs, tmp_path / regularizer.partition(":")[0])
        train(on_network(name, tiny_spec(regularizer, iterations=3, heldout_every=3)), where)
        weights.append(load_weights(where.output / "weights.safetensors"))
    assert any(not (weights[0][key] == weights[1][key]).all() for key in weights[1])
    del sys.modules[name]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, far from the harness, where commands are typed."""
    for name, value in (("SR_HARNESS", str(ROOT)), ("PYTHONPATH", str(ROOT))):
        monkeypatch.setenv(name, value)
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def typed(command: str, project: Path) -> str:
    """Run a line of the page; ``python`` and ``snakemake`` are those of the tests."""
    kept = environment() | {name: os.environ[name] for name in ("SR_HARNESS", "PYTHONPATH")}
    first, *words = command.split()
    program = {"python": [sys.executable], "snakemake": [sys.executable, "-m", "snakemake"]}.get(first, [first])
    done = subprocess.run([*program, *words], cwd=project, env=kept, text=True, stdout=-1, stderr=-2, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.thorough
def test_who_follows_the_page_alone_has_a_row_of_each_kind(project: Path) -> None:
    making, checking = (block.text.splitlines() for block in PATH if block.language == "sh")
    for command in making:
        typed(command, project)
    files = {name: block for name, block in FILES.items() if f"python -m harness new-regularizer {name}" in making}
    assert FILES.keys() - files.keys() == {"hide"}, "SRResNet has no attention"
    for name, block in files.items():
        assert "class" in (project / f"{name}.py").read_text()
        (project / f"{name}.py").write_text(block.text)
    for block in PATH:
        if block.language != "sh":
            (project / block.title).write_text(block.text)
    for command in checking:
        answer = typed(command, project)
        if "conformance" in command:
            assert answer == f"{command.split()[4]}: conforms on srresnet_tiny\n"
    records = sorted((project / "results/runs").glob("*/run.json"))
    assert len({file_sha256(path.with_name("weights.safetensors")) for path in records}) == 8
    specs = [json.loads(path.read_text())["spec"] for path in records]
    assert sum(spec["training"].get("optimizer") == "adamw" for spec in specs) == 1
    with (project / "reports/kinds/tables/main.csv").open() as stream:
        methods = {row["method"] for row in csv.DictReader(stream)}
    assert methods == {"bicubic", "baseline", "decayed", *files}
    assert not any((ROOT / "harness" / "regularizers" / f"{name}.py").exists() for name in files)
