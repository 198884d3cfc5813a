"""docs/examples/own-ideas: a project outside the repository, deployed as a Snakemake module in another folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

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


@pytest.mark.slow
def test_everything_from_outside_reaches_the_tables(project: Path) -> None:
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
    again = call(project, "snakemake", "--cores", "2", "tables", "-n")
    assert "Nothing to be done" in again.text, again.text
    with (project / "ideas/metrics.py").open("a") as stream:
        stream.write("# changed\n")
    changed = call(project, "snakemake", "--cores", "2", "tables", "-n").text
    assert "evaluate_run" in changed
    assert "train_other" not in changed


def test_a_name_of_the_harness_keeps_its_meaning(project: Path) -> None:
    (project / "configs/regularizers.yaml").write_text("dropout: {regularizer: dropout, options: {rate: 0.1}}\n")
    answer = call(project, "harness", "check", "configs/experiments/ideas.yaml")
    assert answer.status == 2
    assert "configs/regularizers.yaml: 'dropout': the harness has another entry of that name" in answer.text


def test_commands_know_what_the_project_adds(project: Path) -> None:
    answer = call(project, "harness", "check", "configs/experiments/ideas.yaml")
    assert answer.status == 0, answer.text
    assert "2 runs, 1 datasets" in answer.text
