"""Stochastic frequency masking: some frequencies of the clean image are removed before it is degraded.

El Helou, Zhou and Suesstrunk, "Stochastic Frequency Masking to Improve Super-Resolution and Denoising Networks", ECCV
2020, arXiv 2003.07119. ``x <- D^T (m D x D^T) D`` with D the orthonormal DCT and m shared by the channels, on half of
the images; the target stays whole. m is 0 between two radii, uniform up to the diagonal of the spectrum (``mode=1`` of
the release), or at each frequency by a coin (``mode=0``, which its super-resolution calls; the mean brightness falls
with it). Clipped to [0, 1] here, because degradations begin at images.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from harness.foundation.rng import Draws
from harness.regularizers.base import OptionsModel, Regularizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class FrequencyMaskOptions(OptionsModel):
    """``share``: of the images that are masked; ``mask``: a ``ring`` of frequencies, or each by a fair coin."""

    share: float = Field(default=0.5, gt=0, le=1)
    mask: Literal["ring", "random"] = "ring"


class FrequencyMask(Regularizer):
    """Frequencies of the clean image are removed before it is degraded."""

    Options = FrequencyMaskOptions
    graph_safe = True
    roles = frozenset()
    options: FrequencyMaskOptions

    def clean(self, images: Tensor, draws: Draws) -> Tensor:
        """Return the images (B, 3, H, W) without some of their frequencies, where the coin says so."""
        height, width = images.shape[2:]
        numbers = draws.uniform("frequency_mask", 3)
        removed = self._removed(numbers[:, :2], height, width, draws)
        removed &= (numbers[:, 2] < self.options.share)[:, None, None]
        down, across = (dct_matrix(side, images.device) for side in (height, width))
        spectrum = (down @ images @ across.T).masked_fill(removed[:, None], 0)
        return (down.T @ spectrum @ across).clamp(0, 1)

    def _removed(self, radii: Tensor, height: int, width: int, draws: Draws) -> Tensor:
        """Return which frequencies are removed, boolean (B, H, W); ``radii`` (B, 2) in [0, 1) bound the rings."""
        import torch

        device = radii.device
        if self.options.mask == "random":
            coins = torch.empty(len(draws.rows), height, width, device=device)
            return draws.fill("frequency_mask/coins", coins, "uniform") > 0.5
        rows, columns = (torch.arange(n, device=device, dtype=torch.float32) for n in (height, width))
        radius = (rows[:, None].square() + columns[None].square()).sqrt()
        bounds = radii.sort(dim=1).values * (height**2 + width**2) ** 0.5
        return (radius > bounds[:, 0, None, None]) & (radius < bounds[:, 1, None, None])


@lru_cache(maxsize=8)
def dct_matrix(size: int, device: torch.device | str = "cpu") -> Tensor:
    """Return the orthonormal DCT-II as a matrix (size, size) on a device: row k is the k-th cosine."""
    import math

    import torch

    place = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * (place[None] + 0.5) * place[:, None]) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix.float().to(device)
