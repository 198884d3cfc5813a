"""Sharpness-aware minimization: descend by the gradient at the worst point nearby (Foret et al., ICLR 2021).

``e = rho g / |g|``, the step at w is that of the gradient at w + e (arXiv 2010.01412, equation 2). ``adaptive``
measures the neighbourhood relative to the weights: ``e = rho w^2 g / ||w| g|`` (ASAM, arXiv 2102.11600). Two backward
passes a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from harness.regularizers.base import DrawsSource, OptionsModel, Regularizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.networks.taps import Taps

_LEAST_NORM = 1e-12


class SamOptions(OptionsModel):
    """``rho``: radius of the neighbourhood, 0.05 in the paper, 0.5 for ``adaptive``."""

    rho: float = Field(default=0.05, gt=0)
    adaptive: bool = False


class Sam(Regularizer):
    """The gradient at ``w + e`` in the place of that at w."""

    Options = SamOptions
    graph_safe = True
    roles = frozenset()
    options: SamOptions

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Remember the weights; no hooks are needed."""
        self._weights = list(network.parameters())

    def gradients(self, backward: Callable[[], Tensor]) -> Tensor:
        """Go up, take the gradient there, and go back to the very same weights."""
        import torch

        parts = backward()
        with torch.no_grad():
            found = [(weight, weight.grad) for weight in self._weights if weight.grad is not None]
            moved = [weight for weight, _ in found]
            before = [weight.detach().clone() for weight in moved]
            sizes = [weight.abs() if self.options.adaptive else torch.ones_like(weight) for weight in moved]
            slopes = [size * gradient for size, (_, gradient) in zip(sizes, found, strict=True)]
            norm = torch.stack([slope.float().norm() for slope in slopes]).norm().clamp_min(_LEAST_NORM)
            for weight, size, slope in zip(moved, sizes, slopes, strict=True):
                weight.add_(size * slope * (self.options.rho / norm))
        backward()
        with torch.no_grad():
            for weight, old in zip(moved, before, strict=True):
                weight.copy_(old)
        return parts
