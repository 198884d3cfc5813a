"""What a choice on a test set gains, on runs over training time that were planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from harness.experiment import load_experiment
from harness.experiment.selection import Selection
from harness.foundation.project import ROOT
from harness.reporting.figures.selection import over_time
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.selection import Course
from harness.reporting.statistics.selection import CROSSED, HELDOUT, LAST, OTHERS, SEEN, choose, gains
from harness.reporting.tables.selection import Selected, controls_of, curves, method_table, run_table
from tests.reporting.synthetic import study

Floats = npt.NDArray[np.float64]

STEPS = (100, 200, 300, 400)
IMAGES = {"Set5": 5, "Set14": 14, "B100": 8}
HELDOUT_LOSS = np.array([0.4, 0.3, 0.1, 0.2])  # least at 300


def course(variant: str, seed: int, by_set: dict[str, list[float]], spread: float = 0.0) -> Course:
    """A run with this quality after each step, its images apart by whole dB, the choice's effect by ``spread``."""
    random = np.random.Generator(np.random.Philox([seed, len(variant)]))
    quality = {}
    for name, values in by_set.items():
        images = np.arange(IMAGES[name], dtype=np.float64)
        noise = random.normal(0, spread, (len(STEPS), IMAGES[name]))
        quality[name] = np.array(values)[:, None] + images + noise - noise.mean(axis=1, keepdims=True)
    return Course("srresnet", variant, seed, STEPS, quality, HELDOUT_LOSS)


LEAKING = {"Set5": [20.0, 25.0, 24.0, 24.4], "Set14": [20.0, 22.0, 23.5, 23.0], "B100": [19.0, 21.0, 22.0, 22.0]}
"""Best on Set5 at 200, by 0.6 dB over the last; there 1 dB worse on both other sets. Held-out images choose 300."""

HARMLESS = {name: [20.0, 21.0, 22.0, 23.0] for name in IMAGES}
"""Best at the end, everywhere."""


def one(rows: pd.DataFrame, variant: str, scope: str, over: str, minus: str = "", seed: int | None = None) -> pd.Series:
    """The only row of that description."""
    named = (rows["variant"] == variant) & (rows["scope"] == scope) & (rows["over"] == over) & (rows["minus"] == minus)
    found = rows[named & (rows["seed"].isna() if seed is None else rows["seed"].eq(seed).fillna(False))]
    assert len(found) == 1
    return found.iloc[0]


def courses() -> list[Course]:
    return [
        course(variant, seed, curve, 0.05)
        for variant, curve in (("baseline", HARMLESS), ("dropout", LEAKING))
        for seed in range(3)
    ]


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    """The gains of a harmless baseline and of a method that leaks."""
    return gains(courses(), "Set5", True, "baseline")


def test_a_best_checkpoint_that_is_worse_elsewhere_is_reported_so(planted: pd.DataFrame) -> None:
    found = planted
    for seed in (None, 0, 1, 2):
        assert one(found, "dropout", SEEN, LAST, seed=seed)["gain"] == pytest.approx(0.6)
        assert one(found, "dropout", SEEN, HELDOUT, seed=seed)["gain"] == pytest.approx(1.0)
        assert one(found, "dropout", OTHERS, LAST, seed=seed)["gain"] == pytest.approx(-1.0), "both sets weigh the same"
        assert one(found, "dropout", OTHERS, HELDOUT, seed=seed)["gain"] == pytest.approx((-1.5 - 1.0) / 2)
    assert one(found, "dropout", "Set14", HELDOUT)["gain"] == pytest.approx(-1.5)
    whole = one(found, "dropout", OTHERS, LAST)
    assert whole["high"] < 0, "and the interval says that it is no chance"
    assert (whole["seeds"], whole["images"]) == (3, 14 + 8)


def test_where_the_last_weights_are_the_best_nothing_is_gained() -> None:
    rows = gains([course("baseline", seed, HARMLESS) for seed in range(2)], "Set5", True, "baseline")
    assert (rows[rows["over"] == LAST]["gain"] == 0).all()
    assert one(rows, "baseline", SEEN, HELDOUT)["gain"] == pytest.approx(1.0), "held-out images chose 300"
    assert not (rows["minus"] == "baseline").any()


def test_the_choice_moves_a_difference_by_what_the_baseline_does_not_gain_as_well(planted: pd.DataFrame) -> None:
    assert one(planted, "dropout", SEEN, LAST, "baseline")["gain"] == pytest.approx(0.6 - 0.0)
    assert one(planted, "dropout", OTHERS, LAST, "baseline")["gain"] == pytest.approx(-1.0)


def test_a_gain_that_is_luck_of_the_images_vanishes_when_each_is_chosen_for_by_the_others() -> None:
    """Twelve equal checkpoints, told apart by noise alone: the best of them seems to gain, and does not."""
    random = np.random.Generator(np.random.Philox(3))
    runs = []
    for seed in range(40):
        noise = {"Set5": random.normal(0, 0.1, (12, 5))}
        runs.append(Course("n", "baseline", seed, tuple(range(12)), noise, np.arange(12.0)))
    rows = gains(runs, "Set5", True, "baseline")
    seen, crossed = one(rows, "baseline", SEEN, LAST), one(rows, "baseline", CROSSED, LAST)
    assert seen["low"] > 0
    assert crossed["low"] < 0 < crossed["high"]
    assert OTHERS not in set(rows["scope"]), "there is no other set"


def test_lower_is_better_for_some_metrics_and_equals_go_to_the_earliest() -> None:
    run = course("baseline", 0, {"Set5": [3.0, 1.0, 1.0, 2.0]})
    choice = choose(run, "Set5", higher=False)
    assert choice is not None
    assert (choice.test, choice.heldout) == (1, 2)
    assert one(gains([run], "Set5", False, "baseline"), "baseline", SEEN, LAST)["gain"] == pytest.approx(1.0)


def test_weights_that_failed_are_not_chosen_and_a_run_without_last_quality_has_no_gain() -> None:
    run = course("baseline", 0, {"Set5": [20.0, 30.0, 21.0, 22.0]})
    run.quality["Set5"][1, 2] = np.nan
    choice = choose(run, "Set5", higher=True)
    assert choice is not None
    assert choice.test == 3
    run.quality["Set5"][3, 0] = np.nan
    assert choose(run, "Set5", higher=True) is None
    rows = gains([run, course("baseline", 1, HARMLESS)], "Set5", True, "baseline")
    assert set(rows["seed"].dropna()) == {1}


def test_tables_begin_with_controls_and_name_what_was_chosen(planted: pd.DataFrame, tmp_path: Path) -> None:
    runs = courses()
    plan = study(methods=("baseline", "dropout"), metrics=("psnr_rgb",))
    controls = {("srresnet", "bicubic"): (24.0, 23.0)}
    found = Selected(plan, "Set5", ("Set14", "B100"), "average", "psnr_rgb", runs, planted, controls)
    table = method_table(found)
    by_method = {row[1]: dict(zip(table.header, row, strict=True)) for row in table.rows}
    assert list(by_method) == ["bicubic", "baseline", "dropout"]
    assert by_method["bicubic"]["PSNR (RGB), other sets"] == "23.00"
    assert by_method["bicubic"]["Set5: gain over the last"] == "", "there is nothing to choose"
    dropout = by_method["dropout"]
    assert dropout["chosen at iteration"] == "200"
    assert dropout["Set5: gain over the last"].startswith("+0.60 [+")
    assert dropout["other sets: gain over the last"].startswith("-1.00 [-")
    assert dropout["Set5: moves the difference to baseline by"].startswith("+0.60")
    assert by_method["baseline"]["Set5: gain over the last"].startswith("+0.00")
    assert [row[3:6] for row in run_table(found).rows if row[1] == "dropout"] == [("200", "300", "400")] * 3
    lines = curves(found).splitlines()
    assert len(lines) == 1 + len(runs) * len(STEPS) * len(IMAGES)
    assert sum(line.endswith(",1,0") for line in lines if ",dropout," in line) == 3 * len(IMAGES)
    assert all(path.stat().st_size > 5000 for path in over_time(runs, "Set5", plan, tmp_path))


def test_a_control_that_failed_on_an_image_has_no_mean_of_the_others() -> None:
    experiment = load_experiment(ROOT / "configs/experiments/selection_demo.yaml")
    rows = [
        {"network": "", "variant": "bicubic", "dataset": dataset, "degradation": degradation, "image": image}
        | {"metric": "psnr_rgb", "value": 20.0 + 10 * image, "status": "ok"}
        for dataset in ("embedded_test", "embedded_other")
        for degradation in ("clean", "blur_noise_jpeg")
        for image in (0, 1)
    ]
    whole = controls_of(pd.DataFrame(rows), study_of(experiment), Selection(experiment))
    assert whole["srresnet_tiny", "bicubic"] == (25.0, 25.0)
    rows[-1] |= {"value": np.nan, "status": "failed"}
    seen, others = controls_of(pd.DataFrame(rows), study_of(experiment), Selection(experiment))[
        "srresnet_tiny", "bicubic"
    ]
    assert seen == 25.0
    assert np.isnan(others), "the mean over its other image is not its quality"
