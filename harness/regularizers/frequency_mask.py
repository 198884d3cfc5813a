"""Stochastic frequency masking: a ring of frequencies of the clean image is removed before it is degraded.

El Helou, Zhou and Suesstrunk, "Stochastic Frequency Masking to Improve Super-Resolution and Denoising Networks", ECCV
2020, arXiv 2003.07119. Orthonormal DCT of each channel, frequencies between two random radii set to 0, inverse; on half
of the images; the target stays whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from harness.foundation.rng import Draws
from harness.regularizers.base import OptionsModel, Regularizer

if TYPE_CHECKING:
    from torch import Tensor


class FrequencyMaskOptions(OptionsModel):
    """``share``: of the images that are masked."""

    share: float = Field(default=0.5, ge=0, le=1)


class FrequencyMask(Regularizer):
    """Two radii, uniform between 0 and the diagonal of the spectrum, bound the ring."""

    Options = FrequencyMaskOptions
    graph_safe = True
    options: FrequencyMaskOptions

    def clean(self, images: Tensor, draws: Draws) -> Tensor:
        """Return the images (B, 3, H, W) without a ring of their frequencies, where the coin says so."""
        import torch

        height, width = images.shape[2:]
        numbers = draws.uniform("frequency_mask", 3)
        rows, columns = (torch.arange(n, device=images.device, dtype=torch.float32) for n in (height, width))
        radius = (rows[:, None].square() + columns[None].square()).sqrt()
        bounds = numbers[:, :2].sort(dim=1).values * (height**2 + width**2) ** 0.5
        ring = (radius > bounds[:, 0, None, None]) & (radius < bounds[:, 1, None, None])
        removed = ring & (numbers[:, 2] < self.options.share)[:, None, None]
        down, across = dct_matrix(height).to(images.device), dct_matrix(width).to(images.device)
        spectrum = (down @ images @ across.T).masked_fill(removed[:, None], 0)
        return (down.T @ spectrum @ across).clamp(0, 1)


def dct_matrix(size: int) -> Tensor:
    """Return the orthonormal DCT-II as a matrix (size, size): row k is the k-th cosine."""
    import math

    import torch

    place = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (place[None] + 0.5) * place[:, None]) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix.float()
