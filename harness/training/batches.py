"""Training batches as pure functions of the iteration: crops, degraded views, aligned patches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.datasets.patches import Pack, sample_crops
from harness.degradations.second_order import aligned_crop, degrade
from harness.rng import Draws
from harness.spec import RunSpec
from harness.training.pool import PairPool

HELDOUT_SEED = 0
"""Seed of the held-out batch: the same batch for every run of an experiment."""


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

    def __init__(self, pack: Pack, spec: RunSpec, views: int, device: str, rows: range | None = None) -> None:
        training = spec.training
        self._pack = pack
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
    pack: Pack, spec: RunSpec, iteration: int, seed: int, rows: range, views: int, device: str
) -> tuple[list[Tensor], Tensor]:
    """Cut, flip and degrade ground truths; every view has its own degradation and the same aligned crop.

    Returns:
        The views, each (B, 3, patch / scale, patch / scale), and the target (B, 3, patch, patch); float32 in [0, 1].
    """
    training = spec.training
    first = Draws(seed, iteration, 0, rows, device)
    crops = sample_crops(pack, training.crop, first, training.horizontal_flip)
    hr = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float().div_(255)
    lrs, target = [], hr
    for view in range(views):
        draws = Draws(seed, iteration, view, rows, device)
        full_target, full_lr = degrade(hr, training.degradation, spec.scale, draws, usm_target=training.usm_target)
        target, lr = aligned_crop(full_target, full_lr, training.patch, spec.scale, first)
        lrs.append(lr)
    return lrs, target


def heldout_batch(pack: Pack, spec: RunSpec, device: str) -> Batch:
    """Return the fixed batch that measures progress: one view, iteration 0, a seed of its own, never trained on."""
    rows = range(spec.training.heldout_batch)
    (lr,), target = make_views(pack, spec, 0, HELDOUT_SEED, rows, 1, device)
    return Batch(lr, target)
