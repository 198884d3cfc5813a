"""Common random numbers: the same seed gives every regularizer the same weights, crops and degraded batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from harness.datasets.patches import Pack
from harness.regularizers import available
from harness.training.batches import BatchSource, heldout_batches
from harness.training.distributed import World
from harness.training.step import Learner
from tests.training.conftest import CATALOGUES, tiny_spec


@pytest.fixture
def pack(packs: Path) -> Pack:
    return Pack.open(packs / "embedded_train")


@pytest.mark.parametrize("regularizer", sorted(set(available()) - {"baseline"}))
def test_every_regularizer_starts_at_the_same_weights(regularizer: str) -> None:
    plain = Learner(tiny_spec("baseline", seed=3), "cpu").network.state_dict()
    options = {"paste": "downscaled"} if regularizer == "cutblur" else {}
    regularized = Learner(tiny_spec(regularizer, seed=3, options=options), "cpu").network.state_dict()
    assert plain.keys() == regularized.keys()
    assert all(torch.equal(plain[name], regularized[name]) for name in plain)


@pytest.mark.parametrize("iteration", [1, 17])
def test_the_first_view_is_the_baselines_batch(pack: Pack, iteration: int) -> None:
    one = BatchSource(pack, tiny_spec("baseline"), 1, "cpu").batch(iteration)
    two = BatchSource(pack, tiny_spec("simple_align"), 2, "cpu").batch(iteration)
    assert one.lr.shape == two.lr.shape == (4, 3, 8, 8)
    assert torch.equal(two.lr[:2], one.lr[:2])
    assert torch.equal(two.target[:2], one.target[:2])
    assert torch.equal(two.target[:2], two.target[2:])
    assert not torch.equal(two.lr[:2], two.lr[2:])


def test_batches_are_functions_of_seed_and_iteration(pack: Pack) -> None:
    source = BatchSource(pack, tiny_spec(seed=1), 1, "cpu")
    later = source.batch(5)
    fresh = BatchSource(pack, tiny_spec(seed=1), 1, "cpu").batch(5)
    assert torch.equal(later.lr, fresh.lr)
    assert torch.equal(later.target, fresh.target)
    assert not torch.equal(later.lr, source.batch(6).lr)
    assert not torch.equal(later.lr, BatchSource(pack, tiny_spec(seed=2), 1, "cpu").batch(5).lr)


RELEASED = {
    "degradation": CATALOGUES.training_degradations["second_order_released"],
    "window": "batch",
    "crops": "sub_images",
}


@pytest.mark.parametrize("settings", [{}, RELEASED], ids=["default", "released"])
@pytest.mark.parametrize(("regularizer", "views"), [("baseline", 1), ("simple_align", 2)])
def test_processes_make_their_rows_of_the_same_batch(
    pack: Pack, regularizer: str, views: int, settings: dict[str, Any]
) -> None:
    spec = tiny_spec(regularizer, **settings)
    whole = BatchSource(pack, spec, views, "cpu").batch(2)
    truths = 4 // views
    for rank in range(2):
        world = World(rank, 2)
        part = BatchSource(pack, spec, views, "cpu", world.share(truths)).batch(2)
        rows = world.network_rows(truths, views)
        assert torch.equal(part.lr, whole.lr[rows])
        assert torch.equal(part.target, whole.target[rows])


@pytest.mark.parametrize("placement", ["host", "device"])
def test_one_window_per_batch(pack: Pack, placement: str) -> None:
    """Where the crops are kept whole, the targets are windows of them at one place, the same for both views."""
    places = []
    for iteration in range(1, 9):
        batches = {}
        for window in ("image", "batch"):
            spec = tiny_spec("simple_align", usm_target=False, window=window, placement=placement, batch_size=8)
            source = BatchSource(pack, spec, 2, "cpu")
            recipe, batches[window] = source.prepare(iteration), source.batch(iteration)
            alike = (recipe.corners == recipe.corners[0]).all()
            assert alike if window == "batch" else not alike
        whole = tiny_spec("simple_align", usm_target=False, patch=48, placement=placement, batch_size=8)
        every = BatchSource(pack, whole, 2, "cpu").batch(iteration)
        top, left = recipe.corners[0]
        places.append((int(top), int(left)))
        assert torch.equal(batches["batch"].lr, every.lr[:, :, top : top + 8, left : left + 8])
        hr = every.target[:, :, 4 * top : 4 * top + 32, 4 * left : 4 * left + 32]
        assert torch.equal(batches["batch"].target, hr)
        assert not torch.equal(batches["image"].target, hr)
    assert len(set(places)) > 3


@pytest.mark.parametrize("placement", ["host", "device"])
def test_crops_come_from_sub_images(pack: Pack, placement: str) -> None:
    settings: dict[str, Any] = {"crop": 480, "patch": 480, "usm_target": False, "placement": placement}
    source = BatchSource(pack, tiny_spec(crops="sub_images", horizontal_flip=False, **settings), 1, "cpu")
    sub_images = pack.sub_images
    windows = set()
    for index in range(len(sub_images)):
        image, top, left = sub_images.place(index)
        windows.add(pack.crops([image], [top], [left], 480).tobytes())
    for iteration in (1, 2):
        target = source.batch(iteration).target.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
        assert all(one.contiguous().numpy().tobytes() in windows for one in target)


def test_heldout_images_are_the_same_however_batches_are_made(packs: Path) -> None:
    pack = Pack.open(packs / "embedded_heldout")
    plain = heldout_batches(pack, tiny_spec(), "cpu")
    released = heldout_batches(pack, tiny_spec(window="batch", crops="sub_images"), "cpu")
    assert all(
        torch.equal(a.lr, b.lr) and torch.equal(a.target, b.target) for a, b in zip(plain, released, strict=True)
    )


def test_images_are_what_they_should_be(pack: Pack) -> None:
    batch = BatchSource(pack, tiny_spec(), 1, "cpu").batch(1)
    assert batch.lr.dtype == batch.target.dtype == torch.float32
    levels = batch.lr * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    assert batch.target.shape == (4, 3, 32, 32)
    assert 0 <= float(batch.target.min()) <= float(batch.target.max()) <= 1


def test_heldout_images_are_fixed_and_shared_by_all_runs(packs: Path) -> None:
    pack = Pack.open(packs / "embedded_heldout")
    first = heldout_batches(pack, tiny_spec("baseline", seed=0), "cpu")
    second = heldout_batches(pack, tiny_spec("simple_align", seed=5), "cpu")
    assert [len(batch.lr) for batch in first] == [4, 2]
    assert all(torch.equal(a.lr, b.lr) and torch.equal(a.target, b.target) for a, b in zip(first, second, strict=True))


def test_pool_keeps_pairs_of_views_together(pack: Pack) -> None:
    source = BatchSource(pack, tiny_spec("simple_align", pool=12), 2, "cpu")
    for iteration in range(1, 7):
        batch = source.batch(iteration)
        assert torch.equal(batch.target[:2], batch.target[2:])
