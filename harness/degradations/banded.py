"""Separable linear maps of images as products with banded matrices: ``rows @ image @ columns.T``.

A separable filter or an interpolation mixes only nearby pixels, so its matrix is zero outside a band, and each block
of its rows needs a few columns only. Matrix products run at the full speed of every device; this makes a 51 x 51
Gaussian cheaper than a 7 x 7 convolution.
"""

from __future__ import annotations

from collections.abc import Iterator
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


Span = tuple[int, int]
"""First and end position of a part of an axis."""


def apply_bands(images: Tensor, rows: Band, columns: Band, window: tuple[Span, Span] | None = None) -> Tensor:
    """Return ``rows @ image @ columns.T`` of every plane.

    Args:
        images: (N, C, H, W) float32.
        rows: the map of the vertical axis, H inputs.
        columns: the map of the horizontal axis, W inputs.
        window: rows and columns of the result that are wanted. There it is the same bit for bit as without, because
            blocks that are computed at all are the same products; elsewhere it may be anything.

    Returns:
        (N, C, outputs of ``rows``, outputs of ``columns``) float32.
    """
    count, channels, height, width = images.shape
    planes = images.reshape(count * channels, height, width)
    wanted_rows, wanted_columns = window or (None, None)
    middle = _multiply_rows(rows, planes, wanted_rows)
    result = _multiply_columns(middle.view(-1, width), columns, wanted_columns)
    return result.view(count, channels, len(rows.matrix), len(columns.matrix))


def _multiply_rows(band: Band, planes: Tensor, wanted: Span | None) -> Tensor:
    if len(band.blocks) == 1:
        return torch.matmul(band.matrix, planes)
    # Zeros: whatever freed memory holds could be numbers that a processor is slow with.
    make = planes.new_empty if wanted is None else planes.new_zeros
    result = make(len(planes), len(band.matrix), planes.shape[2])
    for source, target in zip(planes, result, strict=True):
        for first, end, left, right in _blocks(band, wanted):
            torch.mm(band.matrix[first:end, left:right], source[left:right], out=target[first:end])
    return result


def _multiply_columns(lines: Tensor, band: Band, wanted: Span | None) -> Tensor:
    if len(band.blocks) == 1:
        return torch.mm(lines, band.matrix.T)
    result = lines.new_empty(len(lines), len(band.matrix))
    for first, end, left, right in _blocks(band, wanted):
        torch.mm(lines[:, left:right], band.matrix[first:end, left:right].T, out=result[:, first:end])
    return result


def _blocks(band: Band, wanted: Span | None) -> Iterator[tuple[int, int, int, int]]:
    """Yield the blocks that a part of the result needs, or all of them."""
    for block in band.blocks:
        if wanted is None or (block[0] < wanted[1] and wanted[0] < block[1]):
            yield block
