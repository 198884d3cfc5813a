"""Published numbers: what the folder holds is compared, nothing else is invented."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.foundation.errors import HarnessError
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.summary import summarize
from harness.reporting.tables.published import COLUMNS, load_published, published_table
from tests.reporting.conftest import Written

FOLDER = Path(__file__).parents[3] / "configs" / "published"


def test_what_is_shipped_is_the_protocols_table() -> None:
    table = load_published(FOLDER).set_index(["network", "variant", "degradation"])["value"]
    assert len(table) == 16
    assert table["srresnet", "dropout", "clean"] == 25.67
    assert table["rrdb", "baseline", "jpeg"] == 23.86


def test_every_measured_cell_has_a_verdict(plain: Written) -> None:
    summary = summarize(load(plain.metrics), plain.study)
    table = published_table(summary, load_published(FOLDER), plain.study)
    assert len(table.rows) == 8
    for row in table.rows:
        published, ours, difference = (float(row[index]) for index in (5, 6, 8))
        low, high = (float(end) for end in row[7].strip("[]").split(", "))
        half = (high - low) / 2
        assert difference == pytest.approx(ours - published, abs=0.011)
        assert row[9] == ("inside" if abs(difference) <= half else "outside") or abs(abs(difference) - half) < 0.02


def test_missing_cells_say_so_and_foreign_ones_are_left_out(broken: Written) -> None:
    summary = summarize(load(broken.metrics), broken.study)
    table = published_table(summary, load_published(FOLDER), broken.study)
    states = {(row[0], row[1], row[3]): row[9] for row in table.rows}
    assert states["rrdb", "dropout", "clean"] == "missing"
    assert len(table.rows) == 16


def test_nothing_published_is_an_empty_table(plain: Written, tmp_path: Path) -> None:
    summary = summarize(load(plain.metrics), plain.study)
    table = published_table(summary, load_published(tmp_path), plain.study)
    assert table.rows == ()
    assert "None." in table.markdown()
    assert "None." in table.latex()


@pytest.mark.parametrize(
    "content", ["network,value\na,1\n", ",".join(COLUMNS) + "\n4,n,v,d,g,m,much,s,\n", "", '"unclosed\n']
)
def test_bad_files_are_one_clear_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(HarnessError) as caught:
        load_published(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert "a.csv" in str(caught.value)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_one_more_training_of_ours_is_inside(seeds: int, plain: Written) -> None:
    """The interval of the mean would hold 9, 17, 34 or 52% of them outside."""
    random = np.random.Generator(np.random.Philox(seeds))
    trained = random.normal(25.0, 0.1, (1500, seeds + 1))
    row = {"network": "srresnet", "method": "baseline", "scope": "Set5", "metric": "psnr_rgb", "state": "ok"}
    cells, values = [], []
    for index, (*ours, other) in enumerate(trained):
        name = f"blur{index}"
        cells.append(row | {"column": name, "mean": np.mean(ours), "seed_std": np.std(ours, ddof=1), "seeds": seeds})
        values.append((plain.study.scale, "srresnet", "baseline", "Set5", name, "psnr_rgb", other, "", ""))
    table = published_table(pd.DataFrame(cells), pd.DataFrame(values, columns=COLUMNS), plain.study)
    outside = np.mean([row[9] == "outside" for row in table.rows])
    assert outside == pytest.approx(0.05, abs=0.017)


def test_another_scale_is_not_compared(plain: Written) -> None:
    summary = summarize(load(plain.metrics), plain.study)
    published = load_published(FOLDER)
    assert set(published["scale"]) == {4}
    assert published_table(summary, published, dataclasses.replace(plain.study, scale=2)).rows == ()
