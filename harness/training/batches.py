"""Training batches as pure functions of the iteration: crops, degraded views, aligned patches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.datasets.patches import Pack, sample_crops
from harness.degradations.online import AnyPlan, carry_out, conditions, plan, sharpened_target
from harness.degradations.second_order import cut, draw_corners
from harness.degradations.usm import sharpen
from harness.foundation.rng import Draws
from harness.regularizers import Batch, Regularizer
from harness.spec import RunSpec
from harness.training.kept import KeptBatch, KeptBatches
from harness.training.pool import PairPool
from harness.training.resident import ResidentPack, Windows

HELDOUT_SEED = 0
"""Seed of the held-out images: the same for every run of an experiment; their iterations are 0, -1, -2, ..."""

_HELDOUT_BATCH = 4


@dataclass(frozen=True)
class Recipe:
    """What the host contributes to a batch: everything but the pixels that the device computes.

    Attributes:
        crops: (B, crop, crop, 3) uint8 on the host, pinned for CUDA; or their places in a pack on the device.
        plans: parameters of the degradation, for each view.
        corners: (B, 2) first row and column of the aligned crops, in low-resolution pixels.
        draws: the random numbers of the first view.
        kept: the degraded images themselves, if another arm has made them.
        seconds: what the host's part took.
    """

    crops: Tensor | Windows
    plans: tuple[AnyPlan, ...]
    corners: npt.NDArray[np.int64]
    draws: Draws
    kept: KeptBatch | None = None
    seconds: float = 0.0


class BatchSource:
    """Makes the batch of any iteration.

    Args:
        pack: the training images.
        spec: the run; everything about the batch but the regularizer's number of views is in ``spec.training``.
        views: degraded views per ground truth.
        device: where to degrade.
        rows: indices in the global batch of the ground truths made here; all of them by default.
        regularizer: may change the clean images, and may ask what each image underwent.
        kept: folder of degraded images that runs share; None keeps none.
    """

    def __init__(
        self,
        pack: Pack,
        spec: RunSpec,
        views: int,
        device: str,
        rows: Sequence[int] | None = None,
        regularizer: Regularizer | None = None,
        kept: Path | None = None,
    ) -> None:
        training = spec.training
        self._pack = ResidentPack(pack, training.crop, device) if training.placement == "device" else pack
        self.data = pack.info.sha256
        self.prefetch = training.prefetch
        self._spec = spec
        self._views = views
        self._device = device
        self._rows = range(training.batch_size // views) if rows is None else rows
        self._regularizer = regularizer
        self.pool = PairPool(training.pool // training.batch_size, spec.seed) if training.pool else None
        whole = training.processes == 1 and (regularizer is None or type(regularizer).clean is Regularizer.clean)
        folder = kept if whole else None
        count = len(self._rows)
        self.kept = KeptBatches(folder, spec, views, count, self.data, device) if folder else None

    def batch(self, iteration: int) -> Batch:
        """Return the batch of a 1-based iteration. With a pool, call once per iteration and in order."""
        return self.make(iteration, self.prepare(iteration))

    def prepare(self, iteration: int) -> Recipe:
        """Do the host's part of a batch, a function of the iteration alone; another thread may do it ahead."""
        began = time.perf_counter()
        kept = self.kept.read(iteration) if self.kept else None
        if kept is not None and self._device != "cpu":  # else the copies to the device would wait
            kept = replace(kept, views=tuple(view.pin_memory() for view in kept.views))
        told = self._regularizer is not None and self._regularizer.uses_degradation
        planned = self._views if kept is None or told else 0
        recipe = prepare(self._pack, self._spec, iteration, self._spec.seed, self._rows, planned, self._device)
        return replace(recipe, kept=kept, seconds=time.perf_counter() - began)

    def make(self, iteration: int, recipe: Recipe) -> Batch:
        """Return the batch of :meth:`prepare`'s recipe; what it launches, nothing waits for."""
        began = time.perf_counter()
        views, target = make_views(self._pack, self._spec, recipe, self._device, self._regularizer)
        if self.kept is not None:
            seconds = recipe.seconds + time.perf_counter() - began
            if recipe.kept is None:
                self.kept.add(iteration, views, seconds)
            else:
                self.kept.credit += recipe.kept.seconds - seconds
        if self.pool is not None:
            views, target = self.pool.exchange(iteration, views, target)
        batch = Batch(torch.cat(views), target.repeat(self._views, 1, 1, 1))
        if self._regularizer is None or not self._regularizer.uses_degradation:
            return batch
        return replace(batch, degradation=conditions(recipe.plans, self._device))


def prepare(
    pack: Pack | ResidentPack, spec: RunSpec, iteration: int, seed: int, rows: Sequence[int], views: int, device: str
) -> Recipe:
    """Draw crops, degradations and patches; every view has its own degradation and the same aligned crop."""
    training = spec.training
    first = Draws(seed, iteration, 0, rows, device)
    side = training.crop // spec.scale
    return Recipe(
        crops=_crops(pack, spec, first),
        plans=tuple(plan(training.degradation, replace(first, view=view)) for view in range(views)),
        corners=draw_corners((side, side), training.patch, spec.scale, first, training.window),
        draws=first,
    )


def make_views(
    pack: Pack | ResidentPack, spec: RunSpec, recipe: Recipe, device: str, regularizer: Regularizer | None = None
) -> tuple[list[Tensor], Tensor]:
    """Flip, degrade and cut ground truths on the device; a regularizer may change what is degraded.

    Returns:
        The views, each (B, 3, patch / scale, patch / scale), and the target (B, 3, patch, patch); float32 in [0, 1].
    """
    training, scale = spec.training, spec.scale
    if isinstance(recipe.crops, Tensor):
        crops = recipe.crops.to(device, non_blocking=True)
    else:
        assert isinstance(pack, ResidentPack)
        crops = pack.crops(recipe.crops)
    if recipe.kept is not None:
        return _from_kept(recipe.kept, crops.permute(0, 3, 1, 2), spec, recipe)
    hr = crops.permute(0, 3, 1, 2).float().div_(255)
    seen = hr if regularizer is None else regularizer.clean(hr, recipe.draws)
    target, lrs = carry_out(recipe.plans, seen, scale, usm_target=training.usm_target)
    if seen is not hr:
        target = sharpen(hr) if training.usm_target else hr
    views = [cut(lr, recipe.corners, training.patch // scale) for lr in lrs]
    return views, cut(target, recipe.corners * scale, training.patch)


def _from_kept(kept: KeptBatch, crops: Tensor, spec: RunSpec, recipe: Recipe) -> tuple[list[Tensor], Tensor]:
    """Return what :func:`make_views` made for another arm, bit for bit: kept views, and targets cut anew."""
    training = spec.training
    views = [view.to(crops.device, non_blocking=True).float().div_(255) for view in kept.views]
    corners = recipe.corners * spec.scale
    if training.usm_target:
        return views, sharpened_target(training.degradation, crops, corners, training.patch)
    return views, cut(crops, corners, training.patch).float().div_(255)


def _crops(pack: Pack | ResidentPack, spec: RunSpec, draws: Draws) -> Tensor | Windows:
    training = spec.training
    if isinstance(pack, ResidentPack):
        return pack.windows(draws, training.horizontal_flip, training.crops)
    shape = (len(draws.rows), training.crop, training.crop, 3)
    crops = torch.empty(shape, dtype=torch.uint8, pin_memory=draws.device != "cpu")
    sample_crops(pack, training.crop, draws, training.horizontal_flip, crops.numpy(), training.crops)
    return crops


def heldout_batches(pack: Pack, spec: RunSpec, device: str) -> list[Batch]:
    """Return the fixed images that measure progress: one view, a seed of their own, never trained on.

    They come in batches of four, because resize factors are shared within one. Whatever crops and windows a run trains
    on, these are drawn in the default way, so that the held-out losses of an experiment are of the same images.
    """
    plain = spec.training.model_copy(update={"crops": "photographs", "window": "image"})
    spec = spec.model_copy(update={"training": plain})
    count = spec.training.heldout_images
    parts = []
    for number, start in enumerate(range(0, count, _HELDOUT_BATCH)):
        rows = range(min(_HELDOUT_BATCH, count - start))
        recipe = prepare(pack, spec, -number, HELDOUT_SEED, rows, 1, device)
        (lr,), target = make_views(pack, spec, recipe, device)
        parts.append(Batch(lr, target))
    return parts
