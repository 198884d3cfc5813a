"""The unsharp mask against BasicSR's USMSharp."""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

# isort: split
import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from basicsr.utils import USMSharp
from torch import Tensor

from harness.degradations import filters, usm
from harness.degradations.strategy import of_cpu
from harness.degradations.usm import gaussian_matrix, sharpen, sharpen_window
from harness.foundation.provenance import cpu_instructions


def _photograph(height: int, width: int, seed: int) -> Tensor:
    """8-bit images with edges, so that the mask is neither empty nor full."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2, 3, height // 8 + 1, width // 8 + 1, generator=generator)
    smooth = F.interpolate(coarse, size=(height, width), mode="bicubic")
    edges = (smooth[:, :1] > 0.5).float() * 0.3
    return (smooth * 0.6 + edges).clamp(0, 1).mul(255).round().div(255)


def test_matrix_is_opencvs_gaussian() -> None:
    kernel = cv2.getGaussianKernel(51, 0).ravel()
    np.testing.assert_allclose(gaussian_matrix(200)[100, 75:126], kernel, atol=1e-8)
    np.testing.assert_allclose(gaussian_matrix(40).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("size", [(96, 96), (61, 120), (27, 150)])
def test_equals_basicsr(size: tuple[int, int]) -> None:
    images = _photograph(*size, seed=size[0])
    expected, result = USMSharp()(images), sharpen(images)
    assert (expected - images).abs().max() > 0.02, "the mask is empty; the test shows nothing"
    _assert_equal_but_for_the_threshold(images, result, expected)


def _assert_equal_but_for_the_threshold(images: Tensor, result: Tensor, expected: Tensor) -> None:
    """Hold the results to 1e-5, except near a pixel whose residual lies on the threshold within float32 rounding.

    There either side of the mask is right. One such pixel changes the soft mask by at most 1 / (2 pi 8^2) = 0.0025,
    and the result by that times half a residual of about 10 / 255: 5e-5.
    """
    rows, columns = (torch.from_numpy(gaussian_matrix(length)).double() for length in images.shape[-2:])
    exact = images.double() - rows @ images.double() @ columns.T
    uncertain = ((exact.abs() * 255 - 10).abs() < 1e-3).float()
    touched = F.max_pool2d(uncertain, 51, stride=1, padding=25) > 0
    difference = (result - expected).abs()
    assert difference[~touched].max() <= 1e-5
    assert difference.max() <= 1e-5 + 5e-5 * uncertain.sum()


def test_pixels_on_the_threshold_may_fall_on_either_side() -> None:
    # A photograph with uncertain pixels: the exception above is exercised, and stays tiny.
    images = _photograph(200, 200, seed=3)
    expected, result = USMSharp()(images), sharpen(images)
    _assert_equal_but_for_the_threshold(images, result, expected)
    assert (result - expected).abs().max() < 1e-3


def test_images_smaller_than_the_kernel() -> None:
    images = torch.rand(1, 3, 9, 60, generator=torch.Generator().manual_seed(0))
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (25, 25), (25, 25)), mode="reflect")
    kernel = cv2.getGaussianKernel(51, 0)
    blurred = F.conv2d(
        torch.from_numpy(padded).transpose(0, 1), torch.from_numpy(kernel @ kernel.T).float()[None, None]
    )
    residual = images - blurred.transpose(0, 1)
    mask = (residual.abs() * 255 > 10).float()
    padded_mask = torch.from_numpy(np.pad(mask.numpy(), ((0, 0), (0, 0), (25, 25), (25, 25)), mode="reflect"))
    soft = F.conv2d(padded_mask.transpose(0, 1), torch.from_numpy(kernel @ kernel.T).float()[None, None]).transpose(
        0, 1
    )
    expected = soft * (images + 0.5 * residual).clamp(0, 1) + (1 - soft) * images
    torch.testing.assert_close(sharpen(images), expected, rtol=0, atol=1e-5)


def test_input_is_kept_and_flat_images_stay_flat() -> None:
    images = _photograph(40, 40, seed=0)
    before = images.clone()
    sharpen(images)
    assert torch.equal(images, before)
    flat = torch.full((1, 3, 30, 30), 0.25)
    torch.testing.assert_close(sharpen(flat), flat, rtol=0, atol=1e-6)


@pytest.mark.parametrize("window", [((0, 64), (136, 200)), ((70, 134), (30, 94)), ((136, 200), (0, 200))])
def test_a_window_is_the_same_as_in_the_whole_image(window: tuple[tuple[int, int], tuple[int, int]]) -> None:
    image = _photograph(200, 200, seed=1)[:1]
    (top, bottom), (left, right) = window
    expected = sharpen(image)[..., top:bottom, left:right]
    assert not torch.equal(expected, image[..., top:bottom, left:right]), "nothing is sharpened; the test shows nothing"
    assert torch.equal(sharpen_window(image, window), expected)


@pytest.mark.skipif(cpu_instructions() != "AMX", reason="only there is every block of a product the same")
@pytest.mark.parametrize("size", [(48, 60), (64, 100), (131, 200)])
def test_choices_for_a_cpu_change_no_bit(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    images, kernels = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)), torch.rand(2, 9, 9)
    results = []
    for instructions in ("AMX", "AVX2"):
        for module in (usm, filters):
            monkeypatch.setattr(module, "strategy_of", lambda device, name=instructions: of_cpu(name))
        usm._gaussian_band.cache_clear()
        results.append((sharpen(images), filters.filter2d(images, kernels)))
    usm._gaussian_band.cache_clear()
    assert of_cpu("AMX") != of_cpu("AVX2")
    for fast, plain in zip(*results, strict=True):
        assert torch.equal(fast, plain)


def test_threshold_is_that_of_rounded_levels() -> None:
    bound = np.float32(usm._bound(10.0))
    assert bound * np.float32(255) <= 10 < np.nextafter(bound, np.float32(1)) * np.float32(255)
