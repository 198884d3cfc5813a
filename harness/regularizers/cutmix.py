"""CutMix: a square of input and target comes from another image of the batch (arXiv 1905.04899; for SR 2004.00448)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer
from harness.regularizers.batch import Batch

if TYPE_CHECKING:
    from torch import nn

    from harness.networks.taps import Taps


class CutmixOptions(OptionsModel):
    """Options of CutMix.

    Attributes:
        ratio: mean side of the square as a part of the image's; its standard deviation is 0.01.
        probability: that a step mixes.
        mixup: paste the mixture of both images instead, inside or outside of the square by a coin (CutMixup), with v
            from Beta(1.2, 1.2).
    """

    ratio: float = Field(default=0.7, gt=0, le=1)
    probability: float = Field(default=1.0, gt=0, le=1)
    mixup: bool = False


class Cutmix(Regularizer):
    """One square per batch, at the same place in both images."""

    Options = CutmixOptions
    graph_safe = True
    mixes_rows = True
    roles = frozenset()
    options: CutmixOptions

    @property
    def least_ground_truths(self) -> int:
        """Two: an image needs a partner."""
        return 2

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """No hooks are needed."""
        from harness.regularizers._mixing import Mixing

        self._draws = draws
        self._mixing = Mixing("cutmix", ratio=self.options.ratio, probability=self.options.probability)

    def set_progress(self, fraction: Fraction) -> None:
        """Draw the square and the partners of the coming step."""
        self._mixing.draw(self._draws())

    def batch(self, batch: Batch) -> Batch:
        """Paste the square of the partners, or of the mixture with them."""
        if self.options.mixup:
            return self._mixing.pasted(batch, self._mixing.blended(batch), self._mixing.inside)
        lr, target = (self._mixing.partners(one) for one in (batch.lr, batch.target))
        return self._mixing.pasted(batch, replace(batch, lr=lr, target=target))
