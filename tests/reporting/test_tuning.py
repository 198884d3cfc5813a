"""Tuning from the command line to the printed table: a method whose default ruins every network is mended."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from harness.experiment import load_experiment
from harness.reporting.figures.tuning import search_figure
from harness.reporting.rows.compared import Study
from harness.reporting.rows.trials import gain_study, tuned_study
from tests.bad_inputs.case import BASE
from tests.bad_inputs.conftest import call

BRIGHT = '''
"""Brighter targets: what a network learns from them is wrong by as much."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from harness.regularizers import OptionsModel, Regularizer, Search


class BrightOptions(OptionsModel):
    """``strength``: added to the target; the default ruins every network."""

    strength: Annotated[float, Search(0.0001, 0.5, log=True)] = Field(default=0.5, gt=0)


class Bright(Regularizer):
    """Adds ``strength`` to the targets."""

    Options = BrightOptions
    roles = frozenset()

    def batch(self, batch):
        """Return the batch with brighter targets."""
        return replace(batch, target=batch.target + self.options.strength)
'''
TUNED = (
    BASE.replace("[baseline]", "[baseline, bright]")
    .replace("iterations: 4", "iterations: 20")
    .replace("seeds: [0]", "seeds: [0, 1]")
    .replace("evaluation:", "tuning: {trials: 4, iterations: 0.5, on: heldout}\nevaluation:")
)
TUNING = Path("reports/mine/tuning")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working directory in which an experiment was tuned and compared by the commands of its jobs."""
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "page_bright.py").write_text(BRIGHT)
    (folder / "configs").mkdir()
    (folder / "configs/regularizers.yaml").write_text('bright: {regularizer: "page_bright:Bright"}\n')
    (folder / "mine.yaml").write_text(TUNED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        for dataset in ("embedded_train", "embedded_heldout"):
            assert call("pack", "mine.yaml", dataset) == 0
        tuning = load_experiment("mine.yaml").tuning
        assert tuning is not None
        for trial in tuning.trials:
            assert call("train", "mine.yaml", "--run", trial.run.name) == 0
        assert call("choose", "mine.yaml") == 0
        chosen = tuning.chosen()
        assert chosen is not None
        assert call("benchmark", "mine.yaml", "embedded_test") == 0
        for run in (*load_experiment("mine.yaml").runs, *tuning.final_runs(chosen)):
            assert call("train", "mine.yaml", "--run", run.name) == 0
            assert call("evaluate", "mine.yaml", "--run", run.name) == 0
        assert call("tuning", "mine.yaml") == 0
        yield folder
    sys.modules.pop("page_bright", None)


def chosen(folder: Path) -> dict[str, dict]:
    """What was chosen, by variant."""
    return {one["variant"]: one for one in json.loads((folder / "results/mine/tuning/chosen.json").read_text())["best"]}


def test_the_trial_with_the_least_heldout_loss_is_chosen(tuned: Path) -> None:
    for variant in ("baseline", "bright"):
        records = [
            json.loads(path.read_text()) for path in (tuned / "results/runs").glob(f"*.*{variant}*.s1000*/run.json")
        ]
        best = min(records, key=lambda record: record["heldout_l1_final"])
        assert len(records) == 4
        assert chosen(tuned)[variant]["heldout_l1"] == best["heldout_l1_final"]
        assert chosen(tuned)[variant]["learning_rate"] == best["spec"]["training"]["learning_rate"]
    assert chosen(tuned)["bright"]["options"]["strength"] < 0.1


def test_a_bad_default_is_mended(tuned: Path) -> None:
    rows = pd.read_csv(tuned / TUNING / "comparison.csv")
    rows = rows[(rows["metric"] == "psnr_rgb") & (rows["scope"] == "embedded_test")].set_index(["options", "method"])
    default, mended = rows.loc[("default", "bright")], rows.loc[("tuned", "bright (tuned)")]
    assert mended["mean"] > default["mean"] + 3
    assert default["difference"] < -3, "far below the baseline"
    assert mended["difference"] > default["difference"] + 3, "nearer to it, though that was tuned as often"
    gain = rows.loc[("gain of bright", "bright (tuned)")]
    assert gain["difference"] == pytest.approx(mended["mean"] - default["mean"], abs=1e-4)


def test_the_printed_tables_say_so(tuned: Path) -> None:
    text = (tuned / TUNING / "comparison.md").read_text()
    rows = pd.read_csv(tuned / TUNING / "comparison.csv").set_index(["options", "method"])
    line = next(line for line in text.splitlines() if line.startswith("| bright "))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == f"{rows.loc[('default', 'bright'), 'mean']:.2f}"
    assert cells[3] == f"{rows.loc[('tuned', 'bright (tuned)'), 'mean']:.2f}"
    assert cells[5].startswith("+")
    strength = chosen(tuned)["bright"]["options"]["strength"]
    assert f"strength {strength}" in text
    trials = pd.read_csv(tuned / TUNING / "trials.csv", dtype=str)
    assert len(trials) == 8
    assert list(trials.loc[trials["chosen"] == "best", "trial"]) == [
        str(one["trial"]) for one in chosen(tuned).values()
    ]


def test_the_same_input_gives_the_same_bytes(tuned: Path) -> None:
    before = {path.name: path.read_bytes() for path in (tuned / TUNING).iterdir()}
    assert call("tuning", "mine.yaml") == 0
    assert {path.name: path.read_bytes() for path in (tuned / TUNING).iterdir()} == before


def test_the_figure_takes_failures_and_nothing(tmp_path: Path) -> None:
    study = Study.product("x", methods=("baseline", "dropout", "other"), references=())
    losses = {"srresnet": {"baseline": [48.0, 47.5, 47.8], "dropout": [47.9, 1e30, 1e30], "other": []}}
    paths = search_figure(losses, {"srresnet": 48.1}, study, tmp_path)
    assert all(path.stat().st_size > 5000 for path in paths)
    assert search_figure({"srresnet": {"baseline": []}}, {}, study, tmp_path) == paths


def test_primary_comparisons_stay_primary_under_other_names(tuned: Path) -> None:
    (tuned / "some.yaml").write_text(TUNED.replace("scale: 4", "scale: 4\nprimary: {methods: [bright]}"))
    experiment = load_experiment("some.yaml")
    assert tuned_study(experiment, ()).primary_methods == {"bright (tuned)"}
    assert gain_study(experiment, (), "baseline").primary_methods == {"baseline (tuned)"}
    assert gain_study(experiment, (), "bright").primary_methods == {"bright (tuned)"}
