"""The second-order degradation put together from BasicSR 1.4.2's own functions, as ``RealESRNetModel.feed_data`` does.

That model cannot be used itself: it calls ``.cuda()`` and draws its parameters between its steps. Here they are
handed in, so that the same work can be timed, and its result compared. It needs ``kinds_per: batch``, because
BasicSR draws the kinds of noise, the second blur and the final order once per batch.
"""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

# isort: split
import math
import random
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from basicsr.data.degradations import (
    add_gaussian_noise_pt,
    add_poisson_noise_pt,
    circular_lowpass_kernel,
    random_mixed_kernels,
)
from basicsr.utils import DiffJPEG, USMSharp
from basicsr.utils.img_process_util import filter2D
from torch import Tensor

from harness.degradations.kernels import FAMILIES
from harness.degradations.parameters import Blur, Flags, Parameters, Stage
from harness.degradations.spec import SecondOrderSpec, StageSpec


class Reference:
    """BasicSR's components, on one device.

    Args:
        device: where they compute.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._usm = USMSharp().to(device)
        self._jpeg = DiffJPEG(differentiable=False).to(device)

    @torch.no_grad()
    def sharpen(self, hr: Tensor) -> Tensor:
        """Return the unsharp-masked images (N, 3, H, W)."""
        sharp: Tensor = self._usm(hr)
        return sharp

    @torch.no_grad()
    def steps(self, target: Tensor, parameters: Parameters, scale: int) -> Iterator[tuple[str, Tensor]]:
        """Degrade (N, 3, H, W) step by step; the same names as ``harness.degradations.second_order.steps``.

        The noise comes from torch's global generator.

        Raises:
            ValueError: the images differ in a kind that BasicSR shares within the batch.
        """
        first, second = parameters.first, parameters.second
        height, width = target.shape[-2:]
        yield "blur1", (images := _filter(target, first.blur))
        yield "resize1", (images := F.interpolate(images, scale_factor=first.factor, mode=first.mode))
        yield "noise1", (images := _add_noise(images, first))
        yield "jpeg1", (images := self._compress(images, first))

        blurred = _shared(second.blur.sizes > 1)
        yield "blur2", (images := _filter(images, second.blur) if blurred else images)
        size = (int(height / scale * second.factor), int(width / scale * second.factor))
        yield "resize2", (images := F.interpolate(images, size=size, mode=second.mode))
        yield "noise2", (images := _add_noise(images, second))

        final = (height // scale, width // scale)
        if _shared(parameters.sinc_first):
            images = F.interpolate(images, size=final, mode=parameters.mode)
            images = self._compress(_filter(images, parameters.sinc), second)
        else:
            images = self._compress(images, second)
            images = _filter(F.interpolate(images, size=final, mode=parameters.mode), parameters.sinc)
        yield "final", torch.clamp((images * 255.0).round(), 0, 255) / 255.0

    def _compress(self, images: Tensor, stage: Stage) -> Tensor:
        compressed: Tensor = self._jpeg(torch.clamp(images, 0, 1), quality=_column(images, stage.quality).flatten())
        return compressed


def draw_kernels(spec: SecondOrderSpec) -> list[np.ndarray]:
    """Return the three kernels of one image, drawn as ``RealESRGANDataset`` does, from the global generators."""
    sinc = circular_lowpass_kernel(np.random.uniform(np.pi / 3, np.pi), random.choice(range(7, 22, 2)), pad_to=21)  # noqa: NPY002
    return [_draw_kernel(spec.first), _draw_kernel(spec.second), sinc]


def _draw_kernel(stage: StageSpec) -> np.ndarray:
    size = random.choice(range(7, 22, 2))
    if random.random() < stage.sinc_probability:
        lowest = np.pi / 3 if size < 13 else np.pi / 5
        kernel = circular_lowpass_kernel(random.uniform(lowest, np.pi), size, pad_to=False)
    else:
        shares = [getattr(stage.kernels, family) for family in FAMILIES]
        ranges = (stage.sigma, stage.sigma, (-math.pi, math.pi), stage.beta_generalized, stage.beta_plateau)
        kernel = random_mixed_kernels(FAMILIES, shares, size, *ranges, noise_range=None)
    padding = (21 - size) // 2
    return np.pad(kernel, padding)


def _filter(images: Tensor, blur: Blur) -> Tensor:
    # filter2D fails on the strided output of DiffJPEG.
    filtered: Tensor = filter2D(images.contiguous(), torch.from_numpy(blur.kernels).to(images.device))
    return filtered


def _add_noise(images: Tensor, stage: Stage) -> Tensor:
    strength, gray = _column(images, stage.strength), _column(images, stage.gray)
    if _shared(stage.gaussian):
        noisy: Tensor = add_gaussian_noise_pt(images, sigma=strength, gray_noise=gray, clip=True, rounds=False)
    else:
        noisy = add_poisson_noise_pt(images, scale=strength, gray_noise=gray, clip=True, rounds=False)
    return noisy


def _column(images: Tensor, values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(images.device)


def _shared(flags: Flags) -> bool:
    if flags.any() != flags.all():
        raise ValueError("BasicSR shares this kind within a batch; draw the parameters with kinds_per: batch")
    return bool(flags[0])
