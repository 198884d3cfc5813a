"""What figures leave out, so that what they show can be read: far values, the certainty of one seed, equal curves."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.reporting.figures import crops
from harness.reporting.figures.crops import MOST_WORK, more_cases, read_crops, strips_within, write_crops
from harness.reporting.figures.curves import _rates_differ
from harness.reporting.figures.gains import interval_of, limits
from harness.reporting.figures.gallery import Case, Strip, choose_cases, error_map, make_strip
from harness.reporting.rows.metric_rows import blocks, load
from harness.reporting.rows.run_records import load_records
from tests.reporting import synthetic
from tests.reporting.conftest import Written


def row(method: str, difference: float, half: float, seeds: int = 3) -> dict[str, object]:
    low, high = difference - half, difference + half
    return {"network": "n", "method": method, "difference": difference, "low": low, "high": high, "seeds": seeds}


def test_one_method_far_away_is_left_out_of_the_axis() -> None:
    near = [row("a", 0.2, 0.1), row("b", -0.1, 0.1), row("c", 0.3, 0.1)]
    assert limits(pd.DataFrame([*near, row("d", -9.0, 0.5)])) == pytest.approx((-0.4 - 0.08 * 0.8, 0.4 + 0.08 * 0.8))
    low, high = limits(pd.DataFrame([*near, row("d", -1.0, 0.1)]))
    assert low < -1.1
    assert high > 0.4
    assert limits(pd.DataFrame([*near, row("d", -1.0, 0.1)]), ["d"]) == limits(pd.DataFrame(near))
    assert limits(pd.DataFrame([row("d", -1.0, 0.1)]), ["d"])[0] < -1.1, "controls alone"


def test_one_seed_has_no_interval() -> None:
    assert interval_of(row("a", 0.2, 0.1, seeds=1)) == (0.2, 0.2, 0.2, True)
    assert interval_of(row("bicubic", 0.2, 0.1, seeds=0))[3] is False


def test_equal_learning_rates_are_not_drawn() -> None:
    table = synthetic.history(1000, 0.05)
    other = table.assign(learning_rate=table["learning_rate"] * 2)
    assert not _rates_differ({("n", "a", 0): table, ("n", "b", 0): table.copy(), ("m", "a", 0): other})
    assert _rates_differ({("n", "a", 0): table, ("n", "b", 0): other})


def test_maps_show_errors_against_the_truth() -> None:
    truth = np.zeros((2, 2, 3), np.uint8)
    result = truth.copy()
    result[0, 0] = 255
    shown = error_map(truth, result)
    assert shown[0, 0].sum() > 400
    assert shown[1, 1].sum() < 10


def test_crops_meet_every_image_before_they_repeat_one(plain: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crops, "weights_of", lambda *_: 1)
    laid_out = blocks(load(plain.metrics), plain.study)
    records = load_records(plain.study, plain.runs)
    chosen = choose_cases(laid_out, plain.study, "psnr_rgb")
    cases = list(more_cases(laid_out, plain.study, chosen, records))
    keys = {(case.dataset, case.degradation, case.image) for case in [*chosen, *cases]}
    assert len(keys) == len(cases) + len(chosen) == 19 * 8
    first = {(case.dataset, case.image) for case in cases[:19]}
    assert len(first) >= 17
    assert len({case.degradation for case in cases[:16]}) == 8
    assert {case.dataset for case in cases[:2]} == {"Set5", "Set14"}


def test_crops_stop_before_they_cost_too_much(tmp_path: Path) -> None:
    case = Case("srresnet", "Set5", "clean", "i", "", 0.0, {"bicubic": 20.0}, 0)
    truth = np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3))

    def make(case: Case) -> Strip:
        return make_strip(case, truth, truth[::4, ::4], {"bicubic": lambda p: p.repeat(4, 0).repeat(4, 1)}, 4)

    endless = itertools.repeat(case)
    assert len(list(strips_within(endless, lambda _: MOST_WORK / 4, make))) == 4
    study = synthetic.study()
    write_crops([make(case)], study, tmp_path, strips_within(endless, lambda _: 1.0, make))
    found = read_crops(tmp_path)
    assert found is not None
    assert len(found["cases"]) == crops.MOST_CASES
    assert list(found["thumbs"]) == ["Set5/i"]
    assert [panel["error"] for panel in found["cases"][0]["panels"]] == [False, False, True]
