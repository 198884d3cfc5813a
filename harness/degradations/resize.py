"""Resizing as in the reference: torch's ``interpolate`` without antialiasing, in the three modes it draws from."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.degradations.banded import Band, apply_bands
from harness.degradations.strategy import strategy_of
from harness.foundation.errors import HarnessError


def resize_by(images: Tensor, factor: float, mode: str) -> Tensor:
    """Resize (N, C, H, W) by a factor; the sides are rounded down, positions follow the factor itself.

    Args:
        images: (N, C, H, W) float32.
        factor: above 0.
        mode: ``area``, ``bilinear`` or ``bicubic``.

    Raises:
        HarnessError: nothing would be left of the image.
    """
    height, width = images.shape[-2:]
    return _resize(images, (int(height * factor), int(width * factor)), mode, factor)


def resize_to(images: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Resize (N, C, H, W) to (height, width); see :func:`resize_by`."""
    return _resize(images, size, mode, None)


def _resize(images: Tensor, size: tuple[int, int], mode: str, factor: float | None) -> Tensor:
    height, width = images.shape[-2:]
    if min(size) < 1:
        raise HarnessError(
            f"training.crop: an image of {height} x {width} cannot be resized to {size[0]} x {size[1]}; "
            "use larger crops or a larger lower end of resize_range"
        )
    if (factor is None or factor == 1.0) and size == (height, width):
        return images
    if strategy_of(images.device).enlarge_by_matrix and size[0] * size[1] > height * width:
        rows = _band(height, size[0], factor, mode, images.device)
        return apply_bands(images, rows, _band(width, size[1], factor, mode, images.device))
    return interpolate(images, size, factor, mode)


def interpolate(images: Tensor, size: tuple[int, int], factor: float | None, mode: str) -> Tensor:
    """Call torch's ``interpolate`` with the size, or with the factor where one is given, as the reference does."""
    if factor is None:
        return F.interpolate(images, size=size, mode=mode)
    return F.interpolate(images, scale_factor=factor, mode=mode)


@lru_cache(maxsize=64)
def _band(inputs: int, outputs: int, factor: float | None, mode: str, device: torch.device) -> Band:
    """Return the matrix of one axis: what the interpolation makes of unit vectors, found by interpolating them."""
    units = torch.eye(inputs).view(1, inputs, inputs, 1)
    if factor is None:
        columns = F.interpolate(units, size=(outputs, 1), mode=mode)
    else:
        columns = F.interpolate(units, scale_factor=(factor, 1.0), mode=mode)
    matrix = columns.view(inputs, outputs).T.contiguous().numpy()
    return Band.of(matrix, device, strategy_of(device).band_block)
