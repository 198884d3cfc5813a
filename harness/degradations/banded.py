"""Separable linear maps of images as products with banded matrices: ``rows @ image @ columns.T``.

A separable filter or an interpolation mixes only nearby pixels, so its matrix is zero outside a band, and each block
of its rows needs a few columns only. Matrix products run at the full speed of every device; this makes a 51 x 51
Gaussian cheaper than a 7 x 7 convolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harness.degradations.strategy import strategy_of


class Block(NamedTuple):
    """Rows ``first`` to ``end`` of a banded matrix, which are zero outside columns ``left`` to ``right``.

    Attributes:
        part: these rows and columns, (end - first, right - left).
        transposed: the same transposed.
    """

    first: int
    end: int
    left: int
    right: int
    part: Tensor
    transposed: Tensor


@dataclass(frozen=True)
class Band:
    """A banded matrix.

    Attributes:
        matrix: (outputs, inputs) float32, on the device where it is applied.
        blocks: cover all non-zero elements.
    """

    matrix: Tensor
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, matrix: npt.NDArray[np.float32], device: torch.device, step: int | None, packed: bool = False) -> Band:
        """Find the band of a matrix.

        Args:
            matrix: (outputs, inputs) float32.
            device: where it is applied.
            step: rows per block; None takes the matrix whole.
            packed: copy the blocks, so that each is contiguous both ways.
        """
        there = torch.from_numpy(matrix).to(device)
        rows, columns = matrix.shape
        if step is None or step >= rows:
            return cls(there, (Block(0, rows, 0, columns, there, there.T),))
        blocks = []
        for first in range(0, rows, step):
            end = min(first + step, rows)
            used = np.flatnonzero(matrix[first:end].any(axis=0))
            left, right = int(used[0]), int(used[-1]) + 1
            part = there[first:end, left:right]
            both = (part.contiguous(), part.T.contiguous()) if packed else (part, part.T)
            blocks.append(Block(first, end, left, right, *both))
        return cls(there, tuple(blocks))


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
    if not strategy_of(planes.device).image_by_image:  # every block of all planes with one launch
        for block in _blocks(band, wanted):
            part = block.part.expand(len(planes), -1, -1)
            torch.bmm(part, planes[:, block.left : block.right], out=result[:, block.first : block.end])
        return result
    for source, target in zip(planes, result, strict=True):
        for block in _blocks(band, wanted):
            torch.mm(block.part, source[block.left : block.right], out=target[block.first : block.end])
    return result


def _multiply_columns(lines: Tensor, band: Band, wanted: Span | None) -> Tensor:
    if len(band.blocks) == 1:
        return torch.mm(lines, band.matrix.T)
    result = lines.new_empty(len(lines), len(band.matrix))
    for block in _blocks(band, wanted):
        torch.mm(lines[:, block.left : block.right], block.transposed, out=result[:, block.first : block.end])
    return result


def apply_bands_into(out: Tensor, plane: Tensor, rows: Band, columns: Band, middle: Tensor) -> Tensor:
    """Write ``rows @ plane @ columns.T`` into ``out`` and return it: :func:`apply_bands` of one plane.

    Args:
        out: (outputs of ``rows``, outputs of ``columns``) float32.
        plane: (H, W) float32.
        rows: the map of the vertical axis, H inputs.
        columns: the map of the horizontal axis, W inputs.
        middle: (outputs of ``rows``, W) float32, overwritten: memory that the processor's cache may hold already.
    """
    for block in rows.blocks:
        torch.mm(block.part, plane[block.left : block.right], out=middle[block.first : block.end])
    for block in columns.blocks:
        torch.mm(middle[:, block.left : block.right], block.transposed, out=out[:, block.first : block.end])
    return out


def _blocks(band: Band, wanted: Span | None) -> Iterator[Block]:
    """Yield the blocks that a part of the result needs, or all of them."""
    for block in band.blocks:
        if wanted is None or (block.first < wanted[1] and wanted[0] < block.end):
            yield block
