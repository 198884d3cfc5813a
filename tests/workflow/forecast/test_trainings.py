"""Tuning in the plan: trials and final runs are counted, each once, at the speed of the default options."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.experiment import Experiment, load_experiment
from harness.foundation import layout
from harness.workflow.forecast.trainings import trainings, unfinished
from tests.experiment.test_tuning import choose
from tests.workflow.forecast.test_plan import DEMO, finish, text

SECTION = "tuning: {trials: 3, iterations: 0.5, on: heldout}\n"


@pytest.fixture
def tuned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The demo with three trials; variants that end in the same run count once."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(DEMO.read_text() + SECTION)
    return load_experiment("mine.yaml")


def test_all_trainings_are_counted_once(tuned: Experiment) -> None:
    found = trainings(tuned)
    labels = [one.label for one in found]
    assert len(found) == 10 + 15 + 10
    assert labels.count("dropout") == labels.count("dropout (tuned)") == 2
    assert labels.count("dropout (trials)") == 3
    assert {one.iterations for one in found} == {1200, 600}
    names = [one.name for one in found if one.run]
    assert len(names) == len(set(names)) == 25, "final runs have no name before the choice"
    choose(tuned, 1)
    names = [one.name for one in trainings(tuned)]
    assert len(names) == len(set(names)) == 35


def test_the_plan_tells_of_trials_and_of_what_is_not_known(tuned: Experiment) -> None:
    shown = text(tuned)
    assert "tuning      15 trials, 3 of each variant and network; 0 finished" in shown
    assert "10 runs with chosen options follow; not chosen yet: their runs are no part of the jobs below" in shown
    assert "together unknown (35 runs)" in shown
    choose(tuned, 2)
    assert "10 runs with chosen options follow; chosen" in text(tuned)
    assert "tuning" not in text(load_experiment(DEMO))


def test_trials_take_as_long_as_the_default_options(tuned: Experiment) -> None:
    finish(tuned.runs[0], 12.0)
    shown = text(tuned)
    assert "srresnet_tiny baseline (trials)          3 runs, 1,800 iterations x 6 images: 0.25 CPU-hours" in shown
    assert "srresnet_tiny baseline (tuned)           2 runs, 2,400 iterations x 6 images: 0.33 CPU-hours" in shown


def test_what_has_weights_is_finished(tuned: Experiment) -> None:
    assert tuned.tuning is not None
    finish(tuned.tuning.trials[0].run, 12.0)
    assert layout.run(tuned.tuning.trials[0].run.name).is_dir()
    assert len(unfinished(trainings(tuned))) == 34
