"""Seeds that are added until it is decided: the looks, what each may spend, and what is kept between commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import sequential
from harness.experiment import load_experiment
from harness.experiment.stages import SeedsEntry, Stage, read_stage, stage_file, write_stage
from harness.foundation.errors import HarnessError
from harness.reporting.build import aggregate
from harness.reporting.page.verdicts import verdicts
from harness.reporting.rows.compared import study_of
from harness.reporting.rows.metric_rows import load
from harness.reporting.statistics.comparison import comparison
from harness.reporting.statistics.summary import summarize
from harness.workflow.snakefile import Plan
from tests.reporting import synthetic
from tests.workflow.conftest import SMALLEST

ENTRY = SeedsEntry(at_least=3, at_most=10, until="decided")


def experiment_file(folder: Path, seeds: str = "{at_least: 2, at_most: 4, until: decided}") -> Path:
    """Write an experiment that adds seeds, named ``mine``."""
    file = folder / "mine.yaml"
    file.write_text(SMALLEST.replace("seeds: [0]", f"seeds: {seeds}"))
    return file


def measure(file: Path, gains: dict[str, float], sigma_seed: float = 0.05) -> None:
    """Write metrics of the present stage's runs and aggregate them, as the workflow's jobs do."""
    experiment = load_experiment(file)
    study = study_of(experiment)
    rows = synthetic.metric_rows(study, gains=gains, sigma_seed=sigma_seed, images={"embedded_test": 20})
    for path, method in experiment.labelled_metrics:
        path.parent.mkdir(parents=True, exist_ok=True)
        run = next((run for run in experiment.runs if run.name == path.parent.name), None)
        own = rows[rows["variant"] == method]
        (own if run is None else own[own["seed"] == run.seed]).to_parquet(path)
    aggregate(experiment)


def test_looks_share_the_level() -> None:
    assert ENTRY.looks == (3, 7, 10)
    assert SeedsEntry(at_least=2, at_most=9, by=3, until="decided").looks == (2, 5, 8, 9)
    assert SeedsEntry(at_least=2, at_most=3, until="decided").looks == (2, 3)
    for entry in (ENTRY, SeedsEntry(at_least=2, at_most=9, by=1, until="decided")):
        shares = [entry.share(look) for look in range(len(entry.looks))]
        assert sum(shares) == pytest.approx(1)
        assert min(shares) > 0


def test_a_stage_ends_where_it_is_decided_or_at_the_most() -> None:
    stage = Stage(ENTRY)
    assert stage.following is stage, "not looked at"
    open_ = stage.looked(("dropout on srresnet",))
    assert open_.following.seeds == tuple(range(7))
    assert "add seeds 3, 4, 5, 6" in open_.outlook()
    assert stage.looked(()).following.seeds == (0, 1, 2)
    last = open_.following.looked(("dropout on srresnet",)).following.looked(("dropout on srresnet",))
    assert last.following is last
    assert "stopped undecided" in last.outlook()
    assert [look.seeds for look in last.looks] == [3, 7, 10]


def test_a_stage_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stage = Stage(ENTRY).looked(("a on b",)).following
    write_stage("mine", stage)
    assert read_stage("mine", ENTRY) == stage
    with pytest.raises(HarnessError, match=r"seeds.json: the sequence was begun with \{at_least: 3, at_most: 10"):
        read_stage("mine", SeedsEntry(at_least=3, at_most=12, until="decided"))
    stage_file("mine").write_text(json.dumps({"stage": 3}))
    with pytest.raises(HarnessError, match=r"seeds.json: is no record"):
        read_stage("mine", ENTRY)


def test_results_decide_whether_seeds_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = experiment_file(tmp_path)
    assert load_experiment(file).file.seeds == (0, 1)
    measure(file, {}, sigma_seed=1.0)
    assert load_experiment(file).file.seeds == (0, 1), "jobs of the same command see what it began with"
    assert load_experiment(file, next_stage=True).file.seeds == (0, 1, 2)
    plan = Plan(file, first=True)
    plan.begin_stage()
    assert load_experiment(file).file.seeds == (0, 1, 2)
    plan.say_outlook()
    assert capsys.readouterr().out == "mine: look 2 of 3, 3 seeds: not looked at yet\n"
    measure(file, dict.fromkeys(load_experiment(file).file.variants[1:], 9.0), sigma_seed=0.001)
    plan.say_outlook()
    assert "decided, no more seeds are added" in capsys.readouterr().out
    assert load_experiment(file, next_stage=True).file.seeds == (0, 1, 2)
    experiment = load_experiment(file)
    study = study_of(experiment)
    summary = summarize(load(Path("results/mine/metrics.parquet")), study)
    assert verdicts(summary, study)[-1] == "Look 2 of 3, 3 seeds: decided, no more seeds are added."
    table = comparison(summary, study, "psnr_rgb", "embedded_test")
    assert table is not None
    assert "this is look 2 of 3, which has 30% of that to spend" in table.gain_caption


def test_a_look_spends_its_share_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plain = synthetic.study(datasets=("B100",), degradations=("clean", "blur"), metrics=("psnr_rgb",))
    rows = synthetic.metric_rows(plain)
    staged = synthetic.study(datasets=("B100",), degradations=("clean", "blur"), metrics=("psnr_rgb",))
    object.__setattr__(staged, "stage", Stage(ENTRY))
    whole, look = (summarize(rows, study).set_index(["column", "method"]) for study in (plain, staged))
    primary = whole["role"] == "primary"
    expected = np.minimum(whole.loc[primary, "p_family"] / ENTRY.share(0), 1.0)
    np.testing.assert_allclose(look.loc[primary, "p_family"], expected)
    assert (look.loc[primary, "needed"] > whole.loc[primary, "needed"]).all()


def test_looking_in_turn_keeps_the_level_and_peeking_costs_seeds_or_errors() -> None:
    truth = sequential.CELLS[3]
    found = sequential.outcomes(truth, "normal", 0.0, 20)
    assert found["in turn"].false <= 0.15
    assert found["in turn"].seeds < found["fixed"].seeds == 10
    assert sequential.outcomes(truth, "normal", 0.2, 20)["in turn"].found == 1.0
