"""Mixup: ``v x + (1 - v) x'`` of inputs and targets alike, v ~ Beta(alpha, alpha) (arXiv 1710.09412; 2004.00448)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer
from harness.regularizers.batch import Batch

if TYPE_CHECKING:
    from torch import nn

    from harness.networks.taps import Taps


class MixupOptions(OptionsModel):
    """``alpha``: of the Beta distribution; ``probability``: that a step mixes."""

    alpha: float = Field(default=1.2, gt=0)
    probability: float = Field(default=1.0, gt=0, le=1)


class Mixup(Regularizer):
    """One v per batch; the partner of each image is found by a random permutation of the batch."""

    Options = MixupOptions
    graph_safe = True
    mixes_rows = True
    roles = frozenset()
    options: MixupOptions

    @property
    def least_ground_truths(self) -> int:
        """Two: an image needs a partner."""
        return 2

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """No hooks are needed."""
        from harness.regularizers._mixing import Mixing

        self._draws = draws
        self._mixing = Mixing("mixup", alpha=self.options.alpha, probability=self.options.probability)

    def set_progress(self, fraction: Fraction) -> None:
        """Draw v and the partners of the coming step."""
        self._mixing.draw(self._draws())

    def batch(self, batch: Batch) -> Batch:
        """Mix inputs and targets with those of the partners."""
        return self._mixing.blended(batch)
