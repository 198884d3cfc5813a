"""The table and the figure of an ablation study, against the rows they are made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from harness.experiment.ablations import Ablation, load_ablation
from harness.reporting.page.ablation import Outcome, factor, level_table, outcome, write_outcome
from harness.reporting.page.pictures import MOST_BYTES
from harness.reporting.page.report import write_report
from harness.reporting.rows.compared import study_of_ablation
from harness.reporting.rows.metric_rows import write_aggregate
from tests.experiment.test_experiment import content, load
from tests.reporting import synthetic
from tests.reporting.conftest import write
from tests.reporting.html_check import problems, visible_text

IMAGES = {"Set5": 5, "Set14": 14}
FILES = ["figure.pdf", "figure.png", "table.csv", "table.html", "table.md", "table.tex"]


def study_on(folder: Path, name: str, **changes: object) -> Ablation:
    """Return a study on a small experiment with two data sets and three degradations."""
    data = content() | {"variants": ["baseline"], "seeds": [0, 1, 2]} | changes
    data["evaluation"] = {
        "datasets": list(IMAGES),
        "degradations": ["clean", "blur", "noise"],
        "metrics": ["psnr_rgb", "ssim_y"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    return load_ablation(load(folder, data), name)


def with_rows(folder: Path, ablation: Ablation, rows: pd.DataFrame) -> Outcome:
    """Write rows and runs of a study and return what comes out."""
    study = study_of_ablation(ablation)
    rows.to_parquet(folder / "raw.parquet")
    write_aggregate([folder / "raw.parquet"], study, folder / "metrics.parquet")
    synthetic.write_runs(study, folder / "runs")
    return outcome(ablation, folder / "metrics.parquet", folder / "runs")


def rows_of(ablation: Ablation) -> pd.DataFrame:
    """Draw rows: the best level is 0.4 dB above the control, levels without a number 0.1 dB."""
    values = {name: ablation.file.value(name) for name in ablation.levels}
    gains = {
        name: 0.1 if value is None or value > 1 else 0.4 - 2 * (value - 0.5) ** 2 for name, value in values.items()
    }
    return synthetic.metric_rows(study_of_ablation(ablation), gains=gains | {ablation.file.control: 0.0}, images=IMAGES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ablation")


@pytest.fixture(scope="module")
def rate(folder: Path) -> Outcome:
    ablation = study_on(folder, "dropout_rate")
    return with_rows(folder, ablation, rows_of(ablation))


@pytest.fixture(scope="module")
def written(rate: Outcome, folder: Path) -> Path:
    assert [path.name for path in write_outcome(rate, folder / "report")] == FILES
    return folder / "report"


def test_means_and_differences_are_those_of_the_rows(rate: Outcome, folder: Path) -> None:
    """By pandas alone: the mean over images, then data sets and degradations, then seeds."""
    raw = pd.read_parquet(folder / "raw.parquet")
    raw = raw[raw["metric"] == "psnr_rgb"]
    by_set = raw.groupby(["variant", "seed", "dataset", "degradation"])["value"].mean()
    sets = by_set.groupby(["variant", "dataset"]).mean().unstack()
    means = sets.mean(axis=1)
    table = level_table(rate)
    assert table.header[:5] == ("level", "PSNR (RGB), dB", "difference (dB)", "95% interval", "p")
    assert table.header[5:] == ("Set5", "Set14", "seeds", "hours", "relative")
    assert [row[0] for row in table.rows] == list(rate.ablation.levels)
    for row in table.rows:
        assert float(row[1]) == pytest.approx(means[row[0]], abs=0.0051)
        assert row[7] == "3/3"
        if row[0] == "no dropout":
            assert row[2:7] == ("", "", "", "", "")
            continue
        gain = means[row[0]] - means["no dropout"]
        assert float(row[2].rstrip("*")) == pytest.approx(gain, abs=0.0051)
        low, high = (float(text) for text in row[3].strip("[]").split(", "))
        assert low < gain < high
        for place, dataset in enumerate(("Set5", "Set14")):
            own = sets.loc[row[0], dataset] - sets.loc["no dropout", dataset]
            assert float(row[5 + place].rstrip("*")) == pytest.approx(own, abs=0.0051)


def test_the_csv_holds_every_number(rate: Outcome, written: Path, folder: Path) -> None:
    table = pd.read_csv(written / "table.csv")
    assert len(table) == 10 * (2 + 1) * (3 + 1) * 2
    raw = pd.read_parquet(folder / "raw.parquet")
    cell = raw[(raw["metric"] == "ssim_y") & (raw["dataset"] == "Set14") & (raw["degradation"] == "noise")]
    means = cell.groupby("variant")["value"].mean()
    chosen = table[(table["metric"] == "ssim_y") & (table["scope"] == "Set14") & (table["column"] == "noise")]
    chosen = chosen.set_index("level")
    assert np.allclose(chosen["mean"], means[chosen.index], rtol=1e-5)
    trained = chosen.drop(index="no dropout")
    assert np.allclose(trained["difference"], (means - means["no dropout"])[trained.index], atol=1e-5)
    assert list(chosen["value"]) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert set(chosen["runs"]) == {3}
    assert chosen["seconds"].iloc[0] == pytest.approx(1000 * 1.01)


def test_all_formats_say_what_was_asked_and_found(rate: Outcome, written: Path) -> None:
    markdown = (written / "table.md").read_text()
    assert "x: Dropout rate" in markdown
    assert rate.ablation.file.question in markdown
    assert "PSNR (RGB), dB: average over data sets" in markdown
    assert all(len(line) <= 120 for line in markdown.splitlines())
    page = (written / "table.html").read_text()
    assert problems(page) == []
    assert "no dropout" in visible_text(page)
    tex = (written / "table.tex").read_text()
    assert tex.count("\\begin{table*}") == tex.count("\\end{table*}") == 2
    assert tex.count("{") == tex.count("}")
    for name in ("figure.png", "figure.pdf"):
        assert (written / name).stat().st_size > 5000


def test_same_input_gives_the_same_bytes(rate: Outcome, written: Path, tmp_path: Path) -> None:
    write_outcome(rate, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {p.name: p.read_bytes() for p in written.iterdir()}


def test_failed_and_missing_levels_are_shown(tmp_path: Path) -> None:
    ablation = study_on(tmp_path, "dropout_rate", seeds=[0, 1])
    rows = rows_of(ablation)
    rows = rows[rows["variant"] != "0.9"]
    rows = rows[~((rows["variant"] == "0.8") & (rows["seed"] == 1))]
    bad = (rows["variant"] == "0.2") & (rows["image"] == "set5_002") & (rows["seed"] == 0)
    rows.loc[bad, "status"] = "failed"
    rows.loc[bad, "value"] = np.nan
    found = with_rows(tmp_path, ablation, rows)
    cells = {row[0]: row for row in level_table(found).rows}
    assert cells["0.9"][1:7] == ("missing", "", "", "", "missing", "missing")
    assert cells["0.9"][7] == "0/2"
    assert cells["0.2"][1].startswith("failed 3/")
    assert cells["0.2"][6] != ""
    assert cells["0.8"][1].endswith("°")
    assert cells["0.8"][7] == "1/2"
    write_outcome(found, tmp_path / "report")
    with Image.open(tmp_path / "report" / "figure.png") as picture:
        red = (np.abs(np.asarray(picture.convert("RGB"), int) - (0xA4, 0x26, 0x2C)).sum(2) < 30).sum()
    assert red > 50


def test_nothing_measured_can_be_written(tmp_path: Path) -> None:
    ablation = study_on(tmp_path, "simple_align_views")
    found = with_rows(tmp_path, ablation, rows_of(ablation)[:0])
    write_outcome(found, tmp_path / "report")
    assert {row[1] for row in level_table(found).rows} == {"missing"}


def test_networks_have_their_own_blocks_and_panels(tmp_path: Path) -> None:
    ablation = study_on(tmp_path, "dropout_position", networks=["srresnet_small", "rrdb_small"], seeds=[0])
    found = with_rows(tmp_path, ablation, rows_of(ablation))
    rows = level_table(found).rows
    blocks = {name: [row[1] for row in rows if row[0] == name and "block " in row[1]] for name in found.study.networks}
    assert blocks == {
        "srresnet_small": ["block 1", "block 2", "block 3", "block 4"],
        "rrdb_small": ["block 1", "block 2"],
    }
    write_outcome(found, tmp_path / "report")
    assert (tmp_path / "report" / "figure.png").stat().st_size > 5000


def test_levels_stand_where_their_numbers_are(rate: Outcome) -> None:
    shown = factor(rate)
    assert shown.axis == "linear"
    assert shown.values["0.3"] == 0.3
    assert shown.values["no dropout"] == 0


def test_the_report_shows_the_studies_that_have_results(rate: Outcome, written: Path, tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set5",), seeds=(0,))
    base = write(tmp_path, study, synthetic.metric_rows(study)[:0])
    target = tmp_path / "report.html"
    write_report(base.metrics, study, base.runs, tmp_path / "none", target, [(rate, written), (rate, tmp_path)])
    page = target.read_text()
    assert problems(page) == []
    text = visible_text(page)
    assert text.count(rate.ablation.file.question) == 2
    assert page.count("data:image/webp;base64,") == 1
    assert '<a href="#ablations">' in page


def test_links_to_large_files_lead_from_the_report_to_them(rate: Outcome, written: Path, tmp_path: Path) -> None:
    place = tmp_path / "report" / "ablations" / "dropout rate"
    shutil.copytree(written, place)
    with (place / "figure.pdf").open("ab") as pdf:
        pdf.write(b" " * MOST_BYTES)
    study = synthetic.study(datasets=("Set5",), seeds=(0,))
    base = write(tmp_path, study, synthetic.metric_rows(study)[:0])
    target = tmp_path / "report" / "report.html"
    write_report(base.metrics, study, base.runs, tmp_path / "none", target, [(rate, place)])
    assert 'href="ablations/dropout%20rate/figure.pdf"' in target.read_text()
