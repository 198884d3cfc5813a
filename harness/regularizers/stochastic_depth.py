"""Stochastic depth: each block's residual branch is left out now and then (Huang et al., ECCV 2016, arXiv 1603.09382).

``f <- f b / (1 - p)`` at the output of the branch, b ~ Bernoulli(1 - p) per image; p grows linearly with depth up to
``rate`` at the last block: ``p = rate l / L`` for block l of L in the paper (equation 4), from 0 at the first block in
timm's ``drop_path``. The division is timm's; the paper multiplies by 1 - p in evaluation instead.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.foundation.errors import HarnessError
from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps


class StochasticDepthOptions(OptionsModel):
    """``rate``: probability that the last block's branch is left out; ``first``: that of the first, see above."""

    rate: float = Field(default=0.1, gt=0, lt=1)
    first: Literal["paper", "zero"] = "paper"


class StochasticDepth(Regularizer):
    """Branches of whole blocks, image by image."""

    Options = StochasticDepthOptions
    graph_safe = True
    roles = frozenset({"branches"})
    options: StochasticDepthOptions
    _factors: Tensor | None = None

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Put a hook at the output of each block's residual branch.

        Raises:
            HarnessError: a single block, whose rate would be 0.
        """
        import torch

        self._draws = draws
        count = len(taps.points("branches"))
        if self.options.first == "paper":
            rates = [self.options.rate * (index + 1) / count for index in range(count)]
        else:
            rates = [self.options.rate * index / max(1, count - 1) for index in range(count)]
        if not any(rates):
            raise HarnessError(
                "stochastic_depth: first: 'zero': the network has one block, which would never be left out; use paper"
            )
        self._rates = torch.tensor(rates, device=next(network.parameters()).device)
        self._handles.append(taps.apply("branches", self._drop))

    def set_progress(self, fraction: Fraction) -> None:
        """Draw which branches each image goes through."""
        from harness.regularizers._fixed import in_place

        numbers = self._draws().uniform("stochastic_depth", len(self._rates))
        self._factors = in_place(self._factors, (numbers >= self._rates) / (1 - self._rates))

    def _drop(self, index: int, features: Tensor) -> Tensor:
        assert self._factors is not None
        factor = self._factors[:, index].to(features.dtype)
        return features * factor.view(-1, *[1] * (features.dim() - 1))
