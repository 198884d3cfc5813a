"""docs/examples/own-ideas: a project outside the repository, deployed as a Snakemake module in another folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from harness.workflow.snakefile import Plan
from tests.conftest import ROOT
from tests.workflow.conftest import Call, environment

EXAMPLE = ROOT / "docs" / "examples" / "own-ideas"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example, far from the harness."""
    return Path(
        shutil.copytree(EXAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__", ".snakemake"))
    )


def call(project: Path, module: str, *arguments: str) -> Call:
    paths = {"SR_HARNESS": str(ROOT), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=project, env=environment() | paths, text=True, stdout=-1, stderr=-2, timeout=500)
    return Call(done.returncode, done.stdout)


EVALUATION = {"evaluate_run": 2, "evaluate_reference": 1}
COUNTED = {"train_other", "train_baseline", "benchmark", *EVALUATION}
DECIDES = {
    "ideas/metrics.py": EVALUATION,
    "ideas/levels.py": EVALUATION,
    "ideas/degradations.py": {"benchmark": 1, **EVALUATION},
    "ideas/pixels.py": {"benchmark": 1, **EVALUATION},
    "ideas/regularizers.py": {"train_other": 1, "evaluate_run": 1},
    "ideas/orthogonality/gram.py": {"train_other": 1, "evaluate_run": 1},
    "ideas/networks.py": {"train_other": 1, "train_baseline": 1, "evaluate_run": 2},
    "layers.py": {"train_other": 1, "train_baseline": 1, "evaluate_run": 2},
    "unused.py": {},
}
"""What an edit of a file repeats."""

HELPERS = {
    "ideas/metrics.py": "ideas/levels.py",
    "ideas/degradations.py": "ideas/pixels.py",
    "ideas/regularizers.py": "ideas/orthogonality/gram.py",
    "ideas/networks.py": "layers.py",
}
"""Modules that others are made to import, before the first run."""


def with_helpers(project: Path) -> None:
    """Let each of the project's modules import one that lies elsewhere in the project."""
    for module, helper in HELPERS.items():
        (project / helper).parent.mkdir(exist_ok=True)
        (project / helper).write_text("VALUE = 1\n")
        with (project / module).open("a") as stream:
            stream.write(f"\nfrom {helper.removesuffix('.py').replace('/', '.')} import VALUE  # noqa\n")
    (project / "unused.py").write_text("VALUE = 1\n")


@contextmanager
def edit(path: Path) -> Iterator[None]:
    """Add a line to a file for a while."""
    text = path.read_text()
    path.write_text(text + "# changed\n")
    yield
    path.write_text(text)


def planned(project: Path) -> dict[str, int]:
    """The jobs of each rule that a dry run announces."""
    text = call(project, "snakemake", "--cores", "2", "tables", "-n").text
    if "Nothing to be done" in text:
        return {}
    table = text.split("Job stats:\n")[1].split("\n\n")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


@pytest.mark.slow
@pytest.mark.thorough
def test_everything_from_outside_reaches_the_tables(project: Path) -> None:
    with_helpers(project)
    done = call(project, "snakemake", "--cores", "2", "tables")
    assert done.status == 0, done.text
    rows = pd.read_parquet(project / "results/ideas/metrics.parquet")
    assert set(rows["status"]) == {"ok"}
    assert set(rows["variant"]) == {"bicubic", "baseline", "soft_orthogonality"}
    assert set(rows["degradation"]) == {"clean", "dead_pixels"}
    assert set(rows["metric"]) == {"psnr_rgb", "gradient_error"}
    assert set(rows["dataset"]) == {"cat"}
    assert "soft_orthogonality" in (project / "reports/ideas/tables/main.csv").read_text()
    assert not (ROOT / "results" / "ideas").exists()

    (project / "ideas/metrics.py").open("a").close()
    assert planned(project) == {}
    for edited, repeated in DECIDES.items():
        with edit(project / edited):
            found = planned(project)
        assert {rule: count for rule, count in found.items() if rule in COUNTED} == repeated, edited
    assert planned(project) == {}


def test_a_name_of_the_harness_keeps_its_meaning(project: Path) -> None:
    (project / "configs/regularizers.yaml").write_text("dropout: {regularizer: dropout, options: {rate: 0.1}}\n")
    answer = call(project, "harness", "check", "configs/experiments/ideas.yaml")
    assert answer.status == 2
    assert "configs/regularizers.yaml: 'dropout': the harness has another entry of that name" in answer.text


def test_commands_know_what_the_project_adds(project: Path) -> None:
    answer = call(project, "harness", "check", "configs/experiments/ideas.yaml")
    assert answer.status == 0, answer.text
    assert "2 runs, 1 datasets" in answer.text


def test_an_edited_network_of_a_model_from_outside_is_evaluated_anew(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_helpers(project)
    experiment = project / "configs/experiments/ideas.yaml"
    entry = "external: {theirs: {weights: w.pth, network: 'ideas.networks:Espcn', arguments: {features: 8}}}\n"
    experiment.write_text(experiment.read_text() + entry)
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(project)

    def codes() -> tuple[str, str]:
        plan = Plan(experiment)
        (external,) = [name for name in (Path(path).parent.name for path in plan.metrics) if "theirs" in name]
        return plan.external_code(external), plan.code("evaluate")

    before = codes()
    with edit(project / "layers.py"):
        assert codes()[0] != before[0]
        assert codes()[1] == before[1]
    assert codes() == before


def harness_files() -> set[str]:
    folders = ("harness/regularizers", "workflow/regularizers")
    return {path.name for folder in folders for path in (ROOT / folder).iterdir()}


def test_a_new_regularizer_lies_in_the_project_and_has_its_rule(project: Path) -> None:
    before = harness_files()
    answer = call(project, "harness", "new-regularizer", "my_noise")
    assert answer.status == 0, answer.text
    assert answer.text == NEW
    assert harness_files() == before
    with (project / "configs/regularizers.yaml").open("a") as stream:
        stream.write('my_noise: {regularizer: "ideas.my_noise:MyNoise"}\n')
    experiment = project / "configs/experiments/ideas.yaml"
    experiment.write_text(experiment.read_text().replace("soft_orthogonality]", "soft_orthogonality, my_noise]"))
    jobs = planned(project)
    assert {name: count for name, count in jobs.items() if name.startswith("train")} == {
        "train_baseline": 1,
        "train_other": 1,
        "train_my_noise": 1,
    }
    again = call(project, "harness", "new-regularizer", "my_noise")
    assert again.status == 2
    assert "name 'my_noise': a variant is called so; choose another name" in again.text


NEW = """wrote ideas/my_noise.py
wrote workflow/regularizers/ideas_my_noise_MyNoise.smk
next:
  1. put your idea into ideas/my_noise.py
  2. add to configs/regularizers.yaml: my_noise: {regularizer: "ideas.my_noise:MyNoise"}
  3. python -m harness conformance ideas.my_noise:MyNoise
  4. name my_noise among the variants of an experiment, and run it
"""
