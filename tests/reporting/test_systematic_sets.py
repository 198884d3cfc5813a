"""Sets of many degradations on the whole path: planted files of metrics, rows, tables, figures, report."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from harness.commands.app import app
from harness.evaluation.evaluate import write_metrics
from harness.experiment import Experiment, load_experiment
from harness.foundation import layout
from harness.reporting.build import aggregate, report, tables
from harness.reporting.figures.systematic import systematic_curves
from harness.reporting.files import figure_files, table_files
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.metric_rows import load
from harness.reporting.tables.systematic_sets import INCOMPLETE, judge, judged_table
from tests.conftest import ROOT

SEAL = ROOT / "configs" / "published" / "seal"
OFFSETS = np.linspace(-2, 2, 14)  # of the images: their mean is 0
PLANTED = {"bicubic": "SRResNet", "baseline": "BSRNet", "dropout": "GDRealESRNetx4plus"}

# Two decimals that the README of github.com/XPixelGroup/SEAL prints for these networks.
PRINTED = {
    "bicubic": {"mean": 20.95, "ar": 0.00, "rpr_i": 0.02, "rpr_a": 0.00, "rpr_u": 0.03},
    "baseline": {"mean": 22.77, "ar": 0.59, "rpr_i": 0.42, "rpr_a": 0.72, "rpr_u": 0.27},
    "dropout": {"mean": 22.82, "ar": 0.43, "rpr_i": 0.37, "rpr_a": 0.74, "rpr_u": 0.33},
}

EXPERIMENT = """
extends: demo
variants: [baseline, dropout]
references: [bicubic]
seeds: [0, 1]
evaluation: {{degradations: [clean], metrics: [psnr_rgb], systematic: {systematic}}}
analysis: null
"""
OWN = """
extends: demo
variants: [baseline, dropout, simple_align]
evaluation:
  degradations: [clean]
  metrics: [psnr_rgb]
  systematic: [{dataset: embedded_test, degradations: benchmark_space, metrics: [psnr_y], excellence: dropout}]
analysis: null
"""


def plant(experiment: Experiment, quality: dict[str, pd.DataFrame], spread: float = 0.0) -> None:
    """Write the metrics of every set: means by method, a column per metric; seeds and images lie around them."""
    for part in experiment.systematic:
        files = {path: name for path, name in experiment.labelled_metrics if path.name.startswith(part.name)}
        for number, (path, method) in enumerate(files.items()):
            run = next((run for run in experiment.runs if run.name == path.parent.name), None)
            luck = 0.0 if run is None else spread * (1 if run.seed else -1)
            rows = [
                {
                    "network": run.network if run else "",
                    "variant": method,
                    "regularizer": method if run else "reference",
                    "seed": run.seed if run else None,
                    "dataset": part.part.dataset,
                    "degradation": name,
                    "image": f"image{place:02d}",
                    "metric": metric,
                    "value": value + luck + (offset + spread * ((place + number) % 2 - 0.5)) / len(metric),
                    "status": "ok",
                }
                for metric in part.part.metrics
                for name, value in zip(part.part.degradations, quality[method][metric], strict=True)
                for place, offset in enumerate(OFFSETS)
            ]
            write_metrics(pd.DataFrame(rows).astype({"seed": "Int64"}), path, sealed=True)


@pytest.fixture
def seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment whose methods have, on SEAL's set, the published means of other networks."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "mine.yaml"
    file.write_text(EXPERIMENT.format(systematic="[Set14_SE]"))
    experiment = load_experiment(file)
    means = pd.read_csv(SEAL / "models.csv")
    kinds = {"psnr_y_whole": "psnr", "ssim_y_whole": "ssim"}
    plant(
        experiment,
        {
            method: pd.DataFrame({metric: means[f"{name}_{kind}"] for metric, kind in kinds.items()})
            for method, name in PLANTED.items()
        },
    )
    aggregate(experiment, partial=True)
    return experiment


def test_planted_means_come_out_as_printed_in_every_format(seal: Experiment) -> None:
    assert set(table_files(seal)) <= set(tables(seal))
    folder = layout.report("mine") / "tables"
    every = pd.read_csv(folder / "systematic.csv")
    own = every[every["metric"] == "psnr_y_whole"].set_index(["network", "method"])
    assert list(own.loc["published"].index) == list(judge_order())
    for method, printed in PRINTED.items():
        row = own.loc["srresnet_tiny", method]
        np.testing.assert_allclose([round(row[name], 2) for name in printed], list(printed.values()), atol=1e-9)
        published = own.loc["published", PLANTED[method]]
        np.testing.assert_allclose([row[name] - published[name] for name in printed], 0, atol=1e-5)
    gained = own.loc["srresnet_tiny", "dropout"]
    assert gained["mean_gain"] == pytest.approx(0.053, abs=0.02)
    assert gained["ar_gain"] == pytest.approx(0.43 - 0.59, abs=0.01)
    assert gained["ar_low"] <= gained["ar"] <= gained["ar_high"]
    for form in ("md", "html", "tex"):
        text = " ".join((folder / f"systematic.{form}").read_text().split())
        assert text.count("GDRealESRNetx4plus") == 2, form  # PSNR and SSIM
        assert text.count("93 of 100") == 1, form
    assert "own" not in (folder / "systematic.md").read_text()
    assert "systematic" in (folder / "README.md").read_text()


def judge_order() -> list[str]:
    columns = pd.read_csv(SEAL / "models.csv", nrows=0).columns
    return [name.removesuffix("_psnr") for name in columns if name.endswith("_psnr")]


def test_the_command_takes_the_lines_of_the_set(seal: Experiment) -> None:
    found = CliRunner().invoke(app, ["systematic", "mine.yaml"], catch_exceptions=False)
    table = pd.read_csv(StringIO(found.output)).set_index("method")
    assert {method: round(table.loc[method, "ar"], 2) for method in PRINTED} == {
        method: printed["ar"] for method, printed in PRINTED.items()
    }
    arguments = ["systematic", "mine.yaml", "--dataset", "Set14_SE", "--excellence", "dropout", "--unfiltered"]
    found = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "own_ar" in pd.read_csv(StringIO(found.output))


def test_figure_and_report_show_all_degradations(seal: Experiment) -> None:
    """The figure's data are the differences of the published means, sorted; the report has table and figure."""
    study = study_of(seal)
    tables(seal)
    folder = layout.report("mine") / "figures"
    written = systematic_curves(load(layout.experiment_metrics("mine")), study, folder)
    assert set(written) == {path for path in figure_files(seal) if path.name.startswith("systematic")}
    gains = pd.read_csv(folder / "systematic_Set14_SE_srresnet_tiny.csv")
    gains = gains[gains["method"] == "dropout"]
    means = pd.read_csv(SEAL / "models.csv")
    expected = means["GDRealESRNetx4plus_psnr"] - means["BSRNet_psnr"]
    np.testing.assert_allclose(gains["difference"], np.sort(expected), atol=1e-5)
    assert list(gains["degradation"].iloc[[0, -1]]) == [f"deg_{expected.idxmin()}", f"deg_{expected.idxmax()}"]
    text = report(seal).read_text()
    section = text.partition('<section id="systematic">')[2].partition("</section>")[0]
    assert section.count("<table") == 2
    assert "0.59" in section
    assert "figure-systematic_Set14_SE_srresnet_tiny" in section
    assert "arXiv 2309.03020" in section


def test_a_method_with_a_hole_is_named_and_not_judged(seal: Experiment) -> None:
    path = next(path for path, method in seal.labelled_metrics if path.stem[:8] == "Set14_SE" and method == "bicubic")
    frame = pd.read_parquet(path)
    frame.loc[3, "value"] = np.nan
    write_metrics(frame, path, sealed=True)
    aggregate(seal, partial=True)
    psnr, ssim = judge(load(layout.experiment_metrics("mine")), study_of(seal))
    table = judged_table(psnr, study_of(seal))
    (row,) = (row for row in table.rows if row[1] == "bicubic")
    assert row == ("srresnet_tiny", "bicubic", INCOMPLETE, "", "", "", "")
    assert INCOMPLETE not in str(judged_table(ssim, study_of(seal)).rows)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(OWN)
    return tmp_path / "mine.yaml"


def planted(file: Path, excellence: float) -> str:
    """Bicubic at 20 dB; methods above, as far as the excellence line, or not; the table as Markdown."""
    experiment = load_experiment(file)
    levels = {"bicubic": 20.0, "untrained": 12.0, "baseline": 20.5, "dropout": excellence, "simple_align": 19.9}
    count = len(experiment.systematic[0].part.degradations)
    plant(experiment, {name: pd.DataFrame({"psnr_y": [level] * count}) for name, level in levels.items()}, 0.1)
    aggregate(experiment, partial=True)
    study = study_of(experiment)
    (judged,) = judge(load(layout.experiment_metrics("mine")), study)
    return judged_table(judged, study).markdown().replace("\\_", "_")


def test_lines_of_ones_own_are_called_so(own: Path) -> None:
    """Baseline half way between the lines: RPR 0.62 everywhere, and a spread of nothing."""
    text = planted(own, 21.0)
    assert "own AR" in text
    assert "| AR" not in text
    (line,) = (line for line in text.splitlines() if "| baseline" in line)
    assert [cell.strip() for cell in line.split("|")[3:8]] == ["20.50", "1.00", "0.00", "0.62", "0.00"]
    assert "acceptance is bicubic, excellence dropout; 12 of 12 degradations count" in " ".join(text.split())


def test_without_an_excellence_line_only_acceptance_is_reported(own: Path) -> None:
    text = " ".join(planted(own, 20.01).split())
    assert "no excellence line; embedded_test, psnr_y: the lines are nowhere 0.1 apart" in text
    assert "own RPR" not in text
    assert "own AR" in text
    own.write_text(OWN.replace(", excellence: dropout", ""))
    text = " ".join(planted(own, 21.0).split())
    assert "acceptance is bicubic; no excellence line." in text
    assert "own RPR" not in text
