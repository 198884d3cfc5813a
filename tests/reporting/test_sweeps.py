"""Sweeps on the whole path: planted files of metrics, rows, tables, figures, report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from harness.degradations.sweeps import swept
from harness.evaluation.evaluate import write_metrics
from harness.experiment import Experiment, load_experiment
from harness.foundation import layout
from harness.reporting.build import aggregate, report, tables
from harness.reporting.figures.sweeps import sweep_curves
from harness.reporting.files import figure_files, sweep_figures, table_files
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.sweeps import sweep_summary

EXPERIMENT = """
extends: demo
variants: [baseline, dropout]
references: [bicubic]
seeds: [0, 1]
evaluation: {degradations: [clean], sweeps: [blur], metrics: [psnr_rgb]}
analysis: null
"""
IMAGES = 6
GAIN = 0.25  # dB at every strength


@pytest.fixture(params=["whole", "without values"])
def experiment(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment of one method that gains as much at every strength; or one whose every evaluation failed."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text(EXPERIMENT)
    loaded = load_experiment(file)
    (dataset,) = {item.dataset for item in study_of(loaded).swept}
    failed = request.param == "without values"
    for path, method in loaded.labelled_metrics:
        run = next((run for run in loaded.runs if run.name == path.parent.name), None)
        rows = [
            {
                "network": run.network if run else "",
                "variant": method,
                "regularizer": method if run else "reference",
                "seed": run.seed if run else None,
                "dataset": dataset,
                "degradation": degradation,
                "image": f"image{image}",
                "metric": "psnr_rgb",
                "value": float("nan") if failed else 20 + image + GAIN * (method == "dropout"),
                "status": "failed" if failed else "ok",
            }
            for degradation in ["clean", *swept(["blur"])]
            for image in range(IMAGES)
        ]
        write_metrics(pd.DataFrame(rows).astype({"seed": "Int64"}), path, sealed=True)
    aggregate(loaded, partial=True)
    return loaded


def test_what_is_declared_is_written_and_shown(experiment: Experiment) -> None:
    """Whatever the values: Snakemake waits for all of it."""
    study, folder = study_of(experiment), layout.report("mine") / "figures"
    assert set(table_files(experiment)) == set(tables(experiment))
    rows = sweep_summary(load(layout.experiment_metrics("mine")), study)
    drawn = sweep_curves(rows, study, folder)
    assert set(drawn) == {path for path in figure_files(experiment) if path.name.startswith("sweep_")}
    (name,) = sweep_figures(study)
    numbers = pd.read_csv(folder / f"{name}.csv")
    gains = numbers[numbers["method"] == "dropout"]["difference"]
    assert gains.isna().all() or list(gains.round(6)) == [GAIN] * 9
    section = report(experiment).read_text().partition('<section id="sweeps">')[2].partition("</section>")[0]
    assert f"figure-{name}" in section
    for kind in ("pdf", "csv"):
        assert f'download="{name}.{kind}"' in section
