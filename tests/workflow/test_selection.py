"""The choice among kept weights as a user asks for it: in a checkout that has trained before, by one command."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from harness.experiment import load_experiment
from harness.experiment.selection import Selection
from harness.foundation import layout
from harness.reporting.files import analysis_files, selection_files
from tests.workflow.conftest import DEMO, Checkout

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

ANALYSIS = "analysis: {analyses: [saliency, leave_one_out], images: 2, crop: 16, blocks: [1], over_time: true}"
SECTION = f"keep_every: 10\nselection: {{}}\n{ANALYSIS}\nevaluation:"


def test_weights_on_the_way_are_measured_once_and_compared(finished: Checkout) -> None:
    finished.replace(DEMO, "evaluation:", SECTION)
    finished.replace(DEMO, "datasets: [embedded_test]", "datasets: [embedded_test, embedded_other]")
    what_is_lacking_is_said(finished)
    for folder in ("runs", "state"):
        shutil.rmtree(finished.root / "results" / folder)
    call = finished.snakemake("--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    rows_are_of_the_first_metric_on_all_sets(finished)
    the_report_shows_it(finished)
    analyses_carry_the_iteration(finished)
    assert finished.planned() == {}
    what_is_there_is_not_measured_again(finished)


def what_is_lacking_is_said(checkout: Checkout) -> None:
    """Runs that were trained without keeping are not trained again by themselves."""
    call = checkout.snakemake("selection", "--cores", "2", "--configfile", DEMO)
    assert call.status == 1
    assert "2 finished runs were trained without it and lack kept weights; to have it, delete " in call.text
    assert "Traceback" not in call.text


def rows_are_of_the_first_metric_on_all_sets(checkout: Checkout) -> None:
    selection = Selection(load_experiment(checkout.root / DEMO))
    assert (selection.entry.on, selection.others) == ("embedded_test", ("embedded_other",))
    assert [one.iteration for one in selection.all] == [10, 20, 10, 20]
    tables = [pd.read_parquet(checkout.root / one.rows) for one in selection.all]
    for table in tables:
        assert set(table["metric"]) == {"psnr_rgb"}
        assert len(table) == (4 + 3) * 2
        assert (table["status"] == "ok").all()
    assert tables[0]["value"].ne(tables[1]["value"]).all(), "other weights"


def the_report_shows_it(checkout: Checkout) -> None:
    declared = {checkout.root / path for path in selection_files("demo")}
    folder = checkout.root / layout.selection_report("demo")
    assert set(folder.iterdir()) == declared
    assert 'id="selection"' in (checkout.root / "reports/demo/report.html").read_text()
    gains = pd.read_csv(folder / "gains.csv")
    seen = gains[(gains["scope"] == "seen") & (gains["over"] == "last") & (gains["minus"].isna())]
    assert (seen["gain"] >= 0).all(), "a maximum"
    curves = pd.read_csv(folder / "over_time.csv")
    history = pd.read_csv(next(checkout.root.glob("results/runs/*.dropout.*/history.csv"))).set_index("iteration")
    own = curves[(curves["variant"] == "dropout") & (curves["dataset"] == "embedded_test")].set_index("iteration")
    assert list(own.index) == [10, 20, 25]
    assert list(own["heldout_l1"]) == [history.loc[step, "heldout_l1"] for step in (10, 20, 25)]
    assert own["psnr_rgb"].idxmax() == own.index[own["chosen_by_test_set"] == 1][0]


def analyses_carry_the_iteration(checkout: Checkout) -> None:
    """Of the weights on the way, too; there is a figure of them, and none of what was not asked for."""
    files = sorted(checkout.root.glob("results/analysis/*.dropout.*/*.csv"))
    tables = [pd.read_csv(path) for path in files]
    assert [set(table["iteration"]) for table in tables] == [{10}, {20}, {25}]
    assert set(tables[0]["analysis"]) == {"saliency", "leave_one_out"}
    declared = {checkout.root / path for path in analysis_files(load_experiment(checkout.root / DEMO))}
    assert set((checkout.root / layout.analysis_report("demo")).iterdir()) == declared
    assert {path.stem for path in declared if path.suffix == ".png"} == {
        *("saliency", "leave_one_out", "blocks", "prediction", "over_time")
    }


def what_is_there_is_not_measured_again(checkout: Checkout) -> None:
    """An end in the middle costs what was in the middle."""
    shutil.rmtree(checkout.root / layout.selection_report("demo"))
    lost = Selection(load_experiment(checkout.root / DEMO)).all[2].rows
    (checkout.root / lost).unlink()
    assert checkout.planned("selection") == {"evaluate_kept": 1, "selection_report": 1, "selection": 1}
    whole = checkout.content("results/selection/**/*.parquet")
    call = checkout.snakemake("selection", "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    again = checkout.content("results/selection/**/*.parquet")
    assert {**again, **whole} == again
    assert len(again) == 4
