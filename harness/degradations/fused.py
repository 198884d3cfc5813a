"""Pointwise parts of the degradation that a GPU does with one kernel each, and the same with torch's operations.

Both forms have equal bits: every product and sum is rounded on its own, and random numbers are
:mod:`harness.foundation.philox`'s. A CPU does them image by image instead, see ``noise`` and ``usm``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.degradations.noise import LEVELS, LUMA
from harness.degradations.poisson import BINS, alias_table
from harness.foundation import philox
from harness.foundation.kernels import by_kernel
from harness.foundation.quantiles import INTEGER, NORMAL


def edges(images: Tensor, blurred: Tensor, threshold: float) -> Tensor:
    """Return 1.0 where ``255 |images - blurred| > threshold``, else 0.0; all contiguous float32 of one shape."""
    result: Tensor = torch.ops.harness.edges(images, blurred, threshold)
    return result


def sharpened(images: Tensor, blurred: Tensor, mask: Tensor, weight: float) -> Tensor:
    """Return ``m clip(x + weight (x - b), 0, 1) + (1 - m) x``, clipped; all contiguous float32 of one shape."""
    result: Tensor = torch.ops.harness.sharpened(images, blurred, mask, weight)
    return result


def add_noise(images: Tensor, keys: Tensor, gaussian: Tensor, gray: Tensor, strength: Tensor) -> Tensor:
    """Return images with Gaussian or Poisson noise, clipped to [0, 1]; the formulas are those of ``noise``.

    Args:
        images: (N, 3, H, W) float32, contiguous.
        keys: (N, 2) int64 of :func:`harness.foundation.philox.words_of`: image j's numbers are a function of its key.
        gaussian: (N,) float32, 1 for Gaussian noise and 0 for Poisson noise.
        gray: (N,) float32, 1 where the channels share their noise.
        strength: (N,) float32, standard deviation in levels of 255, or scale of Poisson noise.
    """
    result: Tensor = torch.ops.harness.add_noise(images, keys, gaussian, gray, strength)
    return result


@torch.library.custom_op("harness::edges", mutates_args=())
def _edges(images: Tensor, blurred: Tensor, threshold: float) -> Tensor:
    out = torch.empty_like(images)

    def launch() -> None:
        from harness.degradations.fused_triton import edges

        edges(images, blurred, out, threshold)

    if images.is_cuda and by_kernel("unsharp mask", launch):
        return out
    return edges_by_torch(images, blurred, threshold)


@torch.library.custom_op("harness::sharpened", mutates_args=())
def _sharpened(images: Tensor, blurred: Tensor, mask: Tensor, weight: float) -> Tensor:
    out = torch.empty_like(images)

    def launch() -> None:
        from harness.degradations.fused_triton import sharpened

        sharpened(images, blurred, mask, out, weight)

    if images.is_cuda and by_kernel("unsharp mask", launch):
        return out
    return sharpened_by_torch(images, blurred, mask, weight)


@torch.library.custom_op("harness::add_noise", mutates_args=())
def _add_noise(images: Tensor, keys: Tensor, gaussian: Tensor, gray: Tensor, strength: Tensor) -> Tensor:
    out = torch.empty_like(images)

    def launch() -> None:
        from harness.degradations.fused_triton import add_noise

        add_noise(images, out, keys, gaussian, gray, strength)

    if images.is_cuda and by_kernel("noise", launch):
        return out
    return noise_by_torch(images, keys, gaussian, gray, strength)


@_edges.register_fake
def _(images: Tensor, blurred: Tensor, threshold: float) -> Tensor:
    return torch.empty_like(images)


@_sharpened.register_fake
def _(images: Tensor, blurred: Tensor, mask: Tensor, weight: float) -> Tensor:
    return torch.empty_like(images)


@_add_noise.register_fake
def _(images: Tensor, keys: Tensor, gaussian: Tensor, gray: Tensor, strength: Tensor) -> Tensor:
    return torch.empty_like(images)


def edges_by_torch(images: Tensor, blurred: Tensor, threshold: float) -> Tensor:
    """Compute :func:`edges`."""
    return (images - blurred).abs_().mul_(255).gt_(threshold)


def sharpened_by_torch(images: Tensor, blurred: Tensor, mask: Tensor, weight: float) -> Tensor:
    """Compute :func:`sharpened`."""
    sharp = (images - blurred).mul_(weight).add_(images).clamp_(0, 1)
    return sharp.sub_(images).mul_(mask).add_(images).clamp_(0, 1)


def noise_by_torch(images: Tensor, keys: Tensor, gaussian: Tensor, gray: Tensor, strength: Tensor) -> Tensor:
    """Compute :func:`add_noise`: both kinds of noise for all images, of which one is taken."""
    shared, normal, amount = (values.view(-1, 1, 1, 1) for values in (gray > 0, gaussian > 0, strength))
    normals, numbers = torch.empty_like(images), torch.empty_like(images, dtype=torch.int32)
    philox.by_torch(normals, keys, NORMAL)
    philox.by_torch(numbers, keys, INTEGER)
    normals, numbers = (torch.where(shared, drawn[:, :1], drawn) for drawn in (normals, numbers))
    luma = images[:, :1] * LUMA[0] + images[:, 1:2] * LUMA[1] + images[:, 2:] * LUMA[2]
    levels = (torch.where(shared, luma, images) * 255).round_().clamp_(0, 255).long()
    present = torch.zeros(len(images), LEVELS, dtype=torch.bool, device=images.device)
    present.scatter_(1, levels.flatten(1), True)
    powers = 2 ** torch.arange(8, device=images.device)
    bits = (present.sum(dim=1, keepdim=True) > powers).sum(dim=1).view(-1, 1, 1, 1)
    bins = numbers & (BINS - 1)
    entries = alias_table(images.device)[(bits * LEVELS + levels) * BINS + bins]
    counts = torch.where(numbers < (entries & -BINS), bins, entries & (BINS - 1))
    poisson = (counts.float() * torch.exp2(-bits.float()) - levels.float() * (1 / 255)) * amount
    noise = torch.where(normal, normals * (amount * (1 / 255)), poisson)
    return (images + noise).clamp_(0, 1)
