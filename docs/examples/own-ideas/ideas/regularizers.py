"""Soft orthogonality: filters that do not repeat each other (Bansal, Chen and Wang, NeurIPS 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.regularizers import DrawsSource, OptionsModel, Regularizer

if TYPE_CHECKING:
    from torch import Tensor, nn

    from harness.regularizers import Taps


class SoftOrthogonalityOptions(OptionsModel):
    """``weight``: of the penalty."""

    weight: float = Field(default=0.01, ge=0)


class SoftOrthogonality(Regularizer):
    """Adds ``weight`` times the squared Frobenius norm of ``W W' - I``, a row per filter, of each convolution."""

    Options = SoftOrthogonalityOptions
    options: SoftOrthogonalityOptions

    def attach(self, network: nn.Module, taps: Taps, draws: DrawsSource) -> None:
        """Remember the weights of the convolutions; no hooks are needed."""
        from torch.nn import Conv2d

        self._weights = [module.weight for module in network.modules() if isinstance(module, Conv2d)]

    def penalty(self, features: Tensor | None) -> Tensor | None:
        """Return the penalty; the same in every process, so its mean is itself."""
        import torch

        total = torch.zeros((), device=self._weights[0].device)
        for weight in self._weights:
            rows = weight.flatten(1)
            total = total + (rows @ rows.T - torch.eye(len(rows), device=rows.device)).square().sum()
        return self.options.weight * total
