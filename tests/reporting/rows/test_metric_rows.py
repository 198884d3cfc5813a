"""Merging metrics: nothing is lost, nothing is invented, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.foundation.errors import HarnessError
from harness.reporting.rows.cells import ABSENT, COLUMNS
from harness.reporting.rows.compared import EvaluationSet, Study, StudyRun
from harness.reporting.rows.metric_rows import Labelled, aggregate, blocks, load, write_aggregate
from tests.reporting import synthetic
from tests.reporting.conftest import Written


def test_complete_rows_come_back_unchanged(plain: Written) -> None:
    frame = load(plain.metrics)
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == len(plain.rows)
    assert set(frame["status"]) == {"ok"}
    keys = [name for name in COLUMNS if name not in ("value", "status")]
    left = frame.astype(dict.fromkeys(keys, object)).sort_values(keys)["value"].to_numpy()
    right = plain.rows.astype(dict.fromkeys(keys, object)).sort_values(keys)["value"].to_numpy()
    np.testing.assert_array_equal(left, right)


def test_order_and_split_of_the_files_do_not_matter(plain: Written, tmp_path: Path) -> None:
    shuffled = plain.rows.sample(frac=1, random_state=1)
    shuffled[:1000].to_parquet(tmp_path / "a.parquet")
    shuffled[1000:].to_parquet(tmp_path / "b.parquet")
    write_aggregate([tmp_path / "b.parquet", tmp_path / "a.parquet"], plain.study, tmp_path / "m.parquet")
    assert (tmp_path / "m.parquet").read_bytes() == plain.metrics.read_bytes()


def test_missing_cells_appear_as_missing(broken: Written) -> None:
    frame = load(broken.metrics)
    missing = frame[frame["status"] == "missing"]
    assert set(zip(missing["network"], missing["variant"], missing["seed"], strict=True)) == {
        ("rrdb", "dropout", 0),
        ("rrdb", "dropout", 1),
        ("srresnet", "dropout", 1),
    }
    assert len(missing) == 3 * 19 * 8 * 2
    assert missing["value"].isna().all()


def test_set_without_any_rows_gets_one_nameless_row_per_metric(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set5", "Set14"), seeds=(0,))
    rows = synthetic.metric_rows(study)
    rows[rows["dataset"] == "Set5"].to_parquet(tmp_path / "a.parquet")
    frame = aggregate([tmp_path / "a.parquet"], study)
    absent = frame[frame["dataset"] == "Set14"]
    assert set(absent["image"]) == {""}
    assert len(absent) == 5 * 8 * 2


def test_nothing_at_all(tmp_path: Path) -> None:
    frame = aggregate([], synthetic.study(seeds=(0,), datasets=("Set5",)))
    assert len(frame) == 5 * 8 * 2
    assert set(frame["status"]) == {"missing"}


def test_rows_that_nobody_asked_for_are_left_out(plain: Written, tmp_path: Path) -> None:
    smaller = synthetic.study(datasets=("Set5",), seeds=(1,), metrics=("ssim_y",))
    plain.rows.to_parquet(tmp_path / "a.parquet")
    frame = aggregate([tmp_path / "a.parquet"], smaller)
    assert set(frame["dataset"]) == {"Set5"}
    assert set(frame["seed"].dropna()) == {1}
    assert set(frame["metric"]) == {"ssim_y"}
    assert set(frame["status"]) == {"ok"}


def test_disagreeing_duplicates_are_an_error_and_equal_ones_are_not(plain: Written, tmp_path: Path) -> None:
    plain.rows.to_parquet(tmp_path / "a.parquet")
    plain.rows[:5].to_parquet(tmp_path / "b.parquet")
    assert len(aggregate([tmp_path / "a.parquet", tmp_path / "b.parquet"], plain.study)) == len(plain.rows)
    other = plain.rows[:5].copy()
    other["value"] += 1
    other.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(HarnessError, match=r"bicubic.*Set5/clean/set5_000.*two files disagree"):
        aggregate([tmp_path / "a.parquet", tmp_path / "b.parquet"], plain.study)


@pytest.mark.parametrize("kind", ["absent", "garbage", "column", "status"])
def test_bad_files_are_one_clear_line(kind: str, plain: Written, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    if kind == "garbage":
        path.write_bytes(b"no parquet at all")
    if kind == "column":
        plain.rows.drop(columns="image").to_parquet(path)
    if kind == "status":
        plain.rows.assign(status="perhaps").to_parquet(path)
    with pytest.raises(HarnessError) as caught:
        aggregate([path], plain.study)
    assert len(str(caught.value).splitlines()) == 1


def test_nan_that_claims_to_be_ok_counts_as_failed(plain: Written, tmp_path: Path) -> None:
    rows = plain.rows.copy()
    rows.loc[0, "value"] = np.nan
    rows.to_parquet(tmp_path / "a.parquet")
    frame = aggregate([tmp_path / "a.parquet"], plain.study)
    assert (frame["status"] == "failed").sum() == 1


def test_blocks_hold_every_value_in_its_place(broken: Written) -> None:
    found = {(block.metric, block.network): block for block in blocks(load(broken.metrics), broken.study)}
    block = found[("psnr_rgb", "srresnet")]
    rows = broken.rows[(broken.rows["metric"] == "psnr_rgb") & (broken.rows["degradation"] == "jpeg")]
    rows = rows[(rows["network"] == "srresnet") & (rows["variant"] == "adaptive_dropout") & (rows["seed"] == 1)]
    expected = rows[rows["dataset"] == "Set14"].sort_values("image")["value"].to_numpy()
    method = block.methods.index("adaptive_dropout")
    np.testing.assert_array_equal(block.values[("Set14", "jpeg")][method, 1], expected)
    bicubic = block.values[("Set14", "jpeg")][0]
    np.testing.assert_array_equal(bicubic[0], bicubic[1])


def test_runs_outside_the_study_are_absent_not_missing(tmp_path: Path) -> None:
    runs = (StudyRun("a", "srresnet", "baseline", "baseline", 0), StudyRun("b", "srresnet", "baseline", "baseline", 1))
    runs += (StudyRun("c", "srresnet", "dropout", "dropout", 0),)
    sets = (EvaluationSet("Set5", "clean", ("psnr_rgb",)),)
    study = Study("s", "", ("srresnet",), ("baseline", "dropout"), (), (0, 1), sets, "baseline", runs)
    synthetic.metric_rows(study).to_parquet(tmp_path / "a.parquet")
    block = blocks(aggregate([tmp_path / "a.parquet"], study), study)[0]
    assert (block.status[("Set5", "clean")][1, 1] == ABSENT).all()
    assert not np.isnan(block.values[("Set5", "clean")][1, 0]).any()


def test_categories_survive_the_file(plain: Written) -> None:
    frame = load(plain.metrics)
    assert isinstance(frame["image"].dtype, pd.CategoricalDtype)
    assert str(frame["seed"].dtype) == "Int64"


def test_a_labelled_file_counts_under_its_label(plain: Written, tmp_path: Path) -> None:
    one = plain.rows[(plain.rows["variant"] == "dropout") & (plain.rows["seed"] == 0)]
    one.to_parquet(tmp_path / "a.parquet")
    study = synthetic.study(methods=("baseline", "first", "second"), seeds=(0,), datasets=("Set5", "Set14"))
    files: list[Labelled] = [(tmp_path / "a.parquet", name) for name in ("first", "second")]
    frame = aggregate(files, study)
    for name in ("first", "second"):
        rows = frame[frame["variant"] == name]
        assert set(rows["status"]) == {"ok"}
        assert sorted(rows["value"]) == sorted(one["value"])
    assert set(frame.loc[frame["variant"] == "baseline", "status"]) == {"missing"}
