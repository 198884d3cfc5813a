"""A network that draws random numbers is trained like any other: resume, recorded steps, a steady held-out loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.networks.tape import Tape
from harness.spec import RunSpec
from harness.training.batches import heldout_batches
from harness.training.step import Learner
from harness.training.train import train
from tests.training.conftest import CATALOGUES, job, tiny_spec
from tests.training.test_graph import train as steps
from tests.training.test_train import results


def spec(regularizer: str = "dropout", **training: int) -> RunSpec:
    changed = {"network": CATALOGUES.networks["swinir_masked_tiny"].network}
    return tiny_spec(regularizer, **{"batch_size": 4, "iterations": 8, **training}).model_copy(update=changed)


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    packs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(spec(), job(packs, tmp_path / "whole"))
    step = Learner.step

    def stopped(self: Learner, iteration: int, *rest: object) -> None:
        if iteration == 6:
            raise KeyboardInterrupt
        step(self, iteration, *rest)  # type: ignore[arg-type]

    where = job(packs, tmp_path / "stopped", save_every=3)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(spec(), where)
    train(spec(), where)
    assert results(tmp_path / "stopped") == results(tmp_path / "whole")


def test_masks_change_from_step_to_step_and_a_taped_step_changes_no_bit() -> None:
    plain, taped = (steps(spec("baseline"), "cpu", recorder, 7) for recorder in (None, Tape()))
    assert taped.captured is not None
    assert taped.captured.state == "captured"
    expected, found = plain.tensors(), taped.tensors()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_the_heldout_loss_is_that_of_the_weights(packs: Path) -> None:
    from harness.datasets.patches import Pack

    own = spec("baseline")
    batches = heldout_batches(Pack.open(packs / "embedded_heldout"), own, "cpu")
    learner = steps(own, "cpu", None, 1)
    assert learner.heldout_l1(batches) == learner.heldout_l1(batches)
