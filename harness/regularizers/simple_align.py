"""Simple-Align: make the features of two degraded views of the same image alike.

Wang et al., "Navigating Beyond Dropout: An Intriguing Solution towards Generalizable Image Super-Resolution",
CVPR 2024, arXiv 2402.18929. Where paper and release differ, this does what the release does.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from harness.foundation.yamlfile import StrictModel
from harness.regularizers.base import DrawsSource, Regularizer, mean_over_processes, process_count
from harness.regularizers.search import Search

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps

_VIEWS = 2
_LEAST_RANGE = 1e-12  # of the channels of one vector, before it is divided by


class SimpleAlignOptions(StrictModel):
    """Options of Simple-Align.

    Attributes:
        weight: of the penalty; 0 is the control "two views, no penalty".
        first_order: align the pooled features.
        second_order: align their outer products.
        rff: align random Fourier features too, in the same orders; ``only``: these alone.
    """

    weight: Annotated[float, Search(0.01, 100.0, log=True)] = Field(default=1.0, ge=0)
    first_order: bool = True
    second_order: bool = True
    rff: bool | Literal["only"] = True

    @model_validator(mode="after")
    def _check(self) -> SimpleAlignOptions:
        if self.weight > 0 and not (self.first_order or self.second_order):
            raise ValueError("first_order and second_order false: nothing is aligned; weight 0 is the control")
        return self


class SimpleAlign(Regularizer):
    """Adds ``weight`` times the sum over pairs (u, v) of ``align(u, v) + align(z(u), z(v))``."""

    Options = SimpleAlignOptions
    graph_safe = True
    roles = frozenset()
    options: SimpleAlignOptions

    @property
    def views(self) -> int:
        """Two: each ground truth is degraded twice, with weight 0 as well."""
        return _VIEWS

    @property
    def least_ground_truths(self) -> int:
        """Two, of all processes together: features are centred by their mean over the batch, which leaves 0 of one."""
        return 2 if self.uses_features else 1

    @property
    def uses_features(self) -> bool:
        """Whether there is anything to align."""
        return self.options.weight > 0 and (self.options.first_order or self.options.second_order)

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Remember the number of channels; no hooks are needed."""
        self._draws = draws
        self._channels = taps.channels("features")[0] if self.uses_features else 0
        self._phases: tuple[Tensor, Tensor] | None = None

    def set_progress(self, fraction: Fraction) -> None:
        """Draw w and b of each pair, into tensors that stay where they are."""
        if not (self.uses_features and self.options.rff):
            return
        from harness.regularizers._fixed import in_place

        scale, shift = fourier_parameters(self._draws, self._channels)
        held = self._phases or (None, None)
        self._phases = in_place(held[0], scale), in_place(held[1], shift)

    def penalty(self, features: Tensor | None) -> Tensor | None:
        """Return the penalty, in float32 whatever the precision of the network.

        Args:
            features: (2 P, C, H, W) or (2 P, L, C): all first views, then all second views.
        """
        if features is None or not self.uses_features:
            return None
        import torch

        with torch.autocast(features.device.type, enabled=False):
            first, second = self.vectors(features)
            total = first.new_zeros(()) if self.options.rff == "only" else self._align(first, second)
            if self.options.rff:
                if self._phases is None:
                    raise RuntimeError("set_progress must be called before penalty")
                total = total + self._align(fourier(first, *self._phases), fourier(second, *self._phases))
            # A sum over all pairs, but gradients are averaged over processes.
            return total * (self.options.weight * process_count())

    def vectors(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pooled features (P, C) of each view, centred by the mean of their own view over the batch."""
        import torch

        pixels = (1,) if features.dim() == 3 else (2, 3)
        first, second = features.mean(pixels, dtype=torch.float32).chunk(_VIEWS)
        means = mean_over_processes(torch.stack((first.mean(0), second.mean(0))))
        return first - means[0], second - means[1]

    def _align(self, u: Tensor, v: Tensor) -> Tensor:
        total = u.new_zeros(())
        if self.options.first_order:
            total = total + (u - v).square().mean(1).sum()
        if self.options.second_order:
            total = total + (outer(u) - outer(v)).square().mean((1, 2)).sum()
        return total


def outer(vectors: Tensor) -> Tensor:
    """Return the outer products (P, C, C) of vectors (P, C) with themselves."""
    return vectors[:, :, None] * vectors[:, None, :]


def fourier(vectors: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return the random Fourier features of vectors (P, C), as in the release of Simple-Align.

    ``z = sqrt(2) (cos m + sin m)`` with ``m = w u + b``, min-max normalized over the channels to [0, pi/2].

    Args:
        vectors: (P, C).
        scale: w, (P, 1).
        shift: b, (P, C).
    """
    phase = scale * vectors + shift
    phase = phase - phase.amin(1, keepdim=True)
    phase = phase / phase.amax(1, keepdim=True).clamp_min(_LEAST_RANGE) * (math.pi / 2)
    return math.sqrt(2) * (phase.cos() + phase.sin())


def fourier_parameters(draws: DrawsSource, channels: int) -> tuple[Tensor, Tensor]:
    """Draw w ~ N(0, 1), (P, 1), and b ~ U(0, 2 pi), (P, channels), for each pair of the current step.

    A normal number is made of two uniform ones (Box and Muller, 1958).
    """
    step = draws()
    numbers = replace(step, rows=step.rows[: len(step.rows) // _VIEWS]).uniform("simple_align/fourier", channels + 2)
    radius = (-2 * (1 - numbers[:, :1]).log()).sqrt()
    return radius * (2 * math.pi * numbers[:, 1:2]).cos(), 2 * math.pi * numbers[:, 2:]
