"""Filters over batches of images: one kernel per image, reflected borders, directly or by FFT."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.degradations.strategy import strategy_of


def filter2d(images: Tensor, kernels: Tensor, largest: int | None = None) -> Tensor:
    """Correlate every image with its own kernel, borders reflected without repeating the edge pixel.

    The same as BasicSR's ``filter2D``, whose dense convolution this replaces; any memory layout is accepted, and the
    kernel may be larger than the image (reflection then goes back and forth).

    Args:
        images: (N, C, H, W) float32.
        kernels: (N, k, k) float32, k odd.
        largest: odd side beyond which all kernels are zero, if that is known to be less than k.

    Returns:
        (N, C, H, W) float32.

    Raises:
        ValueError: k is even, or there is not one kernel per image.
    """
    side = kernels.shape[-1]
    if side % 2 == 0 or len(kernels) != len(images):
        raise ValueError(f"kernels {tuple(kernels.shape)} do not fit images {tuple(images.shape)}")
    largest = largest or side
    if largest <= strategy_of(images.device).largest_direct_filter:
        used = slice((side - largest) // 2, (side + largest) // 2)
        return filter2d_directly(images, kernels[:, used, used])
    return filter2d_by_fft(images, kernels)


def filter2d_directly(images: Tensor, kernels: Tensor) -> Tensor:
    """Compute :func:`filter2d` as a grouped convolution; fast for small kernels.

    Convolutions on CPUs work on eight or sixteen channels at a time. So each plane is cut into as many horizontal
    strips that overlap by the kernel, and the strips are the channels.
    """
    count, channels, height, width = images.shape
    side = kernels.shape[-1]
    cuts = strategy_of(images.device).filter_strips
    rows = -(-height // cuts)
    padded = F.pad(pad_reflected(images, side // 2), (0, 0, 0, rows * cuts - height)).flatten(0, 1)
    strips = padded.unfold(1, rows + side - 1, rows).transpose(2, 3).reshape(1, -1, rows + side - 1, padded.shape[2])
    weights = kernels.repeat_interleave(channels * cuts, dim=0).unsqueeze(1)
    filtered = F.conv2d(strips, weights, groups=strips.shape[1])
    return filtered.view(count, channels, rows * cuts, width)[:, :, :height]


def filter2d_by_fft(images: Tensor, kernels: Tensor) -> Tensor:
    """Compute :func:`filter2d` by multiplication of spectra; its time does not depend on the kernel.

    Nothing needs to be padded but the reflected border: what wraps around falls on the border, which is cut off.
    """
    height, width = images.shape[-2:]
    padded = pad_reflected(images, kernels.shape[-1] // 2)
    size = (fft_length(padded.shape[-2]), fft_length(padded.shape[-1]))
    spectrum = torch.fft.rfft2(padded, s=size)
    spectrum.mul_(torch.fft.rfft2(kernels, s=size).conj_physical().unsqueeze(1))
    return torch.fft.irfft2(spectrum, s=size)[..., :height, :width]


def pad_reflected(images: Tensor, border: int) -> Tensor:
    """Pad (N, C, H, W) by ``border`` pixels on all sides, reflecting at the edge pixels as often as needed."""
    height, width = images.shape[-2:]
    if border < min(height, width):
        return F.pad(images, (border, border, border, border), mode="reflect")
    rows, columns = (_reflection(length, border, images.device) for length in (height, width))
    return images.index_select(2, rows).index_select(3, columns)


@lru_cache(maxsize=256)
def _reflection(length: int, border: int, device: torch.device) -> Tensor:
    indices = torch.tensor(reflected_indices(length, border))
    return indices if device.type == "cpu" else indices.pin_memory().to(device, non_blocking=True)


def reflected_indices(length: int, border: int) -> list[int]:
    """Return the source index of every position of an axis that is padded by reflection.

    >>> reflected_indices(3, 4)
    [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    """
    if length == 1:
        return [0] * (1 + 2 * border)
    period = 2 * (length - 1)
    return [min(i % period, period - i % period) for i in range(-border, length + border)]


@lru_cache(maxsize=4096)
def fft_length(least: int) -> int:
    """Return the smallest multiple of 4 from ``least`` on without a prime factor above 7: such transforms are fast."""
    length = -(-least // 4) * 4
    while not _is_smooth(length):
        length += 4
    return length


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1
