"""Tuning as a user runs it: no test image before the choice, one command for all, and nothing trained twice."""

from __future__ import annotations

import json

import pytest

from harness.experiment import load_experiment
from harness.reporting.files import tuning_files
from harness.spec import TRIAL_SEEDS
from tests.workflow.conftest import DEMO, Checkout

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

SECTION = "tuning: {trials: 2, iterations: 0.4, on: heldout}\nevaluation:"
CHOSEN = "results/demo/tuning/chosen.json"
TRIALS = {"train_baseline": 2, "train_dropout": 2}


def test_options_are_chosen_without_a_test_set_and_one_command_does_the_rest(finished: Checkout) -> None:
    """In a checkout whose default options were trained before: trials, choice and final runs are what is new."""
    finished.replace(DEMO, "evaluation:", SECTION)
    choosing_needs_no_test_set(finished)
    one_command_does_the_rest(finished)
    final_runs_are_what_was_chosen(finished)
    nothing_is_done_twice(finished)


def choosing_needs_no_test_set(checkout: Checkout) -> None:
    """The test set is not even on this machine, and the choice is made all the same."""
    checkout.replace(DEMO, "datasets: [embedded_test]", "datasets: [Set5]")
    before = set(checkout.content("results/benchmarks/**/*.tsv", "results/metrics/**/*.parquet"))
    assert checkout.planned(CHOSEN) == {**TRIALS, "chosen": 1}
    call = checkout.snakemake(CHOSEN, "--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    assert set(checkout.content("results/benchmarks/**/*.tsv", "results/metrics/**/*.parquet")) == before
    checkout.replace(DEMO, "datasets: [Set5]", "datasets: [embedded_test]")


def one_command_does_the_rest(checkout: Checkout) -> None:
    """It chooses, then trains what was chosen, which nobody could know before, and reports."""
    first = (checkout.root / CHOSEN).read_bytes()
    (checkout.root / CHOSEN).unlink()
    call = checkout.snakemake("--cores", "2", "--configfile", DEMO)
    assert call.status == 0, call.text
    assert "Traceback" not in call.text
    assert (checkout.root / CHOSEN).read_bytes() == first
    assert call.text.count("iteration 10/10") == 0, "the trials are there"
    assert call.text.count("iteration 25/25") == 2, "one final run for each method"
    declared = tuning_files(load_experiment(checkout.root / DEMO))
    assert set(checkout.root.glob("reports/demo/tuning/*")) == {checkout.root / path for path in declared}
    assert 'id="tuning"' in (checkout.root / "reports/demo/report.html").read_text()


def final_runs_are_what_was_chosen(checkout: Checkout) -> None:
    records = [json.loads(path.read_text()) for path in (checkout.root / "results/runs").glob("*dropout*/run.json")]
    trials = [record for record in records if record["spec"]["seed"] >= TRIAL_SEEDS]
    best = min(trials, key=lambda record: record["heldout_l1_final"])
    chosen = {one["variant"]: one for one in json.loads((checkout.root / CHOSEN).read_text())["best"]}["dropout"]
    assert chosen["heldout_l1"] == best["heldout_l1_final"]
    final = [r for r in records if r["spec"]["seed"] == 0 and r["spec"]["regularizer"]["options"]["rate"] != 0.7]
    assert len(trials) == 2
    assert len(final) == 1
    assert final[0]["spec"]["regularizer"] == best["spec"]["regularizer"]
    assert final[0]["spec"]["regularizer"]["options"]["rate"] == chosen["options"]["rate"]
    assert final[0]["spec"]["training"] == best["spec"]["training"] | {"iterations": 25}


def nothing_is_done_twice(checkout: Checkout) -> None:
    assert checkout.planned() == {}
    text = (checkout.root / DEMO).read_text()
    (checkout.root / "configs/experiments/other.yaml").write_text(text.replace("clean, blur_noise_jpeg", "clean"))
    planned = checkout.planned(CHOSEN.replace("demo", "other"), experiment="configs/experiments/other.yaml")
    assert planned == {"chosen": 1}, "trials are shared by all experiments that ask for them"
