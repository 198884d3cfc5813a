"""Infinite values: kept in the rows, named in notes, and left out of means, differences, ranks and figures alike."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.reporting.figures.build import write_figures
from harness.reporting.files import figure_names
from harness.reporting.page.report import write_report
from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.samples import without_infinite
from harness.reporting.tables.terminal import means_table
from harness.reporting.tables.write import write_tables
from tests.reporting import synthetic
from tests.reporting.conftest import Written, write
from tests.reporting.figures.test_figures import write_benchmarks

STUDY = synthetic.study(seeds=(0,), datasets=("Set5", "Set14"), degradations=("clean", "blur"), metrics=("psnr_rgb",))


def infinite(rows: pd.DataFrame, variant: str, image: str, degradation: str) -> None:
    chosen = (rows["variant"] == variant) & (rows["degradation"] == degradation)
    chosen &= rows["image"].str.startswith(image)
    assert chosen.any()
    rows.loc[chosen, "value"] = np.inf


def report(written: Written, study: Study, folder: Path) -> dict[tuple[str, str, str], dict[str, str]]:
    """Write tables and the page; return the rows of summary.csv by scope, column and method."""
    write_tables(written.metrics, study, written.runs, folder / "tables")
    write_report(written.metrics, study, written.runs, folder / "figures", folder / "report.html")
    with (folder / "tables/summary.csv").open() as stream:
        return {(row["scope"], row["column"], row["method"]): row for row in csv.DictReader(stream)}


def test_an_image_that_one_method_restores_exactly_is_named_and_left_out_for_all(tmp_path: Path) -> None:
    rows = synthetic.metric_rows(STUDY)
    infinite(rows, "bicubic", "set5_002", "clean")
    written = write(tmp_path / "written", STUDY, rows)
    found = report(written, STUDY, tmp_path)
    assert np.isinf(load(written.metrics)["value"]).sum() == 1, "the value is kept"
    rest = rows[(rows["image"] != "set5_002") & (rows["dataset"] == "Set5")]
    for column, given in (("clean", ["clean"]), ("blur", ["blur"]), ("average", ["clean", "blur"])):
        kept = rest if column != "blur" else rows[rows["dataset"] == "Set5"]
        means = kept[kept["degradation"].isin(given)].groupby("variant")["value"].mean()
        for method in STUDY.all_methods:
            row = found["Set5", column, method]
            assert float(row["mean"]) == pytest.approx(means[method], abs=1e-3)
            assert row["images"] == ("5" if column == "blur" else "4")
            assert row["left_out"] == ("" if column == "blur" else "Set5/set5_002")
            assert row["state"] == "ok"
            if method != "baseline":
                difference = means[method] - means["baseline"]
                assert float(row["difference"]) == pytest.approx(difference, abs=1e-3)
    note = "1 image, on which some method is infinite, is left out"
    for place in (tmp_path / "tables/main.md", tmp_path / "tables/psnr_rgb.tex", tmp_path / "report.html"):
        text = " ".join(place.read_text().split())
        assert note in text, place
        assert "clean, average)" in text
    assert "inf" not in (tmp_path / "tables/main.csv").read_text()


def test_a_method_that_is_exact_on_every_image_shows_inf_and_harms_no_other(tmp_path: Path) -> None:
    rows = synthetic.metric_rows(STUDY)
    expected = report(write(tmp_path / "finite", STUDY, rows), STUDY, tmp_path / "a")
    for variant in ("bicubic", "dropout"):
        infinite(rows, variant, "set", "clean")
    written = write(tmp_path / "infinite", STUDY, rows)
    found = report(written, STUDY, tmp_path / "b")
    write_benchmarks(written, tmp_path / "benchmarks")
    drawn = write_figures(written.metrics, STUDY, written.runs, tmp_path / "benchmarks", tmp_path / "figures")
    assert len(drawn) == 1 + 3 * len(figure_names(STUDY))
    assert found["average", "clean", "bicubic"]["mean"] == found["average", "clean", "dropout"]["mean"] == "inf"
    assert found["average", "clean", "dropout"]["difference"] == ""
    assert found["average", "clean", "dropout"]["state"] == "ok"
    for method in ("baseline", "simple_align", "adaptive_dropout"):
        key = ("average", "clean", method)
        same = ("mean", "images", "left_out", "difference", "low", "high", "p")
        assert {name: found[key][name] for name in same} == {name: expected[key][name] for name in same}
    assert "inf: identical to the ground truth on every image" in (tmp_path / "b/tables/main.md").read_text()
    assert "dropout on srresnet: infinite, identical to the ground truth" in (tmp_path / "b/report.html").read_text()


def test_no_data_set_loses_all_its_images() -> None:
    values = np.ones((3, 2, 4))
    values[0, 0, 0] = values[1, 1, 1] = np.inf
    strata = np.array([0, 0, 1, 1])
    kept_values, means, kept = without_infinite(values, strata)
    assert kept.all(), "leaving out images 0 and 1 would leave nothing of the first data set"
    assert means[:2].tolist() == [np.inf, np.inf]
    assert np.isnan(means[2])
    assert np.isnan(kept_values[:2]).all()
    assert (kept_values[2] == 1).all()


def test_the_means_in_the_terminal_follow_the_same_rule() -> None:
    rows = synthetic.metric_rows(STUDY)
    rows = rows[(rows["variant"] == "bicubic") & (rows["dataset"] == "Set5")]
    infinite(rows := rows.copy(), "bicubic", "set5_001", "clean")
    infinite(rows, "bicubic", "set5", "blur")
    table = means_table(rows, "bicubic")
    finite = rows[(rows["degradation"] == "clean") & (rows["image"] != "set5_001")]["value"].mean()
    assert [row[-1] for row in table.rows] == [f"{finite:.2f}", "inf"]
    assert "identical to the ground truth (infinite): Set5/set5_001, Set5/set5_000" in table.caption
