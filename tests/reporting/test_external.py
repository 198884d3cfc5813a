"""Models from outside in tables: rows like a reference's, in the block of their network, without seeds of their own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from harness.evaluation.external_entry import ExternalEntry, ExternalModel
from harness.reporting.figures.style import MethodStyle
from harness.reporting.page.protocol import protocol
from harness.reporting.rows.cells import Grid
from harness.reporting.rows.compared import Study
from harness.reporting.rows.metric_rows import load
from harness.reporting.rows.run_records import Records, load_records
from harness.reporting.statistics.comparison import comparison
from harness.reporting.statistics.costs import costs
from harness.reporting.statistics.summary import summarize
from harness.reporting.tables.cost import cost_table
from harness.reporting.tables.render import markdown
from tests.reporting import synthetic
from tests.reporting.conftest import Written, write

GAINS = {**synthetic.GAINS, "theirs": 0.4, "free": 0.6}


def outside(name: str, network: str) -> ExternalModel:
    entry = ExternalEntry(weights=f"{name}.pth", network=network or "theirs.nets:Net", key="params_ema")
    return ExternalModel(name, entry, Path(f"{name}.pth"), network, None)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Two networks and seeds; ``theirs`` is an rrdb, ``free`` a network that the study does not train."""
    plain = synthetic.study(networks=("srresnet", "rrdb"), seeds=(0, 1), datasets=("Set5",), metrics=("psnr_rgb",))
    study = dataclasses.replace(plain, externals=(outside("theirs", "rrdb"), outside("free", "")))
    return write(tmp_path_factory.mktemp("outside"), study, synthetic.metric_rows(study, gains=GAINS))


@pytest.fixture(scope="module")
def summary(written: Written) -> pd.DataFrame:
    return summarize(load(written.metrics), written.study)


def test_each_stands_in_the_block_of_its_network(written: Written, summary: pd.DataFrame) -> None:
    methods = {network: set(part["method"]) for network, part in summary.groupby("network")}
    assert methods["rrdb"] - methods["srresnet"] == {"theirs"}
    assert "free" in methods["srresnet"]
    assert written.study.methods_of("rrdb")[:4] == ("bicubic", "theirs", "free", "baseline")
    assert written.study.all_methods[:3] == written.study.seedless == ("bicubic", "theirs", "free")


def test_rows_have_no_seed_and_are_compared_as_references_are(written: Written, summary: pd.DataFrame) -> None:
    rows = summary[summary["method"].isin(["theirs", "free"])]
    assert set(rows["state"]) == {"ok"}
    assert (rows[["seeds", "seeds_total"]] == 0).all(axis=None)
    assert rows["seed_std"].isna().all()
    like = summary[summary["method"] == "bicubic"]
    assert set(rows["total"]) == set(like["total"])
    assert rows["difference"].notna().all()
    raw = written.rows[(written.rows["variant"] == "theirs") & (written.rows["degradation"] == "blur")]
    cell = rows[(rows["method"] == "theirs") & (rows["column"] == "blur")]
    assert cell["mean"].item() == pytest.approx(raw["value"].mean())


def test_the_table_says_what_they_are(written: Written, summary: pd.DataFrame) -> None:
    table = comparison(summary, written.study, "psnr_rgb", "Set5")
    assert table is not None
    assert "mean over 2 training seeds" in table.caption
    text = " ".join(markdown(table).split())
    assert "theirs and free: weights from outside, one checkpoint each" in text
    facts = {fact.name: fact.text for fact in protocol(written.study, Records({}, {}, {}))}
    assert facts["theirs (from outside)"] == "rrdb, theirs.pth, key params_ema, not there now"


def test_they_cost_nothing_here(written: Written) -> None:
    records = load_records(written.study, written.runs)
    rows = cost_table(costs(records=records, study=written.study), written.study).rows
    assert {row[1] for row in rows} == set(synthetic.METHODS)


def test_without_its_file_the_row_is_missing(written: Written, tmp_path: Path) -> None:
    rows = written.rows[written.rows["variant"] != "theirs"]
    left = write(tmp_path / "left", written.study, rows)
    cells = summarize(load(left.metrics), left.study)
    assert set(cells.loc[cells["method"] == "theirs", "state"]) == {"missing"}
    assert set(cells.loc[cells["method"] == "free", "state"]) == {"ok"}


def test_gray_bars_are_told_apart_by_hatches_and_markers(written: Written) -> None:
    study: Study = written.study
    look = MethodStyle(study.all_methods, study.seedless, study.baseline)
    assert len({look.color(name) for name in study.seedless}) == 1
    assert len({look.hatch(name) for name in study.seedless}) == 3
    assert len({look.marker(name) for name in study.seedless}) == 3


def test_entries_are_found_by_network(written: Written) -> None:
    grid = Grid(written.study)
    found = grid.entries[grid.entry_of("rrdb", "theirs", 1)]
    assert (found.network, found.regularizer, found.seed) == ("rrdb", "external", None)
    assert grid.entry_of("srresnet", "free", 0) == grid.entry_of("rrdb", "free", 1) >= 0
