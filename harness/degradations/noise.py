"""Gaussian and Poisson noise as in BasicSR's ``add_gaussian_noise_pt`` and ``add_poisson_noise_pt``.

The formulas are separate from the random numbers, which are handed in: so they can be checked against the reference,
and every image can have its own stream.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from harness.degradations.poisson import sample_counts
from harness.degradations.strategy import strategy_of

LUMA = (0.2989, 0.587, 0.114)  # torchvision's rgb_to_grayscale, which the reference uses
LEVELS = 256

Sampler = Callable[[Tensor, Tensor], Tensor]
"""Makes counts from levels (N, C, H, W) uint8 and bits (N, 1, 1, 1): Poisson numbers of levels / 255 * 2 ** bits."""


def add_gaussian_noise(images: Tensor, normals: Tensor, sigma: Tensor) -> Tensor:
    """Return ``clip(images + normals * sigma / 255, 0, 1)``.

    Args:
        images: (N, 3, H, W) float32.
        normals: (N, 3, H, W) standard normal numbers, or (N, 1, H, W) for noise that the channels share.
        sigma: (N, 1, 1, 1) standard deviations in levels of 255.
    """
    return torch.addcmul(images, normals, sigma / 255).clamp_(0, 1)


def add_poisson_noise(images: Tensor, scale: Tensor, gray: bool | Tensor, sample: Sampler) -> Tensor:
    """Return ``clip(images + scale * (Poisson(v q) / v - q), 0, 1)``.

    ``q`` is the image (or its luma, where gray) rounded to 8-bit levels, and ``v`` the number of different levels in
    it, rounded up to a power of two.

    Args:
        images: (N, 3, H, W) float32.
        scale: (N, 1, 1, 1) strengths.
        gray: whether the channels share their noise: for all images, or (N, 1, 1, 1) booleans.
        sample: draws the counts; gray images need equal counts in their channels.
    """
    levels = _levels(images, gray)
    bits = _bits(levels)
    counts = sample(levels, bits).to(images.dtype)
    noise = counts.mul_(torch.exp2(-bits.to(images.dtype))).sub_(levels, alpha=1 / 255)
    return torch.addcmul(images, noise, scale).clamp_(0, 1)


def poisson_sampler(numbers: Tensor) -> Sampler:
    """Return the exact sampler that turns uniform numbers into counts.

    Args:
        numbers: (N, C, H, W) int32, uniform in 0..2^31 - 1.
    """
    return lambda levels, bits: sample_counts(levels, bits, numbers)


def _levels(images: Tensor, gray: bool | Tensor) -> Tensor:
    source = images
    if gray is not False:
        red, green, blue = images.split(1, dim=1)
        luma = (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])
        source = luma if gray is True else torch.where(gray, luma, images)
    return (source * 255).round_().clamp_(0, 255).to(torch.uint8)


def _bits(levels: Tensor) -> Tensor:
    """Return the smallest b with 2 ** b at least the number of different levels of each image, (N, 1, 1, 1) int32."""
    flat = levels.flatten(1)
    if strategy_of(levels.device).count_with_bincount:
        present = torch.stack([torch.bincount(image, minlength=LEVELS) for image in flat]) > 0
    else:
        present = torch.zeros(len(flat), LEVELS, dtype=torch.bool, device=flat.device)
        present.scatter_(1, flat.long(), True)
    powers = 2 ** torch.arange(8, device=levels.device)
    return (present.sum(dim=1, keepdim=True) > powers).sum(dim=1, dtype=torch.int32).view(-1, 1, 1, 1)
