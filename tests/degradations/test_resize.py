"""Enlarging by matrices against torch's interpolation, and the cases around it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from harness.degradations.resize import resize_by, resize_to
from harness.foundation.errors import HarnessError

MODES = ["area", "bilinear", "bicubic"]


def _images(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(height))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("factor", [0.15, 0.487, 0.9, 1.013, 1.25, 1.5])
@pytest.mark.parametrize("size", [(100, 100), (61, 97)])
def test_resize_by_equals_interpolate(mode: str, factor: float, size: tuple[int, int]) -> None:
    images = _images(*size)
    expected = F.interpolate(images, scale_factor=factor, mode=mode)
    torch.testing.assert_close(resize_by(images, factor, mode), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(25, 25), (100, 30), (64, 64), (131, 97)])
def test_resize_to_equals_interpolate(mode: str, size: tuple[int, int]) -> None:
    images = _images(64, 64)
    torch.testing.assert_close(
        resize_to(images, size, mode), F.interpolate(images, size=size, mode=mode), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("mode", MODES)
def test_keeping_the_size_keeps_the_pixels(mode: str) -> None:
    images = _images(31, 40)
    assert resize_by(images, 1.0, mode) is images
    assert resize_to(images, (31, 40), mode) is images
    torch.testing.assert_close(images, F.interpolate(images, size=(31, 40), mode=mode), rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("factor", [1.001, 1.024])
def test_a_factor_that_leaves_the_size_is_passed_on(mode: str, factor: float) -> None:
    images = _images(31, 40)
    expected = F.interpolate(images, scale_factor=factor, mode=mode)
    assert expected.shape == images.shape
    torch.testing.assert_close(resize_by(images, factor, mode), expected, rtol=0, atol=1e-6)


def test_nothing_left_is_a_user_error() -> None:
    with pytest.raises(HarnessError, match=r"training.crop: an image of 5 x 5 cannot be resized to 0 x 0"):
        resize_by(_images(5, 5), 0.15, "area")
