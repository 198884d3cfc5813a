"""Training batches as pure functions of the iteration: crops, degraded views, aligned patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.datasets.patches import Pack, sample_crops
from harness.degradations.online import degrade_views
from harness.degradations.second_order import aligned_crop
from harness.rng import Draws
from harness.spec import RunSpec
from harness.training.pool import PairPool
from harness.training.resident import ResidentPack

HELDOUT_SEED = 0
"""Seed of the held-out images: the same for every run of an experiment; their iterations are 0, -1, -2, ..."""

_HELDOUT_BATCH = 4


@dataclass(frozen=True)
class Batch:
    """One step's images.

    Attributes:
        lr: (V * B, 3, patch / scale, patch / scale) float32 in [0, 1], 8-bit levels; view 0 of all rows comes first.
        target: (V * B, 3, patch, patch) float32 in [0, 1], repeated for each view.
    """

    lr: Tensor
    target: Tensor


class BatchSource:
    """Makes the batch of any iteration.

    Args:
        pack: the training images.
        spec: the run; everything about the batch but the regularizer's number of views is in ``spec.training``.
        views: degraded views per ground truth.
        rows: indices in the global batch of the ground truths made here; all of them by default.
        device: where to degrade.
    """

    def __init__(self, pack: Pack, spec: RunSpec, views: int, device: str, rows: Sequence[int] | None = None) -> None:
        training = spec.training
        self._pack = ResidentPack(pack, training.crop, device) if training.placement == "device" else pack
        self.data = pack.info.sha256
        self._spec = spec
        self._views = views
        self._device = device
        self._rows = range(training.batch_size // views) if rows is None else rows
        self.pool = PairPool(training.pool // training.batch_size, spec.seed) if training.pool else None

    def batch(self, iteration: int) -> Batch:
        """Return the batch of a 1-based iteration. With a pool, call once per iteration and in order."""
        views, target = self._pairs(iteration)
        if self.pool is not None:
            views, target = self.pool.exchange(iteration, views, target)
        return Batch(torch.cat(views), target.repeat(self._views, 1, 1, 1))

    def _pairs(self, iteration: int) -> tuple[list[Tensor], Tensor]:
        return make_views(self._pack, self._spec, iteration, self._spec.seed, self._rows, self._views, self._device)


def make_views(
    pack: Pack | ResidentPack, spec: RunSpec, iteration: int, seed: int, rows: Sequence[int], views: int, device: str
) -> tuple[list[Tensor], Tensor]:
    """Cut, flip and degrade ground truths; every view has its own degradation and the same aligned crop.

    Returns:
        The views, each (B, 3, patch / scale, patch / scale), and the target (B, 3, patch, patch); float32 in [0, 1].
    """
    training = spec.training
    draws = [Draws(seed, iteration, view, rows, device) for view in range(views)]
    hr = _crops(pack, spec, draws[0]).permute(0, 3, 1, 2).float().div_(255)
    target, lrs = degrade_views(hr, training.degradation, spec.scale, draws, usm_target=training.usm_target)
    pairs = [aligned_crop(target, lr, training.patch, spec.scale, draws[0]) for lr in lrs]
    return [lr for _, lr in pairs], pairs[0][0]


def _crops(pack: Pack | ResidentPack, spec: RunSpec, draws: Draws) -> Tensor:
    training = spec.training
    if isinstance(pack, ResidentPack):
        return pack.sample(draws, training.horizontal_flip)
    crops = torch.from_numpy(sample_crops(pack, training.crop, draws, training.horizontal_flip))
    if draws.device == "cpu":
        return crops
    return crops.pin_memory().to(draws.device, non_blocking=True)


def heldout_batches(pack: Pack, spec: RunSpec, device: str) -> list[Batch]:
    """Return the fixed images that measure progress: one view, a seed of their own, never trained on.

    They come in batches of four, because resize factors are shared within one.
    """
    count = spec.training.heldout_images
    parts = []
    for number, start in enumerate(range(0, count, _HELDOUT_BATCH)):
        rows = range(min(_HELDOUT_BATCH, count - start))
        (lr,), target = make_views(pack, spec, -number, HELDOUT_SEED, rows, 1, device)
        parts.append(Batch(lr, target))
    return parts
