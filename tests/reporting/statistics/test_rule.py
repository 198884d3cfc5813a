"""The rule that sets the stars: how often it errs, what it never claims, and that tables use nothing else."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks import familywise
from benchmarks.statistics_study import Truth
from harness.experiment import load_experiment
from harness.reporting.rows.compared import Study, study_of
from harness.reporting.rows.metric_rows import aggregate
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.comparison import comparison
from harness.reporting.statistics.critical import ALPHA, LEVELS, critical_values
from harness.reporting.statistics.rule import Layout, group_pvalues, table_pvalues, verdict
from harness.reporting.statistics.summary import summarize
from tests.conftest import ROOT
from tests.reporting import synthetic

TABLES = 200
MOST = ALPHA + 2 * np.sqrt(ALPHA * (1 - ALPHA) / TABLES)


def summary_of(folder: Path, study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """Aggregate rows and compute the statistics of all cells."""
    rows.to_parquet(folder / "rows.parquet")
    return summarize(aggregate([folder / "rows.parquet"], study), study)


def critical(tested: int, pooled: int, sizes: tuple[int, ...], level: float) -> float:
    return float(np.interp(np.log(level), np.log(LEVELS), critical_values(tested, pooled, sizes)))


@pytest.mark.parametrize("effects", familywise.EFFECTS)
@pytest.mark.parametrize("truth", [familywise.REPORTED[1], familywise.REPORTED[4]], ids=["2x100", "3x14"])
def test_tables_without_a_difference_rarely_have_a_star(truth: Truth, effects: str) -> None:
    assert familywise.rates(truth, effects, TABLES, "new").familywise <= MOST


def test_the_rule_before_starred_half_of_such_tables() -> None:
    assert familywise.rates(familywise.REPORTED[1], "normal", 40, "old").familywise > 0.25


def test_a_planted_difference_is_found() -> None:
    found = familywise.rates(Truth(5, (100,), (0.05, 0.10, 0.10)), "normal", TABLES, "new")
    assert found.powers[1] > 0.9


@pytest.mark.parametrize("seeds", [2, 3])
def test_one_arm_may_vary_three_times_as_much(seeds: int) -> None:
    random = np.random.Generator(np.random.Philox(seeds))
    for scales in ((3.0, 1.0, 1.0, 1.0), (1.0, 3.0, 1.0, 1.0)):  # the baseline's, or a method's
        arms = random.normal(0, 1, (4000, 4, seeds)) * np.array(scales)[None, :, None]
        luck = arms[:, 1:] - arms[:, :1]
        layout = Layout(seeds, (100,), (True,) * 3, (True,) * 3)
        p = group_pvalues(luck.mean(2), luck.var(2, ddof=1) / seeds, np.zeros((4000, 3)), layout)
        assert (p < ALPHA).any(1).mean() <= ALPHA + 0.01


def test_critical_values_are_at_least_those_of_student() -> None:
    for count in (3, 5, 14):
        assert critical(1, 1, (count,), 0.05) >= 0.97 * stats.t.ppf(0.975, count - 1)
    assert critical(4, 4, (3,), 0.05) < stats.t.ppf(1 - 0.025 / 4, 2), "four comparisons know more of seeds than one"
    assert np.isinf(critical_values(2, 2, (1,))[:-1]).all()


def test_primary_comparisons_come_first() -> None:
    layouts = [Layout(3, (14,), (True, True), flags) for flags in ((True, True), (False, False))]
    first, second = table_pvalues([np.array([0.01, 0.03]), np.array([0.009, 0.2])], layouts)
    np.testing.assert_allclose(first, [0.0125, 0.0375])
    np.testing.assert_allclose(second, [0.0375, 0.2], err_msg="all primary ones are claims")
    first, second = table_pvalues([np.array([0.01, 0.3]), np.array([0.009, 0.2])], layouts)
    np.testing.assert_allclose(second, [0.045, 0.375])
    only = table_pvalues([np.array([0.01, 0.3])], layouts[:1])
    np.testing.assert_allclose(only[0], [0.01, 0.3])


@pytest.mark.parametrize(
    ("difference", "p", "same", "sign", "word"),
    [
        (0.3, 0.01, 1.0, 1.0, "better"),
        (0.3, 0.01, 1.0, -1.0, "worse"),
        (0.01, 0.6, 0.01, 1.0, "equivalent"),
        (0.3, 0.2, 1.0, 1.0, "undecided"),
        (0.3, np.nan, np.nan, 1.0, "undecided"),
        (np.nan, np.nan, np.nan, 1.0, ""),
    ],
)
def test_four_words(difference: float, p: float, same: float, sign: float, word: str) -> None:
    assert verdict(difference, p, same, sign) == word


def test_tables_use_the_rule_that_is_measured(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set14",), degradations=("clean", "blur"), metrics=("psnr_rgb",))
    rows = synthetic.metric_rows(study)
    summary = summary_of(tmp_path, study, rows).set_index(["column", "method"])
    trained = list(study.methods[1:])
    values = rows.pivot_table(index=["variant", "degradation", "seed"], columns="image", values="value")
    control = rows[rows["variant"] == "bicubic"].pivot_table(index="degradation", columns="image", values="value")

    def group(column: str) -> tuple[np.ndarray, Layout]:
        names = ["clean", "blur"] if column == "average" else [column]

        def of(method: str) -> np.ndarray:
            if method == "bicubic":
                return np.mean([control.loc[[name] * 3].to_numpy() for name in names], axis=0)
            return np.mean([values.loc[method, name].to_numpy() for name in names], axis=0)

        stacked = np.stack([of(method) - of("baseline") for method in ["bicubic", *trained]])
        parts = st.variance_components(stacked, np.zeros(14, np.int64))
        layout = Layout(3, (14,), (False, *[True] * 3), (False, *[column == "average"] * 3))
        return group_pvalues(parts.mean, parts.seed, parts.image, layout), layout

    groups = {column: group(column) for column in ("clean", "blur", "average")}
    expected = table_pvalues([found for found, _ in groups.values()], [layout for _, layout in groups.values()])
    for column, found in zip(groups, expected, strict=True):
        np.testing.assert_allclose(summary.loc[column].loc[["bicubic", *trained]]["p_family"], found, rtol=1e-9)


def test_what_was_never_trained_needs_no_seed(tmp_path: Path) -> None:
    study = Study.product("a", references=("bicubic", "other"), baseline="bicubic", datasets=("Set14",))
    rows = synthetic.metric_rows(study, gains={"other": 1.0}, sigma_rest=0.0)
    row = summary_of(tmp_path, study, rows).set_index("method").loc["other"]
    assert row["verdict"] == "better"
    assert np.isfinite(row["needed"])
    one = summary_of(tmp_path, study, rows).set_index("method").loc["dropout"]
    assert one["verdict"] == "undecided", "one training: nothing is known about others"


def partial(folder: Path, gains: dict[str, float], kept: dict[str, tuple[int, ...]], lucky: float) -> pd.DataFrame:
    """Compute a table in which methods lack seeds, and in which seed 2 is better by ``lucky`` dB for every method."""
    study = synthetic.study(datasets=("B100",), degradations=("clean",), metrics=("psnr_rgb",), seeds=(0, 1, 2, 3))
    rows = synthetic.metric_rows(study, gains=gains, sigma_seed=0.001, sigma_rest=0.01, sigma_image=0.01)
    rows.loc[rows["seed"] == 2, "value"] += lucky
    for method, seeds in kept.items():
        rows = rows[(rows["variant"] != method) | rows["seed"].isin(seeds)]
    return summary_of(folder, study, rows.reset_index(drop=True)).set_index("method")


def test_no_bold_for_a_method_that_is_worse_on_the_seeds_it_shares(tmp_path: Path) -> None:
    gains = {"bicubic": -9.0, "baseline": 0.0, "dropout": -0.5, "simple_align": -0.6, "adaptive_dropout": -0.7}
    table = partial(tmp_path, gains, {"dropout": (2, 3)}, lucky=5.0)
    assert table.loc["dropout", "best"], "by its mean, which is over better seeds"
    assert table.loc["dropout", "verdict"] != "better"
    assert not table["best_significant"].any()


def test_no_bold_without_a_seed_in_common(tmp_path: Path) -> None:
    gains = {"bicubic": -9.0, "baseline": 0.0, "dropout": 3.0, "simple_align": 0.0, "adaptive_dropout": 0.0}
    table = partial(tmp_path, gains, {"dropout": (2, 3), "baseline": (0, 1)}, lucky=0.0)
    assert table.loc["dropout", "best"]
    assert not table["best_significant"].any()


def test_bold_comes_with_its_star(tmp_path: Path) -> None:
    gains = {"bicubic": -9.0, "baseline": 0.0, "dropout": 3.0, "simple_align": 0.0, "adaptive_dropout": 0.0}
    table = partial(tmp_path, gains, {}, lucky=0.0)
    assert table.loc["dropout", ["best_significant", "significant"]].all()


def test_methods_that_are_the_same_are_called_equivalent(tmp_path: Path) -> None:
    table = partial(tmp_path, dict.fromkeys(synthetic.GAINS, 0.0), {}, lucky=0.0)
    assert set(table.loc[["dropout", "simple_align", "adaptive_dropout"], "verdict"]) == {"equivalent"}


def test_an_experiment_declares_its_primary_comparisons(tmp_path: Path) -> None:
    text = (ROOT / "configs/experiments/laptop.yaml").read_text()
    file = tmp_path / "mine.yaml"
    claims = "primary: {methods: [dropout], column: blur, metric: psnr_y}\nmargin: {psnr_y: 0.5}\nseeds: [0, 1]"
    file.write_text(text.replace("seeds: [0, 1]", claims))
    study = study_of(load_experiment(file))
    assert study.margin("psnr_y") == 0.5
    assert study.margin("psnr_rgb") == 0.1
    assert study.margin("ssim_y") is None
    small = synthetic.study(datasets=("Set5",), degradations=("clean", "blur"), metrics=("psnr_rgb", "psnr_y"))
    summary = summary_of(tmp_path, small := replace(small, primary=study.primary), synthetic.metric_rows(small))
    found = summary[summary["role"] == "primary"]
    assert found[["metric", "column", "method"]].to_numpy().tolist() == [["psnr_y", "blur", "dropout"]]
    table = comparison(summary, small, "psnr_y", "Set5")
    assert table is not None
    assert "Primary: dropout on blur, tested first" in table.gain_caption
    other = comparison(summary, small, "psnr_rgb", "Set5")
    assert other is not None
    assert "All of them are exploratory." in other.gain_caption
    assert any("standard errors for exploratory comparisons" in note for note in other.notes)


def test_what_is_out_of_reach_is_said(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set5",), metrics=("psnr_rgb",), seeds=(0, 1))
    table = comparison(summary_of(tmp_path, study, synthetic.metric_rows(study)), study, "psnr_rgb", "Set5")
    assert table is not None
    assert any("In effect no star is possible for any of the exploratory comparisons" in note for note in table.notes)
    assert any(note.startswith("Enough for a star: ") and "for primary comparisons" in note for note in table.notes)


def test_the_name_seeds_the_statistics(tmp_path: Path) -> None:
    lows = {}
    for name in ("one", "other"):
        study = synthetic.study(datasets=("Set5",), degradations=("clean",), metrics=("psnr_rgb",), name=name)
        lows[name] = summary_of(tmp_path, study, synthetic.metric_rows(study))["low"].dropna().to_numpy()
    assert not np.array_equal(lows["one"], lows["other"])
    np.testing.assert_allclose(lows["one"], lows["other"], atol=0.1)


def test_five_hundred_comparisons_take_no_time() -> None:
    random = np.random.Generator(np.random.Philox(1))
    values = random.normal(0, 1, (500, 3, 100))
    start = time.process_time()
    parts = st.variance_components(values, np.zeros(100, np.int64))
    shape = (100, 5)
    layout = Layout(3, (100,), (True,) * 5, (False,) * 5)
    group_pvalues(*(part.reshape(shape) for part in (parts.mean, parts.seed, parts.image)), layout)
    assert time.process_time() - start < 4, "1 s where nothing else runs, critical values included"


def test_the_benchmark_writes_one_object_per_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "cells.json"
    familywise.main(["--trials", "2", "--effects", "normal", "--json", str(target)])
    cells = json.loads(target.read_text())
    assert len(cells) == len(familywise.TRUTHS)
    keys = ["seeds", "images", "sigma", "effects", "familywise", "power_0p1", "power_0p2"]
    assert all(list(cell) == keys for cell in cells)
    assert "5+14+100" in capsys.readouterr().out
