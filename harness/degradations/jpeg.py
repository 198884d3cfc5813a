"""JPEG compression of batches without an encoder: what BasicSR's ``DiffJPEG(differentiable=False)`` computes.

Everything between the roundings is linear: colours are a 3 x 3 matrix, the DCT of an 8 x 8 block is one row of a
(blocks, 64) x (64, 64) product. Entropy coding loses nothing, so it is left out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

_MCU = 16  # two blocks of 8, because chroma is halved

_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))

# Annex K of the standard (ITU T.81), transposed as in the reference.
_LUMA_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
).T
_CHROMA_TABLE = np.full((8, 8), 99)
_CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def compress(images: Tensor, factors: Tensor) -> Tensor:
    """Return the images as they look after JPEG compression with 4:2:0 chroma.

    As in the reference, sides are padded to multiples of 16 with zeros, and the sum of the quantized waves is not
    rounded to 8 bits.

    Args:
        images: (N, 3, H, W) float32 in [0, 1].
        factors: (N,) multiples of the quantization tables, see :func:`quality_factors`.

    Returns:
        (N, 3, H, W) float32 in [0, 1].
    """
    count, _, height, width = images.shape
    tables = _tables(images.device)
    padded = F.pad(images, (0, -width % _MCU, 0, -height % _MCU))
    rows, columns = padded.shape[-2:]
    planes = torch.matmul(tables.to_ycc, padded.view(count, 3, -1)).view(padded.shape)
    scale = factors.view(count, 1, 1)
    luma = _code(_to_blocks(planes[:, :1]).sub_(128), tables, tables.luma * scale).add_(128)
    chroma = _code(_to_blocks(_halve(planes[:, 1:])), tables, tables.chroma * scale)
    _from_blocks(luma, planes[:, :1])
    _from_blocks(chroma, planes[:, 1:])
    result = torch.matmul(tables.to_rgb, planes.view(count, 3, -1)).view(count, 3, rows, columns).clamp_(0, 1)
    return result[..., :height, :width]


def quality_factors(quality: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the multiples of the quantization tables for qualities in [1, 99] (libjpeg's rule, not rounded)."""
    return np.where(quality < 50, 50.0 / quality, 2.0 - quality / 50.0)


class _Tables:
    """Constant matrices on one device."""

    def __init__(self, device: torch.device) -> None:
        self.to_ycc = (torch.tensor(_TO_YCC) * 255).to(device)
        self.to_rgb = (torch.tensor(_TO_RGB) / 255).to(device)
        self.dct = torch.from_numpy(dct_matrix().astype(np.float32)).to(device)
        self.inverse_dct = self.dct.T.contiguous()
        self.luma, self.chroma = (
            torch.from_numpy(table.reshape(64).astype(np.float32)).to(device) for table in (_LUMA_TABLE, _CHROMA_TABLE)
        )


@lru_cache(maxsize=8)
def _tables(device: torch.device) -> _Tables:
    return _Tables(device)


def dct_matrix() -> npt.NDArray[np.float64]:
    """Return the (64, 64) matrix whose columns are the orthonormal waves of an 8 x 8 block, row by row."""
    position = np.arange(8.0)
    waves = np.cos((2 * position[:, None] + 1) * position[None, :] * np.pi / 16) / 2
    waves[:, 0] /= np.sqrt(2)
    return np.kron(waves, waves).astype(np.float64)


def _code(blocks: Tensor, tables: _Tables, steps: Tensor) -> Tensor:
    """Quantize blocks (N, B, 64) with steps (N, 1, 64) in the frequency domain."""
    waves = torch.matmul(blocks, tables.dct)
    waves.div_(steps).round_().mul_(steps)
    return torch.matmul(waves, tables.inverse_dct)


def _halve(planes: Tensor) -> Tensor:
    """Return the means of 2 x 2 pixels."""
    top, bottom = planes[..., 0::2, :], planes[..., 1::2, :]
    return (top[..., 0::2] + top[..., 1::2]).add_(bottom[..., 0::2]).add_(bottom[..., 1::2]).mul_(0.25)


def _to_blocks(planes: Tensor) -> Tensor:
    """Return (N, C, H, W) as (N, C * blocks, 64), a copy."""
    count, _, height, width = planes.shape
    blocks = planes.unflatten(3, (width // 8, 8)).unflatten(2, (height // 8, 8)).transpose(3, 4)
    return blocks.reshape(count, -1, 64)


def _from_blocks(blocks: Tensor, planes: Tensor) -> None:
    """Write blocks (N, C * blocks, 64) into (N, C, H, W); each pixel twice both ways if they are half that size."""
    count, channels, height, width = planes.shape
    repeats = 2 if blocks.numel() < planes.numel() else 1
    rows, columns = height // (8 * repeats), width // (8 * repeats)
    source = blocks.view(count, channels, rows, columns, 8, 8).transpose(3, 4)
    if repeats == 1:
        planes.unflatten(3, (columns, 8)).unflatten(2, (rows, 8)).copy_(source)
    else:
        wide = source.reshape(count, channels, rows * 8, 1, columns * 8).repeat_interleave(2, dim=4)
        planes.unflatten(2, (rows * 8, 2)).copy_(wide)
