"""A batch that was made ahead is the batch of its iteration."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.datasets.patches import Pack
from harness.foundation.errors import HarnessError
from harness.regularizers import Batch
from harness.training.batches import BatchSource, Recipe
from harness.training.graph import WARM_UP
from harness.training.prefetch import Prefetcher, ahead
from tests.training.conftest import tiny_spec


def source(packs: Path, views: int = 1, device: str = "cpu", **training: Any) -> BatchSource:
    return BatchSource(Pack.open(packs / "embedded_train"), tiny_spec(device=device, **training), views, device)


def check_batches(plain: BatchSource, device: str, apart: bool | None = None) -> None:
    prefetcher = Prefetcher(plain, device, 16, apart)
    for iteration in (1, 2, 5, 6, 7, 8, 9, 12, 13, 15, 16):
        got, expected = prefetcher.batch(iteration), plain.batch(iteration)
        assert torch.equal(got.lr, expected.lr)
        assert torch.equal(got.target, expected.target)
    prefetcher.close()


def test_nothing_is_made_ahead_unless_the_spec_says_so(packs: Path) -> None:
    plain = source(packs)
    with ahead(plain, "cpu", 30) as batches:
        assert batches is plain


@pytest.mark.parametrize("placement", ["host", "device"])
def test_batches_are_the_same_ahead_out_of_order_and_at_the_end(packs: Path, placement: str) -> None:
    plain = source(packs, 2, placement=placement)
    assert not torch.equal(plain.batch(1).lr, plain.batch(2).lr)
    check_batches(plain, "cpu")


def test_batches_of_a_thread_are_the_same_and_none_is_made_while_a_step_is_captured(
    packs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[int, str] = {}
    original = BatchSource.make

    def make(self: BatchSource, iteration: int, recipe: Recipe) -> Batch:
        made[iteration] = threading.current_thread().name
        if iteration == 12:
            raise HarnessError("no batch")
        return original(self, iteration, recipe)

    plain = source(packs)
    check_batches(plain, "cpu", apart=True)
    monkeypatch.setattr(BatchSource, "make", make)
    prefetcher = Prefetcher(plain, "cpu", 20, apart=True)
    for iteration in range(1, 12):
        prefetcher.batch(iteration)
    with pytest.raises(HarnessError, match="no batch"):
        prefetcher.batch(12)
    prefetcher.close()
    captured = WARM_UP + 1  # the step that is captured; what it trains on and the next batch are ready by then
    assert {made[iteration] for iteration in range(1, captured + 2)} == {threading.main_thread().name}
    assert all(made[iteration].startswith("make") for iteration in range(captured + 2, 13))


def test_mistakes_in_the_thread_come_back(packs: Path) -> None:
    crops = source(packs)
    crops._spec = crops._spec.model_copy(update={"training": crops._spec.training.model_copy(update={"patch": 64})})
    prefetcher = Prefetcher(crops, "cpu", 60)
    with pytest.raises(HarnessError, match=r"training.patch: 64 must be a multiple of the scale 4 and at most 48"):
        prefetcher.batch(1)
    prefetcher.close()


@pytest.mark.gpu
@pytest.mark.parametrize("placement", ["host", "device"])
def test_batches_on_a_side_stream_are_the_same(packs: Path, placement: str) -> None:
    plain = source(packs, 2, "cuda", placement=placement)
    assert not torch.equal(plain.batch(1).lr, plain.batch(2).lr)
    check_batches(plain, "cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("cuda_graph", [False, True])
def test_a_step_never_waits_for_the_device(packs: Path, cuda_graph: bool) -> None:
    from harness.training.step import Learner

    spec = tiny_spec(device="cuda", prefetch=True, cuda_graph=cuda_graph)
    learner = Learner(spec, "cuda")
    with ahead(BatchSource(Pack.open(packs / "embedded_train"), spec, 1, "cuda"), "cuda", 30) as batches:
        for iteration in range(1, 7):
            learner.step(iteration, batches.batch(iteration))
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            for iteration in range(7, 11):
                learner.step(iteration, batches.batch(iteration))
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert learner.parameters[0].isfinite().all()
