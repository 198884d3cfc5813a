"""Mixture of augmentations: in each step one of seven (Yoo et al., CVPR 2020, arXiv 2004.00448, table 1).

Blend with a constant colour, permuted channels, Mixup, Cutout, CutMix, CutMixup, CutBlur, with equal probability. With
enlargement CutBlur pastes the target scaled down, see :mod:`harness.regularizers.cutblur`. Which one it is depends on
the step, so a step cannot be captured.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer
from harness.regularizers.batch import Batch
from harness.regularizers.cutblur import Cutblur, CutblurOptions
from harness.regularizers.cutmix import Cutmix, CutmixOptions
from harness.regularizers.cutout import Cutout, CutoutOptions
from harness.regularizers.mixup import Mixup, MixupOptions

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps

_OWN = ("blend", "rgb")


class MoaOptions(OptionsModel):
    """``probability``: that a step augments at all; ``blend``: least weight of the image beside the colour."""

    probability: float = Field(default=1.0, gt=0, le=1)
    blend: float = Field(default=0.6, gt=0, le=1)


class Moa(Regularizer):
    """One augmentation per step, the same for the whole batch."""

    Options = MoaOptions
    mixes_rows = True
    roles = frozenset()
    options: MoaOptions

    @property
    def least_ground_truths(self) -> int:
        """Two: three of the seven need a partner."""
        return 2

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Prepare the augmentations; no hooks are needed."""
        import torch

        from harness.regularizers._fixed import Shared

        self._draws, self._order = draws, Shared(torch.int64)
        self._parts: dict[str, Regularizer] = {
            "mixup": Mixup(MixupOptions()),
            "cutout": Cutout(CutoutOptions()),
            "cutmix": Cutmix(CutmixOptions()),
            "cutmixup": Cutmix(CutmixOptions(mixup=True)),
            "cutblur": Cutblur(CutblurOptions(paste="downscaled")),
        }
        for part in self._parts.values():
            part.attach(network, taps, draws)

    def set_progress(self, fraction: Fraction) -> None:
        """Choose the augmentation of the coming step, and let it draw."""
        generator = self._draws().batch("moa")
        names = [*_OWN, *self._parts]
        chosen = names[int(generator.integers(len(names)))]
        self._chosen = chosen if generator.random() < self.options.probability else "none"
        self._weight = float(generator.uniform(self.options.blend, 1))
        self._order.write(generator.permutation(3).tolist(), self._draws().device)
        if self._chosen in self._parts:
            self._parts[self._chosen].set_progress(fraction)

    def batch(self, batch: Batch) -> Batch:
        """Augment inputs and targets."""
        if self._chosen == "rgb":
            order = self._order.tensor
            return replace(batch, lr=batch.lr[:, order], target=batch.target[:, order])
        if self._chosen == "blend":
            colour = self._draws().uniform("moa/colour", 3)[:, :, None, None]
            lr, target = (one.lerp(colour, 1 - self._weight) for one in (batch.lr, batch.target))
            return replace(batch, lr=lr, target=target)
        return self._parts[self._chosen].batch(batch) if self._chosen in self._parts else batch

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the loss of the chosen augmentation."""
        if self._chosen in self._parts:
            return self._parts[self._chosen].loss(output, batch)
        return super().loss(output, batch)
