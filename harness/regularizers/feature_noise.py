"""Feature noise with a learned scale: the network says how much of it each channel bears.

``f <- f (1 + s n)``, n ~ N(0, 1) per image and channel, ``s = sigma exp(l)`` with one learned l per channel, which
starts at 0. A small method of this harness that exercises parameters; after the noise injection of Bishop, "Training
with Noise is Equivalent to Tikhonov Regularization", Neural Computation 1995.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps


class FeatureNoiseOptions(OptionsModel):
    """``sigma``: scale at the start; ``role``: where."""

    sigma: float = Field(default=0.1, gt=0)
    role: Literal["last", "first", "block_outputs"] = "last"


class FeatureNoise(Regularizer):
    """Multiplicative noise with mean 1."""

    Options = FeatureNoiseOptions
    graph_safe = True
    options: FeatureNoiseOptions
    _noise: Tensor | None = None

    @property
    def roles(self) -> frozenset[str]:
        """The one role it acts at."""
        return frozenset({self.options.role})

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Make the parameters and put the hooks in."""
        import torch

        self._draws = draws
        device = next(network.parameters()).device
        self._channels = taps.channels(self.options.role)
        self._scales = [torch.nn.Parameter(torch.zeros(count, device=device)) for count in self._channels]
        self._handles.append(taps.apply(self.options.role, self._disturb))

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield l of each tap, in order."""
        return iter(self._scales)

    def set_progress(self, fraction: Fraction) -> None:
        """Draw n of all taps."""
        import torch

        from harness.regularizers._fixed import in_place

        uniform = self._draws().uniform("feature_noise", sum(self._channels))
        self._noise = in_place(self._noise, torch.special.ndtri(uniform.clamp(1e-6, 1 - 1e-6)))

    def _disturb(self, index: int, features: Tensor) -> Tensor:
        from harness.networks.taps import per_channel

        assert self._noise is not None
        start = sum(self._channels[:index])
        noise = self._noise[:, start : start + self._channels[index]]
        factor = 1 + self.options.sigma * self._scales[index].exp() * noise
        return features * per_channel(factor.to(features.dtype), features)
