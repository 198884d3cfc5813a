"""A compiled step computes what the plain one does, from the first iteration on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.datasets.patches import Pack
from harness.training.batches import BatchSource
from harness.training.step import Learner
from tests.training.conftest import tiny_spec


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("regularizer", [pytest.param("adaptive_dropout", marks=pytest.mark.thorough), "simple_align"])
def test_compiled_step(packs: Path, regularizer: str) -> None:
    learners = [Learner(tiny_spec(regularizer, compile=choice), "cpu") for choice in (False, True)]
    views = learners[0].regularizer.views
    source = BatchSource(Pack.open(packs / "embedded_train"), learners[0].spec, views, "cpu")
    for iteration in (1, 2, 3):
        batch = source.batch(iteration)
        for learner in learners:
            learner.step(iteration, batch)
    plain, compiled = (learner.weights() for learner in learners)
    for name, weight in plain.items():
        torch.testing.assert_close(compiled[name], weight, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(learners[0].sums, learners[1].sums, rtol=1e-4, atol=0)
    torch.compiler.reset()
