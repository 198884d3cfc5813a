"""A batch that was made ahead is the batch of its iteration."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from harness.datasets.patches import Pack
from harness.training.batches import BatchSource
from harness.training.prefetch import Prefetcher, ahead
from tests.training.conftest import tiny_spec


def test_nothing_is_made_ahead_on_a_cpu_or_with_a_pool(packs: Path) -> None:
    pack = Pack.open(packs / "embedded_train")
    plain, pooled = (BatchSource(pack, tiny_spec(pool=pool), 1, "cpu") for pool in (0, 8))
    assert ahead(plain, "cpu", 30) is plain
    assert ahead(pooled, "cuda", 30) is pooled


@pytest.mark.gpu
def test_batches_are_the_same_ahead_out_of_order_and_at_the_end(packs: Path) -> None:
    source = BatchSource(Pack.open(packs / "embedded_train"), tiny_spec(device="cuda"), 2, "cuda")
    prefetcher = Prefetcher(source, "cuda", 6)
    for iteration in (1, 2, 5, 6):
        got, expected = prefetcher.batch(iteration), source.batch(iteration)
        assert torch.equal(got.lr, expected.lr)
        assert torch.equal(got.target, expected.target)


@pytest.mark.gpu
def test_a_step_never_waits_for_the_device(packs: Path) -> None:
    from harness.training.step import Learner

    spec = tiny_spec(device="cuda")
    learner = Learner(spec, "cuda")
    source = BatchSource(Pack.open(packs / "embedded_train"), spec, 1, "cuda")
    batches = ahead(source, "cuda", 30)
    for iteration in range(1, 4):
        learner.step(iteration, batches.batch(iteration))
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for iteration in range(4, 8):
            learner.step(iteration, batches.batch(iteration))
    finally:
        torch.cuda.set_sync_debug_mode("default")
