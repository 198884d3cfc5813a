"""Decorrelation: channels of two views agree with themselves and with no other (Barlow Twins, ICML 2021).

Zbontar et al., arXiv 2103.03230, equation 1, at the output of every block:
``sum_i (1 - C_ii)^2 + redundancy sum_{i != j} C_ij^2`` with C the cross-correlation over the batch of the pooled
features of two degraded views; the mean over blocks and channels. With few ground truths in a batch C is noisy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer, mean_over_processes

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps

_LEAST_VARIANCE = 1e-12


class DecorrelationOptions(OptionsModel):
    """``weight``: of the penalty; ``redundancy``: of other channels, the paper's lambda."""

    weight: float = Field(default=0.01, gt=0)
    redundancy: float = Field(default=0.005, ge=0)


class Decorrelation(Regularizer):
    """A penalty on the features of all blocks."""

    Options = DecorrelationOptions
    graph_safe = True
    roles = frozenset({"block_outputs"})
    options: DecorrelationOptions

    @property
    def views(self) -> int:
        """Two."""
        return 2

    @property
    def least_ground_truths(self) -> int:
        """Three: two standardized numbers are 1 and -1 whatever they were, and the penalty is a constant."""
        return 3

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Keep what passes the blocks."""
        self._kept = taps.capture("block_outputs")
        self._handles.append(self._kept)

    def penalty(self, features: Tensor | None) -> Tensor | None:
        """Return the mean over all blocks, in float32."""
        import torch

        kept = self._kept.tensors
        self._kept.clear()
        with torch.autocast(kept[0].device.type, enabled=False):
            return self.options.weight * torch.stack([self._redundancy(one) for one in kept]).mean()

    def _redundancy(self, features: Tensor) -> Tensor:
        import torch

        pooled = features.mean((1,) if features.dim() == 3 else (2, 3), dtype=torch.float32)
        first, second = (_standardized(view) for view in pooled.chunk(2))
        correlation = mean_over_processes(first.T @ second / len(first))
        own = correlation.diagonal()
        others = correlation.square().sum() - own.square().sum()
        return ((1 - own).square().sum() + self.options.redundancy * others) / len(own)


def _standardized(vectors: Tensor) -> Tensor:
    """Return vectors (P, C) with mean 0 and variance 1 over the whole batch, channel by channel."""
    centred = vectors - mean_over_processes(vectors.mean(0))
    return centred * (mean_over_processes(centred.square().mean(0)) + _LEAST_VARIANCE).rsqrt()
