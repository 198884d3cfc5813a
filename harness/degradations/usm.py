"""The unsharp mask that makes Real-ESRGAN's ground truths (``USMSharp``: radius 50, weight 0.5, threshold 10).

BasicSR filters with a dense 51 x 51 kernel, twice. The kernel is a product of two Gaussians, so two banded matrix
products do the same; results differ only by rounding, and where rounding moves a pixel across the threshold.
"""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.degradations import fused
from harness.degradations.banded import Band, Span, apply_bands, apply_bands_into
from harness.degradations.filters import reflected_indices
from harness.degradations.strategy import strategy_of

_THREAD = threading.local()
_SIDE = 51
_SIGMA = 0.3 * ((_SIDE - 1) * 0.5 - 1) + 0.8  # OpenCV's rule for a Gaussian of this side: 8 pixels


def sharpen(images: Tensor, weight: float = 0.5, threshold: float = 10.0) -> Tensor:
    """Sharpen where an image differs from its blurred self.

    With the blur ``G``: residual ``r = x - G x``; mask ``m = G (|r| > threshold)``; result
    ``m clip(x + weight r, 0, 1) + (1 - m) x``.

    Args:
        images: (N, C, H, W) float32 in [0, 1]; not changed.
        weight: how much of the residual is added.
        threshold: in levels of 255.

    Returns:
        (N, C, H, W) float32 in [0, 1], contiguous.
    """
    bands = [_gaussian_band(length, images.device) for length in images.shape[-2:]]
    strategy = strategy_of(images.device)
    if not strategy.image_by_image:
        return _sharpen(images, weight, threshold, *bands)
    if not strategy.sharpen_lean:
        planes = images.reshape(-1, 1, 1, *images.shape[-2:])  # one plane at a time: all steps find it in the cache
        return torch.cat([_sharpen(plane, weight, threshold, *bands) for plane in planes]).view(images.shape)
    sharp = torch.empty(images.shape)
    for plane, out in zip(images.flatten(0, 1), sharp.flatten(0, 1), strict=True):
        _sharpen_plane(plane, out, weight, threshold, *bands)
    return sharp


def _sharpen(images: Tensor, weight: float, threshold: float, rows: Band, columns: Band) -> Tensor:
    blurred = apply_bands(images, rows, columns)
    if not strategy_of(images.device).image_by_image:
        soft_mask = apply_bands(fused.edges(images, blurred, threshold), rows, columns)
        return fused.sharpened(images, blurred, soft_mask, weight)
    residual = torch.sub(images, blurred, out=blurred)
    mask = residual.abs().gt_(_bound(threshold))
    soft_mask = apply_bands(mask, rows, columns)
    sharp = torch.add(images, residual, alpha=weight, out=residual).clamp_(0, 1)
    return sharp.sub_(images).mul_(soft_mask).add_(images).clamp_(0, 1)


def _sharpen_plane(plane: Tensor, out: Tensor, weight: float, threshold: float, rows: Band, columns: Band) -> None:
    """Do what :func:`_sharpen` does, bit for bit, for one plane (H, W), in memory that is in the cache."""
    middle, blurred, mask = _workspace(*plane.shape)
    apply_bands_into(blurred, plane, rows, columns, middle)
    residual = torch.sub(plane, blurred, out=blurred)
    torch.abs(residual, out=mask).gt_(_bound(threshold))
    apply_bands_into(out, mask, rows, columns, middle)
    change = torch.add(plane, residual, alpha=weight, out=residual).clamp_(0, 1).sub_(plane)
    out.mul_(change).add_(plane).clamp_(0, 1)


def _workspace(height: int, width: int) -> Tensor:
    """Return three planes of this thread's own, the same ones as long as the size is the same."""
    found: Tensor | None = getattr(_THREAD, "workspace", None)
    if found is None or found.shape[1:] != (height, width):
        found = _THREAD.workspace = torch.empty(3, height, width)
    return found


def sharpen_window(image: Tensor, window: tuple[Span, Span], weight: float = 0.5, threshold: float = 10.0) -> Tensor:
    """Return a part of what :func:`sharpen` makes of one image on a CPU, the same bit for bit, in less time.

    The window needs the mask as far as the filter reaches beyond it, and no more.

    Args:
        image: (1, 3, H, W) float32 in [0, 1], contiguous; not changed.
        window: its rows and columns.
        weight: as there.
        threshold: as there.

    Returns:
        (1, 3, rows, columns) float32 in [0, 1].
    """
    height, width = image.shape[-2:]
    bands = _gaussian_band(height, image.device), _gaussian_band(width, image.device)
    around = _around(window[0], height), _around(window[1], width)
    parts = [
        _sharpen_window(plane, window, around, weight, threshold, *bands)
        for plane in image.view(-1, 1, 1, height, width)
    ]
    return torch.cat(parts, dim=1)


def _sharpen_window(
    plane: Tensor,
    window: tuple[Span, Span],
    around: tuple[Span, Span],
    weight: float,
    threshold: float,
    rows: Band,
    columns: Band,
) -> Tensor:
    blurred = apply_bands(plane, rows, columns, around)
    near = _part(plane, around) - _part(blurred, around)
    mask = torch.zeros_like(plane)
    _part(mask, around).copy_(near.abs().gt_(_bound(threshold)))
    soft_mask = _part(apply_bands(mask, rows, columns, window), window)
    images = _part(plane, window)
    residual = images - _part(blurred, window)
    sharp = torch.add(images, residual, alpha=weight).clamp_(0, 1)
    return sharp.sub_(images).mul_(soft_mask).add_(images).clamp_(0, 1)


def _around(span: Span, length: int) -> Span:
    return max(span[0] - _SIDE // 2, 0), min(span[1] + _SIDE // 2, length)


def _part(planes: Tensor, window: tuple[Span, Span]) -> Tensor:
    (top, bottom), (left, right) = window
    return planes[..., top:bottom, left:right]


def gaussian_matrix(length: int) -> npt.NDArray[np.float32]:
    """Return the (length, length) float32 matrix of the unsharp mask's blur along one axis, reflection included."""
    radius = _SIDE // 2
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    sources = np.array(reflected_indices(length, radius))
    matrix = np.zeros((length, length))
    rows = np.arange(length)
    for tap, tap_weight in enumerate(weights):
        np.add.at(matrix, (rows, sources[rows + tap]), tap_weight)
    return matrix.astype(np.float32)


@lru_cache(maxsize=32)
def _gaussian_band(length: int, device: torch.device) -> Band:
    strategy = strategy_of(device)
    return Band.of(gaussian_matrix(length), device, strategy.sharpen_block, strategy.sharpen_lean)


@lru_cache(maxsize=8)
def _bound(levels: float) -> float:
    """Return the largest float32 whose product with 255, rounded to float32, is not above ``levels``."""
    bound, one = np.float32(levels / 255), np.float32(1)
    while bound * np.float32(255) > levels:
        bound = np.nextafter(bound, -one)
    while (larger := np.nextafter(bound, one)) * np.float32(255) <= levels:
        bound = larger
    return float(bound)
