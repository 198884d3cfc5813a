"""Separable linear maps of images as products with banded matrices: ``rows @ image @ columns.T``.

A separable filter or an interpolation mixes only nearby pixels, so its matrix is zero outside a band, and each block
of its rows needs a few columns only. Matrix products run at the full speed of every device; this makes a 51 x 51
Gaussian cheaper than a 7 x 7 convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.degradations.strategy import strategy_of


@dataclass(frozen=True)
class Band:
    """A banded matrix.

    Attributes:
        matrix: (outputs, inputs) float32, on the device where it is applied.
        blocks: (first row, end row, first column, end column) of blocks that cover all non-zero elements.
    """

    matrix: Tensor
    blocks: tuple[tuple[int, int, int, int], ...]

    @classmethod
    def of(cls, matrix: Tensor, device: torch.device) -> Band:
        """Find the band of a matrix (on the host) for the block size that suits the device."""
        rows, columns = matrix.shape
        step = strategy_of(device).band_block
        if step is None or step >= rows:
            return cls(matrix.to(device), ((0, rows, 0, columns),))
        blocks = []
        for first in range(0, rows, step):
            end = min(first + step, rows)
            used = matrix[first:end].any(dim=0).nonzero()
            blocks.append((first, end, int(used[0]), int(used[-1]) + 1))
        return cls(matrix.to(device), tuple(blocks))


def apply_bands(images: Tensor, rows: Band, columns: Band) -> Tensor:
    """Return ``rows @ image @ columns.T`` of every plane.

    Args:
        images: (N, C, H, W) float32.
        rows: the map of the vertical axis, H inputs.
        columns: the map of the horizontal axis, W inputs.

    Returns:
        (N, C, outputs of ``rows``, outputs of ``columns``) float32.
    """
    count, channels, height, width = images.shape
    planes = images.reshape(count * channels, height, width)
    middle = _multiply_rows(rows, planes)
    result = _multiply_columns(middle.view(-1, width), columns)
    return result.view(count, channels, len(rows.matrix), len(columns.matrix))


def _multiply_rows(band: Band, planes: Tensor) -> Tensor:
    if len(band.blocks) == 1:
        return torch.matmul(band.matrix, planes)
    result = planes.new_empty(len(planes), len(band.matrix), planes.shape[2])
    for source, target in zip(planes, result, strict=True):
        for first, end, left, right in band.blocks:
            torch.mm(band.matrix[first:end, left:right], source[left:right], out=target[first:end])
    return result


def _multiply_columns(lines: Tensor, band: Band) -> Tensor:
    if len(band.blocks) == 1:
        return torch.mm(lines, band.matrix.T)
    result = lines.new_empty(len(lines), len(band.matrix))
    for first, end, left, right in band.blocks:
        torch.mm(lines[:, left:right], band.matrix[first:end, left:right].T, out=result[:, first:end])
    return result
