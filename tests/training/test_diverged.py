"""A loss that is not finite: the result of a trial, the end of every other run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.foundation.errors import HarnessError
from harness.networks.weights import read_metadata
from harness.reporting.rows.run_records import read_document
from harness.spec import TRIAL_SEEDS
from harness.training.train import train
from tests.training.conftest import job, tiny_spec

RATE = 1e30


def test_a_trial_that_diverges_is_finished_and_has_no_loss(packs: Path, tmp_path: Path) -> None:
    spec = tiny_spec(seed=TRIAL_SEEDS, learning_rate=RATE)
    train(spec, job(packs, tmp_path))
    record = read_document(tmp_path / "run" / "run.json")
    assert 1 < record["diverged"] <= 7
    assert record["heldout_l1_initial"] > 0
    assert record["heldout_l1_final"] is None
    assert read_metadata(tmp_path / "run" / "weights.safetensors")["spec_hash"] == spec.hash
    before = json.loads((tmp_path / "run" / "run.json").read_text())
    train(spec, job(packs, tmp_path))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["diverged"] == before["diverged"]


def test_any_other_run_ends_with_an_error_and_without_a_result(packs: Path, tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"training\.learning_rate: the loss is not finite at iteration"):
        train(tiny_spec(seed=TRIAL_SEEDS - 1, learning_rate=RATE), job(packs, tmp_path))
    assert not (tmp_path / "run").exists()


def test_a_trial_that_does_not_diverge_is_like_every_run(packs: Path, tmp_path: Path) -> None:
    train(tiny_spec(seed=TRIAL_SEEDS), job(packs, tmp_path))
    record = read_document(tmp_path / "run" / "run.json")
    assert "diverged" not in record
    assert 0 < record["heldout_l1_final"] < 1
