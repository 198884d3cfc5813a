"""The batches that trials are given: small, made as in training, a function of rows and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from harness.foundation.rng import Draws, torch_stream
from harness.regularizers.base import Regularizer
from harness.regularizers.batch import Batch
from harness.regularizers.conformance.networks import trial_images, trial_scale
from harness.spec import NetworkSpec

GROUND_TRUTHS = 4
"""Of the pretended batch."""

_RANGES = {
    "blur": (0.2, 3.0),
    "resize": (0.3, 1.5),
    "gaussian": (0.0, 30.0),
    "poisson": (0.0, 3.0),
    "jpeg": (30.0, 95.0),
}
_STAGES = (1, 2)


class TrialBatches:
    """Makes the batch of a step.

    Targets are random pixels, one image for each ground truth; an input is its target scaled down, after
    :meth:`Regularizer.clean`, and mixed with random pixels of its own, so that views differ.

    Args:
        spec: of the network.
        network: tells which sizes it takes.
        regularizer: may change the clean images, and may ask what each image underwent.
        rows: of this process in the network batch, the views one after the other.
    """

    def __init__(self, spec: NetworkSpec, network: nn.Module, regularizer: Regularizer, rows: Sequence[int]) -> None:
        self._regularizer, self._rows = regularizer, list(rows)
        self._noise = trial_images(network, self._rows)
        self._side = self._noise.shape[-1]
        self.truths = self._targets(self._side * trial_scale(spec))
        """The target of each row."""

    def plain(self) -> Batch:
        """Return a batch whose clean images the regularizer did not see."""
        batch = Batch(self._lr(self.truths), self.truths.clone())
        if not self._regularizer.uses_degradation:
            return batch
        numbers = {f"{name}{stage}": self._condition(name, stage) for stage in _STAGES for name in _RANGES}
        return replace(batch, degradation=numbers)

    def degraded(self, draws: Draws) -> Tensor:
        """Return the inputs of a step, (rows, 3, h, w)."""
        return self._lr(self.clean(self.truths, draws))

    def clean(self, truths: Tensor, draws: Draws) -> Tensor:
        """Return what is degraded in place of ``truths``, (rows, 3, H, W); as in training, all views see the same."""
        views = self._regularizer.views
        own = len(truths) // views
        first = replace(draws, rows=self._rows[:own])
        return self._regularizer.clean(truths[:own], first).repeat(views, 1, 1, 1)

    def _lr(self, clean: Tensor) -> Tensor:
        return interpolate(clean, size=(self._side, self._side), mode="area").add(self._noise).div_(2)

    def _targets(self, side: int) -> Tensor:
        truths = (torch_stream("conformance/target", row % GROUND_TRUTHS) for row in self._rows)
        return torch.stack([torch.rand(3, side, side, generator=generator) for generator in truths])

    def _condition(self, name: str, stage: int) -> Tensor:
        low, high = _RANGES[name]
        numbers = [torch.rand((), generator=torch_stream(f"conformance/{name}{stage}", row)) for row in self._rows]
        return torch.stack(numbers).mul(high - low).add(low)
