"""Ablations as a user runs them: all are planned, trainings are shared, one is run, and the report shows it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.experiment import load_experiment
from harness.experiment.ablations import ablation_names, load_ablation
from tests.conftest import ROOT
from tests.workflow.conftest import DEMO, Checkout

pytestmark = pytest.mark.slow

TINY = """
title: Two rates
question: Does a third of the channels do less than the released rate?
factor: dropout rate q
axis: linear
control: no dropout
levels:
  no dropout: {variant: baseline, value: 0}
  0.3: {variant: dropout, options: {rate: 0.3}}
  0.7: {variant: dropout}
"""


def trained(planned: dict[str, int]) -> int:
    return sum(count for rule, count in planned.items() if rule.startswith("train_"))


@pytest.mark.parametrize(
    ("base", "targets"), [("demo", ("ablations", "train")), ("paper", ("ablations",))], ids=["demo", "paper"]
)
def test_all_studies_are_planned_and_equal_trainings_once(bare: Checkout, base: str, targets: tuple[str, ...]) -> None:
    path = ROOT / f"configs/experiments/{base}.yaml"
    (bare.root / "configs/experiments/base.yaml").write_bytes(path.read_bytes())
    experiment = load_experiment(path)
    studies = [load_ablation(experiment, name) for name in ablation_names()]
    metrics = {run.spec.hash for study in studies for run in study.runs}
    training = metrics | {run.spec.hash for run in experiment.runs if "train" in targets}
    assert len(training) < sum(len(study.runs) for study in studies)
    planned = bare.planned(*targets, experiment="configs/experiments/base.yaml")
    assert planned["ablation"] == len(studies)
    assert trained(planned) == len(training)
    assert planned["evaluate_run"] == len(metrics)


@pytest.mark.thorough
def test_a_study_trains_what_is_not_there_and_appears_in_the_report(finished: Checkout) -> None:
    (finished.root / "configs/ablations/tiny.yaml").write_text(TINY)
    study = {"ablation": 1, "ablation_tiny": 1}
    assert finished.planned("ablation_tiny") == {"train_dropout": 1, "evaluate_run": 1, **study}
    call = finished.snakemake("ablation_tiny", "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    folder = finished.root / "reports/demo/ablations/tiny"
    assert {path.name for path in folder.iterdir()} == {
        *(f"table.{form}" for form in ("csv", "html", "md", "tex")),
        *(f"figure.{form}" for form in ("pdf", "png")),
    }
    differences_are_those_of_the_metrics(finished.root, folder)

    assert finished.planned() == {"report": 1, "all": 1}
    call = finished.snakemake("report", "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    page = (finished.root / "reports/demo/report.html").read_text()
    assert "Does a third of the channels do less than the released rate?" in page
    assert finished.planned("all", "ablation_tiny") == {}


def differences_are_those_of_the_metrics(root: Path, folder: Path) -> None:
    """Compare the table with the metrics of the runs, by pandas alone."""
    rows = pd.concat([pd.read_parquet(path) for path in (root / "results/metrics").glob("srresnet*/*.parquet")])
    rows = rows[rows["metric"] == "psnr_rgb"]
    means = rows.groupby(["variant", "degradation"], observed=True)["value"].mean().groupby("variant").mean()
    names = {"no dropout": "baseline", "0.3": "dropout_q30", "0.7": "dropout"}
    table = pd.read_csv(folder / "table.csv", dtype={"level": str})
    chosen = table[(table["metric"] == "psnr_rgb") & (table["column"] == "average")].set_index("level")
    assert list(chosen.index) == list(names)
    for level, variant in names.items():
        assert chosen.loc[level, "mean"] == pytest.approx(means[variant], rel=1e-5)
        if level != "no dropout":
            assert chosen.loc[level, "difference"] == pytest.approx(means[variant] - means["baseline"], abs=1e-4)
