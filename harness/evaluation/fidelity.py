"""PSNR and SSIM as tensor arithmetic, on the device that holds the images.

PSNR is computed from integer sums of squares and is therefore exact: the same number on every device, for every
batch size and any number of threads. SSIM is float64 throughout, image by image, with fixed orders of summation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

import torch

from harness.foundation.errors import HarnessError

WINDOW = 11
"""Side of SSIM's Gaussian window, in pixels (Wang et al. 2004, section III-C)."""

_SIGMA = 1.5
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2
_LUMA = (299, 587, 114)
_LUMA_STEP = 219 / 255_000
"""Studio-range BT.601 luma is 16 + _LUMA_STEP * (299 R + 587 G + 114 B): MATLAB's 65.481, 128.553, 24.966 over 255."""

_PIXELS_PER_PASS = {"cpu": 1 << 18, "cuda": 1 << 24}


class Reference:
    """A ground truth on the device, with what metrics need of it computed once.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        border: pixels cut off at each edge before comparing, as wide as the scale by custom.
    """

    def __init__(self, pixels: torch.Tensor, border: int) -> None:
        self.pixels = pixels
        self.border = border

    def crop(self, images: torch.Tensor) -> torch.Tensor:
        """Cut the border off ``images`` (N, H, W, 3), which must have the size of the ground truth.

        Raises:
            HarnessError: the sizes differ, or nothing is left inside the border.
        """
        height, width = self.pixels.shape[:2]
        if tuple(images.shape[1:]) != (height, width, 3):
            got = "x".join(str(side) for side in (images.shape[2], images.shape[1], *images.shape[3:]))
            raise HarnessError(f"output is {got} and ground truth {width}x{height}x3: the sizes must agree")
        if min(height, width) <= 2 * self.border:
            raise HarnessError(f"{width}x{height} pixels leave nothing inside a border of {self.border}")
        return images[:, self.border : height - self.border, self.border : width - self.border]

    @cached_property
    def inner(self) -> torch.Tensor:
        """The ground truth without its border: uint8 (h, w, 3)."""
        return self.crop(self.pixels[None])[0]

    @cached_property
    def luma_moments(self) -> Moments:
        """The SSIM statistics of the luma, one plane."""
        return Moments(luma(self.inner[None]))

    @cached_property
    def rgb_moments(self) -> Moments:
        """The SSIM statistics of the three channels, three planes."""
        return Moments(self.inner.permute(2, 0, 1).double())


Measure = Callable[[torch.Tensor, Reference | None], torch.Tensor]
"""Maps uint8 outputs (N, H, W, 3) and their ground truth to float64 (N,) on the device, without waiting for it."""


class Moments:
    """Planes (P, h, w) float64 of a ground truth with their local means and mean squares (P, h-10, w-10)."""

    def __init__(self, planes: torch.Tensor) -> None:
        if min(planes.shape[-2:]) < WINDOW:
            height, width = planes.shape[-2:]
            raise HarnessError(
                f"{width}x{height} pixels inside the border are too few for SSIM's {WINDOW}x{WINDOW} window"
            )
        self.planes = planes
        self.mean = gaussian_valid(planes)
        self.square = gaussian_valid(planes * planes)


def no_value(name: str, image: torch.Tensor) -> str:
    """Say in one line why metric ``name`` gives no number for an image, uint8 (H, W, 3)."""
    height, width = image.shape[:2]
    flat = bool((image == image[0, 0]).all())
    kind = "all pixels are the same" if flat else "it is too small or has too little texture"
    return f"{name} is not defined for this image of {width}x{height} pixels: {kind}"


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one CPU thread: small operations lose more in waiting for each other than threads gain."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def luma(images: torch.Tensor) -> torch.Tensor:
    """Return the studio-range BT.601 luma (16..235, float64, not rounded) of uint8 RGB ``images`` (..., 3)."""
    return 16.0 + _LUMA_STEP * _luma_weights(images.int()).double()


def rgb_mse(outputs: torch.Tensor, reference: Reference) -> torch.Tensor:
    """Return the mean squared error over pixels and channels of uint8 ``outputs`` (N, H, W, 3): float64 (N,)."""
    squares = []
    for image in reference.crop(outputs):
        # Exact in float64: sums of at most 255**2 stay integers below 2**53 for 10**11 pixels.
        error = (image.int() - reference.inner.int()).flatten().double()
        squares.append(torch.dot(error, error) / error.numel())
    return torch.stack(squares)


def luma_mse(outputs: torch.Tensor, reference: Reference) -> torch.Tensor:
    """Return the mean squared error of the luma of uint8 ``outputs`` (N, H, W, 3): float64 (N,).

    In units of ``_LUMA_STEP``, in which luma differences are integers; see :func:`psnr_of_luma_mse`.
    """
    squares = []
    for image in reference.crop(outputs):
        error = _luma_weights(image.int() - reference.inner.int()).long()
        squares.append((error * error).sum().double() / error.numel())
    return torch.stack(squares)


def psnr_of_mse(mse: float) -> float:
    """Return the peak signal-to-noise ratio in dB for a peak of 255; infinite for identical images."""
    return 10 * math.log10(255**2 / mse) if mse > 0 else math.inf


def psnr_of_luma_mse(mse: float) -> float:
    """Return the PSNR in dB for the result of :func:`luma_mse`."""
    return psnr_of_mse(mse * _LUMA_STEP**2)


def ssim_luma(outputs: torch.Tensor, reference: Reference) -> torch.Tensor:
    """Return the mean SSIM of the luma of uint8 ``outputs`` (N, H, W, 3): float64 (N,)."""
    images = reference.crop(outputs)
    step = _images_per_pass(images)
    return torch.cat([_ssim(luma(part)[:, None], reference.luma_moments) for part in images.split(step)])


def ssim_channels(outputs: torch.Tensor, reference: Reference) -> torch.Tensor:
    """Return the SSIM, averaged over the three channels, of uint8 ``outputs`` (N, H, W, 3): float64 (N,)."""
    images = reference.crop(outputs)
    step = _images_per_pass(images)
    return torch.cat([_ssim(part.permute(0, 3, 1, 2).double(), reference.rgb_moments) for part in images.split(step)])


def gaussian_valid(planes: torch.Tensor) -> torch.Tensor:
    """Filter (..., h, w) with SSIM's Gaussian window, keeping only full overlaps: (..., h-10, w-10).

    Separable, and a fixed sequence of additions, so that a pixel's result depends on its neighbourhood alone.
    """
    for dimension in (-1, -2):
        length = planes.shape[dimension] - WINDOW + 1
        taps = _window()
        total = planes.narrow(dimension, 0, length) * taps[0]
        for offset in range(1, WINDOW):
            total.add_(planes.narrow(dimension, offset, length), alpha=taps[offset])
        planes = total
    return planes


def _ssim(planes: torch.Tensor, truth: Moments) -> torch.Tensor:
    """Return the mean SSIM over pixels and planes (Wang et al. 2004, equation 13) of ``planes`` (N, P, h, w)."""
    mean, square, product = gaussian_valid(torch.stack([planes, planes * planes, planes * truth.planes]))
    both = mean * truth.mean
    energy = mean * mean + truth.mean * truth.mean
    structure = (2 * (product - both) + _C2) / (square + truth.square - energy + _C2)
    similarity = (2 * both + _C1) / (energy + _C1) * structure
    # Image by image: a GPU splits a sum over a batch otherwise than over one image.
    return torch.stack([image.mean(-1).mean(-1).mean(-1) for image in similarity])


def _window() -> list[float]:
    weights = [math.exp(-((tap - WINDOW // 2) ** 2) / (2 * _SIGMA**2)) for tap in range(WINDOW)]
    return [weight / math.fsum(weights) for weight in weights]


def _luma_weights(images: torch.Tensor) -> torch.Tensor:
    red, green, blue = images.unbind(-1)
    return (_LUMA[0] * red).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])


def _images_per_pass(images: torch.Tensor) -> int:
    budget = _PIXELS_PER_PASS.get(images.device.type, _PIXELS_PER_PASS["cpu"])
    return max(1, budget // (images.shape[1] * images.shape[2]))
