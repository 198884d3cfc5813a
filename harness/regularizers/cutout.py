"""Cutout: single pixels of the input are dropped and their places leave the loss (arXiv 1708.04552; 2004.00448)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer
from harness.regularizers.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps


class CutoutOptions(OptionsModel):
    """``rate``: share of the input's pixels that are dropped; the release for super-resolution has 0.001."""

    rate: float = Field(default=0.001, gt=0, lt=1)


class Cutout(Regularizer):
    """``x' = x m``, and the loss compares ``m y`` with ``m f(x')``, its mean over all pixels."""

    Options = CutoutOptions
    graph_safe = True
    roles = frozenset()
    options: CutoutOptions

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """No hooks are needed."""
        from harness.regularizers._fixed import Fields

        self._draws = draws
        self._fields = Fields("cutout")

    def set_progress(self, fraction: Fraction) -> None:
        """Draw the numbers of all pixels."""
        self._fields.draw(self._draws())

    def batch(self, batch: Batch) -> Batch:
        """Drop pixels of the input, all channels at once."""
        return replace(batch, lr=batch.lr * self._kept(batch))

    def loss(self, output: Tensor, batch: Batch) -> Tensor:
        """Return the mean absolute difference, 0 where the input was dropped."""
        scale = output.shape[-1] // batch.lr.shape[-1]
        kept = self._kept(batch).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        return ((output.float() - batch.target) * kept).abs().mean()

    def _kept(self, batch: Batch) -> Tensor:
        return (self._fields.like(batch.lr) >= self.options.rate).float()
