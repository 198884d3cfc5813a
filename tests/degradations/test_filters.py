"""Both ways of filtering against BasicSR's filter2D and against a written-out sum."""

from __future__ import annotations

import harness.foundation.compat  # noqa: F401

# isort: split
from collections.abc import Callable

import numpy as np
import pytest
import torch
from basicsr.utils.img_process_util import filter2D
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from harness.degradations.filters import (
    fft_length,
    filter2d,
    filter2d_by_fft,
    filter2d_directly,
    pad_reflected,
    reflected_indices,
)

WAYS = [filter2d, filter2d_directly, filter2d_by_fft]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def _kernels(count: int, side: int) -> Tensor:
    kernels = _random(count, side, side, seed=side) - 0.2
    return kernels / kernels.sum(dim=(1, 2), keepdim=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("side", [3, 7, 13, 21])
@pytest.mark.parametrize("size", [(40, 40), (33, 57), (25, 22)])
def test_equals_basicsr(way: Callable[[Tensor, Tensor], Tensor], side: int, size: tuple[int, int]) -> None:
    images, kernels = _random(3, 3, *size), _kernels(3, side)
    torch.testing.assert_close(way(images, kernels), filter2D(images, kernels), rtol=0, atol=1e-5)


def test_a_photograph_size_stays_within_the_tolerance() -> None:
    images, kernels = _random(1, 3, 400, 400), _kernels(1, 21)
    torch.testing.assert_close(filter2d_by_fft(images, kernels), filter2D(images, kernels), rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_strided_images_are_accepted(way: Callable[[Tensor, Tensor], Tensor]) -> None:
    images, kernels = _random(2, 30, 31, 3).permute(0, 3, 1, 2), _kernels(2, 9)
    torch.testing.assert_close(way(images, kernels), filter2D(images.contiguous(), kernels), rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_kernels_larger_than_the_image(way: Callable[[Tensor, Tensor], Tensor]) -> None:
    images, kernels = _random(2, 3, 4, 9), _kernels(2, 21)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (10, 10), (10, 10)), mode="reflect")
    expected = np.zeros(images.shape)
    for row in range(21):
        for column in range(21):
            weights = kernels[:, row, column].numpy()[:, None, None, None]
            expected += weights * padded[:, :, row : row + 4, column : column + 9]
    np.testing.assert_allclose(way(images, kernels).numpy(), expected, atol=1e-5)


def test_known_empty_margins_do_not_matter() -> None:
    images, kernels = _random(2, 3, 20, 20), torch.zeros(2, 21, 21)
    kernels[:, 8:13, 8:13] = _kernels(2, 5)
    torch.testing.assert_close(filter2d(images, kernels, 5), filter2d(images, kernels), rtol=0, atol=1e-6)


def test_mismatches_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        filter2d(_random(2, 3, 9, 9), _kernels(3, 3))
    with pytest.raises(ValueError, match="do not fit"):
        filter2d(_random(2, 3, 9, 9), torch.ones(2, 4, 4))


@given(st.integers(1, 30), st.integers(0, 50))
def test_reflection_equals_numpy(length: int, border: int) -> None:
    assert reflected_indices(length, border) == np.pad(np.arange(length), border, mode="reflect").tolist()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 15))
def test_padding_equals_numpy(height: int, width: int, border: int) -> None:
    images = _random(1, 2, height, width)
    expected = np.pad(images.numpy(), ((0, 0), (0, 0), (border, border), (border, border)), mode="reflect")
    np.testing.assert_array_equal(pad_reflected(images, border).numpy(), expected)


@given(st.integers(1, 2000))
def test_fft_lengths_are_smooth(least: int) -> None:
    length = fft_length(least)
    rest = length
    for prime in (2, 3, 5, 7):
        while rest % prime == 0:
            rest //= prime
    assert rest == 1
    assert length % 4 == 0
    assert least <= length <= 1.3 * least + 4
