"""What Snakemake plans is what reporting writes, and planning stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.experiment import load_experiment
from harness.foundation.errors import HarnessError
from harness.reporting.files import figure_files, table_files
from harness.reporting.rows.compared import Study, study_of

DEMO = Path(__file__).parents[2] / "configs" / "experiments" / "demo.yaml"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(DEMO.parents[2])
    return study_of(load_experiment(DEMO))


def test_study_of_the_demo(demo: Study) -> None:
    assert demo.name == "demo"
    assert demo.baseline in demo.methods
    assert demo.metrics[0] == "psnr_rgb"
    assert len(demo.runs) == len(demo.methods) * len(demo.seeds) * len(demo.networks)
    assert demo.annealed == ("adaptive_dropout",)


def test_planned_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DEMO.parents[2])
    experiment = load_experiment(DEMO)
    assert Path("reports/demo/tables/main.md") in table_files(experiment)
    assert Path("reports/demo/figures/annealing.pdf") in figure_files(experiment)
    assert len(set(figure_files(experiment))) == 22


def test_planning_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'pandas', 'matplotlib', 'scipy'}"
    code = f"import harness.reporting.files, sys; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DEMO.parents[2]
    )
    assert answer.stdout.strip() == "[]"


def test_unknown_baseline_is_one_clear_line() -> None:
    with pytest.raises(HarnessError, match="baseline: 'nothing' is not among the methods"):
        Study.product("s", baseline="nothing")
