"""Claims of whole tables, from metric values to stars, bold numbers and words: none that is not true too often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import whole_tables
from benchmarks.statistics_study import Truth
from harness.reporting.statistics import paired as st
from harness.reporting.statistics.claims import claim
from harness.reporting.statistics.critical import ALPHA
from harness.reporting.statistics.groups import BASELINE, RIVAL, Judged
from harness.reporting.statistics.rule import Layout, errors_needed, group_pvalues, table_factors
from harness.reporting.statistics.summary import summarize_blocks
from tests.reporting import synthetic
from tests.reporting.statistics.test_rule import summary_of

BEST, OTHER, CENTRE = 1, 2, 0
"""Rows of a table of three methods; the baseline is the first."""


def at_most(share: float, tables: int) -> float:
    return share + 2 * float(np.sqrt(share * (1 - share) / tables))


@pytest.mark.parametrize("lacking", [False, True], ids=["whole", "one lacks a seed"])
def test_what_the_report_prints_of_methods_that_do_not_differ(lacking: bool) -> None:
    """The rule before starred about half of these tables."""
    truth, tables = Truth(2, (100,), (0.05, 0.10, 0.10)), 10
    printed = [whole_tables.table(truth, "normal", {}, number, lacking=lacking) for number in range(tables)]
    assert np.mean([rows["significant"].any() for rows in printed]) <= at_most(ALPHA, tables)
    assert not any(whole_tables.bare(rows) for rows in printed)


def test_the_second_best_takes_the_bold_away() -> None:
    rows = whole_tables.table(whole_tables.CELLS[2], "normal", whole_tables.TWO_BEST, 0).set_index("method")
    assert (rows.loc[list(whole_tables.TWO_BEST), "verdict"] == "better").all()
    assert not rows["best_significant"].any()


@pytest.mark.parametrize("seeds", [2, 3, 10])
def test_a_difference_of_the_margin_is_rarely_called_equivalent(seeds: int) -> None:
    random, shape = np.random.Generator(np.random.Philox(seeds)), (4000, 4, seeds)
    for skewed in (False, True):
        drawn = random.normal(0, 1, (4000, 5, seeds))
        drawn = (np.exp(drawn) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e) if skewed else drawn
        luck = 0.02 * (drawn[:, 1:] - drawn[:, :1])
        assert luck.shape == shape
        mean, variance = 0.1 + luck.mean(2), luck.var(2, ddof=1) / seeds
        layout = Layout(seeds, (100,), (True,) * 4, (True,) * 4)
        p = group_pvalues(np.maximum(0.1 - np.abs(mean), 0.0), variance, np.zeros_like(variance), layout)
        assert (p < ALPHA).any(1).mean() <= ALPHA + (0.02 if skewed else 0.01)


def judged(kind: str, centre: int, mean: dict[int, float], pvalues: dict[int, float]) -> Judged:
    places = tuple(mean)
    layout = Layout(5, (100,), (True,) * len(places), (False,) * len(places))
    arrays = (np.array(list(mean.values())), np.array([pvalues[place] for place in places]))
    return Judged(kind, centre, places, 3, layout, *arrays, np.full(len(places), np.nan), (1.0, 1.0))


def bold(best: int, over: dict[int, float], stars: dict[int, float]) -> list[bool]:
    """Return which rows are bold, given p-values of the best against the others and of all against the baseline."""
    rows: list[dict[str, Any]] = [
        {"role": "" if place == CENTRE else "exploratory", "significant": False, "best_significant": False}
        for place in (CENTRE, BEST, OTHER)
    ]
    gain = {place: 1.0 if best == place else -1.0 for place in (BEST, OTHER)}
    groups = [judged(BASELINE, CENTRE, gain, stars), judged(RIVAL, best, dict.fromkeys(over, -1.0), over)]
    claim(groups, rows, 1.0)
    return [bool(row["best_significant"]) for row in rows]


def test_bold_takes_its_star() -> None:
    assert bold(BEST, {CENTRE: 0.001, OTHER: 0.001}, {BEST: 0.001, OTHER: 1.0})[BEST]
    assert not any(bold(BEST, {CENTRE: 0.04, OTHER: 0.001}, {BEST: 0.06, OTHER: 1.0}))
    assert bold(CENTRE, {BEST: 0.001, OTHER: 0.001}, {BEST: 0.001, OTHER: 0.001})[CENTRE]
    assert not any(bold(CENTRE, {BEST: 0.001, OTHER: 0.04}, {BEST: 0.001, OTHER: 0.06}))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_what_the_note_calls_enough_is_enough(share: float) -> None:
    random = np.random.Generator(np.random.Philox(3))
    layout = Layout(3, (14,), (True,) * 4, (True,) * 4)
    seed, image = share * random.exponential(1, (200, 4)), (1 - share) * random.exponential(1, (200, 4))
    error = np.sqrt(np.maximum(seed, seed.mean(1, keepdims=True)) + np.maximum(image, image.mean(1, keepdims=True)))
    needed = errors_needed(layout, (5.0, 1.0))
    assert (5 * group_pvalues(needed * error * 1.001, seed, image, layout) < ALPHA).all()


@pytest.mark.parametrize("comparisons", [100, 500])
def test_fourteen_images_can_have_a_star_in_a_large_table(comparisons: int) -> None:
    """Permutations drawn by chance had p >= 0.0005 on 14 images: no star, whatever the difference."""
    columns = comparisons // 4
    random = np.random.Generator(np.random.Philox(comparisons))
    values = random.normal(1.0, 0.02, (4, 10, 14))
    parts = st.variance_components(values, np.zeros(14, np.int64))
    layout = Layout(10, (14,), (True,) * 4, (False,) * 4)
    factors = table_factors([layout] * columns)
    found = group_pvalues(parts.mean, parts.seed, parts.image, layout) * factors[1]
    assert (found < ALPHA).all()
    needed = errors_needed(layout, factors)
    assert (parts.mean / np.sqrt(parts.seed + parts.image) > needed).all()
    assert (needed < 25).all(), "within reach, as the note under the table says"


def test_an_infinite_image_leaves_numbers_and_stars_of_the_others(tmp_path: Path) -> None:
    study = synthetic.study(datasets=("Set14",), degradations=("clean", "blur"), metrics=("psnr_rgb",))
    rows = synthetic.metric_rows(study)
    exact = (rows["variant"] == "dropout") & (rows["seed"] == 0) & (rows["image"] == "set14_003")
    left = summary_of(tmp_path, study, rows[rows["image"] != "set14_003"].reset_index(drop=True))
    rows.loc[exact, "value"] = np.inf
    found = summary_of(tmp_path, study, rows)
    for name in ("mean", "difference", "low", "p_family", "seeds"):
        np.testing.assert_allclose(found[name].to_numpy(float), left[name].to_numpy(float), rtol=1e-9)
    assert found["significant"].tolist() == left["significant"].tolist()


def test_blocks_of_the_benchmark_are_those_of_a_study() -> None:
    truth = Truth(3, (5, 14), (0.05, 0.10, 0.10))
    rows = summarize_blocks([whole_tables.block(truth, "normal", {}, 0)], whole_tables.study(truth))
    assert set(rows["scope"]) == {"set0", "set1", "average"}
    assert (rows["state"] == "ok").all()
    assert (rows["role"] == "primary").sum() == 4
